"""A run: ``summary.json``, and how long it took."""

from typing import Annotated, Literal, TypedDict

from simulator.documents import paper, parts, sources
from simulator.documents.marks import OneOf, Says

#: What is said of a run as a whole.
StabilityVerdict = Literal["stable", "saturated", "saturated at its peak", "inconclusive"]


class Stability(TypedDict):
    """What the verdict on a run rests on."""

    demand: float  #: on the busiest station, by arithmetic, whatever it refuses, withdraws or loses; may exceed 1
    growth: parts.Interval  #: of queries in flight, as a part of the measured queries
    warmup_queries: float  #: mean over replications
    mser5_queries: int | None  #: cut that MSER-5 suggests; null where the load changes over time


class Load(TypedDict):
    """A load as it came."""

    rate_per_s: float | None  #: of measured arrivals
    gap_cv: float | None  #: coefficient of variation of gaps
    dispersion: parts.Dispersion  #: how bursty counts are


class Goodput(parts.Interval):
    """Queries that end within the bound of the first objective on latency."""

    within_s: float | None  #: that bound; null: any latency is good


class Critical(TypedDict):
    """Of the task whose answer closed the stage."""

    wait_s: parts.Latency  #: for a worker
    service_s: parts.Latency  #: on a worker
    response_s: parts.Latency  #: wait and service


class Utilisation(TypedDict):
    """Of the replicas of a stage: the part of the window in which their workers are busy, with anybody's tasks."""

    mean: parts.Interval  #: over all replicas
    max: float | None  #: of the busiest; null: no time passed
    max_at: parts.Place  #: where that one is


#: Candidates of a query that come into a stage, and that it hands on.
Candidates = TypedDict(
    "Candidates",
    {
        "in": Annotated[parts.Interval, Says("mean number that a query brings")],
        "out": Annotated[parts.Interval, Says("mean number that it takes along")],
    },
)


class Mergers(TypedDict):
    """The mergers of a stage, for which queries queue."""

    count: int  #: of them
    service_s: float  #: one merge; the longest, where the number of answers differs
    utilisation: parts.Interval  #: the part of the window in which they are busy, mean over them
    demand: float  #: work of the load's mean rate over what they can do, by arithmetic; may exceed 1


class OfSize(TypedDict):
    """Batches of one size."""

    size: int  #: tasks
    share: float  #: of all batches


class Batches(TypedDict):
    """The batches of a stage that served a measured query, over all replications."""

    count: int  #: of them
    mean_size: parts.Interval  #: tasks a batch; null where none was served
    sizes: list[OfSize]  #: those that there were, growing


class Unneeded(TypedDict):
    """What became of tasks, copies among them, that nobody needed, over measured queries."""

    late_ratio: parts.Interval  #: of tasks, those that were served in vain: their answers came too late
    withdrawn_ratio: parts.Interval  #: of tasks, those that never started
    stopped_ratio: parts.Interval  #: of tasks, those that were stopped while they were served
    wasted_ratio: parts.Interval  #: of the busy time of workers, that of tasks that were late, stopped or lost


class Refusing(TypedDict, total=False):
    """What only stages have whose queues may be full."""

    refused_ratio: parts.Interval  #: of tasks, copies among them, those that came to a full queue


class Gathering(Unneeded, Refusing):
    """Of a stage that does not wait for all of its answers, over measured queries."""

    coverage: parts.Interval  #: mean share of the candidates whose answers count
    partial_ratio: parts.Interval  #: of queries, those that it closed for with fewer answers than it waits for
    failed_ratio: parts.Interval  #: of queries, those that it closed for without any answer


class Hedging(Unneeded):
    """Of a stage that sends a task to several replicas, over measured queries."""

    after_s: float  #: so long after its query is there a task without an answer is sent again; 0: copies are tied
    copies_ratio: parts.Interval  #: copies sent, a task


class Background(TypedDict):
    """What the replicas of a stage did besides queries: tasks that were over inside the window."""

    tasks_per_s: parts.Interval  #: at a replica, mean over them
    busy_ratio: parts.Interval  #: of the time of workers, what they took; part of the utilisation


class Losing(TypedDict, total=False):
    """What only stages have whose crashes lose tasks, over measured queries."""

    lost_ratio: parts.Interval  #: of tasks, those that were lost in a crash, or came while their replica was down
    resent_ratio: parts.Interval  #: lost tasks that were sent again, a task
    lost_work_ratio: parts.Interval  #: of the busy time of workers, that of tasks that were lost


