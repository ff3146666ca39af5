"""What the reference engine writes down: the columns of a Trace, filled as things happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.core.plan import I8, Plan
from simulator.core.rules import MOST_NS
from simulator.core.trace import COMPLETE, UNFINISHED, Tasks, Trace

if TYPE_CHECKING:
    from simulator.engines.reference.model import Copy, Gather


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
        self.critical_enqueue_ns = _absent(stages, queries)
        self.critical_wait_ns = _absent(stages, queries)
        self.critical_service_ns = _absent(stages, queries)
        self.answer_sum_ns = np.zeros((stages, queries), dtype=np.int64)
        # Python lists: an item of a list is updated ten times faster than one of an array
        self.tasks = [0] * plan.replicas
        self.busy_ns = [0] * plan.replicas
        self.waiting_ns = [0] * plan.replicas
        self.longest_wait_ns = [0] * plan.replicas
        self.sent: list[Copy] | None = [] if tasks else None

    def enter(self, gather: Gather, candidates: float) -> None:
        """A query enters a stage."""
        self.candidates[gather.stage.index, gather.query] = candidates

    def finish(self, copy: Copy) -> None:
        """A task's service is finished."""
        query = copy.gather.query
        if query >= self.first_measured:
            replica = copy.replica.index
            wait_ns = copy.start_ns - copy.enqueue_ns
            self.tasks[replica] += 1
            self.busy_ns[replica] += copy.finish_ns - copy.start_ns
            self.waiting_ns[replica] += wait_ns
            if wait_ns > self.longest_wait_ns[replica]:
                self.longest_wait_ns[replica] = wait_ns

    def send(self, copy: Copy) -> None:
        """A task is sent; its instants are read when the run is over."""
        if self.sent is not None:
            self.sent.append(copy)

    def close(self, copy: Copy, now: int) -> None:
        """The answer of this task has closed its stage: it is the critical one."""
        gather = copy.gather
        at = gather.stage.index, gather.query
        self.close_ns[at] = now
        self.critical_shard[at] = copy.shard
        self.critical_enqueue_ns[at] = copy.enqueue_ns
        self.critical_wait_ns[at] = copy.start_ns - copy.enqueue_ns
        self.critical_service_ns[at] = copy.finish_ns - copy.start_ns
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
            critical_enqueue_ns=self.critical_enqueue_ns,
            critical_wait_ns=self.critical_wait_ns,
            critical_service_ns=self.critical_service_ns,
            answer_sum_ns=self.answer_sum_ns,
            stage_outcome=np.zeros((0, plan.queries), dtype=np.int8),
            tasks=tasks,
            busy_ns=busy_ns,
            waiting_ns=waiting_ns,
            longest_wait_ns=longest_wait_ns,
            wasted_ns=np.zeros_like(busy_ns),
            task_table=self.tasks_sent(),
            events=events,
        )

    def tasks_sent(self) -> Tasks | None:
        """The table of all tasks, if asked for."""
        if self.sent is None:
            return None
        rows = [
            (
                *(copy.gather.query, copy.gather.stage.index, copy.shard, 0, int(copy.start_ns >= 0)),
                *(copy.replica.index, copy.worker, copy.enqueue_ns, copy.start_ns, copy.finish_ns, copy.answer_ns),
                copy.state,
            )
            for copy in self.sent
        ]
        return Tasks.sorted(np.array(rows, dtype=np.int64).T)
