"""The kit: each law is broken by something made for it, and told so; what is right passes."""

from __future__ import annotations

import pytest
from conftest import slow
from kit_wrong import WRONG, Right, RightArrivals, RightFactor, RightLaw, right_rule

from simulator.core.routing import BY_NAME
from simulator.testing import (
    BOOK,
    LawBroken,
    arrivals,
    check_arrivals,
    check_law,
    check_model,
    check_rule,
    check_scenario,
    law_check,
    laws,
    models,
)
from simulator.testing.law_check import smallest

#: Laws that the kit itself asks for; the others are asked by the tests that ``docs/laws.md`` names.
ASKED = [number for number in BOOK if number[0] in "MLARS" or number in ("E1", "E2", "E3", "E4")]
ASKED.remove("A9")  # of rates, which arrivals do not know: test_loads.py


PARTS = [one for one in WRONG if one.check is not check_scenario]
WHOLE = [one for one in WRONG if one.check is check_scenario]


def is_told(wrong, monkeypatch, **how):
    if wrong.edit is not None:
        wrong.edit(monkeypatch)
    with pytest.raises(LawBroken) as told:
        wrong.check(wrong.subject, **how)
    assert told.value.number == wrong.law, str(told.value)
    assert told.value.statement == BOOK[wrong.law].says
    lines = str(told.value).splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    "wrong",
    [pytest.param(one, id=f"{one.law}, {one.name}", marks=[slow] * (place % 4 > 0)) for place, one in enumerate(PARTS)],
)
def test_a_part_that_breaks_a_law_is_told(wrong, monkeypatch):
    """All laws of its group are asked, and it is the first that is broken."""
    is_told(wrong, monkeypatch, profile="quick")


@pytest.mark.parametrize("wrong", WHOLE, ids=[f"{one.law}, {one.name}" for one in WHOLE])
def test_a_scenario_that_breaks_a_law_is_told(wrong, monkeypatch):
    """By the first case that is found: making it small takes seconds a law, and is asked of a few below."""
    monkeypatch.setattr(law_check, "smallest", lambda *args, shrinks: smallest(*args, shrinks=False))
    is_told(wrong, monkeypatch, only=[wrong.law])


@pytest.mark.parametrize("law", [pytest.param("S15", marks=slow), pytest.param("E1", marks=slow)])
def test_the_case_of_a_scenario_is_small(law, monkeypatch):
    [wrong] = [one for one in WHOLE if one.law == law]
    wrong.edit(monkeypatch)
    with pytest.raises(LawBroken) as told:
        check_scenario(wrong.subject, profile="quick", only=[law])
    case = " ".join(told.value.case.values())
    assert "arrivals at [0] ns" in case or "the first 1 of replication 0" in case, case


def test_every_law_that_the_kit_asks_is_broken_by_something():
    assert sorted({one.law for one in WRONG}) == sorted(ASKED)


@pytest.mark.parametrize(
    ("check", "subject"),
    [
        (check_model, models()),
        (check_model, Right),
        (check_model, Right(trees=3, depth=2, visit=1e-8)),
        (check_law, laws()),
        (check_law, RightLaw),
        (check_law, RightFactor),
        (check_arrivals, arrivals(("poisson", "constant", "gamma"))),
        (check_arrivals, RightArrivals),
        (check_rule, right_rule),
        *((check_rule, policy) for policy in BY_NAME),
    ],
)
def test_what_is_right_passes(check, subject):
    report = check(subject, profile="quick")
    assert [row.number for row in report.rows if row.verdict == "broken"] == []
    assert [row.number for row in report.rows] == [number for number in BOOK if number[0] == report.rows[0].number[0]]
