"""The words of ``keys.yaml``, and what its examples are put into, of ``base.yaml``."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

#: The part that is the whole file.
TOP = "Scenario"


@cache
def rows() -> tuple[Mapping[str, Any], ...]:
    """A map for each part of a scenario, from the outside inwards, as ``keys.yaml`` begins by saying."""
    return tuple(_read("keys.yaml"))


@cache
def base() -> Mapping[str, Any]:
    """The scenario that examples are put into, and the files which they name, by name."""
    return dict(_read("base.yaml"))


def with_words(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON Schema of scenarios with what each key means in front of what it takes."""
    said = {key: words["says"] for row in rows() if row["part"] == TOP for key, words in row["keys"].items()}
    parts = dict(schema["$defs"])
    for row in rows():
        words = {key: words["says"] for key, words in row["keys"].items()}
        for name in (row["part"], *row.get("also", ())):
            if name in parts:
                parts[name] = _described(parts[name], words)
    return {**_described(schema, said), "$defs": parts}


def _described(part: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    properties = {key: _with(field, words.get(key, "")) for key, field in part.get("properties", {}).items()}
    return {**part, "properties": properties} if properties else dict(part)


def _with(field: Mapping[str, Any], words: str) -> dict[str, Any]:
    taken = field.get("description", "")
    if not words:
        return dict(field)
    return {**field, "description": f"{words} Takes {taken}." if taken else words}


def _read(name: str) -> Any:
    return yaml.safe_load((files(__package__) / name).read_text(encoding="utf-8"))
