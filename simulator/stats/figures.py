"""The figures of a run: of whole queries and of each stage, in seconds, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.core.plan import F8, I8, Plan
from simulator.core.trace import Trace
from simulator.stats.means import Interval, ratio_interval
from simulator.stats.quantiles import Quantile, Series, fraction
from simulator.stats.share import Layout

S_PER_NS = 1e-9


def key_of(percent: float) -> str:
    """Name of a percentile.

    >>> key_of(99.9), key_of(50)
    ('p99.9', 'p50')
    """
    return f"p{percent:.12g}"


def part_of(percent: float) -> float:
    """A percentile as a part of 1, rounded once: 99.9 gives .999."""
    return float(fraction(percent) / 100)


@dataclass(frozen=True)
class Figure:
    """A duration over queries: mean, percentiles and largest value, in seconds."""

    mean: Interval  #: over finite values
    percentiles: dict[str, Quantile]
    largest: float | None  #: of the finite values; None if there is none

    def to_dict(self) -> dict[str, Any]:
        """By name: ``{"mean": {...}, "p50": {...}, ..., "max": ...}``; null where not supported."""
        body: dict[str, Any] = {"mean": self.mean.to_dict()}
        for name, quantile in self.percentiles.items():
            body[name] = quantile.to_dict()
        body["max"] = self.largest
        return body


def figure(series: Series, percentiles: Sequence[float]) -> Figure:
    """Mean, percentiles (in percent) and largest value of a series in ns."""
    largest = series.largest_finite * S_PER_NS
    return Figure(
        series.mean().scaled(S_PER_NS),
        {key_of(percent): series.quantile(part_of(percent)).scaled(S_PER_NS) for percent in percentiles},
        None if np.isnan(largest) else largest,
    )


class Pool:
    """Columns of the measured queries of all replications, pooled in order of replication and arrival."""

    def __init__(self, traces: Sequence[Trace]) -> None:
        assert traces, "at least one replication"
        self.traces = traces
        self.layout = Layout.of([trace.measured for trace in traces])

    def column(self, name: str) -> I8:
        """A column of the Trace over the measured queries: (..., queries)."""
        parts = [getattr(trace, name)[..., trace.first_measured :] for trace in self.traces]
        return np.concatenate(parts, axis=-1)

    def between(self, first: I8, last: I8) -> Series:
        """Durations from ``first`` to ``last``, (queries,) instants; +inf where ``last`` was not reached (-1)."""
        return self.series(np.where(last < 0, np.inf, (last - first).astype(np.float64)))

    def series(self, values: F8) -> Series:
        """A series of one value a measured query."""
        return Series(values, self.layout)

    def windows_s(self) -> F8:
        """(replications,) seconds from the first measured arrival to the last."""
        ends = [(trace.arrival_ns[-1] - trace.arrival_ns[trace.first_measured]) for trace in self.traces]
        return np.array(ends, dtype=np.float64) * S_PER_NS


@dataclass(frozen=True)
class StageFigures:
    """What happened in one stage."""

    name: str
    shards: int
    replicas: int  #: of every shard
    workers: int
    latency: Figure
    critical_wait: Figure
    critical_service: Figure
    critical_response: Figure
    straggler: Figure  #: closing answer less the mean of the answers
    network: Figure  #: of the critical task: latency less waiting, service and merge
    merge: Figure
    wait: Interval  #: mean over all tasks
    service: Interval
    longest_wait_s: float
    utilisation: Interval  #: mean over replicas
    hottest: float | None  #: utilisation of the replica that was busiest over all replications
    hottest_shard: int
    hottest_replica: int
    candidates_in: Interval
    candidates_out: Interval
    largest_over_mean_share: float

    def to_dict(self) -> dict[str, Any]:
        """As laid out in the README."""
        return {
            "name": self.name,
            "shards": self.shards,
            "replicas": self.replicas,
            "workers": self.workers,
            "latency_s": self.latency.to_dict(),
            "critical": {
                "wait_s": self.critical_wait.to_dict(),
                "service_s": self.critical_service.to_dict(),
                "response_s": self.critical_response.to_dict(),
            },
            "straggler_s": self.straggler.to_dict(),
            "network_s": self.network.to_dict(),
            "merge_s": self.merge.to_dict(),
            "wait_s": self.wait.to_dict(),
            "service_s": self.service.to_dict(),
            "longest_wait_s": self.longest_wait_s,
            "utilisation": {
                "mean": self.utilisation.to_dict(),
                "max": self.hottest,
                "max_at": {"shard": self.hottest_shard, "replica": self.hottest_replica},
            },
            "candidates": {"in": self.candidates_in.to_dict(), "out": self.candidates_out.to_dict()},
            "largest_over_mean_share": self.largest_over_mean_share,
        }


def stage_figures(pool: Pool, plan: Plan, names: Sequence[str], percentiles: Sequence[float]) -> list[StageFigures]:
    """The figures of every stage, in order."""
    instants = {name: pool.column(name) for name in ("enter_ns", "close_ns", "leave_ns", "answer_sum_ns", "candidates")}
    critical = {name: pool.column(f"critical_{name}_ns") for name in ("wait", "service", "response")}
    found = []
    for stage, name in enumerate(names):
        row = plan.stages[stage]
        shards = int(row["shards"])
        enter, close, leave = (instants[column][stage] for column in ("enter_ns", "close_ns", "leave_ns"))
        parts = {kind: np.where(close < 0, np.inf, column[stage]) for kind, column in critical.items()}
        mean_answer = instants["answer_sum_ns"][stage] / shards
        straggler = np.where(close < 0, np.inf, close - enter - mean_answer)
        network = np.where(close < 0, np.inf, (close - enter) - critical["wait"][stage] - critical["service"][stage])
        shown: dict[str, Series] = {
            "latency": pool.between(enter, leave),
            "critical_wait": pool.series(parts["wait"]),
            "critical_service": pool.series(parts["service"]),
            "critical_response": pool.series(parts["response"]),
            "straggler": pool.series(np.maximum(straggler, 0.0)),  # of one answer, the mean may round above it
            "network": pool.series(network),
            "merge": pool.between(close, leave),
        }
        figures: dict[str, Any] = {key: figure(series, percentiles) for key, series in shown.items()}
        found.append(
            StageFigures(
                name=name,
                shards=shards,
                replicas=int(row["replicas"]),
                workers=int(row["workers"]),
                **figures,
                **_counters(pool, plan, stage),
                **_candidates(pool, plan, stage, instants["candidates"][stage]),
            )
        )
    return found


def _counters(pool: Pool, plan: Plan, stage: int) -> dict[str, Any]:
    """Means over all tasks and utilisation, from the counters of replicas."""
    row = plan.stages[stage]
    first, count = int(row["first_replica"]), int(row["shards"] * row["replicas"])
    here = slice(first, first + count)
    tasks = np.array([trace.tasks[here].sum() for trace in pool.traces])
    waiting = np.array([trace.waiting_ns[here].sum(dtype=np.float64) for trace in pool.traces])
    busy = np.array([trace.busy_ns[here] for trace in pool.traces]) * S_PER_NS  # (replications, replicas)
    offered_s = pool.windows_s() * int(row["workers"])
    found: dict[str, Any] = {
        "wait": ratio_interval(waiting * S_PER_NS, tasks).at_least_0(),
        "service": ratio_interval(busy.sum(axis=1), tasks).at_least_0(),
        "longest_wait_s": float(max(trace.longest_wait_ns[here].max() for trace in pool.traces) * S_PER_NS),
        "utilisation": ratio_interval(busy.mean(axis=1), offered_s).at_least_0(),
    }
    hottest = int(busy.sum(axis=0).argmax())
    total_s = float(offered_s.sum())
    found["hottest"] = float(busy[:, hottest].sum()) / total_s if total_s > 0 else None
    found["hottest_shard"], found["hottest_replica"] = divmod(hottest, int(row["replicas"]))
    return found


def _candidates(pool: Pool, plan: Plan, stage: int, given: F8) -> dict[str, Any]:
    row = plan.stages[stage]
    entered = given >= 0
    kept = np.minimum(given, row["keep"])
    weights = pool.layout.by_unit(entered)
    first, count = int(row["first_shard"]), int(row["shards"])
    share = plan.share[first : first + count]
    return {
        "candidates_in": ratio_interval(pool.layout.by_unit(np.where(entered, given, 0.0)), weights),
        "candidates_out": ratio_interval(pool.layout.by_unit(np.where(entered, kept, 0.0)), weights),
        "largest_over_mean_share": float(share.max() * count),
    }
