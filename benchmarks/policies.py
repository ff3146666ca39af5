"""Policies inside a stage: batches, some answers or shards of all, copies of tasks, beside SimPy processes and cimba.

No recursion says what their latencies are, so who is right is asked of SimPy: an own model in its documented style.
Services are exponential with a mean of 1 s, of a batch too, however large; a run starts empty.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.measure import BOUND, Goal, Measurement, Model, figure, measure
from benchmarks.ours import COMPILED, REFERENCE, read
from benchmarks.peers import PEERS
from benchmarks.systems import SEED, Run, run_of
from simulator.core.assemble import StageParts, assemble
from simulator.core.laws import Law
from simulator.core.plan import CANCEL_QUEUED, Plan
from simulator.core.trace import same_trace
from simulator.engines import compiled, reference
from simulator.workload.arrivals import POISSON_GAPS, arrivals_counted
from simulator.workload.rates import LinearStretch, Rate

SIMPY, CIMBA = "SimPy processes", "cimba"
#: Of the answers of a query, and tasks of a batch, at most.
ENOUGH, MOST = 0.95, 8
#: When a task is sent again: about one in five has no answer by then.
LATE_S = 2.8


@dataclass(frozen=True)
class Policy:
    """A stage whose shards serve so; utilisation is 1/2, of full batches."""

    shards: int
    most: int = 1  #: tasks of a batch
    visits: int | None = None  #: shards that a query visits, any; None: all
    enough: int | None = None  #: answers that are waited for; what waits is withdrawn then; None: all
    replicas: int = 1
    after_s: float | None = None  #: then what has no answer is sent to the other replica; 0: at once, and tied
    least_tasks_per_s: float = 2e6  #: the goal

    @property
    def gap_s(self) -> float:
        """Mean gap between queries."""
        return 2.0 / self.most / self.replicas * self.tasks / self.shards

    @property
    def tasks(self) -> int:
        """Of a query, copies left out."""
        return self.visits or self.shards

    @property
    def is_tied(self) -> bool:
        """Whether copies are sent at once, of which the first that starts withdraws the other."""
        return self.after_s == 0


POLICIES = {
    "batches, one shard": Policy(1, MOST, least_tasks_per_s=4e6),
    "batches, 100 shards": Policy(100, MOST),
    "95 of 100 shards": Policy(100, enough=math.ceil(100 * ENOUGH)),
    "10 of 100 visited": Policy(100, visits=10),
    "hedged, 100 shards": Policy(100, replicas=2, after_s=LATE_S),
    "hedged, 1000 shards": Policy(1000, replicas=2, after_s=LATE_S),
    "tied, 100 shards": Policy(100, replicas=2, after_s=0.0, least_tasks_per_s=1e6),
}
#: Queries and repetitions, of the compiled engine; queries of the reference, of SimPy and of cimba.
SIZES = {1: (100_000, 30, 20_000, 60_000, 600_000), 100: (20_000, 2, 300, 800, 6_000), 1000: (2_000, 2, 40, 80, 600)}


def plan_of(policy: Policy, stages: Sequence[int], queries: int, seed: int) -> Plan:
    """The Plan of a policy."""
    rate_per_s = 1 / policy.gap_s
    part = StageParts(
        [1 / policy.shards] * policy.shards,
        candidates=Law.constant(1.0),
        knots=[(0.0, 1e9, 0.0)],
        task=Law.exponential(1.0),
        max_size=policy.most,
        visits=Law.none() if policy.visits is None else Law.constant(float(policy.visits)),
        wait_for=policy.enough,
        cancels=CANCEL_QUEUED,
        replicas=policy.replicas,
        **({} if policy.after_s is None else {"hedges": 1, "hedge_ns": round(policy.after_s * 1e9)}),
        send_ns=2 if policy.is_tied else 0,  # both would start at one instant
    )
    rate = Rate([LinearStretch(math.inf, rate_per_s, rate_per_s)])
    return assemble([part], arrivals_counted(POISSON_GAPS, seed, 0, rate, queries), seed=seed, rate_per_s=rate_per_s)


@dataclass(slots=True)
class Query:
    """On its way through ``simpy_processes``."""

    arrived_s: float
    missing: int  #: answers


def simpy_processes(policy: Policy, stages: Sequence[int], queries: int, seed: int) -> Run:
    """A process a server, which takes what waits, up to a batch; whom nobody waits for any more it passes over."""
    import simpy

    rng = np.random.default_rng(seed)
    env = simpy.Environment()
    (tasks,), shards = stages, policy.shards
    queues: list[deque[Query]] = [deque() for _ in range(shards)]
    idle: list[simpy.Event | None] = [None] * shards
    services_s = iter(rng.exponential(1.0, queries * tasks).tolist())
    latencies_s = []

    def server(shard):
        queue = queues[shard]
        while True:
            batch: list[Query] = []
            while queue and len(batch) < policy.most:
                query = queue.popleft()
                if query.missing > 0:
                    batch.append(query)
            if not batch:
                idle[shard] = env.event()
                yield idle[shard]
                continue
            yield env.timeout(next(services_s))
            for query in batch:
                query.missing -= 1
                if query.missing == 0:
                    latencies_s.append(env.now - query.arrived_s)

    def arrivals():
        for gap_s in rng.exponential(policy.gap_s, queries).tolist():
            yield env.timeout(gap_s)
            query = Query(env.now, policy.enough or tasks)
            for shard in range(shards) if tasks == shards else rng.permutation(shards)[:tasks].tolist():
                queues[shard].append(query)
                woken, idle[shard] = idle[shard], None
                if woken is not None:
                    woken.succeed()

    for shard in range(shards):
        env.process(server(shard))
    env.process(arrivals())
    env.run()
    return run_of(stages, queries, latencies_s)


@dataclass(slots=True, eq=False)
class Task:
    """Of a query at a shard; its copies are this one task in several queues."""

    query: Query
    first: int  #: replica of its first copy
    is_answered: bool = False
    is_over: bool = False  #: what of it waits is passed over


def serve(
    env: Any,
    rng: np.random.Generator,
    queue: deque[Task],
    idle: list[Any],
    place: int,
    is_tied: bool,
    latencies_s: list[float],
) -> Iterator[Any]:
    """A replica of ``simpy_copies``: the first answer of a task counts; what is over is passed over."""
    services_s: Iterator[float] = iter(())
    while True:
        while queue:
            task = queue.popleft()
            if task.is_over:
                continue
            task.is_over = is_tied
            service_s = next(services_s, None)
            if service_s is None:
                services_s = iter(rng.exponential(1.0, 1000).tolist())
                service_s = next(services_s)
            yield env.timeout(service_s)
            if not task.is_answered:
                task.is_answered = task.is_over = True
                task.query.missing -= 1
                if task.query.missing == 0:
                    latencies_s.append(env.now - task.query.arrived_s)
        idle[place] = env.event()
        yield idle[place]


def simpy_copies(policy: Policy, stages: Sequence[int], queries: int, seed: int) -> Run:
    """A process a replica, and one a query that looks for what has no answer."""
    import simpy

    assert policy.after_s is not None
    rng = np.random.default_rng(seed)
    env = simpy.Environment()
    (shards,) = stages
    queues: list[deque[Task]] = [deque() for _ in range(2 * shards)]
    idle: list[simpy.Event | None] = [None] * (2 * shards)
    latencies_s: list[float] = []

    def send(place: int, task: Task) -> None:
        queues[place].append(task)
        woken, idle[place] = idle[place], None
        if woken is not None:
            woken.succeed()

    def look(tasks):
        yield env.timeout(policy.after_s)
        for shard, task in enumerate(tasks):
            if not task.is_answered:
                send(2 * shard + 1 - task.first, task)

    def arrivals():
        for gap_s in rng.exponential(policy.gap_s, queries).tolist():
            yield env.timeout(gap_s)
            query = Query(env.now, shards)
            tasks = [Task(query, first) for first in rng.integers(0, 2, shards).tolist()]
            for shard, task in enumerate(tasks):
                send(2 * shard + task.first, task)
            if policy.is_tied:
                for shard, task in enumerate(tasks):
                    send(2 * shard + 1 - task.first, task)
            else:
                env.process(look(tasks))

    for place in range(2 * shards):
        env.process(serve(env, rng, queues[place], idle, place, policy.is_tied, latencies_s))
    env.process(arrivals())
    env.run()
    return run_of(stages, queries, latencies_s)


def cimba_model(policy: Policy, stages: Sequence[int], queries: int, seed: int) -> Run:
    """The same as a compiled model."""
    from benchmarks import policies_cimba

    (shards,) = stages
    if policy.after_s is not None:
        latency_s = policies_cimba.mean_latency_of_copies_s(policy.gap_s, policy.after_s, shards, queries, seed)
        return Run(queries, shards * queries, latency_s)
    latency_s = policies_cimba.mean_latency_s(policy.gap_s, policy.most, policy.enough or shards, shards, queries, seed)
    return Run(queries, shards * queries, latency_s)


def models_of(policy: Policy) -> dict[str, Model]:
    """What is measured of it."""
    queries, repeats, slow, of_simpy, of_cimba = SIZES[policy.shards]
    plan: Callable[[Sequence[int], int, int], Plan] = partial(plan_of, policy)
    models = {
        COMPILED: Model(plan, compiled.simulate, read, queries, repeats),
        REFERENCE: Model(plan, reference.simulate, read, slow),
        SIMPY: Model.whole(partial(simpy_processes if policy.after_s is None else simpy_copies, policy), of_simpy),
    }
    if PEERS[CIMBA].version and policy.visits is None:
        models[CIMBA] = Model.whole(partial(cimba_model, policy), of_cimba)
    return models


def seen_of(measurement: Measurement) -> tuple[float, float]:
    """Mean latency of the rounds, and its standard error."""
    seen = [run.mean_latency_s for run in measurement.runs if run.mean_latency_s is not None]
    return statistics.mean(seen), statistics.stdev(seen) / math.sqrt(len(seen)) if len(seen) > 1 else math.inf


def is_right(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two means agree, but for their errors."""
    return abs(one[0] - other[0]) <= BOUND * math.hypot(one[1], other[1])


