"""Whether an installation is sound: ``shardsim doctor``."""

from typing import Literal, NotRequired, TypedDict


class Version(TypedDict):
    """A package, and whether it is new enough."""

    name: str
    found: str | None  #: null: it is missing
    needed: str  #: at least; empty: any
    well: bool


class Memory(TypedDict):
    """Memory of a machine; null where the system does not say."""

    memory_bytes: int | None
    free_bytes: int | None


class Machine(Memory):
    """The machine that it runs on."""

    processor: str
    system: str
    cores: int  #: that this process may use


class Cache(TypedDict):
    """Where compiled kernels are kept."""

    folder: str | None  #: null: nowhere
    is_writable: bool  #: it is the first choice, and can be written
    is_compiled: bool
    cure: str  #: empty: it needs none


class Check(TypedDict):
    """A check that was made."""

    name: str
    what: str
    well: bool
    seen: str
    wall_s: float


class Terminal(TypedDict):
    """Where it is printed."""

    is_terminal: bool
    columns: int
    has_color: bool


class Doctor(TypedDict):
    """An installation: ``shardsim doctor --format json``."""

    schema: Literal[1]
    well: bool
    versions: list[Version]
    machine: Machine
    cache: Cache | None  #: null: the engine cannot be loaded
    checks: list[Check]
    to_do: list[str]
    terminal: NotRequired[Terminal]  #: of the command
