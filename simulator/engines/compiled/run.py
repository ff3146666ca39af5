"""The arrays of one replication under way, and how they become a Trace; the loops work on them.

The loops come back now and then, so that a run can be interrupted and its arrays can grow. They hold no lock:
replications may run on threads.
"""

from collections.abc import Collection
from typing import Any

import numpy as np

from simulator.core.calling import Calls
from simulator.core.columns import UNFINISHED, Tasks, in_all_threads, wasted_ns
from simulator.core.failures import may_fail, may_lose, time_down
from simulator.core.fan_out import VISIT, may_fan_out
from simulator.core.features import features_of, may_look_ahead
from simulator.core.gathering import may_await_copies, may_differ, with_whole_stages
from simulator.core.heard import counters_of
from simulator.core.hedging import may_send_copies, most_saved
from simulator.core.plan import CANDIDATES, CONSTANT, FIFO, I8, NEVER_NS, NONE, ROLES, Plan, Rows
from simulator.core.rules import MOST_NS
from simulator.core.service import stays_taken
from simulator.core.trace import Trace
from simulator.core.work import REALS, WHOLES
from simulator.engines.compiled import records
from simulator.engines.compiled.events import COLUMNS
from simulator.engines.compiled.lockstep import Lockstep, in_lockstep
from simulator.engines.compiled.records import SCRATCHES, Awaited, Given, Kept

#: Tasks or events between two looks at ``stopped``: a tenth of a second or so.
BUDGET = 10_000_000

#: Rows of the event list, or of a list of look-ahead, at the start; it doubles when they do not do.
EVENTS_AT_FIRST = 1024

#: Tasks whose luck is drawn at once: so many that going from drawing to serving and back costs little.
TASKS_AT_ONCE = 2048

#: Added to the length of rows, so that equal places of two rows do not fall into the same set of a cache.
PADDING = 72

#: Up to so many shards a pass does all for a task at once.
NARROW = 4

#: Room of a list that nothing is added to.
ENDLESS = 2**62

#: As long as nobody has left the leading stages.
NOBODY: I8 = np.zeros(0, dtype=np.int64)


