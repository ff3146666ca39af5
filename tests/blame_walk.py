"""What a query's latency went to, once more: query by query and nanosecond by nanosecond, from the page's definitions.

It reads the same Trace as ``explaining.blame``, and shares nothing else with it: rows are looked at one by one, who is
busy is counted at each instant, and slow stretches are those that the reference engine walks through.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np

from simulator.core import copy_states, hosted
from simulator.core.clients import simulated
from simulator.core.columns import FAILED, HIT, SHED, TIMED_OUT, Tasks
from simulator.core.lost import Downs
from simulator.core.plan import NEVER_NS, Plan
from simulator.core.slowdowns import whose
from simulator.core.stage_view import StageView, stage_views
from simulator.core.trace import Trace
from simulator.documents.explain import BEFORE, CAUSES
from simulator.engines import reference
from simulator.engines.reference.slowdowns import Stretches
from simulator.explaining import ideals
from simulator.explaining.blame import blame
from simulator.stats.attempts import first_and_last
from simulator.stats.task_parts import can_be_parted, task_parts

Blamed = dict[tuple[int, str], int]


class Row(NamedTuple):
    """A copy of a task."""

    query: int
    stage: int
    shard: int
    copy: int
    batch: int
    replica: int
    worker: int
    enqueue_ns: int
    start_ns: int
    finish_ns: int
    release_ns: int
    answer_ns: int
    withdrawn_ns: int
    state: int


class BlameWalk:
    """Blames the queries of a trace that has its table of tasks."""

    def __init__(self, plan: Plan, trace: Trace) -> None:
        self.plan, self.trace = plan, trace
        columns = [getattr(trace.task_table, name).tolist() for name in Tasks.__dataclass_fields__]
        self.rows = [Row(*values) for values in zip(*columns, strict=True)]
        self.of = defaultdict(list)
        for row in self.rows:
            self.of[row.query, row.stage].append(row)
        self.seats = hosted.seats_of(plan.stages).tolist()
        self.alone: dict[tuple[int, int, int, int], int] = {}
        for stage in range(len(plan.stages)):
            view = StageView(plan, stage)
            if view.is_shared and can_be_parted(view):
                parts = task_parts(plan, trace, view)
                served = [
                    r for r in self.rows if r.stage == stage and r.query >= trace.first_measured and r.finish_ns >= 0
                ]
                for row, service in zip(served, parts.service_ns.tolist(), strict=True):
                    self.alone[row[:4]] = int(service)

    def latest(self, query: int) -> int:
        """When an attempt was over; -1: it is not."""
        trace, outcome = self.trace, self.trace.outcome[query]
        if outcome == FAILED:
            return int(trace.close_ns[:, query].max())
        if outcome == SHED:
            return int(trace.arrival_ns[query])
        if outcome == TIMED_OUT:
            return int(trace.gives_up_ns[query])
        return int(trace.leave_ns[-1, query])

    def blamed(self) -> list[tuple[int, Blamed]]:
        """Latency and causes of each measured query; -1 and nothing of one that is not over."""
        of = self.trace.query_of
        if not len(of):
            attempts = [[query] for query in range(self.trace.first_measured, len(self.trace.arrival_ns))]
        else:
            first = int(of[self.trace.first_measured])
            by_query = defaultdict(list)
            for attempt, query in enumerate(of.tolist()):
                by_query[query].append(attempt)
            attempts = [by_query[query] for query in range(first, len(first_and_last(of)[0]))]
        return [self.of_query(mine) for mine in attempts]

    def of_query(self, attempts: list[int]) -> tuple[int, Blamed]:
        """Of one, whose attempts these are."""
        arrivals, last = self.trace.arrival_ns.tolist(), attempts[-1]
        end = self.latest(last)
        if end < 0:
            return -1, {}
        found: Blamed = defaultdict(int)
        for one, following in itertools.pairwise(attempts):
            found[-1, "retry"] += self.latest(one) - arrivals[one]
            found[-1, "backoff"] += arrivals[following] - self.latest(one)
        now = arrivals[last]
        for stage in range(len(self.plan.stages)):
            leave = int(self.trace.leave_ns[stage, last])
            if self.trace.candidates[stage, last] < 0:
                continue  # it passes by, or never comes
            if leave < 0 or leave > end:
                found[stage, "missing answers"] += end - now
                break
            self.of_stage(found, stage, last, now, leave)
            now = leave
        return end - arrivals[attempts[0]], {key: ns for key, ns in found.items() if ns}

    def of_stage(self, found: Blamed, stage: int, query: int, enter: int, leave: int) -> None:
        plan, trace = self.plan, self.trace
        close, row = int(trace.close_ns[stage, query]), plan.stages[stage]
        if len(trace.stage_outcome) and trace.stage_outcome[stage, query] == HIT:
            found[stage, "cache"] += leave - enter
            return
        merge = leave - close
        if row["mergers"]:
            count = int(trace.answers[stage, query]) if len(trace.answers) else int(row["shards"])
            merge = min(merge, int(row["merge_ns"] + row["merge_per_response_ns"] * max(0, count)))
        found[stage, "merge"] += merge
        found[stage, "merge wait"] += leave - close - merge
        if trace.critical_enqueue_ns[stage, query] < 0:
            found[stage, "missing answers"] += close - enter
            return
        self.of_critical(found, stage, query, enter, close)

    def of_critical(self, found: Blamed, stage: int, query: int, enter: int, close: int) -> None:
        plan, trace, mine = self.plan, self.trace, self.of[query, stage]
        row, shard = plan.stages[stage], int(trace.critical_shard[stage, query])
        enqueue = int(trace.critical_enqueue_ns[stage, query])
        start = enqueue + int(trace.critical_wait_ns[stage, query])
        finish = start + int(trace.critical_service_ns[stage, query])
        critical = next(
            r for r in mine if (r.shard, r.enqueue_ns, r.finish_ns, r.answer_ns) == (shard, enqueue, finish, close)
        )
        shards = sorted({r.shard for r in mine if r.copy == 0})
        due = enter + shards.index(shard) * int(row["send_ns"]) + int(row["request_ns"])
        first = next(r for r in mine if (r.shard, r.copy) == (shard, 0))
        there = first.enqueue_ns if first.enqueue_ns >= 0 else due
        if first.enqueue_ns < 0 and first.state in (copy_states.REFUSED, copy_states.LOST):
            there = first.withdrawn_ns
        there = min(max(there, due), enqueue)
        due = min(due, there)
        found[stage, "network"] += due - enter + close - finish
        found[stage, "failure"] += there - due
        known = [
            r.withdrawn_ns + int(row["detect_ns"]) for r in mine if r.shard == shard and r.state == copy_states.LOST
        ]
        is_resent = critical.copy > 0 and any(ns <= enqueue - int(row["request_ns"]) for ns in known)
        found[stage, "failure" if is_resent else "hedge wait"] += enqueue - there
        owner, seat = int(row["owner"]), self.seats[critical.replica]
        free = start
        if plan.is_batched[owner]:
            while free > enqueue and not self.is_full(owner, seat, free - 1):
                free -= 1
        self.waited(found, stage, seat, enqueue, free, "waiting")
        self.waited(found, stage, seat, free, start, "batching")
        served: Blamed = defaultdict(int)
        self.waited(served, stage, seat, start, finish, "net")
        for cause in ("slowdown", "failure"):
            found[stage, cause] += served[stage, cause]
        services = sorted(self.services(stage, mine))
        median = services[(len(services) - 1) // 2] if services else finish - start
        net = served[stage, "net"]
        found[stage, "service"] += min(net, median)
        found[stage, "straggler"] += max(0, net - median)

    def services(self, stage: int, mine: list[Row]) -> list[int]:
        """Of each shard, that of its first copy that ended."""
        ended: dict[int, Row] = {}
        view = StageView(self.plan, stage)
        if view.is_shared:
            return [self.alone[r[:4]] for r in mine if r.finish_ns >= 0] if can_be_parted(view) else []
        for row in mine:
            if row.finish_ns >= 0 and (row.shard not in ended or row.finish_ns < ended[row.shard].finish_ns):
                ended[row.shard] = row
        return [row.finish_ns - row.start_ns for row in ended.values()]

    def is_full(self, owner: int, seat: int, now: int) -> bool:
        """Whether all workers are taken in [now, now + 1)."""
        batches: dict[tuple[int, int], list[Row]] = defaultdict(list)
        for row in self.rows:
            if self.seats[row.replica] == seat and 0 <= row.start_ns <= now:
                batches[row.worker, row.start_ns].append(row)
        taken = 0
        for rows in batches.values():
            if any(r.finish_ns >= 0 for r in rows):
                until = max(r.release_ns for r in rows)
                until = NEVER_NS if until < 0 else until
            else:
                until = max(NEVER_NS if r.withdrawn_ns < 0 else r.withdrawn_ns for r in rows)
            taken += until > now
        return taken == int(self.plan.stages[owner]["workers"])

    def waited(self, found: Blamed, stage: int, seat: int, begin: int, end: int, cause: str) -> None:
        """Time in [begin, end): down, lost to slow stretches, or else the cause."""
        plan, owner = self.plan, int(self.plan.stages[stage]["owner"])
        pieces = pieces_of(plan, owner, seat, end)
        left = end - begin
        for since, until, factor, is_down in pieces:
            lost = lost_in(since, until, factor, end) - lost_in(since, until, factor, begin)
            if lost and (is_down or cause != "batching"):
                found[stage, "failure" if is_down else "slowdown"] += lost
                left -= lost
        found[stage, cause] += left


def lost_in(since: int, until: int, factor: float, now: int) -> int:
    """Of a piece of time, what is lost before an instant."""
    lasts = max(0, min(until, now) - since)
    return lasts if math.isinf(factor) else lasts - math.floor(lasts / factor)


def pieces_of(plan: Plan, owner: int, seat: int, end: int) -> list[tuple[int, int, float, bool]]:
    """Stretches of time of a replica in which it is alike, up to an instant: factor, and whether it is down."""
    row: Any = plan.stages[owner]
    shard, index = divmod(seat - int(row["first_replica"]), int(row["replicas"]))
    slow = [
        Stretches(
            plan, plan.run_row(), one, int(whose(plan.stages, int(plan.slowdowns[one]["scope"]), owner, shard, index))
        )
        for one in range(int(row["first_slowdown"]), int(row["first_slowdown"] + row["slowdowns"]))
    ]
    downs, found, now = Downs(plan, owner), [], 0
    while now < end:
        factor, until = 1.0, end
        for one in slow:
            more, stays = one.seen_at(now)
            factor, until = factor * more, min(until, stays)
        is_down = False
        if row["fails"]:
            crash, repair = downs.of(seat, now)
            is_down = crash <= now
            until = min(until, repair if is_down else crash)
        found.append((now, until, math.inf if is_down else factor, is_down))
        now = until
    return found


def assert_blamed(plan: Plan) -> None:
    """Each query's causes sum to its latency, and are those of a walk by itself."""
    trace = reference.simulate(plan, tasks=True)
    plan = simulated(plan, trace)
    found = blame(plan, trace)
    assert found.sum_ns.tolist() == np.maximum(found.latency_ns, 0).tolist()
    assert min(found.before_ns.min(initial=0), found.of_stages_ns.min(initial=0)) >= 0
    expected = BlameWalk(plan, trace).blamed()
    assert [latency for latency, _ in expected] == found.latency_ns.tolist()
    for query, (_, causes) in enumerate(expected):
        mine = {(-1, cause): int(ns) for cause, ns in zip(BEFORE, found.before_ns[:, query], strict=True) if ns}
        for stage, of_stage in enumerate(found.of_stages_ns[:, :, query].tolist()):
            mine |= {(stage, cause): ns for cause, ns in zip(CAUSES, of_stage, strict=True) if ns}
        assert mine == causes, f"query {query}"


