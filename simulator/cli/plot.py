"""``shardsim plot``: figures by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from simulator.base.places import is_folder
from simulator.cli import answers, grouped, options
from simulator.cli.progress import Line, Pieces, Replications, Steps

#: As ``report.plots`` has them, which is slow to load.
KINDS = (
    *("spectrum", "stages", "timeline", "utilisation", "batches", "quantiles"),
    *("blame", "hockey", "map", "pareto", "recovery"),
)


@dataclass(frozen=True)
class Asked:
    """What is asked besides the kind."""

    stage: str | None
    against: Path | None
    unit: str | None
    trigger: str | None
    params: tuple[str, ...]


@grouped.command("plot")
@options.scenario_options
@click.argument("kind", metavar="KIND", type=click.Choice(KINDS))
@click.option("--stage", metavar="NAME", help="Of spectrum, quantiles: the stage whose latency is drawn.")
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Of quantiles: a CSV of measured latencies, or of latencies and the share up to each.",
)
@click.option("--unit", type=click.Choice(("s", "ms", "us", "ns")), help="Of what stands there; default: s.")
@click.option("--trigger", metavar="TRIGGER", help="Of recovery: as of stress, 'stall for 2s'; several make a map.")
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="PATH=VALUES",
    help="Of hockey, map, pareto: as of sweep. Without: load.rate=auto, or what the scenario's sweep block says.",
)
@options.seed_option
@options.queries_option()
@options.replications_option
@options.engine_option
@options.jobs_option("Replications")
@options.file_option("Draw it there: .png, .svg or .pdf.")
@options.gathered(given=options.Given, work=options.Work, asked=Asked)
def command(given: options.Given, work: options.Work, asked: Asked, kind: str, output: Path) -> int:
    """Draw a figure of SCENARIO, or of RUN (a directory of run -o).

    A run is simulated again, and held against what it has stored: of kinds that show one run. KIND is one of

    \b
    spectrum     latency by percentile, with its interval and the objectives
    stages       mean and percentiles stage by stage
    timeline     load, queries under way and latency over time
    utilisation  how busy each shard is
    batches      how many tasks are served together
    quantiles    latencies against measured ones (--against)
    blame        what latency is made of
    hockey       latency against load
    map          a percentile at each pair of two parameters (--param)
    pareto       a percentile against what the fleet costs (--param)
    recovery     whether and when it recovers (--trigger)
    """
    from simulator.base.errors import ArgumentError
    from simulator.planning.grid import parse_grid
    from simulator.report import files, frame, plots

    answers.refuse_figure(output)
    is_run = is_folder(given.scenario)
    if is_run and given.changes:
        raise click.UsageError(f"{given.scenario} is a run: leave out what changes a scenario")
    wanted = plots.Asked(
        asked.stage, asked.against, asked.unit, asked.trigger, parse_grid(asked.params) if asked.params else None
    )
    try:
        plots.checked(kind, wanted, work.engine)
    except ArgumentError as error:
        raise click.UsageError(str(error)) from None
    source = given.scenario if is_run else given.load()
    line, progress = _progress(plots.KINDS[kind].of)
    with answers.interruptible(line, f"interrupted before it was over: {output} is not drawn"):
        drawn = plots.plot(
            source,
            kind,
            stage=wanted.stage,
            against=wanted.against,
            unit=wanted.unit,
            trigger=wanted.trigger,
            parameters=wanted.parameters,
            format=frame.figure_format(output) or "png",
            jobs=work.jobs,
            engine=work.engine,
            progress=progress,
            say=answers.say,
        )
    if not answers.save(output, lambda path: files.write_over({path: drawn})):
        return 2
    answers.say(f"figure in {output}")
    return 0


def _progress(of: str) -> tuple[Line, Callable[..., None]]:
    """The line that shows how far what is drawn is, and what keeps it."""
    if of == "sweep":
        pieces = Pieces("point")
        return pieces, pieces.standing
    if of == "stress":
        steps = Steps()
        return steps, lambda done, planned: steps.step(f"{done} of {planned} replications simulated")
    replications = Replications()
    return replications, replications.update
