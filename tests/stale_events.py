"""A run event by event, an event at a time, to whose list is added what concerned copies that are no more.

A withdrawal leaves stale events on the list of a run; more are put there by hand. They must not happen, and what is
left must keep its order.
"""

from __future__ import annotations

import numpy as np

from simulator.core import rules
from simulator.core.plan import Plan
from simulator.core.trace import Trace
from simulator.engines.compiled import ahead
from simulator.engines.compiled.events import push
from simulator.engines.compiled.run import Run


class Disturbed:
    """A run of the compiled loop, and how many stale events a step adds."""

    def __init__(self, plan: Plan, most: int) -> None:
        self.run = Run(plan, True, range(len(plan.stages)))
        self.most = most
        self.whose: dict[int, tuple[int, tuple[int, int, int]]] = {}  # of each row: its generation, and whose copy
        self.gone: list[tuple[int, int]] = []  # rows, and generations that they had

    def trace(self) -> Trace:
        """Let all happen."""
        while True:
            why = self.run.advance(1)
            if why == ahead.DONE:
                return self.run.trace()
            if why == ahead.FULL:
                self.run.grow()
                continue
            assert why == ahead.PAUSED, why
            self.look()
            self.disturb()

    def look(self) -> None:
        """A row that is given to another copy has another generation, and the stale are counted."""
        run, clock = self.run, self.run.clock[0]
        if clock["order"] >> rules.KEY_BITS == rules.DISPATCH:
            unused, row = set(), int(clock["unused"])
            while row >= 0:
                unused.add(row)
                row = int(run.copies[row]["next"])
            for row in set(range(len(run.copies))) - unused:
                copy = run.copies[row]
                now = int(copy["generation"]), (int(copy["query"]), int(copy["stage"]), int(copy["shard"]))
                before = self.whose.get(row, now)
                # so has one that was lost, whose finish will not come: it is sent again in its row
                assert before[0] != now[0] or before[1] == now[1], "a row given to another has another generation"
                if before != now:
                    self.gone.append((row, before[0]))
                self.whose[row] = now
        listed = run.events[int(clock["is_gap"]) : int(clock["size"])]
        of_copy = (listed["generation"] >= 0) & (listed["row"] >= 0)
        alive = run.copies["generation"][listed["row"] * of_copy] == listed["generation"]
        for event in np.flatnonzero(listed["row"] < 0):  # the finish of a replica whose tasks share its workers
            alive[event] = run.awaited.shares["generation"][-1 - listed["row"][event]] == listed["generation"][event]
        stale = int(np.count_nonzero(~alive & (listed["generation"] >= 0)))
        assert stale == clock["stale"], "stale events are counted"
        # when an event is taken at most half is stale; it leaves the list and makes two more stale at most, for a copy
        # that answers may have been told that another has started, and that its shard has answered; a crash, of all
        # that it takes
        is_crash = clock["order"] >> rules.KEY_BITS == rules.CRASH
        assert is_crash or 2 * stale <= len(listed) + 1 + 2 * 2, (
            "the list is tidied where more than half of it is stale"
        )

    def disturb(self) -> None:
        """Something was to happen to copies that are no more."""
        run, clock = self.run, self.run.clock
        for row, generation in self.gone[-self.most :]:
            if len(run.events) == clock["size"][0]:
                run.events = np.concatenate([run.events, np.zeros_like(run.events)])
            instant, key = int(clock["now"][0]) + 1 + row % 3, (1 << rules.KEY_BITS) - 1 - int(clock["events"][0])
            push(clock, run.events, instant, rules.event_order(rules.ANSWER, key), row, generation)
            clock["stale"] += 1
