"""The reference engine's story: what a query, a stage and a replica do, as SimPy processes. Read this file first.

A *query* is a process: it arrives and, stage by stage, sends a task to one replica of every shard, waits for the last
answer, and merges. A *replica* is a queue before one or more workers, each a process that serves batch after batch; a
batch is of one task, unless the stage says otherwise (``queue``). Between the two, plain callbacks carry a copy of a
task along: enqueued, started, answered; the steps it may take stand in one table (``copy_states``).

Whom a task goes to (``routing``) and how much it is (``work``) is decided when it is sent, how long it takes
(``service``) when it starts, by ``times``. This file only says what waits for what; ``clock`` says what comes first.
"""

from __future__ import annotations

import gc
import math
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from simulator.core import classes, copy_states, failures, gathering, heard, limits, rules, sharing, work
from simulator.core.caches import is_cached
from simulator.core.calling import Calls
from simulator.core.clients import is_unknown, with_arrivals
from simulator.core.columns import COMPLETE, FAILED, SHED, TIMED_OUT
from simulator.core.following import find_part, go_there, nobody
from simulator.core.hosted import is_guest, kept_width
from simulator.core.optional import is_optional, takes
from simulator.core.outages import route_of_query
from simulator.core.plan import CANCEL_RUNNING, I8, NEVER_NS, Plan
from simulator.core.routing import is_load_aware, view_of
from simulator.core.rules import ARRIVE, DISPATCH, ENQUEUE, MERGED
from simulator.core.trace import Trace
from simulator.engines.reference.background import begin_background
from simulator.engines.reference.caches import Cache
from simulator.engines.reference.clients import find_with
from simulator.engines.reference.clock import At, Clock, Handover, Process
from simulator.engines.reference.door import Door
from simulator.engines.reference.failures import Crashes
from simulator.engines.reference.gather import Copy, Gather, KeenGather
from simulator.engines.reference.hedge import Hedger
from simulator.engines.reference.limits import Limit
from simulator.engines.reference.machine import Machines
from simulator.engines.reference.recorder import Recorder
from simulator.engines.reference.replica import Replica
from simulator.engines.reference.scaling import Serving
from simulator.engines.reference.server import Seat
from simulator.engines.reference.sharing import Shared
from simulator.engines.reference.times import Times


def simulate(plan: Plan, tasks: bool = False, *, stopped: Callable[[], bool] | None = None) -> Trace:
    """Simulate one replication and return its trace; with ``tasks``, every task's instants too.

    ``stopped`` is not asked: this engine runs in a process of its own, which can be ended.
    """
    # No cyclic garbage is left, and the collector would look through all pending events: a fifth of the time.
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        if is_unknown(plan):
            plan = with_arrivals(plan, find_with(lambda unbounded: Model(unbounded, tasks=False)))
        return Model(plan, tasks).run()
    finally:
        if was_collecting:
            gc.enable()


