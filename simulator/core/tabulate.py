"""A function of one number as a table, linear between its points: as few as keep to a stated error.

For what a user wrote: nothing is known of it but that it does not decrease. Jumps are enclosed between neighbouring
floats, and cost two points each.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simulator.core.plan import F8

#: Where each interval is tried. Irregular, so that steps of a power of two do not hide between them.
_TRIED = np.array([0.1459, 0.3213, 0.5281, 0.7009, 0.8863])
#: Where what came out is tried once more.
_HELD_OUT = np.array([0.0917, 0.2618, 0.4377, 0.6180, 0.8090, 0.9549])

#: Relative errors that are tried, best first.
TOLERANCES = (1e-4, 1e-3, 1e-2)
#: Points at which a function is evaluated, at most, for one of them.
MOST_EVALUATED = 60_000


class NotTabulated(ValueError):
    """A function is too rough for a table."""


@dataclass(frozen=True)
class Table:
    """Points of a function; linear between them."""

    x: F8  #: (points,) increasing
    y: F8  #: (points,) non-decreasing
    error: float  #: largest deviation at other points than those it was made from, relative to the value or ``floor``
    tried: int  #: so many points


def tabulate(function: Callable[[F8], F8], start: F8, floor: float, least: float, most: int) -> Table:
    """Tabulate a function from ``start[0]`` to ``start[-1]``.

    Parameters
    ----------
    function
        Values at an increasing array of points; non-decreasing.
    start
        Points to begin with, increasing, close enough that nothing hides between them.
    floor
        Errors are relative to the value, where it is not below this.
    least
        Intervals that are not wider are not divided: the function jumps there.
    most
        Points that the table may have.

    Raises
    ------
    NotTabulated
        If ``most`` points do not even keep to the last of TOLERANCES.
    """
    for tolerance in TOLERANCES:
        refined = _refined(function, start, floor, least, tolerance / 2)
        if refined is None:
            continue
        x, y = refined
        kept = _thinned(x, y, tolerance / 2 * np.maximum(y, floor))
        if len(kept) > most:
            continue
        error, tried = _error(function, x[kept], y[kept], floor, least)
        if error <= TOLERANCES[-1]:
            return Table(x[kept], y[kept], error, tried)
    raise NotTabulated(f"a table of {most} points is not within {TOLERANCES[-1]:.0%} of it")


def _error(function: Callable[[F8], F8], x: F8, y: F8, floor: float, least: float) -> tuple[float, int]:
    """Largest relative deviation of a table inside its intervals, and at how many points it was looked for."""
    wide = np.diff(x) > least
    inner = (x[:-1][wide, None] + np.diff(x)[wide, None] * _HELD_OUT).ravel()
    if not len(inner):
        return 0.0, 0
    value = function(inner)
    return float((np.abs(np.interp(inner, x, y) - value) / np.maximum(value, floor)).max(initial=0.0)), len(inner)


def _refined(
    function: Callable[[F8], F8], start: F8, floor: float, least: float, tolerance: float
) -> tuple[F8, F8] | None:
    """Points so close that it is linear between them wherever tried; None where there would be too many."""
    x, y = start, function(start)
    is_open = np.ones(len(x) - 1, dtype=bool)
    while is_open.any():
        left, right = np.flatnonzero(is_open), np.flatnonzero(is_open) + 1
        inner = x[left, None] + (x[right] - x[left])[:, None] * _TRIED
        is_inside = (inner > x[left, None]) & (inner < x[right, None]) & (x[right] - x[left] > least)[:, None]
        is_inside[:, 1:] &= np.diff(inner, axis=1) > 0
        if len(x) + np.count_nonzero(is_inside) > MOST_EVALUATED:
            return None
        if not is_inside.any():
            break
        value = np.zeros(inner.shape)
        value[is_inside] = function(inner[is_inside])
        part = (inner - x[left, None]) / (x[right] - x[left])[:, None]
        line = y[left, None] * (1 - part) + y[right, None] * part
        is_far = is_inside & (np.abs(value - line) > tolerance * np.maximum(value, floor))
        splits = is_far.any(axis=1)
        is_new = is_inside & splits[:, None]
        more = is_new.sum(axis=1)
        pieces = np.ones(len(is_open), dtype=np.int64)
        pieces[left] += more
        still = np.zeros(len(is_open), dtype=bool)
        still[left] = splits
        at = np.repeat(right, more)
        x, y = np.insert(x, at, inner[is_new]), np.insert(y, at, value[is_new])
        is_open = np.repeat(still, pieces)
    return x, y


def _thinned(x: F8, y: F8, allowed: F8) -> list[int]:
    """Indices of points that are enough: lines between them pass all others within ``allowed``.

    From each point kept, the farthest one whose line stays inside the cone of all between (Imai and Iri, 1986; the
    ends of its lines are points of the function).
    """
    kept, low, high = [0], -math.inf, math.inf
    xs, ys, margins = x.tolist(), y.tolist(), allowed.tolist()
    anchor_x, anchor_y = xs[0], ys[0]
    for i in range(1, len(xs)):
        width = xs[i] - anchor_x
        if not low <= (ys[i] - anchor_y) / width <= high:
            kept.append(i - 1)
            anchor_x, anchor_y, low, high = xs[i - 1], ys[i - 1], -math.inf, math.inf
            width = xs[i] - anchor_x
        low = max(low, (ys[i] - margins[i] - anchor_y) / width)
        high = min(high, (ys[i] + margins[i] - anchor_y) / width)
    return [*kept, len(xs) - 1]
