"""How much: the candidates that a stage scores for a query, and the time alone of each of its tasks; at sending.

Both engines call this. Luck has names, not an order, so it is drawn for a block of queries at once, and each step is a
loop over all their tasks that the compiler vectorises. Task j of a block is that of query j // shards at shard
j % shards.
"""

from simulator.core import draws, rules
from simulator.core.batching import is_batched
from simulator.core.hedging import sends_again
from simulator.core.jit import kernel, passage
from simulator.core.laws import sampling
from simulator.core.plan import CANDIDATES, CONSTANT, F8, I8, NONE, TIME, Rows
from simulator.core.sources import end_of, has_sources
from simulator.core.split import part

#: Rows of scratch, (REALS, tasks of a block) float64: uniforms; the time alone in ns; the task factor; and, with an
#: entry a query, the candidates that are handed on to the stage, and those scored here. And the effective items of each
#: task, where batches are made or copies sent; with an entry a query, the sum of the shares of the shards it visits;
#: and where it goes to those alone where it has been, the sum of theirs.
LUCK, MORE_LUCK, ALONE, FACTOR, PREVIOUS, SCORED, ITEMS, SHARE, TAKING = range(9)
REALS = 9

#: Rows of what goes with a block, (WHOLES, tasks) int64. Of each task: its query and place, the names of its luck;
#: replica within the shard, service time, response latency, and what counts as outstanding; waiting time, instants of
#: finish and answer, and worker, as a pass finds them. With an entry a query: who it is, when it enters and closes, and
#: its critical column. With an entry a replica of a shard: what is outstanding at those of that index in all shards.
#: And of each task how long its worker stays taken when its answer has gone, where it does; with an entry a replica of
#: a shard, those that are there while others are out; and of each task how long it waits for them with its sender.
#: Where a query may leave shards out: whether each is visited, and with an entry a query how many are; and of each task
#: whether its shard takes part, where it goes to those alone where it has been. And with an entry a query its class.
NAME, PLACE, REPLICA, SERVICE, RESPONDING, LOAD, WAITED, FINISHED, ANSWERED, WORKER = range(10)
WHO, ENTER, CLOSES, LANE, POOLED, AFTERWARDS, THERE, HELD, VISITED, VISITS, TAKES, OF_CLASS = range(10, 22)
WHOLES = 22

#: Up to so many shards the luck of a block is drawn in one pass over all its tasks; beyond, query by query.
FEW = 40


@passage
def cost_ns(sources: Rows, knot_items: F8, knot_ns: F8, knot_slope: F8, source: int, items: float) -> float:
    """Time alone of a task over ``items`` >= 0 effective items, float64 ns: the source's piecewise-linear cost."""
    knot = sources[source]["first_knot"]
    end = knot + sources[source]["knots"]
    while end - knot > 1:  # knot_items[knot] <= items < knot_items[end]
        middle = (knot + end) >> 1
        if knot_items[middle] <= items:
            knot = middle
        else:
            end = middle
    return knot_ns[knot] + (items - knot_items[knot]) * knot_slope[knot]  # type: ignore[no-any-return]


@passage
def depends_on_items(sources: Rows, laws: Rows, knot_ns: F8, knot_slope: F8, source: int) -> bool:
    """Whether a source's time depends on items: it has no law of a time, or a cost of items besides (in a sum)."""
    knot = sources[source]["first_knot"]
    has_cost = sources[source]["knots"] > 1 or knot_ns[knot] > 0.0 or knot_slope[knot] > 0.0
    return has_cost or laws[sources[source]["law"] + TIME]["kind"] == NONE  # type: ignore[no-any-return]


@passage
def candidates_of_source(
    sources: Rows,
    run: Rows,
    laws: Rows,
    parts: Rows,
    points: F8,
    stage: int,
    source: int,
    query: int,
    of_class: int,
    previous: float,
) -> float:
    """Candidates scored for a query in a source: those of its class there, or its own, else what is handed on.

    ``previous``: that. Own counts are drawn, a law of counts, at the place of its first shard; below 0 counts as 0.
    """
    row = sources[source]["law"] + CANDIDATES
    if sources[source]["classes"] > 0 and laws[sources[source]["by_class"] + of_class]["kind"] != NONE:
        row = sources[source]["by_class"] + of_class
    kind = laws[row]["kind"]
    if kind == NONE:
        return previous
    if kind == CONSTANT:
        return max(0.0, laws[row]["a"])  # type: ignore[no-any-return]
    seed, replication, place = run[0]["seed"], run[0]["replication"], stage * draws.PLACES + sources[source]["first"]
    u, _ = draws.uniforms(seed, replication, draws.CANDIDATES, query, place, draws.FIRST_COPY)
    return max(0.0, sampling.quantile(laws, parts, points, row, u))


