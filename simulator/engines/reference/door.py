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

    def admits(self, query: int, now: int) -> bool:
        """Whether a query that comes now is admitted."""
        self.looked += 1
        if self.decides:
            self.shed[query] = not admits(self.plan.door, self.doorway, now)
        return not (len(self.shed) and self.shed[query])

    def leave(self) -> None:
        """A query that was admitted is over."""
        self.doorway["in_flight"] -= 1
