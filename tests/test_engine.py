"""The engine against an independent walk, against every invariant, and against itself under changes that change nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walk import Walk

from simulator.core.assemble import StageParts, assemble
from simulator.core.laws import Law
from simulator.core.plan import (
    LEAST_OUTSTANDING,
    LEAST_WORK,
    NEVER_NS,
    POWER_OF_TWO,
    RANDOM,
    ROUND_ROBIN,
    Plan,
    frozen,
)
from simulator.core.trace import COMPLETE, same_trace
from simulator.engines.reference import simulate
from simulator.testing import plans


@settings(max_examples=1000)
@given(plans())
def test_the_engine_agrees_with_an_independent_walk(plan):
    assert same_trace(simulate(plan, tasks=True), Walk(plan).trace()) == ""


@settings(max_examples=300)
@given(plans(most_queries=30, times=st.integers(0, 2)))
def test_every_invariant_holds(plan):
    trace = simulate(plan, tasks=True)
    trace.verify(plan)
    assert same_trace(dataclasses.replace(trace, task_table=None), simulate(plan)) == "", "watching changes nothing"


@given(plans())
def test_a_run_can_be_repeated(plan):
    assert same_trace(simulate(plan, tasks=True), simulate(plan, tasks=True)) == ""


def replaced(plan: Plan, **changes: object) -> Plan:
    return dataclasses.replace(plan, **{k: frozen(v) if isinstance(v, np.ndarray) else v for k, v in changes.items()})


@given(plans())
def test_a_shift_of_all_arrivals_shifts_everything(plan):
    later = replaced(plan, arrival_ns=plan.arrival_ns + 1000)
    one, two = simulate(plan), simulate(later)
    assert np.array_equal(np.where(one.completion_ns < 0, -1, one.completion_ns + 1000), two.completion_ns)
    assert np.array_equal(one.busy_ns, two.busy_ns)


@given(plans())
def test_the_drain_only_cuts(plan):
    whole = simulate(replaced(plan, drain_ns=NEVER_NS))
    cut = simulate(replaced(plan, drain_ns=5))
    end = int(plan.arrival_ns[-1]) + 5
    assert np.array_equal(cut.completion_ns, np.where(whole.completion_ns <= end, whole.completion_ns, -1))


@given(plans(), st.integers(1, 3))
def test_a_slower_stage_never_helps_anyone_first_come_first_served(plan, extra):
    """Holds for constant routing only: with join-shortest-queue more work can help (so it is not asked there)."""
    stages = np.array(plan.stages)
    stages["policy"] = ROUND_ROBIN
    stages["mergers"] = 0  # mergers serve in the order of closing, which may change
    plan = replaced(plan, stages=stages[:1].copy(), laws=np.array(plan.laws[: len(plan.laws) // len(plan.stages)]))
    shards, replicas = int(stages[0]["shards"]), int(stages[0]["shards"] * stages[0]["replicas"])
    plan = replaced(plan, share=np.array(plan.share[:shards]), machine_factor=np.array(plan.machine_factor[:replicas]))
    slower = replaced(plan, machine_factor=plan.machine_factor * (1 + extra), drain_ns=NEVER_NS)
    fast, slow = simulate(replaced(plan, drain_ns=NEVER_NS)), simulate(slower)
    assert np.all(slow.completion_ns >= fast.completion_ns)


@given(plans(most_stages=1))
def test_a_second_stage_moves_nothing_in_the_first(plan):
    stages = np.concatenate([plan.stages, plan.stages])
    stages[1]["first_shard"] = plan.shards
    stages[1]["first_replica"] = plan.replicas
    stages[1]["first_view"] = plan.views
    longer = replaced(
        plan,
        stages=stages,
        laws=np.concatenate([plan.laws, plan.laws]),
        share=np.concatenate([plan.share, plan.share]),
        machine_factor=np.concatenate([plan.machine_factor, plan.machine_factor]),
        stage_bits=1,
        shard_bits=plan.shard_bits + 1,
        replica_bits=plan.replica_bits + 1,
        send_bits=plan.send_bits + 1,
        drain_ns=NEVER_NS,
    )
    alone, both = simulate(replaced(plan, drain_ns=NEVER_NS)), simulate(longer)
    for column in ("enter_ns", "close_ns", "leave_ns", "critical_shard", "answer_sum_ns"):
        assert np.array_equal(getattr(alone, column)[0], getattr(both, column)[0]), column


@settings(max_examples=50)
@given(plans(most_stages=1))
def test_constant_lock_step_does_not_depend_on_the_number_of_shards(plan):
    def funnel(shards: int) -> Plan:
        part = StageParts([1 / shards] * shards, knots=[(0.0, 3.0, 0.0)], candidates=Law.constant(8.0))
        return assemble([part], plan.arrival_ns)

    assert np.array_equal(simulate(funnel(1)).completion_ns, simulate(funnel(7)).completion_ns)


def constant_stage(service_ns: float, **more: object) -> StageParts:
    return StageParts(candidates=Law.constant(1.0), knots=[(0.0, service_ns, 0.0)], **more)


def test_a_finish_frees_its_worker_before_a_start_of_the_same_instant():
    plan = assemble([constant_stage(5.0)], np.array([0, 5, 10]))
    assert simulate(plan).completion_ns.tolist() == [5, 10, 15]


def test_simultaneous_arrivals_are_served_in_the_order_of_sending():
    plan = assemble([constant_stage(5.0)], np.array([0, 0, 0]))
    assert simulate(plan).completion_ns.tolist() == [5, 10, 15]


def test_the_free_worker_of_lowest_index_is_next():
    plan = assemble([constant_stage(5.0, workers=2)], np.array([0, 0, 5, 5]))
    assert simulate(plan, tasks=True).task_table.worker.ravel().tolist() == [0, 1, 0, 1]


def test_mergers_serve_in_the_order_in_which_stages_closed():
    plan = assemble([constant_stage(1.0, workers=3, mergers=1, merge_ns=10)], np.array([0, 0, 0]))
    assert simulate(plan).completion_ns.tolist() == [11, 21, 31]


def test_sending_to_shard_after_shard_takes_its_time():
    part = StageParts([0.25] * 4, candidates=Law.constant(1.0), knots=[(0.0, 5.0, 0.0)], request_ns=7, send_ns=2)
    trace = simulate(assemble([part], np.array([0])), tasks=True)
    assert trace.task_table.enqueue_ns.tolist() == [[7, 9, 11, 13]]
    assert trace.completion_ns.tolist() == [18]


def test_what_has_no_outcome_at_the_cut_is_unfinished():
    plan = assemble([constant_stage(5.0)], np.array([0, 0, 0]), drain_ns=12)
    trace = simulate(plan)
    assert (trace.outcome == COMPLETE).tolist() == [True, True, False]
    assert trace.completion_ns.tolist() == [5, 10, -1]


@pytest.mark.parametrize("policy", [LEAST_OUTSTANDING, LEAST_WORK, POWER_OF_TWO])
def test_a_balancer_that_sees_everything_keeps_two_replicas_even(policy):
    plan = assemble([constant_stage(10.0, replicas=2, policy=policy)], np.arange(40) * 5)
    trace = simulate(plan)
    assert np.all(trace.completion_ns - trace.arrival_ns == 10)


def test_a_balancer_sees_only_its_own_tasks():
    blind = assemble([constant_stage(10.0, replicas=2, policy=LEAST_OUTSTANDING, balancers=40)], np.arange(40) * 5)
    trace = simulate(blind)
    assert (trace.completion_ns - trace.arrival_ns).max() > 10


def test_random_routing_is_even():
    plan = assemble([constant_stage(1.0, replicas=4, policy=RANDOM)], np.arange(4000) * 10)
    counts = simulate(plan).tasks
    # five standard deviations of a binomial: a false alarm in half a million
    assert np.all(np.abs(counts - 1000) < 5 * np.sqrt(4000 * 0.25 * 0.75))


def test_by_query_the_whole_row_is_one_copy():
    part = StageParts([0.5, 0.5], replicas=3, by_query=True, candidates=Law.constant(1.0), knots=[(0.0, 5.0, 0.0)])
    table = simulate(assemble([part], np.arange(50)), tasks=True).task_table
    assert np.array_equal(table.replica[:, 0], table.replica[:, 1] - 3)
    assert len(set(table.replica[:, 0].tolist())) == 3
