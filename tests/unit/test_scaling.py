"""Replicas that an autoscaler scales: by hand, on every walk, and what a file says of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from scaled_plans import scaled_beside_own, scaled_plans
from walk import Walk

from simulator import ScenarioError, scenario_from_dict, simulate
from simulator.core.assemble import StageParts, assemble
from simulator.core.clients import simulated
from simulator.core.features import Feature, features_of, may_find_ahead, may_lockstep, may_look_ahead
from simulator.core.laws import Law
from simulator.core.plan import LEAST_OUTSTANDING, ROUND_ROBIN, frozen
from simulator.core.scaling import CONCURRENCY, HPA, IDEAL, Scaling, limited, with_scaling, without_scaling
from simulator.core.trace import same_trace
from simulator.engines import compiled, reference
from simulator.planner.plans import make_plan
from simulator.planning.knobs import knobs_of
from simulator.planning.sizing import size
from simulator.verification.families import parsed
from simulator.verification.table import rows, systems

#: A task takes 10 ns; one worker, up to five replicas.
PART = StageParts(candidates=Law.constant(1.0), knots=[(0.0, 10.0, 0.0)], replicas=5, policy=ROUND_ROBIN)


def scaled(arrival_ns, rule=HPA, target=500_000, part=PART, **more):
    """A plan of one stage, whose autoscaler looks every 100 ns."""
    says = {"begins": 1, "least": 1, "most": 5, "every_ns": 100, **more}
    return with_scaling(assemble([part], np.array(arrival_ns), seed=2), 0, Scaling(rule, target, **says))


def steps(plan):
    """From when on how many serve: of both engines, which agree."""
    expected = reference.simulate(plan, tasks=True)
    assert list(expected.verify(simulated(plan, expected))) == []
    assert same_trace(compiled.simulate(plan, tasks=True), expected) == ""
    assert same_trace(Walk(plan).trace(), expected) == ""
    return [(from_ns, count) for _, from_ns, count in expected.provided.T.tolist()]


def test_utilisation_asks_for_what_it_is_over_the_target():
    # six of ten in each period: 60 % of one worker, over 50 %: two; then 30 % of two: as before, within a third
    every_15 = [start + place * 15 for start in range(0, 600, 100) for place in range(6)]
    assert steps(scaled(every_15, tolerance=400_000)) == [(0, 1)]
    assert steps(scaled(every_15, tolerance=100_000, delay_ns=30, down_ns=150)) == [(0, 1), (130, 2)]


def test_a_replica_that_is_asked_for_twice_comes_once():
    """What does not serve yet counts as idle, so the same need does not ask again."""
    busy = list(range(0, 600, 10))  # one worker is always busy: 100 % over 50 % asks for two
    assert steps(scaled(busy, delay_ns=250))[:2] == [(0, 1), (350, 2)]


def test_who_has_not_served_for_all_that_was_measured_counts_as_idle():
    """At 300 the second has served since 200, and at 250 for half of what was measured: then nobody asks for more."""
    busy = list(range(0, 900, 5))  # all workers that serve are always busy
    assert steps(scaled(busy, delay_ns=100))[:3] == [(0, 1), (200, 2), (400, 4)]
    assert steps(scaled(busy, delay_ns=150))[:3] == [(0, 1), (250, 2), (550, 4)]
    late = steps(scaled(busy, delay_ns=0, metric_delay_ns=200))
    assert late[:3] == [(0, 1), (300, 2), (600, 4)], "what was measured before they served says nothing of them"


def test_fewer_go_at_once_when_the_most_that_was_advised_is_old():
    arrivals = [*range(0, 200, 10), *range(200, 1500, 50)]  # 100 % of two, then 20 %
    plan = scaled(arrivals, begins=2, down_ns=300)
    # at 100 and 200 two are 50 % busy, on target; from 300 on one would do, which holds when two were advised at 200
    assert steps(plan)[:2] == [(0, 2), (500, 1)]


def test_the_highest_go_first_and_finish_what_they_have():
    part = replace(PART, knots=[(0.0, 95.0, 0.0)])
    plan = scaled([0, 1, 2, 250], part=part, begins=3, target=1_000_000, down_ns=0, least=1)
    trace = reference.simulate(plan, tasks=True)
    assert steps(plan)[0] == (0, 3)
    assert trace.task_table.replica.tolist()[:3] == [0, 1, 2]
    assert trace.task_table.finish_ns.tolist()[:3] == [95, 96, 97]


def test_concurrency_follows_its_target_and_panics():
    calm = [place * 20 for place in range(100)]  # half a task in the mean
    assert steps(scaled(calm, CONCURRENCY, 1_000_000, window=10)) == [(0, 1)]
    burst = sorted([*calm, *[1000] * 30, 4000])
    found = steps(scaled(burst, CONCURRENCY, 1_000_000, window=10, part=replace(PART, policy=LEAST_OUTSTANDING)))
    assert found[1] == (1100, 5), "30 tasks wait in the last tenth of the window, though few in the whole"
    assert found[2][0] >= 1100 + 10 * 100, "and it shrinks when the panic is over"


def test_the_ideal_has_what_the_next_delay_needs():
    # periods of 100 ns: 5, 5, 20, 20, 5, 5 tasks of 10 ns at 100 %: 1, 1, 2, 2, 1, 1 replicas
    counts = [5, 5, 20, 20, 5, 5]
    arrivals = [100 * period + place * 100 // count for period, count in enumerate(counts) for place in range(count)]
    assert steps(scaled(arrivals, IDEAL, 1_000_000, demand=10_000)) == [(0, 1), (200, 2), (400, 1)]
    # a replica takes 150 ns to come: it is asked for at 100, and is not let go while it is needed
    assert steps(scaled(arrivals, IDEAL, 1_000_000, demand=10_000, delay_ns=150)) == [(0, 1), (250, 2), (400, 1)]


@pytest.mark.parametrize(
    ("asked", "desired", "more", "found"),
    [
        (4, 40, {"up_share": 1_000_000, "up_number": 4}, 8),
        (3, 40, {"up_share": 1_000_000, "up_number": 4}, 7),
        (3, 40, {"up_share": 500_000, "up_number": 0}, 5),
        (9, 1, {"down_share": 500_000, "down_number": 0}, 4),
        (9, 1, {"down_share": 0, "down_number": 2}, 7),
        (9, 1, {"least": 3}, 3),
        (2, 60, {"most": 50}, 50),
    ],
)
def test_not_too_many_come_or_go_at_once(asked, desired, more, found):
    part = replace(PART, replicas=100)
    says = {"begins": 5, "most": 100, **more}
    row = scaled([0], part=part, **says).scaling[0]
    assert limited(row, desired, asked) == found


def test_as_many_as_ever_change_nothing():
    arrivals = np.cumsum([3, 9, 1, 1, 30, 2, 7, 7, 40, 3] * 4)
    plan = scaled(arrivals, begins=5, least=5, part=replace(PART, policy=LEAST_OUTSTANDING))
    plain = without_scaling(plan)
    assert plain.stages[0]["uneven"] == 0
    for engine in (reference, compiled):
        found, all_of_them = engine.simulate(plan, tasks=True), engine.simulate(plain, tasks=True)
        assert same_trace(replace(found, provided=all_of_them.provided), all_of_them) == ""
        assert found.provided.tolist() == [[0], [0], [5]]


def test_steps_that_the_rule_does_not_give_are_told():
    plan = scaled(range(0, 600, 10), delay_ns=50)
    trace = reference.simulate(plan, tasks=True)
    later = trace.provided.copy()
    later[1, 1] += 1
    others = replace(simulated(plan, trace), provided=frozen(later))
    told = [violation.number for violation in replace(trace, provided=later).verify(others)]
    assert "I79" in told


def test_it_looks_ahead_when_it_is_known_and_goes_event_by_event_while_it_is_found():
    plan = scaled([0, 5])
    features = features_of(plan, 0)
    assert Feature.AUTOSCALE in features and may_look_ahead(features)
    assert not may_lockstep(features) and not may_find_ahead(features)
    assert Feature.AUTOSCALE not in features_of(without_scaling(plan), 0)


@settings(max_examples=40)
@given(scaled_plans() | scaled_beside_own())
def test_all_walks_agree(plan):
    expected = reference.simulate(plan, tasks=True)
    assert next(expected.verify(simulated(plan, expected)), None) is None
    assert same_trace(compiled.simulate(plan, tasks=True), expected) == "", "looking ahead"
    slow = range(len(plan.stages))
    assert same_trace(compiled.simulate(plan, tasks=True, event_by_event=slow), expected) == "", "event by event"
    assert same_trace(Walk(plan).trace(), expected) == ""


# --- known answers ---------------------------------------------------------------------------------------------------


def test_the_rows_are_those_of_as_many_servers_as_are_left():
    mine = [row for row in rows() if row["family"] == "autoscaled"]
    for row in mine:
        given = {name: float(value) for name, value in parsed(row["parameters"]).items()}
        idle = 1 - given["lam"] / given["c"]
        known = {"mean_wait": (1 - idle) / idle, "mean_sojourn": 1 / idle, "p50_sojourn": np.log(2) / idle}
        assert float(row["value"]) == pytest.approx(known[row["statistic"]], rel=1e-12)
    assert len(mine) == 6


def test_so_many_are_left_whatever_luck_says():
    """Each at the first look; and 19 times of 20 what a query takes is in its interval."""
    for system in (one for one in systems() if one.family == "autoscaled"):
        left = int(parsed(system.parameters)["c"])
        scenario = scenario_from_dict({**system.scenario, "run": {"queries": 6000, "warmup": 4000, "replications": 4}})
        result = simulate(scenario)
        for trace in result.traces.values():
            assert set(trace.provided[2, 1:].tolist()) == {left}
        assert result.to_dict()["latency_s"]["mean"]["value"] == pytest.approx(system.exact["mean"], rel=0.15)


def test_who_comes_back_meets_a_geometric_number():
    """Each round waits as in M/M/1 at the rate of all visits (Kelly)."""
    [system] = [one for one in systems() if one.family == "feedback"]
    run = {"queries": 40_000, "replications": 4}
    document = simulate(scenario_from_dict({**system.scenario, "run": run})).to_dict()
    visits = sum(stage.get("taken_ratio", {"value": 1.0})["value"] for stage in document["stages"])
    assert visits == pytest.approx(1 / (1 - 0.3), rel=0.01)
    idle = 1 - 0.6 / 0.7
    assert document["stages"][0]["utilisation"]["mean"]["value"] == pytest.approx(1 - idle, rel=0.02)
    for stage in document["stages"]:
        assert stage["wait_s"]["value"] == pytest.approx((1 - idle) / idle, rel=0.15), stage["name"]
    assert document["latency_s"]["mean"]["low"] < system.exact["mean"] < document["latency_s"]["mean"]["high"]


# --- a file -----------------------------------------------------------------------------------------------------------


def fleet(autoscale, replicas=2, **more):
    stage = {"name": "model", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "100ms"}}}
    said = {**stage, "replicas": replicas, "autoscale": autoscale, "routing": "least_outstanding", **more}
    run = {"replications": 2, "warmup": "10s"}
    load = {"phases": [{"duration": "1m", "rate": "12/s"}, {"duration": "2m", "rate": "40/s"}]}
    return {"name": "fleet", "load": load, "run": run, "stages": [said]}


HALF = {"target": "60%", "delay": "10s", "max": 12, "every": "5s"}


def test_a_plan_has_the_most_and_begins_with_the_replicas():
    plan = make_plan(scenario_from_dict(fleet(HALF)))
    row = plan.scaling[0]
    assert (plan.stages[0]["replicas"], row["begins"], row["least"], row["most"]) == (12, 2, 1, 12)
    assert (row["every_ns"], row["delay_ns"], row["down_ns"]) == (5 * 10**9, 10 * 10**9, 300 * 10**9)
    assert (row["target"], row["tolerance"], row["up_share"], row["up_number"]) == (600_000, 100_000, 1_000_000, 4)
    assert row["demand"] == pytest.approx(100e9, rel=1e-6), "thousandths of a ns"
    knative = {"rule": "concurrency", "target": 4, "delay": "1s", "max": 12}
    row = make_plan(scenario_from_dict(fleet(knative))).scaling[0]
    assert (row["every_ns"], row["window"], row["down_share"], row["down_number"]) == (2 * 10**9, 30, 500_000, 0)
    assert (row["target"], row["tolerance"], row["down_ns"]) == (4_000_000, 0, 0)


def test_a_run_says_how_many_served():
    stage = simulate(scenario_from_dict(fleet(HALF))).to_dict()["stages"][0]
    said = stage["autoscale"]
    assert said["rule"] == "hpa"
    assert said["replicas"]["least"] == 2 and 6 <= said["replicas"]["most"] <= 12
    hours = said["replicas"]["mean"]["value"] * 180 / 3600
    assert said["replica_hours"]["value"] == pytest.approx(hours)
    assert 0 < said["below_need_ratio"]["value"] < 0.5
    assert said["changes"]["value"] >= 1
    busy = stage["utilisation"]["mean"]["value"] * said["replicas"]["mean"]["value"]
    assert busy == pytest.approx((12 * 60 + 40 * 120) / 180 * 0.1, rel=0.15), "the work is the load's"


def test_the_ideal_is_never_below_what_is_needed():
    ideal = {"rule": "ideal", "target": "100%", "delay": "10s", "max": 12, "every": "5s"}
    said = simulate(scenario_from_dict(fleet(ideal, replicas=4))).to_dict()["stages"][0]["autoscale"]
    assert said["below_need_ratio"]["value"] == 0


def test_the_end_of_a_load_is_no_reason_to_let_replicas_go():
    """100 queries a second, each 50 ms, at 60 %: nine. The last second is a period of its own, cut by the end."""
    ideal = {"rule": "ideal", "target": "60%", "delay": "0s", "max": 40, "every": "15s"}
    law = {"kind": "constant", "value": "50ms"}
    said = fleet(ideal, replicas=9, model={"kind": "time", "law": law})
    said["load"] = {"rate": "100/s", "arrivals": {"kind": "constant"}}
    found = simulate(scenario_from_dict({**said, "run": {"duration": "31s", "warmup": 0, "replications": 2}})).to_dict()
    assert found["stages"][0]["autoscale"]["replicas"] == {
        "mean": {"value": 9.0, "low": 9.0, "high": 9.0},
        "least": 9,
        "most": 9,
    }


def constantly(autoscale, seconds, **more):
    """What is said of 100 queries a second, each 50 ms: five workers are busy."""
    said = fleet({"target": "60%", "delay": "0s", "every": "15s", **autoscale}, **more)
    said["load"] = {"rate": "100/s", "arrivals": {"kind": "constant"}}
    said["stages"][0]["model"] = {"kind": "time", "law": {"kind": "constant", "value": "50ms"}}
    run = {"duration": f"{seconds}s", "warmup": 0, "replications": 2}
    return {**said, "run": run}


def test_hours_and_too_few_by_hand():
    """Seven serve for a minute; then two shards of one replica, where five are needed; and half of it is shed."""
    ideal = {"rule": "ideal", "max": 40, "min": 7, "target": "100%"}
    said = simulate(scenario_from_dict(constantly(ideal, 60, replicas=7))).to_dict()["stages"][0]["autoscale"]
    assert said["replica_hours"]["value"] == pytest.approx(7 * 60 / 3600, rel=1e-3)
    assert said["below_need_ratio"]["value"] == 0 and said["changes"]["value"] == 0
    few = constantly({"min": 1, "max": 2}, 60, replicas=1, shards=2, candidates=1)
    said = simulate(scenario_from_dict(few)).to_dict()["stages"][0]["autoscale"]
    assert said["below_need_ratio"]["value"] == 1, "more than max would be needed"
    of_both = 2 * said["replicas"]["mean"]["value"]
    assert said["replica_hours"]["value"] == pytest.approx(of_both * 60 / 3600, rel=1e-3)
    shed = {**constantly({"min": 3, "max": 9}, 60, replicas=3), "admission": {"rate": "50/s"}}
    said = simulate(scenario_from_dict(shed)).to_dict()["stages"][0]["autoscale"]
    assert said["below_need_ratio"]["value"] == 0, "who is shed needs nobody"


def test_utilisation_is_at_most_all_where_replicas_finish_what_they_have():
    """Eight tasks of 50 s, and only one replica stays."""
    rule = {"rule": "concurrency", "target": 8, "max": 8, "delay": "0s"}
    said = fleet(rule, replicas=8)
    said["stages"][0]["model"] = {"kind": "time", "law": {"kind": "constant", "value": "50s"}}
    phases = [{"duration": "1s", "rate": "8/s"}, {"duration": "59s", "rate": "0.05/s"}]
    said["load"] = {"phases": phases, "arrivals": {"kind": "constant"}}
    said["run"] = {"warmup": 0, "replications": 2}
    busy = simulate(scenario_from_dict(said)).to_dict()["stages"][0]["utilisation"]
    assert 0.9 < busy["mean"]["value"] <= 1


def test_as_many_as_ever_have_the_figures_of_a_plain_fleet():
    alike = fleet({**HALF, "min": 6, "max": 6}, replicas=6)
    plain = fleet(HALF, replicas=6)
    del plain["stages"][0]["autoscale"]
    one, two = (simulate(scenario_from_dict(said)).to_dict() for said in (alike, plain))
    assert {**one, "provenance": 0} == {**two, "provenance": 0}


def test_how_many_clients_are_enough_is_not_said_of_a_fleet_that_is_scaled():
    """What a query takes alone is not known then; left out, fewer than one client would keep it busy."""
    closed = {"arrivals": {"kind": "closed", "clients": 8, "think": "1ms"}}
    run = {"queries": 200, "replications": 2}
    said = {**fleet({"target": "60%", "delay": "1s", "max": 4}), "load": closed, "run": run}
    plain = {**said, "stages": [{key: one for key, one in said["stages"][0].items() if key != "autoscale"}]}
    scaled_ones, others = (simulate(scenario_from_dict(one)).to_dict()["theory"]["clients"] for one in (said, plain))
    assert scaled_ones["saturating"] is None and others["saturating"] == pytest.approx(101 / 50, rel=0.01)
    assert scaled_ones["most_per_s"] > 0


def test_knobs_are_the_target_and_the_delay():
    said = {knob.name for knob in knobs_of(scenario_from_dict(fleet(HALF)))}
    assert {"model: target", "model: delay"} <= said
    assert "model: replicas" not in said


@pytest.mark.parametrize(
    ("autoscale", "more", "words"),
    [
        ({**HALF, "min": 13}, {}, "is more than max"),
        ({**HALF, "min": 3}, {}, "those at the beginning"),
        ({**HALF, "target": 3}, {}, "share of the time of workers"),
        ({**HALF, "rule": "ideal", "tolerance": "5%"}, {}, "the ideal knows who comes"),
        ({**HALF, "rule": "concurrency", "tolerance": "5%"}, {}, "goes with rule: hpa"),
        ({**HALF, "rule": "concurrency"}, {}, "a number of tasks at a replica, waiting or served, like 4"),
        ({**HALF, "window": "7s"}, {}, "a whole number of periods"),
        ({**HALF, "every": "1us"}, {}, "at least 1ms"),
        ({**HALF, "limit": {"up": 0}}, {}, "it would never grow"),
        ({**HALF, "limit": {"up": "0.0%"}}, {}, "it would never grow"),
        ({**HALF, "limit": {"up": "0.00001%"}}, {}, "a share is 0 %, or from 0.01 % to"),
        ({**HALF, "limit": {"down": "1e30%"}}, {}, "a share is 0 %, or from 0.01 % to"),
        (HALF, {"sharing": "processor", "workers": 2}, "does not go with sharing"),
        (HALF, {"lost_machine": 0}, "does not go with lost_machine"),
        (HALF, {"background": {"rate": "1/s", "time": "1ms"}}, "does not go with background"),
        (HALF, {"tied": True}, "tied copies go to replicas of their own"),
        (HALF, {"replicas": {"default": 2, "hot": {"shards": [0], "replicas": 3}}}, "all shards have as many"),
    ],
)
def test_what_does_not_go_together_is_refused(autoscale, more, words):
    said = fleet(autoscale)
    said["stages"][0].update(more)
    with pytest.raises(ScenarioError, match=words):
        scenario_from_dict(said)


def test_the_ideal_knows_who_comes_and_nobody_runs_on_what_is_scaled():
    ideal = {"rule": "ideal", "target": "60%", "delay": "10s", "max": 12}
    said = fleet(ideal)
    said["client"] = {"timeout": "1s"}
    with pytest.raises(ScenarioError, match="not of clients that wait, or try again"):
        scenario_from_dict(said)
    beside = {"rate": "10/s", "clients": {"count": 2, "think": "1s"}}
    with pytest.raises(ScenarioError, match="not of clients that wait, or try again"):
        scenario_from_dict({**fleet(ideal), "load": beside, "run": {"queries": 100}})
    said = fleet(HALF)
    said["stages"].append({"name": "fetch", "model": {"kind": "time", "law": "1ms"}, "runs_on": "model"})
    with pytest.raises(ScenarioError, match="whose load it does not look at"):
        scenario_from_dict(said)
    with pytest.raises(ScenarioError, match="which an autoscaler decides"):
        size(scenario_from_dict({**fleet(HALF), "slos": ["p99 < 1s"]}), search={"stages.model.replicas": "1..3"})


@pytest.mark.parametrize("seed", range(3))
def test_work_of_replicas_own_ends_when_the_last_attempt_is_over(seed):
    """Who sends again, and how many serve, are found together: the run that finds both has an end."""
    time = {"kind": "exponential", "mean": "4ms"}
    scaled_one = {"name": "scaled", "model": {"kind": "time", "law": time}, "replicas": 2}
    scaled_one["autoscale"] = {"rule": "concurrency", "target": 1, "delay": "1ms", "every": "20ms", "max": 4}
    own = {"rate": "200/s", "time": {"kind": "exponential", "mean": "2ms"}}
    busy = {"name": "busy", "model": {"kind": "time", "law": time}, "background": own}
    client = {"timeout": "9ms", "retries": 2, "backoff": "2ms"}
    run = {"queries": 40, "replications": 1, "seed": seed}
    values = {"name": "both", "load": {"rate": "150/s"}, "run": run, "client": client, "stages": [scaled_one, busy]}
    plan = make_plan(scenario_from_dict(values))
    trace = reference.simulate(plan, tasks=True)
    assert list(trace.verify(simulated(plan, trace))) == []
    assert same_trace(compiled.simulate(plan, tasks=True), trace) == ""
    assert len(trace.query_of) > 50, "some are sent again"
    assert trace.background.sum() > 0, "and a replica has work of its own"
