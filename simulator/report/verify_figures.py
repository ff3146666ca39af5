"""Figures of a verification: quantiles against exact laws, and how far each figure is from its exact value."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from simulator.base.units import format_duration

#: Panels side by side.
COLUMNS = 4
#: Percentiles that are named.
MARKED = (10, 50, 90, 99, 99.9)
BLUE, RED = "#2171b5", "#d94801"


def verify_figures(found: dict[str, Any]) -> dict[str, tuple[bytes, str]]:
    """Draw a verification (``Verification.to_dict``): by name of file, the figure and what it shows."""
    drawn = {}
    if any(one["rows"] for one in found["quantiles"]):
        what = (
            "Quantiles of latency from 1 % to 99.9 %, simulated against exact; below, the difference in percent with "
            "the interval at 99.9 % of each point (points of a run go together)."
        )
        drawn["quantiles.png"] = (_saved(_quantiles([one for one in found["quantiles"] if one["rows"]])), what)
    if any(line["deviation"] is not None for line in found["lines"]):
        what = (
            "(simulated - exact) / half-width of the interval at 99.9 %, all lines: beyond the dashed lines is a miss."
        )
        drawn["differences.png"] = (_saved(_differences(found["lines"])), what)
    return drawn


def _saved(figure: Any) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=140)
    return out.getvalue()


def _quantiles(systems: Sequence[dict[str, Any]]) -> Any:
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(systems))
    lines = math.ceil(len(systems) / columns)
    figure = Figure(figsize=(3.3 * columns, 4.0 * lines), layout="constrained")
    parts = figure.subfigures(lines, columns, squeeze=False).ravel()
    for part, system in zip(parts, systems, strict=False):
        _panel(part, system)
    return figure


def _panel(part: Any, system: dict[str, Any]) -> None:
    """Simulated against exact above, the difference in percent below."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    percent, exact, value, low, high = (list(column) for column in zip(*system["rows"], strict=True))
    above, below = part.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [2.2, 1]})
    above.plot([exact[0], exact[-1]], [exact[0], exact[-1]], color="0.6", lw=1, zorder=1)
    above.plot(exact, value, "o", ms=3.5, color=BLUE, zorder=2)
    marked = {x: name for name, x in zip(percent, exact, strict=True) if name in MARKED}  # of an atom, the last
    for x, name in marked.items():
        above.annotate(f"p{name:g}", (x, x), xytext=(5, -8), textcoords="offset points", fontsize=7, color="0.35")
    for axes in (above, below):
        axes.set_xscale("log")
        axes.margins(0.08)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    above.set_yscale("log")
    for axis in (above.xaxis, above.yaxis):
        few = exact[-1] / exact[0] > 30
        axis.set_major_locator(LogLocator(subs=(1.0,) if few else (1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda seconds, _: format_duration(seconds)))
        axis.set_minor_formatter(NullFormatter())
    above.set_ylabel("simulated", fontsize=8)
    ends = [[100 * (x / e - 1) for x, e in zip(side, exact, strict=True)] for side in (low, value, high)]
    below.fill_between(exact, ends[0], ends[2], color=BLUE, alpha=0.25, lw=0)
    below.plot(exact, ends[1], "o-", ms=2.5, lw=0.8, color=BLUE)
    below.axhline(0, color="0.6", lw=1)
    below.set_ylabel("difference, %", fontsize=8)
    below.set_xlabel("exact", fontsize=8)
    above.set_title(f"{system['family']}\n{_wrapped(system['configuration'])}", fontsize=8, loc="left")


def _wrapped(text: str, most: int = 42) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def _differences(lines: Sequence[dict[str, Any]]) -> Any:
    """A row a family, a point a line; failures in red, by name."""
    from matplotlib.figure import Figure

    held = [line for line in lines if line["deviation"] is not None]
    families = [(name, list(own)) for name, own in groupby(held, key=lambda line: line["family"])]
    figure = Figure(figsize=(9, 1.3 + 0.24 * len(families)), layout="constrained")
    axes = figure.subplots()
    for place, (_, own) in enumerate(families):
        for line in own:
            is_red = abs(line["deviation"]) > 1
            shown = max(-MOST, min(MOST, line["deviation"]))
            axes.plot(shown, place, "o", ms=5, color=RED if is_red else BLUE, alpha=0.9 if is_red else 0.45, mew=0)
            if is_red:
                axes.annotate(line["statistic"], (shown, place), xytext=(4, 4), textcoords="offset points", fontsize=7)
    axes.axvline(0, color="0.6", lw=1)
    for end in (-1, 1):
        axes.axvline(end, color="0.3", lw=1, ls="--")
    axes.set_yticks(range(len(families)), [name for name, _ in families], fontsize=8)
    axes.set_ylim(len(families) - 0.4, -0.6)
    widest = max(1.15, *(min(MOST, abs(line["deviation"])) + 0.15 for line in held))
    axes.set_xlim(-widest, widest)
    axes.set_xlabel("(simulated - exact) / half-width of the interval at 99.9 %", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color="0.93", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    return figure


#: Deviations are drawn up to here.
MOST = 3.0
