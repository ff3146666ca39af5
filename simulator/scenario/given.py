"""What a public function was given in place of a scenario."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from simulator.base.errors import ArgumentError
from simulator.scenario.fields import shown
from simulator.scenario.schema import Scenario

F = TypeVar("F", bound=Callable[..., Any])


def takes_scenario(function: F) -> F:
    """A function whose first argument is a scenario, and which says so where it is not."""

    @wraps(function)
    def checked(scenario: Any, *rest: Any, **more: Any) -> Any:
        return function(checked_scenario(scenario), *rest, **more)

    return cast(F, checked)


def checked_scenario(given: Any) -> Scenario:
    """What was given, if it is a scenario. Raises ScenarioError, with what would make it one."""
    if not isinstance(given, Scenario):
        raise ArgumentError(_instead(given))
    return given


def _instead(given: Any) -> str:
    loader = "scenario_from_dict" if isinstance(given, dict) else "load_scenario"
    cure = f"; load it first: {loader}(...)" if isinstance(given, (str, dict)) or hasattr(given, "__fspath__") else ""
    return f"expected a Scenario, got {shown(given)}{cure}"
