"""What a table of tasks shows of crashes: who was down, what was lost, and when that was known."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from simulator.core import copy_states, rules
from simulator.core.columns import Columns
from simulator.core.failures import fails, known_until_ns, loses, loses_queue, spell
from simulator.core.plan import I8, Plan
from simulator.core.violations import Rows, Violation, at


class Downs:
    """When the replicas of a stage are down, drawn as far as asked."""

    def __init__(self, plan: Plan, stage: int) -> None:
        self.plan = plan
        self.stage = stage
        self.row = plan.stages[stage]
        self.spells: dict[int, tuple[list[int], list[int]]] = {}  # of a replica: crashes, and repairs

    def of(self, replica: int, now: int) -> tuple[int, int]:
        """Crash and repair of the first time down of a replica that is not over at an instant."""
        plan, row = self.plan, self.row
        crashes, repairs = self.spells.setdefault(replica, ([], []))
        shard, index = divmod(replica - int(row["first_replica"]), int(row["replicas"]))
        while not repairs or repairs[-1] <= now:
            given = plan.stages, plan.run_row(), plan.laws, plan.law_parts, plan.law_points, self.stage, shard, index
            up_ns, down_ns = spell(*given, len(crashes))
            crashes.append((repairs[-1] if repairs else 0) + int(up_ns))
            repairs.append(crashes[-1] + int(down_ns))
        first = bisect_right(repairs, now)
        return crashes[first], repairs[first]

    def is_down(self, replica: int, now: int) -> bool:
        """Whether it is down at an instant."""
        return bool(fails(self.plan.stages, self.stage)) and self.of(replica, now)[0] <= now

    def is_repaired(self, replica: int, now: int) -> bool:
        """Whether that is when it is repaired."""
        return self.is_down(replica, now - 1) and not self.is_down(replica, now)

    def crash_after(self, replica: int, now: int) -> int:
        """The first crash behind an instant."""
        crash, repair = self.of(replica, now)
        return crash if crash > now else self.of(replica, repair)[0]

    def known(self, now: int) -> I8:
        """(replicas,) until when each of the stage is known to be down."""
        down = np.zeros(self.plan.replicas, dtype=np.int64)
        if fails(self.plan.stages, self.stage):
            first, count = int(self.row["first_replica"]), int(self.row["shards"] * self.row["replicas"])
            for replica in range(first, first + count):
                down[replica] = known_until_ns(self.plan.stages, self.stage, *self.of(replica, now), now)
        return down


def known_ns(plan: Plan, tasks: Rows, stage: int) -> I8:
    """(tasks of a stage,) when it is known that each is lost; -1: it is not."""
    known = tasks.withdrawn_ns + plan.stages[stage]["detect_ns"]
    return np.where((tasks.state == copy_states.LOST) & (known <= plan.end_ns), known, -1)


def times_down(plan: Plan, down_ns: I8) -> Iterator[Violation]:
    """Of all replicas: how long each is down inside the window."""
    expected, begin, end = np.zeros(plan.replicas, dtype=np.int64), plan.window_begin_ns, plan.watched_until_ns
    for stage, row in enumerate(plan.stages):
        downs, first = Downs(plan, stage), int(row["first_replica"])
        for replica in range(first, first + int(row["shards"] * row["replicas"])):
            now = begin
            while fails(plan.stages, stage) and now < end:
                crash, repair = downs.of(replica, now)
                expected[replica] += max(0, min(repair, end) - max(crash, begin))
                now = repair
    place = {"replica": np.arange(plan.replicas)}
    yield from at("I69", down_ns != expected, place, down_ns=down_ns, expected_ns=expected)


def losses(plan: Plan, tasks: Rows, stage: int) -> Iterator[Violation]:
    """Of the tasks of a stage: nothing starts at a replica that is down, and a crash loses what it is to lose."""
    is_lost = tasks.state == copy_states.LOST
    if not fails(plan.stages, stage):
        yield from at("I65", is_lost, tasks.place, lost_ns=tasks.withdrawn_ns)
        return
    downs, count, row = Downs(plan, stage), len(tasks.query), plan.stages[stage]
    first = int(row["first_replica"])
    last = first + int(row["shards"] * row["replicas"])
    expected, is_early = np.full(count, -1), np.zeros(count, dtype=bool)
    for task in range(count):
        replica, enqueue, start = (int(of[task]) for of in (tasks.replica, tasks.enqueue_ns, tasks.start_ns))
        finish, gone = int(tasks.finish_ns[task]), int(tasks.withdrawn_ns[task])
        until = finish - 1 if finish >= 0 else gone if gone >= 0 else plan.end_ns  # a finish at a crash stands
        is_refused = tasks.state[task] == copy_states.REFUSED
        if is_refused or not first <= replica < last:  # else I24 is broken
            continue
        is_early[task] = start >= 0 and downs.is_down(replica, start)
        if not loses(plan.stages, stage):
            continue
        if enqueue < 0:
            is_there = is_lost[task] and loses_queue(plan.stages, stage) and downs.is_down(replica, gone)
            expected[task] = gone if is_there else -1
            continue
        since = enqueue if loses_queue(plan.stages, stage) else start
        if since >= 0 and (start >= 0 or since == enqueue):
            crash = downs.crash_after(replica, since)
            expected[task] = crash if crash <= until else -1
    place = {**tasks.place, "replica": tasks.replica}
    yield from at("I66", is_early, place, start_ns=tasks.start_ns)
    lost = np.where(is_lost, tasks.withdrawn_ns, -1)
    yield from at("I65", lost != expected, place, lost_ns=lost, expected_ns=expected)


def endings(plan: Plan, trace: Columns, tasks: Rows, there: NDArray[np.bool_]) -> Iterator[Violation]:
    """Those are counted that were withdrawn, refused or lost, and what was sent again; ``there``: at a replica."""
    place = {"replica": np.arange(plan.replicas)}
    is_counted = (tasks.query >= plan.first_measured) & there
    gone = (tasks.withdrawn_ns >= 0) & (tasks.start_ns < 0) & is_counted
    is_refused, is_lost = tasks.state == copy_states.REFUSED, tasks.state == copy_states.LOST
    for name, is_one in (("lost", is_lost), ("resent", (tasks.copy > 0) & (tasks.sent_by == rules.ANSWER))):
        expected = np.bincount(tasks.replica[is_one & is_counted], minlength=plan.replicas)
        counted = getattr(trace, name)
        yield from at("I68", counted != expected, place, counter=name, counted=counted, of_its_tasks=expected)
    expected = np.bincount(tasks.replica[gone & ~is_refused & ~is_lost], minlength=plan.replicas)
    yield from at("I38", trace.withdrawn != expected, place, withdrawn=trace.withdrawn, of_its_tasks=expected)
    expected = np.bincount(tasks.replica[gone & is_refused], minlength=plan.replicas)
    yield from at("I58", trace.refused != expected, place, refused=trace.refused, of_its_tasks=expected)
    copies_of = (tasks.copy > 0) & (tasks.sent_by != rules.ANSWER) & is_counted
    expected = np.bincount(tasks.replica[copies_of], minlength=plan.replicas)
    yield from at("I56", trace.hedged != expected, place, hedged=trace.hedged, of_its_tasks=expected)
