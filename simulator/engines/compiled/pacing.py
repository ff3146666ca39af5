"""How it is found how many replicas serve: a run event by event, which pauses before every control instant.

It keeps a table of tasks, of those alone that an autoscaler may still look at.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from simulator.core import clients, retrying, scaled, scaling
from simulator.core.plan import I8, NEVER_NS, Plan
from simulator.engines.compiled import records
from simulator.engines.compiled.kept import kept_of
from simulator.engines.compiled.run import EVENTS_AT_FIRST, Run
from simulator.engines.compiled.scaling import with_steps


class Paced(Run):
    """A run that pauses; the first row of its table is of tasks that nobody looks at any more."""

    def __init__(self, plan: Plan, tasks: bool, slow: Collection[int], comes_ns: I8, fresh: Plan | None = None) -> None:
        super().__init__(plan, True, slow, comes_ns, fresh)
        self.clock["copies"] = 1

    def _kept(self, tasks: bool) -> records.Kept:
        more = self.is_partial, self.is_keen, self.is_longer, self.is_beside
        kept = kept_of(self.plan, EVENTS_AT_FIRST, *more)
        kept.instants[:] = -1
        return kept

    def tasks_since(self, from_ns: int) -> I8:
        """The table of tasks; those that were over by ``from_ns`` are forgotten."""
        table, there = self.kept.table, int(self.clock["copies"][0])
        rows = table[:, :there]
        stays = scaled.over_ns(rows) > from_ns
        stays[0] = True
        if stays.all():
            return rows
        count = int(stays.sum())
        place = np.where(stays, np.cumsum(stays) - 1, 0)
        table[:, :count] = rows[:, stays]
        table[:, count:there] = -1
        self.copies["table"] = place[np.clip(self.copies["table"], 0, there - 1)]
        self.clock["copies"] = count
        return table[:, :count]

    def found(self, autoscaler: scaled.Autoscaler, until_ns: int = NEVER_NS) -> clients.Found:
        """What is found of queries, and of replicas so far."""
        kept, there = self.kept, int(self.clock["cursor"][0])
        arrival_ns = self.given.entering_ns[:there]
        of_queries = kept.client_of[:there], kept.shed[:there], kept.query_of[:there]
        return clients.Found(np.array(arrival_ns), *of_queries, autoscaler.steps(until_ns))


def find_paced(plan: Plan, run: Paced, go_on: Callable[[Run], bool]) -> clients.Found:
    """Let everything happen, and autoscalers decide.

    ``go_on``: lets a run go on, and says whether it is to be looked at.
    """
    autoscaler = scaled.Autoscaler(plan)
    show(run, autoscaler.scalers)
    is_cut = plan.drain_ns != NEVER_NS and not retrying.are_attempts_unknown(plan)
    while True:
        run.clock["pause_ns"] = autoscaler.next_ns
        if not go_on(run):
            break
        sent = int(run.clock["cursor"][0])
        if is_cut and sent == plan.queries and autoscaler.next_ns > int(run.given.entering_ns[-1]) + plan.drain_ns:
            break
        decide(run, autoscaler)
    whole = clients.arrived(plan, run.found(autoscaler))
    until_ns = scaled.matters_until(whole, run.kept.instants[[records.CLOSE, records.LEAVE]])
    while autoscaler.next_ns <= until_ns:
        decide(run, autoscaler)
    return run.found(autoscaler, until_ns)


def decide(run: Paced, autoscaler: scaled.Autoscaler) -> None:
    """At a control instant: what is asked for is known from now on."""
    show(run, autoscaler.control(run.tasks_since(autoscaler.from_ns)))


def show(run: Paced, scalers: list[scaling.Scaler]) -> None:
    """What is asked for is known."""
    for scaler in scalers:
        run.kept = with_steps(run.kept, scaler)
