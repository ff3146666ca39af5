"""Strategies that draw plans with every feature of the schema, and traces; times are small: ties everywhere."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any, TypedDict, Unpack

import numpy as np
from hypothesis import strategies as st

from simulator.core import routing
from simulator.core.assemble import ONE, ZERO, StageParts, complete, lay_out
from simulator.core.classes import QueryClass, classified
from simulator.core.disciplines import BY_NAME
from simulator.core.hedging import FREE
from simulator.core.hosted import hosted, seats_of, sight
from simulator.core.laws import Law
from simulator.core.plan import C3, FIFO, NEVER_NS, PEAK_EWMA, Plan
from simulator.core.trace import Trace
from simulator.testing.strategies import classes, serving
from simulator.testing.strategies.laws import TIMES, among, factor_laws, laws
from simulator.testing.strategies.serving import KEPT, Size, either, patience, rooms, sized

#: What is forgotten soon, beside the times of a plan; by another policy, hardly ever.
DECAYS = {PEAK_EWMA: {"decay_ns": 40}, C3: {"decay_ns": 60, "clients": 2}}
POLICIES = {name: policy.code for name, policy in routing.BY_NAME.items()}
DISCIPLINES = {name: discipline.code for name, discipline in BY_NAME.items()}


class Narrowed(TypedDict, total=False):
    """What each stage of a plan is narrowed to; what is not said is drawn."""

    shards: Size  #: of a stage, a number or a strategy
    replicas: Size  #: of a shard
    workers: Size  #: of a replica
    policies: Sequence[str] | None  #: names of the routing policies among which is chosen
    batches: Size  #: tasks that a worker serves at once, at most; 1: no batches
    disciplines: Sequence[str] | None  #: names of the disciplines of queues among which is chosen
    gathers: bool | None  #: whether it may close without all of its answers; None: either
    afters: bool | None  #: whether workers stay taken when their answers have gone; None: either
    fan_outs: bool | None  #: whether queries may leave shards out; None: either
    neighbours: bool | None  #: whether busy workers of a machine slow each other down; None: either
    slowdowns: bool | None  #: whether something is slow now and then; None: either
    outages: bool | None  #: whether replicas are out for a while; None: either
    failures: bool | None  #: whether replicas crash now and then; None: either
    limits: bool | None  #: whether queues may be full; None: either
    sharing: bool | None  #: whether tasks share the workers of their replica, in place of a queue; None: either
    background: bool | None  #: whether replicas have tasks of their own; None: either
    guests: bool | None  #: whether stages run at the replicas of earlier ones; None: either
    colocated: bool | None  #: whether stages are on the machines of earlier ones; None: either
    hedges: bool | None  #: whether tasks without an answer are sent again, where there are replicas; None: either
    optional: bool | None  #: whether queries may pass it by; None: either
    caches: bool | None  #: whether it has a cache; None: either
    sources: bool | None  #: whether its shards are those of several sources, where it has two; None: either
    classes: bool | None  #: whether queries are of classes with candidates of their own; None: either
    deadlines: bool | None  #: whether those of a class may be dropped when they are late; None: either


@lru_cache(KEPT)
def shares(shards: Size = None) -> st.SearchStrategy[list[float]]:
    """Shares of so many shards, unless said of one to four, in sum 1; some may be 0."""
    counts = sized(shards, st.integers(1, 4))
    weights = counts.flatmap(lambda count: st.lists(st.integers(0, 4), min_size=count, max_size=count).filter(any))
    return weights.map(lambda given: [weight / sum(given) for weight in given])


@cache
@st.composite
def knots(draw: st.DrawFn) -> list[tuple[float, float, float]]:
    """Non-decreasing piecewise-linear costs with up to five pieces: one, a roofline, a sum, a measured table."""
    pieces = [(0.0, float(draw(TIMES)), float(draw(TIMES)))]
    for width in draw(st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0]), max_size=4)):
        items, cost, slope = pieces[-1]
        pieces.append((items + width, cost + width * slope, float(draw(TIMES))))
    return pieces


@cache
@st.composite
def replicas_left(draw: st.DrawFn, shards: int, replicas: int, by_query: bool) -> list[int]:
    """How many replicas each shard has, of those that it may have; of most stages all, and nothing is said."""
    if draw(st.integers(0, 2)) > 0:
        return []
    if by_query:
        return [replicas - 1] * shards
    return draw(st.lists(st.integers(1, replicas), min_size=shards, max_size=shards))


BOOLEANS, ONE_IN_FOUR, ONE_IN_THREE = st.booleans(), st.integers(0, 3), st.sampled_from([False, False, True])
UP_TO_TWO, UP_TO_THREE, ONE_OR_TWO, KEEPS = st.integers(0, 2), st.integers(1, 3), st.integers(1, 2), st.integers(0, 10)
SENDINGS = st.sampled_from([0, 0, 1, 2])
ALIKE, UNLIKE = st.just(1.0), st.sampled_from([1.0, 1.0, 0.5, 1.5])
WORKS = st.sampled_from([0.0, 0.5, 1.0, 1.0, 2.0])


@lru_cache(KEPT)
def _ways(times: st.SearchStrategy[int], is_constant: bool) -> dict[str, st.SearchStrategy[Any]]:
    """Laws of a stage by what they are of; ``is_constant``: those of a task are."""
    constants = times.map(lambda ns: Law.constant(float(ns)))
    pauses = times.map(lambda ns: Law.constant(4.0 * ns))
    own = st.one_of(laws(), st.integers(0, 12).map(lambda count: Law.constant(float(count))))
    return {
        "own": own,
        "candidates": st.one_of(st.just(Law.none()), own),
        "further": st.one_of(st.just([(0.0, 0.0, 0.0)]), knots()),
        "time": constants if is_constant else laws(),
        "response": constants if is_constant else st.one_of(st.just(ZERO), constants, laws()),
        "after": st.one_of(constants, constants if is_constant else laws()),
        "slow": serving.slownesses(st.one_of(pauses, laws())),
        "spells": st.one_of(pauses, laws(), st.just(Law.exponential(20.0))),
    }


@cache
def _orders(disciplines: tuple[str, ...] | None) -> st.SearchStrategy[int]:
    order = st.sampled_from(among(DISCIPLINES, disciplines, "discipline"))
    return st.one_of(st.just(FIFO), order) if disciplines is None else order


@cache
def _policies(policies: tuple[str, ...] | None) -> st.SearchStrategy[dict[str, Any]]:
    codes = among(POLICIES, policies, "policy")
    return st.sampled_from([{"policy": code, **DECAYS.get(code, {})} for code in codes])


@lru_cache(KEPT)
def _listed(strategy: st.SearchStrategy[Any], count: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(strategy, min_size=count, max_size=count)


#: What a stage has that is asked for it has with a queue, unless its workers are to be shared.
QUEUED = ("limits", "afters", "neighbours", "slowdowns", "failures")


def _features(
    draw: st.DrawFn, narrowed: Narrowed, ways: dict[str, Any], is_timed: bool, size: tuple[int, int, bool]
) -> tuple[dict[str, Any], bool]:
    """Of a stage of so many shards, replicas each, routed by query: what makes it more than plain, but what follows an
    answer; and whether that is drawn, too.
    """
    (shards, count, by_query), batches, disciplines = size, narrowed.get("batches"), narrowed.get("disciplines")
    is_batched = draw(ONE_IN_THREE) if batches is None else batches != 1
    batching = draw(serving.batchings(batches)) if is_batched and not is_timed else {}
    is_partial, is_longer = draw(either(narrowed.get("gathers"))), draw(either(narrowed.get("afters")))
    is_hedged = count > 1 and not by_query and draw(either(narrowed.get("hedges")))
    waits = draw(serving.gatherings(shards)) if is_partial else {}
    may_wait, is_choosy = narrowed.get("gathers") is not False, draw(either(narrowed.get("fan_outs"), 3))
    fans = draw(serving.fan_outs(shards, may_wait)) if is_choosy else {}
    copies = draw(serving.hedgings(shards, count)) if is_hedged else {}
    is_beside = draw(either(narrowed.get("neighbours")))
    is_slow = draw(either(narrowed.get("slowdowns"), 3))
    is_failing = draw(either(narrowed.get("failures"), 5))
    is_free = disciplines is None and batches is None and not any(narrowed.get(key) for key in QUEUED)
    is_shared = draw(either(narrowed.get("sharing", None if is_free else False), 7))
    if is_shared:  # there is no queue, and nothing else that slows tasks down
        batching, is_longer, is_beside, is_slow, is_failing = {}, False, False, False, False
        copies = {**copies, "hedge_ns": max(1, copies["hedge_ns"])} if copies else {}
    is_busy = draw(either(narrowed.get("background", None if is_free else False), 7)) and not batching
    limit, (target_ns, interval_ns) = draw(rooms(narrowed.get("limits"))), draw(patience(narrowed.get("limits")))
    queue = {"limit": limit, "target_ns": target_ns, "interval_ns": interval_ns}
    known_ns = copies["cancel_ns"] if copies and copies["hedge_ns"] == 0 else 1  # tied copies agree before
    failures = draw(serving.failings(ways["spells"], known_ns)) if is_failing and not is_busy else None
    order = FIFO if batching else draw(_orders(None if disciplines is None else tuple(disciplines)))
    more = {
        **batching,
        **({"sharing": True} if is_shared else {**queue, "discipline": order}),
        **(waits | fans | copies),
        **(draw(serving.backgrounds()) if is_busy else {}),
        **(draw(serving.interferences(shards, is_timed)) if is_beside else {}),
        "slowdowns": draw(ways["slow"]) if is_slow else (),
        "outages": draw(serving.outages(shards, count)) if draw(either(narrowed.get("outages"), 3)) else (),
        "failures": failures,
    }
    return more, is_longer


@st.composite
def stage_parts(
    draw: st.DrawFn,
    is_first: bool,
    times: st.SearchStrategy[int] = TIMES,
    **narrowed: Unpack[Narrowed],
) -> StageParts:
    """One stage with anything that the schema knows."""
    is_timed = draw(BOOLEANS)
    is_constant = draw(ONE_IN_FOUR) == 0  # nothing random a task: shards may be in lockstep
    ways = _ways(times, is_constant)
    share = draw(shares(narrowed.get("shards")))
    count, by_query = draw(sized(narrowed.get("replicas"), UP_TO_THREE)), draw(BOOLEANS)
    left = draw(replicas_left(len(share), count, by_query)) if count > 1 else ()
    more, is_longer = _features(draw, narrowed, ways, is_timed, (len(share), count, by_query))
    policies = narrowed.get("policies")
    part = StageParts(
        **more,
        share=share,
        taken=draw(serving.TAKEN_BY) if draw(either(narrowed.get("optional"), 4)) else 1.0,
        cache=draw(serving.caches(narrowed.get("caches"))),
        replicas=count,
        left=left,
        workers=draw(sized(narrowed.get("workers"), UP_TO_THREE)),
        knots=draw(ways["further"] if is_timed else knots()),
        time=draw(ways["time"]) if is_timed else Law.none(),
        task=ONE if is_timed or is_constant else draw(factor_laws()),
        machine=ONE,
        response=draw(ways["response"]),
        after=draw(ways["after"]) if is_longer else Law.none(),
        candidates=draw(ways["own"] if is_first else ways["candidates"]),
        hashed=False if is_constant else draw(BOOLEANS),
        keep=float(draw(KEEPS)),
        **draw(_policies(None if policies is None else tuple(policies))),
        balancers=draw(ONE_OR_TWO),
        by_query=by_query,
        request_ns=draw(times),
        send_ns=draw(SENDINGS),
        merge_ns=draw(times),
        merge_per_response_ns=draw(UP_TO_TWO),
        mergers=draw(UP_TO_TWO),
    )
    return serving.sourced(draw, part, narrowed.get("sources"), is_first, knots(), ways, is_constant)


def may_host(part: StageParts) -> bool:
    """Whether another stage may run at the replicas of this one."""
    is_plain = part.failures is None and not part.background_gap.kind
    return is_plain and not (part.sharing or part.sizes) and part.max_items == math.inf


@st.composite
def guests(
    draw: st.DrawFn,
    before: Sequence[StageParts],
    place: int,
    times: st.SearchStrategy[int],
    **narrowed: Unpack[Narrowed],
) -> StageParts:
    """A stage that runs at the replicas of the one at a place, and may go where its query has been there."""
    owner = before[place]
    own = {**narrowed, "shards": len(owner.share), "replicas": owner.replicas}
    own |= dict.fromkeys(("sharing", "background", "failures", "sources"), False)
    part: StageParts = hosted(draw(stage_parts(False, times, **own)), owner, place)  # type: ignore[arg-type]
    looking = [one for index, one in enumerate(before) if place in (index, one.owner)]
    if not is_one_sight([*looking, part]):
        part = replace(part, policy=owner.policy, decay_ns=owner.decay_ns)
    if owner.is_batched or owner.threads > 1:
        part = replace(part, time=Law.none())
    part = replace(part, by_query=part.by_query and len(set(owner.left)) <= 1)
    if draw(BOOLEANS):
        return replace(part, follows=True, by_query=False, hedges=0, hedge_ns=NEVER_NS, budget=FREE)
    return part


def is_one_sight(parts: Sequence[StageParts]) -> bool:
    """Whether those of some stages that look at what is outstanding look at one thing."""
    return len({sight(part.policy) for part in parts if routing.is_load_aware(part.policy)}) < 2


@st.composite
def plans(
    draw: st.DrawFn,
    most_queries: int = 12,
    most_stages: int = 3,
    times: st.SearchStrategy[int] = TIMES,
    *,
    queries: Size = None,
    stages: Size = None,
    is_cut: bool | None = None,
    **narrowed: Unpack[Narrowed],
) -> Plan:
    """Plans of a few queries, stages, shards, replicas and workers, full of simultaneous events.

    Parameters
    ----------
    draw
        Hypothesis' own.
    most_queries, most_stages
        Sizes, at most.
    times
        Gaps between arrivals and fixed durations, in ns.
    queries, stages
        A size, or a strategy of sizes. Unless said, small.
    is_cut
        Whether the run is cut before all queries are complete; None: either.
    **narrowed
        Of each stage, see ``Narrowed``: shards, replicas, workers, policies, batches, disciplines, gathers, afters,
        fan_outs, neighbours, slowdowns, outages, failures, limits, sharing, background, guests, colocated, hedges,
        optional, caches, sources, classes, deadlines.
    """
    count = draw(sized(queries, st.integers(1, most_queries)))
    gaps = draw(_listed(times, count))
    parts: list[StageParts] = []
    for stage in range(draw(sized(stages, st.integers(1, most_stages)))):
        hosts = [place for place, part in enumerate(parts) if part.owner < 0 and may_host(part)]
        is_guest = bool(hosts) and draw(either(narrowed.get("guests"), 3))
        if is_guest:
            parts.append(draw(guests(parts, draw(st.sampled_from(hosts)), times, **narrowed)))
        else:
            homes = [place for place, part in enumerate(parts) if part.owner < 0 and part.home < 0]
            is_beside = bool(homes) and draw(either(narrowed.get("colocated"), 3))
            home = draw(st.sampled_from(homes)) if is_beside else 0
            shaped = Narrowed(**narrowed)
            if is_beside and draw(BOOLEANS):
                shaped |= {"shards": len(parts[home].share), "replicas": parts[home].replicas}
            own = draw(stage_parts(stage == 0, times, **shaped))
            parts.append(serving.lodged(own, parts, home) if is_beside else own)
    of_class = query_classes(narrowed.get("deadlines")), _ways(times, False)["own"]
    parts, known = classes.of_classes(draw, serving.reached(parts), narrowed.get("classes"), *of_class)
    system = lay_out(parts)
    factors = draw(_listed(ALIKE if draw(BOOLEANS) else UNLIKE, system.replicas))
    work = draw(_listed(WORKS, count))
    cuts = {None: [NEVER_NS, NEVER_NS, NEVER_NS, 0, 3, 10], True: [0, 3, 10], False: [NEVER_NS]}
    arrival_ns, first = np.cumsum(np.array(gaps, dtype=np.int64)), draw(st.integers(0, count - 1))
    plan = complete(
        system,
        arrival_ns,
        np.array(work),
        seed=draw(st.integers(0, 2**63 - 1)),
        replication=draw(st.integers(0, 3)),
        first_measured=first,
        window_ns=draw(st.none() | windows(int(arrival_ns[first]), int(arrival_ns[-1]))),
        drain_ns=draw(st.sampled_from(cuts[is_cut])),
        machine_factor=np.array(factors)[seats_of(system.stages)],
    )
    if not known:
        return plan
    return classified(plan, known, draw(st.lists(st.integers(0, len(known) - 1), min_size=count, max_size=count)))


@cache
def query_classes(said: bool | None) -> st.SearchStrategy[QueryClass]:
    """Classes of queries; equal priorities and deadlines among them; ``said``: whether whoever is late is dropped."""
    deadlines = st.one_of(st.just(NEVER_NS), st.integers(1, 12), st.integers(1, 60))
    drops = either(said, 2)
    return st.builds(QueryClass, priority=st.integers(0, 2).map(float), deadline_ns=deadlines, drops=drops)


def windows(first_ns: int, last_ns: int) -> st.SearchStrategy[tuple[int, int]]:
    """Windows of a duration: they begin before what is measured arrives, and end after it."""
    before, after = st.integers(0, min(9, first_ns)), st.integers(1, 9)
    return st.tuples(before.map(lambda ns: first_ns - ns), after.map(lambda ns: last_ns + ns))


def traces(*, tasks: bool = True, **narrowed: Any) -> st.SearchStrategy[tuple[Plan, Trace]]:
    """Traces and the plans that they are of, by the compiled engine.

    ``tasks``: whether they have a table of tasks; ``narrowed``: as of ``plans``.
    """
    from simulator.engines import compiled

    return plans(**narrowed).map(lambda plan: (plan, compiled.simulate(plan, tasks=tasks)))
