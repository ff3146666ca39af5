"""Who is shed at the door: by hand and drawn, on every way; what theory knows; what is said, and what may not be."""

import csv
import json
import math

import numpy as np
import pytest
from conftest import drawn
from door_plans import door_plans
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from test_hedging import every_way
from walk import Walk

from simulator import ScenarioError, compare, estimate, scenario_from_dict, sensitivity, simulate, sweep, validate
from simulator.core.admission import behind_a_door, without_door
from simulator.core.assemble import StageParts, assemble
from simulator.core.clients import is_unknown, sent_by_clients, simulated
from simulator.core.columns import COMPLETE, FAILED, SHED, UNFINISHED
from simulator.core.features import Feature, features_of, may_lockstep, may_look_ahead
from simulator.core.laws import Law
from simulator.core.outages import Outage
from simulator.core.plan import LIFO
from simulator.core.trace import same_trace
from simulator.engines import compiled, reference
from simulator.planner.plans import Plans
from simulator.planning.knobs import knobs_of
from simulator.report.estimate import estimate_table
from simulator.report.run import run_table
from simulator.running.memory import needed
from simulator.testing import plans
from simulator.theory.queues import crommelin_loss, finite_mmc
from simulator.verification.table import TABLE

ONE = Law.constant(1.0)


def plan_of(*parts, arrivals=(0, 1, 2, 9, 10, 11, 30), **more):
    stages = [StageParts(**{**({"candidates": ONE} if place == 0 else {}), **part}) for place, part in enumerate(parts)]
    return assemble(stages, np.array(arrivals, dtype=np.int64), seed=4, **more)


def taking(ns, **more):
    return {"knots": [(0.0, float(ns), 0.0)], **more}


def shed_of(trace):
    return np.flatnonzero(trace.outcome == SHED).tolist()


def scenario_of(admission=None, rate="1.5k/s", stage=None, **more):
    one = {"name": "one", "workers": 2, "model": {"kind": "time", "law": {"kind": "exponential", "mean": "1ms"}}}
    return scenario_from_dict(
        {
            "name": "door",
            "load": {"rate": rate},
            "run": {"queries": 4000, "replications": 4, "seed": 2},
            "admission": {"max_in_flight": 4} if admission is None else admission,
            "stages": [{**one, **(stage or {})}],
            **more,
        }
    )


def test_as_many_are_in_flight_as_may_be():
    """Each takes 10, one after another: at 2 there are two; at 10 the first is over, at that very instant."""
    trace = every_way(behind_a_door(plan_of(taking(10)), 2))
    assert shed_of(trace) == [2, 3, 5]
    assert trace.completion_ns.tolist() == [10, 20, -1, -1, 30, -1, 40]
    assert trace.ended_ns(slice(0, 7)).tolist() == [10, 20, 2, 9, 30, 11, 40], "who is shed is over at once"
    assert trace.task_table.query.tolist() == [0, 1, 4, 6] and trace.tasks.tolist() == [4]
    assert (trace.candidates[0] < 0).tolist() == [False, False, True, True, False, True, False]


def test_it_counts_queries_in_all_stages_and_mergers():
    trace = every_way(behind_a_door(plan_of(taking(4), taking(3, merge_ns=2, mergers=1, workers=3)), 1))
    assert trace.completion_ns.tolist() == [9, -1, -1, 18, -1, -1, 39] and shed_of(trace) == [1, 2, 4, 5]


def test_a_bucket_is_full_at_first_and_gives_one_to_whoever_is_admitted():
    """A token in 5 ns, of which it holds two: at 0, 1, 9 and 10 there is one, but not a ns behind two of them."""
    trace = every_way(behind_a_door(plan_of(taking(1)), per_s=1e9 / 5, burst=2))
    assert shed_of(trace) == [2, 5]
    alone = every_way(behind_a_door(plan_of(taking(1), arrivals=(0, 4, 5, 9, 14, 20)), per_s=1e9 / 5))
    assert shed_of(alone) == [1, 3], "it is there at that very instant"


def test_who_is_shed_takes_no_token():
    """Two in flight at 2: the token that the third would have taken is there for the fourth, when others are over."""
    trace = every_way(behind_a_door(plan_of(taking(4), arrivals=(0, 1, 2, 5)), 2, per_s=1.0, burst=3))
    assert shed_of(trace) == [2] and trace.outcome.tolist() == [COMPLETE, COMPLETE, SHED, COMPLETE]


def test_parts_of_a_ns_count():
    """Seven tokens in 10 ns: not 1 ns apart, and not 2."""
    arrivals = range(30)
    trace = every_way(behind_a_door(plan_of(taking(1), arrivals=arrivals), per_s=0.7e9))
    assert 30 - len(shed_of(trace)) == 15, "who comes each ns finds one every other time: none is saved up"
    saving = every_way(behind_a_door(plan_of(taking(1), arrivals=arrivals), per_s=0.7e9, burst=2))
    assert 30 - len(shed_of(saving)) == 22, "0.7 a ns, and one that was there"


