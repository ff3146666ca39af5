"""``shardsim load``: what a load is."""

from __future__ import annotations

from pathlib import Path

import click

from simulator.cli.options import (
    figure_format_of,
    format_option,
    loaded,
    scenario_options,
    table_width,
    wants_color,
    write_figure,
)


@click.command("load")
@scenario_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Draw the rate over time there: .png, .svg or .pdf.",
)
@format_option("table", "json")
def command(scenario: str, overlays: tuple[str, ...], sets: tuple[str, ...], output: Path | None, format_: str) -> None:
    """Show what the load of SCENARIO is, without serving it.

    Mean and peak rate, the spread of gaps and the index of dispersion of counts, as asked for and as drawn; with -o a
    figure of the rate over time with the arrivals of one replication.
    """
    from simulator.report.files import to_json
    from simulator.report.load import load_table
    from simulator.report.load_figure import load_figure
    from simulator.running.portrait import portrait

    kind = None if output is None else figure_format_of(output)
    found = portrait(loaded(scenario, overlays, sets))
    document = found.to_dict()
    click.echo(to_json(document) if format_ == "json" else load_table(document, table_width(), wants_color()), nl=False)
    if output is not None and kind is not None:
        write_figure(output, load_figure(found, kind))
