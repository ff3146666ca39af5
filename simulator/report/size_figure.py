"""The figure of a sizing: cost against latency of the fleets that were simulated, and their front."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

from simulator.base.formats import counted, format_duration
from simulator.documents import parts, size
from simulator.report import frame
from simulator.report.size import cost, headline, short, tail_name

#: By verdict: colour, marker.
LOOKS = {"met": (frame.BLUE, "o"), "inconclusive": ("0.55", "D"), "failed": (frame.ORANGE, "x")}
#: Latencies are drawn up to so many times the bound, or the latest that met it.
MOST = 4.0


@frame.own_style()
def size_figure(document: size.Size, format_: str = "png") -> Any:
    """Draw a sizing (``Sizing.to_dict``); ``format_``: png, svg or pdf."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    figure = frame.new(9, 5, parts.title_of(document))
    axes = figure.subplots()
    points = [_Point.of(row, document["percentile"]) for row in document["seen"]]
    if any(point.latency["value"] is not None for point in points):
        top = _top(document, points)
        for verdict in LOOKS:
            _points(axes, [point for point in points if point.verdict == verdict], verdict, top)
        _steps(axes, [points[at] for at in document["front"]], top)
        if document["answers"]:
            _mark(axes, document, points, top)
        axes.set_ylim(0, top)
    else:
        axes.text(
            0.5,
            0.5,
            "no fleet was simulated to a percentile",
            ha="center",
            transform=axes.transAxes,
            fontsize=frame.TEXT,
        )
    if document["bound_s"] is not None:
        bound = f"bound, {format_duration(document['bound_s'])}"
        axes.axhline(document["bound_s"], color="0.3", lw=1, ls="--", label=bound)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda seconds, _: format_duration(seconds) if seconds > 0 else "0"))
    if document["unit"] == "machines":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(document["unit"], fontsize=frame.TEXT)
    axes.set_ylabel(f"{tail_name(document)}, 95 % interval", fontsize=frame.TEXT)
    axes.set_title(said(document), fontsize=frame.TEXT, loc="left")
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=frame.TEXT)
    frame.around(axes)
    return frame.saved(figure, format_)


def said(document: size.Size) -> str:
    """The verdict, and what it stands on, as the title has it."""
    ended = "interrupted; " if document["interrupted"] and document["answers"] else ""
    verdict = textwrap.fill(headline(document), frame.MOST_LETTERS, max_lines=2, placeholder="...")
    return f"{verdict}\n{ended}{_searched(document)}"


def _searched(document: size.Size) -> str:
    fleets = f"{document['simulated']:,} of {counted(document['fleets'], 'fleet')} simulated"
    spare = [f"{100 * document['headroom']:.4g} % headroom"] if document["headroom"] else []
    spare += [f"any one {'zone' if document['survive'] == 'zone' else 'machine'} gone"] if document["survive"] else []
    also = f"; objectives are to hold also with {' and '.join(spare)}" if spare else ""
    return fleets + also


@dataclass(frozen=True)
class _Point:
    """A fleet in the figure."""

    cost: float
    latency: parts.Interval  #: under the hardest condition, in seconds
    verdict: str

    @staticmethod
    def of(row: size.Seen, percentile: str) -> _Point:
        return _Point(row["cost"], size.worst_of(row, percentile), row["verdict"])


def _top(document: size.Size, points: list[_Point]) -> float:
    """How far up latencies are drawn."""
    bound_s = document["bound_s"] or 0.0
    known = [(point.latency["value"], point.verdict) for point in points if point.latency["value"] is not None]
    good_s = max([bound_s, *(value for value, verdict in known if verdict == "met")])
    most_s = max(bound_s, *(value for value, _ in known))
    return float(1.1 * (min(most_s, MOST * good_s) if good_s > 0 else most_s))


def _points(axes: Any, points: list[_Point], verdict: str, top: float) -> None:
    """Fleets of one verdict with their intervals; what lies beyond the figure, or is not known, stands at its edge."""
    if not points:
        return
    color, marker = LOOKS[verdict]
    for point in points:
        low, high = point.latency["low"], point.latency["high"]
        if low is not None and low < top:
            axes.plot([point.cost] * 2, [low, top if high is None else min(high, top)], color=color, lw=1, alpha=0.5)
    label = {"met": "meets every objective", "failed": "fails", "inconclusive": "could not be told"}[verdict]
    known = [(point.cost, point.latency["value"]) for point in points]
    inside = [(paid, value) for paid, value in known if value is not None and value <= top]
    looks = {"ms": 6, "color": color, "mew": 1.6, "ls": "none"}
    beyond = [paid for paid, value in known if value is None or value > top]
    if inside:
        axes.plot(*zip(*inside, strict=True), marker, label=label, **looks)
    if beyond:
        axes.plot(beyond, [0.975 * top] * len(beyond), "^", label=f"{label}; beyond the figure, or not known", **looks)


def _steps(axes: Any, points: list[_Point], top: float) -> None:
    """The front: less latency costs more."""
    if len(points) > 1:
        values = [top if point.latency["value"] is None else min(point.latency["value"], top) for point in points]
        axes.step([point.cost for point in points], values, where="post", color="0.3", lw=1, label="front")


def _mark(axes: Any, document: size.Size, points: list[_Point], top: float) -> None:
    """The cheapest fleet by name."""
    best = document["answers"][0]
    cheapest = next(point for point in points if point.verdict == "met")
    values = "\n".join(f"{short(path)} {value}" for path, value in best["values"].items())
    text = f"{cost(best['cost'], document['unit'])} {document['unit']}\n{values}"
    at = cheapest.cost, min(cheapest.latency["value"] or top, top)
    low, high = axes.get_xlim()
    is_right = at[0] > (low + high) / 2
    axes.annotate(
        text,
        at,
        xytext=(-24 if is_right else 24, -24),
        textcoords="offset points",
        fontsize=frame.SMALL,
        va="top",
        ha="right" if is_right else "left",
        arrowprops={"arrowstyle": "-", "color": "0.5", "lw": 0.8},
    )
