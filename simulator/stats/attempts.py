"""Queries whose clients try again: of what attempts did, what becomes of the queries."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from simulator.core import admission, breakers
from simulator.core.columns import BY_BREAKER, BY_DOOR, BY_LIMIT, FAILED, TIMED_OUT
from simulator.core.plan import I8, Plan
from simulator.core.trace import Trace
from simulator.documents import parts
from simulator.stats import quantiles, replays, share
from simulator.stats.figures import S_PER_NS, Pool
from simulator.stats.means import ratio_interval

#: Columns of a trace with an entry a stage and an attempt.
OF_STAGES = (
    *("close_ns", "leave_ns", "candidates", "critical_shard", "critical_enqueue_ns", "critical_wait_ns"),
    *("critical_service_ns", "source_answer_ns", "answer_sum_ns", "stage_outcome", "answers", "coverage"),
)


def first_and_last(query_of: I8) -> tuple[I8, I8]:
    """(queries,) rows of the first and of the last attempt of each."""
    order = np.argsort(query_of, kind="stable")
    begins = np.flatnonzero(np.diff(query_of[order], prepend=-1))
    return order[begins], order[np.append(begins[1:], len(order)) - 1]


def as_queries(trace: Trace) -> Trace:
    """The trace with a row a query: it arrives with its first attempt, and becomes what its last one does.

    What is done after its client has given up is no answer: to a query it never happens.
    """
    if len(trace.gives_up_ns):
        late = (trace.outcome == TIMED_OUT) & (trace.leave_ns > trace.gives_up_ns)
        trace = replace(trace, leave_ns=np.where(late, -1, trace.leave_ns)) if late.any() else trace
    if not len(trace.query_of):
        return trace
    first, last = first_and_last(trace.query_of)
    measured_from = int(trace.query_of[trace.first_measured])
    return replace(
        trace,
        arrival_ns=trace.arrival_ns[first],
        outcome=trace.outcome[last],
        gives_up_ns=trace.gives_up_ns[last] if len(trace.gives_up_ns) else trace.gives_up_ns,
        client_of=trace.client_of[first] if len(trace.client_of) else trace.client_of,
        query_of=trace.query_of[:0],
        shed_ns=trace.arrival_ns[last],
        shed_by=trace.shed_by[last] if len(trace.shed_by) else trace.shed_by,
        first_measured=measured_from,
        measured=len(first) - measured_from,
        **{name: getattr(trace, name)[:, last] for name in OF_STAGES},
    )


def of_queries(trace: Trace, column: I8) -> I8:
    """(queries,) of a column with an entry an attempt, that of the first of each."""
    return column[first_and_last(trace.query_of)[0]] if len(trace.query_of) else column


def as_served(trace: Trace) -> Trace:
    """The trace as the fleet sees it: an attempt that was given up is over when the fleet is done with it."""
    if not len(trace.gives_up_ns):
        return trace
    done_ns, left_ns = trace.close_ns.max(axis=0), trace.leave_ns.max(axis=0)
    is_done = left_ns >= done_ns
    if len(trace.stage_outcome):  # without an answer it leaves no stage
        is_done = is_done | (trace.stage_outcome == FAILED).any(axis=0)
    return replace(trace, gives_up_ns=np.where(is_done, np.maximum(left_ns, done_ns), -1))


def asked(pool: Pool) -> Pool:
    """The pool of the queries of which attempts are in one; that itself where each is one."""
    return _changed(pool, as_queries)


def served(pool: Pool) -> Pool:
    """The pool of attempts as the fleet sees them."""
    return _changed(pool, as_served)


def _changed(pool: Pool, by: Callable[[Trace], Trace]) -> Pool:
    traces = [by(trace) for trace in pool.traces]
    is_same = all(one is two for one, two in zip(traces, pool.traces, strict=True))
    if is_same:
        return pool
    are_sent_alike = replays.are_the_same((trace.arrival_ns,) for trace in pool.traces)
    return Pool(traces, pool.clusters, pool.layout.is_sampled, are_sent_alike)


def attempts_of(traces: Sequence[Trace], plan: Plan, layout: share.Layout) -> parts.Attempts | None:
    """What is said of attempts; None where clients do not give up, nor try again. ``layout``: of queries."""
    if not len(plan.patience):
        return None
    counts, queries, bad, retried = [], [], [], []
    for trace in traces:
        first = trace.first_measured
        mine = trace.query_of if len(trace.query_of) else np.arange(len(trace.arrival_ns))
        asked = np.bincount(mine, minlength=int(mine.max()) + 1)[int(mine[first]) :]
        counts.append(float(asked.sum()))
        queries.append(float(len(asked)))
        bad.append(trace.outcome[first:] == TIMED_OUT)
        retried.append(float(np.count_nonzero(asked > 1)))
    whole = [as_queries(trace) for trace in traces]
    late = [trace.outcome[trace.first_measured :] == TIMED_OUT for trace in whole]
    sizes = [float(len(one)) for one in bad]
    said: parts.Attempts = {
        "per_query": ratio_interval(counts, queries).to_dict(),
        "retried_ratio": ratio_interval(retried, queries).within_0_and_1().to_dict(),
        "timed_out_ratio": quantiles.Series(np.concatenate(late).astype(np.float64), layout)
        .share(0.5, inclusive=True)
        .to_dict(),
        "attempts_timed_out_ratio": ratio_interval([float(one.sum()) for one in bad], sizes).within_0_and_1().to_dict(),
    }
    if admission.may_shed_itself(plan):
        said["shed"] = _by_whom(traces, sizes)
    if breakers.breaks(plan):
        open_s = [breakers.seconds_open(plan, trace) for trace in traces]
        lasts_s = [(trace.window_end_ns - trace.window_begin_ns) * S_PER_NS for trace in traces]
        said["breaker_open_ratio"] = ratio_interval(open_s, lasts_s).within_0_and_1().to_dict()
    return said


def _by_whom(traces: Sequence[Trace], sizes: Sequence[float]) -> parts.ShedBy:
    def ratio(whom: int) -> parts.Interval:
        counts = [float(np.count_nonzero(trace.shed_by[trace.first_measured :] == whom)) for trace in traces]
        return ratio_interval(counts, sizes).within_0_and_1().to_dict()

    return {"door_ratio": ratio(BY_DOOR), "limit_ratio": ratio(BY_LIMIT), "breaker_ratio": ratio(BY_BREAKER)}