class Run:
    """One replication under way."""

    def __init__(self, plan: Plan, tasks: bool, event_by_event: Collection[int]) -> None:
        stages = len(plan.stages)
        slow = {*event_by_event, *(stage for stage in range(stages) if not may_look_ahead(features_of(plan, stage)))}
        self.whole = plan
        self.is_partial = may_differ(plan)
        self.is_keen = may_await_copies(plan)
        self.is_shared = bool(plan.stages["sharing"].any())
        self.is_longer = any(bool(stays_taken(plan.laws, stage)) for stage in range(stages))
        self.ahead = min(slow, default=stages)  #: leading stages that look ahead; behind them it goes event by event
        self.lockstep: Lockstep = in_lockstep(plan, range(0 if tasks else self.ahead, stages))
        self.plan = plan = self.lockstep.plan
        self.calls = Calls(plan)
        row = self.calls.stages
        replicas = row["shards"] * row["replicas"]
        self.workers = int((replicas * row["workers"]).sum())
        most = int(max(row["shards"].max(), row["replicas"].max(), TASKS_AT_ONCE)) + PADDING
        costs = plan.knot_items, plan.knot_ns, plan.knot_slope
        self.given = Given(
            *(row, plan.run_row(), plan.laws, plan.law_parts, plan.law_points, plan.share, plan.left),
            *costs,
            *(plan.batch_points, plan.busy_factor),
            *(plan.slowdowns, plan.outages),
            plan.slowdown_laws,
            plan.machine_factor,
            plan.arrival_ns,
            entering_ns=NOBODY,
            entering=NOBODY,
            work=plan.work,
            classes=plan.classes,
            class_of=plan.class_of,
            modes=self._modes(tasks),
            lanes=self.lockstep.lanes,
        )
        self.kept = self._kept(tasks)
        self.clock = np.zeros(1, dtype=records.CLOCK)
        self.clock["now"] = self.clock["order"] = self.clock["unused"] = -1
        self.clock["ahead"] = self.ahead
        self.clock["rows"] = self.kept.table.shape[1] or NEVER_NS
        self.outstanding = counters_of(plan)
        is_alone = (
            self.ahead + 1 >= stages and not may_send_copies(plan) and not may_lose(plan)
        )  # nobody enters a later stage of the loop
        scratches = 1 if is_alone else SCRATCHES
        self.reals = np.zeros((scratches, REALS, most))
        self.wholes = np.zeros((scratches, WHOLES, most), dtype=np.int64)
        self.free_ns = np.zeros(self.workers + int(row["mergers"].sum()), dtype=np.int64)
        self.lists, self.heap = self._lists()
        self.looks_ahead = True
        if self.ahead == 0:
            self._go_event_by_event()

    def _go_event_by_event(self) -> None:
        """Queries that have left the leading stages enter the loop of events."""
        plan, row = self.plan, self.plan.stages
        if self.ahead == 0:
            entering, entering_ns = np.arange(plan.queries), np.array(plan.arrival_ns)
        else:
            leave_ns = self.kept.instants[records.LEAVE, self.ahead - 1]
            entering = np.argsort(leave_ns, kind="stable")
            entering = entering[np.count_nonzero(leave_ns < 0) :]
            entering_ns = leave_ns[entering]
        self.looks_ahead = False
        self.given = self.given._replace(entering=entering, entering_ns=entering_ns)
        self.clock["cursor"] = 0
        # a dispatch adds an enqueue a task, a start a finish a worker and a withdrawal a copy that is tied, a finish
        # an answer a task; and three besides
        waiting = row["shards"] * (1 + row["hedges"])
        starting = np.minimum(row["workers"] * row["max_size"], plan.queries)  # a replica holds one copy a query
        tied = starting * row["hedges"] * (row["hedge_ns"] == 0)
        most = int(max(waiting.max(), (row["workers"] + tied).max(), row["max_size"].max()))
        self.clock["margin"] = 4 + most
        self.events = np.zeros(EVENTS_AT_FIRST + 2 * most, dtype=records.EVENT)
        self.copies = np.zeros(0, dtype=records.COPY)
        self.ranks = np.zeros(0, dtype=records.RANK)
        self.replicas = np.zeros(plan.replicas, dtype=records.REPLICA)
        self.serving = np.full(self.workers, -1, dtype=np.int64)
        self.gathers = np.zeros(plan.queries, dtype=records.GATHER)
        self.awaited = Awaited(
            np.zeros(plan.queries * self.is_keen, dtype=records.WAIT),
            np.zeros(0, dtype=records.BOND),
            np.array([most_saved(row, stage) for stage in range(len(row))], dtype=np.int64),
            np.zeros(0, dtype=np.int64),
            np.zeros(plan.queries * may_fan_out(plan), dtype=VISIT),
            np.zeros((int(max(row["slowdowns"])), plan.replicas + 1), dtype=records.STRETCH),
            np.zeros(plan.replicas * self.is_shared, dtype=records.SHARE),
            np.zeros((plan.replicas + 1) * may_fail(plan), dtype=records.SPELL),
            np.zeros(plan.replicas * may_fail(plan), dtype=np.int64),
            np.zeros(len(row), dtype=np.int64),
        )
        self.awaited.shares["due_ns"] = -1
        self.awaited.waits["stage"] = -1
        self.replicas["head"] = self.replicas["tail"] = self.replicas["timer_ns"] = -1
        self.replicas["free"] = np.repeat(row["workers"], row["shards"] * row["replicas"])
        self._more_copies()

    def _modes(self, tasks: bool) -> Rows:
        modes = np.zeros(len(self.plan.stages), dtype=records.MODE)
        worker, merger = 0, self.workers
        for stage, (mode, row, whole) in enumerate(zip(modes, self.plan.stages, self.whole.stages, strict=True)):
            mode["answers"] = whole["shards"]
            mode["in_lanes"] = mode["answers"] > row["shards"]
            mode["block"] = max(1, TASKS_AT_ONCE // int(row["shards"]))
            is_plain = not mode["in_lanes"] and not stays_taken(self.plan.laws, stage)
            mode["is_narrow"] = row["shards"] <= NARROW and is_plain and not tasks
            mode["first_worker"], mode["first_merger"] = worker, merger
            worker += int(row["shards"] * row["replicas"] * row["workers"])
            merger += int(row["mergers"])
        return modes

    def _kept(self, tasks: bool) -> Kept:
        """Columns of the Trace: a run without a cut fills all of them, another what it reaches."""
        plan = self.plan
        stages, queries = len(plan.stages), plan.queries
        is_endless = plan.drain_ns == NEVER_NS
        kinds = plan.laws["kind"][CANDIDATES::ROLES]
        columns = 1 if is_endless and bool(np.isin(kinds, (NONE, CONSTANT)).all()) and not self.is_partial else queries
        if is_endless and not self.is_partial:
            instants = np.empty((records.INSTANTS, stages, queries), dtype=np.int64)
            critical_shard = np.empty((stages, queries), dtype=np.int32)
        else:
            instants = np.full((records.INSTANTS, stages, queries), -1, dtype=np.int64)
            critical_shard = np.full((stages, queries), -1, dtype=np.int32)
        return Kept(
            instants=instants,
            candidates=np.full((stages, columns), -1.0),
            critical_shard=critical_shard,
            outcome=np.zeros(queries, dtype=np.int8),
            counters=np.zeros((records.COUNTERS, plan.replicas), dtype=np.int64),
            batches=np.zeros(plan.batch_sizes, dtype=np.int64),
            table=np.full((records.TABLE, tasks * queries * plan.shards), -1, dtype=np.int64),
            stage_outcome=np.full((stages * self.is_partial, queries), UNFINISHED, dtype=np.int8),
            answers=np.full((stages * self.is_partial, queries), -1, dtype=np.int64),
            coverage=np.full((stages * self.is_partial, queries), -1.0),
            spared=np.zeros((records.SPARED, plan.replicas * self.is_keen), dtype=np.int64),
            after_ns=np.zeros(plan.replicas * self.is_longer, dtype=np.int64),
        )

    def _lists(self) -> tuple[Rows, I8]:
        """The lists of look-ahead: those that are used have room."""
        lists = np.zeros(records.LISTS * (len(self.plan.stages) + 1), dtype=records.LIST)
        lists["room"] = ENDLESS
        used = []
        for stage, row in enumerate(self.plan.stages[: self.ahead]):
            first = records.LISTS * stage
            used += [first + records.ENTERING] if stage > 0 else []
            used += [first + records.CLOSING] if row["mergers"] else []
            used += [first + records.ANSWERS] if row["replicas"] > 1 else []
        room = EVENTS_AT_FIRST + TASKS_AT_ONCE + int(self.plan.stages["shards"].max())
        for place, which in enumerate(used):
            lists[which]["room"], lists[which]["first"] = room, place * room
        return lists, np.zeros((room * len(used), COLUMNS), dtype=np.int64)

    def advance(self, budget: int) -> int:
        """Let things happen; returns why no more did (``ahead``)."""
        more: dict[str, Any] = {
            "given": self.given,
            "kept": self.kept,
            "clock": self.clock,
            "free_ns": self.free_ns,
            "outstanding": self.outstanding,
            "fault": self.calls.fault,
            "reals": self.reals[records.BLOCK] if self.looks_ahead else self.reals,
            "wholes": self.wholes[records.BLOCK] if self.looks_ahead else self.wholes,
            "budget": budget,
        }
        if self.looks_ahead:
            from simulator.engines.compiled import ahead

            why = int(ahead.advance(lists=self.lists, heap=self.heap, **more))
            if why != ahead.DONE or self.ahead == len(self.plan.stages):
                return why
            self._go_event_by_event()
            return ahead.PAUSED
        from simulator.engines.compiled import loop

        rows: dict[str, Any] = {
            "copies": self.copies,
            "ranks": self.ranks,
            "replicas": self.replicas,
            "serving": self.serving,
            "gathers": self.gathers,
            "awaited": self.awaited,
        }
        return int(loop.advance(events=self.events, **rows, **more))

    def grow(self) -> None:
        """Double what had no room: a list of look-ahead, the event list or the copies."""
        short = int(self.clock["short"][0])
        if short == records.OF_COPIES:
            self._more_copies()
        elif short == records.OF_TABLE:
            self.kept = self.kept._replace(table=np.hstack([self.kept.table, np.full_like(self.kept.table, -1)]))
            self.clock["rows"] = self.kept.table.shape[1]
        elif short == records.OF_EVENTS:
            self.events = np.concatenate([self.events, np.zeros_like(self.events)])
        else:
            self._longer_list(short)

    def _longer_list(self, which: int) -> None:
        first, room = int(self.lists[which]["first"]), int(self.lists[which]["room"])
        more = np.zeros((room, COLUMNS), dtype=np.int64)
        self.heap = np.concatenate([self.heap[: first + room], more, self.heap[first + room :]])
        self.lists[which]["room"] = 2 * room
        behind = self.lists["first"] > first
        self.lists["first"][behind] += room

    def _more_copies(self) -> None:
        first = len(self.copies)
        more = max(first, 2 * int((self.plan.stages["shards"] * (1 + self.plan.stages["hedges"])).max()), 64)
        new = np.zeros(more, dtype=records.COPY)
        new["next"] = np.arange(first + 1, first + more + 1)
        new[-1]["next"] = self.clock["unused"][0]
        self.copies = np.concatenate([self.copies, new])
        if self.is_shared or bool((self.plan.stages["discipline"] != FIFO).any()):
            self.ranks = np.concatenate([self.ranks, np.zeros(more, dtype=records.RANK)])
        if self.is_keen:
            bonds = np.concatenate([self.awaited.bonds, np.zeros(more, dtype=records.BOND)])
            self.awaited = self.awaited._replace(bonds=bonds)
        if self.is_longer:
            after_ns = np.concatenate([self.awaited.after_ns, np.zeros(more, dtype=np.int64)])
            self.awaited = self.awaited._replace(after_ns=after_ns)
        self.clock["unused"] = first
        self.clock["unused_count"] += more

    def _share_until_end(self) -> None:
        """Where the run is cut, workers are shared until then."""
        if self.is_shared and self.plan.drain_ns != NEVER_NS:
            from simulator.engines.compiled.on_share import share_until_end

            share_until_end(self.given, self.kept, self.awaited.shares, self.replicas)

    def _count_ahead(self) -> None:
        """Looking ahead, tasks of a stage with one replica a shard are counted at its first."""
        tasks = self.kept.counters[records.TASKS]
        for row in self.plan.stages[: self.ahead] if self.plan.drain_ns == NEVER_NS else ():
            if row["replicas"] == 1 and row["fans_out"] == 0:
                first = int(row["first_replica"])
                tasks[first : first + int(row["shards"])] = tasks[first]

    def trace(self) -> Trace:
        """The finished Trace, of the whole plan."""
        self._share_until_end()
        plan, kept, instants = self.whole, self.kept, self.kept.instants
        sums, shape = instants[records.ANSWER_SUM], (len(plan.stages), plan.queries)
        if plan.drain_ns != NEVER_NS or self.is_partial:
            sums[instants[records.CLOSE] < 0] = 0
        self._count_ahead()
        counters = kept.counters[:, self.lockstep.replica_of]
        tasks, waiting_ns, longest_wait_ns, inside_ns, across_ns, partly_ns = counters
        busy_ns = inside_ns + np.minimum(across_ns, MOST_NS - inside_ns)
        nothing = np.zeros(plan.replicas, dtype=np.int64)  # one for all, where nothing is spared
        spared = [nothing] * records.SPARED
        if self.is_keen:
            spared = list(kept.spared[:, self.lockstep.replica_of])
        late_ns, stopped_ns, late, stopped, withdrawn, hedged, refused, _, lost_ns, lost, resent = spared
        gathered = kept.stage_outcome, kept.answers, kept.coverage
        stage_outcome, answers, coverage = with_whole_stages(plan, *gathered, instants[records.CLOSE])
        return Trace(
            arrival_ns=plan.arrival_ns,
            outcome=kept.outcome,
            first_measured=plan.first_measured,
            measured=plan.measured,
            window_begin_ns=plan.window_begin_ns,
            window_end_ns=plan.window_end_ns,
            close_ns=instants[records.CLOSE],
            leave_ns=instants[records.LEAVE],
            candidates=np.broadcast_to(kept.candidates, shape),
            critical_shard=kept.critical_shard,
            critical_enqueue_ns=instants[records.CRITICAL_ENQUEUE],
            critical_wait_ns=instants[records.CRITICAL_WAIT],
            critical_service_ns=instants[records.CRITICAL_SERVICE],
            answer_sum_ns=sums,
            stage_outcome=stage_outcome,
            answers=answers,
            coverage=coverage,
            tasks=tasks,
            busy_ns=busy_ns,
            waiting_ns=waiting_ns,
            longest_wait_ns=longest_wait_ns,
            wasted_ns=wasted_ns(late_ns, stopped_ns, lost_ns),
            stopped_ns=stopped_ns,
            lost=lost,
            lost_ns=lost_ns,
            resent=resent,
            down_ns=time_down(plan),
            late=late,
            stopped=stopped,
            withdrawn=withdrawn,
            hedged=hedged,
            refused=refused,
            after_ns=kept.after_ns[self.lockstep.replica_of] if self.is_longer else nothing,
            window_busy_ns=in_all_threads(plan, inside_ns + np.minimum(partly_ns, MOST_NS - inside_ns)),
            batches=kept.batches,
            task_table=Tasks.sorted(kept.table[:, : int(self.clock["copies"][0])]) if kept.table.size else None,
            events=int(self.clock["events"][0]),
        )
