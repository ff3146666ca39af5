"""A version held against known answers: ``shardsim verify``, and ``results.json`` of its report."""

from typing import Literal, TypedDict

from simulator.documents import parts


class Line(TypedDict):
    """One figure, held against what it should be."""

    family: str
    configuration: str
    statistic: str
    exact: float | None
    simulated: float | None
    low: float | None  #: of the interval at 99.9 %; of a coverage, of what is accepted
    high: float | None
    verdict: str
    deviation: float | None  #: (simulated - exact) over half the interval
    runs: int
    queries: int | None  #: of the run that is shown
    chance: float | None  #: of a false alarm
    note: str


class FalseAlarms(TypedDict):
    """How likely a line fails though nothing is wrong."""

    lines: int  #: held against exact values
    miss: float
    contradiction: float
    of_a_line: float
    in_all: float


class Quantiles(TypedDict):
    """Simulated quantiles beside the exact ones."""

    family: str
    configuration: str
    rows: list[list[float]]  #: percent, exact, simulated, low, high at 99.9 %, in seconds


class Known(TypedDict):
    """A family that is verified."""

    system: str
    source: str


class Verification(TypedDict):
    """A verification: ``shardsim verify --format json``."""

    schema: Literal[1]
    deep: bool
    seed: int
    families: list[str]
    whole: bool  #: all families were asked for
    failed: int
    failures: list[str]  #: the verdicts that are failures
    interrupted: bool
    done: int  #: pieces
    total: int
    verdicts: dict[str, int]
    false_alarms: FalseAlarms
    lines: list[Line]
    quantiles: list[Quantiles]
    verified: dict[str, Known]
    not_yet: dict[str, str]  #: families that cannot be expressed yet, and what is missing
    wall_s: float
    versions: parts.Versions
