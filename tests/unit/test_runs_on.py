"""Stages that run at the replicas of another: who waits for whom, by hand; what goes where; what may not be said."""

import math
from dataclasses import replace

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from mixed_batches import mixed_plans
from test_hedging import every_way

from simulator import ScenarioError, scenario_from_dict, simulate
from simulator.core.assemble import StageParts, assemble
from simulator.core.features import Feature, features_of, may_lockstep, may_look_ahead
from simulator.core.hosted import HELD, hosted, seats_of
from simulator.core.laws import Law
from simulator.core.outages import Outage
from simulator.core.plan import CANCEL_QUEUED, LEAST_OUTSTANDING, LEAST_WORK, LIFO, PEAK_EWMA, RANDOM, ROUND_ROBIN
from simulator.core.trace import same_trace
from simulator.engines import reference
from simulator.planner.fleet import fleet
from simulator.planner.plans import Plans, make_plan
from simulator.planning.fleets import Fleets
from simulator.planning.grid import parse_grid, varied
from simulator.planning.knobs import knobs_of
from simulator.planning.spare import conditions_of
from simulator.running import memory
from simulator.testing import check_scenario, plans
from simulator.theory import certainly_busiest, estimate, own_demands, queues, stage_demands, zero_load

ONE = Law.constant(1.0)


def plan_of(arrivals, owner, *guests, work=None, seed=0, **of_plan):
    """Queries at a stage, and then at others on its replicas; each takes so many ns an item, of one."""
    first = StageParts(**{"candidates": ONE, **owner})
    parts = [first, *(hosted(StageParts(**guest), first, 0) for guest in guests)]
    arrival_ns = np.array(arrivals, dtype=np.int64)
    return assemble(parts, arrival_ns, None if work is None else np.array(work, float), seed=seed, **of_plan)


def taking(ns, **more):
    return {"knots": [(0.0, float(ns), 0.0)], **more}


def of_stage(trace, stage, name):
    return getattr(trace.task_table, name)[trace.task_table.stage == stage].tolist()


def test_a_fetch_waits_behind_the_query_that_came_before_it():
    trace = every_way(plan_of([0, 1], taking(4), taking(2)))
    assert of_stage(trace, 0, "start_ns") == [0, 4]
    assert of_stage(trace, 1, "enqueue_ns") == [4, 8], "it comes when the query has its answer"
    assert of_stage(trace, 1, "start_ns") == [8, 10], "behind the other query, which was there at 1"
    assert trace.completion_ns.tolist() == [10, 12]
    # what is counted of each stage is its own
    assert (trace.tasks.tolist(), trace.busy_ns.tolist()) == ([2, 2], [8, 4])
    assert (trace.waiting_ns.tolist(), trace.longest_wait_ns.tolist()) == ([3, 6], [3, 4])


def test_the_discipline_is_the_owners_and_looks_at_tasks_of_both():
    trace = every_way(plan_of([0, 1, 2], taking(4, discipline=LIFO), taking(2)))
    assert of_stage(trace, 0, "start_ns") == [0, 12, 6], "last come, first served"
    assert of_stage(trace, 1, "start_ns") == [4, 16, 10], "the fetch of the last is served before the second query"


def test_a_queue_is_full_of_tasks_of_both():
    trace = every_way(plan_of([0, 1, 2], taking(4, limit=1), taking(2)))
    # at 2 the second query waits: the third is refused; at 4 it waits again, and the fetch of the first is refused
    assert trace.refused.tolist() == [1, 0]
    later = every_way(plan_of([0, 1, 2], taking(4, limit=0, replicas=1), taking(2)))
    assert later.refused.tolist() == [2, 0]


def test_workers_of_a_machine_are_busy_with_either():
    beside = {"workers": 2, "busy": [1.0, 2.0]}
    trace = every_way(plan_of([0, 3], taking(4, **beside), taking(2)))
    # at 3 one is busy: twice 4 ns; at 4 the fetch of the first begins beside it
    assert of_stage(trace, 0, "finish_ns") == [4, 11]
    assert of_stage(trace, 1, "finish_ns") == [8, 13]


