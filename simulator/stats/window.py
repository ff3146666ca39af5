"""What is counted of a run: completions, the busy time of mergers, and how many tasks were served at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapreplace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.core.colocated import neighbours_of
from simulator.core.columns import AT_A_TIME, PARTIAL
from simulator.core.hosted import has_company
from simulator.core.plan import F8, I8
from simulator.core.rules import merge_ns
from simulator.core.stage_view import StageView
from simulator.core.trace import Trace
from simulator.documents import run
from simulator.stats.means import Interval, ratio_interval
from simulator.stats.share import BLOCKS
from simulator.theory import Ahead, beside_of, merger_demands, own_demands

S_PER_NS = 1e-9

#: A latency in ns, and whether it may be reached.
Within = tuple[int, bool]


def completed_in(trace: Trace) -> NDArray[np.int8]:
    """(queries,) in which of the window's equal parts, as many as blocks, a query is answered; BLOCKS: in none."""
    begin_ns, end_ns, parts = trace.window_begin_ns, trace.window_end_ns, min(BLOCKS, trace.measured)
    per_ns, completed = parts / max(1, end_ns - begin_ns), np.empty(len(trace.arrival_ns), dtype=np.int8)
    for first in range(0, len(completed), AT_A_TIME):
        at = slice(first, first + AT_A_TIME)
        done_ns = trace.completion_ns[at]
        inside = trace.is_answered(at) & (done_ns >= begin_ns) & (done_ns < end_ns)
        completed[at] = np.where(inside, np.minimum((done_ns - begin_ns) * per_ns, parts - 1), BLOCKS)
    return completed


def good_of(trace: Trace, completed: NDArray[np.int8]) -> NDArray[np.int8]:
    """(queries,) of ``completed_in``, without those whose answer is partial: the same array where there are none."""
    partial = trace.outcome == PARTIAL
    return np.where(partial, BLOCKS, completed).astype(np.int8) if partial.any() else completed


def count_completed(completed: NDArray[np.int8], measured: int) -> F8:
    """(blocks of one replication,) how many queries, of ``completed_in`` or of some of it, each part has."""
    return np.bincount(completed, minlength=BLOCKS)[: min(BLOCKS, measured)].astype(np.float64)


def is_within(latency_ns: NDArray[Any], within: Within) -> NDArray[np.bool_]:
    """Which latencies are good."""
    bound_ns, may_reach = within
    return np.asarray(latency_ns <= bound_ns if may_reach else latency_ns < bound_ns)


@dataclass(frozen=True)
class Mergers:
    """What queries of a stage queue for when it has closed."""

    stage: int
    count: int
    takes_ns: int  #: one merge; the longest, where the number of answers differs
    fixed_ns: int  #: of a merge without its answers
    per_answer_ns: int
    is_partial: bool  #: whether the number of answers differs
    may_time_out: bool  #: whether the stage may close when its time is up
    drain_ns: int  #: the run is cut this long after its last arrival

    @staticmethod
    def of(stage: StageView) -> "Mergers":
        """Those of a stage, whatever the arrivals of the view's plan."""
        answers = stage.least_visits if stage.has_fixed_visits else stage.shards
        takes_ns = int(merge_ns(stage.plan.stages, stage.index, answers))
        row = stage.plan.stages[stage.index]
        parts_ns = int(row["merge_ns"]), int(row["merge_per_response_ns"])
        closing = stage.counts_answers, stage.may_time_out
        return Mergers(stage.index, stage.mergers, takes_ns, *parts_ns, *closing, stage.plan.drain_ns)


def _merges(trace: Trace, mergers: Mergers) -> tuple[I8, I8]:
    """When merges begin, and how long each takes, of stages that close with some of their answers.

    First closed, first merged: at one instant, answers and refusals close stages before their time is up, in the order
    of queries. (Where both may be, what closes without an answer is taken for late: it matters within one ns.)
    """
    close_ns, answers = trace.close_ns[mergers.stage], trace.answers[mergers.stage]
    merged = np.flatnonzero((close_ns >= 0) & (answers > 0))
    is_late = (trace.critical_shard[mergers.stage, merged] < 0) & mergers.may_time_out
    merged = merged[np.lexsort((merged, is_late, close_ns[merged]))]
    each_ns = np.maximum(1, mergers.fixed_ns + mergers.per_answer_ns * answers[merged])
    free_ns, starts_ns = [0] * mergers.count, np.empty(len(merged), dtype=np.int64)
    for at, (closed_ns, lasts_ns) in enumerate(zip(close_ns[merged].tolist(), each_ns.tolist(), strict=True)):
        start_ns = max(closed_ns, free_ns[0])
        heapreplace(free_ns, start_ns + lasts_ns)
        starts_ns[at] = start_ns
    return starts_ns, each_ns


