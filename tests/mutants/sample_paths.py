"""Checks of engines and of what happens to queries: laws of groups E and S."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from attempt_plans import apart, attempt_plans, guarded_plans, in_step
from closed_plans import closed_plans
from door_plans import door_plans
from held import Broken, drawn, law
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from mixed_batches import mixed_plans
from scaled_plans import scaled_plans
from stale_events import Disturbed
from walk import Walk

from simulator.core import draws
from simulator.core.assemble import StageParts, assemble
from simulator.core.caches import Cache
from simulator.core.classes import QueryClass, classified
from simulator.core.clients import simulated
from simulator.core.colocated import colocated
from simulator.core.hosted import hosted
from simulator.core.laws import Law, sampling
from simulator.core.plan import CANCEL_RUNNING, LEAST_OUTSTANDING, NEVER_NS, NONE, ROLES, TASK, TIME, Plan, frozen
from simulator.core.retrying import with_patience
from simulator.core.routing import view_of
from simulator.core.scaling import CONCURRENCY, Scaling, with_scaling
from simulator.core.trace import same_trace
from simulator.core.violations import INVARIANTS
from simulator.engines import compiled, reference
from simulator.engines.compiled import run
from simulator.testing import plans as plans_of_all
from simulator.verification.engines import difference

#: Plans whose workers leave each other alone, and whose queries take all stages.
plans = partial(
    plans_of_all,
    optional=False,
    caches=False,
    neighbours=False,
    slowdowns=False,
    failures=False,
    outages=False,
    limits=False,
    fan_outs=False,
    sharing=False,
    background=False,
    guests=False,
    colocated=False,
)

#: Stages that serve task after task in the order of arrival.
PLAIN = {"batches": 1, "disciplines": ["fifo"], "hedges": False}
#: Tasks of a block: so few that a small plan takes several.
BLOCKS = (1, 5, 30, run.TASKS_AT_ONCE)


def agree_on(of: st.SearchStrategy[Plan], examples: int = 200) -> None:
    """Both engines give the same trace of drawn plans."""

    @drawn(examples)
    @given(of)
    def agree(plan):
        with law("E1"):
            column = difference(plan)
            assert column == "", f"the engines differ in {column}"

    agree()


def walk_as_on(of: st.SearchStrategy[Plan], examples: int = 200) -> None:
    """The walk gives the trace of the reference engine, of drawn plans."""

    @drawn(examples)
    @given(of)
    def agree(plan):
        with law("E8"):
            column = same_trace(reference.simulate(plan, tasks=True), Walk(plan).trace())
            assert column == "", f"the engine and the walk differ in {column}"

    agree()


def hold_on(of: st.SearchStrategy[Plan], examples: int = 200) -> None:
    """Every invariant of a trace holds, of drawn plans."""

    @drawn(examples)
    @given(of)
    def hold(plan):
        trace = reference.simulate(plan, tasks=True)
        for violation in trace.verify(simulated(plan, trace)):
            raise Broken(INVARIANTS[violation.number].law, str(violation))

    hold()


def agree_in_blocks(of: st.SearchStrategy[Plan], blocks: Sequence[int], examples: int) -> None:
    """Both engines give the same trace of drawn plans, however many queries have their luck drawn at once."""

    @drawn(examples)
    @given(of, st.sampled_from(blocks))
    def agree(plan, block):
        run.TASKS_AT_ONCE = block
        with law("E1"):
            column = difference(plan)
            assert column == "", f"the engines differ in {column}"

    agree()


def engines_agree() -> None:
    """test_engines_agree.py: however it is walked, the same sample path."""
    small = plans(stages=2, shards=1, replicas=1, afters=False, hedges=False)
    agree_in_blocks(plans(gathers=False, afters=False, hedges=False) | small, BLOCKS, 200)


def ahead_agree() -> None:
    """The same, of stages that look ahead, and draw the luck of many queries at once."""
    of = plans(stages=2, queries=st.integers(4, 12), gathers=False, afters=False, **PLAIN)
    agree_in_blocks(of, BLOCKS[1:], 300)


def same_work_agree() -> None:
    """The same, where work is known from the last query: of later stages that are handed fewer candidates."""
    narrow = {**PLAIN, "optional": True, "gathers": False, "afters": False}
    agree_in_blocks(plans(stages=3, queries=st.integers(4, 12), **narrow), BLOCKS[:1], 400)


def same_items_agree() -> None:
    """And of stages that serve several tasks together, by their items."""
    narrow = {"gathers": False, "afters": False, "hedges": False}
    agree_in_blocks(plans(stages=1, queries=st.integers(4, 12), replicas=1, **narrow), BLOCKS[:1], 400)


def batches_agree() -> None:
    """test_engines_agree.py: the same, where tasks are served together."""
    agree_on(plans(stages=1, workers=1, batches=st.integers(2, 4), gathers=False, afters=False, hedges=False))


def batches_hold(examples: int = 200) -> None:
    """test_engine.py: every invariant of a trace holds, where tasks are served together."""
    hold_on(plans(stages=1, workers=1, batches=st.integers(2, 4), gathers=False, afters=False, hedges=False), examples)


def batches_fit() -> None:
    """The same, and no batch is larger than any table of the plan knows."""

    @drawn(200)
    @given(plans(stages=1, workers=1, batches=st.integers(2, 4), gathers=False, afters=False, hedges=False))
    def fit(plan):
        with law("S3"):
            for violation in reference.simulate(plan, tasks=True).verify(plan):
                raise Broken(INVARIANTS[violation.number].law, str(violation))

    fit()


def batches_hold_in_many() -> None:
    """The same, of twice as many plans: for what few of them show."""
    batches_hold(400)


def orders_agree() -> None:
    """test_engines_agree.py: the same, where queues are not served in the order of arrival."""
    agree_on(plans(stages=1, replicas=1, workers=1, batches=1, disciplines=["lifo", "shortest"], gathers=False))


def orders_walk() -> None:
    """test_engine.py: the walk agrees, where queues are not served in the order of arrival."""
    walk_as_on(plans(stages=1, replicas=1, workers=1, batches=1, disciplines=["lifo", "shortest"], gathers=False))


#: Stages whose queues look at classes of queries.
CLASSED = plans(
    most_stages=2,
    replicas=1,
    workers=1,
    batches=1,
    disciplines=["priority", "edf"],
    **dict.fromkeys(("gathers", "classes", "deadlines"), False),
)


def classes_agree() -> None:
    """test_engines_agree.py: the same, where queues look at classes of queries."""
    agree_on(CLASSED)


def classes_walk() -> None:
    """test_engine.py: the walk agrees, where queues look at classes of queries."""
    walk_as_on(CLASSED)


def parts_agree() -> None:
    """test_engines_agree.py: the same, where stages do not wait for all of their answers."""
    agree_on(plans(most_stages=2, shards=st.integers(2, 4), gathers=True, afters=False, hedges=False), 600)


def parts_hold() -> None:
    """test_engine.py: every invariant of a trace holds, where stages do not wait for all of their answers."""
    hold_on(plans(stages=1, shards=st.integers(2, 4), gathers=True, afters=False, hedges=False))


def parts_walk() -> None:
    """test_engine.py: the walk agrees, where stages do not wait for all of their answers."""
    walk_as_on(plans(stages=1, shards=st.integers(2, 4), gathers=True, afters=False, hedges=False))


#: Nothing else that answers, services and places may have.
ALONE = dict.fromkeys(("gathers", "hedges", "neighbours", "slowdowns", "failures", "outages", "limits"), False)
#: Stages that send copies of tasks; alone, and with all else.
COPYING = plans(most_stages=2, replicas=st.integers(2, 3), hedges=True, gathers=False, batches=1, afters=False) | plans(
    stages=1, replicas=st.integers(2, 4), hedges=True
)


def copies_agree() -> None:
    """test_engines_agree.py: the same, where tasks without an answer are sent again."""
    agree_on(COPYING)


def again_agree() -> None:
    """test_engines_agree.py: the same, where copies are not tied."""
    agree_on(COPYING.filter(lambda plan: bool((plan.stages["hedge_ns"] > 0).all())))


def several_agree() -> None:
    """test_engines_agree.py: the same, where several copies of a task are sent in turn, and none is withdrawn."""
    several = plans(stages=1, replicas=3, **{**ALONE, "hedges": True})
    agree_on(
        several.filter(lambda plan: bool((plan.stages["hedge_ns"] > 0).all() and not plan.stages["cancels"].any())), 300
    )


def copies_hold() -> None:
    """test_engine.py: every invariant of a trace holds, where tasks without an answer are sent again."""
    hold_on(COPYING | CLOSING, 300)


#: Stages that may close before their copies are sent.
CLOSING = plans(stages=1, replicas=st.integers(2, 3), **{**ALONE, "gathers": True, "hedges": True})
#: A stage of which some shards have fewer replicas, each for itself.
UNEVEN = plans(stages=1, replicas=st.integers(2, 3), policies=["random", "round_robin"], outages=False, hedges=False)


def uneven_hold() -> None:
    """test_engine.py: every invariant of a trace holds, where shards have different numbers of replicas."""
    hold_on(UNEVEN.filter(lambda plan: bool(plan.stages[0]["uneven"] and not plan.stages[0]["by_query"])))


def copies_walk() -> None:
    """test_engine.py: the walk agrees, where tasks without an answer are sent again."""
    walk_as_on(COPYING)


#: Neither replicas that share anything, nor what else came with them.
APART = {"sharing": False, "background": False, "guests": False}

#: Stages whose machines hold several workers that slow each other down.
BESIDE = plans_of_all(
    most_stages=2,
    neighbours=True,
    outages=False,
    limits=False,
    failures=False,
    fan_outs=False,
    **APART,
)


def beside_agree() -> None:
    """test_engines_agree.py: the same, where workers of a machine slow each other down."""
    agree_on(BESIDE)


def beside_walk() -> None:
    """test_engine.py: the walk agrees, where workers of a machine slow each other down."""
    walk_as_on(BESIDE)


#: Stages of which something is slow now and then.
SLOW = plans_of_all(most_stages=2, slowdowns=True, failures=False, outages=False, limits=False)


def slow_agree() -> None:
    """test_engines_agree.py: the same, where something is slow now and then."""
    agree_on(SLOW)


def slow_walk() -> None:
    """test_engine.py: the walk agrees, where something is slow now and then."""
    walk_as_on(SLOW)


#: Stages whose replicas crash: alone, and with copies.
CRASHING = partial(
    plans_of_all, failures=True, limits=False, neighbours=False, slowdowns=False, outages=False, sharing=False
)
CRASHING = CRASHING(most_stages=2, replicas=2) | CRASHING(stages=1, replicas=3, hedges=True, fan_outs=False)


def crashes_agree() -> None:
    """test_engines_agree.py: the same, where replicas crash."""
    agree_on(CRASHING, 120)


def crashes_hold() -> None:
    """test_engine.py: every invariant of a trace holds, where replicas crash."""
    hold_on(CRASHING, 120)


def crashes_walk() -> None:
    """test_engine.py: the walk agrees, where replicas crash."""
    walk_as_on(CRASHING, 120)


#: Stages of which replicas are out for a while: alone, and with copies.
OUT = partial(
    plans_of_all, outages=True, limits=False, neighbours=False, slowdowns=False, failures=False, sharing=False
)
OUT = OUT(most_stages=2) | OUT(stages=1, replicas=3, hedges=True)


def out_agree() -> None:
    """test_engines_agree.py: the same, where replicas are out for a while."""
    agree_on(OUT)


def out_hold() -> None:
    """test_engine.py: every invariant of a trace holds, where replicas are out for a while."""
    hold_on(OUT)


def out_walk() -> None:
    """test_engine.py: the walk agrees, where replicas are out for a while."""
    walk_as_on(OUT)


#: Stages whose queues may be full: alone, and with copies.
FULL = plans_of_all(
    most_stages=2, workers=1, limits=True, neighbours=False, slowdowns=False, failures=False, outages=False
)
FULL |= plans_of_all(
    stages=1, replicas=3, limits=True, hedges=True, neighbours=False, slowdowns=False, failures=False, outages=False
)


#: Routing that is fed by latency, of few stages; those that withdraw tasks.
HEARD = plans(
    most_stages=1,
    most_queries=40,
    policies=["peak_ewma"],
    replicas=2,
    shards=1,
    hedges=False,
    gathers=False,
    afters=False,
)
HEARD_LESS = plans(most_stages=1, most_queries=40, policies=["peak_ewma"], replicas=3, hedges=True, afters=False)


RANKED_BY_THEM = plans(most_stages=1, most_queries=40, policies=["c3"], replicas=3, workers=1, afters=False)


def ranks_walk() -> None:
    """What ranks are made of is what the walk makes them of."""
    walk_as_on(RANKED_BY_THEM)


def ranks_agree() -> None:
    """Both engines make the same ranks."""
    agree_on(RANKED_BY_THEM)


def heard_walk() -> None:
    """What is heard of replicas is what the walk hears."""
    walk_as_on(HEARD)


def heard_less_walk() -> None:
    """The same where tasks are withdrawn, and copies sent."""
    walk_as_on(HEARD_LESS, 300)


def heard_agree() -> None:
    """Both engines hear the same, and know who is withdrawn."""
    agree_on(HEARD_LESS)


#: Stages of which a query visits some shards: alone, and with answers that are not waited for.
VISITING = plans_of_all(
    most_stages=2,
    shards=st.integers(2, 5),
    fan_outs=True,
    batches=1,
    hedges=False,
    afters=False,
    neighbours=False,
    slowdowns=False,
    failures=False,
    outages=False,
    limits=False,
    **APART,
)
#: And those among them that look ahead.
VISITING |= plans_of_all(
    stages=1,
    shards=st.integers(2, 5),
    fan_outs=True,
    neighbours=False,
    slowdowns=False,
    failures=False,
    outages=False,
    limits=False,
    gathers=False,
    caches=False,
    optional=False,
    afters=False,
    **PLAIN,
    **APART,
)


def visits_agree() -> None:
    """test_engines_agree.py: the same, where queries leave shards out."""
    agree_on(VISITING)


def visits_walk() -> None:
    """test_engine.py: the walk agrees, where queries leave shards out."""
    walk_as_on(VISITING)


def visits_again_agree() -> None:
    """Both engines save as much for copies, where one task in three is sent of the first ones."""
    part = StageParts(
        share=[0.2, 0.3, 0.5],
        candidates=Law.constant(10.0),
        knots=[(0.0, 1.0, 1.0)],
        visits=Law.constant(1.0),
        replicas=2,
        hedges=1,
        hedge_ns=1,
        budget=500_000,
    )
    agree_on(st.just(assemble([part], np.arange(400) * 60)), 1)


#: Stages whose tasks share the workers of their replica: alone, and with copies and answers that are not needed.
SHARED = plans_of_all(most_stages=1, most_queries=8, shards=1, sharing=True, gathers=False, hedges=False, outages=False)
SHARED |= plans_of_all(stages=1, replicas=2, sharing=True, gathers=True, hedges=None, outages=False)


def shared_agree() -> None:
    """test_sharing.py: both engines say the same of tasks that share."""
    agree_on(SHARED)


def shared_hold() -> None:
    """test_sharing.py: every invariant of a trace holds, where tasks share."""
    hold_on(SHARED)


def shared_walk() -> None:
    """test_sharing.py: the walk agrees, where tasks share."""
    walk_as_on(SHARED)


def shared_stale() -> None:
    """test_sharing.py: what was to be done changes nothing when something else is done before."""

    @drawn(100)
    @given(SHARED)
    def changes_nothing(plan):
        with law("E9"):
            column = same_trace(Disturbed(plan, 1).trace(), reference.simulate(plan, tasks=True))
            assert column == "", f"with stale events {column} differs"

    changes_nothing()


#: Stages that run at the replicas of the first one: with batches, with answers that are not needed, with slow times.
GUESTS = plans(stages=2, shards=st.integers(1, 3), replicas=2, guests=True, hedges=False)
GUESTS |= plans(stages=2, shards=1, replicas=1, workers=1, guests=True, batches=2, gathers=True, afters=False)
GUESTS |= plans_of_all(stages=2, shards=st.integers(1, 3), replicas=2, guests=True, hedges=False, outages=False)


def guests_agree() -> None:
    """test_runs_on.py: both engines say the same of stages that share replicas."""
    agree_on(GUESTS)


def guests_hold() -> None:
    """test_runs_on.py: every invariant of a trace holds, where stages share replicas."""
    hold_on(GUESTS)


def guests_walk() -> None:
    """test_runs_on.py: the walk agrees, where stages share replicas."""
    walk_as_on(GUESTS)


#: Stages on the machines of the first one, that slow each other down, or are slow together.
COLOCATED = partial(plans_of_all, colocated=True, sharing=False, outages=False, limits=False)
COLOCATED = COLOCATED(stages=2, neighbours=True, failures=False) | COLOCATED(stages=2, slowdowns=True, guests=False)


def colocated_agree() -> None:
    """test_colocated.py: both engines say the same of stages that share machines."""
    agree_on(COLOCATED)


def colocated_walk() -> None:
    """test_colocated.py: the walk agrees, where stages share machines."""
    walk_as_on(COLOCATED)


def who_is_beside_is_seen() -> None:
    """test_colocated.py: a stage that nobody slows down is seen by one on its machines that is."""
    home = StageParts(candidates=Law.constant(1.0), knots=[(0.0, 10.0, 0.0)])
    beside = colocated(StageParts(knots=[(0.0, 10.0, 0.0)], busy=[1.0, 1.5]), home, 0)
    with law("E1"):
        column = difference(assemble([home, beside], np.arange(0, 60, 5)))
        assert column == "", f"the engines differ in {column}"


#: A query chooses its replica at random, and its fetch goes where there is least: for one of three balancers.
ASIDE = StageParts(candidates=Law.constant(1.0), replicas=2, balancers=3, knots=[(0.0, 4.0, 0.0)])
FETCH = hosted(StageParts(knots=[(0.0, 2.0, 0.0)], policy=LEAST_OUTSTANDING), ASIDE, 0)


#: Funnels of stages that some queries pass by; those of which all look ahead among them.
OPTIONAL = plans_of_all(stages=3, optional=True, sharing=False, failures=False) | plans_of_all(
    **{"stages": 3, **ALONE, "optional": True, "batches": 1, "sharing": False, "background": False, "guests": False},
    colocated=False,
    disciplines=["fifo"],
    policies=["random", "round_robin"],
)


def optional_agree() -> None:
    """test_optional.py: both engines say the same where some queries pass a stage by."""
    agree_on(OPTIONAL, 60)


def optional_hold() -> None:
    """test_optional.py: every invariant of a trace holds, where some queries pass a stage by."""
    hold_on(OPTIONAL, 60)


def optional_walk() -> None:
    """test_optional.py: the walk agrees, where some queries pass a stage by."""
    walk_as_on(OPTIONAL, 60)


#: Stages with caches, which look ahead or do not; and with all else.
QUICK = {**ALONE, "batches": 1, "sharing": False, "background": False, "guests": False, "colocated": False}
CACHED = plans_of_all(stages=2, queries=12, caches=True) | plans_of_all(
    **{"stages": st.integers(1, 3), "caches": True, **QUICK}, disciplines=["fifo"], policies=["random"]
)


def caches_agree() -> None:
    """test_caches.py: both engines say the same of stages with caches."""
    agree_on(CACHED)


def merged_before_looked_up() -> None:
    """test_caches.py: of queries that come at once, the later ones find in the second stage what the first put in."""
    behind = StageParts(knots=[(0.0, 1.0, 0.0)], mergers=1, merge_ns=1, cache=Cache(1, 1, is_cold=True))
    plan = assemble([StageParts(candidates=Law.constant(1.0), knots=[(0.0, 3.0, 0.0)]), behind], np.zeros(6, np.int64))
    with law("E1"):
        column = difference(plan)
        assert column == "", f"the engines differ in {column}"


def caches_hold() -> None:
    """test_caches.py: every invariant of a trace holds, of stages with caches."""
    hold_on(CACHED)


def caches_walk() -> None:
    """test_caches.py: the walk agrees, of stages with caches."""
    walk_as_on(CACHED)


def mixed_agree() -> None:
    """test_runs_on.py: both engines say the same of batches from queues that hold tasks of two stages."""
    agree_on(mixed_plans())


def balancers_are_the_owners() -> None:
    """test_runs_on.py: whoever sends a query sends its fetch."""
    plan = assemble([ASIDE, FETCH], np.arange(50))
    with law("S6"):
        for query in range(50):
            one, two = (int(view_of(plan.stages, plan.run_row(), query, stage)) for stage in (0, 1))
            assert one == two, f"query {query} is of another balancer when it fetches"


def owners_are_counted() -> None:
    """test_runs_on.py: whoever looks at the load sees the owner's tasks."""
    plan = assemble([ASIDE, FETCH], np.arange(50))
    with law("S6"):
        assert plan.stages["counts"].tolist() == [LEAST_OUTSTANDING] * 2, "the owner's tasks are not counted"


