"""Options that several commands have, and the values that they are gathered into."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from simulator.base import formats, units

if TYPE_CHECKING:
    from simulator import Scenario
    from simulator.base.errors import Problem

Command = Callable[..., Any]

LEAST_PERCENT, MOST_PERCENT = 1, 99.9999
#: The largest seed: that of int64.
MOST_SEED = 9_223_372_036_854_775_807
DEFAULT_PERCENTILES = "50,90,95,99,99.9"


class Parsed(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """An option's value read by one of the parsers of ``units``."""

    def __init__(self, name: str, parse: Callable[[Any], float]) -> None:
        self.name = name
        self.parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse, or fail with the parser's message."""
        if isinstance(value, float):
            return value
        try:
            return self.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


COUNT = Parsed("count", units.parse_count)
DURATION = Parsed("duration", units.parse_duration)
RATE = Parsed("rate", units.parse_rate)
RATIO = Parsed("ratio", units.parse_ratio)


def gathered(**groups: type) -> Callable[[Command], Command]:
    """Give a command its options in groups: each is a dataclass, of the values that are called like its fields."""
    names = {name: {field.name for field in fields(group)} for name, group in groups.items()}

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_groups(**values: Any) -> Any:
            gathered_values = {
                name: group(**{key: values.pop(key) for key in names[name] if key in values})
                for name, group in groups.items()
            }
            return command(**gathered_values, **values)

        return with_groups

    return decorate


@dataclass(frozen=True)
class Given:
    """A scenario as the options name it."""

    scenario: str = ""  #: file; ``-`` is standard input
    overlays: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    seed: str | None = None
    queries: str | None = None
    replications: str | None = None
    precision: str | float | None = None

    @property
    def run(self) -> dict[str, str | float]:
        """Options that stand for fields of ``run``, by path, as far as they were given."""
        fields_of_run = ("seed", "queries", "replications", "precision")
        given = {f"run.{key}": getattr(self, key) for key in fields_of_run}
        return {path: value for path, value in given.items() if value is not None}

    @property
    def besides(self) -> tuple[str, ...]:
        """The options that it was given with, besides its file and the number of queries."""
        lists = {"-f": self.overlays, "--set": self.sets, "--plugin": self.plugins}
        for name, value in (("--seed", self.seed), ("--replications", self.replications)):
            lists[name] = () if value is None else (value,)
        return tuple(part for name, values in lists.items() for value in values for part in (name, value))

    @property
    def changes(self) -> bool:
        """Whether anything is given that changes a scenario."""
        return bool(self.overlays or self.sets or self.run)

    def load(self, file: str | None = None) -> Scenario:
        """The scenario, or that of another file, changed likewise."""
        import simulator

        run = self.run
        try:
            sets = (*self.sets, *(f"{path}={value}" for path, value in run.items()))
            scenario = simulator.load_scenario(file or self.scenario, self.overlays, sets, self.plugins)
            if scenario.sweep:
                from simulator.planning.questions import refuse_block

                refuse_block(scenario)
            return scenario
        except simulator.ScenarioError as error:
            problems = [_named_after_option(problem, run) for problem in error.problems]
            raise simulator.ScenarioError(problems) from None


def _named_after_option(problem: Problem, run: dict[str, str | float]) -> Problem:
    """A mistake in an option by the name of the option, not of the override that it stands for."""
    if problem.file == "--set" and problem.path in run:
        return replace(problem, file=f"--{problem.path.removeprefix('run.')}", path="")
    return problem


@dataclass(frozen=True)
class Work:
    """How an answer is worked out."""

    jobs: int = 1
    engine: str = "auto"
    cluster: str | None = None


def options(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options, in this order."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE",
    help="Load kinds of your own from FILE.py or a module; it is run.",
)


