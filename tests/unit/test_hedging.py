"""Tasks that are sent again: by hand, against plans without copies, budgets, pilots, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import drawn, slow
from hypothesis import given
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import ndtr
from walk import Walk

from simulator import ScenarioError, capacity, estimate, scenario_from_dict, sensitivity, simulate, size, validate
from simulator.core import hedging
from simulator.core.assemble import StageParts, assemble
from simulator.core.clients import simulated
from simulator.core.features import Feature, features_of
from simulator.core.laws import Law
from simulator.core.plan import CANCEL_NOTHING, CANCEL_QUEUED, CANCEL_RUNNING, ROUND_ROBIN
from simulator.core.trace import same_trace
from simulator.engines import compiled, reference
from simulator.planner.plans import make_plan
from simulator.planning.knobs import knobs_of
from simulator.running.pilot import settled
from simulator.scenario import to_yaml
from simulator.testing import plans
from simulator.theory import busiest
from simulator.theory.races import shortest_share
from simulator.verification.families import parsed
from simulator.verification.table import rows

ONE = Law.constant(1.0)


def part(**more):
    """Two replicas in turn, 9 ns and 1 ns a task by machine; who has no answer after 4 ns is sent a copy."""
    return StageParts(
        **{
            "candidates": ONE,
            "knots": [(0.0, 1.0, 0.0)],
            "replicas": 2,
            "policy": ROUND_ROBIN,
            "hedges": 1,
            "hedge_ns": 4,
            "cancels": CANCEL_QUEUED,
            **more,
        }
    )


def plan_of(one, arrival_ns=(0,), slow=9.0, **more):
    factors = np.ones(len(one.share) * one.replicas)
    factors[0] = slow
    return assemble([one], np.array(arrival_ns), machine_factor=factors, **more)


def every_way(plan):
    """The reference engine's trace, which all others give, too."""
    trace = reference.simulate(plan, tasks=True)
    assert list(trace.verify(simulated(plan, trace))) == []
    for way in ((), range(len(plan.stages))):
        assert same_trace(compiled.simulate(plan, tasks=True, event_by_event=way), trace) == ""
    assert same_trace(Walk(plan).trace(), trace) == ""
    return trace


def test_the_first_answer_counts():
    """A task of 9 ns at the slow replica; 4 ns later a copy of 1 ns at the other, which answers at 5."""
    trace = every_way(plan_of(part()))
    tasks = trace.task_table
    assert tasks.copy.tolist() == [0, 1]
    assert tasks.replica.tolist() == [0, 1]
    assert tasks.start_ns.tolist() == [0, 4]
    assert tasks.answer_ns.tolist() == [9, 5]
    assert trace.completion_ns.tolist() == [5]
    assert (trace.critical_enqueue_ns.tolist(), trace.critical_service_ns.tolist()) == ([[4]], [[1]])
    assert (trace.hedged.tolist(), trace.late.tolist(), trace.wasted_ns.tolist()) == ([0, 1], [1, 0], [9, 0])


@pytest.mark.parametrize(
    ("what", "busy_ns", "stopped", "late"),
    [(CANCEL_NOTHING, 9, 0, 1), (CANCEL_QUEUED, 9, 0, 1), (CANCEL_RUNNING, 7, 1, 0)],
)
def test_the_other_is_withdrawn_as_the_stage_says(what, busy_ns, stopped, late):
    """The slow one runs from 0 to 9, and would be told at 5 + 2."""
    trace = every_way(plan_of(part(cancels=what, cancel_ns=2)))
    assert (trace.busy_ns.tolist(), trace.stopped.tolist()) == ([busy_ns, 1], [stopped, 0])
    assert trace.late.tolist() == [late, 0]


def test_an_answer_at_the_instant_of_looking_counts():
    assert every_way(plan_of(part(hedge_ns=9))).hedged.tolist() == [0, 0]
    assert every_way(plan_of(part(hedge_ns=8))).hedged.tolist() == [0, 1]


def test_copies_go_to_whom_has_none_as_long_as_there_are_any():
    """Three replicas, the first two of them slow; the third copy would have nowhere to go."""
    one = part(replicas=3, hedges=2, hedge_ns=1, cancels=CANCEL_NOTHING, knots=[(0.0, 9.0, 0.0)])
    tasks = every_way(plan_of(one, slow=1.0)).task_table
    assert sorted(tasks.replica.tolist()) == [0, 1, 2]
    lost = dataclasses.replace(one, left=[2])
    assert sorted(every_way(plan_of(lost, slow=1.0)).task_table.replica.tolist()) == [0, 1]


