"""The figures of a run as rows: of the whole query and of each stage, with units and ends of intervals."""

from collections.abc import Iterator
from typing import Any

from simulator.documents import parts, run, sources


def rows_of(document: run.Figures) -> list[dict[str, Any]]:
    """A row a figure: what it is of (``query``, or a stage), its name, unit, value, low, high."""
    return [
        {"of": of, "figure": name, "unit": unit, "value": figure["value"], "low": figure["low"], "high": figure["high"]}
        for of, name, unit, figure in _figures(document)
    ]


def _figures(document: run.Figures) -> Iterator[tuple[str, str, parts.Unit, parts.Interval]]:
    yield from _latency("query", "latency", document["latency_s"])
    offered = document["offered_per_s"]
    yield "query", "offered", "per_s", {"value": offered, "low": None, "high": None}
    yield "query", "completed", "per_s", document["completed_per_s"]
    yield "query", "goodput", "per_s", document["goodput_per_s"]
    failed = document["failed_ratio"]
    yield "query", "failed_ratio", "ratio", {"value": failed["value"], "low": failed["low"], "high": failed["high"]}
    if "admission" in document:
        shed = document["admission"]["shed_ratio"]
        yield "query", "shed_ratio", "ratio", {"value": shed["value"], "low": shed["low"], "high": shed["high"]}
    if "attempts" in document:
        late = document["attempts"]["timed_out_ratio"]
        yield "query", "timed_out_ratio", "ratio", {"value": late["value"], "low": late["low"], "high": late["high"]}
        if "breaker_open_ratio" in document["attempts"]:
            yield "query", "breaker_open_ratio", "ratio", document["attempts"]["breaker_open_ratio"]
    for stage in document["stages"]:
        name, used = stage["name"], stage["utilisation"]
        yield from _latency(name, "latency", stage["latency_s"])
        yield name, "wait mean", "s", stage["wait_s"]
        yield name, "service mean", "s", stage["service_s"]
        yield name, "utilisation", "ratio", used["mean"]
        yield name, "hottest", "ratio", {"value": used["max"], "low": None, "high": None}
        yield name, "demand", "ratio", {"value": stage["demand"]["max"], "low": None, "high": None}
        for source in stage.get("sources", []):
            yield from _source(f"{name}.{source['name']}", source)
        if "mergers" in stage:
            yield name, "mergers utilisation", "ratio", stage["mergers"]["utilisation"]
            yield name, "mergers demand", "ratio", {"value": stage["mergers"]["demand"], "low": None, "high": None}


def _source(of: str, source: sources.Source) -> Iterator[tuple[str, str, parts.Unit, parts.Interval]]:
    yield from _latency(of, "latency", source["latency_s"])
    yield of, "critical_ratio", "ratio", source["critical_ratio"]
    yield of, "utilisation", "ratio", source["utilisation"]["mean"]
    yield of, "demand", "ratio", {"value": source["demand"]["max"], "low": None, "high": None}


def _latency(of: str, what: str, durations: parts.Latency) -> Iterator[tuple[str, str, parts.Unit, parts.Interval]]:
    """Mean, percentiles that the sample supports, and maximum."""
    for name in ("mean", *parts.percentiles_of(durations)):
        figure = parts.interval_of(durations, name)
        if figure is not None:
            yield of, f"{what} {name}", "s", figure
    yield of, f"{what} max", "s", {"value": durations["max"], "low": None, "high": None}
