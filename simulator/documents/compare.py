"""Two scenarios or runs beside each other: ``shardsim compare``."""

from typing import Annotated, Any, Literal, TypedDict

from simulator.documents import parts, run
from simulator.documents.marks import OneOf


class Side(parts.Subject, parts.Engine):
    """A run that is compared."""

    source: str  #: the file or directory that it came from
    verdict: run.StabilityVerdict
    replications: int
    queries: int  #: measured, over all replications
    slos: list[parts.Verdict]
    fleet: parts.Fleet
    compared_replications: int


class Differing(TypedDict):
    """A path at which the scenarios differ."""

    path: str
    a: Any  #: null: A does not say
    b: Any


class AtLeastA(TypedDict, total=False):
    """Of a percentile among queries that never finished."""

    a_at_least: float  #: the largest value seen in A


class AtLeastB(TypedDict, total=False):
    """Likewise."""

    b_at_least: float  #: the largest value seen in B


class Reason(TypedDict, total=False):
    """Of what is not known, or inconclusive."""

    reason: str  #: why


class Figure(AtLeastA, AtLeastB, Reason):
    """One figure of both sides, and B - A."""

    figure: str
    unit: Annotated[str, OneOf("s", "ratio", "per_s", "machines", "usd_per_h", "usd")]
    better: Annotated[str, OneOf("lower", "higher", "neither")]
    a: float | None
    b: float | None
    difference: parts.Interval
    relative: parts.Interval  #: (B - A) / A
    word: str


class Limit(Reason):
    """How much worse a figure may be, and whether it is within that."""

    figure: str
    most: float  #: as a part of A
    met: bool | None  #: null: inconclusive


class Provenance(TypedDict):
    """Where both sides come from."""

    versions: parts.Versions
    a: run.Provenance
    b: run.Provenance


class Comparison(TypedDict):
    """B beside A: ``shardsim compare --format json``."""

    schema: Literal[1]
    a: Side
    b: Side
    luck: Annotated[str, OneOf("common", "partly common", "independent")]
    differs: list[Differing]
    figures: list[Figure]
    limits: list[Limit]
    notes: list[str]
    provenance: Provenance