def full_agree() -> None:
    """test_engines_agree.py: the same, where queues may be full."""
    agree_on(FULL)


def full_hold() -> None:
    """test_engine.py: every invariant of a trace holds, where queues may be full."""
    hold_on(FULL)


#: Stages that send copies to replicas that may refuse them.
FULL_COPIES = plans_of_all(
    stages=1,
    replicas=st.integers(3, 4),
    workers=1,
    batches=1,
    hedges=True,
    limits=True,
    gathers=False,
    afters=False,
    neighbours=False,
    slowdowns=False,
    failures=False,
    outages=False,
)


def full_copies_walk() -> None:
    """test_engine.py: the walk agrees, where copies may be refused."""
    walk_as_on(FULL_COPIES, 600)


def full_walk() -> None:
    """test_engine.py: the walk agrees, where queues may be full."""
    walk_as_on(FULL)


#: Stages whose workers stay taken: some of their tasks are stopped, or served together.
LONGER = plans(most_stages=2, afters=True, hedges=False) | plans(
    stages=1, shards=2, afters=True, gathers=True, hedges=False
)
BATCHED = plans(stages=1, shards=1, workers=1, batches=st.integers(2, 4), afters=True, **ALONE)


#: Stages whose shards are those of several sources.
OF_SOURCES = {"sources": True, "classes": False, "deadlines": False}
SOURCED = (
    plans_of_all(most_stages=2, shards=3, **OF_SOURCES)
    | plans(stages=1, shards=6, **OF_SOURCES, **PLAIN)
    | plans(stages=1, shards=3, hedges=True, **OF_SOURCES)
    | plans(stages=1, shards=2, batches=3, hedges=False, **OF_SOURCES)
)


