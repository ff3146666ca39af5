"""The kit: strategies of plans, scenarios and their parts, and checks that hold a model against the book of laws.

Public and stable. ``docs/laws.md`` lists the laws, ``docs/tutorial/own-model.md`` shows the way from red to green.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.testing.book import BOOK
    from simulator.testing.book.statement import Statement
    from simulator.testing.cases import Case
    from simulator.testing.checks.arrivals import check_arrivals
    from simulator.testing.checks.laws import check_law
    from simulator.testing.checks.models import check_model
    from simulator.testing.checks.rules import check_rule
    from simulator.testing.checks.scenarios import check_scenario
    from simulator.testing.law_check import LawBroken, Report
    from simulator.testing.strategies.arrivals import arrivals
    from simulator.testing.strategies.laws import factor_laws, laws
    from simulator.testing.strategies.models import models
    from simulator.testing.strategies.plans import plans, traces
    from simulator.testing.strategies.scenarios import scenarios, slos, stages

#: The public names and where they live; imported when first used: the pytest plugin must cost nothing.
_HOMES = {
    "BOOK": "book",
    "Case": "cases",
    "LawBroken": "law_check",
    "Report": "law_check",
    "Statement": "book.statement",
    "arrivals": "strategies.arrivals",
    "check_arrivals": "checks.arrivals",
    "check_law": "checks.laws",
    "check_model": "checks.models",
    "check_rule": "checks.rules",
    "check_scenario": "checks.scenarios",
    "factor_laws": "strategies.laws",
    "laws": "strategies.laws",
    "models": "strategies.models",
    "plans": "strategies.plans",
    "scenarios": "strategies.scenarios",
    "slos": "strategies.scenarios",
    "stages": "strategies.scenarios",
    "traces": "strategies.plans",
}

__all__ = [
    "BOOK",
    "Case",
    "LawBroken",
    "Report",
    "Statement",
    "arrivals",
    "check_arrivals",
    "check_law",
    "check_model",
    "check_rule",
    "check_scenario",
    "factor_laws",
    "laws",
    "models",
    "plans",
    "scenarios",
    "slos",
    "stages",
    "traces",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"simulator.testing.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
