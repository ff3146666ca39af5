"""Figures and objectives of the phases of a load: exactly the queries that arrive in each."""

import numpy as np
import pytest

from simulator import ScenarioError, capacity, compare, scenario_from_text, simulate, sweep
from simulator.report.folders import write_run
from simulator.report.run import run_table
from simulator.report.sweep import sweep_table
from simulator.stats.groups import NOWHERE, Phases

TWICE = """
name: twice
load:
  phases:
    - {name: calm, duration: 20s, rate: 20/s}
    - {name: peak, duration: 5s, rate: 20/s .. 90/s}
    - {duration: 5s, rate: 90/s .. 20/s}
    - {name: calm, duration: 20s, rate: 20/s}
run: {replications: 4, warmup: 3s}
stages: [{name: rank, model: {kind: time, law: {kind: exponential, mean: 12ms}}}]
slos: [phase.peak.p90 < 2s, phase.calm.mean < 100ms, phase.peak.availability > 99%, "phase.calm.90% within 1s"]
"""


def spent(trace, begin_s, end_s):
    """Latency in seconds of who arrives from ``begin_s`` on and before ``end_s``, after 3 s of warm-up."""
    at_s = trace.arrival_ns * 1e-9 - 3
    mine = (at_s >= begin_s) & (at_s < end_s)
    return (trace.completion_ns - trace.arrival_ns)[mine] * 1e-9


def test_phases_of_a_name_are_looked_at_together():
    """A phase without a name has no figures of its own; its queries are in those of all."""
    result = simulate(scenario_from_text(TWICE))
    said = {one["name"]: one for one in result.to_dict()["phases"]}
    assert list(said) == ["calm", "peak"]
    traces = result.summary.pool.traces
    calm = np.concatenate([part for trace in traces for part in (spent(trace, 0, 20), spent(trace, 30, 50))])
    peak = np.concatenate([spent(trace, 20, 25) for trace in traces])
    for name, values, lasts_s in (("calm", calm, 40), ("peak", peak, 5)):
        one = said[name]
        assert one["queries"] == len(values)
        assert one["share"] == pytest.approx(len(values) / result.summary.queries)
        assert one["offered_per_s"] == pytest.approx(len(values) / 4 / lasts_s)
        assert one["latency_s"]["mean"]["value"] == pytest.approx(values.mean(), rel=1e-9)
        assert one["latency_s"]["p90"]["value"] == pytest.approx(np.quantile(values, 0.9, method="inverted_cdf"))
    assert said["calm"]["share"] + said["peak"]["share"] < 1
    assert said["peak"]["latency_s"]["mean"]["value"] > 2 * said["calm"]["latency_s"]["mean"]["value"]
    verdicts = {one["slo"]: one["value"] for one in result.to_dict()["slos"]}
    assert verdicts["phase.calm.mean < 100ms"] == said["calm"]["latency_s"]["mean"]["value"]
    assert verdicts["phase.peak.p90 < 2s"] == said["peak"]["latency_s"]["p90"]["value"]
    shown = run_table(result.to_dict(), 120)
    assert any(line.split()[:2] == ["peak", f"{said['peak']['offered_per_s']:.3g}/s"] for line in shown.splitlines())


def test_a_phase_begins_at_its_first_instant_and_ends_before_the_next():
    """Instants are whole nanoseconds."""
    phases = Phases.of([("a", 1e-9), (None, 1e-9), ("b", 1e-9)])
    scenario = scenario_from_text(TWICE)
    trace = next(iter(simulate(scenario).traces.values()))
    begin_ns = trace.window_begin_ns
    at = np.array([begin_ns - 1, begin_ns, begin_ns + 1, begin_ns + 2, begin_ns + 3])
    moved = type("Moved", (), {"arrival_ns": at, "window_begin_ns": begin_ns})()
    assert phases.of_queries(moved).tolist() == [NOWHERE, 0, NOWHERE, 1, NOWHERE]
    assert phases.lasting_s() == (1e-9, 1e-9)


def test_capacity_holds_a_phase_to_its_objective():
    """The load is scaled as a whole until the peak is at its bound; there, a run says the same."""
    scenario = scenario_from_text(TWICE.split("slos:")[0] + "slos: [phase.peak.p90 < 500ms]")
    found = capacity(scenario, tolerance=0.05)
    assert found.verdict == "found"
    assert found.verdicts[0].value == pytest.approx(0.5, rel=0.1)
    scale = found.per_s.value / found.own_per_s
    there = simulate(scaled(scale))
    p90 = next(one for one in there.to_dict()["phases"] if one["name"] == "peak")["latency_s"]["p90"]
    assert p90["low"] <= 0.55
    assert p90["high"] >= 0.45


def scaled(scale):
    """The scenario at another load, with more replications."""
    text = TWICE.replace("load:\n", f"load:\n  scale: {scale}\n").replace("replications: 4", "replications: 32")
    return scenario_from_text(text.split("slos:")[0])


def test_phases_are_compared_and_swept(tmp_path):
    """By name; a saved run says the same as a new one, and one whose phases were moved is told."""
    a, b = scenario_from_text(TWICE), scaled(0.5)
    write_run(simulate(a), tmp_path / "a", 1)
    found = compare(tmp_path / "a", b, percentiles=(50, 90), limits={"phase.peak.p90": 5.0})
    assert found.to_dict()["figures"] == compare(a, b, percentiles=(50, 90)).to_dict()["figures"]
    assert found["phase.peak.mean"].word == "better"
    assert found.limits[0].met
    other = scenario_from_text(TWICE.replace("name: peak", "name: top").split("slos:")[0])
    assert {"only A has phase peak", "only B has phase top"} <= set(compare(a, other).notes)
    summary = (tmp_path / "a" / "summary.json").read_text(encoding="utf-8")
    (tmp_path / "a" / "summary.json").write_text(
        summary.replace('"duration": "20s"', '"duration": "19s"'), encoding="utf-8"
    )
    with pytest.raises(ScenarioError):
        compare(tmp_path / "a", b)
    rows = sweep(a, {"load.scale": [0.5, 1]})
    assert rows.rows[0]["phase.peak.latency_p90_s"] < rows.rows[1]["phase.peak.latency_p90_s"]
    assert "peak p9" in sweep_table(rows.to_dict(), 200)


@pytest.mark.parametrize(
    ("slo", "words"),
    [
        ("phase.paek.p99 < 1s", "no phase is called 'paek'; did you mean 'peak'?"),
        ("phase.peak.goodput > 1/s", "goodput is not known of a phase; of one there are p99, mean"),
        ("class.peak.p99 < 1s", "no class is called 'peak'"),
    ],
)
def test_an_objective_on_a_phase_that_there_is_not(slo, words):
    """Is refused, with the nearest name."""
    with pytest.raises(ScenarioError) as told:
        scenario_from_text(TWICE.split("slos:")[0] + f"slos: ['{slo}']")
    assert words in str(told.value)
