"""Reading a recorded load: a column of instants in a CSV file."""

from __future__ import annotations

import csv
import math
from functools import lru_cache
from pathlib import Path

import numpy as np

from simulator.core.plan import F8
from simulator.scenario.merge import did_you_mean


class TraceError(ValueError):
    """A trace file is wrong; with its line, counted from 1, or 0 for the whole file."""

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(message)
        self.file = file
        self.line = line
        self.message = message


@lru_cache(maxsize=16)
def read_trace(file: str, column: str | None, unit_s: float) -> F8:
    """Instants of a trace, (rows,) float64 seconds, non-decreasing.

    Parameters
    ----------
    file
        A CSV file. A first line whose cell is not a number is a header.
    column
        Name of the column in the header; None: the first.
    unit_s
        Seconds of one unit of the column.

    Raises
    ------
    TraceError
        If the file cannot be read, has no row, or an instant is not a number, negative, or before the one above it.
    """
    instants: list[float] = []
    place, before, is_first = 0, 0.0, True
    try:
        with Path(file).open(newline="", encoding="utf-8-sig") as source:
            rows = csv.reader(source)
            for cells in rows:
                line = rows.line_num
                if not cells or (len(cells) == 1 and not cells[0].strip()):
                    continue
                if is_first:
                    is_first = False
                    if _is_header(cells, column):
                        place = _column(file, line, cells, column)
                        continue
                before = _instant(file, line, cells, place, before)
                instants.append(before)
    except OSError as error:
        raise TraceError(file, 0, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TraceError(file, 0, "is not UTF-8 text") from None
    except csv.Error as error:
        raise TraceError(file, 0, f"is not a CSV file: {error}") from None
    if not instants:
        raise TraceError(file, 0, "the trace is empty: it has no row of instants")
    timestamp_s = np.array(instants) * unit_s
    timestamp_s.flags.writeable = False
    return timestamp_s


def _is_header(cells: list[str], column: str | None) -> bool:
    if column is not None:
        return True
    try:
        float(cells[0])
    except ValueError:
        return True
    return False


def _column(file: str, line: int, cells: list[str], column: str | None) -> int:
    if column is None:
        return 0
    names = [cell.strip() for cell in cells]
    if column not in names:
        raise TraceError(file, line, f"no column {column!r}{did_you_mean(column, names)}")
    return names.index(column)


def _instant(file: str, line: int, cells: list[str], place: int, before: float) -> float:
    if place >= len(cells):
        raise TraceError(file, line, f"only {len(cells)} columns here, the instant is in column {place + 1}")
    cell = cells[place].strip()
    try:
        instant = float(cell)
    except ValueError:
        raise TraceError(file, line, f"{cell!r} is not a number") from None
    if not math.isfinite(instant):
        raise TraceError(file, line, f"{cell} is not a finite number")
    if instant < 0:
        raise TraceError(file, line, f"the instant {cell} is negative")
    if instant < before:
        raise TraceError(file, line, f"the instant {cell} is before {before:g} in the row above; sort the rows by time")
    return instant
