"""The command: exit codes, formats, files, and that nothing is lost or half written."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import click
import numpy as np
import pytest
from conftest import ROOT

from simulator import ContradictionError
from simulator.cli import COMMANDS, group
from simulator.cli.grouped import EXAMPLES

SMALL = """
name: small
load: {rate: 50/s}
run: {queries: 300, replications: 4, seed: 5}
stages:
  - name: one
    candidates: 100
    model: {kind: tree, per_item: 100us}
    shards: 4
    keep: 10
  - name: two
    model: {kind: deep, per_item: 1ms}
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return str(path)


def test_a_run_prints_a_table_and_exits_with_0(shardsim, small):
    code, out, err = shardsim("run", small, "--jobs", "1")
    assert (code, err) == (0, "")
    assert "small\n4 x 300 queries measured at 50/s, seed 5, compiled engine" in out
    assert "Little's law and flow balance hold in every stage" in out
    assert not any(line.endswith(" ") for line in out.splitlines())


@pytest.mark.parametrize(
    ("slos", "code", "word"),
    [
        ("[p50 < 1s]", 0, "met"),
        ("[p50 < 1ms]", 99, "FAILED"),
        ("[p50 < 1s, p50 < 1ms, p99.9 < 30ms]", 99, "FAILED"),
        ("[p50 < 1s, p99.9 < 60ms]", 98, "inconclusive"),
    ],
)
def test_exit_codes_tell_of_objectives(shardsim, small, slos, code, word):
    found, out, _ = shardsim("run", small, "--jobs", "1", "--set", f"slos={slos}")
    assert found == code
    assert word in out


def test_a_broken_scenario_exits_with_2_and_no_traceback(shardsim, small):
    code, out, err = shardsim("run", small, "--set", "stages.one.shard=4", "--queries", "-3")
    assert (code, out) == (2, "")
    assert "stages[0].shard: unknown key; did you mean 'shards'?" in err
    assert "--queries: must be at least 1, got -3" in err
    assert "2 errors" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["rum"], "no command is called 'rum'. Did you mean 'run'?"),
        (["run"], "Missing argument 'SCENARIO'"),
        (["run", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["run", "x.yaml", "--percentiles", "101"], "percentiles are in percent, from 1 to 99.9999: 99 is the 99th"),
        (["run", "x.yaml", "--percentiles", "a,b"], "is not a list like"),
        (["run", "x.yaml", "--time", "10"], "needs a unit"),
        (["run", "x.yaml", "--precision", "200%"], "a ratio is from 0 to 1"),
        (["run", "x.yaml", "--jobs", "0"], "0 is not in the range"),
        (["run", "x.yaml", "--frobnicate"], "No such option"),
    ],
)
def test_wrong_usage_exits_with_2(shardsim, args, message):
    code, out, err = shardsim(*args)
    assert (code, out) == (2, "")
    assert message in err


def test_json_is_the_same_on_any_number_of_processes(shardsim, small):
    _, one, _ = shardsim("run", small, "--jobs", "1", "--format", "json")
    _, two, _ = shardsim("run", small, "--jobs", "2", "--format", "json")
    assert one == two
    document = json.loads(one)
    assert document["schema"] == 1
    assert (document["replications"], document["queries"]) == (4, 1200)
    assert set(document["latency_s"]) == {"mean", "p50", "p90", "p95", "p99", "p99.9", "max"}
    assert document["provenance"]["resolved"]["name"] == "small"
    for name, found in document["latency_s"].items():
        if isinstance(found, dict):
            assert found["low"] <= found["value"] <= found["high"], name


def test_percentiles_and_seed_are_as_asked(shardsim, small):
    _, out, _ = shardsim("run", small, "--jobs", "1", "--format", "json", "--percentiles", "75,99.95", "--seed", "9")
    document = json.loads(out)
    assert set(document["latency_s"]) == {"mean", "p75", "p99.95", "max"}
    assert document["latency_s"]["p99.95"] is None
    assert any(note.startswith("p99.95 is not printed") for note in document["notes"])
    assert document["seed"] == 9


def test_standard_input_and_overlays(shardsim, small, tmp_path):
    overlay = tmp_path / "more.yaml"
    overlay.write_text("run: {queries: 20, replications: 1}")
    code, out, _ = shardsim("run", "-", "-f", str(overlay), "--format", "json", stdin=SMALL)
    assert code == 0
    assert json.loads(out)["queries"] == 20


