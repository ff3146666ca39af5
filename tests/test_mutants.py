"""Bugs put in on purpose (``mutants/table.py``): each must be caught by the law named beside it, or neither is trusted.

``pytest -v tests/test_mutants.py`` prints the table: bug, where it is, the law, and what the check said.
"""

from __future__ import annotations

import pytest
from conftest import SLOW, slow
from mutants.table import MUTANTS
from mutants.workshop import Workshop

#: A quarter of them in CI, by turns in the table, with the checks that these ask; all in `make verify`.
LEFT_OUT = {name for place, name in enumerate(MUTANTS) if place % 4}
CHECKS = sorted({mutant.check for mutant in MUTANTS.values()})
ASKED = {mutant.check for name, mutant in MUTANTS.items() if name not in LEFT_OUT}


def test_laws_are_those_of_the_book():
    from simulator.testing.book import BOOK, GROUPS

    caught = {mutant.law for mutant in MUTANTS.values()}
    assert caught <= set(BOOK)
    assert {law[0] for law in caught} == set(GROUPS), "every group catches a bug"


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


@pytest.mark.parametrize("check", [pytest.param(check, marks=[slow] * (check not in ASKED)) for check in CHECKS])
def test_the_check_passes_without_the_bug(check, workshop):
    """A fifth of its examples do, but for `make verify`: what it draws is the same with every bug."""
    assert workshop.ask(check, share=1.0 if SLOW else 0.2) == (None, "")
