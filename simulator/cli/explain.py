"""``shardsim explain``: where the tail comes from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from simulator.base.places import is_folder
from simulator.cli import answers, grouped, options
from simulator.cli.progress import Replications
from simulator.cli.run import announce

DEFAULT = "50,99,99.9"


@grouped.command("explain")
@options.scenario_options
@options.percentiles_option(DEFAULT, "Percentiles around which latency is explained.")
@click.option("--blame-only", is_flag=True, help="Leave out runs of changed scenarios, which take most of the time.")
@options.seed_option
@options.queries_option()
@options.replications_option
@options.engine_option
@options.jobs_option("Replications")
@options.figure_option("Draw what latency is made of there: .png, .svg or .pdf.")
@options.report_option
@options.format_option("table", "json")
@options.gathered(given=options.Given, work=options.Work)
def command(
    given: options.Given,
    work: options.Work,
    percentiles: tuple[float, ...],
    blame_only: bool,
    figure: Path | None,
    page: Path | None,
    format_: str,
) -> int:
    """Say where the tail of SCENARIO comes from, who is last, and what would shorten it.

    Of the queries around each percentile, the mean share of latency by stage and cause; the shards and replicas that
    are last more often than by chance; and the percentile if one thing were ideal or changed, on the same luck. Exit
    codes: 0, 98 if the sample supports none of the percentiles.
    """
    if is_folder(given.scenario):
        raise click.UsageError(f"{given.scenario} is a run directory, which keeps no tasks: give its scenario")
    from simulator.explaining.explain import Inquiry
    from simulator.running.execution import Execution

    scenario = given.load()
    answers.refuse_figure(figure)
    answers.refuse_page(page)
    line = Replications()
    execution = Execution.here(jobs=work.jobs, engine=work.engine, progress=line.update, say=answers.say)
    with answers.interruptible(line, "interrupted before everything was simulated: nothing to report"):
        inquiry = Inquiry(scenario, percentiles, blame_only, execution)
        announce(line, inquiry.run)
        found = inquiry.explained()
    found = replace(found, options=given.besides)
    code = answers.show(found, format_)
    answers.draw(found, figure, page)
    return code
