"""How measured times vary: by factors that hold at any size, and by hiccups that add what they took."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.core.laws import Law
from simulator.core.plan import F8

#: A time is a hiccup above so many times the median of its size.
HICCUP = 5.0


@dataclass(frozen=True)
class Spread:
    """Repetitions of measurements, over the mean of their size; hiccups as the time that they took beyond it.

    A call of ``seconds`` on average, hiccups included, takes (seconds - c) x factor, or seconds - c + extra, each row
    as likely; c is what hiccups cost on average. The mean is ``seconds``.
    """

    factors: tuple[float, ...]  #: of mean 1
    extras_s: tuple[float, ...] = ()

    @property
    def mean_extra_s(self) -> float:
        """What hiccups add to a call on average."""
        return sum(self.extras_s) / (len(self.factors) + len(self.extras_s))

    def law(self, seconds: float) -> Law:
        """The law of the factor on a call that takes ``seconds`` > 0 on average, hiccups included; of mean 1."""
        if not self.extras_s:
            return Law.empirical(self.factors)
        share = max(0.0, 1.0 - self.mean_extra_s / seconds)
        hiccups = [share + extra_s / seconds for extra_s in self.extras_s]
        law = Law.empirical([*(share * factor for factor in self.factors), *hiccups])
        return law.scaled(1 / law.mean())

    def note(self) -> str:
        """What is done with hiccups, in words."""
        rows = len(self.factors) + len(self.extras_s)
        each = f"each adds what it took beyond others, up to {max(self.extras_s) * 1e3:.3g} ms, at whatever size"
        count = len(self.extras_s)
        are = f"{count} of {rows} measured times {'is a hiccup' if count == 1 else 'are hiccups'}"
        return f"{are}, above {HICCUP:g} times the median of their size: {each}"


def hiccups_among(times_s: F8, place: NDArray[np.intp], sizes: int) -> NDArray[np.bool_]:
    """Which times are hiccups, (rows,); ``place``: the index of the size of each, below ``sizes``."""
    order = np.lexsort((times_s, place))
    ends = np.cumsum(np.bincount(place, minlength=sizes))
    counts = np.diff(ends, prepend=0)
    first = ends - counts
    ascending = times_s[order]
    median_s = (ascending[first + (counts - 1) // 2] + ascending[first + counts // 2]) / 2
    return np.asarray(times_s > HICCUP * median_s[place])


def undecided(items: F8, times_s: F8) -> list[float]:
    """Sizes measured twice whose two times are as far apart as a hiccup is from others: no third says which is one.

    >>> undecided(np.array([8.0, 8.0, 9.0, 9.0, 9.0]), np.array([2.0, 46.0, 2.0, 46.0, 2.0]))
    [8.0]
    """
    order = np.lexsort((times_s, items))
    sizes, first, counts = np.unique(items[order], return_index=True, return_counts=True)
    ascending, twice = times_s[order], counts == 2
    is_far = ascending[first[twice] + 1] > HICCUP * ascending[first[twice]]
    return [float(size) for size in sizes[twice][is_far]]
