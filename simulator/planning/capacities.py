"""Capacities at several values of a scenario, on one luck: ``capacities``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Unpack

from simulator.base.errors import Problem, ScenarioError
from simulator.planning.capacity import capacity
from simulator.planning.capacity_result import Capacity
from simulator.planning.grid import Grid, grid_of
from simulator.planning.vary import Variations
from simulator.running.execute import execute
from simulator.running.execution import Anywhere, Execution
from simulator.scenario import Scenario


def capacities(
    scenario: Scenario,
    over: Grid | Mapping[str, str | Sequence[Any]],
    *,
    slos: Sequence[str] = (),
    tolerance: float = 0.01,
    **execution: Unpack[Anywhere],
) -> list[tuple[dict[str, str | int | float], Capacity]]:
    """Search for the capacity at every combination of values.

    Parameters
    ----------
    scenario, slos, tolerance, engine, say
        As of ``capacity``.
    over
        Values by dotted path, as of ``sweep``: ``{"stages.ranking.replicas": [1, 2, 4]}``.
    jobs, cluster, progress
        As of ``execute``: a search is one piece of work.

    Returns
    -------
    The values and the capacity of each combination, in the order of the grid.

    Raises
    ------
    ScenarioError
        With every problem of every combination, before anything is simulated; else as ``capacity``.
    """
    grid = over if isinstance(over, Grid) else grid_of(over, option="over")
    variations = Variations(scenario, grid.option)
    varied: list[tuple[dict[str, str | int | float], Scenario]] = []
    problems: list[Problem] = []
    for point in grid.points():
        try:
            varied.append(variations.at(point))
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(list(dict.fromkeys(problems)))
    work = Execution(**execution)
    search = partial(capacity, slos=tuple(slos), tolerance=tolerance, engine=work.engine)
    by_number = dict(execute(search, [one for _, one in varied], work))
    return [(values, by_number[number]) for number, (values, _) in enumerate(varied)]
