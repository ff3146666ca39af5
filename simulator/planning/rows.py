"""What a sweep says of each point: one tidy row, units in the names, nothing where the sample does not support it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from simulator.planner.fleet import fleet
from simulator.running.run import Result

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
    bottleneck, machines = theory["bottleneck"], fleet(result.scenario).to_dict(said["completed_per_s"]["value"])
    row: Row = {
        "rate_per_s": theory["rate_per_s"],
        "bottleneck": bottleneck["stage"],
        "bottleneck_utilisation": bottleneck["utilisation"],
        "hottest_utilisation": max(stage["utilisation"]["max"] for stage in said["stages"]),
        "verdict": said["verdict"],
        "offered_per_s": said["offered_per_s"],
    }
    for name in ("completed_per_s", "goodput_per_s", "failed_ratio"):
        row |= _ends(name, said[name])
    for name, figure in said["latency_s"].items():
        row |= {"latency_max_s": figure} if name == "max" else _ends(f"latency_{name}_s", figure)
    row |= {"slos_met": _overall([slo["met"] for slo in said["slos"]])}
    row |= {f"{SLO}{slo['slo']}": MET[slo["met"]] for slo in said["slos"]}
    row |= {name: machines[name] for name in ("machines", "usd_per_h", "usd_per_million_queries", "power_w")}
    row |= {"replications": said["replications"], "queries": said["queries"], "engine": result.engine}
    row |= {"notes": len(result.notes) + len(said["notes"]), "error": None}
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> float | int | str | None:
    """Floats as Python's own, as they are after reading them from a journal."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value  # type: ignore[no-any-return]


def error_row(error: Exception) -> Row:
    """The row of a point that could not be answered: it has not failed its objectives, it has no answer."""
    lines = [line for line in str(error).splitlines() if line]
    return {"error": f"{type(error).__name__}: {'; '.join(lines)}"}


def _ends(name: str, figure: dict[str, Any] | None) -> Row:
    return {f"{name}{end}": None if figure is None else figure[key] for end, key in _ENDS}


_ENDS = (("", "value"), ("_low", "low"), ("_high", "high"))


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
