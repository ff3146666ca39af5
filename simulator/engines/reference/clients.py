"""What is found before a run: when clients that wait send queries, and who is shed. Then all that is simulated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import numpy as np

from simulator.core import clients as rules
from simulator.core.clients import Find, Found, are_unknown, begins_ns, known_arrivals, thinks_ns, unbounded
from simulator.core.plan import I8, Plan
from simulator.core.retrying import are_attempts_unknown, seen
from simulator.core.rules import ARRIVE
from simulator.core.scaling import are_steps_unknown
from simulator.engines.reference.attempts import Attempts, Model
from simulator.engines.reference.clock import At, Process
from simulator.engines.reference.scaling import Pace


class Clients:
    """All clients, and what they have sent; queries are numbered as they arrive, at one instant by client."""

    def __init__(self, model: Model, arrival_ns: I8, step: Callable[[], None]) -> None:
        plan = model.plan
        self.model, self.arrival_ns, self.step = model, arrival_ns, step
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
            self.step()
        return Found(self.arrival_ns, self.client_of, model.door.shed, model.plan.query_of, model.plan.provided)

    def beside(self) -> Process:
        """Queries that arrive whether clients wait or not, at one instant before those of clients."""
        for place, instant in enumerate(self.model.plan.open_ns.tolist()):
            yield At(self.model.clock, instant, ARRIVE, place)
            if self.sent == len(self.arrival_ns):
                return
            query, self.sent = self.sent, self.sent + 1
            self.arrival_ns[query], self.client_of[query] = instant, rules.NOBODY
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
        arrival_ns, is_scaled = known_arrivals(plan), are_steps_unknown(plan)
        unknown, there = unbounded(plan, arrival_ns), plan.queries if is_scaled else queries
        if are_attempts_unknown(plan):
            own_work, own_class = np.array(unknown.work), np.array(unknown.class_of)
            model = model_of(replace(unknown, work=seen(own_work), class_of=seen(own_class)))
            pace = Pace(plan, model) if is_scaled else None
            step = model.clock.step if pace is None else pace.step
            found = Attempts(plan, model, arrival_ns, own_work, own_class, step).find()
        else:
            model = model_of(unknown)
            pace = Pace(plan, model) if is_scaled else None
            found = Clients(model, arrival_ns, model.clock.step if pace is None else pace.step).find(there)
        return found if pace is None else found._replace(provided=pace.finish(rules.arrived(plan, found)))

    return find
