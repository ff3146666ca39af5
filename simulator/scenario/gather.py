"""How many answers a stage waits for, and what becomes of the tasks that it does not wait for, as it is written."""

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from simulator.base import units
from simulator.core.checked import MOST_WAIT_NS
from simulator.scenario import fields

MOST_WAIT_S = MOST_WAIT_NS * 1e-9
ALL = "all"


def _wait_for(value: Any) -> int | str:
    if value == ALL:
        return ALL
    if isinstance(value, str) and value.strip().endswith("%"):
        share = units.parse_ratio(value)
        if not 0 < share <= 1:
            raise ValueError(f"a share of the shards is above 0 % and at most 100 %, got {fields.shown(value)}")
        return value.strip()
    if isinstance(value, float) and 0 < value < 1:
        raise ValueError(
            f"write a share of the shards with a percent sign, {100 * value:g}%, got {fields.shown(value)}"
        )
    try:
        return fields.whole(1, 2**24)(value)
    except ValueError as error:
        raise ValueError(f"{error}; write all, a share like 99%, or a number of answers") from None


_NUMBER = {"type": "number", "minimum": 1}
_TEXT = {"type": "string", "pattern": r"^(all|\s*[0-9.]+\s*%|[0-9][0-9_]*[kM]?)$"}
WaitFor = Annotated[
    int | str,
    BeforeValidator(_wait_for),
    WithJsonSchema(
        {"anyOf": [_NUMBER, _TEXT], "description": "all, a share of the shards (99%), or a number of answers"}
    ),
]


class Gather(fields.Part):
    """How many answers close a stage, and how long they are waited for."""

    wait_for: WaitFor = ALL
    timeout_s: fields.PositiveDuration | None = Field(default=None, alias="timeout")
    then: fields.Ratio | None = None

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """Who waits on does so for a share of what a time-out leaves."""
        if self.timeout_s is not None and self.timeout_s > MOST_WAIT_S:
            yield ("timeout",), "a stage waits a year at most"
        if self.then is not None and self.timeout_s is None:
            yield ("then",), "is a share of the time that a timeout leaves: give one"
        if self.then is not None and "wait_for" not in self.model_fields_set:
            yield ("then",), "nothing is left to wait for after all answers: say in wait_for how many are enough"

    def is_partial(self, shards: int) -> bool:
        """Whether a stage of so many shards may close without all of its answers."""
        return self.answers(shards) < shards or self.timeout_s is not None

    def parts(self, shards: int) -> tuple[int, int]:
        """Answers that close a stage where a query visits some of so many shards, and of how many parts of them.

        0 parts: it is a number of answers.
        """
        if self.wait_for == ALL:
            return shards, 0
        if isinstance(self.wait_for, int):
            return self.wait_for, 0
        share = Fraction(units.parse_exact(self.wait_for.rstrip("%"))) / 100
        return share.numerator, share.denominator

    def answers(self, shards: int) -> int:
        """That close a stage of so many shards; more than these where a number is given that is."""
        if self.wait_for == ALL:
            return shards
        if isinstance(self.wait_for, int):
            return self.wait_for
        return math.ceil(Fraction(units.parse_exact(self.wait_for.rstrip("%"))) / 100 * shards)


class Cancel(fields.Part):
    """What becomes of tasks whose answers nobody waits for any more."""

    what: fields.word_type("none", "queued", "running") = "queued"  # type: ignore[valid-type]
    delay_s: fields.Duration | None = Field(default=None, alias="delay")

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """A withdrawal that is sent takes its time."""
        if self.delay_s is not None and self.what == "none":
            yield ("delay",), "nothing is withdrawn: leave it out, or let what be queued or running"
        if self.delay_s is not None and self.delay_s > MOST_WAIT_S:
            yield ("delay",), "a withdrawal takes a year at most"
