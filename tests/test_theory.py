"""Closed forms against exact values, runs against closed forms, and the alarm when they differ."""

from __future__ import annotations

import csv
import dataclasses
import importlib
import math
import sys

import numpy as np
import pytest
import scipy.stats
from conftest import ROOT, drawn
from hypothesis import given

from simulator import ContradictionError, load_scenario, scenario_from_dict
from simulator.core.features import Feature, features_of
from simulator.core.stage_view import stage_views
from simulator.engines.reference import simulate as engine
from simulator.planner.plans import make_plan
from simulator.report.run import run_table
from simulator.running.run import simulate
from simulator.testing import plans, scenarios
from simulator.theory import Prediction, check, constant_latencies_s, estimate, exact_capacity, little
from simulator.theory.queues import MD1, erlang_c, mm1_quantile, mmc_mean_wait, mmc_quantile
from simulator.verification.families import paper_funnel
from simulator.verification.table import TABLE, systems

SYSTEMS = systems()
BY_NAME = {system.name: system for system in SYSTEMS}


#: Families of the table that are not of the collection: a test of their own works them out anew, as of unit/test_*.py.
WORKED_OUT = {"mg1_after", "hedge0", "breakdown"}  # unit/test_after_answer.py, test_hedging.py, test_slowdowns.py
WORKED_OUT |= {
    "admitted",
    "bucket",
    "giveup",
    "bulkhead",
    "late",
    "closed_beside",
}
WORKED_OUT |= {"autoscaled"}  # the same
WORKED_OUT |= {"sources0"}  # unit/test_sources.py


def test_the_table_is_that_of_the_shared_oracles(shared):
    with (shared / "oracles" / "oracles.csv").open(newline="") as source:
        theirs = {tuple(row[:3]): float(row[3]) for row in csv.reader(source) if row[0] != "family"}
    with TABLE.open(newline="") as source:
        ours = {
            (row["family"], row["parameters"], row["statistic"]): float(row["value"]) for row in csv.DictReader(source)
        }
    ours = {key: value for key, value in ours.items() if key[0] not in WORKED_OUT}
    assert ours
    assert {key: theirs[key] for key in ours} == ours


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_predictions_are_the_exact_values(system):
    plan = make_plan(scenario_from_dict({**system.scenario, "run": {"queries": 10}}))
    paper = estimate(plan)
    for prediction in paper.predictions:
        if prediction.statistic == "wait" and prediction.stage == 0 and "wait" in system.exact:
            assert prediction.value_s == pytest.approx(system.exact["wait"], rel=1e-5)
        if prediction.stage is None and prediction.statistic in system.exact:
            exact = system.exact[prediction.statistic]
            if prediction.kind == "exact":
                assert prediction.value_s == pytest.approx(exact, rel=2e-5), prediction.statistic
            elif prediction.kind == "upper bound":
                assert prediction.value_s >= exact * (1 - 1e-5)
            else:
                assert prediction.value_s <= exact * (1 + 1e-5)
    predicted = {p.statistic for p in paper.predictions if p.stage is None and p.kind == "exact"}
    if system.name.split()[0] in ("mm1", "md1", "mmc", "tandem_dd", "seed_load", "skew"):
        assert {"mean", "p50", "p95", "p99", "p99.9"} <= predicted


@pytest.mark.parametrize(
    "system",
    [s for s in SYSTEMS if s.name.split()[0] in ("fanout0", "fanout0_het", "funnel0", "sources0")],
    ids=lambda s: s.name,
)
def test_zero_load_latency_is_the_exact_maximum(system):
    zero = estimate(make_plan(scenario_from_dict({**system.scenario, "run": {"queries": 2}}))).zero_load
    for name, exact in system.exact.items():
        value = zero.mean_s if name == "mean" else zero.percentiles_s[name]
        assert value == pytest.approx(exact, rel=1e-3), name


