"""What each query's latency is made of: by stage and cause, to the nanosecond.

A query is followed from its first arrival until it is over: earlier attempts, then stage after stage the task whose
answer closed it. Causes are cut one after another out of what is left of the time, so each ns has one cause. What they
mean is said in ``docs/how-to/where-the-tail-comes-from.md``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.core import columns, hosted
from simulator.core.plan import I8, Plan
from simulator.core.stage_view import StageView, stage_views
from simulator.core.trace import Trace
from simulator.documents.explain import CAUSES
from simulator.explaining.critical import Critical, critical_of
from simulator.explaining.disturbed import DOWN, SLOW, Lost
from simulator.stats import attempts

#: Causes of a stage, by place in CAUSES, and of a query as a whole, in BEFORE.
CACHE, NETWORK, HEDGE, WAITING, BATCHING, SERVICE, STRAGGLER, SLOWDOWN, FAILURE, MISSING, MERGE_WAIT, MERGE = range(12)
RETRY, BACKOFF = range(2)


@dataclass(frozen=True)
class Blame:
    """What the time of the measured queries of a replication went to."""

    query: I8  #: (queries,) the attempt of each that was its last, or itself
    latency_ns: I8  #: (queries,) from its arrival until it was over, with an answer or without; -1: it is not
    is_answered: NDArray[np.bool_]  #: (queries,)
    before_ns: I8  #: (2, queries) by BEFORE
    of_stages_ns: I8  #: (stages, causes, queries)
    critical: tuple[Critical, ...]  #: of each stage, warm-up included

    @property
    def sum_ns(self) -> I8:
        """(queries,) all causes together: the latency."""
        return np.asarray(self.before_ns.sum(axis=0) + self.of_stages_ns.sum(axis=(0, 1)))


def blame(plan: Plan, trace: Trace) -> Blame:
    """The blame of a replication; its trace has its table of tasks."""
    whole = attempts.as_queries(trace)
    measured = slice(whole.first_measured, None)
    query, before_ns = _before(trace)
    query, before_ns = query[measured], before_ns[:, measured]
    ended_ns = whole.ended_ns(measured)
    is_over = ended_ns >= 0
    critical = tuple(critical_of(plan, trace, stage) for stage in stage_views(plan))
    of_stages_ns = np.stack(
        [_of_stage(trace, stage, query, ended_ns, one) for stage, one in zip(stage_views(plan), critical, strict=True)]
    )
    return Blame(
        query=query,
        latency_ns=np.where(is_over, ended_ns - whole.arrival_ns[measured], -1),
        is_answered=whole.is_answered(measured),
        before_ns=before_ns * is_over,
        of_stages_ns=of_stages_ns * is_over,
        critical=critical,
    )


def _before(trace: Trace) -> tuple[I8, I8]:
    """(queries,) the last attempt of each, and (2, queries) what came before that."""
    if not len(trace.query_of):
        return np.arange(len(trace.arrival_ns)), np.zeros((2, len(trace.arrival_ns)), dtype=np.int64)
    first, last = attempts.first_and_last(trace.query_of)
    lasted_ns = trace.ended_ns(columns.EVERY) - trace.arrival_ns
    lasted_ns[last] = 0
    before_ns = np.zeros((2, len(last)), dtype=np.int64)
    np.add.at(before_ns[RETRY], trace.query_of, lasted_ns)
    before_ns[BACKOFF] = trace.arrival_ns[last] - trace.arrival_ns[first] - before_ns[RETRY]
    return last, before_ns


def _of_stage(trace: Trace, stage: StageView, query: I8, ended_ns: I8, critical: Critical) -> I8:
    """(causes, queries) of a stage; of a query that is not over, anything."""
    index = stage.index
    parts = np.zeros((len(CAUSES), len(trace.arrival_ns)), dtype=np.int64)
    enter_ns, close_ns, leave_ns = trace.entered_ns(index), trace.close_ns[index], trace.leave_ns[index]
    entered = enter_ns >= 0
    parts[MISSING] = np.where(entered & (close_ns >= 0), close_ns - enter_ns, 0)  # but where an answer closes it
    parts[:, critical.query] = _of_critical(stage, trace, critical)
    merged = entered & (leave_ns >= 0)
    merge_ns = np.where(merged, leave_ns - close_ns, 0)
    takes_ns = np.minimum(merge_ns, _merge_ns(trace, stage)) if stage.mergers else merge_ns
    parts[MERGE], parts[MERGE_WAIT] = takes_ns, merge_ns - takes_ns
    if len(trace.coverage):
        hits = entered & (trace.stage_outcome[index] == columns.HIT)
        parts[:, hits] = 0
        parts[CACHE, hits] = (leave_ns - enter_ns)[hits]
    parts = parts[:, query]
    enter_ns, leave_ns = enter_ns[query], leave_ns[query]
    left_out = (enter_ns < 0) | (enter_ns > ended_ns)
    is_last = ~left_out & ((leave_ns < 0) | (leave_ns > ended_ns))  # it is over before it leaves
    parts[:, left_out | is_last] = 0
    parts[MISSING, is_last] = (ended_ns - enter_ns)[is_last]
    return parts


def _of_critical(stage: StageView, trace: Trace, one: Critical) -> I8:
    """(causes, queries) of the time from entering a stage to the answer that closed it."""
    table = trace.task_table
    assert table is not None
    parts = np.zeros((len(CAUSES), len(one.query)), dtype=np.int64)
    parts[NETWORK] = one.nominal_ns - one.enter_ns + one.close_ns - one.finish_ns
    later_ns = one.enqueue_ns - one.first_ns
    replica = hosted.seats_of(stage.plan.stages)[table.replica[one.row]]
    lost = Lost(stage.plan, stage.owner).until(
        replica, np.stack((one.enqueue_ns, one.free_ns, one.start_ns, one.finish_ns))
    )
    slow, down = np.diff(lost[SLOW], axis=0), np.diff(lost[DOWN], axis=0)  # (3, queries): in queue, for a batch, served
    parts[HEDGE] = np.where(one.is_resent, 0, later_ns)
    parts[FAILURE] = one.first_ns - one.nominal_ns + np.where(one.is_resent, later_ns, 0) + down.sum(axis=0)
    parts[SLOWDOWN] = slow[0] + slow[2]  # who waits for others of its batch loses nothing to a slow worker
    parts[WAITING] = one.free_ns - one.enqueue_ns - slow[0] - down[0]
    parts[BATCHING] = one.start_ns - one.free_ns - down[1]
    net_ns = one.finish_ns - one.start_ns - slow[2] - down[2]
    parts[SERVICE] = np.minimum(net_ns, one.median_ns)
    parts[STRAGGLER] = net_ns - parts[SERVICE]
    return parts


def _merge_ns(trace: Trace, stage: StageView) -> I8:
    """(queries,) how long the merge of each takes, once a merger is free."""
    row = stage.plan.stages[stage.index]
    counts = trace.answers[stage.index] if len(trace.answers) else np.full(len(trace.arrival_ns), stage.shards)
    return np.asarray(row["merge_ns"] + row["merge_per_response_ns"] * np.maximum(counts, 0))
