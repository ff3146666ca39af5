"""Copies that are refused, at a full queue or since they are late; and until when a query is of use.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import copy_states, rules
from simulator.core.background import is_background
from simulator.core.batching import fits, is_batched
from simulator.core.classes import is_dropped, patience_ns
from simulator.core.jit import formula, kernel, passage
from simulator.core.limits import refusal_ns
from simulator.core.plan import NEVER_NS, Rows
from simulator.engines.compiled.copies import key_of, step
from simulator.engines.compiled.events import happen
from simulator.engines.compiled.queue import leave
from simulator.engines.compiled.recorder import count_spared
from simulator.engines.compiled.records import NO_TIME, REFUSED, T_WITHDRAWN, Awaited, Given, Kept


@formula
def useful_until_ns(given: Given, query: int) -> int:
    """Until when a query is of use: its client gives up then, or it is late."""
    return given.arrival_ns[query] + patience_ns(given.run, given.classes, given.class_of, query)  # type: ignore[no-any-return]


@kernel
def refuse(
    given: Given, kept: Kept, clock: Rows, events: Rows, copies: Rows, awaited: Awaited, row: int, now: int
) -> bool:
    """A copy is refused: word of it leaves; whether int64 can tell when it is there."""
    at, end_ns = copies[row]["replica"], given.run[0]["end_ns"]
    step(copies, kept, row, copy_states.REFUSAL)
    if kept.table.shape[1] > 0:
        kept.table[T_WITHDRAWN, copies[row]["table"]] = now
    if copies[row]["query"] >= given.run[0]["first_measured"]:
        count_spared(kept, REFUSED, NO_TIME, at, rules.NOTHING)
    told_ns = now + refusal_ns(copies[row]["response_ns"])
    if told_ns >= NEVER_NS:
        return end_ns != NEVER_NS  # type: ignore[no-any-return]
    if told_ns <= end_ns:
        key = key_of(given, copies, awaited.bonds, row)
        happen(clock, events, told_ns, rules.ANSWER, key, row, copies[row]["generation"])
    return True


@passage
def is_too_late(given: Given, copies: Rows, row: int, now: int) -> bool:
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
    while row >= 0 and is_too_late(given, copies, row, now):
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
            if is_too_late(given, copies, row, now):
                leave(given.stages, copies, ranks, awaited.bonds, replicas, at, row)
                if not refuse(given, kept, clock, events, copies, awaited, row, now):
                    return False
            else:
                fitting += 1
                items += copies[row]["items"]
        row = behind
    return True
