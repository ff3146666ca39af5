"""Types of the fields of a scenario: how each is written, checked, written back exactly, and described to editors."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError, PydanticSerializationError

from simulator.base import units
from simulator.scenario.merge import did_you_mean
from simulator.scenario.not_modelled import said_of
from simulator.scenario.rows import TraceError

Path = tuple[str | int, ...]
Contradiction = tuple[Path, str]

#: Of the context of a check: False where what does not fit is let through.
FITS = "fits"

NAME = r"[A-Za-z0-9_][A-Za-z0-9_\-]*"


class Part(BaseModel):
    """A map of a scenario file: frozen, without unknown keys, with checks between its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False, defer_build=True)

    def contradictions(self) -> Iterable[Contradiction]:
        """What fields, each right in itself, say against each other: (path of the field, message)."""
        return ()

    def misfits(self) -> Iterable[Contradiction]:
        """What does not fit where it is put, all else being right; not asked where the context of a check says so."""
        return ()

    def model_dump(self, **how: Any) -> dict[str, Any]:
        """As pydantic's, which hides an interrupt of whoever it calls in an error of its own."""
        try:
            return super().model_dump(**how)
        except PydanticSerializationError as error:
            if ": KeyboardInterrupt:" in str(error):  # it says so in words, and not always as its cause
                raise KeyboardInterrupt from error
            raise

    @model_validator(mode="after")
    def _agree(self, said: ValidationInfo) -> Any:
        wrong = list(self.contradictions())
        if (said.context or {}).get(FITS, True):
            wrong += self.misfits()
        if wrong:
            raise PydanticCustomError("contradiction", "fields contradict each other", {"contradictions": wrong})
        return self


def file_problem(error: TraceError) -> PydanticCustomError:
    """A mistake in a file that the scenario names; ``check`` reports it at its place there."""
    said = {"file": str(error.file), "line": error.line, "column": error.column, "message": error.message}
    return PydanticCustomError("trace", "trace", said)


@dataclass(frozen=True, eq=False)
class OrBare:
    """Tell editors that a bare value is accepted besides the map."""

    bare: dict[str, Any]

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [self.bare, handler(core_schema)]}


@dataclass(frozen=True, eq=False)
class OneOrMore:
    """Tell editors that an item is accepted in place of a list of it."""

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        listed = handler(core_schema)
        return {"anyOf": [listed["items"], listed]}


@dataclass(frozen=True, eq=False)
class OrEach:
    """Tell editors that a value is accepted in place of a map of them."""

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        by_name = handler(core_schema)
        return {"anyOf": [by_name["additionalProperties"], by_name]}


def _exact(value: float, factors: Iterable[tuple[str, float]], parse: Callable[[str], float]) -> str:
    """The shortest spelling with one of the units that is read back as the same number, best without an exponent."""
    spellings = [f"{value / factor:.{digits}g}{unit}" for unit, factor in factors for digits in (6, 12, 17)]
    exact = [text for text in spellings if _reads_as(value, text, parse)]
    return min(exact, key=lambda text: ("e" in text, len(text)))


def _reads_as(value: float, text: str, parse: Callable[[str], float]) -> bool:
    try:
        return parse(text) == value
    except ValueError:  # rounded beyond what may be written
        return False


def exact_duration(seconds: float) -> str:
    """A duration that is read back as the same float.

    >>> exact_duration(0.1), exact_duration(1e-6)
    ('0.1s', '1us')
    """
    return _exact(seconds, (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)), units.parse_duration)


def exact_rate(per_s: float) -> str:
    """A rate that is read back as the same float."""
    return _exact(per_s, (("/s", 1.0), ("/min", 1 / 60), ("/h", 1 / 3600)), units.parse_rate)


def plain_number(value: float) -> float | int:
    """A float as an int where it is one, for people."""
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else value


