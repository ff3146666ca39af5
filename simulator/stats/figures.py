"""The figures of a run: of whole queries and of each stage, in seconds, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from simulator.core.columns import AT_A_TIME
from simulator.core.plan import F8
from simulator.core.stage_view import StageView
from simulator.core.trace import Trace
from simulator.documents import parts, run
from simulator.stats import fleets, gathering, scaled, window
from simulator.stats.durations import Column, durations, latency_of
from simulator.stats.means import Interval, ratio_interval
from simulator.stats.quantiles import Quantile, Series, fraction
from simulator.stats.replays import are_shared, are_the_same, arrivals_mark
from simulator.stats.share import Layout
from simulator.stats.takers import pooled
from simulator.stats.window import Within, batches, completed_in, count_completed, good_of, is_within, mergers
from simulator.theory import NOTHING_AHEAD, NOTHING_OF_CLUSTERS, Ahead, Clusters, StageAhead, mean_visits

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

    def to_dict(self) -> parts.Latency:
        """By name: ``{"mean": {...}, "p50": {...}, ..., "max": ...}``; null where not supported."""
        return parts.latency(
            self.mean.to_dict(), {p: one.to_dict() for p, one in self.percentiles.items()}, self.largest
        )


def figure(series: Series, percentiles: Sequence[float], ahead: Ahead = NOTHING_AHEAD) -> Figure:
    """Mean, percentiles (in percent) and largest value of a series in ns; ``ahead``: of its mean, in seconds."""
    largest = series.largest_finite * S_PER_NS
    return Figure(
        series.mean(ahead.over(S_PER_NS)).scaled(S_PER_NS),
        {key_of(percent): series.quantile(part_of(percent)).scaled(S_PER_NS) for percent in percentiles},
        None if np.isnan(largest) else largest,
    )


class Pool:
    """The measured queries of all replications, in order of replication and arrival.

    Columns of traces are not put together: what is wanted of a query is computed from its trace, some at a time.
    """

    def __init__(
        self,
        traces: Sequence[Trace],
        clusters: Mapping[int | None, Clusters] = NOTHING_OF_CLUSTERS,
        is_sampled: bool = False,
        may_repeat: bool = True,
    ) -> None:
        assert traces, "at least one replication"
        self.traces, self.clusters = traces, clusters  #: what the plan says, by stage; of whole queries by None
        is_shared = are_shared([arrivals_mark(trace.arrival_ns) for trace in traces])
        fared = ((one.completion_ns, one.outcome, one.coverage) for one in traces)
        lengths, same = [one.measured for one in traces], may_repeat and are_the_same(fared)
        self.layout = Layout.of(lengths, is_shared=is_shared, is_repeated=same, is_sampled=is_sampled)
        self._latest: tuple[int | None, Series] | None = None

    def gather(self, of: Column) -> F8:
        """(queries,) what ``of`` says of each measured query."""
        values, filled = np.empty(self.layout.queries), 0
        for trace in self.traces:
            for first in range(trace.first_measured, len(trace.arrival_ns), AT_A_TIME):
                some = of(trace, slice(first, first + AT_A_TIME))
                values[filled : filled + len(some)] = some
                filled += len(some)
        assert filled == self.layout.queries
        return values

    def series(self, of: Column, stage: int | None, clusters: Clusters | None = None) -> Series:
        """A series of a part of latency in a stage, of those who take it; the one that is kept goes: one at a time."""
        self._latest = None
        return pooled(self.gather(of), self.traces, stage, self.layout, clusters, is_part=True)

    def sums(self, of: Column) -> F8:
        """(units,) sums over measured queries of what ``of`` says of each, one replication at a time."""
        layouts = [Layout.of([trace.measured]) for trace in self.traces]
        ends = [slice(trace.first_measured, len(trace.arrival_ns)) for trace in self.traces]
        sums = [layout.by_block(of(trace, at)) for layout, trace, at in zip(layouts, self.traces, ends, strict=True)]
        return self.layout.sum_blocks(np.concatenate(sums))

    def latency(self, stage: int | None) -> Series:
        """Latency of a stage, of those who take it, or of whole queries (None), in ns; +inf where it did not end.

        The latest is kept, with what has been found out of its order. In a funnel of one stage, it may be both.
        """
        if self._latest is not None and self._latest[0] == stage:
            return self._latest[1]
        before = self._latest[1] if self._latest is not None and len(self.traces[0].leave_ns) == 1 else None
        self._latest = None
        values = self.gather(latency_of(stage))
        is_same = before is not None and np.array_equal(values, before.values)
        own = self.traces, stage, self.layout, self.clusters.get(stage)
        series = before if before is not None and is_same else pooled(values, *own)
        self._latest = stage, series
        return series

    def windows_s(self) -> F8:
        """(replications,) length of the window in seconds."""
        return np.array([trace.window_end_ns - trace.window_begin_ns for trace in self.traces]) * S_PER_NS

    @cached_property
    def _completed_in(self) -> list[NDArray[np.int8]]:
        return [completed_in(trace) for trace in self.traces]

    def completed(self) -> F8:
        """(blocks,) queries, whoever's, answered in equal parts of each window."""
        both = zip(self.traces, self._completed_in, strict=True)
        return np.concatenate([count_completed(completed, trace.measured) for trace, completed in both])

    def good(self, within: Within | None) -> F8:
        """(blocks,) of them, those with all answers that were waited for, ``within`` a latency, if given."""
        counts = []
        for trace, completed in zip(self.traces, self._completed_in, strict=True):
            good = good_of(trace, completed)
            if within is not None:
                good = good[is_within(trace.completion_ns - trace.arrival_ns, within)]
            counts.append(count_completed(good, trace.measured))
        return np.concatenate(counts)


