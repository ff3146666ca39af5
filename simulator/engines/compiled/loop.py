"""The loop of all other stages: event after event, on one event list.

No stage depends on a later one: queries enter the first of these when they left the last that looked ahead.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import copy_states, rules
from simulator.core.calling import IS
from simulator.core.gathering import awaits_copies
from simulator.core.heard import count_at
from simulator.core.hedging import at_once
from simulator.core.jit import kernel, passage
from simulator.core.plan import F8, I8, KEY_BITS, NEVER_NS, Rows
from simulator.engines.compiled import records
from simulator.engines.compiled.ahead import DONE, FAULT, FULL, OVERFLOW, PAUSED, merged
from simulator.engines.compiled.attempts import ADMITTED, BEYOND, NOBODY, all_over, gives_up, next_limit
from simulator.engines.compiled.caches import keep_answer
from simulator.engines.compiled.clients import comes_in
from simulator.engines.compiled.events import compact, is_stale, pop
from simulator.engines.compiled.on_answer import answered, on_answer
from simulator.engines.compiled.on_background import on_background
from simulator.engines.compiled.on_close import on_refusal, on_timeout, take_answer
from simulator.engines.compiled.on_crash import on_crash, on_loss
from simulator.engines.compiled.on_dispatch import go_on, on_dispatch
from simulator.engines.compiled.on_enqueue import on_enqueue
from simulator.engines.compiled.on_finish import on_finish, on_release
from simulator.engines.compiled.on_hedge import on_hedge
from simulator.engines.compiled.on_start import on_start
from simulator.engines.compiled.on_withdraw import on_untie, on_withdraw
from simulator.engines.compiled.records import Awaited, Given, Kept
from simulator.engines.compiled.scaling import GO_ON, keep_pace

#: What came of taking the next event, besides the reasons for coming back: it is taken, or only the list was tidied.
TAKEN, AGAIN = 10, 11


@passage
def leave_stage(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    free_ns: I8,
    stage: int,
    query: int,
    answers: int,
    close_ns: int,
) -> bool:
    """Merge so many answers, and go on to the next stage or be complete, if that is before the cut.

    Returns whether int64 could tell when.
    """
    end_ns = given.run[0]["end_ns"]
    first_merger = given.modes[stage]["first_merger"]
    done_ns = merged(given.stages, stage, answers, first_merger, free_ns, close_ns)
    if done_ns >= NEVER_NS:
        return end_ns != NEVER_NS  # type: ignore[no-any-return]
    if done_ns > end_ns:
        return True
    keep_answer(given, kept, stage, query, done_ns)
    return go_on(given, kept, clock, events, stage, query, done_ns)


@kernel
def give_way(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    awaited: Awaited,
    free_ns: I8,
    outstanding: I8,
    fault: I8,
    wholes: I8,
    row: int,
    now: int,
) -> bool:
    """A refusal is there, or word of a loss, and may close its stage; whether int64 can tell what follows."""
    query, stage = copies[row]["query"], copies[row]["stage"]
    closes = 0
    if copies[row]["state"] == copy_states.LOST:
        closes = on_loss(given, kept, clock, events, copies, awaited, outstanding, fault, wholes, row, now)
    else:
        count_at(given.stages, outstanding, stage, copies[row]["counter"], -copies[row]["load"])
        closes = on_refusal(given, kept, clock, events, copies, awaited, row, now)
    if closes < 1:
        return closes == 0
    return leave_stage(given, kept, clock, events, free_ns, stage, query, awaited.waits[query]["answers"], now)


@passage
def gather(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    gathers: Rows,
    awaited: Awaited,
    free_ns: I8,
    outstanding: I8,
    fault: I8,
    wholes: I8,
    row: int,
    now: int,
) -> bool:
    """An answer is there, a refusal or word of a loss, and may close its stage; whether int64 can tell what follows."""
    if copies[row]["state"] != copy_states.ANSWERING:
        return give_way(given, kept, clock, events, copies, awaited, free_ns, outstanding, fault, wholes, row, now)
    answered(given, kept, copies, outstanding, row, now)
    query, stage = copies[row]["query"], copies[row]["stage"]
    answers = given.modes[stage]["answers"]
    if awaits_copies(given.stages, stage):
        closes = take_answer(given, kept, clock, events, copies, awaited, row, now)
        answers = awaited.waits[query]["answers"]
    else:
        closes = 1 if on_answer(given, kept, clock, copies, gathers, row, now) else 0
    if closes < 1:
        return closes == 0
    return leave_stage(given, kept, clock, events, free_ns, stage, query, answers, now)


@kernel
def give_up(
    given: Given, kept: Kept, clock: Rows, events: Rows, copies: Rows, awaited: Awaited, free_ns: I8, key: int, now: int
) -> bool:
    """A stage waits no longer, if it still waits; whether int64 can tell what follows."""
    stage_bits = given.run[0]["stage_bits"]
    query, stage = key >> stage_bits, key & ((1 << stage_bits) - 1)
    closes = on_timeout(given, kept, clock, events, copies, awaited, key, now)
    if closes < 1:
        return closes == 0
    return leave_stage(given, kept, clock, events, free_ns, stage, query, awaited.waits[query]["answers"], now)


@passage
def give_up_first(given: Given, kept: Kept, clock: Rows, events: Rows) -> int:
    """While attempts are found: AGAIN, where a client gives up before all else; DONE, where all are; else TAKEN."""
    cursor, size, stage_bits = clock[0]["cursor"], clock[0]["size"], given.run[0]["stage_bits"]
    comes_ns = given.entering_ns[cursor] if cursor < given.entering.shape[0] else NEVER_NS
    limit_ns, order = next_limit(given, kept, cursor), rules.event_order(rules.DISPATCH, cursor << stage_bits)
    is_paced = clock[0]["pause_ns"] < NEVER_NS
    if (all_over(given, kept) and not is_paced) or (size == 0 and min(comes_ns, limit_ns) == NEVER_NS):
        return DONE
    is_next = limit_ns < NEVER_NS and limit_ns <= comes_ns
    if is_next and (
        size == 0
        or limit_ns < events[0]["instant"]
        or (limit_ns == events[0]["instant"] and order < events[0]["order"])
    ):
        return AGAIN if gives_up(given, kept, clock, cursor) else OVERFLOW
    return TAKEN


@passage
def take_next(given: Given, kept: Kept, clock: Rows, events: Rows, copies: Rows, shares: Rows) -> int:
    """Take the next event, whose instant, order and row then stand in the Clock; returns TAKEN, AGAIN, or why not.

    Queries that enter the first stage of the loop wait in a row of their own; while arrivals, or who is shed, are
    found, until the last of them is there. Nothing is taken without room for what follows.
    """
    stage_bits = given.run[0]["stage_bits"]
    if clock[0]["is_gap"] == 1:
        pop(clock, events)
    pace, is_paced = keep_pace(given, kept, clock, events), clock[0]["pause_ns"] < NEVER_NS
    if pace != GO_ON:
        return pace
    cursor, size = clock[0]["cursor"], clock[0]["size"]
    arrives = cursor < given.entering.shape[0]
    if given.patience.shape[0] > 0:
        why = give_up_first(given, kept, clock, events)
        if why != TAKEN:
            return why
        arrives = arrives and given.entering_ns[cursor] < NEVER_NS
    elif not arrives and (size == 0 or (given.think_law.shape[0] + given.door.shape[0] > 0 and not is_paced)):
        return DONE
    if clock[0]["stale"] > size - clock[0]["stale"]:
        compact(clock, events, copies, shares)
        return AGAIN
    clock[0]["short"] = records.OF_EVENTS
    if events.shape[0] - size < clock[0]["margin"]:
        return FULL
    now, order, row, sends, came = 0, 0, 0, rules.NOTHING, ADMITTED
    if arrives:
        now = given.entering_ns[cursor]
        order = rules.event_order(rules.DISPATCH, (given.entering[cursor] << stage_bits) | clock[0]["ahead"])
        arrives = (
            size == 0 or now < events[0]["instant"] or (now == events[0]["instant"] and order < events[0]["order"])
        )
    if not arrives:
        if clock[0]["stale"] > 0 and is_stale(events, copies, shares, rules.NOTHING):
            clock[0]["stale"] -= 1
            pop(clock, events)
            return AGAIN
        now, order, row = events[0]["instant"], events[0]["order"], events[0]["row"]
    stage, kind = (order & ((1 << KEY_BITS) - 1)) & ((1 << stage_bits) - 1), order >> KEY_BITS
    if kind in (rules.DISPATCH, rules.HEDGE):
        sends = at_once(given.stages, stage)
    elif kind == rules.BACKGROUND or (kind == rules.ANSWER and copies[row]["state"] == copy_states.LOST):
        sends = rules.ONE  # what is lost may be sent again
    if kind in (rules.DISPATCH, rules.HEDGE, rules.BACKGROUND) and clock[0]["unused_count"] < sends:
        clock[0]["short"] = records.OF_COPIES
        return FULL
    if clock[0]["rows"] - clock[0]["copies"] < sends:
        clock[0]["short"] = records.OF_TABLE
        return FULL
    if arrives:
        clock[0]["cursor"] += 1
        if given.patience.shape[0] + given.think_law.shape[0] + given.door.shape[0] > 0:
            came = comes_in(given, kept, clock, cursor, now)
            if came == NOBODY:
                return AGAIN
    else:
        clock[0]["is_gap"] = 1
    assert now > clock[0]["now"] or order > clock[0]["order"], "an event creates only later events"
    clock[0]["now"], clock[0]["order"], clock[0]["row"] = now, order, row
    clock[0]["events"] += 1
    if came == BEYOND:
        return OVERFLOW
    return TAKEN if came == ADMITTED else AGAIN


@kernel
def advance(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    ranks: Rows,
    replicas: Rows,
    serving: I8,
    gathers: Rows,
    awaited: Awaited,
    free_ns: I8,
    outstanding: I8,
    fault: I8,
    reals: F8,
    wholes: I8,
    budget: int,
) -> int:
    """Let events happen until ``budget`` tasks or events are through, or what else ends it; returns which."""
    while budget > 0:
        why = take_next(given, kept, clock, events, copies, awaited.shares)
        if why == AGAIN:
            continue
        if why != TAKEN:
            return why
        now, order, row = clock[0]["now"], clock[0]["order"], clock[0]["row"]
        budget, is_in_time, kind, key = budget - 1, True, order >> KEY_BITS, order & ((1 << KEY_BITS) - 1)
        if kind == rules.DISPATCH:
            budget -= given.stages[key & ((1 << given.run[0]["stage_bits"]) - 1)]["shards"]
            is_in_time = on_dispatch(
                given, kept, clock, events, copies, gathers, awaited, outstanding, fault, reals, wholes, key, now
            )
        elif kind == rules.ENQUEUE:
            is_in_time = on_enqueue(given, kept, clock, events, copies, ranks, awaited, replicas, row, now)
        elif kind == rules.START:
            is_in_time = on_start(given, kept, clock, events, copies, ranks, awaited, replicas, serving, row, now)
        elif kind == rules.FINISH:
            is_in_time = on_finish(given, kept, clock, events, copies, ranks, awaited, replicas, serving, row, now)
        elif kind == rules.ANSWER:
            is_in_time = gather(
                given, kept, clock, events, copies, gathers, awaited, free_ns, outstanding, fault, wholes, row, now
            )
        elif kind == rules.CRASH:
            is_in_time = on_crash(given, kept, clock, events, copies, ranks, awaited, replicas, serving, row, now)
        elif kind == rules.TIMEOUT:
            is_in_time = give_up(given, kept, clock, events, copies, awaited, free_ns, key, now)
        elif kind == rules.RELEASE:
            on_release(given, clock, events, replicas, serving, row, key, now)
        elif kind == rules.HEDGE:
            is_in_time = on_hedge(given, kept, clock, events, copies, awaited, outstanding, fault, wholes, key, now)
        elif kind == rules.BACKGROUND:
            is_in_time = on_background(given, kept, clock, events, copies, ranks, awaited, replicas, key, now)
        elif kind == rules.UNTIE:
            on_untie(given, kept, clock, events, copies, ranks, awaited, replicas, outstanding, row, now)
        else:
            is_in_time = on_withdraw(
                given, kept, clock, events, copies, ranks, awaited, replicas, serving, outstanding, row, now
            )
        if fault[IS] != 0 or not is_in_time:
            return FAULT if fault[IS] != 0 else OVERFLOW
    return PAUSED
