"""``shardsim show``: the resolved scenario."""

from __future__ import annotations

import click

from simulator.cli.options import format_option, loaded, scenario_options


@click.command("show")
@scenario_options
@format_option("yaml", "json")
def command(scenario: str, overlays: tuple[str, ...], sets: tuple[str, ...], format_: str) -> None:
    """Print SCENARIO with everything resolved: files merged, overrides applied, defaults written out.

    What is printed is itself a scenario, with the same meaning.
    """
    from simulator.report.files import to_json
    from simulator.scenario import to_yaml

    resolved = loaded(scenario, overlays, sets).resolved()
    click.echo(to_yaml(resolved) if format_ == "yaml" else to_json(resolved), nl=False)
