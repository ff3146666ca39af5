"""What a load is: ``shardsim load``."""

from typing import TypedDict

from simulator.documents import parts


class Figures(TypedDict):
    """A load in figures; null where there is no such figure, or too few arrivals."""

    rate_per_s: float | None  #: mean load
    peak_per_s: float | None  #: as asked, the highest rate; as drawn, the most in any second
    gap_cv: float | None  #: coefficient of variation of gaps
    dispersion: parts.Dispersion  #: index of dispersion of counts, by length of the window


class Load(parts.Head):
    """A load: ``shardsim load --format json``."""

    seed: int  #: of all random numbers
    arrivals: str  #: kind of arrivals
    replications: int  #: that were drawn
    warmup_queries: int  #: before those that are measured
    queries: int  #: measured
    warmup_s: float  #: how long that takes
    duration_s: float  #: from the first to the last measured arrival
    asked: Figures  #: by arithmetic
    drawn: Figures  #: of the arrivals that were drawn
    notes: list[str]  #: what a reader should know besides
