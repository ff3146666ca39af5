"""Which queries of a run are of which class: luck that is drawn anew, as it was for their plans."""

from collections.abc import Iterator, Mapping

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
    ahead = dict(ahead_of_classes(scenario, outline, sum(trace.measured for trace in traces.values())))
    return Classes(tuple(ahead), of, tuple(ahead.values()))


def class_names(scenario: Scenario, traces: Mapping[int, Trace]) -> dict[int, list[str]] | None:
    """The name of the class of each query, by number of replication; None: the load has no classes."""
    names = [one.name for one in scenario.load.of_classes]
    if not names:
        return None
    drawn = {number: drawn_classes(scenario, number, len(trace.arrival_ns)) for number, trace in traces.items()}
    return {number: [names[place] for place in places.tolist()] for number, places in drawn.items()}


def ahead_of_classes(scenario: Scenario, outline: Plan, measured: int) -> Iterator[tuple[str, theory.Ahead]]:
    """The name of each class, and what the plan says of the mean latency of as many as there are of it.

    ``measured``: queries of all classes, over all replications.
    """
    for one, share in zip(scenario.load.of_classes, outline.classes["share"].tolist(), strict=True):
        yield one.name, theory.means_ahead(outline, max(1, round(measured * share)), is_stationary=False).latency
