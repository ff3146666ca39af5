"""What was measured: one of some values, each as likely."""

import math
from collections.abc import Sequence

import numpy as np

from simulator.core.jit import formula
from simulator.core.laws import family
from simulator.core.plan import F8

CODE = 9


def terms(values: Sequence[float]) -> family.Terms:
    """One of these values, each as likely: the step function of their order statistics, times a."""
    return family.Terms(CODE, 1.0, points=tuple(sorted(float(value) for value in values)))


@formula
def quantile(points: F8, first: int, count: int, a: float, u: float) -> float:
    """Value at the uniform ``u``."""
    return float(a * points[first + min(int(u * count), count - 1)])


def moment(law: family.Terms, power: int) -> float:
    """Mean of the value to a power."""
    return law.a**power * math.fsum(value**power for value in law.points) / len(law.points)


def cdf(law: family.Terms, x: F8) -> F8:
    """P(value <= x)."""
    values = law.a * np.array(law.points)
    return np.asarray(np.searchsorted(values, x, side="right") / len(values))


def is_constant(law: family.Terms) -> bool:
    """Whether all values are one."""
    return law.points[0] == law.points[-1]


FAMILY = family.Family(
    name="empirical",
    code=CODE,
    quantity=family.BY_FILE,
    factor=family.BY_FILE,
    moment=moment,
    cdf=cdf,
    is_constant=is_constant,
)
