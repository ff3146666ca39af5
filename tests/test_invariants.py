"""Invariants of a trace: each is broken by a trace that was tampered with, and told with its number and place."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from conftest import ROOT

from simulator.core.admission import behind_a_door
from simulator.core.assemble import StageParts, assemble
from simulator.core.caches import Cache
from simulator.core.classes import QueryClass, classified
from simulator.core.clients import sent_by_clients, simulated
from simulator.core.columns import ADMITTED as NOT_SHED
from simulator.core.columns import BY_LIMIT, COMPLETE, HIT
from simulator.core.copy_states import DONE, RUNNING, STATES
from simulator.core.failures import Failures
from simulator.core.fan_out import visited_shards
from simulator.core.hosted import hosted
from simulator.core.laws import Law
from simulator.core.outages import Outage
from simulator.core.plan import CANCEL_RUNNING, LEAST_OUTSTANDING, LIFO, LOSE_QUEUED, frozen
from simulator.core.retrying import with_patience
from simulator.core.scaling import HPA, Scaling, with_scaling
from simulator.core.sources import SourceParts
from simulator.core.violations import INVARIANTS
from simulator.engines import reference
from simulator.testing.book import BOOK

EIGHT = np.arange(8) * 3


def plan_of(arrival_ns=EIGHT):
    """Two stages of queueing: two shards by two replicas of two workers, by query; then one shard, with a merger."""
    first = StageParts(
        [0.5, 0.5],
        replicas=2,
        workers=2,
        by_query=True,
        candidates=Law.constant(4.0),
        knots=[(0.0, 9.0, 4.0)],
        task=Law.exponential(1.0),
        response=Law.uniform(1.0, 9.0),
        request_ns=2,
        send_ns=1,
    )
    second = StageParts(knots=[(0.0, 10.0, 0.0)], merge_ns=2, mergers=1)
    return assemble([first, second], arrival_ns, seed=4, first_measured=1)


def closed_plan(parts, queries, think=5.0, **more):
    """Two clients that wait."""
    return sent_by_clients(assemble(parts, np.zeros(queries, dtype=np.int64), **more), 2, Law.constant(think))


def batching_plan():
    """Batches of up to three, preferably two, at one worker; two queries warm up."""
    part = StageParts(
        candidates=Law.constant(1.0), knots=[(0.0, 4.0, 1.0)], max_size=3, max_wait_ns=5, preferred=[2], workers=1
    )
    return assemble([part], np.array([0, 0, 0, 1, 9, 20, 21, 40]), first_measured=2)


def gathering_plan():
    """Three shards of 1, 2 and 7 ns, of which two are waited for; what runs is stopped 1 ns later."""
    part = StageParts(
        candidates=Law.constant(10.0),
        share=[0.1, 0.2, 0.7],
        knots=[(0.0, 0.0, 1.0)],
        wait_for=2,
        timeout_ns=40,
        cancels=CANCEL_RUNNING,
        cancel_ns=2,
    )
    return assemble([part], EIGHT, first_measured=1)


def longer_plan():
    """A worker that stays taken for 3 ns when an answer has gone; one query warms up."""
    part = StageParts(candidates=Law.constant(1.0), knots=[(0.0, 2.0, 0.0)], after=Law.constant(3.0))
    return assemble([part], np.array([0, 1, 20]), first_measured=1)


def hedging_plan():
    """Three replicas that take 9 ns a task; who has no answer 4 ns later is sent a copy, if the budget lasts."""
    part = StageParts(
        candidates=Law.constant(1.0),
        replicas=3,
        knots=[(0.0, 9.0, 0.0)],
        task=Law.exponential(1.0),
        policy=LEAST_OUTSTANDING,
        request_ns=1,
        hedges=1,
        hedge_ns=4,
        budget=200_000,
        cancels=CANCEL_RUNNING,
    )
    return assemble([part], EIGHT, seed=2, first_measured=1)


PLAN = plan_of()
RIGHT = reference.simulate(PLAN, tasks=True)
BATCHING = batching_plan()
SERVED = reference.simulate(BATCHING, tasks=True)
#: The plan and the trace that an invariant is broken of, where it is about batches.
OF_BATCHES = dict.fromkeys(("I45", "I46", "I47"), (BATCHING, SERVED))
#: The same where it is about who is served next: last come, first served.
RANKED = assemble(
    [StageParts(candidates=Law.constant(1.0), knots=[(0.0, 5.0, 0.0)], discipline=LIFO)], np.arange(4, dtype=np.int64)
)
GATHERING = gathering_plan()
GATHERED = reference.simulate(GATHERING, tasks=True)
HEDGING = hedging_plan()
HEDGED = reference.simulate(HEDGING, tasks=True)
LONGER = longer_plan()
TAKEN = reference.simulate(LONGER, tasks=True)
#: One that takes 5 ns, and no place to wait: who comes at 1 is refused.
LIMITED = assemble(
    [StageParts(candidates=Law.constant(1.0), knots=[(0.0, 5.0, 0.0)], limit=0)], np.array([0, 1, 7], dtype=np.int64)
)
REFUSING = reference.simulate(LIMITED, tasks=True)
#: Two replicas, of which the first is out until 20: who comes at 0 and 1 goes to the other.
AWAY = assemble(
    [StageParts(candidates=Law.constant(1.0), replicas=2, knots=[(0.0, 5.0, 0.0)], outages=[Outage(0, 20, 2, 0)])],
    np.array([0, 1, 30], dtype=np.int64),
)
ELSEWHERE = reference.simulate(AWAY, tasks=True)
#: A query visits one shard of two.
CHOOSY = assemble(
    [StageParts(candidates=Law.constant(3.0), share=[0.4, 0.6], knots=[(0.0, 9.0, 0.0)], visits=Law.constant(1.0))],
    np.array([0, 9, 18], dtype=np.int64),
)
CHOSEN = reference.simulate(CHOOSY, tasks=True)
SPARED = 1 - int(visited_shards(CHOOSY, 0, 0)[0][0])
#: A worker that two tasks of 4 ns share, one of which comes at 0 and the other at 2.
SHARED = assemble(
    [StageParts(candidates=Law.constant(1.0), knots=[(0.0, 4.0, 0.0)], sharing=True)], np.array([0, 2], dtype=np.int64)
)
SHARING = reference.simulate(SHARED, tasks=True)
#: A replica that has a task of its own at 5 and at 10, beside queries at 0, 4 and 12.
BESIDE = assemble(
    [
        StageParts(
            candidates=Law.constant(1.0),
            knots=[(0.0, 4.0, 0.0)],
            background_gap=Law.constant(5.0),
            background_time=Law.constant(3.0),
        )
    ],
    np.array([0, 4, 12], dtype=np.int64),
)
BOTH = reference.simulate(BESIDE, tasks=True)
#: Two replicas, to one of which the second stage goes where the first has been.
FOLLOWING = StageParts(candidates=Law.constant(1.0), replicas=2, knots=[(0.0, 3.0, 0.0)])
AFTER_IT = hosted(StageParts(knots=[(0.0, 2.0, 0.0)], follows=True), FOLLOWING, 0)
TWICE = assemble([FOLLOWING, AFTER_IT], np.array([0, 9, 18], dtype=np.int64))
BEEN = reference.simulate(TWICE, tasks=True)
#: Up for 25 ns, down for 15: tasks of 10 ns that start at 20 and 60 are lost at 25 and 65, and sent again at 40 and 80.
CRASHING = assemble(
    [
        StageParts(
            candidates=Law.constant(1.0),
            knots=[(0.0, 10.0, 0.0)],
            failures=Failures(Law.constant(25.0), Law.constant(15.0), LOSE_QUEUED, 5),
        )
    ],
    np.arange(0, 100, 20),
)
CRASHED = reference.simulate(CRASHING, tasks=True)
#: Half of the queries take the second stage; ``PASSED`` is the first that does not.
HALF = assemble(
    [
        StageParts(candidates=Law.constant(1.0), knots=[(0.0, 3.0, 0.0)]),
        StageParts(taken=0.5, knots=[(0.0, 2.0, 0.0)]),
    ],
    np.arange(0, 80, 10),
)
SOME = reference.simulate(HALF, tasks=True)
PASSED = int(np.flatnonzero(SOME.candidates[1] < 0)[0])
#: Two clients that think for 5 ns, at one server of 10 ns.
SENT = StageParts(candidates=Law.constant(1.0), knots=[(0.0, 10.0, 0.0)])
WAITED = reference.simulate(closed_plan([SENT], 6, seed=4, first_measured=1))
WAITING = simulated(closed_plan([SENT], 6, seed=4, first_measured=1), WAITED)
#: Two may be there at once, for 10 ns each, one after the other: the third is shed.
DOOR = behind_a_door(assemble([SENT], np.array([0, 1, 2, 30]), seed=4), 2)
ADMITTED = reference.simulate(DOOR)
ADMITTING = simulated(DOOR, ADMITTED)
#: Two of four keys are held; with a hit, after 2 ns, a query is over. ``ANSWERED`` is the first that is.
CACHED = assemble(
    [
        StageParts(candidates=Law.constant(1.0), knots=[(0.0, 3.0, 0.0)], cache=Cache(2, 4, 0.8, 2, True)),
        StageParts(knots=[(0.0, 2.0, 0.0)]),
    ],
    np.arange(0, 80, 10),
)
HITTING = reference.simulate(CACHED, tasks=True)
ANSWERED = int(np.flatnonzero(HITTING.stage_outcome[0] == HIT)[0])
#: The third is given up at 14, and sent again 3 later; the fourth in time.
TRYING = with_patience(assemble([SENT], np.array([0, 1, 2, 60]), seed=4), 12, 1, (3.0, 1.0, 3.0))
TRIED = reference.simulate(TRYING)
TRIES = simulated(TRYING, TRIED)
#: Two replicas serve until the first look, which finds one busy enough to ask for three; the third serves 5 later.
GROWING = with_scaling(
    assemble([dataclasses.replace(SENT, replicas=3)], np.arange(0, 60, 4), seed=4),
    0,
    Scaling(HPA, target=300_000, begins=2, least=1, most=3, every_ns=10, delay_ns=5, down_ns=100),
)
GROWN = reference.simulate(GROWING, tasks=True)
GROWS = simulated(GROWING, GROWN)
#: One may be out: the second is shed by its process.
BARRED = with_patience(assemble([SENT], np.array([0, 1, 60]), seed=4), limit=1)
BARRING = reference.simulate(BARRED)
#: A client that is answered in 2, thinks for 5, and comes beside others.
BESIDE_OTHERS = sent_by_clients(assemble([SENT], np.arange(6) * 9, seed=4), 1, Law.constant(5.0), beside=True)
CAME = reference.simulate(BESIDE_OTHERS)
COMING = simulated(BESIDE_OTHERS, CAME)
KEPT_BACK = simulated(BARRED, BARRING)
#: A source of one shard, which takes 3 ns, and one of two, of which the first takes 7.
TWOFOLD = assemble(
    [
        StageParts(
            share=[0.5, 0.4, 0.1],
            sources=[
                SourceParts(candidates=Law.constant(3.0), knots=[(0.0, 0.0, 1.0)]),
                SourceParts(share=[0.7, 0.3], candidates=Law.constant(10.0), knots=[(0.0, 0.0, 1.0)]),
            ],
        )
    ],
    np.arange(0, 60, 20),
)
TWO_FLEETS = reference.simulate(TWOFOLD, tasks=True)
#: Of a server that takes 10 ns the third starts at 20, too late.
LATE = classified(
    assemble([StageParts(candidates=Law.constant(1.0), knots=[(0.0, 10.0, 0.0)])], np.array([0, 1, 2, 40])),
    [QueryClass(deadline_ns=15, drops=True)],
    np.zeros(4),
)
DROPPED = reference.simulate(LATE, tasks=True)
OF_OTHERS = {
    "I84": (LATE, DROPPED),
    **dict.fromkeys(("I75", "I76", "I77"), (CACHED, HITTING)),
    "I70": (HALF, SOME),
    **OF_BATCHES,
    "I48": (RANKED, reference.simulate(RANKED, tasks=True)),
    **dict.fromkeys(("I49", "I50", "I51"), (GATHERING, GATHERED)),
    **dict.fromkeys(("I52", "I53"), (LONGER, TAKEN)),
    **dict.fromkeys(("I54", "I55", "I56"), (HEDGING, HEDGED)),
    **dict.fromkeys(("I57", "I58"), (LIMITED, REFUSING)),
    "I59": (AWAY, ELSEWHERE),
    "I60": (CHOOSY, CHOSEN),
    "I61": (SHARED, SHARING),
    **dict.fromkeys(("I63", "I64"), (BESIDE, BOTH)),
    "I62": (TWICE, BEEN),
    **dict.fromkeys(("I71", "I72"), (WAITING, WAITED)),
    **dict.fromkeys(("I73", "I74"), (ADMITTING, ADMITTED)),
    "I78": (TRIES, TRIED),
    **dict.fromkeys(("I79", "I80"), (GROWS, GROWN)),
    "I81": (KEPT_BACK, BARRING),
    "I83": (TWOFOLD, TWO_FLEETS),
    "I82": (dataclasses.replace(COMING, open_ns=frozen(COMING.open_ns + 1)), CAME),
    **dict.fromkeys(("I65", "I66", "I67", "I68", "I69"), (CRASHING, CRASHED)),
}


def column(name: str, at, value: Callable | int) -> Callable:
    """A trace with another value in a column."""

    def edit(trace):
        changed = getattr(trace, name).copy()
        changed[at] = value(changed[at]) if callable(value) else value
        return dataclasses.replace(trace, **{name: changed})

    return edit


def of_tasks(name: str, at, value: Callable | int) -> Callable:
    """A trace with another value in the table of tasks, at (query, shard among all): three shards a query are sent."""
    at = slice(at[1], None, 3) if isinstance(at[0], slice) else 3 * at[0] + at[1]

    def edit(trace):
        changed = getattr(trace.task_table, name).copy()
        changed[at] = value(changed[at]) if callable(value) else value
        return dataclasses.replace(trace, task_table=dataclasses.replace(trace.task_table, **{name: changed}))

    return edit


def column_of_tasks(name: str, row: int, value: Callable | int) -> Callable:
    """A trace with another value in a row of the table of tasks."""

    def edit(trace):
        changed = getattr(trace.task_table, name).copy()
        changed[row] = value(changed[row]) if callable(value) else value
        return dataclasses.replace(trace, task_table=dataclasses.replace(trace.task_table, **{name: changed}))

    return edit


def own_column(name: str, row: int, value: Callable | int) -> Callable:
    """A trace with another value in a row of the table of replicas' own tasks."""

    def edit(trace):
        changed = getattr(trace.background_table, name).copy()
        changed[row] = value(changed[row]) if callable(value) else value
        table = dataclasses.replace(trace.background_table, **{name: changed})
        return dataclasses.replace(trace, background_table=table)

    return edit


