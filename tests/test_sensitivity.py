"""Knobs, and what turning them does, against exact values."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from unittest import mock

import pytest
from conftest import ROOT, slow

from simulator import ScenarioError, load_scenario, scenario_from_dict, theory
from simulator.planner.plans import make_plan
from simulator.planning import sensitivity as module
from simulator.planning.grid import varied
from simulator.planning.knobs import knobs_of
from simulator.planning.sensitivity import _of_workers, sensitivity
from simulator.planning.sensitivity_result import word
from simulator.planning.turning import Knob
from simulator.report import frame
from simulator.report.sensitivity_figure import sensitivity_figure
from simulator.stats.means import Interval

LINEAR = {"kind": "linear", "per_item": "50us"}
SPREAD = "spread of candidates"
#: At 2 of 30 seeds the interval of a change of capacity misses the exact one, as 95 % means; the first is one of them.
SHORT = {"queries": 20_000, "replications": 8, "seed": 2}


SERVICES = ROOT / "tests" / "scenarios" / "services"


def mm1(**more):
    stage = {"name": "server", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}}}
    values = {"name": "mm1", "load": {"rate": "60/s"}, "stages": [stage], "slos": ["p95 < 100ms"], "run": SHORT}
    return scenario_from_dict({**values, **more})


def effects_of(found):
    return {effect.knob.name: effect for effect in found.effects}


def test_a_figure_says_where_there_is_no_figure():
    """A bar of no height is a change of nothing; what has no figure is not drawn as that. Each colour is named."""
    found = sensitivity(mm1(run={"queries": 500, "replications": 4}), tail_only=True).to_dict()
    first, *others = found["knobs"]
    first[f"{found['percentile']}_change"] = None
    figure = sensitivity_figure(found, frame.ITSELF)
    [axes] = figure.axes
    assert [(text.get_text(), text.xy) for text in axes.texts] == [("no figure", (0, len(others)))]
    assert len(axes.patches) == len(others)
    assert all(color in axes.get_xlabel() for color in ("blue", "orange", "grey"))


@pytest.mark.parametrize(
    ("ended", "line"),
    [
        ({}, []),
        ({"unturned": 4, "interrupted": True}, ["interrupted: 3 of 7 knobs turned"]),
        ({"unturned": 11, "interrupted": False}, ["inconclusive, since its time was up: 3 of 14 knobs turned"]),
        ({"unturned": 0, "interrupted": True}, ["interrupted: 3 of 3 knobs turned"]),
    ],
)
def test_the_title_of_a_figure_says_what_was_not_turned(ended, line):
    found = sensitivity(mm1(run={"queries": 500, "replications": 4}), tail_only=True).to_dict()
    assert "unturned" not in found, "all are turned"
    figure = sensitivity_figure({**found, "knobs": found["knobs"][:3], **ended}, frame.ITSELF)
    assert figure.get_suptitle().splitlines() == ["mm1", *line]


@pytest.mark.parametrize(("knobs", "last"), [(25, "knob 24  x 0.9"), (26, "and 1 more"), (28, "and 3 more")])
def test_knobs_that_a_figure_leaves_out_are_counted(knobs, last):
    found = sensitivity(mm1(run={"queries": 500, "replications": 4}), tail_only=True).to_dict()
    many = [{**found["knobs"][0], "knob": f"knob {place}", "change": "x 0.9"} for place in range(knobs)]
    [axes] = sensitivity_figure({**found, "knobs": many}, frame.ITSELF).axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert (labels[-1], labels[0], len(labels)) == ("knob 0  x 0.9", last, min(knobs, 26))
    least, most = axes.get_ylim()
    assert all(least + 0.5 < place < most for place in axes.get_yticks())


@slow
def test_changes_of_a_queue_are_the_exact_ones():
    """M/M/1: the capacity is mu - ln(20) / 100 ms, the p95 at 60/s ln(20) / (mu - 60/s)."""
    found = sensitivity(mm1(), jobs=2)
    own = 100 - math.log(20) / 0.1
    assert found.capacity_per_s == pytest.approx(own, rel=0.02)
    assert found.tail_s == pytest.approx(math.log(20) / 40, rel=0.05)
    effects = effects_of(found)
    faster = effects["server: service time"]
    for change, exact in (
        (faster.capacity, (100 / 0.9 - math.log(20) / 0.1) / own - 1),
        (faster.tail, 40 / (100 / 0.9 - 60) - 1),
        (effects["server: replicas"].capacity, 1.0),  # a random one of two: two queues
        (effects["server: replicas"].tail, 40 / 70 - 1),
        (effects["load"].tail, 40 / 46 - 1),
    ):
        assert change.low <= exact <= change.high
        assert change.high - change.low < 0.1
    assert effects["load"].capacity is None
    assert effects["server: replicas"].machines == 1
    capacities = [effect.capacity.value for effect in found.effects if effect.capacity is not None]
    assert capacities == sorted(capacities, reverse=True)


@slow
def test_what_changes_nothing_is_none_at_all():
    """The second stage never waits: its workers move no capacity and no tail by a single bit."""
    scenario = load_scenario(ROOT / "scenarios" / "paper_funnel.yaml", sets=["run.queries=2k", "slos=[p95 < 500ms]"])
    effects = effects_of(sensitivity(scenario, tolerance=0.05))
    assert effects["ranking: workers"].capacity == Interval(0.0, 0.0, 0.0)
    assert effects["ranking: workers"].tail == Interval(0.0, 0.0, 0.0)
    assert effects["retrieval: shards"].capacity.low > 0
    assert word(effects["ranking: workers"].capacity, 1) == "no difference seen"


GALLERY = sorted(path.stem for path in (ROOT / "scenarios").glob("*.yaml"))


#: A third of the gallery in CI, all in `make verify`.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[slow] * (place % 3 > 0)) for place, name in enumerate(GALLERY)]
)
def test_every_knob_of_the_gallery_turns_and_to_the_better(name):
    """Each gives a valid scenario that differs, or is refused for want of room; none makes a machine busier."""
    scenario = load_scenario(ROOT / "scenarios" / f"{name}.yaml")
    if scenario.can_lengthen:
        scenario = scenario.with_run(queries=50)
    before = busiest(scenario)
    knobs = knobs_of(scenario)
    assert knobs[0].is_load
    assert len({knob.name for knob in knobs}) == len(knobs)
    turned = 0
    for knob in knobs:
        try:
            changed = varied(scenario, knob.values, "knob")
        except ScenarioError as error:
            assert "machine" in str(error)
            continue
        turned += 1
        assert changed.sha256() != scenario.sha256()
        is_free = "spread" in knob.name or "share of the queries" in knob.name  # who passes a stage by hands more on
        assert busiest(changed) <= before * (1 + 1e-9) or is_free
    assert turned >= 2


def busiest(scenario):
    return theory.busiest(make_plan(scenario))


def test_a_narrower_law_has_the_same_mean_and_a_tenth_less_cv():
    for law, cv in (
        ({"kind": "exponential", "mean": "10ms"}, 0.9),
        ({"kind": "lognormal", "mean": "10ms", "cv": 0.5}, 0.45),
        ({"kind": "gamma", "mean": "10ms", "cv": 2}, 1.8),
        ({"kind": "hyperexponential", "mean": "10ms", "cv": 2}, 1.8),
    ):
        stage = {"name": "server", "model": {"kind": "time", "law": law}}
        scenario = mm1(stages=[stage])
        (knob,) = (knob for knob in knobs_of(scenario) if knob.name == "server: spread of times")
        changed = varied(scenario, knob.values, "knob").stages[0].model.law.law
        assert changed.mean() == pytest.approx(0.01)
        assert math.sqrt(changed.moment(2) / changed.mean() ** 2 - 1) == pytest.approx(cv, rel=1e-3)
    almost = mm1(stages=[{**stage, "model": {"kind": "time", "law": {**law, "cv": 1.05}}}])
    assert not any("spread" in knob.name for knob in knobs_of(almost))  # a hyperexponential law has a cv of 1 or more


def test_a_knob_without_room_is_left_with_its_reason():
    scenario = load_scenario(
        ROOT / "scenarios" / "recommendation.yaml",
        sets=["run.queries=300", "run.replications=4", "slos=[]", "hardware.gpu.cores=2"],
    )
    found = sensitivity(scenario)
    assert any("light_ranking: workers, 4 -> 5" in note and "have fewer" in note for note in found.notes)
    assert any("without an objective" in note for note in found.notes)
    [brings] = [note for note in found.notes if "one more brings its own" in note]
    assert brings.startswith("deep_ranking: workers: flops and bandwidths of gpu are those of one worker")
    assert found.capacity_per_s is None
    assert all(effect.capacity is None for effect in found.effects)
    rows = found.to_dict()["knobs"]
    (row,) = (row for row in rows if row["knob"] == "deep_ranking: replicas")
    assert row["usd_per_h_more"] == pytest.approx(0.8048)


def test_a_worker_brings_nothing_where_the_model_does_not_look_at_the_machine():
    stage = {"name": "s", "candidates": 9, "workers": 2, "hardware": "leaf"}
    leaf = {"cores": 8, "flops": "1 GFLOP/s", "memory_bandwidth": "1 GB/s"}
    knobs = [Knob("s: workers", "2 -> 3", ())]
    for model, notes in (({"kind": "linear", "per_item": "1ms"}, 0), ({"kind": "linear", "features": 100}, 1)):
        values = {"name": "t", "load": {"rate": "1/s"}, "hardware": {"leaf": leaf}}
        scenario = scenario_from_dict({**values, "stages": [stage | {"model": model}]})
        assert len([*_of_workers(scenario, knobs)]) == notes


@slow
def test_the_best_knob_of_a_funnel_of_four_stages_is_found():
    """A third replica of retrieval: 13.8 % more load, measured by two searches for a capacity; it ranked 19th of 20."""
    scenario = load_scenario(SERVICES / "ads_funnel.yaml")
    found = sensitivity(scenario, slos=["p99 < 45ms"], tolerance=0.05)
    first = min((effect for effect in found.effects if effect.capacity is not None), key=module.Effect.rank)
    assert (first.knob.name, first.knob.change) == ("retrieval: replicas", "2 -> 3")
    assert first.capacity.low < 0.138 < first.capacity.high
    assert all(effect.capacity is not None for effect in found.effects if not effect.knob.is_load)


def test_no_knob_of_a_trace_is_silent(tmp_path):
    """Where nothing is missed up to saturation, that is the capacity, and a note says so."""
    times = "".join(f"{0.9 * number + 0.3 * (number % 3):.3f}\n" for number in range(400))
    (tmp_path / "trace.csv").write_text("arrival_s\n" + times)
    load = {"arrivals": {"kind": "trace", "file": str(tmp_path / "trace.csv")}}
    found = sensitivity(mm1(load=load, slos=["p50 < 1h"], run={"replications": 4}), tolerance=0.2)
    said = [effect.knob.name for effect in found.effects if effect.capacity is None and not effect.knob.is_load]
    assert said == []
    assert sum("nothing is missed up to saturation" in note for note in found.notes) >= 1


def test_an_unreachable_objective_leaves_the_tail():
    found = sensitivity(mm1(slos=["p95 < 20ms"], run={"queries": 1000, "replications": 4}))
    assert any("capacity is unreachable" in note for note in found.notes)
    assert effects_of(found)["server: service time"].tail is not None


def test_candidates_are_a_knob_and_so_is_their_spread():
    stage = {"name": "one", "candidates": {"kind": "gamma", "mean": "200", "cv": 0.5}, "model": LINEAR}
    scenario = mm1(stages=[stage, {"name": "two", "model": LINEAR}], slos=[])
    knobs = {knob.name: knob for knob in knobs_of(scenario)}
    assert {"one: candidates", "one: spread of candidates"} <= set(knobs)
    assert not any(name.startswith("two: candidates") for name in knobs), "they are what the first hands on"
    fewer, narrower = (varied(scenario, knobs[f"one: {name}"].values, "knob") for name in ("candidates", SPREAD))
    laws = [one.stages[0].candidates.law for one in (scenario, fewer, narrower)]
    assert [law.mean() for law in laws] == pytest.approx([200, 180, 200])
    assert [law.cv2() ** 0.5 for law in laws] == pytest.approx([0.5, 0.5, 0.45])
    found = effects_of(sensitivity(mm1(stages=[stage], slos=[]), tail_only=True))
    assert found["one: candidates"].tail.high < 0 < -found["one: spread of candidates"].tail.high


def test_the_tail_alone_takes_no_search():
    with mock.patch.object(module, "capacity_of_rate") as searched:
        found = sensitivity(mm1(), tail_only=True)
    searched.assert_not_called()
    assert found.capacity_per_s is None
    assert all(effect.capacity is None and effect.tail is not None for effect in found.effects)
    assert (found.notes, found.exit_code) == ((), 0)


def test_knobs_for_which_there_is_no_time_are_said_and_make_it_inconclusive():
    found = sensitivity(mm1(), time_s=1e-3, tail_only=True)
    assert len(found.effects) == 1
    assert (found.unturned, found.exit_code) == (len(knobs_of(mm1())) - 1, 98)
    assert f"1 of {len(knobs_of(mm1()))} knobs are turned" in found.notes[0]
    document = found.to_dict()
    assert (document["unturned"], document["interrupted"]) == (found.unturned, False)


def test_the_answer_does_not_depend_on_jobs():
    scenario = mm1(run={"queries": 1000, "replications": 4})
    one = sensitivity(scenario, tolerance=0.2).to_dict()
    assert one == sensitivity(scenario, tolerance=0.2, jobs=2).to_dict()


def test_few_replications_are_refused():
    with pytest.raises(ScenarioError, match="at least 4 replications"):
        sensitivity(mm1(slos=[], run={"queries": 100, "replications": 3}))


def test_the_command(tmp_path):
    figure = tmp_path / "knobs.svg"
    args = ["scenarios/mm1.yaml", "--queries", "500", "--replications", "4", "--tolerance", "20%", "--format", "json"]
    found = subprocess.run(
        [sys.executable, "-m", "simulator", "sensitivity", *args, "-o", str(figure)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    document = json.loads(found.stdout)
    assert {knob["knob"] for knob in document["knobs"]} >= {"load", "server: workers", "server: service time"}
    assert "<svg" in figure.read_text()


def test_a_capacity_that_one_replication_decides_is_not_known(monkeypatch):
    """Lines that hardly rise meet a bound anywhere: of their knobs nothing is said, and no interval of millions."""
    server = {"name": "x", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}}}
    said = {"name": "m", "load": {"rate": "60/s"}, "run": {"queries": 1000, "replications": 8}, "stages": [server]}
    scenario = scenario_from_dict({**said, "slos": ["p90 < 100ms"]})
    known = module.sensitivity(scenario).to_dict()
    assert any(knob["capacity_change"] is not None for knob in known["knobs"])
    monkeypatch.setattr(module, "FARTHEST", 1.0)
    unknown = module.sensitivity(scenario).to_dict()
    assert all(knob["capacity_change"] is None for knob in unknown["knobs"])
