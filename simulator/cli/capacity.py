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

if TYPE_CHECKING:
    from simulator.planning.execute import Standing
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
    given = {"seed": seed, "replications": replications}
    checked = loaded(
        scenario, overlays, (*sets, *(f"run.{key}={value}" for key, value in given.items() if value is not None))
    )
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
    from simulator.report import capacity_figure, capacity_table, to_json

    show = Probing(sys.stderr.isatty())
    try:
        found = capacity(
            checked, slos=slos, tolerance=tolerance, jobs=jobs, engine=engine, told=show.probe, say=show.say
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
    from simulator.planning.grid import parse_grid
    from simulator.report import capacities_table, to_json

    grid = parse_grid(over, "--over")
    show = Probing(sys.stderr.isatty())
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


class Probing:
    """How far a search is, on a terminal: one line that changes."""

    def __init__(self, is_terminal: bool, pieces: str = "searches") -> None:
        self.is_terminal = is_terminal
        self.pieces = pieces  #: what several pieces of work are called
        self.probes = self.shown = 0

    def say(self, line: str) -> None:
        """What a wait is for."""
        click.echo(line, err=True)

    def probe(self, factor: float, queries: int, readings: Any) -> None:
        """One probe is done."""
        self.probes += 1
        worst = max(reading.value for reading in readings)
        self._line(f"probe {self.probes}: {factor:.4g} x the load, {queries:,} queries: {worst:.3g} of the bound")

    def standing(self, standing: Standing) -> None:
        """One search of several is done."""
        lost = f", {standing.lost} workers lost" if standing.lost else ""
        left = "" if standing.left_s is None else f", about {standing.left_s:.0f} s left"
        self._line(f"{standing.done} of {standing.total} {self.pieces}{left}{lost}")

    def _line(self, line: str) -> None:
        if self.is_terminal:
            click.echo("\r" + line.ljust(self.shown), nl=False, err=True)
            self.shown = len(line)

    def clear(self) -> None:
        """Take the line away."""
        if self.shown:
            click.echo("\r" + " " * self.shown + "\r", nl=False, err=True)
            self.shown = 0
