"""A replica: a queue before one or more workers, each a process that serves batch after batch.

It serves tasks of its own stage, and of those that run on it: what is asked of a task's stage is asked of the place
that it was sent to.
"""

from __future__ import annotations

from heapq import heappop, heappush

import simpy

from simulator.core import copy_states
from simulator.core.rules import FINISH, RELEASE, START
from simulator.engines.reference.clock import At, Handover, Process
from simulator.engines.reference.failures import Crashing, Mortal
from simulator.engines.reference.gather import Copy
from simulator.engines.reference.queue import Queue, queue_of


class Replica(Mortal):
    """A queue before one or more workers; where tasks share them it is another (``sharing``)."""

    def __init__(self, stage: Crashing, index: int, workers: int) -> None:
        super().__init__(stage, index)
        model = stage.model
        self.clock = model.clock
        self.queue: Queue[Copy] = queue_of(model.plan, stage.index)
        self.free = list(range(workers))  # a heap: the free worker of lowest index is next
        self.is_starting = False
        self.drops = model.plan.drops  # whether whoever is late never starts
        self.timer_ns = -1  # when what waits is looked at again; -1: not
        self.own = 0  # of those that wait, tasks of its own
        self.in_time_ns = 0  # when a task came to an empty queue, or one started that had waited shortly
        self.given = [Handover(model.clock) for _ in range(workers)]
        self.neighbours = model.machines.take_in(self, stage.index)
        self.serving: list[list[Copy]] = [[] for _ in range(workers)]  # tasks that are served, and needed
        self.workers = [model.clock.process(self.serve(worker)) for worker in range(workers)]

    def enqueue(self, at: At) -> None:
        """A task joins the queue, unless it was withdrawn on its way, or the queue is full."""
        copy: Copy = at._value
        if copy.state == copy_states.WITHDRAWN or (self.crashes is not None and self.loses(copy)):
            return
        limit = copy.replica.stage.limit
        if limit is not None:
            waiting = len(self.queue.everybody) - self.own
            if waiting == 0:
                self.in_time_ns = self.clock.now
            free = 0 if self.is_down() else len(self.free)
            if limit.refuses(copy, waiting, free, self.in_time_ns):
                return
        self.be_there(copy)

    def be_there(self, copy: Copy) -> None:
        """A task waits for a worker."""
        copy.step(copy_states.ENQUEUED)
        copy.enqueue_ns = self.clock.now
        self.own += copy.gather.is_own
        self.queue.join(copy)
        if self.crashes is not None:
            self.joined()
        self.start_soon()

    def withdraw(self, at: At) -> None:
        """Nobody needs a task any more: it never starts, or it is stopped with the last of its batch, if it may be."""
        copy: Copy = at._value
        if copy.state in (copy_states.SENT, copy_states.QUEUED):
            self.leave(copy)
        elif copy.state == copy_states.RUNNING and copy.replica.stage.stops:
            copy.replica.forget(copy)
            self.serving[copy.worker].remove(copy)
            if not self.serving[copy.worker]:
                self.workers[copy.worker].interrupt()

    def leave(self, copy: Copy) -> None:
        """A task that has not started never does."""
        is_queued = copy.state == copy_states.QUEUED
        if is_queued:
            self.queue.leave(copy)
        copy.replica.forget(copy)
        self.model.record.withdraw(copy.gather.query, copy.replica.index)
        if is_queued and self.queue.is_mixed:
            self.start_soon()  # another stage's task may be the first now

    def start_soon(self) -> None:
        """At the end of this instant, start what may start. Once an instant is enough."""
        if self.free and self.queue.everybody and not self.is_starting:
            self.is_starting = True
            At(self.clock, self.clock.now, START, self.index, self.start)

    def start(self, _: At) -> None:
        """While a worker is free and a batch is ready, the free worker of lowest index takes the first in the queue."""
        now = self.clock.now
        self.is_starting = False
        if self.timer_ns == now:
            self.timer_ns = -1
        if self.spells is not None and self.sleeps():
            return
        queue = self.queue
        while self.free and queue.everybody and (batch := self.in_time(now) if self.drops else queue.take(now)):
            worker = heappop(self.free)
            if self.own:
                self.own -= sum(copy.gather.is_own for copy in batch)
            limit = batch[0].replica.stage.limit
            if limit is not None and limit.in_time(batch):
                self.in_time_ns = now
            beside = self.neighbours.busy() if self.neighbours.interferes else 0
            self.given[worker].give((batch, beside))
        if self.free and queue.everybody and self.timer_ns < 0:
            self.timer_ns = self.queue.due_ns()
            At(self.clock, self.timer_ns, START, self.index, self.start)

    def in_time(self, now: int) -> list[Copy]:
        """The batch that a worker takes now; whoever is late of those that would be of it is dropped before."""
        queue = self.queue
        while self.drop(queue.next_ones()[:1]):
            pass
        while queue.is_batched and self.drop(queue.next_ones()):
            pass
        return queue.take(now) if queue.everybody else []

    def drop(self, some: list[Copy]) -> bool:
        """Whoever is late of some that wait leaves; whether somebody is."""
        late = [copy for copy in some if copy.replica.stage.limit is not None and copy.replica.stage.limit.drops(copy)]
        for copy in late:
            self.queue.leave(copy)
        return len(late) > 0

    def serve(self, worker: int) -> Process:
        """A worker's life: take a batch of tasks, serve them, send their answers on their way, and clean up."""
        clock, record = self.clock, self.model.record
        key = (self.index << self.model.plan.worker_bits) | worker
        given = self.given[worker]
        while True:
            batch, beside = yield given
            place = batch[0].replica
            stage = place.stage
            for copy in batch:
                copy.step(copy_states.STARTED)
                copy.worker, copy.start_ns, copy.batch = worker, clock.now, len(batch)
                if stage.is_keen:
                    copy.gather.begun(copy)
            service_ns = stage.times.service_ns(batch, beside)
            after_ns = stage.times.after_ns(batch) if stage.times.stays_taken else 0
            if self.crashes is not None:
                self.begun()
            record.start(place.index, clock.now, service_ns + after_ns)
            is_stopped = False
            self.serving[worker] = batch.copy() if stage.stops else batch
            try:
                yield At(clock, clock.now + service_ns, FINISH, key)
            except simpy.Interrupt:  # nobody needs any of them, or they are lost
                is_stopped = True
                record.stop(place.index, clock.now, batch[0].start_ns + service_ns + after_ns)
                service_ns, after_ns = clock.now - batch[0].start_ns, 0
            if stage.times.is_batched and not is_stopped:
                record.batch(stage.index, max(copy.gather.query for copy in batch), len(batch))
            for copy in batch:
                copy.service_ns, copy.after_ns = service_ns, after_ns
                if copy.batch > 1:
                    copy.share(copy is batch[0])
                if copy.state == copy_states.WITHDRAWN:
                    record.stopped(copy.gather.query, place.index, copy.busy_ns)
                elif is_stopped:
                    self.lose(copy)
                else:
                    copy.queue = len(self.queue.everybody)
                    place.answer(copy)
            if stage.times.stays_taken and not is_stopped:
                yield At(clock, clock.now + after_ns, RELEASE, key)
            heappush(self.free, worker)
            for copy in batch:
                copy.release_ns = clock.now
            self.start_soon()
