"""The gamma law: a times a table over logit(u). scipy is imported when a table is made."""

import math
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from simulator.base.formats import shortest
from simulator.base.sums import dot
from simulator.core.elementary import exp, log
from simulator.core.jit import formula
from simulator.core.laws import constant, family
from simulator.core.plan import F8

CODE = 7

#: Points of a table over logit(u).
KNOTS = 4097
#: It goes from -LOGIT_END to LOGIT_END, that is from u = 1e-12 to 1 - 1e-12.
LOGIT_END = float(log(1.0 - 1e-12) - log(1e-12))
#: Bits of a quantile: fewer than processors agree on, and more than a table is good for.
BITS = 24
#: Beyond it a table no longer keeps its cv.
MOST_CV = 4


@lru_cache(maxsize=64)
def table(cv: float) -> tuple[float, ...]:
    """Quantiles of the gamma law of mean 1 and this cv > 0 at KNOTS points even in logit(u), rescaled to mean 1.

    What is drawn is the table, linear in logit(u) between its points: its mean is 1 exactly (the integral between two
    points over u has a closed form), its cv within 1e-4 of the stated up to cv 4. Its quantiles are within a relative
    (h cv^2)^2 / 8 of the law's, h = .0135 the step in logit(u): 1e-4 up to cv 1.4, .6 % of the low tail at cv 4.
    They are rounded to BITS, since scipy's differ in the last ones from processor to processor.
    """
    from scipy.special import gammainccinv, gammaincinv

    shape = 1 / cv**2
    logit = np.linspace(-LOGIT_END, LOGIT_END, KNOTS)
    odds = np.array([exp(x) for x in logit.tolist()])
    low, high = odds / (1 + odds), 1 / (1 + odds)  # u and 1 - u, each exact where it is small
    value = _rounded(np.where(logit < 0, gammaincinv(shape, low), gammainccinv(shape, high)) / shape)
    slope = np.diff(value) / np.diff(logit)
    nearer = np.minimum(odds, 1 / odds)
    below = np.maximum(logit, 0.0) + np.array([log(1.0 + x) for x in nearer.tolist()])  # integral of u over logit
    mean = value[-1] * low[-1] - value[0] * low[0] - dot(slope, np.diff(below))
    mean += value[0] * low[0] + value[-1] * high[-1]  # beyond the table it is constant
    return tuple((value / mean).tolist())


def _rounded(value: F8) -> F8:
    """To BITS each, as binary numbers."""
    part, exponent = np.frexp(value)
    return np.asarray(np.ldexp(np.rint(part * 2.0**BITS), exponent - BITS))


def terms(mean: float, cv: float) -> family.Terms:
    """Gamma of this mean and coefficient of variation (b), by a table of mean 1 times a."""
    return family.Terms(CODE, mean, cv, points=table(cv)) if cv > 0 else constant.terms(mean)


@formula
def quantile(points: F8, first: int, count: int, a: float, u: float) -> float:
    """Value at the uniform ``u``: a times a table over logit(u), linear between its ``count`` points."""
    place = (log(u) - log(1.0 - u) + LOGIT_END) * ((count - 1) / (2.0 * LOGIT_END))
    place = min(max(place, 0.0), count - 1.0)
    left = min(int(place), count - 2)
    low = points[first + left]
    return float(a * (low + (points[first + left + 1] - low) * (place - left)))


def moment(law: family.Terms, power: int) -> float:
    """Mean of the value to a power: that of the law itself, not of its table."""
    return law.a**power * math.prod(1 + i * law.b * law.b for i in range(power))


def cdf(law: family.Terms, x: F8) -> F8:
    """P(value <= x) of the law itself."""
    from scipy.special import gammainc

    shape = 1 / law.b**2
    return np.asarray(gammainc(shape, shape * np.maximum(x / law.a, 0.0)))


def _refusals(cv: float, mean: float) -> Iterable[family.Refusal]:
    if cv > MOST_CV:
        yield ("cv",), f"must be at most {MOST_CV}, got {shortest(cv)}; hyperexponential and lognormal go further"


_BY_MEAN = family.Statement(
    description="Gamma of this mean and cv",
    more_of_durations="; cv 1 / sqrt(k) is Erlang-k",
    arguments=(family.Argument("cv"), family.MEAN),
    terms=terms,
    refusals=_refusals,
    ways=tuple({"mean": 1.0, "cv": cv} for cv in (0.5, 0.1, 1.0, 2.0)),  # few, since a table is made for each
)

FAMILY = family.Family(
    name="gamma",
    code=CODE,
    quantity=_BY_MEAN,
    factor=_BY_MEAN.of_mean_one("Gamma of mean 1"),
    moment=moment,
    cdf=cdf,
    is_tabled=True,
)
