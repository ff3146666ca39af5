"""What a query waits for in a stage: an answer of every shard, or of some; of copies the first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from simulator.core import copy_states
from simulator.core.batching import part_of
from simulator.core.columns import COMPLETE
from simulator.core.fan_out import enough, fans_out, scored_of, visited_shards
from simulator.core.gathering import AT_ONCE, cancels, coverage_of, outcome_of, patience_ns, times_out
from simulator.core.hedging import is_tied
from simulator.core.plan import I8, NEVER_NS, Plan
from simulator.core.rules import TIMEOUT, UNTIE, WITHDRAW
from simulator.engines.reference.clock import At, Clock, Handover

#: What a copy may do: of each state, by step, the next one.
FROM = [
    {step: after for (before, step), after in copy_states.TRANSITIONS.items() if before == state}
    for state in range(len(copy_states.STATES))
]


class Place(Protocol):
    """Where a copy is sent: a replica, of its own stage as it sees it."""

    index: int
    seat: int

    @property
    def stage(self) -> Any:
        """Of its tasks."""

    def forget(self, copy: Copy) -> None:
        """A copy is withdrawn."""

    def answer(self, copy: Copy) -> None:
        """A copy is served: its answer leaves."""

    def enqueue(self, at: At) -> None:
        """A copy is there."""

    def withdraw(self, at: At) -> None:
        """Nobody needs a copy any more."""

    def leave(self, copy: Copy) -> None:
        """A copy that has not started never does."""


class Gather:
    """The answers of one query in one stage, while they come in."""

    __slots__ = ("answer_sum_ns", "answers", "closed", "enter_ns", "missing", "query", "shards", "stage")

    is_own = False  #: whether its tasks are a replica's own, of no query
    is_open = True  #: whether answers still count
    share = 1.0  #: of the shards that are visited
    scored = 1.0  #: of the candidates, on these
    outcome, coverage = COMPLETE, 1.0  #: when it has closed

    def __init__(self, clock: Clock, plan: Plan, stage: int, query: int) -> None:
        self.stage = stage
        self.query = query
        self.enter_ns = clock.now
        self.shards: Sequence[int] = range(plan.stages[stage]["shards"])  #: that are visited
        self.missing = self.answers = len(self.shards)
        self.answer_sum_ns = 0
        self.closed = Handover(clock)

    def wait(self) -> None:
        """Its tasks are sent."""

    def waits_for(self, copy: Copy) -> bool:
        """Whether the answer of a copy still counts."""
        return True

    def begun(self, copy: Copy) -> None:
        """A copy has started."""

    def take(self, copy: Copy, now: int) -> bool:
        """An answer that counts is there; whether the stage closes with it."""
        self.answer_sum_ns += now - self.enter_ns
        self.missing -= 1
        return self.missing == 0


class KeenGather(Gather):
    """Of a stage that may close without all of its answers, or sends copies: some answers are not needed."""

    def __init__(self, clock: Clock, plan: Plan, stage: int, query: int, takes: I8 | None = None) -> None:
        """``takes``: (shards,) whether each takes part, where it goes to those alone where it has been."""
        super().__init__(clock, plan, stage, query)
        self.clock = clock
        self.plan = plan
        if fans_out(plan.stages, stage):
            visited, self.share = visited_shards(plan, stage, query, takes)
            self.shards = visited.tolist()
            self.scored = scored_of(plan, stage, visited, self.share, takes)
        self.wanted = int(enough(plan.stages, stage, len(self.shards)))  #: answers that close it
        self.awaited: dict[int, list[Copy]] = {}  # of shards that have not answered, in order: what was sent to each
        self.sent = dict.fromkeys(self.shards, 1)  # how often a task was sent to each shard
        self.rounds = 0  # of copies
        self.refused: set[int] = set()  # shards that have refused a copy: they are sent no other
        self.answers = 0
        self.covered = 0.0
        self.deadline_ns = NEVER_NS
        self.on_timeout: Any = None  #: what is called where it closes without an answer

    def wait(self) -> None:
        """Its tasks are sent; a stage that waits for a time only closes then."""
        if times_out(self.plan.stages, self.stage):
            self.time_out(self.clock.now + int(self.plan.stages[self.stage]["timeout_ns"]))

    def time_out(self, at_ns: int) -> None:
        """The stage will close at an instant, unless it does before."""
        self.deadline_ns = at_ns
        At(self.clock, at_ns, TIMEOUT, (self.query << self.plan.stage_bits) | self.stage, self.end)

    def end(self, at: At) -> None:
        """Close with what is there, if it is waited until now."""
        if self.is_open and self.deadline_ns == self.clock.now:
            self.close()
            self.on_timeout(self)

    def take(self, copy: Copy, now: int) -> bool:
        """The first answer of a shard is there, and the stage is open; whether it closes with it."""
        stages, stage = self.plan.stages, self.stage
        self.call_back(other for other in self.awaited.pop(copy.shard) if other is not copy)
        self.answers += 1
        self.answer_sum_ns += now - self.enter_ns
        self.covered += self.plan.share[stages[stage]["first_shard"] + copy.shard]
        if self.awaited:
            if self.answers != self.wanted:
                return False
            if stages[stage]["then"] != AT_ONCE:
                until_ns = now + int(patience_ns(stages, stage, self.deadline_ns, now))
                if until_ns != self.deadline_ns:
                    self.time_out(until_ns)
                return False
        self.close()
        return True

    def without(self, copy: Copy) -> bool:
        """A copy that is waited for is refused, or lost for good; whether the stage closes: no answer can come."""
        copies = self.awaited[copy.shard]
        copies.remove(copy)
        self.refused.add(copy.shard)
        if not copies:
            del self.awaited[copy.shard]
        if not self.awaited:
            self.close()
        return not self.awaited

    def close(self) -> None:
        """It has closed with what is there: the rest is withdrawn, if the stage says so."""
        self.is_open = False
        self.outcome = int(outcome_of(self.wanted, self.answers))
        self.coverage = float(coverage_of(len(self.shards), self.share, self.answers, self.covered))
        self.call_back(copy for copies in self.awaited.values() for copy in copies)

    def waits_for(self, copy: Copy) -> bool:
        """Whether the stage is open, and the shard has not answered."""
        return self.is_open and copy.shard in self.awaited

    def begun(self, copy: Copy) -> None:
        """A copy has started: if they are tied, those of its task that have not are withdrawn."""
        if not (is_tied(self.plan.stages, self.stage) and self.waits_for(copy)):
            return
        at_ns = self.clock.now + int(self.plan.stages[self.stage]["cancel_ns"])
        for other in self.awaited[copy.shard]:
            if other.state in (copy_states.SENT, copy_states.QUEUED) and not other.is_called:
                other.is_called = True
                At(self.clock, at_ns, UNTIE, other.key(self.plan), self.untie, other)

    def untie(self, at: At) -> None:
        """Another copy has started: this one, if it has not, never does."""
        copy: Copy = at._value
        if copy.state in (copy_states.SENT, copy_states.QUEUED):
            copy.replica.leave(copy)
            if self.waits_for(copy):
                self.awaited[copy.shard].remove(copy)

    def call_back(self, copies: Iterable[Copy]) -> None:
        """The answers of these are not needed: they are withdrawn, if the stage says so."""
        stages, stage = self.plan.stages, self.stage
        if cancels(stages, stage):
            at_ns = self.clock.now + int(stages[stage]["cancel_ns"])
            for copy in copies:
                At(self.clock, at_ns, WITHDRAW, copy.key(self.plan), copy.replica.withdraw, copy)


class Copy:
    """One query's work at one shard, sent to one replica."""

    __slots__ = (
        *(
            "after_ns",
            "alone_ns",
            "answer_ns",
            "batch",
            "counter",
            "enqueue_ns",
            "finish_ns",
            "gather",
            "is_called",
            "items",
            "load",
            "number",
        ),
        *(
            "queue",
            "release_ns",
            "replica",
            "service_ns",
            "shard",
            "shared_ns",
            "start_ns",
            "state",
            "withdrawn_ns",
            "worker",
        ),
    )

    def __init__(
        self, gather: Gather, shard: int, replica: Place, alone_ns: float, items: float, number: int = 0
    ) -> None:
        self.gather = gather
        self.shard = shard
        self.number = number  # 0: the first
        self.replica = replica
        self.alone_ns = alone_ns
        self.items = items
        self.batch = 0  # tasks that are served together
        self.state = copy_states.SENT
        self.is_called = False  # whether it is withdrawn since another has started
        self.enqueue_ns = self.start_ns = self.finish_ns = self.answer_ns = self.worker = -1  # not yet
        self.release_ns = self.withdrawn_ns = -1
        self.queue = 0  # tasks that waited when it was over
        self.shared_ns = 0  # of its time there, what others took that shared its workers
        self.service_ns: int  # its part of the service of its batch, as far as it came
        self.after_ns: int  # and of what kept the worker after it
        self.counter: int  # where and how much it is outstanding, if the routing looks at that
        self.load: int

    def step(self, what: int) -> None:
        """Take a step of the table; a pair that is not in it is a bug."""
        self.state = FROM[self.state][what]

    def share(self, is_head: bool) -> None:
        """Of what its batch took, and kept the worker after it, equal parts are its own."""
        self.service_ns = part_of(self.service_ns, self.batch, is_head)
        self.after_ns = part_of(self.after_ns, self.batch, is_head)

    @property
    def busy_ns(self) -> int:
        """Its part of the time that its batch took a worker."""
        return self.service_ns + self.after_ns

    def key(self, plan: Plan) -> int:
        """Its place among others that answer, or are withdrawn, at one instant."""
        place: int = self.replica.stage.first_shard + self.shard
        return (((self.gather.query << plan.shard_bits) | place) << plan.copy_bits) | self.number

    def times(self) -> tuple[int, int, int]:
        """Of a finished one: its enqueue, waiting and service time; it waits for those that share its workers, too."""
        wait_ns = self.start_ns - self.enqueue_ns + self.shared_ns
        return self.enqueue_ns, wait_ns, self.finish_ns - self.start_ns - self.shared_ns

    def row(self) -> tuple[int, ...]:
        """Its row in the table of tasks."""
        whose = (self.gather.query, self.gather.stage, self.shard, self.number, self.batch, self.replica.index)
        release_ns = -1 if self.finish_ns < 0 else self.release_ns  # it is said of tasks that were finished
        instants = (self.enqueue_ns, self.start_ns, self.finish_ns, release_ns, self.answer_ns, self.withdrawn_ns)
        return *whose, self.worker, *instants, self.state
