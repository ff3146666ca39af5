"""``shardsim estimate``: paper and pencil."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from simulator.base.units import parse_count
from simulator.cli.options import Parsed, format_option, loaded, scenario_options, table_width, wants_color

if TYPE_CHECKING:
    from simulator.models import CostModel
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
    from simulator.report.estimate import estimate_table
    from simulator.report.files import to_json

    document = estimated(loaded(scenario, overlays, sets), rows, epochs)
    if format_ == "json":
        click.echo(to_json(document), nl=False)
    else:
        click.echo(estimate_table(document, table_width(), wants_color()), nl=False)


def estimated(scenario: Scenario, rows: float, epochs: float) -> dict[str, Any]:
    """The estimate of a scenario with the operation counts of its models."""
    from simulator.models import SumModel
    from simulator.planner.fleet import fleet
    from simulator.planner.plans import make_plan
    from simulator.scenario.models import SumSpec
    from simulator.theory import estimate

    plan = make_plan(scenario)
    names = [stage.name for stage in scenario.stages]
    document = estimate(plan, scenario.is_stationary).to_dict(names)
    for stage, found in zip(scenario.stages, document["stages"], strict=True):
        model = stage.cost_model(scenario.hardware)
        items = found["candidates"] / stage.shards
        found["shards"] = stage.shards
        found["items_per_shard"] = items
        found["model"] = {"kind": stage.model.kind, **costs(model, found["candidates"], items, rows, epochs)}
        if isinstance(model, SumModel) and isinstance(stage.model, SumSpec):
            parts = zip(stage.model.parts, model.parts, strict=True)
            found["model"]["parts"] = [
                {"kind": spec.kind, **costs(part, found["candidates"], items, rows, epochs)} for spec, part in parts
            ]
    head = {"schema": 1, "scenario": scenario.name, "description": scenario.description}
    money = fleet(scenario).to_dict(document["rate_per_s"])
    return {**head, **document, "fleet": money, "notes": scenario.notes(), "rows": rows, "epochs": epochs}


def costs(model: CostModel, candidates: float, items: float, rows: float, epochs: float) -> dict[str, Any]:
    """What a model does for a query of so many candidates, to be trained, and in one call over ``items`` items."""
    from simulator.models import call_s

    operations = model.operations(candidates, rows, epochs)
    demand = model.demand()
    seconds, further_s = call_s(model, items)
    return {
        "order": operations.order,
        "inference": operations.inference,
        "training_order": operations.training_order,
        "training": operations.training,
        "unit": operations.unit,
        "bound_by": model.bound_by(items),
        "call": {
            "items": items,
            "flop": None if demand is None else demand.flop(items),
            "moved_bytes": None if demand is None else demand.moved_bytes(items),
            "seconds": seconds,
            "seconds_per_further_item": further_s,
        },
    }
