"""Where a query has been: a stage that follows sends its tasks to the replicas whose answers counted at its owner's.

A shard without one takes no part: its answer came too late, or it was not visited. What is scored falls on those that
take part, by their shares among them. ``stages`` is the (stages,) STAGE array of a Plan; ``won``, (queries,
``hosted.kept_width``) int32, has the index of the replica whose answer counted, by shard from ``first_won`` of the
owner on, or -1.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.core.fan_out import ALMOST
from simulator.core.jit import formula, kernel
from simulator.core.outages import back_ns, has_outages
from simulator.core.plan import F8, I8, Rows
from simulator.core.routing import fill_loads
from simulator.core.rules import NOTHING
from simulator.core.work import HELD, REPLICA, TAKES, TAKING, WHO

#: What is kept of a shard none of whose answers counted.
NOWHERE = -1


@formula
def follows(stages: Rows, stage: int) -> bool:
    """Whether the tasks of a stage go where its query has been."""
    return stages[stage]["follows"] == 1  # type: ignore[no-any-return]


@kernel
def find_part(stages: Rows, share: F8, won: NDArray[np.int32], stage: int, reals: F8, wholes: I8) -> None:
    """Fill TAKES and REPLICA of the one query that is WHO, and TAKING, the shares of those that take part.

    That is exactly 1 where all do, and less where not. A shard that takes no part has replica 0: nobody looks at it.
    """
    shards, first = stages[stage]["shards"], stages[stages[stage]["owner"]]["first_won"]
    query, count, total = wholes[WHO, 0], 0, 0.0
    for shard in range(shards):
        index = won[query, first + shard]
        wholes[TAKES, shard] = 0 if index == NOWHERE else 1
        wholes[REPLICA, shard] = max(index, 0)
        if index != NOWHERE:
            count += 1
            total += share[stages[stage]["first_shard"] + shard]
    reals[TAKING, 0] = 1.0 if count == shards else min(total, ALMOST)


@kernel
def go_there(stages: Rows, outages: Rows, down: I8, stage: int, now: int, reals: F8, wholes: I8) -> None:
    """Fill LOAD, and HELD where replicas may be out: until when its sender waits for the one where it has been."""
    if has_outages(stages, stage):
        for shard in range(stages[stage]["shards"]):
            index = wholes[REPLICA, shard]
            wholes[HELD, shard] = back_ns(stages, outages, stage, shard, index, now, down) - now
    fill_loads(stages, stage, NOTHING, reals, wholes)


def nobody(queries: int, width: int) -> Any:
    """(queries, width) of what is kept before anything is."""
    return np.full((queries, width), NOWHERE, dtype=np.int32)
