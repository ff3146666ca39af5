"""The share of tasks that a routing rule chooses each replica for.

It is not sampled. Where a choice changes with ``u`` is found by bisection, to 2^-30, and shares are averaged over the
middles of 12 cells of ``v``, or of 840.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from simulator.core.plan import I8
from simulator.testing.routed import Rule, counts_of

#: Cells of u in which a change of the choice is looked for, halvings of one in which it changes, and cells of v.
CELLS_OF_U, HALVINGS = 60, 24
COARSE, FINE = 12, 840
#: A round of turns is as many as there are replicas; so many rounds are averaged over.
ROUNDS = 12


def shares(asked: Rule, outstanding: Sequence[int], by_turn: bool = False, cells_of_v: int = COARSE) -> list[float]:
    """The share of tasks that each replica is chosen for, over all u and v, and over rounds of turns if ``by_turn``."""
    return list(_shares(asked, tuple(outstanding), by_turn, cells_of_v))


@lru_cache(maxsize=4096)
def _shares(asked: Rule, outstanding: tuple[int, ...], by_turn: bool, cells_of_v: int) -> tuple[float, ...]:
    turns = range(ROUNDS * len(outstanding)) if by_turn else range(1)
    counts = counts_of(outstanding)
    total = np.zeros(len(outstanding))
    asks_v = _uses_v(asked, outstanding)
    places = (np.arange(cells_of_v) + 0.5) / cells_of_v if asks_v else np.array([0.5])
    for turn in turns:
        for v in places.tolist():
            total += _over_u(asked, counts, turn, v)
    return tuple((total / (len(turns) * len(places))).tolist())


def _uses_v(asked: Rule, outstanding: Sequence[int]) -> bool:
    """Whether v matters at this load, as far as twelve values of it, at twelve of u and two turns, show."""
    probes = ((np.arange(12) + 0.5) / 12).tolist()
    return any(len({asked.choose(outstanding, turn, u, v) for v in probes}) > 1 for u in probes for turn in (0, 1))


def _over_u(asked: Rule, counts: I8, turn: int, v: float) -> Any:
    """Shares over all u at one v."""
    total, replicas = np.zeros(len(counts)), len(counts)

    def at(u: float) -> int:
        return int(asked.function(replicas, counts, turn, u, v))

    ends = [2.0**-53, *(cell / CELLS_OF_U + 2.0**-40 for cell in range(1, CELLS_OF_U)), 1 - 2.0**-53]
    found = [at(u) for u in ends]
    for left, right, one, two in zip(ends[:-1], ends[1:], found[:-1], found[1:], strict=True):
        low, high = left, right
        if one != two:
            for _ in range(HALVINGS):
                middle = (low + high) / 2
                low, high = (middle, high) if at(middle) == one else (low, middle)
        total[one] += low - left if one != two else right - left
        if one != two:
            total[two] += right - low
    return total
