"""The tables of a sizing: the cheapest fleets, why cheaper ones fell, and cost against latency."""

from __future__ import annotations

from typing import Any

from simulator.base.units import format_count
from simulator.report.capacity import exact_rate
from simulator.report.text import DASH, duration, ratio, rendered, table

#: Of the front, rows at most: of those that fail, some are left out evenly.
MOST_ROWS = 12
#: A message is cut to so many letters in a cell.
MOST_LETTERS = 150


def size_table(found: dict[str, Any], width: int = 120, color: bool = False) -> str:
    """A sizing (``Sizing.to_dict``) as text."""
    paths = list(found["provenance"]["search"])
    head = found["scenario"] + (f": {found['description']}" if found["description"] else "")
    parts: list[Any] = [head, _asked(found), _headline(found)]
    if found["answers"]:
        parts += ["", _answers(found, paths)]
        spare = [row for answer in found["answers"][:1] for row in _conditions(answer)]
        parts += ["", table(["the cheapest", "verdict", *found["slos"]], spare)]
    if found["cheaper"]:
        which = "cheaper fleets fell since" if found["answers"] else "fleets fell since"
        columns = [which, "nearest:", "fleets", "simulated", "", found["unit"]]
        parts += ["", table(columns, [_fell(one, found["unit"]) for one in found["cheaper"]], 2)]
    if len(found["front"]) > 1:
        parts += ["", _front(found, paths)]
    parts += ["", f"{found['simulated']:,} fleets, {format_count(found['queries'])} queries simulated"]
    parts += [f"note: {note}" for note in found["notes"]]
    return rendered(parts, width, color)


def short(path: str) -> str:
    """A path without what all have in common.

    >>> short("stages.ranking.replicas")
    'ranking.replicas'
    """
    return path.removeprefix("stages.")


def money(value: float | None) -> str:
    """A cost with two decimals, or three digits where it is small."""
    if value is None:
        return DASH
    return f"{value:,.2f}" if value >= 0.1 else f"{value:.3g}"


def cost(value: float, unit: str) -> str:
    """What is minimised; machines and watts are whole."""
    return money(value) if unit == "USD/h" else f"{value:,.0f}"


def _asked(found: dict[str, Any]) -> str:
    spare = []
    if found["headroom"]:
        spare.append(f"with {100 * found['headroom']:.4g} % headroom")
    if found["survive"]:
        spare.append("with any one machine gone")
    also = f", also {' and '.join(spare)}" if spare else ""
    return f"{', '.join(found['slos'])} at {exact_rate(found['load_per_s'])}{also}; the least {found['minimise']}"


def _headline(found: dict[str, Any]) -> str:
    if found["answers"]:
        best = found["answers"][0]
        said = f"{cost(best['cost'], found['unit'])} {found['unit']} is the least of {found['fleets']:,} fleets"
        return said if found["minimise"] == "machines" else f"{said}: {best['machines']:,} machines"
    if found["interrupted"]:
        return "interrupted before a fleet was found"
    unsure = "" if found["verdict"] == "unreachable" else ", but some could not be told"
    return f"none of the {found['fleets']:,} fleets meets every objective{unsure}"


def _answers(found: dict[str, Any], paths: list[str]) -> Any:
    columns = [
        *("", *map(short, paths), "machines", "USD/h", "USD/M queries"),
        *(["W"] if found["minimise"] == "energy" else []),
        *("busiest", "", found["percentile"], "95 % interval"),
    ]
    rows = []
    for one in found["answers"]:
        busy, tail = one["bottleneck"], one["latency_s"][found["percentile"]]
        rows.append(
            [
                f"{one['rank']}.",
                *(str(one["values"][path]) for path in paths),
                f"{one['machines']:,}",
                money(one["usd_per_h"]),
                money(one["usd_per_million_queries"]),
                *([f"{one['power_w']:,.0f}"] if found["minimise"] == "energy" else []),
                ratio(busy["utilisation"]),
                busy["stage"],
                duration(tail["value"]),
                _interval(tail["low"], tail["high"]),
            ]
        )
    return table(columns, rows)