def more(by: int) -> Callable:
    return lambda value: value + by


def both(*edits: Callable) -> Callable:
    def edit(trace):
        for each in edits:
            trace = each(trace)
        return trace

    return edit


def without_row(row: int) -> Callable:
    """A trace whose table of tasks lacks a row."""

    def edit(trace):
        names = [field.name for field in dataclasses.fields(trace.task_table)]
        columns = {name: np.delete(getattr(trace.task_table, name), row) for name in names}
        return dataclasses.replace(trace, task_table=dataclasses.replace(trace.task_table, **columns))

    return edit


#: Of each invariant: a trace that was right and is tampered with, and what its violation says of the place.
TAMPERED = {
    "I01": (column("arrival_ns", 3, more(1)), {}),
    "I02": (lambda trace: dataclasses.replace(trace, first_measured=2), {"first measured": 2}),
    "I03": (column("outcome", 3, 0), {"query": 3}),
    "I04": (column("outcome", 3, 0), {"query": 3}),
    "I05": (column("candidates", (1, 3), -1.0), {"query": 3, "stage": 1}),
    "I06": (column("candidates", (0, 3), -1.0), {"query": 3}),
    "I07": (column("close_ns", (0, 3), 0), {"query": 3, "stage": 0, "enter_ns": 9, "close_ns": 0}),
    "I08": (column("leave_ns", (1, 3), 1), {"query": 3, "stage": 1, "leave_ns": 1}),
    "I09": (column("candidates", (1, 3), -1.0), {"query": 3, "stage": 1, "candidates": -1.0}),
    "I10": (column("critical_shard", (0, 3), -1), {"query": 3, "stage": 0, "critical_shard": -1}),
    "I11": (column("critical_shard", (0, 3), 2), {"query": 3, "stage": 0, "critical_shard": 2, "shards": 2}),
    "I12": (column("critical_service_ns", (0, 3), more(1)), {"query": 3, "stage": 0}),
    "I13": (column("critical_service_ns", (1, 3), 0), {"query": 3, "stage": 1, "service_ns": 0}),
    "I14": (column("leave_ns", (1, 3), more(-1)), {"query": 3, "stage": 1}),
    "I15": (column("answer_sum_ns", (0, 3), more(1000)), {"query": 3, "stage": 0}),
    "I16": (of_tasks("enqueue_ns", (3, 1), more(1)), {"query": 3, "stage": 0, "shard": 1}),
    "I17": (column("leave_ns", (0, 3), -1), {"query": 3, "stage": 1, "shard": 0}),
    "I18": (of_tasks("start_ns", (3, 1), 1), {"query": 3, "stage": 0, "shard": 1, "start_ns": 1}),
    "I19": (of_tasks("finish_ns", (3, 1), 1), {"query": 3, "stage": 0, "shard": 1, "finish_ns": 1}),
    "I20": (of_tasks("answer_ns", (3, 1), 1), {"query": 3, "stage": 0, "shard": 1, "answer_ns": 1}),
    "I21": (of_tasks("answer_ns", (3, 1), -1), {"query": 3, "stage": 0, "answers": 1, "shards": 2}),
    "I22": (of_tasks("answer_ns", (3, 1), more(1000)), {"query": 3, "stage": 0}),
    "I23": (of_tasks("answer_ns", (3, 0), more(1)), {"query": 3, "stage": 0}),
    "I24": (of_tasks("replica", (3, 1), 0), {"query": 3, "stage": 0, "shard": 1, "index": -2}),
    "I25": (of_tasks("replica", (3, 1), lambda replica: 5 - replica), {"query": 3, "stage": 0, "shard": 1}),
    "I26": (of_tasks("start_ns", (7, 2), 0), {"query": 7, "stage": 1, "shard": 0, "replica": 4}),
    "I27": (of_tasks("start_ns", (3, 2), -1), {"query": 3, "stage": 1, "shard": 0, "replica": 4}),
    "I28": (of_tasks("finish_ns", (3, 2), -1), {"stage": 1, "shard": 0, "replica": 4}),
    "I29": (of_tasks("worker", (slice(None), 0), 0), {"stage": 0, "shard": 0, "worker": 0}),
    "I30": (of_tasks("start_ns", (7, 2), more(1000)), {"query": 7, "stage": 1, "shard": 0, "replica": 4}),
    "I31": (of_tasks("worker", (3, 2), 1), {"query": 3, "stage": 1, "shard": 0, "worker": 1, "workers": 1}),
    "I32": (column("tasks", 4, more(1)), {"replica": 4, "counter": "tasks", "counted": 8, "of_its_tasks": 7}),
    "I33": (column("busy_ns", 4, more(1)), {"replica": 4, "counter": "busy_ns"}),
    "I34": (column("longest_wait_ns", 4, more(1)), {"replica": 4, "counter": "longest_wait_ns"}),
    "I35": (column("critical_wait_ns", (0, 3), more(1)), {"query": 3, "stage": 0, "of": "waiting"}),
    "I36": (of_tasks("state", (3, 1), RUNNING), {"query": 3, "stage": 0, "shard": 1, "state": RUNNING}),
    "I37": (of_tasks("shard", (3, 1), 0), {"query": 3, "stage": 0, "shard": 0, "copy": 0}),
    "I38": (column("wasted_ns", 4, 9), {"replica": 4, "counter": "wasted_ns", "counted": 9, "of_its_tasks": 0}),
    "I39": (without_row(10), {"query": 3, "stage": 0, "copies": 1, "shards": 2}),
    "I40": (column("critical_enqueue_ns", (1, 3), more(1)), {"query": 3, "stage": 1}),
    "I41": (of_tasks("state", (3, 1), RUNNING), {"query": 3, "stage": 0, "shard": 1, "state": RUNNING}),
    "I42": (lambda trace: dataclasses.replace(trace, window_end_ns=99), {"window_ns": (3, 99), "of_the_plan": (3, 24)}),
    "I43": (column("window_busy_ns", 4, 22), {"replica": 4, "window_busy_ns": 22, "workers": 1, "watched_ns": 21}),
    "I44": (column("window_busy_ns", 4, more(-1)), {"replica": 4}),
    "I45": (column_of_tasks("batch", 0, 2), {"query": 0, "batch": 2, "served_together": 3}),
    "I46": (column_of_tasks("enqueue_ns", 7, more(1)), {"query": 7, "batch": 1, "waited_ns": 4, "max_wait_ns": 5}),
    "I47": (column("batches", 0, more(1)), {"place": 0}),
    "I48": (column_of_tasks("start_ns", 1, 5), {"query": 1, "start_ns": 5}),
    "I49": (column("close_ns", (0, 3), more(1)), {"query": 3, "stage": 0, "of": "close_ns"}),
    "I50": (column("coverage", (0, 3), 0.5), {"query": 3, "stage": 0, "of": "coverage", "recorded": 0.5}),
    "I51": (column_of_tasks("withdrawn_ns", 2, more(1)), {"query": 0, "stage": 0, "shard": 2}),
    "I52": (column_of_tasks("release_ns", 0, more(1)), {"query": 0, "release_ns": 6, "expected_ns": 5}),
    "I53": (column("after_ns", 0, more(1)), {"replica": 0, "counter": "after_ns", "counted": 7, "of_its_tasks": 6}),
    "I54": (column_of_tasks("copy", 1, 2), {"query": 0, "stage": 0, "shard": 0, "copy": 2}),
    "I55": (column_of_tasks("replica", 1, 0), {"query": 0, "copy": 1, "replica": 0}),
    "I56": (column("hedged", 1, more(1)), {"replica": 1, "hedged": 3, "of_its_tasks": 2}),
    "I57": (column_of_tasks("finish_ns", 0, -1), {"query": 2, "at_ns": 7, "waiting": 0, "free": 0, "limit": 0}),
    "I58": (column("refused", 0, more(1)), {"replica": 0, "refused": 2, "of_its_tasks": 1}),
    "I59": (column_of_tasks("replica", 0, 0), {"query": 0, "back_in_ns": 20, "held_ns": 0}),
    "I60": (column_of_tasks("shard", 0, SPARED), {"query": 0, "copy": 0}),
    "I61": (column_of_tasks("finish_ns", 1, more(-1)), {"query": 1, "start_ns": 2, "finish_ns": 7, "done_ns": 8}),
    "I62": (column_of_tasks("replica", 1, lambda replica: 5 - replica), {"query": 0, "stage": 1, "shard": 0}),
    "I63": (own_column("enqueue_ns", 0, more(1)), {"stage": 0, "shard": 0, "enqueue_ns": 11, "due_ns": 10}),
    "I64": (column("background", 0, more(1)), {"replica": 0, "background": 3, "of_its_tasks": 2}),
    "I65": (column_of_tasks("withdrawn_ns", 1, more(1)), {"query": 1, "lost_ns": 26, "expected_ns": 25}),
    "I66": (column_of_tasks("start_ns", 2, more(-1)), {"query": 1, "start_ns": 39}),
    "I67": (without_row(2), {"query": 1, "copy": 1}),
    "I68": (column("lost", 0, more(1)), {"replica": 0, "counter": "lost", "counted": 3, "of_its_tasks": 2}),
    "I69": (column("down_ns", 0, more(1)), {"replica": 0, "down_ns": 31, "expected_ns": 30}),
    "I70": (column("leave_ns", (1, PASSED), more(1)), {"query": PASSED, "stage": 1}),
    "I71": (column("leave_ns", (0, 1), more(1)), {"query": 3, "client": 0, "arrival_ns": 26, "expected_ns": 27}),
    "I72": (column("leave_ns", (0, 4), 37), {"client": 1, "comes_ns": 42, "last_arrival_ns": 46}),
    "I73": (column("outcome", 2, 0), {"query": 2, "outcome": 0, "is_shed": True}),
    "I74": (column("leave_ns", (0, 0), 2), {"query": 2, "is_shed_by_the_rule": False}),
    "I75": (column("stage_outcome", (0, ANSWERED), COMPLETE), {"query": ANSWERED, "stage": 0, "is_held": True}),
    "I76": (column("leave_ns", (0, ANSWERED), more(1)), {"query": ANSWERED, "stage": 0}),
    "I77": (column("leave_ns", (1, ANSWERED), more(1)), {"query": ANSWERED, "stage": 1}),
    "I78": (column("outcome", 1, 1), {"query": 1, "outcome": 1}),
    "I79": (column("provided", (1, 1), more(1)), {"of_the_plan": GROWS.provided.tolist()}),
    "I80": (column_of_tasks("replica", 0, 2), {"query": 0, "index": 2, "serve": 2}),
    "I81": (column("leave_ns", (0, 0), 1), {"query": 1, "shed_by": BY_LIMIT, "by_the_rule": NOT_SHED}),
    "I82": (lambda trace: trace, {"of_the_plan_ns": [1, 10, 19, 28]}),
    "I83": (column("source_answer_ns", (0, 1), more(1)), {"query": 1, "source": 0, "of_its_tasks_ns": 23}),
    "I84": (column_of_tasks("start_ns", 1, 16), {"query": 1, "start_ns": 16}),
}