@dataclass(frozen=True)
class StageFigures:
    """What happened in one stage."""

    name: str
    shards: int
    visited: float  #: of these by a query, on average
    replicas: int  #: of every shard, or of the one that has most
    fewest: int  #: that a shard has left
    replicas_left: int  #: over all shards, those that take tasks
    workers: int
    latency: Figure
    critical_wait: Figure
    critical_service: Figure
    critical_response: Figure
    straggler: Figure  #: closing answer less the mean of the answers
    network: Figure  #: of the critical task: latency less waiting, service, merge, and what a copy was sent later
    merge: Figure
    wait: Interval  #: mean over all tasks
    service: Interval
    after: Interval | None  #: after the answers; None: workers are free when these leave
    longest_wait_s: float
    utilisation: Interval  #: mean over replicas, those of a lost machine left out
    hottest: float | None  #: utilisation of the replica that was busiest over all replications
    demand: tuple[float, float]  #: mean over replicas and of the busiest, by arithmetic; may exceed 1
    mergers: run.Mergers | None  #: None: merging is a mere delay
    batches: run.Batches | None  #: None: tasks are served one by one
    answers: run.Merging  #: those that are not needed, copies, and crashes
    background: run.Background | None  #: None: replicas have no tasks of their own
    hottest_shard: int
    hottest_replica: int
    candidates_in: Interval
    candidates_out: Interval
    largest_over_mean_share: float
    is_shared: bool = False  #: tasks share the workers of their replica
    company: run.Housed = field(default_factory=lambda: run.Housed())  #: of stages that share its replicas, or machines
    sources: list[Any] | None = None  #: ``documents.sources`` of each, if it has several
    hedge_wait: Figure | None = None  #: of the critical task: how much later it was sent; None: no copies are sent

    def to_dict(self) -> run.Stage:
        """As the reference of documents lays out."""
        found = {name: getattr(self, name) for name in ("mergers", "batches", "background", "sources")}
        beside = {key: one for key, one in found.items() if one is not None}
        merging = cast("run.Merging", {**self.company, **self.answers, **beside})
        if self.hedge_wait is not None:
            merging["hedge_wait_s"] = self.hedge_wait.to_dict()
        if self.after is not None:
            merging["after_answer_s"] = self.after.to_dict()
        if self.visited < self.shards:
            merging["shards_visited"] = self.visited
        if self.is_shared:
            merging["sharing"] = "processor"
        if self.fewest < self.replicas:
            merging["fewest_replicas"] = self.fewest
        return {
            **merging,
            "name": self.name,
            "shards": self.shards,
            "replicas": self.replicas,
            "replicas_left": self.replicas_left,
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
            "demand": {"mean": self.demand[0], "max": self.demand[1]},
            "candidates": {"in": self.candidates_in.to_dict(), "out": self.candidates_out.to_dict()},
            "largest_over_mean_share": self.largest_over_mean_share,
        }


def stage_figures(
    pool: Pool,
    stage: StageView,
    name: str,
    latency: Figure,
    used: Interval,
    demand: tuple[float, float],
    percentiles: Sequence[float],
    ahead: StageAhead,
) -> StageFigures:
    """The figures of a stage; ``latency``, ``used``, its utilisation, and ``demand`` are known already."""
    parts = durations(stage)
    means = {
        "critical_wait": ahead.critical_wait,
        "critical_service": ahead.critical_service,
        "critical_response": ahead.response,
        "straggler": replace(ahead.latency, exact=None) if stage.shards > 1 else NOTHING_AHEAD,
        "network": ahead.response,
    }
    figures: dict[str, Any] = {}
    deviations: dict[str, F8] = {}
    for key, of in parts.items():
        series = pool.series(of, stage.index, pool.clusters.get(stage.index) if key == "critical_wait" else None)
        figures[key] = figure(series, percentiles, means.get(key, NOTHING_AHEAD))
        deviations[key] = series.deviations
    return StageFigures(
        name=name,
        shards=stage.shards,
        visited=mean_visits(stage),
        replicas=stage.replicas,
        fewest=int(stage.replicas_left.min()),
        replicas_left=stage.replicas_in_all,
        workers=stage.workers_in_all,
        is_shared=stage.is_shared,
        latency=latency,
        utilisation=used,
        demand=demand,
        mergers=mergers(pool.traces, pool.windows_s(), stage),
        batches=batches(pool.traces, stage),
        answers=gathering.of_answers(pool.traces, stage),
        after=window.after_answers(pool.traces, stage),
        background=window.background(pool.traces, pool.windows_s(), stage, ahead.background),
        company=window.company(pool.traces, pool.windows_s(), stage),
        **figures,
        **_counters(pool, stage, ahead, deviations),
        **_candidates(pool, stage),
        sources=fleets.figures_of_sources(pool, stage, figure, percentiles),
    )


