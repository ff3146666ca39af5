"""Replicas that crash: when they are down, and who is known to be; a crash, and what is lost by it.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import copy_states, rules
from simulator.core.batching import part_of
from simulator.core.failures import fails, known_until_ns, spell
from simulator.core.jit import kernel, passage
from simulator.core.plan import I8, NEVER_NS, Rows
from simulator.engines.compiled import records
from simulator.engines.compiled.copies import free_copy, key_of, step
from simulator.engines.compiled.events import happen
from simulator.engines.compiled.recorder import count_busy, count_spared
from simulator.engines.compiled.records import ACROSS, LOST, LOST_NS, NO_TIME, STOPPED, STOPPED_NS, Awaited, Given, Kept

#: Events that a crash may add, besides one for each task that it loses.
SPARE = 4


@kernel
def see_spell(given: Given, spells: Rows, stage: int, at: int, row: int, now: int) -> None:
    """Draw times down of a replica into a row until one is not over; later than int64 can tell, it never is."""
    replicas, place = given.stages[stage]["replicas"], at - given.stages[stage]["first_replica"]
    while spells[row]["repair_ns"] <= now and spells[row]["repair_ns"] < NEVER_NS:
        number = spells[row]["number"]
        up_ns, down_ns = spell(
            given.stages,
            given.run,
            given.laws,
            given.parts,
            given.points,
            stage,
            place // replicas,
            place % replicas,
            number,
        )
        crash_ns = min(spells[row]["repair_ns"] + up_ns, NEVER_NS)
        spells[row]["number"] = number + 1
        spells[row]["crash_ns"] = crash_ns
        spells[row]["repair_ns"] = min(crash_ns + down_ns, NEVER_NS)


@passage
def down_until(given: Given, awaited: Awaited, stage: int, at: int, now: int) -> int:
    """When a replica will be repaired, if it is down; else now."""
    until_ns = now
    if fails(given.stages, stage):
        see_spell(given, awaited.spells, stage, at, at, now)
        if awaited.spells[at]["crash_ns"] <= now:
            until_ns = awaited.spells[at]["repair_ns"]
    return until_ns


@kernel
def look_around(given: Given, awaited: Awaited, stage: int, shard: int, now: int) -> None:
    """Note who of a shard is known to be down, and until when."""
    spells, down, detect_ns = awaited.spells, awaited.down, given.stages[stage]["detect_ns"]
    first, next_ns = given.stages[stage]["first_replica"] + shard * given.stages[stage]["replicas"], rules.MOST_NS
    for at in range(first, first + given.stages[stage]["replicas"]):
        see_spell(given, spells, stage, at, at, now)
        crash_ns, repair_ns = spells[at]["crash_ns"], spells[at]["repair_ns"]
        down[at] = known_until_ns(given.stages, stage, crash_ns, repair_ns, now)
        known_ns = crash_ns + detect_ns
        next_ns = min(next_ns, repair_ns if down[at] > 0 or known_ns >= repair_ns else known_ns)
    awaited.changes_ns[given.stages[stage]["first_shard"] + shard] = next_ns


@passage
def known_down_of(given: Given, awaited: Awaited, stage: int, shard: int, now: int) -> I8:
    """(replicas,) until when each is known to be down, now: of those of a shard of a stage that crashes."""
    if fails(given.stages, stage) and now >= awaited.changes_ns[given.stages[stage]["first_shard"] + shard]:
        look_around(given, awaited, stage, shard, now)
    return awaited.down


@passage
def known_down(given: Given, awaited: Awaited, stage: int, now: int) -> I8:
    """The same, now, of all shards of a stage."""
    if fails(given.stages, stage):
        for shard in range(given.stages[stage]["shards"]):
            if now >= awaited.changes_ns[given.stages[stage]["first_shard"] + shard]:
                look_around(given, awaited, stage, shard, now)
    return awaited.down


@passage
def arm(
    given: Given, clock: Rows, events: Rows, awaited: Awaited, replicas: Rows, stage: int, at: int, now: int
) -> None:
    """There is something at a replica, which is up, that its next crash loses; each becomes an event then."""
    see_spell(given, awaited.spells, stage, at, at, now)
    most = SPARE + replicas[at]["waiting"] + given.stages[stage]["workers"] * given.stages[stage]["max_size"]
    clock[0]["margin"] = max(clock[0]["margin"], most)
    crash_ns = awaited.spells[at]["crash_ns"]
    if crash_ns != awaited.spells[at]["armed_ns"] and crash_ns < NEVER_NS and crash_ns <= given.run[0]["end_ns"]:
        awaited.spells[at]["armed_ns"] = crash_ns
        happen(clock, events, crash_ns, rules.CRASH, at, at, records.NO_COPY)


@kernel
def lose(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    awaited: Awaited,
    row: int,
    busy_ns: int,
    now: int,
) -> bool:
    """A copy is lost that its replica was busy with so long; whether int64 can tell when that is known."""
    at, end_ns, bonds = copies[row]["replica"], given.run[0]["end_ns"], awaited.bonds
    is_running = copies[row]["state"] == copy_states.RUNNING
    step(copies, kept, row, copy_states.CRASH)
    copies[row]["generation"] += 1
    clock[0]["stale"] += bonds[row]["called"]
    bonds[row]["called"] = 0
    if kept.table.shape[1] > 0:
        kept.table[records.T_WITHDRAWN, copies[row]["table"]] = now
    if copies[row]["query"] >= given.run[0]["first_measured"]:
        if is_running:
            count_busy(kept.counters, ACROSS, at, busy_ns)
        count_spared(kept, LOST, LOST_NS if is_running else NO_TIME, at, busy_ns)
    told_ns = now + given.stages[copies[row]["stage"]]["detect_ns"]
    if told_ns >= NEVER_NS:
        return end_ns != NEVER_NS  # type: ignore[no-any-return]
    if told_ns <= end_ns:
        key = key_of(given, copies, bonds, row)
        happen(clock, events, told_ns, rules.ANSWER, key, row, copies[row]["generation"])
    return True


@kernel
def lose_batch(
    given: Given, kept: Kept, clock: Rows, events: Rows, copies: Rows, awaited: Awaited, head: int, now: int
) -> bool:
    """A batch is lost that is served; whether int64 can tell when that is known."""
    run, at, count, row = given.run, copies[head]["replica"], rules.NOTHING, head
    start_ns, bonds = copies[head]["start_ns"], awaited.bonds
    while row >= 0:
        count += 1
        row = copies[row]["next"]
    if bonds[head]["finish_ns"] <= run[0]["end_ns"]:
        clock[0]["stale"] += 1
        copies[head]["generation"] += 1  # of whoever is lost it grows once more
    row = head
    while row >= 0:
        following = copies[row]["next"]
        busy_ns = part_of(now - start_ns, count, row == head)
        if copies[row]["state"] != copy_states.WITHDRAWN:
            if not lose(given, kept, clock, events, copies, awaited, row, busy_ns, now):
                return False
        else:
            if copies[row]["query"] >= run[0]["first_measured"]:
                count_busy(kept.counters, ACROSS, at, busy_ns)
                count_spared(kept, STOPPED, STOPPED_NS, at, busy_ns)
            free_copy(clock, copies, row)
        row = following
    return True
