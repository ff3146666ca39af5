"""Marks of documents whose keys are not all known beforehand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

Document = TypeVar("Document")

#: Attribute of a document's type that holds its open keys: kinds of values by pattern.
_OPEN = "__open_keys__"


@dataclass(frozen=True)
class Keys:
    """In ``Annotated[dict[str, X], Keys(...)]``: the pattern that every key of a map matches."""

    pattern: str


@dataclass(frozen=True)
class OneOf:
    """In ``Annotated[str, OneOf(...)]``: the words that are said, where many places say them."""

    words: tuple[str, ...]

    def __init__(self, *words: str) -> None:
        object.__setattr__(self, "words", words)


@dataclass(frozen=True)
class Says:
    """In ``Annotated[X, Says(...)]``: what a key is that no comment can stand beside (a pattern, a word of Python)."""

    text: str


def open_keys(patterns: Mapping[str, Any]) -> Callable[[type[Document]], type[Document]]:
    """Mark the type of a document that has other keys, too: kinds of their values by pattern (a regular expression)."""

    def mark(document: type[Document]) -> type[Document]:
        setattr(document, _OPEN, dict(patterns))
        return document

    return mark


def open_keys_of(document: type) -> dict[str, Any]:
    """Kinds of values by pattern of the keys that a document has besides its own."""
    patterns: dict[str, Any] = getattr(document, _OPEN, {})
    return patterns
