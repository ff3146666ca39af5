"""Kinds of arrivals as they are written: what the gaps between queries are like, at whatever rate."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from simulator.base import units
from simulator.base.formats import counted, format_duration, shortest
from simulator.core.laws import gamma
from simulator.core.plan import F8
from simulator.plugins import Kind
from simulator.scenario import fields
from simulator.scenario.held import FileOfNumbers
from simulator.scenario.laws import DurationLaw
from simulator.scenario.plugged import PluggedPart, or_plugged
from simulator.scenario.recorded import GAPS, TIMESTAMPS, Trace, read_trace, tick_of
from simulator.scenario.rows import TraceError
from simulator.workload.plugged import PluggedGaps

#: States of modulated arrivals, at most.
MOST_STATES = 1000
#: Clients, at most.
MOST_CLIENTS = 1_000_000


class ConstantArrivals(fields.Part):
    """Equal gaps."""

    kind: Literal["constant"]


class PoissonArrivals(fields.Part):
    """Exponential gaps."""

    kind: Literal["poisson"]


class GammaArrivals(fields.Part):
    """Gamma gaps, independent: more even than Poisson below cv 1, burstier above."""

    kind: Literal["gamma"]
    cv: fields.PositiveCount

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """What the table can hold."""
        if self.cv > gamma.MOST_CV:
            yield ("cv",), f"must be at most {gamma.MOST_CV}, got {shortest(self.cv)}; for longer bursts use mmpp"


def _relative_rate(value: Any) -> float:
    try:
        return units.parse_count(value)
    except ValueError:
        numbers = "relative rates are plain numbers, like [1, 5]"
        raise ValueError(f"{numbers}, got {fields.shown(value)}; load.rate says how many a second") from None


def _listed(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else [value]


RelativeRate = Annotated[
    float,
    BeforeValidator(_relative_rate),
    PlainSerializer(fields.plain_number),
    WithJsonSchema({"type": ["number", "string"], "description": "a relative rate, a plain number"}),
]


class ModulatedArrivals(fields.Part):
    """Poisson at a rate that changes at random: states in order, each with a relative rate, for exponential times."""

    kind: Literal["mmpp"]
    rates: tuple[RelativeRate, ...]
    dwell_s: Annotated[
        tuple[fields.PositiveDuration, ...],
        BeforeValidator(_listed),
        fields.OrBare({"type": "string", "description": "mean time in every state"}),
    ] = Field(alias="dwell")

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """Two states at least, some of them with arrivals; one dwell, or one a state."""
        states = len(self.rates)
        if states < 2:
            yield ("rates",), f"needs at least two states, like [1, 5], got {states}; with one it is poisson"
        elif states > MOST_STATES:
            yield ("rates",), f"{states} states; at most {MOST_STATES}"
        elif not any(self.rates):
            yield ("rates",), "no query would arrive: all rates are 0"
        elif len(set(self.rates)) == 1:
            yield ("rates",), "all states have the same rate, so it is poisson; say so, or let them differ"
        if len(self.dwell_s) not in (1, states):
            both = f"{counted(len(self.dwell_s), 'dwell')} for {counted(states, 'state')}"
            yield ("dwell",), f"{both}; give one for all, or one a state"


class TraceColumns(fields.Part):
    """What else a trace says of each query."""

    work: fields.Text | None = None


class TraceArrivals(fields.Part):
    """A recorded load, replayed."""

    kind: Literal["trace"]
    file: FileOfNumbers
    column: fields.Text | None = None
    unit: fields.word_type(*units.COLUMN_UNITS) = "s"  # type: ignore[valid-type]
    values: fields.word_type(TIMESTAMPS, GAPS) = TIMESTAMPS  # type: ignore[valid-type]
    speed: fields.PositiveCount | None = None
    rate_per_s: fields.PositiveRate | None = Field(default=None, alias="rate")
    columns: TraceColumns = TraceColumns()
    spread: fields.word_type("uniform") | None = None  # type: ignore[valid-type]

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """Speed or rate; and the file must be one."""
        if self.speed is not None and self.rate_per_s is not None:
            yield ("rate",), "give speed or rate, not both"
        try:
            timestamp_s = self.timestamps()
        except TraceError as error:
            raise fields.file_problem(error) from None
        if timestamp_s[-1] == timestamp_s[0]:
            yield ("file",), "all rows of the trace have one instant, so it has no rate; it needs rows at two instants"

    def notes(self) -> list[str]:
        """That its clock ticks, where nothing spreads its rows."""
        tick_s = None if self.spread is not None else tick_of(self.timestamps())
        if tick_s is None:
            return []
        others = f"the others are multiples of {format_duration(tick_s)} after it"
        cure = "if its clock ticks so, spread: uniform spreads them within each tick"
        return [f"most rows of the trace have the instant of the row above, {others}: {cure}"]

    def trace(self) -> Trace:
        """Its rows."""
        unit_s = units.COLUMN_UNITS[self.unit]
        return self.file.read(read_trace, self.column, unit_s, self.values, self.columns.work)

    def timestamps(self) -> F8:
        """Instants of its rows, (rows,) float64 seconds."""
        return self.trace().timestamp_s


class ClosedArrivals(fields.Part):
    """Clients that wait: each sends a query, waits until it is over, thinks, and sends the next."""

    kind: Literal["closed"]
    clients: fields.whole_type(1, MOST_CLIENTS)  # type: ignore[valid-type]
    think: DurationLaw

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """They take some time to come back."""
        if not self.think.law.mean() > 0:
            step = "clients that come back at once fall into step with each other, and with batches"
            yield ("think",), f"must not be 0: {step}; if they hardly think, say how little, like 50us"


class WaitingClients(fields.Part):
    """Clients that wait, beside queries that arrive whether anybody waits or not."""

    count: fields.whole_type(1, MOST_CLIENTS)  # type: ignore[valid-type]
    think: DurationLaw

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """They take some time to come back."""
        if not self.think.law.mean() > 0:
            yield ("think",), "must not be 0; if they hardly think, say how little, like 50us"


class PluggedArrivals(PluggedPart):
    """Arrivals of a plug-in: its parameters."""

    @staticmethod
    def work_out(plugin: Kind, thing: Any) -> Any:
        """The gaps."""
        return PluggedGaps.of(plugin.kind, thing)

    @property
    def gaps(self) -> PluggedGaps:
        """What makes the gaps."""
        return self.worked_anew  # type: ignore[no-any-return]


def _named_kind(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


Arrivals = Annotated[
    ConstantArrivals | PoissonArrivals | GammaArrivals | ModulatedArrivals | TraceArrivals | ClosedArrivals,
    Field(discriminator="kind"),
    *or_plugged("arrivals", PluggedArrivals),
    BeforeValidator(_named_kind),
    fields.OrBare({"type": "string", "enum": ["constant", "poisson"]}),
]
