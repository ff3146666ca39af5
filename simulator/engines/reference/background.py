"""Tasks of replicas' own: each comes after a time from the one before it, until the last query has arrived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from simulator.core.background import background_of, has_background, name_of
from simulator.core.plan import Plan, Rows
from simulator.core.rules import BACKGROUND
from simulator.engines.reference.clock import At, Clock
from simulator.engines.reference.gather import Copy, Gather, Place


class Model(Protocol):
    """Of the run."""

    plan: Plan
    clock: Clock
    run_row: Rows
    copies: list[Copy] | None
    are_over: bool


class Replica(Place, Protocol):
    """Where they come."""

    def be_there(self, copy: Copy) -> None:
        """A task is there."""


class Nobody(Gather):
    """What stands in the place of a query: nobody waits for a task of a replica's own."""

    __slots__ = ()

    is_own = True


class Background:
    """What a replica does besides queries."""

    def __init__(self, model: Model, stage: int, shard: int, index: int, replica: Replica) -> None:
        plan = model.plan
        self.model, self.stage, self.shard, self.index, self.replica = model, stage, shard, index, replica
        self.luck = model.run_row, plan.laws, plan.law_parts, plan.law_points, stage, shard
        self.number = 0
        self.key = (replica.index << plan.stage_bits) | stage
        self.go_on()

    def go_on(self) -> None:
        """The next one is on its way, if it is there before all queries have arrived."""
        plan, clock = self.model.plan, self.model.clock
        self.name = int(name_of(plan.stages, self.stage, self.index, self.number))
        self.number += 1
        gap_ns, self.alone_ns = background_of(*self.luck, self.name)
        if clock.now + gap_ns <= plan.arrival_ns[-1]:
            At(clock, clock.now + gap_ns, BACKGROUND, self.key, self.come)

    def come(self, _: At) -> None:
        """A task is there; nobody has sent it, and nobody waits for it.

        While attempts are found none comes when all are over: when the last of them arrived is known only then.
        """
        model = self.model
        if model.are_over:
            return
        nobody = Nobody(model.clock, model.plan, self.stage, self.name)
        copy = Copy(nobody, self.shard, self.replica, self.alone_ns, 0.0)
        if model.copies is not None:
            model.copies.append(copy)
        self.go_on()
        self.replica.be_there(copy)


def begin_background(model: Model, stage: int, replicas: Sequence[Any]) -> None:
    """The replicas of a stage that are there have tasks of their own from now on, if it says so."""
    plan, row = model.plan, model.plan.stages[stage]
    if has_background(plan.laws, stage):
        for shard in range(row["shards"]):
            for index in range(plan.left[row["first_shard"] + shard]):
                Background(model, stage, shard, index, replicas[shard * row["replicas"] + index])
