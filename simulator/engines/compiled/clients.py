"""What is found before a run, event by event or, where all stages do, looking ahead: when clients send, who is shed.

Of clients that wait, arrivals fill ``entering_ns``, which ``arrival_ns`` is a view of; the first that is not known
holds when somebody comes back next. Looking ahead, when a query is over is known when its last stage is passed. So
queries are taken one by one, in the order of time: that of who arrives, of who enters a later stage, and of who waits
for a merger.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import rules
from simulator.core.clients import begins_ns
from simulator.core.columns import COMPLETE, FAILED
from simulator.core.jit import kernel, passage
from simulator.core.plan import F8, I8, NEVER_NS, Rows
from simulator.core.work import CLOSES, ENTER, LANE, WHO
from simulator.engines.compiled.ahead import DONE, FAULT, FULL, OVERFLOW, PAUSED, has_room, leave_stage
from simulator.engines.compiled.attempts import (
    ADMITTED,
    BEYOND,
    TURNED_AWAY,
    all_over,
    closes,
    gives_up,
    is_sent,
    next_limit,
)
from simulator.engines.compiled.door import is_shed, land
from simulator.engines.compiled.events import L_ORDER, next_instant, put, take
from simulator.engines.compiled.passes import FAULTY, TOO_LATE, pass_block, prepare
from simulator.engines.compiled.processes import is_kept_back, tell
from simulator.engines.compiled.records import ANSWERS, CLOSING, LEAVE, LISTS, Given, Kept
from simulator.engines.compiled.thinking import come_back, look_out, take_thinker, the_list


@kernel
def begin(given: Given, kept: Kept) -> bool:
    """All clients are about to send their first queries; whether int64 can tell when."""
    for client in range(kept.thoughts.shape[0]):
        begin_ns = begins_ns(given.run, given.think_law, given.parts, given.points, client)
        if begin_ns >= NEVER_NS:
            return False
        put(kept.thinking, kept.comes, the_list(kept), begin_ns, client, rules.NOTHING)
    look_out(given, kept, rules.NOTHING)
    return True


@passage
def over(given: Given, kept: Kept, clock: Rows, query: int, now: int) -> bool:
    """A query that was admitted is over; whether int64 can tell when its client comes back."""
    land(kept, query, now)
    tell(kept, query, now, rules.NOTHING if kept.outcome[query] != FAILED else rules.ONE)
    if given.patience.shape[0] > 0:
        return closes(given, kept, clock, query, now)
    return come_back(given, kept, clock, query, now)


@kernel
def comes_in(given: Given, kept: Kept, clock: Rows, query: int, now: int) -> int:
    """Somebody sends this query, which is ADMITTED, or TURNED_AWAY, or BEYOND what int64 can tell."""
    if given.patience.shape[0] > 0:
        came = is_sent(given, kept, clock, query, now)
        if came != ADMITTED:
            return came
    elif given.think_law.shape[0] > 0:
        send_query(given, kept, query, now)
    if not is_kept_back(given, kept, query, now):
        if not is_shed(given, kept, query, now):
            return ADMITTED
        tell(kept, query, now, rules.ONE)
    if given.patience.shape[0] > 0:
        return TURNED_AWAY if closes(given, kept, clock, query, now) else BEYOND
    return TURNED_AWAY if come_back(given, kept, clock, query, now) else BEYOND


@kernel
def send_query(given: Given, kept: Kept, query: int, now: int) -> None:
    """Whoever has thought sends this query; of several at an instant, the first."""
    kept.client_of[query] = take_thinker(given, kept, now)
    look_out(given, kept, query + 1)


@passage
def first_of_all(given: Given, lists: Rows, heap: I8, at_ns: int) -> int:
    """Which list of a stage what happens before an instant is on: its ENTERING or CLOSING; 0: nothing is."""
    found = rules.NOTHING
    for which in range(1, LISTS * given.stages.shape[0]):
        if which % LISTS != ANSWERS and lists[which]["size"] > 0:
            instant = next_instant(lists, heap, which)
            if instant < at_ns:
                found, at_ns = which, instant
    return found


@passage
def leaves(
    given: Given, kept: Kept, clock: Rows, lists: Rows, heap: I8, free_ns: I8, stage: int, query: int, close_ns: int
) -> bool:
    """A query leaves a stage; whether int64 can tell what follows."""
    if not leave_stage(given, kept, clock, lists, heap, free_ns, stage, query, close_ns):
        return False
    is_over = stage + 1 == given.stages.shape[0] and kept.outcome[query] == COMPLETE
    return over(given, kept, clock, query, kept.instants[LEAVE, stage, query]) if is_over else True


@passage
def passes_stage(
    given: Given,
    kept: Kept,
    clock: Rows,
    lists: Rows,
    heap: I8,
    free_ns: I8,
    outstanding: I8,
    fault: I8,
    stage: int,
    reals: F8,
    wholes: I8,
) -> int:
    """The query in WHO goes through a stage that it enters at ENTER; returns DONE, FAULT or OVERFLOW."""
    prepare(given, kept, stage, rules.ONE, reals, wholes)
    pass_block(given, kept, clock, lists, heap, free_ns, outstanding, fault, stage, rules.ONE, reals, wholes)
    query, close_ns = wholes[WHO, 0], wholes[CLOSES, 0]
    if close_ns == FAULTY:
        return FAULT
    if close_ns == TOO_LATE:
        return OVERFLOW
    if given.stages[stage]["mergers"] > 0:
        column = (query << given.run[0]["shard_bits"]) | (given.stages[stage]["first_shard"] + wholes[LANE, 0])
        put(lists, heap, LISTS * stage + CLOSING, close_ns, column, query)
        return DONE
    return DONE if leaves(given, kept, clock, lists, heap, free_ns, stage, query, close_ns) else OVERFLOW


@kernel
def advance(
    given: Given,
    kept: Kept,
    clock: Rows,
    lists: Rows,
    heap: I8,
    free_ns: I8,
    outstanding: I8,
    fault: I8,
    reals: F8,
    wholes: I8,
    budget: int,
) -> int:
    """Find who comes, and is shed, looking ahead until all is known, ``budget`` is used up, or what else ends it."""
    finds = given.patience.shape[0] > 0
    while clock[0]["cursor"] < given.entering_ns.shape[0] or (finds and not all_over(given, kept)):
        if budget <= 0:
            return PAUSED
        cursor, limit_ns = clock[0]["cursor"], NEVER_NS
        comes_ns = given.entering_ns[cursor] if cursor < given.entering_ns.shape[0] else NEVER_NS
        if finds:
            limit_ns = next_limit(given, kept, cursor)
        which = first_of_all(given, lists, heap, min(comes_ns, limit_ns))
        if which == 0 and finds:
            if limit_ns == NEVER_NS and comes_ns == NEVER_NS:
                return DONE
            if limit_ns <= comes_ns:
                if not gives_up(given, kept, clock, cursor):
                    return OVERFLOW
                continue
        stage = which // LISTS
        if not has_room(given, lists, clock, stage):
            return FULL
        clock[0]["events"] += 1
        if which % LISTS == CLOSING:
            least = lists[which]["first"]
            close_ns, query = heap[least, 0], heap[least, L_ORDER] >> given.run[0]["shard_bits"]
            take(lists, heap, which)
            if not leaves(given, kept, clock, lists, heap, free_ns, stage, query, close_ns):
                return OVERFLOW
            continue
        if which == 0:
            query = clock[0]["cursor"]
            wholes[WHO, 0], wholes[ENTER, 0] = query, given.entering_ns[query]
            clock[0]["cursor"] = query + 1
            came = comes_in(given, kept, clock, query, wholes[ENTER, 0])
            if came == BEYOND:
                return OVERFLOW
            if came != ADMITTED:
                continue
        else:
            least = lists[which]["first"]
            wholes[WHO, 0], wholes[ENTER, 0] = heap[least, L_ORDER], heap[least, 0]
            take(lists, heap, which)
        budget -= given.stages[stage]["shards"]
        why = passes_stage(given, kept, clock, lists, heap, free_ns, outstanding, fault, stage, reals, wholes)
        if why != DONE:
            return why
    return DONE
