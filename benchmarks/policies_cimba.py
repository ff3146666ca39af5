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
    return _mean_of(Fork(gap_s, most, enough, shards, queries), queries, seed)


class Replica(cimba.Model):
    """Serves one task after another; whose answer is there, or what has started elsewhere, it passes over."""

    stage: cimba.Ref[Copies]
    tasks: cimba.Store[int]
    service: cimba.Input[float] = inputs.dist.exponential(mean=1.0)

    def __init__(self, stage: Copies) -> None:
        self.stage = stage

    @cimba.process
    def serve(self):
        """The first answer of a task counts."""
        while True:
            task = self.tasks.get()
            if self.stage.over[task] == 0:
                if self.stage.after == 0.0:
                    self.stage.over[task] = 1
                cimba.hold(self.service.next())
                if self.stage.answered[task] == 0:
                    self.stage.answered[task] = 1
                    self.stage.over[task] = 1
                    query = task // self.stage.shards
                    self.stage.missing[query] -= 1
                    if self.stage.missing[query] == 0:
                        self.stage.latencies_s += cimba.now() - self.stage.arrived_s[query]
                        self.stage.complete += 1


class Copies(cimba.Model):
    """Queries that ask all shards, and send what has no answer after a time to the other replica: 0, at once."""

    queries: cimba.Param[int]
    shards: cimba.Param[int]
    after: cimba.Param[float]
    mean_gap: cimba.Param[float]
    gap: cimba.Input[float] = inputs.dist.exponential(mean=1.0)
    replicas: list[Replica]
    looks: cimba.Store[int]
    arrived_s: cimba.Array[float]
    missing: cimba.Array[int]
    first: cimba.Array[int]
    answered: cimba.Array[int]
    over: cimba.Array[int]
    latencies_s: float = 0.0
    complete: int = 0
    mean_latency_s: cimba.Output[float]
    answers: cimba.Output[int]

    def __init__(self, gap_s: float, after_s: float, shards: int, queries: int) -> None:
        self.queries, self.shards, self.after, self.mean_gap = queries, shards, after_s, gap_s
        self.arrived_s = cimba.Array(queries)
        self.missing = cimba.Array(queries)
        self.first = cimba.Array(queries * shards)
        self.answered = cimba.Array(queries * shards)
        self.over = cimba.Array(queries * shards)
        self.replicas = [Replica(self) for _ in range(2 * shards)]

    @cimba.process
    def arrive(self):
        """Let the queries arrive."""
        for query in range(self.queries):
            cimba.hold(self.gap.next() * self.mean_gap)
            self.arrived_s[query] = cimba.now()
            self.missing[query] = self.shards
            for shard in range(self.shards):
                task = query * self.shards + shard
                self.first[task] = cimba.random.bernoulli(0.5)
                self.replicas[2 * shard + self.first[task]].tasks.put(task)
            if self.after == 0.0:
                for shard in range(self.shards):
                    task = query * self.shards + shard
                    self.replicas[2 * shard + 1 - self.first[task]].tasks.put(task)
            else:
                self.looks.put(query)

    @cimba.process
    def look(self):
        """Send what has no answer again, query by query."""
        while True:
            query = self.looks.get()
            late = self.arrived_s[query] + self.after - cimba.now()
            if late > 0.0:
                cimba.hold(late)
            for shard in range(self.shards):
                task = query * self.shards + shard
                if self.answered[task] == 0:
                    self.replicas[2 * shard + 1 - self.first[task]].tasks.put(task)

    @cimba.on_end
    def measure(self):
        """Write the outputs."""
        self.answers = self.complete
        self.mean_latency_s = self.latencies_s / self.complete


def mean_latency_of_copies_s(gap_s: float, after_s: float, shards: int, queries: int, seed: int) -> float:
    """Run one trial on one thread and return its mean latency."""
    return _mean_of(Copies(gap_s, after_s, shards, queries), queries, seed)


def _mean_of(model: Fork | Copies, queries: int, seed: int) -> float:
    """Run one trial of so many queries."""
    results = cimba.Experiment(model, window=UNRECORDED, seed=seed).run(workers=1, on_failure="raise")
    assert results[model].answers[0, 0] == queries
    return float(results[model].mean_latency_s[0, 0])
