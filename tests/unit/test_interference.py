"""Busy workers of a machine slow each other down: by hand, against plans without, luck, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from test_hedging import every_way

from simulator import ScenarioError, capacity, scenario_from_dict, sensitivity, simulate, size, validate
from simulator.core.assemble import StageParts, assemble
from simulator.core.features import Feature, features_of
from simulator.core.laws import Law
from simulator.core.trace import same_trace
from simulator.engines import compiled
from simulator.planner.plans import make_plan
from simulator.planning.knobs import knobs_of
from simulator.testing import plans
from simulator.theory import busiest


def part(**more):
    """Three shards of equal share, 100 ns a task; of each other that is busy a task takes half as long again."""
    return StageParts(
        **{
            "candidates": Law.constant(1.0),
            "share": [1 / 3] * 3,
            "knots": [(0.0, 100.0, 0.0)],
            "per_machine": 3,
            "busy": [1.0, 1.5, 2.0],
            **more,
        }
    )


def services(one, arrival_ns=(0,), **more):
    """Of each task by query and shard."""
    trace = every_way(assemble([one], np.array(arrival_ns), **more))
    tasks = trace.task_table
    order = np.lexsort((tasks.shard, tasks.query))
    return (tasks.finish_ns - tasks.start_ns)[order].tolist()


def test_who_starts_first_in_an_instant_is_beside_the_others_of_those_that_follow():
    assert services(part()) == [100, 150, 200]


def test_a_machine_holds_neighbouring_shards():
    """Of three shards the first two share a machine, the third has one of its own."""
    assert services(part(per_machine=2)) == [100, 150, 100]
    assert services(part(per_machine=1)) == [100, 100, 100]


def test_replicas_of_other_indices_are_elsewhere():
    """Two replicas in turn: the second query meets nobody on its own machines, the third meets the first."""
    one = part(replicas=2, by_query=True, policy=1, share=[1.0], busy=[1.0, 3.0], workers=2, per_machine=1)
    assert services(one, [0, 10, 20]) == [100, 100, 300]


def test_beyond_the_last_it_is_like_the_last():
    assert services(part(busy=[1.0, 1.5])) == [100, 150, 150]


def test_a_worker_that_is_busy_after_its_answer_is_busy():
    one = part(share=[1.0], workers=2, after=Law.constant(50.0), busy=[1.0, 2.0])
    assert services(one, [0, 100, 400]) == [100, 200, 100]
    assert services(one, [0, 150]) == [100, 100], "free at 150: its release comes first"


def test_a_batch_is_one_worker_that_is_busy():
    one = part(share=[1.0], workers=2, max_size=2, max_wait_ns=5, busy=[1.0, 2.0, 9.0])
    assert services(one, [0, 0, 50, 50]) == [100, 100, 200, 200]


def test_luck_beside_others_is_exponential_and_takes_half_at_most():
    """Of 20,000 queries two tasks each: the first is alone, the second is multiplied by 1 + .5 (E - 1)."""
    one = part(share=[0.5, 0.5], knots=[(0.0, 1e6, 0.0)], per_machine=2, busy=[1.0, 1.0], spread=0.8)
    plan = assemble([one], np.arange(20_000) * 10**8)
    tasks = compiled.simulate(plan, tasks=True).task_table
    took = (tasks.finish_ns - tasks.start_ns) / 1e6
    assert (took[tasks.shard == 0] == 1.0).all()
    beside = took[tasks.shard == 1]
    assert beside.min() == 0.5
    cut = 1 - 0.5 / 0.8  # E below it: 1 + .8 (E - 1) = .5
    expected = 0.5 * -np.expm1(-cut) + np.exp(-cut) * (0.5 + 0.8)
    assert beside.mean() == pytest.approx(expected, abs=0.02)
    assert np.mean(beside == 0.5) == pytest.approx(-np.expm1(-cut), abs=0.01)


@drawn(60)
@given(plans(neighbours=False, slowdowns=False, failures=False, sharing=False))
def test_neighbours_that_do_not_matter_change_nothing(plan):
    stages = plan.stages.copy()
    stages["busies"], stages["per_machine"] = 1, 2
    stages.flags.writeable = False
    factors = np.ones(1)
    factors.flags.writeable = False
    beside = dataclasses.replace(plan, stages=stages, busy_factor=factors)
    assert Feature.INTERFERENCE in features_of(beside, 0)
    assert same_trace(compiled.simulate(beside, tasks=True), compiled.simulate(plan, tasks=True)) == ""
    assert same_trace(compiled.simulate(beside), compiled.simulate(plan)) == "", "nor in lockstep"


STAGE = {
    "name": "leaf",
    "candidates": 1000,
    "shards": 8,
    "workers": 2,
    "per_machine": 4,
    "model": {"kind": "time", "law": {"kind": "exponential", "mean": "1ms"}},
}
SCENARIO = {
    "name": "leaf",
    "load": {"arrivals": "poisson", "rate": "600/s"},
    "run": {"queries": 2000, "replications": 4},
    "slos": ["p95 < 20ms"],
}


def scenario(interference=None, **more):
    stage = {**STAGE, **({} if interference is None else {"interference": interference}), **more}
    return scenario_from_dict({**SCENARIO, "stages": [stage]})


def test_a_slope_of_0_changes_no_figure():
    without, nothing = simulate(scenario()).to_dict(), simulate(scenario("0%")).to_dict()
    assert without["latency_s"] == nothing["latency_s"]
    assert without["stages"] == nothing["stages"]
    slower = simulate(scenario("5%")).to_dict()
    assert slower["latency_s"]["p95"]["low"] > without["latency_s"]["p95"]["high"]


def test_a_slope_a_curve_and_a_file_say_the_same(tmp_path):
    (tmp_path / "beside.csv").write_text("busy,factor\n0,1\n7,1.14\n")
    said = [
        "2%",
        {"slope": "2%"},
        {"busy": [0, 7], "factor": [1, 1.14]},
        {"busy": [0, 1, 7], "factor": [1, 1.02, 1.14]},
        {"file": str(tmp_path / "beside.csv")},
    ]
    factors = [make_plan(scenario(one)).busy_factor.tolist() for one in said]
    assert all(one == pytest.approx([1 + 0.02 * busy for busy in range(8)]) for one in factors)


def test_a_machine_is_as_full_as_its_shards_make_it():
    assert len(make_plan(scenario("1%", shards=3)).busy_factor) == 6
    assert make_plan(scenario({"busy": [0, 3], "factor": [1, 1.3]})).busy_factor.tolist() == pytest.approx(
        [1.0, 1.1, 1.2, 1.3]
    )


def test_demand_leaves_it_out_and_a_note_says_so():
    assert busiest(make_plan(scenario("5%"))) == pytest.approx(busiest(make_plan(scenario())))
    notes = simulate(scenario("5%")).to_dict()["notes"]
    assert any("with all workers of a machine busy a task takes 35% longer" in note for note in notes)


def test_every_command_knows_it():
    given = scenario({"slope": "2%", "spread": "2%"})
    assert validate(given).tasks > 0
    assert capacity(given, tolerance=0.2).per_s.value < capacity(scenario(), tolerance=0.2).per_s.value
    assert size(given, search={"stages.leaf.replicas": [1, 2]}).fleets
    assert sensitivity(given, tail_only=True).effects
    assert "leaf: interference" in [knob.name for knob in knobs_of(given)]


@pytest.mark.parametrize(
    ("interference", "said"),
    [
        ({}, "give one of slope, busy with factor, and file"),
        ({"slope": "1%", "busy": [0, 1], "factor": [1, 2]}, "give one of slope"),
        ({"busy": [0, 1]}, "factor is missing"),
        ({"factor": [1]}, "busy is missing"),
        ({"busy": [0, 1], "factor": [1]}, "one for each of busy, 2, got 1"),
        ({"busy": [1, 2], "factor": [1, 2]}, "begins with 0 busy workers and the factor 1"),
        ({"busy": [0, 2], "factor": [2, 2]}, "begins with 0 busy workers and the factor 1"),
        ({"busy": [0, 2, 2], "factor": [1, 2, 3]}, "busy grows: 2 follows 2"),
        ({"busy": [0, 2], "factor": [1, 0.5]}, "factor does not fall: 0.5 follows 1"),
        ({"slope": "1%", "spread": "-1%"}, "spread"),
        ("fast", "interference"),
        ({"file": "none.csv"}, "none.csv"),
    ],
)
def test_what_cannot_be_is_refused(interference, said):
    with pytest.raises(ScenarioError, match=said):
        scenario(interference)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("busy,factor\n", "the file is empty"),
        ("busy,factor,more\n0,1,1\n", "3 columns"),
        ("0,1\n1.5,2\n", "no whole number"),
        ("1,1\n", "begins with 0"),
    ],
)
def test_a_file_that_is_no_curve_is_refused(rows, said, tmp_path):
    (tmp_path / "beside.csv").write_text(rows)
    with pytest.raises(ScenarioError, match=said):
        scenario({"file": str(tmp_path / "beside.csv")})
