"""The tables of a comparison: for a terminal, and as Markdown for a pull request."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from simulator.base.foreign import escaped
from simulator.base.formats import counted, format_duration, significant
from simulator.documents import compare, parts
from simulator.planning.sides import NOT_PRICED
from simulator.report.layout import Grid
from simulator.report.text import DASH, cut, interval, notes, of_unit, ratio, rendered

#: Differences between scenarios that are listed, at most, and letters of a value.
MOST_DIFFERENCES, MOST_LETTERS = 20, 40

#: Columns of B - A and its interval.
ABSOLUTE = (3, 4)

_WORDS = {True: "met", False: "FAILED", None: "inconclusive"}
_LUCK = {
    "common": "pairwise, on common luck",
    "partly common": "pairwise; luck is partly common",
    "independent": "independent of each other",
}


def compare_table(document: compare.Comparison, width: int | None = None, color: bool = False) -> str:
    """A comparison (``Comparison.to_dict``) as text.

    Where it is too wide, B - A is left out beside its relative change; nothing is cut off.
    """
    return rendered(compare_parts(document, width), width, color)


def compare_parts(document: compare.Comparison, width: int | None = None) -> list[Any]:
    """Its lines and tables, from top to bottom."""
    lines: list[Any] = _head(document)
    for grid in _grids(document):
        is_too_wide = width is not None and len(grid.columns) > max(ABSOLUTE) and grid.width > width
        lines += ["", grid.without(ABSOLUTE) if is_too_wide else grid]
    return [*lines, *notes(_notes(document))]


def compare_markdown(document: compare.Comparison) -> str:
    """The same as Markdown, with the tables of GitHub."""
    blocks = ["  \n".join(map(_printed, _head(document)))]
    for grid in _grids(document):
        rule = ["---" if place < grid.left else "--:" for place in range(len(grid.columns))]
        rows = [grid.columns, rule, *(map(_printed, row) for row in grid.rows)]
        blocks.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
    remarks = _notes(document)
    if remarks:
        blocks.append("\n".join(f"- {_printed(note)}" for note in remarks))
    return "\n\n".join(blocks) + "\n"


def _printed(text: str) -> str:
    """Text that Markdown prints as it is, with what a terminal would obey spelled out."""
    return "".join(f"\\{letter}" if letter in "\\|*_`<>[]~" else letter for letter in escaped(text))


def _head(document: compare.Comparison) -> list[str]:
    lines = []
    sides = (document["a"], document["b"])
    for name, side in zip("AB", sides, strict=True):
        each = f"{side['replications']} x {counted(side['queries'] / side['replications'], 'query')}"
        lines.append(f"{name}: {side['source']} ({side['scenario']}), seed {side['seed']}, {each}: {side['verdict']}")
    compared = dict.fromkeys(side["compared_replications"] for side in sides)
    *others, last = compared
    replications = " and ".join([*map(str, others), counted(last, "replication")])
    return [*lines, f"{replications} of each, {_LUCK[document['luck']]}"]


def _grids(document: compare.Comparison) -> list[Grid]:
    figures = [row for row in document["figures"] if not _is_unpriced(row)]
    grids = [Grid(["differs", "A", "B"], _differing(document["differs"]), 3)]
    ends = "95 % interval"
    grids.append(Grid(["figure", "A", "B", "B - A", ends, "change", ends, ""], [_figure(row) for row in figures]))
    slos = _slos(document["a"]["slos"], document["b"]["slos"])
    grids.append(Grid(["objective", "A", "B"], slos, 3))
    by_name = {row["figure"]: row for row in document["figures"]}
    limits = [_limit(limit, by_name[limit["figure"]]) for limit in document["limits"]]
    grids.append(Grid(["limit", "verdict", "change", ends], limits, 2))
    return [grid for grid in grids if grid.rows]


def _is_unpriced(row: compare.Figure) -> bool:
    """Whether there are no prices at all: then nobody asked."""
    return row.get("reason") == NOT_PRICED


def _differing(differs: list[compare.Differing]) -> list[list[str]]:
    rows = [[row["path"], _short(row["a"]), _short(row["b"])] for row in differs[:MOST_DIFFERENCES]]
    if len(differs) > MOST_DIFFERENCES:
        rows.append([f"... and {len(differs) - MOST_DIFFERENCES} more", "", ""])
    return rows


def _short(value: Any) -> str:
    """A value of a scenario in a few letters."""
    if value is None:
        return DASH
    return cut(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), MOST_LETTERS)


def _figure(row: compare.Figure) -> list[str]:
    show = _FORMATS[row["unit"]]
    sides = []
    for value, least in ((row["a"], row.get("a_at_least")), (row["b"], row.get("b_at_least"))):
        sides.append(show(value) if value is not None else DASH if least is None else f">= {show(least)}")
    by = _points if row["unit"] == "ratio" else show
    is_exact = row["unit"] in ("machines", "usd_per_h") and row["difference"]["low"] == row["difference"]["high"]
    cells = [*_with_ends(row["difference"], by, is_exact), *_with_ends(row["relative"], _percent, is_exact)]
    return [row["figure"], *sides, *cells, row["word"]]


def _with_ends(change: parts.Interval, show: Callable[[float], str], is_exact: bool) -> tuple[str, str]:
    """Value and interval, with signs."""
    value, low, high = change["value"], change["low"], change["high"]
    if value is None:
        return DASH, ""
    is_shown = low is not None and high is not None and not is_exact
    return _signed(value, show), interval(change, lambda end: _signed(end, show)) if is_shown else ""


def _signed(value: float, show: Callable[[float], str]) -> str:
    return show(0.0) if value == 0 else ("+" if value > 0 else "-") + show(abs(value))


def _percent(value: float) -> str:
    """A relative change without its sign: two digits below 1 %."""
    percent = 100 * value
    return f"{percent:.1f} %" if 1 <= percent < 100 else f"{significant(percent, 2 if percent < 1 else 3)} %"


def _points(value: float) -> str:
    """A difference of ratios, in percentage points."""
    return f"{significant(100 * value)} pp"


def _four_digits(value: float) -> str:
    return significant(value, 4)


_FORMATS: dict[str, Callable[[float], str]] = {
    "s": format_duration,
    "ratio": ratio,
    "per_s": lambda value: f"{_four_digits(value)}/s",
    "machines": lambda value: f"{value:,.0f}",
    "usd_per_h": lambda value: f"{_four_digits(value)} USD",
    "usd": lambda value: f"{_four_digits(value)} USD",
    "h": lambda value: f"{_four_digits(value)} h",
}


def _slos(of_a: list[parts.Verdict], of_b: list[parts.Verdict]) -> list[list[str]]:
    one, two = ({slo["slo"]: _said(slo) for slo in slos} for slos in (of_a, of_b))
    return [[name, one.get(name, DASH), two.get(name, DASH)] for name in dict.fromkeys([*one, *two])]


def _said(slo: parts.Verdict) -> str:
    """The verdict on an objective, and the figure that it is about."""
    word = _WORDS[slo["met"]]
    if slo["value"] is None:
        return word
    show = _FORMATS[slo["unit"]] if slo["unit"] != "usd_per_h" else lambda price: of_unit(price, "usd_per_h")
    return f"{word}, {show(slo['value'])}"


def _limit(limit: compare.Limit, row: compare.Figure) -> list[str]:
    worse = {"lower": "higher", "higher": "lower", "neither": "higher"}[row["better"]]
    change, ends = _with_ends(row["relative"], _percent, False)
    return [f"{row['figure']} at most {100 * limit['most']:g} % {worse}", _WORDS[limit["met"]], change, ends]


def _notes(document: compare.Comparison) -> list[str]:
    """What was said of the runs, and why a figure or a limit is not decided."""
    reasons: dict[str, list[str]] = {}
    for row in document["figures"]:
        if row.get("reason") and not _is_unpriced(row):
            reasons.setdefault(row["reason"], []).append(row["figure"])
    undecided = [f"{', '.join(names)}: not known: {reason}" for reason, names in reasons.items()]
    limits = [f"limit on {row['figure']}: {row['reason']}" for row in document["limits"] if row.get("reason")]
    return [*document["notes"], *undecided, *limits]
