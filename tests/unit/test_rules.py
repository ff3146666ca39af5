"""Rules one by one: who is chosen, how long it takes, what is first; and what a plan refuses to hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core import routing, rules, service, work
from simulator.core.assemble import PlanTooLarge, StageParts, assemble, bits_for
from simulator.core.laws import Law
from simulator.core.plan import LEAST_OUTSTANDING, LEAST_WORK, POWER_OF_TWO, RANDOM, ROUND_ROBIN
from simulator.testing import plans

POLICIES = [policy.code for policy in routing.POLICIES]
LUCK = st.floats(0.0, 1.0, exclude_min=True, exclude_max=True)
OUTSTANDING = st.lists(st.integers(0, 3), min_size=1, max_size=6).map(lambda counts: np.array(counts, dtype=np.int64))


@given(st.sampled_from(POLICIES), OUTSTANDING, st.integers(0, 100), LUCK, LUCK)
def test_some_replica_is_always_chosen(policy, outstanding, turn, u, v):
    assert 0 <= routing.choose(policy, len(outstanding), outstanding, 0, turn, u, v) < len(outstanding)


@given(st.sampled_from([LEAST_OUTSTANDING, LEAST_WORK]), OUTSTANDING, LUCK)
def test_the_least_loaded_is_chosen(policy, outstanding, u):
    assert outstanding[routing.choose(policy, len(outstanding), outstanding, 0, 0, u, 0.5)] == outstanding.min()


@given(OUTSTANDING, LUCK, LUCK)
def test_the_better_of_two_different_ones_is_chosen(outstanding, u, v):
    replicas = len(outstanding)
    chosen = routing.choose(POWER_OF_TWO, replicas, outstanding, 0, 0, u, v)
    one = int(u * replicas)
    two = (one + 1 + int(v * (replicas - 1))) % replicas if replicas > 1 else one
    assert chosen in (one, two)
    assert replicas == 1 or one != two
    assert outstanding[chosen] == min(outstanding[one], outstanding[two])


@pytest.mark.parametrize("policy", [RANDOM, LEAST_OUTSTANDING, LEAST_WORK, POWER_OF_TWO])
def test_equal_replicas_are_chosen_equally_often(policy):
    rng = np.random.default_rng(1)
    idle = np.zeros(4, dtype=np.int64)
    counts = np.bincount([routing.choose(policy, 4, idle, 0, 0, *rng.random(2)) for _ in range(8000)], minlength=4)
    assert np.all(np.abs(counts - 2000) < 5 * np.sqrt(8000 * 0.25 * 0.75))  # a false alarm in half a million


def test_round_robin_turns():
    idle = np.zeros(3, dtype=np.int64)
    assert [routing.choose(ROUND_ROBIN, 3, idle, 0, turn, 0.5, 0.5) for turn in range(5)] == [0, 1, 2, 0, 1]


@given(st.integers(0, 12), st.integers(0, 2**58 - 1), st.integers(0, 12), st.integers(0, 2**58 - 1))
def test_events_are_ordered_by_kind_then_key(kind, key, other_kind, other_key):
    one, two = rules.event_order(kind, key), rules.event_order(other_kind, other_key)
    assert (one < two) == ((kind, key) < (other_kind, other_key))


def test_kinds_are_in_the_order_of_the_definition():
    assert tuple(range(14)) == (
        rules.FINISH,
        rules.RELEASE,
        rules.CRASH,
        rules.ANSWER,
        rules.TIMEOUT,
        rules.MERGED,
        rules.WITHDRAW,
        rules.UNTIE,
        rules.HEDGE,
        rules.ARRIVE,
        rules.DISPATCH,
        rules.ENQUEUE,
        rules.BACKGROUND,
        rules.START,
    )


def test_durations_are_rounded_half_up_and_services_take_time():
    assert [rules.round_ns(x) for x in (0.0, 0.4999, 0.5, 1.5, 2.5)] == [0, 0, 1, 2, 3]
    assert service.service_ns(0.0, 1.0, 1.0) == 1
    assert service.service_ns(10.0, 1.5, 2.0) == 30


@given(plans(), st.floats(0, 20), st.floats(0, 20))
def test_costs_do_not_decrease_with_items(plan, one, two):
    low, high = sorted((one, two))
    columns = plan.sources, plan.knot_items, plan.knot_ns, plan.knot_slope
    for source in range(len(plan.sources)):
        assert work.cost_ns(*columns, source, low) <= work.cost_ns(*columns, source, high) + 1e-9


def test_a_cost_goes_through_its_knots():
    part = StageParts(knots=[(0.0, 5.0, 1.0), (10.0, 15.0, 3.0)], candidates=Law.constant(1.0))
    plan = assemble([part], np.array([0]))
    columns = plan.sources, plan.knot_items, plan.knot_ns, plan.knot_slope
    assert [work.cost_ns(*columns, 0, items) for items in (0.0, 4.0, 10.0, 12.0)] == [5.0, 9.0, 15.0, 21.0]


def test_a_merge_with_workers_takes_time():
    plan = assemble([StageParts(candidates=Law.constant(1.0), mergers=1)], np.array([0]))
    assert rules.merge_ns(plan.stages, 0, 4) == 1
    plan = assemble([StageParts(candidates=Law.constant(1.0), merge_ns=3, merge_per_response_ns=2)], np.array([0]))
    assert rules.merge_ns(plan.stages, 0, 4) == 11


def test_widths_of_keys():
    assert [bits_for(count) for count in (0, 1, 2, 3, 1000, 1024, 1025)] == [0, 0, 1, 2, 10, 10, 11]


def test_a_plan_that_does_not_fit_its_keys_is_refused_with_the_size():
    wide = StageParts([1 / 2**20] * 2**20, replicas=2**4, candidates=Law.constant(1.0))
    with pytest.raises(PlanTooLarge, match="replicas x tasks of a run needs"):
        assemble([wide], np.arange(2**18))
    with pytest.raises(PlanTooLarge, match="has 33554432 replicas"):
        assemble([StageParts([1 / 2**10] * 2**10, replicas=2**15, candidates=Law.constant(1.0))], np.arange(2))
    with pytest.raises(PlanTooLarge, match="256 stages"):
        assemble([StageParts(candidates=Law.constant(1.0))] * 256, np.arange(2))


@given(plans())
def test_plans_are_read_only(plan):
    with pytest.raises(ValueError, match="read-only"):
        plan.arrival_ns[0] = 0
