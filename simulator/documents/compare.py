"""Two scenarios or runs beside each other: ``shardsim compare``."""

from typing import Annotated, Any, Literal, TypedDict

from simulator.documents import parts, run
from simulator.documents.marks import OneOf


class Side(parts.Subject, parts.Engine):
    """A run that is compared."""

    source: str  #: the file or directory that it came from
    verdict: run.StabilityVerdict  #: stable, saturated or inconclusive
    replications: int  #: of the run
    queries: int  #: measured, over all replications
    slos: list[parts.Verdict]  #: objectives, as they are judged
    fleet: parts.Fleet  #: machines and money
    compared_replications: int  #: those that both sides have


class Differing(TypedDict):
    """A path at which the scenarios differ."""

    path: str  #: in the scenario
    a: Any  #: null: A does not say
    b: Any  #: null: B does not say


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

    figure: str  #: its name
    unit: Annotated[str, OneOf("s", "ratio", "per_s", "machines", "usd_per_h", "usd", "h")]  #: of a, b, difference
    better: Annotated[str, OneOf("lower", "higher", "neither")]  #: which way is better
    a: float | None  #: null: not known
    b: float | None  #: null: not known
    difference: parts.Interval  #: B - A
    relative: parts.Interval  #: (B - A) / A
    word: str  #: what is said of it


class Limit(Reason):
    """How much worse a figure may be, and whether it is within that."""

    figure: str  #: its name
    most: float  #: as a part of A
    met: bool | None  #: null: inconclusive


class Provenance(TypedDict):
    """Where both sides come from."""

    versions: parts.Versions  #: of the packages that computed it
    a: run.Provenance  #: of A
    b: run.Provenance  #: of B


class Comparison(TypedDict):
    """B beside A: ``shardsim compare --format json``."""

    schema: Literal[1]  #: of the document
    a: Side  #: the first
    b: Side  #: the second
    luck: Annotated[str, OneOf("common", "partly common", "independent")]  #: whether both saw the same random numbers
    differs: list[Differing]  #: what the scenarios do not have in common
    figures: list[Figure]  #: each on both sides
    limits: list[Limit]  #: of `--max-regression`
    notes: list[str]  #: what a reader should know besides
    provenance: Provenance  #: where the answer comes from
