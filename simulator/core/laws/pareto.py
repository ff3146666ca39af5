"""The Pareto law, bounded or not: a (1 - c u)**b."""

import math
from collections.abc import Iterable

import numpy as np

from simulator.base.formats import shortest
from simulator.core.elementary import power
from simulator.core.jit import formula
from simulator.core.laws import family
from simulator.core.plan import F8

CODE = 6


def terms(minimum: float, shape: float, maximum: float = math.inf) -> family.Terms:
    """A (1 - c u)**b with b = -1 / shape; c < 1 bounds it at ``maximum``."""
    return family.Terms(CODE, minimum, -1 / shape, 1 - (minimum / maximum) ** shape)


@formula
def quantile(a: float, b: float, c: float, u: float) -> float:
    """Value at the uniform ``u``."""
    return a * power(1.0 - u * c, b)


def moment(law: family.Terms, power: int) -> float:
    """Mean of the value to a power, possibly infinite."""
    a, c = law.a, law.c
    exponent = power * law.b + 1  # integral of (1 - c u)**(power b) over (0, 1)
    if c == 1.0:
        return a**power / exponent if exponent > 0 else math.inf
    if exponent == 0.0:
        return -(a**power) * math.log1p(-c) / c
    return float(a**power * (1 - (1 - c) ** exponent) / (c * exponent))


def cdf(law: family.Terms, x: F8) -> F8:
    """P(value <= x)."""
    inside = 1.0 - (np.maximum(x, law.a) / law.a) ** (1 / law.b)
    return np.clip(inside / law.c, 0.0, 1.0)


def _refusals(shape: float, minimum: float, maximum: float | None = None) -> Iterable[family.Refusal]:
    most = math.inf if maximum is None else maximum
    if most <= minimum:
        yield ("maximum",), "must be above minimum ({minimum}), got {maximum}"
    elif math.isfinite(most) and (minimum / most) ** shape < 1e-15:
        yield ("maximum",), "so far above minimum that it is never reached; lower it, or leave it out"
    if math.isinf(most) and shape <= 1:
        yield ("shape",), f"has an infinite mean at {shortest(shape)}; use a shape above 1, or give a maximum"


def _by_minimum(shape: float, minimum: float, maximum: float | None = None) -> family.Terms:
    return terms(minimum, shape, math.inf if maximum is None else maximum)


def _ends_of_factor(shape: float, spread: float) -> tuple[float, float]:
    """Minimum and maximum of the law of mean 1 with this ratio between them."""
    if spread <= 1 or (math.isinf(spread) and shape <= 1):
        return 1.0, spread  # refused
    minimum = 1 / moment(terms(1.0, shape, spread), 1)
    return minimum, minimum * spread


def _of_mean_one(shape: float, spread: float | None = None) -> family.Terms:
    minimum, maximum = _ends_of_factor(shape, math.inf if spread is None else spread)
    return terms(minimum, shape, maximum)


def _refusals_of_factor(shape: float, spread: float | None = None) -> Iterable[family.Refusal]:
    spread = math.inf if spread is None else spread
    minimum, maximum = _ends_of_factor(shape, spread)
    for path, message in _refusals(shape, minimum, maximum):
        if path == ("maximum",):
            wrong = f"maximum / minimum must be above 1, got {shortest(spread)}"
            yield ("spread",), wrong if maximum <= minimum else message
        else:
            yield path, message.replace("maximum", "spread (maximum / minimum)")


FAMILY = family.Family(
    name="pareto",
    code=CODE,
    quantity=family.Statement(
        description="Pareto from a minimum on, bounded if a maximum is given",
        arguments=(
            family.Argument("shape"),
            family.Argument("minimum", has_unit=True),
            family.Argument("maximum", has_unit=True, is_optional=True),
        ),
        terms=_by_minimum,
        refusals=_refusals,
        ways=(
            {"minimum": 0.3, "shape": (0.9, 4.0), "maximum": 10.0},
            {"minimum": 0.3, "shape": (2.5, 4.0)},
        ),
    ),
    factor=family.Statement(
        description="Pareto of mean 1; its maximum, if given, is a multiple of its minimum",
        arguments=(family.Argument("shape"), family.Argument("spread", is_optional=True)),
        terms=_of_mean_one,
        refusals=_refusals_of_factor,
        ways=({"shape": (0.9, 4.0), "spread": 100.0}, {"shape": (2.5, 4.0)}),
    ),
    moment=moment,
    cdf=cdf,
)