def test_a_run_directory_is_complete_and_never_overwritten(shardsim, small, tmp_path):
    folder = tmp_path / "runs" / "first"
    code, out, _ = shardsim("run", small, "--jobs", "1", "-o", str(folder))
    assert code == 0
    written = {"queries.npz", "scenario.resolved.yaml", "summary.json", "table.txt", "timing.json"}
    assert {path.name for path in folder.iterdir()} == written
    assert f"written to {folder}" in out
    again = shardsim("run", str(folder / "scenario.resolved.yaml"), "--jobs", "1", "--format", "json")[1]
    assert json.loads(again)["latency_s"] == json.loads((folder / "summary.json").read_text())["latency_s"]
    with np.load(folder / "queries.npz") as queries:
        latency_s = (queries["completion_ns"] - queries["arrival_ns"])[queries["measured"]] * 1e-9
        assert latency_s.mean() == pytest.approx(json.loads(again)["latency_s"]["mean"]["value"])
        assert queries["enter_ns"].shape == (2, 4 * 375)
    before = (folder / "summary.json").stat().st_mtime_ns
    code, _, err = shardsim("run", small, "--jobs", "1", "-o", str(folder))
    assert code == 2
    assert "is not an empty directory" in err
    assert (folder / "summary.json").stat().st_mtime_ns == before
    assert [path.name for path in folder.parent.iterdir()] == ["first"], "nothing half-written is left beside it"


def test_quiet_says_nothing(shardsim, small):
    assert shardsim("run", small, "--jobs", "1", "-q", "--set", "slos=[p50 < 1ms]") == (99, "", "")


def test_time_gives_whole_replications(shardsim, small):
    code, out, _ = shardsim("run", small, "--jobs", "1", "--time", "1s", "--format", "json")
    document = json.loads(out)
    assert code == 0
    assert document["queries"] == 300 * document["replications"]
    assert any("whole replications fitted into 1 s" in note for note in document["notes"])
    assert shardsim("run", small, "--time", "1s", "--replications", "3")[0] == 2


def test_precision_adds_replications(shardsim, small):
    args = ["run", small, "--jobs", "2", "--format", "json", "--set", "slos=[p50 < 1s]"]
    coarse = json.loads(shardsim(*args)[1])
    fine = json.loads(shardsim(*args, "--precision", "2%")[1])
    assert fine["replications"] > coarse["replications"] == 4
    p50 = fine["latency_s"]["p50"]
    assert (p50["high"] - p50["low"]) / 2 / p50["value"] <= 0.02


def test_precision_lengthens_replications_that_see_no_tail(shardsim, small):
    out = shardsim("run", small, "--format", "json", "--queries", "20", "--precision", "20%", "--jobs", "1")[1]
    document = json.loads(out)
    assert any("replications lengthened to" in note for note in document["notes"])
    assert document["queries"] > 4 * 20


def test_validate_show_schema_estimate(shardsim, small):
    code, out, _ = shardsim("validate", small)
    assert code == 0
    assert "valid. small: 2 stages, 5 shards, 5 replicas; 4 x 300 queries, 7,500 tasks" in out
    assert "beyond saturation" in shardsim("validate", small, "--set", "load.rate=1k/s")[1]
    code, out, _ = shardsim("show", small)
    assert code == 0
    assert shardsim("show", "-", stdin=out)[1] == out
    assert json.loads(shardsim("show", small, "--format", "json")[1])["stages"][0]["shards"] == 4
    code, out, _ = shardsim("estimate", small)
    assert code == 0
    assert "saturated at 100/s" in out
    document = json.loads(shardsim("estimate", small, "--format", "json", "--rows", "10k")[1])
    assert document["zero_load_s"]["mean"] == pytest.approx(0.0125)
    assert json.loads(shardsim("schema")[1])["title"] == "shardsim scenario"


def test_help_names_every_command(shardsim):
    code, out, _ = shardsim("--help")
    assert code == 0 and "Example:" in out and len(out.splitlines()) <= 56
    for command in COMMANDS:
        assert command in out
        assert shardsim(command, "--help")[0] == 0
    assert shardsim("--version")[1].startswith("shardsim 0.")


def test_docs_says_where_the_site_is_or_how_it_is_made(shardsim, monkeypatch, tmp_path):
    monkeypatch.setattr("simulator.cli.docs.files", lambda _: tmp_path)
    code, _, err = shardsim("docs")
    assert code == 2 and "'make docs' builds it" in err
    page = tmp_path / "site" / "index.html"
    page.parent.mkdir()
    page.touch()
    for args in (["docs"], ["docs", "--where"]):
        assert shardsim(*args) == (0, f"{page}\n", "")


