"""Readings of a scenario's objectives at other loads, on the luck of its own."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from simulator.base.errors import Problem, ScenarioError
from simulator.base.groups import CLASS, PHASE
from simulator.base.units import MOST_NS, NS_PER_S
from simulator.core.plan import F8, Plan
from simulator.planner import fleet as fleets
from simulator.planner.plans import Plans
from simulator.planning.budget import Budget
from simulator.planning.search import Readings
from simulator.running import memory
from simulator.running.execution import Execution
from simulator.running.groups import ahead_of_groups, phases_of, shares_of_groups
from simulator.running.replications import Batch, Keep
from simulator.scenario import Scenario
from simulator.stats import money
from simulator.stats.extract import Extract, Extracts, extract
from simulator.stats.readings import beyond, is_read, read
from simulator.theory import FULL, MeansAhead, busiest, certainly_busiest, clusters_of, has_drawn_machines, means_ahead

Kept = TypeVar("Kept")

#: No load is looked at below this part of saturation.
LOWEST = 1e-5
#: Nor at loads so low that replicas do so many times as much as at the scenario's own while their queries arrive.
MOST_TASKS = 64.0
#: At this part of saturation some load is looked at all the same.
LEAST_LOOK = 0.01
#: Expected queries of a group in a replication, at least: of fewer, now and then one has none, and nothing is known.
FEWEST_OF_GROUP = 12.0
#: How much longer than expected a replication may last by luck.
SPARE = 2.0


@dataclass(frozen=True)
class Effort:
    """How much a probe simulates."""

    replications: int
    queries: int | None  #: measured in each; None: as the load says

    def on(self, plans: Plans) -> Plans:
        """The plans of a scenario with these numbers of replications and queries."""
        if self.queries is None:
            return plans.with_run(replications=self.replications)
        return plans.with_run(replications=self.replications, queries=self.queries)


def prepared(plans: Plans, execution: Execution) -> Execution:
    """With the engine that simulates a scenario, compiled.

    Raises
    ------
    ValueError
        If there is no such engine, or it does not cover the scenario.
    """
    shortest = Effort(1, 1 if plans.scenario.can_lengthen else None).on(plans)
    shortest.extent()  # refuses what could not be simulated
    return execution.settled(shortest.outline())


class Prober:
    """Simulates a scenario at other loads, each replication with its luck.

    ``execution``: with the engine settled; ``jobs``: replications at a time. ``progress`` is called after each probe:
    factor on the load, measured queries in all, readings. ``budget``: asked before each simulation, which counts there.
    """

    def __init__(self, plans: Plans, effort: Effort, execution: Execution, budget: Budget | None = None) -> None:
        self.plans, self.effort, self.execution = effort.on(plans), effort, execution
        self.scenario: Scenario = self.plans.scenario
        self.objectives = [objective for objective in self.scenario.slos if is_read(objective)]
        self.budget = budget
        self.queries = 0  #: simulated so far, warm-up included, over all probes
        names = [stage.name for stage in self.scenario.stages]
        stages = {names.index(objective.stage) for objective in self.scenario.slos if objective.stage is not None}
        self._stages = tuple(sorted(stages))
        self._kinds = {objective.group.kind for objective in self.scenario.slos if objective.group is not None}
        kept = len(self._stages) + len(self._kinds)
        need = memory.refuse(self.plans, self.execution.engine, self.execution.jobs, effort.replications, kept)
        memory.announce(need.bytes, execution.say)
        self.extent = self.plans.extent()  #: of a replication, at the scenario's own load
        self.plan = self.plans.outline()  #: for theory
        others = range(1, effort.replications) if has_drawn_machines(self.plan) else ()
        outlines = [self.plan, *(self.plans.outline(replication) for replication in others)]
        self.utilisations = [busiest(one) for one in outlines]  #: at the scenario's own load; one, or one a replication
        self.certain = [certainly_busiest(one) for one in outlines]  #: of them, what proves that a load is not carried

    @property
    def measured(self) -> int:
        """Queries measured in a probe, over all replications, about: where a duration is measured, at its own load."""
        return self.extent.measured * self.effort.replications

    @property
    def saturation(self) -> float:
        """Logarithm of the factor on the load at which the busiest station is always busy; +inf: it never is."""
        least = min(self.utilisations)  # of the luckiest machines
        return -math.log(least) if least > 0 else math.inf

    @property
    def lowest(self) -> float:
        """Logarithm of the factor on the load below which none is looked at.

        It is a small part of saturation, or what makes a replication last as long as instants can tell, or as long as
        gives replicas many times the tasks of their own that they have at the scenario's own load.
        """
        lasts_ns = SPARE * self.extent.queries / self.plan.rate_per_s * NS_PER_S if self.scenario.can_lengthen else 0.0
        sent, both = self.plans.tasks_sent(), self.plans.tasks_of_query()
        longer = (MOST_TASKS * both - sent) / (both - sent) if both > sent else math.inf
        longest = -math.log(longer) if self.scenario.can_lengthen else -math.inf
        longest = min(longest, self.saturation + math.log(LEAST_LOOK))  # a load given far above it says nothing
        lasting = math.log(lasts_ns / MOST_NS) if lasts_ns > 0 else -math.inf
        return max(self.saturation + math.log(LOWEST), lasting, longest, self._rare)

    @property
    def _rare(self) -> float:
        """Below it some group with an objective has too few queries; -inf: how many it has is no matter of load."""
        if self.scenario.queries is not None:
            return -math.inf
        queries = self.extent.measured * rarest(self.scenario, self.plan)
        return math.log(FEWEST_OF_GROUP / queries) if queries > 0 else math.inf

    def loads(self, parts: F8) -> list[float]:
        """Loads at these parts of saturation, those that can be looked at. Raises ScenarioError if none can."""
        loads = self.saturation + np.log(parts)
        loads = loads[loads >= self.lowest]
        if not len(loads):
            path, message = "run.replications", "even at saturation a replication would last longer than instants tell"
            message += ": have more replications"
            if self._rare == self.lowest:
                cure = "have them last longer, or take the objective away"
                message = "of a phase that an objective is on, some replication has no query even at saturation"
                path, message = "slos", f"{message}: {cure}"
            raise ScenarioError([Problem(self.scenario.source, 0, 0, path, message)])
        return [float(load) for load in loads]

    def queries_at(self, load: float) -> float:
        """Queries, at most, of a replication that is to be looked at down to a load, and to half of it."""
        if not self.scenario.can_lengthen:
            return math.inf
        share = self.extent.measured / self.extent.queries
        return share * self.plan.rate_per_s * math.exp(load) * MOST_NS / NS_PER_S / SPARE / 2

    def __call__(self, load: float) -> Readings:
        """The readings at a load: logarithm of the factor on the scenario's own."""
        if any(utilisation * math.exp(load) < FULL for utilisation in self.utilisations):
            return self.look(load)[0]
        return self._told(load, tuple(beyond(self.effort.replications) for _ in self.objectives))

    def look(self, load: float) -> tuple[Readings, Extracts]:
        """The readings at a load, and what they are read from."""
        extracts = self.extracts(load)
        readings = tuple(read(objective, extracts, is_searched=True) for objective in self.objectives)
        return self._told(load, readings), extracts

    def _told(self, load: float, readings: Readings) -> Readings:
        self.execution.tell(math.exp(load), self.measured, readings)
        return readings

    def extracts(self, load: float) -> Extracts:
        """What is kept of all replications at a load."""
        return self.gathered(self.kept(load, self.extract), load)

    @property
    def extract(self) -> Keep[Extract]:
        """What is kept of a replication to judge the objectives by."""
        phases = phases_of(self.scenario) if PHASE in self._kinds else None
        return partial(extract, stages=self._stages, by_class=CLASS in self._kinds, phases=phases)

    def kept(self, load: float, keep: Keep[Kept]) -> list[Kept]:
        """What ``keep`` makes of each replication at a load, in order."""
        queries = (self.extent.first_measured + self.extent.measured) * self.effort.replications
        if self.budget is not None:
            self.budget.ask(queries)
        began = time.monotonic()
        by_number = dict(Batch(self.at(load), self.execution, keep, wanted=self.effort.replications).results())
        if self.budget is not None:
            self.budget.took(queries, time.monotonic() - began)
        return [by_number[number] for number in sorted(by_number)]

    def gathered(self, extracts: Sequence[Extract], load: float) -> Extracts:
        """The extracts of all replications at a load, together."""
        self.queries += sum(len(one.latency) for one in extracts)
        factor, measured = math.exp(load), sum(len(one.latency) - one.first_measured for one in extracts)
        return Extracts(
            extracts,
            [stage.name for stage in self.scenario.stages],
            [stage.workers for stage in self.scenario.stages],
            [utilisation * factor for utilisation in self.certain],
            self.scenario.is_stationary,
            money.Price(fleets.fleet(self.scenario).usd_per_h, fleets.usd_of_scaled(self.scenario)),
            self.ahead(load, measured),
            clusters_of(self.plan_at(load), self.scenario.is_stationary),
            dict(ahead_of_groups(self.scenario, self.plan_at(load), measured)) if self._kinds else {},
            self.scenario.samples,
        )

    def ahead(self, load: float, measured: int) -> MeansAhead:
        """What the plan says of means, where an objective is about one."""
        if not any(objective.measure in ("mean", "utilisation", "hottest") for objective in self.scenario.slos):
            return MeansAhead()
        return means_ahead(self.plan_at(load), measured, self.scenario.may_be_exact)

    def at(self, load: float) -> Plans:
        """The plans at a load."""
        return self.plans.scaled(self.scenario.load.scale * math.exp(load))

    def plan_at(self, load: float) -> Plan:
        """The outline for theory: the rate is that of the load."""
        return replace(self.plan, rate_per_s=self.plan.rate_per_s * math.exp(load))


def rarest(scenario: Scenario, outline: Plan) -> float:
    """The least share of the measured queries that a group is expected to have which an objective is on; 1: none is."""
    asked = {slo.group for slo in scenario.slos if slo.group is not None and is_read(slo)}
    return min((share for group, share in shares_of_groups(scenario, outline) if group in asked), default=1.0)
