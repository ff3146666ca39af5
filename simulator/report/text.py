"""Tables as text."""

import io
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from simulator.base.foreign import escaped
from simulator.base.formats import format_duration, format_money, format_rate, significant
from simulator.documents import parts
from simulator.report.layout import Grid, laid_out

DASH = "-"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> Grid:
    """A plain table; the first ``left`` columns are flush left, the others right."""
    return Grid(columns, rows, left)


def rendered(parts: Sequence[Any], width: int | None, color: bool) -> str:
    """Tables and lines, one below the other, without blanks at the ends of lines; what a terminal obeys spelled out.

    ``width``: letters that no line exceeds; None: as many as it takes. A line goes on below its first word.
    """
    out = io.StringIO()
    wide = max((part.width for part in parts if isinstance(part, Grid)), default=0)
    console = Console(
        file=out,
        width=max(1000, wide) if width is None else width,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for part in parts:
        for shown in laid_out(part, width) if isinstance(part, Grid) else [escaped(part)]:
            if not isinstance(shown, str):
                console.print(shown)
            elif width is None or not shown:
                console.print(shown, soft_wrap=True)
            else:
                words = shown.lstrip(" ")
                console.print(
                    Padding(Text(words, overflow="fold"), (0, 0, 0, min(len(shown) - len(words), width // 4)))
                )
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def duration(seconds: float | None) -> str:
    """A duration, or a dash."""
    return DASH if seconds is None else format_duration(seconds)


def duration_interval(figure: parts.Percentile | parts.Interval | None) -> tuple[str, str]:
    """Value and interval of a duration; one that is only known from below is printed as ``>=``."""
    if figure is None:
        return DASH, ""
    if figure.get("at_least"):
        largest = cast(parts.Percentile, figure).get("largest_finite")
        return (">= " + format_duration(largest) if largest is not None else "never"), ""
    return duration(figure["value"]), interval(figure, duration)


def interval(ends: parts.Interval, show: Callable[[float], str]) -> str:
    """The interval of a figure; nothing where it is not known; of one without an upper end the lower one."""
    low, high = ends["low"], ends["high"]
    if low is None:
        return ""
    return f"{show(low)} .. {show(high)}" if high is not None else f">= {show(low)}"


def notes(lines: Iterable[str]) -> list[str]:
    """Notes below all else, after an empty line; nothing if there are none."""
    shown = [f"note: {line}" for line in lines]
    return ["", *shown] if shown else []


def cut(text: str, most: int) -> str:
    """A text in so many letters.

    >>> cut("a long message", 9)
    'a long...'
    """
    return text if len(text) <= most else text[: most - 3] + "..."


def rate(per_s: float | None) -> str:
    """A rate; where nothing takes time there is none that saturates."""
    return "no rate" if per_s is None else format_rate(per_s)


def ratio(value: float | None) -> str:
    """A ratio in percent: one decimal, and as many as tell it from 0 and from 100 %; of a hundred on, how many times.

    >>> ratio(0.7), ratio(0.99912), ratio(0.9999996), ratio(0.0000123), ratio(625.04), ratio(None)
    ('70.0 %', '99.91 %', '99.99996 %', '0.0012 %', '625 x', '-')
    """
    if value is None or math.isnan(value):
        return DASH
    percent = 100 * value
    if abs(percent) >= 10_000:
        return f"{significant(value, 3)} x"
    if 0 < abs(percent) < 0.1:
        return f"{significant(percent, 2)} %"
    short_of = 100 - percent
    digits = 2 if 99 < percent < 100 or 0 < percent < 1 else 1
    if 0 < short_of < 0.005:
        digits = -math.floor(math.log10(short_of) + 1e-9)
    return f"{percent:,.{digits}f} %"


def of_unit(value: float | None, unit: parts.Unit) -> str:
    """A figure that an objective is about, or a dash.

    >>> of_unit(0.7, "ratio"), of_unit(38.5, "usd_per_h"), of_unit(None, "s")
    ('70.0 %', '38.5 USD/h', '-')
    """
    if value is None:
        return DASH
    shows: dict[parts.Unit, Callable[[float], str]] = {
        "s": duration,
        "ratio": ratio,
        "per_s": format_rate,
        "usd_per_h": lambda price: f"{number(price)} USD/h",
        "usd": lambda price: f"{number(price)} USD",
    }
    return shows[unit](value)


def signed(part: float) -> str:
    """A part in percent with its sign.

    >>> signed(0.079), signed(-0.5)
    ('+7.9 %', '-50 %')
    """
    return f"{100 * part:+.3g} %" if abs(part) < 10 else f"{part + 1:.3g} times"


def number(value: float | None) -> str:
    """A number, four significant digits.

    >>> number(1.23456), number(123456), number(None)
    ('1.235', '123,456', '-')
    """
    return DASH if value is None else significant(value, 4)


def money(value: float | None) -> str:
    """US dollars."""
    return DASH if value is None else format_money(value)
