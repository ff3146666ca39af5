"""The figure of a load: queries a second over time, as drawn, and the rate that was asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.base.formats import counted, format_duration, significant
from simulator.core.plan import F8
from simulator.documents import parts
from simulator.report import frame

if TYPE_CHECKING:
    from simulator.running.portrait import Portrait
    from simulator.workload.rates import RateFunction

#: Bins of a panel, about: at most and at least, and between them so that each has some arrivals.
BINS, FEWEST_BINS, A_BIN = 150, 20, 8
#: Points at which the rate of a panel is taken.
POINTS = 3000
#: The close-up shows this part of the run, around its busiest bin.
CLOSE_UP = 1 / 20
#: Of fewer queries there is nothing to see in it.
FEWEST_FOR_A_CLOSE_UP = 200
#: A rate that turns more often within a panel would fill it: then its mean is drawn.
MOST_TURNS = 60

_ROUND_S = [
    *(round(digit * 10.0**power, 9) for power in range(-6, 0) for digit in (1, 2, 5)),
    *(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400, 172800, 604800, 2592000),
]
_UNITS = (("days", 86400.0, 4), ("hours", 3600.0, 4), ("minutes", 60.0, 4), ("seconds", 1.0, 1), ("ms", 1e-3, 0))


@frame.own_style()
def load_figure(portrait: Portrait, format_: str = "png") -> Any:
    """Draw the first replication of a load, whole and close up.

    Parameters
    ----------
    portrait
        The load.
    format_
        One of ``frame.FORMATS``.
    """
    load, scenario = portrait.loads[0], portrait.scenario
    arrival_s: F8 = load.arrival_ns.astype(np.float64) * 1e-9
    end_s = _end_s(arrival_s)
    has_close_up = len(arrival_s) >= FEWEST_FOR_A_CLOSE_UP
    title = parts.title_of({"scenario": scenario.name, "description": scenario.description})
    figure = frame.new(9, 6 if has_close_up else 3.3, title)
    whole, *rest = figure.subplots(2 if has_close_up else 1, 1, squeeze=False)[:, 0]
    counts, edges, width = _panel(whole, portrait, arrival_s, 0.0, end_s, end_s)
    warm_s = float(arrival_s[load.first_measured])
    if load.first_measured:
        whole.axvspan(0, warm_s / _unit(end_s)[1], color="0.5", alpha=0.15, lw=0, label="warm-up", zorder=0)
    whole.legend(
        loc="lower right", bbox_to_anchor=(1.01, 0.98), frameon=False, fontsize=frame.TEXT, ncols=3, borderpad=0
    )
    whole.set_title(f"one replication of {counted(len(arrival_s), 'query')}, {width}", fontsize=frame.TEXT, loc="left")
    busiest = int(np.where(edges[:-1] >= warm_s, counts, -1).argmax())
    begins_s = (edges[busiest] + edges[busiest + 1]) / 2 - end_s * CLOSE_UP / 2
    start_s = min(max(begins_s, 0.0), end_s * (1 - CLOSE_UP))
    for close in rest:
        _, _, width = _panel(close, portrait, arrival_s, start_s, start_s + end_s * CLOSE_UP, end_s)
        close.set_title(f"close up, where it is busiest, {width}", fontsize=frame.TEXT, loc="left")
    return frame.saved(figure, format_)


def _panel(
    axes: Any, portrait: Portrait, arrival_s: F8, start_s: float, end_s: float, run_s: float
) -> tuple[F8, F8, str]:
    """Draw a stretch of the run; returns counts in its bins, their edges in seconds, and how wide they are."""
    load = portrait.loads[0]
    inside = int(np.diff(np.searchsorted(arrival_s, [start_s, end_s]))[0])
    bins = min(BINS, max(FEWEST_BINS, inside // A_BIN))
    width_s = next((float(width) for width in _ROUND_S if width >= (end_s - start_s) / bins), 2_592_000.0)
    edges: F8 = np.arange(math.floor(start_s / width_s), math.ceil(end_s / width_s) + 1, dtype=np.float64) * width_s
    first, last = np.searchsorted(arrival_s, [edges[0], edges[-1]])
    counts: F8 = np.histogram(arrival_s[first:last], edges)[0].astype(np.float64)
    ends = np.minimum(edges[1:], max(run_s, edges[-2] + width_s / 10))  # the end of the run may cut the last one
    name, unit_s = _unit(run_s)
    axes.stairs(counts / (ends - edges[:-1]), edges / unit_s, fill=True, color=frame.PALE, label="drawn")
    time_s: F8 = np.linspace(start_s, end_s, POINTS)
    if load.rate is None:
        axes.axhline(load.rate_per_s, color=frame.ORANGE, lw=1.3, label="mean of the trace")
    else:
        rate, what = _rate_line(load.rate, np.minimum(time_s, arrival_s[-1]))
        axes.plot(time_s / unit_s, rate, color=frame.ORANGE, lw=1.3, label=what)
    axes.set_xlim(start_s / unit_s, end_s / unit_s)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"time ({name})", fontsize=frame.TEXT)
    axes.set_ylabel("queries a second", fontsize=frame.TEXT)
    frame.around(axes)
    return counts, edges, f"in bins of {_bin_name(width_s)}"


def _rate_line(rate: RateFunction, time_s: F8) -> tuple[F8, str]:
    """The rate asked for at some instants, and what it is called; where it changes too fast to be seen, its mean."""
    from simulator.workload.modulation import ModulatedRate

    if isinstance(rate, ModulatedRate):
        inside = (rate.edge_s >= time_s[0]) & (rate.edge_s <= time_s[-1])
        if inside.sum() > MOST_TURNS:
            return _smoothed(rate.base.at(time_s))[0], "asked, mean over the states"
        return rate.at(time_s), "asked, in the states as drawn"
    return _smoothed(rate.at(time_s))


def _smoothed(rate: F8) -> tuple[F8, str]:
    """The rate, or its mean where it turns too often; and what it is called."""
    steps = np.sign(np.diff(rate))
    turns = int((steps[1:] * steps[:-1] < 0).sum())
    return (np.full(len(rate), rate.mean()), "asked, its mean") if turns > MOST_TURNS else (rate, "asked")


def _end_s(arrival_s: F8) -> float:
    """End of the run in the figure: half a mean gap after the last arrival."""
    last_s = float(arrival_s[-1])
    return last_s * (1 + 0.5 / len(arrival_s)) if last_s > 0 else 1e-3


def _unit(span_s: float) -> tuple[str, float]:
    return next(((name, unit_s) for name, unit_s, least in _UNITS if span_s >= least * unit_s))


def _bin_name(width_s: float) -> str:
    for name, factor in (("day", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if width_s >= factor * 0.999:
            count = width_s / factor
            return f"{significant(count)} {name}{'s' if name == 'day' and count > 1 else ''}"
    return format_duration(width_s)
