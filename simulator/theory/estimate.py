"""What paper and pencil say of a plan: utilisation, saturation, zero-load latency, and the closed forms that hold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.core.plan import F8, RANDOM, ROUND_ROBIN, Plan
from simulator.documents import paper
from simulator.theory.closed_forms import FULL, Prediction, closed_forms
from simulator.theory.peak import Peak
from simulator.theory.stages import PaperStage, mean_services_s, stages_of
from simulator.theory.zero_load import ZeroLoad, zero_load


@dataclass(frozen=True)
class StageEstimate:
    """One stage on paper."""

    candidates: float
    service_s: F8  #: (shards,) mean service time of each
    utilisation: F8  #: (shards, replicas); 0 of one that a lost machine held
    replicas: int  #: that take tasks, over all shards

    @property
    def mean_utilisation(self) -> float:
        """Mean over the replicas that take tasks."""
        return float(self.utilisation.sum()) / self.replicas

    def to_dict(self, name: str) -> paper.StageOnPaper:
        """As the reference of documents lays out."""
        return {
            "name": name,
            "candidates": self.candidates,
            "service_s": {"mean": float(self.service_s.mean()), "max": float(self.service_s.max())},
            "utilisation": {"mean": self.mean_utilisation, "max": float(self.utilisation.max())},
        }


@dataclass(frozen=True)
class Estimate:
    """A plan on paper."""

    rate_per_s: float
    stages: tuple[StageEstimate, ...]
    bottleneck: tuple[int, int, int]  #: stage, shard, replica
    zero_load: ZeroLoad | None  #: None: unknown
    predictions: tuple[Prediction, ...]
    relaxation: float  #: relaxation time of the busiest queue, in queries
    variability: float  #: dispersion of arrivals, and squared coefficient of variation of services at the bottleneck
    peak: Peak | None = None  #: of a load that changes over time

    @property
    def utilisation(self) -> float:
        """Of the busiest replica."""
        stage, shard, replica = self.bottleneck
        return float(self.stages[stage].utilisation[shard, replica])

    @property
    def saturation_per_s(self) -> float:
        """The rate at which the busiest replica is always busy; infinite where nothing takes time."""
        return self.rate_per_s / self.utilisation if self.utilisation > 0 else math.inf

    def to_dict(self, names: Sequence[str]) -> paper.Paper:
        """As the reference of documents lays out."""
        stage, shard, replica = self.bottleneck
        changing: paper.Changing = {} if self.peak is None else {"peak": self.peak.to_dict()}
        return {
            **changing,
            "rate_per_s": self.rate_per_s,
            "bottleneck": {
                "stage": names[stage],
                "shard": shard,
                "replica": replica,
                "utilisation": self.utilisation,
            },
            "saturation_per_s": self.saturation_per_s if math.isfinite(self.saturation_per_s) else None,
            "zero_load_s": None if self.zero_load is None else self.zero_load.to_dict(),
            "stages": [stage.to_dict(name) for stage, name in zip(self.stages, names, strict=True)],
            "predictions": [prediction.to_dict(names) for prediction in self.predictions],
        }


def busiest(plan: Plan) -> float:
    """Utilisation of the busiest replica of a plan, by arithmetic."""
    return max(float(utilisation_of(stage, plan.rate_per_s).max()) for stage in stages_of(plan))


def stage_demands(plan: Plan) -> list[tuple[float, float]]:
    """Demand in each stage, which may exceed 1: of its busiest replica, and the mean over those that take tasks."""
    pairs = []
    for stage in stages_of(plan):
        each = utilisation_of(stage, plan.rate_per_s)
        pairs.append((float(each.max()), float(each.sum()) / stage.replicas_in_all))
    return pairs


def has_drawn_machines(plan: Plan) -> bool:
    """Whether machines differ from replication to replication."""
    return any(stage.has_drawn_machines() for stage in stages_of(plan))


def estimate(plan: Plan, is_stationary: bool = True) -> Estimate:
    """Work out a plan on paper; closed forms for queues only where the rate is constant (``is_stationary``)."""
    stages = stages_of(plan)
    parts = tuple(
        StageEstimate(
            stage.candidates,
            mean_services_s(stage),
            utilisation_of(stage, plan.rate_per_s),
            stage.replicas_in_all,
        )
        for stage in stages
    )
    place = _busiest_of([part.utilisation for part in parts], stages)
    utilisation = float(parts[place[0]].utilisation[place[1:]])
    variability = _variability(plan, stages[place[0]], place[1])
    return Estimate(
        rate_per_s=plan.rate_per_s,
        stages=parts,
        bottleneck=place,
        zero_load=zero_load(plan),
        predictions=tuple(closed_forms(plan, stages, utilisation) if is_stationary else []),
        relaxation=_relaxation(stages[place[0]], place[1], utilisation, variability),
        variability=variability,
    )


def relaxation(plan: Plan) -> float:
    """Relaxation time of the busiest queue, in queries: the share of ``estimate`` that says how long to warm up."""
    stages = stages_of(plan)
    utilisations = [utilisation_of(stage, plan.rate_per_s) for stage in stages]
    stage, shard, replica = _busiest_of(utilisations, stages)
    variability = _variability(plan, stages[stage], shard)
    return _relaxation(stages[stage], shard, float(utilisations[stage][shard, replica]), variability)


def _busiest_of(utilisations: list[F8], stages: list[PaperStage]) -> tuple[int, int, int]:
    """Stage, shard and replica of the busiest replica; ``utilisations`` (shards, replicas) of each stage."""
    stage = int(np.argmax([float(utilisation.max()) for utilisation in utilisations]))
    return stage, *divmod(int(utilisations[stage].argmax()), stages[stage].replicas)


def _variability(plan: Plan, stage: PaperStage, shard: int) -> float:
    """Dispersion of arrivals, and squared coefficient of variation of services at a shard."""
    moments = stage.moments_s(shard)
    service_cv2 = 1.0
    if moments is not None and moments[0] ** 2 > 0 and math.isfinite(moments[1]):
        service_cv2 = max(0.0, moments[1] / moments[0] ** 2 - 1)
    return service_cv2 + plan.arrival_dispersion


def _relaxation(stage: PaperStage, shard: int, utilisation: float, variability: float) -> float:
    if utilisation >= FULL:
        return math.inf
    queries = utilisation * variability / 2 / (1 - math.sqrt(utilisation)) ** 2
    # of replicas that do not look at the load, each sees only its part of the queries
    return queries * int(stage.replicas_left[shard]) if stage.policy in (RANDOM, ROUND_ROBIN) else queries


def utilisation_of(stage: PaperStage, rate_per_s: float) -> F8:
    """(shards, replicas) offered load of each replica over its workers; 0 of one that a lost machine held."""
    service_s = mean_services_s(stage)[:, None] * stage.machine_factor
    is_left = stage.is_left
    if stage.policy in (RANDOM, ROUND_ROBIN):
        return np.where(is_left, rate_per_s / stage.replicas_left[:, None] * service_s / stage.workers, 0.0)
    # whoever looks at the load evens it out: the replicas of a shard are about equally busy
    with np.errstate(divide="ignore"):
        each = np.where(service_s > 0, 1 / service_s, np.inf)
    speed = np.where(is_left, each, 0.0).sum(axis=1, keepdims=True) * stage.workers
    return np.where(is_left, rate_per_s / speed, 0.0)
