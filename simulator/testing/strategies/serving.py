"""Strategies of how a stage serves: in batches, with some answers of all, with copies; times are small."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st

from simulator.core import plan as plans
from simulator.core.assemble import StageParts
from simulator.core.background import LAST
from simulator.core.caches import Cache
from simulator.core.colocated import colocated
from simulator.core.failures import Failures
from simulator.core.gathering import AT_ONCE
from simulator.core.hedging import COPY, FREE, QUERIES
from simulator.core.laws import Law
from simulator.core.limits import UNLIMITED
from simulator.core.outages import Outage
from simulator.core.slowdowns import Slowdown
from simulator.core.sources import SourceParts
from simulator.testing.strategies.laws import factor_laws

#: Strategies of one kind that are kept: to make one takes longer than to draw from it.
KEPT = 256
#: Shares of the queries that take a stage.
TAKEN_BY = st.sampled_from([0.3, 0.5, 0.8])

#: A size that is given, or drawn.
Size = int | st.SearchStrategy[int] | None


def sized(given: Size, otherwise: st.SearchStrategy[int]) -> st.SearchStrategy[int]:
    """A size as a strategy: the one number, the strategy that is given, or ``otherwise``."""
    if given is None:
        return otherwise
    return st.just(given) if isinstance(given, int) else given


@lru_cache(KEPT)
def either(said: bool | None, odds: int = 2) -> st.SearchStrategy[bool]:
    """What is said; else one time in ``odds`` + 1, and plainer without."""
    return st.sampled_from([False] * odds + [True]) if said is None else st.just(said)


@lru_cache(KEPT)
def caches(said: bool | None) -> st.SearchStrategy[Cache | None]:
    """Caches of a few keys, more of them than there are among them; or (None) of one stage in six."""
    if said is False:
        return st.none()
    sizes, keys, times = st.integers(1, 4), st.integers(1, 5), st.sampled_from([0, 0, 1, 2, 7])
    exponents = st.sampled_from([0.0, 0.8, 1.0, 2.5])
    drawn = st.builds(Cache, sizes, keys, exponents, times, st.booleans(), st.booleans())
    return drawn if said else either(None, 5).flatmap(lambda is_one: drawn if is_one else st.none())


@lru_cache(KEPT)
def rooms(limits: bool | None) -> st.SearchStrategy[int]:
    """Tasks that wait at a replica, at most: where queues may be full, or (None) of one stage in four."""
    if limits is False:
        return st.just(UNLIMITED)
    return st.sampled_from([UNLIMITED] * (0 if limits else 15) + [0, 0, 1, 2, 3])


@lru_cache(KEPT)
def patience(limits: bool | None) -> st.SearchStrategy[tuple[int, int]]:
    """How long tasks may wait, and for how long they may have been late: as ``rooms``."""
    if limits is False:
        return st.just((UNLIMITED, 0))
    some = [(target_ns, interval_ns) for target_ns in (0, 1, 3) for interval_ns in (1, 4)]
    return st.sampled_from([(UNLIMITED, 0)] * (2 if limits else 20) + some)


@lru_cache(KEPT)
@st.composite
def batchings(draw: st.DrawFn, most: Size = None) -> dict[str, Any]:
    """Of a stage: how tasks are served together, at most so many."""
    max_size = draw(sized(most, st.integers(1, 4)))
    preferred = draw(st.lists(st.integers(1, max_size), max_size=2, unique=True)) if draw(st.booleans()) else []
    sizes = (
        draw(st.lists(st.sampled_from([0.5, 1.0, 3.0, 8.0]), max_size=3, unique=True)) if draw(st.booleans()) else []
    )
    return {
        "max_size": max_size,
        "max_wait_ns": draw(st.sampled_from([0, 0, 1, 2, 5])),
        "max_items": draw(st.sampled_from([math.inf, math.inf, 1.0, 4.0])),
        "preferred": preferred,
        "sizes": sorted(sizes),
    }


@lru_cache(KEPT)
@st.composite
def gatherings(draw: st.DrawFn, shards: int) -> dict[str, Any]:
    """Of a stage: how many answers it waits for, how long, and what becomes of the other tasks."""
    timeout_ns = draw(st.sampled_from([plans.NEVER_NS, 3, 8, 20]))
    return {
        "wait_for": draw(st.integers(1, shards)),
        "timeout_ns": timeout_ns,
        "then": AT_ONCE if timeout_ns == plans.NEVER_NS else draw(st.sampled_from([AT_ONCE, AT_ONCE, 0.0, 0.5, 1.0])),
        "cancels": draw(st.sampled_from([plans.CANCEL_NOTHING, plans.CANCEL_QUEUED, plans.CANCEL_RUNNING])),
        "cancel_ns": draw(st.integers(1, 5)),
    }


@lru_cache(KEPT)
@st.composite
def fan_outs(draw: st.DrawFn, shards: int, may_wait: bool) -> dict[str, Any]:
    """Of a stage: how many shards a query visits, and by what luck; it may wait for parts of them, if that may be."""
    keys = st.sampled_from([Law.none(), Law.none(), Law.constant(1.0), Law.uniform(0.0, 3.0)])
    counts = st.one_of(st.integers(1, shards).map(float).map(Law.constant), st.just(Law.uniform(0.0, shards + 0.6)))
    parts = draw(st.sampled_from([0, 0, 2, 3, 100])) if may_wait else 0
    waits = {"wait_parts": parts, "wait_for": draw(st.integers(1, parts))} if parts else {}
    return {"visits": draw(counts), "key": draw(keys), **waits}


@lru_cache(KEPT)
@st.composite
def interferences(draw: st.DrawFn, shards: int, is_timed: bool) -> dict[str, Any]:
    """Of a stage: how busy workers of a machine slow each other down; a task may take several of them."""
    threads = 1 if is_timed else draw(st.sampled_from([1, 1, 1, 2, 3]))
    slower = draw(st.lists(st.sampled_from([1.0, 1.25, 1.5, 2.0, 3.0]), max_size=4))
    return {
        "per_machine": draw(st.integers(1, shards + 1)),
        "busy": [1.0, *sorted(slower)],
        "spread": draw(st.sampled_from([0.0, 0.0, 0.25, 1.0])),
        "threads": threads,
        "idle": draw(st.integers(0, threads - 1)),
    }


@lru_cache(KEPT)
@st.composite
def outages(draw: st.DrawFn, shards: int, replicas: int) -> list[Outage]:
    """Of a stage: who is out, and when; often all replicas of a shard at once."""
    found = []
    for begin, length in draw(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), min_size=1, max_size=4)):
        step, first = draw(st.sampled_from([1, replicas, 2])), draw(st.integers(0, shards - 1))
        rest, wide = draw(st.integers(0, step - 1)), draw(st.sampled_from([shards, 1]))
        found.append(Outage(begin, begin + length, step, rest, first if wide == 1 else 0, wide))
    return found


@lru_cache(KEPT)
@st.composite
def slownesses(draw: st.DrawFn, times: st.SearchStrategy[Law]) -> list[Slowdown]:
    """Of a stage: what makes it slow now and then."""
    factors = st.sampled_from([math.inf, math.inf, 1.0, 1.5, 3.0])
    scopes = st.sampled_from([plans.OF_REPLICA, plans.OF_MACHINE, plans.OF_SHARD, plans.OF_STAGE])
    one = st.builds(Slowdown, every=times, length=times, factor=factors, scope=scopes)
    return draw(st.lists(one, min_size=1, max_size=2))


@lru_cache(KEPT)
def backgrounds() -> st.SearchStrategy[dict[str, Any]]:
    """Of a stage: how often replicas have a task of their own, how long it takes, and its priority."""
    gaps = [Law.exponential(6.0), Law.exponential(20.0), Law.constant(3.0), Law.constant(1.0)]
    times = [Law.constant(float(ns)) for ns in range(4)] + [Law.exponential(4.0)]
    return st.fixed_dictionaries(
        {
            "background_gap": st.sampled_from(gaps),
            "background_time": st.sampled_from(times),
            "background_priority": st.sampled_from([LAST, 0.0, 1.0]),
        }
    )


@lru_cache(KEPT)
def failings(times: st.SearchStrategy[Law], least_ns: int = 1) -> st.SearchStrategy[Failures]:
    """Of a stage: how its replicas crash; it is not known sooner than ``least_ns`` later."""
    scopes = st.sampled_from([plans.OF_REPLICA, plans.OF_REPLICA, plans.OF_MACHINE, plans.OF_SHARD, plans.OF_STAGE])
    losses = st.sampled_from([plans.LOSE_QUEUED, plans.LOSE_QUEUED, plans.LOSE_RUNNING, plans.LOSE_NOTHING])
    detects = st.sampled_from([0, 0, 1, 3, 9]).map(lambda more: least_ns + more)
    return st.builds(Failures, every=times, repair=times, lose=losses, detect_ns=detects, scope=scopes)


@lru_cache(KEPT)
@st.composite
def hedgings(draw: st.DrawFn, shards: int, replicas: int) -> dict[str, Any]:
    """Of a stage: when tasks are sent again, how often, and what that may cost; or copies that are tied."""
    least = -(-COPY // (QUERIES * shards))
    if draw(st.sampled_from([False, False, True])):
        cancels = draw(st.sampled_from([plans.CANCEL_QUEUED, plans.CANCEL_RUNNING]))
        copies = draw(st.integers(1, replicas - 1))
        return {"hedges": copies, "hedge_ns": 0, "cancels": cancels, "cancel_ns": draw(st.integers(1, 5))}
    return {
        "hedges": draw(st.integers(1, replicas - 1)),
        "hedge_ns": draw(st.sampled_from([1, 2, 3, 5, 8])),
        "budget": draw(st.sampled_from([FREE, FREE, least, 2 * least, COPY // 2])),
        "cancels": draw(st.sampled_from([plans.CANCEL_NOTHING, plans.CANCEL_QUEUED, plans.CANCEL_RUNNING])),
        "cancel_ns": draw(st.integers(1, 5)),
    }


def lodged(part: Any, parts: Sequence[Any], place: int) -> Any:
    """The ``StageParts`` of a stage on the machines of the one at a place, if it may be there; else as it is."""
    home, count = parts[place], len(part.share)
    machines = home.replicas * -(-len(home.share) // home.per_machine)
    widths = [wide for wide in range(1, count + 1) if part.replicas * -(-count // wide) == machines]
    group = [part, *(one for index, one in enumerate(parts) if place in (index, one.home))]
    if not widths or (any(one.sharing for one in group) and any(one.busy for one in group)):
        return part
    own = [one for one in part.slowdowns if one.scope != plans.OF_MACHINE]
    crashes = None if part.failures is not None and part.failures.scope == plans.OF_MACHINE else part.failures
    wide = part.per_machine if part.per_machine in widths else widths[-1]
    made = colocated(replace(part, per_machine=wide, slowdowns=own, failures=crashes), home, place)
    if made.failures is not None and made.failures is home.failures:
        is_tied = made.hedges > 0 and made.hedge_ns == 0
        if made.sharing or made.background_gap.kind or (is_tied and made.failures.detect_ns < made.cancel_ns):
            return part
    return part if made.sharing and made.slowdowns else made


def sourced(
    draw: st.DrawFn,
    part: StageParts,
    said: bool | None,
    is_first: bool,
    costs: st.SearchStrategy[Any],
    ways: dict[str, st.SearchStrategy[Any]],
    is_constant: bool,
) -> StageParts:
    """The ``StageParts``, or with its shards as those of two or three sources, where it has two: as is said.

    ``costs``: their knots; ``ways``: laws by what they are of; ``is_constant``: nothing is drawn for a task alone.
    """
    shards, sources, first = len(part.share), list[SourceParts](), 0
    if shards < 2 or not draw(either(said, 4)):
        return part
    count = draw(st.integers(2, min(3, shards)))
    is_fixed = part.is_batched or part.threads > 1
    for left in range(count - 1, -1, -1):
        most = shards - first - left
        wide = most if left == 0 else draw(st.integers(1, most))
        weights = draw(st.lists(st.integers(0, 4), min_size=wide, max_size=wide).filter(any))
        is_timed = not is_fixed and draw(st.booleans())
        one = SourceParts(
            share=[weight / sum(weights) for weight in weights],
            candidates=draw(ways["own" if is_first else "candidates"]),
            hashed=part.hashed and draw(st.booleans()),
            knots=draw(costs),
            time=draw(ways["time"]) if is_timed else Law.none(),
            task=Law.constant(1.0) if is_timed or is_constant else draw(factor_laws()),
        )
        sources, first = [*sources, one], first + wide
    return replace(part, sources=sources)


def reached(parts: Sequence[Any]) -> list[Any]:
    """The same ``StageParts``, but that all take whom others follow, and one before any that is given candidates.

    Nor has whom others follow a cache.
    """
    all_take = {part.owner for part in parts if part.follows}
    parts = [replace(part, cache=None) if place in all_take else part for place, part in enumerate(parts)]
    for place, part in enumerate(parts):
        if part.is_given and not any(parts[one].taken == 1.0 or one in all_take for one in range(place)):
            all_take.add(place - 1)
    return [replace(part, taken=1.0) if place in all_take else part for place, part in enumerate(parts)]
