"""The door: who is admitted, and who is shed; the rules stand in ``admission``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulator.core.admission import DOORWAY, admits, has_door, may_shed
from simulator.core.columns import ADMITTED, BY_DOOR
from simulator.core.plan import Plan


class Door:
    """Of one run: who is in flight, what the bucket holds, and who was shed."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        is_found = len(plan.shed) == 0 and may_shed(plan)
        self.decides = is_found and has_door(plan)  # else the plan says who is shed
        self.before: Callable[[int, int], int] | None = None  # its client, who may shed it
        self.shed = np.zeros(plan.queries, dtype=np.int8) if is_found else plan.shed
        self.doorway = np.zeros(1, dtype=DOORWAY)
        self.looked = 0  # at so many queries
        self.under_way: dict[int, int] = {}  # who was admitted and is not over: when its client gives up

    def admits(self, query: int, now: int, patience_ns: int) -> bool:
        """Whether a query that comes now is admitted; ``patience_ns``: for how long it is of use."""
        self.looked += 1
        for one, until_ns in list(self.under_way.items()):  # in the order of arrival
            if until_ns <= now:
                self.leave(one)
            elif not self.plan.drops:
                break
        if self.before is not None:
            self.shed[query] = self.before(query, now)
        if self.decides and self.shed[query] == ADMITTED and not admits(self.plan.door, self.doorway, now):
            self.shed[query] = BY_DOOR
        if len(self.shed) and self.shed[query] != ADMITTED:
            return False
        self.under_way[query] = now + patience_ns
        return True

    def leave(self, query: int) -> None:
        """A query that was admitted is over, if it was not before."""
        if self.under_way.pop(query, None) is not None:
            self.doorway["in_flight"] -= 1
