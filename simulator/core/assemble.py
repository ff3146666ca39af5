"""Put a Plan together: stages laid out once as a System, then completed by the machines and the load of a replication.

The planner and the tests' hand-made plans come through here, so an engine never meets a Plan that breaks the rules.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from simulator.core import plan as plans
from simulator.core.admission import DOOR
from simulator.core.background import LAST
from simulator.core.caches import Cache, cache_columns, check_caches
from simulator.core.checked import check_part
from simulator.core.classes import ALIKE
from simulator.core.colocated import share_machines
from simulator.core.failures import Failures, columns_of
from simulator.core.gathering import AT_ONCE
from simulator.core.hedging import FREE
from simulator.core.hosted import keep_whose_answers_counted, look_together, take_place, without_lists
from simulator.core.laws import Law, LawTable
from simulator.core.limits import UNLIMITED
from simulator.core.optional import check_optional
from simulator.core.outages import Outage, outage_rows
from simulator.core.plan import F8, I8, Plan, Rule, System, frozen
from simulator.core.retrying import PATIENCE
from simulator.core.scaling import SCALING, nothing_provided
from simulator.core.slowdowns import SLOWDOWN, Slowdown, slowdown_rows
from simulator.core.sources import SourceParts, source_rows
from simulator.core.window import window_of

ONE, ZERO, ABSENT = Law.constant(1.0), Law.constant(0.0), Law.none()
NOBODY_THINKS = LawTable.of([ABSENT]).laws

#: What the counters of the draws and SimPy's integers can hold.
MOST_QUERIES, MOST_PLACES = 2**32, 2**24


class PlanTooLarge(ValueError):
    """A plan does not fit the keys of events or the counters of draws; the message names the size."""


@dataclass(frozen=True)
class StageParts:
    """One stage as the planner sees it; durations in ns. Defaults: one exact, idle, central server."""

    share: Sequence[float] = (1.0,)  #: of each shard; sums to 1
    sources: Sequence[SourceParts] = ()  #: blocks of its shards, which say what follows of candidates, time, machines
    taken: float = 1.0  #: share of the queries that take it
    cache: Cache | None = None
    owner: int = -1  #: place of an earlier stage at whose replicas its tasks run (``hosted``); -1: at its own
    follows: bool = False  #: they go to the replicas whose answers counted there
    replicas: int = 1
    left: Sequence[int] = ()  #: of each shard, replicas that take tasks, the first ones; none: all of them
    workers: int = 1  #: each of as many as a task takes at once
    threads: int = 1  #: so many
    idle: int = 0  #: workers of a replica that are left over
    discipline: int = plans.FIFO  #: of the replicas' queues
    limit: int = UNLIMITED  #: tasks that wait in one, at most
    target_ns: int = UNLIMITED  #: who comes is refused where nobody that started waited so long at most
    interval_ns: int = 0  #: for so long
    sharing: bool = False  #: tasks share the workers of their replica, in place of a queue
    max_size: int = 1  #: tasks of a batch, at most
    max_wait_ns: int = 0
    max_items: float = math.inf  #: effective items of a batch, at most
    preferred: Sequence[int] = ()  #: sizes of batches that need not wait
    sizes: Sequence[float] = ()  #: items that a batch is padded to, growing
    visits: Law = ABSENT  #: of how many shards a query visits; absent: all
    key: Law = ABSENT  #: whose luck says which; absent: the query's own
    wait_for: int | None = None  #: answers that close the stage; None: all
    wait_parts: int = 0  #: of so many parts of the visited shards it waits for ``wait_for``; 0: that is a number
    timeout_ns: int = plans.NEVER_NS  #: after its entering it closes with what is there
    then: float = AT_ONCE  #: with enough answers it waits for this share of the time left
    cancels: int = plans.CANCEL_NOTHING  #: what is withdrawn when it has closed
    cancel_ns: int = 1  #: until a withdrawal is at a replica
    hedges: int = 0  #: copies of a task that has no answer, at most
    hedge_ns: int = plans.NEVER_NS  #: after the dispatch of its query, and between two copies; 0: with it, and tied
    budget: int = FREE  #: millionths of a copy that a task pays for
    home: int = -1  #: place of an earlier stage on whose machines its replicas are (``colocated``); -1: on its own
    per_machine: int = 1  #: neighbouring shards whose replicas of one index share a machine
    busy: Sequence[float] = ()  #: factors by 0, 1, ... other busy workers of the machine; beyond, the last; none: 1
    spread: float = 0.0  #: of a service, by each of them
    slowdowns: Sequence[Slowdown] = ()
    outages: Sequence[Outage] = ()
    failures: Failures | None = None
    knots: Sequence[tuple[float, float, float]] = ((0.0, 0.0, 0.0),)  #: (items, ns, ns an item beyond), first at 0
    time: Law = ABSENT  #: of a time besides the cost by items; then task is not used
    task: Law = ONE
    machine: Law = ONE
    response: Law = ZERO
    after: Law = ABSENT  #: how long a worker stays taken when its answer has gone; absent: it is free at once
    background_gap: Law = ABSENT  #: between tasks of a replica's own; absent: it has none; and how long they take
    background_time: Law = ABSENT
    background_priority: float = LAST  #: of these
    candidates: Law = ABSENT  #: the stage's own count
    by_class: Sequence[Law] = ()  #: likewise for queries of each class; absent: as of the others; none: of all
    hashed: bool = False
    keep: float = math.inf
    policy: int = plans.RANDOM
    rule: Rule | None = None  #: the user's, where that is the policy
    balancers: int = 1
    by_query: bool = False
    clients: int = 1
    decay_ns: int = plans.DECAY_NS
    request_ns: int = 0
    send_ns: int = 0
    merge_ns: int = 0
    merge_per_response_ns: int = 0
    mergers: int = 0

    @property
    def laws(self) -> tuple[Law, ...]:
        """Its laws, in the order of their roles."""
        first = self.sources[0] if self.sources else self
        of_queries = first.candidates, first.time, first.task, self.response, first.machine, self.after
        spells = (ABSENT, ABSENT) if self.failures is None else (self.failures.every, self.failures.repair)
        return *of_queries, self.visits, self.key, self.background_gap, self.background_time, *spells

    @property
    def is_given(self) -> bool:
        """Whether what earlier stages hand on is scored here, in some source at least."""
        return not all(one.candidates.kind for one in self.sources or (self,))

    @property
    def is_batched(self) -> bool:
        """Whether a task's service depends on what is served together with it."""
        return self.max_size > 1 or len(self.sizes) > 0