def utilisation(pool: Pool, stage: StageView, ahead: Ahead = NOTHING_AHEAD) -> Interval:
    """Mean over the replicas of a stage that take tasks; ``ahead``: what is known of it without the sample."""
    used_s = np.array([scaled.mean_busy_ns(trace, stage) for trace in pool.traces]) * S_PER_NS
    offered_s = pool.windows_s() * stage.workers_in_all
    return ratio_interval(used_s, offered_s, ahead, is_sampled=pool.layout.is_sampled).within_0_and_1()


def _busy_s(pool: Pool, stage: StageView) -> F8:
    """(replications, replicas) busy time inside the window, of all stages that run there."""
    return np.array([scaled.busy_ns(trace, stage) for trace in pool.traces]) * S_PER_NS


def hottest_of(
    busy_s: F8, offered_s: F8, ahead: Ahead = NOTHING_AHEAD, is_sampled: bool = False
) -> tuple[int, Interval]:
    """The replica that is busiest over all replications, the first of several, and its utilisation.

    ``busy_s``: (replications, replicas). ``offered_s``: (replications,) time that the workers of a replica had.
    ``ahead``: what is known of it without the sample; ``is_sampled``: as of ``ratio_interval``.
    """
    replica = int(busy_s.sum(axis=0).argmax())
    return replica, ratio_interval(busy_s[:, replica], offered_s, ahead, is_sampled=is_sampled).within_0_and_1()


def hottest(pool: Pool, stage: StageView, ahead: Ahead = NOTHING_AHEAD) -> tuple[int, Interval]:
    """As ``hottest_of``, of a stage; with keys, whose shards each replication draws, of the busiest one of each."""
    busy_s, offered_s = _busy_s(pool, stage), pool.windows_s() * stage.workers_in_all
    place, used = hottest_of(busy_s, offered_s, ahead, pool.layout.is_sampled)
    if stage.is_keyed:
        used = hottest_of(busy_s.max(axis=1, keepdims=True), offered_s, ahead, pool.layout.is_sampled)[1]
    return place, used


def _counters(pool: Pool, stage: StageView, ahead: StageAhead, deviations: Mapping[str, F8]) -> dict[str, Any]:
    """Means over all tasks and utilisation, from the counters of replicas; their shape is that of critical tasks."""
    here = stage.replica_slice
    tasks = np.array([trace.tasks[here].sum() for trace in pool.traces])
    waiting = np.array([trace.waiting_ns[here].sum(dtype=np.float64) for trace in pool.traces])
    busy = np.array([trace.served_ns[here] for trace in pool.traces]) * S_PER_NS  # (replications, replicas)
    place, used = hottest(pool, stage, ahead.hottest)
    shard, replica = divmod(place, stage.replicas)
    return {
        "wait": ratio_interval(
            waiting * S_PER_NS, tasks, ahead.wait, deviations["critical_wait"], is_sampled=pool.layout.is_sampled
        ).at_least_0(),
        "service": ratio_interval(
            busy.sum(axis=1), tasks, ahead.service, deviations["critical_service"], is_sampled=pool.layout.is_sampled
        ).at_least_0(),
        "longest_wait_s": float(max(trace.longest_wait_ns[here].max() for trace in pool.traces) * S_PER_NS),
        "hottest": used.value,
        "hottest_shard": shard,
        "hottest_replica": replica,
    }


def _candidates(pool: Pool, stage: StageView) -> dict[str, Any]:
    index, keep = stage.index, stage.keep
    entered = pool.sums(lambda trace, at: trace.candidates[index][at] >= 0)
    given = pool.sums(lambda trace, at: np.maximum(trace.candidates[index][at], 0.0))
    kept = given if np.isinf(keep) else pool.sums(lambda trace, at: np.clip(trace.candidates[index][at], 0.0, keep))
    return {
        "candidates_in": ratio_interval(given, entered),
        "candidates_out": ratio_interval(kept, entered),
        "largest_over_mean_share": float(stage.share.max() * stage.shards),
    }
