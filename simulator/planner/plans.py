"""The plans of a scenario: its system, which is made once, with the machines and the load of each replication."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulator.base.units import NS_PER_S, ns
from simulator.core import admission, assemble, clients, outages, plan, retrying
from simulator.core.plan import frozen
from simulator.planner import classes, extents, machines
from simulator.planner import load as loads
from simulator.planner.scaling import with_autoscalers
from simulator.planner.system import make_system
from simulator.scenario import ClosedArrivals, Scenario
from simulator.theory import most_per_s

ARRIVALS = {
    "constant": plan.ARRIVE_CONSTANT,
    "poisson": plan.ARRIVE_POISSON,
    "trace": plan.ARRIVE_TRACE,
    "gamma": plan.ARRIVE_GAMMA,
    "mmpp": plan.ARRIVE_MMPP,
    "closed": plan.ARRIVE_CLOSED,
}


@dataclass(frozen=True)
class Plans:
    """The plans of a scenario's replications, and its arithmetic, which needs no load."""

    scenario: Scenario
    system: plan.System

    def __reduce__(self) -> tuple[Any, ...]:
        """Elsewhere the system is made anew: a user's rule is code, which is loaded from its file."""
        return Plans.of, (self.scenario,)

    @classmethod
    def of(cls, scenario: Scenario) -> Plans:
        """With its system made."""
        return cls(scenario, make_system(scenario))

    def tasks_of_query(self) -> float:
        """Tasks of a query over all stages, on average, about, and those of replicas' own meanwhile; without copies."""
        return self.tasks_sent() + self.own_tasks_per_s() / self.expected_per_s()

    def tasks_sent(self) -> float:
        """Tasks that a query is sent as, over all stages, on average, about; without copies."""
        return sum((stage.share or 1.0) * stage.shards * stage.part_visited for stage in self.scenario.stages)

    def expected_per_s(self, replication: int = 0) -> float:
        """Mean rate of a replication while it is measured, expected; of clients that wait, the most that it may be."""
        if self.scenario.load.is_closed:
            return most_per_s(self.outline(replication, 1.0))
        others_per_s = loads.expected_per_s(self.scenario, replication)
        if self.scenario.load.clients is None:
            return others_per_s
        return others_per_s + most_per_s(self.outline(replication, others_per_s))

    def own_tasks_per_s(self) -> float:
        """Tasks that all replicas have of their own, while queries arrive."""
        beside = [(stage.background, sum(stage.replica_counts)) for stage in self.scenario.stages]
        return sum(one.rate_per_s * replicas for one, replicas in beside if one is not None)

    def scaled(self, scale: float) -> Plans:
        """Of the scenario at another ``load.scale``: the system is the same."""
        return Plans(self.scenario.with_scale(scale), self.system)

    def with_run(self, **fields: int) -> Plans:
        """Of the scenario with other values of ``run``: the system is the same."""
        return Plans(self.scenario.with_run(**fields), self.system)

    def make(self, replication: int = 0, arrivals: loads.Load | None = None) -> plan.Plan:
        """Resolve one replication; ``arrivals``: its load or the head of it, which is drawn if not given.

        Raises
        ------
        ScenarioError
            As ``load`` does, and if a count exceeds what a plan can hold.
        """
        if any(stage.hedge is not None and stage.hedge.percentile is not None for stage in self.scenario.stages):
            message = "a percentile is known after a pilot: simulate, which makes one, or give a time"
            raise loads.refusal(self.scenario, "stages.hedge.after", message)
        if arrivals is None:
            arrivals = self.load(replication)
        if self.scenario.load.is_closed:
            arrivals = replace(arrivals, rate_per_s=self.expected_per_s(replication))
            lasts_s = len(arrivals.arrival_ns) / arrivals.rate_per_s
        else:
            lasts_s = float(arrivals.arrival_ns[-1]) / NS_PER_S
        if self.scenario.load.clients is not None:
            arrivals = replace(arrivals, rate_per_s=self.expected_per_s(replication))
        extents.refuse_stretches(self.scenario, self.system, lasts_s)
        queries, work = len(arrivals.arrival_ns), arrivals.work
        class_of = classes.drawn_classes(self.scenario, replication, queries)
        if work is None:
            work = classes.drawn_work(self.scenario, replication, class_of, queries)
            work.flags.writeable = class_of.flags.writeable = False
        return replace(self._completed(replication, replace(arrivals, work=work)), class_of=frozen(class_of))

    def load(self, replication: int = 0) -> loads.Load:
        """The load of a replication, drawn. Raises as ``make_load`` does."""
        return loads.make_load(self.scenario, replication)

    def outline(self, replication: int = 0, rate_per_s: float | None = None) -> plan.Plan:
        """A replication with a single query, for arithmetic and for what all its queries have in common.

        ``rate_per_s``: the load's own, if not given. No load is drawn.

        Raises
        ------
        ScenarioError
            If a count exceeds what a plan can hold.
        """
        if rate_per_s is None:
            rate_per_s = self.expected_per_s(replication)
        one = loads.Load(np.zeros(1, dtype=np.int64), 0, rate_per_s, None, np.ones(1))
        return self._completed(replication, one, is_own=False)

    def extent(self) -> loads.Extent:
        """How many queries a replication has, ``extents.extent_of``.

        Raises
        ------
        ScenarioError
            As ``make`` does.
        """
        extent = extents.extent_of(self.scenario)
        self._check(extent.queries)
        extents.refuse_stretches(self.scenario, self.system, extent.queries / self.expected_per_s())
        return extent

    def _check(self, queries: int) -> None:
        try:
            assemble.check_sizes(self.system, queries)
        except assemble.PlanTooLarge as error:
            raise loads.refusal(self.scenario, "", f"{error}; make the scenario smaller") from error

    def _completed(self, replication: int, load: loads.Load, is_own: bool = True) -> plan.Plan:
        """``is_own``: with the measurements of the replication, where it has its own."""
        self._check(len(load.arrival_ns))
        run, arrivals = self.scenario.run, self.scenario.load.arrivals
        made = assemble.complete(
            make_system(self.scenario, replication) if self.scenario.samples and is_own else self.system,
            load.arrival_ns,
            load.work,
            seed=run.seed,
            replication=replication,
            first_measured=load.first_measured,
            window_ns=load.window_ns,
            drain_ns=plan.NEVER_NS if run.drain_s is None else ns(run.drain_s),
            arrival_kind=ARRIVALS.get(self.scenario.load.arrivals.kind, plan.ARRIVE_PLUGGED),
            arrival_dispersion=loads.dispersion(self.scenario),
            rate_per_s=load.rate_per_s,
            machine_factor=machines.machine_factors(self.scenario, replication),
        )
        if self.scenario.admission is not None:
            door = self.scenario.admission
            most = admission.ANY_NUMBER if door.max_in_flight is None else int(door.max_in_flight)
            made = admission.behind_a_door(made, most, door.rate or 0.0, door.tokens)
        client = self.scenario.client
        if client is not None:
            timeout_ns = plan.NEVER_NS if client.timeout_s is None else max(1, ns(client.timeout_s))
            made = retrying.with_patience(
                *(made, timeout_ns, int(client.retries), client.pause_ns),
                is_drawn=client.is_drawn,
                budget=client.budget,
                processes=int(client.processes or 1),
                limit=client.of_limit,
                breaker=client.of_breaker,
            )
        made = with_autoscalers(retrying.in_time(made), self.scenario)
        if isinstance(arrivals, ClosedArrivals):  # their window is found with their arrivals
            return clients.sent_by_clients(made, arrivals.clients, arrivals.think.law.scaled(NS_PER_S))
        if (others := self.scenario.load.clients) is not None:
            return clients.sent_by_clients(made, others.count, others.think.law.scaled(NS_PER_S), beside=True)
        return outages.in_window(made)


def make_plan(scenario: Scenario, replication: int = 0) -> plan.Plan:
    """Resolve one replication of a scenario; of several, ``Plans`` makes the system once.

    Raises
    ------
    ScenarioError
        If no query would be measured, a trace or profile has too few, or a count exceeds what a plan can hold.
    """
    return Plans.of(scenario).make(replication)
