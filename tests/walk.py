"""A second, independent walk through a Plan: one loop over a heap of (instant, kind, key), lists for queues, no SimPy.

Written from the definition of a query's life, not from the engine. It shares the rules one by one (who is chosen, how
long things take), but neither what is decided for all tasks at once nor any mechanism. Slow and plain on purpose.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from simulator.core import admission, caches, clients, draws, hosted, retrying, routing, rules, scaling, service
from simulator.core import work as work_rules
from simulator.core.columns import COMPLETE, FAILED, HIT, PARTIAL, SHED, SKIPPED, TIMED_OUT, UNFINISHED, TaskGrid, Tasks
from simulator.core.copy_states import ANSWERING, DONE, LOST, QUEUED, REFUSED, RUNNING, SENT, WITHDRAWN
from simulator.core.elementary import exp, log
from simulator.core.gathering import may_differ
from simulator.core.laws import exponential, sampling
from simulator.core.plan import (
    ADAPTIVE,
    AFTER,
    BACKGROUND_GAP,
    BACKGROUND_TIME,
    C3,
    CANCEL_NOTHING,
    CANCEL_RUNNING,
    CANDIDATES,
    DOWN,
    EDF,
    KEY,
    LEAST_WORK,
    LIFO,
    LOSE_NOTHING,
    LOSE_QUEUED,
    NEVER_NS,
    NONE,
    OF_MACHINE,
    OF_REPLICA,
    OF_SHARD,
    OF_STAGE,
    PEAK_EWMA,
    PRIORITY,
    RESPONSE,
    ROLES,
    SHORTEST,
    TASK,
    TIME,
    UP,
    VISITS,
    Plan,
    frozen,
)
from simulator.core.sources import sources_of
from simulator.core.split import part
from simulator.core.trace import COUNTERS, Trace
from simulator.core.window import window_of

#: A copy of a task: query, stage, shard, and its number, 0 the first.
Task = tuple[int, int, int, int]


def is_in(instant: int, stretches: list[tuple[int, int]]) -> bool:
    """Whether an instant is in one of [from, until)."""
    return any(begin <= instant < end for begin, end in stretches)


class Walk:
    """One walk; ``trace()`` gives what the engine should have given."""

    def __init__(self, plan: Plan, until_ns: int = 100) -> None:
        self.is_found, self.drain_ns = clients.are_unknown(plan), plan.drain_ns
        is_open = not self.is_found and plan.arrival_ns[-1] < NEVER_NS
        self.until_ns = int(plan.arrival_ns[-1]) if is_open else until_ns  # of replicas' own tasks
        stages, queries = len(plan.stages), plan.queries
        self.plan = plan
        self.events: list[tuple[int, int, int, Any]] = []
        self.waiting: list[list[Task]] = [[] for _ in range(plan.replicas)]
        self.in_time = [0] * plan.replicas
        self.busy: list[dict[int, list[Task]]] = [{} for _ in range(plan.replicas)]
        self.starting: set[tuple[int, int]] = set()
        self.came: dict[Task, int] = {}  # of a task: how many were enqueued before, anywhere
        self.outstanding = np.zeros(plan.views, dtype=np.int64)
        self.heard: dict[int, tuple[int, int]] = {}  # of a counter: the average latency, and when it was heard last
        self.served: dict[int, tuple[int, int]] = {}  # of a counter: average service, and queue in 1/1024
        self.queued: dict[Task, int] = {}  # of a task: who waited when it was over
        self.merging: list[list[int]] = [[] for _ in range(stages)]
        self.merges = [0] * stages
        self.sent = 0
        self.given = np.full((stages, queries), -1.0)
        self.enter, self.close, self.leave = (np.full((stages, queries), -1) for _ in range(3))
        self.critical_enqueue = np.full((stages, queries), -1)
        self.critical = np.full((4, stages, queries), -1)  # shard; waiting, service and response time
        self.answers = np.zeros((stages, queries), dtype=np.int64)
        self.own: dict[Task, tuple[int, int, int]] = {}  # a replica's own: its row, its replica, when it comes
        for stage in range(stages):
            self.plan_background(stage)
        self.owner = {row: task for task, (row, _, _) in self.own.items()}
        # the first copies, the second ones, ...; rows of queries, then of replicas' own tasks
        shape = (queries + len(self.own), plan.shards * int(max(plan.stages["sendings"])))
        self.table = TaskGrid(*(np.full(shape, -1) for _ in range(6)))
        self.response = np.zeros(shape, dtype=np.int64)
        self.items = np.zeros(shape)
        self.alone = np.zeros(shape)
        self.together: dict[Task, tuple[int, bool]] = {}  # of a task: batch's size, whether it leads
        self.batches = [0] * plan.batch_sizes
        self.answered: dict[tuple[int, int], list[int]] = {}  # of a stage of a query that waits: shards, as they came
        self.deadline: dict[tuple[int, int], int] = {}
        self.withdrawn_ns = np.full(shape, -1)
        self.over_ns = np.full(shape, -1)  # when the service that a task was part of was over
        self.after = np.zeros(shape, dtype=np.int64)  # how long its worker stayed taken then
        self.release_ns = np.full(shape, -1)
        self.late = np.zeros(shape, dtype=bool)
        self.outcome = np.full((stages, queries), UNFINISHED)
        self.count = np.full((stages, queries), -1)
        self.coverage = np.full((stages, queries), -1.0)
        self.ended = np.full(queries, UNFINISHED)
        self.in_flight: dict[int, int] = {}  # of those admitted: when each is over, as far as that is known
        self.tokens, self.looked_ns = Fraction(10**9), 0  # full
        self.weight = np.zeros(shape, dtype=np.int64)
        self.counter = np.zeros(shape, dtype=np.int64)
        self.first_answer = np.full(shape, -1)
        self.refused: dict[Task, int] = {}  # when
        self.told: set[Task] = set()  # whose refusal, or loss, is at the aggregator
        self.lost: dict[Task, int] = {}  # when
        self.hedged: set[Task] = set()  # copies that were sent since there was no answer
        self.untied: set[Task] = set()  # who will be told that another copy has started
        self.seats = hosted.seats_of(plan.stages).tolist()  # of a replica: where its tasks are served
        self.won: dict[tuple[int, int], dict[int, int]] = {}  # of a stage of a query: by shard, whose answer counted
        self.budget: dict[int, int] = {}  # of a stage, in millionths of a copy
        self.sharers: list[dict[Task, int]] = [{} for _ in range(plan.replicas)]  # what each has gained, in 1/1024 ns
        self.gained_until = [0] * plan.replicas
        self.needs: dict[Task, int] = {}  # of a task that shares, in ns
        self.spent: dict[Task, int] = {}  # of it, when it is over
        self.downs: list[list[tuple[int, int]]] = [[] for _ in range(plan.replicas)]
        rows = plan.stages
        self.cached = [
            [] if row["cold"] else list(range(int(row["cached"])))[::-1] for row in rows
        ]  # keys that are held
        self.hits: set[tuple[int, int]] = set()
        self.over_by_hit: set[int] = set()
        self.down_times = [self.times_down(replica) for replica in range(plan.replicas)]

    def push(self, instant: int, kind: int, key: int, what: Any = None) -> None:
        heapq.heappush(self.events, (int(instant), kind, int(key), what))

    def trace(self) -> Trace:
        plan = self.plan
        if scaling.are_steps_unknown(plan):
            from scaled_walk import found_steps

            return Walk(found_steps(plan)).trace()
        if retrying.are_attempts_unknown(plan):
            from attempts_walk import Seeker

            return Walk(Seeker(plan).found()).trace()
        self.end = int(plan.arrival_ns[-1]) + plan.drain_ns
        self.queries_of = [0] * plan.clients
        if self.is_found:
            self.end = 2 * NEVER_NS
            self.begin_waiting()
        for query, instant in enumerate([] if self.is_found else plan.arrival_ns.tolist()):
            self.push(instant, rules.ARRIVE, query, (query,))
        self.walk({rules.ARRIVE: self.send_query if self.is_found else self.arrive})
        if self.own and int(self.plan.arrival_ns[-1]) > self.until_ns:
            return Walk(plan, 4 * self.until_ns).trace()
        return self.written()

    def walk(self, besides: dict[int, Callable[..., None]]) -> None:
        """Let everything happen; ``besides``: what arrivals do."""
        plan = self.plan
        act = {
            **besides,
            rules.BACKGROUND: self.background,
            rules.DISPATCH: self.dispatch,
            rules.ENQUEUE: self.enqueue,
            rules.START: self.start,
            rules.FINISH: self.finish,
            rules.RELEASE: self.release,
            rules.CRASH: self.crash,
            rules.ANSWER: self.answer,
            rules.HEDGE: self.hedge,
            rules.TIMEOUT: self.timeout,
            rules.WITHDRAW: self.withdraw,
            rules.UNTIE: self.untie,
            rules.MERGED: self.merged,
        }
        for (query, stage, shard, copy), (_, replica, instant) in self.own.items():
            key = (replica << plan.stage_bits) | stage
            self.push(instant, rules.BACKGROUND, key, ((query, stage, shard, copy), replica))
        before = (-1, -1, -1)
        for replica in range(plan.replicas):
            self.crash_later(0, replica)
        while self.events and self.events[0][0] <= self.end:
            instant, kind, key, what = heapq.heappop(self.events)
            assert (instant, kind, key) > before, "what happens is sorted"
            before = (instant, kind, key)
            act[kind](instant, *what)

    def begin_waiting(self) -> None:
        """Every client comes after a part of a time to think, long ones likelier; nobody knows when the last comes."""
        first, measured = self.plan.first_measured, self.plan.measured  # here it is found while it is walked
        self.plan = clients.unbounded(self.plan, np.zeros(self.plan.queries, dtype=np.int64))
        self.plan = replace(self.plan, first_measured=first, measured=measured)
        self.outages = self.plan.outages
        self.plan = replace(self.plan, outages=self.later_outages(2**60))
        for client in range(self.plan.clients):
            lasts = [self.drawn_think(client, 0, place) for place in range(32)]
            lucks = [self.uniform(draws.THINK, client, 0, 0, place)[1] for place in range(32)]
            found = lasts[0]
            for place in range(1, 32):
                found = lasts[place] if lucks[place] * sum(lasts[: place + 1]) < lasts[place] else found
            self.push(rules.round_ns(lucks[0] * found), rules.ARRIVE, client, (client,))
        self.beside = 0
        for place, instant in enumerate(self.plan.open_ns.tolist()):
            self.push(instant, rules.ARRIVE, place - len(self.plan.open_ns), (-1,))

    def later_outages(self, more_ns: int) -> Any:
        later = self.outages.copy()
        later["from_ns"] += more_ns
        later["until_ns"] += more_ns
        return frozen(later)

    def drawn_think(self, client: int, number: int, place: int = 0) -> float:
        laws = self.plan.think_law, self.plan.law_parts, self.plan.law_points
        u, _ = draws.uniforms(self.plan.seed, self.plan.replication, draws.THINK, client, number, place)
        return max(0.0, sampling.quantile(*laws, 0, u))

    def send_query(self, now: int, client: int) -> None:
        """A client sends the next query, whose number says how many were sent before, by anybody."""
        query = sum(self.queries_of) + self.beside
        if query == self.plan.queries:
            return
        self.beside += client < 0
        if client >= 0:
            self.queries_of[client] += 1
        whose = [*self.plan.client_of[:query].tolist(), client]
        when = [*self.plan.arrival_ns[:query].tolist(), *[now] * (self.plan.queries - query)]
        of = frozen(whose + [0] * (self.plan.queries - query - 1), np.int64)
        self.plan = replace(self.plan, arrival_ns=frozen(when, np.int64), client_of=of)
        if query == self.plan.first_measured:
            self.plan = replace(self.plan, outages=self.later_outages(now), window_begin_ns=now)
        if query + 1 == self.plan.queries:
            self.end = now + self.drain_ns
            _, end = window_of(self.plan.arrival_ns, self.plan.first_measured)
            self.plan = replace(self.plan, window_end_ns=end, drain_ns=self.drain_ns)
        self.arrive(now, query)

    def over(self, now: int, query: int) -> None:
        """A query has an outcome: who has sent it thinks."""
        self.in_flight[query] = min(now, self.limit(query))
        if self.is_found and self.plan.client_of[query] >= 0:
            client = int(self.plan.client_of[query])
            think = max(1, rules.round_ns(self.drawn_think(client, self.queries_of[client])))
            self.push(now + think, rules.ARRIVE, client, (client,))

    def limit(self, query: int) -> int:
        """When its client gives up."""
        of, longest = self.class_row(query), self.plan.patience_ns
        return int(self.plan.arrival_ns[query]) + (min(longest, int(of["deadline_ns"])) if of["drops"] else longest)

    def class_row(self, query: int) -> Any:
        """The class of a query."""
        return self.plan.classes[self.plan.class_of[query] if len(self.plan.class_of) else 0]

    def is_late(self, now: int, task: Task) -> bool:
        """Whether a task that would start now is of a query whose deadline has passed."""
        query = task[0]
        of = self.class_row(query) if query >= 0 else {"drops": 0}
        return bool(of["drops"]) and now >= self.plan.arrival_ns[query] + of["deadline_ns"]

    def refuse(self, now: int, task: Task) -> None:
        """Word of it leaves that a task is not served."""
        self.refused[task] = now
        self.push(now + max(1, self.response[self.place(task)]), rules.ANSWER, self.name(task), (task,))

    def drop_late(self, now: int, replica: int) -> None:
        """Whoever is late and would be served next is refused."""
        while self.waiting[replica]:
            line = self.in_order(self.waiting[replica])
            row = self.plan.stages[line[0][1]]
            late = [task for task in line[:1] if self.is_late(now, task)]
            if not late and row["max_size"] > 1:
                mine = [task for task in line if task[1] == line[0][1]]
                together = mine[: self.room(row, mine)]
                late = [task for task in together if self.is_late(now, task)]
            if not late:
                return
            for task in late:
                self.waiting[replica].remove(task)
                self.refuse(now, task)

    def room(self, row: Any, waiting: list[Task]) -> int:
        """How many of the first that wait may be of a batch."""
        room = 1
        while room < min(len(waiting), row["max_size"]):
            if sum(self.items[self.place(task)] for task in waiting[: room + 1]) > row["max_items"]:
                break
            room += 1
        return room

    def arrive(self, now: int, query: int) -> None:
        self.push(now, rules.DISPATCH, query << self.plan.stage_bits, (query, 0))

    def column(self, stage: int, shard: int, copy: int = 0) -> int:
        return int(self.plan.stages[stage]["first_shard"]) + shard + copy * self.plan.shards

    def place(self, task: Task) -> tuple[int, int]:
        query, stage, shard, copy = task
        return self.own[task][0] if query < 0 else query, self.column(stage, shard, copy)

    def name(self, task: Task) -> int:
        """Its place among others of one instant."""
        query, stage, shard, copy = task
        return (((query << self.plan.shard_bits) | self.column(stage, shard)) << self.plan.copy_bits) | copy

    def uniform(self, stream: int, query: int, stage: int, shard: int, copy: int = 0) -> tuple[float, float]:
        place = stage * draws.PLACES + shard
        return draws.uniforms(self.plan.seed, self.plan.replication, stream, query, place, copy)

    def is_shed(self, now: int, query: int) -> bool:
        """Whether a query is turned away: too many are there, or no token is."""
        if len(self.plan.shed):
            return bool(self.plan.shed[query])
        if not len(self.plan.door):
            return False
        most, token, debt = (int(number) for number in self.plan.door[0])
        if most >= 0 and sum(over > now for over in self.in_flight.values()) >= most:
            return True
        if token:
            length = Fraction(token, 2**20)
            there = min(self.tokens + (now - self.looked_ns) / length, Fraction(debt, token) + 1)
            if there < 1:
                return True
            self.tokens, self.looked_ns = there - 1, now
        self.in_flight[query] = self.limit(query)
        return False

    def dispatch(self, now: int, query: int, stage: int) -> None:
        plan, row = self.plan, self.plan.stages[stage]
        if stage == 0 and self.is_shed(now, query):
            self.ended[query] = SHED
            self.over(now, query)
            return
        is_over = query in self.over_by_hit
        if is_over or self.uniform(draws.TAKEN, query, stage, 0)[0] >= row["taken"]:
            self.outcome[stage, query] = SKIPPED
            self.goes_on(now, query, stage)
            return
        been = [before for before in range(stage) if self.outcome[before, query] != SKIPPED]
        previous = 0.0
        if been:
            previous = self.given[been[-1], query] * self.coverage[been[-1], query]
            previous = min(previous, float(plan.stages[been[-1]]["keep"]))
        scored = [self.scored(query, stage, source, previous) for source in sources_of(plan.stages, stage)]
        candidates = sum(scored)
        view = routing.view_of(plan.stages, plan.run_row(), query, stage)
        self.enter[stage, query] = now
        visited, part_of = self.visited(query, stage), self.takes_part(query, stage)
        whole = self.share_of(stage, part_of)
        if len(part_of) < row["shards"]:
            whole = min(whole, 1.0 - 2.0**-53)
        self.given[stage, query] = candidates
        if len(visited) < len(part_of):
            self.given[stage, query] = candidates * self.part_of_whole(self.share_of(stage, visited), whole)
        if row["cached"] and self.key(query, stage) in self.cached[stage]:
            self.put_in(query, stage)
            self.hits.add((query, stage))
            if row["hit_ns"] == 0:
                self.hit(now, query, stage)
            else:
                self.push(now + int(row["hit_ns"]), rules.MERGED, (query << plan.stage_bits) | stage, (query, stage))
            return
        self.answered[stage, query] = []
        if row["timeout_ns"] < NEVER_NS:
            self.wait_until(now + int(row["timeout_ns"]), query, stage)
        shards, replicas = int(row["shards"]), int(row["replicas"])
        # everybody is chosen by what is outstanding before this dispatch
        places = range(view, view + shards * replicas)
        seen = np.array([self.read(now, stage, place) for place in places]).reshape(shards, replicas)
        lefts = [rules.round_ns(count) for count in scored]
        shares_left = [whole] * len(scored)
        decided = []
        for shard in range(shards):
            of = self.fleet(stage, shard) - int(row["first_source"])
            share = plan.source_share[self.column(stage, shard)] if shard in part_of else 0.0
            items = scored[of] * self.part_of_whole(share, whole)
            if plan.sources[int(row["first_source"]) + of]["hashed"] and shard in part_of:
                u, _ = self.uniform(draws.SPLIT, query, stage, shard)
                chance = share / shares_left[of] if shares_left[of] > 0 else 0.0
                is_last = all(self.fleet(stage, one) != self.fleet(stage, shard) for one in part_of if one > shard)
                items = float(lefts[of] if is_last else part(lefts[of], chance, u))
                lefts[of] -= int(items)
                shares_left[of] -= share
            count = self.serve(now, stage, shard)
            back = [self.is_back(now, stage, shard, index) for index in range(count)]
            there = [index for index, instant in enumerate(back) if instant == min(back)]
            if row["follows"]:
                chosen = self.won[int(row["owner"]), query].get(shard, 0)
                back = [back[chosen]]
            elif row["by_query"]:
                u, v = self.uniform(draws.ROUTE, query, stage, 0)
                chosen = there[routing.choose(row["policy"], len(there), seen.sum(axis=0)[there], 0, query, u, v)]
            else:
                u, v = self.uniform(draws.ROUTE, query, stage, shard)
                chosen = there[routing.choose(row["policy"], len(there), seen[shard][there], 0, query + shard, u, v)]
            if shard in visited:
                decided.append((shard, int(chosen), items * plan.work[query], min(back)))
        for place, (shard, chosen, items, sent) in enumerate(decided):
            self.items[query, self.column(stage, shard)] = items
            self.send(sent + place * int(row["send_ns"]), (query, stage, shard, 0), chosen)
        if row["hedges"] and row["hedge_ns"] == 0:
            leaves = now + len(visited) * int(row["send_ns"])
            for _ in range(int(row["hedges"])):
                leaves = self.send_again(now, leaves, query, stage)
        elif row["hedges"]:
            if row["budget"] > 0:
                left = self.budget.get(stage, shards * 100 * int(row["budget"]))
                self.budget[stage] = min(shards * 100 * int(row["budget"]), left + len(visited) * int(row["budget"]))
            self.push(now + int(row["hedge_ns"]), rules.HEDGE, (query << plan.stage_bits) | stage, (query, stage, 1))

    def fleet(self, stage: int, shard: int) -> int:
        """The source that a shard is of: the last that begins there or before."""
        own = sources_of(self.plan.stages, stage)
        return max(source for source in own if self.plan.sources[source]["first"] <= shard)

    def scored(self, query: int, stage: int, source: int, previous: float) -> float:
        """Candidates of a query in a source: its class's, or its own, by the luck of its first shard, or what comes."""
        plan, row = self.plan, self.plan.sources[source]
        laws = [int(row["law"]) + CANDIDATES]
        if row["classes"]:
            laws.insert(0, int(row["by_class"]) + (int(plan.class_of[query]) if len(plan.class_of) else 0))
        said = [law for law in laws if plan.laws[law]["kind"] != NONE]
        if not said:
            return previous
        law = said[0]
        u, _ = self.uniform(draws.CANDIDATES, query, stage, int(row["first"]))
        return max(0.0, float(sampling.quantile(plan.laws, plan.law_parts, plan.law_points, law, u)))

    def serve(self, now: int, stage: int, shard: int) -> int:
        """How many replicas of a shard may be sent tasks now."""
        steps = [step for step in self.plan.provided.T.tolist() if step[0] == stage and step[1] <= now]
        there = int(self.plan.left[self.column(stage, shard)])
        return min(there, max(steps, key=lambda step: step[1])[2]) if steps else there

    def key(self, query: int, stage: int) -> int:
        """What a query asks the cache of a stage for: the first point below the bars' hull that is below its bar."""
        keys, s = (self.plan.stages[stage][name] for name in ("catalogue", "popularity"))
        if keys == 1:
            return 0
        for attempt in itertools.count():
            luck, _ = self.uniform(draws.CACHE_KEY, query, stage, 0, attempt)
            least, most = caches.area(1.5, s) - 1.0, caches.area(keys + 0.5, s)
            value = most + luck * (least - most)
            x = caches.reached(value, s)
            k = min(max(math.floor(x + 0.5), 1), int(keys))
            near = k - x <= 2.0 - caches.reached(caches.area(2.5, s) - exp(-s * log(2.0)), s)
            if near or value >= caches.area(k + 0.5, s) - exp(-s * log(float(k))):
                return k - 1
        raise AssertionError

    def put_in(self, query: int, stage: int) -> None:
        """Its key is the one that was used last; the list has the least recent first."""
        key, held = self.key(query, stage), self.cached[stage]
        self.cached[stage] = ([one for one in held if one != key] + [key])[-int(self.plan.stages[stage]["cached"]) :]

    def hit(self, now: int, query: int, stage: int) -> None:
        """A query leaves a stage whose cache had its answer, and may be over."""
        self.close[stage, query], self.outcome[stage, query] = now, HIT
        self.count[stage, query], self.coverage[stage, query] = 0, 1.0
        if self.plan.stages[stage]["hit_ends"]:
            self.over_by_hit.add(query)
        self.goes_on(now, query, stage)

    def plan_background(self, stage: int) -> None:
        """What its replicas do besides: each has tasks of its own, until the last query is there."""
        plan, row = self.plan, self.plan.stages[stage]
        if plan.laws[stage * ROLES + BACKGROUND_GAP]["kind"] == NONE:
            return
        for shard in range(int(row["shards"])):
            for index in range(int(plan.left[self.column(stage, shard)])):
                replica = int(row["first_replica"]) + shard * int(row["replicas"]) + index
                instant = 0
                for number in itertools.count():
                    task = -1 - index - number * int(row["replicas"]), stage, shard, 0
                    instant += max(1, rules.round_ns(self.of_background(task)[0]))
                    if instant > self.until_ns:
                        break
                    self.own[task] = plan.queries + len(self.own), replica, int(instant)

    def of_background(self, task: Task) -> list[float]:
        """How long after the one before a replica's own task comes, and how long it takes alone."""
        laws = self.plan.laws, self.plan.law_parts, self.plan.law_points
        luck = self.uniform(draws.BACKGROUND, *task)
        roles = BACKGROUND_GAP, BACKGROUND_TIME
        return [sampling.quantile(*laws, task[1] * ROLES + role, u) for role, u in zip(roles, luck, strict=True)]

    def background(self, now: int, task: Task, replica: int) -> None:
        if self.is_found and sum(self.queries_of) + self.beside == self.plan.queries and now > self.plan.arrival_ns[-1]:
            return  # nobody knew that it would be too late
        at = self.place(task)
        self.table.replica[at], self.alone[at] = replica, self.of_background(task)[1]
        self.join(now, task)

    def visited(self, query: int, stage: int) -> list[int]:
        """The shards that a query visits, in order: as many as a law says, those with the least luck."""
        plan, first, shards = self.plan, stage * ROLES, int(self.plan.stages[stage]["shards"])
        part_of = self.takes_part(query, stage)
        if plan.laws[first + VISITS]["kind"] == NONE:
            return part_of
        laws = plan.laws, plan.law_parts, plan.law_points
        drawn = sampling.quantile(*laws, first + VISITS, self.uniform(draws.FANOUT_COUNT, query, stage, 0)[0])
        name = query
        if plan.laws[first + KEY]["kind"] != NONE:
            name = int(sampling.quantile(*laws, first + KEY, self.uniform(draws.FANOUT_KEY, query, stage, 0)[0]))
        luck = sorted((self.uniform(draws.FANOUT, name, stage, shard)[0], shard) for shard in part_of)
        count = min(max(math.floor(min(max(drawn, 0.0), shards) + 0.5), 1), shards)
        return sorted(shard for _, shard in luck[:count])

    def takes_part(self, query: int, stage: int) -> list[int]:
        """The shards that may be visited: all, or where the query has been and an answer counted."""
        row = self.plan.stages[stage]
        return sorted(self.won[int(row["owner"]), query]) if row["follows"] else list(range(int(row["shards"])))

    def part_of_whole(self, share: float, whole: float) -> float:
        """Of all: of a part, less than that, however little."""
        return share if whole == 1.0 else share / whole if whole > 0 else 0.0

    def share_of(self, stage: int, shards: list[int]) -> float:
        """The sum of their shares; exactly 1 of all."""
        if len(shards) == self.plan.stages[stage]["shards"]:
            return 1.0
        total = 0.0
        for shard in shards:
            total += float(self.plan.share[self.column(stage, shard)])
        return total

    def enough(self, query: int, stage: int) -> int:
        """How many answers close a stage: a number, or parts of those that are visited, rounded up."""
        row, visits = self.plan.stages[stage], len(self.visited(query, stage))
        if row["wait_parts"] == 0:
            return min(int(row["wait_for"]), visits)
        return math.ceil(Fraction(int(row["wait_for"]), int(row["wait_parts"])) * visits)

    def read(self, now: int, stage: int, counter: int) -> int:
        """What a policy sees of a replica: of one that it has not heard of, or forgotten, whether it is being tried."""
        tasks, policy = int(self.outstanding[counter]), self.plan.stages[stage]["policy"]
        if policy not in (PEAK_EWMA, ADAPTIVE, C3):
            return tasks
        average = self.left(now, stage, counter)
        if average == 0:
            return 2**38 + tasks if tasks else 0
        if policy == C3:
            latency, last = self.heard[counter]
            service, queue = self.served.get(counter, (0, 0))
            kept = exp((last - now) / int(self.plan.stages[stage]["decay_ns"]))
            there = 1.0 + tasks * int(self.plan.stages[stage]["clients"]) + kept * queue / 1024
            rank = kept * latency - kept * service + kept * service * there * there * there
            return int(rules.round_ns(max(1.0, min(rank, 2.0**44))))
        return min(2**44, average * (1 if policy == ADAPTIVE else tasks + 1))

    def left(self, now: int, stage: int, counter: int) -> int:
        """What is left of the average that was heard."""
        average, last = self.heard.get(counter, (0, 0))
        return int(rules.round_ns(average * exp((last - now) / int(self.plan.stages[stage]["decay_ns"]))))

    def hear(self, now: int, counter: int, latency: int, decay: int) -> None:
        """A longer latency is believed at once, and is forgotten by a part of e in a decay."""
        average, last = self.heard.get(counter, (0, now))
        fresh = max(1, latency)
        if average > fresh:
            fresh += rules.round_ns((average - fresh) * exp((last - now) / decay))
        self.heard[counter] = int(fresh), now

    def hear_all(self, now: int, task: Task) -> None:
        """Latency, service and the queue behind it move their averages by three tenths; the first are believed."""
        at, counter = self.place(task), int(self.counter[self.place(task)])
        latency = max(1, int(now - self.table.enqueue_ns[at] + self.plan.stages[task[1]]["request_ns"]))
        service = self.needs.get(task, int(self.table.finish_ns[at] - self.table.start_ns[at]))
        seen = latency, service, 1024 * self.queued.get(task, 0)
        if counter in self.heard:
            before = self.heard[counter][0], *self.served.get(counter, (0, 0))
            seen = tuple(
                int(rules.round_ns((1 - 0.3) * old + 0.3 * new)) for old, new in zip(before, seen, strict=True)
            )
        self.heard[counter], self.served[counter] = (seen[0], now), (seen[1], seen[2])

    def is_back(self, now: int, stage: int, shard: int, index: int, whole: bool = True) -> int:
        """From now on, the first instant of no outage of a replica; of its index in any shard, where all need it."""
        row = self.plan.stages[stage]
        rows = self.plan.outages[int(row["first_outage"]) :][: int(row["outages"])]
        out = [
            (int(one["from_ns"]), int(one["until_ns"]))
            for one in rows
            if index % one["step"] == one["rest"]
            and ((row["by_query"] and whole) or one["first_shard"] <= shard < one["first_shard"] + one["shards"])
        ]
        replicas, shards = int(row["replicas"]), range(int(row["shards"])) if row["by_query"] and whole else [shard]
        known = [self.known_until(now, int(row["first_replica"]) + one * replicas + index) for one in shards]
        now = max(known)
        return min(at for at in [now, *(until for _, until in out)] if at >= now and not is_in(at, out))

    def times_down(self, replica: int) -> Iterator[tuple[int, int]]:
        """When a replica is down, time after time, as often as asked for; luck has the name of what crashes."""
        plan = self.plan
        stage = int(np.searchsorted(plan.stages["first_replica"], replica, "right")) - 1
        row, laws, end = plan.stages[stage], (plan.laws, plan.law_parts, plan.law_points), 0
        place = self.place_of(stage, replica, int(row["fail_scope"]))
        owner = int(row["home" if row["fail_scope"] == OF_MACHINE else "owner"])
        for number in itertools.count():
            u, v = self.uniform(draws.FAILURE, number, owner, place)
            begin = end + max(1, rules.round_ns(sampling.quantile(*laws, stage * ROLES + UP, u)))
            end = begin + max(1, rules.round_ns(sampling.quantile(*laws, stage * ROLES + DOWN, v)))
            yield begin, end

    def down_at(self, now: int, replica: int) -> tuple[int, int]:
        """The time down that it is in, or comes next."""
        while not self.downs[replica] or self.downs[replica][-1][1] <= now:
            self.downs[replica].append(next(self.down_times[replica]))
        return next((begin, end) for begin, end in self.downs[replica] if end > now)

    def is_failing(self, replica: int) -> bool:
        """Whether it is of a stage whose replicas crash."""
        return bool(self.stage_of(replica)["fails"])

    def stage_of(self, replica: int) -> Any:
        return self.plan.stages[np.searchsorted(self.plan.stages["first_replica"], replica, "right") - 1]

    def is_down(self, now: int, replica: int) -> bool:
        return self.is_failing(replica) and self.down_at(now, replica)[0] <= now

    def known_until(self, now: int, replica: int) -> int:
        """Until when it is known to be down; now: it is not."""
        if not self.is_down(now, replica):
            return now
        begin, end = self.down_at(now, replica)
        return end if begin + int(self.stage_of(replica)["detect_ns"]) <= now else now

    def crash_later(self, now: int, replica: int) -> None:
        """The next crash loses something, unless nothing is ever lost."""
        if self.stage_of(replica)["lose"] != LOSE_NOTHING:
            begin, _ = next((begin, end) for begin, end in self.down_after(now, replica) if begin > now)
            if begin < NEVER_NS:
                self.push(begin, rules.CRASH, replica, (replica,))

    def down_after(self, now: int, replica: int) -> Iterator[tuple[int, int]]:
        """Times down, from the one that it is in or comes next."""
        while True:
            begin, end = self.down_at(now, replica)
            yield begin, end
            now = end

    def crash(self, now: int, replica: int) -> None:
        """All batches under way are lost, and the queue, too, if it says so; and the crash after this will come."""
        row = self.stage_of(replica)
        for worker, tasks in list(self.busy[replica].items()):
            if self.over_ns[self.place(tasks[0])] >= 0:
                continue  # it cleans up after its answers
            del self.busy[replica][worker]
            self.never_finishes(replica, worker)
            for task in tasks:
                self.over_ns[self.place(task)] = now
                if self.withdrawn_ns[self.place(task)] < 0:
                    self.lose(now, task)
        if row["lose"] == LOSE_QUEUED:
            for task in self.waiting[replica]:
                self.lose(now, task)
            self.waiting[replica] = []
        if self.waiting[replica]:
            self.start_soon(now, replica)
        if self.is_anything_left(now):
            self.crash_later(now, replica)

    def is_anything_left(self, now: int) -> bool:
        """Whether anything but crashes is still to happen."""
        return any(kind != rules.CRASH for _, kind, _, _ in self.events)

    def lose(self, now: int, task: Task) -> None:
        self.lost[task] = now
        detect = int(self.plan.stages[task[1]]["detect_ns"])
        self.push(now + detect, rules.ANSWER, self.name(task), (task,))

    def told_lost(self, now: int, task: Task) -> None:
        """Its sender knows that it is lost: if nothing else of it is hoped for, and it is needed, it is sent again."""
        query, stage, shard, _ = task
        self.told.add(task)
        if self.close[stage, query] >= 0 or shard in self.answered[stage, query]:
            return
        copies = self.copies(query, stage, shard)
        if any(not self.is_over(copy) for copy in copies):
            return
        if len(copies) == 16:
            if not self.hoped_for(query, stage):
                self.closed(now, query, stage)
            return
        again, row = (query, stage, shard, len(copies)), self.plan.stages[stage]
        back = [self.is_back(now, stage, shard, one, False) for one in range(self.serve(now, stage, shard))]
        there = [index for index, instant in enumerate(back) if instant == min(back)]
        first = routing.view_of(self.plan.stages, self.plan.run_row(), query, stage) + shard * int(row["replicas"])
        seen = np.array([self.read(now, stage, first + index) for index in there])
        u, v = self.uniform(draws.ROUTE, *again)
        chosen = there[routing.choose(row["policy"], len(there), seen, 0, query + shard + len(copies), u, v)]
        self.items[self.place(again)] = self.items[query, self.column(stage, shard)]
        self.send(min(back), again, chosen)

    def send(self, leaves: int, task: Task, chosen: int) -> None:
        """A copy of a task leaves at an instant for a replica of its shard."""
        (query, stage, shard, _), at, plan, row = task, self.place(task), self.plan, self.plan.stages[task[1]]
        local = shard * int(row["replicas"]) + chosen
        replica = int(row["first_replica"]) + local
        self.table.replica[at] = replica
        self.alone[at], self.response[at] = self.durations(task, self.items[at])
        if routing.is_load_aware(row["counts"]):
            self.weight[at] = rules.round_ns(self.alone[at]) if row["counts"] == LEAST_WORK else 1
            self.counter[at] = routing.view_of(plan.stages, plan.run_row(), query, stage) + local
            self.outstanding[self.counter[at]] += self.weight[at]
        key = (self.seats[replica] << plan.send_bits) | self.sent
        self.push(leaves + int(row["request_ns"]), rules.ENQUEUE, key, (task,))
        self.sent += 1

    def hedge(self, now: int, query: int, stage: int, number: int) -> None:
        """Who has not answered is sent another copy, if a replica is left and the budget pays for it."""
        row = self.plan.stages[stage]
        if self.close[stage, query] >= 0:
            return
        self.send_again(now, now, query, stage)
        if number < row["hedges"]:
            again = (query << self.plan.stage_bits) | stage
            self.push(now + int(row["hedge_ns"]), rules.HEDGE, again, (query, stage, number + 1))

    def send_again(self, now: int, leaves: int, query: int, stage: int) -> int:
        """The first copy leaves at an instant, the others behind it; when the next would."""
        row = self.plan.stages[stage]
        for shard in self.visited(query, stage):
            copies = self.copies(query, stage, shard)
            if len(copies) == 16:
                continue
            if shard in self.answered[stage, query] or (row["budget"] > 0 and self.budget[stage] < 1_000_000):
                continue
            if any(copy in self.told and copy in self.refused for copy in copies):
                continue
            task = query, stage, shard, len(copies)
            count = self.serve(now, stage, shard)
            base = int(row["first_replica"]) + shard * int(row["replicas"])
            taken = [self.table.replica[self.place(copy)] - base for copy in copies if copy not in self.told]
            there = [index for index in range(count) if self.is_back(now, stage, shard, index) == now]
            free = [index for index in there if index not in taken]
            if not free:
                continue
            first = routing.view_of(self.plan.stages, self.plan.run_row(), query, stage) + base - row["first_replica"]
            seen = np.array([self.read(now, stage, first + index) for index in free])
            u, v = self.uniform(draws.ROUTE, *task)
            chosen = free[routing.choose(row["policy"], len(free), seen, 0, query + shard, u, v)]
            if row["budget"] > 0:
                self.budget[stage] -= 1_000_000
            self.items[self.place(task)] = self.items[query, self.column(stage, shard)]
            self.hedged.add(task)
            self.send(leaves, task, chosen)
            leaves += int(row["send_ns"])
        return leaves

    def durations(self, task: Task, items: float) -> tuple[float, int]:
        """Its time alone, and the latency of its answer."""
        (query, stage, _, _), plan = task, self.plan
        luck, _ = self.uniform(draws.TASK, *task)
        source = self.fleet(stage, task[2])
        alone = work_rules.cost_ns(plan.sources, plan.knot_items, plan.knot_ns, plan.knot_slope, source, items)
        law = int(plan.sources[source]["law"]) + TIME
        if plan.laws[law]["kind"] != NONE:
            time = sampling.quantile(plan.laws, plan.law_parts, plan.law_points, law, luck)
            alone += time * plan.work[query]
        luck, _ = self.uniform(draws.RESPONSE, *task)
        response = rules.round_ns(
            sampling.quantile(plan.laws, plan.law_parts, plan.law_points, stage * ROLES + RESPONSE, luck)
        )
        return alone, response

    def enqueue(self, now: int, task: Task) -> None:
        at = self.place(task)
        if self.withdrawn_ns[at] >= 0:
            return
        row, replica = self.plan.stages[task[1]], self.seats[int(self.table.replica[at])]
        if row["lose"] == LOSE_QUEUED and self.is_down(now, replica):
            self.lose(now, task)
            return
        idle = 0 if self.is_down(now, replica) else self.idle(task[1], replica) // int(row["threads"])
        waiting = sum(query >= 0 for query, *_ in self.waiting[replica])
        if not waiting:
            self.in_time[replica] = now
        is_late = row["target_ns"] >= 0 and now - self.in_time[replica] > row["interval_ns"]
        is_late |= bool(row["sharing"]) and self.is_late(now, task)
        if 0 <= row["limit"] <= waiting - idle * int(row["max_size"]) or is_late:
            self.refuse(now, task)
            return
        self.join(now, task)

    def join(self, now: int, task: Task) -> None:
        """It is at its replica, and may be served."""
        at = self.place(task)
        row, replica = self.plan.stages[task[1]], self.seats[int(self.table.replica[at])]
        self.table.enqueue_ns[at] = now
        if row["sharing"]:
            self.gain(now, replica)
            self.table.start_ns[at] = now
            self.together[task] = (1, True)
            self.needs[task] = self.service_ns(task, self.alone[at], self.plan.machine_factor[replica])
            self.sharers[replica][task] = 0
            self.look_ahead(now, replica)
            return
        self.waiting[replica].append(task)
        self.came[task] = len(self.came)
        self.start_soon(now, replica)

    def gain(self, now: int, replica: int) -> None:
        """All that share the workers of a replica gain the same until now."""
        lasts, there = now - self.gained_until[replica], self.sharers[replica]
        self.gained_until[replica] = now
        for task in there:
            there[task] += 1024 * lasts * min(len(there), int(self.plan.stages[task[1]]["workers"])) // len(there)

    def look_ahead(self, now: int, replica: int) -> None:
        """The least that one of them lacks is gained at an instant; what was expected before is not."""
        there = self.sharers[replica]
        self.events = [event for event in self.events if event[1:] != (rules.FINISH, event[2], (replica, -1))]
        heapq.heapify(self.events)
        if there:
            workers = min(len(there), int(self.plan.stages[next(iter(there))[1]]["workers"]))
            lack = min(1024 * self.needs[task] - gained for task, gained in there.items())
            lasts = -(-lack * len(there) // (1024 * workers))
            self.push(now + lasts, rules.FINISH, replica << self.plan.worker_bits, (replica, -1))

    def finish_sharers(self, now: int, replica: int) -> None:
        """Whoever has gained what it needs is done."""
        self.gain(now, replica)
        for task, gained in list(self.sharers[replica].items()):
            if gained >= 1024 * self.needs[task]:
                at = self.place(task)
                del self.sharers[replica][task]
                self.table.finish_ns[at] = self.over_ns[at] = self.release_ns[at] = now
                self.spent[task] = self.needs[task]
                if task in self.own:
                    continue
                self.push(now + self.response[at], rules.ANSWER, self.name(task), (task,))
        self.look_ahead(now, replica)

    def waited(self, task: Task) -> int:
        """Of a task that is done, how long others were served; of one that shares, of what it had not alone."""
        at = self.place(task)
        begin = self.table.start_ns[at]
        if task in self.needs:
            begin = self.table.finish_ns[at] - self.needs[task]
        return int(begin - self.table.enqueue_ns[at])

    def start_soon(self, now: int, replica: int) -> None:
        if (now, replica) not in self.starting:
            self.starting.add((now, replica))
            self.push(now, rules.START, replica, (replica,))

    def start(self, now: int, replica: int) -> None:
        """While workers are free the first of those that wait is served, in batches with others of its stage."""
        if self.waiting[replica] and self.is_down(now, replica):
            self.start_soon(self.down_at(now, replica)[1], replica)
            return
        while self.waiting[replica]:
            stage = self.in_order(self.waiting[replica])[0][1]
            row = self.plan.stages[stage]
            threads, workers = int(row["threads"]), int(row["workers"] * row["threads"] + row["idle"])
            if self.idle(stage, replica) < threads:
                break
            self.drop_late(now, replica)
            if not self.waiting[replica]:
                break
            stage = self.in_order(self.waiting[replica])[0][1]
            row = self.plan.stages[stage]
            mine = [task for task in self.in_order(self.waiting[replica]) if task[1] == stage]
            tasks = self.first_batch(now, stage, mine if row["max_size"] > 1 else mine[:1])
            if not tasks:
                due = int(self.table.enqueue_ns[self.place(mine[0])] + row["max_wait_ns"])
                self.start_soon(due, replica)
                break
            free = sorted(set(range(workers)) - self.held(stage, replica))
            worker, beyond = divmod(free[0], threads)
            assert (beyond, free[:threads]) == (0, list(range(free[0], free[0] + threads))), "they stay together"
            self.busy[replica][worker] = tasks
            self.waiting[replica] = [task for task in self.waiting[replica] if task not in tasks]
            for at in map(self.place, tasks):
                self.table.worker[at], self.table.start_ns[at] = worker, now
            waits = [now - int(self.table.enqueue_ns[self.place(task)]) for task in tasks if task[0] >= 0]
            if waits and min(waits) <= row["target_ns"]:
                self.in_time[replica] = now
            for task in tasks:
                self.untie_others(now, task)
            key = (replica << self.plan.worker_bits) | worker
            took = self.together_ns(tasks, replica, self.slower(tasks[0], replica))
            took = self.until_done(now, took, stage, replica) - now
            self.push(now + took, rules.FINISH, key, (replica, worker))

    def held(self, stage: int, replica: int) -> set[int]:
        """Workers of a replica that are taken, one by one."""
        threads = int(self.plan.stages[stage]["threads"])
        return {first * threads + more for first in self.busy[replica] for more in range(threads)}

    def idle(self, stage: int, replica: int) -> int:
        """Workers of a replica that are free."""
        row = self.plan.stages[stage]
        return int(row["workers"] * row["threads"] + row["idle"]) - len(self.held(stage, replica))

    def wanted(self, task: Task, discipline: int) -> float:
        """What the class of a task's query says: the less, the sooner."""
        query = task[0]
        if query < 0:
            return -float(self.plan.stages[task[1]]["background_priority"]) if discipline == PRIORITY else math.inf
        of = self.class_row(query)
        if discipline == PRIORITY:
            return -float(of["priority"])
        return math.inf if of["deadline_ns"] == NEVER_NS else float(self.plan.arrival_ns[query] + of["deadline_ns"])

    def in_order(self, waiting: list[Task]) -> list[Task]:
        """Who is served first, by the discipline; earlier ones first among equals."""
        discipline = self.plan.stages[waiting[0][1]]["discipline"]
        if discipline == LIFO:
            return waiting[::-1]
        if discipline == SHORTEST:
            return sorted(waiting, key=lambda task: (self.alone[self.place(task)], self.came[task]))
        if discipline in (PRIORITY, EDF):
            return sorted(waiting, key=lambda task: (self.wanted(task, discipline), self.came[task]))
        return waiting

    def first_batch(self, now: int, stage: int, waiting: list[Task]) -> list[Task]:
        """The longest run of tasks from the head on that may go together, if it may go now; else a preferred one."""
        row = self.plan.stages[stage]
        if not waiting:
            return []
        places = [self.place(task) for task in waiting]
        room = self.room(row, waiting)
        waited = now - min(self.table.enqueue_ns[at] for at in places)
        if waited < row["max_wait_ns"] and room == len(waiting) and room < row["max_size"]:
            first = int(row["first_preferred"])
            preferred = self.plan.batch_points[first : first + int(row["preferred"])].tolist()
            room = int(max((size for size in preferred if size <= room), default=0))
        return waiting[:room]

    def slower(self, task: Task, replica: int) -> float:
        """How much longer it takes, beside the busy workers of its machine: its own is among them by now."""
        row = self.plan.stages[task[1]]
        if row["busies"] == 0:
            return 1.0
        others, now = -int(row["threads"]), int(self.table.start_ns[self.place(task)])
        for stage, beside in self.on_machine_of(replica):
            others += 0 if self.is_down(now, beside) else len(self.held(stage, beside))
        factors = self.plan.busy_factor[int(row["first_busy"]) : int(row["first_busy"] + row["busies"])]
        luck, _ = self.uniform(draws.SPREAD, *task)
        spread = float(row["spread"]) * others
        times = max(0.5, 1.0 + spread * (exponential.quantile(1.0, luck) - 1.0)) if spread > 0 else 1.0
        return float(factors[min(others, len(factors) - 1)] * times)

    def on_machine_of(self, replica: int) -> list[tuple[int, int]]:
        """Stage and place of all replicas on the machine of one, of whatever stage."""
        machines: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for stage, row in enumerate(self.plan.stages):
            if row["owner"] != stage:
                continue
            columns = -(-int(row["shards"]) // int(row["per_machine"]))
            for shard in range(int(row["shards"])):
                for index in range(int(row["replicas"])):
                    one = int(row["first_replica"]) + shard * int(row["replicas"]) + index
                    name = int(row["home"]), index * columns + shard // int(row["per_machine"])
                    machines.setdefault(name, []).append((stage, one))
        return next(held for held in machines.values() if any(one == replica for _, one in held))

    def together_ns(self, tasks: list[Task], replica: int, slower: float) -> int:
        """How long they take together, on what it says of each."""
        plan, stage = self.plan, tasks[0][1]
        for number, task in enumerate(tasks):
            self.together[task] = (len(tasks), number == 0)
        row, at = plan.stages[stage], self.place(tasks[0])
        if row["max_size"] == 1 and row["sizes"] == 0:
            return self.service_ns(tasks[0], self.alone[at], plan.machine_factor[replica] * slower)
        items = 0.0
        for task in tasks:
            items += self.items[self.place(task)]
        first = int(row["first_size"])
        compiled = plan.batch_points[first : first + int(row["sizes"])].tolist()
        items = min((size for size in compiled if size >= items), default=items)
        source = self.fleet(stage, tasks[0][2])
        alone = work_rules.cost_ns(plan.sources, plan.knot_items, plan.knot_ns, plan.knot_slope, source, items)
        return self.service_ns(tasks[0], alone, plan.machine_factor[replica] * slower)

    def until_done(self, now: int, work: int, stage: int, replica: int) -> int:
        """When so much work is done that starts now: piece by piece of the time in which all is as slow."""
        first, row = int(self.plan.stages[stage]["first_slowdown"]), self.plan.stages[stage]
        slow = [self.slow_times(stage, replica, which) for which in range(int(row["slowdowns"]))]
        freezes = row["fails"] and row["lose"] == LOSE_NOTHING
        while (slow or freezes) and now < NEVER_NS:
            factor, until = 1.0, NEVER_NS
            if freezes:
                begin, end = self.down_at(now, replica)
                factor, until = (math.inf, end) if begin <= now else (1.0, begin)
            for which, times in enumerate(slow):
                begin, end = next((begin, end) for begin, end in times() if end > now)
                if begin <= now:
                    factor, until = factor * float(self.plan.slowdowns[first + which]["factor"]), min(until, end)
                else:
                    until = min(until, begin)
            if math.isinf(factor):
                now = until
                continue
            if math.ceil(work * factor) <= until - now:
                return now + math.ceil(work * factor)
            work, now = max(1, work - math.floor((until - now) / factor)), until
        return now if slow or freezes else now + work

    def slow_times(self, stage: int, replica: int, which: int) -> Callable[[], Iterator[tuple[int, int]]]:
        """The slow stretches of time of a slowdown, as often as asked for; luck has the name of what is slow."""
        plan, row = self.plan, self.plan.stages[stage]
        one = int(row["first_slowdown"]) + which
        scope = int(plan.slowdowns[one]["scope"])
        owner, number = int(row["home" if scope == OF_MACHINE else "owner"]), int(plan.slowdowns[one]["which"])
        place = self.place_of(stage, replica, scope)
        laws = plan.slowdown_laws, plan.law_parts, plan.law_points

        def times() -> Iterator[tuple[int, int]]:
            end = 0
            for stretch in itertools.count():
                u, v = self.uniform(draws.SLOWDOWN, stretch, owner, place, number)
                begin = end + max(1, rules.round_ns(sampling.quantile(*laws, 2 * one, u)))
                end = begin + rules.round_ns(sampling.quantile(*laws, 2 * one + 1, v))
                yield begin, end

        return times

    def place_of(self, stage: int, replica: int, scope: int) -> int:
        """The name of what is slow, or crashes, as a whole with a replica."""
        row = self.plan.stages[stage]
        shard, index = divmod(replica - self.seats[int(row["first_replica"])], int(row["replicas"]))
        wide = int(row["per_machine"])
        columns = -(-int(row["shards"]) // wide)
        return {
            OF_REPLICA: shard + index * int(row["shards"]),
            OF_MACHINE: shard // wide + index * columns,
            OF_SHARD: shard,
            OF_STAGE: 0,
        }[scope]

    def service_ns(self, task: Task, alone: float, slower: float) -> int:
        """How long it takes what takes so long alone, with its luck."""
        plan, stage = self.plan, task[1]
        law = int(plan.sources[self.fleet(stage, task[2])]["law"])
        if plan.laws[law + TIME]["kind"] != NONE or task in self.own:
            return int(service.service_ns(alone, slower, 1.0))
        luck, _ = self.uniform(draws.TASK, *task)
        factor = sampling.quantile(plan.laws, plan.law_parts, plan.law_points, law + TASK, luck)
        return int(service.service_ns(alone, slower, factor))

    def finish(self, now: int, replica: int, worker: int) -> None:
        if worker < 0:
            self.finish_sharers(now, replica)
            return
        tasks = self.busy[replica][worker]
        after = self.after_ns(tasks[0])
        for task in tasks:
            at = self.place(task)
            self.over_ns[at], self.after[at] = now, after or 0
            if self.withdrawn_ns[at] >= 0:
                continue
            self.table.finish_ns[at] = now
            self.queued[task] = len(self.waiting[replica])
            if task in self.own:
                continue
            self.push(now + self.response[at], rules.ANSWER, self.name(task), (task,))
        row = self.plan.stages[tasks[0][1]]
        is_measured = any(query >= self.plan.first_measured for query, *_ in tasks)
        if is_measured and (row["max_size"] > 1 or row["sizes"] > 0):
            self.batches[int(row["first_batch"]) + len(tasks) - 1] += 1
        if after is None:
            self.release(now, replica, worker)
        else:
            self.push(now + after, rules.RELEASE, (replica << self.plan.worker_bits) | worker, (replica, worker))

    def after_ns(self, task: Task) -> int | None:
        """How long a worker stays taken by a batch with this head when its answers have gone; None: it does not."""
        plan, law = self.plan, task[1] * ROLES + AFTER
        if plan.laws[law]["kind"] == NONE:
            return None
        if task in self.own:
            return 0
        luck, _ = self.uniform(draws.AFTER, *task)
        return int(rules.round_ns(sampling.quantile(plan.laws, plan.law_parts, plan.law_points, law, luck)))

    def release(self, now: int, replica: int, worker: int) -> None:
        for at in map(self.place, self.busy[replica].pop(worker)):
            if self.table.finish_ns[at] >= 0:
                self.release_ns[at] = now
        self.start_soon(now, replica)

    def answer(self, now: int, task: Task) -> None:
        (query, stage, shard, _), row, at = task, self.plan.stages[task[1]], self.place(task)
        if routing.is_load_aware(row["counts"]):
            self.outstanding[self.counter[at]] -= self.weight[at]
        if task in self.lost:
            self.told_lost(now, task)
            return
        if row["counts"] == C3 and task not in self.refused:
            self.hear_all(now, task)
        if row["counts"] in (PEAK_EWMA, ADAPTIVE) and task not in self.refused:
            sent = self.table.enqueue_ns[at] - int(row["request_ns"])
            self.hear(now, self.counter[at], int(now - sent), int(row["decay_ns"]))
        answered = self.answered[stage, query]
        if task in self.refused:
            is_open = self.close[stage, query] < 0 and shard not in answered
            self.told.add(task)
            if is_open and not self.hoped_for(query, stage):
                self.closed(now, query, stage)
            return
        self.table.answer_ns[at] = now
        if self.close[stage, query] >= 0 or shard in answered:
            self.late[at] = True
            return
        answered.append(shard)
        index = int(self.table.replica[at] - row["first_replica"]) % int(row["replicas"])
        self.won.setdefault((stage, query), {})[shard] = index
        self.first_answer[query, self.column(stage, shard)] = now
        self.call_back(now, [one for one in self.copies(query, stage, shard) if one != task])
        left = self.hoped_for(query, stage)
        if left and len(answered) != self.enough(query, stage):
            return
        if left and row["then"] >= 0:
            rest = int(row["then"] * (self.deadline[stage, query] - now))
            self.wait_until(now + max(1, rest), query, stage)
            return
        enqueue, finish, wait = self.table.enqueue_ns[at], self.table.finish_ns[at], self.waited(task)
        self.critical_enqueue[stage, query] = enqueue
        self.critical[:, stage, query] = (shard, wait, finish - enqueue - wait, now - finish)
        self.closed(now, query, stage)

    def hoped_for(self, query: int, stage: int) -> list[int]:
        """Shards that may still answer: they have not, and not all that was sent there is known to come to nothing."""
        return [
            shard
            for shard in range(int(self.plan.stages[stage]["shards"]))
            if shard not in self.answered[stage, query]
            and any(not self.is_over(copy) for copy in self.copies(query, stage, shard))
        ]

    def is_over(self, task: Task) -> bool:
        """No answer of it will count: it was refused, as is known by now, or never starts."""
        at = self.place(task)
        return task in self.told or (self.withdrawn_ns[at] >= 0 and self.table.start_ns[at] < 0)

    def wait_until(self, instant: int, query: int, stage: int) -> None:
        if self.deadline.get((stage, query)) != instant:
            self.deadline[stage, query] = instant
            self.push(instant, rules.TIMEOUT, (query << self.plan.stage_bits) | stage, (query, stage))

    def timeout(self, now: int, query: int, stage: int) -> None:
        if self.close[stage, query] < 0 and self.deadline[stage, query] == now:
            self.closed(now, query, stage)

    def closed(self, now: int, query: int, stage: int) -> None:
        row, answered = self.plan.stages[stage], self.answered[stage, query]
        self.close[stage, query] = now
        columns = [self.column(stage, shard) for shard in answered]
        self.answers[stage, query] = (self.first_answer[query, columns] - self.enter[stage, query]).sum()
        covered = 0.0
        for column in columns:
            covered += self.plan.share[column]
        self.count[stage, query] = len(answered)
        visited = self.visited(query, stage)
        scored = self.share_of(stage, visited)
        self.coverage[stage, query] = 1.0
        if len(answered) < len(visited):
            self.coverage[stage, query] = covered / scored if scored else 0.0
        outcome = COMPLETE if len(answered) >= self.enough(query, stage) else PARTIAL if answered else FAILED
        self.outcome[stage, query] = outcome
        for shard in range(int(row["shards"])):
            if shard not in answered:
                self.call_back(now, self.copies(query, stage, shard))
        if outcome == FAILED and now > self.limit(query):
            self.ended[query] = TIMED_OUT
        elif outcome == FAILED:
            self.ended[query] = FAILED
            self.over(now, query)
        elif row["mergers"] and self.merges[stage] == row["mergers"]:
            self.merging[stage].append(query)
        else:
            self.merge(now, query, stage)

    def copies(self, query: int, stage: int, shard: int) -> list[Task]:
        """All that were sent of a task."""
        tasks = [(query, stage, shard, copy) for copy in range(int(self.plan.stages[stage]["sendings"]))]
        return [task for task in tasks if self.table.replica[self.place(task)] >= 0]

    def call_back(self, now: int, tasks: list[Task]) -> None:
        """Nobody needs these any more."""
        for task in tasks:
            row = self.plan.stages[task[1]]
            if row["cancels"] != CANCEL_NOTHING:
                self.push(now + int(row["cancel_ns"]), rules.WITHDRAW, self.name(task), (task,))

    def untie_others(self, now: int, task: Task) -> None:
        """It has started: its tied copies that have not are told, unless nobody waits for any of them."""
        (query, stage, shard, _), row = task, self.plan.stages[task[1]]
        if row["hedges"] == 0 or row["hedge_ns"] > 0 or query < 0:
            return
        if self.close[stage, query] >= 0 or shard in self.answered[stage, query]:
            return
        for other in self.copies(query, stage, shard):
            at = self.place(other)
            is_there = self.table.start_ns[at] < 0 and self.withdrawn_ns[at] < 0
            is_there = is_there and other not in self.refused and other not in self.lost
            if is_there and other not in self.untied:
                self.untied.add(other)
                self.push(now + int(row["cancel_ns"]), rules.UNTIE, self.name(other), (other,))

    def untie(self, now: int, task: Task) -> None:
        """Another copy has started: if this one has not, it never does."""
        if self.table.start_ns[self.place(task)] < 0:
            self.withdraw(now, task)

    def merge(self, now: int, query: int, stage: int) -> None:
        self.merges[stage] += 1
        duration = rules.merge_ns(self.plan.stages, stage, len(self.answered[stage, query]))
        self.push(now + duration, rules.MERGED, (query << self.plan.stage_bits) | stage, (query, stage))

    def merged(self, now: int, query: int, stage: int) -> None:
        if (query, stage) in self.hits:
            self.hit(now, query, stage)
            return
        self.merges[stage] -= 1
        if self.plan.stages[stage]["cached"] and self.outcome[stage, query] == COMPLETE:
            self.put_in(query, stage)
        if self.merging[stage]:
            self.merge(now, self.merging[stage].pop(0), stage)
        self.goes_on(now, query, stage)

    def goes_on(self, now: int, query: int, stage: int) -> None:
        """A query leaves a stage, or passes it by."""
        self.leave[stage, query] = now
        if now > self.limit(query):
            self.ended[query] = TIMED_OUT
            return
        if stage + 1 == len(self.plan.stages):
            self.ended[query] = PARTIAL if (self.outcome[:, query] == PARTIAL).any() else COMPLETE
            self.over(now, query)
        if stage + 1 < len(self.plan.stages):
            self.push(now, rules.DISPATCH, (query << self.plan.stage_bits) | (stage + 1), (query, stage + 1))

    def withdraw(self, now: int, task: Task) -> None:
        """It has not started and never does; or it runs, and its worker is free if nobody else needs it."""
        row, at = self.plan.stages[task[1]], self.place(task)
        is_running = self.table.start_ns[at] >= 0
        is_over = self.table.finish_ns[at] >= 0 or self.withdrawn_ns[at] >= 0
        is_over = is_over or task in self.refused or task in self.lost
        if is_over or (is_running and row["cancels"] != CANCEL_RUNNING):
            return
        self.withdrawn_ns[at] = now
        replica, worker = self.seats[int(self.table.replica[at])], int(self.table.worker[at])
        if routing.is_load_aware(row["counts"]):
            self.outstanding[self.counter[at]] -= self.weight[at]
        if row["counts"] in (PEAK_EWMA, ADAPTIVE, C3) and self.table.enqueue_ns[at] >= 0:
            waited = int(now - self.table.enqueue_ns[at] + row["request_ns"])
            if waited > self.left(now, task[1], self.counter[at]):  # so long, and no answer
                self.heard[self.counter[at]] = waited, now
        if not is_running:
            self.waiting[replica] = [other for other in self.waiting[replica] if other != task]
            self.start_soon(now, replica)  # of several stages' tasks another may be the first now
            return
        if row["sharing"]:
            self.gain(now, replica)
            self.spent[task] = self.sharers[replica].pop(task) // 1024
            self.over_ns[at] = now
            self.look_ahead(now, replica)
            return
        tasks = self.busy[replica][worker]
        places = [self.place(one) for one in tasks]
        if all(self.withdrawn_ns[place] >= 0 for place in places):
            del self.busy[replica][worker]
            self.never_finishes(replica, worker)
            for place in places:
                self.over_ns[place] = now
            self.start_soon(now, replica)

    def never_finishes(self, replica: int, worker: int) -> None:
        """What a worker serves is not finished when it was to be."""
        self.events = [event for event in self.events if event[1:] != (rules.FINISH, event[2], (replica, worker))]
        heapq.heapify(self.events)

    def written(self) -> Trace:
        plan, table = self.plan, self.table
        busy = self.over_ns - table.start_ns
        columns = {name: np.zeros(plan.replicas, dtype=np.int64) for name in COUNTERS}
        columns["window_busy_ns"] = self.inside()
        last = min(plan.window_end_ns, int(plan.arrival_ns[-1]) + plan.drain_ns)
        for replica in filter(self.is_failing, range(plan.replicas)):
            spans = itertools.takewhile(lambda span: span[0] < last, self.times_down(replica))
            down = [min(end, last) - max(begin, plan.window_begin_ns) for begin, end in spans]
            columns["down_ns"][replica] = sum(max(0, span) for span in down)
        for query, column in np.argwhere(table.replica >= 0).tolist():
            at, replica = (query, column), table.replica[query, column]
            if query in self.owner:
                if plan.window_begin_ns <= self.over_ns[at] < plan.window_end_ns:
                    threads = int(plan.stages[self.owner[query][1]]["threads"])
                    columns["background"][replica] += 1
                    columns["background_ns"][replica] += self.spent.get(self.owner[query], busy[at]) * threads
                continue
            if query < plan.first_measured:
                continue
            if self.withdrawn_ns[at] >= 0 and table.start_ns[at] < 0:
                columns["withdrawn"][replica] += 1
            task = self.task(query, column)
            columns["hedged"][replica] += task in self.hedged
            columns["resent"][replica] += task[3] > 0 and task not in self.hedged
            columns["lost"][replica] += task in self.lost
            columns["refused"][replica] += self.task(query, column) in self.refused
            if self.over_ns[at] < 0:
                continue
            size, leads = self.together[self.task(query, column)]
            spent, after = (of[at] // size + leads * (of[at] % size) for of in (busy, self.after))
            spent = self.spent.get(self.task(query, column), spent) + after
            columns["busy_ns"][replica] += spent
            if task in self.lost:
                columns["lost_ns"][replica] += spent
                columns["wasted_ns"][replica] += spent
                continue
            if self.withdrawn_ns[at] >= 0:
                columns["stopped"][replica] += 1
                columns["stopped_ns"][replica] += spent
                columns["wasted_ns"][replica] += spent
                continue
            columns["tasks"][replica] += 1
            columns["after_ns"][replica] += after
            wait = self.waited(self.task(query, column))
            columns["waiting_ns"][replica] += wait
            columns["longest_wait_ns"][replica] = max(columns["longest_wait_ns"][replica], wait)
            columns["late"][replica] += self.late[at]
            columns["wasted_ns"][replica] += spent * self.late[at]
        limits = np.array([self.limit(query) for query in range(plan.queries)])
        is_late = limits <= min(self.end, NEVER_NS - 1)
        self.ended[is_late & (self.ended == UNFINISHED)] = TIMED_OUT
        rows = len(plan.stages) if may_differ(plan) or (self.ended == SHED).any() else 0
        return Trace(
            plan.arrival_ns,
            plan.client_of,
            self.ended.astype(np.int8),
            plan.query_of,
            plan.shed if admission.may_shed_itself(plan) else plan.shed[:0],
            np.where(limits < NEVER_NS, limits, -1) if (limits < NEVER_NS).any() or plan.drops else limits[:0],
            plan.provided,
            plan.first_measured,
            plan.measured,
            plan.window_begin_ns,
            plan.window_end_ns,
            self.close,
            self.leave,
            self.given,
            self.critical[0].astype(np.int32),
            self.critical_enqueue,
            *self.critical[1:3],
            self.by_source(),
            self.answers,
            self.outcome[:rows].astype(np.int8),
            self.count[:rows],
            self.coverage[:rows],
            batches=np.array(self.batches, dtype=np.int64),
            **self.tables(),
            events=0,
            **columns,
        )

    def by_source(self) -> Any:
        """(sources beside others, queries) when the last shard of each answered that counts."""
        plan, rows = self.plan, []
        for stage, row in enumerate(plan.stages):
            for source in sources_of(plan.stages, stage) if row["sources"] > 1 else ():
                shards = [shard for shard in range(int(row["shards"])) if self.fleet(stage, shard) == source]
                last = self.first_answer[: plan.queries, [self.column(stage, shard) for shard in shards]].max(axis=1)
                rows.append(np.where(self.close[stage] < 0, -1, last))
        return np.array(rows, dtype=np.int64).reshape(-1, plan.queries)

    def task(self, query: int, column: int) -> Task:
        """Who has this place."""
        if query in self.owner:
            return self.owner[query]
        copy, column = divmod(column, self.plan.shards)
        stage = int(np.searchsorted(self.plan.stages["first_shard"], column, side="right")) - 1
        return query, stage, column - int(self.plan.stages[stage]["first_shard"]), copy

    def inside(self) -> Any:
        """(replicas,) busy time in the window: the area below the number of workers that are taken, step by step."""
        plan, table = self.plan, self.table
        busy = np.zeros(plan.replicas, dtype=np.int64)
        last = min(plan.window_end_ns, int(plan.arrival_ns[-1]) + plan.drain_ns)
        for replica in range(plan.replicas):
            mine = (table.replica == replica) & (table.start_ns >= 0)
            free = np.where(self.over_ns < 0, last, self.over_ns + self.after)
            columns = table.start_ns, table.worker, free
            batches = [tuple(int(of[at]) for of in columns) for at in map(tuple, np.argwhere(mine))]
            row = plan.stages[np.searchsorted(plan.stages["first_replica"], replica, "right") - 1]
            served = batches if row["sharing"] else set(batches)  # each batch once
            threads, most = int(row["threads"]), int(row["workers"] * row["threads"])
            steps = sorted([(at, threads) for at, _, _ in served] + [(at, -threads) for _, _, at in served])
            serving, since = 0, plan.window_begin_ns
            for at, step in [*steps, (last, 0)]:
                until = min(max(at, since), max(last, since))
                busy[replica] += min(serving, most) * (until - since)
                serving, since = serving + step, until
        return busy

    def tables(self) -> dict[str, Tasks | None]:
        """The tables, a row a task that was sent, or came."""
        table, rows = self.table, []
        for query, column in np.argwhere(table.replica >= 0).tolist():
            at, task = (query, column), self.task(query, column)
            happened = table.enqueue_ns, table.start_ns, table.finish_ns, table.answer_ns
            enqueue, start, finish, answer = instants = [int(one[at]) for one in happened]
            state = (SENT, QUEUED, RUNNING, ANSWERING, DONE)[sum(instant >= 0 for instant in instants)]
            state = DONE if task in self.own and finish >= 0 else state
            gone = int(self.withdrawn_ns[at])
            state = WITHDRAWN if gone >= 0 else state
            gone, state = (self.refused[task], REFUSED) if task in self.refused else (gone, state)
            gone, state = (self.lost[task], LOST) if task in self.lost else (gone, state)
            batch, _ = self.together.get(task, (0, False))
            rows.append(
                (
                    *(*task, batch, int(table.replica[at]), int(table.worker[at])),
                    *(enqueue, start, finish, int(self.release_ns[at]), answer, gone, state),
                )
            )
        return Tasks.both(self.plan, np.array(rows, dtype=np.int64).T)
