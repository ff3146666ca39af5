"""A worker that stays taken when its answers have gone: by hand, against plans without it, and on paper."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.linalg import expm
from walk import Walk

from simulator import scenario_from_dict
from simulator.base.errors import BeyondTimeError
from simulator.core import draws, rules
from simulator.core.assemble import StageParts, assemble
from simulator.core.features import Feature, features_of
from simulator.core.laws import Law
from simulator.core.plan import AFTER, CANCEL_RUNNING, CONSTANT, LIFO, ROLES, SHORTEST, frozen
from simulator.core.trace import same_trace
from simulator.engines import compiled, reference
from simulator.planner.plans import make_plan
from simulator.planning.knobs import knobs_of
from simulator.running.run import simulate
from simulator.scenario import to_yaml
from simulator.testing import plans
from simulator.theory import busiest, estimate
from simulator.theory.funnel import stages_of
from simulator.theory.queues import MD1
from simulator.verification.families import parsed
from simulator.verification.table import rows

ONE = Law.constant(1.0)


def part(**more):
    return StageParts(**{"candidates": ONE, "knots": [(0.0, 2.0, 0.0)], **more})


def every_way(plan, tasks=True):
    """The reference engine's trace, which all others give, too."""
    trace = reference.simulate(plan, tasks=tasks)
    assert list(trace.verify(plan)) == []
    for way in ((), range(len(plan.stages))):
        assert same_trace(compiled.simulate(plan, tasks=tasks, event_by_event=way), trace) == ""
    assert same_trace(Walk(plan).trace(), trace) == ""
    return trace


def test_the_next_task_waits_for_the_worker_and_the_answer_does_not():
    """Services of 2 ns, then 3 ns: tasks of one instant start 5 ns apart, and are answered 2 ns later."""
    trace = every_way(assemble([part(after=Law.constant(3.0))], np.array([0, 0, 0, 40])))
    tasks = trace.task_table
    assert tasks.start_ns.tolist() == [0, 5, 10, 40]
    assert tasks.finish_ns.tolist() == tasks.answer_ns.tolist() == [2, 7, 12, 42]
    assert tasks.release_ns.tolist() == [5, 10, 15, 45]
    assert (trace.busy_ns.tolist(), trace.after_ns.tolist(), trace.served_ns.tolist()) == ([20], [12], [8])
    assert trace.critical_service_ns.tolist() == [[2, 2, 2, 2]]


def test_a_worker_that_is_taken_is_not_chosen():
    """Two workers: the third task takes the one that is free first, the lower of those that are."""
    plan = assemble([part(workers=2, after=Law.constant(3.0))], np.array([0, 1, 4, 5, 6, 20]))
    assert every_way(plan).task_table.worker.tolist() == [0, 1, 0, 1, 0, 0]
    assert every_way(plan).task_table.start_ns.tolist() == [0, 1, 5, 6, 10, 20]


def test_a_cut_comes_between_answer_and_release():
    """What has been answered counts whole, and is not released; in the window the worker is taken to its end."""
    plan = assemble([part(after=Law.constant(9.0))], np.array([0]), drain_ns=4)
    trace = every_way(dataclasses.replace(plan, window_end_ns=100))
    assert (trace.task_table.finish_ns.tolist(), trace.task_table.release_ns.tolist()) == ([2], [-1])
    assert (trace.busy_ns.tolist(), trace.after_ns.tolist(), trace.window_busy_ns.tolist()) == ([11], [9], [4])


def test_a_batch_is_followed_once_by_the_luck_of_its_head():
    law = Law.uniform(1.0, 1e6)
    plan = assemble([part(after=law, max_size=3, max_wait_ns=5)], np.array([0, 0, 0, 1]), seed=7)
    trace = every_way(plan)
    heads = [rules.round_ns(law.quantile(draws.uniforms(7, 0, draws.AFTER, query, 0, 0)[0])) for query in (0, 3)]
    tasks = trace.task_table
    assert (tasks.release_ns - tasks.finish_ns).tolist() == [heads[0]] * 3 + heads[1:]
    assert trace.after_ns.tolist() == [sum(heads)]


def test_what_is_stopped_is_followed_by_nothing():
    """Three shards of 1, 2 and 7 ns, of which two are waited for: the third is stopped, and its worker is free."""
    slow = part(
        candidates=Law.constant(10.0),
        share=[0.1, 0.2, 0.7],
        knots=[(0.0, 0.0, 1.0)],
        wait_for=2,
        cancels=CANCEL_RUNNING,
        cancel_ns=1,
        after=Law.constant(4.0),
    )
    trace = every_way(assemble([slow], np.array([0, 1, 30])))
    tasks = trace.task_table
    last = tasks.shard == 2
    assert tasks.withdrawn_ns[last].tolist() == [3, 9, 33]
    assert tasks.start_ns[last].tolist() == [0, 3, 30], "free when it is stopped"
    assert tasks.release_ns[last].tolist() == [-1, -1, -1]
    assert (trace.after_ns.tolist(), trace.stopped_ns.tolist()) == ([12, 12, 0], [0, 0, 3 + 6 + 3])


