"""Whether a run can be believed: is the load carried, was the warm-up long enough (statistics rules 7 and 6)."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.base.formats import counted, format_count, format_duration, format_rate
from simulator.core.admission import bounds_flight, most_out
from simulator.core.columns import AT_A_TIME
from simulator.core.plan import F8, I8, Plan
from simulator.core.trace import Trace
from simulator.documents import run
from simulator.stats.figures import Pool
from simulator.stats.means import Interval, ratio_interval
from simulator.stats.share import BLOCKS, FEWEST_UNITS, t_quantile
from simulator.theory import Peak, busiest, certainly_busiest

STABLE: Final = "stable"
SATURATED: Final = "saturated"
AT_PEAK: Final = "saturated at its peak"
INCONCLUSIVE: Final = "inconclusive"

#: From so many times all its time on, what a station is asked for is not told in percent.
MANY_TIMES = 10.0
#: Queries in flight may grow by this part of the queries that arrive.
MOST_GROWTH = 0.005
#: A utilisation above it is 1, up to rounding.
FULL = 1 - 1e-9
#: Size of a batch of MSER-5.
BATCH = 5


@dataclass(frozen=True)
class Asked:
    """What the busiest station is asked for, by arithmetic."""

    certain: Sequence[float]  #: as far as it is certain: one, or one a replication where machines differ
    in_this_run: float = math.inf  #: the most of them, without what comes too seldom for a run of its length
    demand: float = 0.0  #: certain or not
    peak: Peak | None = None  #: of a load that changes: beyond saturation for a while, its run is not called stable
    is_bounded: bool = (
        False  #: clients wait, or a door admits: so many queries are in flight at most, whatever is asked
    )


def asked_of(plan: Plan, traces: Sequence[Trace], certain: Sequence[float], peak: Peak | None) -> Asked:
    """What it is asked for in replications of a plan."""
    lasts_s = sum(len(trace.arrival_ns) for trace in traces) / plan.rate_per_s
    return Asked(certain, certainly_busiest(plan, lasts_s), busiest(plan), peak, is_bounded(plan))


def is_bounded(plan: Plan) -> bool:
    """Whether so many queries are in flight at most, whatever is asked."""
    return (plan.clients > 0 and not len(plan.open_ns)) or bounds_flight(plan) or most_out(plan) > 0


@dataclass(frozen=True)
class Stability:
    """The verdict, and what it rests on."""

    verdict: run.StabilityVerdict
    demand: float  #: on the busiest station of all replications, by arithmetic, at the load's mean rate
    growth: Interval  #: of queries in flight, as a part of the measured queries
    warmup_queries: float  #: mean over replications
    suggested_queries: int | None  #: cut that MSER-5 suggests; None where the load changes over time
    notes: tuple[str, ...]

    def to_dict(self) -> run.Stability:
        """As the reference of documents lays out."""
        return {
            "demand": self.demand,
            "growth": self.growth.to_dict(),
            "warmup_queries": self.warmup_queries,
            "mser5_queries": self.suggested_queries,
        }


def stability(
    growth: Interval,
    warmup: float,
    suggested: int | None,
    queries: int,
    asked: Asked,
) -> Stability:
    """Judge a run.

    Parameters
    ----------
    growth
        Of queries in flight, as a part of the measured queries.
    warmup
        Queries before the measured ones, mean over replications.
    suggested
        Cut that MSER-5 suggests; None where the rate is not constant: only then has it a meaning.
    queries
        Measured, in all.
    asked
        What its stations are asked for.
    """
    utilisations, peak = asked.certain, asked.peak
    notes = []
    verdict: run.StabilityVerdict
    beyond = sum(utilisation >= FULL for utilisation in utilisations)
    if asked.is_bounded:
        verdict = STABLE
    elif beyond == len(utilisations):
        verdict = SATURATED
        times, this_long = _times(max(utilisations)), "latency is that of a run this long: lower the load, or add to it"
        if asked.in_this_run < FULL:
            seldom = "crashes, slow stretches or tasks of replicas' own of which a run this short sees few"
            times = f"{times} in the long run, for {_times(asked.in_this_run)} without {seldom}"
        notes.append(f"saturated by arithmetic: the bottleneck is asked for {times}; {this_long}")
    elif beyond:
        verdict = INCONCLUSIVE
        some = f"{beyond} of {counted(len(utilisations), 'replication')}"
        notes.append(f"with the machines of {some} some replica is saturated")
    elif growth.low is None or growth.high is None or queries * MOST_GROWTH < 1:
        verdict = INCONCLUSIVE
        notes.append("too few queries to say whether the load is carried")
    elif growth.high <= MOST_GROWTH:
        verdict = STABLE
    else:
        verdict = SATURATED if growth.low > MOST_GROWTH else INCONCLUSIVE
        seen = f"queries in flight grew by {growth.low:.1%} to {growth.high:.1%} of those that arrived"
        notes.append(f"{seen}; stable is at most {MOST_GROWTH:.1%}" + ("" if verdict == SATURATED else ": run longer"))
    if suggested is not None and suggested > warmup and beyond < len(utilisations):
        notes.append(f"warm-up too short: {counted(warmup, 'query')}, MSER-5 would cut {suggested:,}; run longer")
        verdict = INCONCLUSIVE  # the growth may be that of the start
    if peak is not None and peak.above_s > 0 and verdict != SATURATED:
        verdict = AT_PEAK
        there = f"at the peak of {format_rate(peak.rate_per_s)} the bottleneck is asked for {peak.utilisation:.0%}"
        notes.append(f"beyond saturation for {format_duration(peak.above_s)} by arithmetic: {there} of its time")
    return Stability(verdict, max(asked.demand, *utilisations), growth, warmup, suggested, tuple(notes))


def growth_of(pool: Pool) -> Interval:
    """Growth of queries in flight from the first measured arrival to the last, over measured queries."""
    if len(pool.traces) > 1:
        edges = [(trace, trace.first_measured, len(trace.arrival_ns) - 1) for trace in pool.traces]
    else:
        trace = pool.traces[0]
        ends = trace.first_measured + np.cumsum(pool.layout.block_sizes) - 1
        edges = [(trace, int(end - size), int(end)) for end, size in zip(ends, pool.layout.block_sizes, strict=True)]
        edges[0] = (trace, trace.first_measured, edges[0][2])
    counts = {id(trace): InFlight(trace) for trace in pool.traces}
    grown = [counts[id(trace)].at(last) - counts[id(trace)].at(first) for trace, first, last in edges]
    return ratio_interval(grown, pool.layout.unit_sizes)


class InFlight:
    """Counts the queries of a trace that are in flight at an instant, among the few that may be."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.longest_ns = 0  #: who arrived longer ago has finished, or never will
        self.first_never = len(trace.arrival_ns)  #: the first query that never finished
        for at in _slices(len(trace.arrival_ns)):
            ended_ns = trace.ended_ns(at)
            latency_ns = np.where(ended_ns < 0, -1, ended_ns - trace.arrival_ns[at])
            self.longest_ns = max(self.longest_ns, int(latency_ns.max()))
            if self.first_never == len(trace.arrival_ns) and latency_ns.min() < 0:
                self.first_never = at.start + int(np.argmax(latency_ns < 0))

    def at(self, query: int) -> int:
        """Queries in flight at the instant at which ``query`` arrives, those of that instant included."""
        trace, instant = self.trace, self.trace.arrival_ns[query]
        here = int(np.searchsorted(trace.arrival_ns, instant, side="right"))
        first = int(np.searchsorted(trace.arrival_ns, instant - self.longest_ns))
        late = np.count_nonzero(trace.ended_ns(slice(first, here)) > instant)
        return int(late) + int(np.count_nonzero(trace.ended_ns(slice(self.first_never, here)) < 0))


