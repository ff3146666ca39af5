"""The values of a series in ascending order, sorted only where somebody looks.

A few of the values, the *cuts*, divide the order into *windows*: window i holds what lies above cut i - 1, up to cut i.
Where the cuts fall is read off a sample, so that a window near either end, where percentiles are asked for and their
intervals are narrow, is small, and one in the middle larger. A cut that the sample misplaces costs time, nothing else:
counts at a cut are counted. A window takes a few passes over the unsorted values.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simulator.core.plan import F8, I8
from simulator.stats.share import Layout

#: As few values are sorted as one window.
WHOLE = 2**15
#: Values in a window: about this part of those between it and the nearer end, within limits.
PART, LEAST, MOST = 8, 2**13, 2**17
#: The sample has one of so many values.
SPARSE = 256
#: Windows that are kept for the next look, the latest: 11 MB at most.
WINDOWS_KEPT = 8


@dataclass(frozen=True)
class Window:
    """The values between two cuts, in ascending order; the cut that ends it is counted, not listed: many may tie."""

    ascending: F8  #: (values,) above the cut before and below ``cut``
    block: NDArray[np.integer]  #: (values,) the block of each
    before: I8  #: (blocks,) values at the cut before, or below it
    inside: I8  #: (blocks,) values listed
    cut: float
    until: I8  #: (blocks,) values at ``cut`` or below it


class Order:
    """The order of the values of a pool: which is the k-th, and how many of each block are at or below a value.

    Parameters
    ----------
    values
        (queries,) in order of the pool; +inf among them, no nan.
    layout
        How they fall on blocks.
    """

    def __init__(self, values: F8, layout: Layout) -> None:
        self.values = values
        self.layout = layout
        self._counts: dict[tuple[float, bool], I8] = {}
        self._windows: dict[int, Window] = {}

    @cached_property
    def least(self) -> float:
        """The least value."""
        return float(self.values.min())

    @cached_property
    def largest(self) -> float:
        """The largest value, which may be infinite."""
        return float(self.values.max())

    @cached_property
    def cuts(self) -> F8:
        """(windows,) values that end a window, ascending; the last is the largest of all."""
        queries = len(self.values)
        if queries <= WHOLE or self.least == self.largest:
            return np.array([self.largest])
        later, ends = 0, []
        while later < queries // 2:
            later += min(max(later // PART, LEAST), MOST)
            ends += [later, queries - later]
        return np.unique(np.append(self._sample[self._place(np.array(ends))], self.largest))

    @cached_property
    def _sample(self) -> F8:
        """(values,) ascending: one from each stretch of the pool, nowhere in step with what comes round."""
        count = max(1, len(self.values) // SPARSE)
        stretch = np.arange(count)
        place = (stretch + stretch * ((5**0.5 - 1) / 2) % 1) * (len(self.values) / count)
        return np.sort(self.values[place.astype(np.int64)])

    def _place(self, rank: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where in the sample the values of these ranks are, about."""
        sample = len(self._sample)
        return np.clip(rank * sample // len(self.values), 0, sample - 1)

    def by_block(self, value: float, *, below: bool = False) -> I8:
        """(blocks,) values at a value or below it; or, with ``below``, below it."""
        key = value, below
        if key not in self._counts:
            if value == self.largest and not below:
                self._counts[key] = self.layout.block_sizes
            elif value == self.least and below:
                self._counts[key] = np.zeros_like(self.layout.block_sizes)
            else:
                self._counts[key] = self.layout.count_by_block(self.values < value if below else self.values <= value)
        return self._counts[key]

    def below(self, value: float) -> int:
        """Number of values below a value."""
        return int(self.by_block(value, below=True).sum())

    def at_or_below(self, value: float) -> int:
        """Number of values at a value or below it."""
        return int(self.by_block(value).sum())

    def window_of(self, rank: int) -> int:
        """Number of the window that holds the value of a rank; of 0 the first."""
        cuts = self.cuts
        number = 0
        if len(cuts) > 1:
            number = int(np.searchsorted(cuts, self._sample[self._place(np.array(rank))]))
        while number > 0 and self.at_or_below(float(cuts[number - 1])) >= rank:
            number -= 1
        while self.at_or_below(float(cuts[number])) < rank:
            number += 1
        return number

    def value(self, rank: int) -> float:
        """The value of a rank: the ``rank``-th smallest, from 1 on."""
        window = self.window(self.window_of(rank))
        place = rank - int(window.before.sum()) - 1
        return float(window.ascending[place]) if place < len(window.ascending) else window.cut

    def window(self, number: int) -> Window:
        """One of the windows, from 0 on."""
        if number not in self._windows:
            if len(self._windows) >= WINDOWS_KEPT:
                del self._windows[next(iter(self._windows))]  # the oldest
            self._windows[number] = self._sorted(number)
        return self._windows[number]

    def _sorted(self, number: int) -> Window:
        cut, blocks = float(self.cuts[number]), len(self.layout.block_sizes)
        chosen = self.values < cut
        before = np.zeros(blocks, dtype=np.int64)
        if number > 0:
            last = float(self.cuts[number - 1])
            chosen &= self.values > last
            before = self.by_block(last)
        inside, values = self.layout.count_by_block(chosen), self.values[chosen]
        order = np.argsort(values)
        # in the narrowest type: sorting by it is then a radix sort
        narrow: type[np.integer] = np.int16 if blocks <= np.iinfo(np.int16).max else np.int64
        block = np.repeat(np.arange(blocks, dtype=narrow), inside)[order]
        return Window(values[order], block, before, inside, cut, self.by_block(cut))
