"""Stages of which a query visits some shards: which, how many, what is waited for, scored and handed on."""

import math
from dataclasses import replace

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from hypothesis import strategies as st
from walk import Walk

from simulator import ScenarioError, scenario_from_dict, simulate, validate
from simulator.core.assemble import StageParts, assemble
from simulator.core.columns import COMPLETE, PARTIAL
from simulator.core.fan_out import least_of, visited_shards
from simulator.core.features import Feature, features_of, may_look_ahead
from simulator.core.gathering import coverage_of
from simulator.core.laws import Law
from simulator.core.stage_view import StageView
from simulator.core.trace import same_trace
from simulator.engines import compiled, reference
from simulator.planner.plans import Plans, make_plan
from simulator.running import memory
from simulator.running.engine_check import check_engines
from simulator.theory import certainly_busiest, estimate, has_drawn_machines
from simulator.theory.visits import chances, mean_visits

TABLE = ("query", "shard", "enqueue_ns", "start_ns", "finish_ns", "answer_ns", "state")
SHARE = [0.2, 0.3, 0.5]


def plan_of(queries=40, gap=9, *, seed=2, then=(), **parts):
    """A stage of three shards of 1 + items ns, and what follows."""
    part = StageParts(
        **{"candidates": Law.constant(10.0), "share": SHARE, "knots": [(0.0, 1.0, 1.0)], "keep": 8.0, **parts}
    )
    return assemble([part, *then], np.arange(queries) * gap, seed=seed)


def walked(plan):
    """The trace, the same on every walk."""
    trace = reference.simulate(plan, tasks=True)
    assert list(trace.verify(plan)) == []
    for way in ((), range(len(plan.stages))):
        assert same_trace(compiled.simulate(plan, tasks=True, event_by_event=way), trace) == ""
    assert same_trace(Walk(plan).trace(), trace) == ""
    return trace


@drawn(200)
@given(st.lists(st.sampled_from([0.1, 0.2, 0.2, 0.5, 0.9]) | st.floats(0, 1), min_size=1, max_size=30), st.data())
def test_the_least_of_some_values_is_that_of_the_sorted_ones(values, data):
    rank = data.draw(st.integers(1, len(values)))
    assert least_of(np.array(values), len(values), rank) == sorted(values)[rank - 1]


def test_a_query_visits_as_many_shards_as_it_says_and_all_of_them_alike():
    plan = plan_of(4000, visits=Law.constant(2.0))
    found = [tuple(visited_shards(plan, 0, query)[0]) for query in range(plan.queries)]
    pairs = {(0, 1): 0.5, (0, 2): 0.7, (1, 2): 0.8}
    assert set(found) == set(pairs)
    for pair, share in pairs.items():
        assert abs(found.count(pair) / 4000 - 1 / 3) < 4 * math.sqrt(2 / 9 / 4000)
        assert visited_shards(plan, 0, found.index(pair))[1] == pytest.approx(share)


def test_a_law_of_counts_is_rounded_and_cut_at_one_and_at_all():
    plan = plan_of(3000, visits=Law.uniform(0.0, 5.0))  # below 1.5: 1; above 2.5: 3
    counts = [len(visited_shards(plan, 0, query)[0]) for query in range(plan.queries)]
    for count, chance in ((1, 0.3), (2, 0.2), (3, 0.5)):
        assert abs(counts.count(count) / 3000 - chance) < 4 * math.sqrt(chance * (1 - chance) / 3000)
    assert mean_visits(StageView(plan, 0)) == pytest.approx(2.2)
    assert chances(StageView(plan, 0)) == pytest.approx(2.2 / 3)


def test_all_queries_of_a_key_visit_the_same_shards():
    plan = plan_of(400, visits=Law.constant(1.0), key=Law.uniform(0.0, 4.0))
    found = np.array([visited_shards(plan, 0, query)[0][0] for query in range(400)])
    counted = np.bincount(found, minlength=3) / 400
    exact = chances(StageView(plan, 0))
    assert exact.sum() == pytest.approx(1) and set(np.round(4 * exact)) <= {0, 1, 2, 3, 4}
    assert np.abs(counted - exact).max() < 4 * math.sqrt(0.25 / 400)
    other = chances(StageView(replace(plan, seed=5), 0))
    assert not np.array_equal(exact, other), "another seed, other shards"


