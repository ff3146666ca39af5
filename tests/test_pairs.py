"""Every pair of features is tested in one stage, or refused, and the reason stands here.

A feature that is new meets all others: without a way to have it, or with a pair that is neither, this fails.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from conftest import slow
from walk import Walk

from simulator.core.admission import behind_a_door
from simulator.core.assemble import StageParts, assemble
from simulator.core.breakers import Breaker
from simulator.core.caches import Cache
from simulator.core.classes import QueryClass, classified
from simulator.core.clients import sent_by_clients, simulated
from simulator.core.colocated import colocated
from simulator.core.failures import Failures
from simulator.core.features import Feature as F
from simulator.core.features import features_of
from simulator.core.hosted import hosted
from simulator.core.laws import Law
from simulator.core.outages import Outage
from simulator.core.plan import (
    CANCEL_RUNNING,
    LEAST_OUTSTANDING,
    LIFO,
    LOSE_QUEUED,
    OF_STAGE,
    PEAK_EWMA,
    PLUGGED,
    PLUGGED_LATENCY,
    PLUGGED_OUTSTANDING,
    Plan,
    Rule,
)
from simulator.core.retrying import with_patience
from simulator.core.scaling import HPA, Scaling, with_scaling
from simulator.core.slowdowns import Slowdown
from simulator.core.sources import SourceParts
from simulator.core.trace import same_trace
from simulator.engines import compiled, reference

TWO = {"replicas": 2}
#: How a stage has a feature: of its parts; or of the plan, by the names of what ``assemble`` is given.
WAYS: dict[F, dict[str, Any]] = {
    F.DRAIN_CUT: {"drain_ns": 4},
    F.DRAWN_WORK: {"work_law": Law.exponential(1.0)},
    F.DRAWN_CANDIDATES: {"candidates": Law.uniform(1.0, 9.0)},
    F.CLASS_CANDIDATES: {"by_class": [Law.none(), Law.uniform(1.0, 12.0)]},
    F.DRAWN_TIME: {"time": Law.exponential(3.0)},
    F.DRAWN_TASK: {"task": Law.exponential(1.0)},
    F.DRAWN_RESPONSE: {"response": Law.uniform(1.0, 6.0)},
    F.DRAWN_MACHINES: {"machine_factor": 1.5},
    F.HASHED: {"hashed": True},
    F.SENDING: {"send_ns": 1},
    F.FAN_OUT: {"visits": Law.uniform(0.5, 3.5), "key": Law.uniform(0.0, 5.0)},
    F.REPLICAS: {**TWO, "by_query": True},
    F.ROUTING_BY_SHARD: {**TWO, "by_query": False},
    F.ROUTING_BY_LOAD: {**TWO, "policy": LEAST_OUTSTANDING},
    F.ROUTING_BY_LATENCY: {**TWO, "policy": PEAK_EWMA, "decay_ns": 20},
    F.ROUTING_PLUGGED: {**TWO, "policy": PLUGGED},
    F.CLIENTS: {"clients": 3, "think": Law.exponential(9.0)},
    F.BALANCERS: {**TWO, "balancers": 2},
    F.UNEVEN_REPLICAS: {**TWO, "by_query": False, "left": [1, 2, 1]},
    F.WORKERS: {"workers": 2},
    F.THREADS: {"workers": 2, "threads": 2, "idle": 1},
    F.MERGERS: {"mergers": 1, "merge_ns": 3, "merge_per_response_ns": 1},
    F.BATCHING: {"max_size": 2, "max_wait_ns": 2},
    F.DISCIPLINE: {"discipline": LIFO},
    F.AFTER_ANSWER: {"after": Law.constant(3.0)},
    F.DRAWN_AFTER: {"after": Law.exponential(3.0)},
    F.INTERFERENCE: {"per_machine": 2, "workers": 2, "busy": [1.0, 1.5, 2.0], "spread": 0.5},
    F.SLOWDOWN: {
        "slowdowns": [
            Slowdown(Law.exponential(20.0), Law.constant(6.0)),
            Slowdown(Law.exponential(9.0), Law.exponential(9.0), 2.0, OF_STAGE),
        ]
    },
    F.OUTAGE: {"outages": [Outage(3, 22, 2, 0), Outage(12, 18, 2, 1, 1, 1), Outage(30, 41)]},
    F.AUTOSCALE: {"replicas": 3, "scaled": Scaling(HPA, 600_000, 1, 1, 3, 6, 3, tolerance=100_000, down_ns=12)},
    F.FAILURES: {"failures": Failures(Law.exponential(20.0), Law.exponential(5.0), LOSE_QUEUED, 2)},
    F.HEDGE: {**TWO, "by_query": False, "hedges": 1, "hedge_ns": 3, "cancels": CANCEL_RUNNING},
    F.TIED: {**TWO, "by_query": False, "hedges": 1, "hedge_ns": 0, "cancels": CANCEL_RUNNING, "cancel_ns": 2},
    F.LIMIT: {"limit": 0},
    F.DEADLINE: {"late": True},
    F.SHARING: {"sharing": True},
    F.BACKGROUND: {"background_gap": Law.exponential(9.0), "background_time": Law.exponential(5.0)},
    F.GATHER: {"wait_for": 2, "timeout_ns": 25, "then": 0.5, "cancels": CANCEL_RUNNING, "cancel_ns": 1},
    F.SHARED_REPLICAS: {"guests": True},
    F.COLOCATED: {"beside": True},
    F.SOURCES: {"sources": True},
    F.OPTIONAL: {"taken": 0.6},
    F.ADMISSION: {"most": 2, "per_s": 1e9 / 7, "burst": 2},
    F.CACHE: {"cache": Cache(2, 4, 0.8, 2)},
    F.ATTEMPTS: {
        "patience": {
            "timeout_ns": 15,
            "retries": 2,
            "pause": (4.0, 2.0, 9.0),
            "processes": 2,
            "limit": 3,
            "breaker": Breaker(400_000, 40, 6, 2),
        }
    },
}
OF_PLANS = ("drain_ns", "work_law", "machine_factor", "guests", "beside", "clients", "think", "most", "per_s", "burst")
OF_PLANS += ("patience", "scaled", "late")
#: What a source says in place of its stage; and two of them, of one shard and of two.
OF_SOURCES = ("candidates", "by_class", "time", "task", "hashed")
TWO_SOURCES = [
    SourceParts(candidates=Law.constant(4.0), knots=[(0.0, 1.0, 1.0)]),
    SourceParts(share=[0.4, 0.6], candidates=Law.constant(9.0), knots=[(0.0, 2.0, 0.25), (3.0, 2.75, 0.5)]),
]
#: Stages that run on it: one chooses a replica, and one goes where its query has been.
GUESTS = [
    StageParts(knots=[(0.0, 2.0, 0.5)], keep=5.0, response=Law.constant(1.0)),
    StageParts(knots=[(0.0, 1.0, 1.0)], follows=True),
]

#: A stage on its machines, which is slowed down by who is busy there.
BESIDE = StageParts(share=[0.5, 0.5, 0.0], knots=[(0.0, 1.0, 0.5)], busy=[1.0, 1.5, 2.0])

#: Pairs that no stage may have, and why: what ``assemble`` says, or that one takes the other's place.
REFUSED = {
    frozenset({F.BATCHING, F.DISCIPLINE}): "batches are made in the order of arrival",
    frozenset({F.BATCHING, F.DRAWN_TIME}): "of a batch the time follows from its items",
    frozenset({F.THREADS, F.DRAWN_TIME}): "what several workers do follows from its items",
    frozenset(
        {F.DRAWN_TIME, F.DRAWN_TASK}
    ): "",  # a law of the whole time has the spread itself: the factor is not used
    frozenset({F.HEDGE, F.TIED}): "",  # copies are sent at once, or later
    frozenset({F.BACKGROUND, F.BATCHING}): "what a replica does besides is not served with tasks of queries",
    frozenset({F.SHARING, F.DISCIPLINE}): "where tasks share there is no queue",
    frozenset({F.SHARING, F.LIMIT}): "where tasks share there is no queue",
    frozenset({F.SHARING, F.BATCHING}): "tasks that share are not served in batches",
    frozenset({F.SHARING, F.THREADS}): "a task that shares does not take several workers at once",
    frozenset({F.SHARING, F.AFTER_ANSWER}): "a task that shares is over with its answer",
    frozenset({F.SHARING, F.DRAWN_AFTER}): "a task that shares is over with its answer",
    frozenset({F.SHARING, F.INTERFERENCE}): "tasks that share are slowed down by each other alone",
    frozenset({F.SHARING, F.SLOWDOWN}): "tasks that share are slowed down by each other alone",
    frozenset({F.BACKGROUND, F.SHARED_REPLICAS}): "what a replica does besides is known where one stage runs",
    frozenset({F.BACKGROUND, F.FAILURES}): "what a replica does besides is not lost",
    frozenset({F.FAILURES, F.SHARED_REPLICAS}): "a crash is known where one stage runs",
    frozenset({F.SHARING, F.SHARED_REPLICAS}): "who shares workers with whom is counted stage by stage",
    frozenset({F.SHARING, F.FAILURES}): "tasks that share do not crash",
    frozenset({F.SHARING, F.COLOCATED}): "workers that tasks share are not counted as busy",
    frozenset({F.AUTOSCALE, F.SHARING}): "workers that tasks share are not counted as busy",
    frozenset({F.AUTOSCALE, F.BACKGROUND}): "what a replica does besides it does all the time",
    frozenset({F.AUTOSCALE, F.SHARED_REPLICAS}): "it is one stage whose load is looked at",
    frozenset({F.AUTOSCALE, F.TIED}): "tied copies go to replicas of their own",
    frozenset({F.ATTEMPTS, F.DEADLINE}): "whose deadline has passed is not sent again",
    frozenset({F.SHARING, F.TIED}): "tied copies wait for each other, and nobody waits",
}
PAIRS = [frozenset(pair) for pair in combinations(F, 2)]
#: A third of them in CI; every one in `make verify`.
LEFT_OUT = {pair for place, pair in enumerate(PAIRS) if place % 5}


def last_of(replicas: int, seen: Any, turn: int, u: float, v: float) -> int:
    """A user's rule: the last replica, whatever it sees."""
    return replicas - 1


