"""The figures of changes: a sensitivity, a comparison, an explanation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.documents import compare, explain, parts, sensitivity
from simulator.report import text
from simulator.report.explain_figure import COLORS
from simulator.report.page import charts

#: Rows that are drawn, at most: those that do most.
MOST = 30
#: Colours, by what is said of a change.
_LOOKS = {
    "better": charts.GOOD,
    "worse": charts.BAD,
    "higher": "c1",
    "lower": "c1",
    "no difference seen": charts.QUIET,
    "same": charts.QUIET,
    "not known": charts.QUIET,
}

#: What changes by how much, and what is said of it.
Row = tuple[str, parts.Interval | None, str]


def tornado(title: str, label: str, rows: Sequence[Row], said: str = "") -> charts.Chart | None:
    """A bar a row with its interval, by what is said of it; None if nothing is known."""
    known = [row for row in rows[:MOST] if row[1] is not None and row[1]["value"] is not None]
    if not known:
        return None
    series = []
    for word, color in _LOOKS.items():
        bars, ends = [], []
        for place, (name, change, is_said) in enumerate(known):
            if change is None or is_said != word or change["value"] is None:
                continue
            at, value = len(known) - 1 - place, change["value"]
            shown = (
                f"{text.signed(value)} ({text.interval(change, text.signed)})"
                if change["low"] is not None
                else text.signed(value)
            )
            bars.append((min(0.0, value), max(0.0, value), at - 0.3, at + 0.3, f"{name}: {shown}, {word}"))
            ends.append((change["low"], at, change["high"], at))
        series += [charts.blocks(word, color, bars), charts.ends(word, charts.INK, ends)]
    left_out = len(rows) - len(known)
    more = f" {left_out:,} without a figure, or that do less, are in the table." if left_out else ""
    x = charts.scale(label, "change")
    series.append(charts.bound("no change", charts.INK, "x", 0.0, dashed=False))
    return charts.in_rows(title, x, "", [name for name, _, _ in known], series, f"{said}{more}".strip())


def sensitivity_figures(document: sensitivity.Sensitivity) -> Iterator[charts.Chart]:
    """What each knob does to capacity and to the tail."""
    percentile, knobs = document["percentile"], document["knobs"]
    names = [f"{knob['knob']}  {knob['change']}" for knob in knobs]
    tails: list[Row] = [
        (name, sensitivity.tail_change(knob, percentile), sensitivity.tail_word(knob, percentile))
        for name, knob in zip(names, knobs, strict=True)
    ]
    held: list[Row] = [
        (name, knob["capacity_change"], knob["capacity_word"]) for name, knob in zip(names, knobs, strict=True)
    ]
    for title, rows in ((f"{percentile} at the scenario's own load", tails), ("capacity", held)):
        one = tornado(f"What each knob does to {title}", "change, 95 % interval", _by_size(rows))
        if one is not None:
            yield one


def _by_size(rows: list[Row]) -> list[Row]:
    """What does most first."""
    return sorted(rows, key=lambda row: -abs((row[1] or {"value": None})["value"] or 0.0))


def compare_figures(document: compare.Comparison) -> Iterator[charts.Chart]:
    """How much B differs from A, figure by figure."""
    rows: list[Row] = [(row["figure"], row["relative"], row["word"]) for row in document["figures"]]
    one = tornado("B beside A", "(B - A) / A, 95 % interval", rows, "Figures in the order of the table.")
    if one is not None:
        yield one


def explain_figures(document: explain.Explanation) -> Iterator[charts.Chart]:
    """What the latency around each percentile is made of; what would shorten it."""
    bands = document["bands"]
    if bands:
        yield _shares(bands)
    rows: list[Row] = [
        (f"{one['stage'] or 'load'}: {one['what']}", one["change"], one["word"]) for one in document["effects"]
    ]
    if document["percentile"] is not None:
        one = tornado(f"What would shorten {document['percentile']}", "change, 95 % interval", rows)
        if one is not None:
            yield one


def _shares(bands: Sequence[explain.Band]) -> charts.Chart:
    """A bar a percentile: its parts by stage and cause, in the order in which a query meets them."""
    by_cause: dict[str, list[tuple[float, float, float, float, str]]] = {}
    edges = []
    for place, band in enumerate(bands):
        at, left, stage = len(bands) - 1 - place, 0.0, None
        for part in band["parts"]:
            width = part["share"]["value"] or 0.0
            if width <= 0:
                continue
            if part["stage"] != stage and left:
                edges.append((left, at - 0.42, left, at + 0.42))
            stage = part["stage"]
            said = (
                f"{band['percentile']}: {stage or 'query'}, {part['cause']}: {text.ratio(width)}, "
                f"{text.duration(part['mean_s']['value'])} of a query"
            )
            by_cause.setdefault(part["cause"], []).append((left, left + width, at - 0.35, at + 0.35, said))
            left += width
    series = [charts.blocks(cause, COLORS[cause][0], by_cause[cause]) for cause in COLORS if cause in by_cause]
    series.append(charts.ends("where the next stage begins", charts.INK, edges))
    names = [f"{band['percentile']}, {text.duration(band['latency_s']['value'])}" for band in bands]
    x = charts.scale("share of the latency of the queries around each percentile", "ratio")
    x["ends"] = [0.0, 1.0]
    return charts.in_rows("What latency is made of", x, "", names, series, "From left to right, as a query meets it.")
