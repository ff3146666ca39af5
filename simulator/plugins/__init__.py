"""Your own cost models, laws, arrivals and routing rules: decorators that mark them, and how they are found.

A plug-in is a Python file or module in which classes and functions are marked. It is loaded only where a user names it
(``--plugin``, ``plugins=``) or has installed a package that offers it as an entry point: never by a scenario alone.
This package imports nothing heavy, so a plug-in's file is cheap to load.
"""

from simulator.base.demand import Demand
from simulator.base.hardware import Hardware
from simulator.base.pieces import Piece
from simulator.plugins.kinds import GROUPS, Kind, Parameter, Source
from simulator.plugins.marks import Mark, arrivals, cost_model, law, routing
from simulator.plugins.quantities import Count, Duration, PositiveCount, PositiveDuration, Rate, Ratio
from simulator.plugins.registry import Offer, Plugins, find, installed, load_plugin, load_plugins

__all__ = [
    "GROUPS",
    "Count",
    "Demand",
    "Duration",
    "Hardware",
    "Kind",
    "Mark",
    "Offer",
    "Parameter",
    "Piece",
    "Plugins",
    "PositiveCount",
    "PositiveDuration",
    "Rate",
    "Ratio",
    "Source",
    "arrivals",
    "cost_model",
    "find",
    "installed",
    "law",
    "load_plugin",
    "load_plugins",
    "routing",
]
