"""Which queries of a run are of which class: luck that is drawn anew, as it was for their plans."""

from collections.abc import Mapping

from simulator import theory
from simulator.core.plan import Plan
from simulator.core.trace import Trace
from simulator.planner.classes import drawn_classes
from simulator.scenario import Scenario
from simulator.stats.classes import Classes


def classes_of(scenario: Scenario, outline: Plan, traces: Mapping[int, Trace]) -> Classes | None:
    """Of the traces by number of replication, in order; None: the load has no classes.

    A mean of few queries is carried by few of them: what is known ahead is that of as many as a class has.
    """
    if not scenario.load.of_classes:
        return None
    of = tuple(drawn_classes(scenario, number, len(traces[number].arrival_ns)) for number in sorted(traces))
    measured = sum(trace.measured for trace in traces.values())
    sizes = [max(1, round(measured * share)) for share in outline.classes["share"].tolist()]
    ahead = tuple(theory.means_ahead(outline, size, is_stationary=False).latency for size in sizes)
    return Classes(tuple(one.name for one in scenario.load.of_classes), of, ahead)
