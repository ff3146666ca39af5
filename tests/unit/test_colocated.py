"""Stages on the machines of another: who slows whom down, by hand; what machines bring; what may not be said."""

import math
from dataclasses import replace

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from test_hedging import every_way

from simulator import ScenarioError, scenario_from_dict, simulate
from simulator.core.assemble import StageParts, assemble
from simulator.core.colocated import colocated
from simulator.core.failures import Failures
from simulator.core.features import Feature, features_of, may_look_ahead
from simulator.core.hosted import hosted
from simulator.core.laws import Law
from simulator.core.plan import LOSE_NOTHING, LOSE_QUEUED, OF_MACHINE, OF_REPLICA, ROUND_ROBIN, frozen
from simulator.core.slowdowns import Slowdown
from simulator.core.trace import same_trace
from simulator.engines import compiled
from simulator.planner.fleet import fleet
from simulator.planner.plans import Plans, make_plan
from simulator.planning.fleets import Fleets
from simulator.planning.grid import parse_grid, varied
from simulator.planning.knobs import knobs_of
from simulator.planning.spare import conditions_of
from simulator.report.run import run_table
from simulator.scenario.machines import machine_of
from simulator.testing import check_scenario, plans
from simulator.theory import estimate

ONE = Law.constant(1.0)
SLOWER = (1.0, 1.5, 3.0, 6.0)


def plan_of(arrivals, home, *others, apart=False, **of_plan):
    """Queries at a stage, and then at others on its machines."""
    parts = [StageParts(**{"candidates": ONE, **home})]
    for one in others:
        part = StageParts(**one)
        parts.append(part if apart else colocated(part, parts[0], 0))
    return assemble(parts, np.array(arrivals, dtype=np.int64), **of_plan)


def taking(ns, **more):
    return {"knots": [(0.0, float(ns), 0.0)], **more}


def services(trace, stage):
    table = trace.task_table
    of_stage = table.stage == stage
    return (table.finish_ns - table.start_ns)[of_stage].tolist()


def starts(trace, stage):
    return trace.task_table.start_ns[trace.task_table.stage == stage].tolist()


def test_busy_workers_of_the_other_stage_slow_it_down():
    """The first is at the second stage at 10, beside the second at the first: 15 ns. The next one finds nobody."""
    trace = every_way(plan_of([0, 5], taking(10), taking(10, busy=SLOWER)))
    assert services(trace, 0) == [10, 10], "it is not slowed down itself"
    assert (starts(trace, 1), services(trace, 1)) == ([10, 25], [15, 10])
    apart = every_way(plan_of([0, 5], taking(10), taking(10, busy=SLOWER), apart=True))
    assert (starts(apart, 1), services(apart, 1)) == ([10, 20], [10, 10])


def test_each_stage_is_slowed_down_by_its_own_curve():
    """The second starts at 12 at the first stage, beside the first at the other, 10 to 20: three times as long."""
    trace = every_way(plan_of([0, 12], taking(10, busy=[1.0, 3.0]), taking(10, busy=[1.0, 1.5])))
    assert (services(trace, 0), services(trace, 1)) == ([10, 30], [10, 10])


def test_workers_are_counted_one_by_one_of_whoever_is_there():
    """Two tasks of three threads are at the first stage when one starts at the second, and none at the third."""
    home, third = taking(10, workers=2, threads=3, idle=1), taking(1)
    curve = [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 5.0, 5.0]
    trace = every_way(plan_of([0, 10, 10], home, taking(10, busy=curve, threads=2, workers=3), third))
    assert services(trace, 1)[0] == 50, "six others; two of its own are not"
    trace = every_way(plan_of([0, 10], home, taking(10, busy=curve, threads=2, workers=3), third))
    assert services(trace, 1)[0] == 20, "three others"


def test_machine_i_of_one_is_machine_i_of_the_other():
    """Four shards of one replica each, in one row; two shards of two, in two rows: shard 2 is beside replica 1 of 0."""
    share = [0.0, 0.0, 1.0, 0.0]
    home = taking(0, share=share, knots=[(0.0, 0.0, 10.0)])
    other = taking(10, share=[0.5, 0.5], replicas=2, policy=ROUND_ROBIN, by_query=True, busy=SLOWER)
    plan = plan_of([0, 5, 9], home, other)
    trace = every_way(plan)
    table = trace.task_table
    slowed = {
        (int(shard), int(replica - 4) % 2)
        for shard, replica, took in zip(
            *(getattr(table, name)[table.stage == 1] for name in ("shard", "replica")), services(trace, 1), strict=True
        )
        if took == 15
    }
    assert slowed == {(0, 1)}


