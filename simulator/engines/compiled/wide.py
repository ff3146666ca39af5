"""The pass where shards are many: a row of short loops over few arrays.

The compiler vectorises only what it can tell apart, so each loop does one thing.
"""

from simulator.core import rules, work
from simulator.core.jit import kernel, passage
from simulator.core.plan import F8, I8, NEVER_NS, Rows
from simulator.core.service import has_own_factor, same_factor, service_ns, stays_taken
from simulator.engines.compiled.longer import count_longer, next_worker, serve_longer
from simulator.engines.compiled.recorder import count_part, count_task, keep_close, keep_tasks
from simulator.engines.compiled.records import ACROSS, INSIDE, LONGEST, TASKS, WAITING, Given, Kept

#: Rows of ``lanes``: shards in the class, and the highest of their indices in the stage.
MEMBERS, LAST = range(2)


@passage
def wide(
    given: Given,
    kept: Kept,
    clock: Rows,
    free_ns: I8,
    stage: int,
    query: int,
    now: int,
    first_task: int,
    reals: F8,
    wholes: I8,
) -> tuple[int, int]:
    """Serve the tasks of a query, a step after another; returns the instant of closing and the critical column."""
    stages, modes = given.stages, given.modes
    shards = stages[stage]["shards"]
    end_ns = given.run[0]["end_ns"]
    in_lanes = modes[stage]["in_lanes"] == 1
    enqueued_ns = now + stages[stage]["request_ns"]
    send_ns = stages[stage]["send_ns"]
    here = slice(first_task, first_task + shards)
    service, waited, answered = wholes[work.SERVICE, here], wholes[work.WAITED, here], wholes[work.ANSWERED, here]
    settle(given, stage, reals[work.ALONE, here], reals[work.FACTOR, here], wholes[work.REPLICA, here], service)
    has_table, is_longer = kept.table.shape[1] > 0, stays_taken(given.laws, stage)
    latest_ns = take_workers(given, stage, enqueued_ns, here, wholes, free_ns, has_table or end_ns != NEVER_NS)
    if has_table:
        keep_tasks(kept.table, clock, query, stages, given.laws, stage, enqueued_ns, end_ns, first_task, wholes)
    if in_lanes:
        first_lane = stages[stage]["first_shard"]
        close_ns, critical, total = close_lanes(given.lanes, first_lane, shards, answered, now)
        lane = 0
        while given.lanes[LAST, first_lane + lane] != critical:
            lane += 1
    else:
        close_ns, critical = closing(shards, answered)
        total = sum_since(shards, answered, now, close_ns)
        lane = critical
    if is_longer:
        after_ns = wholes[work.AFTERWARDS, here]
        count_longer(given, kept, stage, query, enqueued_ns, wholes[work.REPLICA, here], service, after_ns, waited)
    else:
        count(given, kept, stage, query, enqueued_ns, close_ns, wholes[work.REPLICA, here], service, waited)
    if close_ns <= end_ns:
        enqueue_ns = enqueued_ns + critical * send_ns
        keep_close(kept, stage, query, close_ns, critical, enqueue_ns, waited[lane], service[lane], total)
    if latest_ns >= NEVER_NS and end_ns == NEVER_NS:
        close_ns = NEVER_NS
    return close_ns, lane


@passage
def take_workers(
    given: Given, stage: int, enqueued_ns: int, here: slice, wholes: I8, free_ns: I8, has_all_rows: bool
) -> int:
    """Let every replica serve what it is sent; returns when the last worker that stays taken after it is free.

    ``here``: where the tasks stand in ``wholes``; ``has_all_rows``: as of ``serve``.
    """
    stages, first_worker, send_ns = given.stages, given.modes[stage]["first_worker"], given.stages[stage]["send_ns"]
    replica, service = wholes[work.REPLICA, here], wholes[work.SERVICE, here]
    response_ns = wholes[work.RESPONDING, here]
    waited, finished = wholes[work.WAITED, here], wholes[work.FINISHED, here]
    answered, worker = wholes[work.ANSWERED, here], wholes[work.WORKER, here]
    latest_ns = rules.NOTHING
    if stays_taken(given.laws, stage):
        latest_ns = serve_longer(
            stages,
            stage,
            first_worker,
            enqueued_ns,
            replica,
            service,
            response_ns,
            wholes[work.AFTERWARDS, here],
            waited,
            finished,
            answered,
            worker,
            free_ns,
        )
    else:
        serve(
            stages,
            stage,
            first_worker,
            enqueued_ns,
            send_ns,
            replica,
            service,
            response_ns,
            waited,
            finished,
            answered,
            worker,
            free_ns,
            has_all_rows,
        )
    return latest_ns


@passage
def settle(given: Given, stage: int, alone_ns: F8, factor: F8, replica: I8, service: I8) -> None:
    """Fill ``service`` with the service times of a query's tasks; ``factor`` is looked at where each has its own."""
    stages = given.stages
    shards, replicas, first = stages[stage]["shards"], stages[stage]["replicas"], stages[stage]["first_replica"]
    machines = given.machine_factor[first : first + shards * replicas]
    is_own = has_own_factor(given.stages, given.sources, given.laws, stage)
    same = same_factor(given.stages, given.sources, given.laws, stage)
    if replicas > 1:
        for shard in range(shards):
            slowness = machines[shard * replicas + replica[shard]]
            service[shard] = service_ns(alone_ns[shard], slowness, factor[shard] if is_own else same)
    elif is_own:
        for shard in range(shards):
            service[shard] = service_ns(alone_ns[shard], machines[shard], factor[shard])
    else:
        for shard in range(shards):
            service[shard] = service_ns(alone_ns[shard], machines[shard], same)


