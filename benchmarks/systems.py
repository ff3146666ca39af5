"""The systems that are measured, and what is known of them without an event: Lindley's recursion.

A system is a list of stages, each of so many shards: Poisson queries, at each stage a task to every shard, then on when
the last has finished. Shards are FIFO servers with exponential times of mean 1 s, at utilisation 1/2; a run starts
empty and ends with its last query. M/M/1 is one stage of one shard.
"""

from __future__ import annotations

import functools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

GAP_S = 2.0  #: mean gap between queries; services have mean 1, so utilisation is 1/2
SEED = 7
REPLICATIONS = 10  #: of the recursion
BLOCK = 5_000_000  #: tasks of which the recursion keeps the times at once

ONE, MANY, FUNNEL = "M/M/1", "fork-join of 1000", "funnel of 5 + 5"
SYSTEMS: dict[str, tuple[int, ...]] = {ONE: (1,), MANY: (1000,), FUNNEL: (5, 5)}


@dataclass(frozen=True)
class Run:
    """What a run simulated and what it saw."""

    queries: int
    tasks: int
    mean_latency_s: float | None  #: None: it has no queries that wait
    events: int = 0


def run_of(stages: Sequence[int], queries: int, latencies_s: Sequence[float]) -> Run:
    """Return the Run with these latencies, one a query."""
    assert len(latencies_s) == queries
    return Run(queries, sum(stages) * queries, sum(latencies_s) / queries)


def lindley(stages: Sequence[int], queries: int, rng: np.random.Generator) -> float:
    """Mean latency of the first queries of an empty system, by Lindley's recursion (1952) at every shard.

    With W[k] the work of tasks 0 to k of a shard and A[k] their arrivals, task k finishes at
    W[k] + max over j <= k of (A[j] - W[j - 1]).
    """
    arrived_s = np.cumsum(rng.exponential(GAP_S, queries))
    now_s = arrived_s.copy()
    most = max(1, BLOCK // queries)
    for shards in stages:
        order = np.argsort(now_s)
        enter_s = now_s[order, None]
        last_s = np.zeros(queries)
        for first in range(0, shards, most):
            service_s = rng.exponential(1.0, (queries, min(most, shards - first)))
            work_s = np.cumsum(service_s, axis=0)
            finish_s = work_s + np.maximum.accumulate(enter_s - (work_s - service_s), axis=0)
            last_s = np.maximum(last_s, finish_s.max(axis=1))
        now_s[order] = last_s
    return float(np.mean(now_s - arrived_s))


@functools.cache
def expected(stages: tuple[int, ...], queries: int) -> tuple[float, float]:
    """Mean of a run's mean latency and standard deviation of one run, both from replications of the recursion."""
    rng = np.random.default_rng(SEED)
    means_s = [lindley(stages, queries, rng) for _ in range(REPLICATIONS)]
    return statistics.mean(means_s), statistics.stdev(means_s)