def test_a_batch_holds_tasks_of_one_stage_and_others_keep_their_place():
    parts = taking(4, max_size=2, max_wait_ns=0)
    trace = every_way(plan_of([0, 1, 3, 3], parts, taking(2)))
    # at 4 three queries wait, and the fetch of the first behind them: two, then one alone, before the fetch
    assert of_stage(trace, 0, "start_ns") == [0, 4, 4, 8]
    assert of_stage(trace, 0, "batch") == [1, 2, 2, 1]
    assert of_stage(trace, 1, "start_ns") == [12, 12, 14, 14], "the first fetch waits for the query before it"
    assert of_stage(trace, 1, "batch") == [2, 2, 2, 2]
    assert trace.batches.tolist() == [2, 1, 0, 2], "batches of each stage are counted apart"


def test_a_batch_reaches_over_tasks_of_another_stage():
    trace = every_way(plan_of([0, 0, 5, 6, 7], taking(4, max_size=3, max_wait_ns=1), taking(6)))
    starts = dict(zip(of_stage(trace, 0, "start_ns"), of_stage(trace, 0, "batch"), strict=True))
    assert set(starts.values()) >= {2, 3}


def test_who_was_there_first_leaves_and_the_next_may_start():
    # the head waits for others of its stage; when it is withdrawn the batch behind it is ready
    owner = taking(3, max_size=2, max_wait_ns=50, timeout_ns=20, cancels=CANCEL_QUEUED, cancel_ns=1)
    every_way(plan_of([0, 0, 1, 2, 30], owner, taking(3)))


def test_where_there_is_a_worker_for_everybody_it_makes_no_difference():
    """Shared replicas are nothing where nobody waits: the neutral value."""
    owner, guest = (
        StageParts(candidates=ONE, workers=200, replicas=2),
        StageParts(workers=200, replicas=2, task=Law.exponential(1.0), knots=[(0.0, 3.0, 0.0)], policy=ROUND_ROBIN),
    )
    arrival_ns = np.arange(30) * 2
    apart, together = (assemble([owner, one], arrival_ns, seed=5) for one in (guest, hosted(guest, owner, 0)))
    one, two = reference.simulate(apart, tasks=True), every_way(together)
    assert same_trace(one, two, without_tasks=True) == ""
    assert same_trace(one, replace(two, task_table=one.task_table)) == ""
    assert [view.tolist() for view in (two.task_table.start_ns, two.task_table.replica)] == [
        view.tolist() for view in (one.task_table.start_ns, one.task_table.replica)
    ]


def test_it_goes_where_the_query_has_been():
    owner = taking(4, share=[0.5, 0.5], replicas=3, policy=RANDOM)
    plan = plan_of(range(0, 100, 3), owner, taking(2, follows=True), seed=7)
    trace = every_way(plan)
    first, second = (of_stage(trace, stage, "replica") for stage in (0, 1))
    assert [replica - 6 for replica in second] == first
    assert len(set(first)) == 6


def test_of_copies_it_goes_to_the_one_that_answered():
    owner = {"share": [1.0], "replicas": 2, "time": Law.exponential(5.0), "hedges": 1, "hedge_ns": 2}
    plan = plan_of(range(0, 200, 4), owner, taking(1, follows=True), seed=7)
    trace = every_way(plan)
    table = trace.task_table
    sooner = {}
    for query, answer, replica in zip(table.query, table.answer_ns, table.replica, strict=True):
        if replica < 2 and answer <= trace.close_ns[0, query]:
            sooner[int(query)] = int(replica)
    assert [replica - 2 for replica in of_stage(trace, 1, "replica")] == [sooner[query] for query in range(50)]


def test_shards_without_an_answer_take_no_part():
    owner = taking(0, share=[0.2, 0.3, 0.5], time=Law.exponential(6.0), wait_for=2, keep=10.0)
    owner["candidates"] = Law.constant(10.0)
    guest = {"knots": [(0.0, 0.0, 1.0)], "follows": True, "wait_parts": 1, "wait_for": 1}
    plan = plan_of(range(0, 60, 20), owner, guest, seed=3)
    trace = every_way(plan)
    assert trace.answers[1].tolist() == [2, 2, 2] and trace.coverage[1].tolist() == [1.0, 1.0, 1.0]
    table, shares = trace.task_table, np.array([0.2, 0.3, 0.5])
    for query in range(3):
        mine = (table.query == query) & (table.stage == 1)
        covered = shares[table.shard[mine]].sum()
        items = trace.candidates[1, query] * shares[table.shard[mine]] / covered
        served = table.finish_ns[mine] - table.start_ns[mine]
        assert np.abs(served - items).max() <= 0.5, "what is scored falls on these two"
        assert trace.candidates[1, query] == pytest.approx(10.0 * trace.coverage[0, query])


