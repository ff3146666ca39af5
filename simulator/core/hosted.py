"""Stages whose tasks run at the replicas of an earlier stage, the owner: in its queues, by its workers.

Such a guest takes from its owner all that is of replicas, queues and workers, and has places of its own for counters:
as many as the owner has, one beside each of its replicas, the *seat*. What is outstanding at a seat is counted once,
with the tasks of all that share it. ``stages`` is the (stages,) STAGE array of a Plan.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from simulator.core.gathering import counts_answers
from simulator.core.heard import is_fed
from simulator.core.jit import formula
from simulator.core.plan import C3, I8, NONE, Rows, frozen
from simulator.core.routing import is_load_aware, weighs_work

#: Of ``StageParts``, what a guest takes from its owner.
HELD = (
    *("share", "replicas", "left", "workers", "threads", "idle", "discipline", "limit", "sharing"),
    *("target_ns", "interval_ns"),
    *("max_size", "max_wait_ns", "max_items", "preferred", "sizes", "per_machine", "busy", "spread"),
    *("slowdowns", "outages", "machine", "hashed", "balancers"),
)
#: Of them, what stands in lists of all stages: once, at the owner's place.
LISTED = ("busy", "preferred", "sizes", "slowdowns", "outages")
#: And the columns of a stage that say where.
PLACES = (
    *("first_view", "first_preferred", "preferred", "first_size", "sizes", "first_busy", "busies"),
    *("first_slowdown", "slowdowns", "first_outage", "outages"),
)


@formula
def is_guest(stages: Rows, stage: int) -> bool:
    """Whether the tasks of a stage run at the replicas of another."""
    return stages[stage]["owner"] != stage  # type: ignore[no-any-return]


def is_owner(stages: Rows) -> Any:
    """(stages,) whether the replicas of each are its own."""
    return stages["owner"] == np.arange(len(stages))


def has_company(stages: Rows, stage: int) -> bool:
    """Whether another stage runs at the same replicas."""
    return bool(np.count_nonzero(stages["owner"] == stages[stage]["owner"]) > 1)


def guests_of(stages: Rows, stage: int) -> list[int]:
    """The stages that run at the replicas of this one."""
    return [int(guest) for guest in np.flatnonzero(stages["owner"] == stage) if guest != stage]


def seats_of(stages: Rows) -> I8:
    """(replicas,) the replica at which the tasks are served that are counted at each: itself, but a guest's."""
    owners = stages["first_replica"][stages["owner"]]
    counts = (stages["shards"] * stages["replicas"]).tolist()
    return np.concatenate([first + np.arange(count) for first, count in zip(owners, counts, strict=True)])


def hosted(part: Any, owner: Any, place: int) -> Any:
    """The ``StageParts`` of a stage as those of a guest of the one at a place, with what it takes from there."""
    return replace(part, owner=place, **{name: getattr(owner, name) for name in HELD})


def without_lists(parts: Sequence[Any]) -> list[Any]:
    """The stages, guests among them without what stands in lists at their owner's place; all checked."""
    for place in range(len(parts)):
        check_guest(parts, place)
    without: dict[str, Any] = dict.fromkeys(LISTED, ())
    return [part if part.owner in (-1, place) else replace(part, **without) for place, part in enumerate(parts)]


def take_place(stages: Rows, place: int, part: Any) -> None:
    """Fill the row of a guest with the owner's offsets, and whether it may leave shards out."""
    for name in PLACES:
        stages[place][name] = stages[part.owner][name]
    may_leave_out = part.follows and counts_answers(frozen(stages), part.owner)
    stages[place]["fans_out"] = part.visits.kind != NONE or may_leave_out


def check_guest(parts: Sequence[Any], place: int) -> None:
    """Assert that a stage may run on the one that it names."""
    part = parts[place]
    assert part.owner >= 0 or not part.follows, "whoever goes where another has been runs there"
    if part.owner in (-1, place):
        return
    owner = parts[part.owner].owner
    assert part.owner < place and owner in (-1, part.owner), "it runs on an earlier stage, at its own replicas"
    for name in HELD:
        assert getattr(part, name) == getattr(parts[part.owner], name), f"{name} is the owner's"
    assert not part.sizes and part.max_items == math.inf, "items of two models are not alike"
    assert not part.sharing, "who shares workers with whom is counted stage by stage"
    has_own = [one.background_gap.kind for one in (part, parts[part.owner])]
    assert not any(has_own), "what a replica does besides is known where one stage runs"
    assert part.failures is None and parts[part.owner].failures is None, "a crash is known where one stage runs"
    assert not part.follows or part.hedges == 0, "it goes where its query has been, and nowhere else"


def look_together(stages: Rows) -> None:
    """Fill ``counts`` of stages: what is outstanding at replicas is counted for whoever looks there.

    A stage that looks at nothing counts as those do that share its replicas; so do all that look, at one thing.
    """
    stages["counts"] = stages["policy"]
    for owner in np.unique(stages["owner"]):
        group = np.flatnonzero(stages["owner"] == owner)
        looking = [stage for stage in group if is_load_aware(int(stages[stage]["policy"]))]
        seen = {sight(int(stages[stage]["policy"])) for stage in looking}
        assert len(seen) < 2, "stages that share replicas look at one thing there"
        for stage in group:
            if looking and stage not in looking:
                stages[stage]["counts"] = stages[looking[0]]["policy"]
                stages[stage]["decay_ns"] = stages[looking[0]]["decay_ns"]


def sight(policy: int) -> str:
    """What a policy that looks at what is outstanding looks at."""
    if policy == C3:
        return "ranks"
    if is_fed(policy):
        return "latency"
    return "work" if weighs_work(policy) else "tasks"


def keep_whose_answers_counted(stages: Rows) -> None:
    """Fill ``first_won``, where others follow."""
    stages["first_won"] = -1
    width = 0
    for stage in np.flatnonzero(is_owner(stages)):
        if any(stages[guest]["follows"] == 1 for guest in guests_of(stages, int(stage))):
            stages[stage]["first_won"] = width
            width += int(stages[stage]["shards"])


def kept_width(stages: Rows) -> int:
    """How many replicas are kept of a query, whose answers counted, for stages that follow."""
    return int(stages["shards"][stages["first_won"] >= 0].sum())


def in_company(stages: Rows, stage: int, column: I8) -> I8:
    """(replicas of a stage,) sum of a column of a Trace at its replicas over all stages that run there.

    ``column``: (replicas of all stages,).
    """
    row = stages[stage]
    count, total = int(row["shards"] * row["replicas"]), None
    for other in np.flatnonzero(stages["owner"] == row["owner"]):
        first = int(stages[other]["first_replica"])
        here = column[first : first + count]
        total = here if total is None else total + here
    assert total is not None, "a stage is among those that run there"
    return total
