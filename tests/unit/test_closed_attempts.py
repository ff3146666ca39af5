"""Clients that wait, give up and try again: by hand and drawn, on every way; what is said of them."""

from dataclasses import replace

import numpy as np
import pytest
from attempt_plans import attempt_plans, guarded_plans
from conftest import drawn
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from test_attempts import found_every_way, plan_of, scenario_of, taking
from test_hedging import every_way

from simulator import capacity, scenario_from_dict, simulate
from simulator.core.clients import sent_by_clients, simulated
from simulator.core.columns import BY_LIMIT, COMPLETE, SHED, TIMED_OUT
from simulator.core.laws import Law
from simulator.core.outages import Outage
from simulator.core.retrying import settled_ns, with_patience
from simulator.core.trace import same_trace
from simulator.engines import reference
from simulator.report.run import run_table
from simulator.stats.attempts import as_queries

DRAWN = {"closed": True, "slowdowns": False, "failures": False}


def waiting(clients, queries, *parts, think=7.0, **more):
    plan = plan_of(*parts, arrivals=[0] * queries, **more)
    return sent_by_clients(plan, clients, Law.constant(think))


def of_queries(trace):
    """The queries, and the time of each from its first attempt to the end of its last."""
    whole = as_queries(trace)
    return whole, whole.ended_ns(slice(0, len(whole.arrival_ns))) - whole.arrival_ns


def test_a_client_thinks_when_its_last_attempt_is_over():
    """It gives up 5 after each attempt, pauses for 3, and then thinks for 7: 20 from query to query."""
    trace = every_way(with_patience(waiting(1, 3, taking(100)), 5, 1, (3.0, 1.0, 3.0)))
    begin = int(trace.arrival_ns[0])
    assert (trace.arrival_ns - begin).tolist() == [0, 8, 20, 28, 40, 48]
    assert trace.query_of.tolist() == [0, 0, 1, 1, 2, 2] and trace.client_of.tolist() == [0] * 6
    whole, latency = of_queries(trace)
    assert latency.tolist() == [13] * 3 and (whole.arrival_ns - begin).tolist() == [0, 20, 40]


def test_who_gives_up_once_comes_back_before_the_server_is_done():
    trace = every_way(with_patience(waiting(1, 3, taking(100)), 5))
    assert np.diff(trace.arrival_ns).tolist() == [12, 12] and set(trace.outcome.tolist()) == {TIMED_OUT}
    assert np.diff(trace.completion_ns).tolist() == [100, 100]


def test_who_cannot_pay_for_a_retry_thinks_from_when_it_was_due():
    """No retry is held: given up at 5, due at 8, and back at 15."""
    plan = with_patience(waiting(1, 3, taking(100)), 5, 1, (3.0, 1.0, 3.0), budget=(0, 0))
    trace = every_way(plan)
    assert np.diff(trace.arrival_ns).tolist() == [15, 15] and trace.query_of.tolist() == [0, 1, 2]
    assert (settled_ns(simulated(plan, trace), trace) - trace.arrival_ns).tolist() == [8] * 3


def test_at_one_instant_queries_that_come_again_come_first():
    """Two clients of one law fall into step; the retry has the lower number."""
    plan = with_patience(waiting(2, 8, taking(100), think=8.0), 5, 1, (3.0, 1.0, 3.0))
    trace = every_way(plan)
    for one in np.flatnonzero(np.diff(trace.arrival_ns) == 0):
        assert trace.query_of[one] < trace.query_of[one + 1] or trace.query_of[one + 1] not in trace.query_of[: one + 1]


def test_limits_hold_for_clients_that_wait():
    """Three clients of one process, which has one attempt out: who is shed thinks, and comes back."""
    trace = every_way(with_patience(waiting(3, 9, taking(10)), limit=1))
    assert {*trace.shed_by.tolist()} == {0, BY_LIMIT}
    whole, latency = of_queries(trace)
    for outcome, lasts in ((SHED, 0), (COMPLETE, 10)):
        assert {*latency[whole.outcome == outcome].tolist()} == {lasts}


