"""Routing rules held against the laws R1 .. R8.

The share of tasks that each replica is chosen for is not sampled. Where a choice changes with ``u`` is found by
bisection, to 2^-30, and shares are averaged over the middles of 12 cells of ``v``. Where two shares that should be
equal differ, they are worked out once more with 840 cells of ``v``; what still differs by half a percent is told. So a
rule whose choice changes at most eight times along ``v`` is never told without cause (built-in ones change at multiples
of 1/(R - 1), for which both grids are exact), and a bias below half a percent is not seen.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
from hypothesis import strategies as st

from simulator.core import calling, rules
from simulator.core.plan import I8, LEAST_OUTSTANDING, LEAST_WORK, POWER_OF_TWO, RANDOM, ROUND_ROBIN
from simulator.plugins.marks import mark_of
from simulator.testing.broken import Breach, Check, Report

#: Built-in policies by name.
POLICIES = {
    "random": RANDOM,
    "round_robin": ROUND_ROBIN,
    "least_outstanding": LEAST_OUTSTANDING,
    "least_work": LEAST_WORK,
    "power_of_two": POWER_OF_TWO,
}

#: Cells of u in which a change of the choice is looked for, halvings of one in which it changes, and cells of v.
CELLS_OF_U, HALVINGS = 60, 24
COARSE, FINE = 12, 840
#: Shares that differ by less are equal: at first, and in the end.
CLOSE, APART = 1e-6, 5e-3
#: A round of turns is as many as there are replicas; so many rounds are averaged over.
ROUNDS = 12
#: Replicas at most where shares are worked out, and where only an index is asked for.
FEW, MANY = 5, 1000
#: The most that can be outstanding.
HUGE = 2**62


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
        return int(self.function(len(outstanding), _counts(outstanding), turn, u, v))


def _counts(outstanding: Sequence[int]) -> I8:
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
        looks_at = {LEAST_WORK: "work", LEAST_OUTSTANDING: "outstanding", POWER_OF_TWO: "outstanding"}.get(policy)
        return Rule(rule, _built_in(policy, rules.choose), looks_at, _built_in(policy, _plain(rules.choose)))
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


def check_rule(rule: Any, *, profile: str | None = None, only: Sequence[str] | None = None) -> Report:
    """Hold a routing rule against the laws R1 .. R8 of ``docs/laws.md``.

    Parameters
    ----------
    rule
        A plug-in's function ``rule(replicas, outstanding, turn, u, v) -> int``, or the name of a built-in policy.
    profile
        ``quick``, ``default`` or ``deep``; unless said that of ``--shardsim-profile``.
    only
        Numbers of the laws that are asked; unless said, all.

    Returns
    -------
    Report
        What became of each law: held, and against what, or not asked, and why.

    Raises
    ------
    LawBroken
        Of the first law that is broken, with the smallest case.
    """
    asked = rule_of(rule)
    check = Check(asked.name, profile, only)
    check.hold("R1", _calls(MANY), lambda case: _is_a_replica(asked, *case), f"1 to {MANY} replicas, ties, any load")
    check.hold("R2", _calls(MANY), lambda case: _is_repeated(asked, *case), "every call made twice")
    check.hold("R3", _calls(MANY), lambda case: _only_reads(asked, *case), "what is outstanding, before and after")
    by_turn = uses_turn(asked)
    _hold_symmetry(check, asked, by_turn)
    if asked.looks_at is None:
        check.hold("R6", _calls(MANY), lambda case: _ignores_load(asked, *case), "the same task at another load")
        check.skip("R7", "it does not look at load")
    else:
        check.skip("R6", "it looks at load")
        if asked.packs:
            check.skip("R7", "it declares packs = True")
        else:
            loads = st.tuples(_loads(FEW), st.integers(0, FEW - 1), st.integers(1, 5))
            shares = "shares over all u, v and turns, one replica busier"
            check.hold("R7", loads, lambda case: _avoids_the_busy(asked, by_turn, *case), shares, share=0.5)
    if asked.other is None:
        check.skip("R8", "it is not compiled")
    else:
        check.hold("R8", _calls(MANY), lambda case: _is_the_same_in_python(asked, *case), "every call in both ways")
    return check.report()


def _hold_symmetry(check: Check, asked: Rule, by_turn: bool) -> None:
    rotated = st.tuples(_loads(FEW), st.integers(1, FEW - 1))
    for number, is_asked, otherwise in (("R4", not by_turn, "R5"), ("R5", by_turn, "R4")):
        if asked.favours_index:
            check.skip(number, "it declares favours_index = True")
        elif not is_asked:
            check.skip(number, f"it {'looks' if by_turn else 'does not look'} at turn: {otherwise} is asked")
        elif by_turn:
            check.hold("R5", rotated, lambda case: _is_rotated(asked, *case), "shares over rounds of turns", share=0.5)
        else:
            exchanged = st.tuples(_loads(FEW), st.permutations(range(FEW)))
            check.hold("R4", exchanged, lambda case: _is_exchanged(asked, *case), "shares over all u and v", share=0.5)


def _loads(most: int) -> st.SearchStrategy[list[int]]:
    """What is outstanding at one replica or more: small numbers, so that there are ties."""
    return st.lists(st.integers(0, 3), min_size=1, max_size=most)


def _calls(most: int) -> st.SearchStrategy[tuple[list[int], int, float, float]]:
    """Arguments of a rule: any number of replicas, ties and huge loads, uniforms at both ends."""
    small = _loads(8)
    huge = st.lists(st.sampled_from([0, 1, 2**31, HUGE]), min_size=1, max_size=8)
    many = st.integers(1, most).map(lambda replicas: [0] * replicas)
    turns = st.one_of(st.integers(0, 20), st.sampled_from([2**31, 2**40 + 1]))
    return st.tuples(st.one_of(small, huge, many), turns, _uniforms(), _uniforms())


def _uniforms() -> st.SearchStrategy[float]:
    ends = st.sampled_from([2.0**-53, 1 - 2.0**-53])
    return st.one_of(st.integers(1, 23).map(lambda n: n / 24), ends, st.integers(1, 9_999).map(lambda n: n / 10_000))


def _told(asked: Rule, outstanding: Sequence[int], turn: int, u: float, v: float) -> dict[str, str]:
    shown = (
        str(list(outstanding)) if len(set(outstanding)) > 1 or len(outstanding) < 20 else f"{outstanding[0]} at each"
    )
    return {"replicas": f"{len(outstanding)}", "outstanding": shown, "turn": f"{turn}", "u": repr(u), "v": repr(v)}


def _is_a_replica(asked: Rule, outstanding: list[int], turn: int, u: float, v: float) -> None:
    found = asked.function(len(outstanding), _counts(outstanding), turn, u, v)
    if isinstance(found, (bool, float)) or not 0 <= int(found) < len(outstanding):
        raise Breach(
            **_told(asked, outstanding, turn, u, v),
            chosen=repr(found),
            allowed=f"an index from 0 to {len(outstanding) - 1}",
        )


def _is_repeated(asked: Rule, outstanding: list[int], turn: int, u: float, v: float) -> None:
    found = [asked.choose(outstanding, turn, u, v) for _ in range(3)]
    if len(set(found)) > 1:
        raise Breach(**_told(asked, outstanding, turn, u, v), **{"chosen, three times": found})


def _only_reads(asked: Rule, outstanding: list[int], turn: int, u: float, v: float) -> None:
    counts = np.array(outstanding, dtype=np.int64)
    asked.function(len(outstanding), counts, turn, u, v)
    if counts.tolist() != outstanding:
        raise Breach(**_told(asked, outstanding, turn, u, v), afterwards=counts.tolist())


def _ignores_load(asked: Rule, outstanding: list[int], turn: int, u: float, v: float) -> None:
    idle = [0] * len(outstanding)
    one = asked.choose(idle, turn, u, v)
    busy = [5 * (replica == one) for replica in range(len(outstanding))]
    for load in (busy, outstanding):
        two = asked.choose(load, turn, u, v)
        if one != two:
            raise Breach(**_told(asked, load, turn, u, v), chosen=two, **{"chosen with nothing outstanding": one})


def _is_the_same_in_python(asked: Rule, outstanding: list[int], turn: int, u: float, v: float) -> None:
    assert asked.other is not None
    one = asked.choose(outstanding, turn, u, v)
    two = int(asked.other(len(outstanding), _counts(outstanding), turn, u, v))
    if one != two:
        raise Breach(**_told(asked, outstanding, turn, u, v), chosen=one, **{"chosen the other way": two})


def uses_turn(asked: Rule) -> bool:
    """Whether another turn gives another choice, as far as a few calls show."""
    return any(
        len({asked.choose(outstanding, turn, u, v) for turn in range(2 * len(outstanding) + 1)}) > 1
        for outstanding in ([0, 0], [0, 0, 0], [1, 0, 1], [2, 1, 1, 1])
        for u, v in ((0.1, 0.1), (0.4, 0.9), (0.9, 0.4))
    )


def _is_exchanged(asked: Rule, outstanding: list[int], order: Sequence[int]) -> None:
    for load in ([0] * len(outstanding), outstanding):
        _equals_are_equal(asked, load)
    _compare(asked, outstanding, [place for place in order if place < len(outstanding)], False, "exchanged")


def _equals_are_equal(asked: Rule, outstanding: list[int]) -> None:
    """Hold the shares of replicas at which as much is outstanding against one another."""
    for cells, apart in ((COARSE, CLOSE), (FINE, APART)):
        found = shares(asked, outstanding, False, cells)
        unequal = [
            (one, two)
            for one, two in combinations(range(len(outstanding)), 2)
            if outstanding[one] == outstanding[two] and abs(found[one] - found[two]) > apart
        ]
        if not unequal:
            return
    one, two = unequal[0]
    told = {f"equally busy {one} and {two}": f"{_percent([found[one]])} and {_percent([found[two]])}"}
    raise Breach(replicas=len(outstanding), outstanding=outstanding, **{"chosen in": _percent(found)}, **told)


def _is_rotated(asked: Rule, outstanding: list[int], by: int) -> None:
    replicas = len(outstanding)
    for load in ([0] * replicas, outstanding):
        _compare(asked, load, [(place + by) % replicas for place in range(replicas)], True, "rotated")


def _compare(asked: Rule, outstanding: list[int], order: Sequence[int], by_turn: bool, how: str) -> None:
    """Hold the shares of what is outstanding against those of it in another order."""
    moved = [outstanding[place] for place in order]
    for cells, apart in ((COARSE, CLOSE), (FINE, APART)):
        one, two = shares(asked, outstanding, by_turn, cells), shares(asked, moved, by_turn, cells)
        expected = [one[place] for place in order]
        if max(abs(a - b) for a, b in zip(expected, two, strict=True)) <= apart:
            return
    told = {"outstanding": str(outstanding), "chosen in": _percent(one)}
    if moved != outstanding:
        told |= {how: str(moved)}
    raise Breach(replicas=len(outstanding), **told, **{"should be": _percent(expected), "are chosen in": _percent(two)})


def _percent(found: Sequence[float]) -> str:
    return ", ".join(f"{100 * share:.4g} %" for share in found)


def _avoids_the_busy(asked: Rule, by_turn: bool, outstanding: list[int], which: int, more: int) -> None:
    replica = which % len(outstanding)
    busier = [count + more * (place == replica) for place, count in enumerate(outstanding)]
    for cells, apart in ((COARSE, CLOSE), (FINE, APART)):
        one = shares(asked, outstanding, by_turn, cells)[replica]
        two = shares(asked, busier, by_turn, cells)[replica]
        if two <= one + apart:
            return
    raise Breach(
        replicas=len(outstanding),
        outstanding=outstanding,
        **{
            f"replica {replica} is chosen in": _percent([one]),
            "with more there": busier,
            "it is chosen in": _percent([two]),
        },
    )


def shares(asked: Rule, outstanding: Sequence[int], by_turn: bool = False, cells_of_v: int = COARSE) -> list[float]:
    """The share of tasks that each replica is chosen for; see ``_shares``."""
    return list(_shares(asked, tuple(outstanding), by_turn, cells_of_v))


@lru_cache(maxsize=4096)
def _shares(asked: Rule, outstanding: tuple[int, ...], by_turn: bool, cells_of_v: int) -> tuple[float, ...]:
    """The share of tasks that each replica is chosen for, over all u and v, and over rounds of turns.

    See the module's docstring for how exact they are.
    """
    turns = range(ROUNDS * len(outstanding)) if by_turn else range(1)
    counts = _counts(outstanding)
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
