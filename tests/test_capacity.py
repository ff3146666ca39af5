"""The highest load within the objectives: against exact values, and what is said where there is none."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT, slow

from simulator import ScenarioError, load_scenario, scenario_from_dict, simulate
from simulator.planner.plans import Plans, make_plan
from simulator.planning import capacities as module
from simulator.planning import probe, refinement
from simulator.planning.capacities import capacities
from simulator.planning.capacity import capacity
from simulator.planning.probe import Effort, Prober
from simulator.planning.search import Probes
from simulator.report import frame
from simulator.report.capacity import capacity_table
from simulator.report.capacity_figure import capacity_figure, said
from simulator.running.execution import Execution
from simulator.running.replications import Batch, whole_trace
from simulator.stats import readings
from simulator.theory import exact_capacity

EXPONENTIAL = {"kind": "exponential", "mean": "10ms"}


def system(slos, law=EXPONENTIAL, rate="50/s", run=None, load=None, **stage):
    """One stage."""
    server = {"name": "server", "model": {"kind": "time", "law": law}, **stage}
    values = {"name": "case", "load": load or {"rate": rate}, "stages": [server], "slos": slos, "run": run or {}}
    return scenario_from_dict(values)


#: Scenario, tolerance, and the exact rate: oracles of M/M/1, M/D/1, M/M/4, the funnel, and plain arithmetic.
EXACT = {
    "M/M/1 p99": (lambda: system(["p99 < 100ms"]), 0.02, 53.94829814011909),
    "M/M/1 p95": (lambda: system(["p95 < 100ms"]), 0.02, 70.0426772644601),
    "M/M/1 within": (lambda: system(["95% within 100ms"]), 0.02, 70.0426772644601),
    "M/M/1 mean": (lambda: system(["mean < 50ms"]), 0.02, 80.0),
    "M/M/1 stage": (lambda: system(["stage.server.p99 < 100ms"]), 0.02, 53.94829814011909),
    "M/M/1 utilisation": (lambda: system(["stage.server.utilisation < 60%"]), 0.01, 60.0),
    "M/M/1 strictest of three": (lambda: system(["p99 < 100ms", "mean < 50ms", "p95 < 100ms"]), 0.02, 53.94829814),
    "M/D/1 p99": (lambda: system(["p99 < 200ms"], "10ms"), 0.02, 88.56237205563977),
    "M/M/4 p99": (lambda: system(["p99 < 200ms"], workers=4), 0.02, 376.3075556763921),
    "M/M/4 p99.9": (lambda: system(["p99.9 < 200ms"], workers=4), 0.05, 364.30962464383048),
    "funnel p99": (lambda: load_scenario(ROOT / "scenarios" / "paper_funnel.yaml"), 0.02, 7.489899293845391),
    "funnel p95": (
        lambda: load_scenario(ROOT / "scenarios" / "paper_funnel.yaml", sets=["slos=[p95 < 500ms]"]),
        0.02,
        6.16856075194316,
    ),
}


#: Outside its 95 % interval with the default seed, as one in twenty is: over seeds 1 to 300 it is covered in 93 %. It
#: is held to the 99.9 % interval, which is so much wider, and must be called what it is.
OUTSIDE, DRAWN_OUT = {"funnel p95"}, 3.29 / 1.96


#: In CI every other one, but for those that take long.
RARE = {"M/M/4 p99.9", "funnel p99", *list(EXACT)[1::2]}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[slow] * (name in RARE)) for name in EXACT])
def test_the_interval_holds_the_exact_value_and_is_as_narrow_as_asked(name):
    make, tolerance, exact = EXACT[name]
    found = capacity(make(), tolerance=tolerance, jobs=2)
    assert found.verdict == "found", found.reason
    assert found.half_width <= tolerance
    low, value, high = found.per_s.low, found.per_s.value, found.per_s.high
    assert low < value < high
    if name in OUTSIDE:
        assert not low <= exact <= high, "it is covered now: it is no exception any more"
        assert value - DRAWN_OUT * (value - low) <= exact <= value + DRAWN_OUT * (high - value)
    else:
        assert low <= exact <= high
    if "utilisation" not in name:
        assert found.theory.per_s == pytest.approx(exact, rel=1e-6)
        assert found.theory.verdict == ("outside 95 %" if name in OUTSIDE else "agrees")
    assert found.exit_code == 0
    assert found.bottleneck["demand"] == pytest.approx(found.per_s.value / found.bottleneck["saturation_per_s"])


@pytest.mark.parametrize(
    ("slo", "workers", "seed"),
    [("3s", 1, 2), ("3s", 1, 5), *(pytest.param("200ms", 10, seed, marks=slow) for seed in (3, 5))],
)
def test_a_capacity_close_to_saturation_is_found(slo, workers, seed):
    """Short runs hold any objective up to saturation: longer ones are tried, and the support is that of the answer."""
    scenario = system([f"p99 < {slo}"], workers=workers, run={"seed": seed})
    found = capacity(scenario, tolerance=0.03, jobs=2)
    assert found.verdict == "found", found.reason
    assert found.half_width <= 0.03
    assert found.theory.verdict == "agrees"
    climbed = refinement.Refinement(Plans.of(scenario), 0.03, Execution(jobs=2, engine="compiled"))
    climbed.first_look()
    last = climbed.climb()
    assert last.is_bounded or last.exceedances == refinement.Refinement._support(last.probes, last.value) >= 10


@slow
def test_an_objective_that_holds_up_to_saturation_is_not_looked_at_for_long():
    """Where longer runs cannot help: a load of given length; and where the tolerance is below any that makes sense."""
    short = system(["p99 < 10s"], run={"duration": "2s"})
    steady = system(["p99 < 20ms"], "10ms", load={"rate": "50/s", "arrivals": "constant"})
    for scenario, tolerance in ((short, 0.01), (steady, 1e-15)):
        found = capacity(scenario, tolerance=tolerance, jobs=2)
        assert found.verdict == "inconclusive"
        assert "hold up to saturation" in found.reason
        assert len(found.points) < 100
        if scenario is short:
            assert max(point.queries for point in found.points) < 20_000


@pytest.mark.parametrize("other", ["failed_ratio < 0.5%", "max < 1h"])
def test_an_objective_that_is_never_missed_costs_nothing(other):
    """A share of none has no lower end: it was taken for an interval without one, and all queries there are for it."""
    run = {"queries": 1000}
    alone, both = (
        capacity(system(slos, run=run), tolerance=0.05) for slos in (["p95 < 100ms"], ["p95 < 100ms", other])
    )
    assert both.per_s == alone.per_s
    assert both.queries == alone.queries


def test_closed_forms_are_inverted_only_where_they_hold():
    plan = make_plan(system(["p99 < 100ms"], run={"queries": 10}))
    assert exact_capacity(plan, "p99", None, 0.1).per_s == pytest.approx(100 - math.log(100) / 0.1)
    assert exact_capacity(plan, "p99", None, 0.04) is None  # an empty system takes longer
    assert exact_capacity(plan, "p98", None, 0.1) is None  # not a percentile that theory works out
    constant = make_plan(system(["p99 < 100ms"], "10ms", run={"queries": 10}))
    assert exact_capacity(constant, "p99", None, 40.0) is None  # beyond the figures of M/D/1
    several = make_plan(system(["p99 < 100ms"], shards=2, run={"queries": 10}))
    assert exact_capacity(several, "p99", None, 0.1) is None  # bounds only


def test_objectives_are_judged_as_a_run_judges_them():
    """Every kind of objective, from what a probe keeps and from whole traces."""
    slos = ["p99 < 60ms", "90% within 40ms", "mean < 30ms", "max < 400ms", "failed_ratio < 1%", "goodput > 60/s"]
    slos += ["stage.second.p95 < 20ms", "stage.second.utilisation < 40%", "stage.server.mean < 30ms"]
    second = {"name": "second", "model": {"kind": "time", "law": "5ms"}, "workers": 2}
    first = {"name": "server", "model": {"kind": "time", "law": EXPONENTIAL}}
    values = {"name": "case", "load": {"rate": "70/s"}, "stages": [first, second], "slos": slos}
    for run in ({"queries": 3000, "replications": 5}, {"queries": 400, "replications": 4, "drain": "20ms"}):
        scenario = scenario_from_dict({**values, "run": run})
        effort = Effort(scenario.run.replications, scenario.run.queries)
        prober = Prober(Plans.of(scenario), effort, Execution(engine="compiled"))
        extracts = prober.extracts(0.0)
        summary = simulate(scenario).summary
        kept = [verdict.to_dict() for verdict in extracts.verdicts(scenario.slos, False)]
        assert kept == summary.to_dict()["slos"]
        assert extracts.stability() == summary.stability


def test_replays_in_which_nothing_is_drawn_say_what_one_says(tmp_path):
    """Eight equal replications printed a p99 that one withheld, and intervals a third as wide."""
    gaps = np.random.default_rng(3).exponential(1 / 0.8, 5000)
    (tmp_path / "trace.csv").write_text("t\n" + "".join(f"{t:.6f}\n" for t in np.cumsum(gaps)))
    load = {"arrivals": {"kind": "trace", "file": str(tmp_path / "trace.csv")}}

    def scenario(law, replications):
        run = {"queries": 4000, "replications": replications}
        stage = {"name": "s", "candidates": 1, "model": {"kind": "time", "law": law}}
        slos = ["p90 < 6s", "p99 < 30s", "95% within 4s", "mean < 3s"]
        return scenario_from_dict({"name": "case", "load": load, "run": run, "stages": [stage], "slos": slos})

    eight, one = (simulate(scenario("1s", replications)) for replications in (8, 1))
    assert eight.summary.latency.to_dict() == one.summary.latency.to_dict()
    assert eight.to_dict()["slos"] == one.to_dict()["slos"]
    assert one.to_dict()["latency_s"]["p90"] is not None
    assert one.to_dict()["latency_s"]["p99"] is None
    assert any("count as one" in note for note in eight.notes)
    extracts = Prober(Plans.of(scenario("1s", 8)), Effort(8, None), Execution(engine="compiled")).extracts(0.0)
    assert [verdict.to_dict() for verdict in extracts.verdicts(eight.scenario.slos, False)] == eight.to_dict()["slos"]
    drawn = simulate(scenario({"kind": "uniform", "low": "0.9s", "high": "1.1s"}, 8))
    assert any("redraw the rest" in note for note in drawn.notes)


def test_a_reading_is_the_share_that_a_run_judges_by():
    scenario = system(["p99 < 60ms"], rate="70/s", run={"queries": 2000, "replications": 4})
    prober = Prober(Plans.of(scenario), Effort(4, 2000), Execution(engine="compiled"))
    (searched,), extracts = prober.look(0.0)
    reading = readings.read(prober.objectives[0], extracts)
    (verdict,) = simulate(scenario).summary.to_dict()["slos"]
    assert reading.value == pytest.approx(verdict["bad_share"]["value"] / 0.01)
    assert reading.amounts.sum() / reading.weights.sum() == pytest.approx(reading.value)
    low, high = verdict["bad_share"]["low"] / 0.01, verdict["bad_share"]["high"] / 0.01
    assert reading.low <= low + 1e-12  # a run's ends are made monotone in the bound, which only narrows them
    assert reading.high >= high - 1e-12
    assert (searched.value, searched.exceedances) == (reading.value, reading.exceedances)
    assert searched.low < reading.low < reading.value < searched.high < reading.high  # a search has arms alike
    assert searched.high / searched.value == pytest.approx(searched.value / searched.low)


def test_all_loads_see_the_same_luck():
    """Waiting times in M/M/1 do not fall with the load, query by query."""
    scenario = system(["p99 < 60ms"], run={"queries": 500, "replications": 2})
    plans, execution = Plans.of(scenario), Execution(engine="compiled")
    low, high = (dict(Batch(plans.scaled(scale), execution, whole_trace, wanted=2).results()) for scale in (0.7, 1.3))
    for replication in (0, 1):
        waits = [found[replication].critical_wait_ns[0] for found in (low, high)]
        assert (waits[1] >= waits[0] - 2).all()
        services = [found[replication].critical_service_ns[0] for found in (low, high)]
        np.testing.assert_array_equal(*services)


@slow
def test_the_answer_does_not_depend_on_jobs_and_hardly_on_the_engine():
    scenario = system(["p95 < 60ms"], run={"replications": 4})
    one = capacity(scenario, tolerance=0.2, jobs=1)
    assert one.to_dict() == capacity(scenario, tolerance=0.2, jobs=3).to_dict()
    reference = capacity(scenario, tolerance=0.2, jobs=2, engine="reference").to_dict()
    assert {**one.to_dict(), "engine": "reference"} == reference
    again = load_own(one)
    assert capacity(again, tolerance=0.2).per_s == one.per_s


def load_own(found):
    """The scenario that a result says it was found for."""
    return scenario_from_dict(found.to_dict()["provenance"]["resolved"])


@slow
def test_the_load_is_scaled_whatever_it_is():
    """Bursts and phases: the mean rate is reported, and a run at the capacity is at its bound."""
    for name, sets in (
        ("ads_ranker", ["slos=[p95 < 120ms]"]),
        ("ramp", ["slos=[p50 < 1s]"]),
    ):
        scenario = load_scenario(ROOT / "scenarios" / f"{name}.yaml", sets=sets)
        found = capacity(scenario, tolerance=0.3, jobs=2)
        own = make_plan(scenario).rate_per_s
        assert found.own_per_s == pytest.approx(own, rel=0.05)
        assert found.verdict in ("found", "inconclusive"), found.reason
        factor = found.per_s.value / found.own_per_s
        assert found.headroom.value == pytest.approx(factor - 1)
        last = [point for point in found.points if point.queries == found.points[-1].queries]
        assert min(point.factor for point in last) <= factor <= max(point.factor for point in last)


@slow
def test_a_trace_is_given(monkeypatch):
    monkeypatch.setattr(refinement, "MOST_ADDED", 0)
    found = capacity(load_scenario(ROOT / "scenarios" / "trace_replay.yaml"), tolerance=0.5)
    assert any("share the trace" in note for note in found.notes)
    assert found.to_dict()["rate"] == "trace"


def test_no_load_meets_what_an_empty_system_misses():
    found = capacity(system(["p99 < 40ms"]), tolerance=0.1)
    assert found.verdict == "unreachable"
    assert found.exit_code == 99
    assert "even an empty system takes 46.0 ms" in found.reason or "even an empty system takes 46.1 ms" in found.reason
    assert found.to_dict()["capacity_per_s"] == {"value": None, "low": None, "high": None}


@pytest.mark.parametrize(
    ("bound_s", "verdict", "said"),
    [
        (440, "unreachable", "even an empty system takes 460 s"),
        (461, "inconclusive", "the lowest load that was looked at, but perhaps by luck"),
        (500, "found", ""),
    ],
)
def test_loads_so_low_that_a_run_would_last_longer_than_instants_tell_are_not_looked_at(bound_s, verdict, said):
    """Exponential services of 100 s: p99 is 460.5 s where nobody waits; 461 s would be met at 1e-5/s, by theory."""
    slow = {"kind": "time", "law": {"kind": "exponential", "mean": "100s"}}
    stages = [{"name": "one", "model": slow}]
    load, slos = {"rate": "0.005/s"}, [f"p99 < {bound_s}s"]
    found = capacity(scenario_from_dict({"name": "slow", "load": load, "stages": stages, "slos": slos}), tolerance=0.2)
    assert (found.verdict, said in found.reason) == (verdict, True)
    text = capacity_table(found.to_dict())
    assert {"unreachable": ": none;", "inconclusive": ": not known;", "found": ": 7"}[verdict] in text.splitlines()[1]
    assert (found.per_s.value is not None) == (verdict == "found")


def test_goodput_asks_for_load_instead_of_bounding_it():
    found = capacity(system(["p99 < 100ms", "goodput > 30/s"]), tolerance=0.1)
    assert found.verdict == "found"
    assert [verdict.met for verdict in found.verdicts] == [None, True]
    missed = capacity(system(["p99 < 100ms", "goodput > 90/s"]), tolerance=0.1)
    assert missed.verdict == "unreachable"
    assert "goodput > 90/s is missed" in missed.reason


def test_too_little_of_the_tail_is_inconclusive(monkeypatch):
    monkeypatch.setattr(refinement, "MOST_QUERIES", 2_000)
    monkeypatch.setattr(refinement, "FEWEST_QUERIES", 2_000)
    monkeypatch.setattr(refinement, "FIRST_BAD", 4)
    found = capacity(system(["p99.9 < 100ms"]), tolerance=0.01)
    assert found.verdict == "inconclusive"
    assert "effective bad queries" in found.reason
    monkeypatch.setattr(refinement, "MOST_QUERIES", 100_000)
    coarse = capacity(system(["p95 < 100ms"]), tolerance=0.001)
    assert (coarse.verdict, coarse.exit_code) == ("inconclusive", 98), "it is not known to the tolerance"
    assert "tolerance 0.1 % not reached, half the interval is " in coarse.reason
    assert coarse.per_s.value is not None


def test_failing_also_below_gives_a_range(monkeypatch):
    """A seeded system: the same as M/M/1, but worse where it is nearly idle, as batches that wait would be."""
    honest = probe.read

    def batching(asked, extracts, **how):
        found = honest(asked, extracts, **how)
        idle = extracts.utilisations[0] < 0.06
        return probe.beyond(4) if idle else found

    monkeypatch.setattr(probe, "read", batching)
    found = capacity(system(["p99 < 100ms"]), tolerance=0.1)
    assert found.verdict == "range"
    assert found.per_s.value is None
    assert found.per_s.high > 50
    assert found.exit_code == 98


def test_machines_that_differ_are_repeated_not_lengthened():
    scenario = system(["p95 < 100ms"], variability={"machine": {"kind": "lognormal", "cv": 0.1}})
    found = capacity(scenario, tolerance=0.1, jobs=2)
    assert found.points[-1].replications >= 20
    assert found.verdict == "found"


def test_an_interrupted_search_keeps_what_it_had(monkeypatch):
    scenario, seen = system(["p99 < 100ms"]), []

    def tell(factor, queries, readings):
        seen.append(queries)
        if queries > 50_000:
            raise KeyboardInterrupt

    found = capacity(scenario, tolerance=0.01, progress=tell)
    assert found.interrupted
    assert found.exit_code == 130
    assert found.per_s.value == pytest.approx(53.9, rel=0.2)
    with pytest.raises(KeyboardInterrupt):
        capacity(scenario, progress=lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: system([]), "needs an objective"),
        (lambda: system(["goodput > 5/s"]), "needs an objective"),
        (lambda: system(["p99 < 1s"], run={"replications": 3}), "at least 4 replications"),
    ],
)
def test_what_cannot_be_searched_for_is_refused(make, message):
    with pytest.raises(ScenarioError, match=message):
        capacity(make())


def test_objectives_in_place_of_the_scenario_s():
    with pytest.raises(ScenarioError, match="no stage is called 'serve'; did you mean 'server'"):
        capacity(system([]), slos=["stage.serve.p99 < 1s"])
    found = capacity(system(["p99 < 1ms"]), slos=["p95 < 100ms"], tolerance=0.2)
    assert [slo.text for slo in found.scenario.slos] == ["p95 < 100ms"]
    assert found.per_s.low <= 70.04 <= found.per_s.high


def test_over_values_one_after_another_or_at_once():
    scenario = system(["p95 < 60ms"], run={"replications": 4})
    one = capacities(scenario, {"stages.server.workers": [1, 2], "load.scale": [2]}, tolerance=0.2)
    assert [values["stages.server.workers"] for values, _ in one] == [1, 2]
    assert one[1][1].per_s.value > 2 * one[0][1].per_s.value
    several = capacities(scenario, {"stages.server.workers": [1, 2], "load.scale": [2]}, tolerance=0.2, jobs=2)
    assert [found.to_dict() for _, found in several] == [found.to_dict() for _, found in one]
    alone = capacity(scenario_from_dict(one[1][1].to_dict()["provenance"]["resolved"]), tolerance=0.2)
    assert alone.per_s == one[1][1].per_s


def test_the_command(tmp_path, shardsim):
    quick = ["scenarios/mm1.yaml", "--slo", "p95 < 8s", "--tolerance", "20%", "--replications", "4"]
    figure = tmp_path / "capacity.png"
    code, table, said = shardsim("capacity", *quick, "-o", str(figure))
    assert code == 0, said
    assert "capacity within p95 < 8s: 0." in table
    assert figure.read_bytes().startswith(b"\x89PNG")
    document = json.loads(shardsim("capacity", *quick, "--format", "json")[1])
    assert document["verdict"] == "found"
    assert document["probes"] == len(document["curve"])
    code, over, _ = shardsim("capacity", *quick, "--over", "stages.server.workers=1,2")
    assert code == 0
    assert len([line for line in over.splitlines() if "found" in line]) == 2


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["scenarios/mm1.yaml", "--set", "slos=[]"], "needs an objective"),
        (["scenarios/mm1.yaml", "--slo", "fast"], "'fast' is not an objective"),
        (["scenarios/mm1.yaml", "--slo", "p95 < 8s", "--tolerance", "0%"], "above 0"),
        (["scenarios/mm1.yaml", "--slo", "p95 < 8s", "-o", "x.txt"], "a figure is"),
        (["scenarios/mm1.yaml", "--slo", "p95 < 8s", "--over", "stages.serve.workers=1"], "did you mean 'server'"),
        (["scenarios/mm1.yaml", "--slo", "p95 < 8s", "--cluster", "tcp://x:1"], "--over"),
    ],
)
def test_bad_usage_is_refused(args, said, shardsim):
    code, out, err = shardsim("capacity", *args)
    assert (code, out) == (2, "")
    assert said in err


UNKNOWN = {"value": None, "low": None, "high": None}


@pytest.mark.parametrize(
    ("verdict", "per_s", "title"),
    [
        ("found", {"value": 50.0, "low": 49.0, "high": 51.0}, "capacity: 50/s, 95 % interval 49/s to 51/s"),
        ("unreachable", UNKNOWN, "no load meets the objectives"),
        ("inconclusive", UNKNOWN, "capacity not known (why): no bounds"),
        (
            "inconclusive",
            {"value": 50.0, "low": 49.0, "high": None},
            "capacity not known (why): about 50/s, above 49/s",
        ),
        ("inconclusive", {**UNKNOWN, "high": 51.0}, "capacity not known (why): below 51/s"),
        ("range", {"value": None, "low": 49.0, "high": 51.0}, "no single capacity: 49/s to 51/s"),
        ("range", UNKNOWN, "no single capacity: it also fails below"),
    ],
)
def test_the_title_of_the_figure_tells_the_verdict(verdict, per_s, title):
    assert said({"verdict": verdict, "capacity_per_s": per_s, "reason": "why"}) == title


@pytest.mark.parametrize(("count", "more"), [(4, ""), (5, "\n4 objectives drawn, and 1 more in the table")])
def test_objectives_that_the_figure_leaves_out_are_counted(count, more):
    found = capacity(system([f"p{50 + place} < 1s" for place in range(count)]), tolerance=0.3).to_dict()
    axes = capacity_figure(found, frame.ITSELF).axes
    assert (len(axes), axes[0].get_title(loc="left")) == (4, said(found) + more)


def test_no_figure_is_beyond_what_there_can_be():
    """An axis of utilisations ends at 100 %; a long objective stands in two lines, its measure whole."""
    document = capacity(system(["stage.server.hottest < 90%"]), tolerance=0.3).to_dict()
    slo, stage = "stage.server.hottest < 90%", "a_stage_whose_name_is_rather_long"
    long = json.loads(json.dumps(document).replace(slo, slo.replace("server", stage)))
    [axes] = capacity_figure(long, frame.ITSELF).axes
    assert 0.9 < axes.get_ylim()[1] <= 1.05
    assert axes.get_ylabel() == f"stage.{stage}\n.hottest < 90%"


def test_a_budget_of_queries_is_kept_and_what_is_known_is_answered():
    scenario = system(["p99 < 100ms"])
    found = capacity(scenario, tolerance=0.0001, queries=200_000)
    assert found.queries <= 200_000
    assert found.verdict == "inconclusive"
    assert found.reason == "the budget of 200k queries is reached"
    assert found.per_s.low < 53.95 < found.per_s.high
    assert "capacity not known (the budget of 200k queries is reached)" in said(found.to_dict())
    with pytest.raises(ScenarioError, match="before the first probe"):
        capacity(scenario, queries=100)
    for given in ({"queries": 0}, {"time_s": 0.0}):
        with pytest.raises(ValueError, match="takes"):
            capacity(scenario, **given)


def test_a_budget_of_time_ends_a_search():
    found = capacity(system(["p99 < 100ms"]), tolerance=1e-6, time_s=0.3)
    assert found.reason == "the budget of 300 ms is reached"
    assert found.wall_s < 30


def test_next_to_saturation_the_answer_is_known_to_the_tolerance():
    """Constant arrivals and services: saturation itself; and M/M/1 with an hour to wait."""
    steady = system(["p99 < 20ms"], "10ms", load={"rate": "50/s", "arrivals": "constant"})
    for scenario in (steady, system(["p99 < 1h"], run={"replications": 4})):
        found = capacity(scenario, tolerance=0.1)
        assert found.verdict == "found", found.reason
        assert found.half_width <= 0.1
        assert found.per_s.low < found.per_s.value <= found.per_s.high == pytest.approx(100)
        assert any("beyond 100/s no load is carried" in note for note in found.notes)


def test_an_interrupt_ends_the_values_of_over(monkeypatch):
    ended = iter([False, True, False])
    monkeypatch.setattr(
        module, "capacity_of_rate", lambda *_, **__: SimpleNamespace(interrupted=next(ended), exit_code=0)
    )
    found = capacities(system(["p99 < 100ms"]), {"stages.server.workers": [1, 2, 3]})
    assert len(found) == 2
    assert found.exit_code == 130


@pytest.mark.parametrize(("jobs", "time_s"), [(1, 10.0), (2, 15.0), (9, 30.0)])
def test_values_of_over_share_a_budget_alike(monkeypatch, jobs, time_s):
    """Of three searches two at a time take two rounds; no more queries are simulated than were asked for in all."""
    given = []
    monkeypatch.setattr(module, "alike", lambda search, *_: given.append(search.keywords) or iter(()))
    scenario = system(["p99 < 100ms"])
    capacities(scenario, {"stages.server.workers": [1, 2, 3]}, time_s=30, queries=10_000, jobs=jobs)
    assert [(one["time_s"], one["queries"]) for one in given] == [(time_s, 3_333)]
    with pytest.raises(ScenarioError, match="at least one query"):
        capacities(scenario, {"stages.server.workers": [1]}, queries=0)


def test_a_budget_of_values_of_over_ends_each(shardsim):
    quick = ["scenarios/mm1.yaml", "--slo", "p95 < 8s", "--tolerance", "1%", "--replications", "4"]
    args = ["capacity", *quick, "--over", "stages.server.workers=1,2", "--queries", "400k", "--format", "json"]
    code, out, _ = shardsim(*args)
    found = json.loads(out)["capacities"]
    assert code == 98
    assert [one["reason"] for one in found] == ["the budget of 200k queries is reached"] * 2
    assert shardsim("capacity", *quick, "--over", "stages.server.workers=1,2", "--time", "0s")[0] == 2


def test_the_shown_figure_is_the_percentile_of_the_objective():
    scenario = system(["p99 < 60ms", "mean < 1s", "failed_ratio < 1%"], rate="70/s", run={"queries": 2000})
    prober = Prober(Plans.of(scenario), Effort(4, 2000), Execution(engine="compiled"))
    readings, ordered_ns = prober(0.0), np.sort(prober.extracts(0.0).whole.values)
    assert readings[0].figure == pytest.approx(ordered_ns[math.ceil(0.99 * 8000) - 1] * 1e-9, rel=1e-12)
    assert readings[1].figure == pytest.approx(readings[1].value * 1.0)
    assert readings[2].figure == 0.0


def test_a_crossing_at_which_nothing_is_sure_is_bounded_by_loads_that_are(monkeypatch):
    """The load is carried, and the objectives hold, within the tolerance below one at which they certainly do not."""
    finish = refinement.Refinement._finish
    monkeypatch.setattr(refinement.Refinement, "_finish", lambda self, level: finish(self, level) and False)
    found = capacity(system(["p99 < 100ms"]), tolerance=0.1)
    assert found.verdict == "found", found.reason
    assert found.per_s.low < 53.95 < found.per_s.high
    assert 0.08 < found.half_width <= 0.1
    assert "the objectives hold, with the figures above, and at" in found.notes[0]


def test_a_trace_is_not_told_to_run_longer(tmp_path):
    """Its last queries come at once, so at no load are those in flight at its end as few as at its start."""
    times = [*range(300), *(299 + 0.001 * number for number in range(1, 40))]
    (tmp_path / "burst.csv").write_text("arrival_s\n" + "".join(f"{time}\n" for time in times))
    load = {"arrivals": {"kind": "trace", "file": str(tmp_path / "burst.csv")}}
    law = {"kind": "exponential", "mean": "100ms"}
    found = capacity(system(["p95 < 3s"], law, load=load, run={"replications": 8}), tolerance=0.2)
    assert found.verdict == "inconclusive"
    assert found.reason.endswith("a longer trace would tell, or a wider --tolerance")
    assert "run longer" not in found.reason


def test_more_replications_of_one_trace_or_calibration_are_not_tried_for_ever(tmp_path):
    """They do not help: the search says what it reached, after little."""
    times = np.cumsum(np.random.default_rng(7).exponential(0.02, 300))
    (tmp_path / "trace.csv").write_text("arrival_s\n" + "".join(f"{time:.6f}\n" for time in times))
    load = {"arrivals": {"kind": "trace", "file": str(tmp_path / "trace.csv")}}
    law = {"kind": "exponential", "mean": "6ms"}
    found = capacity(system(["p99 < 60ms"], law, load=load, run={"replications": 8}), tolerance=0.01)
    assert (found.verdict, found.queries < 500_000) == ("inconclusive", True)
    assert "effective bad queries at the crossing, 10 are needed" in found.reason
    values = np.random.default_rng(8).exponential(10, 300)
    (tmp_path / "calls.csv").write_text("items,ms\n" + "".join(f"8,{value:.6f}\n" for value in values))
    model = {"kind": "measured", "file": str(tmp_path / "calls.csv"), "unit": "ms", "sample": True}
    one = {
        "name": "s",
        "load": {"rate": "40/s"},
        "run": {"queries": 2000, "replications": 8},
        "stages": [{"name": "a", "candidates": 8, "model": model}],
        "slos": ["p90 < 100ms"],
    }
    found = capacity(scenario_from_dict(one), tolerance=0.01)
    assert (found.verdict, found.queries < 10_000_000) == ("inconclusive", True)
    assert "tolerance 1 % not reached" in found.reason
    assert found.half_width > 0.03


@slow
def test_a_search_takes_what_its_tolerance_needs():
    """40 shards on 10 machines: 3.25 M queries for 10 %; it took 13.6 minutes, and was inconclusive."""
    scenario = load_scenario(ROOT / "tests" / "scenarios" / "services" / "es_like.yaml")
    found = capacity(scenario, tolerance=0.1)
    assert (found.verdict, found.half_width <= 0.1, found.queries < 20_000_000) == ("found", True, True)


def test_more_is_asked_of_a_lower_end_than_that_its_interval_is_below_the_bound():
    def of(value, high):
        reading = readings.Reading(value, 0.0, high, 20.0, np.ones(4), np.ones(4))
        return Probes(lambda _: (reading,), -9.0, 0.0, seen={-1.0: (reading,)}).is_well_within(-1.0)

    assert [of(0.5, 0.75), of(0.5, 0.85), of(0.0, 0.6), of(0.0, 0.7), of(0.5, math.inf)] == [
        True,
        False,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(("lasts", "rate"), [("100ms", "5/s"), ("1m", "0/s")])
def test_a_phase_in_which_hardly_anybody_comes_is_told(lasts, rate):
    """Before anything is searched for: at no load that is carried would every replication have a query of it."""
    phases = [{"name": "calm", "duration": "1m", "rate": "20/s"}, {"name": "rare", "duration": lasts, "rate": rate}]
    stage = {"name": "server", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}}}
    values = {"name": "rare", "load": {"phases": phases}, "stages": [stage], "slos": ["phase.rare.p90 < 30ms"]}
    with pytest.raises(ScenarioError, match="of a phase that an objective is on, some replication has no query"):
        capacity(scenario_from_dict(values))


def test_a_rare_class_has_queries_in_every_replication_from_the_first_look_on():
    classes = [{"name": "most", "share": 999}, {"name": "rare", "share": 1}]
    stage = {"name": "server", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}}}
    load = {"rate": "40/s", "classes": classes}
    values = {"name": "rare", "load": load, "stages": [stage], "slos": ["class.rare.p50 < 30ms"]}
    found = capacity(scenario_from_dict(values), tolerance=0.2)
    exact_per_s = 100 - math.log(2) / 0.03  # of whichever queries
    assert found.verdict == "found" and found.per_s.low <= exact_per_s <= found.per_s.high
