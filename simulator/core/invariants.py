"""What every Trace obeys, recomputed the slow way from the Plan: for tests, and for whoever doubts a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.core import copy_states as copies
from simulator.core import hits as of_hits
from simulator.core import rules
from simulator.core.admission import violations_of_door
from simulator.core.beside import beside, own_rows, summed
from simulator.core.breakers import violations_of_processes
from simulator.core.clients import violations_of_clients
from simulator.core.columns import COMPLETE, PARTIAL, SHED, SKIPPED, UNFINISHED, Columns, of_replicas
from simulator.core.failures import loses
from simulator.core.fan_out import fans_out, visited_shards
from simulator.core.followed import Been, been, following, takes_of
from simulator.core.following import follows
from simulator.core.gathered import closing, critical, withdrawals
from simulator.core.gathering import awaits_copies, counts_answers, is_partial
from simulator.core.hedged import copied, places, with_sendings
from simulator.core.hedging import sends_again, sends_copies
from simulator.core.hosted import seats_of
from simulator.core.lateness import patiences_ns
from simulator.core.limits import refuses
from simulator.core.lost import endings, losses, times_down
from simulator.core.optional import takes_of_stage
from simulator.core.plan import I8, NEVER_NS, Plan
from simulator.core.refused import arrived_ns, response_ns
from simulator.core.retrying import outcomes, violations_of_attempts
from simulator.core.routed import holds, routing
from simulator.core.scaled import sent_to_others, violations_of_scaling
from simulator.core.served import NEVER, afters, at_replica, freed, of_batch, over, released, times_alone
from simulator.core.shared import is_shared, lost_ns, replayed, sharing, taken_ns, window
from simulator.core.sources import violations_of_sources
from simulator.core.violations import Rows, Violation, at, violation


def violations(plan: Plan, trace: Columns) -> Iterator[Violation]:
    """Every place at which a trace breaks an invariant: conservation, causality, the breakdown of latency.

    With a table of tasks also queues and counters. Nothing is yielded of a trace that is right.
    """
    if not np.array_equal(trace.arrival_ns, plan.arrival_ns):
        yield violation("I01", {"arrivals": trace.arrival_ns.tolist(), "of the plan": plan.arrival_ns.tolist()})
        return
    if (trace.first_measured, trace.measured) != (plan.first_measured, plan.measured):
        case = {"first measured": trace.first_measured, "measured": trace.measured}
        yield violation("I02", {**case, "of the plan": (plan.first_measured, plan.measured)})
    window_ns, of_plan = (trace.window_begin_ns, trace.window_end_ns), (plan.window_begin_ns, plan.window_end_ns)
    if window_ns != of_plan:
        yield violation("I42", {"window_ns": window_ns, "of_the_plan": of_plan})
    watched_ns = max(0, plan.watched_until_ns - plan.window_begin_ns)
    busy, place = trace.window_busy_ns, {"replica": np.arange(plan.replicas)}
    workers = of_replicas(plan, plan.stages["workers"] * plan.stages["threads"])
    served = np.zeros_like(busy)
    np.add.at(served, seats_of(plan.stages), busy)
    wrong = (busy < 0) | (served > workers * watched_ns)
    yield from at(
        "I43", wrong, place, window_busy_ns=served, workers=workers, watched_ns=np.full_like(busy, watched_ns)
    )
    yield from times_down(plan, trace.down_ns)
    yield from violations_of_clients(plan, trace)
    yield from violations_of_door(plan, trace)
    yield from violations_of_attempts(plan, trace)
    yield from violations_of_scaling(plan, trace)
    yield from violations_of_processes(plan, trace)
    tasks = None if trace.task_table is None else _rows(trace)
    yield from violations_of_sources(plan, trace, tasks)
    been_at = {} if tasks is None else been(plan, trace, tasks)
    hit, over, asked = of_hits.seen(plan, trace)
    yield from _funnel(plan, trace, over)
    yield from of_hits.of_caches(plan, trace, hit, over)
    for stage in range(len(plan.stages)):
        yield from _instants(trace, stage)
        yield from _breakdown(plan, asked, stage, been_at)
    if tasks is not None:
        yield from _task_by_task(plan, asked, with_sendings(plan, asked, tasks, been_at), been_at, trace)


def _funnel(plan: Plan, trace: Columns, over: NDArray[np.bool_]) -> Iterator[Violation]:
    """Queries go through stage after stage, and none is lost; ``over``: (stages, queries) by a hit before a stage."""
    query, first_ns = {"query": np.arange(plan.queries)}, np.where(trace.outcome == SHED, -1, trace.arrival_ns)
    late_ns = trace.arrival_ns + patiences_ns(plan)
    expected, left = outcomes(plan, trace)
    answered = np.isin(trace.outcome, (COMPLETE, PARTIAL))
    yield from at("I03", answered != left, query, outcome=trace.outcome, leave_ns=trace.completion_ns)
    yield from at("I50", trace.outcome != expected, query, outcome=trace.outcome, of_its_stages=expected)
    if plan.drain_ns == NEVER_NS:
        yield from at("I04", trace.outcome == UNFINISHED, query, outcome=trace.outcome)
    for stage in range(len(plan.stages)):
        comes_ns = trace.leave_ns[stage - 1] if stage else first_ns
        comes_ns = np.where(comes_ns <= late_ns, comes_ns, -1)  # who is later goes no further
        taken = takes_of_stage(plan, stage) & ~over[stage]
        candidates, entered = trace.candidates[stage], (comes_ns >= 0) & taken
        number = "I05" if stage else "I06"
        where = {**query, "stage": stage}
        yield from at(number, (candidates >= 0) != entered, where, candidates=candidates, left_before_ns=comes_ns)
        wrong = ~taken & ((trace.leave_ns[stage] != comes_ns) | (trace.close_ns[stage] >= 0))
        yield from at("I70", wrong, where, left_ns=trace.leave_ns[stage], left_before_ns=comes_ns)
        if len(trace.stage_outcome):
            outcome = trace.stage_outcome[stage]
            wrong = (outcome == SKIPPED) != (~taken & (comes_ns >= 0))
            yield from at("I70", wrong, where, outcome=outcome, is_taken=taken)


def _instants(trace: Columns, stage: int) -> Iterator[Violation]:
    """A stage is entered, closes and is left, in this order."""
    enter, close, leave = trace.enter_ns[stage], trace.close_ns[stage], trace.leave_ns[stage]
    where, leave = {"query": np.arange(len(enter)), "stage": stage}, np.where(enter < 0, -1, leave)
    yield from at("I07", (close >= 0) & (close < enter), where, enter_ns=enter, close_ns=close)
    yield from at("I08", (leave >= 0) & ((leave < close) | (close < 0)), where, close_ns=close, leave_ns=leave)
    candidates = trace.candidates[stage]
    yield from at("I09", (candidates >= 0) != (enter >= 0), where, candidates=candidates, enter_ns=enter)


def _breakdown(plan: Plan, trace: Columns, stage: int, been_at: Been) -> Iterator[Violation]:
    """Latency of a stage is the critical task's request, wait, service and response, and the merge.

    The Trace derives the response from the rest, so it is held against what the task draws. ``been_at``: of stages
    that follow, with a table of tasks.
    """
    row, where = plan.stages[stage], {"query": np.arange(plan.queries), "stage": stage}
    close, shard = trace.close_ns[stage], trace.critical_shard[stage]
    leave = np.where(trace.passes_by(stage), -1, trace.leave_ns[stage])
    is_over_early = refuses(plan.stages, stage) or loses(plan.stages, stage)
    partial, closed = bool(counts_answers(plan.stages, stage)), close >= 0
    until_ns = trace.enter_ns[stage] + np.minimum(row["timeout_ns"], NEVER_NS // 2)
    is_late = (close == until_ns) | ((row["then"] >= 0) & (close <= until_ns + 1)) | bool(is_over_early)
    without = bool(is_partial(plan.stages, stage)) & closed & (shard < 0) & is_late
    yield from at("I10", closed != ((shard >= 0) | without), where, close_ns=close, critical_shard=shard)
    closed &= shard >= 0
    yield from at("I11", closed & (shard >= row["shards"]), where, critical_shard=shard, shards=int(row["shards"]))
    enqueue = trace.critical_enqueue_ns[stage]
    known = closed & (bool(not follows(plan.stages, stage)) | (stage in been_at))  # where it goes
    entered = trace.enter_ns[stage], known, np.zeros_like(known)
    held_ns = holds(plan, stage, np.arange(plan.queries), shard, *entered, been_at)
    place = places(plan, stage, np.arange(plan.queries), np.where(known, shard, -1), been_at)
    yield from at("I60", known & (place < 0), where, critical_shard=shard)
    expected = trace.enter_ns[stage] + held_ns + row["request_ns"] + place * row["send_ns"]
    again_ns = row["hedge_ns"] if sends_copies(plan.stages, stage) else NEVER_NS
    again_ns = min(again_ns, row["detect_ns"]) if loses(plan.stages, stage) else again_ns
    is_copy = bool(sends_again(plan.stages, stage)) & (enqueue >= trace.enter_ns[stage] + again_ns)
    wrong = known & (place >= 0) & (enqueue != expected) & ~is_copy
    yield from at("I40", wrong, where, enqueue_ns=enqueue, expected_ns=expected)
    response = trace.response_ns(stage, slice(None))
    drawn = np.full((int(row["sendings"]), plan.queries), -1)
    for copy, query in np.ndindex(drawn.shape):
        if closed[query] and (copy == 0 or is_copy[query]):
            drawn[copy, query] = response_ns(plan, stage, query, int(shard[query]), copy)
    wrong = closed & (response != drawn).all(axis=0)
    yield from at("I12", wrong, where, response_ns=response, response_drawn_ns=drawn[0])
    service = trace.critical_service_ns[stage]
    yield from at("I13", closed & (service < 1), where, service_ns=service)
    answers = 1 if partial else int(row["shards"])  # at least
    merge_ns, merged = rules.merge_ns(plan.stages, stage, answers), leave - close
    wrong = merged < merge_ns if row["mergers"] or partial else merged != merge_ns
    yield from at("I14", (leave >= 0) & wrong, where, merged_in_ns=merged, merge_ns=int(merge_ns))
    total, most = trace.answer_sum_ns[stage], row["shards"] * (close - trace.enter_ns[stage])
    yield from at("I15", (close >= 0) & (total > most), where, answer_sum_ns=total, at_most_ns=most)


# --- tasks ------------------------------------------------------------------------------------------------------------


def _rows(trace: Columns) -> Rows:
    table = trace.task_table
    assert table is not None
    unknown = np.full(len(table.query), -1)
    columns = {name: getattr(table, name) for name in Rows._fields if hasattr(table, name)}
    more = {name: unknown for name in Rows._fields if name not in columns}
    return Rows(**columns, **more)


def _task_by_task(plan: Plan, trace: Columns, tasks: Rows, been_at: Been, whole: Columns) -> Iterator[Violation]:
    both = Rows(*map(np.concatenate, zip(tasks, own := own_rows(plan, trace), strict=True)))
    alone_ns = [times_alone(plan, whole, stage, been_at) for stage in range(len(plan.stages))]
    done_ns, gained_ns = replayed(plan, both, alone_ns)
    lost = lost_ns(plan, both, gained_ns)[: len(tasks.query)]
    yield from beside(plan, trace, own)
    yield from sharing(plan, both, done_ns)
    is_late = np.zeros(len(tasks.query), dtype=bool)
    yield from _copies(plan, trace, tasks, been_at)
    for stage in range(len(plan.stages)):
        here = tasks.some(tasks.stage == stage)
        yield from _life(plan, trace, here, stage)
        yield from withdrawals(plan, trace, here, stage)
        yield from losses(plan, here, stage)
        yield from released(plan, both.some(both.stage == stage))
        yield from copied(plan, trace, here, stage)
        yield from sent_to_others(plan, here, stage)
        if awaits_copies(plan.stages, stage):
            broken, is_late[tasks.stage == stage] = closing(plan, trace, here, stage, been_at)
            yield from broken
        else:
            yield from _gathering(plan, trace, here, stage)
        yield from critical(trace, here, stage, lost[tasks.stage == stage])
        yield from routing(plan, here, stage)
        yield from following(plan, here, stage, been_at)
    stages, seats = of_replicas(plan, np.arange(len(plan.stages))), seats_of(plan.stages)
    there = (both.replica >= 0) & (both.replica < plan.replicas)  # else I24 is broken
    served = both.some(there)._replace(replica=seats[both.replica[there]])
    for replica in np.unique(seats).tolist():
        yield from at_replica(plan, served.some(served.replica == replica), int(stages[replica]), replica, alone_ns)
    yield from _counters(plan, trace, both, np.append(is_late, np.zeros(len(own.query), dtype=bool)), gained_ns)


#: Instants of a copy, in order, and what happens to it then.
INSTANTS = ("enqueue_ns", "start_ns", "finish_ns", "answer_ns")
STEPS = (copies.ENQUEUED, copies.STARTED, copies.FINISHED, copies.ANSWERED)


def _histories() -> Any:
    """(states, 16) whether a copy in a state may have some of INSTANTS, a bit each, by the table of states alone."""
    possible = np.zeros((len(copies.STATES), 2 ** len(STEPS)), dtype=bool)
    possible[copies.SENT, 0] = True
    for _ in copies.STATES:  # no way through the table is longer
        for (state, step), after in copies.TRANSITIONS.items():
            bit = 1 << STEPS.index(step) if step in STEPS else 0
            for instants in np.flatnonzero(possible[state]):
                possible[after, instants | bit] = True
    return possible


def _copies(plan: Plan, trace: Columns, tasks: Rows, been_at: Been) -> Iterator[Violation]:
    """Every copy has one row, in order, and the instants that lead to its state; every shard is sent one."""
    rank = np.lexsort((tasks.copy, tasks.shard, tasks.stage, tasks.query))
    names = np.stack((tasks.query, tasks.stage, tasks.shard, tasks.copy))
    again = np.zeros(len(rank), dtype=bool)
    again[1:] = (names[:, 1:] == names[:, :-1]).all(axis=0)
    yield from at("I37", (rank != np.arange(len(rank))) | again, tasks.place, copy=tasks.copy)
    state, known = tasks.state, (tasks.state >= 0) & (tasks.state < len(copies.STATES))
    instants = {name: getattr(tasks, name) for name in INSTANTS}
    reached = sum((instant >= 0).astype(np.int64) << bit for bit, instant in enumerate(instants.values()))
    is_started = tasks.start_ns >= 0
    wrong = ~known | ~_histories()[np.where(known, state, 0), reached]
    has_worker = is_started & ~is_shared(plan, tasks)
    wrong |= ((tasks.batch > 0) != is_started) | (tasks.batch < 0) | ((tasks.worker >= 0) != has_worker)
    yield from at("I36", wrong, tasks.place, state=state, batch=tasks.batch, worker=tasks.worker, **instants)
    if plan.drain_ns == NEVER_NS:
        yield from at("I41", ~np.isin(state, copies.FINAL), tasks.place, state=state)
    sent = np.zeros((len(plan.stages), plan.queries), dtype=np.int64)
    np.add.at(sent, (tasks.stage, tasks.query), tasks.copy == 0)
    for stage, row in enumerate(plan.stages):
        where = {"query": np.arange(plan.queries), "stage": stage}
        entered = trace.candidates[stage] >= 0
        expected = np.where(entered, row["shards"], 0)
        if fans_out(plan.stages, stage):
            whose = np.flatnonzero(entered).tolist()
            counts = [len(visited_shards(plan, stage, one, takes_of(been_at, stage, one))[0]) for one in whose]
            expected[entered] = counts
        yield from at("I39", sent[stage] != expected, where, copies=sent[stage], shards=expected)


def _life(plan: Plan, trace: Columns, tasks: Rows, stage: int) -> Iterator[Violation]:
    """Every task is sent, enqueued, started, finished and answered in that order."""
    row, place = plan.stages[stage], tasks.place
    enter = trace.enter_ns[stage][tasks.query]
    enqueue, start, finish, answer = tasks.enqueue_ns, tasks.start_ns, tasks.finish_ns, tasks.answer_ns
    leaves, arrived = tasks.sent_ns + tasks.held_ns + tasks.place_in_query * row["send_ns"], arrived_ns(tasks)
    expected = leaves + row["request_ns"]
    there, is_visited = arrived >= 0, (tasks.place_in_query >= 0) | (tasks.copy > 0)
    yield from at("I60", ~is_visited, place, copy=tasks.copy)
    wrong = there & is_visited & (tasks.sent_ns >= 0) & (arrived != expected)
    yield from at("I16", wrong, place, enqueue_ns=arrived, expected_ns=expected)
    yield from at("I17", there & (enter < 0), place, enqueue_ns=enqueue)
    early = (start >= 0) & ((start < enqueue) | (enqueue < 0))
    yield from at("I18", early, place, enqueue_ns=enqueue, start_ns=start)
    yield from at("I19", (finish >= 0) & ((finish <= start) | (start < 0)), place, start_ns=start, finish_ns=finish)
    early = (answer >= 0) & ((answer < finish) | (finish < 0))
    yield from at("I20", early, place, finish_ns=finish, answer_ns=answer)


def _gathering(plan: Plan, trace: Columns, tasks: Rows, stage: int) -> Iterator[Violation]:
    """A stage closes at the last answer of its tasks."""
    where = {"query": np.arange(plan.queries), "stage": stage}
    close, closed, answered = trace.close_ns[stage], trace.close_ns[stage] >= 0, tasks.answer_ns >= 0
    answers, last, total = np.zeros(plan.queries, np.int64), np.full(plan.queries, -1), np.zeros(plan.queries, np.int64)
    np.add.at(answers, tasks.query[answered], 1)
    np.maximum.at(last, tasks.query, tasks.answer_ns)
    np.add.at(total, tasks.query, tasks.answer_ns - trace.enter_ns[stage][tasks.query])
    shards, recorded = int(plan.stages[stage]["shards"]), trace.answer_sum_ns[stage]
    yield from at("I21", closed & (answers < shards), where, answers=answers, shards=shards)
    yield from at("I22", closed & (last != close), where, last_answer_ns=last, close_ns=close)
    yield from at("I23", closed & (total != recorded), where, sum_ns=total, answer_sum_ns=recorded)


def _counters(
    plan: Plan, trace: Columns, tasks: Rows, is_late: NDArray[np.bool_], gained_ns: I8
) -> Iterator[Violation]:
    """Counters of replicas are sums over the tasks of measured queries that were served, late, stopped or withdrawn."""
    there = (tasks.replica >= 0) & (tasks.replica < plan.replicas)  # else I24 is broken
    is_started = ((tasks.start_ns >= 0) | (tasks.finish_ns >= 0)) & there
    started, is_late = tasks.some(is_started), is_late[is_started]
    of, heads = of_batch(started)
    ends, count = over(started), np.bincount(of)
    is_measured = started.query >= plan.first_measured
    is_head = heads[of] == np.arange(len(of))

    def part(taken_ns: I8) -> I8:
        whole, rest = np.divmod(taken_ns, count[of])
        return np.asarray(whole + np.where(is_head, rest, 0))

    after = part(afters(plan, started))
    busy = np.where(is_shared(plan, started), gained_ns[is_started], part(ends - started.start_ns)) + after
    is_own = started.query < 0
    yield from summed(plan, trace, started.some(is_own), busy[is_own])
    is_done, is_over = (started.finish_ns >= 0) & is_measured, (ends < NEVER) & is_measured
    is_lost = started.state == copies.LOST
    is_stopped, is_lost = is_over & (started.withdrawn_ns >= 0) & ~is_lost, is_over & is_lost
    wait = started.start_ns - started.enqueue_ns + lost_ns(plan, started, gained_ns[is_started])
    sizes = np.zeros(plan.batch_sizes, dtype=np.int64)
    is_served = np.zeros(len(heads), dtype=bool)
    is_served[of[started.finish_ns >= 0]] = True
    for batch in np.unique(of[is_measured & is_served[of] & plan.is_batched[started.stage]]):
        row = plan.stages[started.stage[heads[batch]]]
        sizes[row["first_batch"] + min(count[batch], row["max_size"]) - 1] += 1
    yield from at("I47", trace.batches != sizes, {"place": np.arange(len(sizes))}, batches=trace.batches, found=sizes)
    one = np.ones_like(busy)
    place = {"replica": np.arange(plan.replicas)}
    for number, name, put, which, values in (
        ("I32", "tasks", np.add, is_done, one),
        ("I33", "busy_ns", np.add, is_over, busy),
        ("I33", "waiting_ns", np.add, is_done, wait),
        ("I53", "after_ns", np.add, is_done, after),
        ("I34", "longest_wait_ns", np.maximum, is_done, wait),
        ("I38", "wasted_ns", np.add, is_stopped | is_lost | (is_late & is_over), busy),
        ("I68", "lost_ns", np.add, is_lost, busy),
        ("I38", "stopped_ns", np.add, is_stopped, busy),
        ("I38", "late", np.add, is_late & is_over, one),
        ("I38", "stopped", np.add, is_stopped, one),
    ):
        expected, counted = np.zeros(plan.replicas, dtype=np.int64), getattr(trace, name)
        put.at(expected, started.replica[which], values[which])
        yield from at(number, counted != expected, place, counter=name, counted=counted, of_its_tasks=expected)
    yield from endings(plan, trace, tasks, there)
    inside_ns = taken_ns(plan, started, ends)
    heads = heads[~is_shared(plan, started)[heads]]
    yield from window(plan, trace, started.some(heads), freed(started)[heads], inside_ns)
