"""Each shard without an answer gets a copy of its task: at the dispatch, or when its query looks who has not answered.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import rules
from simulator.core.calling import IS
from simulator.core.copying import NOWHERE, alone_of_copy, replica_of_copy
from simulator.core.failures import MOST_SENDINGS
from simulator.core.heard import count_at
from simulator.core.hedging import COPY, FREE, affords
from simulator.core.jit import kernel, passage
from simulator.core.plan import I8, NEVER_NS, Rows
from simulator.core.routing import is_load_aware, view_of, weighs_work
from simulator.core.service import after_of, factor_of, response_of, stays_taken
from simulator.core.work import POOLED, REPLICA
from simulator.engines.compiled import records
from simulator.engines.compiled.copies import begin_copy, send, take_row
from simulator.engines.compiled.failing import known_down_of
from simulator.engines.compiled.on_close import look_at
from simulator.engines.compiled.recorder import count_spared
from simulator.engines.compiled.records import HEDGED, NO_TIME, Awaited, Given, Kept
from simulator.engines.compiled.scaling import provide


@passage
def hedge_later(given: Given, clock: Rows, events: Rows, stage: int, query: int, now: int) -> bool:
    """A query will look who has not answered; whether int64 can tell when."""
    return look_at(given, clock, events, rules.HEDGE, stage, query, now + given.stages[stage]["hedge_ns"])


@passage
def find_holding(given: Given, copies: Rows, bonds: Rows, first: int, holding: I8) -> int:
    """Fill ``holding`` with the replicas that have a task, ``first`` the first of its copies; returns how many."""
    stage, shard = copies[first]["stage"], copies[first]["shard"]
    base = given.stages[stage]["first_replica"] + shard * given.stages[stage]["replicas"]
    row, count = first, 0
    while True:
        if bonds[row]["is_lost"] == 0:
            holding[count] = copies[row]["replica"] - base
            count += 1
        row = bonds[row]["other"]
        if row == first:
            return count


@passage
def join_others(awaited: Awaited, query: int, first: int, row: int, number: int) -> None:
    """A copy is waited for, with the others of its task, and behind all that its query waits for."""
    waits, bonds = awaited.waits, awaited.bonds
    bonds[row]["copy"], bonds[row]["is_awaited"], bonds[row]["called"] = number, 1, 0
    bonds[row]["is_first"] = bonds[row]["is_lost"] = 0
    bonds[first]["sent"] += 1
    bonds[row]["other"] = bonds[first]["other"]
    bonds[first]["other"] = row
    last = waits[query]["last"]
    bonds[row]["sooner"], bonds[row]["later"] = last, -1
    bonds[last]["later"] = row
    waits[query]["last"] = row


@kernel
def fill_copy(
    given: Given,
    kept: Kept,
    clock: Rows,
    copies: Rows,
    awaited: Awaited,
    outstanding: I8,
    row: int,
    one: int,
    number: int,
    index: int,
) -> int:
    """A copy of the task that ``one`` is of, in a row, with luck of its own, for a replica, which is returned."""
    stages, run, laws, parts, points = given.stages, given.run, given.laws, given.parts, given.points
    query, stage, shard = copies[one]["query"], copies[one]["stage"], copies[one]["shard"]
    items, before_ns = copies[one]["items"], copies[one]["alone_ns"]
    local = shard * stages[stage]["replicas"] + index
    replica = stages[stage]["first_replica"] + local
    begin_copy(given, clock, copies, kept, row, query, stage, shard, number, local)
    alone_ns = alone_of_copy(
        stages,
        given.sources,
        run,
        laws,
        parts,
        points,
        given.knot_items,
        given.knot_ns,
        given.knot_slope,
        stage,
        query,
        shard,
        number,
        items,
        given.work[min(query, given.work.shape[0] - 1)],
        before_ns,
    )
    factor = factor_of(stages, given.sources, run, laws, parts, points, stage, query, shard, number)
    copies[row]["alone_ns"], copies[row]["items"], copies[row]["factor"] = alone_ns, items, factor
    copies[row]["response_ns"] = response_of(run, laws, parts, points, stage, query, shard, number)
    if awaited.after_ns.shape[0] > 0:
        is_longer = stays_taken(laws, stage)
        awaited.after_ns[row] = after_of(run, laws, parts, points, stage, query, shard, number) if is_longer else 0
    counts, load = stages[stage]["counts"], 0
    if is_load_aware(counts):
        load = rules.round_ns(alone_ns) if weighs_work(counts) else 1
    copies[row]["counter"] = view_of(stages, run, query, stage) + local
    copies[row]["load"] = load
    count_at(stages, outstanding, stage, copies[row]["counter"], load)
    return replica  # type: ignore[no-any-return]


@passage
def send_copy(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    awaited: Awaited,
    outstanding: I8,
    first: int,
    number: int,
    index: int,
    enqueue_ns: int,
) -> bool:
    """Send a copy of a task to a replica of its shard; returns whether int64 can tell when it is there."""
    query, row = copies[first]["query"], take_row(clock, copies)
    join_others(awaited, query, first, row, number)
    replica = fill_copy(given, kept, clock, copies, awaited, outstanding, row, first, number, index)
    if query >= given.run[0]["first_measured"]:
        count_spared(kept, HEDGED, NO_TIME, replica, rules.NOTHING)
    return send(given, clock, events, copies, row, enqueue_ns)


@kernel
def send_again(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    awaited: Awaited,
    outstanding: I8,
    fault: I8,
    wholes: I8,
    stage: int,
    query: int,
    now: int,
    enqueue_ns: int,
) -> int:
    """Every shard without an answer gets a copy, in order, as long as the budget lasts.

    The first is at its replica at ``enqueue_ns``; returns when one more would be, NEVER_NS where int64 cannot tell.
    """
    stages, run, waits, bonds = given.stages, given.run, awaited.waits, awaited.bonds
    row, last = waits[query]["first"], waits[query]["last"]
    holding, seen = wholes[records.SINGLE, REPLICA], wholes[records.SINGLE, POOLED]
    provide(given, kept, stage, now)
    while row >= 0 and affords(stages, stage, awaited.budgets[stage]):
        # the first of its task: these come in the order of shards
        may_be = bonds[row]["is_refused"] == 0 and bonds[row]["sent"] < MOST_SENDINGS
        if bonds[row]["is_first"] == 1 and may_be:
            shard, number = copies[row]["shard"], bonds[row]["sent"]
            count = find_holding(given, copies, bonds, row, holding)
            down = known_down_of(given, awaited, stage, shard, now)
            index = replica_of_copy(
                stages,
                run,
                given.left,
                given.outages,
                down,
                outstanding,
                fault,
                stage,
                query,
                shard,
                number,
                now,
                holding[:count],
                seen,
            )
            if fault[IS] != 0:
                return enqueue_ns
            if index != NOWHERE:
                if stages[stage]["budget"] != FREE:
                    awaited.budgets[stage] -= COPY
                if not send_copy(
                    given, kept, clock, events, copies, awaited, outstanding, row, number, index, enqueue_ns
                ):
                    return NEVER_NS
                enqueue_ns += stages[stage]["send_ns"]
        row = -1 if row == last else bonds[row]["later"]
    return enqueue_ns


@kernel
def on_hedge(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    awaited: Awaited,
    outstanding: I8,
    fault: I8,
    wholes: I8,
    key: int,
    now: int,
) -> bool:
    """Every shard without an answer gets a copy, and later another; returns whether int64 can tell when."""
    stages, run, waits = given.stages, given.run, awaited.waits
    query, stage = key >> run[0]["stage_bits"], key & ((1 << run[0]["stage_bits"]) - 1)
    if waits[query]["stage"] != stage:
        return True
    enqueue_ns = now + stages[stage]["request_ns"]
    until_ns = send_again(
        given, kept, clock, events, copies, awaited, outstanding, fault, wholes, stage, query, now, enqueue_ns
    )
    if until_ns == NEVER_NS:
        return False
    waits[query]["rounds"] += 1
    return waits[query]["rounds"] >= stages[stage]["hedges"] or hedge_later(given, clock, events, stage, query, now)


@passage
def send_tied(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    awaited: Awaited,
    outstanding: I8,
    fault: I8,
    wholes: I8,
    stage: int,
    query: int,
    now: int,
    enqueue_ns: int,
) -> bool:
    """Every shard gets all its copies, behind the first tasks; returns whether int64 can tell when they come."""
    for _ in range(given.stages[stage]["hedges"]):
        enqueue_ns = send_again(
            given, kept, clock, events, copies, awaited, outstanding, fault, wholes, stage, query, now, enqueue_ns
        )
        if enqueue_ns == NEVER_NS or fault[IS] != 0:
            break
    return enqueue_ns != NEVER_NS
