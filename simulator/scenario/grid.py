"""Values of a parameter as they are written: lists, ranges, and loads spread along utilisation."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import WithJsonSchema

from simulator.base.units import parse_exact

#: Digits of the values inside a range, at least.
LEAST_DIGITS = 6
#: Values of a parameter, and points of a grid, at most.
MOST_POINTS = 100_000

#: The path whose value may be ``auto``, and the loads that this gives: how many, from where to where.
RATE, AUTO = "load.rate", "auto"
AUTO_POINTS, LEAST_UTILISATION, MOST_UTILISATION = 12, 0.10, 0.97

SPELLINGS = "a list like 1,2,4 or a range like 1..9*5 (five values from 1 to 9)"
NAMED = "names and what each stands for, like {waiting: {}, hedged: {hedge: p95}}"

SweepValues = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["array", "object"], "minItems": 1, "minProperties": 1},
                {"type": ["string", "number"]},
            ],
            "description": f"{SPELLINGS}, or {NAMED}; of load.rate also auto",
        }
    ),
]


@dataclass(frozen=True)
class Utilisation:
    """A load, by the utilisation of the busiest station that it means by arithmetic."""

    value: float

    def __str__(self) -> str:
        return f"{AUTO} {100 * self.value:g} %"


@dataclass(frozen=True)
class Named:
    """A map of keys that a sweep shows by a name."""

    name: str
    value: str  #: as --set takes it

    def __str__(self) -> str:
        return self.name


Value = str | int | float | Utilisation | Named


def values_of(path: str, given: Any) -> tuple[Value, ...]:
    """The values of a parameter: listed as they are, maps by name, or spread as a text says.

    Raises
    ------
    ValueError
        If it is no such text, there are none, or one is there twice.
    """
    values = tuple(_spread(path, given) if isinstance(given, str) else _listed(given))
    if len(set(values)) < len(values):
        twice = next(value for place, value in enumerate(values) if value in values[:place])
        raise ValueError(f"{twice} is there twice")
    return values


def _listed(values: Any) -> Iterator[Value]:
    """Values given as such; maps and lists among them as text of one line."""
    items = values if isinstance(values, (list, tuple, dict)) else [values]
    if not items:
        raise ValueError(f"no values; write {SPELLINGS}")
    if isinstance(values, dict):
        if not all(isinstance(item, dict) for item in values.values()):
            raise ValueError(f"expected values, got a map; write {SPELLINGS}, or {NAMED}")
        yield from (Named(str(name), json.dumps(item)) for name, item in values.items())
        return
    yield from map(_as_set, items)


def _as_set(item: Any) -> str | int | float:
    """A value as ``--set`` takes it."""
    return item if isinstance(item, (str, int, float)) and not isinstance(item, bool) else json.dumps(item)


def _spread(path: str, text: str) -> Iterator[Value]:
    """The values that a text stands for."""
    if path == RATE and re.fullmatch(rf"\s*{AUTO}\s*(\*\s*\d+\s*)?", text):
        _, star, points = text.partition("*")
        yield from utilisations(_steps(points) if star else AUTO_POINTS)
        return
    for item in _split(text):
        if not item:
            raise ValueError(f"a value is missing in {text!r}; write {SPELLINGS}" if text.strip() else "no values")
        yield from _range(item) if _is_range(item) else [_scalar(item)]


def _split(text: str) -> list[str]:
    """Text cut at the commas that are not within brackets, braces or quotes."""
    items, depth, quote, begin = [], 0, "", 0
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        elif letter == "," and depth == 0:
            items.append(text[begin:place].strip())
            begin = place + 1
    if depth or quote:
        raise ValueError(f"{text!r} has a bracket or quote without its partner")
    return [*items, text[begin:].strip()]


_NUMBER = r"[+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_END = re.compile(rf"\s*({_NUMBER})(\s*)([^\s\d*][^\d*]*?)?\s*")


def _is_range(item: str) -> bool:
    """Whether a value is meant as a range: two dots after a number. ``../day.csv`` is not."""
    first, dots, _ = item.partition("..")
    return bool(dots) and re.match(rf"\s*{_NUMBER}", first) is not None and item[0] not in "[{\"'"


def _range(item: str) -> Iterator[Value]:
    """``a..b*steps``, or every whole number of ``a..b``."""
    first, _, rest = item.partition("..")
    last, star, steps = rest.partition("*")
    ends = [_END.fullmatch(end) for end in (first, last)]
    if ends[0] is None or ends[1] is None:
        raise ValueError(f"{item!r} is not a range, like 1..9*5 or 10/s..50/s*5; a value with dots goes in quotes")
    low, high = (parse_exact(end[1]) for end in ends if end is not None)
    unit = ends[0][3] or ""
    if unit != (ends[1][3] or ""):
        raise ValueError(f"{item!r}: write both ends in the same unit, like 10/s..50/s*5")
    if low == high:
        raise ValueError(f"{item!r}: both ends are the same")
    if star:
        count = _steps(steps)
    elif not unit and low.denominator == high.denominator == 1:
        count = int(abs(high - low)) + 1
    else:
        raise ValueError(f"{item!r}: say how many values, like {item}*5; a ramp, as one value, goes in quotes")
    if count > MOST_POINTS:
        raise ValueError(f"{item!r}: {count:,} values; at most {MOST_POINTS:,}")
    # inner values in so many digits that each is told from the next: 0.342857/s, and not 0.34285714285714286/s
    digits = max(LEAST_DIGITS, 2 + math.ceil(math.log10(max(abs(low), abs(high)) / abs(high - low) * (count - 1))))
    for step in range(count):
        number = low + (high - low) * step / (count - 1)
        given = float(number) if step in (0, count - 1) else float(f"{float(number):.{digits}g}")
        plain = int(number) if number.denominator == 1 else given
        yield f"{plain!r}{ends[0][2]}{unit}" if unit else plain


def _steps(text: str) -> int:
    if not text.strip().isdecimal() or int(text) < 2:
        raise ValueError(f"*{text.strip()}: the number of values is a whole number of at least 2, like 1..9*5")
    return int(text)


def _scalar(text: str) -> Value:
    """A number as one, where it is plain; other text as it is."""
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    return float(text) if re.fullmatch(_NUMBER, text) and "_" not in text else text


def utilisations(points: int = AUTO_POINTS) -> tuple[Utilisation, ...]:
    """Loads along utilisation, denser towards saturation: 1 / (1 - utilisation), to which waiting is about
    proportional, grows by a constant factor.

    >>> [load.value for load in utilisations(5)]
    [0.1, 0.615, 0.836, 0.93, 0.97]
    """
    idle = (1 - MOST_UTILISATION) / (1 - LEAST_UTILISATION)
    idles = [(1 - LEAST_UTILISATION) * idle ** (point / (points - 1)) for point in range(points)]
    digits = max(3, len(str(points)) + 2)
    return tuple(Utilisation(round(1 - part, digits)) for part in idles)
