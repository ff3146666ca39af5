"""The figures of a sweep: latency against load, or against what was varied; a map of two parameters."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

from simulator.base.units import format_duration
from simulator.report.load_figure import shortened
from simulator.report.sweep_values import Axis, axes_of

Row = dict[str, Any]

FORMATS = ("png", "svg")
#: Percentiles that are drawn where a figure is of one scenario, besides the one that matters.
SHOWN = ("p50", "p95", "p99")
#: Lines of a figure, and cells of a map whose values are printed, at most.
MOST_LINES, MOST_PRINTED = 12, 400
#: Paths whose values are loads: latency is drawn against the mean rate.
LOADS = ("load.rate", "load.scale")


def sweep_figures(found: dict[str, Any]) -> dict[str, bytes]:
    """Draw a sweep (``Sweep.to_dict``): figures by name of file, none where nothing was varied or answered.

    ``hockey_stick`` where a load was varied, else ``latency``; ``heat_map`` where two numbers were.
    """
    rows = [row for row in found["points"] if row["error"] is None]
    varied = [axis for axis in axes_of(found["provenance"]["parameters"], rows) if len(axis.values) > 1]
    if not rows or not varied:
        return {}
    drawn = {}
    load = next((axis for axis in varied if axis.path in LOADS), None)
    first = load or next((axis for axis in varied if axis.is_numeric), varied[0])
    others = [axis for axis in varied if axis is not first]
    drawn["latency" if load is None else "hockey_stick"] = _lines(found, rows, first, others)
    grid = [axis for axis in varied if axis.is_numeric and not axis.differs]
    if len(grid) >= 2:
        drawn["heat_map"] = _map(found, rows, grid[0], grid[1], [axis for axis in varied if axis not in grid[:2]])
    return {f"{name}.{kind}": _saved(figure, kind) for name, figure in drawn.items() for kind in FORMATS}


def _saved(figure: Any, kind: str) -> bytes:
    """The bytes of a figure, the same for the same figure."""
    from matplotlib import rc_context

    out = io.BytesIO()
    with rc_context({"svg.hashsalt": "shardsim"}):
        figure.savefig(out, format=kind, dpi=140, metadata={"Date": None} if kind == "svg" else None)
    return out.getvalue()


def _new(found: dict[str, Any], fixed: Sequence[Axis], height: float) -> tuple[Any, Any]:
    """A figure with its title, in which values that are not drawn are said."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, height), layout="constrained")
    title = found["scenario"] + (f": {found['description']}" if found["description"] else "")
    figure.suptitle(shortened(title, 95), fontsize=11, x=0.01, ha="left")
    axes = figure.subplots()
    if fixed:
        axes.set_title("at " + ", ".join(f"{axis.path}={axis.values[0]}" for axis in fixed), fontsize=9, loc="left")
    axes.tick_params(labelsize=9)
    return figure, axes


def _at_first(rows: Sequence[Row], fixed: Sequence[Axis]) -> list[Row]:
    return [row for row in rows if all(row[axis.path] == axis.values[0] for axis in fixed)]