@passage
def serve(
    stages: Rows,
    stage: int,
    first_worker: int,
    enqueued_ns: int,
    send_ns: int,
    replica: I8,
    service: I8,
    response_ns: I8,
    waited: I8,
    finished: I8,
    answered: I8,
    worker: I8,
    free_ns: I8,
    has_all_rows: bool,
) -> None:
    """Let every replica serve what it is sent.

    Parameters
    ----------
    stages, stage
        Of the Plan.
    first_worker
        Of the stage, in ``free_ns``: worker w of replica i of the stage (shard by shard) is i x workers + w beyond.
    enqueued_ns, send_ns
        When the task of shard 0 is enqueued, and how much later that of each further shard.
    replica, service, response_ns
        (shards,) int64 of each task.
    waited, finished, answered, worker
        (shards,) int64, filled.
    free_ns
        (workers,) int64: when each worker has served all that was sent to it; moved on. Stops at NEVER_NS.
    has_all_rows
        Whether ``finished`` and ``worker`` are needed where there is nothing to choose.
    """
    shards, replicas, workers = stages[stage]["shards"], stages[stage]["replicas"], stages[stage]["workers"]
    if replicas == 1 and workers == 1:
        free = free_ns[first_worker : first_worker + shards]
        for shard in range(shards):
            enqueue = enqueued_ns + shard * send_ns
            start = max(enqueue, free[shard])
            waited[shard] = start - enqueue
            free[shard] = min(start + service[shard], NEVER_NS)
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
            chosen = next_worker(free_ns, first, workers, enqueue)
            start = max(enqueue, free_ns[chosen])
            waited[shard] = start - enqueue
            finished[shard] = min(start + service[shard], NEVER_NS)
            free_ns[chosen] = finished[shard]
            answered[shard] = min(finished[shard] + response_ns[shard], NEVER_NS)
            worker[shard] = chosen - first


@passage
def count(
    given: Given,
    kept: Kept,
    stage: int,
    query: int,
    enqueued_ns: int,
    close_ns: int,
    replica: I8,
    service: I8,
    waited: I8,
) -> None:
    """Add the tasks of a query to the counters of their replicas: as measured, and as far as inside the window."""
    run, counters, row = given.run, kept.counters, given.stages[stage]
    shards, replicas, send_ns = row["shards"], row["replicas"], row["send_ns"]
    first, beyond, end_ns = row["first_replica"], row["first_replica"] + shards, run[0]["end_ns"]
    is_counted, is_across = query >= run[0]["first_measured"], close_ns > run[0]["watched_until_ns"]
    if not is_counted or is_across:
        if close_ns > run[0]["window_begin_ns"] and enqueued_ns < run[0]["watched_until_ns"]:
            for shard in range(shards):
                at = first + shard * replicas + (replica[shard] if replicas > 1 else 0)
                start_ns = enqueued_ns + shard * send_ns + waited[shard]
                count_part(counters, run, at, start_ns, start_ns + service[shard])
        if not is_counted:
            return
    where = ACROSS if is_across else INSIDE
    if replicas == 1 and end_ns == NEVER_NS:
        tasks, service_ns = counters[TASKS, first:beyond], counters[where, first:beyond]
        waiting_ns, longest_wait_ns = counters[WAITING, first:beyond], counters[LONGEST, first:beyond]
        tasks[0] += 1  # every replica has as many: told to the others when the run is over
        for shard in range(shards):
            service_ns[shard] = rules.add(service_ns[shard], service[shard])
        for shard in range(shards):
            waiting_ns[shard] = rules.add(waiting_ns[shard], waited[shard])
        for shard in range(shards):
            longest_wait_ns[shard] = max(longest_wait_ns[shard], waited[shard])
        return
    for shard in range(shards):
        if enqueued_ns + shard * send_ns + waited[shard] + service[shard] <= end_ns:
            at = first + shard * replicas + (replica[shard] if replicas > 1 else 0)
            count_task(counters, where, at, service[shard], waited[shard])


@passage
def closing(shards: int, answered: I8) -> tuple[int, int]:
    """Instant of the last of ``shards`` answers, and its shard: of simultaneous ones the highest."""
    last = answered[0]
    for shard in range(1, shards):
        last = max(last, answered[shard])
    shard = shards - 1
    while answered[shard] != last:
        shard -= 1
    return last, shard


@passage
def sum_since(shards: int, answered: I8, enter_ns: int, last_ns: int) -> int:
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
def close_lanes(lanes: I8, first: int, classes: int, answered: I8, enter_ns: int) -> tuple[int, int, int]:
    """Last answer, its shard, and the sum of answer - enter, of a stage whose columns are classes in lockstep.

    ``lanes``: see ``lockstep``; ``first``: the stage's in it. ``answered``: (classes,) int64.
    """
    last = -1
    shard = -1
    total = enter_ns - enter_ns
    for lane in range(classes):
        if answered[lane] > last or (answered[lane] == last and lanes[LAST, first + lane] > shard):
            last = answered[lane]
            shard = lanes[LAST, first + lane]
        since, members = answered[lane] - enter_ns, lanes[MEMBERS, first + lane]
        is_known = float(since) * members < rules.MOST_NS / 2
        total = rules.add(total, since * members) if is_known else rules.MOST_NS
    return last, shard, total
