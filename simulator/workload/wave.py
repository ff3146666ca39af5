"""A rate that goes up and down as a sine: what it cumulates to, and the inverse of that, to full float precision.

In units of the mean rate and of the period, rate(t) = 1 + depth sin(2 pi t) with 0 <= depth <= 1, which cumulates to
t + depth / pi sin(pi t)^2. A period cumulates to 1, so only the part of a period matters.
"""

import math

import numpy as np

from simulator.core.elementary import cos_pi, sin_pi
from simulator.core.jit import kernel
from simulator.core.plan import F8

#: Steps of the search, at most: halving alone would need 60; where the rate falls to 0 Newton's steps shrink by thirds.
_STEPS = 200
#: A step that does not matter: half a unit in the last place of 1.
_EPSILON = 2.0**-53


@kernel
def fill_levels(depth: float, turn: F8, level: F8) -> None:
    """Fill ``level`` (n,) with what the wave has cumulated to at each ``turn`` (n,) >= 0, in periods."""
    for i in range(turn.shape[0]):
        whole = math.floor(turn[i])
        sine = sin_pi(turn[i] - whole)
        level[i] = whole + ((turn[i] - whole) + depth / math.pi * sine * sine)


@kernel
def fill_turns(depth: float, level: F8, turn: F8) -> None:
    """Fill ``turn`` (n,) with when the wave has cumulated to each ``level`` (n,) >= 0: Newton's steps in a bracket.

    Each is computed by itself, so it does not depend on what else is asked. The result cumulates to ``level`` within
    a few units in its last place.
    """
    for i in range(level.shape[0]):
        whole = math.floor(level[i])
        rest = level[i] - whole
        low, high = max(0.0, rest - depth / math.pi), rest
        x = 0.5 * (low + high)
        for _ in range(_STEPS):
            sine = sin_pi(x)
            excess = (x - rest) + depth / math.pi * sine * sine
            if excess == 0.0:
                break
            if excess > 0.0:
                high = x
            else:
                low = x
            slope = 1.0 + 2.0 * depth * sine * cos_pi(x)
            following = x - excess / slope if slope > 0.0 else low
            if abs(following - x) <= _EPSILON:
                break
            if not low < following < high:
                following = 0.5 * (low + high)
            x = following
        turn[i] = whole + x


def levels(depth: float, turn: F8) -> F8:
    """What a wave has cumulated to at times in periods, in arrivals of a mean period."""
    level = np.empty(len(turn))
    fill_levels(depth, np.ascontiguousarray(turn, dtype=np.float64), level)
    return level


def turns(depth: float, level: F8) -> F8:
    """The inverse of ``levels``.

    >>> turns(0.0, np.array([0.25, 7.5])).tolist()
    [0.25, 7.5]
    """
    turn = np.empty(len(level))
    fill_turns(depth, np.ascontiguousarray(level, dtype=np.float64), turn)
    return turn
