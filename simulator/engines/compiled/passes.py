"""Looking ahead: all of a query's tasks in a stage at once, where all follows from what was sent before.

First come first served, with the same request latency for every query, a task starts when it is there and a worker is
free. So one pass over the shards that keeps when each worker is free (Lindley, 1952; Kiefer and Wolfowitz, 1955)
replaces an enqueue, a start, a finish and an answer a task.

Luck is drawn for a block of queries; the pass itself goes query by query. There are two: ``wide`` is a row of short
loops over few arrays, for the compiler vectorises only what it can tell apart; ``narrow`` does all for a task at once,
for where shards are few, starting many loops takes longer than what they do.
"""

from __future__ import annotations

from simulator.core import copy_states, rules
from simulator.core.jit import formula, kernel
from simulator.core.plan import F8, I8, NEVER_NS, Rows
from simulator.core.routing import draw_routes, fill_loads, is_load_aware, route, view_of
from simulator.core.service import fill_factors, fill_responses, service_ns
from simulator.core.work import (
    ALONE,
    ANSWERED,
    CLOSES,
    ENTER,
    FACTOR,
    FINISHED,
    LANE,
    LOAD,
    PREVIOUS,
    REPLICA,
    RESPONDING,
    SCORED,
    SERVICE,
    WAITED,
    WHO,
    WORKER,
    name_tasks,
    work_of_block,
)
from simulator.engines.compiled.events import L_ORDER, L_WHAT, next_instant, put, take
from simulator.engines.compiled.records import (
    ANSWER_SUM,
    ANSWERS,
    BUSY,
    CLOSE,
    CRITICAL_ENQUEUE,
    CRITICAL_SERVICE,
    CRITICAL_WAIT,
    LISTS,
    LONGEST,
    T_ANSWER,
    T_BATCH,
    T_COPY,
    T_ENQUEUE,
    T_FINISH,
    T_QUERY,
    T_REPLICA,
    T_SHARD,
    T_STAGE,
    T_START,
    T_STATE,
    T_WORKER,
    TASKS,
    WAITING,
    Given,
    Kept,
)

#: Rows of ``lanes``: shards in the class, the highest of their indices in the stage, and the sum of the indices.
MEMBERS, LAST, SUM = range(3)

#: What a pass answers in place of the instant of closing: not before the run is cut; a user's rule went wrong; later
#: than int64 can tell.
CUT, FAULTY, TOO_LATE = -1, -2, -3


@kernel
def prepare(given: Given, kept: Kept, stage: int, queries: int, reals: F8, wholes: I8) -> None:
    """Draw all luck of a block of queries, whose WHO is filled, and turn it into times."""
    stages, run, laws, parts, points = given.stages, given.run, given.laws, given.parts, given.points
    last = kept.candidates.shape[1] - 1
    if stage > 0:
        for i in range(queries):
            reals[PREVIOUS, i] = kept.candidates[stage - 1, min(wholes[WHO, i], last)]
    name_tasks(stages, stage, queries, wholes)
    work_of_block(
        stages,
        run,
        laws,
        parts,
        points,
        given.share,
        given.knot_items,
        given.knot_ns,
        given.knot_slope,
        stage,
        queries,
        given.work,
        reals,
        wholes,
    )
    fill_responses(stages, run, laws, parts, points, stage, queries, reals, wholes)
    fill_factors(stages, run, laws, parts, points, stage, queries, reals, wholes)
    draw_routes(stages, run, stage, queries, reals, wholes)


@kernel
def pass_block(
    given: Given,
    kept: Kept,
    clock: Rows,
    lists: Rows,
    heap: I8,
    free_ns: I8,
    outstanding: I8,
    fault: I8,
    stage: int,
    queries: int,
    reals: F8,
    wholes: I8,
) -> None:
    """Let the replicas of a stage serve the queries of a prepared block, one after another, and record it.

    Fills CLOSES, the instant at which the stage closes, or CUT, FAULTY or TOO_LATE; and LANE, the column of the
    critical shard. After a query that is FAULTY or TOO_LATE nobody is served.
    """
    stages = given.stages
    shards, replicas = stages[stage]["shards"], stages[stage]["replicas"]
    end_ns = given.run[0]["end_ns"]
    last = kept.candidates.shape[1] - 1
    is_aware = is_load_aware(stages[stage]["policy"]) and replicas > 1
    is_narrow = given.modes[stage]["is_narrow"] == 1
    answers = LISTS * stage + ANSWERS
    for i in range(queries):
        query, now, first_task = wholes[WHO, i], wholes[ENTER, i], i * shards
        kept.candidates[stage, min(query, last)] = reals[SCORED, i]
        if is_aware:
            while lists[answers]["size"] > 0 and next_instant(lists, heap, answers) <= now:
                least = lists[answers]["first"]
                outstanding[heap[least, L_ORDER]] -= heap[least, L_WHAT]
                take(lists, heap, answers)
        view = view_of(stages, given.run, query, stage)
        route(stages, given.run, outstanding, fault, stage, query, view, first_task, reals, wholes)
        if fault[0] != 0:
            wholes[CLOSES, i] = FAULTY
            return
        if is_narrow:
            close_ns, lane = narrow(given, kept, free_ns, stage, query, now, first_task, reals, wholes)
        else:
            close_ns, lane = wide(given, kept, clock, free_ns, stage, query, now, first_task, reals, wholes)
        if is_aware:
            fill_loads(stages, stage, first_task, reals, wholes)
            for shard in range(shards):
                task = first_task + shard
                counter = view + shard * replicas + wholes[REPLICA, task]
                outstanding[counter] += wholes[LOAD, task]
                if wholes[ANSWERED, task] <= end_ns:
                    put(lists, heap, answers, wholes[ANSWERED, task], counter, wholes[LOAD, task])
        wholes[LANE, i] = lane
        if close_ns >= NEVER_NS and end_ns == NEVER_NS:
            wholes[CLOSES, i] = TOO_LATE
            return
        wholes[CLOSES, i] = close_ns if close_ns <= end_ns else CUT


