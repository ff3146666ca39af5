"""docs/laws.md is what the book and the seeded bugs say; what is said not to be ordered is not."""

from __future__ import annotations

import dataclasses
import re
import sys

import numpy as np
import pytest
from conftest import ROOT, slow
from hypothesis import HealthCheck, find, settings
from kit_wrong import WRONG

from simulator.core.plan import frozen
from simulator.engines import compiled
from simulator.testing import BOOK, plans
from simulator.testing.book import UNORDERED
from simulator.testing.checks.derive import machines_of, measured, parts_of, remade
from simulator.testing.page import Evidence, laws_page

PAGE = ROOT / "docs" / "laws.md"

#: Laws for which there is no seeded bug in the tables, and the tests that hold them.
HELD_BY = {
    "E5": ["test_jit.py"],
    "E6": ["test_replica_machine.py"],
    "E7": ["unit/test_draws.py"],
    "E8": ["test_engine.py"],
    "A9": ["test_loads.py", "unit/test_peaks.py"],
    "F1": ["test_scenarios.py"],
    "F2": ["test_fuzz.py"],
    "F3": ["test_vary.py"],
    "F4": ["test_scenarios.py"],
    "F5": ["test_scenarios.py"],
    "F6": ["test_sweep.py"],
    "F7": ["test_save_queries.py"],
    "F8": ["test_plugins.py"],
    "F9": ["test_documents.py"],
    "T1": ["unit/test_stats.py"],
    "T2": ["unit/test_stats.py"],
    "T3": ["unit/test_stats.py"],
    "T4": ["test_verification.py"],
    "T5": ["unit/test_stats.py"],
    "T6": ["test_theory.py"],
    "T7": ["unit/test_stats.py"],
    "T8": ["unit/test_stats.py"],
}


def mutants():
    """The table of seeded bugs, and the test that each is caught by, as its check says."""
    sys.path.insert(0, str(ROOT / "tests" / "mutants"))
    try:
        from mutants.table import MUTANTS
    finally:
        sys.path.pop(0)
    return MUTANTS.values()


def evidence() -> dict[str, Evidence]:
    tests: dict[str, list[str]] = {number: list(HELD_BY.get(number, [])) for number in BOOK}
    bugs: dict[str, list[str]] = {number: [] for number in BOOK}
    for wrong in WRONG:
        tests[wrong.law].append("test_kit.py")
        bugs[wrong.law].append(wrong.name)
    for mutant in mutants():
        tests[mutant.law].append("test_mutants.py")
        bugs[mutant.law].append(mutant.name)
    return {number: Evidence(list(dict.fromkeys(tests[number])), bugs[number]) for number in BOOK}


def test_the_page_is_what_the_book_says(request):
    page = laws_page(evidence())
    if request.config.getoption("--regenerate"):
        PAGE.write_text(page)
    assert PAGE.read_text() == page


def test_the_tests_that_it_names_are_there():
    named = {test for found in evidence().values() for test in found.tests}
    assert [test for test in sorted(named) if not (ROOT / "tests" / test).exists()] == []
    assert [number for number, found in evidence().items() if not found.tests] == []


def test_numbers_are_in_order():
    for letter in "MLARSEFT":
        numbers = [int(number[1:]) for number in BOOK if number[0] == letter]
        assert numbers == list(range(1, len(numbers) + 1))


def test_laws_that_are_cited_in_the_sources_are_in_the_book():
    cited = set()
    for path in (ROOT / "simulator" / "testing").glob("checks/*.py"):
        cited |= set(re.findall(r'"([MLARSEFT]\d{1,2})"', path.read_text()))
    assert cited
    assert cited <= set(BOOK)


# --- what is not ordered ----------------------------------------------------------------------------------------------


def completions(plan):
    return compiled.simulate(measured(plan)).completion_ns


def heavier(plan):
    """The first query heavier."""
    work = np.array(plan.work)
    work[0] = 3 * work[0] + 1
    return dataclasses.replace(plan, work=frozen(work))


def with_a_replica_more(plan):
    parts = [
        dataclasses.replace(part, replicas=part.replicas + 1, left=[count + 1 for count in part.left])
        for part in parts_of(plan)
    ]
    return remade(plan, parts, [np.pad(factor, ((0, 0), (0, 1)), mode="edge") for factor in machines_of(plan)])


def with_faster_machines(plan):
    return dataclasses.replace(plan, machine_factor=frozen(plan.machine_factor * 0.5))


TURNS = {"policies": ["round_robin"], "is_cut": False}
#: Of each claim: plans, what makes them worse (True) or better, and the change.
CASES = {
    "work, where routing looks at load": (plans(stages=1, policies=["least_outstanding"], is_cut=False), True, heavier),
    "work, at the second stage": (plans(stages=2, **TURNS), True, heavier),
    "work, where mergers queue": (plans(stages=1, **TURNS), True, heavier),
    "replicas": (plans(stages=1, **TURNS), False, with_a_replica_more),
    "machines": (plans(stages=2, shards=2, replicas=2, **TURNS), False, with_faster_machines),
}


def test_every_claim_has_an_example():
    assert list(CASES) == [place.name for place in UNORDERED]


#: Those whose example takes long to find.
LONG = ("machines", "work, at the second stage", "work, where routing looks at load")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[slow] * (name in LONG)) for name in CASES])
def test_what_is_said_not_to_be_ordered_is_not(name):
    strategy, is_worse, change = CASES[name]

    def contradicts(plan):
        if "mergers" in name and (plan.stages[0]["mergers"] == 0 or plan.stages[0]["replicas"] > 2):
            return False
        if "mergers" not in name and plan.stages["mergers"].any():
            return False
        before, after = completions(measured(plan)), completions(measured(change(plan)))
        return bool(np.any(after < before)) if is_worse else bool(np.any(after > before))

    chosen = settings(
        max_examples=3000,
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[p for p in settings().phases if p.name in ("generate",)],
    )
    assert find(strategy, contradicts, settings=chosen) is not None
