"""What the reference engine writes down: the columns of a Trace, filled as things happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.core.plan import I8, Plan
from simulator.core.rules import MOST_NS
from simulator.core.trace import COMPLETE, UNFINISHED, Tasks, Trace

if TYPE_CHECKING:
    from simulator.engines.reference import Gather, Task


def _absent(*shape: int) -> I8:
    return np.full(shape, -1, dtype=np.int64)


class Recorder:
    """The columns of one run's Trace; see there for their shapes and meaning."""

    def __init__(self, plan: Plan, tasks: bool) -> None:
        stages, queries = len(plan.stages), plan.queries
        self.plan = plan
        self.first_measured = plan.first_measured
        self.outcome = np.full(queries, UNFINISHED, dtype=np.int8)
        self.close_ns = _absent(stages, queries)
        self.leave_ns = _absent(stages, queries)
        self.candidates = np.full((stages, queries), -1.0)
        self.critical_shard = np.full((stages, queries), -1, dtype=np.int32)
        self.critical_wait_ns = _absent(stages, queries)
        self.critical_service_ns = _absent(stages, queries)
        self.answer_sum_ns = np.zeros((stages, queries), dtype=np.int64)
        # Python lists: an item of a list is updated ten times faster than one of an array
        self.tasks = [0] * plan.replicas
        self.busy_ns = [0] * plan.replicas
        self.waiting_ns = [0] * plan.replicas
        self.longest_wait_ns = [0] * plan.replicas
        self.table = Tasks(*(_absent(queries, plan.shards) for _ in range(6))) if tasks else None
        self.sent: list[Task] = []

    def enter(self, gather: Gather, candidates: float) -> None:
        """A query enters a stage."""
        self.candidates[gather.stage.index, gather.query] = candidates

    def finish(self, task: Task) -> None:
        """A task's service is finished."""
        query = task.gather.query
        if query >= self.first_measured:
            replica = task.replica.index
            wait_ns = task.start_ns - task.enqueue_ns
            self.tasks[replica] += 1
            self.busy_ns[replica] += task.finish_ns - task.start_ns
            self.waiting_ns[replica] += wait_ns
            if wait_ns > self.longest_wait_ns[replica]:
                self.longest_wait_ns[replica] = wait_ns

    def send(self, task: Task) -> None:
        """A task is sent; its instants are read when the run is over."""
        if self.table is not None:
            self.sent.append(task)

    def close(self, task: Task, now: int) -> None:
        """The answer of this task has closed its stage: it is the critical one."""
        gather = task.gather
        at = gather.stage.index, gather.query
        self.close_ns[at] = now
        self.critical_shard[at] = task.shard
        self.critical_wait_ns[at] = task.start_ns - task.enqueue_ns
        self.critical_service_ns[at] = task.finish_ns - task.start_ns
        self.answer_sum_ns[at] = min(gather.answer_sum_ns, MOST_NS)

    def leave(self, gather: Gather, now: int) -> None:
        """A query leaves a stage, merged."""
        self.leave_ns[gather.stage.index, gather.query] = now

    def complete(self, query: int) -> None:
        """A query has left the last stage."""
        self.outcome[query] = COMPLETE

    def trace(self, events: int) -> Trace:
        """The finished Trace."""
        plan = self.plan
        self.fill_table()
        counters = (self.tasks, self.busy_ns, self.waiting_ns, self.longest_wait_ns)
        tasks, busy_ns, waiting_ns, longest_wait_ns = (
            np.array([min(count, MOST_NS) for count in column], dtype=np.int64) for column in counters
        )
        return Trace(
            arrival_ns=plan.arrival_ns,
            outcome=self.outcome,
            first_measured=plan.first_measured,
            measured=plan.measured,
            close_ns=self.close_ns,
            leave_ns=self.leave_ns,
            candidates=self.candidates,
            critical_shard=self.critical_shard,
            critical_wait_ns=self.critical_wait_ns,
            critical_service_ns=self.critical_service_ns,
            answer_sum_ns=self.answer_sum_ns,
            tasks=tasks,
            busy_ns=busy_ns,
            waiting_ns=waiting_ns,
            longest_wait_ns=longest_wait_ns,
            request_ns=plan.stages["request_ns"],
            send_ns=plan.stages["send_ns"],
            task_table=self.table,
            events=events,
        )

    def fill_table(self) -> None:
        """Write down the instants of every task, if asked for."""
        if self.table is None:
            return
        for task in self.sent:
            at = task.gather.query, task.gather.stage.first_shard + task.shard
            self.table.replica[at] = task.replica.index
            self.table.worker[at] = task.worker
            self.table.enqueue_ns[at] = task.enqueue_ns
            self.table.start_ns[at] = task.start_ns
            self.table.finish_ns[at] = task.finish_ns
            self.table.answer_ns[at] = task.answer_ns
