"""What both engines share: who is chosen, how long it takes, what comes first. One pure function each.

Rules take scalars and arrays and return scalars; ``stages`` is the (stages,) STAGE array of a Plan, ``stage`` an
index into it. ``dispatch`` applies them to all tasks of a query in a stage in one compiled call.
"""

from __future__ import annotations

import math

from simulator.core import draws, laws
from simulator.core.jit import kernel
from simulator.core.plan import (
    CANDIDATES,
    KEY_BITS,
    LEAST_OUTSTANDING,
    LEAST_WORK,
    NONE,
    POWER_OF_TWO,
    RANDOM,
    RESPONSE,
    ROLES,
    ROUND_ROBIN,
    TASK,
    TIME,
)
from simulator.core.split import part

#: Kinds of events, in the order in which events of one instant happen.
FINISH, CHANGE, ANSWER, GATHER_TIMEOUT, MERGED, WITHDRAW, GIVE_UP, HEDGE, ARRIVE, DISPATCH, ENQUEUE, START = range(12)


@kernel
def event_order(kind, key):  # type: ignore[no-untyped-def]
    """Rank of an event among those of its instant: the lesser happens first. ``key`` is below 2**KEY_BITS."""
    return (kind << KEY_BITS) | key


#: No duration is longer.
LONGEST_NS = 2.0**60


@kernel
def round_ns(duration_ns):  # type: ignore[no-untyped-def]
    """Nearest int64 to a non-negative float64, halves upward; 36 years at most, so that sums stay in int64."""
    return int(math.floor(min(duration_ns, LONGEST_NS) + 0.5))  # noqa: RUF046 (the floor of numba is a float)


@kernel
def cost_ns(stages, knot_items, knot_ns, knot_slope, stage, items):  # type: ignore[no-untyped-def]
    """Time alone of a task over ``items`` >= 0 effective items, float64 ns: the stage's piecewise-linear cost."""
    knot = stages[stage]["first_knot"]
    end = knot + stages[stage]["knots"]
    while knot + 1 < end and knot_items[knot + 1] <= items:
        knot += 1
    return knot_ns[knot] + (items - knot_items[knot]) * knot_slope[knot]


@kernel
def candidates_of(stages, stage_laws, seed, replication, query, stage, previous):  # type: ignore[no-untyped-def]
    """Candidates scored for a query in a stage: the stage's own count, else what the previous stage hands on.

    ``previous``: what the previous stage was given. Own counts are drawn, a law of counts; a draw below 0 counts as 0.
    """
    row = stage * ROLES + CANDIDATES
    if stage_laws[row]["kind"] != NONE:
        u, _ = draws.uniforms(seed, replication, draws.CANDIDATES, query, stage * draws.PLACES, 0)
        return max(0.0, laws.quantile(stage_laws, row, u))
    return min(stages[stage - 1]["keep"], previous)


@kernel
def service_ns(alone_ns, machine_factor, task_factor):  # type: ignore[no-untyped-def]
    """Service time of a task: its time alone, slowed by its machine and its luck, at least 1 ns."""
    return max(1, round_ns(alone_ns * machine_factor * task_factor))


@kernel
def choose(policy, replicas, outstanding, turn, u, v):  # type: ignore[no-untyped-def]
    """Index of the replica that a task is sent to.

    Parameters
    ----------
    policy, replicas
        The stage's routing policy and number of replicas, R.
    outstanding
        (R,) int64: tasks (or ns of work, for least_work) outstanding at each, in the view of the query's balancer.
    turn
        Query + shard, or the query alone where one index serves the whole query.
    u, v
        The task's luck: u for the first choice and for ties, v for the second choice.
    """
    if policy == RANDOM:
        return int(u * replicas)
    if policy == ROUND_ROBIN:
        return turn % replicas
    if policy == POWER_OF_TWO:
        one = int(u * replicas)
        if replicas == 1:
            return one
        two = (one + 1 + int(v * (replicas - 1))) % replicas
        return one if outstanding[one] <= outstanding[two] else two
    least = outstanding[0]
    equals = 0
    for replica in range(replicas):
        if outstanding[replica] < least:
            least = outstanding[replica]
            equals = 0
        if outstanding[replica] == least:
            equals += 1
    skip = int(u * equals)
    for replica in range(replicas):
        if outstanding[replica] == least:
            if skip == 0:
                return replica
            skip -= 1
    return -1  # not reached: some replica has the least


@kernel
def is_load_aware(policy):  # type: ignore[no-untyped-def]
    """Whether a policy looks at what is outstanding."""
    return policy in (LEAST_OUTSTANDING, LEAST_WORK, POWER_OF_TWO)


