"""A replica's queue: who waits, and whom a free worker takes."""

from collections import deque
from typing import Generic, Protocol, TypeVar

from simulator.core import batching
from simulator.core.plan import Plan


class Waiting(Protocol):
    """What a queue looks at of those in it."""

    items: float
    enqueue_ns: int


Copy = TypeVar("Copy", bound=Waiting)


class Queue(Generic[Copy]):
    """First come, first served: one at a time, or in batches."""

    def __init__(self, plan: Plan, stage: int) -> None:
        self.plan = plan
        self.stage = stage
        self.is_batched = bool(plan.is_batched[stage])
        self.waiting: deque[Copy] = deque()

    def __len__(self) -> int:
        """How many wait."""
        return len(self.waiting)

    def join(self, copy: Copy) -> None:
        """A task joins the queue."""
        self.waiting.append(copy)

    def take(self, now: int) -> list[Copy]:
        """The tasks that a worker takes now, in order; none if no batch is ready."""
        return [self.waiting.popleft() for _ in range(self._ready(now))]

    def due_ns(self) -> int:
        """When those that wait are a batch, however few they are."""
        return self.waiting[0].enqueue_ns + int(self.plan.stages[self.stage]["max_wait_ns"])

    def _ready(self, now: int) -> int:
        stages, stage = self.plan.stages, self.stage
        if not self.waiting or not self.is_batched:
            return min(1, len(self.waiting))
        fitting, items = 0, 0.0
        for copy in self.waiting:
            if not batching.fits(stages, stage, fitting, items, copy.items):
                break
            fitting, items = fitting + 1, items + copy.items
        oldest_ns = self.waiting[0].enqueue_ns
        points = self.plan.batch_points
        return int(batching.ready(stages, points, stage, len(self.waiting), fitting, oldest_ns, now))
