"""What paper and pencil say of a scenario: ``shardsim estimate``, and the theory line of a run."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypedDict, cast

from simulator.documents import parts
from simulator.documents.marks import Says, open_keys

#: How a prediction is meant.
Kind = Literal["exact", "upper bound", "lower bound"]

#: What a run says of a prediction.
Verdict = Literal["agrees", "outside 95 %", "contradicted", "not checked"]


class MeanAndMax(TypedDict):
    """Of the shards or replicas of a stage."""

    mean: float  #: over them
    max: float  #: of the largest


@open_keys({r"^p[0-9.e+-]+$": Annotated[float, Says("percentile of that name, seconds")]})
class ZeroLoad(TypedDict):
    """Latency of an empty system in seconds: mean, and percentiles by name."""

    mean: float  #: seconds
    kind: str  #: exact; or numeric, and what it takes for granted


def zero_load(mean_s: float, percentiles_s: Mapping[str, float], kind: str) -> ZeroLoad:
    """Latency of an empty system, with its percentiles by name."""
    return cast(ZeroLoad, {"mean": mean_s, **percentiles_s, "kind": kind})


def zero_load_percentiles(latency_s: ZeroLoad) -> dict[str, float]:
    """Mean and percentiles of an empty system by name, in order."""
    return {name: cast(float, value) for name, value in latency_s.items() if name != "kind"}


class Mergers(TypedDict):
    """The mergers of a stage, for which queries queue, by arithmetic."""

    count: int  #: of them
    service_s: float  #: one merge
    demand: float  #: work of the mean load over what they can do; may exceed 1


class Cache(TypedDict):
    """The cache of a stage, on paper: keys are drawn independently, and put in at once."""

    size: int  #: keys that it holds, at most
    catalogue: int  #: keys that there are
    hit_ratio: float  #: part of the queries that it answers, about (Che's approximation of LRU)
    most: float  #: part of them, at most: that of the most popular keys


class Merging(TypedDict, total=False):
    """What only some stages have: mergers that queue, workers that stay taken when answers have gone, a cache."""

    cache: Cache  #: ahead of it

    mergers: Mergers  #: its mergers
    after_answer_s: float  #: so long they stay, on average; after a batch once
    own_demand: MeanAndMax  #: of its own tasks alone, where it shares replicas with another stage


class StageOnPaper(Merging):
    """One stage, by arithmetic."""

    name: str  #: of the stage
    candidates: float  #: scored for a query, over all shards
    service_s: MeanAndMax  #: mean service time of the shards
    demand: MeanAndMax  #: on the replicas: offered load over what their workers can do; may exceed 1


class Prediction(TypedDict):
    """One figure that theory knows."""

    statistic: str  #: mean, p95, ... of latency; wait: mean waiting time of tasks
    stage: str | None  #: null: of the whole query
    value_s: float | None  #: null: infinite
    kind: Kind  #: how it is meant
    law: str  #: its name and source


class Peak(TypedDict):
    """The highest rate of a load that changes over time."""

    rate_per_s: float  #: the highest
    demand: float  #: on the busiest station at that rate; may exceed 1
    above_saturation_s: float  #: of each replication: so long the rate is above saturation


class ClosedLoad(TypedDict):
    """Clients that wait for what they have sent, by arithmetic: the rate follows from how fast they are answered."""

    count: int  #: of them
    think_s: float  #: mean time between the outcome of a query and the next one
    most_per_s: float  #: queries that they are answered, at most
    saturating: float | None  #: clients that may keep the bottleneck always busy; null: it is not known from when on
    exact_per_s: float | None  #: queries that they are answered, by a closed form; null: none is known


class Door(TypedDict):
    """A door at which not everybody is admitted, by arithmetic: in the long run."""

    most_per_s: float | None  #: queries that it admits, at most; null: any number
    least_ratio: float  #: of queries, those that it sheds, at least; 0: nothing is certain
    exact_ratio: float | None  #: the same, by a closed form; null: none is known
    law: str  #: its name and source; empty: none is known


class Changing(TypedDict, total=False):
    """What is said besides of a load that changes over time, whose clients wait, or that is shed in part."""

    peak: Peak  #: its highest rate
    admission: Door  #: at which queries may be shed; the mean load and demands are of all that come
    clients: ClosedLoad  #: who wait for what they have sent; then the mean load is the most that it may be


class Arithmetic(Changing):
    """What arithmetic says of the whole scenario."""

    rate_per_s: float  #: mean load
    bottleneck: parts.Bottleneck  #: the busiest of all
    saturation_per_s: float | None  #: the load at which the busiest station is always busy; null: nothing takes time
    zero_load_s: ZeroLoad | None  #: null: not known
    predictions: list[Prediction]  #: what closed forms say


class Paper(Arithmetic):
    """A scenario, by arithmetic."""

    stages: list[StageOnPaper]  #: in the order in which a query meets them


class Finding(TypedDict):
    """A prediction or an identity, and what was seen of it."""

    law: str  #: its name and source
    statistic: str  #: mean, p95, ... of latency; wait; shed: share of queries
    stage: str | None  #: null: of the whole query
    kind: str  #: exact, a bound, or an identity
    expected: float | None  #: null: infinite
    observed: float | None  #: null: the sample does not say it
    low: float | None  #: of the interval of what was seen
    high: float | None  #: of the interval of what was seen
    verdict: Verdict  #: what the run says


class Theory(Paper):
    """A scenario, by arithmetic, and what a run says of it."""

    checks: list[Finding]  #: predictions and identities, held against the run


class Call(TypedDict):
    """One call of a model."""

    items: float  #: that are scored
    flop: float | None  #: null: the model does not say
    moved_bytes: float | None  #: null: the model does not say
    seconds: float  #: that it takes
    seconds_per_further_item: float | None  #: null: the model does not say


class Costs(TypedDict):
    """What a model does for a query, to be trained, and in one call."""

    kind: str  #: of the model
    order: str  #: of scoring, asymptotically
    inference: float | None  #: operations for a query
    training_order: str  #: of training, asymptotically
    training: float | None  #: operations in all
    unit: str  #: of operations
    bound_by: str | None  #: side of the roofline; null: not known
    call: Call  #: one call at one shard


class Batch(TypedDict):
    """A batch of tasks of the mean query, at a shard of the mean size."""

    tasks: int  #: served together
    items: float  #: of all of them; the size that it is padded to, where there are such
    seconds: float  #: that it takes


class OfSum(TypedDict, total=False):
    """What a sum of models has besides, and a model that serves batches."""

    parts: list[Costs]  #: each of the models
    batches: list[Batch]  #: growing, twice as many tasks each, and the largest


class Model(Costs, OfSum):
    """The model of a stage."""


class SourceEstimate(TypedDict):
    """One of the sources of a stage, by arithmetic, and what its model does."""

    name: str  #: of the source
    candidates: float  #: scored for a query, over its shards
    service_s: MeanAndMax  #: mean service time of its shards
    demand: MeanAndMax  #: on its replicas: offered load over what their workers can do; may exceed 1
    shards: int  #: of the source
    items_per_shard: float  #: of one query
    model: Model  #: what it does and takes


class OfModels(TypedDict, total=False):
    """What does the work of a stage: its model, or its sources, of which each has one."""

    model: Model  #: what it does and takes
    sources: list[SourceEstimate]  #: in their order


class StageEstimate(StageOnPaper, OfModels):
    """One stage, by arithmetic, and what its model does."""

    shards: int  #: of the stage
    items_per_shard: float  #: of one query


class Estimate(parts.Head, Arithmetic):
    """Paper and pencil: ``shardsim estimate --format json``."""

    stages: list[StageEstimate]  #: in the order in which a query meets them
    fleet: parts.Fleet  #: machines and money
    notes: list[str]  #: what a reader should know besides
    rows: float  #: that the models are trained on
    epochs: float  #: passes over the rows
