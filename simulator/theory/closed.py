"""Closed exponential queues: clients go through some and come back, and theory knows all of it.

Machine repair (Feller, 1957) is M/M/c//N; mean value analysis is Reiser and Lavenberg's (1980), and what a query meets
that arrives is Sevcik and Mitrani's (1981): the system without its client.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.core.laws import Law, LawTable
from simulator.core.plan import F8, Plan
from simulator.documents import paper
from simulator.theory import claims
from simulator.theory.prediction import EXACT, Prediction
from simulator.theory.queues import bisect
from simulator.theory.stages import PaperStage, mean_services_s
from simulator.theory.zero_load import PERCENTS

REPAIR = "M/M/c//N, machine repair (Feller, 1957; Sevcik and Mitrani, 1981)"
TANDEM = "mean value analysis of a tandem (Reiser and Lavenberg, 1980)"
#: Clients of whom exact figures are worked out, at most.
MOST = 10_000


@dataclass(frozen=True)
class ClosedLoad:
    """Clients that wait."""

    clients: int
    think_s: float  #: mean
    most_per_s: float  #: queries that they can be answered, at most
    enough: float | None  #: clients that may keep the bottleneck always busy; None: it is not known
    exact_per_s: float | None  #: queries that are answered, where theory knows it

    def to_dict(self) -> paper.ClosedLoad:
        """As the reference of documents lays out."""
        return {
            "count": self.clients,
            "think_s": self.think_s,
            "most_per_s": self.most_per_s,
            "saturating": self.enough,
            "exact_per_s": self.exact_per_s,
        }


def think_of(plan: Plan) -> Law:
    """How long a client thinks, in seconds."""
    return LawTable(plan.think_law, plan.law_parts, plan.law_points).law(0).scaled(1e-9)


def of_clients(plan: Plan, stages: Sequence[PaperStage]) -> list[Prediction]:
    """Of exponential queues that clients go through and come back to: whatever the law by which they think."""
    if plan.clients > MOST or not all(_is_plain(stage) for stage in stages):
        return []
    services_s = [float(mean_services_s(stage)[0] * stage.machine_factor[0, 0]) for stage in stages]
    fixed_s = [float(stage.offsets_s()[0]) + stage.response().mean() + stage.merge_s() for stage in stages]
    delay_s = think_of(plan).mean() + math.fsum(fixed_s)
    is_testable = min(services_s) >= claims.LEAST_SERVICE_S
    if len(stages) == 1:
        queue = Repair(plan.clients, delay_s, services_s[0], stages[0].workers)
        values = {"mean": queue.sojourn_s, **{f"p{percent:g}": queue.quantile_s(percent / 100) for percent in PERCENTS}}
        return [
            Prediction(name, place, fixed_s[0] + value_s, EXACT, REPAIR, is_testable)
            for place in (0, None)
            for name, value_s in values.items()
        ]
    if any(stage.workers > 1 for stage in stages):
        return []
    each = np.array(mean_value_analysis(plan.clients, delay_s, services_s)) + np.array(fixed_s)
    whole = [Prediction("mean", None, float(each.sum()), EXACT, TANDEM, is_testable)]
    of_stages = [Prediction("mean", place, float(one), EXACT, TANDEM, is_testable) for place, one in enumerate(each)]
    return [*whole, *of_stages]


def _is_plain(stage: PaperStage) -> bool:
    """Whether a stage is one exponential first-come-first-served queue between constant delays."""
    is_one = stage.shards == 1 and stage.replicas == 1 and stage.features <= claims.CLOSED
    return is_one and stage.is_exponential() and stage.response().is_constant()


class Repair:
    """N clients think, mean Z, then wait for one of c exponential servers, mean S.

    With n there, clients come at a rate of (N - n) / Z, and go at min(n, c) / S. Who comes meets n of the others in
    proportion to the chance of n in a system without it.

    Parameters
    ----------
    clients, workers
        N and c.
    delay_s, service_s
        Z, which holds all constant delays, too, and S.
    """

    def __init__(self, clients: int, delay_s: float, service_s: float, workers: int) -> None:
        self.service_s, self.workers = service_s, workers
        there = np.arange(clients + 1)
        busy = float((_chances(clients, delay_s / service_s, workers) * np.minimum(there, workers)).sum())
        self.per_s = busy / service_s
        self.sojourn_s = clients / self.per_s - delay_s
        self.met: F8 = _chances(clients - 1, delay_s / service_s, workers)

    def later(self, than_s: float) -> float:
        """The chance that a query takes longer: it waits for all before it but one a worker, and is served."""
        from scipy.special import gammainc, gammaincc

        x, rate = than_s / self.service_s, float(self.workers)
        waits = self.met[self.workers :]  # by 1, 2, ... phases of a worker of them all
        phases = np.arange(1, len(waits) + 1, dtype=np.float64)
        if rate == 1.0:
            each = gammaincc(phases + 1, x)
        else:
            with np.errstate(divide="ignore"):
                during = np.log(gammainc(phases, (rate - 1) * x))
            each = gammaincc(phases, rate * x) + np.exp(during - x + phases * math.log(rate / (rate - 1)))
        return float(self.met[: self.workers].sum()) * math.exp(-x) + float((waits * each).sum())

    def quantile_s(self, p: float) -> float:
        """The least time that a part ``p`` of queries takes at most."""
        return bisect(lambda x: 1 - self.later(x), p, self.service_s)


def _chances(clients: int, delay: float, workers: int) -> F8:
    """(clients + 1,) of so many being there; ``delay``: in service times."""
    there = np.arange(1, clients + 1)
    steps = np.log(clients - there + 1) - math.log(delay) - np.log(np.minimum(there, workers))
    logs = np.append(0.0, np.cumsum(steps))
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def mean_value_analysis(clients: int, delay_s: float, services_s: Sequence[float]) -> list[float]:
    """Mean time of a query at each of several single servers, as clients are added one by one."""
    service = np.array(services_s)
    waiting = np.zeros(len(service))
    each = service
    for count in range(1, clients + 1):
        each = service * (1 + waiting)
        waiting = count / (delay_s + each.sum()) * each
    return [float(one) for one in each]