def test_queues_agree_with_each_other():
    assert mmc_quantile(0.7, 1.0, 1, 0.99) == pytest.approx(mm1_quantile(0.7, 1.0, 0.99))
    assert mmc_mean_wait(0.7, 1.0, 1) == pytest.approx(0.7 / 0.3)
    assert mmc_quantile(1.0, 1.0, 2, 0.5) == pytest.approx(1.0, rel=0.5)  # spare rate = service rate: the other branch
    assert erlang_c(4, 3.2) == pytest.approx(0.5964, abs=1e-4)
    queue = MD1(0.7)
    mean = scipy.integrate.quad(lambda x: 1 - queue.wait_cdf(x), 0, 60, limit=500)[0]
    assert mean == pytest.approx(0.7 / (2 * 0.3), rel=1e-6)


@drawn(100)
@given(plans(outages=False, deadlines=False))
def test_identities_hold_on_every_sample_path(plan):
    assert {finding.verdict for finding in little([engine(plan)], plan)} == {"agrees"}


@drawn(40)
@given(scenarios())
def test_an_estimate_can_be_made_of_every_scenario(values):
    scenario = scenario_from_dict(values)
    plan = make_plan(scenario)
    paper = estimate(plan, scenario.is_stationary)
    assert paper.utilisation >= 0
    views = stage_views(plan)
    by_events = any(view.is_partial or view.sends_copies or view.interferes or view.is_slowed for view in views)
    by_events |= bool(plan.stages["outages"].any())
    by_events |= any(Feature.ROUTING_BY_LATENCY in features_of(plan, stage) for stage in range(len(views)))
    assert (paper.zero_load is None) == by_events, "nothing is said where what happens says how long it takes"
    if paper.zero_load is not None:
        zero = [paper.zero_load.percentiles_s[name] for name in ("p50", "p90", "p95", "p99", "p99.9")]
        assert zero == sorted(zero)
        assert all(math.isfinite(value) for value in zero)
    document = paper.to_dict([stage.name for stage in scenario.stages])
    if paper.utilisation > 0:
        assert document["saturation_per_s"] == pytest.approx(paper.rate_per_s / paper.utilisation)


@drawn(40)
@given(scenarios(most_queries=20))
def test_every_scenario_runs_and_contradicts_no_law(values):
    result = simulate(scenario_from_dict(values), percentiles=[50, 99])
    document = result.to_dict()
    assert document["queries"] > 0
    assert {c["verdict"] for c in document["theory"]["checks"]} <= {"agrees", "outside 95 %", "not checked"}
    for stage in document["stages"]:
        assert stage["utilisation"]["max"] is None or stage["utilisation"]["max"] >= 0


def held_against(system, run):
    """Run a system and hold it against its exact values; returns the findings."""
    result = simulate(scenario_from_dict({**system.scenario, "run": run}))
    exact = tuple(
        Prediction(name, 0 if name == "wait" else None, value, "exact", system.name)
        for name, value in system.exact.items()
        if not name.endswith("_wait")
    )
    document = result.summary.to_dict()
    if system.is_empty:  # MSER-5 takes the outliers of a law without variance for a start that differs
        document["verdict"] = "stable"
    paper = dataclasses.replace(estimate(make_plan(result.scenario)), predictions=exact)
    return check(paper, document, result.summary.tail_shares)


QUICK = [
    "mm1 lam=0.5;mu=1.0",
    "md1 lam=0.7;D=1.0",
    "mmc lam=3.2;mu=1.0;c=4",
    "gm1 arrivals=deterministic;lam=0.5;mu=1.0",
    "gm1 arrivals=erlang2;by=gamma;lam=0.8;mu=1.0",
    "mmpp l1=0.5;l2=1.5;r12=0.05;r21=0.2;mu=1.0",
    "rr policy=round_robin;c=2;lam_total=1.0;mu=1.0",
    "jsq n=2;d=2;lam_total=1.0;mu=1.0",
    "jsq n=4;d=2;lam_total=3.2;mu=1.0",
    "fj2 N=2;lam=0.3;mu=1.0;join=all",
    "tandem lam=0.5;mu=(1.0, 1.25);c=(1, 1)",
    "funnel0 N1=10;mu1=1.0;N2=5;mu2=1.0",
]


