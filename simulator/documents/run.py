"""A run: ``summary.json``, and how long it took."""

from typing import Literal, TypedDict

from simulator.documents import paper, parts

#: What is said of a run as a whole.
StabilityVerdict = Literal["stable", "saturated", "inconclusive"]


class Stability(TypedDict):
    """What the verdict on a run rests on."""

    arithmetic_utilisation: float  #: of the busiest replica
    growth: parts.Interval  #: of queries in flight, as a part of the measured queries
    warmup_queries: float  #: mean over replications
    mser5_queries: int | None  #: cut that MSER-5 suggests; null where the load changes over time


class Load(TypedDict):
    """A load as it came."""

    rate_per_s: float | None
    gap_cv: float | None  #: coefficient of variation of gaps
    dispersion: parts.Dispersion


class Goodput(parts.Interval):
    """Queries that end within the bound of the first objective on latency."""

    within_s: float | None  #: that bound; null: any latency is good


class Critical(TypedDict):
    """Of the task whose answer closed the stage."""

    wait_s: parts.Latency
    service_s: parts.Latency
    response_s: parts.Latency


class Utilisation(TypedDict):
    """Of the replicas of a stage."""

    mean: parts.Interval
    max: float | None  #: of the busiest; null: no time passed
    max_at: parts.Place


#: Candidates of a query that come into a stage, and that it hands on.
Candidates = TypedDict("Candidates", {"in": parts.Interval, "out": parts.Interval})


class Stage(TypedDict):
    """What happened in one stage."""

    name: str
    shards: int
    replicas: int  #: of every shard
    workers: int  #: of every replica
    latency_s: parts.Latency
    critical: Critical
    straggler_s: parts.Latency  #: what the last answer took more than the mean one
    network_s: parts.Latency
    merge_s: parts.Latency
    wait_s: parts.Interval  #: mean over all tasks
    service_s: parts.Interval  #: mean over all tasks
    longest_wait_s: float
    utilisation: Utilisation
    candidates: Candidates
    largest_over_mean_share: float


class Figures(TypedDict):
    """Everything that is said of measured queries."""

    replications: int
    queries: int  #: measured, over all replications
    verdict: StabilityVerdict
    stability: Stability
    load: Load
    offered_per_s: float | None
    completed_per_s: parts.Interval
    goodput_per_s: Goodput
    failed_ratio: parts.Share
    latency_s: parts.Latency
    stages: list[Stage]
    slos: list[parts.Verdict]


class Summary(Figures):
    """Everything that is said of measured queries, with what the sample cannot support."""

    notes: list[str]


class EngineCheck(TypedDict):
    """The first queries on both engines."""

    queries: int
    tasks: int
    equal: Literal[True]


class Checked(TypedDict, total=False):
    """What is there if it was asked for."""

    engine_check: EngineCheck


class Provenance(parts.Origin, parts.Computed):
    """All that it takes to come to a run again."""

    replications: list[int]  #: those that were counted


class Run(parts.Simulated, Figures, Checked):
    """A run: ``summary.json`` and ``shardsim run --format json``."""

    fleet: parts.Fleet
    theory: paper.Theory
    notes: list[str]
    provenance: Provenance


class Timing(TypedDict):
    """How long a run took: ``timing.json``."""

    wall_s: float
    jobs: int  #: replications at a time
