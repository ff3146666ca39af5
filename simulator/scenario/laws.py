"""Laws as they are written: of durations, of counts, and factors of mean 1. A bare value is constant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from simulator.base.errors import PluginError
from simulator.core.laws import Law
from simulator.models.plugged_law import law_of
from simulator.plugins import Kind
from simulator.scenario.closed_laws import (
    ConstantCount,
    ConstantDuration,
    ConstantFactor,
    ExponentialCount,
    ExponentialDuration,
    ExponentialFactor,
    LognormalCount,
    LognormalDuration,
    LognormalFactor,
    ParetoCount,
    ParetoDuration,
    ParetoFactor,
    UniformCount,
    UniformDuration,
    UniformFactor,
    WeibullCount,
    WeibullDuration,
    WeibullFactor,
)
from simulator.scenario.fields import Contradiction, OrBare, Part, PositiveCount
from simulator.scenario.plugged import PluggedPart, or_plugged
from simulator.scenario.tabled_laws import (
    EmpiricalCount,
    EmpiricalDuration,
    EmpiricalFactor,
    GammaCount,
    GammaDuration,
    GammaFactor,
    HyperexponentialCount,
    HyperexponentialDuration,
    HyperexponentialFactor,
)


def _bare_is_constant(value: Any) -> Any:
    return value if isinstance(value, dict) else {"kind": "constant", "value": value}


class PluggedLaw(PluggedPart):
    """A law of durations or counts of a plug-in: its parameters."""

    @staticmethod
    def work_out(plugin: Kind, thing: Any) -> Any:
        """The law, tabulated."""
        if plugin.mark.is_factor:
            raise PluginError(f"{plugin.kind} is a law of factors, of mean 1; a duration or count is wanted here")
        return law_of(plugin.kind, thing)

    @property
    def law(self) -> Law:
        """In seconds, or as numbers."""
        return self.worked  # type: ignore[no-any-return]


class PluggedFactor(PluggedLaw):
    """A law of factors of a plug-in: its parameters."""

    @staticmethod
    def work_out(plugin: Kind, thing: Any) -> Any:
        """The law, tabulated, of mean 1."""
        if not plugin.mark.is_factor:
            cure = "mark the class with @law(factor=True), and let its mean be 1"
            raise PluginError(f"{plugin.kind} is a law of durations or counts; a factor is wanted here: {cure}")
        return law_of(plugin.kind, thing, is_factor=True)


_PLUGGED_LAW = or_plugged("laws", PluggedLaw)
_PLUGGED_FACTOR = or_plugged("laws", PluggedFactor)
_KIND = Field(discriminator="kind")
_BARE_DURATION = OrBare({"type": "string", "description": "a constant duration"})
_BARE_COUNT = OrBare({"type": ["string", "number"], "description": "a constant count"})

_PlainDuration = (
    ConstantDuration
    | UniformDuration
    | ExponentialDuration
    | LognormalDuration
    | WeibullDuration
    | ParetoDuration
    | GammaDuration
    | HyperexponentialDuration
    | EmpiricalDuration
)
_PlainCount = (
    ConstantCount
    | UniformCount
    | ExponentialCount
    | LognormalCount
    | WeibullCount
    | ParetoCount
    | GammaCount
    | HyperexponentialCount
    | EmpiricalCount
)


class _Mixture(Part):
    kind: Literal["mixture"]

    @property
    def law(self) -> Law:
        """The law itself."""
        parts: Any = self.parts  # type: ignore[attr-defined]
        return Law.mixture([(part.weight, part.law.law) for part in parts])

    def contradictions(self) -> Iterable[Contradiction]:
        """There is something to mix."""
        if len(self.parts) < 2:  # type: ignore[attr-defined]
            yield ("parts",), "needs at least two parts"


class DurationShare(Part):
    """A part of a mixture of durations."""

    weight: PositiveCount
    law: Annotated[_PlainDuration, _KIND, *_PLUGGED_LAW, BeforeValidator(_bare_is_constant), _BARE_DURATION]


class CountShare(Part):
    """A part of a mixture of counts."""

    weight: PositiveCount
    law: Annotated[_PlainCount, _KIND, *_PLUGGED_LAW, BeforeValidator(_bare_is_constant), _BARE_COUNT]


class MixtureDuration(_Mixture):
    """One of several laws by their weights: two kinds of queries, a cache hit or a miss."""

    parts: tuple[DurationShare, ...]


class MixtureCount(_Mixture):
    """One of several laws by their weights."""

    parts: tuple[CountShare, ...]


DurationLaw = Annotated[
    _PlainDuration | MixtureDuration,
    _KIND,
    *_PLUGGED_LAW,
    BeforeValidator(_bare_is_constant),
    _BARE_DURATION,
]
CountLaw = Annotated[
    _PlainCount | MixtureCount,
    _KIND,
    *_PLUGGED_LAW,
    BeforeValidator(_bare_is_constant),
    _BARE_COUNT,
]


_PlainFactor = (
    ConstantFactor
    | UniformFactor
    | ExponentialFactor
    | LognormalFactor
    | WeibullFactor
    | ParetoFactor
    | GammaFactor
    | HyperexponentialFactor
    | EmpiricalFactor
)


class FactorShare(Part):
    """A part of a mixture of factors; each has mean 1."""

    weight: PositiveCount
    law: Annotated[_PlainFactor, _KIND, *_PLUGGED_FACTOR]


class MixtureFactor(_Mixture):
    """One of several factors of mean 1 by their weights."""

    parts: tuple[FactorShare, ...]


FactorLaw = Annotated[_PlainFactor | MixtureFactor, _KIND, *_PLUGGED_FACTOR]
ONE = ConstantFactor(kind="constant")
NO_TIME = ConstantDuration(kind="constant", value="0s")  # type: ignore[arg-type]
