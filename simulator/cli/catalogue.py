"""``shardsim catalogue``: figures of hardware and models, each with its source."""

import click

from simulator.cli import answers, grouped, options


@grouped.command("catalogue")
@click.argument("name", required=False)
@click.option("-c", "--catalogue", "file", metavar="FILE", help="A catalogue file of your own, over the built-in one.")
@click.option("--on", metavar="HARDWARE", help="Say what batches of the model NAME take there.")
@options.plugin_option
@options.format_option("table", "json")
def command(name: str | None, file: str | None, on: str | None, plugins: tuple[str, ...], format_: str) -> int:
    """List hardware and models that a scenario takes by name, or the figures of NAME with their sources.

    Kinds of plug-ins, installed or given, are listed after them; NAME may be one, like mine:Boosted.

    Every figure is measured (for this project), published (by others, as quoted) or assumed. In a scenario:
    hardware: {gpu: {from: nvidia_l4, price: 0.7 USD/h}}. Of a model of known time the batch curve is said, too.
    """
    import simulator

    if on is not None and name is None:
        raise click.UsageError("--on says what batches of a model take: give its NAME")
    return answers.show(simulator.catalogue(name, file, plugins, on), format_)
