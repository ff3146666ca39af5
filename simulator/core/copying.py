"""Whom and how much, of a copy of a task that has no answer yet: as ``routing`` and ``work`` say it of the first.

A copy has luck of its own; its items are those of the task. ``stages`` is the (stages,) STAGE array of a Plan.
"""

from simulator.core import draws, rules
from simulator.core.heard import is_fed, look
from simulator.core.jit import formula, kernel
from simulator.core.laws import sampling
from simulator.core.outages import back_ns, find_there
from simulator.core.plan import F8, I8, NONE, TIME, Rows
from simulator.core.routing import choose, replicas_left, rule_choice, view_of
from simulator.core.sources import source_of
from simulator.core.work import cost_ns, depends_on_items

#: That no replica is left for a copy.
NOWHERE = -1


@formula
def is_among(holding: I8, replica: int) -> bool:
    """Whether a replica is one of these."""
    found = False
    for i in range(holding.shape[0]):
        found = found or holding[i] == replica
    return found


@formula
def may_get(stages: Rows, outages: Rows, stage: int, shard: int, replica: int, now: int, holding: I8, down: I8) -> bool:
    """Whether a copy may be sent to a replica: it is there, and holds none."""
    return back_ns(stages, outages, stage, shard, replica, now, down) == now and not is_among(holding, replica)


@kernel
def replica_of_copy(
    stages: Rows,
    run: Rows,
    left: I8,
    outages: Rows,
    down: I8,
    outstanding: I8,
    fault: I8,
    stage: int,
    query: int,
    shard: int,
    copy: int,
    now: int,
    holding: I8,
    seen: I8,
) -> int:
    """Index of the replica that a copy is sent to: by the rule of the stage, of those there that hold none, or NOWHERE.

    Parameters
    ----------
    stages, run, left, outages, down, outstanding, fault
        As of ``outages.route_there``.
    stage, query, shard, copy, now
        Whose, and when it is sent.
    holding
        (copies sent,) int64 indices of the replicas that the task was sent to.
    seen
        (replicas,) scratch: what is outstanding at those that are left, numbered anew.
    """
    here, view = replicas_left(stages, left, stage, shard), view_of(stages, run, query, stage)
    count, chosen, turn = rules.NOTHING, rules.NOTHING, query + shard
    first = view + shard * stages[stage]["replicas"]
    if is_fed(stages[stage]["policy"]):
        look(stages, outstanding, stage, first, here, now)
    for replica in range(here):
        if may_get(stages, outages, stage, shard, replica, now, holding, down):
            seen[count] = outstanding[first + replica]
            count += 1
    if count == 0:
        return NOWHERE
    place, address = stage * draws.PLACES + shard, stages[stage]["address"]
    u, v = draws.uniforms(run[0]["seed"], run[0]["replication"], draws.ROUTE, query, place, copy)
    if address == 0:
        chosen = choose(stages[stage]["policy"], count, seen, rules.NOTHING, turn, u, v)
    else:
        chosen = rule_choice(address, count, seen, rules.NOTHING, turn, u, v, fault, query, stage, shard)
    found = NOWHERE
    for replica in range(here):
        if may_get(stages, outages, stage, shard, replica, now, holding, down):
            if chosen == 0:
                found = replica
            chosen -= 1
    return found


@kernel
def replica_of_lost(
    stages: Rows,
    run: Rows,
    left: I8,
    outages: Rows,
    down: I8,
    outstanding: I8,
    fault: I8,
    stage: int,
    query: int,
    shard: int,
    number: int,
    now: int,
    there: I8,
    seen: I8,
) -> tuple[int, int]:
    """Index of the replica that a lost task is sent to again, by the rule of the stage, and when it is sent.

    Of those that are there; or back first, where all are out. Parameters are as of ``replica_of_copy``; ``number``:
    of the copy; ``there``: (replicas,) scratch, too.
    """
    here, policy = replicas_left(stages, left, stage, shard), stages[stage]["policy"]
    first = view_of(stages, run, query, stage) + shard * stages[stage]["replicas"]
    if is_fed(policy):
        look(stages, outstanding, stage, first, here, now)
    count, soonest = find_there(stages, outages, stage, shard, here, now, there, down)
    for i in range(count):
        seen[i] = outstanding[first + there[i]]
    place, address, chosen = stage * draws.PLACES + shard, stages[stage]["address"], rules.NOTHING
    turn = query + shard + number
    u, v = draws.uniforms(run[0]["seed"], run[0]["replication"], draws.ROUTE, query, place, number)
    if address == 0:
        chosen = choose(policy, count, seen, rules.NOTHING, turn, u, v)
    else:
        chosen = rule_choice(address, count, seen, rules.NOTHING, turn, u, v, fault, query, stage, shard)
    return there[chosen], soonest


@kernel
def alone_of_copy(
    stages: Rows,
    sources: Rows,
    run: Rows,
    laws: Rows,
    parts: Rows,
    points: F8,
    knot_items: F8,
    knot_ns: F8,
    knot_slope: F8,
    stage: int,
    query: int,
    shard: int,
    copy: int,
    items: float,
    factor: float,
    alone_ns: float,
) -> float:
    """Time alone of a copy, float64 ns: that of the first, ``alone_ns``, or where a law says it, drawn anew.

    ``items``: the effective ones of the task; ``factor``: the work factor of its query.
    """
    source = source_of(stages, sources, stage, shard)
    row = sources[source]["law"] + TIME
    if laws[row]["kind"] == NONE:
        return alone_ns
    place = stage * draws.PLACES + shard
    u, _ = draws.uniforms(run[0]["seed"], run[0]["replication"], draws.TASK, query, place, copy)
    time_ns = sampling.quantile(laws, parts, points, row, u) * factor
    if depends_on_items(sources, laws, knot_ns, knot_slope, source):
        return cost_ns(sources, knot_items, knot_ns, knot_slope, source, items) + time_ns
    return time_ns
