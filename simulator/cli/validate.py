"""``shardsim validate``: check a scenario without running it."""

from simulator.cli import answers, grouped, options


@grouped.command("validate")
@options.scenario_options
@options.gathered(given=options.Given)
def command(given: options.Given) -> int:
    """Check SCENARIO (a file, or - for standard input): all mistakes at once, each with its position.

    Of a valid one it says how large it is and how many queries its percentiles need. Exit code 2 if it is not.
    """
    import simulator

    return answers.show(simulator.validate(given.load()))
