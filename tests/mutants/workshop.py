"""Checks on the package with one edit of its source, each in a child of a process that has loaded all else.

The compiler is off, so an edited kernel needs no compilation. Run as a script it reads a line of JSON for each edit,
``{"where", "old", "new", "check"}``, and answers with one: the number of the law that is broken, or null, and what was
said of it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent

#: Seconds that a check may take: an edited loop may have no end.
LONGEST_S = 100


class Workshop:
    """A process that is asked for one check after another."""

    def __init__(self) -> None:
        path = os.pathsep.join(map(str, (Path(__file__).parent, TESTS, ROOT)))
        environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": path}
        self.process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, check: str, where: str = "", old: str = "", new: str = "") -> tuple[str | None, str]:
        """The law that a check finds broken, or None, and what it said; empty ``where``: of the package as it is."""
        assert self.process.stdin is not None and self.process.stdout is not None
        question = {"where": where, "old": old, "new": new, "check": check}
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        number, said = json.loads(self.process.stdout.readline())
        return number, said


class _Edited(SourceFileLoader):
    """Loads a module whose source has an edit."""

    def __init__(self, name: str, path: str, old: str, new: str) -> None:
        super().__init__(name, path)
        self.old, self.new = old, new

    def get_code(self, fullname: str) -> CodeType:
        source = Path(self.path).read_text()
        assert source.count(self.old) == 1, "the bug fits in one place"
        return compile(source.replace(self.old, self.new), self.path, "exec", dont_inherit=True)


class _Finder:
    """Finds the edited module before anybody else does."""

    def __init__(self, where: str, old: str, new: str) -> None:
        self.name = f"simulator.{where.removesuffix('.py').replace('/', '.')}"
        self.old, self.new = old, new

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        spec = PathFinder.find_spec(name, path, target)
        assert spec is not None and spec.origin is not None
        spec.loader = _Edited(name, spec.origin, self.old, self.new)
        return spec


def checked(where: str, old: str, new: str, check: str) -> tuple[str | None, str]:
    """Edit, import and check, in this process."""
    import importlib
    import warnings

    warnings.simplefilter("ignore")
    if where:
        sys.meta_path.insert(0, _Finder(where, old, new))
    module, _, name = check.partition(".")
    try:
        getattr(importlib.import_module(module), name)()
    except AssertionError as error:
        return getattr(error, "number", "?"), f"{error}".split("\n")[0] or "an assertion of the package"
    return None, ""


def child(question: dict[str, str], to: int) -> None:
    """Answer a question and end, whatever happens."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    signal.alarm(LONGEST_S)
    try:
        answer = checked(**question)
    except BaseException as error:  # noqa: BLE001 (a child has nobody above it)
        answer = "?", f"{type(error).__name__}: {error}".split("\n")[0]
    with os.fdopen(to, "w") as told:
        told.write(json.dumps(answer))
    os._exit(0)


def main() -> None:
    """Load what takes long to load and is not ours; then fork for each question."""
    import click  # noqa: F401
    import hypothesis.stateful  # noqa: F401
    import numba  # noqa: F401
    import pydantic  # noqa: F401
    import scipy.linalg
    import scipy.special  # noqa: F401
    import simpy  # noqa: F401
    import yaml  # noqa: F401

    for line in sys.stdin:
        read, write = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(read)
            child(json.loads(line), write)
        os.close(write)
        with os.fdopen(read) as told:
            answer = told.read()
        os.waitpid(process, 0)
        print(answer or json.dumps(["?", f"took more than {LONGEST_S} s"]), flush=True)


if __name__ == "__main__":
    main()