def sources_agree() -> None:
    """test_engines_agree.py: the same, where a stage has several sources."""
    agree_on(SOURCED)


def sources_hold() -> None:
    """test_engine.py: every invariant of a trace holds, where a stage has several sources."""
    hold_on(SOURCED)


def sources_walk() -> None:
    """test_engine.py: the walk agrees, where a stage has several sources."""
    walk_as_on(SOURCED, 400)


#: Whose stages close with all of their answers.
WHOLE = dict.fromkeys(("gathers", "fan_outs", "limits", "failures", "optional", "caches", "guests", "is_cut"), False)
BROUGHT = (
    plans_of_all(most_stages=2, classes=True)
    | plans(stages=2, classes=True, **PLAIN)
    | plans(stages=1, queries=6, classes=True, **PLAIN, **WHOLE)
)


def brought_agree() -> None:
    """test_engines_agree.py: the same, where classes have candidates of their own."""
    agree_on(BROUGHT)


def brought_walk() -> None:
    """test_engine.py: the walk agrees, where classes have candidates of their own."""
    walk_as_on(BROUGHT)


DROPPED = plans_of_all(most_stages=2, deadlines=True, classes=True) | plans(
    most_stages=2, most_queries=24, replicas=1, workers=1, deadlines=True, classes=True, afters=False
)


