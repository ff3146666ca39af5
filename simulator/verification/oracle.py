"""A system held against its exact values: its lines, and its quantiles where its whole law is known."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from simulator.verification.depth import Depth, Sample, is_capped, is_wide, luck, narrow_run
from simulator.verification.ends import MISS, quantile_ends
from simulator.verification.exact_laws import exact_law
from simulator.verification.lines import AGREES, AT_SECOND, UNSUPPORTED, UNTESTED, Line, final_verdict, held
from simulator.verification.table import System

#: Percentiles of latency that are drawn against the exact law.
PERCENTS = (1, 2, 5, *range(10, 100, 10), 95, 98, 99, 99.5, 99.8, 99.9)


@dataclass(frozen=True)
class Quantiles:
    """Simulated quantiles of latency beside the exact ones, in seconds: one row a percentile that is supported."""

    family: str
    configuration: str
    rows: tuple[tuple[float, float, float, float, float], ...]  #: percent, exact, simulated, low, high (at 99.9 %)


@dataclass(frozen=True)
class Examined:
    """What one piece of a verification found."""

    lines: tuple[Line, ...]
    quantiles: Quantiles | None = None


def examine(system: System, seed: int, depth: Depth, draws: bool) -> Examined:
    """Run a system and hold it against its exact values; ``draws``: its quantiles are wanted, too."""
    run = narrow_run(system, luck(seed, system.name), depth)

    @cache
    def second() -> Sample:
        return narrow_run(system, luck(seed, system.name, again=True), depth)

    lines = tuple(_line(system, name, run, second, depth) for name in system.exact)
    return Examined(lines, quantiles(system, run) if draws else None)


def _line(system: System, statistic: str, run: Sample, second: Callable[[], Sample], depth: Depth) -> Line:
    exact = system.exact[statistic]
    verdict, runs = final_verdict(exact, partial(run.ends, statistic), lambda: partial(second().ends, statistic))
    sample = run if runs == 1 else second()
    ends, note = sample.ends(statistic, MISS), ""
    is_short = not is_capped(system, sample, depth)
    if verdict == UNSUPPORTED and is_short:
        verdict, note = UNTESTED, "not supported, though the run was not the longest"
    if verdict in (AGREES, AT_SECOND) and is_short and is_wide(system, statistic, sample, depth):
        verdict, note = UNTESTED, "the interval stayed wider than asked for"
    return held(system.family, system.parameters, statistic, exact, ends, verdict, runs, sample.queries, note)


def quantiles(system: System, run: Sample) -> Quantiles | None:
    """Quantiles of a run against the system's law; None where that is not known."""
    law = exact_law(system)
    if law is None:
        return None
    rows = []
    for percent in PERCENTS:
        p = round(percent / 100, 6)
        ends = quantile_ends(run.latency, p, MISS)
        if ends is not None and math.isfinite(ends.high):
            rows.append((float(percent), law(p), ends.value * 1e-9, ends.low * 1e-9, ends.high * 1e-9))
    return Quantiles(system.family, system.parameters, tuple(rows))
