"""Whom: the replica that a task is sent to. A policy is a row of ``POLICIES`` and its kernel; at sending.

What is outstanding at a replica, as a balancer sees it, is a counter: tasks, ns of work, or what ``heard`` makes of
latencies. The engines keep the counters; here they are read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.core import draws, plan, rules
from simulator.core.calling import ANSWER, IS, QUERY, REPLICAS, SEEN, SHARD, STAGE, TURN, U, V, call_rule
from simulator.core.jit import formula, kernel, passage
from simulator.core.plan import F8, I8, Rows
from simulator.core.policies import at_random, by_speed, in_turn, least, of_two
from simulator.core.work import ALONE, FEW, LOAD, LUCK, MORE_LUCK, NAME, PLACE, POOLED, REPLICA, WHO, draw_block

#: What a policy may look at besides luck and turn.
NOTHING, OUTSTANDING, WORK, LATENCY = None, "outstanding", "work", "latency"


@dataclass(frozen=True)
class Policy:
    """A routing policy of ours: its row is all that schema, strategies, documentation, doctor and tests know of it."""

    name: str  #: as users write it
    code: int  #: in a Plan
    looks_at: str | None  #: NOTHING, OUTSTANDING (tasks), WORK (ns of it) or LATENCY
    choose: Callable[..., Any]  #: its kernel, called like ``choose`` less the policy
    words: str  #: what it does, for users


#: All policies. To add one: a row, its kernel in ``policies``, its code in ``plan``, and its line in ``choose``.
POLICIES = (
    Policy("random", plan.RANDOM, NOTHING, at_random, "any replica, each with the same probability"),
    Policy("round_robin", plan.ROUND_ROBIN, NOTHING, in_turn, "one after another"),
    Policy(
        "least_outstanding", plan.LEAST_OUTSTANDING, OUTSTANDING, least, "the one with the fewest tasks outstanding"
    ),
    Policy("least_work", plan.LEAST_WORK, WORK, least, "the one with the least work outstanding"),
    Policy("power_of_two", plan.POWER_OF_TWO, OUTSTANDING, of_two, "of two at random, the one with fewer outstanding"),
    Policy(
        "peak_ewma",
        plan.PEAK_EWMA,
        LATENCY,
        of_two,
        "of two at random, the one with less latency x (outstanding + 1)",
    ),
    Policy("c3", plan.C3, LATENCY, least, "the one of the least rank, by its latency, its service and its queue"),
    Policy("adaptive", plan.ADAPTIVE, LATENCY, by_speed, "any replica, in proportion to one over its latency"),
)

#: Of users' rules, by what they look at.
PLUGGED_CODES = {
    NOTHING: plan.PLUGGED,
    OUTSTANDING: plan.PLUGGED_OUTSTANDING,
    WORK: plan.PLUGGED_WORK,
    LATENCY: plan.PLUGGED_LATENCY,
}
BY_NAME = {policy.name: policy for policy in POLICIES}


@formula
def choose(policy: int, replicas: int, outstanding: I8, first: int, turn: int, u: float, v: float) -> int:
    """Index of the replica that a task is sent to.

    Parameters
    ----------
    policy, replicas
        The code of one of POLICIES, and replicas that the shard has left, R.
    outstanding, first
        int64: from ``first`` on, what is outstanding at each (tasks, ns of work, or what ``heard`` makes of latencies),
        in the view of the query's balancer.
    turn
        Query + shard, or the query alone where one index serves the whole query.
    u, v
        The task's luck: u for the first choice and for ties, v for the second choice.
    """
    if policy == plan.RANDOM:
        return at_random(replicas, outstanding, first, turn, u, v)
    if policy == plan.ROUND_ROBIN:
        return in_turn(replicas, outstanding, first, turn, u, v)
    if policy in (plan.POWER_OF_TWO, plan.PEAK_EWMA):
        return of_two(replicas, outstanding, first, turn, u, v)
    if policy == plan.ADAPTIVE:
        return by_speed(replicas, outstanding, first, turn, u, v)
    return least(replicas, outstanding, first, turn, u, v)


@formula
def is_load_aware(policy: int) -> bool:
    """Whether a policy looks at what is outstanding, or at latencies: ours, and users' rules."""
    return (
        policy in (plan.LEAST_OUTSTANDING, plan.LEAST_WORK, plan.POWER_OF_TWO, plan.PEAK_EWMA, plan.ADAPTIVE, plan.C3)
        or policy > plan.PLUGGED
    )


