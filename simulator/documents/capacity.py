"""The highest load within all objectives: ``shardsim capacity``."""

from typing import Annotated, Literal, NotRequired, TypedDict

from simulator.documents import parts
from simulator.documents.marks import OneOf

#: What is said of a capacity.
Verdict = Annotated[str, OneOf("found", "range", "inconclusive", "unreachable")]


class Bottleneck(parts.Bottleneck):
    """The busiest station at the capacity."""

    saturation_per_s: float  #: the load at which it is always busy


class Theory(TypedDict):
    """The capacity by a closed form."""

    per_s: float  #: queries per second
    law: str  #: its name and source
    slo: str  #: the objective that it is of
    verdict: Annotated[str, OneOf("agrees", "outside 95 %", "decides")]  #: decides: of a mean that no sample says


class Probe(TypedDict):
    """One objective at one load that was tried."""

    slo: str  #: the objective
    rate_per_s: float  #: the load that was tried
    replications: int  #: simulated at it
    queries: int  #: measured in all
    figure: float | None  #: seconds, or a ratio: the percentile, mean, share; null: not known
    bound: float  #: of the figure
    value_over_bound: float | None  #: figure over its bound; null: beyond saturation
    low_over_bound: float | None  #: lower end of the bad share, as a part of what is allowed
    high_over_bound: float | None  #: upper end of it


class SecondAnswer(TypedDict):
    """Which loads are carried again after a stall, where clients retry."""

    trigger: str  #: the stall, as ``stress`` has it
    lasts_s: float  #: it lasts twice as long as a client tries
    back_per_s: float | None  #: the highest load that was looked at from which the system comes back; null: from none
    down_per_s: float | None  #: the lowest at which it stays down; null: at none


class Spared(TypedDict, total=False):
    """What only some answers have."""

    survive: str  #: what is gone while the objectives hold: zone
    after_a_stall: SecondAnswer  #: which loads are carried again after one


class Figures(Spared, parts.Simulated):
    """A capacity, before its provenance."""

    arrivals: str  #: kind of arrivals
    rate: str  #: kind of rate
    capacity_per_s: parts.Interval  #: the most queries per second within all objectives
    verdict: Verdict  #: found; inconclusive; or no load meets them
    reason: str  #: why it is not found; else empty
    tolerance: float  #: of half the interval over the value
    half_width: float | None  #: half the interval over the value
    own_per_s: float  #: the scenario's own load
    headroom: parts.Interval  #: over the scenario's own load, as a part of it
    binding_slo: str  #: the objective that sets it, or is farthest from being met
    bottleneck: Bottleneck  #: the busiest station at the capacity
    slos: list[parts.Verdict]  #: at the capacity
    theory: Theory | None  #: null: there is no closed form
    fleet: parts.Fleet  #: machines and money, at the capacity
    probes: int  #: loads that were tried
    queries: int  #: simulated over all probes, warm-up included
    curve: list[Probe]  #: all that was tried, by load
    notes: list[str]  #: what a reader should know besides
    provenance: parts.Provenance  #: where the answer comes from


class Capacity(Figures):
    """A capacity: ``shardsim capacity --format json``."""


class CapacityAt(Figures):
    """A capacity at some values."""

    values: parts.Values  #: what was varied, by path


class Capacities(TypedDict):
    """Capacities at several values: ``shardsim capacity --over ... --format json``."""

    schema: Literal[1]  #: of the document
    over: list[str]  #: paths of the values
    capacities: list[CapacityAt]  #: one for each combination of values
    notes: NotRequired[list[str]]  #: what a reader should know of all of them; left out: nothing
