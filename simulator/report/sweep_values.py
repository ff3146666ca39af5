"""The values of a sweep's parameters as places on an axis."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.documents import parts, sweep

_NUMBER = re.compile(r"\s*([+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(\D*)")


@dataclass(frozen=True)
class Axis:
    """A parameter, and the values that it took, in order."""

    path: str
    values: tuple[sweep.Cell, ...]
    numbers: tuple[float, ...] | None  #: None: they are names, or in different units
    unit: str
    differs: bool  #: whether they are others at other values of the rest, as of ``load.rate=auto``

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers in one unit."""
        return self.numbers is not None

    @property
    def label(self) -> str:
        """What is written beside it."""
        return f"{self.path} ({self.unit})" if self.unit else self.path

    def position(self, value: sweep.Cell) -> float:
        """Where a value is: the number itself, or its place among names."""
        place = self.values.index(value)
        return float(place) if self.numbers is None else self.numbers[place]


def number(row: sweep.Row, column: str) -> float | None:
    """A figure of a row; None where there is none."""
    cell = row.get(column)
    return None if cell is None or isinstance(cell, str) else cell


def known(row: sweep.Row, column: str) -> float:
    """A figure of a row that is there in every row that has an answer."""
    cell = number(row, column)
    assert cell is not None, f"an answered point has its {column}"
    return cell


def axes_of(parameters: Mapping[str, Sequence[parts.Value]], rows: Sequence[sweep.Row]) -> list[Axis]:
    """The parameters of a sweep: their values as asked for, and as they are in the rows."""
    axes = []
    for path, requested in parameters.items():
        values = tuple(dict.fromkeys(row[path] for row in rows))
        read = [_NUMBER.fullmatch(str(value)) for value in values]
        units = {match[2].strip() for match in read if match is not None}
        is_numeric = all(match is not None for match in read) and len(units) == 1
        numbers = tuple(float(match[1].replace("_", "")) for match in read if match is not None)
        differs = any(str(value).startswith("auto") for value in requested)
        axes.append(Axis(path, values, numbers if is_numeric else None, units.pop() if is_numeric else "", differs))
    return axes
