"""Queues that refuse, and the aggregator is told: who comes to a full one, or one that has been late for long.

Likewise whose deadline has passed, when it would start (``classes.is_dropped``).
"""

from simulator.core.jit import formula
from simulator.core.plan import Rows

#: What the limit of a queue is where it has none, and how long tasks may wait.
UNLIMITED = -1


@formula
def refuses(stages: Rows, stage: int) -> bool:
    """Whether tasks of a stage may be refused: at its queues, or since they are late."""
    return may_be_full(stages, stage) or stages[stage]["drops"] == 1


@formula
def may_be_full(stages: Rows, stage: int) -> bool:
    """Whether queues of a stage may turn away who comes."""
    return stages[stage]["limit"] != UNLIMITED or looks_at_delay(stages, stage)


@formula
def looks_at_delay(stages: Rows, stage: int) -> bool:
    """Whether they do for how long those waited that started."""
    return stages[stage]["target_ns"] != UNLIMITED  # type: ignore[no-any-return]


@formula
def is_short(stages: Rows, stage: int, waited_ns: int) -> bool:
    """Whether a task that starts has waited so short a time that its replica carries what comes."""
    return waited_ns <= stages[stage]["target_ns"]  # type: ignore[no-any-return]


@formula
def is_late(stages: Rows, stage: int, in_time_ns: int, now: int) -> bool:
    """Whether a replica takes no other task, since it has been late for long (CoDel's rule, at the door).

    For the whole of the last interval somebody has waited, and whoever started had waited for longer than the target.

    Parameters
    ----------
    stages, stage
        As of ``is_full``.
    in_time_ns
        When a task came to an empty queue, or one started that had waited shortly (``is_short``), the last time: now,
        if nobody waits.
    now
        When the task is there.
    """
    is_long = now - in_time_ns > stages[stage]["interval_ns"]
    return looks_at_delay(stages, stage) and is_long


@formula
def is_full(stages: Rows, stage: int, waiting: int, free: int) -> bool:
    """Whether a replica takes no other task.

    Parameters
    ----------
    stages, stage
        (stages,) STAGE array of a Plan, and the place of one in it.
    waiting
        Tasks of queries in its queue. Those that start at this instant do so at its end, and are among them.
    free
        Workers that are free: who takes what comes needs no place in the queue.
    """
    limit = stages[stage]["limit"]
    return limit != UNLIMITED and waiting >= limit + stages[stage]["max_size"] * free  # type: ignore[no-any-return]


@formula
def refusal_ns(response_ns: int) -> int:
    """How long a refusal takes to the aggregator, by the latency of the answer that it replaces; at least 1 ns."""
    return max(1, response_ns)
