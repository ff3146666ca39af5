"""``shardsim schema``: the JSON Schema of scenario files, and of what is written."""

import click

from simulator.cli import answers, grouped, options


@grouped.command("schema")
@click.argument("name", default="scenario", metavar="[NAME]")
@options.plugin_option
def command(name: str, plugins: tuple[str, ...]) -> None:
    """Print the JSON Schema of scenario files, by which editors complete and check.

    Kinds of plug-ins, installed or given, are part of it.
    Name it in the first line of a scenario: ``# yaml-language-server: $schema=schema.json``.

    With NAME, such as run, capacity, size or sweep, print that of a document which --format json or a file has.
    """
    import simulator
    from simulator.report.files import to_json

    try:
        schema = simulator.schema(plugins, document=name)
    except simulator.ScenarioError as error:
        raise click.UsageError(str(error)) from None
    answers.hand_on(to_json(schema))
