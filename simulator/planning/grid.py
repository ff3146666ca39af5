"""Grids: all combinations of the values of some parameters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.base.errors import Problem, ScenarioError
from simulator.scenario.grid import AUTO, MOST_POINTS, Utilisation, Value, values_of


@dataclass(frozen=True)
class Parameter:
    """A dotted path of a scenario and the values that it takes, in order; all of them Utilisation, or none."""

    path: str
    values: tuple[Value, ...]
    option: str = "--param"  #: what problems call the place where it was given


@dataclass(frozen=True)
class Grid:
    """All combinations of the values of some parameters."""

    parameters: tuple[Parameter, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """Of the parameters, in order."""
        return tuple(parameter.path for parameter in self.parameters)

    @property
    def option(self) -> dict[str, str]:
        """What problems call the place of each parameter, by path."""
        return {parameter.path: parameter.option for parameter in self.parameters}

    def over(self, other: Grid) -> Grid:
        """Both; of two parameters of one path this one's, in the other's place.

        Raises
        ------
        ScenarioError
            If they do not go together.
        """
        own = {parameter.path: parameter for parameter in self.parameters}
        merged = {**{parameter.path: parameter for parameter in other.parameters}, **own}
        return _checked(merged.values(), [])

    @property
    def count(self) -> int:
        """Number of points."""
        return math.prod(len(parameter.values) for parameter in self.parameters)

    def points(self) -> Iterator[dict[str, Value]]:
        """Every combination by path, the last parameter fastest; one empty point of no parameters."""
        for values in itertools.product(*(parameter.values for parameter in self.parameters)):
            yield dict(zip(self.paths, values, strict=True))


def parse_grid(assignments: Sequence[str], option: str = "--param") -> Grid:
    """A grid from ``PATH=VALUES`` texts.

    VALUES is a list, ``1,2,4``, of values spelled as for ``--set``; a range, ``1..9*5`` or ``10/s..50/s*5``, of so
    many values with both ends; every whole number from one to another, ``1..16``; or a list of those. Commas and dots
    within brackets, braces or quotes belong to a value. ``load.rate=auto`` (``auto*20``) spreads loads along
    utilisation, denser towards saturation.

    Raises
    ------
    ScenarioError
        With every mistake.

    >>> [dict(point) for point in parse_grid(["stages.a.shards=1,2", "load.rate=1/s..2/s*3"]).points()][:2]
    [{'stages.a.shards': 1, 'load.rate': '1/s'}, {'stages.a.shards': 1, 'load.rate': '1.5/s'}]
    """
    given: list[tuple[str, Any]] = []
    problems: list[Problem] = []
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if equals and path.strip():
            given.append((path.strip(), text))
        else:
            message = f"{assignment!r} is not PATH=VALUES, like stages.ranking.shards=1,2,4"
            problems.append(Problem(option, 0, 0, "", message))
    return _grid(given, option, problems)


def grid_of(values: Mapping[str, Any], option: str = "--param") -> Grid:
    """A grid from values by path: each a list of values as they are, one value, or a text as for ``parse_grid``.

    Raises
    ------
    ScenarioError
        With every mistake.
    """
    return _grid(list(values.items()), option, [])


def _grid(given: Sequence[tuple[str, Any]], option: str, problems: list[Problem]) -> Grid:
    parameters: dict[str, Parameter] = {}
    for path, values in given:
        try:
            if path in parameters:
                raise ValueError("given twice; put all values into one list")
            parameters[path] = Parameter(path, values_of(path, values), option)
        except ValueError as error:
            problems.append(Problem(option, 0, 0, path, str(error)))
            parameters.setdefault(path, Parameter(path, (), option))
    return _checked(parameters.values(), problems)


def _checked(parameters: Iterable[Parameter], problems: list[Problem]) -> Grid:
    grid = Grid(tuple(parameters))
    automatic = any(isinstance(value, Utilisation) for parameter in grid.parameters for value in parameter.values)
    if automatic and "load.scale" in grid.paths:
        message = f"{AUTO} rates are reached by load.scale; give one of the two"
        problems.append(Problem(grid.option["load.scale"], 0, 0, "load.scale", message))
    if not problems and grid.count > MOST_POINTS:
        sizes = " x ".join(str(len(parameter.values)) for parameter in grid.parameters)
        message = f"{sizes} = {grid.count:,} points; at most {MOST_POINTS:,}. Take fewer values, or several sweeps"
        problems.append(Problem(grid.parameters[0].option, 0, 0, "", message))
    if problems:
        raise ScenarioError(problems)
    return grid
