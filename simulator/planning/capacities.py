"""Capacities at several values of a scenario, on one luck: ``capacities``."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Unpack, overload

from simulator.base.errors import ScenarioError
from simulator.base.formats import counted
from simulator.documents import capacity as documents
from simulator.documents.shown import Shown, frame, html
from simulator.planning.budget import Budget
from simulator.planning.capacity import capacity_of_rate
from simulator.planning.capacity_result import Capacity
from simulator.planning.grid import Grid, Refusals, Variations, grid_of, unheeded
from simulator.running.execute import alike
from simulator.running.execution import Anywhere, Execution
from simulator.scenario import Scenario
from simulator.scenario.given import takes_scenario


@dataclass(frozen=True, repr=False)
class Capacities(Shown, Sequence[tuple[dict[str, str | int | float], Capacity]]):
    """The values and the capacity of each combination, in the order of the grid: a sequence of both."""

    kind: ClassVar[str] = "capacities"

    paths: tuple[str, ...]  #: of the values
    pairs: tuple[tuple[dict[str, str | int | float], Capacity], ...]
    interrupted: bool = False
    notes: tuple[str, ...] = ()  #: what a reader should know of all of them

    @overload
    def __getitem__(self, place: int) -> tuple[dict[str, str | int | float], Capacity]: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[tuple[dict[str, str | int | float], Capacity]]: ...

    def __getitem__(self, place: Any) -> Any:
        return self.pairs[place]

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def exit_code(self) -> int:
        """The worst of all but 99: a value that no load suits is an answer, too, unless none suits."""
        if self.interrupted:
            return 130
        return max({one.exit_code for _, one in self.pairs} - {99}, default=99)

    def to_dict(self) -> documents.Capacities:
        """As written by ``shardsim capacity --over ... --format json``."""
        rows: list[documents.CapacityAt] = [{"values": values, **one.to_dict()} for values, one in self.pairs]
        document: documents.Capacities = {"schema": 1, "over": list(self.paths), "capacities": rows}
        return {**document, "notes": list(self.notes)} if self.notes else document

    def to_frame(self) -> Any:
        """A row a combination of values. Raises ImportError if pandas is not installed."""
        return frame(self._rows())

    def _repr_html_(self) -> str:
        return html(f"{self.pairs[0][1].scenario.name}: capacity in queries a second", self._rows())

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {**values, "capacity_per_s": one.per_s.value, "low": one.per_s.low, "high": one.per_s.high}
            | {"verdict": one.verdict, "bottleneck": one.bottleneck["stage"]}
            for values, one in self.pairs
        ]

    def _summed_up(self) -> str:
        return counted(len(self.pairs), "value")


@takes_scenario
def capacities(
    scenario: Scenario,
    over: Grid | Mapping[str, str | Sequence[Any]],
    *,
    slos: Sequence[str] = (),
    tolerance: float = 0.01,
    time_s: float | None = None,
    queries: int | None = None,
    survive: str | None = None,
    **execution: Unpack[Anywhere],
) -> Capacities:
    """Search for the capacity at every combination of values.

    Parameters
    ----------
    scenario, slos, tolerance, survive, engine, say
        As of ``capacity``.
    over
        Values by dotted path, as of ``sweep``: ``{"stages.ranking.replicas": [1, 2, 4]}``.
    time_s, queries
        As of ``capacity``, of all searches together: each may take an equal part, and what one leaves is not taken by
        another. Of the time with ``jobs`` it is so many times as long; how many a cluster does at a time is not known.
    jobs, cluster, progress
        As of ``execute``: a search is one piece of work.

    Returns
    -------
    The values and the capacity of each combination, in the order of the grid; if interrupted, of those that had ended.

    Raises
    ------
    ScenarioError
        With every problem of every combination, before anything is simulated; else as ``capacity``.
    """
    grid = over if isinstance(over, Grid) else grid_of(over, option="over")
    variations = Variations(scenario, grid.option)
    varied: list[tuple[dict[str, str | int | float], Scenario]] = []
    refused = Refusals(grid, "over")
    for index, point in enumerate(grid.points()):
        try:
            varied.append(variations.at(point))
        except ScenarioError as error:
            refused.add(index, error)
    refused.tell()
    work = Execution(**execution)
    Budget(time_s, queries)  # refuses one in which nothing can be done
    at_a_time = min(work.jobs, len(varied)) if work.cluster is None else 1  # as far as is known here
    search = partial(
        capacity_of_rate,
        slos=tuple(slos),
        tolerance=tolerance,
        time_s=None if time_s is None else time_s / math.ceil(len(varied) / at_a_time),
        queries=None if queries is None else max(1, queries // len(varied)),
        survive=survive,
        engine=work.engine,
        say=work.say if at_a_time == 1 and work.cluster is None else None,  # else it would be that of another process
    )
    by_number: dict[int, Capacity] = {}
    try:
        for number, found in alike(search, [one for _, one in varied], work):
            by_number[number] = found
            if found.interrupted:
                break
    except KeyboardInterrupt:
        if not by_number:
            raise
    pairs = tuple((values, by_number[number]) for number, (values, _) in enumerate(varied) if number in by_number)
    interrupted = len(pairs) < len(varied) or any(found.interrupted for _, found in pairs)
    return Capacities(grid.paths, pairs, interrupted, tuple(unheeded(scenario, grid)))
