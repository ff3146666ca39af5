"""``shardsim explain``: what limits is named, ideals and changes are what they say, and what is printed."""

from __future__ import annotations

import json
import math
import shlex
from unittest import mock

import numpy as np
import pytest
from blame_walk import assert_ideal
from conftest import ROOT, breaks, drawn, long_run, slow
from hypothesis import given

import simulator
from simulator import ScenarioError, explain, scenario_from_dict, simulate
from simulator.base import room
from simulator.documents.explain import BEFORE, CAUSES
from simulator.explaining import changes
from simulator.explaining import explain as module
from simulator.planner import machines
from simulator.planning.grid import varied
from simulator.report import frame
from simulator.report.explain import explain_table
from simulator.report.explain_figure import COLORS, explain_figure
from simulator.scenario.gallery import templates
from simulator.testing import plans

LEAF = {
    "name": "leaves",
    "candidates": 8000,
    "model": {"kind": "linear", "per_item": "10us"},
    "shards": 8,
    "replicas": 2,
    "routing": "random",
    "variability": {"task": {"kind": "lognormal", "cv": 0.5}},
    "network": {"request": "200us", "response": "200us"},
}


def fleet(seed=1, load=None, run=None, client=None, without=(), **stage):
    """Eight shards of two replicas, all alike, a tenth busy at 40 queries a second."""
    leaf = {key: value for key, value in {**LEAF, **stage}.items() if key not in without}
    run = {"queries": 1500, "replications": 4, "seed": seed, **(run or {})}
    more = {} if client is None else {"client": client}
    return scenario_from_dict(
        {"name": "fleet", "load": {"rate": "40/s", **(load or {})}, "run": run, **more, "stages": [leaf]}
    )


SEVERAL = {"weight": 997, "law": {"kind": "uniform", "low": "8ms", "high": "12ms"}}, {"weight": 3, "law": "200ms"}
STOPS = {"every": {"kind": "exponential", "mean": "2s"}, "length": "150ms", "scope": "stage"}
PATIENCE = {"timeout": "60ms", "retries": 3, "backoff": {"base": "5ms", "factor": 1, "most": "5ms"}}
#: Fleets with one known cause, and what limits them first.
KNOWN = {
    "hot shard": (
        lambda seed: fleet(seed, shares=[1, 1, 1, 2, 1, 1, 1, 1], without=("shards",)),
        {"what": "shard", "stage": "leaves", "shard": 3},
    ),
    "slow replica": (fleet, {"what": "replica", "stage": "leaves", "shard": 5, "replica": 1}),
    "batching": (
        lambda seed: fleet(
            seed,
            candidates=16_000,
            model={"kind": "linear", "per_item": "1us"},
            batching={"max_size": 64, "max_wait": "40ms"},
        ),
        {"what": "cause", "stage": "leaves", "cause": "batching"},
    ),
    "stall": (
        lambda seed: fleet(seed, slowdowns=[STOPS]),
        {"what": "cause", "stage": "leaves", "cause": "slowdown"},
    ),
    "retry": (
        lambda seed: fleet(
            seed,
            client=PATIENCE,
            model={"kind": "time", "law": {"kind": "mixture", "parts": SEVERAL}},
            workers=4,
            without=("candidates", "variability"),
        ),
        {"what": "cause", "stage": None, "cause": "retry"},
    ),
}
SLOW_ONE = 5 * 2 + 1


def with_a_slow_one(scenario, replication, factors=machines.machine_factors):
    made = np.array(factors(scenario, replication))
    made[SLOW_ONE] = 2.5
    made.flags.writeable = False
    return made


def limits_first(kind: str, seed: int) -> dict:
    made, _ = KNOWN[kind]
    factors = with_a_slow_one if kind == "slow replica" else machines.machine_factors
    with mock.patch.object(machines, "machine_factors", factors):
        first = dict(explain(made(seed), blame_only=True).limits[0])
    first.pop("share")
    return first


@long_run
@pytest.mark.parametrize("kind", KNOWN)
def test_the_known_cause_is_named_first(kind):
    assert [limits_first(kind, seed) for seed in (1, 2)] == [KNOWN[kind][1]] * 2


