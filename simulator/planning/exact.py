"""The capacity by a closed form, beside one that was searched for."""

from collections.abc import Collection

from simulator.planning.capacity_result import Theory
from simulator.planning.probe import Prober
from simulator.scenario import Scenario
from simulator.scenario.slo import Objective
from simulator.stats import figures
from simulator.stats.means import Interval
from simulator.theory import AGREES, DECIDES, OUTSIDE, exact_capacity


def theory(scenario: Scenario, prober: Prober, per_s: Interval, decided: Collection[str]) -> Theory | None:
    """The least of the exact capacities, if the objectives all have one that are about latency.

    ``decided``: objectives that theory decided in place of the sample; with itself it is not compared.
    """
    if not scenario.may_be_exact or per_s.low is None or per_s.high is None:
        return None
    known = []
    for slo in prober.objectives:
        if slo.group is not None:
            return None  # laws are of all queries
        found = exact_capacity(prober.plan, statistic(slo), stage(scenario, slo), slo.bound)
        if found is None:
            return None
        known.append((found.per_s, found.law, slo.text))
    least, law, text = min(known)
    if text in decided:
        return Theory(least, law, text, DECIDES)
    return Theory(least, law, text, AGREES if per_s.low <= least <= per_s.high else OUTSIDE)


def stage(scenario: Scenario, slo: Objective) -> int | None:
    """Index of the stage that an objective is on; None: of whole queries."""
    return None if slo.stage is None else [stage.name for stage in scenario.stages].index(slo.stage)


def statistic(slo: Objective) -> str:
    """The name that theory has for what an objective is about."""
    return figures.key_of(round(100 * slo.p, 9)) if slo.measure in ("quantile", "share_within") else slo.measure
