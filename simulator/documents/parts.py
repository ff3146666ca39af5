"""Parts that several documents have: figures with intervals, verdicts, fleets, and where an answer comes from."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, TypedDict, cast

from simulator.documents.marks import Keys, OneOf, Says, open_keys

#: A value that a scenario's file has at a path.
Value = str | int | float

#: Values by dotted path of a scenario, as they were varied.
Values = Annotated[dict[str, Value], Keys(r"^[^\s=]+$")]

#: Index of dispersion of counts by length of the window; null where there were too few windows.
Dispersion = Annotated[dict[str, float | None], Keys(r"^([0-9]+s|limit)$")]

#: Versions by package.
Versions = dict[str, str]

#: A scenario with everything resolved, as ``shardsim show`` prints it: what it may have is the scenario's own schema.
Resolved = dict[str, Any]


class Subject(TypedDict):
    """The scenario that is meant."""

    scenario: str  #: its name
    description: str  #: what the scenario says of itself; may be empty


def title_of(subject: Subject) -> str:
    """A scenario by name, and what it says of itself."""
    return subject["scenario"] + (f": {subject['description']}" if subject["description"] else "")


class Head(Subject):
    """What every answer on a scenario begins with."""

    schema: Literal[1]  #: of the document


#: An engine, as it is settled.
EngineName = Annotated[str, OneOf("compiled", "reference")]


class Engine(TypedDict):
    """What simulated."""

    engine: EngineName  #: which
    seed: int  #: of all random numbers


class Simulated(Head, Engine):
    """What every answer that was simulated begins with."""


class Interval(TypedDict):
    """A figure and the ends of its 95 % interval."""

    value: float | None  #: null: not known
    low: float | None  #: lower end; null: not known
    high: float | None  #: upper end; null: not known


class Share(TypedDict):
    """A share of queries and its 95 % interval."""

    value: float  #: from 0 to 1
    low: float  #: lower end
    high: float  #: upper end


class Percentile(Interval):
    """A percentile that the sample supports."""

    at_least: NotRequired[bool]  #: it falls among queries that have no answer: only a lower bound is known
    largest_finite: NotRequired[float | None]  #: that bound


@open_keys({r"^p[0-9.e+-]+$": Annotated[Percentile | None, Says("null: the sample does not support it")]})
class Latency(TypedDict):
    """A duration over queries, in seconds: mean, percentiles by name (``p99``; null: not supported), and maximum."""

    mean: Interval  #: null where few draws carry it
    max: float | None  #: the largest that was seen


def latency(mean: Interval, percentiles: Mapping[str, Percentile | None], largest: float | None) -> Latency:
    """A duration over queries, with its percentiles by name."""
    return cast(Latency, {"mean": mean, **percentiles, "max": largest})


def percentiles_of(durations: Latency) -> dict[str, Percentile | None]:
    """The percentiles of a duration by name, in order; None where the sample does not support one."""
    return {name: cast(Percentile | None, value) for name, value in durations.items() if name not in ("mean", "max")}


#: Units of figures that objectives are about.
Unit = Literal["s", "ratio", "per_s", "usd_per_h", "usd"]


def interval_of(durations: Latency, name: str) -> Interval | None:
    """The mean or a percentile of a duration by name; None if it is not supported, or was not asked for."""
    return durations["mean"] if name == "mean" else percentiles_of(durations).get(name)


class Verdict(TypedDict):
    """An objective, and whether it is met."""

    slo: str  #: as it was written
    met: bool | None  #: null: inconclusive
    unit: Unit  #: of value, low and high
    value: float | None  #: the figure; null: not known
    low: float | None  #: lower end
    high: float | None  #: upper end
    bad_share: NotRequired[Share]  #: share of bad queries, where the verdict rests on it
    reason: NotRequired[str]  #: why it is inconclusive, or what decided it in place of the sample


class SourceMachines(TypedDict):
    """The machines of one source of a stage, or of a stage."""

    name: str  #: of it
    machines: int  #: of it; of a stage that is scaled as many as there may be
    usd_per_h: float | None  #: null: not priced
    power_w: float | None  #: null: not given
    provided_ratio: NotRequired[float]  #: of a stage that is scaled: the part that served and is paid for


class StageMachines(SourceMachines):
    """The machines of one stage."""

    sources: NotRequired[list[SourceMachines]]  #: those of each of its sources, if it has any


class Money(TypedDict):
    """What a fleet is and costs."""

    machines: int  #: in all
    usd_per_h: float | None  #: null: not priced
    power_w: float | None  #: null: not given
    usd_per_million_queries: float | None  #: null: a price is missing
    queries_per_joule: float | None  #: null: a power is missing


class Fleet(Money):
    """The machines of all stages, and what a query costs of them."""

    stages: list[StageMachines]  #: machines of each


class Place(TypedDict):
    """A replica of a shard."""

    shard: int  #: from 0
    replica: int  #: from 0


class Replica(Place):
    """A replica of a shard of a stage."""

    stage: str  #: its name


class Bottleneck(TypedDict):
    """The busiest station: a replica, or the mergers of a stage."""

    stage: str  #: its name
    station: Annotated[str, OneOf("replica", "mergers")]  #: what queries queue for
    shard: int | None  #: null: the mergers
    replica: int | None  #: null: the mergers
    demand: float  #: by arithmetic; may exceed 1


def station_of(bottleneck: Bottleneck) -> str:
    """As in ``ranking, shard 0, replica 1`` or ``ranking, mergers``."""
    if bottleneck["shard"] is None:
        return f"{bottleneck['stage']}, mergers"
    return f"{bottleneck['stage']}, shard {bottleneck['shard']}, replica {bottleneck['replica']}"


#: Where a plug-in comes from, and the hash of what stood there.
PluginSource = TypedDict(
    "PluginSource",
    {
        "from": Annotated[str, Says("file, module or entry point")],
        "sha256": Annotated[str, Says("of what stood there")],
    },
)


class Plugged(TypedDict, total=False):
    """The plug-ins that a scenario uses, if it uses any."""

    plugins: dict[str, PluginSource]  #: by kind


class Origin(Plugged):
    """What an answer is of."""

    scenario_sha256: str  #: of the resolved scenario and of the files that it names
    seed: int  #: of all random numbers


class Computed(TypedDict):
    """What computed it."""

    versions: Versions  #: of the packages that computed it
    resolved: Resolved  #: the scenario with everything written out; it is itself a scenario


class Provenance(Origin, Computed):
    """All that it takes to come to an answer again."""


class ShedBy(TypedDict):
    """Attempts that were shed, by whom; of all of them."""

    door_ratio: Interval  #: at the door
    limit_ratio: Interval  #: by the limit of their process
    breaker_ratio: Interval  #: by its breaker


class Attempts(TypedDict):
    """Of clients that give up on a query, and send it again."""

    per_query: Interval  #: attempts of a measured query
    retried_ratio: Interval  #: of measured queries, those that were sent more than once
    timed_out_ratio: Share  #: of measured queries, those whose last attempt was given up
    attempts_timed_out_ratio: Interval  #: of attempts, those that were given up
    shed: NotRequired[ShedBy]  #: where clients shed some themselves
    breaker_open_ratio: NotRequired[Interval]  #: of time, that a breaker is open or probes, on average over processes


class Serving(TypedDict):
    """How many replicas of every shard serve."""

    mean: Interval  #: over the window
    least: int  #: in any replication
    most: int  #: likewise


class Scaled(TypedDict):
    """Of a stage whose replicas an autoscaler scales; utilisation is of the time in which they serve."""

    rule: str  #: by which it scales
    replicas: Serving  #: of every shard, inside the window
    replica_hours: Interval  #: in which a replica of any shard serves inside the window, of a replication
    below_need_ratio: Interval  #: of the window, time in which fewer serve than could do the work that arrives
    changes: Interval  #: of their number inside the window, in a replication
