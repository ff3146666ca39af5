"""A replica, event by event, in both engines beside lists (``replica_machine.py``)."""

from __future__ import annotations

from conftest import drawn
from replica_machine import ReplicaMachine

TestReplica = ReplicaMachine.TestCase
TestReplica.settings = drawn(200, stateful_step_count=30)