def test_of_where_it_has_been_it_may_visit_some():
    owner = taking(3, share=[0.25] * 4, visits=Law.constant(3.0))
    guest = taking(2, follows=True, visits=Law.constant(2.0), candidates=Law.constant(9.0))
    trace = every_way(plan_of(range(0, 100, 10), owner, guest, seed=1))
    for query in range(10):
        first, second = (
            set(trace.task_table.shard[(trace.task_table.query == query) & (trace.task_table.stage == stage)].tolist())
            for stage in (0, 1)
        )
        assert second < first and len(second) == 2
    assert trace.candidates[1] == pytest.approx([9.0 * 2 / 3] * 10)


def test_it_waits_for_the_replica_where_it_has_been():
    owner = taking(4, replicas=2, policy=ROUND_ROBIN, outages=[Outage(3, 40, 2, 0)])
    trace = every_way(plan_of([0], owner, taking(2, follows=True)))
    assert of_stage(trace, 1, "enqueue_ns") == [40], "the other has not what it needs"
    elsewhere = every_way(plan_of([0], owner, taking(2, policy=RANDOM)))
    assert of_stage(elsewhere, 1, "enqueue_ns") == [4]


def test_who_looks_at_the_load_sees_tasks_of_both():
    owner = taking(9, replicas=2, policy=ROUND_ROBIN)
    trace = every_way(plan_of([0, 1, 2, 11], owner, taking(5, policy=LEAST_OUTSTANDING)))
    # at 9 the first query's fetch finds the third query where it was, and the second under way at the other
    assert of_stage(trace, 0, "replica") == [0, 1, 0, 1]
    assert of_stage(trace, 1, "replica")[0] == 3, "of two with one task each, by luck; the next goes where it is empty"
    plan = plan_of([0], owner, taking(5, policy=LEAST_OUTSTANDING))
    assert plan.stages["counts"].tolist() == [LEAST_OUTSTANDING] * 2, "the owner's tasks are counted for it"
    assert (plan.views, plan.replicas, seats_of(plan.stages).tolist()) == (2, 4, [0, 1, 0, 1])


def test_stages_that_look_at_two_things_are_refused():
    with pytest.raises(AssertionError, match="look at one thing"):
        plan_of([0], taking(1, replicas=2, policy=LEAST_WORK), taking(1, policy=PEAK_EWMA))


@pytest.mark.parametrize(
    ("guest", "reason"),
    [
        ({"owner": 2}, "earlier stage"),
        ({"owner": 0, "workers": 3}, "workers is the owner's"),
        ({"follows": True}, "runs there"),
        ({"owner": 0, "follows": True, "hedges": 1, "replicas": 2, "hedge_ns": 4}, "nowhere else"),
    ],
)
def test_parts_that_may_not_be(guest, reason):
    owner = StageParts(candidates=ONE, replicas=guest.get("replicas", 1))
    with pytest.raises(AssertionError, match=reason):
        assemble([owner, StageParts(**guest), StageParts()], np.zeros(1, dtype=np.int64))


def test_both_go_event_by_event_and_no_law_speaks_of_them():
    plan = plan_of([0, 9], taking(3), taking(2))
    for stage in (0, 1):
        features = features_of(plan, stage)
        assert Feature.SHARED_REPLICAS in features
        assert not may_look_ahead(features) and not may_lockstep(features)
    alone = assemble([StageParts(candidates=ONE), StageParts()], np.array([0, 9]))
    assert all(Feature.SHARED_REPLICAS not in features_of(alone, stage) for stage in (0, 1))


@drawn(40)
@given(mixed_plans())
def test_crowded_batches_are_the_same_on_every_walk(plan):
    every_way(plan)


@drawn(20)
@given(plans(stages=3, guests=False))
def test_drawn_plans_may_be_without_them(plan):
    assert plan.stages["owner"].tolist() == [0, 1, 2] and not plan.stages["follows"].any()


@drawn(20)
@given(plans(stages=3, guests=True))
def test_drawn_plans_with_them_are_the_same_on_every_walk(plan):
    if len(set(plan.stages["owner"].tolist())) < 3:
        every_way(plan)


