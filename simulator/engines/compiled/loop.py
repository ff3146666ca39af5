"""The loop of all other plans: event after event, on one event list; stages that may look ahead do so here, too.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import rules
from simulator.core.calling import IS
from simulator.core.columns import COMPLETE
from simulator.core.jit import formula, kernel
from simulator.core.plan import F8, I8, KEY_BITS, NEVER_NS, Rows
from simulator.core.work import CLOSES, ENTER, LANE, WHO
from simulator.engines.compiled import records
from simulator.engines.compiled.ahead import DONE, FAULT, FULL, OVERFLOW, PAUSED, merged
from simulator.engines.compiled.events import compact, happen, is_stale, pop
from simulator.engines.compiled.on_answer import on_answer
from simulator.engines.compiled.on_dispatch import on_dispatch
from simulator.engines.compiled.on_enqueue import on_enqueue
from simulator.engines.compiled.on_finish import on_finish
from simulator.engines.compiled.on_start import on_start
from simulator.engines.compiled.passes import TOO_LATE, pass_block, prepare
from simulator.engines.compiled.records import ANSWERS, LEAVE, LISTS, Given, Kept

#: What came of taking the next event, besides the reasons for coming back: it is taken, or only the list was tidied.
TAKEN, AGAIN = 10, 11


@formula
def has_room(given: Given, clock: Rows, events: Rows, lists: Rows, stage: int) -> bool:
    """Whether there is room for what a dispatch to a stage may add, and any other event; else ``short`` says where."""
    shards = given.stages[stage]["shards"]
    clock[0]["short"] = -1
    if given.modes[stage]["looks_ahead"] == 0:
        return clock[0]["unused_count"] >= shards  # type: ignore[no-any-return]
    answers = LISTS * stage + ANSWERS
    clock[0]["short"] = answers
    return lists[answers]["room"] >= lists[answers]["size"] + shards  # type: ignore[no-any-return]


@formula
def leave_stage(
    given: Given, kept: Kept, clock: Rows, events: Rows, free_ns: I8, stage: int, query: int, close_ns: int
) -> bool:
    """Merge, and go on to the next stage or be complete, if that is before the cut; whether int64 could tell when."""
    end_ns = given.run[0]["end_ns"]
    answers, first_merger = given.modes[stage]["answers"], given.modes[stage]["first_merger"]
    done_ns = merged(given.stages, stage, answers, first_merger, free_ns, close_ns)
    if done_ns >= NEVER_NS:
        return end_ns != NEVER_NS  # type: ignore[no-any-return]
    if done_ns > end_ns:
        return True
    kept.instants[LEAVE, stage, query] = done_ns
    if stage + 1 == given.stages.shape[0]:
        kept.outcome[query] = COMPLETE
    else:
        key = (query << given.run[0]["stage_bits"]) | (stage + 1)
        happen(clock, events, done_ns, rules.DISPATCH, key, rules.NOTHING, records.NO_COPY)
    return True


@formula
def look_ahead(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    free_ns: I8,
    lists: Rows,
    heap: I8,
    outstanding: I8,
    fault: I8,
    reals: F8,
    wholes: I8,
    key: int,
    now: int,
) -> bool:
    """A query enters a stage that looks ahead; returns whether int64 can tell all that follows."""
    stage_bits = given.run[0]["stage_bits"]
    query, stage = key >> stage_bits, key & ((1 << stage_bits) - 1)
    wholes[WHO, 0] = query
    wholes[ENTER, 0] = now
    prepare(given, kept, stage, rules.ONE, reals, wholes)
    pass_block(given, kept, clock, lists, heap, free_ns, outstanding, fault, stage, rules.ONE, reals, wholes)
    close_ns, lane = wholes[CLOSES, 0], wholes[LANE, 0]
    clock[0]["sent"] += given.modes[stage]["answers"]
    if close_ns == TOO_LATE:
        return False
    if close_ns < 0:
        return True
    if given.stages[stage]["mergers"] == 0:
        return leave_stage(given, kept, clock, events, free_ns, stage, query, close_ns)
    # its turn among the mergers comes with its closing answer
    column = (query << given.run[0]["shard_bits"]) | (given.stages[stage]["first_shard"] + lane)
    happen(clock, events, close_ns, rules.ANSWER, column, -1 - stage, records.NO_COPY)
    return True


@formula
def take_next(given: Given, clock: Rows, events: Rows, copies: Rows, lists: Rows, margin: int) -> int:
    """Take the next event, whose instant, order and row then stand in the Clock; returns TAKEN, AGAIN, DONE or FULL.

    An arrival only dispatches to the first stage, within its instant. Nothing is taken without room for what follows.
    """
    stage_bits = given.run[0]["stage_bits"]
    cursor, size = clock[0]["cursor"], clock[0]["size"]
    arrives = cursor < given.arrival_ns.shape[0]
    if size == 0 and not arrives:
        return DONE
    if clock[0]["stale"] > size - clock[0]["stale"]:
        compact(clock, events, copies)
        return AGAIN
    if events.shape[0] - size < margin:
        clock[0]["short"] = -1
        return FULL
    now, order, row = 0, 0, 0
    if arrives:
        now = given.arrival_ns[cursor]
        order = rules.event_order(rules.DISPATCH, cursor << stage_bits)
        arrives = (
            size == 0 or now < events[0]["instant"] or (now == events[0]["instant"] and order < events[0]["order"])
        )
    if not arrives:
        if is_stale(events, copies, rules.NOTHING):
            clock[0]["stale"] -= 1
            pop(clock, events)
            return AGAIN
        now, order, row = events[0]["instant"], events[0]["order"], events[0]["row"]
    stage = (order & ((1 << KEY_BITS) - 1)) & ((1 << stage_bits) - 1)
    if order >> KEY_BITS == rules.DISPATCH and not has_room(given, clock, events, lists, stage):
        return FULL
    if arrives:
        clock[0]["cursor"] += 1
    else:
        pop(clock, events)
    assert now > clock[0]["now"] or order > clock[0]["order"], "an event creates only later events"
    clock[0]["now"], clock[0]["order"], clock[0]["row"] = now, order, row
    clock[0]["events"] += 1
    return TAKEN


@kernel
def advance(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    replicas: Rows,
    serving: I8,
    gathers: Rows,
    free_ns: I8,
    lists: Rows,
    heap: I8,
    outstanding: I8,
    fault: I8,
    reals: F8,
    wholes: I8,
    budget: int,
) -> int:
    """Let events happen until ``budget`` tasks or events are through, or what else ends it; returns which."""
    stage_bits, shard_bits = given.run[0]["stage_bits"], given.run[0]["shard_bits"]
    margin = 4 + reals.shape[1]
    while budget > 0:
        why = take_next(given, clock, events, copies, lists, margin)
        if why == AGAIN:
            continue
        if why != TAKEN:
            return why
        now, order, row = clock[0]["now"], clock[0]["order"], clock[0]["row"]
        kind, key = order >> KEY_BITS, order & ((1 << KEY_BITS) - 1)
        budget -= 1
        is_in_time = True
        if kind == rules.DISPATCH:
            stage = key & ((1 << stage_bits) - 1)
            budget -= given.stages[stage]["shards"]
            if given.modes[stage]["looks_ahead"] == 1:
                is_in_time = look_ahead(
                    given, kept, clock, events, free_ns, lists, heap, outstanding, fault, reals, wholes, key, now
                )
            else:
                is_in_time = on_dispatch(
                    given, kept, clock, events, copies, gathers, outstanding, fault, reals, wholes, key, now
                )
            if fault[IS] != 0:
                return FAULT
        elif kind == rules.ENQUEUE:
            on_enqueue(clock, events, copies, replicas, kept, row, now)
        elif kind == rules.START:
            is_in_time = on_start(given, kept, clock, events, copies, replicas, serving, row, now)
        elif kind == rules.FINISH:
            is_in_time = on_finish(given, kept, clock, events, copies, replicas, serving, row, now)
        else:  # an answer, or the closing one of a stage that looked ahead
            stage = -1 - row if row < 0 else copies[row]["stage"]
            if row < 0 or on_answer(given, kept, clock, copies, gathers, outstanding, row, now):
                is_in_time = leave_stage(given, kept, clock, events, free_ns, stage, key >> shard_bits, now)
        if not is_in_time:
            return OVERFLOW
    return PAUSED