def test_a_query_that_fails_is_over():
    """Nobody answers in 3 ns."""
    trace = every_way(behind_a_door(plan_of(taking(10, timeout_ns=3), arrivals=(0, 2, 3, 4)), 1))
    assert trace.outcome.tolist() == [FAILED, SHED, FAILED, SHED]


def test_a_client_that_is_shed_thinks_and_comes_back():
    """Two clients that think for 5, one may be there: who is shed at 3 comes at 8, 13, ..."""
    plan = behind_a_door(sent_by_clients(plan_of(taking(10), arrivals=range(6)), 2, Law.constant(5.0)), 1)
    trace = every_way(plan)
    assert trace.arrival_ns.tolist() == [1, 3, 8, 13, 16, 21] and shed_of(trace) == [1, 2, 4, 5]


def test_a_cut_keeps_who_is_shed():
    trace = every_way(behind_a_door(plan_of(taking(10), drain_ns=4), 2))
    assert shed_of(trace) == [2, 3, 5] and trace.outcome[6] == UNFINISHED


def test_outages_of_an_open_load_are_where_they_were():
    trace = every_way(behind_a_door(plan_of(taking(5, outages=[Outage(8, 25)])), 2))
    assert trace.task_table.enqueue_ns.tolist() == [0, 1, 25, 25, 30] and shed_of(trace) == [2, 5]


def test_a_door_that_never_sheds_changes_nothing():
    plan = plan_of(taking(4), taking(3, discipline=LIFO), arrivals=range(0, 60, 3))
    plain = reference.simulate(plan, tasks=True)
    for door in ({"most": 1000}, {"per_s": 1e9}, {"most": 50, "per_s": 1e9, "burst": 9}):
        assert same_trace(every_way(behind_a_door(plan, **door)), plain) == ""


@drawn(60, deadline=None, suppress_health_check=list(HealthCheck))
@given(plans(deadlines=False), st.booleans())
def test_neither_does_one_of_any_plan(plan, by_rate):
    wide = behind_a_door(plan, **({"per_s": 1e9, "burst": 100} if by_rate else {"most": plan.queries}))
    assert same_trace(compiled.simulate(wide, tasks=True), compiled.simulate(plan, tasks=True)) == ""


@drawn(150, deadline=None, suppress_health_check=list(HealthCheck))
@given(door_plans(slowdowns=False, failures=False))
def test_engines_and_walk_agree_and_the_same_comes_of_what_was_found(plan):
    trace = every_way(plan)
    assert same_trace(compiled.simulate(plan), trace, without_tasks=True) == ""
    known = simulated(plan, trace)
    assert not is_unknown(known) and simulated(known, trace) is known
    for walk in (reference.simulate(known, tasks=True), compiled.simulate(known, tasks=True), Walk(known).trace()):
        assert same_trace(walk, trace) == ""
    some = [compiled.simulate(plan, event_by_event=[stage]) for stage in range(len(plan.stages))]
    assert all(same_trace(one, trace, without_tasks=True) == "" for one in some)


def test_the_first_queries_of_a_found_plan_are_those_that_were_found():
    plan = behind_a_door(plan_of(taking(10)), 2)
    known = simulated(plan, reference.simulate(plan))
    first = known.first_queries(4)
    assert first.shed.tolist() == [0, 0, 1, 1] and list(every_way(first).verify(first)) == []
    assert not is_unknown(without_door(known))


def test_it_is_a_feature_of_every_stage():
    plan = behind_a_door(plan_of(taking(1), taking(2)), 3)
    for stage in (0, 1):
        features = features_of(plan, stage)
        assert Feature.ADMISSION in features and may_look_ahead(features) and may_lockstep(features)
    assert Feature.ADMISSION not in features_of(without_door(plan), 0)


def test_closed_forms_are_those_of_the_table():
    """M/M/c/K, Erlang's B, and M/D/1/K."""
    assert finite_mmc(4.0, 1.0, 4, 12) == pytest.approx((0.08913649025069638, 1.8807339449541284), rel=1e-12)
    assert finite_mmc(1.2, 1.0, 1, 10)[1] == pytest.approx(6.926137844142957, rel=1e-12)
    assert finite_mmc(100.0, 1.0, 100, 100) == pytest.approx((0.0757002, 1.0), rel=1e-5)
    assert finite_mmc(5000.0, 1.0, 10, 9000)[0] == pytest.approx(1 - 10 / 5000, rel=1e-9), "nothing overflows"
    assert crommelin_loss(0.8, 5) == pytest.approx(0.035290396436180815, rel=1e-12)
    assert crommelin_loss(3.0, 1) == pytest.approx(3 / 4) and crommelin_loss(2.0, 60) == pytest.approx(0.5, rel=1e-9)


