"""The cache of compiled kernels: nobody else's files are run, and a damaged or full one costs time only."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import NO_COMPILER, slow

from simulator.core import jit


@pytest.fixture
def choice(tmp_path, monkeypatch):
    folder = tmp_path / "choice"
    monkeypatch.setattr(jit, "cache_choices", lambda: [folder])
    return folder


def test_it_is_this_users_alone_whatever_the_mask(choice):
    before = os.umask(0)
    try:
        folder = jit.cache_directory()
    finally:
        os.umask(before)
    assert [stat.S_IMODE(one.stat().st_mode) for one in (folder, choice)] == [0o700, 0o700]
    assert jit.cache_directory() == folder


@pytest.mark.parametrize(
    ("above", "mode", "is_kept"),
    [(0o700, 0o700, True), (0o1777, 0o700, True), (0o777, 0o700, False), (0o700, 0o777, False), (0o700, 0o720, False)],
)
def test_a_directory_that_others_can_write_is_not_read(choice, above, mode, is_kept):
    folder = choice / f"kernels-{jit.source_hash()}"
    folder.mkdir(parents=True)
    folder.chmod(mode)
    choice.chmod(above)
    assert (jit.cache_directory() == folder) == is_kept


@pytest.mark.parametrize(("mode", "is_kept"), [(0o755, True), (0o1777, True), (0o777, False), (0o775, False)])
def test_nor_one_that_others_can_put_another_in_the_place_of(tmp_path, monkeypatch, mode, is_kept):
    """However far above: who can rename a directory decides what is below its name."""
    choice = tmp_path / "above" / "home" / ".cache" / "choice"
    choice.parent.mkdir(parents=True)
    (tmp_path / "above").chmod(mode)
    monkeypatch.setattr(jit, "cache_choices", lambda: [choice])
    assert (jit.cache_directory() is not None) == is_kept


def test_a_directory_of_another_user_is_not_read(choice, monkeypatch):
    jit.cache_directory()
    monkeypatch.setattr(jit, "_user", lambda: os.geteuid() + 1)
    assert jit.cache_directory() is None


def test_a_link_is_not_read(choice, tmp_path):
    choice.mkdir(mode=0o700)
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (choice / f"kernels-{jit.source_hash()}").symlink_to(tmp_path / "elsewhere")
    assert jit.cache_directory() is None


def test_a_link_to_the_whole_is_followed_once(choice, tmp_path):
    """What was looked at is what is read, wherever the link leads afterwards."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    choice.symlink_to(tmp_path / "elsewhere")
    folder = jit.cache_directory()
    assert folder == (tmp_path / "elsewhere").resolve() / f"kernels-{jit.source_hash()}"
    choice.unlink()
    assert folder.is_dir()


class Cache:
    """A kernel's cache of which everything fails."""

    flushed = 0

    def load_overload(self, *_):
        raise EOFError

    def save_overload(self, *_):
        raise OSError(28, "No space left on device")

    def flush(self):
        self.flushed += 1
        raise OSError(28, "No space left on device")


def test_what_cannot_be_read_or_kept_is_said_once_and_costs_nothing_else(monkeypatch, capsys):
    monkeypatch.setattr(jit, "_SAID", [])
    cache = Cache()
    jit.forgiving(cache)
    assert cache.load_overload("signature", None) is None
    cache.save_overload("signature", None)
    assert cache.flushed == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_cache_that_cannot_be_locked_is_done_without(tmp_path):
    with jit._alone(tmp_path / "missing" / "lock"):
        assert not (tmp_path / "missing").exists()


def test_a_lock_that_somebody_keeps_is_not_waited_for_without_end(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(jit, "LONGEST_S", 0.1)
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        began = time.monotonic()
        with jit._alone(tmp_path / "lock"):
            assert time.monotonic() - began > 0.1
    with jit._alone(tmp_path / "lock"), (tmp_path / "lock").open("w") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def told(cache: Path) -> tuple[str, str]:
    """What a process that needs one kernel prints, its kernels kept there."""
    code = "from simulator.core.elementary import exp; print(exp(1.0))"
    theirs = {**os.environ, "SHARDSIM_CACHE": str(cache)}
    done = subprocess.run([sys.executable, "-c", code], env=theirs, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


@slow
@pytest.mark.skipif(NO_COMPILER, reason="nothing is compiled")
@pytest.mark.parametrize(
    ("ending", "left"), [("nbi", 0), pytest.param("nbi", 40, marks=slow), pytest.param("nbc", 900, marks=slow)]
)
def test_files_of_kernels_that_are_cut_short_are_made_anew(tmp_path, ending, left):
    """On disk, as a full one or a kill leaves them: said once, and mended."""
    whole = told(tmp_path)
    assert whole[1] == ""
    cut = next(tmp_path.rglob(f"*.exp-*.{ending}"))
    size = cut.stat().st_size
    assert size > left
    os.truncate(cut, left)
    out, err = told(tmp_path)
    assert out == whole[0]
    assert (err.count("\n"), "Traceback" in err) == (1, False)
    assert cut.stat().st_size == size
    assert told(tmp_path) == whole
