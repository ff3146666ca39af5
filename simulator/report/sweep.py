"""The table of a sweep, as text and as CSV."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from simulator.base.formats import counted
from simulator.documents import parts, sweep
from simulator.report import text
from simulator.report.spreadsheet import cell
from simulator.report.sweep_values import known, number

_WORDS: dict[sweep.Cell, str] = {"met": "met", "failed": "FAILED", "inconclusive": "inconclusive", None: text.DASH}


def sweep_csv(document: sweep.Sweep) -> str:
    """A sweep (``Sweep.to_dict``) as CSV: a header with units in the names, a row a point."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    points = document["points"]
    if points:
        writer.writerow(map(cell, points[0]))
        writer.writerows(map(cell, row.values()) for row in points)
    return out.getvalue()


def sweep_table(document: sweep.Sweep, width: int | None = None, color: bool = False) -> str:
    """A sweep (``Sweep.to_dict``) as text: what was varied, and what a planner asks first."""
    return text.rendered(sweep_parts(document), width, color)


def sweep_parts(document: sweep.Sweep) -> list[Any]:
    """Its lines and tables, from top to bottom."""
    provenance, points = document["provenance"], document["points"]
    head = f"{len(points)} of " * document["interrupted"] + counted(provenance["points"], "point")
    said = f"{head}, the same random numbers at each, seed {document['seed']}"
    shown: list[Any] = [parts.title_of(document), said, ""]
    answered = [row for row in points if row["error"] is None]
    if answered:
        columns, cells = _cells(document, answered)
        shown.append(text.table(columns, cells, len(provenance["parameters"])))
    lines = [f"no answer at {point_text(document, row)}: {row['error']}" for row in points if row["error"] is not None]
    blank = [""] if lines and answered else []
    return [*shown, *blank, *lines, *text.notes(document.get("notes", []))]


def point_text(document: sweep.Sweep, row: sweep.Row) -> str:
    """The values of a point."""
    return ", ".join(f"{path}={row[path]}" for path in document["provenance"]["parameters"])


def _cells(document: sweep.Sweep, rows: Sequence[sweep.Row]) -> tuple[list[str], list[list[str]]]:
    """Columns of the table, and a row of cells a point."""
    provenance = document["provenance"]
    paths = list(provenance["parameters"])
    names = [f"p{percent:.12g}" for percent in provenance["percentiles"]]
    columns: dict[str, list[str]] = {path: [str(row[path]) for row in rows] for path in paths}
    if "load.rate" not in paths:
        columns["load"] = [text.rate(number(row, "rate_per_s")) for row in rows]
    columns["demand"] = [text.ratio(number(row, "bottleneck_demand")) for row in rows]
    columns["bottleneck"] = [str(row["bottleneck"]) for row in rows]
    for name in ("mean", *names):
        both = [text.duration_interval(_duration(row, name)) for row in rows]
        columns[name] = [value for value, _ in both]
        if name == document["aim"]["percentile"]:
            columns["95 % interval"] = [interval for _, interval in both]
    columns |= _by_group(rows, str(document["aim"]["percentile"]))
    hours = dict.fromkeys(column for row in rows for column in row if column.endswith(".replica_hours"))
    for name in hours:
        stage = name.removeprefix(sweep.STAGE).removesuffix(".replica_hours")
        columns[f"{stage} hours"] = [text.number(number(row, name)) for row in rows]
    for column, name in (
        ("shed", "shed_ratio"),
        ("given up", "timed_out_ratio"),
        ("coverage", "coverage"),
        ("partial", "partial_ratio"),
        ("wasted work", "wasted_ratio"),
    ):
        if any(row.get(name) is not None for row in rows):
            columns[column] = [text.ratio(number(row, name)) for row in rows]
    columns["verdict"] = [str(row["verdict"]) for row in rows]
    if any(row["slos_met"] is not None for row in rows):
        columns["objectives"] = [_WORDS[row["slos_met"]] for row in rows]
    if len({row["machines"] for row in rows}) > 1:
        columns["machines"] = [f"{known(row, 'machines'):,}" for row in rows]
    for column, name in (("USD/h", "usd_per_h"), ("USD/M queries", "usd_per_million_queries")):
        if any(row[name] is not None for row in rows):
            columns[column] = [text.DASH if row[name] is None else text.money(known(row, name)) for row in rows]
    if len(set(columns["bottleneck"])) == 1 and len(rows) > 1:
        del columns["bottleneck"]
    return list(columns), [list(cells) for cells in zip(*columns.values(), strict=True)]


def _by_group(rows: Sequence[sweep.Row], percentile: str) -> dict[str, list[str]]:
    """Of each class of queries and each phase, where there are some, the percentile that matters."""
    ending = f".latency_{percentile}_s"
    known = dict.fromkeys(column.removesuffix(ending) for row in rows for column in row if column.endswith(ending))
    names = {of: of.removeprefix(sweep.CLASS).removeprefix(sweep.PHASE) for of in known}
    return {
        f"{name} {percentile}": [text.duration_interval(_duration(row, percentile, f"{of}."))[0] for row in rows]
        for of, name in names.items()
    }


def _duration(row: sweep.Row, name: str, of: str = "") -> parts.Percentile | None:
    """A duration of a row as it was in the summary of its run; one that is only known from below has no value."""
    column = f"{of}latency_{name}_s"
    value, low, high = number(row, column), number(row, f"{column}_low"), number(row, f"{column}_high")
    if value is None and low is None:
        return None
    if value is None:
        return {"value": None, "low": low, "high": None, "at_least": True, "largest_finite": low}
    return {"value": value, "low": low, "high": high}