@formula
def count_task(counters: I8, replica: int, busy_ns: int, waited_ns: int) -> None:
    """Add one finished task to the counters of its replica."""
    counters[TASKS, replica] += 1
    counters[BUSY, replica] = rules.add(counters[BUSY, replica], busy_ns)
    counters[WAITING, replica] = rules.add(counters[WAITING, replica], waited_ns)
    counters[LONGEST, replica] = max(counters[LONGEST, replica], waited_ns)


@formula
def keep_close(
    kept: Kept,
    stage: int,
    query: int,
    close_ns: int,
    shard: int,
    enqueue_ns: int,
    waited: int,
    service: int,
    total: int,
) -> None:
    """Record that a stage of a query closes, and its critical task."""
    kept.instants[CLOSE, stage, query] = close_ns
    kept.critical_shard[stage, query] = shard
    kept.instants[CRITICAL_ENQUEUE, stage, query] = enqueue_ns
    kept.instants[CRITICAL_WAIT, stage, query] = waited
    kept.instants[CRITICAL_SERVICE, stage, query] = service
    kept.instants[ANSWER_SUM, stage, query] = total


@formula
def narrow(
    given: Given,
    kept: Kept,
    free_ns: I8,
    stage: int,
    query: int,
    now: int,
    first_task: int,
    reals: F8,
    wholes: I8,
) -> tuple[int, int]:
    """Serve the tasks of a query one after another; returns the instant of closing and the critical shard."""
    stages = given.stages
    shards, replicas = stages[stage]["shards"], stages[stage]["replicas"]
    workers = stages[stage]["workers"]
    first_replica, first_worker = stages[stage]["first_replica"], given.modes[stage]["first_worker"]
    end_ns = given.run[0]["end_ns"]
    is_counted = query >= given.run[0]["first_measured"]
    enqueue_ns = now + stages[stage]["request_ns"]
    send_ns = stages[stage]["send_ns"]
    last_ns = total = rules.NOTHING
    critical = critical_enqueue = critical_wait = critical_service = rules.NOTHING
    for shard in range(shards):
        task = first_task + shard
        local = shard * replicas + wholes[REPLICA, task]
        replica = first_replica + local
        service = service_ns(reals[ALONE, task], given.machine_factor[replica], reals[FACTOR, task])
        worker = first_worker + local * workers
        if workers > 1:
            worker = next_worker(free_ns, worker, workers, enqueue_ns)
        start_ns = max(enqueue_ns, free_ns[worker])
        finish_ns = min(start_ns + service, NEVER_NS)
        free_ns[worker] = finish_ns
        answer_ns = min(finish_ns + wholes[RESPONDING, task], NEVER_NS)
        wholes[ANSWERED, task] = answer_ns
        waited = start_ns - enqueue_ns
        if is_counted and finish_ns <= end_ns:
            count_task(kept.counters, replica, service, waited)
        total = rules.add(total, answer_ns - now)
        if answer_ns >= last_ns:
            last_ns = answer_ns
            critical, critical_enqueue, critical_wait, critical_service = shard, enqueue_ns, waited, service
        enqueue_ns += send_ns
    if last_ns <= end_ns:
        keep_close(kept, stage, query, last_ns, critical, critical_enqueue, critical_wait, critical_service, total)
    return last_ns, critical


@formula
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


