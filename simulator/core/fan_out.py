"""Which shards a query visits, where it does not visit all of them, and what it waits for then.

A query visits as many shards as a law of counts says: those whose luck is least. The luck is its own; or that of a key
that is drawn for it, so that all queries of a key visit the same shards, and a popular key makes them busier. What
falls on a shard is as if all were visited. ``stages`` is the (stages,) STAGE array of a Plan.
"""

import numpy as np

from simulator.core import draws, rules
from simulator.core.jit import formula, kernel
from simulator.core.laws import sampling
from simulator.core.plan import F8, I8, KEY, NONE, ROLES, Plan, Rows
from simulator.core.plan import VISITS as OF_VISITS
from simulator.core.work import LUCK, MORE_LUCK, SCORED, SHARE, TAKES, TAKING, VISITED, VISITS, WHO

#: A query that visits some shards: how many, the sum of their shares, and how many answers close its stage.
VISIT = np.dtype([("shards", np.int64), ("share", np.float64), ("wait_for", np.int64)])

#: The luck of a shard that takes no part: more than any. The shares of some may come to 1 where others have none.
BEYOND, ALMOST = 2.0, 1.0 - 2.0**-53


@formula
def fans_out(stages: Rows, stage: int) -> bool:
    """Whether a query may leave some shards of a stage out."""
    return stages[stage]["fans_out"] == 1  # type: ignore[no-any-return]


@formula
def within(stages: Rows, stage: int, drawn: float) -> int:
    """How many shards are visited, of what a law says: the nearest whole number, at least one and at most all."""
    shards = stages[stage]["shards"]
    return max(1, min(shards, rules.round_ns(min(max(drawn, 0.0), shards))))  # type: ignore[no-any-return]


@kernel
def visits_of(stages: Rows, run: Rows, laws: Rows, parts: Rows, points: F8, stage: int, query: int) -> int:
    """How many shards of a stage a query visits."""
    row, u = stage * ROLES + OF_VISITS, 0.5
    if laws[row]["kind"] == NONE:
        return stages[stage]["shards"]  # type: ignore[no-any-return]
    if sampling.is_drawn(laws, row):
        place = stage * draws.PLACES
        seed, replication = run[0]["seed"], run[0]["replication"]
        u, _ = draws.uniforms(seed, replication, draws.FANOUT_COUNT, query, place, draws.FIRST_COPY)
    return within(stages, stage, sampling.quantile(laws, parts, points, row, u))


@kernel
def name_of(run: Rows, laws: Rows, parts: Rows, points: F8, stage: int, query: int) -> int:
    """Whose luck says which shards a query visits: its own, or that of its key."""
    row = stage * ROLES + KEY
    if laws[row]["kind"] == NONE:
        return query
    u, place = 0.5, stage * draws.PLACES
    if sampling.is_drawn(laws, row):
        seed, replication = run[0]["seed"], run[0]["replication"]
        u, _ = draws.uniforms(seed, replication, draws.FANOUT_KEY, query, place, draws.FIRST_COPY)
    return int(sampling.quantile(laws, parts, points, row, u))


@kernel
def least_of(values: F8, count: int, rank: int) -> float:
    """The ``rank``-th least, from 1, of the first ``count`` values, which are put into another order (Hoare, 1961)."""
    low, high, wanted = 0, count - 1, rank - 1
    while low < high:
        middle = values[(low + high) >> 1]
        i, j = low, high
        while i <= j:
            while values[i] < middle:
                i += 1
            while values[j] > middle:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if wanted <= j:
            high = j
        elif wanted >= i:
            low = i
        else:
            break
    return values[wanted]  # type: ignore[no-any-return]


@kernel
def mark(run: Rows, stage: int, name: int, shards: int, visits: int, luck: F8, scratch: F8, visited: I8) -> None:
    """Set ``visited`` of the ``visits`` shards whose luck is least to 1, of ties the first; of the others to 0.

    Those of which it is below 0 take no part. ``name``: whose luck. ``luck`` and ``scratch``: (shards,) float64,
    overwritten.
    """
    seed, replication = run[0]["seed"], run[0]["replication"]
    draws.first_block(seed, replication, draws.FANOUT, name, stage * draws.PLACES, shards, luck)
    for shard in range(shards):
        if visited[shard] < 0:
            luck[shard] = BEYOND
        scratch[shard] = luck[shard]
    last, left = least_of(scratch, shards, visits), visits
    for shard in range(shards):
        visited[shard] = 1 if luck[shard] < last else 0
        left -= visited[shard]
    for shard in range(shards):
        if luck[shard] == last and left > 0:
            visited[shard] = 1
            left -= 1


