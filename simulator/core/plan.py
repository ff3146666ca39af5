"""The Plan: a flat, immutable, fully resolved form of one replication of a scenario, the only input of an engine.

Names are indices, durations are int64 nanoseconds, models are piecewise-linear tables. Per-stage scalars are columns of
one structured array, ``stages``; lists of different length per stage are concatenated, with each one's offset there. A
structured array is a single argument of a rule: forty arrays cost ten microseconds a call and seconds of compilation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.core.window import window_of

I8 = NDArray[np.int64]
F8 = NDArray[np.float64]
#: Rows of a structured array, of a dtype below or of an engine's.
Rows = NDArray[np.void]

#: Kinds of a law that are looked at besides sampling; all are codes of families: ``laws.sampling.FAMILIES``.
NONE, CONSTANT = range(2)

#: The laws of a stage, in the order of their rows: ``laws[stage * ROLES + role]``.
CANDIDATES, TIME, TASK, RESPONSE, MACHINE, AFTER, VISITS, KEY, BACKGROUND_GAP, BACKGROUND_TIME, UP, DOWN = range(12)
ROLES = 12

RANDOM, ROUND_ROBIN, LEAST_OUTSTANDING, LEAST_WORK, POWER_OF_TWO, PEAK_EWMA, ADAPTIVE, C3 = range(8)  #: policies
#: A rule of the user's, which looks at nothing, at tasks outstanding, at ns of work outstanding, or at latency.
PLUGGED, PLUGGED_OUTSTANDING, PLUGGED_WORK, PLUGGED_LATENCY = range(8, 12)
#: How long it takes until what is heard of a replica is forgotten to 1/e, unless said.
DECAY_NS = 10_000_000_000
FIFO, LIFO, SHORTEST, PRIORITY, EDF = range(5)  #: disciplines of a queue
CANCEL_NOTHING, CANCEL_QUEUED, CANCEL_RUNNING = range(3)  #: what is withdrawn of tasks that nobody needs any more
LOSE_NOTHING, LOSE_RUNNING, LOSE_QUEUED = range(3)  #: what a crash of a replica loses; what waits, besides what runs
OF_REPLICA, OF_MACHINE, OF_SHARD, OF_STAGE = range(4)  #: what is slow, or crashes, as a whole

#: Kinds of arrivals, for the theory line; an engine sees only ``arrival_ns``.
ARRIVE_CONSTANT, ARRIVE_POISSON, ARRIVE_TRACE, ARRIVE_GAMMA, ARRIVE_MMPP, ARRIVE_PLUGGED, ARRIVE_CLOSED = range(7)

#: No cut of the drain: later than any instant of a run, far from overflow.
NEVER_NS = 2**62

LAW = np.dtype(
    [
        ("kind", np.int64),
        ("a", np.float64),
        ("b", np.float64),
        ("c", np.float64),
        ("first", np.int64),  # of its table, or a mixture's cumulated shares, in law_points
        ("count", np.int64),  # points of the table (cumulated probabilities, where as many values follow), or parts
        ("part", np.int64),  # a mixture's first part, in law_parts
    ]
)

STAGE = np.dtype(
    [
        ("owner", np.int64),  # the stage at whose replicas its tasks run; itself, but of a guest
        ("follows", np.int64),  # 1: its tasks go to the replicas whose answers counted there
        ("first_won", np.int64),  # of these replicas, by shard, in what is kept of a query for others; -1: nothing is
        ("taken", np.float64),  # share of the queries that take it; 1: all
        ("cached", np.int64),  # keys that its cache holds; 0: it has none
        ("catalogue", np.int64),  # keys that there are
        ("popularity", np.float64),  # exponent of their Zipf law
        ("hit_ns", np.int64),  # after which a hit is left
        ("hit_ends", np.int64),  # 1: and the query is over then
        ("cold", np.int64),  # 1: the cache is empty at first; 0: it holds the most popular keys
        ("shards", np.int64),
        ("replicas", np.int64),  # places of every shard for them
        ("uneven", np.int64),  # 1: some shard has fewer replicas than places; those that it has are numbered first
        ("workers", np.int64),  # of every replica, or sets of them: as many as a task takes at once
        ("threads", np.int64),  # that each of them is
        ("idle", np.int64),  # of every replica: workers left over, of which there are not enough for a task
        ("first_shard", np.int64),  # of this stage among all shards of the funnel
        ("first_replica", np.int64),  # replica i of shard j: first_replica + j * replicas + i; a guest's: beside it
        ("first_view", np.int64),  # offset of this stage's outstanding counters: balancers x shards x replicas
        ("first_source", np.int64),  # of its sources among those of all stages; and how many, 1 at least
        ("sources", np.int64),
        ("keep", np.float64),  # candidates handed on at most; inf: all
        ("policy", np.int64),
        ("counts", np.int64),  # by which its tasks are counted as outstanding: its own, or that of who shares replicas
        ("balancers", np.int64),
        ("by_query", np.int64),  # 1: one replica index for all shards of a query
        ("clients", np.int64),  # who send it tasks, as each of them thinks, where the policy asks
        ("decay_ns", np.int64),  # of what is heard of a replica, where the policy is fed by latency: e-fold
        ("request_ns", np.int64),
        ("send_ns", np.int64),  # between the sendings to consecutive shards
        ("merge_ns", np.int64),
        ("merge_per_response_ns", np.int64),
        ("mergers", np.int64),  # 0: merging is a mere delay
        ("discipline", np.int64),  # of the replicas' queues
        ("sharing", np.int64),  # 1: tasks share the workers of their replica, and there is no queue
        ("limit", np.int64),  # tasks that wait in one, at most; -1: any number
        ("target_ns", np.int64),  # who waits so long at most shows that it is carried; -1: however long
        ("interval_ns", np.int64),  # where nobody has shown it for so long, who comes is refused
        ("drops", np.int64),  # 1: of some class tasks are dropped that would start after its deadline
        ("max_size", np.int64),  # tasks that a worker serves at once, at most; 1: no batches
        ("max_wait_ns", np.int64),  # after which those that wait are a batch
        ("max_items", np.float64),  # effective items of a batch, at most; inf: any
        ("first_preferred", np.int64),  # of this stage's preferred sizes (tasks) in batch_points; and how many
        ("preferred", np.int64),
        ("first_size", np.int64),  # of its compiled sizes (items), growing; and how many; 0: a batch costs its items
        ("sizes", np.int64),
        ("fans_out", np.int64),  # 1: a query visits some of the shards
        ("wait_for", np.int64),  # answers that close the stage, 1 .. shards; or parts of those visited
        ("wait_parts", np.int64),  # of so many; 0: wait_for is a number of answers
        ("timeout_ns", np.int64),  # after its entering it closes with those that are there; NEVER_NS: it does not
        ("then", np.float64),  # with enough answers it waits for this share of the time left; -1: it closes
        ("cancels", np.int64),  # what is withdrawn when it has closed
        ("cancel_ns", np.int64),  # until a withdrawal is at a replica
        ("hedges", np.int64),  # copies of a task that has no answer, at most; 0: none
        ("hedge_ns", np.int64),  # after the dispatch, and between two copies; 0: sent at the dispatch, and tied
        ("budget", np.int64),  # millionths of a copy that a task pays for; -1: copies are free
        ("sendings", np.int64),  # of a task, at most: copies, and what is sent again that was lost
        ("fails", np.int64),  # 1: its replicas crash now and then
        ("fail_scope", np.int64),  # what crashes as a whole: OF_REPLICA, ...
        ("lose", np.int64),  # with what
        ("detect_ns", np.int64),  # until a crash, or that a task is lost, is known
        ("home", np.int64),  # the stage whose machines its replicas are on; itself, but of one that is colocated
        ("beside", np.int64),  # the next that has replicas there, around in a ring; itself: nobody else has
        ("per_machine", np.int64),  # neighbouring shards whose replicas of one index share a machine
        ("first_busy", np.int64),  # of its factors by other busy workers of a machine in busy_factor; and how many
        ("busies", np.int64),  # 0: they do not matter; more are like the last
        ("spread", np.float64),  # of a service, by each of them
        ("first_slowdown", np.int64),  # of its rows in slowdowns; and how many; 0: it is always as fast
        ("slowdowns", np.int64),
        ("first_outage", np.int64),  # of its rows in outages; and how many; 0: all its replicas are always there
        ("outages", np.int64),
        ("background_priority", np.float64),  # of its replicas' own tasks, where the queue looks at that
        ("first_batch", np.int64),  # of its counts of batches by size, max_size of them, in the Trace
        ("address", np.int64),  # 0 in a Plan; in a run's own copy, that of a user's compiled routing rule
    ]
)

#: Replicas that are out for a while: those of some neighbouring shards whose index leaves a remainder.
OUTAGE = np.dtype(
    [
        ("from_ns", np.int64),  # [from, until)
        ("until_ns", np.int64),
        ("step", np.int64),  # index % step == rest
        ("rest", np.int64),
        ("first_shard", np.int64),  # of its stage
        ("shards", np.int64),
    ]
)

#: What kernels know of a run besides its stages.
RUN = np.dtype(
    [
        ("seed", np.int64),
        ("replication", np.int64),
        ("first_measured", np.int64),
        ("end_ns", np.int64),  # what would happen later does not
        ("window_begin_ns", np.int64),
        ("window_end_ns", np.int64),
        ("watched_until_ns", np.int64),  # end of the window, or of the run if that is earlier
        ("stage_bits", np.int64),
        ("shard_bits", np.int64),
        ("worker_bits", np.int64),
        ("send_bits", np.int64),
        ("copy_bits", np.int64),
        ("patience_ns", np.int64),  # after which a client gives up; NEVER_NS: it does not
        ("drops", np.int64),  # 1: queries of some class are over at its deadline
    ]
)

#: Width of an event key; the kind stands above it (``rules.event_order``).
KEY_BITS = 58

#: Columns of a Plan with an entry a query, or none.
OF_QUERIES = ("arrival_ns", "work", "class_of", "client_of", "open_ns", "shed", "query_of")


@dataclass(frozen=True)
class Rule:
    """A user's routing rule: called as ``simulator.plugins.routing`` says."""

    name: str  #: its kind
    function: Callable[..., Any]


