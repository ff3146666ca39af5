"""One replica, driven event by event in both engines beside a list: the queue is a list, the workers are a list.

The reference engine's ``Replica`` is driven through its ``Clock``, the event-by-event half of the compiled loop by
``Run.advance(1)``; after each event, queue, workers and counters are those of the lists. The half that looks ahead has
no states in between: after each event it is given the tasks so far, and must find the instants that the lists find.

What tasks, workers and replicas will be able to do besides (be cancelled, slow down, crash) is a rule here, a kind of
event in ``Lists``, and what each engine does for it.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from simulator.core.assemble import StageParts, assemble
from simulator.core.laws import Law
from simulator.core.plan import KEY_BITS, Plan, frozen
from simulator.core.rules import ANSWER, DISPATCH, ENQUEUE, FINISH, START
from simulator.engines import compiled
from simulator.engines.compiled import ahead, records
from simulator.engines.compiled.run import Run
from simulator.engines.reference import clock as reference_clock
from simulator.engines.reference import model as reference_model

#: Tasks of a run, at most, and when those come that have not been sent yet.
MOST_TASKS, LATE_NS = 40, 2**50

#: Rows of what is written down of a task, as in the compiled engine's table: worker and instants; -1: not yet.
WORKER, ENQUEUED, STARTED, FINISHED, ANSWERED = range(5)


class Lists:
    """A replica as lists: the definition, slow and plain."""

    def __init__(self, workers: int, response_ns: int, first_measured: int, window_ns: tuple[int, int]) -> None:
        self.response_ns = response_ns
        self.first_measured = first_measured
        self.now = 0
        self.service_ns: list[int] = []  # of each task
        self.queue: list[int] = []  # tasks in order
        self.served: list[int | None] = [None] * workers  # the task that each worker serves
        self.to_come: list[tuple[int, int, int]] = []  # (instant, kind, task or worker)
        self.kind = -1  # of the last event
        self.seen: list[list[int]] = []  # (tasks,) of WORKER to ANSWERED
        self.window_ns = window_ns
        self.tasks = self.busy_ns = self.waiting_ns = self.longest_wait_ns = 0

    def send(self, instant: int, service_ns: int) -> None:
        self.service_ns.append(service_ns)
        self.seen.append([-1] * 5)
        self.to_come.append((instant, ENQUEUE, len(self.service_ns) - 1))

    def happen(self) -> int:
        """The next event; returns its kind."""
        event = min(self.to_come)
        self.to_come.remove(event)
        self.now, self.kind, which = event
        {ENQUEUE: self.enqueue, START: self.start, FINISH: self.finish, ANSWER: self.answer}[self.kind](which)
        return self.kind

    def enqueue(self, task: int) -> None:
        self.seen[task][ENQUEUED] = self.now
        self.queue.append(task)
        self.start_soon()

    def start_soon(self) -> None:
        event = (self.now, START, 0)
        if self.queue and None in self.served and event not in self.to_come:
            self.to_come.append(event)

    def start(self, _: int) -> None:
        while self.queue and None in self.served:
            task, worker = self.queue.pop(0), self.served.index(None)
            self.served[worker] = task
            self.seen[task][WORKER], self.seen[task][STARTED] = worker, self.now
            self.to_come.append((self.now + self.service_ns[task], FINISH, worker))

    def finish(self, worker: int) -> None:
        task = self.served[worker]
        assert task is not None
        self.served[worker] = None
        self.seen[task][FINISHED] = self.now
        if task >= self.first_measured:
            wait_ns = self.seen[task][STARTED] - self.seen[task][ENQUEUED]
            self.tasks += 1
            self.busy_ns += self.service_ns[task]
            self.waiting_ns += wait_ns
            self.longest_wait_ns = max(self.longest_wait_ns, wait_ns)
        self.to_come.append((self.now + self.response_ns, ANSWER, task))
        self.start_soon()

    def answer(self, task: int) -> None:
        self.seen[task][ANSWERED] = self.now

    @property
    def counters(self) -> tuple[int, int, int, int]:
        return self.tasks, self.busy_ns, self.waiting_ns, self.longest_wait_ns

    def window_busy_ns(self, until_ns: int = LATE_NS) -> int:
        """Nanoseconds of the window, one by one, in which workers serve those that have started."""
        spans = [(seen[STARTED], seen[STARTED] + ns) for seen, ns in zip(self.seen, self.service_ns, strict=True)]
        instants = range(self.window_ns[0], min(self.window_ns[1], until_ns))
        return sum(0 <= start <= now < finish for now in instants for start, finish in spans)


class ReferenceReplica:
    """The reference engine's Replica and its Clock, without the rest of a run."""

    def __init__(self, plan: Plan) -> None:
        self.model = reference_model.Model(plan, tasks=False)
        self.stage = self.model.stages[0]
        [self.replica] = self.stage.replicas
        self.tasks: list[reference_model.Copy] = []

    def send(self, instant: int, service_ns: int) -> None:
        query = len(self.tasks)
        gather = self.stage.gather(query)
        task = reference_model.Copy(gather, 0, self.replica, float(service_ns), 0.0)
        self.tasks.append(task)
        reference_clock.At(self.model.clock, instant, ENQUEUE, query, self.replica.enqueue, task)

    def happen(self) -> int:
        """The next event; SimPy's own, which wake processes, go with it."""
        clock = self.model.clock
        before = clock.events
        while clock.events == before:
            clock.step()
        return (clock.order - reference_clock.FIRST_PRIORITY) >> KEY_BITS

    @property
    def queue(self) -> list[int]:
        return [task.gather.query for task in self.replica.queue.waiting]

    @property
    def served(self) -> list[int | None]:
        under_way = {t.worker: t.gather.query for t in self.tasks if t.start_ns >= 0 and t.finish_ns < 0}
        workers = len(self.replica.given)
        assert sorted([*under_way, *self.replica.free]) == list(range(workers)), "a worker is free or serves"
        return [under_way.get(worker) for worker in range(workers)]

    @property
    def seen(self) -> list[list[int]]:
        return [[t.worker, t.enqueue_ns, t.start_ns, t.finish_ns, t.answer_ns] for t in self.tasks]

    @property
    def counters(self) -> tuple[int, int, int, int]:
        record = self.model.record
        return record.tasks[0], record.busy_ns[0], record.waiting_ns[0], record.longest_wait_ns[0]

    @property
    def window_busy_ns(self) -> int:
        return self.model.record.window_busy_ns[0]


