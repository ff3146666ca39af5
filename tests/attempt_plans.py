"""Strategies that draw plans whose clients give up and try again, with a door and without."""

from typing import Any

import numpy as np
from closed_plans import closed_plans
from door_plans import door_plans
from hypothesis import strategies as st

from simulator.core.assemble import StageParts, assemble
from simulator.core.breakers import ANY_NUMBER, Breaker
from simulator.core.clients import sent_by_clients
from simulator.core.laws import Law
from simulator.core.plan import NEVER_NS, Plan
from simulator.core.retrying import FREE, NO_BREAKER, with_patience
from simulator.testing.strategies.plans import plans

#: After how many ns clients give up; and pauses: of one length, growing, and hardly any.
LIMITS = st.sampled_from([NEVER_NS, 3, 8, 15, 30, 1000])
PAUSES = st.sampled_from([(1.0, 1.0, 1.0), (4.0, 1.0, 4.0), (2.0, 2.0, 9.0), (0.0, 1.0, 0.0), (10.0, 1.5, 30.0)])
#: Millionths of a retry that a query pays, and that are held.
BUDGETS = st.sampled_from([(FREE, 0), (FREE, 0), (200_000, 1_000_000), (1_000_000, 3_000_000), (0, 2_000_000)])


@st.composite
def in_step(draw: st.DrawFn, /) -> Plan:
    """A few clients that give up after 3, pause for 2, and think for 2 or 5: some come when others come again."""
    parts = [StageParts(candidates=Law.constant(1.0), knots=[(0.0, float(draw(st.integers(1, 9))), 0.0)])]
    plan = assemble(parts, np.zeros(draw(st.integers(4, 12)), dtype=np.int64), seed=draw(st.integers(0, 99)))
    think = Law.constant(float(draw(st.sampled_from([2, 5]))))
    closed = sent_by_clients(plan, draw(st.integers(2, 5)), think)
    return with_patience(closed, 3, draw(st.integers(1, 2)), (2.0, 1.0, 2.0))


#: Shares at which breakers open, over how long, for how long, and of how many attempts at least.
BREAKERS = st.builds(
    Breaker,
    st.sampled_from([1, 300_000, 500_000, 1_000_000]),
    st.sampled_from([3, 10, 1000]),
    st.sampled_from([1, 4, 12]),
    st.integers(1, 3),
)


@st.composite
def apart(draw: st.DrawFn, /) -> Plan:
    """Attempts that are all given up, one as long after another as a window is, or a little less or more."""
    parts = [StageParts(candidates=Law.constant(1.0), knots=[(0.0, 9.0, 0.0)])]
    gap = draw(st.integers(2, 9))
    plan = assemble(parts, np.arange(8) * gap, seed=4)
    return with_patience(plan, 1, breaker=Breaker(1_000_000, gap + draw(st.integers(-1, 1)), 3, least=2))


@st.composite
def guarded_plans(draw: st.DrawFn, /, **narrowed: Any) -> Plan:
    """Plans whose clients shed attempts themselves, of one process or several; ``**narrowed``: as below."""
    plan = draw(attempt_plans(**narrowed))
    row = plan.patience[0]
    budget = int(row["ratio"]), int(row["most_saved"])
    pause = float(row["base_ns"]), float(row["factor"]), float(row["most_ns"])
    limit, breaker = draw(st.sampled_from([(1, False), (2, False), (ANY_NUMBER, True), (2, True), (3, True)]))
    return with_patience(
        plan,
        int(row["timeout_ns"]),
        int(row["retries"]),
        pause,
        is_drawn=bool(row["is_drawn"]),
        budget=budget,
        processes=draw(st.integers(1, 3)),
        limit=limit,
        breaker=draw(BREAKERS) if breaker else NO_BREAKER,
    )


@st.composite
def attempt_plans(
    draw: st.DrawFn, /, *, door: bool | None = None, paid: bool = False, closed: bool = False, **narrowed: Any
) -> Plan:
    """Plans whose clients give up, and try again; ``door``: whether some are shed; ``**narrowed``: as of ``plans``.

    ``paid``: nearly all are given up, and some retries can be paid for. ``closed``: clients wait.
    """
    has_door = draw(st.booleans()) if door is None else door
    narrowed = {**narrowed, "deadlines": False} if paid else narrowed
    of_load = closed_plans if closed else plans
    plan = draw(door_plans(closed=closed, **narrowed) if has_door else of_load(**narrowed))
    if paid:
        budget = draw(st.sampled_from([(300_000, 600_000), (500_000, 1_000_000), (250_000, 1_000_000)]))
        return with_patience(plan, 1, draw(st.integers(1, 2)), draw(PAUSES), budget=budget)
    retries, pause = 0 if plan.drops else draw(st.integers(0, 3)), draw(PAUSES)
    limit = draw(LIMITS)
    limit = 1000 if limit == NEVER_NS and retries else limit
    return with_patience(plan, limit, retries, pause, is_drawn=draw(st.booleans()), budget=draw(BUDGETS))
