"""What is written: under names nobody knows, whole, with the mode of the mask; what cannot be is refused first."""

import io
import json
import os
import signal
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path
from unittest import mock

import click
import pytest
import yaml
from conftest import slow

import simulator
from simulator.cli import answers, main, run
from simulator.planning.questions import questions
from simulator.report import files, folders

WRITERS = {
    "folder": (lambda path, content: files.write_folder(path, {"a": content}), lambda path: path / "a"),
    "new": (lambda path, content: files.write_new({path: content}), lambda path: path),
    "over": (lambda path, content: files.write_over({path: content}), lambda path: path),
}
EACH = pytest.mark.parametrize(("write", "file_of"), WRITERS.values(), ids=WRITERS)


@EACH
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_the_mode_is_that_of_the_mask(tmp_path, write, file_of, mask):
    before = os.umask(mask)
    try:
        write(tmp_path / "out", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file_of(tmp_path / "out").stat().st_mode) == 0o666 & ~mask
    if (tmp_path / "out").is_dir():
        assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o777 & ~mask
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


@EACH
def test_a_link_laid_in_the_way_overwrites_nobody(tmp_path, write, file_of):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for name in (".out.part", ".out-", "out"):
        (tmp_path / name).symlink_to(victim)
    try:
        write(tmp_path / "out", "text")
    except FileExistsError:
        pass
    else:
        assert not (tmp_path / "out").is_symlink()
    assert victim.read_text() == "mine"


@EACH
def test_on_a_full_disk_nothing_is_left(tmp_path, write, file_of):
    def full(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write(tmp_path / "out", full)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("refuse", "ending"),
    [
        (answers.refuse_folder, ""),
        (answers.refuse_figure, ".png"),
        (partial(answers.refuse_table, of="queries"), ".csv"),
    ],
)
def test_outputs_that_cannot_be_are_refused_before_the_work(tmp_path, refuse, ending):
    taken = tmp_path / f"taken{ending}"
    taken.mkdir()
    (taken / "something").touch()
    (tmp_path / "file").touch()
    for place in (taken, tmp_path / ("x" * 300 + ending), tmp_path / "file" / f"below{ending}"):
        with pytest.raises(click.UsageError):
            refuse(place)
    with pytest.raises(click.UsageError):
        refuse(tmp_path / ("x" * 300) / f"below{ending}")


@slow
def test_a_figure_is_drawn_whatever_the_users_settings_say(tmp_path):
    rc = tmp_path / "matplotlibrc"
    rc.write_text("text.usetex: True\naxes.formatter.use_locale: True\nfigure.facecolor: red\n")
    code = """
import hashlib
from simulator.report import frame
with frame.own_style():
    figure = frame.new(2, 2, "a_b & 5 %")
    figure.add_subplot().plot([1, 2])
    print(hashlib.sha256(frame.saved(figure)).hexdigest())
import os, sys
assert "matplotlib.pyplot" not in sys.modules
if "MPLBACKEND" not in os.environ:
    sys.exit()
import simulator
from simulator.report import answers
mm1 = simulator.load_scenario("scenarios/mm1.yaml").with_run(queries=500, replications=4)
drawn = {
    "run": simulator.simulate(mm1),
    "load": simulator.portrait(mm1),
    "capacity": simulator.capacity(mm1, slos=["p50 < 5s"], tolerance=0.3),
    "sensitivity": simulator.sensitivity(mm1, tail_only=True),
    "explain": simulator.explain(mm1.with_scale(0.5), percentiles=[50], blame_only=True),
    "size": simulator.size(mm1, search={"stages.server.replicas": [1, 2]}, slos=["p90 < 20s"]),
    "stress": simulator.stress(mm1, "stall for 20s", slos=["p90 < 20s"]),
    "sweep": simulator.sweep(mm1, {"load.rate": ["0.4/s", "0.5/s"]}),
}
assert set(drawn) == set(answers.FIGURES)
for kind, answer in drawn.items():
    frame.saved(answer.plot())  # in the user's style: what was made in ours stays so
"""
    plain = {key: value for key, value in os.environ.items() if key not in ("MPLBACKEND", "MATPLOTLIBRC")}
    theirs = {**plain, "MPLBACKEND": "module://matplotlib_inline.backend_inline", "MATPLOTLIBRC": str(rc)}
    said = [
        subprocess.run([sys.executable, "-c", code], env=one, capture_output=True, text=True, check=True).stdout
        for one in (plain, theirs)
    ]
    assert said[0] == said[1] != ""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_empty_ones(closed):
    command = f"{sys.executable} -m simulator --version {closed}"
    assert subprocess.run(["sh", "-c", command], check=False, stderr=subprocess.PIPE).stderr == b""


