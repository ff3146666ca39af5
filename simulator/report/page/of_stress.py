"""The figures of a stress: of one trigger what it does over time, of several what the system recovers from."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.base.formats import format_duration
from simulator.documents import stress
from simulator.report import text
from simulator.report.page import charts
from simulator.report.stress_figure import until_s

#: Colours of the map, by verdict.
_LOOKS = {
    "unharmed": "shade1",
    "recovers": "shade2",
    "recovers slowly": "shade4",
    "stays down": charts.BAD,
    "missed without it": charts.QUIET,
}


def figures(document: stress.Stress) -> Iterator[charts.Chart]:
    """All of them."""
    cells = document["triggers"]
    if len(cells) > 1:
        yield _map(cells)
        return
    for slo in document["slos"]:
        yield _timeline(cells[0], slo)


def _timeline(cell: stress.Cell, slo: str) -> charts.Chart:
    """The share of queries that miss an objective, with the trigger and without it."""
    rows = [row for row in cell["timeline"] if row["slo"] == slo]
    edges = [*(row["from_s"] for row in rows), rows[-1]["until_s"]]
    series = (
        [charts.zone(f"trigger: {cell['trigger']}", charts.QUIET, "x", 0.0, cell["lasts_s"])] if cell["lasts_s"] else []
    )
    for name, color, shares in (
        ("without the trigger", "c1", [row["usual_ratio"] for row in rows]),
        ("with it", "c2", [row["missed_ratio"] for row in rows]),
    ):
        values = [share if share is not None else 0.0 for share in shares]
        said = [
            f"{name}, {format_duration(row['from_s'])} .. {format_duration(row['until_s'])}: "
            f"{text.ratio(share)} of {row['queries']:,} miss it"
            for row, share in zip(rows, shares, strict=True)
        ]
        series.append(charts.step(name, color, edges, [*values, values[-1]], [*said, said[-1]]))
    series.append(charts.bound("a bad window has more", charts.INK, "y", rows[0]["bad_above_ratio"]))
    x, y = charts.scale("time after the trigger began", "s"), charts.from_zero("queries that miss it", "ratio")
    x["ends"] = [edges[0], until_s(cell, edges[-1])]
    return charts.chart(
        f"Queries that miss {slo}", x, y, series, "All replications together; zoom out for what was simulated after it."
    )


def _map(cells: list[stress.Cell]) -> charts.Chart:
    """A field a trigger: durations across, sizes up."""
    sizes = list(dict.fromkeys(cell["size"] for cell in cells))
    lasts = list(dict.fromkeys(cell["lasts_s"] for cell in cells))
    fields: dict[str, list[tuple[float, float, float, float, str]]] = {}
    printed = []
    for cell in cells:
        x, y = lasts.index(cell["lasts_s"]), sizes.index(cell["size"])
        median = text.duration_interval(cell["recovery_s"])
        said = f"{cell['trigger']}: {cell['verdict']}, {cell['recovered']} of {cell['replications']} recover"
        if median[0] != text.DASH:
            said += f", in {median[0]}" + (f" ({median[1]})" if median[1] else "")
        fields.setdefault(cell["verdict"], []).append((x - 0.5, x + 0.5, y - 0.5, y + 0.5, said))
        printed.append((float(x), float(y), _short(cell)))
    series = [charts.blocks(verdict, _LOOKS[verdict], fields[verdict]) for verdict in _LOOKS if verdict in fields]
    series.append(charts.words("in figures", charts.INK, printed))
    plain = cells[0]["trigger"].partition(" for ")[0]
    up = charts.of_names("", [plain if size is None else f"x{size:.6g}" for size in sizes])
    across = charts.of_names("how long the trigger lasts", [format_duration(one) for one in lasts])
    whole = charts.chart(
        "What it recovers from", across, up, series, "In each field the median time until it has recovered."
    )
    return {**whole, "rows": len(sizes)}


def _short(cell: stress.Cell) -> str:
    """What is written into a field."""
    if cell["verdict"] == "stays down":
        return f"down, {cell['replications'] - cell['recovered']}/{cell['replications']}"
    median_s = cell["recovery_s"]["value"]
    return cell["verdict"] if cell["verdict"] != "recovers" and not median_s else format_duration(median_s or 0.0)