# --- scenarios --------------------------------------------------------------------------------------------------------

LAW = {"kind": "exponential", "mean": "1ms"}
DIES = {"every": "10s", "repair": "1s", "detect": "10ms"}


def two(query=(), fetch=(), rate="300/s", **more):
    """A query, and a fetch on its nodes."""
    stages = [
        {"name": "query", "model": {"kind": "time", "law": LAW}, **dict(query)},
        {"name": "fetch", "model": {"kind": "time", "law": LAW}, "runs_on": "query", **dict(fetch)},
    ]
    return {"load": {"rate": rate}, "run": {"queries": 2000, "replications": 2}, "stages": stages, **more}


def test_it_has_what_its_owner_has_and_says_nothing_of_it():
    given = {"shards": 3, "replicas": 2, "workers": 4, "queue": "lifo", "slowdowns": [{"every": "1s", "length": "1ms"}]}
    scenario = scenario_from_dict(two({**given, "variability": {"machine": {"kind": "gamma", "cv": 0.2}}}))
    query, fetch = scenario.stages
    assert (fetch.shards, fetch.replicas, fetch.workers, fetch.queue) == (3, 2, 4, query.queue)
    assert fetch.variability.machine == query.variability.machine
    assert fetch.routing.policy == "same"
    resolved = scenario.resolved()["stages"][1]
    assert not resolved.keys() & set(HELD) - {"sharing"} and "shards" not in resolved
    assert scenario_from_dict(scenario.resolved()).resolved() == scenario.resolved()
    plan = make_plan(scenario)
    assert plan.stages["owner"].tolist() == [0, 0] and plan.stages["follows"].tolist() == [0, 1]
    factors = plan.machine_factor.reshape(2, -1)
    assert factors[0].tolist() == factors[1].tolist() and len(set(factors[0].tolist())) == 6


@pytest.mark.parametrize(
    ("query", "fetch", "said"),
    [
        ({}, {"runs_on": "quory"}, "no stage is called 'quory'; did you mean 'query'?"),
        ({}, {"runs_on": "fetch"}, "'fetch' is the stage itself: name an earlier stage"),
        ({"runs_on": "fetch"}, {}, "'fetch' comes after it: name an earlier stage"),
        ({"failures": DIES}, {}, "'query' has failures, and a crash is known where one stage runs: leave them out"),
        ({}, {"failures": DIES}, "its replicas are those of 'query', and a crash is known where one stage runs: leave"),
        ({}, {"shards": 2}, "shards is that of 'query', on which it runs: say it there, or leave runs_on out"),
        ({}, {"queue": "lifo"}, "queue is that of 'query'"),
        ({}, {"variability": {"machine": {"kind": "gamma", "cv": 0.2}}}, "variability.machine is that of 'query'"),
        ({}, {"routing": {"policy": "random", "balancers": 2}}, "routing.balancers is that of 'query'"),
        ({"replicas": 2}, {"hedge": "2ms"}, "a copy would go elsewhere: give routing a policy, or leave hedge out"),
        ({"replicas": 2}, {"tied": True}, "or leave tied out"),
        ({}, {"routing": {"policy": "same", "by": "query"}}, "every shard has its own"),
        ({}, {"routing": {"by": "query"}}, "every shard has its own"),
        ({}, {"routing": {"policy": "same", "decay": "2s"}}, "looks at no latency"),
        ({"routing": "same"}, {}, "it has replicas of its own: give runs_on, or a policy"),
        ({"sharing": "processor"}, {}, "'query' shares its workers"),
        ({"routing": "least_work"}, {"routing": "power_of_two"}, "take policies that look at one thing"),
        ({"shards": 2}, {"gather": {"wait_for": 3}}, "there are 2 shards, got 3"),
    ],
)
def test_what_may_not_be_said_is_told_at_its_place(query, fetch, said):
    with pytest.raises(ScenarioError) as told:
        scenario_from_dict(two(query, fetch))
    assert said in str(told.value)
    assert "stages[" in str(told.value)


def test_a_routing_without_a_policy_goes_where_the_query_has_been():
    assert scenario_from_dict(two({}, {"routing": {"by": "task"}})).stages[1].routing.policy == "same"
    assert scenario_from_dict(two({}, {"routing": {"policy": "random"}})).stages[1].routing.policy == "random"


