"""What both engines share: who is chosen, how long it takes, what comes first. One pure function each.

Rules take scalars and arrays and return scalars; ``stages`` is the (stages,) STAGE array of a Plan, ``stage`` an
index into it. ``dispatch.dispatch`` applies them to all tasks of a query in a stage in one compiled call.
"""

from __future__ import annotations

import math

from simulator.core import draws
from simulator.core.jit import formula, kernel
from simulator.core.laws import sampling
from simulator.core.plan import (
    CANDIDATES,
    CONSTANT,
    KEY_BITS,
    LEAST_OUTSTANDING,
    LEAST_WORK,
    NONE,
    PLUGGED_OUTSTANDING,
    PLUGGED_WORK,
    POWER_OF_TWO,
    RANDOM,
    ROLES,
    ROUND_ROBIN,
    TIME,
)

#: Kinds of events, in the order in which events of one instant happen.
FINISH, CHANGE, ANSWER, GATHER_TIMEOUT, MERGED, WITHDRAW, GIVE_UP, HEDGE, ARRIVE, DISPATCH, ENQUEUE, START = range(12)


#: What goes with an event whose key says it all. (Kernels take such numbers as attributes of a module: given a literal
#: or a name of their own, numba compiles a second signature for its value.)
NOTHING = 0


@formula
def event_order(kind, key):  # type: ignore[no-untyped-def]
    """Rank of an event among those of its instant: the lesser happens first. ``key`` is below 2**KEY_BITS."""
    return (kind << KEY_BITS) | key


#: No duration is longer.
LONGEST_NS = 2.0**60


@formula
def round_ns(duration_ns):  # type: ignore[no-untyped-def]
    """Nearest int64 to a non-negative float64, halves upward; 36 years at most, so that sums stay in int64."""
    return int(math.floor(min(duration_ns, LONGEST_NS) + 0.5))  # noqa: RUF046 (the floor of numba is a float)


#: Sums stop here instead of overflowing: 292 years of waiting.
MOST_NS = 2**63 - 1


@formula
def add(total_ns, more_ns):  # type: ignore[no-untyped-def]
    """Sum of two non-negative int64, MOST_NS at most."""
    return total_ns + min(more_ns, MOST_NS - total_ns)


@formula
def cost_ns(stages, knot_items, knot_ns, knot_slope, stage, items):  # type: ignore[no-untyped-def]
    """Time alone of a task over ``items`` >= 0 effective items, float64 ns: the stage's piecewise-linear cost."""
    knot = stages[stage]["first_knot"]
    end = knot + stages[stage]["knots"]
    while end - knot > 1:  # knot_items[knot] <= items < knot_items[end]
        middle = (knot + end) >> 1
        if knot_items[middle] <= items:
            knot = middle
        else:
            end = middle
    return knot_ns[knot] + (items - knot_items[knot]) * knot_slope[knot]


@formula
def depends_on_items(stages, stage_laws, knot_ns, knot_slope, stage):  # type: ignore[no-untyped-def]
    """Whether a stage's time depends on items: it has no law of a time, or a cost of items besides (in a sum)."""
    knot = stages[stage]["first_knot"]
    has_cost = stages[stage]["knots"] > 1 or knot_ns[knot] > 0.0 or knot_slope[knot] > 0.0
    return has_cost or stage_laws[stage * ROLES + TIME]["kind"] == NONE


@formula
def candidates_of(stages, stage_laws, law_parts, law_points, seed, replication, query, stage, previous):  # type: ignore[no-untyped-def]
    """Candidates scored for a query in a stage: the stage's own count, else what the previous stage hands on.

    ``previous``: what the previous stage was given. Own counts are drawn, a law of counts; a draw below 0 counts as 0.
    """
    row = stage * ROLES + CANDIDATES
    kind = stage_laws[row]["kind"]
    if kind == NONE:
        return min(stages[stage - 1]["keep"], previous)
    if kind == CONSTANT:
        return max(0.0, stage_laws[row]["a"])
    u, _ = draws.uniforms(seed, replication, draws.CANDIDATES, query, stage * draws.PLACES, draws.FIRST_COPY)
    return max(0.0, sampling.quantile(stage_laws, law_parts, law_points, row, u))


@formula
def service_ns(alone_ns, machine_factor, task_factor):  # type: ignore[no-untyped-def]
    """Service time of a task: its time alone, slowed by its machine and its luck, at least 1 ns."""
    return max(1, round_ns(alone_ns * machine_factor * task_factor))


@formula
def replicas_left(stages, stage, shard):  # type: ignore[no-untyped-def]
    """Replicas of a shard that take tasks: the first ones; without the last where a machine is gone."""
    beyond = shard - stages[stage]["first_lost"]
    return stages[stage]["replicas"] - (1 if 0 <= beyond < stages[stage]["lost"] else 0)


@kernel
def choose(policy, replicas, outstanding, first, turn, u, v):  # type: ignore[no-untyped-def]
    """Index of the replica that a task is sent to.

    Parameters
    ----------
    policy, replicas
        The stage's routing policy, and replicas that the shard has left, R.
    outstanding, first
        int64: from ``first`` on, tasks (or ns of work, for least_work) outstanding at each, in the view of the query's
        balancer.
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
        return one if outstanding[first + one] <= outstanding[first + two] else two
    least = outstanding[first]
    equals = 0
    for replica in range(replicas):
        if outstanding[first + replica] < least:
            least = outstanding[first + replica]
            equals = 0
        if outstanding[first + replica] == least:
            equals += 1
    skip = int(u * equals)
    for replica in range(replicas):
        if outstanding[first + replica] == least:
            if skip == 0:
                return replica
            skip -= 1
    return -1  # pragma: no cover (some replica has the least)


@formula
def is_load_aware(policy):  # type: ignore[no-untyped-def]
    """Whether a policy looks at what is outstanding."""
    return policy in (LEAST_OUTSTANDING, LEAST_WORK, POWER_OF_TWO, PLUGGED_OUTSTANDING, PLUGGED_WORK)


@formula
def weighs_work(policy):  # type: ignore[no-untyped-def]
    """Whether what is outstanding is ns of work; else it is tasks."""
    return policy in (LEAST_WORK, PLUGGED_WORK)


@formula
def view_of(stages, seed, replication, query, stage):  # type: ignore[no-untyped-def]
    """Offset, among the outstanding counters, of the view of the query's balancer in a stage."""
    first = stages[stage]["first_view"]
    balancers = stages[stage]["balancers"]
    if balancers == 1:
        return first
    u, _ = draws.uniforms(seed, replication, draws.BALANCER, query, stage * draws.PLACES, draws.FIRST_COPY)
    return first + int(u * balancers) * stages[stage]["shards"] * stages[stage]["replicas"]


@formula
def merge_ns(stages, stage, answers):  # type: ignore[no-untyped-def]
    """Duration of the merge of ``answers`` answers; at least 1 ns where mergers are limited."""
    duration_ns = stages[stage]["merge_ns"] + answers * stages[stage]["merge_per_response_ns"]
    return max(1, duration_ns) if stages[stage]["mergers"] > 0 else duration_ns