def test_how_often_a_shard_is_visited_by_keys_is_what_is_counted():
    plan = plan_of(20_000, gap=1, share=[1 / 20] * 20, visits=Law.uniform(0.5, 5.5), key=Law.uniform(0.0, 100.0))
    trace = compiled.simulate(plan)
    exact = chances(StageView(plan, 0))
    assert np.abs(trace.tasks / 20_000 - exact).max() < 5 * math.sqrt(0.25 / 20_000)
    assert np.ptp(exact) > 0.05, "some shards are hot"
    assert exact.sum() == pytest.approx(3)


@pytest.mark.parametrize("more", [{}, {"send_ns": 2}, {"replicas": 2, "workers": 2}, {"hashed": True}, {"mergers": 1}])
def test_what_is_scored_and_handed_on_is_what_lies_on_the_visited_shards(more):
    last = StageParts(share=[0.5, 0.5], knots=[(0.0, 0.0, 1.0)])
    plan = plan_of(visits=Law.constant(2.0), merge_per_response_ns=1, then=[last], **more)
    trace = walked(plan)
    for query in range(plan.queries):
        shards, share = visited_shards(plan, 0, query)
        mine = trace.task_table.query == query
        here = mine & (trace.task_table.stage == 0)
        assert trace.task_table.shard[here].tolist() == shards.tolist()
        sent = trace.enter_ns[0][query] + np.arange(2) * more.get("send_ns", 0)
        assert trace.task_table.enqueue_ns[here].tolist() == sent.tolist()
        assert trace.candidates[0][query] == 10 * share
        assert trace.candidates[1][query] == min(8.0, 10 * share)
        assert trace.answers[0][query] == 2 and trace.coverage[0][query] == 1.0
        if not more.get("mergers"):
            assert trace.leave_ns[0][query] - trace.close_ns[0][query] == 2, "two answers are merged"
    assert (trace.outcome == COMPLETE).all()


