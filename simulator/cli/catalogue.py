"""``shardsim catalogue``: figures of hardware and models, each with its source."""

import click

from simulator.cli import answers, grouped, options


@grouped.command("catalogue")
@click.argument("name", required=False)
@click.option("-c", "--catalogue", "file", metavar="FILE", help="A catalogue file of your own, over the built-in one.")
@options.plugin_option
@options.format_option("table", "json")
def command(name: str | None, file: str | None, plugins: tuple[str, ...], format_: str) -> int:
    """List hardware and models that a scenario takes by name, or the figures of NAME with their sources.

    Kinds of plug-ins, installed or given, are listed after them; NAME may be one, like mine:Boosted.

    Every figure is measured (for this project), published (by others, as quoted) or assumed. In a scenario:
    hardware: {gpu: {from: nvidia_l4, price: 0.7 USD/h}}.
    """
    import simulator

    return answers.show(simulator.catalogue(name, file, plugins), format_)