def _files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete the names of files."""
    return [CompletionItem(incomplete, type="file")]


#: SCENARIO, ``-f``, ``--set`` and ``--plugin``.
scenario_options = options(
    click.argument("scenario", metavar="SCENARIO", shell_complete=_files),
    click.option(
        "-f",
        "--overlay",
        "overlays",
        multiple=True,
        metavar="FILE",
        shell_complete=_files,
        help="Lay another file over the scenario.",
    ),
    click.option(
        "--set", "sets", multiple=True, metavar="PATH=VALUE", help="Override a value: stages.ranking.replicas=4."
    ),
    plugin_option,
)

slo_option = click.option(
    "--slo", "slos", multiple=True, metavar="SLO", help="An objective in place of the scenario's: 'p99 < 200ms'."
)

seed_option = click.option("--seed", metavar="N", help="Seed of all random numbers.")

replications_option = click.option("--replications", metavar="N", help="Independent replications.")


def queries_option(which: str = "Queries measured in each replication.") -> Callable[[Command], Command]:
    """``--queries``."""
    return click.option("--queries", metavar="N", help=which)


def _percentiles(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, ...]:
    try:
        percentiles = tuple(sorted({float(part.strip().lstrip("p")) for part in value.split(",")}))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list like {DEFAULT_PERCENTILES}", ctx, param) from None
    if not all(LEAST_PERCENT <= percent <= MOST_PERCENT for percent in percentiles):
        said = f"percentiles are in percent, from {LEAST_PERCENT} to {MOST_PERCENT}: 99 is the 99th"
        raise click.BadParameter(f"{said}; got {value}", ctx, param)
    return percentiles


def percentiles_option(default: str, which: str) -> Callable[[Command], Command]:
    """``--percentiles``."""
    return click.option("--percentiles", default=default, show_default=True, callback=_percentiles, help=which)


#: ``--percentiles``, ``--seed``, ``--queries`` and ``--replications``.
run_options = options(
    percentiles_option(DEFAULT_PERCENTILES, "Percentiles to report."),
    seed_option,
    queries_option(),
    replications_option,
)


def jobs_option(what: str) -> Callable[[Command], Command]:
    """``--jobs``: how many of ``what`` at a time; one a core unless said."""
    return click.option(
        "--jobs", type=click.IntRange(1), callback=_jobs, metavar="N", help=f"{what} at a time; default: one a core."
    )


def _jobs(ctx: click.Context, param: click.Parameter, value: int | None) -> int:
    import os

    if value is not None:
        return value
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


engine_option = click.option(
    "--engine",
    type=click.Choice(["auto", "compiled", "reference"]),
    default="auto",
    metavar="NAME",
    help="auto, compiled (for scale) or reference (to be read): same figures.",
)


def format_option(*choices: str) -> Callable[[Command], Command]:
    """``--format``; the first choice is the default."""
    return click.option("--format", "format_", type=click.Choice(choices), default=choices[0], show_default=True)


def folder_option(name: str, text: str) -> Callable[[Command], Command]:
    """``-o``: a directory that is to be written."""
    return click.option("-o", "--output", name, type=click.Path(path_type=Path), metavar="DIR", help=text)


def time_option(more: str = "") -> Callable[[Command], Command]:
    """``--time``: what a search may take; what is known by then is answered."""
    said = f"End after that long, with what is known by then{more}."
    return click.option("--time", "time_s", type=DURATION, metavar="DURATION", help=said)


def figure_option(text: str) -> Callable[[Command], Command]:
    """``-o``: a figure that is to be drawn."""
    path = click.Path(path_type=Path, dir_okay=False)
    return click.option("-o", "--output", "figure", type=path, metavar="FILE", help=text)


def file_option(text: str) -> Callable[[Command], Command]:
    """``-o``: the file that is to be written, which has to be said."""
    path = click.Path(path_type=Path)
    return click.option("-o", "--output", required=True, type=path, metavar="FILE", help=text)


#: ``--report``: a page that is to be written.
report_option = click.option(
    "--report",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html",
    shell_complete=_files,
    help="Write one page to be sent there: tables, figures, scenario, provenance.",
)


def refuse_tolerance(tolerance: float) -> None:
    """Refuse a tolerance that is none."""
    if not 0 < tolerance < 1:
        raise click.UsageError(f"--tolerance is above 0 and below 100 %, got {formats.format_percent(tolerance)}")


def refuse_no_budget(time_s: float | None, queries: float | None = None) -> None:
    """Refuse a budget in which nothing can be done."""
    if time_s is not None and not time_s > 0:
        raise click.UsageError("--time is above 0")
    if queries is not None and queries < 1:
        raise click.UsageError("--queries is at least 1")


def refuse_no_objectives(slos: tuple[str, ...]) -> None:
    """Refuse what is not an objective."""
    from simulator.scenario import parse_objective

    for slo in slos:
        try:
            parse_objective(slo)
        except ValueError as error:
            raise click.UsageError(f"--slo: {error}") from None