class Model:
    """One run: the clock, the fleet, and what the trace will say."""

    def __init__(self, plan: Plan, tasks: bool) -> None:
        self.plan = plan
        self.clock = Clock(NEVER_NS if plan.drain_ns == NEVER_NS else math.inf)
        self.record = Recorder(plan)
        self.sent = 0
        self.are_over = False  # whether all attempts are, while they are found
        self.copies: list[Copy] | None = [] if tasks else None  # all that were sent, where their table is asked for
        self.door = Door(plan)
        self.on_end: Callable[[int, int], None] | None = None  # who waits for outcomes
        self.calls = Calls(plan)
        self.serving = Serving(plan)
        self.run_row = plan.run_row()
        self.outstanding = heard.counters_of(plan)  # at each replica, as each balancer sees it
        self.down = np.zeros(plan.replicas, dtype=np.int64)  # until when each is known to be
        self.won = nobody(plan.queries, kept_width(plan.stages))  # whose answers counted, for stages that follow
        self.machines = Machines(plan)
        self.stages: list[Stage] = []
        for index in range(len(plan.stages)):
            self.stages.append(Stage(self, index))

    def run(self) -> Trace:
        """Run until nothing is left to happen, or the drain is cut."""
        self.clock.process(self.arrivals())
        self.begin()
        if self.plan.drain_ns == NEVER_NS:
            self.clock.run()
        else:
            self.clock.run(until=self.plan.end_ns + 1)
        copies = None if self.copies is None else [copy.row() for copy in self.copies]
        return self.record.trace(self.clock.events, copies)

    def begin(self) -> None:
        """Replicas have tasks of their own from now on."""
        for stage in self.stages:
            begin_background(self, stage.index, stage.replicas)

    def arrivals(self) -> Process:
        """Queries arrive at the instants that the plan says."""
        for query, instant in enumerate(self.plan.arrival_ns.tolist()):
            yield At(self.clock, instant, ARRIVE, query)
            self.clock.process(self.query(query))

    def query(self, query: int) -> Process:
        """A query's life, once admitted: for each stage, fan out, wait for the answers, merge; then it is complete.

        It goes on at once from a stage that it does not take, and soon from one whose cache has its answer.
        """
        clock, record, stage_bits = self.clock, self.record, self.plan.stage_bits
        candidates, outcome, is_over = 0.0, COMPLETE, False
        patience_ns = int(classes.patience_ns(self.run_row, self.plan.classes, self.plan.class_of, query))
        until_ns = clock.now + patience_ns
        for stage in self.stages:
            key = (query << stage_bits) | stage.index
            yield At(clock, clock.now, DISPATCH, key)
            if stage.index == 0 and not self.door.admits(query, clock.now, patience_ns):
                self.end(query, SHED)
                return
            if is_over or stage.is_passed_by(query):
                record.skip(stage.index, query, clock.now)
                continue
            if stage.cache is not None and stage.cache.has_answer(query):
                candidates = stage.enter(stage.gather(query), candidates)
                if stage.cache.hit_ns > 0:
                    yield At(clock, clock.now + stage.cache.hit_ns, MERGED, key)
                record.hit(stage.index, query, clock.now)
                candidates, is_over = min(stage.keep, candidates), stage.cache.ends
            else:
                gather = stage.gather(query)
                candidates = stage.dispatch(gather, candidates)
                yield gather.closed
                if gather.outcome != COMPLETE:
                    outcome = gather.outcome
                if outcome != FAILED:
                    yield from stage.merge(key, gather)
                    record.leave(stage.index, query, clock.now)
                    if stage.cache is not None and gather.outcome == COMPLETE:
                        stage.cache.keep(query)
                candidates = min(stage.keep, candidates * gather.coverage)
            if clock.now > until_ns:
                outcome = TIMED_OUT  # its client has given up
            if outcome in (FAILED, TIMED_OUT):
                break
        self.end(query, outcome)

    def end(self, query: int, outcome: int) -> None:
        """A query is over, whatever its client knows of it."""
        self.record.end(query, outcome)
        if outcome not in (SHED, TIMED_OUT):
            self.door.leave(query)
        if self.on_end is not None:
            self.on_end(query, outcome)


