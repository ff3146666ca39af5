"""Sweeps: rows, files, figures; and that neither kills nor who does the work change a byte of the table."""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import psutil
import pytest
from conftest import ROOT, SLOW, slow

from simulator import ContradictionError, ScenarioError, load_scenario, simulate, sweep
from simulator.base.errors import LostWorkerError, Problem
from simulator.planning.journal import Journal, checksum
from simulator.planning.questions import questions
from simulator.planning.rows import columns_of
from simulator.report import folders
from simulator.report.sweep import sweep_csv
from simulator.report.sweep_figure import sweep_drawn, sweep_figures

TINY = """
name: tiny
load: {rate: 40/s}
run: {queries: 100, replications: 4}
stages:
  - name: a
    candidates: 10
    model: {kind: linear, per_item: 1ms}
    variability: {task: {kind: exponential}}
slos: [p90 < 60ms, stage.a.utilisation < 70%]
"""
#: A sweep of 200 points; of 60 in CI.
RATES, MOST = (20, 10) if SLOW else (12, 5)
PARAMS = ["--param", f"load.rate=5/s..90/s*{RATES}", "--param", f"stages.a.shards=1..{MOST}", "--percentiles", "50"]
POINTS = RATES * MOST


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return str(path)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The table of the sweep, uninterrupted, in one process."""
    path = tmp_path_factory.mktemp("sweep") / "tiny.yaml"
    path.write_text(TINY)
    shards, rates = {"stages.a.shards": f"1..{MOST}"}, {"load.rate": f"5/s..90/s*{RATES}"}
    return sweep_csv(sweep(load_scenario(path), rates | shards, percentiles=[50]).to_dict())


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def lines_in(journal):
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


@contextmanager
def command(*args):
    """The command in a process group of its own, which is killed in the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", *args], cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stderr.close()


def wait_for(is_so, process):
    """Wait until something is so; not for a time, but for as long as the process runs."""
    while not is_so():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.002)


def test_a_row_says_what_a_run_of_the_point_says(tiny):
    found = sweep(load_scenario(tiny), {"load.rate": ["20/s", "80/s"], "stages.a.shards": [1, 2]})
    assert found.exit_code == 0, "objectives that are not met at some points are an answer"
    assert [(row["point"], row["load.rate"], row["stages.a.shards"]) for row in found.rows] == [
        (0, "20/s", 1),
        (1, "20/s", 2),
        (2, "80/s", 1),
        (3, "80/s", 2),
    ]
    row = found.rows[2]
    said = simulate(load_scenario(tiny, sets=["load.rate=80/s"])).to_dict()
    assert row["rate_per_s"] == 80
    assert row["bottleneck_demand"] == pytest.approx(0.8)
    assert row["hottest_utilisation"] == said["stages"][0]["utilisation"]["max"]
    light, said_light = found.rows[0], simulate(load_scenario(tiny, sets=["load.rate=20/s"])).to_dict()
    for name in ("value", "low", "high"):
        end = "" if name == "value" else f"_{name}"
        assert light[f"latency_p50_s{end}"] == said_light["latency_s"]["p50"][name]
        assert row[f"completed_per_s{end}"] == said["completed_per_s"][name]
    assert row["latency_p99.9_s"] is None is said["latency_s"]["p99.9"], "what is not supported is not there"
    assert row["slo: stage.a.utilisation < 70%"] == row["slos_met"] == "failed"
    assert found.rows[1]["slos_met"] == "met"
    assert (row["machines"], row["usd_per_h"], row["error"]) == (1, None, None)


def test_percentiles_of_objectives_are_in_the_table(tiny):
    found = sweep(load_scenario(tiny), {"run.seed": [1]}, percentiles=[50])
    assert "latency_p90_s" in found.columns
    assert found.to_dict()["aim"] == {"percentile": "p90", "bound_s": 0.06, "slo": "p90 < 60ms"}


def test_points_have_the_same_luck(tiny):
    found = sweep(load_scenario(tiny), {"load.scale": [1, 2]}, percentiles=[50])
    fewer, more = found.rows
    assert more["latency_mean_s"] > fewer["latency_mean_s"]
    assert more["offered_per_s"] == pytest.approx(2 * fewer["offered_per_s"], rel=1e-6)


