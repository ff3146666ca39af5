"""``shardsim check``: hold a model of one's own against the laws."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.options import format_option, given_plugins, plugin_option, table_width

if TYPE_CHECKING:
    from simulator.plugins import Kind
    from simulator.testing import Report

#: What a check takes besides its subject.
Check = Callable[..., "Report"]


@click.command("check")
@click.argument("things", metavar="THING...", nargs=-1, required=True)
@click.option(
    "--profile",
    type=click.Choice(["quick", "default", "deep"]),
    default="default",
    show_default=True,
    help="Examples of each law: 20, 60 or 2000.",
)
@plugin_option
@format_option("text", "json")
def command(things: tuple[str, ...], profile: str, format_: str) -> None:
    """Hold each THING against all laws of its group, and explain a broken one by its smallest case.

    THING is FILE.py::NAME (a class or function marked by the decorators of simulator.plugins), FILE.py (all that it
    marks), a scenario file, or the name of a built-in routing policy. Only the files named here are loaded.

    The laws are listed in docs/laws.md. Exit codes: 0 every law holds, 99 one is broken, 2 wrong usage.
    """
    from simulator.engines import compile_ahead
    from simulator.report import to_json
    from simulator.testing import LawBroken

    chosen = [one for thing in things for one in _named(thing)]
    if any(is_simulated for *_, is_simulated in chosen):
        compile_ahead(lambda line: click.echo(line, err=True))
    documents: list[dict[str, Any]] = []
    for check, subject, name, _ in chosen:
        try:
            report = check(subject, profile=profile)
        except LawBroken as broken:
            documents.append({"subject": name, "well": False, **broken.to_dict()})
            text = str(broken) + "\n"
        else:
            documents.append({"subject": name, "well": True, **report.to_dict()})
            text = report.text(table_width())
        if format_ == "text":
            click.echo(text if len(documents) == 1 else "\n" + text, nl=False)
    if format_ == "json":
        click.echo(to_json({"schema": 1, "profile": profile, "checks": documents}), nl=False)
    sys.exit(0 if all(document["well"] for document in documents) else 99)


#: A check, what it is to check, how that is called, and whether it simulates.
Chosen = tuple[Check, Any, str, bool]


def _named(thing: str) -> Sequence[Chosen]:
    """What a THING is."""
    from simulator.core.routing import BY_NAME
    from simulator.scenario import load_scenario
    from simulator.testing import check_rule, check_scenario

    file, _, name = thing.partition("::")
    if thing in BY_NAME:
        return [(check_rule, thing, thing, False)]
    if file.endswith(".py"):
        return [_of_kind(kind) for kind in _kinds(file, name)]
    if name:
        raise click.UsageError(f"{thing}: only a FILE.py has things by name; a scenario is checked whole")
    if not Path(file).suffix and not Path(file).exists():
        policies = ", ".join(BY_NAME)
        raise click.UsageError(f"{thing}: no such file; name FILE.py::NAME, a scenario file, or one of {policies}")
    scenario = load_scenario(file, plugins=given_plugins())
    return [(check_scenario, scenario, scenario.name, True)]


def _kinds(file: str, name: str) -> Sequence[Kind]:
    """What a file marks, by name or all of it."""
    from difflib import get_close_matches

    from simulator.plugins import load_plugin

    kinds = load_plugin(file)
    if not name:
        return kinds
    found = [kind for kind in kinds if name in (kind.mark.name, kind.thing.__name__)]
    if not found:
        names = [kind.mark.name for kind in kinds]
        near = get_close_matches(name, names, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"it offers {', '.join(names)}"
        raise click.UsageError(f"{file}: marks nothing called {name!r}; {hint}")
    return found


def _of_kind(kind: Kind) -> Chosen:
    from simulator.scenario.plugged import spec_of
    from simulator.testing import check_arrivals, check_law, check_model, check_rule

    spec_of(kind)  # refuses parameters that no scenario could give
    checks: dict[str, Check] = {
        "models": check_model,
        "laws": check_law,
        "arrivals": check_arrivals,
        "rules": check_rule,
    }
    return checks[kind.group], kind.thing, kind.kind, False
