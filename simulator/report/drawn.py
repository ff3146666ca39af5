"""Figures of a page, drawn for paper: the same plain values (``page.charts``), as one figure with a panel each."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from simulator.base.formats import format_count, format_duration, format_rate
from simulator.report import frame
from simulator.report.page import charts

#: Inches: how wide a figure is, how high a panel, and a row of names in one.
WIDTH, PANEL, ROW = 9.5, 3.1, 0.34
#: How many times the least is the most of a logarithmic axis of which powers of ten alone are named.
FAR = 500.0
#: Letters of an entry of the legend in a line.
ENTRY = 26
#: How an axis shows its numbers, by what they are.
SHOWN: dict[str, Callable[[float], str]] = {
    "s": format_duration,
    "ratio": lambda value: f"{100 * value:.4g} %",
    "change": lambda value: f"{100 * value:+.4g} %",
    "per_s": format_rate,
    "number": lambda value: format_count(value) if value >= 0 else f"{value:g}",
    "later": lambda share: f"p{100 * (1 - share):.10g}",
}


@frame.own_style()
def drawn(title: str, panels: Sequence[charts.Chart], format_: str = "png") -> Any:
    """Draw figures below each other; ``format_``: one of ``frame.FORMATS``, or ``frame.ITSELF``."""
    heights = [_height(one) for one in panels]
    figure = frame.new(WIDTH, 0.5 + sum(heights), title)
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, one in zip(axes, panels, strict=True):
        _panel(axis, one)
    return frame.saved(figure, format_)


def _height(one: charts.Chart) -> float:
    if one.get("square"):
        return 1.6 * PANEL
    return max(1.6, 1.1 + ROW * one["rows"]) if "rows" in one else PANEL


def _panel(axes: Any, one: charts.Chart) -> None:
    """A figure: its title, what is said of it, its axes, its series, their legend."""
    said = [one["title"], *textwrap.wrap(one["said"], 110)]
    axes.set_title("\n".join(said), fontsize=frame.TEXT, loc="left")
    right = None
    if "right" in one:
        right = axes.twinx()
        _scale(right, "y", one["right"])
        frame.around(right, without=("top",))
    _scale(axes, "x", one["x"])
    _scale(axes, "y", one["y"])
    frame.around(axes)
    seen: dict[str, Any] = {}
    is_map = one["x"]["unit"] == one["y"]["unit"] == "name"
    for series in one["series"]:
        on = right if right is not None and series.get("on") == "right" else axes
        artist = _DRAW[series["shape"]](on, series, _color(series["color"]))
        if is_map and series["shape"] == "blocks":
            continue  # figures stand in the fields
        if artist is not None:
            seen.setdefault(series["name"], artist)
    for axis, scale in ((axes, one["y"]), (right, one.get("right"))):
        if axis is not None and scale is not None and scale.get("zero") and "ends" not in scale:
            axis.set_ylim(bottom=0)
    for axis, scale in ((axes.xaxis, one["x"]), (axes.yaxis, one["y"])):
        if scale["log"] and scale["unit"] in ("s", "number", "per_s"):
            low, high = axis.get_view_interval()
            frame.logarithmic(axis, SHOWN[scale["unit"]], (1, 2, 5) if high < FAR * low else (1,))
    if len(seen) > 1 or len(one["series"]) > 1:
        names = [textwrap.fill(name, ENTRY) for name in seen]
        beside = 1.12 if right is not None else 1.01
        axes.legend(
            list(seen.values()),
            names,
            frameon=False,
            fontsize=frame.SMALL,
            loc="upper left",
            bbox_to_anchor=(beside, 1.02),
            borderaxespad=0,
        )


def _scale(axes: Any, along: str, scale: charts.Scale) -> None:
    """What an axis has: its name, ends and ticks."""
    from matplotlib import ticker

    axis = getattr(axes, f"{along}axis")
    axis.set_label_text(scale["label"], fontsize=frame.TEXT)
    limit = getattr(axes, f"set_{along}lim")
    if scale["unit"] == "name":
        names = [textwrap.fill(name, 40) for name in scale["names"]]
        getattr(axes, f"set_{along}ticks")(range(len(names)), names, fontsize=frame.TEXT)
    elif scale["unit"] == "later":
        getattr(axes, f"set_{along}scale")("log")
        _percentiles(axis, scale["ends"][1])
    elif scale["log"]:
        getattr(axes, f"set_{along}scale")("log")
    else:
        axes.locator_params(along, nbins=6, integer=scale.get("whole", False), steps=[1, 2, 2.5, 5, 10])
        axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: SHOWN[scale["unit"]](value)))
    if "ends" in scale:
        limit(*scale["ends"])


def _percentiles(axis: Any, floor: float) -> None:
    """Ticks at percentiles: the median, and each of a tenth as many later queries."""
    from matplotlib import ticker

    levels = [0.5, *(share for share in (10.0**-k for k in range(1, 10)) if share >= floor)]
    axis.set_major_locator(ticker.FixedLocator(levels))
    axis.set_major_formatter(ticker.FuncFormatter(lambda share, _: SHOWN["later"](round(share, 12))))
    axis.set_ticks([], minor=True)


@cache
def _looks() -> dict[str, str]:
    """Colours by name, those of a page in the light."""
    style = files("simulator.report.page").joinpath("page.css").read_text(encoding="utf-8")
    return dict(reversed(re.findall(r"--(\w+): (#[0-9a-f]{6});", style.partition("}")[0])))


def _color(name: str) -> str:
    return _looks().get(name, name)


def _numbers(values: Sequence[Any]) -> Any:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _line(axes: Any, series: charts.Series, color: str) -> Any:
    of = series["columns"]
    style = "--" if series.get("dashed") else "-"
    return axes.plot(_numbers(of["x"]), _numbers(of["y"]), style, color=color, lw=1.4)[0]


def _step(axes: Any, series: charts.Series, color: str) -> Any:
    of = series["columns"]
    return axes.step(_numbers(of["x"]), _numbers(of["y"]), where="post", color=color, lw=1.2)[0]


def _points(axes: Any, series: charts.Series, color: str) -> Any:
    of = series["columns"]
    return axes.plot(_numbers(of["x"]), _numbers(of["y"]), "o", color=color, ms=4)[0]


def _band(axes: Any, series: charts.Series, color: str) -> Any:
    x, low, high = (_numbers(series["columns"][key]) for key in ("x", "low", "high"))
    return axes.fill_between(x, low, high, color=color, alpha=0.22, lw=0)


def _across(axes: Any, series: charts.Series, color: str) -> Any:
    y, low, high = (_numbers(series["columns"][key]) for key in ("y", "low", "high"))
    return axes.fill_betweenx(y, low, high, color=color, alpha=0.22, lw=0)


def _blocks(axes: Any, series: charts.Series, color: str) -> Any:
    left, right, bottom, top = (_numbers(series["columns"][key]) for key in ("left", "right", "bottom", "top"))
    return axes.bar(left, top - bottom, right - left, bottom, align="edge", color=color, lw=0)


def _ends(axes: Any, series: charts.Series, color: str) -> None:
    """Whiskers: their points stand in the legend."""
    of = {key: _numbers(series["columns"][key]) for key in ("x0", "y0", "x1", "y1")}
    axes.plot([of["x0"], of["x1"]], [of["y0"], of["y1"]], color=color, lw=1.0)


def _words(axes: Any, series: charts.Series, color: str) -> None:
    """Words beside their places; in fields of a map, in the middle."""
    from matplotlib import patheffects

    of, looks = series["columns"], {"fontsize": frame.SMALL, "color": color, "zorder": 5}
    looks["path_effects"] = [patheffects.withStroke(linewidth=2, foreground="white")]
    place: dict[str, Any] = {"xytext": (5, -10)}
    if axes.containers:  # fields
        place = {"xytext": (0, 0), "ha": "center", "va": "center"}
    for x, y, word in zip(of["x"], of["y"], of["words"], strict=True):
        axes.annotate(word, (x, y), textcoords="offset points", **place, **looks)


def _bound(axes: Any, series: charts.Series, color: str) -> Any:
    draw = axes.axvline if series["along"] == "x" else axes.axhline
    return draw(series["columns"]["at"][0], color=color, lw=0.9, ls=":" if series.get("dashed", True) else "-")


def _zone(axes: Any, series: charts.Series, color: str) -> Any:
    draw = axes.axvspan if series["along"] == "x" else axes.axhspan
    of = series["columns"]
    return draw(of["low"][0], of["high"][0], color=color, alpha=0.15, lw=0, zorder=0)


_DRAW = {
    "line": _line,
    "step": _step,
    "points": _points,
    "band": _band,
    "across": _across,
    "blocks": _blocks,
    "ends": _ends,
    "words": _words,
    "bound": _bound,
    "zone": _zone,
}
