"""What a table of tasks shows of copies that a stage sends, held against the plan: who, when, at what cost.

The decisions of a stage are taken again, from the answers that are in the table, one query's look after another.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from simulator.core.columns import Columns
from simulator.core.copying import may_get
from simulator.core.fan_out import fans_out, visited_shards
from simulator.core.followed import Been, takes_of
from simulator.core.hedging import COPY as A_COPY
from simulator.core.hedging import FREE, affords, is_tied, most_saved, saved, sends_copies
from simulator.core.plan import I8, Plan
from simulator.core.refused import told_ns
from simulator.core.routed import holds
from simulator.core.routing import replicas_left
from simulator.core.rules import DISPATCH, HEDGE
from simulator.core.violations import Rows, Violation, at

#: Later than any instant.
NEVER = np.iinfo(np.int64).max


class Sending(NamedTuple):
    """When a copy is sent, and how many of its query are before it."""

    instant: int
    place: int


def sendings(plan: Plan, trace: Columns, tasks: Rows, stage: int) -> dict[tuple[int, int, int], Sending]:
    """Of a stage, the copies that are to be sent besides the first: by query, shard and number."""
    row, found = plan.stages[stage], dict[tuple[int, int, int], Sending]()
    if is_tied(plan.stages, stage):
        return tied_sendings(plan, trace, tasks, stage)
    first_word: dict[tuple[int, int], int] = {}  # an answer, or a refusal
    words = np.where(tasks.answer_ns >= 0, tasks.answer_ns, told_ns(plan, tasks, stage))
    for query, shard, word in zip(tasks.query.tolist(), tasks.shard.tolist(), words.tolist(), strict=True):
        if word >= 0:
            first_word[query, shard] = min(word, first_word.get((query, shard), NEVER))
    enter_ns, close_ns, replicas = trace.enter_ns[stage], trace.close_ns[stage], indices(plan, tasks, stage)
    looks = [(int(enter_ns[query]), DISPATCH, int(query), 0) for query in np.flatnonzero(enter_ns >= 0)]
    for entered, _, query, _ in list(looks):
        instants = [(entered + number * int(row["hedge_ns"]), number) for number in range(1, int(row["hedges"]) + 1)]
        looks += [(instant, HEDGE, query, number) for instant, number in instants if instant <= plan.end_ns]
    budget, sent = int(most_saved(plan.stages, stage)), dict[tuple[int, int], int]()
    for instant, kind, query, _ in sorted(looks):
        if kind == DISPATCH:
            budget = int(saved(plan.stages, stage, budget, len(visited_shards(plan, stage, query)[0])))
            continue
        if 0 <= close_ns[query] <= instant:
            continue
        place = 0
        for shard in visited_shards(plan, stage, query)[0].tolist():
            number = sent.get((query, shard), 1)
            holding = [replicas.get((query, shard, copy), -1) for copy in range(number)]
            if first_word.get((query, shard), NEVER) <= instant or not finds(plan, stage, shard, holding, instant):
                continue
            if not affords(plan.stages, stage, budget):
                break
            budget -= 0 if row["budget"] == FREE else A_COPY
            found[query, shard, number] = Sending(instant, place)
            sent[query, shard] = number + 1
            place += 1
    return found


def tied_sendings(plan: Plan, trace: Columns, tasks: Rows, stage: int) -> dict[tuple[int, int, int], Sending]:
    """The same where copies are sent with their tasks: the second ones behind all first ones, and so on."""
    row, found, replicas = plan.stages[stage], {}, indices(plan, tasks, stage)
    enter_ns = trace.enter_ns[stage]
    for query in np.flatnonzero(enter_ns >= 0).tolist():
        visited = visited_shards(plan, stage, query)[0].tolist()
        place = len(visited)
        for number, shard in product(range(int(row["hedges"])), visited):
            holding = [replicas.get((query, shard, copy), -1) for copy in range(number + 1)]
            if finds(plan, stage, shard, holding, int(enter_ns[query])):
                found[query, shard, number + 1] = Sending(int(enter_ns[query]), place)
                place += 1
    return found


def places(plan: Plan, stage: int, queries: I8, shards: I8, been_at: Been) -> I8:
    """(tasks,) how many shards of these queries are visited before these; -1 of one that is not."""
    if not fans_out(plan.stages, stage):
        return shards
    found, visited = np.full(len(shards), -1), dict[int, list[int]]()
    for task, (query, shard) in enumerate(zip(queries.tolist(), shards.tolist(), strict=True)):
        if query not in visited:
            visited[query] = visited_shards(plan, stage, query, takes_of(been_at, stage, query))[0].tolist()
        if shard in visited[query]:
            found[task] = visited[query].index(shard)
    return found


def indices(plan: Plan, tasks: Rows, stage: int) -> dict[tuple[int, int, int], int]:
    """Of a stage, the index of the replica that a task was sent to: by query, shard and number of its copy."""
    row = plan.stages[stage]
    index = tasks.replica - row["first_replica"] - tasks.shard * row["replicas"]
    names = zip(tasks.query.tolist(), tasks.shard.tolist(), tasks.copy.tolist(), strict=True)
    return dict(zip(names, index.tolist(), strict=True))


def finds(plan: Plan, stage: int, shard: int, holding: Sequence[int], now: int) -> bool:
    """Whether there is a replica of a shard for another copy."""
    held = np.array(holding, dtype=np.int64)
    left = range(int(replicas_left(plan.stages, plan.left, stage, shard)))
    return any(may_get(plan.stages, plan.outages, stage, shard, index, now, held) for index in left)


def with_sendings(plan: Plan, trace: Columns, tasks: Rows, been_at: Been) -> Rows:
    """The tasks, with instant and kind of each sending, and how many of its query are before it; -1: not to be sent."""
    sent_ns, place = np.full((2, len(tasks.query)), -1)
    held_ns = np.zeros(len(tasks.query), dtype=np.int64)
    sent_by = np.full(len(tasks.query), DISPATCH)
    for stage in range(len(plan.stages)):
        here = np.flatnonzero(tasks.stage == stage)
        first = here[tasks.copy[here] == 0]
        sent_ns[first] = trace.enter_ns[stage][tasks.query[first]]
        place[first] = places(plan, stage, tasks.query[first], tasks.shard[first], been_at)
        whose = tasks.query[first], tasks.shard[first]
        held_ns[first] = holds(plan, stage, *whose, sent_ns[first], sent_ns[first] >= 0, been_at)
        if sends_copies(plan.stages, stage):
            if not is_tied(plan.stages, stage):
                sent_by[here[tasks.copy[here] > 0]] = HEDGE
            found = sendings(plan, trace, tasks.some(here), stage)
            for index in here[tasks.copy[here] > 0]:
                name = int(tasks.query[index]), int(tasks.shard[index]), int(tasks.copy[index])
                sent_ns[index], place[index] = found.get(name, Sending(-1, -1))
    return tasks._replace(sent_ns=sent_ns, sent_by=sent_by, held_ns=held_ns, place_in_query=place)


def order_of_sending(tasks: Rows) -> tuple[I8, ...]:
    """Keys for ``lexsort``, least first to last, of tasks at one replica: those that are there at once come as sent."""
    return tasks.query, tasks.sent_by, tasks.sent_ns, tasks.enqueue_ns


def copied(plan: Plan, trace: Columns, tasks: Rows, stage: int) -> Iterator[Violation]:
    """Of the tasks of a stage: copies are sent to those without an answer, and go where there is none."""
    if not sends_copies(plan.stages, stage):
        yield from at("I54", tasks.copy > 0, tasks.place, copy=tasks.copy)
        return
    order = np.lexsort((tasks.copy, tasks.replica, tasks.query))
    again = np.zeros(len(order), dtype=bool)
    again[order[1:]] = (np.diff(tasks.replica[order]) == 0) & (np.diff(tasks.query[order]) == 0)
    yield from at("I55", again, tasks.place, copy=tasks.copy, replica=tasks.replica)
    yield from at("I54", tasks.sent_ns < 0, tasks.place, copy=tasks.copy)
    there = {
        (int(query), int(shard), int(copy))
        for query, shard, copy in zip(tasks.query, tasks.shard, tasks.copy, strict=True)
    }
    missing = np.array([name for name in sendings(plan, trace, tasks, stage) if name not in there], dtype=np.int64)
    if len(missing):
        query, shard, copy = missing.T
        yield from at(
            "I54", np.ones(len(missing), dtype=bool), {"query": query, "stage": stage, "shard": shard}, copy=copy
        )
