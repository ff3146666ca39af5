"""The table of an estimate."""

from __future__ import annotations

from typing import Any

from simulator.report.text import DASH, duration, number, rate, ratio, rendered, table
from simulator.units import format_count, format_duration, format_rate


def estimate_table(estimate: dict[str, Any], width: int = 120, color: bool = False) -> str:
    """Paper and pencil (the document of ``shardsim estimate --format json``) as text."""
    rows, costs = [], []
    for stage in estimate["stages"]:
        rows.append(
            [
                stage["name"],
                str(stage["shards"]),
                format_count(stage["candidates"]),
                format_count(stage["items_per_shard"]),
                duration(stage["service_s"]["mean"]),
                duration(stage["service_s"]["max"]),
                ratio(stage["utilisation"]["mean"]),
                ratio(stage["utilisation"]["max"]),
            ]
        )
        model = stage["model"]
        unit = model["unit"]
        costs.append(
            [
                stage["name"],
                model["kind"],
                model["order"],
                _amount(model["inference"], unit),
                model["training_order"],
                _amount(model["training"], unit),
                model["bound_by"] or DASH,
            ]
        )
    shown = ["stage", "shards", "candidates", "items/shard", "service", "slowest shard", "utilisation", "hottest"]
    order = ["stage", "model", "inference", "a query", "training", "once", "bound by"]
    bottleneck, zero = estimate["bottleneck"], estimate["zero_load_s"]
    parts: list[Any] = [
        estimate["scenario"] + (f": {estimate['description']}" if estimate["description"] else ""),
        f"at {format_rate(estimate['rate_per_s'])}; saturated at {rate(estimate['saturation_per_s'])}; bottleneck: "
        f"{bottleneck['stage']}, shard {bottleneck['shard']}, replica {bottleneck['replica']}",
        "",
        table(shown, rows),
        "",
        table(order, costs, 3),
        "",
        "an empty system answers in "
        + ", ".join(f"{name} {format_duration(value)}" for name, value in zero.items() if name != "kind")
        + f" ({zero['kind']})",
    ]
    if estimate["predictions"]:
        laws = [
            [
                f"{item['stage'] or 'query'} {item['statistic']}",
                duration(item["value_s"]),
                item["kind"],
                item["law"],
            ]
            for item in estimate["predictions"]
        ]
        parts += ["", table(["under load", "value", "", "law"], laws, 1)]
    rows_said, epochs_said = format_count(estimate["rows"]), number(estimate["epochs"])
    parts += ["", f"training is for {rows_said} rows, epochs: {epochs_said}"]
    return rendered(parts, width, color)


def _amount(value: float | None, unit: str) -> str:
    return DASH if value is None else f"{format_count(value)} {unit}"
