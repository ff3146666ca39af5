"""Replicas that crash: by hand, who is avoided and what is sent again, beside exact values, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from test_hedging import every_way

from simulator import ScenarioError, capacity, scenario_from_dict, simulate, validate
from simulator.core.assemble import StageParts, assemble
from simulator.core.columns import COMPLETE, FAILED, PARTIAL
from simulator.core.copy_states import LOST, STATES
from simulator.core.failures import MOST_SENDINGS, Failures
from simulator.core.features import Feature, features_of
from simulator.core.laws import Law
from simulator.core.plan import (
    CANCEL_QUEUED,
    LOSE_NOTHING,
    LOSE_QUEUED,
    LOSE_RUNNING,
    OF_MACHINE,
    OF_REPLICA,
    OF_SHARD,
    OF_STAGE,
    ROLES,
    ROUND_ROBIN,
    UP,
    frozen,
)
from simulator.core.trace import same_trace
from simulator.engines import compiled
from simulator.planner.plans import Plans, make_plan
from simulator.planning.grid import varied
from simulator.planning.knobs import knobs_of
from simulator.running.memory import needed
from simulator.testing import plans
from simulator.theory import busiest, certainly_busiest, estimate


def crashes(up, down, lose=LOSE_QUEUED, detect=10, scope=OF_REPLICA):
    """Of constant times."""
    return Failures(Law.constant(float(up)), Law.constant(float(down)), lose, detect, scope)


def part(failures, **more):
    """One server, 100 ns a task."""
    given = {"candidates": Law.constant(1.0), "knots": [(0.0, 100.0, 0.0)], "failures": failures}
    return StageParts(**{**given, **more})


def ran(one, arrival_ns=(0,), **more):
    """The trace, the same by every engine and walk."""
    return every_way(assemble([one], np.array(arrival_ns), **more))


def rows(trace):
    """Of each copy: number, replica, when it starts, finishes and is lost."""
    tasks = trace.task_table
    columns = tasks.copy, tasks.replica, tasks.start_ns, tasks.finish_ns, tasks.withdrawn_ns
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_what_runs_is_lost_and_sent_again_when_that_is_known():
    """Up for 150, down for 40: the second runs from 100 on, is lost at 150, known at 160, sent to wait until 190."""
    trace = ran(part(crashes(150, 40)), [0, 0])
    assert rows(trace) == [(0, 0, 0, 100, -1), (0, 0, 100, -1, 150), (1, 0, 190, 290, -1)]
    assert trace.task_table.enqueue_ns.tolist() == [0, 0, 190], "it waits with its sender: all replicas are down"
    assert (trace.lost.tolist(), trace.lost_ns.tolist(), trace.resent.tolist()) == ([1], [50], [1])
    assert (trace.busy_ns.tolist(), trace.wasted_ns.tolist()) == ([250], [50])
    assert trace.close_ns.tolist() == [[100, 290]]


def test_a_finish_at_the_instant_of_a_crash_stands():
    trace = ran(part(crashes(100, 40)))
    assert rows(trace) == [(0, 0, 0, 100, -1)]
    assert trace.lost.tolist() == [0]


def test_who_waits_is_lost_too_or_not():
    """Crash at 50: the queue of one is lost with it, or is served from the repair at 90 on."""
    short = {"knots": [(0.0, 30.0, 0.0)]}
    queued, running = (ran(part(crashes(50, 40, lose), **short), [30, 35]) for lose in (LOSE_QUEUED, LOSE_RUNNING))
    assert rows(queued)[:3] == [(0, 0, 30, -1, 50), (1, 0, 90, 120, -1), (0, 0, -1, -1, 50)]
    first = [(0, 0, 30, -1, 50), (1, 0, 120, -1, 140), (2, 0, 180, 210, -1)]
    assert rows(running) == [*first, (0, 0, 90, 120, -1)], "who is sent again is behind it"


def test_who_comes_meanwhile_is_lost_or_waits():
    """Down from 50 to 90, known at 80: who comes at 60 is refused by the machine, and sent again at 90."""
    queued, running, nothing = (
        ran(part(crashes(50, 40, lose, 30), knots=[(0.0, 10.0, 0.0)]), [60])
        for lose in (LOSE_QUEUED, LOSE_RUNNING, LOSE_NOTHING)
    )
    assert rows(queued) == [(0, 0, -1, -1, 60), (1, 0, 90, 100, -1)]
    assert queued.task_table.enqueue_ns.tolist() == [-1, 90]
    assert rows(running) == rows(nothing) == [(0, 0, 90, 100, -1)]


def test_nothing_lost_goes_on_where_it_was():
    """Up for 60, down for 30: 60 + 40 ns of work."""
    trace = ran(part(crashes(60, 30, LOSE_NOTHING)), [0, 130])
    assert rows(trace) == [(0, 0, 0, 130, -1), (0, 0, 130, 290, -1)], "60 to 90, 150 to 180 and 240 to 270 it is down"
    assert trace.lost.tolist() == [0]
    assert not len(trace.coverage), "every answer comes"


def test_a_replica_that_is_known_to_be_down_is_avoided():
    """Replica 0 is down from 50 to 90 and that is known from 60 on; round robin."""
    one = part(crashes(50, 40), replicas=2, policy=ROUND_ROBIN, knots=[(0.0, 1.0, 0.0)])
    plan = assemble([one], np.array([49, 50, 52, 59, 60, 61, 89, 90]))
    stages, laws = plan.stages.copy(), plan.laws.copy()
    assert (stages["fails"], laws["a"][UP]) == (1, 50.0)
    tasks = every_way(plan).task_table
    both = tasks.replica[tasks.copy == 0].tolist()
    assert both[:4] == [0, 1, 0, 1], "nobody knows"
    assert tasks.state[tasks.copy == 0][[1, 2, 3]].tolist() == [LOST] * 3, "constants: both crash at once"
    held = tasks.enqueue_ns[(tasks.copy == 0)].tolist()
    assert held[4:] == [90, 90, 90, 90], "both are known to be down: sent at the repair"


def test_it_goes_to_another_that_is_up():
    """Luck of their own: of the tasks sent after a crash is known, none goes to a replica that is down."""
    one = part(
        Failures(Law.exponential(300.0), Law.exponential(200.0), LOSE_QUEUED, 1), replicas=3, knots=[(0.0, 9.0, 0.0)]
    )
    trace = ran(one, np.arange(0, 2000, 20))
    assert trace.lost.sum() > 0
    assert (trace.outcome == COMPLETE).all()
    sent_again = trace.task_table.copy > 0
    assert sent_again.sum() == trace.resent.sum() > 0


def test_a_task_that_is_lost_16_times_has_failed():
    """Up for 50 ns a task of 100 is never done."""
    trace = ran(part(crashes(50, 40)))
    assert trace.outcome.tolist() == [FAILED]
    assert len(rows(trace)) == MOST_SENDINGS == 16
    assert (trace.lost.tolist(), trace.resent.tolist()) == ([16], [15])


def test_a_shard_that_has_failed_leaves_a_partial_answer():
    two = part(crashes(50, 40), share=[0.75, 0.25], knots=[(0.0, 0.0, 100.0)])
    trace = ran(two)
    assert (trace.outcome.tolist(), trace.coverage.tolist()) == ([PARTIAL], [[0.25]])


def test_a_whole_batch_is_lost():
    one = part(crashes(110, 40), max_size=3, max_wait_ns=100, knots=[(0.0, 20.0, 0.0)])
    trace = ran(one, [100, 101, 102])
    tasks = trace.task_table
    assert tasks.state[tasks.copy == 0].tolist() == [LOST] * 3
    assert trace.lost_ns.tolist() == [8], "shared by three"
    assert trace.batches.sum() == 1, "that of those sent again alone counts"


def test_who_is_withdrawn_is_not_sent_again():
    """The stage closes at 120 without the answer that is lost at 110."""
    one = part(crashes(110, 500, detect=100), share=[0.5, 0.5], knots=[(0.0, 0.0, 400.0)], timeout_ns=120)
    trace = ran(one)
    assert trace.lost.tolist() == [1, 1]
    assert trace.resent.tolist() == [0, 0]


def test_a_copy_that_lives_is_enough():
    """Hedged at 10: the copy is at the other replica when the first is lost; nothing is sent again."""
    plan = assemble(
        [part(crashes(50, 40, detect=5), replicas=2, hedges=1, hedge_ns=10, cancels=CANCEL_QUEUED, policy=ROUND_ROBIN)],
        np.array([0]),
    )
    trace = every_way(plan)
    tasks = trace.task_table
    assert trace.hedged.sum() == 1
    lost = tasks.withdrawn_ns[tasks.copy <= 1].tolist()
    assert lost == [50, 50], "constants: both are lost at once, and the last to be known is sent again"
    assert trace.resent.sum() == len(tasks.copy) - 2


def test_tied_copies_agree_before_a_loss_is_known():
    given = {"replicas": 2, "hedges": 1, "hedge_ns": 0, "cancels": CANCEL_QUEUED, "cancel_ns": 20}
    with pytest.raises(AssertionError, match="agree before"):
        assemble([part(crashes(150, 40, detect=19), **given)], np.array([0]))
    trace = ran(part(crashes(150, 40, detect=20), **given), [0, 1, 2])
    assert trace.lost.sum() > 0
    assert (trace.outcome == COMPLETE).all()


def test_a_tied_copy_that_is_lost_when_it_would_be_withdrawn_is_still_hoped_for():
    """Of this seed one is lost at the very instant; until that is known its shard may answer."""
    tied = {"replicas": 2, "hedges": 1, "hedge_ns": 0, "cancels": CANCEL_QUEUED, "cancel_ns": 1}
    waits = {"wait_for": 1, "timeout_ns": 20, "then": 1.0}
    now_and_then = Failures(Law.exponential(20.0), Law.exponential(3.0), LOSE_QUEUED, 1)
    each = {"share": [0.5, 0.5], "knots": [(0.0, 4.0, 0.0)], "response": Law.constant(3.0)}
    trace = ran(part(now_and_then, **tied, **waits, **each), np.arange(12) * 3, seed=41)
    assert trace.lost.sum() > 0


def test_who_was_turned_away_is_sent_there_again():
    """Full queues refuse tasks, whose copies are lost elsewhere: whoever is known to be refused holds no replica."""
    now_and_then = Failures(Law.exponential(40.0), Law.exponential(10.0), LOSE_QUEUED, 2)
    given = {"replicas": 2, "limit": 1, "hedges": 1, "hedge_ns": 5, "cancels": CANCEL_QUEUED, "policy": ROUND_ROBIN}
    each = {"knots": [(0.0, 20.0, 0.0)], "response": Law.constant(1.0)}
    trace = ran(part(now_and_then, **given, **each), np.arange(12) * 7, seed=4)
    tasks = trace.task_table
    been = set(zip(tasks.query.tolist(), tasks.replica.tolist(), strict=True))
    assert trace.refused.sum() > 0
    assert trace.resent.sum() > 0
    assert len(been) < len(tasks.query), "some are sent where they have been"


def test_what_is_sent_again_may_be_refused():
    """A queue of none: who is sent again at the repair finds another there, since they come at once."""
    trace = ran(part(crashes(150, 40), limit=1), [0, 10, 20])
    assert trace.refused.sum() > 0
    assert trace.lost.sum() > 0


def test_a_clean_up_goes_on():
    """Its worker is taken until 160, through a crash that is repaired at 130: the answer had gone at 100."""
    trace = ran(part(crashes(120, 10, LOSE_RUNNING), after=Law.constant(60.0)), [0, 1])
    assert rows(trace)[:2] == [(0, 0, 0, 100, -1), (0, 0, 160, -1, 250)]


def test_workers_of_a_replica_that_is_down_slow_nobody_down():
    """Two replicas of a machine, crashes of their own: whoever starts beside one that is down is alone."""
    own = Failures(Law.exponential(80.0), Law.exponential(80.0), LOSE_NOTHING, 50)
    one = part(own, share=[0.5, 0.5], per_machine=2, busy=[1.0, 2.0], knots=[(0.0, 10.0, 0.0)])
    took = ran(one, np.arange(0, 900, 15)).task_table
    assert {10, 20} <= set((took.finish_ns - took.start_ns).tolist())


@pytest.mark.parametrize(
    ("scope", "classes"),
    [
        (OF_REPLICA, [0, 1, 2, 3, 4, 5, 6, 7]),
        (OF_MACHINE, [0, 1, 0, 1, 2, 3, 2, 3]),
        (OF_SHARD, [0, 0, 1, 1, 2, 2, 3, 3]),
        (OF_STAGE, [0] * 8),
    ],
)
def test_what_crashes_as_a_whole_is_down_at_once(scope, classes):
    """Four shards, two replicas, two shards a machine."""
    one = Failures(Law.exponential(1e4), Law.exponential(1e3), LOSE_QUEUED, 5, scope)
    trace = compiled.simulate(assemble([part(one, share=[0.25] * 4, replicas=2, per_machine=2)], np.array([0, 10**6])))
    values = trace.down_ns.tolist()
    assert [values.index(value) for value in values] == [classes.index(one) for one in classes]


@drawn(40)
@given(plans(failures=False, sharing=False))
def test_a_crash_that_never_comes_changes_nothing(plan):
    """Services that would stop: every column is equal."""
    stages, laws = plan.stages.copy(), plan.laws.copy()
    stages["fails"], stages["detect_ns"] = 1, 1
    for stage in range(len(stages)):
        for role in (UP, UP + 1):
            laws[stage * ROLES + role] = (1, 2.0**59, 0.0, 0.0, 0, 0, 0)
    still = dataclasses.replace(plan, stages=frozen(stages), laws=frozen(laws))
    assert Feature.FAILURES in features_of(still, 0)
    assert same_trace(compiled.simulate(still, tasks=True), compiled.simulate(plan, tasks=True)) == ""


STAGE = {
    "name": "leaf",
    "candidates": 1000,
    "shards": 4,
    "replicas": 2,
    "model": {"kind": "time", "law": {"kind": "exponential", "mean": "1ms"}},
}
SCENARIO = {
    "name": "leaf",
    "load": {"arrivals": "poisson", "rate": "600/s"},
    "run": {"queries": 2000, "replications": 4},
    "slos": ["p95 < 40ms"],
}
CRASHES = {"every": {"kind": "exponential", "mean": "500ms"}, "repair": "20ms", "detect": "5ms"}


def scenario(failures=None, **more):
    given = {} if failures is None else {"failures": failures}
    return scenario_from_dict({**SCENARIO, "stages": [{**STAGE, **given, **more}]})


def test_crashes_that_never_come_change_no_figure():
    without, never = simulate(scenario()).to_dict(), simulate(scenario({**CRASHES, "every": "300h"})).to_dict()
    assert without["latency_s"] == never["latency_s"]
    (one,), (other,) = without["stages"], never["stages"]
    assert {key: other[key] for key in one if key != "demand"} == {key: one[key] for key in one if key != "demand"}


def test_a_run_says_what_crashes_cost():
    (stage,) = simulate(scenario(CRASHES)).to_dict()["stages"]
    said = stage["failures"]
    assert (said["lose"], said["detect_s"], said["up_ratio"]) == ("queued", 0.005, pytest.approx(25 / 26))
    assert said["all_up_ratio"] == pytest.approx((1 - 1 / 26**2) ** 4)
    assert said["down_ratio"]["low"] < 1 / 26 < said["down_ratio"]["high"]
    assert 0 < said["resent_ratio"]["value"] <= said["lost_ratio"]["value"] < 0.05
    assert 0 < said["lost_work_ratio"]["value"] < 0.05
    (stage,) = simulate(scenario({**CRASHES, "lose": "nothing"})).to_dict()["stages"]
    assert "lost_ratio" not in stage["failures"]
    assert "gather" not in stage


@pytest.mark.parametrize(
    ("shards", "replicas", "up", "all_up"),
    [(1000, 1, 0.999, 0.36769542477096373), (100, 2, 0.99, 0.9900493386913719)],
)
def test_how_often_all_shards_are_up_is_that_of_the_literature(shards, replicas, up, all_up):
    """Of independent parts; Barlow and Proschan (1975)."""
    spells = {"every": {"kind": "exponential", "mean": f"{up!r}h"}, "repair": f"{1 - up!r}h", "detect": "1s"}
    given = scenario(spells, shards=shards, replicas=replicas).with_run(queries=100, replications=2)
    said = simulate(given).to_dict()["stages"][0]["failures"]
    assert (said["up_ratio"], said["all_up_ratio"]) == (pytest.approx(up), pytest.approx(all_up))


def server(service, up, repair, rate, **more):
    stage = {"name": "one", "model": {"kind": "time", "law": service}}
    stage["failures"] = {"every": up, "repair": repair, "detect": "1s", "lose": "nothing"} | more
    return {"name": "one", "load": {"rate": rate}, "stages": [stage]}


def exponential(mean):
    return {"kind": "exponential", "mean": mean}


@pytest.mark.parametrize(
    ("service", "repair", "rate", "up", "mean_s", "used"),
    [
        (exponential("1s"), exponential("2s"), "0.5/s", "10s", 3.8333333333333335, 0.6),
        ("1s", "2s", "0.5/s", "10s", 2.516666666666666, 0.6),
        (exponential("1s"), exponential("5s"), "0.7/s", "50s", 6.758893280632411, 0.77),
    ],
)
def test_the_mean_of_a_server_that_crashes_is_known(service, repair, rate, up, mean_s, used):
    """It fails busy or not, and loses nothing (White and Christie, 1958; Avi-Itzhak and Naor, 1963)."""
    plan = make_plan(scenario_from_dict(server(service, exponential(up), repair, rate)))
    (mean, _) = estimate(plan).predictions
    assert mean.value_s == pytest.approx(mean_s)
    assert busiest(plan) == pytest.approx(used)
    for more in ({"lose": "queued"}, {"every": up}):
        other = make_plan(scenario_from_dict(server(service, exponential(up), repair, rate, **more)))
        assert estimate(other).predictions == ()


def test_a_run_agrees_with_the_literature():
    given = server(exponential("100ms"), exponential("10s"), exponential("300ms"), "5/s")
    said = simulate(scenario_from_dict(given).with_run(queries=40_000, replications=8)).to_dict()
    assert [check["verdict"] for check in said["theory"]["checks"] if check["statistic"] == "mean"] == ["agrees"] * 2


def test_what_is_certain_ends_where_tasks_may_be_lost():
    lossy, safe = (make_plan(scenario({**CRASHES, "lose": lose})) for lose in ("queued", "nothing"))
    assert busiest(lossy) == busiest(safe) == pytest.approx(busiest(make_plan(scenario())) / (25 / 26))
    assert (certainly_busiest(lossy), certainly_busiest(safe)) == (0.0, busiest(safe))


def test_notes_say_what_may_not_be_meant():
    notes = simulate(scenario({**CRASHES, "every": "500ms", "detect": "20ms"})).to_dict()["notes"]
    assert any("a replica is down 3.85 % of the time, each time all its tasks are lost" in note for note in notes)
    assert any("crashes at the same instants" in note for note in notes)
    assert any("most crashes are over before they are known" in note for note in notes)


def test_its_knobs_can_be_turned():
    names = {knob.name: knob for knob in knobs_of(scenario(CRASHES))}
    better = varied(scenario(CRASHES), names["leaf: detect"].values)
    assert better.stages[0].failures.detect_s == pytest.approx(0.0045)
    better = varied(scenario(CRASHES), names["leaf: repair"].values)
    assert better.stages[0].failures.repair.law.mean() == pytest.approx(0.018)


def test_more_crashes_than_can_be_drawn_are_refused_before_the_run():
    many = scenario({**CRASHES, "every": "200us"}).with_run(queries=2000)
    slow = scenario_from_dict({**many.resolved(), "load": {"rate": "0.0001/s"}})
    with pytest.raises(ScenarioError, match=r"failures.every: about .* slow stretches in a replication"):
        validate(slow)


def test_memory_counts_who_may_be_down():
    without, given = Plans.of(scenario()), Plans.of(scenario({**CRASHES, "lose": "nothing"}))
    for engine, each in (("compiled", 40), ("reference", 900)):
        assert needed(given, engine, 1, 1).fleet_bytes - needed(without, engine, 1, 1).fleet_bytes == 8 * each


@pytest.mark.parametrize(
    ("failures", "more", "said"),
    [
        ({"every": "1s", "repair": "1s"}, {}, "detect"),
        ({**CRASHES, "every": "1us"}, {}, "at least 100 us"),
        ({**CRASHES, "repair": "0s"}, {}, "above 0"),
        ({**CRASHES, "detect": "0s"}, {}, "above 0"),
        ({**CRASHES, "detect": "10009h"}, {}, "within a year at most"),
        ({**CRASHES, "every": "99us"}, {}, "at least 100 us"),
        ({**CRASHES, "lose": "all"}, {}, "queued, running, nothing"),
        ({**CRASHES, "scope": "rack"}, {}, "replica, machine, shard, stage"),
        ({**CRASHES, "often": 1}, {}, "unknown key"),
        ({**CRASHES, "mttr": "1s"}, {}, "repair"),
        (CRASHES, {"sharing": "processor"}, "leave failures out"),
        (CRASHES, {"background": {"rate": "1/s", "time": "1ms"}}, "background has others: leave one of both out"),
        (CRASHES, {"tied": 2, "network": {"request": "6ms"}}, "detect: at least 6.00 ms"),
        (CRASHES, {"tied": 2, "cancel": {"what": "queued", "delay": "7ms"}}, "detect: at least 7.00 ms"),
    ],
)
def test_what_cannot_be_is_refused(failures, more, said):
    with pytest.raises(ScenarioError, match=said):
        scenario(failures, **more)


def test_a_lost_copy_is_in_a_state_that_nothing_leaves():
    assert STATES[LOST] == "lost"


def test_as_often_as_may_be_is_taken():
    assert scenario({**CRASHES, "every": "100us"}).stages[0].failures.every.law.mean() == pytest.approx(1e-4)


@pytest.mark.parametrize(("lose", "limit", "is_bounded"), [("queued", None, False), ("running", 4, True)])
def test_queues_of_who_loses_tasks_grow_beyond_saturation(lose, limit, is_bounded):
    """They are sent again: nothing is certain of the demand, and yet nothing bounds a queue without a limit."""
    more = {} if limit is None else {"queue": {"limit": limit}}
    given = scenario({**CRASHES, "lose": lose}, **more).resolved()
    assert validate(scenario_from_dict({**given, "load": {"rate": "100k/s"}})).is_bounded == is_bounded


@pytest.mark.parametrize("lose", ["nothing", "queued"])
def test_what_saturates_in_the_long_run_may_not_be_seen_by_a_short_one(lose):
    """Down for 30 hours after 10, and runs of a minute: of half of its time it is asked for twice as much."""
    hours = {key: {"kind": "exponential", "mean": mean} for key, mean in (("every", "10h"), ("repair", "30h"))}
    rare = {**CRASHES, **hours, "lose": lose}
    given = {**scenario(rare, replicas=1).resolved(), "slos": ["p90 < 4s"]}
    said = simulate(scenario_from_dict(given)).to_dict()
    demand = said["stability"]["demand"]
    assert demand == pytest.approx(said["theory"]["bottleneck"]["demand"]) and demand > 1, (
        "of those who lose tasks, too"
    )
    assert said["slos"][0]["met"] is None, "a run as long sees none"
    notes = [note for note in said["notes"] if note.startswith("saturated by arithmetic")]
    assert len(notes) == (lose == "nothing"), "of those who lose tasks nothing is certain"
    assert all(f"for {demand / 4:.0%} of its time without crashes" in note for note in notes)


def test_as_many_queries_are_enough_as_see_enough_crashes():
    """Up for 2 hours and down for a half: 12 such times at any of the shards take 12 x 2.5 hours, over the shards."""
    hours = {
        **CRASHES,
        "every": {"kind": "exponential", "mean": "2h"},
        "repair": {"kind": "exponential", "mean": "30m"},
    }
    given = scenario(hours, replicas=1)
    enough = 12 * 2.5 * 3600 * 600 / given.stages[0].shards
    assert enough <= validate(given).enough_queries < 1.1 * enough, "rounded up to two digits"


def test_nor_by_runs_that_never_see_all_replicas_of_a_shard_down():
    """Each of two is down a third of the time, for minutes; whoever is known to be is avoided, but not both."""
    hours = {key: {"kind": "exponential", "mean": mean} for key, mean in (("every", "10m"), ("repair", "5m"))}
    given = {**scenario({**CRASHES, **hours}, replicas=2, shards=1).resolved(), "slos": ["p95 < 4s", "p50 < 4s"]}
    seldom, always = simulate(scenario_from_dict(given)).to_dict()["slos"]
    assert (seldom["met"], always["met"]) == (None, True), "both are down a ninth of the time"
    both = 12 * 150 / (1 / 9) * 600  # queries while both are down 12 times, for 150 s on average: a ninth of the time
    seen = validate(scenario_from_dict({**given, "slos": ["p95 < 4s"]})).enough_queries
    assert both <= seen < 1.1 * both


def test_an_objective_is_not_met_by_runs_that_see_no_crash():
    """Down once in a quarter, for hours: runs of minutes do not know; p90 may be met whatever comes."""
    rare = {
        **CRASHES,
        "every": {"kind": "exponential", "mean": "1900h"},
        "repair": {"kind": "exponential", "mean": "5h"},
    }
    given = {**scenario(rare, replicas=1).resolved(), "slos": ["p99 < 4s", "p90 < 4s"]}
    seldom, always = simulate(scenario_from_dict(given)).to_dict()["slos"]
    assert (seldom["met"], always["met"]) == (None, True)
    assert "crashes that may delay more than 0.01 of all queries; 12 take about" in seldom["reason"]
    found = capacity(scenario_from_dict({**given, "slos": ["p99 < 4s"]}), tolerance=0.5)
    assert found.verdict == "inconclusive"
    assert "12 take about" in found.reason
