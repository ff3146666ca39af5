"""The steps of a wide pass where workers stay taken when the answers of their tasks have gone.

They stand apart, so that what is common is compiled and vectorised as if there were no such stages.
"""

from simulator.core import rules
from simulator.core.jit import passage
from simulator.core.plan import I8, NEVER_NS, Rows
from simulator.engines.compiled.recorder import count_after, count_part, count_task
from simulator.engines.compiled.records import ACROSS, INSIDE, Given, Kept


@passage
def next_worker(free_ns: I8, first: int, workers: int, enqueue_ns: int) -> int:
    """Who takes a task: of those free at its start the one of lowest index. Workers stand at ``first`` and after."""
    start = free_ns[first]
    for other in range(1, workers):
        start = min(start, free_ns[first + other])
    start = max(enqueue_ns, start)
    chosen = first
    while free_ns[chosen] > start:
        chosen += 1
    return chosen


@passage
def serve_longer(
    stages: Rows,
    stage: int,
    first_worker: int,
    enqueued_ns: int,
    replica: I8,
    service: I8,
    response_ns: I8,
    after_ns: I8,
    waited: I8,
    finished: I8,
    answered: I8,
    worker: I8,
    free_ns: I8,
) -> int:
    """As ``wide.serve``, which says what is what; ``after_ns``: (shards,) that the worker of each task stays taken.

    Returns when the last of these workers is free.
    """
    shards, replicas, workers = stages[stage]["shards"], stages[stage]["replicas"], stages[stage]["workers"]
    send_ns, latest_ns = stages[stage]["send_ns"], rules.NOTHING
    for shard in range(shards):
        enqueue = enqueued_ns + shard * send_ns
        first = first_worker + (shard * replicas + (replica[shard] if replicas > 1 else 0)) * workers
        chosen = first
        if workers > 1:
            chosen = next_worker(free_ns, first, workers, enqueue)
        start = max(enqueue, free_ns[chosen])
        waited[shard] = start - enqueue
        finished[shard] = min(start + service[shard], NEVER_NS)
        free_ns[chosen] = min(finished[shard] + after_ns[shard], NEVER_NS)
        latest_ns = max(latest_ns, free_ns[chosen])
        answered[shard] = min(finished[shard] + response_ns[shard], NEVER_NS)
        worker[shard] = chosen - first
    return latest_ns


@passage
def count_longer(
    given: Given,
    kept: Kept,
    stage: int,
    query: int,
    enqueued_ns: int,
    replica: I8,
    service: I8,
    after_ns: I8,
    waited: I8,
) -> None:
    """As ``wide.count``: what takes a worker is the service and what follows it."""
    run, counters, row = given.run, kept.counters, given.stages[stage]
    replicas, end_ns, until_ns = row["replicas"], run[0]["end_ns"], run[0]["watched_until_ns"]
    is_counted = query >= run[0]["first_measured"]
    for shard in range(row["shards"]):
        at = row["first_replica"] + shard * replicas + (replica[shard] if replicas > 1 else 0)
        start_ns = enqueued_ns + shard * row["send_ns"] + waited[shard]
        finish_ns = start_ns + service[shard]
        release_ns = finish_ns + after_ns[shard]
        is_done = is_counted and finish_ns <= end_ns
        if is_counted and release_ns <= until_ns:
            count_task(counters, INSIDE, at, service[shard] + after_ns[shard], waited[shard])
        else:
            count_part(counters, run, at, start_ns, release_ns)
            if is_done:
                count_task(counters, ACROSS, at, service[shard] + after_ns[shard], waited[shard])
        if is_done:
            count_after(kept, at, after_ns[shard])
