"""``shardsim check``: hold a model of one's own against the laws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from simulator.cli import answers, grouped, options

if TYPE_CHECKING:
    from simulator.testing.checking import Checked


@grouped.command("check")
@click.argument("things", metavar="THING...", nargs=-1, required=True)
@click.option(
    "--profile",
    type=click.Choice(["quick", "default", "deep"]),
    default="default",
    show_default=True,
    help="Examples of each law: 20, 60 or 2000.",
)
@options.plugin_option
@options.format_option("text", "json")
def command(things: tuple[str, ...], profile: str, plugins: tuple[str, ...], format_: str) -> int:
    """Hold each THING against all laws of its group, and explain a broken one by its smallest case.

    THING is FILE.py::NAME (a class or function marked by the decorators of simulator.plugins), FILE.py (all that it
    marks), a scenario file, or the name of a built-in routing policy. Only the files named here are loaded.

    The laws are listed in docs/laws.md. Exit codes: 0 every law holds, 99 one is broken, 2 wrong usage.
    """
    import simulator

    line = _Things()
    try:
        checks = simulator.check(
            things, profile=profile, plugins=plugins, each=line.show if format_ == "text" else None, say=answers.say
        )
    except simulator.UnknownThingError as error:
        raise click.UsageError(str(error)) from None
    return checks.exit_code if format_ == "text" else answers.show(checks, format_)


class _Things:
    """Things in words as they are checked, an empty line between two."""

    def __init__(self) -> None:
        self.is_first = True

    def show(self, thing: Checked) -> None:
        answers.tell(("" if self.is_first else "\n") + thing.text(answers.text_width()).removesuffix("\n"))
        self.is_first = False
