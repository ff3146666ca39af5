"""``shardsim size``: the cheapest fleet that meets every objective at a load."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.base.units import parse_rate
from simulator.cli.capacity import refuse_no_objective
from simulator.cli.options import (
    RATIO,
    Parsed,
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
from simulator.cli.progress import Fleets
from simulator.cli.run import check_output

if TYPE_CHECKING:
    from simulator.planning.sizing_result import Sizing
    from simulator.report.files import Content


@click.command("size")
@scenario_options
@click.option("--load", type=Parsed("rate", parse_rate), metavar="RATE", help="Mean rate; default: the scenario's own.")
@click.option(
    "--search",
    multiple=True,
    required=True,
    metavar="PATH=VALUES",
    help="What may be chosen: stages.ranking.replicas=1..16. More of them: a grid.",
)
@click.option(
    "--minimise",
    type=click.Choice(["money", "machines", "energy"]),
    help="What fleets cost; default: money if all are priced, else machines.",
)
@click.option("--headroom", type=RATIO, default="0%", show_default=True, help="Objectives hold at so much more load.")
@click.option(
    "--survive",
    type=click.IntRange(0, 1),
    default=0,
    show_default=True,
    help="1: objectives hold with any one machine gone.",
)
@click.option("--top", type=click.IntRange(1, 100), default=3, show_default=True, help="Fleets to find.")
@click.option(
    "--slo", "slos", multiple=True, metavar="SLO", help="An objective in place of the scenario's: 'p99 < 200ms'."
)
@click.option("--seed", metavar="N", help="Seed of all random numbers.")
@click.option("--queries", metavar="N", help="Queries measured in each replication of a fleet that may be good.")
@click.option("--replications", metavar="N", help="Independent replications.")
@engine_option
@jobs_option("Fleets, or replications of one,")
@click.option("--cluster", metavar="ADDRESS", help="Look at fleets on a Dask cluster: tcp://10.0.0.5:8786.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Write scenarios, tables and figure there."
)
@click.option(
    "--figure", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Draw cost against latency there."
)
@format_option("table", "json")
def command(
    scenario: str,
    overlays: tuple[str, ...],
    sets: tuple[str, ...],
    load: float | None,
    search: tuple[str, ...],
    minimise: str | None,
    headroom: float,
    survive: int,
    top: int,
    slos: tuple[str, ...],
    seed: str | None,
    queries: str | None,
    replications: str | None,
    engine: str,
    jobs: int,
    cluster: str | None,
    output: Path | None,
    figure: Path | None,
    format_: str,
) -> None:
    """Find the cheapest fleets for SCENARIO that meet every objective at a load.

    Fleets are tried in the order of their cost, all on the same luck: on paper, then with few queries, then in full.
    Exit codes: 0 found, 98 none found but some could not be told, 99 none meets every objective.
    """
    from simulator.planning.grid import parse_grid
    from simulator.planning.sizing import size

    checked = loaded(scenario, overlays, sets, {"seed": seed, "queries": queries, "replications": replications})
    for slo in slos:
        refuse_no_objective(slo)
    if load is not None and not load > 0:
        raise click.UsageError("--load is above 0")
    kind = None if figure is None else figure_format_of(figure)
    if output is not None:
        check_output(output)
    show = Fleets()
    try:
        found = size(
            checked,
            search=parse_grid(search, "--search"),
            load=load,
            minimise=minimise,
            headroom=headroom,
            survive=survive,
            top=top,
            slos=slos,
            jobs=jobs,
            cluster=cluster,
            engine=engine,
            told=show.fleet,
            say=show.say,
        )
    except KeyboardInterrupt:
        click.echo("interrupted before any fleet was simulated: nothing to report", err=True)
        sys.exit(130)
    finally:
        show.clear()
    report(found, format_, output)
    if figure is not None and kind is not None:
        from simulator.report.size_figure import size_figure

        write_figure(figure, size_figure(found.to_dict(), kind))
    sys.exit(found.exit_code)


def report(found: Sizing, format_: str, output: Path | None) -> None:
    """Print a sizing, and write its files."""
    from simulator.report.files import to_json, write_run
    from simulator.report.size import size_table

    document = found.to_dict()
    text = to_json(document) if format_ == "json" else size_table(document, table_width(), wants_color())
    click.echo(text, nl=False)
    click.echo(f"searched for {found.wall_s:.1f} s", err=True)
    if output is not None:
        write_run(output, files(found, document))
        click.echo(f"written to {output}", err=True)


def files(found: Sizing, document: dict[str, Any]) -> dict[str, Content]:
    """What goes into a directory: each answer as a scenario that runs, what was found, and the figure."""
    from functools import partial

    from simulator.report.files import to_json
    from simulator.report.size import size_table
    from simulator.report.size_figure import size_figure
    from simulator.scenario import to_yaml

    written: dict[str, Content] = {
        f"{answer['rank']:02}_{found.asked.scenario.name}.yaml": _head(found, answer)
        + to_yaml(found.scenario_of(one).tree.plain())
        for one, answer in zip(found.answers, document["answers"], strict=True)
    }
    written["size.json"] = to_json(document)
    written["table.txt"] = size_table(document)
    written["pareto.png"] = partial(_write_bytes, size_figure(document))
    return written


def _head(found: Sizing, answer: dict[str, Any]) -> str:
    """What a scenario is, as a comment."""
    from simulator.planning.fleets import UNITS

    values = ", ".join(f"{path}={value}" for path, value in answer["values"].items())
    cost = f"{answer['cost']:,.6g} {UNITS[found.minimise]}"
    return f"# Number {answer['rank']} of {found.fleets:,} fleets for {found.load_per_s:,.6g}/s: {cost}\n# {values}\n"


def _write_bytes(content: bytes, path: Path) -> None:
    path.write_bytes(content)
