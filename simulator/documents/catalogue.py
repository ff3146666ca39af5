"""Figures of hardware and models, and kinds of plug-ins: ``shardsim catalogue``."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from simulator.documents.marks import OneOf, Says


class Figure(TypedDict):
    """One figure of an entry, and how it is known."""

    key: str  #: dotted
    value: Any  #: as a scenario has it
    confidence: str  #: measured, published or assumed
    source: str  #: where the figure is from


class OfBatch(TypedDict):
    """A call of so many items."""

    items: float  #: of all tasks of the batch
    seconds: float  #: that it takes
    items_per_s: float  #: of one worker that does nothing else


class OfKind(TypedDict, total=False):
    """What a model has and a machine has not."""

    kind: str  #: of the model
    batches: list[OfBatch]  #: growing, where one was asked for by name and its time is known
    on: str  #: the hardware that they are on, where that was given


class Entry(OfKind):
    """A machine or a model."""

    name: str  #: as `from` names it
    section: Annotated[str, OneOf("hardware", "models")]  #: what it is
    description: str  #: in a sentence
    figures: list[Figure]  #: each with its source


class Parameter(TypedDict):
    """What a plug-in takes."""

    key: str  #: in a scenario
    what: str  #: its annotation
    required: bool  #: has no default
    default: Any  #: empty: there is none


#: A kind of a plug-in: ``from`` where it comes from, ``is`` what it is, with the ``hash`` of its file if it is loaded.
Plugin = TypedDict(
    "Plugin",
    {
        "kind": Annotated[str, Says("as a scenario names it")],
        "group": Annotated[str, OneOf("models", "laws", "arrivals", "rules"), Says("where it may stand")],
        "is": Annotated[str, Says("what it is, in words")],
        "from": Annotated[str, Says("file, module or entry point")],
        "sha256": NotRequired[Annotated[str, Says("of the file, if it is loaded")]],
        "description": Annotated[str, Says("of its author; may be empty")],
        "hardware": Annotated[str, OneOf("needed", "used", ""), Says("whether it takes the stage's hardware")],
        "parameters": Annotated[list[Parameter], Says("that it takes")],
    },
)


class Catalogue(TypedDict):
    """What the catalogue has: ``shardsim catalogue --format json``."""

    schema: Literal[1]  #: of the document
    entries: list[Entry]  #: machines and models
    plugins: NotRequired[list[Plugin]]  #: kinds that plug-ins bring
