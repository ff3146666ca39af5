"""Speed of other simulators on three systems, each run's mean latency compared with Lindley's recursion.

Every system is a list of stages: Poisson queries, at each stage a task to every shard, then on when the last has
finished. Shards are FIFO servers with exponential times of mean 1 s, at utilisation 1/2; a run starts empty and ends
with its last query. M/M/1 is one stage of one shard.

Each peer is written as its own documentation would write the system, in its fastest documented mode, recording no more
than latencies where that can be turned off. A peer is imported when it is asked for, and not before:
``pip install 'shardsim[bench]'`` brings them all.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata

import numpy as np

GAP_S = 2.0  #: mean gap between queries; services have mean 1, so utilisation is 1/2
ROUNDS = 3
SEED = 7
REPLICATIONS = 10  #: of the recursion
BOUND = 5.0  #: standard errors; Student's t with 9 degrees of freedom: a false alarm in 1350 checks

SYSTEMS: dict[str, tuple[int, ...]] = {"M/M/1": (1,), "fork-join of 1000": (1000,), "funnel of 5 + 5": (5, 5)}


@dataclass(frozen=True)
class Run:
    """What a run simulated and what it saw."""

    tasks: int
    mean_latency_s: float


Model = Callable[[Sequence[int], int, int], Run]  #: of stages (shards of each), queries and seed


def simpy_queue(stages: Sequence[int], queries: int, seed: int) -> Run:
    """M/M/1 in SimPy: a process a query, one Resource."""
    import simpy

    assert tuple(stages) == (1,)
    rng = np.random.default_rng(seed)
    env = simpy.Environment()
    server = simpy.Resource(env)
    latencies_s = []

    def query(service_s):
        arrived_s = env.now
        with server.request() as turn:
            yield turn
            yield env.timeout(service_s)
        latencies_s.append(env.now - arrived_s)

    def arrivals():
        gaps_s, services_s = rng.exponential(GAP_S, queries).tolist(), rng.exponential(1.0, queries).tolist()
        for gap_s, service_s in zip(gaps_s, services_s, strict=True):
            yield env.timeout(gap_s)
            env.process(query(service_s))

    env.process(arrivals())
    env.run()
    return run_of(stages, queries, latencies_s)


def simpy_resource(stages: Sequence[int], queries: int, seed: int) -> Run:
    """A process a task, a Resource a shard: how SimPy's own examples are written."""
    import simpy

    rng = np.random.default_rng(seed)
    env = simpy.Environment()
    servers = [[simpy.Resource(env) for _ in range(shards)] for shards in stages]
    latencies_s = []

    def task(server, service_s):
        with server.request() as turn:
            yield turn
            yield env.timeout(service_s)

    def query():
        arrived_s = env.now
        for stage in servers:
            services_s = rng.exponential(1.0, len(stage)).tolist()
            yield env.all_of([env.process(task(*pair)) for pair in zip(stage, services_s, strict=True)])
        latencies_s.append(env.now - arrived_s)

    def arrivals():
        for gap_s in rng.exponential(GAP_S, queries).tolist():
            yield env.timeout(gap_s)
            env.process(query())

    env.process(arrivals())
    env.run()
    return run_of(stages, queries, latencies_s)


@dataclass(slots=True)
class Gather:
    """A query on its way through ``simpy_callbacks``."""

    arrived_s: float
    services_s: list[float]  #: by shard of all stages
    stage: int = 0  #: the next
    waiting: int = 0  #: tasks not finished


def simpy_callbacks(stages: Sequence[int], queries: int, seed: int) -> Run:
    """One Timeout a task and callbacks, nothing recorded but latencies: about the least that SimPy can do."""
    import simpy

    rng = np.random.default_rng(seed)
    env = simpy.Environment()
    queues: list[deque[Gather]] = [deque() for _ in range(sum(stages))]
    first_shard = [sum(stages[:stage]) for stage in range(len(stages) + 1)]
    latencies_s = []

    def fork(query):
        if query.stage == len(stages):
            latencies_s.append(env.now - query.arrived_s)
            return
        query.waiting = stages[query.stage]
        query.stage += 1
        for shard in range(first_shard[query.stage - 1], first_shard[query.stage]):
            queues[shard].append(query)
            if len(queues[shard]) == 1:
                serve(shard)

    def serve(shard):
        env.timeout(queues[shard][0].services_s[shard]).callbacks.append(lambda _: finish(shard))

    def finish(shard):
        query = queues[shard].popleft()
        if queues[shard]:
            serve(shard)
        query.waiting -= 1
        if query.waiting == 0:
            fork(query)

    def arrivals():
        services_s = rng.exponential(1.0, (queries, len(queues)))
        for gap_s, row in zip(rng.exponential(GAP_S, queries).tolist(), services_s, strict=True):
            yield env.timeout(gap_s)
            fork(Gather(env.now, row.tolist()))

    env.process(arrivals())
    env.run()
    return run_of(stages, queries, latencies_s)


