"""Clients that give up, and try again: which attempts there are; the rules stand in ``retrying``.

What comes of it is simulated again, as any other load.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

import numpy as np

from simulator.core import admission, breakers, clients, retrying
from simulator.core.columns import BY_DOOR, FAILED, SHED, UNFINISHED
from simulator.core.lateness import patiences_ns
from simulator.core.plan import F8, I8, Plan, Rows
from simulator.core.rules import ARRIVE, START
from simulator.engines.reference.clock import At, Clock, Handover, Process
from simulator.engines.reference.door import Door
from simulator.engines.reference.gather import Copy
from simulator.engines.reference.recorder import Recorder
from simulator.engines.reference.scaling import Serving

#: At the end of an instant: what is done by then is in time.
GIVE_UP = START + 1


class Model(Protocol):
    """Of the run in which something is found; of attempts its plan has as many rows as there may be."""

    plan: Plan
    clock: Clock
    run_row: Rows
    door: Door
    record: Recorder
    copies: list[Copy] | None
    serving: Serving
    on_end: Callable[[int, int], None] | None
    are_over: bool

    def begin(self) -> None:
        """Replicas have tasks of their own from now on."""

    def arrivals(self) -> Process:
        """Queries arrive at the instants that the plan says."""

    def query(self, query: int) -> Process:
        """A query's life."""


