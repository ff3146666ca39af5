"""A copy joins the queue of its replica; what may start does so at the end of the instant."""

from simulator.core import copy_states, rules
from simulator.core.jit import passage
from simulator.core.plan import Rows
from simulator.engines.compiled import records
from simulator.engines.compiled.copies import step
from simulator.engines.compiled.events import happen
from simulator.engines.compiled.queue import join
from simulator.engines.compiled.records import T_ENQUEUE, Awaited, Given, Kept


@passage
def start_soon(clock: Rows, events: Rows, replicas: Rows, at: int, now: int) -> None:
    """At the end of this instant, start what may start at a replica. Once an instant is enough."""
    is_to_start = replicas[at]["is_starting"] == 0 and replicas[at]["timer_ns"] != now
    if replicas[at]["free"] > 0 and replicas[at]["head"] >= 0 and is_to_start:
        replicas[at]["is_starting"] = 1
        happen(clock, events, now, rules.START, at, at, records.NO_COPY)


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
) -> None:
    """The copy is enqueued, and looked at with the others."""
    at = copies[row]["replica"]
    step(copies, kept, row, copy_states.ENQUEUED)
    copies[row]["enqueue_ns"] = now
    if kept.table.shape[1] > 0:
        kept.table[T_ENQUEUE, copies[row]["table"]] = now
    join(given.stages, copies, ranks, awaited.bonds, replicas, at, row)
    start_soon(clock, events, replicas, at, now)
