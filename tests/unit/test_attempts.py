"""Clients that give up and try again: by hand and drawn, on every way; what becomes of queries; what is refused."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from attempt_plans import attempt_plans
from conftest import ROOT, drawn, slow
from hypothesis import HealthCheck, given
from test_hedging import every_way
from walk import Walk

from simulator import (
    ScenarioError,
    compare,
    estimate,
    load_scenario,
    scenario_from_dict,
    scenario_from_text,
    sensitivity,
    simulate,
    size,
    sweep,
    validate,
)
from simulator.core.admission import behind_a_door
from simulator.core.assemble import StageParts, assemble
from simulator.core.clients import as_open, is_unknown, simulated
from simulator.core.columns import COMPLETE, FAILED, SHED, TIMED_OUT, UNFINISHED
from simulator.core.features import Feature, features_of, may_lockstep, may_look_ahead
from simulator.core.laws import Law
from simulator.core.plan import LIFO
from simulator.core.retrying import numbers_of, with_patience
from simulator.core.trace import same_trace
from simulator.engines import compiled, reference
from simulator.planner.plans import Plans
from simulator.planning import judge
from simulator.planning.knobs import knobs_of
from simulator.report import folders
from simulator.report.run import run_table
from simulator.running.memory import needed
from simulator.scenario.slo import parse_objective
from simulator.stats import recovery
from simulator.stats.attempts import as_queries, as_served
from simulator.stats.extract import Extracts, extract
from simulator.stats.summary import summarise
from simulator.theory import busiest
from simulator.verification.families import parsed
from simulator.verification.table import TABLE

ONE = Law.constant(1.0)
NONE = np.zeros(0, dtype=np.int64)


def plan_of(*parts, arrivals=(0, 1), **more):
    stages = [StageParts(**{**({"candidates": ONE} if place == 0 else {}), **part}) for place, part in enumerate(parts)]
    return assemble(stages, np.array(arrivals, dtype=np.int64), seed=4, **more)


def taking(ns, **more):
    return {"knots": [(0.0, float(ns), 0.0)], **more}


def scenario_of(client=None, rate="400/s", **more):
    law = {"kind": "exponential", "mean": "1ms"}
    one = {"name": "one", "workers": 2, "model": {"kind": "time", "law": law}}
    return scenario_from_dict(
        {
            "name": "retry",
            "load": {"rate": rate},
            "run": {"queries": 2000, "replications": 4},
            "client": {"timeout": "4ms", "retries": 2, "backoff": {"base": "5ms"}} if client is None else client,
            "stages": [one],
            **more,
        }
    )


def found_every_way(plan):
    """The trace of a plan of which something is found: the same on every way, and of what was found."""
    trace = every_way(plan)
    known = simulated(plan, trace)
    assert not is_unknown(known) and simulated(known, trace) is known
    assert same_trace(compiled.simulate(plan), trace, without_tasks=True) == ""
    for walk in (reference.simulate(known, tasks=True), compiled.simulate(known, tasks=True), Walk(known).trace()):
        assert same_trace(walk, trace) == ""
    some = [compiled.simulate(plan, event_by_event=[stage]) for stage in range(len(plan.stages))]
    assert all(same_trace(one, trace, without_tasks=True) == "" for one in some)
    return trace


def test_what_is_done_at_the_last_instant_is_in_time():
    """Each takes 10, one after another: the second is answered at 20, 19 after it came."""
    late = every_way(with_patience(plan_of(taking(10)), 18))
    assert late.outcome.tolist() == [COMPLETE, TIMED_OUT] and late.completion_ns.tolist() == [10, 20]
    assert late.ended_ns(slice(0, 2)).tolist() == [10, 19], "when its client gave up"
    assert late.tasks.tolist() == [2], "its work is done, and charged"
    assert every_way(with_patience(plan_of(taking(10)), 19)).outcome.tolist() == [COMPLETE, COMPLETE]


def test_who_is_given_up_enters_no_further_stage():
    trace = every_way(with_patience(plan_of(taking(10), taking(1, mergers=1, merge_ns=2)), 15))
    assert trace.leave_ns.tolist() == [[10, 20], [13, -1]] and trace.outcome.tolist() == [COMPLETE, TIMED_OUT]
    assert trace.enter_ns.tolist() == [[0, 1], [10, -1]]


def test_a_query_is_sent_again_after_a_pause_that_grows():
    """Given up 5 after it came, it comes again 3 later, and 6: at 8 and at 19; the server is done at 10, 20 and 30."""
    plan = with_patience(plan_of(taking(10), arrivals=[0]), 5, 2, (3.0, 2.0, 9.0))
    trace = every_way(plan)
    assert trace.arrival_ns.tolist() == [0, 8, 19] and trace.query_of.tolist() == [0, 0, 0]
    assert trace.outcome.tolist() == [TIMED_OUT] * 3 and trace.completion_ns.tolist() == [10, 20, 30]
    whole = as_queries(trace)
    assert (whole.arrival_ns.tolist(), whole.ended_ns(slice(0, 1)).tolist(), whole.measured) == ([0], [24], 1)


def test_who_fails_or_is_shed_tries_again_too():
    """Nobody waits at the server: who finds it busy has failed, a nanosecond after it came."""
    trace = every_way(with_patience(plan_of(taking(10, limit=0)), 1000, 1, (8.0, 1.0, 8.0)))
    assert trace.outcome.tolist() == [COMPLETE, FAILED, COMPLETE] and trace.arrival_ns.tolist() == [0, 1, 10]
    door = with_patience(behind_a_door(plan_of(taking(10)), 1), 1000, 1, (8.0, 1.0, 8.0))
    shed = every_way(door)
    assert shed.outcome.tolist() == [COMPLETE, SHED, SHED] and shed.arrival_ns.tolist() == [0, 1, 9]


def test_who_is_given_up_is_in_flight_no_more():
    """One may be there: the first is given up at 4, so who comes then is admitted, though the server is busy."""
    trace = every_way(with_patience(behind_a_door(plan_of(taking(10), arrivals=(0, 3, 4)), 1), 4))
    assert trace.outcome.tolist() == [TIMED_OUT, SHED, TIMED_OUT]


def test_a_budget_pays_for_some():
    """Half a retry a query, one is held: each of four queries that fail would come again; some may."""
    plan = plan_of(taking(100), arrivals=(0, 10, 20, 30))
    free = every_way(with_patience(plan, 5, 1, (3.0, 1.0, 3.0)))
    assert free.query_of.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    paid = every_way(with_patience(plan, 5, 1, (3.0, 1.0, 3.0), budget=(500_000, 1_000_000)))
    assert paid.query_of.tolist() == [0, 0, 1, 2, 2, 3], "the first pays from what is held, then every other"
    assert every_way(with_patience(plan, 5, 1, (3.0, 1.0, 3.0), budget=(0, 0))).query_of.tolist() == [0, 1, 2, 3]


def test_at_one_instant_queries_come_by_their_number():
    """The first query comes again at 8, when the second comes for the first time."""
    trace = every_way(with_patience(plan_of(taking(10), arrivals=(0, 8)), 5, 1, (3.0, 1.0, 3.0)))
    assert trace.query_of.tolist()[:3] == [0, 0, 1] and trace.arrival_ns.tolist()[:3] == [0, 8, 8]


def test_a_cut_run_gives_up_who_has_waited_long_enough():
    trace = every_way(with_patience(plan_of(taking(100), arrivals=(0, 9), drain_ns=5), 10))
    assert trace.outcome.tolist() == [TIMED_OUT, UNFINISHED]


def test_a_long_patience_changes_nothing():
    plan = plan_of(taking(4), taking(3, discipline=LIFO), arrivals=range(0, 60, 3))
    plain = reference.simulate(plan, tasks=True)
    for patience in ({"timeout_ns": 10_000}, {"timeout_ns": 10_000, "retries": 3}):
        trace = every_way(with_patience(plan, **patience))
        assert same_trace(replace(trace, query_of=NONE, gives_up_ns=NONE), plain) == ""


@drawn(150, deadline=None, suppress_health_check=list(HealthCheck))
@given(attempt_plans(slowdowns=False, failures=False))
def test_engines_and_walk_agree_and_the_same_comes_of_what_was_found(plan):
    trace = found_every_way(plan)
    whole = as_queries(trace)
    assert len(whole.arrival_ns) == plan.queries and np.array_equal(whole.arrival_ns, plan.arrival_ns)
    assert (whole.first_measured, whole.measured) == (plan.first_measured, plan.measured)
    served_ns = as_served(trace).ended_ns(slice(0, len(trace.arrival_ns)))
    assert ((served_ns < 0) | (served_ns >= trace.arrival_ns)).all()


def test_it_is_a_feature_of_every_stage():
    plan = with_patience(plan_of(taking(1), taking(2)), 9, 1)
    for stage in (0, 1):
        features = features_of(plan, stage)
        assert Feature.ATTEMPTS in features and may_look_ahead(features) and may_lockstep(features)
    assert Feature.ATTEMPTS not in features_of(as_open(plan), 0)
    assert numbers_of(np.array([0, 1, 0, 2, 1, 0])).tolist() == [0, 0, 1, 0, 1, 2]


def test_figures_are_of_queries_and_of_what_was_sent():
    document = simulate(scenario_of()).to_dict()
    said = document["attempts"]
    assert document["queries"] == 8000 and 1 < said["per_query"]["value"] < 3
    assert (
        said["timed_out_ratio"]["value"]
        == document["failed_ratio"]["value"]
        < said["attempts_timed_out_ratio"]["value"]
    )
    assert said["retried_ratio"]["value"] == pytest.approx(said["per_query"]["value"] - 1, rel=0.5)
    assert document["stages"][0]["utilisation"]["mean"]["value"] > 0.2, "all work is charged"
    assert document["latency_s"]["max"] > 0.009, "from the first attempt on"
    table = " ".join(run_table(document, 120).split())
    assert "given up by clients: " in table and " attempts a query, " in table


def test_the_rows_of_those_who_give_up_are_the_tail_of_a_queue():
    with TABLE.open(newline="") as source:
        rows = [row for row in csv.DictReader(source) if row["family"] == "giveup"]
    for row in rows:
        given = parsed(row["parameters"])
        late = np.exp(-(float(given["mu"]) - float(given["lam"])) * float(given["tau"]))
        assert float(row["value"]) == pytest.approx(late, rel=1e-12)
    assert len(rows) == 2


def test_a_time_out_alone_loses_what_takes_longer():
    """Nobody is told, so M/M/1 goes on as ever: the share that is given up is that of queries which take longer."""
    law = {"kind": "exponential", "mean": "1ms"}
    one = {"name": "one", "model": {"kind": "time", "law": law}}
    scenario = scenario_of({"timeout": "5ms"}, rate="600/s", stages=[one], run={"queries": 20000, "replications": 6})
    document = simulate(scenario).to_dict()
    seen = document["attempts"]["timed_out_ratio"]
    assert seen["low"] < np.exp(-(1000 - 600) * 0.005) < seen["high"]
    said = run_table(document, 200)
    assert "of 120,000 queries have no answer" in said and "never finished" not in said


def test_objectives_sweeps_knobs_and_comparisons_see_it():
    scenario = scenario_of(slos=["failed_ratio < 1%", "p50 < 3ms", "stage.one.p50 < 1s"])
    document = simulate(scenario).to_dict()
    assert document["slos"][1]["met"] and document["slos"][0]["value"] == document["failed_ratio"]["value"]
    rows = sweep(scenario, {"client.timeout": ["3ms"], "client.retries": [1, 2]}).rows
    assert rows[0]["failed_ratio"] > rows[1]["failed_ratio"]
    client = {"timeout": "4ms", "retries": 2, "backoff": {"base": "5ms"}, "retry_budget": "10%"}
    knobs = {knob.name: knob.change for knob in knobs_of(scenario_of(client))}
    assert knobs["client: retries"] == "2 -> 1" and {"client: timeout", "client: backoff", "client: retry budget"} <= {
        *knobs
    }
    names = {
        effect.knob.name
        for effect in sensitivity(
            scenario_of({"timeout": "4ms", "retries": 1}, slos=["p50 < 3ms"]), tail_only=True
        ).effects
    }
    assert "client: retries" in names and "client: timeout" in names
    seen = {one["figure"]: one for one in compare(scenario, scenario_of({"timeout": "4ms"})).to_dict()["figures"]}
    assert seen["failed_ratio"]["difference"]["value"] > 0


def test_extracts_say_what_traces_say():
    scenario = scenario_of(
        slos=["p99 < 8ms", "failed_ratio < 1%", "stage.one.p95 < 5ms", "stage.one.utilisation < 90%"]
    )
    plans = [Plans.of(scenario).make(number) for number in range(3)]
    traces = [compiled.simulate(plan) for plan in plans]
    found = [simulated(plan, trace) for plan, trace in zip(plans, traces, strict=True)]
    utilisations = [busiest(plan) for plan in plans]
    summary = summarise(traces, found[0], scenario.slos, [50, 99], ["one"], utilisations=utilisations)
    kept = [extract(plan, trace, [0]) for plan, trace in zip(found, traces, strict=True)]
    extracts = Extracts(kept, ["one"], [2], utilisations, True)
    assert extracts.stability().verdict == summary.verdict
    mine = extracts.verdicts(scenario.slos, summary.verdict == "saturated")
    for one, other in zip(mine, summary.to_dict()["slos"], strict=True):
        assert (one.slo, one.met) == (other["slo"], other["met"])
        assert one.value == other["value"] or one.value == pytest.approx(other["value"], rel=1e-9)


def test_attempts_are_saved_and_compared_again(shardsim, tmp_path):
    (tmp_path / "retry.yaml").write_text(
        json.dumps({**scenario_of(rate="1k/s").resolved(), "run": {"queries": 400, "replications": 4}})
    )
    saved, out = str(tmp_path / "q.csv"), str(tmp_path / "out")
    code, _, _ = shardsim("run", str(tmp_path / "retry.yaml"), "--save-queries", saved, "-o", out)
    with (tmp_path / "q.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert code == 0 and {row["attempt"] for row in rows} == {"0", "1", "2"}
    assert {row["outcome"] for row in rows} == {"complete", "timed_out"}
    code, said, _ = shardsim("compare", out, out, "--format", "json")
    figures = {one["figure"]: one for one in json.loads(said)["figures"]}
    assert code in (0, 98) and figures["failed_ratio"]["difference"]["value"] == 0


def test_memory_is_said_of_it():
    plain = scenario_from_dict({key: value for key, value in scenario_of().resolved().items() if key != "client"})
    less, more = (needed(Plans.of(one), "compiled", 1, 4).bytes for one in (plain, scenario_of()))
    assert 2 * less < more < 9 * less


def test_paper_says_demand_of_queries_and_claims_nothing():
    assert estimate(scenario_of()).to_dict()["predictions"] == []
    assert validate(scenario_of()).to_dict()["demand"] == pytest.approx(0.2, rel=1e-6)
    assert simulate(scenario_of(rate="2.5k/s")).to_dict()["verdict"] == "saturated", (
        "what comes is served, whoever waits"
    )


@pytest.mark.parametrize(
    ("client", "path", "said"),
    [
        ({}, "client", "needs a timeout, like 200ms"),
        ({"retries": 2}, "client", "needs a timeout, like 200ms"),
        ({"timeout": "0s"}, "client.timeout", "above 0"),
        ({"timeout": "1s", "retries": -1}, "client.retries", "at least 0"),
        ({"timeout": "1s", "backoff": "5ms"}, "client.backoff", "goes with retries"),
        ({"timeout": "1s", "retry_budget": "5%"}, "client.retry_budget", "goes with retries"),
        (
            {"timeout": "1s", "retries": 1, "backoff": {"base": "5ms", "factor": 0.5}},
            "client.backoff.factor",
            "at least 1",
        ),
        (
            {"timeout": "1s", "retries": 1, "backoff": {"base": "5ms", "most": "1ms"}},
            "client.backoff.most",
            "longer than",
        ),
    ],
)
def test_what_may_not_be_said(client, path, said):
    with pytest.raises(ScenarioError) as error:
        scenario_from_dict({**scenario_of().resolved(), "client": client})
    problems = {problem.path: problem.message for problem in error.value.problems}
    assert said in problems[path], problems


@slow
def test_a_retry_storm_outlives_its_cause_and_a_budget_ends_it():
    """Of twenty replications each: without a budget nobody is answered long after the stall, with one all are."""
    base = load_scenario(ROOT / "scenarios" / "retry_storm.yaml", sets=["run.replications=20"])
    shares = {}
    for name, sets in (("budget", []), ("none", ["client.retry_budget.burst=1M"])):
        scenario = load_scenario(ROOT / "scenarios" / "retry_storm.yaml", sets=["run.replications=20", *sets])
        later = []
        for trace in simulate(scenario).traces.values():
            whole = as_queries(trace)
            after_ns = whole.arrival_ns - whole.window_begin_ns
            late = (after_ns >= 30e9) & (after_ns < 50e9)
            later.append(float(whole.is_answered(slice(None))[late].mean()))
        shares[name] = sorted(later)
    assert shares["budget"][1] > 0.99 and shares["none"][-2] < 0.5, shares
    assert base.client is not None


TWO = """
name: two
load: {rate: 50/s}
run: {replications: 4, queries: 1k, warmup: 100}
client: {timeout: 60ms, retries: 1}
stages:
  - {name: b, candidates: 1, model: {kind: time, law: {kind: exponential, mean: 10ms}}}
  - {name: c, candidates: 1, model: {kind: time, law: {kind: exponential, mean: 10ms}}}
