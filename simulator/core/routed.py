"""What a table of tasks shows of whom they were sent to, held against the plan."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from simulator.core import rules
from simulator.core.followed import Been, held_there
from simulator.core.lost import Downs
from simulator.core.outages import back_ns, find_there, may_hold
from simulator.core.plan import I8, Plan
from simulator.core.scaling import left_at
from simulator.core.violations import Rows, Violation, at


def routing(plan: Plan, tasks: Rows, stage: int) -> Iterator[Violation]:
    """A task goes to a replica of its shard that is there; by query, to the same index in all shards."""
    row = plan.stages[stage]
    index = tasks.replica - (row["first_replica"] + tasks.shard * row["replicas"])
    there = plan.left[row["first_shard"] + tasks.shard]
    yield from at("I24", (index < 0) | (index >= there), tasks.place, index=index, replicas=there)
    yield from _there(plan, tasks, stage, index)
    if row["by_query"]:
        tasks, index = tasks.some(tasks.copy == 0), index[tasks.copy == 0]  # what is sent again goes anywhere
        first = np.zeros(plan.queries, dtype=np.int64)
        first[tasks.query[::-1]] = index[::-1]
        expected = first[tasks.query]
        yield from at("I25", index != expected, tasks.place, index=index, of_the_first_shard=expected)


def holds(
    plan: Plan,
    stage: int,
    queries: I8,
    shards: I8,
    dispatched_ns: I8,
    which: NDArray[np.bool_],
    is_again: NDArray[np.bool_],
    found: Been,
) -> I8:
    """(tasks,) how long tasks wait with their sender, of these shards, sent then; 0 but of ``which``.

    ``is_again``: (tasks,) which of them are sent again.
    """
    row, held = plan.stages[stage], np.zeros(len(shards), dtype=np.int64)
    there = np.empty(int(row["replicas"]), dtype=np.int64)
    downs = Downs(plan, stage)
    for task in np.flatnonzero(which & bool(may_hold(plan.stages, stage))):
        shard, now = int(shards[task]), int(dispatched_ns[task])
        if stage in found:
            held[task] = held_there(plan, stage, int(queries[task]), shard, now, found)
            continue
        left = left_at(plan, stage, shard, now)
        whole = rules.ANY if row["by_query"] and not is_again[task] else shard
        held[task] = find_there(plan.stages, plan.outages, stage, whole, left, now, there, downs.known(now))[1] - now
    return held


def _there(plan: Plan, tasks: Rows, stage: int, index: I8) -> Iterator[Violation]:
    """Of the tasks of a stage, whose replicas have this ``index``: who is sent when another is there, goes to that."""
    if not may_hold(plan.stages, stage):
        return
    downs = Downs(plan, stage)
    row, known = plan.stages[stage], (index >= 0) & (tasks.sent_ns >= 0)  # else I24 or I54 is broken
    back = np.zeros(len(index), dtype=np.int64)
    for task in np.flatnonzero(known):
        shard = rules.ANY if row["by_query"] and tasks.copy[task] == 0 else int(tasks.shard[task])
        now = int(tasks.sent_ns[task])
        whose = stage, shard, int(index[task]), now
        back[task] = back_ns(plan.stages, plan.outages, *whose, downs.known(now)) - now
    yield from at("I59", known & (back != tasks.held_ns), tasks.place, back_in_ns=back, held_ns=tasks.held_ns)
