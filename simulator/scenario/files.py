"""Files that a scenario names: where they are, opening them without waiting for ever, and reading a scenario's own.

What a file names is a regular file. What the command line names may be a pipe, too, which is given up when no byte
comes for ten seconds.
"""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
from pathlib import Path
from typing import Any, BinaryIO, cast

from simulator.base.errors import Problem, ScenarioError
from simulator.scenario.nodes import MOST_BYTES, Node, compose

#: Seconds without a byte after which a pipe is given up.
PATIENCE_S = 10.0

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class Unreadable(ValueError):
    """A file is none that is read here."""


class _Patient(io.RawIOBase):
    """Bytes of a pipe, or of standard input, waited for, but not for ever."""

    def __init__(self, descriptor: int, closes: bool) -> None:
        self.descriptor, self.closes = descriptor, closes
        self.poll = select.poll()
        self.poll.register(descriptor, select.POLLIN)

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, room: Any) -> int:
        """What there is. Raises Unreadable where nothing comes."""
        wait_ms = None if os.isatty(self.descriptor) else PATIENCE_S * 1000
        if not self.poll.poll(wait_ms):
            raise Unreadable(f"given up: no byte came for {PATIENCE_S:g} s; is anything written into it?")
        got = os.read(self.descriptor, len(room))
        room[: len(got)] = got
        return len(got)

    def close(self) -> None:
        """Leave standard input open."""
        if self.closes and not self.closed:
            os.close(self.descriptor)
        super().close()


def opened(file: str, may_be_pipe: bool = False) -> BinaryIO:
    """The bytes of a file; ``-`` is standard input.

    Parameters
    ----------
    file
        Its name.
    may_be_pipe
        Whether it may be other than a regular file: because the command line names it.

    Raises
    ------
    OSError, ValueError
        If it cannot be read: ``unreadable`` says why. Of these Unreadable, if it is not such a file; reading from it
        raises that if nothing comes.
    """
    if file == "-":
        return _standard_input()
    _refuse_kind(Path(file).stat().st_mode, may_be_pipe)  # unopened: whoever writes into a pipe goes on waiting
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        mode = os.fstat(descriptor).st_mode
        _refuse_kind(mode, may_be_pipe)
        if stat.S_ISREG(mode):
            return os.fdopen(descriptor, "rb")
        return io.BufferedReader(_Patient(descriptor, closes=True))
    except BaseException:
        os.close(descriptor)
        raise


def _refuse_kind(mode: int, may_be_pipe: bool) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode) and not may_be_pipe:
        kind = next((name for is_one, name in _KINDS if is_one(mode)), "not a file")
        raise Unreadable(f"{kind}, and not a regular file; give the name of a file")


def _standard_input() -> BinaryIO:
    if sys.stdin is None or sys.stdin.closed:
        raise Unreadable("closed")
    try:
        descriptor = sys.stdin.fileno()
    except (OSError, ValueError):  # not of the system: a notebook, a test
        return cast(BinaryIO, getattr(sys.stdin, "buffer", None)) or io.BytesIO(sys.stdin.read().encode())
    return io.BufferedReader(_Patient(descriptor, closes=False))


def read(file: str, may_be_pipe: bool = False) -> Node:
    """Read a file; ``-`` is standard input. Raises ScenarioError where it cannot be read or is not well-formed."""
    try:
        with opened(file, may_be_pipe) as source:
            raw = source.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have, too
        raise ScenarioError([Problem(file, 0, 0, "", f"cannot be read: {unreadable(error)}")]) from None
    if len(raw) > MOST_BYTES:
        raise ScenarioError([Problem(file, 0, 0, "", f"the file has more than {MOST_BYTES // 10**6} MB")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        column = len(before.rpartition(b"\n")[2].decode("utf-8-sig")) + 1
        raise ScenarioError([Problem(file, before.count(b"\n") + 1, column, "", "is not UTF-8 text")]) from None
    return compose(text, file)


def unreadable(error: OSError | ValueError) -> str:
    """Why a file could not be opened."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def by_command(named_in: str) -> bool:
    """Whether what is named there is named by the command line, or by a program, and not by a file."""
    return named_in.startswith(("<", "--"))


def located(file: str, named_in: str) -> str:
    """Absolute path of a file named in a scenario; on the command line or standard input, from where we are."""
    folder = Path() if named_in in ("-", "") or by_command(named_in) else Path(named_in).parent
    try:
        path = folder / Path(file).expanduser()
        resolved = path.resolve()
        is_pipe = not resolved.exists() and path.exists()  # <(zcat x) is /dev/fd/63, a link to no file
        return str(path.absolute() if is_pipe else resolved)
    except (OSError, ValueError, RuntimeError):
        return file  # not a path at all: whoever opens it says so


def short(path: str) -> str:
    """A path as people write it: from the working directory where it lies below."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
