"""What a table of tasks shows of replicas whose tasks share their workers, held against the plan.

What each gains is worked out again, task by task, from who is there between two changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.core.background import is_background
from simulator.core.beside import alone_ns_of
from simulator.core.columns import Columns, in_all_threads
from simulator.core.plan import F8, I8, Plan
from simulator.core.service import service_ns, service_of
from simulator.core.sharing import UNITS
from simulator.core.violations import Rows, Violation, at

#: What changes at one instant, in order, besides that tasks are done: that is first.
GONE, THERE = range(2)


def is_shared(plan: Plan, tasks: Rows) -> NDArray[np.bool_]:
    """(tasks,) whether each shares the workers of its replica."""
    return np.asarray(plan.stages["sharing"][tasks.stage] == 1)


def replayed(plan: Plan, tasks: Rows, alone_ns: Sequence[F8 | None]) -> tuple[I8, I8]:
    """Of tasks that share: (tasks,) when each is done, by what it gains; and ns that it has gained when it is over.

    -1 where that is not before the end of the run, and of tasks that do not share. ``alone_ns``: (queries, shards,
    copies) time alone of the tasks of each stage.
    """
    done_ns, gained_ns = np.full((2, len(tasks.query)), -1)
    shared = is_shared(plan, tasks) & (tasks.enqueue_ns >= 0)
    for replica in np.unique(tasks.replica[shared]).tolist():
        here = np.flatnonzero(shared & (tasks.replica == replica))
        mine, stage = tasks.some(here), int(tasks.stage[here[0]])
        alone = alone_ns[stage]
        assert alone is not None, "it is known where tasks share"
        luck = plan.run_row(), plan.laws, plan.law_parts, plan.law_points
        slower = plan.machine_factor[min(replica, plan.replicas - 1)]  # else I24 is broken
        names = zip(mine.query.tolist(), mine.shard.tolist(), mine.copy.tolist(), strict=True)
        needs = [
            int(service_ns(besides, slower, 1.0))
            if is_background(name[0])
            else int(service_of(plan.stages, plan.sources, *luck, stage, *name, slower, alone[name]))
            for name, besides in zip(names, alone_ns_of(plan, mine).tolist(), strict=True)
        ]
        found = _at_replica(mine, needs, int(plan.stages[stage]["workers"]), plan.end_ns)
        done_ns[here], gained_ns[here] = found
    return done_ns, gained_ns


def _at_replica(tasks: Rows, needs: list[int], workers: int, end_ns: int) -> tuple[list[int], list[int]]:
    """The same of the tasks of one replica, which need so many ns alone."""
    changes = [(instant, THERE, task) for task, instant in enumerate(tasks.enqueue_ns.tolist())]
    changes += [(instant, GONE, task) for task, instant in enumerate(tasks.withdrawn_ns.tolist()) if instant >= 0]
    changes.sort(reverse=True)
    done, gained = [-1] * len(needs), [-1] * len(needs)
    lacks: dict[int, int] = {}  # in units
    now = 0
    while changes or lacks:
        served = min(len(lacks), workers)
        ends = now + -(-min(lacks.values()) * len(lacks) // (UNITS * served)) if lacks else None
        until = changes[-1][0] if ends is None or (changes and changes[-1][0] < ends) else ends
        if until > end_ns:
            break
        for task in lacks:
            lacks[task] -= UNITS * (until - now) * served // len(lacks)
        now = until
        if now == ends:
            for task in [task for task, lack in lacks.items() if lack <= 0]:
                done[task], gained[task] = now, needs[task]
                del lacks[task]
            continue
        _, kind, task = changes.pop()
        if kind == THERE:
            lacks[task] = UNITS * needs[task]
        elif task in lacks:
            gained[task] = (UNITS * needs[task] - lacks.pop(task)) // UNITS
    return done, gained


def lost_ns(plan: Plan, tasks: Rows, gained_ns: I8) -> I8:
    """(tasks,) of its time there, what others took of a finished task that shares; 0 of any other."""
    is_done = is_shared(plan, tasks) & (tasks.finish_ns >= 0)
    return np.where(is_done, tasks.finish_ns - tasks.start_ns - gained_ns, 0)


def sharing(plan: Plan, tasks: Rows, done_ns: I8) -> Iterator[Violation]:
    """Tasks that share start when they are there, and are done when they have gained what they need."""
    shared = is_shared(plan, tasks)
    wrong = shared & ((tasks.start_ns != tasks.enqueue_ns) | (tasks.finish_ns != done_ns))
    known = {"enqueue_ns": tasks.enqueue_ns, "start_ns": tasks.start_ns, "finish_ns": tasks.finish_ns}
    yield from at("I61", wrong, tasks.place, **known, done_ns=done_ns)


def taken_ns(plan: Plan, tasks: Rows, ends_ns: I8) -> I8:
    """(replicas,) how long workers are taken inside the window by started tasks that share, which end then."""
    inside_ns = np.zeros(plan.replicas, dtype=np.int64)
    shared = is_shared(plan, tasks) & (tasks.start_ns >= 0)
    for replica in np.unique(tasks.replica[shared]).tolist():
        here = np.flatnonzero(shared & (tasks.replica == replica))
        workers = int(plan.stages[int(tasks.stage[here[0]])]["workers"])
        edges = np.concatenate((tasks.start_ns[here], ends_ns[here]))
        edges = np.clip(edges, plan.window_begin_ns, max(plan.window_begin_ns, plan.watched_until_ns))
        more = np.repeat([1, -1], len(here))
        order = np.argsort(edges, kind="stable")
        there = np.cumsum(more[order])
        inside_ns[replica] = (np.clip(there, 0, workers)[:-1] * np.diff(edges[order])).sum()
    return inside_ns


def window(plan: Plan, trace: Columns, batches: Rows, ends_ns: I8, inside_ns: I8) -> Iterator[Violation]:
    """Each batch keeps a worker busy once, or as many as it takes, as far as it takes them inside the window.

    ``inside_ns``: (replicas,) what tasks that share take there.
    """
    there = batches.start_ns >= 0
    batches, ends_ns = batches.some(there), np.minimum(ends_ns[there], plan.watched_until_ns)
    served = ends_ns - np.maximum(batches.start_ns, plan.window_begin_ns)
    counted_ns = trace.window_busy_ns
    np.add.at(inside_ns, batches.replica, np.maximum(served, 0))
    inside_ns = in_all_threads(plan, inside_ns)
    place = {"replica": np.arange(plan.replicas)}
    yield from at("I44", counted_ns != inside_ns, place, counted=counted_ns, of_its_tasks=inside_ns)
