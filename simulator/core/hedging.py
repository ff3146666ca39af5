"""Copies of tasks that have no answer yet: how many are sent, when, and what they cost of a budget.

A stage sends them ``hedge_ns`` after it was entered, and again after as long, until a shard has ``hedges`` of them.
With ``hedge_ns`` 0 the copies of a task are tied: all are sent at the dispatch, and the first that starts withdraws
those that wait. Whom a copy goes to says ``routing``. ``stages`` is the (stages,) STAGE array of a Plan.
"""

from simulator.core.jit import formula
from simulator.core.plan import Plan, Rows

#: What a copy takes from the budget of its stage, in millionths; a first task adds ``budget`` of them.
COPY = 1_000_000
#: Queries whose tasks fill a budget, which it is at the start.
QUERIES = 100
#: Copies that a task may have besides the first: a draw has names for so many (``draws``).
MOST_HEDGES = 15
#: What ``budget`` says where copies cost nothing.
FREE = -1


@formula
def sends_copies(stages: Rows, stage: int) -> bool:
    """Whether tasks without an answer are sent again."""
    return stages[stage]["hedges"] > 0  # type: ignore[no-any-return]


@formula
def sends_again(stages: Rows, stage: int) -> bool:
    """Whether a task may be sent more than once: to be sooner, or since it was lost."""
    return stages[stage]["sendings"] > 1  # type: ignore[no-any-return]


@formula
def is_tied(stages: Rows, stage: int) -> bool:
    """Whether copies are sent with their task, of which the first that starts withdraws those that have not."""
    return stages[stage]["hedges"] > 0 and stages[stage]["hedge_ns"] == 0  # type: ignore[no-any-return]


@formula
def at_once(stages: Rows, stage: int) -> int:
    """How many tasks a dispatch sends."""
    return stages[stage]["shards"] * (1 + stages[stage]["hedges"] * is_tied(stages, stage))  # type: ignore[no-any-return]


@formula
def most_saved(stages: Rows, stage: int) -> int:
    """What the budget of a stage holds at most."""
    return QUERIES * stages[stage]["shards"] * stages[stage]["budget"]  # type: ignore[no-any-return]


@formula
def saved(stages: Rows, stage: int, before: int, tasks: int) -> int:
    """The budget of a stage when the first tasks of another query are sent, so many."""
    more = tasks * stages[stage]["budget"]
    return min(most_saved(stages, stage), before + more)  # type: ignore[no-any-return]


@formula
def affords(stages: Rows, stage: int, budget: int) -> bool:
    """Whether what is left of a budget pays for a copy."""
    return stages[stage]["budget"] == FREE or budget >= COPY


def may_send_copies(plan: Plan) -> bool:
    """Whether some stage of a plan may send copies."""
    return bool((plan.stages["hedges"] > 0).any())
