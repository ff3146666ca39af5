"""Looking ahead: all of a query's tasks in a stage at once, where all follows from what was sent before.

First come first served, with the same request latency for every query, a task starts when it is there and a worker is
free. So one pass over the shards that keeps when each worker is free (Lindley, 1952; Kiefer and Wolfowitz, 1955)
replaces an enqueue, a start, a finish and an answer a task.

Luck is drawn for a block of queries; the pass itself goes query by query. There are two: ``wide``
is a row of short loops over few arrays, for the compiler vectorises only what it can tell apart; ``narrow`` does all
for a task at once: where shards are few, starting many loops takes longer than what they do. Where workers stay taken
when their answers have gone (``longer``), it is the first, however few they are. Where some shards are visited, it is
one more (``choosy``).
"""

from simulator.core import rules, work
from simulator.core.classes import place_of
from simulator.core.fan_out import fans_out, visits_of_block
from simulator.core.following import find_part, follows
from simulator.core.gathering import is_partial
from simulator.core.jit import kernel, passage
from simulator.core.optional import is_optional, last_taken
from simulator.core.plan import F8, I8, NEVER_NS, Rows
from simulator.core.routing import draw_routes, fill_loads, is_load_aware, route, view_of
from simulator.core.service import fill_afters, fill_factors, fill_responses, has_own_factor, same_factor, service_ns
from simulator.engines.compiled import records
from simulator.engines.compiled.choosy import choosy
from simulator.engines.compiled.events import L_ORDER, L_WHAT, next_instant, put, take
from simulator.engines.compiled.longer import next_worker
from simulator.engines.compiled.recorder import count_part, count_task, keep_close, keep_sources
from simulator.engines.compiled.records import ACROSS, ANSWERS, INSIDE, LISTS, Given, Kept
from simulator.engines.compiled.scaling import provide
from simulator.engines.compiled.wide import wide

#: What a pass answers in place of the instant of closing: not before the run is cut; a user's rule went wrong; later
#: than int64 can tell.
CUT, FAULTY, TOO_LATE = -1, -2, -3


@passage
def hand_over(given: Given, kept: Kept, stage: int, queries: int, reals: F8, wholes: I8) -> None:
    """Fill PREVIOUS of a block of queries: the candidates that earlier stages hand on to each; and OF_CLASS."""
    stages, last = given.stages, kept.candidates.shape[1] - 1
    for i in range(queries):
        wholes[work.OF_CLASS, i] = place_of(given.class_of, wholes[work.WHO, i])
    if stage > 0:
        is_skipped = is_optional(stages, stage - 1)
        for i in range(queries):
            query, before = wholes[work.WHO, i], stage - 1
            if is_skipped:
                before = last_taken(kept.candidates, stage, query)
            handed = kept.candidates[before, min(query, last)]
            if is_partial(stages, before):
                handed *= kept.coverage[before, query]
            reals[work.PREVIOUS, i] = min(stages[before]["keep"], handed)


@passage
def copy_row(count: int, source: F8, target: F8) -> None:
    """Copy the first values of a row to another; a slice would ask for memory."""
    for place in range(count):
        target[place] = source[place]


@passage
def has_work(given: Given, kept: Kept, stage: int, queries: int, reals: F8, wholes: I8) -> bool:
    """Fill SCORED of a block, and ALONE and ITEMS, if they are those of the last query that came here; whether so."""
    if given.modes[stage]["has_same"] == 0:
        return False
    laws, parts, points, last = given.laws, given.parts, given.points, given.work.shape[0] - 1
    for i in range(queries):
        query, previous = wholes[work.WHO, i], reals[work.PREVIOUS, i]
        scored = work.candidates_of(
            given.stages,
            given.sources,
            given.run,
            laws,
            parts,
            points,
            query,
            wholes[work.OF_CLASS, i],
            stage,
            previous,
        )
        factor = given.work[min(query, last)]
        if scored != kept.same_for[records.SAME_SCORED, stage] or factor != kept.same_for[records.SAME_FACTOR, stage]:
            return False
        reals[work.SCORED, i] = scored
    first, shards = given.stages[stage]["first_shard"], given.stages[stage]["shards"]
    is_all = work.looks_at_items(given.stages, stage)
    for i in range(queries):
        copy_row(shards, kept.same[records.SAME_ALONE, first:], reals[work.ALONE, i * shards :])
        if is_all:
            copy_row(shards, kept.same[records.SAME_ITEMS, first:], reals[work.ITEMS, i * shards :])
    return True


