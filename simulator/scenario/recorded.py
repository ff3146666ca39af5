"""What was recorded, from CSV files: the instants or counts of a load, a law's values, the times of a model."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simulator.core.laws import Law
from simulator.core.plan import F8, frozen
from simulator.scenario.files import Column, TraceError, is_number, read_numbers, read_rows
from simulator.scenario.merge import did_you_mean

TIMESTAMPS, GAPS = "timestamps", "gaps"


@dataclass(frozen=True, eq=False)
class Trace:
    """Queries as they were recorded."""

    timestamp_s: F8  #: (rows,) non-decreasing
    work: F8 | None  #: (rows,) of mean 1; None: not recorded


@lru_cache(maxsize=16)
def read_trace(
    file: str, column: str | None, unit_s: float, values: str = TIMESTAMPS, work: str | None = None
) -> Trace:
    """Read a trace.

    Parameters
    ----------
    file
        A CSV file; its first line may be a header.
    column
        Name of the column of instants or gaps; None: the first.
    unit_s
        Seconds of one unit of the column.
    values
        TIMESTAMPS, or GAPS: each the time since the row above, so that of the first row does not matter.
    work
        Name of the column that says how heavy a query is, in any unit; None: there is none.

    Raises
    ------
    TraceError
        If the file cannot be read, has no row, a number is negative or not one, or an instant is before the one
        above it; or if all the work is 0.
    """
    what = "instant" if values == TIMESTAMPS else "gap"
    columns = [Column(what, column)] + ([] if work is None else [Column("work", work)])
    recorded: list[float] = []
    weights: list[float] = []
    for line, (value, *rest) in read_numbers(file, columns):
        if values == TIMESTAMPS and recorded and value < recorded[-1]:
            above = f"the {what} {value!r} is before {recorded[-1]:g} in the row above"
            raise TraceError(file, line, f"{above}; sort the rows by time")
        recorded.append(value)
        weights += rest
    if not recorded:
        raise TraceError(file, 0, f"the trace is empty: it has no row of {what}s")
    timestamp_s = np.array(recorded) * unit_s
    if values == GAPS:
        timestamp_s = np.cumsum(timestamp_s)
    if work is not None and not sum(weights) > 0:
        raise TraceError(file, 0, f"all of column {work!r} is 0: no query has any work")
    relative = None if work is None else frozen(np.array(weights) / np.mean(weights))
    return Trace(frozen(timestamp_s), relative)


@lru_cache(maxsize=16)
def read_counts(file: str, column: str | None) -> F8:
    """Counts of queries in equal intervals, (rows,).

    ``column``: its name; None where the file has only one.

    Raises
    ------
    TraceError
        If the file cannot be read, has no row, a count is negative or not a number, or all are 0.
    """
    counts = [count for _, [count] in read_numbers(file, [Column("count", column, must_choose=True)])]
    if not counts:
        raise TraceError(file, 0, "the profile is empty: it has no row of counts")
    if not sum(counts) > 0:
        raise TraceError(file, 0, "no query would arrive: all counts are 0")
    return frozen(np.array(counts))


#: Values of a file, at most: they are part of every plan.
MOST_VALUES = 1_000_000


@lru_cache(maxsize=16)
def read_law(file: str) -> Law:
    """The law of a CSV file, in the unit of its values, >= 0.

    One column: values, each as likely. Two: value and the share of values up to it, linear between the rows, both
    non-decreasing, the last share 1. A first line whose first cell is not a number is a header.

    Raises
    ------
    TraceError
        If the file cannot be read, or a row is not as said; with its line.
    """
    values: list[float] = []
    shares: list[float] = []
    for line, cells in read_rows(file):
        if line > 1 or is_number(cells[0]):
            _read_row(file, line, cells, values, shares)
    if not values:
        raise TraceError(file, 0, "the file is empty: it has no row of values")
    if max(values) == 0:
        raise TraceError(file, 0, "all values are 0")
    if not shares:
        return Law.empirical(values)
    if abs(shares[-1] - 1.0) > 1e-9:
        raise TraceError(file, 0, f"the last share is {shares[-1]:g}; the shares of all values end at 1")
    if len(values) < 2:
        raise TraceError(file, 0, "shares need at least two rows")
    return Law.empirical_cdf(values, [*shares[:-1], 1.0])


def _read_row(file: str, line: int, cells: list[str], values: list[float], shares: list[float]) -> None:
    """Check a row and append it."""
    columns = len(cells) if not values else 2 if shares else 1
    if columns > 2 or len(cells) < columns:
        raise TraceError(file, line, f"{len(cells)} columns; a law has values, or values and their shares up to there")
    numbers = []
    for cell in cells[:columns]:
        text = cell.strip()
        if not is_number(text) or not math.isfinite(float(text)):
            raise TraceError(file, line, f"{text!r} is not a finite number")
        if float(text) < 0:
            raise TraceError(file, line, f"{text} is negative")
        numbers.append(float(text))
    if columns == 2:
        if values and numbers[0] < values[-1]:
            raise TraceError(
                file, line, f"the value {numbers[0]:g} is below {values[-1]:g} in the row above; sort them"
            )
        if numbers[1] > 1 + 1e-9 or (shares and numbers[1] < shares[-1]):
            raise TraceError(file, line, f"the share {numbers[1]:g} must not fall from row to row, and be at most 1")
        shares.append(min(numbers[1], 1.0))
    values.append(numbers[0])
    if len(values) > MOST_VALUES:
        raise TraceError(file, line, f"more than {MOST_VALUES:,} values; take a sample of them, or shares")


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
