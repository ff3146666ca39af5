"""Arrivals at unit rate as a load sees them, whether built in or a plug-in."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from simulator.core import draws
from simulator.core.laws import Law
from simulator.core.plan import F8
from simulator.workload.arrivals import Gaps, arrivals_counted, epochs, epochs_until
from simulator.workload.modulation import Modulation, modulated
from simulator.workload.plugged import PluggedGaps
from simulator.workload.rates import LinearStretch, Rate, RateFunction

#: Where arrivals are counted instead: so long, in so many replications.
WINDOW_S, WINDOWS = 200.0, 1024
SEED = 20_240_101
POISSON = Law.exponential(1.0)


@dataclass(frozen=True)
class Process:
    """Arrivals at unit rate as a load sees them."""

    shown: str
    epochs: Callable[[int, int], F8]  #: of (replication, count)
    dispersion: float  #: as stated, of counts over long times
    gaps: Callable[[F8, F8, int], F8] | None  #: of uniforms u, v and the number of the first; None where it has none
    at_rate: Callable[[int, int, float], Any] | None = None  #: instants in ns of (replication, count, rate)
    is_drawn: bool = True
    is_independent: bool = False  #: a gap is a function of its own uniforms
    counts: Callable[[], F8] | None = None  #: in each of WINDOWS replications, those within WINDOW_S; in place of gaps
    dispersion_of_counts: float = math.nan  #: of those, as stated


def process_of(process: Any) -> Process:
    """A law of gaps, a modulation of the rate, or a plug-in that has ``gaps``."""
    if isinstance(process, Law):
        return _of_law(process)
    if isinstance(process, Modulation):
        return _of_modulation(process)

    def gaps(u: F8, v: F8, first: int) -> F8:
        return np.asarray(process.gaps(u, v, first), dtype=np.float64)

    def reached(replication: int, count: int) -> F8:
        return np.cumsum(gaps(*luck(replication, count), 0))

    dispersion = float(getattr(process, "dispersion", 1.0))
    plugged = PluggedGaps(type(process).__name__, process, dispersion)
    few = np.linspace(0.1, 0.9, 9)
    is_drawn = not np.array_equal(gaps(few, few[::-1].copy(), 0), gaps(few[::-1].copy(), few, 0))
    return Process(repr(process), reached, dispersion, gaps, _at_rate(plugged), is_drawn=is_drawn)


def _at_rate(gaps: Gaps) -> Callable[[int, int, float], Any]:
    def instants(replication: int, count: int, rate: float) -> Any:
        return arrivals_counted(gaps, SEED, replication, Rate([LinearStretch(math.inf, rate, rate)]), count)

    return instants


def luck(replication: int, count: int, first: int = 0) -> tuple[F8, F8]:
    """Uniforms u and v of consecutive arrivals, by their names."""
    pairs = [draws.uniforms(SEED, replication, draws.GAP, first + i, 0, 0) for i in range(count)]
    uniforms = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return uniforms[:, 0].copy(), uniforms[:, 1].copy()


def _of_law(law: Law) -> Process:
    return Process(
        repr(law) if len(repr(law)) < 200 else repr(law)[:200] + " ...",
        lambda replication, count: epochs(law, SEED, replication, count),
        law.cv2(),
        lambda u, v, first: law.quantiles(u),
        _at_rate(law),
        is_drawn=not law.is_constant(),
        is_independent=True,
    )


def _of_modulation(states: Modulation) -> Process:
    """Poisson arrivals at a rate of 1/s times that of the states."""
    base = Rate([LinearStretch(math.inf, 1.0, 1.0)])

    def rate(replication: int, count: int) -> RateFunction:
        return modulated(states, SEED, replication, base, 0.0, count + 10 * math.sqrt(count) + 10)

    def reached(replication: int, count: int) -> F8:
        return rate(replication, count).instants(epochs(POISSON, SEED, replication, count))

    index = states.dispersion(1.0, WINDOW_S)
    return Process(
        repr(states),
        reached,
        states.dispersion(1.0),
        None,
        counts=lambda: _counted(states),
        dispersion_of_counts=index,
    )


@lru_cache(maxsize=16)
def _counted(states: Modulation) -> F8:
    """Arrivals within a window, in each of some replications."""
    counts = []
    for replication in range(WINDOWS):
        rate = modulated(states, SEED, replication, Rate([LinearStretch(WINDOW_S, 1.0, 1.0)]), WINDOW_S)
        end = np.array([min(WINDOW_S, float(rate.edge_s[-1]))])
        counts.append(len(epochs_until(POISSON, SEED, replication, float(rate.cumulated(end)[0]))))
    return np.array(counts, dtype=np.float64)
