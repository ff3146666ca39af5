"""A run makes its system once and draws the load of each replication once, whatever asks for it before."""

from __future__ import annotations

from collections import Counter

import pytest

import simulator
from simulator import load_scenario, scenario_from_dict
from simulator.planner import load, plans
from simulator.planning.capacity import capacity
from simulator.running.execution import Execution
from simulator.running.run import Run

MM1 = "scenarios/mm1.yaml"
RECOMMENDATION = "scenarios/recommendation.yaml"


@pytest.fixture
def made(monkeypatch):
    """How often each was made: systems, and loads by replication and number of arrivals."""
    counts: Counter[object] = Counter()
    honest_system, honest_load = plans.make_system, load.make_load

    def make_system(scenario):
        counts["system"] += 1
        return honest_system(scenario)

    def make_load(scenario, replication):
        drawn = honest_load(scenario, replication)
        counts[replication, len(drawn.arrival_ns)] += 1
        return drawn

    monkeypatch.setattr(plans, "make_system", make_system)
    monkeypatch.setattr(load, "make_load", make_load)
    return counts


def test_one_replication_takes_one_system_and_one_load(shardsim, made):
    code, _, _ = shardsim("run", MM1, "--set", "run.queries=8k", "--replications=1", "--check-engines", "--jobs=1")
    assert code in (0, 98)
    assert made == {"system": 1, (0, 10_000): 1}


@pytest.mark.parametrize("jobs", [1, 2])
def test_replications_share_the_system_and_draw_each_its_load(shardsim, made, jobs):
    """Machines differ between them: their utilisations are arithmetic, and take no load."""
    scenario = load_scenario(RECOMMENDATION, sets=["run.queries=80"])
    assert any(not stage.variability.machine.law.is_constant() for stage in scenario.stages)
    assert shardsim("run", RECOMMENDATION, "--set", "run.queries=80", "--replications=8", f"--jobs={jobs}")[0] != 2
    assert made == {"system": 1, **{(replication, 100): 1 for replication in range(8)}}


def test_a_comparison_takes_two_systems(shardsim, made):
    more = ["--set-b", "load.rate=50/s", "--queries=80", "--replications=4", "--jobs=1"]
    assert shardsim("compare", MM1, *more)[0] == 0
    assert made == {"system": 2, **{(replication, 100): 2 for replication in range(4)}}


def test_probes_of_a_capacity_share_the_system(made):
    values = {"name": "s", "load": {"rate": "50/s"}, "run": {"queries": 500, "replications": 4}}
    stage = {"name": "a", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}}}
    answer = capacity(scenario_from_dict({**values, "stages": [stage], "slos": ["p95 < 100ms"]}), tolerance=0.1)
    assert made.pop("system") == 1
    assert sum(times * queries for (_, queries), times in made.items()) == answer.queries, "what is drawn is simulated"


@pytest.mark.parametrize("on_paper", [simulator.estimate, simulator.validate])
def test_paper_takes_no_load(made, on_paper):
    on_paper(load_scenario(MM1))
    assert made == {"system": 1}


def test_longer_replications_are_other_loads_of_the_same_system(made):
    run = {"queries": 100, "replications": 4, "precision": "5%"}
    stage = {"name": "a", "model": {"kind": "time", "law": "10ms"}}
    values = {"name": "s", "load": {"rate": "50/s"}, "run": run, "stages": [stage], "slos": ["p99 < 100ms"]}
    result = Run(scenario_from_dict(values), Execution()).result()
    assert result.scenario.queries is not None and result.scenario.queries > 100
    assert made["system"] == 1 and max(made.values()) == 1