@slow
@pytest.mark.parametrize("kind", KNOWN)
def test_the_known_cause_is_named_first_in_19_of_20_seeds(kind):
    named = [limits_first(kind, seed) for seed in range(1, 21)]
    assert named.count(KNOWN[kind][1]) >= 19


ALIKE = {
    "random": {},
    "busy": {"load": {"rate": "170/s"}},
    "least outstanding": {"load": {"rate": "170/s"}, "routing": "least_outstanding"},
    "in bursts": {"load": {"rate": "100/s", "arrivals": {"kind": "gamma", "cv": 3}}},
    "machines drawn": {"variability": {**LEAF["variability"], "machine": {"kind": "lognormal", "cv": 0.5}}},
    "in lockstep": {"without": ("variability",), "replicas": 1},
}


@long_run
@pytest.mark.parametrize("kind", ALIKE)
def test_nobody_is_named_in_a_fleet_that_is_alike(kind):
    for seed in (1, 2):
        found = explain(fleet(seed, **ALIKE[kind]), blame_only=True)
        assert found.suspects == () and found.looked_at in (8, 24)


@slow
@pytest.mark.parametrize("kind", ALIKE)
def test_nobody_is_named_in_19_of_20_seeds(kind):
    named = [bool(explain(fleet(seed, **ALIKE[kind]), blame_only=True).suspects) for seed in range(1, 21)]
    assert sum(named) <= 1


@drawn(500)
@given(plans())
def test_ideals_are_what_they_say(plan):
    """Query by query: the answers moved one by one, and the stage closed with as many as it did."""
    assert_ideal(plan)


def mm1(**more):
    stage = {"name": "server", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}}}
    run = {"queries": 2000, "replications": 4}
    return scenario_from_dict({"name": "mm1", "load": {"rate": "60/s"}, "stages": [stage], "run": run, **more})


@long_run
def test_a_change_is_a_run_of_the_changed_scenario():
    """To the byte: its percentile, and the difference, paired by replication."""
    scenario = fleet(run={"queries": 400}, skew=0.2, load={"work": {"kind": "lognormal", "cv": 0.3}})
    found = explain(scenario, percentiles=[50, 90])
    tried = [one for one in found.effects if one.kind == "run"]
    assert {one.name for one in tried} == {
        *(
            "one more replica",
            "no skew",
            "a copy after p95",
            "tied copies",
            "constant service",
            "the same work in every query",
        ),
    }
    own = simulate(scenario, percentiles=[90])
    assert found.target == 90 and found.target_s == own.summary.latency.percentiles["p90"].pooled
    for one in tried:
        run = simulate(varied(scenario, dict(one.sets)), percentiles=[90])
        assert one.tail_s == run.summary.latency.percentiles["p90"].pooled, one.name
        gap = simulator.compare(own, run, percentiles=[90])["p90"]
        assert one.change == gap.relative, one.name


@long_run
def test_the_command_runs_the_change(shardsim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "it's ours.yaml").write_text(json.dumps(fleet(run={"queries": 400}).resolved()))
    given = ("it's ours.yaml", "--set", "stages.leaves.skew=0.5", "--seed", "7", "--percentiles", "90")
    code, text, said = shardsim("explain", *given, "--format", "json", "--jobs", "1")
    assert code == 0, said
    found = json.loads(text)
    assert breaks("explain", found) == []
    shown = shlex.split(found["command"])
    assert shown[:3] == ["shardsim", "run", "it's ours.yaml"]
    best = next(one for one in found["effects"] if one["what"] == "no skew")
    assert found["words"][-1].startswith("Try first: no skew in leaves makes p90 ")
    _, text, _ = shardsim(*shown[1:], "--percentiles", "90", "--format", "json", "--jobs", "1")
    assert json.loads(text)["latency_s"]["p90"]["value"] == best["latency_s"]


