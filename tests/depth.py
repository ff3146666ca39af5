"""A system at depth: as many queries as it takes for every interval to be narrow, held against exact values.

A pilot of its own luck says how many queries are needed, then a run is made. A run whose intervals came out wider than
asked serves as a pilot for a longer one, of luck of its own: whether theory lies inside decides nothing. Only what is
compared is kept, so that tens of millions of queries fit into memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from families import System

from simulator import scenario_from_dict
from simulator.engines import compiled
from simulator.planner import make_plan
from simulator.stats.means import Interval, ratio_interval
from simulator.stats.quantiles import Series
from simulator.stats.share import Layout
from simulator.theory import Finding, Prediction, check, estimate
from simulator.theory.check import RELAXATIONS

REPLICATIONS = 16

#: Relative half-widths asked for at utilisation .8: of p99.9, and of everything else.
WIDTH_FAR, WIDTH = 0.03, 0.01

#: Queries for those that the pilot asks for: its half-widths, and those of the run, are themselves estimates.
MARGIN = 3

#: Longer runs, at most, where the pilot was too hopeful.
LONGER = 2

#: Tasks of a pilot, and of a run at most; queries of a run at most: what a verification may take.
PILOT_TASKS = 8_000_000
MOST_TASKS = 4_000_000_000
MOST_QUERIES = 60_000_000


@dataclass(frozen=True)
class Sample:
    """What a run found of the statistics that have exact values."""

    warmup: int
    replications: int
    latency: Series
    wait: Series  #: of the critical tasks of the first stage
    task_wait_s: Interval  #: mean over its tasks

    def figure(self, statistic: str) -> tuple[float, float, float] | None:
        """Value and ends in seconds; None where the sample does not support it."""
        if statistic in ("mean", "wait"):
            found = self.latency.mean().scaled(1e-9) if statistic == "mean" else self.task_wait_s
            return found.value, found.low, found.high
        series = self.wait if statistic.endswith("_wait") else self.latency
        quantile = series.quantile(round(float(statistic.removesuffix("_wait")[1:]) / 100, 6)).scaled(1e-9).to_dict()
        return None if quantile is None else (quantile["value"], quantile["low"], quantile["high"])

    def half_width(self, statistic: str) -> float:
        """Relative half-width of the interval; infinite where the sample does not support the statistic.

        Of waiting times, relative to the wait and a mean service time of 1 s: few who wait make no latency uncertain.
        """
        found = self.figure(statistic)
        if found is None or None in found:
            return math.inf
        value, low, high = found
        return (high - low) / 2 / (value + 1.0 if "wait" in statistic else value)


def sample(system: System, queries: int, seed: int) -> Sample:
    """Run REPLICATIONS of ``queries`` each, after a warm-up of a quarter, or of what the slowest queue needs."""
    run = {"queries": queries, "replications": REPLICATIONS, "seed": seed}
    warmup = 0 if system.is_empty else queries // 4
    if not system.is_empty:
        paper = estimate(make_plan(scenario_from_dict({**system.scenario, "run": {"queries": 2}})))
        warmup = max(warmup, math.ceil(RELAXATIONS * paper.relaxation))
    scenario = scenario_from_dict({**system.scenario, "run": {**run, "warmup": warmup}})
    latencies, waits, waited_s, tasks = [], [], [], []
    for replication in range(REPLICATIONS):
        plan = make_plan(scenario, replication)
        trace = compiled.simulate(plan)
        first, row = plan.first_measured, plan.stages[0]
        latencies.append((trace.completion_ns[first:] - trace.arrival_ns[first:]).astype(np.float64))
        if any(name.endswith("_wait") for name in system.exact):
            waits.append(trace.critical_wait_ns[0, first:].astype(np.float64))
        here = slice(0, int(row["shards"] * row["replicas"]))
        waited_s.append(trace.waiting_ns[here].sum(dtype=np.float64) * 1e-9)
        tasks.append(trace.tasks[here].sum())
    layout = Layout.of([queries] * REPLICATIONS)
    latency = Series(np.concatenate(latencies), layout)
    wait = Series(np.concatenate(waits), layout) if waits else latency
    return Sample(warmup, REPLICATIONS, latency, wait, ratio_interval(waited_s, tasks))


def width_asked(system: System, statistic: str) -> float:
    """Relative half-width asked for; beyond utilisation .8 wider, as far as queries depend on each other for longer."""
    plan = make_plan(scenario_from_dict({**system.scenario, "run": {"queries": 2}}))
    utilisation = 0.0 if system.is_empty else estimate(plan).utilisation
    wider = max(1.0, 0.2 / (1 - utilisation))
    return (WIDTH_FAR if statistic.startswith("p99.9") else WIDTH) * wider


def most_queries(system: System) -> int:
    """Queries of a replication that a run may take."""
    shards = make_plan(scenario_from_dict({**system.scenario, "run": {"queries": 2}})).shards
    return min(MOST_QUERIES, MOST_TASKS // shards) // REPLICATIONS


def is_capped(system: System, run: Sample) -> bool:
    """Whether a run had to stop short of the precision asked for."""
    return run.latency.layout.queries >= REPLICATIONS * most_queries(system)


def queries_needed(system: System, pilot: Sample) -> int:
    """Queries a replication that make all half-widths as asked, by the pilot's; at most what a run may take."""
    factor = max((pilot.half_width(name) / width_asked(system, name)) ** 2 for name in system.exact)
    there = pilot.latency.layout.queries / REPLICATIONS
    return min(most_queries(system), max(math.ceil(there), math.ceil(MARGIN * there * min(factor, 1e6))))


def deeply(system: System, seed: int) -> tuple[Sample, list[Finding]]:
    """Pilot, run, and what the run says of the exact values."""
    plan = make_plan(scenario_from_dict({**system.scenario, "run": {"queries": 2}}))
    pilot = sample(system, max(2000, PILOT_TASKS // plan.shards // REPLICATIONS), seed + 1)
    run = sample(system, queries_needed(system, pilot), seed)
    for again in range(2, 2 + LONGER):
        widths = (run.half_width(name) < width_asked(system, name) for name in system.exact)
        if is_capped(system, run) or all(widths):
            break
        run = sample(system, queries_needed(system, run), seed + again)
    paper = estimate(plan)
    predictions = tuple(
        Prediction(name.removesuffix("_wait"), 0 if "wait" in name else None, value, "exact", system.name)
        for name, value in system.exact.items()
    )
    figures = {
        stage: {
            name.removesuffix("_wait"): _ends(run.figure(name))
            for name in system.exact
            if ("wait" in name) == (stage == 0)
        }
        for stage in (None, 0)
    }
    document = {
        "verdict": "stable",  # known of these systems
        "replications": REPLICATIONS,
        "queries": math.inf
        if system.is_empty
        else run.latency.layout.queries,  # a mean of independent queries is normal
        "failed_ratio": {"value": 0.0},
        "stability": {"warmup_queries": math.inf if system.is_empty else run.warmup},
        "latency_s": figures[None],
        "stages": [{"latency_s": figures[0], "wait_s": figures[0].get("wait")}],
    }

    def tail_shares(stage, bound_s):
        series, bound = (run.latency if stage is None else run.wait), round(bound_s * 1e9)
        later = series.share(bound + 2, inclusive=False)
        at_or_later = series.share(bound - 2, inclusive=True)
        return (later.value, later.low, later.high), (at_or_later.value, at_or_later.low, at_or_later.high)

    return run, check(replace(paper, predictions=predictions), document, tail_shares)


def _ends(found):
    return None if found is None else dict(zip(("value", "low", "high"), found, strict=True))
