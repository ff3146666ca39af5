"""``load.classes.candidates``: what queries of a class are scored on, where it is not what the others are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from simulator.core.laws import Law
from simulator.scenario import fields, optional
from simulator.scenario.laws import CountLaw
from simulator.scenario.merge import did_you_mean

#: A stage and a class as a file states them; not known yet where what a class says is read.
Stage = Any
ClassSpec = Any

#: The key of a law that stands for itself: it is that of the first stage.
FIRST = ""


def _by_stage(said: Any) -> Any:
    """Laws by stage; a law alone is that of the first one."""
    return said if isinstance(said, Mapping) and "kind" not in said else {FIRST: said}


@dataclass(frozen=True, eq=False)
class _OrLaw:
    """Tell editors that a law is accepted in place of a map of them."""

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        by_stage = handler(core_schema)
        return {"anyOf": [by_stage["additionalProperties"], by_stage]}


ClassCandidates = Annotated[
    dict[str, CountLaw],
    _OrLaw(),
    BeforeValidator(_by_stage),
    PlainSerializer(
        lambda said: next(iter(said.values())) if FIRST in said else said,
        return_type=Any,
    ),
]


def _stated(one: ClassSpec, stages: Sequence[Stage]) -> dict[str, CountLaw]:
    """What a class says, by ``STAGE``, or ``STAGE.SOURCE``."""
    first = f"{stages[0].name}"
    return {first if key == FIRST else key: law for key, law in (one.candidates or {}).items()}


def _places(stages: Sequence[Stage]) -> dict[str, tuple[int, int]]:
    """Of each ``STAGE``, or ``STAGE.SOURCE``: the places of the stage and of the source."""
    places: dict[str, tuple[int, int]] = {}
    for index, stage in enumerate(stages):
        if stage.sources is None:
            places[stage.name] = index, 0
        for source, own in enumerate(stage.sources or ()):
            places[f"{stage.name}.{own.name}"] = index, source
    return places


def of_class(one: ClassSpec, stages: Sequence[Stage]) -> list[Stage]:
    """The stages, as queries of a class are scored there."""
    made, places = list(stages), _places(stages)
    for key, law in _stated(one, stages).items():
        index, source = places[key]
        stage = made[index]
        if stage.sources is None:
            made[index] = stage.model_copy(update={"candidates": law})
        else:
            sources = list(stage.sources)
            sources[source] = sources[source].model_copy(update={"candidates": law})
            made[index] = stage.model_copy(update={"sources": tuple(sources)})
    return made


def laws_by_class(classes: Sequence[ClassSpec], stages: Sequence[Stage], index: int) -> list[list[Law]]:
    """Of each source of a stage the laws that classes say, one each, absent where one does not; none: no class does."""
    places, count = _places(stages), len(stages[index].fleets)
    said = [{places[key]: law.law for key, law in _stated(one, stages).items()} for one in classes]
    rows = [[of.get((index, source), Law.none()) for of in said] for source in range(count)]
    return [row if any(law.kind for law in row) else [] for row in rows]


def candidate_contradictions(classes: Sequence[ClassSpec], stages: Sequence[Stage]) -> Iterable[fields.Contradiction]:
    """Stages are there, each has its sources named, and takes what a class brings."""
    places = _places(stages)
    for place, one in enumerate(classes):
        at: fields.Path = ("load", "classes", place, "candidates")
        unknown = [key for key in _stated(one, stages) if key not in places]
        for key in unknown:
            whole = [name for name in places if name.startswith(f"{key}.")]
            if whole:
                yield at, f"stage {key!r} has sources: write candidates: {{{whole[0]}: 1M}}"
            else:
                yield at, f"no stage is called {key!r}{did_you_mean(key, list(places))}"
        if unknown or not one.candidates:
            continue
        for stage, made in zip(stages, of_class(one, stages), strict=True):
            if made is not stage:
                known = set(stage.contradictions())
                new = [said for path, said in made.contradictions() if (path, said) not in known]
                yield from ((at, f"at {stage.name}: {said}") for said in new)


def handed(classes: Sequence[ClassSpec], stages: Sequence[Stage]) -> list[float]:
    """As ``optional.handed``: candidates of each stage, on average; over classes that bring their own."""
    if not any(one.candidates for one in classes):
        return optional.handed(stages)
    whole = math.fsum(one.share for one in classes)
    each = [(one.share / whole, optional.handed(of_class(one, stages))) for one in classes]
    return [math.fsum(share * means[index] for share, means in each) for index in range(len(stages))]