@passage
def candidates_of(
    stages: Rows,
    sources: Rows,
    run: Rows,
    laws: Rows,
    parts: Rows,
    points: F8,
    query: int,
    of_class: int,
    stage: int,
    previous: float,
) -> float:
    """Candidates scored for a query in a stage: those of all its sources. ``previous``: as above."""
    first, total = stages[stage]["first_source"], 0.0
    if not has_sources(stages, stage):
        return candidates_of_source(sources, run, laws, parts, points, stage, first, query, of_class, previous)
    for source in range(first, first + stages[stage]["sources"]):
        total += candidates_of_source(sources, run, laws, parts, points, stage, source, query, of_class, previous)
    return total


@passage
def name_tasks(stages: Rows, stage: int, queries: int, wholes: I8) -> None:
    """Fill NAME and PLACE of the tasks of a block from WHO, where they are looked at."""
    shards = stages[stage]["shards"]
    if queries == 1 or shards > FEW:
        return
    place = stage * draws.PLACES
    for i in range(queries):
        for shard in range(shards):
            wholes[NAME, i * shards + shard] = wholes[WHO, i]
            wholes[PLACE, i * shards + shard] = place + shard


@kernel
def draw_block(run: Rows, stream: int, stage: int, queries: int, shards: int, wholes: I8, luck: F8) -> None:
    """Fill ``luck`` with the uniform u of each task of a block; its names are in NAME and PLACE."""
    seed, replication = run[0]["seed"], run[0]["replication"]
    if queries == 1 or shards > FEW:
        for i in range(queries):
            here = luck[i * shards : (i + 1) * shards]
            draws.first_block(seed, replication, stream, wholes[WHO, i], stage * draws.PLACES, shards, here)
    else:
        draws.first_of_names(seed, replication, stream, wholes[NAME], wholes[PLACE], queries * shards, luck)


@kernel
def fill_items(
    sources: Rows, run: Rows, share: F8, query: int, place: int, source: int, candidates: float, items: F8
) -> None:
    """Fill ``items`` with a query's candidates on each shard of a source: by share, or by hash.

    ``share``: of these shards in the source; ``place``: of the first of them.
    """
    shards = items.shape[0]
    if sources[source]["hashed"] == 0:
        for shard in range(shards):
            items[shard] = candidates * share[shard]
        return
    seed, replication = run[0]["seed"], run[0]["replication"]
    draws.first_block(seed, replication, draws.SPLIT, query, place, shards, items)
    left = rules.round_ns(candidates)
    share_left = 1.0
    for shard in range(shards):
        fell = left
        if shard + 1 < shards:
            chance = share[shard] / share_left if share_left > 0.0 else 0.0
            fell = part(left, chance, items[shard])
        left -= fell
        share_left -= share[shard]
        items[shard] = float(fell)


@kernel
def fill_part(
    sources: Rows,
    run: Rows,
    share: F8,
    place: int,
    source: int,
    candidates: float,
    items: F8,
    reals: F8,
    wholes: I8,
) -> None:
    """The same where some shards take part, TAKES, by their shares among these: of a block of one query."""
    shards, whole = items.shape[0], reals[TAKING, 0]
    if sources[source]["hashed"] == 0:
        for shard in range(shards):
            mine = share[shard] * wholes[TAKES, shard]
            items[shard] = candidates * (mine / whole) if whole > 0.0 else 0.0
        return
    seed, replication = run[0]["seed"], run[0]["replication"]
    draws.first_block(seed, replication, draws.SPLIT, wholes[WHO, 0], place, shards, items)
    left, last = rules.round_ns(candidates), 0
    for shard in range(shards):
        if wholes[TAKES, shard] == 1:
            last = shard
    for shard in range(shards):
        fell = 0
        if wholes[TAKES, shard] == 1:
            fell = left
            if shard != last:
                chance = share[shard] / whole if whole > 0.0 else 0.0
                fell = part(left, chance, items[shard])
            left -= fell
            whole -= share[shard]
        items[shard] = float(fell)


@passage
def looks_at_items(stages: Rows, stage: int) -> bool:
    """Whether more of a stage than the time alone of its tasks depends on items."""
    return is_batched(stages, stage) or sends_again(stages, stage)


