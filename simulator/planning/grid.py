"""A scenario with other values: one by one, and grids, which are all combinations of the values of some parameters.

The points of a sweep, the loads of a capacity and the fleets of a sizing are made here.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from simulator.base.errors import Problem, ScenarioError
from simulator.planner.plans import Plans
from simulator.scenario import Scenario, scenario_with
from simulator.scenario.catalogue import catalogue_for
from simulator.scenario.grid import AUTO, MOST_POINTS, RATE, Named, Utilisation, Value, values_of
from simulator.scenario.merge import did_you_mean
from simulator.theory import busiest

#: Problems that are told of a grid, at most.
MOST_PROBLEMS = 20
#: A value as ``--set`` takes it.
Setting = str | int | float
#: What problems call the place where values were given: one for all, or by path.
Option = str | Mapping[str, str]


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
    """A grid from values by path: a list of values as they are, maps by their names, one value, or a text as
    for ``parse_grid``.

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


def varied(
    scenario: Scenario, values: Mapping[str, Setting], option: Option = "--param", fits: bool = True
) -> Scenario:
    """A scenario with other values at dotted paths, spelled as for ``--set``.

    The hardware of a stage may be named by its entry of the catalogue; the scenario need not have it.

    Parameters
    ----------
    scenario
        As loaded; it stays as it is.
    values
        By path, applied in order.
    option
        What problems call the place where values were given: one for all, or by path.
    fits
        False: what only does not fit its machines is let through.

    Raises
    ------
    ScenarioError
        With every problem found.
    """
    problems: list[Problem] = []
    sets: list[tuple[str, str]] = []
    for path, value in values.items():
        place = option if isinstance(option, str) else option[path]
        if path.startswith("stages") and path.endswith(".hardware"):
            machine, problem = _machine(scenario, path, str(value).strip(), values, place)
            sets += machine
            problems += problem
            if problem:
                continue
        sets.append((f"{path}={value if isinstance(value, str) else json.dumps(value)}", place))
    try:
        changed = scenario_with(scenario, sets, fits)
    except ScenarioError as error:
        problems += error.problems
    if problems:
        raise ScenarioError(list(dict.fromkeys(problems)))
    return changed


def _machine(
    scenario: Scenario, path: str, name: str, values: Mapping[str, Any], option: str
) -> tuple[list[tuple[str, str]], list[Problem]]:
    """The override that adds a machine of the catalogue that a stage is to run on, or what is wrong with its name."""
    if name in scenario.hardware or any(f"{other}.".startswith(f"hardware.{name}.") for other in values):
        return [], []
    known = catalogue_for(scenario.tree).sections["hardware"]
    if name in known:
        return [(f"hardware.{name}={{from: {name}}}", option)], []
    near = did_you_mean(name, [*scenario.hardware, *known])
    message = f"no hardware is called {name!r}, in the scenario or in the catalogue{near}"
    return [], [Problem(option, 0, 0, path, message)]


#: What a stage whose time is given does not depend on; and keys that give it another model.
_OF_ITEMS, _OF_MODEL = ("shards", "skew", "shares", "split", "candidates"), {"model", "model.kind", "model.from"}


def unheeded(scenario: Scenario, grid: Grid) -> list[str]:
    """What is varied though a stage's time does not depend on it, in words."""
    notes = []
    for stage in scenario.stages:
        own = [parameter for parameter in grid.parameters if parameter.path.split(".")[:2] == ["stages", stage.name]]
        keys = dict.fromkeys(key for parameter in own for key in _differing(parameter))
        if any(one.model.depends_on_items() for one in stage.fleets) or not _OF_MODEL.isdisjoint(keys):
            continue
        for key in dict.fromkeys(key.partition(".")[0] for key in keys):
            if key in _OF_ITEMS:
                said = f"its model is a time, which a task takes whatever {key} is"
                notes.append(f"{stage.name}: {said}: give it a cost by item, unless that is meant")
    return notes


def _differing(parameter: Parameter) -> Iterable[str]:
    """Keys of its stage in which the values of a parameter differ: its own, or those of maps of keys."""
    _, _, *key = parameter.path.split(".", 2)
    if key:
        return key if len(set(parameter.values)) > 1 else []
    maps = [json.loads(value.value) for value in parameter.values if isinstance(value, Named)]
    every = dict.fromkeys(key for one in maps for key in one)
    return [key for key in every if any(one.get(key) != maps[0].get(key) for one in maps)]


