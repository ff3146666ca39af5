"""shardsim: tail latency, capacity and cost of sharded machine-learning serving, by discrete-event simulation."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.errors import ContradictionError, Problem, ScenarioError
    from simulator.run import Result, simulate
    from simulator.scenario import Scenario, load_scenario, scenario_from_dict, scenario_from_text

#: The public names and where they live; imported when first used, so that ``import simulator`` stays cheap.
_HOMES = {
    "ContradictionError": "simulator.errors",
    "Problem": "simulator.errors",
    "Result": "simulator.run",
    "Scenario": "simulator.scenario",
    "ScenarioError": "simulator.errors",
    "load_scenario": "simulator.scenario",
    "scenario_from_dict": "simulator.scenario",
    "scenario_from_text": "simulator.scenario",
    "simulate": "simulator.run",
}

__all__ = [
    "ContradictionError",
    "Problem",
    "Result",
    "Scenario",
    "ScenarioError",
    "load_scenario",
    "scenario_from_dict",
    "scenario_from_text",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
