"""Recorded loads: a trace of instants or gaps, with the work of each query, and a profile of counts an interval."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simulator.core.plan import F8, frozen
from simulator.scenario.csv_file import Column, TraceError, read_numbers

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
