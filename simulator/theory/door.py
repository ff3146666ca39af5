"""The M/M/c/K that a door makes of an exponential queue, and what is said of a door.

So many in flight are so many places, of as many as workers Erlang's B (1917).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.core.plan import ARRIVE_POISSON, Plan
from simulator.documents import paper
from simulator.theory import claims, queues
from simulator.theory.prediction import EXACT, Prediction
from simulator.theory.stages import PaperStage, mean_services_s

LAW = "M/M/c/K (Erlang, 1917; Gross and Harris, 1998, section 2.4)"
#: Places of which figures are worked out, at most.
MOST_PLACES = 10_000


@dataclass(frozen=True)
class AtDoor:
    """What a door does in the long run."""

    most_per_s: float  #: queries that it admits, at most
    least_ratio: float  #: share that it sheds, at least
    exact_ratio: float | None  #: where theory knows it
    law: str  #: that says so

    def to_dict(self) -> paper.Door:
        """As the reference of documents lays out."""
        return {
            "most_per_s": self.most_per_s if math.isfinite(self.most_per_s) else None,
            "least_ratio": self.least_ratio,
            "exact_ratio": self.exact_ratio,
            "law": self.law,
        }


def places_of(plan: Plan, stages: Sequence[PaperStage]) -> tuple[float, int, int] | None:
    """Mean service, workers and places of the M/M/c/K that a plan is; None: it is none."""
    stage, most = stages[0], int(plan.door[0]["most"])
    if plan.arrival_kind != ARRIVE_POISSON or plan.clients:
        return None
    is_one = len(stages) == 1 and stage.shards == 1 and stage.replicas == 1 and stage.features <= claims.ADMITTED
    if not is_one or plan.door[0]["token"] > 0 or not stage.workers <= most <= MOST_PLACES:
        return None
    fixed_s = float(stage.offsets_s()[0]) + stage.merge_s()
    if not stage.is_exponential() or not stage.response().is_constant() or fixed_s + stage.response().mean() > 0:
        return None  # who is on the way is in flight, too
    return float(mean_services_s(stage)[0] * stage.machine_factor[0, 0]), stage.workers, most


def admitted(plan: Plan, stages: Sequence[PaperStage]) -> list[Prediction]:
    """Mean latency of those who are admitted, where they meet M/M/c/K."""
    places = places_of(plan, stages)
    if places is None:
        return []
    _, mean_s = queues.finite_mmc(plan.rate_per_s, *places)
    is_testable = places[0] >= claims.LEAST_SERVICE_S
    return [Prediction("mean", place, mean_s, EXACT, LAW, is_testable) for place in (0, None)]
