"""What makes a stage slow now and then, as it is written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from simulator.base import units
from simulator.base.formats import format_duration, shortest
from simulator.core.plan import OF_MACHINE, OF_REPLICA, OF_SHARD, OF_STAGE
from simulator.scenario import fields
from simulator.scenario.laws import DurationLaw

SCOPES = {"replica": OF_REPLICA, "machine": OF_MACHINE, "shard": OF_SHARD, "stage": OF_STAGE}
#: On average no slow stretch comes sooner after the one before: what is shorter is spread of a task.
LEAST_EVERY_S = 1e-4
STOP = "stop"


def _factor(value: Any) -> float | str:
    """How much longer what is served meanwhile takes, or that nothing is served."""
    if value == STOP:
        return STOP
    try:
        factor = units.parse_count(value)
    except ValueError:
        raise ValueError(f"expected {STOP}, or a factor of at least 1, got {fields.shown(value)}") from None
    if factor < 1:
        raise ValueError(f"expected {STOP}, or a factor of at least 1, got {fields.shown(value)}")
    return factor


SlowFactor = Annotated[
    float | str,
    BeforeValidator(_factor),
    PlainSerializer(lambda factor: factor if factor == STOP else fields.plain_number(factor)),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number", "minimum": 1}, {"type": "string", "pattern": "^(stop|[0-9.]+)$"}],
            "description": "stop, or a factor of at least 1",
        }
    ),
]


class SlowdownSpec(fields.Part):
    """Slow stretches of time, of each replica, machine or shard, or of the whole stage."""

    every: DurationLaw
    length: DurationLaw
    factor: SlowFactor = STOP
    scope: fields.word_type(*SCOPES) = "replica"  # type: ignore[valid-type]

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """They are few enough to be drawn one by one."""
        if not self.every.law.mean() >= LEAST_EVERY_S * (1 - 1e-12):
            least = format_duration(LEAST_EVERY_S)
            cure = "what is as frequent as tasks is spread: say it as variability.task"
            yield ("every",), f"{format_duration(self.every.law.mean())} on average; at least {least}: {cure}"

    @property
    def share_slow(self) -> float:
        """Share of the time in the long run."""
        every_s, length_s = self.every.law.mean(), self.length.law.mean()
        return length_s / (every_s + length_s) if length_s > 0 else 0.0

    @property
    def times(self) -> float:
        """How much longer work takes meanwhile; infinite where nothing is done."""
        return math.inf if self.factor == STOP else float(self.factor)

    def notes(self, is_one: bool) -> list[str]:
        """What it costs in the long run, and that all are slow at once; ``is_one``: there is one that is slow."""
        if not (self.share_slow > 0 and self.times > 1):
            return []
        is_constant = self.every.law.is_constant() and self.length.law.is_constant()
        cure = "if each has its own, give every a law: exponential"
        at_once = [f"slowdowns: every is constant, so each {self.scope} is slow at the same instants; {cure}"]
        return [self._cost(), *at_once * (is_constant and not is_one)]

    def _cost(self) -> str:
        does = "does nothing" if math.isinf(self.times) else f"takes {shortest(self.times)} times as long"
        return (
            f"slowdowns: a {self.scope} is slow {100 * self.share_slow:.3g} % of the time, and {does} meanwhile;"
            " demand counts it"
        )
