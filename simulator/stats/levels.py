"""The ends of the share of later queries at one order statistic after another, in pieces of bounded size.

An *entry* is a number of queries at or below a value: 0 (none is), or those at or below one of the distinct values.
Its share is that of the others, (N - entry) / N, and falls from entry to entry. The two ends of the share do not
always follow (where few queries are left, or where the share passes a half), so each search below is for an extreme
over all entries on one side. None needs them all, because *the ends of an entry enclose its share*: with h >= 0 the low
end is share x e^-h, or 0; the high end is share x e^h, at most 1, or above 0 where the share is 0; past a half the same
holds of the other queries, which only exchanges the ends. Rounding blurs that by a few units in the last place, while
the shares of neighbours differ by 1 / N at least: it cannot matter one entry away. So

- a low end above 1 - p lies at an entry <= ceil(pN), a high end below 1 - p at an entry >= ceil(pN) - 1;
- no low end of a later entry exceeds what the share has already fallen to, and no high end of an earlier one is less
  than what the share, read backwards, has already risen to.

The entries are worked out a window of the order at a time (``order``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulator.core.plan import F8, I8
from simulator.stats.order import Order, Window
from simulator.stats.share import Tallies, share_ends, tally_blocks

#: Windows whose ends are kept for the next search, the latest: 25 MB at most.
BANDS_KEPT = 8


@dataclass(frozen=True)
class Band:
    """Neighbouring entries and the ends of their shares: arrays (entries,), at least one."""

    entry: I8  #: ascending
    low: F8
    high: F8

    def only(self, some: slice) -> Band:
        """Some of the entries."""
        return Band(self.entry[some], self.low[some], self.high[some])


@dataclass(frozen=True)
class Levels:
    """The entries of a series, and the searches among them.

    ``clustering``, ``expected``: see ``share_ends``.
    """

    order: Order
    clustering: float
    expected: float = 0.0
    kept: dict[int, Band] = field(default_factory=dict)

    def last_low_above(self, bound: float, entry: int) -> int | None:
        """The last entry, of those up to ``entry``, whose low end is above ``bound``."""
        for band in self.backward(entry):
            above = np.flatnonzero(band.low > bound)
            if len(above):
                return int(band.entry[above[-1]])
        return None

    def first_high_below(self, bound: float, entry: int) -> int | None:
        """The first entry, of those from ``entry`` on, whose high end is below ``bound``."""
        for band in self.forward(entry):
            below = np.flatnonzero(band.high < bound)
            if len(below):
                return int(band.entry[below[0]])
        return None

    def greatest_low(self, entry: int) -> float:
        """The greatest low end from ``entry`` on."""
        greatest = 0.0
        for band in self.forward(entry):  # pragma: no branch (after the last entry no query is later)
            greatest = max(greatest, float(band.low.max()))
            if self.share(int(band.entry[-1])) <= greatest:
                break
        return greatest

    def least_high(self, entry: int) -> float:
        """The least high end up to ``entry``."""
        least = 1.0
        for band in self.backward(entry):  # pragma: no branch (before the first entry all queries are later)
            least = min(least, float(band.high.min()))
            if self.share(int(band.entry[0])) >= least:
                break
        return least

    def share(self, entry: int) -> float:
        """Share of the queries that are later."""
        queries = self.order.layout.queries
        return (queries - entry) / queries

    def forward(self, entry: int) -> Iterator[Band]:
        """Every entry from ``entry`` on, ascending, in bands; neighbours share an entry."""
        first = self.order.window_of(entry)
        for number in range(first, len(self.order.cuts)):
            band = self._band(number)
            yield band.only(slice(int(np.searchsorted(band.entry, entry)), None)) if number == first else band

    def backward(self, entry: int) -> Iterator[Band]:
        """Every entry up to ``entry``, in bands, the last entries first; neighbours share an entry."""
        last = self.order.window_of(entry)
        for number in range(last, -1, -1):
            band = self._band(number)
            yield band.only(slice(int(np.searchsorted(band.entry, entry)) + 1)) if number == last else band

    def _band(self, number: int) -> Band:
        if number not in self.kept:
            if len(self.kept) >= BANDS_KEPT:
                del self.kept[next(iter(self.kept))]  # the oldest
            self.kept[number] = self._computed(self.order.window(number))
        return self.kept[number]

    def _computed(self, window: Window) -> Band:
        """The entries of a window, and the last one before it."""
        layout = self.order.layout
        tallies = [tally_blocks(window.before, layout)]
        if len(window.ascending):
            tallies.append(self._inside(window))
        tallies.append(tally_blocks(window.until, layout))
        at_or_below = Tallies(*(np.concatenate(column) for column in zip(*map(_columns, tallies), strict=True)))
        low, high = share_ends(at_or_below.rest(layout), layout, self.clustering, self.expected)
        return Band(at_or_below.bad, low, high)

    def _inside(self, window: Window) -> Tallies:
        """Tallies of the entries of the values that a window lists."""
        layout, ascending, block = self.order.layout, window.ascending, window.block
        end = np.append(np.flatnonzero(ascending[1:] != ascending[:-1]), len(ascending) - 1)
        entry = int(window.before.sum()) + end + 1
        by_block = _running(block, window.before, window.inside, layout.block_sizes, end)
        if layout.replications == 1:
            return Tallies(entry, *by_block, *by_block)  # units are blocks
        unit = layout.unit_of_block.astype(block.dtype)[block]
        before, inside = layout.count_by_unit(window.before), layout.count_by_unit(window.inside)
        return Tallies(entry, *_running(unit, before, inside, layout.unit_sizes, end), *by_block)


def _columns(tallies: Tallies) -> tuple[I8, ...]:
    return (
        tallies.bad,
        tallies.unit_squares,
        tallies.unit_products,
        tallies.block_squares,
        tallies.block_products,
    )


def _running(group: NDArray[np.integer], before: I8, inside: I8, sizes: I8, end: I8) -> tuple[I8, I8]:
    """Sum over groups of count^2, and of count x size, once item ``end`` is counted.

    ``group``: (items,) of each item, ascending by value. ``before``, ``inside``, ``sizes``: (groups,) counted before
    the first item, among the items, and in all.
    """
    by_group = np.argsort(group, kind="stable")
    count = np.empty(len(group), dtype=np.int64)  # of the item's group, before it
    count[by_group] = np.arange(len(group)) + np.repeat(before - (np.cumsum(inside) - inside), inside)
    squares = (before**2).sum() + np.cumsum(2 * count + 1)[end]  # an item raises count^2 to (count + 1)^2
    products = (before * sizes).sum() + np.cumsum(sizes[group])[end]
    return squares, products
