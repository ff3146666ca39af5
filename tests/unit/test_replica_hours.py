"""What replicas that come and go cost, in hours and in money: in a run, a sweep, a capacity and a comparison."""

import csv
import json
from copy import deepcopy

import numpy as np
import pytest

from simulator import ScenarioError, capacity, compare, estimate, scenario_from_dict, sensitivity, simulate, sweep
from simulator.planning.saved_run import read_run
from simulator.report import frame
from simulator.report.fleet import fleet_line
from simulator.report.folders import write_replicas, write_run
from simulator.report.run_figure import run_figure

#: Three replicas of one worker for a minute, then seven: a machine holds one, and costs 6 USD/h and 100 W.
STAGE = {
    "name": "model",
    "hardware": "box",
    "model": {"kind": "time", "law": {"kind": "constant", "value": "50ms"}},
    "replicas": 3,
    "routing": "least_outstanding",
    "autoscale": {"rule": "ideal", "target": "100%", "delay": "0s", "every": "15s", "min": 3, "max": 10},
}
SCENARIO = {
    "name": "hours",
    "hardware": {"box": {"price": "6 USD/h", "power": "100 W"}},
    "load": {
        "arrivals": {"kind": "constant"},
        "phases": [{"duration": "1m", "rate": "60/s"}, {"duration": "1m", "rate": "140/s"}],
    },
    "run": {"warmup": 0, "replications": 4},
    "stages": [STAGE, {"name": "door", "hardware": "box", "model": {"kind": "time", "law": "1ms"}}],
}
HOURS = (3 * 60 + 7 * 60) / 3600


def priced(**sets):
    said = deepcopy(SCENARIO)
    said["stages"][0]["autoscale"].update(sets)
    return scenario_from_dict(said)


def test_by_hand():
    """(3 + 7) / 2 of ten machines of the first stage, and the one of the second."""
    run = simulate(priced()).to_dict()
    fleet, queries = run["fleet"], 60 * 60 + 140 * 60
    assert run["stages"][0]["autoscale"]["replica_hours"]["value"] == pytest.approx(HOURS, rel=1e-3)
    assert fleet["machines"] == 11, "as many as there may be"
    assert fleet["stages"][0]["provided_ratio"] == pytest.approx(0.5, rel=1e-3)
    assert "provided_ratio" not in fleet["stages"][1]
    assert fleet["usd_per_h"] == pytest.approx(6 * (5 + 1), rel=1e-3)
    assert fleet["power_w"] == pytest.approx(100 * (5 + 1), rel=1e-3)
    assert fleet["usd_per_million_queries"] == pytest.approx(6 * 6 * 2 / 60 / queries * 1e6, rel=1e-3)
    assert fleet_line(fleet).startswith("fleet: 11 machines (10 + 1) at most; by the hours served 36 USD/h, ")
    assert estimate(priced()).to_dict()["fleet"]["usd_per_h"] == 66, "on paper nobody knows who serves"


def test_objectives_on_money_are_on_what_served():
    scenario = priced(rule="hpa").with_slos(["cost < 60 USD/h", "usd_per_million_queries < 1 USD"])
    result = simulate(scenario)
    cost, each = result.to_dict()["slos"]
    fleet = result.to_dict()["fleet"]
    assert cost["met"] is True and cost["value"] == pytest.approx(fleet["usd_per_h"])
    assert each["met"] is False and each["value"] == pytest.approx(fleet["usd_per_million_queries"])
    assert cost["low"] <= cost["value"] <= cost["high"] < 60
    fixed = simulate(priced(min=3, max=3).with_slos(["cost < 25 USD/h"])).to_dict()["slos"][0]
    assert fixed["met"] is True and fixed["low"] == fixed["value"] == fixed["high"] == 24


def test_a_sweep_has_hours_and_money_at_every_point():
    """With min = max nobody comes or goes, and the hours are those of all."""
    said = deepcopy(SCENARIO)
    said["stages"][0]["autoscale"] = {**STAGE["autoscale"], "max": 7}
    rows = sweep(
        scenario_from_dict(said), {"stages.model.autoscale.min": [3], "stages.model.autoscale.max": [7, 3]}
    ).rows
    came, all_of_them = (row["stage.model.replica_hours"] for row in rows)
    assert came == pytest.approx(HOURS, rel=1e-3)
    assert all_of_them == pytest.approx(3 * 120 / 3600, rel=1e-3)
    assert [row["usd_per_h"] for row in rows] == pytest.approx([36, 24], rel=1e-3)
    assert rows[0]["stage.model.replica_hours_low"] <= came <= rows[0]["stage.model.replica_hours_high"]