slos: [p90 < 200ms]
"""


def test_fleets_are_found_where_a_later_stage_sends_queries_to_an_earlier_one_again():
    found = size(scenario_from_text(TWO), search={"stages.b.replicas": [1, 2], "stages.c.replicas": [1, 2]}, top=1)
    assert found.exit_code in (0, 98, 99) and found.seen


def test_attempts_are_of_the_class_of_their_query(tmp_path):
    """As its work says, which is that of its class."""
    classes = [{"name": "p", "share": 1, "work": 1}, {"name": "q", "share": 1, "work": 3}]
    values = {
        "name": "cl",
        "load": {"rate": "5/s", "arrivals": "constant", "classes": classes},
        "run": {"replications": 1, "queries": 8, "warmup": 0},
        "client": {"timeout": "25ms", "retries": 1, "backoff": {"base": "5ms", "jitter": "none"}},
        "stages": [{"name": "s", "candidates": 1, "model": {"kind": "linear", "per_item": "10ms"}}],
    }
    folders.write_table(simulate(scenario_from_dict(values)), tmp_path / "all.csv")
    with (tmp_path / "all.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 8
    of = {row["of_query"]: set() for row in rows}
    for row in rows:
        of[row["of_query"]].add(row["class"])
        assert (row["class"] == "q") == (row["outcome"] == "timed_out")  # three times the work is not done in time
    assert all(len(one) == 1 for one in of.values())


def test_pauses_do_not_grow_for_ever():
    backoff = {"base": "1ms", "factor": 10}
    client = scenario_from_text(TWO, [f"client.backoff={json.dumps(backoff)}"]).client
    assert client.pause_ns == (1e6, 10.0, 60e9)
    assert scenario_from_text(TWO, ["client.backoff.base=2m"]).client.pause_ns[2] == 120e9


def test_a_run_with_retries_is_not_lengthened():
    """A collapse that stays is in more of a longer run: it is another one."""
    assert not scenario_from_text(TWO).can_lengthen
    assert scenario_from_text(TWO, ["client.retries=0"]).can_lengthen


def test_with_retries_a_whole_fleet_is_to_blame():
    """A later stage that is slow loads an earlier one with retries: no part of the fleet is ruled out alone."""
    plans = Plans.of(scenario_from_text(TWO))
    kept = []
    for replication in range(2):
        plan = plans.make(replication)
        trace = compiled.simulate(plan)
        kept.append(judge._with_leaves(simulated(plan, trace), trace, lambda plan, trace: extract(plan, trace, (0,))))
    assert [leaves for _, leaves in kept] == [[], []]
    seen = Extracts([one for one, _ in kept], ["b", "c"], [1, 1], [0.5, 0.5], True)
    assert {judge._to_blame(parse_objective(slo), seen, []) for slo in ("p90 < 1ms", "stage.b.p90 < 1ms")} == {1}


def test_windows_count_queries_once_however_often_they_are_sent():
    """Their latency runs from the first attempt, and what was given up is no answer."""
    plan = Plans.of(scenario_from_text(TWO, ["run.warmup=0", "load.rate=90/s"])).make(0)
    trace = compiled.simulate(plan)
    assert len(trace.arrival_ns) > plan.queries
    windows = recovery.Windows(np.array([0.0, 1e6]), 0.0, 1.0)
    seen = recovery.counted(simulated(plan, trace), trace, [parse_objective("availability > 99%")], windows)
    outcome = as_queries(trace).outcome
    assert seen.queries.tolist() == [plan.queries]
    assert seen.bad.tolist() == [[int(np.count_nonzero(outcome == TIMED_OUT))]] != [[0]]
