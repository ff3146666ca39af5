"""Caches ahead of a stage: whose answer is known already, and what is known afterwards.

Every query has a key in such a stage, by luck of its own, from a Zipf law: of n keys the k-th is drawn in proportion to
1 / k^s. A query that enters looks its key up. If the cache holds it, the query is a *hit*: it leaves the stage after
``hit_ns`` with the candidates that the stage would have scored, and no shard is asked; or it is over then, as a whole.
Else the stage does as ever, and where it is left with all answers that it waits for, the key is put in. The cache holds
the keys that were looked up with a hit, or put in, most recently (LRU). At one instant keys are put in before any is
looked up, each in the order of queries. ``stages`` is the (stages,) STAGE array of a Plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.core import draws, rules
from simulator.core.elementary import exp, log
from simulator.core.jit import formula, kernel
from simulator.core.plan import I8, Rows, System

#: Keys of a stage, at most.
MOST_KEYS = 1_000_000_000
#: Zipf exponent, at most.
MOST_S = 10.0


@dataclass(frozen=True)
class Cache:
    """That of a stage."""

    size: int  #: keys that it holds, at most; 0: there is none
    keys: int  #: that there are
    s: float = 0.0  #: exponent of their Zipf law; 0: all are as popular
    hit_ns: int = 0
    ends: bool = False  #: with a hit the query is over, not only its stage
    is_cold: bool = False  #: it holds nothing at first; else the most popular keys, the most popular most recently


def cache_columns(cache: Cache | None) -> dict[str, Any]:
    """Columns of STAGE that say of a stage's cache."""
    one = Cache(0, 1) if cache is None else cache
    assert one.size >= 0, "a cache holds some keys, or none"
    assert 1 <= one.keys <= MOST_KEYS and 0 <= one.s <= MOST_S, "keys have a law"
    assert 0 <= one.hit_ns <= 2**55, "a hit takes some time, not for ever"
    size = min(one.size, one.keys)
    said = {"cached": size, "catalogue": one.keys, "popularity": one.s, "hit_ns": one.hit_ns}
    return {**said, "hit_ends": int(one.ends), "cold": int(one.is_cold)}


@formula
def is_cached(stages: Rows, stage: int) -> bool:
    """Whether a stage has a cache."""
    return stages[stage]["cached"] > 0  # type: ignore[no-any-return]


def may_hit(plan: System) -> bool:
    """Whether some stage of a plan has a cache."""
    return bool((plan.stages["cached"] > 0).any())


def is_behind(stages: Rows, stage: int) -> bool:
    """Whether queries that are over by a hit before it pass a stage by."""
    return bool(((stages["cached"] > 0) & (stages["hit_ends"] == 1))[:stage].any())


def check_caches(plan: System) -> None:
    """Assert that nobody follows a query to where it may not have been."""
    for row in plan.stages:
        was_asked = plan.stages[row["owner"]]["cached"] == 0
        assert was_asked or not row["follows"], "a stage follows one that all queries ask"


# --- keys -------------------------------------------------------------------------------------------------------------

#: Up to here a quotient that is nearly 0 / 0 is a series.
SMALL = 0.1


@formula
def grown(t: float) -> float:
    """Return (e^t - 1) / t."""
    if abs(t) > SMALL:
        return (exp(t) - 1.0) / t
    total = 1.0
    for term in range(12, 1, -1):
        total = 1.0 + t / term * total
    return total


@formula
def shrunk(t: float) -> float:
    """Return log(1 + t) / t for t > -1."""
    if abs(t) > SMALL:
        return log(1.0 + t) / t
    z = t / (2.0 + t)
    z = z * z
    total = 0.0
    for power in range(15, 0, -2):
        total = total * z + 1.0 / power
    return 2.0 / (2.0 + t) * total


@formula
def area(x: float, s: float) -> float:
    """Area below y^-s from 1 to x."""
    far = log(x)
    return far * grown((1.0 - s) * far)


@formula
def reached(value: float, s: float) -> float:
    """Where the area is so much."""
    t = max((1.0 - s) * value, -1.0 + 2.0**-52)
    return exp(value * shrunk(t))


@kernel
def key_of(stages: Rows, run: Rows, stage: int, query: int) -> int:
    """The key of a query in a stage, from 0, the most popular: by rejection-inversion (Hoermann and Derflinger, 1996).

    A point below y^-s is inverted from its area; it is taken if it belongs to the bar of the whole number next to it,
    which nearly all do. So it costs as much whatever the number of keys, and is exact.
    """
    keys, s = stages[stage]["catalogue"], stages[stage]["popularity"]
    if keys == 1:
        return rules.NOTHING
    low, high = area(1.5, s) - 1.0, area(keys + 0.5, s)
    within = 2.0 - reached(area(2.5, s) - exp(-s * log(2.0)), s)
    attempt = rules.NOTHING
    while True:
        place = stage * draws.PLACES
        luck, _ = draws.uniforms(run[0]["seed"], run[0]["replication"], draws.CACHE_KEY, query, place, attempt)
        value = high + luck * (low - high)
        x = reached(value, s)
        number = min(max(int(x + 0.5), 1), keys)
        if number - x <= within or value >= area(number + 0.5, s) - exp(-s * log(float(number))):
            return number - 1  # type: ignore[no-any-return]
        attempt += 1


def keys_of(plan: Any, stage: int) -> I8:
    """(queries,) the key of each query in a stage that has a cache."""
    run = plan.run_row()
    return np.array([key_of(plan.stages, run, stage, query) for query in range(plan.queries)], dtype=np.int64)


def held_at_first(row: Any) -> range:
    """The keys that a cache holds at first, the least recent first."""
    return range(0) if row["cold"] else range(int(row["cached"]) - 1, -1, -1)
