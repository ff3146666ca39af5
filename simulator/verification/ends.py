"""Intervals of a long run at any level, and what they say of an exact value.

Means have t-intervals. The interval of a percentile are those values x, from the percentile outwards, for which the
interval of the share of queries later than x, at that level, does not leave out what the percentile says: the printed
interval at 95 % is not stretched, since its ends are order statistics. So ``theory.check`` judges, too; here the ends
are searched for, to be printed and drawn.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from simulator.stats.means import Interval
from simulator.stats.quantiles import Series, fraction
from simulator.theory import stretched, times_wider

#: A figure outside its interval at level 1 - MISS has missed; two independent misses are a failure.
MISS = 1e-3

#: Nanoseconds that rounding may move a percentile by; and the same, relatively.
ROUNDING_NS, ROUNDING = 2.0, 1e-9


@dataclass(frozen=True)
class Ends:
    """A figure and the ends of its interval at some level."""

    value: float
    low: float
    high: float

    def holds(self, exact: float) -> bool:
        """Whether an exact value lies within, up to rounding."""
        rounding = ROUNDING_NS * 1e-9 + ROUNDING * abs(exact)
        return self.low - rounding <= exact <= self.high + rounding

    def deviation(self, exact: float) -> float:
        """(value - exact) over the half of the interval on that side: beyond 1 either way it is outside."""
        difference = self.value - exact
        half = self.value - self.low if difference > 0 else self.high - self.value
        if self.holds(exact) and half <= 0:
            return 0.0
        return difference / half if half > 0 else math.copysign(math.inf, difference)


def mean_ends(interval: Interval, replications: int, alarm: float) -> Ends | None:
    """The t-interval of a mean at level 1 - ``alarm``."""
    if interval.value is None or interval.low is None or interval.high is None:
        return None
    wider = times_wider(replications, alarm)
    below, above = interval.value - interval.low, interval.high - interval.value
    return Ends(interval.value, interval.value - wider * below, interval.value + wider * above)


def share_ends(series: Series, bound_ns: float, alarm: float) -> Ends:
    """The share of values later than a bound, at level 1 - ``alarm``."""
    share = series.share(bound_ns, inclusive=False)
    wider = times_wider(series.layout.units, alarm)
    return Ends(share.value, *stretched((share.value, share.low, share.high), wider, alarm))


def quantile_ends(series: Series, p: float, alarm: float) -> Ends | None:
    """The ``p``-quantile at level 1 - ``alarm``, in the unit of the series, whole numbers; None: not supported."""
    quantile = series.quantile(p)
    if quantile.infinite or not quantile.supported or math.isinf(quantile.high):
        return None
    late, wider = float(1 - fraction(p)), times_wider(series.layout.units, alarm)

    def end(bound: int, is_upper: bool) -> float:
        share = series.share(float(bound), inclusive=is_upper)
        return stretched((share.value, share.low, share.high), wider, alarm)[is_upper]

    step = max(1, math.ceil((quantile.high - quantile.low) / 2))
    low = math.floor(quantile.low)
    below = low - step
    while below >= 0 and end(below, False) <= late:
        low, below, step = below, below - 2 * step, 2 * step
    low = _first(lambda x: end(x, False) <= late, max(below, -1), low)
    step = max(1, math.ceil((quantile.high - quantile.low) / 2))
    beyond, top = math.floor(quantile.high) - 1, math.ceil(series.largest_finite) + 1
    high = min(beyond + step, top)
    while high < top and end(high, True) >= late:
        beyond, high, step = high, min(high + 2 * step, top), 2 * step
    if high == top and end(top, True) >= late:  # even the largest value is not too large
        return Ends(quantile.pooled, float(low), math.inf)
    return Ends(quantile.pooled, float(low), float(_first(lambda x: end(x, True) < late, beyond, high)))


def _first(is_reached: Callable[[int], bool], below: int, at: int) -> int:
    """The least whole number in (``below``, ``at``] from which on something holds, given that it holds at ``at``."""
    while at - below > 1:
        middle = (below + at) // 2
        if is_reached(middle):
            at = middle
        else:
            below = middle
    return at
