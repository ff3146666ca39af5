"""Laws as a scenario states them: of durations, of counts, and factors of mean 1. A bare value is constant.

How a family is stated says its row of ``core.laws.sampling.FAMILIES``; here each row becomes a model for each of the
three forms. What is not stated by numbers, a file or a mixture, stands here by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union

from pydantic import BeforeValidator, ConfigDict, Field, create_model, model_serializer

from simulator.base.errors import PluginError
from simulator.base.formats import shortest
from simulator.base.units import COLUMN_UNITS
from simulator.core.laws import Law
from simulator.core.laws.family import BY_FILE, BY_PARTS, BY_PERCENTILES, Argument, Family, Statement
from simulator.core.laws.sampling import FAMILIES
from simulator.models.plugged_law import law_of
from simulator.plugins import Kind
from simulator.scenario import fields
from simulator.scenario.held import FileOfNumbers
from simulator.scenario.plugged import PluggedPart, or_plugged
from simulator.scenario.recorded import read_law
from simulator.scenario.rows import TraceError

PERCENTILE = re.compile(r"p[0-9]{1,2}(\.[0-9]{1,9})?")
#: The highest that a law is stated by; and how much more than that its largest value is, at most.
MOST_PERCENT, MOST_GROWTH = 99.9999, 1e6


class PluggedLaw(PluggedPart):
    """A law of durations or counts of a plug-in: its parameters."""

    @staticmethod
    def work_out(plugin: Kind, thing: Any) -> Any:
        """The law, tabulated."""
        if plugin.mark.is_factor:
            raise PluginError(f"{plugin.kind} is a law of factors, of mean 1; a duration or count is wanted here")
        return law_of(plugin.kind, thing)

    @property
    def law(self) -> Law:
        """In seconds, or as numbers."""
        return self.worked  # type: ignore[no-any-return]


class PluggedFactor(PluggedLaw):
    """A law of factors of a plug-in: its parameters."""

    @staticmethod
    def work_out(plugin: Kind, thing: Any) -> Any:
        """The law, tabulated, of mean 1."""
        if not plugin.mark.is_factor:
            cure = "mark the class with @law(factor=True), and let its mean be 1"
            raise PluginError(f"{plugin.kind} is a law of durations or counts; a factor is wanted here: {cure}")
        return law_of(plugin.kind, thing, is_factor=True)


def _bare_is_constant(value: Any) -> Any:
    return value if isinstance(value, dict) else {"kind": "constant", "value": value}


def _or_bare(schema: dict[str, Any]) -> tuple[Any, ...]:
    return BeforeValidator(_bare_is_constant), fields.OrBare(schema)


@dataclass(frozen=True, eq=False)
class Form:
    """What a law is of."""

    name: str  #: in the names of models
    unit: str
    positive: Any  #: type of an argument that has its unit
    not_negative: Any
    also: tuple[Any, ...]  #: what is accepted besides the built-in kinds


DURATION = Form(
    "Duration",
    "duration",
    fields.PositiveDuration,
    fields.Duration,
    (*or_plugged("laws", PluggedLaw), *_or_bare({"type": "string", "description": "a constant duration"})),
)
COUNT = Form(
    "Count",
    "count",
    fields.PositiveCount,
    fields.Count,
    (*or_plugged("laws", PluggedLaw), *_or_bare({"type": ["string", "number"], "description": "a constant count"})),
)
FACTOR = Form("Factor", "factor", fields.PositiveCount, fields.Count, or_plugged("laws", PluggedFactor))
FORMS = (DURATION, COUNT, FACTOR)


class LawPart(fields.Part):
    """A law of one family in one form."""

    kind: str
    form: ClassVar[Form]

    @property
    def law(self) -> Law:
        """In seconds, as numbers, or of mean 1."""
        raise NotImplementedError


class LawByNumbers(LawPart):
    """A law that its arguments state."""

    statement: ClassVar[Statement]

    @property
    def arguments(self) -> dict[str, Any]:
        """By name."""
        return {argument.name: getattr(self, argument.name) for argument in self.statement.arguments}

    @property
    def law(self) -> Law:
        """In seconds, as numbers, or of mean 1."""
        return Law.of(self.statement.terms(**self.arguments))

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """What the arguments say against each other."""
        shown = {name: self._shown(name, value) for name, value in self.arguments.items()}
        for path, message in self.statement.refusals(**self.arguments):
            yield path, message.format(**shown)

    def _shown(self, name: str, value: float | None) -> str:
        """An argument with its unit."""
        if value is None:
            return "none"
        has_unit = any(argument.name == name and argument.has_unit for argument in self.statement.arguments)
        return fields.exact_duration(value) if has_unit and self.form is DURATION else shortest(value)


class LawByValue(LawByNumbers):
    """The law that a bare value is short for."""

    @model_serializer(mode="wrap")
    def _bare(self, handler: Any) -> Any:
        return handler(self)["value"]


class LawByFile(LawPart):
    """A law by what was measured."""

    file: FileOfNumbers

    @property
    def law(self) -> Law:
        """In seconds, as numbers, or over its mean."""
        law = self.file.read(read_law)
        if self.form is FACTOR:
            return law.scaled(1 / law.mean())
        return law.scaled(COLUMN_UNITS[self.unit]) if self.form is DURATION else law  # type: ignore[attr-defined]

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """The file must be one."""
        try:
            self.file.read(read_law)
        except TraceError as error:
            raise fields.file_problem(error) from None
        return ()


class LawByPercentiles(LawPart):
    """A law by what a dashboard gives: keys like ``p99.9``."""

    model_config = ConfigDict(extra="allow")

    @property
    def percentiles(self) -> dict[str, Any]:
        """Values as given: in seconds or as numbers."""
        return dict(self.model_extra or {})

    @property
    def law(self) -> Law:
        """In seconds, as numbers, or over its mean."""
        law = Law.percentiles({float(key[1:]): value for key, value in self.percentiles.items()})
        return law.scaled(1 / law.mean()) if self.form is FACTOR else law

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """Each key is a percentile, once, and values do not fall."""
        known: dict[float, str] = {}
        for key in self.percentiles:
            percent = float(key[1:]) if PERCENTILE.fullmatch(key) else 0.0
            if not 0 < percent <= MOST_PERCENT:
                yield (key,), f"unknown key; a percentile is like p50 or p99.9, up to p{MOST_PERCENT}"
            elif percent in known:
                yield (key,), f"the same percentile as {known[percent]}"
            else:
                known[percent] = key
        if len(known) < 2:
            yield (), "needs at least two percentiles, like {p50: 4ms, p99: 15ms}"
        elif len(known) == len(self.percentiles):
            yield from self._falling([known[percent] for percent in sorted(known)])

    def _falling(self, keys: list[str]) -> Iterable[fields.Contradiction]:
        for low, high in pairwise(keys):
            if self.percentiles[high] < self.percentiles[low]:
                yield (high,), f"must be at least {low}"
                return
        largest = self.percentiles[keys[-1]] * MOST_GROWTH
        if not Law.percentiles({float(key[1:]): self.percentiles[key] for key in keys}).quantile(1 - 1e-9) <= largest:
            grown = "beyond it values grow, as they do from the one before, to more than a million times as much"
            yield (keys[-1],), f"{grown}; give a higher percentile besides"


class LawByParts(LawPart):
    """A mixture."""

    @property
    def law(self) -> Law:
        """The law itself."""
        return Law.mixture([(part.weight, part.law.law) for part in self._parts])

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """There is something to mix."""
        if len(self._parts) < 2:
            yield ("parts",), "needs at least two parts"

    @property
    def _parts(self) -> tuple[Any, ...]:
        return self.parts  # type: ignore[attr-defined, no-any-return]


def _model(base: type[LawPart], family: Family, form: Form, description: str, **types: Any) -> type[LawPart]:
    """The model of a family in a form, found by its name in this module, as pickle wants it."""
    name = f"{family.name.capitalize()}{form.name}"
    kind: Any = (Literal[family.name], ...)
    model = create_model(name, __base__=base, __doc__=description, __module__=__name__, kind=kind, **types)
    model.form = form
    globals()[name] = model
    return model


def _by_numbers(family: Family, form: Form, statement: Statement) -> type[LawPart]:
    def typed(argument: Argument) -> Any:
        where = form if argument.has_unit else COUNT
        kind = where.not_negative if argument.may_be_0 else where.positive
        return (kind | None, None) if argument.is_optional else (kind, ...)

    said = statement.description.format(unit=form.unit, units=f"{form.unit}s")
    said += statement.more_of_durations if form is DURATION else ""
    types = {argument.name: typed(argument) for argument in statement.arguments}
    base = LawByValue if list(types) == ["value"] else LawByNumbers
    model = _model(base, family, form, f"{said}.", **types)
    model.statement = statement  # type: ignore[attr-defined]
    return model


def _by_file(family: Family, form: Form) -> type[LawPart]:
    said = {
        DURATION: "Durations as measured: a CSV of values, or of values and their shares up to there.",
        COUNT: "Counts as measured.",
        FACTOR: "What was measured, over its mean.",
    }[form]
    units: dict[str, Any] = {"unit": (fields.word_type(*COLUMN_UNITS), ...)} if form is DURATION else {}
    return _model(LawByFile, family, form, said, **units)


def _by_parts(family: Family, form: Form) -> type[LawPart]:
    each = "; each has mean 1" if form is FACTOR else ""
    share = create_model(
        f"{form.name}Share",
        __base__=fields.Part,
        __doc__=f"A part of a mixture of {form.unit}s{each}.",
        __module__=__name__,
        weight=(fields.PositiveCount, ...),
        law=(_law_in(form, PLAIN), ...),
    )
    globals()[share.__name__] = share
    said = "factors of mean 1" if form is FACTOR else "laws"
    example = ": two kinds of queries, a cache hit or a miss" if form is DURATION else ""
    parts: Any = (tuple[share, ...], ...)  # type: ignore[valid-type]
    return _model(LawByParts, family, form, f"One of several {said} by their weights{example}.", parts=parts)


def _by_percentiles(family: Family, form: Form) -> type[LawPart]:
    said = {
        DURATION: "Durations by percentile, like {p50: 4ms, p99: 15ms}: what a dashboard gives.",
        COUNT: "Counts by percentile.",
        FACTOR: "A law by percentile, over its mean.",
    }[form]
    given = {
        "__annotations__": {"__pydantic_extra__": GenericAlias(dict, (str, form.positive))},
        "__module__": __name__,
    }
    return _model(type(f"By{form.name}Percentiles", (LawByPercentiles,), given), family, form, said)


#: Families that are stated otherwise than by numbers, and what makes their models.
BY_HAND: dict[str, Callable[[Family, Form], type[LawPart]]] = {
    BY_FILE: _by_file,
    BY_PARTS: _by_parts,
    BY_PERCENTILES: _by_percentiles,
}


def _statement(family: Family, form: Form) -> Statement | str:
    return family.factor if form is FACTOR else family.quantity


def _models(family: Family) -> dict[Form, type[LawPart]]:
    """Its models, by form; none where no scenario states it."""
    models = {}
    for form in FORMS:
        statement = _statement(family, form)
        if isinstance(statement, Statement):
            models[form] = _by_numbers(family, form, statement)
        elif statement in BY_HAND:
            models[form] = BY_HAND[statement](family, form)
    return models


def _law_in(form: Form, models: dict[str, dict[Form, type[LawPart]]]) -> Any:
    """The type of a law in a form."""
    kinds = [by_form[form] for by_form in models.values() if form in by_form]
    return Annotated[Union[tuple(kinds)], Field(discriminator="kind"), *form.also]  # noqa: UP007 (made at run time)


#: Models by family and form: first those that may be part of a mixture.
PLAIN = {family.name: _models(family) for family in FAMILIES if family.quantity != BY_PARTS}
MODELS = {**PLAIN, **{family.name: _models(family) for family in FAMILIES if family.quantity == BY_PARTS}}

if TYPE_CHECKING:
    DurationLaw = LawPart | PluggedLaw
    CountLaw = LawPart | PluggedLaw
    FactorLaw = LawPart | PluggedFactor
else:
    DurationLaw, CountLaw, FactorLaw = (_law_in(form, MODELS) for form in FORMS)

ONE = MODELS["constant"][FACTOR](kind="constant")
NO_TIME = MODELS["constant"][DURATION](kind="constant", value="0s")  # type: ignore[call-arg]
