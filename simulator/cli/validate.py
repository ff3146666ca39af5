"""``shardsim validate``: check a scenario without running it."""

from __future__ import annotations

import click

from simulator.cli.options import loaded, scenario_options


@click.command("validate")
@scenario_options
def command(scenario: str, overlays: tuple[str, ...], sets: tuple[str, ...]) -> None:
    """Check SCENARIO (a file, or - for standard input): all mistakes at once, each with its position.

    Of a valid one it says how large it is and how many queries its percentiles need. Exit code 2 if it is not.
    """
    from simulator.base.units import format_count, format_rate
    from simulator.planner.plans import make_plan
    from simulator.running.forecast import enough_queries, highest_percentile
    from simulator.theory import estimate

    checked = loaded(scenario, overlays, sets)
    plan = make_plan(checked)
    paper = estimate(plan, checked.is_stationary)
    replications = checked.run.replications
    sizes = {"stage": len(checked.stages), "shard": plan.shards, "replica": plan.replicas}
    fleet = ", ".join(f"{count} {what}{'s' if count > 1 else ''}" for what, count in sizes.items())
    click.echo(
        f"{checked.source}: valid. {checked.name}: {fleet}; "
        f"{replications} x {plan.measured:,} queries, {format_count(plan.queries * plan.shards * replications)} tasks"
    )
    limit = format_rate(paper.saturation_per_s) if paper.utilisation > 0 else "no rate"
    load = f"utilisation {paper.utilisation:.1%} at {format_rate(paper.rate_per_s)}"
    click.echo(f"busiest replica: {load}, saturated at {limit}")
    percentile = highest_percentile(checked)
    enough = enough_queries(paper, percentile)
    if enough is None:
        click.echo("beyond saturation latency grows with the length of the run: no percentile means anything")
    else:
        there = format_count(plan.measured * replications)
        click.echo(f"an honest p{percentile:g} takes about {format_count(enough)} queries in all; there are {there}")
