"""The cheapest fleets that meet every objective: ``shardsim size``."""

from collections.abc import Mapping
from typing import Annotated, TypedDict, cast

from simulator.documents import parts
from simulator.documents.marks import Keys, OneOf, Says, open_keys

#: Latencies by name of the percentile.
Tails = Annotated[dict[str, parts.Interval], Keys(r"^p[0-9.e+-]+$")]


class Machines(parts.StageMachines):
    """The machines of one stage, and what they hold."""

    shards: int  #: of the stage
    replicas: int  #: of every shard, or of the one that has most
    workers: int  #: of every replica
    hardware: str | None  #: null: none is named


class Busiest(TypedDict):
    """The busiest station: a replica, or the mergers of a stage."""

    stage: str  #: its name
    station: Annotated[str, OneOf("replica", "mergers")]  #: what queries queue for
    demand: float  #: by arithmetic; may exceed 1


class Condition(TypedDict):
    """A condition under which a fleet must meet every objective, and whether it does."""

    name: str  #: empty: as it is
    rate_per_s: float  #: load under it
    lost: str | None  #: the stage that lost a machine
    verdict: str  #: stable, saturated or inconclusive
    slos: list[parts.Verdict]  #: as they are judged under it


class Fleet(parts.Money):
    """A fleet that meets every objective."""

    rank: int  #: 1: the cheapest
    values: parts.Values  #: by path of the scenario
    cost: float  #: in the unit of the document
    stages: list[Machines]  #: machines of each
    bottleneck: Busiest  #: its busiest station
    latency_s: Tails  #: at the load, as it is
    worst_s: Tails  #: under the hardest condition
    conditions: list[Condition]  #: all of them


#: Why a fleet fell.
Reason = Annotated[
    str, OneOf("does not fit", "no replica to spare", "saturated", "late when empty", "objective", "inconclusive")
]


class Why(TypedDict):
    """Why a fleet fell."""

    reason: Annotated[
        str, OneOf("does not fit", "no replica to spare", "saturated", "late when empty", "objective", "inconclusive")
    ]  #: in two words
    what: str  #: the objective, the stage, or what does not fit
    condition: str  #: empty: as it is
    over_bound: parts.Interval  #: figure over bound; of one that is saturated, demand
    said: str  #: what the figures do not say


class Nearest(Why):
    """Why the fleet that was nearest to the bound fell."""

    cost: float  #: in the unit of the document


class Fell(TypedDict):
    """Fleets that fell for one reason."""

    reason: str  #: in two words
    what: str  #: the objective, where there is one
    fleets: int  #: how many
    simulated: int  #: of these
    nearest: Nearest  #: to the bound


class AtValues(TypedDict):
    """Values by path: keys that no type knows."""


class OfTails(TypedDict):
    """Latencies by percentile: likewise."""


@open_keys(
    {
        r"^(latency|worst)_p[0-9.e+-]+(_low|_high)?_s$": Annotated[
            float | None, Says("at the load as it is, and under the hardest condition")
        ],
        r"^(?!latency_|worst_)[^\s=]*\.[^\s=]*$": Annotated[parts.Value, Says("of the scenario at that path")],
    }
)
class Seen(AtValues, OfTails):
    """A fleet that was simulated: its values by path, latencies by percentile, in seconds, and what became of it."""

    cost: float  #: in the unit of the document
    machines: int  #: in all
    usd_per_h: float | None  #: price of all machines; null: a price is missing
    power_w: float | None  #: of all machines; null: a figure is missing
    demand: float  #: on its busiest stage, by arithmetic; may exceed 1
    verdict: Annotated[str, OneOf("met", "failed", "inconclusive")]  #: what became of it
    queries: int  #: measured
    in_full: bool  #: with all queries, not only a first look
    why: str | None  #: the objective that decided; null: none
    condition: str | None  #: under which it was hardest; null: as it is
    over_bound: float | None  #: figure over bound; null: not known


class Provenance(parts.Origin, parts.Computed):
    """All that it takes to come to a sizing again."""

    search: dict[str, list[parts.Value]]  #: what might be chosen, by path
    replications: int  #: of each run
    queries: int | None  #: measured in each replication; null: as the load has them


class Size(parts.Simulated):
    """A sizing: ``shardsim size --format json`` and ``size.json``."""

    verdict: Annotated[str, OneOf("found", "inconclusive", "unreachable")]  #: unreachable: no fleet of the grid
    interrupted: bool  #: ended before all was done
    load_per_s: float  #: that is asked for
    headroom: float  #: load above that, as a part of it
    survive: int | str  #: machines that may be lost, or zone
    slos: list[str]  #: as they were written
    percentile: str  #: the one that is shown, by name
    bound_s: float | None  #: on the percentile
    minimise: Annotated[str, OneOf("money", "machines", "energy")]  #: what is least
    unit: Annotated[str, OneOf("USD/h", "machines", "W")]  #: of costs
    top: int  #: fleets that were asked for
    fleets: int  #: of the grid
    simulated: int  #: fleets of these
    queries: int  #: simulated, warm-up included
    answers: list[Fleet]  #: the cheapest first
    cheaper: list[Fell]  #: why cheaper ones fell
    front: list[int]  #: places in ``seen``
    seen: list[Seen]  #: every fleet that was simulated
    notes: list[str]  #: what a reader should know besides
    provenance: Provenance  #: where the answer comes from


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