def test_a_stage_that_runs_at_replicas_there_meets_them_too():
    home = StageParts(candidates=ONE, **taking(10, busy=SLOWER, workers=2))
    other = colocated(StageParts(**taking(10, busy=SLOWER)), home, 0)
    third = hosted(StageParts(**taking(10)), other, 1)
    plan = assemble([home, other, third], np.array([0, 12, 24], dtype=np.int64))
    assert plan.stages["home"].tolist() == [0, 0, 0]
    trace = every_way(plan)
    assert services(trace, 2) == [15, 15, 10], "beside the next one, at the first stage"


def test_the_machine_stops_for_both():
    """Every 100 ns it stops for 50: whoever is there waits."""
    pause = Slowdown(Law.constant(100.0), Law.constant(50.0), math.inf, OF_MACHINE)
    own = Slowdown(Law.constant(40.0), Law.constant(1.0), math.inf, OF_REPLICA)
    trace = every_way(plan_of([85], taking(10, slowdowns=[own, pause]), taking(10)))
    assert (services(trace, 0), services(trace, 1)) == ([10], [60]), "the pause of the replica is the first stage's own"


def test_its_luck_is_that_of_the_machine():
    """Stretches that luck says are those of both, whatever the place of the slowdown in either list."""
    pause = Slowdown(Law.exponential(300.0), Law.exponential(300.0), math.inf, OF_MACHINE)
    never = Slowdown(Law.constant(1e12), Law.constant(0.0))
    home = taking(1, replicas=2, policy=ROUND_ROBIN, slowdowns=[never, pause], by_query=True)
    plan = plan_of(range(0, 20_000, 50), home, taking(1, replicas=2, policy=ROUND_ROBIN, by_query=True), seed=4)
    trace = every_way(plan)
    assert (np.array(services(trace, 0)) > 1).sum() > 20, "many are stopped at the first stage"
    assert services(trace, 1).count(1) > 395, "who has come through goes through, but at the edge of a stop"


@pytest.mark.parametrize("lose", [LOSE_NOTHING, LOSE_QUEUED])
def test_a_crash_of_the_machine_takes_both(lose):
    crash = Failures(Law.constant(100.0), Law.constant(50.0), lose, 5, OF_MACHINE)
    trace = every_way(plan_of([85], taking(10, failures=crash), taking(20)))
    assert starts(trace, 1)[0] == 95
    at_home = plan_of([85], taking(10, failures=replace(crash, scope=OF_REPLICA)), taking(20))
    assert services(every_way(at_home), 1) == [20], "a crash of a replica is its own"
    if lose == LOSE_NOTHING:
        assert services(trace, 1) == [70]
    else:
        assert trace.lost.tolist() == [0, 1] and starts(trace, 1)[1] == 150


@drawn(25)
@given(plans(stages=3, colocated=True, neighbours=True, sharing=False))
def test_drawn_plans_with_them_are_the_same_on_every_walk(plan):
    every_way(plan)


@drawn(25)
@given(plans(colocated=True, neighbours=False, slowdowns=False, failures=False))
def test_without_neighbours_that_matter_nothing_changes(plan):
    """Every column is equal, and it is as fast: it may still look ahead."""
    stages = plan.stages.copy()
    stages["home"] = stages["beside"] = stages["owner"]
    alone = replace(plan, stages=frozen(stages))
    assert same_trace(compiled.simulate(plan, tasks=True), compiled.simulate(alone, tasks=True)) == ""
    assert same_trace(compiled.simulate(plan), compiled.simulate(alone)) == "", "in lockstep where that may be"
    assert all(features_of(plan, stage) == features_of(alone, stage) for stage in range(len(stages)))


@drawn(20)
@given(plans(stages=3, colocated=False))
def test_drawn_plans_may_be_without_them(plan):
    assert (plan.stages["home"] == plan.stages["owner"]).all()


