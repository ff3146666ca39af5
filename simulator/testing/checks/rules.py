"""Routing rules held against the laws R1 .. R8.

Where two shares that should be equal differ, they are worked out once more with 840 cells of ``v`` (``shares``); what
still differs by half a percent is told. So a rule whose choice changes at most eight times along ``v`` is never told
without cause (built-in ones change at multiples of 1/(R - 1), for which both grids are exact), and a bias below half a
percent is not seen.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from hypothesis import strategies as st

from simulator.testing.checks.choices import COARSE, FINE, Rule, counts_of, rule_of, shares, uses_turn
from simulator.testing.law_check import Breach, Check, Report

#: Shares that differ by less are equal: at first, and in the end.
CLOSE, APART = 1e-6, 5e-3
#: Replicas at most where shares are worked out, and where only an index is asked for.
FEW, MANY = 5, 1000
#: The most that can be outstanding.
HUGE = 2**62


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
    subject = rule_of(rule)
    check = Check(subject.name, profile, only)
    check.hold("R1", _calls(MANY), lambda case: _is_a_replica(subject, *case), f"1 to {MANY} replicas, ties, any load")
    check.hold("R2", _calls(MANY), lambda case: _is_repeated(subject, *case), "every call made twice")
    check.hold("R3", _calls(MANY), lambda case: _only_reads(subject, *case), "what is outstanding, before and after")
    try:
        by_turn = uses_turn(subject)
    except Exception:  # R1 has told it, with its smallest case
        if not check.breaches:
            raise
        return check.report()
    _hold_symmetry(check, subject, by_turn)
    if subject.looks_at is None:
        check.hold("R6", _calls(MANY), lambda case: _ignores_load(subject, *case), "the same task at another load")
        check.skip("R7", "it does not look at load")
    else:
        check.skip("R6", "it looks at load")
        if subject.packs:
            check.skip("R7", "it declares packs = True")
        else:
            loads = st.tuples(_loads(FEW), st.integers(0, FEW - 1), st.integers(1, 5))
            shares = "shares over all u, v and turns, one replica busier"
            check.hold("R7", loads, lambda case: _avoids_the_busy(subject, by_turn, *case), shares, share=0.5)
    if subject.other is None:
        check.skip("R8", "it is not compiled")
    else:
        check.hold("R8", _calls(MANY), lambda case: _is_the_same_in_python(subject, *case), "every call in both ways")
    return check.report()


def _hold_symmetry(check: Check, rule: Rule, by_turn: bool) -> None:
    rotated = st.tuples(_loads(FEW), st.integers(1, FEW - 1))
    for number, is_asked, otherwise in (("R4", not by_turn, "R5"), ("R5", by_turn, "R4")):
        if rule.favours_index:
            check.skip(number, "it declares favours_index = True")
        elif not is_asked:
            check.skip(number, f"it {'looks' if by_turn else 'does not look'} at turn: {otherwise} is asked")
        elif by_turn:
            check.hold("R5", rotated, lambda case: _is_rotated(rule, *case), "shares over rounds of turns", share=0.5)
        else:
            exchanged = st.tuples(_loads(FEW), st.permutations(range(FEW)))
            check.hold("R4", exchanged, lambda case: _is_exchanged(rule, *case), "shares over all u and v", share=0.5)


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


def _facts(rule: Rule, outstanding: Sequence[int], turn: int, u: float, v: float) -> dict[str, str]:
    busy = str(list(outstanding)) if len(set(outstanding)) > 1 or len(outstanding) < 20 else f"{outstanding[0]} at each"
    return {"replicas": f"{len(outstanding)}", "outstanding": busy, "turn": f"{turn}", "u": repr(u), "v": repr(v)}


def _is_a_replica(rule: Rule, outstanding: list[int], turn: int, u: float, v: float) -> None:
    chosen = rule.function(len(outstanding), counts_of(outstanding), turn, u, v)
    if isinstance(chosen, (bool, float)) or not 0 <= int(chosen) < len(outstanding):
        raise Breach(
            **_facts(rule, outstanding, turn, u, v),
            chosen=repr(chosen),
            allowed=f"an index from 0 to {len(outstanding) - 1}",
        )


def _is_repeated(rule: Rule, outstanding: list[int], turn: int, u: float, v: float) -> None:
    chosen = [rule.choose(outstanding, turn, u, v) for _ in range(3)]
    if len(set(chosen)) > 1:
        raise Breach(**_facts(rule, outstanding, turn, u, v), **{"chosen, three times": chosen})


def _only_reads(rule: Rule, outstanding: list[int], turn: int, u: float, v: float) -> None:
    counts = np.array(outstanding, dtype=np.int64)
    rule.function(len(outstanding), counts, turn, u, v)
    if counts.tolist() != outstanding:
        raise Breach(**_facts(rule, outstanding, turn, u, v), afterwards=counts.tolist())


def _ignores_load(rule: Rule, outstanding: list[int], turn: int, u: float, v: float) -> None:
    idle = [0] * len(outstanding)
    one = rule.choose(idle, turn, u, v)
    busy = [5 * (replica == one) for replica in range(len(outstanding))]
    for load in (busy, outstanding):
        two = rule.choose(load, turn, u, v)
        if one != two:
            raise Breach(**_facts(rule, load, turn, u, v), chosen=two, **{"chosen with nothing outstanding": one})


def _is_the_same_in_python(rule: Rule, outstanding: list[int], turn: int, u: float, v: float) -> None:
    assert rule.other is not None
    one = rule.choose(outstanding, turn, u, v)
    two = int(rule.other(len(outstanding), counts_of(outstanding), turn, u, v))
    if one != two:
        raise Breach(**_facts(rule, outstanding, turn, u, v), chosen=one, **{"chosen the other way": two})


def _is_exchanged(rule: Rule, outstanding: list[int], order: Sequence[int]) -> None:
    for load in ([0] * len(outstanding), outstanding):
        _equals_are_equal(rule, load)
    _compare(rule, outstanding, [place for place in order if place < len(outstanding)], False, "exchanged")


def _equals_are_equal(rule: Rule, outstanding: list[int]) -> None:
    """Hold the shares of replicas at which as much is outstanding against one another."""
    for cells, apart in ((COARSE, CLOSE), (FINE, APART)):
        share = shares(rule, outstanding, False, cells)
        unequal = [
            (one, two)
            for one, two in combinations(range(len(outstanding)), 2)
            if outstanding[one] == outstanding[two] and abs(share[one] - share[two]) > apart
        ]
        if not unequal:
            return
    one, two = unequal[0]
    facts = {f"equally busy {one} and {two}": f"{_percent([share[one]])} and {_percent([share[two]])}"}
    raise Breach(replicas=len(outstanding), outstanding=outstanding, **{"chosen in": _percent(share)}, **facts)


def _is_rotated(rule: Rule, outstanding: list[int], by: int) -> None:
    replicas = len(outstanding)
    for load in ([0] * replicas, outstanding):
        _compare(rule, load, [(place + by) % replicas for place in range(replicas)], True, "rotated")


def _compare(rule: Rule, outstanding: list[int], order: Sequence[int], by_turn: bool, how: str) -> None:
    """Hold the shares of what is outstanding against those of it in another order."""
    moved = [outstanding[place] for place in order]
    for cells, apart in ((COARSE, CLOSE), (FINE, APART)):
        one, two = shares(rule, outstanding, by_turn, cells), shares(rule, moved, by_turn, cells)
        expected = [one[place] for place in order]
        if max(abs(a - b) for a, b in zip(expected, two, strict=True)) <= apart:
            return
    facts = {"outstanding": str(outstanding), "chosen in": _percent(one)}
    if moved != outstanding:
        facts |= {how: str(moved)}
    raise Breach(
        replicas=len(outstanding), **facts, **{"should be": _percent(expected), "are chosen in": _percent(two)}
    )


def _percent(chosen: Sequence[float]) -> str:
    return ", ".join(f"{100 * share:.4g} %" for share in chosen)


def _avoids_the_busy(rule: Rule, by_turn: bool, outstanding: list[int], which: int, more: int) -> None:
    replica = which % len(outstanding)
    busier = [count + more * (place == replica) for place, count in enumerate(outstanding)]
    for cells, apart in ((COARSE, CLOSE), (FINE, APART)):
        one = shares(rule, outstanding, by_turn, cells)[replica]
        two = shares(rule, busier, by_turn, cells)[replica]
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