#: Columns of a stage that are numbers of its parts, as they are.
PLAIN = [name for name in plans.STAGE.names or () if isinstance(getattr(StageParts, name, None), int | float)]


def assemble(
    parts: Sequence[StageParts],
    arrival_ns: I8,
    work: F8 | None = None,
    *,
    seed: int = 0,
    replication: int = 0,
    first_measured: int = 0,
    drain_ns: int = plans.NEVER_NS,
    arrival_kind: int = plans.ARRIVE_POISSON,
    arrival_dispersion: float = 1.0,
    rate_per_s: float = 1.0,
    work_law: Law = ONE,
    machine_factor: F8 | None = None,
) -> Plan:
    """Return the Plan of these stages and queries; the parameters are those of ``lay_out`` and ``complete``.

    The window is that of a number of queries.
    """
    return complete(
        lay_out(parts, work_law),
        arrival_ns,
        work,
        seed=seed,
        replication=replication,
        first_measured=first_measured,
        drain_ns=drain_ns,
        arrival_kind=arrival_kind,
        arrival_dispersion=arrival_dispersion,
        rate_per_s=rate_per_s,
        machine_factor=machine_factor,
    )


def lay_out(parts: Sequence[StageParts], work_law: Law = ONE, class_works: Sequence[Law] = ()) -> System:
    """Return what is the same in every replication and at every load; ``class_works``: work factors of each class."""
    assert parts and not parts[0].is_given, "a plan has stages, and the first stage states its candidates"
    for part in parts:
        check_part(part)
    parts = without_lists(parts)
    stages = np.zeros(len(parts), dtype=plans.STAGE)
    slow = [law for part in parts for one in part.slowdowns for law in (one.every, one.length)]
    sources, more_laws, knots, source_share = source_rows(parts)
    shard = replica = view = source = point = batch = busy = slowdown = outage = 0
    for index, (row, part) in enumerate(zip(stages, parts, strict=True)):
        count = len(part.share)
        for name, value in (_plain(part) | columns_of(part) | cache_columns(part.cache)).items():
            row[name] = value
        row["shards"], row["first_shard"], row["first_replica"], row["first_view"] = count, shard, replica, view
        row["first_source"], row["sources"] = source, len(part.sources) or 1
        row["uneven"] = min(part.left, default=part.replicas) < part.replicas
        row["first_preferred"], row["preferred"] = point, len(part.preferred)
        row["first_size"], row["sizes"] = point + len(part.preferred), len(part.sizes)
        row["wait_for"], row["fans_out"] = part.wait_for or part.wait_parts or count, part.visits.kind != plans.NONE
        row["first_busy"], row["busies"], row["first_batch"] = busy, len(part.busy), batch
        row["first_slowdown"], row["slowdowns"] = slowdown, len(part.slowdowns)
        row["first_outage"], row["outages"] = outage, len(part.outages)
        if part.owner in (-1, index):
            row["owner"] = index
            view += count * part.replicas * part.balancers
        else:
            take_place(stages, index, part)
        shard, replica, source = shard + count, replica + count * part.replicas, source + int(row["sources"])
        point, busy = point + len(part.preferred) + len(part.sizes), busy + len(part.busy)
        slowdown, outage = slowdown + len(part.slowdowns), outage + len(part.outages)
        batch += part.max_size if part.is_batched else 0
    share_machines(stages, parts)
    look_together(stages)
    keep_whose_answers_counted(stages)
    laws = [*(law for part in parts for law in part.laws), *more_laws]
    table, end = LawTable.of([*laws, work_law, *class_works, *slow]), len(laws) + 1 + len(class_works)
    return System(
        stages=frozen(stages),
        laws=frozen(table.laws[: len(laws)]),
        work_law=frozen(table.laws[len(laws) : len(laws) + 1]),
        think_law=NOBODY_THINKS,
        law_parts=table.parts,
        law_points=table.points,
        share=frozen([share for part in parts for share in part.share], np.float64),
        sources=frozen(sources),
        source_share=frozen(source_share, np.float64),
        left=frozen([left for part in parts for left in part.left or (part.replicas,) * len(part.share)], np.int64),
        knot_items=frozen(knots[:, 0]),
        knot_ns=frozen(knots[:, 1]),
        knot_slope=frozen(knots[:, 2]),
        batch_points=frozen([size for part in parts for size in (*part.preferred, *part.sizes)], np.float64),
        busy_factor=frozen([factor for part in parts for factor in part.busy], np.float64),
        slowdowns=frozen([row for part in parts for row in slowdown_rows(part.slowdowns)], SLOWDOWN),
        class_works=frozen(table.laws[len(laws) + 1 : end]),
        slowdown_laws=frozen(table.laws[end:]),
        outages=outage_rows([part.outages for part in parts]),
        classes=ALIKE,
        rules=tuple(part.rule for part in parts),
        **_widths(parts, shard, replica),
    )