@passage
def keep_work(given: Given, kept: Kept, stage: int, reals: F8, wholes: I8) -> None:
    """Keep the work of the first query of a block, for those that have the same."""
    if given.modes[stage]["has_same"] == 1:
        first, shards = given.stages[stage]["first_shard"], given.stages[stage]["shards"]
        kept.same_for[records.SAME_SCORED, stage] = reals[work.SCORED, 0]
        kept.same_for[records.SAME_FACTOR, stage] = given.work[min(wholes[work.WHO, 0], given.work.shape[0] - 1)]
        copy_row(shards, reals[work.ALONE], kept.same[records.SAME_ALONE, first:])
        copy_row(shards, reals[work.ITEMS], kept.same[records.SAME_ITEMS, first:])


@kernel
def prepare(given: Given, kept: Kept, stage: int, queries: int, reals: F8, wholes: I8) -> None:
    """Draw all luck of a block of queries, whose WHO is filled, and turn it into times."""
    stages, run, laws, parts, points = given.stages, given.run, given.laws, given.parts, given.points
    hand_over(given, kept, stage, queries, reals, wholes)
    if follows(stages, stage):
        find_part(stages, given.share, kept.won, stage, reals, wholes)
    work.name_tasks(stages, stage, queries, wholes)
    if not has_work(given, kept, stage, queries, reals, wholes):
        work.work_of_block(
            stages,
            given.sources,
            run,
            laws,
            parts,
            points,
            given.source_share,
            given.knot_items,
            given.knot_ns,
            given.knot_slope,
            stage,
            queries,
            given.work,
            reals,
            wholes,
        )
        keep_work(given, kept, stage, reals, wholes)
    visits_of_block(stages, run, laws, parts, points, given.share, stage, queries, reals, wholes)
    fill_responses(stages, run, laws, parts, points, stage, queries, reals, wholes)
    fill_afters(stages, run, laws, parts, points, stage, queries, reals, wholes)
    fill_factors(stages, given.sources, run, laws, parts, points, stage, queries, reals, wholes)
    draw_routes(stages, run, stage, queries, reals, wholes)


@kernel
def pass_block(
    given: Given,
    kept: Kept,
    clock: Rows,
    lists: Rows,
    heap: I8,
    free_ns: I8,
    outstanding: I8,
    fault: I8,
    stage: int,
    queries: int,
    reals: F8,
    wholes: I8,
) -> None:
    """Let the replicas of a stage serve the queries of a prepared block, one after another, and record it.

    Fills CLOSES, the instant at which the stage closes, or CUT, FAULTY or TOO_LATE; and LANE, the column of the
    critical shard. After a query that is FAULTY or TOO_LATE nobody is served.
    """
    stages, answers = given.stages, LISTS * stage + ANSWERS
    shards, replicas = stages[stage]["shards"], stages[stage]["replicas"]
    end_ns, last = given.run[0]["end_ns"], kept.candidates.shape[1] - 1
    is_aware = is_load_aware(stages[stage]["policy"]) and replicas > 1
    is_narrow, is_choosy = given.modes[stage]["is_narrow"] == 1, fans_out(stages, stage)
    is_looked_at = is_narrow or is_choosy or stages[stage]["workers"] > 1
    if replicas == 1 and (is_looked_at or end_ns != NEVER_NS or kept.table.shape[1] > 0):
        for task in range(queries * shards):  # elsewhere nobody looks at it
            wholes[work.REPLICA, task] = 0
    for i in range(queries):
        query, now, first_task = wholes[work.WHO, i], wholes[work.ENTER, i], i * shards
        kept.candidates[stage, min(query, last)] = reals[work.SCORED, i]
        if is_aware:
            while lists[answers]["size"] > 0 and next_instant(lists, heap, answers) <= now:
                least = lists[answers]["first"]
                outstanding[heap[least, L_ORDER]] -= heap[least, L_WHAT]
                take(lists, heap, answers)
        view = view_of(stages, given.run, query, stage)
        if replicas > 1:
            provide(given, kept, stage, now)
            route(stages, given.run, given.left, outstanding, fault, stage, query, view, first_task, reals, wholes)
            if fault[0] != 0:
                wholes[work.CLOSES, i] = FAULTY
                return
        if is_choosy:
            close_ns, lane = choosy(given, kept, clock, free_ns, stage, query, now, i, reals, wholes)
        elif is_narrow:
            close_ns, lane = narrow(given, kept, free_ns, stage, query, now, first_task, reals, wholes)
        else:
            close_ns, lane = wide(given, kept, clock, free_ns, stage, query, now, first_task, reals, wholes)
        keep_sources(given, kept, stage, query, first_task, wholes)
        if is_aware:
            fill_loads(stages, stage, first_task, reals, wholes)
            for shard in range(shards):
                task = first_task + shard
                if is_choosy and wholes[work.VISITED, task] == 0:
                    continue
                counter = view + shard * replicas + wholes[work.REPLICA, task]
                outstanding[counter] += wholes[work.LOAD, task]
                if wholes[work.ANSWERED, task] <= end_ns:
                    put(lists, heap, answers, wholes[work.ANSWERED, task], counter, wholes[work.LOAD, task])
        wholes[work.LANE, i] = lane
        if close_ns >= NEVER_NS and end_ns == NEVER_NS:
            wholes[work.CLOSES, i] = TOO_LATE
            return
        wholes[work.CLOSES, i] = close_ns if close_ns <= end_ns else CUT


