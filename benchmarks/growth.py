"""How the compiled engine's time grows with shards and with queries, and its memory with queries.

Memory is measured in a process of its own, ``python -m benchmarks.growth SHARDS QUERIES``: the most that a process ever
held hides all that it held later.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.ours import plan_of
from benchmarks.systems import SEED
from simulator.core.assemble import smallest_plan
from simulator.engines import compiled

TASKS = 10_000_000  #: of each measurement over shards
SHARDS = (1, 10, 100, 1000, 10_000)
QUERIES = (1000, 10_000, 100_000, 1_000_000, 10_000_000)  #: of M/M/1
AT_LEAST = 1_000_000  #: queries; a shorter run is repeated until it is timed over as many
MEMORY = ((1, 100_000), (1, 1_000_000), (1, 10_000_000), (1000, 100_000))  #: shards and queries


@dataclass(frozen=True)
class Point:
    """A size, and CPU seconds a query."""

    shards: int
    queries: int
    cpu_s: float  #: of one run

    @property
    def query_ns(self) -> float:
        """CPU time a query."""
        return self.cpu_s / self.queries * 1e9


def point(shards: int, queries: int, rounds: int) -> Point:
    """Time the engine on one stage: the least of the rounds, since noise only adds."""
    plan = plan_of((shards,), queries, SEED)
    repeats = max(1, AT_LEAST // (queries * shards))
    cpu_s = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(repeats):
            compiled.simulate(plan)
        cpu_s.append((time.process_time() - began) / repeats)
    return Point(shards, queries, min(cpu_s))


def over_shards(rounds: int, scale: float) -> list[Point]:
    """As many tasks each, by more and more shards."""
    return [point(shards, max(1, round(TASKS * scale) // shards), rounds) for shards in SHARDS]


def over_queries(rounds: int, scale: float) -> list[Point]:
    """More and more queries of M/M/1."""
    return [point(1, max(1, round(queries * scale)), rounds) for queries in QUERIES]


def slope(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Exponent of a power law, by least squares on logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def memory_bytes(shards: int, queries: int) -> int:
    """Growth of the most memory that a process held, by a run and its plan."""
    command = [sys.executable, "-m", "benchmarks.growth", str(shards), str(queries)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def most_bytes() -> int:
    """The most memory that this process held until now.

    Linux hands what getrusage calls the most from a process to the programs it starts, however small; there the
    figure of the address space is read, which starts anew.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024
    except (OSError, StopIteration):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def main() -> None:
    """Print the growth by one run, in bytes."""
    shards, queries = (int(argument) for argument in sys.argv[1:])
    plan_of((shards,), 1, SEED)  # compiles
    compiled.simulate(smallest_plan())
    before = most_bytes()
    trace = compiled.simulate(plan_of((shards,), queries, SEED))
    assert len(trace.outcome) == queries
    print(most_bytes() - before)


if __name__ == "__main__":
    main()
