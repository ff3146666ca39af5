"""Stages that not every query takes, as it is written: what share does, and what the others go on with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator

from simulator.base import units
from simulator.scenario import fields
from simulator.scenario.sources import scored_in

#: Numbers of candidates that are told apart; beyond, their mean stands for all.
MOST_WAYS = 10_000

#: A stage as it is written: it is made of what stands here, so that it is not known yet.
Stage = Any


def _share(value: Any) -> Any:
    """A share of the queries above 0."""
    if isinstance(value, (list, tuple)):
        raise ValueError("a share of the queries, like 40%; the shares of shards are another key, 'shares'")
    if value is not None and units.parse_ratio(value) == 0:
        raise ValueError("a share of the queries above 0, like 40%; what no query takes is left out as a stage")
    return value


#: What share of the queries takes a stage; None: all.
Taken = Annotated[fields.PositiveRatio | None, BeforeValidator(_share)]


def taken_by(stage: Stage) -> float:
    """Share of the queries that take a stage."""
    return 1.0 if stage.share is None else float(stage.share)


def is_optional(stage: Stage) -> bool:
    """Whether queries may pass a stage by."""
    return taken_by(stage) < 1.0


def has_nobody_before(stages: Sequence[Stage], index: int) -> bool:
    """Whether some query takes none of the stages before one, and so is handed no candidates."""
    return all(is_optional(stage) for stage in stages[:index])


def optional_contradictions(stages: Sequence[Stage]) -> Iterable[fields.Contradiction]:
    """Every query takes some stage; who takes none before a stage is not given candidates."""
    if stages and all(is_optional(stage) for stage in stages):
        cure = "let one stage be for all, or leave queries that take none out of the rate"
        yield ("stages", 0, "share"), f"every stage has a share, so a query may take none at all: {cure}"
    for index, stage in enumerate(stages[1:], 1):
        needs = any(one.candidates is None and one.model.depends_on_items() for one in stage.fleets)
        if needs and has_nobody_before(stages, index):
            passed = " and ".join(repr(one.name) for one in stages[:index])
            cure = "give it candidates, like 100k, or a stage before it to all"
            yield ("stages", index), f"queries that pass {passed} by hand none on to it: {cure}"


def merged(stage: Stage, ways: dict[float, float]) -> dict[float, float]:
    """Numbers of candidates that a stage scores, each with its part of the queries; ``ways``: that it is handed."""
    parts: dict[float, float] = {}
    for handed, part in ways.items():
        count = scored_in(stage, handed)
        parts[count] = parts.get(count, 0.0) + part
    return parts


def handed(stages: Sequence[Stage]) -> list[float]:
    """Candidates that each stage is given for a query, on average, about; the first, if it does not say, 1.

    Queries differ by the stages that they took: each way has its number, and its part of them.
    """
    given, ways = [], {1.0: 1.0}
    for stage in stages:
        stated = all(one.candidates is not None for one in stage.sources or (stage,))
        own = {scored_in(stage, 0.0): 1.0} if stated else merged(stage, ways)
        keep, share = math.inf if stage.keep is None else float(stage.keep), taken_by(stage)
        given.append(math.fsum(count * part for count, part in own.items()))
        passed_on: dict[float, float] = {}
        for count, part in own.items():
            kept = min(count * stage.part_visited, keep)
            passed_on[kept] = passed_on.get(kept, 0.0) + share * part
        for count, part in ways.items() if share < 1.0 else ():
            passed_on[count] = passed_on.get(count, 0.0) + (1 - share) * part
        ways = passed_on if len(passed_on) <= MOST_WAYS else {math.fsum(c * p for c, p in passed_on.items()): 1.0}
    return given