@long_run
def test_shares_add_up_and_bands_are_where_they_say():
    found = explain(mm1(), percentiles=[50, 90], blame_only=True).to_dict()
    for band, (least, most) in zip(found["bands"], [(0.45, 0.55), (0.85, 0.95)], strict=True):
        assert (band["least"], band["most"]) == (least, most)
        assert band["queries"] == 800
        assert sum(part["share"]["value"] for part in band["parts"]) == pytest.approx(1.0, rel=1e-12)
        whole = sum(part["mean_s"]["value"] for part in band["parts"])
        assert whole == pytest.approx(band["latency_s"]["value"], rel=1e-12)
    assert {part["cause"] for part in found["bands"][1]["parts"]} == {"waiting", "service"}
    assert found["last"] == {"slowest": 0.1, "level": 0.01, "looked_at": 0, "named": []}
    assert found["command"] is None and not any("tried" in one for one in found["words"])


@long_run
def test_replications_that_are_all_the_same_are_one(tmp_path):
    """A trace, and no luck: there is no interval, and nobody is named."""
    (tmp_path / "trace.csv").write_text(
        "timestamp_s\n" + "".join(f"{0.013 * place + place % 3 / 1000}\n" for place in range(400))
    )
    stage = {"name": "a", "model": {"kind": "time", "law": "10ms"}, "shards": 2}
    load = {"arrivals": {"kind": "trace", "file": str(tmp_path / "trace.csv")}}
    run = {"replications": 4, "warmup": 0}
    found = explain(scenario_from_dict({"name": "same", "load": load, "run": run, "stages": [stage]}), percentiles=[50])
    [band] = found.bands
    assert band.latency_s.value == pytest.approx(0.01) and band.latency_s.low is None
    assert found.suspects == ()


@long_run
def test_a_long_replication_is_shortened_and_says_so(monkeypatch):
    monkeypatch.setattr(module, "MOST_TASKS", 4_000)
    found = explain(fleet(), percentiles=[50], blame_only=True)
    assert found.scenario.run.queries == 400
    said = "400 queries a replication in place of 1,500: every task of theirs is looked at, 0.004 million at most"
    assert found.notes[0] == said


def test_what_memory_does_not_hold_is_refused(monkeypatch):
    """A trace has as many queries as it has: it cannot be shortened."""
    monkeypatch.setattr(room, "room", lambda: room.Room(2**20, "for a test"))
    scenario = simulator.load_scenario(ROOT / "scenarios" / "trace_replay.yaml")
    with pytest.raises(ScenarioError, match=r"to explain it, .* tasks of a replication take .* ask for fewer"):
        explain(scenario)


@long_run
def test_a_sample_that_supports_no_percentile_is_inconclusive():
    found = explain(mm1(run={"queries": 40, "replications": 4}), percentiles=[99])
    assert (found.exit_code, found.bands, found.effects, found.command) == (98, (), (), None)
    assert found.words == ["The sample supports none of the percentiles: simulate more queries."]
    assert "p99: the sample does not support it; about" in found.notes[0]
    assert "p99" in explain_table(found.to_dict())


@long_run
def test_queries_without_an_answer_have_no_latency():
    """Every second query is shed: its percentiles are known up to where answers end."""
    scenario = mm1(admission={"rate": "20/s"}, run={"queries": 1000, "replications": 4})
    found = explain(scenario, percentiles=[10, 50], blame_only=True)
    assert [band.percent for band in found.bands] == [10]
    assert "p50: queries around it have no answer: nothing is said of their latency" in found.notes


@long_run
def test_precision_is_not_sought_and_the_answer_does_not_depend_on_threads():
    scenario = mm1(run={"queries": 400, "replications": 4, "precision": "0.1%"})
    one, two = (
        explain(scenario, percentiles=[50], jobs=jobs, engine=engine)
        for jobs, engine in ((1, "compiled"), (2, "reference"))
    )
    assert one.scenario.run.replications == 4
    documents = [found.to_dict() for found in (one, two)]
    assert [document.pop("engine") for document in documents] == ["compiled", "reference"]
    assert documents[0] == documents[1]


def test_an_interrupt_leaves_nothing(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.replications, "replicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        explain(mm1(run={"queries": 20, "replications": 4}))


def test_every_replication_is_told_as_progress():
    told: list[tuple[int, int, int]] = []
    scenario = mm1(run={"queries": 400, "replications": 4})
    explain(scenario, percentiles=[50], progress=lambda *standing: told.append(standing))
    assert told[-1][0] == told[-1][1] == 4 * 2 + 4 * 2  # twice itself, a replica more, constant service
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][2] > 0


