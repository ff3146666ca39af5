"""The lognormal law: exp(a + b z), z standard normal."""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from simulator.base.formats import shortest
from simulator.core.elementary import exp, normal_central, normal_quantile, normal_tail
from simulator.core.jit import formula, kernel
from simulator.core.laws import family
from simulator.core.plan import F8

CODE = 4

#: Beyond it the moments of a lognormal law leave the range of floats.
MOST_CV = 1000
#: Likewise of its p99 to its p50.
MOST_RATIO = 1e6


def terms(mean: float, cv: float) -> family.Terms:
    """exp(a + b z), z standard normal, of the given mean and coefficient of variation."""
    sigma2 = math.log1p(cv * cv)
    return family.Terms(CODE, math.log(mean) - sigma2 / 2, math.sqrt(sigma2))


def terms_by_quantiles(p50: float, p99: float) -> family.Terms:
    """The lognormal with this median and 99th percentile."""
    return family.Terms(CODE, math.log(p50), math.log(p99 / p50) / 2.3263478740408408)


@formula
def quantile(a: float, b: float, u: float) -> float:
    """Value at the uniform ``u``."""
    return exp(a + b * normal_quantile(u))


@kernel
def fill(a: float, b: float, count: int, u: F8, value: F8) -> None:
    """Fill the first ``count`` of ``value`` with the values at ``u``: tails apart, so that the rest is vectorised."""
    for i in range(count):
        value[i] = normal_central(u[i])
    for i in range(count):
        if abs(u[i] - 0.5) > 0.425:
            value[i] = normal_tail(u[i])
    for i in range(count):
        value[i] = exp(a + b * value[i])


def moment(law: family.Terms, power: int) -> float:
    """Mean of the value to a power."""
    return math.exp(power * law.a + (power * law.b) ** 2 / 2)


def cdf(law: family.Terms, x: F8) -> F8:
    """P(value <= x)."""
    from scipy.special import ndtr

    if is_constant(law):
        return family.step(x, math.exp(law.a))
    positive = x > 0
    return np.where(positive, ndtr((np.log(np.where(positive, x, 1.0)) - law.a) / law.b), 0.0)


def scaled(law: family.Terms, factor: float) -> Mapping[str, float]:
    """The logarithm of the median."""
    return {"a": law.a + math.log(factor)}


def is_constant(law: family.Terms) -> bool:
    """Whether it has no spread."""
    return law.b == 0.0


def _by_either(
    cv: float | None = None, mean: float | None = None, p50: float | None = None, p99: float | None = None
) -> family.Terms:
    if p50 is not None and p99 is not None:
        return terms_by_quantiles(p50, p99)
    assert mean is not None and cv is not None
    return terms(mean, cv)


def _refusals(
    cv: float | None = None, mean: float | None = None, p50: float | None = None, p99: float | None = None
) -> Iterable[family.Refusal]:
    if cv is not None and cv > MOST_CV:
        yield ("cv",), f"must be at most {MOST_CV}, got {shortest(cv)}"
    by_moments, by_quantiles = (mean, cv), (p50, p99)
    if any(x is not None for x in by_moments) and any(x is not None for x in by_quantiles):
        yield (), "give either mean and cv, or p50 and p99"
    elif None in by_moments and None in by_quantiles:
        yield (), "needs mean and cv, or p50 and p99"
    elif p50 is not None and p99 is not None and p99 < p50:
        yield ("p99",), "must not be below p50 ({p50}), got {p99}"
    elif p50 is not None and p99 is not None and p99 > MOST_RATIO * p50:
        yield ("p99",), f"must be at most {MOST_RATIO:g} times p50 ({{p50}}), got {{p99}}"


def _refusals_of_factor(cv: float) -> Iterable[family.Refusal]:
    return _refusals(cv, mean=1.0)


FAMILY = family.Family(
    name="lognormal",
    code=CODE,
    quantity=family.Statement(
        description="Lognormal by mean and cv, or by two percentiles",
        arguments=(
            family.Argument("cv", may_be_0=True, is_optional=True),
            family.Argument("mean", has_unit=True, is_optional=True),
            family.Argument("p50", has_unit=True, is_optional=True),
            family.Argument("p99", has_unit=True, is_optional=True),
        ),
        terms=_by_either,
        refusals=_refusals,
        ways=({"mean": 1.0, "cv": (0.1, 2.0)}, {"p50": 1.0, "p99": (2.0, 10.0)}),
    ),
    factor=family.Statement(
        description="Lognormal of mean 1",
        arguments=(family.Argument("cv", may_be_0=True),),
        terms=lambda cv: terms(1.0, cv),
        refusals=_refusals_of_factor,
        ways=({"cv": (0.1, 2.0)},),
    ),
    moment=moment,
    cdf=cdf,
    scaled=scaled,
    is_constant=is_constant,
)
