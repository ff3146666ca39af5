"""Laws by a table or in two parts, as they are written: gamma, hyperexponential, and what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from simulator.core.laws import Law
from simulator.scenario.closed_laws import MOST_CV
from simulator.scenario.csv_file import TraceError
from simulator.scenario.fields import (
    Contradiction,
    Part,
    PositiveCount,
    PositiveDuration,
    Text,
    file_problem,
    word_type,
)
from simulator.scenario.law_file import read_law

#: Beyond it a table of a gamma law no longer keeps its cv (``law_tables``).
MOST_GAMMA_CV = 4


class _Gamma(Part):
    kind: Literal["gamma"]
    cv: PositiveCount

    def contradictions(self) -> Iterable[Contradiction]:
        """The table is good up to some spread."""
        if self.cv > MOST_GAMMA_CV:
            message = f"must be at most {MOST_GAMMA_CV}, got {self.cv:g}; hyperexponential and lognormal go further"
            yield ("cv",), message


class GammaDuration(_Gamma):
    """Gamma of this mean and cv; cv 1 / sqrt(k) is Erlang-k."""

    mean: PositiveDuration

    @property
    def law(self) -> Law:
        """In seconds."""
        return Law.gamma(self.mean, self.cv)


class GammaCount(_Gamma):
    """Gamma of this mean and cv."""

    mean: PositiveCount

    @property
    def law(self) -> Law:
        """As numbers."""
        return Law.gamma(self.mean, self.cv)


class GammaFactor(_Gamma):
    """Gamma of mean 1."""

    @property
    def law(self) -> Law:
        """The factor."""
        return Law.gamma(1.0, self.cv)


class _Hyperexponential(Part):
    kind: Literal["hyperexponential"]
    cv: PositiveCount

    def contradictions(self) -> Iterable[Contradiction]:
        """It is at least as spread as the exponential."""
        if not 1 <= self.cv <= MOST_CV:
            yield ("cv",), f"must be from 1 to {MOST_CV}, got {self.cv:g}; below 1 take gamma"


class HyperexponentialDuration(_Hyperexponential):
    """Two exponentials, each with half the mean: many short, few long."""

    mean: PositiveDuration

    @property
    def law(self) -> Law:
        """In seconds."""
        return Law.hyperexponential(self.mean, self.cv)


class HyperexponentialCount(_Hyperexponential):
    """Two exponentials, each with half the mean."""

    mean: PositiveCount

    @property
    def law(self) -> Law:
        """As numbers."""
        return Law.hyperexponential(self.mean, self.cv)


class HyperexponentialFactor(_Hyperexponential):
    """Two exponentials of mean 1 together."""

    @property
    def law(self) -> Law:
        """The factor."""
        return Law.hyperexponential(1.0, self.cv)


class _Empirical(Part):
    kind: Literal["empirical"]
    file: Text

    def contradictions(self) -> Iterable[Contradiction]:
        """The file must be one."""
        try:
            read_law(self.file)
        except TraceError as error:
            raise file_problem(error.file, error.line, error.message) from None
        return ()


class EmpiricalDuration(_Empirical):
    """Durations as measured: a CSV of values, or of values and their shares up to there."""

    unit: word_type("s", "ms", "us", "ns")  # type: ignore[valid-type]

    @property
    def law(self) -> Law:
        """In seconds."""
        return read_law(self.file).scaled({"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}[self.unit])


class EmpiricalCount(_Empirical):
    """Counts as measured."""

    @property
    def law(self) -> Law:
        """As numbers."""
        return read_law(self.file)


class EmpiricalFactor(_Empirical):
    """What was measured, over its mean."""

    @property
    def law(self) -> Law:
        """The factor."""
        law = read_law(self.file)
        return law.scaled(1 / law.mean())
