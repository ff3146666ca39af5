"""The cheapest fleets that meet every objective: ``shardsim size``."""

from collections.abc import Mapping
from typing import Annotated, TypedDict, cast

from simulator.documents import parts
from simulator.documents.marks import Keys, OneOf, open_keys

#: Latencies by name of the percentile.
Tails = Annotated[dict[str, parts.Interval], Keys(r"^p[0-9.e+-]+$")]


class Machines(parts.StageMachines):
    """The machines of one stage, and what they hold."""

    shards: int
    replicas: int  #: of every shard
    workers: int  #: of every replica
    hardware: str | None  #: null: none is named


class Busiest(TypedDict):
    """The busiest stage, by arithmetic."""

    stage: str
    utilisation: float


class Condition(TypedDict):
    """A condition under which a fleet must meet every objective, and whether it does."""

    name: str  #: empty: as it is
    rate_per_s: float
    lost: str | None  #: the stage that lost a machine
    verdict: str  #: stable, saturated or inconclusive
    slos: list[parts.Verdict]


class Fleet(parts.Money):
    """A fleet that meets every objective."""

    rank: int  #: 1: the cheapest
    values: parts.Values
    cost: float  #: in the unit of the document
    stages: list[Machines]
    bottleneck: Busiest
    latency_s: Tails  #: at the load, as it is
    worst_s: Tails  #: under the hardest condition
    conditions: list[Condition]


#: Why a fleet fell.
Reason = Annotated[
    str, OneOf("does not fit", "no replica to spare", "saturated", "late when empty", "objective", "inconclusive")
]


class Why(TypedDict):
    """Why a fleet fell."""

    reason: Annotated[
        str, OneOf("does not fit", "no replica to spare", "saturated", "late when empty", "objective", "inconclusive")
    ]
    what: str  #: the objective, the stage, or what does not fit
    condition: str  #: empty: as it is
    over_bound: parts.Interval  #: figure over bound; of one that is saturated, utilisation
    said: str  #: what the figures do not say


class Nearest(Why):
    """Why the fleet that was nearest to the bound fell."""

    cost: float


class Fell(TypedDict):
    """Fleets that fell for one reason."""

    reason: str
    what: str  #: the objective, where there is one
    fleets: int
    simulated: int
    nearest: Nearest


class AtValues(TypedDict):
    """Values by path: keys that no type knows."""


class OfTails(TypedDict):
    """Latencies by percentile: likewise."""


@open_keys(
    {
        r"^(latency|worst)_p[0-9.e+-]+(_low|_high)?_s$": float | None,
        r"^(?!latency_|worst_)[^\s=]*\.[^\s=]*$": parts.Value,
    }
)
class Seen(AtValues, OfTails):
    """A fleet that was simulated: its values by path, latencies by percentile, in seconds, and what became of it."""

    cost: float
    machines: int
    usd_per_h: float | None
    power_w: float | None
    utilisation: float
    verdict: Annotated[str, OneOf("met", "failed", "inconclusive")]
    queries: int  #: measured
    in_full: bool
    why: str | None
    condition: str | None
    over_bound: float | None


class Provenance(parts.Origin, parts.Computed):
    """All that it takes to come to a sizing again."""

    search: dict[str, list[parts.Value]]  #: what might be chosen, by path
    replications: int
    queries: int | None  #: measured in each replication; null: as the load has them


class Size(parts.Simulated):
    """A sizing: ``shardsim size --format json`` and ``size.json``."""

    verdict: Annotated[str, OneOf("found", "inconclusive", "unreachable")]
    interrupted: bool
    load_per_s: float
    headroom: float
    survive: int
    slos: list[str]
    percentile: str
    bound_s: float | None  #: on the percentile
    minimise: Annotated[str, OneOf("money", "machines", "energy")]
    unit: Annotated[str, OneOf("USD/h", "machines", "W")]  #: of costs
    top: int
    fleets: int  #: of the grid
    simulated: int
    queries: int  #: simulated, warm-up included
    answers: list[Fleet]
    cheaper: list[Fell]
    front: list[int]  #: places in ``seen``
    seen: list[Seen]
    notes: list[str]
    provenance: Provenance


def at_values(values: Mapping[str, parts.Value]) -> AtValues:
    """The part of a row that has the values."""
    return cast(AtValues, values)


def tails(percentile: str, latency: parts.Interval, worst: parts.Interval) -> OfTails:
    """The part of a row that has the latencies: at the load as it is, and under the hardest condition."""
    columns = {}
    for name, tail in (("latency", latency), ("worst", worst)):
        columns[f"{name}_{percentile}_s"] = tail["value"]
        columns[f"{name}_{percentile}_low_s"] = tail["low"]
        columns[f"{name}_{percentile}_high_s"] = tail["high"]
    return cast(OfTails, columns)


def worst_of(row: Seen, percentile: str) -> parts.Interval:
    """The latency of a fleet under the hardest condition, in seconds."""
    columns = cast(Mapping[str, float | None], row)
    name = f"worst_{percentile}"
    return {"value": columns[f"{name}_s"], "low": columns[f"{name}_low_s"], "high": columns[f"{name}_high_s"]}


def value_of(row: Seen, path: str) -> parts.Value:
    """What a fleet has at a path."""
    return cast(Mapping[str, parts.Value], row)[path]
