"""What the reference engine writes down: the columns of a Trace, filled as things happen."""

from collections.abc import Sequence

import numpy as np

from simulator.core.columns import HIT, SKIPPED, UNFINISHED, Tasks, in_all_threads, wasted_ns
from simulator.core.failures import time_down
from simulator.core.gathering import may_differ
from simulator.core.plan import I8, Plan
from simulator.core.retrying import given_up, limits, shed_by
from simulator.core.rules import MOST_NS, add
from simulator.core.sources import first_kept, of_closed, source_of, stages_kept
from simulator.core.trace import Trace
from simulator.engines.reference.gather import Copy, Gather


def _absent(*shape: int) -> I8:
    return np.full(shape, -1, dtype=np.int64)


class Recorder:
    """The columns of one run's Trace; see there for their shapes and meaning."""

    def __init__(self, plan: Plan) -> None:
        stages, queries = len(plan.stages), plan.queries
        self.plan = plan
        self.first_measured = plan.first_measured
        self.begin_ns, self.until_ns = plan.window_begin_ns, plan.watched_until_ns
        self.outcome = np.full(queries, UNFINISHED, dtype=np.int8)
        self.close_ns = _absent(stages, queries)
        self.leave_ns = _absent(stages, queries)
        self.candidates = np.full((stages, queries), -1.0)
        self.critical_shard = np.full((stages, queries), -1, dtype=np.int32)
        self.critical_enqueue_ns = _absent(stages, queries)
        self.critical_wait_ns = _absent(stages, queries)
        self.critical_service_ns = _absent(stages, queries)
        self.answer_sum_ns = np.zeros((stages, queries), dtype=np.int64)
        self.first_kept = first_kept(plan.stages).tolist()
        self.source_answer_ns = _absent(len(stages_kept(plan.stages)), queries)
        # Python lists: an item of a list is updated ten times faster than one of an array
        self.tasks = [0] * plan.replicas
        self.busy_ns = [0] * plan.replicas
        self.waiting_ns = [0] * plan.replicas
        self.longest_wait_ns = [0] * plan.replicas
        self.window_busy_ns = [0] * plan.replicas
        self.batches = np.zeros(plan.batch_sizes, dtype=np.int64)
        partial = stages if may_differ(plan) else 0
        self.stage_outcome = np.full((partial, queries), UNFINISHED, dtype=np.int8)
        self.answers = np.full((partial, queries), -1, dtype=np.int64)
        self.coverage = np.full((partial, queries), -1.0)
        self.late_ns, self.stopped_ns, self.after_ns, self.lost_ns = ([0] * plan.replicas for _ in range(4))
        self.background, self.background_ns = np.zeros((2, plan.replicas), dtype=np.int64)
        self.late_answers, self.stopped_tasks, self.withdrawn, self.hedged, self.refused, self.lost, self.resent = (
            np.zeros(plan.replicas, dtype=np.int64) for _ in range(7)
        )

    def enter(self, stage: int, query: int, candidates: float) -> None:
        """A query enters a stage."""
        self.candidates[stage, query] = candidates

    def start(self, replica: int, now: int, taken_ns: int) -> None:
        """A service begins, of any task: it and what follows it take a worker, as far as inside the window."""
        end_ns = now + taken_ns
        if now < self.begin_ns or end_ns > self.until_ns:
            taken_ns = min(end_ns, self.until_ns) - max(now, self.begin_ns)
        if taken_ns > 0:
            self.window_busy_ns[replica] += taken_ns

    def share(self, replica: int, now: int, more: int) -> None:
        """From now on tasks that share take so many workers more; fewer, where ``more`` is below 0."""
        self.window_busy_ns[replica] += more * max(0, self.until_ns - max(now, self.begin_ns))

    def batch(self, stage: int, query: int, count: int) -> None:
        """So many tasks were served together; ``query``: the last of theirs."""
        if self.plan.is_batched[stage] and query >= self.first_measured:
            self.batches[self.plan.stages[stage]["first_batch"] + count - 1] += 1

    def finish(self, copy: Copy, replica: int) -> None:
        """A task's service is finished; what follows its answer counts with it."""
        if copy.gather.query >= self.first_measured:
            wait_ns, after_ns = copy.start_ns - copy.enqueue_ns + copy.shared_ns, copy.after_ns
            self.tasks[replica] += 1
            self.busy_ns[replica] += copy.service_ns + after_ns
            if after_ns:
                self.after_ns[replica] += after_ns
            self.waiting_ns[replica] += wait_ns
            if wait_ns > self.longest_wait_ns[replica]:
                self.longest_wait_ns[replica] = wait_ns

    def beside(self, replica: int, now: int, busy_ns: int) -> None:
        """A task of a replica's own is over."""
        if self.begin_ns <= now < self.plan.window_end_ns:
            self.background[replica] += 1
            self.background_ns[replica] = add(int(self.background_ns[replica]), busy_ns)

    def stop(self, replica: int, now: int, release_ns: int) -> None:
        """A service ends before its time: the rest of it, and what would have followed, keeps nobody busy."""
        spared_ns = min(release_ns, self.until_ns) - max(now, self.begin_ns)
        if spared_ns > 0:
            self.window_busy_ns[replica] -= spared_ns

    def stopped(self, query: int, replica: int, busy_ns: int) -> None:
        """A task was served that nobody needs, to its end or not."""
        if query >= self.first_measured:
            self.stopped_tasks[replica] += 1
            self.busy_ns[replica] += busy_ns
            self.stopped_ns[replica] += busy_ns

    def withdraw(self, query: int, replica: int) -> None:
        """A task will never start."""
        if query >= self.first_measured:
            self.withdrawn[replica] += 1

    def hedge(self, query: int, replica: int) -> None:
        """A copy of a task is sent that has no answer yet."""
        if query >= self.first_measured:
            self.hedged[replica] += 1

    def refuse(self, query: int, replica: int) -> None:
        """A task comes to a full queue."""
        if query >= self.first_measured:
            self.refused[replica] += 1

    def lose(self, query: int, replica: int, busy_ns: int) -> None:
        """A task is lost in a crash, when it was served for so long."""
        if query >= self.first_measured:
            self.lost[replica] += 1
            self.busy_ns[replica] += busy_ns
            self.lost_ns[replica] += busy_ns

    def resend(self, query: int, replica: int) -> None:
        """A lost task is sent again."""
        if query >= self.first_measured:
            self.resent[replica] += 1

    def late(self, query: int, replica: int, busy_ns: int) -> None:
        """An answer comes when nobody waits for it any more."""
        if query >= self.first_measured:
            self.late_answers[replica] += 1
            self.late_ns[replica] += busy_ns

    def close(self, gather: Gather, now: int) -> None:
        """A stage of a query has the answers that it goes on with."""
        at = gather.stage, gather.query
        self.close_ns[at] = now
        self.answer_sum_ns[at] = min(gather.answer_sum_ns, MOST_NS)
        if len(self.coverage):
            self.stage_outcome[at], self.coverage[at] = gather.outcome, gather.coverage
            self.answers[at] = gather.answers

    def counted(self, stage: int, query: int, shard: int, now: int) -> None:
        """An answer counts: it is the last of its source so far."""
        source = int(source_of(self.plan.stages, self.plan.sources, stage, shard))
        place = self.first_kept[stage] + source - int(self.plan.stages[stage]["first_source"])
        self.source_answer_ns[place, query] = now

    def critical(self, stage: int, query: int, shard: int, enqueue_ns: int, wait_ns: int, service_ns: int) -> None:
        """The answer of this task has closed the stage."""
        at = stage, query
        self.critical_shard[at] = shard
        self.critical_enqueue_ns[at] = enqueue_ns
        self.critical_wait_ns[at] = wait_ns
        self.critical_service_ns[at] = service_ns

    def leave(self, stage: int, query: int, now: int) -> None:
        """A query leaves a stage, merged."""
        self.leave_ns[stage, query] = now

    def skip(self, stage: int, query: int, now: int) -> None:
        """A query passes a stage by."""
        self.leave_ns[stage, query], self.stage_outcome[stage, query] = now, SKIPPED

    def hit(self, stage: int, query: int, now: int) -> None:
        """A query leaves a stage whose cache had its answer."""
        at = stage, query
        self.close_ns[at] = self.leave_ns[at] = now
        self.stage_outcome[at], self.answers[at], self.coverage[at] = HIT, 0, 1.0

    def end(self, query: int, outcome: int) -> None:
        """A query has left the last stage, or goes no further."""
        self.outcome[query] = outcome

    def trace(self, events: int, copies: Sequence[tuple[int, ...]] | None) -> Trace:
        """The finished Trace; ``copies``: rows of its table of tasks, in any order, if asked for."""
        plan = self.plan
        counters = (
            *(self.tasks, self.busy_ns, self.waiting_ns, self.longest_wait_ns, self.window_busy_ns),
            *(self.late_ns, self.stopped_ns, self.after_ns, self.lost_ns),
        )
        tasks, busy_ns, waiting_ns, longest_wait_ns, window_busy_ns, late_ns, stopped_ns, after_ns, lost_ns = (
            np.array([min(count, MOST_NS) for count in column], dtype=np.int64) for column in counters
        )
        return Trace(
            arrival_ns=plan.arrival_ns,
            client_of=plan.client_of,
            query_of=plan.query_of,
            shed_by=shed_by(plan),
            gives_up_ns=limits(plan),
            provided=plan.provided,
            outcome=given_up(plan, plan.arrival_ns, self.outcome, plan.end_ns),
            first_measured=plan.first_measured,
            measured=plan.measured,
            window_begin_ns=plan.window_begin_ns,
            window_end_ns=plan.window_end_ns,
            close_ns=self.close_ns,
            leave_ns=self.leave_ns,
            candidates=self.candidates,
            critical_shard=self.critical_shard,
            critical_enqueue_ns=self.critical_enqueue_ns,
            critical_wait_ns=self.critical_wait_ns,
            critical_service_ns=self.critical_service_ns,
            source_answer_ns=of_closed(plan.stages, self.source_answer_ns, self.close_ns),
            answer_sum_ns=self.answer_sum_ns,
            stage_outcome=self.stage_outcome,
            answers=self.answers,
            coverage=self.coverage,
            tasks=tasks,
            busy_ns=busy_ns,
            waiting_ns=waiting_ns,
            longest_wait_ns=longest_wait_ns,
            window_busy_ns=in_all_threads(plan, window_busy_ns),
            wasted_ns=wasted_ns(late_ns, stopped_ns, lost_ns),
            stopped_ns=stopped_ns,
            lost=self.lost,
            lost_ns=lost_ns,
            resent=self.resent,
            down_ns=time_down(plan),
            late=self.late_answers,
            stopped=self.stopped_tasks,
            withdrawn=self.withdrawn,
            hedged=self.hedged,
            refused=self.refused,
            after_ns=after_ns,
            batches=self.batches,
            background=self.background,
            background_ns=in_all_threads(plan, self.background_ns),
            **Tasks.both(plan, None if copies is None else np.array(copies, dtype=np.int64).T),
            events=events,
        )
