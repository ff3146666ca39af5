"""A mixture: one of several laws by their weights."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from simulator.core.jit import formula
from simulator.core.laws import constant, family
from simulator.core.plan import F8

CODE = 11

#: Nearest to 0 and 1 that a uniform comes.
_LEAST = 2.0**-53


def terms(parts: Sequence[tuple[float, Any]]) -> family.Terms:
    """One of several laws (not mixtures), each with a weight > 0."""
    exponent = math.frexp(max(weight for weight, _ in parts))[1]
    weights = [math.ldexp(weight, -exponent) for weight, _ in parts]  # exactly, and no sum overflows
    total = math.fsum(weights)
    return family.Terms(CODE, parts=tuple((one / total, law) for one, (_, law) in zip(weights, parts, strict=True)))


@formula
def left_of(u: float, low: float, high: float) -> float:
    """The uniform that is left of ``u`` once it has chosen the part from ``low`` to ``high``."""
    return min(max((u - low) / (high - low), _LEAST), 1.0 - _LEAST)


def moment(law: family.Terms, power: int) -> float:
    """Mean of the value to a power."""
    return math.fsum(share * part.moment(power) for share, part in law.parts)


def cdf(law: family.Terms, x: F8) -> F8:
    """P(value <= x)."""
    return np.asarray(sum(share * part.cdf(x) for share, part in law.parts))


def scaled(law: family.Terms, factor: float) -> Mapping[str, Any]:
    """All parts."""
    return {"parts": tuple((share, part.scaled(factor)) for share, part in law.parts)}


def is_constant(law: family.Terms) -> bool:
    """Whether all parts are one constant."""
    return len({part.a for _, part in law.parts if part.kind == constant.CODE}) == 1 and all(
        part.kind == constant.CODE for _, part in law.parts
    )


def ends(law: family.Terms, p: float) -> tuple[float, float]:
    """The least and the greatest percentile of a part."""
    percentiles = [part.percentile(p) for _, part in law.parts]
    return min(percentiles), max(percentiles)


FAMILY = family.Family(
    name="mixture",
    code=CODE,
    quantity=family.BY_PARTS,
    factor=family.BY_PARTS,
    moment=moment,
    cdf=cdf,
    scaled=scaled,
    is_constant=is_constant,
    ends=ends,
)