@passage
def narrow(
    given: Given,
    kept: Kept,
    free_ns: I8,
    stage: int,
    query: int,
    now: int,
    first_task: int,
    reals: F8,
    wholes: I8,
) -> tuple[int, int]:
    """Serve the tasks of a query one after another; returns the instant of closing and the critical shard."""
    stages = given.stages
    shards, replicas = stages[stage]["shards"], stages[stage]["replicas"]
    workers = stages[stage]["workers"]
    first_replica, first_worker = stages[stage]["first_replica"], given.modes[stage]["first_worker"]
    end_ns, until_ns = given.run[0]["end_ns"], given.run[0]["watched_until_ns"]
    is_counted = query >= given.run[0]["first_measured"]
    enqueue_ns = now + stages[stage]["request_ns"]
    send_ns = stages[stage]["send_ns"]
    is_own = has_own_factor(given.stages, given.sources, given.laws, stage)
    same = same_factor(given.stages, given.sources, given.laws, stage)
    last_ns = total = rules.NOTHING
    critical = critical_enqueue = critical_wait = critical_service = rules.NOTHING
    for shard in range(shards):
        task = first_task + shard
        local = shard * replicas + wholes[work.REPLICA, task]
        replica = first_replica + local
        factor = reals[work.FACTOR, task] if is_own else same
        service = service_ns(reals[work.ALONE, task], given.machine_factor[replica], factor)
        worker = first_worker + local * workers
        if workers > 1:
            worker = next_worker(free_ns, worker, workers, enqueue_ns)
        start_ns = max(enqueue_ns, free_ns[worker])
        finish_ns = min(start_ns + service, NEVER_NS)
        free_ns[worker] = finish_ns
        answer_ns = min(finish_ns + wholes[work.RESPONDING, task], NEVER_NS)
        wholes[work.ANSWERED, task] = answer_ns
        waited = start_ns - enqueue_ns
        if is_counted and finish_ns <= until_ns:
            count_task(kept.counters, INSIDE, replica, service, waited)
        else:
            count_part(kept.counters, given.run, replica, start_ns, finish_ns)
            if is_counted and finish_ns <= end_ns:
                count_task(kept.counters, ACROSS, replica, service, waited)
        total = rules.add(total, answer_ns - now)
        if answer_ns >= last_ns:
            last_ns = answer_ns
            critical, critical_enqueue, critical_wait, critical_service = shard, enqueue_ns, waited, service
        enqueue_ns += send_ns
    if last_ns <= end_ns:
        keep_close(kept, stage, query, last_ns, critical, critical_enqueue, critical_wait, critical_service, total)
    return last_ns, critical
