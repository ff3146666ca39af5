"""How many replicas of a stage served, where an autoscaler says so; and how busy they were while they did."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.core import scaling
from simulator.core.columns import SHED
from simulator.core.hosted import in_company
from simulator.core.plan import F8, I8, Rows
from simulator.core.stage_view import StageView
from simulator.core.trace import Trace
from simulator.documents import parts
from simulator.scenario.autoscale import RULES
from simulator.stats.means import ratio_interval

S_PER_NS = 1e-9
S_PER_H = 3600.0


def steps_inside(trace: Trace, stage: int) -> tuple[I8, I8]:
    """Of the window of a trace: (steps + 1,) edges between steps of a stage, and (steps,) how many serve."""
    mine = trace.provided[:, trace.provided[scaling.STAGE] == stage]
    edges = np.append(mine[scaling.FROM_NS], trace.window_end_ns)
    edges = np.clip(edges, trace.window_begin_ns, trace.window_end_ns)
    lasts = np.diff(edges) > 0
    return np.append(edges[:-1][lasts], trace.window_end_ns), mine[scaling.COUNT][lasts]


def served_ns(trace: Trace, view: StageView) -> F8:
    """(shards x replicas,) how long each of a stage served inside the window."""
    edges, count = steps_inside(trace, view.index)
    index = np.arange(view.replicas)
    serves = index < np.minimum(count[:, np.newaxis], view.replicas_left[:, np.newaxis, np.newaxis])
    return np.asarray((np.diff(edges)[:, np.newaxis] * serves).sum(axis=1, dtype=np.float64).ravel())


def is_scaled(trace: Trace, view: StageView) -> bool:
    """Whether it is known how many replicas of a stage served, and the window lasts."""
    return view.is_scaled and trace.provided.shape[1] > 0 and trace.window_end_ns > trace.window_begin_ns


def there_ns(trace: Trace, view: StageView) -> F8:
    """(shards x replicas,) how long each was there inside the window: it serves, or finishes what it has.

    For how long it finishes is not known of a trace; at least for as long as its workers were busy.
    """
    busy = np.asarray(in_company(view.plan.stages, view.index, trace.window_busy_ns), dtype=np.float64)
    return np.maximum(served_ns(trace, view), busy / view.workers)


def busy_ns(trace: Trace, view: StageView) -> F8:
    """(replicas,) busy time inside the window, of all stages that run there.

    Of a replica that serves for a part of the window, what it would be if it went on like that.
    """
    busy = np.asarray(in_company(view.plan.stages, view.index, trace.window_busy_ns), dtype=np.float64)
    if not is_scaled(trace, view):
        return busy
    there, window_ns = there_ns(trace, view), trace.window_end_ns - trace.window_begin_ns
    return np.divide(busy * window_ns, there, out=np.zeros_like(busy), where=there > 0)


def mean_busy_ns(trace: Trace, view: StageView) -> float:
    """The same of all replicas together, in the mean: what they worked, over the time that they served."""
    busy = float(in_company(view.plan.stages, view.index, trace.window_busy_ns).sum(dtype=np.float64))
    if not is_scaled(trace, view):
        return busy / view.replicas_in_all
    there, window_ns = float(there_ns(trace, view).sum()), trace.window_end_ns - trace.window_begin_ns
    return busy * window_ns / there


def below_need_ns(trace: Trace, row: Rows, workers: int, edges: I8, count: I8) -> int:
    """How long fewer serve than would do the work of the queries that come in in the same period, always busy."""
    arrival_ns, every_ns = trace.arrival_ns[trace.outcome != SHED], int(row["every_ns"])
    if not len(arrival_ns):
        return 0
    needed = np.array(scaling.needs(arrival_ns, workers, row, scaling.WHOLE))
    periods = np.arange(len(needed) + 1) * every_ns
    all_edges = np.union1d(edges, periods[(periods > edges[0]) & (periods < edges[-1])])
    serve = count[np.searchsorted(edges, all_edges[:-1], side="right") - 1]
    period = all_edges[:-1] // every_ns
    need = needed[np.minimum(period, len(needed) - 1)]
    return int(np.diff(all_edges)[serve < need].sum())


def of_stage(traces: Sequence[Trace], view: StageView) -> parts.Scaled | None:
    """What is said of a stage; None where all its replicas serve, and where nothing is known of it."""
    if not all(is_scaled(trace, view) for trace in traces):
        return None
    row = view.plan.scaling[view.plan.scaling["stage"] == view.index][0]
    inside = [steps_inside(trace, view.index) for trace in traces]
    window_ns = np.array([trace.window_end_ns - trace.window_begin_ns for trace in traces], dtype=np.float64)
    number = [float((np.diff(edges) * count).sum(dtype=np.float64)) for edges, count in inside]
    served = [float(served_ns(trace, view).sum()) * S_PER_NS / S_PER_H for trace in traces]
    below = [below_need_ns(*one, row, view.workers, *of) for one, of in zip(zip(traces), inside, strict=True)]
    changes = [np.count_nonzero(np.diff(count)) for _, count in inside]
    return {
        "rule": RULES[int(row["rule"])],
        "replicas": {
            "mean": ratio_interval(number, window_ns).at_least_0().to_dict(),
            "least": min(int(count.min()) for _, count in inside),
            "most": max(int(count.max()) for _, count in inside),
        },
        "replica_hours": ratio_interval(served, np.ones(len(traces))).at_least_0().to_dict(),
        "below_need_ratio": ratio_interval(below, window_ns).within_0_and_1().to_dict(),
        "changes": ratio_interval(changes, np.ones(len(traces))).at_least_0().to_dict(),
    }
