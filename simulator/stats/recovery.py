"""How long after a disturbance objectives hold again: of each replication, and of all of them.

Time is cut into windows. In a window an objective is missed by a share of the queries that arrive in it. Even where
nothing is wrong that share varies, and a short window may have more than the objective allows by luck alone. So the
same windows are looked at without the disturbance: a window is *bad* when its share is above what is allowed, and above
the largest that any window of any undisturbed replication has. Nothing is assumed about how shares vary. One window of
many is bad by luck all the same; so a disturbance is over when several in a row are not, and what is bad later is none
of its doing, unless most of the last windows are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from simulator.core.columns import SHED
from simulator.core.plan import F8, I8, Plan
from simulator.core.trace import Trace
from simulator.stats import attempts
from simulator.stats.figures import S_PER_NS
from simulator.stats.means import Interval
from simulator.stats.verdicts import Objective

#: So many windows in a row that are not bad end a disturbance: as a part of those that follow it, and at least.
QUIET, FEWEST_QUIET = 0.05, 3
#: Luck alone may make so large a share of a window miss: then nothing can be told of it.
MOST_USUAL = 0.9
#: Of intervals, unless said.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Windows:
    """Where time is cut, in seconds after the begin of what is measured."""

    edges_s: F8  #: (windows + 1,) rising
    begin_s: float  #: of the disturbance, an edge
    end_s: float  #: likewise

    @staticmethod
    def around(before: int, lasts_s: float, after: int, width_s: float) -> Windows:
        """So many windows of a width before a disturbance and behind it; those during it are as wide, or wider.

        Of a disturbance that is shorter than a window, the first that follows its begin holds it.
        """
        during = math.floor(lasts_s / width_s + 1e-9)
        begin_s = before * width_s
        inside = begin_s + lasts_s * np.arange(1, during + 1) / max(1, during)
        behind = (begin_s + lasts_s if during else begin_s) + width_s * np.arange(1, after + 1)
        return Windows(np.concatenate([width_s * np.arange(before + 1), inside, behind]), begin_s, begin_s + lasts_s)

    @property
    def before(self) -> int:
        """Windows before the disturbance."""
        return int(np.count_nonzero(self.edges_s[1:] <= self.begin_s))

    @property
    def first_after(self) -> int:
        """The first window behind the disturbance."""
        return int(np.count_nonzero(self.edges_s[:-1] < self.end_s))

    @property
    def quiet(self) -> int:
        """Windows in a row that end a disturbance."""
        return max(FEWEST_QUIET, math.ceil(QUIET * (len(self.edges_s) - 1 - self.first_after)))


@dataclass(frozen=True)
class Counted:
    """Of one replication: queries by the window in which they arrive."""

    queries: I8  #: (windows,)
    bad: I8  #: (objectives, windows) of them, those that miss it
    last_s: F8  #: (objectives, windows) when the last of these arrives, after the begin of what is measured; 0: none

    @property
    def shares(self) -> F8:
        """(objectives, windows) of the queries, 0 where there are none."""
        return np.asarray(self.bad / np.maximum(1, self.queries), dtype=np.float64)


def is_looked_at(objective: Objective) -> bool:
    """Whether a query can miss an objective by itself: of whole queries, all of them, and a share of these."""
    return objective.is_of_all and objective.allowed is not None and objective.measure != "partial_ratio"


def misses(objective: Objective, latency_ns: F8, outcome: NDArray[np.int8]) -> NDArray[np.bool_]:
    """(queries,) which miss an objective, by their latency, +inf of one without an answer, and by their outcome."""
    if objective.measure == "shed_ratio":
        return np.asarray(outcome == SHED)
    bound = round(objective.bound / S_PER_NS) if objective.p else math.inf
    return latency_ns > bound if objective.measure == "share_within" else latency_ns >= bound


def counted(plan: Plan, trace: Trace, objectives: Sequence[Objective], windows: Windows) -> Counted:
    """Count the measured queries of a replication by window; ``plan``: what it was simulated from."""
    trace = attempts.as_queries(trace)
    measured = slice(trace.first_measured, None)
    arrival_ns = trace.arrival_ns[measured]
    latency_ns = (trace.completion_ns[measured] - arrival_ns).astype(np.float64)
    latency_ns[~trace.is_answered(measured)] = math.inf
    edges_ns = np.round(windows.edges_s / S_PER_NS).astype(np.int64)
    place = np.searchsorted(edges_ns, arrival_ns - trace.window_begin_ns, side="right") - 1
    count = len(edges_ns) - 1
    inside = (place >= 0) & (place < count)
    bad = np.zeros((len(objectives), count), dtype=np.int64)
    last_s = np.zeros((len(objectives), count))
    for row, objective in enumerate(objectives):
        missed = inside & misses(objective, latency_ns, trace.outcome[measured])
        bad[row] = np.bincount(place[missed], minlength=count)
        last_s[row, place[missed]] = (arrival_ns[missed] - trace.window_begin_ns) * S_PER_NS  # the later ones stay
    return Counted(np.bincount(place[inside], minlength=count), bad, last_s)


def limits(objectives: Sequence[Objective], undisturbed: Sequence[Counted]) -> F8:
    """(objectives,) the share of a window above which it is bad."""
    allowed = np.array([one.allowed for one in objectives], dtype=np.float64)
    seen = np.array([one.shares.max(axis=1) for one in undisturbed])
    return np.asarray(np.maximum(allowed, seen.max(axis=0)), dtype=np.float64)


def is_held(objectives: Sequence[Objective], undisturbed: Sequence[Counted]) -> NDArray[np.bool_]:
    """(objectives,) whether each holds where nothing disturbs: over all windows and replications together."""
    queries = sum(int(one.queries.sum()) for one in undisturbed)
    bad = np.sum([one.bad.sum(axis=1) for one in undisturbed], axis=0)
    allowed = np.array([one.allowed for one in objectives], dtype=np.float64)
    return np.asarray(allowed >= bad / max(1, queries))


def recovery_s(disturbed: Counted, most: F8, windows: Windows) -> float | None:
    """How long after the disturbance objectives hold again: when the last query arrives that misses one for it.

    That is the last one of the last bad window before so many in a row are not (``Windows.quiet``). +inf if there are
    not so many, or if most of the last ones of the run are bad. None: no window is bad until then.
    """
    is_bad = disturbed.shares > most[:, None]
    bad: NDArray[np.bool_] = np.logical_or.reduce(is_bad, axis=0)
    last, good = None, 0
    for window in range(windows.before, len(bad)):
        if bad[window]:
            last, good = window, 0
        elif window >= windows.first_after:
            good += 1
            if good == windows.quiet:
                break
    is_over = last is None or good == windows.quiet
    if not is_over or 2 * np.count_nonzero(bad[-windows.quiet :]) > windows.quiet:
        return math.inf
    if last is None:
        return None
    return max(0.0, float(disturbed.last_s[is_bad[:, last], last].max()) - windows.end_s)


def median_interval(values: Sequence[float]) -> Interval:
    """The median with a 95 % interval by order statistics: no end where there are too few; +inf is a value."""
    ascending, n = sorted(values), len(values)
    middle = ascending[(n - 1) // 2] if n % 2 else (ascending[n // 2 - 1] + ascending[n // 2]) / 2
    # the interval from the k-th smallest to the k-th largest holds it but with 2 P(fewer than k of n are below it)
    ranks = [k for k in range(1, n // 2 + 1) if 2 * special.bdtr(k - 1, n, 0.5) <= 1 - CONFIDENCE]
    if not ranks:
        return Interval(middle, None, None)
    return Interval(middle, ascending[ranks[-1] - 1], ascending[n - ranks[-1]])


def share_interval(count: int, of: int) -> Interval:
    """A share of independent replications with its 95 % interval (Clopper and Pearson, 1934)."""
    beyond = (1 - CONFIDENCE) / 2
    low = 0.0 if count == 0 else float(special.betaincinv(count, of - count + 1, beyond))
    high = 1.0 if count == of else float(special.betaincinv(count + 1, of - count, 1 - beyond))
    return Interval(count / of, low, high)
