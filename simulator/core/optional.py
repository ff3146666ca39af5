"""Stages that not every query takes: who does, and what is handed on past one that is left out.

A query takes such a stage by luck of its own, the same whatever else it does: a larger share adds queries and takes
none away. Who does not take it leaves it the instant at which it would enter, with the candidates that it had: they
are those of the last stage that it took, cut at what that keeps. ``stages`` is the (stages,) STAGE array of a Plan.
"""

import numpy as np
from numpy.typing import NDArray

from simulator.core import draws
from simulator.core.jit import formula, kernel
from simulator.core.plan import CANDIDATES, F8, NONE, Plan, Rows, System
from simulator.core.sources import sources_of


@formula
def is_optional(stages: Rows, stage: int) -> bool:
    """Whether queries may pass a stage by."""
    return stages[stage]["taken"] < 1.0  # type: ignore[no-any-return]


@kernel
def takes(stages: Rows, run: Rows, stage: int, query: int) -> bool:
    """Whether a query takes a stage."""
    if not is_optional(stages, stage):
        return True
    seed, replication = run[0]["seed"], run[0]["replication"]
    u, _ = draws.uniforms(seed, replication, draws.TAKEN, query, stage * draws.PLACES, draws.FIRST_COPY)
    return u < stages[stage]["taken"]  # type: ignore[no-any-return]


@kernel
def last_taken(candidates: F8, stage: int, query: int) -> int:
    """The last stage before one that a query took, by the (stages, queries) candidates scored; 0 if it took none."""
    before = stage - 1
    while before > 0 and candidates[before, query] < 0:
        before -= 1
    return before


def takes_of_stage(plan: Plan, stage: int) -> NDArray[np.bool_]:
    """(queries,) whether each takes a stage."""
    share, luck = plan.stages[stage]["taken"], np.zeros(plan.queries)
    if share == 1.0:
        return np.ones(plan.queries, dtype=np.bool_)
    for query in range(plan.queries):
        name = draws.TAKEN, query, stage * draws.PLACES, draws.FIRST_COPY
        luck[query], _ = draws.uniforms(plan.seed, plan.replication, *name)
    return np.asarray(luck < share)


def may_skip(plan: System) -> bool:
    """Whether some query of a plan may pass a stage by."""
    return bool((plan.stages["taken"] < 1.0).any())


def check_optional(plan: System) -> None:
    """Assert that whoever is given candidates has taken a stage before, and that whoever follows has been there."""
    is_known = False
    for stage, row in enumerate(plan.stages):
        assert 0.0 < row["taken"] <= 1.0, "a share of the queries takes a stage"
        laws = plan.sources["law"][list(sources_of(plan.stages, stage))]
        is_given = bool((plan.laws["kind"][laws + CANDIDATES] == NONE).any())
        assert is_known or not is_given, "a stage that is given candidates stands behind one that all queries take"
        has_been = plan.stages[row["owner"]]["taken"] == 1.0
        assert has_been or not row["follows"], "a stage follows one that all queries take"
        is_known |= row["taken"] == 1.0