@slow
def test_the_table_does_not_depend_on_the_number_of_processes(tiny, shardsim, table):
    code, out, _ = shardsim("sweep", tiny, *PARAMS, "--jobs", "2", "--format", "csv")
    assert (code, out) == (0, table)
    assert len(rows_of(table)) == POINTS


def test_a_block_in_the_file_is_swept_and_options_take_its_place(tiny, shardsim):
    Path(tiny).write_text(TINY + "sweep:\n  stages.a.shards: [1, 2]\n  load.rate: 10/s..30/s*3\n")
    rows = rows_of(shardsim("sweep", tiny, "--jobs", "1", "--format", "csv")[1])
    assert [(row["stages.a.shards"], row["load.rate"]) for row in rows[:2]] == [("1", "10/s"), ("1", "20/s")]
    assert len(rows) == 6
    args = ["--param", "stages.a.shards=3", "--param", "run.seed=1,2"]
    document = json.loads(shardsim("sweep", tiny, *args, "--jobs", "1", "--format", "json")[1])
    assert list(document["provenance"]["parameters"]) == ["stages.a.shards", "load.rate", "run.seed"]
    assert {row["stages.a.shards"] for row in document["points"]} == {3}
    assert shardsim("run", tiny, "--jobs", "1")[0] in (0, 98)


def test_a_file_named_in_a_block_is_found_beside_the_scenario(tmp_path, monkeypatch):
    folder = tmp_path / "deep"
    folder.mkdir()
    (folder / "gaps.csv").write_text("\n".join(f"{0.01 * i}" for i in range(200)))
    text = TINY.replace("load: {rate: 40/s}", "load: {arrivals: {kind: trace, file: gaps.csv}}")
    block = "sweep: {load.arrivals.file: [gaps.csv, ./other.csv]}\n"
    (folder / "other.csv").write_text((folder / "gaps.csv").read_text())
    (folder / "s.yaml").write_text(text + block)
    monkeypatch.chdir(tmp_path)
    found = sweep(load_scenario("deep/s.yaml", sets=["run.queries=50"]), percentiles=[50])
    assert [row["error"] for row in found.rows] == [None, None]


def test_what_is_wrong_with_any_point_is_told_before_anything_runs(tiny, shardsim, tmp_path, monkeypatch):
    monkeypatch.setattr("simulator.planning.sweep.simulate", None)
    out = str(tmp_path / "out")
    args = ["--param", "stages.a.shards=0,1", "--param", "load.rate=5,10/s", "--param", "stages.a.shard=1"]
    code, printed, err = shardsim("sweep", tiny, *args, "-o", out)
    assert (code, printed) == (2, "")
    assert err.splitlines() == [
        "--param: load.rate: a rate needs a unit, got 5; write '5/s' (1200/s, 1.2k/s, 50k/min) "
        "(2 points, the first at stages.a.shards=0, load.rate=5, stages.a.shard=1)",
        "--param: stages[0].shard: unknown key; did you mean 'shards'?",
        "--param: stages[0].shards: must be at least 1, got 0 "
        "(2 points, the first at stages.a.shards=0, load.rate=5, stages.a.shard=1)",
        "3 errors",
    ]
    assert not Path(out).exists()


def test_a_fleet_that_does_not_fit_is_found_before_anything_runs(monkeypatch):
    monkeypatch.setattr("simulator.planning.sweep.simulate", None)
    scenario = load_scenario(ROOT / "scenarios/recommendation.yaml")
    values = {"hardware.gpu.memory": ["24 GB", "4 GB"], "stages.deep_ranking.replicas": [1, 2]}
    with pytest.raises(ScenarioError, match=r"2 points, the first at hardware.gpu.memory=4 GB") as error:
        sweep(scenario, values)
    assert len(error.value.problems) == 1
    with pytest.raises(ScenarioError, match="the trace has"):
        sweep(load_scenario(ROOT / "scenarios/trace_replay.yaml"), {"run.queries": ["1", "1G"]})


