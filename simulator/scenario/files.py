"""Files that a scenario names: where they are, and reading them."""

from __future__ import annotations

import sys
from pathlib import Path

from simulator.base.errors import Problem, ScenarioError
from simulator.scenario.nodes import MOST_BYTES, Node, compose


def read(file: str) -> Node:
    """Read a file; ``-`` is standard input. Raises ScenarioError where it cannot be read or is not well-formed."""
    if file == "-":
        return compose(sys.stdin.read(MOST_BYTES + 1), "-")
    try:
        with Path(file).open("rb") as source:
            raw = source.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ScenarioError([Problem(file, 0, 0, "", f"cannot be read: {unreadable(error)}")]) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ScenarioError([Problem(file, line, 1, "", "is not UTF-8 text")]) from None
    return compose(text, file)


def unreadable(error: OSError | ValueError) -> str:
    """Why a file could not be opened."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def located(file: str, named_in: str) -> str:
    """Absolute path of a file named in a scenario; on the command line or standard input, from where we are."""
    folder = Path() if named_in in ("-", "") or named_in.startswith(("<", "--")) else Path(named_in).parent
    try:
        return str((folder / Path(file).expanduser()).resolve())
    except (OSError, ValueError, RuntimeError):
        return file  # not a path at all: whoever opens it says so


def short(path: str) -> str:
    """A path as people write it: from the working directory where it lies below."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
