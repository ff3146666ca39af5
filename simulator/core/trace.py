"""The Trace: what happened in one replication, column by column. Both engines return it, equal to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simulator.core.plan import F8, I8, Plan

if TYPE_CHECKING:
    from simulator.core.invariants import Violation

#: Outcomes of a query.
UNFINISHED, COMPLETE = range(2)

#: Queries of which a column is computed at a time: temporaries stay within the caches.
AT_A_TIME = 2**16


@dataclass(frozen=True)
class Tasks:
    """Every task of a run, dense: row = query, column = shard among all shards of the funnel. -1: never happened."""

    replica: I8  #: (queries, shards) index among all replicas
    worker: I8  #: (queries, shards)
    enqueue_ns: I8  #: (queries, shards)
    start_ns: I8  #: (queries, shards)
    finish_ns: I8  #: (queries, shards)
    answer_ns: I8  #: (queries, shards)


@dataclass(frozen=True)
class Trace:
    """One replication. Instants are int64 ns, -1 where the instant was not reached before the run was cut.

    The critical task of a query and stage is the one whose answer closed the stage; its waiting and service time are
    kept, and its response (network) time follows: latency of a stage = critical wait + service + network + merge, to
    the nanosecond. Counters of replicas count the tasks of measured queries whole, at their finish, wherever it falls.
    """

    arrival_ns: I8  #: (queries,)
    outcome: NDArray[np.int8]  #: (queries,) UNFINISHED or COMPLETE
    first_measured: int
    measured: int
    close_ns: I8  #: (stages, queries) instant of the closing answer
    leave_ns: I8  #: (stages, queries) after the merge
    candidates: F8  #: (stages, queries) candidates scored for the query, over all shards; -1: not entered
    critical_shard: NDArray[np.int32]  #: (stages, queries) index within the stage; -1: not closed
    critical_wait_ns: I8  #: (stages, queries) -1: not closed; likewise the next
    critical_service_ns: I8  #: (stages, queries)
    answer_sum_ns: I8  #: (stages, queries) sum of answer - enter over the answers of a closed stage, else 0
    tasks: I8  #: (replicas,) tasks finished, of measured queries; likewise the next three
    busy_ns: I8  #: (replicas,) sum of service times
    waiting_ns: I8  #: (replicas,) sum of waiting times
    longest_wait_ns: I8  #: (replicas,)
    request_ns: I8  #: (stages,) of the Plan; likewise the next
    send_ns: I8  #: (stages,)
    task_table: Tasks | None  #: only when asked for
    events: int  #: ordered events that happened; for benchmarks, not part of equality

    @property
    def completion_ns(self) -> I8:
        """(queries,) leave of the last stage; a view."""
        last: I8 = self.leave_ns[-1]
        return last

    @property
    def enter_ns(self) -> I8:
        """(stages, queries): the first stage is entered at arrival, a later one on leaving the one before; a copy."""
        return np.concatenate((self.arrival_ns[np.newaxis], self.leave_ns[:-1]))

    @property
    def critical_response_ns(self) -> I8:
        """(stages, queries) from finish to answer of the critical task; -1: not closed; a copy."""
        response_ns = np.empty_like(self.close_ns)
        for stage, row in enumerate(response_ns):
            for first in range(0, len(row), AT_A_TIME):
                at = slice(first, first + AT_A_TIME)
                row[at] = self.response_ns(stage, at)
        return response_ns

    def entered_ns(self, stage: int) -> I8:
        """(queries,) one stage of ``enter_ns``; a view."""
        row: I8 = self.arrival_ns if stage == 0 else self.leave_ns[stage - 1]
        return row

    def response_ns(self, stage: int, at: slice) -> I8:
        """Some queries of one stage of ``critical_response_ns``: what is left of the time until it closed."""
        close_ns = self.close_ns[stage, at]
        shard = self.critical_shard[stage, at].astype(np.int64)
        enqueue_ns = self.entered_ns(stage)[at] + self.request_ns[stage] + self.send_ns[stage] * shard
        finish_ns = enqueue_ns + self.critical_wait_ns[stage, at] + self.critical_service_ns[stage, at]
        return np.where(close_ns < 0, -1, close_ns - finish_ns)

    def verify(self, plan: Plan) -> Iterator[Violation]:
        """Recompute every invariant the slow way; yields each violation, by its number, and nothing if all hold.

        ``next(trace.verify(plan), None) is None`` says that the trace is right.
        """
        from simulator.core.invariants import violations

        return violations(plan, self)


def same_trace(one: Trace, two: Trace, *, without_tasks: bool = False) -> str:
    """Name the first column in which two traces differ, or return the empty string.

    ``without_tasks``: leave the tables of tasks out, of which one trace may have none.
    """
    for name in COLUMNS:
        if not _same(getattr(one, name), getattr(two, name)):
            return name
    if without_tasks:
        return ""
    if (one.task_table is None) != (two.task_table is None):
        return "task_table"
    if one.task_table is not None and two.task_table is not None:
        for name in Tasks.__dataclass_fields__:
            if not _same(getattr(one.task_table, name), getattr(two.task_table, name)):
                return f"task_table.{name}"
    return ""


def _same(one: Any, two: Any) -> bool:
    """Equal values of equal type: a column is not allowed to be wider in one engine."""
    return np.array_equal(one, two) and getattr(one, "dtype", None) == getattr(two, "dtype", None)


#: The columns of a Trace that two engines must agree on.
COLUMNS = tuple(name for name in Trace.__dataclass_fields__ if name not in ("task_table", "events"))
#: Of them, those with an entry a replica, those with one a stage, and those with one a query.
COUNTERS = ("tasks", "busy_ns", "waiting_ns", "longest_wait_ns")
OF_STAGES = ("request_ns", "send_ns")
QUERY_COLUMNS = tuple(name for name in COLUMNS if name not in (*COUNTERS, *OF_STAGES, "first_measured", "measured"))
