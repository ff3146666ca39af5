"""Numbers as text for people, and text that is read back as the same number: nowhere else.

What is shown has a few significant digits and at most ``MOST_LETTERS`` letters, is never 0 for what is not 0, and is
read back (by the parsers of ``units``, commas left out) as the number that was shown, within its digits.
"""

import math
from collections.abc import Callable

#: Letters of what is shown, unit included, from 1e-12 to 1e15.
MOST_LETTERS = 14

#: Digits that tell any two floats apart.
ALL_DIGITS = 17

_DURATIONS = (("h", 3600.0), ("s", 1.0), ("ms", 1e-3), ("us", 1e-6))
_PREFIXES = (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3))

#: From here on a duration is shown in hours.
_HOURS_S = 20_000.0


def significant(value: float, digits: int = 3, *, zeros: bool = False) -> str:
    """A number with so many significant digits, more where it is whole; an exponent where it is far from 1.

    ``zeros``: keep those at the end.

    >>> significant(12345.6), significant(0.0012345), significant(2e-9), significant(1.5, zeros=True)
    ('12,346', '0.00123', '2e-9', '1.50')
    """
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if value == 0:
        return "0"
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    exponent = int(power)
    if -4 < exponent < max(6, digits):
        return _trimmed(f"{value:,.{max(0, digits - 1 - exponent)}f}", zeros)
    return f"{_trimmed(mantissa, zeros)}e{exponent}"


def shortest(value: float) -> str:
    """The shortest text that is read back as the same float; for what is compared with a limit that is not rounded.

    >>> shortest(10.0), shortest(10.000000001), shortest(0.1 + 0.2), shortest(1e300)
    ('10', '10.000000001', '0.30000000000000004', '1e+300')
    """
    spellings = (f"{value:.6g}", f"{value:.12g}", repr(float(value)))
    return min((text for text in spellings if float(text) == value), key=len, default=str(value))


def apart(show: Callable[..., str], *values: float) -> list[str]:
    """Values shown with as many digits as tell those apart that differ; ``show`` takes ``digits``.

    >>> apart(format_size, 16e9, 16.0001e9), apart(format_size, 24e9, 16e9)
    (['16 GB', '16.0001 GB'], ['24 GB', '16 GB'])
    """
    texts: list[str] = []
    for digits in range(3, ALL_DIGITS + 1):
        texts = [show(value, digits=digits) for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts


def format_duration(seconds: float, digits: int = 3) -> str:
    """A duration for people, three significant digits.

    >>> format_duration(0.61), format_duration(1.2356), format_duration(0), format_duration(1244671)
    ('610 ms', '1.24 s', '0 s', '346 h')
    >>> format_duration(1e-12), format_duration(float("inf"))
    ('0.001 ns', 'inf')
    """
    if not math.isfinite(seconds) or seconds == 0:
        return "0 s" if seconds == 0 else significant(seconds)
    size = abs(seconds)
    for unit, factor in _DURATIONS:
        if size >= (_HOURS_S if unit == "h" else _at_least(factor, digits)):
            return f"{significant(seconds / factor, digits, zeros=unit != 'h').replace(',', '')} {unit}"
    return f"{significant(seconds / 1e-9, digits)} ns"


def format_percent(ratio: float, digits: int = 6) -> str:
    """A ratio in percent for people.

    >>> format_percent(2.0), format_percent(0.005)
    ('200 %', '0.5 %')
    """
    return f"{significant(100 * ratio, digits)} %"


def format_count(count: float, digits: int = 3) -> str:
    """A count for people.

    >>> format_count(1e8), format_count(500), format_count(12345), format_count(2e-9)
    ('100M', '500', '12.3k', '2e-9')
    """
    return _prefixed(count, digits, least=10_000.0)


def format_size(size_bytes: float, digits: int = 3) -> str:
    """A size for people.

    >>> format_size(24e9), format_size(500), format_size(1.2345e12)
    ('24 GB', '500 B', '1.23 TB')
    """
    return _prefixed(size_bytes, digits, " ") + "B"


def format_rate(rate_per_s: float, digits: int = 3) -> str:
    """A rate for people.

    >>> format_rate(7.0), format_rate(0.0000231)
    ('7/s', '2.31e-5/s')
    """
    return f"{format_count(rate_per_s, digits)}/s"


def exact_rate(rate_per_s: float) -> str:
    """A rate with four digits.

    >>> exact_rate(53.9482), exact_rate(12345.6), exact_rate(1e300)
    ('53.95/s', '12,346/s', '1e300/s')
    """
    return f"{_prefixed(rate_per_s, 4, least=1e6)}/s"


def format_money(amount: float) -> str:
    """US dollars: cents, or three digits where it is less than ten of them.

    >>> format_money(8.567), format_money(0.00123), format_money(1234567.8), format_money(1e15)
    ('8.57', '0.00123', '1,234,568', '1e15')
    """
    size = abs(amount)
    if 0.1 <= size < 99_999.995:
        return f"{amount:,.2f}"
    return f"{amount:,.0f}" if 1 <= size < 1e9 else significant(amount)


def counted(number: float, noun: str, show: Callable[[float], str] = "{:,.0f}".format) -> str:
    """A number of things, in the singular where it is shown as one.

    >>> counted(1, "fleet"), counted(1200, "query"), counted(0, "probe"), counted(2, "search")
    ('1 fleet', '1,200 queries', '0 probes', '2 searches')
    >>> counted(12345, "task", format_count), counted(0.9999, "row", format_count)
    ('12.3k tasks', '1 row')
    """
    shown = show(number)
    if shown == "1":
        return f"1 {noun}"
    several = f"{noun[:-1]}ies" if noun.endswith("ry") else f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{shown} {several}"


def there_are(number: int, noun: str) -> str:
    """That there are so many things.

    >>> there_are(1, "shard"), there_are(2000, "shard")
    ('there is 1 shard', 'there are 2,000 shards')
    """
    return f"there {'is' if number == 1 else 'are'} {counted(number, noun)}"


def _prefixed(value: float, digits: int, blank: str = "", least: float = 0.0) -> str:
    """A number with a prefix from ``least`` on; without one where it is beyond all of them."""
    size = abs(value)
    for prefix, factor in _PREFIXES:
        if size >= max(least, _at_least(factor, digits)) and size < 1e18:
            return f"{significant(value / factor, digits)}{blank}{prefix}"
    return significant(value, digits) + blank


def _at_least(factor: float, digits: int) -> float:
    """What is rounded to the factor, or is above it."""
    return factor * (1 - 0.5 * 10.0**-digits)


def _trimmed(text: str, zeros: bool) -> str:
    return text if zeros or "." not in text else text.rstrip("0").rstrip(".")
