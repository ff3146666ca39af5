"""The compiled engine walks the reference engine's sample path: equal in every column, for every plan there is."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from conftest import ROOT, slow
from hypothesis import given, settings
from hypothesis import strategies as st
from stale_events import Disturbed

from simulator import ContradictionError, load_scenario, scenario_from_dict, simulate
from simulator.core.assemble import StageParts, assemble
from simulator.core.laws import Law
from simulator.core.trace import same_trace
from simulator.engines import chosen, compiled, reference
from simulator.engines.compiled import run
from simulator.engines.compiled.lockstep import in_lockstep
from simulator.planner.plans import make_plan
from simulator.running.engine_check import check_engines
from simulator.testing import plans

#: `make verify` asks for 50,000.
EXAMPLES = int(os.environ.get("SHARDSIM_PLANS", "400"))


#: Tasks of a block of queries: so few that a small plan takes several.
BLOCKS = (1, 5, 30, run.TASKS_AT_ONCE)


@settings(max_examples=EXAMPLES)
@given(plans(), st.sampled_from(BLOCKS), st.data())
def test_the_engines_agree_whatever_looks_ahead(plan, block, data):
    expected = reference.simulate(plan, tasks=True)
    stages = list(range(len(plan.stages)))
    some = data.draw(st.sets(st.sampled_from(stages)), label="event by event")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "TASKS_AT_ONCE", block)
        assert same_trace(compiled.simulate(plan, tasks=True), expected) == "", "looking ahead"
        mixed = compiled.simulate(plan, event_by_event=some)
    assert same_trace(compiled.simulate(plan, tasks=True, event_by_event=stages), expected) == "", "event by event"
    assert same_trace(mixed, expected, without_tasks=True) == "", "both kinds in one run, shards in lockstep"


@settings(max_examples=max(EXAMPLES // 20, 20))
@given(plans(), st.integers(1, 30))
def test_events_of_copies_that_are_no_more_change_nothing(plan, most):
    assert same_trace(Disturbed(plan, most).trace(), reference.simulate(plan, tasks=True)) == ""


GALLERY = sorted((ROOT / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.stem, marks=[slow] * (place % 5 > 0)) for place, path in enumerate(GALLERY)]
)
def test_the_gallery_has_the_same_figures_on_both_engines(path):
    few = [] if "phases" in path.read_text() else ["run.queries=25", "run.warmup=5"]
    scenario = load_scenario(path, sets=["run.replications=2", *few])
    found = {name: simulate(scenario, engine=name).to_dict() for name in ("auto", "compiled", "reference")}
    assert {name: document.pop("engine") for name, document in found.items()} == {
        "auto": "compiled",
        "compiled": "compiled",
        "reference": "reference",
    }
    assert json.dumps(found["auto"]) == json.dumps(found["compiled"]) == json.dumps(found["reference"])


def test_the_answer_does_not_depend_on_how_many_replications_run_at_a_time():
    scenario = load_scenario(ROOT / "scenarios" / "web_search.yaml", sets=["run.queries=40", "run.replications=5"])
    documents = [
        simulate(scenario, jobs=jobs, engine=name).to_dict() for name in ("auto", "reference") for jobs in (1, 3)
    ]
    for document in documents:
        document.pop("engine")
    assert all(document == documents[0] for document in documents)


def test_an_engine_is_taken_by_its_name():
    plan = assemble([StageParts(candidates=Law.constant(1.0))], np.array([0]))
    assert [chosen(name, plan) for name in ("auto", "compiled", "reference")] == ["compiled", "compiled", "reference"]
    with pytest.raises(ValueError, match="no engine is called 'fast'; there are auto, compiled, reference"):
        chosen("fast", plan)


def test_what_the_compiled_engine_does_not_know_goes_to_the_reference_engine(monkeypatch):
    plan = assemble([StageParts(candidates=Law.constant(1.0))], np.array([0]))
    monkeypatch.setattr(compiled, "uncovered", lambda plan: "time travel")
    assert chosen("auto", plan) == "reference"
    with pytest.raises(ValueError, match="does not know time travel; ask for auto or reference"):
        chosen("compiled", plan)


def test_the_paper_funnel_costs_two_shards():
    scenario = load_scenario(ROOT / "scenarios" / "paper_funnel.yaml", sets=["run.queries=10"])
    assert in_lockstep(make_plan(scenario)).plan.shards == 2


def test_engines_that_differ_are_a_contradiction(monkeypatch):
    honest = compiled.simulate

    def late(plan, *args, **more):
        trace = honest(plan, *args, **more)
        trace.close_ns[0, -1] += 1
        return trace

    monkeypatch.setattr(compiled, "simulate", late)
    values = {
        "name": "case",
        "load": {"rate": "1/s"},
        "stages": [{"name": "a", "model": {"kind": "time", "law": "1s"}}],
    }
    with pytest.raises(ContradictionError, match="the engines differ in close_ns"):
        check_engines(make_plan(scenario_from_dict({**values, "run": {"queries": 20}})))


def test_a_run_can_be_stopped_and_grows_as_it_needs(monkeypatch):
    burst = assemble([StageParts([0.5, 0.5], candidates=Law.constant(1.0), workers=2)] * 2, np.zeros(3000, dtype=int))
    expected = reference.simulate(burst)
    assert same_trace(compiled.simulate(burst), expected) == ""
    assert same_trace(compiled.simulate(burst, event_by_event=[0, 1]), expected) == ""
    monkeypatch.setattr(compiled, "BUDGET", 100)
    assert same_trace(compiled.simulate(burst, event_by_event=[1], stopped=lambda: False), expected) == ""
    asked = iter([False, True])
    with pytest.raises(compiled.Stopped):
        compiled.simulate(burst, stopped=lambda: next(asked))


def test_thousands_of_workers_may_start_in_one_instant():
    stage = StageParts(candidates=Law.constant(1.0), time=Law.constant(3.0), workers=5000)
    burst = assemble([stage], np.zeros(5000, dtype=int))
    assert same_trace(compiled.simulate(burst, event_by_event=[0]), reference.simulate(burst)) == ""


@pytest.mark.parametrize("way", [(), (0,)], ids=["looking ahead", "event by event"])
def test_instants_beyond_int64_are_refused_alike(way):
    long = assemble([StageParts(candidates=Law.constant(1.0), time=Law.constant(2.0**60))], np.zeros(9, dtype=int))
    for simulate_it in (reference.simulate, lambda plan: compiled.simulate(plan, event_by_event=way)):
        with pytest.raises(OverflowError, match="beyond the 146 years"):
            simulate_it(long)
    stage = StageParts(candidates=Law.constant(1.0), time=Law.constant(2.0**60))
    cut = assemble([stage], np.zeros(9, dtype=int), drain_ns=2**61)
    assert same_trace(compiled.simulate(cut, event_by_event=way), reference.simulate(cut)) == ""
