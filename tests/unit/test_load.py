"""Loads of recorded arrivals and of durations: what part is measured, and what cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from simulator import ScenarioError, scenario_from_dict
from simulator.planner.classes import MOST_WORK_VALUES
from simulator.planner.load import offered_per_s
from simulator.planner.plans import Plans

STAGE = {"name": "a", "model": {"kind": "time", "law": "1ms"}}


def plans_of(load, **run):
    return Plans.of(scenario_from_dict({"name": "s", "load": load, "run": run, "stages": [STAGE]}))


@pytest.fixture
def trace(tmp_path):
    """One query a second, a hundred times."""
    path = tmp_path / "arrivals.csv"
    path.write_text("timestamp_s\n" + "\n".join(map(str, range(100))) + "\n")
    return {"arrivals": {"kind": "trace", "file": str(path)}}


@pytest.mark.parametrize(
    ("run", "first", "queries"),
    [
        ({}, 20, 100),
        ({"queries": 40}, 10, 50),
        ({"queries": 40, "warmup": 3}, 3, 43),
        ({"warmup": "20s"}, 20, 100),
        ({"duration": "30s", "warmup": "20s"}, 20, 50),
        ({"duration": "40s"}, 10, 50),
        ({"duration": "40s", "warmup": 0}, 0, 40),
    ],
)
def test_a_part_of_a_trace_is_measured(trace, run, first, queries):
    load = plans_of(trace, **run).load()
    assert (load.first_measured, len(load.arrival_ns)) == (first, queries)


@pytest.mark.parametrize(
    ("run", "says"),
    [
        ({"duration": "200s"}, "the trace lasts"),
        ({"queries": 99}, "the trace has 100"),
        ({"warmup": "200s"}, "is left to measure"),
    ],
)
def test_more_than_a_trace_has_is_refused(trace, run, says):
    with pytest.raises(ScenarioError, match=says):
        plans_of(trace, **run).load()


def test_a_trace_is_replayed_as_fast_as_said(trace):
    trace["arrivals"]["rate"] = "10/s"
    made = plans_of({**trace, "scale": 2})
    assert offered_per_s(made.scenario) == pytest.approx(20)
    assert np.ptp(made.load().arrival_ns) == pytest.approx(99 / 20 * 1e9)


def test_the_work_of_a_long_trace_is_thinned(tmp_path):
    path = tmp_path / "arrivals.csv"
    work = np.random.default_rng(1).exponential(size=2 * MOST_WORK_VALUES)
    rows = "\n".join(f"{second},{value!r}" for second, value in enumerate(work.tolist()))
    path.write_text(f"timestamp_s,work\n{rows}\n")
    made = plans_of({"arrivals": {"kind": "trace", "file": str(path), "columns": {"work": "work"}}})
    (law,) = made.make().work_law
    assert law["count"] == MOST_WORK_VALUES
    assert made.make().work.mean() == pytest.approx(1)


def test_a_profile_that_offers_fewer_queries_is_refused(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("9\n9\n9\n")
    load = {"rate": {"kind": "profile", "file": str(path), "interval": "1s"}}
    with pytest.raises(ScenarioError, match="that the profile offers"):
        plans_of(load, queries=1000).load()


def test_a_duration_in_which_nobody_arrives_is_refused():
    with pytest.raises(ScenarioError, match="no query arrives"):
        plans_of({"rate": "1/h"}, duration="1s", warmup="0s").load()


def test_states_that_change_too_often_are_refused():
    bursts = {"kind": "mmpp", "rates": [1, 4], "dwell": "1ns"}
    with pytest.raises(ScenarioError, match="changes of state"):
        plans_of({"rate": "9/s", "arrivals": bursts}, queries=1000, warmup="1s").load()


def test_a_warm_up_of_a_time_may_come_before_a_number_of_queries():
    load = plans_of({"rate": "10/s", "arrivals": {"kind": "constant"}}, queries=10, warmup="2s").load()
    assert (load.first_measured, len(load.arrival_ns)) == (20, 30)


def test_another_length_of_a_run_is_of_the_same_system():
    made = plans_of({"rate": "10/s"}, queries=10)
    longer = made.with_run(queries=20)
    assert longer.system is made.system
    assert len(longer.make().arrival_ns) == 25


def test_the_load_that_is_offered_grows_with_the_scale():
    assert offered_per_s(plans_of({"rate": "10/s", "scale": 2}).scenario) == pytest.approx(20)
