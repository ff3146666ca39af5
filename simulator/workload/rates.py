"""A rate over time, piece by piece, what it cumulates to, and the inverse of that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from simulator.core.plan import F8, I8
from simulator.workload import wave


class RateFunction(Protocol):
    """A rate from time 0 on, as those who draw or show arrivals see it."""

    @property
    def arrivals(self) -> float:
        """Expected number of arrivals in all, possibly infinite."""
        ...

    def instants(self, level: F8) -> F8:
        """Instants in seconds at which the cumulated rate reaches ``level`` (non-decreasing, at most ``arrivals``)."""
        ...

    def cumulated(self, instant_s: F8) -> F8:
        """What the rate has cumulated to at instants >= 0."""
        ...

    def at(self, instant_s: F8) -> F8:
        """Rate per second at instants >= 0; 0 after its end."""
        ...


@dataclass(frozen=True)
class LinearStretch:
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

    @property
    def peak_per_s(self) -> float:
        """The highest rate."""
        return max(self.start_per_s, self.end_per_s)

    def seconds_above(self, rate_per_s: float) -> float:
        """How long the rate is above another one."""
        low, high = sorted((self.start_per_s, self.end_per_s))
        if low > rate_per_s:
            return self.duration_s
        return self.duration_s * (high - rate_per_s) / (high - low) if high > rate_per_s else 0.0

    def first(self, duration_s: float) -> LinearStretch:
        """The piece cut after a time."""
        part = duration_s / self.duration_s
        end_per_s = self.start_per_s + part * (self.end_per_s - self.start_per_s)
        return LinearStretch(duration_s, self.start_per_s, end_per_s)


@dataclass(frozen=True)
class WaveStretch:
    """A stretch of time in which the rate is mean (1 + (peak_to_mean - 1) sin(2 pi t / period)), t from its start."""

    duration_s: float
    mean_per_s: float
    peak_to_mean: float  #: 1 .. 2
    period_s: float

    @property
    def start_per_s(self) -> float:
        """At its start the rate is the mean."""
        return self.mean_per_s

    @property
    def arrivals(self) -> float:
        """Expected number of arrivals in the stretch."""
        return math.inf if math.isinf(self.duration_s) else float(self.cumulated(np.array([self.duration_s]))[0])

    @property
    def peak_per_s(self) -> float:
        """The highest rate."""
        reached = self.peak_to_mean if self.duration_s >= self.period_s / 4 else float(self._relative(self.duration_s))
        return self.mean_per_s * reached

    def seconds_above(self, rate_per_s: float) -> float:
        """How long the rate is above another one."""
        depth, over = self.peak_to_mean - 1, rate_per_s / self.mean_per_s - 1
        if over >= depth or over < -depth:
            return self.duration_s if over < -depth else 0.0
        rises = math.asin(over / depth) / (2 * math.pi)  # in periods; it falls half a period after -rises
        whole, part = divmod(self.duration_s / self.period_s, 1.0)
        spans = ((rises, 0.5 - rises), (1 + rises, 1.0)) if rises < 0 else ((rises, 0.5 - rises),)
        inside = sum(max(0.0, min(part, end) - max(0.0, start)) for start, end in spans)
        return self.period_s * (whole * (0.5 - 2 * rises) + inside)

    def first(self, duration_s: float) -> WaveStretch:
        """The piece cut after a time."""
        return WaveStretch(duration_s, self.mean_per_s, self.peak_to_mean, self.period_s)

    def cumulated(self, offset_s: F8) -> F8:
        """Arrivals expected until a time after its start."""
        return self._arrivals_a_period * wave.levels(self.peak_to_mean - 1, offset_s / self.period_s)

    def offsets(self, level: F8) -> F8:
        """Times after its start at which so many are expected."""
        return self.period_s * wave.turns(self.peak_to_mean - 1, level / self._arrivals_a_period)

    def at(self, offset_s: F8) -> F8:
        """Rate per second at a time after its start."""
        return self.mean_per_s * self._relative(offset_s)

    def _relative(self, offset_s: float | F8) -> F8:
        return np.asarray(1 + (self.peak_to_mean - 1) * np.sin(2 * math.pi * np.asarray(offset_s) / self.period_s))

    @property
    def _arrivals_a_period(self) -> float:
        return self.mean_per_s * self.period_s


Stretch = LinearStretch | WaveStretch


class Rate:
    """A rate from time 0 on: pieces one after another; the last may last for ever (a wave, or constant).

    >>> rate = Rate([LinearStretch(10.0, 0.0, 2.0), LinearStretch(math.inf, 2.0, 2.0)])
    >>> rate.instants(np.array([2.5, 10.0, 12.0])).tolist()
    [5.0, 10.0, 11.0]
    >>> rate.cumulated(np.array([5.0, 11.0])).tolist()
    [2.5, 12.0]
    """

    def __init__(self, pieces: Sequence[Stretch]) -> None:
        assert pieces, "a rate has at least one piece"
        self.pieces = tuple(pieces)
        ends_s = np.cumsum([piece.duration_s for piece in pieces])
        reached = np.cumsum([piece.arrivals for piece in pieces])
        self.start_s = np.concatenate([[0.0], ends_s[:-1]])
        self.end_s = ends_s
        self.reached = np.concatenate([[0.0], reached[:-1]])
        self.arrivals = float(reached[-1])
        self.duration_s = float(ends_s[-1])
        self.rate = np.array([piece.start_per_s for piece in pieces])
        self.slope = np.array([_slope(piece) for piece in pieces])
        self.waves = [(place, piece) for place, piece in enumerate(pieces) if isinstance(piece, WaveStretch)]

    @property
    def peak_per_s(self) -> float:
        """The highest rate."""
        return max(piece.peak_per_s for piece in self.pieces)

    def instants(self, level: F8) -> F8:
        """Instants, in seconds, at which the cumulated rate reaches ``level``, non-decreasing like it.

        ``level``: non-decreasing, each > 0 and at most ``arrivals``. Within a linear piece, x with
        rate x + slope x**2 / 2 = what is left. Each is computed by itself; then none may be before one above it, nor
        beyond the end of its piece, which rounding could make it.
        """
        if len(self.pieces) == 1 and not self.waves and self.slope[0] == 0 and self.rate[0] > 0:
            instants: F8 = np.minimum(level / self.rate[0], self.end_s[0])
            return instants  # the same to the last bit, and six times as fast
        piece = np.searchsorted(self.reached, level, side="left") - 1
        left = level - self.reached[piece]
        rate, slope = self.rate[piece], self.slope[piece]
        root = np.sqrt(np.maximum(rate * rate + 2.0 * slope * left, 0.0))
        with np.errstate(invalid="ignore"):  # where nothing arrives: rounding at the very end of a rate
            offset_s = np.where(left > 0, 2.0 * left / (rate + root), 0.0)
        for place, one in self.waves:
            inside = piece == place
            offset_s[inside] = one.offsets(left[inside])
        instants = np.minimum(self.start_s[piece] + offset_s, self.end_s[piece])
        return np.maximum.accumulate(instants)

    def cumulated(self, instant_s: F8) -> F8:
        """What the rate has cumulated to at instants >= 0; at its end and later, all of it."""
        piece, offset_s = self._placed(instant_s)
        with np.errstate(invalid="ignore"):
            level = self.reached[piece] + offset_s * (self.rate[piece] + self.slope[piece] * offset_s / 2)
        for place, one in self.waves:
            inside = piece == place
            level[inside] = self.reached[place] + one.cumulated(offset_s[inside])
        return np.where(np.asarray(instant_s) >= self.duration_s, self.arrivals, level)

    def at(self, instant_s: F8) -> F8:
        """Rate per second at instants >= 0; at a jump, the one after it; 0 after its end."""
        piece, offset_s = self._placed(instant_s)
        level = self.rate[piece] + self.slope[piece] * offset_s
        for place, one in self.waves:
            inside = piece == place
            level[inside] = one.at(offset_s[inside])
        return np.where(np.asarray(instant_s) > self.duration_s, 0.0, level)

    def _placed(self, instant_s: F8) -> tuple[I8, F8]:
        piece = np.searchsorted(self.start_s, instant_s, side="right") - 1
        return piece, instant_s - self.start_s[piece]


def _slope(piece: Stretch) -> float:
    if isinstance(piece, WaveStretch) or math.isinf(piece.duration_s) or piece.start_per_s == piece.end_per_s:
        return 0.0
    return (piece.end_per_s - piece.start_per_s) / piece.duration_s


def first_stretches(pieces: Sequence[Stretch], duration_s: float) -> list[Stretch]:
    """The pieces of a rate that is cut after a time, at most as long as it lasts."""
    first: list[Stretch] = []
    left_s = duration_s
    for piece in pieces:
        if left_s <= 0:
            break
        first.append(piece if piece.duration_s <= left_s else piece.first(left_s))
        left_s -= piece.duration_s
    return first


def step_stretches(rates_per_s: F8, interval_s: float) -> list[Stretch]:
    """A rate that is constant within each interval."""
    return [LinearStretch(interval_s, rate, rate) for rate in rates_per_s.tolist()]


def linear_stretches(rates_per_s: F8, interval_s: float) -> list[Stretch]:
    """A rate that goes linearly from the middle of each interval to that of the next, and is flat at both ends.

    It cumulates to as much in all as the rates do (trapezoids).
    """
    rates = rates_per_s.tolist()
    between: list[Stretch] = [LinearStretch(interval_s, one, two) for one, two in pairwise(rates)]
    ends = LinearStretch(interval_s / 2, rates[0], rates[0]), LinearStretch(interval_s / 2, rates[-1], rates[-1])
    return [ends[0], *between, ends[1]]
