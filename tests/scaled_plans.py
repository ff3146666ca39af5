"""Strategies that draw plans some of whose stages are scaled: how many replicas serve is found by an engine."""

from dataclasses import replace
from typing import Any

from attempt_plans import attempt_plans
from closed_plans import closed_plans
from door_plans import door_plans
from hypothesis import strategies as st

from simulator.core.background import has_background
from simulator.core.clients import are_unknown
from simulator.core.plan import BACKGROUND_GAP, NONE, Plan, frozen
from simulator.core.scaling import ANY_NUMBER, CONCURRENCY, HPA, IDEAL, Scaling, with_scaling
from simulator.core.sharing import shares
from simulator.testing.strategies.plans import plans

#: What an autoscaler does not go with anywhere, and what may last for a very long time.
NARROWED = {"guests": False, "slowdowns": False}
UNDER_TWO, RATIOS = st.integers(0, 9), st.sampled_from([0, 200_000, 500_000, 1_000_000])


@st.composite
def scalings(draw: st.DrawFn, replicas: int, least: int, may_know: bool) -> Scaling:
    """How the replicas of a stage are scaled; ``may_know``: who comes."""
    rule = draw(st.sampled_from([HPA, HPA, CONCURRENCY, *[IDEAL] * may_know]))
    counts = sorted(draw(st.lists(st.integers(least, replicas), min_size=3, max_size=3)))
    targets = [1_000_000, 500_000, 2_000_000] if rule == CONCURRENCY else [1_000_000, 600_000, 250_000]
    limits = {
        "up_share": draw(RATIOS),
        "up_number": draw(st.sampled_from([1, 2, ANY_NUMBER])),
        "down_share": draw(RATIOS),
        "down_number": draw(st.sampled_from([0, 1, ANY_NUMBER])),
    }
    return Scaling(
        rule,
        target=draw(st.sampled_from(targets)),
        begins=counts[1],
        least=counts[0],
        most=counts[2],
        every_ns=draw(st.integers(2, 9)),
        delay_ns=draw(UNDER_TWO),
        metric_delay_ns=draw(st.sampled_from([0, 0, 1, 4, 11])),
        window=draw(st.sampled_from([1, 1, 2, 12])),
        tolerance=draw(st.sampled_from([0, 100_000, 300_000])),
        up_ns=draw(st.sampled_from([0, 0, 7, 20])),
        down_ns=draw(st.sampled_from([0, 5, 15, 40])),
        demand=draw(st.sampled_from([0, 1500, 4000])),
        **(limits if draw(st.booleans()) else {}),
    )


def may_scale(plan: Plan, stage: int) -> bool:
    """Whether a stage has replicas to choose among, whose workers are not shared and have no work of their own."""
    row = plan.stages[stage]
    return bool(row["replicas"] > 1 and not shares(plan.stages, stage) and not has_background(plan.laws, stage))


@st.composite
def scaled_plans(draw: st.DrawFn, /, *, found: bool | None = None, **narrowed: Any) -> Plan:
    """Plans with an autoscaler or several.

    ``found``: whether more is found, of clients that wait or give up, or of a door; None: either. ``**narrowed``: as of
    ``plans``.
    """
    given = {"replicas": st.integers(2, 5), **NARROWED, **narrowed}
    is_found = draw(st.booleans()) if found is None else found
    kinds = [plans(**given)]
    if is_found:
        kinds = [door_plans(**given), attempt_plans(**given), attempt_plans(closed=True, **given)]
        kinds.append(closed_plans(beside=True, **given))
    plan: Plan = draw(st.one_of(kinds))
    may_know = not are_unknown(plan) and not len(plan.patience)
    every = range(len(plan.stages))
    first = next((stage for stage in every if may_scale(plan, stage)), None)
    for stage in every:
        row = plan.stages[stage]
        if may_scale(plan, stage) and (stage == first or draw(st.booleans())):
            is_tied = row["hedges"] > 0 and row["hedge_ns"] == 0
            least = 1 + int(row["hedges"]) if is_tied else 1
            plan = with_scaling(plan, stage, draw(scalings(int(row["replicas"]), least, may_know)))
    return plan


@st.composite
def scaled_beside_own(draw: st.DrawFn, /) -> Plan:
    """Plans whose clients try again, with a stage that is scaled, and one whose replicas have work of their own."""
    given = {"replicas": st.integers(2, 4), "sharing": False, "optional": False, "colocated": False, **NARROWED}
    plan = draw(attempt_plans(closed=draw(st.booleans()), stages=2, background=True, **given))
    laws = plan.laws.copy()
    laws[BACKGROUND_GAP]["kind"] = NONE  # of the first stage
    plan = replace(plan, laws=frozen(laws))
    is_tied = plan.stages[0]["hedges"] > 0 and plan.stages[0]["hedge_ns"] == 0
    least = 1 + int(plan.stages[0]["hedges"]) if is_tied else 1
    return with_scaling(plan, 0, draw(scalings(int(plan.stages[0]["replicas"]), least, False)))
