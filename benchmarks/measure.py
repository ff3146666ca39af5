"""Measuring by turns, judging what was simulated, and how figures are printed.

Times are CPU times. Machines are noisy, the more so when shared, so models run alternately, a rate is the median of
the rounds, and a ratio the median of the ratios within a round.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.systems import REPLICATIONS, SEED, Run, expected

BOUND = 5.0  #: standard errors; Student's t with 9 degrees of freedom: a false alarm in 1350 checks

Whole = Callable[[Sequence[int], int, int], Run]  #: of stages (shards of each), queries and seed


@dataclass(frozen=True)
class Model:
    """A way to simulate a system, cut into what is timed and what is not."""

    prepare: Callable[[Sequence[int], int, int], Any]  #: of stages, queries and seed; not timed
    simulate: Callable[[Any], Any]  #: of what was prepared; timed
    read: Callable[[Any], Run]  #: of what was simulated; not timed
    queries: int
    repeats: int = 1  #: of the timed part, for about a second together

    @staticmethod
    def whole(simulate: Whole, queries: int) -> Model:
        """A model all of which is timed."""
        return Model(lambda *given: given, lambda given: simulate(*given), lambda run: run, queries)

    def run(self, stages: Sequence[int], queries: int, seed: int) -> tuple[Run, float]:
        """Return what one run saw, and its CPU seconds.

        What was there before is frozen: else Python's collector walks the objects of all the other simulators' modules
        again and again, which costs a SimPy model two fifths of its speed.
        """
        prepared = self.prepare(stages, queries, seed)
        gc.collect()
        gc.freeze()
        began = time.process_time()
        for _ in range(self.repeats):
            simulated = None  # frees its memory for the next
            simulated = self.simulate(prepared)
        spent_s = time.process_time() - began
        gc.unfreeze()
        return self.read(simulated), spent_s / self.repeats


@dataclass(frozen=True)
class Measurement:
    """A model on a system, over the rounds."""

    stages: tuple[int, ...]
    runs: list[Run]
    cpu_s: list[float]

    @property
    def queries(self) -> int:
        """Queries of each run."""
        return self.runs[0].queries

    @property
    def median_s(self) -> float:
        """CPU time of a run, median of the rounds."""
        return statistics.median(self.cpu_s)

    @property
    def queries_per_s(self) -> float:
        """Median of the rounds."""
        return self.queries / self.median_s

    @property
    def tasks_per_s(self) -> float:
        """Median of the rounds."""
        return sum(self.stages) * self.queries_per_s

    @property
    def events_per_s(self) -> float:
        """Median of the rounds."""
        return statistics.median(run.events / spent for run, spent in zip(self.runs, self.cpu_s, strict=True))

    def over(self, other: Measurement) -> float:
        """How many times as fast as another model of the system: median of the ratios within a round."""
        of_queries = self.queries / other.queries
        ratios = [theirs / own for own, theirs in zip(self.cpu_s, other.cpu_s, strict=True)]
        return of_queries * statistics.median(ratios)

    @property
    def latency_s(self) -> float | None:
        """Mean latency over the rounds."""
        seen = [run.mean_latency_s for run in self.runs if run.mean_latency_s is not None]
        return statistics.mean(seen) if seen else None

    @property
    def expected(self) -> tuple[float, float]:
        """The recursion's mean latency, and the standard error of the difference to ``latency_s``."""
        mean_s, deviation_s = expected(self.stages, self.queries)
        return mean_s, deviation_s * (1 / len(self.runs) + 1 / REPLICATIONS) ** 0.5

    @property
    def right(self) -> bool:
        """Whether the latency, if there is one, lies within the bound."""
        mean_s, error_s = self.expected
        return self.latency_s is None or abs(self.latency_s - mean_s) <= BOUND * error_s


def measure(stages: tuple[int, ...], models: dict[str, Model], rounds: int, scale: float) -> dict[str, Measurement]:
    """Run the models by turns, a seed a round; ``scale`` multiplies the queries of each."""
    measured = {name: Measurement(stages, [], []) for name in models}
    for model in models.values():
        replace(model, repeats=1).run(stages, 1, SEED)  # imports, compiles
    for seed in range(SEED, SEED + rounds):
        for name, model in models.items():
            run, spent_s = model.run(stages, max(1, round(model.queries * scale)), seed)
            measured[name].runs.append(run)
            measured[name].cpu_s.append(spent_s)
    return measured


@dataclass(frozen=True)
class Goal:
    """What a figure should be; ``str`` says whether it is."""

    name: str
    seen: float
    least: float | None = None
    most: float | None = None

    @property
    def met(self) -> bool:
        """Whether the figure is within its limits."""
        return (self.least is None or self.seen >= self.least) and (self.most is None or self.seen <= self.most)

    def __str__(self) -> str:
        limit = f"at least {figure(self.least)}" if self.least is not None else f"at most {figure(self.most or 0.0)}"
        return f"goal: {self.name:64} {limit:>16}, seen {figure(self.seen):>7}: {'met' if self.met else 'NOT met'}"


def figure(value: float) -> str:
    """Return a rate or a ratio in three significant digits.

    >>> [figure(value) for value in (162.4e6, 9.996e5, 50_000, 1234, 9.997, 0.512)]
    ['162 M', '1.00 M', '50.0 k', '1,230', '10.0', '0.512']
    """
    rounded = float(f"{value:.2e}")
    for least, unit, name in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if rounded >= least:
            return f"{_three(rounded / unit)} {name}"
    return f"{rounded:,.0f}" if rounded >= 1000 else _three(rounded)


def _three(value: float) -> str:
    decimals = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{decimals}f}"