def test_parts_of_the_visited_shards_are_waited_for_and_rounded_up():
    plan = plan_of(visits=Law.uniform(0.5, 3.5), wait_for=1, wait_parts=2, gap=30)
    trace = walked(plan)
    counts = np.array([len(visited_shards(plan, 0, query)[0]) for query in range(plan.queries)])
    assert set(counts) == {1, 2, 3}
    assert trace.answers[0].tolist() == (-(-counts // 2)).tolist()
    number = plan_of(visits=Law.uniform(0.5, 3.5), wait_for=2, gap=30)
    assert walked(number).answers[0].tolist() == np.minimum(counts, 2).tolist()


def test_coverage_is_of_what_is_scored():
    plan = plan_of(visits=Law.constant(2.0), timeout_ns=5, gap=30)  # on 1 + 2, 3 or 5 ns: the largest is late
    trace = walked(plan)
    for query in range(plan.queries):
        shards, share = visited_shards(plan, 0, query)
        late = 2 in shards
        assert trace.outcome[query] == (PARTIAL if late else COMPLETE)
        assert trace.coverage[0][query] == (SHARE[shards[0]] / share if late else 1.0)
    assert coverage_of(2, 0.0, 1, 0.0) == 0.0, "shards that hold nothing"


def test_a_query_of_fewer_tasks_pays_less_into_a_budget_of_copies():
    half = plan_of(visits=Law.constant(1.0), replicas=2, hedges=1, hedge_ns=1, budget=500_000, gap=60, queries=400)
    trace = walked(half)
    assert trace.hedged.sum() == pytest.approx(100 * 3 / 2 + 400 / 2, abs=2), "full at first, then one in two"


def test_who_visits_all_is_as_if_nothing_was_said():
    for key in (Law.none(), Law.uniform(0.0, 4.0)):
        plain, all_of_them = plan_of(send_ns=1, gap=5), plan_of(send_ns=1, gap=5, visits=Law.constant(3.0), key=key)
        one, two = reference.simulate(plain, tasks=True), reference.simulate(all_of_them, tasks=True)
        for column in ("close_ns", "leave_ns", "candidates", "answer_sum_ns", "tasks", "busy_ns", "window_busy_ns"):
            assert np.array_equal(getattr(one, column), getattr(two, column)), column
        first, second = (np.array([getattr(of, name) for name in TABLE]) for of in (one.task_table, two.task_table))
        assert np.array_equal(first, second)
    stated = [scenario(), scenario(fan_out=8), scenario(fan_out={"shards": 8, "by": KEYS})]
    assert len({make_plan(one).laws.tobytes() for one in stated}) == 1, "nor does the plan know of it"


def test_sent_to_one_shard_after_another_it_does_not_look_ahead():
    ahead, not_ahead = plan_of(visits=Law.constant(2.0)), plan_of(visits=Law.constant(2.0), send_ns=1)
    assert Feature.FAN_OUT in features_of(ahead, 0)
    assert may_look_ahead(features_of(ahead, 0)) and not may_look_ahead(features_of(not_ahead, 0))
    overtaking = plan_of(visits=Law.constant(2.0), send_ns=5, gap=1)
    trace = walked(overtaking)
    here = trace.task_table.shard == 1
    assert (np.diff(trace.task_table.enqueue_ns[here]) < 0).any(), "who is sent later is there sooner"


KEYS = {"kind": "zipf", "s": 1, "keys": 50}


def scenario(rate="100/s", run=None, stage=None, **more):
    """Eight shards of 1 ms on average, exponential."""
    model = {"kind": "tree", "per_item": "1us"}
    first = {"name": "search", "candidates": 8000, "shards": 8, "model": model, **(stage or {}), **more}
    load = {"arrivals": "poisson", "rate": rate}
    return scenario_from_dict({"name": "s", "load": load, "run": run or {"queries": 100}, "stages": [first]})


EXPONENTIAL = {"variability": {"task": {"kind": "exponential"}}}


def test_an_empty_system_answers_with_the_slowest_of_those_that_are_visited():
    run = {"queries": 20_000, "replications": 4}
    stated = scenario("0.01/s", run, EXPONENTIAL, fan_out=3)
    exact_s = 1e-3 * (1 + 1 / 2 + 1 / 3)
    on_paper = estimate(make_plan(stated)).zero_load
    assert on_paper.mean_s == pytest.approx(exact_s, rel=1e-4)
    found = simulate(stated).to_dict()["latency_s"]
    assert found["mean"]["low"] < exact_s < found["mean"]["high"]
    assert found["p99"]["low"] < -1e-3 * math.log(1 - 0.99 ** (1 / 3)) < found["p99"]["high"]


def test_a_shard_is_an_mg1_queue_of_those_that_visit_it():
    stated = scenario("1600/s", {"queries": 200_000, "replications": 4}, EXPONENTIAL, fan_out=3)
    paper = estimate(make_plan(stated))
    assert paper.utilisation == pytest.approx(1600 * 3 / 8 * 1e-3)
    [wait] = [one for one in paper.predictions if one.statistic == "wait"]
    assert wait.value_s == pytest.approx(0.6 / 0.4 * 1e-3)
    found = simulate(stated).to_dict()["stages"][0]
    assert found["wait_s"]["low"] < wait.value_s < found["wait_s"]["high"]
    assert found["utilisation"]["mean"]["low"] < 0.6 < found["utilisation"]["mean"]["high"]


def test_a_shard_whose_tasks_share_it_is_a_queue_of_those_that_visit_it():
    stated = scenario("1600/s", {"queries": 100_000, "replications": 4}, EXPONENTIAL, fan_out=3, sharing="processor")
    [wait] = [one for one in estimate(make_plan(stated)).predictions if one.statistic == "wait"]
    assert wait.value_s == pytest.approx(0.6 / 0.4 * 1e-3)
    found = simulate(stated).to_dict()["stages"][0]["wait_s"]
    assert found["low"] < wait.value_s < found["high"]


def test_keys_make_hot_shards_and_no_law_is_claimed_of_waits():
    stated = scenario("800/s", {"queries": 50_000}, EXPONENTIAL, fan_out={"shards": 2, "by": KEYS})
    plan = make_plan(stated)
    paper = estimate(plan)
    assert paper.predictions == ()
    assert paper.utilisation == pytest.approx(0.8 * chances(StageView(plan, 0)).max())
    assert paper.utilisation > 0.25, "hotter than two of eight"
    assert paper.stages[0].mean_utilisation == pytest.approx(0.2)


RANK = {"name": "rank", "model": {"kind": "tree", "per_item": "10us"}}


def followed(first, rate="100/s", run=None, **more):
    """A scenario of a stage and one that scores what it hands on."""
    stated = {"name": "s", "load": {"rate": rate}, "run": run or {"queries": 2000, "replications": 2}, **more}
    return scenario_from_dict({**stated, "stages": [first, RANK]})


@pytest.mark.parametrize(
    "first",
    [
        {"shares": [0.91] + [0.01] * 9, "fan_out": 1, "keep": 91},
        {"shards": 10, "fan_out": {"shards": {"kind": "uniform", "low": 0.5, "high": 10.5}}, "keep": 550},
        {"shards": 10, "gather": {"wait_for": 5}},
        {"shards": 10, "fan_out": 4, "gather": {"wait_for": "50%"}, "keep": 300},
        {"skew": 1, "shards": 10, "fan_out": {"shards": 2, "by": {"kind": "zipf", "s": 1, "keys": 9}}},
    ],
)
def test_what_is_handed_on_is_about_the_mean_and_no_proof(first):
    """The mean of what each query hands on, not what the mean query would; saturation is not proven by it."""
    stage = {"name": "search", "candidates": 1000, "model": {"kind": "tree", "per_item": "1us"}, **first}
    stated = followed(stage, "1200/s")
    result = simulate(stated)
    found = result.to_dict()["stages"][1]["candidates"]["in"]["value"]
    on_paper = np.mean([estimate(make_plan(stated, number)).stages[1].candidates for number in (0, 1)])
    assert on_paper == pytest.approx(found, rel=0.12)
    assert certainly_busiest(make_plan(stated)) < 1
    assert result.to_dict()["verdict"] != "saturated" or found * 10e-6 * 1200 > 1


def test_a_proof_by_arithmetic_does_not_go_beyond_where_queries_fail():
    """Who fails enters no later stage; a law of times takes as long whatever it is given."""
    timed = {"name": "rank", "model": {"kind": "time", "law": "10ms"}}
    first = {"name": "search", "candidates": 10, "model": {"kind": "tree", "per_item": "1us"}, "shards": 4}
    some = {**first, "gather": {"wait_for": 2}}
    shed = {**first, "shards": 1, "queue": {"limit": 1}}
    late = {**first, "gather": {"timeout": "1ms"}}
    for stage, is_certain in ((some, True), (shed, False), (late, False), (first, True)):
        load, run = {"rate": "150/s"}, {"queries": 9}
        stated = scenario_from_dict({"name": "s", "load": load, "run": run, "stages": [stage, timed]})
        assert (certainly_busiest(make_plan(stated)) > 1.4) == is_certain, stage


def test_who_saturates_first_by_keys_is_looked_up_in_each_replication():
    stated = scenario(
        "200/s", {"queries": 400, "replications": 6}, shards=8, fan_out={"shards": 1, "by": {**KEYS, "keys": 10}}
    )
    demands = [certainly_busiest(make_plan(stated, number)) for number in range(6)]
    assert len(set(demands)) > 3
    assert has_drawn_machines(make_plan(stated))


def test_the_hottest_shard_is_that_of_each_replication_where_keys_are_drawn():
    keyed = {"shards": 1, "by": {"kind": "zipf", "s": 1, "keys": 10}}
    stated = scenario("400/s", {"queries": 2000, "replications": 6}, fan_out=keyed)
    result = simulate(stated)
    most = [
        trace.window_busy_ns.max() / (trace.window_end_ns - trace.window_begin_ns) for trace in result.traces.values()
    ]
    assert result.to_dict()["stages"][0]["utilisation"]["max"] == pytest.approx(np.mean(most), rel=0.01)


def test_mergers_are_asked_for_the_answers_of_the_mean_query():
    merge = {"time": "100us", "per_response": "450us", "workers": 1}
    visited = {"shards": {"kind": "uniform", "low": 0.5, "high": 8.5}}
    stated = scenario("100/s", {"queries": 4000, "replications": 2}, merge=merge, fan_out=visited)
    demand = 100 * (100e-6 + 4.5 * 450e-6)
    assert estimate(make_plan(stated)).stages[0].merger_demand == pytest.approx(demand)
    said = simulate(stated).to_dict()["stages"][0]["mergers"]
    assert said["demand"] == pytest.approx(demand)
    assert said["utilisation"]["low"] < demand < said["utilisation"]["high"]
    half = scenario("100/s", merge=merge, fan_out=visited, gather={"wait_for": "50%"})
    exact = np.mean([100e-6 + -(-visits // 2) * 450e-6 for visits in range(1, 9)])
    assert estimate(make_plan(half)).stages[0].merge_s == pytest.approx(exact)


def test_tasks_are_counted_as_visited():
    stated = scenario("10/s", {"queries": 200, "warmup": 50, "replications": 2}, fan_out=2)
    assert validate(stated).tasks == 2 * 250 * 2
    assert check_engines(make_plan(stated)).tasks == 250 * 2


def test_what_is_handed_on_on_paper():
    last = {"name": "rank", "model": {"kind": "deep", "per_item": "1us"}}
    first = scenario(fan_out=2).resolved()
    first["stages"].append(last)
    assert estimate(make_plan(scenario_from_dict(first))).stages[1].candidates == pytest.approx(2000)


def test_it_is_said_what_does_not_fit():
    wrong = {
        "9": (9, "there are 8 shards, got 9"),
        "0": (0, "a whole number of shards from 1"),
        "half": (2.5, "a whole number of shards from 1, or a law, got 2.5"),
        "keys": ({"shards": 2, "by": {"kind": "zipf", "s": 1, "keys": "100k"}}, None),
        "many": ({"shards": 2, "by": {"kind": "zipf", "s": 11, "keys": 9}}, "a Zipf exponent of at most 10"),
        "word": (
            {"shards": 2, "by": "hash"},
            "random, or a map of keys like {kind: zipf, s: 1, keys: 10k}, got 'hash'",
        ),
    }
    for name, (stated, message) in wrong.items():
        if message is None:
            scenario(fan_out=stated)
            with pytest.raises(ScenarioError, match=r"keys x shards at most 10,000,000, got 16,000,000"):
                scenario(fan_out=stated, shards=160)
            continue
        with pytest.raises(ScenarioError) as error:
            scenario(fan_out=stated)
        assert message in str(error.value), name
    with pytest.raises(ScenarioError, match=r"2 shards visited, and 3 answers waited for in gather"):
        scenario(fan_out=2, gather={"wait_for": 3})


def test_answers_that_are_waited_for_are_those_of_visited_shards():
    of_all = make_plan(scenario(fan_out=3, gather={"wait_for": 3, "timeout": "80ms"})).stages[0]
    assert (of_all["wait_for"], of_all["wait_parts"]) == (8, 0), "all that are visited"
    part = make_plan(scenario(fan_out=3, gather={"wait_for": "62.5%"})).stages[0]
    assert (part["wait_for"], part["wait_parts"]) == (5, 8)
    view = StageView(make_plan(scenario(fan_out=3, gather={"wait_for": "62.5%"})), 0)
    assert (view.wait_for, view.least_visits, view.is_partial) == (2, 3, True)
    assert not scenario(fan_out=3, gather={"wait_for": 3}).stages[0].is_partial


def test_tasks_that_are_sent_are_those_to_visited_shards():
    run = {"queries": 4000, "replications": 2}
    for visited in (2, {"kind": "uniform", "low": 1, "high": 3}):
        said = simulate(scenario("10/s", run, fan_out=visited, replicas=2, hedge="0.5ms")).to_dict()["stages"][0]
        assert said["hedge"]["copies_ratio"]["value"] == pytest.approx(1, abs=0.01), "each takes 1 ms"
    plain = simulate(scenario("10/s", run, fan_out=2)).to_dict()
    assert "gather" not in plain and "gather" not in plain["stages"][0], "all that is asked for is there"


def test_the_memory_of_visits_is_counted():
    few, all_of_them = (
        memory.needed(Plans.of(scenario(run={"queries": 1_000_000}, **more)), "compiled", 1, 1).queries_bytes
        for more in ({"fan_out": 3}, {})
    )
    assert few > all_of_them + 1.25e6 * 24
