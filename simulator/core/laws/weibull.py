"""The Weibull law: a (-log(1 - u))**b."""

import math
from collections.abc import Iterable

import numpy as np

from simulator.base.formats import shortest
from simulator.core.elementary import log, power
from simulator.core.jit import formula
from simulator.core.laws import family
from simulator.core.plan import F8

CODE = 5

#: Below it a Weibull law has no moments that floats can hold.
LEAST_SHAPE = 0.1


def terms(mean: float, shape: float) -> family.Terms:
    """A (-log(1 - u))**b with b = 1 / shape and the scale a that gives the mean."""
    return family.Terms(CODE, mean / math.gamma(1 + 1 / shape), 1 / shape)


@formula
def quantile(a: float, b: float, u: float) -> float:
    """Value at the uniform ``u``."""
    return a * power(-log(1.0 - u), b)


def moment(law: family.Terms, power: int) -> float:
    """Mean of the value to a power."""
    return law.a**power * math.gamma(1 + power * law.b)


def cdf(law: family.Terms, x: F8) -> F8:
    """P(value <= x)."""
    return -np.expm1(-((np.maximum(x, 0.0) / law.a) ** (1 / law.b)))


def _refusals(shape: float, mean: float) -> Iterable[family.Refusal]:
    if shape < LEAST_SHAPE:
        yield ("shape",), f"must be at least {LEAST_SHAPE}, got {shortest(shape)}"


_BY_MEAN = family.Statement(
    description="Weibull of this mean and shape",
    arguments=(family.Argument("shape"), family.MEAN),
    terms=terms,
    refusals=_refusals,
    ways=({"mean": 1.0, "shape": (0.5, 4.0)},),
)

FAMILY = family.Family(
    name="weibull",
    code=CODE,
    quantity=_BY_MEAN,
    factor=_BY_MEAN.of_mean_one("Weibull of mean 1"),
    moment=moment,
    cdf=cdf,
)
