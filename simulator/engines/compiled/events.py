"""Lists of what is to come, as binary heaps, least first.

The event list holds rows of EVENT, least (instant, order) first; the lists of look-ahead hold (instant, order, what)
in a part of one array. The caller sees to the room.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import rules
from simulator.core.jit import formula, kernel
from simulator.core.plan import I8, Rows
from simulator.engines.compiled import records

#: Columns of a list of look-ahead.
L_INSTANT, L_ORDER, L_WHAT = range(3)
COLUMNS = 3


@kernel
def push(clock: Rows, events: Rows, instant: int, order: int, row: int, generation: int) -> None:
    """Add an event: in place of the one that is happening, if no other has taken that."""
    if clock[0]["is_gap"] == 1:
        clock[0]["is_gap"] = 0
        events[0]["instant"], events[0]["order"] = instant, order
        events[0]["row"], events[0]["generation"] = row, generation
        sink(events, clock[0]["size"], rules.NOTHING)
        return
    at = clock[0]["size"]
    while at > 0:
        above = (at - 1) >> 1
        if events[above]["instant"] < instant or (
            events[above]["instant"] == instant and events[above]["order"] <= order
        ):
            break
        events[at] = events[above]
        at = above
    events[at]["instant"] = instant
    events[at]["order"] = order
    events[at]["row"] = row
    events[at]["generation"] = generation
    clock[0]["size"] += 1


@kernel
def sink(events: Rows, size: int, at: int) -> None:
    """Let the event in row ``at`` sink below all that are less."""
    instant = events[at]["instant"]
    order = events[at]["order"]
    row = events[at]["row"]
    generation = events[at]["generation"]
    while True:
        below = 2 * at + 1
        if below >= size:
            break
        if below + 1 < size and (
            events[below + 1]["instant"] < events[below]["instant"]
            or (
                events[below + 1]["instant"] == events[below]["instant"]
                and events[below + 1]["order"] < events[below]["order"]
            )
        ):
            below += 1
        if instant < events[below]["instant"] or (
            instant == events[below]["instant"] and order <= events[below]["order"]
        ):
            break
        events[at] = events[below]
        at = below
    events[at]["instant"] = instant
    events[at]["order"] = order
    events[at]["row"] = row
    events[at]["generation"] = generation


@formula
def pop(clock: Rows, events: Rows) -> None:
    """Take the first event away; read it before."""
    clock[0]["is_gap"] = 0
    clock[0]["size"] -= 1
    size = clock[0]["size"]
    events[0] = events[size]
    sink(events, size, rules.NOTHING)


@formula
def happen(clock: Rows, events: Rows, instant: int, kind: int, key: int, row: int, generation: int) -> None:
    """Something will happen at ``instant``, later than the event that is happening."""
    push(clock, events, instant, rules.event_order(kind, key), row, generation)


@kernel
def compact(clock: Rows, events: Rows, copies: Rows, shares: Rows) -> None:
    """Drop the stale events: those of copies, or replicas, whose rows have got another generation since."""
    size = clock[0]["size"]
    live = rules.NOTHING
    for at in range(size):
        if not is_stale(events, copies, shares, at):
            events[live] = events[at]
            live += 1
    for at in range((live >> 1) - 1, -1, -1):
        sink(events, live, at)
    clock[0]["size"] = live
    clock[0]["stale"] = 0


@formula
def at_replica(replica: int) -> int:
    """The row of an event that concerns a replica, below 0; and the replica of such a row."""
    return -1 - replica


@formula
def is_stale(events: Rows, copies: Rows, shares: Rows, at: int) -> bool:
    """Whether an event concerns a copy that is no more, or the finish of a replica at which another is due."""
    generation, row = events[at]["generation"], events[at]["row"]
    if row < 0:
        return shares[at_replica(row)]["generation"] != generation  # type: ignore[no-any-return]
    return generation != records.NO_COPY and copies[events[at]["row"]]["generation"] != generation  # type: ignore[no-any-return]


@kernel
def put(lists: Rows, heap: I8, which: int, instant: int, order: int, what: int) -> None:
    """Add to a list of look-ahead."""
    first = lists[which]["first"]
    at = lists[which]["size"]
    while at > 0:
        above = (at - 1) >> 1
        up = first + above
        if heap[up, 0] < instant or (heap[up, 0] == instant and heap[up, 1] <= order):
            break
        heap[first + at, 0] = heap[up, 0]
        heap[first + at, 1] = heap[up, 1]
        heap[first + at, 2] = heap[up, 2]
        at = above
    heap[first + at, 0] = instant
    heap[first + at, 1] = order
    heap[first + at, 2] = what
    lists[which]["size"] += 1


@kernel
def take(lists: Rows, heap: I8, which: int) -> None:
    """Take the least of a list of look-ahead away; it stands in row ``first`` before."""
    first = lists[which]["first"]
    assert heap[first, 0] >= lists[which]["taken_ns"], "what happens creates only what is later"
    lists[which]["taken_ns"] = heap[first, 0]
    size = lists[which]["size"] - 1
    lists[which]["size"] = size
    instant = heap[first + size, 0]
    order = heap[first + size, 1]
    what = heap[first + size, 2]
    at = 0
    while True:
        below = 2 * at + 1
        if below >= size:
            break
        left, right = first + below, first + below + 1
        if below + 1 < size and (
            heap[right, 0] < heap[left, 0] or (heap[right, 0] == heap[left, 0] and heap[right, 1] < heap[left, 1])
        ):
            below += 1
            left = right
        if instant < heap[left, 0] or (instant == heap[left, 0] and order <= heap[left, 1]):
            break
        heap[first + at, 0] = heap[left, 0]
        heap[first + at, 1] = heap[left, 1]
        heap[first + at, 2] = heap[left, 2]
        at = below
    heap[first + at, 0] = instant
    heap[first + at, 1] = order
    heap[first + at, 2] = what


@formula
def next_instant(lists: Rows, heap: I8, which: int) -> int:
    """Instant of the least of a list that is not empty."""
    return heap[lists[which]["first"], L_INSTANT]  # type: ignore[no-any-return]
