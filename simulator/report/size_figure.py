"""The figure of a sizing: cost against latency of the fleets that were simulated, and their front."""

from __future__ import annotations

import io
from typing import Any

from simulator.base.units import format_duration
from simulator.report.load_figure import shortened
from simulator.report.size import cost, short, tail_name

#: By verdict: colour, marker.
LOOKS = {"met": ("#2171b5", "o"), "inconclusive": ("0.55", "D"), "failed": ("#d94801", "x")}
#: Latencies are drawn up to so many times the bound, or the latest that met it.
MOST = 4.0


def size_figure(found: dict[str, Any], format_: str = "png") -> bytes:
    """Draw a sizing (``Sizing.to_dict``); ``format_``: png, svg or pdf."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    title = found["scenario"] + (f": {found['description']}" if found["description"] else "")
    figure.suptitle(shortened(title, 95), fontsize=11, x=0.01, ha="left")
    key = f"worst_{found['percentile']}_s"
    rows = found["seen"]
    if any(row[key] is not None for row in rows):
        top = _top(found, [row for row in rows if row[key] is not None], key)
        for verdict, (color, marker) in LOOKS.items():
            _points(axes, [row for row in rows if row["verdict"] == verdict], verdict, color, marker, found, top)
        _steps(axes, [found["seen"][at] for at in found["front"]], key, top)
        if found["answers"]:
            _mark(axes, found, top)
        axes.set_ylim(0, top)
    else:
        axes.text(0.5, 0.5, "no fleet was simulated to a percentile", ha="center", transform=axes.transAxes, fontsize=9)
    if found["bound_s"] is not None:
        bound = f"bound, {format_duration(found['bound_s'])}"
        axes.axhline(found["bound_s"], color="0.3", lw=1, ls="--", label=bound)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda seconds, _: format_duration(seconds) if seconds > 0 else "0"))
    axes.set_xlabel(found["unit"], fontsize=9)
    axes.set_ylabel(tail_name(found), fontsize=9)
    axes.set_title(_said(found), fontsize=9, loc="left")
    figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    axes.tick_params(labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format=format_, dpi=140, metadata={"Date": None} if format_ == "svg" else None)
    return out.getvalue()


def _said(found: dict[str, Any]) -> str:
    fleets = f"{found['simulated']:,} of {found['fleets']:,} fleets simulated"
    spare = [f"{100 * found['headroom']:.4g} % headroom"] if found["headroom"] else []
    spare += ["any one machine gone"] if found["survive"] else []
    also = f"; objectives are to hold also with {' and '.join(spare)}" if spare else ""
    return fleets + also


def _top(found: dict[str, Any], rows: list[dict[str, Any]], key: str) -> float:
    """How far up latencies are drawn."""
    bound_s = found["bound_s"] or 0.0
    good_s = max([bound_s, *(row[key] for row in rows if row["verdict"] == "met")])
    most_s = max(bound_s, *(row[key] for row in rows))
    return float(1.1 * (min(most_s, MOST * good_s) if good_s > 0 else most_s))


def _points(
    axes: Any, rows: list[dict[str, Any]], verdict: str, color: str, marker: str, found: dict[str, Any], top: float
) -> None:
    """Fleets of one verdict with their intervals; what lies beyond the figure, or is not known, stands at its edge."""
    if not rows:
        return
    key = f"worst_{found['percentile']}"
    costs = [row["cost"] for row in rows]
    for row in rows:
        low, high = row[f"{key}_low_s"], row[f"{key}_high_s"]
        if low is not None and low < top:
            axes.plot([row["cost"]] * 2, [low, top if high is None else min(high, top)], color=color, lw=1, alpha=0.5)
    values = [min(row[f"{key}_s"] or top, 0.985 * top) for row in rows]
    label = {"met": "meets every objective", "failed": "fails", "inconclusive": "could not be told"}[verdict]
    axes.plot(costs, values, marker, ms=6, color=color, mew=1.6, ls="none", label=label)


def _steps(axes: Any, rows: list[dict[str, Any]], key: str, top: float) -> None:
    """The front: less latency costs more."""
    if len(rows) > 1:
        values = [min(row[key], top) for row in rows]
        axes.step([row["cost"] for row in rows], values, where="post", color="0.3", lw=1, label="front")


def _mark(axes: Any, found: dict[str, Any], top: float) -> None:
    """The cheapest fleet by name."""
    best = found["answers"][0]
    row = next(row for row in found["seen"] if row["verdict"] == "met")
    values = "\n".join(f"{short(path)} {value}" for path, value in best["values"].items())
    text = f"{cost(best['cost'], found['unit'])} {found['unit']}\n{values}"
    at = row["cost"], min(row[f"worst_{found['percentile']}_s"] or top, top)
    low, high = axes.get_xlim()
    is_right = at[0] > (low + high) / 2
    axes.annotate(
        text,
        at,
        xytext=(-24 if is_right else 24, -24),
        textcoords="offset points",
        fontsize=8,
        va="top",
        ha="right" if is_right else "left",
        arrowprops={"arrowstyle": "-", "color": "0.5", "lw": 0.8},
    )
