"""The benchmark's systems as compiled models of cimba, the Python binding of the Cimba engine.

A module of its own, for cimba reads a model's annotations and compiles its class once a process: classes made inside a
function would be compiled at each call. ``peers`` imports it when cimba is asked for, and not before.

The window opens long after the last query, so that the engine records no history of its queues, as in cimba's own
benchmark. Latencies are summed in a plain field of the model.
"""

from __future__ import annotations

from collections.abc import Sequence

import cimba
from cimba import inputs

from benchmarks.systems import GAP_S

UNRECORDED = cimba.Window(warmup=1e15, duration=1.0)


class Queue(cimba.Model):
    """M/M/1: a store of arrival instants and one server, as in cimba's tutorial."""

    queries: cimba.Param[int]
    gap: cimba.Input[float] = inputs.dist.exponential(mean=GAP_S)
    service: cimba.Input[float] = inputs.dist.exponential(mean=1.0)
    tasks: cimba.Store[float]
    latencies_s: float = 0.0
    answered: int = 0
    mean_latency_s: cimba.Output[float]
    answers: cimba.Output[int]

    @cimba.process
    def arrive(self):
        """Put each query's arrival instant in the queue."""
        for _ in range(self.queries):
            cimba.hold(self.gap.next())
            self.tasks.put(cimba.now())

    @cimba.process
    def serve(self):
        """Serve the queries one after another."""
        while True:
            arrived_s = self.tasks.get()
            cimba.hold(self.service.next())
            self.latencies_s += cimba.now() - arrived_s
            self.answered += 1

    @cimba.on_end
    def measure(self):
        """Write the outputs."""
        self.answers = self.answered
        self.mean_latency_s = self.latencies_s / self.answered


class Shard(cimba.Model):
    """A FIFO queue of tasks, each the index of its query, and the process that serves them."""

    funnel: cimba.Ref[Funnel]
    tasks: cimba.Store[int]
    service: cimba.Input[float] = inputs.dist.exponential(mean=1.0)

    def __init__(self, funnel: Funnel) -> None:
        self.funnel = funnel

    @cimba.process
    def serve(self):
        """Serve the tasks one after another; the last of a query's stage sends the query on."""
        while True:
            query = self.tasks.get()
            cimba.hold(self.service.next())
            self.funnel.waiting[query] -= 1
            if self.funnel.waiting[query] == 0:
                self.funnel.fork(query)


class Stage(cimba.Model):
    """The shards that a query forks to."""

    shards: list[Shard]

    def __init__(self, funnel: Funnel, shards: int) -> None:
        self.shards = [Shard(funnel) for _ in range(shards)]


class Funnel(cimba.Model):
    """Stages of forks and joins; a query is a row of arrays, which costs less than a model spawned for each."""

    queries: cimba.Param[int]
    gap: cimba.Input[float] = inputs.dist.exponential(mean=GAP_S)
    stages: list[Stage]
    arrived_s: cimba.Array[float]
    stage: cimba.Array[int]
    waiting: cimba.Array[int]
    latencies_s: float = 0.0
    answered: int = 0
    mean_latency_s: cimba.Output[float]
    answers: cimba.Output[int]

    def __init__(self, stages: Sequence[int], queries: int) -> None:
        self.queries = queries
        self.arrived_s = cimba.Array(queries)
        self.stage = cimba.Array(queries)
        self.waiting = cimba.Array(queries)
        self.stages = [Stage(self, shards) for shards in stages]

    @cimba.function
    def fork(self, query: int) -> None:
        """Send a task to every shard of the query's next stage, or answer the query if there is none."""
        if self.stage[query] == len(self.stages):
            self.latencies_s += cimba.now() - self.arrived_s[query]
            self.answered += 1
        else:
            stage = self.stages[self.stage[query]]
            self.stage[query] += 1
            self.waiting[query] = len(stage.shards)
            for shard in range(len(stage.shards)):
                stage.shards[shard].tasks.put(query)

    @cimba.process
    def arrive(self):
        """Let the queries arrive."""
        for query in range(self.queries):
            cimba.hold(self.gap.next())
            self.arrived_s[query] = cimba.now()
            self.fork(query)

    @cimba.on_end
    def measure(self):
        """Write the outputs."""
        self.answers = self.answered
        self.mean_latency_s = self.latencies_s / self.answered


def mean_latency_s(stages: Sequence[int], queries: int, seed: int) -> float:
    """Run one trial on one thread and return its mean latency."""
    if tuple(stages) == (1,):
        model = Queue()
        model.queries = queries
    else:
        model = Funnel(stages, queries)
    results = cimba.Experiment(model, window=UNRECORDED, seed=seed).run(workers=1, on_failure="raise")
    assert results[model].answers[0, 0] == queries
    return float(results[model].mean_latency_s[0, 0])
