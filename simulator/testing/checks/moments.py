"""Mean and spread of the values of a law, between bounds that hold whatever it is: sums over cells of uniforms.

Within a cell the values of a non-decreasing law lie between those at its ends, so lower and upper sums enclose the
integral. Cells are even in logit(u), fine where tails are. A law whose uniform chooses a part first is cut where its
values fall.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simulator.core.plan import F8

#: Cells of a part, and uniforms among which the cuts between parts are looked for.
CELLS, LOOKED_AT = 2**14, 4096
#: Where uniforms end.
_END = 2.0**-53


@dataclass(frozen=True)
class Moments:
    """Bounds on mean and variance of the values."""

    mean_low: float
    mean_high: float
    mean: float  #: about, between the two
    variance_low: float
    variance_high: float

    def has_mean(self, mean: float) -> bool:
        """Whether a mean is possible."""
        slack = 1e-6 * abs(mean)
        return self.mean_low - slack <= mean <= self.mean_high + slack

    def has_cv(self, cv: float) -> bool:
        """Whether a coefficient of variation is possible."""
        low, high = self._cv_ends()
        return low - 1e-6 - 1e-4 * cv <= cv <= high + 1e-6 + 1e-4 * cv

    def _cv_ends(self) -> tuple[float, float]:
        if self.mean_high == 0:
            return 0.0, 0.0
        low = math.sqrt(self.variance_low) / self.mean_high
        return low, math.sqrt(self.variance_high) / self.mean_low if self.mean_low > 0 else math.inf

    @property
    def mean_shown(self) -> str:
        """About, and its bounds."""
        return f"{self.mean:.6g} ({self.mean_low:.6g} .. {self.mean_high:.6g})"

    @property
    def cv_shown(self) -> str:
        """Its bounds."""
        low, high = self._cv_ends()
        return f"{low:.6g} .. {high:.6g}"


def moments_of(quantiles: Callable[[F8], F8], has_parts: bool = False) -> Moments:
    """Bounds on the moments of a law by its values.

    ``has_parts``: values may fall, where the uniform goes from one part to the next.
    """
    cuts = cuts_of(quantiles) if has_parts else []
    ends = [0.0, *cuts, 1.0]
    lows, highs, weights, beyond = [], [], [], 0.0
    for left, right in pairwise(ends):
        uniform = _uniforms_between(left, right)
        value = quantiles(uniform)
        weights.append(np.diff(uniform))
        lows.append(value[:-1])
        highs.append(value[1:])
        weights.append(np.array([uniform[0] - left, right - uniform[-1]]))  # what is beyond the ends
        lows.append(value[[0, -1]] * [0.0, 1.0])
        highs.append(value[[0, -1]])
        beyond += _tail(uniform, value, right)
    low, high, weight = np.concatenate(lows), np.concatenate(highs), np.concatenate(weights)
    # a law that falls elsewhere has no bounds so; law L2 tells it
    low, high = np.minimum(low, high), np.maximum(low, high)
    mean_low, mean_high = float(weight @ low), float(weight @ high) + 2 * beyond
    mean = float(weight @ (low + high)) / 2
    nearest = np.maximum(0.0, np.maximum(low - mean_high, mean_low - high))
    farthest = np.maximum(np.abs(high - mean_low), np.abs(mean_high - low))
    return Moments(mean_low, mean_high, mean, float(weight @ nearest**2), float(weight @ farthest**2))


def _uniforms_between(left: float, right: float) -> F8:
    """Uniforms even in the logit of their place between two cuts, both ends approached."""
    end = math.log(1 / max(_END / (right - left), 1e-16))
    logit = np.linspace(-end, end, CELLS + 1)
    return np.unique(np.clip(left + (right - left) / (1 + np.exp(-logit)), max(left, _END), min(right, 1 - _END)))


def _tail(uniform: F8, value: F8, right: float) -> float:
    """What the mean may have beyond the last uniform, if values go on growing as a power there; else infinite."""
    near, far = right - uniform[-1], right - uniform[-1000]
    if near <= 0 or far <= near or value[-1000] <= 0 or value[-1] <= value[-1000]:
        return 0.0
    growth = math.log(value[-1] / value[-1000]) / math.log(far / near)
    return near * float(value[-1]) / (1 - growth) if growth < 1 else math.inf


def cuts_of(quantiles: Callable[[F8], F8]) -> list[float]:
    """Uniforms at which the values fall, to the last bit."""
    grid = (np.arange(LOOKED_AT) + 0.5) / LOOKED_AT
    value = quantiles(grid)
    cuts = []
    for place in np.flatnonzero(np.diff(value) < 0).tolist():
        low, high = float(grid[place]), float(grid[place + 1])
        while low < (middle := (low + high) / 2) < high:
            at = quantiles(np.array([low, middle]))
            low, high = (low, middle) if at[1] < at[0] else (middle, high)
        cuts.append(high)
    return cuts
