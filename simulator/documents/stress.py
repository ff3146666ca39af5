"""What disturbances do: ``shardsim stress``."""

from typing import Annotated, TypedDict

from simulator.documents import parts
from simulator.documents.marks import OneOf

#: What is said of a disturbance.
Verdict = Annotated[str, OneOf("unharmed", "recovers", "recovers slowly", "stays down", "missed without it")]


class Window(TypedDict):
    """One objective in one window of time, all replications together."""

    slo: str  #: the objective
    from_s: float  #: begin of the window, after that of the disturbance; below 0: before it
    until_s: float  #: its end
    queries: int  #: that arrive in it
    missed_ratio: float | None  #: of them, those that miss the objective; null: there are none
    usual_ratio: float | None  #: the same without the disturbance
    bad_above_ratio: float  #: a window of a replication with a larger share is bad


class Cell(TypedDict):
    """One disturbance, and what came of it."""

    trigger: str  #: as it is written
    kind: Annotated[str, OneOf("load", "stall", "zone", "cold caches")]  #: of disturbance
    size: float | None  #: factor on the load; null: it has none
    lasts_s: float  #: how long it lasts; 0: it comes at the begin of the run
    verdict: Verdict  #: what is said of it
    harmed: int  #: replications in which objectives are missed for it
    recovered: int  #: replications in which objectives hold again
    replications: int  #: that were simulated
    recovered_ratio: parts.Interval  #: share of those that recover
    recovery_s: parts.Interval  #: from its end until objectives hold again, median; null: beyond what was simulated
    slowest_s: float | None  #: the longest of all replications; null: one does not recover
    horizon_s: float  #: how long after it was simulated
    timeline: list[Window]  #: by objective and time


class Stress(parts.Simulated):
    """A stress: ``shardsim stress --format json``."""

    slos: list[str]  #: objectives that are looked at
    window_s: float  #: width of the windows of time
    verdict: Verdict  #: the worst of all triggers
    max_recovery_s: float | None  #: within which nearly all replications are to recover; null: nothing was asked
    in_time: bool | None  #: whether they do; null: nothing was asked
    smallest: list[str]  #: of each size the shortest that was looked at from which the system does not recover
    triggers: list[Cell]  #: by size and duration
    notes: list[str]  #: what a reader should know besides
    provenance: parts.Provenance  #: where the answer comes from
