"""The interval of a capacity on trial: over many seeds of queues whose capacity is exact, how often it holds it.

An objective is set to what theory says of the queue at some load; so that load is the capacity.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.planning.capacity import capacity_of_rate
from simulator.planning.capacity_result import Capacity
from simulator.scenario import Scenario, scenario_from_dict
from simulator.verification.coverage import twice
from simulator.verification.depth import luck
from simulator.verification.families import scenario, stage
from simulator.verification.lines import AGREES, MISSED, Line
from simulator.verification.oracle import Examined
from simulator.verification.percentile_coverage import ERRORS, OF_TEN
from simulator.verification.trial_queues import CONSTANT, EXPONENTIAL, LUCK, NOMINAL, Queue, accepted, is_even

#: Half the interval over the capacity, as asked for, and seeds: that of 1 % takes five times as long as that of 5 %.
EFFORTS = ((0.05, 200), (0.01, 16))
#: The scenario's own load, as a part of its capacity.
OWN = 0.7
#: A bias, as a part of the tolerance.
MOST_BIAS = 0.2


@dataclass(frozen=True)
class Trial:
    """A queue at its capacity, and the figure that the objective is about."""

    queue: Queue
    figure: str = "p99"

    @property
    def bound_s(self) -> float:
        """What theory says of the figure at capacity."""
        return self.queue.exact_s if self.figure == "mean" else self.queue.percentiles_s((0.99,))[0]

    @property
    def name(self) -> str:
        """As a line says it."""
        return f"{self.figure} of {self.queue.name}"

    def scenario(self, seed: int) -> Scenario:
        """The queue at less than its capacity, with its objective."""
        queue = self.queue
        one = stage("one", dict(queue.law), shards=queue.servers, workers=queue.workers)
        objective = f"{self.figure} < {self.bound_s!r}s"
        values = {**scenario(OWN * queue.rate_per_s, one), "slos": [objective], "run": {"seed": seed}}
        return scenario_from_dict(values)


TRIALS = (
    Trial(Queue("M/M/1 at .8", EXPONENTIAL, 0.8)),
    Trial(Queue("M/D/1 at .8", CONSTANT, 0.8)),
    Trial(Queue("M/M/4 at .8", EXPONENTIAL, 0.8, workers=4)),
    Trial(Queue("ten exponential shards at .7", EXPONENTIAL, 0.7, servers=10, known_s=OF_TEN)),
    Trial(Queue("two exponential shards at .8", EXPONENTIAL, 0.8, servers=2), "mean"),
)


@dataclass(frozen=True)
class Found:
    """Capacities over seeds; of the first four over the exact one."""

    name: str
    tolerance: float
    values: tuple[float, ...]
    below: int  #: intervals that end below the exact one
    above: int
    half: float  #: median half-width
    wide: int  #: searches that did not reach the tolerance

    @property
    def seeds(self) -> int:
        """How many were asked for."""
        return len(self.values) + self.wide

    @property
    def covered(self) -> float:
        """Share of the searches that reached the tolerance."""
        return 1 - (self.below + self.above) / max(1, len(self.values))

    @property
    def bias(self) -> float:
        """Mean of the values less 1."""
        return float(np.mean(self.values)) - 1 if self.values else math.nan

    @property
    def shortfalls(self) -> list[str]:
        """Which aims are not reached, but for luck."""
        count = len(self.values)
        least, most = accepted(max(1, count))
        by_luck = ERRORS * float(np.std(self.values)) / math.sqrt(max(1, count))
        aims = {
            "coverage": least <= self.covered <= most,
            "misses": is_even(self.below, self.above),
            "bias": abs(self.bias) <= MOST_BIAS * self.tolerance + by_luck,
            "tolerance": self.wide == 0,
        }
        return [aim for aim, is_reached in aims.items() if not is_reached]

    def line(self) -> Line:
        """As a verification says it."""
        least, most = accepted(max(1, len(self.values)))
        short = self.shortfalls
        note = (
            f"{self.seeds} seeds, too low {self.below} times, too high {self.above}; bias {self.bias:+.2%}, "
            f"median half-width {self.half:.2%}" + "".join(f"; {aim} falls short" for aim in short)
        )
        name, said = f"capacity by {self.name}", f"tolerance {self.tolerance:.0%}: coverage"
        verdict = MISSED if short else AGREES
        chance = (2 * LUCK) ** 2
        return Line("intervals", name, said, NOMINAL, self.covered, least, most, verdict, chance=chance, note=note)


def found(trial: Trial, tolerance: float, base: int, seeds: int) -> Found:
    """Capacities at seeds from ``base`` on."""
    exact = trial.queue.rate_per_s
    answers = [capacity_of_rate(trial.scenario(base + one), tolerance=tolerance) for one in range(seeds)]
    reached = [one for one in answers if is_reached(one, tolerance)]
    ends = [(one.per_s.low or 0.0, one.per_s.high or math.inf) for one in reached]
    return Found(
        name=trial.name,
        tolerance=tolerance,
        values=tuple((one.per_s.value or 0.0) / exact for one in reached),
        below=sum(high < exact for _, high in ends),
        above=sum(low > exact for low, _ in ends),
        half=float(np.median([one.half_width or math.inf for one in reached])) if reached else math.inf,
        wide=seeds - len(reached),
    )


def is_reached(answer: Capacity, tolerance: float) -> bool:
    """Whether a search found what it was asked for."""
    return answer.verdict == "found" and answer.half_width is not None and answer.half_width <= tolerance


def of_a_capacity(trial: Trial, tolerance: float, seeds: int, seed: int) -> Examined:
    """How often the interval of a capacity holds the exact one; what misses is looked at again, at other seeds."""
    base = base_of(trial, tolerance, seed)
    return twice(lambda first: (found(trial, tolerance, base + first, seeds).line(),))


def base_of(trial: Trial, tolerance: float, seed: int) -> int:
    """The first of the seeds that a verification with this ``seed`` takes."""
    return luck(seed, f"capacity {trial.name} {tolerance}")


def together(some: Sequence[Found]) -> Found:
    """All trials at a tolerance."""
    return Found(
        name="all of them",
        tolerance=some[0].tolerance,
        values=tuple(value for one in some for value in one.values),
        below=sum(one.below for one in some),
        above=sum(one.above for one in some),
        half=float(np.median([one.half for one in some])),
        wide=sum(one.wide for one in some),
    )


def table(some: Iterable[Found]) -> str:
    """In Markdown."""
    head = "| capacity by | tolerance | seeds | half-width | covered | too low : too high | bias |"
    rows = [
        f"| {one.name} | {one.tolerance:.0%} | {one.seeds} | {one.half:.2%} | {one.covered:.1%} | "
        f"{one.below} : {one.above} | {one.bias:+.2%} |"
        for one in some
    ]
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows])
