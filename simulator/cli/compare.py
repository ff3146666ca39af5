"""``shardsim compare``: two scenarios or runs beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simulator.base import errors, units
from simulator.base.places import is_folder
from simulator.cli import answers, grouped, options
from simulator.cli.progress import Replications
from simulator.cli.run import announce

if TYPE_CHECKING:
    from simulator.planning.sides import Side
    from simulator.scenario import Scenario


def _limits(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, float]:
    """``p99=5%`` and more, by figure."""
    limits: dict[str, float] = {}
    for text in value:
        figure, equals, most = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} is not FIGURE=RATIO, like p99=5%", ctx, param)
        if figure.strip() in limits:
            raise click.BadParameter(f"two limits on {figure.strip()}", ctx, param)
        try:
            limits[figure.strip()] = units.parse_ratio(most)
        except ValueError as error:
            raise click.BadParameter(f"{figure.strip()}: {error}", ctx, param) from None
    return limits


@grouped.command("compare")
@click.argument("a", metavar="A")
@click.argument("b", metavar="[B]", required=False)
@click.option(
    "-f", "--overlay", "overlays", multiple=True, metavar="FILE", help="Lay another file over both scenarios."
)
@click.option(
    "--set", "sets", multiple=True, metavar="PATH=VALUE", help="Override a value of both: stages.ranking.replicas=4."
)
@options.plugin_option
@click.option(
    "--set-b", "sets_b", multiple=True, metavar="PATH=VALUE", help="Override a value of B, which is A if not given."
)
@options.run_options
@options.engine_option
@options.jobs_option("Replications")
@click.option(
    "--max-regression",
    "limits",
    multiple=True,
    callback=_limits,
    metavar="FIGURE=RATIO",
    help="Fail where a figure is worse by more: p99=5%, stage.ranking.p99=5%, goodput=1%, usd_per_million_queries=0%.",
)
@click.option("--md", is_flag=True, help="Print tables in Markdown, for a pull request.")
@options.report_option
@options.format_option("table", "json")
@options.gathered(given=options.Given, work=options.Work)
def command(
    given: options.Given,
    work: options.Work,
    a: str,
    b: str | None,
    sets_b: tuple[str, ...],
    percentiles: tuple[float, ...],
    limits: dict[str, float],
    md: bool,
    page: Path | None,
    format_: str,
) -> int:
    """Compare B with A, figure by figure: B - A with its 95 % interval, and a word.

    A and B are scenario files, or directories that `run -o` has written. Scenarios with the same seed and number of
    queries have the same luck, so a difference is seen with far fewer queries than it takes to know either side. Exit
    codes: 0, with --max-regression 98 if one is inconclusive, 99 if one is exceeded.
    """
    from simulator.planning import compare
    from simulator.running.execution import Execution

    if md and format_ != "table":
        raise click.UsageError(f"--md prints a table: leave --format {format_} out")
    if b is None and not sets_b:
        raise click.UsageError("give B, or --set-b PATH=VALUE to compare A with a change of it")
    answers.refuse_page(page)
    one, two = opened(a, b, given, sets_b)
    try:
        compare.refuse_unknown(limits, compare.common_figures(one, two, percentiles))
    except ValueError as error:
        raise click.UsageError(f"--max-regression: {error}") from None
    line = Replications()
    execution = Execution.here(jobs=work.jobs, engine=work.engine, progress=line.update, say=answers.say)
    pair = compare.Pair(one, two, limits, percentiles, execution)
    for run in pair.runs:
        announce(line, run)
    with answers.interruptible(line, "interrupted before there was anything to compare"):
        comparison = pair.compared()
    code = answers.show(comparison, "markdown" if md else format_)
    answers.draw(comparison, None, page)
    return code


def opened(
    a: str, b: str | None, given: options.Given, sets_b: tuple[str, ...]
) -> tuple[Scenario | Side, Scenario | Side]:
    """Both sides; every mistake in either is reported."""
    from simulator.planning.saved_run import read_run
    from simulator.scenario import Scenario, scenario_with

    if a == b == "-":
        raise click.UsageError("standard input can be read once: give one of A and B as a file")
    if given.changes and b is not None and is_folder(a) and is_folder(b):
        raise click.UsageError("nothing is simulated: A and B are run directories; leave out what says how to simulate")
    sides: list[Scenario | Side] = []
    problems: list[errors.Problem] = []
    for file in (a,) if b is None else (a, b):
        try:
            sides.append(read_run(file) if is_folder(file) else given.load(file))
        except errors.ScenarioError as error:
            problems += error.problems
    if problems:
        raise errors.ScenarioError(list(dict.fromkeys(problems)))
    one, two = sides[0], sides[-1]
    if not sets_b:
        return one, two
    if not isinstance(two, Scenario):
        raise click.UsageError(f"--set-b: {a if b is None else b} is a run directory; only a scenario can be changed")
    return one, scenario_with(two, [(text, "--set-b") for text in sets_b])
