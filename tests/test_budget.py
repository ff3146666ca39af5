"""What a search may take: that it is kept, and that what is known by then is answered."""

import re
from types import SimpleNamespace

import pytest

from simulator import scenario_from_dict
from simulator.cli import progress
from simulator.planning import sensitivity as module
from simulator.planning.budget import Budget, BudgetSpentError
from simulator.planning.sensitivity import sensitivity
from simulator.planning.sizing import size


def mm1(slo, **stage):
    server = {"name": "server", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}}, **stage}
    values = {"name": "mm1", "load": {"rate": "60/s"}, "stages": [server], "slos": [slo]}
    return scenario_from_dict({**values, "run": {"queries": 1000, "replications": 4}})


def test_what_is_next_is_begun_only_if_it_will_end_within_the_budget():
    budget = Budget(queries=100)
    budget.ask(100)
    budget.took(60, 0.0)
    budget.ask(40)
    with pytest.raises(BudgetSpentError, match="the budget of 100 queries is reached"):
        budget.ask(41)
    timed = Budget(time_s=1000.0)
    timed.ask(10**9)  # nothing tells yet how long that takes
    timed.took(10, 100.0)
    assert timed.expected_s(20) == 200.0
    timed.ask(50)
    with pytest.raises(BudgetSpentError, match=r"the budget of .* is reached"):
        timed.ask(150)
    for given in ({"time_s": 0.0}, {"queries": 0}):
        with pytest.raises(ValueError, match="takes"):
            Budget(**given)


@pytest.mark.parametrize(
    ("ended", "code", "note"),
    [
        (KeyboardInterrupt(), 130, r"interrupted: 2 of \d+ knobs are turned"),
        (BudgetSpentError("time is up"), 98, r"time is up: 2 of \d+ knobs are turned"),
    ],
)
def test_a_sensitivity_that_ends_early_tells_what_is_known(monkeypatch, ended, code, note):
    execute = module.alike

    def two(*args):
        for number, one in enumerate(execute(*args)):
            if number == 2:
                raise ended
            yield one

    monkeypatch.setattr(module, "alike", two)
    found = sensitivity(mm1("p95 < 100ms"), tolerance=0.2)
    assert len(found.effects) == 2
    assert found.exit_code == code
    assert any(re.fullmatch(note, one) for one in found.notes)
    monkeypatch.setattr(module, "alike", lambda *_: two_at_once())
    with pytest.raises(KeyboardInterrupt):
        sensitivity(mm1("p95 < 100ms"), tolerance=0.2)


def two_at_once():
    """An interruption before anything is there."""
    raise KeyboardInterrupt
    yield


def test_a_knob_after_which_nothing_is_missed_up_to_saturation_is_ranked_by_it():
    """Twice the replicas of a queue that may be long: all of them saturate at 200/s for 100/s."""
    found = sensitivity(mm1("p95 < 100s"), tolerance=0.2)
    effects = {effect.knob.name: effect for effect in found.effects}
    assert found.capacity_per_s == pytest.approx(100)
    assert effects["server: replicas"].capacity.value == pytest.approx(1.0)
    assert {effect.knob.name for effect in found.effects[:2]} == {"server: replicas", "server: workers"}
    assert any(note.startswith("server: replicas, ") and "up to saturation" in note for note in found.notes)
    assert all(effect.capacity is not None for effect in found.effects if not effect.knob.is_load)


def test_a_size_that_ends_early_says_of_what_nothing_is_known():
    found = size(mm1("p95 < 1ms"), search={"stages.server.replicas": "1..9"}, time_s=1e-9)
    assert (found.verdict, found.exit_code) == ("inconclusive", 98)
    assert any("is reached: of fleets that cost more" in note for note in found.to_dict()["notes"])


def test_off_a_terminal_a_long_search_is_told_ever_more_seldom(monkeypatch, capsys):
    at_s = iter([0.0, *range(1, 100)])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: float(next(at_s))))
    line = progress.Probes()
    for _ in range(99):
        line.probe(0.8, 1000, (SimpleNamespace(value=0.5),))
    told = capsys.readouterr().err.splitlines()
    assert [int(re.match(r"probe (\d+):", one)[1]) for one in told] == [10, 20, 40, 80]
    assert told[0] == "probe 10: 0.8 x the load, 1,000 queries: 0.5 x the bound of the objective nearest to it"


def test_a_search_for_fleets_says_how_long_it_takes_at_most(monkeypatch, capsys):
    at_s = iter([0.0, 30.0, 30.0, 60.0, 60.0, 90.0, 90.0])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: float(next(at_s))))
    line = progress.Fleets(wanted=1, there=4)
    line.fleet(1, 2.0, 0)
    line.fleet(2, 3.0, 0)
    line.fleet(3, 4.0, 1)
    found = ["0 of 1 found", "0 of 1 found", "1 of 1 found"]
    ends = ["; at most 3 fleets more, about 90.0 s", "; at most 2 fleets more, about 60.0 s", ""]
    told = [one.split("; ", 1) for one in capsys.readouterr().err.splitlines()]
    assert [one for _, one in told] == [
        f"{so_far}; a fleet takes about 30.0 s{end}" for so_far, end in zip(found, ends, strict=True)
    ]
    assert [one for one, _ in told] == [
        "1 fleet simulated, up to a cost of 2",
        "2 fleets simulated, up to a cost of 3",
        "3 fleets simulated, up to a cost of 4",
    ]
