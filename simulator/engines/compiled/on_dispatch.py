"""A query enters a stage that runs event by event: its tasks are sent.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import draws, rules, work
from simulator.core.caches import is_cached
from simulator.core.columns import COMPLETE, PARTIAL, TIMED_OUT
from simulator.core.fan_out import fans_out
from simulator.core.following import follows, go_there
from simulator.core.gathering import awaits_copies
from simulator.core.heard import count_at
from simulator.core.hedging import is_tied, sends_copies
from simulator.core.jit import passage
from simulator.core.optional import is_optional, takes
from simulator.core.outages import may_hold, route_there
from simulator.core.plan import F8, I8, NEVER_NS, Rows
from simulator.core.routing import fill_loads, is_load_aware, view_of
from simulator.core.service import has_own_factor, same_factor, stays_taken
from simulator.engines.compiled import records
from simulator.engines.compiled.caches import has_answer, keep_hit
from simulator.engines.compiled.clients import over
from simulator.engines.compiled.copies import new_copy, send
from simulator.engines.compiled.events import happen
from simulator.engines.compiled.failing import known_down
from simulator.engines.compiled.on_close import begin_waiting, note_visit, wait_for_copy
from simulator.engines.compiled.on_hedge import hedge_later, send_tied
from simulator.engines.compiled.passes import prepare
from simulator.engines.compiled.refusal import useful_until_ns
from simulator.engines.compiled.scaling import provide


@passage
def go_on(
    given: records.Given, kept: records.Kept, clock: Rows, events: Rows, stage: int, query: int, now: int
) -> bool:
    """A query leaves a stage for the next, or is complete; whether int64 can tell when its client comes back."""
    kept.instants[records.LEAVE, stage, query] = now
    if now > useful_until_ns(given, query):
        kept.outcome[query] = TIMED_OUT  # its client has given up
        return True
    if stage + 1 == given.stages.shape[0]:
        kept.outcome[query] = PARTIAL if is_any_partial(kept, query) else COMPLETE
        return over(given, kept, clock, query, now)
    key = (query << given.run[0]["stage_bits"]) | (stage + 1)
    happen(clock, events, now, rules.DISPATCH, key, rules.NOTHING, records.NO_COPY)
    return True


@passage
def is_any_partial(kept: records.Kept, query: int) -> bool:
    """Whether a stage of a query has closed with fewer answers than it waits for."""
    found = False
    for stage in range(kept.stage_outcome.shape[0]):
        found = found or kept.stage_outcome[stage, query] == PARTIAL
    return found


@passage
def prepared(
    given: records.Given, kept: records.Kept, clock: Rows, stage: int, query: int, reals: F8, wholes: I8
) -> int:
    """Draw the luck of a query that enters a stage, unless that was done; returns its place in the block.

    Who enters the first stage of the loop, and in which order, is known, so luck is drawn there for a block of queries.
    """
    if stage > clock[0]["ahead"]:
        wholes[work.WHO, 0] = query
        prepare(given, kept, stage, rules.ONE, reals, wholes)
        return 0
    place = clock[0]["cursor"] - 1
    if place >= clock[0]["prepared"]:  # beyond: those between have passed the stage by
        queries = min(given.modes[stage]["block"], given.entering.shape[0] - place)
        for i in range(queries):
            wholes[work.WHO, i] = given.entering[place + i]
        prepare(given, kept, stage, queries, reals, wholes)
        clock[0]["block"] = place
        clock[0]["prepared"] = place + queries
    return place - clock[0]["block"]  # type: ignore[no-any-return]


@passage
def on_hit(
    given: records.Given, kept: records.Kept, clock: Rows, events: Rows, stage: int, query: int, now: int
) -> bool:
    """The cache of a stage has the answer of a query that enters it now; whether int64 can tell what follows."""
    end_ns, leave_ns = given.run[0]["end_ns"], now + given.stages[stage]["hit_ns"]
    if leave_ns >= NEVER_NS or leave_ns > end_ns:
        return end_ns != NEVER_NS  # type: ignore[no-any-return]
    if not keep_hit(given, kept, stage, query, leave_ns):
        return go_on(given, kept, clock, events, stage, query, leave_ns)
    kept.outcome[query] = PARTIAL if is_any_partial(kept, query) else COMPLETE
    return over(given, kept, clock, query, leave_ns)


@passage
def take_luck(
    given: records.Given, copies: Rows, awaited: records.Awaited, stage: int, row: int, task: int, luck: F8, whole: I8
) -> None:
    """A copy has what was drawn for its task; its factor aside."""
    copies[row]["alone_ns"] = luck[work.ALONE, task]
    copies[row]["items"] = luck[work.ITEMS, task]
    copies[row]["response_ns"] = whole[work.RESPONDING, task]
    if awaited.after_ns.shape[0] > 0:
        awaited.after_ns[row] = whole[work.AFTERWARDS, task] if stays_taken(given.laws, stage) else 0


@passage
def choose_replicas(
    given: records.Given,
    kept: records.Kept,
    awaited: records.Awaited,
    outstanding: I8,
    fault: I8,
    stage: int,
    query: int,
    view: int,
    first_task: int,
    now: int,
    luck: F8,
    whole: I8,
) -> None:
    """Fill REPLICA, HELD and LOAD of the tasks of a query: by the rule of its stage, or where it has been."""
    stages, run, left, outages = given.stages, given.run, given.left, given.outages
    if follows(stages, stage):
        go_there(stages, outages, awaited.down, stage, now, luck, whole)
    else:
        down = known_down(given, awaited, stage, now)
        provide(given, kept, stage, now)
        route_there(
            stages, run, left, outages, down, outstanding, fault, stage, query, view, first_task, now, luck, whole
        )
        fill_loads(stages, stage, first_task, luck, whole)


@passage
def on_dispatch(
    given: records.Given,
    kept: records.Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    gathers: Rows,
    awaited: records.Awaited,
    outstanding: I8,
    fault: I8,
    reals: F8,
    wholes: I8,
    key: int,
    now: int,
) -> bool:
    """Send a task to one replica of every shard that is visited, in order; whether int64 can tell when they come.

    Who does not take the stage goes on to the next, and so does who has its answer from the cache.
    """
    stages, run = given.stages, given.run
    query, stage = key >> run[0]["stage_bits"], key & ((1 << run[0]["stage_bits"]) - 1)
    if is_optional(stages, stage) and not takes(stages, run, stage, query):
        return go_on(given, kept, clock, events, stage, query, now)
    shards, replicas = stages[stage]["shards"], stages[stage]["replicas"]
    scratch = records.BLOCK if stage == clock[0]["ahead"] else records.SINGLE
    luck, whole = reals[scratch], wholes[scratch]
    place = prepared(given, kept, clock, stage, query, luck, whole)
    kept.candidates[stage, min(query, kept.candidates.shape[1] - 1)] = luck[work.SCORED, place]
    kept.instants[records.ANSWER_SUM, stage, query] = 0
    if is_cached(stages, stage) and has_answer(given, kept, stage, query, now):
        return on_hit(given, kept, clock, events, stage, query, now)
    first_task, view = place * shards, view_of(stages, run, query, stage)
    choose_replicas(given, kept, awaited, outstanding, fault, stage, query, view, first_task, now, luck, whole)
    gathers[query]["missing"] = shards
    is_choosy, is_keen = fans_out(stages, stage), awaits_copies(stages, stage)
    note_visit(stages, awaited, stage, query, whole[work.VISITS, place], luck[work.SHARE, place])
    if is_keen and not begin_waiting(given, clock, events, awaited, stage, query, now):
        return False
    sources, laws, is_aware = given.sources, given.laws, is_load_aware(stages[stage]["counts"])
    is_own, same = has_own_factor(stages, sources, laws, stage), same_factor(stages, sources, laws, stage)
    may_be_held, enqueue_ns = may_hold(stages, stage), now + stages[stage]["request_ns"]
    for shard in range(shards):
        task = first_task + shard
        if is_choosy and whole[work.VISITED, task] == 0:
            continue
        local = shard * replicas + whole[work.REPLICA, task]
        row = new_copy(given, clock, copies, kept, query, stage, shard, draws.FIRST_COPY, local)
        if is_keen:
            wait_for_copy(awaited, query, row)
        elif awaited.bonds.shape[0] > 0:
            awaited.bonds[row]["copy"] = 0
        copies[row]["factor"] = luck[work.FACTOR, task] if is_own else same
        take_luck(given, copies, awaited, stage, row, task, luck, whole)
        copies[row]["counter"] = view + local
        copies[row]["load"] = whole[work.LOAD, task] if is_aware else 0
        count_at(stages, outstanding, stage, view + local, copies[row]["load"])
        if not send(given, clock, events, copies, row, enqueue_ns + (whole[work.HELD, task] if may_be_held else 0)):
            return False
        enqueue_ns += stages[stage]["send_ns"]
    if is_tied(stages, stage):
        return send_tied(
            given, kept, clock, events, copies, awaited, outstanding, fault, wholes, stage, query, now, enqueue_ns
        )
    return not sends_copies(stages, stage) or hedge_later(given, clock, events, stage, query, now)
