"""``shardsim estimate``: paper and pencil."""

import click

from simulator.cli import answers, grouped, options


@grouped.command("estimate")
@options.scenario_options
@click.option(
    "--rows", type=options.COUNT, default="1M", show_default=True, help="Rows that the models are trained on."
)
@click.option("--epochs", type=options.COUNT, default="1", show_default=True, help="Passes over the rows.")
@options.format_option("table", "json")
@options.gathered(given=options.Given)
def command(given: options.Given, rows: float, epochs: float, format_: str) -> int:
    """Work SCENARIO out on paper, without simulating.

    Utilisation and saturation, latency of an empty system, operations of the models by their asymptotic laws, and
    the closed forms that hold under load.
    """
    import simulator

    return answers.show(simulator.estimate(given.load(), rows, epochs), format_)
