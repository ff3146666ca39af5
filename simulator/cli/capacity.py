"""``shardsim capacity``: the highest load within all objectives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simulator.cli import answers, grouped, options
from simulator.cli.progress import Pieces, Probes

if TYPE_CHECKING:
    from simulator import Scenario


@dataclass(frozen=True)
class Most:
    """What the search, or all searches together, may take; and what is gone meanwhile."""

    time_s: float | None
    most_queries: float | None
    survive: str | None

    @property
    def queries(self) -> int | None:
        """A whole number."""
        return None if self.most_queries is None else int(self.most_queries)


@grouped.command("capacity")
@options.scenario_options
@options.slo_option
@click.option(
    "--tolerance",
    type=options.RATIO,
    default="1%",
    show_default=True,
    help="Go on until half the interval is so precise.",
)
@click.option(
    "--over", multiple=True, metavar="PATH=VALUES", help="At each of these values: stages.ranking.replicas=1,2,4."
)
@options.time_option("; values of --over share it alike")
@click.option(
    "--queries",
    "most_queries",
    type=options.COUNT,
    metavar="N",
    help="End before more are simulated in all, with what is known by then; values of --over share them alike.",
)
@click.option("--survive", type=click.Choice(["zone"]), help="The load that is held with any one zone gone.")
@options.seed_option
@options.replications_option
@options.engine_option
@options.jobs_option("Replications, or values of --over,")
@click.option(
    "--cluster", metavar="ADDRESS", help="Search for the values of --over on a Dask cluster: tcp://10.0.0.5:8786."
)
@options.figure_option("Draw the probes there: .png, .svg or .pdf.")
@options.report_option
@options.format_option("table", "json")
@options.gathered(given=options.Given, work=options.Work, most=Most)
def command(
    given: options.Given,
    work: options.Work,
    most: Most,
    slos: tuple[str, ...],
    tolerance: float,
    over: tuple[str, ...],
    figure: Path | None,
    page: Path | None,
    format_: str,
) -> int:
    """Find the highest load at which SCENARIO keeps all its objectives, with a 95 % interval.

    Of clients that wait, find the most of them. All rates of the load (or the speed of a trace) move together; every
    load is tried on the same luck. Exit codes: 0 found, 98 inconclusive, 99 no load keeps them.
    """
    import simulator

    scenario = given.load()
    options.refuse_tolerance(tolerance)
    options.refuse_no_objectives(slos)
    options.refuse_no_budget(most.time_s, most.most_queries)
    answers.refuse_page(page)
    if over:
        if figure is not None:
            raise click.UsageError("-o draws the probes of one search: leave --over out")
        return several(scenario, over, slos, tolerance, most, work, page, format_)
    if work.cluster is not None:
        raise click.UsageError("--cluster shares the values of --over; one search runs here, on --jobs threads")
    answers.refuse_figure(figure)
    if figure is not None and scenario.load.is_closed:
        raise click.UsageError("-o draws a load, and clients that wait have none of their own: leave it out")
    line = Probes()
    with answers.interruptible(line, "interrupted before there was an answer: nothing to report"):
        capacity = simulator.capacity(
            scenario,
            slos=slos,
            tolerance=tolerance,
            time_s=most.time_s,
            queries=most.queries,
            survive=most.survive,
            jobs=work.jobs,
            engine=work.engine,
            progress=line.probe,
            say=line.say,
        )
    code = answers.show(capacity, format_)
    answers.say(f"searched for {capacity.wall_s:.1f} s")
    answers.draw(capacity, figure, page)
    return code


def several(
    scenario: Scenario,
    over: tuple[str, ...],
    slos: tuple[str, ...],
    tolerance: float,
    most: Most,
    work: options.Work,
    page: Path | None,
    format_: str,
) -> int:
    """The capacity at each value."""
    import simulator
    from simulator.planning.grid import parse_grid

    line = Pieces("search")
    with answers.interruptible(line, "interrupted before the first search had ended: nothing to report"):
        capacities = simulator.capacities(
            scenario,
            parse_grid(over, "--over"),
            slos=slos,
            tolerance=tolerance,
            time_s=most.time_s,
            queries=most.queries,
            survive=most.survive,
            jobs=work.jobs,
            cluster=work.cluster,
            engine=work.engine,
            progress=line.standing,
            say=line.say,
        )
    code = answers.show(capacities, format_)
    answers.draw(capacities, None, page)
    return code
