"""Who is next at a replica, how many may wait there and for how long, as it is written."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from simulator.base.formats import apart, format_duration
from simulator.core import disciplines
from simulator.core.checked import MOST_WAIT_NS, MOST_WAITING
from simulator.scenario import fields

#: Of classes of queries, and of what replicas do besides: from its opposite on.
MOST_PRIORITY = 1_000_000
DISCIPLINES = tuple(disciplines.BY_NAME)
MOST_WAIT_S = MOST_WAIT_NS * 1e-9
#: The interval of RFC 8289, unless said.
INTERVAL_S = 0.1


class Delay(fields.Part):
    """A queue that refuses who comes when it has been late for long (CoDel's rule, at the door)."""

    target_s: fields.PositiveDuration = Field(alias="target")
    interval_s: fields.PositiveDuration = Field(default=INTERVAL_S, alias="interval")

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """Neither is longer than any run."""
        for key, value in (("target", self.target_s), ("interval", self.interval_s)):
            if value > MOST_WAIT_S:
                said, most = apart(format_duration, value, MOST_WAIT_S)
                yield (key,), f"at most {most}, got {said}"


def _of_target(value: Any) -> Any:
    return value if value is None or isinstance(value, (Mapping, Delay)) else {"target": value}


class Queue(fields.Part):
    """Who is next of those that wait at a replica."""

    discipline: fields.word_type(*DISCIPLINES) = "fifo"  # type: ignore[valid-type]
    limit: fields.whole_type(0, MOST_WAITING) | None = None  # type: ignore[valid-type]
    delay: Annotated[
        Delay | None,
        BeforeValidator(_of_target),
        fields.OrBare({"type": "string", "description": "the target alone"}),
    ] = None

    @property
    def refuses(self) -> bool:
        """Whether it may refuse tasks."""
        return self.limit is not None or self.delay is not None

    @property
    def speaks_of_refusals(self) -> bool:
        """Whether it says whom it refuses, were it nobody."""
        return bool({"limit", "delay"} & self.model_fields_set)


QueueGiven = Annotated[
    Queue | None,
    BeforeValidator(lambda value: {"discipline": value} if isinstance(value, str) else value),
    fields.OrBare({"type": "string", "description": "the discipline alone"}),
]
