"""What is found before a run: when clients that wait send queries, and who is shed. Then all that is simulated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import numpy as np

from simulator.core.clients import NOBODY, Find, Found, are_unknown, begins_ns, known_arrivals, thinks_ns, unbounded
from simulator.core.plan import I8, Plan
from simulator.core.retrying import are_attempts_unknown, seen
from simulator.core.rules import ARRIVE
from simulator.engines.reference.attempts import Attempts, Model
from simulator.engines.reference.clock import At, Process


class Clients:
    """All clients, and what they have sent; queries are numbered as they arrive, at one instant by client."""

    def __init__(self, model: Model, arrival_ns: I8) -> None:
        plan = model.plan
        self.model, self.arrival_ns = model, arrival_ns
        self.client_of = np.zeros(plan.queries * are_unknown(plan), dtype=np.int64)
        self.luck = model.run_row, plan.think_law, plan.law_parts, plan.law_points
        self.sent = 0

    def find(self, queries: int) -> Found:
        """Let everything happen until so many queries have been at the door."""
        model = self.model
        if are_unknown(model.plan):
            model.begin()
            for client in range(model.plan.clients):
                model.clock.process(self.client(client))
            model.clock.process(self.beside())
        else:
            model.clock.process(model.arrivals())
            model.begin()
        while model.door.looked < queries:
            model.clock.step()
        return Found(self.arrival_ns, self.client_of, model.door.shed, model.plan.query_of)

    def beside(self) -> Process:
        """Queries that arrive whether clients wait or not, at one instant before those of clients."""
        for place, instant in enumerate(self.model.plan.open_ns.tolist()):
            yield At(self.model.clock, instant, ARRIVE, place)
            if self.sent == len(self.arrival_ns):
                return
            query, self.sent = self.sent, self.sent + 1
            self.arrival_ns[query], self.client_of[query] = instant, NOBODY
            self.model.clock.process(self.model.query(query))

    def client(self, client: int) -> Process:
        """A client's life: send a query, wait until it is over, think."""
        clock, key = self.model.clock, self.model.plan.queries + client
        yield At(clock, int(begins_ns(*self.luck, client)), ARRIVE, key)
        for thoughts in count(1):
            if self.sent == len(self.arrival_ns):
                return
            query, self.sent = self.sent, self.sent + 1
            self.arrival_ns[query], self.client_of[query] = clock.now, client
            yield from self.model.query(query)
            yield At(clock, clock.now + int(thinks_ns(*self.luck, client, thoughts)), ARRIVE, key)


def find_with(model_of: Callable[[Plan], Model]) -> Find:
    """What finds arrivals, and who is shed, in a model that is made of a plan."""

    def find(plan: Plan, queries: int) -> Found:
        arrival_ns = known_arrivals(plan)
        if are_attempts_unknown(plan):
            rows = unbounded(plan, arrival_ns)
            own_work, own_class = np.array(rows.work), np.array(rows.class_of)
            model = model_of(replace(rows, work=seen(own_work), class_of=seen(own_class)))
            return Attempts(plan, model, arrival_ns, own_work, own_class).find()
        return Clients(model_of(unbounded(plan, arrival_ns)), arrival_ns).find(queries)

    return find