def brought_by_hand() -> None:
    """unit/test_class_candidates.py: both engines keep what each query was scored on."""
    part = StageParts(candidates=Law.constant(9.0), by_class=[Law.none(), Law.constant(2.0)], knots=[(0.0, 0.0, 1.0)])
    plan = classified(assemble([part], np.arange(4) * 20), [QueryClass(), QueryClass()], [0, 1, 0, 1])
    with law("E1"):
        column = difference(plan)
        assert column == "", f"the engines differ in {column}"


def served_walk() -> None:
    """test_engine.py: the walk agrees, where some deadlines order alone."""
    walk_as_on(plans(stages=1, replicas=1, workers=1, disciplines=["edf"], gathers=False, limits=False), 400)


def dropped_sharing_agree() -> None:
    """test_engines_agree.py: the same, where tasks share and whoever is late is dropped."""
    agree_on(plans(stages=2, sharing=True, deadlines=True, classes=True, batches=1, most_queries=8), 300)


def dropped_agree() -> None:
    """test_engines_agree.py: the same, where whoever is late is dropped."""
    agree_on(DROPPED)


def dropped_walk() -> None:
    """test_engine.py: the walk agrees, where whoever is late is dropped."""
    walk_as_on(DROPPED)


def dropped_hold() -> None:
    """test_engine.py: every invariant of a trace holds, where whoever is late is dropped."""
    hold_on(DROPPED)


