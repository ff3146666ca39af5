"""Means, rates and utilisation with their t-intervals over replications (statistics rule 4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from simulator.documents import parts
from simulator.stats.share import t_quantile


@dataclass(frozen=True)
class Interval:
    """A figure and the ends of its 95 % interval; None where unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def at_least_0(self) -> Interval:
        """The interval of what cannot be negative."""
        return self if self.low is None else Interval(self.value, max(0.0, self.low), self.high)

    def scaled(self, factor: float) -> Interval:
        """The interval in another unit; ``factor`` > 0."""
        return Interval(*(None if x is None else x * factor for x in (self.value, self.low, self.high)))

    def to_dict(self) -> parts.Interval:
        """``{"value", "low", "high"}``."""
        return {"value": self.value, "low": self.low, "high": self.high}


NOTHING = Interval(None)


def ratio_interval(amounts: ArrayLike, weights: ArrayLike) -> Interval:
    """Sum amounts / sum weights over units, with a t-interval (Cochran, Sampling Techniques, section 6.3).

    With equal weights it is the mean of amount / weight with the usual t-interval; with unequal ones the deviation of
    unit r is amount - ratio x weight. No value if the weights sum to 0, no ends with fewer than two units.
    ``amounts``, ``weights``: (units,), weights >= 0.
    """
    amount, weight = np.asarray(amounts, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    units, total = len(weight), float(weight.sum())
    if total <= 0:
        return NOTHING
    ratio = float(amount.sum()) / total
    if units < 2:
        return Interval(ratio)
    deviation = float(np.sqrt(((amount - ratio * weight) ** 2).sum() / (units - 1))) * units / total
    half = t_quantile(units - 1) * deviation / units**0.5
    return Interval(ratio, ratio - half, ratio + half)
