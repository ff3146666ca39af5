"""Tasks that are refused, at a queue or since they are late, and what their query makes of that."""

from __future__ import annotations

from typing import Protocol

from simulator.core import copy_states, limits
from simulator.core.classes import is_dropped
from simulator.core.heard import count_at
from simulator.core.plan import I8, Plan
from simulator.core.rules import ANSWER
from simulator.engines.reference.clock import At, Clock
from simulator.engines.reference.gather import Copy, Gather, KeenGather
from simulator.engines.reference.recorder import Recorder
from simulator.engines.reference.times import Times


class Model(Protocol):
    """Of the run."""

    plan: Plan
    clock: Clock
    record: Recorder
    outstanding: I8


class Stage(Protocol):
    """Of the stage."""

    index: int
    times: Times
    is_load_aware: bool

    def close(self, gather: Gather) -> None:
        """The query goes on."""


class Limit:
    """Of the queues of one stage."""

    def __init__(self, stage: Stage, model: Model) -> None:
        self.stage = stage
        self.model = model

    def refuses(self, copy: Copy, waiting: int, free: int, in_time_ns: int) -> bool:
        """Whether a copy that is there is refused, at a replica with so many waiting tasks and free workers.

        ``in_time_ns``: when that was last in time (``limits.is_late``).
        """
        now, given = self.model.clock.now, (self.model.plan.stages, self.stage.index)
        if not limits.is_full(*given, waiting, free) and not limits.is_late(*given, in_time_ns, now):
            return False
        self.refuse(copy)
        return True

    def drops(self, copy: Copy) -> bool:
        """Whether a copy that would start now is late; then it is refused."""
        plan, query = self.model.plan, copy.gather.query
        of_classes = plan.classes, plan.class_of, plan.arrival_ns
        if copy.gather.is_own or not is_dropped(*of_classes, query, self.model.clock.now):
            return False
        self.refuse(copy)
        return True

    def refuse(self, copy: Copy) -> None:
        """A copy is refused: word of it leaves."""
        model, stage, now = self.model, self.stage, self.model.clock.now
        copy.step(copy_states.REFUSAL)
        copy.withdrawn_ns = now
        model.record.refuse(copy.gather.query, copy.replica.index)
        told_ns = now + int(limits.refusal_ns(stage.times.response_ns(copy)))
        At(model.clock, told_ns, ANSWER, copy.key(model.plan), self.told, copy)

    def in_time(self, batch: list[Copy]) -> bool:
        """Whether one of the tasks of queries that start now has waited shortly."""
        now, given = self.model.clock.now, (self.model.plan.stages, self.stage.index)
        waited = [now - copy.enqueue_ns for copy in batch if not copy.gather.is_own]
        return any(limits.is_short(*given, one) for one in waited)

    def told(self, at: At) -> None:
        """A refusal reaches the aggregator; the stage closes if there is nothing left to wait for."""
        copy: Copy = at._value
        if self.stage.is_load_aware:
            count_at(self.model.plan.stages, self.model.outstanding, self.stage.index, copy.counter, -copy.load)
        gather = copy.gather
        assert isinstance(gather, KeenGather), "it is kept what a query waits for"
        if gather.waits_for(copy) and gather.without(copy):
            self.stage.close(gather)
