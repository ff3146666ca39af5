"""How often the cache of a stage has the answer, on paper, and so how many queries ask its shards.

Keys are drawn independently, from one law: the independent reference model. What a cache holds then follows from the
keys before, and says nothing of the next one: so at any time, however long answers take, it has the answer at most as
often as if it held the most popular keys. How often LRU has it is Che's approximation (2002), for many keys close
(Fricker, Robert and Roberts, 2012): each key stays for one and the same time. That takes keys to be put in at once; a
query that is under way for long may miss where this says that it hits.
"""

import math
from functools import lru_cache

import numpy as np

from simulator.core.plan import F8
from simulator.core.stage_view import StageView
from simulator.documents import paper

#: Keys that are looked at one by one; the others in blocks, each as many times as long as the one before begins.
ONE_BY_ONE, LONGER = 100_000, 1.001


@lru_cache(maxsize=64)
def _chances(keys: int, s: float) -> tuple[F8, F8]:
    """Chances of keys and how many have each; the least popular ones in blocks."""
    edges = np.arange(1.0, min(keys, ONE_BY_ONE) + 1)
    weights, counts = edges**-s, np.ones(len(edges))
    if keys > ONE_BY_ONE:
        steps = math.ceil(math.log(keys / ONE_BY_ONE) / math.log(LONGER)) + 1
        bounds = np.unique(np.floor(np.geomspace(ONE_BY_ONE + 1, keys + 1, steps)))
        bounds[0], bounds[-1] = ONE_BY_ONE + 1, keys + 1
        middles = np.sqrt((bounds[:-1] - 0.5) * (bounds[1:] - 0.5))
        weights, counts = np.append(weights, middles**-s), np.append(counts, np.diff(bounds))
    return weights / math.fsum((weights * counts).tolist()), counts


@lru_cache(maxsize=256)
def stays(size: int, keys: int, s: float) -> float:
    """How many queries a key stays that nobody asks for, about: until so many others have been asked for.

    So long does what a cache began with make a difference. Infinite where all keys are held.
    """
    if size >= keys:
        return math.inf
    chances, counts = _chances(keys, s)

    def held(queries: float) -> float:
        return float((counts * -np.expm1(-chances * queries)).sum())

    low, high = 0.0, float(size)
    while held(high) < size:
        low, high = high, 2 * high
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if held(middle) < size else (low, middle)
    return high


@lru_cache(maxsize=256)
def che(size: int, keys: int, s: float) -> float:
    """Part of the queries whose key is held, of LRU, about.

    >>> che(1, 1, 0.0), che(5, 10, 0.0)
    (1.0, 0.5)
    """
    if size >= keys:
        return 1.0
    chances, counts = _chances(keys, s)
    found = float((counts * chances * -np.expm1(-chances * stays(size, keys, s))).sum())
    return min(1.0, float(f"{found:.12g}"))


@lru_cache(maxsize=256)
def most(size: int, keys: int, s: float) -> float:
    """Part of the queries whose key is held, at most: that of the most popular keys.

    >>> most(2, 4, 0.0)
    0.5
    """
    chances, counts = _chances(keys, s)
    before = np.cumsum(counts) - counts
    return min(1.0, float((chances * np.clip(size - before, 0.0, counts)).sum()))


def hit_ratio(stage: StageView) -> float:
    """Part of the queries that look into the cache of a stage whose answer it has, about; 0: it has none."""
    return che(*_of(stage)) if stage.is_cached else 0.0


def most_hits(stage: StageView) -> float:
    """The same, at most."""
    return most(*_of(stage)) if stage.is_cached else 0.0


def renewed_after(stage: StageView) -> float:
    """Queries after which the cache of a stage shows no more what it began with, about."""
    return stays(*_of(stage))


def _of(stage: StageView) -> tuple[int, int, float]:
    row = stage.plan.stages[stage.index]
    return int(row["cached"]), int(row["catalogue"]), float(row["popularity"])


def on_paper(stage: StageView) -> paper.Cache | None:
    """What is said of the cache of a stage; None: it has none."""
    if not stage.is_cached:
        return None
    size, keys, _ = _of(stage)
    return {"size": size, "catalogue": keys, "hit_ratio": hit_ratio(stage), "most": most_hits(stage)}
