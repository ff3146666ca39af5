"""``shardsim catalogue``: figures of hardware and models, each with its source."""

from __future__ import annotations

from typing import Any

import click

from simulator.cli.options import format_option, given_plugins, plugin_option, table_width, wants_color


@click.command("catalogue")
@click.argument("name", required=False)
@click.option("-c", "--catalogue", "file", metavar="FILE", help="A catalogue file of your own, over the built-in one.")
@plugin_option
@format_option("table", "json")
def command(name: str | None, file: str | None, format_: str) -> None:
    """List hardware and models that a scenario takes by name, or the figures of NAME with their sources.

    Kinds of plug-ins, installed or given, are listed after them; NAME may be one, like mine:Boosted.

    Every figure is measured (for this project), published (by others, as quoted) or assumed. In a scenario:
    hardware: {gpu: {from: nvidia_l4, price: 0.7 USD/h}}.
    """
    from simulator.plugins import load_plugins
    from simulator.report.catalogue import catalogue_table
    from simulator.report.files import to_json
    from simulator.scenario.catalogue import catalogue_of, entries_named
    from simulator.scenario.described import described

    catalogue = catalogue_of(file)
    plugins = load_plugins(given_plugins())
    kinds = described(plugins, name)
    entries = catalogue.entries() if name is None else [] if kinds else entries_named(catalogue, name)
    document: dict[str, Any] = {"schema": 1, "entries": [entry.to_dict() for entry in entries]}
    if kinds:
        document["plugins"] = kinds
    if format_ == "json":
        click.echo(to_json(document), nl=False)
    else:
        click.echo(catalogue_table(document, name is not None, table_width(), wants_color()), nl=False)
