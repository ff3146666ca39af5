"""What every Trace obeys, recomputed the slow way from the Plan: for tests, and for whoever doubts a run."""

from __future__ import annotations

import numpy as np

from simulator.core import draws, rules
from simulator.core.laws import sampling
from simulator.core.plan import NEVER_NS, RESPONSE, ROLES, Plan
from simulator.core.trace import COMPLETE, TaskGrid, Trace


def verify_trace(plan: Plan, trace: Trace) -> None:
    """Check conservation, causality and the breakdown of latency; with a task table, queues and counters too.

    Raises
    ------
    AssertionError
        Naming the first invariant that does not hold.
    """
    assert np.array_equal(trace.arrival_ns, plan.arrival_ns), "I01: the trace has the plan's arrivals"
    assert (trace.first_measured, trace.measured) == (plan.first_measured, plan.measured), "I02: the same are measured"
    _funnel(plan, trace)
    for stage in range(len(plan.stages)):
        _breakdown(plan, trace, stage)
    if trace.task_table is not None:
        table = trace.task_table.grid(plan)
        for stage in range(len(plan.stages)):
            _tasks(plan, trace, table, stage)
            _queues(plan, table, stage)
        _counters(plan, trace, table)


def _funnel(plan: Plan, trace: Trace) -> None:
    """Queries go through stage after stage, and none is lost."""
    complete = trace.outcome == COMPLETE
    assert np.array_equal(complete, trace.completion_ns >= 0), "I03: a query is complete if and only if it has left"
    if plan.drain_ns == NEVER_NS:
        assert complete.all(), "I04: without a cut of the drain every query is complete"
    for stage in range(1, len(plan.stages)):
        entered, left_before = trace.candidates[stage] >= 0, trace.leave_ns[stage - 1] >= 0
        assert np.array_equal(entered, left_before), "I05: a stage is entered on leaving another"
    assert np.all(trace.candidates[0] >= 0), "I06: every query enters the first stage"
    for stage in range(len(plan.stages)):
        enter, close, leave = trace.enter_ns[stage], trace.close_ns[stage], trace.leave_ns[stage]
        assert np.all((close < 0) | (close >= enter)), "I07: a stage closes after it was entered"
        assert np.all((leave < 0) | ((leave >= close) & (close >= 0))), "I08: a stage is left after it closed"
        assert np.array_equal(trace.candidates[stage] >= 0, enter >= 0), "I09: candidates are known of entered stages"


def _breakdown(plan: Plan, trace: Trace, stage: int) -> None:
    """Latency of a stage is the critical task's request, wait, service and response, and the merge.

    The Trace derives the response from the rest, so it is held against what the task draws.
    """
    row = plan.stages[stage]
    closed = trace.close_ns[stage] >= 0
    shard = trace.critical_shard[stage]
    assert np.array_equal(closed, shard >= 0), "I10: a closed stage has a critical task"
    assert np.all(shard[closed] < row["shards"]), "I11: the critical shard is one of the stage"
    queries = np.flatnonzero(closed)
    drawn = [_response_ns(plan, stage, int(query), int(shard[query])) for query in queries]
    assert np.array_equal(trace.response_ns(stage, slice(None))[queries], np.array(drawn, dtype=np.int64)), (
        "I12: the critical task explains when a stage closes"
    )
    assert np.all(trace.critical_service_ns[stage][closed] >= 1), "I13: a service takes at least 1 ns"
    left = trace.leave_ns[stage] >= 0
    merge = rules.merge_ns(plan.stages, stage, int(row["shards"]))
    merged = (trace.leave_ns[stage] - trace.close_ns[stage])[left]
    assert np.all(merged >= merge if row["mergers"] else merged == merge), "I14: a merge takes its time"
    total, spent = trace.answer_sum_ns[stage][closed], (trace.close_ns[stage] - trace.enter_ns[stage])[closed]
    assert np.all(total <= row["shards"] * spent), "I15: no answer counts after the closing one"


def _response_ns(plan: Plan, stage: int, query: int, shard: int) -> int:
    """Response latency of a task, drawn alone."""
    place, law = stage * draws.PLACES + shard, stage * ROLES + RESPONSE
    luck, _ = draws.uniforms(plan.seed, plan.replication, draws.RESPONSE, query, place, draws.FIRST_COPY)
    return int(rules.round_ns(sampling.quantile(plan.laws, plan.law_parts, plan.law_points, law, luck)))


