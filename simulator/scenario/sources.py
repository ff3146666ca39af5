"""How a fleet divides candidates among its shards; and sources of a stage: several fleets, as they are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from simulator.base.formats import counted, shortest
from simulator.scenario import fields, replicas
from simulator.scenario.hardware import Size
from simulator.scenario.laws import ONE, CountLaw, FactorLaw
from simulator.scenario.models import ModelSpec

#: A stage as it is written, or one of its sources: a stage is made of what stands here, so that it is not known yet.
Fleet = Any
Stage = Any

#: What is said of each source and not of its stage, by what it is called in a file; and the fields that say it.
OWN = {
    "candidates": "candidates",
    "model": "given_model",
    "shards": "shards_given",
    "skew": "skew",
    "shares": "shares_given",
    "split": "split",
    "replicas": "replicas_given",
    "hardware": "hardware",
    "bytes_per_candidate": "bytes_per_candidate",
    "memory_overhead": "memory_overhead",
    "variability": "variability",
}
#: What a stage with sources may not have, and why not.
REFUSED = {
    "runs_on": "its sources have replicas of their own",
    "colocate": "its sources have machines of their own",
    "autoscale": "it acts on the replica index in all shards, and sources have replicas of their own number",
    "per_machine": "machines are those of one source: each of its replicas has one to itself",
}


class Variability(fields.Part):
    """Factors on service times: one a task, one a machine and replication."""

    task: FactorLaw = ONE
    machine: FactorLaw = ONE


class Source(fields.Part):
    """One of several fleets of a stage: its documents, its model and its machines."""

    name: fields.Name
    candidates: CountLaw | None = None
    given_model: ModelSpec = Field(alias="model")
    shards_given: fields.whole_type(1, replicas.MOST_SHARDS) | None = Field(default=None, alias="shards")  # type: ignore[valid-type]
    skew: fields.Count | None = None
    shares_given: tuple[fields.Count, ...] | None = Field(default=None, alias="shares")
    split: fields.word_type("even", "hashed") = "even"  # type: ignore[valid-type]
    replicas_given: replicas.ReplicasGiven = Field(
        default=replicas.Replicas(), alias="replicas", json_schema_extra={"default": 1}
    )
    hardware: fields.Name | None = None
    bytes_per_candidate: Size | None = None  # type: ignore[valid-type,unused-ignore]
    memory_overhead: Size = 0.0  # type: ignore[valid-type,unused-ignore]
    variability: Variability = Variability()

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """Shares match shards; candidates and factors match the model; shards that have more replicas are there."""
        yield from divided_contradictions(self)
        yield from replicas.hot_contradictions(self.replicas_given, shards_of(self))


def shards_of(fleet: Fleet) -> int:
    """Number of shards of a stage that has no sources, or of a source."""
    if fleet.shards_given is not None:
        return int(fleet.shards_given)
    return 1 if fleet.shares_given is None else len(fleet.shares_given)


def shares_of(fleet: Fleet) -> Any:
    """Share of each of its shards, in sum 1, (shards,): as given, or by Zipf's law."""
    given = fleet.shares_given
    weight = np.arange(1.0, shards_of(fleet) + 1) ** -(fleet.skew or 0.0) if given is None else np.array(given)
    weight = np.ldexp(weight, -np.frexp(weight.max())[1])  # exactly, and no sum overflows
    return weight / weight.sum()


def shares_of_stage(stage: Stage) -> list[float]:
    """Share of each shard of a stage, in sum 1; of sources by their mean numbers of candidates, where they say them."""
    if stage.sources is None:
        return list(shares_of(stage).tolist())
    means = np.array([1.0 if one.candidates is None else max(0.0, one.candidates.law.mean()) for one in stage.sources])
    weights = means / means.sum() if means.sum() > 0 else np.full(len(means), 1.0 / len(means))
    each = [weight * shares_of(one) for weight, one in zip(weights, stage.sources, strict=True)]
    return list(np.concatenate(each).tolist())


