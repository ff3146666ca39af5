"""Columns of a calibration that nobody named: whether the times at one size differ by them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

from simulator.core.plan import F8
from simulator.scenario.rows import Row
from simulator.scenario.tables import Table

#: Values of a column, at most: with more it is a measurement, not a configuration.
MOST_LABELS = 20
#: Times differ by so much, typically, and by so much more than they do otherwise (the F of an analysis of variance).
LEAST_DIFFERENCE, LEAST_F = 0.1, 10.0


class Labels:
    """The cells of one column, as far as they are few."""

    def __init__(self, name: str, place: int) -> None:
        self.name, self.place = name, place
        self.codes: dict[str, int] = {}
        self.code = array("i")
        self.are_few = True

    def add(self, row: Row) -> None:
        """The next row's."""
        if self.are_few:
            self.code.append(self.codes.setdefault(str(row.cells[self.place]), len(self.codes)))
            self.are_few = len(self.codes) <= MOST_LABELS

    def parts(self, items: F8, time_s: F8) -> bool:
        """Whether times at one size differ by them: main effects on log time beside that of the size (Fisher, 1925).

        ``items``, ``time_s``: (rows,), times above 0.
        """
        labels = len(self.codes)
        if not self.are_few or labels < 2:
            return False
        sizes, place = np.unique(items, return_inverse=True)
        log_time = np.log(time_s)
        left = log_time - (np.bincount(place, log_time) / np.bincount(place))[place]
        code = np.array(self.code)
        count = np.bincount(code)
        by_label = np.bincount(code, left) / count
        between = float(count @ by_label**2)
        degrees = len(time_s) - len(sizes) - (labels - 1)
        within = float(left @ left) - between
        is_large = between > LEAST_DIFFERENCE**2 * len(time_s)
        return is_large and degrees > 0 and between * degrees > LEAST_F * (labels - 1) * max(within, 0.0)


def labels_of(table: Table, used: Sequence[int]) -> list[Labels]:
    """Of the columns of a table that are not used and have a name."""
    names = list(enumerate(table.names or ()))
    return [Labels(name, place) for place, name in names if name and place not in used]
