"""What a run says of the sources of a stage that has several."""

from typing import TypedDict

from simulator.documents import paper, parts


class OfReplicas(TypedDict):
    """Of the replicas of a source: the part of the window in which their workers are busy."""

    mean: parts.Interval  #: over all of them
    max: float | None  #: of the busiest; null: no time passed


class Source(TypedDict):
    """What happened in one of several sources of a stage."""

    name: str  #: of the source
    shards: int  #: of the source
    replicas_left: int  #: over its shards, those that take tasks
    latency_s: parts.Latency  #: from entering the stage to the last of its answers that counts
    critical_ratio: parts.Interval  #: of queries that an answer let go on, those where it was its own; of ties a part
    utilisation: OfReplicas  #: busy time of its workers
    demand: paper.MeanAndMax  #: work of the load's mean rate over what its workers can do, by arithmetic; may exceed 1
