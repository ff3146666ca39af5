"""How far an objective is from its bound: the figure over the bound, with the ends of its interval.

What rises with the load is read: shares of bad queries, means, largest values, utilisations. Goodput and the price of a
query are not: they bound the load from below. Nor is the cost of the fleet, or what a cache has, whatever the load.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.core.plan import F8
from simulator.stats.extract import Extracts
from simulator.stats.figures import S_PER_NS
from simulator.stats.means import Interval
from simulator.stats.quantiles import Series
from simulator.stats.share import effective_exceedances, share_ends, tally_blocks
from simulator.stats.verdicts import Objective
from simulator.theory import NOTHING_AHEAD, Ahead

#: The lines of a reading that a search follows.
VALUE, LOW, HIGH = "value", "low", "high"

#: What more load does not break.
UNREAD = ("goodput", "cost", "usd_per_million_queries", "hit_ratio")


@dataclass(frozen=True)
class Reading:
    """Of one objective at one load; below 1 it is within its bound."""

    value: float  #: figure / bound, pooled over replications; +inf: beyond saturation
    low: float
    high: float
    exceedances: float  #: effective number of bad queries; +inf where the figure is no share
    amounts: F8  #: (replications,) what the figure is a ratio of, over the bound: sum amounts / sum weights = value
    weights: F8  #: (replications,)
    needed: float = 0.0  #: of a mean that few draws carry: measured queries in all that would do; +inf: none would
    figure: float | None = None  #: itself, pooled: seconds, or a ratio; None: beyond saturation, or few draws carry it

    def line(self, name: str) -> float:
        """``value``, ``low`` or ``high``."""
        return float(getattr(self, name))


def is_read(objective: Objective) -> bool:
    """Whether the objective bounds the load from above."""
    return objective.measure not in UNREAD


def beyond(replications: int) -> Reading:
    """What is read where the busiest station is asked for more than all its time: no objective is met for long."""
    return Reading(math.inf, math.inf, math.inf, math.inf, np.full(replications, math.inf), np.ones(replications))


def nobody(replications: int) -> Reading:
    """What is read where some replication has no query of a class: nothing is known."""
    return Reading(0.0, 0.0, math.inf, 0.0, np.zeros(replications), np.ones(replications))


def read(objective: Objective, extracts: Extracts, *, is_searched: bool = False) -> Reading:
    """Read one objective; ``is_searched``: for the load at which it meets its bound (statistics rule 8)."""
    if objective.measure in ("utilisation", "hottest"):
        return _of_ratio(extracts.used(objective), *extracts.used_s(objective), objective.bound)
    if objective.measure == "coverage.mean":
        return _of_uncovered(extracts.coverage(objective.stage), extracts.covered(objective.stage), objective.bound)
    if objective.measure == "partial_ratio":
        partial = np.concatenate([one.partial for one in extracts.extracts])
        return _of_bad(objective, extracts.latency(None), partial, objective.bound, is_searched)
    if objective.measure == "shed_ratio":
        shed = extracts.shed(objective)
        if shed is None:
            return nobody(extracts.layout.replications)
        return _of_bad(objective, shed, shed.values > 0, objective.bound, is_searched)
    ahead = extracts.ahead_of(objective) if objective.measure == "mean" else NOTHING_AHEAD
    series = extracts.series(objective)
    return (
        nobody(extracts.layout.replications)
        if series is None
        else read_series(objective, series, ahead, is_searched=is_searched)
    )


def read_series(
    objective: Objective, series: Series, ahead: Ahead = NOTHING_AHEAD, *, is_searched: bool = False
) -> Reading:
    """Read an objective that is not about utilisation, of these latencies; ``ahead``: of their mean, in seconds."""
    if objective.measure == "mean":
        known = np.where(series.finite, series.values, 0.0) * S_PER_NS
        if not series.finite.all():
            return beyond(series.layout.replications)  # those that never ended would take it there
        mean = series.mean(ahead.over(S_PER_NS)).scaled(S_PER_NS)
        return _of_ratio(mean, series.layout.by_unit(known), series.layout.by_unit(series.finite), objective.bound)
    if objective.measure == "max":
        largest = _largest(series) * S_PER_NS / objective.bound
        most = float(largest.max())
        return Reading(most, most, most, math.inf, largest, np.ones(len(largest)), figure=most * objective.bound)
    return _of_share(objective, series, is_searched)


def _of_ratio(ratio: Interval, amounts: F8, weights: F8, bound: float) -> Reading:
    """Of a mean: by theory where the sample does not say it, and where that does not know either, of no support."""
    exact = ratio.ahead.exact
    if ratio.reason and exact is not None:
        known = exact / bound
        amounts = np.where(weights > 0, known * weights, 0.0)
        return Reading(known, known, known, math.inf, amounts, weights, figure=exact)
    if ratio.reason:
        seen = float(amounts.sum() / weights.sum()) / bound
        needed = math.inf if ratio.ahead.needed is None else float(ratio.ahead.needed)
        return Reading(seen, 0.0, math.inf, 0.0, amounts / bound, weights, needed)
    if ratio.value is None or ratio.low is None or ratio.high is None:
        return beyond(len(weights))
    low = max(0.0, ratio.low)
    value, high = ratio.value / bound, ratio.high / bound
    return Reading(value, low / bound, high, math.inf, amounts / bound, weights, figure=ratio.value)


def _of_uncovered(coverage: Interval, covered: list[tuple[float, int]], bound: float) -> Reading:
    """Of mean coverage: what is missing of it, over what may be; it is read as coverage."""
    total, count = (np.array(column, dtype=np.float64) for column in zip(*covered, strict=True))
    if coverage.value is None or coverage.low is None or coverage.high is None:
        return beyond(len(total))
    value, low, high = ((1 - end) / (1 - bound) for end in (coverage.value, coverage.high, coverage.low))
    return Reading(value, low, high, math.inf, (count - total) / (1 - bound), count, figure=coverage.value)


def _of_share(objective: Objective, series: Series, is_searched: bool) -> Reading:
    allowed, bad = objective.allowed, ~series.finite
    assert allowed is not None, "it is about a share"
    if objective.p:
        bound = round(objective.bound / S_PER_NS)
        bad = series.values >= bound if objective.measure == "quantile" else series.values > bound
    return _of_bad(objective, series, bad, allowed, is_searched)


def _of_bad(objective: Objective, series: Series, bad: NDArray[np.bool_], allowed: float, is_searched: bool) -> Reading:
    """Read the share of ``bad`` (queries,) over what is allowed."""
    layout = series.layout
    in_block = layout.count_by_block(bad)
    counted = tally_blocks(in_block, layout)
    low, high = share_ends(counted, layout, series.clustering, series.expected, is_even=is_searched)
    return Reading(
        value=float(counted.bad[0]) / layout.queries / allowed,
        low=float(low[0]) / allowed,
        high=float(high[0]) / allowed,
        exceedances=effective_exceedances(in_block, layout, series.worth_one(1 - allowed)),
        amounts=np.array([count / allowed for count in layout.by_unit(bad)]),
        weights=layout.unit_sizes.astype(np.float64),
        figure=_figure(objective, series, float(counted.bad[0]) / layout.queries),
    )


def _figure(objective: Objective, series: Series, share: float) -> float | None:
    """The percentile of the objective in seconds, None among unfinished queries; the share where it is about none."""
    if not objective.p:
        return share
    place = min(len(series.values), max(1, math.ceil(round(objective.p * len(series.values), 6)))) - 1
    figure = float(np.partition(series.values, place)[place]) * S_PER_NS
    return figure if math.isfinite(figure) else None


def _largest(series: Series) -> F8:
    """(replications,) largest value of each."""
    return np.maximum.reduceat(series.values, np.cumsum(series.layout.sizes) - series.layout.sizes)
