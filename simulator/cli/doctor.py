"""``shardsim doctor``: is this installation sound?"""

from __future__ import annotations

import shutil
import sys

import click

from simulator.cli.options import format_option, table_width, wants_color


@click.command("doctor")
@format_option("table", "json")
def command(format_: str) -> None:
    """Examine the installation: versions, machine, cache; then check both engines and one law, in about 5 s.

    The first time the engine is compiled before, which is announced. Exit codes: 0 all is well, 99 something is not,
    with what to do about it.
    """
    from simulator.report.doctor import doctor_table
    from simulator.report.files import to_json
    from simulator.running.doctor import examine

    found = examine(lambda line: click.echo(line, err=True))
    found["terminal"] = {
        "is_terminal": sys.stdout.isatty(),
        "columns": shutil.get_terminal_size((120, 24)).columns,
        "has_color": wants_color(),
    }
    if format_ == "json":
        click.echo(to_json(found), nl=False)
    else:
        click.echo(doctor_table(found, table_width(), wants_color()), nl=False)
    sys.exit(0 if found["well"] else 99)
