"""What is said of means that are not printed."""

import math
from collections.abc import Sequence

from simulator.base.formats import format_duration
from simulator.stats.figures import Figure, StageFigures


def unsaid(whole: Figure, stages: Sequence[StageFigures]) -> list[str]:
    """Which means are not printed, and why."""
    notes = []
    if whole.mean.reason:
        exact, known = whole.mean.ahead.exact, ""
        if exact is not None and math.isfinite(exact):
            known = f"; by {whole.mean.ahead.law} it is {format_duration(exact)}"
        notes.append(f"mean is not printed: {whole.mean.reason}{known}")
    for stage in stages:
        figures = {
            "latency": stage.latency.mean,
            "task wait": stage.wait,
            "task service": stage.service,
            "utilisation": stage.utilisation,
        }
        missing = [name for name, figure in figures.items() if figure.reason]
        if missing:
            notes.append(f"stage {stage.name}: the mean of {', '.join(missing)} is not printed, likewise")
    return notes