HELP = """
import sys
sys.argv = ["shardsim", "--help"]
try:
    from simulator.cli import main
    main()
except SystemExit:
    pass
slow = {"numpy", "numba", "scipy", "pydantic", "simpy", "yaml", "rich"} & set(sys.modules)
sys.exit(str(slow) if slow else 0)
"""


def test_help_loads_nothing_slow():
    found = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_a_contradiction_exits_with_99(shardsim, small, monkeypatch):
    def contradicted(*args, **kwargs):
        raise ContradictionError("the run contradicts")

    monkeypatch.setattr("simulator.running.run.Run.result", contradicted)
    code, out, err = shardsim("run", small, "--jobs", "1")
    assert (code, out) == (99, "")
    assert "contradicts" in err


def interrupted(args: list[str], after: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run in a process of its own and interrupt it once ``after`` holds some file."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not Path(after).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(args, process.returncode, out, err)


def test_an_interrupted_run_keeps_the_replications_that_were_finished(tmp_path, small):
    # a progress hook marks the first finished replication, so the test does not depend on timing
    hook = tmp_path / "sitecustomize.py"
    mark = tmp_path / "one_is_done"
    hook.write_text(
        "import os, pathlib\n"
        "import simulator.cli.progress as progress\n"
        f"progress.Replications.update = lambda self, done, planned, events: pathlib.Path({str(mark)!r}).touch()\n"
    )
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    args = ["run", small, "--jobs", "1", "--replications", "100000", "--format", "json"]
    found = interrupted(args, str(mark), {"PYTHONPATH": path})
    assert found.returncode == 130, found.stderr
    document = json.loads(found.stdout)
    assert 1 <= document["replications"] < 100_000
    assert any(note.startswith("interrupted: only what had finished is counted, ") for note in document["notes"])
    assert "Traceback" not in found.stderr


def test_a_load_is_shown_and_drawn(shardsim, small, tmp_path):
    code, out, err = shardsim("load", small, "-o", str(tmp_path / "load.png"))
    assert (code, err) == (0, f"figure in {tmp_path / 'load.png'}\n")
    assert "dispersion" in out
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")
    code, out, _ = shardsim("load", small, "-o", str(tmp_path / "load.svg"), "--format", "json")
    assert code == 0
    assert json.loads(out)["asked"]["rate_per_s"] == 50
    assert b"<svg" in (tmp_path / "load.svg").read_bytes()


@pytest.mark.parametrize(("name", "said"), [("load.txt", "a figure is a .png"), ("no/load.png", "cannot be written")])
def test_a_figure_that_cannot_be_drawn(shardsim, small, tmp_path, name, said):
    code, _, err = shardsim("load", small, "-o", str(tmp_path / name))
    assert code == 2
    assert said in err


def test_matplotlib_waits_until_a_figure_is_drawn():
    code = (
        "import sys, simulator.report.folders, simulator.report.load_figure, simulator.running.portrait; "
        "sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_scenario_runs(shardsim, path):
    few = ["--replications", "2"] if "phases" in path.read_text() else ["--replications", "2", "--queries", "5"]
    code, out, err = shardsim("run", str(path), "--jobs", "1", "--set", "run.warmup=auto", *few)
    assert code in (0, 98, 99), err
    assert out.startswith(path.stem)


ONE = "load: {rate: 1/s}\nrun: {queries: 50, replications: 2}\nstages: [{name: a, model: {kind: time, law: LAW}}]\n"


def test_a_load_of_exactly_what_is_carried_is_saturated_and_valid_json(shardsim):
    text = ONE.replace("LAW", "{kind: lognormal, p50: 1s, p99: 1s}")
    code, out, _ = shardsim("run", "-", "--jobs", "1", "--format", "json", stdin=text)
    assert code == 0
    assert json.loads(out)["verdict"] == "saturated"
    assert re.search(r"\binf\b", shardsim("estimate", "-", stdin=text)[1]) is None


def test_years_of_backlog_are_a_result_and_centuries_an_error(shardsim):
    code, out, _ = shardsim("run", "-", "--jobs", "1", stdin=ONE.replace("LAW", "1h"))
    assert code == 0
    assert "saturated by arithmetic" in out
    code, out, err = shardsim("run", "-", "--jobs", "1", "-q", stdin=ONE.replace("LAW", "100000h"))
    assert (code, out) == (2, "")
    assert "the backlog grows beyond 146 years" in err


def test_an_output_that_cannot_be_written_is_refused_before_the_run(shardsim, small):
    code, out, err = shardsim("run", small, "--jobs", "1", "-o", "/proc/nowhere/x")
    assert (code, out) == (2, "")
    assert "/proc/nowhere/x: cannot be written" in err


def test_output_into_a_full_disk_exits_with_2(small):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "simulator", "show", small]
        found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert found.returncode == 2
    assert found.stderr.startswith("cannot write the output")
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_a_disk_cuts_short_exits_with_2(tmp_path, unbuffered):
    """Where it is unbuffered, a write that is cut short raises nothing: the half was a success."""
    command = f"ulimit -f 8; exec {sys.executable} -m simulator schema > {tmp_path}/schema.json"
    theirs = {**os.environ, "PYTHONUNBUFFERED": unbuffered, "PYTHONDONTWRITEBYTECODE": "1"}
    found = subprocess.run(["sh", "-c", command], env=theirs, stderr=subprocess.PIPE, text=True, check=False)
    assert (found.returncode, found.stderr) == (2, "cannot write the output: File too large\n")


def test_a_line_is_seen_at_once_where_that_is_asked_for():
    """An exit without a goodbye loses no line that was written before."""
    code = "import os, sys; from simulator.cli import _complete_streams; _complete_streams(); "
    code += "sys.stdout.write('out\\n'); sys.stderr.write('err\\n'); os._exit(0)"
    theirs = {**os.environ, "PYTHONUNBUFFERED": "1"}
    found = subprocess.run([sys.executable, "-c", code], env=theirs, capture_output=True, text=True, check=False)
    assert (found.stdout, found.stderr) == ("out\n", "err\n")


def test_a_reader_that_goes_away_is_no_crash(small):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "simulator", "schema"]
    found = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert found.returncode == 141
    assert found.stderr == ""


