"""A figure of a page as plain values: axes, series, and what is said of each point; ``page.js`` draws it.

Values are those of the document, in seconds, ratios and rates; words beside them are made by the functions that make
the text output.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NotRequired, TypedDict

#: What the numbers along an axis are: seconds, a ratio, a change, queries a second, a number, the share of later
#: queries (shown as the percentile), a place among names.
Unit = Literal["s", "ratio", "change", "per_s", "number", "later", "name"]
#: Colours of series, in the order in which they are given out: each has a shade for light and for dark pages.
COLORS = ("c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8")
GOOD, BAD, QUIET, INK = "good", "bad", "quiet", "ink"

Number = float | int | None


class Scale(TypedDict):
    """An axis."""

    label: str
    unit: Unit
    log: bool  #: whether it is logarithmic at first
    both: bool  #: whether a reader may have it otherwise
    names: NotRequired[list[str]]  #: of places 0, 1, ...
    ends: NotRequired[list[float]]  #: where it begins and ends; left out: around all that is drawn
    zero: NotRequired[bool]  #: a linear one begins at 0
    whole: NotRequired[bool]  #: there is nothing between whole numbers


class Series(TypedDict):
    """Something with a name, which a reader may hide."""

    name: str
    color: str
    shape: Literal["line", "step", "points", "band", "across", "blocks", "ends", "words", "bound", "zone"]
    columns: dict[str, list[Any]]  #: of a bound: its place, of a zone its ends
    along: NotRequired[Literal["x", "y"]]  #: of a bound or a zone: the axis whose values it has
    dashed: NotRequired[bool]
    on: NotRequired[Literal["right"]]  #: the axis to the right


class Chart(TypedDict):
    """A figure."""

    title: str
    said: str  #: below it; may be empty
    x: Scale
    y: Scale
    right: NotRequired[Scale]
    series: list[Series]
    square: NotRequired[bool]  #: about as high as wide, for one thing against another of its kind
    rows: NotRequired[int]  #: of names on the vertical axis: it is as high as these need


def scale(label: str, unit: Unit, *, log: bool = False, both: bool = False) -> Scale:
    """An axis of numbers."""
    return {"label": label, "unit": unit, "log": log, "both": both}


def from_zero(label: str, unit: Unit) -> Scale:
    """A linear axis that begins at 0."""
    return {"label": label, "unit": unit, "log": False, "both": False, "zero": True}


def of_names(label: str, names: Sequence[str]) -> Scale:
    """An axis of names."""
    ends = [-0.6, len(names) - 0.4]
    return {"label": label, "unit": "name", "log": False, "both": False, "names": list(names), "ends": ends}


def plain(values: Iterable[Any]) -> list[Any]:
    """Plain numbers; None for what is not known."""
    return [None if value is None or value != value else float(value) for value in values]


def line(
    name: str, color: str, x: Iterable[Number], y: Iterable[Number], said: Sequence[str] = (), *, dashed: bool = False
) -> Series:
    """A line, broken where there is no figure."""
    columns = {"x": plain(x), "y": plain(y), **({"said": list(said)} if said else {})}
    return {"name": name, "color": color, "shape": "line", "columns": columns, "dashed": dashed}


def step(name: str, color: str, x: Iterable[Number], y: Iterable[Number], said: Sequence[str] = ()) -> Series:
    """A staircase: each value holds until the next place."""
    columns = {"x": plain(x), "y": plain(y), **({"said": list(said)} if said else {})}
    return {"name": name, "color": color, "shape": "step", "columns": columns}


def points(name: str, color: str, x: Iterable[Number], y: Iterable[Number], said: Sequence[str]) -> Series:
    """Points; those without a figure are left out."""
    kept = [row for row in zip(plain(x), plain(y), said, strict=True) if row[0] is not None and row[1] is not None]
    xs, ys, words = ([row[place] for row in kept] for place in range(3))
    return {"name": name, "color": color, "shape": "points", "columns": {"x": xs, "y": ys, "said": words}}


def band(name: str, color: str, x: Iterable[Number], low: Iterable[Number], high: Iterable[Number]) -> Series:
    """What lies between two lines: the interval of a line of the same name."""
    rows = zip(plain(x), plain(low), plain(high), strict=True)
    kept = [row for row in rows if None not in row]
    columns = {key: [row[place] for row in kept] for place, key in enumerate(("x", "low", "high"))}
    return {"name": name, "color": color, "shape": "band", "columns": columns}


def across(name: str, color: str, y: Iterable[Number], low: Iterable[Number], high: Iterable[Number]) -> Series:
    """Likewise, of an interval along x."""
    columns = {"y": plain(y), "low": plain(low), "high": plain(high)}
    return {"name": name, "color": color, "shape": "across", "columns": columns}


def blocks(name: str, color: str, rows: Iterable[tuple[float, float, float, float, str]]) -> Series:
    """Rectangles: left, right, bottom, top, and what is said of each."""
    keys = ("left", "right", "bottom", "top", "said")
    every = list(rows)
    columns = {key: [row[place] for row in every] for place, key in enumerate(keys)}
    return {"name": name, "color": color, "shape": "blocks", "columns": columns}


def ends(name: str, color: str, rows: Iterable[tuple[Number, Number, Number, Number]]) -> Series:
    """Lines from one place to another, as of an interval: x, y, x, y; those that are not known are left out."""
    keys = ("x0", "y0", "x1", "y1")
    kept = [row for row in rows if None not in row]
    columns = {key: [row[place] for row in kept] for place, key in enumerate(keys)}
    return {"name": name, "color": color, "shape": "ends", "columns": columns}


def words(name: str, color: str, rows: Iterable[tuple[float, float, str]]) -> Series:
    """Words at places."""
    every = list(rows)
    columns = {key: [row[place] for row in every] for place, key in enumerate(("x", "y", "words"))}
    return {"name": name, "color": color, "shape": "words", "columns": columns}


def bound(name: str, color: str, along: Literal["x", "y"], at: float, *, dashed: bool = True) -> Series:
    """A line through the whole figure at a value of one axis."""
    columns: dict[str, list[Any]] = {"at": [at]}
    return {"name": name, "color": color, "shape": "bound", "along": along, "columns": columns, "dashed": dashed}


def zone(name: str, color: str, along: Literal["x", "y"], low: float, high: float) -> Series:
    """A stretch of one axis."""
    return {"name": name, "color": color, "shape": "zone", "along": along, "columns": {"low": [low], "high": [high]}}


def chart(title: str, x: Scale, y: Scale, series: Iterable[Series], said: str = "") -> Chart:
    """A figure of all series that have anything to show."""
    shown = [one for one in series if all(one["columns"].values())]
    return {"title": title, "said": said, "x": x, "y": y, "series": shown}


def in_rows(title: str, x: Scale, label: str, names: Sequence[str], series: Iterable[Series], said: str = "") -> Chart:
    """A figure with a row a name, the first on top."""
    whole = chart(title, x, of_names(label, [*names][::-1]), series, said)
    return {**whole, "rows": len(names)}
