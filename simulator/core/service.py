"""How long: the service time of a task, at its start, the latency of its answer, and what its worker does after it.

An event by event engine asks at the moment; one that looks ahead asks for a block of queries in its pass. The figures
are the same to the bit, for luck has names.
"""

from simulator.core import draws, rules
from simulator.core.batching import padded
from simulator.core.jit import formula, kernel, passage
from simulator.core.laws import sampling
from simulator.core.plan import AFTER, F8, I8, NONE, RESPONSE, ROLES, TASK, TIME, Rows
from simulator.core.work import AFTERWARDS, FACTOR, LUCK, RESPONDING, cost_ns, draw_block


@formula
def service_ns(alone_ns: float, machine_factor: float, task_factor: float) -> int:
    """Service time of a task: its time alone, slowed by its machine and its luck, at least 1 ns."""
    return max(1, rules.round_ns(alone_ns * machine_factor * task_factor))


@formula
def has_own_factor(laws: Rows, stage: int) -> bool:
    """Whether a task's factor is drawn: a law of the whole time has the spread itself."""
    is_timed = laws[stage * ROLES + TIME]["kind"] != NONE
    return not is_timed and sampling.is_drawn(laws, stage * ROLES + TASK)


@formula
def same_factor(laws: Rows, stage: int) -> float:
    """The factor of every task where none is drawn."""
    is_timed = laws[stage * ROLES + TIME]["kind"] != NONE
    return 1.0 if is_timed else laws[stage * ROLES + TASK]["a"]


@formula
def stays_taken(laws: Rows, stage: int) -> bool:
    """Whether a worker is not free when its answer leaves, but later (or at the same instant, if that takes 0 ns)."""
    return laws[stage * ROLES + AFTER]["kind"] != NONE  # type: ignore[no-any-return]


@passage
def fill_factors(
    stages: Rows, run: Rows, laws: Rows, parts: Rows, points: F8, stage: int, queries: int, reals: F8, wholes: I8
) -> None:
    """Fill FACTOR of a block of queries where each task has its own; it overwrites LUCK."""
    if has_own_factor(laws, stage):
        shards = stages[stage]["shards"]
        draw_block(run, draws.TASK, stage, queries, shards, wholes, reals[LUCK])
        row = stage * ROLES + TASK
        sampling.quantiles(laws, parts, points, row, queries * shards, reals[LUCK], reals[FACTOR])


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
def batch_ns(stages: Rows, knot_items: F8, knot_ns: F8, knot_slope: F8, points: F8, stage: int, items: float) -> float:
    """Time alone of a batch of so many effective items in all, float64 ns; ``points``: ``batch_points``."""
    return cost_ns(stages, knot_items, knot_ns, knot_slope, stage, padded(stages, points, stage, items))


@formula
def service_of(
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
    factor = same_factor(laws, stage)
    if has_own_factor(laws, stage):
        factor = draw_one(run, laws, parts, points, draws.TASK, stage * ROLES + TASK, stage, query, shard, copy)
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
