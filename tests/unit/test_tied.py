"""Tasks that are sent to several replicas at once, and start at one: by hand, against one queue, and refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import drawn, slow
from hypothesis import given
from test_hedging import SCENARIO, every_way, part, plan_of

from simulator import ScenarioError, capacity, estimate, scenario_from_dict, sensitivity, simulate, size, validate
from simulator.core.features import Feature, features_of
from simulator.core.plan import CANCEL_QUEUED, CANCEL_RUNNING, RANDOM
from simulator.core.trace import same_trace
from simulator.engines import compiled
from simulator.planner.plans import make_plan
from simulator.planning.knobs import knobs_of
from simulator.running.pilot import settled
from simulator.scenario import to_yaml
from simulator.testing import plans
from simulator.theory import busiest
from simulator.theory.queues import mmc_mean_wait


def tied(**more):
    """Two replicas in turn, 9 ns and 1 ns a task by machine: each task is sent to both, and told 2 ns after a start."""
    return part(**{"hedge_ns": 0, "cancel_ns": 2, **more})


def test_where_both_are_idle_both_start_and_the_first_answer_counts():
    trace = every_way(plan_of(tied()))
    tasks = trace.task_table
    assert (tasks.copy.tolist(), tasks.replica.tolist()) == ([0, 1], [0, 1])
    assert (tasks.start_ns.tolist(), tasks.answer_ns.tolist()) == ([0, 0], [9, 1])
    assert trace.completion_ns.tolist() == [1]
    assert (trace.hedged.tolist(), trace.late.tolist(), trace.withdrawn.tolist()) == ([0, 1], [1, 0], [0, 0])


def test_a_copy_that_waits_is_withdrawn_when_the_other_has_started():
    """Query 1 comes at 1: the fast replica starts it then, the slow one is busy until 9 and told at 3."""
    trace = every_way(plan_of(tied(), [0, 1]))
    tasks = trace.task_table
    its = tasks.query == 1
    assert (tasks.replica[its].tolist(), tasks.start_ns[its].tolist()) == ([1, 0], [1, -1])
    assert tasks.withdrawn_ns[its].tolist() == [-1, 3]
    assert (trace.withdrawn.tolist(), trace.busy_ns.tolist()) == ([1, 0], [9, 1 + 1])


@pytest.mark.parametrize(("what", "busy_ns", "stopped"), [(CANCEL_QUEUED, 18, 0), (CANCEL_RUNNING, 13, 1)])
def test_a_copy_that_starts_before_it_is_told_goes_on(what, busy_ns, stopped):
    """Told of the start at 1 + 11, of the answer at 2 + 11: it has started at 9, which only the second may stop."""
    trace = every_way(plan_of(tied(cancels=what, cancel_ns=11), [0, 1]))
    its = trace.task_table.query == 1
    assert trace.task_table.start_ns[its].tolist() == [1, 9]
    assert (trace.busy_ns.tolist(), trace.stopped.tolist()) == ([busy_ns, 2], [stopped, 0])


def test_second_copies_leave_behind_all_first_ones():
    """Two shards, 3 ns apart: tasks leave at 0 and 3, copies at 6 and 9; a lost replica has no copy, and no turn."""
    one = tied(share=[0.5, 0.5], send_ns=3, cancel_ns=20, knots=[(0.0, 90.0, 0.0)])
    tasks = every_way(plan_of(one, slow=1.0)).task_table
    assert sorted(zip(tasks.enqueue_ns.tolist(), tasks.copy.tolist(), tasks.shard.tolist(), strict=True)) == [
        (0, 0, 0),
        (3, 0, 1),
        (6, 1, 0),
        (9, 1, 1),
    ]
    lost = every_way(plan_of(dataclasses.replace(one, left=[1, 2]), slow=1.0)).task_table
    assert lost.enqueue_ns[lost.copy == 1].tolist() == [6]
    assert lost.shard[lost.copy == 1].tolist() == [1]


def test_a_copy_on_its_way_is_withdrawn():
    """The first starts at 0, the second would be there at 3, and is told at 2."""
    trace = every_way(plan_of(tied(send_ns=3), slow=1.0))
    assert trace.task_table.withdrawn_ns.tolist() == [-1, 2]
    assert trace.tasks.sum() == 1


@pytest.mark.parametrize("copies", [2, 3])
def test_tied_to_every_replica_they_are_one_queue(copies):
    """Services of 1000 ns, copies 2 ns apart, told in 1 ns: as with so many workers, but for some ns."""
    arrivals = 10 * np.unique(np.random.default_rng(copies).integers(0, 40_000 // copies, 400))
    cost = {"knots": [(0.0, 1000.0, 0.0)], "policy": RANDOM}
    one = tied(replicas=copies, hedges=copies - 1, send_ns=2, cancel_ns=1, **cost)
    several = every_way(plan_of(one, arrivals, slow=1.0))
    queue = every_way(plan_of(part(replicas=1, hedges=0, workers=copies, **cost), arrivals, slow=1.0))
    apart = several.completion_ns - queue.completion_ns
    assert ((apart >= 0) & (apart <= 2 * (copies - 1))).all()
    assert several.tasks.sum() == len(arrivals), "none is served twice"
    assert queue.critical_wait_ns.max() > 1000, "they queue"


@drawn(40)
@given(plans(hedges=False, gathers=False))
def test_where_every_shard_has_one_replica_left_nothing_changes(plan):
    """Of copies that nobody can take none is sent; the keys of the plan are wider."""
    two = [stage for stage in range(len(plan.stages)) if plan.stages[stage]["replicas"] == 2]
    stages, left = plan.stages.copy(), plan.left.copy()
    for stage in two:
        stages[stage]["by_query"], stages[stage]["uneven"] = 0, 1
        first = int(stages[stage]["first_shard"])
        left[first : first + int(stages[stage]["shards"])] = 1
    without = stages.copy()
    for stage in two:
        stages[stage]["hedges"], stages[stage]["hedge_ns"], stages[stage]["cancels"] = 1, 0, CANCEL_QUEUED
    for array in (stages, without, left):
        array.flags.writeable = False
    wide = {"left": left, "copy_bits": 1, "send_bits": plan.send_bits + 1}
    tied, alone = (dataclasses.replace(plan, stages=array, **wide) for array in (stages, without))
    assert not two or Feature.TIED in features_of(tied, two[0])
    assert same_trace(compiled.simulate(tied, tasks=True), compiled.simulate(alone, tasks=True)) == ""


def scenario(said=True, **more):
    stage = {**SCENARIO["stages"][0], "tied": said, **more}
    return scenario_from_dict({**SCENARIO, "stages": [stage]})


def test_true_is_two_and_false_is_not_said():
    assert [scenario(said).stages[0].tied for said in (True, 2, "2", False)] == [2, 2, 2, None]
    assert "tied: 2" in to_yaml(scenario().resolved())
    assert "tied" not in to_yaml(scenario(False).resolved())


def test_a_run_says_what_became_of_the_copies():
    result = simulate(scenario()).to_dict()
    said = result["stages"][0]["hedge"]
    assert (said["after_s"], said["copies_ratio"]["value"]) == (0.0, 1.0)
    assert said["withdrawn_ratio"]["value"] + said["late_ratio"]["value"] == pytest.approx(0.5)
    assert "hedge_wait_s" not in result["stages"][0]


@pytest.mark.parametrize("copies", [2, 4])
def test_one_queue_is_m_m_c(copies):
    """Each of c replicas gets a copy, 10 ns apart, and is told within 1 ns: M/M/c, from Erlang's C formula."""
    law = {"kind": "exponential", "mean": "10ms"}
    fleet = {"replicas": copies, "tied": copies, "network": {"send": "10ns"}, "cancel": {"delay": "1ns"}}
    stage = {"name": "one", "candidates": 1, "model": {"kind": "time", "law": law}, **fleet}
    rate = 0.7 * copies * 100
    load, run = {"arrivals": "poisson", "rate": f"{rate}/s"}, {"queries": 20_000, "replications": 8}
    given = scenario_from_dict({"name": "cos", "load": load, "run": run, "stages": [stage]})
    mean = simulate(given).to_dict()["latency_s"]["mean"]
    exact = 0.01 + mmc_mean_wait(rate, 0.01, copies)
    assert mean["low"] < exact < mean["high"]
    assert (mean["high"] - mean["low"]) / exact < 0.06


