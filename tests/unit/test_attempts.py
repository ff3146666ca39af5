"""Clients that give up and try again."""


from attempt_plans import attempt_plans
from conftest import drawn
from hypothesis import HealthCheck, given
from test_hedging import every_way
from walk import Walk

from simulator.core.clients import is_unknown, simulated
from simulator.core.trace import same_trace
from simulator.engines import compiled, reference


@drawn(150, deadline=None, suppress_health_check=list(HealthCheck))
@given(attempt_plans(slowdowns=False, failures=False))
def test_engines_and_walk_agree_and_the_same_comes_of_what_was_found(plan):
    trace = every_way(plan)
    assert same_trace(compiled.simulate(plan), trace, without_tasks=True) == ""
    known = simulated(plan, trace)
    assert not is_unknown(known) and simulated(known, trace) is known
    for walk in (reference.simulate(known, tasks=True), compiled.simulate(known, tasks=True), Walk(known).trace()):
        assert same_trace(walk, trace) == ""
    some = [compiled.simulate(plan, event_by_event=[stage]) for stage in range(len(plan.stages))]
    assert all(same_trace(one, trace, without_tasks=True) == "" for one in some)
