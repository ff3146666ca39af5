"""What batches take at least, against filling them: where items vary, the mean batch is no answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conftest import drawn, slow
from hypothesis import given
from hypothesis import strategies as st

from simulator import ScenarioError, capacity, scenario_from_dict, simulate, size
from simulator.core.assemble import StageParts, assemble
from simulator.core.batching import fits
from simulator.core.laws import Law
from simulator.core.service import batch_ns
from simulator.planner.plans import make_plan
from simulator.testing.strategies.plans import knots
from simulator.theory import constant_latencies_s, estimate, is_fastest_empty
from simulator.theory.funnel import stages_of

#: Nine small tasks for one that fills a batch alone: by the mean, of six items, one fits; of the small, ten.
SMALL = {"kind": "mixture", "parts": [{"weight": 9, "law": 1}, {"weight": 1, "law": 51}]}


def scenario(rate, slos=(), **stage):
    one = {"name": "one", "model": {"kind": "linear", "per_item": "1us", "overhead": "10ms"}, **stage}
    run = {"queries": 20_000, "replications": 8}
    return scenario_from_dict(
        {"name": "batched", "load": {"rate": rate}, "run": run, "stages": [one], "slos": list(slos)}
    )


def filled_ns(plan, items):
    """Mean time of a task where the queue never ends: batch after batch is filled from the head, and padded."""
    costs, left = [], list(items)
    while left:
        count, total = 0, 0.0
        while count < len(left) and fits(plan.stages, 0, count, total, left[count]):
            total += left[count]
            count += 1
        if count == len(left) and count < plan.stages[0]["max_size"]:
            break  # the last is not full
        columns = plan.sources, plan.knot_items, plan.knot_ns, plan.knot_slope
        costs.append(batch_ns(plan.stages, *columns, plan.batch_points, 0, 0, total))
        del left[:count]
    return math.fsum(costs) / (len(items) - len(left))


@drawn(60)
@given(
    knots(),
    st.lists(st.integers(1, 9), min_size=2, max_size=4),
    st.integers(2, 5),
    st.sampled_from([math.inf, 3.0, 8.0]),
    st.sampled_from([(), (4.0, 12.0)]),
)
def test_a_task_takes_at_least_what_is_said(cost, values, max_size, max_items, sizes):
    part = StageParts(
        candidates=Law.empirical([float(value) for value in values]),
        knots=cost,
        max_size=max_size,
        max_items=max_items,
        sizes=sizes,
    )
    plan = assemble([part], np.zeros(1, dtype=np.int64))
    items = np.random.default_rng(1).choice([float(value) for value in values], 3000)
    said_ns = stages_of(plan)[0].busy_service_s(0) * 1e9
    assert said_ns <= 1.05 * filled_ns(plan, items) + 1e-6


def test_where_no_limit_counts_items_and_the_cost_is_a_line_it_is_exact():
    one = scenario("100/s", candidates=SMALL, batching={"max_size": 4})
    assert stages_of(make_plan(one))[0].busy_service_s(0) == pytest.approx((10e-3 + 4 * 6e-6) / 4)


@slow
def test_a_limit_of_items_is_filled_by_many_small_tasks():
    """By the mean it was saturated at 100/s, and its capacity was found there; it carries four times as much."""
    one = scenario("250/s", ["p99 < 1s"], candidates=SMALL, batching={"max_size": 64, "max_items": 10})
    assert estimate(make_plan(one)).utilisation < 1
    assert simulate(one.with_run(queries=5000)).to_dict()["verdict"] == "stable"
    assert capacity(one, tolerance=0.2).per_s.value > 300


def test_a_wait_for_others_is_no_reason_to_refuse_a_load_or_a_fleet():
    """An empty system takes a second; at 400/s a batch of four is full after 10 ms."""
    one = scenario("400/s", ["p99 < 60ms"], candidates=1, batching={"max_size": 4, "max_wait": "1s"}, workers=4)
    plan = make_plan(one)
    assert not is_fastest_empty(plan)
    assert constant_latencies_s(plan) == [pytest.approx(10e-3 + 1e-6)]
    assert size(one, search={"stages.one.replicas": "1..2"}).answers[0].values == {"stages.one.replicas": 1}
    found = capacity(one, tolerance=0.2)
    assert found.verdict == "range"
    assert found.per_s.high > 400


def test_utilisation_of_a_batched_fleet_is_not_known_by_arithmetic():
    one = scenario("400/s", ["stage.one.utilisation < 99%"], candidates=1, batching={"max_size": 8}, workers=4)
    found = size(one, search={"stages.one.replicas": "1..3"})
    assert all(row["verdict"] != "objective" or row["simulated"] for row in found.to_dict()["cheaper"])
    assert found.to_dict()["simulated"] >= 1


def test_no_load_can_be_looked_at_where_a_run_at_saturation_is_longer_than_instants_tell():
    slow = {"kind": "time", "law": {"kind": "exponential", "mean": "480h"}}
    values = {"name": "slow", "load": {"rate": "1e-6/s"}, "stages": [{"name": "one", "model": slow}]}
    with pytest.raises(ScenarioError, match="even at saturation a replication would last longer"):
        capacity(scenario_from_dict({**values, "slos": ["p99 < 9000h"]}))