def _interval(low: float | None, high: float | None) -> str:
    if low is None:
        return ""
    return f"{duration(low)} .. {duration(high)}" if high is not None else f">= {duration(low)}"


def _conditions(answer: dict[str, Any]) -> list[list[str]]:
    """A row a condition: what each objective is there."""
    rows = []
    for one in answer["conditions"]:
        name = f"{one['name'] or 'as it is'}, {exact_rate(one['rate_per_s'])}"
        rows.append([name, one["verdict"], *(_value(slo) for slo in one["slos"])])
    return rows


def _value(slo: dict[str, Any]) -> str:
    value, unit = slo["value"], slo["unit"]
    if value is None:
        return "met" if slo["met"] else DASH
    return duration(value) if unit == "s" else exact_rate(value) if unit == "per_s" else ratio(value)


def _fell(one: dict[str, Any], unit: str) -> list[str]:
    nearest, what = one["nearest"], one["what"]
    names = {
        "does not fit": "they do not fit",
        "no replica to spare": "no replica to spare",
        "saturated": "saturated",
        "late when empty": f"{what} even when empty",
        "objective": what,
        "inconclusive": f"{what} could not be told",
    }
    over = nearest["over_bound"]
    if one["reason"] == "saturated":
        said = f"{ratio(over['value'])} busy"
    elif over["value"] is None:
        said = ""
    else:
        said = f"{_times(over['value'])} the bound"
        if over["low"] is not None and over["high"] is not None:
            said += f" ({_times(over['low'])} .. {_times(over['high'])})"
    where = nearest["condition"]
    if one["reason"] in ("does not fit", "no replica to spare"):
        where = nearest["what"]
    elif one["reason"] == "saturated":
        where = ", ".join(part for part in (nearest["what"], where) if part)
    elif one["reason"] == "late when empty":
        where = f"takes {nearest['said']}"
    elif one["reason"] == "inconclusive":
        where = ", ".join(part for part in (where, nearest["said"]) if part)
    counts = f"{one['fleets']:,}", f"{one['simulated']:,}"
    return [names[one["reason"]], _cut(where), *counts, said, cost(nearest["cost"], unit)]


def _times(value: float) -> str:
    """How many times a bound something is.

    >>> _times(1.0834), _times(12.3)
    ('1.083 x', '12.3 x')
    """
    return f"{value:.4g} x" if value < 10 else f"{value:.3g} x"


def _cut(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 3] + "..."


def _front(found: dict[str, Any], paths: list[str]) -> Any:
    """Cost against latency: of the fleets simulated, those to which none is both as cheap and as early."""
    rows = [found["seen"][at] for at in found["front"]]
    short_of = [row for row in rows if row["verdict"] != "met"]
    if len(short_of) > MOST_ROWS:
        kept = {round(at * (len(short_of) - 1) / (MOST_ROWS - 1)) for at in range(MOST_ROWS)}
        left_out = [row for at, row in enumerate(short_of) if at not in kept]
        rows = [row for row in rows if row not in left_out]
    key = f"worst_{found['percentile']}"
    columns = ["95 % interval", "objectives", *map(short, paths)]
    return table(
        [
            f"latency for money: {found['unit']}" if found["unit"] == "USD/h" else found["unit"],
            tail_name(found),
            *columns,
        ],
        [
            [
                cost(row["cost"], found["unit"]),
                duration(row[f"{key}_s"]),
                _interval(row[f"{key}_low_s"], row[f"{key}_high_s"]),
                row["verdict"],
                *(str(row[path]) for path in paths),
            ]
            for row in rows
        ],
    )


def tail_name(found: dict[str, Any]) -> str:
    """What latency is drawn against cost."""
    has_spare = found["headroom"] or found["survive"]
    return f"{found['percentile']} in the worst case" if has_spare else found["percentile"]