def test_the_rows_of_doors_are_those_of_bounded_queues():
    """A door with so many places is a queue with as many, and a bucket loses what M/D/1/K does."""
    with TABLE.open(newline="") as source:
        rows = {(row["family"], row["parameters"], row["statistic"]): row["value"] for row in csv.DictReader(source)}
    ours = {key: value for key, value in rows.items() if key[0] == "admitted"}
    assert len(ours) == 8 and ours == {key: rows["mmcK", *key[1:]] for key in ours}
    assert rows["bucket", "lam=8.0;r=10.0;b=5", "prob_loss"] == rows["md1K", "lam=8.0;D=0.1;K=5", "prob_loss"]


def test_a_run_is_held_against_them():
    document = simulate(scenario_of()).to_dict()
    loss, mean_s = finite_mmc(1500.0, 0.001, 2, 4)
    door, shed = document["theory"]["admission"], document["admission"]["shed_ratio"]
    assert door["exact_ratio"] == pytest.approx(loss, rel=1e-9) and door["most_per_s"] == pytest.approx(2000, rel=1e-6)
    checks = {check["statistic"]: check for check in document["theory"]["checks"] if check["stage"] is None}
    assert checks["shed"]["verdict"] == checks["mean"]["verdict"] == "agrees"
    assert checks["mean"]["expected"] == pytest.approx(mean_s, rel=1e-9)
    assert document["failed_ratio"] == shed and document["verdict"] == "stable"
    assert document["completed_per_s"]["value"] == pytest.approx(1500 * (1 - loss), rel=0.05)


def test_a_bucket_is_held_against_a_queue_of_constant_service():
    document = simulate(scenario_of({"rate": "1k/s", "burst": 5}, stage={"workers": 8})).to_dict()
    door = document["theory"]["admission"]
    assert door["exact_ratio"] == pytest.approx(crommelin_loss(1.5, 5), rel=1e-6)
    assert (door["least_ratio"], door["most_per_s"]) == pytest.approx((1 / 3, 1000.0), rel=1e-6)
    assert [one["verdict"] for one in document["theory"]["checks"] if one["statistic"] == "shed"] == ["agrees"]


def test_more_than_is_carried_is_no_saturation_where_a_door_counts():
    document = simulate(scenario_of(rate="9k/s")).to_dict()
    assert document["verdict"] == "stable" and document["stages"][0]["utilisation"]["mean"]["value"] > 0.95
    door = document["theory"]["admission"]
    assert door["least_ratio"] == pytest.approx(1 - 2 / 9, rel=1e-6) and door["least_ratio"] < door["exact_ratio"]
    said = validate(scenario_of(rate="9k/s")).to_dict()
    assert said["is_bounded"] and not said["is_certain"]
    faster = validate(scenario_of({"rate": "3k/s"}, rate="9k/s")).to_dict()
    assert not faster["is_bounded"] and not faster["is_certain"], "more tokens come in than are served"


def test_theory_is_silent_where_it_knows_nothing():
    for more in (
        {"stage": {"network": {"request": "1ms"}}},
        {"stage": {"shards": 2}},
        {"admission": {"max_in_flight": 4, "rate": "1k/s"}},
        {"admission": {"max_in_flight": 1}},
    ):
        door = estimate(scenario_of(**more)).to_dict()["admission"]
        assert door["exact_ratio"] is None and door["law"] == "", more


def test_tables_say_it_at_every_width():
    said = simulate(scenario_of()).to_dict()
    for width in (60, 80, 120):
        text = " ".join(run_table(said, width).split())
        assert (
            "shed at the door: " in text and "the door admits 2,000/s at most in the long run, and sheds 12.4 %" in text
        )
    assert "sheds 12.4 % of queries" in estimate_table(estimate(scenario_of()).to_dict(), 120)
    bound = estimate(scenario_of(rate="9k/s", stage={"shards": 2}))
    assert "of queries at least" in estimate_table(bound.to_dict(), 120)


def test_classes_and_phases_say_how_many_of_theirs_were_shed():
    classes = [{"name": "people", "share": 1}, {"name": "crawlers", "share": 3}]
    phases = [{"name": "calm", "duration": "1s", "rate": "500/s"}, {"name": "storm", "duration": "1s", "rate": "4k/s"}]
    scenario = scenario_of(
        load={"phases": phases, "classes": classes},
        run={"replications": 4},
        slos=["phase.calm.shed_ratio < 5%", "phase.storm.shed_ratio < 5%", "class.people.shed_ratio < 1%"],
    )
    document = simulate(scenario).to_dict()
    calm, storm = (one["shed_ratio"]["value"] for one in document["phases"])
    assert calm < 0.05 < 0.4 < storm
    whole = document["admission"]["shed_ratio"]["value"]
    assert all(one["shed_ratio"]["value"] == pytest.approx(whole, rel=0.2) for one in document["classes"])
    assert [verdict["met"] for verdict in document["slos"]] == [True, False, False]
    assert "shed" in run_table(document, 120)


