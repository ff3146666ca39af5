"""Who is next in a queue: a discipline is a row of ``DISCIPLINES`` and its key; the least key is served first.

Among equal keys the task that was enqueued earlier goes first. Whoever is served is not interrupted. First come, first
served is a list in both engines; the others are heaps of keys.
"""

from dataclasses import dataclass

from simulator.core.jit import formula
from simulator.core.plan import EDF, FIFO, LIFO, PRIORITY, SHORTEST


@dataclass(frozen=True)
class Discipline:
    """A discipline of a replica's queue."""

    name: str  #: as users write it
    code: int  #: in a Plan
    words: str
    looks_at_class: bool = False  #: of queries


#: All disciplines.
DISCIPLINES = (
    Discipline("fifo", FIFO, "first come, first served"),
    Discipline("lifo", LIFO, "last come, first served"),
    Discipline("shortest", SHORTEST, "the least time alone first, without the luck of machine and task"),
    Discipline("priority", PRIORITY, "the class of the greatest priority first", looks_at_class=True),
    Discipline("edf", EDF, "the earliest deadline first, of the query's class", looks_at_class=True),
)

BY_CODE = {discipline.code: discipline for discipline in DISCIPLINES}
BY_NAME = {discipline.name: discipline for discipline in DISCIPLINES}


@formula
def queue_key(discipline: int, number: int, alone_ns: float, soon: float) -> float:
    """The key of a task, less than those of all that are served after it.

    Parameters
    ----------
    discipline
        Its code.
    number
        How many were enqueued at the replica before.
    alone_ns
        Time alone, without the factors of machine and task.
    soon
        What the class of its query says, ``classes.wanted``.
    """
    if discipline == LIFO:
        return -float(number)
    return alone_ns if discipline == SHORTEST else soon
