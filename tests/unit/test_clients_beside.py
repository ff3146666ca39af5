"""Clients that wait beside queries that arrive at a rate: by hand and drawn, on every way; figures; what is refused."""

import csv
import math
from dataclasses import replace

import numpy as np
import pytest
from attempt_plans import attempt_plans, guarded_plans
from closed_plans import closed_plans
from conftest import drawn
from door_plans import door_plans
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from test_attempts import found_every_way, plan_of, taking
from test_hedging import every_way

from simulator import (
    ScenarioError,
    capacity,
    compare,
    estimate,
    scenario_from_dict,
    sensitivity,
    simulate,
    size,
    stress,
    sweep,
    validate,
)
from simulator.core.clients import as_open, sent_by_clients, simulated
from simulator.core.columns import TIMED_OUT
from simulator.core.laws import Law
from simulator.core.retrying import with_patience
from simulator.core.trace import same_trace
from simulator.engines import reference
from simulator.planning.knobs import knobs_of
from simulator.report.run import run_table
from simulator.stats.stability import is_bounded
from simulator.verification.families import parsed
from simulator.verification.table import TABLE

DRAWN = {"beside": True, "slowdowns": False, "failures": False}


def beside(clients, arrivals, *parts, think=7.0, **more):
    """As many queries of both as there are arrivals of others."""
    return sent_by_clients(plan_of(*parts, arrivals=arrivals, **more), clients, Law.constant(think), beside=True)


def test_others_come_when_they_do_and_clients_when_they_have_thought():
    """Others at 0, 100 and 200; a client that is answered in 2 thinks for 7."""
    trace = every_way(beside(1, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1100], taking(2)))
    mine, others = trace.arrival_ns[trace.client_of == 0], trace.arrival_ns[trace.client_of < 0]
    assert {*np.diff(mine).tolist()} <= {9, 10, 11} and len(trace.arrival_ns) == 12
    assert others.tolist() == [0] and len(mine) == 11, "a client comes more often than they do"


def test_at_one_instant_others_come_before_clients():
    """Of one that thinks for 1 and is answered in 1, and others that come every ns."""
    trace = every_way(beside(1, range(12), taking(1, workers=9), think=1.0))
    same = np.flatnonzero(np.diff(trace.arrival_ns) == 0)
    assert len(same) > 2 and (trace.client_of[same] == -1).all()


def test_a_run_ends_with_so_many_of_both():
    plan = beside(3, range(0, 60, 5), taking(4))
    trace = every_way(plan)
    assert len(trace.arrival_ns) == 12 and {-1, 0, 1, 2} == {*trace.client_of.tolist()}
    known = simulated(plan, trace)
    assert np.array_equal(known.open_ns, plan.open_ns) and not len(as_open(known).open_ns)


def test_no_clients_come_in_time_and_nothing_changes():
    """They think so long that all others have come before."""
    plain = plan_of(taking(4), taking(3), arrivals=range(0, 60, 3))
    plan = sent_by_clients(plain, 2, Law.constant(1e9), beside=True)
    trace = every_way(plan)
    assert (trace.client_of < 0).all()
    expected = reference.simulate(plain, tasks=True)
    window = {name: getattr(expected, name) for name in ("window_begin_ns", "window_end_ns", "window_busy_ns")}
    assert same_trace(replace(trace, client_of=expected.client_of, **window), expected) == ""


def test_who_gives_up_is_a_client_or_another():
    trace = every_way(with_patience(beside(2, range(0, 90, 9), taking(10)), 6, 1, (3.0, 1.0, 3.0)))
    assert {-1, 0, 1} == {*trace.client_of.tolist()} and TIMED_OUT in trace.outcome
    for query in np.unique(trace.query_of):
        assert len({*trace.client_of[trace.query_of == query].tolist()}) == 1


@drawn(150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.one_of(
        closed_plans(**DRAWN),
        door_plans(closed=True, **DRAWN),
        attempt_plans(closed=True, **DRAWN),
        guarded_plans(closed=True, **DRAWN),
    )
)
def test_engines_and_walk_agree_and_the_same_comes_of_what_was_found(plan):
    found_every_way(plan)


def scenario_of(count=4, rate="0.4/s", load=None, **more):
    """Clients that think for 5 s, and others, at a server that takes a second."""
    law = {"kind": "exponential", "mean": "1s"}
    return scenario_from_dict(
        {
            "name": "beside",
            "load": {"rate": rate, "clients": {"count": count, "think": {"kind": "exponential", "mean": "5s"}}}
            if load is None
            else load,
            "run": {"queries": 8000, "replications": 4},
            "stages": [{"name": "one", "model": {"kind": "time", "law": law}}],
            **more,
        }
    )