def test_objectives_sweeps_and_knobs_see_it():
    scenario = scenario_of(slos=["shed_ratio < 20%", "failed_ratio < 1%"])
    document = simulate(scenario).to_dict()
    assert [verdict["met"] for verdict in document["slos"]] == [True, False]
    rows = sweep(scenario, {"admission.max_in_flight": [2, 8, 30]}).rows
    assert rows[0]["shed_ratio"] > rows[1]["shed_ratio"] > rows[2]["shed_ratio"]
    knobs = {
        knob.name: knob.change for knob in knobs_of(scenario_of({"max_in_flight": 4, "rate": "2k/s", "burst": 20}))
    }
    assert knobs["admission: in flight"] == "4 -> 5" and knobs["admission: burst"] == "20 -> 22"
    assert "admission: rate" in knobs
    assert "admission: in flight" in {effect.knob.name for effect in sensitivity(scenario, tail_only=True).effects}
    seen = compare(scenario, scenario_of({"max_in_flight": 8})).to_dict()
    figures = {one["figure"]: one for one in seen["figures"]}
    assert figures["shed_ratio"]["difference"]["value"] < 0


def test_what_became_of_a_query_is_saved(shardsim, tmp_path):
    (tmp_path / "door.yaml").write_text(json.dumps({**scenario_of().resolved(), "run": {"queries": 200}}))
    saved = str(tmp_path / "q.csv")
    code, _, _ = shardsim("run", str(tmp_path / "door.yaml"), "--replications", "1", "--save-queries", saved)
    with (tmp_path / "q.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert code == 0 and {row["outcome"] for row in rows} == {"complete", "shed"}
    assert {row["latency_s"] for row in rows if row["outcome"] == "shed"} == {""}


@pytest.mark.parametrize(
    ("admission", "path", "said"),
    [
        ({}, "admission", "needs max_in_flight, like 200, or rate, like 500/s"),
        ({"max_in_flight": 0}, "admission.max_in_flight", "at least 1"),
        ({"max_in_flight": 4, "burst": 2}, "admission.burst", "goes with a rate"),
        ({"rate": 500}, "admission.rate", "/s"),
        ({"rate": "1/h", "burst": 2}, "admission.burst", "an empty bucket is full after 7200 s"),
        ({"max_in_flight": 4, "when_full": "queue"}, "admission.when_full", "must be one of shed"),
    ],
)
def test_what_may_not_be_said(admission, path, said):
    values = {**scenario_of().resolved(), "admission": admission}
    with pytest.raises(ScenarioError) as error:
        scenario_from_dict(values)
    problems = {problem.path: problem.message for problem in error.value.problems}
    assert said in problems[path], problems


def test_memory_is_said_of_it():
    plain = {key: value for key, value in scenario_of().resolved().items() if key != "admission"}
    less, more = (needed(Plans.of(one), "compiled", 1, 4).bytes for one in (scenario_from_dict(plain), scenario_of()))
    assert less < more < 3 * less and math.isfinite(more)


def test_a_run_that_sheds_now_and_then_is_kept_and_compared(shardsim, tmp_path):
    """In some replications nobody is shed: they have no column of coverage, and are kept beside those that have."""
    scenario = scenario_of({"max_in_flight": 9}, rate="1k/s", run={"queries": 300, "replications": 6})
    kept = simulate(scenario).traces
    assert {len(trace.coverage) for trace in kept.values()} == {0, 1}
    (tmp_path / "door.yaml").write_text(json.dumps(scenario.resolved()))
    code, _, _ = shardsim("run", str(tmp_path / "door.yaml"), "-o", str(tmp_path / "out"))
    assert code == 0
    code, out, _ = shardsim("compare", str(tmp_path / "out"), str(tmp_path / "out"), "--format", "json")
    figures = {one["figure"]: one for one in json.loads(out)["figures"]}
    assert figures["shed_ratio"]["a"] == figures["shed_ratio"]["b"]


@pytest.mark.parametrize("offered", [150.0, 700.0, 740.0, 1e6])
@pytest.mark.parametrize("places", [2, 3, 5, 50])
def test_a_bucket_that_is_asked_for_far_too_much_loses_all_but_its_rate(offered, places):
    assert crommelin_loss(offered, places) == pytest.approx(1 - 1 / offered, rel=1e-12)