def policies(rounds: int, scale: float) -> tuple[list[Goal], bool]:
    """Print a table a policy; returns the goals, and whether both engines have one trace and all models one latency."""
    print("\nPOLICIES: batches of what waits, up to 8; 95 of 100 answers, the rest withdrawn; some shards; copies")
    print("SimPy: a process a server, its own model; right: a latency like that of SimPy, but for both errors")
    goals, right = [], True
    for name, policy in POLICIES.items():
        stages = (policy.tasks,)
        plan = plan_of(policy, stages, 200, SEED)
        same = not same_trace(compiled.simulate(plan), reference.simulate(plan))
        measured = measure(stages, models_of(policy), rounds, scale)
        of_simpy = seen_of(measured[SIMPY])
        print(
            f"\n{name:22} {'queries':>9} {'CPU s':>6} {'tasks/s':>8} {'compiled/it':>11} {'latency':>16}"
            f"   {'the same traces' if same else 'DIFFERENT TRACES'}"
        )
        for model, seen in measured.items():
            latency = seen_of(seen)
            agrees = is_right(latency, of_simpy)
            right &= agrees and same
            print(
                f"{model:22} {seen.queries:>9,} {seen.median_s:>6.3f} {figure(seen.tasks_per_s):>8}"
                f" {figure(measured[COMPILED].over(seen)):>11} {latency[0]:>7.3f} +- {latency[1]:.3f}"
                f"   {'right' if agrees else 'WRONG'}"
            )
        goals.append(Goal(f"compiled, tasks/s of {name}", measured[COMPILED].tasks_per_s, policy.least_tasks_per_s))
        print(goals[-1])
    return goals, right
