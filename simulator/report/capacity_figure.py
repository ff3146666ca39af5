"""The figure of a capacity: how far each objective is from its bound, by load."""

import math
import re
from typing import Any

from simulator.base.formats import exact_rate
from simulator.documents import capacity, parts
from simulator.report import frame

#: Figures over their bounds are drawn from here to there.
LEAST, MOST = 1e-3, 30.0
#: Loads nearer than that, in logarithms, are beside each other.
NEARBY = 0.15


@frame.own_style()
def capacity_figure(document: capacity.Capacity, format_: str = "png") -> Any:
    """Draw the probes of a capacity (``Capacity.to_dict``): of each load the one with most queries.

    ``format_``: png, svg or pdf.
    """
    figure = frame.new(9, 4.6, parts.title_of(document))
    axes = figure.subplots()
    for number, slo in enumerate(dict.fromkeys(row["slo"] for row in document["curve"])):
        _curve(axes, [row for row in document["curve"] if row["slo"] == slo], slo, f"C{number}")
    axes.axhline(1.0, color="0.3", lw=1)
    axes.annotate(
        "bound", (0.005, 1.0), xycoords=("axes fraction", "data"), fontsize=frame.TEXT, color="0.3", va="bottom"
    )
    per_s = document["capacity_per_s"]
    if per_s["low"] is not None and per_s["high"] is not None:
        axes.axvspan(per_s["low"], per_s["high"], color="0.5", alpha=0.25, lw=0, label="95 % interval of the capacity")
    if per_s["value"] is not None:
        axes.axvline(per_s["value"], color="0.2", lw=1)
    axes.axvline(
        document["own_per_s"], color="0.2", lw=1, ls=":", label=f"own load, {exact_rate(document['own_per_s'])}"
    )
    saturated = document["bottleneck"]["saturation_per_s"]
    axes.axvline(saturated, color=frame.ORANGE, lw=1.2, ls="--", label=f"saturated, {exact_rate(saturated)}")
    axes.set_yscale("log")
    axes.set_ylim(LEAST, MOST)
    axes.set_xlim(left=0)
    axes.set_xlabel("mean load, queries a second", fontsize=frame.TEXT)
    axes.set_ylabel(_what({row["slo"] for row in document["curve"]}), fontsize=frame.TEXT)
    said = (
        "no load meets the objectives"
        if per_s["low"] is None
        else "between two loads"
        if per_s["value"] is None
        else exact_rate(per_s["value"])
    )
    axes.set_title(f"capacity: {said}", fontsize=10, loc="left")
    frame.beside(axes, bbox_to_anchor=(1.0, 1.0))
    frame.around(axes)
    return frame.saved(figure, format_)


def _what(slos: set[str]) -> str:
    """What is drawn over its bound: the figure itself, or of a percentile the share of later queries."""
    measures = {
        slo: re.split(r"[\s<>]", slo, maxsplit=1)[0].split(".")[-1] for slo in slos
    }  # a stage may be called max
    of_figures = {slo for slo, measure in measures.items() if measure in ("mean", "max", "utilisation")}
    bad = "bad queries over those allowed"
    return bad if not of_figures else "figure over its bound" if of_figures == slos else f"{bad}, or figure over bound"


def _curve(axes: Any, rows: list[capacity.Probe], slo: str, color: str) -> None:
    """One objective: at each load its figure with the interval, cut to what is drawn."""
    known = [row for row in rows if row["value_over_bound"] is not None]
    points = sorted((row for row in known if not _is_outdone(row, known)), key=lambda row: row["rate_per_s"])
    rates = [row["rate_per_s"] for row in points]
    low, high = ([_cut(row["low_over_bound"]) for row in points], [_cut(row["high_over_bound"]) for row in points])
    axes.fill_between(rates, low, high, color=color, alpha=0.2, lw=0)
    axes.plot(rates, [_cut(row["value_over_bound"]) for row in points], "o-", ms=4, lw=1.4, color=color, label=slo)


def _is_outdone(row: capacity.Probe, rows: list[capacity.Probe]) -> bool:
    """Whether a load nearby was tried with more queries: a coarser point beside it would only seem to wiggle."""
    return any(
        other["queries"] > row["queries"] and abs(math.log(other["rate_per_s"] / row["rate_per_s"])) < NEARBY
        for other in rows
    )


def _cut(value: float | None) -> float:
    return MOST if value is None else max(LEAST, min(MOST, value))
