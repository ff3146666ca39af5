"""Figures of hardware and models, and kinds of plug-ins: ``shardsim catalogue``."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from simulator.documents.marks import OneOf


class Figure(TypedDict):
    """One figure of an entry, and how it is known."""

    key: str  #: dotted
    value: Any  #: as a scenario has it
    confidence: str  #: measured, published or assumed
    source: str


class OfKind(TypedDict, total=False):
    """What a model has and a machine has not."""

    kind: str


class Entry(OfKind):
    """A machine or a model."""

    name: str
    section: Annotated[str, OneOf("hardware", "models")]
    description: str
    figures: list[Figure]


class Parameter(TypedDict):
    """What a plug-in takes."""

    key: str
    what: str
    required: bool
    default: Any  #: empty: there is none


#: A kind of a plug-in: ``from`` where it comes from, ``is`` what it is, with the ``hash`` of its file if it is loaded.
Plugin = TypedDict(
    "Plugin",
    {
        "kind": str,
        "group": Annotated[str, OneOf("models", "laws", "arrivals", "rules")],
        "is": str,
        "from": str,
        "sha256": NotRequired[str],
        "description": str,
        "hardware": Annotated[str, OneOf("needed", "used", "")],
        "parameters": list[Parameter],
    },
)


class Catalogue(TypedDict):
    """What the catalogue has: ``shardsim catalogue --format json``."""

    schema: Literal[1]
    entries: list[Entry]
    plugins: NotRequired[list[Plugin]]
