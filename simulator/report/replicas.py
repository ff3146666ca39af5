"""Every replica of a run, as a CSV for other programs: how busy it was, what it did, how long it was out."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from simulator.core.outages import takes_out
from simulator.core.plan import I8, Plan
from simulator.core.stage_view import StageView, stage_views
from simulator.core.trace import Trace
from simulator.planner.plans import Plans
from simulator.report.queries import opened, seconds
from simulator.scenario import Scenario, Stage
from simulator.scenario.machines import machine_of
from simulator.stats import scaled

#: Counters of a replica that are written as they are, and those that are times.
COUNTS = ("tasks", "late", "stopped", "withdrawn", "refused", "hedged", "lost", "resent", "background")
TIMES = ("waiting", "longest_wait", "busy", "wasted", "after", "down", "background")
COLUMNS = (
    *("replication", "stage", "shard", "replica", "machine", "machine_factor", "utilisation", "serves_s", "out_s"),
    *COUNTS,
    *(f"{name}_s" for name in TIMES),
)


def write_replicas_csv(traces: dict[int, Trace], scenario: Scenario, compress: bool, file: Path) -> None:
    """Write a row a replica that takes tasks and replication: in order of replication, stage, shard and replica.

    ``utilisation`` is of the window, as elsewhere (of its part in which an autoscaler has the replica serve), and empty
    where that is 0 long; ``serves_s`` is how long tasks are sent to it inside the window, all of it where no autoscaler
    says otherwise; ``out_s`` is how long planned outages of the replica last inside it, ``down_s`` how long it had
    crashed there. Counts and other sums of times are of measured queries, but for ``background``: of its own tasks
    inside the window. Seconds are exact decimals of nanoseconds, ``machine`` a number within the stage.
    """
    plans = Plans.of(scenario)
    with opened(file, compress) as text:
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(COLUMNS)
        for number in sorted(traces):
            plan = plans.outline(number)
            for stage, view in zip(scenario.stages, stage_views(plan), strict=True):
                rows.writerows(_rows(number, traces[number], stage, view))


def _rows(number: int, trace: Trace, stage: Stage, view: StageView) -> Iterator[tuple[Any, ...]]:
    window_ns, here = trace.window_end_ns - trace.window_begin_ns, view.replica_slice
    offered_ns = window_ns * view.workers_in_all
    busy_ns = scaled.busy_ns(trace, view) if view.is_scaled else trace.window_busy_ns[here]
    used = busy_ns / offered_ns if offered_ns > 0 else None
    serves_ns = np.full(len(busy_ns), window_ns, dtype=np.int64)
    if scaled.is_scaled(trace, view):
        serves_ns = scaled.served_ns(trace, view).astype(np.int64)
    serves = seconds(serves_ns)
    counts = [getattr(trace, name)[here].tolist() for name in COUNTS]
    times = [seconds(getattr(trace, f"{name}_ns")[here]) for name in TIMES]
    outages = seconds(_out_ns(view.plan, view, window_ns))
    factors = view.machine_factor.ravel().tolist()
    for place in np.flatnonzero(view.is_left.ravel()).tolist():
        shard, replica = divmod(place, view.replicas)
        yield (
            *(number, stage.name, shard, replica, machine_of(stage, shard, replica), factors[place]),
            "" if used is None else float(used[place]),
            serves[place],
            outages[place],
            *(column[place] for column in (*counts, *times)),
        )


def _out_ns(plan: Plan, view: StageView, window_ns: int) -> I8:
    """(shards x replicas,) how long outages last, of each replica, inside a window of that length."""
    out = np.zeros((view.shards, view.replicas), dtype=np.int64)
    first = int(plan.stages[view.index]["first_outage"])
    mine = range(first, first + int(plan.stages[view.index]["outages"]))
    if not mine:
        return out.ravel()
    for shard, replica in np.ndindex(out.shape):
        until = 0  # outages stand in the order of their begin
        for one in mine:
            if takes_out(plan.outages, one, shard, replica):
                begin, end = int(plan.outages[one]["from_ns"]), int(plan.outages[one]["until_ns"])
                out[shard, replica] += max(0, min(end, window_ns) - max(begin, until))
                until = max(until, end)
    return out.ravel()
