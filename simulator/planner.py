"""From a Scenario to a Plan: names become indices, seconds become nanoseconds, models become tables."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simulator.core import draws
from simulator.core.assemble import ONE, PlanTooLarge, StageParts, assemble
from simulator.core.laws import Law
from simulator.core.plan import (
    ARRIVE_CONSTANT,
    ARRIVE_POISSON,
    ARRIVE_TRACE,
    F8,
    I8,
    LEAST_OUTSTANDING,
    LEAST_WORK,
    NEVER_NS,
    POWER_OF_TWO,
    RANDOM,
    ROUND_ROBIN,
    Plan,
)
from simulator.errors import Problem, ScenarioError
from simulator.models import CostModel
from simulator.scenario import Scenario, Stage, TraceArrivals
from simulator.scenario.machines import machine_of, machines_of
from simulator.units import NS_PER_S, format_duration, ns
from simulator.workload.arrivals import arrivals_counted, arrivals_of_trace, arrivals_until
from simulator.workload.rates import Rate, RatePiece

POLICIES = {
    "random": RANDOM,
    "round_robin": ROUND_ROBIN,
    "least_outstanding": LEAST_OUTSTANDING,
    "least_work": LEAST_WORK,
    "power_of_two": POWER_OF_TWO,
}
ARRIVALS = {"constant": ARRIVE_CONSTANT, "poisson": ARRIVE_POISSON, "trace": ARRIVE_TRACE}

#: Of a trace without a number of queries, this part warms up.
TRACE_WARMUP = 5
#: Of a number of queries or a duration, warm-up takes this part besides.
WARMUP = 4


@dataclass(frozen=True)
class Load:
    """The arrivals of one replication, and which of them are measured: all from ``first_measured`` on."""

    arrival_ns: I8
    first_measured: int
    rate_per_s: float  #: mean rate while measured


def make_plan(scenario: Scenario, replication: int = 0) -> Plan:
    """Resolve one replication of a scenario.

    Raises
    ------
    ScenarioError
        If no query would be measured, a trace has too few rows, or a count exceeds what a plan can hold.
    """
    try:
        load = make_load(scenario, replication)
    except OverflowError as error:
        raise _refusal(scenario, "load", f"a replication would last {error}; raise the rate or run fewer") from error
    seed = scenario.run.seed
    uniform = draws.series(seed, replication, draws.WORK, len(load.arrival_ns))
    work_law = scenario.load.work.law
    try:
        return assemble(
            [stage_parts(stage, scenario, index == 0) for index, stage in enumerate(scenario.stages)],
            load.arrival_ns,
            work_law.quantiles(uniform),
            seed=seed,
            replication=replication,
            first_measured=load.first_measured,
            drain_ns=NEVER_NS if scenario.run.drain_s is None else ns(scenario.run.drain_s),
            arrival_kind=ARRIVALS[scenario.load.arrivals.kind],
            rate_per_s=load.rate_per_s,
            work_law=work_law,
            machine_factor=machine_factors(scenario, replication),
        )
    except PlanTooLarge as error:
        raise _refusal(scenario, "", f"{error}; make the scenario smaller") from error


def stage_parts(stage: Stage, scenario: Scenario, is_first: bool) -> StageParts:
    """One stage in nanoseconds and numbers."""
    model = stage.cost_model(scenario.hardware)
    timed = model.law
    candidates = Law.none() if stage.candidates is None else stage.candidates.law
    if is_first and stage.candidates is None:
        candidates = ONE  # a model of kind time does not ask
    pieces = model.pieces()
    knots = [(piece.items, piece.seconds * NS_PER_S, piece.seconds_per_item * NS_PER_S) for piece in pieces]
    return StageParts(
        share=stage.shares,
        replicas=stage.replicas,
        workers=stage.workers,
        knots=knots or [(0.0, 0.0, 0.0)],
        time=Law.none() if timed is None else timed.scaled(NS_PER_S),
        task=_task_factor(stage, model),
        machine=stage.variability.machine.law,
        response=_in_ns(stage.network.response.law),
        candidates=candidates,
        hashed=stage.split == "hashed",
        keep=math.inf if stage.keep is None else float(stage.keep),
        policy=POLICIES[stage.routing.policy],
        balancers=stage.routing.balancers,
        by_query=stage.routing.by == "query",
        request_ns=ns(stage.network.request_s),
        send_ns=ns(stage.network.send_s),
        merge_ns=ns(stage.merge.time_s),
        merge_per_response_ns=ns(stage.merge.per_response_s),
        mergers=stage.merge.workers,
    )


def _task_factor(stage: Stage, model: CostModel) -> Law:
    if model.law is not None:
        return ONE  # the law has the spread
    return stage.variability.task.law if model.spread is None else model.spread


def _in_ns(law: Law) -> Law:
    return law if law.is_constant() and law.a == 0.0 else law.scaled(NS_PER_S)


def machine_factors(scenario: Scenario, replication: int) -> F8:
    """Factors of the machines of a replication, by replica: replicas of one machine share its factor."""
    factors: list[float] = []
    for index, stage in enumerate(scenario.stages):
        law = stage.variability.machine.law
        if law.is_constant():
            factors += [law.quantile(0.5)] * (stage.shards * stage.replicas)
            continue
        uniform = [
            draws.uniforms(scenario.run.seed, replication, draws.MACHINE, 0, index * draws.PLACES + machine, 0)[0]
            for machine in range(machines_of(stage))
        ]
        drawn = law.quantiles(np.array(uniform)).tolist()
        for shard in range(stage.shards):
            factors += [drawn[machine_of(stage, shard, replica)] for replica in range(stage.replicas)]
    return np.array(factors)


def make_load(scenario: Scenario, replication: int) -> Load:
    """The arrivals of one replication."""
    run = scenario.run
    if scenario.load.arrivals.kind == "trace":
        return _trace_load(scenario)
    seed, kind = run.seed, ARRIVALS[scenario.load.arrivals.kind]
    start_per_s = rate_pieces(scenario)[0].start_per_s
    queries = scenario.queries
    if queries is not None:
        rate = Rate([RatePiece(math.inf, start_per_s, start_per_s)])
        if run.warmup_s is None:
            warmup = queries // WARMUP if run.warmup_queries is None else run.warmup_queries
            arrival_ns = arrivals_counted(kind, seed, replication, rate, warmup + queries)
            return Load(arrival_ns, warmup, start_per_s)
        warm = arrivals_until(kind, seed, replication, Rate([RatePiece(run.warmup_s, start_per_s, start_per_s)]))
        arrival_ns = arrivals_counted(kind, seed, replication, rate, len(warm) + queries)
        return Load(arrival_ns, len(warm), start_per_s)
    pieces = rate_pieces(scenario)
    duration_s = sum(piece.duration_s for piece in pieces)
    warmup_s = duration_s / WARMUP if run.warmup_s is None else run.warmup_s
    before = [RatePiece(warmup_s, start_per_s, start_per_s)] if warmup_s > 0 else []
    arrival_ns = arrivals_until(kind, seed, replication, Rate([*before, *pieces]))
    first = int(np.searchsorted(arrival_ns, ns(warmup_s)))
    if first == len(arrival_ns):
        message = f"no query arrives in the {duration_s:g} s that are measured; raise the rate or run longer"
        raise _refusal(scenario, "load", message)
    return Load(arrival_ns, first, sum(piece.arrivals for piece in pieces) / duration_s)


def rate_pieces(scenario: Scenario) -> list[RatePiece]:
    """The measured rate over time: the phases, or the constant rate for the duration (for ever, if none)."""
    load = scenario.load
    scale = load.scale
    if load.phases:
        return [
            RatePiece(phase.duration_s, phase.start_per_s * scale, phase.end_per_s * scale) for phase in load.phases
        ]
    assert load.rate_per_s is not None, "the schema asks for a rate"
    duration_s = math.inf if scenario.duration_s is None else scenario.duration_s
    return [RatePiece(duration_s, load.rate_per_s * scale, load.rate_per_s * scale)]


def trace_speed(scenario: Scenario) -> float:
    """How much faster than recorded a trace is replayed."""
    arrivals = scenario.load.arrivals
    assert isinstance(arrivals, TraceArrivals)
    speed = arrivals.speed or 1.0
    if arrivals.rate_per_s is not None:
        timestamp_s = arrivals.timestamps()
        speed = arrivals.rate_per_s / own_rate(timestamp_s)
    return float(speed * scenario.load.scale)


def own_rate(timestamp_s: F8) -> float:
    """Mean rate of a trace: gaps over the time they take; the schema asks for rows at two instants."""
    return (len(timestamp_s) - 1) / float(timestamp_s[-1] - timestamp_s[0])


def _trace_load(scenario: Scenario) -> Load:
    run = scenario.run
    assert isinstance(scenario.load.arrivals, TraceArrivals)
    timestamp_s = scenario.load.arrivals.timestamps()
    rows = len(timestamp_s)
    arrival_ns = arrivals_of_trace(timestamp_s, trace_speed(scenario))
    rate_per_s = own_rate(timestamp_s) * trace_speed(scenario)
    if run.duration_s is not None:
        warmup_s = run.duration_s / WARMUP if run.warmup_s is None else run.warmup_s
        if ns(warmup_s + run.duration_s) > arrival_ns[-1] + ns(1 / rate_per_s):
            lasts = format_duration(float(arrival_ns[-1]) / NS_PER_S)
            message = f"warm-up and duration take {format_duration(warmup_s + run.duration_s)}; the trace lasts {lasts}"
            raise _refusal(scenario, "run.duration", message)
        first, end = (int(i) for i in np.searchsorted(arrival_ns, [ns(warmup_s), ns(warmup_s + run.duration_s)]))
    else:
        if run.warmup_s is not None:
            first = int(np.searchsorted(arrival_ns, ns(run.warmup_s)))
        elif run.warmup_queries is not None:
            first = run.warmup_queries
        else:
            first = rows // TRACE_WARMUP if run.queries is None else run.queries // WARMUP
        end = rows if run.queries is None else first + run.queries
    if end > rows:
        message = f"{first} queries of warm-up and {end - first} measured ones need {end} rows; the trace has {rows}"
        raise _refusal(scenario, "run.queries", f"{message}. Ask for fewer, or leave queries out to use all rows")
    if first >= end:
        message = f"no row of the trace ({rows} rows) is left to measure after {first} of warm-up"
        raise _refusal(scenario, "run", f"{message}. Shorten the warm-up, or replay a longer trace")
    return Load(arrival_ns[:end], first, rate_per_s)


def _refusal(scenario: Scenario, path: str, message: str) -> ScenarioError:
    return ScenarioError([Problem(scenario.source, 0, 0, path, message)])
