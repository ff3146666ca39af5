"""What replicas do besides queries, as it is written: indexing, compaction, refreshes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from simulator.base import units
from simulator.base.formats import counted, format_duration, format_rate, shortest
from simulator.core.background import LAST
from simulator.core.laws import Law
from simulator.scenario import fields
from simulator.scenario.laws import DurationLaw
from simulator.scenario.queue import MOST_PRIORITY

#: A mean time of a task, at least: what is shorter is no task.
LEAST_TIME_S = 1e-7
#: A rate, at least, unless there are none: once in three decades.
LEAST_PER_S = 1e-9

#: How often, or never.
RateOrNone = Annotated[
    float,
    BeforeValidator(units.parse_rate),
    PlainSerializer(fields.exact_rate),
    WithJsonSchema({"type": "string", "description": "a rate: 5/s; 0/s: none"}),
]


class Background(fields.Part):
    """Tasks that every replica has of its own, in a Poisson process, beside those of queries."""

    rate_per_s: RateOrNone = Field(alias="rate")
    time: DurationLaw
    priority: fields.whole_type(-MOST_PRIORITY, MOST_PRIORITY) | None = None  # type: ignore[valid-type]

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """A task takes some time, on average, and comes now and then."""
        if 0 < self.rate_per_s < LEAST_PER_S:
            yield ("rate",), f"at least {format_rate(LEAST_PER_S)}, or 0/s: none, got {format_rate(self.rate_per_s)}"
        if not self.time.law.mean() >= LEAST_TIME_S:
            mean, least = format_duration(self.time.law.mean()), format_duration(LEAST_TIME_S)
            yield ("time",), f"at least {least} on average, got {mean}"

    def of_stage(self, workers: int, queue: str, is_batched: bool) -> Iterable[fields.Contradiction]:
        """It leaves something of so many workers, that is sets of threads, to queries; and has a place in the queue."""
        if is_batched:
            yield (), "a batch is of tasks of queries, which a model scores together: leave batching out"
        if self.busy >= workers:
            often, mean = format_rate(self.rate_per_s), format_duration(self.time.law.mean())
            can = f"less than {counted(workers, 'worker')} can do, or queries are never served"
            yield ("rate",), f"{can}; {often} of {mean} take {shortest(self.busy)}"
        if self.priority is not None and queue != "priority":
            yield ("priority",), f"no queue looks at it: say queue: priority, or leave it out, got a queue of {queue}"

    @property
    def busy(self) -> float:
        """Workers of a replica that it takes, on average."""
        return self.rate_per_s * self.time.law.mean()

    def parts(self, in_ns: float) -> Mapping[str, Any]:
        """Of ``StageParts``; ``in_ns``: of a second."""
        if self.rate_per_s == 0:
            return {}
        return {
            "background_gap": Law.exponential(in_ns / self.rate_per_s),
            "background_time": self.time.law.scaled(in_ns),
            "background_priority": LAST if self.priority is None else float(self.priority),
        }