@pytest.mark.parametrize("name", QUICK)
def test_a_short_run_agrees_with_the_exact_values(name):
    """Fixed seed; each statistic tested at a level of one in a million, at least three of them."""
    findings = held_against(BY_NAME[name], {"queries": 4000, "replications": 10, "seed": 11})
    verdicts = [finding.verdict for finding in findings]
    assert "contradicted" not in verdicts, findings
    assert sum(verdict in ("agrees", "outside 95 %") for verdict in verdicts) >= 3
    for finding in findings:
        if finding.statistic in ("mean", "p50"):
            assert finding.high - finding.low < 0.25 * finding.expected, "an interval that wide shows nothing"


def test_the_number_of_shards_at_equal_work_a_shard_changes_nothing():
    completions = []
    for light, heavy in ((1, 1), (10, 5)):
        values = {**paper_funnel(8.0, light, heavy), "run": {"queries": 300, "seed": 5}}
        completions.append(engine(make_plan(scenario_from_dict(values))).completion_ns)
    assert np.array_equal(*completions)


def test_a_run_that_contradicts_an_exact_law_fails_loudly(monkeypatch):
    """A seeded bug: service times 30 % too long, which no interval of a good run would excuse."""
    from simulator.engines import compiled

    honest = compiled.simulate

    def slower(plan, tasks=False, **more):
        changed = dataclasses.replace(plan, knot_ns=plan.knot_ns, machine_factor=plan.machine_factor)
        factor = plan.machine_factor * 1.3
        factor.flags.writeable = False
        return honest(dataclasses.replace(changed, machine_factor=factor), tasks, **more)

    system = BY_NAME["mm1 lam=0.5;mu=1.0"]
    scenario = scenario_from_dict({**system.scenario, "run": {"queries": 3000, "replications": 10}})
    simulate(scenario)
    monkeypatch.setattr(compiled, "simulate", slower)
    with pytest.raises(ContradictionError, match="do not trust it"):
        simulate(scenario)


@pytest.mark.parametrize(("column", "at"), [("candidates", (1, 7)), ("outcome", 7)])
def test_lost_queries_are_noticed(column, at):
    plan = make_plan(scenario_from_dict({**paper_funnel(8.0, 2, 2), "run": {"queries": 50}}))
    trace = engine(plan)
    changed = getattr(trace, column).copy()
    changed[at] = -1
    lost = little([dataclasses.replace(trace, **{column: changed})], plan)
    assert {finding.law for finding in lost if finding.verdict == "contradicted"} == {"flow balance"}


