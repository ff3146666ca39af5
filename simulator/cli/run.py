"""``shardsim run``: simulate a scenario."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simulator.cli import answers, grouped, options
from simulator.cli.progress import LONG_S, Replications

if TYPE_CHECKING:
    from simulator import Result
    from simulator.running.run import Run


@dataclass(frozen=True)
class Files:
    """What is written."""

    output: Path | None
    figure: Path | None
    queries_file: Path | None
    replicas_file: Path | None
    page: Path | None


@grouped.command("run")
@options.scenario_options
@options.run_options
@click.option(
    "--precision",
    type=options.RATIO,
    metavar="RATIO",
    help="Go on until the percentiles of the objectives are so precise.",
)
@click.option(
    "--time", "time_s", type=options.DURATION, metavar="DURATION", help="Run whole replications for that long."
)
@options.engine_option
@click.option("--check-engines", is_flag=True, help="Run the first queries on both engines and compare everything.")
@click.option("--causes", is_flag=True, help="Say what makes tasks differ: query, shard, machine, task, waiting.")
@options.jobs_option("Replications")
@options.folder_option("output", "Write the run there, as files; FILE.png, .svg or .pdf: its figure.")
@click.option(
    "--figure",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Draw latency, and load over time, there: .png, .svg or .pdf.",
)
@click.option(
    "--save-queries",
    "queries_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write every query there, as .csv or .csv.gz.",
)
@click.option(
    "--save-replicas",
    "replicas_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write how busy every replica was there, as .csv or .csv.gz.",
)
@click.option("-q", "--quiet", is_flag=True, help="No table, no progress; the exit code tells.")
@options.report_option
@options.format_option("table", "json")
@options.gathered(given=options.Given, work=options.Work, files=Files)
def command(
    given: options.Given,
    work: options.Work,
    percentiles: tuple[float, ...],
    time_s: float | None,
    check_engines: bool,
    causes: bool,
    files: Files,
    quiet: bool,
    format_: str,
) -> int:
    """Simulate SCENARIO (a file, or - for standard input) and print what happened.

    Every figure has a 95 % interval; what the sample cannot support is not printed, with a note on what would be
    enough. Exit codes: 0 every objective met, 98 one inconclusive, 99 one failed.
    """
    from simulator.running.execution import Execution
    from simulator.running.run import Run

    scenario = given.load()
    if time_s is not None and (given.precision is not None or given.replications is not None):
        raise click.UsageError(
            "--time decides how many replications there are: leave --precision and --replications out"
        )
    files = refused(files)
    line = Replications()
    with answers.interruptible(line, "interrupted before the first replication was finished: nothing to report"):
        say, progress = (None, None) if quiet else (answers.say, line.update)
        execution = Execution.here(jobs=work.jobs, engine=work.engine, progress=progress, say=say)
        run = Run(scenario, execution, check_engines, causes)
        if not quiet:
            announce(line, run, time_s)
        result = run.result(percentiles, time_s)
    try:
        is_written = report(result, work.jobs, format_, quiet, files)
    except KeyboardInterrupt:  # a finished run is not thrown away
        answers.say("interrupted while files were written: none is left half-written")
        answers.show(result, "json" if quiet else format_)
        return 130
    answers.draw(result, files.figure)
    return result.exit_code if is_written else 2


def refused(files: Files) -> Files:
    """Refuse what could not be written; a figure that ``-o`` names is one."""
    if files.output is not None and answers.is_figure(files.output):
        files = replace(files, output=None, figure=_one_of(files.output, files.figure))
    answers.refuse_folder(files.output)
    answers.refuse_figure(files.figure)
    answers.refuse_page(files.page)
    answers.refuse_table(files.queries_file, "queries")
    answers.refuse_table(files.replicas_file, "replicas")
    if files.queries_file is not None and files.queries_file == files.replicas_file:
        raise click.UsageError(
            f"{files.queries_file}: queries and replicas are two tables, give each a file of its own"
        )
    return files


def _one_of(output: Path, figure: Path | None) -> Path:
    """The figure that ``-o`` names."""
    if figure is not None:
        raise click.UsageError("-o names a figure, and --figure another: leave one of them out, or give -o a directory")
    return output


def announce(line: Replications, run: Run, time_s: float | None = None) -> None:
    """Say what a run will take, if it takes long."""
    if time_s is None:
        line.announce(run.forecast(), run.execution.jobs)
    else:
        line.enabled = line.enabled or time_s >= LONG_S


def report(result: Result, jobs: int, format_: str, quiet: bool, files: Files) -> bool:
    """Print a result, and write its files; returns whether they could be written."""
    paths, is_written = [], True
    if any(path is not None for path in (files.output, files.queries_file, files.replicas_file, files.page)):
        from simulator.report import folders  # it knows the files of every answer

        writers = {
            files.output: partial(folders.write_run, result, jobs=jobs),
            files.queries_file: partial(folders.write_table, result),
            files.replicas_file: partial(folders.write_replicas, result),
            files.page: partial(answers.write_page, result),
        }
        for path, write in writers.items():
            if path is not None and answers.save(path, write):
                paths.append(path)
            elif path is not None:
                is_written = False
    if not quiet:
        answers.show(result, format_)
    elif not is_written:
        answers.show(result, "json")  # a finished run is not thrown away
    if not quiet and format_ == "table":
        for path in paths:
            answers.tell(f"\nwritten to {path}")
    return is_written
