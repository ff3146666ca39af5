"""Command lines as input: an argument a line, run in this process in a folder of their own.

Every way out has its code, foreign text comes out escaped, and a line that is refused leaves nothing behind. Whatever
takes longer than a few seconds is interrupted, as a user would: that has its code, too, and leaves no half a file.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import os
import re
import shutil
import signal
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click

from simulator.base import units
from simulator.cli import main

#: Those that ask laws, engines or known answers for minutes whatever is said to them: their own tests run them.
LONG = ("check", "doctor", "verify")
#: Exit codes that the documentation lists.
CODES = (0, 2, 98, 99, 130)
#: Seconds after which a command is interrupted.
PATIENCE_S = 3.0
#: Numbers between these are work that can be done, and takes long.
MOST_WORK, NO_WORK = 50_000, 1e13
MOST_JOBS = 2
#: Categories of letters that a terminal obeys, or that hide what stands beside them.
OBEYED = ("Cc", "Cf", "Cs", "Zl", "Zp")

_NUMBER = re.compile(r"[0-9][0-9.eE+_]*[a-zA-Z]{0,2}")


class RefusedError(Exception):
    """A line was refused, with what it said."""


@cache
def options_of(name: str) -> tuple[str, ...]:
    """Options of a command, as they are written."""
    command: click.Command = importlib.import_module(f"simulator.cli.{name}").command
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    return ("--help", *(name for option in options for name in (*option.opts, *option.secondary_opts)))


def lines_of_commands() -> tuple[bytes, ...]:
    """A good line of each command that is asked."""
    lines = (
        ("run", "small.yaml", "--queries", "50", "--format", "json"),
        ("run", "small.yaml", "--precision", "5%", "--time", "1s", "-q", "--seed", "3"),
        ("run", "small.yaml", "-o", "there", "--engine", "reference"),
        ("run", "small.yaml", "--save-queries", "all.csv", "--percentiles", "50,99"),
        ("run", "small.yaml", "--save-replicas", "all.csv.gz", "-q"),
        ("capacity", "small.yaml", "--slo", "p90 < 80ms", "--tolerance", "20%", "--queries", "20k"),
        ("capacity", "small.yaml", "--over", "stages.a.replicas=1,2", "--time", "1s", "--jobs", "1"),
        ("size", "small.yaml", "--search", "stages.a.replicas=1,2", "--time", "1s", "--top", "2"),
        ("size", "small.yaml", "--search", "stages.a.replicas=1..3", "--minimise", "machines", "--load", "50/s"),
        ("sensitivity", "small.yaml", "--tail-only", "--time", "1s", "--jobs", "1"),
        ("explain", "small.yaml", "--blame-only", "--percentiles", "50", "--jobs", "1"),
        ("stress", "small.yaml", "--trigger", "load x2 for 1s", "--window", "1s", "--horizon", "3s", "--jobs", "1"),
        ("stress", "small.yaml", "--trigger", "stall a for 1s,2s", "--slo", "p90 < 1s", "--max-recovery", "3s"),
        ("sweep", "small.yaml", "--param", "load.rate=20/s,40/s", "--format", "csv", "--jobs", "1"),
        ("sweep", "small.yaml", "--param", "stages.a.shards=1..2", "-o", "there", "--jobs", "1"),
        ("compare", "small.yaml", "--set-b", "stages.a.replicas=3", "--max-regression", "p99=5%"),
        ("compare", "small.yaml", "small.yaml", "--md"),
        ("estimate", "small.yaml", "--rows", "1M", "--epochs", "2"),
        ("load", "small.yaml", "--set", "load.rate=5/s"),
        ("validate", "small.yaml", "-f", "small.yaml"),
        ("show", "small.yaml", "--format", "json", "--set", "stages.a.queue.limit=3"),
        ("catalogue", "h100", "--format", "json"),
        ("catalogue", "-c", "own.yaml"),
        ("schema", "run"),
        ("help", "load.rate"),
        ("help", "hedge"),
        ("docs", "--where"),
        ("init", "--list"),
        ("init", "mm1", "-o", "mine.yaml"),
        ("--version",),
        ("--help",),
    )
    return tuple("\n".join(line).encode() for line in lines)


def is_work(arguments: list[str]) -> bool:
    """Whether a line asks for what takes minutes, or opens a browser, by right."""
    if any(word in LONG for word in arguments[:2]) or ("docs" in arguments and "--where" not in arguments):
        return True
    for position, word in enumerate(arguments):
        after = arguments[position + 1] if position + 1 < len(arguments) else ""
        if word.startswith("--jobs") and (MOST_JOBS < _value(word[7:] or after) < NO_WORK):
            return True
        if any(MOST_WORK < _value(found[0]) < NO_WORK for found in _NUMBER.finditer(word)):
            return True
    return False


def _value(text: str) -> float:
    try:
        return units.parse_number(text)
    except ValueError:
        return 0.0


def read_command(raw: bytes, folder: Path) -> None:
    """Run a command line; RefusedError if it ends with 2."""
    arguments = [os.fsdecode(line) for line in raw.split(b"\n")]
    if b"\0" in raw or is_work(arguments):
        return
    with _room(folder) as room:
        before = sorted(room.rglob("*"))
        code, out, err = _ended(arguments)
        assert code in CODES, f"ended with {code}: {err}"
        for letter in {*out, *err} - {"\n"}:
            assert unicodedata.category(letter) not in OBEYED, f"{letter!r} reaches the terminal"
        after = sorted(room.rglob("*"))
        halves = [path for path in after if path.name.endswith((".part", ".tmp"))]
        assert not halves, f"half-written: {halves}"
        if code == 2:
            assert err.strip(), "a refusal says why"
            assert after == before, f"refused, and yet wrote {sorted({*after} - {*before})}: {err}"
            raise RefusedError(re.sub(r"\n{2,}", "\n", err))


def _ended(arguments: list[str]) -> tuple[int, str, str]:
    """Exit code, output, errors."""
    said, handler, streams = sys.argv, signal.getsignal(signal.SIGINT), (sys.stdin, sys.stdout, sys.stderr)
    hook, threshold = sys.unraisablehook, gc.get_threshold()
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    sys.argv, sys.stdin, sys.stdout, sys.stderr = ["shardsim", *arguments], io.StringIO(""), out, err
    before = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
    code: int | str | None = 0
    try:
        main()
    except SystemExit as stop:
        code = stop.code
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.signal(signal.SIGINT, handler)
        sys.argv, (sys.stdin, sys.stdout, sys.stderr), sys.unraisablehook = said, streams, hook
        gc.unfreeze()
        gc.set_threshold(*threshold)
    assert isinstance(code, int), code
    return code, *(stream.buffer.getvalue().decode() for stream in (out, err) if not stream.flush())


@contextlib.contextmanager
def _room(folder: Path) -> Iterator[Path]:
    """A folder deep in one of its own, to work in: with the small scenario and a catalogue."""
    with tempfile.TemporaryDirectory(prefix="command-") as outside, contextlib.chdir(outside):
        room = Path(outside) / "a" / "b" / "c"
        room.mkdir(parents=True)
        shutil.copy(folder / "small.yaml", room)
        (room / "own.yaml").write_text("hardware: {leaf: {cores: 4, memory: 8 GB}}\n")
        os.chdir(room)
        yield room
