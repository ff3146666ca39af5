"""What latency would be if one thing of a stage were ideal: arithmetic on the tasks that there were, no other run.

The answers of a stage are moved to the instants at which they would have come, and it closes with as many as it did.
All else stays as it was: who is sent where, what queues later stages meet, who gives up, who tries again. A stage that
no answer has closed (a time-out, a refusal, a cache) is left as it was.
"""

from collections.abc import Iterator

import numpy as np

from simulator.core.plan import I8, Plan
from simulator.core.stage_view import StageView, stage_views
from simulator.core.trace import Trace
from simulator.explaining.blame import Blame
from simulator.explaining.critical import OfStage
from simulator.stats.task_parts import can_be_parted, task_parts

#: Every task starts as it comes; none is served for longer than the median of its query's.
NO_QUEUE, NO_STRAGGLERS = "no queueing", "no stragglers"


def applies(stage: StageView) -> list[str]:
    """The ideals that say something of a stage: where copies are sent, without a queue there would be other copies."""
    told = can_be_parted(stage) or not stage.is_shared
    return [NO_QUEUE] * (told and not stage.sends_copies) + [NO_STRAGGLERS] * (stage.shards > 1 and told)


def ideal_latencies(plan: Plan, trace: Trace, found: Blame) -> Iterator[tuple[int, str, I8]]:
    """Stage, ideal, and (queries,) latency in ns of each measured query, -1 where it is not over."""
    for stage in stage_views(plan):
        names = applies(stage)
        answers = _Answers(plan, trace, stage)
        for name in names:
            sooner_ns = np.zeros(len(trace.arrival_ns), dtype=np.int64)
            sooner_ns[answers.query] = answers.sooner_ns(name)
            gained_ns = np.where(found.is_answered, sooner_ns[found.query], 0)
            yield stage.index, name, np.where(found.latency_ns < 0, -1, found.latency_ns - gained_ns)


class _Answers:
    """The answers of a stage, a shard each, of the queries for which one of them closed it.

    ``query``: (queries,) these; ``whose``: (answers,) place of the query of each in ``query``, in order.
    """

    def __init__(self, plan: Plan, trace: Trace, stage: StageView) -> None:
        table = trace.task_table
        assert table is not None, "it was asked for"
        here = OfStage.of(table, stage)
        self.query = np.flatnonzero(trace.critical_enqueue_ns[stage.index] >= 0)
        is_closed = np.zeros(len(trace.arrival_ns), dtype=bool)
        is_closed[self.query] = True
        is_in = (table.answer_ns[here.rows] >= 0) & is_closed[table.query[here.rows]]
        rows, names = here.rows[is_in], here.names[is_in]
        order = np.lexsort((table.answer_ns[rows], names))
        rows = rows[order][np.unique(names[order], return_index=True)[1]]  # a shard answers once
        self.answer_ns = table.answer_ns[rows]
        self.close_ns = trace.close_ns[stage.index, self.query]
        self.whose = np.searchsorted(self.query, table.query[rows])
        self.stay_ns = table.finish_ns[rows] - table.enqueue_ns[rows]
        self.service_ns = table.finish_ns[rows] - table.start_ns[rows]
        if stage.is_shared and can_be_parted(stage):
            self.service_ns = _alone(plan, trace, stage, rows)

    def sooner_ns(self, name: str) -> I8:
        """(queries,) by how much each would have closed sooner."""
        if name == NO_QUEUE:
            moved_ns = self.answer_ns - (self.stay_ns - self.service_ns)
        else:
            moved_ns = self.answer_ns - np.maximum(0, self.service_ns - self._medians())
        return np.asarray(self.close_ns - self._closed_ns(moved_ns))

    def _closed_ns(self, moved_ns: I8) -> I8:
        """When each query would close, with as many answers as it did."""
        counts = np.bincount(self.whose, self.answer_ns <= self.close_ns[self.whose], len(self.query)).astype(np.int64)
        order = np.lexsort((moved_ns, self.whose))
        begins = np.searchsorted(self.whose, np.arange(len(self.query)))
        return np.asarray(np.minimum(moved_ns[order][begins + counts - 1], self.close_ns))

    def _medians(self) -> I8:
        """(answers,) lower median of the services of the query of each."""
        order = np.lexsort((self.service_ns, self.whose))
        begins = np.searchsorted(self.whose, np.arange(len(self.query)))
        counts = np.bincount(self.whose, minlength=len(self.query))
        return np.asarray(self.service_ns[order][begins + (counts - 1) // 2][self.whose])


def _alone(plan: Plan, trace: Trace, stage: StageView, rows: I8) -> I8:
    """(answers,) what each task of a stage whose workers are shared would have taken alone; of warm-up, its stay."""
    table = trace.task_table
    assert table is not None
    parts = task_parts(plan, trace, stage)
    sent = np.flatnonzero((table.stage == stage.index) & (table.query >= trace.first_measured))
    alone_ns = table.finish_ns - table.start_ns
    alone_ns[sent[table.finish_ns[sent] >= 0]] = parts.service_ns.astype(np.int64)
    return np.asarray(alone_ns[rows])
