"""Single queries whose instants are plain arithmetic: a burst into constant stages, a server asked too much."""

from dataclasses import replace

import numpy as np

from simulator.engines import compiled
from simulator.planner.plans import make_plan
from simulator.scenario import scenario_from_dict
from simulator.verification.ends import Ends
from simulator.verification.families import parsed, scenario, stage
from simulator.verification.lines import final_verdict, held
from simulator.verification.oracle import Examined
from simulator.verification.table import rows

FAMILY = "det"


def bursts() -> list[tuple[str, str, float]]:
    """The table's cases: parameters, statistic and exact value."""
    return [(row["parameters"], row["statistic"], float(row["value"])) for row in rows() if row["family"] == FAMILY]


def examine_burst(parameters: str, statistic: str, exact: float) -> Examined:
    """The latency of the n-th query at a constant rate, or the completion of the k-th of a burst at 0."""
    given = parsed(parameters)
    is_burst = statistic == "completion_of_kth"
    services = [given[name] for name in ("D1", "D2")] if is_burst else [given["D"]]
    number = int(given["k" if is_burst else "n"])
    stages = [stage(f"s{place}", f"{service}s") for place, service in enumerate(services)]
    values = scenario(float(given.get("lam", 1.0)), *stages, arrivals="constant")
    run = {"queries": max(2, number), "warmup": 0, "replications": 2}
    plan = make_plan(scenario_from_dict({**values, "run": run}))
    if is_burst:
        at_once = np.zeros_like(plan.arrival_ns)
        at_once.flags.writeable = False
        plan = replace(plan, arrival_ns=at_once)
    trace = compiled.simulate(plan)
    seen_s = float(trace.completion_ns[number - 1] - trace.arrival_ns[number - 1]) * 1e-9

    def ends(alarm: float) -> Ends:
        return Ends(seen_s, seen_s, seen_s)

    verdict, runs = final_verdict(exact, ends, lambda: ends)
    line = held(FAMILY, parameters, statistic, exact, ends(0.0), verdict, runs)
    return Examined((replace(line, chance=0.0),))  # nothing is left to luck