def ciw_queue(stages: Sequence[int], queries: int, seed: int) -> Run:
    """M/M/1 as in Ciw's tutorials. Ciw records every visit; this cannot be turned off."""
    import ciw

    assert tuple(stages) == (1,)
    ciw.seed(seed)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=1 / GAP_S)],
        service_distributions=[ciw.dists.Exponential(rate=1.0)],
        number_of_servers=[1],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(queries)
    return run_of(stages, queries, [row.exit_date - row.arrival_date for row in simulation.get_all_records()])


def ciw_fork_join(stages: Sequence[int], queries: int, seed: int) -> Run:
    """One stage of fork and join in Ciw: a node a shard, all given the same arrival instants; joined from the records.

    Ciw has no individual at two nodes at once, so a query is as many individuals as there are shards: each node's
    arrivals are the same ``Sequential`` list of gaps, which ends in infinity. Answers are the last exits among equal
    arrival dates, read afterwards. Hence one stage only: Ciw cannot start a second one when the last of a group
    leaves the first. Its clock looks at every node at every event, so time grows with the square of the shards.
    """
    import ciw

    assert len(stages) == 1
    ciw.seed(seed)
    (shards,) = stages
    gaps_s = np.random.default_rng(seed).exponential(GAP_S, queries).tolist()
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*gaps_s, float("inf")]) for _ in range(shards)],
        service_distributions=[ciw.dists.Exponential(rate=1.0) for _ in range(shards)],
        number_of_servers=[1] * shards,
        routing=ciw.routing.NetworkRouting(routers=[ciw.routing.Leave() for _ in range(shards)]),
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(float("inf"))
    records = simulation.get_all_records()
    assert len(records) == shards * queries
    answered_s: dict[float, float] = {}
    for row in records:
        answered_s[row.arrival_date] = max(row.exit_date, answered_s.get(row.arrival_date, 0.0))
    return run_of(stages, queries, [at_s - arrived_s for arrived_s, at_s in answered_s.items()])


def salabim_queues(stages: Sequence[int], queries: int, seed: int) -> Run:
    """A component a shard that serves its Queue, as the clerk of salabim's bank; a query is in many queues at once.

    The fastest of what was tried: processes with yield (without, in greenlets, they took a fifth longer), Queues rather
    than Resources, a data component a query rather than a component a task, monitors off where salabim has a switch.
    Since 26.0 it compares signatures for every component it makes, a query too, which cannot be turned off: M/M/1 is
    five times slower than in 25.0.
    """
    import salabim

    env = salabim.Environment(trace=False, random_seed=seed, yieldless=False)
    gap, service = salabim.Exponential(GAP_S), salabim.Exponential(1.0)
    latencies_s = []

    class Shard(salabim.Component):
        def setup(self):
            self.tasks = salabim.Queue(monitor=False)
            self.status.monitor(False)

        def process(self):
            while True:
                while not self.tasks:
                    yield self.passivate()
                query = self.tasks.pop()
                yield self.hold(service.sample())
                query.waiting -= 1
                if query.waiting == 0:
                    query.fork()

    class Query(salabim.Component):
        def setup(self):
            self.stages = iter(servers)
            self.fork()

        def fork(self):
            stage = next(self.stages, None)
            if stage is None:
                latencies_s.append(env.now() - self.creation_time())
                return
            self.waiting = len(stage)
            for shard in stage:
                self.enter(shard.tasks)
                if shard.ispassive():
                    shard.activate()

    class Arrivals(salabim.Component):
        def process(self):
            for _ in range(queries):
                yield self.hold(gap.sample())
                Query()

    servers = [[Shard() for _ in range(shards)] for shards in stages]
    Arrivals()
    env.run()
    return run_of(stages, queries, latencies_s)


def cimba_compiled(stages: Sequence[int], queries: int, seed: int) -> Run:
    """Processes compiled by cimba, one trial on one thread; ``peers_cimba`` has the models."""
    import peers_cimba

    return Run(sum(stages) * queries, peers_cimba.mean_latency_s(stages, queries, seed))


@dataclass(frozen=True)
class Peer:
    """A simulator, and how it runs each system it can express."""

    distribution: str
    models: dict[str, tuple[Model, int]]  #: by system: the model, and queries for about a second

    @property
    def version(self) -> str | None:
        """Version installed, or None."""
        try:
            return metadata.version(self.distribution)
        except metadata.PackageNotFoundError:
            return None


PEERS: dict[str, Peer] = {
    "SimPy Resource": Peer(
        "simpy",
        {
            "M/M/1": (simpy_queue, 100_000),
            "fork-join of 1000": (simpy_resource, 80),
            "funnel of 5 + 5": (simpy_resource, 12_000),
        },
    ),
    "SimPy callbacks": Peer(
        "simpy",
        {
            "M/M/1": (simpy_callbacks, 400_000),
            "fork-join of 1000": (simpy_callbacks, 400),
            "funnel of 5 + 5": (simpy_callbacks, 80_000),
        },
    ),
    "Ciw": Peer("ciw", {"M/M/1": (ciw_queue, 80_000), "fork-join of 1000": (ciw_fork_join, 2)}),
    "salabim": Peer(
        "salabim",
        {
            "M/M/1": (salabim_queues, 10_000),
            "fork-join of 1000": (salabim_queues, 120),
            "funnel of 5 + 5": (salabim_queues, 5_000),
        },
    ),
    "cimba": Peer(
        "cimba",
        {
            "M/M/1": (cimba_compiled, 5_000_000),
            "fork-join of 1000": (cimba_compiled, 3_000),
            "funnel of 5 + 5": (cimba_compiled, 500_000),
        },
    ),
}


