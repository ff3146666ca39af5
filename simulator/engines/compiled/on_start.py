"""The end of an instant at a replica: while a worker is free and a batch is ready, it is taken."""

from simulator.core import copy_states, draws, rules
from simulator.core.background import is_background
from simulator.core.batching import fits, is_batched, ready
from simulator.core.failures import freezes, loses
from simulator.core.hedging import is_tied
from simulator.core.jit import kernel, passage
from simulator.core.limits import is_short, looks_at_delay
from simulator.core.neighbours import interferes, machine_of, replicas_on, slowness
from simulator.core.plan import I8, NEVER_NS, Rows
from simulator.core.service import batch_ns, service_ns
from simulator.core.slowdowns import is_slowed
from simulator.engines.compiled import records, slow
from simulator.engines.compiled.copies import first_worker_of, key_of, step
from simulator.engines.compiled.events import happen
from simulator.engines.compiled.failing import arm, down_until
from simulator.engines.compiled.on_close import is_waited_for
from simulator.engines.compiled.queue import after_first
from simulator.engines.compiled.recorder import count_part
from simulator.engines.compiled.records import T_BATCH, T_START, T_WORKER, Awaited, Given, Kept
from simulator.engines.compiled.refusal import drop_late


@passage
def ready_at(given: Given, copies: Rows, replicas: Rows, at: int, stage: int, now: int) -> int:
    """How many of the first in the queue make a batch that is ready; 0: none is."""
    waiting, row = replicas[at]["waiting"], replicas[at]["head"]
    if not is_batched(given.stages, stage):
        return min(1, waiting)  # type: ignore[no-any-return]
    fitting, items = 0, 0.0
    oldest_ns = copies[row]["enqueue_ns"]
    is_mixed = given.modes[stage]["is_mixed"] == 1
    while row >= 0:
        if not is_mixed or copies[row]["stage"] == stage:
            if not fits(given.stages, stage, fitting, items, copies[row]["items"]):
                break
            fitting += 1
            items += copies[row]["items"]
        row = copies[row]["next"]
    if is_mixed:
        waiting = fitting if row < 0 else fitting + 1
    return ready(given.stages, given.batch_points, stage, waiting, fitting, oldest_ns, now)


@passage
def begin(kept: Kept, copies: Rows, row: int, worker: int, count: int, now: int) -> None:
    """A task is taken by a worker, in a batch of so many."""
    step(copies, kept, row, copy_states.STARTED)
    copies[row]["start_ns"] = now
    copies[row]["worker"] = worker
    if kept.table.shape[1] > 0:
        kept.table[T_START, copies[row]["table"]] = now
        kept.table[T_WORKER, copies[row]["table"]] = worker
        kept.table[T_BATCH, copies[row]["table"]] = count


@kernel
def start_mixed(
    kept: Kept, copies: Rows, bonds: Rows, replicas: Rows, at: int, worker: int, count: int, now: int
) -> float:
    """The same from a queue that holds tasks of several stages: those of the first one's; others keep their place."""
    items, row, last, kept_row = 0.0, replicas[at]["head"], -1, -1
    stage, taken = copies[row]["stage"], 0
    while taken < count:
        after_it = copies[row]["next"]
        if copies[row]["stage"] == stage:
            begin(kept, copies, row, worker, count, now)
            if is_background(copies[row]["query"]):
                replicas[at]["own"] -= 1
            items += copies[row]["items"]
            taken += 1
            if last >= 0:
                copies[last]["next"] = row
            last = row
            if kept_row < 0:
                replicas[at]["head"] = after_it
            else:
                copies[kept_row]["next"] = after_it
            if after_it < 0:
                replicas[at]["tail"] = kept_row
            elif bonds.shape[0] > 0:
                bonds[after_it]["before"] = kept_row
        else:
            kept_row = row
        row = after_it
    copies[last]["next"] = -1
    replicas[at]["waiting"] -= count
    return items


@passage
def start_batch(
    given: Given, kept: Kept, copies: Rows, ranks: Rows, replicas: Rows, at: int, worker: int, count: int, now: int
) -> float:
    """Take so many tasks from the head of the queue, linked as they were; returns the effective items of all."""
    items, row, last = 0.0, replicas[at]["head"], -1
    for _ in range(count):
        begin(kept, copies, row, worker, count, now)
        if is_background(copies[row]["query"]):
            replicas[at]["own"] -= 1
        items += copies[row]["items"]
        last, row = row, after_first(given.stages, copies, ranks, row)
    copies[last]["next"] = -1
    replicas[at]["head"] = row
    replicas[at]["waiting"] -= count
    return items


