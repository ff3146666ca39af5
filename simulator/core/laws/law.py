"""``Law``: one law by its family and arguments. ``LawTable``: several laid out as the arrays that a Plan holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, ParamSpec

import numpy as np

from simulator.core.laws import (
    constant,
    empirical,
    exponential,
    gamma,
    hyperexponential,
    lognormal,
    mixture,
    pareto,
    percentiles,
    points,
    sampling,
    uniform,
    weibull,
)
from simulator.core.laws.family import Family, Terms
from simulator.core.plan import F8, LAW, Rows, frozen

P = ParamSpec("P")


def _stated(terms: Callable[P, Terms]) -> staticmethod[P, Law]:
    """The law of a family by its arguments."""

    @wraps(terms)
    def law(*args: P.args, **kwargs: P.kwargs) -> Law:
        return Law.of(terms(*args, **kwargs))

    return staticmethod(law)


@dataclass(frozen=True)
class Law(Terms):
    """A law by its kind and arguments. Immutable; compare with ``==``.

    >>> Law.exponential(2.0).mean()
    2.0
    >>> round(Law.lognormal(1.0, 0.5).cv2(), 12)
    0.25
    """

    none = _stated(constant.absent)
    constant = _stated(constant.terms)
    uniform = _stated(uniform.terms)
    exponential = _stated(exponential.terms)
    lognormal_quantiles = _stated(lognormal.terms_by_quantiles)
    lognormal = _stated(lognormal.terms)
    weibull = _stated(weibull.terms)
    pareto = _stated(pareto.terms)
    hyperexponential = _stated(hyperexponential.terms)
    gamma = _stated(gamma.terms)
    empirical = _stated(empirical.terms)
    empirical_cdf = _stated(points.terms)
    mixture = _stated(mixture.terms)
    percentiles = _stated(percentiles.terms)

    @staticmethod
    def of(terms: Terms) -> Law:
        """The law of these numbers."""
        return Law(terms.kind, terms.a, terms.b, terms.c, terms.points, terms.parts)

    @property
    def family(self) -> Family:
        """What all laws of its kind have in common."""
        return sampling.FAMILIES[self.kind]

    def scaled(self, factor: float) -> Law:
        """The law of ``factor`` times the value; ``factor`` > 0."""
        return replace(self, **self.family.scaled(self, factor))

    def moment(self, power: int) -> float:
        """Mean of the value to the given power (>= 1), possibly infinite; of a gamma law, of the law itself."""
        return self.family.moment(self, power)

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
        return self.family.is_constant(self)

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
        if self.family.ends is None:
            return self.quantile(p)
        low, high = self.family.ends(self, p)
        return least_reaching(lambda x: float(self.cdf(np.array([x]))[0]), p, low, high)

    def least(self) -> float:
        """About the least value: that at p = 1e-15."""
        return self.percentile(1e-15)

    def cdf(self, x: F8) -> F8:
        """P(value <= x) for an array x."""
        return self.family.cdf(self, np.asarray(x, dtype=np.float64))


def least_reaching(cdf: Callable[[float], float], p: float, low: float, high: float) -> float:
    """The least x of [low, high] with cdf(x) >= p, to the last bit: bisection; cdf(high) >= p."""
    while True:
        middle = (low + high) / 2
        if not low < middle < high:
            return low if cdf(low) >= p else high
        if cdf(middle) >= p:
            high = middle
        else:
            low = middle


@dataclass(frozen=True)
class LawTable:
    """Laws as arrays: a row each, the rows of mixtures' parts, and all tables one after another."""

    laws: Rows  #: (laws,) LAW
    parts: Rows  #: (parts of all mixtures,) LAW
    points: F8  #: tables, and cumulated shares of mixtures

    @staticmethod
    def of(laws: Sequence[Law]) -> LawTable:
        """Lay out some laws; equal tables stand once."""
        values: list[float] = []
        places: dict[tuple[float, ...], int] = {}
        parts: list[tuple[Any, ...]] = []

        def place(table: tuple[float, ...]) -> int:
            if table not in places:
                places[table] = len(values)
                values.extend(table)
            return places[table]

        def row(law: Law) -> tuple[Any, ...]:
            if law.parts:
                shares = (*np.cumsum([share for share, _ in law.parts])[:-1].tolist(), 1.0)
                first_part = len(parts)
                parts.extend(row(part) for _, part in law.parts)
                return law.kind, law.a, law.b, law.c, place(shares), len(shares), first_part
            count = len(law.points) // law.family.columns
            return law.kind, law.a, law.b, law.c, place(law.points) if law.points else 0, count, 0

        rows = [row(law) for law in laws]
        return LawTable(frozen(rows, LAW), frozen(parts, LAW), frozen(values, np.float64))

    def law(self, index: int) -> Law:
        """The law of a row."""
        return self._law(self.laws[index])

    def _law(self, row: Any) -> Law:
        kind, first, count = int(row["kind"]), int(row["first"]), int(row["count"])
        if kind == mixture.CODE:
            shares = np.diff(self.points[first : first + count], prepend=0.0).tolist()
            rows = self.parts[int(row["part"]) : int(row["part"]) + count]
            return Law(kind, parts=tuple((share, self._law(part)) for share, part in zip(shares, rows, strict=True)))
        length = count * sampling.FAMILIES[kind].columns
        values = tuple(self.points[first : first + length].tolist())
        return Law(kind, float(row["a"]), float(row["b"]), float(row["c"]), values)
