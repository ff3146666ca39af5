"""What it takes to come to a result again: scenario, seed, and versions of what computed it."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

from simulator.scenario import Scenario


def provenance(scenario: Scenario, **more: Any) -> dict[str, Any]:
    """What it takes to come to a result again; ``more`` of it."""
    used = scenario.used_plugins()
    return {
        "scenario_sha256": scenario.sha256(),
        **({"plugins": used} if used else {}),
        "seed": scenario.run.seed,
        **more,
        "versions": versions(),
        "resolved": scenario.resolved(),
    }


def versions() -> dict[str, str]:
    """Versions of what computed a result."""
    by_name = {"python": platform.python_version()}
    for name in ("shardsim", "numpy", "numba", "simpy"):
        try:
            by_name[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            by_name[name] = "not installed"
    return by_name
