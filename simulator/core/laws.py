"""Laws of probability, each a function of one uniform: what they are, their moments and distribution functions.

They are sampled in ``sampling``; ``LawTable`` lays several out as the arrays that a Plan holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.core import sampling
from simulator.core.law_tables import gamma_cdf, gamma_points, least_reaching, points_cdf, points_moment
from simulator.core.plan import (
    CONSTANT,
    EMPIRICAL,
    EXPONENTIAL,
    F8,
    GAMMA,
    HYPEREXPONENTIAL,
    LAW,
    LOGNORMAL,
    MIXTURE,
    NONE,
    PARETO,
    POINTS,
    UNIFORM,
    WEIBULL,
    frozen,
)


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
    points: tuple[float, ...] = ()  #: a table, of mean 1 or in the unit of ``a`` = 1
    parts: tuple[tuple[float, Law], ...] = ()  #: of a mixture: (share, law), shares in sum 1

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
    def hyperexponential(mean: float, cv: float) -> Law:
        """With probability c exponential of mean a, else of mean b; either part has half the mean; cv >= 1."""
        share = (1 + math.sqrt((cv * cv - 1) / (cv * cv + 1))) / 2
        return Law(HYPEREXPONENTIAL, mean / (2 * share), mean / (2 * (1 - share)), share)

    @staticmethod
    def gamma(mean: float, cv: float) -> Law:
        """Gamma of this mean and coefficient of variation (b), by a table of mean 1 times a (``law_tables``)."""
        return Law(GAMMA, mean, cv, points=gamma_points(cv)) if cv > 0 else Law.constant(mean)

    @staticmethod
    def empirical(values: Sequence[float]) -> Law:
        """One of these values, each as likely: the step function of their order statistics, times a."""
        return Law(EMPIRICAL, 1.0, points=tuple(sorted(float(value) for value in values)))

    @staticmethod
    def empirical_cdf(values: Sequence[float], cdf: Sequence[float]) -> Law:
        """P(value <= values[i]) = cdf[i], linear between; both non-decreasing, cdf ends at 1. Times a."""
        return Law(POINTS, 1.0, points=(*(float(p) for p in cdf), *(float(value) for value in values)))

    @staticmethod
    def mixture(parts: Sequence[tuple[float, Law]]) -> Law:
        """One of several laws (not mixtures), each with a weight > 0."""
        total = math.fsum(weight for weight, _ in parts)
        return Law(MIXTURE, parts=tuple((weight / total, law) for weight, law in parts))

    def scaled(self, factor: float) -> Law:
        """The law of ``factor`` times the value; ``factor`` > 0."""
        if self.kind == LOGNORMAL:
            return Law(LOGNORMAL, self.a + math.log(factor), self.b)
        if self.kind in (UNIFORM, HYPEREXPONENTIAL):
            return replace(self, a=self.a * factor, b=self.b * factor)
        if self.kind == MIXTURE:
            return replace(self, parts=tuple((share, law.scaled(factor)) for share, law in self.parts))
        return replace(self, a=self.a * factor)

    def moment(self, power: int) -> float:
        """Mean of the value to the given power (>= 1), possibly infinite; of a gamma law, of the law itself."""
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
        if self.kind == HYPEREXPONENTIAL:
            return float(math.factorial(power) * (c * a**power + (1 - c) * b**power))
        if self.kind == GAMMA:
            return a**power * math.prod(1 + i * b * b for i in range(power))
        if self.kind == EMPIRICAL:
            return a**power * math.fsum(value**power for value in self.points) / len(self.points)
        if self.kind == POINTS:
            return a**power * points_moment(self.points, power)
        return math.fsum(share * law.moment(power) for share, law in self.parts)

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
        if self.kind == EMPIRICAL:
            return self.points[0] == self.points[-1]
        if self.kind == POINTS:
            return self.points[len(self.points) // 2] == self.points[-1]
        if self.kind == MIXTURE:
            return len({law.a for _, law in self.parts if law.kind == CONSTANT}) == 1 and all(
                law.kind == CONSTANT for _, law in self.parts
            )
        return self.kind in (NONE, CONSTANT) or (self.kind == LOGNORMAL and self.b == 0.0)

    def quantile(self, u: float) -> float:
        """Value at the uniform ``u`` of (0, 1); see ``sampling.quantile``."""
        return float(self.quantiles(np.array([u]))[0])

    def quantiles(self, uniform: F8) -> F8:
        """Values at an array of uniforms."""
        table = LawTable.of([self])
        value = np.empty(len(uniform))
        sampling.quantiles(table.laws, table.parts, table.points, 0, len(value), uniform, value)
        return value

    def percentile(self, p: float) -> float:
        """The least x with P(value <= x) >= p, 0 < p < 1: ``quantile`` where that grows with the uniform."""
        if self.kind == MIXTURE:
            ends = [law.percentile(p) for _, law in self.parts]
        elif self.kind == HYPEREXPONENTIAL:
            ends = [-mean * math.log1p(-p) for mean in (self.a, self.b)]
        else:
            return self.quantile(p)
        return least_reaching(lambda x: float(self.cdf(np.array([x]))[0]), p, min(ends), max(ends))

    def least(self) -> float:
        """About the least value: that at p = 1e-15."""
        return self.percentile(1e-15)

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
        if self.kind == HYPEREXPONENTIAL:
            late = np.maximum(x, 0.0)
            return -self.c * np.expm1(-late / self.a) - (1 - self.c) * np.expm1(-late / self.b)
        if self.kind == GAMMA:
            return gamma_cdf(x / self.a, self.b)
        if self.kind == EMPIRICAL:
            values = self.a * np.array(self.points)
            return np.asarray(np.searchsorted(values, x, side="right") / len(values))
        if self.kind == POINTS:
            return points_cdf(self.points, x / self.a)
        if self.kind == MIXTURE:
            return np.asarray(sum(share * law.cdf(x) for share, law in self.parts))
        inside = 1.0 - (np.maximum(x, self.a) / self.a) ** (1 / self.b)
        return np.clip(inside / self.c, 0.0, 1.0)


def _lognormal_cdf(x: F8, a: float, b: float) -> F8:
    from scipy.special import ndtr

    if b == 0.0:
        return np.where(x >= math.exp(a), 1.0, 0.0)
    positive = x > 0
    return np.where(positive, ndtr((np.log(np.where(positive, x, 1.0)) - a) / b), 0.0)


@dataclass(frozen=True)
class LawTable:
    """Laws as arrays: a row each, the rows of mixtures' parts, and all tables one after another."""

    laws: NDArray[np.void]  #: (laws,) LAW
    parts: NDArray[np.void]  #: (parts of all mixtures,) LAW
    points: F8  #: tables, and cumulated shares of mixtures

    @staticmethod
    def of(laws: Sequence[Law]) -> LawTable:
        """Lay out some laws; equal tables stand once."""
        points: list[float] = []
        placed: dict[tuple[float, ...], int] = {}
        parts: list[tuple[Any, ...]] = []

        def place(table: tuple[float, ...]) -> int:
            if table not in placed:
                placed[table] = len(points)
                points.extend(table)
            return placed[table]

        def row(law: Law) -> tuple[Any, ...]:
            if law.kind == MIXTURE:
                shares = (*np.cumsum([share for share, _ in law.parts])[:-1].tolist(), 1.0)
                first_part = len(parts)
                parts.extend(row(part) for _, part in law.parts)
                return law.kind, law.a, law.b, law.c, place(shares), len(shares), first_part
            count = len(law.points) // 2 if law.kind == POINTS else len(law.points)
            return law.kind, law.a, law.b, law.c, place(law.points) if law.points else 0, count, 0

        rows = [row(law) for law in laws]
        return LawTable(frozen(rows, LAW), frozen(parts, LAW), frozen(points, np.float64))

    def law(self, index: int) -> Law:
        """The law of a row."""
        return self._read(self.laws[index])

    def _read(self, row: Any) -> Law:
        kind, first, count = int(row["kind"]), int(row["first"]), int(row["count"])
        if kind == MIXTURE:
            shares = np.diff(self.points[first : first + count], prepend=0.0).tolist()
            rows = self.parts[int(row["part"]) : int(row["part"]) + count]
            return Law(
                MIXTURE, parts=tuple((share, self._read(part)) for share, part in zip(shares, rows, strict=True))
            )
        length = 2 * count if kind == POINTS else count
        points = tuple(self.points[first : first + length].tolist())
        return Law(kind, float(row["a"]), float(row["b"]), float(row["c"]), points)
