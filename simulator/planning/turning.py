"""A knob, and how what it turns is written: a duration, a count or a law, a tenth more or less."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: A change of a knob, as a part of what it is.
CHANGE = 0.1

_QUANTITY = re.compile(r"([0-9.]+(?:e[+-]?[0-9]+)?)(\s*[A-Za-z/ ]*)")
#: Keys of a law that are durations or counts: they scale with it.
_SIZES = ("value", "low", "high", "mean", "p50", "p99", "minimum", "maximum")


@dataclass(frozen=True)
class Knob:
    """One change of a scenario."""

    name: str  #: what is turned, by stage: ``retrieval: shards``
    change: str  #: from what to what
    sets: tuple[tuple[str, str | int | float], ...]  #: values by dotted path
    is_load: bool = False

    @property
    def values(self) -> dict[str, str | int | float]:
        """By path, for ``varied``."""
        return dict(self.sets)


def scaled(value: Any, factor: float) -> str | None:
    """A quantity times a factor, with its unit; None if it is nothing, or no quantity."""
    match = _QUANTITY.fullmatch(str(value))
    if match is None or float(match[1]) == 0:
        return None
    return f"{float(match[1]) * factor:.12g}{match[2]}"


def scaled_law(law: Any, factor: float) -> Any:
    """A law of durations or counts times a factor; None where it is nothing, or comes from a file or a plug-in."""
    if not isinstance(law, Mapping):
        return scaled(law, factor)
    if law.get("kind") == "mixture":
        parts = [{**part, "law": scaled_law(part["law"], factor)} for part in law["parts"]]
        return None if any(part["law"] is None for part in parts) else {**law, "parts": parts}
    if ":" in law["kind"]:
        return None  # of a plug-in: what its parameters do is its own business
    other = {key: scaled(value, factor) or value if key in _SIZES else value for key, value in law.items()}
    return None if other == dict(law) else other


def narrower(path: str, law: Any) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    """A law of the same mean and a tenth less cv, and what is said of it; None where there is none."""
    if not isinstance(law, Mapping):
        return None
    kind = law["kind"]
    if ":" in kind:
        return None
    if kind == "exponential":  # which is the gamma law of cv 1
        changed = {**law, "kind": "gamma", "cv": 1 - CHANGE}
    elif "cv" in law and (kind != "hyperexponential" or law["cv"] * (1 - CHANGE) >= 1):
        changed = {**law, "cv": float(f"{law['cv'] * (1 - CHANGE):.12g}")}
    else:
        return None
    return f"cv x {1 - CHANGE:g}", ((path, text(changed)),)


def text(value: Any) -> str:
    """A value as ``--set`` takes it."""
    return value if isinstance(value, str) else json.dumps(value)
