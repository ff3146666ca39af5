"""Clients that give up and try again, while attempts are found: who is sent next, and who is given up.

An attempt is a row; the next one, as far as it is known, stands in ``entering_ns`` behind those that have come. Clients
give up in the order in which attempts were sent.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import columns, rules
from simulator.core.classes import patience_ns, place_of
from simulator.core.columns import COMPLETE, PARTIAL, TIMED_OUT, UNFINISHED
from simulator.core.jit import formula, kernel
from simulator.core.plan import NEVER_NS, Rows
from simulator.core.retrying import affords, pause_ns, pays
from simulator.engines.compiled.door import land
from simulator.engines.compiled.events import L_ORDER, L_WHAT, next_instant, put, take
from simulator.engines.compiled.processes import tell
from simulator.engines.compiled.records import Given, Kept
from simulator.engines.compiled.thinking import come_back, fresh_comes_ns, look_out, take_thinker, thinks

#: What comes of a query that arrives; int64 cannot tell when its client comes back; none does, for want of a budget.
ADMITTED, TURNED_AWAY, BEYOND, NOBODY = range(4)


@formula
def the_list(kept: Kept) -> int:
    """The number of the only list of clients that pause; no literal, for which kernels would be compiled twice."""
    return kept.pausing.shape[0] - rules.ONE  # type: ignore[no-any-return]


@kernel
def tries_again(given: Given, kept: Kept, clock: Rows, row: int, now: int) -> bool:
    """An attempt has ended badly: its client pauses, unless it has tried often enough; whether int64 can tell."""
    query, number = kept.query_of[row], kept.number[row]
    if number < given.patience[0]["retries"]:
        at_ns = now + pause_ns(given.run, given.patience, query, number)
        if at_ns >= NEVER_NS:
            return False
        put(kept.pausing, kept.again, the_list(kept), at_ns, query, number + 1)
        look_out(given, kept, clock[0]["cursor"])
        return True
    return come_back(given, kept, clock, row, now)


@kernel
def is_sent(given: Given, kept: Kept, clock: Rows, row: int, now: int) -> int:
    """Whether whoever comes now sends its query, as this attempt: ADMITTED.

    NOBODY: its budget does not hold a retry; BEYOND: and int64 cannot tell when its client comes back.
    """
    fresh = kept.teller[0]["fresh"]
    query, number, which = fresh, 0, the_list(kept)
    is_fresh = fresh_comes_ns(given, kept) == now
    if kept.pausing[0]["size"] > 0 and next_instant(kept.pausing, kept.again, which) == now:
        first = kept.pausing[0]["first"]
        if not is_fresh or kept.again[first, L_ORDER] < fresh:
            is_fresh = False
            query, number = kept.again[first, L_ORDER], kept.again[first, L_WHAT]
            take(kept.pausing, kept.again, which)
    is_closed = given.think_law.shape[0] > 0
    if is_fresh:
        kept.teller[0]["fresh"] += 1
        pays(given.patience, kept.processes, query % kept.processes.shape[0])
        if is_closed:
            kept.sender[query] = take_thinker(given, kept, now)
    elif not affords(given.patience, kept.processes, query % kept.processes.shape[0]):
        clock[0]["cursor"] = row
        look_out(given, kept, row)
        is_closed = is_closed and kept.sender[query] >= 0
        if is_closed and not thinks(given, kept, clock, kept.sender[query], now):
            return BEYOND
        return NOBODY
    kept.query_of[row], kept.number[row] = query, number
    if is_closed:
        kept.client_of[row] = kept.sender[query]
    kept.work[row] = given.fresh_work[query]
    if kept.class_of.shape[0] > 0:
        kept.class_of[row] = given.fresh_class[query]
    kept.teller[0]["open"] += 1
    given.entering_ns[row] = now
    look_out(given, kept, row + 1)
    return ADMITTED


@kernel
def closes(given: Given, kept: Kept, clock: Rows, row: int, now: int) -> bool:
    """An attempt is over for its client; whether int64 can tell what follows."""
    kept.teller[0]["open"] -= 1
    if kept.outcome[row] == COMPLETE or kept.outcome[row] == PARTIAL:
        return come_back(given, kept, clock, row, now)
    return tries_again(given, kept, clock, row, now)


@kernel
def first_to_give_up(given: Given, kept: Kept, cursor: int) -> int:
    """The attempt of the first client that gives up, of those that wait; -1: none does.

    Those of one class give up in the order in which they were sent.
    """
    first, first_ns = -1, NEVER_NS
    for group in range(kept.settled.shape[0]):
        row, is_open = kept.settled[group], False
        while row < cursor and not is_open:
            is_mine = kept.settled.shape[0] == 1 or place_of(given.class_of, row) == group
            is_shed = kept.shed.shape[0] > 0 and kept.shed[row] != columns.ADMITTED
            is_waiting = kept.outcome[row] == UNFINISHED or kept.outcome[row] == TIMED_OUT
            is_open = is_mine and not is_shed and is_waiting
            if not is_open:
                row += 1
        kept.settled[group] = row
        if is_open and gives_up_ns(given, row) < NEVER_NS:
            is_sooner = gives_up_ns(given, row) < first_ns or (gives_up_ns(given, row) == first_ns and row < first)
            if is_sooner:
                first, first_ns = row, gives_up_ns(given, row)
    return first


@formula
def gives_up_ns(given: Given, row: int) -> int:
    """When the client of an attempt gives up on it; from NEVER_NS on: never."""
    return given.entering_ns[row] + patience_ns(given.run, given.classes, given.class_of, row)  # type: ignore[no-any-return]


@kernel
def next_limit(given: Given, kept: Kept, cursor: int) -> int:
    """When the first client gives up that still waits; NEVER_NS: none does."""
    if given.run[0]["patience_ns"] == NEVER_NS and given.run[0]["drops"] == 0:
        return NEVER_NS
    row = first_to_give_up(given, kept, cursor)
    return gives_up_ns(given, row) if row >= 0 else NEVER_NS


@kernel
def gives_up(given: Given, kept: Kept, clock: Rows, cursor: int) -> bool:
    """The first client gives up that still waits; whether int64 can tell what follows."""
    row = first_to_give_up(given, kept, cursor)
    now = gives_up_ns(given, row)
    kept.outcome[row] = TIMED_OUT
    kept.settled[place_of(given.class_of, row) if kept.settled.shape[0] > 1 else 0] = row + 1
    land(kept, row, now)
    tell(kept, row, now, rules.ONE)
    return closes(given, kept, clock, row, now)


@kernel
def all_over(given: Given, kept: Kept) -> bool:
    """Whether no client waits, pauses, or comes."""
    is_all_sent = kept.teller[0]["fresh"] == given.fresh_ns.shape[0]
    return bool(is_all_sent and kept.pausing[0]["size"] == 0 and kept.teller[0]["open"] == 0)