@dataclass(frozen=True)
class System:
    """All of a Plan that is the same in every replication and at every load: stages, their laws, shares and costs."""

    stages: NDArray[np.void]  #: (stages,) STAGE
    laws: NDArray[np.void]  #: (stages * ROLES, and more of sources,) LAW; durations in ns; kind NONE: there is none
    work_law: NDArray[np.void]  #: (1,) LAW of the work factor; for the theory line
    class_works: NDArray[np.void]  #: (classes,) LAW of the work factor of each, for the theory line; none: as of all
    think_law: NDArray[np.void]  #: (1,) LAW of how long a client thinks, in ns; kind NONE where none waits
    law_parts: NDArray[np.void]  #: (parts of all mixtures,) LAW
    law_points: F8  #: (points of all tables,)
    share: F8  #: (all shards,) each stage's part sums to 1
    sources: NDArray[np.void]  #: (sources of all stages,) ``sources.SOURCE``: whose candidates and model a shard has
    source_share: F8  #: (all shards,) each source's part sums to 1; of a stage with one source, as ``share``
    left: I8  #: (all shards,) replicas that take tasks, the first ones: 1 .. replicas of the stage
    knot_items: F8  #: (all knots,) first knot of each source is at 0
    knot_ns: F8  #: (all knots,) time alone at the knot, overhead included
    knot_slope: F8  #: (all knots,) ns an item from this knot to the next, and beyond the last
    batch_points: F8  #: (preferred and compiled sizes of all stages,)
    busy_factor: F8  #: (by 0, 1, ... other busy workers of a machine, of all stages,) on service times
    slowdowns: NDArray[np.void]  #: (slowdowns of all stages,) SLOWDOWN
    slowdown_laws: NDArray[np.void]  #: (2 x slowdowns,) LAW: of the time without each in ns, then of that with it
    outages: NDArray[np.void]  #: (outages of all stages,) OUTAGE; those of a stage in the order of their begin
    classes: NDArray[np.void]  #: (classes of queries,) CLASS; one where a load says nothing of them
    rules: tuple[Rule | None, ...]  #: (stages,) a user's rule, where the policy is PLUGGED or one of those beside it
    stage_bits: int  #: widths of the packed event keys, checked by the planner
    shard_bits: int
    replica_bits: int
    worker_bits: int
    copy_bits: int

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                assert value.flags.c_contiguous and not value.flags.writeable, field.name
        assert len(self.rules) == len(self.stages), "a kernel looks a stage's rule up"
        assert len(self.left) == len(self.share) == len(self.source_share), "and the replicas of a shard"

    @property
    def shards(self) -> int:
        """Number of shards over all stages: tasks of one query."""
        return len(self.share)

    @property
    def replicas(self) -> int:
        """Number of replicas over all stages and shards; a guest has as many places for what is counted of it."""
        return int((self.stages["shards"] * self.stages["replicas"]).sum())

    @property
    def tasks(self) -> int:
        """Copies of tasks that a query may send, over all stages, those included that are sent again when lost."""
        return int((self.stages["shards"] * self.stages["sendings"]).sum())

    @property
    def batch_sizes(self) -> int:
        """Number of sizes that batches may have, over all stages that make some."""
        return int(self.stages["max_size"][self.is_batched].sum())

    @property
    def is_batched(self) -> NDArray[np.bool_]:
        """(stages,) whether a task's service depends on what is served together with it."""
        return (self.stages["max_size"] > 1) | (self.stages["sizes"] > 0)

    @property
    def views(self) -> int:
        """Number of outstanding counters: a replica has one in the view of each balancer of its stage."""
        views = self.stages["balancers"] * self.stages["shards"] * self.stages["replicas"]
        return int(views[self.stages["owner"] == np.arange(len(views))].sum())


