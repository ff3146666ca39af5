"""``shardsim size``: the cheapest fleet that meets every objective at a load."""

from dataclasses import dataclass
from pathlib import Path

import click

from simulator.cli import answers, grouped, options
from simulator.cli.progress import Fleets


@dataclass(frozen=True)
class Need:
    """What a fleet is for, and what is wanted of it."""

    load: float | None
    search: tuple[str, ...]
    minimise: str | None
    headroom: float
    survive: str
    top: int
    slos: tuple[str, ...]
    time_s: float | None


@grouped.command("size")
@options.scenario_options
@click.option("--load", type=options.RATE, metavar="RATE", help="Mean rate; default: the scenario's own.")
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
@click.option(
    "--headroom", type=options.RATIO, default="0%", show_default=True, help="Objectives hold at so much more load."
)
@click.option(
    "--survive",
    type=click.Choice(["0", "1", "zone"]),
    default="0",
    show_default=True,
    help="1: objectives hold with any one machine gone; zone: with any one zone.",
)
@click.option("--top", type=click.IntRange(1, 100), default=3, show_default=True, help="Fleets to find.")
@options.slo_option
@options.time_option()
@options.seed_option
@options.queries_option("Queries measured in each replication of a fleet that may be good.")
@options.replications_option
@options.engine_option
@options.jobs_option("Fleets, or replications of one,")
@click.option("--cluster", metavar="ADDRESS", help="Look at fleets on a Dask cluster: tcp://10.0.0.5:8786.")
@options.folder_option("folder", "Write scenarios, tables and figure there.")
@click.option(
    "--figure", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Draw cost against latency there."
)
@options.report_option
@options.format_option("table", "json")
@options.gathered(given=options.Given, work=options.Work, need=Need)
def command(
    given: options.Given,
    work: options.Work,
    need: Need,
    folder: Path | None,
    figure: Path | None,
    page: Path | None,
    format_: str,
) -> int:
    """Find the cheapest fleets for SCENARIO that meet every objective at a load.

    Fleets are tried in the order of their cost, all on the same luck: on paper, then with few queries, then in full.
    Exit codes: 0 found, 98 none found but some could not be told, 99 none meets every objective.
    """
    import simulator
    from simulator.planning.grid import parse_grid
    from simulator.report import folders

    scenario = given.load()
    options.refuse_no_objectives(need.slos)
    if need.load is not None and not need.load > 0:
        raise click.UsageError("--load is above 0")
    answers.refuse_figure(figure)
    answers.refuse_page(page)
    options.refuse_no_budget(need.time_s)
    answers.refuse_folder(folder)
    grid = parse_grid(need.search, "--search")
    line = Fleets(need.top, grid.count)
    with answers.interruptible(line, "interrupted before any fleet was simulated: nothing to report"):
        sizing = simulator.size(
            scenario,
            search=grid,
            load=need.load,
            minimise=need.minimise,
            headroom=need.headroom,
            survive=int(need.survive) if need.survive.isdigit() else need.survive,
            top=need.top,
            slos=need.slos,
            time_s=need.time_s,
            jobs=work.jobs,
            cluster=work.cluster,
            engine=work.engine,
            progress=line.fleet,
            say=line.say,
        )
    code, is_written = answers.show(sizing, format_), True
    answers.say(f"searched for {sizing.wall_s:.1f} s")
    if folder is not None:
        is_written = answers.save(folder, lambda path: folders.write_sizing(sizing, path))
        if is_written:
            answers.say(f"written to {folder}")
    answers.draw(sizing, figure, page)
    return code if is_written else 2
