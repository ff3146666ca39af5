"""When queries arrive: unit-rate epochs put through the inverse of the cumulated rate, on one clock.

The epochs depend on seed and replication only, so two loads share their luck: a higher rate presses the same arrivals
together.
"""

import math

import numpy as np

from simulator.base.units import ns_array
from simulator.core import draws
from simulator.core.jit import kernel
from simulator.core.laws import Law
from simulator.core.plan import F8, I8
from simulator.workload.plugged import PluggedGaps
from simulator.workload.rates import RateFunction

#: Gaps of mean 1 of the two simplest arrivals.
CONSTANT_GAPS, POISSON_GAPS = Law.constant(1.0), Law.exponential(1.0)


#: Arrivals that are made at a time.
BLOCK = 65_536


@kernel
def cumulate(reached: float, epoch: F8) -> None:
    """Turn the gaps in ``epoch`` (n,) into what they add up to, one by one; ``reached``: the epoch before them."""
    for i in range(epoch.shape[0]):
        reached = reached + epoch[i]
        epoch[i] = reached


#: What makes gaps of mean 1: their law where they are independent, or a user's own arrivals.
Gaps = Law | PluggedGaps


def epochs(gaps: Gaps, seed: int, replication: int, count: int, first: int = 0, reached: float = 0.0) -> F8:
    """Unit-rate epochs of arrivals first .. first + count - 1, (count,) float64, increasing.

    ``gaps``: their law, mean 1, or a user's; constant ones put arrival i at i + 1/2. ``reached``: the epoch before
    ``first``.
    """
    if gaps == CONSTANT_GAPS:
        return np.arange(first, first + count, dtype=np.float64) + 0.5
    if isinstance(gaps, PluggedGaps):
        epoch = gaps.gaps(seed, replication, count, first)
    else:
        epoch = gaps.quantiles(draws.series(seed, replication, draws.GAP, count, first))
    cumulate(reached, epoch)
    return epoch


def epochs_until(gaps: Gaps, seed: int, replication: int, end: float) -> F8:
    """All unit-rate epochs below ``end``."""
    parts: list[F8] = []
    first, reached = 0, 0.0
    while reached < end:
        count = int(end - reached + 4 * math.sqrt(end)) + 16
        part = epochs(gaps, seed, replication, count, first, reached)
        parts.append(part)
        first += count
        reached = float(part[-1])
    together = np.concatenate(parts) if parts else np.empty(0)
    return together[together < end]


def arrivals_counted(gaps: Gaps, seed: int, replication: int, rate: RateFunction, count: int) -> I8:
    """The first ``count`` arrivals at a rate, (count,) int64 ns; fewer if it ends before.

    They are made block by block, so that all but the result stays in the processor's cache; a user's gaps at once.
    """
    if isinstance(gaps, PluggedGaps):
        return _arrivals(rate, epochs(gaps, seed, replication, count))
    arrival_ns = np.empty(count, dtype=np.int64)
    first, reached = 0, 0.0
    while first < count:
        epoch = epochs(gaps, seed, replication, min(BLOCK, count - first), first, reached)
        reached = float(epoch[-1])
        try:
            block_ns = _arrivals(rate, epoch)
        except OverflowError:  # says how long all of it would last
            return _arrivals(rate, epochs(gaps, seed, replication, count))
        if first:  # none is before one above it
            np.maximum(block_ns, arrival_ns[first - 1], out=block_ns)
        arrival_ns[first : first + len(block_ns)] = block_ns
        first += len(block_ns)
        if len(block_ns) < len(epoch):
            return arrival_ns[:first]
    return arrival_ns


def _arrivals(rate: RateFunction, epoch: F8) -> I8:
    """Those of the arrivals with these unit-rate epochs that come while the rate lasts."""
    return ns_array(rate.instants(epoch if epoch[-1] <= rate.arrivals else epoch[epoch <= rate.arrivals]))


def arrivals_until(gaps: Gaps, seed: int, replication: int, rate: RateFunction) -> I8:
    """All arrivals while the rate lasts, int64 ns; the rate must end."""
    return ns_array(rate.instants(epochs_until(gaps, seed, replication, rate.arrivals)))


def spread_in_ticks(timestamp_s: F8, seed: int, replication: int) -> F8:
    """Instants of a clock that ticks, each moved by luck within its tick, (rows,) non-decreasing.

    A tick is the least gap there is. So many instants in a tick are uniform in it: what is known of Poisson arrivals of
    which only the count is known. ``timestamp_s``: (rows,) non-decreasing, at two instants or more.
    """
    gap_s = np.diff(timestamp_s)
    tick_s = gap_s[gap_s > 0].min()
    tick = np.concatenate([[0], np.cumsum(gap_s > 0)])
    u = draws.series(seed, replication, draws.GAP, len(timestamp_s))
    spread_s = timestamp_s + tick_s * u[np.lexsort((u, tick))]  # in order within each tick
    return np.asarray(np.maximum.accumulate(spread_s))


def arrivals_of_trace(timestamp_s: F8, speed: float) -> I8:
    """A recorded load as int64 ns: (t_i - t_0) / speed, after half a mean gap.

    ``timestamp_s``: (rows,) non-decreasing. One row arrives at once.
    """
    rows = len(timestamp_s)
    instant_s = (timestamp_s - timestamp_s[0]) / speed
    half_gap_s = instant_s[-1] / (rows - 1) / 2 if rows > 1 else 0.0
    return ns_array(instant_s + half_gap_s)
