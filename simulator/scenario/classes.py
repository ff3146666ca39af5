"""``load.classes``: kinds of queries, of which some are heavier, or wanted sooner."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

from simulator.base.formats import apart, format_duration
from simulator.base.units import ns
from simulator.core.classes import QueryClass
from simulator.core.disciplines import BY_NAME
from simulator.core.laws import Law
from simulator.core.plan import NEVER_NS
from simulator.scenario import fields, optional
from simulator.scenario.laws import CountLaw
from simulator.scenario.merge import did_you_mean
from simulator.scenario.queue import MOST_PRIORITY
from simulator.scenario.slo import ObjectiveField, own_contradictions
from simulator.scenario.sources import items_of_fleets

#: A stage as a file states it; not known yet where what a class says is read.
Stage = Any

#: The key of a law that stands for itself: it is that of the first stage.
FIRST = ""


def _by_stage(said: Any) -> Any:
    """Laws by stage; a law alone is that of the first one."""
    return said if isinstance(said, Mapping) and "kind" not in said else {FIRST: said}


ClassCandidates = Annotated[
    dict[str, CountLaw],
    fields.OrEach(),
    BeforeValidator(_by_stage),
    PlainSerializer(
        lambda said: next(iter(said.values())) if FIRST in said else said,
        return_type=Any,
    ),
]

#: What becomes of whoever is not answered by its deadline.
DROPPED, SERVED = "dropped", "served"
#: Classes of a load, at most; a mean work beyond it is a mistake.
MOST_CLASSES, MOST_WORK = 100, 1e6
#: A share beside others, and a deadline (a year), at most: instants stay far from what int64 can tell.
MOST_SHARE, MOST_DEADLINE_S = 1e9, 365 * 86_400.0


class ClassSpec(fields.Part):
    """A class of queries."""

    name: fields.Name
    share: fields.PositiveCount
    work: CountLaw | None = None
    priority: fields.whole_type(-MOST_PRIORITY, MOST_PRIORITY) = 0  # type: ignore[valid-type]
    deadline_s: fields.PositiveDuration | None = Field(default=None, alias="deadline")
    late: fields.word_type(DROPPED, SERVED) | None = None  # type: ignore[valid-type]
    candidates: ClassCandidates | None = None
    slos: tuple[ObjectiveField, ...] = ()

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """Its share, work and deadline are not beyond all others."""
        if not 1 / MOST_SHARE <= self.share <= MOST_SHARE:
            yield ("share",), f"from {1 / MOST_SHARE:g} to {MOST_SHARE:g}, got {self.share:g}"
        if self.deadline_s is not None and self.deadline_s > MOST_DEADLINE_S:
            said, most = apart(format_duration, self.deadline_s, MOST_DEADLINE_S)
            yield ("deadline",), f"at most {most}, got {said}; without one, leave it out"
        if self.work is not None and not 0 < self.work.law.mean() <= MOST_WORK:
            yield ("work",), f"a mean above 0 and at most {MOST_WORK:,.0f}, got {self.work.law.mean():g}"

        if self.late is not None and self.deadline_s is None:
            yield ("late",), "is of whoever is not answered by the deadline: give one, like deadline: 100ms"
        yield from own_contradictions(self.slos)

    def of_plan(self, work: Law) -> QueryClass:
        """As an engine knows it; ``work``: of the load, where it says none itself."""
        deadline_ns = NEVER_NS if self.deadline_s is None else max(1, ns(self.deadline_s))
        return QueryClass(self.share, float(self.priority), deadline_ns, self.drops, self.work_law(work))

    @property
    def drops(self) -> bool:
        """Whether its queries are over at the deadline."""
        return self.deadline_s is not None and self.late != SERVED

    def work_law(self, work: Law) -> Law:
        """Of its queries' work factor; ``work``: of the load, where it says none itself."""
        return work if self.work is None else self.work.law


def class_contradictions(classes: Sequence[ClassSpec]) -> Iterable[fields.Contradiction]:
    """Names are given once, and there are not too many."""
    if not 1 <= len(classes) <= MOST_CLASSES:
        yield (), f"from 1 to {MOST_CLASSES} classes, got {len(classes)}; without any, leave it out"
    seen: set[str] = set()
    for index, one in enumerate(classes):
        if one.name in seen:
            yield (index, "name"), f"two classes are called {one.name!r}"
        seen.add(one.name)


def queue_contradictions(
    classes: Sequence[ClassSpec], stages: Sequence[Stage], tries_again: bool
) -> Iterable[fields.Contradiction]:
    """A queue that looks at classes has some to look at; whose deadline has passed is not sent again by clients."""
    for index, one in enumerate(classes):
        if one.drops and tries_again:
            cure = "leave client.retries out, or say late: served, where the deadline orders queues alone"
            yield ("load", "classes", index, "deadline"), f"a query is over then, and clients send theirs again: {cure}"
    for index, stage in enumerate(stages):
        discipline = stage.discipline
        is_beside = discipline == "priority" and stage.background is not None  # queries are one class, it another
        if BY_NAME[discipline].looks_at_class and not classes and not is_beside:
            what = "a deadline" if discipline == "edf" else "a priority"
            cure = f"give load.classes, each with {what}"
            yield ("stages", index, "queue"), f"{discipline} looks at classes of queries, and the load has none: {cure}"


def class_notes(classes: Sequence[ClassSpec], stages: Sequence[Stage]) -> list[str]:
    """Priorities and deadlines that no queue looks at, or that are all alike."""
    looked_at = {stage.discipline for stage in stages if stage.background is None or stage.discipline != "priority"}
    notes, is_of_use = [], any(one.drops for one in classes)
    for key, values, discipline in (
        ("priority", {one.priority for one in classes}, "priority"),
        ("deadline", {one.deadline_s for one in classes}, "edf"),
    ):
        if len(values) > 1 and discipline not in looked_at and not (discipline == "edf" and is_of_use):
            notes.append(f"load.classes: no queue looks at {key}; one with discipline {discipline} does")
        if len(values) == 1 and classes and discipline in looked_at:
            only = next(iter(values))
            said = "none" if only is None else format_duration(only) if key == "deadline" else f"{only}"
            notes.append(f"load.classes: all have the same {key} ({said}), so {discipline} is first come, first served")
    return notes


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


def items_by_fleet(classes: Sequence[ClassSpec], stages: Sequence[Stage]) -> list[list[float]]:
    """Of each stage, and each of its sources, items of a mean shard; on average over classes that bring their own."""
    bring = [one for one in classes if one.candidates]
    each = [(one.share, of_class(one, stages)) for one in classes] if bring else [(1.0, list(stages))]
    whole, found = math.fsum(share for share, _ in each), [[0.0] * len(stage.fleets) for stage in stages]
    for share, some in each:
        for own, stage, candidates in zip(found, some, optional.handed(some), strict=True):
            for place, items in enumerate(items_of_fleets(stage.fleets, candidates)):
                own[place] += share / whole * items
    return found