FOREIGN = """
name: foreign
description: ström → 終 😀
load: {rate: 9/s}
run: {queries: 60, replications: 4}
slos: [p50 < 9s]
stages: [{name: one, model: {kind: time, law: 1ms}}]
sweep: {load.rate: [8/s, 9/s]}
"""


def asked_of_latin_1(tmp_path, command):
    """Exit code and output of a command about a scenario, where the streams are latin-1."""
    path = tmp_path / "é→.yaml"
    path.write_text(FOREIGN, encoding="utf-8")
    theirs = {**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0", "LC_ALL": "C"}
    name, *options = command.split()
    where = ["-o", str(tmp_path / "out")] if name == "sweep" else []
    asked = [sys.executable, "-m", "simulator", name, str(path), *options, *where]
    done = subprocess.run(asked, env=theirs, capture_output=True, check=False)
    assert (done.returncode, done.stderr.count(b"Traceback")) == (0, 0), done.stderr
    return done.stdout


@slow
@pytest.mark.parametrize("command", ["validate", "estimate", "run", pytest.param("sweep", marks=slow)])
def test_letters_that_a_terminal_does_not_know_are_written_out(tmp_path, command):
    said = asked_of_latin_1(tmp_path, command).decode("latin-1")
    assert ("ström \\u2192 \\u7d42 \\U0001f600" in said) == (command != "validate"), said


@pytest.mark.parametrize("command", ["show", "estimate --format json", "sweep --format json"])
def test_what_programs_read_is_utf_8_whatever_the_terminal(tmp_path, command):
    """A letter that was written out would be another one, or no JSON at all."""
    document = yaml.safe_load(asked_of_latin_1(tmp_path, command).decode("utf-8"))
    assert document["description"] == "ström → 終 😀"


@pytest.mark.parametrize("command", ["validate", "run", "estimate", "sweep"])
def test_input_that_is_not_utf_8_has_a_position(command):
    text = "name: caf\xe9\n".encode("latin-1")
    done = subprocess.run(
        [sys.executable, "-m", "simulator", command, "-"], input=text, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count(b"Traceback")) == (2, b"", 0)
    assert b"-:1:10: is not UTF-8 text" in done.stderr


def test_an_answer_outlives_a_folder_that_appears_meanwhile(tmp_path, monkeypatch, capsys):
    """It is printed, and the folder is said not to be written; an interrupt of the writing loses no answer, either."""
    scenario = simulator.scenario_from_dict(
        {
            "name": "s",
            "load": {"rate": "9/s"},
            "run": {"queries": 50, "replications": 4},
            "stages": [{"name": "a", "model": {"kind": "time", "law": "1ms"}}],
        }
    )
    result = simulator.simulate(scenario)
    (tmp_path / "file").write_text("mine")
    assert not run.report(result, 1, "table", False, run.Files(tmp_path / "file", None, None, None, None))
    out, err = capsys.readouterr()
    assert "4 x 50 queries" in out
    assert f"{tmp_path / 'file'}: cannot be written: exists" in err
    monkeypatch.setattr("simulator.report.folders.write_run", mock.Mock(side_effect=KeyboardInterrupt))
    monkeypatch.setattr("sys.argv", ["shardsim", "run", "-", "-q", "-o", str(tmp_path / "new")])
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(scenario.resolved())))
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit) as stop:
        main()
    signal.signal(signal.SIGINT, handler)
    out, err = capsys.readouterr()
    assert (stop.value.code, json.loads(out)["queries"]) == (130, 200)
    assert "interrupted while files were written" in err


def test_a_journal_keeps_its_lock_while_its_lines_are_counted(tmp_path):
    """To close any other handle of the file would give back what fcntl holds: another process asks for it."""
    asked = questions(
        simulator.scenario_from_dict(
            {"name": "s", "load": {"rate": "9/s"}, "stages": [{"name": "a", "model": {"kind": "time", "law": "1ms"}}]}
        ),
        {"load.scale": [1, 2]},
        [50],
    )
    folders.begin_sweep(asked, tmp_path / "sweep")
    journal = folders.open_sweep(asked, tmp_path / "sweep")
    assert journal.kept == 0
    ask = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    other = subprocess.run([sys.executable, "-c", ask, journal.path], capture_output=True, check=False)
    assert b"BlockingIOError" in other.stderr
    journal.close()
    assert journal.kept == 0
