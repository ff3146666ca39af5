"""The figures of a run: how late, over time, stage by stage, how busy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from simulator.base.formats import format_count, format_duration, format_rate
from simulator.documents import parts, run
from simulator.report import run_curves, text
from simulator.report.page import charts

if TYPE_CHECKING:
    from simulator.running.result import Result

WORDS = {True: "met", False: "FAILED", None: "inconclusive"}
_VERDICTS = {True: charts.INK, False: charts.BAD, None: charts.QUIET}


def figures(result: Result, document: run.Run) -> Iterator[charts.Chart]:
    """All of them that there are."""
    trace = result.traces[min(result.traces)]
    yield from spectrum(result, document)
    yield from by_stage(document)
    if document["stages"]:
        yield busy(document)
    seen = run_curves.over_time(trace)
    if seen is not None:
        yield _over_time(seen)
    yield from replicas(result)


def spectrum(result: Result, document: run.Run, stage: int | None = None) -> Iterator[charts.Chart]:
    """Latency by percentile, with its interval, the percentiles of the table, and the objectives' bounds.

    ``stage``: whose latency; None: of whole queries. Nothing where no query was completed.
    """
    later = run_curves.later_shares(result, stage)
    if later is None:
        return
    name_of = None if stage is None else result.scenario.stages[stage].name
    latency = document["latency_s"] if stage is None else document["stages"][stage]["latency_s"]
    at, value = later.latency_s.tolist(), later.value.tolist()
    ends = zip(later.low.tolist(), later.high.tolist(), strict=True)
    said = [
        f"{text.ratio(share)} of queries are later than {format_duration(late_s)} "
        f"({text.ratio(low)} .. {text.ratio(high)})"
        for late_s, share, (low, high) in zip(at, value, ends, strict=True)
    ]
    name = "share of queries that are later"
    series = [
        charts.across("95 % interval of the share", "c1", at, later.low.tolist(), later.high.tolist()),
        charts.line(name, "c1", value, at, said),
        *_percentiles(latency, "percentiles, 95 % interval", "c2"),
    ]
    for verdict, objective in zip(document["slos"], result.scenario.slos, strict=True):
        mine = objective.is_of_all if name_of is None else objective.stage == name_of
        if mine and objective.measure in ("quantile", "share_within"):
            label = f"{verdict['slo']}: {WORDS[verdict['met']]}"
            color, bound = _VERDICTS[verdict["met"]], objective.bound
            series += [
                charts.bound(label, color, "y", bound),
                charts.points(label, color, [objective.allowed], [bound], [label]),
            ]
    x = charts.scale("percentile: share of queries that are not later", "later", log=True)
    x["ends"] = [1.0, later.floor]
    y = charts.scale("latency", "s", log=later.spans, both=True)
    of = "Latency" if name_of is None else f"Latency of {name_of}"
    yield charts.chart(f"{of} by percentile", x, y, series, "Where it lies above an objective's bound, it is missed.")


def _percentiles(durations: parts.Latency, name: str, color: str) -> list[charts.Series]:
    """The percentiles of a duration as points with whiskers."""
    known = [
        (round(1 - float(percentile[1:]) / 100, 12), percentile, figure)
        for percentile, figure in parts.percentiles_of(durations).items()
        if figure is not None and figure["value"] is not None
    ]
    said = [f"{percentile}: {' '.join(_told(figure))}" for _, percentile, figure in known]
    x = [share for share, _, _ in known]
    return [
        charts.ends(name, color, [(share, figure["low"], share, figure["high"]) for share, _, figure in known]),
        charts.points(name, color, x, [figure["value"] for _, _, figure in known], said),
    ]


def _told(figure: parts.Interval) -> Iterator[str]:
    value, ends = text.duration_interval(figure)
    yield value
    if ends:
        yield f"({ends})"


def by_stage(document: run.Run) -> Iterator[charts.Chart]:
    """Mean and percentiles of the latency of each stage, and of the whole query."""
    if not document["stages"]:
        return
    every = [("whole query", document["latency_s"])]
    every += [(stage["name"], stage["latency_s"]) for stage in document["stages"]]
    of = ["mean", *parts.percentiles_of(document["latency_s"])]
    series = []
    for color, name in zip(charts.COLORS, of, strict=False):
        rows = [
            (len(every) - 1 - place, stage, figure)
            for place, (stage, durations) in enumerate(every)
            if (figure := parts.interval_of(durations, name)) is not None and figure["value"] is not None
        ]
        said = [f"{stage}, {name}: {' '.join(_told(figure))}" for _, stage, figure in rows]
        series += [
            charts.ends(name, color, [(figure["low"], at, figure["high"], at) for at, _, figure in rows]),
            charts.points(name, color, [figure["value"] for _, _, figure in rows], [at for at, _, _ in rows], said),
        ]
    x = charts.scale("latency, 95 % interval", "s", log=True, both=True)
    yield charts.in_rows("Latency by stage", x, "", [stage for stage, _ in every], series)


def busy(document: run.Run) -> charts.Chart:
    """Utilisation of each stage: the mean, its busiest replica, and what arithmetic expects."""
    stages = document["stages"]
    bars, hottest, expected, ends = [], [], [], []
    for place, stage in enumerate(stages):
        row, use, name = len(stages) - 1 - place, stage["utilisation"], stage["name"]
        mean = use["mean"]
        if mean["value"] is not None:
            said = f"{name}: {text.ratio(mean['value'])} ({text.interval(mean, text.ratio)})"
            bars.append((0.0, mean["value"], row - 0.3, row + 0.3, said))
            ends.append((mean["low"], row, mean["high"], row))
        if use["max"] is not None:
            where = f"shard {use['max_at']['shard']}, replica {use['max_at']['replica']}"
            hottest.append((use["max"], row, f"{name}, {where}: {text.ratio(use['max'])}"))
        demand = stage["demand"]["max"]
        if demand is not None:
            expected.append((demand, row, f"{name}, demand on the busiest, by arithmetic: {text.ratio(demand)}"))
    series = [
        charts.blocks("mean over replicas", "c1", bars),
        charts.ends("mean over replicas", charts.INK, ends),
        *(
            charts.points(name, color, [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])
            for name, color, rows in (
                ("busiest replica", "c2", hottest),
                ("demand on it, by arithmetic", "c3", expected),
            )
        ),
        charts.bound("always busy", charts.QUIET, "x", 1.0),
    ]
    x = charts.from_zero("utilisation, 95 % interval", "ratio")
    return charts.in_rows("How busy the replicas are", x, "", [stage["name"] for stage in stages], series)


def _over_time(seen: run_curves.OverTime) -> charts.Chart:
    """Load, and mean and tail of latency, of the first replication."""
    edges, per_s = seen.edges_s.tolist(), seen.per_s.tolist()
    middles = seen.middles_s.tolist()
    load = [
        (left, right, 0.0, rate, f"{format_duration(left)} .. {format_duration(right)}: {format_rate(rate)}")
        for left, right, rate in zip(edges, edges[1:], per_s, strict=False)
    ]
    series = [charts.blocks("load", "pale", load)]
    if seen.warm_s > 0:
        series.append(charts.zone("warm-up", charts.QUIET, "x", 0.0, seen.warm_s))
    for name, color, values in (
        ("mean latency", "c1", seen.mean_s.tolist()),
        (f"latency that {100 * run_curves.TAIL:g} % are earlier than", "c2", seen.tail_s.tolist()),
    ):
        said = [
            f"{name} around {format_duration(at)}: {text.DASH if value != value else format_duration(value)}"
            for at, value in zip(middles, values, strict=True)
        ]
        draw = charts.line if len(middles) > 1 else charts.points
        series.append({**draw(name, color, middles, values, said), "on": "right"})
    x, y = charts.scale("time of arrival", "s"), charts.from_zero("queries a second", "per_s")
    whole = charts.chart("One replication over time", x, y, series, "The first replication, from its first arrival on.")
    return {**whole, "right": charts.from_zero("latency", "s")}


def replicas(result: Result) -> Iterator[charts.Chart]:
    """How many replicas of a shard serve, in the first replication, where an autoscaler says that."""
    trace, names = result.traces[min(result.traces)], [stage.name for stage in result.scenario.stages]
    stairs, series = run_curves.staircases(trace) if trace.provided.shape[1] else [], []
    if not stairs:
        return
    for color, one in zip(charts.COLORS, stairs, strict=False):
        said = [
            f"{names[one.stage]} from {format_duration(at)} on: {format_count(count)} replicas"
            for at, count in zip(one.at_s, one.serve, strict=True)
        ]
        series.append(charts.step(names[one.stage], color, one.at_s, one.serve, said))
    x, y = charts.scale("time since the first arrival", "s"), charts.from_zero("replicas of a shard", "number")
    y["whole"], x["ends"] = True, [0.0, max(one.at_s[-1] for one in stairs)]
    yield charts.chart("Replicas that serve", x, y, series, "The same replication.")
