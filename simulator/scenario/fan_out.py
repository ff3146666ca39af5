"""How many shards of a stage a query visits, and which, as it is written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from simulator.base.formats import counted, shortest, there_are
from simulator.core.laws import Law
from simulator.scenario import fields
from simulator.scenario.gather import Gather
from simulator.scenario.laws import CountLaw

#: Keys of queries, at most; and each of them on each shard, which is looked at on paper.
MOST_KEYS, MOST_PLACES = 100_000, 10_000_000
#: Parts of shards that are counted, in `wait_for`.
MOST_PARTS = 2**60
#: Digits of the share of keys up to one.
DIGITS = 12
#: Which shards are visited unless a key says so: any.
RANDOM = "random"


class Keys(fields.Part):
    """Keys of queries and how popular they are: all queries of a key visit the same shards."""

    kind: fields.word_type("zipf")  # type: ignore[valid-type]
    s: fields.Count
    keys: fields.whole_type(1, MOST_KEYS)  # type: ignore[valid-type]

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """An exponent is one that leaves something for the second key."""
        if self.s > 10:
            yield ("s",), f"a Zipf exponent of at most 10, got {shortest(self.s)}"

    @property
    def law(self) -> Law:
        """Of the key of a query: from the whole number that is its own up to the next.

        To so many digits that it is the same on every processor.
        """
        weights = np.arange(1.0, self.keys + 1) ** -float(self.s)
        reached = np.round(np.cumsum(weights) / math.fsum(weights.tolist()), DIGITS)
        return Law.empirical_cdf([float(key) for key in range(self.keys + 1)], [0.0, *reached[:-1].tolist(), 1.0])


def _by(value: Any) -> Any:
    if value == RANDOM:
        return None
    if not isinstance(value, (dict, Keys)):
        raise ValueError(f"random, or a map of keys like {{kind: zipf, s: 1, keys: 10k}}, got {fields.shown(value)}")
    return value


class FanOut(fields.Part):
    """How many shards a query visits, and whose luck says which."""

    shards: CountLaw
    by: Annotated[
        Keys | None,
        BeforeValidator(_by),
        fields.OrBare({"enum": [RANDOM], "description": RANDOM}),
    ] = None

    def of_stage(self, shards: int, gather: Gather | None) -> Iterable[fields.Contradiction]:
        """What does not go with so many shards, and the answers that are waited for."""
        law, wait_for = self.shards.law, None if gather is None else gather.wait_for
        if law.is_constant():
            if law.mean() != int(law.mean()) or law.mean() < 1:
                yield ("shards",), f"a whole number of shards from 1, or a law, got {shortest(law.mean())}"
            elif law.mean() > shards:
                yield ("shards",), f"{there_are(shards, 'shard')}, got {shortest(law.mean())}"
            elif isinstance(wait_for, int) and wait_for > law.mean():
                yield (), f"{counted(int(law.mean()), 'shard')} visited, and {wait_for} answers waited for in gather"
        if gather is not None and gather.parts(shards)[1] * shards >= MOST_PARTS:
            yield (), f"counts parts of shards: write gather.wait_for with fewer digits, got {wait_for}"
        if self.by is not None and self.by.keys * shards > MOST_PLACES:
            yield ("by", "keys"), f"keys x shards at most {MOST_PLACES:,}, got {int(self.by.keys) * shards:,}"

    def most(self, shards: int) -> int:
        """Of so many shards a query visits, at most."""
        law = self.shards.law
        return min(shards, max(1, int(law.mean()))) if law.is_constant() else shards

    def part(self, shards: int) -> float:
        """Part of so many shards that a query visits, on average, about."""
        return min(max(self.shards.law.mean(), 1.0), shards) / shards

    def visits(self, shards: int) -> Law:
        """Of how many of so many shards a query visits; none: all."""
        law = self.shards.law
        return Law.none() if law.is_constant() and law.mean() == shards else law

    def key(self, shards: int) -> Law:
        """Of the key that says which; none: a query's own luck does."""
        return Law.none() if self.by is None or not self.visits(shards).kind else self.by.law


def _of_shards(value: Any) -> Any:
    """A bare count is that of the shards."""
    is_bare = value is not None and (not isinstance(value, dict) or value.get("kind") is not None)
    return {"shards": value} if is_bare else value


FanOutGiven = Annotated[
    FanOut | None,
    BeforeValidator(_of_shards),
    fields.OrBare({"type": ["integer", "string"], "description": "the number of shards alone"}),
]
