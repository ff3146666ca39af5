"""``shardsim sweep``: a scenario at all combinations of some values."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.options import (
    format_option,
    jobs_option,
    loaded,
    refuse_unwritable,
    run_options,
    scenario_options,
    table_width,
    wants_color,
)
from simulator.cli.progress import Pieces
from simulator.cli.run import check_output

if TYPE_CHECKING:
    from simulator.planning.journal import Journal
    from simulator.planning.questions import Questions
    from simulator.planning.sweep import Sweep
    from simulator.report.files import Content


@click.command("sweep")
@scenario_options
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="PATH=VALUES",
    help="Values to take: stages.ranking.shards=1,2,4, load.rate=10/s..50/s*5, load.rate=auto. More of them: a grid.",
)
@run_options
@jobs_option("Points")
@click.option("--cluster", metavar="ADDRESS", help="Simulate on a Dask cluster instead: tcp://10.0.0.5:8786.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Write the sweep there, as files.")
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Go on with the sweep there, which was ended; all else must be as it was.",
)
@click.option("-q", "--quiet", is_flag=True, help="No table, no progress; for -o.")
@format_option("table", "json", "csv")
def command(
    scenario: str,
    overlays: tuple[str, ...],
    sets: tuple[str, ...],
    params: tuple[str, ...],
    percentiles: tuple[float, ...],
    seed: str | None,
    queries: str | None,
    replications: str | None,
    jobs: int,
    cluster: str | None,
    output: Path | None,
    resume: Path | None,
    quiet: bool,
    format_: str,
) -> None:
    """Simulate SCENARIO at all combinations of values, on the same random numbers, and print a row a point.

    Values are a list (1,2,4), a range of so many values (1..9*5), or all whole numbers of one (1..16). load.rate=auto
    takes a dozen loads up to saturation. A sweep block in the file has parameters, too; --param replaces them one by
    one. Exit codes: 0 every point has its answer, whatever it is; 2 one has none.
    """
    from simulator.base.errors import UnavailableError
    from simulator.planning.grid import parse_grid
    from simulator.planning.questions import questions
    from simulator.planning.sweep import answer

    if output is not None and resume is not None:
        raise click.UsageError("-o begins a sweep, --resume goes on with one: give one of them")
    if output is not None:
        check_output(output)
    if resume is not None:
        refuse_unwritable(resume / "results.csv")
    checked = loaded(scenario, overlays, sets, {"seed": seed, "queries": queries, "replications": replications})
    show = Pieces("points", quiet)
    asked = questions(checked, parse_grid(params), percentiles, partial(show.update, "checked"))
    show.clear()
    folder = output or resume
    journal = None if folder is None else opened(folder, asked, is_new=resume is None)
    try:
        found = answer(
            asked,
            jobs=jobs,
            cluster=cluster,
            known=None if journal is None else journal.rows,
            keep=None if journal is None else journal.keep,
            progress=partial(show.update, "done"),
            say=None if quiet else show.say,
        )
    except (KeyboardInterrupt, UnavailableError):
        if journal is not None and output is not None and not journal.kept:
            journal.discard()  # it never began: the next try may have the same name
        raise
    finally:
        show.clear()
        if journal is not None:
            journal.close()
    if found.interrupted and journal is not None:
        told = f"{journal.kept} of {len(asked.written)} points are kept; go on with --resume {folder}"
        click.echo(f"interrupted: {told}", err=True)
        sys.exit(found.exit_code)
    is_written = report(found, format_, quiet, folder)
    sys.exit(found.exit_code if is_written else 2)


def opened(folder: Path, asked: Questions, is_new: bool) -> Journal:
    """The journal of a directory, which is made, whole or not at all, if it is to be new."""
    from simulator.planning.journal import ASKED, JOURNAL, Journal
    from simulator.report.files import write_run
    from simulator.scenario import to_yaml

    if is_new:
        write_run(folder, {ASKED: to_yaml(asked.provenance()), JOURNAL: ""})
    return Journal(folder, asked)


def report(found: Sweep, format_: str, quiet: bool, folder: Path | None) -> bool:
    """Print a sweep, and write its files; returns whether they could be written."""
    from simulator.report.files import to_json
    from simulator.report.sweep import sweep_csv, sweep_table

    document = found.to_dict()
    is_written = folder is not None
    if folder is not None:
        try:
            write_files(found, document, folder)
        except OSError as error:
            click.echo(f"{folder}: cannot be written: {error.strerror}; go on with --resume {folder}", err=True)
            is_written = False
    if quiet:
        return is_written or folder is None
    if format_ == "table":
        click.echo(sweep_table(document, table_width(), wants_color()), nl=False)
    else:
        click.echo(to_json(document) if format_ == "json" else sweep_csv(document), nl=False)
    if is_written and format_ == "table":
        click.echo(f"\nwritten to {folder}")
    return is_written or folder is None


def write_files(found: Sweep, document: dict[str, Any], folder: Path) -> None:
    """Write the table and the figures of a sweep that is complete, in place of those of an earlier end of it."""
    from simulator.report.files import write_over
    from simulator.report.sweep import sweep_csv
    from simulator.report.sweep_figure import sweep_figures

    files: dict[Path, Content] = {folder / "results.csv": sweep_csv(document)}
    try:
        frame = found.to_frame()
        import pyarrow  # noqa: F401
    except ImportError:
        pass  # the extra is not installed, and the table is there as CSV
    else:
        files[folder / "results.parquet"] = partial(frame.to_parquet, index=False)
    for name, figure in sweep_figures(document).items():
        files[folder / name] = partial(_write_bytes, figure)
    write_over(files)


def _write_bytes(figure: bytes, path: Path) -> None:
    path.write_bytes(figure)
