"""The figures of a sweep: latency against what was varied first, and a map of two parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from simulator.base.formats import exact_rate, format_duration
from simulator.documents import sweep
from simulator.report import text
from simulator.report.page import charts
from simulator.report.sweep_values import Axis, axes_of, number

#: Percentiles that are drawn where a figure is of one scenario, besides the one that matters.
SHOWN = ("p50", "p95", "p99")
#: Paths whose values are loads: latency is drawn against the mean rate.
LOADS = ("load.rate", "load.scale")


def figures(document: sweep.Sweep) -> Iterator[charts.Chart]:
    """All of them that there are; none where nothing was varied, or nothing answered."""
    rows = [row for row in document["points"] if row["error"] is None]
    axes = axes_of(document["provenance"]["parameters"], document["points"])
    varied = [axis for axis in axes if len(axis.values) > 1]
    if not rows or not varied:
        return
    first = next((axis for axis in varied if axis.path in LOADS), None)
    first = first or next((axis for axis in varied if axis.is_numeric), varied[0])
    others = [axis for axis in varied if axis is not first]
    fixed = others[1:]
    here = [row for row in rows if all(row[axis.path] == rows[0][axis.path] for axis in fixed)]
    yield _lines(document, here, first, others, fixed)
    if others and len(here) > len(others[0].values) and not (first.differs or others[0].differs):
        yield map_of(document, here, others[0], first)


def _lines(
    document: sweep.Sweep, rows: Sequence[sweep.Row], first: Axis, others: Sequence[Axis], fixed: Sequence[Axis]
) -> charts.Chart:
    """Percentiles of latency, or the one that matters for each value of a second axis."""
    aim, series = document["aim"], []
    said = [f"At {', '.join(f'{axis.path}={rows[0][axis.path]}' for axis in fixed)}."] if fixed else []
    if others:
        values = others[0].values[: len(charts.COLORS)]
        for color, value in zip(charts.COLORS, values, strict=False):
            mine = [row for row in rows if row[others[0].path] == value]
            series += _line(mine, first, aim["percentile"], color, f"{others[0].path}={value}")
        if len(others[0].values) > len(values):
            said.append(f"{len(values)} of {len(others[0].values)} values of {others[0].path}; all are in the table.")
    else:
        names = [name for name in dict.fromkeys((*SHOWN, aim["percentile"])) if f"latency_{name}_s" in rows[0]]
        for color, name in zip(charts.COLORS, names, strict=False):
            series += _line(rows, first, name, color, name)
    if aim["bound_s"] is not None:
        series.append(charts.bound(f"objective: {aim['slo']}", charts.INK, "y", aim["bound_s"]))
    without = [row for row in rows if number(row, f"latency_{aim['percentile']}_s") is None]
    if without:
        places = list(dict.fromkeys(str(row[first.path]) for row in without))
        at, more = ", ".join(places[:6]), f" and {len(places) - 6} more" if len(places) > 6 else ""
        said.append(f"No {aim['percentile']} at {first.path} {at}{more}: saturated, or too few queries.")
    y = charts.scale(f"latency, 95 % {'interval' if others else 'intervals'}", "s", log=True, both=True)
    of = f"{aim['percentile']} against" if others else "Latency against"
    return charts.chart(f"{of} {_name(first)}", _across(first, rows), y, series, " ".join(said))


def _name(first: Axis) -> str:
    return "load" if first.path in LOADS else first.path


def _across(first: Axis, rows: Sequence[sweep.Row]) -> charts.Scale:
    """The axis of what was varied first."""
    if first.path in LOADS:
        return {**charts.scale("mean load", "per_s", both=True), "zero": True}
    if not first.is_numeric:
        return charts.of_names(first.path, [str(value) for value in first.values])
    plain = charts.scale(first.label, "number", both=all(_x(row, first) > 0 for row in rows))
    return {**plain, "whole": all(_x(row, first) == int(_x(row, first)) for row in rows)}


def _x(row: sweep.Row, first: Axis) -> float:
    """Where a row is."""
    rate_per_s = number(row, "rate_per_s") if first.path in LOADS else None
    return first.position(row[first.path]) if rate_per_s is None else rate_per_s


def _line(rows: Sequence[sweep.Row], first: Axis, name: str, color: str, label: str) -> list[charts.Series]:
    """One percentile with its interval; where the sample does not support it the line is broken."""
    ordered = sorted(rows, key=lambda row: _x(row, first))
    x = [_x(row, first) for row in ordered]
    column = f"latency_{name}_s"
    value, low, high = ([number(row, key) for row in ordered] for key in (column, f"{column}_low", f"{column}_high"))
    said = [_said(row, first, name, label) for row in ordered]
    if first.path in LOADS or first.is_numeric:
        drawn = [charts.band(label, color, x, low, high), charts.line(label, color, x, value)]
    else:
        drawn = [charts.ends(label, color, zip(x, low, x, high, strict=True))]
    return [*drawn, charts.points(label, color, x, value, said)]


def _said(row: sweep.Row, first: Axis, name: str, label: str) -> str:
    column = f"latency_{name}_s"
    value, low, high = (number(row, key) for key in (column, f"{column}_low", f"{column}_high"))
    at = exact_rate(_x(row, first)) if first.path in LOADS else f"{first.path}={row[first.path]}"
    ends = text.interval({"value": value, "low": low, "high": high}, text.duration)
    which = name if label == name else f"{name}, {label}"
    return f"{which} at {at}: {text.duration(value)} ({ends or 'no interval'}), {row['verdict']}"


def map_of(document: sweep.Sweep, rows: Sequence[sweep.Row], down: Axis, across: Axis) -> charts.Chart:
    """The percentile that matters for each pair of values, by colour and in figures."""
    name = document["aim"]["percentile"]
    column = f"latency_{name}_s"
    known = [value for row in rows if (value := number(row, column)) is not None]
    shades = [f"shade{level}" for level in range(1, 6)]
    fields: dict[str, list[tuple[float, float, float, float, str]]] = {}
    printed = []
    for row in rows:
        x, y, value = across.values.index(row[across.path]), down.values.index(row[down.path]), number(row, column)
        shade = charts.QUIET if value is None else shades[_level(value, known, len(shades))]
        shown = "no figure" if value is None else format_duration(value)
        met = {"met": ", met", "failed": ", FAILED", "inconclusive": ", inconclusive"}.get(str(row["slos_met"]), "")
        said = f"{down.path}={row[down.path]}, {across.path}={row[across.path]}: {name} {shown}{met}"
        fields.setdefault(shade, []).append((x - 0.5, x + 0.5, y - 0.5, y + 0.5, said))
        printed.append((float(x), float(y), f"{shown}{' *' if 'FAILED' in met else ''}"))
    series: list[Any] = [charts.blocks(f"{name} by colour", shade, fields[shade]) for shade in fields]
    series.append(charts.words("in figures", charts.INK, printed))
    x_axis = charts.of_names(across.path, [str(value) for value in across.values])
    whole = charts.chart(
        f"{name} at each pair of values",
        x_axis,
        charts.of_names(down.path, [str(value) for value in down.values]),
        series,
        "Darker is later; * an objective failed.",
    )
    return {**whole, "rows": len(down.values)}


def _level(value: float, known: Sequence[float], levels: int) -> int:
    """Which of so many steps, equal in logarithms, a value is in."""
    low, high = min(known), max(known)
    part = math.log(value / low) / math.log(high / low) if 0 < low < high else 0.0
    return min(levels - 1, int(part * levels))


def front(document: sweep.Sweep) -> charts.Chart | None:
    """The percentile that matters against what the fleet costs: joined, those that no other beats in both.

    By machines where the fleet is not priced. None where no point has both.
    """
    name = document["aim"]["percentile"]
    column = f"latency_{name}_s"
    rows = [row for row in document["points"] if row["error"] is None and number(row, column) is not None]
    is_priced = all(number(row, "usd_per_h") is not None for row in rows)
    key, label = ("usd_per_h", "USD/h") if is_priced else ("machines", "machines")
    known = sorted((number(row, key) or 0.0, number(row, column) or 0.0, place) for place, row in enumerate(rows))
    best, least = [], math.inf
    for cost, late_s, place in known:
        if late_s < least:
            best.append((cost, late_s, place))
            least = late_s
    if not best:
        return None
    varied = [axis.path for axis in axes_of(document["provenance"]["parameters"], rows) if len(axis.values) > 1]
    looks = {"met": ("objectives met", charts.GOOD), "failed": ("an objective failed", charts.BAD)}
    of: dict[tuple[str, str], list[tuple[float, float, str]]] = {}
    whiskers: dict[tuple[str, str], list[Any]] = {}
    for cost, late_s, place in known:
        row = rows[place]
        look = looks.get(str(row["slos_met"]), ("inconclusive", charts.QUIET))
        look = look if row["slos_met"] is not None else ("points", "c1")
        at = ", ".join(f"{path}={row[path]}" for path in varied)
        of.setdefault(look, []).append((cost, late_s, f"{at}: {name} {format_duration(late_s)} for {cost:g} {label}"))
        whiskers.setdefault(look, []).append((cost, number(row, f"{column}_low"), cost, number(row, f"{column}_high")))
    series = [
        charts.line("no other is cheaper and faster", charts.INK, *zip(*((x, y) for x, y, _ in best), strict=True))
    ]
    for (word, color), points in of.items():
        series.append(charts.ends(word, color, whiskers[word, color]))
        series.append(charts.points(word, color, *zip(*points, strict=True)))
    tops = [", ".join(str(rows[place][path]) for path in varied) for *_, place in best]
    named = [(cost, late_s, top) for (cost, late_s, _), top in zip(best, tops, strict=True)]
    series.append(charts.words("which", charts.INK, named[:12]))
    if document["aim"]["bound_s"] is not None:
        series.append(charts.bound(f"objective: {document['aim']['slo']}", charts.INK, "y", document["aim"]["bound_s"]))
    x, y = charts.scale(label, "number", both=True), charts.scale(f"{name}, 95 % interval", "s", log=True, both=True)
    said = f"Beside those that are joined: {', '.join(varied)}." if varied else ""
    return charts.chart(f"{name} against what the fleet costs", x, y, series, said)
