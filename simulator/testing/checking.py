"""Several things held against the laws of their kinds: files of plug-ins, scenarios, built-in policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from simulator.base.errors import ArgumentError
from simulator.base.nearest import nearest, quoted
from simulator.base.places import exists
from simulator.documents import check as documents
from simulator.documents.shown import Shown
from simulator.testing.law_check import PROFILES, WIDTH, LawBroken, Report

if TYPE_CHECKING:
    from simulator.plugins import Kind


class UnknownThingError(ArgumentError):
    """There is nothing to check by that name; the message says what there is."""


@dataclass(frozen=True)
class Checked:
    """What became of one thing."""

    subject: str
    outcome: Report | LawBroken

    @property
    def is_well(self) -> bool:
        """Whether every law holds."""
        return isinstance(self.outcome, Report)

    def to_dict(self) -> documents.Thing:
        """With its laws, or with the one that is broken."""
        if isinstance(self.outcome, Report):
            return {"subject": self.subject, "well": True, "laws": self.outcome.to_dict()["laws"]}
        breach = self.outcome.to_dict()
        return {"subject": self.subject, "well": False, "broken": breach["broken"], "others": breach["others"]}

    def text(self, width: int = WIDTH) -> str:
        """In words."""
        return self.outcome.text(width) if isinstance(self.outcome, Report) else f"{self.outcome.text(width)}\n"


@dataclass(frozen=True, repr=False)
class Checks(Shown):
    """What became of all things, in order."""

    kind: ClassVar[str] = "check"

    profile: str
    things: tuple[Checked, ...]

    @property
    def exit_code(self) -> int:
        """0: every law holds; 99: one is broken."""
        return 0 if all(thing.is_well for thing in self.things) else 99

    def to_dict(self) -> documents.Check:
        """As written by ``shardsim check --format json``."""
        return {"schema": 1, "profile": self.profile, "checks": [thing.to_dict() for thing in self.things]}


@dataclass(frozen=True)
class _Thing:
    """What is to be checked."""

    subject: str
    check: Callable[..., Report]  #: told the profile
    simulates: bool = False


def check(
    things: Sequence[str],
    *,
    profile: str = "default",
    plugins: Sequence[str] = (),
    each: Callable[[Checked], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Checks:
    """Hold things against all laws of their groups.

    Parameters
    ----------
    things
        ``FILE.py::NAME``, or ``FILE.py`` for all that it marks; a scenario file; the name of a built-in routing policy.
    profile
        ``quick``, ``default`` or ``deep``: 20, 60 or 2000 examples of each law.
    plugins
        Files and modules whose kinds the scenarios may name.
    each
        Called with each thing when it is checked.
    say
        Called with a line when a wait begins: the first run of a version compiles the engine.

    Raises
    ------
    UnknownThingError
        If there is nothing of a name, before anything is checked.
    ScenarioError, PluginError
        If a scenario or a plug-in cannot be loaded.
    """
    from simulator.engines import compile_all

    if profile not in PROFILES:
        raise ArgumentError(f"no profile is called {profile!r}; there are {', '.join(PROFILES)}", "profile")
    named = [one for thing in things for one in _named(thing, plugins)]
    if any(one.simulates for one in named):
        compile_all(say)
    checked = []
    for one in named:
        try:
            outcome: Report | LawBroken = one.check(profile=profile)
        except LawBroken as broken:
            outcome = broken
        checked.append(Checked(one.subject, outcome))
        if each is not None:
            each(checked[-1])
    return Checks(profile, tuple(checked))


def _named(thing: str, plugins: Sequence[str]) -> Iterator[_Thing]:
    """What a name stands for."""
    from simulator import testing
    from simulator.core.routing import BY_NAME
    from simulator.scenario import load_scenario

    file, _, name = thing.partition("::")
    if thing in BY_NAME:
        yield _Thing(thing, partial(testing.check_rule, thing))
        return
    if file.endswith(".py"):
        yield from map(_of_kind, _kinds(file, name))
        return
    if name:
        raise UnknownThingError(f"{thing}: only a FILE.py has things by name; a scenario is checked whole")
    if not Path(file).suffix and not exists(file):
        policies = ", ".join(BY_NAME)
        raise UnknownThingError(f"{thing}: no such file; name FILE.py::NAME, a scenario file, or one of {policies}")
    scenario = load_scenario(file, plugins=plugins)
    yield _Thing(scenario.name, partial(testing.check_scenario, scenario), simulates=True)


def _kinds(file: str, name: str) -> Sequence[Kind]:
    """What a file marks, by name or all of it."""
    from simulator.plugins import load_plugin

    kinds = load_plugin(file)
    chosen = [kind for kind in kinds if not name or name in (kind.mark.name, kind.thing.__name__)]
    if name and not chosen:
        names = [kind.mark.name for kind in kinds]
        near = nearest(name, names)
        hint = f"did you mean {quoted(near)}?" if near else f"it offers {', '.join(names)}"
        raise UnknownThingError(f"{file}: marks nothing called {name!r}; {hint}")
    return chosen


def _of_kind(kind: Kind) -> _Thing:
    from simulator import testing
    from simulator.scenario.plugged import spec_of

    spec_of(kind)  # refuses parameters that no scenario could give
    checks: dict[str, Any] = {
        "models": testing.check_model,
        "laws": testing.check_law,
        "arrivals": testing.check_arrivals,
        "rules": testing.check_rule,
    }
    return _Thing(kind.kind, partial(checks[kind.group], kind.thing))
