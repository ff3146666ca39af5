"""The policies as compiled models of cimba; see ``peers_cimba`` for why a module of its own."""

from __future__ import annotations

import cimba
from cimba import inputs

from benchmarks.peers_cimba import UNRECORDED


class Server(cimba.Model):
    """Takes what waits, up to a batch; whom nobody waits for any more it passes over."""

    stage: cimba.Ref[Fork]
    tasks: cimba.Store[int]
    service: cimba.Input[float] = inputs.dist.exponential(mean=1.0)
    batch: cimba.Array[int]
    waiting: int = 0

    def __init__(self, stage: Fork, most: int) -> None:
        self.stage = stage
        self.batch = cimba.Array(most)

    @cimba.process
    def serve(self):
        """Serve batch after batch; the last answer that is waited for ends a query."""
        while True:
            taken = 0
            query = self.tasks.get()
            self.waiting -= 1
            if self.stage.missing[query] > 0:
                self.batch[taken] = query
                taken += 1
            while taken < self.stage.most and self.waiting > 0:
                query = self.tasks.get()
                self.waiting -= 1
                if self.stage.missing[query] > 0:
                    self.batch[taken] = query
                    taken += 1
            if taken > 0:
                cimba.hold(self.service.next())
                for i in range(taken):
                    query = self.batch[i]
                    self.stage.missing[query] -= 1
                    if self.stage.missing[query] == 0:
                        self.stage.latencies_s += cimba.now() - self.stage.arrived_s[query]
                        self.stage.answered += 1


class Fork(cimba.Model):
    """Queries and the servers that all of them visit."""

    queries: cimba.Param[int]
    most: cimba.Param[int]
    enough: cimba.Param[int]
    mean_gap: cimba.Param[float]
    gap: cimba.Input[float] = inputs.dist.exponential(mean=1.0)
    servers: list[Server]
    arrived_s: cimba.Array[float]
    missing: cimba.Array[int]
    latencies_s: float = 0.0
    answered: int = 0
    mean_latency_s: cimba.Output[float]
    answers: cimba.Output[int]

    def __init__(self, gap_s: float, most: int, enough: int, shards: int, queries: int) -> None:
        self.queries, self.most, self.enough, self.mean_gap = queries, most, enough, gap_s
        self.arrived_s = cimba.Array(queries)
        self.missing = cimba.Array(queries)
        self.servers = [Server(self, most) for _ in range(shards)]

    @cimba.process
    def arrive(self):
        """Let the queries arrive."""
        for query in range(self.queries):
            cimba.hold(self.gap.next() * self.mean_gap)
            self.arrived_s[query] = cimba.now()
            self.missing[query] = self.enough
            for shard in range(len(self.servers)):
                self.servers[shard].waiting += 1
                self.servers[shard].tasks.put(query)

    @cimba.on_end
    def measure(self):
        """Write the outputs."""
        self.answers = self.answered
        self.mean_latency_s = self.latencies_s / self.answered


def mean_latency_s(gap_s: float, most: int, enough: int, shards: int, queries: int, seed: int) -> float:
    """Run one trial on one thread and return its mean latency."""
    model = Fork(gap_s, most, enough, shards, queries)
    results = cimba.Experiment(model, window=UNRECORDED, seed=seed).run(workers=1, on_failure="raise")
    assert results[model].answers[0, 0] == queries
    return float(results[model].mean_latency_s[0, 0])