def exact_s(rate, count, think_s):
    """Of one server of a second: how long a query of clients takes on average, and one of both.

    To clients the server is slower by 1 / (1 - rate) (Baskett, Chandy, Muntz and Palacios, 1975: a product form).
    """
    weights = [
        (1 - rate) ** -there * think_s ** (count - there) / math.factorial(count - there) for there in range(count + 1)
    ]
    there = sum(number * weight for number, weight in enumerate(weights)) / sum(weights)
    per_s, others = (count - there) / think_s, (there + 1) * rate / (1 - rate)
    return there / per_s, (there + others) / (rate + per_s)


def test_the_rows_are_those_of_a_product_form():
    with TABLE.open(newline="") as source:
        rows = [row for row in csv.DictReader(source) if row["family"] == "closed_beside"]
    for row in rows:
        given = parsed(row["parameters"])
        _, both_s = exact_s(float(given["lam"]), int(given["N"]), float(given["Z"]))
        assert float(row["value"]) == pytest.approx(both_s, rel=1e-12)
    assert len(rows) == 2


def test_clients_and_others_share_a_server():
    document = simulate(scenario_of()).to_dict()
    mine_s, both_s = exact_s(0.4, 4, 5.0)
    assert document["latency_s"]["mean"]["low"] < both_s < document["latency_s"]["mean"]["high"]
    assert document["clients"]["over_s"] == pytest.approx(mine_s, rel=0.05)
    assert document["clients"]["cycling"] == pytest.approx(4, rel=0.01), "N = X (R + Z)"
    assert "clients" not in document["theory"] and document["verdict"] == "stable"
    table = run_table(document, 120)
    assert "4 clients: " in table and "are answered" not in table
    assert {check["statistic"] for check in document["theory"]["checks"]} >= {"clients"}


def test_others_alone_may_be_too_much():
    """Whatever clients do: what grows is the queue of those who do not wait."""
    plan = beside(3, range(9), taking(4))
    assert not is_bounded(plan) and is_bounded(sent_by_clients(plan_of(taking(4)), 3, Law.constant(1.0)))
    document = simulate(scenario_of(rate="1.2/s", run={"queries": 20000, "replications": 4})).to_dict()
    assert document["verdict"] != "stable"


def test_searches_sweeps_knobs_and_comparisons_see_them():
    scenario = scenario_of(slos=["mean < 6s"])
    rows = sweep(scenario, {"load.clients.count": [1, 8]}).rows
    assert rows[0]["latency_mean_s"] < rows[1]["latency_mean_s"]
    knobs = {knob.name: knob.change for knob in knobs_of(scenario)}
    assert knobs["load: clients"] == "4 -> 3" and "load: thinking" in knobs and "load" in knobs
    assert compare(scenario, scenario_of(count=8)).to_dict()["figures"]
    assert {effect.knob.name for effect in sensitivity(scenario).effects} >= {"load: clients"}
    for search in (capacity, lambda one: size(one, search={"stages.one.replicas": [1, 2]})):
        with pytest.raises(ScenarioError, match="clients that wait have none of their own"):
            search(scenario)
    assert estimate(scenario).to_dict()["predictions"] == []
    assert validate(scenario).to_dict()["demand"] > 0.4


def test_stress_and_the_portrait_of_a_load_refuse_them():
    with pytest.raises(ScenarioError, match="clients that wait"):
        stress(scenario_of(slos=["mean < 6s"]), "stall for 5s")


@pytest.mark.parametrize(
    ("load", "path", "said"),
    [
        ({"clients": {"count": 2, "think": "1s"}}, "load", "needs a rate"),
        ({"rate": "1/s", "clients": {"count": 0, "think": "1s"}}, "load.clients.count", "at least 1"),
        ({"rate": "1/s", "clients": {"count": 2, "think": "0s"}}, "load.clients.think", "must not be 0"),
        (
            {"phases": [{"duration": "9s", "rate": "1/s"}], "clients": {"count": 2, "think": "1s"}},
            "load.clients",
            "at a constant rate",
        ),
        (
            {"arrivals": {"kind": "closed", "clients": 2, "think": "1s"}, "clients": {"count": 2, "think": "1s"}},
            "load.clients",
            "at a constant rate",
        ),
    ],
)
def test_what_may_not_be_said(load, path, said):
    with pytest.raises(ScenarioError) as error:
        scenario_of(load=load, run={})
    problems = {problem.path: problem.message for problem in error.value.problems}
    assert said in problems[path], problems


def test_of_both_queries_are_counted():
    with pytest.raises(ScenarioError, match="queries are counted, not time"):
        scenario_of(run={"duration": "9s"})
