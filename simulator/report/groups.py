"""The tables of classes of queries, and of phases of the load."""

from collections.abc import Sequence
from typing import Any

from simulator.base.formats import format_rate
from simulator.documents import parts, run
from simulator.report import text


def tables(result: run.Run) -> list[Any]:
    """Of classes and of phases, where there are some."""
    return [*_classes(result), *_phases(result)]


def _classes(result: run.Run) -> list[Any]:
    """A row for each class of queries, where there are some."""
    if "classes" not in result:
        return []
    names, shed = [*parts.percentiles_of(result["latency_s"])], _shed(result)
    rows = [_of_group(one, names, shed) for one in result["classes"]]
    return ["", text.table(["class", "of queries", "mean", *names, "failed", *shed], rows)]


def _shed(result: run.Run) -> list[str]:
    """The column of those that were shed, where there is a door."""
    return ["shed"] if "admission" in result else []


def _phases(result: run.Run) -> list[Any]:
    """A row for each phase of the load that has a name."""
    if "phases" not in result:
        return []
    names, rows, shed = [*parts.percentiles_of(result["latency_s"])], [], _shed(result)
    for one in result["phases"]:
        name, share, *shown = _of_group(one, names, shed)
        rows.append([name, format_rate(one["offered_per_s"]), share, *shown])
    return ["", text.table(["phase", "rate", "of queries", "mean", *names, "failed", *shed], rows)]


def _of_group(one: run.OfClass, names: Sequence[str], shed: Sequence[str]) -> list[str]:
    """Its name, its part of all queries, and what is said of them."""
    latency, failed = one["latency_s"], one["failed_ratio"]
    shown = [text.DASH] * (1 + len(names))
    if latency is not None:
        figures = [parts.interval_of(latency, name) for name in ("mean", *names)]
        shown = [text.duration_interval(figure)[0] for figure in figures]
    bad = [text.ratio(failed["value"] if failed else None)]
    bad += [text.ratio(one["shed_ratio"]["value"] if "shed_ratio" in one else None) for _ in shed]
    return [one["name"], text.ratio(one["share"]), *shown, *bad]
