"""How often a shard is visited, where queries leave some of them out, and what they wait for and hand on then."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simulator.base.sums import dot
from simulator.core import draws
from simulator.core.fan_out import visited_shards
from simulator.core.laws import Law
from simulator.core.plan import F8, KEY, NONE, ROLES, VISITS, Plan
from simulator.core.stage_view import StageView
from simulator.theory.caches import hit_ratio, most_hits

S_PER_NS = 1e-9

#: Keys x shards that are looked at together.
AT_ONCE = 1 << 20
#: Queries whose visits stand for those of all, where shards have unlike shares.
QUERIES = 512
#: Candidates that stand for a law of them; numbers of them that are told apart.
POINTS, MOST_WAYS = 256, 64


#: Points at which a law is taken where an integral over it has no closed form.
FINE = 4096


def midpoints(count: int) -> F8:
    """(count,) middles of equal parts of (0, 1)."""
    return (np.arange(count, dtype=np.float64) + 0.5) / count


@dataclass(frozen=True)
class Counts:
    """Candidates of a stage: a law, cut at what earlier stages keep."""

    law: Law
    cap: float

    def is_fixed(self) -> bool:
        """Whether every query has the same number."""
        return self.law.is_constant() or self.law.least() >= self.cap

    def at(self, uniform: F8) -> F8:
        """Numbers at an array of uniforms."""
        return np.asarray(np.clip(self.law.quantiles(uniform), 0.0, self.cap))

    def moment(self, power: int) -> float:
        """Mean of the number to the given power."""
        if self.law.is_constant() or math.isinf(self.cap):
            return self.law.moment(power) if math.isinf(self.cap) else min(self.law.mean(), self.cap) ** power
        return float((self.at(midpoints(FINE)) ** power).mean())


def mixed(each: Sequence[tuple[float, tuple[float, float] | None]]) -> tuple[float, float] | None:
    """Two moments over parts of the queries, each behind its share; None where those of one are not known."""
    known = [(share, moments) for share, moments in each if moments is not None]
    if len(known) < len(each):
        return None
    return math.fsum(share * one[0] for share, one in known), math.fsum(share * one[1] for share, one in known)


def has_all_been(stage: StageView) -> bool:
    """Whether all answers of a query count at the owner of a stage that follows: it is known where it goes."""
    owner = StageView(stage.plan, stage.owner)
    return not owner.is_partial and not owner.is_keyed


def been(stage: StageView) -> F8:
    """(shards,) part of the queries that have an answer of each that counts, at the owner of a stage that follows.

    Where it goes on with some of them, about: each is as likely; where it times out, at most.
    """
    owner = StageView(stage.plan, stage.owner)
    part = owner.wait_for / owner.least_visits if owner.waits_for_some and not owner.may_time_out else 1.0
    return chances(owner) * part


def mean_visits(stage: StageView) -> float:
    """How many shards a query that takes a stage visits, on average."""
    if stage.follows and stage.fans_out:
        return float(visits_of(stage).sum())
    return float(_at_least(stage.visits, stage.shards).sum()) if stage.fans_out else float(stage.shards)


def chances(stage: StageView) -> F8:
    """(shards,) part of all queries that visit each."""
    return np.asarray(visits_of(stage) * asks(stage))


#: Part of the queries that ask a stage whose cache holds all keys there are: whoever is the first of a key.
SELDOM = 1e-9


def comes(stage: StageView, *, at_least: bool = False) -> float:
    """Part of all queries that come to a stage: they are not over by a hit before, about, or ``at_least``, so often.

    What a query asks one cache for says nothing of what it asks another for.
    """
    part = 1.0
    for index in range(stage.index):
        before = StageView(stage.plan, index)
        if before.ends_with_a_hit:
            part *= 1 - before.taken * (most_hits(before) if at_least else hit_ratio(before))
    return part


def asks(stage: StageView, *, at_least: bool = False) -> float:
    """Part of all queries that ask the shards of a stage, about: they take it, and no cache has their answer before.

    ``at_least``: so often, whatever happens.
    """
    if not stage.is_spared:
        return stage.taken
    hits = most_hits(stage) if at_least else hit_ratio(stage)
    part = comes(stage, at_least=at_least) * stage.taken * (1 - hits)
    return part if at_least else max(SELDOM, part)


def visits_of(stage: StageView) -> F8:
    """(shards,) part of the queries that take a stage, that visit each.

    By luck of the queries it is the same for all. By luck of keys each key has its shards, which differ by the plan's
    seed and replication.
    """
    shards = stage.shards
    if not stage.fans_out:
        return np.ones(shards)
    if stage.follows:
        there = been(stage)
        own = float(_at_least(stage.visits, shards).sum()) if stage.visits.kind != NONE else float(shards)
        return there * min(1.0, own / float(there.sum()))
    if not stage.is_keyed:
        return np.full(shards, mean_visits(stage) / shards)
    return _of_keys(_Named(stage.plan, stage.index))


def merging_s(stage: StageView) -> float:
    """Mean duration of the merge of the answers that a stage asks for, at least, in seconds."""
    row = stage.plan.stages[stage.index]
    fixed_ns, each_ns = int(row["merge_ns"]), int(row["merge_per_response_ns"])
    least_ns = 1.0 if stage.mergers else 0.0
    if stage.may_time_out or stage.has_fixed_visits or stage.follows:
        asked = 1 if stage.may_time_out else stage.wait_for
        return max(least_ns, float(fixed_ns + asked * each_ns)) * S_PER_NS
    answers, chance = np.arange(1, stage.shards + 1), _chance(stage)
    parts = int(row["wait_parts"])
    wanted = -(-int(row["wait_for"]) * answers // parts) if parts else np.minimum(answers, int(row["wait_for"]))
    return dot(chance, np.maximum(least_ns, fixed_ns + wanted * float(each_ns))) * S_PER_NS


def hands_on_as_much(stage: StageView) -> bool:
    """Whether all queries that take a stage hand on the same part of what they were given, but for ``keep``."""
    if stage.is_partial or (stage.follows and stage.fans_out):
        return False
    return not stage.fans_out or (stage.has_fixed_visits and bool((stage.share == stage.share[0]).all()))


def _ways(law: Law, cap: float) -> list[tuple[float, float]]:
    """Numbers of candidates, each behind its part of the queries; their mean alone, where a law is no few numbers."""
    parts = law.parts or ((1.0, law),)
    if all(one.is_constant() for _, one in parts):
        return [(share, min(one.mean(), cap)) for share, one in parts]
    if math.isinf(cap):
        return [(1.0, law.mean())]
    return [(1.0, float(np.clip(law.quantiles((np.arange(POINTS) + 0.5) / POINTS), 0.0, cap).mean()))]


def either(taken: float, one: tuple[Law, float], other: tuple[Law, float]) -> Law:
    """Candidates that are handed on by those who take a stage, so many of the queries, and by the others.

    Each a law and a cap on it; where they are few numbers, all of them, else about the mean.
    """
    ways: dict[float, float] = {}
    for part, counts in ((taken, one), (1 - taken, other)):
        for share, number in _ways(*counts):
            ways[number] = ways.get(number, 0.0) + part * share
    if len(ways) > MOST_WAYS:
        return Law.constant(math.fsum(part * number for number, part in ways.items()))
    laws = [(part, Law.constant(number)) for number, part in ways.items()]
    return laws[0][1] if len(laws) == 1 else Law.mixture(laws)


def handed_on(stage: StageView, law: Law, cap: float) -> tuple[Law, float]:
    """Candidates that the next stage is given: a law, and a cap on them; ``law`` and ``cap``: of those given to this.

    Where queries do not hand on the same part, about the mean of them. A stage that goes on with its k-th answer has
    that part of what its shards hold, about.
    """
    part = 1.0
    if stage.waits_for_some and not stage.may_time_out:
        part = stage.wait_for / stage.least_visits
    if stage.follows and stage.fans_out:  # what is scored falls on those that take part
        part = part * mean_visits(stage) / float(been(stage).sum())
        return law.scaled(part), min(cap * part, stage.keep)
    if not stage.fans_out and part == 1.0:
        return law, min(cap, stage.keep)
    if stage.fans_out and not hands_on_as_much(stage):
        shares = _shares(_Named(stage.plan, stage.index)) * part
        given = np.minimum(law.quantiles((np.arange(POINTS) + 0.5) / POINTS), cap)
        if law.is_constant():
            given = given[:1]
        each = np.minimum(np.maximum(given, 0.0)[:, None] * shares, stage.keep)
        return Law.constant(math.fsum(each.ravel().tolist()) / each.size), math.inf
    if stage.fans_out:
        part *= stage.least_visits / stage.shards
    return law.scaled(part), min(cap * part, stage.keep)


def _chance(stage: StageView) -> F8:
    """(shards,) chance that a query visits 1, 2, ... of them."""
    return -np.diff(_at_least(stage.visits, stage.shards), append=0.0)


def _at_least(visits: Law, shards: int) -> F8:
    """(shards,) chance that a query visits at least 1, 2, ... of them: halves are rounded upwards."""
    halves = np.nextafter(np.arange(1, shards) + 0.5, 0.0)
    return np.concatenate([[1.0], 1 - visits.cdf(halves)])


class _Named:
    """A stage of a plan, equal to another where the luck of its visits is."""

    def __init__(self, plan: Plan, index: int) -> None:
        self.view = StageView(plan.first_queries(1), index)
        rows = plan.laws[index * ROLES + VISITS : index * ROLES + KEY + 1]
        held = (rows, plan.law_parts, plan.law_points, self.view.share)
        told = hashlib.blake2b(b"".join(np.ascontiguousarray(one).tobytes() for one in held)).digest()
        self._name = plan.seed, plan.replication, index, told

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Named) and self._name == other._name

    def __hash__(self) -> int:
        return hash(self._name)


@lru_cache(maxsize=16)
def _of_keys(named: _Named) -> F8:
    """A key's shards in the order of its luck are the first ones of as many as a query of it visits."""
    stage, plan, key = named.view, named.view.plan, named.view.key
    shards = stage.shards
    keys = int(key.quantile(1 - 2.0**-53)) + 1
    weights = np.diff(key.cdf(np.nextafter(np.arange(keys + 1.0), -1.0)))  # from a whole number up to the next
    by_rank, found = _at_least(stage.visits, shards), np.zeros(shards)
    step = max(1, AT_ONCE // shards)
    for first in range(0, keys, step):
        names = np.repeat(np.arange(first, min(first + step, keys)), shards)
        places = np.tile(np.arange(shards) + stage.index * draws.PLACES, len(names) // shards)
        luck = np.empty(len(names))
        draws.first_of_names(plan.seed, plan.replication, draws.FANOUT, names, places, len(names), luck)
        ranks = luck.reshape(-1, shards).argsort(axis=1, kind="stable").argsort(axis=1)
        some = weights[first : first + len(ranks)]
        found += [dot(some, by_rank[ranks[:, shard]]) for shard in range(shards)]
    return found


@lru_cache(maxsize=16)
def _shares(named: _Named) -> F8:
    """(QUERIES,) sums of the shares of the shards that some queries visit."""
    return np.array([visited_shards(named.view.plan, named.view.index, query)[1] for query in range(QUERIES)])