def test_every_invariant_is_broken_by_something():
    assert list(TAMPERED) == list(INVARIANTS)


def test_every_invariant_is_part_of_a_law_of_scenarios():
    assert {BOOK[invariant.law].group for invariant in INVARIANTS.values()} == {"S"}
    assert list(INVARIANTS) == [f"I{number:02}" for number in range(1, len(INVARIANTS) + 1)]


def test_nothing_is_said_of_a_trace_that_is_right():
    assert list(RIGHT.verify(PLAN)) == []
    assert list(SERVED.verify(BATCHING)) == []
    assert list(OF_OTHERS["I48"][1].verify(RANKED)) == []
    assert list(GATHERED.verify(GATHERING)) == []
    assert list(TAKEN.verify(LONGER)) == []
    assert list(REFUSING.verify(LIMITED)) == []
    assert list(SHARING.verify(SHARED)) == []
    assert list(BOTH.verify(BESIDE)) == []
    assert list(BEEN.verify(TWICE)) == []
    assert list(SOME.verify(HALF)) == []
    assert list(HITTING.verify(CACHED)) == []
    assert list(WAITED.verify(WAITING)) == []
    assert list(ADMITTED.verify(ADMITTING)) == []
    assert list(TRIED.verify(TRIES)) == []
    assert list(BARRING.verify(KEPT_BACK)) == []
    assert list(CAME.verify(COMING)) == []
    assert list(TWO_FLEETS.verify(TWOFOLD)) == []
    assert list(DROPPED.verify(LATE)) == []
    assert TWO_FLEETS.source_answer_ns.tolist() == [[3, 23, 43], [7, 27, 47]]
    assert TAKEN.task_table.start_ns.tolist() == [0, 5, 20], "the second starts when the first is cleaned up"
    assert SERVED.task_table.batch.tolist() == [3, 3, 3, 1, 1, 2, 2, 1], "full, alone twice, preferred, alone"