def test_none_is_no_stage():
    """It says of a stage that it has replicas of its own."""
    given = two()
    given["stages"][0]["name"] = given["stages"][1]["runs_on"] = "none"
    with pytest.raises(ScenarioError, match="have another name"):
        scenario_from_dict(given)


def test_of_a_batch_items_of_two_models_are_not_alike():
    deep = {"model": {"kind": "deep", "per_item": "1us"}, "candidates": 10}
    for more, key in (({"max_items": 4}, "max_items"), ({"sizes": [100]}, "sizes")):
        with pytest.raises(ScenarioError, match=f"leave batching.{key} of 'query' out"):
            scenario_from_dict(two({**deep, "batching": {"max_size": 4, **more}}, deep))
    assert scenario_from_dict(two({**deep, "batching": {"max_size": 4}}, deep)).stages[1].batching is not None


def test_nobody_runs_on_who_runs_on_another():
    given = two()
    given["stages"].append({"name": "third", "model": {"kind": "time", "law": LAW}, "runs_on": "fetch"})
    with pytest.raises(ScenarioError, match="it runs on 'query': name that"):
        scenario_from_dict(given)
    given["stages"][2]["runs_on"] = "query"
    assert make_plan(scenario_from_dict(given)).stages["owner"].tolist() == [0, 0, 0]


def test_machines_count_once_and_hold_both_models():
    node = {"node": {"price": "0.5 USD/h", "power": "100 W", "memory": "4 GiB", "cores": 8}}
    deep = {"model": {"kind": "deep", "parameters": 600_000_000, "flops_per_item": "1 MFLOP"}}
    own = {"shards": 2, "replicas": 2, "hardware": "node", "candidates": 100}
    node["node"]["flops"] = "1 TFLOP/s"
    node["node"]["memory_bandwidth"] = "100 GB/s"
    scenario = scenario_from_dict(two({**own}, hardware=node))
    assert (fleet(scenario).machines, fleet(scenario).usd_per_h, fleet(scenario).power_w) == (4, 2.0, 400.0)
    with pytest.raises(ScenarioError, match=r"a machine must hold .* of parameters"):
        scenario_from_dict(two({**own, **deep}, {**deep}, hardware=node))  # 2.2 GiB each
    assert scenario_from_dict(two({**own, **deep}, hardware=node)).stages[1].hardware == "node"


def test_demand_is_that_of_all_that_run_there():
    plan = make_plan(scenario_from_dict(two({"shards": 2, "replicas": 2, "workers": 2})))
    assert stage_demands(plan) == [(pytest.approx(0.15), pytest.approx(0.15))] * 2
    assert own_demands(plan) == [(pytest.approx(0.075), pytest.approx(0.075))] * 2
    assert certainly_busiest(plan) == pytest.approx(0.15)
    paper = estimate(plan)
    assert (paper.bottleneck.stage, paper.saturation_per_s) == (0, pytest.approx(2000.0))
    assert zero_load(plan) is not None
    # of who may be late nothing is certain, but of the other it is
    late = make_plan(scenario_from_dict(two({"shards": 2}, {"gather": {"timeout": "2ms"}})))
    assert certainly_busiest(late) == pytest.approx(0.3)
    first = make_plan(scenario_from_dict(two({"shards": 2, "gather": {"timeout": "2ms"}})))
    assert certainly_busiest(first) == 0.0


def test_passes_of_one_exponential_service_are_a_network_of_kellys():
    """Each finds the queue as a stream of both passes would: 1 / (mu - 2 lambda), whatever the network takes."""
    slow = {"network": {"request": "1ms", "response": {"kind": "exponential", "mean": "2ms"}}}
    scenario = scenario_from_dict({**two(slow), "run": {"queries": 20_000, "replications": 4, "seed": 3}})
    plan = make_plan(scenario)
    known = {(one.statistic, one.stage): one.value_s for one in estimate(plan).predictions}
    assert known["wait", 0] == known["wait", 1] == pytest.approx(1e-3 / (1 - 0.6) - 1e-3)
    assert known["mean", 1] == pytest.approx(2.5e-3)
    assert known["mean", None] == pytest.approx(2 * 2.5e-3 + 3e-3)
    assert known["p99", 1] == pytest.approx(-2.5e-3 * math.log(0.01))
    assert ("p99", 0) not in known, "its answers take a random time"
    result = simulate(scenario)
    said = result.to_dict()
    checked = [one for one in said["theory"]["checks"] if "Kelly" in one["law"]]
    assert len(checked) >= 5 and {one["verdict"] for one in checked} <= {"agrees", "outside 95 %", "not supported"}
    assert sum(one["verdict"] == "agrees" for one in checked) >= len(checked) - 1
    query, fetch = said["stages"]
    assert fetch["runs_on"] == "query" and "runs_on" not in query
    assert query["utilisation"] == fetch["utilisation"]
    assert query["utilisation"]["mean"]["value"] == pytest.approx(0.6, rel=0.03)
    parts = [stage["own_utilisation"]["value"] for stage in (query, fetch)]
    assert sum(parts) == pytest.approx(query["utilisation"]["mean"]["value"])


