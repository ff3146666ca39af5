"""Of a stage of a plan by names: what makes it slow now and then, and how its replicas crash."""

import math
from typing import Literal

from simulator.core.failures import fails, freezes, loses
from simulator.core.laws import LawTable
from simulator.core.plan import DOWN, ROLES, UP, Plan
from simulator.core.slowdowns import Slowdown, is_slowed


class TroubleView:
    """What ``StageView`` says of it; durations in ns."""

    plan: Plan
    index: int

    @property
    def is_slowed(self) -> bool:
        """Whether something of it is slow now and then."""
        return bool(is_slowed(self.plan.stages, self.index))

    @property
    def fails(self) -> bool:
        """Whether its replicas crash now and then."""
        return bool(fails(self.plan.stages, self.index))

    @property
    def loses(self) -> bool:
        """Whether a crash may lose tasks."""
        return bool(loses(self.plan.stages, self.index))

    @property
    def freezes(self) -> bool:
        """Whether a crash loses nothing: services stop, and go on at the repair."""
        return bool(freezes(self.plan.stages, self.index))

    @property
    def lose(self) -> Literal["nothing", "running", "queued"]:
        """What a crash loses."""
        words: tuple[Literal["nothing", "running", "queued"], ...] = ("nothing", "running", "queued")
        return words[int(self.plan.stages[self.index]["lose"])]

    @property
    def detect_ns(self) -> int:
        """Until a crash, or a loss, is known."""
        return int(self.plan.stages[self.index]["detect_ns"])

    @property
    def slowdowns(self) -> list[Slowdown]:
        """What makes it slow now and then."""
        row = self.plan.stages[self.index]
        table = LawTable(self.plan.slowdown_laws, self.plan.law_parts, self.plan.law_points)
        first = int(row["first_slowdown"])
        of_row, is_own = self.plan.slowdowns[["factor", "scope", "which"]], row["home"] == row["owner"]
        return [
            Slowdown(table.law(2 * one), table.law(2 * one + 1), *of_row[one].item()[: 2 if is_own else 3])
            for one in range(first, first + int(row["slowdowns"]))
        ]

    @property
    def hold_ups(self) -> list[Slowdown]:
        """The same, and its crashes, while which nothing is served."""
        if not self.fails:
            return self.slowdowns
        table = LawTable(self.plan.laws, self.plan.law_parts, self.plan.law_points)
        up, down = (table.law(self.index * ROLES + role) for role in (UP, DOWN))
        return [*self.slowdowns, Slowdown(up, down, math.inf, int(self.plan.stages[self.index]["fail_scope"]))]

    @property
    def is_troubled(self) -> bool:
        """Whether luck says how much of the time it can serve."""
        return self.is_slowed or self.fails
