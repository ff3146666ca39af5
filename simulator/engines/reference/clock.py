"""Time for the reference engine: SimPy's environment with an order among simultaneous events. It knows no model.

Time is integer nanoseconds. What happens next is the pending event with the least (instant, kind, key); that order is
handed to SimPy as the event's priority, never left to the order of insertion. SimPy's own housekeeping (priorities 0
and 1) settles before the next ordered event.
"""

from collections.abc import Callable, Generator
from heapq import heappop, heappush
from typing import Any

import simpy

from simulator.base.errors import BeyondTimeError
from simulator.core.plan import KEY_BITS, NEVER_NS

Callback = Callable[["At"], None]
Process = Generator[simpy.Event, Any, None]

#: SimPy's own events have priorities 0 and 1; ours come after them.
FIRST_PRIORITY = 2
#: The first priority of each kind of events.
FIRST = [FIRST_PRIORITY + (kind << KEY_BITS) for kind in range(1 << (63 - KEY_BITS))]


class Clock(simpy.Environment):
    """SimPy's environment, which also knows the order of the event that is happening."""

    now: int = 0  #: the current instant in ns; a plain value, for it is asked for ten times a task

    def __init__(self, latest_ns: float = NEVER_NS) -> None:
        super().__init__(0)
        self.latest_ns = latest_ns
        self.order = -1
        self.events = 0

    def run(self, until: Any = None) -> Any:
        """Let everything happen: ``simpy.Environment.run``, without a call an event where it has no end."""
        if until is not None:
            return super().run(until)
        queue, events = self._queue, 0
        while queue:
            now, order, _, event = heappop(queue)
            self._now = self.now = now  # type: ignore[assignment]
            if order >= FIRST_PRIORITY:
                self.order = order
                events += 1
            callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
            for callback in callbacks:
                callback(event)
            if not event._ok and not hasattr(event, "_defused"):
                raise event._value
        self.events += events
        return None

    def step(self) -> None:
        """Process the next event: ``simpy.Environment.step``, with the order kept."""
        if not self._queue:
            raise simpy.core.EmptySchedule
        self._now, order, _, event = heappop(self._queue)
        self.now = self._now  # type: ignore[assignment]
        if order >= FIRST_PRIORITY:
            self.order = order
            self.events += 1
        callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
        for callback in callbacks:
            callback(event)
        if not event._ok and not hasattr(event, "_defused"):
            raise event._value


class At(simpy.Event):
    """An event at an instant, placed among the others of that instant by its kind and key.

    An event creates only later ones, so what happens is sorted by (instant, kind, key): asserted here.
    """

    _ok = True  #: of all of them, always

    def __init__(
        self, clock: Clock, instant: int, kind: int, key: int, then: Callback | None = None, value: Any = None
    ) -> None:
        self.env = clock
        self.callbacks = [] if then is None else [then]
        self._value = value
        order = FIRST[kind] + key  # rules.event_order, without the call
        assert instant > clock._now or order > clock.order, "an event creates only later events"
        if instant >= clock.latest_ns:
            raise BeyondTimeError
        entry: Any = (instant, order, next(clock._eid), self)
        heappush(clock._queue, entry)  # clock.schedule, without the call


class Handover(simpy.Event):
    """What a process waits for until an event that is happening hands it a value; it goes on at once.

    It serves again and again: whoever waits after it was given waits for the next time.
    """

    def give(self, value: Any = None) -> None:
        """Let the waiting process go on with ``value``."""
        self._ok = True
        self._value = value
        callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            callback(self)
