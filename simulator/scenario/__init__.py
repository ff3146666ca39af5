"""What a user writes: scenario files, read with positions, merged, checked."""

from simulator.scenario.load import load_scenario, scenario_from_dict, scenario_from_text, to_yaml
from simulator.scenario.loads import TraceArrivals
from simulator.scenario.schema import Scenario, Stage, json_schema
from simulator.scenario.slo import Objective, parse_objective

__all__ = [
    "Objective",
    "Scenario",
    "Stage",
    "TraceArrivals",
    "json_schema",
    "load_scenario",
    "parse_objective",
    "scenario_from_dict",
    "scenario_from_text",
    "to_yaml",
]
