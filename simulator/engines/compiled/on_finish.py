"""A batch has been served: its worker is free, the answers are on their way."""

from simulator.core import copy_states, rules
from simulator.core.batching import is_batched, part_of
from simulator.core.jit import passage
from simulator.core.plan import I8, NEVER_NS, Rows
from simulator.engines.compiled.copies import free_copy, step
from simulator.engines.compiled.events import happen
from simulator.engines.compiled.on_enqueue import start_soon
from simulator.engines.compiled.on_start import is_inside
from simulator.engines.compiled.recorder import count_busy, count_spared, count_task
from simulator.engines.compiled.records import ACROSS, INSIDE, STOPPED, STOPPED_NS, T_FINISH, Awaited, Given, Kept


@passage
def count_batch(given: Given, kept: Kept, copies: Rows, bonds: Rows, head: int, now: int) -> None:
    """Count a served batch and its tasks of measured queries, those apart that nobody needs any more."""
    run, row, count, last = given.run, head, 0, 0
    while row >= 0:
        count += 1
        last = max(last, copies[row]["query"])
        row = copies[row]["next"]
    stage, at, start_ns = copies[head]["stage"], copies[head]["replica"], copies[head]["start_ns"]
    if last < run[0]["first_measured"]:
        return
    if is_batched(given.stages, stage):
        kept.batches[given.stages[stage]["first_batch"] + count - 1] += 1
    where = INSIDE if is_inside(given, copies, head, now) else ACROSS
    row = head
    while row >= 0:
        busy_ns = part_of(now - start_ns, count, row == head)
        if bonds.shape[0] > 0:
            bonds[row]["busy_ns"] = busy_ns
        if copies[row]["query"] >= run[0]["first_measured"]:
            if copies[row]["state"] == copy_states.WITHDRAWN:
                count_busy(kept.counters, where, at, busy_ns)
                count_spared(kept, STOPPED, STOPPED_NS, at, busy_ns)
            else:
                count_task(kept.counters, where, at, busy_ns, start_ns - copies[row]["enqueue_ns"])
        row = copies[row]["next"]


@passage
def on_finish(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    awaited: Awaited,
    replicas: Rows,
    serving: I8,
    head: int,
    now: int,
) -> bool:
    """Free the worker, count the tasks, send the answers; returns whether int64 can tell when they come."""
    stages, run, end_ns = given.stages, given.run, given.run[0]["end_ns"]
    at, stage = copies[head]["replica"], copies[head]["stage"]
    first = given.modes[stage]["first_worker"]
    first += (at - stages[stage]["first_replica"]) * stages[stage]["workers"]
    serving[first + copies[head]["worker"]] = -1
    replicas[at]["free"] += 1
    count_batch(given, kept, copies, awaited.bonds, head, now)
    row = head
    while row >= 0:
        query, shard, after = copies[row]["query"], copies[row]["shard"], copies[row]["next"]
        if copies[row]["state"] == copy_states.WITHDRAWN:
            free_copy(clock, copies, row)
            row = after
            continue
        step(copies, kept, row, copy_states.FINISHED)
        copies[row]["finish_ns"] = now
        if kept.table.shape[1] > 0:
            kept.table[T_FINISH, copies[row]["table"]] = now
        answer_ns = now + copies[row]["response_ns"]
        if end_ns == NEVER_NS and answer_ns >= NEVER_NS:
            return False
        if answer_ns <= end_ns:
            key = (query << run[0]["shard_bits"]) | (stages[stage]["first_shard"] + shard)
            happen(clock, events, answer_ns, rules.ANSWER, key, row, copies[row]["generation"])
        row = after
    start_soon(clock, events, replicas, at, now)
    return True
