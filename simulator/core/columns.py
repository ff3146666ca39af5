"""The columns of a Trace, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.core.background import may_have_background
from simulator.core.plan import F8, I8, Plan

#: Outcomes of a query, and of a stage of it, which it may pass by, or whose cache may have its answer (a hit).
UNFINISHED, COMPLETE, PARTIAL, SHED, TIMED_OUT, FAILED, SKIPPED, HIT = range(8)

#: By whom a query is shed: by nobody, at the door, or by a process of its clients (``breakers``).
ADMITTED, BY_DOOR, BY_LIMIT, BY_BREAKER = range(4)

#: Queries of which a column is computed at a time: temporaries stay within the caches.
AT_A_TIME = 2**16


#: All queries.
EVERY = slice(None)


@dataclass(frozen=True)
class Tasks:
    """Every copy of a task that was sent, a row each, in the order of (query, stage, shard, copy).

    All columns are (copies,) int64; instants are ns, -1 where they did not happen.
    """

    query: I8  #: of a replica's own task, in their table, a number below 0
    stage: I8
    shard: I8  #: index within its stage
    copy: I8  #: 0: the first sending
    batch: I8  #: tasks that were served together with it, itself included; 0: it was not started
    replica: I8  #: index among all replicas
    worker: I8  #: index within the replica; -1: it was not started, or shares all of them
    enqueue_ns: I8
    start_ns: I8
    finish_ns: I8
    release_ns: I8  #: when its worker was free again: at its finish, or later
    answer_ns: I8
    withdrawn_ns: I8  #: when it was told that nobody needs it, refused or lost, if that ended it
    state: I8  #: at the end of the run, of ``copy_states``

    @staticmethod
    def sorted(rows: I8) -> Tasks:
        """The table of rows (columns, copies) in any order."""
        rows = rows[:, np.lexsort((rows[3], rows[2], rows[1], rows[0]))]
        return Tasks(*np.ascontiguousarray(rows))

    @staticmethod
    def both(plan: Plan, rows: I8 | None) -> dict[str, Any]:
        """Of rows (columns, copies) in any order, the tables of tasks of queries, and of those of replicas' own."""
        if rows is None:
            return {"task_table": None, "background_table": None}
        rows = rows.reshape(len(Tasks.__dataclass_fields__), -1)  # of no rows at all there is no first one
        own, beside = rows[0] < 0, may_have_background(plan)
        return {
            "task_table": Tasks.sorted(rows[:, ~own] if beside else rows),
            "background_table": Tasks.sorted(rows[:, own]) if beside else None,
        }

    def grid(self, plan: Plan) -> TaskGrid:
        """The first sending of every task, dense."""
        rows = np.flatnonzero(self.copy == 0)
        columns = plan.stages["first_shard"][self.stage[rows]] + self.shard[rows]

        def dense(column: I8) -> I8:
            made = np.full((plan.queries, plan.shards), -1, dtype=np.int64)
            made[self.query[rows], columns] = column[rows]
            return made

        return TaskGrid(*(dense(getattr(self, name)) for name in TaskGrid.__dataclass_fields__))


@dataclass(frozen=True)
class TaskGrid:
    """The first sending of every task: row = query, column = shard among all shards of the funnel; -1: not there."""

    replica: I8  #: (queries, shards) index among all replicas; likewise the next
    worker: I8
    enqueue_ns: I8
    start_ns: I8
    finish_ns: I8
    answer_ns: I8


