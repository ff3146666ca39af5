"""``shardsim estimate``: paper and pencil."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from simulator.cli.options import Parsed, format_option, loaded, scenario_options, table_width, wants_color
from simulator.units import parse_count

if TYPE_CHECKING:
    from simulator.scenario import Scenario

COUNT = Parsed("count", parse_count)


@click.command("estimate")
@scenario_options
@click.option("--rows", type=COUNT, default="1M", show_default=True, help="Rows that the models are trained on.")
@click.option("--epochs", type=COUNT, default="1", show_default=True, help="Passes over the rows.")
@format_option("table", "json")
def command(
    scenario: str, overlays: tuple[str, ...], sets: tuple[str, ...], rows: float, epochs: float, format_: str
) -> None:
    """Work SCENARIO out on paper, without simulating.

    Utilisation and saturation, latency of an empty system, operations of the models by their asymptotic laws, and
    the closed forms that hold under load.
    """
    from simulator.report import estimate_table, to_json

    document = estimated(loaded(scenario, overlays, sets), rows, epochs)
    if format_ == "json":
        click.echo(to_json(document), nl=False)
    else:
        click.echo(estimate_table(document, table_width(), wants_color()), nl=False)


def estimated(scenario: Scenario, rows: float, epochs: float) -> dict[str, Any]:
    """The estimate of a scenario with the operation counts of its models."""
    from simulator.planner import make_plan
    from simulator.theory import estimate

    plan = make_plan(scenario)
    names = [stage.name for stage in scenario.stages]
    document = estimate(plan, scenario.is_stationary).to_dict(names)
    for stage, found in zip(scenario.stages, document["stages"], strict=True):
        model = stage.cost_model(scenario.hardware)
        operations = model.operations(found["candidates"], rows, epochs)
        found["shards"] = stage.shards
        found["items_per_shard"] = found["candidates"] / stage.shards
        found["model"] = {
            "kind": stage.model.kind,
            "order": operations.order,
            "inference": operations.inference,
            "training_order": operations.training_order,
            "training": operations.training,
            "unit": operations.unit,
            "bound_by": model.bound_by(found["items_per_shard"]),
        }
    head = {"schema": 1, "scenario": scenario.name, "description": scenario.description}
    return {**head, **document, "rows": rows, "epochs": epochs}