def test_a_budget_is_full_at_first_and_fills_again():
    """Two shards that pay .005 of a copy each hold one copy; each query that is late asks for two, and adds .01."""
    one = part(share=[0.5, 0.5], budget=5_000, knots=[(0.0, 9.0, 0.0)], cancels=CANCEL_NOTHING)
    plan = plan_of(one, np.arange(250) * 100, slow=1.0)
    tasks = every_way(plan).task_table
    copies = tasks.copy == 1
    assert tasks.query[copies].tolist() == [0, 100, 200], "a query pays .01 of a copy"
    assert set(tasks.shard[copies].tolist()) == {0}, "in the order of shards"
    free = every_way(plan_of(dataclasses.replace(one, budget=hedging.FREE), np.arange(3) * 100, slow=1.0))
    assert free.hedged.sum() == 6


def test_budgets_hold_what_a_hundred_queries_pay():
    stages = plan_of(part(share=[0.5, 0.5], budget=20_000)).stages
    assert hedging.most_saved(stages, 0) == 4 * hedging.COPY
    assert hedging.saved(stages, 0, 4 * hedging.COPY, 2) == 4 * hedging.COPY
    assert hedging.saved(stages, 0, 0, 2) == 40_000
    assert [bool(hedging.affords(stages, 0, left)) for left in (0, 999_999, 1_000_000)] == [False, False, True]


@drawn(60)
@given(plans(hedges=False, gathers=False))
def test_whoever_looks_later_than_the_slowest_answer_changes_nothing(plan):
    """Every column is the same, but the keys of the plan are wider."""
    may = [stage for stage in range(len(plan.stages)) if plan.stages[stage]["replicas"] > 1]
    stages = plan.stages.copy()
    for stage in may:
        stages[stage]["hedges"], stages[stage]["hedge_ns"], stages[stage]["by_query"] = 1, 10**9, 0
    without = stages.copy()
    without["hedges"] = 0
    for array in (stages, without):
        array.flags.writeable = False
    wide = {"copy_bits": 1, "send_bits": plan.send_bits + 1}
    with_hedges = dataclasses.replace(plan, stages=stages, **wide)
    alone = dataclasses.replace(plan, stages=without, **wide)
    assert not may or Feature.HEDGE in features_of(with_hedges, may[0])
    assert same_trace(compiled.simulate(with_hedges, tasks=True), compiled.simulate(alone, tasks=True)) == ""
    assert same_trace(compiled.simulate(with_hedges), compiled.simulate(alone)) == "", "nor in lockstep"


SCENARIO = {
    "name": "leaf",
    "load": {"arrivals": "poisson", "rate": "300/s"},
    "run": {"queries": 2000, "replications": 4},
    "stages": [
        {
            "name": "leaf",
            "candidates": 1000,
            "shards": 10,
            "replicas": 2,
            "model": {"kind": "time", "law": {"kind": "lognormal", "p50": "1ms", "p99": "10ms"}},
            "network": {"request": "100us", "response": "100us"},
        }
    ],
    "slos": ["p95 < 20ms"],
}


def scenario(hedge, cancel=None, **more):
    stage = {**SCENARIO["stages"][0], "hedge": hedge, **({} if cancel is None else {"cancel": cancel}), **more}
    return scenario_from_dict({**SCENARIO, "stages": [stage]})


def test_a_late_copy_changes_no_figure_and_a_timely_one_the_tail():
    without, late, timely = (
        simulate(one).to_dict() for one in (scenario_from_dict(SCENARIO), scenario("100s"), scenario("4ms"))
    )
    for key in without["latency_s"]:
        assert late["latency_s"][key] == without["latency_s"][key]
    assert timely["latency_s"]["p95"]["high"] < 0.8 * without["latency_s"]["p95"]["low"]
    said = timely["stages"][0]
    assert said["hedge"]["after_s"] == pytest.approx(4e-3)
    assert 0.02 < said["hedge"]["copies_ratio"]["value"] < 0.2
    assert 0 < said["hedge_wait_s"]["mean"]["value"] < 4e-3
    assert said["network_s"]["mean"]["value"] == pytest.approx(2e-4), "the wait for a copy is no network time"
    assert "hedge" not in without["stages"][0]


def test_a_pilot_says_what_a_percentile_is():
    given = scenario("p95")
    one = settled(given)
    after_s = one.stages[0].hedge.after
    tasks_s = np.concatenate([_took_s(replication) for replication in range(4)])
    assert np.mean(tasks_s <= after_s) == pytest.approx(0.95, abs=0.01)
    assert settled(given) == one
    assert settled(one) is one
    assert f"after: {after_s * 1e3:.7g}ms" in to_yaml(one.resolved()).replace("'", "")
    assert any("p95 of what tasks take is" in note for note in simulate(given).to_dict()["notes"])
    assert simulate(given).to_dict()["latency_s"] == simulate(one).to_dict()["latency_s"]


