"""The figure of a stress: of one trigger what it does over time; of several what the system recovers from."""

from __future__ import annotations

from typing import Any

from simulator.base.formats import format_duration
from simulator.documents import parts, stress
from simulator.report import frame

#: Colours of the map, by verdict.
COLORS = {
    "unharmed": "#deebf7",
    "recovers": frame.PALE,
    "recovers slowly": "#fdd0a2",
    "stays down": frame.ORANGE,
    "missed without it": "0.6",
}

#: Letters of a title in an inch.
LETTERS = 10
#: What follows is shown for so many times as long as the recovery takes, or the trigger.
SHOWN = 4


@frame.own_style()
def stress_figure(document: stress.Stress, format_: str = "png") -> Any:
    """Draw a stress.

    Parameters
    ----------
    document
        ``Stress.to_dict``.
    format_
        One of ``frame.FORMATS``.
    """
    cells, title = document["triggers"], parts.title_of(document)
    if len(cells) > 1:
        return _map(document, title, format_)
    cell = cells[0]
    figure = frame.new(9, 2.6 * len(document["slos"]) + 1, title, said=f"{cell['trigger']}: {cell['verdict']}")
    for axes, slo in zip(figure.subplots(len(document["slos"]), 1, squeeze=False)[:, 0], document["slos"], strict=True):
        rows = [row for row in cell["timeline"] if row["slo"] == slo]
        edges = [*(row["from_s"] for row in rows), rows[-1]["until_s"]]
        axes.axvspan(0, cell["lasts_s"], color="0.5", alpha=0.25, lw=0, label="trigger", zorder=0)
        usual = [100 * (row["usual_ratio"] or 0.0) for row in rows]
        missed = [100 * (row["missed_ratio"] or 0.0) for row in rows]
        axes.stairs(usual, edges, color=frame.BLUE, lw=1.3, label="without the trigger")
        axes.stairs(missed, edges, color=frame.ORANGE, lw=1.6, label="with it")
        axes.axhline(100 * rows[0]["bad_above_ratio"], color="0.4", lw=1, ls="--", label="a bad window has more")
        axes.set_ylim(bottom=0)
        axes.set_xlim(edges[0], until_s(cell, edges[-1]))
        axes.set_title(slo, fontsize=frame.TEXT, loc="left")
        axes.set_ylabel("queries that miss it (%)", fontsize=frame.TEXT)
        axes.set_xlabel("seconds after the trigger began", fontsize=frame.TEXT)
        frame.around(axes)
        frame.beside(axes, bbox_to_anchor=(1.01, 1.0))
    return frame.saved(figure, format_)


def _map(document: stress.Stress, title: str, format_: str) -> Any:
    """A field a trigger: durations across, sizes up."""
    cells = document["triggers"]
    sizes = list(dict.fromkeys(cell["size"] for cell in cells))
    lasts = list(dict.fromkeys(cell["lasts_s"] for cell in cells))
    width = 2.6 + 1.1 * len(lasts)
    figure = frame.new(width, 2.0 + 0.6 * len(sizes), title, most=int(LETTERS * width))
    axes = figure.subplots()
    for cell in cells:
        across, up = lasts.index(cell["lasts_s"]), sizes.index(cell["size"])
        color = COLORS[cell["verdict"]]
        axes.bar(across, 1, width=1, bottom=up - 0.5, color=color, ec="white", lw=2)
        axes.text(across, up, _said(cell), ha="center", va="center", fontsize=frame.SMALL)
    axes.set_xticks(range(len(lasts)), [format_duration(one) for one in lasts])
    plain = cells[0]["trigger"].partition(" for ")[0]
    axes.set_yticks(range(len(sizes)), [plain if one is None else f"load x{one:.6g}" for one in sizes])
    axes.set_xlim(-0.5, len(lasts) - 0.5)
    axes.set_ylim(-0.5, len(sizes) - 0.5)
    axes.set_xlabel("how long the trigger lasts", fontsize=frame.TEXT)
    frame.around(axes, without=("top", "right", "left", "bottom"))
    return frame.saved(figure, format_)


def until_s(cell: stress.Cell, end_s: float) -> float:
    """How far time is shown: all of it, but where everything is over much sooner."""
    if cell["slowest_s"] is None:
        return end_s
    return min(end_s, cell["lasts_s"] + SHOWN * max(cell["slowest_s"], cell["lasts_s"]))


def _said(cell: stress.Cell) -> str:
    """What is written into a field: how long until it has recovered, or how often it has not."""
    if cell["verdict"] == "stays down":
        return f"down\n{cell['replications'] - cell['recovered']} of {cell['replications']}"
    median_s = cell["recovery_s"]["value"]
    return cell["verdict"] if cell["verdict"] != "recovers" and not median_s else format_duration(median_s or 0.0)
