"""A task of a replica's own comes: it queues like those of queries, and the next one is on its way."""

from simulator.core import draws, rules
from simulator.core.background import background_of, has_background, name_of
from simulator.core.jit import kernel, passage
from simulator.core.plan import NEVER_NS, Rows
from simulator.engines.compiled import records
from simulator.engines.compiled.attempts import all_over
from simulator.engines.compiled.copies import new_copy
from simulator.engines.compiled.events import happen
from simulator.engines.compiled.on_enqueue import be_there
from simulator.engines.compiled.records import Awaited, Given, Kept


@passage
def next_comes(
    given: Given, clock: Rows, events: Rows, replicas: Rows, stage: int, shard: int, name: int, at: int, now: int
) -> None:
    """The next task of a replica's own is on its way, if it is there before all queries have arrived."""
    luck = given.run, given.laws, given.parts, given.points
    gap_ns, _ = background_of(luck[0], luck[1], luck[2], luck[3], stage, shard, name)
    if gap_ns <= given.arrival_ns[given.arrival_ns.shape[0] - 1] - now:
        key = (at << given.run[0]["stage_bits"]) | stage
        happen(clock, events, now + gap_ns, rules.BACKGROUND, key, at, records.NO_COPY)


@kernel
def begin_background(given: Given, clock: Rows, events: Rows, replicas: Rows) -> None:
    """The first task of each replica is on its way, at the begin of the run; the list of events has room."""
    stages = given.stages
    for stage in range(stages.shape[0]):
        if has_background(given.laws, stage):
            for shard in range(stages[stage]["shards"]):
                for index in range(given.left[stages[stage]["first_shard"] + shard]):
                    at = stages[stage]["first_replica"] + shard * stages[stage]["replicas"] + index
                    name = name_of(stages, stage, index, replicas[at]["came"])
                    next_comes(given, clock, events, replicas, stage, shard, name, at, rules.NOTHING)


@kernel
def will_come(given: Given) -> int:
    """How many tasks of replicas' own will come: rows of their table."""
    stages, luck, count = given.stages, given.run, rules.NOTHING
    for stage in range(stages.shape[0]):
        if has_background(given.laws, stage):
            for shard in range(stages[stage]["shards"]):
                for index in range(given.left[stages[stage]["first_shard"] + shard]):
                    left_ns, number = given.arrival_ns[given.arrival_ns.shape[0] - 1], rules.NOTHING
                    while left_ns >= 0:
                        name = name_of(stages, stage, index, number)
                        gap_ns, _ = background_of(luck, given.laws, given.parts, given.points, stage, shard, name)
                        left_ns -= gap_ns
                        number += 1
                    count += number - 1
    return count


@kernel
def on_background(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    ranks: Rows,
    awaited: Awaited,
    replicas: Rows,
    key: int,
    now: int,
) -> bool:
    """A task of a replica's own is there; whether int64 can tell what follows.

    While attempts are found none comes when all are over: when the last of them arrived is known only then.
    """
    is_found = given.arrival_ns[given.arrival_ns.shape[0] - 1] == NEVER_NS
    if is_found and given.patience.shape[0] > 0 and all_over(given, kept):
        return True
    stages, run, stage_bits = given.stages, given.run, given.run[0]["stage_bits"]
    at, stage = key >> stage_bits, key & ((1 << stage_bits) - 1)
    local, per_shard, number = at - stages[stage]["first_replica"], stages[stage]["replicas"], replicas[at]["came"]
    shard, index = local // per_shard, local % per_shard
    name, after_it = name_of(stages, stage, index, number), name_of(stages, stage, index, number + 1)
    replicas[at]["came"] = number + 1
    _, alone_ns = background_of(run, given.laws, given.parts, given.points, stage, shard, name)
    row = new_copy(given, clock, copies, kept, name, stage, shard, draws.FIRST_COPY, local)
    copies[row]["alone_ns"], copies[row]["factor"], copies[row]["items"] = alone_ns, 1.0, 0.0
    copies[row]["response_ns"] = copies[row]["load"] = copies[row]["counter"] = 0
    if awaited.bonds.shape[0] > 0:
        awaited.bonds[row]["copy"] = awaited.bonds[row]["called"] = 0
        awaited.bonds[row]["other"] = row
    if awaited.after_ns.shape[0] > 0:
        awaited.after_ns[row] = 0
    next_comes(given, clock, events, replicas, stage, shard, after_it, at, now)
    replicas[at]["own"] += 1
    return be_there(given, kept, clock, events, copies, ranks, awaited, replicas, row, now)
