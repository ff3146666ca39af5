"""The uniform law."""

from collections.abc import Iterable, Mapping

import numpy as np

from simulator.base.formats import shortest
from simulator.core.jit import formula
from simulator.core.laws import family
from simulator.core.plan import F8

CODE = 2


def terms(low: float, high: float) -> family.Terms:
    """Uniform between ``low`` (a) and ``high`` (b)."""
    return family.Terms(CODE, low, high)


@formula
def quantile(a: float, b: float, u: float) -> float:
    """Value at the uniform ``u``."""
    return a + (b - a) * u


def moment(law: family.Terms, power: int) -> float:
    """Mean of the value to a power."""
    return sum(law.a**i * law.b ** (power - i) for i in range(power + 1)) / (power + 1)


def cdf(law: family.Terms, x: F8) -> F8:
    """P(value <= x)."""
    if is_constant(law):
        return family.step(x, law.a)
    return np.clip((x - law.a) / (law.b - law.a), 0.0, 1.0)


def scaled(law: family.Terms, factor: float) -> Mapping[str, float]:
    """Both ends."""
    return {"a": law.a * factor, "b": law.b * factor}


def is_constant(law: family.Terms) -> bool:
    """Whether its ends are one."""
    return law.a == law.b


def _refusals(low: float, high: float) -> Iterable[family.Refusal]:
    if high < low:
        yield ("high",), "must not be below low ({low}), got {high}"


def _refusals_of_factor(low: float) -> Iterable[family.Refusal]:
    if low > 1:
        yield ("low",), f"a factor has mean 1, so low is from 0 to 1, got {shortest(low)}"


FAMILY = family.Family(
    name="uniform",
    code=CODE,
    quantity=family.Statement(
        description="Uniform between two {units}",
        arguments=(
            family.Argument("low", has_unit=True, may_be_0=True),
            family.Argument("high", has_unit=True),
        ),
        terms=terms,
        refusals=_refusals,
        ways=({"low": (0.0, 1.0), "high": (1.0, 3.0)},),
    ),
    factor=family.Statement(
        description="Uniform of mean 1: high is 2 - low",
        arguments=(family.Argument("low", may_be_0=True),),
        terms=lambda low: terms(low, 2.0 - low),
        refusals=_refusals_of_factor,
        ways=({"low": (0.0, 1.0)},),
    ),
    moment=moment,
    cdf=cdf,
    scaled=scaled,
    is_constant=is_constant,
)
