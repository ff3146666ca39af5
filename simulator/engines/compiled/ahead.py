"""The loop of the leading stages that look ahead: stage after stage, a block of queries at a time.

No stage depends on a later one, so no event list is needed: a stage takes, in the order of their dispatches, all
queries that nobody can overtake any more, and hands them on. Until the next arrival, nothing enters any stage but what
is under way already; and what enters a stage leaves it later.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import rules
from simulator.core.caches import is_cached
from simulator.core.columns import COMPLETE, TIMED_OUT
from simulator.core.fan_out import fans_out
from simulator.core.jit import formula, kernel, passage
from simulator.core.optional import is_optional, takes
from simulator.core.plan import F8, I8, NEVER_NS, Rows
from simulator.core.work import CLOSES, ENTER, LANE, WHO
from simulator.engines.compiled.caches import has_answer, keep_answer, keep_hit, scored
from simulator.engines.compiled.events import L_ORDER, next_instant, put, take
from simulator.engines.compiled.passes import FAULTY, TOO_LATE, pass_block, prepare
from simulator.engines.compiled.records import ANSWERS, CLOSING, ENTERING, LEAVE, LISTS, Given, Kept
from simulator.engines.compiled.refusal import useful_until_ns

#: Why a loop came back: all has happened, the budget is used up, an array is too small, or int64 is; a user's rule
#: went wrong.
DONE, PAUSED, FULL, OVERFLOW, FAULT = range(5)


@passage
def merged(stages: Rows, stage: int, answers: int, first_merger: int, free_ns: I8, close_ns: int) -> int:
    """Instant at which the merge of a stage that closes now is done: mergers serve in the order of closing."""
    duration_ns = rules.merge_ns(stages, stage, answers)
    mergers = stages[stage]["mergers"]
    if mergers == 0:
        return min(close_ns + duration_ns, NEVER_NS)
    chosen = first_merger
    for merger in range(first_merger + 1, first_merger + mergers):
        if free_ns[merger] < free_ns[chosen]:
            chosen = merger
    done_ns = min(max(close_ns, free_ns[chosen]) + duration_ns, NEVER_NS)
    free_ns[chosen] = done_ns
    return done_ns  # type: ignore[no-any-return]


@passage
def leave_stage(
    given: Given,
    kept: Kept,
    clock: Rows,
    lists: Rows,
    heap: I8,
    free_ns: I8,
    stage: int,
    query: int,
    close_ns: int,
) -> bool:
    """Merge, and go on to the next stage or be complete, if that is before the cut; whether int64 could tell when."""
    stages, modes, end_ns = given.stages, given.modes, given.run[0]["end_ns"]
    answers, first_merger = modes[stage]["answers"], modes[stage]["first_merger"]
    if fans_out(stages, stage):
        answers = kept.answers[stage, query]
    done_ns = merged(stages, stage, answers, first_merger, free_ns, close_ns)
    if done_ns >= NEVER_NS:
        return end_ns != NEVER_NS  # type: ignore[no-any-return]
    if done_ns > end_ns:
        return True
    keep_answer(given, kept, stage, query, done_ns)
    go_on(given, kept, clock, lists, heap, stage, query, done_ns)
    return True


@passage
def go_on(given: Given, kept: Kept, clock: Rows, lists: Rows, heap: I8, stage: int, query: int, now: int) -> None:
    """A query leaves a stage for the next, or is complete; or goes no further, since its client has given up."""
    kept.instants[LEAVE, stage, query] = now
    if now > useful_until_ns(given, query):
        kept.outcome[query] = TIMED_OUT
    elif stage + 1 == given.stages.shape[0]:
        kept.outcome[query] = COMPLETE
    elif stage + 1 < clock[0]["ahead"]:
        put(lists, heap, LISTS * (stage + 1) + ENTERING, now, query, rules.NOTHING)


@passage
def without_those_who_pass(
    given: Given, kept: Kept, clock: Rows, lists: Rows, heap: I8, stage: int, queries: int, wholes: I8
) -> int:
    """Of a block of queries at a stage, those who do not take it go on at once; returns how many stay."""
    staying = 0
    for i in range(queries):
        query, now = wholes[WHO, i], wholes[ENTER, i]
        if takes(given.stages, given.run, stage, query):
            wholes[WHO, staying], wholes[ENTER, staying] = query, now
            staying += 1
        else:
            go_on(given, kept, clock, lists, heap, stage, query, now)
    return staying


@passage
def without_a_hit(
    given: Given, kept: Kept, clock: Rows, lists: Rows, heap: I8, stage: int, reals: F8, wholes: I8
) -> int:
    """Of a block of one query at a stage with a cache that has its answer, nobody stays; returns how many do.

    -1: int64 cannot tell when it goes on.
    """
    query, now, end_ns = wholes[WHO, 0], wholes[ENTER, 0], given.run[0]["end_ns"]
    if not has_answer(given, kept, stage, query, now):
        return 1
    kept.candidates[stage, query] = scored(given, kept, stage, reals, wholes)
    leave_ns = now + given.stages[stage]["hit_ns"]
    if leave_ns >= NEVER_NS and end_ns == NEVER_NS:
        return -1
    if leave_ns <= end_ns:
        if keep_hit(given, kept, stage, query, leave_ns):
            kept.outcome[query] = COMPLETE
        else:
            go_on(given, kept, clock, lists, heap, stage, query, leave_ns)
    return 0


@passage
def has_room(given: Given, lists: Rows, clock: Rows, stage: int) -> bool:
    """Whether the lists have room for what a block of queries at a stage adds; else ``short`` says which has not."""
    queries, shards = given.modes[stage]["block"], given.stages[stage]["shards"]
    for which, more in (
        (LISTS * stage + ANSWERS, queries * shards),
        (LISTS * stage + CLOSING, queries),
        (LISTS * (stage + 1) + ENTERING, queries + lists[LISTS * stage + CLOSING]["size"]),
    ):
        if lists[which]["room"] < lists[which]["size"] + more:
            clock[0]["short"] = which
            return False
    return True


@formula
def arrivals_of(given: Given) -> int:
    """How many queries arrive that are not shed."""
    some = given.entering.shape[0]
    return some if some > 0 else given.arrival_ns.shape[0]  # type: ignore[no-any-return]


@passage
def next_block(given: Given, clock: Rows, lists: Rows, heap: I8, stage: int, bound: int, wholes: I8) -> int:
    """Fill WHO and ENTER with the queries that enter a stage next and by ``bound`` at the latest; returns how many."""
    most, queries = given.modes[stage]["block"], 0
    if stage == 0:
        cursor = clock[0]["cursor"]
        queries = min(most, arrivals_of(given) - cursor)
        is_some = given.entering.shape[0] > 0
        for i in range(queries):
            query = given.entering[cursor + i] if is_some else cursor + i
            wholes[WHO, i] = query
            wholes[ENTER, i] = given.arrival_ns[query]
        clock[0]["cursor"] = cursor + queries
        return queries  # type: ignore[no-any-return]
    entering = LISTS * stage + ENTERING
    while queries < most and lists[entering]["size"] > 0 and next_instant(lists, heap, entering) <= bound:
        least = lists[entering]["first"]
        wholes[WHO, queries] = heap[least, L_ORDER]
        wholes[ENTER, queries] = heap[least, 0]
        take(lists, heap, entering)
        queries += 1
    return queries


@passage
def bound_of(given: Given, clock: Rows) -> int:
    """Until when nobody enters any stage but those who are under way: the next arrival."""
    cursor = clock[0]["cursor"]
    if cursor >= arrivals_of(given):
        return NEVER_NS
    return given.entering_ns[cursor] if given.entering.shape[0] > 0 else given.arrival_ns[cursor]  # type: ignore[no-any-return]


@passage
def merge_closed(
    given: Given, kept: Kept, clock: Rows, lists: Rows, heap: I8, free_ns: I8, stage: int, bound: int
) -> bool:
    """Give mergers, in the order of closing, what closed by ``bound``; returns whether int64 can tell what follows."""
    closing = LISTS * stage + CLOSING
    while lists[closing]["size"] > 0 and next_instant(lists, heap, closing) <= bound:
        least = lists[closing]["first"]
        close_ns, query = heap[least, 0], heap[least, 1] >> given.run[0]["shard_bits"]
        take(lists, heap, closing)
        clock[0]["events"] += 1
        if not leave_stage(given, kept, clock, lists, heap, free_ns, stage, query, close_ns):
            return False
    return True


@kernel
def advance(
    given: Given,
    kept: Kept,
    clock: Rows,
    lists: Rows,
    heap: I8,
    free_ns: I8,
    outstanding: I8,
    fault: I8,
    reals: F8,
    wholes: I8,
    budget: int,
) -> int:
    """Take queries through the leading stages until ``budget`` tasks are done, or what else ends it; returns which."""
    stages = given.stages
    arrivals = arrivals_of(given)
    while True:
        if clock[0]["stage"] == 0 and budget <= 0:
            return PAUSED
        for stage in range(clock[0]["stage"], clock[0]["ahead"]):
            clock[0]["stage"] = stage
            shards = stages[stage]["shards"]
            while True:
                if not has_room(given, lists, clock, stage):
                    return FULL
                queries = next_block(given, clock, lists, heap, stage, bound_of(given, clock), wholes)
                if queries == 0:
                    break
                budget -= queries * shards
                clock[0]["events"] += queries
                if is_optional(stages, stage):
                    queries = without_those_who_pass(given, kept, clock, lists, heap, stage, queries, wholes)
                if queries > 0 and is_cached(stages, stage):  # one by one, when all is known that left before
                    if not merge_closed(given, kept, clock, lists, heap, free_ns, stage, wholes[ENTER, 0]):
                        return OVERFLOW
                    queries = without_a_hit(given, kept, clock, lists, heap, stage, reals, wholes)
                    if queries < 0:
                        return OVERFLOW
                prepare(given, kept, stage, queries, reals, wholes)
                pass_block(given, kept, clock, lists, heap, free_ns, outstanding, fault, stage, queries, reals, wholes)
                for i in range(queries):
                    close_ns, lane = wholes[CLOSES, i], wholes[LANE, i]
                    if close_ns == FAULTY:
                        return FAULT
                    if close_ns == TOO_LATE:
                        return OVERFLOW
                    if close_ns < 0:
                        continue
                    query = wholes[WHO, i]
                    if stages[stage]["mergers"] > 0:  # its turn among the mergers comes with its closing answer
                        column = (query << given.run[0]["shard_bits"]) | (stages[stage]["first_shard"] + lane)
                        put(lists, heap, LISTS * stage + CLOSING, close_ns, column, query)
                    elif not leave_stage(given, kept, clock, lists, heap, free_ns, stage, query, close_ns):
                        return OVERFLOW
                if stage == 0:
                    break
            if not merge_closed(given, kept, clock, lists, heap, free_ns, stage, bound_of(given, clock)):
                return OVERFLOW
        clock[0]["stage"] = 0
        if clock[0]["cursor"] == arrivals:
            return DONE