def test_many_problems_are_not_all_told(tiny):
    with pytest.raises(ScenarioError, match="10 more problems"):
        sweep(load_scenario(tiny), {"stages.a.replicas": [f"{i}x" for i in range(30)]})


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "sweep: nothing to vary; give --param PATH=VALUES"),
        (["--param", "a"], "'a' is not PATH=VALUES"),
        (["--param", "run.seed=1", "-o", "x", "--resume", "y"], "give one of them"),
        (["--param", "run.seed=1", "--resume", "nowhere"], "nowhere: holds no sweep to resume"),
        (["--param", "run.seed=1", "--queries", "x"], "--queries: 'x' is not a count"),
        (["--param", "run.seed=1,2", "--cluster", "nonsense"], "'nonsense' is not the address of a Dask scheduler"),
    ],
)
def test_wrong_usage_exits_with_2_and_leaves_nothing(tiny, shardsim, args, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, out, err = shardsim("sweep", tiny, *args)
    assert (code, out) == (2, "")
    assert message in err
    if "--cluster" in args:
        assert shardsim("sweep", tiny, *args, "-o", "new")[0] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]


def answer_but(error, at):
    """``simulate``, but for a point with so many shards."""

    def answer(scenario, **options):
        if scenario.stages[0].shards == at:
            raise error
        return simulate(scenario, **options)

    return answer


@pytest.mark.parametrize(("error", "expected"), [(ContradictionError("laws\nbroken"), 99), (None, 2)])
def test_a_point_without_an_answer_is_a_row_that_says_so(tiny, shardsim, monkeypatch, error, expected):
    error = error or load_error()
    monkeypatch.setattr("simulator.planning.sweep.simulate", answer_but(error, 2))
    args = ["sweep", tiny, "--param", "stages.a.shards=1..3", "--jobs", "1"]
    code, out, _ = shardsim(*args)
    assert code == expected
    assert f"no answer at stages.a.shards=2: {type(error).__name__}: " in out
    rows = rows_of(shardsim(*args, "--format", "csv")[1])
    assert [bool(row["error"]) for row in rows] == [False, True, False]
    said = {name for name, cell in rows[1].items() if cell}
    assert said == {"point", "stages.a.shards", "error"}, "it has not failed, it has no answer"


def load_error():
    return ScenarioError([Problem("tiny.yaml", 0, 0, "load", "the backlog grows beyond 146 years")])


def test_a_point_that_ends_its_workers_is_named(tiny, monkeypatch):
    def lost(*args, **options):
        raise LostWorkerError(1, "piece 1 of the work")
        yield

    monkeypatch.setattr("simulator.planning.sweep.execute", lost)
    with pytest.raises(LostWorkerError, match=r"point 1 \(stages.a.shards=2\) ended its worker again and again"):
        sweep(load_scenario(tiny), {"stages.a.shards": [1, 2]})


def test_a_directory_holds_the_table_its_provenance_and_figures(tiny, shardsim, tmp_path):
    folder = tmp_path / "out" / "sweep"
    args = ["sweep", tiny, "--param", "load.rate=10/s..50/s*3", "--param", "stages.a.shards=1,2", "--jobs", "1"]
    code, out, _ = shardsim(*args, "-o", str(folder))
    assert code == 0
    assert f"written to {folder}" in out
    drawn = {f"{name}.{kind}" for name in ("hockey_stick", "heat_map") for kind in ("png", "svg")}
    assert {path.name for path in folder.iterdir()} == {
        *drawn,
        "sweep.yaml",
        "journal.jsonl",
        "results.csv",
        "results.parquet",
    }
    assert (folder / "heat_map.png").read_bytes().startswith(b"\x89PNG")
    asked = (folder / "sweep.yaml").read_text()
    assert "load.rate: [10/s, 30/s, 50/s]" in asked
    assert "seed: 1" in asked
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert shardsim(*args, "-o", str(folder))[0] == 2, "never over another one"
    (folder / "results.csv").unlink()
    assert shardsim(*args, "--resume", str(folder))[:2] == (0, out)
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name for name in before if before[name] != after[name]} <= {"results.parquet"}


def test_files_that_cannot_be_written_are_said_and_the_points_kept(begun, shardsim):
    folder, resume = begun
    (folder / "results.csv").unlink()
    (folder / "results.csv").mkdir()
    code, _, err = shardsim(*resume)
    assert code == 2
    assert err == f"{folder}: cannot be written: Is a directory; go on with --resume {folder}\n"
    (folder / "results.csv").rmdir()
    assert shardsim(*resume) == (0, "", "")
    assert (folder / "results.csv").exists()