class Failing(Losing):
    """Of a stage whose replicas crash."""

    lose: Literal["nothing", "running", "queued"]  #: what a crash loses
    detect_s: float  #: so long after a crash, or a loss, it is known
    up_ratio: float  #: share of the time that a replica is up in the long run, by arithmetic
    all_up_ratio: float  #: the same of every shard having a replica that is up, if these crash each by itself
    down_ratio: parts.Interval  #: share of the window that replicas were down, mean over them
    most_down: float | None  #: of the replica that was down longest over all replications


class Company(TypedDict, total=False):
    """Of a stage that shares replicas with another; utilisation and demand are of all that run there."""

    runs_on: str  #: name of the stage whose replicas they are, where its own is another
    own_utilisation: parts.Interval  #: what its own tasks take of the time of workers
    own_demand: paper.MeanAndMax  #: demand of its own tasks alone


class Housed(Company, total=False):
    """Of a stage that shares machines with another."""

    colocate: str  #: name of the stage whose machines they are, where its own is another
    machine_utilisation: parts.Interval  #: of all workers of these machines, whatever their stage; at whose they are


class Merging(Housed, total=False):
    """What only some stages have: mergers that queue, batches, answers not needed, workers that stay taken."""

    taken_ratio: parts.Interval  #: of the queries that came to it, where not all take it; its figures are of these
    hit_ratio: parts.Interval  #: of the queries that took it, those whose answer its cache had; tasks are of the others

    sources: list[sources.Source]  #: its sources, where it has several
    mergers: Mergers  #: its mergers
    batches: Batches  #: its batches
    gather: Gathering  #: its answers
    hedge: Hedging  #: copies of its tasks
    background: Background  #: what its replicas do besides
    failures: Failing  #: its crashes
    autoscale: parts.Scaled  #: how many of its replicas serve
    hedge_wait_s: (
        parts.Latency
    )  #: of the critical task: how much later it was sent, of hedges, if all tasks leave at once
    shards_visited: float  #: by a query, on average, where it may leave some out
    fewest_replicas: int  #: of the shard that has fewest left, where some lack one
    sharing: Literal["processor"]  #: tasks share workers: wait_s is what others take of a task's stay
    after_answer_s: parts.Interval  #: so long a worker stays taken after a task, on average; each of a batch its part


class Stage(Merging):
    """What happened in one stage."""

    name: str  #: of the stage
    shards: int  #: of the stage
    replicas: int  #: of every shard, or of the one that has most
    replicas_left: int  #: over all shards, those that take tasks: one that a lost machine held does not
    workers: int  #: of every replica
    latency_s: parts.Latency  #: from entering the stage to leaving it
    critical: Critical  #: the task that closed it
    straggler_s: parts.Latency  #: what the closing answer took more than the mean one of those that count
    network_s: parts.Latency  #: of the critical task, both ways; and until a loss was known and a replica was back
    merge_s: parts.Latency  #: waiting for a merger, and merging
    wait_s: parts.Interval  #: mean over all tasks
    service_s: parts.Interval  #: mean over all tasks that were finished; each of a batch has its part
    longest_wait_s: float  #: of any task
    utilisation: Utilisation  #: busy time of workers
    demand: paper.MeanAndMax  #: work of the load's mean rate over what workers can do, by arithmetic; may exceed 1
    candidates: Candidates  #: of a query
    largest_over_mean_share: float  #: of the shards; 1: an even split


class Unsupported(TypedDict):
    """A percentile of a latency that the sample does not support."""

    stage: str | None  #: null: of the whole query
    percentile: str  #: as in `p99`
    exceedances: float  #: effective ones, later than it; 10 are needed
    queries_needed: int | None  #: in all, about; null: no number would do, since the load is saturated


class Gathered(TypedDict):
    """Of whole queries, where some stage does not wait for all of its answers."""

    coverage: parts.Interval  #: mean share of the candidates whose answers count: the product over stages
    partial_ratio: parts.Share  #: of measured queries, those with fewer answers in some stage than it waits for


class Admission(TypedDict, total=False):
    """Of queries at a door."""

    shed_ratio: parts.Share  #: of those that are measured, those that were not; they have no answer, and failed


class OfClass(Admission):
    """Of a class of queries."""

    name: str  #: of the class
    queries: int  #: measured, over all replications
    share: float  #: of all measured queries
    latency_s: parts.Latency | None  #: of the whole query; null: in some replication none was measured
    failed_ratio: parts.Share | None  #: of its measured queries, those without an answer; null: likewise


