"""What a load was: its rate, how uneven its gaps are, and how it clusters."""

import math
from collections.abc import Sequence

import numpy as np

from simulator.core.columns import AT_A_TIME
from simulator.core.plan import I8
from simulator.core.trace import Trace
from simulator.documents import run

#: Windows, in seconds, over which arrivals are counted.
WINDOWS_S = (1, 10, 60)
#: An index of dispersion from fewer windows says nothing.
FEWEST_WINDOWS = 20


def describe_load(traces: Sequence[Trace], shares_arrivals: bool) -> run.Load:
    """Rate, coefficient of variation of gaps, and index of dispersion (variance over mean) of counts.

    Over all arrivals, warm-up included; with ``shares_arrivals`` all replications have the same, else they are pooled.
    Null where there are too few.
    """
    return describe_arrivals([trace.arrival_ns for trace in (traces[:1] if shares_arrivals else traces)])


def describe_arrivals(arrivals: Sequence[I8]) -> run.Load:
    """The same of instants, ascending, of each replication."""
    gaps = np.empty(sum(len(arrival_ns) - 1 for arrival_ns in arrivals))
    filled = 0
    for arrival_ns in arrivals:
        after = filled + len(arrival_ns) - 1
        np.subtract(arrival_ns[1:], arrival_ns[:-1], out=gaps[filled:after], casting="unsafe")
        filled = after
    gaps *= 1e-9
    mean_s = variance = 0.0
    if len(gaps):
        mean_s = float(gaps.mean())
        gaps -= mean_s  # in place: there may be many
        gaps *= gaps
        variance = float(gaps.mean())
    return {
        "rate_per_s": 1 / mean_s if mean_s > 0 else None,
        "gap_cv": math.sqrt(variance) / mean_s if mean_s > 0 else None,
        "dispersion": {f"{window_s}s": dispersion(arrivals, window_s) for window_s in WINDOWS_S},
    }


def most_within(arrivals: Sequence[I8], window_ns: int) -> int:
    """The most arrivals in any window of this length, wherever it begins; ``arrivals`` as for ``dispersion``."""
    most = 0
    for arrival_ns in arrivals:
        for first in range(0, len(arrival_ns), AT_A_TIME):
            begins = arrival_ns[first : first + AT_A_TIME]
            ends = np.searchsorted(arrival_ns, begins + window_ns, side="left")
            most = max(most, int((ends - np.arange(first, first + len(begins))).max()))
    return most


def dispersion(arrivals: Sequence[I8], window_s: float) -> float | None:
    """Variance over mean of the number of arrivals in windows of this length; 1 for a Poisson process.

    Windows begin right after the first arrival, which is not counted: that one would be there under any law. The
    variance is that within replications: where a replication ends with its n-th arrival, its total says nothing.
    None with fewer than ``FEWEST_WINDOWS - 1`` degrees of freedom.

    ``arrivals``: instants, ascending, of each replication.
    """
    degrees = total = windows = 0
    spread = 0.0
    for arrival_ns in arrivals:
        whole, inside, squares = _counted(arrival_ns, window_s)
        if whole:
            degrees, windows, total = degrees + whole - 1, windows + whole, total + inside
            spread += squares - inside**2 / whole
    if degrees < FEWEST_WINDOWS - 1 or total == 0:
        return None
    return spread / degrees / (total / windows)


def _counted(arrival_ns: I8, window_s: float) -> tuple[int, int, int]:
    """Whole windows, the arrivals in them, and the sum of the squares of their counts."""
    whole = int((arrival_ns[-1] - arrival_ns[0]) * 1e-9 // window_s)
    total = squares = 0
    window, inside = -1, 0  # the last one seen, and its arrivals so far
    for first in range(0, len(arrival_ns), AT_A_TIME):
        since_ns = arrival_ns[first : first + AT_A_TIME] - arrival_ns[0]
        place = _window(since_ns[since_ns > 0] - 1, window_s)
        place = place[place < whole]
        if len(place) == 0:
            continue
        edges = np.flatnonzero(place[1:] != place[:-1]) + 1  # most windows of a sparse load are empty
        counts = np.diff(edges, prepend=0, append=len(place))
        if place[0] == window:
            squares -= inside**2
            counts[0] += inside
        total, squares = total + len(place), squares + int((counts**2).sum())
        window, inside = int(place[-1]), int(counts[-1])
    return whole, total, squares


def _window(since_ns: I8, window_s: float) -> I8:
    """(queries,) the window that each falls on: instants over its length, rounded down; length a whole number.

    What ``//`` says, in a fifth of the time: a quotient that was rounded up to a whole number is set right.
    """
    since_s = since_ns * 1e-9
    place = np.floor(since_s / window_s)
    place -= place * window_s > since_s
    return np.asarray(place.astype(np.int64))
