"""After which time a copy is sent, where a scenario says a percentile: a pilot without copies shows what tasks take."""

import math

import numpy as np

from simulator import engines
from simulator.base.errors import ScenarioError
from simulator.base.formats import counted
from simulator.core.plan import I8
from simulator.core.trace import Trace
from simulator.planner.plans import Plans
from simulator.running import memory
from simulator.running.execution import Execution, Say
from simulator.scenario import Scenario
from simulator.scenario.gather import Cancel
from simulator.scenario.hedge import Seen

NOTHING = Cancel(what="none")

#: Number of its replication: no run has so many.
PILOT = 2**31
#: Measured queries, at most, and their tasks: a table of these is kept.
MOST_QUERIES, MOST_TASKS = 5_000, 1_000_000
#: Tasks beyond a percentile that are too few to say it.
FEWEST_BEYOND = 10
NS_PER_S = 1e9


def settled(scenario: Scenario, say: Say | None = None) -> Scenario:
    """The scenario with a time for each percentile after which copies are sent; itself where none is.

    The pilot has its own luck, the load of the scenario, and the first queries of a replication: 5,000 measured ones at
    most, or as make a million tasks, after a quarter of as many at most. No copies are sent in it, and no task is
    withdrawn. A percentile is that of the time from the dispatch of a query to the answer, over its tasks.

    ``say`` is called with a line when a wait begins: the engine is compiled, or is the one that is not.

    Raises
    ------
    ScenarioError
        If the pilot shows too few tasks for a percentile, if its load is more than memory holds, or as ``simulate``
        does.
    """
    said = {at: stage.hedge.percentile for at, stage in enumerate(scenario.stages) if stage.hedge is not None}
    wanted = {at: share for at, share in said.items() if share is not None}
    if not wanted:
        return scenario
    queries = max(1, min(MOST_QUERIES, MOST_TASKS // sum(stage.shards for stage in scenario.stages)))
    fewer = scenario.can_lengthen and (scenario.queries or 0) > queries
    alone = scenario.with_run(queries=queries, warmup="auto") if fewer else scenario
    without = tuple(
        stage.model_copy(update={"hedge": None, "tied": None, "cancel": NOTHING}) for stage in scenario.stages
    )
    memory.refuse_load(alone)
    plan = Plans.of(alone.model_copy(update={"stages": without})).make(PILOT)
    first = min(plan.first_measured, queries // 4)
    plan = plan.first_queries(first + queries).measured_from(first)
    name = Execution(say=say).settled(plan).engine
    if say is not None and name == engines.REFERENCE:
        say(f"a pilot of {counted(plan.measured, 'query')} in the reference engine ...")
    trace = engines.engine(name).simulate(plan, tasks=True)
    seen: dict[int, Seen] = {}
    for at, percentile in wanted.items():
        took_ns = np.sort(_took_ns(trace, at))
        rank = math.ceil(percentile * len(took_ns))
        if len(took_ns) - rank < FEWEST_BEYOND:
            pilot = f"a pilot of {counted(plan.measured, 'query')}, {counted(len(took_ns), 'answer')}"
            message = f"{pilot}, does not show that: give a time"
            raise ScenarioError([scenario.mark_of("stages", at, "hedge").problem(_path(scenario, at), message)])
        seen[at] = Seen(float(took_ns[rank - 1]) / NS_PER_S, plan.measured)
    return scenario.with_hedges(seen)


def _path(scenario: Scenario, at: int) -> str:
    return f"stages.{scenario.stages[at].name}.hedge.after"


def _took_ns(trace: Trace, stage: int) -> I8:
    """(tasks,) of measured queries in a stage, as far as they were answered: from dispatch to answer."""
    tasks = trace.task_table
    assert tasks is not None, "it was asked for"
    of = (tasks.stage == stage) & (tasks.answer_ns >= 0) & (tasks.query >= trace.first_measured)
    return np.asarray(tasks.answer_ns[of] - trace.entered_ns(stage)[tasks.query[of]])