class CompiledReplica:
    """The event-by-event half of the compiled loop, one event at a time."""

    def __init__(self, plan: Plan) -> None:
        self.run = Run(plan, True, [0])
        self.run.given.modes["block"] = 1  # luck is drawn when a task is sent, for it is not known before
        self.arrival_ns = np.array(plan.arrival_ns)
        self.work = np.array(plan.work)
        self.sent = 0

    def send(self, instant: int, service_ns: int) -> None:
        self.arrival_ns[self.sent], self.work[self.sent] = instant, service_ns
        self.run.given.entering_ns[self.sent] = instant
        self.sent += 1
        self.run.given = self.run.given._replace(arrival_ns=frozen(self.arrival_ns), work=frozen(self.work))

    def happen(self) -> int:
        """The next event after all dispatches before it: a task is sent in the instant that it is enqueued."""
        kind = DISPATCH
        while kind == DISPATCH:
            why = self.run.advance(1)
            if why == ahead.FULL:
                self.run.grow()
                continue
            assert why == ahead.PAUSED, why
            kind = int(self.run.clock["order"][0]) >> KEY_BITS
        return kind

    @property
    def queue(self) -> list[int]:
        queries, row = [], int(self.run.replicas["head"][0])
        while row >= 0:
            queries.append(int(self.run.copies[row]["query"]))
            row = int(self.run.copies[row]["next"])
        return queries

    @property
    def served(self) -> list[int | None]:
        rows = self.run.serving.tolist()
        assert self.run.replicas["free"][0] == rows.count(-1), "a worker is free or serves"
        return [None if row < 0 else int(self.run.copies[row]["query"]) for row in rows]

    @property
    def seen(self) -> list[list[int]]:
        of = (records.T_WORKER, records.T_ENQUEUE, records.T_START, records.T_FINISH, records.T_ANSWER)
        rows = self.run.kept.table[list(of), : self.sent]
        return rows.T.tolist()  # type: ignore[no-any-return]

    @property
    def counters(self) -> tuple[int, int, int, int]:
        tasks, waiting_ns, longest_wait_ns, inside_ns, across_ns, _ = self.run.kept.counters[:, 0].tolist()
        return tasks, inside_ns + across_ns, waiting_ns, longest_wait_ns

    @property
    def window_busy_ns(self) -> int:
        counters = self.run.kept.counters[:, 0]
        return int(counters[records.INSIDE] + counters[records.PARTLY])


def plan_of(
    workers: int,
    response_ns: int,
    first_measured: int,
    window_ns: tuple[int, int],
    arrival_ns: Any,
    service_ns: Any,
    **more: Any,
) -> Plan:
    """Tasks of one replica: a task's service time is its query's work, in ns."""
    part = StageParts(
        candidates=Law.constant(1.0), time=Law.constant(1.0), workers=workers, response=Law.constant(float(response_ns))
    )
    first_measured = min(first_measured, len(arrival_ns) - 1)
    arrivals, work = np.array(arrival_ns, dtype=np.int64), np.array(service_ns, dtype=np.float64)
    plan = assemble([part], arrivals, work, first_measured=first_measured, **more)
    return dataclasses.replace(plan, window_begin_ns=window_ns[0], window_end_ns=window_ns[1])


