"""The figures of searches: a capacity, the most clients, capacities at several values, a sizing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from simulator.base.formats import counted, exact_rate, format_duration
from simulator.documents import capacity, most_clients, parts, size
from simulator.report import text
from simulator.report.page import charts
from simulator.report.size import cost, short, tail_name

#: Objectives of which figures are drawn, at most: the one that binds, and the first.
MOST = 4
#: Measures whose figure is a part of 1.
RATIOS = ("utilisation", "hottest", "failed_ratio", "availability")


def capacity_figures(document: capacity.Capacity) -> Iterator[charts.Chart]:
    """Probes of each objective by load, and how sure each is."""
    marks = list(_loads(document))
    for slo in _drawn(document["curve"], document["binding_slo"]):
        rows = [row for row in document["curve"] if row["slo"] == slo]
        measure = slo.split()[0].split(".")[-1]
        is_ratio = measure.startswith(RATIOS) or " within " in slo
        show: Callable[[float], str] = text.ratio if is_ratio else format_duration
        unit: charts.Unit = "ratio" if is_ratio else "s"
        said = [
            f"{exact_rate(row['rate_per_s'])}: {text.DASH if row['figure'] is None else show(row['figure'])}, "
            f"{counted(row['queries'], 'query')}{_sure(row)}"
            for row in rows
        ]
        known = [row for row in rows if row["figure"] is not None]
        series = [
            *marks,
            charts.bound(f"objective: {slo}", charts.INK, "y", rows[0]["bound"]),
            charts.line("simulated", "c1", *_sorted((row["rate_per_s"], row["figure"]) for row in known)),
            charts.points(
                "simulated", "c1", [row["rate_per_s"] for row in rows], [row["figure"] for row in rows], said
            ),
        ]
        is_positive = all(row["figure"] for row in known)
        y = charts.scale(re.split("[<>]", slo)[0].strip(), unit, log=unit == "s" and is_positive, both=is_positive)
        beyond = sum(row["figure"] is None for row in rows)
        note = f"{counted(beyond, 'load')} beyond saturation, where there is no figure." if beyond else ""
        yield charts.chart(f"{slo}, by load", charts.from_zero("mean load", "per_s"), y, series, note)
    yield from _certainty(document["curve"], "rate_per_s", charts.from_zero("mean load", "per_s"), marks)


def _sorted(pairs: Any) -> tuple[list[float], list[float]]:
    """Pairs in order, as two lists."""
    ordered = sorted(pairs)
    return [x for x, _ in ordered], [y for _, y in ordered]


def _sure(row: capacity.Probe | most_clients.Tried) -> str:
    """The interval of the share that misses it, as a part of what is allowed."""
    low, high = row["low_over_bound"], row["high_over_bound"]
    if low is None or high is None:
        return ""
    return f"; over what is allowed: {text.number(low)} .. {text.number(high)}"


def _drawn(curve: Sequence[capacity.Probe | most_clients.Tried], binding: str) -> list[str]:
    """The objective that binds, and the first others."""
    slos = list(dict.fromkeys(row["slo"] for row in curve))
    return sorted(slos, key=lambda slo: slo != binding)[:MOST]


def _loads(document: capacity.Figures) -> Iterator[charts.Series]:
    """The capacity with its interval, the scenario's own load, and saturation."""
    per_s, is_found = document["capacity_per_s"], document["verdict"] == "found"
    value, low, high = per_s["value"], per_s["low"], per_s["high"]
    if low is not None and high is not None:
        what = "95 % interval of the capacity" if is_found else "between, as far as is known"
        yield charts.zone(what, charts.GOOD, "x", low, high)
    if value is not None:
        what = f"capacity: {exact_rate(value)}" if is_found else f"not certain: about {exact_rate(value)}"
        yield charts.bound(what, charts.GOOD, "x", value, dashed=not is_found)
    own, saturated = document["own_per_s"], document["bottleneck"]["saturation_per_s"]
    yield charts.bound(f"own load: {exact_rate(own)}", charts.QUIET, "x", own)
    yield charts.bound(f"saturated: {exact_rate(saturated)}", charts.BAD, "x", saturated)


def _certainty(
    curve: Sequence[capacity.Probe | most_clients.Tried], column: str, x: charts.Scale, marks: list[charts.Series]
) -> Iterator[charts.Chart]:
    """Intervals of the share that misses each objective, as a part of what is allowed."""
    series = [*marks, charts.bound("what is allowed", charts.INK, "y", 1.0)]
    is_any = False
    for color, slo in zip(charts.COLORS, dict.fromkeys(row["slo"] for row in curve), strict=False):
        rows = [row for row in curve if row["slo"] == slo and row["high_over_bound"] is not None]
        places = [float(cast(dict[str, Any], row)[column]) for row in rows]
        ends = [(row["low_over_bound"], row["high_over_bound"]) for row in rows]
        middle = [None if None in pair else (pair[0] + pair[1]) / 2 for pair in ends]  # type: ignore[operator]
        said = [f"{slo} at {text.number(at)}{_sure(row)}" for at, row in zip(places, rows, strict=True)]
        lines = [(at, low, at, high) for at, (low, high) in zip(places, ends, strict=True)]
        series += [charts.ends(slo, color, lines), charts.points(slo, color, places, middle, said)]
        is_any = is_any or bool(rows)
    if is_any:
        y = charts.scale("over what is allowed", "number")
        said_below = (
            "95 % intervals; of an objective on latency, of the share of queries that are later than its bound."
        )
        yield charts.chart("How sure each load is", x, y, series, said_below)


