"""Objectives: ``p99 < 1.5s``, ``stage.retrieval.hottest < 80%``, ``99% within 2s``, ``cost < 40 USD/h``."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from simulator.base import units
from simulator.base.errors import Problem, ScenarioError
from simulator.base.groups import CLASS, KINDS, Group
from simulator.base.nearest import nearest, quoted
from simulator.scenario.fields import NAME, Contradiction, shown
from simulator.scenario.merge import did_you_mean
from simulator.scenario.nodes import Node

SPELLINGS = (
    "p99 < 1.5s, mean < 200ms, max < 5s, 99% within 2s, stage.NAME.p95 < 900ms, stage.NAME.utilisation < 90%, "
    "stage.NAME.hottest < 80%, stage.NAME.hit_ratio > 80%, availability > 99.9%, failed_ratio < 0.1%, "
    "shed_ratio < 1%, partial_ratio < 1%, coverage.mean > 99%, goodput > 1k/s, cost < 40 USD/h, "
    "usd_per_million_queries < 3 USD, class.NAME.p99 < 100ms, class.NAME.availability > 99%, "
    "class.NAME.99% within 100ms, phase.NAME.p99 < 100ms, phase.NAME.availability > 99%"
)

#: Percentiles go from here: below 1 a share was meant (p0.99).
LEAST_SHARE = Fraction(1, 100)
#: And up to here.
MOST_SHARE = Fraction(999_999, 1_000_000)

_WITHIN = re.compile(rf"(?:(stage|class|phase)\.({NAME})\.)?(\S+)\s*%\s+within\s+(.+)")
_COMPARED = re.compile(rf"(?:(stage|class|phase)\.({NAME})\.)?([A-Za-z_][A-Za-z0-9_.]*)\s*(<=|>=|<|>|=+)\s*(.+)")
_PERCENTILE = re.compile(r"p[0-9.]+")


def _latency(text: str) -> float:
    bound = units.parse_duration(text)
    if not bound > 0:
        raise ValueError(f"an objective needs a duration above 0, got {text!r}")
    return bound


def _part(text: str) -> float:
    bound = units.parse_ratio(text)
    if not 0 < bound < 1:
        raise ValueError(
            f"the bound is above 0 and below 100 %, got {text!r}, which nothing could meet or nothing miss"
        )
    return bound


def _above_0(parse: Callable[[Any], float]) -> Callable[[str], float]:
    def checked(text: str) -> float:
        bound = parse(text)
        if not bound > 0:
            raise ValueError(f"the bound is above 0, got {text!r}, which nothing could meet or nothing miss")
        return bound

    return checked


def _money(text: str) -> float:
    try:
        return units.parse_money_rate(f"{text}/h")
    except ValueError:
        raise ValueError(f"{text!r} is not an amount of money; write it like 3 USD, $0.85") from None


#: What an objective can be of.
WHOLE, STAGE, EITHER = "the whole query", "a stage", ""


@dataclass(frozen=True)
class Measure:
    """What an objective can be about: how it is compared, what it is of, and how its bound is written."""

    sign: str  #: < or >
    of: str
    parse: Callable[[str], float]
    is_priced: bool = False  #: whether it takes the prices of all machines
    by_group: bool = False  #: whether it may be of the queries of a class, or of a phase


#: Measures by name, besides percentiles.
MEASURES = {
    "mean": Measure("<", EITHER, _latency, by_group=True),
    "max": Measure("<", EITHER, _latency, by_group=True),
    "utilisation": Measure("<", STAGE, _part),
    "hottest": Measure("<", STAGE, _part),
    "availability": Measure(">", WHOLE, _part, by_group=True),
    "failed_ratio": Measure("<", WHOLE, _part, by_group=True),
    "shed_ratio": Measure("<", WHOLE, _part, by_group=True),
    "partial_ratio": Measure("<", WHOLE, _part),
    "coverage.mean": Measure(">", EITHER, _part),
    "hit_ratio": Measure(">", STAGE, _part),
    "goodput": Measure(">", WHOLE, _above_0(units.parse_rate)),
    "cost": Measure("<", WHOLE, _above_0(units.parse_money_rate), is_priced=True),
    "usd_per_million_queries": Measure("<", WHOLE, _above_0(_money), is_priced=True),
}


def _meant(part: float) -> Fraction:
    """A part as the decimal fraction that was meant."""
    return Fraction(part).limit_denominator(10**9)


@dataclass(frozen=True)
class Objective:
    """One service-level objective; ``bound`` in seconds, a ratio, queries per second, USD/h or USD, by measure."""

    text: str  #: as written, blanks made single
    measure: str  #: quantile, share_within, or one of MEASURES
    stage: str | None  #: None: of the whole query
    p: float  #: of quantile and share_within, in (0, 1); else 0
    bound: float
    group: Group | None = None  #: of which queries; None: of all

    @property
    def is_of_all(self) -> bool:
        """Whether it is about whole queries, all of them."""
        return self.stage is None and self.group is None

    @property
    def allowed(self) -> float | None:
        """The share of queries that may be bad; None where it is about something else."""
        if self.p:
            return float(1 - _meant(self.p))
        return {
            "failed_ratio": self.bound,
            "partial_ratio": self.bound,
            "shed_ratio": self.bound,
            "availability": float(1 - _meant(self.bound)),
        }.get(self.measure)

    @property
    def is_priced(self) -> bool:
        """Whether it is known only of machines that all have a price."""
        return self.measure in MEASURES and MEASURES[self.measure].is_priced


def parse_objective(value: Any) -> Objective:
    """Read an objective.

    >>> parse_objective("p99.9 < 2s").p
    0.999
    """
    if isinstance(value, Objective):
        return value
    if not isinstance(value, str):
        raise ValueError(f"expected an objective like {SPELLINGS}, got {shown(value)}")
    text = " ".join(value.split())
    within = _WITHIN.fullmatch(text)
    if within is not None:
        of, name, percent, bound = within.groups()
        stage, group = (name if of == "stage" else None), (Group(of, name) if of in KINDS else None)
        return Objective(text, "share_within", stage, _percent(percent, text), _latency(bound), group)
    match = _COMPARED.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an objective; write it like {SPELLINGS}")
    of, name, what, sign, bound = match.groups()
    stage, group = (name if of == "stage" else None), (Group(of, name) if of in KINDS else None)
    is_percentile = _PERCENTILE.fullmatch(what) is not None
    if not is_percentile and what not in MEASURES:
        raise ValueError(f"{text!r}: nothing is called {what!r}{_near(what)} write it like {SPELLINGS}")
    measure = MEASURES["mean" if is_percentile else what]
    if sign != measure.sign:
        raise ValueError(f"{text!r}: {what} is compared with {measure.sign!r}, got {sign!r}")
    if measure.of == STAGE and stage is None:
        raise ValueError(f"{text!r}: {what} is of a stage; write stage.NAME.{what} {sign} {bound}")
    if measure.of == WHOLE and stage is not None:
        raise ValueError(f"{text!r}: {what} is of the whole query; leave stage.{stage}. out")
    if group is not None and not measure.by_group:
        known = ", ".join(["p99", *(name for name, one in MEASURES.items() if one.by_group)])
        some = "a class of queries" if group.kind == CLASS else "a phase"
        raise ValueError(f"{text!r}: {what} is not known of {some}; of one there are {known}")
    if is_percentile:
        return Objective(text, "quantile", stage, _percent(what[1:], text), _latency(bound), group)
    try:
        return Objective(text, what, stage, 0.0, measure.parse(bound), group)
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None


def unbounded(objectives: Sequence[Objective]) -> list[str]:
    """What is said of a stage that may refuse part of a query, where no objective says how much of it."""
    if not objectives or any(one.measure in ("coverage.mean", "partial_ratio") for one in objectives):
        return []
    cure = "an objective for coverage.mean or partial_ratio says how many may be"
    return [f"queue: a query that some shards refuse has an answer, and may be in time: {cure}"]


def _near(what: str) -> str:
    near = nearest(what, [*MEASURES, "p99"])
    return f"; did you mean {quoted(near)}?" if near else ";"


def _percent(percent: str, text: str) -> float:
    try:
        share = units.parse_exact(percent) / 100
    except ValueError:
        raise ValueError(f"{text!r}: {percent!r} is not a percentile; write it like p99 or p99.9") from None
    if not 0 < share < 1:
        raise ValueError(f"{text!r}: a percentile is above 0 and below 100, got {percent}")
    if share < LEAST_SHARE:
        raise ValueError(f"{text!r}: a percentile is in percent, at least 1: p99 is the 99th, got {percent}")
    if share > MOST_SHARE:
        raise ValueError(f"{text!r}: a percentile is at most 99.9999, got {percent}; no run supports more")
    return float(share)


ObjectiveField = Annotated[
    Objective,
    BeforeValidator(parse_objective),
    PlainSerializer(lambda objective: objective.text),
    WithJsonSchema({"type": "string", "description": f"an objective: {SPELLINGS}"}),
]


def objective_of(slo: str | Objective) -> Objective:
    """An objective as it is, or as a file writes it.

    Raises
    ------
    ScenarioError
        If it is none.
    """
    try:
        return parse_objective(slo)
    except ValueError as error:
        raise ScenarioError([Problem("--slo", 0, 0, "", str(error))]) from None


#: A load as a file states it; not known yet where its classes are read.
Load = Any


def objective_contradictions(
    slos: Sequence[Objective], names: Mapping[str, list[str]], unpriced: Sequence[str]
) -> Iterable[Contradiction]:
    """What objectives are of is there; ``names``: of stages and groups, by kind; ``unpriced``: what has no price."""
    for index, objective in enumerate(slos):
        for kind, name in (("stage", objective.stage), objective.group or ("", None)):
            if name is not None and name not in names[kind]:
                yield ("slos", index), f"no {kind} is called {name!r}{did_you_mean(name, names[kind])}"
        if objective.is_priced and unpriced:
            cure = "give its hardware a price, like 0.85 USD/h, or leave this objective out"
            yield ("slos", index), f"{objective.measure} is not known: {unpriced[0]} is not priced; {cure}"


def own_contradictions(slos: Sequence[Objective]) -> Iterable[Contradiction]:
    """Objectives of a class are of its queries, from arrival to answer."""
    known = ", ".join(["p99", "99% within", *(name for name, one in MEASURES.items() if one.by_group)])
    for index, objective in enumerate(slos):
        if objective.group is not None or objective.stage is not None:
            kind = "stage" if objective.group is None else objective.group.kind
            cure = "put one of a class or of a phase, or of a stage, among the slos of the scenario"
            yield ("slos", index), f"is of the queries of this class alone, like p99 < 100ms, not of a {kind}; {cure}"
        elif objective.measure in MEASURES and not MEASURES[objective.measure].by_group:
            yield ("slos", index), f"{objective.measure} is not known of a class of queries; of one there are {known}"


def gathered(load: Load, slos: Sequence[Objective]) -> tuple[Load, tuple[Objective, ...]]:
    """The load without what its classes say of objectives, which stand behind the others, each once."""
    classes = load.of_classes
    if not any(one.slos for one in classes):
        return load, tuple(slos)
    own = [parse_objective(f"{CLASS}.{one.name}.{slo.text}") for one in classes for slo in one.slos]
    bare = tuple(one.model_copy(update={"slos": ()}) for one in classes)
    known = {slo.text for slo in slos}
    return load.model_copy(update={"classes": bare}), (*slos, *(slo for slo in own if slo.text not in known))


def without_own(tree: Node) -> Node:
    """A scenario as it was read, without the objectives that its classes state."""
    load = tree.value.get("load")
    classes = load.value.get("classes") if load is not None and isinstance(load.value, dict) else None
    if classes is None or not isinstance(classes.value, list):
        return tree
    bare = [Node({key: said for key, said in one.value.items() if key != "slos"}, one.mark) for one in classes.value]
    stated = Node({**load.value, "classes": Node(bare, classes.mark)}, load.mark)
    return Node({**tree.value, "load": stated}, tree.mark)
