"""Who was shed, at the door or by clients: as a part of all queries, and of those of a group."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.core.admission import may_shed
from simulator.core.columns import SHED
from simulator.core.plan import Plan
from simulator.core.trace import Trace
from simulator.documents import run
from simulator.stats.quantiles import Series, Share
from simulator.stats.share import Layout


def is_shed(trace: Trace) -> NDArray[np.bool_]:
    """(measured,) whether a query was shed."""
    return np.asarray(trace.outcome[trace.first_measured :] == SHED)


def series_of_shed(shed: Sequence[NDArray[np.bool_]], layout: Layout) -> Series:
    """1 of measured queries that were shed, else 0; ``shed``: of each replication."""
    return Series(np.concatenate(shed).astype(np.float64), layout)


def shed_ratio(shed: Sequence[NDArray[np.bool_]], layout: Layout) -> Share:
    """Share of measured queries that were shed; ``shed``: of each replication."""
    return share_of(series_of_shed(shed, layout))


def share_of(shed: Series) -> Share:
    """Share of those that were shed, of ``series_of_shed`` or some of it."""
    return shed.share(0.5, inclusive=True)


def may_shed_some(plan: Plan) -> bool:
    """Whether figures say how many queries were shed."""
    return may_shed(plan)


def at_door(traces: Sequence[Trace], plan: Plan, layout: Layout) -> run.Admission | None:
    """What is said of who is shed, by whomever; None where nobody may be."""
    if not may_shed_some(plan):
        return None
    return {"shed_ratio": shed_ratio([is_shed(trace) for trace in traces], layout).to_dict()}