class Stage:
    """One stage of the funnel: its replicas and its mergers."""

    def __init__(self, model: Model, index: int) -> None:
        plan = model.plan
        row = plan.stages[index]
        self.model, self.index = model, index
        self.shards = int(row["shards"])
        self.first_shard = int(row["first_shard"])
        self.replicas_per_shard = int(row["replicas"])
        self.is_optional, self.keep = bool(is_optional(plan.stages, index)), float(row["keep"])
        self.request_ns = int(row["request_ns"])
        self.send_ns = int(row["send_ns"])
        self.is_load_aware = bool(is_load_aware(row["counts"]))
        self.crashes = Crashes(self, model) if failures.fails(plan.stages, index) else None
        first = int(row["first_replica"])
        places = range(first, first + self.shards * self.replicas_per_shard)
        of_kind: type[Replica | Shared] = Shared if sharing.shares(plan.stages, index) else Replica
        self.replicas: Sequence[Replica | Shared | Seat]
        if is_guest(plan.stages, index):
            hosts = model.stages[int(row["owner"])].replicas
            self.replicas = [Seat(self, place, host) for place, host in zip(places, hosts, strict=True)]
        else:
            self.replicas = [of_kind(self, place, int(row["workers"])) for place in places]
        self.times = Times(plan, model.run_row, index)
        self.merging: deque[Handover] = deque()
        self.free_mergers = int(row["mergers"])
        self.merge_ns = int(rules.merge_ns(plan.stages, index, self.shards))
        self.is_keen = bool(gathering.awaits_copies(plan.stages, index))
        self.stops = self.is_keen and bool(row["cancels"] == CANCEL_RUNNING)
        self.follows = bool(row["follows"])
        self.first_won, self.has_sources = int(row["first_won"]), bool(row["sources"] > 1)
        self.hedger = Hedger(self, model) if row["hedges"] > 0 else None
        self.cache = Cache(plan, model.run_row, index) if is_cached(plan.stages, index) else None
        self.limit = Limit(self, model) if limits.refuses(plan.stages, index) else None
        self.reals = np.zeros((work.REALS, self.shards))
        self.wholes = np.zeros((work.WHOLES, max(self.shards, self.replicas_per_shard)), dtype=np.int64)

    def is_passed_by(self, query: int) -> bool:
        """Whether a query goes on to the next stage at once."""
        return self.is_optional and not takes(self.model.calls.stages, self.model.run_row, self.index, query)

    def gather(self, query: int) -> Gather:
        """What a query that enters waits for."""
        if not self.is_keen:
            return Gather(self.model.clock, self.model.plan, self.index, query)
        takes = None
        if self.follows:
            self.wholes[work.WHO, 0] = query
            find_part(
                self.model.plan.stages, self.model.plan.share, self.model.won, self.index, self.reals, self.wholes
            )
            takes = self.wholes[work.TAKES, : self.shards]
        gather = KeenGather(self.model.clock, self.model.plan, self.index, query, takes)
        gather.on_timeout = self.close
        return gather

    def find_part(self, query: int) -> I8:
        """(shards,) whether each takes part, in scratch: where the query has been, of a stage that follows."""
        self.wholes[work.WHO, 0] = query
        find_part(self.model.plan.stages, self.model.plan.share, self.model.won, self.index, self.reals, self.wholes)
        return self.wholes[work.TAKES, : self.shards]

    def dispatch(self, gather: Gather, previous: float) -> float:
        """Send a task to one replica of every shard that is visited, in order; return the candidates scored here.

        ``previous``: candidates that are handed on to it.
        """
        candidates = self.enter(gather, previous)
        view = self.choose(gather)
        gather.wait()
        chosen, loads, held = self.wholes[[work.REPLICA, work.LOAD, work.HELD], : self.shards].tolist()
        alone, items = self.reals[[work.ALONE, work.ITEMS], : self.shards].tolist()
        awaited = gather.awaited if isinstance(gather, KeenGather) else None
        for place, shard in enumerate(gather.shards):
            local = shard * self.replicas_per_shard + chosen[shard]
            copy = Copy(gather, shard, self.replicas[local], alone[shard], items[shard])
            copy.counter, copy.load = view + local, loads[shard]
            if awaited is not None:
                awaited[shard] = [copy]
            self.send(copy, place, held[shard])
        if self.hedger is not None and isinstance(gather, KeenGather):
            self.hedger.entered(gather)
        return candidates

    def send(self, copy: Copy, place: int, held_ns: int = 0) -> None:
        """Send a copy of a task, behind as many others of its query, when a replica is there."""
        model, replica = self.model, copy.replica
        if model.copies is not None:
            model.copies.append(copy)
        if self.is_load_aware:
            heard.count_at(model.plan.stages, model.outstanding, self.index, copy.counter, copy.load)
        key = (replica.seat << model.plan.send_bits) | model.sent
        model.sent += 1
        at_ns = model.clock.now + held_ns + self.request_ns + place * self.send_ns
        At(model.clock, at_ns, ENQUEUE, key, replica.enqueue, copy)

    def enter(self, gather: Gather, previous: float) -> float:
        """How much, for all shards, into scratch; returns the candidates scored."""
        model, plan = self.model, self.model.plan
        given = model.calls.stages, plan.sources, model.run_row, plan.laws, plan.law_parts, plan.law_points
        costs = plan.source_share, plan.knot_items, plan.knot_ns, plan.knot_slope
        self.wholes[work.WHO, 0], self.reals[work.PREVIOUS, 0] = gather.query, previous
        self.wholes[work.OF_CLASS, 0] = classes.place_of(plan.class_of, gather.query)
        if self.follows:
            self.find_part(gather.query)
        work.work_of_block(*given, *costs, self.index, rules.ONE, plan.work, self.reals, self.wholes)
        candidates = float(self.reals[work.SCORED, 0]) * gather.scored
        model.record.enter(self.index, gather.query, candidates)
        return candidates

    def choose(self, gather: Gather) -> int:
        """Whom, for all shards, into scratch; returns the balancer's view."""
        model, plan = self.model, self.model.plan
        if self.crashes is not None:
            self.crashes.look(model.clock.now)
        if self.follows:
            go_there(model.calls.stages, plan.outages, model.down, self.index, model.clock.now, self.reals, self.wholes)
            view = view_of(model.calls.stages, model.run_row, gather.query, self.index)
        else:
            left = model.serving.at(self.index, model.clock.now)
            view = route_of_query(
                *(model.calls.stages, model.run_row, left, plan.outages, model.down, model.outstanding),
                *(model.calls.fault, self.index, model.clock.now, self.reals, self.wholes),
            )
        model.calls.check()
        return int(view)

    def answer(self, at: At) -> None:
        """A task's answer reaches the aggregator; the last one that is waited for closes the stage."""
        copy: Copy = at._value
        copy.step(copy_states.ANSWERED)
        gather, now = copy.gather, self.model.clock.now
        if self.is_load_aware:
            given = self.model.plan.stages, self.model.outstanding, self.index, copy.counter, copy.load
            _, _, service_ns = copy.times()
            heard.answered(*given, copy.enqueue_ns, service_ns, copy.queue, now)
        copy.answer_ns = now
        if not gather.waits_for(copy):
            self.model.record.late(gather.query, copy.replica.index, copy.busy_ns)
            return
        if self.first_won >= 0:
            index = copy.replica.index - self.replicas[copy.shard * self.replicas_per_shard].index
            self.model.won[gather.query, self.first_won + copy.shard] = index
        if self.has_sources:
            self.model.record.counted(self.index, gather.query, copy.shard, now)
        if gather.take(copy, now):
            self.model.record.critical(self.index, gather.query, copy.shard, *copy.times())
            self.close(gather)

    def close(self, gather: Gather) -> None:
        """Enough answers are there, or it is late enough: the query goes on."""
        self.model.record.close(gather, self.model.clock.now)
        gather.closed.give()

    def merge(self, key: int, gather: Gather) -> Process:
        """Merge the answers: a mere delay, or work for one of a few mergers, first come first served."""
        clock, merge_ns = self.model.clock, self.merge_ns
        if isinstance(gather, KeenGather):
            merge_ns = int(rules.merge_ns(self.model.plan.stages, self.index, gather.answers))
        is_limited = self.model.plan.stages[self.index]["mergers"] > 0
        if is_limited:
            if self.free_mergers == 0:
                turn = Handover(clock)
                self.merging.append(turn)
                yield turn
            else:
                self.free_mergers -= 1
        yield At(clock, clock.now + merge_ns, MERGED, key)
        if is_limited:
            if self.merging:
                self.merging.popleft().give()
            else:
                self.free_mergers += 1
