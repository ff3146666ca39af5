"""The table of a sweep, as text and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from simulator.report.text import DASH, duration_interval, rate, ratio, rendered, table

_WORDS = {"met": "met", "failed": "FAILED", "inconclusive": "inconclusive", None: DASH}


def sweep_csv(found: dict[str, Any]) -> str:
    """A sweep (``Sweep.to_dict``) as CSV: a header with units in the names, a row a point."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    points = found["points"]
    if points:
        writer.writerow(points[0])
        writer.writerows(["" if value is None else _exact(value) for value in row.values()] for row in points)
    return out.getvalue()


def _exact(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def sweep_table(found: dict[str, Any], width: int = 120, color: bool = False) -> str:
    """A sweep (``Sweep.to_dict``) as text: what was varied, and what a planner asks first."""
    title = found["scenario"] + (f": {found['description']}" if found["description"] else "")
    asked, points = found["provenance"], found["points"]
    head = f"{len(points)} of {asked['points']}" if found["interrupted"] else str(len(points))
    parts: list[Any] = [title, f"{head} points, the same random numbers at each, seed {found['seed']}", ""]
    answered = [row for row in points if row["error"] is None]
    if answered:
        columns, cells = _cells(found, answered)
        parts.append(table(columns, cells, len(asked["parameters"])))
    lines = [f"no answer at {point_text(found, row)}: {row['error']}" for row in points if row["error"] is not None]
    return rendered([*parts, *([""] if lines and answered else []), *lines], width, color)


def point_text(found: dict[str, Any], row: dict[str, Any]) -> str:
    """The values of a point."""
    return ", ".join(f"{path}={row[path]}" for path in found["provenance"]["parameters"])


def _cells(found: dict[str, Any], rows: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Columns of the table, and a row of cells a point."""
    paths = list(found["provenance"]["parameters"])
    aim = found["aim"]
    names = [f"p{percent:.12g}" for percent in found["provenance"]["percentiles"]]
    made: dict[str, list[str]] = {path: [str(row[path]) for row in rows] for path in paths}
    if "load.rate" not in paths:
        made["load"] = [rate(row["rate_per_s"]) for row in rows]
    made["utilisation"] = [ratio(row["bottleneck_utilisation"]) for row in rows]
    made["bottleneck"] = [row["bottleneck"] for row in rows]
    for name in ("mean", *names):
        both = [duration_interval(_figure(row, name)) for row in rows]
        made[name] = [value for value, _ in both]
        if name == aim["percentile"]:
            made["95 % interval"] = [interval for _, interval in both]
    made["verdict"] = [row["verdict"] for row in rows]
    if any(row["slos_met"] is not None for row in rows):
        made["objectives"] = [_WORDS[row["slos_met"]] for row in rows]
    if len({row["machines"] for row in rows}) > 1:
        made["machines"] = [f"{row['machines']:,}" for row in rows]
    for column, name in (("USD/h", "usd_per_h"), ("USD/M queries", "usd_per_million_queries")):
        if any(row[name] is not None for row in rows):
            made[column] = [DASH if row[name] is None else f"{row[name]:,.2f}" for row in rows]
    if len(set(made["bottleneck"])) == 1 and len(rows) > 1:
        del made["bottleneck"]
    return list(made), [list(cells) for cells in zip(*made.values(), strict=True)]


def _figure(row: dict[str, Any], name: str) -> dict[str, Any] | None:
    """A duration of a row as it was in the summary of its run; one that is only known from below has no value."""
    value, low, high = (row.get(f"latency_{name}_s{end}") for end in ("", "_low", "_high"))
    if value is None:
        return None if low is None else {"at_least": True, "largest_finite": low}
    return {"value": value, "low": low, "high": high}