@kernel
def work_of_block(
    stages: Rows,
    sources: Rows,
    run: Rows,
    laws: Rows,
    parts: Rows,
    points: F8,
    share: F8,
    knot_items: F8,
    knot_ns: F8,
    knot_slope: F8,
    stage: int,
    queries: int,
    factors: F8,
    reals: F8,
    wholes: I8,
) -> None:
    """Fill SCORED and ALONE of a block of queries, and ITEMS where batches are made or copies sent.

    Parameters
    ----------
    stages, sources, run, laws, parts, points, share, knot_items, knot_ns, knot_slope
        Of the Plan; ``share``: in the source.
    stage, queries
        Where; of the block, whose WHO, OF_CLASS, NAME, PLACE are filled, and PREVIOUS: candidates that are handed on.
    factors
        (queries of the run,) work factors, or (1,) where all have the same.
    reals, wholes
        Scratch, see their rows. LUCK and FACTOR are overwritten.
    """
    first, shards, is_drawn = stages[stage]["first_source"], stages[stage]["shards"], False
    for source in range(first, first + stages[stage]["sources"]):
        is_drawn = is_drawn or sampling.is_drawn(laws, sources[source]["law"] + TIME)
    for i in range(queries):
        reals[SCORED, i] = candidates_of(
            stages,
            sources,
            run,
            laws,
            parts,
            points,
            wholes[WHO, i],
            wholes[OF_CLASS, i],
            stage,
            reals[PREVIOUS, i],
        )
    if is_drawn:
        draw_block(run, draws.TASK, stage, queries, shards, wholes, reals[LUCK])
    for source in range(first, first + stages[stage]["sources"]):
        work_of_source(
            stages,
            sources,
            run,
            laws,
            parts,
            points,
            share,
            knot_items,
            knot_ns,
            knot_slope,
            stage,
            source,
            queries,
            factors,
            reals,
            wholes,
        )


@kernel
def work_of_source(
    stages: Rows,
    sources: Rows,
    run: Rows,
    laws: Rows,
    parts: Rows,
    points: F8,
    share: F8,
    knot_items: F8,
    knot_ns: F8,
    knot_slope: F8,
    stage: int,
    source: int,
    queries: int,
    factors: F8,
    reals: F8,
    wholes: I8,
) -> None:
    """Fill ALONE and ITEMS of the tasks of one source; the rest is as above, with SCORED, and LUCK of times."""
    shards, first = stages[stage]["shards"], sources[source]["first"]
    count, time_row = end_of(stages, sources, stage, source) - first, sources[source]["law"] + TIME
    is_timed = laws[time_row]["kind"] != NONE
    has_cost = depends_on_items(sources, laws, knot_ns, knot_slope, source)
    last_factor, place = factors.shape[0] - 1, stage * draws.PLACES + first
    before = stages[stage]["first_shard"] + first
    mine = share[before : before + count]
    alone_ns, time_ns = reals[ALONE], reals[FACTOR]
    if has_cost:
        for i in range(queries):
            here, who, scored = i * shards + first, wholes[WHO, i], reals[SCORED, i]
            items = alone_ns[here : here + count]
            if has_sources(stages, stage):
                given, of_class = reals[PREVIOUS, i], wholes[OF_CLASS, i]
                scored = candidates_of_source(sources, run, laws, parts, points, stage, source, who, of_class, given)
            if stages[stage]["follows"] == 1 and reals[TAKING, i] < 1.0:
                fill_part(sources, run, mine, place, source, scored, items, reals, wholes)
            else:
                fill_items(sources, run, mine, who, place, source, scored, items)
            factor = factors[min(who, last_factor)]
            if looks_at_items(stages, stage):
                for shard in range(count):
                    reals[ITEMS, here + shard] = items[shard] * factor
            for shard in range(count):
                items[shard] = cost_ns(sources, knot_items, knot_ns, knot_slope, source, items[shard] * factor)
    if is_timed:
        if count == shards:
            sampling.quantiles(laws, parts, points, time_row, queries * shards, reals[LUCK], time_ns)
        for i in range(queries):
            here = i * shards + first
            factor = factors[min(wholes[WHO, i], last_factor)]
            alone, time = alone_ns[here : here + count], time_ns[here : here + count]
            if count < shards:
                sampling.quantiles(laws, parts, points, time_row, count, reals[LUCK][here:], time)
            if has_cost:
                for shard in range(count):
                    alone[shard] = alone[shard] + time[shard] * factor
            else:
                for shard in range(count):
                    alone[shard] = time[shard] * factor