def test_a_figure_that_cannot_be_drawn_leaves_the_table(tiny, shardsim, tmp_path, monkeypatch):
    folder, args = tmp_path / "out", ["sweep", tiny, "--param", "stages.a.shards=1,2", "--jobs", "1"]
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr("simulator.report.folders.sweep_figures", mock.Mock(side_effect=full))
    code, out, err = shardsim(*args, "-o", str(folder), "--format", "csv")
    assert code == 2
    assert err == f"{folder}: cannot be written: No space left on device; go on with --resume {folder}\n"
    assert (folder / "results.csv").read_text() == out


@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_a_directory_that_is_removed_meanwhile_loses_no_answer(tiny, shardsim, tmp_path, monkeypatch, quiet):
    folder = tmp_path / "out"

    def answer(scenario, **options):
        shutil.rmtree(folder, ignore_errors=True)
        return simulate(scenario, **options)

    monkeypatch.setattr("simulator.planning.sweep.simulate", answer)
    args = ["sweep", tiny, "--param", "stages.a.shards=1,2", "--jobs", "1", "--format", "json"]
    code, out, err = shardsim(*args, "-o", str(folder), *quiet)
    assert code == 2
    assert len(json.loads(out)["points"]) == 2
    assert err == f"{folder}: cannot be written: No such file or directory\n"


def test_of_two_that_begin_at_once_one_has_the_directory(tiny, shardsim, tmp_path, monkeypatch):
    """The other began after this one had looked; later ones are refused before anything."""
    folder = tmp_path / "out"
    monkeypatch.setattr("simulator.cli.answers.refuse_folder", lambda _: None)
    asked = questions(load_scenario(tiny), {"stages.a.shards": "1..4"}, [50])
    folders.begin_sweep(asked, folder)
    mine = (folder / "sweep.yaml").read_bytes()
    code, out, err = shardsim("sweep", tiny, *PARAMS, "-o", str(folder))
    assert (code, out) == (2, "")
    assert err == f"{folder}: cannot be written: exists and is not an empty directory\n"
    assert (folder / "sweep.yaml").read_bytes() == mine


#: Python, too, would write what it compiled, and half of it would be read by whoever is next.
FULL = """
import resource, sys
sys.dont_write_bytecode = True
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
"""


