"""Strategies that draw plans with a door, of open loads and of clients that wait: who is shed is found by an engine."""

from typing import Any

from closed_plans import closed_plans
from hypothesis import strategies as st

from simulator.core.admission import ANY_NUMBER, behind_a_door
from simulator.core.plan import Plan
from simulator.testing.strategies.plans import plans

#: How many are in flight at most; and how far tokens are apart in ns, none: there is no bucket; how many it holds.
ROOMS, GAPS, BURSTS = st.integers(1, 4), st.sampled_from([None, 1.0, 2.5, 3.0, 7.0, 20.0]), st.integers(1, 3)


@st.composite
def door_plans(draw: st.DrawFn, /, *, closed: bool | None = None, beside: bool = False, **narrowed: Any) -> Plan:
    """Plans some of whose queries are shed; ``closed``: whether clients wait, None: either.

    ``**narrowed``: as of ``plans``.
    """
    is_closed = draw(st.booleans()) if closed is None else closed
    plan = draw(closed_plans(beside=beside, **narrowed) if is_closed else plans(**narrowed))
    most, gap = draw(st.one_of(st.just(ANY_NUMBER), ROOMS)), draw(GAPS)
    if most == ANY_NUMBER and gap is None:
        most = draw(ROOMS)
    return behind_a_door(plan, most, 0.0 if gap is None else 1e9 / gap, draw(BURSTS))
