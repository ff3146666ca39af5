"""Looking ahead: all of a query's tasks in a stage at once, where all follows from what was sent before.

First come first served, with the same request latency for every query, a task starts when it is there and a worker is
free. So one pass over the shards that keeps when each worker is free (Lindley, 1952; Kiefer and Wolfowitz, 1955)
replaces an enqueue, a start, a finish and an answer a task. Loops are short and touch few arrays: the compiler
vectorises only what it can tell apart.
"""

from __future__ import annotations

from simulator.core import rules
from simulator.core.dispatch import ANSWERING, REPLICA, SERVICE
from simulator.core.jit import formula, kernel
from simulator.core.plan import NEVER_NS

#: Rows of what a pass finds, (PASSED, shards) int64: waiting time, instants of finish and answer, and who served.
WAITED, FINISHED, ANSWERED, WORKER = range(4)
PASSED = 4

#: Rows of the counters of replicas, (COUNTERS, replicas) int64, as in a Trace.
TASKS, BUSY, WAITING, LONGEST = range(4)
COUNTERS = 4

#: Rows of ``lanes``: shards in the class, the highest of their indices in the stage, and the sum of the indices.
MEMBERS, LAST, SUM = range(3)


@formula
def serve(  # type: ignore[no-untyped-def]
    stages, stage, first_worker, enqueued_ns, send_ns, decided, free_ns, passed, has_all_rows
):
    """Let every replica serve what a dispatch sent it.

    Parameters
    ----------
    stages, stage
        Of the Plan.
    first_worker
        Of the stage, in ``free_ns``: worker w of replica i of the stage (shard by shard) is i x workers + w beyond.
    enqueued_ns, send_ns
        When the task of shard 0 is enqueued, and how much later that of each further shard.
    decided
        What the dispatch decided.
    free_ns
        (workers,) int64: when each worker has served all that was sent to it; moved on. Stops at NEVER_NS.
    passed, has_all_rows
        Filled in its first columns; without ``has_all_rows`` only waits and answers, where there is nothing to choose.
    """
    replica = decided[REPLICA]
    service_ns = decided[SERVICE]
    response_ns = decided[ANSWERING]
    waited = passed[WAITED]
    finished = passed[FINISHED]
    answered = passed[ANSWERED]
    worker = passed[WORKER]
    shards = stages[stage]["shards"]
    replicas = stages[stage]["replicas"]
    workers = stages[stage]["workers"]
    if replicas == 1 and workers == 1:
        free = free_ns[first_worker : first_worker + shards]
        for shard in range(shards):
            enqueue = enqueued_ns + shard * send_ns
            start = max(enqueue, free[shard])
            waited[shard] = start - enqueue
            free[shard] = min(start + service_ns[shard], NEVER_NS)
        for shard in range(shards):
            answered[shard] = min(free[shard] + response_ns[shard], NEVER_NS)
        if has_all_rows:
            for shard in range(shards):
                finished[shard] = free[shard]
                worker[shard] = 0
    else:
        for shard in range(shards):
            enqueue = enqueued_ns + shard * send_ns
            first = first_worker + (shard * replicas + replica[shard]) * workers
            start = free_ns[first]
            for other in range(1, workers):
                start = min(start, free_ns[first + other])
            start = max(enqueue, start)
            chosen = 0
            while free_ns[first + chosen] > start:  # the free worker of lowest index takes it
                chosen += 1
            waited[shard] = start - enqueue
            finished[shard] = min(start + service_ns[shard], NEVER_NS)
            free_ns[first + chosen] = finished[shard]
            answered[shard] = min(finished[shard] + response_ns[shard], NEVER_NS)
            worker[shard] = chosen


@formula
def counts_dispatches(replicas, end_ns):  # type: ignore[no-untyped-def]
    """Whether a dispatch is a finished task of every replica of the stage."""
    return replicas == 1 and end_ns == NEVER_NS


@formula
def count_one(counters, replica, service_ns, waited_ns):  # type: ignore[no-untyped-def]
    """Add one finished task to the counters of its replica."""
    counters[TASKS, replica] += 1
    counters[BUSY, replica] = rules.add(counters[BUSY, replica], service_ns)
    counters[WAITING, replica] = rules.add(counters[WAITING, replica], waited_ns)
    counters[LONGEST, replica] = max(counters[LONGEST, replica], waited_ns)


@formula
def count(stages, stage, end_ns, decided, passed, counters):  # type: ignore[no-untyped-def]
    """Add the tasks that finish until ``end_ns`` to the counters of their replicas.

    Where each replica gets a task of every query, their number is left out: the caller counts dispatches.
    """
    replica = decided[REPLICA]
    service_ns = decided[SERVICE]
    waited = passed[WAITED]
    shards = stages[stage]["shards"]
    replicas = stages[stage]["replicas"]
    first = stages[stage]["first_replica"]
    if counts_dispatches(replicas, end_ns):
        busy_ns = counters[BUSY, first : first + shards]
        waiting_ns = counters[WAITING, first : first + shards]
        longest_wait_ns = counters[LONGEST, first : first + shards]
        for shard in range(shards):
            busy_ns[shard] = rules.add(busy_ns[shard], service_ns[shard])
        for shard in range(shards):
            waiting_ns[shard] = rules.add(waiting_ns[shard], waited[shard])
        for shard in range(shards):
            longest_wait_ns[shard] = max(longest_wait_ns[shard], waited[shard])
        return
    for shard in range(shards):
        if passed[FINISHED, shard] <= end_ns:
            count_one(counters, first + shard * replicas + replica[shard], service_ns[shard], waited[shard])


@formula
def closing(shards, answered):  # type: ignore[no-untyped-def]
    """Instant of the last of ``shards`` answers, and its shard: of simultaneous ones the highest."""
    last = answered[0]
    for shard in range(1, shards):
        last = max(last, answered[shard])
    shard = shards - 1
    while answered[shard] != last:
        shard -= 1
    return last, shard


@formula
def sum_since(shards, answered, enter_ns, last_ns):  # type: ignore[no-untyped-def]
    """Sum of answer - enter; ``last_ns`` is the last answer, which says whether the sum may overflow."""
    if float(last_ns - enter_ns) * shards < rules.MOST_NS / 2:
        total = -shards * enter_ns
        for shard in range(shards):
            total += answered[shard]
        return total
    total = answered[0] - enter_ns
    for shard in range(1, shards):
        total = rules.add(total, answered[shard] - enter_ns)
    return total


@kernel
def close_lanes(lanes, first, classes, answered, enter_ns, send_ns):  # type: ignore[no-untyped-def]
    """Last answer, its shard, and the sum of answer - enter, of a stage whose columns are classes in lockstep.

    ``lanes``: see ``lockstep``; ``first``: the stage's in it. ``answered`` (classes,) int64 without the sending.
    """
    last = -1
    shard = -1
    total = enter_ns - enter_ns
    for lane in range(classes):
        there = answered[lane] + lanes[LAST, first + lane] * send_ns
        if there > last or (there == last and lanes[LAST, first + lane] > shard):
            last = there
            shard = lanes[LAST, first + lane]
        since = answered[lane] - enter_ns
        sending = lanes[SUM, first + lane] * send_ns
        if float(since) * lanes[MEMBERS, first + lane] + float(sending) < rules.MOST_NS / 2:
            total = rules.add(total, since * lanes[MEMBERS, first + lane] + sending)
        else:
            total = rules.MOST_NS
    return last, shard, total
