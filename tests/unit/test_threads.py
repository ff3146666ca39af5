"""A task that takes several workers of its replica: by hand, against servers as many as there are sets, on paper."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from hypothesis import strategies as st
from test_hedging import every_way

from simulator import ScenarioError, capacity, scenario_from_dict, sensitivity, simulate, size, sweep, validate
from simulator.core.assemble import StageParts, assemble
from simulator.core.columns import in_all_threads
from simulator.core.features import Feature, features_of, may_lockstep, may_look_ahead
from simulator.core.laws import Law
from simulator.core.rules import MOST_NS
from simulator.core.trace import same_trace
from simulator.engines import compiled
from simulator.planner.plans import make_plan
from simulator.planning.knobs import knobs_of
from simulator.testing import plans
from simulator.theory import estimate


def part(**more):
    """A replica of five workers, of which a task of 100 ns takes two: two at once, and one worker is left over."""
    given = {"candidates": Law.constant(1.0), "knots": [(0.0, 100.0, 0.0)], "workers": 2, "threads": 2, "idle": 1}
    return StageParts(**{**given, **more})


def test_a_task_waits_until_enough_workers_are_free():
    trace = every_way(assemble([part()], np.array([0, 10, 20, 30])))
    tasks = trace.task_table
    assert tasks.start_ns.tolist() == [0, 10, 100, 110]
    assert tasks.worker.tolist() == [0, 1, 0, 1], "sets of workers"
    assert trace.busy_ns.tolist() == [400], "services"
    assert trace.window_busy_ns.tolist() == [2 * (40 - 0) + 2 * (40 - 10)], "workers, inside the window"


def test_a_full_queue_counts_tasks_that_could_start():
    """Both sets are busy from 10 on: with room for one the third waits, the fourth is refused."""
    trace = every_way(assemble([part(limit=1)], np.array([0, 10, 20, 30])))
    assert trace.refused.tolist() == [1]
    assert trace.task_table.start_ns.tolist() == [0, 10, 100, -1]


def test_busy_neighbours_are_workers_and_not_its_own():
    """Two shards on a machine, of three workers a task: who comes second is beside three others that are busy."""
    beside = {"busy": [1.0, 1.1, 1.2, 1.5, 9.0], "per_machine": 2, "share": [0.5, 0.5], "threads": 3, "workers": 1}
    tasks = every_way(assemble([part(**beside)], np.array([0]))).task_table
    assert (tasks.finish_ns - tasks.start_ns).tolist() == [100, 150]


@drawn(60)
@given(
    plans(
        **dict.fromkeys(("neighbours", "slowdowns", "failures", "outages", "limits", "sharing", "background"), False)
    ),
    st.integers(2, 5),
    st.data(),
)
def test_threads_are_as_many_servers_as_there_are_sets(plan, threads, data):
    """Only the busy time of workers is another; with the walk that hands out single workers."""
    stages = plan.stages.copy()
    stages["threads"], stages["idle"] = threads, data.draw(st.integers(0, threads - 1))
    stages.flags.writeable = False
    shared = dataclasses.replace(plan, stages=stages)
    assert Feature.THREADS in features_of(shared, 0)
    assert may_look_ahead(features_of(shared, 0)) == may_look_ahead(features_of(plan, 0))
    assert may_lockstep(features_of(shared, 0)) == may_lockstep(features_of(plan, 0))
    one, several = compiled.simulate(plan, tasks=True), every_way(shared)
    assert several.window_busy_ns.tolist() == (threads * one.window_busy_ns).tolist()
    assert same_trace(dataclasses.replace(several, window_busy_ns=one.window_busy_ns), one) == ""
    assert list(several.verify(shared)) == []
    fewer = dataclasses.replace(several, window_busy_ns=one.window_busy_ns)
    is_busy = (one.window_busy_ns > 0).any()
    assert ("I44" in {violation.number for violation in fewer.verify(shared)}) == is_busy


def test_busy_time_of_many_workers_stays_within_int64():
    plan = assemble([part(threads=1000)], np.array([0]))
    assert in_all_threads(plan, np.array([MOST_NS // 1000, MOST_NS])).tolist() == [MOST_NS // 1000 * 1000] * 2


STAGE = {
    "name": "search",
    "candidates": 1000,
    "workers": 8,
    "threads": 4,
    "model": {"kind": "tree", "per_item": "4us", "overhead": "1ms"},
    "variability": {"task": {"kind": "exponential"}},
}
SCENARIO = {
    "name": "search",
    "load": {"arrivals": "poisson", "rate": "500/s"},
    "run": {"queries": 4000, "replications": 4},
    "slos": ["p95 < 20ms"],
}


def scenario(rate="500/s", run=SCENARIO["run"], **more):
    stage = {key: value for key, value in {**STAGE, **more}.items() if value is not None}
    load = {**SCENARIO["load"], "rate": rate}
    return scenario_from_dict({**SCENARIO, "load": load, "run": run, "stages": [stage]})


def test_items_are_divided_and_the_overhead_is_not():
    """1000 items of 4 us on 4 workers take 1 ms, and 1 ms of overhead: two tasks at once, demand 500 x 2 ms / 2."""
    on_paper = estimate(make_plan(scenario()))
    assert on_paper.zero_load.mean_s == pytest.approx(0.002)
    assert on_paper.utilisation == pytest.approx(0.5)
    assert on_paper.saturation_per_s == pytest.approx(1000.0)


def test_of_a_sum_each_part_is_divided():
    parts = [{"kind": "tree", "per_item": "4us", "overhead": "1ms"}, {"kind": "tree", "per_item": "8us"}]
    on_paper = estimate(make_plan(scenario(model={"kind": "sum", "parts": parts})))
    assert on_paper.zero_load.mean_s == pytest.approx(0.001 + 0.001 + 0.002)


def test_a_batch_is_divided_over_the_workers_of_its_tasks():
    """Two tasks of 1000 items together: 1 ms of overhead and 2000 x 4 us / 4."""
    given = scenario(batching={"max_size": 2, "max_wait": "1s"}, variability=None)
    trace = every_way(make_plan(given).first_queries(2))
    tasks = trace.task_table
    assert (tasks.finish_ns - tasks.start_ns).tolist() == [3_000_000] * 2


def test_sets_of_workers_are_the_servers_of_m_m_c():
    found = simulate(scenario("700/s", {"queries": 100_000, "replications": 8}, threads=2)).to_dict()
    (stage,) = found["stages"]
    assert stage["workers"] == 8
    checks = [one for one in found["theory"]["checks"] if one["law"] == "M/M/c (Erlang, 1917)"]
    assert len(checks) == 13
    assert {one["verdict"] for one in checks} == {"agrees"}
    demand = 700 * 0.003 / 4
    assert stage["demand"]["mean"] == pytest.approx(demand)
    assert stage["utilisation"]["mean"]["low"] <= demand <= stage["utilisation"]["mean"]["high"]


def test_workers_that_are_left_over_count_as_idle():
    """Two sets of two serve, and one worker in five is idle at any load."""
    given = scenario("900/s", workers=5, threads=2, variability=None)
    assert validate(given).scenario.notes() == [
        "search: threads: 1 worker of 5 never serves, since a task takes 2: have 4, or 6"
    ]
    (stage,) = simulate(given).to_dict()["stages"]
    assert stage["demand"]["mean"] == pytest.approx(900 * 0.003 / 2)
    assert stage["utilisation"]["mean"]["value"] == pytest.approx(0.8, abs=0.005), "of all five, though saturated"
    (stage,) = simulate(scenario("300/s", workers=5, threads=2)).to_dict()["stages"]
    used = 300 * 0.003 / 2 * 4 / 5
    assert stage["utilisation"]["mean"]["low"] <= used <= stage["utilisation"]["mean"]["high"]


def test_one_thread_is_none():
    one, none = (simulate(scenario(threads=threads)).to_dict() for threads in (1, None))
    differ = {key for key in one if one[key] != none[key]}
    assert differ <= {"provenance", "resolved", "timing"}


def test_another_worker_is_as_many_as_a_task_takes():
    (knob,) = (knob for knob in knobs_of(scenario()) if knob.name == "search: workers")
    assert knob.change == "8 -> 12"
    (knob,) = (knob for knob in knobs_of(scenario(workers=9)) if knob.name == "search: workers")
    assert knob.change == "9 -> 12"
    notes = sensitivity(scenario(), tail_only=True).notes
    assert any(note.startswith("search: threads: more of them end a task sooner") for note in notes)


def test_threads_are_searched_and_swept():
    given = {"stages.search.threads": [1, 2, 4, 8]}
    assert size(scenario("600/s"), search=given, top=1).answers
    points = sweep(scenario("100/s"), given, jobs=1).to_dict()["points"]
    assert len(points) == 4
    found = capacity(scenario(threads=8), tolerance=0.2).per_s
    assert found.low <= 1 / 0.0015 - math.log(20) / 0.02 <= found.high, "M/M/1 of 1.5 ms"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"threads": 9}, "stages[0].threads: a replica has 8 workers, got 9: have more workers, or fewer threads"),
        ({"workers": 1, "threads": 2}, "a replica has 1 worker, got 2"),
        ({"threads": 0}, "threads"),
        ({"threads": "2.5"}, "threads"),
        (
            {"model": {"kind": "time", "law": "1ms"}, "variability": None},
            "a law of times does not say how long a part of a task takes: use a model that counts items",
        ),
    ],
)
def test_what_cannot_be_is_refused(more, said):
    with pytest.raises(ScenarioError) as refused:
        scenario(**more)
    assert said in str(refused.value)