def test_who_is_beside_somebody_that_is_slowed_down_goes_event_by_event():
    both = plan_of([0], taking(1), taking(1, busy=SLOWER))
    assert all(Feature.COLOCATED in features_of(both, stage) for stage in (0, 1))
    assert not any(may_look_ahead(features_of(both, stage)) for stage in (0, 1))
    neither = plan_of([0], taking(1), taking(1))
    assert all(may_look_ahead(features_of(neither, stage)) for stage in (0, 1))


@pytest.mark.parametrize(
    ("home", "other", "reason"),
    [
        ({"replicas": 2}, {}, "they have as many machines"),
        ({"machine": Law.exponential(1.0)}, {}, "the speed of a machine is one"),
        ({"slowdowns": [Slowdown(ONE, ONE, 2.0, OF_MACHINE)]}, {}, "a machine is slow with all that is on it"),
        ({"failures": Failures(ONE, ONE, scope=OF_MACHINE)}, {}, "a machine crashes with all that is on it"),
        ({"sharing": True}, {"busy": SLOWER}, "workers that tasks share are not counted as busy"),
    ],
)
def test_parts_that_may_not_be(home, other, reason):
    with pytest.raises(AssertionError, match=reason):
        assemble([StageParts(candidates=ONE, **home), StageParts(home=0, **other)], np.zeros(1, dtype=np.int64))


# --- scenarios --------------------------------------------------------------------------------------------------------

LAW = {"kind": "exponential", "mean": "1ms"}
TIME = {"kind": "time", "law": LAW}
PAUSE = {"every": {"kind": "exponential", "mean": "1s"}, "length": "5ms", "scope": "machine"}
DIES = {"every": "10s", "repair": "1s", "detect": "10ms"}
NODE = {"price": "0.5 USD/h", "power": "100 W", "memory": "4 GiB", "cores": 8}


def two(lookup=(), rank=(), rate="300/s", **more):
    """A lookup, and a ranker on its machines."""
    stages = [
        {"name": "lookup", "model": TIME, **dict(lookup)},
        {"name": "rank", "model": TIME, "colocate": "lookup", **dict(rank)},
    ]
    return {"load": {"rate": rate}, "run": {"queries": 2000, "replications": 2}, "stages": stages, **more}


def test_it_has_one_replica_beside_each_unless_it_says_otherwise():
    given = {"shards": 4, "replicas": 2, "per_machine": 2, "hardware": "node"}
    scenario = scenario_from_dict(two(given, hardware={"node": NODE}))
    rank = scenario.stages[1]
    assert (rank.shards, rank.replicas, rank.per_machine, rank.hardware, rank.workers) == (4, 2, 2, "node", 1)
    resolved = scenario.resolved()["stages"][1]
    assert not resolved.keys() & {"shards", "replicas", "per_machine", "hardware"}
    assert scenario_from_dict(scenario.resolved()).resolved() == scenario.resolved()
    given = two(given, {"shards": 2, "workers": 3}, hardware={"node": NODE})
    own = scenario_from_dict(given)
    assert (own.stages[1].shards, own.stages[1].replicas, own.stages[1].machines) == (2, 2, 4)
    assert scenario_from_dict(own.resolved()).resolved() == own.resolved()
    assert make_plan(own).stages["home"].tolist() == [0, 0]
    apart = varied(scenario, {"stages.rank.colocate": "none"}, "--over")
    assert apart.stages[1].shards == 1 and make_plan(apart).stages["home"].tolist() == [0, 1]


def test_what_is_of_machines_is_that_of_both():
    law = {"kind": "gamma", "cv": 0.2}
    slow = [{**PAUSE, "scope": "replica"}, PAUSE]
    dies = {**DIES, "scope": "machine"}
    wide = {"shards": 4, "per_machine": 2, "replicas": 2, "variability": {"machine": law}, "slowdowns": slow}
    scenario = scenario_from_dict(two({**wide, "failures": dies}, {"replicas": 4, "shards": 1}))
    plan, (lookup, rank) = make_plan(scenario), scenario.stages
    by_machine = {
        machine_of(lookup, shard, at): plan.machine_factor[shard * 2 + at] for shard in (0, 2) for at in (0, 1)
    }
    assert [by_machine[at] for at in range(4)] == plan.machine_factor[8:].tolist()
    assert len(set(by_machine.values())) == 4
    assert plan.slowdowns[["scope", "which"]].tolist() == [(OF_REPLICA, 0), (OF_MACHINE, 1), (OF_MACHINE, 1)]
    assert plan.stages["fails"].tolist() == [1, 1] and rank.loses
    assert "failures" not in scenario.resolved()["stages"][1]
    alone = scenario_from_dict(two({**wide, "failures": DIES}, {"replicas": 4, "shards": 1}))
    assert make_plan(alone).stages["fails"].tolist() == [1, 0], "a replica that crashes is one stage's"


