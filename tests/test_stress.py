"""Disturbances of a running system: recovery by hand, against a recursion of its own, and what is refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from conftest import ROOT, slow
from scipy import linalg

from simulator import ScenarioError, load_scenario, scenario_from_dict, stress
from simulator.documents.schemas import document_schema
from simulator.planning.triggers import parse_triggers
from simulator.report.answers import figure_of, table_of

MM1 = ROOT / "scenarios" / "mm1.yaml"


def one_server(*, admission=None, law=None, rate="100/s", arrivals=None, slos=("p90 < 100ms",), **stage):
    """A server that takes 5 ms, at half its time."""
    model = {"kind": "time", "law": law or {"kind": "constant", "value": "5ms"}}
    load = {"rate": rate, "arrivals": {"kind": "constant"} if arrivals is None else arrivals}
    stages = [{"name": "server", "model": model, **stage}]
    door = {} if admission is None else {"admission": admission}
    return scenario_from_dict({"name": "one", **door, "load": load, "stages": stages, "slos": list(slos)})


@pytest.mark.parametrize(
    ("trigger", "last"),
    [
        # query k after the begin of the stall starts 5 ms x k after its end: it takes 1005 ms - 5 ms x k
        ("stall for 1s", 0.81),
        ("stall server for 1s", 0.81),
        # 300/s come for a second: the last of them finds 0.5 s of work, of which 5 ms of 10 go until the next is there
        ("load x3 for 1s", None),
    ],
)
def test_recovery_by_hand(trigger, last):
    """Nothing is by luck: all replications recover at the instant that arithmetic says."""
    answer = stress(one_server(), trigger)
    (cell,) = answer.cells
    assert (answer.verdict, answer.exit_code, cell.count) == ("recovers", 0, 20)
    assert len(set(cell.recoveries_s)) == 1
    if last is None:
        arrival_s = np.cumsum([0.01] * 500 + [1 / 300] * 300 + [0.01] * 1000)
        late_s = [arrival for arrival, stays in zip(arrival_s, lindley(arrival_s, 0.005), strict=True) if stays >= 0.1]
        assert cell.recoveries_s[0] == pytest.approx(late_s[-1] - arrival_s[799], abs=0.012)
    else:
        assert cell.recoveries_s[0] == pytest.approx(last, abs=0.01 + 1e-9)  # arrivals are 10 ms apart


def lindley(arrival_s, service_s):
    """How long queries stay at one server."""
    free_s, stays = 0.0, []
    for at, takes in zip(arrival_s, np.broadcast_to(service_s, len(arrival_s)), strict=True):
        free_s = max(free_s, at) + takes
        stays.append(free_s - at)
    return np.array(stays)


def test_recovery_of_a_queue_that_grew_by_luck():
    """M/M/1 after a second of thrice its load: the mean over replications is that of a recursion of its own."""
    scenario = one_server(
        law={"kind": "exponential", "mean": "5ms"}, arrivals={"kind": "poisson"}, slos=["p90 < 200ms"]
    )
    answer = stress(scenario.with_run(replications=200), "load x3 for 1s", window_s=1.0)
    (cell,) = answer.cells
    assert answer.verdict == "recovers" and cell.count == 200
    rng, seen = np.random.default_rng(1), []
    for _ in range(1000):
        before, during, after = (
            np.sort(rng.uniform(begin, end, rng.poisson(rate * (end - begin))))
            for begin, end, rate in ((0.0, 5.0, 100), (5.0, 6.0, 300), (6.0, 46.0, 100))
        )
        arrival_s = np.concatenate([before, during, after])
        late_s = arrival_s[lindley(arrival_s, rng.exponential(0.005, len(arrival_s))) >= 0.2]
        late_s = late_s[late_s >= 5.0]
        seen.append(max(0.0, late_s[-1] - 6.0) if len(late_s) else 0.0)
    ours = np.array(cell.recoveries_s)
    error = math.hypot(ours.std() / math.sqrt(len(ours)), np.std(seen) / math.sqrt(len(seen)))
    assert ours.mean() == pytest.approx(np.mean(seen), abs=4 * error)
    assert cell.recovery_s.low <= np.median(seen) <= cell.recovery_s.high


def test_a_trigger_that_changes_nothing_leaves_all_as_it_is():
    """Without a trigger the run is on the same luck."""
    scenario = one_server(law={"kind": "exponential", "mean": "5ms"}, arrivals={"kind": "poisson"})
    answer = stress(scenario, "load x1 for 1s")
    (cell,) = answer.cells
    assert (answer.verdict, set(cell.recoveries_s)) == ("unharmed", {0.0})
    for disturbed, usual in zip(cell.disturbed, cell.undisturbed, strict=True):
        assert np.array_equal(disturbed.queries, usual.queries) and np.array_equal(disturbed.bad, usual.bad)


def test_before_the_trigger_nothing_differs():
    answer = stress(load_scenario(MM1).with_slos(["p90 < 20s"]), "load x3 for 1m")
    (cell,) = answer.cells
    for disturbed, usual in zip(cell.disturbed, cell.undisturbed, strict=True):
        before = slice(0, cell.windows.before - 1)  # the last one holds who waits for the trigger
        assert np.array_equal(disturbed.bad[:, before], usual.bad[:, before])


def test_a_load_that_is_not_carried_is_missed_without_a_trigger():
    answer = stress(one_server(rate="300/s"), "stall for 1s", horizon_s=6.0)
    assert (answer.verdict, answer.exit_code) == ("missed without it", 99)
    assert "the objectives are missed without it, too" in table_of(answer)


def test_who_does_not_recover_in_what_is_simulated_stays_down():
    scenario = one_server(rate="190/s")  # a second of stall takes 20 to make up for
    answer = stress(scenario, "stall for 1s", horizon_s=4.0, window_s=0.25)
    assert (answer.verdict, answer.exit_code) == ("stays down", 99)
    assert "in 20 of 20 replications the objectives do not hold again within 4.00 s" in table_of(answer)
    assert stress(scenario, "stall for 1s").verdict == "recovers slowly"


@pytest.mark.parametrize(("most_s", "code"), [(0.9, 0), (0.7, 99)])
def test_a_gate(most_s, code):
    answer = stress(one_server(), "stall for 1s", max_recovery_s=most_s)
    assert (answer.exit_code, answer.to_dict()["in_time"]) == (code, code == 0)


def test_a_map_of_sizes_and_durations():
    answer = stress(one_server(rate="150/s"), "load x1,2,4 for 1s,500ms", horizon_s=1.7, window_s=0.1)
    assert [cell.trigger.text for cell in answer.cells] == [
        f"load x{size} for {lasts}" for size in (1, 2, 4) for lasts in ("0.5s", "1s")
    ]
    verdicts = [cell.verdict for cell in answer.cells]
    assert verdicts[:2] == ["unharmed", "unharmed"] and verdicts[-1] == "stays down"
    assert [trigger.text for trigger in answer.smallest] == ["load x2 for 1s", "load x4 for 0.5s"]
    shown = table_of(answer)
    assert (
        "smallest from which it does not recover: load x2 for 1s, load x4 for 0.5s" in shown and "down 20/20" in shown
    )
    assert figure_of(answer, "svg").startswith(b"<?xml")
    longest = [max(cell.recoveries_s) for cell in answer.cells]
    assert longest[2] < longest[3]  # a longer one of the same size takes longer


def test_a_zone_is_lost_in_stages_that_have_zones():
    scenario = one_server(replicas=2, zones=2, rate="250/s")
    answer = stress(scenario, "zone for 1s")
    assert answer.verdict == "recovers" and 0 < answer.cells[0].recovery_s.value < 1


def test_caches_that_begin_empty_fill():
    """Who misses takes a server that only those who miss a full cache leave free, until it is full."""
    cache = {"size": 10_000, "popularity": {"kind": "zipf", "s": 0.8, "catalogue": 20_000}, "hit_time": "1ms"}
    full, half = (
        stress(one_server(rate="300/s", cache={**cache, "cold": cold}, slos=["p90 < 100ms"]), "cold caches")
        for cold in (False, True)
    )
    (cell,) = full.cells
    assert full.verdict == "recovers" and cell.windows.begin_s == cell.windows.end_s == 0.0
    assert min(cell.recoveries_s) > 0.0
    assert cell.recoveries_s == half.cells[0].recoveries_s  # however the scenario itself begins
    assert "trigger " not in table_of(full)


def test_who_has_no_cache_has_none_that_is_cold():
    with pytest.raises(ScenarioError, match="no stage has a cache"):
        stress(one_server(), "cold caches")


def test_phases_of_one_rate_are_a_constant_load():
    phases = [{"name": name, "duration": "1m", "rate": "100/s"} for name in ("one", "two")]
    plain, phased = (
        one_server(),
        scenario_from_dict({**one_server().resolved(), "load": {"arrivals": "constant", "phases": phases}}),
    )
    one, other = (stress(scenario, "stall for 1s").cells[0].recoveries_s for scenario in (plain, phased))
    assert one == other


def test_the_answer_does_not_depend_on_jobs():
    scenario = load_scenario(MM1).with_slos(["p90 < 20s"])
    one, two = (stress(scenario, "load x3 for 1m", jobs=jobs) for jobs in (1, 2))
    assert json.dumps(one.to_dict()) == json.dumps(two.to_dict())


def test_its_document_is_as_its_schema_says():
    jsonschema = pytest.importorskip("jsonschema")
    document = stress(one_server(slos=["p90 < 100ms", "availability > 99%", "mean < 1s"]), "stall for 1s").to_dict()
    jsonschema.validate(json.loads(json.dumps(document)), document_schema("stress"))
    assert document["slos"] == ["p90 < 100ms", "availability > 99%"]
    assert document["notes"] == ["mean < 1s: that is of no single query, so it is not looked at"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a trigger; write it like load x3 for 2s"),
        ("load for 2s", "is not a trigger"),
        ("load x3", "is not a trigger"),
        ("load xthree for 2s", "'xthree' is no factor on the load"),
        ("load x0 for 2s", "a factor on the load is above 0"),
        ("load xnan for 2s", "a factor on the load is above 0"),
        ("load x3 for 2", "a duration needs a unit, got 2"),
        ("load x3 for 0s", "a trigger lasts longer than 0"),
        ("zone a for 2s", "a zone is lost in all stages that have zones"),
        ("load x1,2,,3 for 1s", "is not a trigger"),
        (f"load x{','.join(map(str, range(1, 102)))} for 1s", "at most 100 combinations, got 101"),
    ],
)
def test_what_is_no_trigger_is_told(text, said):
    with pytest.raises(ScenarioError) as caught:
        parse_triggers(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "trigger", "said"),
    [
        (
            {"load": {"rate": {"kind": "diurnal", "mean": "1/s", "peak_to_mean": 2, "period": "1h"}}},
            "stall for 1s",
            "load of constant rate",
        ),
        ({"load": {"arrivals": {"kind": "closed", "clients": 3, "think": "1s"}}}, "stall for 1s", "clients that wait"),
        ({"slos": ["mean < 1s"]}, "stall for 1s", "stress needs an objective that single queries can miss"),
        ({"slos": []}, "stall for 1s", "stress needs an objective"),
        ({}, "stall sever for 1s", "no stage is called 'sever': did you mean 'server'?"),
        ({}, "zone for 1s", "no stage says how many zones it has"),
    ],
)
def test_what_cannot_be_disturbed_is_told(changes, trigger, said):
    values = {**one_server().resolved(), **changes}
    with pytest.raises(ScenarioError, match=r"stress|stage") as caught:
        stress(scenario_from_dict(values), trigger)
    assert said in str(caught.value)


def test_the_trigger_takes_the_place_of_outages_and_of_phases():
    outages = [{"replica": 0, "from": "1s", "until": "2s"}]
    phases = [{"name": name, "duration": "1m", "rate": "100/s"} for name in ("one", "two")]
    values = one_server(outages=outages).resolved()
    values |= {"load": {"arrivals": "constant", "phases": phases}, "slos": ["phase.two.p90 < 100ms"]}
    ours, plain = stress(scenario_from_dict(values), "stall for 1s"), stress(one_server(), "stall for 1s")
    assert ours.cells[0].recoveries_s == plain.cells[0].recoveries_s
    assert [slo.text for slo in ours.slos] == ["p90 < 100ms"]
    assert ours.notes == ("server: its own outages are left out, the trigger takes their place",)


def test_windows_of_a_query_each_tell_nothing():
    """In some all miss by luck, and then nothing could be worse."""
    scenario = one_server(law={"kind": "exponential", "mean": "5ms"}, arrivals={"kind": "poisson"})
    with pytest.raises(ScenarioError, match=r"100 % of the queries miss an objective without any trigger"):
        stress(scenario.with_slos(["p90 < 40ms"]), "load x1000 for 50ms", window_s=0.02)
    assert stress(scenario.with_slos(["p90 < 40ms"]), "load x1000 for 50ms", max_recovery_s=1.0).exit_code == 99


def test_what_is_missed_with_the_trigger_alone_is_no_recovery_later_nor_unharmed():
    """At a door the misses end with the load; later ones are luck."""
    scenario = one_server(admission={"rate": "120/s", "burst": 30}, slos=["availability > 90%"])
    answer = stress(scenario, "load x3 for 10s")
    (cell,) = answer.cells
    assert (answer.verdict, cell.harmed, set(cell.recoveries_s)) == ("recovers", 20, {0.0})


@pytest.mark.parametrize("seed", range(4))
def test_luck_is_no_slow_recovery(seed):
    scenario = one_server(law={"kind": "exponential", "mean": "5ms"}, arrivals={"kind": "poisson"}, rate="160/s")
    answer = stress(scenario.with_slos(["p95 < 250ms"]).with_run(seed=seed), "load x1.1 for 1s")
    assert max(answer.cells[0].recoveries_s) < 10


def test_a_run_that_warms_up_for_a_number_of_queries_does_so_for_as_long():
    scenario = one_server().with_run(warmup=500)
    assert stress(scenario, "stall for 1s").verdict == "recovers"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"window_s": 0.001}, "have less than a query each"),
        ({"window_s": 1.0, "horizon_s": 3.0}, "at least 6 windows follow the trigger: of 1.00 s that is longer"),
        ({"window_s": 0.1, "horizon_s": 1000.0}, "10,000 windows follow the trigger, at most 5,000 do"),
    ],
)
def test_windows_that_cannot_be_are_told(given, said):
    with pytest.raises(ScenarioError) as caught:
        stress(one_server(), "stall for 100ms", **given)
    assert said in str(caught.value)


def test_recovery_is_as_long_as_the_hitting_time_of_a_markov_chain():
    """M/M/1/K after a second of four times its load: until the last refusal, by the chain's transient law.

    At its own load the chain is refused once in tens of millions. So whoever has come down to an empty system is
    not refused again, and nobody is after t with the chance that the state at t leads to an empty system first.
    """
    room, own, served, factor = 60, 75.0, 100.0, 4.0
    scenario = one_server(
        law={"kind": "exponential", "mean": "10ms"},
        rate="75/s",
        arrivals={"kind": "poisson"},
        slos=["failed_ratio < 0.1%"],
        queue={"limit": room - 1},
    )
    (cell,) = stress(scenario.with_run(replications=300), "load x4 for 1s", window_s=1.0).cells

    def generator(arrival):
        rates = np.diag([arrival] * room, 1) + np.diag([served] * room, -1)
        return rates - np.diag(rates.sum(axis=1))

    ratio = own / served
    at_end = ratio ** np.arange(room + 1) / sum(ratio ** np.arange(room + 1)) @ linalg.expm(generator(factor * own))
    after = np.zeros((room + 1, room + 1))  # chance to be empty before it is refused: empty already, or a step on
    for state in range(1, room + 1):
        after[state, state - 1] = served / (own + served)
        if state < room:
            after[state, state + 1] = own / (own + served)
    empties = np.linalg.solve(np.eye(room + 1) - after, np.eye(room + 1)[0])
    step_s = 0.005
    step, law, mean_s = linalg.expm(generator(own) * step_s), at_end, 0.0
    for _ in range(2000):
        mean_s += step_s * (1 - law @ empties)
        law = law @ step
    mean_s -= step_s * (1 - at_end @ empties) / 2  # the trapezoidal rule
    ours = np.array(cell.recoveries_s)
    assert ours.mean() == pytest.approx(mean_s, abs=4 * ours.std() / math.sqrt(len(ours)))
    assert ours.std() / math.sqrt(len(ours)) < 0.12 * mean_s


@slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_retry_storm_stays_down_without_a_budget_and_recovers_with_one(seed):
    """In at least 19 of 20 replications, said in words."""
    with_one = load_scenario(ROOT / "scenarios" / "retry_storm.yaml").with_run(seed=seed)
    no_budget = [f"run.seed={seed}", "client.retry_budget.burst=1M"]
    without = load_scenario(ROOT / "scenarios" / "retry_storm.yaml", (), no_budget)
    found, lost = (stress(scenario, "stall for 2s") for scenario in (with_one, without))
    assert (found.verdict, lost.verdict) == ("recovers", "stays down")
    assert found.cells[0].count >= 19 and lost.cells[0].count <= 1
    assert "stays down: in" in table_of(lost) and "stall for 2s: recovers" in table_of(found)
