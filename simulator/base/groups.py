"""Names of groups of queries: the classes of a load, and its phases."""

from typing import NamedTuple

CLASS, PHASE = "class", "phase"
KINDS = (CLASS, PHASE)


class Group(NamedTuple):
    """Some of the queries, by what they have in common.

    >>> str(Group(PHASE, "peak"))
    'phase.peak'
    """

    kind: str  #: CLASS: what they are; PHASE: when they arrive
    name: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.name}"