def test_planned_outages_of_machines_and_zones_are_those_of_both():
    def out(rank, *outages):
        given = {
            "shards": 4,
            "replicas": 3,
            "zones": 3,
            "outages": [{**one, "from": "0s", "until": "1s"} for one in outages],
        }
        plan = make_plan(scenario_from_dict(two(given, rank)))
        first = int(plan.stages[1]["first_outage"])
        return plan.outages[["step", "rest", "first_shard", "shards"]][first:].tolist()

    everywhere = 2**62
    assert out({}, {"zone": 1}, {"machine": 5}, {"replica": 0}) == [(3, 1, 0, everywhere), (3, 1, 1, 1)]
    own = {"outages": [{"replica": 2, "from": "0s", "until": "1s"}]}
    assert out(own, {"machine": 0}) == [(3, 2, 0, everywhere), (3, 0, 0, 1)]
    # twelve machines in two rows of six, each of two shards; zone 1 is machines 4 to 7
    wide = {"shards": 12, "per_machine": 2, "replicas": 2}
    assert out(wide, {"zone": 1}) == [(2, 0, 8, 4), (2, 1, 0, 4)]


@pytest.mark.parametrize(
    ("lookup", "rank", "said"),
    [
        ({}, {"colocate": "lookop"}, "no stage is called 'lookop'; did you mean 'lookup'?"),
        ({}, {"colocate": "rank"}, "'rank' is the stage itself: name an earlier stage"),
        ({"colocate": "rank"}, {}, "'rank' comes after it: name an earlier stage"),
        ({}, {"runs_on": "lookup"}, "it runs at the replicas of 'lookup', and is on their machines"),
        ({"replicas": 2}, {"replicas": 3}, "there are 3 machines of its own and 2 machines of 'lookup'"),
        ({"shards": 2, "replicas": {"default": 1, "hot": {"shards": [0], "replicas": 2}}}, {"shards": 2}, "there are"),
        ({"shards": 2, "replicas": {"default": 1, "hot": {"shards": [0], "replicas": 2}}}, {"replicas": 2}, "has none"),
        ({}, {"zones": 2}, "its machines are those of 'lookup': say it there"),
        ({"replicas": 2}, {"lost_machine": 0}, "its machines are those of 'lookup': say it there"),
        ({}, {"variability": {"machine": {"kind": "gamma", "cv": 0.2}}}, "and so is their speed: say it there"),
        ({}, {"slowdowns": [PAUSE]}, "say there what slows them down, or take another scope"),
        ({}, {"failures": {**DIES, "scope": "machine"}}, "say there how they crash, or take another scope"),
        ({}, {"outages": [{"machine": 0, "from": "0s", "until": "1s"}]}, "and it takes out the replicas of both"),
        ({"failures": {**DIES, "scope": "machine"}}, {"failures": DIES}, "machines of 'lookup' crash, and take this"),
        (
            {"failures": {**DIES, "scope": "machine"}},
            {"sharing": "processor"},
            "machines of 'lookup' crash: what crashes",
        ),
        ({"slowdowns": [PAUSE]}, {"sharing": "processor"}, "machines of 'lookup' are slow now and then"),
        (
            {"slowdowns": [PAUSE]},
            {"slowdowns": [{**PAUSE, "scope": "replica"}] * 16},
            "at most 16 with 1 of the machines",
        ),
        ({"sharing": "processor"}, {"interference": "5%"}, "interference of 'rank', which is on the same machines"),
        ({"replicas": 2, "lost_machine": 0}, {"shards": 2, "replicas": 1}, "has other rows of machines"),
        (
            {"replicas": 2, "lost_machine": 0},
            {"outages": [{"replica": 0, "from": "0s", "until": "1s"}]},
            "is lost: a ma",
        ),
        ({"replicas": 2}, {"hardware": "node"}, "is on the machines of 'lookup', which has no hardware"),
        ({}, {"gather": {"wait_for": 3}}, "there is 1 shard, got 3"),
    ],
)
def test_what_may_not_be_said_is_told_at_its_place(lookup, rank, said):
    with pytest.raises(ScenarioError) as told:
        scenario_from_dict(two(lookup, rank, hardware={"node": NODE}))
    assert said in str(told.value)
    assert "stages[" in str(told.value)


