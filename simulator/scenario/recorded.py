"""What was recorded, from tables: the instants or counts of a load, a law's values, the times of a model."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.base.formats import counted, shortest
from simulator.core.laws import Law
from simulator.core.plan import F8, frozen
from simulator.models import MeasuredModel
from simulator.scenario.cells import Instants, Numbers
from simulator.scenario.labels import labels_of
from simulator.scenario.rows import Row, TraceError
from simulator.scenario.tables import Column, Table

TIMESTAMPS, GAPS = "timestamps", "gaps"

#: Counts, and values of a law, at most: their squares are added up.
MOST = 1e100


@dataclass(frozen=True, eq=False)
class Trace:
    """Queries as they were recorded."""

    timestamp_s: F8  #: (rows,) non-decreasing, the first 0 where they are instants
    work: F8 | None  #: (rows,) of mean 1; None: not recorded


def read_trace(
    table: Table, column: str | None, unit_s: float, values: str = TIMESTAMPS, work: str | None = None
) -> Trace:
    """Read a trace.

    Parameters
    ----------
    table
        Its first line may be a header.
    column
        Name of the column of instants or gaps; None: the only one there is.
    unit_s
        Seconds of one unit of the column; dates have none.
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
    place, *others = table.places([Column(what, column)] + ([] if work is None else [Column("work", work)]))
    table.hold_to(place, unit_s)
    instants = Instants(what, place, unit_s) if values == TIMESTAMPS else Numbers(what, place)
    weights = [Numbers("work", other) for other in others]
    recorded, weight = array("d"), array("d")
    for row in table.rows():
        recorded.append(instants.of(row))
        for one in weights:
            weight.append(one.of(row))
    for numbers in (instants, *weights):
        numbers.end()
    if not recorded:
        raise TraceError(table.file, 0, f"the trace is empty: it has no row of {what}s")
    timestamp_s = np.array(recorded)
    if values == GAPS:
        timestamp_s = np.cumsum(timestamp_s * unit_s)
    if not np.isfinite(timestamp_s[-1]):
        raise TraceError(table.file, 0, "the trace lasts longer than a number holds")
    return Trace(frozen(timestamp_s), None if work is None else _relative(table, work, np.array(weight)))


#: A gap is a multiple of a tick within such a part of it: instants are floats.
ON_TICK = 1e-3


def tick_of(timestamp_s: F8) -> float | None:
    """Seconds of a tick of the clock that took the instants, (rows,) non-decreasing; None: none is seen.

    It is seen where most rows have the instant of the row above, and the others are whole ticks after it.

    >>> tick_of(np.array([0.0, 0.0, 0.0, 2.0, 2.0, 6.0])), tick_of(np.array([0.0, 0.0, 0.0, 2.0, 2.0, 5.0]))
    (2.0, None)
    """
    gap_s = np.diff(timestamp_s)
    later_s = gap_s[gap_s > 0]
    if 2 * len(later_s) >= len(gap_s) or len(later_s) < 2:
        return None
    tick_s = float(later_s.min())
    ticks = later_s / tick_s
    return tick_s if np.abs(ticks - np.rint(ticks)).max() < ON_TICK else None


def _relative(table: Table, work: str, weight: F8) -> F8:
    """Weights over their mean; over the largest first, so that no sum overflows."""
    most = float(weight.max())
    if not most > 0:
        raise TraceError(table.file, 0, f"all of column {work!r} is 0: no query has any work")
    return frozen(weight / most / np.mean(weight / most))


def read_counts(table: Table, column: str | None) -> F8:
    """Counts of queries in equal intervals, (rows,).

    ``column``: its name; None where the file has only one.

    Raises
    ------
    TraceError
        If the file cannot be read, has no row, a count is negative or not a number, or all are 0.
    """
    numbers = Numbers("count", table.places([Column("count", column)])[0], MOST)
    counts = np.array(array("d", map(numbers.of, table.rows())))
    numbers.end()
    if not len(counts):
        raise TraceError(table.file, 0, "the profile is empty: it has no row of counts")
    if not counts.any():
        raise TraceError(table.file, 0, "no query would arrive: all counts are 0")
    return frozen(counts)


#: Values of a file, at most: they are part of every plan.
MOST_VALUES = 1_000_000


