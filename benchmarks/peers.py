"""Other simulators on the systems that are measured.

Each peer is written as its own documentation would write the system, in its fastest documented mode, recording no more
than latencies where that can be turned off. A peer is imported when it is asked for, and not before:
``pip install 'shardsim[bench]'`` brings them all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

import numpy as np

from benchmarks.measure import Model
from benchmarks.systems import FUNNEL, GAP_S, MANY, ONE, Run, run_of


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
    from benchmarks import peers_cimba

    return Run(queries, sum(stages) * queries, peers_cimba.mean_latency_s(stages, queries, seed))


@dataclass(frozen=True)
class Peer:
    """A simulator, and how it runs each system it can express."""

    distribution: str
    models: dict[str, Model]  #: by system

    @property
    def version(self) -> str | None:
        """Version installed, or None."""
        try:
            return metadata.version(self.distribution)
        except metadata.PackageNotFoundError:
            return None


SIMPY = "SimPy Resource"  #: on M/M/1 the plain documented model

PEERS: dict[str, Peer] = {
    SIMPY: Peer(
        "simpy",
        {
            ONE: Model.whole(simpy_queue, 100_000),
            MANY: Model.whole(simpy_resource, 100),
            FUNNEL: Model.whole(simpy_resource, 12_000),
        },
    ),
    "SimPy callbacks": Peer(
        "simpy",
        {
            ONE: Model.whole(simpy_callbacks, 400_000),
            MANY: Model.whole(simpy_callbacks, 400),
            FUNNEL: Model.whole(simpy_callbacks, 80_000),
        },
    ),
    "Ciw": Peer("ciw", {ONE: Model.whole(ciw_queue, 80_000), MANY: Model.whole(ciw_fork_join, 2)}),
    "salabim": Peer(
        "salabim",
        {
            ONE: Model.whole(salabim_queues, 10_000),
            MANY: Model.whole(salabim_queues, 120),
            FUNNEL: Model.whole(salabim_queues, 5_000),
        },
    ),
    "cimba": Peer(
        "cimba",
        {
            ONE: Model.whole(cimba_compiled, 4_000_000),
            MANY: Model.whole(cimba_compiled, 3_000),
            FUNNEL: Model.whole(cimba_compiled, 500_000),
        },
    ),
}
