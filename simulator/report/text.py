"""Tables as text."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from simulator.base.units import format_duration, format_rate

DASH = "-"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> Table:
    """A plain table; the first ``left`` columns are flush left, the others right."""
    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        made.add_column(column, justify="left" if place < left else "right", no_wrap=place > 0)
    for row in rows:
        made.add_row(*row)
    return made


def rendered(parts: Sequence[Any], width: int, color: bool) -> str:
    """Tables and lines, one below the other, without blanks at the ends of lines."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=max(width, 1000) if not color else width,  # nothing is cut off
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, str))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def duration(seconds: float | None) -> str:
    """A duration, or a dash."""
    return DASH if seconds is None else format_duration(seconds)


def duration_interval(found: dict[str, Any] | None) -> tuple[str, str]:
    """Value and interval of a duration; one that is only known from below is printed as ``>=``."""
    if found is None:
        return DASH, ""
    if found.get("at_least"):
        largest = found["largest_finite"]
        return (">= " + format_duration(largest) if largest is not None else "never"), ""
    value, low, high = found["value"], found["low"], found["high"]
    if low is None:
        return duration(value), ""
    return duration(
        value
    ), f"{format_duration(low)} .. {format_duration(high)}" if high is not None else f">= {duration(low)}"


def rate(per_s: float | None) -> str:
    """A rate; where nothing takes time there is none that saturates."""
    return "no rate" if per_s is None else format_rate(per_s)


def ratio(value: float | None) -> str:
    """A ratio in percent.

    >>> ratio(0.7), ratio(0.99912), ratio(None)
    ('70.0 %', '99.91 %', '-')
    """
    if value is None or math.isnan(value):
        return DASH
    percent = 100 * value
    digits = 2 if 99 < percent < 100 or 0 < percent < 1 else 1
    return f"{percent:.{digits}f} %"


def number(value: float | None) -> str:
    """A number, four significant digits.

    >>> number(1.23456), number(None)
    ('1.235', '-')
    """
    return DASH if value is None else f"{value:.4g}"
