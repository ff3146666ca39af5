"""Who is last: how often by chance, and that nobody is named for nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from scipy.stats import t as student

from simulator.explaining import lasting
from simulator.explaining.lasting import Counts, OfStage, by_chance, holm, suspects

LEVEL = lasting.LEVEL


class View:
    """What is asked of a stage."""

    def __init__(self, shards: int, replicas: int = 1) -> None:
        self.shards, self.replicas = shards, replicas


def of_shards(seen: np.ndarray, replicas: int = 1) -> OfStage:
    """A stage whose shards are alike, and whose replicas are last in turn."""
    expected = np.repeat(seen.sum(axis=1, keepdims=True) / seen.shape[1], seen.shape[1], axis=1)
    each = np.repeat(seen, replicas, axis=1) / replicas
    return OfStage(Counts(seen, expected), Counts(each, each))


def test_the_larger_of_two_probabilities_counts():
    """By hand: Student's t over blocks, and the binomial law over queries."""
    seen = np.array([[3.0, 1.0], [2.0, 2.0], [4.0, 0.0], [3.0, 1.0]])
    counts = Counts(seen, np.full_like(seen, 2.0))
    more = np.array([1.0, 0.0, 2.0, 1.0])
    by_blocks = student.sf(more.sum() / np.sqrt(4 * more.var(ddof=1)), 3)
    by_queries = binom.sf(11, 16, 0.5)
    assert by_chance(counts, np.full(2, 16.0)) == pytest.approx([max(by_blocks, by_queries), 1.0])
    certain = Counts(np.array([[5.0], [5.0]]), np.array([[2.5], [2.5]]))
    assert by_chance(certain, np.array([10.0])) == pytest.approx([2.0**-10]), "blocks that agree leave it to queries"


def test_one_burst_names_nobody():
    """A shard that is last in all of the slowest queries, which are all of one block, is last by chance."""
    seen = np.zeros((80, 10))
    seen[17, 3] = 500.0
    named, looked_at = suspects([[of_shards(seen)]], [View(10)])
    assert (named, looked_at) == ([], 10)


def test_who_is_last_in_every_block_is_named():
    rng = np.random.default_rng(1)
    seen = rng.multinomial(30, [0.1] * 8 + [0.02, 0.18], size=80).astype(float)
    named, _ = suspects([[of_shards(seen)]], [View(10)])
    assert [(one.kind, one.shard, one.replica) for one in named] == [("shard", 9, -1)]
    assert named[0].expected == pytest.approx(0.1)
    assert named[0].excess == pytest.approx(seen[:, 9].sum() / seen.sum() - 0.1)
    assert named[0].p <= LEVEL


def test_a_difference_that_is_small_is_not_told():
    """However sure: a fifth more often than by chance sends nobody to look at a machine."""
    seen = np.tile([120.0, 95.0, 95.0, 90.0], (80, 1)) + np.random.default_rng(1).normal(0, 1, (80, 4))
    assert by_chance(of_shards(seen).shards, np.full(4, seen.sum()))[0] < 1e-9
    assert suspects([[of_shards(seen)]], [View(4)])[0] == []


def test_a_shard_that_is_last_by_its_replica_alone_is_told_as_that():
    """Of 4 shards with 2 replicas one replica makes its shard last; without it the shard is last as the others are."""
    rng = np.random.default_rng(1)
    by = rng.multinomial(40, [1 / 12] * 2 + [1 / 12, 5 / 12] + [1 / 12] * 4, size=80).astype(float)
    shards = by[:, ::2] + by[:, 1::2]
    expected = np.repeat(shards, 2, axis=1) / 2
    stage = OfStage(of_shards(shards).shards, Counts(by, expected))
    named, looked_at = suspects([[stage]], [View(4, 2)])
    assert [(one.kind, one.shard, one.replica) for one in named] == [("replica", 1, 1)]
    assert looked_at == 12
    assert named[0].expected == pytest.approx(1 / 4 / 2), "as its shard by chance, times its part of the tasks"
    assert named[0].seen == pytest.approx(by[:, 3].sum() / by.sum())


@pytest.mark.parametrize("shards", [10, 1000])
def test_nobody_is_named_where_all_are_alike(shards):
    """In 400 fleets with bursts, of 10 and of 1,000 shards, at most a part LEVEL of them, and a few by chance."""
    rng, named = np.random.default_rng(3), 0
    for _ in range(400):
        length, last = rng.geometric(0.2, size=400), rng.integers(0, shards, size=400)  # bursts that one shard makes
        block = rng.integers(0, 80, size=400)
        seen = np.zeros((80, shards))
        np.add.at(seen, (block, last), length)
        named += bool(suspects([[of_shards(seen)]], [View(shards)])[0])
    assert named <= binom.ppf(0.999, 400, LEVEL)


def test_machines_that_are_drawn_anew_make_a_replication_a_block():
    seen = np.zeros((20, 2))
    seen[:, 0] = 10.0
    stages = [[of_shards(one)] for one in (seen, seen[:, ::-1])]
    assert suspects(stages, [View(2)], are_drawn=True)[0] == []
    joined = Counts.joined([stage[0].shards for stage in stages], True)
    assert joined.seen.tolist() == [[200.0, 0.0], [0.0, 200.0]]


def test_one_shard_and_one_replica_are_not_looked_at():
    assert suspects([[of_shards(np.ones((4, 1)))]], [View(1)]) == ([], 0)


def test_probabilities_are_adjusted_for_their_number():
    """The example of Holm's paper: 3, 2 and 1 times, and never less than one before."""
    assert holm(np.array([0.02, 0.01, 0.015])).tolist() == pytest.approx([0.03, 0.03, 0.03])
    assert holm(np.array([0.6, 0.9])).tolist() == [1.0, 1.0]
