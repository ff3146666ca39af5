"""The table of capacities at several values."""

from collections.abc import Sequence
from typing import Any

from simulator.base.formats import exact_rate, format_rate
from simulator.documents import capacity, parts
from simulator.report.text import DASH, interval, money, notes, ratio, rendered, table


def capacities_table(document: capacity.Capacities, width: int | None = None, color: bool = False) -> str:
    """Capacities at several values (``Capacities.to_dict``): a row each, the values first."""
    return rendered(capacities_parts(document), width, color)


def capacities_parts(document: capacity.Capacities) -> list[Any]:
    """Its lines and tables, from top to bottom."""
    paths, rows = document["over"], document["capacities"]
    columns = [
        *paths,
        *("capacity", "95 % interval", "verdict", "bottleneck", "demand", "machines", "USD/h", "USD/M queries"),
    ]
    first = rows[0]
    within = ", ".join(dict.fromkeys(row["slo"] for row in first["curve"]))
    reasons = [f"{_at(row)}: {row['reason']}" for row in rows if row["reason"]]
    lines = [f"{_at(row)}: {note}" for row in rows for note in row["notes"]]
    return [
        parts.title_of(first),
        f"capacity within {within}, on one luck; the scenario's own load is {format_rate(first['own_per_s'])}",
        "",
        table(columns, [_row(row, paths) for row in rows], len(paths)),
        *notes([*document.get("notes", []), *reasons, *lines]),
    ]


def _row(row: capacity.CapacityAt, paths: Sequence[str]) -> list[str]:
    per_s, fleet = row["capacity_per_s"], row["fleet"]
    price, each = fleet["usd_per_h"], fleet["usd_per_million_queries"]
    return [
        *(str(row["values"][path]) for path in paths),
        DASH if per_s["value"] is None else exact_rate(per_s["value"]),
        interval(per_s, exact_rate) or DASH,
        row["verdict"],
        f"{row['bottleneck']['stage']}{' mergers' if row['bottleneck']['shard'] is None else ''}",
        ratio(row["bottleneck"]["demand"]),
        f"{fleet['machines']:,}",
        money(price),
        money(each),
    ]


def _at(row: capacity.CapacityAt) -> str:
    return " ".join(f"{path}={value}" for path, value in row["values"].items())
