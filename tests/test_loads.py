"""Loads of a scenario: what the kinds of rates and arrivals mean together, and what theory knows of them."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from conftest import ROOT, drawn
from hypothesis import given
from hypothesis import strategies as st

from simulator import ScenarioError, load_scenario, scenario_from_dict
from simulator.core.plan import ARRIVE_GAMMA, ARRIVE_MMPP
from simulator.engines.compiled import simulate as engine
from simulator.planner.load import make_load
from simulator.planner.plans import make_plan
from simulator.report.load import load_table
from simulator.report.load_figure import load_figure
from simulator.running.portrait import portrait
from simulator.running.run import simulate
from simulator.testing import scenarios
from simulator.theory import clusters_ahead, estimate
from simulator.verification.families import exponential, parsed, stage
from simulator.verification.population import known

BURSTS = {"kind": "mmpp", "rates": [1, 5], "dwell": ["10s", "2s"]}
WAVE = {"kind": "diurnal", "mean": "20/s", "peak_to_mean": 1.8, "period": "1m"}
ONE = stage("one", "1ms")


def scenario_of(load, run=None, *stages):
    return scenario_from_dict({"name": "case", "load": load, "run": run or {}, "stages": list(stages) or [ONE]})


def profile(tmp_path, counts, **more):
    (tmp_path / "counts.csv").write_text("\n".join(["queries", *map(str, counts)]) + "\n")
    return {"kind": "profile", "file": str(tmp_path / "counts.csv"), "interval": "1m", **more}


@drawn(100)
@given(scenarios(), st.integers(2, 5))
def test_a_shorter_run_is_the_beginning_of_a_longer_one(values, times):
    """Of counted queries after as many that warm up: luck and rate do not depend on how much is drawn."""
    if "queries" not in values["run"]:
        return
    values["run"]["warmup"] = 3
    longer = {**values, "run": {**values["run"], "queries": times * values["run"]["queries"]}}
    short, long = make_load(scenario_from_dict(values), 1), make_load(scenario_from_dict(longer), 1)
    assert np.array_equal(short.arrival_ns, long.arrival_ns[: len(short.arrival_ns)])
    assert np.all(np.diff(long.arrival_ns) >= 0)


@pytest.mark.parametrize("arrivals", ["poisson", {"kind": "gamma", "cv": 2}, "constant"])
def test_loads_share_their_luck_at_every_scale(arrivals):
    slow = make_load(scenario_of({"rate": "8/s", "arrivals": arrivals}, {"queries": 500}), 0)
    fast = make_load(scenario_of({"rate": "8/s", "arrivals": arrivals, "scale": 4}, {"queries": 500}), 0)
    assert np.all(np.abs(slow.arrival_ns - 4 * fast.arrival_ns) <= 4)
    assert fast.rate_per_s == 32


def test_scale_multiplies_rates_and_leaves_states_and_waves_in_time():
    one = make_load(scenario_of({"rate": WAVE, "arrivals": BURSTS}), 0)
    two = make_load(scenario_of({"rate": WAVE, "arrivals": BURSTS, "scale": 2}), 0)
    time_s = np.linspace(0, 75, 1000)
    assert np.allclose(2 * one.rate.at(time_s), two.rate.at(time_s))


def test_a_wave_is_measured_for_one_period_behind_a_warm_up_at_its_first_rate():
    scenario = scenario_of({"rate": WAVE})
    load = make_load(scenario, 0)
    assert (scenario.queries, scenario.duration_s, load.rate_per_s) == (None, 60.0, pytest.approx(20.0))
    assert load.arrival_ns[load.first_measured] >= 15e9 > load.arrival_ns[load.first_measured - 1]
    assert load.arrival_ns[-1] < 75e9
    assert load.rate.at(np.array([0.0, 14.9, 15.0, 30.0])) == pytest.approx([20, 20, 20, 36])


def test_queries_counted_in_a_wave_begin_at_time_0_with_the_warm_up():
    load = make_load(scenario_of({"rate": WAVE, "arrivals": "constant"}, {"queries": 400, "warmup": 100}), 0)
    assert load.first_measured == 100
    between_s = (load.arrival_ns[-1] - load.arrival_ns[100]) * 1e-9
    assert load.rate_per_s == pytest.approx(399 / between_s, rel=1e-2)
    assert load.rate.at(np.array([15.0])) == pytest.approx([36])
    timed = make_load(scenario_of({"rate": WAVE, "arrivals": "constant"}, {"queries": 400, "warmup": "15s"}), 0)
    assert timed.first_measured == pytest.approx(20 * 15 + 20 * 0.8 * 60 / (2 * math.pi), abs=1)


def test_a_profile_is_run_whole_unless_the_run_says_less(tmp_path):
    rate = profile(tmp_path, [600, 1200, 300])
    whole = scenario_of({"rate": rate, "arrivals": "constant"})
    load = make_load(whole, 0)
    assert whole.duration_s == 180
    minutes = (load.arrival_ns[load.first_measured :] * 1e-9 - 45) // 60
    assert np.bincount(minutes.astype(int)).tolist() == [600, 1200, 300]
    assert load.rate_per_s == pytest.approx(2100 / 180)
    part = make_load(scenario_of({"rate": rate, "arrivals": "constant"}, {"duration": "90s", "warmup": 0}), 0)
    assert len(part.arrival_ns) == 1200
    counted = make_load(scenario_of({"rate": rate}, {"queries": 1000, "warmup": 200}), 0)
    assert (len(counted.arrival_ns), counted.first_measured) == (1200, 200)


def test_more_queries_than_a_profile_offers_are_refused_with_the_figures(tmp_path):
    rate = profile(tmp_path, [600, 1200, 300])
    with pytest.raises(ScenarioError, match=r"5,000 measured ones are more than the 2,\d\d\d that the profile offers"):
        make_plan(scenario_of({"rate": rate}, {"queries": 5000}))
    with pytest.raises(ScenarioError, match="the profile lasts 180 s, got 600 s"):
        scenario_of({"rate": rate}, {"duration": "10m"})


def test_precision_does_not_lengthen_a_profile(tmp_path):
    load = {"rate": profile(tmp_path, [60, 60])}
    run = {"queries": 60, "warmup": 10, "replications": 4, "precision": "1%"}
    result = simulate(scenario_of(load, run, stage("one", exponential(0.5))))
    assert any("not reached" in note for note in result.to_dict()["notes"])


def test_the_work_of_a_trace_is_that_of_its_rows(tmp_path):
    rows = [(0.0, 5), (2.0, 25), (3.0, 0), (7.0, 10)]
    (tmp_path / "trace.csv").write_text("t,tokens\n" + "".join(f"{t},{w}\n" for t, w in rows))
    arrivals = {"kind": "trace", "file": str(tmp_path / "trace.csv"), "columns": {"work": "tokens"}}
    plan = make_plan(scenario_of({"arrivals": arrivals}, {"warmup": 0}), 3)
    assert plan.work.tolist() == [0.5, 2.5, 0.0, 1.0]
    assert estimate(plan, False).stages[0].service_s == pytest.approx([1e-3])
    gaps = "gap\n99\n" + "".join(f"{b[0] - a[0]}\n" for a, b in pairwise(rows))
    (tmp_path / "gaps.csv").write_text(gaps)
    arrivals = {"kind": "trace", "file": str(tmp_path / "gaps.csv"), "values": "gaps"}
    assert np.array_equal(make_plan(scenario_of({"arrivals": arrivals}, {"warmup": 0})).arrival_ns, plan.arrival_ns)


def test_what_a_scenario_means_is_in_its_hash(tmp_path):
    def hashed(counts):
        return scenario_of({"rate": profile(tmp_path, counts)}).sha256()

    first = hashed([600, 1200])
    (tmp_path / "other").mkdir()
    assert hashed([600, 1201]) != first
    same = scenario_of({"rate": profile(tmp_path / "other", [600, 1200])}).sha256()
    assert same == first


def test_nothing_is_claimed_that_needs_poisson_arrivals_at_a_constant_rate(tmp_path):
    server = stage("one", exponential(0.02))
    for load in (
        {"rate": "20/s", "arrivals": BURSTS},
        {"rate": WAVE},
        {"rate": profile(tmp_path, [600, 1200])},
        {"rate": WAVE, "arrivals": {"kind": "gamma", "cv": 0.5}},
    ):
        scenario = scenario_of(load, None, server)
        assert estimate(make_plan(scenario), scenario.is_stationary).predictions == ()
    flat = scenario_of({"rate": {**WAVE, "peak_to_mean": 1}}, None, server)
    assert flat.is_stationary
    assert estimate(make_plan(flat), flat.is_stationary).predictions


def test_burstier_arrivals_ask_for_more_queries():
    """Dispersion takes the place of the squared cv of gaps: 1, cv^2, and of states their covariance over all time."""
    needed = []
    for arrivals in ("constant", "poisson", {"kind": "gamma", "cv": 2}, BURSTS):
        plan = make_plan(scenario_of({"rate": "20/s", "arrivals": arrivals}, {"queries": 10}, stage("one", "40ms")))
        needed.append((plan.arrival_dispersion, clusters_ahead(plan).ahead(0.99, 10)))
    assert needed[:3] == [(0.0, needed[0][1]), (1.0, needed[1][1]), (4.0, needed[2][1])]
    assert needed[2][1] == pytest.approx(4 * needed[1][1], rel=1e-3)
    assert needed[3][0] > 20
    assert make_plan(scenario_of({"rate": "20/s", "arrivals": BURSTS}, {"queries": 10})).arrival_kind == ARRIVE_MMPP
    gamma = {"rate": "20/s", "arrivals": {"kind": "gamma", "cv": 2}}
    assert make_plan(scenario_of(gamma, {"queries": 10})).arrival_kind == ARRIVE_GAMMA


def test_gamma_gaps_are_held_against_their_closed_form_in_every_run():
    load = {"rate": "0.7/s", "arrivals": {"kind": "gamma", "cv": 2}}
    run = {"queries": 20000, "replications": 8}
    checks = simulate(scenario_of(load, run, stage("one", exponential(1.0)))).to_dict()["theory"]["checks"]
    held = [check for check in checks if check["law"].startswith("GI/M/1") and check["verdict"] != "not checked"]
    assert {check["statistic"] for check in held} >= {"mean", "wait", "p50", "p99"}
    assert {check["verdict"] for check in held} <= {"agrees", "outside 95 %"}


@pytest.mark.parametrize(("parameters", "exact"), sorted(known("mtminf")), ids=lambda value: str(value)[:40])
def test_queries_in_a_system_without_waiting_follow_a_wave_late_and_damped(parameters, exact):
    """M_t/M/infinity (Eick, Massey and Whitt, 1993): Poisson of a mean that lags behind the rate.

    40 replications of 25 periods, after a warm-up of 20 service times; the number in the system at 16 phases, each
    within five standard errors over replications: a false alarm in 30,000 for both rows together.
    """
    given = {name: float(value) for name, value in parsed(parameters).items()}
    base, depth, turn = given["lam_bar"], given["beta"], given["gamma"]
    period_s = 2 * math.pi / turn
    rate = {"kind": "diurnal", "mean": f"{base!r}/s", "peak_to_mean": 1 + depth, "period": f"{period_s!r}s"}
    run = {"duration": f"{25 * period_s!r}s", "warmup": "20s", "seed": 3}
    scenario = scenario_of({"rate": rate}, run, stage("one", exponential(1.0), workers=200))
    phases = np.arange(16) / 16
    numbers = np.zeros((40, 16))
    for replication in range(40):
        trace = engine(make_plan(scenario, replication))
        enter_s, leave_s = trace.arrival_ns * 1e-9 - 20, np.sort(trace.completion_ns * 1e-9 - 20)
        at_s = ((np.arange(1, 25)[:, None] + phases) * period_s).ravel()
        inside = np.searchsorted(enter_s, at_s, side="right") - np.searchsorted(leave_s, at_s, side="right")
        numbers[replication] = inside.reshape(24, 16).mean(axis=0)
    swing = (np.sin(2 * math.pi * phases) - turn * np.cos(2 * math.pi * phases)) / (1 + turn**2)
    expected = base * (1 + depth * swing)
    lag = exact["lag_of_peak"] * turn
    assert np.allclose(expected, base + (exact["max_mean_number"] - base) * np.sin(2 * math.pi * phases - lag))
    assert exact["min_mean_number"] == pytest.approx(2 * base - exact["max_mean_number"])
    error = numbers.std(axis=0, ddof=1) / math.sqrt(40)
    assert np.all(np.abs(numbers.mean(axis=0) - expected) < 5 * error)
    assert error.max() < 0.03 * base


COUNTS = str(ROOT / "tests" / "scenarios" / "valid" / "counts.csv")
KINDS = {
    "poisson": {"rate": "20/s"},
    "constant": {"rate": "20/s", "arrivals": "constant"},
    "gamma": {"rate": "20/s", "arrivals": {"kind": "gamma", "cv": 3}},
    "mmpp": {"rate": "20/s", "arrivals": {**BURSTS, "dwell": ["2s", "400ms"]}},
    "diurnal": {"rate": WAVE},
    "phases": {"phases": [{"duration": "20s", "rate": "10/s .. 30/s"}, {"duration": "10s", "rate": "30/s"}]},
    "profile": {"rate": {"kind": "profile", "file": COUNTS, "column": "queries", "interval": "10s"}},
    "trace": {"arrivals": {"kind": "trace", "file": str(ROOT / "scenarios/data/bursty.csv")}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_portrait_of_every_kind_of_load(kind):
    """Its document is JSON, its table is one, its figure is a PNG, and what is drawn is about what is asked."""
    values = KINDS[kind]
    run = {"queries": 20_000} if kind in ("poisson", "constant", "gamma", "mmpp") else {}
    found = portrait(scenario_of(values, {**run, "seed": 7}))
    document = found.to_dict()
    json.dumps(document, allow_nan=False)
    asked, drawn = document["asked"], document["drawn"]
    assert drawn["rate_per_s"] == pytest.approx(asked["rate_per_s"], rel=0.1)
    if asked["peak_per_s"] is not None:
        assert asked["rate_per_s"] <= asked["peak_per_s"] * (1 + 1e-9)
    if asked["gap_cv"] is not None:
        assert drawn["gap_cv"] == pytest.approx(asked["gap_cv"], rel=0.1)
    for window, value in asked["dispersion"].items():
        if value is not None and drawn["dispersion"].get(window) is not None:
            assert drawn["dispersion"][window] == pytest.approx(value, rel=0.35)
    text = load_table(document)
    assert "asked" in text
    assert "drawn" in text
    picture = load_figure(found)
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000


def test_peak_is_the_most_in_any_second():
    document = portrait(scenario_of({"rate": "20/s", "arrivals": "constant"}, {"queries": 100})).to_dict()
    assert document["drawn"]["peak_per_s"] == 20
    assert document["asked"] == {
        "rate_per_s": 20.0,
        "peak_per_s": 20.0,
        "gap_cv": 0.0,
        "dispersion": {"1s": None, "10s": None, "60s": None, "limit": 0.0},
    }


def test_world_cup_traffic_is_offered_as_counted(shared):
    """Fourteen days of a public log at a hundredth of its rate: each hour within six standard errors of its count."""
    file = shared / "data" / "worldcup98_per_minute_jun22_jul05.csv"
    rate = {"kind": "profile", "file": str(file), "column": "requests", "interval": "1m"}
    scenario = scenario_of({"rate": rate, "scale": 0.01}, {"warmup": 0})
    load = make_load(scenario, 0)
    counts = scenario.load.rate.counts()
    assert scenario.duration_s == 60 * len(counts)
    assert load.rate_per_s == pytest.approx(4.54, rel=2e-3)
    hours = np.bincount((load.arrival_ns * 1e-9 // 3600).astype(int), minlength=len(counts) // 60)
    expected = 0.01 * counts.reshape(-1, 60).sum(axis=1)
    assert np.all(np.abs(hours - expected) < 6 * np.sqrt(expected))


@pytest.mark.parametrize(("name", "rate", "cv", "dispersion"), [("conv", 5.53, 1.09, 1.39), ("code", 2.57, 13.2, 13.2)])
def test_the_language_model_traces_are_as_bursty_as_published(shared, name, rate, cv, dispersion):
    file = shared / "data" / f"azure_llm_2023_{name}.csv"
    arrivals = {"kind": "trace", "file": str(file), "column": "t_s", "columns": {"work": "context_tokens"}}
    scenario = scenario_of({"arrivals": arrivals}, {"warmup": 0})
    drawn = portrait(scenario).to_dict()["drawn"]
    assert drawn["rate_per_s"] == pytest.approx(rate, rel=2e-3)
    assert drawn["gap_cv"] == pytest.approx(cv, rel=5e-3)
    assert drawn["dispersion"]["1s"] == pytest.approx(dispersion, rel=5e-3)
    plan = make_plan(scenario)
    assert plan.work.mean() == pytest.approx(1.0)
    assert estimate(plan, False).variability > 1


def test_the_gallery_shows_bursts_and_a_day():
    bursts = portrait(load_scenario(ROOT / "scenarios" / "ads_ranker.yaml")).to_dict()
    assert bursts["asked"]["peak_per_s"] > 3 * bursts["asked"]["rate_per_s"]
    assert bursts["drawn"]["dispersion"]["1s"] == pytest.approx(bursts["asked"]["dispersion"]["1s"], rel=0.1)
    day = load_scenario(ROOT / "scenarios" / "a_day.yaml")
    assert day.duration_s == 86_400
