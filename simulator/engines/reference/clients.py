"""Clients that wait: who sends the next query, and when. What comes of it is simulated again, as any other load."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Protocol

import numpy as np

from simulator.core.clients import Find, begins_ns, nobody_yet, thinks_ns, unbounded
from simulator.core.plan import I8, Plan, Rows
from simulator.core.rules import ARRIVE
from simulator.engines.reference.clock import At, Clock, Process


class Model(Protocol):
    """Of the run in which they are found."""

    plan: Plan
    clock: Clock
    run_row: Rows

    def begin(self) -> None:
        """Replicas have tasks of their own from now on."""

    def query(self, query: int) -> Process:
        """A query's life."""


class Clients:
    """All clients, and what they have sent; queries are numbered as they arrive, at one instant by client."""

    def __init__(self, model: Model, arrival_ns: I8) -> None:
        plan = model.plan
        self.model, self.arrival_ns = model, arrival_ns
        self.client_of = np.zeros(plan.queries, dtype=np.int64)
        self.luck = model.run_row, plan.think_law, plan.law_parts, plan.law_points
        self.sent = 0

    def find(self, queries: int) -> None:
        """Let everything happen until so many queries have been sent."""
        self.model.begin()
        for client in range(self.model.plan.clients):
            self.model.clock.process(self.client(client))
        while self.sent < queries:
            self.model.clock.step()

    def client(self, client: int) -> Process:
        """A client's life: send a query, wait until it is over, think."""
        clock = self.model.clock
        yield At(clock, int(begins_ns(*self.luck, client)), ARRIVE, client)
        for thoughts in count(1):
            if self.sent == len(self.arrival_ns):
                return
            query, self.sent = self.sent, self.sent + 1
            self.arrival_ns[query], self.client_of[query] = clock.now, client
            yield from self.model.query(query)
            yield At(clock, clock.now + int(thinks_ns(*self.luck, client, thoughts)), ARRIVE, client)


def find_with(model_of: Callable[[Plan], Model]) -> Find:
    """What finds arrivals in a model that is made of a plan."""

    def find(plan: Plan, queries: int) -> tuple[I8, I8]:
        arrival_ns = nobody_yet(plan)
        clients = Clients(model_of(unbounded(plan, arrival_ns)), arrival_ns)
        clients.find(queries)
        return arrival_ns, clients.client_of

    return find
