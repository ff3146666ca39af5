"""The cheapest fleet: against brute force, by what it must survive, and what the command says."""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest
from conftest import ROOT, slow

import simulator
from simulator import ScenarioError, load_scenario, scenario_from_dict, simulate
from simulator.planner.load import offered_per_s
from simulator.planner.plans import make_plan
from simulator.planning.fleets import Fleets
from simulator.planning.grid import grid_of, varied
from simulator.planning.judge import Search, is_beyond, is_within, look
from simulator.planning.sizing import size
from simulator.planning.spare import EMPTY, FIT, OBJECTIVE, REPLICAS, SATURATED, conditions_of
from simulator.report import frame
from simulator.report.size import size_table
from simulator.report.size_figure import said as title_of
from simulator.report.size_figure import size_figure
from simulator.running.execution import Execution
from simulator.stats.readings import Reading
from simulator.theory import busiest, estimate
from simulator.verification.fleets import KNOBS, THOUSAND, THREE, by_force


@lru_cache(maxsize=1)
def of_a_thousand():
    return size(scenario_from_dict(THREE), search=THOUSAND, jobs=2)


@slow
def test_it_is_the_cheapest_fleet_of_brute_force():
    """On a smaller grid about the answer of the larger one; `make verify` goes through all thousand."""
    search = {"stages.retrieval.shards": "7..10", "stages.light.replicas": "6..9", "stages.heavy.replicas": "4..6"}
    scenario = scenario_from_dict(THREE)
    values, cost = next(by_force(scenario, search))
    found = size(scenario, search=search, top=1)
    assert found.answers[0].values == values
    assert found.answers[0].cost == pytest.approx(cost)


@slow
def test_of_a_thousand_fleets_a_tenth_is_simulated():
    found = of_a_thousand()
    assert (found.verdict, found.exit_code, found.fleets) == ("found", 0, 1000)
    assert len(found.answers) == 3
    assert len(found.seen) <= 100
    told = found.to_dict()
    assert told["simulated"] == len(found.seen)
    cheaper = {(one["reason"], one["what"]): one for one in told["cheaper"]}
    assert sum(one["fleets"] for one in cheaper.values()) == found.answers[0].place
    assert cheaper[OBJECTIVE, "p95 < 175ms"]["fleets"] > cheaper[OBJECTIVE, "p95 < 175ms"]["simulated"] > 0
    assert cheaper[SATURATED, ""]["nearest"]["over_bound"]["value"] >= 1 - 1e-9


