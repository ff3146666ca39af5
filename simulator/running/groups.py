"""Which queries of a run are in which group: classes, which are drawn anew as for their plans, and phases."""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from simulator import theory
from simulator.base.groups import CLASS, PHASE, Group
from simulator.core.plan import Plan
from simulator.core.trace import Trace
from simulator.planner.classes import drawn_classes
from simulator.scenario import Scenario
from simulator.stats.groups import Division, Phases


def divisions_of(scenario: Scenario, outline: Plan, traces: Mapping[int, Trace]) -> list[Division]:
    """Of the traces by number of replication, in order: into classes and into phases, where the load has some.

    A mean of few queries is carried by few of them: what is known ahead is that of as many as a group has.
    """
    ahead = dict(ahead_of_groups(scenario, outline, sum(trace.measured for trace in traces.values())))
    numbers, divisions = sorted(traces), []
    if scenario.load.of_classes:
        of = tuple(drawn_classes(scenario, number, len(traces[number].arrival_ns)) for number in numbers)
        divisions.append(_division(CLASS, ahead)(of=of))
    phases = phases_of(scenario)
    if phases.names:
        of = tuple(phases.of_queries(traces[number]) for number in numbers)
        divisions.append(_division(PHASE, ahead)(of=of, lasts_s=phases.lasting_s()))
    return divisions


def _division(kind: str, ahead: Mapping[Group, theory.Ahead]) -> partial[Division]:
    mine = {group.name: one for group, one in ahead.items() if group.kind == kind}
    return partial(Division, kind, tuple(mine), ahead=tuple(mine.values()))


def phases_of(scenario: Scenario) -> Phases:
    """Its phases; one without any, or with none that has a name, has none that is looked at."""
    return Phases.of([(phase.name, phase.duration_s) for phase in scenario.load.phases])


def class_names(scenario: Scenario, traces: Mapping[int, Trace]) -> dict[int, list[str]] | None:
    """The name of the class of each row, that of its query, by number of replication; None: the load has no classes."""
    names = [one.name for one in scenario.load.of_classes]
    if not names:
        return None
    found = {}
    for number, trace in traces.items():
        whose = trace.query_of if len(trace.query_of) else np.arange(len(trace.arrival_ns))
        places = drawn_classes(scenario, number, int(whose.max()) + 1)[whose]
        found[number] = [names[place] for place in places.tolist()]
    return found


def shares_of_groups(scenario: Scenario, outline: Plan) -> list[tuple[Group, float]]:
    """The groups, in order, and the share of the measured queries that each is expected to have."""
    shares: list[tuple[Group, float]] = []
    if scenario.load.of_classes:
        stated = zip(scenario.load.of_classes, outline.classes["share"].tolist(), strict=True)
        shares += [(Group(CLASS, one.name), share) for one, share in stated]
    phases, every = phases_of(scenario), scenario.load.phases
    arrive = [(phase.start_per_s + phase.end_per_s) * phase.duration_s for phase in every]
    for place, name in enumerate(phases.names):
        mine = sum(count for count, at in zip(arrive, phases.places, strict=True) if at == place)
        shares.append((Group(PHASE, name), mine / sum(arrive)))
    return shares


def ahead_of_groups(scenario: Scenario, outline: Plan, measured: int) -> Iterator[tuple[Group, theory.Ahead]]:
    """The groups, in order, and what the plan says of the mean latency of as many queries as there are of each.

    ``measured``: queries of all groups, over all replications.
    """
    for group, share in shares_of_groups(scenario, outline):
        queries = max(1, round(measured * share))
        yield group, theory.means_ahead(outline, queries, is_stationary=False).latency
