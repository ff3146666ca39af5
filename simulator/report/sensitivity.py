"""The table of a sensitivity."""

from typing import Any

from simulator.base.formats import exact_rate, format_duration
from simulator.documents import parts, sensitivity
from simulator.report.text import DASH, interval, notes, rendered, signed, table


def sensitivity_table(document: sensitivity.Sensitivity, width: int | None = None, color: bool = False) -> str:
    """A sensitivity (``Sensitivity.to_dict``) as text."""
    return rendered(sensitivity_parts(document), width, color)


def sensitivity_parts(document: sensitivity.Sensitivity) -> list[Any]:
    """Its lines and tables, from top to bottom."""
    percentile = document["percentile"]
    tail_s, capacity = sensitivity.tail_s(document), document["capacity_per_s"]
    now = [
        f"{percentile} {format_duration(tail_s)} at its own load"
        if tail_s is not None
        else f"{percentile} not supported"
    ]
    if capacity is not None:
        now.append(f"capacity {exact_rate(capacity)} within {', '.join(document['slos'])}")
    rows = [
        [
            knob["knob"],
            knob["change"],
            *_change(sensitivity.tail_change(knob, percentile), sensitivity.tail_word(knob, percentile)),
            *_change(knob["capacity_change"], knob["capacity_word"]),
            f"{knob['machines_more']:+,}" if knob["machines_more"] else "",
            f"{knob['usd_per_h_more']:+,.2f}" if knob["usd_per_h_more"] else "",
        ]
        for knob in document["knobs"]
    ]
    columns = ["knob", "change", percentile, "95 % interval", "capacity", "95 % interval", "machines", "USD/h"]
    head = [parts.title_of(document), "; ".join(now), ""]
    return [*head, table(columns, rows, 2), *notes(document["notes"])]


def _change(change: parts.Interval | None, word: str) -> tuple[str, str]:
    """A change and its interval; one that is not told from none as ``~ 0``."""
    if change is None or change["value"] is None:
        return DASH, ""
    value, low, high = change["value"], change["low"], change["high"]
    if low is None or high is None:
        return signed(value), ""
    if value == low == high == 0:
        return "none", ""
    return ("~ 0" if word == "no difference seen" else signed(value)), interval(change, signed)
