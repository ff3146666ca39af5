"""Who is late: tasks that are dropped when they would start, for they could not be answered in time.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core.background import is_background
from simulator.core.batching import fits, is_batched
from simulator.core.classes import is_dropped
from simulator.core.jit import kernel, passage
from simulator.core.plan import Rows
from simulator.engines.compiled.queue import leave
from simulator.engines.compiled.records import Awaited, Given, Kept
from simulator.engines.compiled.refusal import refuse


@passage
def is_late(given: Given, copies: Rows, row: int, now: int) -> bool:
    """Whether a copy that would start now is dropped."""
    query = copies[row]["query"]
    return not is_background(query) and is_dropped(given.classes, given.class_of, given.arrival_ns, query, now)


@kernel
def drop_late(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    ranks: Rows,
    awaited: Awaited,
    replicas: Rows,
    at: int,
    now: int,
) -> bool:
    """A free worker drops whoever is late of those that it would take; whether int64 can tell what follows.

    That is the first in the queue, again and again; and where batches are made all that would be of one.
    """
    row = replicas[at]["head"]
    while row >= 0 and is_late(given, copies, row, now):
        leave(given.stages, copies, ranks, awaited.bonds, replicas, at, row)
        if not refuse(given, kept, clock, events, copies, awaited, row, now):
            return False
        row = replicas[at]["head"]
    if row < 0 or not is_batched(given.stages, copies[row]["stage"]):
        return True
    stage, fitting, items = copies[row]["stage"], 0, 0.0
    while row >= 0:
        behind = copies[row]["next"]
        if given.modes[stage]["is_mixed"] == 0 or copies[row]["stage"] == stage:
            if not fits(given.stages, stage, fitting, items, copies[row]["items"]):
                return True
            if is_late(given, copies, row, now):
                leave(given.stages, copies, ranks, awaited.bonds, replicas, at, row)
                if not refuse(given, kept, clock, events, copies, awaited, row, now):
                    return False
            else:
                fitting += 1
                items += copies[row]["items"]
        row = behind
    return True
