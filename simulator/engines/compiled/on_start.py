"""The end of an instant at a replica: while a worker is free and a task waits, it is taken."""

from simulator.core import copy_states, rules
from simulator.core.jit import passage
from simulator.core.plan import I8, NEVER_NS, Rows
from simulator.core.service import service_ns
from simulator.engines.compiled.events import happen
from simulator.engines.compiled.on_dispatch import step
from simulator.engines.compiled.recorder import count_part
from simulator.engines.compiled.records import T_BATCH, T_START, T_WORKER, Given, Kept


@passage
def on_start(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    replicas: Rows,
    serving: I8,
    at: int,
    now: int,
) -> bool:
    """The free worker of lowest index takes the first in the queue, again and again.

    How long it takes is decided now. Returns whether int64 can tell when it ends.
    """
    stages, run, end_ns = given.stages, given.run, given.run[0]["end_ns"]
    replicas[at]["is_starting"] = 0
    while replicas[at]["free"] > 0 and replicas[at]["head"] >= 0:
        row = replicas[at]["head"]
        replicas[at]["head"] = copies[row]["next"]
        copies[row]["next"] = -1
        stage = copies[row]["stage"]
        first = given.modes[stage]["first_worker"]
        first += (at - stages[stage]["first_replica"]) * stages[stage]["workers"]
        worker = 0
        while serving[first + worker] >= 0:
            worker += 1
        serving[first + worker] = row
        replicas[at]["free"] -= 1
        step(copies, kept, row, copy_states.STARTED)
        copies[row]["start_ns"] = now
        copies[row]["worker"] = worker
        if kept.table.shape[1] > 0:
            kept.table[T_START, copies[row]["table"]] = now
            kept.table[T_WORKER, copies[row]["table"]] = worker
            kept.table[T_BATCH, copies[row]["table"]] = 1
        finish_ns = now + service_ns(copies[row]["alone_ns"], given.machine_factor[at], copies[row]["factor"])
        if end_ns == NEVER_NS and finish_ns >= NEVER_NS:
            return False
        if copies[row]["query"] < run[0]["first_measured"] or finish_ns > run[0]["watched_until_ns"]:
            count_part(kept.counters, run, at, now, finish_ns)
        if finish_ns <= end_ns:
            key = (at << run[0]["worker_bits"]) | worker
            happen(clock, events, finish_ns, rules.FINISH, key, row, copies[row]["generation"])
    return True