def clients_figures(document: most_clients.MostClients) -> Iterator[charts.Chart]:
    """Probes of each objective by the number of clients."""
    clients, curve = document["clients"], document["curve"]
    marks = [
        charts.bound(f"own: {counted(document['own_clients'], 'client')}", charts.QUIET, "x", document["own_clients"])
    ]
    if clients["low"] is not None and clients["high"] is not None:
        marks.append(charts.zone("95 % interval of the most", charts.GOOD, "x", clients["low"], clients["high"]))
    if clients["value"] is not None:
        label = f"most: {counted(clients['value'], 'client')}"
        marks.append(charts.bound(label, charts.GOOD, "x", clients["value"], dashed=False))
    series = [*marks, charts.bound("its bound", charts.INK, "y", 1.0)]
    for color, slo in zip(charts.COLORS, _drawn(curve, document["binding_slo"]), strict=False):
        rows = [row for row in curve if row["slo"] == slo and row["value_over_bound"] is not None]
        x, y = [row["clients"] for row in rows], [row["value_over_bound"] for row in rows]
        said = [
            f"{slo}, {counted(row['clients'], 'client')}: "
            f"{text.number(row['value_over_bound'])} times its bound{_sure(row)}"
            for row in rows
        ]
        series += [charts.line(slo, color, *_sorted(zip(x, y, strict=True))), charts.points(slo, color, x, y, said)]
    across = charts.scale("clients", "number", both=True)
    up = charts.scale("figure over its bound", "number", both=True)
    yield charts.chart("Objectives by the number of clients", across, up, series)
    yield from _certainty(curve, "clients", charts.scale("clients", "number", both=True), marks)


def _held(per_s: parts.Interval) -> str:
    """A capacity and its interval."""
    value = text.DASH if per_s["value"] is None else exact_rate(per_s["value"])
    return f"{value} ({text.interval(per_s, exact_rate)})"


def capacities_figures(document: capacity.Capacities) -> Iterator[charts.Chart]:
    """The capacity at each combination of values."""
    rows = document["capacities"]
    names = [", ".join(f"{short(path)} {value}" for path, value in row["values"].items()) for row in rows]
    found = [(len(rows) - 1 - place, name, row) for place, (name, row) in enumerate(zip(names, rows, strict=True))]
    series = []
    for name, color, is_found in (("capacity", "c1", True), ("not certain", charts.QUIET, False)):
        mine = [one for one in found if (one[2]["verdict"] == "found") is is_found]
        ends = [(row["capacity_per_s"]["low"], at, row["capacity_per_s"]["high"], at) for at, _, row in mine]
        said = [f"{label}: {_held(row['capacity_per_s'])}, {row['verdict']}" for _, label, row in mine]
        values = [row["capacity_per_s"]["value"] for _, _, row in mine]
        series += [charts.ends(name, color, ends), charts.points(name, color, values, [at for at, _, _ in mine], said)]
    own = rows[0]["own_per_s"]
    series.append(charts.bound(f"own load: {exact_rate(own)}", charts.QUIET, "x", own))
    x = charts.from_zero("capacity, 95 % interval", "per_s")
    yield charts.in_rows("Capacity by value", x, "", names, series)


_LOOKS = {
    "met": ("meets every objective", charts.GOOD),
    "failed": ("fails", charts.BAD),
    "inconclusive": ("could not be told", charts.QUIET),
}


def size_figures(document: size.Size) -> Iterator[charts.Chart]:
    """Latency against cost, of every fleet that was simulated."""
    percentile, unit, seen = document["percentile"], document["unit"], document["seen"]
    paths = list(document["provenance"]["search"])
    series = []
    for verdict, (name, color) in _LOOKS.items():
        rows = [row for row in seen if row["verdict"] == verdict]
        worst = [size.worst_of(row, percentile) for row in rows]
        said = [
            f"{cost(row['cost'], unit)} {unit}: {', '.join(_values(row, paths))}; "
            f"{percentile} {text.duration(tail['value'])} ({text.interval(tail, text.duration)}), {verdict}"
            for row, tail in zip(rows, worst, strict=True)
        ]
        series += [
            charts.ends(
                name,
                color,
                [(row["cost"], tail["low"], row["cost"], tail["high"]) for row, tail in zip(rows, worst, strict=True)],
            ),
            charts.points(name, color, [row["cost"] for row in rows], [tail["value"] for tail in worst], said),
        ]
    front = [seen[place] for place in document["front"]]
    if len(front) > 1:
        tails = [size.worst_of(row, percentile)["value"] for row in front]
        series.append(charts.step("front", charts.INK, [row["cost"] for row in front], tails))
    if document["bound_s"] is not None:
        series.append(
            charts.bound(f"bound: {format_duration(document['bound_s'])}", charts.INK, "y", document["bound_s"])
        )
    known = [tail for row in seen if (tail := size.worst_of(row, percentile)["value"]) is not None]
    if known:
        y = charts.scale(f"{tail_name(document)}, 95 % interval", "s", log=max(known) > 20 * min(known), both=True)
        x = charts.scale(unit, "number", both=True)
        yield charts.chart("Cost against latency", x, y, series, "Each point is a fleet that was simulated.")


def _values(row: size.Seen, paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        value: parts.Value = size.value_of(row, path)
        yield f"{short(path)} {value}"
