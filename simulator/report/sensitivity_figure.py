"""The figure of a sensitivity: bars of what each knob does to capacity and to the tail."""

from __future__ import annotations

import io
from typing import Any

from simulator.report.load_figure import shortened

#: Knobs that are drawn, at most: those that do most.
MOST = 25


def sensitivity_figure(found: dict[str, Any], format_: str = "png") -> bytes:
    """Draw a sensitivity (``Sensitivity.to_dict``); ``format_``: png, svg or pdf."""
    from matplotlib.figure import Figure

    percentile = found["percentile"]
    knobs = found["knobs"][:MOST][::-1]
    has_capacity = found["capacity_per_s"] is not None
    panels = [("capacity_change", "capacity", 1)] if has_capacity else []
    panels.append((f"{percentile}_change", f"{percentile} at the scenario's own load", -1))
    figure = Figure(figsize=(10, 1.5 + 0.27 * max(3, len(knobs))), layout="constrained")
    title = found["scenario"] + (f": {found['description']}" if found["description"] else "")
    figure.suptitle(shortened(title, 100), fontsize=11, x=0.01, ha="left")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (key, what, better) in zip(axes, panels, strict=True):
        _bars(axis, [knob[key] for knob in knobs], better)
        axis.set_title(f"change of {what}", fontsize=9, loc="left")
    axes[0].set_yticks(range(len(knobs)), [f"{knob['knob']}  {knob['change']}" for knob in knobs], fontsize=9)
    out = io.BytesIO()
    figure.savefig(out, format=format_, dpi=140)
    return out.getvalue()


def _bars(axis: Any, changes: list[dict[str, Any] | None], better: int) -> None:
    """A bar a knob, in percent, with its interval; grey where no difference was seen."""
    for place, change in enumerate(changes):
        if change is None or change["value"] is None:
            continue
        value, low, high = change["value"], change["low"], change["high"]
        is_known = low is not None and high is not None
        color = "0.75" if not is_known or low <= 0 <= high else "#2171b5" if (value > 0) == (better > 0) else "#d94801"
        axis.barh(place, 100 * value, height=0.65, color=color)
        if is_known:
            axis.plot([100 * low, 100 * high], [place, place], color="0.2", lw=1.2, solid_capstyle="butt")
    axis.axvline(0, color="0.3", lw=0.8)
    axis.set_xlabel("percent (blue: better, grey: no difference seen)", fontsize=9)
    axis.tick_params(labelsize=9)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
