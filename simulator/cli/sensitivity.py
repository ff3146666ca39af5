"""``shardsim sensitivity``: what turning each knob does."""

from pathlib import Path

import click

from simulator.cli import answers, grouped, options
from simulator.cli.progress import Pieces


@grouped.command("sensitivity")
@options.scenario_options
@options.slo_option
@click.option(
    "--tolerance",
    type=options.RATIO,
    default="2%",
    show_default=True,
    help="Half the interval of the scenario's own capacity.",
)
@options.time_option()
@click.option("--tail-only", is_flag=True, help="Leave the capacity out, which takes most of the time.")
@options.seed_option
@options.queries_option("Queries measured in each replication, at the scenario's own load.")
@options.replications_option
@options.engine_option
@options.jobs_option("Knobs")
@click.option("--cluster", metavar="ADDRESS", help="Turn them on a Dask cluster: tcp://10.0.0.5:8786.")
@options.figure_option("Draw the changes there: .png, .svg or .pdf.")
@options.report_option
@options.format_option("table", "json")
@options.gathered(given=options.Given, work=options.Work)
def command(
    given: options.Given,
    work: options.Work,
    slos: tuple[str, ...],
    tolerance: float,
    time_s: float | None,
    tail_only: bool,
    figure: Path | None,
    page: Path | None,
    format_: str,
) -> int:
    """Turn every knob of SCENARIO a tenth to the better, and rank them by what that does.

    The change of the tail at the scenario's own load and of the capacity, each paired with the scenario itself on the
    same luck, with 95 % intervals. Whole numbers change by at least one. Exit codes: 0, 98 if there was no time for
    some knobs.
    """
    import simulator

    scenario = given.load()
    options.refuse_tolerance(tolerance)
    options.refuse_no_objectives(slos)
    answers.refuse_figure(figure)
    answers.refuse_page(page)
    options.refuse_no_budget(time_s)
    line = Pieces("knob")
    with answers.interruptible(line, "interrupted before the first knob was turned: nothing to report"):
        sensitivity = simulator.sensitivity(
            scenario,
            slos=slos,
            tolerance=tolerance,
            time_s=time_s,
            tail_only=tail_only,
            jobs=work.jobs,
            cluster=work.cluster,
            engine=work.engine,
            progress=line.standing,
            say=line.say,
        )
    code = answers.show(sensitivity, format_)
    answers.draw(sensitivity, figure, page)
    return code
