"""Copies of tasks that have no answer yet, sent by a stage: the rules stand in ``hedging`` and ``copying``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from simulator.core import hedging
from simulator.core.calling import Calls
from simulator.core.copying import NOWHERE, alone_of_copy, replica_of_copy
from simulator.core.failures import MOST_SENDINGS
from simulator.core.plan import I8, Plan, Rows
from simulator.core.routing import view_of, weighs_work
from simulator.core.rules import HEDGE, round_ns
from simulator.engines.reference.clock import At, Clock
from simulator.engines.reference.gather import Copy, KeenGather, Place
from simulator.engines.reference.recorder import Recorder
from simulator.engines.reference.scaling import Serving


class Model(Protocol):
    """Of the run, what is looked at here."""

    plan: Plan
    run_row: Rows
    clock: Clock
    calls: Calls
    record: Recorder
    outstanding: I8
    down: I8  #: (replicas,) until when each is known to be down
    serving: Serving


class Sending(Protocol):
    """Of a stage that sends a task more than once."""

    index: int
    replicas_per_shard: int

    @property
    def replicas(self) -> Sequence[Place]:
        """Those of its first shard, of the next, and so on."""

    def send(self, copy: Copy, place: int, held_ns: int = 0) -> None:
        """Send a copy of a task, behind as many others of its query, when a replica is there."""


class Stage(Sending, Protocol):
    """Of a stage that hedges."""

    @property
    def crashes(self) -> Looking | None:
        """What knows who is down."""


class Looking(Protocol):
    """What knows who is down."""

    def look(self, now: int) -> None:
        """Note it."""


def another(stage: Sending, model: Model, gather: KeenGather, one: Copy, chosen: int) -> Copy:
    """Another copy of the task that ``one`` is of, for a replica of its shard, with luck of its own."""
    plan, query, shard, number = model.plan, gather.query, one.shard, gather.sent[one.shard]
    policy = plan.stages[stage.index]["counts"]
    gather.sent[shard] += 1
    laws, costs = (plan.laws, plan.law_parts, plan.law_points), (plan.knot_items, plan.knot_ns, plan.knot_slope)
    whose = stage.index, query, shard, number
    factor = float(plan.work[min(query, len(plan.work) - 1)])
    given = plan.stages, plan.sources, model.run_row, *laws, *costs
    alone_ns = alone_of_copy(*given, *whose, one.items, factor, one.alone_ns)
    local = shard * stage.replicas_per_shard + chosen
    copy = Copy(gather, shard, stage.replicas[local], float(alone_ns), one.items, number)
    copy.counter = int(view_of(plan.stages, model.run_row, query, stage.index)) + local
    copy.load = int(round_ns(alone_ns)) if weighs_work(policy) else 1
    return copy


class Hedger:
    """Of one stage: its budget, and who is sent again."""

    def __init__(self, stage: Stage, model: Model) -> None:
        row = model.plan.stages[stage.index]
        self.stage = stage
        self.model = model
        self.budget = int(hedging.most_saved(model.plan.stages, stage.index))
        self.rounds, self.after_ns = int(row["hedges"]), int(row["hedge_ns"])
        self.is_tied = bool(hedging.is_tied(model.plan.stages, stage.index))
        self.is_free = bool(row["budget"] == hedging.FREE)
        self.seen = np.zeros(stage.replicas_per_shard, dtype=np.int64)

    def entered(self, gather: KeenGather) -> None:
        """The first tasks of a query are sent."""
        if self.is_tied:
            sent = len(gather.awaited)
            for _ in range(self.rounds):
                sent = self.send_again(gather, sent)
            return
        self.budget = int(hedging.saved(self.model.plan.stages, self.stage.index, self.budget, len(gather.shards)))
        self.wait(gather)

    def wait(self, gather: KeenGather) -> None:
        """Look again in a while who has answered."""
        clock, key = self.model.clock, (gather.query << self.model.plan.stage_bits) | self.stage.index
        At(clock, clock.now + self.after_ns, HEDGE, key, self.hedge, gather)

    def hedge(self, at: At) -> None:
        """Every shard without an answer gets a copy, and later another."""
        gather: KeenGather = at._value
        if not gather.is_open:
            return
        self.send_again(gather, 0)
        gather.rounds += 1
        if gather.rounds < self.rounds:
            self.wait(gather)

    def send_again(self, gather: KeenGather, sent: int) -> int:
        """Every shard without an answer gets a copy, in order, as long as the budget lasts.

        ``sent``: how many tasks have just been sent; returns how many then.
        """
        for shard, copies in gather.awaited.items():
            if not hedging.affords(self.model.plan.stages, self.stage.index, self.budget):
                break
            is_over = shard in gather.refused or gather.sent[shard] == MOST_SENDINGS
            chosen = NOWHERE if is_over else self.chosen(gather, shard, copies)
            if chosen != NOWHERE:
                self.send(gather, copies, chosen, sent)
                sent += 1
        return sent

    def chosen(self, gather: KeenGather, shard: int, copies: list[Copy]) -> int:
        """Index of the replica, among those of its shard, that gets a copy; NOWHERE: all have one."""
        model, stage, plan = self.model, self.stage, self.model.plan
        first = int(plan.stages[stage.index]["first_replica"]) + shard * stage.replicas_per_shard
        holding = np.array([copy.replica.index - first for copy in copies], dtype=np.int64)
        whose = stage.index, gather.query, shard, gather.sent[shard]
        if stage.crashes is not None:
            stage.crashes.look(model.clock.now)
        left = model.serving.at(stage.index, model.clock.now)
        given = left, plan.outages, model.down, model.outstanding, model.calls.fault
        run = model.calls.stages, model.run_row, *given
        index = int(replica_of_copy(*run, *whose, model.clock.now, holding, self.seen))
        model.calls.check()
        return index

    def send(self, gather: KeenGather, copies: list[Copy], chosen: int, place: int) -> None:
        """Send a copy of a task to a replica of its shard, behind so many others."""
        copy = another(self.stage, self.model, gather, copies[0], chosen)
        copies.append(copy)
        if not self.is_free:
            self.budget -= hedging.COPY
        self.model.record.hedge(gather.query, copy.replica.index)
        self.stage.send(copy, place)
