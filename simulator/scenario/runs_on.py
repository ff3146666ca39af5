"""A stage that runs at the replicas of an earlier one, as it is written: what it takes from there, and may not say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, PrivateAttr, SerializerFunctionWrapHandler, model_serializer

from simulator.core import routing
from simulator.scenario import fields
from simulator.scenario.colocated import (
    NONE,
    Housed,
    housed,
    machine_company_contradictions,
    own_machine_contradictions,
)
from simulator.scenario.merge import not_before
from simulator.scenario.optional import is_optional, optional_contradictions
from simulator.scenario.routing import SAME
from simulator.scenario.sources import without_own

#: A stage as it is written: it is made of what stands here, so that it is not known yet.
Stage = Any

#: Fields of a stage that are those of the stage on which it runs, by what they are called in a file.
HELD = {
    "shards": "shards_given",
    "shares": "shares_given",
    "replicas": "replicas_given",
    "threads": "threads_given",
    **{
        name: name
        for name in (
            *("skew", "split", "workers", "per_machine", "lost_machine", "hardware", "memory_overhead", "interference"),
            *("slowdowns", "zones", "outages", "queue", "sharing", "batching"),
        )
    },
}


class Hosted(Housed):
    """What a stage has that may run on another."""

    _host: str | None = PrivateAttr(None)  #: whose fields it has by now

    runs_on: Annotated[fields.Name | None, BeforeValidator(lambda value: None if value == NONE else value)] = None

    @property
    def is_seated(self) -> bool:
        """Whether it has what it takes from the stage on which it runs."""
        return self._host is not None

    @property
    def has_replicas(self) -> bool:
        """Whether it is known where its tasks run: at replicas of its own, or of another stage, on which machines."""
        return (self.runs_on is None or self.is_seated) and self.has_machines

    @model_serializer(mode="wrap")
    def _without_what_is_held(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What it took from another stage is said there."""
        said: dict[str, Any] = handler(self)
        if getattr(self, "sources", None) is not None:
            return without_own(said)
        if self.colocate is not None:
            own = self.said_here(said, {name: key for key, name in HELD.items()})
            return {"name": own.pop("name"), **own}
        if not self.is_seated:
            return said
        own = {key: value for key, value in said.items() if key not in HELD and key not in HELD.values()}
        said = {"name": own.pop("name"), **own}
        for key, part in (("variability", "machine"), ("routing", "balancers")):
            if key in said:
                said[key] = {name: value for name, value in said[key].items() if name != part}
        return said