def longer_agree() -> None:
    """test_engines_agree.py: the same, where workers stay taken when their answers have gone."""
    agree_on(LONGER | plans(stages=1, shards=6, afters=True, gathers=False, **PLAIN), 400)


def longer_hold() -> None:
    """test_engine.py: every invariant of a trace holds, where workers stay taken when their answers have gone."""
    hold_on(LONGER | BATCHED, 400)


def longer_walk() -> None:
    """test_engine.py: the walk agrees, where workers stay taken when their answers have gone."""
    walk_as_on(LONGER)


def shortcuts_agree() -> None:
    """test_engines_agree.py: shards in lockstep against one by one, in the compiled engine alone."""

    @drawn(600)
    @given(plans(stages=1, shards=3, **PLAIN) | plans(stages=1, shards=3, replicas=1, workers=1, is_cut=True, **PLAIN))
    def agree(plan):
        column = same_trace(compiled.simulate(plan), compiled.simulate(plan, tasks=True), without_tasks=True)
        with law("E2"):
            assert column == "", f"in lockstep and one by one differ in {column}"

    agree()


def walks_agree() -> None:
    """test_engine.py: the reference engine agrees with an independent walk."""
    walk_as_on(plans(hedges=False), 120)


def invariants_hold() -> None:
    """test_engine.py: every invariant of a trace holds."""
    hold_on(plans(hedges=False), 120)


