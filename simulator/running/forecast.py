"""Before a long run: how many tasks it will simulate, how long that takes, and what would be enough."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from simulator.engines import COMPILED, REFERENCE, engine
from simulator.planner.plans import make_plan
from simulator.scenario import Scenario
from simulator.theory import FULL, Estimate, estimate

#: Tasks simulated to measure an engine's speed on the scenario itself.
PILOT_TASKS = {COMPILED: 200_000, REFERENCE: 5_000}
#: Effective exceedances that an honest 95 % interval of a percentile needs (15 to 20).
EXCEEDANCES = 20


@dataclass(frozen=True)
class Forecast:
    """What a run will cost, and the queries that would be enough for its objectives."""

    tasks: int  #: over all replications, warm-up included
    seconds: float
    enough_queries: int | None  #: measured in all; None at or beyond saturation
    percentile: float  #: in percent, the highest among the objectives (99 if there is none)


def forecast(scenario: Scenario, jobs: int = 1, name: str = COMPILED) -> Forecast:
    """Time a pilot of the scenario on an engine and scale it up."""
    run = engine(name).simulate
    plan = make_plan(scenario)
    replications = scenario.run.replications
    tasks = plan.queries * plan.shards * replications
    run(plan.first_queries(1))  # compile first
    began = time.perf_counter()
    run(make_plan(scenario).first_queries(1))
    each_s = time.perf_counter() - began  # what a replication takes besides its tasks
    pilot = plan.first_queries(max(1, PILOT_TASKS[name] // plan.shards))
    began = time.perf_counter()
    run(pilot)
    rate_per_s = pilot.queries * plan.shards / (time.perf_counter() - began)
    waves = math.ceil(replications / jobs)
    seconds = waves * (plan.queries * plan.shards / rate_per_s + each_s)
    percentile = highest_percentile(scenario)
    enough = enough_queries(estimate(plan, scenario.is_stationary), percentile)
    return Forecast(tasks, seconds, enough, percentile)


def highest_percentile(scenario: Scenario) -> float:
    """The highest percentile among the objectives, in percent; 99 if there is none."""
    tails = [objective.p for objective in scenario.slos if objective.measure in ("quantile", "share_within")]
    return round(100 * max(tails, default=0.99), 9)


def enough_queries(paper: Estimate, percentile: float) -> int | None:
    """Measured queries in all that an honest interval of a percentile takes; None at or beyond saturation.

    K x design effect / (1 - p), with the design effect of a percentile in a queue, queries per independent one, about
    1.5 (ca^2 + cs^2) / (1 - utilisation)^2, and at least 1.
    """
    if paper.utilisation >= FULL:
        return None
    effect = max(1.0, 1.5 * paper.variability / (1 - paper.utilisation) ** 2)
    return math.ceil(EXCEEDANCES * effect / (1 - percentile / 100))
