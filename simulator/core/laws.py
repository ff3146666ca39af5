"""Laws of probability, each a function of one uniform in closed form: sampled by rules, integrated by theory.

A law is a kind and three arguments (``plan.LAW``). What its arguments mean is said in ``Law``'s constructors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.core.elementary import exp, log, power
from simulator.core.jit import formula, kernel
from simulator.core.plan import CONSTANT, EXPONENTIAL, F8, LAW, LOGNORMAL, NONE, PARETO, UNIFORM, WEIBULL, frozen


@formula
def _normal_central(u):  # type: ignore[no-untyped-def]
    """Standard normal quantile for |u - 1/2| <= .425."""
    q = u - 0.5
    r = 0.180625 - q * q
    top = 2.5090809287301226727e3 * r + 3.3430575583588128105e4
    top = ((top * r + 6.7265770927008700853e4) * r + 4.5921953931549871457e4) * r + 1.3731693765509461125e4
    top = ((top * r + 1.9715909503065514427e3) * r + 1.3314166789178437745e2) * r + 3.3871328727963666080e0
    low = 5.2264952788528545610e3 * r + 2.8729085735721942674e4
    low = ((low * r + 3.9307895800092710610e4) * r + 2.1213794301586595867e4) * r + 5.3941960214247511077e3
    low = ((low * r + 6.8718700749205790830e2) * r + 4.2313330701600911252e1) * r + 1.0
    return q * top / low


@kernel
def _normal_tail(u):  # type: ignore[no-untyped-def]
    """Standard normal quantile for |u - 1/2| > .425."""
    r = math.sqrt(-log(min(u, 1.0 - u)))
    if r <= 5.0:
        r -= 1.6
        top = 7.74545014278341407640e-4 * r + 2.27238449892691845833e-2
        top = ((top * r + 2.41780725177450611770e-1) * r + 1.27045825245236838258e0) * r + 3.64784832476320460504e0
        top = ((top * r + 5.76949722146069140550e0) * r + 4.63033784615654529590e0) * r + 1.42343711074968357734e0
        low = 1.05075007164441684324e-9 * r + 5.47593808499534494600e-4
        low = ((low * r + 1.51986665636164571966e-2) * r + 1.48103976427480074590e-1) * r + 6.89767334985100004550e-1
        low = ((low * r + 1.67638483018380384940e0) * r + 2.05319162663775882187e0) * r + 1.0
    else:
        r -= 5.0
        top = 2.01033439929228813265e-7 * r + 2.71155556874348757815e-5
        top = ((top * r + 1.24266094738807843860e-3) * r + 2.65321895265761230930e-2) * r + 2.96560571828504891230e-1
        top = ((top * r + 1.78482653991729133580e0) * r + 5.46378491116411436990e0) * r + 6.65790464350110377720e0
        low = 2.04426310338993978564e-15 * r + 1.42151175831644588870e-7
        low = ((low * r + 1.84631831751005468180e-5) * r + 7.86869131145613259100e-4) * r + 1.48753612908506148525e-2
        low = ((low * r + 1.36929880922735805310e-1) * r + 5.99832206555887937690e-1) * r + 1.0
    return math.copysign(top / low, u - 0.5)


@kernel
def normal_quantile(u):  # type: ignore[no-untyped-def]
    """Inverse of the standard normal distribution function at 0 < u < 1, to about 1e-16 (Wichura, 1988, AS 241)."""
    if abs(u - 0.5) <= 0.425:
        return _normal_central(u)
    return _normal_tail(u)


@formula
def _uniform(a, b, u):  # type: ignore[no-untyped-def]
    return a + (b - a) * u


@formula
def _exponential(a, u):  # type: ignore[no-untyped-def]
    return -a * log(1.0 - u)


@formula
def _weibull(a, b, u):  # type: ignore[no-untyped-def]
    return a * power(-log(1.0 - u), b)


@formula
def _pareto(a, b, c, u):  # type: ignore[no-untyped-def]
    return a * power(1.0 - u * c, b)


@formula
def quantile(laws, row, u):  # type: ignore[no-untyped-def]
    """Value of the law in ``laws[row]`` ((n,) LAW) at the uniform ``u`` of (0, 1); 0 where there is no law."""
    kind = laws[row]["kind"]
    a = laws[row]["a"]
    b = laws[row]["b"]
    if kind == CONSTANT:
        return a
    if kind == UNIFORM:
        return _uniform(a, b, u)
    if kind == EXPONENTIAL:
        return _exponential(a, u)
    if kind == LOGNORMAL:
        return exp(a + b * normal_quantile(u))
    if kind == WEIBULL:
        return _weibull(a, b, u)
    if kind == PARETO:
        return _pareto(a, b, laws[row]["c"], u)
    return 0.0


@kernel
def quantiles(laws, row, count, uniform, value):  # type: ignore[no-untyped-def]
    """Fill the first ``count`` of ``value`` with the law in ``laws[row]`` at each of ``uniform``: ``quantile``, fast.

    A loop a kind, so that the compiler vectorises it.
    """
    kind = laws[row]["kind"]
    a = laws[row]["a"]
    b = laws[row]["b"]
    c = laws[row]["c"]
    if kind == UNIFORM:
        for i in range(count):
            value[i] = _uniform(a, b, uniform[i])
    elif kind == EXPONENTIAL:
        for i in range(count):
            value[i] = _exponential(a, uniform[i])
    elif kind == LOGNORMAL:
        for i in range(count):
            value[i] = _normal_central(uniform[i])
        for i in range(count):
            if abs(uniform[i] - 0.5) > 0.425:
                value[i] = _normal_tail(uniform[i])
        for i in range(count):
            value[i] = exp(a + b * value[i])
    elif kind == WEIBULL:
        for i in range(count):
            value[i] = _weibull(a, b, uniform[i])
    elif kind == PARETO:
        for i in range(count):
            value[i] = _pareto(a, b, c, uniform[i])
    else:
        constant = a if kind == CONSTANT else 0.0
        for i in range(count):
            value[i] = constant


@formula
def is_drawn(laws, row):  # type: ignore[no-untyped-def]
    """Whether the law's values need a random number."""
    kind = laws[row]["kind"]
    return kind != NONE and kind != CONSTANT


