"""``shardsim schema``: the JSON Schema of scenario files."""

from __future__ import annotations

import click

from simulator.cli.options import given_plugins, plugin_option


@click.command("schema")
@plugin_option
def command() -> None:
    """Print the JSON Schema of scenario files, by which editors complete and check.

    Kinds of plug-ins, installed or given, are part of it.
    Name it in the first line of a scenario: ``# yaml-language-server: $schema=schema.json``.
    """
    from simulator.plugins import load_plugins
    from simulator.report.files import to_json
    from simulator.scenario import json_schema

    click.echo(to_json(json_schema(load_plugins(given_plugins()).with_installed())), nl=False)
