"""Which waiting tasks a worker takes at once, and how much they are together: the rules of a batch.

Tasks are taken in the order of the queue. A batch is of at most ``max_size`` tasks and ``max_items`` effective items,
but its first always goes. It is ready when it is full, when some task has waited ``max_wait_ns``, or when it reaches a
preferred size. ``stages`` is the (stages,) STAGE array of a Plan, ``points`` its ``batch_points``.
"""

from simulator.core.jit import formula, passage
from simulator.core.plan import F8, Rows


@passage
def is_batched(stages: Rows, stage: int) -> bool:
    """Whether a task's service depends on what is served together with it."""
    return stages[stage]["max_size"] > 1 or stages[stage]["sizes"] > 0  # type: ignore[no-any-return]


@passage
def fits(stages: Rows, stage: int, count: int, items: float, more: float) -> bool:
    """Whether a task of ``more`` items may join a batch of ``count`` tasks, which have ``items`` together."""
    is_room = count < stages[stage]["max_size"] and items + more <= stages[stage]["max_items"]
    return count == 0 or is_room


@passage
def ready(stages: Rows, points: F8, stage: int, waiting: int, fitting: int, oldest_ns: int, now: int) -> int:
    """How many tasks make a batch that is ready; 0: none is.

    Parameters
    ----------
    stages, points, stage
        Of the Plan; which.
    waiting, fitting
        Tasks in the queue; the first of them that fit into one batch.
    oldest_ns, now
        When the oldest of them was enqueued; the instant, both in ns.
    """
    is_full = fitting == stages[stage]["max_size"] or fitting < waiting
    if is_full or now - oldest_ns >= stages[stage]["max_wait_ns"]:
        return fitting
    most = 0.0
    first = stages[stage]["first_preferred"]
    for at in range(first, first + stages[stage]["preferred"]):
        if points[at] <= fitting:
            most = max(most, points[at])
    return int(most)


@passage
def padded(stages: Rows, points: F8, stage: int, items: float) -> float:
    """Items that a batch costs: the least compiled size that holds them; beyond the largest, and without any, as is."""
    first = stages[stage]["first_size"]
    for at in range(first, first + stages[stage]["sizes"]):
        if points[at] >= items:
            return points[at]  # type: ignore[no-any-return]
    return items


@formula
def part_of(service_ns: int, count: int, is_head: bool) -> int:
    """Busy time of one task of a batch: an equal part, and the head's is what is left over, too."""
    return service_ns // count + (service_ns % count if is_head else 0)
