"""How long: the service time of a task, at its start, the latency of its answer, and what its worker does after it.

An event by event engine asks at the moment; one that looks ahead asks for a block of queries in its pass. The figures
are the same to the bit, for luck has names.
"""

from simulator.core import draws, rules
from simulator.core.batching import padded
from simulator.core.jit import formula, kernel, passage
from simulator.core.laws import sampling
from simulator.core.plan import AFTER, F8, I8, NONE, RESPONSE, ROLES, TASK, TIME, Rows
from simulator.core.sources import end_of, has_sources, source_of
from simulator.core.work import AFTERWARDS, FACTOR, LUCK, RESPONDING, cost_ns, draw_block


@formula
def service_ns(alone_ns: float, machine_factor: float, task_factor: float) -> int:
    """Service time of a task: its time alone, slowed by its machine and its luck, at least 1 ns."""
    return max(1, rules.round_ns(alone_ns * machine_factor * task_factor))


@formula
def draws_factor(sources: Rows, laws: Rows, source: int) -> bool:
    """Whether a task's factor is drawn in a source: a law of the whole time has the spread itself."""
    first = sources[source]["law"]
    return laws[first + TIME]["kind"] == NONE and sampling.is_drawn(laws, first + TASK)


@formula
def same_in_source(sources: Rows, laws: Rows, source: int) -> float:
    """The factor of every task of a source where none is drawn."""
    first = sources[source]["law"]
    return 1.0 if laws[first + TIME]["kind"] != NONE else laws[first + TASK]["a"]


@formula
def has_own_factor(stages: Rows, sources: Rows, laws: Rows, stage: int) -> bool:
    """Whether tasks of a stage have factors of their own: drawn, or those of its sources."""
    return has_sources(stages, stage) or draws_factor(sources, laws, stages[stage]["first_source"])


@formula
def same_factor(stages: Rows, sources: Rows, laws: Rows, stage: int) -> float:
    """The factor of every task where they have none of their own."""
    return same_in_source(sources, laws, stages[stage]["first_source"])


@formula
def stays_taken(laws: Rows, stage: int) -> bool:
    """Whether a worker is not free when its answer leaves, but later (or at the same instant, if that takes 0 ns)."""
    return laws[stage * ROLES + AFTER]["kind"] != NONE  # type: ignore[no-any-return]


@passage
def fill_factors(
    stages: Rows,
    sources: Rows,
    run: Rows,
    laws: Rows,
    parts: Rows,
    points: F8,
    stage: int,
    queries: int,
    reals: F8,
    wholes: I8,
) -> None:
    """Fill FACTOR of a block of queries where each task has its own; it overwrites LUCK."""
    if has_own_factor(stages, sources, laws, stage):
        first, shards, is_drawn = stages[stage]["first_source"], stages[stage]["shards"], False
        for source in range(first, first + stages[stage]["sources"]):
            is_drawn = is_drawn or draws_factor(sources, laws, source)
        if is_drawn:
            draw_block(run, draws.TASK, stage, queries, shards, wholes, reals[LUCK])
        if has_sources(stages, stage):
            fill_by_source(stages, sources, laws, parts, points, stage, queries, reals)
        else:
            row = sources[first]["law"] + TASK
            sampling.quantiles(laws, parts, points, row, queries * shards, reals[LUCK], reals[FACTOR])


@kernel
def fill_by_source(
    stages: Rows, sources: Rows, laws: Rows, parts: Rows, points: F8, stage: int, queries: int, reals: F8
) -> None:
    """The same of a stage with several sources, by what each draws with the LUCK of its tasks."""
    first, shards = stages[stage]["first_source"], stages[stage]["shards"]
    for source in range(first, first + stages[stage]["sources"]):
        begin, row = sources[source]["first"], sources[source]["law"] + TASK
        count = end_of(stages, sources, stage, source) - begin
        is_drawn, same = draws_factor(sources, laws, source), same_in_source(sources, laws, source)
        for i in range(queries):
            here = i * shards + begin
            if is_drawn:
                sampling.quantiles(laws, parts, points, row, count, reals[LUCK][here:], reals[FACTOR][here:])
            else:
                for task in range(here, here + count):
                    reals[FACTOR, task] = same


@passage
def fill_drawn(
    stages: Rows,
    run: Rows,
    laws: Rows,
    parts: Rows,
    points: F8,
    stream: int,
    row: int,
    stage: int,
    queries: int,
    reals: F8,
    wholes: I8,
    into: int,
) -> None:
    """Fill a row of ``wholes`` with durations of a block, drawn by the law in a row; it overwrites LUCK and FACTOR."""
    shards, lasts_ns = stages[stage]["shards"], wholes[into]
    draw_block(run, stream, stage, queries, shards, wholes, reals[LUCK])
    sampling.quantiles(laws, parts, points, row, queries * shards, reals[LUCK], reals[FACTOR])
    for task in range(queries * shards):
        lasts_ns[task] = rules.round_ns(reals[FACTOR, task])


