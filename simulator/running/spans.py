"""Queries one by one: what became of the slowest of a replication, and of some others, task by task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Unpack

import numpy as np

from simulator import engines
from simulator.base.errors import ArgumentError
from simulator.core import columns, copy_states
from simulator.core.plan import I8, Plan
from simulator.core.stage_view import StageView, stage_views
from simulator.core.trace import Trace
from simulator.planner.plans import Plans
from simulator.running import causes, memory, pilot
from simulator.running.execution import Execution, Here
from simulator.running.replications import replicate
from simulator.scenario import Scenario, given
from simulator.stats.attempts import as_queries

#: Why a query is among those that are shown.
SLOWEST, DRAWN = "slowest", "drawn"
#: What became of queries, attempts and stages, by their outcome.
OUTCOMES = ("unfinished", "complete", "partial", "shed", "timed_out", "failed", "skipped", "hit")

Value = str | int | bool


@dataclass(frozen=True)
class Span:
    """Something that lasts: instants in ns of the run."""

    name: str
    kind: str  #: query, attempt, stage, merge, task, wait, service or after
    begin_ns: int
    end_ns: int
    said: dict[str, Value] = field(default_factory=dict)  #: of it, by name
    parts: tuple[Span, ...] = ()  #: what it is made of, in no order
    stage: int = -1  #: whose task it is; likewise the next two
    replica: int = -1  #: index within its stage
    worker: int = -1  #: index within the replica; -1: it shares all of them

    def walk(self) -> Iterator[Span]:
        """It, and all that it is made of."""
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(frozen=True)
class Spans:
    """Some queries of one replication."""

    scenario: Scenario
    replication: int
    queries: tuple[Span, ...]  #: in order of arrival
    stages: tuple[tuple[int, int], ...]  #: shards and replicas of each shard
    trace: Trace = field(repr=False)  #: of the replication, with its tasks


@given.takes_scenario
def spans(
    scenario: Scenario, *, replication: int = 0, slowest: int = 10, drawn: int = 10, **execution: Unpack[Here]
) -> Spans:
    """Simulate one replication with all of its tasks, and take some queries out of it.

    Parameters
    ----------
    scenario
        As loaded.
    replication
        Its number.
    slowest, drawn
        How many of the measured queries that are over: the slowest, and of the others some by luck. The luck is of the
        scenario's seed and the replication, so the same queries come again.
    jobs, engine, progress, say
        As of ``simulate``; there is one replication, so ``jobs`` and ``progress`` do nothing.

    Raises
    ------
    ScenarioError
        If the tasks of a replication are more than memory holds, or a number is below 0, or too large.
    ValueError
        If there is no such engine, or it does not cover the scenario.
    """
    for name, value in (("replication", replication), ("slowest", slowest), ("drawn", drawn)):
        if value < 0:
            raise ArgumentError(f"{name} is {value}: give 0 or more")
    there = scenario.run.replications
    if replication >= there:
        raise ArgumentError(f"replication is {replication}: the scenario has {there}, from 0 on")
    if not slowest + drawn:
        raise ArgumentError("slowest and drawn are 0: there is nothing to show")
    work = Execution.here(**execution)
    scenario = pilot.settled(scenario, work.say)
    plans = Plans.of(scenario)
    outline = plans.outline()
    memory.refuse(plans, engines.chosen(work.engine, outline), 1, 1)
    causes.refuse_tasks(plans, "to see queries one by one", "ask for fewer queries a replication")
    work = work.settled(outline)
    plan, trace = replicate(plans, replication, work.engine, _both, tasks=True)
    rows = _chosen(trace, slowest, np.random.default_rng((scenario.run.seed, replication)), drawn)
    views = stage_views(plan)
    seen = _Seen(scenario, trace, views)
    queries = tuple(seen.query(query, why) for query, why in sorted(rows.items()))
    return Spans(scenario, replication, queries, tuple((view.shards, view.replicas) for view in views), trace)


def _both(plan: Plan, trace: Trace) -> tuple[Plan, Trace]:
    return plan, trace


def _chosen(trace: Trace, slowest: int, luck: np.random.Generator, drawn: int) -> dict[int, str]:
    """Numbers of queries, and why each is among them."""
    whole = as_queries(trace)
    here = slice(whole.first_measured, None)
    lasts_ns = whole.ended_ns(here) - whole.arrival_ns[here]
    over = np.flatnonzero(whole.ended_ns(here) >= 0)
    order = over[np.argsort(-lasts_ns[over], kind="stable")]
    others = np.sort(order[slowest:])
    others = luck.permutation(others)[:drawn]
    rows = dict.fromkeys(order[:slowest].tolist(), SLOWEST) | dict.fromkeys(others.tolist(), DRAWN)
    return {whole.first_measured + row: why for row, why in rows.items()}


class _Seen:
    """A replication, as spans of its queries."""

    def __init__(self, scenario: Scenario, trace: Trace, views: Sequence[StageView]) -> None:
        assert trace.task_table is not None, "it was asked for"
        self.scenario, self.trace, self.views, self.tasks = scenario, trace, views, trace.task_table
        self.whole = as_queries(trace)
        self.served_ns = trace.ended_ns(columns.EVERY)

    def query(self, query: int, why: str) -> Span:
        """A query, all of its attempts."""
        is_sent_again = len(self.trace.query_of) > 0
        rows = np.flatnonzero(self.trace.query_of == query).tolist() if is_sent_again else [query]
        begin_ns = int(self.whole.arrival_ns[query])
        end_ns = int(self.whole.ended_ns(slice(query, query + 1))[0])
        said: dict[str, Value] = {"query": query, "why": why, "outcome": OUTCOMES[self.whole.outcome[query]]}
        if len(self.whole.client_of) and self.whole.client_of[query] >= 0:
            said["client"] = int(self.whole.client_of[query])
        parts = tuple(self._attempt(row, number) for number, row in enumerate(rows))
        return Span(f"query {query}", "query", begin_ns, end_ns, said, parts)

    def _attempt(self, row: int, number: int) -> Span:
        trace = self.trace
        stages = tuple(self._stages(row))
        outcome = OUTCOMES[trace.outcome[row]]
        end_ns = max([int(self.served_ns[row]), int(trace.arrival_ns[row]), *(stage.end_ns for stage in stages)])
        said: dict[str, Value] = {"attempt": number, "outcome": outcome}
        if len(trace.gives_up_ns) and 0 <= trace.gives_up_ns[row] < end_ns:
            said["gives_up_ns"] = int(trace.gives_up_ns[row])
        return Span(f"attempt {number}", "attempt", int(trace.arrival_ns[row]), end_ns, said, stages)

    def _stages(self, row: int) -> Iterator[Span]:
        trace, enter_ns = self.trace, int(self.trace.arrival_ns[row])
        for place, stage in enumerate(self.scenario.stages):
            leave_ns, close_ns = int(trace.leave_ns[place, row]), int(trace.close_ns[place, row])
            passed = bool(trace.passes_by(place, slice(row, row + 1))[0])
            if trace.candidates[place, row] >= 0 and not passed and close_ns >= 0:
                end_ns = max(leave_ns, close_ns)
                said: dict[str, Value] = {"stage": stage.name, "critical_shard": int(trace.critical_shard[place, row])}
                if len(trace.stage_outcome):
                    said["outcome"] = OUTCOMES[trace.stage_outcome[place, row]]
                merge = (Span("merge", "merge", close_ns, leave_ns),) if leave_ns > close_ns else ()
                tasks = tuple(self._tasks(row, place, close_ns))
                yield Span(stage.name, "stage", enter_ns, end_ns, said, (*merge, *tasks), place)
            if leave_ns < 0:
                return
            enter_ns = leave_ns

    def _tasks(self, row: int, place: int, close_ns: int) -> Iterator[Span]:
        first, end = np.searchsorted(self.tasks.query, [row, row + 1])
        view = self.views[place]
        for at in (first + np.flatnonzero(self.tasks.stage[first:end] == place)).tolist():
            one: dict[str, Any] = {name: int(getattr(self.tasks, name)[at]) for name in _OF_TASKS}
            begin_ns = one["enqueue_ns"] if one["enqueue_ns"] >= 0 else one["withdrawn_ns"]
            if begin_ns < 0:
                continue  # it was on its way when the run was cut
            ends = [one["answer_ns"], one["finish_ns"], one["withdrawn_ns"], one["release_ns"], one["start_ns"]]
            replica = one["replica"] - view.replica_slice.start
            where = (place, int(replica), one["worker"])
            said: dict[str, Value] = {
                "shard": one["shard"],
                "replica": replica % view.replicas,
                "copy": one["copy"],
                "state": copy_states.STATES[one["state"]],
                "counts": 0 <= one["answer_ns"] <= close_ns,
                **({"answer_ns": one["answer_ns"]} if one["answer_ns"] >= 0 else {}),
                **({"batch": one["batch"]} if one["batch"] > 1 else {}),
            }
            name = f"shard {one['shard']}" + (f" copy {one['copy']}" if one["copy"] else "")
            parts = tuple(_parts(one, where))
            yield Span(name, "task", begin_ns, max(*ends, begin_ns), said, parts, *where)


#: Columns of the table of tasks that are looked at.
_OF_TASKS = (
    *("shard", "copy", "batch", "replica", "worker", "state"),
    *("enqueue_ns", "start_ns", "finish_ns", "release_ns", "answer_ns", "withdrawn_ns"),
)


def _parts(one: dict[str, int], where: tuple[int, int, int]) -> Iterator[Span]:
    """Waiting and service of a copy, as far as they came to an end; and how long its worker stayed taken after it."""
    enqueue_ns, start_ns, finish_ns = one["enqueue_ns"], one["start_ns"], one["finish_ns"]
    over_ns = one["withdrawn_ns"]
    began_ns = start_ns if start_ns >= 0 else over_ns
    if 0 <= enqueue_ns <= began_ns:
        yield Span("wait", "wait", enqueue_ns, began_ns, {}, (), *where)
    ended_ns = finish_ns if finish_ns >= 0 else over_ns
    if start_ns >= 0 and ended_ns >= start_ns:
        yield Span("service", "service", start_ns, ended_ns, {"is_stopped": finish_ns < 0}, (), *where)
    if 0 <= finish_ns < one["release_ns"]:
        yield Span("after answer", "after", finish_ns, one["release_ns"], {}, (), *where)


def same_queries(one: Trace, other: Trace) -> bool:
    """Whether two replications have the same queries: every arrival, and every end of a stage."""
    return np.array_equal(one.arrival_ns, other.arrival_ns) and np.array_equal(one.leave_ns, other.leave_ns)


def latencies_ns(trace: Trace) -> I8:
    """(answered,) latencies of the measured queries that have an answer."""
    whole = as_queries(trace)
    here = slice(whole.first_measured, None)
    spent: I8 = (whole.completion_ns[here] - whole.arrival_ns[here])[whole.is_answered(here)]
    return spent
