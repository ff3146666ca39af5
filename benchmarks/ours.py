"""The project's own engines as models to measure, and the limit set by the random numbers alone.

What the compiled engine is asked for is what a user's run asks for: every query's instants at every stage and every
replica's counters are recorded, and every random number has its name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from benchmarks.measure import Model
from benchmarks.systems import FUNNEL, GAP_S, MANY, ONE, Run
from simulator.core import draws, rules
from simulator.core.assemble import StageParts, assemble
from simulator.core.jit import kernel
from simulator.core.laws import Law, sampling
from simulator.core.plan import ROLES, TIME, Plan
from simulator.core.trace import Trace
from simulator.engines import compiled, reference
from simulator.workload.arrivals import POISSON_GAPS, arrivals_counted
from simulator.workload.rates import LinearStretch, Rate


def plan_of(stages: Sequence[int], queries: int, seed: int) -> Plan:
    """The Plan of a system."""
    rate_per_s = 1 / GAP_S
    rate = Rate([LinearStretch(math.inf, rate_per_s, rate_per_s)])
    parts = [
        StageParts([1 / shards] * shards, candidates=Law.constant(1.0), time=Law.exponential(1e9)) for shards in stages
    ]
    arrival_ns = arrivals_counted(POISSON_GAPS, seed, 0, rate, queries)
    return assemble(parts, arrival_ns, seed=seed, rate_per_s=rate_per_s)


def read(trace: Trace) -> Run:
    """Return the Run of a Trace."""
    queries = len(trace.arrival_ns)
    latency_s = float(np.mean(trace.completion_ns - trace.arrival_ns)) / 1e9
    return Run(queries, int(trace.tasks.sum()), latency_s, trace.events)


def with_its_plan(given: tuple[Sequence[int], int, int]) -> Trace:
    """Simulate from nothing, as the peers do: arrivals are drawn too."""
    return compiled.simulate(plan_of(*given))


def event_by_event(plan: Plan) -> Trace:
    """Simulate without looking ahead at any stage."""
    return compiled.simulate(plan, event_by_event=range(len(plan.stages)))


@kernel
def draw_all(  # type: ignore[no-untyped-def]
    stages, stage_laws, law_parts, law_points, seed, replication, queries, luck, time_ns
):
    """Draw every task's time, a block a query and stage, as a dispatch does; returns the sum of the last in each run.

    The sum is of the last shard of the last stage, so that it can be compared with a Trace.
    """
    total = 0
    for query in range(queries):
        shards = 0
        for stage in range(stages.shape[0]):
            shards = stages[stage]["shards"]
            draws.first_block(seed, replication, draws.TASK, query, stage * draws.PLACES, shards, luck)
            sampling.quantiles(stage_laws, law_parts, law_points, stage * ROLES + TIME, shards, luck, time_ns)
        total += rules.round_ns(time_ns[shards - 1])
    return total


def draw(plan: Plan) -> tuple[Plan, int]:
    """Draw alone the numbers that a run of the plan draws."""
    luck, time_ns = np.empty((2, int(plan.stages["shards"].max())))
    laws = plan.stages, plan.laws, plan.law_parts, plan.law_points
    return plan, draw_all(*laws, plan.seed, plan.replication, plan.queries, luck, time_ns)


def read_drawn(drawn: tuple[Plan, int]) -> Run:
    """Return a Run without latencies, after a look at whether the engine draws the same."""
    plan, total_ns = drawn
    assert total_ns == compiled.simulate(plan).busy_ns[-1], "the engine draws other numbers"
    return Run(plan.queries, plan.queries * plan.shards, None)


COMPILED, DRAWING, REFERENCE = "compiled", "drawing alone", "reference"
WITH_ITS_PLAN, EVENT_BY_EVENT = "compiled with its plan", "compiled event by event"

_compiled = partial(Model, plan_of, compiled.simulate, read)
_with_its_plan = partial(Model, lambda *given: given, with_its_plan, read)
_drawing = partial(Model, plan_of, draw, read_drawn)
_reference = partial(Model, plan_of, reference.simulate, read)
_event_by_event = partial(Model, plan_of, event_by_event, read)

QUERIES = 50_000  #: of what is compiled: a replication's by default; ``growth`` has smaller and larger ones
REPEATS = {ONE: 120, MANY: 2, FUNNEL: 40}  #: for about half a second

OURS: dict[str, dict[str, Model]] = {
    system: {
        COMPILED: _compiled(QUERIES, REPEATS[system]),
        WITH_ITS_PLAN: _with_its_plan(QUERIES, REPEATS[system]),
        DRAWING: _drawing(QUERIES, REPEATS[system]),
        REFERENCE: _reference(queries),
    }
    for system, queries in {ONE: 40_000, MANY: 100, FUNNEL: 8_000}.items()
}

EVENTS: dict[str, dict[str, Model]] = {
    system: {
        EVENT_BY_EVENT: _event_by_event(*size),
        COMPILED: OURS[system][COMPILED],
        REFERENCE: OURS[system][REFERENCE],
    }
    for system, size in {FUNNEL: (QUERIES, 10), MANY: (2_000, 2)}.items()
}