def merging_ns(trace: Trace, mergers: Mergers) -> int:
    """How long the mergers of a stage are busy inside the window, together: merges of anybody.

    Merges take one time and begin in the order in which stages close, so they end in that order, too. Of a run that is
    cut, those under way began when the stage had closed and a merger was free.
    """
    takes_ns = mergers.takes_ns
    close_ns, leave_ns = trace.close_ns[mergers.stage], trace.leave_ns[mergers.stage]
    until_ns = min(trace.window_end_ns, int(trace.arrival_ns[-1]) + mergers.drain_ns)
    if mergers.is_partial:
        starts_ns, each_ns = _merges(trace, mergers)
        served_ns = np.minimum(starts_ns + each_ns, until_ns) - np.maximum(starts_ns, trace.window_begin_ns)
        return int(np.maximum(served_ns, 0).sum())
    merged = trace.critical_shard[mergers.stage] >= 0  # others passed it by, or hit its cache
    starts_ns = leave_ns[merged & (leave_ns >= 0)] - takes_ns
    under_way = np.sort(close_ns[merged & (leave_ns < 0)])[: mergers.count]
    if under_way.size:
        free_ns = np.sort(starts_ns)[-mergers.count :] + takes_ns
        idle_ns = np.zeros(mergers.count - free_ns.size, dtype=np.int64)  # mergers that did nothing yet
        free_ns = np.sort(np.concatenate([idle_ns, free_ns]))[: under_way.size]
        starts_ns = np.concatenate([starts_ns, np.maximum(under_way, free_ns)])
    served_ns = np.minimum(starts_ns + takes_ns, until_ns) - np.maximum(starts_ns, trace.window_begin_ns)
    return int(np.maximum(served_ns, 0).sum())


def mergers(traces: Sequence[Trace], windows_s: F8, stage: StageView) -> run.Mergers | None:
    """What the mergers of a stage did and were asked for; None where merging is a mere delay.

    ``windows_s``: (replications,) length of the window of each.
    """
    own, count = Mergers.of(stage), stage.mergers
    if not count:
        return None
    busy_s = np.array([merging_ns(trace, own) for trace in traces]) * S_PER_NS
    used = ratio_interval(busy_s, windows_s * count).within_0_and_1()
    service_s = own.takes_ns * S_PER_NS
    demand = merger_demands(stage.plan)[stage.index]
    return {"count": count, "service_s": service_s, "utilisation": used.to_dict(), "demand": demand}


def after_answers(traces: Sequence[Trace], stage: StageView) -> Interval | None:
    """Mean time that a task keeps its worker when its answer has gone; None where workers are free at once."""
    if not stage.stays_taken:
        return None
    here = stage.replica_slice
    after_ns = np.array([trace.after_ns[here].sum(dtype=np.float64) for trace in traces])
    return ratio_interval(after_ns * S_PER_NS, [trace.tasks[here].sum() for trace in traces]).at_least_0()


def background(traces: Sequence[Trace], windows_s: F8, stage: StageView, ahead: Ahead) -> run.Background | None:
    """What replicas did besides queries; None where they have nothing else to do.

    ``windows_s``: (replications,) length of the window of each; ``ahead``: what is known of the part of their time.
    """
    if beside_of(stage) is None:
        return None
    here = stage.replica_slice
    busy_s = np.array([trace.background_ns[here].sum(dtype=np.float64) for trace in traces]) * S_PER_NS
    count = np.array([trace.background[here].sum(dtype=np.float64) for trace in traces])
    offered_s = windows_s * stage.replicas_in_all
    busy = ratio_interval(busy_s, offered_s * stage.workers_in_all, ahead).within_0_and_1()
    tasks = ratio_interval(count, offered_s).at_least_0()
    return {"tasks_per_s": tasks.to_dict(), "busy_ratio": busy.to_dict()}


def batches(traces: Sequence[Trace], stage: StageView) -> run.Batches | None:
    """How many tasks were served together; None where each is served alone."""
    if not stage.is_batched:
        return None
    seen = np.array([trace.batches[stage.batch_slice] for trace in traces])  # (replications, sizes)
    size = np.arange(1, stage.max_size + 1)
    mean = ratio_interval(seen @ size, seen.sum(axis=1))
    count, of_size = int(seen.sum()), seen.sum(axis=0)
    shares: list[run.OfSize] = [
        {"size": int(tasks), "share": float(number / count)}
        for tasks, number in zip(size, of_size, strict=True)
        if number > 0
    ]
    return {"count": count, "mean_size": mean.to_dict(), "sizes": shares}


def _on_machines(traces: Sequence[Trace], windows_s: F8, stage: StageView) -> run.Housed:
    """How busy the machines of a stage are where others are on them; nothing of a stage without others."""
    stages = stage.plan.stages
    here = [StageView(stage.plan, one) for one in neighbours_of(stages, stage.index)]
    if len(here) == 1 or stages[stage.index]["home"] != stage.index:
        return {}
    theirs = [StageView(stage.plan, int(one)) for one in np.flatnonzero(stages["home"] == stage.index)]
    busy_ns = [sum(trace.window_busy_ns[one.replica_slice].sum(dtype=np.float64) for one in theirs) for trace in traces]
    offered_s = windows_s * sum(one.workers_in_all * one.replicas_in_all for one in here)
    used = ratio_interval(np.array(busy_ns) * S_PER_NS, offered_s)
    return {"machine_utilisation": used.within_0_and_1().to_dict()}


def company(traces: Sequence[Trace], windows_s: F8, stage: StageView) -> run.Housed:
    """What its own tasks take of the replicas that a stage shares with others; how busy machines are that it shares.

    Nothing where it shares none. ``windows_s``: (replications,) length of the window of each.
    """
    own = _on_machines(traces, windows_s, stage)
    if not has_company(stage.plan.stages, stage.index):
        return own
    here = stage.replica_slice
    busy_s = np.array([trace.window_busy_ns[here].sum(dtype=np.float64) for trace in traces]) * S_PER_NS
    offered_s = windows_s * stage.workers_in_all * stage.replicas_in_all
    own["own_utilisation"] = ratio_interval(busy_s, offered_s).within_0_and_1().to_dict()
    demand = own_demands(stage.plan)[stage.index]
    assert demand is not None, "it shares its replicas"
    own["own_demand"] = {"mean": demand[1], "max": demand[0]}
    return own
