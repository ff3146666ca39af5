"""The constant law, and the absence of a law, whose value is 0."""

from simulator.core.jit import formula
from simulator.core.laws import family
from simulator.core.plan import CONSTANT, F8, NONE

CODE, ABSENT_CODE = CONSTANT, NONE


def absent() -> family.Terms:
    """The absence of a law."""
    return family.Terms(ABSENT_CODE)


def terms(value: float) -> family.Terms:
    """Always ``value`` (a)."""
    return family.Terms(CODE, value)


@formula
def quantile(kind: int, a: float) -> float:
    """Value at any uniform."""
    return a if kind == CODE else 0.0


def moment(law: family.Terms, power: int) -> float:
    """Mean of the value to a power."""
    return law.a**power


def cdf(law: family.Terms, x: F8) -> F8:
    """P(value <= x)."""
    return family.step(x, law.a)


def _always(_: family.Terms) -> bool:
    return True


FAMILY = family.Family(
    name="constant",
    code=CODE,
    quantity=family.Statement(
        description="Always the same {unit}",
        arguments=(family.Argument("value", has_unit=True, may_be_0=True),),
        terms=terms,
        ways=({"value": 1.0},),
    ),
    factor=family.Statement(description="No spread: always 1", arguments=(), terms=lambda: terms(1.0), ways=({},)),
    moment=moment,
    cdf=cdf,
    is_constant=_always,
)

ABSENT = family.Family(
    name="none",
    code=ABSENT_CODE,
    quantity=family.NOT_STATED,
    factor=family.NOT_STATED,
    moment=moment,
    cdf=cdf,
    is_constant=_always,
)
