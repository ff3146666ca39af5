"""A routing rule as a task sees it, whether built in or a plug-in, and the share of tasks that it gives each replica.

Shares are not sampled. Where a choice changes with ``u`` is found by bisection, to 2^-30, and shares are averaged over
the middles of 12 cells of ``v``, or of 840.
"""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from simulator.core import calling, routing
from simulator.core.plan import I8
from simulator.plugins.marks import mark_of
from simulator.testing.law_check import Breach
from simulator.testing.strategies.plans import POLICIES

#: Cells of u in which a change of the choice is looked for, halvings of one in which it changes, and cells of v.
CELLS_OF_U, HALVINGS = 60, 24
COARSE, FINE = 12, 840
#: A round of turns is as many as there are replicas; so many rounds are averaged over.
ROUNDS = 12


@dataclass(frozen=True)
class Rule:
    """A routing rule as a task sees it."""

    name: str
    function: Callable[[int, I8, int, float, float], int]
    looks_at: str | None  #: ``outstanding``, ``work`` or nothing
    other: Callable[[int, I8, int, float, float], int] | None = None  #: the same compiled, or in Python; None: one way
    favours_index: bool = False
    packs: bool = False

    def choose(self, outstanding: Sequence[int], turn: int, u: float, v: float) -> int:
        """The index that the rule chooses."""
        return int(self.function(len(outstanding), counts_of(outstanding), turn, u, v))


def counts_of(outstanding: Sequence[int]) -> I8:
    """(replicas,) what is outstanding, as a rule sees it: it may only read."""
    counts = np.array(outstanding, dtype=np.int64)
    counts.flags.writeable = False
    return counts


def rule_of(rule: Any) -> Rule:
    """A built-in policy by its name, or a plug-in: a function of (replicas, outstanding, turn, u, v).

    Raises
    ------
    ValueError
        If no policy is called so.
    """
    if isinstance(rule, str):
        if rule not in POLICIES:
            raise ValueError(f"no policy is called {rule!r}; there are {', '.join(POLICIES)}")
        policy = POLICIES[rule]
        looks_at = routing.BY_NAME[rule].looks_at
        return Rule(rule, _built_in(policy, routing.choose), looks_at, _built_in(policy, _plain(routing.choose)))
    mark = mark_of(rule)
    looks_at = getattr(rule, "looks_at", "outstanding") if mark is None else mark.looks_at
    plain = _plain(rule)
    favours, packs = bool(getattr(rule, "favours_index", False)), bool(getattr(rule, "packs", False))
    machine = None if mark is None else _in_machine_code(plain)
    return Rule(getattr(rule, "__name__", type(rule).__name__), plain, looks_at, machine, favours, packs)


def _in_machine_code(rule: Any) -> Callable[[int, I8, int, float, float], int] | None:
    """The rule as the compiled engine calls it; None if it is not in the subset of numba."""
    code = calling.compiled(rule)
    if not code.address:
        return None
    call = ctypes.CFUNCTYPE(
        ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_double, ctypes.c_double
    )(code.address)
    return lambda replicas, outstanding, turn, u, v: int(call(replicas, outstanding.ctypes.data, turn, u, v))


def _plain(kernel: Any) -> Any:
    return getattr(kernel, "py_func", kernel)


def _built_in(policy: int, choose: Any) -> Callable[[int, I8, int, float, float], int]:
    def chosen(replicas: int, outstanding: I8, turn: int, u: float, v: float) -> int:
        writable = outstanding.copy()  # the type that the engines give; a second one would be compiled anew
        index = int(choose(policy, replicas, writable, 0, turn, u, v))
        if not np.array_equal(writable, outstanding):
            raise Breach(outstanding=outstanding.tolist(), afterwards=writable.tolist())
        return index

    return chosen


def uses_turn(rule: Rule) -> bool:
    """Whether another turn gives another choice, as far as a few calls show."""
    return any(
        len({rule.choose(outstanding, turn, u, v) for turn in range(2 * len(outstanding) + 1)}) > 1
        for outstanding in ([0, 0], [0, 0, 0], [1, 0, 1], [2, 1, 1, 1])
        for u, v in ((0.1, 0.1), (0.4, 0.9), (0.9, 0.4))
    )


def shares(rule: Rule, outstanding: Sequence[int], by_turn: bool = False, cells_of_v: int = COARSE) -> list[float]:
    """The share of tasks that each replica is chosen for, over all u and v, and over rounds of turns if ``by_turn``."""
    return list(_shares(rule, tuple(outstanding), by_turn, cells_of_v))


@lru_cache(maxsize=4096)
def _shares(rule: Rule, outstanding: tuple[int, ...], by_turn: bool, cells_of_v: int) -> tuple[float, ...]:
    turns = range(ROUNDS * len(outstanding)) if by_turn else range(1)
    counts = counts_of(outstanding)
    total = np.zeros(len(outstanding))
    asks_v = _uses_v(rule, outstanding)
    places = (np.arange(cells_of_v) + 0.5) / cells_of_v if asks_v else np.array([0.5])
    for turn in turns:
        for v in places.tolist():
            total += _over_u(rule, counts, turn, v)
    return tuple((total / (len(turns) * len(places))).tolist())


def _uses_v(rule: Rule, outstanding: Sequence[int]) -> bool:
    """Whether v matters at this load, as far as twelve values of it, at twelve of u and two turns, show."""
    probes = ((np.arange(12) + 0.5) / 12).tolist()
    return any(len({rule.choose(outstanding, turn, u, v) for v in probes}) > 1 for u in probes for turn in (0, 1))


def _over_u(rule: Rule, counts: I8, turn: int, v: float) -> Any:
    """Shares over all u at one v."""
    total, replicas = np.zeros(len(counts)), len(counts)

    def at(u: float) -> int:
        return int(rule.function(replicas, counts, turn, u, v))

    ends = [2.0**-53, *(cell / CELLS_OF_U + 2.0**-40 for cell in range(1, CELLS_OF_U)), 1 - 2.0**-53]
    chosen = [at(u) for u in ends]
    for left, right, one, two in zip(ends[:-1], ends[1:], chosen[:-1], chosen[1:], strict=True):
        low, high = left, right
        if one != two:
            for _ in range(HALVINGS):
                middle = (low + high) / 2
                low, high = (middle, high) if at(middle) == one else (low, middle)
        total[one] += low - left if one != two else right - left
        if one != two:
            total[two] += right - low
    return total
