"""What a trace shows of tasks that replicas have of their own, held against the plan."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simulator.core import copy_states as copies
from simulator.core.background import background_of, has_background, may_have_background, name_of
from simulator.core.columns import Columns, in_all_threads
from simulator.core.plan import F8, I8, Plan
from simulator.core.rules import MOST_NS
from simulator.core.violations import Rows, Violation, at

#: They come after all tasks of queries of the same instant.
LAST_NS = np.iinfo(np.int64).max


def own_rows(plan: Plan, trace: Columns) -> Rows:
    """The tasks of replicas' own in a trace that has tables; none where it has none of them."""
    table = trace.background_table
    length = 0 if table is None else len(table.query)
    columns = {name: getattr(table, name, np.zeros(0, dtype=np.int64)) for name in Rows._fields}
    columns["sent_ns"] = np.full(length, LAST_NS)
    for name in ("sent_by", "held_ns", "place_in_query"):
        columns[name] = np.zeros(length, dtype=np.int64)
    return Rows(**columns)


def alone_ns_of(plan: Plan, tasks: Rows) -> F8:
    """(tasks,) time alone of those of replicas' own, in ns; 0 of others."""
    luck = plan.run_row(), plan.laws, plan.law_parts, plan.law_points
    alone_ns = np.zeros(len(tasks.query))
    for one in np.flatnonzero(tasks.query < 0).tolist():
        whose = int(tasks.stage[one]), int(tasks.shard[one]), int(tasks.query[one])
        if 0 <= whose[0] < len(plan.stages) and has_background(plan.laws, whose[0]):  # else I63 is broken
            alone_ns[one] = background_of(*luck, *whose)[1]
    return alone_ns


def due(plan: Plan) -> dict[tuple[int, int, int], tuple[int, int]]:
    """Of each task of replicas' own, by query, stage and shard: its replica, and when it comes."""
    luck = plan.run_row(), plan.laws, plan.law_parts, plan.law_points
    found = {}
    for stage, row in enumerate(plan.stages):
        for shard in range(row["shards"] * int(has_background(plan.laws, stage))):
            for index in range(plan.left[row["first_shard"] + shard]):
                replica = int(row["first_replica"]) + shard * int(row["replicas"]) + index
                number, come_ns = 0, 0
                while come_ns <= plan.arrival_ns[-1]:
                    name = int(name_of(plan.stages, stage, index, number))
                    come_ns += int(background_of(*luck, stage, shard, name)[0])
                    number += 1
                    if come_ns <= plan.arrival_ns[-1]:
                        found[name, stage, shard] = replica, come_ns
    return found


def beside(plan: Plan, trace: Columns, own: Rows) -> Iterator[Violation]:
    """Tasks of replicas' own come when they are due, and take the steps of their kind; they are counted."""
    expected = due(plan) if may_have_background(plan) else {}
    names = list(zip(own.query.tolist(), own.stage.tolist(), own.shard.tolist(), strict=True))
    there = [expected.get(name, (-1, -1)) for name in names]
    replica, come_ns = np.array(there, dtype=np.int64).reshape(-1, 2).T
    wrong = (own.replica != replica) | (own.enqueue_ns != come_ns) | (own.answer_ns >= 0) | (own.copy != 0)
    yield from at("I63", wrong, own.place, replica=own.replica, enqueue_ns=own.enqueue_ns, due_ns=come_ns)
    missing = len(expected) - len(set(names) & set(expected))
    yield from at("I63", np.array([missing != 0]), {"missing": np.array([missing])}, found=np.array([len(names)]))
    reached = (own.start_ns >= 0).astype(np.int64) + (own.finish_ns >= 0)
    states = np.array([copies.QUEUED, copies.RUNNING, copies.DONE])
    yield from at("I63", own.state != states[reached], own.place, state=own.state)
    done = own.some(own.finish_ns >= 0)
    inside = done.some((done.finish_ns >= plan.window_begin_ns) & (done.finish_ns < plan.window_end_ns))
    counted = inside.some((inside.replica >= 0) & (inside.replica < plan.replicas))
    found = np.bincount(counted.replica, minlength=plan.replicas)
    place = {"replica": np.arange(plan.replicas)}
    yield from at("I64", trace.background != found, place, background=trace.background, of_its_tasks=found)


def summed(plan: Plan, trace: Columns, own: Rows, busy_ns: I8) -> Iterator[Violation]:
    """The service times of tasks of replicas' own, ``busy_ns`` (tasks,), are summed where they are over."""
    inside = (own.finish_ns >= plan.window_begin_ns) & (own.finish_ns < plan.window_end_ns)
    inside &= (own.replica >= 0) & (own.replica < plan.replicas)
    found = np.zeros(plan.replicas, dtype=np.int64)
    for replica, taken_ns in zip(own.replica[inside].tolist(), busy_ns[inside].tolist(), strict=True):
        found[replica] += min(taken_ns, MOST_NS - int(found[replica]))
    found, place = in_all_threads(plan, found), {"replica": np.arange(plan.replicas)}
    yield from at("I64", trace.background_ns != found, place, background_ns=trace.background_ns, of_its_tasks=found)
