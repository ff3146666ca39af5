"""How many replicas of a stage served, where an autoscaler says so; and how busy they were while they did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.core import scaling
from simulator.core.columns import SHED
from simulator.core.hosted import in_company
from simulator.core.plan import F8, I8, Rows
from simulator.core.stage_view import StageView
from simulator.core.trace import Trace
from simulator.documents import parts
from simulator.scenario.autoscale import RULES
from simulator.stats.means import Interval, ratio_interval
from simulator.stats.money import Money, Price

S_PER_NS = 1e-9
S_PER_H = 3600.0


def steps_inside(trace: Trace, stage: int) -> tuple[I8, I8]:
    """Of the window of a trace: (steps + 1,) edges between steps of a stage, and (steps,) how many serve."""
    mine = trace.provided[:, trace.provided[scaling.STAGE] == stage]
    edges = np.append(mine[scaling.FROM_NS], trace.window_end_ns)
    edges = np.clip(edges, trace.window_begin_ns, trace.window_end_ns)
    lasts = np.diff(edges) > 0
    return np.append(edges[:-1][lasts], trace.window_end_ns), mine[scaling.COUNT][lasts]


def served_of(trace: Trace, stage: int, left: I8, replicas: int) -> F8:
    """(shards x replicas,) how long each of a stage served inside the window.

    ``left``: (shards,) how many replicas of each there are, of ``replicas``.
    """
    edges, count = steps_inside(trace, stage)
    index = np.arange(replicas)
    serves = index < np.minimum(count[:, np.newaxis], left[:, np.newaxis, np.newaxis])
    return np.asarray((np.diff(edges)[:, np.newaxis] * serves).sum(axis=1, dtype=np.float64).ravel())


def served_ns(trace: Trace, view: StageView) -> F8:
    """The same of a stage of a plan."""
    return served_of(trace, view.index, view.replicas_left, view.replicas)


def is_scaled(trace: Trace, view: StageView) -> bool:
    """Whether it is known how many replicas of a stage served, and the window lasts."""
    return view.is_scaled and trace.provided.shape[1] > 0 and trace.window_end_ns > trace.window_begin_ns


def there_ns(trace: Trace, view: StageView) -> F8:
    """(shards x replicas,) how long each was there inside the window: it serves, or finishes what it has.

    For how long it finishes is not known of a trace; at least for as long as its workers were busy.
    """
    busy = np.asarray(in_company(view.plan.stages, view.index, trace.window_busy_ns), dtype=np.float64)
    return while_there(busy, served_ns(trace, view), view.workers)


def while_there(busy_ns: F8, serves_ns: F8, workers: int) -> F8:
    """(replicas,) how long each is there, by how long its workers were busy, and it served."""
    return np.maximum(serves_ns, busy_ns / workers)


def as_if_there(busy_ns: F8, there: F8, window_ns: float | F8) -> F8:
    """(replicas,) busy time, if each went on for the whole window as while it was there."""
    return np.divide(busy_ns * window_ns, there, out=np.zeros_like(busy_ns), where=there > 0)


def busy_ns(trace: Trace, view: StageView) -> F8:
    """(replicas,) busy time inside the window, of all stages that run there.

    Of a replica that serves for a part of the window, what it would be if it went on like that.
    """
    busy = np.asarray(in_company(view.plan.stages, view.index, trace.window_busy_ns), dtype=np.float64)
    if not is_scaled(trace, view):
        return busy
    return as_if_there(busy, there_ns(trace, view), trace.window_end_ns - trace.window_begin_ns)


def mean_busy_ns(trace: Trace, view: StageView) -> float:
    """The same of all replicas together, in the mean: what they worked, over the time that they served."""
    busy = float(in_company(view.plan.stages, view.index, trace.window_busy_ns).sum(dtype=np.float64))
    if not is_scaled(trace, view):
        return busy / view.replicas_in_all
    there, window_ns = float(there_ns(trace, view).sum()), trace.window_end_ns - trace.window_begin_ns
    return busy * window_ns / there


def provided_by_stage(trace: Trace, views: Sequence[StageView]) -> dict[int, float]:
    """By stage that is scaled: the part of the window in which they served, of all replicas that there may be."""
    window_ns = trace.window_end_ns - trace.window_begin_ns
    return {
        view.index: float(served_ns(trace, view).sum()) / (window_ns * view.replicas_in_all)
        for view in views
        if is_scaled(trace, view)
    }


@dataclass(frozen=True)
class Provided:
    """Of some replications, as of ``provided_by_stage``, the lengths of their windows, and what machines cost."""

    by_stage: Sequence[Mapping[int, float]]
    windows_s: F8
    price: Price

    @property
    def mean(self) -> dict[int, float]:
        """The part of all replications together."""
        if not all(self.by_stage):
            return {}
        return {stage: float(self.parts(stage) @ self.windows_s / self.windows_s.sum()) for stage in self.by_stage[0]}

    def parts(self, stage: int) -> F8:
        """(replications,) the part of each."""
        return np.array([one[stage] for one in self.by_stage])

    def bill(self, completed: Interval, counts: F8) -> Money:
        """What the fleet costs; ``counts``: (replications,) queries completed, ``completed``: a second."""
        usd_per_h = self.price.usd_per_h
        if usd_per_h is None or not self.mean:
            return Money(usd_per_h, completed)
        idle = sum(price * (1 - self.parts(stage)) for stage, price in self.price.of_scaled.items())
        spent = (usd_per_h - idle) * self.windows_s
        each = ratio_interval(spent / S_PER_H * 1e6, counts).at_least_0()
        return Money(usd_per_h, completed, (ratio_interval(spent, self.windows_s).at_least_0(), each))


def provided(traces: Sequence[Trace], views: Sequence[StageView], windows_s: F8, price: Price) -> Provided:
    """What served, of traces whose windows are so long."""
    return Provided([provided_by_stage(trace, views) for trace in traces], windows_s, price)


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
