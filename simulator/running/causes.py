"""``run --causes``: every replication once more, with a table of its tasks, which are told apart by what made them."""

from collections.abc import Iterator, Sequence

import numpy as np

from simulator import theory
from simulator.base import room
from simulator.base.formats import counted
from simulator.planner.extents import about_queries
from simulator.planner.load import refusal
from simulator.planner.plans import Plans
from simulator.running.execution import Execution
from simulator.running.replications import replicate
from simulator.stats.causes import CAUSES, TOGETHER, OfStages, StageCauses, causes_in, stage_causes, untold

#: Bytes a task of one replication: fourteen columns, as rows and in order, and what its parts are computed from.
TASK = 420


class Causes:
    """What is to be told apart, once a run is over.

    Raises
    ------
    ScenarioError
        If the tasks of one replication are more than memory holds.
    """

    def __init__(self, plans: Plans) -> None:
        self.needed_bytes = task_bytes(plans)  #: besides what the run takes
        cure = "ask for fewer queries a replication, or leave --causes out"
        refuse_tasks(plans, "to tell causes apart", cure)
        self.notes: list[str] = []  #: what is to be said of the run

    def of(self, plans: Plans, execution: Execution, numbers: Sequence[int]) -> tuple[StageCauses, ...] | None:
        """The stages of some replications, by what makes their tasks, as far as that can be told; None: interrupted."""
        if execution.say is not None:
            execution.say(f"telling causes apart: {counted(len(numbers), 'replication')} once more, with every task")
        try:
            seen = [replicate(plans, number, execution.engine, causes_in, tasks=True) for number in numbers]
        except KeyboardInterrupt:
            self.notes.append("interrupted: causes were not told apart")
            return None
        for index in untold(plans.outline()):
            why = "its tasks go to those alone whose answers counted before"
            self.notes.append(f"{plans.scenario.stages[index].name}: causes are not told apart: {why}")
        return tuple(_stages(plans, numbers, seen))


def task_bytes(plans: Plans) -> float:
    """Bytes that the tasks of one replication take, about."""
    return TASK * about_queries(plans.scenario)[0] * plans.tasks_of_query()


def refuse_tasks(plans: Plans, what: str, cure: str) -> None:
    """Refuse to look at the tasks of one replication, where memory does not hold them. Raises ScenarioError."""
    there = room.room()
    why = None if there is None else there.refusal(task_bytes(plans))
    if there is not None and why is not None:
        queries = int(there.there_bytes / 2 / TASK / plans.tasks_of_query())
        fewer = f"{cure}: --queries {queries} takes half of that" if queries and plans.scenario.can_lengthen else cure
        tasks = counted(about_queries(plans.scenario)[0] * plans.tasks_of_query(), "task")
        raise refusal(plans.scenario, "run", f"{what}, {tasks} of a replication take {why}: {fewer}")


def _stages(plans: Plans, numbers: Sequence[int], seen: Sequence[OfStages]) -> Iterator[StageCauses]:
    for index, stage in enumerate(plans.scenario.stages):
        of = [sums for sums in (one[index] for one in seen) if sums is not None]
        if of:
            yield stage_causes(stage.name, of, _expected(plans, numbers, index))


def _expected(plans: Plans, numbers: Sequence[int], index: int) -> dict[str, float] | None:
    """Shares of the variance of service times in closed form: machines may be drawn anew in each replication."""
    outlines = [plans.outline(number) for number in numbers]
    if not theory.has_drawn_machines(outlines[0]):
        outlines = outlines[:1]
    each = [theory.service_variances(theory.stages_of(outline)[index]) for outline in outlines]
    known = [one for one in each if one is not None]
    if len(known) < len(each):
        return None
    *parts, whole = np.sum(known, axis=0).tolist()
    if whole <= 0.0:
        return None
    shares = [part / whole for part in parts]
    return {**dict(zip(CAUSES, shares, strict=False)), "contention": 0.0, TOGETHER: 1.0 - sum(shares)}