@formula
def enough(stages: Rows, stage: int, visits: int) -> int:
    """How many answers of so many visited shards close a stage: a number, or parts of them, rounded up."""
    wanted, parts = stages[stage]["wait_for"], stages[stage]["wait_parts"]
    return min(wanted, visits) if parts == 0 else (wanted * visits + parts - 1) // parts  # type: ignore[no-any-return]


@kernel
def visit(
    stages: Rows,
    run: Rows,
    laws: Rows,
    parts: Rows,
    points: F8,
    share: F8,
    stage: int,
    query: int,
    luck: F8,
    scratch: F8,
    visited: I8,
) -> tuple[int, float]:
    """Fill ``visited``, (shards,) 1 or 0, of a query in a stage; returns how many it visits, and their share.

    The share is exactly 1 where all are visited. ``luck`` and ``scratch``: (shards,) float64, overwritten. Of a shard
    that takes no part ``visited`` is below 0 before.
    """
    shards, first = stages[stage]["shards"], stages[stage]["first_shard"]
    takes = shards
    for shard in range(shards):
        if visited[shard] < 0:
            takes -= 1
    visits = min(takes, visits_of(stages, run, laws, parts, points, stage, query))
    if visits == shards:
        for shard in range(shards):
            visited[shard] = 1
        return visits, 1.0
    mark(run, stage, name_of(run, laws, parts, points, stage, query), shards, visits, luck, scratch, visited)
    total = 0.0
    for shard in range(shards):
        if visited[shard] == 1:
            total += share[first + shard]
    return visits, total


@formula
def part_of_part(share: float, whole: float) -> float:
    """What a share is of that of all that take part."""
    if whole == 1.0:
        return share
    return share / whole if whole > 0.0 else 0.0


@kernel
def visits_of_block(
    stages: Rows,
    run: Rows,
    laws: Rows,
    parts: Rows,
    points: F8,
    share: F8,
    stage: int,
    queries: int,
    reals: F8,
    wholes: I8,
) -> None:
    """Fill VISITED, VISITS and SHARE of a block of queries, and take what is not visited from SCORED.

    Arguments as of ``work.work_of_block``, which comes before. LUCK and MORE_LUCK are overwritten. Nothing is done in a
    stage whose queries visit all shards.
    """
    if not fans_out(stages, stage):
        return
    shards = stages[stage]["shards"]
    for i in range(queries):
        here = slice(i * shards, (i + 1) * shards)
        luck, scratch, visited = reals[LUCK, here], reals[MORE_LUCK, here], wholes[VISITED, here]
        query, takes, whole = wholes[WHO, i], shards, 1.0
        for shard in range(shards):
            visited[shard] = 0
        if stages[stage]["follows"] == 1:
            whole = reals[TAKING, i]
            for shard in range(shards):
                visited[shard] = wholes[TAKES, shard] - 1
                takes += visited[shard]
        wholes[VISITS, i], reals[SHARE, i] = visit(
            stages, run, laws, parts, points, share, stage, query, luck, scratch, visited
        )
        if wholes[VISITS, i] < takes:
            reals[SCORED, i] *= part_of_part(reals[SHARE, i], whole)


def visited_shards(plan: Plan, stage: int, query: int, takes: I8 | None = None) -> tuple[I8, float]:
    """The shards of a stage that a query visits, in order, and the sum of their shares.

    ``takes``: (shards,) 1 or 0, whether each takes part; None: all do.
    """
    shards = int(plan.stages[stage]["shards"])
    if not fans_out(plan.stages, stage):
        return np.arange(shards), 1.0
    laws = plan.laws, plan.law_parts, plan.law_points
    luck, scratch, visited = np.empty(shards), np.empty(shards), np.zeros(shards, dtype=np.int64)
    if takes is not None:
        visited += takes - 1
    _, share = visit(plan.stages, plan.run_row(), *laws, plan.share, stage, query, luck, scratch, visited)
    return np.flatnonzero(visited), float(share)


def scored_of(plan: Plan, stage: int, visited: I8, share: float, takes: I8 | None) -> float:
    """Which part of its candidates is scored on the shards that a query visits, whose shares have this sum."""
    if takes is None:
        return share
    first, whole = int(plan.stages[stage]["first_shard"]), 0.0
    for shard in np.flatnonzero(takes):
        whole += float(plan.share[first + shard])
    return 1.0 if len(visited) == int(takes.sum()) else part_of_part(share, 1.0 if takes.all() else min(whole, ALMOST))


def may_fan_out(plan: Plan) -> bool:
    """Whether some query of a plan may leave out some shards of a stage."""
    return bool((plan.stages["fans_out"] == 1).any())
