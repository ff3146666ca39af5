"""Figures of a stage that not every query takes are of the queries that do; of tasks, of those that sent some."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.core.columns import HIT
from simulator.core.plan import F8
from simulator.core.trace import Trace
from simulator.stats.quantiles import Series
from simulator.stats.share import Layout
from simulator.theory import Clusters

#: A stage that nobody takes in any replication has one value, which never came: nothing is printed of it.
NOBODY = np.array([np.inf])


def takers(trace: Trace, stage: int | None) -> NDArray[np.bool_] | None:
    """(measured,) which queries have come to a stage and taken it; None where none has passed it by, or of whole ones.

    Of those that failed before nobody knows whether they would have.
    """
    if stage is None or not len(trace.coverage):
        return None
    measured = slice(trace.first_measured, None)
    passed = trace.passes_by(stage, measured)
    return np.asarray(trace.candidates[stage, measured] >= 0) if passed.any() else None


def askers(trace: Trace, stage: int | None) -> NDArray[np.bool_] | None:
    """(measured,) which of them its shards were asked for: no cache has answered them. None where all queries are."""
    if stage is None or not len(trace.coverage):
        return None
    measured = slice(trace.first_measured, None)
    is_hit = trace.stage_outcome[stage, measured] == HIT
    if not is_hit.any():
        return takers(trace, stage)
    return np.asarray((trace.candidates[stage, measured] >= 0) & ~is_hit)


def of_takers(values: F8, taken: NDArray[np.bool_] | None) -> F8:
    """Of (measured,) values in a stage those of the queries that take it."""
    return values if taken is None else values[taken]


def is_bare(traces: Sequence[Trace], stage: int) -> bool:
    """Whether in some replication nobody takes a stage: of an objective on it nothing is known."""
    return any(taken is not None and not taken.any() for taken in (takers(trace, stage) for trace in traces))


def series_of_stage(
    values: Sequence[F8], whole: Layout, clusters: Clusters | None = None, *, is_part: bool = False
) -> Series:
    """A series of a stage, of what ``of_takers`` says in each replication; ``whole``: the layout of all queries.

    Replications in which nobody takes it are left out: they have no values.
    """
    values = [one for one in values if len(one)] or [NOBODY]
    sizes = [len(one) for one in values]
    if sizes == whole.sizes.tolist():
        return Series(np.concatenate(values), whole, clusters, is_part=is_part)
    if whole.is_shared:  # replications share the luck of arrivals: as many of each are held beside each other
        sizes = [min(sizes)] * len(sizes)
        values = [one[: sizes[0]] for one in values]
    layout = Layout.of(sizes, is_shared=whole.is_shared, is_sampled=whole.is_sampled)
    return Series(np.concatenate(values), layout, clusters, is_part=is_part)


def pooled(
    values: F8,
    traces: Sequence[Trace],
    stage: int | None,
    layout: Layout,
    clusters: Clusters | None = None,
    *,
    is_part: bool = False,
) -> Series:
    """A series of a stage, or of whole queries (None), of values of all measured queries, pooled as ``layout`` says.

    ``is_part``: of what tasks do, which those have not whom a cache has answered.
    """
    each = np.split(values, np.cumsum(layout.sizes)[:-1])
    whose = askers if is_part else takers
    of = [of_takers(one, whose(trace, stage)) for one, trace in zip(each, traces, strict=True)]
    return series_of_stage(of, layout, clusters, is_part=is_part)
