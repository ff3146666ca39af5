"""Quantiles and their intervals, by inverting the interval of the share of later queries (statistics rules 2 and 3).

The ends of the share's interval are computed at every order statistic that can matter (``levels`` says which), from
running counts, so nothing is assumed about their shape. The true share of "later than x" cannot grow with x; the two
ends, as computed, sometimes do (where few queries are left, or where the share passes a half). So an upper end that
holds at x is taken to hold beyond x too, and a lower end before x: the running minimum and maximum. Quantile, objective
and interval are all read from these two lines, and so cannot disagree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simulator.core.plan import F8
from simulator.documents import parts
from simulator.stats.levels import Levels
from simulator.stats.means import NOTHING, Interval, mean_interval
from simulator.stats.order import Order
from simulator.stats.share import FEWEST_EXCEEDANCES, Layout, cluster_size, effective_exceedances
from simulator.theory import NOTHING_AHEAD, Ahead, Clusters

#: A percentile needs about this many effective exceedances for an honest interval (it is printed from 10 on).
ENOUGH_EXCEEDANCES = 15
#: An interval that spans a larger factor does not even tell the order of magnitude.
WIDEST = 4


def fraction(p: float) -> Fraction:
    """``p`` as the decimal fraction that was meant: .999 is 999/1000, not the binary number nearest to it."""
    return Fraction(p).limit_denominator(10**9)


def queries_needed(p: float, worth_one: float) -> int:
    """About how many, in all, support the ``p``-quantile where ``worth_one`` are worth one exceedance, at least 1.

    Two significant digits, rounded up.
    """
    needed = ENOUGH_EXCEEDANCES * max(1.0, worth_one) / min(p, 1 - p)
    unit = 10 ** max(0, math.floor(math.log10(needed)) - 1)
    return int(math.ceil(round(needed / unit, 9)) * unit)


def worth_ahead(clusters: Clusters, p: float, queries: int) -> float:
    """Queries, of ``queries`` a replication, that are worth one exceedance, by the plan and before any run.

    At least as many as make ``queries_needed`` enough to see the slow stretches that may lie there (rule 5).
    """
    rare = min(p, 1 - p)
    return max(clusters.ahead(p, queries), clusters.showing(rare) * rare / ENOUGH_EXCEEDANCES)


def _shown(low: float, high: float) -> float:
    """The effective exceedances that so wide an interval is worth; it goes with one over the root of their number.

    Those of an end that is not known are not limited.
    """
    if math.isinf(high) or high <= low:
        return math.inf
    return FEWEST_EXCEEDANCES * (math.log(WIDEST) / math.log(high / low)) ** 2 if low > 0 else 0.0


@dataclass(frozen=True)
class Share:
    """A share of queries and its 95 % interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> parts.Share:
        """``{"value", "low", "high"}``."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Quantile:
    """A quantile, with its interval and the number of effective exceedances that it rests on."""

    p: float  #: in (0, 1)
    pooled: float  #: the ceil(pN)-th of all N values; may be infinite
    low: float  #: at least 0
    high: float  #: may be infinite
    exceedances: float  #: effective number at the pooled quantile
    worth_one: float  #: queries that are worth one exceedance, by the plan where that says more than so short a run
    queries: int  #: N, once where all replications are the same
    largest_finite: float  #: nan if no value is finite
    is_wide: bool = False  #: whether its interval spans too large a factor, which alone is why it is not supported

    @property
    def infinite(self) -> bool:
        """Whether it falls among values that never came: only ``>= largest finite`` is known of it."""
        return math.isinf(self.pooled)

    @property
    def supported(self) -> bool:
        """Whether the sample supports it (statistics rule 3)."""
        return self.exceedances >= FEWEST_EXCEEDANCES

    @property
    def needed(self) -> int:
        """About how many queries, over all replications, would support it: ``queries_needed``."""
        seen = min(self.p, 1 - self.p) * self.queries / max(self.exceedances, 1.0)
        return queries_needed(self.p, max(self.worth_one, seen))

    def scaled(self, factor: float) -> Quantile:
        """The quantile in another unit; ``factor`` > 0."""
        pooled, low, high = self.pooled * factor, self.low * factor, self.high * factor
        largest = self.largest_finite * factor
        return replace(self, pooled=pooled, low=low, high=high, largest_finite=largest)

    def to_dict(self) -> parts.Percentile | None:
        """``{"value", "low", "high"}``; None if not supported.

        An infinite end is None. If the quantile itself is infinite, ``value`` is None, ``at_least`` true and
        ``largest_finite`` what is printed behind ``>=``.
        """
        if self.infinite:
            if math.isnan(self.largest_finite):
                return {"value": None, "low": None, "high": None, "at_least": True, "largest_finite": None}
            low = min(self.low, self.largest_finite)
            return {"value": None, "low": low, "high": None, "at_least": True, "largest_finite": self.largest_finite}
        if not self.supported:
            return None
        return {"value": self.pooled, "low": self.low, "high": None if math.isinf(self.high) else self.high}


class Series:
    """One value a measured query, pooled over replications: its quantiles, shares and mean, with intervals.

    Parameters
    ----------
    values
        (queries,) float64 >= 0 in order of replication and arrival; +inf where a query never got that far.
    layout
        How the queries fall on replications and blocks.
    clusters
        What the plan says of how late queries come together; None: nothing.
    is_part
        Whether they are only a part of a latency, which may be next to nothing: no interval of it is too wide.
    """

    def __init__(self, values: F8, layout: Layout, clusters: Clusters | None = None, *, is_part: bool = False) -> None:
        assert len(values) == layout.queries
        self.is_part = is_part
        self.values = values
        self.layout = layout
        self.clusters = clusters

    @cached_property
    def order(self) -> Order:
        """The values in ascending order."""
        return Order(self.values, self.layout)

    def order_statistic(self, p: float) -> float:
        """The ceil(pN)-th smallest of all N values, 0 < p < 1."""
        return self.order.value(math.ceil(fraction(p) * self.layout.queries))

    @cached_property
    def clustering(self) -> float:
        """Queries worth one independent query (``share.cluster_size``)."""
        middle = math.ceil(self.layout.queries / 2) - 1
        median = np.partition(self.values, middle)[middle]  # far less than their order
        return cluster_size(self.layout.count_by_block(self.values > median), self.layout)

    def worth_one(self, p: float) -> float:
        """Queries worth one independent exceedance of the ``p``-quantile: by the plan, if the run does not deny it."""
        seen = self._seen
        return seen if self.clusters is None else self.clusters.worth_one(p, int(self.layout.sizes.max()), seen)

    @property
    def _seen(self) -> float:
        # how the arrivals of a trace cluster is given; where nothing else is random, they are all that there is
        is_given = self.layout.is_shared and self.layout.repeats == 1
        return 1.0 if is_given else self.clustering

    @cached_property
    def expected(self) -> float:
        """Queries that are worth one by the plan, if the run does not deny it; 0 where the plan does not say."""
        is_said = self.clusters is not None and self.clusters.queue is not None
        return self.clusters.worth_one_waiting(self._seen) if self.clusters is not None and is_said else 0.0

    def _worth_ahead(self, p: float) -> float:
        """The same of a run that is long enough to show how queries cluster."""
        here = self.worth_one(p)
        return here if self.clusters is None else max(here, worth_ahead(self.clusters, p, int(self.layout.sizes.max())))

    def _exceedances(self, p: float, pooled: float) -> float:
        """Effective number of exceedances at the pooled ``p``-quantile, of earlier queries where p is below a half.

        Where several queries share the quantile exactly they count as well: a constant has no later values, yet nothing
        is better known than its percentiles.
        """
        order, sizes = self.order, self.layout.block_sizes
        rare = at_or_below = order.by_block(pooled)
        if p >= 0.5:
            below = order.by_block(pooled, below=True)
            tied = below.sum() == 0 or at_or_below.sum() - below.sum() > self.layout.repeats
            rare = sizes - (below if tied else at_or_below)
        return effective_exceedances(rare, self.layout, self.worth_one(p))

    @cached_property
    def _levels(self) -> Levels:
        return Levels(self.order, self.clustering, self.expected)

    def share(self, bound: float, *, inclusive: bool) -> Share:
        """Share of values later than ``bound``, or (``inclusive``) at it or later, with its interval."""
        levels, order = self._levels, self.order
        good = order.below(bound) if inclusive else order.at_or_below(bound)
        return Share(levels.share(good), levels.greatest_low(good), levels.least_high(good))

    def quantile(self, p: float) -> Quantile:
        """The ``p``-quantile, 0 < p < 1.

        low is the least observed value at which the lower end of the share later than it is at most 1 - p (0 if that
        holds before any value); high the least at which the upper end is below 1 - p: one order statistic above the
        greatest at which it is not, without which "p99 < x" could be undecided for an x above the printed interval,
        and a constant would lie outside its own. Infinite if there is none.
        """
        levels, order, bound = self._levels, self.order, float(1 - fraction(p))
        pooled = self.order_statistic(p)
        above = levels.last_low_above(bound, order.at_or_below(pooled))
        low = 0.0 if above is None else order.value(above + 1)
        below = levels.first_high_below(bound, order.below(pooled))
        high = math.inf if below is None else order.value(below)
        exceedances, queries = self._exceedances(p, pooled), self.layout.queries // self.layout.repeats
        is_wide = False
        if not self.is_part:
            shown = _shown(low, high)
            is_wide = shown < FEWEST_EXCEEDANCES <= exceedances
            exceedances = min(exceedances, shown)
        worth_one = self._worth_ahead(p)
        return Quantile(p, pooled, low, high, exceedances, worth_one, queries, self.largest_finite, is_wide)

    @cached_property
    def finite(self) -> NDArray[np.bool_]:
        """(queries,) whether the value is finite."""
        return np.isfinite(self.values)

    @cached_property
    def largest_finite(self) -> float:
        """The largest finite value; nan if there is none."""
        if self.finite.all():
            return self.order.largest
        return float(np.max(self.values, where=self.finite, initial=-math.inf)) if self.finite.any() else math.nan

    def mean(self, ahead: Ahead = NOTHING_AHEAD) -> Interval:
        """Mean of the finite values; ``ahead``: what is known of it without them, in their unit."""
        if not self.finite.any():
            return NOTHING
        return mean_interval(*self._sums, self.layout, ahead).at_least_0()

    @property
    def deviations(self) -> F8:
        """(blocks,) of the sums of finite values from what their mean says."""
        sums, counts = self._sums
        return sums - float(sums.sum()) / max(1.0, float(counts.sum())) * counts

    @cached_property
    def _sums(self) -> tuple[F8, F8]:
        """Sum and number of finite values: (blocks,) each."""
        known = self.values if self.finite.all() else np.where(self.finite, self.values, 0.0)
        return self.layout.by_block(known), self.layout.by_block(self.finite)
