"""A law by its percentiles, as a dashboard gives them: log value linear in log(1 - q) between (pieces of Pareto laws).

Constant below the first, the last slope beyond the last, up to 1 - q = 1e-6. Joined so, stable services of a published
benchmark are met to 1.2 % at a percentile left out; joined linearly, to 7.2 %.
"""

import math
from collections.abc import Mapping

import numpy as np

from simulator.core.elementary import power
from simulator.core.jit import formula
from simulator.core.laws import family
from simulator.core.plan import F8

CODE = 12

#: 1 - q where the law ends.
LEAST = 1e-6


def terms(values: Mapping[float, float]) -> family.Terms:
    """Values > 0, non-decreasing, by percentile in percent, two at least, in (0, 100 (1 - LEAST)]. Times a.

    The table: 1 - q of each knot, its value, and the power by which values grow from it on as 1 - u falls.
    """
    percents = sorted(values)
    above = [1 - percent / 100 for percent in percents]
    value = [values[percent] for percent in percents]
    powers = [math.log(value[i] / value[i + 1]) / math.log(above[i] / above[i + 1]) for i in range(len(percents) - 1)]
    return family.Terms(CODE, 1.0, points=(*above, *value, *powers, powers[-1]))


@formula
def quantile(points: F8, first: int, count: int, a: float, u: float) -> float:
    """Value at the uniform ``u``: of a table of ``count`` shares above, as many values and as many powers."""
    above = max(1.0 - u, LEAST)
    if above >= points[first]:
        return float(a * points[first + count])
    low = 0
    high = count
    while high - low > 1:  # points[low] > above >= points[high]
        middle = (low + high) >> 1
        if points[first + middle] > above:
            low = middle
        else:
            high = middle
    at = first + low
    value = points[at + count] * power(above / points[at], points[at + 2 * count])
    if low + 1 < count:
        value = min(value, points[at + count + 1])  # whatever is rounded
    return float(a * value)


def _columns(law: family.Terms) -> tuple[F8, F8, F8]:
    """Shares above the knots, values of ``a`` = 1, and powers."""
    above, value, powers = np.array(law.points).reshape(3, -1)
    return above, value, powers


def moment(law: family.Terms, power: int) -> float:
    """Mean of the value to a power: of each piece the integral of (value (s / above) ** slope) ** power over s."""
    above, value, slopes = _columns(law)
    ends = np.append(above[1:], LEAST)
    total = (1 - above[0]) * value[0] ** power
    for start, end, at, slope in zip(above, ends, value, slopes, strict=True):
        exponent = power * slope + 1
        ratio = end / start
        inside = -math.log(ratio) if exponent == 0 else (1 - ratio**exponent) / exponent
        total += start * at**power * inside
    return float(law.a**power * (total + LEAST * (value[-1] * (LEAST / above[-1]) ** slopes[-1]) ** power))


def cdf(law: family.Terms, x: F8) -> F8:
    """P(value <= x)."""
    above, value, slopes = _columns(law)
    most = law.a * value[-1] * (LEAST / above[-1]) ** slopes[-1]
    place = np.searchsorted(law.a * value, x, side="right") - 1
    at = np.maximum(place, 0)
    with np.errstate(divide="ignore"):
        inverse = np.where(slopes[at] < 0, 1 / np.where(slopes[at] < 0, slopes[at], -1.0), 0.0)
    left = above[at] * (np.maximum(x, law.a * value[at]) / (law.a * value[at])) ** inverse
    return np.where(place < 0, 0.0, np.where(x >= most, 1.0, 1 - np.maximum(left, LEAST)))


def is_constant(law: family.Terms) -> bool:
    """Whether all values are one."""
    _, value, _ = _columns(law)
    return bool(value[0] == value[-1])


FAMILY = family.Family(
    name="percentiles",
    code=CODE,
    quantity=family.BY_PERCENTILES,
    factor=family.BY_PERCENTILES,
    moment=moment,
    cdf=cdf,
    is_constant=is_constant,
    columns=3,
)