class ReplicaMachine(RuleBasedStateMachine):
    """Tasks are sent and time passes, an event at a time; times are small, so that events coincide."""

    lists: Lists

    @initialize(
        workers=st.integers(1, 3),
        response_ns=st.integers(0, 2),
        first_measured=st.integers(0, 2),
        begin_ns=st.integers(0, 4),
        length_ns=st.integers(0, 12),
    )
    def begin(self, workers: int, response_ns: int, first_measured: int, begin_ns: int, length_ns: int) -> None:
        self.same = (workers, response_ns, first_measured, (begin_ns, begin_ns + length_ns))
        self.arrival_ns: list[int] = []
        capacity = plan_of(*self.same, [LATE_NS] * MOST_TASKS, [1] * MOST_TASKS)
        self.lists = Lists(*self.same)
        self.engines = [ReferenceReplica(capacity), CompiledReplica(capacity)]

    @property
    def earliest_ns(self) -> int:
        """From when on tasks may be sent: what is to happen in this instant after a sending must not have happened."""
        open_ns = self.lists.now + (self.lists.kind >= DISPATCH)
        return max([open_ns, *self.arrival_ns[-1:]])

    @precondition(lambda self: len(self.arrival_ns) + 3 <= MOST_TASKS)
    @rule(gap_ns=st.integers(0, 3), services_ns=st.lists(st.integers(1, 4), min_size=1, max_size=3))
    def send(self, gap_ns: int, services_ns: list[int]) -> None:
        """Tasks are sent at one instant, now or soon; those that are measured not before the window."""
        instant = self.earliest_ns + gap_ns
        if len(self.arrival_ns) + len(services_ns) > self.lists.first_measured:
            instant = max(instant, self.lists.window_ns[0])
        for service_ns in services_ns:
            self.arrival_ns.append(instant)
            for one in (self.lists, *self.engines):
                one.send(instant, service_ns)

    @precondition(lambda self: self.lists.to_come)
    @rule(events=st.integers(1, 4))
    def happen(self, events: int) -> None:
        """The next events happen: a task is enqueued, started, finished, answered."""
        for _ in range(events):
            if self.lists.to_come:
                self.one_event()

    @precondition(lambda self: any(kind == FINISH for _, kind, _ in self.lists.to_come))
    @rule()
    def finish(self) -> None:
        """Time passes until a task is finished."""
        while self.one_event() != FINISH:
            pass

    def one_event(self) -> int:
        kind = self.lists.happen()
        for engine in self.engines:
            assert engine.happen() == kind, f"{type(engine).__name__}: another event is next"
            self.compare(engine)
        return kind

    def compare(self, engine: Any) -> None:
        name = type(engine).__name__
        assert engine.queue == self.lists.queue, f"{name}: the queue"
        assert engine.served == self.lists.served, f"{name}: who is served by which worker"
        assert engine.seen == self.lists.seen, f"{name}: workers and instants of tasks"
        assert engine.counters == self.lists.counters, f"{name}: counters"
        if not any(worker is not None for worker in engine.served):  # what runs is counted when it starts or finishes
            assert engine.window_busy_ns == self.lists.window_busy_ns(), f"{name}: busy time inside the window"

    @invariant()
    def looking_ahead_finds_the_same(self) -> None:
        """The tasks so far, to their end; and up to now, if no more will happen in this instant."""
        if not getattr(self, "arrival_ns", None):
            return
        later = copy.deepcopy(self.lists)
        while later.to_come:
            later.happen()
        self.looked_ahead(later)
        is_sent = all(kind != ENQUEUE for _, kind, _ in self.lists.to_come)
        if is_sent and all(instant > self.lists.now for instant, *_ in self.lists.to_come):
            self.looked_ahead(self.lists, drain_ns=self.lists.now - self.arrival_ns[-1])

    def looked_ahead(self, expected: Lists, **cut: int) -> None:
        plan = plan_of(*self.same, self.arrival_ns, expected.service_ns, **cut)
        trace = compiled.simulate(plan, tasks=True)
        table = trace.task_table
        assert table is not None
        columns = (table.worker, table.enqueue_ns, table.start_ns, table.finish_ns, table.answer_ns)
        assert np.stack(columns, axis=1).tolist() == expected.seen, "looking ahead: workers and instants"
        if plan.first_measured == expected.first_measured:
            found = (trace.tasks[0], trace.busy_ns[0], trace.waiting_ns[0], trace.longest_wait_ns[0])
            assert found == expected.counters, "looking ahead: counters"
            inside_ns = expected.window_busy_ns(plan.end_ns)
            assert trace.window_busy_ns[0] == inside_ns, "looking ahead: busy time inside the window"
