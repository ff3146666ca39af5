"""The reference engine: what a funnel of sharded stages does, as SimPy processes. Read this file first.

A *query* is a process: it arrives and, stage by stage, sends a task to one replica of every shard, waits for the last
answer, and merges. A replica is a FIFO queue before one or more *workers*, each a process that serves task after task.
Between the two, plain callbacks carry a task along: enqueued, started, answered.

Time is integer nanoseconds. What happens next is the pending event with the least (instant, kind, key); that order is
defined in ``rules.event_order`` and handed to SimPy as the event's priority, never left to the order of insertion.
SimPy's own housekeeping (priorities 0 and 1) settles before the next ordered event. Who is chosen
and how long things take is decided in ``rules``; this file only says what waits for what.
"""

from __future__ import annotations

import gc
import math
from collections import deque
from collections.abc import Callable, Generator
from heapq import heappop, heappush
from typing import Any

import numpy as np
import simpy

from simulator.core import rules
from simulator.core.calling import Calls
from simulator.core.dispatch import DECIDED, SCRATCH, dispatch
from simulator.core.plan import KEY_BITS, NEVER_NS, Plan
from simulator.core.rules import ANSWER, ARRIVE, DISPATCH, ENQUEUE, FINISH, MERGED, START
from simulator.core.trace import Trace
from simulator.engines.recorder import Recorder

Callback = Callable[["At"], None]
Process = Generator[simpy.Event, Any, None]

#: SimPy's own events have priorities 0 and 1; ours come after them.
FIRST_PRIORITY = 2


def simulate(plan: Plan, tasks: bool = False, *, stopped: Callable[[], bool] | None = None) -> Trace:
    """Simulate one replication and return its trace; with ``tasks``, every task's instants too.

    ``stopped`` is not asked: this engine runs in a process of its own, which can be ended.
    """
    # A query leaves no cyclic garbage behind, and the collector, left on, would look through all pending events again
    # and again: a fifth of the time on a stage of 1000 shards.
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        return Model(plan, tasks).run()
    finally:
        if was_collecting:
            gc.enable()


class Clock(simpy.Environment):
    """SimPy's environment, which also knows the order of the event that is happening."""

    def __init__(self, latest_ns: float = NEVER_NS) -> None:
        super().__init__(0)
        self.latest_ns = latest_ns
        self.order = -1
        self.events = 0

    @property
    def now(self) -> int:
        """The current instant in ns."""
        return self._now  # type: ignore[return-value]

    def step(self) -> None:
        """Process the next event: ``simpy.Environment.step``, with the order kept."""
        if not self._queue:
            raise simpy.core.EmptySchedule
        self._now, order, _, event = heappop(self._queue)
        if order >= FIRST_PRIORITY:
            self.order = order
            self.events += 1
        callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
        for callback in callbacks:
            callback(event)
        if not event._ok and not hasattr(event, "_defused"):
            raise event._value


class At(simpy.Event):
    """An event at an instant, placed among the others of that instant by its kind and key.

    An event creates only later ones, so what happens is sorted by (instant, kind, key): asserted here.
    """

    def __init__(
        self, clock: Clock, instant: int, kind: int, key: int, then: Callback | None = None, value: Any = None
    ) -> None:
        self.env = clock
        self.callbacks = [] if then is None else [then]
        self._ok = True
        self._value = value
        order = FIRST_PRIORITY + ((kind << KEY_BITS) | key)  # rules.event_order, without the call
        assert instant > clock._now or order > clock.order, "an event creates only later events"
        if instant >= clock.latest_ns:
            raise OverflowError("an instant beyond all that a run can tell apart")
        entry: Any = (instant, order, next(clock._eid), self)
        heappush(clock._queue, entry)  # clock.schedule, without the call


class Handover(simpy.Event):
    """What a process waits for until an event that is happening hands it a value; it goes on at once.

    It serves again and again: whoever waits after it was given waits for the next time.
    """

    def give(self, value: Any = None) -> None:
        """Let the waiting process go on with ``value``."""
        self._ok = True
        self._value = value
        callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            callback(self)