@formula
def weighs_work(policy: int) -> bool:
    """Whether what is outstanding is ns of work; else it is tasks."""
    return policy in (plan.LEAST_WORK, plan.PLUGGED_WORK)


@formula
def replicas_left(stages: Rows, left: I8, stage: int, shard: int) -> int:
    """Replicas of a shard that take tasks: the first ones. ``left``: as of the Plan."""
    return left[stages[stage]["first_shard"] + shard]  # type: ignore[no-any-return]


@formula
def view_of(stages: Rows, run: Rows, query: int, stage: int) -> int:
    """Offset, among the outstanding counters, of the view of the query's balancer in a stage."""
    first = stages[stage]["first_view"]
    balancers = stages[stage]["balancers"]
    if balancers == 1:
        return first  # type: ignore[no-any-return]
    seed, replication, place = run[0]["seed"], run[0]["replication"], stages[stage]["owner"] * draws.PLACES
    u, _ = draws.uniforms(seed, replication, draws.BALANCER, query, place, draws.FIRST_COPY)
    return first + int(u * balancers) * stages[stage]["shards"] * stages[stage]["replicas"]  # type: ignore[no-any-return]


@passage
def draw_routes(stages: Rows, run: Rows, stage: int, queries: int, reals: F8, wholes: I8) -> None:
    """Draw the luck of a block's choices into LUCK and MORE_LUCK: of each task, where it matters."""
    shards = stages[stage]["shards"]
    policy = stages[stage]["policy"]
    if stages[stage]["replicas"] == 1 or stages[stage]["by_query"] == 1 or policy == plan.ROUND_ROBIN:
        return
    if stages[stage]["follows"] == 1:
        return
    if policy == plan.RANDOM:
        draw_block(run, draws.ROUTE, stage, queries, shards, wholes, reals[LUCK])
    else:
        draw_pairs(run, stage, queries, shards, reals, wholes)


@kernel
def draw_pairs(run: Rows, stage: int, queries: int, shards: int, reals: F8, wholes: I8) -> None:
    """Fill LUCK and MORE_LUCK of a block with both uniforms of ROUTE."""
    seed, replication = run[0]["seed"], run[0]["replication"]
    if queries == 1 or shards > FEW:
        place = stage * draws.PLACES
        for i in range(queries):
            here = slice(i * shards, (i + 1) * shards)
            luck, more_luck = reals[LUCK, here], reals[MORE_LUCK, here]
            draws.block(seed, replication, draws.ROUTE, wholes[WHO, i], place, shards, luck, more_luck)
    else:
        names, places, count = wholes[NAME], wholes[PLACE], queries * shards
        draws.pairs_of_names(seed, replication, draws.ROUTE, names, places, count, reals[LUCK], reals[MORE_LUCK])


@passage
def route(
    stages: Rows,
    run: Rows,
    left: I8,
    outstanding: I8,
    fault: I8,
    stage: int,
    query: int,
    view: int,
    first_task: int,
    reals: F8,
    wholes: I8,
) -> None:
    """Fill REPLICA of the tasks of a query, from ``first_task`` of its block on.

    Parameters
    ----------
    stages, run, left
        Of the Plan and the run; a stage's ``address`` is that of a user's rule, or 0.
    outstanding, view
        (views,) int64, only read; and where the view of the query's balancer begins.
    fault
        What went wrong first with a user's rule (``calling``); after that REPLICA means nothing.
    stage, query, first_task
        Whose.
    reals, wholes
        The block; its luck has been drawn by ``draw_routes``.
    """
    shards = stages[stage]["shards"]
    replicas = stages[stage]["replicas"]
    replica = wholes[REPLICA, first_task : first_task + shards]
    if replicas == 1:
        for shard in range(shards):
            replica[shard] = 0
    elif stages[stage]["by_query"] == 1:
        chosen = route_query(stages, run, left, outstanding, wholes[POOLED], fault, stage, query, view)
        for shard in range(shards):
            replica[shard] = chosen
    else:
        luck = reals[LUCK, first_task : first_task + shards]
        more_luck = reals[MORE_LUCK, first_task : first_task + shards]
        route_tasks(stages, left, outstanding, fault, stage, query, view, luck, more_luck, replica)


