"""Replicas that crash and are repaired, and tasks that are lost: the rules stand in ``failures``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Protocol

import numpy as np
from simpy import Process

from simulator.core import copy_states
from simulator.core.copying import replica_of_lost
from simulator.core.failures import MOST_SENDINGS, known_until_ns, loses, loses_queue, spell
from simulator.core.heard import count_at
from simulator.core.plan import NEVER_NS, Plan, Rows
from simulator.core.rules import ANSWER, CRASH, START
from simulator.engines.reference.clock import At, Callback
from simulator.engines.reference.gather import Copy, Gather, KeenGather
from simulator.engines.reference.hedge import Model, Sending, another
from simulator.engines.reference.queue import Queue
from simulator.engines.reference.server import Server
from simulator.engines.reference.server import Stage as Serving


class Stage(Sending, Protocol):
    """Of the stage."""

    is_load_aware: bool

    def close(self, gather: Gather) -> None:
        """The query goes on."""


class Spells:
    """When one replica is down, drawn as far as asked; nobody asks of what is before the last that was asked for."""

    def __init__(self, plan: Plan, run_row: Rows, stage: int, replica: int) -> None:
        row = plan.stages[stage]
        shard, index = divmod(replica - int(row["first_replica"]), int(row["replicas"]))
        self.luck = plan.stages, run_row, plan.laws, plan.law_parts, plan.law_points, stage, shard, index
        self.numbers = count()
        self.crash_ns = self.repair_ns = 0

    def look(self, now: int) -> None:
        """From now on ``crash_ns`` and ``repair_ns`` are of the first time down that is not over."""
        while self.repair_ns <= now:
            up_ns, down_ns = spell(*self.luck, next(self.numbers))
            self.crash_ns = self.repair_ns + int(up_ns)
            self.repair_ns = self.crash_ns + int(down_ns)

    def down_until(self, now: int) -> int:
        """When it will be repaired, if it is down; else now."""
        self.look(now)
        return self.repair_ns if self.crash_ns <= now else now

    def next_crash(self, now: int) -> int:
        """When it crashes next."""
        self.look(now)
        return self.crash_ns


class Crashes:
    """Of one stage: who is down, what is lost, and sent again."""

    def __init__(self, stage: Stage, model: Model) -> None:
        plan, row = model.plan, model.plan.stages[stage.index]
        first = int(row["first_replica"])
        self.stage = stage
        self.model = model
        self.first = first
        places = range(first, first + int(row["shards"]) * stage.replicas_per_shard)
        self.spells = [Spells(plan, model.run_row, stage.index, place) for place in places]
        self.loses = bool(loses(plan.stages, stage.index))
        self.loses_queue = bool(loses_queue(plan.stages, stage.index))
        self.detect_ns = int(row["detect_ns"])
        self.there, self.seen = np.zeros((2, stage.replicas_per_shard), dtype=np.int64)

    def look(self, now: int) -> None:
        """Note who is known to be down, and until when."""
        plan, stage = self.model.plan, self.stage.index
        for place, spells in enumerate(self.spells):
            spells.look(now)
            until_ns = known_until_ns(plan.stages, stage, spells.crash_ns, spells.repair_ns, now)
            self.model.down[self.first + place] = until_ns

    def lose(self, copy: Copy, busy_ns: int) -> None:
        """A task is lost, when its replica was busy with it for so long; whoever sent it knows that later."""
        model = self.model
        copy.step(copy_states.CRASH)
        copy.withdrawn_ns = now = model.clock.now
        model.record.lose(copy.gather.query, copy.replica.index, busy_ns)
        At(model.clock, now + self.detect_ns, ANSWER, copy.key(model.plan), self.told, copy)

    def told(self, at: At) -> None:
        """It is known that a task is lost: it is sent again, if its answer is needed and no other is under way."""
        copy: Copy = at._value
        model, stage, gather = self.model, self.stage, copy.gather
        if stage.is_load_aware:
            count_at(model.plan.stages, model.outstanding, stage.index, copy.counter, -copy.load)
        assert isinstance(gather, KeenGather), "it is kept what a query waits for"
        if not gather.waits_for(copy):
            return
        copies = gather.awaited[copy.shard]
        if len(copies) > 1:
            copies.remove(copy)
        elif gather.sent[copy.shard] == MOST_SENDINGS:
            if gather.without(copy):
                stage.close(gather)
        else:
            copies.remove(copy)
            self.send_again(gather, copies, copy)

    def send_again(self, gather: KeenGather, copies: list[Copy], lost: Copy) -> None:
        """Send a lost task to a replica of its shard that is there, or will be first."""
        model, stage, plan, now = self.model, self.stage, self.model.plan, self.model.clock.now
        whose = stage.index, gather.query, lost.shard, gather.sent[lost.shard]
        self.look(now)
        left = model.serving.at(stage.index, now)
        given = model.calls.stages, model.run_row, left, plan.outages, model.down, model.outstanding
        chosen, leaves_ns = replica_of_lost(*given, model.calls.fault, *whose, now, self.there, self.seen)
        model.calls.check()
        copy = another(stage, model, gather, lost, int(chosen))
        copies.append(copy)
        model.record.resend(gather.query, copy.replica.index)
        stage.send(copy, 0, int(leaves_ns) - now)


class Crashing(Serving, Protocol):
    """Of a stage whose replicas may crash."""

    crashes: Crashes | None


class Mortal(Server):
    """A replica that may crash, and what it then does with its tasks."""

    stage: Crashing
    queue: Queue[Copy]
    serving: Sequence[Sequence[Copy]]
    workers: Sequence[Process]
    start: Callback
    timer_ns: int

    def __init__(self, stage: Crashing, index: int) -> None:
        super().__init__(stage, index)
        self.crashes, first = stage.crashes, int(stage.model.plan.stages[stage.index]["first_replica"])
        self.spells = None if stage.crashes is None else stage.crashes.spells[index - first]
        self.armed_ns = self.wakes_ns = -1  # when it crashes, and is repaired, if that is to be looked at; -1: not

    def is_down(self) -> bool:
        """Whether it has crashed, and is not repaired."""
        return self.spells is not None and self.spells.down_until(self.model.clock.now) > self.model.clock.now

    def loses(self, copy: Copy) -> bool:
        """Whether a task is lost that comes now."""
        assert self.crashes is not None, "only what may crash loses tasks"
        if not self.crashes.loses_queue or not self.is_down():
            return False
        self.crashes.lose(copy, 0)
        return True

    def joined(self) -> None:
        """A task waits."""
        assert self.crashes is not None, "only what may crash loses tasks"
        if self.crashes.loses_queue:
            self.arm()

    def begun(self) -> None:
        """A task runs."""
        assert self.crashes is not None, "only what may crash loses tasks"
        if self.crashes.loses:
            self.arm()

    def arm(self) -> None:
        """There is something that the next crash loses."""
        assert self.spells is not None, "only what may crash is armed"
        crash_ns = self.spells.next_crash(self.model.clock.now)
        if crash_ns != self.armed_ns and crash_ns < NEVER_NS:
            self.armed_ns = crash_ns
            At(self.model.clock, crash_ns, CRASH, self.index, self.crash)

    def crash(self, _: At) -> None:
        """What runs is lost, and what waits, too, if the stage says so."""
        assert self.crashes is not None, "only what may crash does"
        for batch, worker in zip(self.serving, self.workers, strict=True):
            if any(copy.state == copy_states.RUNNING for copy in batch):
                worker.interrupt()
        if self.crashes.loses_queue:
            for copy in self.queue.clear():
                self.crashes.lose(copy, 0)

    def lose(self, copy: Copy) -> None:
        """A task that ran is lost."""
        assert self.crashes is not None, "only what may crash loses tasks"
        self.crashes.lose(copy, copy.busy_ns)

    def sleeps(self) -> bool:
        """Whether it is down, and starts nothing: it looks again at its repair."""
        assert self.spells is not None, "only what may crash is down"
        now = self.model.clock.now
        until_ns = self.spells.down_until(now)
        if until_ns > now and until_ns not in (self.wakes_ns, self.timer_ns):
            self.wakes_ns = until_ns
            At(self.model.clock, until_ns, START, self.index, self.start)
        return until_ns > now
