"""Text and float seconds to numbers in SI units and integer nanoseconds (back to text: ``formats``): nowhere else.

Parsers raise ValueError with what was given, what is allowed, and how it is spelled.
"""

import math
import re
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.base.formats import shortest
from simulator.base.spellings import offered

NS_PER_S = 1e9

#: Seconds of the units that a column of a file may have.
COLUMN_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}

#: The last instant at which anything may begin: half of what int64 holds is left for what follows.
MOST_NS = 2.0**61

#: The longest duration that a run may mention: far beyond use, far from overflow of int64 nanoseconds.
MOST_SECONDS = 1e9

#: No quantity is written with more characters; reading much longer ones would take long.
MOST_CHARACTERS = 1000

_NUMBER = r"[+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_QUANTITY = re.compile(rf"\s*({_NUMBER})\s*(.*?)\s*")
_DURATIONS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION_PART = re.compile(rf"\s*({_NUMBER})\s*(ns|us|µs|ms|s|m|h)")
_PREFIXES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
_PER = {"s": 1.0, "min": 60.0, "h": 3600.0}

DURATION_SPELLINGS = "500ns, 100us, 5ms, 1.5s, 2m, 1h30m"


def parse_number(text: str) -> float:
    """A finite number such as ``1e6`` or ``1_000``.

    >>> parse_number("1_000")
    1000.0
    """
    _refuse_long(text)
    match = re.fullmatch(_NUMBER, text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a number")
    value = float(text.replace("_", ""))
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is too large for a number")
    return value


def parse_exact(text: str) -> Fraction:
    """A number as a fraction; with few digits in its exponent, or it would take all memory and time.

    >>> parse_exact("0.1")
    Fraction(1, 10)
    """
    if parse_number(text) == 0 and re.search(r"[eE][+-]?\d{4}", text):
        raise ValueError(f"{text!r} is too small for a number")
    return Fraction(text.strip().replace("_", ""))


def parse_duration(value: Any) -> float:
    """A duration in seconds; a unit is needed.

    >>> parse_duration("1h30m"), parse_duration("5ms")
    (5400.0, 0.005)
    """
    if _is_number(value):
        suggestions = f"'{shortest(value)}ms' or '{shortest(value)}s'"
        raise ValueError(f"a duration needs a unit, got {shortest(value)}; write {suggestions} ({DURATION_SPELLINGS})")
    text = _text(value, "a duration", DURATION_SPELLINGS)
    if re.fullmatch(_NUMBER, text):
        raise ValueError(f"a duration needs a unit, got {text}; write '{text}ms' or '{text}s' ({DURATION_SPELLINGS})")
    position, total = 0, 0.0
    while position < len(text):
        match = _DURATION_PART.match(text, position)
        if match is None:
            raise _other(text, "s", "a duration", DURATION_SPELLINGS)
        total += parse_number(match[1]) * _DURATIONS[match[2]]
        position = match.end()
    if not 0 <= total <= MOST_SECONDS:
        raise ValueError(f"{text!r} is out of range; durations are from 0 to {MOST_SECONDS:.0e} s")
    return total


def parse_rate(value: Any) -> float:
    """A rate per second.

    >>> parse_rate("1.2k/s"), parse_rate("60/min")
    (1200.0, 1.0)
    """
    spellings = "1200/s, 1.2k/s, 50k/min"
    if _is_number(value):
        raise ValueError(f"a rate needs a unit, got {shortest(value)}; write '{shortest(value)}/s' ({spellings})")
    text = _text(value, "a rate", spellings)
    head, slash, unit = text.partition("/")
    if not slash or unit.strip() not in _PER:
        raise _other(text, "/s", "a rate", spellings)
    try:
        return _count(head) / _PER[unit.strip()]
    except ValueError:
        raise _other(text, "/s", "a rate", spellings) from None


def parse_count(value: Any) -> float:
    """A non-negative count, not necessarily whole.

    >>> parse_count("100M"), parse_count(1000)
    (100000000.0, 1000.0)
    """
    if _is_number(value):
        number = float(value)
        if not (math.isfinite(number) and number >= 0):
            raise ValueError(f"a count is a finite number of at least 0, got {shortest(value)}")
        return number
    text = _text(value, "a count", "1000, 1k, 100M, 1_000")
    try:
        return _count(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a count; write it like 1000, 1k, 100M, 1_000") from None


def parse_ratio(value: Any) -> float:
    """A ratio from 0 to 1, or in percent.

    >>> parse_ratio("0.5%"), parse_ratio(0.25)
    (0.005, 0.25)
    """
    if _is_number(value):
        ratio = float(value)
    else:
        text = _text(value, "a ratio", "2% or 0.02")
        is_percent = text.endswith("%")
        try:
            ratio = parse_number(text.removesuffix("%"))
        except ValueError:
            raise ValueError(f"{text!r} is not a ratio; write it like 2% or 0.02") from None
        ratio = ratio / 100 if is_percent else ratio
    if not 0 <= ratio <= 1:
        raise ValueError(f"a ratio is from 0 to 1 (or 0% to 100%), got {value}")
    return ratio


def parse_flop(value: Any) -> float:
    """Floating-point operations.

    >>> parse_flop("1.2 GFLOP")
    1200000000.0
    """
    return _with_unit(value, "FLOP", "an amount of work", "1.2 GFLOP, 500 kFLOP")


def parse_flop_rate(value: Any) -> float:
    """Floating-point operations per second.

    >>> parse_flop_rate("65 TFLOP/s")
    65000000000000.0
    """
    return _with_unit(value, "FLOP/s", "a computing speed", "225 GFLOP/s, 65 TFLOP/s")


def parse_bandwidth(value: Any) -> float:
    """Bytes per second.

    >>> parse_bandwidth("300 GB/s")
    300000000000.0
    """
    return _with_unit(value, "B/s", "a bandwidth", "300 GB/s, 22 GB/s")


def parse_size(value: Any) -> float:
    """Bytes.

    >>> parse_size("2 GiB")
    2147483648.0
    """
    return _with_unit(value, "B", "a size", "2 GiB, 64 kB")


def parse_money_rate(value: Any) -> float:
    """US dollars per hour.

    >>> parse_money_rate("0.85 USD/h"), parse_money_rate("$0.85/h")
    (0.85, 0.85)
    """
    if isinstance(value, str) and value.strip().startswith("$"):
        amount, slash, unit = value.strip()[1:].partition("/")
        value = f"{amount.strip()} USD{slash}{unit.strip()}"
    return _with_unit(value, "USD/h", "a price", "0.85 USD/h, $12/h")


def parse_power(value: Any) -> float:
    """Watts.

    >>> parse_power("150 W"), parse_power("1.2 kW")
    (150.0, 1200.0)
    """
    return _with_unit(value, "W", "a power", "150 W, 1.2 kW")


def spellings_of(unit: str) -> dict[str, float]:
    """Prefixes that a unit takes, each with its factor; bytes (and bytes per second) take the binary ones, too.

    >>> spellings_of("USD/h")
    {'': 1.0}
    """
    if unit.startswith("USD"):
        return {"": 1.0}
    return _PREFIXES | _BINARY if unit[0] == "B" else _PREFIXES


def _with_unit(value: Any, unit: str, what: str, spellings: str) -> float:
    if _is_number(value):
        raise ValueError(f"{what} needs a unit, got {shortest(value)}; write it like {spellings}")
    text = _text(value, what, spellings)
    match = _QUANTITY.fullmatch(text)
    factors = {prefix + unit: factor for prefix, factor in spellings_of(unit).items()}
    if match is None or match[2] not in factors:
        raise _other(text, unit, what, spellings)
    number = parse_number(match[1]) * factors[match[2]]
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is too large for a number")
    if number < 0:
        raise ValueError(f"{what} is at least 0, got {text!r}")
    return number


def _other(text: str, unit: str, what: str, spellings: str) -> ValueError:
    """What is not spelled as it should be: with the right spelling, where it can be guessed."""
    guess = offered(text, unit)
    cure = f"write '{guess}' ({spellings})" if guess else f"write it like {spellings}"
    return ValueError(f"{text!r} is not {what}; {cure}")


def _count(text: str) -> float:
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in _PREFIXES:
        raise ValueError(text)
    number = parse_number(match[1]) * _PREFIXES[match[2]]
    if not (number >= 0 and math.isfinite(number)):
        raise ValueError(text)
    return number


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(value: Any, what: str, spellings: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"expected {what}, written like {spellings}")
    _refuse_long(value)
    return value.strip()


def _refuse_long(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"{text[:20]!r}... has {len(text):,} characters; at most {MOST_CHARACTERS:,}")


def ns(seconds: float) -> int:
    """Integer nanoseconds, halves upward.

    >>> ns(0.1), ns(1.5e-9)
    (100000000, 2)
    """
    return math.floor(seconds * NS_PER_S + 0.5)


def ns_array(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Integer nanoseconds of an array, halves upward.

    Raises
    ------
    OverflowError
        If an instant is beyond what int64 nanoseconds hold with room for what follows it: 73 years.
    """
    if len(seconds) and float(seconds.max()) * NS_PER_S > MOST_NS:
        raise OverflowError(f"{float(seconds.max()) / 31_557_600:.3g} years; int64 nanoseconds are good for 73")
    return np.floor(seconds * NS_PER_S + 0.5).astype(np.int64)
