"""The compiled loop: event after event, looking ahead wherever that is exact.

One function, since what happens next is one decision; the state it works on is described in ``compiled``.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from __future__ import annotations

import numpy as np

from simulator.core import rules
from simulator.core.calling import IS
from simulator.core.dispatch import ANSWERING, LOAD, REPLICA, SERVICE, dispatch
from simulator.core.jit import formula, kernel
from simulator.core.plan import KEY_BITS, NEVER_NS
from simulator.core.trace import COMPLETE, UNFINISHED
from simulator.engines.eventlist import INSTANT, ORDER, WHAT, pop, push
from simulator.engines.lookahead import (
    ANSWERED,
    FINISHED,
    LAST,
    WAITED,
    WORKER,
    close_lanes,
    closing,
    count,
    count_one,
    counts_dispatches,
    serve,
    sum_since,
)

#: What the engine knows of a stage besides the Plan.
MODE = np.dtype(
    [
        ("looks_ahead", np.int64),  # 0: event by event
        ("in_lanes", np.int64),  # 1: its shards are classes in lockstep
        ("first_worker", np.int64),  # of the stage, in free_ns and running
        ("first_merger", np.int64),  # in merger_free_ns
        ("answers", np.int64),  # that close the stage
        ("dispatches", np.int64),  # of measured queries, counted where that is the number of tasks of each replica
    ]
)

#: Scalars of the state, int64: arrivals so far; sizes of the event list and of the list of answers to come; tasks
#: sent; first unused row of ``task``, and how many are unused; events so far; and the last event, for the assertion.
CURSOR, EVENTS_SIZE, ANSWERS_SIZE, SENT, UNUSED, UNUSED_COUNT, EVENTS, NOW, LAST_ORDER = range(9)
SCALARS = 9

#: Why the loop came back: all has happened, the budget is used up, an array is too small, or int64 is; a user's rule
#: went wrong.
DONE, PAUSED, FULL, OVERFLOW, FAULT = range(5)

#: Columns of ``instants`` of the Trace, (rows, stages, queries) int64.
CLOSE, LEAVE, CRITICAL_WAIT, CRITICAL_SERVICE, ANSWER_SUM = range(5)
INSTANTS = 5

#: A task under way at a stage that runs event by event: a row of ``task``, int64. NEXT: behind it in the queue.
T_QUERY, T_STAGE, T_SHARD, T_REPLICA, T_SERVICE, T_RESPONSE, T_COUNTER, T_LOAD, T_ENQUEUE, T_START, T_WORKER, T_NEXT = (
    range(12)
)
TASK_COLUMNS = 12

#: Rows of the table of tasks.
(B_REPLICA, B_WORKER, B_ENQUEUE, B_START, B_FINISH, B_ANSWER) = range(6)
TABLE = 6


@kernel
def note_all(  # type: ignore[no-untyped-def]
    table, query, stages, stage, enqueued_ns, send_ns, end_ns, decided, passed
):
    """Write what a pass found of every task into the table, as far as it happens until ``end_ns``."""
    for shard in range(stages[stage]["shards"]):
        column = stages[stage]["first_shard"] + shard
        enqueue = enqueued_ns + shard * send_ns
        start = enqueue + passed[WAITED, shard]
        local = shard * stages[stage]["replicas"] + decided[REPLICA, shard]
        table[B_REPLICA, query, column] = stages[stage]["first_replica"] + local
        if enqueue <= end_ns:
            table[B_ENQUEUE, query, column] = enqueue
        if start <= end_ns:
            table[B_START, query, column] = start
            table[B_WORKER, query, column] = passed[WORKER, shard]
        if passed[FINISHED, shard] <= end_ns:
            table[B_FINISH, query, column] = passed[FINISHED, shard]
        if passed[ANSWERED, shard] <= end_ns:
            table[B_ANSWER, query, column] = passed[ANSWERED, shard]


@formula
def merged(stages, stage, answers, first_merger, merger_free_ns, close_ns):  # type: ignore[no-untyped-def]
    """Instant at which the merge of a stage that closes now is done: mergers serve in the order of closing."""
    duration_ns = rules.merge_ns(stages, stage, answers)
    mergers = stages[stage]["mergers"]
    if mergers == 0:
        return min(close_ns + duration_ns, NEVER_NS)
    chosen = first_merger
    for merger in range(first_merger + 1, first_merger + mergers):
        if merger_free_ns[merger] < merger_free_ns[chosen]:
            chosen = merger
    done_ns = min(max(close_ns, merger_free_ns[chosen]) + duration_ns, NEVER_NS)
    merger_free_ns[chosen] = done_ns
    return done_ns


@formula
def leave(instants, outcome, events, state, stages, stage_bits, end_ns, query, stage, done_ns):  # type: ignore[no-untyped-def]
    """A query leaves a stage at ``done_ns``, if that is before the cut: on to the next stage, or complete."""
    if done_ns > end_ns or done_ns >= NEVER_NS:
        return
    instants[LEAVE, stage, query] = done_ns
    if stage + 1 == stages.shape[0]:
        outcome[query] = COMPLETE
    else:
        order = rules.event_order(rules.DISPATCH, (query << stage_bits) | (stage + 1))
        state[EVENTS_SIZE] = push(events, state[EVENTS_SIZE], done_ns, order, rules.NOTHING)


@kernel
def start_soon(events, state, free_workers, head, is_starting, replica, now):  # type: ignore[no-untyped-def]
    """At the end of this instant, start what may start at a replica. Once an instant is enough."""
    if free_workers[replica] > 0 and head[replica] >= 0 and is_starting[replica] == 0:
        is_starting[replica] = 1
        state[EVENTS_SIZE] = push(
            events, state[EVENTS_SIZE], now, rules.event_order(rules.START, replica), rules.NOTHING
        )


@kernel
def advance(  # type: ignore[no-untyped-def]
    stages,
    stage_laws,
    law_parts,
    law_points,
    share,
    knot_items,
    knot_ns,
    knot_slope,
    machine_factor,
    addresses,
    fault,
    arrival_ns,
    work,
    seed,
    replication,
    first_measured,
    end_ns,
    stage_bits,
    shard_bits,
    worker_bits,
    send_bits,
    modes,
    lanes,
    state,
    events,
    answers,
    outstanding,
    pooled,
    scratch,
    decided,
    passed,
    free_ns,
    merger_free_ns,
    task,
    head,
    tail,
    free_workers,
    is_starting,
    running,
    missing,
    instants,
    candidates,
    critical_shard,
    outcome,
    counters,
    table,
    budget,
):
    """Let events happen until ``budget`` tasks or events are through, or what else ends it; returns which."""
    queries = arrival_ns.shape[0]
    key_mask = (1 << KEY_BITS) - 1
    stage_mask = (1 << stage_bits) - 1
    margin = scratch.shape[1] + 4
    for stage in range(stages.shape[0]):
        margin = max(margin, stages[stage]["workers"] + 4)
    is_endless = end_ns == NEVER_NS
    has_table = table.shape[1] > 0
    has_all_rows = has_table or not is_endless
    while budget > 0:
        cursor = state[CURSOR]
        size = state[EVENTS_SIZE]
        if size == 0 and cursor == queries:
            return DONE
        if events.shape[0] - size < margin or answers.shape[0] - state[ANSWERS_SIZE] < margin:
            return FULL
        arrives = cursor < queries
        if arrives:
            now = arrival_ns[cursor]
            order = rules.event_order(rules.DISPATCH, cursor << stage_bits)
            arrives = size == 0 or now < events[0, INSTANT] or (now == events[0, INSTANT] and order < events[0, ORDER])
        if arrives:  # an arrival only dispatches to the first stage, within its instant
            what = 0
            state[CURSOR] = cursor + 1
            outcome[cursor] = UNFINISHED
            for stage in range(stages.shape[0]):
                for row in range(INSTANTS):
                    instants[row, stage, cursor] = -1
                instants[ANSWER_SUM, stage, cursor] = 0
                candidates[stage, cursor] = -1.0
                critical_shard[stage, cursor] = -1
        else:
            now = events[0, INSTANT]
            order = events[0, ORDER]
            what = events[0, WHAT]
            state[EVENTS_SIZE] = pop(events, size)
        assert now > state[NOW] or order > state[LAST_ORDER], "an event creates only later events"
        state[NOW] = now
        state[LAST_ORDER] = order
        state[EVENTS] += 1
        kind = order >> KEY_BITS
        key = order & key_mask

        if kind == rules.DISPATCH:
            query = key >> stage_bits
            stage = key & stage_mask
            shards = stages[stage]["shards"]
            looks_ahead = modes[stage]["looks_ahead"] == 1
            if not looks_ahead and state[UNUSED_COUNT] < shards:  # take it back, and come again with more room
                if arrives:
                    state[CURSOR] = cursor
                else:
                    state[EVENTS_SIZE] = push(events, state[EVENTS_SIZE], now, order, what)
                state[LAST_ORDER] = order - 1
                state[EVENTS] -= 1
                return FULL
            budget -= shards
            is_aware = rules.is_load_aware(stages[stage]["policy"]) and stages[stage]["replicas"] > 1
            if is_aware and looks_ahead:
                while state[ANSWERS_SIZE] > 0 and answers[0, INSTANT] <= now:
                    outstanding[answers[0, ORDER]] -= answers[0, WHAT]
                    state[ANSWERS_SIZE] = pop(answers, state[ANSWERS_SIZE])
            previous = candidates[stage - 1, query] if stage > 0 else 0.0
            candidates[stage, query], view = dispatch(
                stages,
                stage_laws,
                law_parts,
                law_points,
                share,
                knot_items,
                knot_ns,
                knot_slope,
                machine_factor,
                addresses,
                fault,
                outstanding,
                seed,
                replication,
                query,
                stage,
                previous,
                work[query],
                pooled,
                scratch,
                decided,
            )
            if fault[IS] != 0:
                return FAULT
            enqueued_ns = now + stages[stage]["request_ns"]
            send_ns = stages[stage]["send_ns"]
            if looks_ahead:
                first_worker = modes[stage]["first_worker"]
                in_lanes = modes[stage]["in_lanes"] == 1
                spread_ns = 0 if in_lanes else send_ns
                serve(stages, stage, first_worker, enqueued_ns, spread_ns, decided, free_ns, passed, has_all_rows)
                if query >= first_measured:
                    count(stages, stage, end_ns, decided, passed, counters)
                    if counts_dispatches(stages[stage]["replicas"], end_ns):
                        modes[stage]["dispatches"] += 1
                if has_table:
                    note_all(table, query, stages, stage, enqueued_ns, send_ns, end_ns, decided, passed)
                state[SENT] += modes[stage]["answers"]
                if is_aware:
                    for shard in range(shards):
                        counter = view + shard * stages[stage]["replicas"] + decided[REPLICA, shard]
                        outstanding[counter] += decided[LOAD, shard]
                        if passed[ANSWERED, shard] <= end_ns:
                            state[ANSWERS_SIZE] = push(
                                answers, state[ANSWERS_SIZE], passed[ANSWERED, shard], counter, decided[LOAD, shard]
                            )
                if in_lanes:
                    first_lane = stages[stage]["first_shard"]
                    close_ns, critical, total = close_lanes(lanes, first_lane, shards, passed[ANSWERED], now, send_ns)
                    lane = 0
                    while lanes[LAST, first_lane + lane] != critical:
                        lane += 1
                else:
                    close_ns, critical = closing(shards, passed[ANSWERED])
                    total = sum_since(shards, passed[ANSWERED], now, close_ns)
                    lane = critical
                if is_endless and close_ns >= NEVER_NS:
                    return OVERFLOW
                if close_ns <= end_ns:
                    instants[CLOSE, stage, query] = close_ns
                    critical_shard[stage, query] = critical
                    instants[CRITICAL_WAIT, stage, query] = passed[WAITED, lane]
                    instants[CRITICAL_SERVICE, stage, query] = decided[SERVICE, lane]
                    instants[ANSWER_SUM, stage, query] = total
                    if stages[stage]["mergers"] == 0:
                        done_ns = merged(
                            stages,
                            stage,
                            modes[stage]["answers"],
                            modes[stage]["first_merger"],
                            merger_free_ns,
                            close_ns,
                        )
                        if is_endless and done_ns >= NEVER_NS:
                            return OVERFLOW
                        leave(instants, outcome, events, state, stages, stage_bits, end_ns, query, stage, done_ns)
                    else:  # its turn among the mergers comes with its closing answer
                        column = (query << shard_bits) | (stages[stage]["first_shard"] + lane)
                        order = rules.event_order(rules.ANSWER, column)
                        state[EVENTS_SIZE] = push(events, state[EVENTS_SIZE], close_ns, order, -1 - stage)
            else:
                missing[query] = shards
                instants[ANSWER_SUM, stage, query] = 0
                for shard in range(shards):
                    new = state[UNUSED]
                    state[UNUSED] = task[new, T_NEXT]
                    state[UNUSED_COUNT] -= 1
                    local = shard * stages[stage]["replicas"] + decided[REPLICA, shard]
                    at = stages[stage]["first_replica"] + local
                    task[new, T_QUERY] = query
                    task[new, T_STAGE] = stage
                    task[new, T_SHARD] = shard
                    task[new, T_REPLICA] = at
                    task[new, T_SERVICE] = decided[SERVICE, shard]
                    task[new, T_RESPONSE] = decided[ANSWERING, shard]
                    task[new, T_COUNTER] = view + local
                    task[new, T_LOAD] = decided[LOAD, shard] if is_aware else 0
                    task[new, T_NEXT] = -1
                    outstanding[view + local] += task[new, T_LOAD]
                    if has_table:
                        table[B_REPLICA, query, stages[stage]["first_shard"] + shard] = at
                    order = rules.event_order(rules.ENQUEUE, (at << send_bits) | state[SENT])
                    state[SENT] += 1
                    enqueue_ns = enqueued_ns + shard * send_ns
                    if is_endless and enqueue_ns >= NEVER_NS:
                        return OVERFLOW
                    if enqueue_ns <= end_ns:
                        state[EVENTS_SIZE] = push(events, state[EVENTS_SIZE], enqueue_ns, order, new)
            continue

        budget -= 1
        if kind == rules.ENQUEUE:
            at = task[what, T_REPLICA]
            task[what, T_ENQUEUE] = now
            column = stages[task[what, T_STAGE]]["first_shard"] + task[what, T_SHARD]
            if has_table:
                table[B_ENQUEUE, task[what, T_QUERY], column] = now
            if head[at] < 0:
                head[at] = what
            else:
                task[tail[at], T_NEXT] = what
            tail[at] = what
            start_soon(events, state, free_workers, head, is_starting, at, now)
        elif kind == rules.START:
            at = key
            is_starting[at] = 0
            while free_workers[at] > 0 and head[at] >= 0:
                started = head[at]
                head[at] = task[started, T_NEXT]
                task[started, T_NEXT] = -1
                stage = task[started, T_STAGE]
                first = (at - stages[stage]["first_replica"]) * stages[stage]["workers"]
                first += modes[stage]["first_worker"]
                by = 0
                while running[first + by] >= 0:
                    by += 1
                running[first + by] = started
                free_workers[at] -= 1
                task[started, T_START] = now
                task[started, T_WORKER] = by
                column = stages[stage]["first_shard"] + task[started, T_SHARD]
                if has_table:
                    table[B_START, task[started, T_QUERY], column] = now
                if has_table:
                    table[B_WORKER, task[started, T_QUERY], column] = by
                finish_ns = now + task[started, T_SERVICE]
                if is_endless and finish_ns >= NEVER_NS:
                    return OVERFLOW
                if finish_ns <= end_ns:
                    order = rules.event_order(rules.FINISH, (at << worker_bits) | by)
                    state[EVENTS_SIZE] = push(events, state[EVENTS_SIZE], finish_ns, order, started)
        elif kind == rules.FINISH:
            at = task[what, T_REPLICA]
            stage = task[what, T_STAGE]
            query = task[what, T_QUERY]
            first = (at - stages[stage]["first_replica"]) * stages[stage]["workers"]
            running[modes[stage]["first_worker"] + first + task[what, T_WORKER]] = -1
            free_workers[at] += 1
            if query >= first_measured:
                count_one(counters, at, task[what, T_SERVICE], task[what, T_START] - task[what, T_ENQUEUE])
            column = stages[stage]["first_shard"] + task[what, T_SHARD]
            if has_table:
                table[B_FINISH, query, column] = now
            answer_ns = now + task[what, T_RESPONSE]
            if is_endless and answer_ns >= NEVER_NS:
                return OVERFLOW
            if answer_ns <= end_ns:
                order = rules.event_order(rules.ANSWER, (query << shard_bits) | column)
                state[EVENTS_SIZE] = push(events, state[EVENTS_SIZE], answer_ns, order, what)
            start_soon(events, state, free_workers, head, is_starting, at, now)
        else:  # an answer, or the closing one of a stage that looked ahead
            query = key >> shard_bits
            closes = True
            if what < 0:
                stage = -1 - what
            else:
                stage = task[what, T_STAGE]
                shard = task[what, T_SHARD]
                outstanding[task[what, T_COUNTER]] -= task[what, T_LOAD]
                if has_table:
                    table[B_ANSWER, query, stages[stage]["first_shard"] + shard] = now
                enter_ns = arrival_ns[query] if stage == 0 else instants[LEAVE, stage - 1, query]
                total = rules.add(instants[ANSWER_SUM, stage, query], now - enter_ns)
                instants[ANSWER_SUM, stage, query] = total
                missing[query] -= 1
                closes = missing[query] == 0
                if closes:
                    instants[CLOSE, stage, query] = now
                    critical_shard[stage, query] = shard
                    instants[CRITICAL_WAIT, stage, query] = task[what, T_START] - task[what, T_ENQUEUE]
                    instants[CRITICAL_SERVICE, stage, query] = task[what, T_SERVICE]
                task[what, T_NEXT] = state[UNUSED]
                state[UNUSED] = what
                state[UNUSED_COUNT] += 1
            if closes:
                first_merger = modes[stage]["first_merger"]
                done_ns = merged(stages, stage, modes[stage]["answers"], first_merger, merger_free_ns, now)
                if is_endless and done_ns >= NEVER_NS:
                    return OVERFLOW
                leave(instants, outcome, events, state, stages, stage_bits, end_ns, query, stage, done_ns)
    return PAUSED
