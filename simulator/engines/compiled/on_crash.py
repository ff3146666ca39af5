"""A replica crashes; and later it is known what was lost, which is sent again.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import rules
from simulator.core.copying import replica_of_lost
from simulator.core.failures import MOST_SENDINGS, loses_queue
from simulator.core.heard import count_at
from simulator.core.jit import kernel, passage
from simulator.core.plan import I8, Rows
from simulator.core.work import REPLICA, THERE
from simulator.engines.compiled import records
from simulator.engines.compiled.copies import first_worker_of, free_copy, send
from simulator.engines.compiled.failing import known_down_of, lose, lose_batch
from simulator.engines.compiled.on_close import closed, is_never_here, is_waited_for
from simulator.engines.compiled.on_enqueue import start_soon
from simulator.engines.compiled.on_finish import free_worker
from simulator.engines.compiled.on_hedge import fill_copy
from simulator.engines.compiled.on_start import after, is_inside
from simulator.engines.compiled.queue import after_first
from simulator.engines.compiled.recorder import count_part, count_spared, keep_close, uncount_part
from simulator.engines.compiled.records import CLEANING, NO_TIME, RESENT, Awaited, Given, Kept
from simulator.engines.compiled.scaling import provide


@passage
def stop_counting(given: Given, kept: Kept, copies: Rows, awaited: Awaited, head: int, now: int) -> None:
    """What a batch would have taken its worker from now on, it does not."""
    run, at, finish_ns = given.run, copies[head]["replica"], awaited.bonds[head]["finish_ns"]
    release_ns = finish_ns + after(awaited, head)
    if is_inside(given, copies, head, release_ns):  # it would have been counted at its finish
        count_part(kept.counters, run, at, copies[head]["start_ns"], now)
    else:
        uncount_part(kept.counters, run, at, now, release_ns)


@kernel
def on_crash(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    ranks: Rows,
    awaited: Awaited,
    replicas: Rows,
    serving: I8,
    at: int,
    now: int,
) -> bool:
    """All that runs at a replica is lost, and what waits, too, if its stage says so.

    Returns whether int64 can tell when that is known.
    """
    stages, stage = given.stages, rules.NOTHING
    while stage + 1 < stages.shape[0] and stages[stage + 1]["first_replica"] <= at:
        stage += 1
    first = first_worker_of(given, stage, at)
    for place in range(first, first + stages[stage]["workers"]):
        head = serving[place]
        if 0 <= head < CLEANING:
            free_worker(replicas, serving, at, place)
            stop_counting(given, kept, copies, awaited, head, now)
            if not lose_batch(given, kept, clock, events, copies, awaited, head, now):
                return False
    if loses_queue(stages, stage):
        row = replicas[at]["head"]
        while row >= 0:
            following = after_first(stages, copies, ranks, row)
            if not lose(given, kept, clock, events, copies, awaited, row, rules.NOTHING, now):
                return False
            row = following
        replicas[at]["head"], replicas[at]["waiting"] = -1, 0
    start_soon(clock, events, replicas, at, now)
    return True


@passage
def first_of(bonds: Rows, row: int) -> int:
    """Who stands for the copies of a task."""
    while bonds[row]["is_first"] == 0:
        row = bonds[row]["other"]
    return row


@passage
def is_another_under_way(bonds: Rows, row: int) -> bool:
    """Whether there is another copy of a task that is not known to be lost."""
    found, other = False, bonds[row]["other"]
    while other != row:
        found = found or bonds[other]["is_lost"] == 0
        other = bonds[other]["other"]
    return found


@kernel
def resend(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    awaited: Awaited,
    outstanding: I8,
    fault: I8,
    wholes: I8,
    first: int,
    now: int,
) -> bool:
    """Send a lost task again, in the row of its first copy; whether int64 can tell when it is there."""
    stages, run, bonds = given.stages, given.run, awaited.bonds
    query, stage, shard = copies[first]["query"], copies[first]["stage"], copies[first]["shard"]
    number = bonds[first]["sent"]
    there, seen = wholes[records.SINGLE, THERE], wholes[records.SINGLE, REPLICA]
    down = known_down_of(given, awaited, stage, shard, now)
    provide(given, kept, stage, now)
    index, leaves_ns = replica_of_lost(
        stages,
        run,
        given.left,
        given.outages,
        down,
        outstanding,
        fault,
        stage,
        query,
        shard,
        number,
        now,
        there,
        seen,
    )
    bonds[first]["copy"], bonds[first]["sent"] = number, number + 1
    bonds[first]["called"] = bonds[first]["is_lost"] = 0
    replica = fill_copy(given, kept, clock, copies, awaited, outstanding, first, first, number, index)
    if query >= run[0]["first_measured"]:
        count_spared(kept, RESENT, NO_TIME, replica, rules.NOTHING)
    return send(given, clock, events, copies, first, leaves_ns + stages[stage]["request_ns"])


@kernel
def on_loss(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    awaited: Awaited,
    outstanding: I8,
    fault: I8,
    wholes: I8,
    row: int,
    now: int,
) -> int:
    """It is known that a copy is lost: its task is sent again, if it is needed and no other copy is under way.

    1 where its stage closes and goes on, since no further answer can come, 0 where not, -1 where int64 cannot tell
    what follows.
    """
    bonds, query, stage = awaited.bonds, copies[row]["query"], copies[row]["stage"]
    count_at(given.stages, outstanding, stage, copies[row]["counter"], -copies[row]["load"])
    clock[0]["stale"] += bonds[row]["called"]
    bonds[row]["called"] = 0
    if not is_waited_for(copies, awaited, row):
        free_copy(clock, copies, row)
        return 0
    first = first_of(bonds, row)
    is_alone = not is_another_under_way(bonds, row)
    if row != first:
        is_never_here(awaited, query, row)
        free_copy(clock, copies, row)
    elif not is_alone:
        bonds[row]["is_lost"] = 1
    if not is_alone:
        return 0
    if bonds[first]["sent"] < MOST_SENDINGS:
        is_known = resend(given, kept, clock, events, copies, awaited, outstanding, fault, wholes, first, now)
        return 0 if is_known else -1
    is_never_here(awaited, query, first)
    free_copy(clock, copies, first)
    if awaited.waits[query]["first"] >= 0:
        return 0
    keep_close(kept, stage, query, now, -1, -1, -1, -1, awaited.waits[query]["total_ns"])
    if not closed(given, kept, clock, events, copies, awaited, query, now):
        return -1
    return 0 if awaited.waits[query]["answers"] == 0 else 1
