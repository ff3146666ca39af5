"""A replica's queue: who waits, and whom a free worker takes."""

from collections import deque
from collections.abc import Collection
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import Generic, Protocol, TypeVar

from simulator.core import batching
from simulator.core.background import is_background, wanted_beside
from simulator.core.classes import wanted
from simulator.core.disciplines import queue_key
from simulator.core.hosted import has_company
from simulator.core.plan import FIFO, Plan


class OfQuery(Protocol):
    """What knows whose task it is."""

    stage: int

    @property
    def query(self) -> int:
        """Number of the query."""
        ...


class Waiting(Protocol):
    """What a queue looks at of those in it."""

    alone_ns: float
    items: float
    enqueue_ns: int

    @property
    def gather(self) -> OfQuery:
        """What holds its query."""
        ...


Copy = TypeVar("Copy", bound=Waiting)


def queue_of(plan: Plan, stage: int) -> "Queue[Copy]":
    """An empty queue of a replica of a stage."""
    return Queue(plan, stage) if plan.stages[stage]["discipline"] == FIFO else Ranked(plan, stage)


class Queue(Generic[Copy]):
    """First come, first served: one at a time, or in batches."""

    def __init__(self, plan: Plan, stage: int) -> None:
        self.plan = plan
        self.stage = stage
        self.is_batched = bool(plan.is_batched[stage])
        self.is_mixed = self.is_batched and has_company(plan.stages, stage)  #: whether batches are of one stage of some
        self.waiting: deque[Copy] = deque()
        self.everybody: Collection[object] = self.waiting  #: who waits, one for one, in any form

    def join(self, copy: Copy) -> None:
        """A task joins the queue."""
        self.waiting.append(copy)

    def take(self, now: int) -> list[Copy]:
        """The tasks that a worker takes now, in order; none if no batch is ready. Somebody waits."""
        if not self.is_batched:
            return [self.waiting.popleft()]
        count = self._ready(now)
        if not self.is_mixed:
            return [self.waiting.popleft() for _ in range(count)]
        stage = self.waiting[0].gather.stage
        batch = [copy for copy in self.waiting if copy.gather.stage == stage][:count]
        for copy in batch:
            self.waiting.remove(copy)
        return batch

    def next_ones(self) -> list[Copy]:
        """Whom a worker would take next, who is to leave among them or not; none if nobody waits."""
        if not self.is_batched or not self.waiting:
            return list(islice(self.waiting, 1))
        return self._fitting()

    def leave(self, copy: Copy) -> None:
        """A task leaves before its turn."""
        self.waiting.remove(copy)

    def clear(self) -> list[Copy]:
        """All leave that wait; in which order makes no difference."""
        gone = list(self.waiting)
        self.waiting.clear()
        return gone

    def due_ns(self) -> int:
        """When those that wait are a batch, however few they are."""
        return self.waiting[0].enqueue_ns + int(self.plan.stages[self.stage]["max_wait_ns"])

    def _fitting(self) -> list[Copy]:
        stages, stage, items = self.plan.stages, self.waiting[0].gather.stage, 0.0
        fitting: list[Copy] = []
        for copy in self.waiting:
            if not self.is_mixed or copy.gather.stage == stage:
                if not batching.fits(stages, stage, len(fitting), items, copy.items):
                    break
                fitting.append(copy)
                items += copy.items
        return fitting

    def _ready(self, now: int) -> int:
        stages, stage = self.plan.stages, self.waiting[0].gather.stage
        mine = [copy for copy in self.waiting if copy.gather.stage == stage] if self.is_mixed else self.waiting
        fitting = len(self._fitting())
        oldest_ns = self.waiting[0].enqueue_ns
        points = self.plan.batch_points
        return int(batching.ready(stages, points, stage, len(mine), fitting, oldest_ns, now))


class Ranked(Queue[Copy]):
    """In the order of a discipline's keys, one at a time: whoever was enqueued earlier first among equal ones."""

    def __init__(self, plan: Plan, stage: int) -> None:
        super().__init__(plan, stage)
        self.discipline = int(plan.stages[stage]["discipline"])
        self.joined = 0
        self.heap: list[tuple[float, int, Copy]] = []
        self.everybody = self.heap

    def join(self, copy: Copy) -> None:
        """A task joins the queue."""
        plan, discipline = self.plan, self.discipline
        query, soon = copy.gather.query, wanted_beside(plan.stages, self.stage, discipline)
        if not is_background(query):
            soon = wanted(plan.classes, plan.class_of, plan.arrival_ns, discipline, query)
        heappush(self.heap, (queue_key(discipline, self.joined, copy.alone_ns, soon), self.joined, copy))
        self.joined += 1

    def leave(self, copy: Copy) -> None:
        """A task leaves before its turn."""
        self.heap[:] = [entry for entry in self.heap if entry[2] is not copy]
        heapify(self.heap)

    def next_ones(self) -> list[Copy]:
        """Whom a worker would take next; none if nobody waits."""
        return [self.heap[0][2]] if self.heap else []

    def take(self, now: int) -> list[Copy]:
        """The task that a worker takes now; somebody waits."""
        return [heappop(self.heap)[2]]

    def clear(self) -> list[Copy]:
        """All leave that wait; in which order makes no difference."""
        gone = [copy for _, _, copy in self.heap]
        self.heap.clear()
        return gone
