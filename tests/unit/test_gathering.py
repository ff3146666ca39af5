"""Stages that do not wait for all of their answers: worked out by hand, on all three walks, and by a closed form."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from walk import Walk

from simulator import scenario_from_dict, simulate, size
from simulator.core.assemble import StageParts, assemble
from simulator.core.columns import COMPLETE, FAILED, PARTIAL
from simulator.core.laws import Law
from simulator.core.plan import CANCEL_QUEUED, CANCEL_RUNNING, NEVER_NS
from simulator.core.trace import same_trace
from simulator.engines import compiled, reference
from simulator.scenario.gather import Gather
from simulator.testing import plans

WALKS = {
    "reference": reference.simulate,
    "compiled": compiled.simulate,
    "lists": lambda plan, tasks: Walk(plan).trace(),
}


def parts(**more: object) -> StageParts:
    """Three shards, whose tasks take 1, 2 and 7 ns."""
    part = {"candidates": Law.constant(10.0), "share": [0.1, 0.2, 0.7], "knots": [(0.0, 0.0, 1.0)]}
    return StageParts(**{**part, **more})


#: What a stage waits for; when the queries of its arrivals close it, with how many answers, and what they are; and of
#: its replicas: busy, wasted and stopped time, tasks that were late, stopped, withdrawn.
ONCE, TWICE = [0], [0, 0]
CASES = {
    "the second answer closes it, the third is late": (
        *(parts(wait_for=2), ONCE, [2], [2], [COMPLETE]),
        ([1, 2, 7], [0, 0, 7], [0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]),
    ),
    "its time is up": (
        *(parts(timeout_ns=5), ONCE, [5], [2], [PARTIAL]),
        ([1, 2, 7], [0, 0, 7], [0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]),
    ),
    "an answer that comes in this instant counts": (
        *(parts(timeout_ns=2), ONCE, [2], [2], [PARTIAL]),
        ([1, 2, 7], [0, 0, 7], [0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]),
    ),
    "nothing has come": (
        *(parts(timeout_ns=5, request_ns=9), ONCE, [5], [0], [FAILED]),
        ([1, 2, 7], [1, 2, 7], [0, 0, 0], [1, 1, 1], [0, 0, 0], [0, 0, 0]),
    ),
    "it waits on for a tenth of the ten that are left": (
        *(parts(wait_for=1, timeout_ns=11, then=0.1), ONCE, [2], [2], [COMPLETE]),
        ([1, 2, 7], [0, 0, 7], [0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]),
    ),
    "it waits on for at least 1 ns": (
        *(parts(wait_for=1, timeout_ns=11, then=0.0), ONCE, [2], [2], [COMPLETE]),
        ([1, 2, 7], [0, 0, 7], [0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]),
    ),
    "it waits on, and all come": (
        *(parts(wait_for=1, timeout_ns=11, then=1.0), ONCE, [7], [3], [COMPLETE]),
        ([1, 2, 7], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]),
    ),
    "what runs is stopped; what ends as the withdrawal comes is late": (
        *(parts(wait_for=1, cancels=CANCEL_RUNNING, cancel_ns=1), ONCE, [1], [1], [COMPLETE]),
        ([1, 2, 2], [0, 2, 2], [0, 0, 2], [0, 1, 0], [0, 0, 1], [0, 0, 0]),
    ),
    "what waits never starts, what runs does not stop": (
        *(parts(wait_for=1, cancels=CANCEL_QUEUED, cancel_ns=1), TWICE, [1, 2], [1, 1], [COMPLETE, COMPLETE]),
        ([2, 4, 7], [0, 4, 7], [0, 0, 0], [0, 2, 1], [0, 0, 0], [0, 0, 1]),
    ),
    "what waits never starts, and the worker of what runs is free": (
        *(parts(wait_for=1, cancels=CANCEL_RUNNING, cancel_ns=1), TWICE, [1, 2], [1, 1], [COMPLETE, COMPLETE]),
        ([2, 3, 3], [0, 3, 3], [0, 1, 3], [0, 1, 0], [0, 1, 2], [0, 0, 0]),
    ),
    "a task that is withdrawn on its way is not enqueued": (
        *(parts(wait_for=1, cancels=CANCEL_QUEUED, cancel_ns=1, send_ns=3), ONCE, [1], [1], [COMPLETE]),
        ([1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 1]),
    ),
}


@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("case", CASES)
def test_a_stage_closes_as_it_is_worked_out_by_hand(case, walk):
    part, arrival_ns, close_ns, answers, outcome, counters = CASES[case]
    plan = assemble([part], np.array(arrival_ns))
    trace = WALKS[walk](plan, tasks=True)
    assert trace.close_ns[0].tolist() == close_ns
    assert trace.answers[0].tolist() == answers
    assert trace.stage_outcome[0].tolist() == trace.outcome.tolist() == outcome
    found = (trace.busy_ns, trace.wasted_ns, trace.stopped_ns, trace.late, trace.stopped, trace.withdrawn)
    assert tuple(column.tolist() for column in found) == counters
    assert list(trace.verify(plan)) == []


def test_what_is_not_covered_is_not_handed_on():
    """Ten candidates, of which the first two shards have three; the next stage keeps what they found."""
    plan = assemble([parts(wait_for=2, keep=9.0), StageParts(knots=[(0.0, 1.0, 0.0)])], np.zeros(1, dtype=np.int64))
    for walk in WALKS.values():
        trace = walk(plan, tasks=True)
        assert trace.coverage[:, 0].tolist() == [0.1 + 0.2, 1.0]
        assert trace.candidates[:, 0].tolist() == [10.0, 10.0 * (0.1 + 0.2)]


@given(plans(gathers=False, hedges=False, neighbours=False, slowdowns=False, failures=False, limits=False))
def test_whoever_waits_for_all_without_end_is_as_if_nothing_was_said(plan):
    """Neutral, event by event: a time-out that nobody reaches, and withdrawals of what is not there."""
    stages = np.array(plan.stages)
    stages["timeout_ns"], stages["cancels"], stages["cancel_ns"] = 2**54, CANCEL_RUNNING, 3
    stages.flags.writeable = False
    other = dataclasses.replace(plan, stages=stages, drain_ns=NEVER_NS)
    plan = dataclasses.replace(plan, drain_ns=NEVER_NS)
    for engine in (compiled, reference):
        one, two = engine.simulate(plan, tasks=True), engine.simulate(other, tasks=True)
        two = dataclasses.replace(two, stage_outcome=one.stage_outcome, answers=one.answers, coverage=one.coverage)
        assert same_trace(one, two) == ""


@given(
    plans(gathers=True, hedges=False, neighbours=False, slowdowns=False, failures=False, limits=False, deadlines=False),
    st.integers(1, 5),
)
def test_a_wait_for_fewer_answers_closes_no_first_stage_later(plan, fewer):
    """At equal luck, where nothing is withdrawn, so that queues do not depend on it."""
    stages = np.array(plan.stages)
    stages["cancels"], stages["then"], stages["mergers"], stages["policy"] = 0, -1.0, 0, 0
    sooner = stages.copy()
    sooner["wait_for"] = np.maximum(1, stages["wait_for"] - fewer)
    for rows in (stages, sooner):
        rows.flags.writeable = False
    one, two = (
        compiled.simulate(dataclasses.replace(plan, stages=rows, drain_ns=NEVER_NS)) for rows in (stages, sooner)
    )
    assert (two.close_ns[0] <= one.close_ns[0]).all()
    if len(one.coverage):
        assert (two.coverage[0] <= one.coverage[0] + 1e-12).all()


@pytest.mark.parametrize(
    ("rate", "timeout", "cancel"), [(0.8, 5.0, "running"), (0.8, 5.0, "queued"), (1.5, 3.0, "queued")]
)
def test_a_queue_that_is_left_after_a_time_fails_as_often_as_barrer_says(rate, timeout, cancel):
    """M/M/1, one shard; withdrawals take 1 ns. A false alarm of one of the three: once in 300 seeds."""
    scenario = scenario_from_dict(
        {
            "name": "deadline",
            "load": {"rate": f"{rate}/s"},
            "run": {"queries": 20_000, "replications": 8, "seed": 5},
            "stages": [
                {
                    "name": "one",
                    "model": {"kind": "time", "law": {"kind": "exponential", "mean": "1s"}},
                    "gather": {"timeout": f"{timeout}s"},
                    "cancel": {"what": cancel, "delay": "0s"},
                }
            ],
        }
    )
    spare = 1 - rate
    level = rate * math.exp(-spare * timeout)  # density of the wait at the time-out, over the chance of an empty system
    empty = 1 / (1 + rate * (1 - math.exp(-spare * timeout)) / spare + (level if cancel == "queued" else 0.0))
    gone = level * empty if cancel == "queued" else 0.0
    said = simulate(scenario).to_dict()
    failed, stage = said["failed_ratio"], said["stages"][0]["gather"]
    exact = level * empty / rate + gone
    width = failed["high"] - failed["low"]
    assert failed["low"] - width / 2 < exact < failed["high"] + width / 2
    assert stage["failed_ratio"]["value"] == pytest.approx(failed["value"])
    assert stage["withdrawn_ratio"]["value"] == pytest.approx(gone, abs=0.01)
    assert stage["coverage"]["value"] == pytest.approx(1 - failed["value"])


@pytest.mark.parametrize(("rate", "shards"), [(0.5, 1), (0.5, 4)])
def test_coverage_is_the_share_of_answers_in_time(rate, shards):
    """P(T < 5) of M/M/1, 1 - exp(-(1 - rate) 5), of every shard. A false alarm: once in 300 seeds."""
    model = {"kind": "time", "law": {"kind": "exponential", "mean": "1s"}}
    one = {"name": "one", "model": model, "shards": shards, "gather": {"timeout": "5s"}, "cancel": "none"}
    load, run = {"rate": f"{rate}/s"}, {"queries": 20_000, "replications": 8, "seed": 4}
    said = simulate(scenario_from_dict({"name": "in_time", "load": load, "run": run, "stages": [one]})).to_dict()
    exact, stage = 1 - math.exp(-(1 - rate) * 5), said["stages"][0]["gather"]
    width = stage["coverage"]["high"] - stage["coverage"]["low"]
    assert stage["coverage"]["low"] - width / 2 < exact < stage["coverage"]["high"] + width / 2
    assert stage["late_ratio"]["value"] == pytest.approx(1 - stage["coverage"]["value"], abs=1e-3)
    assert said["verdict"] == "stable"


def overloaded(**more):
    """One exponential server, asked for half as much again as it can do, that nobody waits 3 s for."""
    model = {"kind": "time", "law": {"kind": "exponential", "mean": "1s"}}
    one = {"name": "one", "model": model, "gather": {"timeout": "3s"}, "cancel": {"what": "running", "delay": "0s"}}
    run = {"queries": 5_000, "replications": 8, "seed": 2}
    return scenario_from_dict({"name": "over", "load": {"rate": "1.5/s"}, "run": run, "stages": [one], **more})


def test_whoever_is_not_waited_for_saturates_nothing():
    """Its queue is bounded, so the run is stable, and what is met is met for good."""
    said = simulate(overloaded(slos=["failed_ratio < 60%", "failed_ratio < 10%"])).to_dict()
    assert said["verdict"] == "stable"
    assert said["stages"][0]["demand"]["max"] == pytest.approx(1.5)
    assert [slo["met"] for slo in said["slos"]] == [True, False]
    assert said["failed_ratio"]["value"] == pytest.approx(0.3916, abs=0.02)
    found = size(overloaded(slos=["failed_ratio < 60%"]), search={"stages.one.replicas": [1]}, minimise="machines")
    assert found.to_dict()["answers"]


def test_mean_service_is_that_of_tasks_that_were_finished():
    """Constant services of 10 ms, stopped after 5: a shard of ten answers in 1 ms, the others never."""
    stage = {
        "name": "one",
        "candidates": 11,
        "shares": [1, 10],
        "model": {"kind": "linear", "per_item": "1ms"},
        "gather": {"wait_for": 1},
        "cancel": {"what": "running", "delay": "1ms"},
    }
    load, run = {"rate": "10/s", "arrivals": "constant"}, {"queries": 200, "replications": 4}
    said = simulate(scenario_from_dict({"name": "s", "load": load, "run": run, "stages": [stage]})).to_dict()
    [one] = said["stages"]
    assert one["service_s"]["value"] == pytest.approx(1e-3)
    assert one["gather"]["stopped_ratio"]["value"] == 0.5
    assert one["gather"]["wasted_ratio"]["value"] == pytest.approx(2 / 3)


def test_a_run_that_is_read_back_has_the_same_goodput(tmp_path, shardsim):
    """Outcomes are saved: a partial answer is no goodput there, either."""
    stage = {
        "name": "one",
        "candidates": 10,
        "shares": [1, 2, 7],
        "model": {"kind": "linear", "per_item": "1ms"},
        "gather": {"timeout": "9ms"},
        "variability": {"task": {"kind": "exponential"}},
    }
    scenario = {"name": "s", "load": {"rate": "10/s"}, "run": {"queries": 300, "replications": 4}, "stages": [stage]}
    (tmp_path / "s.yaml").write_text(json.dumps(scenario))
    assert shardsim("run", str(tmp_path / "s.yaml"), "-q", "-o", str(tmp_path / "one"))[0] == 0
    code, out, _ = shardsim("compare", str(tmp_path / "one"), str(tmp_path / "s.yaml"), "--format", "json")
    assert code == 0
    figures = [figure for figure in json.loads(out)["figures"] if figure["figure"].startswith("goodput")]
    assert figures and all(figure["a"] == figure["b"] < 10 for figure in figures)


@pytest.mark.parametrize(
    ("wait_for", "shards", "answers"),
    [
        ("all", 7, 7),
        ("99%", 1000, 990),
        ("99.9%", 1000, 999),
        ("50%", 3, 2),
        (995, 1000, 995),
        ("1%", 3, 1),
        ("29%", 100, 29),
    ],
)
def test_a_share_of_the_shards_is_rounded_up_exactly(wait_for, shards, answers):
    assert Gather.model_validate({"wait_for": wait_for}).answers(shards) == answers


def test_an_answer_that_is_partial_is_no_goodput():
    scenario = scenario_from_dict(
        {
            "name": "part",
            "load": {"rate": "10/s", "arrivals": "constant"},
            "run": {"queries": 200, "replications": 4},
            "stages": [
                {
                    "name": "one",
                    "candidates": 10,
                    "shares": [1, 2, 7],
                    "model": {"kind": "linear", "per_item": "1ms"},
                    "gather": {"timeout": "5ms"},
                }
            ],
            "slos": [
                "coverage.mean > 25%",
                "coverage.mean > 35%",
                "partial_ratio < 50%",
                "stage.one.coverage.mean > 25%",
            ],
        }
    )
    said = simulate(scenario).to_dict()
    assert said["completed_per_s"]["value"] == pytest.approx(10)
    assert (said["goodput_per_s"]["value"], said["failed_ratio"]["value"]) == (0.0, 0.0)
    assert said["gather"]["partial_ratio"]["value"] == 1.0
    assert said["gather"]["coverage"]["value"] == pytest.approx(0.3)
    assert [slo["met"] for slo in said["slos"]] == [True, False, False, True]
    assert said["latency_s"]["max"] == pytest.approx(5e-3)
