"""Tasks that replicas have of their own: when they come, by hand; what figures make of them; what is refused."""

import math

import numpy as np
import pytest
from walk import Walk

from simulator import ScenarioError, capacity, scenario_from_dict, simulate, validate
from simulator.core.assemble import StageParts, assemble
from simulator.core.background import LAST
from simulator.core.copy_states import DONE
from simulator.core.features import Feature, features_of, may_lockstep, may_look_ahead
from simulator.core.laws import Law
from simulator.core.plan import LIFO, NEVER_NS, PRIORITY, SHORTEST
from simulator.core.trace import COLUMNS, same_trace
from simulator.engines import compiled, reference
from simulator.planner.plans import Plans, make_plan
from simulator.planning.knobs import knobs_of
from simulator.running import memory
from simulator.testing import check_scenario
from simulator.theory import estimate

ONE = Law.constant(1.0)


def plan_of(arrivals, gap, time, *, drain_ns=NEVER_NS, first_measured=0, **parts):
    """Queries of one task of 4 ns at a replica that has tasks of its own."""
    beside = {"background_gap": Law.constant(gap), "background_time": Law.constant(time)}
    part = StageParts(**{"candidates": ONE, "knots": [(0.0, 4.0, 0.0)], **beside, **parts})
    return assemble([part], np.array(arrivals, dtype=np.int64), drain_ns=drain_ns, first_measured=first_measured)


def every_way(plan):
    """The trace, which is the same on every walk, and right."""
    trace = reference.simulate(plan, tasks=True)
    assert list(trace.verify(plan)) == []
    assert same_trace(Walk(plan).trace(), trace) == ""
    assert same_trace(compiled.simulate(plan, tasks=True), trace) == ""
    assert same_trace(compiled.simulate(plan), trace, without_tasks=True) == ""
    return trace


def times(table):
    """(enqueue, start, finish) of each task, in the order of coming."""
    rows = zip(table.enqueue_ns.tolist(), table.start_ns.tolist(), table.finish_ns.tolist(), strict=True)
    return sorted(rows)


def test_they_queue_with_tasks_of_queries():
    trace = every_way(plan_of([0, 4, 12], 5.0, 3.0))
    assert times(trace.task_table) == [(0, 0, 4), (4, 4, 8), (12, 14, 18)]
    assert times(trace.background_table) == [(5, 8, 11), (10, 11, 14)], "and none after the last query"
    assert set(trace.background_table.answer_ns.tolist()) == {-1}, "nobody waits for an answer"
    assert trace.waiting_ns.tolist() == [2], "of queries alone"
    assert (trace.tasks.tolist(), trace.busy_ns.tolist()) == ([3], [12])
    assert (trace.window_end_ns, trace.window_busy_ns.tolist()) == (18, [18]), "whoever's task it is: always"
    assert (trace.background.tolist(), trace.background_ns.tolist()) == ([2], [6])


def test_they_come_after_those_that_are_sent_to_the_same_instant():
    trace = every_way(plan_of([4, 8], 4.0, 1.0))
    assert times(trace.task_table) == [(4, 4, 8), (8, 9, 13)]
    assert times(trace.background_table) == [(4, 8, 9), (8, 13, 14)]


@pytest.mark.parametrize(
    ("parts", "starts"),
    [
        ({}, [0, 7, 11]),
        ({"discipline": LIFO}, [0, 11, 7]),
        ({"discipline": SHORTEST}, [0, 10, 14]),
        ({"discipline": PRIORITY}, [0, 4, 8]),
        ({"discipline": PRIORITY, "background_priority": 1.0}, [0, 10, 14]),
        ({"discipline": PRIORITY, "background_priority": 0.0}, [0, 7, 11]),
        ({"workers": 2}, [0, 4, 5]),
    ],
    ids=["fifo", "lifo", "shortest", "last", "first", "alike", "two workers"],
)
def test_the_queue_says_who_is_next(parts, starts):
    # one of 3 ns at 2, another at 4; queries at 0, 3 and 4
    plan = plan_of([0, 3, 4], 2.0, 3.0, **parts)
    trace = every_way(plan)
    assert trace.task_table.start_ns.tolist() == starts


def test_who_shares_shares_with_them():
    trace = every_way(plan_of([0, 9], 2.0, 3.0, sharing=True))
    assert trace.task_table.finish_ns[0] > 4
    assert (trace.background_table.worker == -1).all()