@passage
def fill_responses(
    stages: Rows, run: Rows, laws: Rows, parts: Rows, points: F8, stage: int, queries: int, reals: F8, wholes: I8
) -> None:
    """Fill RESPONDING of a block of queries; it overwrites LUCK and FACTOR."""
    row, stream, tasks = stage * ROLES + RESPONSE, draws.RESPONSE, queries * stages[stage]["shards"]
    if sampling.is_drawn(laws, row):
        fill_drawn(stages, run, laws, parts, points, stream, row, stage, queries, reals, wholes, RESPONDING)
    else:
        response_ns, same_ns = wholes[RESPONDING], rules.round_ns(laws[row]["a"])
        for task in range(tasks):
            response_ns[task] = same_ns


@passage
def fill_afters(
    stages: Rows, run: Rows, laws: Rows, parts: Rows, points: F8, stage: int, queries: int, reals: F8, wholes: I8
) -> None:
    """Fill AFTERWARDS of a block of queries where workers stay taken; it overwrites LUCK and FACTOR."""
    row, stream, tasks = stage * ROLES + AFTER, draws.AFTER, queries * stages[stage]["shards"]
    if sampling.is_drawn(laws, row):
        fill_drawn(stages, run, laws, parts, points, stream, row, stage, queries, reals, wholes, AFTERWARDS)
    elif stays_taken(laws, stage):
        wholes[AFTERWARDS, :tasks] = rules.round_ns(laws[row]["a"])


@kernel
def draw_one(
    run: Rows,
    laws: Rows,
    parts: Rows,
    points: F8,
    stream: int,
    row: int,
    stage: int,
    query: int,
    shard: int,
    copy: int,
) -> float:
    """Value of the law in a row, for one copy of a task of a stage."""
    seed, replication, place = run[0]["seed"], run[0]["replication"], stage * draws.PLACES + shard
    u, _ = draws.uniforms(seed, replication, stream, query, place, copy)
    return sampling.quantile(laws, parts, points, row, u)


@passage
def batch_ns(
    stages: Rows,
    sources: Rows,
    knot_items: F8,
    knot_ns: F8,
    knot_slope: F8,
    points: F8,
    stage: int,
    shard: int,
    items: float,
) -> float:
    """Time alone of a batch of so many effective items in all, float64 ns; ``points``: ``batch_points``."""
    source = source_of(stages, sources, stage, shard)
    return cost_ns(sources, knot_items, knot_ns, knot_slope, source, padded(stages, points, stage, items))


@kernel
def factor_of(
    stages: Rows,
    sources: Rows,
    run: Rows,
    laws: Rows,
    parts: Rows,
    points: F8,
    stage: int,
    query: int,
    shard: int,
    copy: int,
) -> float:
    """The factor on the service time of one copy of a task."""
    source = source_of(stages, sources, stage, shard)
    if draws_factor(sources, laws, source):
        row = sources[source]["law"] + TASK
        return draw_one(run, laws, parts, points, draws.TASK, row, stage, query, shard, copy)
    return same_in_source(sources, laws, source)


@formula
def service_of(
    stages: Rows,
    sources: Rows,
    run: Rows,
    laws: Rows,
    parts: Rows,
    points: F8,
    stage: int,
    query: int,
    shard: int,
    copy: int,
    slowness: float,
    alone_ns: float,
) -> int:
    """Service time in ns of what takes ``alone_ns`` alone, at its start, with the luck of this copy of a task.

    ``slowness``: a factor of its machine, and of how busy that is.
    """
    factor = factor_of(stages, sources, run, laws, parts, points, stage, query, shard, copy)
    return service_ns(alone_ns, slowness, factor)


@formula
def response_of(run: Rows, laws: Rows, parts: Rows, points: F8, stage: int, query: int, shard: int, copy: int) -> int:
    """Latency in ns of the answer of one copy of a task."""
    row = stage * ROLES + RESPONSE
    if not sampling.is_drawn(laws, row):
        return rules.round_ns(laws[row]["a"])
    return rules.round_ns(draw_one(run, laws, parts, points, draws.RESPONSE, row, stage, query, shard, copy))


@formula
def after_of(run: Rows, laws: Rows, parts: Rows, points: F8, stage: int, query: int, shard: int, copy: int) -> int:
    """How long in ns a worker stays taken when its answers have gone, with the luck of the head of its batch."""
    row = stage * ROLES + AFTER
    if not sampling.is_drawn(laws, row):
        return rules.round_ns(laws[row]["a"])
    return rules.round_ns(draw_one(run, laws, parts, points, draws.AFTER, row, stage, query, shard, copy))
