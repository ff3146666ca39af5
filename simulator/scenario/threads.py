"""Tasks that take several workers of their replica at once, as it is written."""

from collections.abc import Iterable

from simulator.base.formats import counted
from simulator.scenario.fields import Contradiction


def thread_contradictions(threads: int, workers: int, has_law: bool) -> Iterable[Contradiction]:
    """A replica has as many workers as a task takes, over which its items can be divided."""
    if threads > workers:
        there = counted(workers, "worker")
        yield ("threads",), f"a replica has {there}, got {threads}: have more workers, or fewer threads"
    elif threads > 1 and has_law:
        message = "a law of times does not say how long a part of a task takes: use a model that counts items"
        yield ("threads",), message


def thread_notes(threads: int, workers: int) -> list[str]:
    """Workers that are left over."""
    idle = workers % threads
    if not idle:
        return []
    never = f"{counted(idle, 'worker')} of {workers:,} never serve{'' if idle > 1 else 's'}"
    cure = f"have {workers - idle}, or {workers - idle + threads}"
    return [f"threads: {never}, since a task takes {threads}: {cure}"]
