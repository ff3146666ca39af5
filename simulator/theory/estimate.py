"""What paper and pencil say of a plan: utilisation, saturation, zero-load latency, and the closed forms that hold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulator.core.admission import bounds_flight, most_out
from simulator.core.hosted import has_company
from simulator.core.plan import F8, RANDOM, ROUND_ROBIN, Plan
from simulator.documents import paper
from simulator.theory import caches
from simulator.theory.beside import busy_beside, left_beside
from simulator.theory.closed import ClosedLoad
from simulator.theory.closed_forms import FULL, closed_forms
from simulator.theory.door import AtDoor
from simulator.theory.funnel import stages_of
from simulator.theory.peak import Peak
from simulator.theory.prediction import Prediction
from simulator.theory.races import raced_shares
from simulator.theory.stages import PaperStage, busy_afters_s, busy_services_s, mean_services_s
from simulator.theory.visits import chances
from simulator.theory.withdrawn import least_by_source_s, least_utilisation
from simulator.theory.zero_load import ZeroLoad, zero_load


class Station(NamedTuple):
    """What queries queue for: a replica of a shard, or the mergers of a stage."""

    stage: int
    shard: int | None  #: None: the mergers
    replica: int | None


class SourceOnPaper(NamedTuple):
    """One of several sources of a stage."""

    candidates: float  #: mean number given to it
    demand: tuple[float, float]  #: mean over its replicas that take tasks, and of the busiest


@dataclass(frozen=True)
class StageEstimate:
    """One stage on paper."""

    own: F8 | None  #: (shards, replicas) of its own tasks alone, where it shares replicas; None: it does not

    candidates: float
    service_s: F8  #: (shards,) mean service time of each
    utilisation: F8  #: (shards, replicas); 0 of one that a lost machine held
    replicas: int  #: that take tasks, over all shards
    after_s: float | None  #: mean time that a worker stays taken when answers have gone; None: it does not
    mergers: int  #: 0: merging is a mere delay
    merge_s: float
    merger_demand: float  #: work of the mergers over what they can do; 0 where merging is a mere delay
    cache: paper.Cache | None = None  #: ahead of it
    sources: tuple[SourceOnPaper, ...] = ()  #: of which it has several

    @property
    def mean_utilisation(self) -> float:
        """Mean over the replicas that take tasks."""
        return float(self.utilisation.sum()) / self.replicas

    def to_dict(self, name: str) -> paper.StageOnPaper:
        """As the reference of documents lays out."""
        merging: paper.Merging = {} if self.after_s is None else {"after_answer_s": self.after_s}
        if self.mergers:
            merging |= {"mergers": {"count": self.mergers, "service_s": self.merge_s, "demand": self.merger_demand}}
        if self.cache is not None:
            merging |= {"cache": self.cache}
        if self.own is not None:
            merging |= {"own_demand": {"mean": float(self.own.sum()) / self.replicas, "max": float(self.own.max())}}
        return {
            **merging,
            "name": name,
            "candidates": self.candidates,
            "service_s": {"mean": float(self.service_s.mean()), "max": float(self.service_s.max())},
            "demand": {"mean": self.mean_utilisation, "max": float(self.utilisation.max())},
        }


@dataclass(frozen=True)
class Estimate:
    """A plan on paper."""

    rate_per_s: float
    stages: tuple[StageEstimate, ...]
    bottleneck: Station
    zero_load: ZeroLoad | None  #: None: unknown
    predictions: tuple[Prediction, ...]
    relaxation: float  #: relaxation time of the busiest queue, in queries
    variability: float  #: dispersion of arrivals, and squared coefficient of variation of services at the bottleneck
    peak: Peak | None = None  #: of a load that changes over time
    clients: ClosedLoad | None = None  #: who wait: the rate is the most that they are answered, or seen
    door: AtDoor | None = None  #: at which some are shed

    @property
    def utilisation(self) -> float:
        """Of the busiest station, by arithmetic: demand, which may exceed 1."""
        stage, shard, replica = self.bottleneck
        if shard is None:
            return self.stages[stage].merger_demand
        return float(self.stages[stage].utilisation[shard, replica])

    @property
    def saturation_per_s(self) -> float:
        """The rate at which the busiest station is always busy; infinite where nothing takes time."""
        return self.rate_per_s / self.utilisation if self.utilisation > 0 else math.inf

    def besides(self) -> paper.Changing:
        """What is said of a load that changes over time, whose clients wait, or that is shed in part."""
        changing: paper.Changing = {} if self.peak is None else {"peak": self.peak.to_dict()}
        changing |= {} if self.clients is None else {"clients": self.clients.to_dict()}
        return changing if self.door is None else {**changing, "admission": self.door.to_dict()}

    def to_dict(self, names: Sequence[str]) -> paper.Paper:
        """As the reference of documents lays out."""
        stage, shard, replica = self.bottleneck
        return {
            **self.besides(),
            "rate_per_s": self.rate_per_s,
            "bottleneck": {
                "stage": names[stage],
                "station": "mergers" if shard is None else "replica",
                "shard": shard,
                "replica": replica,
                "demand": self.utilisation,
            },
            "saturation_per_s": self.saturation_per_s if math.isfinite(self.saturation_per_s) else None,
            "zero_load_s": None if self.zero_load is None else self.zero_load.to_dict(),
            "stages": [stage.to_dict(name) for stage, name in zip(self.stages, names, strict=True)],
            "predictions": [prediction.to_dict(names) for prediction in self.predictions],
        }


def busiest(plan: Plan) -> float:
    """Utilisation of the busiest station of a plan, replica or mergers, by arithmetic: demand, which may exceed 1."""
    stages = stages_of(plan)
    return _demand_at(stages, plan.rate_per_s, busiest_station(stages, plan.rate_per_s))


def merger_demands(plan: Plan) -> list[float]:
    """Demand on the mergers of each stage, which may exceed 1, if nobody refuses; 0 where merging is a mere delay."""
    return [stage.merger_demand(plan.rate_per_s) for stage in stages_of(plan)]


def stage_demands(plan: Plan) -> list[tuple[float, float]]:
    """Demand in each stage, which may exceed 1: of its busiest replica, and the mean over those that take tasks."""
    pairs = []
    for stage in stages_of(plan):
        each = utilisation_of(stage, plan.rate_per_s)
        pairs.append((float(each.max()), float(each.sum()) / stage.replicas_in_all))
    return pairs


def source_demands(plan: Plan, stage: int) -> list[tuple[float, float]]:
    """Of each source of a stage that has several, mean demand over its replicas that take tasks, and of the busiest.

    Where tasks are withdrawn that nobody needs, of the answers that the other sources cannot give: at least.
    """
    view, first, found = stages_of(plan)[stage], 0, []
    if view.fleets and view.cancels and view.waits_for_some:
        pairs = zip(view.fleets, least_by_source_s(view), strict=True)
        least = [plan.rate_per_s * own / (fleet.replicas_in_all * view.workers) for fleet, own in pairs]
        return [(one, one) for one in least]
    each = utilisation_of(view, plan.rate_per_s)
    for fleet in view.fleets:
        own = each[first : first + fleet.shards]
        found.append((float(own.sum()) / fleet.replicas_in_all, float(own.max())))
        first += fleet.shards
    return found


def shard_services_s(plan: Plan, stage: int) -> list[float]:
    """(shards,) mean service time of each shard of a stage, at factor 1."""
    return [float(service_s) for service_s in mean_services_s(stages_of(plan)[stage])]


def busy_in_all(stage: PaperStage, rate_per_s: float) -> float:
    """Part of the workers' time that tasks of queries and of replicas' own take together, mean over replicas."""
    used = np.minimum(1.0, utilisation_of(stage, rate_per_s) * left_beside(stage) + busy_beside(stage))
    return float(used[stage.is_left].mean()) * stage.part_used


def own_demands(plan: Plan) -> list[tuple[float, float] | None]:
    """Of each stage that shares replicas with another, demand of its own tasks alone: at most, and mean; else None."""
    pairs: list[tuple[float, float] | None] = []
    for stage in stages_of(plan):
        each = own_utilisation_of(stage, plan.rate_per_s) if has_company(plan.stages, stage.index) else None
        pairs.append(None if each is None else (float(each.max()), float(each.sum()) / stage.replicas_in_all))
    return pairs


def has_drawn_machines(plan: Plan) -> bool:
    """Whether machines differ from replication to replication, or who is visited most: both are drawn in each."""
    return any(stage.has_drawn_machines() or stage.is_keyed for stage in stages_of(plan))


def estimate(plan: Plan, is_stationary: bool = True) -> Estimate:
    """Work out a plan on paper; closed forms for queues only where the rate is constant (``is_stationary``)."""
    stages = stages_of(plan)
    parts = tuple(
        StageEstimate(
            own_utilisation_of(stage, plan.rate_per_s) if has_company(plan.stages, stage.index) else None,
            stage.candidates,
            mean_services_s(stage),
            utilisation_of(stage, plan.rate_per_s),
            stage.replicas_in_all,
            stage.after().mean() if stage.stays_taken else None,
            stage.mergers,
            stage.merge_s(),
            stage.merger_demand(plan.rate_per_s),
            caches.on_paper(stage),
            tuple(
                SourceOnPaper(fleet.candidates, demand)
                for fleet, demand in zip(stage.fleets, source_demands(plan, stage.index), strict=True)
            ),
        )
        for stage in stages
    )
    place = busiest_station(stages, plan.rate_per_s)
    utilisation = _demand_at(stages, plan.rate_per_s, place)
    variability = variability_of(plan, stages[place.stage], place.shard)
    return Estimate(
        rate_per_s=plan.rate_per_s,
        stages=parts,
        bottleneck=place,
        zero_load=zero_load(plan),
        predictions=tuple(closed_forms(plan, stages, utilisation) if is_stationary else []),
        relaxation=_relaxation(stages[place.stage], place.shard, utilisation, variability),
        variability=variability,
    )


def relaxation(plan: Plan) -> float:
    """Relaxation time of the busiest queue, in queries: the share of ``estimate`` that says how long to warm up."""
    stages = stages_of(plan)
    place = busiest_station(stages, plan.rate_per_s)
    variability = variability_of(plan, stages[place.stage], place.shard)
    return _relaxation(stages[place.stage], place.shard, _demand_at(stages, plan.rate_per_s, place), variability)


def busiest_station(stages: Sequence[PaperStage], rate_per_s: float) -> Station:
    """The station that saturates first; of several, the first: mergers come after the replicas of their stage."""
    most, found = -1.0, Station(0, 0, 0)
    for stage in stages:
        demands = utilisation_of(stage, rate_per_s)
        if float(demands.max()) > most:
            most, found = float(demands.max()), Station(stage.index, *divmod(int(demands.argmax()), stage.replicas))
        if stage.merger_demand(rate_per_s) > most:
            most, found = stage.merger_demand(rate_per_s), Station(stage.index, None, None)
    return found


def _demand_at(stages: Sequence[PaperStage], rate_per_s: float, place: Station) -> float:
    stage, shard, replica = place
    if shard is None:
        return stages[stage].merger_demand(rate_per_s)
    return float(utilisation_of(stages[stage], rate_per_s)[shard, replica])


def variability_of(plan: Plan, stage: PaperStage, shard: int | None) -> float:
    """Dispersion of arrivals, and squared coefficient of variation of the time that a task takes a worker at a shard.

    Of stages that share replicas, that of any of their tasks. Merges take one time.
    """
    if shard is None:
        return plan.arrival_dispersion
    together = company(stage)
    each = [one.taken_moments_s(shard) for one in together]
    weights = [float(chances(one)[shard]) for one in together]
    service_cv2, known = 1.0, [moments for moments in each if moments is not None]
    if len(known) == len(each) and sum(weights) > 0:
        first, second = (
            math.fsum(weight * one[power] for weight, one in zip(weights, known, strict=True)) / sum(weights)
            for power in (0, 1)
        )
        if first**2 > 0 and math.isfinite(second):
            service_cv2 = max(0.0, second / first**2 - 1)
    return service_cv2 + plan.arrival_dispersion


def _relaxation(stage: PaperStage, shard: int | None, utilisation: float, variability: float) -> float:
    if stage.plan.clients and not len(stage.plan.open_ns):
        return float(stage.plan.clients)  # no more can be ahead of anybody
    if bounds_flight(stage.plan):
        return float(stage.plan.door[0]["most"])
    if most_out(stage.plan) > 0:
        return float(most_out(stage.plan))
    if utilisation >= FULL:
        return math.inf
    queries = utilisation * variability / 2 / (1 - math.sqrt(utilisation)) ** 2
    if shard is None:
        return queries
    # a shard sees only the queries that visit it, and of replicas that do not look at the load each only its part
    part = float(chances(stage)[shard])
    queries = queries / part if part > 0 else 0.0
    return queries * int(stage.replicas_left[shard]) if stage.policy in (RANDOM, ROUND_ROBIN) else queries


def company(stage: PaperStage) -> list[PaperStage]:
    """The stages whose tasks run at the replicas of a stage, in order: itself, and those with which it shares them."""
    if not has_company(stage.plan.stages, stage.index):
        return [stage]
    return [one for one in stages_of(stage.plan) if one.owner == stage.owner]


def utilisation_of(stage: PaperStage, rate_per_s: float, lasts_s: float = math.inf) -> F8:
    """(shards, replicas) offered load of each replica over its workers, of all stages whose tasks run there.

    0 of one that a lost machine held. See ``own_utilisation_of``.
    """
    first, *others = company(stage)
    found = own_utilisation_of(first, rate_per_s, lasts_s)
    for other in others:
        found = found + own_utilisation_of(other, rate_per_s, lasts_s)
    return found


def own_utilisation_of(stage: PaperStage, rate_per_s: float, lasts_s: float = math.inf) -> F8:
    """(shards, replicas) load that one stage offers each replica over its workers; 0 of one that a lost machine held.

    A task takes its worker for its service, and for what follows its answer. What replicas do besides leaves so much
    less of their workers to queries: demand is of what is left, so it grows with the rate alone.

    Where tasks are served in batches it is that of full ones: the least that the load takes. Where tasks are withdrawn
    that nobody needs, it is the least that queries take whose answers are all there that are waited for, on average.
    Copies of tasks are left out; where the longer of several tasks is stopped or overtaken, the shortest are taken.
    ``lasts_s``: in a run so long; what comes too seldom for it, slow stretches, crashes, tasks of its own, is left out.
    """
    if stage.cancels and stage.waits_for_some:
        return least_utilisation(stage, rate_per_s, lasts_s)
    is_left, after_s, left = stage.is_left, busy_afters_s(stage), left_beside(stage, lasts_s)
    rates_per_s = rate_per_s * chances(stage)[:, None]
    alone_s = (busy_services_s(stage, lasts_s) * raced_shares(stage))[:, None]
    service_s = (alone_s * stage.machine_factor + after_s[:, None]) / left
    is_even = stage.cancels and stage.sends_copies  # what waits too long is served elsewhere
    if stage.policy in (RANDOM, ROUND_ROBIN) and not is_even:
        return np.where(is_left, rates_per_s / stage.replicas_left[:, None] * service_s / stage.workers, 0.0)
    # whoever looks at the load evens it out: the replicas of a shard are about equally busy
    with np.errstate(divide="ignore"):
        each = np.where(service_s > 0, 1 / service_s, np.inf)
    speed = np.where(is_left, each, 0.0).sum(axis=1, keepdims=True) * stage.workers
    return np.where(is_left, rates_per_s / speed, 0.0)
