"""The arrays of one replication under way, and how they become a Trace; the loops work on them.

The loops come back now and then, so that a run can be interrupted and its arrays can grow. They hold no lock:
replications may run on threads.
"""

from collections.abc import Collection
from typing import Any

import numpy as np

from simulator.core.admission import admitted, sheds
from simulator.core.background import may_have_background
from simulator.core.calling import Calls
from simulator.core.columns import UNFINISHED, Tasks, in_all_threads, wasted_ns
from simulator.core.failures import may_fail, may_lose, time_down
from simulator.core.fan_out import VISIT, may_fan_out
from simulator.core.features import features_of, may_look_ahead
from simulator.core.gathering import may_await_copies, may_differ, with_whole_stages
from simulator.core.heard import counters_of
from simulator.core.hedging import may_send_copies, most_saved
from simulator.core.hosted import is_owner
from simulator.core.lateness import gives_up, patiences_ns
from simulator.core.plan import F8, FIFO, I8, NEVER_NS, Plan, Rows
from simulator.core.retrying import given_up, limits, shed_by
from simulator.core.rules import MOST_NS
from simulator.core.service import stays_taken
from simulator.core.sources import of_closed
from simulator.core.trace import Trace
from simulator.core.work import REALS, WHOLES
from simulator.engines.compiled import records
from simulator.engines.compiled.events import COLUMNS
from simulator.engines.compiled.kept import filling, kept_of, modes_of
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

#: Room of a list that nothing is added to.
ENDLESS = 2**62
#: As long as nobody has left the leading stages.
NOBODY: I8 = np.zeros(0, dtype=np.int64)


