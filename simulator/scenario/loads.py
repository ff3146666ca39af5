"""The ``load`` and ``run`` of a scenario as they are written: when queries arrive, and how many are simulated."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from simulator.base import units
from simulator.base.formats import counted
from simulator.base.groups import CLASS, PHASE
from simulator.scenario import fields
from simulator.scenario.arrivals import Arrivals, PoissonArrivals, WaitingClients
from simulator.scenario.classes import ClassSpec, class_contradictions
from simulator.scenario.laws import ONE, FactorLaw
from simulator.scenario.rates import ConstantRate, Phase, ProfileRate, RateSpec

#: Queries measured in each replication, and replications, where a scenario does not say.
QUERIES = 50_000
REPLICATIONS = 8

MOST_QUERIES = 2**31
#: Queries of each client that waits, at least: fewer say how clients begin.
FEWEST_EACH = 2
MOST_SEED = 2**63 - 1


class Load(fields.Part):
    """When queries arrive and how heavy they are."""

    arrivals: Arrivals = PoissonArrivals(kind="poisson")
    rate: RateSpec | None = None
    phases: tuple[Phase, ...] = ()
    scale: fields.PositiveCount = 1.0
    work: FactorLaw = ONE
    classes: tuple[ClassSpec, ...] | None = None
    clients: WaitingClients | None = None

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """A trace brings its own rate; everything else needs exactly one."""
        if self.arrivals.kind == "trace":
            for key, value in (("rate", self.rate), ("phases", self.phases)):
                if value:
                    yield (key,), "a trace brings its own; use arrivals.speed or arrivals.rate"
            if self.arrivals.columns.work is not None and self.work != ONE:
                yield ("work",), "the trace says it, in arrivals.columns.work; remove one of them"
            for index, one in enumerate(self.of_classes):
                if self.arrivals.columns.work is not None and one.work is not None:
                    yield ("classes", index, "work"), "the trace says it, in arrivals.columns.work; remove one of them"
        elif self.is_closed:
            for key, is_given in (("rate", self.rate), ("phases", self.phases), ("scale", self.scale != 1.0)):
                if is_given:
                    cure = "leave it out, and change arrivals.clients or arrivals.think"
                    yield (key,), f"clients that wait send the next query when one is over, at no rate of ours; {cure}"
        elif self.rate is None and not self.phases:
            yield (), "needs a rate, like 8/s, or phases"
        elif self.rate is not None and self.phases:
            yield ("phases",), "give rate or phases, not both"
        if self.clients is not None and not (self.rate_per_s and self.arrivals.kind not in ("trace", "closed")):
            yield ("clients",), "goes with others at a constant rate, like rate: 100/s"
        if self.phases and not any(phase.rate[0] + phase.rate[1] for phase in self.phases):
            yield ("phases",), "no query would arrive: all rates are 0"
        if self.classes is not None:
            for path, message in class_contradictions(self.classes):
                yield ("classes", *path), message

    def notes(self, queries: int | None) -> list[str]:
        """What of a trace, or of clients that send so many queries in all, may not be meant as it stands."""
        if self.arrivals.kind == "closed" and queries is not None and queries < FEWEST_EACH * self.arrivals.clients:
            each = f"{counted(self.arrivals.clients, 'client')} send {queries:,} measured queries"
            return [
                f"load: {each}, fewer than {FEWEST_EACH} each: what is seen is how they begin; ask for more queries"
            ]
        return [f"load: {note}" for note in self.arrivals.notes()] if self.arrivals.kind == "trace" else []

    @property
    def is_closed(self) -> bool:
        """Whether clients wait for what they have sent: the rate follows from how fast they are answered."""
        return self.arrivals.kind == "closed"

    @property
    def has_clients(self) -> bool:
        """Whether clients wait for what they have sent, alone or beside others: then queries are counted, not time."""
        return self.is_closed or self.clients is not None

    @property
    def of_classes(self) -> tuple[ClassSpec, ...]:
        """Classes of its queries; none if it says nothing of them."""
        return self.classes or ()

    def group_names(self) -> dict[str, list[str]]:
        """Names of the groups of its queries by kind, each once: its classes, and its phases that have one."""
        named = dict.fromkeys(phase.name for phase in self.phases if phase.name is not None)
        return {CLASS: [one.name for one in self.of_classes], PHASE: list(named)}

    @property
    def rate_per_s(self) -> float | None:
        """The rate, where it is given as one number."""
        return self.rate.value if isinstance(self.rate, ConstantRate) else None

    @property
    def is_constant(self) -> bool:
        """Whether the rate is constant: no trace, no phases of different rates, no wave or profile that is not flat."""
        if self.arrivals.kind == "trace":
            return False
        if self.is_closed:
            return True  # nothing changes over time but by luck
        return len({rate for phase in self.phases for rate in phase.rate}) <= 1 if self.phases else self._is_flat

    @property
    def _is_flat(self) -> bool:
        return self.rate is not None and self.rate.is_constant

    @property
    def length_s(self) -> float | None:
        """How long a run is that does not say: all phases, all of a profile, one period; None: it counts queries."""
        if self.phases:
            return sum(phase.duration_s for phase in self.phases)
        return None if self.rate is None else self.rate.length_s

    @property
    def ends(self) -> bool:
        """Whether there are only so many queries: of a trace, and of a profile."""
        return self.arrivals.kind == "trace" or self.most_s is not None

    @property
    def most_s(self) -> float | None:
        """How long a run can be at most: to the end of a profile; None: as long as you like."""
        return self.rate.length_s if isinstance(self.rate, ProfileRate) else None


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
        return fields.whole(0, MOST_QUERIES)(value)
    except ValueError:
        raise ValueError(
            f"must be auto, a number of queries, or a duration like 30s, got {fields.shown(value)}"
        ) from None


class Run(fields.Part):
    """How much is simulated: for each replication a number of queries, or a duration."""

    queries: fields.whole_type(1, MOST_QUERIES) | None = None  # type: ignore[valid-type]
    duration_s: fields.PositiveDuration | None = Field(default=None, alias="duration")
    warmup: Annotated[
        Any,
        BeforeValidator(_parse_warmup),
        PlainSerializer(lambda value: fields.exact_duration(value) if isinstance(value, float) else value),
        WithJsonSchema({"type": ["string", "integer"], "description": "auto, a number of queries, or a duration"}),
    ] = "auto"
    replications: fields.whole_type(1, 1_000_000) = REPLICATIONS  # type: ignore[valid-type]
    seed: fields.whole_type(0, MOST_SEED) = 1  # type: ignore[valid-type]
    precision: fields.PositiveRatio | None = None
    drain_s: fields.Duration | None = Field(default=None, alias="drain")

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """Queries or a duration."""
        if self.queries is not None and self.duration_s is not None:
            yield ("duration",), "give queries or duration, not both"
        if self.precision is not None and self.replications < 4:
            yield ("precision",), "needs at least 4 replications to judge an interval by"

    def beside(self, is_closed: bool, is_timed: bool) -> Iterable[fields.Contradiction]:
        """A duration is measured after another; of clients that wait a number of queries after another."""
        if is_timed and self.warmup_queries and not is_closed:
            yield ("run", "warmup"), "the run is measured for a time, so warm-up is one, too: like 30s, or 0, or auto"
        for key, given_s in () if not is_closed else (("duration", self.duration_s), ("warmup", self.warmup_s)):
            if given_s is not None:
                number = "queries" if key == "duration" else "a number of queries as warmup"
                yield ("run", key), f"of clients that wait queries are counted, not time: give {number}, like 50_000"

    @property
    def warmup_s(self) -> float | None:
        """Warm-up as a duration, if so given."""
        return self.warmup if isinstance(self.warmup, float) else None

    @property
    def warmup_queries(self) -> int | None:
        """Warm-up as a number of queries, if so given."""
        return self.warmup if isinstance(self.warmup, int) else None
