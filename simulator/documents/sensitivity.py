"""What turning each knob does: ``shardsim sensitivity``."""

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired, TypedDict, cast

from simulator.documents import parts
from simulator.documents.marks import OneOf, Says, open_keys

#: What is said of a change.
Word = Annotated[str, OneOf("better", "worse", "no difference seen", "not known")]


class OfTail(TypedDict):
    """What is said of the percentile: keys that no type knows."""


@open_keys(
    {
        r"^latency_p[0-9.e+-]+_s$": Annotated[float | None, Says("that percentile; null: not supported")],
        r"^p[0-9.e+-]+_change$": Annotated[parts.Interval | None, Says("of that percentile")],
        r"^p[0-9.e+-]+_word$": Annotated[Word, Says("what is said of that")],
    }
)
class Knob(OfTail):
    """What one knob does; changes are parts of what was before. With those of the percentile by its name."""

    knob: str  #: in words
    change: str  #: from what to what
    sets: dict[str, Any]  #: values by path
    capacity_per_s: float | None  #: with the change; null: not known
    capacity_change: parts.Interval | None  #: of the capacity
    capacity_word: Word  #: what is said of that
    machines_more: int  #: than before
    usd_per_h_more: float | None  #: than before; null: a price is missing


class Ended(TypedDict):
    """Where it ended before all knobs were turned; left out where all are."""

    unturned: NotRequired[int]  #: knobs that were not turned; left out: none
    interrupted: NotRequired[bool]  #: whether that was an interrupt, and no want of time; left out: all are turned


@open_keys({r"^latency_p[0-9.e+-]+_s$": Annotated[float | None, Says("that percentile; null: not supported")]})
class Sensitivity(parts.Simulated, OfTail, Ended):
    """A sensitivity: ``shardsim sensitivity --format json``. With the scenario's own percentile by its name."""

    change: float  #: of every knob, as a part of it
    percentile: str  #: the one that is shown, by name
    capacity_per_s: float | None  #: as it is; null: not known
    slos: list[str]  #: as they were written
    knobs: list[Knob]  #: in order of what they do
    notes: list[str]  #: what a reader should know besides
    provenance: parts.Provenance  #: where the answer comes from


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