class OfPhase(OfClass):
    """Of a phase of the load, or of all that share its name."""

    offered_per_s: float  #: measured arrivals while it lasts


class Clients(TypedDict):
    """Of clients that wait for what they have sent."""

    count: int  #: of them
    over_per_s: float | None  #: queries that were over, with an answer or without
    over_s: float | None  #: mean time until one is
    think_s: parts.Interval  #: mean time that they thought before a measured query
    cycling: float | None  #: over_per_s x (over_s + mean thinking): all clients, but for the edges of the window


class OnlySome(TypedDict, total=False):
    """What only some scenarios have."""

    clients: Clients  #: who wait for what they have sent, where the load is closed
    attempts: parts.Attempts  #: of clients that give up, where these do
    admission: Admission  #: what became of queries at the door, where there is one
    gather: Gathered  #: of whole queries, where some stage does not wait for all of its answers
    classes: list[OfClass]  #: of whole queries, where the load has classes; in its order
    phases: list[OfPhase]  #: of the whole queries that arrive in it, where phases have names; in their order


class Figures(OnlySome):
    """Everything that is said of measured queries."""

    replications: int  #: independent ones
    queries: int  #: measured, over all replications
    verdict: StabilityVerdict  #: on the run as a whole
    stability: Stability  #: what that rests on
    load: Load  #: as it came
    offered_per_s: float | None  #: measured arrivals
    completed_per_s: parts.Interval  #: queries that were answered
    goodput_per_s: Goodput  #: those that were in time, and not with a part of the answers only
    failed_ratio: parts.Share  #: of measured queries, those without an answer
    latency_s: parts.Latency  #: of the whole query
    unsupported: list[Unsupported]  #: percentiles of latency that are not printed, of the query and of its stages
    stages: list[Stage]  #: in the order in which a query meets them
    slos: list[parts.Verdict]  #: objectives, as they are judged


class Summary(Figures):
    """Everything that is said of measured queries, with what the sample cannot support."""

    notes: list[str]  #: what a reader should know besides


class EngineCheck(TypedDict):
    """The first queries on both engines."""

    queries: int  #: that both simulated
    tasks: int  #: of these
    equal: Literal[True]  #: every instant; else the run ends with an error


#: What makes tasks differ; the last: what several of them make together.
CauseName = Annotated[str, OneOf("query", "shard", "machine", "task", "contention", "waiting", "together")]


class OfCause(TypedDict):
    """What one cause makes of the tasks of a stage; shares of all causes add up to 1."""

    cause: CauseName  #: which
    of_service: parts.Interval  #: its share of the variance of service times; null: they do not vary, or it has none
    of_service_in_theory: float | None  #: the same in closed form; null: laws do not say
    of_response: parts.Interval  #: its share of the variance of waiting and service
    slowest_s: parts.Interval  #: what the critical tasks of the slowest queries have more of it than the mean task


class Slowest(TypedDict):
    """The 1 % of queries with the longest latency of a stage, as their critical tasks have it."""

    queries: int  #: looked at
    latency_s: parts.Interval  #: mean latency of the stage: the sum of the next two, and of ``slowest_s`` of all causes
    mean_task_s: parts.Interval  #: waiting and service of the mean task of all queries
    besides_s: parts.Interval  #: what is none of the task: network, sending, a copy that was sent later, merge


class Causes(TypedDict):
    """Why the tasks of a stage differ: of measured queries, those that were served to their end."""

    stage: str  #: its name
    tasks: int  #: over all replications
    service_cv: parts.Interval  #: coefficient of variation of service times
    response_cv: parts.Interval  #: and of waiting and service
    by_cause: list[OfCause]  #: in the order in which they are taken off
    slowest: Slowest  #: what its slowest queries meet


class Checked(TypedDict, total=False):
    """What is there if it was asked for."""

    causes: list[Causes]  #: with `--causes`: of each stage whose tasks can be told apart
    engine_check: EngineCheck  #: with `--check-engines`


class Provenance(parts.Origin, parts.Computed):
    """All that it takes to come to a run again."""

    replications: list[int]  #: those that were counted


class Run(parts.Simulated, Figures, Checked):
    """A run: ``summary.json`` and ``shardsim run --format json``."""

    fleet: parts.Fleet  #: machines and money
    theory: paper.Theory  #: by arithmetic, and what the run says of it
    notes: list[str]  #: what a reader should know besides
    provenance: Provenance  #: where the answer comes from
