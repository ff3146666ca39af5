"""A copy has been served: its worker is free, its answer is on its way."""

from simulator.core import copy_states, rules
from simulator.core.jit import passage
from simulator.core.plan import I8, NEVER_NS, Rows
from simulator.engines.compiled.events import happen
from simulator.engines.compiled.on_dispatch import step
from simulator.engines.compiled.on_enqueue import start_soon
from simulator.engines.compiled.recorder import count_task
from simulator.engines.compiled.records import ACROSS, INSIDE, T_FINISH, Given, Kept


@passage
def on_finish(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    replicas: Rows,
    serving: I8,
    row: int,
    now: int,
) -> bool:
    """Free the worker, count the task, send the answer; returns whether int64 can tell when it comes."""
    stages, run, end_ns = given.stages, given.run, given.run[0]["end_ns"]
    at, stage = copies[row]["replica"], copies[row]["stage"]
    query, shard = copies[row]["query"], copies[row]["shard"]
    first = given.modes[stage]["first_worker"]
    first += (at - stages[stage]["first_replica"]) * stages[stage]["workers"]
    serving[first + copies[row]["worker"]] = -1
    replicas[at]["free"] += 1
    step(copies, kept, row, copy_states.FINISHED)
    copies[row]["finish_ns"] = now
    if query >= run[0]["first_measured"]:
        start_ns = copies[row]["start_ns"]
        where = INSIDE if now <= run[0]["watched_until_ns"] else ACROSS
        count_task(kept.counters, where, at, now - start_ns, start_ns - copies[row]["enqueue_ns"])
    if kept.table.shape[1] > 0:
        kept.table[T_FINISH, copies[row]["table"]] = now
    answer_ns = now + copies[row]["response_ns"]
    if end_ns == NEVER_NS and answer_ns >= NEVER_NS:
        return False
    if answer_ns <= end_ns:
        key = (query << run[0]["shard_bits"]) | (stages[stage]["first_shard"] + shard)
        happen(clock, events, answer_ns, rules.ANSWER, key, row, copies[row]["generation"])
    start_soon(clock, events, replicas, at, now)
    return True