def test_they_take_workers_but_no_places_and_are_not_refused():
    # the worker is taken until 9 by the one that came at 5; the query at 6 finds room for nobody
    trace = every_way(plan_of([0, 6, 9], 5.0, 4.0, limit=0))
    assert trace.refused.tolist() == [1]
    # the query of 0 is served until 4, one of them until 13; another waits from 6, and one from 9
    waits = every_way(plan_of([0, 7, 10], 3.0, 9.0, limit=1))
    assert waits.background_table.state.tolist() == [DONE] * 3, "however many wait"
    assert waits.refused.tolist() == [1], "who finds a query waiting, not who finds some of them"
    first = every_way(plan_of([0, 7, 10], 3.0, 9.0, limit=1, discipline=PRIORITY))
    assert (first.refused.tolist(), first.task_table.start_ns.tolist()) == ([1], [0, 13, -1]), "they wait behind it"


def test_only_replicas_that_are_there_have_some():
    plan = plan_of([0, 40], 3.0, 1.0, share=[0.5, 0.5], replicas=2, left=[1, 2])
    assert sorted(set(every_way(plan).background_table.replica.tolist())) == [0, 2, 3]


def test_what_keeps_a_worker_after_an_answer_does_not_follow_them():
    trace = every_way(plan_of([0, 20], 9.0, 1.0, after=Law.constant(6.0)))
    assert trace.task_table.release_ns.tolist() == [10, 30]
    assert (trace.background_table.release_ns == trace.background_table.finish_ns).all()


def test_a_cut_ends_them():
    trace = every_way(plan_of([0, 8], 4.0, 5.0, drain_ns=2))
    assert times(trace.background_table) == [(4, 4, 9), (8, -1, -1)]


def test_luck_of_queries_is_as_without():
    parts = {"candidates": ONE, "knots": [(0.0, 4.0, 0.0)], "task": Law.exponential(1.0), "replicas": 2}
    beside = {"background_gap": Law.exponential(9.0), "background_time": Law.exponential(4.0)}
    arrivals = np.arange(50, dtype=np.int64) * 30
    one, two = (
        reference.simulate(assemble([StageParts(**parts, **more)], arrivals), tasks=True) for more in ({}, beside)
    )
    served = [trace.task_table.finish_ns - trace.task_table.start_ns for trace in (one, two)]
    assert (served[0] == served[1]).all()
    assert (one.task_table.replica == two.task_table.replica).all()
    assert (two.waiting_ns > one.waiting_ns).any()


def test_each_replica_has_luck_of_its_own():
    beside = {"background_gap": Law.exponential(9.0), "background_time": Law.exponential(4.0)}
    part = StageParts(candidates=ONE, share=[0.5, 0.5], replicas=2, **beside)
    table = every_way(assemble([part], np.array([0, 500], dtype=np.int64))).background_table
    each = [table.enqueue_ns[table.replica == replica].tolist() for replica in range(4)]
    assert len({tuple(one) for one in each}) == 4
    counts = np.array([len(one) for one in each])
    assert abs(counts.sum() - 4 * 500 / 9) < 5 * math.sqrt(4 * 500 / 9)


def test_a_feature_that_takes_the_slow_way():
    plan = plan_of([0, 4], 5.0, 3.0)
    features = features_of(plan, 0)
    assert Feature.BACKGROUND in features
    assert not may_look_ahead(features) and not may_lockstep(features)


# --- scenarios --------------------------------------------------------------------------------------------------------

SERVER = {"name": "server", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "8ms"}}}
BESIDE = {"rate": "10/s", "time": {"kind": "exponential", "mean": "20ms"}}
INDEXED = {
    "name": "indexed",
    "load": {"rate": "60/s"},
    "stages": [{**SERVER, "background": BESIDE}],
    "run": {"queries": 4000, "replications": 4, "seed": 1},
}
#: A run that theory is held against.
LONG = {"queries": 40_000, "replications": 8}


def changed(load=None, **stage):
    return {**INDEXED, "load": load or INDEXED["load"], "stages": [{**INDEXED["stages"][0], **stage}]}


def predicted(values, statistic="wait"):
    """What theory says, and what a run says of it."""
    document = simulate(scenario_from_dict(values).with_run(**LONG)).to_dict()
    checks = [one for one in document["theory"]["checks"] if (one["statistic"], one["stage"]) == (statistic, "server")]
    assert [one["verdict"] in ("agrees", "outside 95 %") for one in checks] == [True]
    return checks[0]["expected"]


@pytest.mark.parametrize("rate", ["0/s", None], ids=["never", "absent"])
def test_none_of_it_is_a_stage_without(rate):
    values = changed(background=None if rate is None else {**BESIDE, "rate": rate})
    plan, without = make_plan(scenario_from_dict(values)), make_plan(scenario_from_dict(changed(background=None)))
    one, two = (compiled.simulate(of, tasks=True) for of in (plan, without))
    assert [name for name in COLUMNS if not np.array_equal(getattr(one, name), getattr(two, name))] == []
    figures, others = (simulate(scenario_from_dict(of)).to_dict() for of in (values, changed(background=None)))
    assert figures["stages"] == others["stages"] and figures["latency_s"] == others["latency_s"]


