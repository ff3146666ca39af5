"""Objectives of a scenario: what they are of must be there; and those that classes of queries state themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simulator.base.groups import CLASS
from simulator.scenario import fields
from simulator.scenario.merge import did_you_mean
from simulator.scenario.nodes import Node
from simulator.scenario.slo import MEASURES, Objective, parse_objective

#: A load as a file states it; not known yet where its classes are read.
Load = Any


def objective_contradictions(
    slos: Sequence[Objective], names: Mapping[str, list[str]], unpriced: Sequence[str]
) -> Iterable[fields.Contradiction]:
    """What objectives are of is there; ``names``: of stages and groups, by kind; ``unpriced``: stages without price."""
    for index, objective in enumerate(slos):
        for kind, name in (("stage", objective.stage), objective.group or ("", None)):
            if name is not None and name not in names[kind]:
                yield ("slos", index), f"no {kind} is called {name!r}{did_you_mean(name, names[kind])}"
        if objective.is_priced and unpriced:
            cure = "give its hardware a price, like 0.85 USD/h, or leave this objective out"
            yield ("slos", index), f"{objective.measure} is not known: stage {unpriced[0]!r} is not priced; {cure}"


def own_contradictions(slos: Sequence[Objective]) -> Iterable[fields.Contradiction]:
    """Objectives of a class are of its queries, from arrival to answer."""
    known = ", ".join(["p99", "99% within", *(name for name, one in MEASURES.items() if one.by_group)])
    for index, objective in enumerate(slos):
        if objective.group is not None or objective.stage is not None:
            kind = "stage" if objective.group is None else objective.group.kind
            cure = "put one of a class or of a phase, or of a stage, among the slos of the scenario"
            yield ("slos", index), f"is of the queries of this class alone, like p99 < 100ms, not of a {kind}; {cure}"
        elif objective.measure in MEASURES and not MEASURES[objective.measure].by_group:
            yield ("slos", index), f"{objective.measure} is not known of a class of queries; of one there are {known}"


def gathered(load: Load, slos: Sequence[Objective]) -> tuple[Load, tuple[Objective, ...]]:
    """The load without what its classes say of objectives, which stand behind the others, each once."""
    classes = load.of_classes
    if not any(one.slos for one in classes):
        return load, tuple(slos)
    own = [parse_objective(f"{CLASS}.{one.name}.{slo.text}") for one in classes for slo in one.slos]
    bare = tuple(one.model_copy(update={"slos": ()}) for one in classes)
    known = {slo.text for slo in slos}
    return load.model_copy(update={"classes": bare}), (*slos, *(slo for slo in own if slo.text not in known))


def without_own(tree: Node) -> Node:
    """A scenario as it was read, without the objectives that its classes state."""
    load = tree.value.get("load")
    classes = load.value.get("classes") if load is not None and isinstance(load.value, dict) else None
    if classes is None or not isinstance(classes.value, list):
        return tree
    bare = [Node({key: said for key, said in one.value.items() if key != "slos"}, one.mark) for one in classes.value]
    stated = Node({**load.value, "classes": Node(bare, classes.mark)}, load.mark)
    return Node({**tree.value, "load": stated}, tree.mark)
