"""Whether what a capacity says holds after a stall, too: by arithmetic, within a budget, and in words."""

from __future__ import annotations

import json
from types import SimpleNamespace

import jsonschema
import pytest

from simulator import capacity, scenario_from_dict
from simulator.documents.schemas import document_schema
from simulator.planner.plans import Plans
from simulator.planning.capacity import capacity_of_rate
from simulator.planning.refinement import Refinement
from simulator.planning.second_answer import APART, HIGHEST, tries_s
from simulator.report.answers import table_of
from simulator.running.execution import Execution


def one_server(run=None, **client):
    """A server that takes 5 ms, so that 200/s are carried, if nobody sends twice."""
    server = {"name": "server", "model": {"kind": "time", "law": {"kind": "constant", "value": "5ms"}}}
    return scenario_from_dict(
        {
            "name": "one",
            "load": {"rate": "50/s", "arrivals": {"kind": "constant"}},
            "run": {"duration": "20s", "replications": 4} if run is None else run,
            "stages": [server],
            "slos": ["availability > 99%"],
            **({"client": client} if client else {}),
        }
    )


def asked(scenario, **budget):
    return capacity(scenario, tolerance=0.2, **budget)


@pytest.mark.parametrize("retries", [1, 2])
def test_a_load_that_all_attempts_of_which_are_more_than_is_served_stays_down(retries):
    """Nobody is answered in time behind a stall: then all send as often as they may, and 200/s are served."""
    answer = asked(one_server(timeout="50ms", retries=retries, backoff="20ms"))
    second = answer.second
    assert second is not None and second.back_per_s is not None and second.down_per_s is not None
    assert second.back_per_s <= 200 / (1 + retries) <= second.down_per_s <= APART * second.back_per_s
    assert second.lasts_s == pytest.approx(2 * (0.05 * (1 + retries) + 0.02 * retries))
    assert answer.per_s.low is not None and second.down_per_s < answer.per_s.low
    assert not [note for note in answer.notes if "stall" in note]
    document = json.loads(json.dumps(answer.to_dict()))
    jsonschema.validate(document, document_schema("capacity"))
    assert document["after_a_stall"] == second.to_dict()
    assert "two answers: after a stall of" in table_of(answer)


def test_with_a_budget_there_is_one_answer():
    """A tenth more than comes is served: so a system comes back at nearly all that it carries."""
    budgeted = one_server(timeout="50ms", retries=2, backoff="20ms", retry_budget={"ratio": "1%", "burst": 1})
    answer = asked(budgeted)
    assert answer.second is not None and answer.second.down_per_s is None
    assert answer.second.back_per_s == pytest.approx(HIGHEST * answer.per_s.low)
    assert "one answer: after a stall of" in table_of(answer)


@pytest.mark.parametrize("client", [{}, {"timeout": "50ms"}])
def test_nothing_is_said_where_nobody_sends_again(client):
    answer = asked(one_server(**client))
    assert answer.second is None and "after_a_stall" not in answer.to_dict()
    assert not [note for note in answer.notes if "stall" in note]


def test_a_search_without_stalls_finds_the_same():
    scenario = one_server(timeout="50ms", retries=1, backoff="20ms")
    alone = capacity_of_rate(scenario, tolerance=0.2)
    assert alone.second is None and alone.per_s == asked(scenario).per_s


def test_a_budget_ends_it_with_a_note():
    """What a search leaves of its budget does not hold a single look: the note says how to look by hand."""
    scenario = one_server(timeout="50ms", retries=1, backoff="20ms")
    spent = capacity_of_rate(scenario, tolerance=0.2).queries
    answer = asked(scenario, queries=spent + 1)
    (note,) = [note for note in answer.notes if "stall" in note]
    assert answer.second is None and answer.queries == spent
    assert note.startswith("whether it comes back after a stall was not looked at: the budget of")
    assert note.endswith("shardsim stress one.yaml 'stall for 0.24s' says it of one load")


def test_how_long_a_client_tries():
    """Pauses grow up to the longest; after the last attempt there is none."""
    growing = one_server(timeout="50ms", retries=3, backoff={"base": "10ms", "factor": 3, "most": "40ms"})
    assert tries_s(growing) == pytest.approx(4 * 0.05 + 0.01 + 0.03 + 0.04)


@pytest.mark.parametrize("retries", [0, 1])
def test_a_search_that_is_no_better_for_more_ends_where_clients_send_again(retries):
    """A longer run of what may collapse says no more; of another, the first look may have been narrow by luck."""
    scenario = one_server({"replications": 4}, timeout="50ms", retries=retries)
    refinement = Refinement(Plans.of(scenario), 0.01, Execution())
    for measured, half in [(400_000, 0.073), (1_600_000, 0.075)]:
        level = SimpleNamespace(prober=SimpleNamespace(measured=measured), half=half, is_supported=True, exceedances=40)
        refinement.levels.append(level)
    assert refinement.may_collapse() == refinement._is_stuck(refinement.levels[-1]) == (retries > 0)