@dataclass(frozen=True)
class Plan(System):
    """One replication, resolved: its system, with its machines and its load."""

    seed: int  #: 0 .. 2**63 - 1, the Philox key
    replication: int
    machine_factor: F8  #: (all replicas,) this replication's machines
    arrival_kind: int
    arrival_dispersion: float  #: index of dispersion of counts over long times, at a constant rate; for the theory line
    rate_per_s: float  #: mean rate of the load while it is measured; a trace's own
    first_measured: int  #: index of the first measured query; those before warm up
    measured: int  #: number of measured queries; those after ``first_measured + measured`` do not exist
    window_begin_ns: int  #: the window, [begin, end): utilisation and rates are of it; not after the first measured
    window_end_ns: int  #: equal to its begin: nothing is said of rates
    drain_ns: int  #: the run is cut this long after the last arrival; NEVER_NS: not at all
    clients: int  #: who send queries, and wait for the outcome of each; 0: an open load
    client_of: I8  #: (queries,) who sent each; none of an open load, and until it is known (``clients``)
    open_ns: I8  #: (queries,) when those arrive that come beside clients, as many as may be needed; none: none do
    door: NDArray[np.void]  #: (1,) ``admission.DOOR``: who is shed; none: nobody
    shed: NDArray[np.int8]  #: (queries,) ``columns.ADMITTED``, BY_DOOR, ...; none where nobody sheds, or until known
    patience: NDArray[np.void]  #: (1,) ``retrying.PATIENCE``: how clients give up, and try again; none: they do not
    query_of: I8  #: (queries,) of which query each is an attempt; none: each is one, or it is not known
    scaling: NDArray[np.void]  #: (stages that are scaled,) ``scaling.SCALING``; in their order
    provided: I8  #: (3, steps) how many replicas of these serve, and from when on; none until it is known
    arrival_ns: I8  #: (queries,) non-decreasing, >= 0; zeros until ``client_of`` is known
    work: F8  #: (queries,) work factor, >= 0
    class_of: I8  #: (queries,) place in ``classes``; none where there is one class
    query_bits: int
    send_bits: int

    def __post_init__(self) -> None:
        super().__post_init__()
        assert len(self.work) == self.queries, "a kernel looks the work of a query up"
        assert {len(self.class_of), len(self.shed)} <= {0, self.queries}, "and its class, and whether it is shed"
        assert len(self.client_of) in (0, self.queries * (self.clients > 0)), "and its client"
        assert len(self.machine_factor) == self.replicas, "and the machine of a replica"

    @property
    def queries(self) -> int:
        """Number of queries, warm-up included."""
        return len(self.arrival_ns)

    @property
    def end_ns(self) -> int:
        """Last instant of the run: what would happen later does not."""
        return min(NEVER_NS, int(self.arrival_ns[-1]) + self.drain_ns)

    @property
    def patience_ns(self) -> int:
        """After which a client gives up."""
        return int(self.patience[0]["timeout_ns"]) if len(self.patience) else NEVER_NS

    @property
    def drops(self) -> bool:
        """Whether queries of some class are over at its deadline."""
        return bool(self.classes["drops"].any())

    @property
    def watched_until_ns(self) -> int:
        """Until when a worker may be busy in the window."""
        return min(self.window_end_ns, self.end_ns)

    def run_row(self) -> Rows:
        """Return (1,) RUN: the numbers of the plan that kernels take."""
        row = np.zeros(1, dtype=RUN)
        for name in RUN.names or ():
            row[name] = getattr(self, name)
        return row

    def first_queries(self, count: int) -> Plan:
        """The plan cut after its first queries, all of them measured."""
        count = min(count, self.queries)
        cut: dict[str, Any] = {name: frozen(getattr(self, name)[:count]) for name in OF_QUERIES}
        return replace(self, **cut).measured_from(0)

    def measured_from(self, first: int) -> Plan:
        """The plan with all queries from this one on measured, in their window."""
        begin_ns, end_ns = window_of(self.arrival_ns, first)
        measured = self.queries - first
        return replace(self, first_measured=first, measured=measured, window_begin_ns=begin_ns, window_end_ns=end_ns)


def frozen(array: Any, dtype: Any = None) -> NDArray[Any]:
    """Return a read-only, C-contiguous copy of ``array``; itself where it is one that owns what it holds."""
    is_ours = isinstance(array, np.ndarray) and array.base is None and not array.flags.writeable
    if is_ours and array.flags.c_contiguous and dtype in (None, array.dtype):
        return array  # type: ignore[no-any-return]
    copy = np.array(array, dtype=dtype, order="C")
    copy.flags.writeable = False
    return copy
