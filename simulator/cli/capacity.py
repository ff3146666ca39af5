"""``shardsim capacity``: the highest load within all objectives."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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
from simulator.cli.progress import Pieces, Probes

if TYPE_CHECKING:
    from simulator.scenario import Scenario


@click.command("capacity")
@scenario_options
@click.option(
    "--slo", "slos", multiple=True, metavar="SLO", help="An objective in place of the scenario's: 'p99 < 200ms'."
)
@click.option(
    "--tolerance", type=RATIO, default="1%", show_default=True, help="Go on until half the interval is so precise."
)
@click.option(
    "--over", multiple=True, metavar="PATH=VALUES", help="At each of these values: stages.ranking.replicas=1,2,4."
)
@click.option("--seed", metavar="N", help="Seed of all random numbers.")
@click.option("--replications", metavar="N", help="Independent replications.")
@engine_option
@jobs_option("Replications, or values of --over,")
@click.option(
    "--cluster", metavar="ADDRESS", help="Search for the values of --over on a Dask cluster: tcp://10.0.0.5:8786."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Draw the probes there: .png, .svg or .pdf.",
)
@format_option("table", "json")
def command(
    scenario: str,
    overlays: tuple[str, ...],
    sets: tuple[str, ...],
    slos: tuple[str, ...],
    tolerance: float,
    over: tuple[str, ...],
    seed: str | None,
    replications: str | None,
    engine: str,
    jobs: int,
    cluster: str | None,
    output: Path | None,
    format_: str,
) -> None:
    """Find the highest load at which SCENARIO keeps all its objectives, with a 95 % interval.

    All rates of the load (or the speed of a trace) move together; every load is tried on the same luck. Exit codes: 0
    found, 98 inconclusive, 99 no load keeps them.
    """
    checked = loaded(scenario, overlays, sets, {"seed": seed, "replications": replications})
    if not 0 < tolerance < 1:
        raise click.UsageError(f"--tolerance is above 0 and below 100 %, got {100 * tolerance:g} %")
    for slo in slos:
        refuse_no_objective(slo)
    if over:
        if output is not None:
            raise click.UsageError("-o draws the probes of one search: leave --over out")
        several(checked, over, slos, tolerance, jobs, cluster, engine, format_)
    if cluster is not None:
        raise click.UsageError("--cluster shares the values of --over; one search runs here, on --jobs threads")
    kind = None if output is None else figure_format_of(output)
    from simulator.planning.capacity import capacity
    from simulator.report.capacity import capacity_table
    from simulator.report.capacity_figure import capacity_figure
    from simulator.report.files import to_json

    show = Probes()
    try:
        found = capacity(
            checked, slos=slos, tolerance=tolerance, jobs=jobs, engine=engine, told=show.probe, say=announce
        )
    except KeyboardInterrupt:
        show.clear()
        click.echo("interrupted before there was an answer: nothing to report", err=True)
        sys.exit(130)
    show.clear()
    document = found.to_dict()
    text = to_json(document) if format_ == "json" else capacity_table(document, table_width(), wants_color())
    click.echo(text, nl=False)
    click.echo(f"searched for {found.wall_s:.1f} s", err=True)
    if output is not None and kind is not None:
        write_figure(output, capacity_figure(document, kind))
    sys.exit(found.exit_code)


def announce(line: str) -> None:
    """Say what a wait is for."""
    click.echo(line, err=True)


def refuse_no_objective(slo: str) -> None:
    """Refuse what is not an objective."""
    from simulator.scenario.slo import parse_objective

    try:
        parse_objective(slo)
    except ValueError as error:
        raise click.UsageError(f"--slo: {error}") from None


def several(
    scenario: Scenario,
    over: tuple[str, ...],
    slos: tuple[str, ...],
    tolerance: float,
    jobs: int,
    cluster: str | None,
    engine: str,
    format_: str,
) -> None:
    """The capacity at each value; ends the command."""
    from simulator.planning.capacities import capacities
    from simulator.planning.vary import parse_grid
    from simulator.report.capacity import capacities_table
    from simulator.report.files import to_json

    grid = parse_grid(over, "--over")
    show = Pieces("searches")
    found = capacities(
        scenario,
        grid,
        slos=slos,
        tolerance=tolerance,
        jobs=jobs,
        cluster=cluster,
        engine=engine,
        progress=show.standing,
    )
    show.clear()
    rows = [(values, one.to_dict()) for values, one in found]
    if format_ == "json":
        documents: dict[str, Any] = {"schema": 1, "over": list(grid.paths)}
        documents["capacities"] = [{"values": values, **document} for values, document in rows]
        click.echo(to_json(documents), nl=False)
    else:
        click.echo(capacities_table(grid.paths, rows, table_width(), wants_color()), nl=False)
    codes = {one.exit_code for _, one in found}
    sys.exit(max(codes - {99}, default=99))  # a value that no load suits is an answer too, unless none suits
