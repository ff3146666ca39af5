"""Readings of a scenario's objectives at other loads, on the luck of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from simulator.core.plan import Plan
from simulator.core.trace import Trace
from simulator.engines import COMPILED, chosen, compile_ahead
from simulator.planner.plans import make_plan
from simulator.planning.search import Readings
from simulator.running.replications import Keep, replications
from simulator.scenario import Scenario
from simulator.stats.extract import Extract, Extracts, extract
from simulator.stats.readings import beyond, is_read, read
from simulator.theory import FULL, busiest, has_drawn_machines

Kept = TypeVar("Kept")

#: Told of each probe: factor on the load, measured queries in all, readings.
Told = Callable[[float, int, Readings], None]


@dataclass(frozen=True)
class Effort:
    """How much a probe simulates."""

    replications: int
    queries: int | None  #: measured in each; None: as the load says


def prepared(scenario: Scenario, asked: str, say: Callable[[str], None] | None = None) -> str:
    """The engine that simulates a scenario, compiled; ``asked``: auto, compiled or reference.

    Raises
    ------
    ValueError
        If there is no such engine, or it does not cover the scenario.
    """
    name = chosen(asked, make_plan(with_effort(scenario, Effort(1, 1 if scenario.can_lengthen else None))))
    if name == COMPILED:
        compile_ahead(say)
    return name


def with_effort(scenario: Scenario, effort: Effort) -> Scenario:
    """The scenario with other numbers of replications and queries."""
    if effort.queries is None:
        return scenario.with_run(replications=effort.replications)
    return scenario.with_run(replications=effort.replications, queries=effort.queries)


class Prober:
    """Simulates a scenario at other loads, each replication with its luck.

    ``engine``: COMPILED or REFERENCE. ``jobs``: replications at a time.
    """

    def __init__(self, scenario: Scenario, effort: Effort, engine: str, jobs: int, told: Told | None = None) -> None:
        self.scenario = with_effort(scenario, effort)
        self.effort = effort
        self.objectives = [asked for asked in scenario.slos if is_read(asked)]
        self.queries = 0  #: simulated so far, warm-up included, over all probes
        self._engine, self._jobs, self._told = engine, jobs, told
        names = [stage.name for stage in scenario.stages]
        self._stages = tuple(sorted({names.index(asked.stage) for asked in scenario.slos if asked.stage is not None}))
        self.plan = make_plan(self.scenario, 0)
        self.utilisations = [busiest(self.plan)]  #: at the scenario's own load; one, or one a replication
        if has_drawn_machines(self.plan):
            others = range(1, effort.replications)
            self.utilisations += [busiest(make_plan(self.scenario, replication)) for replication in others]

    @property
    def measured(self) -> int:
        """Queries measured in a probe, over all replications, about: where a duration is measured, at its own load."""
        return self.plan.measured * self.effort.replications

    @property
    def saturation(self) -> float:
        """Logarithm of the factor on the load at which the busiest replica is always busy; +inf: it never is."""
        least = min(self.utilisations)  # of the luckiest machines
        return -math.log(least) if least > 0 else math.inf

    def __call__(self, load: float) -> Readings:
        """The readings at a load: logarithm of the factor on the scenario's own."""
        if all(utilisation * math.exp(load) >= FULL for utilisation in self.utilisations):
            found = tuple(beyond(self.effort.replications) for _ in self.objectives)
        else:
            extracts = self.extracts(load)
            found = tuple(read(asked, extracts) for asked in self.objectives)
        if self._told is not None:
            self._told(math.exp(load), self.measured, found)
        return found

    def extracts(self, load: float) -> Extracts:
        """What is kept of all replications at a load."""
        return self.gathered(self.kept(load, self.extract), load)

    def extract(self, plan: Plan, trace: Trace) -> Extract:
        """What is kept of a replication to judge the objectives by."""
        return extract(plan, trace, self._stages)

    def kept(self, load: float, keep: Keep[Kept]) -> list[Kept]:
        """What ``keep`` makes of each replication at a load, in order."""
        found = replications(self.at(load), self._engine, 0, self.effort.replications, None, self._jobs, keep)
        by_number = dict(found)
        return [by_number[number] for number in sorted(by_number)]

    def gathered(self, extracts: list[Extract], load: float) -> Extracts:
        """The extracts of all replications at a load, together."""
        self.queries += sum(len(one.latency) for one in extracts)
        factor = math.exp(load)
        return Extracts(
            extracts,
            [stage.name for stage in self.scenario.stages],
            [stage.workers for stage in self.scenario.stages],
            [utilisation * factor for utilisation in self.utilisations],
            self.scenario.is_stationary,
        )

    def at(self, load: float) -> Scenario:
        """The scenario at a load."""
        return self.scenario.with_scale(self.scenario.load.scale * math.exp(load))

    def plan_at(self, load: float) -> Plan:
        """Its plan for theory: the rate is that of the load, the arrivals are not."""
        return replace(self.plan, rate_per_s=self.plan.rate_per_s * math.exp(load))
