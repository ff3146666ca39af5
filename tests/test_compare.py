"""Two scenarios or runs beside each other: words, intervals, limits, luck; run directories; the command."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import shutil
import sys
import zipfile
from types import SimpleNamespace
from typing import get_args
from unittest import mock

import numpy as np
import pytest
from conftest import drawn, slow
from hypothesis import HealthCheck, given

import simulator
from simulator import ScenarioError, compare, scenario_from_dict, scenario_from_text, simulate
from simulator.documents import parts
from simulator.planner.classes import drawn_classes
from simulator.planning import compare as module
from simulator.planning.compare import beside
from simulator.planning.differing import differing
from simulator.planning.saved_run import read_run
from simulator.planning.sides import Side, measures
from simulator.report.compare import compare_table
from simulator.report.folders import write_run
from simulator.running.run import Run
from simulator.scenario.slo import MEASURES, STAGE
from simulator.stats.paired import paired, ratio_left_out
from simulator.testing import scenarios

SMALL = """
name: small
load: {rate: 60/s}
run: {queries: 2000, replications: 6, seed: 5}
hardware: {box: {price: 0.5 USD/h}}
stages:
  - name: one
    candidates: 100
    model: {kind: tree, per_item: 100us}
    variability: {task: {kind: exponential}}
    hardware: box
    shards: 4
    keep: 10
  - name: two
    model: {kind: deep, per_item: 500us}
    hardware: box