def test_nobody_is_colocated_with_who_has_no_machines():
    given = two()
    given["stages"].append({"name": "third", "model": TIME, "colocate": "rank"})
    with pytest.raises(ScenarioError, match="it is colocated with 'lookup': name that"):
        scenario_from_dict(given)
    given["stages"][2]["colocate"] = "lookup"
    assert make_plan(scenario_from_dict(given)).stages["beside"].tolist() == [1, 2, 0]
    given["stages"][1] = {"name": "rank", "model": TIME, "runs_on": "lookup"}
    given["stages"][2]["colocate"] = "rank"
    with pytest.raises(ScenarioError, match="it runs on 'lookup': name that"):
        scenario_from_dict(given)


def test_machines_are_priced_once_and_hold_both():
    own = {"shards": 2, "replicas": 2, "hardware": "node", "candidates": 1000, "bytes_per_candidate": "1 MB"}
    scenario = scenario_from_dict(two(own, hardware={"node": NODE}))
    assert (fleet(scenario).machines, fleet(scenario).usd_per_h, fleet(scenario).power_w) == (4, 2.0, 400.0)
    with pytest.raises(ScenarioError) as told:
        scenario_from_dict(two({**own, "workers": 4}, {"workers": 5}, hardware={"node": NODE}))
    assert "4 workers x 1 of 'lookup' and 5 workers x 1 of 'rank' on a machine take 9 cores; 'node' has 8" in str(
        told.value
    )
    big = {"candidates": 1000, "bytes_per_candidate": "8 MB"}
    with pytest.raises(ScenarioError, match="of candidates, 'lookup' and 'rank' together; 'node' has"):
        scenario_from_dict(two(own, big, hardware={"node": NODE}))
    # the fullest machine of each is another: 3 GB beside 1, and 1 beside 3
    full = {"shards": 2, "hardware": "node", "candidates": 1000, "bytes_per_candidate": "4 MB", "shares": [3, 1]}
    linear = {"kind": "linear", "per_item": "1us"}
    crossed = two({**full, "model": linear}, {**full, "model": linear, "shares": [1, 3]}, hardware={"node": NODE})
    assert scenario_from_dict(crossed).stages[1].hardware == "node"
    with pytest.raises(ScenarioError, match=r"6 GB of candidates, 'lookup' and 'rank'"):
        scenario_from_dict(two({**full, "model": linear}, {**full, "model": linear}, hardware={"node": NODE}))


def test_what_is_said_of_a_run():
    scenario = scenario_from_dict(two({"workers": 2}, {"workers": 2, "interference": "50%"}, rate="900/s"))
    assert "rank: interference: demand leaves it out; with all workers of a machine busy a task takes 150% longer" in (
        scenario.notes()
    )
    said = simulate(scenario).to_dict()
    lookup, rank = said["stages"]
    assert rank["colocate"] == "lookup" and "colocate" not in lookup
    used = [stage["utilisation"]["mean"]["value"] for stage in (lookup, rank)]
    assert lookup["machine_utilisation"]["value"] == pytest.approx(sum(used) / 2)
    assert "machine_utilisation" not in rank
    assert rank["service_s"]["value"] > 1.2e-3 > 1.05e-3 > lookup["service_s"]["value"]
    assert "machines of lookup, and of rank: " in run_table(said, 100)


