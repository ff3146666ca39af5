"""What it takes to come to a result again: scenario, seed, and versions of what computed it."""

import platform
from importlib import metadata

from simulator.documents import parts
from simulator.scenario import Scenario


def provenance(scenario: Scenario) -> parts.Provenance:
    """All that it takes to come to an answer again."""
    return {**origin(scenario), **computed(scenario)}


def origin(scenario: Scenario) -> parts.Origin:
    """What an answer is of."""
    used = scenario.used_plugins()
    plugged: parts.Plugged = {"plugins": used} if used else {}
    return {"scenario_sha256": scenario.sha256(), **plugged, "seed": scenario.run.seed}


def computed(scenario: Scenario) -> parts.Computed:
    """What computed it: versions, and the scenario with everything written out."""
    return {"versions": versions(), "resolved": scenario.resolved()}


def versions() -> parts.Versions:
    """Versions of what computed a result."""
    by_name = {"python": platform.python_version()}
    for name in ("shardsim", "numpy", "numba", "simpy"):
        try:
            by_name[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            by_name[name] = "not installed"
    return by_name
