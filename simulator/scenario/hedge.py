"""When a task is sent to several replicas, as it is written: again where it has no answer, or at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, PlainSerializer, PrivateAttr, WithJsonSchema

from simulator.base import units
from simulator.base.formats import format_duration, shortest
from simulator.core.checked import MOST_WAIT_NS
from simulator.core.hedging import COPY, MOST_HEDGES, QUERIES
from simulator.scenario import fields

MOST_WAIT_S = MOST_WAIT_NS * 1e-9
ANOTHER = "a copy goes to another replica: have at least 2 replicas"
BY_TASK = "one replica index serves a whole query, a copy goes to another: let routing be by task"
_PERCENTILE = re.compile(r"p([0-9.]+)")


def _after(value: Any) -> float | str:
    """Seconds, or a percentile of what tasks take, as it is written."""
    percentile = _PERCENTILE.fullmatch(value.strip()) if isinstance(value, str) else None
    if percentile is None:
        try:
            return float(fields.positive(units.parse_duration, "a duration here")(value))
        except ValueError as error:
            raise ValueError(f"{error}; or a percentile of what tasks take, p95") from None
    percent = units.parse_exact(percentile[1])
    if not 1 <= percent < 100:
        raise ValueError(f"a percentile is in percent, at least 1 and below 100, got {fields.shown(value)}")
    return percentile.string


_TEXT = {"type": "string", "description": "a duration (20ms), or a percentile of what tasks take (p95)"}
After = Annotated[
    float | str,
    BeforeValidator(_after),
    PlainSerializer(lambda after: after if isinstance(after, str) else fields.exact_duration(after)),
    WithJsonSchema(_TEXT),
]


def _tied(value: Any) -> Any:
    """Copies of a task in all; None: one."""
    if isinstance(value, bool):
        return 2 if value else None
    return value if value is None else fields.whole(2, 1 + MOST_HEDGES)(value)


#: How many copies of a task are sent at once, the first that starts withdrawing the others.
Tied = Annotated[
    int | None,
    BeforeValidator(_tied),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "boolean"},
                {"type": "integer", "minimum": 2, "maximum": 1 + MOST_HEDGES},
                {"type": "string", "pattern": "^[0-9]+$"},
            ],
            "description": f"true: to two replicas; or a whole number of them, from 2 to {1 + MOST_HEDGES}",
        }
    ),
]


class Seen(NamedTuple):
    """What a pilot says of a percentile."""

    after_s: float
    queries: int  #: that were looked at


class Hedge(fields.Part):
    """Copies of tasks that have no answer yet."""

    after: After
    copies: fields.whole_type(1, MOST_HEDGES) = 1  # type: ignore[valid-type]
    budget: fields.PositiveRatio | None = None

    _said: str = PrivateAttr("")  #: by a pilot, of the percentile that was given

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """A copy is sent some time."""
        if isinstance(self.after, float) and self.after > MOST_WAIT_S:
            yield ("after",), "a copy is sent within a year"

    @property
    def percentile(self) -> float | None:
        """Of what tasks take, as a share, after which a copy is sent; None: after a time."""
        return float(self.after[1:]) / 100 if isinstance(self.after, str) else None

    def seen(self, seen: Seen) -> Hedge:
        """The same with a time in place of its percentile."""
        hedge = self.model_copy(update={"after": seen.after_s})
        hedge._said = f"{self.after} of what tasks take is {format_duration(seen.after_s)}"
        hedge._said += f", in a pilot of {seen.queries:,} queries without copies"
        return hedge

    def notes(self) -> list[str]:
        """What a pilot has said."""
        return [f"hedge.after: {self._said}"] if self._said else []

    @property
    def millionths(self) -> int | None:
        """Of a copy, that a task pays for; None: copies are free."""
        return None if self.budget is None else round(self.budget * COPY)

    def of_stage(self, shards: int, replicas: int, by_query: bool) -> Iterable[fields.Contradiction]:
        """What contradicts the rest of a stage."""
        if replicas < 2:
            yield (), ANOTHER
        elif self.copies >= replicas:
            yield ("copies",), f"each goes to a replica that has none: at most {replicas - 1}, got {self.copies}"
        if by_query:
            yield (), BY_TASK
        if self.millionths is not None and self.millionths * shards * QUERIES < COPY:
            least = -(-COPY // (shards * QUERIES)) / COPY
            yield (
                ("budget",),
                f"it holds what {QUERIES} queries pay, less than one copy: at least {shortest(100 * least)}%",
            )


def _after_alone(value: Any) -> Any:
    """A bare value is when a copy is sent."""
    return value if value is None or isinstance(value, (dict, Hedge)) else {"after": value}


HedgeGiven = Annotated[
    Hedge | None,
    BeforeValidator(_after_alone),
    fields.OrBare({"type": "string", "description": "when a copy is sent, alone"}),
]


def tied_contradictions(
    tied: int, replicas: int, by_query: bool, is_hedged: bool, withdraws: bool
) -> Iterable[fields.Contradiction]:
    """What contradicts copies that are sent at once: ``tied`` of them in all."""
    if replicas < 2:
        yield ("tied",), ANOTHER
    elif tied > replicas:
        yield ("tied",), f"each goes to a replica of its own: at most {replicas}, got {tied}"
    if by_query:
        yield ("tied",), BY_TASK
    if is_hedged:
        yield ("tied",), "the copies are sent at once, those of hedge later: give one of the two"
    if not withdraws:
        yield ("cancel",), "the copy that starts first withdraws the others: say queued or running"
