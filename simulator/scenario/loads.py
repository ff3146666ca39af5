"""The ``load`` and ``run`` of a scenario as they are written: when queries arrive, and how many are simulated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from simulator import units
from simulator.core.plan import F8
from simulator.scenario.fields import (
    Contradiction,
    Duration,
    Name,
    OrBare,
    Part,
    PhaseRate,
    PositiveCount,
    PositiveDuration,
    PositiveRate,
    PositiveRatio,
    Text,
    exact_duration,
    shown,
    whole,
    whole_type,
    word_type,
)
from simulator.scenario.laws import ONE, FactorLaw
from simulator.scenario.trace_file import TraceError, read_trace

#: Queries measured in each replication, and replications, where a scenario does not say.
QUERIES = 50_000
REPLICATIONS = 8

MOST_QUERIES = 2**31
MOST_SEED = 2**63 - 1


class ConstantArrivals(Part):
    """Equal gaps."""

    kind: Literal["constant"]


class PoissonArrivals(Part):
    """Exponential gaps."""

    kind: Literal["poisson"]


class TraceArrivals(Part):
    """A recorded load, replayed."""

    kind: Literal["trace"]
    file: Text
    column: Text | None = None
    unit: word_type("s", "ms", "us", "ns") = "s"  # type: ignore[valid-type]
    speed: PositiveCount | None = None
    rate_per_s: PositiveRate | None = Field(default=None, alias="rate")

    def contradictions(self) -> Iterable[Contradiction]:
        """Speed or rate; and the file must be one."""
        if self.speed is not None and self.rate_per_s is not None:
            yield ("rate",), "give speed or rate, not both"
        try:
            timestamp_s = self.timestamps()
        except TraceError as error:
            found = {"file": error.file, "line": error.line, "message": error.message}
            raise PydanticCustomError("trace", "trace", found) from None
        if timestamp_s[-1] == timestamp_s[0]:
            yield ("file",), "all rows of the trace have one instant, so it has no rate; it needs rows at two instants"

    def timestamps(self) -> F8:
        """Instants of its rows, (rows,) float64 seconds."""
        return read_trace(self.file, self.column, {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}[self.unit])


def _named_kind(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


Arrivals = Annotated[
    ConstantArrivals | PoissonArrivals | TraceArrivals,
    Field(discriminator="kind"),
    BeforeValidator(_named_kind),
    OrBare({"type": "string", "enum": ["constant", "poisson"]}),
]


class Phase(Part):
    """A stretch of the load with a rate, or a linear ramp of it."""

    name: Name | None = None
    duration_s: PositiveDuration = Field(alias="duration")
    rate: PhaseRate

    @property
    def start_per_s(self) -> float:
        """Rate at its beginning."""
        return self.rate[0]

    @property
    def end_per_s(self) -> float:
        """Rate at its end."""
        return self.rate[1]


class Load(Part):
    """When queries arrive and how heavy they are."""

    arrivals: Arrivals = PoissonArrivals(kind="poisson")
    rate_per_s: PositiveRate | None = Field(default=None, alias="rate")
    phases: tuple[Phase, ...] = ()
    scale: PositiveCount = 1.0
    work: FactorLaw = ONE

    def contradictions(self) -> Iterable[Contradiction]:
        """A trace brings its own rate; everything else needs exactly one."""
        if self.arrivals.kind == "trace":
            for key, value in (("rate", self.rate_per_s), ("phases", self.phases)):
                if value:
                    yield (key,), "a trace brings its own; use arrivals.speed or arrivals.rate"
        elif self.rate_per_s is None and not self.phases:
            yield (), "needs a rate, like 8/s, or phases"
        elif self.rate_per_s is not None and self.phases:
            yield ("phases",), "give rate or phases, not both"
        if self.phases and not any(phase.rate[0] + phase.rate[1] for phase in self.phases):
            yield ("phases",), "no query would arrive: all rates are 0"


Warmup = float | int | Literal["auto"]


def _parse_warmup(value: Any) -> Warmup:
    """``auto``, a count of queries (int), or a duration (float seconds)."""
    if value == "auto":
        return "auto"
    if isinstance(value, str):
        try:
            return float(units.parse_duration(value))
        except ValueError:
            pass
    try:
        return whole(0, MOST_QUERIES)(value)
    except ValueError:
        raise ValueError(f"must be auto, a number of queries, or a duration like 30s, got {shown(value)}") from None


class Run(Part):
    """How much is simulated: for each replication a number of queries, or a duration."""

    queries: whole_type(1, MOST_QUERIES) | None = None  # type: ignore[valid-type]
    duration_s: PositiveDuration | None = Field(default=None, alias="duration")
    warmup: Annotated[
        Any,
        BeforeValidator(_parse_warmup),
        PlainSerializer(lambda value: exact_duration(value) if isinstance(value, float) else value),
        WithJsonSchema({"type": ["string", "integer"], "description": "auto, a number of queries, or a duration"}),
    ] = "auto"
    replications: whole_type(1, 1_000_000) = REPLICATIONS  # type: ignore[valid-type]
    seed: whole_type(0, MOST_SEED) = 1  # type: ignore[valid-type]
    precision: PositiveRatio | None = None
    drain_s: Duration | None = Field(default=None, alias="drain")

    def contradictions(self) -> Iterable[Contradiction]:
        """Queries or a duration."""
        if self.queries is not None and self.duration_s is not None:
            yield ("duration",), "give queries or duration, not both"
        if self.precision is not None and self.replications < 4:
            yield ("precision",), "needs at least 4 replications to judge an interval by"

    @property
    def warmup_s(self) -> float | None:
        """Warm-up as a duration, if so given."""
        return self.warmup if isinstance(self.warmup, float) else None

    @property
    def warmup_queries(self) -> int | None:
        """Warm-up as a number of queries, if so given."""
        return self.warmup if isinstance(self.warmup, int) else None