@settings(max_examples=60, deadline=None)
@given(plans(afters=False, sharing=False))
def test_after_0_ns_changes_no_column(plan):
    laws = np.array(plan.laws)
    laws["kind"][AFTER::ROLES] = CONSTANT
    longer = dataclasses.replace(plan, laws=frozen(laws))
    assert all(Feature.AFTER_ANSWER in features_of(longer, stage) for stage in range(len(plan.stages)))
    expected = reference.simulate(plan, tasks=True)
    assert same_trace(reference.simulate(longer, tasks=True), expected) == ""
    assert same_trace(compiled.simulate(longer, tasks=True), expected) == ""
    assert same_trace(compiled.simulate(longer, tasks=True, event_by_event=range(len(plan.stages))), expected) == ""
    assert same_trace(compiled.simulate(longer), expected, without_tasks=True) == ""


def server(law="8ms", **more):
    stage = {"name": "one", "model": {"kind": "time", "law": law}, **more}
    run = {"queries": 3000, "replications": 4, "seed": 3}
    return scenario_from_dict({"name": "a", "load": {"rate": "50/s"}, "run": run, "stages": [stage]})


def common(one, two):
    """What both documents have."""
    if isinstance(one, dict) and isinstance(two, dict):
        return {key: common(one[key], two[key]) for key in one if key in two}
    return one


def test_after_0_s_changes_no_figure_that_both_documents_have():
    law = {"kind": "exponential", "mean": "8ms"}
    plain, longer = (simulate(server(law, **more)).to_dict() for more in ({}, {"after_answer": "0s"}))
    assert set(longer["stages"][0]) - set(plain["stages"][0]) == {"after_answer_s"}
    assert longer["stages"][0]["after_answer_s"]["value"] == 0.0
    plain_stage, longer_stage = plain.pop("stages")[0], longer.pop("stages")[0]
    assert common(plain_stage, longer_stage) == common(longer_stage, plain_stage)
    for document in (plain, longer):
        document.pop("provenance")
    # M/M/1 is not said of a stage that may stay taken; what is said is the same
    one, two = plain.pop("theory"), longer.pop("theory")
    assert one["bottleneck"] == two["bottleneck"]
    assert one["saturation_per_s"] == two["saturation_per_s"]
    assert plain == longer


def test_the_way_to_a_plan_and_back():
    scenario = server(after_answer={"kind": "exponential", "mean": "2ms"})
    assert "after_answer" in to_yaml(scenario.resolved())
    plan = make_plan(scenario)
    assert {Feature.AFTER_ANSWER, Feature.DRAWN_AFTER} <= features_of(plan, 0)
    assert stages_of(plan)[0].after().mean() == pytest.approx(2e-3)
    assert stages_of(make_plan(server()))[0].after().mean() == 0.0


def predicted(plan):
    return {(one.statistic, one.stage): one.value_s for one in estimate(plan).predictions}


def test_waits_are_those_of_services_with_what_follows():
    """M/G/1 with S + A: S of 8 ms, A exponential of mean 2 ms; the latency is that wait and S."""
    plan = make_plan(server(after_answer={"kind": "exponential", "mean": "2ms"}))
    wait_s = 50 * (8e-3**2 + 2 * 8e-3 * 2e-3 + 2 * 2e-3**2) / 2 / (1 - 0.5)
    assert predicted(plan)["wait", 0] == pytest.approx(wait_s)
    assert predicted(plan)["mean", None] == pytest.approx(wait_s + 8e-3)
    assert busiest(plan) == pytest.approx(0.5)
    assert estimate(plan).saturation_per_s == pytest.approx(100.0)
    assert estimate(plan).zero_load.mean_s == pytest.approx(8e-3)


def test_constant_stages_are_one_queue_of_the_longest_that_a_worker_is_taken():
    stages = [
        {"name": "one", "model": {"kind": "time", "law": "8ms"}},
        {"name": "two", "model": {"kind": "time", "law": "7ms"}, "after_answer": "3ms"},
    ]
    plan = make_plan(scenario_from_dict({"name": "a", "load": {"rate": "50/s"}, "stages": stages}))
    assert predicted(plan)["mean", None] == pytest.approx(15e-3 + 50 * 10e-3**2 / 2 / (1 - 0.5))


@pytest.mark.parametrize(
    "more",
    [{"workers": 2}, {"discipline": SHORTEST}],
    ids=["several workers", "the shortest first"],
)
def test_laws_that_do_not_know_of_it_are_silent(more):
    time = Law.exponential(8e6)
    plan = assemble([part(knots=[(0.0, 0.0, 0.0)], time=time, after=ONE, **more)], np.arange(9), rate_per_s=50.0)
    assert predicted(plan) == {}


def test_an_order_that_does_not_look_at_sizes_has_the_same_mean_wait():
    made = [
        assemble([part(time=Law.exponential(8e6), after=ONE, discipline=one)], np.arange(9), rate_per_s=50.0)
        for one in (0, LIFO)
    ]
    assert predicted(made[0])["wait", 0] == predicted(made[1])["wait", 0]


