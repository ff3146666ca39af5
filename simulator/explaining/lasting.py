"""Who is last: how often each shard, and each replica of a shard, closes a stage, and whether that is chance.

Looked at are the slowest tenth of a replication's answered queries. By chance a shard is last as often as it makes up
for the tasks of a query: of n that are visited, one time in n; several whose answers come at one instant share it. A
replica is held against its shard: of the times that this is last, it is so as often as it has its tasks. Both are
worked out in each block of a replication, so what changes over time is none; where machines are drawn anew in each
replication, that is a block.

Queries that come one after another wait in the same queue, so they are not counted as independent: the number of times
that somebody is last is held against chance by Student's t over blocks, and by the binomial law over queries; the
larger of the two probabilities counts. Over all that are looked at, Holm's procedure (Scandinavian J. Statist. 6, 1979)
keeps the chance that anybody at all is named where all are alike below LEVEL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulator.core.plan import F8, I8, Plan
from simulator.core.stage_view import StageView, stage_views
from simulator.core.trace import Trace
from simulator.explaining.blame import Blame
from simulator.explaining.critical import Critical
from simulator.stats import share

#: Of the queries, the slowest part, at which is looked.
SLOWEST = 0.1
#: Somebody is named in so many of the cases in which all are alike, at most.
LEVEL = 0.01
#: Nobody is named who is last less than so many times as often as by chance.
LEAST_RATIO = 1.25

SHARD, REPLICA = "shard", "replica"


class Counts(NamedTuple):
    """How often each one of some is last in each block, and how often by chance: (blocks, ones)."""

    seen: F8
    expected: F8

    @staticmethod
    def joined(several: Sequence[Counts], whole: bool) -> Counts:
        """Of several replications, block after block; ``whole``: a block each."""
        return Counts(
            *(
                np.concatenate([one.sum(axis=0, keepdims=True) if whole else one for one in column])
                for column in zip(*several, strict=True)
            )
        )


class OfStage(NamedTuple):
    """The counts of a stage, by shard and by replica."""

    shards: Counts
    replicas: Counts


@dataclass(frozen=True)
class Suspect:
    """Somebody who is last more often than by chance."""

    stage: int
    kind: str  #: SHARD or REPLICA
    shard: int
    replica: int  #: of the shard; of a shard, -1
    seen: float  #: share of the slowest queries, of those that an answer of the stage closes, in which it is last
    expected: float  #: the same by chance; of a replica, as its shard by chance, times its part of that shard's tasks
    part: float  #: of a replica, that part; of a shard, 1
    p: float  #: probability of as much by chance, adjusted for all that are looked at

    @property
    def excess(self) -> float:
        """Share of the slowest queries in which it is last beyond chance."""
        return self.seen - self.expected


def counts_of(plan: Plan, trace: Trace, found: Blame) -> tuple[OfStage, ...]:
    """What one replication says of each stage; it has its table of tasks."""
    answered = np.flatnonzero(found.is_answered)
    slow = np.zeros(len(found.query), dtype=bool)
    order = np.argsort(-found.latency_ns[answered], kind="stable")
    slow[answered[order[: int(np.ceil(SLOWEST * len(answered)))]]] = True
    blocks = min(share.BLOCKS, len(found.query))
    block = np.arange(len(found.query)) * blocks // max(1, len(found.query))
    return tuple(_of_stage(trace, stage, found, slow, block, blocks) for stage in stage_views(plan))


def _of_stage(trace: Trace, stage: StageView, found: Blame, slow: I8, block: I8, blocks: int) -> OfStage:
    table, critical = trace.task_table, found.critical[stage.index]
    assert table is not None
    place_of = np.full(len(trace.arrival_ns), -1)  # of an attempt that is the last of a measured query
    place_of[found.query] = np.arange(len(found.query))
    shards, replicas, first = stage.shards, stage.shards * stage.replicas, stage.replica_slice.start
    row, weights = _last(trace, stage, critical, slow, place_of)
    last_in = block[place_of[table.query[row]]]
    of_shards = _table(last_in, table.shard[row], blocks, shards, weights)
    of_replicas = _table(last_in, table.replica[row] - first, blocks, replicas, weights)
    sent = np.flatnonzero((table.stage == stage.index) & (table.copy == 0))
    sent = sent[place_of[table.query[sent]] >= 0]
    whose = place_of[table.query[sent]]
    visited = np.bincount(whose, minlength=len(block))
    chance = _table(block[whose], table.shard[sent], blocks, shards, 1.0 / np.maximum(1, visited)[whose])
    expected = of_shards.sum(axis=1, keepdims=True) * _parts(chance)
    anyone = np.flatnonzero((table.stage == stage.index) & (table.start_ns >= 0))
    anyone = anyone[place_of[table.query[anyone]] >= 0]
    used = _table(block[place_of[table.query[anyone]]], table.replica[anyone] - first, blocks, replicas)
    parts = _parts(used.reshape(blocks * shards, stage.replicas)).reshape(blocks, replicas)
    return OfStage(
        Counts(of_shards, expected), Counts(of_replicas, np.repeat(of_shards, stage.replicas, axis=1) * parts)
    )


def _last(trace: Trace, stage: StageView, critical: Critical, slow: I8, place_of: I8) -> tuple[I8, F8]:
    """Rows of the last answers of the slow queries, and their weights: of several at one instant, equal parts."""
    table, is_closed = trace.task_table, np.zeros(len(trace.arrival_ns), dtype=bool)
    assert table is not None
    is_closed[critical.query] = True
    rows = np.flatnonzero((table.stage == stage.index) & is_closed[table.query])
    place = place_of[table.query[rows]]
    is_last = (place >= 0) & slow[place] & (table.answer_ns[rows] == trace.close_ns[stage.index, table.query[rows]])
    rows = rows[is_last]
    return rows, 1.0 / np.bincount(table.query[rows], minlength=1)[table.query[rows]]


def _table(block: I8, one: I8, blocks: int, ones: int, weights: F8 | None = None) -> F8:
    """(blocks, ones) how often each is there, or the sums of weights."""
    sums = np.bincount(block * ones + one, weights, blocks * ones)
    return np.asarray(sums.astype(np.float64).reshape(blocks, ones))


def _parts(amounts: F8) -> F8:
    """The parts of each row in its sum; 0 in one of nothing."""
    whole = amounts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(amounts, whole, out=np.zeros_like(amounts), where=whole > 0))


def suspects(
    seen_in: Sequence[Sequence[OfStage]], views: Sequence[StageView], are_drawn: bool = False
) -> tuple[list[Suspect], int]:
    """Who is last more often than by chance, most of the slowest queries first; and how many were looked at.

    ``seen_in``: the counts of each replication, by stage. ``are_drawn``: whether each has machines of its own.
    """
    stages = [
        OfStage(*(Counts.joined(of, are_drawn) for of in zip(*several, strict=True)))
        for several in zip(*seen_in, strict=True)
    ]
    looked: list[tuple[int, str, Counts, F8]] = []
    for stage, (of, view) in enumerate(zip(stages, views, strict=True)):
        if view.shards > 1:
            whole = np.full(view.shards, of.shards.seen.sum())
            looked.append((stage, SHARD, of.shards, whole))
        if view.replicas > 1:
            of_shard = np.repeat(of.shards.seen.sum(axis=0), view.replicas)
            looked.append((stage, REPLICA, of.replicas, of_shard))
    if not looked:
        return [], 0
    adjusted = holm(np.concatenate([by_chance(counts, whole) for _, _, counts, whole in looked]))
    found, begin = [], 0
    for stage, kind, counts, _ in looked:
        view, ones = views[stage], counts.seen.shape[1]
        seen, expected = counts.seen.sum(axis=0), counts.expected.sum(axis=0)
        last = max(1.0, float(stages[stage].shards.seen.sum()))
        for one in np.flatnonzero((adjusted[begin : begin + ones] <= LEVEL) & (seen >= LEAST_RATIO * expected)):
            shard, replica = divmod(int(one), view.replicas) if kind == REPLICA else (int(one), -1)
            by_shard = stages[stage].shards
            part = float(expected[one] / by_shard.seen[:, shard].sum()) if kind == REPLICA else 1.0
            shares = float(seen[one]) / last, float(by_shard.expected[:, shard].sum()) * part / last
            found.append(Suspect(stage, kind, shard, replica, *shares, part, float(adjusted[begin + one])))
        begin += ones
    kept = [one for one in found if not _is_its_replica(one, found)]
    return sorted(kept, key=lambda one: -one.excess), len(adjusted)


def _is_its_replica(one: Suspect, found: Sequence[Suspect]) -> bool:
    """Whether a shard is last beyond chance by replicas of its own alone, which are named."""
    if one.kind != SHARD:
        return False
    mine = [other for other in found if (other.stage, other.kind, other.shard) == (one.stage, REPLICA, one.shard)]
    rest = one.seen - sum(other.seen for other in mine)
    part = 1.0 - sum(other.part for other in mine)  # of its tasks, at other replicas
    return bool(mine) and rest < LEAST_RATIO * one.expected * max(0.0, part)


def by_chance(counts: Counts, whole: F8) -> F8:
    """(ones,) probability that each is last as often by chance; 1 where it never could be.

    ``whole``: (ones,) how often somebody was last, where it might have been.
    """
    from scipy.special import betainc, stdtr

    seen, expected = counts.seen.sum(axis=0), counts.expected.sum(axis=0)
    units, more = len(counts.seen), counts.seen - counts.expected
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(((more - more.mean(axis=0)) ** 2).sum(axis=0) * units / max(1, units - 1))
        by_blocks = stdtr(max(1, units - 1), -(seen - expected) / spread)
        by_queries = betainc(seen, whole - seen + 1, np.minimum(1.0, expected / whole))
    is_more = (expected > 0) & (seen > expected) & (units > 1)
    return np.where(is_more, np.maximum(np.where(spread > 0, by_blocks, 0.0), by_queries), 1.0)


def holm(p: F8) -> F8:
    """Probabilities adjusted for their number, by Holm's procedure.

    >>> holm(np.array([0.01, 0.04, 0.02])).tolist()
    [0.03, 0.04, 0.04]
    """
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(np.minimum(1.0, p[order] * np.arange(len(p), 0, -1)))
    adjusted = np.empty(len(p))
    adjusted[order] = stepped
    return adjusted