def _tasks(plan: Plan, trace: Trace, table: TaskGrid, stage: int) -> None:
    """Every task is sent, enqueued, started, finished and answered in that order, at a replica of its shard."""
    row = plan.stages[stage]
    first, count = int(row["first_shard"]), int(row["shards"])
    here = slice(first, first + count)
    enter = trace.enter_ns[stage]
    entered = enter >= 0
    shard = np.arange(count)
    enqueue, start = table.enqueue_ns[:, here], table.start_ns[:, here]
    finish, answer = table.finish_ns[:, here], table.answer_ns[:, here]
    expected = enter[:, None] + row["request_ns"] + shard * row["send_ns"]
    there = enqueue >= 0
    assert np.array_equal(enqueue[there], expected[there]), (
        "I16: a task is enqueued a request latency after its sending"
    )
    assert not np.any(there & ~entered[:, None]), "I17: no task without its query"
    assert np.all((start < 0) | ((start >= enqueue) & there)), "I18: a task starts when it is there"
    assert np.all((finish < 0) | ((finish > start) & (start >= 0))), "I19: a service takes time"
    assert np.all((answer < 0) | ((answer >= finish) & (finish >= 0))), "I20: an answer follows its finish"
    closed = trace.close_ns[stage] >= 0
    assert np.all(answer[closed] >= 0), "I21: a stage closes when all answers are there"
    assert np.array_equal(answer[closed].max(axis=1, initial=-1), trace.close_ns[stage][closed]), (
        "I22: at the last of them"
    )
    critical = closed, first + trace.critical_shard[stage][closed]
    for name, found, expected in (
        ("waiting", trace.critical_wait_ns, table.start_ns[critical] - table.enqueue_ns[critical]),
        ("service", trace.critical_service_ns, table.finish_ns[critical] - table.start_ns[critical]),
        ("answer", trace.close_ns, table.answer_ns[critical]),
    ):
        assert np.array_equal(found[stage][closed], expected), f"I35: the critical task's {name} is that of the task"
    total = (answer - enter[:, None])[closed].sum(axis=1)
    assert np.array_equal(total, trace.answer_sum_ns[stage][closed]), "I23: answers sum to what is recorded"
    replica = table.replica[:, here]
    low = row["first_replica"] + shard * row["replicas"]
    gone = (shard >= row["first_lost"]) & (shard < row["first_lost"] + row["lost"])
    inside = (replica >= low) & (replica < low + row["replicas"] - gone)
    assert np.all(inside[entered]), "I24: a task goes to a replica of its shard that is there"
    if row["by_query"]:
        chosen = (replica - low)[entered]
        assert np.array_equal(chosen, np.broadcast_to(chosen[:, :1], chosen.shape)), (
            "I25: one index for the whole query"
        )


def _queues(plan: Plan, table: TaskGrid, stage: int) -> None:
    """At each replica: first come first served, never idle while a task waits, a worker serves one task at a time."""
    row = plan.stages[stage]
    columns = slice(int(row["first_shard"]), int(row["first_shard"] + row["shards"]))
    replica = table.replica[:, columns].ravel()
    enqueue, start = table.enqueue_ns[:, columns].ravel(), table.start_ns[:, columns].ravel()
    finish, worker = table.finish_ns[:, columns].ravel(), table.worker[:, columns].ravel()
    workers = int(row["workers"])
    for index in np.unique(replica[enqueue >= 0]):
        mine = np.flatnonzero((replica == index) & (enqueue >= 0))
        started = mine[start[mine] >= 0]
        order = started[np.argsort(enqueue[started], kind="stable")]
        assert np.all(np.diff(start[order]) >= 0), "I26: first come, first served"
        waiting = mine[start[mine] < 0]
        if len(waiting) and len(started):
            assert enqueue[started].max() <= enqueue[waiting].min(), "I27: nobody overtakes those who still wait"
        end = np.where(finish < 0, np.iinfo(np.int64).max, finish)
        for task in started:
            others = started[(start[started] <= start[task]) & (end[started] > start[task])]
            assert len(others) <= workers, "I28: no more tasks at once than workers"
            same = others[(worker[others] == worker[task]) & (others != task)]
            assert len(same) == 0, "I29: a worker serves one task at a time"
            if start[task] > enqueue[task]:
                just_before = started[(start[started] < start[task]) & (end[started] >= start[task])]
                assert len(just_before) >= workers, "I30: nobody waits while a worker is idle"
            assert 0 <= worker[task] < workers, "I31: the worker is one of the replica's"


def _counters(plan: Plan, trace: Trace, table: TaskGrid) -> None:
    """Counters of replicas are sums over the finished tasks of measured queries."""
    done = table.finish_ns >= 0
    done[: plan.first_measured] = False
    replica = table.replica[done]
    busy, wait = (table.finish_ns - table.start_ns)[done], (table.start_ns - table.enqueue_ns)[done]
    assert np.array_equal(np.bincount(replica, minlength=plan.replicas), trace.tasks), "I32: tasks are counted"
    for weights, counted in ((busy, trace.busy_ns), (wait, trace.waiting_ns)):
        total = np.zeros(plan.replicas, dtype=np.int64)
        np.add.at(total, replica, weights)
        assert np.array_equal(total, counted), "I33: busy and waiting times are summed"
    longest = np.zeros(plan.replicas, dtype=np.int64)
    np.maximum.at(longest, replica, wait)
    assert np.array_equal(longest, trace.longest_wait_ns), "I34: the longest wait is kept"
