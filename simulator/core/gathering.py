"""When a stage closes, and what becomes of tasks that it does not wait for: the rules of gathering and cancelling.

A stage closes at the ``wait_for``-th answer, or ``timeout_ns`` after it was entered with what is there; with ``then``
it waits on after that answer, for a share of the time that is left. It closes at once when no further answer can come,
since all else was refused, or lost as often as it may be. ``stages`` is the (stages,) STAGE array of a Plan.
"""

import numpy as np
from numpy.typing import NDArray

from simulator.core.admission import sheds
from simulator.core.caches import may_hit
from simulator.core.columns import COMPLETE, FAILED, HIT, PARTIAL, SKIPPED
from simulator.core.failures import loses
from simulator.core.fan_out import fans_out
from simulator.core.hedging import sends_copies
from simulator.core.jit import formula
from simulator.core.limits import refuses
from simulator.core.optional import may_skip
from simulator.core.plan import CANCEL_NOTHING, F8, I8, NEVER_NS, Plan, Rows

#: What ``then`` says where nothing is waited for after enough answers.
AT_ONCE = -1.0


@formula
def waits_for_some(stages: Rows, stage: int) -> bool:
    """Whether a stage does not wait for all of its answers, or not for ever."""
    all_of_them = stages[stage]["wait_parts"] if stages[stage]["wait_parts"] > 0 else stages[stage]["shards"]
    return stages[stage]["wait_for"] < all_of_them or stages[stage]["timeout_ns"] < NEVER_NS  # type: ignore[no-any-return]


@formula
def is_partial(stages: Rows, stage: int) -> bool:
    """Whether a stage may close without all of its answers: by its own rule, or since some are refused, or lost."""
    return waits_for_some(stages, stage) or refuses(stages, stage) or loses(stages, stage)


@formula
def counts_answers(stages: Rows, stage: int) -> bool:
    """Whether queries differ in the answers that they get in a stage: how many these are is kept."""
    return is_partial(stages, stage) or fans_out(stages, stage)


@formula
def awaits_copies(stages: Rows, stage: int) -> bool:
    """Whether it is kept which copies a query waits for: it does not do so for all, or not every query for as many."""
    return counts_answers(stages, stage) or sends_copies(stages, stage)


@formula
def cancels(stages: Rows, stage: int) -> bool:
    """Whether tasks whose answers are no longer needed are withdrawn."""
    may_be = is_partial(stages, stage) or sends_copies(stages, stage)
    return may_be and stages[stage]["cancels"] != CANCEL_NOTHING


@formula
def times_out(stages: Rows, stage: int) -> bool:
    """Whether a stage waits for a time only."""
    return stages[stage]["timeout_ns"] < NEVER_NS  # type: ignore[no-any-return]


@formula
def patience_ns(stages: Rows, stage: int, deadline_ns: int, now: int) -> int:
    """How long a stage waits on with ``then``, when enough answers are there; at least 1 ns."""
    return max(1, int(stages[stage]["then"] * (deadline_ns - now)))


@formula
def outcome_of(wanted: int, answers: int) -> int:
    """What a stage is that closes with so many answers, of those it waits for: COMPLETE, PARTIAL or FAILED."""
    if answers >= wanted:
        return COMPLETE
    return FAILED if answers == 0 else PARTIAL


@formula
def coverage_of(visits: int, share: float, answers: int, covered: float) -> float:
    """Share of the candidates scored whose answers are there: exactly 1 where all of the visited shards answered.

    ``share`` and ``covered``: sums of the shares of the visited shards, and of those that answered.
    """
    if answers == visits:
        return 1.0
    return covered / share if share > 0.0 else 0.0


def may_differ(plan: Plan) -> bool:
    """Whether queries of a plan may differ in the answers that they get in some stage, or in whether they ask it."""
    stages = range(len(plan.stages))
    may_be_without = may_skip(plan) or sheds(plan) or may_hit(plan)
    return may_be_without or any(bool(counts_answers(plan.stages, stage)) for stage in stages)


def may_await_copies(plan: Plan) -> bool:
    """Whether some answer of a plan may be one too many."""
    return any(bool(awaits_copies(plan.stages, stage)) for stage in range(len(plan.stages)))


def with_whole_stages(
    plan: Plan, outcome: NDArray[np.int8], answers: I8, coverage: F8, close_ns: I8, leave_ns: I8
) -> tuple[NDArray[np.int8], I8, F8]:
    """(stages, queries) outcome, answers and coverage of stages that are over, with those that wait for all answers.

    They are written by an engine for the others alone, and have no rows where there are none of these.
    """
    for stage in range(len(outcome)):
        if not counts_answers(plan.stages, stage):
            closed = (close_ns[stage] >= 0) & (outcome[stage] != HIT)
            outcome[stage][closed] = COMPLETE
            answers[stage][closed] = plan.stages[stage]["shards"]
            coverage[stage][closed] = 1.0
        outcome[stage][(leave_ns[stage] >= 0) & (close_ns[stage] < 0)] = SKIPPED
    return outcome, answers, coverage
