"""Copies of tasks under way: rows that are taken, given back, and step through the table of states.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

import numpy as np

from simulator.core import copy_states, rules
from simulator.core.jit import passage
from simulator.core.plan import NEVER_NS, Rows
from simulator.engines.compiled import records
from simulator.engines.compiled.events import happen
from simulator.engines.compiled.records import Given, Kept


@passage
def new_copy(
    given: Given, clock: Rows, copies: Rows, kept: Kept, query: int, stage: int, shard: int, number: int, local: int
) -> int:
    """Row of a copy that is sent; ``number`` 0: the first of its task; ``local``: the replica among its stage's."""
    row = take_row(clock, copies)
    begin_copy(given, clock, copies, kept, row, query, stage, shard, number, local)
    return row


@passage
def take_row(clock: Rows, copies: Rows) -> int:
    """A row that is not used."""
    row = clock[0]["unused"]
    clock[0]["unused"] = copies[row]["next"]
    clock[0]["unused_count"] -= 1
    return row  # type: ignore[no-any-return]


@passage
def begin_copy(
    given: Given,
    clock: Rows,
    copies: Rows,
    kept: Kept,
    row: int,
    query: int,
    stage: int,
    shard: int,
    number: int,
    local: int,
) -> None:
    """A copy that is sent is in a row from now on."""
    replica = given.stages[stage]["first_replica"] + local
    copies[row]["query"] = query
    copies[row]["stage"] = stage
    copies[row]["shard"] = shard
    copies[row]["replica"], copies[row]["seat"] = replica, given.modes[stage]["first_seat"] + local
    copies[row]["state"] = copy_states.SENT
    copies[row]["next"] = -1
    if kept.table.shape[1] > 0:
        at = clock[0]["copies"]
        clock[0]["copies"] += 1
        copies[row]["table"] = at
        kept.table[records.T_QUERY, at] = query
        kept.table[records.T_STAGE, at] = stage
        kept.table[records.T_SHARD, at] = shard
        kept.table[records.T_COPY, at] = number
        kept.table[records.T_BATCH, at] = 0
        kept.table[records.T_REPLICA, at] = replica
        kept.table[records.T_STATE, at] = copy_states.SENT


@passage
def key_of(given: Given, copies: Rows, bonds: Rows, row: int) -> int:
    """Place of a copy among others that answer, or are withdrawn, at one instant."""
    place = given.stages[copies[row]["stage"]]["first_shard"] + copies[row]["shard"]
    key = (copies[row]["query"] << given.run[0]["shard_bits"]) | place
    return (key << given.run[0]["copy_bits"]) | bonds[row]["copy"] if bonds.shape[0] > 0 else key  # type: ignore[no-any-return]


@passage
def send(given: Given, clock: Rows, events: Rows, copies: Rows, row: int, enqueue_ns: int) -> bool:
    """A copy is on its way to its replica; returns whether int64 can tell when it is there."""
    run, end_ns = given.run, given.run[0]["end_ns"]
    copies[row]["enqueue_ns"] = enqueue_ns
    if end_ns == NEVER_NS and enqueue_ns >= NEVER_NS:
        return False
    if enqueue_ns <= end_ns:
        key = (copies[row]["seat"] << run[0]["send_bits"]) | clock[0]["sent"]
        happen(clock, events, enqueue_ns, rules.ENQUEUE, key, row, copies[row]["generation"])
    clock[0]["sent"] += 1
    return True


@passage
def first_worker_of(given: Given, stage: int, at: int) -> int:
    """Place of the first worker of a replica among all workers."""
    before = (at - given.modes[stage]["first_seat"]) * given.stages[stage]["workers"]
    return given.modes[stage]["first_worker"] + before  # type: ignore[no-any-return]


@passage
def free_copy(clock: Rows, copies: Rows, row: int) -> None:
    """Give a row back: what is still on the event list for it is stale from now on."""
    copies[row]["generation"] += 1
    copies[row]["next"] = clock[0]["unused"]
    clock[0]["unused"] = row
    clock[0]["unused_count"] += 1


@passage
def end_background(kept: Kept, run: Rows, clock: Rows, copies: Rows, row: int, busy_ns: int, now: int) -> None:
    """A task of a replica's own is served, and its row is given back: it has no answer."""
    step(copies, kept, row, copy_states.ENDED)
    at = copies[row]["replica"]
    if run[0]["window_begin_ns"] <= now < run[0]["window_end_ns"]:
        kept.background[0, at] += 1
        kept.background[1, at] = rules.add(kept.background[1, at], busy_ns)
    free_copy(clock, copies, row)


@passage
def step(copies: Rows, kept: Kept, row: int, what: int) -> None:
    """A copy takes a step of its state table; a pair that is not in it is a bug."""
    state = copy_states.next_state(np.int64(copies[row]["state"]), what)  # type: ignore[arg-type]
    assert state != copy_states.FORBIDDEN, "a copy's state has this step"
    copies[row]["state"] = state
    if kept.table.shape[1] > 0:
        kept.table[records.T_STATE, copies[row]["table"]] = state
