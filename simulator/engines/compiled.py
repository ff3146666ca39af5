"""The compiled engine: the same sample path as the reference engine, in arrays, without an event a task.

A stage whose tasks' starts and finishes follow from what was sent before them *looks ahead*: one event a query and
stage, and a pass over its shards (``lookahead``). Any other stage runs event by event on the same event list. Shards
in lockstep are simulated once (``lockstep``). The Trace is equal to the reference engine's in every column.

The loop (``loop.advance``) comes back now and then, so that a run can be interrupted and its arrays can grow. It
holds no lock: replications may run on threads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray

from simulator.core.calling import Calls, why_not_compiled
from simulator.core.dispatch import DECIDED, SCRATCH
from simulator.core.plan import I8, Plan
from simulator.core.trace import Tasks, Trace
from simulator.engines import lookahead, loop
from simulator.engines.eventlist import COLUMNS
from simulator.engines.lockstep import Lockstep, in_lockstep
from simulator.engines.loop import DONE, FULL, OVERFLOW

#: Tasks or events between two looks at ``stopped``: a tenth of a second or so.
BUDGET = 10_000_000

#: Rows of the event list at the start; it doubles when they do not do.
EVENTS_AT_FIRST = 1024


class Stopped(Exception):
    """The run was asked to stop before it was finished."""


def simulate(
    plan: Plan,
    tasks: bool = False,
    *,
    event_by_event: Collection[int] = (),
    stopped: Callable[[], bool] | None = None,
) -> Trace:
    """Simulate one replication and return its trace.

    Parameters
    ----------
    plan
        What to simulate.
    tasks
        Whether to keep every task's instants too.
    event_by_event
        Stages that do not look ahead even where they could: the same trace, for tests and benchmarks.
    stopped
        Asked now and then; the run ends once it says so.

    Raises
    ------
    OverflowError
        If an instant lies beyond 2**62 ns.
    PluginError
        If a user's rule goes wrong.
    Stopped
        If ``stopped`` said so.
    """
    everything = range(len(plan.stages))
    lockstep = in_lockstep(plan, except_stages=everything if tasks else event_by_event)
    run = Run(plan, lockstep, tasks, frozenset(event_by_event))
    while True:
        why = run.advance(BUDGET)
        if why == DONE:
            return run.trace()
        run.calls.check()
        if why == OVERFLOW:
            raise OverflowError("an instant beyond all that a run can tell apart")
        if why == FULL:
            run.grow()
        if stopped is not None and stopped():
            raise Stopped


class Run:
    """The arrays of one replication under way; ``loop.advance`` works on them."""

    def __init__(self, plan: Plan, lockstep: Lockstep, tasks: bool, event_by_event: Collection[int]) -> None:
        self.whole = plan
        self.lockstep = lockstep
        self.plan = plan = lockstep.plan
        stages, queries = len(plan.stages), plan.queries
        most_shards = int(plan.stages["shards"].max())
        self.modes = self._modes(event_by_event)
        row = plan.stages
        workers = int((row["shards"] * row["replicas"] * row["workers"]).sum())
        self.state = np.zeros(loop.SCALARS, dtype=np.int64)
        self.state[loop.NOW] = self.state[loop.UNUSED] = -1
        room = EVENTS_AT_FIRST + 2 * most_shards + int(row["workers"].max())
        self.events = np.zeros((room, COLUMNS), dtype=np.int64)
        self.answers = np.zeros((room, COLUMNS), dtype=np.int64)
        self.calls = Calls(plan)
        self.outstanding = np.zeros(plan.views, dtype=np.int64)
        self.pooled = np.zeros(int(row["replicas"].max()), dtype=np.int64)
        self.scratch = np.zeros((SCRATCH, most_shards))
        self.decided = np.zeros((DECIDED, most_shards), dtype=np.int64)
        self.passed = np.zeros((lookahead.PASSED, most_shards), dtype=np.int64)
        self.free_ns = np.zeros(workers, dtype=np.int64)
        self.merger_free_ns = np.zeros(int(row["mergers"].sum()), dtype=np.int64)
        # what only stages that run event by event need
        is_needed = bool(event_by_event)
        self.task = np.zeros((0, loop.TASK_COLUMNS), dtype=np.int64)
        self.head, self.tail = (_filled(plan.replicas * is_needed) for _ in range(2))
        self.free_workers = np.repeat(row["workers"], row["shards"] * row["replicas"]) if is_needed else _filled(0)
        self.is_starting = np.zeros(plan.replicas * is_needed, dtype=np.int64)
        self.running = _filled(workers * is_needed)
        self.missing = np.zeros(queries * is_needed, dtype=np.int32)
        # what the Trace is made of; a query's part is set to "not reached" when it arrives
        self.instants = np.empty((loop.INSTANTS, stages, queries), dtype=np.int64)
        self.candidates = np.empty((stages, queries))
        self.critical_shard = np.empty((stages, queries), dtype=np.int32)
        self.outcome = np.empty(queries, dtype=np.int8)
        self.counters = np.zeros((lookahead.COUNTERS, plan.replicas), dtype=np.int64)
        self.table = _filled(loop.TABLE, queries * tasks, plan.shards * tasks)
        if is_needed:
            self.grow()

    def _modes(self, event_by_event: Collection[int]) -> NDArray[np.void]:
        modes = np.zeros(len(self.plan.stages), dtype=loop.MODE)
        worker = merger = 0
        for stage, (mode, row) in enumerate(zip(modes, self.plan.stages, strict=True)):
            mode["looks_ahead"] = stage not in event_by_event
            mode["answers"] = self.whole.stages[stage]["shards"]
            mode["in_lanes"] = mode["answers"] > row["shards"]
            mode["first_worker"], mode["first_merger"] = worker, merger
            worker += int(row["shards"] * row["replicas"] * row["workers"])
            merger += int(row["mergers"])
        return modes

    def advance(self, budget: int) -> int:
        """Let events happen; returns why no more did (``loop``)."""
        plan = self.plan
        return int(
            loop.advance(
                *(plan.stages, plan.laws, plan.law_parts, plan.law_points, plan.share),
                *(plan.knot_items, plan.knot_ns, plan.knot_slope),
                *(
                    plan.machine_factor,
                    self.calls.addresses,
                    self.calls.fault,
                    plan.arrival_ns,
                    plan.work,
                    plan.seed,
                    plan.replication,
                ),
                *(plan.first_measured, plan.end_ns),
                *(plan.stage_bits, plan.shard_bits, plan.worker_bits, plan.send_bits),
                *(self.modes, self.lockstep.lanes, self.state, self.events, self.answers),
                *(self.outstanding, self.pooled, self.scratch, self.decided, self.passed),
                *(self.free_ns, self.merger_free_ns, self.task, self.head, self.tail),
                *(self.free_workers, self.is_starting, self.running, self.missing),
                *(self.instants, self.candidates, self.critical_shard, self.outcome),
                *(self.counters, self.table, budget),
            )
        )

    def grow(self) -> None:
        """Double the arrays that have room for what is under way."""
        self.events = np.concatenate([self.events, np.zeros_like(self.events)])
        self.answers = np.concatenate([self.answers, np.zeros_like(self.answers)])
        if not len(self.head):
            return
        first = len(self.task)
        more = max(first, 2 * self.passed.shape[1], 64)
        new = np.zeros((more, loop.TASK_COLUMNS), dtype=np.int64)
        new[:, loop.T_NEXT] = np.arange(first + 1, first + more + 1)
        new[-1, loop.T_NEXT] = self.state[loop.UNUSED]
        self.task = np.concatenate([self.task, new])
        self.state[loop.UNUSED] = first
        self.state[loop.UNUSED_COUNT] += more

    def trace(self) -> Trace:
        """The finished Trace, of the whole plan."""
        plan, instants = self.whole, self.instants
        sums = instants[loop.ANSWER_SUM]
        sums[instants[loop.CLOSE] < 0] = 0
        for mode, row in zip(self.modes, self.plan.stages, strict=True):
            first = int(row["first_replica"])
            self.counters[lookahead.TASKS, first : first + int(row["shards"])] += mode["dispatches"]
        tasks, busy_ns, waiting_ns, longest_wait_ns = self.counters[:, self.lockstep.replica_of]
        return Trace(
            arrival_ns=plan.arrival_ns,
            outcome=self.outcome,
            first_measured=plan.first_measured,
            measured=plan.measured,
            close_ns=instants[loop.CLOSE],
            leave_ns=instants[loop.LEAVE],
            candidates=self.candidates,
            critical_shard=self.critical_shard,
            critical_wait_ns=instants[loop.CRITICAL_WAIT],
            critical_service_ns=instants[loop.CRITICAL_SERVICE],
            answer_sum_ns=sums,
            tasks=tasks,
            busy_ns=busy_ns,
            waiting_ns=waiting_ns,
            longest_wait_ns=longest_wait_ns,
            request_ns=plan.stages["request_ns"],
            send_ns=plan.stages["send_ns"],
            task_table=Tasks(*self.table) if self.table.size else None,
            events=int(self.state[loop.EVENTS]),
        )


def _filled(*shape: int) -> I8:
    return np.full(shape, -1, dtype=np.int64)


def uncovered(plan: Plan) -> str:
    """What of the plan this engine does not know, in words; empty: it knows all of it."""
    return why_not_compiled(plan)
