"""Who is next in a queue: a discipline is a row of ``DISCIPLINES`` and its key; the least key is served first.

Among equal keys the task that was enqueued earlier goes first. Where the key is the same for all tasks, the queue is a
list in the order of enqueues; else it is a heap.
"""

from collections.abc import Callable
from dataclasses import dataclass

from simulator.core.plan import FIFO


def in_order(number: int) -> int:
    """First come, first served."""
    return 0


@dataclass(frozen=True)
class Discipline:
    """A discipline of a replica's queue."""

    name: str  #: as users write it
    code: int  #: in a Plan
    queue_key: Callable[[int], int]  #: of the enqueue's number at its replica
    words: str


#: All disciplines.
DISCIPLINES = (Discipline("fifo", FIFO, in_order, "first come, first served"),)

BY_CODE = {discipline.code: discipline for discipline in DISCIPLINES}
