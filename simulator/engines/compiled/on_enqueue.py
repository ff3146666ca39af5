"""A copy joins the queue of its replica, or is refused; what may start does so at the end of the instant."""

from simulator.core import copy_states, rules
from simulator.core.failures import fails, loses_queue
from simulator.core.jit import passage
from simulator.core.limits import is_full, is_late, may_be_full
from simulator.core.plan import Rows
from simulator.core.sharing import shares
from simulator.engines.compiled import records
from simulator.engines.compiled.copies import step
from simulator.engines.compiled.events import happen
from simulator.engines.compiled.failing import arm, down_until, lose
from simulator.engines.compiled.on_share import share
from simulator.engines.compiled.queue import join
from simulator.engines.compiled.records import T_ENQUEUE, Awaited, Given, Kept
from simulator.engines.compiled.refusal import is_too_late, refuse


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
    if may_be_full(given.stages, stage) and is_turned_away(given, replicas, at, stage, free, now):
        return refuse(given, kept, clock, events, copies, awaited, row, now)
    if given.stages[stage]["drops"] == 1 and shares(given.stages, stage) and is_too_late(given, copies, row, now):
        return refuse(given, kept, clock, events, copies, awaited, row, now)
    return be_there(given, kept, clock, events, copies, ranks, awaited, replicas, row, now)