@pytest.mark.parametrize("number", TAMPERED)
def test_a_trace_that_was_tampered_with_is_told(number):
    edit, place = TAMPERED[number]
    plan, right = OF_OTHERS.get(number, (PLAN, RIGHT))
    told = [violation for violation in edit(right).verify(plan) if violation.number == number]
    assert told, sorted({violation.number for violation in edit(right).verify(plan)})
    assert {violation.words for violation in told} == {INVARIANTS[number].words}
    assert any(place.items() <= violation.case.items() for violation in told), [str(violation) for violation in told]
    assert str(told[0]).startswith(f"{number}: {INVARIANTS[number].words} (")


@pytest.mark.parametrize("state", [*range(len(STATES)), len(STATES), -1])
def test_a_copy_that_was_answered_is_done_and_nothing_else(state):
    told = list(of_tasks("state", (3, 1), state)(RIGHT).verify(PLAN))
    assert any(violation.number == "I36" for violation in told) == (state != DONE)


def test_all_violations_are_told_not_only_the_first():
    trace = both(column("leave_ns", (1, slice(2, 5)), 0), column("tasks", 0, more(1)))(RIGHT)
    told = list(trace.verify(PLAN))
    assert [violation.case["query"] for violation in told if violation.number == "I08"] == [2, 3, 4]
    assert {"I08", "I14", "I32"} <= {violation.number for violation in told}