@slow
@pytest.mark.parametrize("room", [1_000, pytest.param(12_000, marks=slow)])
def test_a_disk_that_is_full_is_said_with_what_is_kept_and_how_to_go_on(tiny, shardsim, tmp_path, table, room):
    """A file of so many bytes at most; what stands there afterwards is gone on with."""
    folder = tmp_path / "out"
    code = f"{FULL}from simulator.cli import main; sys.argv[0] = 'shardsim'; main()"
    asked = ["sweep", tiny, *PARAMS, "-o", str(folder)]
    ended = subprocess.run(
        [sys.executable, "-c", code, str(room), *asked], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    if room == 1_000:
        assert ended.stderr == f"{folder}: cannot be written: File too large\n" and not folder.exists()
        return
    kept = lines_in(folder / "journal.jsonl")
    told = f"{kept} of {POINTS} points are kept; make room, then go on with --resume {folder}\n"
    assert ended.stderr == f"{folder / 'journal.jsonl'}: cannot be written: File too large; {told}"
    assert 0 < kept < POINTS
    assert shardsim("sweep", tiny, *PARAMS, "--resume", str(folder), "-q") == (0, "", "")
    assert (folder / "results.csv").read_text() == table


def test_frames_and_parquet_hold_the_same_rows(tiny, shardsim, tmp_path):
    pandas = pytest.importorskip("pandas")
    values = {"stages.a.shards": [1, "2"], "run.warmup": ["auto", 20]}
    found = sweep(load_scenario(tiny), values, percentiles=[50, 99.9])
    frame = found.to_frame()
    assert list(frame.columns) == found.columns
    assert list(frame["run.warmup"]) == ["auto", "20"] * 2
    assert frame["replications"].dtype == "Int64"
    assert frame["latency_p50_s"].tolist() == [row["latency_p50_s"] for row in found.rows]
    assert frame["latency_p99.9_s"].isna().all()
    assert frame["latency_p99.9_s"].dtype == "float64"
    folder = tmp_path / "out"
    args = ["--param", "stages.a.shards=1,2", "--param", "run.warmup=auto,20", "--percentiles", "50,99.9"]
    assert shardsim("sweep", tiny, *args, "--jobs", "1", "-q", "-o", str(folder)) == (0, "", "")
    read = pandas.read_parquet(folder / "results.parquet")
    assert read["latency_p50_s"].tolist() == frame["latency_p50_s"].tolist()
    assert list(read["run.warmup"]) == ["auto", "20"] * 2
    assert "<td>auto</td>" in found._repr_html_()


def test_no_pandas_no_frame(tiny, shardsim, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    found = sweep(load_scenario(tiny), {"run.seed": [1]}, percentiles=[50])
    with pytest.raises(ImportError, match=r"pip install 'shardsim\[parquet\]'"):
        found.to_frame()
    folder = tmp_path / "out"
    assert shardsim("sweep", tiny, "--param", "run.seed=1", "--jobs", "1", "-q", "-o", str(folder))[0] == 0
    assert {path.name for path in folder.iterdir()} == {"sweep.yaml", "journal.jsonl", "results.csv"}


def test_columns_are_those_of_all_rows_in_order():
    rows = [{"a": 1, "c": 2, "error": None}, {"a": 1, "b": 3, "c": 4, "error": None}, {"error": "no"}]
    assert columns_of(rows) == ["a", "b", "c", "error"]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"load.rate": "auto*3"}, {"hockey_stick"}),
        ({"load.rate": "auto*3", "stages.a.shards": "1..2"}, {"hockey_stick"}),
        ({"load.scale": [1, 2], "stages.a.shards": "1..2", "stages.a.replicas": [1, 2]}, {"hockey_stick", "heat_map"}),
        ({"stages.a.shards": "1..3"}, {"latency"}),
        ({"stages.a.routing": ["random", "round_robin"]}, {"latency"}),
        ({"stages.a.shards": [1]}, set()),
    ],
)
def test_figures_are_of_what_was_varied(tiny, values, names):
    found = sweep(load_scenario(tiny), values, percentiles=[50]).to_dict()
    drawn = sweep_figures(found)
    assert set(drawn) == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    assert all(b"<svg" in figure for name, figure in drawn.items() if name.endswith("svg"))
    for row in found["points"]:
        row["error"] = "no answer"
    assert sweep_figures(found) == {}


@slow
def test_a_figure_has_its_lines_intervals_and_objective(tiny):
    found = sweep(load_scenario(tiny), {"load.rate": "auto*3", "stages.a.shards": "1..2"}, percentiles=[50]).to_dict()
    drawn = sweep_figures(found)["hockey_stick.svg"].decode()
    for text in ("p90 &lt; 60ms", "p90, stages.a.shards", "mean load, queries a second"):
        assert text in drawn
    assert sweep_figures(found)["hockey_stick.svg"].decode() == drawn, "the same bytes for the same sweep"


def test_a_figure_marks_what_has_no_figure(tiny):
    """Points that failed, saturated ones, and those with too few queries are not left out without a word."""
    values = {"load.rate": ["5/s", "10/s", "1000/s"], "stages.a.shards": [1, 2]}
    found = sweep(load_scenario(tiny), values, percentiles=[50]).to_dict()
    [lost, few] = [row for row in found["points"] if row["load.rate"] == "10/s"]
    for column in list(lost):
        if column not in (*values, "index"):
            del lost[column]
    lost["error"] = "ScenarioError: does not fit"
    few |= {"latency_p90_s": None, "latency_p90_s_low": None, "latency_p90_s_high": None}
    [axes, *_] = sweep_drawn(found)["hockey_stick"].axes
    assert "no p90: failed, too few, saturated" in axes.get_legend_handles_labels()[1]
    marked = [line.get_xdata().tolist() for line in axes.lines if line.get_marker() == "x" and len(line.get_xdata())]
    assert marked == [[10, 1000], [10, 1000]]
    for row in found["points"]:
        row["load.scale"] = row.pop("load.rate").removesuffix("/s")
    found["provenance"]["parameters"] = {"load.scale": [], "stages.a.shards": []}
    [axes, bar] = sweep_drawn(found)["heat_map"].axes
    assert [text.get_text().split("\n")[0] for text in axes.texts].count("failed") == 1
    assert bar.get_yticks().size