def test_the_mean_wait_is_that_of_both_streams():
    # M/G/1: (60 x 2 x 8 ms squared + 10 x 2 x 20 ms squared) / 2 (1 - 0.48 - 0.2)
    assert predicted(INDEXED) == pytest.approx((60 * 2 * 8e-3**2 + 10 * 2 * 20e-3**2) / 2 / (1 - 0.68))


@pytest.mark.parametrize("queue", ["fifo", "priority"])
def test_a_run_that_sees_none_of_them_contradicts_nothing(queue):
    """A minute of compaction every three hours, and four runs of a minute: waits are those without it."""
    seldom = changed(queue=queue, background={"rate": "0.3/h", "time": "60s"})
    document = simulate(scenario_from_dict(seldom)).to_dict()
    [wait] = [one for one in document["theory"]["checks"] if one["statistic"] == "wait"]
    assert wait["expected"] > 10 * document["stages"][0]["wait_s"]["value"]


def test_a_search_ends_where_they_would_be_all_that_is_simulated():
    """p99 is broken by them alone: a lower load has as many queries, and more of them beside each."""
    alone = changed({"rate": "50/s"}, background={"rate": "40/s", "time": {"kind": "exponential", "mean": "20ms"}})
    scenario = scenario_from_dict({**alone, "slos": ["p99 < 60ms"]})
    found = capacity(scenario.with_run(queries=500, replications=4))
    assert found.verdict == "unreachable"
    lowest = min(point["rate_per_s"] for point in found.to_dict()["curve"])
    assert 50 / ((64 * 1.8 - 1) / 0.8) > lowest == pytest.approx(0.25), (
        "a hundredth of saturation, or 64 times the tasks"
    )


def test_those_of_a_run_are_counted_before_it():
    scenario = scenario_from_dict(changed({"rate": "50/s"}, background={"rate": "1k/s", "time": "10us"}, replicas=2))
    extent = validate(scenario).extent.queries
    assert validate(scenario).tasks == round(extent * (1 + 2 * 1000 / 50) * scenario.run.replications)


def test_by_priority_they_are_a_class():
    left = (60 * 2 * 8e-3**2 + 10 * 2 * 20e-3**2) / 2
    assert predicted(changed(queue="priority")) == pytest.approx(left / (1 - 0.48)), "after all queries, unless said"
    first = changed(queue="priority", background={**BESIDE, "priority": 3})
    assert predicted(first) == pytest.approx(left / (1 - 0.2) / (1 - 0.68))


def test_who_shares_with_them_is_there_longer_in_proportion():
    # M/G/1 with a shared worker: a task of s is there s / (1 - utilisation)
    assert predicted(changed(sharing="processor")) == pytest.approx(8e-3 * 0.68 / (1 - 0.68))
    both = changed({"rate": "200/s"}, sharing="processor", workers=3)
    assert 0 < predicted(both) < 8e-3


def test_several_replicas_have_each_their_own():
    # a quarter of 120/s and of 10/s each at machines that are equal
    left = (30 * 2 * 8e-3**2 + 10 * 2 * 20e-3**2) / 2
    expected = left / (1 - 0.24 - 0.2)
    assert predicted(changed({"rate": "120/s"}, replicas=4, routing="random")) == pytest.approx(expected)


def test_theory_is_silent_of_what_it_does_not_know():
    for more in ({"queue": "shortest"}, {"workers": 2}, {"replicas": 2, "routing": "round_robin"}, {"queue": "edf"}):
        load = {"rate": "60/s", "classes": [{"name": "all", "share": 1, "deadline": "1s"}]}
        plan = make_plan(scenario_from_dict(changed(load, **more)))
        assert [one for one in estimate(plan).predictions if one.statistic != "area"] == []


def test_demand_is_of_what_is_left():
    paper = estimate(make_plan(scenario_from_dict(INDEXED)))
    assert paper.utilisation == pytest.approx(0.48 / 0.8)
    assert paper.saturation_per_s == pytest.approx(0.8 / 8e-3)


@pytest.mark.parametrize(
    ("more", "demand"),
    [
        ({"queue": "priority"}, 0.48),
        ({"queue": "shortest"}, 0.48),
        ({"queue": "priority", "background": {**BESIDE, "priority": 1}}, 0.6),
        ({"queue": "lifo"}, 0.6),
        ({"sharing": "processor"}, 0.6),
    ],
    ids=["last", "shortest", "first", "lifo", "shared"],
)
def test_who_goes_last_leaves_all_of_the_time_to_queries(more, demand):
    assert estimate(make_plan(scenario_from_dict(changed(**more)))).utilisation == pytest.approx(demand)