def test_an_interrupt_before_anything_happened_exits_with_130(shardsim, small, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("simulator.cli.options.Given.load", interrupt)
    code, out, err = shardsim("run", small)
    assert (code, out) == (130, "")
    assert "interrupted" in err


def test_a_long_run_says_so_and_shows_how_far_it_is(shardsim, small, monkeypatch):
    monkeypatch.setattr("simulator.cli.progress.LONG_S", 0.0)
    code, _, err = shardsim("run", small, "--jobs", "1", "--replications", "50", "--queries", "10")
    assert code == 0
    assert "tasks, about" in err
    assert 10 <= err.count("replications,") <= 20


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_a_command_is_one(name):
    """Its options are there, and its files; the help that shows it fits a screen."""
    program, named, *args = shlex.split(EXAMPLES[name].partition(" > ")[0])
    command = group.get_command(click.Context(group), name)
    assert (program, named) == ("shardsim", name)
    command.make_context(name, list(args))
    assert all((ROOT / arg).is_file() for arg in args if arg.startswith("scenarios/"))
    with click.Context(command, info_name=name, terminal_width=80) as context:
        lines = command.get_help(context).splitlines()
    assert len(lines) <= 56
    assert set(EXAMPLES) == set(COMMANDS)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_files_and_keys(shell, monkeypatch, capsys):
    def completed(words, incomplete):
        monkeypatch.setenv("_SHARDSIM_COMPLETE", f"{shell}_complete")
        monkeypatch.setenv("COMP_WORDS", " ".join(["shardsim", *words, incomplete]))
        monkeypatch.setenv("COMP_CWORD", incomplete if shell == "fish" else str(len(words) + 1))
        with pytest.raises(SystemExit):
            group.main(args=[], prog_name="shardsim")
        return capsys.readouterr().out

    monkeypatch.setenv("_SHARDSIM_COMPLETE", f"{shell}_source")
    with pytest.raises(SystemExit):
        group.main(args=[], prog_name="shardsim")
    assert "_SHARDSIM_COMPLETE=" + f"{shell}_complete" in capsys.readouterr().out
    offered = completed([], "ca")
    assert "capacity" in offered and "catalogue" in offered and "run" not in offered
    assert "file" in completed(["run"], "scen")
    assert "stages.routing" in completed(["help"], "stages.rou")
    assert "--seed" in completed(["run"], "--se")


def test_a_module_that_is_cut_short_is_no_interrupt(shardsim, monkeypatch):
    """A full disk may leave one; Python says EOFError, and click takes that for the end of what somebody types."""
    short = mock.Mock(side_effect=EOFError("marshal data too short"))
    monkeypatch.setattr("simulator.cli.schema.command.callback", short)
    assert shardsim("schema") == (2, "", "\na file ends too soon: marshal data too short\n")
