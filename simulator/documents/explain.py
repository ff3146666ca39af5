"""Where the tail comes from: ``shardsim explain``."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from simulator.documents import parts, sensitivity
from simulator.documents.marks import OneOf

#: Causes of a query as a whole, before its last attempt: attempts that came to nothing, and the pauses behind them.
BEFORE = ("retry", "backoff")
#: Causes of a stage.
CAUSES = (
    *("cache", "network", "hedge wait", "waiting", "batching", "service", "straggler"),
    *("slowdown", "failure", "missing answers", "merge wait", "merge"),
)
#: What the time of a query goes to.
Cause = Annotated[str, OneOf(*BEFORE, *CAUSES)]


class Limit(TypedDict):
    """What limits: a cause, or who is last more often than by chance."""

    what: Literal["cause", "shard", "replica"]  #: which of these
    stage: str | None  #: whose; null: of the query as a whole
    cause: NotRequired[Cause]  #: of a cause
    shard: NotRequired[int]  #: from 0, among all of the stage
    source: NotRequired[str]  #: to which the shard belongs, where its stage has several
    replica: NotRequired[int]  #: of the shard, from 0
    share: float  #: of the latency; of a shard or replica, of the slowest queries, in which it is last beyond chance


class Part(TypedDict):
    """What one cause makes of the latency of a band."""

    stage: str | None  #: whose; null: of the query as a whole
    cause: Cause  #: by name
    mean_s: parts.Interval  #: of a query of the band
    share: parts.Interval  #: of the latency of the band


class Band(TypedDict):
    """The queries around a percentile; their parts add up to their latency."""

    percentile: str  #: by name
    least: float  #: ranks of its queries among all, from this part on
    most: float  #: to this part
    queries: int  #: in it
    latency_s: parts.Interval  #: mean of theirs
    parts: list[Part]  #: those that are not nothing


class OfReplica(TypedDict):
    """Where a replica is named, and where a stage has sources."""

    replica: NotRequired[int]  #: of the shard, from 0; left out: the shard as a whole is named
    source: NotRequired[str]  #: to which the shard belongs, where its stage has several


class Named(OfReplica):
    """A shard or replica that is last more often than by chance."""

    stage: str  #: its stage
    shard: int  #: from 0, among all of the stage
    share: float  #: of the slowest queries, in which it is last
    by_chance: float  #: the same, were all alike
    probability: float  #: of so many by chance, adjusted for how many were looked at


class Last(TypedDict):
    """Who is last more often than by chance."""

    slowest: float  #: part of the queries that is looked at
    level: float  #: probability that anybody is named where all are alike, at most
    looked_at: int  #: shards and replicas
    named: list[Named]  #: most of the slowest queries first


class Effect(TypedDict):
    """What one thing that is ideal, or changed, does to the percentile, on the same luck."""

    stage: str | None  #: whose; null: of the load
    what: str  #: in words
    by: Annotated[str, OneOf("arithmetic", "run")]  #: on the tasks that there were, or by a run of a changed scenario
    sets: dict[str, Any]  #: values by path; of arithmetic, none
    latency_s: float | None  #: that percentile; null: it falls among queries without an answer
    change: parts.Interval | None  #: as a part of what it was
    word: sensitivity.Word  #: what is said of that


class Explanation(parts.Simulated):
    """An explanation: ``shardsim explain --format json``."""

    words: list[str]  #: what limits, and what to try first
    command: str | None  #: what tries that; null: nothing is seen to help
    percentile: str | None  #: that is to be shortened, by name; null: the sample supports none
    latency_s: float | None  #: that percentile
    limits: list[Limit]  #: what limits, most first
    bands: list[Band]  #: what the latency around percentiles is made of
    last: Last  #: who is last
    effects: list[Effect]  #: what takes most off that percentile first
    notes: list[str]  #: what a reader should know besides
    provenance: parts.Provenance  #: where the answer comes from
