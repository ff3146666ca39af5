"""The most clients that wait within all objectives: ``shardsim capacity`` of a closed load."""

import math
from typing import Annotated, TypedDict

from simulator.documents import parts
from simulator.documents.marks import OneOf


class Tried(TypedDict):
    """One objective at one number of clients that was tried."""

    slo: str  #: the objective
    clients: int  #: so many
    over_per_s: float  #: queries that were over, about
    replications: int  #: simulated with them
    queries: int  #: measured in all
    figure: float | None  #: seconds, or a ratio: the percentile, mean, share; null: not known
    value_over_bound: float | None  #: figure over its bound; null: it is never met
    low_over_bound: float | None  #: lower end of the bad share, as a part of what is allowed
    high_over_bound: float | None  #: upper end of it


class Spared(TypedDict, total=False):
    """What only some answers have."""

    survive: str  #: what is gone while the objectives hold: zone


class MostClients(Spared, parts.Simulated):
    """Clients within all objectives: ``shardsim capacity --format json``, where the load is closed."""

    clients: parts.Interval  #: the most of them within all objectives
    own_clients: int  #: those of the scenario
    over_per_s: parts.Interval  #: queries that so many have answered
    verdict: Annotated[str, OneOf("found", "inconclusive", "unreachable")]  #: unreachable: not even one client is
    reason: str  #: why it is not found; else empty
    tolerance: float  #: of half the interval over the value
    half_width: float | None  #: half the interval over the value
    binding_slo: str  #: the objective that sets it, or is farthest from being met
    slos: list[parts.Verdict]  #: with so many clients
    exact: int | None  #: the same by a closed form; null: there is none
    fleet: parts.Fleet  #: machines and money
    queries: int  #: simulated in all, warm-up included
    curve: list[Tried]  #: all that was tried
    notes: list[str]  #: what a reader should know besides
    provenance: parts.Provenance  #: where the answer comes from


def known(number: float) -> float | None:
    """A number, or null where it is infinite."""
    return number if math.isfinite(number) else None
