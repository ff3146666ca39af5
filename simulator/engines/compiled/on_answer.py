"""An answer reaches the aggregator; the last one closes the stage."""

from simulator.core import copy_states, heard, rules
from simulator.core.jit import passage
from simulator.core.plan import I8, Rows
from simulator.core.sources import source_of
from simulator.engines.compiled.copies import free_copy, step
from simulator.engines.compiled.recorder import keep_close
from simulator.engines.compiled.records import ANSWER_SUM, LEAVE, T_ANSWER, Given, Kept


@passage
def answered(given: Given, kept: Kept, copies: Rows, outstanding: I8, row: int, now: int) -> None:
    """A copy's answer is there."""
    stages, stage, counter, load = given.stages, copies[row]["stage"], copies[row]["counter"], copies[row]["load"]
    service_ns, queue = copies[row]["finish_ns"] - copies[row]["start_ns"], copies[row]["queue"]
    step(copies, kept, row, copy_states.ANSWERED)
    heard.answered(stages, outstanding, stage, counter, load, copies[row]["enqueue_ns"], service_ns, queue, now)
    if kept.table.shape[1] > 0:
        kept.table[T_ANSWER, copies[row]["table"]] = now


@passage
def keep_winner(given: Given, kept: Kept, copies: Rows, row: int) -> None:
    """The answer of a copy counts: that is kept where a later stage follows."""
    stage = copies[row]["stage"]
    first = given.stages[stage]["first_won"]
    if first >= 0:
        shard, before = copies[row]["shard"], copies[row]["shard"] * given.stages[stage]["replicas"]
        index = copies[row]["replica"] - given.stages[stage]["first_replica"] - before
        kept.won[copies[row]["query"], first + shard] = index


@passage
def keep_source(given: Given, kept: Kept, query: int, stage: int, shard: int, now: int) -> None:
    """An answer of a shard counts: it is the last of its source so far, of a stage that has several."""
    first = given.modes[stage]["first_kept"]
    if first >= 0:
        source = source_of(given.stages, given.sources, stage, shard) - given.stages[stage]["first_source"]
        kept.source_answer_ns[first + source, query] = now


@passage
def on_answer(given: Given, kept: Kept, clock: Rows, copies: Rows, gathers: Rows, row: int, now: int) -> bool:
    """Count an answer of a stage that waits for all of them; returns whether it closes its stage."""
    query, stage, shard = copies[row]["query"], copies[row]["stage"], copies[row]["shard"]
    enter_ns = given.arrival_ns[query] if stage == 0 else kept.instants[LEAVE, stage - 1, query]
    total = rules.add(kept.instants[ANSWER_SUM, stage, query], now - enter_ns)
    kept.instants[ANSWER_SUM, stage, query] = total
    keep_winner(given, kept, copies, row)
    keep_source(given, kept, query, stage, shard, now)
    gathers[query]["missing"] -= 1
    closes = gathers[query]["missing"] == 0
    if closes:
        enqueue_ns, start_ns = copies[row]["enqueue_ns"], copies[row]["start_ns"]
        service = copies[row]["finish_ns"] - start_ns
        keep_close(kept, stage, query, now, shard, enqueue_ns, start_ns - enqueue_ns, service, total)
    free_copy(clock, copies, row)
    return closes  # type: ignore[no-any-return]
