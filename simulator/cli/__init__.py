"""The command ``shardsim``: one module a command, loaded when it is called; the only place that prints."""

from __future__ import annotations

import importlib
import sys

import click

#: Command, and what ``--help`` says of it: the modules themselves are slow to load.
COMMANDS = {
    "run": "Simulate a scenario: latency with intervals, objectives, theory.",
    "estimate": "Paper and pencil: utilisation, saturation, zero-load latency, cost of the models.",
    "validate": "Check a scenario and say what it would take.",
    "show": "Print the resolved scenario.",
    "schema": "Print the JSON Schema of scenario files.",
}


class LazyGroup(click.Group):
    """Commands by name, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of a user's way."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"simulator.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, or say which was meant."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Commands: {', '.join(COMMANDS)}."
            raise click.UsageError(f"no command is called {name!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"shardsim {version('shardsim')}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def group() -> None:
    """Tail latency of sharded machine-learning serving, by simulation with intervals.

    Exit codes: 0 every objective met; 2 wrong usage or scenario; 98 an objective inconclusive; 99 an objective
    failed; 130 interrupted.
    """


def main() -> None:
    """Entry point of the command."""
    from simulator.errors import ContradictionError, ScenarioError

    try:
        group(prog_name="shardsim")
    except ScenarioError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except ContradictionError as error:
        click.echo(str(error), err=True)
        sys.exit(99)
