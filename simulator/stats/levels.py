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

A piece is found by two passes over the unsorted values, which tell how many of them, and which, fall on each block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.core.plan import F8, I8
from simulator.stats.share import Layout, Tallies, share_ends, tally_blocks

#: Queries in the first piece of a search: more than it mostly needs, and cheap beside the two passes.
FIRST_PIECE = 2**16
#: Pieces double up to here: some 50 MB of temporaries.
LARGEST_PIECE = 2**18


@dataclass(frozen=True)
class Piece:
    """Neighbouring entries and the ends of their shares: arrays (entries,), at least one."""

    entry: I8  #: ascending
    low: F8
    high: F8


@dataclass(frozen=True)
class Levels:
    """The entries of a series, and the searches among them.

    ``values``, ``ascending``: (queries,) in order of the pool, and sorted. ``clustering``: see ``share_ends``.
    """

    values: F8
    ascending: F8
    layout: Layout
    clustering: float

    def last_low_above(self, bound: float, entry: int) -> int | None:
        """The last entry, of those up to ``entry``, whose low end is above ``bound``."""
        for piece in self.backward(entry):
            above = np.flatnonzero(piece.low > bound)
            if len(above):
                return int(piece.entry[above[-1]])
        return None

    def first_high_below(self, bound: float, entry: int) -> int | None:
        """The first entry, of those from ``entry`` on, whose high end is below ``bound``."""
        for piece in self.forward(entry):
            below = np.flatnonzero(piece.high < bound)
            if len(below):
                return int(piece.entry[below[0]])
        return None

    def greatest_low(self, entry: int) -> float:
        """The greatest low end from ``entry`` on."""
        greatest = 0.0
        for piece in self.forward(entry):
            greatest = max(greatest, float(piece.low.max()))
            if self.share(int(piece.entry[-1])) <= greatest:
                break
        return greatest

    def least_high(self, entry: int) -> float:
        """The least high end up to ``entry``."""
        least = 1.0
        for piece in self.backward(entry):
            least = min(least, float(piece.high.min()))
            if self.share(int(piece.entry[0])) >= least:
                break
        return least

    def share(self, entry: int) -> float:
        """Share of the queries that are later."""
        return (self.layout.queries - entry) / self.layout.queries

    def forward(self, entry: int) -> Iterator[Piece]:
        """Pieces that cover every entry from ``entry`` on, ascending; neighbours share an entry."""
        size, first = FIRST_PIECE, entry
        while True:
            last = first + size
            if last < self.layout.queries:
                below, at_or_below = self._ties(self.ascending[last])
                last = below if below > first else at_or_below  # one value alone may be more than a piece
            last = min(last, self.layout.queries)
            yield self._piece(first, last)
            if last == self.layout.queries:
                return
            size, first = min(2 * size, LARGEST_PIECE), last

    def backward(self, entry: int) -> Iterator[Piece]:
        """Pieces that cover every entry up to ``entry``, descending; neighbours share an entry."""
        size, last = FIRST_PIECE, entry
        while True:
            first = last - size
            if first > 0:
                below, at_or_below = self._ties(self.ascending[first - 1])
                first = at_or_below if at_or_below < last else below
            first = max(first, 0)
            yield self._piece(first, last)
            if first == 0:
                return
            size, last = min(2 * size, LARGEST_PIECE), first

    def _ties(self, value: float) -> tuple[int, int]:
        """Number of queries below a value, and at or below it: where a value of the series begins and ends."""
        return int(np.searchsorted(self.ascending, value)), int(np.searchsorted(self.ascending, value, side="right"))

    def _piece(self, first: int, last: int) -> Piece:
        """The entries from ``first`` to ``last``, both included."""
        blocks = np.zeros(len(self.layout.block_sizes), dtype=np.int64)  # queries at or below, of each block
        later = np.ones(len(self.values), dtype=bool)
        if first > 0:
            later = self.values > self.ascending[first - 1]
            blocks = self.layout.block_sizes - self.layout.count_by_block(later)
        tallies = [tally_blocks(blocks, self.layout)]
        if last > first:
            later &= self.values <= self.ascending[last - 1]
            inside = self.layout.count_by_block(later)
            if self.ascending[first] == self.ascending[last - 1]:
                tallies.append(tally_blocks(blocks + inside, self.layout))
            else:
                tallies.append(self._between(first, last, self.values[later], blocks, inside))
        at_or_below = Tallies(*(np.concatenate(column) for column in zip(*map(_columns, tallies), strict=True)))
        low, high = share_ends(at_or_below.rest(self.layout), self.layout, self.clustering)
        return Piece(at_or_below.bad, low, high)

    def _between(self, first: int, last: int, values: F8, blocks: I8, inside: I8) -> Tallies:
        """Tallies of the entries after ``first`` up to ``last``.

        ``values``: those between, in order of the pool, of which ``inside`` fall on each block, after ``blocks``.
        """
        layout, ascending = self.layout, self.ascending[first:last]
        end = np.append(np.flatnonzero(ascending[1:] != ascending[:-1]), len(ascending) - 1)
        # in the narrowest type: sorting by it is then a radix sort
        narrow: type[np.integer] = np.int16 if len(blocks) <= np.iinfo(np.int16).max else np.int64
        block = np.repeat(np.arange(len(blocks), dtype=narrow), inside)[np.argsort(values)]
        by_block = _running(block, blocks, inside, layout.block_sizes, end)
        if layout.replications == 1:
            return Tallies(first + end + 1, *by_block, *by_block)  # units are blocks
        unit = layout.unit_of_block.astype(narrow)[block]
        units, inside_units = layout.sum_blocks(blocks), layout.sum_blocks(inside)
        return Tallies(first + end + 1, *_running(unit, units, inside_units, layout.unit_sizes, end), *by_block)


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
