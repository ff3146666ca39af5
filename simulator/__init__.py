"""shardsim: tail latency, capacity and cost of sharded machine-learning serving, by discrete-event simulation."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.base.errors import ContradictionError, PluginError, Problem, ScenarioError
    from simulator.documents.answer import Answer
    from simulator.explaining.explain import explain
    from simulator.explaining.explanation import Explanation
    from simulator.planning.capacities import Capacities, capacities
    from simulator.planning.capacity import capacity
    from simulator.planning.capacity_result import Capacity
    from simulator.planning.compare import compare
    from simulator.planning.comparison import Comparison
    from simulator.planning.most_clients_result import MostClients
    from simulator.planning.sensitivity import sensitivity
    from simulator.planning.sensitivity_result import Sensitivity
    from simulator.planning.sizing import size
    from simulator.planning.sizing_result import Sizing
    from simulator.planning.stress import stress
    from simulator.planning.stress_result import Stress
    from simulator.planning.sweep import Sweep, sweep
    from simulator.report.exports import export
    from simulator.report.plots import plot
    from simulator.running.doctor import Examination, examine
    from simulator.running.execution import Execution
    from simulator.running.paper import PaperEstimate, Validation, estimate, validate
    from simulator.running.portrait import Portrait, portrait
    from simulator.running.result import Result
    from simulator.running.run import simulate
    from simulator.running.spans import Spans, spans
    from simulator.scenario import Scenario, load_scenario, scenario_from_dict, scenario_from_text
    from simulator.scenario.described import Listing, catalogue, schema
    from simulator.scenario.gallery import Template, templates
    from simulator.serving.serve import serve
    from simulator.testing.checking import Checks, UnknownThingError, check
    from simulator.verification import Verification, verify

#: Where the public names live; a module is imported when one of its names is first used, so that ``import simulator``
#: stays cheap.
_HOMES = {
    "base.errors": "ContradictionError PluginError Problem ScenarioError",
    "documents.answer": "Answer",
    "explaining.explain": "explain",
    "explaining.explanation": "Explanation",
    "planning.capacities": "Capacities capacities",
    "planning.capacity": "capacity",
    "planning.capacity_result": "Capacity",
    "planning.compare": "compare",
    "planning.comparison": "Comparison",
    "planning.most_clients_result": "MostClients",
    "planning.sensitivity": "sensitivity",
    "planning.sensitivity_result": "Sensitivity",
    "planning.sizing": "size",
    "planning.sizing_result": "Sizing",
    "planning.stress": "stress",
    "planning.stress_result": "Stress",
    "planning.sweep": "Sweep sweep",
    "report.exports": "export",
    "report.plots": "plot",
    "serving.serve": "serve",
    "running.doctor": "Examination examine",
    "running.execution": "Execution",
    "running.paper": "PaperEstimate Validation estimate validate",
    "running.portrait": "Portrait portrait",
    "running.result": "Result",
    "running.run": "simulate",
    "running.spans": "Spans spans",
    "scenario": "Scenario load_scenario scenario_from_dict scenario_from_text",
    "scenario.described": "Listing catalogue schema",
    "scenario.gallery": "Template templates",
    "testing.checking": "Checks UnknownThingError check",
    "verification": "Verification verify",
}
_HOME_OF = {name: f"simulator.{home}" for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "Answer",
    "Capacities",
    "Capacity",
    "Checks",
    "Comparison",
    "ContradictionError",
    "Examination",
    "Execution",
    "Explanation",
    "Listing",
    "MostClients",
    "PaperEstimate",
    "PluginError",
    "Portrait",
    "Problem",
    "Result",
    "Scenario",
    "ScenarioError",
    "Sensitivity",
    "Sizing",
    "Spans",
    "Stress",
    "Sweep",
    "Template",
    "UnknownThingError",
    "Validation",
    "Verification",
    "capacities",
    "capacity",
    "catalogue",
    "check",
    "compare",
    "estimate",
    "examine",
    "explain",
    "export",
    "load_scenario",
    "plot",
    "portrait",
    "scenario_from_dict",
    "scenario_from_text",
    "schema",
    "sensitivity",
    "serve",
    "simulate",
    "size",
    "spans",
    "stress",
    "sweep",
    "templates",
    "validate",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(importlib.import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What there is, whether it was used already or not."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
