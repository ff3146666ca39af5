"""The engine against an independent walk, every invariant, and itself under changes that change nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from hypothesis import strategies as st
from walk import Walk

from simulator.core import rules
from simulator.core.assemble import StageParts, assemble
from simulator.core.columns import COMPLETE
from simulator.core.disciplines import BY_NAME
from simulator.core.hedging import FREE
from simulator.core.laws import Law
from simulator.core.plan import (
    CANDIDATES,
    LEAST_OUTSTANDING,
    LEAST_WORK,
    MACHINE,
    NEVER_NS,
    POWER_OF_TWO,
    RANDOM,
    ROLES,
    ROUND_ROBIN,
    TASK,
    Plan,
    frozen,
)
from simulator.core.trace import same_trace
from simulator.engines import compiled
from simulator.engines.reference import clock as reference_clock
from simulator.engines.reference import simulate
from simulator.testing import plans

#: What happens at an instant, not to a query.
TROUBLES = ("slowdowns", "failures", "outages")


@drawn(400)
@given(plans())
def test_the_engine_agrees_with_an_independent_walk(plan):
    trace, walk = simulate(plan, tasks=True), Walk(plan)
    assert same_trace(trace, walk.trace()) == ""
    assert np.array_equal(trace.critical_response_ns, walk.critical[3]), "which is derived"


@drawn(300)
@given(plans(most_queries=30, times=st.integers(0, 2)))
def test_every_invariant_holds(plan):
    trace = simulate(plan, tasks=True)
    assert list(trace.verify(plan)) == []
    without = dataclasses.replace(trace, task_table=None, background_table=None)
    assert same_trace(without, simulate(plan)) == "", "watching changes nothing"


@given(plans())
def test_a_run_can_be_repeated(plan):
    assert same_trace(simulate(plan, tasks=True), simulate(plan, tasks=True)) == ""


def replaced(plan: Plan, **changes: object) -> Plan:
    return dataclasses.replace(plan, **{k: frozen(v) if isinstance(v, np.ndarray) else v for k, v in changes.items()})


@given(plans(slowdowns=False, failures=False, outages=False, background=False))
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


@given(
    plans(
        batches=1,
        disciplines=["fifo"],
        gathers=False,
        guests=False,
        hedges=False,
        neighbours=False,
        slowdowns=False,
        failures=False,
        limits=False,
        sources=False,
        classes=False,
    ),
    st.integers(1, 3),
)
def test_a_slower_stage_never_helps_anyone_first_come_first_served(plan, extra):
    """Holds for constant routing only: with join-shortest-queue more work can help (so it is not asked there).

    Nor does it hold for batches: who comes while others are served goes with more of its like. Nor for other orders.
    """
    stages = np.array(plan.stages)
    stages["policy"] = ROUND_ROBIN
    stages["mergers"] = 0  # mergers serve in the order of closing, which may change
    laws = np.array(plan.laws[: len(plan.laws) // len(plan.stages)])
    shards, replicas = int(stages[0]["shards"]), int(stages[0]["shards"] * stages[0]["replicas"])
    shares = {name: np.array(getattr(plan, name)[:shards]) for name in ("share", "source_share")}
    factors = {**shares, "sources": plan.sources[:1].copy(), "machine_factor": np.array(plan.machine_factor[:replicas])}
    factors["left"] = np.array(plan.left[:shards])
    plan = replaced(plan, stages=stages[:1].copy(), laws=laws, rules=plan.rules[:1], **factors)
    slower = replaced(plan, machine_factor=plan.machine_factor * (1 + extra), drain_ns=NEVER_NS)
    fast, slow = simulate(replaced(plan, drain_ns=NEVER_NS)), simulate(slower)
    assert np.all(slow.completion_ns >= fast.completion_ns)


@given(plans(most_stages=1, sources=False, classes=False))
def test_a_second_stage_moves_nothing_in_the_first(plan):
    stages = np.concatenate([plan.stages, plan.stages])
    stages[1]["owner"] = stages[1]["home"] = stages[1]["beside"] = 1
    stages[1]["first_shard"] = plan.shards
    stages[1]["first_replica"] = plan.replicas
    stages[1]["first_view"], stages[1]["first_source"] = plan.views, 1
    sources = np.concatenate([plan.sources, plan.sources])
    sources[1]["law"] = len(plan.laws)
    longer = replaced(
        plan,
        stages=stages,
        laws=np.concatenate([plan.laws, plan.laws]),
        sources=sources,
        share=np.concatenate([plan.share, plan.share]),
        source_share=np.concatenate([plan.source_share, plan.source_share]),
        left=np.concatenate([plan.left, plan.left]),
        machine_factor=np.concatenate([plan.machine_factor, plan.machine_factor]),
        rules=plan.rules * 2,
        stage_bits=1,
        shard_bits=plan.shard_bits + 1,
        replica_bits=plan.replica_bits + 1,
        send_bits=plan.send_bits + 1,
        drain_ns=NEVER_NS,
    )
    alone, both = simulate(replaced(plan, drain_ns=NEVER_NS)), simulate(longer)
    for column in ("enter_ns", "close_ns", "leave_ns", "critical_shard", "answer_sum_ns"):
        assert np.array_equal(getattr(alone, column)[0], getattr(both, column)[0]), column


@drawn(50)
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
    assert trace.task_table.enqueue_ns.tolist() == [7, 9, 11, 13]
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
    plan = assemble([part], np.arange(50))
    table = simulate(plan, tasks=True).task_table.grid(plan)
    assert np.array_equal(table.replica[:, 0], table.replica[:, 1] - 3)
    assert len(set(table.replica[:, 0].tolist())) == 3


@drawn(120)
@given(
    plans(
        policies=["random", "round_robin", "least_outstanding", "least_work", "power_of_two"],
        **dict.fromkeys(("gathers", "hedges", "neighbours", "slowdowns", "failures", "outages", "limits"), False),
        **dict.fromkeys(("sharing", "fan_outs", "background", "sources", "classes"), False),
    ),
    st.integers(2, 5),
)
def test_scaling_all_constant_times_scales_all_latencies(plan, factor):
    """But for what is heard of latencies, which fades in a time of its own, and shares, which are rounded."""
    laws = np.array(plan.laws)
    random = laws["kind"] > 1
    laws["kind"][random], laws["a"][random] = 1, 3.0  # no law left that is rounded
    work = np.ones(plan.queries)
    base = replaced(plan, laws=laws, work=work, machine_factor=np.ones(plan.replicas), drain_ns=NEVER_NS)
    stages = np.array(plan.stages)
    sources = np.array(plan.sources)
    sources["hashed"] = stages["mergers"] = 0
    share = np.concatenate([np.full(row["shards"], 0.25) for row in stages])
    slopes = np.floor(plan.knot_slope) * 4  # a quarter of a whole number of items takes whole nanoseconds
    times = laws["kind"] == 1
    role = np.arange(len(laws)) % ROLES
    times &= ~np.isin(role, (CANDIDATES, TASK, MACHINE))
    laws["a"][role == TASK] = 1.0
    laws["a"][role == CANDIDATES] = np.floor(laws["a"][role == CANDIDATES])
    laws["a"][times] = np.maximum(1.0, np.floor(laws["a"][times]))
    shares = {"share": share, "source_share": share.copy(), "sources": sources}
    one = replaced(base, laws=laws, stages=stages, **shares, knot_slope=slopes, knot_ns=np.floor(plan.knot_ns) + 1)
    bigger = np.array(laws)
    bigger["a"][times] *= factor
    slower = np.array(stages)
    for column in ("request_ns", "send_ns", "merge_ns", "merge_per_response_ns", "max_wait_ns", "cancel_ns", "hit_ns"):
        slower[column] *= factor
    slower["hedge_ns"][slower["hedges"] > 0] *= factor
    two = replaced(
        one,
        laws=bigger,
        stages=slower,
        knot_slope=one.knot_slope * factor,
        knot_ns=one.knot_ns * factor,
        arrival_ns=plan.arrival_ns * factor,
    )
    assert np.array_equal(simulate(one).completion_ns * factor, simulate(two).completion_ns)


@drawn(200)
@given(
    plans(
        most_stages=1,
        **dict.fromkeys((*TROUBLES, "fan_outs", "neighbours", "optional", "caches", "sources", "classes"), False),
    )
)
def test_replicas_of_a_shard_are_interchangeable(plan):
    """Exchanging the machines of two replicas exchanges their counters, if who is chosen is exchanged too."""
    stages = np.array(plan.stages)
    stages["replicas"], stages["policy"], stages["by_query"], stages["balancers"] = 2, ROUND_ROBIN, 0, 1
    stages["uneven"], stages["budget"] = 0, FREE  # the query before all others would spend of a budget
    shards = int(stages[0]["shards"])
    factor = np.tile([1.0, 2.0], shards)
    wide = {"replica_bits": 4, "send_bits": 20, "left": np.full(shards, 2)}
    one = replaced(plan, stages=stages, machine_factor=factor, drain_ns=NEVER_NS, **wide)
    laws = np.array(plan.laws)
    laws["kind"][laws["kind"] > 1] = 1  # constant: luck is keyed by the query, and queries are renumbered below
    laws["a"] = np.clip(np.nan_to_num(laws["a"]), 0, 5)
    sources = np.array(plan.sources)
    sources["hashed"] = 0
    one = replaced(one, sources=sources)
    one = replaced(one, laws=laws, stages=stages, work=np.ones(plan.queries), first_measured=0, measured=plan.queries)
    # a query long before all others turns every later turn by one
    early = np.concatenate([[0], plan.arrival_ns + 10_000])
    classes = np.concatenate([plan.class_of[:1], plan.class_of])
    changes = {"work": np.ones(plan.queries + 1), "class_of": classes, "query_bits": 5, "first_measured": 1}
    turned = replaced(one, arrival_ns=early, **changes)
    swapped = replaced(turned, machine_factor=np.tile([2.0, 1.0], shards))
    a = simulate(replaced(one, arrival_ns=plan.arrival_ns + 10_000))
    b = simulate(swapped)
    assert np.array_equal(a.completion_ns, b.completion_ns[1:])
    assert np.array_equal(a.busy_ns.reshape(-1, 2), b.busy_ns.reshape(-1, 2)[:, ::-1])


def test_an_event_that_would_come_earlier_is_refused():
    clock = reference_clock.Clock()

    def back(at):
        reference_clock.At(clock, clock.now, rules.FINISH, 0)

    reference_clock.At(clock, 5, rules.START, 0, back)
    with pytest.raises(AssertionError, match="only later events"):
        clock.run()


def test_events_of_an_instant_happen_in_the_order_of_kind_and_key():
    clock = reference_clock.Clock()
    seen = []
    for kind, key in ((rules.START, 0), (rules.FINISH, 2), (rules.ENQUEUE, 1), (rules.FINISH, 1), (rules.ARRIVE, 9)):
        reference_clock.At(clock, 5, kind, key, lambda at: seen.append(at.value), (kind, key))
    clock.run()
    assert seen == sorted(seen)
    assert clock.events == 5


def test_a_query_without_candidates_is_dispatched_like_any_other():
    plan = assemble([StageParts([0.5, 0.5], candidates=Law.constant(0.0), knots=[(0.0, 5.0, 1.0)])], np.array([0]))
    trace = simulate(plan)
    assert trace.completion_ns.tolist() == [5]
    assert trace.tasks.tolist() == [1, 1]


def batched(max_size: int, **more: object) -> StageParts:
    """A call takes 4 ns, and 1 ns for each of the two items of a task."""
    part = {"candidates": Law.constant(2.0), "knots": [(0.0, 4.0, 1.0)], "max_size": max_size}
    return StageParts(**{**part, **more})


#: How tasks are batched, when they arrive, and when they are complete.
BATCHED = {
    "what waits goes at once": (batched(8), [0, 1, 2, 3], [6, 16, 16, 16]),
    "a full batch goes, an unfull one waits": (batched(2, max_wait_ns=9), [0, 1, 2], [9, 9, 17]),
    "the timer runs from the oldest": (batched(8, max_wait_ns=5), [0, 3, 6], [13, 13, 19]),
    "a worker that is free later finds it due": (batched(2, max_wait_ns=3), [0, 0, 1], [8, 8, 14]),
    "a preferred size does not wait": (batched(8, max_wait_ns=9, preferred=[2]), [0, 1, 2], [9, 9, 17]),
    "items fill a batch, too": (batched(8, max_wait_ns=9, max_items=4.0), [0, 1, 2], [10, 10, 17]),
    "the first goes however large": (batched(8, max_items=1.0), [0, 0], [6, 12]),
    "a batch is padded": (batched(3, sizes=[3.0, 8.0]), [0, 0, 0], [12, 12, 12]),
    "and so is a task alone": (batched(1, sizes=[3.0]), [0, 9], [7, 16]),
    "beyond the largest size it is as large as it is": (batched(3, sizes=[3.0]), [0, 0], [8, 8]),
    "two workers take a batch each": (batched(2, workers=2), [0, 0, 0, 0, 0], [8, 8, 8, 8, 14]),
}


@pytest.mark.parametrize("case", BATCHED)
def test_tasks_are_served_together_as_is_said(case):
    part, arrival_ns, complete_ns = BATCHED[case]
    plan = assemble([part], np.array(arrival_ns))
    trace = simulate(plan, tasks=True)
    assert trace.completion_ns.tolist() == complete_ns
    assert same_trace(trace, Walk(plan).trace()) == "" == same_trace(trace, compiled.simulate(plan, tasks=True))


def test_batches_of_one_are_no_batches():
    """Neutral: the same plan, with words about batches that hold one task each."""
    plain = batched(1, task=Law.exponential(1.0), workers=2, replicas=2)
    same = dataclasses.replace(plain, max_wait_ns=7, max_items=9.0, preferred=[1])
    arrival_ns = np.arange(40) * 3
    one, two = (simulate(assemble([part], arrival_ns), tasks=True) for part in (plain, same))
    assert same_trace(one, two) == ""


#: By discipline: services by query, of arrivals every ns from 0 on, and when they are complete.
RANKED = {
    "fifo": ([9, 5, 1, 3], [9, 14, 15, 18]),
    "lifo": ([9, 5, 1, 3], [9, 18, 13, 12]),
    "shortest": ([9, 5, 1, 3], [9, 18, 10, 13]),
}


@pytest.mark.parametrize("name", RANKED)
def test_who_waits_is_served_as_the_discipline_says(name):
    """Nobody who is served is interrupted, and the luck of a task is not known before."""
    services, complete_ns = RANKED[name]
    part = StageParts(candidates=Law.constant(1.0), time=Law.constant(1.0), discipline=BY_NAME[name].code)
    plan = assemble([part], np.arange(4), np.array(services, dtype=np.float64))
    trace = simulate(plan, tasks=True)
    assert trace.completion_ns.tolist() == complete_ns
    assert list(trace.verify(plan)) == []
    assert same_trace(trace, Walk(plan).trace()) == "" == same_trace(trace, compiled.simulate(plan, tasks=True))


@pytest.mark.parametrize("name", BY_NAME)
def test_nobody_is_overtaken_where_nobody_waits(name):
    """Neutral: as many workers as queries, or all of one length and kind."""
    fifo, other = (
        StageParts(candidates=Law.constant(1.0), knots=[(0.0, 5.0, 0.0)], discipline=code, workers=40, replicas=2)
        for code in (0, BY_NAME[name].code)
    )
    one, two = (simulate(assemble([part], np.arange(40) * 3), tasks=True) for part in (fifo, other))
    assert same_trace(one, two) == ""


def test_busy_time_of_a_batch_is_that_of_a_worker():
    plan = assemble([batched(3, knots=[(0.0, 5.0, 0.0)])], np.array([0, 0, 0]), first_measured=1)
    trace = simulate(plan)
    assert (trace.busy_ns.tolist(), trace.tasks.tolist(), trace.batches.tolist()) == ([2], [2], [0, 0, 1])
