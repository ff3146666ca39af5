"""What a verification says: one line a figure, its verdict, and how likely a false alarm is."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.documents import verify
from simulator.theory import ALARM
from simulator.verification.ends import MISS, Ends

AGREES = "agrees"
AT_SECOND = "agrees at the second run"  #: the first missed
MEASURED = "measured"  #: nothing says what it should be
UNSUPPORTED = "not supported"  #: by the longest run that is allowed: held against nothing
MISSED = "MISSED TWICE"
CONTRADICTED = "CONTRADICTED"
UNTESTED = "NOT TESTED"  #: though it should have been: no interval, or one that is too wide to say anything
DIFFERS = "DIFFERS"
BROKEN = "BROKEN"  #: a law of the book
FAILURES = (MISSED, CONTRADICTED, UNTESTED, DIFFERS, BROKEN)

#: Chance that a line held against an exact value fails by luck: two independent misses, or one contradiction. A second
#: run is made only after a miss; that it contradicts is part of its missing.
CHANCE = MISS * MISS + ALARM


@dataclass(frozen=True)
class Line:
    """One figure, held against what it should be."""

    family: str
    configuration: str
    statistic: str
    exact: float | None
    simulated: float | None
    low: float | None  #: ends of the interval at level 1 - MISS; of a coverage, of what is accepted
    high: float | None
    verdict: str
    deviation: float | None = None  #: (simulated - exact) / half-width at level 1 - MISS; beyond 1 either way: a miss
    runs: int = 1
    queries: int | None = None  #: of the run that is shown
    chance: float = 0.0  #: of a false alarm
    note: str = ""

    @property
    def failed(self) -> bool:
        """Whether it makes a verification fail."""
        return self.verdict in FAILURES

    def to_dict(self) -> verify.Line:
        """Numbers that are not finite are None."""
        return {
            "family": self.family,
            "configuration": self.configuration,
            "statistic": self.statistic,
            "exact": _finite(self.exact),
            "simulated": _finite(self.simulated),
            "low": _finite(self.low),
            "high": _finite(self.high),
            "verdict": self.verdict,
            "deviation": _finite(self.deviation),
            "runs": self.runs,
            "queries": self.queries,
            "chance": _finite(self.chance),
            "note": self.note,
        }


def _finite(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else number


#: The ends of a figure's interval at a level of 1 - alarm; None where a run does not support it.
EndsAt = Callable[[float], Ends | None]


def first_verdict(exact: float, run: EndsAt) -> str:
    """AGREES, MISSED (so far), CONTRADICTED or UNSUPPORTED, by one run."""
    ends = run(MISS)
    if ends is None:
        return UNSUPPORTED
    if ends.holds(exact):
        return AGREES
    widest = run(ALARM)
    return MISSED if widest is None or widest.holds(exact) else CONTRADICTED


def final_verdict(exact: float, run: EndsAt, again: Callable[[], EndsAt]) -> tuple[str, int]:
    """The verdict on an exact value, and the number of runs that it took.

    A miss is tried again, once, by an independent run (``again``), and only a second miss is a failure.
    """
    verdict = first_verdict(exact, run)
    if verdict != MISSED:
        return verdict, 1
    second = again()(MISS)
    if second is None:
        return UNTESTED, 2
    return AT_SECOND if second.holds(exact) else MISSED, 2


def held(
    family: str,
    configuration: str,
    statistic: str,
    exact: float,
    ends: Ends | None,
    verdict: str,
    runs: int,
    queries: int | None = None,
    note: str = "",
) -> Line:
    """A figure held against its exact value; ``found``: its ends at level 1 - MISS."""
    if ends is None:
        return Line(family, configuration, statistic, exact, None, None, None, verdict, None, runs, queries, 0.0, note)
    shown = ends.value, ends.low, ends.high
    deviation = ends.deviation(exact)
    return Line(family, configuration, statistic, exact, *shown, verdict, deviation, runs, queries, CHANCE, note)


def within(
    family: str,
    configuration: str,
    statistic: str,
    exact: float,
    simulated: float,
    low: float,
    high: float,
    **more: Any,
) -> Line:
    """A figure that is accepted within two limits."""
    verdict = AGREES if low <= simulated <= high else MISSED
    half = (high - exact) if simulated > exact else (exact - low)
    deviation = (simulated - exact) / half if half > 0 else 0.0
    return Line(family, configuration, statistic, exact, simulated, low, high, verdict, deviation, **more)


def budget(lines: tuple[Line, ...]) -> verify.FalseAlarms:
    """How many lines are held against exact values, and how likely any of all lines fails though nothing is wrong."""
    return {
        "lines": sum(line.chance > 0 and line.chance == CHANCE for line in lines),
        "miss": MISS,
        "contradiction": ALARM,
        "of_a_line": CHANCE,
        "in_all": math.fsum(line.chance for line in lines),
    }
