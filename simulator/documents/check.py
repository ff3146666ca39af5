"""Things held against the laws of their kinds: ``shardsim check``."""

from typing import Annotated, Literal, NotRequired, TypedDict

from simulator.documents.marks import OneOf


class Law(TypedDict):
    """What became of one law."""

    law: str  #: its number
    verdict: Annotated[str, OneOf("held", "broken", "not asked")]  #: what became of it
    tried: str  #: what was tried, or why it was not asked
    says: str  #: its statement


class Laws(TypedDict):
    """What became of all laws."""

    laws: list[Law]  #: all that were asked for


class Broken(TypedDict):
    """A law that does not hold, and the smallest case."""

    law: str  #: its number
    says: str  #: its statement
    case: dict[str, str]  #: what was given and what came out, in words


class Breach(TypedDict):
    """The first law that is broken, and what became of the others."""

    broken: Broken  #: the law, and the smallest case
    others: dict[str, str]  #: verdicts by number of the law


class Thing(TypedDict):
    """What was checked: with ``laws`` where all hold, else with ``broken`` and ``others``."""

    subject: str  #: what was checked
    well: bool  #: all laws hold
    laws: NotRequired[list[Law]]  #: where all hold
    broken: NotRequired[Broken]  #: where one does not hold
    others: NotRequired[dict[str, str]]  #: verdicts by number of the law


class Check(TypedDict):
    """A check: ``shardsim check --format json``."""

    schema: Literal[1]  #: of the document
    profile: Annotated[str, OneOf("quick", "default", "deep")]  #: how much was drawn
    checks: list[Thing]  #: one for each thing
