"""Clients that wait: how long they think, and that each of them always waits or thinks."""

from collections.abc import Sequence

import numpy as np

from simulator.core.plan import I8
from simulator.core.trace import Trace
from simulator.documents import run
from simulator.stats.means import ratio_interval

S_PER_NS = 1e-9


def thoughts_of(trace: Trace) -> tuple[I8, I8]:
    """(thoughts,) the queries that clients sent after they had thought, and how long they had, in ns."""
    queries = len(trace.arrival_ns)
    order = np.lexsort((np.arange(queries), trace.client_of))
    is_next = (trace.client_of[order[1:]] == trace.client_of[order[:-1]]) & (trace.client_of[order[1:]] >= 0)
    query, before = order[1:][is_next], order[:-1][is_next]
    return query, trace.arrival_ns[query] - trace.ended_ns(slice(0, queries))[before]


def clients(traces: Sequence[Trace], count: int) -> run.Clients | None:
    """What is said of ``count`` clients; None: of none. A query holds its client until it is over, however it ends."""
    if not count:
        return None
    sums, counts, over, spent, window_s = [], [], 0, [], 0.0
    for trace in traces:
        query, think_ns = thoughts_of(trace)
        is_measured = query >= trace.first_measured
        sums.append(float(think_ns[is_measured].sum()) * S_PER_NS)
        counts.append(int(np.count_nonzero(is_measured)))
        ended_ns = np.where(trace.client_of >= 0, trace.ended_ns(slice(0, len(trace.arrival_ns))), -1)
        over += int(np.count_nonzero((ended_ns >= trace.window_begin_ns) & (ended_ns < trace.window_end_ns)))
        window_s += (trace.window_end_ns - trace.window_begin_ns) * S_PER_NS
        is_over = (ended_ns >= 0) & (np.arange(len(ended_ns)) >= trace.first_measured)
        spent.append((ended_ns - trace.arrival_ns)[is_over])
    think = ratio_interval(sums, counts).at_least_0()
    all_spent = np.concatenate(spent)
    over_per_s = over / window_s if window_s > 0 else None
    over_s = float(all_spent.mean()) * S_PER_NS if len(all_spent) else None
    cycles = None
    if over_per_s is not None and over_s is not None and think.value is not None:
        cycles = over_per_s * (over_s + think.value)
    return {
        "count": count,
        "over_per_s": over_per_s,
        "over_s": over_s,
        "think_s": think.to_dict(),
        "cycling": cycles,
    }