class Model:
    """One run: the clock, the fleet, and what the trace will say."""

    def __init__(self, plan: Plan, tasks: bool) -> None:
        self.plan = plan
        self.clock = Clock(NEVER_NS if plan.drain_ns == NEVER_NS else math.inf)
        self.record = Recorder(plan, tasks)
        self.sent = 0
        self.calls = Calls(plan)
        self.outstanding = np.zeros(plan.views, dtype=np.int64)  # at each replica, as each balancer sees it
        self.stages = [Stage(self, index) for index in range(len(plan.stages))]

    def run(self) -> Trace:
        """Run until nothing is left to happen, or the drain is cut."""
        self.clock.process(self.arrivals())
        if self.plan.drain_ns == NEVER_NS:
            self.clock.run()
        else:
            self.clock.run(until=self.plan.end_ns + 1)
        return self.record.trace(self.clock.events)

    def arrivals(self) -> Process:
        """Queries arrive at the instants that the plan says."""
        for query, instant in enumerate(self.plan.arrival_ns.tolist()):
            yield At(self.clock, instant, ARRIVE, query)
            self.clock.process(self.query(query))

    def query(self, query: int) -> Process:
        """A query's life: for each stage, fan out, wait for the answers, merge; then it is complete."""
        clock, record, stage_bits = self.clock, self.record, self.plan.stage_bits
        candidates = 0.0
        for stage in self.stages:
            key = (query << stage_bits) | stage.index
            yield At(clock, clock.now, DISPATCH, key)
            gather = Gather(stage, query)
            candidates = stage.dispatch(gather, candidates)
            yield gather.closed
            yield from stage.merge(key)
            record.leave(gather, clock.now)
        record.complete(query)


class Stage:
    """One stage of the funnel: its replicas and its mergers."""

    def __init__(self, model: Model, index: int) -> None:
        plan = model.plan
        row = plan.stages[index]
        self.model = model
        self.index = index
        self.shards = int(row["shards"])
        self.replicas_per_shard = int(row["replicas"])
        self.first_shard = int(row["first_shard"])
        self.request_ns = int(row["request_ns"])
        self.send_ns = int(row["send_ns"])
        self.is_load_aware = bool(rules.is_load_aware(row["policy"]))
        first = int(row["first_replica"])
        count = self.shards * self.replicas_per_shard
        self.replicas = [Replica(model, first + i, int(row["workers"])) for i in range(count)]
        self.merging: deque[Handover] = deque()
        self.free_mergers = int(row["mergers"])
        self.merge_ns = int(rules.merge_ns(plan.stages, index, self.shards))
        self.pooled = np.zeros(self.replicas_per_shard, dtype=np.int64)
        self.scratch = np.zeros((SCRATCH, self.shards))
        self.decided = np.zeros((DECIDED, self.shards), dtype=np.int64)

    def dispatch(self, gather: Gather, previous: float) -> float:
        """Send a task to one replica of every shard, in shard order; return the candidates scored here.

        ``previous``: candidates given to the previous stage.
        """
        plan, model, query = self.model.plan, self.model, gather.query
        clock, now, send_bits = model.clock, model.clock.now, plan.send_bits
        candidates, view = dispatch(
            *(plan.stages, plan.laws, plan.law_parts, plan.law_points, plan.share),
            *(plan.knot_items, plan.knot_ns, plan.knot_slope),
            *(
                plan.machine_factor,
                model.calls.addresses,
                model.calls.fault,
                model.outstanding,
                plan.seed,
                plan.replication,
                query,
                self.index,
                previous,
            ),
            *(plan.work[query], self.pooled, self.scratch, self.decided),
        )
        model.calls.check()
        model.record.enter(gather, candidates)
        for shard, (chosen, service_ns, response_ns, load) in enumerate(self.decided.T.tolist()):
            local = shard * self.replicas_per_shard + chosen
            replica = self.replicas[local]
            task = Task(gather, shard, replica, service_ns, response_ns)
            model.record.send(task)
            if self.is_load_aware:
                task.counter = view + local
                task.load = load
                self.model.outstanding[task.counter] += task.load
            key = (replica.index << send_bits) | model.sent
            model.sent += 1
            At(clock, now + self.request_ns + shard * self.send_ns, ENQUEUE, key, replica.enqueue, task)
        return float(candidates)

    def answer(self, at: At) -> None:
        """A task's answer reaches the aggregator; the last one closes the stage."""
        task: Task = at._value
        gather = task.gather
        if self.is_load_aware:
            self.model.outstanding[task.counter] -= task.load
        task.answer_ns = now = self.model.clock.now
        gather.answer_sum_ns += now - gather.enter_ns
        gather.missing -= 1
        if gather.missing == 0:
            self.model.record.close(task, now)
            gather.closed.give()

    def merge(self, key: int) -> Process:
        """Merge the answers: a mere delay, or work for one of a few mergers, first come first served."""
        clock = self.model.clock
        is_limited = self.model.plan.stages[self.index]["mergers"] > 0
        if is_limited:
            if self.free_mergers == 0:
                turn = Handover(clock)
                self.merging.append(turn)
                yield turn
            else:
                self.free_mergers -= 1
        yield At(clock, clock.now + self.merge_ns, MERGED, key)
        if is_limited:
            if self.merging:
                self.merging.popleft().give()
            else:
                self.free_mergers += 1


