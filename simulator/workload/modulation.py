"""A Markov-modulated Poisson process: states that multiply the rate, one after another, each for a random time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.base.sums import meant
from simulator.core import draws
from simulator.core.laws import Law
from simulator.core.plan import F8, I8
from simulator.workload.rates import Rate

#: Dwells of one replication, at most: what memory holds.
MOST_DWELLS = 10_000_000


class TooManyDwells(ValueError):
    """States would change more often than anybody could tell from a Poisson process; with how often."""


@dataclass(frozen=True)
class Modulation:
    """States in order, cyclically, each for an exponential time: what they multiply a rate by, and how long on average.

    >>> Modulation.of([1, 4], [9.0, 1.0]).factors
    (0.7692307692307692, 3.0769230769230766)
    """

    factors: tuple[float, ...]  #: weighted by dwell, their mean is 1
    dwells_s: tuple[float, ...]

    @staticmethod
    def of(rates: Sequence[float], dwells_s: Sequence[float]) -> Modulation:
        """By relative rates, rescaled; one dwell is that of all states."""
        dwells = tuple(dwells_s) if len(dwells_s) == len(rates) else tuple(dwells_s) * len(rates)
        mean = math.fsum(rate * dwell for rate, dwell in zip(rates, dwells, strict=True)) / math.fsum(dwells)
        return Modulation(tuple(rate / mean for rate in rates), dwells)

    def path(self, seed: int, replication: int, count: int) -> tuple[F8, F8]:
        """The first ``count`` dwells: their edges, (count + 1,) seconds from 0 on, and factors, (count,).

        Dwell k has a random number of its own, so a longer path begins with a shorter one. The state at 0 is drawn in
        proportion to dwell, so (an exponential time having no memory) the process is stationary from 0 on.
        """
        states = len(self.factors)
        _, v = draws.uniforms(seed, replication, draws.DWELL, 0, 0, 0)
        first = int(np.searchsorted(np.cumsum(self.dwells_s) / math.fsum(self.dwells_s), v))
        state = (min(first, states - 1) + np.arange(count)) % states
        uniform = draws.series(seed, replication, draws.DWELL, count)
        dwell_s = Law.exponential(1.0).quantiles(uniform) * np.array(self.dwells_s)[state]
        return np.concatenate([[0.0], np.cumsum(dwell_s)]), np.array(self.factors)[state]

    def dispersion(self, rate_per_s: float, window_s: float = math.inf) -> float:
        """Index of dispersion (variance over mean) of counts in windows of this length, at a constant mean rate.

        From the covariance of the rate: 1 + 2 / mean x pi F (D - D^2 (I - P(t)) / t) F 1, where F are the rates, pi the
        shares of time, P(t) the chance of each state after t, and D the deviation matrix (Fischer and
        Meier-Hellstern, 1993, for two states).
        """
        from scipy.linalg import expm

        states = len(self.factors)
        share = np.array(self.dwells_s) / math.fsum(self.dwells_s)
        leaving = 1 / np.array(self.dwells_s)
        generator = np.roll(np.diag(leaving), 1, axis=1) - np.diag(leaving)
        stationary = np.tile(share, (states, 1))
        deviation = np.linalg.inv(stationary - generator) - stationary
        if math.isfinite(window_s):
            moved = np.eye(states) - expm(generator * window_s)
            deviation = deviation - deviation @ deviation @ moved / window_s
        rates = rate_per_s * np.array(self.factors)
        more = 2 / rate_per_s * float((share * rates) @ deviation @ rates)
        return meant(1 + more)


class ModulatedRate:
    """A rate multiplied by the factors of a path of dwells: on one clock, from time 0 to the last edge.

    The base rate is cumulated at the edges; within a dwell the product cumulates factor times as fast.

    >>> from simulator.workload.rates import LinearStretch
    >>> base = Rate([LinearStretch(math.inf, 2.0, 2.0)])
    >>> rate = ModulatedRate(base, np.array([0.0, 1.0, 3.0]), np.array([1.5, 0.75]))
    >>> rate.instants(np.array([1.5, 3.0, 4.5, 6.0])).tolist()
    [0.5, 1.0, 2.0, 3.0]
    """

    def __init__(self, base: Rate, edge_s: F8, factor: F8) -> None:
        self.base, self.edge_s, self.factor = base, edge_s, factor
        self.level = base.cumulated(edge_s)
        self.reached = np.concatenate([[0.0], np.cumsum(factor * np.diff(self.level))])

    @property
    def arrivals(self) -> float:
        """Expected number of arrivals until the last edge, given the states."""
        return float(self.reached[-1])

    def instants(self, level: F8) -> F8:
        """Instants, in seconds, at which the product reaches ``level``, non-decreasing like it."""
        dwell = np.searchsorted(self.reached, level, side="left") - 1
        within = (level - self.reached[dwell]) / self.factor[dwell]
        return self.base.instants(np.minimum(self.level[dwell] + within, self.level[dwell + 1]))

    def cumulated(self, instant_s: F8) -> F8:
        """What the product has cumulated to at instants from 0 to the last edge."""
        dwell = self._dwell(instant_s)
        since = self.base.cumulated(instant_s) - self.level[dwell]
        return np.asarray(self.reached[dwell] + self.factor[dwell] * since)

    def at(self, instant_s: F8) -> F8:
        """Rate per second at instants from 0 to the last edge."""
        return np.asarray(self.factor[self._dwell(instant_s)] * self.base.at(instant_s))

    def _dwell(self, instant_s: F8) -> I8:
        return np.clip(np.searchsorted(self.edge_s, instant_s, side="right") - 1, 0, len(self.factor) - 1)


def modulated(
    modulation: Modulation, seed: int, replication: int, base: Rate, until_s: float, arrivals: float = 0.0
) -> ModulatedRate:
    """A rate under the states of a replication, at least until an instant and so many expected arrivals.

    Never beyond the end of the rate, which is then not enough.

    Raises
    ------
    TooManyDwells
        If the states change too often for that.
    """
    horizon_s = until_s
    if arrivals > 0:
        horizon_s = max(horizon_s, float(base.instants(np.array([min(arrivals, base.arrivals)]))[0]))
    each_s = math.fsum(modulation.dwells_s) / len(modulation.dwells_s)
    expected = min(horizon_s, base.duration_s) / each_s
    count = math.ceil(min(expected + 4 * math.sqrt(expected), MOST_DWELLS)) + 16
    while count <= MOST_DWELLS:
        edge_s, factor = modulation.path(seed, replication, count)
        rate = ModulatedRate(base, edge_s, factor)
        if edge_s[-1] >= base.duration_s or (edge_s[-1] >= until_s and rate.arrivals >= arrivals):
            return rate
        count *= 2
    raise TooManyDwells(f"{expected:.3g}")
