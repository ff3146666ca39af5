"""The cache of a stage as it is written: how many keys it holds, and how popular these are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from simulator.base.formats import apart, format_duration, shortest
from simulator.base.units import NS_PER_S, ns
from simulator.core import caches
from simulator.core.checked import MOST_WAIT_NS
from simulator.scenario import fields

#: A stage as it is written: it is made of what stands here, so that it is not known yet.
Stage = Any

MOST_HIT_S = MOST_WAIT_NS / NS_PER_S
#: What a hit ends.
OF_STAGE, OF_QUERY = "stage", "query"


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"true or false, got {fields.shown(value)}")
    return value


Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]


class Popularity(fields.Part):
    """Of the keys that queries ask for."""

    kind: fields.word_type("zipf")  # type: ignore[valid-type]
    s: fields.Count
    catalogue: fields.whole_type(1, caches.MOST_KEYS)  # type: ignore[valid-type]

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """An exponent is one that leaves something for the second key."""
        if self.s > caches.MOST_S:
            yield ("s",), f"a Zipf exponent of at most {shortest(caches.MOST_S)}, got {shortest(self.s)}"


class CacheSpec(fields.Part):
    """Answers that are known already."""

    size: fields.whole_type(0, caches.MOST_KEYS)  # type: ignore[valid-type]
    popularity: Popularity
    policy: fields.word_type("lru") = "lru"  # type: ignore[valid-type]
    hit_time_s: fields.Duration = Field(default=0.0, alias="hit_time")
    on_hit: fields.word_type(OF_STAGE, OF_QUERY) = OF_STAGE  # type: ignore[valid-type]
    cold: Flag = False

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """A hit is not for ever."""
        if self.hit_time_s > MOST_HIT_S:
            said, most = apart(format_duration, self.hit_time_s, MOST_HIT_S)
            yield ("hit_time",), f"at most {most}, got {said}"

    @property
    def part(self) -> caches.Cache | None:
        """As an engine sees it; None: it holds nothing, so that there is none."""
        if self.size == 0:
            return None
        keys, s = int(self.popularity.catalogue), float(self.popularity.s)
        return caches.Cache(int(self.size), keys, s, ns(self.hit_time_s), self.on_hit == OF_QUERY, self.cold)


def has_cache(stage: Stage) -> bool:
    """Whether a stage has a cache that may hold something."""
    return stage.cache is not None and stage.cache.size > 0


def cache_contradictions(stages: Sequence[Stage], objectives: Sequence[Any]) -> Iterable[fields.Contradiction]:
    """Nobody goes where a query has not been; hits are counted where there is a cache."""
    names = {stage.name: stage for stage in stages}
    for index, stage in enumerate(stages):
        owner = names.get(stage.runs_on or "")
        if owner is not None and has_cache(owner) and stage.routing.policy == "same":
            there = f"queries that the cache of {owner.name!r} answers have been at none of its replicas"
            yield ("stages", index, "runs_on"), f"{there}: give routing a policy, like random"
    for index, objective in enumerate(objectives):
        stage = names.get(objective.stage or "")
        if objective.measure == "hit_ratio" and stage is not None and not has_cache(stage):
            yield ("slos", index), f"stage {stage.name!r} has no cache: give it one, or leave this objective out"
