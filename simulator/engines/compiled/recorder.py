"""What happened, written into the columns of the Trace; nobody else writes there but the instants of leaving."""

from simulator.core import copy_states, rules
from simulator.core.fan_out import fans_out
from simulator.core.jit import kernel, passage
from simulator.core.plan import I8, Rows
from simulator.core.service import stays_taken
from simulator.core.sources import end_of
from simulator.core.work import AFTERWARDS, ANSWERED, FINISHED, REPLICA, VISITED, WAITED, WORKER
from simulator.engines.compiled import records
from simulator.engines.compiled.records import LONGEST, PARTLY, TASKS, WAITING, Given, Kept


@passage
def count_task(counters: I8, where: int, replica: int, service_ns: int, waited_ns: int) -> None:
    """Add one finished task of a measured query to the counters of its replica; ``where``: INSIDE or ACROSS."""
    counters[TASKS, replica] += 1
    counters[where, replica] = rules.add(counters[where, replica], service_ns)
    counters[WAITING, replica] = rules.add(counters[WAITING, replica], waited_ns)
    counters[LONGEST, replica] = max(counters[LONGEST, replica], waited_ns)


@passage
def count_part(counters: I8, run: Rows, replica: int, start_ns: int, release_ns: int) -> None:
    """Add how long a started task takes its worker inside the window; not of one that is in INSIDE."""
    served_ns = min(release_ns, run[0]["watched_until_ns"]) - max(start_ns, run[0]["window_begin_ns"])
    if served_ns > 0:
        counters[PARTLY, replica] = rules.add(counters[PARTLY, replica], served_ns)


@passage
def count_after(kept: Kept, replica: int, after_ns: int) -> None:
    """Add how long a worker stayed taken when the answer of a task of a measured query had gone."""
    kept.after_ns[replica] = rules.add(kept.after_ns[replica], after_ns)


@passage
def uncount_part(counters: I8, run: Rows, replica: int, stopped_ns: int, release_ns: int) -> None:
    """Take back what a task that is stopped does not take inside the window, of what ``count_part`` has added."""
    served_ns = min(release_ns, run[0]["watched_until_ns"]) - max(stopped_ns, run[0]["window_begin_ns"])
    if served_ns > 0:
        counters[PARTLY, replica] -= served_ns


@passage
def count_busy(counters: I8, where: int, replica: int, busy_ns: int) -> None:
    """Add what a worker was kept busy by a task of a measured query that is not finished."""
    counters[where, replica] = rules.add(counters[where, replica], busy_ns)


@passage
def count_spared(kept: Kept, what: int, how_long: int, replica: int, busy_ns: int) -> None:
    """Add a task of a measured query that nobody needed to the counters of its replica."""
    kept.spared[what, replica] += 1
    kept.spared[how_long, replica] = rules.add(kept.spared[how_long, replica], busy_ns)


@passage
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
    kept.instants[records.CLOSE, stage, query] = close_ns
    kept.critical_shard[stage, query] = shard
    kept.instants[records.CRITICAL_ENQUEUE, stage, query] = enqueue_ns
    kept.instants[records.CRITICAL_WAIT, stage, query] = waited
    kept.instants[records.CRITICAL_SERVICE, stage, query] = service
    kept.instants[records.ANSWER_SUM, stage, query] = total


@passage
def keep_sources(given: Given, kept: Kept, stage: int, query: int, first_task: int, wholes: I8) -> None:
    """Record when each source has answered, of a stage that has several, whose tasks a pass has served."""
    stages, sources, first = given.stages, given.sources, given.modes[stage]["first_kept"]
    if first >= 0:
        before, is_choosy = stages[stage]["first_source"], fans_out(stages, stage)
        for source in range(before, before + stages[stage]["sources"]):
            last_ns = rules.NOTHING - 1
            for shard in range(sources[source]["first"], end_of(stages, sources, stage, source)):
                if not (is_choosy and wholes[VISITED, first_task + shard] == 0):
                    last_ns = max(last_ns, wholes[ANSWERED, first_task + shard])
            kept.source_answer_ns[first + source - before, query] = last_ns


@kernel
def keep_tasks(
    table: I8,
    clock: Rows,
    query: int,
    stages: Rows,
    laws: Rows,
    stage: int,
    enqueued_ns: int,
    end_ns: int,
    first_task: int,
    wholes: I8,
) -> None:
    """Write what a pass found of every task into the table, as far as it happens until ``end_ns``."""
    send_ns, is_longer = stages[stage]["send_ns"], stays_taken(laws, stage)
    enqueue, is_choosy = enqueued_ns - send_ns, fans_out(stages, stage)
    for shard in range(stages[stage]["shards"]):
        task = first_task + shard
        if is_choosy and wholes[VISITED, task] == 0:
            continue
        enqueue += send_ns
        release = wholes[FINISHED, task] + (wholes[AFTERWARDS, task] if is_longer else 0)
        row = clock[0]["copies"]
        clock[0]["copies"] += 1
        start = enqueue + wholes[WAITED, task]
        table[records.T_QUERY, row] = query
        table[records.T_STAGE, row] = stage
        table[records.T_SHARD, row] = shard
        table[records.T_COPY, row] = 0
        table[records.T_BATCH, row] = 0
        table[records.T_REPLICA, row] = (
            stages[stage]["first_replica"] + shard * stages[stage]["replicas"] + wholes[REPLICA, task]
        )
        table[records.T_STATE, row] = copy_states.SENT
        if enqueue <= end_ns:
            table[records.T_ENQUEUE, row] = enqueue
            table[records.T_STATE, row] = copy_states.QUEUED
        if start <= end_ns:
            table[records.T_START, row] = start
            table[records.T_WORKER, row] = wholes[WORKER, task]
            table[records.T_BATCH, row] = 1
            table[records.T_STATE, row] = copy_states.RUNNING
        if wholes[FINISHED, task] <= end_ns:
            table[records.T_FINISH, row] = wholes[FINISHED, task]
            table[records.T_STATE, row] = copy_states.ANSWERING
        if release <= end_ns:
            table[records.T_RELEASE, row] = release
        if wholes[ANSWERED, task] <= end_ns:
            table[records.T_ANSWER, row] = wholes[ANSWERED, task]
            table[records.T_STATE, row] = copy_states.DONE