def test_a_long_patience_changes_nothing():
    plan = waiting(3, 20, taking(4), taking(3), think=5.0)
    plain = reference.simulate(plan, tasks=True)
    none = {"query_of": plain.query_of, "gives_up_ns": plain.gives_up_ns, "shed_by": plain.shed_by}
    for patience in ({"timeout_ns": 10_000}, {"timeout_ns": 10_000, "retries": 3}, {"limit": 3}):
        assert same_trace(replace(every_way(with_patience(plan, **patience)), **none), plain) == ""


def test_outages_count_from_the_first_measured_query():
    """The only replica is out from then on, for 30: who comes meanwhile gives up, and comes again."""
    plan = waiting(1, 5, taking(4, outages=[Outage(0, 30, 1, 0)]), first_measured=2)
    trace = every_way(with_patience(plan, 12, 2, (3.0, 1.0, 3.0)))
    first = trace.first_measured
    assert trace.query_of[first] == 2 and trace.window_begin_ns == trace.arrival_ns[first]
    assert (trace.outcome[first:] == TIMED_OUT).sum() >= 2 and trace.outcome[:first].tolist() == [COMPLETE] * 2


@drawn(150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(attempt_plans(**DRAWN), guarded_plans(**DRAWN)))
def test_engines_and_walk_agree_and_the_same_comes_of_what_was_found(plan):
    trace = found_every_way(plan)
    whole = as_queries(trace)
    assert len(whole.arrival_ns) == plan.queries == len(whole.client_of)


def closed_scenario(client, **more):
    """Twenty clients that think for 10 ms, before two workers."""
    arrivals = {"kind": "closed", "clients": 20, "think": {"kind": "exponential", "mean": "10ms"}}
    return scenario_from_dict({**scenario_of(client, **more).resolved(), "load": {"arrivals": arrivals}})


RETRYING = {"timeout": "4ms", "retries": 2, "backoff": {"base": "5ms"}}


def test_every_client_waits_or_thinks():
    """N = X (R + Z), with R from the first attempt to the end of the last."""
    document = simulate(closed_scenario(RETRYING)).to_dict()
    seen = document["clients"]
    assert seen["cycling"] == pytest.approx(20, rel=0.02)
    assert 1 < document["attempts"]["per_query"]["value"] < 3
    assert {check["statistic"]: check["verdict"] for check in document["theory"]["checks"]}["clients"] == "agrees"
    table = run_table(document, 120)
    assert "20 clients: " in table and "given up by clients: " in table


def test_theory_is_silent_and_bounds_what_is_sent():
    document = simulate(closed_scenario(RETRYING)).to_dict()
    closed = document["theory"]["clients"]
    assert closed["exact_per_s"] is None and closed["saturating"] is None
    assert closed["most_per_s"] == pytest.approx(2000, rel=1e-6), "20 clients that think for 10 ms"
    assert document["clients"]["over_per_s"] < closed["most_per_s"]


def test_the_most_clients_within_an_objective():
    answer = capacity(closed_scenario({"timeout": "4ms"}, slos=["failed_ratio < 10%"])).to_dict()
    assert 5 < answer["clients"]["value"] < 60 and answer["own_clients"] == 20


def test_a_query_that_is_shed_at_last_has_taken_the_time_of_all_its_attempts():
    """One of two clients finds the other's query out, at 0, 20, 40 and so on: three attempts, and two pauses."""
    shed = {"timeout": "1s", "limit": 1, "retries": 2, "backoff": {"base": "20ms", "jitter": "none"}}
    server = {"name": "one", "model": {"kind": "time", "law": {"kind": "constant", "value": "100ms"}}}
    arrivals = {"kind": "closed", "clients": 2, "think": "10ms"}
    said = {"name": "s", "load": {"arrivals": arrivals}, "client": shed, "stages": [server]}
    run = {"queries": 4000, "warmup": 0, "replications": 2}
    document = simulate(scenario_from_dict({**said, "run": run})).to_dict()
    clients, ratio = document["clients"], document["admission"]["shed_ratio"]["value"]
    assert clients["think_s"]["value"] == pytest.approx(0.01), "nothing but thinking"
    answered, given_up = 1 - ratio, ratio
    assert clients["over_s"] == pytest.approx(0.1 * answered + 0.04 * given_up, rel=0.6)
    assert clients["over_s"] > 0.1 * answered + 0.03 * given_up, "pauses count"
    assert clients["cycling"] == pytest.approx(2, rel=0.01)