@dataclass(frozen=True)
class Columns:
    """What a Trace holds. Instants are int64 ns, -1 where the instant was not reached before the run was cut.

    The critical task of a query and stage is the one whose answer closed the stage; a time-out or a refusal has none.
    Its enqueue, waiting and service time are kept, and its response (network) time follows: latency of a stage =
    request + critical wait + service + response + merge, to the nanosecond, and what a copy was sent later. Counters of
    replicas count the tasks of measured queries whole, at their finish, wherever it falls; but ``window_busy_ns``
    counts all tasks, each as long as it takes a worker inside the window.

    Who is shed (``admission``) is over when it arrives, and enters no stage.

    A stage that a query passes by (``optional``, or since it is over by a hit) is not entered and does not close; it is
    left when it would have been entered, and its outcome is SKIPPED. One whose cache has the answer closes, without a
    critical task and with no answers, when it is left; all is covered then, and its outcome is HIT.
    """

    arrival_ns: I8  #: (queries,)
    client_of: I8  #: (queries,) who sent each and waited for its outcome; none of an open load
    outcome: NDArray[np.int8]  #: (queries,) of UNFINISHED, COMPLETE, ...
    query_of: I8  #: (queries,) of which query each is an attempt; none: each is one
    shed_by: NDArray[np.int8]  #: (queries,) ADMITTED, BY_DOOR, ...; none where clients shed nobody themselves
    gives_up_ns: I8  #: (queries,) when the client of each gives up, if it is not over; none: never
    provided: I8  #: (3, steps) how many replicas of stages that are scaled serve, and from when on
    first_measured: int
    measured: int
    window_begin_ns: int
    window_end_ns: int
    close_ns: I8  #: (stages, queries) instant of the closing answer
    leave_ns: I8  #: (stages, queries) after the merge, or when it was passed by
    candidates: F8  #: (stages, queries) candidates scored for the query, over all shards; -1: not entered
    critical_shard: NDArray[np.int32]  #: (stages, queries) index within the stage; -1: not closed
    critical_enqueue_ns: I8  #: (stages, queries) -1: not closed; likewise the next
    critical_wait_ns: I8  #: (stages, queries)
    critical_service_ns: I8  #: (stages, queries)
    source_answer_ns: I8  #: (sources of stages that have several, queries) the last of each that counts; -1: none does
    answer_sum_ns: I8  #: (stages, queries) sum of answer - enter over the answers of a closed stage, else 0
    stage_outcome: NDArray[
        np.int8
    ]  #: (stages, queries) SKIPPED: passed by; HIT: by its cache; (0, queries): all complete
    answers: I8  #: (stages, queries) that count; -1: not closed; or (0, queries)
    coverage: F8  #: (stages, queries) share of the candidates whose answers count; -1: not closed; or (0, queries)
    tasks: I8  #: (replicas,) tasks finished, of measured queries; likewise the next fourteen
    busy_ns: I8  #: (replicas,) time that workers were taken: service, as far as it came, and what followed answers
    waiting_ns: I8  #: (replicas,) sum of waiting times
    longest_wait_ns: I8  #: (replicas,)
    wasted_ns: I8  #: (replicas,) part of busy_ns that served nobody: of late answers, what was stopped or lost
    stopped_ns: I8  #: (replicas,) part of wasted_ns of those that were stopped
    late: I8  #: (replicas,) answers that came too late
    stopped: I8  #: (replicas,) tasks that were withdrawn while they ran
    withdrawn: I8  #: (replicas,) tasks that were withdrawn before they started
    hedged: I8  #: (replicas,) copies that were sent of tasks that had no answer yet
    refused: I8  #: (replicas,) tasks that came to a full queue
    lost: I8  #: (replicas,) tasks that were lost in a crash of their replica, or came while it was down
    lost_ns: I8  #: (replicas,) part of wasted_ns of those that ran
    resent: I8  #: (replicas,) lost tasks that were sent again
    down_ns: I8  #: (replicas,) time inside the window that each was down after a crash
    after_ns: I8  #: (replicas,) part of busy_ns that followed the answers of finished tasks
    background: I8  #: (replicas,) tasks of its own, of no query, that finished inside the window; and their service
    background_ns: I8  #: times in all, whole, in none of the counters above but the next
    window_busy_ns: I8  #: (replicas,) time inside the window that each worker was taken, by whoever's task or tasks
    batches: I8  #: (sizes of batches of all stages that make some,) batches that served a measured query, by size
    task_table: Tasks | None  #: only when asked for
    events: int  #: ordered events that happened; for benchmarks, not part of equality
    background_table: Tasks | None = None  #: of the tasks of replicas' own, if they have any; only when asked for
    shed_ns: I8 | None = None  #: where rows are queries that were sent again: when each was sent last

    @property
    def completion_ns(self) -> I8:
        """(queries,) leave of the last stage; a view."""
        last: I8 = self.leave_ns[-1]
        return last

    @property
    def served_ns(self) -> I8:
        """(replicas,) sum of service times of finished tasks; a copy."""
        return self.busy_ns - self.stopped_ns - self.lost_ns - self.after_ns

    def is_answered(self, at: slice) -> NDArray[np.bool_]:
        """Which of some queries have an answer, of all shards or a part of them."""
        outcome = self.outcome[at]
        return np.asarray((outcome == COMPLETE) | (outcome == PARTIAL))

    def ended_ns(self, at: slice) -> I8:
        """When some queries are over, with an answer or without: -1 where they are not."""
        ended_ns, outcome = self.completion_ns[at], self.outcome[at]
        for one in (FAILED, SHED, TIMED_OUT):
            if (is_so := outcome == one).any():
                over_ns = self.close_ns[:, at].max(axis=0) if one == FAILED else self.arrival_ns[at]
                over_ns = self.gives_up_ns[at] if one == TIMED_OUT else over_ns
                over_ns = self.shed_ns[at] if one == SHED and self.shed_ns is not None else over_ns
                ended_ns = np.where(is_so, over_ns, ended_ns)
        return ended_ns

    @property
    def enter_ns(self) -> I8:
        """(stages, queries): the first stage is entered at arrival, a later one on leaving the one before; a copy."""
        return np.stack([self.entered_ns(stage) for stage in range(len(self.leave_ns))])

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
        """(queries,) one stage of ``enter_ns``; a view, but where queries may pass stages by: -1 of those who do."""
        row: I8 = self.arrival_ns if stage == 0 else self.leave_ns[stage - 1]
        may_end_between = len(self.coverage) > 0 or len(self.gives_up_ns) > 0
        return np.where(self.candidates[stage] < 0, -1, row) if may_end_between else row

    def passes_by(self, stage: int, at: slice = EVERY) -> NDArray[np.bool_]:
        """Which queries, or some of them, have passed a stage by: nobody where all queries get the same answers."""
        has_left = self.leave_ns[stage, at] >= 0
        return np.asarray(has_left & (self.candidates[stage, at] < 0) & (len(self.coverage) > 0))

    def handed_to(self, plan: Plan, stage: int, queries: I8) -> F8:
        """(queries,) candidates that earlier stages hand on to a stage; 0 at the first."""
        if stage == 0:
            return np.zeros(len(queries))
        before = np.full(len(queries), stage - 1)
        for one in range(stage - 1, 0, -1):  # those of the last stage that each has taken
            before[(before == one) & (self.candidates[one, queries] < 0)] -= 1
        given = self.candidates[before, queries]
        if len(self.coverage):
            given = given * self.coverage[before, queries]
        return np.asarray(np.minimum(plan.stages["keep"][before], given))

    def response_ns(self, stage: int, at: slice) -> I8:
        """Some queries of one stage of ``critical_response_ns``: what is left of the time until it closed."""
        close_ns = self.close_ns[stage, at]
        start_ns = self.critical_enqueue_ns[stage, at] + self.critical_wait_ns[stage, at]
        finish_ns = start_ns + self.critical_service_ns[stage, at]
        return np.where(self.critical_enqueue_ns[stage, at] < 0, -1, close_ns - finish_ns)


def of_replicas(plan: Plan, of_stages: I8) -> I8:
    """(replicas,) what is known of each stage, (stages,), at each of its replicas."""
    return np.repeat(of_stages, plan.stages["shards"] * plan.stages["replicas"])


def in_all_threads(plan: Plan, busy_ns: I8) -> I8:
    """(replicas,) time that single workers are taken, of the time that sets of ``threads`` are; int64 has no more."""
    if (plan.stages["threads"] == 1).all():
        return busy_ns
    threads = of_replicas(plan, plan.stages["threads"])
    return np.minimum(busy_ns, np.iinfo(np.int64).max // threads) * threads


def wasted_ns(*parts_ns: I8) -> I8:
    """(replicas,) what several parts of the busy time sum to; int64 has no more."""
    total = np.zeros_like(parts_ns[0])
    for part_ns in parts_ns:
        total += np.minimum(part_ns, np.iinfo(np.int64).max - total)
    return total
