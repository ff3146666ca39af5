"""Models by their times: measured, as a table over items and the spread of repetitions; or given as a law."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.base.demand import Demand
from simulator.base.pieces import Piece
from simulator.core.laws import Law
from simulator.core.plan import F8
from simulator.models.base import UNKNOWN, Operations
from simulator.models.spread import Spread, hiccups_among


@dataclass(frozen=True)
class MeasuredModel:
    """Mean time by number of items: linear between the sizes measured, last slope beyond, constant below.

    Where means fall from one size to the next they are replaced by the nearest ones (in least squares, each size as
    often as it was measured) that do not; ``changed`` says at which sizes. Hiccups are no part of the means of sizes:
    what they add on average is added to all.

    >>> model = MeasuredModel.of([10.0, 10.0, 20.0, 20.0], [0.9, 1.1, 1.5, 2.5])
    >>> for piece in model.pieces():
    ...     print(piece)
    Piece(items=0.0, seconds=1.0, seconds_per_item=0.0)
    Piece(items=10.0, seconds=1.0, seconds_per_item=0.1)
    >>> sorted(model.spread.factors)
    [0.75, 0.9, 1.1, 1.25]
    """

    sizes: tuple[float, ...]  #: increasing; one: its time is that of any number of items
    means_s: tuple[float, ...]  #: non-decreasing, without hiccups
    changed: tuple[float, ...] = ()  #: sizes whose mean was not the one measured
    spread: Spread | None = None  #: of times at one size; None where nothing was measured twice
    overhead_s: float = 0.0
    law: Law | None = None
    parameter_bytes: float = 0.0

    @staticmethod
    def of(items: Sequence[float] | F8, times_s: Sequence[float] | F8, overhead_s: float = 0.0) -> MeasuredModel:
        """From one row a measurement, in any order."""
        sizes, place, counts = np.unique(np.array(items), return_inverse=True, return_counts=True)
        times = np.array(times_s)
        is_hiccup = hiccups_among(times, place, len(sizes))
        usual = np.bincount(place[~is_hiccup], minlength=len(sizes))
        measured_s = np.bincount(place[~is_hiccup], weights=times[~is_hiccup]) / usual
        means_s = non_decreasing(measured_s, usual)
        changed = sizes[means_s != measured_s]
        spread = None
        if counts.max() > 1:
            factors = (times / measured_s[place])[(counts[place] > 1) & ~is_hiccup]
            extras_s = (times - measured_s[place])[is_hiccup]
            spread = Spread(tuple((factors / factors.mean()).tolist()), tuple(extras_s.tolist()))
        return MeasuredModel(
            tuple(sizes.tolist()), tuple(means_s.tolist()), tuple(changed.tolist()), spread, overhead_s
        )

    def pieces(self) -> tuple[Piece, ...]:
        """Time of a call over items."""
        points = list(zip(self.sizes, self.means_s, strict=True))
        slopes = [(two[1] - one[1]) / (two[0] - one[0]) for one, two in pairwise(points)]
        besides_s = self.overhead_s + (0.0 if self.spread is None else self.spread.mean_extra_s)
        is_flat = self.sizes[0] > 0 or not slopes
        pieces = [Piece(0.0, besides_s + self.means_s[0], 0.0)] if is_flat else []
        for (size, mean_s), slope in zip(points, slopes, strict=False):
            pieces.append(Piece(size, besides_s + mean_s, slope))
        return tuple(pieces)

    def demand(self) -> Demand | None:
        """Not known."""
        return None

    def bound_by(self, items: float) -> str:
        """Not known."""
        return ""

    def operations(self, items: float, rows: float, epochs: float) -> Operations:
        """Not known."""
        return UNKNOWN


def drawn_again(items: F8, times_s: F8, uniforms: F8) -> tuple[F8, F8]:
    """As many rows of each size, drawn with replacement from those of that size (Efron, 1979); all (rows,).

    >>> drawn_again(np.array([1.0, 1.0, 2.0]), np.array([5.0, 6.0, 9.0]), np.array([0.7, 0.9, 0.1]))[1].tolist()
    [6.0, 6.0, 9.0]
    """
    order = np.argsort(items, kind="stable")
    _, first, counts = np.unique(items[order], return_index=True, return_counts=True)
    start, count = np.repeat(first, counts), np.repeat(counts, counts)
    chosen = order[start + np.minimum((uniforms * count).astype(np.int64), count - 1)]
    return items[chosen], times_s[chosen]


def non_decreasing(values: F8, weights: NDArray[Any]) -> F8:
    """The nearest non-decreasing values in weighted least squares: pool adjacent violators (Ayer et al., 1955).

    >>> non_decreasing(np.array([1.0, 3.0, 2.0, 4.0]), np.ones(4)).tolist()
    [1.0, 2.5, 2.5, 4.0]
    """
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, total, count = value, weight, 1
        while blocks and blocks[-1][0] > mean:
            before, heavy, many = blocks.pop()
            mean, total, count = (before * heavy + mean * total) / (heavy + total), heavy + total, many + count
        blocks.append((mean, total, count))
    return np.repeat([mean for mean, _, _ in blocks], [count for _, _, count in blocks])


@dataclass(frozen=True)
class TimeModel:
    """The whole task's time alone as a law, in seconds."""

    law: Law
    spread: Spread | None = None  #: the law has it
    parameter_bytes: float = 0.0

    def pieces(self) -> tuple[Piece, ...]:
        """No pieces: the law says it all."""
        return ()

    def demand(self) -> Demand | None:
        """Not known."""
        return None

    def bound_by(self, items: float) -> str:
        """Not on a roofline: the law says it all."""
        return ""

    def operations(self, items: float, rows: float, epochs: float) -> Operations:
        """Not known."""
        return UNKNOWN