def _plain(part: StageParts) -> dict[str, Any]:
    return {name: getattr(part, name) for name in PLAIN}


def _widths(parts: Sequence[StageParts], shards: int, replicas: int) -> dict[str, int]:
    """Bits of what the keys of events are packed of."""
    return {
        "stage_bits": bits_for(len(parts)),
        "shard_bits": bits_for(shards),
        "replica_bits": bits_for(replicas),
        "worker_bits": bits_for(max(part.workers for part in parts)),
        "copy_bits": bits_for(max(columns_of(part)["sendings"] for part in parts)),
    }


def complete(
    system: System,
    arrival_ns: I8,
    work: F8 | None = None,
    *,
    seed: int = 0,
    replication: int = 0,
    first_measured: int = 0,
    window_ns: tuple[int, int] | None = None,
    drain_ns: int = plans.NEVER_NS,
    arrival_kind: int = plans.ARRIVE_POISSON,
    arrival_dispersion: float = 1.0,
    rate_per_s: float = 1.0,
    machine_factor: F8 | None = None,
) -> Plan:
    """Return the Plan of a system with the queries of a replication; all from ``first_measured`` on are measured.

    ``machine_factor``: (all replicas,) float64; all ones if not given. ``window_ns``: begin and end of the window, of
    a run of a duration; else that of a number of queries.

    Raises
    ------
    PlanTooLarge
        If a count exceeds what an event key or a draw's counter can hold.
    """
    queries = len(arrival_ns)
    assert 0 <= first_measured < queries, "at least one query is measured"
    assert arrival_ns[0] >= 0 and bool(np.all(arrival_ns[1:] >= arrival_ns[:-1])), "arrivals are sorted"
    check_sizes(system, queries)
    check_optional(system)
    check_caches(system)
    begin_ns, until_ns = window_of(arrival_ns, first_measured) if window_ns is None else window_ns
    assert 0 <= begin_ns <= min(until_ns, arrival_ns[first_measured]), "what is measured arrives inside the window"
    return Plan(
        **{field.name: getattr(system, field.name) for field in fields(System)},
        seed=seed,
        replication=replication,
        machine_factor=frozen(np.ones(system.replicas) if machine_factor is None else machine_factor, np.float64),
        arrival_kind=arrival_kind,
        arrival_dispersion=arrival_dispersion,
        rate_per_s=rate_per_s,
        first_measured=first_measured,
        measured=queries - first_measured,
        window_begin_ns=begin_ns,
        window_end_ns=until_ns,
        drain_ns=drain_ns,
        clients=0,
        client_of=frozen(np.zeros(0), np.int64),
        open_ns=frozen(np.zeros(0), np.int64),
        door=frozen(np.zeros(0), DOOR),
        shed=frozen(np.zeros(0), np.int8),
        patience=frozen(np.zeros(0), PATIENCE),
        query_of=frozen(np.zeros(0), np.int64),
        scaling=frozen(np.zeros(0), SCALING),
        provided=nothing_provided(),
        arrival_ns=frozen(arrival_ns, np.int64),
        work=frozen(np.ones(queries) if work is None else work, np.float64),
        class_of=frozen(np.zeros(0), np.int64),
        query_bits=bits_for(queries),
        send_bits=bits_for(queries * system.tasks),
    )


