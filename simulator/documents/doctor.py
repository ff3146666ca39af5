"""Whether an installation is sound: ``shardsim doctor``."""

from typing import Literal, NotRequired, TypedDict


class Version(TypedDict):
    """A package, and whether it is new enough."""

    name: str  #: of the package
    found: str | None  #: null: it is missing
    needed: str  #: at least; empty: any
    well: bool  #: new enough


class Memory(TypedDict):
    """Memory of a machine; null where the system does not say."""

    memory_bytes: int | None  #: of the machine
    free_bytes: int | None  #: available now


class Machine(Memory):
    """The machine that it runs on."""

    processor: str  #: its name
    system: str  #: its name and version
    cores: int  #: that this process may use


class Cache(TypedDict):
    """Where compiled kernels are kept."""

    folder: str | None  #: null: nowhere
    is_writable: bool  #: it is the first choice, and can be written
    is_compiled: bool  #: kernels of this version are there
    cure: str  #: empty: it needs none


class Check(TypedDict):
    """A check that was made."""

    name: str  #: in a word
    what: str  #: what is held against what
    well: bool  #: passed
    seen: str  #: what was seen
    wall_s: float  #: seconds that it took


class Terminal(TypedDict):
    """Where it is printed."""

    is_terminal: bool  #: else a file or a pipe
    columns: int  #: its width
    has_color: bool  #: colours are used


class Doctor(TypedDict):
    """An installation: ``shardsim doctor --format json``."""

    schema: Literal[1]  #: of the document
    well: bool  #: nothing to do
    versions: list[Version]  #: of what it needs
    machine: Machine  #: where it runs
    cache: Cache | None  #: null: the engine cannot be loaded
    checks: list[Check]  #: one after the other
    to_do: list[str]  #: what helps, in words
    terminal: NotRequired[Terminal]  #: of the command
