"""The tables of a stress."""

from collections.abc import Sequence
from typing import Any

from simulator.base.formats import format_duration, format_percent
from simulator.documents import parts, stress
from simulator.report.text import DASH, duration, interval, notes, rendered, table

#: Rows of the table of a trigger after it, at most, each twice as long as the one before.
MOST_ROWS = 12


def stress_table(document: stress.Stress, width: int | None = None, color: bool = False) -> str:
    """A stress (``Stress.to_dict``) as text."""
    return rendered(stress_parts(document), width, color)


def stress_parts(document: stress.Stress) -> list[Any]:
    """Its lines and tables, from top to bottom."""
    cells = document["triggers"]
    lines: list[Any] = [parts.title_of(document)]
    if len(cells) == 1:
        lines += [_said(cells[0]), *_gate(document), "", _timeline(document["slos"], cells[0])]
    else:
        lines += [*_gate(document), ""]
        lines.append(_map(cells))
        down = ", ".join(document["smallest"])
        lines += ["", f"smallest from which it does not recover: {down or 'none of these'}"]
    return [*lines, *notes(document["notes"])]


def _gate(document: stress.Stress) -> list[str]:
    most_s = document["max_recovery_s"]
    if most_s is None:
        return []
    return [f"recovers within {format_duration(most_s)}: {'yes' if document['in_time'] else 'NO'}"]


def _said(cell: stress.Cell) -> str:
    """What came of a trigger, in words."""
    verdict, of = cell["verdict"], cell["replications"]
    if verdict == "missed without it":
        return f"{cell['trigger']}: the objectives are missed without it, too"
    if verdict == "unharmed":
        return f"{cell['trigger']}: unharmed: no window is bad in any of {of} replications"
    if verdict == "stays down":
        within = format_duration(cell["horizon_s"])
        ends = interval(cell["recovered_ratio"], _percent)
        down = f"in {of - cell['recovered']} of {of} replications the objectives do not hold again within {within}"
        back = f"it recovers in {_percent(cell['recovered'] / of)} of them, 95 % interval {ends}"
        return f"{cell['trigger']}: stays down: {down}; {back}"
    recovery = cell["recovery_s"]
    ends = interval(recovery, duration)
    precise = f", 95 % interval {ends}" if ends else ""
    return (
        f"{cell['trigger']}: {verdict}: {duration(recovery['value'])} after it the objectives hold again "
        f"(median of {of} replications{precise}; slowest {duration(cell['slowest_s'])})"
    )


def _map(cells: Sequence[stress.Cell]) -> Any:
    """Sizes down, durations across."""
    sizes = list(dict.fromkeys(cell["size"] for cell in cells))
    lasts = list(dict.fromkeys(cell["lasts_s"] for cell in cells))
    there = {(cell["size"], cell["lasts_s"]): _short(cell) for cell in cells}
    what = cells[0]["trigger"].partition(" for ")[0] if cells[0]["size"] is None else cells[0]["kind"]
    rows = [[what if size is None else f"{what} x{size:.6g}", *(there[size, one] for one in lasts)] for size in sizes]
    return table(["for", *(format_duration(one) for one in lasts)], rows)


def _short(cell: stress.Cell) -> str:
    """What came of a trigger, in a cell of the map."""
    if cell["verdict"] == "stays down":
        return f"down {cell['replications'] - cell['recovered']}/{cell['replications']}"
    if cell["verdict"] in ("unharmed", "missed without it"):
        return {"unharmed": "unharmed", "missed without it": "missed"}[cell["verdict"]]
    return duration(cell["recovery_s"]["value"])


def _timeline(slos: Sequence[str], cell: stress.Cell) -> Any:
    """Shares of the queries that miss an objective: before, during, and after in stretches that double."""
    windows = [row for row in cell["timeline"] if row["slo"] == slos[0]]
    places = list(range(len(windows)))
    before = [place for place in places if windows[place]["until_s"] <= 1e-9]
    first = next(place for place in places if windows[place]["from_s"] >= cell["lasts_s"] * (1 - 1e-9))
    stretches = [("before", before), ("trigger", places[len(before) : first])] if cell["lasts_s"] else []
    count = 1
    while first < len(places):
        last = len(places) if len(stretches) == MOST_ROWS else min(len(places), first + count)
        stretches.append((_name(cell, windows, first, last), places[first:last]))
        first, count = last, 2 * count
    rows = []
    for name, some in stretches:
        shares = []
        for slo in slos:
            mine = [row for row in cell["timeline"] if row["slo"] == slo]
            shares += [_share(mine, some, "missed_ratio"), _share(mine, some, "usual_ratio")]
        rows.append([name, *shares])
    columns = ["after its end", *(column for slo in slos for column in (f"miss {slo}", "without"))]
    return table(columns, rows)


def _name(cell: stress.Cell, windows: Sequence[stress.Window], first: int, last: int) -> str:
    begin_s = round(windows[first]["from_s"] - cell["lasts_s"], 9)
    end_s = windows[last - 1]["until_s"] - cell["lasts_s"]
    return f"{format_duration(max(0.0, begin_s))} .. {format_duration(end_s)}"


def _share(rows: Sequence[stress.Window], some: Sequence[int], key: str) -> str:
    """A share over some windows, each weighed by its queries."""
    total = sum(rows[place]["queries"] for place in some)
    if not total:
        return DASH
    weighed = 0.0
    for row in (rows[place] for place in some):
        share = row["missed_ratio"] if key == "missed_ratio" else row["usual_ratio"]
        weighed += (share or 0.0) * row["queries"]
    return _percent(weighed / total)


def _percent(ratio: float) -> str:
    return format_percent(ratio, 3)