def check_sizes(system: System, queries: int) -> None:
    """Raise PlanTooLarge where the keys of events or the counters of draws would overflow."""
    query_bits = bits_for(queries)
    keys = {
        "queries x shards of all stages": query_bits + system.shard_bits + system.copy_bits,
        "replicas x tasks of a run": system.replica_bits + bits_for(queries * system.tasks),
        "replicas x workers": system.replica_bits + system.worker_bits,
        "queries x stages": query_bits + system.stage_bits,
    }
    for name, width in keys.items():
        if width > plans.KEY_BITS:
            raise PlanTooLarge(f"{name} needs {width} bits in the key of an event, which has {plans.KEY_BITS}")
    if queries > MOST_QUERIES:
        raise PlanTooLarge(f"{queries} queries a replication; at most {MOST_QUERIES} have random numbers of their own")
    if len(system.stages) > 255:
        raise PlanTooLarge(f"{len(system.stages)} stages; at most 255 have random numbers of their own")
    for stage, places in enumerate((system.stages["shards"] * system.stages["replicas"]).tolist()):
        if places > MOST_PLACES:
            raise PlanTooLarge(
                f"stages[{stage}] has {places} replicas; at most {MOST_PLACES} have random numbers of their own"
            )


def bits_for(count: int) -> int:
    """Number of bits that hold the indices 0 .. count - 1.

    >>> bits_for(1), bits_for(2), bits_for(1000)
    (0, 1, 10)
    """
    return max(0, count - 1).bit_length()


def smallest_plan(**parts: Any) -> Plan:
    """One query at one server, but for what is said of its ``StageParts``: to compile an engine with."""
    part = StageParts(**{"candidates": ONE, **parts})
    return assemble([part], np.zeros(1, dtype=np.int64))
