"""``shardsim sweep``: a scenario at all combinations of some values."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simulator.base.formats import counted
from simulator.cli import answers, grouped, options
from simulator.cli.progress import Pieces

if TYPE_CHECKING:
    from simulator import Sweep
    from simulator.planning.journal import Journal
    from simulator.planning.questions import Questions


@grouped.command("sweep")
@options.scenario_options
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="PATH=VALUES",
    help="Values to take: stages.ranking.shards=1,2,4, load.rate=10/s..50/s*5, load.rate=auto. More of them: a grid.",
)
@options.run_options
@options.jobs_option("Points")
@click.option("--cluster", metavar="ADDRESS", help="Simulate on a Dask cluster instead: tcp://10.0.0.5:8786.")
@options.folder_option("folder", "Write the sweep there, as files.")
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Go on with the sweep there, which was ended; all else must be as it was.",
)
@click.option("-q", "--quiet", is_flag=True, help="No table, no progress; for -o.")
@options.report_option
@options.format_option("table", "json", "csv")
@options.gathered(given=options.Given, work=options.Work)
def command(
    given: options.Given,
    work: options.Work,
    params: tuple[str, ...],
    percentiles: tuple[float, ...],
    folder: Path | None,
    resume: Path | None,
    quiet: bool,
    page: Path | None,
    format_: str,
) -> int:
    """Simulate SCENARIO at all combinations of values, on the same random numbers, and print a row a point.

    Values are a list (1,2,4), a range of so many values (1..9*5), or all whole numbers of one (1..16). load.rate=auto
    takes a dozen loads up to saturation. A sweep block in the file has parameters, too; --param replaces them one by
    one. Exit codes: 0 every point has its answer, whatever it is; 2 one has none.
    """
    from simulator.planning.grid import parse_grid
    from simulator.planning.questions import questions as checked

    if folder is not None and resume is not None:
        raise click.UsageError("-o begins a sweep, --resume goes on with one: give one of them")
    answers.refuse_folder(folder)
    if resume is not None:
        answers.refuse_unwritable(resume / "results.csv")
    answers.refuse_page(page)
    scenario = given.load()
    line = Pieces("point", quiet)
    questions = checked(scenario, parse_grid(params), percentiles, partial(line.update, "checked"))
    line.clear()
    place = folder or resume
    if place is None:
        sweep = worked_out(questions, work, line)
    else:
        journal = opened(questions, place, is_new=resume is None)
        sweep = kept(questions, work, line, journal, is_new=resume is None)
        if sweep.interrupted:
            done = f"{journal.kept} of {counted(questions.grid.count, 'point')} are kept; go on with --resume {place}"
            answers.say(f"interrupted: {done}")
            return sweep.exit_code
    is_written = report(sweep, format_, quiet, place, page)
    return sweep.exit_code if is_written else 2


def worked_out(questions: Questions, work: options.Work, line: Pieces, journal: Journal | None = None) -> Sweep:
    """The answers to all questions that have none yet in a journal, where there is one; each is kept there."""
    from simulator.planning.sweep import answer
    from simulator.running.execution import Execution

    try:
        return answer(
            questions,
            Execution.spread(
                jobs=work.jobs,
                cluster=work.cluster,
                progress=partial(line.update, "done"),
                say=line.say if line.enabled else None,
            ),
            known=None if journal is None else journal.rows,
            keep=None if journal is None else journal.keep,
        )
    finally:
        line.clear()


def opened(questions: Questions, folder: Path, is_new: bool) -> Journal:
    """The journal of a directory, which is made, whole or not at all, if it is to be new."""
    from simulator.report import folders

    if is_new and not answers.save(folder, partial(folders.begin_sweep, questions)):
        sys.exit(2)
    return folders.open_sweep(questions, folder)


def kept(questions: Questions, work: options.Work, line: Pieces, journal: Journal, is_new: bool) -> Sweep:
    """The answers, each in the journal as it is found; a sweep that never began leaves no directory."""
    from simulator.base.errors import UnavailableError

    try:
        return worked_out(questions, work, line, journal)
    except (KeyboardInterrupt, UnavailableError):
        if is_new and not journal.kept:
            journal.discard()  # the next try may have the same name
        raise
    finally:
        journal.close()


def report(sweep: Sweep, format_: str, quiet: bool, folder: Path | None, page: Path | None) -> bool:
    """Print a sweep, and write its files; returns whether they could be written."""
    from simulator.base.places import is_folder
    from simulator.report import folders

    written = {}
    if folder is not None:
        cure = f"; go on with --resume {folder}" if is_folder(folder) else ""
        written[folder] = answers.save(folder, lambda path: folders.write_sweep(sweep, path), cure)
    if page is not None:
        written[page] = answers.save(page, partial(answers.write_page, sweep))
    if not quiet:
        answers.show(sweep, format_)
        for place in (place for place, is_there in written.items() if is_there and format_ == "table"):
            answers.tell(f"\nwritten to {place}")
    elif not all(written.values()):
        answers.show(sweep, "json")  # what was found is not thrown away
    return all(written.values())
