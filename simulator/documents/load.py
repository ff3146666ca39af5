"""What a load is: ``shardsim load``."""

from typing import TypedDict

from simulator.documents import parts


class Figures(TypedDict):
    """A load in figures; null where there is no such figure, or too few arrivals."""

    rate_per_s: float | None
    peak_per_s: float | None  #: as asked, the highest rate; as drawn, the most in any second
    gap_cv: float | None  #: coefficient of variation of gaps
    dispersion: parts.Dispersion  #: index of dispersion of counts, by length of the window


class Load(parts.Head):
    """A load: ``shardsim load --format json``."""

    seed: int
    arrivals: str  #: kind of arrivals
    replications: int  #: that were drawn
    warmup_queries: int
    queries: int  #: measured
    warmup_s: float
    duration_s: float
    asked: Figures
    drawn: Figures
