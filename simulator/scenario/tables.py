"""Tables of numbers, whatever they are for: one reader of their lines, header and columns.

Read is what can mean one thing: commas, semicolons or tabs, objects of JSON a line, quotes, gzip, dates of ISO 8601,
decimal commas where the separator is none. Refused, with line, column and cure, is what would be guessed: rows longer
or shorter than the first, separators of thousands, columns of one name, a choice among columns.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

from simulator.base.units import COLUMN_UNITS
from simulator.scenario.cells import is_date, is_value
from simulator.scenario.files import opened, unreadable
from simulator.scenario.merge import did_you_mean
from simulator.scenario.rows import Format, Row, TraceError

#: Bytes of a line, and of a file as it is unpacked, at most; and of a pipe, which is held.
MOST_LINE, MOST_FILE, MOST_PIPE = 1_000_000, 20_000_000_000, 1_000_000_000
#: Rows at most: 8 bytes each for a column.
MOST_ROWS = 100_000_000

_FORMATS = {b"PAR1": "parquet", b"PK\x03\x04": "xlsx or zip", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}

_CONTROL = re.compile("[\0\r]")

#: How the name of a column says its unit, at its end: ``latency_ms``, ``time (us)``, ``seconds``.
_UNITS = {
    "s": "sec secs second seconds",
    "ms": "msec msecs millis millisecond milliseconds",
    "us": "µs usec usecs micros microsecond microseconds",
    "ns": "nsec nsecs nanos nanosecond nanoseconds",
}
_WORDS = "|".join(word for unit, words in _UNITS.items() for word in (unit, *words.split()))
_UNIT = re.compile(rf"(?:^|[_ .(\[])({_WORDS})[)\]]?$", re.IGNORECASE)

Read = TypeVar("Read")


@dataclass(frozen=True)
class Column:
    """A column that is wanted."""

    what: str  #: what its cells are: the instant, the count
    name: str | None = None  #: in the header; None: the one that is left


class Table:
    """A file of rows, read once from its first line to the last."""

    def __init__(self, file: str, source: BinaryIO) -> None:
        self.file = file
        self.lines = _lines(file, source)
        self.names: list[str] | None = None  #: None: it has no header
        self.first = self._first()
        self.width = 0 if self.first is None else len(self.first.cells)
        self.ahead: list[Row] = []
        if self.first is not None:
            self._begin(self.first)

    def places(self, wanted: Sequence[Column]) -> list[int]:
        """Where the wanted columns are. Raises TraceError where that is not said."""
        if self.first is None:
            return [0] * len(wanted)
        named: dict[str, int] = {}
        for column in wanted:
            if column.name is not None:
                named[column.name] = self._place(self.first, column)
        left = [place for place in range(self.width) if place not in named.values()]
        open_columns = [column for column in wanted if column.name is None]
        if len(open_columns) != len(left) and open_columns:
            self._refuse_choice(self.first, wanted)
        rest = iter(left)
        return [next(rest) if column.name is None else named[column.name] for column in wanted]

    def rows(self) -> Iterator[Row]:
        """Its rows, the header left out. Raises TraceError at one that is longer or shorter than the first."""
        for count, row in enumerate(self._rows()):
            if len(row.cells) != self.width:
                self._refuse_length(row)
            if count >= MOST_ROWS:
                row.fail(f"more than {MOST_ROWS:,} rows; take a part of them")
            yield row

    def listed(self) -> str:
        """Names of its columns, for messages; none of a file that is no table, whose first line may be a secret."""
        is_table = self.ahead and any(map(is_value, self.ahead[0].cells))
        return ", ".join(name or "''" for name in self.names or ()) if is_table else ""

    def hold_to(self, place: int, unit_s: float) -> None:
        """Refuse a column of numbers whose name has another unit than is asked for. Raises TraceError."""
        said = _UNIT.search((self.names or [""] * self.width)[place]) if self.first is not None else None
        if said is None or self.first is None or not self.ahead:
            return
        if place >= len(self.ahead[0].cells) or is_date(self.ahead[0].cells[place]):
            return  # a row that is too short is refused where it is read
        meant = next(unit for unit, words in _UNITS.items() if said[1].lower() in (unit, *words.split()))
        if COLUMN_UNITS[meant] != unit_s:
            asked = next(unit for unit, seconds in COLUMN_UNITS.items() if seconds == unit_s)
            cure = f"write unit: {meant}, or call it otherwise"
            self.first.fail(f"the column's name says {meant}, and its unit is {asked}; {cure}", place)

    def _first(self) -> Row | None:
        for line, text in self.lines:
            return Format.of(self.file, line, text).row(line, text)
        return None

    def _begin(self, first: Row) -> None:
        if not first.cells:
            first.fail("a row without a value: its object has no key", 0)
        if first.table.separator and any(map(is_value, first.cells)):
            self.ahead = [first]
            return
        self.names = first.cells
        if not first.table.separator:
            self.ahead = [first.table.row(first.line, first.text, self.names)]
            return
        self.ahead = [first.table.row(line, text) for line, text in _head(self.lines)]
        for place, name in enumerate(self.names):
            if name and name in self.names[:place]:
                said = repr(name) if self.listed() else "the same"
                first.fail(f"two columns are called {said}; give each a name of its own", place)

    def _rows(self) -> Iterator[Row]:
        yield from self.ahead
        if self.first is not None:
            form, names = self.first.table, self.names
            for line, text in self.lines:
                yield form.row(line, text, names)

    def _place(self, first: Row, column: Column) -> int:
        if self.names is None:
            cure = f"give it a first line with names, {column.name} among them"
            first.fail(f"no column {column.name!r}: the file has no header; {cure}")
        if column.name not in self.names:
            known = self.names if self.listed() else []
            first.fail(f"no column {column.name!r}{did_you_mean(str(column.name), known)}")
        return self.names.index(column.name)

    def _refuse_choice(self, first: Row, wanted: Sequence[Column]) -> None:
        whats = " and the ".join(column.what for column in wanted if column.name is None)
        count = f"{self.width} column{'s' if self.width > 1 else ''}"
        if self.width < len(wanted):
            first.fail(f"only {count} here, and {len(wanted)} are wanted: the {whats}")
        if self.names is None:
            first.fail(f"{count} and no header; give it a first line with their names, and say which is the {whats}")
        listed = self.listed()
        like = ", as column: NAME" if len(wanted) == 1 and listed else ""  # which one, only the user knows
        first.fail(f"{count}{f' ({listed})' if listed else ''}; say which is the {whats}{like}")

    def _refuse_length(self, row: Row) -> None:
        count, above = len(row.cells), "the header names" if self.names else "the first row has"
        if count > self.width and row.table.separator == ",":
            cure = "a decimal comma or a separator of thousands? Write 1234.5, or quote text that has a comma"
        else:
            cure = "write all cells of a row, empty ones too" if count < self.width else "quote text that has one"
        row.fail(f"{count} cell{'s' if count > 1 else ''} where {above} {self.width}; {cure}", self.width)


def read_table(file: str, source: BinaryIO, read: Callable[[Table], Read]) -> tuple[Read, str]:
    """What ``read`` makes of a table, and the sha256 of the bytes of the file. Raises TraceError."""
    hashed = _Hashed(source)
    with io.BufferedReader(hashed, 1 << 16) as raw:
        try:
            start = raw.peek(4)[:4]
            for magic, name in _FORMATS.items():
                if start.startswith(magic):
                    raise TraceError(file, 0, f"is a file of {name}, and not UTF-8 text; export it as CSV")
            is_packed = start.startswith(b"\x1f\x8b")
            table = Table(file, gzip.GzipFile(fileobj=raw) if is_packed else raw)  # type: ignore[arg-type]
            answer = read(table)
            while raw.read(1 << 16):
                pass  # the hash is that of all
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise TraceError(file, 0, "is broken: it begins as gzip does, and does not go on so") from None
        except TraceError:
            raise
        except (OSError, ValueError) as error:  # ValueError: a name that no file can have
            raise TraceError(file, 0, f"cannot be read: {unreadable(error)}") from None
    return answer, hashed.digest.hexdigest()


def open_table(file: str, may_be_pipe: bool) -> BinaryIO:
    """The bytes of a file. Raises TraceError."""
    try:
        return opened(file, may_be_pipe)
    except (OSError, ValueError) as error:
        raise TraceError(file, 0, f"cannot be read: {unreadable(error)}") from None


class _Hashed(io.RawIOBase):
    """Bytes, hashed as they pass."""

    def __init__(self, source: BinaryIO) -> None:
        self.source, self.digest = source, hashlib.sha256()

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, room: Any) -> int:
        """What there is."""
        got = self.source.readinto(room)  # type: ignore[attr-defined]
        self.digest.update(room[:got])
        return int(got)


def _head(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The next of them, if there is one."""
    for one in lines:
        yield one
        return


def _lines(file: str, source: BinaryIO) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, counted from 1, without their ends; each of a size that memory holds."""
    line = size = 0
    while raw := source.readline(MOST_LINE + 1):
        line, size = line + 1, size + len(raw)
        if len(raw) > MOST_LINE:
            raise TraceError(file, line, f"a line of more than {MOST_LINE:,} bytes; a row is a line of its own")
        if size > MOST_FILE:
            raise TraceError(file, line, f"more than {MOST_FILE // 10**9} GB; take a part of it")
        try:
            text = raw.decode("utf-8-sig" if line == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise TraceError(file, line, "is not UTF-8 text", error.start + 1) from None
        text = text.rstrip("\r\n")
        control = _CONTROL.search(text)
        if control is not None:
            raise TraceError(file, line, "a control character; lines end with a line feed", control.start() + 1)
        if text.strip(" \t,;"):
            yield line, text
