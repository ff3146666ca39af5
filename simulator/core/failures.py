"""Replicas that crash and are repaired: what a crash loses, when it is known, and when tasks are sent again.

Up and down stretches of time alternate from the start of the run, drawn ahead, at each replica, machine or shard, or at
the whole stage: down is [crash, repair). What finishes at the instant of a crash is finished. Nothing starts at a
replica that is down. A crash loses what runs, what waits too, or nothing: then services stop, and go on at the repair.
Whoever sent a task that is lost knows ``detect_ns`` after the loss, and sends it again. From then on nobody is sent to
the replica until its repair. ``stages`` is the (stages,) STAGE array of a Plan.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.core import draws, rules
from simulator.core import plan as plans
from simulator.core.jit import formula, kernel
from simulator.core.laws import Law, sampling
from simulator.core.plan import F8, I8, NEVER_NS, Plan, Rows
from simulator.core.slowdowns import whose

#: Times that a task is sent, at most, where it may be lost: a draw has names for so many. Then its shard has failed.
MOST_SENDINGS = 16


@dataclass(frozen=True)
class Failures:
    """How the replicas of a stage crash; durations in ns."""

    every: Law  #: time up
    repair: Law  #: time down
    lose: int = plans.LOSE_QUEUED  #: what a crash loses
    detect_ns: int = 1  #: until a crash, or a loss, is known
    scope: int = plans.OF_REPLICA  #: what crashes as a whole


def check_failures(part: Any, most_ns: int) -> None:
    """Of the ``StageParts`` of a stage: its crashes are ones that it may have."""
    if part.failures is None:
        return
    assert part.failures.every.kind != plans.NONE and part.failures.repair.kind != plans.NONE, (
        "up and down have a length"
    )
    assert part.failures.lose in range(plans.LOSE_QUEUED + 1), "a crash says what it loses"
    assert part.failures.scope in range(plans.OF_STAGE + 1), "it says what crashes"
    assert 1 <= part.failures.detect_ns <= most_ns, "it takes time until a crash is known"
    assert not part.sharing, "tasks that share do not crash"
    assert part.background_gap.kind == plans.NONE, "what a replica does besides is not lost"
    is_tied = part.hedges > 0 and part.hedge_ns == 0
    assert not is_tied or part.failures.detect_ns >= part.cancel_ns, "tied copies agree before a loss is known"


def columns_of(part: Any) -> dict[str, int]:
    """Columns of STAGE that say how a stage of these ``StageParts`` crashes."""
    one: Failures | None = part.failures
    if one is None:
        return {"sendings": 1 + part.hedges}
    sendings = 1 + part.hedges if one.lose == plans.LOSE_NOTHING else MOST_SENDINGS
    crashes = {"fails": 1, "fail_scope": one.scope, "lose": one.lose, "detect_ns": one.detect_ns}
    return {"sendings": sendings, **crashes}


@formula
def fails(stages: Rows, stage: int) -> bool:
    """Whether replicas of a stage crash now and then."""
    return stages[stage]["fails"] == 1  # type: ignore[no-any-return]


@formula
def loses(stages: Rows, stage: int) -> bool:
    """Whether tasks of a stage may be lost."""
    return stages[stage]["lose"] != plans.LOSE_NOTHING  # type: ignore[no-any-return]


@formula
def loses_queue(stages: Rows, stage: int) -> bool:
    """Whether those that wait may be, and whoever comes while its replica is down."""
    return stages[stage]["lose"] == plans.LOSE_QUEUED  # type: ignore[no-any-return]


@formula
def freezes(stages: Rows, stage: int) -> bool:
    """Whether a service stops at a crash, and goes on at the repair."""
    return stages[stage]["fails"] == 1 and stages[stage]["lose"] == plans.LOSE_NOTHING  # type: ignore[no-any-return]


@formula
def spell(
    stages: Rows, run: Rows, laws: Rows, parts: Rows, points: F8, stage: int, shard: int, index: int, number: int
) -> tuple[int, int]:
    """How long a replica, ``index`` of its shard, is up for the ``number``-th time, and then down; both at least 1 ns.

    Those that crash as a whole have the same luck.
    """
    place = whose(stages, stages[stage]["fail_scope"], stage, shard, index)
    u, v = draws.uniforms(run[0]["seed"], run[0]["replication"], draws.FAILURE, number, place, draws.FIRST_COPY)
    up_ns = rules.round_ns(sampling.quantile(laws, parts, points, stage * plans.ROLES + plans.UP, u))
    down_ns = rules.round_ns(sampling.quantile(laws, parts, points, stage * plans.ROLES + plans.DOWN, v))
    return max(1, up_ns), max(1, down_ns)


@formula
def known_until_ns(stages: Rows, stage: int, crash_ns: int, repair_ns: int, now: int) -> int:
    """Until when a replica is known to be down that is so in [crash, repair), and not repaired yet; else 0."""
    return repair_ns if now - stages[stage]["detect_ns"] >= crash_ns else rules.NOTHING


@kernel
def down_inside(
    stages: Rows,
    run: Rows,
    laws: Rows,
    parts: Rows,
    points: F8,
    stage: int,
    shard: int,
    index: int,
    begin_ns: int,
    end_ns: int,
) -> int:
    """How long a replica is down in [begin, end)."""
    total, repair_ns, number = rules.NOTHING, rules.NOTHING, rules.NOTHING
    while repair_ns < end_ns:
        up_ns, down_ns = spell(stages, run, laws, parts, points, stage, shard, index, number)
        crash_ns = min(repair_ns + up_ns, NEVER_NS)
        repair_ns = min(crash_ns + down_ns, NEVER_NS)
        number += 1
        total += max(0, min(repair_ns, end_ns) - max(crash_ns, begin_ns))
    return total


def time_down(plan: Plan) -> I8:
    """(replicas,) ns that each is down inside the window, as far as the run goes."""
    down_ns = np.zeros(plan.replicas, dtype=np.int64)
    given = plan.stages, plan.run_row(), plan.laws, plan.law_parts, plan.law_points
    for stage, row in enumerate(plan.stages):
        if not fails(plan.stages, stage):
            continue
        first = int(row["first_replica"])
        for shard, index in np.ndindex(int(row["shards"]), int(row["replicas"])):
            at = first + shard * int(row["replicas"]) + index
            inside = plan.window_begin_ns, plan.watched_until_ns
            down_ns[at] = down_inside(*given, stage, shard, index, *inside)
    return down_ns


def may_lose(plan: Plan) -> bool:
    """Whether tasks of some stage of a plan may be lost."""
    return bool((plan.stages["lose"] != plans.LOSE_NOTHING).any())


def may_fail(plan: Plan) -> bool:
    """Whether replicas of some stage of a plan crash now and then."""
    return bool((plan.stages["fails"] == 1).any())
