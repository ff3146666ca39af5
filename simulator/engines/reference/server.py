"""What a replica does with a task that is over, whether it has a queue or its tasks share its workers."""

from __future__ import annotations

from typing import Protocol

from simulator.core import copy_states, heard
from simulator.core.plan import I8, Plan
from simulator.core.rules import ANSWER
from simulator.engines.reference.clock import At, Clock
from simulator.engines.reference.gather import Copy
from simulator.engines.reference.machine import Machines
from simulator.engines.reference.recorder import Recorder
from simulator.engines.reference.times import Times


class Model(Protocol):
    """Of the run."""

    plan: Plan
    clock: Clock
    record: Recorder
    outstanding: I8
    machines: Machines


class Refusing(Protocol):
    """Of queues that may be full."""

    def refuses(self, copy: Copy, waiting: int, free: int, in_time_ns: int) -> bool:
        """Whether a copy that is there is refused."""

    def drops(self, copy: Copy) -> bool:
        """Whether a copy that would start now is late, and is refused."""

    def in_time(self, batch: list[Copy]) -> bool:
        """Whether one of those that start has waited shortly."""


class Stage(Protocol):
    """Of the stage."""

    @property
    def model(self) -> Model:
        """The run."""

    index: int
    times: Times
    is_load_aware: bool
    is_keen: bool
    stops: bool

    @property
    def limit(self) -> Refusing | None:
        """What refuses its tasks."""

    def answer(self, at: At) -> None:
        """An answer reaches the aggregator."""


class Server:
    """A replica, as far as all are alike."""

    def __init__(self, stage: Stage, index: int) -> None:
        self.model = stage.model
        self.stage = stage
        self.index = index
        self.seat = index  #: where its tasks are served: by itself, but of a guest

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
        if copy.gather.is_own:
            copy.step(copy_states.ENDED)
            copy.finish_ns = clock.now
            model.record.beside(self.index, clock.now, copy.service_ns)
            return
        copy.step(copy_states.FINISHED)
        copy.finish_ns = clock.now
        model.record.finish(copy, self.index)
        At(clock, clock.now + stage.times.response_ns(copy), ANSWER, copy.key(model.plan), stage.answer, copy)


class Host(Protocol):
    """The replica at which a guest's tasks are served."""

    index: int

    def enqueue(self, at: At) -> None:
        """A copy is there."""

    def withdraw(self, at: At) -> None:
        """Nobody needs a copy any more."""

    def leave(self, copy: Copy) -> None:
        """A copy that has not started never does."""


class Seat(Server):
    """Where the tasks of a stage that runs on another are counted: they are served by that one's replica."""

    def __init__(self, stage: Stage, index: int, host: Host) -> None:
        super().__init__(stage, index)
        self.seat = host.index
        self.enqueue, self.withdraw, self.leave = host.enqueue, host.withdraw, host.leave