@passage
def start_all(
    given: Given,
    kept: Kept,
    copies: Rows,
    ranks: Rows,
    awaited: Awaited,
    replicas: Rows,
    at: int,
    worker: int,
    count: int,
    now: int,
) -> float:
    """The same from any queue."""
    if count > 1 and given.modes[copies[replicas[at]["head"]]["stage"]]["is_mixed"] == 1:
        return start_mixed(kept, copies, awaited.bonds, replicas, at, worker, count, now)
    return start_batch(given, kept, copies, ranks, replicas, at, worker, count, now)


@passage
def note_wait(given: Given, copies: Rows, replicas: Rows, at: int, head: int, now: int) -> None:
    """If a task of a query in a batch that starts now has waited shortly, its replica is in time."""
    row = head
    while row >= 0:
        waited_ns = now - copies[row]["enqueue_ns"]
        if not is_background(copies[row]["query"]) and is_short(given.stages, copies[head]["stage"], waited_ns):
            replicas[at]["in_time_ns"] = now
        row = copies[row]["next"]


@passage
def is_inside(given: Given, copies: Rows, head: int, release_ns: int) -> bool:
    """Whether all tasks of a batch are of measured queries, and it takes its worker wholly inside the window."""
    if release_ns > given.run[0]["watched_until_ns"]:
        return False
    row = head
    while row >= 0:
        if copies[row]["query"] < given.run[0]["first_measured"]:
            return False
        row = copies[row]["next"]
    return True


@passage
def after(awaited: Awaited, head: int) -> int:
    """How long a worker stays taken when the answers of a batch have gone."""
    return awaited.after_ns[head] if awaited.after_ns.shape[0] > 0 else 0


@passage
def begun(given: Given, clock: Rows, events: Rows, copies: Rows, awaited: Awaited, head: int, now: int) -> bool:
    """Copies of a batch have started: those tied to them that have not are told; whether int64 can say when."""
    bonds, row, end_ns = awaited.bonds, head, given.run[0]["end_ns"]
    at_ns = now + given.stages[copies[head]["stage"]]["cancel_ns"]
    if at_ns >= NEVER_NS:
        return end_ns != NEVER_NS  # type: ignore[no-any-return]
    while row >= 0 and at_ns <= end_ns:
        is_needed = not is_background(copies[row]["query"]) and is_waited_for(copies, awaited, row)
        other = bonds[row]["other"] if is_needed else row
        while other != row:
            state = copies[other]["state"]
            if bonds[other]["called"] == 0 and (state == copy_states.SENT or state == copy_states.QUEUED):
                bonds[other]["called"] = 1
                key = key_of(given, copies, bonds, other)
                happen(clock, events, at_ns, rules.UNTIE, key, other, copies[other]["generation"])
            other = bonds[other]["other"]
        row = copies[row]["next"]
    return True


@passage
def slowed(given: Given, copies: Rows, awaited: Awaited, replicas: Rows, at: int, head: int, now: int) -> float:
    """How much longer a batch takes that starts now, since other workers of its machine are busy."""
    stages, stage, shard = given.stages, copies[head]["stage"], copies[head]["shard"]
    owner = stages[stage]["owner"]
    index = (at - stages[owner]["first_replica"]) % stages[owner]["replicas"]
    machine, beside, busy = machine_of(stages, owner, shard, index), owner, -stages[owner]["threads"]
    is_round = False
    while not is_round:
        one, count = replicas_on(stages, beside, machine)
        for _ in range(count):
            if down_until(given, awaited, beside, one, now) == now:
                busy += (stages[beside]["workers"] - replicas[one]["free"]) * stages[beside]["threads"]
            one += stages[beside]["replicas"]
        beside = stages[beside]["beside"]
        is_round = beside == owner
    number = awaited.bonds[head]["copy"] if awaited.bonds.shape[0] > 0 else draws.FIRST_COPY
    return slowness(stages, given.run, given.busy_factor, stage, copies[head]["query"], shard, number, busy)


@passage
def takes_ns(
    given: Given, copies: Rows, awaited: Awaited, replicas: Rows, at: int, head: int, items: float, now: int
) -> int:
    """How much work a batch is that starts now, of so many effective items."""
    stages, stage, alone_ns = given.stages, copies[head]["stage"], copies[head]["alone_ns"]
    if is_batched(stages, stage):
        shard, points = copies[head]["shard"], given.batch_points
        costs = given.knot_items, given.knot_ns, given.knot_slope
        alone_ns = batch_ns(stages, given.sources, costs[0], costs[1], costs[2], points, stage, shard, items)
    slower = given.machine_factor[at]
    if interferes(stages, stage):
        slower *= slowed(given, copies, awaited, replicas, at, head, now)
    return service_ns(alone_ns, slower, copies[head]["factor"])