@dataclass(frozen=True)
class Law:
    """A law by its kind and arguments. Immutable; compare with ``==``.

    >>> Law.exponential(2.0).mean()
    2.0
    >>> round(Law.lognormal(1.0, 0.5).cv2(), 12)
    0.25
    """

    kind: int
    a: float = 0.0
    b: float = 0.0
    c: float = 0.0

    @staticmethod
    def none() -> Law:
        """The absence of a law."""
        return Law(NONE)

    @staticmethod
    def constant(value: float) -> Law:
        """Always ``value`` (a)."""
        return Law(CONSTANT, value)

    @staticmethod
    def uniform(low: float, high: float) -> Law:
        """Uniform between ``low`` (a) and ``high`` (b)."""
        return Law(UNIFORM, low, high)

    @staticmethod
    def exponential(mean: float) -> Law:
        """Exponential of mean a."""
        return Law(EXPONENTIAL, mean)

    @staticmethod
    def lognormal(mean: float, cv: float) -> Law:
        """exp(a + b z), z standard normal, of the given mean and coefficient of variation."""
        sigma2 = math.log1p(cv * cv)
        return Law(LOGNORMAL, math.log(mean) - sigma2 / 2, math.sqrt(sigma2))

    @staticmethod
    def lognormal_quantiles(p50: float, p99: float) -> Law:
        """The lognormal with this median and 99th percentile."""
        return Law(LOGNORMAL, math.log(p50), math.log(p99 / p50) / 2.3263478740408408)

    @staticmethod
    def weibull(mean: float, shape: float) -> Law:
        """A (-log(1 - u))**b with b = 1 / shape and the scale a that gives the mean."""
        return Law(WEIBULL, mean / math.gamma(1 + 1 / shape), 1 / shape)

    @staticmethod
    def pareto(minimum: float, shape: float, maximum: float = math.inf) -> Law:
        """A (1 - c u)**b with b = -1 / shape; c < 1 bounds it at ``maximum``."""
        return Law(PARETO, minimum, -1 / shape, 1 - (minimum / maximum) ** shape)

    @staticmethod
    def from_row(row: Any) -> Law:
        """The law of one record of a LAW array."""
        return Law(int(row["kind"]), float(row["a"]), float(row["b"]), float(row["c"]))

    def rows(self) -> NDArray[np.void]:
        """The law as a (1,) LAW array, read-only like those of a Plan."""
        return frozen([(self.kind, self.a, self.b, self.c)], LAW)

    def scaled(self, factor: float) -> Law:
        """The law of ``factor`` times the value; ``factor`` > 0."""
        if self.kind == LOGNORMAL:
            return Law(LOGNORMAL, self.a + math.log(factor), self.b)
        if self.kind == UNIFORM:
            return Law(UNIFORM, self.a * factor, self.b * factor)
        return Law(self.kind, self.a * factor, self.b, self.c)

    def moment(self, power: int) -> float:
        """Mean of the value to the given power (>= 1), possibly infinite."""
        a, b, c = self.a, self.b, self.c
        if self.kind == CONSTANT:
            return a**power
        if self.kind == UNIFORM:
            return sum(a**i * b ** (power - i) for i in range(power + 1)) / (power + 1)
        if self.kind == EXPONENTIAL:
            return a**power * math.factorial(power)
        if self.kind == LOGNORMAL:
            return math.exp(power * a + (power * b) ** 2 / 2)
        if self.kind == WEIBULL:
            return a**power * math.gamma(1 + power * b)
        if self.kind == PARETO:
            exponent = power * b + 1  # integral of (1 - c u)**(power b) over (0, 1)
            if c == 1.0:
                return a**power / exponent if exponent > 0 else math.inf
            if exponent == 0.0:
                return -(a**power) * math.log1p(-c) / c
            return float(a**power * (1 - (1 - c) ** exponent) / (c * exponent))
        return 0.0

    def mean(self) -> float:
        """Mean, possibly infinite."""
        return self.moment(1)

    def second_moment(self) -> float:
        """Mean of the square, possibly infinite."""
        return self.moment(2)

    def cv2(self) -> float:
        """Squared coefficient of variation; 0 where the mean is 0, infinite where a moment is."""
        mean, second = self.moment(1), self.moment(2)
        if math.isinf(second):
            return math.inf
        return max(0.0, second / mean**2 - 1) if mean > 0 else 0.0

    def is_constant(self) -> bool:
        """Whether every draw gives the same value."""
        if self.kind == UNIFORM:
            return self.a == self.b
        return self.kind in (NONE, CONSTANT) or (self.kind == LOGNORMAL and self.b == 0.0)

    def quantile(self, u: float) -> float:
        """Value at the uniform ``u`` of (0, 1)."""
        return float(quantile(self.rows(), 0, u))

    def quantiles(self, uniform: F8) -> F8:
        """Values at an array of uniforms."""
        value = np.empty(len(uniform))
        quantiles(self.rows(), 0, len(value), uniform, value)
        return value

    def cdf(self, x: F8) -> F8:
        """P(value <= x) for an array x."""
        x = np.asarray(x, dtype=np.float64)
        if self.kind == CONSTANT or self.kind == NONE:
            return np.where(x >= self.a, 1.0, 0.0)
        if self.kind == UNIFORM:
            if self.a == self.b:
                return np.where(x >= self.a, 1.0, 0.0)
            return np.clip((x - self.a) / (self.b - self.a), 0.0, 1.0)
        if self.kind == EXPONENTIAL:
            return -np.expm1(-np.maximum(x, 0.0) / self.a)
        if self.kind == LOGNORMAL:
            return _lognormal_cdf(x, self.a, self.b)
        if self.kind == WEIBULL:
            return -np.expm1(-((np.maximum(x, 0.0) / self.a) ** (1 / self.b)))
        inside = 1.0 - (np.maximum(x, self.a) / self.a) ** (1 / self.b)
        return np.clip(inside / self.c, 0.0, 1.0)


def _lognormal_cdf(x: F8, a: float, b: float) -> F8:
    from scipy.special import ndtr

    if b == 0.0:
        return np.where(x >= math.exp(a), 1.0, 0.0)
    positive = x > 0
    return np.where(positive, ndtr((np.log(np.where(positive, x, 1.0)) - a) / b), 0.0)