def run_of(stages: Sequence[int], queries: int, latencies_s: Sequence[float]) -> Run:
    """Return the Run with these latencies, one a query."""
    assert len(latencies_s) == queries
    return Run(sum(stages) * queries, sum(latencies_s) / queries)


def lindley(stages: Sequence[int], queries: int, rng: np.random.Generator) -> float:
    """Mean latency of the first queries of an empty system, by Lindley's recursion (1952) at every shard.

    With W[k] the work of tasks 0 to k of a shard and A[k] their arrivals, task k finishes at
    W[k] + max over j <= k of (A[j] - W[j - 1]).
    """
    arrived_s = np.cumsum(rng.exponential(GAP_S, queries))
    now_s = arrived_s.copy()
    for shards in stages:
        order = np.argsort(now_s)
        service_s = rng.exponential(1.0, (queries, shards))
        work_s = np.cumsum(service_s, axis=0)
        finish_s = work_s + np.maximum.accumulate(now_s[order, None] - (work_s - service_s), axis=0)
        now_s[order] = finish_s.max(axis=1)
    return float(np.mean(now_s - arrived_s))


@functools.cache
def expected(stages: tuple[int, ...], queries: int) -> tuple[float, float]:
    """Mean of a run's mean latency and standard deviation of one run, both from replications of the recursion."""
    rng = np.random.default_rng(SEED)
    means_s = [lindley(stages, queries, rng) for _ in range(REPLICATIONS)]
    return statistics.mean(means_s), statistics.stdev(means_s)


@dataclass(frozen=True)
class Measurement:
    """A peer on a system: its rate, and whether it simulated the right thing."""

    tasks_per_s: float  #: median of the rounds
    seconds: float  #: CPU time, median of the rounds
    latency_s: float  #: mean of the rounds
    expected_s: float
    error_s: float  #: standard error of the difference of these two

    @property
    def right(self) -> bool:
        """Whether the latency lies within the bound."""
        return abs(self.latency_s - self.expected_s) <= BOUND * self.error_s


def measure(system: str, rounds: int = ROUNDS, scale: float = 1.0) -> dict[str, Measurement]:
    """Measure every installed peer that can express the system, in turns; a seed a round.

    ``scale`` multiplies the queries of each.
    """
    stages = SYSTEMS[system]
    chosen = {name: peer.models[system] for name, peer in PEERS.items() if peer.version and system in peer.models}
    sized = {name: (model, max(1, round(queries * scale))) for name, (model, queries) in chosen.items()}
    for model, _ in sized.values():
        model(stages, 1, SEED)  # imports, compiles
    seconds: dict[str, list[float]] = {name: [] for name in sized}
    runs: dict[str, list[Run]] = {name: [] for name in sized}
    for seed in range(SEED, SEED + rounds):
        for name, (model, queries) in sized.items():
            began = time.process_time()
            runs[name].append(model(stages, queries, seed))
            seconds[name].append(time.process_time() - began)
    return {name: judge(stages, queries, runs[name], seconds[name]) for name, (_, queries) in sized.items()}


def judge(stages: tuple[int, ...], queries: int, runs: list[Run], seconds: list[float]) -> Measurement:
    """Sum up the rounds, and compare their mean latency with the recursion's."""
    expected_s, deviation_s = expected(stages, queries)
    return Measurement(
        statistics.median(run.tasks / spent for run, spent in zip(runs, seconds, strict=True)),
        statistics.median(seconds),
        statistics.mean(run.mean_latency_s for run in runs),
        expected_s,
        deviation_s * (1 / len(runs) + 1 / REPLICATIONS) ** 0.5,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="measurements of each, of which the median")
    parser.add_argument("--scale", type=float, default=1.0, help="times the queries of each measurement")
    arguments = parser.parse_args()
    print(f"{'system':18} {'peer':16} {'version':>8} {'tasks/s':>11} {'CPU s':>6} {'latency':>8} {'expected':>17}")
    for system in SYSTEMS:
        measured = measure(system, arguments.rounds, arguments.scale)
        for name, peer in PEERS.items():
            line = f"{system:18} {name:16} {peer.version or '-':>8}"
            if peer.version is None:
                print(f"{line} not installed")
            elif system not in peer.models:
                print(f"{line} cannot express")
            else:
                seen = measured[name]
                print(
                    f"{line} {seen.tasks_per_s:>11,.0f} {seen.seconds:>6.2f} {seen.latency_s:>8.3f}"
                    f" {seen.expected_s:>8.3f} +- {seen.error_s:.3f} {'right' if seen.right else 'WRONG'}"
                )
    print("latency: in mean services, of as many queries from an empty start")
    print(f"right: within {BOUND:g} standard errors of Lindley's recursion")


if __name__ == "__main__":
    main()
