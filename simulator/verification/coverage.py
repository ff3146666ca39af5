"""The intervals themselves on trial: how often they cover what is known, over many seeds of M/M/1.

By Lindley's recursion over the engine's own draws, which a test holds equal to the engine: a run of 400,000 queries
takes a hundredth of a second.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simulator.core import draws
from simulator.core.jit import kernel
from simulator.core.plan import I8
from simulator.stats.paired import LeftOut, independent, paired, quantile_left_out
from simulator.stats.quantiles import Series
from simulator.stats.share import BLOCKS, Layout
from simulator.verification.depth import luck
from simulator.verification.lines import AGREES, AT_SECOND, DIFFERS, MEASURED, MISSED, Line, within
from simulator.verification.oracle import Examined

#: Shares of seeds whose intervals may cover the truth, nominally NOMINAL.
NOMINAL, LEAST, MOST = 0.95, 0.89, 0.98
#: Seeds of a second, independent look are those beyond as many.
FURTHER = 1_000_000


@kernel
def lindley(seed: int, replication: int, rate: float, arrival: I8, latency: I8) -> None:
    """M/M/1 by Lindley's recursion over the engine's own draws, in ns; ``arrival`` and ``latency`` (n,) int64."""
    reached = 0.0
    free = 0
    for query in range(arrival.shape[0]):
        u, _ = draws.uniforms(seed, replication, draws.GAP, query, draws.FIRST_COPY, draws.FIRST_COPY)
        reached = reached - math.log(1.0 - u)
        arrival[query] = int(math.floor(reached / rate * 1e9 + 0.5))  # noqa: RUF046  (numba's floor is a float)
        u, _ = draws.uniforms(seed, replication, draws.TASK, query, draws.FIRST_COPY, draws.FIRST_COPY)
        service = max(1, int(math.floor(-1e9 * math.log(1.0 - u) + 0.5)))  # noqa: RUF046
        free = max(free, arrival[query]) + service
        latency[query] = free - arrival[query]


def mm1(seed: int, rate: float, queries: int, replications: int = 8) -> Series:
    """Latency in M/M/1 with services of mean 1 s, in ns, after a warm-up of a quarter."""
    total = queries * 5 // 4
    arrival, latency = np.zeros(total, dtype=np.int64), np.zeros(total, dtype=np.int64)
    measured = []
    for replication in range(replications):
        lindley(seed, replication, rate, arrival, latency)
        measured.append(latency[total - queries :].astype(np.float64))
    return Series(np.concatenate(measured), Layout.of([queries] * replications))


def effective_exceedances(series: Series, p: float) -> float:
    """To the letter of rule 3, for blocks of equal length."""
    ascending, blocks = np.sort(series.values), len(series.layout.sizes) * BLOCKS
    bad = series.values > ascending[math.ceil(p * len(ascending)) - 1]
    counts = bad.reshape(blocks, -1).sum(axis=1).astype(float)
    above = (series.values > ascending[math.ceil(len(ascending) / 2) - 1]).reshape(blocks, -1).mean(axis=1)
    worth_one = max(1.0, len(ascending) / blocks * float(above.var(ddof=1)) / 0.25)
    return float(min(counts.sum() / worth_one, 4 * counts.sum() ** 2 / (counts**2).sum()))


def beyond(seeds: int, least: float, most: float) -> float:
    """The chance that a nominal coverage lies beyond two limits, twice: as its line is looked at."""
    from scipy.special import bdtr

    below = bdtr(math.ceil(least * seeds - 1e-9) - 1, seeds, NOMINAL)
    above = 1 - bdtr(math.floor(most * seeds + 1e-9), seeds, NOMINAL)
    return float(below + above) ** 2


def twice(look: Callable[[int], tuple[Line, ...]]) -> Examined:
    """Lines of a first look; those that miss are of a second one, at other seeds. ``look`` is given the first seed."""
    lines = look(0)
    if not any(line.verdict == MISSED for line in lines):
        return Examined(lines)
    return Examined(tuple(_later(*both) for both in zip(lines, look(FURTHER), strict=True)))


def _later(first: Line, second: Line) -> Line:
    if first.verdict != MISSED:
        return first
    return replace(second, verdict=AT_SECOND if second.verdict == AGREES else second.verdict, runs=2)


def of_p99(utilisation: float, seed: int, seeds: int = 300, queries: int = 50_000) -> Examined:
    """The interval of p99 in M/M/1, 8 replications; p99.9 is refused to the letter of its rule."""
    truth_ns = -math.log(0.01) / (1 - utilisation) * 1e9
    base = luck(seed, f"coverage {utilisation}")

    def look(first: int) -> tuple[Line, ...]:
        covered = refused = by_rule = widths = 0.0
        for one in range(seeds):
            series = mm1(base + first + one, utilisation, queries)
            p99 = series.quantile(0.99)
            covered += p99.low <= truth_ns <= p99.high
            widths += (p99.high - p99.low) / 2 / p99.pooled
            is_refused = series.quantile(0.999).to_dict() is None
            refused += is_refused
            by_rule += is_refused == (effective_exceedances(series, 0.999) < 10)
        name, chance = f"p99 of M/M/1 at {utilisation:g}", beyond(seeds, LEAST, MOST)
        said = f"share of {seeds} seeds"
        line = within("intervals", name, said, NOMINAL, covered / seeds, LEAST, MOST, chance=chance)
        width = Line("intervals", name, "mean half-width", None, widths / seeds, None, None, MEASURED)
        rule = Line(
            "intervals",
            f"p99.9 of M/M/1 at {utilisation:g}",
            "refused by the rule",
            1.0,
            by_rule / seeds,
            1.0,
            1.0,
            AGREES if by_rule == seeds else DIFFERS,
            note=f"refused at {refused / seeds:.1%} of seeds",
        )
        return line, width, rule

    return twice(look)


def p99_left_out(seed: int, utilisation: float, mean_s: float, queries: int) -> LeftOut:
    """p99 of M/M/1 in seconds, where services take ``mean_s``, without each of 8 replications."""
    values = mm1(seed, utilisation, queries).values * (mean_s * 1e-9)
    return quantile_left_out([np.sort(part) for part in values.reshape(8, queries)], 0.99)


def of_a_difference(utilisation: float, seed: int, seeds: int = 200, queries: int = 50_000) -> Examined:
    """The intervals of B - A and of (B - A) / A, p99 of M/M/1 where services are 5 % longer, on common luck and not.

    On common luck far fewer queries do: at least a third.
    """
    truth = [-math.log(0.01) / (1 / mean_s - utilisation) for mean_s in (1.0, 1.05)]
    difference, change = truth[1] - truth[0], truth[1] / truth[0] - 1
    base = luck(seed, f"difference {utilisation}")

    def look(first: int) -> tuple[Line, ...]:
        covered = {"common": 0, "independent": 0, "common, relative": 0}
        squares = {"common": 0.0, "independent": 0.0}
        for one in range(seeds):
            own = base + first + one
            a = p99_left_out(own, utilisation, 1.0, queries)
            gaps = {
                "common": paired(a, p99_left_out(own, 1.05 * utilisation, 1.05, queries)),
                "independent": independent(a, p99_left_out(own + FURTHER // 2, 1.05 * utilisation, 1.05, queries)),
            }
            for kind, gap in gaps.items():
                absolute = gap.absolute
                assert absolute.low is not None and absolute.high is not None, (
                    "eight finite replications have an interval"
                )
                covered[kind] += absolute.low <= difference <= absolute.high
                squares[kind] += (absolute.high - absolute.low) ** 2
            relative = gaps["common"].relative
            assert relative.low is not None and relative.high is not None, "a p99 is not 0"
            covered["common, relative"] += relative.low <= change <= relative.high
        name, chance = f"difference of p99, M/M/1 at {utilisation:g}", beyond(seeds, LEAST, MOST)
        lines = [
            within("intervals", name, f"{kind} luck", NOMINAL, count / seeds, LEAST, MOST, chance=chance)
            for kind, count in covered.items()
        ]
        factor = squares["independent"] / squares["common"]
        saved = Line(
            "intervals", name, "queries without / with", None, factor, 3.0, None, AGREES if factor > 3 else MISSED
        )
        return (*lines, saved)

    return twice(look)