TAMPERING = """
import dataclasses, sys
import numpy as np
from simulator import load_scenario
from simulator.engines import reference
from simulator.planner.plans import make_plan

assert False, "left out under -O"
plan = make_plan(load_scenario("scenarios/mm1.yaml", sets=["run.queries=20", "run.replications=2"]))
trace = reference.simulate(plan, tasks=True)
wait_ns = trace.critical_wait_ns.copy()
wait_ns[0, 3] += 1
for trace in (trace, dataclasses.replace(trace, critical_wait_ns=wait_ns)):
    print(sorted({violation.number for violation in trace.verify(plan)}))
"""

BROKEN_LAW = """
import dataclasses
from simulator.engines import reference
from simulator.testing import LawBroken, check_scenario

honest = reference.simulate
def simulate(plan, **how):
    trace = honest(plan, **how)
    return dataclasses.replace(trace, waiting_ns=trace.waiting_ns + 1)
reference.simulate = simulate
from simulator.engines import compiled
compiled.simulate = simulate
try:
    check_scenario("scenarios/mm1.yaml", profile="quick", only=["S5"])
except LawBroken as broken:
    print(broken.number)
"""


@pytest.mark.parametrize(("code", "printed"), [(TAMPERING, "[]\n['I12', 'I35']\n"), (BROKEN_LAW, "S5\n")])
def test_a_trace_is_refused_where_asserts_are_left_out(code, printed):
    done = subprocess.run(
        [sys.executable, "-O", "-c", code], capture_output=True, text=True, cwd=ROOT, env=None, check=False
    )
    assert (done.stderr, done.stdout) == ("", printed)