@slow
def test_every_command_knows_them():
    given = scenario()
    assert validate(given).tasks > 0
    assert estimate(given).to_dict()["predictions"] == []
    assert capacity(given, tolerance=0.2).per_s.value > 300
    assert size(given, search={"stages.leaf.replicas": [2, 3]}).fleets
    assert sensitivity(given, tail_only=True).effects
    assert "leaf: copies" in [knob.name for knob in knobs_of(scenario(replicas=3))]
    assert "leaf: copies" not in [knob.name for knob in knobs_of(given)]
    assert busiest(make_plan(given)) == pytest.approx(busiest(make_plan(scenario_from_dict(SCENARIO))))


def test_a_pilot_of_another_stage_does_without_them():
    one, two = {**SCENARIO["stages"][0], "tied": True}, {**SCENARIO["stages"][0], "name": "two", "hedge": "p95"}
    given = scenario_from_dict({**SCENARIO, "stages": [{**one, "keep": 100}, two]})
    assert settled(given).stages[1].hedge.after > 0
    assert settled(given).stages[0].tied == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"replicas": 1}, "have at least 2 replicas"),
        ({"said": 3}, "at most 2, got 3"),
        ({"said": 1}, "at least 2"),
        ({"said": 17, "replicas": 20}, "at most 16"),
        ({"said": "yes please"}, "tied"),
        ({"routing": {"by": "query"}}, "let routing be by task"),
        ({"hedge": "20ms"}, "give one of the two"),
        ({"cancel": "none"}, "say queued or running"),
    ],
)
def test_what_cannot_be_is_refused(more, said):
    with pytest.raises(ScenarioError, match=said):
        scenario(**more)
