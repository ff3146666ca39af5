"""What a stage of a plan makes use of, declared: what may be done and said of it follows from that set.

The default for a feature is no: whoever allows it (a shortcut of an engine, a law of theory) names it in a set of its
own. So a feature that nobody has thought about slows a stage down and silences a law, and never makes either wrong.
"""

from enum import Enum, auto

from simulator.core import (
    admission,
    background,
    caches,
    colocated,
    failures,
    fan_out,
    gathering,
    heard,
    hedging,
    hosted,
)
from simulator.core.laws.sampling import is_drawn
from simulator.core.limits import may_be_full
from simulator.core.neighbours import interferes
from simulator.core.optional import is_optional
from simulator.core.outages import has_outages
from simulator.core.plan import AFTER, CANDIDATES, FIFO, NEVER_NS, PLUGGED, RESPONSE, TASK, TIME, Plan
from simulator.core.routing import is_load_aware
from simulator.core.scaling import is_scaled
from simulator.core.service import stays_taken
from simulator.core.sharing import shares
from simulator.core.slowdowns import is_slowed
from simulator.core.sources import has_sources, is_hashed, scores_by_class, sources_of


class Feature(Enum):
    """What a stage may make use of, beyond one exact worker a shard; the first ones come with the plan as a whole."""

    DRAIN_CUT = auto()  #: the run ends before its last query does
    SOURCES = auto()  #: its shards are those of several fleets, with candidates and a model of their own
    OPTIONAL = auto()  #: not every query takes it
    CACHE = auto()  #: it, or one before it, has a cache, which answers some queries in its place
    CLIENTS = auto()  #: whoever sends a query waits until it is over
    ADMISSION = auto()  #: queries may be shed when they arrive
    ATTEMPTS = auto()  #: clients give up, and may try again
    DRAWN_WORK = auto()  #: queries differ in their work
    DRAWN_CANDIDATES = auto()
    CLASS_CANDIDATES = auto()  #: queries of some class score others than the rest, here or before
    DRAWN_TIME = auto()  #: a law of the whole time of a task
    DRAWN_TASK = auto()  #: a factor a task
    DRAWN_RESPONSE = auto()
    DRAWN_MACHINES = auto()  #: machines of unequal speed
    HASHED = auto()  #: candidates fall on shards by hash
    SENDING = auto()  #: to shard after shard, not to all at once
    FAN_OUT = auto()  #: a query visits some of the shards
    REPLICAS = auto()  #: a shard has several
    ROUTING_BY_SHARD = auto()  #: replicas are chosen shard by shard, not one index for the whole query
    ROUTING_BY_LOAD = auto()  #: by what is outstanding
    ROUTING_BY_LATENCY = auto()  #: by the latencies of answers
    ROUTING_PLUGGED = auto()  #: by a user's rule
    BALANCERS = auto()  #: several views of what is outstanding
    UNEVEN_REPLICAS = auto()  #: a shard has fewer than another, or than before a machine was lost
    WORKERS = auto()  #: a replica serves several tasks at once
    THREADS = auto()  #: a task takes several workers at once
    MERGERS = auto()  #: merges queue for a few
    BATCHING = auto()  #: a worker serves several tasks at once, or pads what it serves
    DISCIPLINE = auto()  #: a queue is not served in the order of arrival
    LIMIT = auto()  #: who comes to a full queue is refused
    DEADLINE = auto()  #: queries of some class are over at its deadline, and their tasks do not start later
    SHARING = auto()  #: tasks share the workers of their replica, in place of a queue
    GATHER = auto()  #: the stage may close without all of its answers
    AFTER_ANSWER = auto()  #: a worker stays taken when its answer has gone
    DRAWN_AFTER = auto()  #: for how long
    INTERFERENCE = auto()  #: busy workers of a machine slow each other down
    COLOCATED = auto()  #: on its machines are other stages, and somebody there is slowed down
    SLOWDOWN = auto()  #: something is slow now and then
    OUTAGE = auto()  #: replicas are out for a while
    AUTOSCALE = auto()  #: how many replicas serve follows the load
    FAILURES = auto()  #: replicas crash now and then
    HEDGE = auto()  #: a task without an answer is sent again
    BACKGROUND = auto()  #: replicas have tasks of their own
    SHARED_REPLICAS = auto()  #: tasks of another stage run at its replicas, too
    TIED = auto()  #: copies are sent with each task, and the first that starts withdraws the others


Features = frozenset[Feature]

F = Feature

#: A stage with these features alone may look ahead: a task's start and finish follow from what was sent before it.
LOOKS_AHEAD: Features = frozenset(
    {
        *(F.DRAIN_CUT, F.CLIENTS, F.DRAWN_WORK, F.DRAWN_CANDIDATES, F.DRAWN_TIME, F.DRAWN_TASK, F.DRAWN_RESPONSE),
        *(F.DRAWN_MACHINES, F.HASHED, F.SENDING, F.REPLICAS, F.ROUTING_BY_SHARD, F.ROUTING_BY_LOAD),
        *(F.ROUTING_PLUGGED, F.BALANCERS, F.UNEVEN_REPLICAS, F.WORKERS, F.THREADS, F.MERGERS),
        *(F.AFTER_ANSWER, F.DRAWN_AFTER, F.FAN_OUT, F.OPTIONAL, F.ADMISSION),
        *(F.CACHE, F.ATTEMPTS, F.AUTOSCALE, F.SOURCES, F.CLASS_CANDIDATES),
    }
)

#: Sent to some shards one after another, a query may be at a shard before one that was sent earlier, to more of those
#: before it: what was sent before no longer says who is first.
OVERTAKES: Features = frozenset({F.FAN_OUT, F.SENDING})

