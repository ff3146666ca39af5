"""The kit: strategies of plans, scenarios and their parts, and checks that hold a model against the book of laws.

Public and stable. ``docs/laws.md`` lists the laws, ``docs/tutorial_testing.md`` shows the way from red to green.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.testing.book import BOOK
    from simulator.testing.broken import LawBroken, Report
    from simulator.testing.cases import Case
    from simulator.testing.drawn_arrivals import arrivals
    from simulator.testing.drawn_models import models
    from simulator.testing.of_arrivals import check_arrivals
    from simulator.testing.of_laws import check_law
    from simulator.testing.of_models import check_model
    from simulator.testing.of_rules import check_rule
    from simulator.testing.of_scenarios import check_scenario
    from simulator.testing.statement import Statement
    from simulator.testing.strategies import factor_laws, laws, plans, traces
    from simulator.testing.written import scenarios, slos, stages

#: The public names and where they live; imported when first used: the pytest plugin must cost nothing.
_HOMES = {
    "BOOK": "book",
    "Case": "cases",
    "LawBroken": "broken",
    "Report": "broken",
    "Statement": "statement",
    "arrivals": "drawn_arrivals",
    "check_arrivals": "of_arrivals",
    "check_law": "of_laws",
    "check_model": "of_models",
    "check_rule": "of_rules",
    "check_scenario": "of_scenarios",
    "factor_laws": "strategies",
    "laws": "strategies",
    "models": "drawn_models",
    "plans": "strategies",
    "scenarios": "written",
    "slos": "written",
    "stages": "written",
    "traces": "strategies",
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
