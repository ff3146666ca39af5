"""``shardsim verify``: is this version to be trusted?"""

from functools import partial
from pathlib import Path

import click

from simulator.cli import answers, grouped, options
from simulator.cli.progress import Pieces


@grouped.command("verify")
@click.option(
    "--deep", is_flag=True, help="All configurations, 50,000 plans, coverage of the intervals: under an hour."
)
@click.option("--families", metavar="NAMES", help="Only these: mm1,mmc,engines.")
@click.option(
    "--seed", type=click.IntRange(0, options.MOST_SEED), default=0, show_default=True, help="Seed of all luck."
)
@options.jobs_option("Systems")
@options.folder_option("folder", "Write a report with figures there.")
@options.format_option("text", "json")
def command(deep: bool, families: str | None, seed: int, jobs: int, folder: Path | None, format_: str) -> int:
    """Hold this version against everything that is known: systems with exact answers, engine against engine.

    Default: one configuration of each family, in minutes. Exit codes: 0 every line holds; 99 an exact value is outside
    its 99.9 % interval twice, independently, or outside one at a level of one in a million, or the engines differ; 130
    interrupted, with what was found.
    """
    import simulator
    from simulator.report import folders

    answers.refuse_folder(folder)
    names = None if families is None else [name.strip() for name in families.split(",") if name.strip()]
    if names == []:
        raise click.UsageError("--families names none; leave it out for all")
    line = Pieces("piece")
    try:
        verification = simulator.verify(
            names, deep=deep, seed=seed, jobs=jobs, progress=partial(line.update, "done"), say=line.say
        )
    except ValueError as error:
        raise click.UsageError(f"--families: {error}") from None
    finally:
        line.clear()
    code = answers.show(verification, format_)
    if folder is not None:
        if not answers.save(folder, lambda path: folders.write_verification(verification, path)):
            return 2
        answers.say(f"report in {folder}")
    return code
