"""Many pieces of work, here, on local processes, or on a Dask cluster: what comes out depends on none of it.

A worker that is lost takes nothing with it: what it was doing is done again. Which piece of work was to blame, if any
was, cannot be seen while several are under way, so those that were are then done one at a time.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from simulator.base import room
from simulator.base.errors import LostWorkerError, UnavailableError
from simulator.engines import compile_ahead
from simulator.running import pools
from simulator.running.execution import Execution

Item = TypeVar("Item")
Answer = TypeVar("Answer")

#: Pieces under way or waiting at a worker: enough that it never waits for us.
A_WORKER = 2


@dataclass(frozen=True)
class Standing:
    """How far the work is."""

    done: int
    total: int
    lost: int  #: workers that were lost on the way
    elapsed_s: float
    before: int = 0  #: pieces that were done before, and are not counted

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest will take if it is like what is done; None: nothing is done."""
        return self.elapsed_s / self.done * (self.total - self.done) if self.done else None


def execute(
    function: Callable[[Item], Answer], items: Sequence[Item], execution: Execution
) -> Iterator[tuple[int, Answer]]:
    """Call ``function`` with each item; yields (index of the item, result) as they finish, in any order.

    Parameters
    ----------
    function, items
        Can be pickled where ``jobs`` is above 1 or there is a cluster: a function of a module.
    execution
        ``jobs``: local processes; 1: in this one. ``progress`` is called with the Standing after each result, before it
        is yielded, and when a worker was lost.

    Raises
    ------
    UnavailableError
        If the cluster cannot be reached, has no workers, or has workers of another version.
    LostWorkerError
        If an item ends its worker again and again. What is finished has been yielded before.
    Exception
        What ``function`` raises, as it is.
    """
    began, done, jobs = time.monotonic(), 0, min(execution.jobs, len(items))

    def tell(lost: int) -> None:
        execution.tell(Standing(done, len(items), lost, time.monotonic() - began))

    if execution.cluster is None and jobs <= 1:
        for index, item in enumerate(items):
            answer = function(item)
            done += 1
            tell(0)
            yield index, answer
        return
    if execution.cluster is None:
        compile_ahead(execution.say)
        work = _Work(function, items, partial(pools.local_pool, jobs))
    else:
        from simulator.running import cluster

        work = _Work(cluster.on_cluster(function), items, partial(cluster.cluster_pool, execution.cluster))
    for index, answer in work.results(tell):
        done += 1
        tell(work.lost)
        yield index, answer


def alike(
    function: Callable[[Item], Answer], items: Sequence[Item], execution: Execution
) -> Iterator[tuple[int, Answer]]:
    """As ``execute``, of pieces that take about as much memory: each local process may take an equal part of it."""
    jobs = 1 if execution.cluster is not None else min(execution.jobs, len(items))
    return execute(function if jobs <= 1 else partial(room.as_one_of, jobs, function), items, execution)


class _Work(Generic[Item, Answer]):
    """What is still to be done, on one pool of workers after another."""

    def __init__(
        self,
        function: Callable[[Item], Answer],
        items: Sequence[Item],
        open_pool: Callable[[], AbstractContextManager[pools.Pool]],
    ) -> None:
        self.function = function
        self.items = items
        self.open_pool = open_pool
        self.waiting = deque(range(len(items)))
        self.suspects: deque[int] = deque()  #: were under way when a worker was lost; to be done one at a time
        self.alone: int | None = None  #: the suspect that was submitted last
        self.losses: Counter[int] = Counter()  #: of suspects, while alone
        self.lost = 0  #: workers

    def results(self, tell: Callable[[int], None]) -> Iterator[tuple[int, Answer]]:
        """Do it all; ``tell`` is told of workers lost."""
        while self.waiting or self.suspects:
            with self.open_pool() as pool:
                yield from self._on(pool, tell)

    def _on(self, pool: pools.Pool, tell: Callable[[int], None]) -> Iterator[tuple[int, Answer]]:
        """Results from one pool, until all is done or the pool is broken."""
        before = self.lost
        under_way: dict[Future[Answer], int] = {}
        while self.waiting or self.suspects or under_way:
            is_broken = not self._submit(pool, under_way)
            done, _ = wait(under_way, pools.LOOK_S, FIRST_COMPLETED)
            lost: list[int] = []
            yield from self._finished(pool, done, under_way, lost)
            if pool.breaks and (lost or is_broken):
                yield from self._finished(pool, wait(under_way).done, under_way, lost)
                self.lost += 1
                tell(self.lost)
                self._suspect(pool, lost)
                return
            if before + pool.lost() > self.lost:
                self.lost = before + pool.lost()
                tell(self.lost)
            self._suspect(pool, lost)

    def _submit(self, pool: pools.Pool, under_way: dict[Future[Answer], int]) -> bool:
        """Give the workers something to do; returns False if they are gone."""
        try:
            if self.suspects or self.alone in under_way.values():
                if not under_way:
                    self.alone = self.suspects[0]
                    under_way[pool.executor.submit(self.function, self.items[self.alone])] = self.alone
                    self.suspects.popleft()
                return True
            while self.waiting and len(under_way) < A_WORKER * max(1, pool.width()):
                index = self.waiting[0]
                under_way[pool.executor.submit(self.function, self.items[index])] = index
                self.waiting.popleft()
        except pool.losses:
            return False
        return True

    def _finished(
        self, pool: pools.Pool, done: set[Future[Answer]], under_way: dict[Future[Answer], int], lost: list[int]
    ) -> Iterator[tuple[int, Answer]]:
        """Results of what is done; what was lost with its worker is added to ``lost``."""
        for future in done:
            index = under_way.pop(future)
            try:
                answer = future.result()
            except pool.losses:
                lost.append(index)
            except CancelledError:
                raise UnavailableError("the cluster went away; what was finished before is kept") from None
            else:
                yield index, answer

    def _suspect(self, pool: pools.Pool, lost: list[int]) -> None:
        """Do what was lost again, by itself; if it was by itself already, not for ever."""
        if lost and lost == [self.alone]:
            self.losses[lost[0]] += 1
            if self.losses[lost[0]] >= pool.most_losses:
                message = "ended its worker again and again, without an exception; most likely for want of memory"
                raise LostWorkerError(lost[0], f"piece {lost[0]} of the work {message}")
        self.suspects.extend(sorted(lost))
