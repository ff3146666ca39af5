"""Reading a measured law: a CSV of values, or of values with their cumulated shares."""

from __future__ import annotations

import math
from functools import lru_cache

from simulator.core.laws import Law
from simulator.scenario.csv_file import TraceError, is_number, read_rows

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
