"""Processes of clients, their limits and breakers: by hand and drawn, on every way; figures; what is refused."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from attempt_plans import guarded_plans
from conftest import drawn
from hypothesis import HealthCheck, given
from test_attempts import found_every_way, plan_of, scenario_of, taking
from test_hedging import every_way

from simulator import ScenarioError, capacity, compare, sensitivity, simulate, sweep, validate
from simulator.core.admission import behind_a_door, most_out
from simulator.core.breakers import Breaker, seconds_open
from simulator.core.columns import ADMITTED, BY_BREAKER, BY_DOOR, BY_LIMIT, COMPLETE, SHED, TIMED_OUT
from simulator.core.plan import LIFO
from simulator.core.retrying import NO_BREAKER, with_patience
from simulator.core.trace import same_trace
from simulator.engines import reference
from simulator.planning.knobs import knobs_of
from simulator.report import folders
from simulator.report.run import run_table
from simulator.stats.attempts import as_queries
from simulator.stats.stability import is_bounded
from simulator.verification.families import parsed
from simulator.verification.table import TABLE

#: For 10 ns, when half of the last 100 ns ended badly; and when all did, and two at least.
QUICK, CALM = Breaker(500_000, 100, 10, least=1), Breaker(1_000_000, 100, 10, least=2)
BREAKER = {"errors": "50%", "window": "100ms", "open": "20ms"}


def test_one_more_than_the_limit_is_shed():
    """Each takes 10, one after another: the third finds two out; the fourth comes when the first is over, and goes."""
    trace = every_way(with_patience(plan_of(taking(10), arrivals=(0, 1, 9, 10)), limit=2))
    assert trace.outcome.tolist() == [COMPLETE, COMPLETE, SHED, COMPLETE]
    assert trace.shed_by.tolist() == [ADMITTED, ADMITTED, BY_LIMIT, ADMITTED]
    assert trace.completion_ns.tolist() == [10, 20, -1, 30], "who is shed does no work"


def test_each_process_has_a_limit_of_its_own():
    """Queries 0 and 2 are of the first process, 1 and 3 of the second."""
    trace = every_way(with_patience(plan_of(taking(10), arrivals=(0, 1, 2, 3)), processes=2, limit=1))
    assert trace.shed_by.tolist() == [ADMITTED, ADMITTED, BY_LIMIT, BY_LIMIT]
    one = every_way(with_patience(plan_of(taking(10), arrivals=(0, 1, 2, 3)), limit=1))
    assert one.shed_by.tolist() == [ADMITTED, BY_LIMIT, BY_LIMIT, BY_LIMIT]


def test_who_is_shed_by_its_process_tries_again_and_is_no_flight_of_the_door():
    """The second comes at 1, and again at 9 and 17; at the door one may be there, and it never comes there before."""
    plan = behind_a_door(plan_of(taking(10), arrivals=(0, 1)), most=1)
    trace = every_way(with_patience(plan, 1000, 2, (8.0, 1.0, 8.0), limit=1))
    assert trace.arrival_ns.tolist() == [0, 1, 9, 17] and trace.query_of.tolist() == [0, 1, 1, 1]
    assert trace.shed_by.tolist() == [ADMITTED, BY_LIMIT, BY_LIMIT, ADMITTED]
    door = every_way(
        with_patience(behind_a_door(plan_of(taking(10), arrivals=(0, 1, 2)), most=1), processes=3, limit=1)
    )
    assert door.shed_by.tolist() == [ADMITTED, BY_DOOR, BY_DOOR], "of other processes, which send it"


def test_who_is_given_up_is_out_no_more():
    """At the very instant at which its client gives up there is room again; nobody has told the server."""
    trace = every_way(with_patience(plan_of(taking(10), arrivals=(0, 4, 5)), 5, limit=1))
    assert trace.shed_by.tolist() == [ADMITTED, BY_LIMIT, ADMITTED]
    assert trace.outcome.tolist() == [TIMED_OUT, SHED, TIMED_OUT]


def test_who_comes_when_a_breaker_opens_is_shed():
    """The first two are given up at 1 and 2, when it opens; what is sent at 12 probes."""
    late = every_way(with_patience(plan_of(taking(2), arrivals=(0, 1, 2, 3, 11, 12)), 1, breaker=CALM))
    assert late.shed_by.tolist() == [ADMITTED, ADMITTED, BY_BREAKER, BY_BREAKER, BY_BREAKER, ADMITTED]


def test_a_probe_that_ends_badly_opens_it_again():
    """All take 10, and are given up after 5: the first at 5, so it is open till 15; the probe of 15 at 20, till 30."""
    trace = every_way(
        with_patience(plan_of(taking(10), arrivals=(0, 4, 5, 14, 15, 16, 19, 20, 29, 30)), 5, breaker=QUICK)
    )
    assert [row for row, by in enumerate(trace.shed_by.tolist()) if by == ADMITTED] == [0, 1, 4, 9]
    assert set(trace.shed_by.tolist()) == {ADMITTED, BY_BREAKER}
    closed = every_way(with_patience(plan_of(taking(4), arrivals=(0, 1, 20, 21, 25)), 5, breaker=QUICK))
    # 0: at 4; 1: at 8, given up at 6: open till 16; 20: answered at 24; 21: shed meanwhile; 25: sent
    assert closed.shed_by.tolist() == [ADMITTED, ADMITTED, ADMITTED, BY_BREAKER, ADMITTED]
    assert closed.outcome.tolist() == [COMPLETE, TIMED_OUT, COMPLETE, SHED, COMPLETE]


def test_a_window_forgets():
    """One given up at 6 and one at 106: 100 apart they are not in one window; at 105 they would be."""
    apart = with_patience(plan_of(taking(6), arrivals=(0, 100, 112)), 5, breaker=CALM)
    assert BY_BREAKER not in every_way(apart).shed_by
    near = with_patience(plan_of(taking(6), arrivals=(0, 99, 112)), 5, breaker=CALM)
    assert every_way(near).shed_by.tolist() == [ADMITTED, ADMITTED, BY_BREAKER]


def test_what_a_process_sheds_itself_does_not_count():
    """A limit of one sheds all but the first, which is answered: no breaker opens."""
    trace = every_way(with_patience(plan_of(taking(10), arrivals=range(9)), limit=1, breaker=CALM))
    assert trace.shed_by.tolist() == [ADMITTED] + [BY_LIMIT] * 8


def test_what_the_door_sheds_counts():
    trace = every_way(with_patience(behind_a_door(plan_of(taking(10), arrivals=(0, 1, 2, 3)), 1), breaker=CALM))
    assert trace.shed_by.tolist() == [ADMITTED, BY_DOOR, BY_DOOR, BY_BREAKER]


def test_a_limit_that_is_never_reached_and_a_breaker_that_never_opens_change_nothing():
    plan = plan_of(taking(4), taking(3, discipline=LIFO), arrivals=range(0, 60, 3))
    plain = reference.simulate(plan, tasks=True)
    of_clients = {"query_of": plain.query_of, "gives_up_ns": plain.gives_up_ns, "shed_by": plain.shed_by}
    never = Breaker(1_000_000, 1000, 5, least=1)
    for guard in ({"limit": 20}, {"breaker": never}, {"processes": 3, "limit": 20, "breaker": never}):
        trace = every_way(with_patience(plan, **guard))
        assert same_trace(replace(trace, **of_clients), plain) == ""
        assert trace.query_of.tolist() == list(range(20)) and not trace.shed_by.any()


def test_each_process_has_a_budget_of_its_own():
    """As in test_attempts.py, of one process: half a retry a query, one is held."""
    plan = plan_of(taking(100), arrivals=(0, 10, 20, 30))
    budget = {"timeout_ns": 5, "retries": 1, "pause": (3.0, 1.0, 3.0), "budget": (500_000, 1_000_000)}
    assert every_way(with_patience(plan, **budget)).query_of.tolist() == [0, 0, 1, 2, 2, 3]
    assert every_way(with_patience(plan, **budget, processes=4)).query_of.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert every_way(with_patience(plan, **budget, processes=2)).query_of.tolist() == [0, 0, 1, 1, 2, 3]


@drawn(150, deadline=None, suppress_health_check=list(HealthCheck))
@given(guarded_plans(slowdowns=False, failures=False))
def test_engines_and_walk_agree_and_the_same_comes_of_what_was_found(plan):
    trace = found_every_way(plan)
    whole = as_queries(trace)
    assert np.array_equal(whole.arrival_ns, plan.arrival_ns) and len(whole.shed_by) == plan.queries
    window_s = (trace.window_end_ns - trace.window_begin_ns) * 1e-9
    assert 0 <= seconds_open(plan, trace) <= window_s * (1 + 1e-9)


def test_time_open_is_that_of_breakers_inside_the_window():
    """Open from 5 to 15, and as long as the probe of 15 is out and ends badly at 20; then to the end of the window."""
    plan = with_patience(plan_of(taking(10), arrivals=(0, 4, 5, 14, 15, 16, 19, 20, 29, 30)), 5, breaker=QUICK)
    trace = every_way(plan)
    assert seconds_open(plan, trace) == pytest.approx((trace.window_end_ns - 5) * 1e-9)
    closed = with_patience(plan_of(taking(4), arrivals=(0, 1, 20, 21, 25)), 5, breaker=QUICK)
    assert seconds_open(closed, every_way(closed)) == pytest.approx((24 - 6) * 1e-9)
    two = with_patience(plan_of(taking(4), arrivals=(0, 1, 20, 21, 25)), 5, processes=2, breaker=QUICK)
    seen = every_way(two)  # of the second process, which has the second query: its probe, of 21, is answered at 28
    assert seconds_open(two, seen) == pytest.approx((seen.window_end_ns - 6) / 2 * 1e-9)
    assert seconds_open(plan, trace) > 0 == seconds_open(with_patience(plan, 5, breaker=NO_BREAKER, limit=9), trace)


def test_who_waits_for_all_that_is_sent_has_so_many_in_flight():
    plan = plan_of(taking(4))
    assert most_out(with_patience(plan, processes=3, limit=2)) == 6
    assert most_out(with_patience(plan, 5, limit=2)) == 0 == most_out(plan), "who gives up leaves what it sent behind"
    assert is_bounded(with_patience(plan, limit=2)) and not is_bounded(with_patience(plan, 5, limit=2))


def test_figures_say_who_shed_what():
    document = simulate(scenario_of({"limit": 3}, rate="1.8k/s")).to_dict()
    said = document["attempts"]["shed"]
    # M/M/2/3 at 1.8 Erlangs: 1.8^3 / 4 of 1 + 1.8 + 1.8^2 / 2 + 1.8^3 / 4
    exact = 1.458 / (1 + 1.8 + 1.62 + 1.458)
    assert said["limit_ratio"]["low"] < exact < said["limit_ratio"]["high"]
    assert said["door_ratio"]["value"] == said["breaker_ratio"]["value"] == 0
    assert document["admission"]["shed_ratio"]["value"] == said["limit_ratio"]["value"]
    assert "breaker_open_ratio" not in document["attempts"] and document["verdict"] == "stable"
    table = " ".join(run_table(document, 120).split())
    assert "by limits, 0.0 % by breakers" in table and "shed at the door:" not in table
    assert "given up" not in table, "nobody gives up"


def test_figures_say_how_long_breakers_are_open():
    client = {"timeout": "4ms", "retries": 2, "backoff": {"base": "5ms"}, "breaker": BREAKER}
    document = simulate(scenario_of(client, rate="2.5k/s")).to_dict()
    said = document["attempts"]
    assert 0.2 < said["breaker_open_ratio"]["value"] < 1 and said["shed"]["breaker_ratio"]["value"] > 0.2
    assert "breakers are open for" in run_table(document, 120)
    storm = simulate(scenario_of({key: client[key] for key in ("timeout", "retries", "backoff")}, rate="2.5k/s"))
    late = storm.to_dict()["attempts"]["attempts_timed_out_ratio"]["value"]
    assert said["attempts_timed_out_ratio"]["value"] < late / 2, "what is sent is answered"


def test_the_rows_of_a_limit_are_those_of_a_door():
    with TABLE.open(newline="") as source:
        rows = list(csv.DictReader(source))
    doors = {(row["parameters"], row["statistic"]): row["value"] for row in rows if row["family"] == "admitted"}
    mine = [row for row in rows if row["family"] == "bulkhead"]
    assert len(mine) == 4 and parsed(mine[0]["parameters"])["K"] == "5"
    assert all(doors[row["parameters"], row["statistic"]] == row["value"] for row in mine)


def test_theory_says_nothing_of_it():
    scenario = scenario_of({"limit": 3}, rate="400/s")
    assert validate(scenario).to_dict()["demand"] == pytest.approx(0.2, rel=1e-6)
    door = {"rate": "300/s", "burst": 4}
    retried = {"timeout": "4ms", "retries": 1}
    for client in ({"limit": 3}, retried):
        said = simulate(scenario_of(client, admission=door)).to_dict()["theory"]["admission"]
        assert said["exact_ratio"] is None, "what comes to the door is no Poisson stream"
    assert simulate(scenario_of({"timeout": "4ms"}, admission=door)).to_dict()["theory"]["admission"]["exact_ratio"]


def test_sweeps_knobs_objectives_and_comparisons_see_it():
    scenario = scenario_of({"limit": 3, "processes": 2}, rate="1.8k/s", slos=["shed_ratio < 30%", "p50 < 3ms"])
    assert [slo["met"] for slo in simulate(scenario).to_dict()["slos"]] == [True, True]
    rows = sweep(scenario, {"client.limit": [1, 3], "client.processes": [1, 2]}).rows
    assert rows[0]["shed_ratio"] > rows[-1]["shed_ratio"]
    client = {"timeout": "4ms", "retries": 1, "limit": 10, "breaker": {**BREAKER, "errors": "95%"}}
    knobs = {knob.name: knob.change for knob in knobs_of(scenario_of(client))}
    assert knobs["client: limit"] == "10 -> 11" and knobs["client: retries"] == "1 -> 0"
    assert "client: breaker open" in knobs and "client: breaker errors" not in knobs, "no share is above 100 %"
    names = {
        effect.knob.name for effect in sensitivity(scenario_of(client, slos=["p50 < 3ms"]), tail_only=True).effects
    }
    assert {"client: limit", "client: breaker open"} <= names
    seen = {
        one["figure"]: one for one in compare(scenario, scenario_of({"limit": 1}, rate="1.8k/s")).to_dict()["figures"]
    }
    assert seen["shed_ratio"]["difference"]["value"] > 0
    most = capacity(scenario_of({"limit": 4}, slos=["shed_ratio < 10%"], rate="1k/s")).to_dict()
    assert 0.8e3 < most["capacity_per_s"]["value"] < 3e3


def test_attempts_are_saved_with_who_shed_them(tmp_path):
    folders.write_table(simulate(scenario_of({"limit": 1}, rate="1.8k/s")), tmp_path / "all.csv")
    with (tmp_path / "all.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["shed_by"] for row in rows} == {"", "limit"}
    assert all((row["outcome"] == "shed") == (row["shed_by"] == "limit") for row in rows)


@pytest.mark.parametrize(
    ("client", "path", "said"),
    [
        ({"processes": 2}, "client", "needs a timeout, like 200ms"),
        ({"limit": 3, "retries": 1}, "client", "needs a timeout, like 200ms"),
        ({"timeout": "1s", "processes": 2}, "client.processes", "goes with limit, breaker or retry_budget"),
        ({"limit": 0}, "client.limit", "at least 1"),
        ({"breaker": {**BREAKER, "errors": "0%"}}, "client.breaker.errors", "above 0"),
        ({"breaker": {**BREAKER, "errors": "101%"}}, "client.breaker.errors", "from 0 to 1"),
        ({"breaker": {**BREAKER, "window": "20000h"}}, "client.breaker.window", "at most"),
        ({"breaker": {"errors": "50%"}}, "client.breaker.window", "missing"),
        ({"breaker": {**BREAKER, "least": 0}}, "client.breaker.least", "at least 1"),
    ],
)
def test_what_may_not_be_said(client, path, said):
    with pytest.raises(ScenarioError) as error:
        scenario_of(client)
    problems = {problem.path: problem.message for problem in error.value.problems}
    assert said in problems[path], problems
