"""Mergers are part of the fleet: a station as the replicas are, in theory, in what is seen, and in what is advised."""

from __future__ import annotations

import heapq

import pytest
from conftest import drawn, long_run
from hypothesis import given
from hypothesis import strategies as st

from simulator import capacity, estimate, scenario_from_text, simulate, size
from simulator.core.rules import merge_ns
from simulator.core.stage_view import stage_views
from simulator.engines import compiled
from simulator.planning.knobs import knobs_of
from simulator.report.run import run_table
from simulator.stats.window import Mergers, merging_ns
from simulator.testing import plans
from simulator.theory import busiest, stage_demands
from simulator.theory import estimate as on_paper
from simulator.theory.visits import asks

#: 32 workers carry 1,088/s, the one merger 746/s.
MERGER = """
name: merger
load: {rate: 60/s}
run: {queries: 2000, replications: 4}
stages:
  - {name: s1, model: {kind: time, law: 29.4ms}, workers: 32, merge: {time: 1.34ms, workers: 1}}
slos: [p99 < 100ms]
"""


def of_merger(*sets: str):
    return scenario_from_text(MERGER, sets=list(sets))


def test_a_merger_that_saturates_first_is_the_bottleneck():
    paper = estimate(of_merger()).to_dict()
    where = {"stage": "s1", "station": "mergers", "shard": None, "replica": None}
    assert paper["saturation_per_s"] == pytest.approx(1 / 1.34e-3)
    assert paper["bottleneck"] == {**where, "demand": pytest.approx(60 * 1.34e-3)}
    assert paper["stages"][0]["mergers"] == {
        "count": 1,
        "service_s": pytest.approx(1.34e-3),
        "demand": pytest.approx(60 * 1.34e-3),
    }
    document = simulate(of_merger("load.rate=900/s")).to_dict()
    assert document["verdict"] == "saturated"
    assert document["theory"]["bottleneck"]["station"] == "mergers"
    mergers = document["stages"][0]["mergers"]
    assert mergers["demand"] == pytest.approx(900 * 1.34e-3)
    assert 0.99 <= mergers["utilisation"]["value"] <= 1
    assert document["completed_per_s"]["value"] == pytest.approx(1 / 1.34e-3, rel=0.02)
    text = run_table(document)
    assert "s1 mergers" in text and "bottleneck s1, mergers at demand 120.6 %" in text


def test_more_mergers_move_the_bottleneck():
    paper = estimate(of_merger("stages.s1.merge.workers=2")).to_dict()
    assert paper["bottleneck"]["station"] == "replica"
    assert paper["saturation_per_s"] == pytest.approx(32 / 29.4e-3)
    without = estimate(of_merger("stages.s1.merge.workers=0")).to_dict()
    assert "mergers" not in without["stages"][0]


@long_run
def test_capacity_sensitivity_and_size_know_the_merger():
    found = capacity(of_merger(), tolerance=0.05).to_dict()
    assert found["bottleneck"]["station"] == "mergers"
    assert found["capacity_per_s"]["value"] < 747
    assert "s1: mergers" in [knob.name for knob in knobs_of(of_merger())]
    assert not any(knob.name.endswith("mergers") for knob in knobs_of(of_merger("stages.s1.merge.workers=0")))
    busy = of_merger("load.rate=800/s", "slos=[p99 < 1s]")
    sized = size(busy, search={"stages.s1.merge.workers": [1, 2]}, minimise="machines").to_dict()
    assert [one["values"]["stages.s1.merge.workers"] for one in sized["answers"]] == [2]


def least_answers(view):
    return 1 if view.may_time_out else view.wait_for


@long_run
@drawn(100, deadline=None)
@given(plans(fan_outs=False))
def test_saturation_is_the_least_over_all_stations(plan):
    demands = [most for most, _ in stage_demands(plan)]
    demands += [
        plan.rate_per_s * asks(view) * merge_ns(plan.stages, view.index, least_answers(view)) * 1e-9 / view.mergers
        for view in stage_views(plan)
        if view.mergers
    ]
    paper = on_paper(plan)
    assert busiest(plan) == paper.utilisation == pytest.approx(max(demands), rel=1e-12)
    if max(demands) > 0:
        assert paper.saturation_per_s == pytest.approx(min(plan.rate_per_s / one for one in demands if one > 0))


@drawn(150, deadline=None)
@given(plans() | plans(is_cut=True, stages=1) | plans(caches=True, gathers=False, stages=1), st.booleans())
def test_busy_time_of_mergers_is_that_of_a_queue_for_them(plan, tasks):
    """First closed, first merged, by a heap of when mergers are free; as far as inside the window."""
    trace = compiled.simulate(plan, tasks=tasks)
    for view in stage_views(plan):
        if not view.mergers:
            continue
        free, busy = [0] * view.mergers, 0
        close_ns, without = trace.close_ns[view.index].tolist(), trace.critical_shard[view.index] < 0
        is_timed_out = (without & view.may_time_out).tolist()
        answers = trace.answers[view.index].tolist() if len(trace.answers) else [view.shards] * plan.queries
        leave_ns = trace.leave_ns[view.index].tolist()
        for closed_ns, _, query, count in sorted(
            zip(close_ns, is_timed_out, range(plan.queries), answers, strict=True)
        ):
            if closed_ns < 0 or count == 0:
                continue
            takes_ns = int(merge_ns(plan.stages, view.index, count))
            start_ns = max(closed_ns, heapq.heappop(free))
            heapq.heappush(free, start_ns + takes_ns)
            assert leave_ns[query] in (-1, start_ns + takes_ns) or (view.is_limited and view.may_time_out)
            until_ns = min(start_ns + takes_ns, plan.watched_until_ns)
            busy += max(0, until_ns - max(start_ns, plan.window_begin_ns))
        assert merging_ns(trace, Mergers.of(view)) == busy


FUNNEL = """
name: funnel
load: {rate: 50/s}
run: {queries: 20k, replications: 8}
stages:
  - name: wide
    candidates: 100
    shards: 4
    replicas: 2
    workers: 2
    routing: %s
    model: {kind: time, law: {kind: exponential, mean: 20ms}}
    merge: {time: 5ms, per_response: 1ms, workers: 1}
  - {name: deep, model: {kind: time, law: 12ms}, merge: {time: 20ms, workers: 2}}
"""


@long_run
@pytest.mark.parametrize("routing", ["random", "least_outstanding"])
def test_stations_are_as_busy_as_they_are_asked_for(routing):
    """Of a load that is carried, each station's utilisation is rate x service / count, within noise."""
    document = simulate(scenario_from_text(FUNNEL % routing)).to_dict()
    stations = [(stage["utilisation"]["mean"], stage["demand"]["mean"]) for stage in document["stages"]]
    stations += [(stage["mergers"]["utilisation"], stage["mergers"]["demand"]) for stage in document["stages"]]
    assert [demand for _, demand in stations] == pytest.approx([50 * 0.02 / 4, 50 * 0.012, 50 * 0.009, 50 * 0.02 / 2])
    for used, demand in stations:
        half = (used["high"] - used["low"]) / 2
        assert abs(used["value"] - demand) < 3 * half, (used, demand)
