"""The line of a load's peak: what it asks of the busiest station, and how long that is too much."""

from simulator.base.formats import format_duration, format_rate
from simulator.documents import paper
from simulator.report.text import ratio


def peak_lines(document: paper.Changing) -> list[str]:
    """As in ``at its peak, 60/s, demand 120.0 %: beyond saturation for 1 min 30 s``; none of a constant rate."""
    peak = document.get("peak")
    if peak is None:
        return []
    above_s = peak["above_saturation_s"]
    how_long = f"beyond saturation for {format_duration(above_s)}" if above_s else "never beyond saturation"
    return [f"at its peak, {format_rate(peak['rate_per_s'])}, demand {ratio(peak['demand'])}: {how_long}"]
