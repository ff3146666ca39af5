"""When all workers of a replica were taken: what a task waits after that, it waits for others of its batch."""

from typing import NamedTuple

import numpy as np

from simulator.core import hosted
from simulator.core.columns import Tasks
from simulator.core.plan import I8, NEVER_NS, Plan

#: What happens at one instant, in order: all workers are no longer taken, and then it is looked at.
FREE_AGAIN, LOOKED_AT = range(2)


class Services(NamedTuple):
    """What takes a worker, a batch once: arrays (batches,) in the order of replicas."""

    replica: I8
    start_ns: I8
    freed_ns: I8  #: NEVER_NS: the run is cut before


def services(plan: Plan, table: Tasks, owner: int) -> Services:
    """The batches at the replicas of a stage, of all stages that run there."""
    rows = np.flatnonzero((plan.stages["owner"][table.stage] == owner) & (table.start_ns >= 0))
    names = hosted.seats_of(plan.stages)[table.replica[rows]], table.worker[rows], table.start_ns[rows]
    order = np.lexsort(names[::-1])
    replica, worker, start_ns = (name[order] for name in names)
    rows = rows[order]
    is_first = np.ones(len(rows), dtype=bool)
    is_first[1:] = (np.diff(replica) != 0) | (np.diff(worker) != 0) | (np.diff(start_ns) != 0)
    begins = np.flatnonzero(is_first)
    if not len(begins):
        return Services(replica, start_ns, start_ns)
    finish_ns = np.maximum.reduceat(table.finish_ns[rows], begins)
    release_ns = np.maximum.reduceat(table.release_ns[rows], begins)
    gone_ns = table.withdrawn_ns[rows]
    stopped_ns = np.maximum.reduceat(np.where(gone_ns < 0, NEVER_NS, gone_ns), begins)  # with the last of its tasks
    answered_ns = np.where(release_ns < 0, NEVER_NS, release_ns)
    return Services(replica[begins], start_ns[begins], np.where(finish_ns < 0, stopped_ns, answered_ns))


def last_taken_ns(workers: int, taken: Services, replica: I8, now_ns: I8) -> I8:
    """(tasks,) until when all workers of a replica were taken last, at or before an instant; -1: they never were.

    ``replica``, ``now_ns``: (tasks,). Who is free at an instant is so before another starts.
    """
    count = len(taken.replica)
    instants = np.concatenate((taken.start_ns, taken.freed_ns))
    more = np.repeat([1, -1], count)
    order = np.lexsort((more, instants, np.tile(taken.replica, 2)))
    busy = np.cumsum(more[order])  # all are free again at the end, so the next replica begins at 0
    ends = order[(more[order] < 0) & (busy == workers - 1)]
    where = np.concatenate((np.tile(taken.replica, 2)[ends], replica))
    when = np.concatenate((instants[ends], now_ns))
    kind = np.repeat([FREE_AGAIN, LOOKED_AT], [len(ends), len(now_ns)])
    order = np.lexsort((kind, when, where))
    last = np.maximum.accumulate(np.where(kind[order] == FREE_AGAIN, np.arange(len(order)), -1))
    found = order[np.maximum(last, 0)]
    known = (last >= 0) & (where[found] == where[order]) & (kind[found] == FREE_AGAIN)
    result = np.full(len(order), -1)
    result[order] = np.where(known, when[found], -1)
    return result[len(ends) :]
