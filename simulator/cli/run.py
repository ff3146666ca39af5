"""``shardsim run``: simulate a scenario."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.options import (
    DURATION,
    RATIO,
    engine_option,
    format_option,
    jobs_option,
    loaded,
    refuse_existing,
    refuse_unwritable,
    run_options,
    scenario_options,
    table_width,
    wants_color,
)
from simulator.cli.progress import LONG_S, Line

if TYPE_CHECKING:
    from simulator.report.files import Content
    from simulator.running.run import Result
    from simulator.scenario import Scenario


@click.command("run")
@scenario_options
@run_options
@click.option(
    "--precision", type=RATIO, metavar="RATIO", help="Go on until the percentiles of the objectives are so precise."
)
@click.option("--time", "time_s", type=DURATION, metavar="DURATION", help="Run whole replications for that long.")
@engine_option
@click.option("--check-engines", is_flag=True, help="Run the first queries on both engines and compare everything.")
@jobs_option("Replications")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Write the run there, as files.")
@click.option(
    "--save-queries",
    "queries_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write every query there, as .csv or .csv.gz.",
)
@click.option("-q", "--quiet", is_flag=True, help="No table, no progress; the exit code tells.")
@format_option("table", "json")
def command(
    scenario: str,
    overlays: tuple[str, ...],
    sets: tuple[str, ...],
    percentiles: tuple[float, ...],
    seed: str | None,
    queries: str | None,
    replications: str | None,
    precision: float | None,
    time_s: float | None,
    engine: str,
    check_engines: bool,
    jobs: int,
    output: Path | None,
    queries_file: Path | None,
    quiet: bool,
    format_: str,
) -> None:
    """Simulate SCENARIO (a file, or - for standard input) and print what happened.

    Every figure has a 95 % interval; what the sample cannot support is not printed, with a note on what would be
    enough. Exit codes: 0 every objective met, 98 one inconclusive, 99 one failed.
    """
    from simulator.running.run import simulate

    given = {"seed": seed, "queries": queries, "replications": replications, "precision": precision}
    checked = loaded(scenario, overlays, sets, given)
    if time_s is not None and (precision is not None or replications is not None):
        raise click.UsageError(
            "--time decides how many replications there are: leave --precision and --replications out"
        )
    if output is not None:
        check_output(output)
    if queries_file is not None:
        check_queries_file(queries_file)
    is_terminal = sys.stderr.isatty()
    show = Progress(enabled=False, is_terminal=is_terminal)
    try:
        if not quiet:
            is_long = announce(checked, jobs, time_s, engine)
            show.enabled = is_long or is_terminal
        result = simulate(
            checked,
            jobs=jobs,
            percentiles=percentiles,
            time_s=time_s,
            engine=engine,
            compare_engines=check_engines,
            progress=show.update,
        )
    except KeyboardInterrupt:
        show.clear()
        click.echo("interrupted before the first replication was finished: nothing to report", err=True)
        sys.exit(130)
    show.clear()
    is_written = report(result, format_, quiet, output, queries_file, jobs)
    sys.exit(result.exit_code if is_written else 2)


def check_output(output: Path) -> None:
    """Refuse, before the run, a directory that could not be written after it."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise click.UsageError(f"{output} exists and is not an empty directory; choose another, or remove it")
    refuse_unwritable(output)


def check_queries_file(file: Path) -> None:
    """Refuse, before the run, a table of queries that could not be written after it."""
    if not file.name.endswith((".csv", ".csv.gz")):
        raise click.UsageError(f"{file}: a table of queries is written as .csv or .csv.gz")
    refuse_existing(file, "choose another, or remove it")


def announce(scenario: Scenario, jobs: int, time_s: float | None, asked: str) -> bool:
    """Say on standard error what a long run will take, and what would be enough; returns whether it is long."""
    from simulator.base.units import format_count, format_duration
    from simulator.engines import COMPILED, chosen, compile_ahead
    from simulator.planner.plans import make_plan
    from simulator.running.forecast import forecast

    name = chosen(asked, make_plan(scenario))
    if name == COMPILED:
        compile_ahead(lambda line: click.echo(line, err=True))
    if time_s is not None:
        return time_s >= LONG_S
    found = forecast(scenario, jobs, name)
    if found.seconds < LONG_S:
        return False
    click.echo(
        f"{format_count(found.tasks)} tasks, about {format_duration(found.seconds)}, {jobs} replications at a time",
        err=True,
    )
    if found.enough_queries is not None:
        enough = format_count(found.enough_queries)
        click.echo(f"an honest p{found.percentile:g} at this load takes about {enough} queries in all", err=True)
    return True


def report(
    result: Result, format_: str, quiet: bool, output: Path | None, queries_file: Path | None, jobs: int
) -> bool:
    """Print a result, and write its files; returns whether they could be written."""
    from simulator.report.files import to_json
    from simulator.report.run import run_table

    document = result.to_dict()
    written, is_written = [], True
    for path, write in ((output, partial(write_directory, document, jobs)), (queries_file, write_table)):
        if path is None:
            continue
        try:
            write(result, path)
            written.append(path)
        except OSError as error:
            click.echo(f"{path}: cannot be written: {error.strerror}", err=True)
            is_written = False
    if quiet:
        if not is_written:
            click.echo(to_json(document), nl=False)  # a finished run is not thrown away
        return is_written
    if format_ == "json":
        click.echo(to_json(document), nl=False)
    else:
        click.echo(run_table(document, table_width(), wants_color()), nl=False)
        for path in written:
            click.echo(f"\nwritten to {path}")
    return is_written


def write_directory(document: dict[str, Any], jobs: int, result: Result, output: Path) -> None:
    """Write the directory of a run."""
    from simulator.report.files import to_json, write_queries, write_run
    from simulator.report.run import run_table
    from simulator.scenario import to_yaml

    timing: dict[str, Any] = {"wall_s": result.wall_s, "jobs": jobs}
    files: dict[str, Content] = {
        "summary.json": to_json(document),
        "scenario.resolved.yaml": to_yaml(document["provenance"]["resolved"]),
        "queries.npz": partial(write_queries, result.traces),
        "table.txt": run_table(document),
        "timing.json": to_json(timing),
    }
    write_run(output, files)


def write_table(result: Result, file: Path) -> None:
    """Write the table of all queries."""
    from simulator.report.files import write_new
    from simulator.report.queries import write_queries_csv

    names = [stage.name for stage in result.scenario.stages]
    write_new({file: partial(write_queries_csv, result.traces, names, file.name.endswith(".gz"))})


class Progress(Line):
    """How far a run is."""

    def update(self, done: int, planned: int, events: int) -> None:
        """Replications done, planned, and events so far."""
        self.show(f"{done} of {planned} replications, {events:,} events", done, planned)
