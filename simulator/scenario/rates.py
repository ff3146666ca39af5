"""Rates as they are written: constant, phases, a daily wave, or a profile of counts an interval."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_serializer

from simulator.base.formats import shortest
from simulator.core.plan import F8
from simulator.scenario import fields
from simulator.scenario.held import FileOfNumbers
from simulator.scenario.recorded import read_counts
from simulator.scenario.rows import TraceError


class ConstantRate(fields.Part):
    """Always the same rate."""

    kind: Literal["constant"]
    value: fields.PositiveRate

    @model_serializer(mode="wrap")
    def _bare(self, handler: Any) -> Any:
        return handler(self)["value"]

    @property
    def is_constant(self) -> bool:
        """Whether the rate never changes."""
        return True

    @property
    def length_s(self) -> float | None:
        """How long a run is that does not say; None: it counts queries."""
        return None


class DiurnalRate(fields.Part):
    """A wave: mean (1 + (peak_to_mean - 1) sin(2 pi t / period)), from the mean upwards at time 0."""

    kind: Literal["diurnal"]
    mean_per_s: fields.PositiveRate = Field(alias="mean")
    peak_to_mean: fields.PositiveCount
    period_s: fields.PositiveDuration = Field(alias="period")

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """The rate is never negative, and the peak is one."""
        if not 1 <= self.peak_to_mean <= 2:
            why = "a peak is not below the mean"
            if self.peak_to_mean > 2:
                why = "beyond 2 the rate would be negative for a while; for a sharper peak use phases or a profile"
            yield ("peak_to_mean",), f"must be from 1 to 2, got {shortest(self.peak_to_mean)}: {why}"

    @property
    def is_constant(self) -> bool:
        """Whether the rate never changes."""
        return self.peak_to_mean == 1

    @property
    def length_s(self) -> float | None:
        """A run that does not say how long it is takes one period."""
        return float(self.period_s)


class ProfileRate(fields.Part):
    """Counts of queries in equal intervals, from a CSV file."""

    kind: Literal["profile"]
    file: FileOfNumbers
    column: fields.Text | None = None
    interval_s: fields.PositiveDuration = Field(alias="interval")
    shape: fields.word_type("step", "linear") = "step"  # type: ignore[valid-type]

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """The file must be one."""
        try:
            self.counts()
        except TraceError as error:
            raise fields.file_problem(error) from None
        return ()

    def counts(self) -> F8:
        """Queries in each interval, (rows,)."""
        return self.file.read(read_counts, self.column)

    @property
    def is_constant(self) -> bool:
        """Whether the rate never changes."""
        counts = self.counts()
        return bool(counts.min() == counts.max())

    @property
    def length_s(self) -> float | None:
        """A run that does not say how long it is takes all of it; none can be longer."""
        return float(len(self.counts()) * self.interval_s)


def _bare_is_constant(value: Any) -> Any:
    return value if isinstance(value, dict) else {"kind": "constant", "value": value}


RateSpec = Annotated[
    ConstantRate | DiurnalRate | ProfileRate,
    Field(discriminator="kind"),
    BeforeValidator(_bare_is_constant),
    fields.OrBare({"type": "string", "description": "a constant rate: 1200/s, 1.2k/s, 50k/min"}),
]


class Phase(fields.Part):
    """A stretch of the load with a rate, or a linear ramp of it."""

    name: fields.Name | None = None
    duration_s: fields.PositiveDuration = Field(alias="duration")
    rate: fields.PhaseRate

    @property
    def start_per_s(self) -> float:
        """Rate at its beginning."""
        return self.rate[0]

    @property
    def end_per_s(self) -> float:
        """Rate at its end."""
        return self.rate[1]
