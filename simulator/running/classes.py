"""Which queries of a run are of which class: luck that is drawn anew, as it was for their plans."""

from collections.abc import Mapping

from simulator.core.trace import Trace
from simulator.planner.classes import drawn_classes
from simulator.scenario import Scenario
from simulator.stats.classes import Classes


def classes_of(scenario: Scenario, traces: Mapping[int, Trace]) -> Classes | None:
    """Of the traces by number of replication, in order; None: the load has no classes."""
    if not scenario.load.of_classes:
        return None
    of = (drawn_classes(scenario, number, len(traces[number].arrival_ns)) for number in sorted(traces))
    return Classes(tuple(one.name for one in scenario.load.of_classes), tuple(of))
