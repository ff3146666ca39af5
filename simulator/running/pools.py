"""Pools of workers: what they have in common, and processes of this machine."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Protocol

#: Times that a piece of work may end its worker while nothing else is under way.
MOST_LOSSES = 3
#: Seconds between two looks at who is there.
LOOK_S = 1.0


class Pool(Protocol):
    """Workers."""

    executor: futures.Executor
    losses: tuple[type[BaseException], ...]  #: what is raised for work whose worker was lost
    most_losses: int  #: of a piece of work that is alone
    breaks: bool  #: whether one loss is the end of the pool, and of all that is under way

    def width(self) -> int:
        """Number of workers, now."""
        ...

    def lost(self) -> int:
        """Workers lost so far."""
        ...


class _Local:
    """Processes of this machine: one that is lost takes the pool with it."""

    losses: tuple[type[BaseException], ...] = (BrokenProcessPool,)
    most_losses = MOST_LOSSES
    breaks = True

    def __init__(self, executor: futures.Executor, jobs: int) -> None:
        self.executor = executor
        self.jobs = jobs

    def width(self) -> int:
        return self.jobs

    def lost(self) -> int:
        return 0


@contextmanager
def local_pool(jobs: int) -> Iterator[Pool]:
    """Local processes."""
    with processes(jobs) as executor:
        yield _Local(executor, jobs)


@contextmanager
def processes(jobs: int) -> Iterator[futures.Executor]:
    """Processes; they are ended when nobody waits for them, and when this process is."""
    # A fork is cheap but not safe beside other threads; then start afresh.
    may_fork = "fork" in multiprocessing.get_all_start_methods() and threading.active_count() == 1
    context = multiprocessing.get_context("fork" if may_fork else "spawn")
    others = set(multiprocessing.active_children())
    executor = futures.ProcessPoolExecutor(jobs, context, initializer=_end_with_the_parent)
    is_done = False
    try:
        yield executor
        is_done = True
    finally:
        executor.shutdown(wait=is_done, cancel_futures=True)
        if not is_done:
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()


def _end_with_the_parent() -> None:
    """Leave interrupts to the parent; and do not wait for work for ever where it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
