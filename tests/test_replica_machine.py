"""A replica, event by event, in both engines beside lists (``replica_machine.py``)."""

from __future__ import annotations

from hypothesis import settings
from replica_machine import ReplicaMachine

TestReplica = ReplicaMachine.TestCase
TestReplica.settings = settings(max_examples=100, stateful_step_count=30)