#: Equal shards of a stage with these features alone do the same at the same time. Sent one after another they do the
#: same, but later: the edges of the window and the cut of the drain do not meet them alike.
LOCKSTEP: Features = frozenset(
    {
        *(F.DRAIN_CUT, F.CLIENTS, F.DRAWN_WORK, F.DRAWN_CANDIDATES, F.DRAWN_MACHINES, F.REPLICAS),
        *(F.ROUTING_PLUGGED, F.BALANCERS, F.UNEVEN_REPLICAS, F.WORKERS, F.THREADS, F.MERGERS, F.AFTER_ANSWER),
        *(F.OPTIONAL, F.ADMISSION, F.CACHE, F.ATTEMPTS, F.CLASS_CANDIDATES),
    }
)

#: What the compiled engine covers; the reference engine covers all.
COMPILED: Features = frozenset(Feature)


def _is_drawn(plan: Plan, role: int, stage: int) -> bool:
    """Whether a law of some source of a stage is no constant."""
    of = sources_of(plan.stages, stage)
    return any(bool(is_drawn(plan.laws, int(plan.sources[source]["law"]) + role)) for source in of)


def features_of(plan: Plan, stage: int) -> Features:
    """The features of a stage of a plan."""
    row = plan.stages[stage]
    replicas, policy = int(row["replicas"]), int(row["policy"])
    first = int(row["first_replica"])
    machines = plan.machine_factor[first : first + int(row["shards"]) * replicas]

    uses = {
        F.DRAIN_CUT: plan.drain_ns != NEVER_NS,
        F.SOURCES: bool(has_sources(plan.stages, stage)),
        F.OPTIONAL: bool(is_optional(plan.stages, stage)),
        F.CACHE: any(bool(caches.is_cached(plan.stages, before)) for before in range(stage + 1)),
        F.CLIENTS: plan.clients > 0,
        F.ADMISSION: admission.has_door(plan) or admission.sheds(plan),
        F.ATTEMPTS: len(plan.patience) > 0,
        F.DRAWN_WORK: bool(is_drawn(plan.work_law, 0)),
        F.CLASS_CANDIDATES: any(scores_by_class(plan.stages, plan.sources, before) for before in range(stage + 1)),
        F.DRAWN_CANDIDATES: any(_is_drawn(plan, CANDIDATES, before) for before in range(stage + 1))
        or any(  # it is given what they have scored
            gathering.counts_answers(plan.stages, before) or is_optional(plan.stages, before) for before in range(stage)
        ),
        F.DRAWN_TIME: _is_drawn(plan, TIME, stage),
        F.DRAWN_TASK: _is_drawn(plan, TASK, stage),
        F.DRAWN_RESPONSE: _is_drawn(plan, RESPONSE, stage),
        F.DRAWN_MACHINES: machines.min() != machines.max(),
        F.HASHED: is_hashed(plan.stages, plan.sources, stage),
        F.SENDING: row["send_ns"] > 0,
        F.FAN_OUT: bool(fan_out.fans_out(plan.stages, stage)),
        F.REPLICAS: replicas > 1,
        F.ROUTING_BY_SHARD: replicas > 1 and row["by_query"] == 0,
        F.ROUTING_BY_LOAD: replicas > 1 and bool(is_load_aware(policy)),
        F.ROUTING_BY_LATENCY: replicas > 1 and bool(heard.is_fed(policy)),
        F.ROUTING_PLUGGED: policy >= PLUGGED,
        F.BALANCERS: row["balancers"] > 1,
        F.UNEVEN_REPLICAS: row["uneven"] == 1,
        F.WORKERS: row["workers"] > 1,
        F.THREADS: row["threads"] > 1,
        F.MERGERS: row["mergers"] > 0,
        F.BATCHING: bool(plan.is_batched[stage]),
        F.DISCIPLINE: row["discipline"] != FIFO,
        F.LIMIT: bool(may_be_full(plan.stages, stage)),
        F.DEADLINE: plan.drops,
        F.SHARING: bool(shares(plan.stages, stage)),
        F.GATHER: bool(gathering.waits_for_some(plan.stages, stage)),
        F.AFTER_ANSWER: bool(stays_taken(plan.laws, stage)),
        F.DRAWN_AFTER: _is_drawn(plan, AFTER, stage),
        F.INTERFERENCE: bool(interferes(plan.stages, stage)),
        F.COLOCATED: colocated.meets_others(plan.stages, stage),
        F.SLOWDOWN: bool(is_slowed(plan.stages, stage)),
        F.OUTAGE: bool(has_outages(plan.stages, stage)),
        F.AUTOSCALE: is_scaled(plan, stage),
        F.BACKGROUND: bool(background.has_background(plan.laws, stage)),
        F.FAILURES: bool(failures.fails(plan.stages, stage)),
        F.HEDGE: bool(hedging.sends_copies(plan.stages, stage)) and not hedging.is_tied(plan.stages, stage),
        F.SHARED_REPLICAS: hosted.has_company(plan.stages, stage),
        F.TIED: bool(hedging.is_tied(plan.stages, stage)),
    }
    return frozenset(feature for feature, is_used in uses.items() if is_used)


def may_look_ahead(features: Features) -> bool:
    """Whether a stage with these features may be simulated by one event a query."""
    return features <= LOOKS_AHEAD and not features >= OVERTAKES


def may_find_ahead(features: Features) -> bool:
    """Whether it may be looked ahead there for when clients that wait come back: nobody goes on past it at once."""
    return may_look_ahead(features) and not features & {F.OPTIONAL, F.CACHE, F.AUTOSCALE}


def may_lockstep(features: Features) -> bool:
    """Whether equal shards of a stage with these features may be simulated once."""
    return features <= LOCKSTEP
