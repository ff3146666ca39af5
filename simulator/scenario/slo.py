"""Objectives: ``p99 < 1.5s``, ``stage.retrieval.p95 < 900ms``, ``99% within 2s``, ``failed_ratio < 0.1%``."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from simulator.base import units
from simulator.scenario.fields import NAME, shown

SPELLINGS = (
    "p99 < 1.5s, mean < 200ms, max < 5s, 99% within 2s, stage.NAME.p95 < 900ms, stage.NAME.utilisation < 90%, "
    "failed_ratio < 0.1%, goodput > 1k/s"
)

#: Percentiles go up to here.
MOST_SHARE = Fraction(999_999, 1_000_000)

_WITHIN = re.compile(r"(\S+)\s*%\s+within\s+(.+)")
_COMPARED = re.compile(rf"(?:stage\.({NAME})\.)?(p[0-9.]+|[a-z_]+)\s*(<=|>=|<|>)\s*(.+)")


@dataclass(frozen=True)
class Objective:
    """One service-level objective; ``bound`` in seconds, a ratio, or queries per second, by measure."""

    text: str  #: as written, blanks made single
    measure: str  #: quantile, share_within, mean, max, utilisation, failed_ratio or goodput
    stage: str | None  #: None: of the whole query
    p: float  #: of quantile and share_within, in (0, 1); else 0
    bound: float


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
        return Objective(text, "share_within", None, _part(within[1], text), _latency(within[2]))
    match = _COMPARED.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an objective; write it like {SPELLINGS}")
    stage, what, sign, bound = match.groups()
    wanted = ">" if what == "goodput" else "<"
    if sign != wanted:
        raise ValueError(f"{text!r}: {what} is compared with {wanted!r}, got {sign!r}")
    if re.fullmatch(r"p[0-9.]+", what):
        return Objective(text, "quantile", stage, _part(what[1:], text), _latency(bound))
    if what in ("mean", "max"):
        return Objective(text, what, stage, 0.0, _latency(bound))
    if what == "utilisation":
        if stage is None:
            raise ValueError(f"{text!r}: utilisation is of a stage; write stage.NAME.utilisation < 90%")
        return Objective(text, what, stage, 0.0, units.parse_ratio(bound))
    if what in ("failed_ratio", "goodput"):
        if stage is not None:
            raise ValueError(f"{text!r}: {what} is of the whole query; leave stage.{stage}. out")
        parsed = units.parse_ratio(bound) if what == "failed_ratio" else units.parse_rate(bound)
        return Objective(text, what, None, 0.0, parsed)
    raise ValueError(f"{text!r}: nothing is called {what!r}; write it like {SPELLINGS}")


def _part(percent: str, text: str) -> float:
    try:
        share = units.parse_exact(percent) / 100
    except ValueError:
        raise ValueError(f"{text!r}: {percent!r} is not a percentile; write it like p99 or p99.9") from None
    if not 0 < share < 1:
        raise ValueError(f"{text!r}: a percentile is above 0 and below 100, got {percent}")
    if share > MOST_SHARE:
        raise ValueError(f"{text!r}: a percentile is at most 99.9999, got {percent}; no run supports more")
    return float(share)


def _latency(text: str) -> float:
    bound = units.parse_duration(text)
    if not bound > 0:
        raise ValueError(f"an objective needs a duration above 0, got {text!r}")
    return bound


ObjectiveField = Annotated[
    Objective,
    BeforeValidator(parse_objective),
    PlainSerializer(lambda objective: objective.text),
    WithJsonSchema({"type": "string", "description": f"an objective: {SPELLINGS}"}),
]
