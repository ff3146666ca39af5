"""What a dispatch decides for all tasks of one query in one stage: whom each goes to, and how long it takes.

Luck is drawn as one block, and each step is a loop over the shards that the compiler vectorises. Both engines
call this.
"""

from __future__ import annotations

from simulator.core import draws, rules
from simulator.core.calling import ANSWER, IS, QUERY, REPLICAS, SEEN, SHARD, STAGE, TURN, U, V, call_rule
from simulator.core.jit import formula, kernel
from simulator.core.laws import sampling
from simulator.core.plan import NONE, RANDOM, RESPONSE, ROLES, ROUND_ROBIN, TASK, TIME
from simulator.core.split import part

#: Rows of what a dispatch decides, (DECIDED, shards) int64: the replica's index in its shard, service time, response
#: latency, and what counts as outstanding (a task, or under least_work ns of work; left alone by other policies).
REPLICA, SERVICE, ANSWERING, LOAD = range(4)
DECIDED = 4

#: Rows of scratch that it overwrites, (SCRATCH, shards) float64.
_LUCK, _MORE_LUCK, _ALONE, _FACTOR = range(4)
SCRATCH = 4


@formula
def dispatch(  # type: ignore[no-untyped-def]
    stages,
    stage_laws,
    law_parts,
    law_points,
    share,
    knot_items,
    knot_ns,
    knot_slope,
    machine_factor,
    addresses,
    fault,
    outstanding,
    seed,
    replication,
    query,
    stage,
    previous,
    work,
    pooled,
    scratch,
    decided,
):
    """Draw and decide everything about the tasks of one query in one stage, in shard order.

    Parameters
    ----------
    stages, stage_laws, law_parts, law_points, share, knot_items, knot_ns, knot_slope, machine_factor, seed, replication
        Of the Plan.
    addresses, fault
        (stages,) int64: of users' routing rules, 0 where the policy is ours; and what went wrong first (``calling``).
        After a fault what is decided means nothing.
    outstanding
        (views,) int64 tasks, or ns of work under least_work; only read.
    query, stage, previous, work
        Whose; candidates that the previous stage was given, and the query's work factor.
    pooled
        Scratch, int64, for as many as a shard of the stage has replicas.
    scratch, decided
        See their rows; ``decided`` is filled in its first columns.

    Returns
    -------
    candidates, view
        Candidates scored in this stage, and the offset of the query's view in ``outstanding``.
    """
    candidates = rules.candidates_of(
        stages, stage_laws, law_parts, law_points, seed, replication, query, stage, previous
    )
    view = rules.view_of(stages, seed, replication, query, stage)
    luck = scratch[_LUCK]
    alone_ns = scratch[_ALONE]
    factor = scratch[_FACTOR]
    replica = decided[REPLICA]
    service_ns = decided[SERVICE]
    response_ns = decided[ANSWERING]
    load = decided[LOAD]
    shards = stages[stage]["shards"]
    place = stage * draws.PLACES
    time_row = stage * ROLES + TIME
    task_row = stage * ROLES + TASK
    is_timed = stage_laws[time_row]["kind"] != NONE
    has_cost = rules.depends_on_items(stages, stage_laws, knot_ns, knot_slope, stage)
    if has_cost:
        _items(stages, share, seed, replication, query, stage, candidates, factor)
        for shard in range(shards):
            alone_ns[shard] = rules.cost_ns(stages, knot_items, knot_ns, knot_slope, stage, factor[shard] * work)
    if is_timed:
        if sampling.is_drawn(stage_laws, time_row):
            draws.first_block(seed, replication, draws.TASK, query, place, shards, luck)
        sampling.quantiles(stage_laws, law_parts, law_points, time_row, shards, luck, factor)
        if has_cost:
            for shard in range(shards):
                alone_ns[shard] = alone_ns[shard] + factor[shard] * work
        else:
            for shard in range(shards):
                alone_ns[shard] = factor[shard] * work
    first = stages[stage]["first_replica"]
    replicas = stages[stage]["replicas"]
    if replicas == 1:
        for shard in range(shards):
            replica[shard] = 0
    else:
        _choose_all(
            stages, addresses, fault, outstanding, seed, replication, query, stage, view, pooled, scratch, replica
        )
    if is_timed or not sampling.is_drawn(stage_laws, task_row):
        same = 1.0 if is_timed else stage_laws[task_row]["a"]
        for shard in range(shards):
            factor[shard] = same
    else:
        draws.first_block(seed, replication, draws.TASK, query, place, shards, luck)
        sampling.quantiles(stage_laws, law_parts, law_points, task_row, shards, luck, factor)
    machines = machine_factor[first : first + shards * replicas]
    if replicas == 1:
        for shard in range(shards):
            service_ns[shard] = rules.service_ns(alone_ns[shard], machines[shard], factor[shard])
    else:
        for shard in range(shards):
            slowness = machines[shard * replicas + replica[shard]]
            service_ns[shard] = rules.service_ns(alone_ns[shard], slowness, factor[shard])
    response_row = stage * ROLES + RESPONSE
    if sampling.is_drawn(stage_laws, response_row):
        draws.first_block(seed, replication, draws.RESPONSE, query, place, shards, luck)
        sampling.quantiles(stage_laws, law_parts, law_points, response_row, shards, luck, factor)
        for shard in range(shards):
            response_ns[shard] = rules.round_ns(factor[shard])
    else:
        same_ns = rules.round_ns(stage_laws[response_row]["a"])
        for shard in range(shards):
            response_ns[shard] = same_ns
    if rules.is_load_aware(stages[stage]["policy"]):
        weighs_work = rules.weighs_work(stages[stage]["policy"])
        for shard in range(shards):
            load[shard] = rules.round_ns(alone_ns[shard]) if weighs_work else 1
    return candidates, view