@slow
def test_what_falls_with_another_would_have_fallen_by_itself():
    """Fleets dropped since a cheaper one with the same first stages failed, simulated in full."""
    found = of_a_thousand()
    dropped = [fleet for _, fleet, why in found.fell if why.reason == OBJECTIVE]
    assert len(dropped) >= 3
    for fleet in dropped[:: len(dropped) // 3]:
        scenario = scenario_from_dict(THREE)
        values = dict(zip(KNOBS, [key[0] for key in fleet.keys], strict=True))
        assert simulate(varied(scenario, values)).exit_code == 99


def test_paper_says_what_the_plan_says_whatever_the_other_stages_are():
    """Each stage is looked at once; every fleet's figures are those of its own plan, under every condition."""
    scenario = scenario_from_dict(THREE)
    search = {"stages.retrieval.skew": [0, 0.5], "stages.retrieval.shards": [3, 5], "stages.light.replicas": [2, 3]}
    search |= {"stages[0].keep": [100, 200], "stages.heavy.replicas": "2..3"}
    conditions = conditions_of(scenario, 0.5, 0) + conditions_of(scenario, 0, 1)[2:]
    fleets = Fleets(scenario, grid_of(search), conditions)
    for fleet in fleets.all()[::5]:
        own = fleets.scenario_of(fleet.index)
        for condition in conditions:
            (found, stage, _), *others = fleet.bottlenecks(condition)
            assert not others
            plan = make_plan(condition.applied(own))
            assert found == pytest.approx(busiest(plan), rel=1e-12)
            assert stage == estimate(plan).bottleneck[0]


def test_a_look_is_only_sure_of_what_is_far_from_the_bound():
    def reading(value, low, high):
        return Reading(value, low, high, 50.0, None, None)

    assert is_beyond(reading(2.0, 1.6, 2.5))
    assert not is_beyond(reading(1.3, 1.1, 1.5))  # at 95 % it would be
    assert not is_beyond(reading(float("inf"), float("inf"), float("inf")))
    assert is_within(reading(0.5, 0.4, 0.6))
    assert not is_within(reading(0.8, 0.7, 0.95))
    assert is_within(reading(0.0, 0.0, 0.3))
    assert not is_within(reading(0.0, 0.0, 0.5))


def test_looks_take_ever_more_but_never_as_much_as_the_run():
    def looks(**run):
        scenario = scenario_from_dict({**THREE, "run": {**THREE["run"], **run}})
        grid = grid_of({KNOBS[0]: [1, 2]})
        return [
            (one.replications, one.queries) for one in Search(scenario, grid, (), Execution(engine="compiled")).looks
        ]

    assert looks() == [(8, 1000)]
    assert looks(queries=50_000) == [(8, 1000), (8, 4000), (8, 16000)]
    assert looks(queries=1500) == []
    phases = scenario_from_dict({**THREE, "load": {"phases": [{"duration": "1s", "rate": "9/s"}]}, "run": {}})
    search = Search(phases, grid_of({KNOBS[0]: [1, 2]}), (), Execution(engine="compiled"))
    assert [(one.replications, one.queries) for one in search.looks] == [(4, None)]


# what a fleet must still do


def one_stage(rate="60/s", count=2, slo="p95 < 100ms", **stage):
    """M/M/1 at each of some replicas, 10 ms a query, at a dollar a machine."""
    server = {
        "name": "server",
        "model": {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}},
        "hardware": "box",
        "replicas": count,
    }
    values = {
        "name": "servers",
        "load": {"rate": rate},
        "run": {"queries": 10_000, "replications": 8},
        "hardware": {"box": {"price": "1 USD/h", "power": "100 W"}},
        "stages": [{**server, **stage}],
        "slos": [slo],
    }
    return scenario_from_dict(values)


REPLICAS_UP = {"stages.server.replicas": "1..8"}


def answer(scenario, **more):
    return size(scenario, search=REPLICAS_UP, top=1, **more).answers[0].values["stages.server.replicas"]


def test_the_answers_of_mm1_are_those_of_the_closed_form():
    """p95 = ln(20) / (100 - 260 / R) <= 100 ms from R = 260 / 70.04 on; at 20 % more from 4.45; one gone, and both."""
    assert answer(one_stage("260/s")) == 4
    assert answer(one_stage("260/s"), headroom=0.2) == 5
    assert answer(one_stage("260/s"), survive=1) == 5
    assert answer(one_stage("260/s"), survive=1, headroom=0.2) == 6
    assert answer(one_stage("20/s")) == 1
    assert answer(one_stage("20/s"), survive=1) == 2


def test_the_load_is_a_mean_rate():
    for load in ("260/s", 260.0, 260):
        assert answer(one_stage("1/s"), load=load) == 4


def test_survival_is_what_a_fleet_without_the_machine_does():
    """With one shard, a machine gone is a replica less: the same figures to the bit, by hand."""
    found = size(one_stage("260/s"), search={"stages.server.replicas": [5]}, survive=1, top=1).answers[0]
    less = simulate(one_stage("260/s", count=4)).to_dict()
    verdict = next(one for one in found.judged if one.condition.lost == 0).verdicts[0]
    assert (verdict.value, verdict.low) == (less["latency_s"]["p95"]["value"], less["latency_s"]["p95"]["low"])


def test_only_the_shards_of_the_lost_machine_have_a_replica_less():
    """Four shards on two machines a row: half of them go on with three replicas; with two each nothing would hold."""
    stage = {"shards": 4, "per_machine": 2, "routing": "least_outstanding"}
    scenario = one_stage("150/s", slo="p95 < 150ms", **stage)
    found = size(scenario, search={"stages.server.replicas": [3]}, survive=1, top=1)
    lost = found.answers[0].judged[-1]
    assert make_plan(lost.condition.applied(found.scenario_of(found.answers[0]))).left.tolist() == [3, 3, 2, 2]
    less = size(scenario, search={"stages.server.replicas": [2]}, top=1)
    assert less.seen[0].worst.value > lost.verdicts[0].value > found.answers[0].tail.value


