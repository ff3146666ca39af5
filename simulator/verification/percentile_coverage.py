"""The interval of a percentile on trial: over many seeds of queues, of each how often it is printed and covers.

A percentile that is printed at some seeds only is printed at those that make it look well supported, which are the
quiet ones. So the bias of the printed is measured too, and how far the upper end is from the value.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from simulator.stats.figures import key_of
from simulator.stats.quantiles import Series
from simulator.stats.share import Layout
from simulator.theory import clusters_of
from simulator.verification import trial_queues as trial
from simulator.verification.coverage import twice
from simulator.verification.depth import luck
from simulator.verification.lines import AGREES, MEASURED, MISSED, Line
from simulator.verification.oracle import Examined

REPLICATIONS, SEEDS = 8, 400
#: Queries of a replication, and the percentiles, as parts of 1.
QUERIES, PARTS = (5_000, 20_000), (0.5, 0.9, 0.99, 0.999)
#: A percentile that fewer seeds print is not one of a system.
FEWEST_PRINTED = 0.1
#: Of the printed: relative bias, and the upper arm over NORMAL standard deviations of the value over seeds.
MOST_BIAS, LONGEST_ARM, NORMAL = 0.02, 2.5, 1.96
#: Standard errors that the bias may be off by luck.
ERRORS = 2.6

#: Latency of ten exponential shards at .7 has no formula: by 120 million queries, within .03, .04, .09 and .2 %.
OF_TEN = {0.5: 7.3295, 0.9: 14.2616, 0.99: 22.618, 0.999: 30.567}

QUEUES = (
    *(trial.Queue(f"M/M/1 at {busy:g}", trial.EXPONENTIAL, busy) for busy in (0.5, 0.8, 0.9)),
    trial.Queue("M/D/1 at .8", trial.CONSTANT, 0.8),
    trial.Queue("M/M/4 at .8", trial.EXPONENTIAL, 0.8, workers=4),
    trial.Queue("ten exponential shards at .7", trial.EXPONENTIAL, 0.7, servers=10, known_s=OF_TEN),
    trial.Queue("hyperexponential, cv 4, at .7", trial.hyperexponential(4), 0.7),
    trial.Queue("lognormal, cv 2, at .7", trial.lognormal(2), 0.7),
)


@dataclass(frozen=True)
class Cell:
    """A percentile of a queue, over all seeds; durations over the exact value."""

    queue: str
    queries: int  #: of a replication
    p: float
    seeds: int
    error: float  #: standard deviation of the value over seeds
    printed: int
    below: int = 0  #: intervals of the printed that end below the exact value
    above: int = 0
    bias: float = math.nan  #: mean of the printed values less 1
    lower_arm: float = math.nan  #: median distance of the ends from the value, over NORMAL errors
    upper_arm: float = math.nan

    @property
    def covered(self) -> float:
        """Share of the printed."""
        return 1 - (self.below + self.above) / self.printed

    @property
    def is_counted(self) -> bool:
        """Whether enough seeds print it."""
        return self.printed >= FEWEST_PRINTED * self.seeds

    @property
    def shortfalls(self) -> list[str]:
        """Which aims are not reached, but for luck."""
        least, most = trial.accepted(self.printed)
        by_luck = ERRORS * self.error / math.sqrt(self.printed)
        aims = {
            "coverage": least <= self.covered <= most,
            "misses": trial.is_even(self.below, self.above),
            "bias": abs(self.bias) <= MOST_BIAS + by_luck,
            "arm": self.upper_arm <= LONGEST_ARM,
        }
        return [aim for aim, is_reached in aims.items() if not is_reached]

    def line(self) -> Line:
        """As a verification says it."""
        name, said = f"{key_of(100 * self.p)} of {self.queue}", f"{REPLICATIONS} x {self.queries:,}"
        share = f"printed at {self.printed / self.seeds:.0%} of {self.seeds} seeds"
        if not self.is_counted:
            return Line("intervals", name, said, None, None, None, None, MEASURED, note=share)
        least, most = trial.accepted(self.printed)
        short = self.shortfalls
        note = (
            f"{share}, too low {self.below} times, too high {self.above}; bias {self.bias:+.1%}, "
            f"upper arm {self.upper_arm:.2f}" + "".join(f"; {aim} falls short" for aim in short)
        )
        said = f"{said}: coverage"
        verdict, chance = MISSED if short else AGREES, (2 * trial.LUCK) ** 2
        return Line(
            "intervals", name, said, trial.NOMINAL, self.covered, least, most, verdict, chance=chance, note=note
        )


def cells(queue: trial.Queue, queries: int, base: int, seeds: int = SEEDS) -> list[Cell]:
    """The percentiles of a queue, at seeds from ``base`` on."""
    exact_ns = [1e9 * percentile_s for percentile_s in queue.percentiles_s(PARTS)]
    clusters, layout = clusters_of(queue.plan)[None], Layout.of([queries] * REPLICATIONS)
    values = np.empty((seeds, len(PARTS)))
    ends = np.full((seeds, len(PARTS), 2), np.nan)  # those of the printed
    for one in range(seeds):
        series = Series(1e9 * queue.latencies_s(base + one, REPLICATIONS, queries).ravel(), layout, clusters)
        for at, p in enumerate(PARTS):
            found = series.quantile(p)
            values[one, at] = found.pooled
            if found.supported:
                ends[one, at] = found.low, found.high
    by_exact = values / exact_ns, ends / np.array(exact_ns)[:, None]
    each = enumerate(PARTS)
    return [_cell(queue.name, queries, p, *(part[:, at] for part in by_exact)) for at, p in each]


def _cell(queue: str, queries: int, p: float, values: np.ndarray, ends: np.ndarray) -> Cell:
    """Of values (seeds,) and ends (seeds, 2) over the exact value; nan where it is not printed."""
    printed = ~np.isnan(ends[:, 0])
    error, count = float(values.std(ddof=1)), int(printed.sum())
    if count == 0:
        return Cell(queue, queries, p, len(values), error, count)
    value, (low, high) = values[printed], ends[printed].T
    return Cell(
        queue,
        queries,
        p,
        len(values),
        error,
        count,
        below=int((high < 1).sum()),
        above=int((low > 1).sum()),
        bias=float(value.mean()) - 1,
        lower_arm=float(np.median((value - low) / value)) / (NORMAL * error),
        upper_arm=float(np.median((high - value) / value)) / (NORMAL * error),
    )


def of_percentiles(queue: trial.Queue, queries: int, seed: int, seeds: int = SEEDS) -> Examined:
    """A line a percentile; those that miss are looked at again, at other seeds."""
    base = base_of(queue, queries, seed)
    return twice(lambda first: tuple(cell.line() for cell in cells(queue, queries, base + first, seeds)))


def base_of(queue: trial.Queue, queries: int, seed: int) -> int:
    """The first of the seeds that a verification with this ``seed`` takes."""
    return luck(seed, f"percentiles {queue.name} {queries}")


def table(found: Iterable[Cell]) -> str:
    """In Markdown, of the cells that are counted."""
    head = "| latency of | run | | sampling error | printed | covered | too low : too high | bias | arms |"
    rows = [
        f"| {cell.queue} | {REPLICATIONS} x {cell.queries:,} | {key_of(100 * cell.p)} | {cell.error:.1%} | "
        f"{cell.printed / cell.seeds:.0%} | {cell.covered:.1%} | {cell.below} : {cell.above} | {cell.bias:+.1%} | "
        f"{cell.lower_arm:.1f}, {cell.upper_arm:.1f} |"
        for cell in found
        if cell.is_counted
    ]
    return "\n".join([head, "|---|---|---|---|---|---|---|---|---|", *rows])
