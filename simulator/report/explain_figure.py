"""The figure of an explanation: what the latency around each percentile is made of, a bar a percentile."""

from typing import Any

from simulator.base.errors import Problem, ScenarioError
from simulator.base.formats import format_duration
from simulator.documents import explain, parts
from simulator.report import frame

#: Colour of each cause, told apart also by who sees few colours (Okabe and Ito, 2008; Tol, 2021), and what is drawn
#: over it where it goes with another one.
COLORS = {
    "retry": ("#882255", ""),
    "backoff": ("#882255", "////"),
    "cache": ("#44aa99", ""),
    "network": ("#009e73", ""),
    "hedge wait": ("#cc79a7", ""),
    "waiting": ("#0072b2", ""),
    "batching": ("#e69f00", ""),
    "service": ("#bbbbbb", ""),
    "straggler": ("#d55e00", ""),
    "slowdown": ("#f0e442", ""),
    "failure": ("#555555", ""),
    "missing answers": ("#555555", "////"),
    "merge wait": ("#56b4e9", "////"),
    "merge": ("#56b4e9", ""),
}
#: Colours on which letters are white.
DARK = ("#882255", "#0072b2", "#555555", "#009e73", "#d55e00")
#: Percent of a bar that a share takes, and a letter of the name of a stage.
NAMED, LETTER = 4.0, 0.8


@frame.own_style()
def explain_figure(document: explain.Explanation, format_: str = "png") -> Any:
    """Draw an explanation (``Explanation.to_dict``); ``format_``: png, svg or pdf.

    Raises
    ------
    ScenarioError
        If the sample supports no percentile.
    """
    bands = document["bands"]
    if not bands:
        raise ScenarioError([Problem("explain", 0, 0, "", "the sample supports no percentile: nothing to be drawn")])
    figure = frame.new(10, 1.6 + 0.9 * len(bands), parts.title_of(document), most=100)
    axis = figure.add_subplot()
    seen: dict[str, Any] = {}
    for place, band in enumerate(reversed(bands)):
        _bar(axis, place, band, seen)
    axis.set_yticks(range(len(bands)), [_label(band) for band in reversed(bands)], fontsize=frame.TEXT)
    axis.set_ylim(-0.65, len(bands) - 0.45)
    axis.set_xlim(0, 100)
    axis.set_xlabel("percent of the latency of the queries around each percentile", fontsize=frame.TEXT)
    order = [cause for cause in COLORS if cause in seen]
    figure.legend(
        [seen[cause] for cause in order],
        order,
        loc="outside lower center",
        ncols=min(7, len(order)),
        fontsize=frame.TEXT,
        frameon=False,
    )
    frame.around(axis, without=("top", "right", "left"))
    axis.tick_params(axis="y", length=0)
    return frame.saved(figure, format_)


def _label(band: explain.Band) -> str:
    mean_s = band["latency_s"]["value"]
    return f"{band['percentile']}\n{format_duration(mean_s)}" if mean_s is not None else band["percentile"]


def _bar(axis: Any, place: int, band: explain.Band, seen: dict[str, Any]) -> None:
    """Stage after stage, its causes; the name of a stage stands below its part, where there is room."""
    left = 0.0
    stages = list(dict.fromkeys(part["stage"] for part in band["parts"]))
    for stage in stages:
        begin = left
        for part in band["parts"]:
            width = 100 * (part["share"]["value"] or 0.0)
            if part["stage"] != stage or width <= 0:
                continue
            color, hatch = COLORS[part["cause"]]
            given = {"color": color, "hatch": hatch, "edgecolor": "white", "linewidth": 0.8, "height": 0.55}
            seen.setdefault(part["cause"], axis.barh(place, width, left=left, **given)[0])
            if width >= NAMED:
                letters = "white" if color in DARK else "black"
                at = left + width / 2, place
                axis.text(*at, f"{width:.0f} %", ha="center", va="center", fontsize=frame.SMALL, color=letters)
            left += width
        axis.plot([begin + 0.3, left - 0.3], [place - 0.33] * 2, color="0.3", lw=0.8, solid_capstyle="butt")
        name = stage if stage is not None else "query"
        if left - begin >= LETTER * len(name):
            axis.text((begin + left) / 2, place - 0.36, name, ha="center", va="top", fontsize=frame.SMALL, color="0.2")
