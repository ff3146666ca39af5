"""Files that a scenario names: where they are, reading them, and numbers from columns of a CSV file."""

import csv
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from simulator.base.errors import Problem, ScenarioError
from simulator.scenario.merge import did_you_mean
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


class TraceError(ValueError):
    """A file of numbers is wrong; with its line, counted from 1, or 0 for the whole file."""

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(message)
        self.file = file
        self.line = line
        self.message = message


@dataclass(frozen=True)
class Column:
    """A column that is wanted."""

    what: str  #: what its cells are: the instant, the count
    name: str | None = None  #: in the header; None: the first column
    must_choose: bool = False  #: without a name the file must have no other column


def read_numbers(file: str, columns: Sequence[Column]) -> Iterator[tuple[int, list[float]]]:
    """Lines of a CSV file, counted from 1, with the finite number in each of the columns; blank lines are left out.

    A first line is a header if a column has a name or its first cell is not a number.

    Raises
    ------
    TraceError
        If the file cannot be read, has no such column, or a cell is not a number that is finite and at least 0.
    """
    places: list[int] | None = None
    for line, cells in read_rows(file):
        if places is None:
            is_header = any(column.name is not None for column in columns) or not is_number(cells[0])
            places = [_place(file, line, column, cells, is_header) for column in columns]
            if is_header:
                continue
        yield line, [_number(file, line, cells, *pair) for pair in zip(places, columns, strict=True)]


def read_rows(file: str) -> Iterator[tuple[int, list[str]]]:
    """Lines of a CSV file, counted from 1, with their cells; blank lines are left out.

    Raises
    ------
    TraceError
        If the file cannot be read or is not such a file.
    """
    try:
        path = Path(file)
        if path.is_char_device() or path.is_block_device():
            raise TraceError(file, 0, "cannot be read: a device, not a file")
        with path.open(newline="", encoding="utf-8-sig") as source:
            rows = csv.reader(source)
            for cells in rows:
                if any(cell.strip() for cell in cells):
                    yield rows.line_num, cells
    except UnicodeDecodeError:
        raise TraceError(file, 0, "is not UTF-8 text") from None
    except csv.Error as error:
        raise TraceError(file, rows.line_num, f"is not a CSV file: {error}") from None
    except TraceError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise TraceError(file, 0, f"cannot be read: {unreadable(error)}") from None


def is_number(cell: str) -> bool:
    """Whether a cell is a number, finite or not."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _place(file: str, line: int, column: Column, cells: list[str], is_header: bool) -> int:
    names = [cell.strip() for cell in cells]
    if column.name is not None:
        if column.name not in names:
            raise TraceError(file, line, f"no column {column.name!r}{did_you_mean(column.name, names)}")
        return names.index(column.name)
    if column.must_choose and len(names) > 1:
        which = f" ({', '.join(names)})" if is_header else " and no header"
        cure = (
            f"say which is the {column.what}, like column: {names[-1]}"
            if is_header
            else "give it a first line with their names"
        )
        raise TraceError(file, line, f"{len(names)} columns{which}; {cure}")
    return 0


def _number(file: str, line: int, cells: list[str], place: int, column: Column) -> float:
    if place >= len(cells):
        raise TraceError(file, line, f"only {len(cells)} columns here, the {column.what} is in column {place + 1}")
    cell = cells[place].strip()
    try:
        number = float(cell)
    except ValueError:
        raise TraceError(file, line, f"{cell!r} is not a number") from None
    if not math.isfinite(number):
        raise TraceError(file, line, f"{cell} is not a finite number")
    if number < 0:
        raise TraceError(file, line, f"the {column.what} {cell} is negative")
    return number