class Attempts:
    """All attempts, numbered as they are sent, at one instant by query; ``plan``: of the queries."""

    def __init__(
        self, plan: Plan, model: Model, arrival_ns: I8, work: F8, class_of: I8, step: Callable[[], None]
    ) -> None:
        self.queries, self.model, self.step = plan, model, step
        self.arrival_ns, self.work, self.class_of = arrival_ns, work, class_of  # of rows: the model's plan sees them
        self.patience_ns: list[int] = np.broadcast_to(patiences_ns(plan), plan.queries).tolist()  # of each query
        self.query_of: list[int] = []
        self.number: list[int] = []  # of each among those of its query
        self.open: set[int] = set()  # attempts whose client waits
        self.sender: list[int] = []  # of each query the client that waits; none of an open load
        self.waiting = [Handover(model.clock) for _ in range(plan.clients)]
        self.due = plan.queries  # fresh queries and retries that may yet come
        self.processes = breakers.first_processes(plan)
        self.windows = np.zeros((len(arrival_ns), 3), dtype=np.int64)
        self.over: list[tuple[int, int, int]] = []  # attempts by when they are over: the row, and whether badly
        self.unheard: set[int] = set()  # attempts that were sent, and whose process does not know that they are over
        model.on_end = self.ended
        if admission.may_shed_itself(plan):
            model.door.before = self.shed_by_its_process

    def find(self) -> clients.Found:
        """Let everything happen until no client waits or pauses."""
        clock = self.model.clock
        if clients.are_unknown(self.queries):
            self.model.begin()
            for client in range(self.queries.clients):
                clock.process(self.client(client))
            clock.process(self.beside())
        else:
            clock.process(self.fresh())
            self.model.begin()
        while self.due or self.open:
            self.step()
        self.model.are_over = True
        rows, query_of = len(self.query_of), np.array(self.query_of)
        client_of = np.array(self.sender, dtype=np.int64)[query_of] if self.sender else np.zeros(0, dtype=np.int64)
        shed, steps = self.model.door.shed[:rows], self.queries.provided
        return clients.Found(self.arrival_ns[:rows], client_of, shed, query_of, steps)

    def beside(self) -> Process:
        """Queries that arrive whether clients wait or not: behind those sent again, before those of clients."""
        plan = self.queries
        for place, instant in enumerate(plan.open_ns.tolist()):
            yield At(self.model.clock, instant, ARRIVE, plan.queries + place)
            query = len(self.sender)
            if query == plan.queries:
                return
            self.sender.append(clients.NOBODY)
            retrying.pays(plan.patience, self.processes, query % len(self.processes))
            self.send(query, 0)

    def client(self, client: int) -> Process:
        """The life of a client that waits: send a query, wait until its last attempt is over, think.

        At one instant it comes behind queries that are sent again.
        """
        clock, plan, key = self.model.clock, self.queries, 2 * self.queries.queries + client
        luck = self.model.run_row, plan.think_law, plan.law_parts, plan.law_points
        yield At(clock, int(clients.begins_ns(*luck, client)), ARRIVE, key)
        for thoughts in count(1):
            query = len(self.sender)
            if query == plan.queries:
                return
            self.sender.append(client)
            retrying.pays(plan.patience, self.processes, query % len(self.processes))
            self.send(query, 0)
            yield self.waiting[client]
            yield At(clock, clock.now + int(clients.thinks_ns(*luck, client, thoughts)), ARRIVE, key)

    def settle(self, query: int) -> None:
        """A query is not sent again: its client goes on, if it waits."""
        if self.sender and self.sender[query] >= 0:
            self.waiting[self.sender[query]].give()

    def fresh(self) -> Process:
        """Queries come when the plan says."""
        for query, instant in enumerate(self.queries.arrival_ns.tolist()):
            yield At(self.model.clock, instant, ARRIVE, query)
            retrying.pays(self.queries.patience, self.processes, query % len(self.processes))
            self.send(query, 0)

    def again(self, at: At) -> None:
        """A client has paused: the query is sent again, if the budget holds a retry."""
        query, number = at._value
        if retrying.affords(self.queries.patience, self.processes, query % len(self.processes)):
            self.send(query, number)
        else:
            self.due -= 1
            self.settle(query)

    def send(self, query: int, number: int) -> None:
        """An attempt begins; its row has the work and the class of its query."""
        clock, row = self.model.clock, len(self.query_of)
        self.due -= 1
        self.query_of.append(query)
        self.number.append(number)
        self.arrival_ns[row] = clock.now
        self.work[row] = self.queries.work[query]
        if len(self.queries.class_of):
            self.class_of[row] = self.queries.class_of[query]
        self.open.add(row)
        if self.patience_ns[query] <= retrying.MOST_WAIT_NS:
            At(clock, clock.now + self.patience_ns[query], GIVE_UP, row, self.give_up, row)
        clock.process(self.model.query(row))

    def shed_by_its_process(self, row: int, now: int) -> int:
        """By what its process sheds an attempt that is due; it hears of those that are over first."""
        patience, processes = self.queries.patience, self.processes
        while self.over and self.over[0][0] <= now:
            ended_ns, one, bad = heappop(self.over)
            if one in self.unheard:
                self.unheard.remove(one)
                process = self.query_of[one] % len(processes)
                breakers.hears(patience, processes, self.windows, process, one, ended_ns, bad)
        shed = int(breakers.sheds_itself(patience, processes, self.query_of[row] % len(processes), row, now))
        if shed <= BY_DOOR:
            self.unheard.add(row)
            patience_ns = self.patience_ns[self.query_of[row]]
            if patience_ns <= retrying.MOST_WAIT_NS:
                heappush(self.over, (now + patience_ns, row, 1))
        return shed

    def give_up(self, at: At) -> None:
        """A client has waited long enough."""
        row = at._value
        if row in self.open:
            self.open.remove(row)
            self.retry(row)

    def ended(self, row: int, outcome: int) -> None:
        """An attempt is over; its client knows, unless it has given up."""
        if row not in self.open or outcome == UNFINISHED:
            return
        self.open.remove(row)
        is_bad = outcome in (FAILED, SHED)
        if row in self.unheard:
            heappush(self.over, (self.model.clock.now, row, int(is_bad)))
        if is_bad:
            self.retry(row)
        else:
            self.settle(self.query_of[row])

    def retry(self, row: int) -> None:
        """The client pauses, unless it has tried often enough."""
        query, number, clock = self.query_of[row], self.number[row], self.model.clock
        if number < self.queries.patience[0]["retries"]:
            self.due += 1
            pause_ns = int(retrying.pause_ns(self.model.run_row, self.queries.patience, query, number))
            At(clock, clock.now + pause_ns, ARRIVE, query, self.again, (query, number + 1))
        else:
            self.settle(query)
