"""Queues that hold so many tasks and no more: whoever comes to a full one is refused, and the aggregator is told."""

from simulator.core.jit import formula
from simulator.core.plan import Rows

#: What the limit of a queue is where it has none.
UNLIMITED = -1


@formula
def refuses(stages: Rows, stage: int) -> bool:
    """Whether queues of a stage may be full."""
    return stages[stage]["limit"] != UNLIMITED  # type: ignore[no-any-return]


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
