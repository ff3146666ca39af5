"""Slow stretches of time: by hand, whose they are, beside exact values, and what is refused."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from conftest import drawn, slow
from hypothesis import given
from test_hedging import every_way

from simulator import ScenarioError, capacity, scenario_from_dict, sensitivity, simulate, size, validate
from simulator.core.assemble import StageParts, assemble
from simulator.core.features import Feature, features_of
from simulator.core.laws import Law
from simulator.core.plan import (
    CANCEL_RUNNING,
    OF_MACHINE,
    OF_REPLICA,
    OF_SHARD,
    OF_STAGE,
    frozen,
)
from simulator.core.slowdowns import SLOWDOWN, Slowdown
from simulator.core.trace import same_trace
from simulator.engines import compiled
from simulator.planner.plans import Plans, make_plan
from simulator.planning.grid import varied
from simulator.planning.knobs import knobs_of
from simulator.running.memory import needed
from simulator.testing import plans
from simulator.theory import busiest, estimate
from simulator.verification.families import parsed
from simulator.verification.table import rows


def pauses(every, length, factor=math.inf, scope=OF_REPLICA):
    """Of constant times."""
    return Slowdown(Law.constant(float(every)), Law.constant(float(length)), factor, scope)


def part(*slowdowns, **more):
    """One server, 100 ns a task."""
    given = {"candidates": Law.constant(1.0), "knots": [(0.0, 100.0, 0.0)], "slowdowns": slowdowns}
    return StageParts(**{**given, **more})


def served(one, arrival_ns=(0,), **more):
    """Of each task by query and shard: when it starts and finishes."""
    tasks = every_way(assemble([one], np.array(arrival_ns), **more)).task_table
    order = np.lexsort((tasks.shard, tasks.query))
    return list(zip(tasks.start_ns[order].tolist(), tasks.finish_ns[order].tolist(), strict=True))


def test_what_is_stopped_goes_on_where_it_was():
    """Up for 60 ns, stopped for 30: 60 + 40 ns of work, one stop between."""
    assert served(part(pauses(60, 30))) == [(0, 130)]
    assert served(part(pauses(60, 30), knots=[(0.0, 180.0, 0.0)])) == [(0, 240)], "done before the third stop begins"


def test_who_arrives_meanwhile_starts_and_waits_for_the_end():
    assert served(part(pauses(60, 30)), [70]) == [(70, 220)], "20 of the first stop, 60, 30 of the second, 40"


def test_work_that_ends_as_a_stop_begins_is_done():
    assert served(part(pauses(100, 30))) == [(0, 100)]


def test_work_that_is_slowed_takes_longer_by_the_factor():
    """Of 100 ns 60 are done at once, then 10 in 30 ns, then the rest."""
    assert served(part(pauses(60, 30, 3.0))) == [(0, 120)]
    assert served(part(pauses(60, 1000, 3.0))) == [(0, 180)]


def test_a_part_of_an_ns_is_not_done():
    """In 31 ns 10 of 40 ns of work are done at a third of the speed: 30 are left, as after 30 ns."""
    assert served(part(pauses(60, 31, 3.0))) == [(0, 121)]


def test_two_slowdowns_multiply():
    """From 50 on at half the speed, from 60 on at a sixth: 50 + 5, then 45 x 6."""
    assert served(part(pauses(50, 10_000, 2.0), pauses(60, 10_000, 3.0))) == [(0, 330)]


def test_a_factor_of_1_and_a_length_of_0_change_nothing():
    assert served(part(pauses(10, 50, 1.0), pauses(7, 0))) == [(0, 100)]


def test_each_worker_is_stopped_with_its_replica():
    assert served(part(pauses(60, 30), workers=2), [0, 50]) == [(0, 130), (50, 210)]


def test_a_worker_that_cleans_up_is_not_slowed():
    """The clean-up is a time, no work: from 130 to 180, whatever is slow meanwhile."""
    assert served(part(pauses(60, 30), after=Law.constant(50.0)), [0, 1]) == [(0, 130), (180, 310)]


def test_what_is_withdrawn_in_a_stop_frees_its_worker():
    """Two shards, the first answer is enough: the other is stopped 1 ns after it."""
    one = part(pauses(60, 30), share=[0.9, 0.1], knots=[(0.0, 0.0, 100.0)], wait_for=1, cancels=CANCEL_RUNNING)
    assert served(one) == [(0, -1), (0, 10)]


@pytest.mark.parametrize(
    ("scope", "classes"),
    [
        (OF_REPLICA, [0, 1, 2, 3, 4, 5, 6, 7]),
        (OF_MACHINE, [0, 1, 0, 1, 2, 3, 2, 3]),
        (OF_SHARD, [0, 0, 1, 1, 2, 2, 3, 3]),
        (OF_STAGE, [0] * 8),
    ],
)
def test_what_is_slow_as_a_whole_is_slow_at_once(scope, classes):
    """Four shards, two replicas, two shards a machine: tasks of a million ns find all stretches alike, or none."""
    slow = Slowdown(Law.exponential(1e4), Law.exponential(1e3), math.inf, scope)
    one = part(slow, share=[0.25] * 4, replicas=2, policy=1, by_query=True, per_machine=2, knots=[(0.0, 1e6, 0.0)])
    tasks = compiled.simulate(assemble([one], np.array([0, 0])), tasks=True).task_table
    finish_ns = dict(zip(tasks.replica.tolist(), tasks.finish_ns.tolist(), strict=True))
    values = [finish_ns[replica] for replica in range(8)]
    assert [values.index(value) for value in values] == [classes.index(one) for one in classes]


def test_a_stage_keeps_its_stretches_when_others_are_added():
    slow = Slowdown(Law.exponential(50.0), Law.exponential(20.0))
    alone = compiled.simulate(assemble([part(slow)], np.arange(0, 10_000, 200)), tasks=True)
    more = part(slow, slow, slowdowns=[slow, pauses(7, 1)])
    both = compiled.simulate(assemble([part(slow), more], np.arange(0, 10_000, 200)), tasks=True)
    assert np.array_equal(alone.leave_ns[0], both.leave_ns[0])


@drawn(60)
@given(plans(slowdowns=False))
def test_what_never_is_slow_changes_nothing(plan):
    """A factor of 1, and a length of 0: every column is equal, in lockstep too."""
    stages = plan.stages.copy()
    stages["first_slowdown"], stages["slowdowns"] = 2 * np.arange(len(stages)), 2
    rows = [(OF_REPLICA, 1.0, 0), (OF_STAGE, math.inf, 1)] * len(stages)
    laws = [Law.constant(3.0), Law.constant(9.0), Law.constant(4.0), Law.constant(0.0)] * len(stages)
    slow = assemble([part(*(Slowdown(*laws[2 * i : 2 * i + 2]) for i in range(2)))], np.zeros(1, dtype=np.int64))
    table = np.concatenate([slow.slowdown_laws] * len(stages))
    still = dataclasses.replace(
        plan, stages=frozen(stages), slowdowns=frozen(rows, SLOWDOWN), slowdown_laws=frozen(table)
    )
    assert Feature.SLOWDOWN in features_of(still, 0)
    assert same_trace(compiled.simulate(still, tasks=True), compiled.simulate(plan, tasks=True)) == ""
    assert same_trace(compiled.simulate(still), compiled.simulate(plan)) == "", "nor in lockstep"


def test_a_stop_that_never_ends_is_cut_with_the_run():
    trace = every_way(assemble([part(pauses(60, 2**60))], np.array([0, 10]), drain_ns=1000))
    assert (trace.completion_ns < 0).all()


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
PAUSES = {"every": {"kind": "exponential", "mean": "200ms"}, "length": "20ms"}


def scenario(*slowdowns, **more):
    given = {"slowdowns": list(slowdowns)} if slowdowns else {}
    return scenario_from_dict({**SCENARIO, "stages": [{**STAGE, **given, **more}]})


def test_a_factor_of_1_changes_no_figure():
    without, nothing = simulate(scenario()).to_dict(), simulate(scenario({**PAUSES, "factor": 1})).to_dict()
    assert without["latency_s"] == nothing["latency_s"]
    assert without["stages"] == nothing["stages"]
    assert without["notes"] == nothing["notes"]
    slower = simulate(scenario(PAUSES)).to_dict()
    assert slower["latency_s"]["p95"]["low"] > without["latency_s"]["p95"]["high"]


def test_who_says_no_factor_stops_a_replica():
    assert make_plan(scenario(PAUSES)).slowdowns.tolist() == [(OF_REPLICA, math.inf, 0)]
    said = scenario(PAUSES).resolved()["stages"][0]["slowdowns"][0]
    assert (said["factor"], said["scope"]) == ("stop", "replica")
    with pytest.raises(ScenarioError, match="expected a list"):
        scenario(slowdowns=PAUSES)


def test_its_knob_can_be_turned():
    (knob,) = [knob for knob in knobs_of(scenario(PAUSES)) if "slowdown" in knob.name]
    shorter = varied(scenario(PAUSES), knob.values)
    assert shorter.stages[0].slowdowns[0].length.law.mean() == pytest.approx(0.018)


@pytest.mark.parametrize(("factor", "done"), [("stop", 10 / 11), (3, 1 - 2 / 3 / 11), (1, 1.0)])
def test_demand_counts_what_a_worker_does_in_the_long_run(factor, done):
    slow = make_plan(scenario({**PAUSES, "factor": factor}))
    assert busiest(slow) == pytest.approx(busiest(make_plan(scenario())) / done)


def test_demand_counts_each_of_several():
    slow = make_plan(scenario(PAUSES, {**PAUSES, "scope": "stage", "factor": 2}))
    assert busiest(slow) == pytest.approx(busiest(make_plan(scenario())) / (10 / 11) / (1 - 1 / 22))


def test_a_note_says_what_it_costs():
    notes = simulate(scenario({**PAUSES, "scope": "shard"})).to_dict()["notes"]
    assert any("a shard is slow 9.09 % of the time, and does nothing meanwhile" in note for note in notes)
    notes = simulate(scenario({**PAUSES, "factor": 4})).to_dict()["notes"]
    assert any("a replica is slow 9.09 % of the time, and takes 4 times as long meanwhile" in note for note in notes)


@pytest.mark.parametrize(
    ("more", "is_said"),
    [
        ({}, True),
        ({"scope": "stage"}, False),
        ({"length": {"kind": "exponential", "mean": "20ms"}}, False),
        ({"every": {"kind": "exponential", "mean": "1s"}}, False),
    ],
)
def test_a_note_says_that_all_are_slow_at_once(more, is_said):
    notes = simulate(scenario({"every": "200ms", "length": "20ms", **more})).to_dict()["notes"]
    assert any("is slow at the same instants" in note for note in notes) == is_said


def heavy(every, length, rate, queries=5000):
    """M/M/1 with stops; a run of eight replications."""
    stage = {"name": "one", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "100ms"}}}
    stage["slowdowns"] = [{"every": {"kind": "exponential", "mean": every}, "length": length}]
    run = {"queries": queries, "replications": 8}
    given = {"name": "one", "load": {"rate": rate}, "run": run, "stages": [stage], "slos": ["mean < 60s"]}
    return simulate(scenario_from_dict(given)).to_dict()


@pytest.mark.parametrize(
    ("every", "length", "is_met", "why"),
    [
        ("100s", {"kind": "pareto", "minimum": "1s", "shape": 1.5}, False, "it is infinite, by M/G/1 with stops"),
        ("100s", {"kind": "pareto", "minimum": "1s", "shape": 2.1}, True, "it is 228 ms by M/G/1 with stops"),
        ("10h", "120s", True, "it is 333 ms by M/G/1 with stops"),
    ],
)
def test_no_mean_is_said_where_few_stops_make_it(every, length, is_met, why):
    """By the sample it was: beside intervals of 60, 39 and nearly all of 60 seeds, and once it contradicted theory."""
    said = heavy(every, length, "1/s")
    assert said["latency_s"]["mean"] == {"value": None, "low": None, "high": None}
    (slo,) = said["slos"]
    assert (slo["met"], slo["reason"].startswith(why)) == (is_met, True), "what is known exactly decides"
    assert {check["verdict"] for check in said["theory"]["checks"] if check["statistic"] == "mean"} == {"not checked"}


def test_no_mean_is_said_where_nothing_says_it_exactly():
    """A stage of two shards: no closed form; no stop is seen in most runs."""
    slow = [{"every": {"kind": "exponential", "mean": "10h"}, "length": "120s"}]
    (slo,) = simulate(scenario_from_dict({**scenario(*slow, shards=2).resolved(), "slos": ["mean < 60s"]})).to_dict()[
        "slos"
    ]
    assert (slo["met"], slo["value"]) == (None, None)
    assert "the largest draw of a run carries up to" in slo["reason"]


def test_many_stops_say_the_mean():
    said = heavy("60s", "2s", "5/s", 40_000)
    assert said["latency_s"]["mean"]["low"] < 0.2805 < said["latency_s"]["mean"]["high"]
    assert [check["verdict"] for check in said["theory"]["checks"] if check["statistic"] == "mean"] == ["agrees"] * 2


@pytest.mark.parametrize(
    ("scope", "every", "length", "is_said"), [("replica", "60s", "2s", True), ("stage", "1000s", "20s", False)]
)
def test_a_percentile_among_few_stops_is_not_said(scope, every, length, is_said):
    """Of 60 seeds that say them 59 and, where eight stops make it, 31 of 36 were right."""
    slow = {"every": {"kind": "exponential", "mean": every}, "length": length, "scope": scope}
    stage = {"name": "one", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "100ms"}}}
    stage |= {"shards": 10, "replicas": 2, "slowdowns": [slow]}
    run = {"queries": 5000, "replications": 8}
    given = {"name": "ten", "load": {"rate": "5/s"}, "run": run, "stages": [stage]}
    latency_s = simulate(scenario_from_dict(given)).to_dict()["latency_s"]
    assert latency_s["p50"] is not None
    assert (latency_s["p99"] is not None) == is_said


def test_more_stretches_than_can_be_drawn_are_refused_before_the_run():
    many = scenario({"every": "200us", "length": "1us"}).with_run(queries=2000)
    slow = scenario_from_dict({**many.resolved(), "load": {"rate": "0.0001/s"}})
    for ask in (validate, simulate):
        with pytest.raises(ScenarioError, match=r"slowdowns\[0\].every: about .* slow stretches in a replication"):
            ask(slow)


def test_the_mean_of_a_server_with_stops_is_known():
    """Stops of mean 2 s after exponential times of mean 10 s, M/M/1 at .5: 23/6 s (White and Christie, 1958)."""
    stage = {"name": "one", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "1s"}}}
    stage["slowdowns"] = [
        {"every": {"kind": "exponential", "mean": "10s"}, "length": {"kind": "exponential", "mean": "2s"}}
    ]
    given = {"name": "one", "load": {"rate": "0.5/s"}, "stages": [stage]}
    (mean, _) = estimate(make_plan(scenario_from_dict(given))).predictions
    assert mean.value_s == pytest.approx(23 / 6)
    stage["slowdowns"][0]["every"] = "10s"
    assert estimate(make_plan(scenario_from_dict(given))).predictions == (), "the formula is of exponential times"


OWN = [row for row in rows() if row["family"] == "breakdown"]


@pytest.mark.parametrize("row", OWN, ids=lambda row: row["parameters"])
def test_the_exact_values_are_those_of_the_literature(row):
    """Of White and Christie where all is exponential; else of Avi-Itzhak and Naor, for constant services and stops."""
    given = parsed(row["parameters"])
    rate, service, up, stop = (float(given[name]) for name in ("lam", "mean_S", "MTBF", "MTTR"))
    fails, repairs, serves = 1 / up, 1 / stop, 1 / service
    if given["service"] == given["repair"] == "exp":
        mean_s = ((fails + repairs) ** 2 + fails * serves) / (
            (fails + repairs) * (repairs * (serves - rate) - rate * fails)
        )
    else:
        assert given["service"] == given["repair"] == "det"
        longer = service * (1 + fails * stop)
        square = longer**2 + service * fails * stop**2
        mean_s = longer + rate * square / 2 / (1 - rate * longer) + fails * stop**2 / 2 / (1 + fails * stop)
    assert float(row["value"]) == pytest.approx(mean_s)


@slow
def test_every_command_knows_it():
    given = scenario(PAUSES)
    assert validate(given).tasks > 0
    assert capacity(given, tolerance=0.2).per_s.value < capacity(scenario(), tolerance=0.2).per_s.value
    assert size(given, search={"stages.leaf.replicas": [2, 3]}).fleets
    assert sensitivity(given, tail_only=True).effects
    assert "leaf: slowdown 0" in [knob.name for knob in knobs_of(given)]


@pytest.mark.parametrize(
    ("slowdown", "said"),
    [
        ({"every": "1s"}, "length"),
        ({"length": "1s"}, "every"),
        ({**PAUSES, "every": "1us"}, "at least 100 us"),
        ({**PAUSES, "length": {"kind": "pareto", "minimum": "1ms", "shape": 0.9}}, "has an infinite mean"),
        ({**PAUSES, "factor": 0.5}, "expected stop, or a factor of at least 1"),
        ({**PAUSES, "factor": "slow"}, "expected stop, or a factor of at least 1"),
        ({**PAUSES, "factor": True}, "expected stop, or a factor of at least 1"),
        ({**PAUSES, "scope": "rack"}, "replica, machine, shard, stage"),
        ({**PAUSES, "often": 1}, "unknown key"),
    ],
)
def test_what_cannot_be_is_refused(slowdown, said):
    with pytest.raises(ScenarioError, match=said):
        scenario(slowdown)


def test_memory_counts_where_replicas_are_among_their_stretches():
    without, twice = (Plans.of(scenario(*[PAUSES] * count)) for count in (0, 2))
    for engine, each in (("compiled", 24), ("reference", 800)):
        more = needed(twice, engine, 1, 1).fleet_bytes - needed(without, engine, 1, 1).fleet_bytes
        assert more == 2 * 8 * each


def test_there_are_not_too_many():
    with pytest.raises(ScenarioError, match="at most 16, got 17"):
        scenario(*[PAUSES] * 17)
