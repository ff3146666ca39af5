"""The pass of a stage some of whose shards are visited: the tasks of a query one after another."""

from simulator.core import rules, work
from simulator.core.columns import COMPLETE
from simulator.core.jit import kernel
from simulator.core.plan import F8, I8, NEVER_NS, Rows
from simulator.core.service import has_own_factor, same_factor, service_ns, stays_taken
from simulator.engines.compiled.longer import next_worker
from simulator.engines.compiled.recorder import count_after, count_part, count_task, keep_close, keep_tasks
from simulator.engines.compiled.records import ACROSS, INSIDE, Given, Kept


@kernel
def count_served(
    given: Given, kept: Kept, query: int, replica: int, start_ns: int, finish_ns: int, after_ns: int, waited_ns: int
) -> None:
    """Count a task that a worker is taken by for its service and ``after_ns`` more."""
    run, end_ns, release_ns = given.run, given.run[0]["end_ns"], finish_ns + after_ns
    is_counted = query >= run[0]["first_measured"]
    is_done = is_counted and finish_ns <= end_ns
    if is_counted and release_ns <= run[0]["watched_until_ns"]:
        count_task(kept.counters, INSIDE, replica, release_ns - start_ns, waited_ns)
    else:
        count_part(kept.counters, run, replica, start_ns, release_ns)
        if is_done:
            count_task(kept.counters, ACROSS, replica, release_ns - start_ns, waited_ns)
    if is_done and after_ns > 0:
        count_after(kept, replica, after_ns)


@kernel
def choosy(
    given: Given,
    kept: Kept,
    clock: Rows,
    free_ns: I8,
    stage: int,
    query: int,
    now: int,
    place: int,
    reals: F8,
    wholes: I8,
) -> tuple[int, int]:
    """Serve the tasks of the query at a place of its block; returns the instant of closing and the critical shard."""
    stages, end_ns = given.stages, given.run[0]["end_ns"]
    shards, replicas, workers = stages[stage]["shards"], stages[stage]["replicas"], stages[stage]["workers"]
    first_task, first_worker = place * shards, given.modes[stage]["first_worker"]
    enqueued_ns = now + stages[stage]["request_ns"]
    enqueue_ns, send_ns = enqueued_ns, stages[stage]["send_ns"]
    is_own = has_own_factor(given.stages, given.sources, given.laws, stage)
    same = same_factor(given.stages, given.sources, given.laws, stage)
    is_longer = stays_taken(given.laws, stage)
    last_ns = latest_ns = total = rules.NOTHING
    critical = critical_enqueue = critical_wait = critical_service = rules.NOTHING
    for shard in range(shards):
        task = first_task + shard
        if wholes[work.VISITED, task] == 0:
            continue
        local = shard * replicas + wholes[work.REPLICA, task]
        replica = stages[stage]["first_replica"] + local
        factor = reals[work.FACTOR, task] if is_own else same
        service = service_ns(reals[work.ALONE, task], given.machine_factor[replica], factor)
        after_ns = wholes[work.AFTERWARDS, task] if is_longer else rules.NOTHING
        first = first_worker + local * workers
        worker = next_worker(free_ns, first, workers, enqueue_ns)
        start_ns = max(enqueue_ns, free_ns[worker])
        finish_ns = min(start_ns + service, NEVER_NS)
        free_ns[worker] = min(finish_ns + after_ns, NEVER_NS)
        latest_ns = max(latest_ns, free_ns[worker])
        answer_ns = min(finish_ns + wholes[work.RESPONDING, task], NEVER_NS)
        wholes[work.WAITED, task], wholes[work.FINISHED, task] = start_ns - enqueue_ns, finish_ns
        wholes[work.ANSWERED, task], wholes[work.WORKER, task] = answer_ns, worker - first
        count_served(given, kept, query, replica, start_ns, finish_ns, after_ns, start_ns - enqueue_ns)
        total = rules.add(total, answer_ns - now)
        if answer_ns >= last_ns:
            last_ns, critical, critical_enqueue = answer_ns, shard, enqueue_ns
            critical_wait, critical_service = start_ns - enqueue_ns, service
        enqueue_ns += send_ns
    if kept.table.shape[1] > 0:
        keep_tasks(kept.table, clock, query, stages, given.laws, stage, enqueued_ns, end_ns, first_task, wholes)
    if last_ns <= end_ns:
        keep_close(kept, stage, query, last_ns, critical, critical_enqueue, critical_wait, critical_service, total)
        kept.stage_outcome[stage, query], kept.coverage[stage, query] = COMPLETE, 1.0
        kept.answers[stage, query] = wholes[work.VISITS, place]
    return (NEVER_NS if latest_ns >= NEVER_NS and end_ns == NEVER_NS else last_ns), critical
