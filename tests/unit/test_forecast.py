"""Forecasts: what does not grow with the queries is counted once; what is enough is what a run says is enough."""

from __future__ import annotations

import re
from types import SimpleNamespace
from unittest import mock

import pytest

from simulator import scenario_from_dict, simulate, validate
from simulator.cli.progress import Replications
from simulator.engines import COMPILED
from simulator.planner.plans import Plans
from simulator.report.answers import text_of
from simulator.running import forecast as module
from simulator.running.execution import Execution
from simulator.running.forecast import Forecast, seconds_of
from simulator.running.memory import needed
from simulator.running.run import forecast
from simulator.theory.clusters import APART
from simulator.verification.families import exponential, scenario, stage


def queue(rate=0.8, law=None, queries=1000, replications=8, slos=("p99.9 < 40s",), **more):
    one = stage("one", law or exponential(1.0), **more)
    run = {"queries": queries, "replications": replications}
    return scenario_from_dict({**scenario(rate, one), "run": run, "slos": list(slos)})


@pytest.mark.parametrize("fixed_s", [0.0, 0.05, 2.0])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_forecast_is_exact_where_time_is_linear_in_queries(fixed_s, jobs):
    """On a clock that a run moves: a fixed cost counted for each query made 90 s of 10 s."""
    clock, each_s, drawn_s, told_s = [0.0], 1e-5, 0.3, 2e-6

    def simulating(plan):
        clock[0] += fixed_s + each_s * plan.queries
        return plan

    def telling(plan):
        clock[0] += fixed_s + told_s * plan.queries

    plans = Plans.of(queue(queries=80_000))
    with (
        mock.patch.object(module, "time", SimpleNamespace(perf_counter=lambda: clock[0])),
        mock.patch.object(module, "engine", lambda _: SimpleNamespace(simulate=simulating)),
    ):
        found = seconds_of(plans, plans.load(), drawn_s, Execution.here(jobs=jobs, engine=COMPILED), telling)
    waves = 8 // jobs
    simulated = waves * (fixed_s + each_s * 100_000) + (waves - 1) * drawn_s
    assert found == pytest.approx(simulated + fixed_s + told_s * 800_000)


@pytest.mark.parametrize(("first_s", "looks"), [(0.0, 1), (0.5, 2)])
def test_a_run_that_ends_soon_is_not_measured_at_length(first_s, looks):
    """As a small pilot says, and a second one where the first had to compile."""
    clock, seen = [0.0], []

    def simulating(plan):
        clock[0] += 1e-6 * plan.queries + (0.0 if seen else first_s)
        seen.append(plan.queries)
        return plan

    plans = Plans.of(queue(queries=80_000))
    with (
        mock.patch.object(module, "time", SimpleNamespace(perf_counter=lambda: clock[0])),
        mock.patch.object(module, "engine", lambda _: SimpleNamespace(simulate=simulating)),
    ):
        found = seconds_of(plans, plans.load(), 0.0, Execution.here(jobs=1, engine=COMPILED), lambda _: None)
    assert found == pytest.approx(8 * 1e-6 * 100_000)
    assert seen == [12_500] * looks


@pytest.mark.parametrize(
    "case",
    [
        queue(),
        queue(0.5),
        queue(0.95),
        queue(2.8, workers=4),
        queue(0.7, {"kind": "lognormal", "mean": "1s", "cv": 2}),
        queue(0.7, {"kind": "hyperexponential", "mean": "1s", "cv": 4}),
        queue(0.6, shards=10),
        queue(0.6, variability={"machine": {"kind": "lognormal", "cv": 0.1}}),
    ],
)
def test_validate_and_run_agree_on_what_is_enough(case):
    """Within the factor by which a run may overrule the plan."""
    enough = validate(case).enough_queries
    assert enough == forecast(case).enough_queries
    unsupported = [one for one in simulate(case).to_dict()["unsupported"] if one["stage"] is None]
    needed = next(one["queries_needed"] for one in unsupported if one["percentile"] == "p99.9")
    assert needed / APART / 1.1 <= enough <= needed * APART * 1.1


def test_memory_is_said_before_it_is_taken():
    """By validate, in its document and, where it is much, in words; and by a run that is announced."""
    small, large = queue(0.6), queue(0.6).with_run(queries=10**9)
    for case in (small, large):
        assert validate(case).to_dict()["memory_bytes"] == needed(Plans.of(case), COMPILED, 1, 8).bytes
    assert "of memory" not in text_of(validate(small), "table", None, False)
    assert re.search(r"tasks, about [0-9]+ GB of memory\n", text_of(validate(large), "table", None, False))
    assert forecast(small).memory_bytes > 0


def test_a_long_run_is_announced_with_its_memory(capsys):
    line = Replications()
    for memory_bytes, said in ((5e9, " and 5 GB of memory"), (5e8, "")):
        line.announce(Forecast(10**9, 50.0, memory_bytes, None, 99.0), 2)
        assert f"1G tasks, about 50.0 s{said}, 2 replications at a time\n" in capsys.readouterr().err


def test_nothing_is_enough_at_saturation():
    full = queue(1.2)
    assert validate(full).enough_queries is None
    assert forecast(full).enough_queries is None
    assert {one["queries_needed"] for one in simulate(full).to_dict()["unsupported"]} <= {None}
