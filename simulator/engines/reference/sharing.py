"""A replica whose tasks share its workers: nobody waits, and the more there are, the less each gains."""

from __future__ import annotations

from typing import NamedTuple

from simulator.base.errors import BeyondTimeError
from simulator.core import copy_states, sharing
from simulator.core.rules import FINISH
from simulator.engines.reference.clock import At
from simulator.engines.reference.gather import Copy
from simulator.engines.reference.server import Server, Stage


class Need(NamedTuple):
    """The levels at which a task comes and is done."""

    came: int
    done: int


class Shared(Server):
    """All that are there gain the same; how much is worked out when one comes, is done or is withdrawn."""

    def __init__(self, stage: Stage, index: int, workers: int) -> None:
        super().__init__(stage, index)
        self.workers = workers
        self.there: dict[Copy, Need] = {}  # in the order of enqueue
        self.level = 0  # what somebody who was always there has gained
        self.since_ns = 0  # until when that is worked out
        self.next: At | None = None  # when the next of them is done, unless that changes

    def enqueue(self, at: At) -> None:
        """A task starts as it is there, unless it was withdrawn on its way."""
        copy: Copy = at._value
        limit = copy.replica.stage.limit
        if copy.state == copy_states.WITHDRAWN or (limit is not None and limit.drops(copy)):
            return
        self.be_there(copy)

    def be_there(self, copy: Copy) -> None:
        """A task shares the workers."""
        self.catch_up()
        copy.step(copy_states.ENQUEUED)
        copy.step(copy_states.STARTED)
        copy.enqueue_ns = copy.start_ns = self.model.clock.now
        copy.batch = 1
        copy.service_ns, copy.after_ns = self.stage.times.service_ns([copy], 0), 0
        done = int(sharing.done_at(self.level, copy.service_ns))
        if sharing.is_beyond(done, self.model.plan.end_ns):
            raise BeyondTimeError
        self.there[copy] = Need(self.level, done)
        self.go_on(len(self.there) - 1)

    def finish(self, at: At) -> None:
        """All that have gained what they need are done, in the order of enqueue, unless this has changed."""
        if at is not self.next:
            return
        self.catch_up()
        before = len(self.there)
        for copy in [copy for copy, need in self.there.items() if need.done <= self.level]:
            del self.there[copy]
            copy.release_ns = now = self.model.clock.now
            copy.shared_ns = now - copy.start_ns - copy.service_ns
            self.answer(copy)
        self.go_on(before)

    def withdraw(self, at: At) -> None:
        """Nobody needs a task any more: it never comes, or it is stopped, if it may be."""
        copy: Copy = at._value
        if copy.state == copy_states.SENT:
            self.leave(copy)
        elif copy.state == copy_states.RUNNING and self.stage.stops:
            self.catch_up()
            self.forget(copy)
            need = self.there.pop(copy)
            copy.service_ns, copy.after_ns = (self.level - need.came) // sharing.UNITS, 0
            self.model.record.stopped(copy.gather.query, self.index, copy.busy_ns)
            self.go_on(len(self.there) + 1)

    def leave(self, copy: Copy) -> None:
        """A task never comes."""
        self.forget(copy)
        self.model.record.withdraw(copy.gather.query, self.index)

    def catch_up(self) -> None:
        """Work out what all have gained until now."""
        now = self.model.clock.now
        gained = int(sharing.gained(self.workers, len(self.there), now - self.since_ns)) if self.there else -self.level
        self.level, self.since_ns = self.level + gained, now

    def go_on(self, before: int) -> None:
        """There were so many, and now there are others: the next is done at another instant."""
        model, now, tasks = self.model, self.model.clock.now, len(self.there)
        model.record.share(self.index, now, min(tasks, self.workers) - min(before, self.workers))
        self.next = None
        if tasks:
            units = min(need.done for need in self.there.values()) - self.level
            at_ns = int(sharing.rises_until_ns(self.workers, tasks, units, now))
            self.next = At(model.clock, at_ns, FINISH, self.index << model.plan.worker_bits, self.finish)
