"""A machine that is gone: which replicas it takes with it, what the others then do, and what theory says of it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from conftest import drawn
from hypothesis import assume, given
from hypothesis import strategies as st

from simulator import ScenarioError, scenario_from_dict, simulate
from simulator.core.plan import LEAST_OUTSTANDING, ROUND_ROBIN, frozen
from simulator.engines import compiled, reference
from simulator.planner.machines import machine_factors
from simulator.planner.plans import make_plan
from simulator.stats.extract import extract
from simulator.testing import plans
from simulator.theory import busiest, estimate, relaxation, zero_load


def fleet(count=5, lost=None, replicas=3, per_machine=2, run=None, load=None, **stage):
    values = {
        "name": "one",
        "candidates": 100,
        "model": {"kind": "tree", "per_item": "1ms"},
        "shards": count,
        "replicas": replicas,
        "per_machine": per_machine,
        **stage,
    }
    if lost is not None:
        values["lost_machine"] = lost
    load = load or {"rate": "20/s"}
    return scenario_from_dict({"name": "fleet", "load": load, "run": run or {"queries": 200}, "stages": [values]})


def columns(table, row, shard):
    """What happened to the tasks of a shard; replicas counted from its own first one."""
    kept = [getattr(table, name)[:, shard] for name in ("worker", "enqueue_ns", "start_ns", "finish_ns", "answer_ns")]
    first = row["first_replica"] + shard * row["replicas"]
    sent = table.replica[:, shard] >= 0
    return np.stack([np.where(sent, table.replica[:, shard] - first, -1), *kept])


#: What shards that do not see one another do not have.
ALONE = ("fan_outs", "hedges", "gathers", "neighbours", "slowdowns", "failures", "outages", "limits", "optional")


@drawn(120)
@given(plans(most_stages=1, **dict.fromkeys(ALONE, False)), st.data())
def test_a_shard_with_fewer_replicas_does_what_it_does_where_all_have_as_many(plan, data):
    """Shards of a stage do not see one another, unless one index serves a whole query, or they share a budget."""
    row = plan.stages[0]
    shards, replicas = int(row["shards"]), int(row["replicas"])
    assume(replicas > 1 and not row["by_query"])
    counts = data.draw(st.lists(st.integers(1, replicas), min_size=shards, max_size=shards))

    def with_left(left, most=replicas):
        stages = np.array(plan.stages)
        stages["replicas"], stages["uneven"] = most, min(left) < most
        factors = frozen(plan.machine_factor.reshape(shards, replicas)[:, :most].ravel())
        return dataclasses.replace(plan, stages=frozen(stages), machine_factor=factors, left=frozen(np.array(left)))

    found = reference.simulate(with_left(counts), tasks=True).task_table.grid(plan)
    all_as_many = {count: with_left([count] * shards, count) for count in set(counts)}
    seen = {count: reference.simulate(one, tasks=True).task_table.grid(one) for count, one in all_as_many.items()}
    for shard, count in enumerate(counts):
        expected = columns(seen[count], all_as_many[count].stages[0], shard)
        assert np.array_equal(columns(found, row, shard), expected)


def test_a_machine_takes_one_replica_of_each_of_its_shards_with_it():
    left = {lost: make_plan(fleet(lost=lost)).left.tolist() for lost in range(9)}
    assert left == {lost: [[2, 2, 3, 3, 3], [3, 3, 2, 2, 3], [3, 3, 3, 3, 2]][lost % 3] for lost in range(9)}
    whole = make_plan(fleet())
    assert (whole.left.tolist(), whole.stages[0]["uneven"]) == ([3] * 5, 0)
    row = make_plan(fleet(lost=4, routing={"by": "query"}))
    assert (row.left.tolist(), row.stages[0]["uneven"]) == ([2] * 5, 1), "a row that lacks a machine serves no query"


def test_the_machines_that_are_left_keep_their_luck():
    variability = {"machine": {"kind": "lognormal", "cv": 0.2}}
    whole = machine_factors(fleet(variability=variability), 0).reshape(5, 3)
    lost = machine_factors(fleet(lost=4, variability=variability), 0).reshape(5, 3)  # row 1, shards 2 and 3
    assert np.array_equal(lost[[0, 1, 4]], whole[[0, 1, 4]])
    assert np.array_equal(lost[2:4, :2], whole[2:4][:, [0, 2]])


@pytest.mark.parametrize("policy", ["random", "round_robin", "least_outstanding", "least_work", "power_of_two"])
@pytest.mark.parametrize("by", ["task", "query"])
def test_no_task_goes_to_a_lost_machine_on_either_engine(policy, by):
    scenario = fleet(lost=4, routing={"policy": policy, "by": by})
    plan = make_plan(scenario)
    for trace in (reference.simulate(plan), compiled.simulate(plan)):
        tasks = trace.tasks.reshape(5, 3)
        gone = np.zeros((5, 3), dtype=bool)
        gone[2 : 4 if by == "task" else 5, -1] = True
        gone[:2, -1] |= by == "query"
        assert np.all(tasks[gone] == 0)
        assert np.all(tasks[~gone] > 0)
        assert np.all(tasks.sum(axis=1) == 200)


def test_one_shard_with_a_lost_replica_is_a_shard_with_one_less():
    """Against a scenario written without it: every figure but the number of machines."""
    lost = fleet(count=1, lost=2, replicas=3, per_machine=1, variability={"task": {"kind": "exponential"}})
    less = fleet(count=1, replicas=2, per_machine=1, variability={"task": {"kind": "exponential"}})
    found, expected = simulate(lost).to_dict(), simulate(less).to_dict()
    for document in (found, expected):
        for key in ("provenance", "fleet", "notes"):
            document.pop(key)
        for key in ("replicas", "fewest_replicas"):
            document["stages"][0].pop(key, None)
    assert found == expected


def test_utilisation_is_of_the_replicas_that_are_left():
    plan = make_plan(fleet(lost=4, load={"rate": "20/s"}))
    # 20 queries a second, of 20 ms at each of five shards, over three replicas or over two
    assert busiest(plan) == pytest.approx(20 * 0.02 / 2)
    paper = estimate(plan)
    expected = np.full((5, 3), 20 * 0.02 / 3)
    expected[2:4] = [0.2, 0.2, 0.0]
    assert paper.stages[0].utilisation == pytest.approx(expected)
    assert paper.stages[0].mean_utilisation == pytest.approx(5 * 0.4 / 13)
    assert paper.bottleneck[1] in (2, 3)
    aware = make_plan(fleet(lost=4, routing="least_outstanding"))
    assert estimate(aware).stages[0].utilisation == pytest.approx(expected)
    trace = compiled.simulate(plan)
    seen = simulate(fleet(lost=4, run={"queries": 200, "replications": 2})).to_dict()["stages"][0]["utilisation"]
    kept = [extract(make_plan(fleet(lost=4), r), compiled.simulate(make_plan(fleet(lost=4), r)), []) for r in (0, 1)]
    assert seen["mean"]["value"] == pytest.approx(
        sum(one.busy_s[0] for one in kept) / sum(one.window_s for one in kept), rel=1e-12
    )
    assert kept[0].busy_s[0] == pytest.approx(trace.busy_ns.sum() * 1e-9 / 13)


def test_the_relaxation_time_is_that_of_the_replicas_that_are_left():
    one = fleet(count=1, lost=2, replicas=3, per_machine=1)
    assert relaxation(make_plan(one)) == relaxation(make_plan(fleet(count=1, replicas=2, per_machine=1)))


def test_an_empty_system_has_only_the_machines_that_are_left():
    """One slow machine, lost: nobody is slow any more."""
    plan = make_plan(fleet(count=1, lost=2, replicas=3, per_machine=1))
    slow = dataclasses.replace(plan, machine_factor=frozen(np.array([1.0, 1.0, 5.0])))
    assert zero_load(slow).kind == "exact"
    assert zero_load(slow).mean_s == pytest.approx(0.1)


@pytest.mark.parametrize("workers", [1, 2])
def test_closed_forms_hold_with_a_machine_lost(workers):
    """M/M/1 or M/M/c at each replica, of two kinds of shards: worked out here, and held against a run."""
    law = {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}}
    stage = {"model": law, "candidates": 1, "workers": workers}
    rate = 120 * workers
    scenario = fleet(4, lost=3, load={"rate": f"{rate}/s"}, run={"queries": 20_000, "replications": 8}, **stage)
    found = [one for one in estimate(make_plan(scenario)).predictions if one.statistic == "wait"]
    waits = []
    for left in (3, 2):
        part, mu = rate / left, 100.0
        load = part / mu / workers
        if workers == 1:
            waits.append(load / (mu - part))
        else:  # Erlang C of two workers: 2 load^2 / (1 + load)
            waits.append(2 * load**2 / (1 + load) / (2 * mu - part))
    assert [one.value_s for one in found] == [pytest.approx((2 * waits[0] + 2 * waits[1]) / 4)]
    checks = [one for one in simulate(scenario).theory["checks"] if one["statistic"] == "wait"]
    assert [one["verdict"] for one in checks] == ["agrees"]


def test_mm1_of_the_replicas_that_are_left_is_exact():
    law = {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}}
    scenario = fleet(1, lost=0, replicas=2, load={"rate": "80/s"}, model=law, candidates=1)
    exact = {one.statistic: one.value_s for one in estimate(make_plan(scenario)).predictions if one.stage is None}
    assert exact["mean"] == pytest.approx(0.05)
    assert exact["p99"] == pytest.approx(math.log(100) / 20)


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"replicas": 1, "lost": 0}, "lost_machine: its shards have no other replica: have at least 2 replicas"),
        ({"lost": 9}, "lost_machine: there are 9 machines, counted from 0, got 9"),
        ({"lost": -1}, "lost_machine: must be at least 0, got -1"),
    ],
)
def test_a_loss_that_cannot_be_is_refused(stage, message):
    with pytest.raises(ScenarioError, match=message):
        fleet(**stage)


def test_the_output_says_what_is_lost():
    found = simulate(fleet(lost=4, run={"queries": 50})).to_dict()
    assert "one: machine 4 is lost, shards 2 to 3 have 2 of 3 replicas" in found["notes"]
    assert found["fleet"]["machines"] == 9, "it is paid for all the same"
    row = simulate(fleet(lost=8, run={"queries": 50}, routing={"by": "query"})).to_dict()
    said = "one: machine 8 is lost, shards 0 to 4 have 2 of 3 replicas: without it, its row serves no query"
    assert said in row["notes"]
    last = simulate(fleet(lost=8, run={"queries": 50})).to_dict()
    assert "one: machine 8 is lost, shard 4 has 2 of 3 replicas" in last["notes"]


def test_lockstep_survives_a_lost_row():
    """Constant work, one index a query: the shards are one class, with and without the row."""
    from simulator.engines.compiled.lockstep import in_lockstep

    plan = make_plan(fleet(lost=4, routing={"policy": "round_robin", "by": "query"}))
    assert plan.stages[0]["policy"] == ROUND_ROBIN
    smaller = in_lockstep(plan).plan
    assert (smaller.shards, smaller.left.tolist()) == (1, [2])
    mixed = make_plan(fleet(lost=4, routing="least_outstanding"))
    assert mixed.stages[0]["policy"] == LEAST_OUTSTANDING
    assert in_lockstep(mixed).plan.shards == 5
