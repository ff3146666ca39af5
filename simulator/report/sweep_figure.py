"""The figures of a sweep: latency against load, or against what was varied; a map of two parameters."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from simulator.base.errors import Problem, ScenarioError
from simulator.base.formats import format_duration
from simulator.documents import parts, sweep
from simulator.report import frame
from simulator.report.sweep_values import Axis, axes_of, known, number

Row = sweep.Row

FORMATS = ("png", "svg")
#: Percentiles that are drawn where a figure is of one scenario, besides the one that matters.
SHOWN = ("p50", "p95", "p99")
#: Lines of a figure, and cells of a map whose values are printed, at most.
MOST_LINES, MOST_PRINTED = 12, 400
#: Saturation is in the figure up to so many times the highest load, and a map's colours span at least this ratio.
MOST_BEYOND, LEAST_SPAN = 1.5, 1.05
#: Paths whose values are loads: latency is drawn against the mean rate.
LOADS = ("load.rate", "load.scale")


@frame.own_style()
def sweep_figures(document: sweep.Sweep) -> dict[str, bytes]:
    """The figures of a sweep (``Sweep.to_dict``) by name of file, as ``sweep_drawn`` draws them."""
    figures = sweep_drawn(document)
    return {f"{name}.{kind}": frame.saved(figure, kind) for name, figure in figures.items() for kind in FORMATS}


@frame.own_style()
def sweep_figure(document: sweep.Sweep, format_: str = "png") -> Any:
    """The first of these. Raises ScenarioError if there is none."""
    figures = sweep_drawn(document)
    if not figures:
        problem = "nothing was varied, or nothing could be answered, so there is nothing to draw"
        raise ScenarioError([Problem("plot", 0, 0, "", problem)])
    return frame.saved(next(iter(figures.values())), format_)


def sweep_drawn(document: sweep.Sweep) -> dict[str, Any]:
    """Draw a sweep: figures by name, none where nothing was varied or answered.

    ``hockey_stick`` where a load was varied, else ``latency``; ``heat_map`` where two numbers were.
    """
    rows = document["points"]
    varied = [axis for axis in axes_of(document["provenance"]["parameters"], rows) if len(axis.values) > 1]
    if not _answered(rows) or not varied:
        return {}
    figures = {}
    load = next((axis for axis in varied if axis.path in LOADS), None)
    first = load or next((axis for axis in varied if axis.is_numeric), varied[0])
    others = [axis for axis in varied if axis is not first]
    figures["latency" if load is None else "hockey_stick"] = _lines(document, rows, first, others)
    grid = [axis for axis in varied if axis.is_numeric and not axis.differs]
    if len(grid) >= 2:
        figures["heat_map"] = _map(document, rows, grid[0], grid[1], [axis for axis in varied if axis not in grid[:2]])
    return figures


def _answered(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["error"] is None]


def _new(document: sweep.Sweep, fixed: Sequence[Axis], height: float) -> tuple[Any, Any]:
    """A figure with its title, in which values that are not drawn are said."""
    figure = frame.new(9, height, parts.title_of(document))
    axes = figure.subplots()
    if fixed:
        drawn = _answered(document["points"])[0]
        values = ", ".join(f"{axis.path}={drawn[axis.path]}" for axis in fixed)
        axes.set_title(f"at {values}", fontsize=frame.TEXT, loc="left")
    axes.tick_params(labelsize=frame.TEXT)
    return figure, axes


def _at_first(rows: Sequence[Row], fixed: Sequence[Axis]) -> list[Row]:
    """Rows that have, of what is not drawn, the values of the first that has an answer."""
    drawn = _answered(rows)[0]
    return [row for row in rows if all(row[axis.path] == drawn[axis.path] for axis in fixed)]


def _lines(document: sweep.Sweep, rows: list[Row], first: Axis, others: list[Axis]) -> Any:
    """Latency against the first axis: several percentiles, or one of them for each value of a second axis."""
    figure, axes = _new(document, others[1:], 4.8)
    every = _at_first(rows, others[1:])
    rows = _answered(every)
    aim, is_load = document["aim"], first.path in LOADS
    names = [name for name in dict.fromkeys((*SHOWN, aim["percentile"])) if f"latency_{name}_s" in rows[0]]
    if others:
        values = others[0].values[:: math.ceil(len(others[0].values) / MOST_LINES)]
        colors = _colors(len(values), others[0].is_numeric)
        for place, (value, color) in enumerate(zip(values, colors, strict=True)):
            of_value = [row for row in rows if row[others[0].path] == value]
            _line(axes, of_value, first, aim["percentile"], color, f"{value}", is_one_of_several=True)
            of_value = [row for row in every if row[others[0].path] == value]
            _without(axes, of_value, first, aim["percentile"], color, place)
        title = f"{aim['percentile']}, {others[0].path}"
    else:
        for name, color in zip(names, _colors(len(names), is_numeric=True), strict=True):
            _line(axes, rows, first, name, color, name, is_one_of_several=False)
        _without(axes, every, first, aim["percentile"], "0.3")
        title = None
    percentiles = [aim["percentile"]] if others else names
    _axes(axes, every, percentiles, first, is_load, aim["bound_s"])
    if aim["bound_s"] is not None:
        axes.axhline(aim["bound_s"], color=frame.ORANGE, lw=1.2)
        where = {"xy": (0.005, aim["bound_s"]), "xycoords": ("axes fraction", "data"), "va": "bottom"}
        axes.annotate(aim["slo"], fontsize=frame.TEXT, color=frame.ORANGE, **where)
    drawable = [row for row in rows if any(row[f"latency_{name}_s"] is not None for name in percentiles)]
    if any(row["verdict"] != "stable" for row in drawable):
        axes.plot([], [], "o", mfc="white", color="0.3", ms=5, label="hollow: not stable")
    whys = dict.fromkeys(why for row in every if (why := _why(row, aim["percentile"])))
    if whys:
        axes.plot([], [], "x", color="0.3", ms=5, label=f"no {aim['percentile']}: {', '.join(whys)}")
    axes.set_ylabel("latency, 95 % interval" if others else "latency, 95 % intervals", fontsize=frame.TEXT)
    frame.beside(axes, title=title, title_fontsize=frame.TEXT, bbox_to_anchor=(1.01, 1))
    return figure


def _colors(count: int, is_numeric: bool) -> list[Any]:
    from matplotlib import colormaps

    if not is_numeric:
        return [f"C{place % 10}" for place in range(count)]
    return [colormaps["viridis"](0.85 * place / max(1, count - 1)) for place in range(count)]


def _line(
    axes: Any, rows: list[Row], first: Axis, name: str, color: Any, label: str, *, is_one_of_several: bool
) -> None:
    """One percentile: where the sample does not support it the line is broken."""
    is_load = first.path in LOADS
    ordered = sorted(rows, key=lambda row: _x(row, first, is_load))
    x = [_x(row, first, is_load) for row in ordered]
    value, low, high = (
        [math.nan if (latency_s := number(row, key)) is None else latency_s for row in ordered]
        for key in (f"latency_{name}_s", f"latency_{name}_s_low", f"latency_{name}_s_high")
    )
    top = [_above(one, end) for one, end in zip(value, high, strict=True)]
    if is_load or first.is_numeric:
        axes.fill_between(x, low, top, color=color, alpha=0.2, lw=0)
        axes.plot(x, value, "-", lw=1.5, color=color, label=label)
    else:  # there is nothing between two names
        axes.vlines(x, low, top, color=color, lw=1.5, label=label)
    for is_stable, face in ((True, color), (False, "white")):
        here = [place for place, row in enumerate(ordered) if (row["verdict"] == "stable") is is_stable]
        axes.plot([x[i] for i in here], [value[i] for i in here], "o", ms=4.5, color=color, mfc=face)
    saturated = _saturated(rows) if is_load else []
    if saturated:
        axes.axvline(max(saturated), color=color if is_one_of_several else "0.4", lw=1, ls=":")


def _saturated(rows: Sequence[Row]) -> list[float]:
    """The loads at which the rows saturate, by arithmetic."""
    busy = [(known(row, "rate_per_s"), known(row, "bottleneck_demand")) for row in rows if row["error"] is None]
    return [rate_per_s / demand for rate_per_s, demand in busy if demand]


def _why(row: Row, name: str) -> str:
    """Why a point has no figure of a percentile; nothing if it has one."""
    if row["error"] is not None:
        return "failed"
    if row[f"latency_{name}_s"] is not None:
        return ""
    return "saturated" if row["verdict"] == "saturated" else "too few"


def _without(axes: Any, rows: list[Row], first: Axis, name: str, color: Any, place: int = 0) -> None:
    """Mark, at the upper edge, the points that have no figure of a percentile; lines below each other."""
    x = [_x(row, first, first.path in LOADS) for row in rows if _why(row, name)]
    at_the_edge = {"transform": axes.get_xaxis_transform(), "clip_on": False}
    axes.plot(x, [0.98 - 0.02 * place] * len(x), "x", ms=5, color=color, **at_the_edge)


def _above(value: float, high: float) -> float:
    """The upper end of an interval; of one that has none, far above."""
    return value * 1e3 if math.isnan(high) and not math.isnan(value) else high


def _x(row: Row, first: Axis, is_load: bool) -> float:
    """Where a row is; nowhere if it failed, and its mean load is not known from its value alone."""
    if not is_load:
        return first.position(row[first.path])
    rate_per_s = number(row, "rate_per_s")
    if rate_per_s is None:
        return first.position(row[first.path]) if first.unit == "/s" else math.nan
    return rate_per_s


def _axes(axes: Any, rows: list[Row], names: Sequence[str], first: Axis, is_load: bool, bound_s: float | None) -> None:
    """Scales and labels."""
    from matplotlib import ticker

    latencies = [*(number(row, f"latency_{name}_s") for row in rows for name in names), bound_s]
    limits = [latency_s for latency_s in latencies if latency_s is not None]
    axes.set_yscale("log")
    if limits:
        axes.set_ylim(min(limits) / 1.5, max(limits) * 2)
    frame.logarithmic(axes.yaxis, _tick)
    axes.grid(axis="y", color="0.9", lw=0.8)
    if is_load:
        most = float(np.nanmax([_x(row, first, is_load) for row in rows]))
        inside = [per_s for per_s in _saturated(rows) if per_s <= MOST_BEYOND * most]
        axes.set_xlim(0, 1.08 * max([most, *inside]))
        dotted = " (dotted: saturation)" if inside else ""
        axes.set_xlabel(f"mean load, queries a second{dotted}", fontsize=frame.TEXT)
    else:
        axes.set_xlabel(first.label, fontsize=frame.TEXT)
        if first.numbers is not None and all(value == round(value) for value in first.numbers):
            axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        if not first.is_numeric:
            axes.set_xticks(range(len(first.values)), [str(value) for value in first.values])
            axes.set_xlim(-0.5, len(first.values) - 0.5)
    frame.around(axes)


def _tick(seconds: float) -> str:
    """A duration, 50 ms rather than 50.0 ms."""
    amount, unit = format_duration(seconds).split()
    return f"{float(amount):g} {unit}"


def _map(document: sweep.Sweep, rows: list[Row], down: Axis, across: Axis, fixed: list[Axis]) -> Any:
    """The percentile that matters, by colour and in figures, for each pair of values."""
    from matplotlib.colors import LogNorm

    rows = _at_first(rows, fixed)
    shape = (len(down.values), len(across.values))
    figure, axes = _new(document, fixed, 1.9 + min(8.0, 0.5 * shape[0]))
    name = document["aim"]["percentile"]
    cells: dict[tuple[int, int], Row] = {
        (down.values.index(row[down.path]), across.values.index(row[across.path])): row for row in rows
    }
    values = np.full(shape, np.nan)
    for place, row in cells.items():
        latency_s = number(row, f"latency_{name}_s")
        if latency_s is not None:
            values[place] = latency_s
    axes.set_facecolor("0.9")
    if np.isfinite(values).any():
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        wider = max(1.0, LEAST_SPAN * low / high) ** 0.5  # or its ticks would all read alike
        norm = LogNorm(low / wider, high * wider)
        image = axes.imshow(values, cmap="viridis_r", norm=norm, aspect="auto", origin="lower")
        bar = figure.colorbar(image, ax=axes, pad=0.01)
        bar.set_label(f"{name} of latency", fontsize=frame.TEXT)
        bar.ax.tick_params(labelsize=frame.TEXT)
        frame.logarithmic(bar.ax.yaxis, _tick)
    if values.size <= MOST_PRINTED:
        _print(axes, cells, values, name)
    axes.set_xticks(range(shape[1]), [str(value) for value in across.values])
    axes.set_yticks(range(shape[0]), [str(value) for value in down.values])
    axes.set_xlabel(across.path, fontsize=frame.TEXT)
    axes.set_ylabel(down.path, fontsize=frame.TEXT)
    return figure


def _print(axes: Any, cells: dict[tuple[int, int], Row], values: Any, name: str) -> None:
    """The value of each cell, and whether all objectives are met there."""
    middle = math.sqrt(float(np.nanmin(values)) * float(np.nanmax(values))) if np.isfinite(values).any() else 1.0
    for (i, j), row in cells.items():
        value = number(row, f"latency_{name}_s")
        text = _why(row, name) if value is None else format_duration(value)
        if row.get("slos_met") is not None:
            text += {"met": "\nmet", "failed": "\nFAILED"}.get(str(row["slos_met"]), "\ninconclusive")
        color = "white" if value is not None and value > middle else "black"
        axes.text(j, i, text, ha="center", va="center", fontsize=frame.SMALL, color=color)