def _lines(found: dict[str, Any], rows: list[Row], first: Axis, others: list[Axis]) -> Any:
    """Latency against the first axis: several percentiles, or one of them for each value of a second axis."""
    figure, axes = _new(found, others[1:], 4.8)
    rows = _at_first(rows, others[1:])
    aim, is_load = found["aim"], first.path in LOADS
    names = [name for name in dict.fromkeys((*SHOWN, aim["percentile"])) if f"latency_{name}_s" in rows[0]]
    if others:
        values = others[0].values[:: math.ceil(len(others[0].values) / MOST_LINES)]
        colors = _colors(len(values), others[0].is_numeric)
        for value, color in zip(values, colors, strict=True):
            of_value = [row for row in rows if row[others[0].path] == value]
            _line(axes, of_value, first, aim["percentile"], color, f"{value}", is_one_of_several=True)
        title = f"{aim['percentile']}, {others[0].path}"
    else:
        for name, color in zip(names, _colors(len(names), is_numeric=True), strict=True):
            _line(axes, rows, first, name, color, name, is_one_of_several=False)
        title = None
    drawn = [aim["percentile"]] if others else names
    _axes(axes, rows, drawn, first, is_load, aim["bound_s"])
    if aim["bound_s"] is not None:
        axes.axhline(aim["bound_s"], color="#d94801", lw=1.2)
        where = {"xy": (0.005, aim["bound_s"]), "xycoords": ("axes fraction", "data"), "va": "bottom"}
        axes.annotate(aim["slo"], fontsize=9, color="#d94801", **where)
    known = [row for row in rows if any(row[f"latency_{name}_s"] is not None for name in drawn)]
    if any(row["verdict"] != "stable" for row in known):
        axes.plot([], [], "o", mfc="white", color="0.3", ms=5, label="hollow: not stable")
    axes.set_ylabel("latency, 95 % interval" if others else "latency, 95 % intervals", fontsize=9)
    axes.legend(title=title, title_fontsize=9, fontsize=9, frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


def _colors(count: int, is_numeric: bool) -> list[Any]:
    from matplotlib import colormaps

    if not is_numeric:
        return [f"C{number % 10}" for number in range(count)]
    return [colormaps["viridis"](0.85 * number / max(1, count - 1)) for number in range(count)]


def _line(
    axes: Any, rows: list[Row], first: Axis, name: str, color: Any, label: str, *, is_one_of_several: bool
) -> None:
    """One percentile: where the sample does not support it the line is broken."""
    is_load = first.path in LOADS
    ordered = sorted(rows, key=lambda row: _x(row, first, is_load))
    x = [_x(row, first, is_load) for row in ordered]
    value, low, high = (
        [math.nan if row[f"latency_{name}_s{end}"] is None else row[f"latency_{name}_s{end}"] for row in ordered]
        for end in ("", "_low", "_high")
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
    saturated = {row["rate_per_s"] / row["bottleneck_utilisation"] for row in rows if row["bottleneck_utilisation"]}
    if is_load and saturated:
        axes.axvline(max(saturated), color=color if is_one_of_several else "0.4", lw=1, ls=":")


def _above(value: float, high: float) -> float:
    """The upper end of an interval; of one that has none, far above."""
    return value * 1e3 if math.isnan(high) and not math.isnan(value) else high


def _x(row: Row, first: Axis, is_load: bool) -> float:
    return float(row["rate_per_s"]) if is_load else first.position(row[first.path])


def _axes(axes: Any, rows: list[Row], names: Sequence[str], first: Axis, is_load: bool, bound_s: float | None) -> None:
    """Scales and labels."""
    from matplotlib.ticker import LogLocator, NullFormatter

    known = [row[f"latency_{name}_s"] for row in rows for name in names if row[f"latency_{name}_s"] is not None]
    known += [] if bound_s is None else [bound_s]
    axes.set_yscale("log")
    if known:
        axes.set_ylim(min(known) / 1.5, max(known) * 2)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(_durations())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="y", color="0.9", lw=0.8)
    if is_load:
        axes.set_xlim(0, 1.08 * max(row["rate_per_s"] for row in rows))
        axes.set_xlabel("mean load, queries a second (dotted: saturation)", fontsize=9)
    else:
        axes.set_xlabel(first.label, fontsize=9)
        if not first.is_numeric:
            axes.set_xticks(range(len(first.values)), [str(value) for value in first.values])
            axes.set_xlim(-0.5, len(first.values) - 0.5)
    axes.spines[["top", "right"]].set_visible(False)


def _durations() -> Any:
    """Ticks as durations, 50 ms rather than 50.0 ms."""
    from matplotlib.ticker import FuncFormatter

    def tick(value: float, _: int) -> str:
        number, unit = format_duration(value).split()
        return f"{float(number):g} {unit}"

    return FuncFormatter(tick)


def _map(found: dict[str, Any], rows: list[Row], down: Axis, across: Axis, fixed: list[Axis]) -> Any:
    """The percentile that matters, by colour and in figures, for each pair of values."""
    import numpy as np
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import LogLocator, NullFormatter

    rows = _at_first(rows, fixed)
    shape = (len(down.values), len(across.values))
    figure, axes = _new(found, fixed, 1.9 + min(8.0, 0.5 * shape[0]))
    name = found["aim"]["percentile"]
    cells: dict[tuple[int, int], Row] = {
        (down.values.index(row[down.path]), across.values.index(row[across.path])): row for row in rows
    }
    values = np.full(shape, np.nan)
    for place, row in cells.items():
        if row[f"latency_{name}_s"] is not None:
            values[place] = row[f"latency_{name}_s"]
    axes.set_facecolor("0.9")
    if np.isfinite(values).any():
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        norm = LogNorm(low, high if high > low else low * 1.01)
        image = axes.imshow(values, cmap="viridis_r", norm=norm, aspect="auto", origin="lower")
        bar = figure.colorbar(image, ax=axes, pad=0.01)
        bar.set_label(f"{name} of latency", fontsize=9)
        bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        bar.ax.yaxis.set_major_formatter(_durations())
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
    if values.size <= MOST_PRINTED:
        _print(axes, cells, values, name)
    axes.set_xticks(range(shape[1]), [str(value) for value in across.values])
    axes.set_yticks(range(shape[0]), [str(value) for value in down.values])
    axes.set_xlabel(across.path, fontsize=9)
    axes.set_ylabel(down.path, fontsize=9)
    return figure


def _print(axes: Any, cells: dict[tuple[int, int], Row], values: Any, name: str) -> None:
    """The value of each cell, and whether all objectives are met there."""
    import numpy as np

    middle = math.sqrt(float(np.nanmin(values)) * float(np.nanmax(values))) if np.isfinite(values).any() else 1.0
    for (i, j), row in cells.items():
        value = row[f"latency_{name}_s"]
        said = (
            ("saturated" if row["verdict"] == "saturated" else "too few") if value is None else format_duration(value)
        )
        if row["slos_met"] is not None:
            said += {"met": "\nmet", "failed": "\nFAILED", "inconclusive": "\ninconclusive"}[row["slos_met"]]
        color = "white" if value is not None and value > middle else "black"
        axes.text(j, i, said, ha="center", va="center", fontsize=8, color=color)