def test_the_heaviest_machine_is_lost():
    from simulator.scenario.machines import heaviest_machine

    def lost(**stage):
        model = {"kind": "tree", "per_item": "1us"}
        return heaviest_machine(one_stage(candidates=100, model=model, **stage).stages[0])

    assert lost(shares=[1, 3, 1, 3, 2, 0], per_machine=2) == 4  # of the second row: the last of those with a 3
    assert lost(shares=[1, 3, 1, 2, 2, 0], per_machine=2) == 3  # of the second row: the one with the 3
    assert lost(shares=[3, 3, 5, 0], per_machine=2) == 3  # the largest share, not the largest sum
    assert lost(shares=[1, 3, 1, 3, 2, 0], per_machine=3) == 3  # the last: 3 + 2 is more than 3 + 1
    assert lost(shards=5, per_machine=2) == 4  # equal shares: the last that is full, which is sent to last
    assert lost(shards=4, skew=1.0, count=3) == 8


def test_one_replica_has_none_to_spare():
    found = size(one_stage("10/s"), search={"stages.server.replicas": [1]}, survive=1)
    assert (found.verdict, found.exit_code, found.seen) == ("unreachable", 99, ())
    assert found.cheaper()[0].reason == REPLICAS
    with pytest.raises(ScenarioError, match="server lost a machine already"):
        size(one_stage("10/s", lost_machine=0), search=REPLICAS_UP, survive=1)


def test_other_loads_keep_their_shape(tmp_path):
    """Phases, and a trace: only rates and speed change, and the mean is what was asked for."""
    phases = {"phases": [{"duration": "20s", "rate": "20/s .. 60/s"}, {"duration": "10s", "rate": "30/s"}]}
    scenario = one_stage(slo="p95 < 500ms")
    changed = scenario_from_dict({**scenario.resolved(), "load": phases, "run": {"replications": 8}})
    found = size(changed, search=REPLICAS_UP, load="150/s", top=1)
    got = found.scenario_of(found.answers[0])
    assert offered_per_s(got) == pytest.approx(150)
    assert [one.duration_s for one in got.load.phases] == [20, 10]
    assert got.load.scale == pytest.approx(150 * 30 / 1100)
    assert found.answers[0].values["stages.server.replicas"] >= 2
    instants = np.cumsum(np.random.default_rng(1).exponential(0.1, size=4000))
    (tmp_path / "trace.csv").write_text("t\n" + "".join(f"{instant}\n" for instant in instants))
    arrivals = {"kind": "trace", "file": str(tmp_path / "trace.csv"), "column": "t"}
    trace = scenario_from_dict({**changed.resolved(), "load": {"arrivals": arrivals}})
    assert offered_per_s(trace) == pytest.approx(10, rel=0.05)
    found = size(trace, search=REPLICAS_UP, load="150/s", top=1)
    assert found.load_per_s == pytest.approx(150)
    assert found.answers[0].judged[0].condition.rate_per_s == pytest.approx(150)
    assert any("share the trace" in note for note in found.to_dict()["notes"])


# what costs what


def test_what_does_not_fit_is_never_built():
    stage = {
        "name": "index",
        "candidates": "1M",
        "bytes_per_candidate": "1 kB",
        "model": {"kind": "tree", "per_item": "10ns"},
        "hardware": "box",
        "workers": 2,
    }
    values = {
        "name": "fits",
        "load": {"rate": "10/s"},
        "run": {"queries": 500, "replications": 4},
        "hardware": {"box": {"price": "1 USD/h", "memory": "300 MB", "cores": 4}},
        "stages": [stage],
        "slos": ["p50 < 100ms"],
    }
    search = {"stages.index.shards": "1..6", "stages.index.per_machine": [1, 3]}
    found = size(scenario_from_dict({**values, "stages": [{**stage, "shards": 6}]}), search=search, top=1)
    assert found.answers[0].values == {"stages.index.shards": 4, "stages.index.per_machine": 1}
    unfit = found.cheaper()[0]
    assert (unfit.reason, unfit.simulated) == (FIT, 0)
    assert "a machine must hold" in unfit.nearest.what
    assert found.to_dict()["answers"][0]["usd_per_h"] == 4
    nothing = size(scenario_from_dict({**values, "stages": [{**stage, "shards": 6}]}), search={KEY: [1, 2]})
    assert (nothing.exit_code, nothing.cheaper()[0].fleets) == (99, 2)


