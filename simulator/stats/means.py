"""Means, rates and utilisation with their intervals over replications (statistics rule 4).

A mean of what is skewed has a skewed interval: its arms are those of Student's t times e^-g and e^g, g the skewness of
the mean (Hall, On the removal of skewness by transformation, J. R. Statist. Soc. B 54, 1992; here so that no arm is
negative). The spread between few replications is itself uncertain, the more so where few blocks make it: the degrees of
freedom are those by which the variance has its kurtosis (Satterthwaite, Biometrics Bulletin 2, 1946). Both are of the
blocks, of which there are enough to say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from simulator.core.plan import F8, I8
from simulator.documents import parts
from simulator.stats.share import Layout, t_quantile
from simulator.theory import NOTHING_AHEAD, Ahead

#: What the largest draw carries matters if it is more than this part of half the interval of a sample without
#: surprises; where there are no blocks to say so, of the mean.
MATTERS, MATTERS_OF_MEAN = 0.25, 1e-3
#: The standard deviation of a normal law over its median absolute deviation.
OF_MEDIAN = 1.4826


@dataclass(frozen=True)
class Interval:
    """A figure and the ends of its 95 % interval; None where unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None
    ahead: Ahead = NOTHING_AHEAD  #: what is known without the sample
    reason: str = ""  #: why the sample does not say it

    def at_least_0(self) -> Interval:
        """The interval of what cannot be negative."""
        return self if self.low is None else replace(self, low=max(0.0, self.low))

    def within_0_and_1(self) -> Interval:
        """The interval of a share, which is neither negative nor above 1."""
        value, low, high = (None if x is None else min(1.0, max(0.0, x)) for x in (self.value, self.low, self.high))
        return replace(self, value=value, low=low, high=high)

    def scaled(self, factor: float) -> Interval:
        """The interval in another unit; ``factor`` > 0."""
        value, low, high = (None if x is None else x * factor for x in (self.value, self.low, self.high))
        return Interval(value, low, high, self.ahead.over(1 / factor), self.reason)

    def to_dict(self) -> parts.Interval:
        """``{"value", "low", "high"}``."""
        return {"value": self.value, "low": self.low, "high": self.high}


NOTHING = Interval(None)


def ratio_interval(
    amounts: ArrayLike,
    weights: ArrayLike,
    ahead: Ahead = NOTHING_AHEAD,
    deviations: F8 | None = None,
    usual: float | None = None,
    is_sampled: bool = False,
) -> Interval:
    """Sum amounts / sum weights over units, with an interval about it (Cochran, Sampling Techniques, section 6.3).

    With equal weights it is the mean of amount / weight with the usual t-interval; with unequal ones the deviation of
    unit r is amount - ratio x weight. No value if the weights sum to 0, or if few draws carry it by the law; no ends
    with fewer than two units.

    Parameters
    ----------
    amounts, weights
        (units,), weights >= 0.
    ahead
        What is known of the ratio without the sample, in its unit.
    deviations
        (blocks,) of what goes with the amounts, in any unit: for skewness and spread. None: nothing is known of them.
    usual
        Standard error of the ratio in a sample without surprises. None: not known.
    is_sampled
        Whether each unit has measurements of its own (statistics rule 11).
    """
    amount, weight = np.asarray(amounts, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    units, total = len(weight), float(weight.sum())
    if total <= 0:
        return NOTHING
    ratio = float(amount.sum()) / total
    if ahead.is_carried_by_few:
        matters = MATTERS_OF_MEAN * ratio
        if usual is not None and units > 1:
            matters = MATTERS * t_quantile(units - 1) * usual
        if ahead.one > matters:
            return _unsaid(ratio, ahead)
    if units < 2:
        return Interval(ratio, ahead=ahead)
    deviation = float(np.sqrt(((amount - ratio * weight) ** 2).sum() / (units - 1))) * units / total
    skewness, excess = _shape(deviations)
    degrees = (units - 1) / (1 + excess * (units - 1) / 2)
    half = t_quantile(degrees) * deviation
    half = half * math.sqrt(1 + 1 / units) if is_sampled else half / units**0.5
    return Interval(ratio, ratio - half * math.exp(-skewness), ratio + half * math.exp(skewness), ahead)


def _shape(deviations: F8 | None) -> tuple[float, float]:
    """Skewness and excess kurtosis of a sum of blocks; both 0 if nothing is known, the second at least."""
    if deviations is None:
        return 0.0, 0.0
    square = deviations * deviations
    squares = float(square.sum())
    if squares == 0:
        return 0.0, 0.0
    excess = float((square * square).sum()) / squares**2 - 3 / len(deviations)
    return float((square * deviations).sum()) / squares**1.5, max(0.0, excess)


def mean_interval(amounts: F8, weights: F8 | I8, layout: Layout, ahead: Ahead = NOTHING_AHEAD) -> Interval:
    """The same of amounts and weights of blocks: (blocks,), weights >= 0. Replications all the same are one."""
    if layout.repeats > 1:
        return mean_interval(amounts[: layout.blocks], weights[: layout.blocks], layout.one, ahead)
    total = float(weights.sum())
    if total <= 0:
        return NOTHING
    deviations = amounts - float(amounts.sum()) / total * weights
    usual = None
    if ahead.is_carried_by_few:
        apart = np.abs(deviations - np.median(deviations))
        usual = OF_MEDIAN * float(np.median(apart)) * math.sqrt(len(weights)) / total
    if layout.says_nothing:  # of one: no ends
        return ratio_interval([amounts.sum()], [total], ahead)
    units = layout.sum_blocks(amounts), layout.sum_blocks(weights)
    return ratio_interval(*units, ahead, deviations, usual, layout.is_sampled)


def _unsaid(ratio: float, ahead: Ahead) -> Interval:
    """No figure: most samples lack what it consists of, and are all the surer of it."""
    if ahead.exact is not None and math.isinf(ahead.exact):
        return Interval(None, ahead=ahead, reason=f"it is infinite, by {ahead.law}; judge a percentile")
    if math.isinf(ahead.one):
        return Interval(None, ahead=ahead, reason="a law without a variance feeds it; judge a percentile")
    whole = max(ahead.exact or 0.0, ratio, ahead.ten)
    why = f"the largest draw of a run carries up to {100 * ahead.one / whole:.0f} % of it on average"
    cure = "no run is long enough; judge a percentile"
    if ahead.needed is not None:
        cure = f"it needs about {ahead.needed:.2g} measured queries in all, or judge a percentile"
    return Interval(None, ahead=ahead, reason=f"{why}; {cure}")
