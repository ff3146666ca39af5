"""Figures of a verification: quantiles against exact laws, and how far each figure is from its exact value."""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from simulator.base.formats import format_duration
from simulator.documents import verify
from simulator.report import frame
from simulator.report.text import cut

#: Panels side by side.
COLUMNS = 4
#: Percentiles that are named.
MARKED = (10, 50, 90, 99, 99.9)
#: Letters of a configuration.
MOST_LETTERS = 42


@frame.own_style()
def verify_figures(document: verify.Verification) -> dict[str, tuple[bytes, str]]:
    """Draw a verification (``Verification.to_dict``): by name of file, the figure and what it shows."""
    figures = {}
    if any(one["rows"] for one in document["quantiles"]):
        what = (
            "Quantiles of latency from 1 % to 99.9 %, simulated against exact; below, the difference in percent with "
            "the interval at 99.9 % of each point (points of a run go together)."
        )
        figures["quantiles.png"] = (
            frame.saved(_quantiles([one for one in document["quantiles"] if one["rows"]])),
            what,
        )
    if any(line["deviation"] is not None for line in document["lines"]):
        what = (
            "(simulated - exact) / half-width of the interval at 99.9 %, all lines: beyond the dashed lines is a miss."
        )
        figures["differences.png"] = (frame.saved(_differences(document["lines"])), what)
    return figures


def _quantiles(systems: Sequence[verify.Quantiles]) -> Any:
    columns = min(COLUMNS, len(systems))
    lines = math.ceil(len(systems) / columns)
    figure = frame.new(3.3 * columns, 4.0 * lines)
    parts = figure.subfigures(lines, columns, squeeze=False).ravel()
    for part, system in zip(parts, systems, strict=False):
        _panel(part, system)
    return figure


def _panel(part: Any, system: verify.Quantiles) -> None:
    """Simulated against exact above, the difference in percent below."""
    percent, exact, value, low, high = (list(column) for column in zip(*system["rows"], strict=True))
    above, below = part.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [2.2, 1]})
    above.plot([exact[0], exact[-1]], [exact[0], exact[-1]], color="0.6", lw=1, zorder=1)
    above.plot(exact, value, "o", ms=3.5, color=frame.BLUE, zorder=2)
    marked = {x: name for name, x in zip(percent, exact, strict=True) if name in MARKED}  # of an atom, the last
    for x, name in marked.items():
        above.annotate(f"p{name:g}", (x, x), xytext=(5, -8), textcoords="offset points", fontsize=7, color="0.35")
    for axes in (above, below):
        axes.set_xscale("log")
        axes.margins(0.08)
        frame.around(axes, size=7)
    above.set_yscale("log")
    for axis in (above.xaxis, above.yaxis):
        few = exact[-1] / exact[0] > 30
        frame.logarithmic(axis, format_duration, (1.0,) if few else (1.0, 2.0, 5.0))
    above.set_ylabel("simulated", fontsize=frame.SMALL)
    ends = [[100 * (x / e - 1) for x, e in zip(side, exact, strict=True)] for side in (low, value, high)]
    below.fill_between(exact, ends[0], ends[2], color=frame.BLUE, alpha=0.25, lw=0)
    below.plot(exact, ends[1], "o-", ms=2.5, lw=0.8, color=frame.BLUE)
    below.axhline(0, color="0.6", lw=1)
    below.set_ylabel("difference, %", fontsize=frame.SMALL)
    below.set_xlabel("exact", fontsize=frame.SMALL)
    above.set_title(
        f"{system['family']}\n{cut(system['configuration'], MOST_LETTERS)}", fontsize=frame.SMALL, loc="left"
    )


def _differences(lines: Sequence[verify.Line]) -> Any:
    """A row a family, a point a line; failures in red, by name."""
    held = [(line, line["deviation"]) for line in lines if line["deviation"] is not None]
    families = [(name, list(own)) for name, own in groupby(held, key=lambda each: each[0]["family"])]
    figure = frame.new(9, 1.3 + 0.24 * len(families))
    axes = figure.subplots()
    for place, (_, own) in enumerate(families):
        for line, deviation in own:
            is_red = abs(deviation) > 1
            shown = max(-MOST, min(MOST, deviation))
            axes.plot(
                shown,
                place,
                "o",
                ms=5,
                color=frame.ORANGE if is_red else frame.BLUE,
                alpha=0.9 if is_red else 0.45,
                mew=0,
            )
            if is_red:
                axes.annotate(line["statistic"], (shown, place), xytext=(4, 4), textcoords="offset points", fontsize=7)
    axes.axvline(0, color="0.6", lw=1)
    for end in (-1, 1):
        axes.axvline(end, color="0.3", lw=1, ls="--")
    axes.set_yticks(range(len(families)), [name for name, _ in families], fontsize=frame.SMALL)
    axes.set_ylim(len(families) - 0.4, -0.6)
    widest = max(1.15, *(min(MOST, abs(deviation)) + 0.15 for _, deviation in held))
    axes.set_xlim(-widest, widest)
    axes.set_xlabel("(simulated - exact) / half-width of the interval at 99.9 %", fontsize=frame.TEXT)
    frame.around(axes, size=frame.SMALL, without=("top", "right", "left"))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color="0.93", lw=0.8)
    axes.set_axisbelow(True)
    return figure


#: Deviations are drawn up to here.
MOST = 3.0
