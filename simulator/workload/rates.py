"""A rate over time, piece by piece, and the inverse of what it cumulates to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.core.plan import F8


@dataclass(frozen=True)
class RatePiece:
    """A stretch of time in which the rate goes linearly from one value to another, per second, both >= 0."""

    duration_s: float
    start_per_s: float
    end_per_s: float

    @property
    def arrivals(self) -> float:
        """Expected number of arrivals in the stretch."""
        if self.start_per_s == self.end_per_s:
            return self.start_per_s * self.duration_s if self.start_per_s else 0.0
        return (self.start_per_s + self.end_per_s) / 2 * self.duration_s


class Rate:
    """A rate from time 0 on: pieces one after another; the last may last for ever (duration inf, constant).

    >>> rate = Rate([RatePiece(10.0, 0.0, 2.0), RatePiece(math.inf, 2.0, 2.0)])
    >>> rate.instants(np.array([2.5, 10.0, 12.0])).tolist()
    [5.0, 10.0, 11.0]
    """

    def __init__(self, pieces: Sequence[RatePiece]) -> None:
        assert pieces, "a rate has at least one piece"
        self.pieces = tuple(pieces)
        self.start_s = np.cumsum([0.0, *(piece.duration_s for piece in pieces[:-1])])
        self.reached = np.cumsum([0.0, *(piece.arrivals for piece in pieces[:-1])])
        self.rate = np.array([piece.start_per_s for piece in pieces])
        self.slope = np.array(
            [
                0.0
                if math.isinf(piece.duration_s) or piece.start_per_s == piece.end_per_s
                else (piece.end_per_s - piece.start_per_s) / piece.duration_s
                for piece in pieces
            ]
        )

    @property
    def arrivals(self) -> float:
        """Expected number of arrivals over all pieces, possibly infinite."""
        return sum(piece.arrivals for piece in self.pieces)

    def instants(self, epochs: F8) -> F8:
        """Instants, in seconds, at which the cumulated rate reaches ``epochs`` (each > 0, at most ``arrivals``).

        The inverse of a piecewise quadratic: within a piece, x with rate x + slope x**2 / 2 = what is left.
        """
        piece = np.searchsorted(self.reached, epochs, side="left") - 1
        left = epochs - self.reached[piece]
        rate, slope = self.rate[piece], self.slope[piece]
        root = np.sqrt(np.maximum(rate * rate + 2.0 * slope * left, 0.0))
        instants: F8 = self.start_s[piece] + 2.0 * left / (rate + root)
        return instants