KEY = "stages.index.shards"


def test_hardware_comes_from_the_catalogue():
    scenario = load_scenario(ROOT / "scenarios/recommendation.yaml", sets=["run.queries=1k", "run.replications=4"])
    search = {"stages.deep_ranking.hardware": "nvidia_l4,nvidia_t4,gpu", "stages.deep_ranking.replicas": [4]}
    found = size(scenario, search=search, slos=["p50 < 1s"], top=3)
    names = [one.values["stages.deep_ranking.hardware"] for one in found.answers]
    assert names == ["nvidia_t4", "nvidia_l4", "gpu"], "the two of one price in the order of the grid"
    assert found.answers[1].cost == found.answers[2].cost
    stage = found.to_dict()["answers"][0]["stages"][1]
    assert (stage["hardware"], stage["machines"], stage["usd_per_h"]) == ("nvidia_t4", 4, pytest.approx(4 * 0.526))


def test_fleets_of_equal_cost_come_in_the_order_of_the_grid():
    scenario = one_stage("50/s", slo="p50 < 1s", shards=6)
    search = {"stages.server.replicas": [6, 3, 2], "stages.server.shards": [1, 2, 3]}
    found = size(scenario, search=search, top=9)
    order = [tuple(one.values.values()) for one in found.answers]
    assert order == [(2, 1), (3, 1), (2, 2), (6, 1), (3, 2), (2, 3), (3, 3), (6, 2), (6, 3)]


def test_what_is_minimised():
    scenario = one_stage("10/s", slo="p50 < 1s")
    costs = {name: size(scenario, search=REPLICAS_UP, minimise=name, top=1) for name in ("money", "machines", "energy")}
    assert [one.to_dict()["unit"] for one in costs.values()] == ["USD/h", "machines", "W"]
    assert [one.answers[0].cost for one in costs.values()] == [1, 1, 100]
    assert size(scenario, search=REPLICAS_UP, top=1).minimise == "money"
    bare = {**scenario.resolved(), "hardware": {"box": {"cores": 4}}}
    assert size(scenario_from_dict(bare), search=REPLICAS_UP, top=1).minimise == "machines"
    with pytest.raises(ScenarioError, match=r"stages.server: has no price in every fleet"):
        size(scenario_from_dict(bare), search=REPLICAS_UP, minimise="money")
    with pytest.raises(ScenarioError, match=r"stages.server: has no power in every fleet"):
        size(scenario_from_dict(bare), search=REPLICAS_UP, minimise="energy")


def test_a_cost_of_a_million_queries():
    found = size(one_stage("10/s", slo="p50 < 1s"), search={"stages.server.replicas": [3]}, load="100/s", top=1)
    assert found.to_dict()["answers"][0]["usd_per_million_queries"] == pytest.approx(3 / 3600 / 100 * 1e6)


# no answer


def test_what_is_late_even_when_empty_is_not_simulated():
    constant = {"kind": "time", "law": "10ms"}
    found = size(one_stage(slo="p95 < 9ms", model=constant), search=REPLICAS_UP)
    assert (found.verdict, found.exit_code, found.seen) == ("unreachable", 99, ())
    assert {one.reason for one in found.cheaper()} == {EMPTY}
    assert "even when empty" in size_table(found.to_dict())
    of_stage = size(one_stage(slo="stage.server.mean < 9ms", model=constant), search=REPLICAS_UP)
    assert {one.reason for one in of_stage.cheaper()} == {EMPTY}
    at_bound = size(one_stage("1/s", slo="95% within 10ms", model=constant), search={"stages.server.replicas": [8]})
    assert at_bound.seen, "at the bound it is for the simulation to say"