slos: [p99 < 200ms, stage.one.utilisation < 90%]
"""


def small(*sets: str):
    return scenario_from_text(SMALL, sets)


def ends(found):
    return found.difference.value, found.difference.low, found.difference.high


def test_a_scenario_and_itself_differ_by_exactly_nothing():
    with mock.patch.object(module, "Run", wraps=Run) as simulated:
        found = compare(small(), small(), percentiles=(50, 90, 99))
    assert simulated.call_count == 1, "what means the same is simulated once"
    assert found.luck == "common"
    assert found.differing == ()
    for figure in found.figures:
        assert ends(figure) == (0.0, 0.0, 0.0), figure.figure
        assert figure.word == ("same" if figure.figure in ("machines", "usd_per_h") else "no difference seen")
    again = beside(*(Side.of(simulate(small())) for _ in range(2)), {}, (50, 99))
    assert {ends(figure) for figure in again.figures} == {(0.0, 0.0, 0.0)}, "nor do two runs of it"


def test_figures_are_those_of_a_run_and_words_follow_their_direction():
    a, b = small(), small("stages.two.shards=2", "load.rate=50/s")
    found = compare(a, b, percentiles=(50, 99))
    for side, scenario in (("a", a), ("b", b)):
        run = simulate(scenario).to_dict()
        value = {figure.figure: getattr(figure, side).value for figure in found.figures}
        assert value["mean"] == run["latency_s"]["mean"]["value"]
        assert value["p99"] == run["latency_s"]["p99"]["value"]
        assert value["stage.one.p99"] == run["stages"][0]["latency_s"]["p99"]["value"]
        assert value["completed"] == run["completed_per_s"]["value"]
        assert value["goodput"] == run["goodput_per_s"]["value"]
        assert value["failed_ratio"] == run["failed_ratio"]["value"]
        assert value["machines"] == run["fleet"]["machines"]
        assert value["usd_per_h"] == run["fleet"]["usd_per_h"]
        cost = run["fleet"]["usd_per_million_queries"]
        assert value["usd_per_million_queries"] == pytest.approx(cost, rel=1e-12)
        used = run["stages"][1]["utilisation"]
        assert value["stage.two.utilisation"] == pytest.approx(used["mean"]["value"], rel=1e-12)
        assert value["stage.two.hottest"] == pytest.approx(used["max"], rel=1e-12)
    words = {figure.figure: figure.word for figure in found.figures}
    assert words["p99"] == words["stage.two.p50"] == "better"
    assert words["completed"] == words["goodput"] == "worse"
    assert words["machines"] == words["usd_per_h"] == words["usd_per_million_queries"] == "worse"
    assert words["stage.two.utilisation"] == "lower"
    assert words["failed_ratio"] == "no difference seen"
    assert [(one.path, one.a, one.b) for one in found.differing] == [
        ("load.rate", "60/s", "50/s"),
        ("stages.two.shards", None, 2),
    ]


MERGING = ("stages.one.merge.time=5ms", "stages.one.merge.workers=1", "run.queries=300")
LOSING = ("stages.one.replicas=2", "stages.one.lost_machine=5", "run.queries=300")


@pytest.mark.parametrize("sets", [MERGING, (*MERGING, "run.drain=1s", "load.rate=250/s"), LOSING])
def test_stations_are_as_busy_as_in_a_run_beside_it_and_read_back(sets, tmp_path):
    """Mergers, also of a run that is cut; and replicas without those of a lost machine."""
    result = simulate(small(*sets))
    write_run(result, tmp_path / "run", 1)
    one, run = "stage.one.", result.to_dict()["stages"][0]
    for side in (Side.of(result), read_run(tmp_path / "run")):
        found = beside(side, Side.of(result), {}, (50,))
        assert found[f"{one}utilisation"].a.value == pytest.approx(run["utilisation"]["mean"]["value"], rel=1e-12)
        assert found[f"{one}hottest"].a.value == pytest.approx(run["utilisation"]["max"], rel=1e-12)
        names = [figure.figure for figure in found.figures]
        assert (f"{one}mergers_utilisation" in names) == ("mergers" in run)
        if "mergers" in run:
            used = run["mergers"]["utilisation"]["value"]
            assert found[f"{one}mergers_utilisation"].a.value == pytest.approx(used, rel=1e-12)
            assert used == pytest.approx(min(1, run["mergers"]["demand"]), rel=0.1)
    assert run["replicas_left"] == (7 if sets == LOSING else 4)


WAITING = ("stages.one.gather={wait_for: 3}", "stages.one.cancel={what: running}", "run.queries=300")


def test_what_fewer_answers_cost_is_compared(tmp_path):
    """With a run that waits for all of them, whose coverage is 1; of saved runs, too."""
    all_of_them, three = small("run.queries=300"), small(*WAITING)
    write_run(simulate(three), tmp_path / "three", 1)
    run = simulate(three).to_dict()
    for b in (three, tmp_path / "three"):
        found = compare(all_of_them, b, limits={"stage.one.coverage": 0.5})
        value = {figure.figure: (figure.a.value, figure.b.value) for figure in found.figures}
        words = {figure.figure: figure.word for figure in found.figures}
        assert value["coverage"] == (1.0, pytest.approx(run["gather"]["coverage"]["value"], rel=1e-12))
        assert value["partial_ratio"] == (0.0, run["gather"]["partial_ratio"]["value"])
        of_stage = run["stages"][0]["gather"]
        assert value["stage.one.coverage"] == (1.0, pytest.approx(of_stage["coverage"]["value"], rel=1e-12))
        assert value["stage.one.wasted_ratio"] == (0.0, pytest.approx(of_stage["wasted_ratio"]["value"], rel=1e-12))
        assert words["coverage"] == words["stage.one.coverage"] == words["stage.one.wasted_ratio"] == "worse"
        assert words["stage.one.p50"] == "better"
        assert "stage.two.coverage" not in value
        assert found.limits[0].met
    assert "coverage" not in {figure.figure for figure in compare(all_of_them, all_of_them).figures}
    for foreign in (np.nan, 1.5):
        rewrite(
            tmp_path / "three", lambda it, foreign=foreign: {**it, "coverage": np.full_like(it["coverage"], foreign)}
        )
        with pytest.raises(ScenarioError, match=r"does not belong to the summary\.json"):
            read_run(tmp_path / "three")
    endless = small("stages.one.gather={wait_for: all}", "run.queries=300")
    assert "coverage" not in {figure.figure for figure in compare(endless, all_of_them).figures}


def test_a_change_of_5_percent_is_seen_on_common_luck_and_not_without():
    """Without common luck it would take 27 times as many queries for an interval as narrow."""
    slower = "stages.one.model.per_item=105us"
    common = compare(small(), small(slower))["p99"]
    apart = compare(small(), small(slower, "run.seed=6"))["p99"]
    assert common.word == "worse"
    assert apart.word == "no difference seen"
    half = [(one.difference.high - one.difference.low) / 2 for one in (common, apart)]
    assert (half[1] / half[0]) ** 2 > 20


@drawn(20, suppress_health_check=list(HealthCheck))
@given(scenarios(most_queries=30, most_stages=2), scenarios(most_queries=30, most_stages=2))
def test_b_with_a_is_a_with_b_turned_over(one, two):
    """Of any two scenarios, whatever they have in common. (Few are drawn: theory takes half a second for some.)"""
    sides = [
        Side.of(simulate(scenario_from_dict({**of, "run": {**of.get("run", {}), "replications": 4}})))
        for of in (one, two)
    ]
    forth, back = beside(*sides, {}, (50, 90)), beside(*sides[::-1], {}, (50, 90))
    assert forth.luck == back.luck
    turned = {"better": "worse", "worse": "better", "higher": "lower", "lower": "higher"}
    for there in forth.figures:
        here = back[there.figure]
        assert here.word == turned.get(there.word, there.word)
        if there.difference.value is not None:
            assert here.difference.value == -there.difference.value
        if there.difference.low is not None:
            assert ends(here)[1:] == pytest.approx((-there.difference.high, -there.difference.low), rel=1e-9, abs=1e-15)
    json.dumps(forth.to_dict(), allow_nan=False)


def test_jobs_change_nothing():
    b = small("stages.one.replicas=2")
    assert compare(small(), b, jobs=1).to_dict() == compare(small(), b, jobs=2).to_dict()


def test_other_seeds_are_independent_and_other_lengths_are_still_pairs():
    found = compare(small(), small("run.seed=6", "run.replications=5"))
    assert (found.luck, found.replications) == ("independent", (6, 5))
    assert found.notes[0] == "not on common luck: seed 5 against 6; intervals are wider"
    assert found["p50"].difference.low is not None
    found = compare(small(), small("run.queries=1500"))
    assert (found.luck, found.replications) == ("partly common", (6, 6))
    assert found.notes[0] == (
        "not all luck is common: a replication of A has 2,000 queries after 500 of warm-up, "
        "one of B 1,500 queries after 375 of warm-up"
    )
    found = compare(small(), small("run.replications=4"))
    assert (found.luck, found.replications) == ("common", (4, 4))
    assert found.notes[0] == "A has 6 replications, B has 4: the 4 that both have are compared"
    assert ends(found["mean"]) == (0.0, 0.0, 0.0)


def test_what_the_sample_does_not_support_is_not_compared():
    found = compare(small("run.queries=60"), small("run.queries=60", "load.rate=80/s"))
    far = found["p99.9"]
    assert (far.word, far.a.value, far.difference.value) == ("not known", None, None)
    seen = simulate(small("run.queries=60")).to_dict()["unsupported"]
    assert seen[-1]["stage"] == "two", "of the whole query first, then of its stages"
    one = next(one for one in seen if (one["stage"], one["percentile"]) == (None, "p99"))
    said = compare(small("run.queries=60"), small("run.queries=60"), percentiles=(99,))["p99"].reason
    assert said == f"{one['exceedances']:.1f} effective exceedances are too few, 10 are needed"
    found = compare(small("run.replications=3"), small("run.replications=3", "load.rate=50/s"), limits={"p50": 0.5})
    assert found["p50"].word == "not known"
    assert found["p50"].reason == "fewer than 4 replications to judge by"
    assert found["p50"].difference.value < 0
    assert found.limits[0].met is None
    assert found.exit_code == 98


def test_what_a_run_does_not_print_is_not_compared_however_near_to_enough():
    """A document rounds: 9.99996 exceedances stand there as 10, and the run has no figure all the same."""
    near = Side.of(simulate(small("run.queries=60")))
    for one in near.document["unsupported"]:
        one["exceedances"] = 10.0
    withheld = {one["percentile"] for one in near.document["unsupported"] if one["stage"] is None}
    found = measures(near, [50.0, 99.9], range(len(near.traces)))
    assert "p99.9" in withheld and found["p99.9"].reason == "10.0 effective exceedances are too few, 10 are needed"


def test_of_one_replication_only_arithmetic_is_compared():
    found = compare(small("run.replications=1"), small("run.replications=1", "stages.two.shards=2"), percentiles=(50,))
    words = {figure.figure: figure.word for figure in found.figures}
    assert words.pop("machines") == words.pop("usd_per_h") == "worse"
    assert set(words.values()) == {"not known"}
    assert found["p50"].difference.value < 0
    json.dumps(found.to_dict(), allow_nan=False)


def test_at_one_instant_there_are_no_rates():
    """One query a replication: no time passes between the first arrival and the last."""
    lone = small("run.queries=1", "run.warmup=0")
    found = compare(lone, lone, percentiles=(50,), limits={"completed": 0.1})
    assert found["completed"].reason == "all queries arrive at one instant"
    assert found["stage.one.utilisation"].word == "not known"
    assert found.limits[0].met is None
    assert found["machines"].word == "same"
    json.dumps(found.to_dict(), allow_nan=False)


def test_queries_that_never_finish_stay_in():
    """Cut right after the last arrival of an overloaded run: half the queries of B never finish."""
    cut = ("run.drain=0s", "run.warmup=0")
    found = compare(small(*cut), small(*cut, "load.rate=400/s"), percentiles=(10, 50, 90), limits={"p90": 1, "mean": 1})
    assert found["p90"].word == "worse"
    assert found["p90"].difference.value is None
    assert found["p90"].b.at_least == pytest.approx(found.b.document["latency_s"]["max"])
    assert found["mean"].word == "not known"
    assert found["mean"].reason == "some queries have no answer, so the mean is not known"
    assert found["failed_ratio"].word == "worse"
    assert [limit.met for limit in found.limits] == [False, False], "A is stable, and B is not"
    back = compare(found.b, found.a, percentiles=(50, 90), limits={"p90": 0})
    assert back["p90"].word == "better"
    assert back.limits[0].met is True
    both = compare(found.b, found.b, percentiles=(90,))
    assert (both["p90"].word, both["p90"].reason) == ("not known", "it falls among queries that have no answer")


@pytest.mark.parametrize(
    ("change", "limits", "met"),
    [
        ("stages.one.model.per_item=110us", {"p50": 0.05}, [False]),
        ("stages.one.model.per_item=110us", {"p50": 0.5, "goodput": 0.5, "machines": 0}, [True, True, True]),
        ("stages.one.model.per_item=102us", {"p99": 0.02}, [None]),
        ("load.rate=50/s", {"completed": 0.1, "stage.one.utilisation": 0}, [False, True]),
        ("stages.one.model.per_item=110us", {"stage.one.utilisation": 0.05}, [False]),
        ("stages.one.replicas=2", {"usd_per_h": 0.5, "usd_per_million_queries": 0.9}, [False, True]),
        ("load.rate=210/s", {"p50": 1.0, "stage.one.p99": 1000.0, "machines": 0}, [False, False, True]),
    ],
)
def test_limits(change, limits, met):
    found = compare(small(), small(change), limits=limits)
    assert [limit.met for limit in found.limits] == met
    assert found.exit_code == (99 if False in met else 98 if None in met else 0)
    assert all(bool(limit.reason) for limit in found.limits if limit.met is None)


def test_a_limit_on_any_figure_is_judged_by_its_interval():
    """Of all figures: below what was seen, interval and all, it is exceeded, above it met, in either direction."""
    merging = ("stages.one.merge.time=1ms", "stages.one.merge.workers=2")
    light, heavy = small(*merging), small(*merging, "load.rate=90/s", "stages.one.shards=8", "stages.two.shards=2")
    sides = [Side.of(simulate(scenario)) for scenario in (light, heavy)]
    exceeded, met = set(), set()
    for a, b in (sides, sides[::-1]):
        limits = {}
        for figure in beside(a, b, {}, module.PERCENTILES).figures:
            if figure.relative.value is None:
                continue
            worse = figure.relative.value * (-1 if figure.a.better == "higher" else 1)
            margin = 1e-6 + figure.relative.high - figure.relative.low
            limits[figure.figure] = (worse - margin, max(0.0, worse + margin))
        for at, verdict, judged in ((0, False, exceeded), (1, True, met)):
            asked = {name: both[at] for name, both in limits.items() if both[at] >= 0}
            for limit in beside(a, b, asked, module.PERCENTILES).limits:
                assert limit.met is verdict, limit
                judged.add(limit.figure)
    figures = {figure.figure for figure in beside(*sides, {}, module.PERCENTILES).figures}
    assert met == figures - {"p99.9"}, "which is not supported"
    assert exceeded == met - {"failed_ratio"}, "nothing failed"


def test_no_limit_on_latency_is_met_where_b_is_saturated():
    saturated = small("load.rate=210/s")
    found = compare(saturated, saturated, limits={"mean": 0.1, "machines": 0})
    assert [limit.met for limit in found.limits] == [None, True]
    assert found.limits[0].reason == "B is saturated: the longer the run, the later its queries"
    assert any(note.startswith("A and B: saturated by arithmetic") for note in found.notes)


def test_goodput_within_other_bounds_is_another_figure():
    found = compare(small(), small("slos=[99% within 100ms]"))
    assert found["goodput"].word == "not known"
    assert found["goodput"].reason == "it is within 200 ms in A, within 100 ms in B"
    assert compare(small(), small("slos=[]"))["goodput"].reason == "it is within 200 ms in A, at any latency in B"
    assert compare(small(), small("slos=[p50 < 200ms]"))["goodput"].word == "no difference seen"


@pytest.mark.parametrize(("slo", "is_good"), [("p99 < 10ms", False), ("99% within 10ms", True)])
def test_goodput_at_the_bound_is_that_of_the_run(slo, is_good):
    model = {"kind": "time", "law": "10ms"}
    values = {"name": "flat", "load": {"arrivals": "constant", "rate": "50/s"}, "run": {"queries": 100}, "slos": [slo]}
    result = simulate(scenario_from_dict({**values, "stages": [{"name": "one", "model": model}]}))
    expected = result.to_dict()["goodput_per_s"]["value"]
    assert (expected > 0) == is_good
    assert compare(result, result)["goodput"].a.value == pytest.approx(expected, rel=1e-12)


def test_stages_are_matched_by_name():
    other = scenario_from_text(SMALL.replace("name: two", "name: three"))
    found = compare(small(), other)
    names = [figure.figure for figure in found.figures]
    assert "stage.one.p99" in names
    assert not any("two" in name or "three" in name for name in names)
    assert {"only A has stage two", "only B has stage three"} <= set(found.notes)
    assert [one.path for one in found.differing] == ["stages.two", "stages.three"]
    with pytest.raises(ValueError, match=r"no figure is called 'stage.two.p99'; did you mean 'stage.one.p99'\?"):
        compare(small(), other, limits={"stage.two.p99": 0.1})


def test_what_differs():
    a = {"name": "a", "load": {"rate": "1/s"}, "stages": [{"name": "x", "keep": 1}, {"name": "y", "shares": [1, 2]}]}
    b = {"name": "b", "load": {"scale": 2}, "stages": [{"name": "y", "shares": [1, 3]}, {"name": "x", "keep": 1}]}
    assert [(one.path, one.a, one.b) for one in differing(a, b)] == [
        ("load.rate", "1/s", None),
        ("load.scale", None, 2),
        ("stages", ["x", "y"], ["y", "x"]),
        ("stages.y.shares", [1, 2], [1, 3]),
    ]
    assert differing(a, a) == ()


@pytest.fixture
def folders(shardsim, tmp_path):
    """Directories of two runs, and the scenarios."""
    (tmp_path / "a.yaml").write_text(SMALL)
    (tmp_path / "b.yaml").write_text(SMALL.replace("exponential", "{kind: exponential}").replace("60/s", "55/s"))
    (tmp_path / "b.yaml").write_text(SMALL.replace("60/s", "55/s"))
    for name in ("a", "b"):
        assert shardsim("run", str(tmp_path / f"{name}.yaml"), "-q", "-o", str(tmp_path / name))[0] == 0
    return tmp_path


def test_run_directories_give_the_very_figures_of_their_scenarios(folders):
    expected = compare(folders / "a.yaml", folders / "b.yaml")
    for a, b in (("a", "b"), ("a.yaml", "b"), ("a", "b.yaml")):
        found = compare(folders / a, folders / b)
        for key in ("figures", "differs", "luck", "provenance", "notes"):
            assert found.to_dict()[key] == expected.to_dict()[key], (a, b, key)
    itself = compare(folders / "a", folders / "a", percentiles=(50, 99))
    assert {figure.word for figure in itself.figures} == {"no difference seen", "same"}


def test_a_run_is_read_back_whole(folders):
    from simulator.core.trace import same_trace

    side, result = read_run(folders / "a"), simulate(small())
    assert side.document == json.loads(json.dumps(result.to_dict()))
    for number, trace in result.traces.items():
        assert same_trace(trace, side.traces[number]) == ""


def test_a_run_with_every_kind_of_objective_is_read_back(tmp_path, shardsim):
    bounds = {"<": "1000h", ">": "1/s"}
    bounds_of = {
        "utilisation": "99%",
        "hottest": "99%",
        "availability": "1%",
        "failed_ratio": "99%",
        "shed_ratio": "99%",
        "partial_ratio": "99%",
        "coverage.mean": "1%",
        "hit_ratio": "1%",
    }
    bounds_of |= {"cost": "99 USD/h", "usd_per_million_queries": "9999 USD"}
    slos = ["p50 < 9s", "50% within 9s"]
    for name, measure in MEASURES.items():
        of = "stage.one." if measure.of == STAGE else ""
        slos.append(f"{of}{name} {measure.sign} {bounds_of.get(name, bounds[measure.sign])}")
    scenario = {**small("run.queries=200").resolved(), "slos": slos}
    scenario["stages"][0]["cache"] = {"size": 9, "popularity": {"kind": "zipf", "s": 1, "catalogue": 99}}
    (tmp_path / "every.yaml").write_text(json.dumps(scenario))
    code, _, err = shardsim("run", str(tmp_path / "every.yaml"), "-q", "-o", str(tmp_path / "every"))
    assert code in (0, 98), err
    side = read_run(tmp_path / "every")
    assert [slo["slo"] for slo in side.document["slos"]] == slos
    assert {slo["unit"] for slo in side.document["slos"]} == set(get_args(parts.Unit))
    code, out, err = shardsim("compare", str(tmp_path / "every"), str(tmp_path / "every.yaml"))
    assert code == 0, err
    assert all(slo in out for slo in slos)


def rewrite(folder, change):
    """The arrays of a directory, changed."""
    with np.load(folder / "queries.npz") as arrays:
        changed = change(dict(arrays))
    np.savez(folder / "queries.npz", **changed)


def summary(folder, change):
    document = json.loads((folder / "summary.json").read_text())
    change(document)
    (folder / "summary.json").write_text(json.dumps(document))


def claimed(folder, rows, in_directory=False):
    """The arrays of a directory, the last of which says that it has many rows, in the zip too."""
    name = "replication.npy"
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<i8", "fortran_order": False, "shape": (rows,)})
    with zipfile.ZipFile(folder / "queries.npz", "w") as archive:
        archive.writestr(name, head.getvalue())
        size = archive.getinfo(name)
        size.file_size += 8 * rows if in_directory else 0  # in the directory at the end


BROKEN = {
    "no summary": (lambda at: (at / "summary.json").unlink(), "is not the directory of a run: it has no summary.json"),
    "not json": (lambda at: (at / "summary.json").write_text("{"), "summary.json: is not JSON"),
    "binary": (lambda at: (at / "summary.json").write_bytes(b"\xff\xfe\x00"), "summary.json: is not JSON"),
    "a list": (lambda at: (at / "summary.json").write_text("[]"), "is not the summary of a run by this version"),
    "of a later schema": (lambda at: summary(at, lambda it: it.update(schema=2)), "has schema 2, not 1"),
    "another summary": (
        lambda at: (at / "summary.json").write_text('{"schema": 1, "capacity_per_s": 3}'),
        "is not the summary of a run by this version",
    ),
    "no queries": (lambda at: (at / "queries.npz").unlink(), "queries.npz: is missing; run it again"),
    "no counters": (
        lambda at: rewrite(at, lambda it: {key: value for key, value in it.items() if key != "busy_ns"}),
        "queries.npz: has no busy_ns: it was written by an earlier version",
    ),
    "cut off": (
        lambda at: (at / "queries.npz").write_bytes((at / "queries.npz").read_bytes()[:5000]),
        "queries.npz: is broken; run it again",
    ),
    "other queries": (
        lambda at: rewrite(at, lambda it: {**it, "leave_ns": it["leave_ns"] + 10**12}),
        "does not belong to the summary.json beside it",
    ),
    "fewer queries": (
        lambda at: rewrite(at, lambda it: {**it, "outcome": it["outcome"][:-1]}),
        "does not belong to the summary.json beside it",
    ),
    "other replications": (
        lambda at: rewrite(at, lambda it: {**it, "replication": it["replication"] + 1}),
        "does not belong to the summary.json beside it",
    ),
    "nothing measured": (
        lambda at: rewrite(at, lambda it: {**it, "measured": np.zeros_like(it["measured"])}),
        "does not belong to the summary.json beside it",
    ),
    "other types": (
        lambda at: rewrite(at, lambda it: {**it, "arrival_ns": it["arrival_ns"].astype(float)}),
        "does not belong to the summary.json beside it",
    ),
    "a claim of 80 GB": (lambda at: claimed(at, 10**10), "queries.npz: is broken; run it again"),
    "80 GB of nothing": (lambda at: claimed(at, 10**10, True), "queries.npz: its arrays would take 80 GB; there are"),
    "a pipe": (
        lambda at: ((at / "queries.npz").unlink(), os.mkfifo(at / "queries.npz")),
        "queries.npz: cannot be read: a pipe, and not a regular file",
    ),
    "objects": (
        lambda at: rewrite(at, lambda it: {**it, "outcome": it["outcome"].astype(object)}),
        "queries.npz: is broken; run it again",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_directory_is_refused(shardsim, folders, how):
    spoil, message = BROKEN[how]
    spoil(folders / "b")
    code, out, err = shardsim("compare", str(folders / "a"), str(folders / "b"))
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_a_flipped_bit_is_noticed(folders):
    file = folders / "a" / "queries.npz"
    with zipfile.ZipFile(file) as archive:
        at = archive.getinfo("leave_ns.npy").header_offset + 2000
    raw = bytearray(file.read_bytes())
    raw[at] ^= 1
    file.write_bytes(raw)
    with pytest.raises(ScenarioError, match="is broken"):
        read_run(folders / "a")


def test_queries_of_another_run_are_noticed(folders):
    shutil.copy(folders / "a" / "queries.npz", folders / "b" / "queries.npz")
    with pytest.raises(ScenarioError, match=r"does not belong to the summary\.json"):
        read_run(folders / "b")


def test_a_data_file_that_changed_is_said(tmp_path):
    (tmp_path / "arrivals.csv").write_text("t\n" + "\n".join(str(20 * i + i % 7) for i in range(2000)))
    trace = f"{{kind: trace, file: {tmp_path}/arrivals.csv, column: t, unit: ms}}"
    values = ("load={arrivals: " + trace + "}", "run={queries: 1500}")
    first = Side.of(simulate(small(*values)))
    (tmp_path / "arrivals.csv").write_text("t\n" + "\n".join(str(20 * i + i % 5) for i in range(2000)))
    found = compare(first, simulate(small(*values)))
    assert "a data file that both scenarios name held something else" in found.notes


def test_progress_goes_on_from_a_to_b():
    seen = []
    compare(small("run.queries=100"), small("run.queries=100", "load.rate=50/s"), progress=lambda *at: seen.append(at))
    assert [done for done, _, _ in seen] == list(range(1, 13))
    assert {planned for _, planned, _ in seen} == {12}
    events = [count for _, _, count in seen]
    assert events == sorted(events)
    assert len(set(events)) == 12


def stopped_after(replications: int, which: int):
    """Runs of which the ``which``-th is interrupted when so many replications are done."""
    calls = []

    def run_some(scenario, execution):
        calls.append(scenario)
        number = len(calls)

        def tell(done, planned, events):
            execution.tell(done, planned, events)
            if number == which and done == replications:
                raise KeyboardInterrupt

        return Run(scenario, dataclasses.replace(execution, progress=tell))

    return mock.patch.object(module, "Run", run_some)


def test_interrupted_in_b_what_is_finished_is_compared():
    with stopped_after(5, 2):
        found = compare(small(), small("load.rate=50/s"))
    assert found.exit_code == 130
    assert found.replications == (5, 5)
    assert found["mean"].word == "better"
    with stopped_after(2, 1), pytest.raises(KeyboardInterrupt):
        compare(small(), small("load.rate=50/s"))


def test_a_frame_and_a_table_for_notebooks(monkeypatch):
    found = compare(small(), small("load.rate=50/s"))
    made = []
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=lambda rows: made.append(rows) or "frame"))
    assert found.to_frame() == "frame"
    [rows] = made
    assert list(rows[0]) == [
        *("figure", "unit", "a", "b", "difference", "difference_low", "difference_high"),
        *("relative", "relative_low", "relative_high", "word"),
    ]
    assert [row["figure"] for row in rows] == [figure.figure for figure in found.figures]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'shardsim\[parquet\]'"):
        found.to_frame()
    assert "<td>p99</td>" in found._repr_html_()
    assert simulator.compare is compare
    assert isinstance(found, simulator.Comparison)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "a.yaml").write_text(SMALL)
    (tmp_path / "b.yaml").write_text(SMALL.replace("60/s", "55/s"))
    return SimpleNamespace(a=str(tmp_path / "a.yaml"), b=str(tmp_path / "b.yaml"), at=tmp_path)


def test_the_command_compares_files_and_changes(shardsim, files):
    code, out, err = shardsim("compare", files.a, files.b)
    assert (code, err) == (0, "")
    assert "load.rate  60/s  55/s" in out
    assert "6 replications of each, pairwise, on common luck" in out
    code, changed, _ = shardsim("compare", files.a, "--set-b", "load.rate=55/s")
    assert code == 0
    assert changed.splitlines()[3:] == out.splitlines()[3:]
    code, piped, _ = shardsim("compare", "-", "--set-b", "load.rate=55/s", stdin=SMALL)
    assert piped.splitlines()[3:] == out.splitlines()[3:]
    code, out, _ = shardsim(
        "compare", files.a, files.b, "--queries", "500", "--seed", "9", "--replications", "4", "--set", "load.scale=0.5"
    )
    assert out.splitlines()[0].endswith("seed 9, 4 x 500 queries: stable")
    assert out.splitlines()[1].endswith("seed 9, 4 x 500 queries: stable")


def test_json_is_what_python_gives(shardsim, files):
    code, out, _ = shardsim("compare", files.a, files.b, "--format", "json", "--percentiles", "50,95")
    assert code == 0
    document = json.loads(out)
    assert document == json.loads(json.dumps(compare(files.a, files.b, percentiles=(50, 95)).to_dict()))
    assert [row["figure"] for row in document["figures"]][:3] == ["mean", "p50", "p95"]


def test_a_narrow_terminal_loses_b_less_a_and_nothing_else():
    document = compare(small(), small("load.rate=50/s")).to_dict()
    wide, narrow = (re.sub(r"\x1b\[[0-9;]*m", "", compare_table(document, width, color=True)) for width in (200, 80))
    assert [line.rstrip() for line in wide.splitlines()] == compare_table(document).splitlines()
    assert "B - A" not in narrow
    assert "…" not in narrow
    assert all(figure["figure"] in narrow and figure["word"] in narrow for figure in document["figures"])


def test_a_list_of_differences_has_an_end():
    document = compare(small(), small()).to_dict()
    one = {"a": {"cores": list(range(99))}, "b": None}
    document["differs"] = [{"path": f"hardware.box{at}", **one} for at in range(23)]
    lines = compare_table(document).splitlines()
    assert lines[4].split() == ["differs", "A", "B"]
    assert lines[5] == 'hardware.box0   {"cores": [0, 1, 2, 3, 4, 5, 6, 7, 8,...  -'
    assert lines[24].startswith("hardware.box19")
    assert lines[25] == "... and 3 more"


@pytest.mark.parametrize(
    ("limits", "code", "word"),
    [
        (["p99=50%"], 0, "p99 at most 50 % higher"),
        (["completed=5%"], 99, "completed at most 5 % lower"),
        (["completed=5%", "p99=0%"], 99, "FAILED"),
        (["goodput=9%", "p99=0%"], 98, "inconclusive"),
    ],
)
def test_exit_codes_of_limits(shardsim, files, limits, code, word):
    found, out, _ = shardsim("compare", files.a, files.b, *(f"--max-regression={limit}" for limit in limits))
    assert found == code
    assert word in out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["{a}"], "give B, or --set-b PATH=VALUE"),
        (["-", "-"], "standard input can be read once"),
        (["{a}", "{b}", "--md", "--format", "json"], "--md prints a table: leave --format json out"),
        (["{a}", "{b}", "--max-regression", "p98=5%"], "--max-regression: no figure is called 'p98'; did you mean"),
        (["{a}", "{b}", "--max-regression", "p99"], "'p99' is not FIGURE=RATIO, like p99=5%"),
        (["{a}", "{b}", "--max-regression", "p99=fast"], "p99: 'fast' is not a ratio"),
        (["{a}", "{b}", "--max-regression", "p99=5%", "--max-regression", "p99=6%"], "two limits on p99"),
        (["{a}", "{b}", "--queries", "-3"], "--queries: must be at least 1, got -3\n1 error"),
        (
            ["{a}", "{b}", "--set-b", "stages.two.shard=2"],
            "--set-b: stages[1].shard: unknown key; did you mean 'shards'?",
        ),
        (["nowhere.yaml", "elsewhere.yaml"], "2 errors"),
        (["{a}", "{at}"], "is not the directory of a run: it has no summary.json"),
    ],
)
def test_wrong_usage_exits_with_2(shardsim, files, args, message):
    code, out, err = shardsim("compare", *(arg.format(a=files.a, b=files.b, at=files.at) for arg in args))
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_a_run_is_as_it_is(shardsim, folders):
    a, b = str(folders / "a"), str(folders / "b")
    code, _, err = shardsim("compare", a, b, "--queries", "100")
    assert code == 2
    assert "nothing is simulated: A and B are run directories" in err
    code, _, err = shardsim("compare", a, b, "--set-b", "load.rate=50/s")
    assert code == 2
    assert f"--set-b: {b} is a run directory; only a scenario can be changed" in err
    code, out, _ = shardsim("compare", a, str(folders / "b.yaml"), "--seed", "6")
    assert code == 0
    assert "not on common luck: seed 5 against 6" in out


def test_an_interruption_before_there_is_anything_says_so(shardsim, files):
    with stopped_after(2, 1):
        code, out, err = shardsim("compare", files.a, files.b)
    assert (code, out) == (130, "")
    assert "interrupted before there was anything to compare" in err
    with stopped_after(4, 2):
        code, out, _ = shardsim("compare", files.a, files.b)
    assert code == 130
    assert "4 replications of each" in out


CLASSES = "load.classes=[{name: people, share: 2, priority: 1}, {name: crawlers, share: 1, work: 4}]"
BY_PRIORITY = (CLASSES, "stages.one.queue=priority", "run.queries=3000")


@slow
def test_classes_of_the_same_name_are_compared_as_the_whole_is(tmp_path):
    """Values are those of a run; a gap is that of paired replications; of saved runs, too."""
    a, b = small(*BY_PRIORITY), small(CLASSES, "run.queries=3000")
    write_run(simulate(a), tmp_path / "a", 1)
    found, saved = compare(a, b, percentiles=(50, 90)), compare(tmp_path / "a", b, percentiles=(50, 90))
    assert found.to_dict()["figures"] == saved.to_dict()["figures"]
    for side, scenario in (("a", a), ("b", b)):
        for one in simulate(scenario, percentiles=(50, 90)).to_dict()["classes"]:
            seen = {what: getattr(found[f"class.{one['name']}.{what}"], side).value for what in ("mean", "p50", "p90")}
            assert seen == pytest.approx({what: one["latency_s"][what]["value"] for what in seen}, rel=1e-12)
    assert [found[f"class.{name}.mean"].word for name in ("people", "crawlers")] == ["worse", "better"]
    by_hand = []
    for scenario in (a, b):
        traces = simulate(scenario).traces
        of = {number: drawn_classes(scenario, number, len(one.arrival_ns)) for number, one in traces.items()}
        sums = []
        for number, trace in traces.items():
            of_people = np.arange(len(of[number])) >= trace.first_measured
            of_people &= of[number] == 0
            spent = (trace.completion_ns - trace.arrival_ns)[of_people]
            sums.append((spent.sum() * 1e-9, len(spent)))
        by_hand.append(ratio_left_out(*zip(*sums, strict=True)))
    gap = paired(*by_hand).absolute
    assert ends(found["class.people.mean"]) == pytest.approx((gap.value, gap.low, gap.high), rel=1e-9)
    text = compare_table(found.to_dict(), 80)
    assert "class.people.mean" in text
    assert all(len(line) <= 80 for line in text.splitlines() if line.startswith("class."))


def test_only_common_classes_are_compared():
    """By name, whatever their shares; what one side lacks is said; a limit may be on a class."""
    a = small(CLASSES, "run.queries=200")
    b = small("load.classes=[{name: people, share: 1}, {name: bots, share: 1}]", "run.queries=200")
    found = compare(a, b, limits={"class.people.mean": 10.0})
    names = {figure.figure.split(".")[1] for figure in found.figures if figure.figure.startswith("class.")}
    assert names == {"people"}
    assert found.limits[0].met
    assert "only A has class crawlers" in found.notes
    assert "only B has class bots" in found.notes
    assert not any(one.figure.startswith("class.") for one in compare(a, small("run.queries=200")).figures)
    with pytest.raises(ValueError, match=r"no figure is called 'class\.bots\.mean'"):
        compare(a, b, limits={"class.bots.mean": 0.1})
    rare = small("load.classes=[{name: people, share: 1}, {name: bots, share: 1e-9}]", "run.queries=200")
    of_none = compare(rare, b)["class.bots.p50"]
    assert (of_none.word, of_none.reason) == ("not known", "A: a replication has no query of the class")


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it["classes"][0].update(queries=1),
        pytest.param(lambda it: it["classes"][0].update(name="others"), marks=slow),
        pytest.param(lambda it: it["classes"].pop(), marks=slow),
        pytest.param(lambda it: it["provenance"]["resolved"]["load"].pop("classes"), marks=slow),
        pytest.param(lambda it: it["provenance"]["resolved"]["load"]["classes"][0].update(share=0), marks=slow),
        pytest.param(lambda it: it["provenance"]["resolved"]["load"]["classes"][0].update(share="most"), marks=slow),
        pytest.param(lambda it: it["provenance"]["resolved"]["load"]["classes"][0].update(share=3), marks=slow),
        lambda it: it["classes"][0].update(latency_s=1),
    ],
)
def test_a_saved_run_whose_classes_do_not_belong_together_is_refused(change, tmp_path):
    write_run(simulate(small(CLASSES, "run.queries=100")), tmp_path / "run", 1)
    file = tmp_path / "run" / "summary.json"
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))
    with pytest.raises(ScenarioError, match=r"does not belong|is not the summary"):
        read_run(tmp_path / "run")