@kernel
def route_query(
    stages: Rows, run: Rows, left: I8, outstanding: I8, pooled: I8, fault: I8, stage: int, query: int, view: int
) -> int:
    """Index of the replicas that serve a whole query, chosen with the luck of shard 0 by what all shards have."""
    shards = stages[stage]["shards"]
    replicas = stages[stage]["replicas"]
    policy = stages[stage]["policy"]
    for i in range(replicas):
        pooled[i] = 0
    if is_load_aware(policy):
        for shard in range(shards):
            for i in range(replicas):
                pooled[i] += outstanding[view + shard * replicas + i]
    seed, replication, place = run[0]["seed"], run[0]["replication"], stage * draws.PLACES
    u, v = draws.uniforms(seed, replication, draws.ROUTE, query, place, draws.FIRST_COPY)
    count = replicas_left(stages, left, stage, rules.NOTHING)  # of all shards alike
    address = stages[stage]["address"]
    if address == 0:
        return choose(policy, count, pooled, rules.NOTHING, query, u, v)
    return rule_choice(address, count, pooled, rules.NOTHING, query, u, v, fault, query, stage, rules.NOTHING)


@kernel
def route_tasks(
    stages: Rows,
    left: I8,
    outstanding: I8,
    fault: I8,
    stage: int,
    query: int,
    view: int,
    luck: F8,
    more_luck: F8,
    replica: I8,
) -> None:
    """Fill ``replica`` of the tasks of a query, each shard for itself; arguments as of ``route``."""
    shards = stages[stage]["shards"]
    replicas = stages[stage]["replicas"]
    is_uneven = stages[stage]["uneven"] == 1
    first_shard = stages[stage]["first_shard"]
    policy = stages[stage]["policy"]
    address = stages[stage]["address"]
    if policy == plan.RANDOM and is_uneven:
        for shard in range(shards):
            replica[shard] = int(luck[shard] * left[first_shard + shard])
    elif policy == plan.RANDOM:
        for shard in range(shards):
            replica[shard] = int(luck[shard] * replicas)
    elif policy == plan.ROUND_ROBIN and is_uneven:
        for shard in range(shards):
            replica[shard] = (query + shard) % left[first_shard + shard]
    elif policy == plan.ROUND_ROBIN:
        for shard in range(shards):
            replica[shard] = (query + shard) % replicas
    elif address == 0:
        for shard in range(shards):
            first = view + shard * replicas
            count = replicas_left(stages, left, stage, shard)
            replica[shard] = choose(policy, count, outstanding, first, query + shard, luck[shard], more_luck[shard])
    else:
        for shard in range(shards):
            first = view + shard * replicas
            count = replicas_left(stages, left, stage, shard)
            u, v = luck[shard], more_luck[shard]
            replica[shard] = rule_choice(
                address, count, outstanding, first, query + shard, u, v, fault, query, stage, shard
            )


@kernel
def rule_choice(
    address: int,
    replicas: int,
    outstanding: I8,
    first: int,
    turn: int,
    u: float,
    v: float,
    fault: I8,
    query: int,
    stage: int,
    shard: int,
) -> int:
    """What a user's rule answers; what is no index of a replica is noted, and 0 taken."""
    answer = call_rule(address, replicas, outstanding, first, turn, u, v)
    if 0 <= answer < replicas:
        return answer  # type: ignore[no-any-return]
    if fault[IS] == 0:  # the first call that went wrong is kept, whole: it can be made again
        fault[IS] = 1
        fault[QUERY] = query
        fault[STAGE] = stage
        fault[SHARD] = shard
        fault[REPLICAS] = replicas
        fault[TURN] = turn
        fault[U] = int(u * 2.0**53)
        fault[V] = int(v * 2.0**53)
        fault[ANSWER] = answer
        for i in range(replicas):
            fault[SEEN + i] = outstanding[first + i]
    return rules.NOTHING


@passage
def fill_loads(stages: Rows, stage: int, first_task: int, reals: F8, wholes: I8) -> None:
    """Fill LOAD, what each task of a query counts as outstanding; left alone where no policy looks at it."""
    counts = stages[stage]["counts"]
    if not is_load_aware(counts):
        return
    weighs = weighs_work(counts)
    shards = stages[stage]["shards"]
    alone_ns, load = reals[ALONE, first_task : first_task + shards], wholes[LOAD, first_task : first_task + shards]
    for shard in range(shards):
        load[shard] = rules.round_ns(alone_ns[shard]) if weighs else 1
