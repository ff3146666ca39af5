"""``shardsim doctor``: is this installation sound?"""

import shutil
import sys

from simulator.cli import answers, grouped, options


@grouped.command("doctor")
@options.format_option("table", "json")
def command(format_: str) -> int:
    """Examine the installation: versions, machine, cache; then check both engines and one law, in about 5 s.

    The first time the engine is compiled before, which is announced. Exit codes: 0 all is well, 99 something is not,
    with what to do about it.
    """
    import simulator

    columns = shutil.get_terminal_size((120, 24)).columns
    examined = simulator.examine(answers.say).at(sys.stdout.isatty(), columns, answers.wants_color())
    return answers.show(examined, format_)