def read_law(table: Table) -> Law:
    """The law of a table, in the unit of its values, >= 0.

    One column: values, each as likely. Two: value and the share of values up to it, linear between the rows, both
    non-decreasing, the last share 1. The first line may be a header.

    Raises
    ------
    TraceError
        If the file cannot be read, or a row is not as said; with its line.
    """
    if table.first is not None and table.width > 2:
        message = f"{table.width} columns; a law has values, or values and their shares up to there"
        table.first.fail(f"{message}: leave the others out", 2)
    value, share = Numbers("value", 0, MOST), Numbers("share", 1)
    values, shares = array("d"), array("d")
    for row in table.rows():
        if len(values) == MOST_VALUES:
            row.fail(f"more than {MOST_VALUES:,} values; take a sample of them, or shares")
        values.append(value.of(row))
        if table.width == 2:
            shares.append(share.of(row))
            _check_shares(row, values, shares)
    value.end()
    share.end()
    if not values:
        raise TraceError(table.file, 0, "the file is empty: it has no row of values")
    if max(values) == 0:
        raise TraceError(table.file, 0, "all values are 0")
    if not shares:
        return Law.empirical(values)
    if abs(shares[-1] - 1.0) > 1e-9:
        raise TraceError(table.file, 0, f"the last share is {shortest(shares[-1])}; the shares of all values end at 1")
    if len(values) < 2:
        raise TraceError(table.file, 0, "shares need at least two rows")
    return Law.empirical_cdf(values, [*(min(one, 1.0) for one in shares[:-1]), 1.0])


def _check_shares(row: Row, values: array[float], shares: array[float]) -> None:
    """Neither falls from row to row."""
    if len(values) > 1 and values[-1] < values[-2]:
        row.fail(f"the value {shortest(values[-1])} is below {shortest(values[-2])} in the row above; sort them")
    if shares[-1] > 1 + 1e-9 or (len(shares) > 1 and shares[-1] < shares[-2]):
        row.fail(f"the share {shortest(shares[-1])} must not fall from row to row, and be at most 1", 1)


#: Sizes at most: a task's cost is looked up among them one by one.
MOST_SIZES = 1000
MOST_TIMES = 1_000_000


@dataclass(frozen=True, eq=False)
class Measured:
    """Times by numbers of items, a row a measurement."""

    items: F8  #: (rows,)
    time_s: F8  #: (rows,) above 0
    mixed: tuple[str, ...]  #: names of other columns by which the times at one size differ

    @cached_property
    def model(self) -> MeasuredModel:
        """The cost law, without an overhead."""
        return MeasuredModel.of(self.items, self.time_s)


def read_measured(table: Table, items: str | None, time: str | None, unit_s: float) -> Measured:
    """Items and times in seconds of each row.

    Parameters
    ----------
    table
        Its first line may be a header.
    items, time
        Names of the columns of the number of items and of the time; None: of two columns the first and the second.
    unit_s
        Seconds of one unit of the times.

    Raises
    ------
    TraceError
        If the file cannot be read, has too many sizes or no row, or a cell is not such a number.
    """
    wanted = [Column("number of items", items), Column("time", time)]
    size, spent = (
        Numbers(column.what, place, MOST) for column, place in zip(wanted, table.places(wanted), strict=True)
    )
    table.hold_to(spent.place, unit_s)
    labels = labels_of(table, (size.place, spent.place))
    sizes, times_s = array("d"), array("d")
    for row in table.rows():
        if len(sizes) == MOST_TIMES:
            row.fail(f"more than {MOST_TIMES:,} rows")
        sizes.append(size.of(row))
        times_s.append(spent.of(row) * unit_s)
        if times_s[-1] <= 0:
            row.fail(f"the time {row.cells[spent.place]} is not above 0", spent.place)
        for label in labels:
            label.add(row)
    size.end()
    spent.end()
    if not sizes:
        raise TraceError(table.file, 0, "the file is empty: it has no row of times")
    different = len(set(sizes))
    if different > MOST_SIZES:
        raise TraceError(table.file, 0, f"times at {different} numbers of items; at most {MOST_SIZES}")
    items_of, time_s = frozen(np.array(sizes)), frozen(np.array(times_s))
    return Measured(items_of, time_s, tuple(label.name for label in labels if label.parts(items_of, time_s)))


def read_slowness(table: Table) -> list[tuple[int, float]]:
    """Factors on service times by other busy workers, (busy, factor) a row. The first line may be a header.

    Raises
    ------
    TraceError
        If the file cannot be read, has other than two columns, or a cell is not such a number.
    """
    if table.first is not None and table.width != 2:
        table.first.fail(f"{counted(table.width, 'column')}; busy workers, and the factor beside so many")
    busy, factor = Numbers("number of busy workers", 0, MOST), Numbers("factor", 1)
    points: list[tuple[float, float]] = []
    for row in table.rows():
        if len(points) == MOST_SIZES:
            row.fail(f"more than {MOST_SIZES} rows")
        points.append((busy.of(row), factor.of(row)))
        if points[-1][0] != int(points[-1][0]):
            row.fail(f"{row.cells[0]} workers are no whole number")
    busy.end()
    factor.end()
    if not points:
        raise TraceError(table.file, 0, "the file is empty: it has no row of factors")
    return [(int(workers), slower) for workers, slower in points]