def divided_contradictions(fleet: Fleet, runs_on: str | None = None) -> Iterable[fields.Contradiction]:
    """Shares match shards, and factors and shares match the model, which is known. ``runs_on``: whose they are."""
    shares, model = fleet.shares_given, fleet.given_model
    if shares is not None:
        if fleet.shards_given is not None and len(shares) != fleet.shards_given:
            both = f"{counted(len(shares), 'share')} for {counted(fleet.shards_given, 'shard')}"
            yield ("shares",), f"{both}; give one a shard, or leave shards out"
        elif not shares or not sum(shares) > 0:
            yield ("shares",), "at least one share must be above 0"
        if fleet.skew is not None:
            yield ("skew",), "give skew or shares, not both"
    if fleet.skew is not None and fleet.skew > 10:
        yield ("skew",), f"a Zipf exponent of at most 10, got {shortest(fleet.skew)}"
    if model.has_spread() and fleet.variability.task != ONE:
        spread = "in its law" if model.has_law() else "as measured"
        yield ("variability", "task"), f"a model of kind {model.kind} has its spread {spread}; remove one of them"
    is_split = fleet.skew or shares is not None or fleet.split == "hashed"
    if not model.depends_on_items() and is_split and runs_on is None:
        key = "shares" if shares is not None else "skew" if fleet.skew else "split"
        yield (key,), f"has no effect: a model of kind {model.kind} takes as long whatever falls on a shard"
    if fleet.bytes_per_candidate is not None and fleet.candidates is None:
        whose = "source" if isinstance(fleet, Source) else "stage"
        message = f"needs the {whose}'s own candidates: all that lie on its machines, not those handed on for a query"
        yield ("bytes_per_candidate",), message


def source_contradictions(stage: Stage) -> Iterable[fields.Contradiction]:
    """What a stage says of sources, and of itself that is theirs."""
    sources = stage.sources
    if sources is None:
        if stage.given_model is None:
            yield ("model",), "is missing"
        return
    if not sources:
        yield ("sources",), "needs a source at least, or leave it out"
        return
    for key, field in OWN.items():
        if field in stage.model_fields_set:
            yield (key,), f"each source says its own: say it under sources, like sources.{sources[0].name}.{key}"
    for key, because in REFUSED.items():
        if key in stage.model_fields_set and getattr(stage, key) not in (None, 1):
            yield (key,), f"a stage with sources has none: {because}; leave it out, or make each source a stage"
    names = [one.name for one in sources]
    for place, name in enumerate(names):
        if name in names[:place]:
            yield ("sources", place, "name"), f"two sources are called {name!r}"
    states = [one.candidates is not None for one in sources]
    if any(states) and not all(states):
        place = states.index(False)
        cure = "give it candidates, too, or to no source: each then scores all that is handed on"
        yield ("sources", place), f"{names[states.index(True)]!r} says how many candidates it has: {cure}"


def without_own(said: dict[str, Any]) -> dict[str, Any]:
    """What a stage with sources says, without what each of these says itself, which the stage has by default."""
    theirs = {*OWN, *OWN.values(), *REFUSED}
    return {key: value for key, value in said.items() if key not in theirs}


def fleets_of(stage: Stage) -> tuple[Stage, ...]:
    """What serves a stage: itself; or each of its sources, as a stage of its own with the source's name."""
    if stage.sources is None:
        return (stage,)
    return tuple(
        stage.model_copy(
            update={"name": one.name, "sources": None, **{name: getattr(one, name) for name in OWN.values()}}
        )
        for one in stage.sources
    )


def source_of(stage: Stage, shard: int) -> Stage:
    """What serves a shard of a stage, as ``fleets_of``; ``shard``: index within the stage."""
    for fleet in fleets_of(stage):
        if shard < fleet.shards:
            return fleet
        shard -= fleet.shards
    raise IndexError(shard)


def in_words(stages: Sequence[Stage]) -> Iterator[tuple[str, Stage]]:
    """What serves each stage, as ``fleets_of``, with words for it."""
    for stage in stages:
        for one in stage.fleets:
            of = f"stage {stage.name!r}"
            yield (of if stage.sources is None else f"source {one.name!r} of {of}"), one


def items_of_fleets(fleets: Sequence[Stage], candidates: float) -> list[float]:
    """Items of a mean shard of each fleet of a stage; ``candidates``: that all score for a query."""
    own = [None if one.candidates is None else one.candidates.law.mean() for one in fleets]
    stated = [mean for mean in own if mean is not None]
    handed = (candidates - sum(stated)) / max(1, len(fleets) - len(stated))
    means = [candidates] if len(fleets) == 1 else [handed if mean is None else mean for mean in own]
    return [mean / one.shards for mean, one in zip(means, fleets, strict=True)]


def scored_in(stage: Stage, given: float) -> float:
    """Candidates that a stage scores for a query, on average; ``given``: what is handed on to it."""
    return sum(given if one.candidates is None else one.candidates.law.mean() for one in stage.sources or (stage,))
