"""Tasks that share the workers of their replica, in place of a queue: nobody waits, and many take longer.

While n tasks are there each gains, over d ns, floor(1024 d min(n, workers) / n) units of 1/1024 ns. That is worked out
only when a task comes, is done or is withdrawn there, so all gain the same: the *level* of a replica, in units, rises
from 0 as long as somebody is there. A task that needs s ns is done in the first ns in which the level is 1024 s units
above the one at which it came. It starts as it comes; its service is what it needs, its wait the rest of its stay:
what others took of the workers meanwhile. Its busy time is its service as far as it came, that of its replica the
integral of min(n, workers). Levels are int64: what would be done above the highest is not done within 2**52 ns.
"""

from typing import Any

from simulator.core.jit import formula
from simulator.core.limits import UNLIMITED
from simulator.core.plan import FIFO, NEVER_NS, NONE, Rows

#: Of a nanosecond of service.
UNITS = 1024
#: No level is higher; and no run that ends sooner comes to it.
MOST_UNITS, LATEST_NS = 2**62, 2**52


@formula
def shares(stages: Rows, stage: int) -> bool:
    """Whether tasks share the workers of their replica; ``stages``: (stages,) STAGE array of a Plan."""
    return stages[stage]["sharing"] == 1  # type: ignore[no-any-return]


@formula
def gained(workers: int, tasks: int, lasts_ns: int) -> int:
    """Units that each of so many tasks, one at least, gains in so many ns.

    In two parts, since the product of all may be more than int64 holds.
    """
    step = UNITS * min(workers, tasks)
    return step * (lasts_ns // tasks) + step * (lasts_ns % tasks) // tasks


@formula
def done_at(level: int, service_ns: int) -> int:
    """The level at which a task is done that comes at a level and needs so long alone; MOST_UNITS: beyond all."""
    return level + UNITS * service_ns if service_ns < (MOST_UNITS - level) // UNITS else MOST_UNITS


@formula
def is_beyond(level: int, end_ns: int) -> bool:
    """Whether int64 cannot tell if a task that is done at a level is done before the run ends."""
    return level == MOST_UNITS and end_ns >= LATEST_NS


@formula
def rises_until_ns(workers: int, tasks: int, units: int, now: int) -> int:
    """The first instant at which each of so many tasks will have gained so many units; NEVER_NS at most."""
    step = UNITS * min(workers, tasks)
    turns = units // step
    if turns >= NEVER_NS // tasks:
        return NEVER_NS
    lasts_ns = turns * tasks + (units % step * tasks + step - 1) // step
    return now + lasts_ns if lasts_ns < NEVER_NS - now else NEVER_NS


def check_sharing(part: Any) -> None:
    """Of the ``StageParts`` of a stage: what shares its workers has no queue, and nothing else that makes it slow."""
    if not part.sharing:
        return
    is_queue = part.discipline != FIFO or part.limit != UNLIMITED or part.target_ns != UNLIMITED
    assert not is_queue, "where tasks share there is no queue"
    assert not part.is_batched, "tasks that share are not served in batches"
    assert part.threads == 1, "a task that shares does not take several workers at once"
    assert part.after.kind == NONE, "a task that shares is over with its answer"
    assert not part.busy and not part.slowdowns, "tasks that share are slowed down by each other alone"
    assert part.hedges == 0 or part.hedge_ns > 0, "tied copies wait for each other, and nobody waits"