@formula
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
    replica, service, response_ns = wholes[REPLICA, here], wholes[SERVICE, here], wholes[RESPONDING, here]
    waited, finished = wholes[WAITED, here], wholes[FINISHED, here]
    answered, worker = wholes[ANSWERED, here], wholes[WORKER, here]
    settle(given, stage, reals[ALONE, here], reals[FACTOR, here], replica, service)
    has_table = kept.table.shape[1] > 0
    serve(
        stages,
        stage,
        modes[stage]["first_worker"],
        enqueued_ns,
        0 if in_lanes else send_ns,
        replica,
        service,
        response_ns,
        waited,
        finished,
        answered,
        worker,
        free_ns,
        has_table or end_ns != NEVER_NS,
    )
    if query >= given.run[0]["first_measured"]:
        count(stages, stage, end_ns, replica, service, waited, finished, kept.counters)
    if has_table:
        keep_tasks(kept.table, clock, query, stages, stage, enqueued_ns, end_ns, first_task, wholes)
    if in_lanes:
        first_lane = stages[stage]["first_shard"]
        close_ns, critical, total = close_lanes(given.lanes, first_lane, shards, answered, now, send_ns)
        lane = 0
        while given.lanes[LAST, first_lane + lane] != critical:
            lane += 1
    else:
        close_ns, critical = closing(shards, answered)
        total = sum_since(shards, answered, now, close_ns)
        lane = critical
    if close_ns <= end_ns:
        enqueue_ns = enqueued_ns + critical * send_ns
        keep_close(kept, stage, query, close_ns, critical, enqueue_ns, waited[lane], service[lane], total)
    return close_ns, lane


@formula
def settle(given: Given, stage: int, alone_ns: F8, factor: F8, replica: I8, service: I8) -> None:
    """Fill ``service`` with the service times of a query's tasks."""
    stages = given.stages
    shards, replicas, first = stages[stage]["shards"], stages[stage]["replicas"], stages[stage]["first_replica"]
    machines = given.machine_factor[first : first + shards * replicas]
    if replicas == 1:
        for shard in range(shards):
            service[shard] = service_ns(alone_ns[shard], machines[shard], factor[shard])
    else:
        for shard in range(shards):
            slowness = machines[shard * replicas + replica[shard]]
            service[shard] = service_ns(alone_ns[shard], slowness, factor[shard])


@formula
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


@formula
def count(
    stages: Rows, stage: int, end_ns: int, replica: I8, service: I8, waited: I8, finished: I8, counters: I8
) -> None:
    """Add the tasks of a query that finish until ``end_ns`` to the counters of their replicas."""
    shards, replicas, first = stages[stage]["shards"], stages[stage]["replicas"], stages[stage]["first_replica"]
    if replicas == 1 and end_ns == NEVER_NS:
        beyond = first + shards
        tasks, busy_ns = counters[TASKS, first:beyond], counters[BUSY, first:beyond]
        waiting_ns, longest_wait_ns = counters[WAITING, first:beyond], counters[LONGEST, first:beyond]
        tasks[0] += 1  # every replica has as many: told to the others when the run is over
        for shard in range(shards):
            busy_ns[shard] = rules.add(busy_ns[shard], service[shard])
        for shard in range(shards):
            waiting_ns[shard] = rules.add(waiting_ns[shard], waited[shard])
        for shard in range(shards):
            longest_wait_ns[shard] = max(longest_wait_ns[shard], waited[shard])
        return
    for shard in range(shards):
        if finished[shard] <= end_ns:
            count_task(counters, first + shard * replicas + replica[shard], service[shard], waited[shard])


@kernel
def keep_tasks(
    table: I8,
    clock: Rows,
    query: int,
    stages: Rows,
    stage: int,
    enqueued_ns: int,
    end_ns: int,
    first_task: int,
    wholes: I8,
) -> None:
    """Write what a pass found of every task into the table, as far as it happens until ``end_ns``."""
    send_ns = stages[stage]["send_ns"]
    for shard in range(stages[stage]["shards"]):
        task = first_task + shard
        row = clock[0]["copies"]
        clock[0]["copies"] += 1
        enqueue = enqueued_ns + shard * send_ns
        start = enqueue + wholes[WAITED, task]
        table[T_QUERY, row] = query
        table[T_STAGE, row] = stage
        table[T_SHARD, row] = shard
        table[T_COPY, row] = 0
        table[T_BATCH, row] = 0
        table[T_REPLICA, row] = (
            stages[stage]["first_replica"] + shard * stages[stage]["replicas"] + wholes[REPLICA, task]
        )
        table[T_STATE, row] = copy_states.SENT
        if enqueue <= end_ns:
            table[T_ENQUEUE, row] = enqueue
            table[T_STATE, row] = copy_states.QUEUED
        if start <= end_ns:
            table[T_START, row] = start
            table[T_WORKER, row] = wholes[WORKER, task]
            table[T_BATCH, row] = 1
            table[T_STATE, row] = copy_states.RUNNING
        if wholes[FINISHED, task] <= end_ns:
            table[T_FINISH, row] = wholes[FINISHED, task]
            table[T_STATE, row] = copy_states.ANSWERING
        if wholes[ANSWERED, task] <= end_ns:
            table[T_ANSWER, row] = wholes[ANSWERED, task]
            table[T_STATE, row] = copy_states.DONE


@formula
def closing(shards: int, answered: I8) -> tuple[int, int]:
    """Instant of the last of ``shards`` answers, and its shard: of simultaneous ones the highest."""
    last = answered[0]
    for shard in range(1, shards):
        last = max(last, answered[shard])
    shard = shards - 1
    while answered[shard] != last:
        shard -= 1
    return last, shard


@formula
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
def close_lanes(lanes: I8, first: int, classes: int, answered: I8, enter_ns: int, send_ns: int) -> tuple[int, int, int]:
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
