"""What a sweep says of each point: one tidy row, units in the names, nothing where the sample does not support it."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from simulator.documents import parts, run
from simulator.documents.sweep import CLASS, PHASE, STAGE
from simulator.planner.fleet import S_PER_H, fleet
from simulator.running.result import Result

#: A row: figures, words, and None where there is none.
Row = dict[str, float | int | str | None]

#: Columns that hold whole numbers, and those that hold words; what begins with SLO is a word, too.
WHOLE = ("point", "replications", "queries", "machines", "notes")
WORDS = ("verdict", "bottleneck", "slos_met", "engine", "error")
SLO = "slo: "

MET = {True: "met", False: "failed", None: "inconclusive"}


def row_of(result: Result) -> Row:
    """The row of a run."""
    said, theory = result.summary.to_dict(), result.theory
    bottleneck, served = theory["bottleneck"], fleet(result.scenario).served(result.summary.provided)
    machines = served.to_dict(said["completed_per_s"]["value"])
    row: Row = {
        "rate_per_s": theory["rate_per_s"],
        "bottleneck": bottleneck["stage"],
        "bottleneck_demand": bottleneck["demand"],
        "hottest_utilisation": _hottest([used for stage in said["stages"] for used in _stations(stage)]),
        "verdict": said["verdict"],
        "offered_per_s": said["offered_per_s"],
    }
    row |= _ends("completed_per_s", said["completed_per_s"])
    row |= _ends("goodput_per_s", said["goodput_per_s"])
    row |= _ends("failed_ratio", said["failed_ratio"])
    if result.scenario.admission is not None or "admission" in said:
        row |= _ends("shed_ratio", said["admission"]["shed_ratio"] if "admission" in said else _NONE_PARTIAL)
    if "attempts" in said:
        row |= _ends("attempts_per_query", said["attempts"]["per_query"])
        row |= _ends("timed_out_ratio", said["attempts"]["timed_out_ratio"])
    if "breaker_open_ratio" in said.get("attempts", {}):
        row |= _ends("breaker_open_ratio", said["attempts"]["breaker_open_ratio"])
    if any(stage.speaks_of_answers for stage in result.scenario.stages):  # the same columns at every point of a sweep
        gathered = said.get("gather")
        row |= _ends("partial_ratio", gathered["partial_ratio"] if gathered else _NONE_PARTIAL)
        row |= _ends("coverage", gathered["coverage"] if gathered else _ALL_COVERED)
    if any(stage.speaks_of_answers or stage.speaks_of_copies or stage.loses for stage in result.scenario.stages):
        row |= {"wasted_ratio": _wasted(result)}
    for stage, of_stage in zip(result.scenario.stages, said["stages"], strict=True):
        if stage.autoscale is not None:
            row |= _ends(f"{STAGE}{stage.name}.replica_hours", _hours(result, of_stage))
    latency = said["latency_s"]
    row |= _ends("latency_mean_s", latency["mean"])
    for name, percentile in parts.percentiles_of(latency).items():
        row |= _ends(f"latency_{name}_s", percentile)
    row |= {"latency_max_s": latency["max"]}
    groups = [*((CLASS, one) for one in said.get("classes", ())), *((PHASE, one) for one in said.get("phases", ()))]
    for kind, one in groups:
        of_group = one["latency_s"]
        row |= _ends(f"{kind}{one['name']}.latency_mean_s", of_group["mean"] if of_group else None)
        for name in parts.percentiles_of(latency):
            percentile = parts.percentiles_of(of_group)[name] if of_group else None
            row |= _ends(f"{kind}{one['name']}.latency_{name}_s", percentile)
    row |= {"slos_met": _overall([slo["met"] for slo in said["slos"]])}
    row |= {f"{SLO}{slo['slo']}": MET[slo["met"]] for slo in said["slos"]}
    row |= {"machines": machines["machines"], "usd_per_h": machines["usd_per_h"]}
    row |= {"usd_per_million_queries": machines["usd_per_million_queries"], "power_w": machines["power_w"]}
    row |= {"replications": said["replications"], "queries": said["queries"], "engine": result.engine}
    row |= {"notes": len(result.notes) + len(said["notes"]), "error": None}
    return {name: _plain(value) for name, value in row.items()}


#: Where every stage waits for all of its answers.
_NONE_PARTIAL: parts.Share = {"value": 0.0, "low": 0.0, "high": 0.0}
_ALL_COVERED: parts.Interval = {"value": 1.0, "low": 1.0, "high": 1.0}


def _hours(result: Result, stage: run.Stage) -> parts.Interval:
    """In which a replica of a stage serves inside the window; those that do not come and go serve all of it."""
    if "autoscale" in stage:
        return stage["autoscale"]["replica_hours"]
    replicas = stage["shards"] * stage["replicas"]
    hours = replicas * float(result.summary.pool.windows_s().mean()) / S_PER_H
    return {"value": hours, "low": hours, "high": hours}


def _wasted(result: Result) -> float | None:
    """Part of the busy time of all workers that served nobody."""
    traces = result.summary.pool.traces
    busy_ns = sum(float(trace.busy_ns.sum(dtype=np.float64)) for trace in traces)
    wasted_ns = sum(float(trace.wasted_ns.sum(dtype=np.float64)) for trace in traces)
    return wasted_ns / busy_ns if busy_ns > 0 else None


def _stations(stage: run.Stage) -> list[float | None]:
    """Utilisation of its busiest replica, and of its mergers if these queue."""
    mergers = [stage["mergers"]["utilisation"]["value"]] if "mergers" in stage else []
    return [stage["utilisation"]["max"], *mergers]


def _hottest(utilisations: Sequence[float | None]) -> float | None:
    """The highest; None where no time passed, so that none is known."""
    return max((each for each in utilisations if each is not None), default=None)


def _plain(value: Any) -> float | int | str | None:
    """Floats as Python's own, as they are after reading them from a journal."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value  # type: ignore[no-any-return]


def error_row(error: Exception) -> Row:
    """The row of a point that could not be answered: it has not failed its objectives, it has no answer."""
    lines = [line for line in str(error).splitlines() if line]
    return {"error": f"{type(error).__name__}: {'; '.join(lines)}"}


def _ends(name: str, figure: parts.Interval | parts.Share | None) -> Row:
    if figure is None:
        return {f"{name}{end}": None for end in ("", "_low", "_high")}
    return {name: figure["value"], f"{name}_low": figure["low"], f"{name}_high": figure["high"]}


def _overall(verdicts: list[bool | None]) -> str | None:
    """Whether all objectives are met; failed if one is; None if there is none."""
    if not verdicts:
        return None
    return MET[False if False in verdicts else None if None in verdicts else True]


def columns_of(rows: Iterable[Row]) -> list[str]:
    """Columns of rows, in order: one that only some rows have follows what comes before it there; last is ``error``."""
    columns: list[str] = []
    for shape in dict.fromkeys(tuple(row) for row in rows):
        place = 0
        for name in shape:
            if name in columns:
                place = columns.index(name) + 1
            else:
                columns.insert(place, name)
                place += 1
    return [*(name for name in columns if name != "error"), *(["error"] if "error" in columns else [])]
