"""How many replicas the shards of a stage have, as it is written: all as many, or some of them more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema, WrapSerializer

from simulator.base.formats import there_are
from simulator.scenario import fields

#: Shards of all stages, and replicas of a shard, at most.
MOST_SHARDS = 2**24
_SPAN = re.compile(r"\s*([0-9]+)\s*\.\.\s*([0-9]+)\s*")
_HOW = "shards are a list of their numbers, from 0, or a span of them: 0..9"


def _places(value: Any) -> tuple[int, ...]:
    """Numbers of shards, ascending."""
    span = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if span is not None:
        first, last = int(span[1]), int(span[2])
        if last >= MOST_SHARDS:
            raise ValueError(f"must be below {MOST_SHARDS:,}, got {fields.shown(value)}")
        if last < first:
            raise ValueError(f"a span goes up, got {fields.shown(value)}")
        return tuple(range(first, last + 1))
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError(f"{_HOW}; got {fields.shown(value)}")
    places = sorted(fields.whole(0, MOST_SHARDS - 1)(place) for place in value)
    twice = [one for one, two in pairwise(places) if one == two]
    if twice:
        raise ValueError(f"shard {twice[0]} is named twice")
    return tuple(places)


def _spelled(places: tuple[int, ...]) -> str | list[int]:
    is_span = len(places) > 2 and places[-1] - places[0] == len(places) - 1
    return f"{places[0]}..{places[-1]}" if is_span else list(places)


#: Some shards of a stage, by number.
Places = Annotated[
    tuple[int, ...],
    BeforeValidator(_places),
    PlainSerializer(_spelled),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "minItems": 1, "items": {"type": ["integer", "string"]}},
                {"type": "string", "pattern": _SPAN.pattern},
            ],
            "description": f"{_HOW}",
        }
    ),
]
_Count = fields.whole_type(1, MOST_SHARDS)


class Hot(fields.Part):
    """Shards that have replicas of their own number."""

    shards: Places
    replicas: _Count  # type: ignore[valid-type]


class Replicas(fields.Part):
    """How many replicas each shard has, where they differ."""

    default: _Count = 1  # type: ignore[valid-type]
    hot: Annotated[
        tuple[Hot, ...],
        BeforeValidator(lambda value: [value] if isinstance(value, (Mapping, Hot)) else value),
        WrapSerializer(lambda hot, as_list: as_list(hot)[0] if len(hot) == 1 else as_list(hot)),
        fields.OneOrMore(),
    ] = ()

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """A shard has one number of replicas."""
        seen: set[int] = set()
        for place, hot in enumerate(self.hot):
            twice = seen.intersection(hot.shards)
            if twice:
                yield ("hot", place, "shards"), f"shard {min(twice)} is named twice"
            seen.update(hot.shards)

    def counts(self, shards: int) -> list[int]:
        """Of each of so many shards."""
        counts = [int(self.default)] * shards
        for hot in self.hot:
            for shard in hot.shards:
                if shard < shards:
                    counts[shard] = int(hot.replicas)
        return counts


def hot_contradictions(given: Replicas, shards: int) -> Iterable[fields.Contradiction]:
    """Shards that have more replicas are there."""
    for place, hot in enumerate(given.hot):
        if hot.shards[-1] >= shards:
            message = f"{there_are(shards, 'shard')}, counted from 0, got {hot.shards[-1]}"
            yield ("replicas", "hot", place, "shards"), message
            return


def _or_number(value: Any) -> Any:
    return value if isinstance(value, (Mapping, Replicas)) else {"default": fields.whole(1, MOST_SHARDS)(value)}


#: A number of replicas, or a map where shards differ.
ReplicasGiven = Annotated[
    Replicas,
    BeforeValidator(_or_number),
    WrapSerializer(lambda given, as_map: as_map(given) if given.hot else given.default),
    fields.OrBare({"type": ["integer", "string"], "description": f"a whole number from 1 to {MOST_SHARDS:,}"}),
]
