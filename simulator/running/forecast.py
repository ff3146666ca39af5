"""Before a long run: how many tasks it will simulate, how long that takes, and what would be enough."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from simulator.core.plan import Plan
from simulator.core.trace import Trace
from simulator.engines import COMPILED, REFERENCE, engine
from simulator.planner.load import Load
from simulator.planner.plans import Plans
from simulator.running.execution import Execution
from simulator.running.replications import within_time
from simulator.scenario import Scenario
from simulator.stats.quantiles import queries_needed, worth_ahead
from simulator.theory import Estimate, clusters_ahead

#: Tasks simulated to measure an engine's speed on the scenario itself, at least.
PILOT_TASKS = {COMPILED: 200_000, REFERENCE: 5_000}
#: A run that ends within so many seconds, as a pilot of so small a part of that says, is not looked at again.
SOON_S, SMALL_PART = 1.0, 16
#: Pilots grow so many times, as long as all of them take less than this part of what they foretell, or so many seconds.
LONGER, MOST_PART, LITTLE_S = 4, 0.05, 0.1


@dataclass(frozen=True)
class Forecast:
    """What a run will cost, and the queries that would be enough for its objectives."""

    tasks: int  #: over all replications, warm-up included
    seconds: float
    memory_bytes: float
    enough_queries: int | None  #: measured in all; None at or beyond saturation
    percentile: float  #: in percent, the highest among the objectives (99 if there is none)


@dataclass(frozen=True)
class Took:
    """Seconds."""

    simulating: float
    telling: float

    @property
    def all(self) -> float:
        """Of both."""
        return self.simulating + self.telling

    def of(self, queries: int, once: "Took", many: int) -> "Took":
        """Of ``many`` queries, if these are of ``queries`` and ``once`` is of one: what grows with them, grows."""
        times = (many - 1) / max(1, queries - 1)
        return Took(
            once.simulating + times * max(0.0, self.simulating - once.simulating),
            once.telling + times * max(0.0, self.telling - once.telling),
        )


def seconds_of(plans: Plans, load: Load, drawn_s: float, work: Execution, tell: Callable[[Trace], object]) -> float:
    """Time a pilot of the first replication on the engine that is settled, and scale it up to the run.

    ``load`` is of the first replication, and took ``drawn_s`` seconds to draw. ``tell`` is what is done with all traces
    together when they are there: here it is done with that of the pilot.
    """
    simulate = engine(work.engine).simulate

    def took(queries: int) -> Took:
        began = time.perf_counter()
        with within_time(plans.scenario):
            trace = simulate(plans.make(0, load.head(queries)))
        simulated = time.perf_counter()
        tell(trace)
        return Took(simulated - began, time.perf_counter() - simulated)

    queries, shards, replications = len(load.arrival_ns), int(plans.system.shards), plans.scenario.run.replications
    waves = math.ceil(replications / work.jobs)
    small = min(queries, max(1, PILOT_TASKS[work.engine] // SMALL_PART // shards))
    for _ in range(2):  # the first compiles
        seen, times = took(small), queries / small
        most_s: float = waves * (drawn_s + times * seen.simulating) + replications * times * seen.telling
        if most_s < SOON_S:
            return most_s
    once, pilot, spent_s = took(1), min(queries, max(1, PILOT_TASKS[work.engine] // shards)), 0.0
    while True:
        seen, longer = took(pilot), min(queries, LONGER * pilot)
        simulating = seen.of(pilot, once, queries).simulating
        seconds: float = (
            (waves - 1) * drawn_s + waves * simulating + seen.of(pilot, once, queries * replications).telling
        )
        spent_s += seen.all
        if pilot == queries or spent_s + seen.of(pilot, once, longer).all > max(LITTLE_S, MOST_PART * seconds):
            return seconds
        pilot = longer


def highest_percentile(scenario: Scenario) -> float:
    """The highest percentile among the objectives, in percent; 99 if there is none."""
    tails = [objective.p for objective in scenario.slos if objective.measure in ("quantile", "share_within")]
    return round(100 * max(tails, default=0.99), 9)


def enough_queries(scenario: Scenario, outline: Plan, paper: Estimate, queries: int) -> int | None:
    """Measured queries in all that the highest percentile of the objectives takes, in replications of ``queries``.

    As a run says of a percentile that it does not print (statistics rule 3), but that nothing was seen yet; and as many
    as see enough of the slow stretches and crashes that may lie there (rule 5). None where the load is at saturation or
    beyond it, at any time.
    """
    p = highest_percentile(scenario) / 100
    is_above = paper.peak is not None and paper.peak.above_s > 0
    whole = None if is_above else clusters_ahead(outline)
    return None if whole is None else queries_needed(p, worth_ahead(whole, p, queries))
