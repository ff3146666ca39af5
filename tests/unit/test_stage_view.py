"""A stage by its names says what it was made of, and its slices part the plan."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given

from simulator.core.assemble import StageParts, assemble
from simulator.core.features import Feature, features_of, may_lockstep, may_look_ahead
from simulator.core.laws import Law
from simulator.core.plan import CANDIDATES, FIFO, LEAST_WORK, LIFO, RESPONSE
from simulator.core.stage_view import stage_views
from simulator.testing import plans

ARRIVAL_NS = np.array([0, 5])


def test_a_view_says_what_the_stage_is_made_of():
    first = StageParts(candidates=Law.constant(8.0), share=[0.25, 0.75], keep=4.0, by_query=True)
    second = StageParts(
        share=[0.5, 0.2, 0.3],
        replicas=3,
        left=[3, 2, 2],
        workers=4,
        knots=[(0.0, 1.0, 2.0), (5.0, 11.0, 1.0)],
        response=Law.constant(7.0),
        hashed=True,
        policy=LEAST_WORK,
        balancers=2,
        request_ns=11,
        send_ns=13,
        merge_ns=17,
        mergers=5,
    )
    one, two = stage_views(assemble([first, second], ARRIVAL_NS))
    assert (one.index, one.shards, one.replicas, one.workers, one.keep) == (0, 2, 1, 1, 4.0)
    assert (two.index, two.shards, two.replicas, two.workers, two.keep) == (1, 3, 3, 4, math.inf)
    assert (one.is_hashed, one.is_by_query, one.mergers, one.balancers) == (False, True, 0, 1)
    assert (two.is_hashed, two.is_by_query, two.mergers, two.balancers) == (True, False, 5, 2)
    assert (two.policy, two.request_ns, two.send_ns) == (LEAST_WORK, 11, 13)
    assert (one.share.tolist(), two.share.tolist()) == ([0.25, 0.75], [0.5, 0.2, 0.3])
    assert two.is_left.tolist() == [[True] * 3, [True, True, False], [True, True, False]]
    assert (two.replicas_left.tolist(), two.replicas_in_all) == ([3, 2, 2], 7)
    assert two.plan.knot_ns[two.knot_slice].tolist() == [1.0, 11.0]
    assert (one.laws()[CANDIDATES], two.laws()[RESPONSE]) == (Law.constant(8.0), Law.constant(7.0))


@given(plans())
def test_an_unknown_feature_takes_no_shortcut(plan):
    for stage in range(len(plan.stages)):
        features = features_of(plan, stage)
        assert may_look_ahead(features) == (
            not features
            & {
                Feature.LIMIT,
                Feature.SHARING,
                Feature.ROUTING_BY_LATENCY,
                Feature.SLOWDOWN,
                Feature.BATCHING,
                Feature.DISCIPLINE,
                Feature.GATHER,
                Feature.HEDGE,
                Feature.TIED,
                Feature.INTERFERENCE,
                Feature.OUTAGE,
                Feature.BACKGROUND,
                Feature.SHARED_REPLICAS,
                Feature.FAILURES,
            }
        )
        assert not may_look_ahead(features | {"invented"})
        assert not may_lockstep(features | {"invented"})


@given(plans(sources=False))
def test_slices_part_the_shards_the_replicas_and_the_knots(plan):
    views = stage_views(plan)
    for slices, whole in (
        ([view.shard_slice for view in views], plan.shards),
        ([view.replica_slice for view in views], plan.replicas),
        ([view.knot_slice for view in views], len(plan.knot_ns)),
    ):
        assert [place for part in slices for place in range(part.start, part.stop)] == list(range(whole))
    for view in views:
        assert view.machine_factor.shape == view.is_left.shape == (view.shards, view.replicas)
        assert view.replicas_left.sum() == view.replicas_in_all


def test_a_view_says_how_a_stage_serves():
    batched = StageParts(
        candidates=Law.constant(1.0), max_size=3, max_wait_ns=5, max_items=9.0, preferred=[2], sizes=[4.0, 8.0]
    )
    ranked = StageParts(candidates=Law.constant(1.0), discipline=LIFO)
    one, two, three = stage_views(assemble([batched, ranked, batched], np.zeros(1, dtype=np.int64)))
    assert (one.is_batched, one.is_padded, one.max_size, one.max_wait_ns, one.max_items) == (True, True, 3, 5, 9.0)
    assert (one.preferred, one.sizes.tolist(), one.discipline) == ((2,), [4.0, 8.0], FIFO)
    assert (two.is_batched, two.is_padded, two.sizes.tolist(), two.discipline) == (False, False, [], LIFO)
    assert (one.batch_slice, two.batch_slice, three.batch_slice) == (slice(0, 3), slice(3, 3), slice(3, 6))
    assert three.preferred == (2,)
