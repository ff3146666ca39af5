"""The figure of a sensitivity: bars of what each knob does to capacity and to the tail."""

from typing import Any

from simulator.base.formats import counted
from simulator.documents import parts, sensitivity
from simulator.report import frame

#: Knobs that are drawn, at most: those that do most.
MOST = 25


@frame.own_style()
def sensitivity_figure(document: sensitivity.Sensitivity, format_: str = "png") -> Any:
    """Draw a sensitivity (``Sensitivity.to_dict``); ``format_``: png, svg or pdf."""
    percentile = document["percentile"]
    knobs = document["knobs"][:MOST][::-1]
    panels = (
        [("capacity", [knob["capacity_change"] for knob in knobs], 1)] if document["capacity_per_s"] is not None else []
    )
    tails = [sensitivity.tail_change(knob, percentile) for knob in knobs]
    panels.append((f"{percentile} at the scenario's own load", tails, -1))
    height = 1.5 + 0.27 * max(3, len(knobs))
    figure = frame.new(10, height, parts.title_of(document), most=100, said=said(document))
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (what, changes, better) in zip(axes, panels, strict=True):
        _bars(axis, changes, better)
        axis.set_title(f"change of {what}", fontsize=frame.TEXT, loc="left")
    labels = [f"{knob['knob']}  {knob['change']}" for knob in knobs]
    more = len(document["knobs"]) - len(knobs)
    if more:
        labels.insert(0, f"and {more:,} more")
    axes[0].set_ylim(len(knobs) - len(labels) - 0.6, len(knobs) - 0.4)
    axes[0].set_yticks(range(len(knobs) - len(labels), len(knobs)), labels, fontsize=frame.TEXT)
    return frame.saved(figure, format_)


def said(document: sensitivity.Sensitivity) -> str:
    """The verdict, below the title: nothing where all knobs are turned."""
    if "unturned" not in document:
        return ""
    turned = len(document["knobs"])
    why = "interrupted" if document.get("interrupted") else "inconclusive, since its time was up"
    return f"{why}: {turned} of {counted(turned + document['unturned'], 'knob')} turned"


def _bars(axis: Any, changes: list[parts.Interval | None], better: int) -> None:
    """A bar a knob, in percent, with its interval; grey where no difference was seen, words where there is none."""
    for place, change in enumerate(changes):
        if change is None or change["value"] is None:
            beside = {"textcoords": "offset points", "va": "center", "fontsize": frame.SMALL, "color": "0.4"}
            axis.annotate("no figure", (0, place), (4, 0), **beside)
            continue
        value, low, high = change["value"], change["low"], change["high"]
        color = "0.75"
        if low is not None and high is not None and not low <= 0 <= high:
            color = frame.BLUE if (value > 0) == (better > 0) else frame.ORANGE
        axis.barh(place, 100 * value, height=0.65, color=color)
        if low is not None and high is not None:
            axis.plot([100 * low, 100 * high], [place, place], color="0.2", lw=1.2, solid_capstyle="butt")
    axis.axvline(0, color="0.3", lw=0.8)
    axis.set_xlabel("percent (blue: better, orange: worse, grey: no difference seen)", fontsize=frame.TEXT)
    frame.around(axis, without=("top", "right", "left"))
    axis.tick_params(axis="y", length=0)