@pytest.mark.parametrize(("loads", "is_shown"), [(("5/s", "60/s"), False), (("5/s", "80/s"), True)])
def test_saturation_is_in_the_figure_where_its_label_says_so(tiny, loads, is_shown):
    """It is 100/s here."""
    found = sweep(load_scenario(tiny), {"load.rate": loads}, percentiles=[50]).to_dict()
    [axes] = sweep_drawn(found)["hockey_stick"].axes
    dotted = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"]
    assert set(dotted) == {100.0}
    assert (dotted[0] < axes.get_xlim()[1], "dotted" in axes.get_xlabel()) == (is_shown, is_shown)


def test_colours_of_a_map_have_ticks_that_differ(tiny):
    found = sweep(load_scenario(tiny), {"load.rate": ["5/s", "6/s"], "stages.a.shards": [1, 2]}, percentiles=[50])
    document = found.to_dict()
    for row in document["points"]:
        row["latency_p90_s"] = 0.371  # all alike
    [_, bar] = sweep_drawn(document)["heat_map"].axes
    bar.figure.draw_without_rendering()
    low, high = bar.get_ylim()
    told = [
        text.get_text() for text, at in zip(bar.get_yticklabels(), bar.get_yticks(), strict=True) if low <= at <= high
    ]
    assert len(told) == len(set(told)) > 1


@slow
def test_a_sweep_that_is_killed_three_times_is_the_same_sweep(tiny, tmp_path, table):
    """Killed with its workers, wherever it happens to be; between two kills it may be anywhere in a point."""
    folder = tmp_path / "out"
    journal = folder / "journal.jsonl"
    kills = sorted(random.Random(os.getpid()).sample(range(1, POINTS - 1), 3))
    args = ["sweep", tiny, *PARAMS, "--jobs", "2", "-q"]
    for place, lines in enumerate(kills):
        with command(*args, "--resume" if place else "-o", str(folder)) as process:
            wait_for(lambda lines=lines: lines_in(journal) >= lines, process)
            if place == 0:  # its workers are not killed: they see that it is gone
                workers = psutil.Process(process.pid).children()
                process.kill()
                assert len(psutil.wait_procs(workers, timeout=60)[0]) == len(workers) >= 2
            else:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert not (folder / "results.csv").exists(), kills
    with command(*args, "--resume", str(folder)) as process:
        assert process.wait() == 0, process.stderr.read()
    assert (folder / "results.csv").read_text() == table, kills
    points = [json.loads(line)["point"] for line in journal.read_text().splitlines()]
    assert sorted(points) == list(range(POINTS)), "none lost, none repeated"


