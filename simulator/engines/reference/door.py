"""The door: who is admitted, and who is shed; the rules stand in ``admission``."""

from __future__ import annotations

import numpy as np

from simulator.core.admission import DOORWAY, admits, has_door
from simulator.core.plan import Plan


class Door:
    """Of one run: who is in flight, what the bucket holds, and who was shed."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.decides = has_door(plan) and len(plan.shed) == 0  # else the plan says who is shed
        self.shed = np.zeros(plan.queries, dtype=np.int8) if self.decides else plan.shed
        self.doorway = np.zeros(1, dtype=DOORWAY)
        self.looked = 0  # at so many queries
        self.under_way: dict[int, int] = {}  # who was admitted and is not over: when its client gives up

    def admits(self, query: int, now: int) -> bool:
        """Whether a query that comes now is admitted."""
        self.looked += 1
        for one, until_ns in list(self.under_way.items()):  # in the order of arrival
            if until_ns > now:
                break
            self.leave(one)
        if self.decides:
            self.shed[query] = not admits(self.plan.door, self.doorway, now)
        if len(self.shed) and self.shed[query]:
            return False
        self.under_way[query] = now + self.plan.patience_ns
        return True

    def leave(self, query: int) -> None:
        """A query that was admitted is over, if it was not before."""
        if self.under_way.pop(query, None) is not None:
            self.doorway["in_flight"] -= 1