def of_the_start(latencies: Iterable[F8], warmups: Sequence[int], cut: int | None) -> int | None:
    """The ``cut`` that MSER-5 suggests, or the warm-up where the measured queries before it are like the rest.

    MSER-5 cuts after any rare late query, too: where almost nobody waits, that is anywhere. Like the rest: the mean
    before the cut less that after it may be 0, by a t-interval over replications; with fewer than four, by Welch's over
    blocks of a twentieth.

    Parameters
    ----------
    latencies
        Of each replication, (queries,) with the warm-up; not finite or below 0 where a query never finished.
    warmups
        Of each replication.
    cut
        In queries; None: there is none.
    """
    if cut is None or cut <= np.mean(warmups):
        return cut
    early, late, gaps = [], [], []
    for latency, warmup in zip(latencies, warmups, strict=True):
        known = np.isfinite(latency) & (latency >= 0)
        values = np.where(known, latency, latency[known].max(initial=0.0))
        ends, size = (values[warmup:cut], values[cut:]), max(1, (len(values) - warmup) // BLOCKS)
        blocks = [[part[at : at + size].mean() for at in range(0, len(part) - size + 1, size)] for part in ends]
        early += blocks[0]
        late += blocks[1]
        if len(ends[0]):
            gaps.append(ends[0].mean() - ends[1].mean())
    if len(warmups) >= FEWEST_UNITS:
        gap, error, degrees = float(np.mean(gaps)), float(np.var(gaps, ddof=1)) / len(gaps), len(gaps) - 1
    elif len(early) < 2 or len(late) < 2:
        return round(float(np.mean(warmups)))
    else:
        of_early, of_late = float(np.var(early, ddof=1)) / len(early), float(np.var(late, ddof=1)) / len(late)
        parts = of_early**2 / (len(early) - 1) + of_late**2 / (len(late) - 1)
        gap, error = float(np.mean(early) - np.mean(late)), of_early + of_late
        degrees = max(1, int(error**2 / parts)) if parts > 0 else 1
    differs = abs(gap) > t_quantile(degrees) * error**0.5
    return cut if differs else round(float(np.mean(warmups)))


def averaged_batches(traces: Sequence[Trace]) -> F8:
    """Latency by number of arrival from the start on, averaged over replications; cut at the shortest.

    Means of batches of MSER-5, as ``batch_means`` has them. A query that never finished counts as the largest latency.
    """
    shortest = min(len(trace.arrival_ns) for trace in traces)
    largest = max(int(_latency_ns(trace, at).max(initial=0)) for trace in traces for at in _slices(shortest))
    means = np.empty(shortest // BATCH)
    for first in range(0, len(means), AT_A_TIME // BATCH + 1):
        some = means[first : first + AT_A_TIME // BATCH + 1]
        averaged = np.zeros(len(some) * BATCH)
        for trace in traces:
            latency_ns = _latency_ns(trace, slice(first * BATCH, first * BATCH + len(averaged)))
            averaged += np.where(latency_ns < 0, largest, latency_ns)
        averaged /= len(traces)
        some[:] = batch_means(averaged)
    return means


def whole_latencies(traces: Sequence[Trace]) -> Iterator[F8]:
    """(queries,) latency of each trace, in ns, warm-up included; -1 where a query never finished."""
    for trace in traces:
        yield _latency_ns(trace, slice(0, len(trace.arrival_ns))).astype(np.float64)


def _slices(queries: int) -> list[slice]:
    """The first queries, some at a time."""
    return [slice(first, min(first + AT_A_TIME, queries)) for first in range(0, queries, AT_A_TIME)]


def _latency_ns(trace: Trace, queries: slice) -> I8:
    """Of queries; -1 where they never finished."""
    completion_ns = trace.completion_ns[queries]
    return np.where(completion_ns < 0, -1, completion_ns - trace.arrival_ns[queries])


def mser5(values: F8) -> int:
    """How many first values MSER-5 cuts (White, Cobb and Spratt, 2000): at most half of them.

    >>> mser5(np.array([9.0] * 20 + [1.0, 2.0] * 100))
    20
    """
    return mser5_of(batch_means(values))


def batch_means(values: F8) -> F8:
    """(batches,) means of batches of five, in order; what is left over is left out."""
    batches = len(values) // BATCH
    return np.asarray(values[: batches * BATCH].reshape(batches, BATCH).mean(axis=1))


def mser5_of(means: F8) -> int:
    """What MSER-5 cuts, given the means of batches of five.

    The cut d in the first half that minimises the variance of the rest over the square of its length.
    """
    batches = len(means)
    if batches < 2:
        return 0
    means = means - means.mean()  # no cancellation below
    count = np.arange(batches, 0, -1)
    total = np.cumsum(means[::-1])[::-1]
    squares = np.cumsum((means**2)[::-1])[::-1]
    error = np.maximum(squares - total**2 / count, 0.0) / count.astype(np.float64) ** 2
    return int(np.argmin(error[: max(1, batches // 2)])) * BATCH


def _times(demand: float) -> str:
    return f"{demand:.0%} of its time" if demand < MANY_TIMES else f"{format_count(demand)} times all its time"
