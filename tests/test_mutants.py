"""Bugs put in on purpose (``mutants/table.py``): each must be caught by the law named beside it, or neither is trusted.

``pytest -v tests/test_mutants.py`` prints the table: bug, where it is, the law, and what the check said.
"""

from __future__ import annotations

import pytest
from conftest import ROOT, slow
from mutants.table import MUTANTS
from mutants.workshop import Workshop

#: One of thirty in CI, by turns in the table; all in `make verify`.
LEFT_OUT = {name for place, name in enumerate(MUTANTS) if place % 45}
CHECKS = sorted({mutant.check for mutant in MUTANTS.values()})


def test_laws_are_those_of_the_book():
    from simulator.testing.book import BOOK, GROUPS

    caught = {mutant.law for mutant in MUTANTS.values()}
    assert caught <= set(BOOK)
    assert {law[0] for law in caught} == set(GROUPS), "every group catches a bug"


def test_what_a_bug_takes_the_place_of_stands_there_once():
    """Of all of them, those that CI leaves out among them: an edit of the source may have moved it."""
    counts = {
        name: (ROOT / "simulator" / mutant.where).read_text().count(mutant.old) for name, mutant in MUTANTS.items()
    }
    assert {name: count for name, count in counts.items() if count != 1} == {}


@pytest.fixture(scope="module")
def workshop():
    with Workshop() as found:
        yield found


@pytest.mark.parametrize("name", [pytest.param(name, marks=[slow] * (name in LEFT_OUT)) for name in MUTANTS])
def test_a_seeded_bug_is_caught(name, workshop, record_property):
    mutant = MUTANTS[name]
    number, said = workshop.ask(mutant.check, mutant.where, mutant.old, mutant.new)
    record_property("mutant", (name, mutant.where, mutant.law, said))
    assert number == mutant.law, f"{mutant.check} says of {number}: {said}"


@slow
@pytest.mark.parametrize("check", CHECKS)
def test_the_check_passes_without_the_bug(check, workshop):
    """In CI what it draws is asked by the test that it stands for."""
    assert workshop.ask(check) == (None, "")
