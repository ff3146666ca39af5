"""Tasks that share the workers of their replica: what they gain, by hand and by fractions; what they may not have."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from conftest import drawn, slow
from hypothesis import given
from hypothesis import strategies as st
from test_hedging import every_way

from simulator import ScenarioError, scenario_from_dict, simulate
from simulator.base.errors import BeyondTimeError
from simulator.core.assemble import StageParts, assemble
from simulator.core.features import Feature, features_of, may_lockstep, may_look_ahead
from simulator.core.laws import Law
from simulator.core.plan import CANCEL_QUEUED, CANCEL_RUNNING, NEVER_NS, ROUND_ROBIN
from simulator.core.sharing import LATEST_NS, MOST_UNITS, UNITS, done_at, gained, rises_until_ns
from simulator.core.trace import same_trace
from simulator.engines import compiled, reference
from simulator.planner.plans import Plans, make_plan
from simulator.running import memory
from simulator.testing import check_scenario, plans
from simulator.testing.checks import derive
from simulator.theory import estimate, queues

ONE = Law.constant(1.0)


def plan_of(arrivals, works, *, drain_ns=NEVER_NS, first_measured=0, **parts):
    """Queries of one task that needs so many ns alone."""
    part = StageParts(**{"candidates": ONE, "knots": [(0.0, 0.0, 1.0)], "sharing": True, **parts})
    arrival_ns, work = np.array(arrivals, dtype=np.int64), np.array(works, dtype=float)
    return assemble([part], arrival_ns, work, drain_ns=drain_ns, first_measured=first_measured)


def test_two_that_share_a_worker_take_twice_as_long():
    trace = every_way(plan_of([0, 2], [4, 4]))
    table = trace.task_table
    assert table.start_ns.tolist() == [0, 2], "nobody waits to start"
    assert table.finish_ns.tolist() == [6, 8]
    assert (table.worker.tolist(), table.batch.tolist()) == ([-1, -1], [1, 1])
    assert (trace.busy_ns.tolist(), trace.waiting_ns.tolist(), trace.longest_wait_ns.tolist()) == ([8], [4], [2])
    assert trace.critical_wait_ns.tolist() == [[2, 2]], "what the other took"
    assert trace.critical_service_ns.tolist() == [[4, 4]], "what it needed"


def test_with_as_many_workers_as_tasks_nobody_is_slower():
    trace = every_way(plan_of([0, 1, 2, 3], [9, 9, 9, 9], workers=2))
    # all gain 1 until 2, then 682 units of 1024 in a ns, then 512 until the first has gained 9 ns, in the 16th
    assert trace.task_table.finish_ns.tolist() == [16, 18, 19, 20]
    assert every_way(plan_of([0, 1], [9, 9], workers=2)).task_table.finish_ns.tolist() == [9, 10]


def test_parts_of_a_nanosecond_are_rounded_down_at_each_change():
    # three gain 341 units in a ns, and four 256: what is left then is gained by five in the ns after, and more
    trace = every_way(plan_of([0, 0, 0, 1, 2], [1, 5, 5, 5, 5]))
    assert trace.task_table.finish_ns[0] == math.ceil(2 + (1024 - 341 - 256) * 5 / 1024)
    # without changes nothing is lost
    assert every_way(plan_of([0, 0, 0], [1, 1, 1])).task_table.finish_ns.tolist() == [3, 3, 3]


def test_all_that_are_done_at_one_instant_are_done():
    trace = every_way(plan_of([0] * 150, [7] * 150))
    assert set(trace.task_table.finish_ns.tolist()) == {7 * 150}
    assert trace.window_busy_ns.tolist() == [0], "queries come at one instant: there is no window"


def test_a_machine_slows_down_what_is_needed():
    part = StageParts(candidates=ONE, knots=[(0.0, 0.0, 1.0)], sharing=True)
    plan = assemble([part], np.array([0, 0]), np.array([4.0, 4.0]), machine_factor=np.array([1.5]))
    trace = every_way(plan)
    assert (trace.task_table.finish_ns.tolist(), trace.busy_ns.tolist()) == ([12, 12], [12])


def test_a_task_is_stopped_and_the_others_gain_more():
    parts = {"replicas": 1, "timeout_ns": 5, "cancel_ns": 1}
    stopped = every_way(plan_of([0, 3], [10, 4], cancels=CANCEL_RUNNING, **parts))
    # the first is stopped at 6, when it has gained 3 + 3/2; the second then lacks 5/2, and is done as it is withdrawn
    assert stopped.task_table.finish_ns.tolist() == [-1, 9]
    assert (stopped.stopped_ns.tolist(), stopped.stopped.tolist(), stopped.late.tolist()) == ([4], [1], [1])
    longer = every_way(plan_of([0, 3], [10, 4], cancels=CANCEL_RUNNING, **{**parts, "timeout_ns": 7}))
    assert longer.task_table.finish_ns.tolist() == [-1, 10], "stopped at 8: 5/2 gained until then, and 3/2 more"
    there = every_way(plan_of([0, 3], [10, 4], cancels=CANCEL_QUEUED, **parts))
    assert there.task_table.finish_ns.tolist() == [14, 11], "who is there has started"
    assert there.late.tolist() == [2]


def test_a_cut_counts_what_was_taken_until_then():
    plan = plan_of([0, 2, 4, 6], [50] * 4, workers=2, drain_ns=10)
    trace = every_way(plan)
    window = plan.window_begin_ns, plan.watched_until_ns
    assert window == (0, 8)
    assert trace.window_busy_ns.tolist() == [2 + 2 * 6], "one worker until 2, and both from then on"
    assert trace.tasks.tolist() == [0]


def test_what_was_there_before_the_window_counts_inside_it():
    trace = every_way(plan_of([0, 10, 20], [100, 1, 1], first_measured=1))
    assert trace.window_busy_ns.tolist() == [20]
    assert trace.tasks.tolist() == [2]


@given(st.integers(1, 2**17), st.integers(1, 2**30), st.integers(0, 2**51))
def test_what_is_gained_is_the_fraction_rounded_down(workers, tasks, lasts_ns):
    assert gained(workers, tasks, lasts_ns) == math.floor(Fraction(UNITS * lasts_ns * min(workers, tasks), tasks))


@given(st.integers(1, 2**17), st.integers(1, 2**30), st.integers(1, MOST_UNITS), st.integers(0, 2**61))
def test_the_next_is_done_in_the_first_nanosecond_that_is_enough(workers, tasks, units, now):
    until = rises_until_ns(workers, tasks, units, now)
    lasts_ns = math.ceil(Fraction(units * tasks, UNITS * min(workers, tasks)))
    assert until == min(NEVER_NS, now + lasts_ns)
    if until < NEVER_NS:
        step = UNITS * min(workers, tasks)
        assert (until - now) * step // tasks >= units > (until - now - 1) * step // tasks


@given(st.integers(0, MOST_UNITS), st.integers(1, 2**60))
def test_no_level_is_beyond_the_highest(level, service_ns):
    exact = level + UNITS * service_ns
    assert done_at(level, service_ns) == (exact if exact < MOST_UNITS - level % UNITS else MOST_UNITS)


@pytest.mark.parametrize("simulated", [reference.simulate, compiled.simulate])
def test_what_int64_cannot_tell_is_told(simulated):
    long = float(LATEST_NS)
    with pytest.raises(BeyondTimeError):
        simulated(plan_of([0], [long]))
    assert simulated(plan_of([0], [long / 2])).completion_ns.tolist() == [LATEST_NS // 2]
    with pytest.raises(BeyondTimeError):
        simulated(plan_of([0, 0, 1], [long / 3, long / 3, long]))
    cut = plan_of([0, 0], [2.0**59, 3.0], drain_ns=100)
    assert simulated(cut).completion_ns.tolist() == [-1, 6], "it is not done before the end, whenever that would be"
    with pytest.raises(BeyondTimeError):
        simulated(plan_of([0], [long], drain_ns=LATEST_NS))


def test_a_replica_that_was_empty_begins_anew():
    half = LATEST_NS // 2
    for simulated in (reference.simulate, compiled.simulate):
        assert simulated(plan_of([0, LATEST_NS], [half, half])).completion_ns.tolist() == [half, LATEST_NS + half]


def test_what_would_last_for_ever_with_many_is_told():
    many = plan_of([0] * 5000, [2.0**51] * 5000)
    for simulated in (reference.simulate, compiled.simulate):
        with pytest.raises(BeyondTimeError):
            simulated(many)


@drawn(80)
@given(plans(sharing=True))
def test_all_ways_give_the_same_trace(plan):
    trace = every_way(plan)
    assert same_trace(compiled.simulate(plan), trace, without_tasks=True) == ""
    assert (trace.window_busy_ns <= plan.stages["workers"].max() * max(0, plan.watched_until_ns)).all()


@drawn(60)
@given(
    plans(
        sharing=False,
        guests=False,
        batches=1,
        disciplines=["fifo"],
        limits=False,
        afters=False,
        neighbours=False,
        slowdowns=False,
        failures=False,
    )
)
def test_where_there_is_a_worker_for_everybody_sharing_is_nothing(plan):
    enough = {"workers": 200, "sharing": False}
    parts = [replace(one, **enough, hedge_ns=max(1, one.hedge_ns)) for one in derive.parts_of(plan)]
    queued, shared = (
        derive.remade(plan, [replace(one, sharing=is_shared) for one in parts], derive.machines_of(plan))
        for is_shared in (False, True)
    )
    one, two = (reference.simulate(of, tasks=True) for of in (queued, shared))
    assert same_trace(one, two, without_tasks=True) == ""
    alike = dict.fromkeys(("worker",), two.task_table.worker)
    assert same_trace(replace(one, task_table=replace(one.task_table, **alike)), two) == "", "but for the worker"
    assert same_trace(compiled.simulate(shared), one, without_tasks=True) == ""


def test_it_goes_event_by_event_and_shard_by_shard():
    plan = plan_of([0], [1])
    assert Feature.SHARING in features_of(plan, 0)
    assert not may_look_ahead(features_of(plan, 0))
    assert not may_lockstep(features_of(plan, 0))


SERVER = {"name": "server", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}}}
SHARED = {
    "name": "shared",
    "load": {"rate": "80/s"},
    "stages": [{**SERVER, "sharing": "processor"}],
    "run": {"queries": 4000, "replications": 4, "seed": 1},
}


#: A run that theory is held against.
LONG = {"queries": 40_000, "replications": 8}


def changed(**stage):
    return {**SHARED, "stages": [{**SHARED["stages"][0], **stage}]}


@pytest.mark.parametrize(
    ("more", "cure"),
    [
        ({"queue": "lifo"}, "leave queue out"),
        ({"queue": {"limit": 3}}, "leave queue out"),
        ({"threads": 2, "workers": 2, "model": {"kind": "tree", "per_item": "1ms"}, "candidates": 1}, "leave threads"),
        (
            {"batching": {"max_size": 2}, "model": {"kind": "tree", "per_item": "1ms"}, "candidates": 1},
            "leave batching",
        ),
        ({"interference": "2%"}, "leave interference out"),
        ({"slowdowns": [{"every": "1s", "length": "1ms"}]}, "leave slowdowns out"),
        ({"after_answer": "1ms"}, "leave after_answer out"),
        ({"replicas": 2, "tied": True}, "send copies later (hedge)"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_goes_with_a_queue_is_refused(more, cure):
    with pytest.raises(ScenarioError) as told:
        scenario_from_dict(changed(**more))
    assert "stages[0].sharing" in str(told.value) and cure in str(told.value)


@pytest.mark.parametrize("word", ["ps", "PS", "processor_sharing", "round_robin_cpu", "time-sharing"])
def test_others_names_lead_to_ours(word):
    with pytest.raises(ScenarioError, match="did you mean 'processor'"):
        scenario_from_dict(changed(sharing=word))


def test_nothing_said_is_a_queue():
    assert make_plan(scenario_from_dict({**SHARED, "stages": [SERVER]})).stages["sharing"].tolist() == [0]
    assert make_plan(scenario_from_dict(SHARED)).stages["sharing"].tolist() == [1]
    queued = changed(sharing="none", queue="lifo")
    assert make_plan(scenario_from_dict(queued)).stages["sharing"].tolist() == [0]


@slow
def test_the_mean_does_not_depend_on_the_law():
    # E T = 1 / (mu - lambda); of another law with the same mean the same (Kleinrock, 1976, section 4.4)
    for law in ({"kind": "exponential", "mean": "10ms"}, "10ms", {"kind": "lognormal", "mean": "10ms", "cv": 2}):
        result = simulate(scenario_from_dict(changed(model={"kind": "time", "law": law})).with_run(**LONG))
        checks = {(one["statistic"], one["stage"]): one for one in result.to_dict()["theory"]["checks"]}
        wait, mean = checks["wait", "server"], checks["mean", None]
        assert wait["expected"] == pytest.approx(0.04)
        assert mean["expected"] == pytest.approx(1 / (100 - 80))
        assert {wait["verdict"], mean["verdict"]} <= {"agrees", "outside 95 %"}


def test_several_workers_that_are_shared_have_as_many_tasks_as_with_a_queue():
    # how many are there has the law of M/M/c, whatever that of services (Cohen, 1979)
    for law in ({"kind": "exponential", "mean": "10ms"}, {"kind": "hyperexponential", "mean": "10ms", "cv": 2}):
        values = changed(workers=4, model={"kind": "time", "law": law})
        result = simulate(scenario_from_dict({**values, "load": {"rate": "320/s"}}).with_run(**LONG))
        wait = next(one for one in result.to_dict()["theory"]["checks"] if one["statistic"] == "wait")
        assert wait["expected"] == pytest.approx(queues.mmc_mean_wait(320.0, 0.01, 4))
        assert wait["verdict"] in ("agrees", "outside 95 %")


def test_an_exponential_task_varies_as_theory_says():
    # M/M/1: variance of the stay (2 + rho) / ((2 - rho) (mu (1 - rho))**2) (Coffman, Muntz and Trotter, 1970)
    rho, count = 0.5, 200_000
    rng = np.random.default_rng(5)
    gaps, works = rng.exponential(1e9 / rho, count), np.maximum(1.0, np.round(rng.exponential(1e9, count)))
    trace = compiled.simulate(plan_of(np.cumsum(gaps).astype(np.int64), works))
    stay_s = (trace.completion_ns - trace.arrival_ns)[1000:] * 1e-9
    assert stay_s.mean() == pytest.approx(1 / (1 - rho), rel=0.02)
    assert stay_s.std() == pytest.approx(math.sqrt((2 + rho) / (2 - rho)) / (1 - rho), rel=0.03)
    # a task of a service takes service / (1 - rho) on average: shares are fair to long and short
    by_work = np.argsort(works[1000:])
    for part in np.array_split(by_work, 4)[1:]:
        assert stay_s[part].sum() / (works[1000:][part].sum() * 1e-9) == pytest.approx(1 / (1 - rho), rel=0.05)


def test_theory_is_silent_where_it_does_not_hold():
    replicas = changed(replicas=2, routing="round_robin")
    assert list(estimate(make_plan(scenario_from_dict(replicas))).predictions) == []
    assert queues.shared_mean_wait(100.0, 0.01) == math.inf
    plan = plan_of([0, 0], [1, 1], replicas=2, policy=ROUND_ROBIN)
    assert Feature.SHARING in features_of(plan, 0)


def test_demand_and_utilisation_are_those_of_a_queue():
    shared, queued = (simulate(scenario_from_dict(of)) for of in (SHARED, {**SHARED, "stages": [SERVER]}))
    one, two = (of.to_dict()["stages"][0] for of in (shared, queued))
    assert one["demand"] == two["demand"]
    assert one["utilisation"]["mean"]["value"] == pytest.approx(two["utilisation"]["mean"]["value"], rel=0.02)
    assert one["service_s"]["value"] == pytest.approx(two["service_s"]["value"], rel=0.01)
    assert one["utilisation"]["mean"]["value"] < 1


def test_the_kit_holds_it_to_the_laws():
    verdicts = {row.number: row.verdict for row in check_scenario(SHARED, profile="quick").rows}
    assert set(verdicts.values()) <= {"held", "not asked"}
    assert [verdicts[number] for number in ("S10", "S13", "S16", "S17")] == ["not asked"] * 4
    assert [verdicts[number] for number in ("S1", "S3", "S5", "S7", "S19", "S20")] == ["held"] * 6


def test_memory_counts_what_replicas_keep():
    both = SHARED, {**SHARED, "stages": [SERVER]}
    made = [memory.needed(Plans.of(scenario_from_dict(of)), "compiled", 1, 1) for of in both]
    assert made[0].fleet_bytes - made[1].fleet_bytes == memory.SHARE
