"""Speed of the reference engine against plain SimPy models of the same system, measured alternately in one run.

Goals: at least 50,000 shard-tasks a second on a stage of 1000 exponential shards, and no slower than a SimPy model
with a process a task and a Resource a shard. Figures are medians of CPU time; machines are noisy, ratios less so.
``peers`` has the SimPy models, and other simulators.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from peers import simpy_callbacks, simpy_resource

from simulator.core.assemble import StageParts, assemble
from simulator.core.laws import Law
from simulator.core.plan import Plan
from simulator.engines import reference

GOAL_PER_S = 50_000
ROUNDS = 5
SEED = 7
UTILISATION = 0.5


def plan_of(shards: int, queries: int) -> Plan:
    """Poisson queries over exponential shards of mean 1 s, at utilisation 1/2."""
    rng = np.random.default_rng(SEED)
    arrival_ns = np.cumsum(rng.exponential(1e9 / UTILISATION, queries)).astype(np.int64)
    stage = StageParts([1 / shards] * shards, candidates=Law.constant(1.0), time=Law.exponential(1e9))
    return assemble([stage], arrival_ns, rate_per_s=UTILISATION)


def cpu_s(run: Callable[[], object]) -> float:
    """CPU seconds of a call."""
    began = time.process_time()
    run()
    return time.process_time() - began


def main() -> None:
    """Print the table."""
    reference.simulate(plan_of(2, 10))  # compile
    print(f"{'system':28} {'model':22} {'tasks/s':>10} {'ours / it':>10}")
    for name, shards, queries in (("1000 exponential shards", 1000, 100), ("M/M/1", 1, 10_000)):
        plan = plan_of(shards, queries)
        models = {
            "shardsim reference": lambda plan=plan: reference.simulate(plan),
            "SimPy Resource": lambda shards=shards, queries=queries: simpy_resource([shards], queries, SEED),
            "SimPy callbacks": lambda shards=shards, queries=queries: simpy_callbacks([shards], queries, SEED),
        }
        seconds: dict[str, list[float]] = {model: [] for model in models}
        for _ in range(ROUNDS):
            for model, run in models.items():
                seconds[model].append(cpu_s(run))
        ours = seconds["shardsim reference"]
        for model, spent in seconds.items():
            ratio = statistics.median(other / own for own, other in zip(ours, spent, strict=True))
            print(f"{name:28} {model:22} {shards * queries / statistics.median(spent):>10,.0f} {ratio:>10.2f}")
    began = time.perf_counter()
    for _ in range(10_000_000):
        pass
    print(f"goal: {GOAL_PER_S:,} tasks/s on 1000 shards, ratio to the Resource model at least 1")
    print(f"(an empty Python loop of 10 million took {time.perf_counter() - began:.2f} s on this machine just now)")


if __name__ == "__main__":
    main()