def text(what: str) -> Callable[[Any], str]:
    """Accept text only."""

    def parse(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(f"expected {what}, got {shown(value)}")
        return value

    return parse


def shown(value: Any) -> str:
    """What was given, in the words of the format, short."""
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    said = repr(value)
    return said if len(said) <= 60 else said[:57] + "..."


def kind_of(value: Any) -> str:
    """What was given, without a word of it: a file that is not what it should be may be a secret."""
    if isinstance(value, str):
        return "text"
    return "a number" if isinstance(value, (int, float)) and not isinstance(value, bool) else shown(value)


def parse_name(value: Any) -> str:
    """Accept a name: letters, digits, _ and -."""
    if not isinstance(value, str) or re.fullmatch(NAME, value) is None:
        cure = f"; write '{value}'" if isinstance(value, int) and not isinstance(value, bool) else ""
        raise ValueError(f"a name has letters, digits, _ and -, got {shown(value)}{cure}")
    return value


def whole(least: int, most: int) -> Callable[[Any], int]:
    """Accept a whole number from ``least`` to ``most``, written like any count."""

    def parse(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError(f"expected a whole number, got {shown(value)}")
        if isinstance(value, int):
            number: float = value
        else:
            number = value if isinstance(value, float) else _count_of(value)
        if number != math.floor(number):
            raise ValueError(f"must be a whole number, got {shown(value)}")
        if number < least:
            raise ValueError(f"must be at least {least}, got {shown(value)}")
        if number > most:
            raise ValueError(f"must be at most {most}, got {shown(value)}")
        return int(number)

    return parse


def _count_of(value: str) -> float:
    if re.fullmatch(r"\s*-[\d.]+\s*", value):
        return float(value)
    return units.parse_count(value)


def positive(parse: Callable[[Any], float], what: str) -> Callable[[Any], float]:
    """Accept what ``parse`` accepts, but not zero."""

    def checked(value: Any) -> float:
        number = parse(value)
        if not number > 0:
            raise ValueError(f"{what} must be above 0, got {shown(value)}")
        return number

    return checked


def one_of(*choices: str) -> Callable[[Any], str]:
    """Accept one of some words."""

    def parse(value: Any) -> str:
        if value not in choices:
            given = did_you_mean(value, choices).split("; known")[0] or said_of(value) if isinstance(value, str) else ""
            raise ValueError(f"must be one of {', '.join(choices)}, got {shown(value)}{given}")
        return str(value)

    return parse


def _text_like(pattern: str, description: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "description": description})


def _number_or(pattern: str, description: str) -> WithJsonSchema:
    either = [{"type": "number", "minimum": 0}, {"type": "string", "pattern": pattern}]
    return WithJsonSchema({"anyOf": either, "description": description})


_DIGITS = r"[0-9][0-9_]*\.?[0-9]*([eE][+-]?[0-9]+)?|\.[0-9]+([eE][+-]?[0-9]+)?"
_DURATION = _text_like(rf"^(\s*({_DIGITS})\s*(ns|us|µs|ms|s|m|h))+\s*$", f"a duration: {units.DURATION_SPELLINGS}")
_RATE_TEXT = rf"\s*({_DIGITS})\s*[kMGTP]?\s*/\s*(s|min|h)\s*"
_RATE = _text_like(f"^{_RATE_TEXT}$", "a rate: 1200/s, 1.2k/s, 50k/min")
_COUNT_TEXT = rf"^\s*({_DIGITS})\s*[kMGTP]?\s*$"
_COUNT = _number_or(_COUNT_TEXT, "a count: 1000, 1k, 100M, 1_000")
_RATIO = _number_or(rf"^\s*({_DIGITS})\s*%?\s*$", "a ratio: 2% or 0.02")

Duration = Annotated[float, BeforeValidator(units.parse_duration), PlainSerializer(exact_duration), _DURATION]
PositiveDuration = Annotated[
    float,
    BeforeValidator(positive(units.parse_duration, "a duration here")),
    PlainSerializer(exact_duration),
    _DURATION,
]
PositiveRate = Annotated[
    float, BeforeValidator(positive(units.parse_rate, "a rate")), PlainSerializer(exact_rate), _RATE
]
Count = Annotated[float, BeforeValidator(units.parse_count), PlainSerializer(plain_number), _COUNT]
PositiveCount = Annotated[
    float, BeforeValidator(positive(units.parse_count, "a number here")), PlainSerializer(plain_number), _COUNT
]
PositiveRatio = Annotated[
    float, BeforeValidator(positive(units.parse_ratio, "a ratio here")), PlainSerializer(plain_number), _RATIO
]
Ratio = Annotated[float, BeforeValidator(units.parse_ratio), PlainSerializer(plain_number), _RATIO]
Name = Annotated[str, BeforeValidator(parse_name), WithJsonSchema({"type": "string", "pattern": f"^{NAME}$"})]


Text = Annotated[str, BeforeValidator(text("text")), WithJsonSchema({"type": "string"})]


def whole_type(least: int, most: int) -> Any:
    """The annotated type of a whole number."""
    number = {"type": "number", "minimum": least, "maximum": most}
    either = [number, {"type": "string", "pattern": _COUNT_TEXT}]
    described = WithJsonSchema({"anyOf": either, "description": f"a whole number from {least:,} to {most:,}"})
    return Annotated[int, BeforeValidator(whole(least, most)), described]


def word_type(*choices: str) -> Any:
    """The annotated type of one of some words."""
    return Annotated[str, BeforeValidator(one_of(*choices)), WithJsonSchema({"type": "string", "enum": list(choices)})]


def quantity_type(parse: Callable[[Any], float], unit: str, description: str, may_be_0: bool = False) -> Any:
    """The annotated type of a number with a unit, such as ``225 GFLOP/s``: above 0 unless it may be 0."""
    spellings = [(f" {prefix}{unit}", factor) for prefix, factor in units.spellings_of(unit).items()]
    prefixes = "".join(sorted({prefix[0] for prefix in units.spellings_of(unit) if prefix}))
    prefix = f"([{prefixes}]i?)?" if prefixes else ""
    dollars = rf"|^\s*\$\s*({_DIGITS})\s*/\s*h\s*$" if unit == "USD/h" else ""
    return Annotated[
        float,
        BeforeValidator(parse if may_be_0 else positive(parse, "this")),
        PlainSerializer(lambda value: _exact(value, spellings, parse)),
        _text_like(rf"^\s*({_DIGITS})\s*{prefix}{re.escape(unit)}\s*$" + dollars, description),
    ]


#: A rate that may change linearly: "400/s" or "400/s .. 1800/s".
RatePair = tuple[float, float]


def parse_rate_pair(value: Any) -> RatePair:
    """The rates at the two ends of a phase."""
    if isinstance(value, str) and ".." in value:
        first, _, last = value.partition("..")
        pair = units.parse_rate(first.strip() or None), units.parse_rate(last.strip() or None)
    else:
        rate = units.parse_rate(value)
        pair = rate, rate
    return pair


def exact_rate_pair(pair: RatePair) -> str:
    """A rate pair that is read back as the same floats."""
    first, last = exact_rate(pair[0]), exact_rate(pair[1])
    return first if first == last else f"{first} .. {last}"


PhaseRate = Annotated[
    RatePair,
    BeforeValidator(parse_rate_pair),
    PlainSerializer(exact_rate_pair),
    _text_like(rf"^{_RATE_TEXT}(\.\.{_RATE_TEXT})?$", "a rate, or a ramp: 400/s .. 1800/s"),
]