@contextmanager
def cluster(workers, port_file):
    """A Dask scheduler and workers of one thread on loopback, each a process; a lost task is told at once."""
    env = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0", "PYTHONWARNINGS": "ignore"}
    common = {"cwd": ROOT, "env": env, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    quiet = ["--no-dashboard", "--host", "127.0.0.1"]
    dask = [sys.executable, "-m", "dask"]
    scheduler = ["scheduler", "--port", "0", "--scheduler-file", str(port_file)]
    processes = [subprocess.Popen([*dask, *scheduler, *quiet], **common)]
    try:
        worker = ["worker", "--scheduler-file", str(port_file), "--nthreads", "1", "--no-nanny"]
        processes += [subprocess.Popen([*dask, *worker, *quiet], **common) for _ in range(workers)]
        while not (port_file.exists() and port_file.read_text().endswith("}")):
            assert all(process.poll() is None for process in processes)
            time.sleep(0.01)
        yield json.loads(port_file.read_text())["address"], processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


LAST = """
import os, sys
from simulator.base.errors import LostWorkerError
from simulator.running.execute import execute
from simulator.running.execution import Execution
try:
    list(execute(os._exit, [3], Execution(cluster=sys.argv[1])))
except LostWorkerError as error:
    print(error)
"""


@slow
def test_a_cluster_that_loses_a_worker_gives_the_same_table(tiny, tmp_path, table):
    pytest.importorskip("distributed")
    folder = tmp_path / "out"
    with cluster(3, tmp_path / "scheduler.json") as (address, workers):
        with command("sweep", tiny, *PARAMS, "--cluster", address, "-q", "-o", str(folder)) as process:
            wait_for(lambda: lines_in(folder / "journal.jsonl") >= 60, process)
            workers[0].kill()
            assert process.wait() == 0, process.stderr.read()
        assert (folder / "results.csv").read_text() == table
        assert workers[1].poll() is None
        last = [sys.executable, "-c", LAST, address]
        found = subprocess.run(last, cwd=ROOT, capture_output=True, text=True, check=False)
        assert "of the work ended its worker again and again" in found.stdout, found.stderr


@pytest.fixture
def begun(tiny, shardsim, tmp_path):
    """A small sweep in a directory, and the command that resumes it."""
    folder = tmp_path / "out"
    args = ["sweep", tiny, "--param", "stages.a.shards=1..4", "--jobs", "1", "--percentiles", "50", "-q"]
    assert shardsim(*args, "-o", str(folder))[0] == 0
    return folder, [*args, "--resume", str(folder)]


@slow
def test_a_line_that_was_being_written_is_written_again(begun, shardsim):
    folder, resume = begun
    table = (folder / "results.csv").read_bytes()
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    torn = random.Random(os.getpid()).randrange(1, len(lines[3]))
    for end in (lines[3][:torn], lines[3][:-1], b"\x00" * 100_000, b"\x00\x00\x00\n", b"{}\n", b""):
        (folder / "journal.jsonl").write_bytes(b"".join(lines[:3]) + end)
        (folder / "results.csv").unlink()
        assert shardsim(*resume) == (0, "", "")
        assert (folder / "results.csv").read_bytes() == table
        assert (folder / "journal.jsonl").read_bytes() == b"".join(lines)


def test_a_journal_that_is_a_link_is_refused(begun, shardsim, tmp_path):
    """What it leads to would be written over."""
    folder, resume = begun
    (tmp_path / "victim").write_text("one line\n")
    (folder / "journal.jsonl").unlink()
    (folder / "journal.jsonl").symlink_to(tmp_path / "victim")
    code, _, err = shardsim(*resume)
    assert (code, (tmp_path / "victim").read_text()) == (2, "one line\n")
    assert "journal.jsonl: is a link" in err


def test_a_journal_that_is_damaged_is_refused(begun, shardsim):
    folder, resume = begun
    journal = folder / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + b"rubbish\n" + b"".join(lines[2:]))
    code, _, err = shardsim(*resume)
    assert code == 2
    assert "journal.jsonl:2: is damaged" in err
    journal.write_bytes(lines[0].replace(b'"stages.a.shards": 1', b'"stages.a.shards": 7') + lines[1])
    code, _, err = shardsim(*resume)
    assert code == 2
    assert "journal.jsonl:1: is damaged" in err
    entry = json.loads(lines[0])
    del entry["crc32"]
    entry["values"]["stages.a.shards"] = 7
    journal.write_text(json.dumps({**entry, "crc32": checksum(entry)}) + "\n")
    code, _, err = shardsim(*resume)
    assert code == 2
    assert "journal.jsonl:1: is not a point of this sweep" in err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--set", "stages.a.replicas=2"], "resolved.stages[0].replicas: 1 then, 2 now"),
        (["--seed", "2"], "seed: 1 then, 2 now"),
        (["--param", "run.warmup=0"], "parameters.run.warmup: not there then, [0] now"),
        (["--percentiles", "50,75"], "percentiles: [50.0, 90.0] then, [50.0, 75.0, 90.0] now"),
    ],
)
def test_a_changed_sweep_is_refused_with_what_differs(begun, shardsim, more, said):
    folder, resume = begun
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, out, err = shardsim(*resume, *more)
    assert (code, out) == (2, "")
    assert err.startswith(f"{folder}: is another sweep, and is not resumed:\n")
    assert said in err
    assert "sha256" not in err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@slow
