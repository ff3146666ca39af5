"""Shards with replicas of their own number: how they are written, which machines there are, what theory says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conftest import drawn, slow
from hypothesis import given
from hypothesis import strategies as st

from simulator import (
    ScenarioError,
    capacity,
    scenario_from_dict,
    scenario_from_text,
    sensitivity,
    simulate,
    size,
    sweep,
)
from simulator.core.plan import LEAST_OUTSTANDING, ROUND_ROBIN
from simulator.core.trace import same_trace
from simulator.engines import compiled, reference
from simulator.engines.compiled.lockstep import in_lockstep
from simulator.planner.fleet import fleet
from simulator.planner.plans import make_plan
from simulator.planning.knobs import knobs_of
from simulator.report.answers import text_of
from simulator.scenario import to_yaml
from simulator.scenario.machines import heaviest_machine
from simulator.theory import estimate
from simulator.theory.queues import mmc_mean_wait

HOT = {"default": 1, "hot": {"shards": [0, 1], "replicas": 3}}


def leaves(replicas, *, load="20/s", run=None, **stage):
    values = {
        "name": "leaves",
        "candidates": 100,
        "shards": 5,
        "model": {"kind": "linear", "per_item": "1ms"},
        "replicas": replicas,
        **stage,
    }
    run = run or {"queries": 200, "replications": 4}
    return scenario_from_dict({"name": "hot", "load": {"rate": load}, "run": run, "stages": [values]})


@pytest.mark.parametrize(
    ("said", "counts", "again"),
    [
        (3, [3] * 5, 3),
        ({"default": 2}, [2] * 5, 2),
        (HOT, [3, 3, 1, 1, 1], HOT),
        ({"hot": {"shards": "1..3", "replicas": 2}}, [1, 2, 2, 2, 1], None),
        ({"hot": [{"shards": [4], "replicas": 2}, {"shards": [0], "replicas": 5}]}, [5, 1, 1, 1, 2], None),
        ({"default": 4, "hot": {"shards": [2], "replicas": 1}}, [4, 4, 1, 4, 4], None),
        ({"default": 9, "hot": {"shards": "0..4", "replicas": 2}}, [2] * 5, None),
    ],
)
def test_each_shard_has_as_many_as_is_said(said, counts, again):
    scenario = leaves(said)
    assert scenario.stages[0].replica_counts == counts
    plan = make_plan(scenario)
    assert plan.left.tolist() == counts
    assert plan.stages[0]["replicas"] == max(counts)
    assert plan.stages[0]["uneven"] == (min(counts) < max(counts))
    resolved = scenario.resolved()
    if again is not None:
        assert resolved["stages"][0]["replicas"] == again
    assert scenario_from_text(to_yaml(resolved)).sha256() == scenario.sha256()


@pytest.mark.parametrize(
    ("said", "where", "message"),
    [
        ({"default": 0}, "replicas.default", "must be at least 1, got 0"),
        ({"hot": {"shards": [5], "replicas": 2}}, "replicas.hot.shards", "there are 5 shards, counted from 0, got 5"),
        (
            {"hot": {"shards": "3..9", "replicas": 2}},
            "replicas.hot.shards",
            "there are 5 shards, counted from 0, got 9",
        ),
        ({"hot": {"shards": [1, 1], "replicas": 2}}, "replicas.hot.shards", "shard 1 is named twice"),
        ({"hot": {"shards": "3..1", "replicas": 2}}, "replicas.hot.shards", "a span goes up, got '3..1'"),
        ({"hot": {"shards": [], "replicas": 2}}, "replicas.hot.shards", "shards are a list of their numbers, from 0"),
        ({"hot": {"shards": 1, "replicas": 2}}, "replicas.hot.shards", "shards are a list of their numbers, from 0"),
        ({"hot": {"shards": ["x"], "replicas": 2}}, "replicas.hot.shards", "'x' is not a count"),
        ({"hot": {"shards": [-1], "replicas": 2}}, "replicas.hot.shards", "must be at least 0, got -1"),
        ({"hot": {"shards": "0..99999999", "replicas": 2}}, "replicas.hot.shards", "must be below 16,777,216"),
        ({"hot": {"shards": [1], "replicas": 0}}, "replicas.hot.replicas", "must be at least 1, got 0"),
        ({"hot": {"shards": [1]}}, "replicas.hot.replicas", "is missing"),
        ({"hot": {"shard": [1], "replicas": 2}}, "replicas.hot.shard", "unknown key; did you mean 'shards'?"),
        ({"cold": 1}, "replicas.cold", "unknown key"),
        (
            {"hot": [{"shards": [1], "replicas": 2}, {"shards": "0..1", "replicas": 3}]},
            "replicas.hot[1].shards",
            "shard 1 is named twice",
        ),
        ("many", "replicas", "'many' is not a count"),
    ],
)
def test_what_is_wrong_is_refused_at_its_place(said, where, message):
    with pytest.raises(ScenarioError) as refused:
        leaves(said)
    [problem, *_] = refused.value.problems
    assert (problem.path, message in problem.message) == (f"stages[0].{where}", True), problem


@pytest.mark.parametrize(
    ("stage", "where", "message"),
    [
        ({"routing": {"by": "query"}}, "replicas", "one replica index serves a whole query: give all shards as many"),
        ({"lost_machine": 7}, "lost_machine", "there is no machine 7: its shards have fewer replicas"),
        ({"lost_machine": 15}, "lost_machine", "there are 9 machines, counted from 0, got 15"),
        ({"lost_machine": 4}, "lost_machine", "its shards have no other replica: have at least 2 replicas"),
        (
            {"outages": [{"machine": 8, "from": "0s", "until": "1s"}]},
            "outages[0].machine",
            "there is no machine 8: its shards have fewer replicas",
        ),
        ({"hedge": {"after": "5ms", "copies": 3}}, "hedge.copies", ""),
    ],
)
def test_what_it_contradicts_is_told(stage, where, message):
    with pytest.raises(ScenarioError) as refused:
        leaves(HOT, **stage)
    assert [problem.path for problem in refused.value.problems] == [f"stages[0].{where}"]
    assert message in refused.value.problems[0].message


def test_a_machine_is_there_if_a_shard_of_it_has_that_replica():
    """Five shards, two a machine: the first two have three replicas, the fourth has two."""
    said = {"hot": [{"shards": [0, 1], "replicas": 3}, {"shards": [3], "replicas": 2}]}
    [stage] = leaves(said, per_machine=2).stages
    assert (stage.machine_places, stage.missing_machines, stage.machines) == (9, [5, 7, 8], 6)
    priced = {"gpu": {"price": "2 USD/h", "cores": 8}}
    values = {"name": "p", "load": {"rate": "1/s"}, "hardware": priced, "stages": [stage_of(said)]}
    [of_stage] = fleet(scenario_from_dict(values)).stages
    assert (of_stage.machines, of_stage.usd_per_h) == (6, 12)
    assert make_plan(leaves(said, per_machine=2, lost_machine=4)).left.tolist() == [3, 3, 1, 1, 1], "shard 2 has none"


def stage_of(said):
    model = {"kind": "linear", "per_item": "1ms"}
    return {"name": "a", "candidates": 10, "shards": 5, "per_machine": 2, "hardware": "gpu"} | {
        "replicas": said,
        "model": model,
    }


def test_the_machine_whose_loss_is_worst_leaves_the_others_most_to_do():
    """Equal shares: half of two replicas is more than a third of three."""
    [stage] = leaves({"default": 2, "hot": {"shards": [0, 1], "replicas": 3}}).stages
    assert divmod(heaviest_machine(stage), 5) == (1, 4)
    [stage] = leaves({"default": 2, "hot": {"shards": [0, 1], "replicas": 3}}, shares=[6, 1, 1, 1, 1]).stages
    assert divmod(heaviest_machine(stage), 5) == (2, 0)


NUMBERS = st.integers(1, 3)


@drawn(40)
@given(NUMBERS, st.sampled_from(["random", "round_robin", "least_outstanding", "power_of_two"]), st.booleans())
def test_all_as_many_by_name_is_a_number(count, policy, is_tied):
    """Every column of the Trace and every figure, whoever says it."""
    more = {"tied": 2} if is_tied and count > 1 else {}
    task = {"variability": {"task": {"kind": "exponential"}}}
    plain, named = (
        leaves(said, routing=policy, run={"queries": 60, "replications": 4}, **task, **more)
        for said in (count, {"default": 7, "hot": {"shards": "0..4", "replicas": count}})
    )
    assert same_trace(compiled.simulate(make_plan(plain)), compiled.simulate(make_plan(named))) == ""
    found, expected = simulate(named).to_dict(), simulate(plain).to_dict()
    assert found.pop("provenance")["scenario_sha256"] != expected.pop("provenance")["scenario_sha256"]
    assert found == expected


@pytest.mark.parametrize("policy", ["random", "round_robin", "least_outstanding", "least_work", "power_of_two"])
def test_no_task_goes_to_a_replica_that_its_shard_does_not_have(policy):
    plan = make_plan(leaves(HOT, routing=policy, variability={"task": {"kind": "exponential"}}))
    traces = [reference.simulate(plan, tasks=True), compiled.simulate(plan, tasks=True)]
    traces.append(compiled.simulate(plan, tasks=True, event_by_event=[0]))
    for trace in traces:
        tasks = trace.tasks.reshape(5, 3)
        assert (tasks[2:, 1:] == 0).all() and (tasks[:2] > 0).all() and (tasks.sum(axis=1) == 200).all()
        assert same_trace(trace, traces[0]) == ""


def test_utilisation_demand_and_saturation_are_of_the_replicas_that_there_are():
    """Equal shares, 20 ms a task, 20/s: .4 of one replica, .4 / 3 of each of three."""
    scenario = leaves(HOT)
    paper = estimate(make_plan(scenario))
    assert paper.stages[0].utilisation.sum(axis=1) == pytest.approx([0.4] * 5)
    assert (paper.saturation_per_s, paper.bottleneck.shard) == (pytest.approx(50), 2)
    document = simulate(scenario).to_dict()
    [stage] = document["stages"]
    assert (stage["replicas"], stage["fewest_replicas"], stage["replicas_left"]) == (3, 1, 9)
    assert stage["utilisation"]["mean"]["value"] == pytest.approx(0.4 * 5 / 9, rel=0.1)
    assert document["fleet"]["machines"] == 9
    assert "5 x 1..3 x 1" in text_of(simulate(scenario), "table", None, False)
    skewed = leaves({"default": 1, "hot": {"shards": [0], "replicas": 4}}, shares=[4, 1, 1, 1, 1])
    paper = estimate(make_plan(skewed))
    assert paper.stages[0].utilisation[:, 0] == pytest.approx([0.25 * 20 * 0.05, *[0.25] * 4][:1] + [0.25] * 4)


@pytest.mark.parametrize("workers", [1, 2])
def test_waits_are_those_of_theory_at_every_shard(workers):
    """Exponential services, at random: each replica of a hot shard is M/M/c at its part of the queries."""
    run, rate = {"queries": 20_000, "replications": 8}, 30.0 * workers
    task = {"task": {"kind": "exponential"}}
    scenario = leaves(HOT, load=f"{rate}/s", run=run, workers=workers, variability=task)
    each = [mmc_mean_wait(rate / count, 0.02, workers) for count in (3, 3, 1, 1, 1)]
    if workers == 1:
        assert each == pytest.approx([0.02 * busy / (1 - busy) for busy in (0.2, 0.2, 0.6, 0.6, 0.6)])
    expected = math.fsum(each) / 5
    [law] = [one for one in estimate(make_plan(scenario)).predictions if one.statistic == "wait"]
    assert (law.kind, law.value_s) == ("exact", pytest.approx(expected))
    wait = simulate(scenario).to_dict()["stages"][0]["wait_s"]
    assert wait["low"] <= expected <= wait["high"]


def test_equal_shards_with_as_many_replicas_are_one():
    plan = make_plan(leaves({"hot": {"shards": [1, 3], "replicas": 2}}, routing="round_robin"))
    assert plan.stages[0]["policy"] == ROUND_ROBIN
    smaller = in_lockstep(plan).plan
    assert smaller.left.tolist() == [1, 2, 1, 2, 1], "whose turn it is goes with the shard"
    assert make_plan(leaves(HOT, routing="least_outstanding")).stages[0]["policy"] == LEAST_OUTSTANDING


def test_a_shard_with_one_replica_sends_no_copies():
    scenario = leaves(HOT, hedge="5ms", variability={"task": {"kind": "exponential"}})
    assert scenario.notes() == ["leaves: 3 of 5 shards have one replica, and send no copies"]
    plan = make_plan(scenario)
    trace = compiled.simulate(plan, tasks=True)
    assert same_trace(trace, reference.simulate(plan, tasks=True)) == ""
    copies = trace.task_table.shard[trace.task_table.copy > 0]
    assert set(copies.tolist()) == {0, 1}


def test_outages_are_told_of_the_shard_that_has_least_left():
    """A zone of two: it takes two replicas of three, and of a shard that has one the only one."""
    zone = {"zones": 2, "outages": [{"zone": 0, "from": "100ms", "until": "200ms"}]}
    [note] = leaves({"default": 3}, **zone, run={"duration": "5s", "replications": 4}).notes()
    assert "outages: 2 of 3 replicas of a shard are out at once" in note
    [note] = leaves(HOT, **zone, run={"duration": "5s", "replications": 4}).notes()
    assert "outages: at 100 ms no replica of a shard is there" in note
    machine = {"outages": [{"machine": 5, "from": "100ms", "until": "200ms"}]}
    [note] = leaves(HOT, **machine, run={"duration": "5s", "replications": 4}).notes()
    assert "outages: 1 of 3 replicas of a shard is out at once" in note


def test_each_number_is_a_knob():
    said = {"default": 2, "hot": [{"shards": [0], "replicas": 4}, {"shards": "1..3", "replicas": 3}]}
    turned = {knob.name: (knob.change, dict(knob.sets)) for knob in knobs_of(leaves(said))}
    assert turned["leaves: replicas"] == ("2 -> 3", {"stages.leaves.replicas.default": 3})
    assert turned["leaves: replicas of shard 0"] == ("4 -> 5", {"stages.leaves.replicas.hot[0].replicas": 5})
    assert turned["leaves: replicas of shards 1..3"] == ("3 -> 4", {"stages.leaves.replicas.hot[1].replicas": 4})
    found = sensitivity(leaves(HOT, shares=[5, 5, 1, 1, 1]), slos=["p90 < 1s"], tail_only=True).to_dict()
    names = [knob["knob"] for knob in found["knobs"]]
    assert "leaves: replicas of shards 0, 1" in names and "leaves: replicas" in names


@slow
def test_a_sweep_a_capacity_and_a_size_take_its_path():
    path, run = "stages.leaves.replicas.hot.replicas", {"queries": 2000, "replications": 4}
    scenario = leaves(HOT, shares=[5, 1, 1, 1, 1], run=run)
    rows = sweep(scenario, {path: [1, 2]}).to_dict()["points"]
    assert [row[path] for row in rows] == [1, 2]
    carried = [capacity(leaves(said, shares=[5, 1, 1, 1, 1]), slos=["stage.leaves.hottest < 50%"]) for said in (1, HOT)]
    assert carried[0].to_dict()["capacity_per_s"]["value"] < carried[1].to_dict()["capacity_per_s"]["value"]
    found = size(scenario, slos=["stage.leaves.hottest < 50%"], search={path: [1, 2, 3, 4]}, top=1).to_dict()
    assert [fleet["values"] for fleet in found["answers"]] == [{path: 3}]
    spared = size(scenario, slos=["stage.leaves.hottest < 90%"], search={path: [3]}, survive=1, top=1).to_dict()
    assert not spared["answers"] and "no replica to spare" in str(spared)


@drawn(30)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=7), st.integers(1, 3))
def test_machines_are_counted_as_they_stand(counts, per_machine):
    groups = [{"shards": [shard], "replicas": count} for shard, count in enumerate(counts)]
    [stage] = leaves({"hot": groups}, shards=len(counts), per_machine=per_machine).stages
    rows = -(-len(counts) // per_machine)
    there = {replica * rows + shard // per_machine for shard, count in enumerate(counts) for replica in range(count)}
    assert stage.machines == len(there)
    assert set(range(stage.machine_places)) - there == set(stage.missing_machines)
    assert np.array_equal(make_plan(leaves({"hot": groups}, shards=len(counts))).left, counts)
