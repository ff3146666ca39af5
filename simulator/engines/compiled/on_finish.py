"""A batch has been served: the answers are on their way, and its worker is free, at once or after a time."""

from simulator.core import copy_states, rules
from simulator.core.background import is_background
from simulator.core.batching import is_batched, part_of
from simulator.core.jit import passage
from simulator.core.plan import I8, NEVER_NS, Rows
from simulator.core.service import stays_taken
from simulator.engines.compiled import records
from simulator.engines.compiled.copies import end_background, first_worker_of, free_copy, key_of, step
from simulator.engines.compiled.events import happen
from simulator.engines.compiled.on_enqueue import start_soon
from simulator.engines.compiled.on_share import on_done
from simulator.engines.compiled.on_start import after, is_inside
from simulator.engines.compiled.recorder import count_after, count_busy, count_spared, count_task
from simulator.engines.compiled.records import Awaited, Given, Kept


@passage
def count_batch(given: Given, kept: Kept, copies: Rows, awaited: Awaited, head: int, now: int) -> None:
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
    after_ns, its_after_ns, bonds = after(awaited, head), 0, awaited.bonds
    where = records.INSIDE if is_inside(given, copies, head, now + after_ns) else records.ACROSS
    row = head
    while row >= 0:
        busy_ns = part_of(now - start_ns, count, row == head)
        if after_ns > 0:
            its_after_ns = part_of(after_ns, count, row == head)
            busy_ns += its_after_ns
        if bonds.shape[0] > 0:
            bonds[row]["busy_ns"] = busy_ns
        if copies[row]["query"] >= run[0]["first_measured"]:
            if copies[row]["state"] == copy_states.WITHDRAWN:
                count_busy(kept.counters, where, at, busy_ns)
                count_spared(kept, records.STOPPED, records.STOPPED_NS, at, busy_ns)
            else:
                count_task(kept.counters, where, at, busy_ns, start_ns - copies[row]["enqueue_ns"])
                if after_ns > 0:
                    count_after(kept, at, its_after_ns)
        row = copies[row]["next"]


@passage
def free_worker(replicas: Rows, serving: I8, at: int, place: int) -> None:
    """A worker of a replica is free; ``place``: its own among all workers."""
    serving[place] = -1
    replicas[at]["free"] += 1


@passage
def on_finish(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    ranks: Rows,
    awaited: Awaited,
    replicas: Rows,
    serving: I8,
    head: int,
    now: int,
) -> bool:
    """Count the tasks, send the answers, free the worker or say when it is; returns whether int64 can tell when.

    ``head``: of the batch; below 0 it says the replica whose tasks share its workers.
    """
    if head < 0:
        return on_done(given, kept, clock, events, copies, ranks, awaited, replicas, head, now)
    run, end_ns = given.run, given.run[0]["end_ns"]
    at, stage = copies[head]["seat"], copies[head]["stage"]
    place = first_worker_of(given, stage, at) + copies[head]["worker"]
    release_ns = now + after(awaited, head)
    is_longer = awaited.after_ns.shape[0] > 0 and stays_taken(given.laws, stage)
    if is_longer:
        if end_ns == NEVER_NS and release_ns >= NEVER_NS:
            return False
        if release_ns <= end_ns:
            key = (at << run[0]["worker_bits"]) | copies[head]["worker"]
            happen(clock, events, release_ns, rules.RELEASE, key, place, records.NO_COPY)
        serving[place] = records.CLEANING
    else:
        free_worker(replicas, serving, at, place)
    count_batch(given, kept, copies, awaited, head, now)
    row = head
    while row >= 0:
        behind = copies[row]["next"]
        if copies[row]["state"] == copy_states.WITHDRAWN:
            free_copy(clock, copies, row)
            row = behind
            continue
        if kept.table.shape[1] > 0:
            kept.table[records.T_FINISH, copies[row]["table"]] = now
            if release_ns <= end_ns:
                kept.table[records.T_RELEASE, copies[row]["table"]] = release_ns
        if is_background(copies[row]["query"]):
            end_background(kept, run, clock, copies, row, now - copies[row]["start_ns"], now)
            break
        step(copies, kept, row, copy_states.FINISHED)
        copies[row]["finish_ns"], copies[row]["queue"] = now, replicas[at]["waiting"]
        answer_ns = now + copies[row]["response_ns"]
        if end_ns == NEVER_NS and answer_ns >= NEVER_NS:
            return False
        if answer_ns <= end_ns:
            key = key_of(given, copies, awaited.bonds, row)
            happen(clock, events, answer_ns, rules.ANSWER, key, row, copies[row]["generation"])
        row = behind
    if not is_longer:
        start_soon(clock, events, replicas, at, now)
    return True


@passage
def on_release(
    given: Given, clock: Rows, events: Rows, replicas: Rows, serving: I8, place: int, key: int, now: int
) -> None:
    """What a worker had to do after its answers is done."""
    at = key >> given.run[0]["worker_bits"]
    free_worker(replicas, serving, at, place)
    start_soon(clock, events, replicas, at, now)