def test_queries_that_go_first_are_not_saturated_by_what_goes_last():
    # 0.48 of a worker for queries, 0.9 for what they leave undone: it is not done as often as it comes
    more = {"rate": "45/s", "time": {"kind": "exponential", "mean": "20ms"}}
    values = changed(queue="priority", background=more)
    document = simulate(scenario_from_dict(values).with_run(**LONG)).to_dict()
    assert document["verdict"] == "stable"
    # M/G/1 by priority beside a worker that is always busy: 0.52 of the time with one of them
    left = 60 * 2 * 8e-3**2 / 2 + 0.52 * 20e-3
    assert predicted(values) == pytest.approx(left / (1 - 0.48))
    assert document["stages"][0]["background"]["busy_ratio"]["value"] == pytest.approx(0.52, abs=0.01)


def test_a_run_says_how_busy_they_keep_the_workers():
    document = simulate(scenario_from_dict(INDEXED).with_run(**LONG)).to_dict()
    stage = document["stages"][0]
    said = stage["background"]
    assert said["busy_ratio"]["low"] < 0.2 < said["busy_ratio"]["high"]
    assert said["tasks_per_s"]["low"] < 10 < said["tasks_per_s"]["high"]
    used = stage["utilisation"]["mean"]
    assert used["low"] < 0.68 < used["high"]
    assert stage["demand"]["mean"] == pytest.approx(0.6)


def test_threads_are_counted_one_by_one():
    model = {"kind": "tree", "per_item": "1ms"}
    stage = {"candidates": 8, "model": model, "workers": 4, "threads": 2}
    values = changed({"rate": "100/s"}, **stage, background={"rate": "20/s", "time": "20ms"})
    stage = simulate(scenario_from_dict(values)).to_dict()["stages"][0]
    assert stage["background"]["busy_ratio"]["value"] == pytest.approx(20 * 0.02 * 2 / 4, rel=0.1)
    assert stage["utilisation"]["mean"]["value"] == pytest.approx((100 * 0.004 + 20 * 0.02) * 2 / 4, rel=0.1)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"background": {"rate": "50/s", "time": "20ms"}}, "less than 1 worker can do"),
        ({"background": {"rate": "50/s", "time": "0s"}}, "at least 100 ns on average"),
        ({"background": {**BESIDE, "priority": 1}}, "no queue looks at it"),
        ({"background": {**BESIDE, "rate": "1e-300/s"}}, "or 0/s: none"),
        ({"background": {"rate": "5/s"}}, "missing"),
        (
            {"batching": {"max_size": 2}, "model": {"kind": "tree", "per_item": "1ms"}, "candidates": 1},
            "leave batching out",
        ),
    ],
    ids=["too much", "no time", "no queue", "too seldom", "no time at all", "batches"],
)
def test_what_cannot_be_is_refused_at_its_place(more, told):
    with pytest.raises(ScenarioError) as error:
        scenario_from_dict(changed(**more))
    assert "stages[0].background" in str(error.value) and told in str(error.value)


def test_a_queue_by_priority_may_have_no_classes_beside_them():
    assert make_plan(scenario_from_dict(changed(queue="priority"))).stages["background_priority"].tolist() == [LAST]
    with pytest.raises(ScenarioError, match="looks at classes"):
        scenario_from_dict(changed(queue="priority", background=None))
    with pytest.raises(ScenarioError, match="looks at classes"):
        scenario_from_dict(changed(queue="edf"))


@pytest.mark.parametrize("word", ["indexing", "compaction", "ingestion", "maintenance"])
def test_others_names_lead_to_ours(word):
    with pytest.raises(ScenarioError, match="background"):
        scenario_from_dict(changed(**{word: BESIDE}))


def test_planning_turns_its_knobs():
    found = {knob.name: knob.values for knob in knobs_of(scenario_from_dict(INDEXED))}
    assert found["server: background rate"] == {"stages.server.background.rate": "9/s"}
    assert "18ms" in found["server: background time"]["stages.server.background.time"]
    assert "server: spread of background times" in found


def test_what_it_takes_is_known_before():
    plans = [Plans.of(scenario_from_dict(changed(background=of, replicas=1000))) for of in (None, BESIDE)]
    one, two = (memory.needed(of, "compiled", 1, 1).bytes for of in plans)
    assert one < two < one + 1000 * 1000


def test_the_kit_holds_it_to_the_laws():
    verdicts = {row.number: row.verdict for row in check_scenario(INDEXED, profile="quick").rows}
    assert set(verdicts.values()) <= {"held", "not asked"}
