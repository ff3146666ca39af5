"""A scenario with other values: the points of a sweep, the loads of a capacity, the fleets of a sizing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from simulator.base.errors import Problem, ScenarioError
from simulator.planner.plans import Plans
from simulator.planning.grid import Grid, Parameter, grid_of, parse_grid
from simulator.scenario import Scenario, scenario_with
from simulator.scenario.catalogue import catalogue_for
from simulator.scenario.grid import RATE, Utilisation, Value
from simulator.scenario.merge import did_you_mean
from simulator.theory import busiest

__all__ = ["Grid", "Parameter", "Utilisation", "Value", "Variations", "grid_of", "parse_grid", "varied"]


#: A value as ``--set`` takes it.
Setting = str | int | float
#: What problems call the place where values were given: one for all, or by path.
Option = str | Mapping[str, str]


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
        """The values of a point as written, of ``auto`` the mean rate; and those that make it so.

        Raises
        ------
        ScenarioError
            If ``auto`` is asked of what is not a valid scenario, or never saturates.
        """
        given = {path: value for path, value in point.items() if not isinstance(value, Utilisation)}
        wanted = point.get(RATE)
        if not isinstance(wanted, Utilisation):
            return given, given
        rate_per_s, utilisation, scale = self._load(given)
        wanted_per_s = float(f"{rate_per_s * wanted.value / utilisation:.4g}")
        shown = {path: f"{wanted_per_s:.15g}/s" if path == RATE else given[path] for path in point}
        return shown, {**given, "load.scale": scale * wanted_per_s / rate_per_s}

    def _load(self, given: dict[str, Setting]) -> tuple[float, float, float]:
        """Mean rate, utilisation of the busiest replica by arithmetic, and scale, at the scenario's own load."""
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
