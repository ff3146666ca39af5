"""Queues on which intervals are tried: many seeds of each, by Lindley's recursion over draws of numpy.

Their percentiles are exact: of M/G/1 by the formula of Pollaczek and Khinchine, whose transform is inverted on a grid;
of M/M/c by that of Erlang.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from simulator.core.jit import kernel
from simulator.core.laws import Law
from simulator.core.plan import F8
from simulator.planner.plans import make_plan
from simulator.scenario import scenario_from_dict
from simulator.theory.funnel import stages_of
from simulator.theory.queues import MD1, mg1_mean_wait, mmc_quantile
from simulator.verification.families import scenario, stage

#: Services of mean 1 s.
EXPONENTIAL = {"kind": "exponential", "mean": "1s"}
CONSTANT = {"kind": "constant", "value": "1s"}
#: An interval should cover from LEAST to MOST of the seeds, but for luck at this level.
NOMINAL, LEAST, MOST, LUCK = 0.95, 0.93, 0.97, 0.01
#: Misses on one side for each on the other, at most, where there are so many in all.
UNEVEN, ENOUGH_MISSES = 3.0, 12
#: Points of the grid, and its step in mean services: it ends at 8,000 of them.
POINTS, STEP = 2**21, 2.0**-8


@dataclass(frozen=True)
class Queue:
    """Services of mean 1 s at one server, or at several, all of which a query needs; each has some workers."""

    name: str
    law: Mapping[str, Any]
    utilisation: float
    servers: int = 1
    workers: int = 1
    is_printed: bool = True  #: whether the sample can say its mean
    known_s: Mapping[float, float] | None = None  #: percentiles that have no formula, by a long run

    @property
    def rate_per_s(self) -> float:
        """Arrivals."""
        return self.utilisation * self.workers

    @cached_property
    def plan(self) -> Any:
        """Of a scenario that says so."""
        one = stage("one", dict(self.law), shards=self.servers, workers=self.workers)
        return make_plan(scenario_from_dict({**scenario(self.rate_per_s, one), "run": {"queries": 2}}))

    @cached_property
    def services(self) -> Law:
        """Their law, in seconds."""
        one = stages_of(self.plan)[0]
        return one.spread().scaled(one.alone_s(0))

    @property
    def exact_s(self) -> float:
        """Mean latency: Pollaczek and Khinchine; of two servers, exponential (Flatto and Hahn, 1984)."""
        law = self.services
        wait_s = mg1_mean_wait(self.utilisation, law.mean(), law.second_moment())
        both = (12 - self.utilisation) / 8 if self.servers == 2 else 1.0
        return (law.mean() + wait_s) * both

    def percentiles_s(self, parts: Sequence[float]) -> list[float]:
        """Percentiles of latency, at these parts of 1."""
        if self.known_s is not None:
            return [self.known_s[p] for p in parts]
        if self.services.is_constant():
            wait = MD1(self.utilisation)
            return [1.0 + wait.wait_quantile(p) for p in parts]
        if self.law == EXPONENTIAL:
            return [mmc_quantile(self.rate_per_s, 1.0, self.workers, p) for p in parts]
        return mg1_percentiles_s(self.services, self.utilisation, parts)

    def latencies_s(self, seed: int, replications: int, queries: int) -> F8:
        """(replications, queries) latencies after a warm-up of a quarter."""
        draw = np.random.default_rng(seed)
        found = np.empty((replications, queries))
        warmup = queries // 4
        for replication in range(replications):
            gaps = draw.exponential(1 / self.rate_per_s, warmup + queries)
            latency = np.zeros(warmup + queries)
            for _ in range(self.servers):
                services = self.services.quantiles(draw.random(warmup + queries))
                slower(gaps, services, np.zeros(self.workers), latency)
            found[replication] = latency[warmup:]
        return found


@kernel
def slower(gaps: F8, services: F8, left: F8, latency: F8) -> None:
    """Lindley's recursion at one server: ``latency`` (n,) becomes the greater of itself and that, in seconds.

    ``left``: (workers,) what each has still to do; that of Kiefer and Wolfowitz where there are several.
    """
    for query in range(gaps.shape[0]):
        least = 0
        for worker in range(left.shape[0]):
            left[worker] = max(0.0, left[worker] - gaps[query])
            if left[worker] < left[least]:
                least = worker
        left[least] += services[query]
        latency[query] = max(latency[query], left[least])


def mg1_percentiles_s(services: Law, utilisation: float, parts: Sequence[float]) -> list[float]:
    """Percentiles of latency in M/G/1 with services of mean 1 s, at these parts of 1; within STEP / 10, about.

    A wait is a sum of residual services, as many as a geometric law says: its transform is
    (1 - u) / (1 - u R), R that of a residual service (Pollaczek, 1930; Khinchine, 1932). Latency is wait and service.
    """
    x: F8 = np.arange(POINTS + 1, dtype=np.float64) * STEP
    later = 1 - services.cdf(x)
    residual = _on_grid((later[1:] + later[:-1]) / 2 * STEP)
    service = _on_grid(later[:-1] - later[1:])
    residual /= residual.sum()
    of_residual, of_service = (np.fft.rfft(one, 2 * POINTS) for one in (residual, service))
    at = np.fft.irfft((1 - utilisation) / (1 - utilisation * of_residual) * of_service)[:POINTS]
    reached = np.cumsum(at) - at / 2  # what is at a point lies on both sides of it
    return [float(np.interp(p, reached, x[:-1])) for p in parts]


def _on_grid(cells: F8) -> F8:
    """What lies between two points, half at each."""
    points = cells / 2
    points[1:] += cells[:-1] / 2
    return points


def lognormal(cv: float) -> dict[str, Any]:
    """Of mean 1 s."""
    return {"kind": "lognormal", "mean": "1s", "cv": cv}


def hyperexponential(cv: float) -> dict[str, Any]:
    """Of mean 1 s."""
    return {"kind": "hyperexponential", "mean": "1s", "cv": cv}


def pareto(shape: float) -> dict[str, Any]:
    """Of mean 1 s."""
    return {"kind": "pareto", "minimum": f"{(shape - 1) / shape!r}s", "shape": shape}


def accepted(seeds: int) -> tuple[float, float]:
    """Shares of seeds whose binomial interval at level 1 - LUCK meets LEAST to MOST."""
    from scipy.special import bdtrik

    least = math.floor(float(bdtrik(LUCK / 2, seeds, LEAST))) / seeds
    return least, min(1.0, math.ceil(float(bdtrik(1 - LUCK / 2, seeds, MOST))) / seeds)


def is_even(below: int, above: int) -> bool:
    """Whether misses are on both sides, but for three standard errors of a split of ``UNEVEN`` to 1."""
    missed = below + above
    part = UNEVEN / (1 + UNEVEN)
    by_luck = 3 * math.sqrt(missed * part * (1 - part))
    return missed < ENOUGH_MISSES or max(below, above) <= UNEVEN * max(1, min(below, above)) + by_luck
