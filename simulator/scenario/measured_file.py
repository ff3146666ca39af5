"""Reading a calibration: a CSV file with a row for each measurement of a model, its items and its time."""

from __future__ import annotations

import math
from functools import lru_cache

from simulator.scenario.csv_file import TraceError, read_rows
from simulator.scenario.merge import did_you_mean

#: Sizes at most: a task's cost is looked up among them one by one.
MOST_SIZES = 1000
MOST_ROWS = 1_000_000

Rows = tuple[tuple[float, ...], tuple[float, ...]]


@lru_cache(maxsize=16)
def read_measured(file: str, items: str | None, time: str | None, unit_s: float) -> Rows:
    """Items and times in seconds of each row.

    Parameters
    ----------
    file
        A CSV file with a header.
    items, time
        Names of the columns of the number of items and of the time; None: the first and the second.
    unit_s
        Seconds of one unit of the times.

    Raises
    ------
    TraceError
        If the file cannot be read, has fewer than two sizes or too many, or a cell is not such a number.
    """
    sizes: list[float] = []
    times_s: list[float] = []
    places: tuple[int, int] | None = None
    for line, cells in read_rows(file):
        if places is None:
            places = _places(file, line, [cell.strip() for cell in cells], items, time)
            continue
        sizes.append(_number(file, line, cells, places[0], "a number of items"))
        times_s.append(_number(file, line, cells, places[1], "a time") * unit_s)
        if times_s[-1] <= 0:
            raise TraceError(file, line, f"the time {cells[places[1]].strip()} is not above 0")
        if len(sizes) > MOST_ROWS:
            raise TraceError(file, line, f"more than {MOST_ROWS:,} rows")
    different = len(set(sizes))
    if different < 2:
        message = f"times at {different} number{'s' if different != 1 else ''} of items; a cost takes two at least"
        raise TraceError(file, 0, message)
    if different > MOST_SIZES:
        raise TraceError(file, 0, f"times at {different} numbers of items; at most {MOST_SIZES}")
    return tuple(sizes), tuple(times_s)


def _places(file: str, line: int, names: list[str], items: str | None, time: str | None) -> tuple[int, int]:
    """Columns of items and time."""
    columns = []
    for default, wanted in enumerate((items, time)):
        if wanted is None:
            columns.append(default)
        elif wanted in names:
            columns.append(names.index(wanted))
        else:
            raise TraceError(file, line, f"no column {wanted!r}{did_you_mean(wanted, names)}")
    return columns[0], columns[1]


def _number(file: str, line: int, cells: list[str], place: int, what: str) -> float:
    if place >= len(cells):
        raise TraceError(file, line, f"only {len(cells)} columns here, {what} is in column {place + 1}")
    cell = cells[place].strip()
    try:
        number = float(cell)
    except ValueError:
        raise TraceError(file, line, f"{cell!r} is not {what}") from None
    if not math.isfinite(number) or number < 0:
        raise TraceError(file, line, f"{cell} is not {what}")
    return number
