"""How many replicas of a stage serve, where an autoscaler says so, as it is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from simulator.base import units
from simulator.base.formats import format_duration
from simulator.core import scaling
from simulator.core.checked import MOST_WAIT_NS
from simulator.scenario import fields
from simulator.scenario.replicas import MOST_SHARDS, Replicas

HPA, CONCURRENCY, IDEAL = RULES = ("hpa", "concurrency", "ideal")
MOST_WAIT_S = MOST_WAIT_NS * 1e-9
#: Unless said: between two looks of Kubernetes and of Knative, over which Knative looks, and Kubernetes stabilises.
EVERY_S, OFTEN_S, WINDOW_S, DOWN_S = 15.0, 2.0, 60.0, 300.0
#: Unless said: how far from the target nothing changes; and at once twice as many, or four more (Kubernetes).
TOLERANCE, TWICE, FOUR = 0.1, 1.0, 4
#: Unless said, no more than half of all go at once (Knative).
HALF = 0.5
#: A share of the replicas that there are, in percent.
LEAST_PERCENT, MOST_PERCENT = 0.01, 1_000_000
#: Tasks at a replica, at most, as a target.
MOST_TASKS = 1_000_000


class Percent(float):
    """A number that is written with a percent sign."""


def _target(value: Any) -> float:
    """A ratio, or a number of tasks."""
    is_share = isinstance(value, str) and value.strip().endswith("%")
    number = units.parse_ratio(value) if is_share else units.parse_count(value)
    if not scaling.WHOLE**-1 <= number <= MOST_TASKS:
        raise ValueError(f"a target is above 0 and at most {MOST_TASKS:,}, got {fields.shown(value)}")
    return Percent(number) if is_share else number


def _step(value: Any) -> int | str:
    """A number of replicas, or a share of them, as it is written."""
    if isinstance(value, str) and value.strip().endswith("%"):
        text = value.strip()
        if not (number := units.parse_count(text[:-1])) == 0 and not LEAST_PERCENT <= number <= MOST_PERCENT:
            raise ValueError(f"a share is 0 %, or from {LEAST_PERCENT:g} % to {MOST_PERCENT:,} %, got {text}")
        return text
    try:
        return fields.whole(0, MOST_SHARDS)(value)
    except ValueError as error:
        raise ValueError(f"{error}; write a number of replicas, or a share of them like 50%") from None


_EITHER = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]}
Target = Annotated[
    Any,  # a Percent stays what it is
    BeforeValidator(_target),
    WithJsonSchema({**_EITHER, "description": "a share of the time of workers (60%), or tasks at a replica (8)"}),
]
Step = Annotated[
    int | str,
    BeforeValidator(_step),
    WithJsonSchema({**_EITHER, "description": "a number of replicas, or a share of those there are (50%)"}),
]


class Stabilise(fields.Part):
    """For how long what was advised before counts, too."""

    up_s: fields.Duration | None = Field(default=None, alias="up")
    down_s: fields.Duration | None = Field(default=None, alias="down")


class Limit(fields.Part):
    """How many replicas may come, or go, at once."""

    up: Step | None = None
    down: Step | None = None

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """It may grow."""
        if self.up is not None and not any(_parts(self.up, 0.0, 0)):
            yield ("up",), "it would never grow: at least 1, or a share like 100%"


def _parts(step: int | str | None, share: float, number: int) -> tuple[int, int]:
    """Millionths of those there are, and a number; what is said takes the place of both."""
    if step is None:
        return round(share * scaling.WHOLE), number
    if isinstance(step, int):
        return 0, step
    return round(units.parse_count(step[:-1]) / 100 * scaling.WHOLE), 0


class Autoscale(fields.Part):
    """How many replicas of a stage serve."""

    rule: fields.word_type(*RULES) = HPA  # type: ignore[valid-type]
    target: Target
    every_s: fields.PositiveDuration | None = Field(default=None, alias="every")
    window_s: fields.PositiveDuration | None = Field(default=None, alias="window")
    delay_s: fields.Duration = Field(alias="delay")
    metric_delay_s: fields.Duration = Field(default=0.0, alias="metric_delay")
    tolerance: fields.Ratio | None = None
    stabilise: Stabilise = Stabilise()
    limit: Limit = Limit()
    least: fields.whole_type(1, MOST_SHARDS) = Field(default=1, alias="min")  # type: ignore[valid-type]
    most: fields.whole_type(1, MOST_SHARDS) = Field(alias="max")  # type: ignore[valid-type]

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """The target is one of its rule, periods fill the window, and there are no more at least than at most."""
        if self.least > self.most:
            yield ("min",), f"is more than max, {self.most}"
        if self.rule != CONCURRENCY and self.target > 1:
            yield ("target",), f"is a share of the time of workers, like 60%, got {self.target:g}"
        if self.rule == IDEAL:
            for key in ("window", "metric_delay", "tolerance", "stabilise", "limit"):
                if {key, f"{key}_s"} & self.model_fields_set:
                    yield (key,), "the ideal knows who comes, and measures nothing: leave it out, or take another rule"
        if self.rule == CONCURRENCY and isinstance(self.target, Percent):
            like = "like 4 (70 % of a limit of 10 is 7); a share goes with rule: hpa"
            yield ("target",), f"a number of tasks at a replica, waiting or served, {like}"
        if self.rule == CONCURRENCY and self.tolerance is not None:
            yield ("tolerance",), "goes with rule: hpa; concurrency follows its target"
        for key, value in (("every", self.period_s), ("delay", self.delay_s), ("metric_delay", self.metric_delay_s)):
            if not value <= MOST_WAIT_S:
                yield (key,), f"at most {format_duration(MOST_WAIT_S)}"
        if self.period_s < 1e-3:
            yield ("every",), f"at least 1ms, got {format_duration(self.period_s)}"
        elif abs(self.periods * self.period_s - self.looked_at_s) > 1e-9 * self.looked_at_s:
            window, every = format_duration(self.looked_at_s), format_duration(self.period_s)
            yield ("window",), f"a whole number of periods of {every} (every), got {window}"

    @property
    def period_s(self) -> float:
        """Between two control instants."""
        return (OFTEN_S if self.rule == CONCURRENCY else EVERY_S) if self.every_s is None else self.every_s

    @property
    def looked_at_s(self) -> float:
        """Over which it is measured."""
        if self.window_s is not None:
            return self.window_s
        return max(WINDOW_S, self.period_s) if self.rule == CONCURRENCY else self.period_s

    @property
    def periods(self) -> int:
        """The same in periods."""
        return max(1, round(self.looked_at_s / self.period_s))

    def part(self, begins: int, demand_s: float) -> scaling.Scaling:
        """The same in ns; ``demand_s``: for which a query takes a worker of each shard."""
        is_hpa, is_ideal = self.rule == HPA, self.rule == IDEAL
        down_s = self.stabilise.down_s
        twice, four = (TWICE, FOUR) if is_hpa else (0.0, scaling.ANY_NUMBER)
        half, rest = (HALF, 0) if self.rule == CONCURRENCY else (0.0, scaling.ANY_NUMBER)
        up, down = _parts(self.limit.up, twice, four), _parts(self.limit.down, half, rest)
        tolerance = TOLERANCE if self.tolerance is None else self.tolerance
        return scaling.Scaling(
            rule=RULES.index(self.rule),
            target=round(self.target * scaling.WHOLE),
            begins=begins,
            least=int(self.least),
            most=int(self.most),
            every_ns=units.ns(self.period_s),
            delay_ns=units.ns(self.delay_s),
            metric_delay_ns=units.ns(self.metric_delay_s),
            window=1 if is_ideal else self.periods,
            tolerance=round(tolerance * scaling.WHOLE) if is_hpa else 0,
            up_ns=units.ns(self.stabilise.up_s or 0.0),
            down_ns=units.ns((DOWN_S if is_hpa else 0.0) if down_s is None else down_s),
            up_share=up[0],
            up_number=up[1],
            down_share=down[0],
            down_number=down[1],
            demand=round(demand_s * 1e12),
        )


def is_scaled(stage: Any) -> bool:
    """Whether an autoscaler may change how many replicas of a stage serve."""
    return stage.autoscale is not None and stage.autoscale.least < stage.autoscale.most


def fleet(given: Replicas, autoscale: Autoscale | None) -> Replicas:
    """Replicas that there may be."""
    return given if autoscale is None else Replicas(default=autoscale.most)


def scaling_contradictions(said: dict[str, Any]) -> Iterable[fields.Contradiction]:
    """Of what a stage says: what does not go with an autoscaler, and whether it begins between its bounds."""
    one, given = said["autoscale"], said["replicas_given"]
    if one is None:
        return
    if given.hot:
        yield ("replicas",), "with autoscale all shards have as many: give one number, those at the beginning"
    elif not one.least <= given.default <= one.most:
        yield ("replicas",), f"those at the beginning: from autoscale.min, {one.least}, to autoscale.max, {one.most}"
    for key, why in (
        ("runs_on", "its replicas are those of another stage: say it there"),
        ("colocate", "its machines would come and go with its own load: give it machines of its own"),
        ("sharing", "workers that tasks share are not counted as busy: give it a queue"),
        ("background", "what replicas do besides they do all the time: leave one out"),
        ("lost_machine", "a machine that is gone is replaced: say it in failures"),
    ):
        if said[key] is not None:
            yield ("autoscale",), f"does not go with {key}: {why}"
    if said["tied"] is not None and said["tied"] > one.least:
        yield ("autoscale", "min"), f"tied copies go to replicas of their own: at least {said['tied']}"


def rule_contradictions(stages: Sequence[Any], is_known: bool) -> Iterable[fields.Contradiction]:
    """Of all stages: nobody runs on one that is scaled, or on its machines, and the ideal knows who comes."""
    hosts = {name for stage in stages for name in (stage.runs_on, stage.colocate)}
    for index, stage in enumerate(stages):
        if stage.autoscale is not None and stage.name in hosts:
            said = "its replicas, or machines, are those of another stage, too, whose load it does not look at"
            yield ("stages", index, "autoscale"), said
        if stage.autoscale is not None and stage.autoscale.rule == IDEAL and not is_known:
            said = "the ideal knows who comes: not of clients that wait, or try again; take another rule"
            yield ("stages", index, "autoscale", "rule"), said
