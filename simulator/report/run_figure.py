"""The figure of a run: how late how many queries are, with objectives; and load, latency and replicas over time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.base.formats import counted, format_duration
from simulator.core.plan import F8
from simulator.documents import parts
from simulator.report import frame
from simulator.stats.figures import S_PER_NS

if TYPE_CHECKING:
    from simulator.core.trace import Trace
    from simulator.running.result import Result

#: Latencies at which the share of later queries is drawn, and windows of the timeline at most.
POINTS, WINDOWS = 250, 60
#: A window of the timeline has so many queries, about; its tail is that part of them.
A_WINDOW, TAIL = 100, 0.95


@frame.own_style()
def run_figure(result: Result, format_: str = "png") -> Any:
    """Draw a run: the share of queries later than any latency with its interval, and the first replication over time.

    Where an autoscaler says how many replicas serve, that is drawn below, on the same time.

    Parameters
    ----------
    result
        The run, with its traces.
    format_
        One of ``frame.FORMATS``, or ``frame.ITSELF``.
    """
    title = parts.title_of({"scenario": result.scenario.name, "description": result.scenario.description})
    trace = result.traces[min(result.traces)]
    is_scaled = trace.provided.shape[1] > 0
    figure = frame.new(9, 9.5 if is_scaled else 7, title)
    late, over_time, *more = figure.subplots(3 if is_scaled else 2, 1)
    _distribution(late, result)
    _timeline(over_time, trace)
    if is_scaled:
        _staircases(more[0], trace, [stage.name for stage in result.scenario.stages])
    return frame.saved(figure, format_)


def _distribution(axes: Any, result: Result) -> None:
    """The share of queries that are later, on a logarithmic axis, with its interval and the objectives on it."""
    series = result.summary.pool.latency(None)
    known = series.values[series.finite]
    least, most = float(known.min(initial=np.inf)), float(known.max(initial=0.0))
    queries = f"{counted(series.layout.queries, 'query')}: {result.summary.verdict}"
    axes.set_title(f"latency of {queries}", fontsize=frame.TEXT, loc="left")
    axes.set_ylabel("share that is later", fontsize=frame.TEXT)
    axes.set_xlabel("latency", fontsize=frame.TEXT)
    frame.around(axes)
    if not most > 0:
        axes.text(0.5, 0.5, "no query was completed", transform=axes.transAxes, ha="center", fontsize=frame.TEXT)
        return
    grid_ns: F8 = np.unique(np.geomspace(max(least, most * 1e-4), most, POINTS))
    shares = [series.share(float(bound), inclusive=False) for bound in grid_ns]
    grid_s, floor = grid_ns * S_PER_NS, 0.5 / series.layout.queries
    value = np.array([max(share.value, floor) for share in shares])
    low, high = (np.array([max(getattr(share, end), floor) for share in shares]) for end in ("low", "high"))
    axes.fill_between(grid_s, low, high, color=frame.PALE, lw=0, label="95 % interval")
    axes.plot(grid_s, value, color=frame.BLUE, lw=1.4, label="share of queries that are later")
    for verdict, objective in zip(result.summary.objectives, result.scenario.slos, strict=True):
        if objective.is_of_all and objective.measure in ("quantile", "share_within"):
            word = {True: "met", False: "FAILED", None: "inconclusive"}[verdict.met]
            color = frame.ORANGE if verdict.met is False else "0.35"
            axes.plot(objective.bound, objective.allowed, "v", color=color, ms=8, label=f"{objective.text}: {word}")
            axes.axvline(objective.bound, color=color, lw=0.8, ls=":")
    axes.set_yscale("log")
    axes.set_ylim(floor, 1.2)
    if most > 1.5 * grid_ns[0]:
        axes.set_xscale("log")
        frame.logarithmic(axes.xaxis, format_duration)
    axes.legend(frameon=False, fontsize=frame.TEXT, loc="lower left")


def _staircases(axes: Any, trace: Trace, names: Sequence[str]) -> None:
    """How many replicas of each stage that is scaled serve, of every shard, over the time of a replication."""
    begin_s, end_s = (float(trace.arrival_ns[place]) * S_PER_NS for place in (0, -1))
    axes.set_title("replicas of a shard that serve, of the same replication", fontsize=frame.TEXT, loc="left")
    axes.set_xlabel("time (s)", fontsize=frame.TEXT)
    axes.set_ylabel("replicas", fontsize=frame.TEXT)
    frame.around(axes)
    ways = zip((frame.BLUE, frame.ORANGE, "0.2"), ("-", "--", ":"), strict=True)
    for stage, (color, style) in zip(np.unique(trace.provided[0]).tolist(), cycle(ways)):
        mine = trace.provided[:, trace.provided[0] == stage]
        from_s: F8 = np.asarray(mine[1] * S_PER_NS - begin_s, dtype=np.float64)
        shown = from_s < max(end_s - begin_s, 1e-9)
        edges, count = np.clip(from_s[shown], 0.0, None), mine[2][shown]
        at, serve = [*edges, end_s - begin_s], [*count, count[-1]]
        axes.step(at, serve, where="post", color=color, ls=style, label=names[stage])
    axes.set_ylim(bottom=0)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False, fontsize=frame.TEXT, loc="lower right")


def _timeline(axes: Any, trace: Trace) -> None:
    """Queries a second of a replication, and in the same windows the mean and the tail of their latency."""
    arrival_s: F8 = np.asarray((trace.arrival_ns - trace.arrival_ns[0]) * S_PER_NS, dtype=np.float64)
    span_s = float(arrival_s[-1])
    windows = int(np.clip(len(arrival_s) // A_WINDOW, 1, WINDOWS))
    axes.set_title(f"one replication, in {counted(windows, 'window')}", fontsize=frame.TEXT, loc="left")
    axes.set_xlabel("time of arrival (s)", fontsize=frame.TEXT)
    axes.set_ylabel("queries a second", fontsize=frame.TEXT)
    frame.around(axes)
    if not span_s > 0:
        return
    edges: F8 = np.linspace(0.0, span_s, windows + 1)
    counts = np.histogram(arrival_s, edges)[0]
    axes.stairs(counts / np.diff(edges), edges, fill=True, color=frame.PALE, label="load")
    axes.set_ylim(0, 1.3 * float((counts / np.diff(edges)).max()))
    warm_s = float(arrival_s[trace.first_measured])
    if warm_s > 0:
        axes.axvspan(0, warm_s, color="0.5", alpha=0.15, lw=0, label="warm-up", zorder=0)
    latency = (trace.completion_ns - trace.arrival_ns) * S_PER_NS
    is_known = trace.completion_ns >= 0
    window = np.clip(np.searchsorted(edges, arrival_s, side="right") - 1, 0, windows - 1)
    parts_of = [latency[is_known & (window == at)] for at in range(windows)]
    middles = (edges[1:] + edges[:-1]) / 2
    late = axes.twinx()
    for name, of, color in (
        ("mean latency", np.mean, frame.BLUE),
        (f"{100 * TAIL:g} % are earlier", lambda some: np.quantile(some, TAIL), frame.ORANGE),
    ):
        figures = [float(of(some)) if len(some) else np.nan for some in parts_of]
        late.plot(middles, figures, color=color, lw=1.4, marker="." if windows == 1 else None, label=name)
    late.set_ylim(bottom=0)
    late.set_ylabel("latency (s)", fontsize=frame.TEXT)
    frame.around(late, without=("top",))
    (lines, names), (more, others) = axes.get_legend_handles_labels(), late.get_legend_handles_labels()
    above = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.2, "ncols": 4}
    axes.legend(lines + more, names + others, frameon=False, fontsize=frame.TEXT, **above)
