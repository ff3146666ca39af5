"""A replica is told that nobody needs a task any more.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import copy_states, rules
from simulator.core.batching import part_of
from simulator.core.heard import withdrawn
from simulator.core.jit import kernel, passage
from simulator.core.plan import CANCEL_RUNNING, I8, Rows
from simulator.core.sharing import shares
from simulator.engines.compiled import records
from simulator.engines.compiled.copies import first_worker_of, free_copy, step
from simulator.engines.compiled.on_close import is_never_here, is_waited_for
from simulator.engines.compiled.on_enqueue import start_soon
from simulator.engines.compiled.on_finish import free_worker
from simulator.engines.compiled.on_share import stop_sharing
from simulator.engines.compiled.on_start import after, is_inside
from simulator.engines.compiled.queue import leave
from simulator.engines.compiled.recorder import count_busy, count_part, count_spared, uncount_part
from simulator.engines.compiled.records import Awaited, Given, Kept


@passage
def stop(
    given: Given,
    kept: Kept,
    clock: Rows,
    copies: Rows,
    awaited: Awaited,
    replicas: Rows,
    serving: I8,
    head: int,
    now: int,
) -> None:
    """Nobody needs any task of a batch that is served: its worker is free at once, since no answer leaves."""
    run, at, seat, stage = given.run, copies[head]["replica"], copies[head]["seat"], copies[head]["stage"]
    free_worker(replicas, serving, seat, first_worker_of(given, stage, seat) + copies[head]["worker"])
    start_ns, finish_ns = copies[head]["start_ns"], awaited.bonds[head]["finish_ns"]
    release_ns = finish_ns + after(awaited, head)
    if is_inside(given, copies, head, release_ns):  # it would have been counted at its finish
        count_part(kept.counters, run, at, start_ns, now)
    else:
        uncount_part(kept.counters, run, at, now, release_ns)
    if finish_ns <= run[0]["end_ns"]:
        clock[0]["stale"] += 1
    count, row = 0, head
    while row >= 0:
        count += 1
        row = copies[row]["next"]
    row = head
    while row >= 0:
        behind = copies[row]["next"]
        if copies[row]["query"] >= run[0]["first_measured"]:
            busy_ns = part_of(now - start_ns, count, row == head)
            count_busy(kept.counters, records.ACROSS, at, busy_ns)
            count_spared(kept, records.STOPPED, records.STOPPED_NS, at, busy_ns)
        free_copy(clock, copies, row)
        row = behind


@passage
def withdraw(given: Given, copies: Rows, kept: Kept, outstanding: I8, row: int, now: int) -> None:
    """A copy is withdrawn."""
    stages, stage, counter, load = given.stages, copies[row]["stage"], copies[row]["counter"], copies[row]["load"]
    enqueue_ns = -1 if copies[row]["state"] == copy_states.SENT else copies[row]["enqueue_ns"]
    step(copies, kept, row, copy_states.WITHDRAWAL)
    withdrawn(stages, outstanding, stage, counter, load, enqueue_ns, now)
    if kept.table.shape[1] > 0:
        kept.table[records.T_WITHDRAWN, copies[row]["table"]] = now


@passage
def never_start(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    ranks: Rows,
    awaited: Awaited,
    replicas: Rows,
    outstanding: I8,
    row: int,
    now: int,
) -> bool:
    """A task that has not started never does, and its row is given back; whether it had not."""
    at, state = copies[row]["seat"], copies[row]["state"]
    if state != copy_states.SENT and state != copy_states.QUEUED:
        return False
    if state == copy_states.QUEUED:
        leave(given.stages, copies, ranks, awaited.bonds, replicas, at, row)
        if given.modes[copies[row]["stage"]]["is_mixed"] == 1:
            start_soon(clock, events, replicas, at, now)  # another stage's task may be the first now
    elif copies[row]["enqueue_ns"] <= given.run[0]["end_ns"]:
        clock[0]["stale"] += 1
    withdraw(given, copies, kept, outstanding, row, now)
    if copies[row]["query"] >= given.run[0]["first_measured"]:
        count_spared(kept, records.WITHDRAWN, records.NO_TIME, copies[row]["replica"], rules.NOTHING)
    clock[0]["stale"] += awaited.bonds[row]["called"]
    free_copy(clock, copies, row)
    return True


@kernel
def on_withdraw(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    ranks: Rows,
    awaited: Awaited,
    replicas: Rows,
    serving: I8,
    outstanding: I8,
    row: int,
    now: int,
) -> bool:
    """A task that has not started never does; one that runs is stopped with the last of its batch, if it is to be.

    Returns whether int64 can tell what follows.
    """
    stages, bonds, state = given.stages, awaited.bonds, copies[row]["state"]
    at, stage = copies[row]["seat"], copies[row]["stage"]
    bonds[row]["called"] -= 1
    if state == copy_states.RUNNING:
        if stages[stage]["cancels"] != CANCEL_RUNNING:
            return True
        withdraw(given, copies, kept, outstanding, row, now)
        if shares(stages, stage):
            return stop_sharing(given, kept, clock, events, copies, ranks, awaited, replicas, row, now)
        head = serving[first_worker_of(given, stage, at) + copies[row]["worker"]]
        bonds[head]["needed"] -= 1
        if bonds[head]["needed"] == 0:
            stop(given, kept, clock, copies, awaited, replicas, serving, head, now)
            start_soon(clock, events, replicas, at, now)
    else:
        never_start(given, kept, clock, events, copies, ranks, awaited, replicas, outstanding, row, now)
    return True


@kernel
def on_untie(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    ranks: Rows,
    awaited: Awaited,
    replicas: Rows,
    outstanding: I8,
    row: int,
    now: int,
) -> None:
    """Another copy of its task has started: this one, if it has not, never does."""
    bonds, query = awaited.bonds, copies[row]["query"]
    bonds[row]["called"] -= 1
    if never_start(given, kept, clock, events, copies, ranks, awaited, replicas, outstanding, row, now) and (
        is_waited_for(copies, awaited, row)
    ):
        is_never_here(awaited, query, row)
