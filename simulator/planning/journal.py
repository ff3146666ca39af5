"""The journal of a sweep: each point as it is finished; a kill at any moment loses at most what was under way."""

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from simulator.base.errors import UnavailableError
from simulator.base.formats import counted
from simulator.base.places import is_file
from simulator.documents import parts, sweep
from simulator.planning.questions import Questions
from simulator.planning.rows import Row
from simulator.scenario import to_yaml
from simulator.scenario.files import read
from simulator.scenario.nodes import compose

#: Files of a sweep's directory: what was asked, and what is answered so far.
ASKED, JOURNAL = "sweep.yaml", "journal.jsonl"
#: Key of a line's checksum.
CHECKSUM = "crc32"


class Journal:
    """The rows of a sweep's directory; a process that has it open has it alone."""

    def __init__(self, folder: Path, questions: Questions) -> None:
        """Open the journal of a directory that has one.

        Raises
        ------
        UnavailableError
            If there is none, another process has it open, it is of another sweep, or it is damaged.
        """
        self.path = folder / JOURNAL
        self.questions = questions
        if not is_file(folder / ASKED) or not is_file(self.path):
            raise UnavailableError(f"{folder}: holds no sweep to resume; begin one with -o {folder}")
        try:  # a link would have what it leads to written over
            self.file: IO[bytes] = os.fdopen(os.open(self.path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)), "r+b")
        except OSError as error:
            why = "is a link" if self.path.is_symlink() else error.strerror
            raise UnavailableError(f"{self.path}: {why}; a sweep is resumed where it wrote its journal") from None
        try:
            _lock(self.file, folder)
            if not self.path.exists() or not os.path.samestat(os.fstat(self.file.fileno()), self.path.stat()):
                raise UnavailableError(f"{folder}: another process removed this sweep; begin it again with -o {folder}")
            self._refuse_another(folder)
            self.rows = dict(self._read())
            self.written = len(self.rows)
        except BaseException:
            self.file.close()
            raise

    def _refuse_another(self, folder: Path) -> None:
        then = _provenance(folder / ASKED)
        now = compose(to_yaml(self.questions.provenance()), ASKED).plain()
        for one in (then, now):
            if isinstance(one.get("versions"), dict):
                one["versions"].pop("python", None)  # figures do not depend on it
        lines = list(differences(then, now))
        if lines:
            hashes = ("scenario_sha256", "points_sha256")
            kept = [text for text in lines if not text.startswith(hashes)]
            kept = kept or ["a file that the scenario names holds something else"]
            raise UnavailableError(
                f"{folder}: is another sweep, and is not resumed:\n" + "\n".join(f"  {text}" for text in kept)
            )

    def _read(self) -> Iterator[tuple[int, Row]]:
        """Rows by number of point. What was being written when the process ended is cut off."""
        lines = self.file.read().splitlines(keepends=True)
        length = 0
        for number, line in enumerate(lines, 1):
            entry = _entry(line)
            if entry is None:
                if number < len(lines):
                    raise UnavailableError(
                        f"{self.path}:{number}: is damaged; remove this line, and its point runs again"
                    )
                break
            length += len(line)
            index, values, row = entry
            if not 0 <= index < len(self.questions.values) or values != self.questions.values[index]:
                raise UnavailableError(f"{self.path}:{number}: is not a point of this sweep; remove this line")
            yield index, row
        self.file.truncate(length)
        self.file.seek(length)

    def keep(self, index: int, row: Row) -> None:
        """Write the row of a point; it is on the disk when this returns.

        Raises
        ------
        UnavailableError
            If it cannot be written: with how many are kept, and how to go on.
        """
        entry: sweep.Answered = {"point": index, "values": self.questions.values[index], "row": row}
        line: sweep.Journaled = {**entry, "crc32": checksum(entry)}
        try:
            self.file.write(json.dumps(line, allow_nan=False).encode() + b"\n")
            self.file.flush()
            os.fsync(self.file.fileno())
        except OSError as error:
            kept = f"{self.kept} of {counted(self.questions.grid.count, 'point')} are kept"
            kept += f"; make room, then go on with --resume {self.path.parent}"
            raise UnavailableError(f"{self.path}: cannot be written: {error.strerror}; {kept}") from None
        self.written += 1

    @property
    def kept(self) -> int:
        """Number of points that are on the disk: an interrupt may come between a line and its count."""
        if not self.file.closed:  # to open and close it once more would give the lock back
            return os.pread(self.file.fileno(), os.fstat(self.file.fileno()).st_size, 0).count(b"\n")
        try:
            return self.path.read_bytes().count(b"\n")
        except FileNotFoundError:  # its directory was removed meanwhile
            return self.written

    def discard(self) -> None:
        """Remove the directory of a sweep that never began."""
        for name in (ASKED, JOURNAL):
            (self.path.parent / name).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            self.path.parent.rmdir()

    def close(self) -> None:
        """Let others have it."""
        with suppress(OSError):  # what could not be written is tried once more, and ``keep`` has told of it
            self.file.close()


def _provenance(file: Path) -> dict[str, Any]:
    """What was asked, as it was written."""
    then = read(str(file)).plain()
    if not isinstance(then, dict):
        raise UnavailableError(f"{file}: is not what a sweep writes there")
    return then


def _entry(line: bytes) -> tuple[int, parts.Values, Row] | None:
    """What a line says; None if it is not whole, or not as it was written."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
        if entry.pop(CHECKSUM) != checksum(entry):
            return None
        return int(entry["point"]), dict(entry["values"]), dict(entry["row"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def checksum(entry: sweep.Answered) -> str:
    """CRC-32 of an entry as it is written: a line that was changed in any way is no answer."""
    return f"{zlib.crc32(json.dumps(entry).encode()):08x}"


def _lock(file: IO[bytes], folder: Path) -> None:
    """Hold the file until it is closed, or the process ends; children do not hold it."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise UnavailableError(f"{folder}: another process is at work on this sweep") from None


def differences(then: Any, now: Any, path: str = "") -> Iterator[str]:
    """Where plain values differ: ``stages[0].shards: 4 then, 8 now``.

    >>> list(differences({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}], "c": 4}))
    ['a[1].b: 2 then, 3 now', 'c: not there then, 4 now']
    """
    if isinstance(then, dict) and isinstance(now, dict):
        for key in {**then, **now}:
            below = f"{path}.{key}" if path else str(key)
            yield from differences(then.get(key, _ABSENT), now.get(key, _ABSENT), below)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for place, (one, other) in enumerate(zip(then, now, strict=True)):
            yield from differences(one, other, f"{path}[{place}]")
    elif then != now:
        yield f"{path}: {_short(then)} then, {_short(now)} now"


_ABSENT = object()


def _short(value: Any) -> str:
    text = "not there" if value is _ABSENT else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
