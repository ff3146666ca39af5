"""What a valid scenario is, and what a run of it would take: ``validate``."""

from simulator.documents import paper, parts


class Validation(parts.Head, paper.Changing):
    """A validation."""

    source: str  #: file of the scenario
    stages: int  #: how many
    shards: int  #: over all stages
    replicas: int  #: of all shards of all stages
    replications: int  #: independent ones
    queries: int  #: measured in each replication; of more than a million expected, not drawn
    tasks: int  #: over all replications, warm-up included
    memory_bytes: float  #: that a run takes about, one replication after another; more at a time take more
    rate_per_s: float  #: mean load
    demand: float  #: on the busiest station, by arithmetic; may exceed 1
    saturation_per_s: float | None  #: null: nothing takes time
    percentile: float  #: the highest among the objectives, in percent
    is_bounded: bool  #: queues stay bounded at this load: what does not fit is refused, or what is late withdrawn
    is_certain: bool  #: beyond saturation: a queue grows as long as the run, whatever becomes of queries before it
    enough_queries: int | None  #: that its interval needs, in all; null: at or beyond saturation, at any time
    notes: list[str]  #: what a reader should know besides
