"""What is drawn of a run, from its traces: the share of later queries, one replication over time, who serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.core.plan import F8
from simulator.stats.durations import latency_of
from simulator.stats.figures import S_PER_NS

if TYPE_CHECKING:
    from simulator.core.trace import Trace
    from simulator.running.result import Result

#: Latencies at which the share of later queries is drawn, and windows of the timeline at most.
POINTS, WINDOWS = 250, 60
#: A window of the timeline has so many queries, about; its tail is that part of them.
A_WINDOW, TAIL = 100, 0.95


@dataclass(frozen=True)
class Later:
    """The share of queries that are later than each of some latencies, with its 95 % interval."""

    latency_s: F8  #: growing
    value: F8
    low: F8
    high: F8
    floor: float  #: shares below it are drawn there
    spans: bool  #: whether latencies differ by enough for a logarithmic axis


def later_shares(result: Result, stage: int | None = None) -> Later | None:
    """Shares over all replications, of a stage or of whole queries; None if no query was completed."""
    series = result.summary.pool.latency(stage)
    known = series.values[series.finite]
    least, most = float(known.min(initial=np.inf)), float(known.max(initial=0.0))
    if not most > 0:
        return None
    grid_ns: F8 = np.unique(np.geomspace(max(least, most * 1e-4), most, POINTS))
    shares = [series.share(float(bound), inclusive=False) for bound in grid_ns]
    floor = 0.5 / series.layout.queries
    value = np.array([max(share.value, floor) for share in shares])
    low, high = (np.array([max(getattr(share, end), floor) for share in shares]) for end in ("low", "high"))
    return Later(grid_ns * S_PER_NS, value, low, high, floor, bool(most > 1.5 * grid_ns[0]))


@dataclass(frozen=True)
class OverTime:
    """Load and latency of a replication, by windows of the time of arrival."""

    edges_s: F8  #: of the windows
    per_s: F8  #: arrivals, in each
    mean_s: F8  #: latency; NaN where no query of the window was completed
    tail_s: F8  #: that so many of them are earlier than
    warm_s: float  #: when measuring begins

    @property
    def middles_s(self) -> F8:
        """Of the windows."""
        middles: F8 = (self.edges_s[1:] + self.edges_s[:-1]) / 2
        return middles


def windows_of(trace: Trace) -> int:
    """In how many windows a replication is drawn."""
    return int(np.clip(len(trace.arrival_ns) // A_WINDOW, 1, WINDOWS))


def over_time(trace: Trace) -> OverTime | None:
    """A replication over time; None if no time passes."""
    arrival_s: F8 = np.asarray((trace.arrival_ns - trace.arrival_ns[0]) * S_PER_NS, dtype=np.float64)
    span_s, windows = float(arrival_s[-1]), windows_of(trace)
    if not span_s > 0:
        return None
    edges: F8 = np.linspace(0.0, span_s, windows + 1)
    counts = np.histogram(arrival_s, edges)[0]
    latency = np.asarray(latency_of(None)(trace, slice(0, len(trace.arrival_ns))), dtype=np.float64) * S_PER_NS
    is_known = np.isfinite(latency)
    window = np.clip(np.searchsorted(edges, arrival_s, side="right") - 1, 0, windows - 1)
    parts_of = [latency[is_known & (window == at)] for at in range(windows)]
    mean = np.array([float(np.mean(some)) if len(some) else np.nan for some in parts_of])
    tail = np.array([float(np.quantile(some, TAIL)) if len(some) else np.nan for some in parts_of])
    return OverTime(edges, counts / np.diff(edges), mean, tail, float(arrival_s[trace.first_measured]))


@dataclass(frozen=True)
class Staircase:
    """How many replicas of every shard of a stage serve: from each instant on, so many."""

    stage: int
    at_s: list[float]  #: the last is the end of the replication
    serve: list[int]


def staircases(trace: Trace) -> list[Staircase]:
    """Those of the stages that are scaled."""
    begin_s, end_s = (float(trace.arrival_ns[place]) * S_PER_NS for place in (0, -1))
    stairs = []
    for stage in np.unique(trace.provided[0]).tolist():
        mine = trace.provided[:, trace.provided[0] == stage]
        from_s: F8 = np.asarray(mine[1] * S_PER_NS - begin_s, dtype=np.float64)
        shown = from_s < max(end_s - begin_s, 1e-9)
        edges, count = np.clip(from_s[shown], 0.0, None).tolist(), mine[2][shown].tolist()
        stairs.append(Staircase(stage, [*edges, end_s - begin_s], [*count, count[-1]]))
    return stairs