def plan_of(pair: frozenset[F]) -> Plan:
    """Twelve queries, three shards, with both features."""
    ways = {key: value for feature in sorted(pair, key=lambda one: one.value) for key, value in WAYS[feature].items()}
    given = {key: ways.pop(key) for key in OF_PLANS if key in ways}
    if F.ROUTING_PLUGGED in pair:
        policy = PLUGGED_OUTSTANDING if F.ROUTING_BY_LOAD in pair else PLUGGED
        policy = PLUGGED_LATENCY if F.ROUTING_BY_LATENCY in pair else policy
        ways |= {"policy": policy, "rule": Rule("mine:last", last_of)}
    if F.SOURCES in pair:
        own = {key: ways.pop(key) for key in OF_SOURCES if key in ways}
        ways["sources"] = [replace(one, **own) for one in TWO_SOURCES]
    part = StageParts(**{"candidates": Law.constant(9.0), "share": [0.2, 0.3, 0.5], "knots": [(0.0, 1.0, 1.0)], **ways})
    parts = [part, *(hosted(one, part, 0) for one in GUESTS if "guests" in given)]
    if "beside" in given:
        parts.append(colocated(replace(BESIDE, replicas=part.replicas, per_machine=part.per_machine), part, 0))
    if F.OPTIONAL in pair:  # who passes the first stage by hands none on, and has been nowhere
        parts[1:] = [replace(one, candidates=Law.constant(5.0), follows=False, taken=0.7) for one in parts[1:]]
    if F.CACHE in pair:  # who hits in the first stage has been nowhere
        parts[1:] = [replace(one, follows=False, cache=Cache(2, 5, 0.0)) for one in parts[1:]]
    given = {key: value for key, value in given.items() if key not in ("guests", "beside")}
    if "machine_factor" in given:
        factors = np.linspace(1.0, given["machine_factor"], 3 * part.replicas)
        given["machine_factor"] = np.tile(factors, len(parts))  # a stage of as many replicas each
    work = np.linspace(0.5, 1.5, 12) if "work_law" in given else None
    closed = {key: given.pop(key) for key in ("clients", "think") if key in given}
    patience, _ = given.pop("patience", None), given.pop("late", None)
    door = {key: given.pop(key) for key in ("most", "per_s", "burst") if key in given}
    scaled = given.pop("scaled", None)
    plan = assemble(parts, np.arange(12) * 4, work, seed=3, first_measured=2, **given)
    if pair & {F.CLASS_CANDIDATES, F.DEADLINE}:
        late = {"deadline_ns": 11, "drops": True} if F.DEADLINE in pair else {}
        plan = classified(plan, [QueryClass(), QueryClass(share=2.0, **late)], np.arange(12) // 2 % 2)
    plan = behind_a_door(plan, **door) if door else plan
    plan = sent_by_clients(plan, **closed) if closed else plan
    plan = plan if patience is None else with_patience(plan, **patience)
    return with_scaling(plan, 0, replace(scaled, most=part.replicas)) if scaled is not None else plan


def test_every_feature_has_a_way():
    assert set(WAYS) == set(F)
    assert REFUSED.keys() <= set(PAIRS)


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(pair, id="+".join(sorted(f.name for f in pair)), marks=[slow] * (pair in LEFT_OUT))
        for pair in PAIRS
        if pair not in REFUSED
    ],
)
def test_a_pair_is_the_same_on_every_walk(pair):
    plan = plan_of(pair)
    assert pair <= features_of(plan, 0)
    expected = reference.simulate(plan, tasks=True)
    assert list(expected.verify(simulated(plan, expected))) == []
    for way in ((), (0,)):
        assert same_trace(compiled.simulate(plan, tasks=True, event_by_event=way), expected) == "", way
    assert same_trace(compiled.simulate(plan), expected, without_tasks=True) == "", "in lockstep where that may be"
    if F.ROUTING_PLUGGED not in pair:  # the walk knows no rules of users
        assert same_trace(Walk(plan).trace(), expected) == ""


@pytest.mark.parametrize(("pair", "reason"), [(pair, reason) for pair, reason in REFUSED.items() if reason])
def test_a_pair_that_is_refused_says_why(pair, reason):
    with pytest.raises(AssertionError, match=reason):
        plan_of(pair)


def test_a_law_of_times_takes_the_place_of_a_factor():
    both, alone = plan_of(frozenset({F.DRAWN_TIME, F.DRAWN_TASK})), plan_of(frozenset({F.DRAWN_TIME}))
    assert same_trace(reference.simulate(both, tasks=True), reference.simulate(alone, tasks=True)) == ""
