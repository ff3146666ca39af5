"""The table of a sensitivity."""

from __future__ import annotations

from typing import Any

from simulator.base.units import format_duration
from simulator.report.capacity import exact_rate, signed
from simulator.report.text import DASH, rendered, table


def sensitivity_table(found: dict[str, Any], width: int = 120, color: bool = False) -> str:
    """A sensitivity (``Sensitivity.to_dict``) as text."""
    percentile = found["percentile"]
    tail_s, capacity = found[f"latency_{percentile}_s"], found["capacity_per_s"]
    now = [
        f"{percentile} {format_duration(tail_s)} at its own load"
        if tail_s is not None
        else f"{percentile} not supported"
    ]
    if capacity is not None:
        now.append(f"capacity {exact_rate(capacity)} within {', '.join(found['slos'])}")
    rows = [
        [
            knob["knob"],
            knob["change"],
            *_change(knob[f"{percentile}_change"], knob[f"{percentile}_word"]),
            *_change(knob["capacity_change"], knob["capacity_word"]),
            f"{knob['machines_more']:+,}" if knob["machines_more"] else "",
            f"{knob['usd_per_h_more']:+,.2f}" if knob["usd_per_h_more"] else "",
        ]
        for knob in found["knobs"]
    ]
    columns = ["knob", "change", percentile, "95 % interval", "capacity", "95 % interval", "machines", "USD/h"]
    head = found["scenario"] + (f": {found['description']}" if found["description"] else "")
    parts: list[Any] = [head, "; ".join(now), "", table(columns, rows, 2)]
    if found["notes"]:
        parts += ["", *(f"note: {note}" for note in found["notes"])]
    return rendered(parts, width, color)


def _change(change: dict[str, Any] | None, said: str) -> tuple[str, str]:
    """A change and its interval; one that is not told from none as ``~ 0``."""
    if change is None or change["value"] is None:
        return DASH, ""
    value, low, high = change["value"], change["low"], change["high"]
    if low is None or high is None:
        return signed(value), ""
    if value == low == high == 0:
        return "none", ""
    interval = f"{signed(low)} .. {signed(high)}"
    return ("~ 0" if said == "no difference seen" else signed(value)), interval
