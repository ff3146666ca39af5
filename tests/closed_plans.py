"""Strategies that draw plans whose clients wait: when their queries arrive is found by an engine."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from simulator.core.clients import sent_by_clients
from simulator.core.laws import Law
from simulator.core.plan import BACKGROUND_GAP, CONSTANT, NONE, ROLES, Plan, frozen
from simulator.testing.strategies.laws import laws
from simulator.testing.strategies.plans import plans

#: How long clients think: always the same, by any law, and hardly.
THINKING = st.one_of(st.integers(1, 9).map(lambda ns: Law.constant(float(ns))), laws(), st.just(Law.uniform(0.0, 2.0)))


@st.composite
def closed_plans(draw: st.DrawFn, /, *, beside: bool = False, **narrowed: Any) -> Plan:
    """Plans of a few clients that wait; their arrivals are found by an engine. ``beside``: others come besides.

    Of what replicas do besides there is little: if it takes all their time, queries never return. ``**narrowed``: as of
    ``plans``.
    """
    plan, clients = draw(plans(**narrowed)), draw(st.integers(1, 5))
    seldom = plan.laws.copy()
    for row in range(BACKGROUND_GAP, len(seldom), ROLES):
        if seldom[row]["kind"] != NONE:
            seldom[row]["kind"], seldom[row]["a"] = CONSTANT, draw(st.sampled_from([60.0, 97.0]))
    return sent_by_clients(replace(plan, laws=frozen(seldom)), clients, draw(THINKING), beside=beside)
