"""Figures of the sources of a stage that has several: how late each answers, how often last, and how busy it is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.core import sources
from simulator.core.plan import F8
from simulator.core.stage_view import StageView
from simulator.core.trace import Trace
from simulator.documents.sources import Source
from simulator.stats import durations, scaled
from simulator.stats.means import ratio_interval
from simulator.theory import source_demands

S_PER_NS = 1e-9


def figures_of_sources(pool: Any, stage: StageView, figure: Any, percentiles: Sequence[float]) -> list[Source] | None:
    """Those of each source of a stage that has several, without its name, which a plan does not know; None: of one.

    ``pool``: of figures, whose ``figure`` makes one of a series.
    """
    stages, plan = stage.plan.stages, stage.plan
    first = int(sources.first_kept(stages)[stage.index])
    if first < 0:
        return None
    closed, found = pool.sums(lambda trace, at: trace.critical_shard[stage.index][at] >= 0), list[Source]()
    demands = source_demands(plan, stage.index)
    for place, row in enumerate(sources.sources_of(stages, stage.index)):
        begin, end = int(plan.sources[row]["first"]), int(sources.end_of(stages, plan.sources, stage.index, row))
        series = pool.series(_latency(stage.index, first + place), stage.index)
        left = stage.is_left[begin:end]
        busy_s = np.array([_busy_ns(trace, stage)[begin:end][left] for trace in pool.traces]) * S_PER_NS
        offered_s = pool.windows_s() * stage.workers_in_all
        with np.errstate(divide="ignore", invalid="ignore"):
            each = busy_s.sum(axis=0) / offered_s.sum()
        critical = ratio_interval(pool.sums(_is_last(stage.index, slice(first, first + len(demands)), place)), closed)
        used = ratio_interval(busy_s.mean(axis=1), offered_s, is_sampled=pool.layout.is_sampled)
        hottest = float(each.max()) if np.isfinite(each).all() else None
        found.append(
            {
                "name": "",
                "shards": end - begin,
                "replicas_left": int(left.sum()),
                "latency_s": figure(series, percentiles).to_dict(),
                "critical_ratio": critical.within_0_and_1().to_dict(),
                "utilisation": {"mean": used.within_0_and_1().to_dict(), "max": hottest},
                "demand": {"mean": demands[place][0], "max": demands[place][1]},
            }
        )
    return found


def replicas_used(pool: Any, stage: StageView) -> F8:
    """(shards, replicas) utilisation of each over all replications, by all who run there; NaN of those that are gone.

    ``pool``: of figures.
    """
    offered_s = float(pool.windows_s().sum()) * stage.workers_in_all
    if not offered_s > 0:
        return np.full((stage.shards, stage.replicas), np.nan)
    busy_s = np.array([scaled.busy_ns(trace, stage) for trace in pool.traces]).sum(axis=0) * S_PER_NS
    used: F8 = (busy_s / offered_s).reshape(stage.shards, stage.replicas)
    return np.where(stage.is_left, used, np.nan)


def _latency(stage: int, row: int) -> durations.Column:
    """From entering a stage to the last answer of a source that counts, in ns; +inf where none does."""
    return lambda trace, at: durations.from_to(trace.entered_ns(stage)[at], trace.source_answer_ns[row][at])


def _is_last(stage: int, rows: slice, place: int) -> durations.Column:
    """Whether the answer that closed a stage is of a source; of several whose last ones are as late, a part each.

    ``rows``: of all sources of the stage, among those whose last answers are kept; ``place``: of this one.
    """

    def of(trace: Trace, at: slice) -> NDArray[np.generic]:
        last_ns = trace.source_answer_ns[rows, at]
        are_last = (last_ns == last_ns.max(axis=0)) & (trace.critical_shard[stage][at] >= 0)
        return np.asarray(are_last[place] / np.maximum(1, are_last.sum(axis=0)))

    return of


def _busy_ns(trace: Trace, stage: StageView) -> NDArray[np.float64]:
    """(shards, replicas) busy time inside the window."""
    busy = trace.window_busy_ns[stage.replica_slice].astype(np.float64)
    return busy.reshape(stage.shards, stage.replicas)
