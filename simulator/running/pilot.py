"""After which time a copy is sent, where a scenario says a percentile: a pilot without copies shows what tasks take."""

import math

import numpy as np

from simulator.core.plan import I8
from simulator.core.trace import Trace
from simulator.engines import compiled
from simulator.planner.load import refusal
from simulator.planner.plans import Plans
from simulator.scenario import Scenario

#: Number of its replication: no run has so many.
PILOT = 2**31
#: Queries, at most; and tasks, but for the first of these queries: their table is kept.
MOST_QUERIES, MOST_TASKS, FEWEST_QUERIES = 5_000, 1_000_000, 100
NS_PER_S = 1e9


def settled(scenario: Scenario) -> Scenario:
    """The scenario with a time for each percentile after which copies are sent; itself where none is.

    The pilot has its own luck, the load of the scenario, and as many queries as a replication, 5,000 at most, or as
    make a million tasks. A percentile is that of the time from sending to answer, over the tasks of measured queries.

    Raises
    ------
    ScenarioError
        If a stage answers nobody in the pilot, or as ``simulate`` does.
    """
    said = {at: stage.hedge.percentile for at, stage in enumerate(scenario.stages) if stage.hedge is not None}
    wanted = {at: share for at, share in said.items() if share is not None}
    if not wanted:
        return scenario
    shards = sum(stage.shards for stage in scenario.stages)
    queries = max(FEWEST_QUERIES, min(MOST_QUERIES, MOST_TASKS // shards))
    fewer = scenario.can_lengthen and (scenario.queries or 0) > queries
    alone = scenario.with_run(queries=queries) if fewer else scenario
    without = tuple(stage.model_copy(update={"hedge": None}) for stage in scenario.stages)
    plans = Plans.of(alone.model_copy(update={"stages": without}))
    plan = plans.make(PILOT)
    plan = plan.first_queries(plan.first_measured + queries).measured_from(plan.first_measured)
    trace = compiled.simulate(plan, tasks=True)
    after_s = {}
    for at, percentile in wanted.items():
        took_ns = _took_ns(trace, at, int(plan.stages[at]["send_ns"]))
        if not len(took_ns):
            where = f"stages.{scenario.stages[at].name}.hedge.after"
            raise refusal(scenario, where, "in a pilot without copies no task was answered: give a time")
        after_s[at] = float(np.sort(took_ns)[math.ceil(percentile * len(took_ns)) - 1]) / NS_PER_S
    return scenario.with_hedges(after_s)


def _took_ns(trace: Trace, stage: int, send_ns: int) -> I8:
    """(tasks,) of measured queries in a stage, as far as they were answered: from sending to answer."""
    tasks = trace.task_table
    assert tasks is not None, "it was asked for"
    of = (tasks.stage == stage) & (tasks.answer_ns >= 0) & (tasks.query >= trace.first_measured)
    sent_ns = trace.entered_ns(stage)[tasks.query[of]] + tasks.shard[of] * send_ns
    return np.asarray(tasks.answer_ns[of] - sent_ns)
