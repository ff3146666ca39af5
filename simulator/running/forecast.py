"""Before a long run: how many tasks it will simulate, how long that takes, and what would be enough."""

import math
import time
from dataclasses import dataclass

from simulator.core.plan import Plan
from simulator.engines import COMPILED, REFERENCE, engine
from simulator.planner.load import Load
from simulator.planner.plans import Plans
from simulator.running.execution import Execution
from simulator.running.replications import within_time
from simulator.scenario import Scenario
from simulator.theory import FULL, Estimate

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


def by_pilot(plans: Plans, load: Load, paper: Estimate, execution: Execution) -> Forecast:
    """Time a pilot of the first replication on the engine that is settled, and scale it up.

    ``load``: of the first replication; ``paper``: the scenario's estimate.
    """
    simulate = engine(execution.engine).simulate

    def run(plan: Plan) -> None:
        with within_time(plans.scenario):
            simulate(plan)

    queries, shards = len(load.arrival_ns), plans.system.shards
    replications = plans.scenario.run.replications
    run(plans.make(0, load.head(1)))  # compile first
    began = time.perf_counter()
    run(plans.make(0, load.head(1)))
    each_s = time.perf_counter() - began  # what a replication takes besides its tasks
    pilot = plans.make(0, load.head(max(1, PILOT_TASKS[execution.engine] // shards)))
    began = time.perf_counter()
    run(pilot)
    rate_per_s = pilot.queries * shards / (time.perf_counter() - began)
    waves = math.ceil(replications / execution.jobs)
    seconds = waves * (queries * shards / rate_per_s + each_s)
    percentile = highest_percentile(plans.scenario)
    return Forecast(queries * shards * replications, seconds, enough_queries(paper, percentile), percentile)


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
