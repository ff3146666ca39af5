"""What is between the aggregator and its replicas, and what it does with their answers, as it is written."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from simulator.scenario import fields
from simulator.scenario.laws import NO_TIME, DurationLaw


class Network(fields.Part):
    """Latencies between the aggregator and a replica."""

    request_s: fields.Duration = Field(default=0.0, alias="request")
    send_s: fields.Duration = Field(default=0.0, alias="send")
    response: DurationLaw = NO_TIME


class Merge(fields.Part):
    """What the aggregator does when a stage's answers are there."""

    time_s: fields.Duration = Field(default=0.0, alias="time")
    per_response_s: fields.Duration = Field(default=0.0, alias="per_response")
    workers: fields.whole_type(0, 1_000_000) = 0  # type: ignore[valid-type]

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """Mergers merge something."""
        if self.workers and not (self.time_s or self.per_response_s):
            yield ("workers",), "there is nothing to merge: give time or per_response, or leave workers out"
