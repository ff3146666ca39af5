"""The hyperexponential law: one of two exponentials, each with half the mean."""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from simulator.base.formats import shortest
from simulator.core.jit import formula
from simulator.core.laws import exponential, family
from simulator.core.laws.lognormal import MOST_CV
from simulator.core.laws.mixture import left_of
from simulator.core.plan import F8

CODE = 8


def terms(mean: float, cv: float) -> family.Terms:
    """With probability c exponential of mean a, else of mean b; either part has half the mean; cv >= 1."""
    share = (1 + math.sqrt((cv * cv - 1) / (cv * cv + 1))) / 2
    return family.Terms(CODE, mean / (2 * share), mean / (2 * (1 - share)), share)


@formula
def quantile(a: float, b: float, c: float, u: float) -> float:
    """Value at the uniform ``u``, which chooses the part first."""
    return exponential.quantile(a, left_of(u, 0.0, c)) if u < c else exponential.quantile(b, left_of(u, c, 1.0))


def moment(law: family.Terms, power: int) -> float:
    """Mean of the value to a power."""
    return float(math.factorial(power) * (law.c * law.a**power + (1 - law.c) * law.b**power))


def cdf(law: family.Terms, x: F8) -> F8:
    """P(value <= x)."""
    late = np.maximum(x, 0.0)
    return -law.c * np.expm1(-late / law.a) - (1 - law.c) * np.expm1(-late / law.b)


def scaled(law: family.Terms, factor: float) -> Mapping[str, float]:
    """Both means."""
    return {"a": law.a * factor, "b": law.b * factor}


def ends(law: family.Terms, p: float) -> tuple[float, float]:
    """Percentiles of the parts."""
    near, far = sorted(-mean * math.log1p(-p) for mean in (law.a, law.b))
    return near, far


def _refusals(cv: float, mean: float) -> Iterable[family.Refusal]:
    if not 1 <= cv <= MOST_CV:
        yield ("cv",), f"must be from 1 to {MOST_CV}, got {shortest(cv)}; below 1 take gamma"


_BY_MEAN = family.Statement(
    description="Two exponentials, each with half the mean",
    more_of_durations=": many short, few long",
    arguments=(family.Argument("cv"), family.MEAN),
    terms=terms,
    refusals=_refusals,
    ways=({"mean": 1.0, "cv": (1.0, 5.0)},),
)

FAMILY = family.Family(
    name="hyperexponential",
    code=CODE,
    quantity=_BY_MEAN,
    factor=_BY_MEAN.of_mean_one("Two exponentials of mean 1 together"),
    moment=moment,
    cdf=cdf,
    scaled=scaled,
    ends=ends,
)