class Variations:
    """A scenario at the points of a grid.

    ``load.rate=auto`` means the same utilisations at each combination of the other values, whatever saturates there;
    they are reached by ``load.scale``, so that phases, profiles and traces keep their shape.
    """

    def __init__(self, scenario: Scenario, option: Option = "--param") -> None:
        self.scenario = scenario
        self.option = option
        if not isinstance(option, str) and RATE in option:
            self.option = {"load.scale": option[RATE], **option}
        self._loads: dict[tuple[Any, ...], tuple[float, float, float]] = {}

    def at(self, point: Mapping[str, Value]) -> tuple[dict[str, Setting], Scenario]:
        """The values of a point as written, of ``auto`` the mean rate; and the scenario.

        Raises
        ------
        ScenarioError
            If it is not a valid scenario.
        """
        shown, applied = self.settled(point)
        return shown, self.with_values(applied)

    def with_values(self, applied: Mapping[str, Setting]) -> Scenario:
        """The scenario with settled values."""
        return varied(self.scenario, applied, self.option)

    def settled(self, point: Mapping[str, Value]) -> tuple[dict[str, Setting], dict[str, Setting]]:
        """The values of a point as written, by their names, of ``auto`` the mean rate; and those that make it so.

        Raises
        ------
        ScenarioError
            If ``auto`` is asked of what is not a valid scenario, or never saturates.
        """
        shown: dict[str, Setting] = {}
        given: dict[str, Setting] = {}
        for path, value in point.items():
            if isinstance(value, Utilisation):
                shown[path] = ""  # in its place
            else:
                shown[path] = str(value) if isinstance(value, Named) else value
                given[path] = value.value if isinstance(value, Named) else value
        wanted = point.get(RATE)
        if not isinstance(wanted, Utilisation):
            return shown, given
        rate_per_s, utilisation, scale = self._load(given)
        wanted_per_s = float(f"{rate_per_s * wanted.value / utilisation:.4g}")
        shown[RATE] = f"{wanted_per_s:.15g}/s"
        return shown, {**given, "load.scale": scale * wanted_per_s / rate_per_s}

    def _load(self, given: dict[str, Setting]) -> tuple[float, float, float]:
        """Mean rate, utilisation of the busiest station by arithmetic, and scale, at the scenario's own load."""
        key = tuple(given.values())
        if key not in self._loads:
            others = self.with_values(given)
            plans = Plans.of(others)
            plans.extent()  # refuses what could not be simulated
            plan = plans.outline()
            utilisation = busiest(plan)
            if not utilisation > 0:
                message = "auto spreads loads up to saturation, and nothing takes time here; give rates"
                place = self.option if isinstance(self.option, str) else self.option[RATE]
                raise ScenarioError([Problem(place, 0, 0, RATE, message)])
            self._loads[key] = plan.rate_per_s, utilisation, others.load.scale
        return self._loads[key]


class Refusals:
    """Problems of the points of a grid, each told once: with the first point that has it, where others have not.

    ``place``: what problems call the place where values were given, where they are too many to tell.
    """

    def __init__(self, grid: Grid, place: str) -> None:
        self._grid, self._place = grid, place
        self._points: dict[Problem, list[int]] = {}

    def add(self, index: int, error: ScenarioError) -> None:
        """Of the point of this place in the grid."""
        for problem in error.problems:
            self._points.setdefault(problem, []).append(index)

    def tell(self) -> None:
        """Raise ScenarioError if there are any."""
        if self._points:
            more = len(self._points) - MOST_PROBLEMS
            told = [self._told(problem, places) for problem, places in list(self._points.items())[:MOST_PROBLEMS]]
            raise ScenarioError(told + [Problem(self._place, 0, 0, "", f"{more} more problems")] * (more > 0))

    def _told(self, problem: Problem, places: list[int]) -> Problem:
        if len(places) == self._grid.count:
            return problem
        point = next(itertools.islice(self._grid.points(), places[0], None))
        where = ", ".join(f"{path}={value}" for path, value in point.items())
        several = f"{len(places)} points, the first at " if len(places) > 1 else "at "
        return replace(problem, message=f"{problem.message} ({several}{where})")
