"""``shardsim load``: what a load is."""

from pathlib import Path

from simulator.cli import answers, grouped, options


@grouped.command("load")
@options.scenario_options
@options.figure_option("Draw the rate over time there: .png, .svg or .pdf.")
@options.format_option("table", "json")
@options.gathered(given=options.Given)
def command(given: options.Given, figure: Path | None, format_: str) -> int:
    """Show what the load of SCENARIO is, without serving it.

    Mean and peak rate, the spread of gaps and the index of dispersion of counts, as asked for and as drawn; with -o a
    figure of the rate over time with the arrivals of one replication.
    """
    import simulator

    answers.refuse_figure(figure)
    portrait = simulator.portrait(given.load())
    code = answers.show(portrait, format_)
    answers.draw(portrait, figure)
    return code
