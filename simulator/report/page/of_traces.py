"""Figures of what is measured in every query: how many are under way, how busy each shard is, batches, quantiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from simulator.base.formats import counted, format_count, format_duration, format_rate
from simulator.core.plan import F8, I8
from simulator.core.stage_view import stage_views
from simulator.documents import run
from simulator.planner.plans import Plans
from simulator.report import text
from simulator.report.page import charts
from simulator.stats.attempts import as_queries, as_served
from simulator.stats.durations import latency_of
from simulator.stats.fleets import S_PER_NS, replicas_used

if TYPE_CHECKING:
    from simulator.core.laws import Law
    from simulator.core.trace import Trace
    from simulator.running.result import Result

#: Instants at which queries under way are counted, at most; windows of arrivals, at most.
INSTANTS, WINDOWS = 400, 60
#: A window has so many queries, about, at least; from so many on its 99th percentile has ten beyond it, and is drawn.
A_WINDOW, A_TAIL = 100, 1_000
#: Stages that have a figure of their own, at most: the busiest.
MOST_STAGES = 6
#: Bars that have space between them, at most.
MOST_APART = 60
#: Percentiles of two distributions that are held against each other, and those that are named.
LEVELS = tuple(np.unique(np.round(1 - np.geomspace(0.999, 1e-4, 60), 6)).tolist())
NAMED = (50, 90, 95, 99, 99.9)


# --- over time --------------------------------------------------------------------------------------------------------


def timeline(result: Result) -> Iterator[charts.Chart]:
    """Load, queries under way by stage, and windowed percentiles, of the first replication, with what was planned."""
    sent = result.traces[min(result.traces)]
    trace = as_queries(sent)
    begin_ns, arrival_ns = int(trace.arrival_ns[0]), trace.arrival_ns
    span_s = float(arrival_ns[-1] - begin_ns) * S_PER_NS
    if not span_s > 0:
        return
    marks = list(_marks(result, trace, begin_ns * S_PER_NS, span_s))
    windows = int(np.clip(len(arrival_ns) // A_TAIL, 1, WINDOWS))
    if windows < WINDOWS // 3:
        windows = int(np.clip(len(arrival_ns) // A_WINDOW, 1, WINDOWS))
    edges_s = np.linspace(0.0, span_s, windows + 1)
    place = _window(arrival_ns, begin_ns, edges_s)
    attempts_ns = sent.arrival_ns[sent.arrival_ns <= arrival_ns[-1]]  # others come when no query does
    attempts = _per_s(_window(attempts_ns, begin_ns, edges_s), edges_s) if len(sent.query_of) else None
    yield _load(edges_s, _per_s(place, edges_s), attempts, marks)
    yield _under_way(result, trace, sent, begin_ns, span_s, marks)
    yield _windowed(trace, edges_s, place, marks)


def _window(at_ns: I8, begin_ns: int, edges_s: F8) -> I8:
    """The window of each instant; what comes later is in the last."""
    place = np.searchsorted(edges_s, (at_ns - begin_ns) * S_PER_NS, side="right") - 1
    return np.clip(place, 0, len(edges_s) - 2)


def _per_s(place: I8, edges_s: F8) -> list[float]:
    """How many a second there are in each window."""
    rates: list[float] = (np.bincount(place, minlength=len(edges_s) - 1) / np.diff(edges_s)).tolist()
    return rates


def _marks(result: Result, trace: Trace, begin_s: float, span_s: float) -> Iterator[charts.Series]:
    """Warm-up, phases of the load, planned outages: what lies inside the replication."""
    warm_s = float(trace.arrival_ns[trace.first_measured]) * S_PER_NS - begin_s
    if warm_s > 0:
        yield charts.zone("warm-up", charts.QUIET, "x", 0.0, min(warm_s, span_s))
    zero_s = trace.window_begin_ns * S_PER_NS - begin_s  # where the scenario's own time begins
    ends = np.cumsum([phase.duration_s for phase in result.scenario.load.phases or ()]).tolist()
    for at in [zero_s + end for end in ends[:-1] if 0 < zero_s + end < span_s]:
        yield charts.bound("next phase of the load", charts.INK, "x", at)
    for color, stage in zip(charts.COLORS[3:], result.scenario.stages, strict=False):
        for from_s, until_s in dict.fromkeys((one.from_s, one.until_s) for one in stage.outages or ()):
            low, high = max(0.0, zero_s + from_s), min(span_s, zero_s + until_s)
            if low < high:
                yield charts.zone(f"outage in {stage.name}", color, "x", low, high)


def _load(
    edges_s: F8, per_s: list[float], attempts_per_s: list[float] | None, marks: Sequence[charts.Series]
) -> charts.Chart:
    """Queries a second; and attempts, where clients send again."""
    spans = [f"{format_duration(left)} .. {format_duration(right)}" for left, right in pairwise(edges_s.tolist())]
    blocks = [
        (left, right, 0.0, rate, f"{span}: {format_rate(rate)}")
        for (left, right), rate, span in zip(pairwise(edges_s.tolist()), per_s, spans, strict=True)
    ]
    series = [charts.blocks("queries", "pale", blocks)]
    if attempts_per_s is not None:
        said = [f"{span}: attempts {format_rate(rate)}" for span, rate in zip(spans, attempts_per_s, strict=True)]
        values = [*attempts_per_s, attempts_per_s[-1]]
        series.append(charts.step("attempts", "c2", edges_s.tolist(), values, [*said, said[-1]]))
    x, y = _time(edges_s), charts.from_zero("arrivals a second", "per_s")
    return charts.chart("Load", x, y, [*series, *marks])


def _time(edges_s: F8) -> charts.Scale:
    return {**charts.scale("time since the first arrival", "s"), "ends": [0.0, float(edges_s[-1])]}


def _under_way(
    result: Result, trace: Trace, sent: Trace, begin_ns: int, span_s: float, marks: Sequence[charts.Series]
) -> charts.Chart:
    """How many queries there are at each instant, in the system and in each stage: those that wait are among them.

    Where clients send again, attempts in each stage.
    """
    at_ns = begin_ns + np.linspace(0.0, span_s / S_PER_NS, INSTANTS).astype(np.int64)
    every = slice(0, len(trace.arrival_ns))
    of = [("in the system", _there(trace.arrival_ns, trace.ended_ns(every), at_ns))]
    names, tasks = [stage.name for stage in result.scenario.stages], as_served(sent)
    over_ns, word = tasks.ended_ns(slice(0, len(sent.arrival_ns))), "attempts " if len(sent.query_of) else ""
    for index, name in enumerate(names if len(names) > 1 or word else ()):
        entered, left = tasks.entered_ns(index), tasks.leave_ns[index]
        took = entered >= 0
        gone = np.where(left[took] >= 0, left[took], over_ns[took])
        of.append((f"{word}in {name}", _there(entered[took], gone, at_ns)))
    at_s = ((at_ns - begin_ns) * S_PER_NS).tolist()
    series = [
        charts.step(name, color, at_s, counts, [f"{count:,} {name}" for count in counts])
        for color, (name, counts) in zip(charts.COLORS, of, strict=False)
    ]
    y = charts.from_zero("queries under way", "number")
    y["whole"] = True
    return charts.chart("Queries under way", _time(np.array([0.0, span_s])), y, [*series, *marks])


def _there(from_ns: I8, until_ns: I8, at_ns: I8) -> list[int]:
    """How many of some stretches of time hold each instant; those that end at -1 have no end."""
    until_ns = np.where(until_ns >= 0, until_ns, np.iinfo(np.int64).max)
    begun = np.searchsorted(np.sort(from_ns), at_ns, side="right")
    over = np.searchsorted(np.sort(until_ns), at_ns, side="right")
    there: list[int] = (begun - over).tolist()
    return there


def _windowed(trace: Trace, edges_s: F8, place: I8, marks: Sequence[charts.Series]) -> charts.Chart:
    """Median and tail of the latency of the queries that arrive in each window."""
    latency_ns = np.asarray(latency_of(None)(trace, slice(0, len(trace.arrival_ns))), dtype=np.float64)
    windows, latency_s = len(edges_s) - 1, latency_ns * S_PER_NS
    parts_of = [latency_s[np.isfinite(latency_s) & (place == at)] for at in range(windows)]
    fewest = min((len(some) for some in parts_of if len(some)), default=0)
    middles = ((edges_s[1:] + edges_s[:-1]) / 2).tolist()
    series = []
    for color, percent in (("c1", 50), ("c2", 99 if fewest >= 0.8 * A_TAIL else 95)):
        values = [float(np.quantile(some, percent / 100)) if len(some) else np.nan for some in parts_of]
        said = [
            f"p{percent} around {format_duration(at)}: {text.DASH if value != value else format_duration(value)}"
            for at, value in zip(middles, values, strict=True)
        ]
        draw = charts.line if windows > 1 else charts.points
        series.append(draw(f"p{percent}", color, middles, values, said))
    x, y = _time(edges_s), charts.from_zero("latency", "s")
    of = "By time of arrival, of those that were answered."
    return charts.chart(f"Latency in {counted(windows, 'window')}", x, y, [*series, *marks], of)


# --- how busy each is -------------------------------------------------------------------------------------------------


def busy(result: Result) -> Iterator[charts.Chart]:
    """Utilisation of each shard, a figure a stage: the mean over its replicas, and the busiest of these.

    Of a stage of one shard, of each of its replicas. Of many stages the busiest.
    """
    pool, views = result.summary.pool, stage_views(Plans.of(result.scenario).outline(rate_per_s=1.0))
    every = [(view, replicas_used(pool, view)) for view in views if view.owner == view.index]
    kept = sorted(every, key=lambda one: -float(np.nanmax(one[1], initial=0.0)))[:MOST_STAGES]
    for view, used in sorted(kept, key=lambda one: one[0].index):
        yield _of_stage(result.scenario.stages[view.index].name, used)


def _of_stage(name: str, used: F8) -> charts.Chart:
    shards, replicas = used.shape
    what, each = ("replica", used[0][:, None]) if shards == 1 else ("shard", used)
    with np.errstate(invalid="ignore"):
        mean, most = np.nanmean(each, axis=1), np.nanmax(each, axis=1)
    places = range(len(mean))
    said = [f"{what} {at}: {text.ratio(value)}" for at, value in zip(places, mean.tolist(), strict=True)]
    half = 0.4 if len(mean) <= MOST_APART else 0.5
    bars = [
        (at - half, at + half, 0.0, value, word)
        for at, value, word in zip(places, mean.tolist(), said, strict=True)
        if value == value
    ]
    label = f"each {what}" if shards == 1 or replicas == 1 else "mean over the replicas of a shard"
    series = [charts.blocks(label, "c1", bars)]
    if shards > 1 and replicas > 1:
        told = [
            f"the busiest replica of shard {at}: {text.ratio(v)}" for at, v in zip(places, most.tolist(), strict=True)
        ]
        series.append(charts.points("busiest replica", "c2", places, most.tolist(), told))
    series.append(charts.bound("always busy", charts.QUIET, "y", 1.0))
    x, y = charts.scale(what, "number"), charts.from_zero("utilisation", "ratio")
    x["whole"], x["ends"], y["ends"] = True, [-0.6, len(mean) - 0.4], [0.0, 1.05]
    return charts.chart(f"{name}: {counted(shards, 'shard')} x {counted(replicas, 'replica')}", x, y, series)


# --- batches ----------------------------------------------------------------------------------------------------------


def batches(document: run.Run) -> Iterator[charts.Chart]:
    """How many tasks are served together, of each stage with batches."""
    for stage in document["stages"]:
        if "batches" not in stage or not stage["batches"]["sizes"]:
            continue
        of = stage["batches"]
        bars = [
            (one["size"] - 0.4, one["size"] + 0.4, 0.0, one["share"], _of_size(one["size"], one["share"]))
            for one in of["sizes"]
        ]
        series, mean = [charts.blocks("share of batches", "c1", bars)], of["mean_size"]["value"]
        if mean is not None:
            series.append(charts.bound(f"mean size {text.number(mean)}", charts.INK, "x", mean))
        x, y = charts.scale("tasks in a batch", "number"), charts.from_zero("share of batches", "ratio")
        x["whole"] = True
        yield charts.chart(f"{stage['name']}: {counted(of['count'], 'batch', format_count)}", x, y, series)


def _of_size(size: int, share: float) -> str:
    return f"{text.ratio(share)} of batches have {counted(size, 'task')}"


# --- held against what was measured -----------------------------------------------------------------------------------


def quantiles(result: Result, measured: Law, file: str, stage: int | None) -> charts.Chart:
    """Quantiles of latency against those that were measured, each with its interval: on the line they are alike."""
    series = result.summary.pool.latency(stage)
    fewest = 10.0 / series.layout.queries
    rows = []
    for p in (*LEVELS, *(percent / 100 for percent in NAMED)):
        if min(p, 1 - p) < fewest:
            continue
        found = series.quantile(p)
        if np.isfinite(found.pooled):
            rows.append((p, measured.percentile(p), found))
    rows.sort(key=lambda row: row[0])
    x = [was for _, was, _ in rows]
    value, low, high = ([getattr(found, key) * S_PER_NS for *_, found in rows] for key in ("pooled", "low", "high"))
    high = [end if np.isfinite(end) else np.nan for end in high]
    named = [row for row in zip(rows, x, value, strict=True) if any(abs(row[0][0] - n / 100) < 1e-9 for n in NAMED)]
    words = [f"p{100 * row[0]:g}" for row, *_ in named]
    said = [
        f"{word}: {format_duration(was)} measured, {format_duration(now)} simulated"
        for word, (_, was, now) in zip(words, named, strict=True)
    ]
    ends = [min(*x, *value), max(*x, *value)]
    of = [
        charts.band("95 % interval", "c1", x, low, high),
        charts.line("quantiles", "c1", x, value),
        charts.points("of percentiles", "c2", [was for _, was, _ in named], [now for *_, now in named], said),
        charts.words("which", charts.INK, [(was, now, word) for word, (_, was, now) in zip(words, named, strict=True)]),
        charts.line("alike", charts.QUIET, ends, ends, dashed=True),
    ]
    across = charts.scale(f"measured, {file}", "s", log=ends[0] > 0, both=True)
    up = charts.scale("simulated", "s", log=ends[0] > 0, both=True)
    where = "latency" if stage is None else f"latency of {result.scenario.stages[stage].name}"
    whole = charts.chart(f"Quantiles of {where}", across, up, of, "Above the line, the simulation is later.")
    return {**whole, "square": True}