@pytest.mark.parametrize("more", [{"workers": 2}, {"replicas": 2}, {"replicas": 2, "routing": "random", "workers": 3}])
def test_passes_through_several_workers_or_replicas(more):
    plan = make_plan(scenario_from_dict(two(more, {"routing": "random"} if "routing" in more else {})))
    waits = [one.value_s for one in estimate(plan).predictions if one.statistic == "wait"]
    left = more.get("replicas", 1)
    assert waits == [pytest.approx(queues.mmc_mean_wait(600 / left, 1e-3, more.get("workers", 1)))] * 2


@pytest.mark.parametrize(
    ("query", "fetch"),
    [
        ({"shards": 2}, {}),
        ({"queue": "lifo"}, {}),
        ({"replicas": 2, "routing": "round_robin"}, {}),
        ({}, {"model": {"kind": "time", "law": {"kind": "exponential", "mean": "2ms"}}}),
        ({}, {"model": {"kind": "time", "law": "1ms"}}),
        ({"after_answer": "1us"}, {}),
    ],
)
def test_where_that_is_not_so_no_law_is_claimed(query, fetch):
    assert estimate(make_plan(scenario_from_dict(two(query, fetch)))).predictions == ()


def test_memory_is_said_before_it_is_taken():
    follows = Plans.of(scenario_from_dict(two({"shards": 100})))
    chooses = Plans.of(scenario_from_dict(two({"shards": 100}, {"routing": "random"})))
    more = memory.needed(follows, "compiled", 1, 1).bytes - memory.needed(chooses, "compiled", 1, 1).bytes
    assert more == pytest.approx(4 * 100 * 2500)


def test_the_laws_of_scenarios_hold():
    given = two({"shards": 2, "replicas": 2, "routing": "power_of_two"}, rate="400/s")
    given["run"] = {"queries": 300, "replications": 2}
    check_scenario(scenario_from_dict(given), profile="quick")


def test_planners_turn_what_is_its_own_and_not_what_it_takes():
    given = two({"shards": 2, "replicas": 3, "queue": {"limit": 9}}, {"routing": "random", "hedge": "2ms"})
    names = {knob.name for knob in knobs_of(scenario_from_dict(given))}
    assert {"query: shards", "query: replicas", "query: workers", "query: queue limit up", "fetch: hedge"} <= names
    assert "fetch: copies" in names, "there are replicas for another"
    assert not {"fetch: shards", "fetch: replicas", "fetch: workers", "fetch: queue limit up"} & names
    with pytest.raises(ScenarioError, match="shards is that of 'query'"):
        varied(scenario_from_dict(given), {"stages.fetch.shards": 3}, "--over")
    apart = varied(scenario_from_dict(two()), {"stages.fetch.runs_on": "none"}, "--over")
    assert apart.stages[1].routing.policy == "random"


def test_a_fleet_is_looked_at_with_all_that_runs_there():
    scenario = scenario_from_dict(two({"replicas": 2}, rate="1900/s"))
    grid = parse_grid(["stages.fetch.model.law.mean=0.1ms,1ms", "stages.query.replicas=2,3"], "--search")
    fleets = Fleets(scenario, grid, conditions_of(scenario, 0.0, 0))
    why = [fleets.on_paper(one) for one in fleets.all()]
    assert [one and one.reason for one in why] == ["saturated", None, "saturated", "saturated"], "both count"
    assert [one.name for one in conditions_of(scenario, 0.0, 1)] == ["", "without a machine of query"]
