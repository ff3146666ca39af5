"""What planners are told, on trial: known capacities, and a cheapest fleet."""

import math
import re
from collections.abc import Callable
from typing import Any

from simulator.planning.capacity import capacity_of_rate
from simulator.planning.sizing import size
from simulator.scenario import Scenario, scenario_from_dict
from simulator.theory import times_wider
from simulator.verification.depth import luck
from simulator.verification.ends import MISS, Ends
from simulator.verification.families import exponential, paper_funnel, parsed, scenario, stage
from simulator.verification.fleets import THOUSAND, THREE, by_force
from simulator.verification.lines import AGREES, DIFFERS, UNSUPPORTED, UNTESTED, Line, final_verdict, held
from simulator.verification.oracle import Examined
from simulator.verification.table import rows

FAMILY = "capacity"

#: Half the interval of a capacity over its value, as asked for.
TOLERANCE = 0.01


def capacities() -> list[tuple[str, float]]:
    """The table's systems with a known capacity: parameters, and queries per second."""
    return [(row["parameters"], float(row["value"])) for row in rows() if row["family"] == FAMILY]


def capacity_scenario(parameters: str, seed: int) -> Scenario:
    """The system of a row with its objective, at half its capacity or less."""
    given = parsed(parameters)
    system = given["system"]
    workers = re.search(r"c=(\d+)", parameters)
    if system.startswith("seed"):
        values = paper_funnel(3.0, 1, 1 if "funnel" in system else 0)
    else:
        law: Any = "1s" if system.startswith("M/D/1") else exponential(1.0)
        count = int(workers[1]) if workers else 1
        values = scenario(0.3 * count, stage("one", law, workers=count))
    values = {**values, "slos": [f"p{100 * float(given['q']):g} < {given['slo']}s"], "run": {"seed": seed}}
    return scenario_from_dict(values)


def known_capacity(parameters: str, exact: float, seed: int, tolerance: float = TOLERANCE) -> Examined:
    """The capacity of a system against the exact one, at the level of every other line: the interval is stretched."""

    def look(own: int) -> Callable[[float], Ends | None]:
        answer = capacity_of_rate(capacity_scenario(parameters, own), tolerance=tolerance)
        value, low, high = answer.per_s.value, answer.per_s.low, answer.per_s.high

        def ends(alarm: float) -> Ends | None:
            if answer.verdict != "found" or value is None or low is None or high is None:
                return None
            wider = times_wider(answer.points[-1].replications, alarm)  # of those with most queries
            return Ends(value, value * (low / value) ** wider, value * (high / value) ** wider)

        return ends

    looks = [look(luck(seed, parameters))]

    def again() -> Callable[[float], Ends | None]:
        looks.append(look(luck(seed, parameters, again=True)))
        return looks[-1]

    verdict, runs = final_verdict(exact, looks[0], again)
    answer = looks[-1](MISS)
    verdict = UNTESTED if verdict == UNSUPPORTED else verdict
    return Examined((held(FAMILY, parameters, "capacity", exact, answer, verdict, runs=runs),))


def cheapest_of_a_thousand() -> Examined:
    """Every one of a thousand fleets is simulated in full; ``size`` finds the same three, simulating few."""
    scenario = scenario_from_dict(THREE)
    good = list(by_force(scenario, THOUSAND))
    answer = size(scenario, search=THOUSAND)
    same = [one.values for one in answer.answers] == [values for values, _ in good[:3]]
    few = len(answer.seen) <= 100
    cost = answer.answers[0].cost if answer.answers else math.nan
    name, note = "the cheapest of a thousand fleets", f"{len(answer.seen)} of 1000 simulated"
    verdict = AGREES if same and few else DIFFERS
    return Examined((Line("sizing", name, "USD/h", good[0][1], cost, good[0][1], good[0][1], verdict, note=note),))
