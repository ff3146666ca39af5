"""shardsim: tail latency, capacity and cost of sharded machine-learning serving, by discrete-event simulation."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.base.errors import ContradictionError, PluginError, Problem, ScenarioError
    from simulator.planning.capacities import capacities
    from simulator.planning.capacity import capacity
    from simulator.planning.capacity_result import Capacity
    from simulator.planning.compare import compare
    from simulator.planning.comparison import Comparison
    from simulator.planning.sensitivity import sensitivity
    from simulator.planning.sensitivity_result import Sensitivity
    from simulator.planning.sizing import size
    from simulator.planning.sizing_result import Sizing
    from simulator.planning.sweep import Sweep, sweep
    from simulator.running.run import Result, simulate
    from simulator.scenario import Scenario, load_scenario, scenario_from_dict, scenario_from_text
    from simulator.verification import Verification, verify

#: The public names and where they live; imported when first used, so that ``import simulator`` stays cheap.
_HOMES = {
    "Capacity": "simulator.planning.capacity_result",
    "Comparison": "simulator.planning.comparison",
    "ContradictionError": "simulator.base.errors",
    "PluginError": "simulator.base.errors",
    "Problem": "simulator.base.errors",
    "Result": "simulator.running.run",
    "Scenario": "simulator.scenario",
    "ScenarioError": "simulator.base.errors",
    "Sensitivity": "simulator.planning.sensitivity_result",
    "capacities": "simulator.planning.capacities",
    "capacity": "simulator.planning.capacity",
    "compare": "simulator.planning.compare",
    "load_scenario": "simulator.scenario",
    "scenario_from_dict": "simulator.scenario",
    "scenario_from_text": "simulator.scenario",
    "sensitivity": "simulator.planning.sensitivity",
    "Sizing": "simulator.planning.sizing_result",
    "Sweep": "simulator.planning.sweep",
    "Verification": "simulator.verification",
    "simulate": "simulator.running.run",
    "size": "simulator.planning.sizing",
    "sweep": "simulator.planning.sweep",
    "verify": "simulator.verification",
}

__all__ = [
    "Capacity",
    "Comparison",
    "ContradictionError",
    "PluginError",
    "Problem",
    "Result",
    "Scenario",
    "ScenarioError",
    "Sensitivity",
    "Sizing",
    "Sweep",
    "Verification",
    "capacities",
    "capacity",
    "compare",
    "load_scenario",
    "scenario_from_dict",
    "scenario_from_text",
    "sensitivity",
    "simulate",
    "size",
    "sweep",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
