"""Replications, one after another, on threads or on processes, as they finish; the answer depends on neither.

The compiled engine holds no lock while it runs, so its replications share one process and their traces are not copied.
The reference engine is Python, so its replications run on processes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from simulator.base.errors import Problem, ScenarioError
from simulator.core.plan import Plan
from simulator.core.trace import Trace
from simulator.engines import COMPILED, engine
from simulator.planner.plans import make_plan
from simulator.scenario import Scenario

Kept = TypeVar("Kept")
Keep = Callable[[Plan, Trace], Kept]


def whole_trace(plan: Plan, trace: Trace) -> Trace:
    """Keep all of a replication."""
    return trace


def replicate(
    scenario: Scenario, replication: int, name: str, keep: Keep[Kept], stopped: Callable[[], bool] | None = None
) -> Kept:
    """Simulate one replication on the engine of that name, and keep of it what ``keep`` makes of plan and trace."""
    plan = make_plan(scenario, replication)
    try:
        return keep(plan, engine(name).simulate(plan, stopped=stopped))
    except OverflowError:
        message = "the backlog grows beyond 146 years, all that int64 nanoseconds hold; lower the rate or the times"
        raise ScenarioError([Problem(scenario.source, 0, 0, "load", message)]) from None


def replications(
    scenario: Scenario, name: str, first: int, wanted: int | None, deadline: float | None, jobs: int, keep: Keep[Kept]
) -> Iterator[tuple[int, Kept]]:
    """Replications from ``first`` on, with their numbers.

    Parameters
    ----------
    scenario, name
        What to simulate, on which engine (COMPILED or REFERENCE).
    first, wanted
        Number of the first, and of all there should be with those before; None: as many as end before the deadline.
    deadline
        On the monotonic clock, in seconds; at least one a job is simulated.
    jobs
        Threads or processes. What is under way when the caller stops is ended.
    keep
        What is kept of each: ``whole_trace``, or less, which is all that comes back from a process.
    """
    if jobs == 1 or wanted == first + 1:
        return _serial(scenario, name, first, wanted, deadline, keep)
    return _parallel(scenario, name, first, wanted, deadline, jobs, keep)


def _serial(
    scenario: Scenario, name: str, first: int, wanted: int | None, deadline: float | None, keep: Keep[Kept]
) -> Iterator[tuple[int, Kept]]:
    replication = first
    longest_s = 0.0
    while (wanted is None or replication < wanted) and (
        deadline is None or replication == first or time.monotonic() + longest_s <= deadline
    ):
        began = time.monotonic()
        yield replication, replicate(scenario, replication, name, keep)
        longest_s = max(longest_s, time.monotonic() - began)
        replication += 1


def _parallel(
    scenario: Scenario, name: str, first: int, wanted: int | None, deadline: float | None, jobs: int, keep: Keep[Kept]
) -> Iterator[tuple[int, Kept]]:
    began: dict[Future[Kept], tuple[int, float]] = {}
    following, longest_s = first, 0.0
    with _threads(jobs) if name == COMPILED else _stoppable_processes(jobs) as (executor, stopped):
        while True:
            while len(began) < jobs and (wanted is None or following < wanted):
                in_time = deadline is None or following < first + jobs or time.monotonic() + longest_s <= deadline
                if not in_time:
                    break
                future = executor.submit(replicate, scenario, following, name, keep, stopped)
                began[future] = (following, time.monotonic())
                following += 1
            if not began:
                return
            done, _ = wait(began, return_when=FIRST_COMPLETED)
            for future in done:
                replication, start = began.pop(future)
                longest_s = max(longest_s, time.monotonic() - start)
                yield replication, future.result()


@contextmanager
def _threads(jobs: int) -> Iterator[tuple[Executor, Callable[[], bool] | None]]:
    """Threads, and what tells them to stop."""
    stop = threading.Event()
    executor = ThreadPoolExecutor(jobs)
    try:
        yield executor, stop.is_set
    finally:
        stop.set()
        executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _stoppable_processes(jobs: int) -> Iterator[tuple[Executor, Callable[[], bool] | None]]:
    with processes(jobs) as executor:
        yield executor, None


@contextmanager
def processes(jobs: int) -> Iterator[Executor]:
    """Processes; they are ended when nobody waits for them, and when this process is."""
    # A fork is cheap but not safe beside other threads; then start afresh.
    may_fork = "fork" in multiprocessing.get_all_start_methods() and threading.active_count() == 1
    context = multiprocessing.get_context("fork" if may_fork else "spawn")
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(jobs, context, initializer=_end_with_the_parent)
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
