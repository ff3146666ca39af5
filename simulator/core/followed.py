"""What a table of tasks shows of where queries have been, for stages that follow."""

from collections.abc import Iterator

import numpy as np

from simulator.core.columns import Columns
from simulator.core.following import NOWHERE, follows
from simulator.core.outages import back_ns, has_outages
from simulator.core.plan import I8, Plan
from simulator.core.violations import Rows, Violation, at

#: Of stages that follow, (queries, shards) int64: the index of the replica whose answer counted, or NOWHERE.
Been = dict[int, I8]
#: Replicas of stages that others follow do not crash.
NOBODY_DOWN = np.zeros(0, dtype=np.int64)


def been(plan: Plan, trace: Columns, tasks: Rows) -> Been:
    """Where queries have been, for each stage that follows; by the answers in the table."""
    followers = [stage for stage in range(len(plan.stages)) if follows(plan.stages, stage)]
    return {stage: _winners(plan, trace, tasks, int(plan.stages[stage]["owner"])) for stage in followers}


def _winners(plan: Plan, trace: Columns, tasks: Rows, stage: int) -> I8:
    """(queries, shards) of a stage: the replica whose answer counted."""
    row = plan.stages[stage]
    won = np.full((plan.queries, int(row["shards"])), NOWHERE)
    mine = tasks.some((tasks.stage == stage) & (tasks.answer_ns >= 0))
    mine = mine.some(np.lexsort((mine.copy, mine.shard, mine.answer_ns, mine.query)))
    counts = trace.answers[stage].tolist() if len(trace.answers) else [int(row["shards"])] * plan.queries
    index = mine.replica - row["first_replica"] - mine.shard * row["replicas"]
    for query, shard, one in zip(mine.query.tolist(), mine.shard.tolist(), index.tolist(), strict=True):
        if won[query, shard] == NOWHERE and counts[query] > 0:
            won[query, shard] = one
            counts[query] -= 1
    return won


def takes_of(found: Been, stage: int, query: int) -> I8 | None:
    """(shards,) whether each takes part; None: all do."""
    return (found[stage][query] != NOWHERE).astype(np.int64) if stage in found else None


def held_there(plan: Plan, stage: int, query: int, shard: int, now: int, found: Been) -> int:
    """How long a task waits with its sender for the replica where its query has been."""
    index = max(0, int(found[stage][query, shard]))
    if not has_outages(plan.stages, stage):
        return 0
    return int(back_ns(plan.stages, plan.outages, stage, shard, index, now, NOBODY_DOWN)) - now


def following(plan: Plan, tasks: Rows, stage: int, found: Been) -> Iterator[Violation]:
    """Of the tasks of a stage that follows: each goes to the replica where its query has been."""
    if stage not in found:
        return
    row, expected = plan.stages[stage], found[stage][tasks.query, tasks.shard]
    index = tasks.replica - row["first_replica"] - tasks.shard * row["replicas"]
    yield from at("I62", index != expected, tasks.place, index=index, of_the_answer=expected)
