"""The tables of a capacity: of one scenario, and beside other values of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.base.units import format_count, format_rate
from simulator.report.fleet import fleet_line
from simulator.report.run import slo_row
from simulator.report.text import DASH, ratio, rendered, table


def capacity_table(found: dict[str, Any], width: int = 120, color: bool = False) -> str:
    """A capacity (``Capacity.to_dict``) as text."""
    lines = [found["scenario"] + (f": {found['description']}" if found["description"] else ""), _headline(found)]
    if found["reason"]:
        lines.append(f"{found['verdict']}: {found['reason']}")
    headroom = found["headroom"]
    if headroom["value"] is not None:
        ends = "" if headroom["low"] is None else f" ({signed(headroom['low'])} .. {signed(headroom['high'])})"
        lines.append(
            f"headroom over the scenario's own {exact_rate(found['own_per_s'])}: {signed(headroom['value'])}{ends}"
        )
    theory = found["theory"]
    if theory is not None:
        lines.append(f"theory: {exact_rate(theory['per_s'])} for {theory['slo']}, {theory['law']}: {theory['verdict']}")
    lines.append(_bottleneck(found))
    parts: list[Any] = lines
    if found["slos"]:
        columns = ["objective", "there", "value", "95 % interval"]
        parts += ["", table(columns, [_slo(slo, found["binding_slo"]) for slo in found["slos"]], 2)]
    parts += [
        "",
        fleet_line(found["fleet"]),
        f"{found['probes']} probes, {format_count(found['queries'])} queries simulated",
    ]
    parts += [f"note: {note}" for note in found["notes"]]
    return rendered(parts, width, color)


def _headline(found: dict[str, Any]) -> str:
    within = ", ".join(dict.fromkeys(row["slo"] for row in found["curve"]))
    rate = {"constant": "at a constant rate", "trace": "replayed faster or slower"}
    kind = rate.get(found["rate"], f"mean rate of the {found['rate']}")
    arrivals = (
        f"{found['arrivals']} arrivals {kind}" if found["rate"] in rate else f"{found['arrivals']} arrivals, {kind}"
    )
    per_s = found["capacity_per_s"]
    value, low, high = per_s["value"], per_s["low"], per_s["high"]
    interval = "" if low is None else f"{exact_rate(low)} .. {exact_rate(high)}"
    if value is None:
        said = f"between {interval}" if interval else "none"
        return f"capacity within {within}: {said}; {arrivals}"
    half = "" if found["half_width"] is None else f" (half of it: {100 * found['half_width']:.2g} %)"
    about = "" if found["verdict"] == "found" else "about "
    interval = f", 95 % interval {interval}{half}" if interval else ""
    return f"capacity within {within}: {about}{exact_rate(value)}{interval}; {arrivals}"


def _bottleneck(found: dict[str, Any]) -> str:
    bottleneck = found["bottleneck"]
    where = f"{bottleneck['stage']}, shard {bottleneck['shard']}, replica {bottleneck['replica']}"
    saturated = f"saturated at {exact_rate(bottleneck['saturation_per_s'])}"
    return f"bottleneck: {where} at utilisation {ratio(bottleneck['utilisation'])} there; {saturated}"


def _slo(slo: dict[str, Any], binding: str) -> list[str]:
    row = slo_row(slo)
    return [row[0], "at its bound" if slo["slo"] == binding else row[1], *row[2:]]


def exact_rate(per_s: float) -> str:
    """A rate with four digits.

    >>> exact_rate(53.9482), exact_rate(12345.6)
    ('53.95/s', '12,346/s')
    """
    return f"{per_s:,.0f}/s" if per_s >= 1000 else f"{per_s:.4g}/s"


def signed(part: float) -> str:
    """A part in percent with its sign.

    >>> signed(0.079), signed(-0.5)
    ('+7.9 %', '-50 %')
    """
    return f"{100 * part:+.3g} %" if abs(part) < 10 else f"{part + 1:.3g} times"


def capacities_table(
    paths: Sequence[str],
    rows: Sequence[tuple[Mapping[str, Any], dict[str, Any]]],
    width: int = 120,
    color: bool = False,
) -> str:
    """Capacities at several values: a row each, the values at ``paths`` first."""
    columns = [
        *paths,
        "capacity",
        "95 % interval",
        "verdict",
        "bottleneck",
        "utilisation",
        "machines",
        "USD/h",
        "USD/M queries",
    ]
    body = []
    for values, found in rows:
        per_s, fleet = found["capacity_per_s"], found["fleet"]
        interval = DASH if per_s["low"] is None else f"{exact_rate(per_s['low'])} .. {exact_rate(per_s['high'])}"
        price, each = fleet["usd_per_h"], fleet["usd_per_million_queries"]
        body.append(
            [
                *(str(values[path]) for path in paths),
                DASH if per_s["value"] is None else exact_rate(per_s["value"]),
                interval,
                found["verdict"],
                found["bottleneck"]["stage"],
                ratio(found["bottleneck"]["utilisation"]),
                f"{fleet['machines']:,}",
                DASH if price is None else f"{price:,.2f}",
                DASH if each is None else f"{each:,.2f}",
            ]
        )
    first = rows[0][1]
    head = first["scenario"] + (f": {first['description']}" if first["description"] else "")
    within = ", ".join(dict.fromkeys(row["slo"] for row in first["curve"]))
    reasons = [f"{_at(values)}: {found['reason']}" for values, found in rows if found["reason"]]
    notes = [f"{_at(values)}: {note}" for values, found in rows for note in found["notes"]]
    parts = [
        head,
        f"capacity within {within}, on one luck; the scenario's own load is {format_rate(first['own_per_s'])}",
        "",
    ]
    said = [f"note: {line}" for line in (*reasons, *notes)]
    return rendered([*parts, table(columns, body, len(paths)), *([""] if said else []), *said], width, color)


def _at(values: Mapping[str, Any]) -> str:
    return " ".join(f"{path}={value}" for path, value in values.items())
