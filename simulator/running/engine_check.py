"""Whether the engines agree on a scenario: both simulate its first queries, task by task."""

from dataclasses import dataclass

from simulator.base.errors import ContradictionError
from simulator.base.formats import counted
from simulator.core.plan import Plan
from simulator.core.trace import same_trace
from simulator.documents import run
from simulator.engines import compiled, reference

#: Tasks that both engines simulate: about a second of the reference engine.
TASKS = 50_000


@dataclass(frozen=True)
class EngineCheck:
    """Both engines gave the same trace of these queries."""

    queries: int
    tasks: int

    def to_dict(self) -> run.EngineCheck:
        """As the reference of documents lays out."""
        return {"queries": self.queries, "tasks": self.tasks, "equal": True}


def most_queries(shards: int) -> int:
    """Queries that both engines simulate where each is so many tasks."""
    return max(2, TASKS // shards)


def check_engines(plan: Plan) -> EngineCheck:
    """Hold the compiled engine against the reference engine on a plan of a few queries.

    Looking ahead and event by event, every instant of every task.

    Raises
    ------
    ContradictionError
        If a column differs, by its name.
    """
    expected = reference.simulate(plan, tasks=True)
    everything = range(len(plan.stages))
    for way, trace in (
        ("looking ahead", compiled.simulate(plan, tasks=True)),
        ("with shards in lockstep simulated once", compiled.simulate(plan)),
        ("event by event", compiled.simulate(plan, tasks=True, event_by_event=everything)),
    ):
        column = same_trace(trace, expected, without_tasks=trace.task_table is None)
        if column:
            raise ContradictionError(
                f"the engines differ in {column} ({way}, of {counted(plan.queries, 'query')}); do not trust either and "
                f"report it, with the scenario and seed {plan.seed}"
            )
    assert expected.task_table is not None
    return EngineCheck(plan.queries, len(expected.task_table.query))
