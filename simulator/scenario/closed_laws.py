"""Laws with a closed form, as they are written: of durations, of counts, and factors of mean 1."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import model_serializer

from simulator.core.laws import Law
from simulator.scenario.fields import Contradiction, Count, Duration, Part, PositiveCount, PositiveDuration


class _Constant(Part):
    kind: Literal["constant"]

    @model_serializer(mode="wrap")
    def _bare(self, handler: Any) -> Any:
        return handler(self)["value"]


class ConstantDuration(_Constant):
    """Always the same duration."""

    value: Duration

    @property
    def law(self) -> Law:
        """In seconds."""
        return Law.constant(self.value)


class ConstantCount(_Constant):
    """Always the same count."""

    value: Count

    @property
    def law(self) -> Law:
        """As numbers."""
        return Law.constant(self.value)


class ConstantFactor(Part):
    """No spread: always 1."""

    kind: Literal["constant"]

    @property
    def law(self) -> Law:
        """The factor 1."""
        return Law.constant(1.0)


class _Uniform(Part, ABC):
    kind: Literal["uniform"]

    @property
    def law(self) -> Law:
        """The law itself."""
        low, high = self.ends()
        return Law.uniform(low, high)

    @abstractmethod
    def ends(self) -> tuple[float, float]:
        """Low and high."""

    def contradictions(self) -> Iterable[Contradiction]:
        """High is not below low."""
        low, high = self.ends()
        if high < low:
            yield ("high",), f"must not be below low ({low:g}), got {high:g}"


class UniformDuration(_Uniform):
    """Uniform between two durations."""

    low: Duration
    high: PositiveDuration

    def ends(self) -> tuple[float, float]:
        """Low and high, in seconds."""
        return self.low, self.high


class UniformCount(_Uniform):
    """Uniform between two counts."""

    low: Count
    high: PositiveCount

    def ends(self) -> tuple[float, float]:
        """Low and high."""
        return self.low, self.high


class UniformFactor(_Uniform):
    """Uniform of mean 1: high is 2 - low."""

    low: Count

    def ends(self) -> tuple[float, float]:
        """Low and high."""
        return self.low, 2.0 - self.low

    def contradictions(self) -> Iterable[Contradiction]:
        """The mean is 1, so low is below it."""
        if self.low > 1:
            yield ("low",), f"a factor has mean 1, so low is from 0 to 1, got {self.low:g}"


class _Exponential(Part):
    kind: Literal["exponential"]


class ExponentialDuration(_Exponential):
    """Exponential of this mean."""

    mean: PositiveDuration

    @property
    def law(self) -> Law:
        """In seconds."""
        return Law.exponential(self.mean)


class ExponentialCount(_Exponential):
    """Exponential of this mean."""

    mean: PositiveCount

    @property
    def law(self) -> Law:
        """As numbers."""
        return Law.exponential(self.mean)


class ExponentialFactor(_Exponential):
    """Exponential of mean 1."""

    @property
    def law(self) -> Law:
        """The factor."""
        return Law.exponential(1.0)


#: Beyond it the moments of a lognormal law leave the range of floats.
MOST_CV = 1000
#: Likewise of its p99 to its p50.
MOST_RATIO = 1e6


class _Lognormal(Part, ABC):
    kind: Literal["lognormal"]
    cv: Count | None = None

    @abstractmethod
    def given(self) -> tuple[float | None, float | None, float | None]:
        """Mean, p50, p99."""

    def contradictions(self) -> Iterable[Contradiction]:
        """Either mean and cv, or p50 and p99."""
        if self.cv is not None and self.cv > MOST_CV:
            yield ("cv",), f"must be at most {MOST_CV}, got {self.cv:g}"
        mean, p50, p99 = self.given()
        by_moments, by_quantiles = (mean, self.cv), (p50, p99)
        if any(x is not None for x in by_moments) and any(x is not None for x in by_quantiles):
            yield (), "give either mean and cv, or p50 and p99"
        elif None in by_moments and None in by_quantiles:
            yield (), "needs mean and cv, or p50 and p99"
        elif p50 is not None and p99 is not None and p99 < p50:
            yield ("p99",), f"must not be below p50 ({p50:g}), got {p99:g}"
        elif p50 is not None and p99 is not None and p99 > MOST_RATIO * p50:
            yield ("p99",), f"must be at most {MOST_RATIO:g} times p50 ({p50:g}), got {p99:g}"

    @property
    def law(self) -> Law:
        """The law itself."""
        mean, p50, p99 = self.given()
        if p50 is not None and p99 is not None:
            return Law.lognormal_quantiles(p50, p99)
        assert mean is not None and self.cv is not None
        return Law.lognormal(mean, self.cv)


class LognormalDuration(_Lognormal):
    """Lognormal by mean and cv, or by two percentiles."""

    mean: PositiveDuration | None = None
    p50: PositiveDuration | None = None
    p99: PositiveDuration | None = None

    def given(self) -> tuple[float | None, float | None, float | None]:
        """Mean, p50, p99."""
        return self.mean, self.p50, self.p99


class LognormalCount(_Lognormal):
    """Lognormal by mean and cv, or by two percentiles."""

    mean: PositiveCount | None = None
    p50: PositiveCount | None = None
    p99: PositiveCount | None = None

    def given(self) -> tuple[float | None, float | None, float | None]:
        """Mean, p50, p99."""
        return self.mean, self.p50, self.p99


class LognormalFactor(_Lognormal):
    """Lognormal of mean 1."""

    cv: Count

    def given(self) -> tuple[float | None, float | None, float | None]:
        """Mean 1."""
        return 1.0, None, None


#: Below it a Weibull law has no moments that floats can hold.
LEAST_SHAPE = 0.1


class _Weibull(Part):
    kind: Literal["weibull"]
    shape: PositiveCount

    def contradictions(self) -> Iterable[Contradiction]:
        """The mean is to be a float."""
        if self.shape < LEAST_SHAPE:
            yield ("shape",), f"must be at least {LEAST_SHAPE}, got {self.shape:g}"


class WeibullDuration(_Weibull):
    """Weibull of this mean and shape."""

    mean: PositiveDuration

    @property
    def law(self) -> Law:
        """In seconds."""
        return Law.weibull(self.mean, self.shape)


class WeibullCount(_Weibull):
    """Weibull of this mean and shape."""

    mean: PositiveCount

    @property
    def law(self) -> Law:
        """As numbers."""
        return Law.weibull(self.mean, self.shape)


class WeibullFactor(_Weibull):
    """Weibull of mean 1."""

    @property
    def law(self) -> Law:
        """The factor."""
        return Law.weibull(1.0, self.shape)


class _Pareto(Part, ABC):
    kind: Literal["pareto"]
    shape: PositiveCount

    @abstractmethod
    def ends(self) -> tuple[float, float]:
        """Minimum and maximum."""

    def contradictions(self) -> Iterable[Contradiction]:
        """The mean is finite and the maximum above the minimum."""
        minimum, maximum = self.ends()
        if maximum <= minimum:
            yield ("maximum",), f"must be above minimum ({minimum:g}), got {maximum:g}"
        elif math.isfinite(maximum) and (minimum / maximum) ** self.shape < 1e-15:
            yield ("maximum",), "so far above minimum that it is never reached; lower it, or leave it out"
        if math.isinf(maximum) and self.shape <= 1:
            yield ("shape",), f"has an infinite mean at {self.shape:g}; use a shape above 1, or give a maximum"

    @property
    def law(self) -> Law:
        """The law itself."""
        minimum, maximum = self.ends()
        return Law.pareto(minimum, self.shape, maximum)


class ParetoDuration(_Pareto):
    """Pareto from a minimum on, bounded if a maximum is given."""

    minimum: PositiveDuration
    maximum: PositiveDuration | None = None

    def ends(self) -> tuple[float, float]:
        """Minimum and maximum, in seconds."""
        return self.minimum, math.inf if self.maximum is None else self.maximum


class ParetoCount(_Pareto):
    """Pareto from a minimum on, bounded if a maximum is given."""

    minimum: PositiveCount
    maximum: PositiveCount | None = None

    def ends(self) -> tuple[float, float]:
        """Minimum and maximum."""
        return self.minimum, math.inf if self.maximum is None else self.maximum


class ParetoFactor(_Pareto):
    """Pareto of mean 1; its maximum, if given, is a multiple of its minimum."""

    spread: PositiveCount | None = None

    def ends(self) -> tuple[float, float]:
        """Minimum and maximum."""
        spread = math.inf if self.spread is None else self.spread
        if spread <= 1 or (math.isinf(spread) and self.shape <= 1):
            return 1.0, spread  # refused
        minimum = 1 / Law.pareto(1.0, self.shape, spread).mean()
        return minimum, minimum * spread

    def contradictions(self) -> Iterable[Contradiction]:
        """The spread is above 1 and the mean finite."""
        for path, message in super().contradictions():
            if path == ("maximum",):
                wrong = f"maximum / minimum must be above 1, got {self.spread:g}"
                yield ("spread",), wrong if self.ends()[1] <= self.ends()[0] else message
            else:
                yield path, message.replace("maximum", "spread (maximum / minimum)")