def test_another_version_is_refused_and_another_python_is_not(begun, shardsim, monkeypatch):
    _, resume = begun
    from simulator.running.provenance import versions

    now = versions()
    monkeypatch.setattr("simulator.planning.questions.versions", lambda: {**now, "python": "3.99"})
    assert shardsim(*resume)[0] == 0
    monkeypatch.setattr("simulator.planning.questions.versions", lambda: {**now, "shardsim": "0.0.1"})
    code, _, err = shardsim(*resume)
    assert code == 2
    assert f"versions.shardsim: {now['shardsim']} then, 0.0.1 now" in err


def test_a_changed_file_of_the_scenario_is_refused(shardsim, tmp_path):
    for name in ("scenarios/trace_replay.yaml", "scenarios/data/bursty.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    folder = tmp_path / "out"
    args = ["sweep", str(tmp_path / "scenarios/trace_replay.yaml"), "--param", "run.seed=1", "--jobs", "1", "-q"]
    args += ["--replications", "1", "--queries", "100"]
    assert shardsim(*args, "-o", str(folder))[0] == 0
    with (tmp_path / "scenarios/data/bursty.csv").open("a") as file:
        file.write("99999\n")
    code, _, err = shardsim(*args, "--resume", str(folder))
    assert code == 2
    assert "a file that the scenario names holds something else" in err


@slow
def test_one_process_at_a_time_is_at_work_on_a_sweep(begun, shardsim):
    folder, resume = begun
    asked = questions(load_scenario(resume[1]), {"stages.a.shards": "1..4"}, [50])
    journal = Journal(folder, asked)
    with command(*resume) as process:
        assert process.wait() == 2
        assert "another process is at work on this sweep" in process.stderr.read()
    journal.close()
    assert shardsim(*resume)[0] == 0


def test_a_point_that_was_interrupted_is_not_a_row(tiny, shardsim, monkeypatch):
    def answer(scenario, **options):
        result = simulate(scenario, **options)
        return replace(result, interrupted=scenario.stages[0].shards == interrupt_at)

    monkeypatch.setattr("simulator.planning.sweep.simulate", answer)
    interrupt_at = 2
    found = sweep(load_scenario(tiny), {"stages.a.shards": "1..3"}, percentiles=[50])
    assert (found.interrupted, found.exit_code) == (True, 130)
    assert [row["stages.a.shards"] for row in found.rows] == [1]
    code, out, _ = shardsim("sweep", tiny, "--param", "stages.a.shards=1..3", "--jobs", "1")
    assert code == 130
    assert "1 of 3 points" in out
    interrupt_at = 1
    code, out, err = shardsim("sweep", tiny, "--param", "stages.a.shards=1..3", "--jobs", "1")
    assert (code, out, err.strip()) == (130, "", "interrupted")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupted_sweep_keeps_its_points(tiny, tmp_path, jobs):
    folder = tmp_path / "out"
    args = ["sweep", tiny, *PARAMS, "--jobs", jobs, "-o", str(folder)]
    with command(*args) as process:
        wait_for(lambda: lines_in(folder / "journal.jsonl") >= 3, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130, err
    kept = lines_in(folder / "journal.jsonl")
    assert 3 <= kept < POINTS
    assert f"interrupted: {kept} of {POINTS} points are kept; go on with --resume {folder}" in err
    assert "Traceback" not in err
    for line in (folder / "journal.jsonl").read_text().splitlines():
        assert json.loads(line)["row"]["replications"] == 4, "a point is whole or it is not there"


def test_rates_of_auto_are_of_each_point(tiny):
    found = sweep(load_scenario(tiny), {"load.rate": "auto*3", "stages.a.shards": [1, 2]}, percentiles=[50])
    used = [row["bottleneck_demand"] for row in found.rows]
    assert used == pytest.approx([0.1, 0.1, 0.836, 0.836, 0.97, 0.97], rel=1e-3)
    assert [row["load.rate"] for row in found.rows][:2] == ["10/s", "20/s"]
    assert all(math.isclose(row["rate_per_s"], float(str(row["load.rate"])[:-2])) for row in found.rows)
