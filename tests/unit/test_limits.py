"""Queues that may be full: by hand, neutral where they never are, and what is said of those that are refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import drawn, slow
from hypothesis import given
from test_hedging import every_way, plan_of
from test_hedging import part as of_two

from simulator import ScenarioError, capacity, scenario_from_dict, sensitivity, simulate, validate
from simulator.core.assemble import StageParts, assemble
from simulator.core.columns import COMPLETE, FAILED, PARTIAL
from simulator.core.copy_states import DONE, REFUSED, WITHDRAWN
from simulator.core.features import Feature, features_of
from simulator.core.laws import Law
from simulator.core.plan import CANCEL_QUEUED, LEAST_OUTSTANDING, NEVER_NS
from simulator.core.trace import COLUMNS
from simulator.engines import compiled, reference
from simulator.planner.plans import Plans
from simulator.planning.knobs import knobs_of
from simulator.report.capacity import capacity_table
from simulator.running.memory import needed
from simulator.scenario import to_yaml
from simulator.testing import plans
from simulator.theory import certainly_busiest
from simulator.verification.table import rows


def one(arrival_ns, **more):
    """A server that takes 10 ns a task."""
    part = {"candidates": Law.constant(1.0), "knots": [(0.0, 10.0, 0.0)], **more}
    return assemble([StageParts(**part)], np.array(arrival_ns))


def refused_of(trace):
    return (trace.task_table.state == REFUSED).tolist()


def test_without_room_to_wait_whoever_finds_all_workers_busy_is_refused():
    trace = every_way(one([0, 5, 10, 12], limit=0))
    assert refused_of(trace) == [False, True, False, True], "at 10 the worker is free again"
    assert trace.outcome.tolist() == [COMPLETE, FAILED, COMPLETE, FAILED]
    assert (trace.refused.tolist(), trace.tasks.tolist()) == ([2], [2])
    assert trace.close_ns[0].tolist() == [10, 6, 20, 13], "a refusal takes 1 ns"
    assert trace.critical_shard[0].tolist() == [0, -1, 0, -1]


def test_those_that_wait_are_as_many_as_the_limit():
    trace = every_way(one([0, 1, 2, 3, 11], limit=2))
    assert refused_of(trace) == [False, False, False, True, False], "at 10 one of two has started"


def test_whom_free_workers_take_needs_no_place():
    """All come at once, before anybody starts: three workers and a place."""
    assert refused_of(every_way(one([0] * 6, workers=3, limit=1))) == [False] * 4 + [True] * 2


def test_a_free_worker_takes_a_batch():
    batching = {"max_size": 2, "max_wait_ns": 4}
    assert refused_of(every_way(one([0] * 4, limit=1, **batching))) == [False] * 3 + [True]


def test_a_worker_that_cleans_up_is_not_free():
    assert refused_of(every_way(one([0, 10, 12], limit=0, after=Law.constant(2.0)))) == [False, True, False]


def test_a_refusal_takes_as_long_as_an_answer_would():
    trace = every_way(one([0, 5], limit=0, response=Law.constant(7.0)))
    assert trace.close_ns[0].tolist() == [17, 12]


def test_a_stage_goes_on_without_those_that_refuse():
    """Two shards, 10 and 40 ns: the second query is refused by the slower one, and waits for the other."""
    shards = {"share": [0.2, 0.8], "candidates": Law.constant(50.0), "knots": [(0.0, 0.0, 1.0)]}
    trace = every_way(assemble([StageParts(limit=0, **shards)], np.array([0, 20])))
    assert trace.outcome.tolist() == [COMPLETE, PARTIAL]
    assert trace.coverage[0].tolist() == [1.0, 0.2]
    assert (trace.close_ns[0].tolist(), trace.critical_shard[0].tolist()) == ([40, 30], [1, 0])


def test_it_closes_when_nobody_else_can_answer():
    """The answer is there at 30, the refusal, of 15 ns, at 35: nobody knows before that none will come."""
    shards = {"share": [0.2, 0.8], "candidates": Law.constant(50.0), "knots": [(0.0, 0.0, 1.0)]}
    plan = assemble([StageParts(limit=0, response=Law.constant(15.0), **shards)], np.array([0, 18]))
    trace = every_way(plan)
    assert trace.close_ns[0].tolist() == [55, 43]
    assert trace.outcome.tolist() == [COMPLETE, PARTIAL]


def test_a_time_out_does_not_wait_for_refusals():
    trace = every_way(one([0, 5], limit=0, timeout_ns=3, response=Law.constant(7.0)))
    assert trace.close_ns[0].tolist() == [3, 8]
    assert trace.refused.tolist() == [1]


def test_who_was_refused_is_sent_no_copy():
    """Of two replicas in turn; the slow one is busy with the first query when the third comes."""
    plan = plan_of(of_two(limit=0, hedge_ns=2, cancels=CANCEL_QUEUED), [0, 1, 3])
    trace = every_way(plan)
    tasks = trace.task_table
    assert REFUSED in tasks.state.tolist()
    for query in np.unique(tasks.query[(tasks.state == REFUSED) & (tasks.copy == 0)]):
        assert (tasks.query == query).sum() == 1


def test_of_tied_copies_one_that_is_refused_leaves_the_others():
    plan = plan_of(of_two(limit=0, hedge_ns=0, cancel_ns=2), [0, 2])
    trace = every_way(plan)
    tasks = trace.task_table
    assert tasks.state[tasks.query == 1].tolist() == [DONE, REFUSED]
    assert trace.outcome.tolist() == [COMPLETE, COMPLETE]


def test_what_is_withdrawn_makes_room():
    gather = {"wait_for": 1, "cancels": CANCEL_QUEUED, "cancel_ns": 1}
    shards = {"share": [0.2, 0.8], "candidates": Law.constant(50.0), "knots": [(0.0, 0.0, 1.0)]}
    plan = assemble([StageParts(limit=1, **gather, **shards)], np.array([0, 1, 22, 23]))
    tasks = every_way(plan).task_table
    slow = tasks.shard == 1
    assert tasks.state[slow].tolist()[1] == WITHDRAWN
    assert tasks.state[slow].tolist()[2] != REFUSED, "its place is free at 21"


def test_a_replica_that_refuses_is_outstanding_until_that_is_known():
    part = {"replicas": 2, "policy": LEAST_OUTSTANDING, "limit": 0, "response": Law.constant(50.0)}
    trace = every_way(one([0, 0, 1, 2, 200], **part))
    assert trace.refused.sum() == 2
    assert trace.task_table.replica.tolist()[:2] in ([0, 1], [1, 0])


def test_a_refusal_later_than_the_end_is_not_known():
    plan = dataclasses.replace(one([0, 5], limit=0, response=Law.constant(70.0)), drain_ns=20)
    trace = every_way(plan)
    assert trace.close_ns[0].tolist() == [-1, -1]
    assert trace.refused.tolist() == [1]


@drawn(100)
@given(plans(limits=False, sharing=False))
def test_a_queue_that_is_never_full_changes_nothing(plan):
    stages = np.array(plan.stages)
    stages["limit"] = 10_000
    stages.flags.writeable = False
    roomy = dataclasses.replace(plan, stages=stages)
    assert Feature.LIMIT in features_of(roomy, 0)
    before, after = reference.simulate(plan, tasks=True), reference.simulate(roomy, tasks=True)
    of_stages = {"stage_outcome", "answers", "coverage"} if not len(before.coverage) else set()
    for name in set(COLUMNS) - of_stages:
        assert np.array_equal(getattr(before, name), getattr(after, name)), name


def scenario(limit=3, rate="8/s", **more):
    stage = {"name": "one", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "100ms"}}, **more}
    stage["queue"] = {"limit": limit}
    run = {"queries": 5000, "replications": 4}
    slos = ["p99 < 2s", "availability > 90%"]
    return scenario_from_dict({"name": "full", "load": {"rate": rate}, "run": run, "stages": [stage], "slos": slos})


def test_a_run_says_how_many_are_refused():
    """M/M/1 with room for four more: (1 - r) r^4 / (1 - r^5)."""
    said = simulate(scenario()).to_dict()
    gather = said["stages"][0]["gather"]
    exact = 0.2 * 0.8**4 / (1 - 0.8**5)
    assert gather["refused_ratio"]["low"] < exact < gather["refused_ratio"]["high"]
    assert gather["failed_ratio"] == gather["refused_ratio"]
    assert {slo["slo"]: slo["met"] for slo in said["slos"]} == {"p99 < 2s": False, "availability > 90%": False}


def test_beyond_saturation_it_is_stable():
    busy = scenario(rate="30/s")
    assert simulate(busy).to_dict()["verdict"] == "stable"
    assert validate(busy).to_dict()["is_bounded"]
    assert not validate(scenario_from_dict({**busy.resolved(), "stages": [without(busy)]})).to_dict()["is_bounded"]


def without(busy):
    (stage,) = busy.resolved()["stages"]
    return {key: value for key, value in stage.items() if key != "queue"}


@slow
def test_capacity_knows_who_is_refused():
    """M/M/1/4 loses a tenth at rho^4 (1 - rho) / (1 - rho^5) = .1, which is at .7346 by arithmetic."""
    found = capacity(scenario(), tolerance=0.02)
    rho = np.linspace(0.5, 1, 100_001)[:-1]
    lost = rho**4 * (1 - rho) / (1 - rho**5)
    at = 10 * rho[np.searchsorted(lost, 0.1)]
    answer = scenario_from_dict({**scenario().resolved(), "slos": ["availability > 90%"]})
    found = capacity(answer, tolerance=0.02).to_dict()["capacity_per_s"]
    assert found["low"] < at < found["high"]


def test_a_mean_over_all_is_not_known_where_some_have_no_answer():
    """No load is at the bound of the mean: the search ends where the first are refused, and says so."""
    answer = scenario_from_dict({**scenario(5, "5/s").resolved(), "slos": ["mean < 300ms"]})
    found = capacity(answer, tolerance=0.1).to_dict()
    assert (found["verdict"], found["capacity_per_s"]["value"]) == ("inconclusive", None)
    assert "some queries have no answer, so a mean over all is not known (mean < 300ms)" in found["reason"]
    assert "at its bound" not in capacity_table(found)


@pytest.mark.parametrize(
    ("shards", "slos", "is_said"),
    [
        (2, ["p99 < 2s"], True),
        (2, ["p99 < 2s", "coverage.mean > 90%"], False),
        (2, ["partial_ratio < 1%"], False),
        (2, [], False),
        (1, ["p99 < 2s"], False),
    ],
)
def test_a_note_says_that_partial_answers_count(shards, slos, is_said):
    """Else the cheapest fleet that meets p99 is the one that refuses most."""
    said = scenario_from_dict({**scenario(shards=shards).resolved(), "slos": slos}).notes()
    assert any("some shards refuse" in note for note in said) == is_said


def test_shards_refuse_as_often_as_one_would():
    """Of ten shards with two replicas each, by turns of luck, every replica is M/M/1/3: so are tasks and coverage."""
    (stage,) = scenario(2, "16/s", shards=10, replicas=2, routing="random").resolved()["stages"]
    run = {"queries": 40_000, "replications": 4}
    said = simulate(
        scenario_from_dict({"name": "x", "load": {"rate": "16/s"}, "run": run, "stages": [stage]})
    ).to_dict()
    gather, exact = said["stages"][0]["gather"], 0.2 * 0.8**3 / (1 - 0.8**4)
    assert gather["refused_ratio"]["low"] < exact < gather["refused_ratio"]["high"]
    assert gather["coverage"]["low"] < 1 - exact < gather["coverage"]["high"]


def test_mergers_are_asked_for_all_answers_and_are_sure_of_one():
    """Ten answers of 10 ms take the mergers all of their time at 10/s; if nine are refused, a tenth of it."""
    stage = {"name": "one", "shards": 10, "model": {"kind": "time", "law": "1ms"}, "queue": {"limit": 5}}
    stage["merge"] = {"per_response": "10ms", "workers": 1}
    run = {"queries": 2000, "replications": 4}
    busy = scenario_from_dict({"name": "m", "load": {"rate": "12/s"}, "run": run, "stages": [stage]})
    said = validate(busy).to_dict()
    assert (said["demand"], said["saturation_per_s"]) == (pytest.approx(1.2), pytest.approx(10))
    assert not said["is_bounded"], "their queue has no limit"
    (mergers,) = (stage["mergers"] for stage in simulate(busy).to_dict()["stages"])
    assert mergers["demand"] == pytest.approx(1.2)
    outline = Plans.of(busy).outline()
    assert certainly_busiest(outline) == 0, "whoever fails is not merged"


def test_its_knobs_turn_both_ways():
    names = {knob.name: knob.change for knob in knobs_of(scenario(20)) if "limit" in knob.name}
    assert names == {"one: queue limit up": "20 -> 22", "one: queue limit down": "20 -> 18"}
    rows_of = sensitivity(scenario(2), tail_only=True).to_dict()["knobs"]
    assert [row for row in rows_of if "queue limit" in row["knob"]]


@pytest.mark.parametrize(("queue", "said"), [({"limit": -1}, "limit"), ({"limit": 1.5}, "limit"), ("full", "queue")])
def test_what_cannot_be_is_refused(queue, said):
    (stage,) = scenario().resolved()["stages"]
    with pytest.raises(ScenarioError, match=said):
        scenario_from_dict({**scenario().resolved(), "stages": [{**stage, "queue": queue}]})


def test_what_is_written_is_read_again():
    assert "limit: 3" in to_yaml(scenario().resolved())


def test_memory_counts_what_is_kept_of_answers():
    limited, plain = scenario(), scenario_from_dict({**scenario().resolved(), "stages": [without(scenario())]})
    more, less = (needed(Plans.of(each), "compiled", 1, 4).bytes for each in (limited, plain))
    assert more > less


def test_the_exact_values_are_those_of_the_birth_and_death_chain():
    for row in rows():
        if row["family"] == "mmcK" and row["statistic"] == "prob_loss":
            given_of = dict(pair.split("=") for pair in row["parameters"].split(";"))
            load, workers, room = float(given_of["lam"]), int(given_of["c"]), int(given_of["K"])
            weights = np.cumprod([1.0, *(load / min(count, workers) for count in range(1, room + 1))])
            assert weights[-1] / weights.sum() == pytest.approx(float(row["value"]), rel=1e-9)


def test_engines_are_the_same_beyond_all_instants():
    """A refusal that int64 cannot tell is told, by both engines."""
    plan = one([0, 5], limit=0, response=Law.constant(float(2**59)))
    assert plan.arrival_ns[-1] < NEVER_NS
    for engine in (reference, compiled):
        assert engine.simulate(plan).refused.tolist() == [1]
