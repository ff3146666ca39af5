"""A version held against known answers: ``shardsim verify``, and ``results.json`` of its report."""

from typing import Literal, TypedDict

from simulator.documents import parts


class Line(TypedDict):
    """One figure, held against what it should be."""

    family: str  #: of systems
    configuration: str  #: parameters of the system
    statistic: str  #: the figure
    exact: float | None  #: what it should be
    simulated: float | None  #: null: not printed
    low: float | None  #: of the interval at 99.9 %; of a coverage, of what is accepted
    high: float | None  #: likewise
    verdict: str  #: in words
    deviation: float | None  #: (simulated - exact) over half the interval
    runs: int  #: 1, or 2 where the first missed
    queries: int | None  #: of the run that is shown
    chance: float | None  #: of a false alarm
    note: str  #: may be empty


class FalseAlarms(TypedDict):
    """How likely a line fails though nothing is wrong."""

    lines: int  #: held against exact values
    miss: float  #: chance of a miss
    contradiction: float  #: chance of a contradiction
    of_a_line: float  #: of both
    in_all: float  #: over all lines


class Quantiles(TypedDict):
    """Simulated quantiles beside the exact ones."""

    family: str  #: of systems
    configuration: str  #: parameters of the system
    rows: list[list[float]]  #: percent, exact, simulated, low, high at 99.9 %, in seconds


class Known(TypedDict):
    """A family that is verified."""

    system: str  #: in words
    source: str  #: of the exact values


class Verification(TypedDict):
    """A verification: ``shardsim verify --format json``."""

    schema: Literal[1]  #: of the document
    deep: bool  #: with `--deep`
    seed: int  #: of all random numbers
    families: list[str]  #: that were verified
    whole: bool  #: all families were asked for
    failed: int  #: lines that are failures
    failures: list[str]  #: the verdicts that are failures
    interrupted: bool  #: ended before all was done
    done: int  #: pieces
    total: int  #: pieces in all
    verdicts: dict[str, int]  #: how many lines of each
    false_alarms: FalseAlarms  #: if nothing is wrong
    lines: list[Line]  #: one for each figure
    quantiles: list[Quantiles]  #: for the figures
    verified: dict[str, Known]  #: by family
    not_yet: dict[str, str]  #: families that cannot be expressed yet, and what is missing
    wall_s: float  #: seconds on the clock
    versions: parts.Versions  #: of the packages that computed it
