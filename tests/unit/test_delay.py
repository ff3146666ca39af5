"""Queues that refuse when they have been late for long: by hand, neutral where nobody is, and what is said of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from test_hedging import every_way
from test_limits import one, refused_of

from simulator import ScenarioError, scenario_from_dict, simulate, validate
from simulator.core.assemble import StageParts, assemble
from simulator.core.laws import Law
from simulator.core.plan import LIFO
from simulator.core.trace import COLUMNS, same_trace
from simulator.engines import reference
from simulator.planner.plans import Plans
from simulator.planning.knobs import knobs_of
from simulator.testing import plans

LATE = {"target_ns": 5, "interval_ns": 20}


def test_who_comes_is_refused_when_all_have_waited_for_long():
    """The queue is empty at 1 for the last time; whoever starts after that has waited for 9 ns and more."""
    trace = every_way(one([0, 1, 2, 3, 21, 22, 55, 56], **LATE))
    assert refused_of(trace) == [False] * 5 + [True, False, False], "at 21 it is late for 20 ns, at 55 nobody waits"
    assert trace.refused.tolist() == [1]


def test_one_that_starts_soon_shows_that_the_replica_is_in_time():
    """Last come, first served: the one of 9 ns starts at 10; the one of 30 ns at once."""
    late = [0, 1, 2, 3, 9, 31]
    assert refused_of(every_way(one(late, **LATE))) == [False] * 5 + [True]
    assert refused_of(every_way(one(late, discipline=LIFO, **LATE))) == [False] * 5 + [True]
    assert refused_of(every_way(one([*late[:-1], 30, 31], discipline=LIFO, **LATE)))[-1] is False, "one started at 30"


def test_a_wait_of_the_target_is_short_and_an_interval_is_not_long():
    """At 10 one starts that has waited 5 ns, so at 30 it has been late for 20 ns; at 31 for longer."""
    comes = [0, 5, 6, 7, 8, 30, 31]
    assert refused_of(every_way(one(comes, **LATE))) == [False] * 6 + [True]
    assert refused_of(every_way(one(comes, target_ns=4, interval_ns=20))) == [False] * 5 + [True, True]


def test_tasks_of_a_batch_count_each():
    """At 10 two start together: one has waited for 8 ns, the other for 1."""
    batching = {"max_size": 2, "max_wait_ns": 1}
    comes = [0, 2, 9, 9, 9, 9, 28, 31]
    trace = every_way(one(comes, **LATE, **batching))
    assert trace.task_table.start_ns[:3].tolist() == [1, 11, 11]
    assert refused_of(trace)[-2:] == [False, False]
    assert refused_of(every_way(one(comes, target_ns=1, interval_ns=20, **batching)))[-1] is True


def test_a_limit_and_a_delay_refuse_both():
    comes = [0, 1, 2, 3, 4, 22]
    assert refused_of(every_way(one(comes, limit=3, **LATE))) == [False] * 4 + [True] * 2


def test_without_any_patience_it_is_a_queue_of_one():
    """Whoever comes while somebody waits is refused: M/M/1/2, with the same luck the same to the nanosecond."""
    part = {"knots": [(0.0, 1e6, 0.0)], "candidates": Law.constant(1.0), "task": Law.exponential(1.0)}
    arrival_ns = np.cumsum(np.random.default_rng(1).exponential(1.1e6, 2000)).astype(np.int64)
    delayed, limited = (
        assemble([StageParts(**part, **queue)], arrival_ns)
        for queue in ({"target_ns": 0, "interval_ns": 1}, {"limit": 1})
    )
    assert not same_trace(reference.simulate(delayed, tasks=True), reference.simulate(limited, tasks=True))


@drawn(60)
@given(plans(limits=False, sharing=False))
def test_a_queue_that_is_never_late_changes_nothing(plan):
    stages = np.array(plan.stages)
    stages["target_ns"], stages["interval_ns"] = 2**54, 2**54
    stages.flags.writeable = False
    patient = dataclasses.replace(plan, stages=stages)
    before, after = reference.simulate(plan, tasks=True), reference.simulate(patient, tasks=True)
    of_stages = {"stage_outcome", "answers", "coverage"} if not len(before.coverage) else set()
    for name in set(COLUMNS) - of_stages:
        assert np.array_equal(getattr(before, name), getattr(after, name)), name


def scenario(delay="20ms", rate="130/s", **more):
    stage = {"name": "one", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}}, **more}
    stage["queue"] = {"delay": delay}
    run = {"queries": 4000, "replications": 4}
    return scenario_from_dict({"name": "late", "load": {"rate": rate}, "run": run, "stages": [stage], "slos": []})


def test_beyond_saturation_who_is_served_is_served_soon():
    """A third too much comes: as much is refused, at least; those who are served wait for about the target."""
    said = simulate(scenario()).to_dict()
    assert said["verdict"] == "stable"
    refused = said["stages"][0]["gather"]["refused_ratio"]
    assert refused["high"] > 1 - 100 / 130
    assert refused["low"] < 0.35
    assert said["stages"][0]["wait_s"]["value"] < 0.1
    assert validate(scenario()).to_dict()["is_bounded"]


def test_a_target_alone_has_the_usual_interval():
    row = Plans.of(scenario()).outline().stages[0]
    assert (row["target_ns"], row["interval_ns"], row["limit"]) == (20_000_000, 100_000_000, -1)
    assert scenario().resolved()["stages"][0]["queue"]["delay"] == {"target": "20ms", "interval": "0.1s"}


def test_its_knobs_turn_both_ways():
    names = {knob.name: knob.change for knob in knobs_of(scenario()) if "delay" in knob.name}
    assert list(names) == ["one: queue delay up", "one: queue delay down"]


@pytest.mark.parametrize(
    ("delay", "said"),
    [
        ({"target": "0s"}, "delay.target: a duration here must be above 0"),
        ({"interval": "1s"}, "delay.target"),
        ({"target": "5ms", "interval": "0s"}, "delay.interval: a duration here must be above 0"),
        ({"target": "216000h"}, "delay.target: at most"),
        (5, "queue.delay: a duration needs a unit"),
    ],
)
def test_what_cannot_be_is_refused(delay, said):
    with pytest.raises(ScenarioError) as told:
        scenario(delay)
    assert said in str(told.value)


def test_who_shares_has_no_queue_that_is_late():
    with pytest.raises(ScenarioError, match="nobody waits, so there is no queue"):
        scenario(sharing="processor")
