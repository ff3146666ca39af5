"""The engines held against each other: all ways through the compiled engine, and the reference engine."""

from __future__ import annotations

from simulator.core.trace import same_trace
from simulator.engines import compiled, reference


def difference(plan) -> str:
    """The first column in which any way through the compiled engine differs from the reference engine."""
    expected = reference.simulate(plan, tasks=True)
    everything = range(len(plan.stages))
    return (
        same_trace(compiled.simulate(plan, tasks=True), expected)
        or same_trace(compiled.simulate(plan, tasks=True, event_by_event=everything), expected)
        or same_trace(compiled.simulate(plan), expected, without_tasks=True)
        or same_trace(compiled.simulate(plan, event_by_event=[0]), expected, without_tasks=True)
    )
