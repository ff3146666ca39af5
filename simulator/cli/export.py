"""``shardsim export``: what happened, for other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from simulator.base.places import is_folder
from simulator.cli import answers, grouped, options
from simulator.cli.progress import Replications

#: As ``report.exports`` has them, which is slow to load.
FORMATS = ("perfetto", "otel", "csv", "parquet", "npz", "hgrm", "prom")


@dataclass(frozen=True)
class Shown:
    """Which queries are taken out."""

    replication: int
    slowest: int
    drawn: int


@grouped.command("export")
@options.scenario_options
@click.option(
    "--to",
    required=True,
    type=click.Choice(FORMATS),
    help="perfetto, otel: single queries, task by task; csv, parquet, npz: every query; hgrm, prom: distributions.",
)
@options.file_option("Write it there; a .csv.gz is packed.")
@click.option("--slowest", type=click.IntRange(0), default=10, show_default=True, help="Of single queries: so many.")
@click.option("--drawn", type=click.IntRange(0), default=10, show_default=True, help="And so many others, by luck.")
@click.option(
    "--replication", type=click.IntRange(0), default=0, show_default=True, help="Which one single queries are of."
)
@options.seed_option
@options.queries_option()
@options.replications_option
@options.engine_option
@options.jobs_option("Replications")
@options.gathered(given=options.Given, work=options.Work, shown=Shown)
def command(given: options.Given, work: options.Work, shown: Shown, output: Path, to: str) -> int:
    """Write what happens in SCENARIO, or happened in RUN (a directory of run -o), for another program.

    Single queries are the slowest of a replication, and some others: each with its stages, their tasks on every worker,
    waiting and service. Of a RUN that is simulated again, and held against what the run has stored.
    """
    from simulator.report import exports

    answers.refuse_existing(output, "choose another, or remove it")
    if to == "csv" and not output.name.endswith((".csv", ".csv.gz")):
        raise click.UsageError(f"{output}: a table of queries is written as .csv or .csv.gz")
    is_run = is_folder(given.scenario)
    if is_run and given.changes:
        raise click.UsageError(f"{given.scenario} is a run: leave out what changes a scenario")
    source = given.scenario if is_run else given.load()
    line = Replications()

    def write(path: Path) -> None:
        exports.export(
            source,
            to,
            path,
            replication=shown.replication,
            slowest=shown.slowest,
            drawn=shown.drawn,
            jobs=work.jobs,
            engine=work.engine,
            progress=line.update,
            say=answers.say,
        )

    with answers.interruptible(line, f"interrupted before it was over: {output} is not written"):
        is_written = answers.save(output, write)
    if not is_written:
        return 2
    answers.say(f"written to {output}")
    return 0
