"""Queries around a percentile, and what their latency is made of, with intervals over replications."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.core.plan import F8, Plan
from simulator.core.trace import Trace
from simulator.documents.explain import BEFORE, CAUSES
from simulator.explaining import ideals, lasting
from simulator.explaining.blame import Blame, blame
from simulator.stats import quantiles
from simulator.stats.figures import S_PER_NS
from simulator.stats.means import Interval, ratio_interval

#: Half the width of a band, as a share of the queries: half of those beyond the percentile, and this at most.
WIDEST = 0.05


@dataclass(frozen=True)
class Seen:
    """What is kept of a replication: its measured queries, and who was last."""

    found: Blame
    lasting: tuple[lasting.OfStage, ...]
    ideal_s: dict[tuple[int, str], F8]  #: by stage and ideal: (queries,) latencies; infinite without an answer

    @property
    def latency_s(self) -> F8:
        """(queries,) infinite without an answer."""
        return np.where(self.found.is_answered, self.found.latency_ns * S_PER_NS, math.inf)


def seen_in(plan: Plan, trace: Trace) -> Seen:
    """Look at a replication that has its table of tasks."""
    found = blame(plan, trace)
    ideal_s = {
        (stage, name): np.where(found.is_answered, latency_ns * S_PER_NS, math.inf)
        for stage, name, latency_ns in ideals.ideal_latencies(plan, trace, found)
    }
    return Seen(found, lasting.counts_of(plan, trace, found), ideal_s)


@dataclass(frozen=True)
class Part:
    """What one cause makes of the latency of a band."""

    stage: int  #: -1: of no stage
    cause: str
    mean_s: Interval
    share: Interval  #: of the latency


@dataclass(frozen=True)
class Band:
    """The queries around a percentile."""

    percent: float
    least: float  #: its ranks, as parts of all measured queries
    most: float
    queries: int
    latency_s: Interval  #: mean
    parts: tuple[Part, ...]  #: of all causes, those of whole queries first, then stage after stage

    def share_of(self, stage: int, cause: str) -> float:
        """The share of a cause."""
        return next(one.share.value or 0.0 for one in self.parts if (one.stage, one.cause) == (stage, cause))


def band_of(percent: float, replications: Sequence[Seen]) -> Band | None:
    """The band of a percentile; None where a query in it has no answer.

    Of equal latencies those of an earlier replication, and in that of an earlier query, come first.
    """
    p = quantiles.fraction(percent / 100)
    half = min(quantiles.fraction(WIDEST), (1 - p) / 2, p / 2)
    latencies = [seen.latency_s for seen in replications]
    order = np.argsort(np.concatenate(latencies), kind="stable")
    count = len(order)
    chosen = np.zeros(count, dtype=bool)
    chosen[order[math.floor((p - half) * count) : math.ceil((p + half) * count)]] = True
    ends = np.cumsum([len(one) for one in latencies])[:-1]
    inside: list[NDArray[np.bool_]] = np.split(chosen, ends)
    if not all(seen.found.is_answered[mine].all() for seen, mine in zip(replications, inside, strict=True)):
        return None
    sums = np.array([_sums(seen.found, mine) for seen, mine in zip(replications, inside, strict=True)])
    queries = np.array([np.count_nonzero(mine) for mine in inside])
    latency_ns = np.array([seen.found.latency_ns[mine].sum() for seen, mine in zip(replications, inside, strict=True)])
    names = [(-1, cause) for cause in BEFORE]
    names += [(stage, cause) for stage in range(len(replications[0].found.of_stages_ns)) for cause in CAUSES]
    parts = tuple(
        Part(stage, cause, _over(sums[:, place] * S_PER_NS, queries), _over(sums[:, place], latency_ns))
        for place, (stage, cause) in enumerate(names)
    )
    mean_s = _over(latency_ns * S_PER_NS, queries)
    return Band(percent, float(p - half), float(p + half), int(chosen.sum()), mean_s, parts)


def _sums(found: Blame, mine: NDArray[np.bool_]) -> F8:
    """(causes,) time of some queries by cause, in ns: of whole queries, then stage after stage."""
    before, of_stages = found.before_ns[:, mine].sum(axis=1), found.of_stages_ns[:, :, mine].sum(axis=2)
    return np.concatenate((before, of_stages.ravel())).astype(np.float64)


def _over(amounts: F8, weights: F8) -> Interval:
    """A ratio of sums over replications, with its interval."""
    return ratio_interval(amounts, weights).within_0_and_1()
