"""What an autoscaler measures, of a table of tasks; and what a trace says of whether its steps are those of its rule.

Busy is a worker of a replica that serves, from the start of a task or a batch until it is free again. A task is at a
replica from its enqueue until it is served, refused, withdrawn or lost. Both count as long as the replica serves.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from simulator.core import scaling
from simulator.core.columns import Columns
from simulator.core.plan import I8, NEVER_NS, Plan
from simulator.core.violations import Rows as Tasks
from simulator.core.violations import Violation, at, violation

#: Rows of a table of tasks, as in ``columns.Tasks``.
STAGE, SHARD = 1, 2
REPLICA, WORKER, ENQUEUE, START, FINISH, RELEASE = range(5, 11)
WITHDRAWN = 12


class Lives:
    """Tasks of a stage: at which replica of its shard each was, from when until when, and took a worker."""

    def __init__(self, plan: Plan, stage: int, table: I8) -> None:
        row = plan.stages[stage]
        mine = table[:, (table[STAGE] == stage) & (table[ENQUEUE] >= 0)]
        self.index = mine[REPLICA] - row["first_replica"] - mine[SHARD] * row["replicas"]
        self.enqueue_ns = mine[ENQUEUE]
        gone = np.where(mine[WITHDRAWN] >= 0, mine[WITHDRAWN], NEVER_NS)
        self.over_ns = np.where(mine[FINISH] >= 0, mine[FINISH], gone)
        taken = np.flatnonzero(mine[START] >= 0)
        names = mine[[REPLICA, WORKER, START]][:, taken]
        _, first, batch = np.unique(names, axis=1, return_index=True, return_inverse=True)
        served, left = np.full(len(first), -1), np.full(len(first), -1)
        np.maximum.at(served, batch.ravel(), np.where(mine[FINISH] < 0, -1, self._until(mine[RELEASE]))[taken])
        np.maximum.at(left, batch.ravel(), gone[taken])  # it is stopped with the last that is withdrawn
        heads = taken[first]
        self.busy_index, self.start_ns = self.index[heads], mine[START][heads]
        self.free_ns = np.where(served >= 0, served, left)

    @staticmethod
    def _until(instants: I8) -> I8:
        return np.where(instants >= 0, instants, NEVER_NS)

    def seen(self, from_ns: int, until_ns: int, count: int) -> tuple[int, int]:
        """Of the first ``count`` replicas of each shard: for how long workers were taken, and tasks were there."""
        return (
            _inside(from_ns, until_ns, self.start_ns, self.free_ns, self.busy_index < count),
            _inside(from_ns, until_ns, self.enqueue_ns, self.over_ns, self.index < count),
        )


def _inside(from_ns: int, until_ns: int, begins: I8, ends: I8, which: NDArray[np.bool_]) -> int:
    lasts = np.minimum(ends, until_ns) - np.maximum(begins, from_ns)
    return int(np.maximum(lasts, 0)[which].sum())


def look(plan: Plan, scaler: scaling.Scaler, table: I8) -> None:
    """Let the autoscaler of a stage see the period that is known at its next control instant; none before the first."""
    from_ns = scaler.from_ns
    if from_ns < 0:
        return
    until_ns, row = from_ns + scaler.every_ns, plan.stages[scaler.stage]
    lives = Lives(plan, scaler.stage, table)
    first = int(row["first_shard"])
    left = plan.left[first : first + int(row["shards"])]
    busy = provided = there = 0
    edges = [*scaler.steps[1:], (NEVER_NS, 0)]
    for (begin_ns, count), (end_ns, _) in zip(scaler.steps, edges, strict=True):
        inside = max(begin_ns, from_ns), min(end_ns, until_ns)
        if inside[0] < inside[1]:
            seen = lives.seen(*inside, count)
            busy, there = busy + seen[0], there + seen[1]
            provided += int(np.minimum(left, count).sum()) * int(row["workers"]) * (inside[1] - inside[0])
    scaler.seen.append((busy, provided, there))


class Autoscaler:
    """All autoscalers of a plan, one control instant after another, while it is found what they ask for."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.scalers = [scaling.Scaler(plan, row) for row in plan.scaling]

    @property
    def next_ns(self) -> int:
        """The next control instant: it comes before all else of its instant."""
        return min(scaler.next_ns for scaler in self.scalers)

    @property
    def from_ns(self) -> int:
        """What was over before is not looked at any more."""
        return min(scaler.from_ns for scaler in self.scalers)

    def control(self, table: I8) -> list[scaling.Scaler]:
        """Those decide whose instant it is, by the tasks so far; returns them."""
        now = self.next_ns
        due = [scaler for scaler in self.scalers if scaler.next_ns == now]
        for scaler in due:
            look(self.plan, scaler, table)
            scaler.decide()
        return due

    def steps(self, until_ns: int = NEVER_NS) -> I8:
        """(3, steps) as of a plan, those that count by an instant."""
        return scaling.all_steps(self.scalers, until_ns)


def matters_until(plan: Plan, ends_ns: I8) -> int:
    """Until when it matters how many serve, where stages were closed and left then: while queries are under way.

    And as long as somebody looks, if the run is not cut. Its arrivals are known.
    """
    if plan.drain_ns != NEVER_NS:
        return plan.end_ns
    return max(plan.window_end_ns, int(ends_ns.max(initial=0)))


def over_ns(table: I8) -> I8:
    """(tasks,) when a table's tasks are over, and their workers free: NEVER_NS, if that is not known."""
    finish, release, gone = table[FINISH], table[RELEASE], table[WITHDRAWN]
    return np.where(finish >= 0, np.where(release >= 0, release, NEVER_NS), np.where(gone >= 0, gone, NEVER_NS))


def violations_of_scaling(plan: Plan, trace: Columns) -> Iterator[Violation]:
    """As many serve as the rules ask for; seen by a table of tasks, if there is one."""
    if not np.array_equal(trace.provided, plan.provided):
        yield violation("I79", {"provided": trace.provided.tolist(), "of_the_plan": plan.provided.tolist()})
        return
    table = trace.task_table
    if table is None or not len(plan.scaling):
        return
    columns = np.array([getattr(table, name) for name in type(table).__dataclass_fields__])
    autoscaler = Autoscaler(plan)
    until_ns = matters_until(plan, np.append(trace.close_ns, trace.leave_ns))
    while autoscaler.next_ns <= until_ns:
        autoscaler.control(columns)
    expected = autoscaler.steps(until_ns)
    if not np.array_equal(plan.provided, expected):
        yield violation("I79", {"provided": plan.provided.tolist(), "by_the_rules": expected.tolist()})


def sent_to_others(plan: Plan, tasks: Tasks, stage: int) -> Iterator[Violation]:
    """Of the tasks of a stage: none is sent to a replica that does not serve."""
    if not scaling.is_scaled(plan, stage):
        return
    row, known = plan.stages[stage], tasks.sent_ns >= 0
    index = tasks.replica - row["first_replica"] - tasks.shard * row["replicas"]
    serve = scaling.count_at(plan, stage, tasks.sent_ns)
    yield from at("I80", known & (index >= serve), tasks.place, index=index, serve=serve)
