"""How many queries are in a system where nobody waits: on average, and as a diurnal rate has it late and damped."""

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.core.plan import F8
from simulator.engines import compiled
from simulator.planner.plans import make_plan
from simulator.scenario import scenario_from_dict
from simulator.stats.means import ratio_interval
from simulator.verification.depth import luck
from simulator.verification.ends import MISS, Ends, mean_ends
from simulator.verification.families import exponential, parsed, stage
from simulator.verification.lines import UNSUPPORTED, UNTESTED, EndsAt, final_verdict, held
from simulator.verification.oracle import Examined
from simulator.verification.table import rows

FAMILIES = ("mginf", "mtminf")

#: Independent replications; periods of the rate (or as many service times) in each; warm-up in service times.
REPLICATIONS, PERIODS, WARMUP_S = 40, 400, 20
#: Workers for each query that is there on average: nobody waits.
SPARE = 4


def known(family: str) -> list[tuple[str, dict[str, float]]]:
    """Parameters of the table's systems, each with its exact values."""
    values: dict[str, dict[str, float]] = {}
    for row in rows():
        if row["family"] == family:
            values.setdefault(row["parameters"], {})[row["statistic"]] = float(row["value"])
    return list(values.items())


def examine_population(family: str, parameters: str, exact: dict[str, float], seed: int) -> Examined:
    """The mean number in the system at instants of the period, over replications, against exact values."""
    given = {name: float(value) for name, value in parsed(parameters).items()}
    at, expected = _instants(family, given, exact)
    samples = [_numbers(family, given, at, luck(seed, parameters))]

    def ends_of(sample: F8, column: int) -> EndsAt:
        interval = ratio_interval(sample[:, column], np.ones(REPLICATIONS))

        def ends(alarm: float) -> Ends | None:
            return mean_ends(interval, REPLICATIONS, alarm)

        return ends

    def second() -> F8:
        if len(samples) == 1:
            samples.append(_numbers(family, given, at, luck(seed, parameters, again=True)))
        return samples[1]

    def later(column: int) -> EndsAt:
        return ends_of(second(), column)

    lines = []
    for column, (statistic, value) in enumerate(expected.items()):
        verdict, runs = final_verdict(value, ends_of(samples[0], column), partial(later, column))
        ends = ends_of(samples[runs - 1], column)(MISS)
        verdict = UNTESTED if verdict == UNSUPPORTED else verdict
        lines.append(held(family, parameters, statistic, value, ends, verdict, runs))
    return Examined(tuple(lines))


def _instants(family: str, given: dict[str, float], exact: dict[str, float]) -> tuple[list[float], dict[str, float]]:
    """Shares of the period, and what is expected there: at a peak and half a period later, by the law's lag."""
    if family == "mginf":
        return [0.0], {"mean_number_in_system": exact["mean_number_in_system"]}
    turn = given["gamma"]
    peak = 0.25 + exact["lag_of_peak"] * turn / (2 * math.pi)
    expected = {name: exact[name] for name in ("max_mean_number", "min_mean_number")}
    return [peak % 1.0, (peak + 0.5) % 1.0], expected


def _numbers(family: str, given: dict[str, float], at: list[float], seed: int) -> F8:
    """Number in the system at some shares of the period, its mean over all periods: (replications, shares)."""
    rate, period_s = _load(family, given)
    workers = SPARE * math.ceil(given.get("lam", given.get("lam_bar", 0.0)) + 5)
    run = {"duration": f"{(PERIODS + 1) * period_s!r}s", "warmup": f"{WARMUP_S}s", "seed": seed, "replications": 2}
    values = {
        "name": family,
        "load": {"rate": rate},
        "run": run,
        "stages": [stage("one", exponential(1.0), workers=workers)],
    }
    scenario = scenario_from_dict(values)
    at_s = ((np.arange(PERIODS)[:, None] + np.array(at)) * period_s).ravel() + WARMUP_S
    numbers = np.zeros((REPLICATIONS, len(at)))
    for replication in range(REPLICATIONS):
        trace = compiled.simulate(make_plan(scenario, replication))
        inside: NDArray[np.int64] = np.searchsorted(trace.arrival_ns * 1e-9, at_s, side="right")
        inside = inside - np.searchsorted(np.sort(trace.completion_ns) * 1e-9, at_s, side="right")
        numbers[replication] = inside.reshape(PERIODS, len(at)).mean(axis=0)
    return numbers


def _load(family: str, given: dict[str, float]) -> tuple[Any, float]:
    """Rate, and period in seconds; of a constant rate ten service times."""
    if family == "mginf":
        return f"{given['lam']!r}/s", 10.0
    mean, period_s = given["lam_bar"], 2 * math.pi / given["gamma"]
    wave = {"kind": "diurnal", "mean": f"{mean!r}/s", "peak_to_mean": 1 + given["beta"], "period": f"{period_s!r}s"}
    return wave, period_s
