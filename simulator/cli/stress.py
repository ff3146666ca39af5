"""``shardsim stress``: does the system recover from a disturbance, and when?"""

from dataclasses import dataclass
from pathlib import Path

import click

from simulator.cli import answers, grouped, options
from simulator.cli.progress import Steps


@dataclass(frozen=True)
class Asked:
    """What comes, and what is asked of the system."""

    trigger: str
    slos: tuple[str, ...]
    window_s: float | None
    horizon_s: float | None
    max_recovery_s: float | None


@grouped.command("stress")
@options.scenario_options
@click.option(
    "--trigger",
    required=True,
    metavar="TRIGGER",
    help="'load x3 for 2s', 'stall ranking for 2s', 'stall for 2s', 'zone for 30s', 'cold caches'; "
    "several: 'load x2,3 for 1s,2s'.",
)
@options.slo_option
@click.option(
    "--max-recovery",
    "max_recovery_s",
    type=options.DURATION,
    metavar="DURATION",
    help="Fail unless 95 % of the replications recover within that.",
)
@click.option(
    "--window",
    "window_s",
    type=options.DURATION,
    metavar="DURATION",
    help="Width of the windows of time in which objectives are looked at.",
)
@click.option(
    "--horizon",
    "horizon_s",
    type=options.DURATION,
    metavar="DURATION",
    help="How long after the trigger is simulated; default: long enough, and longer where it does not recover.",
)
@options.seed_option
@options.replications_option
@options.engine_option
@options.jobs_option("Replications")
@options.figure_option("Draw it there: .png, .svg or .pdf.")
@options.report_option
@options.format_option("table", "json")
@options.gathered(given=options.Given, work=options.Work, asked=Asked)
def command(
    given: options.Given, work: options.Work, asked: Asked, figure: Path | None, page: Path | None, format_: str
) -> int:
    """Disturb SCENARIO while it runs, and see whether and when its objectives hold again.

    More load, a stall, the loss of a zone. Lists of sizes and durations make a map of what the system recovers from.
    Exit codes: 0 it recovers (with --max-recovery: in time), 99 it does not.
    """
    import simulator

    scenario = given.load()
    options.refuse_no_objectives(asked.slos)
    answers.refuse_figure(figure)
    answers.refuse_page(page)
    for name, value in {"--max-recovery": asked.max_recovery_s, "--window": asked.window_s}.items():
        if value is not None and not value > 0:
            raise click.UsageError(f"{name} is above 0")
    if asked.horizon_s is not None and not asked.horizon_s > 0:
        raise click.UsageError("--horizon is above 0")
    line = Steps()
    with answers.interruptible(line, "interrupted before there was an answer: nothing to report"):
        stress = simulator.stress(
            scenario,
            asked.trigger,
            slos=asked.slos,
            window_s=asked.window_s,
            horizon_s=asked.horizon_s,
            max_recovery_s=asked.max_recovery_s,
            jobs=work.jobs,
            engine=work.engine,
            progress=lambda done, planned: line.step(f"{done} of {planned} replications simulated"),
            say=line.say,
        )
    code = answers.show(stress, format_)
    answers.say(f"simulated for {stress.wall_s:.1f} s")
    answers.draw(stress, figure, page)
    return code
