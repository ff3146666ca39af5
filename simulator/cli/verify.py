"""``shardsim verify``: is this version to be trusted?"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.options import format_option, jobs_option, table_width, wants_color
from simulator.cli.progress import Pieces
from simulator.cli.run import check_output

if TYPE_CHECKING:
    from simulator.report.files import Content


@click.command("verify")
@click.option(
    "--deep", is_flag=True, help="All configurations, 50,000 plans, coverage of the intervals: under an hour."
)
@click.option("--families", metavar="NAMES", help="Only these: mm1,mmc,engines.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Seed of all luck.")
@jobs_option("Systems")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Write a report with figures there."
)
@format_option("text", "json")
def command(deep: bool, families: str | None, seed: int, jobs: int, output: Path | None, format_: str) -> None:
    """Hold this version against everything that is known: systems with exact answers, engine against engine.

    Default: one configuration of each family, in minutes. Exit codes: 0 every line holds; 99 an exact value is outside
    its 99.9 % interval twice, independently, or outside one at a level of one in a million, or the engines differ; 130
    interrupted, with what was found.
    """
    from simulator.report.files import to_json
    from simulator.report.verify import verify_table
    from simulator.verification import verify

    if output is not None:
        check_output(output)
    asked = None if families is None else [name.strip() for name in families.split(",") if name.strip()]
    if asked == []:
        raise click.UsageError("--families names none; leave it out for all")
    show = Pieces("pieces")
    try:
        found = verify(asked, deep=deep, seed=seed, jobs=jobs, progress=partial(show.update, "done"), say=show.say)
    except ValueError as error:
        raise click.UsageError(f"--families: {error}") from None
    finally:
        show.clear()
    document = found.to_dict()
    if format_ == "json":
        click.echo(to_json(document), nl=False)
    else:
        click.echo(verify_table(document, table_width(), wants_color()), nl=False)
    if output is not None:
        write_report(document, output)
        click.echo(f"report in {output}", err=True)
    sys.exit(found.exit_code)


def write_report(document: dict[str, Any], folder: Path) -> None:
    """Write a report directory, whole or not at all."""
    from simulator.report.files import to_json, write_run
    from simulator.report.verify import verify_csv, verify_markdown
    from simulator.report.verify_figures import verify_figures

    drawn = verify_figures(document)
    shown = {name: what for name, (_, what) in drawn.items()}
    files: dict[str, Content] = {
        "report.md": verify_markdown(document, shown),
        "results.csv": verify_csv(document),
        "results.json": to_json(document),
    }
    for name, (figure, _) in drawn.items():
        files[name] = partial(_write_bytes, figure)
    write_run(folder, files)


def _write_bytes(figure: bytes, path: Path) -> None:
    path.write_bytes(figure)