def what_is_stale_does_not_happen() -> None:
    """test_engines_agree.py: events of copies that are no more change nothing."""

    @drawn(60)
    @given(plans(hedges=False), st.integers(1, 30))
    def changes_nothing(plan, most):
        with law("E9"):
            column = same_trace(Disturbed(plan, most).trace(), reference.simulate(plan, tasks=True))
            assert column == "", f"with stale events {column} differs"

    changes_nothing()


def a_replica_is_a_list() -> None:
    """test_replica_machine.py: queue and workers of a replica, event by event."""
    from replica_machine import ReplicaMachine

    with law("E6"):
        run_state_machine_as_test(ReplicaMachine, settings=settings(drawn(60), stateful_step_count=20))


def random_numbers_are_those_of_their_names() -> None:
    """unit/test_draws.py: known answers of Philox4x32-10 (Salmon et al., SC 2011)."""
    ones = 0xFFFFFFFF
    with law("E7"):
        for counter, key, known in (
            ([0] * 4, [0] * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
            ([ones] * 4, [ones] * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        ):
            found = draws.philox(*map(np.uint64, (*counter, *key)))
            assert tuple(map(int, found)) == known, f"counter {counter}: {found}"


def time_in_a_stage_adds_up() -> None:
    """Little: what answers take together is what replicas count as waiting and service; nothing else takes time."""
    plan = assemble([StageParts([0.5, 0.5], candidates=Law.constant(1.0), time=Law.exponential(5.0))], np.arange(50))
    for simulate in (reference.simulate, compiled.simulate):
        trace = simulate(plan)
        answers, replicas = trace.answer_sum_ns.sum(), trace.waiting_ns.sum() + trace.busy_ns.sum()
        with law("S7"):
            assert answers == replicas, f"answers took {answers} ns, replicas count {replicas} ns"


def service_times_are_worked_out_anew() -> None:
    """The service time of every task from its items, its machine and its luck, in plain numbers."""

    @drawn(100)
    @given(plans(**PLAIN))
    def hold(plan):
        table = reference.simulate(plan, tasks=True).task_table.grid(plan)
        trace = reference.simulate(plan)
        for stage, row in enumerate(plan.stages):
            source = plan.sources[row["first_source"]]
            if source["hashed"] or row["sources"] > 1:
                continue
            knots = slice(int(source["first_knot"]), int(source["first_knot"] + source["knots"]))
            steps = list(zip(plan.knot_items[knots], plan.knot_ns[knots], plan.knot_slope[knots], strict=True))
            is_timed = plan.laws[stage * ROLES + TIME]["kind"] != NONE
            for query in range(plan.queries):
                for shard in range(int(row["shards"])):
                    column = int(row["first_shard"]) + shard
                    if table.finish_ns[query, column] < 0:
                        continue
                    items = trace.candidates[stage, query] * plan.share[column] * plan.work[query]
                    knot = [step for step in steps if step[0] <= items][-1]
                    alone = knot[1] + (items - knot[0]) * knot[2]
                    luck, _ = draws.uniforms(
                        plan.seed, plan.replication, draws.TASK, query, stage * draws.PLACES + shard, 0
                    )
                    law_row = stage * ROLES + (TIME if is_timed else TASK)
                    factor = sampling.quantile(plan.laws, plan.law_parts, plan.law_points, law_row, luck)
                    if is_timed:
                        alone, factor = alone + factor * plan.work[query], 1.0
                    slowness = plan.machine_factor[table.replica[query, column]]
                    expected = max(1, math.floor(alone * slowness * factor + 0.5))
                    served = table.finish_ns[query, column] - table.start_ns[query, column]
                    with law("S8"):
                        assert abs(served - expected) <= 1e-9 * expected, f"served in {served}, {expected} anew"

    hold()


def time_has_no_origin() -> None:
    """All arrivals later by d, everything later by d."""

    @drawn(100)
    @given(plans(hedges=False) | plans(stages=1, shards=6, replicas=1, workers=1))
    def hold(plan):
        late = dataclasses.replace(plan, arrival_ns=frozen(plan.arrival_ns + 1_000_003))
        for simulate in (reference.simulate, compiled.simulate):
            now, then = simulate(plan), simulate(late)
            with law("S19"):
                assert np.array_equal(np.where(now.leave_ns < 0, -1, now.leave_ns + 1_000_003), then.leave_ns), "leave"

    hold()


def a_cut_only_cuts() -> None:
    """What happens before the end of the drain happens as without it."""

    @drawn(120)
    @given(plans(hedges=False))
    def hold(plan):
        whole = compiled.simulate(dataclasses.replace(plan, drain_ns=NEVER_NS), tasks=True)
        cut = compiled.simulate(dataclasses.replace(plan, drain_ns=3), tasks=True)
        end_ns = int(plan.arrival_ns[-1]) + 3
        grids = [trace.task_table.grid(plan) for trace in (whole, cut)]
        with law("S20"):
            for name in ("start_ns", "finish_ns", "answer_ns"):
                before, after = (getattr(grid, name) for grid in grids)
                assert np.array_equal(np.where(before > end_ns, -1, before), after), name
        measured = grids[1].finish_ns[plan.first_measured :]
        with law("S20"):
            assert cut.tasks.sum() == (measured >= 0).sum(), "tasks are counted that finish after the end"

    hold()


def batched_parts_agree() -> None:
    """test_engines_agree.py: the same, where batches are stopped whose tasks nobody needs."""
    one = plans(stages=1, shards=2, replicas=1, workers=1, batches=2, gathers=True, afters=False, policies=["random"])
    agree_on(
        one.filter(lambda plan: plan.stages[0]["cancels"] == CANCEL_RUNNING and plan.stages[0]["wait_for"] == 1), 300
    )


def full_shards_agree() -> None:
    """test_engines_agree.py: the same, where some shards answer a query and others refuse it."""
    agree_on(plans_of_all(stages=1, shards=2, replicas=1, workers=1, **{**ALONE, "limits": True, "gathers": None}), 300)


def closed_copies_hold() -> None:
    """test_engine.py: every invariant of a trace holds, where a stage may close before its copies are sent."""
    hold_on(plans(stages=1, shards=2, replicas=2, workers=1, gathers=True, hedges=True, afters=False), 300)


#: Plans whose replicas have tasks of their own.
OWN = plans_of_all(stages=1, fan_outs=False, slowdowns=False, outages=False, background=True, is_cut=False)


#: The same, of few workers whose queues may be full.
OWN_LIMITED = plans_of_all(
    **{"stages": 1, "shards": 1, "replicas": 1, "workers": 1, **ALONE, "background": True, "limits": True}
)


#: Stages of one server that refuses who comes when it has been late for long.
LATE = plans(
    stages=1,
    shards=1,
    replicas=1,
    workers=1,
    limits=True,
    **dict.fromkeys(("gathers", "hedges", "afters", "classes", "deadlines"), False),
)


def late_agree() -> None:
    """test_engines_agree.py: both engines refuse the same who come late."""
    agree_on(LATE, 400)


def late_hold() -> None:
    """test_engine.py: every invariant of a trace holds, where a replica has been late for long."""
    hold_on(LATE, 400)


def late_walk() -> None:
    """test_engine.py: the walk refuses the same who come late."""
    walk_as_on(LATE, 400)


def own_limited_agree() -> None:
    """test_background.py: both engines refuse the same where replicas have tasks of their own."""
    agree_on(OWN_LIMITED, 300)


def own_limited_walk() -> None:
    """test_background.py: the walk refuses the same where replicas have tasks of their own."""
    walk_as_on(OWN_LIMITED, 300)


def own_agree() -> None:
    """test_background.py: both engines say the same where replicas have tasks of their own."""
    agree_on(OWN)


def own_hold() -> None:
    """test_background.py: every invariant of a trace holds, where replicas have tasks of their own."""
    hold_on(OWN)


def own_walk() -> None:
    """test_background.py: the walk agrees, where replicas have tasks of their own."""
    walk_as_on(OWN)


#: Plans whose clients wait, and of these such whose stages look ahead and merge.
EASY = {
    **dict.fromkeys(("neighbours", "slowdowns", "failures", "sharing", "background", "guests"), False),
    "hedges": False,
}
CLOSED = closed_plans(most_stages=2, most_queries=8, colocated=False, **EASY)
CLOSED_AHEAD = closed_plans(stages=1, most_queries=8, **{**PLAIN, **ALONE, **EASY, "colocated": False})


def closed_agree() -> None:
    """test_clients.py: both engines find the same arrivals of clients that wait."""
    agree_on(CLOSED, 60)


def closed_ahead_agree() -> None:
    """test_clients.py: the same, looking ahead."""
    agree_on(CLOSED_AHEAD, 100)


def closed_hold() -> None:
    """test_clients.py: every client comes when it has thought."""
    hold_on(CLOSED, 60)


def closed_walk() -> None:
    """test_clients.py: the walk finds the same arrivals of clients that wait."""
    walk_as_on(CLOSED, 60)


def closed_out_walk() -> None:
    """test_clients.py: the same, where replicas are out for a while."""
    walk_as_on(closed_plans(stages=1, most_queries=8, outages=True, colocated=False, **EASY), 100)


#: Plans with a door, and of these such whose stages look ahead.
SHEDDING = {"most_stages": 2, "most_queries": 8, "colocated": False, **EASY}
DOORS = door_plans(closed=False, **SHEDDING)
DOORS_AHEAD = door_plans(closed=False, stages=1, most_queries=8, **{**PLAIN, **ALONE, **EASY, "colocated": False})
CLOSED_DOORS = door_plans(closed=True, **SHEDDING)


def door_agree() -> None:
    """test_admission.py: both engines shed the same queries."""
    agree_on(DOORS, 100)


def door_ahead_agree() -> None:
    """test_admission.py: the same, looking ahead."""
    agree_on(DOORS_AHEAD, 100)


def door_closed_agree() -> None:
    """test_admission.py: the same, of clients that wait."""
    agree_on(CLOSED_DOORS, 100)


def door_hold() -> None:
    """test_admission.py: whoever finds too many in flight, or no token, is shed, and nobody else."""
    hold_on(DOORS, 100)


def door_closed_hold() -> None:
    """test_admission.py: the same, of clients that wait."""
    hold_on(CLOSED_DOORS, 100)


def door_walk() -> None:
    """test_admission.py: the walk sheds the same queries."""
    walk_as_on(DOORS, 100)


#: Plans whose clients try again, and of these such whose stages look ahead, and such behind a door.
RETRYING = attempt_plans(**SHEDDING)
RETRYING_AHEAD = attempt_plans(stages=2, most_queries=8, **{**PLAIN, **ALONE, **EASY, "colocated": False})


def attempts_agree() -> None:
    """test_attempts.py: both engines find the same attempts."""
    agree_on(RETRYING, 150)


def attempts_ahead_agree() -> None:
    """test_attempts.py: the same, looking ahead."""
    agree_on(RETRYING_AHEAD, 150)


def attempts_door_agree() -> None:
    """test_attempts.py: the same, behind a door."""
    agree_on(attempt_plans(door=True, **SHEDDING), 200)


def attempts_hold() -> None:
    """test_attempts.py: a query is sent again when it may be, and else never."""
    hold_on(RETRYING, 150)


def attempts_walk() -> None:
    """test_attempts.py: the walk finds the same attempts."""
    walk_as_on(RETRYING, 150)


def attempts_paid_walk() -> None:
    """test_attempts.py: the same, where retries are paid for."""
    walk_as_on(attempt_plans(door=False, paid=True, **{**SHEDDING, "most_stages": 1}), 150)


#: Plans some of whose stages are scaled.
SCALED = scaled_plans(
    **{
        "background": False,
        "sharing": False,
        **EASY,
        "colocated": False,
        "failures": False,
        "most_stages": 2,
        "most_queries": 10,
    }
)


def scaled_agree() -> None:
    """test_scaling.py: both engines find that as many replicas serve, and send tasks to the same."""
    agree_on(SCALED, 150)


def scaled_walk() -> None:
    """test_scaling.py: the walk finds that as many serve."""
    walk_as_on(SCALED, 150)


def scaled_open_walk() -> None:
    """test_scaling.py: the same, of open loads."""
    walk_as_on(
        scaled_plans(
            found=False,
            most_stages=1,
            **{"background": False, "sharing": False, **EASY, "colocated": False, "failures": False},
        ),
        300,
    )


def scaled_beside_own_agrees() -> None:
    """test_scaling.py: both engines find the same, where replicas of another stage have work of their own."""
    part = StageParts(candidates=Law.constant(1.0), knots=[(0.0, 10.0, 0.0)], replicas=3)
    own = {"background_gap": Law.exponential(15.0), "background_time": Law.constant(7.0)}
    plan = assemble([part, dataclasses.replace(part, replicas=1, **own)], np.arange(40) * 14, seed=3)
    looks = Scaling(CONCURRENCY, 1_000_000, begins=1, least=1, most=3, every_ns=40)
    plan = with_patience(with_scaling(plan, 0, looks), 32, 2, (4.0, 1.0, 4.0))
    with law("E1"):
        column = same_trace(compiled.simulate(plan, tasks=True), reference.simulate(plan, tasks=True))
        assert column == "", f"the engines differ in {column}"


def scaled_hold() -> None:
    """test_scaling.py: as many serve as the rules ask for, and nobody is sent to others."""
    hold_on(SCALED, 100)


#: Plans whose clients shed attempts themselves; and such behind a door.
KEPT_BACK = guarded_plans(**SHEDDING)


def processes_agree() -> None:
    """test_breakers.py: both engines shed the same attempts for clients."""
    agree_on(KEPT_BACK, 200)


def processes_hold() -> None:
    """test_breakers.py: a process sheds attempts by the rule alone."""
    hold_on(KEPT_BACK, 200)


def processes_door_hold() -> None:
    """test_breakers.py: the same, behind a door."""
    hold_on(guarded_plans(door=True, **SHEDDING), 200)


def processes_apart_hold() -> None:
    """test_breakers.py: the same, where attempts end as far apart as a window is long."""
    hold_on(apart(), 30)


def processes_walk() -> None:
    """test_breakers.py: the walk sheds the same attempts."""
    walk_as_on(KEPT_BACK, 200)


#: Plans whose clients wait, give up and try again.
GIVING_UP = attempt_plans(closed=True, **SHEDDING)


def waiting_agree() -> None:
    """test_closed_attempts.py: both engines find the same attempts of clients that wait."""
    agree_on(GIVING_UP, 200)


def waiting_in_step_agree() -> None:
    """test_closed_attempts.py: the same, where retries and thoughts end together."""
    agree_on(in_step(), 60)


def waiting_paid_hold() -> None:
    """test_closed_attempts.py: every client comes when it has thought, also where retries are paid for."""
    hold_on(attempt_plans(closed=True, door=False, paid=True, **SHEDDING), 150)


def waiting_walk() -> None:
    """test_closed_attempts.py: the walk finds the same attempts."""
    walk_as_on(GIVING_UP, 150)


#: Plans whose clients wait beside others.
OTHERS = closed_plans(beside=True, **SHEDDING)


def others_agree() -> None:
    """test_clients_beside.py: both engines find the same arrivals of both."""
    agree_on(OTHERS, 200)


def others_hold() -> None:
    """test_clients_beside.py: others come when the plan says, clients when they have thought."""
    hold_on(OTHERS, 200)


def others_paid_agree() -> None:
    """test_clients_beside.py: both engines find the same, where retries are paid for."""
    agree_on(attempt_plans(closed=True, beside=True, door=False, paid=True, **SHEDDING), 200)
