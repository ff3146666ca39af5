"""A copy joins the queue of its replica, or is refused; what may start does so at the end of the instant."""

from simulator.core import copy_states, rules
from simulator.core.failures import fails, loses_queue
from simulator.core.jit import kernel, passage
from simulator.core.limits import is_full, is_late, refusal_ns, refuses
from simulator.core.plan import NEVER_NS, Rows
from simulator.core.sharing import shares
from simulator.engines.compiled import records
from simulator.engines.compiled.copies import key_of, step
from simulator.engines.compiled.events import happen
from simulator.engines.compiled.failing import arm, down_until, lose
from simulator.engines.compiled.on_share import share
from simulator.engines.compiled.queue import join
from simulator.engines.compiled.recorder import count_spared
from simulator.engines.compiled.records import NO_TIME, REFUSED, T_ENQUEUE, T_WITHDRAWN, Awaited, Given, Kept


@passage
def start_soon(clock: Rows, events: Rows, replicas: Rows, at: int, now: int) -> None:
    """At the end of this instant, start what may start at a replica. Once an instant is enough."""
    is_to_start = replicas[at]["is_starting"] == 0 and replicas[at]["timer_ns"] != now
    if replicas[at]["free"] > 0 and replicas[at]["head"] >= 0 and is_to_start:
        replicas[at]["is_starting"] = 1
        happen(clock, events, now, rules.START, at, at, records.NO_COPY)


@passage
def is_turned_away(given: Given, replicas: Rows, at: int, stage: int, free: int, now: int) -> bool:
    """Whether a replica with so many free workers takes no other task: its queue is full, or has been late for long."""
    waiting = replicas[at]["waiting"] - replicas[at]["own"]
    if waiting == 0:
        replicas[at]["in_time_ns"] = now
    in_time_ns = replicas[at]["in_time_ns"]
    is_no_room = is_full(given.stages, stage, waiting, free)
    return is_no_room or is_late(given.stages, stage, in_time_ns, now)


@kernel
def refuse(
    given: Given, kept: Kept, clock: Rows, events: Rows, copies: Rows, awaited: Awaited, row: int, now: int
) -> bool:
    """A copy comes to a full queue: its refusal leaves; whether int64 can tell when it is there."""
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
def be_there(
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
    """The copy is enqueued, and looked at with the others; whether int64 can tell what follows."""
    at = copies[row]["seat"]
    step(copies, kept, row, copy_states.ENQUEUED)
    copies[row]["enqueue_ns"] = now
    if kept.table.shape[1] > 0:
        kept.table[T_ENQUEUE, copies[row]["table"]] = now
    if shares(given.stages, copies[row]["stage"]):
        return share(given, kept, clock, events, copies, ranks, awaited, replicas, row, now)
    join(given, copies, ranks, awaited.bonds, replicas, at, row)
    if loses_queue(given.stages, copies[row]["stage"]):
        arm(given, clock, events, awaited, replicas, copies[row]["stage"], at, now)
    start_soon(clock, events, replicas, at, now)
    return True


@passage
def on_enqueue(
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
    """The copy is enqueued, and looked at with the others, or refused; whether int64 can tell what follows."""
    at, stage = copies[row]["seat"], copies[row]["stage"]
    free = replicas[at]["free"]
    if fails(given.stages, stage) and down_until(given, awaited, stage, at, now) > now:
        if loses_queue(given.stages, stage):
            return lose(given, kept, clock, events, copies, awaited, row, rules.NOTHING, now)
        free = rules.NOTHING
    if refuses(given.stages, stage) and is_turned_away(given, replicas, at, stage, free, now):
        return refuse(given, kept, clock, events, copies, awaited, row, now)
    return be_there(given, kept, clock, events, copies, ranks, awaited, replicas, row, now)
