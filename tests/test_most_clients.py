"""How many clients that wait an objective allows, beside exact values; where the search ends early."""

from __future__ import annotations

import json
import math

import pytest
from conftest import slow

from simulator import MostClients, ScenarioError, capacities, capacity, scenario_from_dict
from simulator.report.answers import table_of


def waiting(clients=16, slos=("mean < 30ms",), *, workers=2, replications=8, queries=10_000, admission=None, **stage):
    """M/M/c//N: a service of 10 ms, clients that think for 100 ms."""
    model = {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}}
    arrivals = {"kind": "closed", "clients": clients, "think": {"kind": "exponential", "mean": "100ms"}}
    return scenario_from_dict(
        {
            "name": "waiting",
            **({} if admission is None else {"admission": admission}),
            "load": {"arrivals": arrivals},
            "stages": [{"name": "server", "model": model, "workers": workers, **stage}],
            "slos": list(slos),
            "run": {"queries": queries, "replications": replications},
        }
    )


def exact_mean_s(clients, workers=2, service_s=0.01, think_s=0.1):
    """Mean latency of M/M/c//N, from the probabilities of its birth and death chain."""
    weight, weights = 1.0, [1.0]
    for busy in range(1, clients + 1):
        weight *= (clients - busy + 1) / think_s / (min(busy, workers) / service_s)
        weights.append(weight)
    total = math.fsum(weights)
    per_s = math.fsum(one * min(busy, workers) for busy, one in enumerate(weights)) / total / service_s
    return clients / per_s - think_s


@pytest.mark.parametrize(
    ("clients", "bound", "workers"), [(16, "30ms", 2), (1, "12ms", 2), (100, "50ms", 2), (7, "40ms", 1)]
)
def test_clients_within_a_mean_are_those_of_the_chain(clients, bound, workers):
    """From above and from below, and beside theory, which says the same."""
    most_s = float(bound.removesuffix("ms")) / 1000
    exact = max(count for count in range(1, 200) if exact_mean_s(count, workers) < most_s)
    answer = capacity(waiting(clients, [f"mean < {bound}"], workers=workers), tolerance=0.05)
    assert isinstance(answer, MostClients)
    assert (answer.verdict, answer.exit_code, answer.exact) == ("found", 0, exact)
    assert answer.clients.low <= exact <= answer.clients.high
    assert answer.half_width <= 0.05 or answer.clients.high - answer.clients.low <= 1
    per_s = exact / (exact_mean_s(exact, workers) + 0.1)
    if answer.clients.value == exact:
        assert answer.per_s.low <= per_s <= answer.per_s.high


@slow
def test_the_interval_holds_the_exact_number_at_other_seeds():
    exact = max(count for count in range(1, 200) if exact_mean_s(count) < 0.03)
    hits = 0
    for seed in range(20):
        answer = capacity(waiting().with_run(seed=seed), tolerance=0.05)
        hits += answer.clients.low <= exact <= answer.clients.high
    assert hits >= 18  # of 95 %, 19 are expected


def test_not_even_one_client():
    answer = capacity(waiting(slos=["p99 < 1ms"]))
    assert (answer.verdict, answer.exit_code, answer.clients.value) == ("unreachable", 99, None)
    assert "not even one client is within p99 < 1ms" in table_of(answer)


def test_objectives_that_no_number_breaks(monkeypatch):
    monkeypatch.setattr("simulator.planning.most_clients.MOST_LOOKED", 64)
    answer = capacity(waiting(slos=["failed_ratio < 1%"]))
    assert (answer.verdict, answer.exit_code, answer.clients.low) == ("inconclusive", 98, 64)
    assert "the objectives hold with as many as 64, and more are not looked at" in table_of(answer)


def test_a_budget_of_queries_is_held():
    answer = capacity(waiting(), queries=200_000)
    assert (answer.verdict, answer.exit_code) == ("inconclusive", 98) and answer.queries <= 200_000
    assert "the budget of 200k queries is reached" in table_of(answer)
    with pytest.raises(ScenarioError, match="before the first probe"):
        capacity(waiting(), queries=1000)


def test_a_zone_less():
    scenario = waiting(workers=1, replicas=2, zones=2)
    whole, spared = (capacity(scenario, tolerance=0.1, survive=survive) for survive in (None, "zone"))
    assert spared.clients.high < whole.clients.low
    assert "with any one zone gone" in table_of(spared)


def test_the_answer_does_not_depend_on_jobs_nor_on_where_it_begins():
    one, two = (capacity(waiting(), tolerance=0.05, jobs=jobs) for jobs in (1, 2))
    assert json.dumps(one.to_dict()) == json.dumps(two.to_dict())


def test_values_beside_each_other_are_of_a_rate():
    with pytest.raises(ScenarioError, match="clients that wait have none of their own"):
        capacities(waiting(), {"stages.server.workers": [1, 2]})


def test_clients_are_answered_no_more_than_servers_can():
    """Two servers of a second each, and a door that sheds most of who comes: those are not answered."""
    scenario = waiting(5, ["shed_ratio < 70%"], admission={"max_in_flight": 2})
    answer = capacity(scenario, tolerance=0.2)
    assert answer.verdict == "found" and answer.per_s.low <= 200.0  # 2 servers x 100/s
    shed = {row["clients"]: row["figure"] for row in answer.curve()}[answer.clients.value]
    sent_per_s = answer.clients.value * (1 - shed) * 10  # each is back after 100 ms, if it was shed; later, if not
    assert answer.per_s.high <= sent_per_s


def test_a_mean_that_is_not_known_where_some_are_shed_limits_nothing():
    answer = capacity(waiting(5, ["mean < 3s", "shed_ratio < 90%"], admission={"max_in_flight": 2}))
    assert (answer.verdict, answer.exit_code) == ("inconclusive", 98)
    assert "a mean over all is not known (mean < 3s): ask for a percentile" in answer.reason