STAGE = {"name": "a", "model": {"kind": "linear", "per_item": "1us"}, "candidates": 1000}


@pytest.mark.parametrize(
    ("stage", "names"),
    [
        ({}, {"one more replica"}),
        ({"replicas": 2}, {"one more replica", "a copy after p95", "tied copies"}),
        ({"replicas": 2, "hedge": "5ms"}, {"one more replica"}),
        ({"replicas": 2, "routing": {"by": "query"}}, {"one more replica"}),
        ({"shares": [2, 1]}, {"one more replica", "no skew"}),
        ({"shares": [1, 1]}, {"one more replica"}),
        ({"shards": 4, "skew": 0}, {"one more replica"}),
        ({"batching": {"max_size": 4, "max_wait": "1ms"}}, {"one more replica", "no wait for batches"}),
        ({"batching": {"max_size": 4, "max_wait": "0s"}}, {"one more replica"}),
        ({"variability": {"machine": {"kind": "lognormal", "cv": 0.1}}}, {"one more replica", "equal machines"}),
        ({"slowdowns": [{"every": "1s", "length": "1ms"}]}, {"one more replica", "no slow stretches"}),
        (
            {"shards": 3, "replicas": {"default": 1, "hot": {"shards": [0], "replicas": 2}}},
            {"one more replica", "one more replica of hot shards"},
        ),
    ],
)
def test_changes_are_of_keys_that_say_something(stage, names):
    """Each is a scenario that can be, and another one than before."""
    scenario = scenario_from_dict({"name": "s", "load": {"rate": "1/s"}, "stages": [{**STAGE, **stage}]})
    found = list(changes.changes_of(scenario))
    assert {one.name for one in found} == names
    for one in found:
        assert varied(scenario, dict(one.sets)).sha256() != scenario.sha256(), one.name


def test_a_change_that_cannot_be_is_noted():
    """One is no scenario: there is no such law; another one has a pilot that is too short."""
    stage = {**STAGE, "replicas": 2, "variability": {"task": {"kind": "lognormal", "cv": 0.2}}}
    run = {"queries": 120, "replications": 4}
    scenario = scenario_from_dict({"name": "s", "load": {"rate": "1/s"}, "run": run, "stages": [stage]})
    with mock.patch.object(changes, "ALWAYS", "{kind: none}"):
        found = explain(scenario, percentiles=[50])
    said = [note.split(": ")[:2] for note in found.notes]
    assert ["a", "constant service"] in said and ["a", "a copy after p95"] in said
    assert {one.name for one in found.effects if one.kind == "run"} == {"one more replica", "tied copies"}


@long_run
@pytest.mark.parametrize("width", [40, 60, 80, 120, None])
def test_the_table_keeps_to_its_width(width):
    found = explain(fleet(run={"queries": 300}), percentiles=[50, 90], blame_only=True)
    lines = explain_table(found.to_dict(), width).splitlines()
    assert all(len(line) <= (width or 1000) for line in lines)
    assert any(line.startswith("leaves") and "straggler" in line for line in lines) or (width or 80) < 60


def test_a_figure_draws_every_part():
    """A bar a percentile, as long as the shares; each stage is named where there is room, each cause in the legend."""
    found = explain(mm1(run={"queries": 400, "replications": 4}), percentiles=[50], blame_only=True).to_dict()
    shares = {("a", "waiting"): 0.6, ("a", "service"): 0.3, ("b", "backoff"): 0.02, ("b", "merge wait"): 0.08}
    figure = {"value": 0.01, "low": None, "high": None}
    parts = [
        {"stage": stage, "cause": cause, "mean_s": figure, "share": {**figure, "value": value}}
        for (stage, cause), value in shares.items()
    ]
    found["bands"] = [{**found["bands"][0], "percentile": name, "parts": parts} for name in ("p50", "p99")]
    drawn_figure = explain_figure(found, frame.ITSELF)
    [axes] = drawn_figure.axes
    assert [round(patch.get_width()) for patch in axes.patches] == [60, 30, 2, 8] * 2
    assert [round(patch.get_x()) for patch in axes.patches] == [0, 60, 90, 92] * 2
    written = [text.get_text() for text in axes.texts]
    assert written == ["60 %", "30 %", "a", "8 %", "b"] * 2
    assert [text.get_text() for text in drawn_figure.legends[0].get_texts()] == [
        "backoff",
        "waiting",
        "service",
        "merge wait",
    ]
    assert set(COLORS) == {*BEFORE, *CAUSES}
    found["bands"] = []
    with pytest.raises(ScenarioError, match="nothing to be drawn"):
        explain_figure(found)


