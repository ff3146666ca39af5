"""The walk of plans that are scaled: what is decided at an instant is read off a walk in which all earlier is known."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np
from walk import Walk

from simulator.core.plan import NEVER_NS, Plan, frozen
from simulator.core.scaling import CONCURRENCY, HPA
from simulator.core.trace import Trace


class Decider:
    """One stage: what was asked for at each instant, and what was seen of each period."""

    def __init__(self, row: Any) -> None:
        self.row = {name: int(row[name]) for name in row.dtype.names}
        self.asked = {0: self.row["begins"]}  # from when on
        self.wished = {0: self.row["begins"]}
        self.ready = [0] * self.row["begins"]
        self.seen: list[tuple[int, int, int]] = []
        self.steps = {0: self.row["begins"]}
        self.panic, self.high = None, 0

    def count(self, now: int) -> int:
        return self.steps[max(instant for instant in self.steps if instant <= now)]

    def look(self, plan: Plan, trace: Trace, begin: int) -> None:
        """What a period shows, one ns after another."""
        row, stage, table = self.row, plan.stages[self.row["stage"]], trace.task_table
        there = plan.left[int(stage["first_shard"]) :][: int(stage["shards"])].tolist()
        tasks = []
        for task in range(len(table.query)):
            if table.stage[task] != row["stage"] or table.enqueue_ns[task] < 0:
                continue
            index = int(table.replica[task] - stage["first_replica"] - table.shard[task] * stage["replicas"])
            gone = int(table.withdrawn_ns[task]) if table.withdrawn_ns[task] >= 0 else NEVER_NS
            finish, release = int(table.finish_ns[task]), int(table.release_ns[task])
            over = finish if finish >= 0 else gone
            free = over if finish < 0 else release if release >= 0 else NEVER_NS
            tasks.append((index, int(table.replica[task]), int(table.worker[task]), int(table.enqueue_ns[task])))
            tasks[-1] += (int(table.start_ns[task]), over, free)
        busy = provided = here = 0
        for now in range(begin, begin + row["every_ns"]):
            count = self.count(now)
            provided += sum(min(one, count) for one in there) * int(stage["workers"])
            mine = [task for task in tasks if task[0] < count]
            busy += len({task[1:3] for task in mine if 0 <= task[4] <= now < task[6]})
            here += sum(enqueue <= now < over for _, _, _, enqueue, _, over, _ in mine)
        self.seen.append((busy, provided, here))

    def decide(self, plan: Plan, now: int) -> None:
        row = self.row
        ready, asked = sum(instant <= now for instant in self.ready), len(self.ready)
        wish = min(max(self.wish(plan, now, ready, asked), row["least"]), row["most"])
        up = [number for when, number in self.wished.items() if when > now - row["up_ns"]]
        down = [number for when, number in self.wished.items() if when > now - row["down_ns"]]
        self.wished[now] = wish
        number = asked
        if min([wish, *up]) > number:
            number = min([wish, *up])
        if max([wish, *down]) < number:
            number = max([wish, *down])
        up_share, down_share = Fraction(row["up_share"], 10**6), Fraction(row["down_share"], 10**6)
        number = min(number, max(asked + row["up_number"], ceil(asked * (1 + up_share))))
        number = max(number, min(asked - row["down_number"], floor(asked * (1 - down_share))))
        number = min(max(number, row["least"]), row["most"])
        while len(self.ready) > number:
            self.ready.pop()
        while len(self.ready) < number:
            self.ready.append(now + row["delay_ns"])
        self.steps = {when: count for when, count in self.steps.items() if when < now}
        for when in [now, *(one for one in self.ready if one > now)]:
            self.steps[when] = sum(one <= when for one in self.ready)

    def wish(self, plan: Plan, now: int, ready: int, asked: int) -> int:
        row, target = self.row, Fraction(self.row["target"], 10**6)
        workers, every = int(plan.stages[row["stage"]]["workers"]), row["every_ns"]
        if row["rule"] not in (HPA, CONCURRENCY):
            needed = []
            for begin in range(now, now + row["delay_ns"] + every, every):
                last = int(plan.arrival_ns[-1]) // every
                some = [begin // every] if begin // every < last else [last, max(0, last - 1)]
                come = max(sum(period == instant // every for instant in plan.arrival_ns.tolist()) for period in some)
                needed.append(ceil(Fraction(come * row["demand"], 1000) / (every * workers * target)))
            return max(needed)
        last = self.seen[-row["window"] :]
        if row["rule"] == HPA:
            used = Fraction(sum(one[0] for one in last), sum(one[1] for one in last)) / target
            begin = now - row["metric_delay_ns"] - row["window"] * every
            ready = sum(one <= max(0, begin) for one in self.ready)
            tolerance = Fraction(row["tolerance"], 10**6)
            if abs(used - 1) <= tolerance and not (asked > ready and used > 1):
                return asked
            if asked > ready and used > 1:
                with_idle = used * ready / asked
                return asked if with_idle <= 1 + tolerance else max(asked, ceil(with_idle * asked))
            return ceil(used * ready)
        shards = int(plan.stages[row["stage"]]["shards"])

        def tasks(periods: int) -> int:
            some = self.seen[-periods:]
            return ceil(Fraction(sum(one[2] for one in some), len(some) * every * shards) / target)

        slow, fast = tasks(row["window"]), tasks(ceil(row["window"] / 10))
        if Fraction(fast, ready) >= 2:
            self.panic = now
        elif self.panic is not None and self.panic + row["window"] * every < now:
            self.panic, self.high = None, 0
        if self.panic is None:
            return slow
        self.high = max(self.high, slow, fast)
        return self.high


def found_steps(plan: Plan) -> Plan:
    """The plan with the steps that its autoscalers ask for."""
    deciders = [Decider(row) for row in plan.scaling]
    due = {(decider.row["every_ns"], place) for place, decider in enumerate(deciders)}
    while True:
        plan = replace(plan, provided=steps_so_far(deciders))
        now, place = min(due)
        trace = Walk(plan).trace()
        until = int(trace.arrival_ns[-1]) + plan.drain_ns
        if plan.drain_ns == NEVER_NS:
            until = max(trace.window_end_ns, int(trace.leave_ns.max()), int(trace.close_ns.max()))
        if now > until:
            return replace(plan, provided=steps_so_far(deciders, until))
        decider = deciders[place]
        begin = now - decider.row["every_ns"] - decider.row["metric_delay_ns"]
        if begin >= 0:
            decider.look(plan, trace, begin)
        if decider.seen or decider.row["rule"] not in (HPA, CONCURRENCY):
            decider.decide(plan, now)
        due = (due - {(now, place)}) | {(now + decider.row["every_ns"], place)}


def steps_so_far(deciders: list[Decider], until: int = NEVER_NS) -> Any:
    """(3, steps), without those that change nothing."""
    rows = []
    for decider in deciders:
        before = 0
        for when, count in sorted(decider.steps.items()):
            if count != before and when <= until:
                rows.append((decider.row["stage"], when, count))
                before = count
    return frozen(np.array(rows, dtype=np.int64).T)