def test_what_is_compared_is_what_a_run_says(tmp_path):
    """Of scenarios, and of runs that were saved: utilisation of scaled stages, hours and money with intervals."""
    poisson = deepcopy(SCENARIO)
    poisson["load"]["arrivals"] = {"kind": "poisson"}
    one, two = deepcopy(poisson), deepcopy(poisson)
    one["stages"][0]["autoscale"].update(rule="hpa", target="60%")
    two["stages"][0]["autoscale"].update(rule="hpa", target="90%")
    runs = [simulate(scenario_from_dict(each)) for each in (one, two)]
    for run, name in zip(runs, "ab", strict=True):
        write_run(run, tmp_path / name, 1)
    found = compare(*runs).to_dict()["figures"]
    assert found == compare(tmp_path / "a", tmp_path / "b").to_dict()["figures"]
    figures = {row["figure"]: row for row in found}
    for side, run in zip("ab", runs, strict=True):
        document = run.to_dict()
        stage, fleet = document["stages"][0], document["fleet"]
        assert figures["stage.model.utilisation"][side] == pytest.approx(stage["utilisation"]["mean"]["value"])
        assert figures["stage.model.hottest"][side] == pytest.approx(stage["utilisation"]["max"])
        assert figures["stage.model.replica_hours"][side] == pytest.approx(stage["autoscale"]["replica_hours"]["value"])
        for name in ("usd_per_h", "usd_per_million_queries"):
            assert figures[name][side] == pytest.approx(fleet[name])
    hours = figures["stage.model.replica_hours"]
    assert (hours["unit"], hours["word"]) == ("h", "better"), "busier workers are fewer"
    assert figures["usd_per_h"]["word"] == "better"
    assert figures["usd_per_h"]["difference"]["low"] < figures["usd_per_h"]["difference"]["high"] < 0
    assert figures["stage.model.utilisation"]["difference"]["low"] > 0
    fixed = deepcopy(poisson)
    del fixed["stages"][0]["autoscale"]
    beside = {row["figure"]: row for row in compare(scenario_from_dict(fixed), runs[0]).to_dict()["figures"]}
    assert beside["stage.model.replica_hours"]["a"] == pytest.approx(3 * 120 / 3600, rel=1e-2)


def rewritten(folder, change):
    with np.load(folder / "queries.npz") as file:
        arrays = {name: file[name] for name in file.files}
    arrays["provided"] = change(arrays["provided"])
    np.savez_compressed(folder / "queries.npz", **arrays)


@pytest.mark.parametrize(
    "change",
    [
        lambda steps: steps[:, 1:],
        lambda steps: steps[:3],
        lambda steps: steps + np.array([[0], [0], [0], [20]]),
        lambda steps: steps + np.array([[0], [1], [0], [0]]),
        lambda steps: np.hstack([steps, [[9], [0], [0], [3]]]),
        lambda steps: steps[:, ::-1],
        lambda steps: steps.astype(float),
    ],
)
def test_steps_of_another_run_are_refused(change, tmp_path):
    write_run(simulate(priced()), tmp_path / "run", 1)
    assert read_run(tmp_path / "run").scaled == ["model"]
    rewritten(tmp_path / "run", change)
    with pytest.raises(ScenarioError, match="does not belong to"):
        read_run(tmp_path / "run")


def test_a_summary_that_does_not_say_what_served_is_refused(tmp_path):
    write_run(simulate(priced()), tmp_path / "run", 1)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    del summary["fleet"]["stages"][0]["provided_ratio"]
    (tmp_path / "run" / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(ScenarioError, match=r"summary\.json"):
        read_run(tmp_path / "run")


def test_a_capacity_pays_for_what_serves_there():
    said = deepcopy(SCENARIO)
    said["load"] = {"rate": "60/s"}
    said["run"] = {"queries": 1500, "warmup": 100, "replications": 4}
    said["stages"][0]["autoscale"] = {"rule": "hpa", "target": "60%", "delay": "0s", "every": "5s", "min": 3, "max": 10}
    scenario = scenario_from_dict(said)
    found = capacity(scenario, slos=["p90 < 150ms"], tolerance=0.3).to_dict()
    paid = found["fleet"]["stages"][0]["provided_ratio"]
    assert 0.3 <= paid < 1
    assert found["fleet"]["usd_per_h"] == pytest.approx(6 * (10 * paid + 1))
    dear = capacity(scenario, slos=["p90 < 150ms", "cost < 25 USD/h"], tolerance=0.3).to_dict()
    assert dear["verdict"] == "inconclusive" and "sweep --param load.rate=" in dear["reason"]


def test_what_a_knob_costs_is_not_known_without_a_run():
    said = deepcopy(SCENARIO)
    said["load"] = {"rate": "60/s"}
    said["run"] = {"queries": 300, "warmup": 100, "replications": 4}
    said["stages"][0]["autoscale"] = {"rule": "hpa", "target": "60%", "delay": "0s", "every": "5s", "min": 3, "max": 10}
    found = sensitivity(scenario_from_dict(said), slos=["p50 < 1s"], tail_only=True)
    assert {effect.usd_per_h for effect in found.effects} == {None}


def test_a_table_of_replicas_says_how_long_each_serves(tmp_path):
    """The first three for two minutes, four more for one, and the rest for none; the other stage all the time."""
    result = simulate(priced())
    write_replicas(result, tmp_path / "replicas.csv")
    rows = list(csv.DictReader((tmp_path / "replicas.csv").read_text().splitlines()))
    trace = result.traces[0]
    mine = [float(row["serves_s"]) for row in rows if row["replication"] == "0"]
    window_s = (trace.window_end_ns - trace.window_begin_ns) / 1e9
    assert mine[:3] + mine[-1:] == pytest.approx([window_s] * 4, abs=1e-8)
    assert mine[3:7] == pytest.approx([window_s - 60] * 4, abs=1e-2) and mine[7:10] == [0.0] * 3


def test_a_figure_has_a_staircase_of_who_serves():
    scaled_run, plain = simulate(priced()), simulate(priced(min=3, max=3))
    assert len(run_figure(plain, frame.ITSELF).axes) == 3, "how late, over time, and its second scale"
    axes = run_figure(scaled_run, frame.ITSELF).axes[2]
    [line] = axes.get_lines()
    assert line.get_label() == "model" and line.get_ydata().tolist() == [3, 7, 7]
    assert line.get_xdata()[1] == pytest.approx(60, abs=0.1)
    assert axes.get_ylim()[0] == 0
