"""What goes beyond all time, size or patience is told as that, and is no traceback."""

import signal
import sys
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from unittest import mock

import pytest
from conftest import slow
from pydantic_core import PydanticSerializationError

from simulator import estimate, simulate
from simulator.base.errors import LostWorkerError, ScenarioError
from simulator.base.interrupts import PATIENCE_S, Interrupts
from simulator.running import replications
from simulator.running.run import forecast
from simulator.scenario import fields, load_scenario, scenario_from_text
from simulator.testing import check_scenario

TEXT = """
name: s
load: {{rate: 10/s}}
run: {{queries: 50, replications: 2, warmup: 1}}
stages:
  - {{name: a, candidates: {candidates}, model: {model}}}
"""
LONG = TEXT.format(candidates="1P", model="{kind: deep, per_item: 1ms}")


@pytest.mark.parametrize(
    "ask",
    [
        forecast,
        simulate,
        lambda scenario: simulate(scenario, compare_engines=True),
        lambda scenario: simulate(scenario, engine="reference"),
        lambda scenario: simulate(scenario, jobs=2),
    ],
)
def test_who_simulates_beyond_all_time_is_told_by_the_scenario(ask):
    with pytest.raises(ScenarioError, match=r"load: the backlog grows beyond 146 years"):
        ask(scenario_from_text(LONG))


def test_no_law_is_broken_by_a_scenario_that_goes_beyond_all_time():
    check_scenario(scenario_from_text(LONG), profile="quick", only=["S1", "S7", "S8", "E1", "E4"])


@pytest.mark.parametrize("seconds", ["1e-170s", "1e-300s", "1e-12s"])
@pytest.mark.parametrize("law", ["{}", "{{kind: exponential, mean: {}}}", "{{kind: lognormal, mean: {}, cv: 2}}"])
def test_times_below_all_that_a_clock_shows_are_worked_out(seconds, law):
    model = "{kind: time, law: " + law.format(seconds) + "}"
    scenario = scenario_from_text(TEXT.format(candidates=1, model=model))
    assert 0 < estimate(scenario).to_dict()["bottleneck"]["demand"] < 1e-10
    assert simulate(scenario).exit_code == 0


@pytest.mark.parametrize("steps", [101, 700, 100_000])
def test_a_path_without_end_is_refused(steps):
    with pytest.raises(ScenarioError, match=f"a path of {steps} steps; there are at most 100"):
        scenario_from_text(LONG, [".".join(["a"] * steps) + "=1"])


def test_a_lost_process_is_told_as_that():
    class Executor:
        def submit(self, *_):
            future = Future()
            future.set_exception(BrokenProcessPool())
            return future

    workers = nullcontext((Executor(), None))
    scenario = scenario_from_text(TEXT.format(candidates=1, model="{kind: time, law: 1ms}"))
    with (
        mock.patch.object(replications, "_workers", return_value=workers),
        pytest.raises(LostWorkerError, match="memory"),
    ):
        simulate(scenario, engine="reference", jobs=2)


@slow
def test_an_interrupt_that_is_swallowed_comes_again(monkeypatch):
    """What is raised in __del__, or while a process forks, reaches nobody; the next interrupts changed nothing."""
    interrupts = Interrupts()
    monkeypatch.setattr(sys, "unraisablehook", interrupts.swallowed)

    class Deaf:
        def __del__(self):
            interrupts(signal.SIGINT, None)

    before = signal.signal(signal.SIGINT, interrupts)
    try:
        deaf = Deaf()
        with pytest.raises(KeyboardInterrupt):
            del deaf
            time.sleep(5)
    finally:
        signal.signal(signal.SIGINT, before)


def test_one_interrupt_ends_the_work_and_more_of_them_change_nothing():
    """But one that comes when nothing has become of the first: that ends the process."""
    interrupts = Interrupts()
    with pytest.raises(KeyboardInterrupt):
        interrupts(signal.SIGINT, None)
    for _ in range(10):
        interrupts(signal.SIGINT, None)
    interrupts.first_s -= PATIENCE_S
    with mock.patch("os._exit") as ended:
        interrupts(signal.SIGINT, None)
    ended.assert_called_once_with(130)


def test_an_interrupt_while_a_scenario_is_written_out_is_an_interrupt(monkeypatch):
    """pydantic makes an error of its own of whatever comes up in what it calls."""
    scenario = load_scenario("scenarios/recommendation.yaml")
    monkeypatch.setattr(fields, "_exact", mock.Mock(side_effect=KeyboardInterrupt))
    for write in (scenario.sha256, scenario.resolved):
        with pytest.raises(KeyboardInterrupt):
            write()
    monkeypatch.setattr(fields, "_exact", mock.Mock(side_effect=ZeroDivisionError))
    with pytest.raises(PydanticSerializationError, match="ZeroDivisionError"):
        scenario.resolved()