class Gather:
    """The answers of one query in one stage, while they come in."""

    __slots__ = ("answer_sum_ns", "closed", "enter_ns", "missing", "query", "stage")

    def __init__(self, stage: Stage, query: int) -> None:
        self.stage = stage
        self.query = query
        self.enter_ns = stage.model.clock.now
        self.missing = stage.shards
        self.answer_sum_ns = 0
        self.closed = Handover(stage.model.clock)


class Task:
    """One query's work at one shard."""

    __slots__ = (
        *("answer_ns", "counter", "enqueue_ns", "finish_ns", "gather", "load", "replica", "response_ns"),
        *("service_ns", "shard", "start_ns", "worker"),
    )

    def __init__(self, gather: Gather, shard: int, replica: Replica, service_ns: int, response_ns: int) -> None:
        self.gather = gather
        self.shard = shard
        self.replica = replica
        self.service_ns = service_ns
        self.response_ns = response_ns
        self.enqueue_ns = self.start_ns = self.finish_ns = self.answer_ns = self.worker = -1  # not yet
        self.counter: int  # where and how much it is outstanding, if the routing looks at that
        self.load: int


class Replica:
    """A FIFO queue before one or more workers."""

    def __init__(self, model: Model, index: int, workers: int) -> None:
        self.model = model
        self.index = index
        self.queue: deque[Task] = deque()
        self.free = list(range(workers))  # a heap: the free worker of lowest index is next
        self.is_starting = False
        self.given = [Handover(model.clock) for _ in range(workers)]
        for worker in range(workers):
            model.clock.process(self.serve(worker))

    def enqueue(self, at: At) -> None:
        """A task joins the queue."""
        task: Task = at._value
        task.enqueue_ns = self.model.clock.now
        self.queue.append(task)
        self.start_soon()

    def start_soon(self) -> None:
        """At the end of this instant, start what may start. Once an instant is enough."""
        if self.free and self.queue and not self.is_starting:
            self.is_starting = True
            At(self.model.clock, self.model.clock.now, START, self.index, self.start)

    def start(self, _: At) -> None:
        """While a worker is free and a task waits, the free worker of lowest index takes the first in the queue."""
        self.is_starting = False
        while self.free and self.queue:
            worker = heappop(self.free)
            self.given[worker].give(self.queue.popleft())

    def serve(self, worker: int) -> Process:
        """A worker's life: take a task, serve it, send its answer on its way."""
        clock, record = self.model.clock, self.model.record
        shard_bits = self.model.plan.shard_bits
        key = (self.index << self.model.plan.worker_bits) | worker
        given = self.given[worker]
        while True:
            task: Task = yield given
            task.worker = worker
            task.start_ns = now = clock.now
            yield At(clock, now + task.service_ns, FINISH, key)
            task.finish_ns = now = clock.now
            heappush(self.free, worker)
            record.finish(task)
            stage = task.gather.stage
            answer_key = (task.gather.query << shard_bits) | (stage.first_shard + task.shard)
            At(clock, now + task.response_ns, ANSWER, answer_key, stage.answer, task)
            self.start_soon()
