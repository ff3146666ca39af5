"""The figure of a run: how late how many queries are, with objectives; and load, latency and replicas over time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from simulator.base.formats import counted, format_duration
from simulator.documents import parts
from simulator.report import frame, run_curves

if TYPE_CHECKING:
    from simulator.core.trace import Trace
    from simulator.running.result import Result


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
    queries = f"{counted(result.summary.pool.latency(None).layout.queries, 'query')}: {result.summary.verdict}"
    axes.set_title(f"latency of {queries}", fontsize=frame.TEXT, loc="left")
    axes.set_ylabel("share that is later", fontsize=frame.TEXT)
    axes.set_xlabel("latency", fontsize=frame.TEXT)
    frame.around(axes)
    later = run_curves.later_shares(result)
    if later is None:
        axes.text(0.5, 0.5, "no query was completed", transform=axes.transAxes, ha="center", fontsize=frame.TEXT)
        return
    axes.fill_between(later.latency_s, later.low, later.high, color=frame.PALE, lw=0, label="95 % interval")
    axes.plot(later.latency_s, later.value, color=frame.BLUE, lw=1.4, label="share of queries that are later")
    for verdict, objective in zip(result.summary.objectives, result.scenario.slos, strict=True):
        if objective.is_of_all and objective.measure in ("quantile", "share_within"):
            word = {True: "met", False: "FAILED", None: "inconclusive"}[verdict.met]
            color = frame.ORANGE if verdict.met is False else "0.35"
            axes.plot(objective.bound, objective.allowed, "v", color=color, ms=8, label=f"{objective.text}: {word}")
            axes.axvline(objective.bound, color=color, lw=0.8, ls=":")
    axes.set_yscale("log")
    axes.set_ylim(later.floor, 1.2)
    frame.logarithmic(axes.yaxis, lambda share: f"{100 * share:.6g} %", (1,))
    if later.spans:
        axes.set_xscale("log")
        frame.logarithmic(axes.xaxis, format_duration)
    axes.legend(frameon=False, fontsize=frame.TEXT, loc="lower left")


def _staircases(axes: Any, trace: Trace, names: Sequence[str]) -> None:
    """How many replicas of each stage that is scaled serve, of every shard, over the time of a replication."""
    axes.set_title("replicas of a shard that serve, of the same replication", fontsize=frame.TEXT, loc="left")
    axes.set_xlabel("time (s)", fontsize=frame.TEXT)
    axes.set_ylabel("replicas", fontsize=frame.TEXT)
    frame.around(axes)
    ways = zip((frame.BLUE, frame.ORANGE, "0.2"), ("-", "--", ":"), strict=True)
    for stairs, (color, style) in zip(run_curves.staircases(trace), cycle(ways)):
        axes.step(stairs.at_s, stairs.serve, where="post", color=color, ls=style, label=names[stairs.stage])
    axes.set_ylim(bottom=0)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False, fontsize=frame.TEXT, loc="lower right")


def _timeline(axes: Any, trace: Trace) -> None:
    """Queries a second of a replication, and in the same windows the mean and the tail of their latency."""
    windows = run_curves.windows_of(trace)
    axes.set_title(f"one replication, in {counted(windows, 'window')}", fontsize=frame.TEXT, loc="left")
    axes.set_xlabel("time of arrival (s)", fontsize=frame.TEXT)
    axes.set_ylabel("queries a second", fontsize=frame.TEXT)
    frame.around(axes)
    seen = run_curves.over_time(trace)
    if seen is None:
        return
    axes.stairs(seen.per_s, seen.edges_s, fill=True, color=frame.PALE, label="load")
    axes.set_ylim(0, 1.3 * float(seen.per_s.max()))
    if seen.warm_s > 0:
        axes.axvspan(0, seen.warm_s, color="0.5", alpha=0.15, lw=0, label="warm-up", zorder=0)
    late = axes.twinx()
    for name, figures, color in (
        ("mean latency", seen.mean_s, frame.BLUE),
        (f"{100 * run_curves.TAIL:g} % are earlier", seen.tail_s, frame.ORANGE),
    ):
        late.plot(seen.middles_s, figures, color=color, lw=1.4, marker="." if windows == 1 else None, label=name)
    late.set_ylim(bottom=0)
    late.set_ylabel("latency (s)", fontsize=frame.TEXT)
    frame.around(late, without=("top",))
    (lines, names), (more, others) = axes.get_legend_handles_labels(), late.get_legend_handles_labels()
    above = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.2, "ncols": 4}
    axes.legend(lines + more, names + others, frameon=False, fontsize=frame.TEXT, **above)
