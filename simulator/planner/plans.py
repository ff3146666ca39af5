"""From a Scenario to a Plan: names become indices, seconds become nanoseconds, models become tables."""

from __future__ import annotations

import math

import numpy as np

from simulator.base.units import NS_PER_S, ns
from simulator.core import draws
from simulator.core.assemble import ONE, PlanTooLarge, StageParts, assemble
from simulator.core.laws import Law
from simulator.core.plan import (
    ARRIVE_CONSTANT,
    ARRIVE_GAMMA,
    ARRIVE_MMPP,
    ARRIVE_PLUGGED,
    ARRIVE_POISSON,
    ARRIVE_TRACE,
    F8,
    I8,
    LEAST_OUTSTANDING,
    LEAST_WORK,
    NEVER_NS,
    PLUGGED,
    PLUGGED_OUTSTANDING,
    PLUGGED_WORK,
    POWER_OF_TWO,
    RANDOM,
    ROUND_ROBIN,
    Plan,
    Rule,
)
from simulator.models import CostModel
from simulator.planner.load import dispersion, make_load, refusal, work_law
from simulator.scenario import Scenario, Stage
from simulator.scenario.machines import lost_replica, lost_shards, machine_of
from simulator.scenario.stage import Routing

POLICIES = {
    "random": RANDOM,
    "round_robin": ROUND_ROBIN,
    "least_outstanding": LEAST_OUTSTANDING,
    "least_work": LEAST_WORK,
    "power_of_two": POWER_OF_TWO,
}
#: Of users' rules, by what they look at.
PLUGGED_POLICIES = {None: PLUGGED, "outstanding": PLUGGED_OUTSTANDING, "work": PLUGGED_WORK}
ARRIVALS = {
    "constant": ARRIVE_CONSTANT,
    "poisson": ARRIVE_POISSON,
    "trace": ARRIVE_TRACE,
    "gamma": ARRIVE_GAMMA,
    "mmpp": ARRIVE_MMPP,
}


def make_plan(scenario: Scenario, replication: int = 0) -> Plan:
    """Resolve one replication of a scenario.

    Raises
    ------
    ScenarioError
        If no query would be measured, a trace or profile has too few, or a count exceeds what a plan can hold.
    """
    try:
        load = make_load(scenario, replication)
    except OverflowError as error:
        raise refusal(scenario, "load", f"a replication would last {error}; raise the rate or run fewer") from error
    law, work = work_law(scenario), load.work
    if work is None:
        work = law.quantiles(draws.series(scenario.run.seed, replication, draws.WORK, len(load.arrival_ns)))
    return _assembled(scenario, replication, load.arrival_ns, work, law, load.first_measured, load.rate_per_s)


def paper_plan(scenario: Scenario, rate_per_s: float, replication: int = 0) -> Plan:
    """The plan of one query: for arithmetic, where arrivals would only take their time.

    Raises
    ------
    ScenarioError
        If a count exceeds what a plan can hold.
    """
    law = work_law(scenario)
    return _assembled(scenario, replication, np.zeros(1, dtype=np.int64), np.ones(1), law, 0, rate_per_s)


def _assembled(
    scenario: Scenario, replication: int, arrival_ns: I8, work: F8, law: Law, first_measured: int, rate_per_s: float
) -> Plan:
    try:
        return assemble(
            [stage_parts(stage, scenario, index == 0) for index, stage in enumerate(scenario.stages)],
            arrival_ns,
            work,
            seed=scenario.run.seed,
            replication=replication,
            first_measured=first_measured,
            drain_ns=NEVER_NS if scenario.run.drain_s is None else ns(scenario.run.drain_s),
            arrival_kind=ARRIVALS.get(scenario.load.arrivals.kind, ARRIVE_PLUGGED),
            arrival_dispersion=dispersion(scenario),
            rate_per_s=rate_per_s,
            work_law=law,
            machine_factor=machine_factors(scenario, replication),
        )
    except PlanTooLarge as error:
        raise refusal(scenario, "", f"{error}; make the scenario smaller") from error


def stage_parts(stage: Stage, scenario: Scenario, is_first: bool) -> StageParts:
    """One stage in nanoseconds and numbers."""
    model = stage.cost_model(scenario.hardware)
    timed = model.law
    candidates = Law.none() if stage.candidates is None else stage.candidates.law
    if is_first and stage.candidates is None:
        candidates = ONE  # a model of kind time does not ask
    pieces = model.pieces()
    first_lost, lost = lost_shards(stage)
    knots = [(piece.items, piece.seconds * NS_PER_S, piece.seconds_per_item * NS_PER_S) for piece in pieces]
    return StageParts(
        share=stage.shares,
        replicas=stage.replicas,
        first_lost=first_lost,
        lost=lost,
        workers=stage.workers,
        knots=knots or [(0.0, 0.0, 0.0)],
        time=Law.none() if timed is None else timed.scaled(NS_PER_S),
        task=_task_factor(stage, model),
        machine=stage.variability.machine.law,
        response=_in_ns(stage.network.response.law),
        candidates=candidates,
        hashed=stage.split == "hashed",
        keep=math.inf if stage.keep is None else float(stage.keep),
        policy=_policy(stage.routing),
        rule=None if stage.routing.plugin is None else Rule(stage.routing.policy, stage.routing.plugin.thing),
        balancers=stage.routing.balancers,
        by_query=stage.routing.by == "query",
        request_ns=ns(stage.network.request_s),
        send_ns=ns(stage.network.send_s),
        merge_ns=ns(stage.merge.time_s),
        merge_per_response_ns=ns(stage.merge.per_response_s),
        mergers=stage.merge.workers,
    )


def _policy(routing: Routing) -> int:
    return POLICIES[routing.policy] if routing.plugin is None else PLUGGED_POLICIES[routing.plugin.mark.looks_at]


def _task_factor(stage: Stage, model: CostModel) -> Law:
    if model.law is not None:
        return ONE  # the law has the spread
    return stage.variability.task.law if model.spread is None else model.spread


def _in_ns(law: Law) -> Law:
    return law if law.is_constant() and law.a == 0.0 else law.scaled(NS_PER_S)


def machine_factors(scenario: Scenario, replication: int) -> F8:
    """Factors of the machines of a replication, by replica: replicas of one machine share its factor.

    A lost replica comes last, and is never asked.
    """
    factors: list[float] = []
    for index, stage in enumerate(scenario.stages):
        law = stage.variability.machine.law
        if law.is_constant():
            factors += [law.quantile(0.5)] * (stage.shards * stage.replicas)
            continue
        uniform = [
            draws.uniforms(scenario.run.seed, replication, draws.MACHINE, 0, index * draws.PLACES + machine, 0)[0]
            for machine in range(stage.machines)
        ]
        drawn = law.quantiles(np.array(uniform)).tolist()
        first_lost, lost = lost_shards(stage)
        for shard in range(stage.shards):
            row = list(range(stage.replicas))
            if first_lost <= shard < first_lost + lost:
                row.append(row.pop(lost_replica(stage)))
            factors += [drawn[machine_of(stage, shard, replica)] for replica in row]
    return np.array(factors)
