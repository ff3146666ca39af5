"""``shardsim docs``: the site of this version."""

import sys
from importlib.resources import files

import click

from simulator.cli import grouped


@grouped.command("docs")
@click.option("--where", is_flag=True, help="Print where it is, and open nothing.")
def command(where: bool) -> None:
    """Open the documentation of this version in a browser; no network is needed.

    Off a terminal, and with --where, its place is printed.
    """
    site = files("simulator") / "site" / "index.html"
    if not site.is_file():
        cure = "in a clone of the project 'make docs' builds it, and 'pip install .' then brings it along"
        raise click.UsageError(f"this installation was made without its site: {cure}")
    click.echo(str(site))
    if not where and sys.stdout.isatty():
        import webbrowser

        webbrowser.open(f"file://{site}")
