"""``shardsim show``: the resolved scenario."""

from simulator.cli import answers, grouped, options


@grouped.command("show")
@options.scenario_options
@options.format_option("yaml", "json")
@options.gathered(given=options.Given)
def command(given: options.Given, format_: str) -> None:
    """Print SCENARIO with everything resolved: files merged, overrides applied, defaults written out.

    What is printed is itself a scenario, with the same meaning.
    """
    from simulator.report.files import to_json
    from simulator.scenario import to_yaml

    resolved = given.load().resolved()
    answers.hand_on(to_yaml(resolved) if format_ == "yaml" else to_json(resolved))