@kernel
def _items(stages, share, seed, replication, query, stage, candidates, items):  # type: ignore[no-untyped-def]
    """Fill ``items`` with the candidates that fall on each shard: by share, or by hash."""
    first = stages[stage]["first_shard"]
    shards = stages[stage]["shards"]
    if stages[stage]["hashed"] == 0:
        for shard in range(shards):
            items[shard] = candidates * share[first + shard]
        return
    draws.first_block(seed, replication, draws.SPLIT, query, stage * draws.PLACES, shards, items)
    left = rules.round_ns(candidates)
    share_left = 1.0
    for shard in range(shards):
        fell = left
        if shard + 1 < shards:
            chance = share[first + shard] / share_left if share_left > 0.0 else 0.0
            fell = part(left, chance, items[shard])
        left -= fell
        share_left -= share[first + shard]
        items[shard] = float(fell)


@kernel
def _choose_all(  # type: ignore[no-untyped-def]
    stages, addresses, fault, outstanding, seed, replication, query, stage, view, pooled, scratch, replica
):
    """Fill ``replica`` where there is a choice; arguments as of ``dispatch``. Luck is drawn only where it matters."""
    luck = scratch[_LUCK]
    more_luck = scratch[_MORE_LUCK]
    shards = stages[stage]["shards"]
    replicas = stages[stage]["replicas"]
    first_lost = stages[stage]["first_lost"]
    end_lost = first_lost + stages[stage]["lost"]
    policy = stages[stage]["policy"]
    address = addresses[stage]
    place = stage * draws.PLACES
    if stages[stage]["by_query"] == 1:
        for i in range(replicas):
            pooled[i] = 0
        if rules.is_load_aware(policy):
            for shard in range(shards):
                for i in range(replicas):
                    pooled[i] += outstanding[view + shard * replicas + i]
        u, v = draws.uniforms(seed, replication, draws.ROUTE, query, place, draws.FIRST_COPY)
        left = rules.replicas_left(stages, stage, first_lost)  # of all shards alike
        if address == 0:
            chosen = rules.choose(policy, left, pooled, rules.NOTHING, query, u, v)
        else:
            chosen = call_rule(address, left, pooled, rules.NOTHING, query, u, v)
            if not 0 <= chosen < left:
                _note(fault, query, stage, rules.NOTHING, left, pooled, rules.NOTHING, query, u, v, chosen)
                chosen = rules.NOTHING
        for shard in range(shards):
            replica[shard] = chosen
    elif policy == RANDOM:
        draws.first_block(seed, replication, draws.ROUTE, query, place, shards, luck)
        for shard in range(shards):
            replica[shard] = int(luck[shard] * replicas)
        for shard in range(first_lost, end_lost):
            replica[shard] = int(luck[shard] * (replicas - 1))
    elif policy == ROUND_ROBIN:
        for shard in range(shards):
            replica[shard] = (query + shard) % replicas
        for shard in range(first_lost, end_lost):
            replica[shard] = (query + shard) % (replicas - 1)
    elif address == 0:
        draws.block(seed, replication, draws.ROUTE, query, place, shards, luck, more_luck)
        for shard in range(shards):
            first = view + shard * replicas
            left = rules.replicas_left(stages, stage, shard)
            u, v = luck[shard], more_luck[shard]
            replica[shard] = rules.choose(policy, left, outstanding, first, query + shard, u, v)
    else:
        draws.block(seed, replication, draws.ROUTE, query, place, shards, luck, more_luck)
        for shard in range(shards):
            first = view + shard * replicas
            left = rules.replicas_left(stages, stage, shard)
            turn, u, v = query + shard, luck[shard], more_luck[shard]
            chosen = call_rule(address, left, outstanding, first, turn, u, v)
            if not 0 <= chosen < left:
                _note(fault, query, stage, shard, left, outstanding, first, turn, u, v, chosen)
                chosen = rules.NOTHING
            replica[shard] = chosen


@kernel
def _note(fault, query, stage, shard, replicas, outstanding, first, turn, u, v, answer):  # type: ignore[no-untyped-def]
    """Keep the first call of a user's rule that went wrong, whole: it can be made again."""
    if fault[IS] == 1:
        return
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
