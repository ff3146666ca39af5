"""What a table of tasks shows of copies that a stage sends, held against the plan: who, when, at what cost.

The decisions of a stage are taken again, from the answers that are in the table, one query's look after another.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from simulator.core.columns import Columns
from simulator.core.copy_states import WITHDRAWN
from simulator.core.copying import may_get
from simulator.core.failures import MOST_SENDINGS
from simulator.core.fan_out import fans_out, visited_shards
from simulator.core.followed import Been, takes_of
from simulator.core.hedging import COPY as A_COPY
from simulator.core.hedging import FREE, affords, is_tied, most_saved, saved, sends_again, sends_copies
from simulator.core.lost import Downs, known_ns
from simulator.core.plan import I8, Plan
from simulator.core.refused import told_ns
from simulator.core.routed import holds
from simulator.core.rules import ANSWER, DISPATCH, HEDGE
from simulator.core.scaling import left_at
from simulator.core.violations import Rows, Violation, at

#: Later than any instant.
NEVER = np.iinfo(np.int64).max


class Sending(NamedTuple):
    """When a copy is sent, how many of its query are before it, and the kind of the event that sends it."""

    instant: int
    place: int
    kind: int


class History:
    """The copies of the tasks of a stage, as their senders know them: word of a loss, and what is sent for it."""

    def __init__(self, plan: Plan, trace: Columns, tasks: Rows, stage: int) -> None:
        self.close_ns = trace.close_ns[stage]
        self.found: dict[tuple[int, int, int], Sending] = {}
        self.sent: dict[tuple[int, int], int] = {}  # how many copies of a task
        self.losses: dict[tuple[int, int], list[tuple[int, int]]] = {}  # of which is not made use yet
        self.over: dict[tuple[int, int, int], tuple[int, int]] = {}  # instant and copy from which one is out
        self.answer: dict[tuple[int, int], tuple[int, int]] = {}  # the first of a task
        lost, refused = known_ns(plan, tasks, stage), told_ns(plan, tasks, stage)
        is_gone = (tasks.state == WITHDRAWN) & (tasks.start_ns < 0)
        for row in range(len(tasks.query)):
            query, shard, copy = int(tasks.query[row]), int(tasks.shard[row]), int(tasks.copy[row])
            if lost[row] >= 0:
                self.losses.setdefault((query, shard), []).append((int(lost[row]), copy))
                self.over[query, shard, copy] = int(lost[row]), copy
            if refused[row] >= 0:
                self.over[query, shard, copy] = int(refused[row]), copy
            if is_gone[row]:
                self.over[query, shard, copy] = int(tasks.withdrawn_ns[row]), MOST_SENDINGS
            if tasks.answer_ns[row] >= 0:
                word = int(tasks.answer_ns[row]), copy
                self.answer[query, shard] = min(word, self.answer.get((query, shard), word))
        self.closing = {  # of a query: shard and copy of the answer that closes the stage
            int(query): (int(shard), self.answer.get((int(query), int(shard)), (0, 0))[1])
            for query, shard in enumerate(trace.critical_shard[stage])
            if shard >= 0
        }
        for one in self.losses.values():
            one.sort()

    def until(self, query: int, shard: int, instant: int) -> None:
        """Whoever is known to be lost by an instant has been sent again, if that was needed."""
        losses = self.losses.get((query, shard), [])
        while losses and losses[0][0] <= instant:
            now, copy = losses.pop(0)
            number, closed_ns = self.sent.get((query, shard), 1), self.close_ns[query]
            is_closed = 0 <= closed_ns < now or (
                closed_ns == now and self.closing.get(query, (shard, MOST_SENDINGS)) < (shard, copy)
            )
            if is_closed or self.answer.get((query, shard), (NEVER, 0)) < (now, copy) or number == MOST_SENDINGS:
                continue
            others = [self.over.get((query, shard, other), (NEVER, 0)) for other in range(number) if other != copy]
            if all(over < (now, copy) for over in others):
                self.send(query, shard, Sending(now, 0, ANSWER))

    def send(self, query: int, shard: int, sending: Sending) -> None:
        """Another copy is sent."""
        number = self.sent.get((query, shard), 1)
        self.found[query, shard, number] = sending
        self.sent[query, shard] = number + 1

    def all_of_them(self) -> dict[tuple[int, int, int], Sending]:
        """All copies that are to be sent."""
        for query, shard in self.losses:
            self.until(query, shard, NEVER)
        return self.found

    def holding(self, query: int, shard: int, instant: int) -> list[int]:
        """The copies of a task that are not known to be lost, or out otherwise."""
        copies = range(self.sent.get((query, shard), 1))
        lost = {copy for copy in copies if self.over.get((query, shard, copy), (NEVER, 0))[0] <= instant}
        return [copy for copy in copies if copy not in lost]


def sendings(plan: Plan, trace: Columns, tasks: Rows, stage: int) -> dict[tuple[int, int, int], Sending]:
    """Of a stage, the copies that are to be sent besides the first: by query, shard and number."""
    row, history = plan.stages[stage], History(plan, trace, tasks, stage)
    if not sends_copies(plan.stages, stage):
        return history.all_of_them()
    if is_tied(plan.stages, stage):
        for (query, shard, _), sending in tied_sendings(plan, trace, tasks, stage).items():
            history.send(query, shard, sending)
        return history.all_of_them()
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
    budget, downs = int(most_saved(plan.stages, stage)), Downs(plan, stage)
    for instant, kind, query, _ in sorted(looks):
        if kind == DISPATCH:
            budget = int(saved(plan.stages, stage, budget, len(visited_shards(plan, stage, query)[0])))
            continue
        if 0 <= close_ns[query] <= instant:
            continue
        place, down = 0, downs.known(instant)
        for shard in visited_shards(plan, stage, query)[0].tolist():
            history.until(query, shard, instant)
            holding = [replicas.get((query, shard, copy), -1) for copy in history.holding(query, shard, instant)]
            if first_word.get((query, shard), NEVER) <= instant or not finds(
                plan, stage, shard, holding, instant, down
            ):
                continue
            if history.sent.get((query, shard), 1) == MOST_SENDINGS:
                continue
            if not affords(plan.stages, stage, budget):
                break
            budget -= 0 if row["budget"] == FREE else A_COPY
            history.send(query, shard, Sending(instant, place, HEDGE))
            place += 1
    return history.all_of_them()


def tied_sendings(plan: Plan, trace: Columns, tasks: Rows, stage: int) -> dict[tuple[int, int, int], Sending]:
    """The same where copies are sent with their tasks: the second ones behind all first ones, and so on."""
    row, found, replicas = plan.stages[stage], {}, indices(plan, tasks, stage)
    enter_ns, downs = trace.enter_ns[stage], Downs(plan, stage)
    for query in np.flatnonzero(enter_ns >= 0).tolist():
        down = downs.known(int(enter_ns[query]))
        visited = visited_shards(plan, stage, query)[0].tolist()
        place = len(visited)
        for number, shard in product(range(int(row["hedges"])), visited):
            holding = [replicas.get((query, shard, copy), -1) for copy in range(number + 1)]
            if finds(plan, stage, shard, holding, int(enter_ns[query]), down):
                found[query, shard, number + 1] = Sending(int(enter_ns[query]), place, DISPATCH)
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


def finds(plan: Plan, stage: int, shard: int, holding: Sequence[int], now: int, down: I8) -> bool:
    """Whether there is a replica of a shard for another copy; ``down``: until when each is known to be."""
    held = np.array(holding, dtype=np.int64)
    left = range(left_at(plan, stage, shard, now))
    return any(may_get(plan.stages, plan.outages, stage, shard, index, now, held, down) for index in left)


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
        entered = sent_ns[first] >= 0
        held_ns[first] = holds(plan, stage, *whose, sent_ns[first], entered, tasks.copy[first] > 0, been_at)
        if sends_again(plan.stages, stage):
            again = here[tasks.copy[here] > 0]
            found = sendings(plan, trace, tasks.some(here), stage)
            for index in again:
                name = int(tasks.query[index]), int(tasks.shard[index]), int(tasks.copy[index])
                sent_ns[index], place[index], sent_by[index] = found.get(name, Sending(-1, -1, HEDGE))
            is_resent = sent_by[again] == ANSWER
            whose = tasks.query[again], tasks.shard[again]
            held_ns[again] = holds(plan, stage, *whose, sent_ns[again], is_resent, is_resent, been_at)
    return tasks._replace(sent_ns=sent_ns, sent_by=sent_by, held_ns=held_ns, place_in_query=place)


def order_of_sending(tasks: Rows) -> tuple[I8, ...]:
    """Keys for ``lexsort``, least first to last, of tasks at one replica: those that are there at once come as sent."""
    return tasks.query, tasks.sent_by, tasks.sent_ns, tasks.enqueue_ns


def copied(plan: Plan, trace: Columns, tasks: Rows, stage: int) -> Iterator[Violation]:
    """Of the tasks of a stage: copies are sent to those without an answer, and go where there is none."""
    if not sends_again(plan.stages, stage):
        yield from at("I54", tasks.copy > 0, tasks.place, copy=tasks.copy)
        return
    order = np.lexsort((tasks.copy, tasks.replica, tasks.query))
    again = np.zeros(len(order), dtype=bool)
    again[order[1:]] = (np.diff(tasks.replica[order]) == 0) & (np.diff(tasks.query[order]) == 0)
    is_gone = (tasks.state == WITHDRAWN) & (tasks.start_ns < 0)
    known = np.maximum(known_ns(plan, tasks, stage), told_ns(plan, tasks, stage))  # one of them, or neither
    known = np.where(is_gone, tasks.withdrawn_ns, known)[order[:-1]]
    again[order[1:]] &= (known < 0) | (known > tasks.sent_ns[order[1:]])  # it is not there any more
    yield from at("I55", again, tasks.place, copy=tasks.copy, replica=tasks.replica)
    yield from at("I54", tasks.sent_ns < 0, tasks.place, copy=tasks.copy)
    there = {
        (int(query), int(shard), int(copy))
        for query, shard, copy in zip(tasks.query, tasks.shard, tasks.copy, strict=True)
    }
    found = sendings(plan, trace, tasks, stage)
    for number in ("I54", "I67"):
        due = [name for name, sending in found.items() if (sending.kind == ANSWER) == (number == "I67")]
        missing = [name for name in due if name not in there]
        query, shard, copy = np.array(missing, dtype=np.int64).reshape(-1, 3).T
        everywhere = np.ones(len(missing), dtype=bool)
        yield from at(number, everywhere, {"query": query, "stage": stage, "shard": shard}, copy=copy)