def test_what_comes_after_a_stage_that_refuses_is_for_the_simulation_to_say():
    """The first stage serves at most 100 of 150 queries a second; the second is asked for 90 % of its time, not 135."""
    resolved = one_stage("150/s", slo="p30 < 500ms", count=1).resolved()
    [second] = resolved["stages"]
    constant = {"kind": "time", "law": "9ms"}
    first = {**second, "name": "first", "model": {"kind": "time", "law": "10ms"}, "queue": {"limit": 0}}
    scenario = scenario_from_dict({**resolved, "stages": [first, {**second, "model": constant}]})
    found = size(scenario, search={"stages.server.replicas": [1, 2]}, top=1)
    assert found.answers[0].values["stages.server.replicas"] == 1
    busiest = found.to_dict()["answers"][0]["bottleneck"]
    assert (busiest["stage"], busiest["demand"]) == ("first", pytest.approx(1.5)), "shown it is all the same"


def test_utilisation_objectives_are_told_on_paper():
    found = size(one_stage("260/s", slo="stage.server.utilisation < 50%"), search=REPLICAS_UP, top=1)
    assert found.answers[0].values["stages.server.replicas"] == 6
    assert len(found.seen) == 1, "the others are 4 % or more beyond the bound"


def test_a_fleet_that_cannot_be_told_counts_as_not_met():
    few = {"queries": 200, "replications": 4}
    scenario = scenario_from_dict({**one_stage("260/s").resolved(), "run": few})
    found = size(scenario, search={"stages.server.replicas": [4]})
    assert (found.verdict, found.exit_code, len(found.seen)) == ("inconclusive", 98, 1)
    assert "could not be told" in size_table(found.to_dict())


def test_goodput_may_be_the_only_objective():
    found = size(one_stage("60/s", slo="goodput > 50/s"), search=REPLICAS_UP, top=1)
    assert found.answers[0].values["stages.server.replicas"] == 1
    assert size(one_stage("60/s", slo="goodput > 70/s"), search=REPLICAS_UP).exit_code == 99


# the same answer however it is found


@slow
def test_the_answer_does_not_depend_on_jobs():
    scenario = scenario_from_dict({**THREE, "slos": ["p95 < 175ms", "stage.retrieval.p95 < 40ms"]})
    search = dict(zip(KNOBS, ("7..10", "7..8", "5..6"), strict=True))
    one, three = (size(scenario, search=search, top=2, jobs=jobs, headroom=0.05) for jobs in (1, 3))
    assert any(why.reason == OBJECTIVE for _, _, why in one.fell), "some fall while they are looked at ahead"
    assert one == three
    assert json.dumps(one.to_dict()) == json.dumps(three.to_dict())
    assert size_figure(one.to_dict()) == size_figure(three.to_dict())


def test_both_engines_find_the_same():
    scenario = scenario_from_dict({**one_stage("100/s").resolved(), "run": {"queries": 300, "replications": 4}})
    found = [size(scenario, search={"stages.server.replicas": "1..3"}, engine=name) for name in ("auto", "reference")]
    documents = [one.to_dict() for one in found]
    assert [document.pop("engine") for document in documents] == ["compiled", "reference"]
    assert documents[0] == documents[1]


def test_an_interruption_keeps_what_was_found():
    def tell(simulated, cost, found):
        if simulated == 3:
            raise KeyboardInterrupt

    found = size(one_stage("260/s", slo="p95 < 60ms"), search=REPLICAS_UP, progress=tell)
    assert (found.interrupted, found.exit_code, len(found.seen)) == (True, 130, 3)
    assert any("interrupted" in note for note in found.to_dict()["notes"])

    def at_once(*_):
        raise KeyboardInterrupt

    from simulator.planning import sizing

    honest = sizing.judge
    try:
        sizing.judge = at_once
        with pytest.raises(KeyboardInterrupt):
            size(one_stage("60/s"), search=REPLICAS_UP)
    finally:
        sizing.judge = honest