@kernel
def view_of(stages, seed, replication, query, stage):  # type: ignore[no-untyped-def]
    """Offset, among the outstanding counters, of the view of the query's balancer in a stage."""
    first = stages[stage]["first_view"]
    balancers = stages[stage]["balancers"]
    if balancers == 1:
        return first
    u, _ = draws.uniforms(seed, replication, draws.BALANCER, query, stage * draws.PLACES, 0)
    return first + int(u * balancers) * stages[stage]["shards"] * stages[stage]["replicas"]


@kernel
def merge_ns(stages, stage, answers):  # type: ignore[no-untyped-def]
    """Duration of the merge of ``answers`` answers; at least 1 ns where mergers are limited."""
    duration_ns = stages[stage]["merge_ns"] + answers * stages[stage]["merge_per_response_ns"]
    return max(1, duration_ns) if stages[stage]["mergers"] > 0 else duration_ns


@kernel
def dispatch(  # type: ignore[no-untyped-def]
    stages,
    stage_laws,
    share,
    knot_items,
    knot_ns,
    knot_slope,
    machine_factor,
    outstanding,
    pooled,
    seed,
    replication,
    query,
    stage,
    previous,
    work,
    replica,
    nominal_ns,
    service,
    response_ns,
):
    """Draw and decide everything about the tasks of one query in one stage, in shard order.

    ``outstanding``: (views,) int64 tasks, or ns of work under least_work; only read. ``pooled``: scratch of at least
    the largest number of replicas. ``previous``: candidates given to the previous stage. ``work``: the query's factor.
    Fills the first ``shards`` items of ``replica`` (index within the shard), ``nominal_ns`` (time alone), ``service``
    and ``response_ns``, all int64. Returns the candidates of this stage and the offset of the query's view.
    """
    candidates = candidates_of(stages, stage_laws, seed, replication, query, stage, previous)
    view = view_of(stages, seed, replication, query, stage)
    shards = stages[stage]["shards"]
    replicas = stages[stage]["replicas"]
    policy = stages[stage]["policy"]
    first_shard = stages[stage]["first_shard"]
    first_replica = stages[stage]["first_replica"]
    time_row = stage * ROLES + TIME
    task_row = stage * ROLES + TASK
    response_row = stage * ROLES + RESPONSE
    is_timed = stage_laws[time_row]["kind"] != NONE
    aware = is_load_aware(policy)
    by_query = stages[stage]["by_query"] == 1
    chosen = 0
    if by_query:
        pooled[:replicas] = 0
        if aware:
            for shard in range(shards):
                for i in range(replicas):
                    pooled[i] += outstanding[view + shard * replicas + i]
        u, v = draws.uniforms(seed, replication, draws.ROUTE, query, stage * draws.PLACES, 0)
        chosen = choose(policy, replicas, pooled, query, u, v)
    left = round_ns(candidates)
    share_left = 1.0
    for shard in range(shards):
        place = stage * draws.PLACES + shard
        items = candidates * share[first_shard + shard]
        if stages[stage]["hashed"] == 1:
            u, _ = draws.uniforms(seed, replication, draws.SPLIT, query, place, 0)
            fell = left
            if shard + 1 < shards:
                chance = share[first_shard + shard] / share_left if share_left > 0.0 else 0.0
                fell = part(left, chance, u)
            left -= fell
            share_left -= share[first_shard + shard]
            items = float(fell)
        luck, _ = draws.uniforms(seed, replication, draws.TASK, query, place, 0)
        if is_timed:
            alone_ns = laws.quantile(stage_laws, time_row, luck) * work
            task_factor = 1.0
        else:
            alone_ns = cost_ns(stages, knot_items, knot_ns, knot_slope, stage, items * work)
            task_factor = laws.quantile(stage_laws, task_row, luck)
        if not by_query:
            u, v = draws.uniforms(seed, replication, draws.ROUTE, query, place, 0)
            first = view + shard * replicas
            chosen = choose(policy, replicas, outstanding[first : first + replicas], query + shard, u, v)
        luck, _ = draws.uniforms(seed, replication, draws.RESPONSE, query, place, 0)
        replica[shard] = chosen
        nominal_ns[shard] = round_ns(alone_ns)
        service[shard] = service_ns(alone_ns, machine_factor[first_replica + shard * replicas + chosen], task_factor)
        response_ns[shard] = round_ns(laws.quantile(stage_laws, response_row, luck))
    return candidates, view
