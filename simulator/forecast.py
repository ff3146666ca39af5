"""Before a long run: how many tasks it will simulate, how long that takes, and what would be enough."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from simulator.planner import make_plan
from simulator.run import replicate
from simulator.scenario import Scenario
from simulator.theory import Estimate, estimate

#: Tasks simulated to measure the engine's speed on the scenario itself.
PILOT_TASKS = 5_000
#: Effective exceedances that an honest 95 % interval of a percentile needs (15 to 20).
EXCEEDANCES = 20


@dataclass(frozen=True)
class Forecast:
    """What a run will cost, and the queries that would be enough for its objectives."""

    tasks: int  #: over all replications, warm-up included
    seconds: float
    enough_queries: int | None  #: measured in all; None at or beyond saturation
    percentile: float  #: in percent, the highest among the objectives (99 if there is none)


def forecast(scenario: Scenario, jobs: int = 1) -> Forecast:
    """Time a pilot of the scenario and scale it up."""
    plan = make_plan(scenario)
    replications = scenario.run.replications
    tasks = plan.queries * plan.shards * replications
    pilot = scenario.with_run(queries=max(1, PILOT_TASKS // plan.shards), warmup=0, replications=1)
    simulated = make_plan(pilot).queries * plan.shards
    replicate(scenario.with_run(queries=1, warmup=0, replications=1), 0)  # compile first
    began = time.perf_counter()
    replicate(pilot, 0)
    rate_per_s = simulated / (time.perf_counter() - began)
    waves = math.ceil(replications / jobs)
    seconds = waves * plan.queries * plan.shards / rate_per_s
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
    if paper.utilisation >= 1:
        return None
    effect = max(1.0, 1.5 * paper.variability / (1 - paper.utilisation) ** 2)
    return math.ceil(EXCEEDANCES * effect / (1 - percentile / 100))
