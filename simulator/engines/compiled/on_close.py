"""A stage some of whose answers are not needed: what is waited for, when it closes, what is withdrawn then.

It may close without all of them, or it sends copies, of which one answer counts.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import rules
from simulator.core.columns import FAILED, TIMED_OUT
from simulator.core.fan_out import enough, fans_out
from simulator.core.gathering import cancels, coverage_of, outcome_of, patience_ns, times_out
from simulator.core.hedging import saved, sends_copies
from simulator.core.jit import passage
from simulator.core.plan import NEVER_NS, Rows
from simulator.engines.compiled import records
from simulator.engines.compiled.clients import over
from simulator.engines.compiled.copies import free_copy, key_of
from simulator.engines.compiled.events import happen
from simulator.engines.compiled.on_answer import keep_source, keep_winner
from simulator.engines.compiled.recorder import count_spared, keep_close
from simulator.engines.compiled.records import LATE, LATE_NS, LEAVE, Awaited, Given, Kept
from simulator.engines.compiled.refusal import useful_until_ns


@passage
def look_at(given: Given, clock: Rows, events: Rows, kind: int, stage: int, query: int, at_ns: int) -> bool:
    """A query will be looked at in a stage, by an event of a kind; whether int64 can tell when."""
    end_ns = given.run[0]["end_ns"]
    if at_ns >= NEVER_NS:
        return end_ns != NEVER_NS  # type: ignore[no-any-return]
    if at_ns <= end_ns:
        key = (query << given.run[0]["stage_bits"]) | stage
        happen(clock, events, at_ns, kind, key, query, records.NO_COPY)
    return True


@passage
def time_out(given: Given, clock: Rows, events: Rows, awaited: Awaited, stage: int, query: int, at_ns: int) -> bool:
    """The stage of a query will close at an instant, unless it does before; whether int64 can tell when."""
    awaited.waits[query]["deadline_ns"] = at_ns
    return look_at(given, clock, events, rules.TIMEOUT, stage, query, at_ns)


@passage
def note_visit(stages: Rows, awaited: Awaited, stage: int, query: int, shards: int, share: float) -> None:
    """A query visits so many shards of a stage, whose shares have this sum; nothing is noted where it visits all."""
    visits = awaited.visits
    if fans_out(stages, stage):
        visits[query]["shards"], visits[query]["share"] = shards, share
        visits[query]["wait_for"] = enough(stages, stage, shards)


@passage
def shards_of(stages: Rows, awaited: Awaited, stage: int, query: int) -> int:
    """How many shards a query visits in the stage that it is in."""
    return awaited.visits[query]["shards"] if fans_out(stages, stage) else stages[stage]["shards"]  # type: ignore[no-any-return]


@passage
def wanted_of(stages: Rows, awaited: Awaited, stage: int, query: int) -> int:
    """How many answers close the stage that a query is in."""
    return awaited.visits[query]["wait_for"] if fans_out(stages, stage) else stages[stage]["wait_for"]  # type: ignore[no-any-return]


@passage
def begin_waiting(given: Given, clock: Rows, events: Rows, awaited: Awaited, stage: int, query: int, now: int) -> bool:
    """A query begins to wait for answers, and its tasks pay for copies; whether int64 can tell until when."""
    waits = awaited.waits
    if sends_copies(given.stages, stage):
        shards = shards_of(given.stages, awaited, stage, query)
        awaited.budgets[stage] = saved(given.stages, stage, awaited.budgets[stage], shards)
    waits[query]["stage"] = stage
    waits[query]["answers"] = waits[query]["total_ns"] = waits[query]["rounds"] = 0
    waits[query]["covered"] = 0.0
    waits[query]["first"] = waits[query]["last"] = -1
    waits[query]["deadline_ns"] = NEVER_NS
    until_ns = now + given.stages[stage]["timeout_ns"]
    return not times_out(given.stages, stage) or time_out(given, clock, events, awaited, stage, query, until_ns)


@passage
def wait_for_copy(awaited: Awaited, query: int, row: int) -> None:
    """Its query waits for the answer of a copy that is sent now, the first of its task."""
    waits, bonds = awaited.waits, awaited.bonds
    last = waits[query]["last"]
    bonds[row]["copy"], bonds[row]["other"], bonds[row]["is_awaited"], bonds[row]["is_refused"] = 0, row, 1, 0
    bonds[row]["sooner"], bonds[row]["later"], bonds[row]["called"] = last, -1, 0
    bonds[row]["is_first"], bonds[row]["sent"], bonds[row]["is_lost"] = 1, 1, 0
    if last >= 0:
        bonds[last]["later"] = row
    else:
        waits[query]["first"] = row
    waits[query]["last"] = row


@passage
def is_here(awaited: Awaited, query: int, row: int) -> None:
    """Its query waits for this copy no longer."""
    waits, bonds = awaited.waits, awaited.bonds
    bonds[row]["is_awaited"] = 0
    sooner, later = bonds[row]["sooner"], bonds[row]["later"]
    if sooner >= 0:
        bonds[sooner]["later"] = later
    else:
        waits[query]["first"] = later
    if later >= 0:
        bonds[later]["sooner"] = sooner
    else:
        waits[query]["last"] = sooner


@passage
def is_never_here(awaited: Awaited, query: int, row: int) -> None:
    """Its query waits for this copy no longer, but for the others of its task."""
    bonds = awaited.bonds
    sooner = bonds[row]["other"]
    while bonds[sooner]["other"] != row:
        sooner = bonds[sooner]["other"]
    if bonds[row]["is_first"] == 1:
        bonds[sooner]["is_first"], bonds[sooner]["sent"] = 1, bonds[row]["sent"]
    bonds[sooner]["other"] = bonds[row]["other"]
    is_here(awaited, query, row)


@passage
def is_waited_for(copies: Rows, awaited: Awaited, row: int) -> bool:
    """Whether the answer of a copy counts, if it comes before the stage closes."""
    query = copies[row]["query"]
    return awaited.waits[query]["stage"] == copies[row]["stage"] and awaited.bonds[row]["is_awaited"] == 1  # type: ignore[no-any-return]


@passage
def call_back(given: Given, clock: Rows, events: Rows, copies: Rows, awaited: Awaited, row: int, now: int) -> bool:
    """Withdraw a copy, if its stage says so; whether int64 can tell when that is at its replica.

    Of one that is known to be lost only its row was kept.
    """
    stages, end_ns, stage = given.stages, given.run[0]["end_ns"], copies[row]["stage"]
    if awaited.bonds[row]["is_lost"] == 1:
        awaited.bonds[row]["is_lost"] = 0
        free_copy(clock, copies, row)
        return True
    if not cancels(stages, stage):
        return True
    at_ns = now + stages[stage]["cancel_ns"]
    if at_ns >= NEVER_NS:
        return end_ns != NEVER_NS  # type: ignore[no-any-return]
    if at_ns <= end_ns:
        awaited.bonds[row]["called"] += 1
        key = key_of(given, copies, awaited.bonds, row)
        happen(clock, events, at_ns, rules.WITHDRAW, key, row, copies[row]["generation"])
    return True


@passage
def call_all_back(
    given: Given, clock: Rows, events: Rows, copies: Rows, awaited: Awaited, query: int, now: int
) -> bool:
    """Withdraw what a query waits for no longer; whether int64 can tell when that is at the replicas."""
    row = awaited.waits[query]["first"]
    while row >= 0:
        if not call_back(given, clock, events, copies, awaited, row, now):
            return False
        row = awaited.bonds[row]["later"]
    return True


@passage
def settle(
    given: Given, clock: Rows, events: Rows, copies: Rows, awaited: Awaited, query: int, row: int, now: int
) -> bool:
    """A shard has answered by this copy, and no other is needed; whether int64 can tell when they are withdrawn."""
    other = awaited.bonds[row]["other"]
    while other != row:
        is_here(awaited, query, other)
        if not call_back(given, clock, events, copies, awaited, other, now):
            return False
        other = awaited.bonds[other]["other"]
    is_here(awaited, query, row)
    clock[0]["stale"] += awaited.bonds[row]["called"]
    return True


@passage
def closed(
    given: Given, kept: Kept, clock: Rows, events: Rows, copies: Rows, awaited: Awaited, query: int, now: int
) -> bool:
    """The stage of a query has closed with what is there; whether int64 can tell what follows."""
    waits = awaited.waits
    stage, answers = waits[query]["stage"], waits[query]["answers"]
    outcome = outcome_of(wanted_of(given.stages, awaited, stage, query), answers)
    if kept.coverage.shape[0] > 0:
        kept.stage_outcome[stage, query] = outcome
        kept.answers[stage, query] = answers
        share = awaited.visits[query]["share"] if fans_out(given.stages, stage) else 1.0
        shards = shards_of(given.stages, awaited, stage, query)
        kept.coverage[stage, query] = coverage_of(shards, share, answers, waits[query]["covered"])
    waits[query]["stage"] = -1
    if outcome == FAILED and now > useful_until_ns(given, query):
        kept.outcome[query] = TIMED_OUT
    elif outcome == FAILED:
        kept.outcome[query] = FAILED
        if not over(given, kept, clock, query, now):
            return False
    return call_all_back(given, clock, events, copies, awaited, query, now)


@passage
def take_answer(
    given: Given, kept: Kept, clock: Rows, events: Rows, copies: Rows, awaited: Awaited, row: int, now: int
) -> int:
    """Count an answer, or ignore one that is late; the copy is no more afterwards.

    Returns 1 where it closes its stage, 0 where not, -1 where int64 cannot tell what follows.
    """
    stages, waits = given.stages, awaited.waits
    query, stage, shard = copies[row]["query"], copies[row]["stage"], copies[row]["shard"]
    enqueue_ns, start_ns = copies[row]["enqueue_ns"], copies[row]["start_ns"]
    service = copies[row]["finish_ns"] - start_ns
    if not is_waited_for(copies, awaited, row):
        if query >= given.run[0]["first_measured"]:
            count_spared(kept, LATE, LATE_NS, copies[row]["replica"], awaited.bonds[row]["busy_ns"])
        clock[0]["stale"] += awaited.bonds[row]["called"]
        free_copy(clock, copies, row)
        return 0
    if not settle(given, clock, events, copies, awaited, query, row, now):
        return -1
    keep_winner(given, kept, copies, row)
    keep_source(given, kept, query, stage, shard, now)
    free_copy(clock, copies, row)
    enter_ns = given.arrival_ns[query] if stage == 0 else kept.instants[LEAVE, stage - 1, query]
    waits[query]["answers"] += 1
    waits[query]["total_ns"] = rules.add(waits[query]["total_ns"], now - enter_ns)
    waits[query]["covered"] += given.share[stages[stage]["first_shard"] + shard]
    answers = waits[query]["answers"]
    if waits[query]["first"] >= 0:
        if answers != wanted_of(stages, awaited, stage, query):
            return 0
        if stages[stage]["then"] >= 0.0:
            until_ns = now + patience_ns(stages, stage, waits[query]["deadline_ns"], now)
            is_set = until_ns == waits[query]["deadline_ns"]
            return 0 if is_set or time_out(given, clock, events, awaited, stage, query, until_ns) else -1
    total = waits[query]["total_ns"]
    keep_close(kept, stage, query, now, shard, enqueue_ns, start_ns - enqueue_ns, service, total)
    return 1 if closed(given, kept, clock, events, copies, awaited, query, now) else -1


@passage
def on_refusal(
    given: Given, kept: Kept, clock: Rows, events: Rows, copies: Rows, awaited: Awaited, row: int, now: int
) -> int:
    """A refusal is there, and no other copy is sent to its shard; the copy is no more afterwards.

    1 where its stage closes and goes on, since no further answer can come, 0 where not, -1 as above.
    """
    waits, bonds, query, stage = awaited.waits, awaited.bonds, copies[row]["query"], copies[row]["stage"]
    is_last = is_waited_for(copies, awaited, row)
    if is_last:
        other = bonds[row]["other"]
        while other != row:
            bonds[other]["is_refused"] = 1
            other = bonds[other]["other"]
        other = bonds[row]["other"]
        is_never_here(awaited, query, row)
        if other != row and bonds[other]["is_lost"] == 1 and bonds[other]["other"] == other:
            is_never_here(awaited, query, other)  # nothing of its task is under way
            free_copy(clock, copies, other)
        is_last = waits[query]["first"] < 0
    clock[0]["stale"] += bonds[row]["called"]
    free_copy(clock, copies, row)
    if not is_last:
        return 0
    keep_close(kept, stage, query, now, -1, -1, -1, -1, waits[query]["total_ns"])
    if not closed(given, kept, clock, events, copies, awaited, query, now):
        return -1
    return 0 if waits[query]["answers"] == 0 else 1


@passage
def on_timeout(
    given: Given, kept: Kept, clock: Rows, events: Rows, copies: Rows, awaited: Awaited, key: int, now: int
) -> int:
    """A stage closes with what is there, if it waits until now: 1 where it goes on, 0 where not, -1 as above."""
    waits, stage_bits = awaited.waits, given.run[0]["stage_bits"]
    query, stage = key >> stage_bits, key & ((1 << stage_bits) - 1)
    if waits[query]["stage"] != stage or waits[query]["deadline_ns"] != now:
        return 0
    keep_close(kept, stage, query, now, -1, -1, -1, -1, waits[query]["total_ns"])
    if not closed(given, kept, clock, events, copies, awaited, query, now):
        return -1
    return 0 if waits[query]["answers"] == 0 else 1
