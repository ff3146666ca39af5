"""What is slow now and then: its stretches of time, and when what starts in or before them is done."""

from __future__ import annotations

import math
from itertools import count

from simulator.core.failures import freezes, spell
from simulator.core.plan import NEVER_NS, Plan, Rows
from simulator.core.slowdowns import left_after, stretch, takes_ns, whose


class Stretches:
    """One slowdown of one replica, machine, shard or stage: from when until when it is slow, drawn as far as asked."""

    def __init__(self, plan: Plan, run_row: Rows, one: int, place: int) -> None:
        self.factor = float(plan.slowdowns[one]["factor"])
        self.luck = run_row, plan.slowdown_laws, plan.law_parts, plan.law_points, one
        self.name = int(plan.slowdowns[one]["which"]), place
        self.numbers = count()
        self.from_ns = self.until_ns = 0

    def seen_at(self, now: int) -> tuple[float, int]:
        """The factor at an instant, not before the last that was asked for, and until when it stays."""
        while self.until_ns <= now:
            every_ns, length_ns = self.next_one()
            self.from_ns = self.until_ns + every_ns
            self.until_ns = self.from_ns + length_ns
        return (self.factor, self.until_ns) if self.from_ns <= now else (1.0, self.from_ns)

    def next_one(self) -> tuple[int, int]:
        """The next time without it, and with it behind."""
        return stretch(*self.luck, next(self.numbers), *self.name)


class Frozen(Stretches):
    """Crashes of one replica that lose nothing: nothing is served until the repair."""

    def __init__(self, plan: Plan, run_row: Rows, stage: int, shard: int, index: int) -> None:
        self.factor = math.inf
        self.whose = plan.stages, run_row, plan.laws, plan.law_parts, plan.law_points, stage, shard, index
        self.numbers = count()
        self.from_ns = self.until_ns = 0

    def next_one(self) -> tuple[int, int]:
        """The next time up, and down."""
        return spell(*self.whose, next(self.numbers))


class Timeline:
    """All slowdowns of one replica: by what factor it is slower, and until when, from the start of the run."""

    def __init__(self, plan: Plan, run_row: Rows, stage: int, replica: int) -> None:
        row = plan.stages[stage]
        shard, index = divmod(replica - int(row["first_replica"]), int(row["replicas"]))
        first = int(row["first_slowdown"])
        self.stretches = [
            Stretches(
                plan, run_row, one, int(whose(plan.stages, int(plan.slowdowns[one]["scope"]), stage, shard, index))
            )
            for one in range(first, first + int(row["slowdowns"]))
        ]
        if freezes(plan.stages, stage):
            self.stretches.append(Frozen(plan, run_row, stage, shard, index))
        self.known: list[tuple[int, float]] = []  # until when which factor, of the time that may be asked of again

    def finish_ns(self, now: int, work_ns: int) -> int:
        """When so much work is done that starts now; nothing starts before what was asked last."""
        self.known = [one for one in self.known if one[0] > now]
        left_ns, at, number = work_ns, now, 0
        while at < NEVER_NS:
            if number == len(self.known):
                self.look_on(at)
            until_ns, factor = self.known[number]
            needed_ns = int(takes_ns(left_ns, factor))
            if needed_ns <= until_ns - at:
                return at + needed_ns
            left_ns, at, number = int(left_after(left_ns, until_ns - at, factor)), until_ns, number + 1
        return NEVER_NS

    def look_on(self, now: int) -> None:
        """Add the next piece of time, that of this instant, in which the factor is the same."""
        seen = [one.seen_at(now) for one in self.stretches]
        self.known.append((min(until_ns for _, until_ns in seen), math.prod(factor for factor, _ in seen)))
