"""What a table of tasks shows of the queue and the workers of a replica, held against the plan."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.core import copy_states, draws, rules
from simulator.core.background import is_background, wanted_beside
from simulator.core.beside import alone_ns_of
from simulator.core.classes import place_of, wanted
from simulator.core.columns import Columns
from simulator.core.copying import alone_of_copy
from simulator.core.disciplines import queue_key
from simulator.core.followed import Been
from simulator.core.following import find_part
from simulator.core.hedged import order_of_sending
from simulator.core.hosted import has_company
from simulator.core.laws import sampling
from simulator.core.limits import UNLIMITED, is_late, looks_at_delay, refuses
from simulator.core.lost import Downs
from simulator.core.plan import AFTER, F8, FIFO, I8, ROLES, SHORTEST, Plan, frozen
from simulator.core.plan import Rows as Stages
from simulator.core.refused import arrived_ns
from simulator.core.service import stays_taken
from simulator.core.violations import Rows, Violation, at
from simulator.core.work import ALONE, ITEMS, OF_CLASS, PREVIOUS, REALS, WHO, WHOLES, work_of_block

#: Later than any instant.
NEVER = np.iinfo(np.int64).max


def at_replica(plan: Plan, tasks: Rows, stage: int, replica: int, alone_ns: Sequence[F8 | None]) -> Iterator[Violation]:
    """Of the tasks that were sent to a replica of a stage; ``alone_ns``: of all stages, as of ``times_alone``."""
    is_joining = (tasks.enqueue_ns >= 0) | (tasks.state == copy_states.REFUSED)
    yield from fullness(plan, tasks.some(is_joining), stage, replica)
    yield from in_time(plan, tasks.some(tasks.enqueue_ns >= 0))
    if plan.stages[stage]["sharing"] == 1:
        return  # there is no queue
    queued = tasks.some(tasks.enqueue_ns >= 0)
    mixed = plan.is_batched[stage] and has_company(plan.stages, stage)
    rank, workers = ranks(plan, queued, stage, alone_ns), int(plan.stages[stage]["workers"])
    yield from queue(queued, workers, replica, rank, _in_turn(queued, mixed))
    yield from batches(plan, queued, replica, mixed)


def _in_turn(tasks: Rows, mixed: bool) -> list[I8]:
    """Which tasks of a replica are served in the order of their coming: all; or where batches are of one of several.

    stages, those of each, and the first of each batch among all that have not started.
    """
    if not mixed:
        return [np.arange(len(tasks.query))]
    started = np.flatnonzero(tasks.start_ns >= 0)
    heads = started[of_batch(tasks.some(started))[1]] if len(started) else started
    of_stages = [np.flatnonzero(tasks.stage == stage) for stage in np.unique(tasks.stage)]
    return [*of_stages, np.sort(np.concatenate((heads, np.flatnonzero(tasks.start_ns < 0))))]


def queue(tasks: Rows, workers: int, replica: int, rank: I8 | None, in_turn: Sequence[I8]) -> Iterator[Violation]:
    """At a replica: who is first is served first, and a worker serves one batch at a time.

    ``rank``: (tasks,) by the discipline, least first; None: first come, first served, among those of ``in_turn``.
    """
    place = {**tasks.place, "replica": replica}
    enqueue, start, worker = tasks.enqueue_ns, tasks.start_ns, tasks.worker
    end = freed(tasks)
    until = np.where(start >= 0, start, np.where(tasks.withdrawn_ns >= 0, tasks.withdrawn_ns, NEVER))  # it waits
    started = np.flatnonzero(start >= 0)
    order = started[np.lexsort(order_of_sending(tasks.some(started)))]
    broken = np.zeros((5, len(start)), dtype=bool)
    for some in in_turn if rank is None else ():
        among = np.zeros(len(start), dtype=bool)
        among[some] = True
        ours = order[among[order]]
        broken[0, ours[1:]] |= np.diff(start[ours]) < 0
        for task in ours:
            broken[1] |= among & (start < 0) & (enqueue < enqueue[task]) & (until > start[task])
    for task in started:
        if rank is not None:
            waiting = (enqueue <= start[task]) & (until > start[task])
            broken[4, task] = (rank[waiting] < rank[task]).any()
        under_way = (start >= 0) & (start <= start[task]) & (end > start[task])
        broken[2, task] = np.unique(np.stack((worker, start))[:, under_way], axis=1).shape[1] > workers
        broken[3, task] = (under_way & (worker == worker[task]) & (start != start[task])).any()
    for number, each in zip(("I26", "I27", "I28", "I29", "I48"), broken, strict=True):
        yield from at(number, each, place, enqueue_ns=enqueue, start_ns=start, worker=worker)
    outside = (start >= 0) & ((worker < 0) | (worker >= workers))
    yield from at("I31", outside, place, worker=worker, workers=workers)


def ranks(plan: Plan, tasks: Rows, stage: int, alone_ns: Sequence[F8 | None]) -> I8 | None:
    """(tasks,) of a replica of a stage: who is served before whom; None: first come, first served.

    ``alone_ns``: as ``times_alone`` gives them.
    """
    discipline = int(plan.stages[stage]["discipline"])
    if discipline == FIFO:
        return None
    count = len(tasks.query)
    number = np.empty(count, dtype=np.int64)
    number[np.lexsort(order_of_sending(tasks))] = np.arange(count)
    times = alone_ns_of(plan, tasks)
    for one in np.unique(tasks.stage).tolist():
        alone, mine = alone_ns[one], (tasks.stage == one) & (tasks.query >= 0)
        if alone is not None:
            times[mine] = alone[tasks.query[mine], tasks.shard[mine], tasks.copy[mine]]
    of_classes = plan.classes, plan.class_of, plan.arrival_ns, discipline
    besides = wanted_beside(plan.stages, stage, discipline)
    soon = [besides if is_background(query) else wanted(*of_classes, query) for query in tasks.query.tolist()]
    keys = [queue_key(discipline, *of) for of in zip(number.tolist(), times.tolist(), soon, strict=True)]
    rank = np.empty(count, dtype=np.int64)
    rank[np.lexsort((number, np.array(keys)))] = np.arange(count)
    return rank


def times_alone(plan: Plan, trace: Columns, stage: int, been_at: Been) -> F8 | None:
    """(queries, shards, copies) time alone of tasks of a stage, in ns; None where nothing there looks at that."""
    row = plan.stages[stage]
    if row["discipline"] != SHORTEST and row["sharing"] == 0:
        return None
    shards = int(row["shards"])
    alone_ns = np.zeros((plan.queries, shards, int(row["sendings"])))
    reals, wholes = np.zeros((REALS, shards)), np.zeros((WHOLES, shards), dtype=np.int64)
    for query in np.flatnonzero(trace.candidates[stage] >= 0):
        wholes[WHO, 0], wholes[OF_CLASS, 0] = query, place_of(plan.class_of, int(query))
        reals[PREVIOUS, 0] = trace.handed_to(plan, stage, np.array([query]))[0]
        luck = plan.run_row(), plan.laws, plan.law_parts, plan.law_points
        given = plan.stages, plan.sources, *luck, plan.source_share
        costs = plan.knot_items, plan.knot_ns, plan.knot_slope
        if stage in been_at:
            won = been_at[stage].astype(np.int32)
            find_part(_kept_first(plan, stage), plan.share, won, stage, reals, wholes)
        work_of_block(*given, *costs, stage, rules.ONE, plan.work, reals, wholes)
        alone_ns[query, :, 0] = reals[ALONE]
        for shard, copy in np.ndindex(shards, int(row["sendings"]) - 1):
            task = int(query), shard, copy + 1, reals[ITEMS, shard], plan.work[query], reals[ALONE, shard]
            alone_ns[query, shard, copy + 1] = alone_of_copy(*given[:6], *costs, stage, *task)
    return alone_ns


def _kept_first(plan: Plan, stage: int) -> Stages:
    """The stages where what is kept of whom a stage follows is kept first."""
    stages = plan.stages.copy()
    stages[int(stages[stage]["owner"])]["first_won"] = 0
    return frozen(stages)


def fullness(plan: Plan, tasks: Rows, stage: int, replica: int) -> Iterator[Violation]:
    """At a replica: whoever comes to a queue that is full, or has been late for long, is refused, and nobody else.

    At an instant workers are free, and tasks withdrawn, before others come; who starts does so after that.
    """
    row, is_refused = plan.stages[stage], (tasks.state == copy_states.REFUSED) & (tasks.enqueue_ns < 0)
    if not refuses(plan.stages, stage):
        yield from at("I57", is_refused, tasks.place, refused_ns=tasks.withdrawn_ns)
        return
    there = arrived_ns(tasks)
    order = np.lexsort(order_of_sending(tasks._replace(enqueue_ns=there)))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    joined = ~is_refused & (tasks.query >= 0)  # what a replica does besides takes no place in its queue
    gone = np.where(tasks.state == copy_states.REFUSED, tasks.withdrawn_ns + 1, tasks.withdrawn_ns)  # it would start
    until = np.where(tasks.start_ns >= 0, tasks.start_ns + 1, np.where(tasks.withdrawn_ns >= 0, gone, -1))
    waits = joined & (rank < rank[:, np.newaxis]) & ((until < 0) | (until > there[:, np.newaxis]))
    started = tasks.some(tasks.start_ns >= 0)
    _, heads = of_batch(started) if len(started.start_ns) else (there, np.zeros(0, dtype=np.int64))
    begun, over = started.start_ns[heads], freed(started)[heads] if len(heads) else there[:0]
    busy = ((begun < there[:, np.newaxis]) & (over > there[:, np.newaxis])).sum(axis=1)
    downs = Downs(plan, stage)
    is_down = np.array([downs.is_down(replica, now) for now in there.tolist()], dtype=bool)
    waiting, free = waits.sum(axis=1), np.where(is_down, 0, row["workers"] - busy)
    is_full = (waiting >= row["limit"] + row["max_size"] * free) & (row["limit"] != UNLIMITED)
    if looks_at_delay(plan.stages, stage):
        is_full |= _late(plan, tasks, stage, waiting, rank) == 1
    if row["sharing"] == 1:  # who is there starts
        is_full |= are_dropped(plan, tasks, there)
    place = {**tasks.place, "replica": replica}
    is_full &= tasks.query >= 0  # nobody has sent it, so nobody is refused
    yield from at("I57", is_full != is_refused, place, at_ns=there, waiting=waiting, free=free, limit=int(row["limit"]))


def are_dropped(plan: Plan, tasks: Rows, at_ns: I8) -> NDArray[np.bool_]:
    """(tasks,) whether each is of a query whose deadline has passed at an instant."""
    query = np.maximum(tasks.query, 0)
    of = plan.classes[plan.class_of[query]] if len(plan.class_of) else np.broadcast_to(plan.classes[0], len(query))
    is_late = (of["drops"] == 1) & (at_ns >= plan.arrival_ns[query] + of["deadline_ns"])
    return np.asarray(is_late & (tasks.query >= 0))


def in_time(plan: Plan, tasks: Rows) -> Iterator[Violation]:
    """Of tasks that were in a queue: whoever is late never starts, and nobody else is refused there."""
    started, refused = tasks.start_ns >= 0, (tasks.state == copy_states.REFUSED) & (tasks.enqueue_ns >= 0)
    wrong = (started & are_dropped(plan, tasks, tasks.start_ns)) | (
        refused & ~are_dropped(plan, tasks, tasks.withdrawn_ns)
    )
    yield from at("I84", wrong, tasks.place, start_ns=tasks.start_ns, refused_ns=tasks.withdrawn_ns)


def _late(plan: Plan, tasks: Rows, stage: int, waiting: I8, rank: I8) -> I8:
    """Whether a replica has been late for long when each task comes: so many waited then, and so many came before it.

    It is in time when a task comes to an empty queue, and when one starts that has waited shortly.
    """
    there, came = arrived_ns(tasks), (tasks.enqueue_ns >= 0) | (tasks.state == copy_states.REFUSED)
    is_of_query = tasks.query >= 0
    shortly = is_of_query & (tasks.start_ns >= 0)
    shortly &= tasks.start_ns - tasks.enqueue_ns <= plan.stages[stage]["target_ns"]
    late = np.zeros(len(there), dtype=np.int64)
    for task in np.flatnonzero(is_of_query & came & (waiting > 0)):
        empty = there[is_of_query & came & (waiting == 0) & (rank < rank[task])]
        starts = tasks.start_ns[shortly & (tasks.start_ns < there[task])]
        in_time_ns = max(empty.max(initial=0), starts.max(initial=0))
        late[task] = is_late(plan.stages, stage, int(in_time_ns), int(there[task]))
    return late


def batches(plan: Plan, tasks: Rows, replica: int, mixed: bool) -> Iterator[Violation]:
    """At a replica: what is served together is a batch that may be, and is not kept waiting."""
    started = tasks.some(tasks.start_ns >= 0)
    if not len(started.start_ns):
        return
    row = plan.stages[int(started.stage[0])]
    workers, max_size, max_wait_ns = int(row["workers"]), int(row["max_size"]), int(row["max_wait_ns"])
    first = int(row["first_preferred"])
    preferred = plan.batch_points[first : first + int(row["preferred"])]
    of, heads = of_batch(started)
    count = np.bincount(of)
    start, ends, free = started.start_ns[heads], over(started)[heads], freed(started)[heads]
    waited = start - started.enqueue_ns[heads]
    last = np.zeros(len(heads), dtype=np.int64)
    np.maximum.at(last, of, started.enqueue_ns)
    kept = np.where(started.withdrawn_ns >= 0, -1, started.finish_ns)
    wrong = (started.batch != count[of]) | (started.batch > max_size) | ((kept >= 0) & (kept != ends[of]))
    wrong |= (kept < 0) & (started.withdrawn_ns < 0) & (ends[of] < NEVER)
    place = {**started.place, "replica": replica}
    yield from at("I45", wrong, place, batch=started.batch, served_together=count[of], finish_ns=started.finish_ns)
    known = {**{name: column[heads] for name, column in started.place.items()}, "replica": replica}
    early = (count < max_size) & (waited < max_wait_ns) & ~np.isin(count, preferred) & np.isinf(row["max_items"])
    yield from at("I46", early, known, batch=count, waited_ns=waited, max_wait_ns=max_wait_ns)
    # who is free at an instant is busy in it, and who is stopped in it, too: what starts then does so at its end
    busy = ((start < start[:, np.newaxis]) & (free >= start[:, np.newaxis])).sum(axis=1)
    since = np.where(count == max_size, np.minimum(last, start - waited + max_wait_ns), start - waited + max_wait_ns)
    if mixed:  # a batch is looked at when its first is the first of all
        since = np.maximum(since, _first_since(tasks, started.some(heads)))
    downs = Downs(plan, int(started.stage[0]))
    slept = np.array([downs.is_repaired(replica, now) for now in start.tolist()], dtype=bool)  # nothing starts before
    yield from at(
        "I30", (start > since) & (busy < workers) & ~slept, known, start_ns=start, ready_ns=since, busy_workers=busy
    )


def _first_since(tasks: Rows, heads: Rows) -> I8:
    """(batches,) since when the first of each is the first in the queue of its replica."""
    gone = np.where(tasks.start_ns >= 0, tasks.start_ns, np.where(tasks.withdrawn_ns >= 0, tasks.withdrawn_ns, NEVER))
    rank = np.empty(len(gone), dtype=np.int64)
    rank[np.lexsort(order_of_sending(tasks))] = np.arange(len(gone))
    names = zip(tasks.query.tolist(), tasks.stage.tolist(), tasks.shard.tolist(), tasks.copy.tolist(), strict=True)
    known = dict(zip(names, rank.tolist(), strict=True))
    mine = zip(heads.query.tolist(), heads.stage.tolist(), heads.shard.tolist(), heads.copy.tolist(), strict=True)
    return np.array([gone[rank < known[name]].max(initial=0) for name in mine], dtype=np.int64)


def over(tasks: Rows) -> I8:
    """(tasks,) when the service of each one's batch ends, all tasks of one replica at least; NEVER: it has not.

    A batch is stopped with the last of its tasks that is withdrawn.
    """
    of, heads = of_batch(tasks)
    finish, gone = np.full(len(heads), -1), np.full(len(heads), -1)
    np.maximum.at(finish, of, tasks.finish_ns)
    np.maximum.at(gone, of, np.where(tasks.withdrawn_ns < 0, NEVER, tasks.withdrawn_ns))
    return np.asarray(np.where(finish >= 0, finish, gone)[of])


def freed(tasks: Rows) -> I8:
    """(tasks,) when the worker of each one's batch is free again, all tasks of one replica at least; NEVER: it is not.

    That is when it is over, or where workers stay taken later; after a batch that is stopped they do not.
    """
    of, heads = of_batch(tasks)
    release, finish = np.full(len(heads), -1), np.full(len(heads), -1)
    np.maximum.at(release, of, tasks.release_ns)
    np.maximum.at(finish, of, tasks.finish_ns)
    return np.where(finish[of] < 0, over(tasks), np.where(release[of] < 0, NEVER, release[of]))


def afters(plan: Plan, tasks: Rows) -> I8:
    """(tasks,) how long the worker of each one's batch stays taken when its answers have gone, drawn alone.

    0 where there are no answers: of a batch that is stopped, or under way.
    """
    of, heads = of_batch(tasks)
    answered = np.zeros(len(heads), dtype=bool)
    answered[of[tasks.finish_ns >= 0]] = True
    taken_ns = np.zeros(len(heads), dtype=np.int64)
    for batch in np.flatnonzero(answered):
        stage, query, shard = (int(column[heads[batch]]) for column in (tasks.stage, tasks.query, tasks.shard))
        if stays_taken(plan.laws, stage) and not is_background(query):
            place, law = stage * draws.PLACES + shard, stage * ROLES + AFTER
            copy = int(tasks.copy[heads[batch]])
            luck, _ = draws.uniforms(plan.seed, plan.replication, draws.AFTER, query, place, copy)
            taken_ns[batch] = rules.round_ns(sampling.quantile(plan.laws, plan.law_parts, plan.law_points, law, luck))
    return taken_ns[of]


def released(plan: Plan, tasks: Rows) -> Iterator[Violation]:
    """Of tasks of a stage: their worker is free when what follows their answers is over."""
    due_ns = tasks.finish_ns + afters(plan, tasks)
    expected = np.where((tasks.finish_ns >= 0) & (due_ns <= plan.end_ns), due_ns, -1)
    yield from at("I52", tasks.release_ns != expected, tasks.place, release_ns=tasks.release_ns, expected_ns=expected)


def of_batch(started: Rows) -> tuple[I8, I8]:
    """(tasks,) batch of each, and (batches,) the task at the head of each: the first in the queue.

    Whoever has no worker of its own is one.
    """
    alone = -1 - np.arange(len(started.query))
    names = np.stack((started.replica, np.where(started.worker < 0, alone, started.worker), started.start_ns))
    order = np.lexsort(order_of_sending(started))
    _, first, of = np.unique(names[:, order], axis=1, return_index=True, return_inverse=True)
    batch = np.empty(len(order), dtype=np.int64)
    batch[order] = of.ravel()
    return batch, order[first]
