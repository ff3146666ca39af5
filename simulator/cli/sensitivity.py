"""``shardsim sensitivity``: what turning each knob does."""

from __future__ import annotations

from pathlib import Path

import click

from simulator.cli.capacity import refuse_no_objective
from simulator.cli.options import (
    RATIO,
    engine_option,
    figure_format_of,
    format_option,
    jobs_option,
    loaded,
    scenario_options,
    table_width,
    wants_color,
    write_figure,
)
from simulator.cli.progress import Pieces


@click.command("sensitivity")
@scenario_options
@click.option(
    "--slo", "slos", multiple=True, metavar="SLO", help="An objective in place of the scenario's: 'p99 < 200ms'."
)
@click.option(
    "--tolerance", type=RATIO, default="2%", show_default=True, help="Half the interval of the scenario's own capacity."
)
@click.option("--seed", metavar="N", help="Seed of all random numbers.")
@click.option("--queries", metavar="N", help="Queries measured in each replication, at the scenario's own load.")
@click.option("--replications", metavar="N", help="Independent replications.")
@engine_option
@jobs_option("Knobs")
@click.option("--cluster", metavar="ADDRESS", help="Turn them on a Dask cluster: tcp://10.0.0.5:8786.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Draw the changes there: .png, .svg or .pdf.",
)
@format_option("table", "json")
def command(
    scenario: str,
    overlays: tuple[str, ...],
    sets: tuple[str, ...],
    slos: tuple[str, ...],
    tolerance: float,
    seed: str | None,
    queries: str | None,
    replications: str | None,
    engine: str,
    jobs: int,
    cluster: str | None,
    output: Path | None,
    format_: str,
) -> None:
    """Turn every knob of SCENARIO a tenth to the better, and rank them by what that does.

    The change of the tail at the scenario's own load and of the capacity, each paired with the scenario itself on the
    same luck, with 95 % intervals. Whole numbers change by at least one.
    """
    from simulator.planning.sensitivity import sensitivity
    from simulator.report.files import to_json
    from simulator.report.sensitivity import sensitivity_table
    from simulator.report.sensitivity_figure import sensitivity_figure

    given = {"seed": seed, "queries": queries, "replications": replications}
    checked = loaded(scenario, overlays, sets, given)
    if not 0 < tolerance < 1:
        raise click.UsageError(f"--tolerance is above 0 and below 100 %, got {100 * tolerance:g} %")
    for slo in slos:
        refuse_no_objective(slo)
    kind = None if output is None else figure_format_of(output)
    show = Pieces("knobs")
    found = sensitivity(
        checked,
        slos=slos,
        tolerance=tolerance,
        jobs=jobs,
        cluster=cluster,
        engine=engine,
        progress=show.standing,
        say=show.say,
    )
    show.clear()
    document = found.to_dict()
    text = to_json(document) if format_ == "json" else sensitivity_table(document, table_width(), wants_color())
    click.echo(text, nl=False)
    if output is not None and kind is not None:
        write_figure(output, sensitivity_figure(document, kind))
