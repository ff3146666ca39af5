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

A piece is found by a few passes over the unsorted values, which tell how many of them, and which, fall on each block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulator.core.plan import F8, I8
from simulator.stats.share import Layout, Tallies, share_ends, tally_blocks

#: Queries in a piece: enough to be worth the passes, and some 50 MB of temporaries.
PIECE = 2**18
#: Pieces that are kept for the next search: all those of two million queries, 50 MB.
PIECES_KEPT = 8


@dataclass(frozen=True)
class Piece:
    """Neighbouring entries and the ends of their shares: arrays (entries,), at least one."""

    entry: I8  #: ascending
    low: F8
    high: F8

    def only(self, some: slice) -> Piece:
        """Some of the entries."""
        return Piece(self.entry[some], self.low[some], self.high[some])


@dataclass(frozen=True)
class Levels:
    """The entries of a series, and the searches among them.

    ``values``, ``ascending``: (queries,) in order of the pool, and sorted. ``clustering``: see ``share_ends``.
    """

    values: F8
    ascending: F8
    layout: Layout
    clustering: float
    kept: dict[int, Piece] = field(default_factory=dict)

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
        for piece in self.forward(entry):  # pragma: no branch (after the last entry no query is later)
            greatest = max(greatest, float(piece.low.max()))
            if self.share(int(piece.entry[-1])) <= greatest:
                break
        return greatest

    def least_high(self, entry: int) -> float:
        """The least high end up to ``entry``."""
        least = 1.0
        for piece in self.backward(entry):  # pragma: no branch (before the first entry all queries are later)
            least = min(least, float(piece.high.min()))
            if self.share(int(piece.entry[0])) >= least:
                break
        return least

    def share(self, entry: int) -> float:
        """Share of the queries that are later."""
        return (self.layout.queries - entry) / self.layout.queries

    def forward(self, entry: int) -> Iterator[Piece]:
        """Every entry from ``entry`` on, ascending, in pieces; neighbours share an entry."""
        first = _piece_of(entry)
        for number in range(first, _piece_of(self.layout.queries) + 1):
            piece = self._piece(number)
            yield piece.only(slice(int(np.searchsorted(piece.entry, entry)), None)) if number == first else piece

    def backward(self, entry: int) -> Iterator[Piece]:
        """Every entry up to ``entry``, in pieces, the last entries first; neighbours share an entry."""
        last = _piece_of(entry)
        for number in range(last, -1, -1):
            piece = self._piece(number)
            yield piece.only(slice(int(np.searchsorted(piece.entry, entry)) + 1)) if number == last else piece

    def below(self, value: float) -> int:
        """Number of queries below a value."""
        return int(np.searchsorted(self.ascending, value))

    def at_or_below(self, value: float) -> int:
        """Number of queries at a value or below it."""
        return int(np.searchsorted(self.ascending, value, side="right"))

    def _piece(self, number: int) -> Piece:
        if number not in self.kept:
            while len(self.kept) >= PIECES_KEPT:
                del self.kept[next(iter(self.kept))]  # the oldest
            self.kept[number] = self._computed(self._cut(number), self._cut(number + 1))
        return self.kept[number]

    def _cut(self, number: int) -> int:
        """The last entry of the pieces before this one: a multiple of a piece, and whoever ties with its last query."""
        queries = min(number * PIECE, self.layout.queries)
        return self.at_or_below(float(self.ascending[queries - 1])) if queries else 0

    def _computed(self, first: int, last: int) -> Piece:
        """The entries from ``first`` to ``last``, both included."""
        layout = self.layout
        blocks = np.zeros(len(layout.block_sizes), dtype=np.int64)  # queries at or below, of each block
        if first > 0:
            blocks = layout.count_by_block(self.values <= self.ascending[first - 1])
        tallies = [tally_blocks(blocks, layout)]
        if last > first:
            largest = float(self.ascending[last - 1])
            below = self.below(largest)
            if below > first:
                tallies.append(self._between(first, below, blocks))
            # counted by itself: any number may tie with it
            tallies.append(tally_blocks(layout.count_by_block(self.values <= largest), layout))
        at_or_below = Tallies(*(np.concatenate(column) for column in zip(*map(_columns, tallies), strict=True)))
        low, high = share_ends(at_or_below.rest(layout), layout, self.clustering)
        return Piece(at_or_below.bad, low, high)

    def _between(self, first: int, last: int, blocks: I8) -> Tallies:
        """Tallies of the entries after ``first`` up to ``last``; ``blocks`` (blocks,) those of ``first``."""
        layout, ascending = self.layout, self.ascending[first:last]
        chosen = self.values <= ascending[-1]
        if first > 0:
            chosen &= self.values > self.ascending[first - 1]
        inside, values = layout.count_by_block(chosen), self.values[chosen]
        del chosen
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


def _piece_of(entry: int) -> int:
    """Number of the piece that ends with this entry or a later one, and holds it."""
    return max(0, (entry - 1) // PIECE)


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