@pytest.mark.parametrize("at_a_time", [1, 7, 50])
def test_laws_on_the_sample_path_hold_of_slices_as_of_the_whole(at_a_time, monkeypatch):
    plan = make_plan(scenario_from_dict({**paper_funnel(8.0, 2, 2), "run": {"queries": 50}}))
    trace = engine(plan)
    lost = dataclasses.replace(trace, outcome=np.where(np.arange(plan.queries) % 9 == 0, -1, trace.outcome))
    expected = little([trace, lost], plan)
    monkeypatch.setattr(importlib.import_module("simulator.theory.check"), "AT_A_TIME", at_a_time)
    assert little([trace, lost], plan) == expected
    assert [finding.observed for finding in expected if finding.statistic == "lost"] == [
        0.0,
        float((plan.queries + 8) // 9),
    ]


def test_nothing_is_contradicted_before_the_run_is_long_enough():
    system = BY_NAME["mm1 lam=0.9;mu=1.0"]
    result = simulate(scenario_from_dict({**system.scenario, "run": {"queries": 100, "replications": 4}}))
    paper = estimate(make_plan(result.scenario))
    assert {finding.verdict for finding in check(paper, result.summary.to_dict(), result.summary.tail_shares)} == {
        "not checked"
    }


def test_many_different_shards_are_lumped_without_much_loss():
    """A thousand shards of different size and speed: the maximum, by 20,000 draws, within its own 1 %."""
    values = paper_funnel(0.01, 1, 0)
    values["stages"][0] |= {"shards": 1000, "skew": 0.4, "variability": {"task": {"kind": "lognormal", "cv": 0.3}}}
    scenario = scenario_from_dict({**values, "run": {"queries": 10}})
    paper = estimate(make_plan(scenario)).zero_load
    rng = np.random.default_rng(1)
    alone = 0.1 * np.array(scenario.stages[0].shares)
    sigma = math.sqrt(math.log(1.09))
    samples = [(alone * np.exp(sigma * rng.normal(size=1000) - sigma**2 / 2)).max() for _ in range(20_000)]
    assert paper.mean_s == pytest.approx(np.mean(samples), rel=0.01)
    assert paper.percentiles_s["p99"] == pytest.approx(np.quantile(samples, 0.99), rel=0.02)


def document_of(stages, load, run, slos=()):
    values = {"name": "case", "load": load, "run": run, "stages": stages, "slos": list(slos)}
    return simulate(scenario_from_dict(values)).to_dict()


def timed(law, **more):
    return {"name": "a", "model": {"kind": "time", "law": law}, **more}


def test_a_fork_and_join_stays_below_its_upper_bound():
    stage = timed({"kind": "exponential", "mean": "10ms"}, shards=8)
    run = {"queries": 3000, "warmup": 500, "replications": 6}
    checks = document_of([stage], {"rate": "50/s"}, run)["theory"]["checks"]
    bounds = [check for check in checks if check["kind"] == "upper bound" and check["observed"] is not None]
    assert {check["verdict"] for check in bounds} == {"agrees"}
    assert all(check["observed"] < check["expected"] for check in bounds)


def test_an_upper_bound_that_is_passed_is_noticed(monkeypatch):
    """A seeded bug: the bound of half as many shards."""
    monkeypatch.setattr(sys.modules["simulator.theory.queues"], "harmonic", lambda count: 0.4)
    stage = timed({"kind": "exponential", "mean": "10ms"}, shards=8)
    run = {"queries": 3000, "warmup": 500, "replications": 6}
    with pytest.raises(ContradictionError, match="from above"):
        document_of([stage], {"rate": "50/s"}, run)


@given(plans(outages=False, deadlines=False))
@drawn(60)
def test_a_feature_that_nobody_has_heard_of_silences_every_law(plan):
    """Of each stage, and of the funnel; what is arithmetic on paper stays."""
    trace = engine(plan)
    estimate(plan), exact_capacity(plan, "mean", None, 1.0)
    assert little([trace], plan)
    with pytest.MonkeyPatch.context() as patch:
        for module in ("stages", "check"):
            patch.setattr(
                importlib.import_module(f"simulator.theory.{module}"),
                "features_of",
                lambda plan, stage: features_of(plan, stage) | {"invented"},
            )
        paper = estimate(plan)
        assert paper.predictions == ()
        assert paper.to_dict([""] * len(plan.stages))["zero_load_s"] is None
        assert set(constant_latencies_s(plan)) == {None}
        assert exact_capacity(plan, "mean", None, 1.0) is None
        assert little([trace], plan) == []


def test_tables_say_no_more_than_the_laws():
    """Where an empty system is not known, and flows are not held, no line speaks of them."""
    document = document_of([timed("10ms")], {"rate": "1/s"}, {"queries": 50, "replications": 1})
    assert "an empty system answers" in run_table(document)
    document["theory"] |= {"zero_load_s": None, "checks": []}
    assert "an empty system answers" not in run_table(document)
    assert "Little" not in run_table(document)


@pytest.mark.parametrize("rate", ["0.001/s", "0.01/s"])
def test_an_idle_system_contradicts_nothing(rate):
    document = document_of([timed("10ms")], {"rate": rate}, {"queries": 500, "seed": 2})
    assert "contradicted" not in {check["verdict"] for check in document["theory"]["checks"]}


def test_a_cut_run_contradicts_nothing():
    stage = timed({"kind": "exponential", "mean": "50ms"}, network={"response": "2s"})
    run = {"queries": 300, "warmup": 200, "replications": 8, "drain": "1ms"}
    checks = document_of([stage], {"rate": "8/s"}, run)["theory"]["checks"]
    assert {check["verdict"] for check in checks if check["statistic"] not in ("area", "lost")} == {"not checked"}


def test_candidates_that_vary_are_kept_at_most():
    stages = [
        {
            "name": "a",
            "candidates": {"kind": "exponential", "mean": 1000},
            "model": {"kind": "tree", "per_item": "1us"},
            "keep": 1000,
        },
        {"name": "b", "model": {"kind": "linear", "per_item": "1.2ms"}},
    ]
    document = document_of(stages, {"rate": "1/s"}, {"queries": 2000, "replications": 4})
    expected = 1000 * (1 - math.exp(-1))  # E min(X, 1000)
    assert document["theory"]["stages"][1]["candidates"] == pytest.approx(expected, rel=1e-3)
    assert document["stages"][1]["candidates"]["in"]["value"] == pytest.approx(expected, rel=0.05)
    assert document["theory"]["bottleneck"]["demand"] == pytest.approx(1.2 * expected / 1000, rel=1e-3)
    assert document["verdict"] != "saturated"


def test_the_mean_cost_of_two_pieces_is_not_the_cost_of_the_mean():
    model = {"kind": "deep", "flops_per_item": "10 MFLOP", "parameters": "200M"}
    values = {
        "name": "case",
        "load": {"rate": "0.1/s", "work": {"kind": "lognormal", "cv": 3}},
        "run": {"queries": 10},
        "hardware": {"leaf": {"flops": "1 GFLOP/s", "memory_bandwidth": "1 GB/s"}},
        "stages": [{"name": "a", "candidates": 100, "model": model, "hardware": "leaf"}],
    }
    paper = estimate(make_plan(scenario_from_dict(values)))
    sigma = math.sqrt(math.log(10))
    work = np.exp(sigma * scipy.stats.norm.ppf((np.arange(2_000_000) + 0.5) / 2_000_000) - sigma**2 / 2)
    assert paper.stages[0].service_s[0] == pytest.approx(np.maximum(0.8, work).mean(), rel=0.01)


def test_saturation_by_arithmetic_looks_at_the_machines_of_every_replication():
    stage = timed("700ms", variability={"machine": {"kind": "lognormal", "cv": 0.4}})
    document = document_of([stage], {"rate": "1/s"}, {"queries": 200, "replications": 8})
    assert document["verdict"] == "inconclusive"
    assert any("replications some replica is saturated" in note for note in document["notes"])


def test_zero_load_percentiles_where_only_the_work_is_random():
    values = {
        "name": "case",
        "load": {"rate": "0.01/s", "work": {"kind": "lognormal", "cv": 0.5}},
        "run": {"queries": 2},
        "stages": [{"name": "a", "candidates": 1000, "model": {"kind": "tree", "per_item": "1ms"}}],
    }
    zero = estimate(make_plan(scenario_from_dict(values))).zero_load
    law = scipy.stats.lognorm(math.sqrt(math.log(1.25)), scale=1 / math.sqrt(1.25))
    for name, value in zero.percentiles_s.items():
        assert value == pytest.approx(law.ppf(float(name[1:]) / 100), rel=1e-6)
    assert zero.mean_s == pytest.approx(1.0, rel=1e-3)


def test_a_forecast_can_be_made_of_ramps_from_zero_and_of_short_traces(tmp_path):
    from simulator.running.run import forecast

    (tmp_path / "few.csv").write_text("\n".join(str(i / 7) for i in range(50)))
    for load in (
        {"phases": [{"duration": "10s", "rate": "0/s .. 10/s"}]},
        {"arrivals": {"kind": "trace", "file": str(tmp_path / "few.csv")}},
    ):
        found = forecast(scenario_from_dict({"name": "case", "load": load, "stages": [timed("10ms")]}))
        assert found.tasks > 0
        assert found.seconds > 0


def test_precision_does_not_lengthen_a_trace(tmp_path):
    rng = np.random.default_rng(1)
    (tmp_path / "some.csv").write_text("\n".join(map(str, np.cumsum(rng.exponential(size=300)))))
    load = {"arrivals": {"kind": "trace", "file": str(tmp_path / "some.csv")}}
    run = {"queries": 100, "warmup": 20, "replications": 4, "precision": "1%"}
    document = document_of([timed({"kind": "exponential", "mean": "500ms"})], load, run, ["p99.9 < 1s"])
    assert any("not reached" in note for note in document["notes"])


def test_goodput_counts_what_the_first_objective_counts():
    load = {"arrivals": "constant", "rate": "1/s"}
    document = document_of([timed("2s", workers=4)], load, {"queries": 50}, ["50% within 2s", "goodput > 0.5/s"])
    assert [slo["met"] for slo in document["slos"]] == [True, True]


def test_growth_of_one_replication_is_that_of_many():
    load = {"arrivals": "constant", "rate": "10/s"}
    found = [
        document_of([timed("1s")], load, {"queries": 40, "warmup": 10, "replications": count})["stability"]["growth"]
        for count in (1, 4)
    ]
    assert found[0]["value"] == pytest.approx(found[1]["value"], rel=0.03)


def test_an_interrupt_of_longer_replications_keeps_the_shorter_ones(monkeypatch):
    from simulator.running import replications

    honest = replications.replicate

    def interrupted(plans, *rest):
        if plans.scenario.queries > 20:
            raise KeyboardInterrupt
        return honest(plans, *rest)

    monkeypatch.setattr(replications, "replicate", interrupted)
    values = {"name": "case", "load": {"rate": "0.8/s"}, "stages": [timed({"kind": "exponential", "mean": "1s"})]}
    scenario = scenario_from_dict({**values, "run": {"queries": 20, "replications": 4, "precision": "10%"}})
    result = simulate(scenario)
    assert result.interrupted
    assert result.exit_code == 130
    assert result.to_dict()["queries"] == 80
    assert not any("lengthened" in note for note in result.to_dict()["notes"])


#: p50, p95, p99 in ms of the largest of so many service times of the published web-search leaf, exact.
LARGEST_OF = {10: (8.93, 24.4, 45.9), 100: (21.4, 69.4, 158.8), 1000: (61.7, 204, 256)}


@pytest.mark.parametrize("shards", LARGEST_OF)
@pytest.mark.parametrize("of", ["ours", "shared"])
def test_an_empty_web_search_stage_answers_with_its_slowest_leaf(shards, of, request):
    file = ROOT / "scenarios" / "data" / "web_search_leaf.csv"
    if of == "shared":
        file = request.getfixturevalue("shared") / "data" / "bighouse_google_search_service_cdf.csv"
    law = {"kind": "empirical", "file": str(file), "unit": "ms" if of == "ours" else "s"}
    stage = {"name": "leaves", "model": {"kind": "time", "law": law}, "shards": shards}
    values = {"name": "leaf", "load": {"rate": "0.1/s"}, "run": {"queries": 2}, "stages": [stage]}
    zero = estimate(make_plan(scenario_from_dict(values))).zero_load
    found = [zero.percentiles_s[name] * 1e3 for name in ("p50", "p95", "p99")]
    assert found == pytest.approx(LARGEST_OF[shards], rel=0.006), "to the three digits that are published"


def test_the_published_leaf_has_the_published_mean_and_percentiles():
    law = load_scenario(ROOT / "scenarios" / "web_search_leaf.yaml").stages[0].model.law.law
    assert law.mean() * 1e3 == pytest.approx(4.17, rel=2e-3)
    assert [law.percentile(p) * 1e3 for p in (0.5, 0.95, 0.99, 0.999)] == pytest.approx([3.4, 10.1, 18.3, 46.1])


def time_and_items(rate, work=None, cost="2us", law=None):
    """A sum of an exponential time of 1 ms and a cost of items, which the exponential does not multiply."""
    parts = [{"kind": "time", "law": law or {"kind": "exponential", "mean": "1ms"}}, {"kind": "tree", "per_item": cost}]
    load = {"rate": rate, **({} if work is None else {"work": work})}
    stage = {
        "name": "one",
        "candidates": 1000,
        "model": {"kind": "sum", "parts": parts},
        "shards": 4,
        "shares": [1, 2, 3, 4],
    }
    run = {"queries": 4000, "replications": 4}
    return scenario_from_dict({"name": "both", "load": load, "run": run, "stages": [stage]})


def test_a_time_besides_the_cost_of_items_is_an_mg1_queue_of_shifted_exponentials():
    scenario = time_and_items("200/s")
    [wait] = [found for found in estimate(make_plan(scenario)).predictions if found.statistic == "wait"]
    waits = []
    for share in (0.1, 0.2, 0.3, 0.4):
        shift_s, mean_s = 2e-6 * 1000 * share, 1e-3
        second = shift_s**2 + 2 * shift_s * mean_s + 2 * mean_s**2
        waits.append(200 * second / 2 / (1 - 200 * (shift_s + mean_s)))
    assert wait.value_s == pytest.approx(np.mean(waits), rel=1e-9)
    checks = {check["statistic"]: check["verdict"] for check in simulate(scenario).theory["checks"]}
    assert checks["wait"] == "agrees"


def test_zero_load_of_a_time_besides_the_cost_of_items():
    """The maximum of four shifted exponentials: P = product of 1 - exp(-(t - shift) / mean)."""
    zero = estimate(make_plan(time_and_items("1/s"))).zero_load
    shift_s = 2e-3 * np.array([0.1, 0.2, 0.3, 0.4])

    def later(t):
        return 1 - np.prod(np.where(t >= shift_s, 1 - np.exp(-np.maximum(t - shift_s, 0) / 1e-3), 0.0))

    for percent in (50, 99):
        at = zero.percentiles_s[f"p{percent}"]
        assert later(at * 0.998) > 1 - percent / 100 > later(at * 1.002)
    instants = np.linspace(0, 30e-3, 200_001)
    mean_s = float(np.trapezoid([later(t) for t in instants[::20]], instants[::20]))
    assert zero.mean_s == pytest.approx(mean_s, rel=1e-3)


def test_mean_service_of_a_time_besides_the_cost_of_items_where_the_work_varies():
    paper = estimate(make_plan(time_and_items("1/s", {"kind": "lognormal", "cv": 0.5})))
    assert paper.stages[0].service_s.tolist() == pytest.approx([1.2e-3, 1.4e-3, 1.6e-3, 1.8e-3], rel=1e-3)
    assert not paper.predictions, "no closed form for what work does to both"
    fixed = estimate(make_plan(time_and_items("1/s", law="1ms"))).zero_load
    assert (fixed.kind, fixed.mean_s) == ("exact", pytest.approx(1.8e-3))


def test_zero_load_of_very_many_machines_costs_no_more_than_of_some(monkeypatch):
    """Machines of one speed are one; of very many speeds all but the slowest are taken with their likes."""
    stage = {"name": "a", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "1s"}}}

    def empty(**more):
        values = {"name": "machines", "load": {"rate": "1/s"}, "stages": [{**stage, **more}]}
        return estimate(make_plan(scenario_from_dict(values))).zero_load

    assert empty(replicas=20_000) == empty(replicas=1)
    stage |= {"replicas": 2000, "variability": {"machine": {"kind": "lognormal", "cv": 0.5}}}
    lumped = empty()
    monkeypatch.setattr(importlib.import_module("simulator.theory.empty_stage"), "MOST_SPEEDS", 2000)
    exact = empty()
    assert lumped != exact
    assert lumped.mean_s == pytest.approx(exact.mean_s, rel=1e-5)
    assert lumped.percentiles_s == pytest.approx(exact.percentiles_s, rel=1e-4)