def assert_ideal(plan: Plan) -> None:
    """What is gained by ideals is what is gained query by query."""
    trace = reference.simulate(plan, tasks=True)
    plan = simulated(plan, trace)
    found, views = blame(plan, trace), stage_views(plan)
    for stage, name, latency_ns in ideals.ideal_latencies(plan, trace, found):
        assert (latency_ns <= found.latency_ns).all()
        if views[stage].is_shared:
            continue  # what its tasks take alone is told by another table
        for place, query in enumerate(found.query.tolist()):
            sooner = sooner_by_hand(trace, stage, query, name) if found.is_answered[place] else 0
            assert found.latency_ns[place] - latency_ns[place] == sooner, (stage, name, query)


def answers_of(trace: Trace, stage: int, query: int) -> dict[int, int]:
    """Of a query at a stage: the row of the first answer of each shard."""
    table, first = trace.task_table, {}
    for row in np.flatnonzero((table.stage == stage) & (table.query == query) & (table.answer_ns >= 0)).tolist():
        shard = int(table.shard[row])
        if shard not in first or table.answer_ns[row] < table.answer_ns[first[shard]]:
            first[shard] = row
    return first


def sooner_by_hand(trace: Trace, stage: int, query: int, name: str) -> int:
    if trace.critical_enqueue_ns[stage, query] < 0:
        return 0
    table, close = trace.task_table, int(trace.close_ns[stage, query])
    rows = answers_of(trace, stage, query)
    service = {shard: int(table.finish_ns[row] - table.start_ns[row]) for shard, row in rows.items()}
    median = sorted(service.values())[(len(service) - 1) // 2]
    moved = []
    for shard, row in rows.items():
        answer = int(table.answer_ns[row])
        if name == ideals.NO_QUEUE:
            answer -= int(table.start_ns[row] - table.enqueue_ns[row])
        else:
            answer -= max(0, service[shard] - median)
        moved.append(answer)
    count = sum(int(table.answer_ns[row]) <= close for row in rows.values())
    return close - min(close, sorted(moved)[count - 1])
