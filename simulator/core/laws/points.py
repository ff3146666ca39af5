"""A distribution function by its points, linear between: a file of values with shares, a plug-in's law."""

from collections.abc import Sequence

import numpy as np

from simulator.base.sums import dot
from simulator.core.jit import formula
from simulator.core.laws import family
from simulator.core.plan import F8

CODE = 10


def terms(values: Sequence[float], cdf: Sequence[float]) -> family.Terms:
    """P(value <= values[i]) = cdf[i], linear between; both non-decreasing, cdf ends at 1. Times a."""
    return family.Terms(CODE, 1.0, points=(*(float(p) for p in cdf), *(float(value) for value in values)))


@formula
def quantile(points: F8, first: int, count: int, a: float, u: float) -> float:
    """Value at ``u``: a times a table of ``count`` cumulated probabilities, then as many values, linear between."""
    if u <= points[first]:
        return float(a * points[first + count])
    below = 0
    above = count - 1
    if u >= points[first + above]:
        return float(a * points[first + count + above])
    while above - below > 1:  # points[below] < u <= points[above]
        middle = (below + above) >> 1
        if points[first + middle] < u:
            below = middle
        else:
            above = middle
    part = (u - points[first + below]) / (points[first + above] - points[first + below])
    low = points[first + count + below]
    return float(a * (low + (points[first + count + above] - low) * part))


def _columns(law: family.Terms) -> tuple[F8, F8]:
    """Cumulated probabilities, and values of ``a`` = 1."""
    count = len(law.points) // 2
    return np.array(law.points[:count]), np.array(law.points[count:])


def moment(law: family.Terms, power: int) -> float:
    """Mean of the value to a power."""
    cdf, value = _columns(law)
    low, high = value[:-1], value[1:]
    # the mean of v**n between low and high: (high**(n+1) - low**(n+1)) / ((n+1) (high - low)), without the division
    inside = sum(low**i * high ** (power - i) for i in range(power + 1)) / (power + 1)
    of_table = cdf[0] * value[0] ** power + dot(np.diff(cdf), np.asarray(inside)) + (1 - cdf[-1]) * value[-1] ** power
    return law.a**power * float(of_table)


def cdf(law: family.Terms, x: F8) -> F8:
    """P(value <= x)."""
    share, value = _columns(law)
    count, x = len(share), x / law.a
    place = np.searchsorted(value, x, side="right") - 1
    left = np.clip(place, 0, count - 1)
    right = np.minimum(left + 1, count - 1)
    width = value[right] - value[left]
    part = np.where(width > 0, (x - value[left]) / np.where(width > 0, width, 1.0), 0.0)
    inside = share[left] + part * (share[right] - share[left])
    return np.where(place < 0, 0.0, np.where(place >= count - 1, 1.0, inside))


def is_constant(law: family.Terms) -> bool:
    """Whether all values are one."""
    return law.points[len(law.points) // 2] == law.points[-1]


FAMILY = family.Family(
    name="points",
    code=CODE,
    quantity=family.NOT_STATED,  # a file with shares, of kind empirical, is one
    factor=family.NOT_STATED,
    moment=moment,
    cdf=cdf,
    is_constant=is_constant,
    columns=2,
)