class Run:
    """One replication under way; ``comes_ns``: where arrivals are put that are found; None: they are known."""

    def __init__(
        self,
        plan: Plan,
        tasks: bool,
        event_by_event: Collection[int],
        comes_ns: I8 | None = None,
        fresh: Plan | None = None,
    ) -> None:
        stages = len(plan.stages)
        slow = {*event_by_event, *(stage for stage in range(stages) if not may_look_ahead(features_of(plan, stage)))}
        self.whole, self.finds = plan, comes_ns is not None
        self.is_partial = may_differ(plan)
        self.is_keen = may_await_copies(plan)
        self.is_beside = may_have_background(plan)
        self.is_shared = bool(plan.stages["sharing"].any())
        self.is_longer = any(bool(stays_taken(plan.laws, stage)) for stage in range(stages))
        self.ahead = min(slow, default=stages)  #: leading stages that look ahead; behind them it goes event by event
        self.lockstep: Lockstep = in_lockstep(plan, range(0 if tasks else self.ahead, stages))
        self.plan = plan = self.lockstep.plan
        some = admitted(plan) if sheds(plan) else NOBODY
        self.calls = Calls(plan)
        row = self.calls.stages
        replicas = row["shards"] * row["replicas"]
        self.workers = int((replicas * row["workers"])[is_owner(row)].sum())
        self.given = Given(
            *(row, plan.sources, plan.run_row(), plan.laws, plan.law_parts, plan.law_points),
            *(plan.share, plan.source_share, plan.left, plan.left),
            *(plan.knot_items, plan.knot_ns, plan.knot_slope),
            *(plan.batch_points, plan.busy_factor),
            *(plan.slowdowns, plan.outages, plan.slowdown_laws),
            *(plan.machine_factor, plan.arrival_ns),
            entering_ns=plan.arrival_ns[some] if comes_ns is None else comes_ns,
            entering=some,
            think_law=plan.think_law[: int(self.finds and plan.clients > 0)],
            open_ns=plan.open_ns if self.finds else plan.open_ns[:0],
            door=plan.door[: int(self.finds)],
            patience=plan.patience[: int(fresh is not None)],
            fresh_ns=plan.arrival_ns[:0] if fresh is None else fresh.arrival_ns,
            fresh_work=plan.work if fresh is None else fresh.work,
            fresh_class=plan.class_of if fresh is None else fresh.class_of,
            work=plan.work,
            classes=plan.classes,
            class_of=plan.class_of,
            modes=modes_of(plan, self.whole, self.workers, tasks, 1 if fresh is not None else TASKS_AT_ONCE),
            lanes=self.lockstep.lanes,
        )
        self.kept = self._kept(tasks)
        self.given = filling(self.given, self.kept, fresh is not None)
        self.clock = np.zeros(1, dtype=records.CLOCK)
        self.clock["now"] = self.clock["order"] = self.clock["unused"] = -1
        self.clock["ahead"], self.clock["pause_ns"] = self.ahead, NEVER_NS
        self.clock["rows"] = self.kept.table.shape[1] or NEVER_NS
        self.outstanding, self.looks_ahead = counters_of(plan), True
        self.reals, self.wholes = self._scratches(stages)
        self.free_ns = np.zeros(self.workers + int(row["mergers"].sum()), dtype=np.int64)
        self.lists, self.heap = self._lists()
        if self.ahead == 0:
            self._go_event_by_event()

    def _scratches(self, stages: int) -> tuple[F8, I8]:
        """Rows for the luck of a block of tasks; of stages that queries enter one by one, for another."""
        plan, row = self.plan, self.plan.stages
        most = int(max(row["shards"].max(), row["replicas"].max(), TASKS_AT_ONCE)) + PADDING
        is_alone = self.ahead + 1 >= stages and not (may_send_copies(plan) or may_lose(plan))
        scratches = 1 if is_alone else SCRATCHES  # nobody enters a later stage of the loop
        return np.zeros((scratches, REALS, most)), np.zeros((scratches, WHOLES, most), dtype=np.int64)

    def _go_event_by_event(self) -> None:
        """Queries that have left the leading stages enter the loop of events."""
        plan, row = self.plan, self.plan.stages
        if self.ahead == 0:
            entering = admitted(plan)[: len(self.given.entering_ns) if self.finds else None]
            entering_ns = self.given.entering_ns if self.finds else plan.arrival_ns[entering]
        else:
            leave_ns = self.kept.instants[records.LEAVE, self.ahead - 1]
            leave_ns = np.where(leave_ns <= plan.arrival_ns + patiences_ns(plan), leave_ns, -1)  # later: no further
            entering = np.argsort(leave_ns, kind="stable")
            entering = entering[((leave_ns >= 0) & (self.kept.outcome == UNFINISHED))[entering]]  # not over by a hit
            entering_ns = leave_ns[entering]
        self.looks_ahead = False
        self.given = self.given._replace(entering=entering, entering_ns=entering_ns)
        self.clock["cursor"] = 0
        # a dispatch adds an enqueue a task, a start a finish a worker and a withdrawal a copy that is tied, a finish
        # an answer a task; and three besides
        waiting = row["shards"] * (1 + row["hedges"])
        held = plan.queries * len(row)  # a replica holds one copy a query, of each stage there
        starting = np.minimum(row["workers"] * row["max_size"], held)
        tied = starting * row["hedges"] * (row["hedge_ns"] == 0)
        most = int(max(waiting.max(), (row["workers"] + tied).max(), row["max_size"].max()))
        self.clock["margin"] = 4 + most
        room = EVENTS_AT_FIRST + 2 * most + plan.replicas * self.is_beside
        self.events = np.zeros(room, dtype=records.EVENT)
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
            np.zeros(plan.shards * may_fail(plan), dtype=np.int64),
        )
        self.awaited.shares["due_ns"] = -1
        self.awaited.waits["stage"] = -1
        self.replicas["head"] = self.replicas["tail"] = self.replicas["timer_ns"] = -1
        self.replicas["free"] = np.repeat(row["workers"], row["shards"] * row["replicas"])
        self._more_copies()
        if self.is_beside:
            from simulator.engines.compiled.on_background import begin_background

            begin_background(self.given, self.clock, self.events, self.replicas)

    def _kept(self, tasks: bool) -> Kept:
        """Columns of the Trace; the table of tasks grows where they are sent again."""
        rows = self.plan.queries * self.plan.shards * tasks
        if tasks and self.is_beside:
            from simulator.engines.compiled.on_background import will_come

            rows += int(will_come(self.given))
        return kept_of(self.plan, rows, self.is_partial, self.is_keen, self.is_longer, self.is_beside)

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
            from simulator.engines.compiled import ahead, clients

            loop_ahead = clients if self.finds else ahead
            why = int(loop_ahead.advance(lists=self.lists, heap=self.heap, **more))
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

    def _count_the_rest(self) -> None:
        """Where the run is cut, workers are shared until then."""
        self._count_ahead()
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
        self._count_the_rest()
        plan, kept, instants = self.whole, self.kept, self.kept.instants
        sums, shape = instants[records.ANSWER_SUM], (len(plan.stages), plan.queries)
        if plan.drain_ns != NEVER_NS or self.is_partial or gives_up(plan):
            sums[instants[records.CLOSE] < 0] = 0
        of, nothing = self.lockstep.replica_of, np.zeros(plan.replicas, dtype=np.int64)  # one, where nothing is spared
        tasks, waiting_ns, longest_wait_ns, inside_ns, across_ns, partly_ns = kept.counters[:, of]
        spared = kept.spared[:, of] if self.is_keen else [nothing] * records.SPARED
        late_ns, stopped_ns, late, stopped, withdrawn, hedged, refused, _, lost_ns, lost, resent = spared
        background = kept.background[:, of] if self.is_beside else [nothing] * 2
        gathered = kept.stage_outcome, kept.answers, kept.coverage, *instants[: records.LEAVE + 1]
        stage_outcome, answers, coverage = with_whole_stages(plan, *gathered)
        return Trace(
            arrival_ns=plan.arrival_ns,
            client_of=plan.client_of,
            query_of=plan.query_of,
            shed_by=shed_by(plan),
            gives_up_ns=limits(plan),
            provided=plan.provided,
            outcome=given_up(plan, plan.arrival_ns, kept.outcome, plan.end_ns),
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
            source_answer_ns=of_closed(plan.stages, kept.source_answer_ns, instants[records.CLOSE]),
            answer_sum_ns=sums,
            stage_outcome=stage_outcome,
            answers=answers,
            coverage=coverage,
            tasks=tasks,
            busy_ns=inside_ns + np.minimum(across_ns, MOST_NS - inside_ns),
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
            after_ns=kept.after_ns[of] if self.is_longer else nothing,
            background=background[0],
            background_ns=in_all_threads(plan, background[1]),
            window_busy_ns=in_all_threads(plan, inside_ns + np.minimum(partly_ns, MOST_NS - inside_ns)),
            batches=kept.batches,
            **Tasks.both(plan, kept.table[:, : int(self.clock["copies"][0])] if kept.table.size else None),
            events=int(self.clock["events"][0]),
        )
