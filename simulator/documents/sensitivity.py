"""What turning each knob does: ``shardsim sensitivity``."""

from collections.abc import Mapping
from typing import Annotated, Any, TypedDict, cast

from simulator.documents import parts
from simulator.documents.marks import OneOf, open_keys

#: What is said of a change.
Word = Annotated[str, OneOf("better", "worse", "no difference seen", "not known")]


class OfTail(TypedDict):
    """What is said of the percentile: keys that no type knows."""


@open_keys(
    {
        r"^latency_p[0-9.e+-]+_s$": float | None,
        r"^p[0-9.e+-]+_change$": parts.Interval | None,
        r"^p[0-9.e+-]+_word$": Word,
    }
)
class Knob(OfTail):
    """What one knob does; changes are parts of what was before. With those of the percentile by its name."""

    knob: str
    change: str
    sets: dict[str, Any]  #: values by path
    capacity_per_s: float | None
    capacity_change: parts.Interval | None
    capacity_word: Word
    machines_more: int
    usd_per_h_more: float | None


@open_keys({r"^latency_p[0-9.e+-]+_s$": float | None})
class Sensitivity(parts.Simulated, OfTail):
    """A sensitivity: ``shardsim sensitivity --format json``. With the scenario's own percentile by its name."""

    change: float  #: of every knob, as a part of it
    percentile: str
    capacity_per_s: float | None
    slos: list[str]
    knobs: list[Knob]
    notes: list[str]
    provenance: parts.Provenance


def tail(percentile: str, latency_s: float | None) -> OfTail:
    """The part of a document that has the percentile at the scenario's own load."""
    return cast(OfTail, {f"latency_{percentile}_s": latency_s})


def tail_effect(percentile: str, change: parts.Interval | None, word: str) -> OfTail:
    """The part of a row that says what a knob does to the percentile."""
    return cast(OfTail, {f"{percentile}_change": change, f"{percentile}_word": word})


def tail_s(document: Sensitivity) -> float | None:
    """The percentile at the scenario's own load."""
    return cast(Mapping[str, float | None], document)[f"latency_{document['percentile']}_s"]


def tail_change(knob: Knob, percentile: str) -> parts.Interval | None:
    """What a knob does to the percentile."""
    return cast(Mapping[str, parts.Interval | None], knob)[f"{percentile}_change"]


def tail_word(knob: Knob, percentile: str) -> str:
    """What is said of that."""
    return cast(Mapping[str, str], knob)[f"{percentile}_word"]