def seated(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """The stages, guests among them with what they take from their owners: where they name one that has replicas."""
    found: list[Stage] = []
    for stage in housed(stages):
        owners = [one for one in found if one.runs_on is None and one.sources is None]
        owner = next((one for one in owners if one.name == stage.runs_on), None)
        found.append(stage if owner is None else _beside(stage, owner))
    return tuple(found)


def follows(stage: Stage) -> bool:
    """Whether the tasks of a stage that runs on another go where the query has been: unless it names a policy."""
    return stage.routing.policy == SAME or "policy" not in stage.routing.model_fields_set


def _beside(stage: Stage, owner: Stage) -> Stage:
    """A stage with what it takes from its owner; its tasks go where the query has been, unless it says otherwise."""
    by_itself = stage.routing.model_copy(update={"policy": SAME}) if follows(stage) else stage.routing
    held: dict[str, Any] = {name: getattr(owner, name) for name in HELD.values()}
    held["variability"] = stage.variability.model_copy(update={"machine": owner.variability.machine})
    held["routing"] = by_itself.model_copy(update={"balancers": owner.routing.balancers})
    copy = stage.model_copy(update=held)
    copy._host = owner.name
    return copy


def own_contradictions(stage: Stage) -> Iterable[fields.Contradiction]:
    """What a stage that runs on another says and may not; of one that does not, that it follows nobody."""
    if stage.runs_on is None:
        if stage.routing.policy == SAME:
            cure = "it has replicas of its own: give runs_on, or a policy"
            yield ("routing",), f"{SAME!r} is where the query has been in the stage that runs_on names; {cure}"
        if not stage.has_machines:
            yield from own_machine_contradictions(stage)
        return
    if stage.is_seated:
        return
    given: list[tuple[str, fields.Path]] = [
        (key, (key,)) for key, name in HELD.items() if name in stage.model_fields_set
    ]
    if "machine" in stage.variability.model_fields_set:
        given.append(("variability.machine", ("variability", "machine")))
    if "balancers" in stage.routing.model_fields_set:
        given.append(("routing.balancers", ("routing", "balancers")))
    for name, path in given:
        yield path, f"{name} is that of {stage.runs_on!r}, on which it runs: say it there, or leave runs_on out"
    if follows(stage):
        yield from _following_contradictions(stage)


def _following_contradictions(stage: Stage) -> Iterable[fields.Contradiction]:
    """Whoever goes where its query has been chooses nothing."""
    cure = "give routing a policy"
    if stage.hedge is not None or stage.tied is not None:
        key = "tied" if stage.hedge is None else "hedge"
        goes = "its tasks go where the query has been, and a copy would go elsewhere"
        yield (key,), f"{goes}: {cure}, or leave {key} out"
    if stage.routing.by == "query":
        yield ("routing", "by"), f"every shard has its own, where the query has been: {cure}, or leave by out"
    if stage.routing.decay_s is not None:
        yield ("routing", "decay"), f"it looks at no latency, so nothing decays: {cure}, or leave decay out"


def company_contradictions(stages: Sequence[Stage]) -> Iterable[fields.Contradiction]:
    """Stages that run on others, or on their machines, name an earlier one that has some, and what it has fits both."""
    yield from machine_company_contradictions(stages)
    yield from optional_contradictions(stages)
    names = [stage.name for stage in stages]
    if NONE in names:
        message = "runs_on and colocate say none of a stage by itself: have another name"
        yield ("stages", names.index(NONE), "name"), message
    for index, stage in enumerate(stages):
        if stage.runs_on is None:
            continue
        at: fields.Path = ("stages", index)
        unknown = not_before(names, index, stage.runs_on)
        if unknown:
            yield (*at, "runs_on"), unknown
            continue
        owner = stages[names.index(stage.runs_on)]
        if owner.runs_on is not None:
            has_none = f"{owner.name!r} has no replicas of its own, it runs on {owner.runs_on!r}"
            yield (*at, "runs_on"), f"{has_none}: name that"
            continue
        if owner.sources is not None:
            yield (*at, "runs_on"), f"the replicas of {owner.name!r} are those of several sources: name another stage"
            continue
        yield from (((*at, *path), message) for path, message in stage.contradictions())
        if stage.background is not None:
            yield (*at, "background"), f"its replicas are those of {owner.name!r}, which serve two stages: leave it out"
        if stage.failures is not None:
            shared = f"its replicas are those of {owner.name!r}, and a crash is known where one stage runs"
            yield (*at, "failures"), f"{shared}: leave it out"
        yield from (((*at, *path), message) for path, message in _beside_contradictions(owner))
        if is_optional(owner) and stage.routing.policy == SAME:
            there = f"queries that pass {owner.name!r} by have been at none of its replicas"
            yield (*at, "runs_on"), f"{there}: give routing a policy, like random"
    yield from _sights(stages)


def _beside_contradictions(owner: Stage) -> Iterable[fields.Contradiction]:
    """What of an owner others cannot share."""
    batching = owner.batching
    if owner.background is not None:
        cure = "leave it out there, or give this stage replicas of its own"
        yield ("runs_on",), f"{owner.name!r} has a background, which is known where one stage runs: {cure}"
    if owner.failures is not None:
        cure = "leave them out there, or give this stage replicas of its own"
        yield ("runs_on",), f"{owner.name!r} has failures, and a crash is known where one stage runs: {cure}"
    if owner.sharing == "processor":
        yield ("runs_on",), f"{owner.name!r} shares its workers, and how much of them each stage has is not counted"
    if batching is not None and (batching.sizes or batching.max_items is not None):
        key = "sizes" if batching.sizes else "max_items"
        cure = f"leave batching.{key} of {owner.name!r} out"
        yield ("runs_on",), f"items of two models are not alike, and batching.{key} counts them: {cure}"


def _sights(stages: Sequence[Stage]) -> Iterable[fields.Contradiction]:
    """Stages that share replicas look at one thing there, which is counted for both."""
    for index, stage in enumerate(stages):
        for other in stages[:index] if stage.runs_on is not None else ():
            if other.name != stage.runs_on and other.runs_on != stage.runs_on:
                continue
            mine, theirs = _looks_at(stage), _looks_at(other)
            if mine and theirs and mine != theirs:
                both = f"{stage.routing.policy} looks at {mine}, {other.routing.policy} of {other.name!r} at {theirs}"
                cure = "take policies that look at one thing"
                yield ("stages", index, "routing"), f"{both}, and one of them is counted at the replicas: {cure}"
                break


def _looks_at(stage: Stage) -> str | None:
    """What a stage's policy looks at besides luck and turn, in words; None: at nothing."""
    plugin = stage.routing._plugin
    if plugin is not None:
        found: str | None = getattr(plugin.mark, "looks_at", None)
    else:
        if stage.routing.policy == "c3":
            return "ranks"
        found = None if stage.routing.policy == SAME else routing.BY_NAME[stage.routing.policy].looks_at
    return {routing.OUTSTANDING: "tasks", routing.WORK: "work", routing.LATENCY: "latency"}.get(found or "")


def owner_of(stages: Sequence[Stage], index: int) -> int:
    """The place of the stage at whose replicas a stage runs: its own, where it has some."""
    runs_on = stages[index].runs_on
    return index if runs_on is None else [stage.name for stage in stages].index(runs_on)


def reseated(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """The stages when owners have changed: guests have what these have now."""
    there = housed(stages)
    by_name: Mapping[str, Stage] = {stage.name: stage for stage in there}
    return tuple(stage if stage.runs_on is None else _beside(stage, by_name[stage.runs_on]) for stage in there)
