"""``shardsim schema``: the JSON Schema of scenario files."""

from __future__ import annotations

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of scenario files, by which editors complete and check.

    Name it in the first line of a scenario: ``# yaml-language-server: $schema=schema.json``.
    """
    from simulator.report import to_json
    from simulator.scenario import json_schema

    click.echo(to_json(json_schema()), nl=False)
