"""What a run measured, in the formats of programs that draw or watch latencies: HdrHistogram's and Prometheus'."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from simulator.core.plan import F8, I8
from simulator.core.trace import Trace
from simulator.documents import run
from simulator.running.spans import OUTCOMES, latencies_ns
from simulator.stats.attempts import as_queries

#: Rows of a percentile distribution from one halving of the distance to 100 % to the next.
TICKS = 5
#: Upper bounds of buckets within a decade.
IN_A_DECADE = (1.0, 2.0, 5.0)


def hgrm(traces: Mapping[int, Trace]) -> str:
    """The percentile distribution of all measured answers, in ms, as ``outputPercentileDistribution`` writes it.

    Each value is one that was measured, the smallest that so many are at most. A sample's, without intervals: what a
    run's length cannot support is here, too.

    Source: HdrHistogram 2.1, https://github.com/HdrHistogram/HdrHistogram
    """
    values_ms = _sorted_ns(traces) / 1e6
    lines = [f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}", ""]
    count = len(values_ms)
    if count:
        lines += [_row(values_ms, percentile) for percentile in _ticks(count)]
        lines.append(f"{values_ms[-1]:12.6f} {1.0:2.12f} {count:10d}")
        mean, deviation = float(values_ms.mean()), float(values_ms.std())
        lines.append(f"#[Mean    = {mean:12.6f}, StdDeviation   = {deviation:12.6f}]")
        lines.append(f"#[Max     = {values_ms[-1]:12.6f}, Total count    = {count:12d}]")
    return "\n".join(lines) + "\n"


def _sorted_ns(traces: Mapping[int, Trace]) -> I8:
    return np.sort(np.concatenate([latencies_ns(traces[number]) for number in sorted(traces)]))


def _ticks(count: int) -> Iterator[float]:
    """Parts of the sample: ever finer towards all of it, until one more than the last row is asked for."""
    part = 0.0
    while _rank(part, count) < count:
        yield part
        halvings = math.floor(math.log2(1.0 / (1.0 - part))) + 1
        part += 1.0 / (TICKS * 2**halvings)


def _rank(part: float, count: int) -> int:
    """How many of a sample are its part, at least one: what adding up parts leaves behind the point is not one more."""
    return max(1, math.ceil(part * count - 1e-9 * count))


def _row(values_ms: F8, part: float) -> str:
    rank = _rank(part, len(values_ms))
    return f"{values_ms[rank - 1]:12.6f} {part:2.12f} {rank:10d} {1.0 / (1.0 - part):14.2f}"


def prometheus(document: run.Run, traces: Mapping[int, Trace]) -> str:
    """The figures of a run in Prometheus' text format: histograms of latency, queries by outcome, figures of stages.

    Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4)
    """
    scenario = {"scenario": document["scenario"]}
    lines: list[str] = []

    def family(name: str, kind: str, text: str, samples: Iterator[tuple[str, Mapping[str, str], float]]) -> None:
        rows = [f"shardsim_{name}{end}{_labels({**scenario, **by})} {_number(value)}" for end, by, value in samples]
        if rows:
            lines.extend([f"# HELP shardsim_{name} {text}", f"# TYPE shardsim_{name} {kind}", *rows])

    family("query_latency_seconds", "histogram", "Latency of measured answers.", _buckets(_sorted_ns(traces)))
    family("queries_total", "counter", "Measured queries, by what became of them.", _outcomes(traces))
    family("query_latency_estimate_seconds", "gauge", "Percentiles, with the ends of 95 % intervals.", _told(document))
    family("stage_utilisation", "gauge", "Share of the workers' time that is taken.", _used(document))
    family("objective_met", "gauge", "Whether an objective is met: 1, 0, NaN: inconclusive.", _objectives(document))
    return "\n".join(lines) + "\n"


def _buckets(sorted_ns: I8) -> Iterator[tuple[str, Mapping[str, str], float]]:
    seconds = sorted_ns / 1e9
    positive = seconds[seconds > 0]
    if len(positive):
        decades = range(math.floor(math.log10(positive[0])), math.ceil(math.log10(positive[-1])) + 1)
        bounds = [float(f"{digit}e{decade}") for decade in decades for digit in IN_A_DECADE]
        for bound in bounds:
            yield "_bucket", {"le": f"{bound:g}"}, float(np.searchsorted(seconds, bound, side="right"))
    yield "_bucket", {"le": "+Inf"}, float(len(seconds))
    yield "_sum", {}, float(seconds.sum())
    yield "_count", {}, float(len(seconds))


def _outcomes(traces: Mapping[int, Trace]) -> Iterator[tuple[str, Mapping[str, str], float]]:
    counts = np.zeros(len(OUTCOMES), dtype=np.int64)
    for trace in traces.values():
        whole = as_queries(trace)
        counts += np.bincount(whole.outcome[whole.first_measured :], minlength=len(OUTCOMES))
    for name, count in zip(OUTCOMES, counts.tolist(), strict=True):
        if count:
            yield "", {"outcome": name}, float(count)


def _told(document: run.Run) -> Iterator[tuple[str, Mapping[str, str], float]]:
    latency: Any = document["latency_s"]
    for name, one in latency.items():
        if isinstance(one, dict):
            for end in ("value", "low", "high"):
                if one.get(end) is not None:
                    yield "", {"figure": name, "end": end}, one[end]


def _used(document: run.Run) -> Iterator[tuple[str, Mapping[str, str], float]]:
    for stage in document["stages"]:
        value = stage["utilisation"]["mean"]["value"]
        if value is not None:
            yield "", {"stage": stage["name"]}, value


def _objectives(document: run.Run) -> Iterator[tuple[str, Mapping[str, str], float]]:
    for one in document["slos"]:
        yield "", {"objective": one["slo"]}, math.nan if one["met"] is None else float(one["met"])


def _labels(by: Mapping[str, str]) -> str:
    """Labels, with what the format asks to be written otherwise."""
    escaped = {name: text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for name, text in by.items()}
    return "{" + ",".join(f'{name}="{text}"' for name, text in escaped.items()) + "}"


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return repr(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)