def _took_s(replication):
    plan = make_plan(scenario_from_dict(SCENARIO), replication)
    table = compiled.simulate(plan, tasks=True).task_table
    return (table.answer_ns - plan.arrival_ns[table.query]) * 1e-9


@slow
def test_every_command_asks_for_the_percentile_or_does_not_need_it():
    given = scenario({"after": "p90", "budget": "10%"})
    assert validate(given).tasks > 0
    assert estimate(given).to_dict()["predictions"] == []
    assert capacity(given, tolerance=0.2).per_s.value > 300
    assert size(given, search={"stages.leaf.replicas": [2, 3]}).fleets
    assert sensitivity(given, tail_only=True).effects
    with pytest.raises(ScenarioError, match="a percentile is known after a pilot"):
        make_plan(given)


def test_a_percentile_that_a_pilot_does_not_show_is_refused():
    with pytest.raises(ScenarioError, match=r"stages.leaf.hedge.after: a pilot of 2,000 queries, 20,000 answers"):
        simulate(scenario("p99.99"))
    assert settled(scenario("p99.9")).stages[0].hedge.after > 0


def test_a_pilot_withdraws_nothing():
    """Two answers of ten close the stage, and what runs is stopped: or only the shortest would be seen."""
    whole, few = (settled(scenario("p90", **more)).stages[0].hedge.after for more in ({}, {"gather": {"wait_for": 2}}))
    stopped = settled(scenario("p90", "running", gather={"wait_for": 2})).stages[0].hedge.after
    assert whole == few == stopped


def test_a_pilot_looks_at_a_million_tasks_at_most():
    many = scenario("p95", shards=1000)
    assert "in a pilot of 1,000 queries" in settled(many).stages[0].hedge.notes()[0]
    warmed = settled(many.with_run(warmup=100_000)).stages[0].hedge
    assert warmed == settled(many).stages[0].hedge, "however long the warm-up"


def test_where_tasks_leave_one_after_another_the_wait_for_a_copy_is_not_told_apart():
    network = {"request": "100us", "send": "200us", "response": "100us"}
    said = simulate(scenario("1ms", network=network)).to_dict()["stages"][0]
    assert "hedge" in said and "hedge_wait_s" not in said
    assert said["network_s"]["mean"]["value"] > 2e-4


@pytest.mark.parametrize(
    ("hedge", "more", "said"),
    [
        ("4ms", {"replicas": 1}, "have at least 2 replicas"),
        ({"after": "4ms", "copies": 2}, {}, "at most 1, got 2"),
        ("4ms", {"routing": {"by": "query"}}, "let routing be by task"),
        ({"after": "4ms", "budget": "0.0001%"}, {}, "less than one copy: at least 0.1%"),
        ("p100", {}, "at least 1 and below 100"),
        ("2y", {}, "duration"),
    ],
)
def test_what_cannot_be_is_refused(hedge, more, said):
    with pytest.raises(ScenarioError, match=said):
        scenario(hedge, **more)


def test_demand_leaves_copies_out_and_takes_the_shortest_where_the_longer_is_stopped():
    plain = busiest(make_plan(scenario_from_dict(SCENARIO)))
    for cancel, queue, is_whole in (("none", "fifo", True), ("queued", "fifo", True), ("running", "fifo", False)):
        demand = busiest(make_plan(scenario("4ms", cancel, queue=queue)))
        assert (demand == pytest.approx(plain)) == is_whole
    assert busiest(make_plan(scenario("4ms", "queued", queue="shortest"))) == pytest.approx(demand)
    assert 0 < demand < plain


@pytest.mark.parametrize(("draws", "wanted"), [(2, 1), (5, 1), (5, 3), (100, 95), (7, 7)])
def test_the_shortest_of_several_draws(draws, wanted):
    """Order statistics of uniform and exponential draws (Renyi, 1953)."""
    uniform = sum(rank / (draws + 1) for rank in range(1, wanted + 1)) / wanted
    assert shortest_share(Law.uniform(0.0, 1.0), draws, wanted) == pytest.approx(uniform / 0.5, rel=2e-3)
    exponential = sum(sum(1 / (draws - i) for i in range(rank)) for rank in range(1, wanted + 1)) / wanted
    share = shortest_share(Law.exponential(2.0), draws, wanted)
    assert share == pytest.approx(exponential, rel=4e-3)
    assert share <= exponential + 1e-12, "it is a bound"
    assert shortest_share(Law.constant(3.0), draws, wanted) == 1.0


