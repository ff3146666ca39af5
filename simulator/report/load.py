"""The table of a load."""

from __future__ import annotations

from typing import Any

from simulator.base.units import format_duration, format_rate
from simulator.report.text import DASH, number, rendered, table


def load_table(load: dict[str, Any], width: int = 120, color: bool = False) -> str:
    """A load (the document of ``shardsim load --format json``) as text."""
    title = load["scenario"] + (f": {load['description']}" if load["description"] else "")
    each = f"{load['queries'] / load['replications']:,.0f} queries measured"
    lasts = f"the first takes {_long(load['duration_s'])} after a warm-up of {_long(load['warmup_s'])}"
    columns = ["", "mean", "peak", "CV of gaps", "dispersion 1 s", "10 s", "60 s", "long run"]
    rows = [_row("asked", load["asked"]), _row("drawn", load["drawn"])]
    parts = [
        title,
        f"{load['arrivals']} arrivals, {load['replications']} x {each}, seed {load['seed']}; {lasts}",
        "",
        table(columns, rows),
        "",
        "peak: of the rate asked for, its highest; of what was drawn, the most in any second",
        "dispersion: variance over mean of the queries in windows of this length; Poisson has 1",
    ]
    return rendered(parts, width, color)


def _row(name: str, said: dict[str, Any]) -> list[str]:
    rates = [DASH if said[key] is None else format_rate(said[key]) for key in ("rate_per_s", "peak_per_s")]
    spread = [said["dispersion"].get(window) for window in ("1s", "10s", "60s", "limit")]
    return [name, *rates, *(DASH if value is None else number(round(value, 3)) for value in (said["gap_cv"], *spread))]


def _long(seconds: float) -> str:
    """A duration that may be hours or days."""
    for unit, factor in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * factor:
            return f"{seconds / factor:.3g} {unit}"
    return format_duration(seconds)