def test_what_machines_do_is_said_of_each_stage_there():
    """A machine that is out may hold the only replica of one stage, and one of two of another."""
    out = {"machine": 3, "from": "1s", "until": "20s"}
    apart = {"shards": 4, "replicas": 1, "colocate": "lookup"}
    given = two({"shards": 4, "replicas": 2, "per_machine": 2, "outages": [out], "slowdowns": [{**PAUSE, "factor": 3}]})
    given["stages"].append({"name": "third", "model": TIME, **apart})
    notes = scenario_from_dict(given).notes()
    gone = "at 1.00 s no replica of a shard is there: its tasks wait with their sender until one is back"
    assert [note.split(": ")[0] for note in notes if "1 of 2 replicas of a shard is out" in note] == ["lookup", "rank"]
    assert f"third: outages: {gone}" in notes
    slow = [note.split(": ")[0] for note in notes if ": slowdowns: " in note]
    assert slow == ["lookup", "rank", "third"]


def test_machines_of_unlike_number_hold_what_they_hold_and_are_refused():
    given = two({"shards": 4, "replicas": 2, "hardware": "node", "bytes_per_candidate": "1 kB"}, {"shards": 3})
    for stage in given["stages"]:
        stage["candidates"] = 10
    with pytest.raises(ScenarioError, match="there are 6 machines of its own and 8 machines of 'lookup'"):
        scenario_from_dict({**given, "hardware": {"node": NODE}})


def test_that_nobody_minds_the_other_is_said():
    [said] = scenario_from_dict(two()).notes()
    assert (
        said == "rank: colocate: neither it nor 'lookup' has interference, so busy workers of one do not slow the other"
    )


def test_laws_hold_for_who_is_not_slowed_down():
    known = estimate(make_plan(scenario_from_dict(two({}, {"interference": "50%"})))).predictions
    assert {one.stage for one in known if one.statistic == "wait"} == {0}


def test_the_laws_of_scenarios_hold():
    given = two({"shards": 2, "replicas": 2}, {"interference": "20%"}, rate="400/s")
    given["run"] = {"queries": 300, "replications": 2}
    check_scenario(scenario_from_dict(given), profile="quick")


def test_planners_turn_what_is_its_own():
    scenario = scenario_from_dict(two({"replicas": 2}, {"tied": True, "interference": "20%"}))
    names = {knob.name for knob in knobs_of(scenario)}
    assert {"lookup: replicas", "rank: workers", "rank: interference"} <= names
    assert not {"rank: shards", "rank: replicas"} & names
    more = varied(scenario, {"stages.lookup.replicas": 3}, "--over")
    assert [stage.replicas for stage in more.stages] == [3, 3]
    fixed = scenario_from_dict(two({"replicas": 2}, {"replicas": 2}))
    with pytest.raises(ScenarioError, match="machine i of one is machine i of the other"):
        varied(fixed, {"stages.lookup.replicas": 3}, "--over")


def test_a_lost_machine_is_lost_to_both():
    scenario = scenario_from_dict(two({"shards": 2, "replicas": 2, "lost_machine": 1}))
    plan = make_plan(scenario)
    assert plan.left.tolist() == [2, 1, 2, 1]
    assert plan.machine_factor[:4].tolist() == plan.machine_factor[4:].tolist()
    assert [condition.lost for condition in conditions_of(scenario_from_dict(two({"replicas": 2})), 0.0, 1)] == [
        None,
        0,
    ]
    unlike = scenario_from_dict(two({"replicas": 2}, {"shards": 2, "replicas": 1}))
    with pytest.raises(ScenarioError, match="rank has other rows of machines"):
        conditions_of(unlike, 0.0, 1)


def test_a_fleet_is_looked_at_with_all_that_is_on_its_machines():
    scenario = scenario_from_dict(two({"replicas": 2}, {"workers": 1}, rate="1500/s"))
    grid = parse_grid(["stages.lookup.replicas=1,2,3", "stages.rank.workers=1,2"], "--search")
    fleets = Fleets(scenario, grid, conditions_of(scenario, 0.0, 1))
    found = fleets.all()
    assert [one.machines for one in found] == [1, 1, 2, 2, 3, 3]
    why = [fleets.on_paper(one) for one in found]
    assert [one and one.reason for one in why] == [*["no replica to spare"] * 2, *["saturated"] * 2, None, None]
    assert Plans.of(scenario.with_lost({0: 1})).outline().left.tolist() == [1, 1]
