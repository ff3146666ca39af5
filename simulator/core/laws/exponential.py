"""The exponential law."""

import math

import numpy as np

from simulator.core.elementary import log
from simulator.core.jit import formula
from simulator.core.laws import family
from simulator.core.plan import F8

CODE = 3


def terms(mean: float) -> family.Terms:
    """Exponential of mean a."""
    return family.Terms(CODE, mean)


@formula
def quantile(a: float, u: float) -> float:
    """Value at the uniform ``u``."""
    return -a * log(1.0 - u)


def moment(law: family.Terms, power: int) -> float:
    """Mean of the value to a power."""
    return law.a**power * math.factorial(power)


def cdf(law: family.Terms, x: F8) -> F8:
    """P(value <= x)."""
    return -np.expm1(-np.maximum(x, 0.0) / law.a)


_BY_MEAN = family.Statement(
    description="Exponential of this mean", arguments=(family.MEAN,), terms=terms, ways=({"mean": 1.0},)
)

FAMILY = family.Family(
    name="exponential",
    code=CODE,
    quantity=_BY_MEAN,
    factor=_BY_MEAN.of_mean_one("Exponential of mean 1"),
    moment=moment,
    cdf=cdf,
)