@passage
def finish_of(given: Given, copies: Rows, awaited: Awaited, head: int, now: int, took_ns: int) -> int:
    """When a batch is served that starts now and is so much work; NEVER_NS: never."""
    stage = copies[head]["stage"]
    if not is_slowed(given.stages, stage) and not freezes(given.stages, stage):
        return now + took_ns
    return slow.finish_ns(
        given,
        awaited.stretches,
        awaited.spells,
        stage,
        copies[head]["shard"],
        copies[head]["replica"],
        now,
        took_ns,
    )


@passage
def wake(replicas: Rows, at: int, now: int) -> None:
    """What may start at a replica does so now: its timer runs out, or it was said for the end of this instant."""
    if replicas[at]["timer_ns"] == now:
        replicas[at]["timer_ns"] = -1
    else:
        replicas[at]["is_starting"] = 0


@passage
def look_again(given: Given, clock: Rows, events: Rows, replicas: Rows, at: int, due_ns: int) -> bool:
    """What waits at a replica is looked at again when it has waited long enough; whether int64 can tell when."""
    end_ns = given.run[0]["end_ns"]
    if due_ns >= NEVER_NS:
        return end_ns != NEVER_NS  # type: ignore[no-any-return]
    if due_ns <= end_ns:
        replicas[at]["timer_ns"] = due_ns
        happen(clock, events, due_ns, rules.START, at, at, records.NO_COPY)
    return True


@passage
def sleep(given: Given, clock: Rows, events: Rows, replicas: Rows, at: int, until_ns: int) -> bool:
    """A replica is down, and starts nothing until its repair; whether int64 can tell when that is."""
    end_ns = given.run[0]["end_ns"]
    if replicas[at]["is_starting"] == 0 and replicas[at]["timer_ns"] != until_ns:
        if until_ns >= NEVER_NS:
            return end_ns != NEVER_NS  # type: ignore[no-any-return]
        replicas[at]["is_starting"] = 1
        if until_ns <= end_ns:
            happen(clock, events, until_ns, rules.START, at, at, records.NO_COPY)
    return True


@passage
def on_start(
    given: Given,
    kept: Kept,
    clock: Rows,
    events: Rows,
    copies: Rows,
    ranks: Rows,
    awaited: Awaited,
    replicas: Rows,
    serving: I8,
    at: int,
    now: int,
) -> bool:
    """The free worker of lowest index takes the first batch in the queue, again and again.

    How long it takes is decided now. What is not ready is looked at again when it has waited long enough. Returns
    whether int64 can tell when it ends.
    """
    stages, run, end_ns = given.stages, given.run, given.run[0]["end_ns"]
    wake(replicas, at, now)
    if awaited.spells.shape[0] > 0 and replicas[at]["head"] >= 0:
        until_ns = down_until(given, awaited, copies[replicas[at]["head"]]["stage"], at, now)
        if until_ns > now:
            return sleep(given, clock, events, replicas, at, until_ns)
    while replicas[at]["free"] > 0 and replicas[at]["head"] >= 0:
        if run[0]["drops"] == 1 and not drop_late(
            given, kept, clock, events, copies, ranks, awaited, replicas, at, now
        ):
            return False
        head = replicas[at]["head"]
        if head < 0:
            return True
        stage = copies[head]["stage"]
        count = ready_at(given, copies, replicas, at, stage, now)
        if count == 0:
            due_ns = copies[head]["enqueue_ns"] + stages[stage]["max_wait_ns"]
            return replicas[at]["timer_ns"] >= 0 or look_again(given, clock, events, replicas, at, due_ns)
        first = first_worker_of(given, stage, at)
        worker = 0
        while serving[first + worker] >= 0:
            worker += 1
        serving[first + worker] = head
        replicas[at]["free"] -= 1
        items = start_all(given, kept, copies, ranks, awaited, replicas, at, worker, count, now)
        if looks_at_delay(stages, stage):
            note_wait(given, copies, replicas, at, head, now)
        took_ns = takes_ns(given, copies, awaited, replicas, at, head, items, now)
        finish_ns = finish_of(given, copies, awaited, head, now, took_ns)
        if end_ns == NEVER_NS and finish_ns >= NEVER_NS:
            return False
        if loses(stages, stage):
            arm(given, clock, events, awaited, replicas, stage, at, now)
        if awaited.bonds.shape[0] > 0:
            awaited.bonds[head]["needed"], awaited.bonds[head]["finish_ns"] = count, finish_ns
            if is_tied(stages, stage) and not begun(given, clock, events, copies, awaited, head, now):
                return False
        release_ns = finish_ns + after(awaited, head)
        if not is_inside(given, copies, head, release_ns):
            count_part(kept.counters, run, copies[head]["replica"], now, release_ns)
        if finish_ns <= end_ns:
            key = (at << run[0]["worker_bits"]) | worker
            happen(clock, events, finish_ns, rules.FINISH, key, head, copies[head]["generation"])
    return True
