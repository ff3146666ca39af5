"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.base.units import parse_duration, parse_ratio

if TYPE_CHECKING:
    from simulator.base.errors import Problem
    from simulator.scenario import Scenario

Command = Callable[..., Any]


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


DURATION = Parsed("duration", parse_duration)
RATIO = Parsed("ratio", parse_ratio)


#: Where the plug-ins that a command was given are kept while it runs.
_PLUGINS = "shardsim.plugins"


def _keep_plugins(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> None:
    ctx.meta[_PLUGINS] = value


def plugin_option(command: Command) -> Command:
    """``--plugin``; ``given_plugins`` tells what it said."""
    return click.option(
        "--plugin",
        multiple=True,
        metavar="FILE",
        expose_value=False,
        callback=_keep_plugins,
        help="Load kinds of your own from FILE.py or a module; it is run.",
    )(command)


def given_plugins() -> tuple[str, ...]:
    """Files and modules that ``--plugin`` named."""
    found: tuple[str, ...] = click.get_current_context().meta.get(_PLUGINS, ())
    return found


def scenario_options(command: Command) -> Command:
    """SCENARIO, ``-f``, ``--set`` and ``--plugin``."""
    command = plugin_option(command)
    command = click.option(
        "--set", "sets", multiple=True, metavar="PATH=VALUE", help="Override a value: stages.ranking.replicas=4."
    )(command)
    command = click.option(
        "-f", "--overlay", "overlays", multiple=True, metavar="FILE", help="Lay another file over the scenario."
    )(command)
    return click.argument("scenario", metavar="SCENARIO")(command)


def format_option(*choices: str) -> Callable[[Command], Command]:
    """``--format``; the first choice is the default."""
    return click.option("--format", "format_", type=click.Choice(choices), default=choices[0], show_default=True)


MOST_PERCENT = 99.9999
DEFAULT_PERCENTILES = "50,90,95,99,99.9"


def _percentiles(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, ...]:
    try:
        found = tuple(sorted({float(part.strip().lstrip("p")) for part in value.split(",")}))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list like {DEFAULT_PERCENTILES}", ctx, param) from None
    if not all(0 < percent <= MOST_PERCENT for percent in found):
        raise click.BadParameter(f"percentiles are above 0 and at most {MOST_PERCENT}", ctx, param)
    return found


def run_options(command: Command) -> Command:
    """``--percentiles``, ``--seed``, ``--queries`` and ``--replications``."""
    for option in (
        click.option("--replications", metavar="N", help="Independent replications."),
        click.option("--queries", metavar="N", help="Queries measured in each replication."),
        click.option("--seed", metavar="N", help="Seed of all random numbers."),
        click.option(
            "--percentiles",
            default=DEFAULT_PERCENTILES,
            show_default=True,
            callback=_percentiles,
            help="Percentiles to report.",
        ),
    ):
        command = option(command)
    return command


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


def engine_option(command: Command) -> Command:
    """``--engine``."""
    return click.option(
        "--engine",
        type=click.Choice(["auto", "compiled", "reference"]),
        default="auto",
        metavar="NAME",
        help="auto, compiled (for scale) or reference (to be read): same figures.",
    )(command)


def figure_format_of(output: Path) -> str:
    """The format of a figure by its name, or a refusal; also where it could not be written."""
    from simulator.report.load_figure import figure_format

    kind = figure_format(output)
    if kind is None:
        raise click.UsageError(f"{output}: a figure is a .png, .svg or .pdf file")
    refuse_unwritable(output)
    return kind


def write_figure(output: Path, figure: bytes) -> None:
    """Write a figure and say where, or end with 2."""
    import sys

    try:
        output.write_bytes(figure)
    except OSError as error:
        click.echo(f"{output}: cannot be written: {error.strerror}", err=True)
        sys.exit(2)
    click.echo(f"figure in {output}", err=True)


def loaded(
    scenario: str, overlays: tuple[str, ...], sets: tuple[str, ...], given: Mapping[str, Any] | None = None
) -> Scenario:
    """The scenario that the options name; ``-`` is standard input.

    ``given``: options that stand for fields of ``run``, by field; None where one was not given.
    """
    from simulator.base.errors import ScenarioError
    from simulator.scenario import load_scenario

    asked = {f"run.{key}": value for key, value in (given or {}).items() if value is not None}
    try:
        everything = (*sets, *(f"{path}={value}" for path, value in asked.items()))
        return load_scenario(scenario, overlays, everything, given_plugins())
    except ScenarioError as error:
        raise ScenarioError([_named_after_option(problem, asked) for problem in error.problems]) from None


def _named_after_option(problem: Problem, asked: Mapping[str, Any]) -> Problem:
    """A mistake in an option by the name of the option, not of the override that it stands for."""
    if problem.file == "--set" and problem.path in asked:
        return replace(problem, file=f"--{problem.path.removeprefix('run.')}", path="")
    return problem


def refuse_unwritable(path: Path) -> None:
    """Refuse, before any work, a file or directory that could not be made after it."""
    import tempfile

    above = next(folder for folder in path.absolute().parents if folder.exists())
    try:
        Path(tempfile.mkdtemp(prefix=".shardsim-", dir=above)).rmdir()
    except OSError as error:
        raise click.UsageError(f"{path}: cannot be written, {error.strerror}: {above}") from None


def refuse_existing(path: Path, cure: str) -> None:
    """Refuse a file that is there already, or could not be made."""
    if path.exists() or path.is_symlink():
        what = "is a directory" if path.is_dir() else "exists already"
        raise click.UsageError(f"{path} {what}; {cure}")
    refuse_unwritable(path)


def table_width() -> int:
    """Columns to draw tables in: the terminal's, else 120."""
    import shutil
    import sys

    return max(80, shutil.get_terminal_size((120, 24)).columns) if sys.stdout.isatty() else 120


def wants_color() -> bool:
    """Whether standard output is a terminal that may be coloured."""
    import os
    import sys

    return sys.stdout.isatty() and "NO_COLOR" not in os.environ
