"""What a sweep asks: all its points, checked before anything runs."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator import engines
from simulator.base import room
from simulator.base.errors import Problem, ScenarioError
from simulator.documents import parts, sweep
from simulator.planner.plans import Plans
from simulator.planning.grid import MOST_PROBLEMS, Grid, Refusals, Setting, Variations, grid_of
from simulator.running import memory
from simulator.running.execute import Standing
from simulator.running.execution import Say, checked_percentiles
from simulator.running.provenance import versions
from simulator.scenario import Scenario
from simulator.scenario.grid import Named, Value
from simulator.scenario.nodes import Node

#: Values of a parameter of a block that are tried before another command runs.
MOST_TRIED = 100
DEFAULT_PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True)
class Questions:
    """The points of a sweep, checked: what is asked, before anything runs."""

    scenario: Scenario
    grid: Grid
    percentiles: tuple[float, ...]
    values: tuple[dict[str, Setting], ...] = field(repr=False)  #: of each point by path, as the table has them
    applied: tuple[dict[str, Setting], ...] = field(repr=False)  #: what is set at each point
    sha256: str  #: of all points' scenarios
    needs_bytes: tuple[float, ...] = field(repr=False)  #: memory that each point takes

    def refuse_together(self, jobs: int, say: Say | None = None) -> None:
        """Raise ScenarioError if the largest points do not fit the memory there is, so many at a time; else say it."""
        there = room.room()
        largest = sum(sorted(self.needs_bytes)[-jobs:]) + jobs * memory.PROCESS
        why = None if there is None or jobs == 1 else there.refusal(largest)
        if why is not None:
            message = f"{jobs} points at a time take up to {why}: have fewer jobs"
            raise ScenarioError([Problem(self.scenario.source, 0, 0, "sweep", message)])
        memory.announce(largest, say)

    @property
    def aim(self) -> tuple[float, float | None, str | None]:
        """The percentile of latency that matters, in percent, its bound in seconds, and the objective that says so.

        The first objective on a percentile of whole queries; else p99, without a bound.
        """
        for slo in self.scenario.slos:
            if slo.is_of_all and slo.measure in ("quantile", "share_within"):
                return round(100 * slo.p, 9), slo.bound, slo.text
        return 99.0, None, None

    @property
    def paths(self) -> tuple[str, ...]:
        """Of the parameters, in order."""
        return self.grid.paths

    def at(self, index: int) -> Scenario:
        """The scenario of a point."""
        return Variations(self.scenario, self.grid.option).with_values(self.applied[index])

    def provenance(self) -> sweep.Questions:
        """All that decides what comes out, as plain values: a sweep is resumed only where all of it is the same."""
        used = self.scenario.used_plugins()
        plugged: parts.Plugged = {"plugins": used} if used else {}
        return {
            "schema": 1,
            **plugged,
            "scenario_sha256": self.scenario.sha256(),
            "points_sha256": self.sha256,
            "points": len(self.values),
            "parameters": {
                parameter.path: [_stated(value) for value in parameter.values] for parameter in self.grid.parameters
            },
            "percentiles": list(self.percentiles),
            "seed": self.scenario.run.seed,
            "versions": versions(),
            "resolved": {key: value for key, value in self.scenario.resolved().items() if key != "sweep"},
        }


def _stated(value: Value) -> Setting:
    """A value of a parameter with its name, if it has one."""
    if isinstance(value, Named):
        return f"{value.name}: {value.value}"
    return value if isinstance(value, (str, int, float)) else str(value)


def questions(
    scenario: Scenario,
    parameters: Mapping[str, Any] | Grid,
    percentiles: Sequence[float] = DEFAULT_PERCENTILES,
    progress: Callable[[Standing], None] | None = None,
) -> Questions:
    """Check all points of a sweep.

    Parameters
    ----------
    scenario
        As loaded; its ``sweep`` block has parameters, too.
    parameters
        Values by path, as for ``grid_of``; they take the place of those of the block.
    percentiles
        Of latency, in percent; those of objectives on whole queries are added.
    progress
        Called with how many points are checked.

    Raises
    ------
    ScenarioError
        With every problem of every point, each once.
    """
    grid = whole_grid(scenario, parameters)
    if not grid.parameters:
        cure = "give --param PATH=VALUES, like stages.ranking.shards=1,2,4, or a sweep block in the file"
        raise ScenarioError([Problem(scenario.source, 0, 0, "sweep", f"nothing to vary; {cure}")])
    own = [100 * slo.p for slo in scenario.slos if slo.is_of_all and slo.measure in ("quantile", "share_within")]
    wanted = tuple(sorted({*checked_percentiles(percentiles), *(round(percent, 9) for percent in own)}))
    variations = Variations(scenario, grid.option)
    values, applied, needs = [], [], []
    digest = hashlib.sha256()
    refused = Refusals(grid, "sweep")
    began = time.monotonic()
    for index, point in enumerate(grid.points()):
        try:
            shown, settled = variations.settled(point)
            at = variations.with_values(settled)
            plans = Plans.of(at)
            need = memory.refuse(plans, engines.chosen(engines.AUTO, plans.outline()), 1, at.run.replications)
            plans.extent()  # refuses what could not be simulated
        except ScenarioError as error:
            refused.add(index, error)
        else:
            values.append(shown)
            applied.append(settled)
            needs.append(need.bytes)
            digest.update(at.sha256().encode())
        if progress is not None:
            progress(Standing(index + 1, grid.count, 0, time.monotonic() - began))
    refused.tell()
    return Questions(scenario, grid, wanted, tuple(values), tuple(applied), digest.hexdigest(), tuple(needs))


def whole_grid(scenario: Scenario, parameters: Mapping[str, Any] | Grid) -> Grid:
    """What is varied: parameters that are given, over those of the scenario's block."""
    given = parameters if isinstance(parameters, Grid) else grid_of(parameters)
    return given.over(grid_of(scenario.sweep or {}, f"{scenario.source}: sweep"))


def without_block(scenario: Scenario) -> Scenario:
    """The scenario without what it says is to be varied."""
    kept = {key: value for key, value in scenario.tree.value.items() if key != "sweep"}
    return scenario.model_copy(update={"sweep": None}).read_from(Node(kept, scenario.tree.mark))


def refuse_block(scenario: Scenario) -> None:
    """Refuse a ``sweep`` block that could not be run, whatever the command: each value with the first of the others.

    Raises
    ------
    ScenarioError
        With every problem of these points, each once.
    """
    if not scenario.sweep:
        return
    grid = grid_of(scenario.sweep, f"{scenario.source}: sweep")
    variations, problems = Variations(scenario, grid.option), dict[Problem, None]()
    first = {parameter.path: parameter.values[0] for parameter in grid.parameters}
    for parameter in grid.parameters:
        for value in parameter.values[:MOST_TRIED]:
            try:
                variations.at({**first, parameter.path: value})
            except ScenarioError as error:
                problems |= dict.fromkeys(error.problems)
    if problems:
        raise ScenarioError(list(problems)[:MOST_PROBLEMS])