def test_an_interrupted_search_says_what_it_has(shardsim, monkeypatch):
    from simulator.planning import sizing

    calls = []

    def judge(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return honest(*args)

    honest = sizing.judge
    monkeypatch.setattr(sizing, "judge", judge)
    code, out, _ = shardsim(*ARGS)
    assert code == 130
    assert "note: interrupted" in out
    monkeypatch.setattr(sizing, "judge", lambda *_: judge())
    calls[:] = [()]
    code, out, err = shardsim(*ARGS)
    assert (code, out) == (130, "")
    assert "interrupted before any fleet was simulated" in err


def test_what_fails_in_full_for_a_stage_takes_others_along():
    """Few queries and no looks: p50 of the first stage is the same whatever is behind it."""
    run = {"queries": 1500, "replications": 8}
    scenario = scenario_from_dict({**THREE, "run": run, "slos": ["stage.retrieval.p50 < 10ms"]})
    search = {"stages.retrieval.shards": [7, 10], "stages.light.replicas": [8, 9], "stages.heavy.replicas": [5, 6]}
    found = size(scenario, search=search)
    assert [one.values["stages.retrieval.shards"] for one in found.seen] == [7, 10]
    assert len(found.fell) == 6


def test_a_look_says_which_stages_are_to_blame():
    def seen(slo, *counts):
        scenario = scenario_from_dict({**THREE, "slos": [slo]})
        search = Search(scenario, grid_of(THOUSAND), conditions_of(scenario, 0.0, 0), Execution(engine="compiled"))
        found = look(search, dict(zip(KNOBS, counts, strict=True)))
        return found.through, found.why is None

    assert seen("p95 < 400ms", 10, 10, 10) == (2, True)
    assert seen("p95 < 120ms", 10, 10, 10) == (2, False)
    assert seen("p95 < 60ms", 10, 10, 10) == (1, False)
    assert seen("p95 < 30ms", 5, 10, 10) == (0, False)
    assert seen("stage.light.p95 < 20ms", 10, 10, 10) == (1, False)
    assert seen("stage.heavy.mean < 10ms", 10, 10, 10) == (2, False)


# the command and what it gives back


def test_the_result_is_a_frozen_value():
    found = of_a_thousand()
    with pytest.raises(AttributeError):
        found.top = 4
    assert simulator.size is size
    assert isinstance(found, simulator.Sizing)
    html = found._repr_html_()
    assert html.count("<tr>") == 4
    assert "heavy.replicas" in html
    pandas = pytest.importorskip("pandas")
    frame = found.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == len(found.seen)
    assert list(frame.columns)[:4] == [*KNOBS, "cost"]


PRICED = {"box": {"price": "1 USD/h"}}


@pytest.mark.parametrize(
    ("shards", "slos", "note"),
    [
        (
            "2..4",
            ["p90 < 900ms"],
            "stages.server.shards=2 is the least that was searched: a cheaper fleet may lie below",
        ),
        ("1..4", ["p90 < 900ms"], None),
        ("1,2", ["p90 < 900ms", "cost < 0.5 USD/h"], "cost < 0.5 USD/h rules fleets out: --slo sets other objectives"),
    ],
)
def test_the_end_of_a_search_and_an_objective_that_rules_all_out_are_told(shards, slos, note):
    values = {"name": "s", "load": {"rate": "1/s"}, "run": {"queries": 500}, "hardware": PRICED, "slos": slos}
    stage = {"name": "server", "candidates": 1, "model": {"kind": "deep", "per_item": "100ms"}, "hardware": "box"}
    found = size(scenario_from_dict({**values, "stages": [stage]}), search={"stages.server.shards": shards}, top=1)
    assert [one for one in found.to_dict()["notes"] if "searched" in one or "rules" in one] == [note] * (
        note is not None
    )


def test_a_fleet_is_asked_for_by_its_rate_where_that_is_all_there_is():
    found = size(one_stage("100/s"), search=REPLICAS_UP, load="123/s", top=1)
    assert found.scenario_of(found.answers[0]).resolved()["load"]["rate"] == "123/s"
    scaled = varied(one_stage("100/s"), {"load.scale": 2})
    twice = size(scaled, search=REPLICAS_UP, load="123/s", top=1)
    assert twice.scenario_of(twice.answers[0]).resolved()["load"]["scale"] == pytest.approx(1.23)


def test_the_front_is_of_ever_less_latency_for_ever_more_money():
    found = of_a_thousand()
    front = found.front()
    assert len(front) >= 3
    for one, other in pairwise(front):
        assert one.cost <= other.cost
        assert one.worst.value > other.worst.value
    for one in found.seen:
        assert any(other.cost <= one.cost and other.worst.value <= one.worst.value for other in front)


ARGS = (
    *("size", str(ROOT / "scenarios/mm1.yaml"), "--slo", "p95 < 8s", "--queries", "3k"),
    *("--search", "stages.server.replicas=1..4", "--jobs", "1", "--set", "hardware={box: {price: 2 USD/h}}"),
    *("--set", "stages.server.hardware=box", "--load", "1.2/s"),
)


def test_answers_are_scenarios_that_run(shardsim, tmp_path):
    folder = tmp_path / "out"
    code, out, err = shardsim(*ARGS, "-o", str(folder), "--top", "2", "--headroom", "10%")
    assert code == 0, err
    assert sorted(path.name for path in folder.iterdir()) == [
        *("01_mm1.yaml", "02_mm1.yaml", "pareto.png", "size.json", "table.txt"),
    ]
    assert (folder / "table.txt").read_text() == out
    document = json.loads((folder / "size.json").read_text())
    assert (folder / "pareto.png").read_bytes().startswith(b"\x89PNG")
    for rank, said in enumerate(document["answers"], 1):
        file = folder / f"0{rank}_mm1.yaml"
        assert file.read_text().startswith(f"# Number {rank} of 4 fleets for 1.2/s: ")
        ran = simulate(load_scenario(file))
        assert ran.to_dict()["slos"] == said["conditions"][0]["slos"]
        assert ran.summary.verdict == said["conditions"][0]["verdict"] == "stable"
        assert ran.scenario.stages[0].replicas == said["values"]["stages.server.replicas"]
    again, _, err = shardsim(*ARGS, "-o", str(folder))
    assert again == 2
    assert "not an empty directory" in err


def test_the_title_of_the_figure_tells_the_verdict():
    """As the table does: the least, whether it is sure, that there is none, or that it is not known."""
    answer = {"cost": 3.0, "machines": 3, "stages": []}
    usual = {"answers": [answer], "unit": "machines", "minimise": "machines", "fleets": 9, "simulated": 4}
    usual |= {"cheaper": [], "interrupted": False, "verdict": "found", "headroom": 0.1, "survive": 0}
    untold = {"answers": [], "verdict": "inconclusive"}
    for changed, title in (
        ({}, "3 machines is the least of 9 fleets"),
        ({"cheaper": [{"reason": "inconclusive"}]}, "3 machines is the least that is known of 9 fleets"),
        ({"answers": [], "verdict": "unreachable"}, "none of the 9 fleets meets every objective"),
        (untold, "none of the 9 fleets meets every objective, but some could not be told"),
        ({**untold, "interrupted": True}, "interrupted before a fleet was found"),
    ):
        first, second = title_of({**usual, **changed}).split("\n")
        assert (first, second) == (title, "4 of 9 fleets simulated; objectives are to hold also with 10 % headroom")
    assert "\ninterrupted; 4 of 9" in title_of({**usual, "interrupted": True})


def test_what_lies_beyond_the_figure_of_a_sizing_is_said_to():
    """A latency that is not known, or far later than the bound, has no place on the axis that could be read."""
    mm1 = load_scenario("scenarios/mm1.yaml").with_run(queries=2000, replications=8)
    found = size(mm1, search={"stages.server.replicas": [1, 2]}, slos=["p90 < 10ms"]).to_dict()
    assert found["verdict"] == "unreachable" and len(found["seen"]) == 2
    [axes] = size_figure(found, frame.ITSELF).axes
    drawn = {line.get_label(): line for line in axes.lines}
    assert len(drawn["fails; beyond the figure, or not known"].get_xdata()) == 2
    assert "fails" not in drawn
    assert all(tick == round(tick) for tick in axes.get_xticks()), "there is no half of a machine"


def test_json_and_a_figure(shardsim, tmp_path):
    code, out, _ = shardsim(*ARGS, "--format", "json", "--figure", str(tmp_path / "front.svg"), "--top", "1")
    document = json.loads(out)
    assert (code, document["schema"], document["verdict"], document["unit"]) == (0, 1, "found", "USD/h")
    assert (tmp_path / "front.svg").read_text().startswith("<?xml")
    assert document["provenance"]["search"] == {"stages.server.replicas": [1, 2, 3, 4]}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--search", "load.rate=1/s,2/s"), "load.rate: a fleet is what stages and hardware say; --load sets the load"),
        (("--search", "run.queries=1,2"), "run.queries: a fleet is what stages and hardware say"),
        (("--search", "stages.serve.workers=1,2"), "no 'serve' here; did you mean 'server'?"),
        (("--search", "stages.server.worker=1,2"), "unknown key; did you mean 'workers'?"),
        (("--search", "stages.server.workers=0..2"), "must be at least 1, got 0"),
        (("--search", "stages.server.hardware=box,nvidia_l5"), "no hardware is called 'nvidia_l5'"),
        (("--search", "stages.server.workers=1..100k"), "write both ends in the same unit"),
        (("--search", "stages.server.shards=1..500", "--search", "stages.server.workers=1..100"), "at most 100,000"),
        (("--search", "stages.server.replicas"), "is not PATH=VALUES"),
        (("--search", "stages.server.replicas=1,2"), "given twice"),
        (("--load", "5"), "'5' is not a rate; write it like 1200/s"),
        (("--load", "0/s"), "--load is above 0"),
        (("--headroom", "120%"), "a ratio is from 0 to 1"),
        (("--survive", "2"), "'2' is not one of '0', '1', 'zone'"),
        (("--top", "0"), "0 is not in the range"),
        (("--minimise", "time"), "'time' is not one of"),
        (("--slo", "p99"), "--slo:"),
        (("--replications", "3"), "size needs at least 4 replications to judge by, got 3"),
        (("--figure", "front.doc"), "a figure is a .png, .svg or .pdf file"),
    ],
)
def test_bad_usage(shardsim, more, message):
    code, out, err = shardsim(*ARGS, *more)
    assert (code, out) == (2, "")
    assert message in err


