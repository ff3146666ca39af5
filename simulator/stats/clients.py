"""Clients that wait: how long they think, and that each of them always waits or thinks."""

from collections.abc import Sequence

import numpy as np

from simulator.core.plan import I8
from simulator.core.trace import Trace
from simulator.documents import run
from simulator.stats.means import Interval, ratio_interval

S_PER_NS = 1e-9


def thoughts_of(trace: Trace) -> tuple[I8, I8]:
    """(thoughts,) the queries that clients sent after they had thought, and how long they had, in ns."""
    queries = len(trace.arrival_ns)
    order = np.lexsort((np.arange(queries), trace.client_of))
    is_next = trace.client_of[order[1:]] == trace.client_of[order[:-1]]
    query, before = order[1:][is_next], order[:-1][is_next]
    return query, trace.arrival_ns[query] - trace.ended_ns(slice(0, queries))[before]


def clients(traces: Sequence[Trace], count: int, completed: Interval, latency: Interval) -> run.Clients | None:
    """What is said of ``count`` clients, whose queries are completed at a rate, after a mean latency; None: of none."""
    if not count:
        return None
    sums, counts = [], []
    for trace in traces:
        query, think_ns = thoughts_of(trace)
        is_measured = query >= trace.first_measured
        sums.append(float(think_ns[is_measured].sum()) * S_PER_NS)
        counts.append(int(np.count_nonzero(is_measured)))
    think = ratio_interval(sums, counts).at_least_0()
    cycles = None
    if None not in (completed.value, latency.value, think.value):
        cycles = completed.value * (latency.value + think.value)  # type: ignore[operator]
    return {"count": count, "think_s": think.to_dict(), "cycling": cycles}
