"""What is written: under names nobody knows, whole, with the mode of the mask; what cannot be is refused first."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import click
import pytest

from simulator.cli import answers
from simulator.report import files

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
    [(answers.refuse_folder, ""), (answers.refuse_figure, ".png"), (answers.refuse_queries_file, ".csv")],
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
import sys
assert "matplotlib.pyplot" not in sys.modules
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
