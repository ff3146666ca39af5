"""A routing rule as a task sees it, whether built in or a plug-in."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.core import calling, routing
from simulator.core.plan import I8
from simulator.plugins.marks import mark_of
from simulator.testing.broken import Breach
from simulator.testing.strategies import POLICIES


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
        found = int(choose(policy, replicas, writable, 0, turn, u, v))
        if not np.array_equal(writable, outstanding):
            raise Breach(outstanding=outstanding.tolist(), afterwards=writable.tolist())
        return found

    return chosen


def uses_turn(asked: Rule) -> bool:
    """Whether another turn gives another choice, as far as a few calls show."""
    return any(
        len({asked.choose(outstanding, turn, u, v) for turn in range(2 * len(outstanding) + 1)}) > 1
        for outstanding in ([0, 0], [0, 0, 0], [1, 0, 1], [2, 1, 1, 1])
        for u, v in ((0.1, 0.1), (0.4, 0.9), (0.9, 0.4))
    )
