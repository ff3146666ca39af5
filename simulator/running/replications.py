"""Replications, one after another, on threads or on processes, as they finish; the answer depends on neither.

The compiled engine holds no lock while it runs, so its replications share one process and their traces are not copied.
The reference engine is Python, so its replications run on processes.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from simulator.base.errors import BeyondTimeError, LostWorkerError, Problem, ScenarioError
from simulator.core.clients import simulated
from simulator.core.plan import Plan
from simulator.core.trace import Trace
from simulator.engines import COMPILED, engine
from simulator.planner.load import Load
from simulator.planner.plans import Plans
from simulator.running.execution import Execution
from simulator.scenario import Scenario

Kept = TypeVar("Kept")
Keep = Callable[[Plan, Trace], Kept]
Stopped = Callable[[], bool] | None


def whole_trace(plan: Plan, trace: Trace) -> Trace:
    """Keep all of a replication."""
    return trace


@dataclass
class Batch(Generic[Kept]):
    """Replications to be simulated."""

    plans: Plans
    execution: Execution  #: with the engine settled; ``jobs``: threads or processes
    keep: Keep[Kept]  #: what is kept of each: ``whole_trace``, or less, which is all that comes back from a process
    first: int = 0  #: number of the first
    wanted: int | None = None  #: how many there are to be with those before; None: as many as end before the deadline
    deadline: float | None = None  #: on the monotonic clock, in seconds; at least one a job is simulated
    load: Load | None = None  #: of the first, if it was drawn before; it is handed over

    def results(self) -> Iterator[tuple[int, Kept]]:
        """Number and what is kept, as they finish. What is under way when the caller stops is ended."""
        if self.execution.jobs == 1 or self.wanted == self.first + 1:
            return self._serial()
        return self._parallel()

    def _is_next(self, replication: int, at_least: int, longest_s: float) -> bool:
        """Whether one more is wanted, and would end in time."""
        if self.wanted is not None and replication >= self.wanted:
            return False
        in_time = self.deadline is None or time.monotonic() + longest_s <= self.deadline
        return in_time or replication < self.first + at_least

    def _piece(self, replication: int) -> Callable[..., Kept]:
        """What simulates a replication; of the first, it takes its load along."""
        load, self.load = self.load, None
        return partial(replicate, self.plans, replication, self.execution.engine, self.keep, load)

    def _serial(self) -> Iterator[tuple[int, Kept]]:
        replication, longest_s = self.first, 0.0
        while self._is_next(replication, 1, longest_s):
            began = time.monotonic()
            yield replication, self._piece(replication)()
            longest_s = max(longest_s, time.monotonic() - began)
            replication += 1

    def _parallel(self) -> Iterator[tuple[int, Kept]]:
        try:
            yield from self._on_workers()
        except BrokenProcessPool:
            why = "a process that simulated a replication ended without an exception, most likely for want of memory"
            raise LostWorkerError(self.first, f"{why}; take fewer --jobs, or fewer queries") from None

    def _on_workers(self) -> Iterator[tuple[int, Kept]]:
        jobs = self.execution.jobs
        began: dict[futures.Future[Kept], tuple[int, float]] = {}
        following, longest_s = self.first, 0.0
        with _workers(self.execution) as (executor, stopped):
            while True:
                while len(began) < jobs and self._is_next(following, jobs, longest_s):
                    future = executor.submit(self._piece(following), stopped)
                    began[future] = (following, time.monotonic())
                    following += 1
                if not began:
                    return
                done, _ = futures.wait(began, return_when=futures.FIRST_COMPLETED)
                for future in done:
                    replication, start = began.pop(future)
                    longest_s = max(longest_s, time.monotonic() - start)
                    yield replication, future.result()


def replicate(
    plans: Plans,
    replication: int,
    name: str,
    keep: Keep[Kept],
    load: Load | None = None,
    stopped: Stopped = None,
    tasks: bool = False,
) -> Kept:
    """Simulate one replication on the engine of that name, and keep of it what ``keep`` makes of plan and trace.

    ``tasks``: whether the trace has its table of tasks.
    """
    plan = plans.make(replication, load)
    with within_time(plans.scenario):
        trace = engine(name).simulate(plan, tasks=tasks, stopped=stopped)
    return keep(simulated(plan, trace), trace)


@contextmanager
def within_time(scenario: Scenario) -> Iterator[None]:
    """Simulate a scenario; of one that goes beyond all time say so. Raises ScenarioError."""
    try:
        yield
    except BeyondTimeError:
        raise beyond_time(scenario) from None


def beyond_time(scenario: Scenario) -> ScenarioError:
    """What is said of a scenario whose last queries would be answered beyond all time."""
    message = "the backlog grows beyond 146 years, all that int64 nanoseconds hold; lower the rate or the times"
    return ScenarioError([Problem(scenario.source, 0, 0, "load", message)])


def _workers(execution: Execution) -> AbstractContextManager[tuple[futures.Executor, Stopped]]:
    return _threads(execution.jobs) if execution.engine == COMPILED else _stoppable_processes(execution.jobs)


@contextmanager
def _threads(jobs: int) -> Iterator[tuple[futures.Executor, Stopped]]:
    """Threads, and what tells them to stop."""
    stop = threading.Event()
    executor = futures.ThreadPoolExecutor(jobs)
    try:
        yield executor, stop.is_set
    finally:
        stop.set()
        executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _stoppable_processes(jobs: int) -> Iterator[tuple[futures.Executor, Stopped]]:
    from simulator.running import pools

    with pools.processes(jobs) as executor:
        yield executor, None
