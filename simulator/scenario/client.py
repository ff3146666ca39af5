"""How clients give up on a query and send it again, as it is written."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from simulator.base.formats import apart, format_duration
from simulator.base.units import ns
from simulator.core import breakers, retrying
from simulator.scenario import fields

MOST_WAIT_S = retrying.MOST_WAIT_NS * 1e-9
#: Pauses grow up to that, unless said.
LONGEST_S = 60.0
#: What a budget holds, unless said, in retries.
BURST = 10


class Backoff(fields.Part):
    """How long a client pauses before it sends a query again."""

    base_s: fields.Duration = Field(alias="base")
    factor: fields.PositiveCount = 2.0
    most_s: fields.Duration | None = Field(default=None, alias="most")
    jitter: fields.word_type("full", "none") = "full"  # type: ignore[valid-type]

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """Pauses grow, from the first to the longest."""
        if self.factor < 1:
            yield ("factor",), f"pauses do not get shorter: at least 1, got {self.factor:g}"
        if self.most_s is not None and self.most_s < self.base_s:
            base, most = apart(format_duration, self.base_s, self.most_s)
            yield ("most",), f"the first pause is {base}, which is longer than {most}"
        for key, value in (("base", self.base_s), ("most", self.most_s or 0.0)):
            if value > MOST_WAIT_S:
                yield (key,), f"at most {format_duration(MOST_WAIT_S)}"


class Budget(fields.Part):
    """How many retries clients send, for the queries that they have sent."""

    ratio: fields.Ratio
    burst: fields.whole_type(1, 2**32) = BURST  # type: ignore[valid-type]


class Breaker(fields.Part):
    """When a process of clients sends nothing for a while, since too much of it ends badly."""

    errors: fields.Ratio
    window_s: fields.PositiveDuration = Field(alias="window")
    open_s: fields.PositiveDuration = Field(alias="open")
    least: fields.whole_type(1, breakers.MOST_LEAST) = breakers.LEAST  # type: ignore[valid-type]

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """It opens at a share that there is, and of times that a run can tell."""
        if not round(self.errors * breakers.ALL):
            yield ("errors",), "above 0: a share of the attempts, like 50%"
        for key, value in (("window", self.window_s), ("open", self.open_s)):
            if value > MOST_WAIT_S:
                yield (key,), f"at most {format_duration(MOST_WAIT_S)}"

    @property
    def of_plan(self) -> breakers.Breaker:
        """As a plan has it."""
        window_ns, open_ns = (max(1, ns(one)) for one in (self.window_s, self.open_s))
        return breakers.Breaker(round(self.errors * breakers.ALL), window_ns, open_ns, int(self.least))


def _constant(value: Any) -> Any:
    is_map = value is None or isinstance(value, (Mapping, Backoff))
    return value if is_map else {"base": value, "factor": 1, "jitter": "none"}


def _of_ratio(value: Any) -> Any:
    return value if value is None or isinstance(value, (Mapping, Budget)) else {"ratio": value}


class Client(fields.Part):
    """How long clients wait for an answer, and what they do then."""

    timeout_s: fields.PositiveDuration | None = Field(default=None, alias="timeout")
    retries: fields.whole_type(0, retrying.MOST_RETRIES) = 0  # type: ignore[valid-type]
    backoff: Annotated[
        Backoff | None,
        BeforeValidator(_constant),
        fields.OrBare({"type": "string", "description": "a pause of that length"}),
    ] = None
    processes: fields.whole_type(1, breakers.MOST_PROCESSES) | None = None  # type: ignore[valid-type]
    limit: fields.whole_type(1, breakers.MOST_OUT) | None = None  # type: ignore[valid-type]
    breaker: Breaker | None = None
    retry_budget: Annotated[
        Budget | None,
        BeforeValidator(_of_ratio),
        fields.OrBare({"type": ["string", "number"], "description": "the ratio alone"}),
    ] = None

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """It says something; and what goes with retries stands beside some."""
        if self.timeout_s is None and (self.retries or not self.sheds):
            yield (), "needs a timeout, like 200ms: else clients wait for ever"
        if self.processes is not None and not self.sheds and self.retry_budget is None:
            yield ("processes",), "goes with limit, breaker or retry_budget, of which each process has its own"
        if self.timeout_s is not None and self.timeout_s > MOST_WAIT_S:
            yield ("timeout",), f"at most {format_duration(MOST_WAIT_S)}"
        for key in ("backoff", "retry_budget"):
            if getattr(self, key) is not None and not self.retries:
                yield (key,), "goes with retries: say how many, like retries: 2"

    @property
    def pause_ns(self) -> tuple[float, float, float]:
        """The first pause, the factor of each further one, and the longest."""
        if self.backoff is None:
            return 0.0, 1.0, 0.0
        most_s = self.backoff.most_s
        longest = max(self.backoff.base_s, LONGEST_S if self.backoff.factor > 1 else 0.0) if most_s is None else most_s
        return self.backoff.base_s * 1e9, self.backoff.factor, longest * 1e9

    @property
    def is_drawn(self) -> bool:
        """Whether a pause is any part of its length, by luck."""
        return self.backoff is not None and self.backoff.jitter == "full"

    @property
    def budget(self) -> tuple[int, int]:
        """Millionths of a retry that a fresh query pays, and that are held."""
        if self.retry_budget is None:
            return retrying.FREE, 0
        return round(self.retry_budget.ratio * retrying.RETRY), int(self.retry_budget.burst) * retrying.RETRY

    @property
    def sheds(self) -> bool:
        """Whether processes shed attempts themselves."""
        return self.limit is not None or self.breaker is not None

    @property
    def of_limit(self) -> int:
        """Attempts of a process that are out at most."""
        return breakers.ANY_NUMBER if self.limit is None else int(self.limit)

    @property
    def of_breaker(self) -> breakers.Breaker:
        """Of a process."""
        return retrying.NO_BREAKER if self.breaker is None else self.breaker.of_plan