@slow
@pytest.mark.parametrize(
    "more", [{"replicas": 2, "hedge": "3ms"}, {"shards": 2, "gather": {"wait_for": 1}}], ids=["copies", "answers"]
)
def test_a_race_carries_what_its_shortest_leave_room_for(more):
    """One task in twenty takes 500 ms: at 100/s the plain mean would be 132 % of two workers; a race does with 24 %."""
    law = {"kind": "mixture", "parts": [{"weight": 95, "law": "1500us"}, {"weight": 5, "law": "500ms"}]}
    one = {"name": "a", "candidates": 1, "model": {"kind": "time", "law": law}, "cancel": "running", **more}
    load = {"arrivals": "poisson", "rate": "100/s"}
    run = {"queries": 3000, "replications": 4}
    raced = scenario_from_dict({"name": "race", "load": load, "run": run, "stages": [one], "slos": ["p50 < 100ms"]})
    result = simulate(raced).to_dict()
    assert result["verdict"] != "saturated"
    assert result["theory"]["bottleneck"]["demand"] < result["stages"][0]["utilisation"]["mean"]["value"] < 0.5
    assert capacity(raced, tolerance=0.2).per_s.value > 130


def test_sensitivity_turns_when_and_how_often():
    names = [knob.name for knob in knobs_of(scenario("4ms", replicas=3))]
    assert {"leaf: hedge", "leaf: copies"} <= set(names)
    assert "leaf: copies" not in [knob.name for knob in knobs_of(scenario("4ms"))]


def _later(given):
    """P(a task without copies takes longer than t), by its law."""
    if given["dist"] == "exponential":
        return lambda t: np.exp(-t)
    if given["dist"] == "lognormal":
        return lambda t: 1.0 if t <= 0 else ndtr(-np.log(t) / float(given["sigma"]))
    return lambda t: min(1.0, t ** -float(given["alpha"])) if t > 0 else 1.0


@pytest.mark.parametrize(
    "row",
    [row for row in rows() if row["family"] == "hedge0"],
    ids=lambda row: f"{row['parameters']} {row['statistic']}",
)
def test_known_answers_of_an_empty_fleet_are_those_of_two_draws(row):
    """A copy after d: P(T > t) = S(t) until then, S(t) S(t - d) from then on; of N shards the latest counts."""
    given = parsed(row["parameters"])
    later, delay, value = _later(given), float(given["delay"]), float(row["value"])
    hedged = lambda t: later(t) * (later(t - delay) if t >= delay else 1.0)  # noqa: E731
    if row["statistic"] == "copies":
        expected = later(delay)
    elif row["statistic"] == "mean_sojourn":
        expected = quad(hedged, 0, delay, points=[1.0] if delay > 1 else None)[0] + quad(hedged, delay, delay + 1)[0]
        expected += quad(hedged, delay + 1, np.inf)[0]
    else:
        share = float(row["statistic"].split("_")[0][1:]) / 100
        chance = -np.expm1(np.log(share) / int(given["N"]))  # that a shard is later than that
        expected = brentq(lambda t: hedged(t) - chance, 1e-9, 1e4)
    assert value == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("cancel", ["queued", "running"])
def test_what_copies_cost_in_an_empty_fleet_is_the_closed_form(cancel):
    """Exponential tasks of 1 ms, a copy after d: e^-d of them race, each wins half, and R1, R2 are left of both.

    Queued: both are served, 1 + e^-d in all, and of a race the later one in vain: R2 given R2 > R1, or d + R1 given
    R1 > R2. Running: the loser is stopped at the other's answer, and all that is served is 1 ms on average.
    """
    delay, ends = 0.5, []
    race = np.exp(-delay)
    model = {"kind": "time", "law": {"kind": "exponential", "mean": "1ms"}}
    one = {"name": "a", "replicas": 2, "model": model, "hedge": "500us", "cancel": {"what": cancel, "delay": "0s"}}
    load, run = {"arrivals": "constant", "rate": "20/s"}, {"queries": 20_000, "replications": 8, "warmup": 0}
    said = simulate(scenario_from_dict({"name": "empty", "load": load, "run": run, "stages": [one]})).to_dict()[
        "stages"
    ][0]
    lost, vain, whole = race / (1 + race), race * (1.5 + delay / 2), 1 + race
    if cancel == "running":
        vain, whole = race * (0.5 + delay / 2), 1.0
    stopped, late = (lost, 0.0) if cancel == "running" else (0.0, lost)
    hedge = said["hedge"]
    ends += [(hedge["copies_ratio"], race), (hedge["late_ratio"], late), (hedge["stopped_ratio"], stopped)]
    ends += [(hedge["withdrawn_ratio"], 0.0), (hedge["wasted_ratio"], vain / whole)]
    ends += [(said["hedge_wait_s"]["mean"], 1e-3 * delay * race / 2)]
    for interval, exact in ends:
        assert interval["low"] - 1e-5 * exact <= exact <= interval["high"] + 1e-5 * exact
        assert interval["high"] - interval["low"] <= 0.05 * exact