def test_it_asks_for_something_to_choose_and_to_meet(shardsim):
    code, _, err = shardsim("size", str(ROOT / "scenarios/mm1.yaml"))
    assert code == 2
    assert "Missing option '--search'" in err
    with pytest.raises(ScenarioError, match="size needs an objective"):
        size(scenario_from_dict({**THREE, "slos": []}), search=THOUSAND)
    with pytest.raises(ScenarioError, match="nothing to choose from"):
        size(scenario_from_dict(THREE), search={})
    for more in ({"headroom": 2}, {"survive": 3}, {"top": 0}, {"minimise": "time"}, {"load": 0.0}, {"load": "0/s"}):
        with pytest.raises(ValueError, match=r"headroom|survive|top|minimise|a load"):
            size(scenario_from_dict(THREE), search=THOUSAND, **more)


def test_exit_codes_without_an_answer(shardsim):
    code, out, _ = shardsim(*ARGS, "--slo", "p95 < 1s")
    assert code == 99
    assert "none of the 4 fleets meets every objective" in out
    code, out, _ = shardsim(*ARGS, "--slo", "p95 < 4.55s", "--queries", "300", "--top", "1")
    assert code in (0, 98)


def test_what_arithmetic_leaves_of_always_busy_is_not_shown():
    """Three replicas of 10 ms at 300/s are 99.99999999999997 % busy in floats, and 100 % on paper."""
    values = {
        "name": "s",
        "load": {"rate": "300/s"},
        "run": {"queries": 200, "replications": 4},
        "stages": [{"name": "a", "candidates": 100, "model": {"kind": "linear", "per_item": "100us"}}],
        "slos": ["p99 < 1s"],
    }
    found = size(scenario_from_dict(values), search={"stages.a.replicas": [2, 3]}).to_dict()
    assert "100.0 % busy" in size_table(found)
