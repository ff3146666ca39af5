"""Tasks that share the workers of their replica: who comes, is done or is withdrawn changes what all others gain.

Those that are there are a heap, by the level at which they are done (``core.sharing``). A replica has one event on the
list, its next finish, and another where that changes: the generation of its SHARE says which counts.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import copy_states, rules
from simulator.core.background import is_background
from simulator.core.jit import kernel, passage
from simulator.core.plan import I8, NEVER_NS, Rows
from simulator.core.service import service_ns
from simulator.core.sharing import UNITS, done_at, gained, is_beyond, rises_until_ns
from simulator.engines.compiled import records
from simulator.engines.compiled.copies import end_background, free_copy, key_of, step
from simulator.engines.compiled.events import at_replica, happen
from simulator.engines.compiled.queue import behind, leave_heap, melded
from simulator.engines.compiled.recorder import count_busy, count_spared, count_task
from simulator.engines.compiled.records import Awaited, Given, Kept

#: Events that a task which comes or is done may add, besides the answers of others that are done with it.
SPARE = 4


@passage
def count_served(counters: I8, run: Rows, replica: int, served: int, since_ns: int, now: int) -> None:
    """Add that so many workers were taken, as far as inside the window."""
    lasts_ns = min(now, run[0]["watched_until_ns"]) - max(since_ns, run[0]["window_begin_ns"])
    if lasts_ns > 0:
        taken_ns = served * lasts_ns if lasts_ns <= rules.MOST_NS // served else rules.MOST_NS
        counters[records.PARTLY, replica] = rules.add(counters[records.PARTLY, replica], taken_ns)


@passage
def catch_up(given: Given, kept: Kept, shares: Rows, replicas: Rows, at: int, stage: int, now: int) -> None:
    """Work out what those that are there have gained until now."""
    workers, tasks = given.stages[stage]["workers"], replicas[at]["waiting"]
    if tasks > 0:
        since_ns = shares[at]["since_ns"]
        shares[at]["level"] += gained(workers, tasks, now - since_ns)
        count_served(kept.counters, given.run, at, min(workers, tasks), since_ns, now)
    else:
        shares[at]["level"] = 0
    shares[at]["since_ns"] = now


@passage
def level_of(ranks: Rows, row: int) -> int:
    """The level at which a task is done."""
    return UNITS * int(ranks[row]["key"]) + ranks[row]["number"]  # type: ignore[no-any-return]


@passage
def finish_next(
    given: Given, clock: Rows, events: Rows, ranks: Rows, shares: Rows, replicas: Rows, at: int, stage: int, now: int
) -> bool:
    """See to the next finish at a replica, which has changed, or not; whether int64 can tell when."""
    run, end_ns, head = given.run, given.run[0]["end_ns"], replicas[at]["head"]
    due_ns = -1
    if head >= 0:
        units = level_of(ranks, head) - shares[at]["level"]
        due_ns = rises_until_ns(given.stages[stage]["workers"], replicas[at]["waiting"], units, now)
        if end_ns == NEVER_NS and due_ns >= NEVER_NS:
            return False
        if due_ns > end_ns:
            due_ns = -1
    if due_ns != shares[at]["due_ns"]:
        if shares[at]["due_ns"] >= 0:
            clock[0]["stale"] += 1
        shares[at]["generation"] += 1
        shares[at]["due_ns"] = due_ns
        if due_ns >= 0:
            key = at << run[0]["worker_bits"]
            happen(clock, events, due_ns, rules.FINISH, key, at_replica(at), shares[at]["generation"])
    return True


@kernel
def share(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    ranks: Rows,
    awaited: Awaited,
    replicas: Rows,
    row: int,
    now: int,
) -> bool:
    """An enqueued copy starts, with all that are there; whether int64 can tell when the next of them is done."""
    at, stage, shares = copies[row]["replica"], copies[row]["stage"], awaited.shares
    catch_up(given, kept, shares, replicas, at, stage, now)
    step(copies, kept, row, copy_states.STARTED)
    copies[row]["start_ns"], copies[row]["worker"] = now, -1
    if kept.table.shape[1] > 0:
        kept.table[records.T_START, copies[row]["table"]] = now
        kept.table[records.T_BATCH, copies[row]["table"]] = 1
    needs_ns = service_ns(copies[row]["alone_ns"], given.machine_factor[at], copies[row]["factor"])
    level = done_at(shares[at]["level"], needs_ns)
    if is_beyond(level, given.run[0]["end_ns"]):
        return False
    ranks[row]["level"] = shares[at]["level"]
    ranks[row]["key"], ranks[row]["number"] = float(level // UNITS), level % UNITS
    ranks[row]["child"] = ranks[row]["beside"] = ranks[row]["back"] = -1
    head = replicas[at]["head"]
    replicas[at]["head"] = row if head < 0 else melded(ranks, head, row)
    replicas[at]["waiting"] += 1
    clock[0]["margin"] = max(clock[0]["margin"], SPARE + replicas[at]["waiting"])
    return finish_next(given, clock, events, ranks, shares, replicas, at, stage, now)


@passage
def done(
    given: Given, kept: Kept, clock: Rows, events: Rows, copies: Rows, awaited: Awaited, at: int, row: int, now: int
) -> bool:
    """A copy is done: it is counted, and its answer leaves; whether int64 can tell when that is there."""
    end_ns = given.run[0]["end_ns"]
    if kept.table.shape[1] > 0:
        kept.table[records.T_FINISH, copies[row]["table"]] = now
        kept.table[records.T_RELEASE, copies[row]["table"]] = now
    busy_ns = service_ns(copies[row]["alone_ns"], given.machine_factor[at], copies[row]["factor"])
    if is_background(copies[row]["query"]):
        end_background(kept, given.run, clock, copies, row, busy_ns, now)
        return True
    step(copies, kept, row, copy_states.FINISHED)
    copies[row]["finish_ns"], copies[row]["queue"] = now, 0
    if awaited.bonds.shape[0] > 0:
        awaited.bonds[row]["busy_ns"] = busy_ns
    copies[row]["start_ns"] = now - busy_ns  # what it waits for others, and then its service: whenever that was
    if copies[row]["query"] >= given.run[0]["first_measured"]:
        count_task(kept.counters, records.ACROSS, at, busy_ns, now - busy_ns - copies[row]["enqueue_ns"])
    answer_ns = now + copies[row]["response_ns"]
    if answer_ns >= NEVER_NS:
        return end_ns != NEVER_NS  # type: ignore[no-any-return]
    if answer_ns <= end_ns:
        key = key_of(given, copies, awaited.bonds, row)
        happen(clock, events, answer_ns, rules.ANSWER, key, row, copies[row]["generation"])
    return True


@kernel
def on_done(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    ranks: Rows,
    awaited: Awaited,
    replicas: Rows,
    row: int,
    now: int,
) -> bool:
    """All that have gained what they need are done; in which order makes no difference.

    ``row``: of the event, which says the replica. Returns whether int64 can tell what follows.
    """
    at, shares = at_replica(row), awaited.shares
    head = replicas[at]["head"]
    stage = copies[head]["stage"]
    shares[at]["due_ns"] = -1
    catch_up(given, kept, shares, replicas, at, stage, now)
    while head >= 0 and level_of(ranks, head) <= shares[at]["level"]:
        replicas[at]["head"] = behind(ranks, head)
        replicas[at]["waiting"] -= 1
        if not done(given, kept, clock, events, copies, awaited, at, head, now):
            return False
        head = replicas[at]["head"]
    return finish_next(given, clock, events, ranks, shares, replicas, at, stage, now)


@kernel
def stop_sharing(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    ranks: Rows,
    awaited: Awaited,
    replicas: Rows,
    row: int,
    now: int,
) -> bool:
    """A copy that was withdrawn is there no more; whether int64 can tell when the next of the others is done."""
    at, stage, shares = copies[row]["replica"], copies[row]["stage"], awaited.shares
    catch_up(given, kept, shares, replicas, at, stage, now)
    leave_heap(ranks, replicas, at, row)
    replicas[at]["waiting"] -= 1
    if copies[row]["query"] >= given.run[0]["first_measured"]:
        busy_ns = (shares[at]["level"] - ranks[row]["level"]) // UNITS
        count_busy(kept.counters, records.ACROSS, at, busy_ns)
        count_spared(kept, records.STOPPED, records.STOPPED_NS, at, busy_ns)
    free_copy(clock, copies, row)
    return finish_next(given, clock, events, ranks, shares, replicas, at, stage, now)


@kernel
def share_until_end(given: Given, kept: Kept, shares: Rows, replicas: Rows) -> None:
    """Count how many workers are taken from the last change at each replica until a run is cut."""
    for stage in range(given.stages.shape[0]):
        if given.stages[stage]["sharing"] == 1:
            first = given.stages[stage]["first_replica"]
            for at in range(first, first + given.stages[stage]["shards"] * given.stages[stage]["replicas"]):
                catch_up(given, kept, shares, replicas, at, stage, given.run[0]["end_ns"])
