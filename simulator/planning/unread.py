"""Objectives that bound neither load nor clients from above: what is said where they are missed at the most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from simulator.planner import fleet
from simulator.planning.capacity_result import INCONCLUSIVE, UNREACHABLE
from simulator.scenario import Scenario
from simulator.scenario.slo import Objective
from simulator.stats import readings
from simulator.stats.verdicts import Verdict


class Missed(NamedTuple):
    """An objective that is missed, whatever the others allow."""

    objective: Objective
    verdict: str
    reason: str


def known_before(scenario: Scenario) -> Missed | None:
    """What is missed before anybody comes: a fleet that is not scaled costs too much."""
    dear = fleet.too_dear(scenario)
    return Missed(dear[0], UNREACHABLE, f"{dear[0].text} is missed whoever comes") if dear else None


def missed(
    slos: Sequence[Objective], verdicts: Sequence[Verdict], provided: Mapping[int, float], most: str, path: str
) -> Missed | None:
    """The first of those that are missed at the most that the others allow.

    ``most``, ``path``: what that is, in words; and where a scenario says it.

    ``provided``: by stage, the part of a fleet that serves, where it is scaled: who comes and goes costs less where
    less comes, so its cost is not known elsewhere.
    """
    for slo, verdict in zip(slos, verdicts, strict=True):
        if verdict.met is False and not readings.is_read(slo):
            if slo.measure == "cost" and provided:
                return Missed(slo, INCONCLUSIVE, f"{slo.text} is missed at {most}: sweep --param {path}=..")
            return Missed(slo, UNREACHABLE, f"{slo.text} is missed even at {most}")
    return None


def not_judged(slos: Sequence[Objective]) -> list[str]:
    """What is said of them where a search ends before it has found anything."""
    return [f"{slo.text} is judged at what is found, and so not yet" for slo in slos if not readings.is_read(slo)]