def test_a_run_directory_has_no_tasks(shardsim, tmp_path):
    code, _, said = shardsim("explain", str(tmp_path))
    assert code == 2
    assert said.splitlines()[-1].endswith("is a run directory, which keeps no tasks: give its scenario")


@long_run
def test_three_replications_tell_no_effect_from_none():
    found = explain(mm1(run={"queries": 500, "replications": 3}), percentiles=[50])
    assert found.notes[0] == "fewer than 4 replications: no effect is told from none"
    assert {one.word for one in found.effects} == {"not known"} and found.command is None


@long_run
def test_shares_of_a_queue_are_those_in_closed_form():
    """M/M/1: who takes t in all is served for (1 - exp(-lambda t)) / lambda of it on average, by Bayes' theorem.

    The wait has the density rho (mu - lambda) exp(-(mu - lambda) w) and an atom 1 - rho at 0; the sum is exponential.
    Fixed seed; one of three is outside its interval in about 14 % of seeds.
    """
    found = explain(mm1(run={"queries": 20_000, "replications": 8}), percentiles=[50, 90, 99], blame_only=True)
    assert [band.percent for band in found.bands] == [50, 90, 99]
    for band in found.bands:
        service = next(part for part in band.parts if part.cause == "service").mean_s
        whole_s = band.latency_s.value
        expected = (1 - math.exp(-60 * whole_s)) / 60
        assert service.low <= expected <= service.high, (band.percent, service, expected)
        assert service.high - service.low < 0.15 * expected
        waited = next(part for part in band.parts if part.cause == "waiting").mean_s
        assert waited.value + service.value == pytest.approx(whole_s, rel=1e-12)


def test_sources_are_named_and_turned_one_by_one():
    """A slow source is named; what it says itself is changed under its name, what its stage says under the stage's."""
    fast, slow = ({"kind": "time", "law": {"kind": "exponential", "mean": mean}} for mean in ("2ms", "12ms"))
    sources = [
        {"name": "keyword", "model": fast, "shards": 3},
        {"name": "vector", "model": slow, "replicas": 2},
    ]
    stage = {"name": "retrieval", "sources": sources, "routing": "random"}
    said = {"name": "two", "load": {"rate": "60/s"}, "run": {"queries": 2000, "replications": 4}, "stages": [stage]}
    scenario = scenario_from_dict(said)
    made = {change.name: change.sets for change in changes.changes_of(scenario)}
    assert made["one more replica of vector"] == (("stages.retrieval.sources.vector.replicas", 3),)
    assert made["constant service of keyword"][0][0] == "stages.retrieval.sources.keyword.model.law"
    assert made["a copy after p95"] == (("stages.retrieval.hedge", "p95"),)
    document = explain(scenario, percentiles=[50, 99], blame_only=True).to_dict()
    first = document["last"]["named"][0]
    assert (first["source"], first["shard"]) == ("vector", 3)
    assert "shard 3 of retrieval (vector)" in document["words"][0]


@pytest.mark.parametrize("template", [one.name for one in templates()])
def test_every_scenario_of_the_gallery_can_be_changed(template):
    """What is tried is another scenario, or has a reason why it is none."""
    scenario = simulator.load_scenario(ROOT / "scenarios" / f"{template}.yaml")
    for change in changes.changes_of(scenario):
        try:
            assert varied(scenario, dict(change.sets)).sha256() != scenario.sha256(), change.name
        except ScenarioError as error:
            assert error.problems[0].message, change.name
