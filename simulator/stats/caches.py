"""What of a run is that of how a cache began, rather than of how it is."""

import math
from collections.abc import Sequence

import numpy as np

from simulator.base.formats import counted, format_count
from simulator.core.plan import Plan
from simulator.core.stage_view import stage_views
from simulator.core.trace import Trace
from simulator.theory.caches import renewed_after


def as_they_began(traces: Sequence[Trace], plan: Plan, names: Sequence[str]) -> list[str]:
    """A note for each cache that was filled before the run, and is measured before its keys have been renewed."""
    notes = []
    for view, name in zip(stage_views(plan), names, strict=True):
        if not view.is_cached or plan.stages[view.index]["cold"] == 1:
            continue
        needed = renewed_after(view)
        before = [np.count_nonzero(one.candidates[view.index, : one.first_measured] >= 0) for one in traces]
        there = float(np.mean(before))
        if there < needed < math.inf:
            came = counted(round(there), "query", format_count)
            known = f"it takes about {format_count(float(f'{needed:.2g}'))} queries there until it does not"
            notes.append(
                f"the cache of {name} shows how it began: {known}, and {came} warmed up: have a longer warm-up"
            )
    return notes
