"""What a trace shows of caches, held against the plan: whose answers they have, and what comes of these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.core.caches import held_at_first, is_cached, keys_of, may_hit
from simulator.core.columns import COMPLETE, HIT, SKIPPED, Columns
from simulator.core.lateness import patiences_ns
from simulator.core.plan import Plan
from simulator.core.violations import Violation, at

Marks = NDArray[np.bool_]


def seen(plan: Plan, trace: Columns) -> tuple[Marks, Marks, Any]:
    """What follows from when queries enter and leave: ``hits``, ``over_before``, and the trace ``without`` the hits."""
    hit = hits(plan, trace)
    return hit, over_before(plan, trace, hit), without(trace, hit)


def hits(plan: Plan, trace: Columns) -> Marks:
    """(stages, queries) whether the cache of a stage has the answer of a query, by when queries enter and leave."""
    found = np.zeros((len(plan.stages), plan.queries), dtype=np.bool_)
    for stage in range(len(plan.stages)) if may_hit(plan) else ():
        if not is_cached(plan.stages, stage):
            continue
        row, keys = plan.stages[stage], keys_of(plan, stage)
        enter_ns, leave_ns = trace.enter_ns[stage], trace.leave_ns[stage]
        is_whole = (trace.stage_outcome[stage] == COMPLETE) & (leave_ns >= 0)
        asks = [(int(enter_ns[query]), 1, query) for query in np.flatnonzero(enter_ns >= 0).tolist()]
        puts = [(int(leave_ns[query]), 0, query) for query in np.flatnonzero(is_whole).tolist()]
        held = dict.fromkeys(held_at_first(row))  # the least recent first
        for _, is_asking, query in sorted(asks + puts):
            key = int(keys[query])
            is_held = key in held
            if is_asking:
                found[stage, query] = is_held
            if is_held or not is_asking:
                held.pop(key, None)
                held[key] = None
            if len(held) > row["cached"]:
                del held[next(iter(held))]
    return found


def over_before(plan: Plan, trace: Columns, hit: Marks) -> Marks:
    """(stages, queries) whether a query is over by a hit in a stage before."""
    is_left = (trace.leave_ns >= 0) & (trace.leave_ns <= trace.arrival_ns + patiences_ns(plan))
    ends = hit & (plan.stages["hit_ends"] == 1)[:, None] & is_left
    over = np.zeros_like(hit)
    over[1:] = np.logical_or.accumulate(ends, axis=0)[:-1]
    return over


def of_caches(plan: Plan, trace: Columns, hit: Marks, over: Marks) -> Iterator[Violation]:
    """Of each stage: who has the answer from its cache, and what is recorded of those; nothing where no stage has one.

    ``hit``, ``over``: of ``seen``.
    """
    query = {"query": np.arange(plan.queries)}
    for stage, row in enumerate(plan.stages) if may_hit(plan) else ():
        where, outcome = {**query, "stage": stage}, trace.stage_outcome[stage]
        left_ns = trace.enter_ns[stage] + row["hit_ns"]
        is_left = hit[stage] & (left_ns <= plan.end_ns)
        yield from at("I75", (outcome == HIT) != is_left, where, outcome=outcome, is_held=hit[stage])
        leave_ns = trace.leave_ns[stage]
        wrong = is_left & (leave_ns != left_ns)
        yield from at("I76", wrong, where, left_ns=leave_ns, expected_ns=left_ns)
        for name, value in (
            ("close_ns", np.where(is_left, left_ns, -1)),
            ("critical_shard", -1),
            ("critical_enqueue_ns", -1),
            ("answers", np.where(is_left, 0, -1)),
            ("coverage", np.where(is_left, 1.0, -1.0)),
            ("answer_sum_ns", 0),
        ):
            recorded = getattr(trace, name)[stage]
            wrong = hit[stage] & (recorded != value)
            yield from at("I76", wrong, where, of=name, recorded=recorded, expected=value)
        last_ns = trace.leave_ns[stage - 1]
        wrong = over[stage] & ((trace.candidates[stage] >= 0) | (leave_ns != last_ns))
        yield from at("I77", wrong, where, left_ns=leave_ns, over_ns=last_ns)


def without(trace: Columns, hit: Marks) -> Any:
    """The trace as if those whose answers caches have passed these stages by: nobody there has seen them."""
    if not hit.any():
        return trace
    candidates, answers, coverage = np.array(trace.candidates), np.array(trace.answers), np.array(trace.coverage)
    close_ns, outcome = np.array(trace.close_ns), np.array(trace.stage_outcome)
    candidates[hit], answers[hit], coverage[hit], close_ns[hit] = -1.0, -1, -1.0, -1
    outcome[hit & (trace.leave_ns >= 0)] = SKIPPED
    more: Any = {"candidates": candidates, "answers": answers, "coverage": coverage, "close_ns": close_ns}
    return replace(trace, stage_outcome=outcome, **more)
