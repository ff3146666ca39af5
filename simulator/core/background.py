"""Work that replicas do besides queries: indexing beside search, compaction, refreshes.

Every replica has tasks of its own, which come in a Poisson process from the start of the run until the last query has
arrived. They queue with those of queries and take a worker like them, but belong to no query: nothing is sent, nobody
waits for an answer, no router sees them. In the place of a query stands a name below 0, which no other task of the
shard has. ``laws``, ``parts`` and ``points`` are those of a Plan, ``stages`` its (stages,) STAGE array.
"""

import math
from typing import Any

from simulator.core import draws, rules
from simulator.core.jit import formula
from simulator.core.laws import sampling
from simulator.core.plan import BACKGROUND_GAP, BACKGROUND_TIME, EDF, F8, NONE, PRIORITY, ROLES, Plan, Rows

#: The priority of what is served after all queries, whatever theirs.
LAST = -math.inf


@formula
def has_background(laws: Rows, stage: int) -> bool:
    """Whether replicas of a stage have tasks of their own."""
    return laws[stage * ROLES + BACKGROUND_GAP]["kind"] != NONE  # type: ignore[no-any-return]


def may_have_background(plan: Plan) -> bool:
    """Whether replicas of some stage have."""
    return any(bool(has_background(plan.laws, stage)) for stage in range(len(plan.stages)))


@formula
def is_background(query: int) -> bool:
    """Whether a task is one of a replica's own, by what stands in the place of its query."""
    return query < 0


@formula
def name_of(stages: Rows, stage: int, index: int, number: int) -> int:
    """What stands there of task ``number`` of a replica, which is ``index`` of its shard."""
    return -1 - index - stages[stage]["replicas"] * number  # type: ignore[no-any-return]


@formula
def background_of(
    run: Rows, laws: Rows, parts: Rows, points: F8, stage: int, shard: int, name: int
) -> tuple[int, float]:
    """Time in ns from the task before it, at least 1, and its time alone, float64 ns."""
    place, row = stage * draws.PLACES + shard, stage * ROLES
    seed, replication = run[0]["seed"], run[0]["replication"]
    u, v = draws.uniforms(seed, replication, draws.BACKGROUND, name, place, draws.FIRST_COPY)
    gap_ns = rules.round_ns(sampling.quantile(laws, parts, points, row + BACKGROUND_GAP, u))
    return max(1, gap_ns), sampling.quantile(laws, parts, points, row + BACKGROUND_TIME, v)


@formula
def wanted_beside(stages: Rows, stage: int, discipline: int) -> float:
    """As ``classes.wanted``, of a task of a replica's own: by its priority; it has no deadline."""
    if discipline == PRIORITY:
        return -stages[stage]["background_priority"]  # type: ignore[no-any-return]
    return math.inf if discipline == EDF else 0.0


def check_background(part: Any) -> None:
    """Of the ``StageParts`` of a stage: what its replicas do besides has a pace and a time, and is no batch."""
    has_some = part.background_gap.kind != NONE
    assert has_some == (part.background_time.kind != NONE), "what comes takes a time, of some law"
    assert not has_some or not part.is_batched, "what a replica does besides is not served with tasks of queries"
    assert not math.isnan(part.background_priority), "it is served before some, or after"
