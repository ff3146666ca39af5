"""What a user writes: scenario files, read with positions, merged, checked."""

from simulator.scenario.arrivals import ClosedArrivals, GammaArrivals, ModulatedArrivals, PluggedArrivals, TraceArrivals
from simulator.scenario.load import load_scenario, scenario_from_dict, scenario_from_text, scenario_with, to_yaml
from simulator.scenario.rates import DiurnalRate, ProfileRate
from simulator.scenario.schema import Scenario, json_schema
from simulator.scenario.slo import Objective, parse_objective
from simulator.scenario.stage import Stage

__all__ = [
    "ClosedArrivals",
    "DiurnalRate",
    "GammaArrivals",
    "ModulatedArrivals",
    "Objective",
    "PluggedArrivals",
    "ProfileRate",
    "Scenario",
    "Stage",
    "TraceArrivals",
    "json_schema",
    "load_scenario",
    "parse_objective",
    "scenario_from_dict",
    "scenario_from_text",
    "scenario_with",
    "to_yaml",
]
