"""What the compiled engine works on: records, each with one owner that alone writes it.

Arrays travel in a few named groups, so nothing is matched by position among dozens: ``Given`` is read only, ``Kept``
becomes the Trace, the rest is a structured array an owner, one row a thing.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.core.plan import F8, I8, Rows


class Given(NamedTuple):
    """What the plan says; see there for shapes and units."""

    stages: Rows  #: with the addresses of users' rules
    sources: Rows
    run: Rows  #: (1,) RUN
    laws: Rows
    parts: Rows
    points: F8
    share: F8
    source_share: F8
    left: I8  #: where some stage is scaled, as many as serve now
    whole: I8  #: as of the plan
    knot_items: F8
    knot_ns: F8
    knot_slope: F8
    batch_points: F8
    busy_factor: F8
    slowdowns: Rows
    outages: Rows
    slowdown_laws: Rows
    machine_factor: F8
    arrival_ns: I8
    entering_ns: I8  #: (queries that left the leading stages,) when they enter the loop of events, in its order; while
    #: arrivals are found, these, as far as they are known: then the next is that of who comes back first; and looking
    #: ahead, where some are shed, when the others arrive
    entering: I8  #: who they are
    think_law: Rows  #: (1,) LAW, while arrivals are found that follow from when queries are over; else none
    open_ns: I8  #: (queries,) when those come that do beside clients, while arrivals are found; else none
    door: Rows  #: (1,) DOOR, while it is found who is shed; else none
    patience: Rows  #: (1,) PATIENCE, while attempts are found; else none, and no fresh queries
    fresh_ns: I8  #: (queries,) when each is sent first; its work, and its class
    fresh_work: F8
    fresh_class: I8
    work: F8
    classes: Rows
    class_of: I8
    modes: Rows  #: (stages,) MODE
    lanes: I8  #: (2, classes of shards) of ``lockstep``


class Kept(NamedTuple):
    """What the Recorder writes: the columns of the Trace, while they fill."""

    instants: I8  #: (INSTANTS, stages, queries)
    candidates: F8  #: (stages, queries), or (stages, 1) where all queries have the same
    critical_shard: NDArray[np.int32]  #: (stages, queries)
    outcome: NDArray[np.int8]  #: (queries,)
    counters: I8  #: (COUNTERS, replicas)
    batches: I8  #: (sizes of batches,)
    table: I8  #: (columns of Tasks, copies); none unless asked for
    source_answer_ns: I8  #: (sources of stages that have several, queries) the last of each that counts
    stage_outcome: NDArray[np.int8]  #: (stages, queries), where a stage may be partial; likewise the next
    answers: I8
    coverage: F8
    spared: I8  #: (SPARED, replicas)
    after_ns: I8  #: (replicas,), where some worker stays taken when its answer has gone
    background: I8  #: (2, replicas) tasks of their own that are over inside the window, and ns, where some have any
    won: NDArray[np.int32]  #: (queries, ``hosted.kept_width``) whose answers counted, for stages that follow
    client_of: I8  #: (queries,) who sent each, while arrivals are found; likewise the next
    thoughts: I8  #: (clients,) queries that each has sent
    thinking: Rows  #: (1,) LIST of those who think
    comes: I8  #: (clients, COLUMNS) of ``events``: when each comes back, and who it is
    query_of: I8  #: (attempts,) of which query each is one, while they are found; and its number among those
    number: I8
    sender: I8  #: (queries,) the client of each, if it waits
    work: F8  #: and its work, and its class: ``Given`` has views of both
    class_of: I8
    teller: Rows  #: (1,) TELLER
    settled: I8  #: (classes, where some drop whom is late, else 1) attempts of each of which it is known, first to last
    processes: Rows  #: (processes of clients,) PROCESS
    windows: I8  #: (attempts, 3) of ``breakers``: those that a breaker looks at
    telling: Rows  #: (1,) LIST of attempts that are over and that their process has not heard of
    news: I8  #: (attempts, COLUMNS) of ``events``: when each is over, and whether badly; none: processes shed nobody
    pausing: Rows  #: (1,) LIST of queries whose clients pause
    again: I8  #: (queries, COLUMNS) of ``events``: when each is sent again, which it is, and for which time
    shed: NDArray[np.int8]  #: (queries,) by whom each is, while that is found; likewise the next
    doorway: Rows  #: (1,) DOORWAY
    flights: Rows  #: (1,) LIST of those who are over and were not looked at since
    ends: I8  #: (as many as may be in flight, COLUMNS) of ``events``: when each is over; none: it does not matter
    caches: Rows  #: (stages,) CACHE, where some stage has one; likewise the next
    links: NDArray[np.int32]  #: (2, keys and ends) NEWER and OLDER, by key of each cache; OLDER -1: not held
    leaving: Rows  #: (stages,) LIST of who leaves with an answer that is put in then
    leaves: I8  #: (stages x queries, COLUMNS) of ``events``
    same: F8  #: (2, shards) ALONE and ITEMS of the tasks of the last query, where who scores as much has the same
    same_for: F8  #: (2, stages) the candidates that it scored, and its factor; NaN: there was none
    serving: I8  #: (all shards,) replicas that serve now, where some stage is scaled: ``Given.left`` is a view of it
    steps: I8  #: (stages, 2, steps) from when on each counts, and how many serve then; behind the last NEVER_NS
    next_step: I8  #: (stages,) the first step that is not due


class Awaited(NamedTuple):
    """What only some stages have; no rows where there are none: others pay nothing for it."""

    waits: Rows  #: (queries,) WAIT, where some stage may close without all of its answers, or sends copies
    bonds: Rows  #: (copies,) BOND, likewise
    budgets: I8  #: (stages,) what is left for copies of tasks
    after_ns: I8  #: (copies,) that a worker stays taken by it, if it is the head of its batch
    visits: Rows  #: (queries,) VISIT, where some query may leave shards out
    stretches: Rows  #: (slowdowns of a stage, replicas + 1) STRETCH; the last column is scratch
    shares: Rows  #: (replicas,) SHARE, where tasks of some stage share the workers of their replica
    spells: Rows  #: (replicas + 1,) SPELL, where those of some stage crash; the last row is scratch
    down: I8  #: (replicas,) until when each is known to be down; likewise there
    changes_ns: I8  #: (shards,) when that changes next; likewise there


#: Rows of ``Kept.same``.
SAME_ALONE, SAME_ITEMS = range(2)
#: Rows of ``Kept.same_for``.
SAME_SCORED, SAME_FACTOR = range(2)

#: Rows of ``Kept.instants``.
CLOSE, LEAVE, CRITICAL_ENQUEUE, CRITICAL_WAIT, CRITICAL_SERVICE, ANSWER_SUM = range(6)
INSTANTS = 6

#: Rows of ``Kept.counters``. A service time of a measured query that is wholly inside the window is in INSIDE; of
#: another, in ACROSS; of all but the first, what is inside the window is in PARTLY. So what happens to most tasks is
#: counted once: INSIDE + ACROSS are the measured ones, INSIDE + PARTLY is all that is inside the window.
TASKS, WAITING, LONGEST, INSIDE, ACROSS, PARTLY = range(6)
COUNTERS = 6

#: Rows of ``Kept.spared``, of measured queries: busy time of answers that came too late, and of what was stopped; how
#: many these were, how many were withdrawn before they started, how many copies were sent of tasks with no answer, and
#: how many tasks came to full queues (NO_TIME stays 0). Likewise of those that were lost, and how many were sent again.
LATE_NS, STOPPED_NS, LATE, STOPPED, WITHDRAWN, HEDGED, REFUSED, NO_TIME, LOST_NS, LOST, RESENT = range(11)
SPARED = 11

#: Rows of ``Kept.table``, as in ``Tasks``.
T_QUERY, T_STAGE, T_SHARD, T_COPY, T_BATCH, T_REPLICA, T_WORKER = range(7)
T_ENQUEUE, T_START, T_FINISH, T_RELEASE, T_ANSWER, T_WITHDRAWN, T_STATE = range(7, 14)
TABLE = 14

#: What the engine knows of a stage besides the Plan.
MODE = np.dtype(
    [
        ("in_lanes", np.int64),  # 1: its shards are classes in lockstep
        ("block", np.int64),  # queries whose luck is drawn at once
        ("is_narrow", np.int64),  # 1: so few shards that one loop does all for a task
        ("first_worker", np.int64),  # of the stage, or its owner, among all workers
        ("first_seat", np.int64),  # and of its replicas
        ("has_same", np.int64),  # 1: who scores as much, with the same factor, has the same work
        ("is_mixed", np.int64),  # 1: batches are taken from queues that hold tasks of several stages
        ("first_merger", np.int64),  # among all mergers
        ("answers", np.int64),  # that close the stage
        ("first_kept", np.int64),  # of its sources among those that are kept; -1: none are
    ]
)

#: The Clock: what happens next, and how far the run is.
CLOCK = np.dtype(
    [
        ("ahead", np.int64),  # leading stages that look ahead
        ("cursor", np.int64),  # queries that entered the first stage of the loop so far
        ("prepared", np.int64),  # up to which of them luck is drawn
        ("block", np.int64),  # the first of those that it was drawn for at once
        ("size", np.int64),  # of the event list
        ("is_gap", np.int64),  # 1: its first event is happening, and gives its place to the next that is added
        ("margin", np.int64),  # events that one may add
        ("stale", np.int64),  # events on it that will be skipped
        ("now", np.int64),  # instant and order of the last event, for the assertion
        ("order", np.int64),
        ("row", np.int64),  # whom it concerned
        ("events", np.int64),  # that happened
        ("sent", np.int64),  # tasks
        ("copies", np.int64),  # rows of the table of tasks, and how many it has; NEVER_NS: there is none
        ("rows", np.int64),
        ("unused", np.int64),  # first unused row of the copies, -1: none; and how many are unused
        ("unused_count", np.int64),
        ("stage", np.int64),  # where looking ahead goes on
        ("pause_ns", np.int64),  # what happens then, or later, waits; NEVER_NS: nothing does
        ("short", np.int64),  # what has no room: a list of look-ahead, OF_EVENTS, OF_COPIES or OF_TABLE
    ]
)

#: Scratch of the loop of events: of a block of queries that enter its first stage, and of one that enters a later one.
BLOCK, SINGLE = range(2)
SCRATCHES = 2

#: What is short in the loop of events.
OF_EVENTS, OF_COPIES, OF_TABLE = -1, -2, -3

#: An event: what it is stands in its order; whom it concerns in its row, as long as that has this generation.
#: Generation of an event that concerns no copy. (Kernels take it as an attribute of the module: see ``rules.NOTHING``.)
NO_COPY = -1

EVENT = np.dtype([("instant", np.int64), ("order", np.int64), ("row", np.int64), ("generation", np.int64)])

#: A list of pairs kept as a heap, part of one array: where it begins, its room, what is in it, and the
#: instant that was taken last, for the assertion.
LIST = np.dtype([("first", np.int64), ("room", np.int64), ("size", np.int64), ("taken_ns", np.int64)])

#: The cache of a stage: a ring of keys, an end between the oldest and the newest.
CACHE = np.dtype(
    [
        ("first", np.int64),  # of its keys in the links
        ("end", np.int64),  # the number of the end: behind the last key
        ("held", np.int64),  # keys that it holds
    ]
)
#: Rows of ``Kept.links``: the next key that is more recent, and the next that is less.
NEWER, OLDER = range(2)

#: Lists of a stage that looks ahead: queries that will enter it; closing answers that wait for a merger; answers that
#: are still outstanding.
ENTERING, CLOSING, ANSWERS = range(3)
LISTS = 3

#: A copy of a task under way at a stage that runs event by event. A row that is freed gets a new generation.
COPY = np.dtype(
    [
        ("query", np.int64),
        ("stage", np.int64),
        ("shard", np.int64),
        ("replica", np.int64),  # among all: where it is counted
        ("seat", np.int64),  # and where it is served
        ("state", np.int32),  # of ``copy_states``
        ("worker", np.int32),
        ("generation", np.int64),
        ("alone_ns", np.float64),
        ("items", np.float64),  # effective ones, where batches are made
        ("factor", np.float64),  # its luck, of service and response: drawn with many others, used when its time comes
        ("response_ns", np.int64),
        ("counter", np.int64),  # where and how much it is outstanding
        ("load", np.int64),
        ("enqueue_ns", np.int64),
        ("start_ns", np.int64),
        ("finish_ns", np.int64),
        ("queue", np.int64),  # tasks that waited when it was over
        ("table", np.int64),  # its row there
        ("next", np.int64),  # behind it in the queue or in its batch, or in the list of unused rows
    ]
)

#: A replica: its queue, its free workers, and when it starts tasks.
REPLICA = np.dtype(
    [
        ("head", np.int64),
        ("tail", np.int64),
        ("waiting", np.int64),  # tasks in the queue
        ("joined", np.int64),  # tasks that were enqueued
        ("free", np.int64),
        ("is_starting", np.int64),  # 1: at the end of this instant
        ("timer_ns", np.int64),  # when what waits is looked at again; -1: not
        ("came", np.int64),  # tasks of its own
        ("own", np.int64),  # of them, those in the queue
        ("in_time_ns", np.int64),  # when a task came to an empty queue, or one started that had waited shortly
    ]
)

#: Of a replica whose tasks share its workers: those that are there are the heap of its REPLICA, least level first.
#: Its next finish is an event in row ``at_replica`` of the event list.
SHARE = np.dtype(
    [
        ("level", np.int64),  # what each that was always there has gained, in units of ``core.sharing``
        ("since_ns", np.int64),  # when that was worked out last
        ("due_ns", np.int64),  # when the next is done, if that is on the event list; -1: it is not
        ("generation", np.int64),  # of that event: others are stale
    ]
)

#: Of a slowdown of a replica: until which of its stretches it is drawn, and when that is slow.
STRETCH = np.dtype([("number", np.int64), ("from_ns", np.int64), ("until_ns", np.int64)])

#: Of a replica that crashes: which of its times down is over last, and the one behind it; and which crash is on the
#: event list, since something is there that it loses.
SPELL = np.dtype([("number", np.int64), ("crash_ns", np.int64), ("repair_ns", np.int64), ("armed_ns", np.int64)])

#: What serves no task any more, but is not free: the place of a batch, of a worker that cleans up behind it.
CLEANING = 2**62

#: A copy in a queue that is not served in the order of arrival: its place in the heap, in the row of the copy. Of one
#: that shares its workers the level at which it is done: key, exact up to 2**52, and number are its two digits.
RANK = np.dtype(
    [
        ("key", np.float64),
        ("number", np.int64),  # of its enqueue at the replica
        ("level", np.int64),  # of one that shares its workers: at which it came
        ("child", np.int64),  # the first of those behind it; -1: none
        ("beside", np.int64),  # the next of those behind the same
        ("back", np.int64),  # whom it is the first behind, or the next beside; -1: nobody
    ]
)

#: The answers of a query in its stage, while they come in; ``missing``: shards.
GATHER = np.dtype([("missing", np.int64)])

#: Of a query: what it waits for in a stage that may close without all answers, or sends copies.
WAIT = np.dtype(
    [
        ("stage", np.int64),  # -1: in none
        ("answers", np.int64),  # that are there
        ("total_ns", np.int64),  # sum of answer - enter over them
        ("covered", np.float64),  # sum of the shares of their shards
        ("deadline_ns", np.int64),  # when it closes with what is there; NEVER_NS: it does not
        ("first", np.int64),  # row of the first of its copies without an answer, in the order of sending; -1: none
        ("last", np.int64),
        ("rounds", np.int64),  # of copies, so far
    ]
)

#: Of a copy at such a stage, in the row of the copy.
BOND = np.dtype(
    [
        ("sooner", np.int64),  # the copies of its query without an answer that were sent before and after it; -1: none
        ("later", np.int64),
        ("before", np.int64),  # it in a queue in the order of arrival; -1: nobody
        ("called", np.int64),  # withdrawals that are on their way
        ("is_awaited", np.int64),  # 1: its answer counts, if it comes before the stage closes
        ("copy", np.int64),  # 0: the first of its task
        ("is_first", np.int64),  # 1: of those of its task that are waited for; they come in the order of shards
        ("sent", np.int64),  # of that: copies of its task so far
        ("is_refused", np.int64),  # of that: 1: another was refused, and no more are sent
        ("is_lost", np.int64),  # of that: 1: its loss is known, and it stands for others that are under way
        ("other", np.int64),  # the copy of its task that was sent before it, of the first the last; itself if alone
        ("needed", np.int64),  # of the head of a batch that is served: tasks that are not withdrawn
        ("finish_ns", np.int64),  # of the head: when it will be served
        ("busy_ns", np.int64),  # its part of the busy time of its batch, when that is over
    ]
)
