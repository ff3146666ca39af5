"""What a replica does with a task that is over, whether it has a queue or its tasks share its workers."""

from __future__ import annotations

from typing import Protocol

from simulator.core import copy_states, heard
from simulator.core.background import is_background
from simulator.core.plan import I8, Plan
from simulator.core.rules import ANSWER
from simulator.engines.reference.clock import At, Clock
from simulator.engines.reference.gather import Copy
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

    @property
    def model(self) -> Model:
        """The run."""

    index: int
    times: Times
    is_load_aware: bool
    stops: bool

    def answer(self, at: At) -> None:
        """An answer reaches the aggregator."""


class Server:
    """A replica, as far as all are alike."""

    def __init__(self, stage: Stage, index: int) -> None:
        self.model = stage.model
        self.stage = stage
        self.index = index

    def forget(self, copy: Copy) -> None:
        """A task is withdrawn."""
        copy.step(copy_states.WITHDRAWAL)
        copy.withdrawn_ns = now = self.model.clock.now
        if self.stage.is_load_aware:
            given = self.model.plan.stages, self.model.outstanding, self.stage.index, copy.counter, copy.load
            heard.withdrawn(*given, copy.enqueue_ns, now)

    def answer(self, copy: Copy) -> None:
        """A task is served: its answer leaves."""
        model, stage, clock = self.model, self.stage, self.model.clock
        if is_background(copy.gather.query):
            copy.step(copy_states.ENDED)
            copy.finish_ns = clock.now
            model.record.beside(self.index, clock.now, copy.service_ns)
            return
        copy.step(copy_states.FINISHED)
        copy.finish_ns = clock.now
        model.record.finish(copy, self.index)
        At(clock, clock.now + stage.times.response_ns(copy), ANSWER, copy.key(model.plan), stage.answer, copy)
