"""How often a shard is visited, where queries leave some of them out."""

from functools import lru_cache

import numpy as np

from simulator.base.sums import dot
from simulator.core import draws
from simulator.core.laws import Law
from simulator.core.plan import F8, KEY
from simulator.core.stage_view import StageView

#: Keys that are looked at together.
AT_ONCE = 1 << 14


def mean_visits(stage: StageView) -> float:
    """How many shards a query visits, on average."""
    return float(_at_least(stage.visits, stage.shards).sum()) if stage.fans_out else float(stage.shards)


def chances(stage: StageView) -> F8:
    """(shards,) part of the queries that visit each.

    By luck of the queries it is the same for all. By luck of keys each key has its shards, which differ by the plan's
    seed and replication.
    """
    shards = stage.shards
    if not stage.fans_out:
        return np.ones(shards)
    if not stage.is_keyed:
        return np.full(shards, mean_visits(stage) / shards)
    plan, key = stage.plan, stage.laws()[KEY]
    return _of_keys(plan.seed, plan.replication, stage.index, shards, stage.visits, key)


def handed_on(stage: StageView, law: Law, cap: float) -> tuple[Law, float]:
    """Candidates that the next stage is given: a law, and a cap on them; ``law`` and ``cap``: of those given to this.

    Of the mean query, where some shards are visited.
    """
    if stage.fans_out:
        part = dot(stage.share, chances(stage))
        law, cap = law.scaled(part) if part > 0 else Law.constant(0.0), cap * part if part > 0 else 0.0
    return law, min(cap, stage.keep)


def _at_least(visits: Law, shards: int) -> F8:
    """(shards,) chance that a query visits at least 1, 2, ... of them: halves are rounded upwards."""
    halves = np.nextafter(np.arange(1, shards) + 0.5, 0.0)
    return np.concatenate([[1.0], 1 - visits.cdf(halves)])


@lru_cache(maxsize=16)
def _of_keys(seed: int, replication: int, stage: int, shards: int, visits: Law, key: Law) -> F8:
    """A key's shards in the order of its luck are the first ones of as many as a query of it visits."""
    keys = int(key.quantile(1 - 2.0**-53)) + 1
    weights = np.diff(key.cdf(np.nextafter(np.arange(keys + 1.0), -1.0)))  # from a whole number up to the next
    by_rank, found = _at_least(visits, shards), np.zeros(shards)
    for first in range(0, keys, AT_ONCE):
        names = np.repeat(np.arange(first, min(first + AT_ONCE, keys)), shards)
        places = np.tile(np.arange(shards) + stage * draws.PLACES, len(names) // shards)
        luck = np.empty(len(names))
        draws.first_of_names(seed, replication, draws.FANOUT, names, places, len(names), luck)
        ranks = luck.reshape(-1, shards).argsort(axis=1, kind="stable").argsort(axis=1)
        some = weights[first : first + len(ranks)]
        found += [dot(some, by_rank[ranks[:, shard]]) for shard in range(shards)]
    return found