def test_a_full_batch_is_followed_once():
    model = {"kind": "linear", "per_item": "1ms", "overhead": "4ms"}
    batched = {"candidates": 1, "model": model, "batching": {"max_size": 4}, "after_answer": "2ms"}
    stage = {"name": "one", **batched}
    plan = make_plan(scenario_from_dict({"name": "a", "load": {"rate": "50/s"}, "stages": [stage]}))
    assert busiest(plan) == pytest.approx(50 * (8e-3 + 2e-3) / 4)


def test_a_withdrawing_stage_is_asked_for_what_follows_the_answers_that_count():
    gather = {"gather": {"wait_for": 2}, "cancel": "running"}
    plan = make_plan(server(shards=4, after_answer="2ms", **gather))
    assert busiest(plan) == pytest.approx(50 * 2 * (8e-3 + 2e-3) / 4)


def test_it_is_turned():
    found = {knob.name: knob.values for knob in knobs_of(server(after_answer={"kind": "exponential", "mean": "2ms"}))}
    assert found["one: after an answer"] == {"stages.one.after_answer": '{"kind": "exponential", "mean": "1.8ms"}'}
    assert "one: spread of times after answers" in found
    assert "one: after an answer" not in {knob.name for knob in knobs_of(server(after_answer="0s"))}


@pytest.mark.parametrize("shards", [1, 9], ids=["few shards", "many shards"])
def test_a_worker_that_is_never_free_again_is_beyond_time(shards):
    plan = assemble(
        [part(share=[1 / shards] * shards, after=Law.constant(2.0**60))], np.array([2**62 - 2**60]), drain_ns=2**62
    )
    ways = [compiled.simulate, reference.simulate, lambda plan: compiled.simulate(plan, event_by_event=[0])]
    for way in ways:
        with pytest.raises(BeyondTimeError):
            way(plan)
    cut = dataclasses.replace(plan, drain_ns=10)
    assert [way(cut).busy_ns.tolist() for way in ways] == [[2**60 + 2] * shards] * 3


def test_utilisation_counts_what_follows_and_service_does_not():
    summary = simulate(server(after_answer="2ms")).to_dict()
    [stage] = summary["stages"]
    assert stage["service_s"]["value"] == pytest.approx(8e-3)
    assert stage["after_answer_s"]["value"] == pytest.approx(2e-3)
    assert stage["utilisation"]["mean"]["value"] == pytest.approx(0.5, rel=0.1)
    assert math.isclose(stage["demand"]["max"], 0.5)
    checks = {check["statistic"]: check["verdict"] for check in summary["theory"]["checks"]}
    assert checks["wait"] in ("agrees", "outside 95 %")


# --- the exact values of the family mg1_after -------------------------------------------------------------------------


def later_than(service, after, rate):
    """Chances that a wait and a sojourn are longer than x, in M/G/1 of exponential services and what follows them.

    The wait is of phase type: a geometric number of residual times of both together, chance ``rate`` of one more
    (Neuts, Matrix-geometric solutions, 1981, section 2.2); a service follows it.
    """
    phases = np.array([[-1 / service, 1 / service], [0.0, -1 / after]])
    ends = -phases.sum(axis=1)
    residual = np.linalg.solve(-phases.T, [1.0, 0.0]) / (service + after)
    busy = rate * (service + after)
    wait = phases + np.outer(ends, busy * residual)
    both = np.zeros((3, 3))
    both[:2, :2], both[:2, 2], both[2, 2] = wait, ends * (1 - busy), -1 / service

    def waits(x):
        return float((busy * residual) @ expm(wait * x) @ np.ones(2))

    return waits, lambda x: float(np.array([*busy * residual, 1 - busy]) @ expm(both * x) @ np.ones(3))


OWN = [row for row in rows() if row["family"] == "mg1_after"]


@pytest.mark.parametrize("row", OWN, ids=lambda row: f"{row['parameters']} {row['statistic']}")
def test_the_exact_values_are_those_of_both_together(row):
    given, statistic, value = parsed(row["parameters"]), row["statistic"], float(row["value"])
    rate, service, after = (float(given[name]) for name in ("lam", "mean_S", "mean_A"))
    is_drawn = given["service"] == "exponential", given["after"] == "exponential"
    square = service**2 * (1 + is_drawn[0]) + 2 * service * after + after**2 * (1 + is_drawn[1])
    if statistic.startswith("mean"):
        wait = rate * square / 2 / (1 - rate * (service + after))
        assert value == pytest.approx(wait + service * (statistic == "mean_sojourn"))
        return
    later, is_wait = 1 - float(statistic.partition("_")[0][1:]) / 100, statistic.endswith("_wait")
    if all(is_drawn):
        assert later_than(service, after, rate)[not is_wait](value) == pytest.approx(later, rel=1e-6)
    else:
        assert not any(is_drawn)
        waited = value - (0 if is_wait else service)
        assert 1 - MD1(rate * (service + after)).wait_cdf(waited / (service + after)) == pytest.approx(later, rel=1e-6)
