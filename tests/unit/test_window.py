"""The window: utilisation, throughput and goodput are what happened inside it, whoever's it was."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conftest import drawn, long_run
from hypothesis import given

from simulator import scenario_from_text, simulate
from simulator.core.window import window_of
from simulator.engines import compiled
from simulator.planner.plans import Plans
from simulator.planning.sides import Side, measures
from simulator.stats import summarise
from simulator.stats.extract import Extracts, extract
from simulator.stats.paired import LeftOut
from simulator.testing import plans
from simulator.theory import stage_demands

#: Ten seconds at 5/s and a hundred of nothing: 50 services of 100 ms in 110 s.
QUIET_END = """
name: quiet_end
load: {phases: [{duration: 10s, rate: 5/s}, {duration: 100s, rate: 0/s}]}
run: {warmup: 0s, replications: 4}
stages: [{name: server, model: {kind: time, law: 100ms}}]
slos: [stage.server.utilisation < 30%, goodput > 2/s]
"""
CLOCKWORK = """
name: clockwork
load: {arrivals: constant, rate: 1/h}
run: {duration: 24h, warmup: 0s, replications: 1}
stages: [{name: server, model: {kind: time, law: 1h}}]
"""
OVERLOADED = """
name: overloaded
load: {rate: 500/s}
run: {queries: 2000, replications: 4}
stages: [{name: server, workers: 2, model: {kind: time, law: {kind: exponential, mean: 18.52ms}}}]
slos: [stage.server.utilisation < 90%, stage.server.hottest < 90%, p50 < 1s]
"""


def of(text: str):
    return simulate(scenario_from_text(text)).to_dict()


def test_a_quiet_end_is_part_of_the_window():
    found = of(QUIET_END)
    used = found["stages"][0]["utilisation"]
    assert 0.043 <= used["mean"]["value"] <= 0.045
    assert used["max"] == used["mean"]["value"]
    assert found["stages"][0]["demand"] == {"mean": pytest.approx(0.0455, abs=1e-4), "max": pytest.approx(5 / 110)}
    assert 0.42 <= found["goodput_per_s"]["value"] <= 0.44
    assert [slo["met"] for slo in found["slos"]] == [True, False]


def test_a_clockwork_is_not_busier_than_always():
    found = of(CLOCKWORK)["stages"][0]
    assert found["utilisation"]["mean"]["value"] == pytest.approx(23.5 / 24)  # the last service ends after the window
    assert found["demand"]["max"] == 1


def test_an_overloaded_server_completes_what_it_can():
    found = of(OVERLOADED)
    server = found["stages"][0]
    assert 0.99 <= server["utilisation"]["mean"]["value"] <= server["utilisation"]["max"] <= 1
    assert server["utilisation"]["mean"]["high"] <= 1
    assert server["demand"]["max"] == pytest.approx(500 * 0.01852 / 2)
    assert found["offered_per_s"] == pytest.approx(500, rel=0.1)
    assert found["completed_per_s"]["value"] == pytest.approx(108, rel=0.1)
    assert found["goodput_per_s"]["value"] < 0.9 * found["completed_per_s"]["value"]  # the later, the slower
    assert [slo["met"] for slo in found["slos"]][:2] == [False, False]


@pytest.mark.parametrize(("first", "expected"), [(0, (3, 23)), (1, (10, 22)), (2, (12, 24)), (3, (18, 18))])
def test_the_window_of_a_number_of_queries(first, expected):
    assert window_of(np.array([3, 10, 12, 18]), first) == expected


def test_all_say_the_same_of_the_window():
    """A run, what a search keeps of it, and a side of a comparison."""
    scenario = scenario_from_text(OVERLOADED)
    all_plans = Plans.of(scenario)
    made = [all_plans.make(number) for number in range(4)]
    traces = [compiled.simulate(plan) for plan in made]
    demands = [most for most, _ in stage_demands(made[0])]
    said = summarise(traces, made[0], scenario.slos, [50], ["server"], utilisations=demands)
    kept = [extract(plan, trace, [0]) for plan, trace in zip(made, traces, strict=True)]
    verdicts = Extracts(kept, ["server"], [2], demands, True).verdicts(scenario.slos, True)
    assert [one.to_dict() for one in verdicts] == [one.to_dict() for one in said.objectives]
    side = measures(Side.of(simulate(scenario)), [50], range(4))
    for name, figure in (
        ("completed", said.completed_per_s),
        ("goodput", said.goodput_per_s),
        ("stage.server.utilisation", said.stages[0].utilisation),
    ):
        assert side[name].value == pytest.approx(figure.value, rel=1e-12), name


def test_rounding_takes_no_share_beyond_1():
    found = LeftOut(1.0 + 1e-15, np.array([0.5, math.nan, 1.5])).at_most_1()
    assert (found.value, found.without[0], found.without[2]) == (1.0, 0.5, 1.0)
    assert math.isnan(found.without[1])


@long_run
@drawn(100, deadline=None)
@given(plans())
def test_nobody_is_busier_than_always(plan):
    """Whatever is drawn: utilisation, of all and of the hottest, is at most 1, and so are its ends."""
    found = summarise([compiled.simulate(plan)], plan, [], [50], range(len(plan.stages)), utilisations=[0.5])
    for stage in found.stages:
        ends = [stage.utilisation.value, stage.utilisation.low, stage.utilisation.high, stage.hottest]
        assert all(end is None or 0 <= end <= 1 for end in ends)
