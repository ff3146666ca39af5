"""Arrivals: the rate asked for, on one clock, the same however they are cut into pieces."""

import math

import numpy as np
import pytest
import yaml
from conftest import long_run

from simulator import scenario_from_dict
from simulator.core.laws import Law
from simulator.planner.extents import about_queries
from simulator.planner.plans import make_plan
from simulator.workload import arrivals
from simulator.workload.arrivals import (
    CONSTANT_GAPS,
    POISSON_GAPS,
    arrivals_counted,
    arrivals_of_trace,
    arrivals_until,
    epochs,
    epochs_until,
)
from simulator.workload.rates import LinearStretch, Rate

FOREVER = Rate([LinearStretch(math.inf, 4.0, 4.0)])


def test_constant_arrivals_are_half_a_gap_from_both_ends():
    assert arrivals_counted(CONSTANT_GAPS, 1, 0, FOREVER, 3).tolist() == [125_000_000, 375_000_000, 625_000_000]


def test_epochs_do_not_depend_on_how_they_are_cut():
    whole = epochs(POISSON_GAPS, 3, 1, 1000)
    head = epochs(POISSON_GAPS, 3, 1, 400)
    tail = epochs(POISSON_GAPS, 3, 1, 600, 400, float(head[-1]))
    assert np.array_equal(whole, np.concatenate([head, tail]))
    until = epochs_until(POISSON_GAPS, 3, 1, float(whole[500]))
    assert np.array_equal(until, whole[:500])


def test_poisson_gaps_have_the_mean_and_spread_of_a_poisson_process():
    gaps = np.diff(epochs(POISSON_GAPS, 5, 0, 200_000))
    # five standard errors: a false alarm in a million
    assert abs(gaps.mean() - 1) < 5 / math.sqrt(len(gaps))
    assert abs(gaps.std() - 1) < 5 * math.sqrt(2 / len(gaps))
    counts = np.bincount(np.cumsum(gaps).astype(int))[:-1]
    assert abs(counts.var() / counts.mean() - 1) < 5 * math.sqrt(2 / len(counts))


def test_two_loads_share_their_luck():
    slow = arrivals_counted(POISSON_GAPS, 5, 0, FOREVER, 100)
    fast = arrivals_counted(POISSON_GAPS, 5, 0, Rate([LinearStretch(math.inf, 8.0, 8.0)]), 100)
    assert np.all(np.abs(slow - 2 * fast) <= 2)


def test_replications_have_luck_of_their_own():
    assert not np.array_equal(epochs(POISSON_GAPS, 5, 0, 10), epochs(POISSON_GAPS, 5, 1, 10))


@pytest.mark.parametrize(
    "pieces",
    [
        [LinearStretch(10.0, 5.0, 5.0)],
        [LinearStretch(10.0, 0.0, 8.0), LinearStretch(5.0, 8.0, 8.0), LinearStretch(3.0, 8.0, 0.0)],
        [LinearStretch(2.0, 3.0, 3.0), LinearStretch(4.0, 0.0, 0.0), LinearStretch(2.0, 6.0, 1.0)],
    ],
)
def test_the_inverse_undoes_the_cumulated_rate(pieces):
    rate = Rate(pieces)
    grid = np.linspace(0, sum(piece.duration_s for piece in pieces), 200_001)
    edges = np.concatenate([rate.start_s, [grid[-1]]])
    levels = [np.interp(grid, [edges[i], edges[i + 1]], [p.start_per_s, p.end_per_s]) for i, p in enumerate(pieces)]
    which = np.clip(np.searchsorted(edges, grid, side="right") - 1, 0, len(pieces) - 1)
    level = np.choose(which, levels)
    cumulated = np.concatenate([[0], np.cumsum((level[1:] + level[:-1]) / 2 * np.diff(grid))])
    targets = np.linspace(0.01, rate.arrivals * 0.999, 50)
    assert np.allclose(np.interp(rate.instants(targets), grid, cumulated), targets, atol=2e-3)


def test_nothing_arrives_while_the_rate_is_zero():
    rate = Rate([LinearStretch(2.0, 50.0, 50.0), LinearStretch(4.0, 0.0, 0.0), LinearStretch(2.0, 50.0, 50.0)])
    instants = arrivals_until(POISSON_GAPS, 11, 0, rate) / 1e9
    assert len(instants) > 100
    assert not np.any((instants > 2.0) & (instants < 6.0))
    assert instants.max() < 8.0


@long_run
def test_a_ramp_offers_the_load_that_was_asked():
    rate = Rate([LinearStretch(1000.0, 0.0, 100.0)])
    counts = [len(arrivals_until(POISSON_GAPS, seed, 0, rate)) for seed in range(20)]
    expected = 50_000
    assert abs(np.mean(counts) - expected) < 5 * math.sqrt(expected / len(counts))


def test_a_trace_starts_half_a_mean_gap_in_and_keeps_equal_instants():
    arrivals = arrivals_of_trace(np.array([10.0, 12.0, 12.0, 16.0]), speed=2.0)
    assert arrivals.tolist() == [500_000_000, 1_500_000_000, 1_500_000_000, 3_500_000_000]


def test_a_trace_of_one_row():
    assert arrivals_of_trace(np.array([3.0]), speed=1.0).tolist() == [0]


@pytest.mark.parametrize("gaps", [POISSON_GAPS, CONSTANT_GAPS, Law.gamma(1.0, 2.0)])
def test_arrivals_do_not_depend_on_how_many_are_made_at_a_time(gaps, monkeypatch):
    """Cut into blocks, at a rate that goes up and down, stands still and ends."""
    pieces = [LinearStretch(9.0, 4.0, 20.0), LinearStretch(3.0, 0.0, 0.0), LinearStretch(20.0, 20.0, 1.0)]
    for rate in (Rate(pieces), Rate([LinearStretch(math.inf, 7.0, 7.0)])):
        whole = arrivals_counted(gaps, 3, 1, rate, 400)
        assert len(whole) == (400 if math.isinf(rate.arrivals) else len(epochs_until(gaps, 3, 1, rate.arrivals)))
        for block in (1, 7, 64):
            monkeypatch.setattr(arrivals, "BLOCK", block)
            assert np.array_equal(arrivals_counted(gaps, 3, 1, rate, 400), whole)
        monkeypatch.undo()
    with pytest.raises(OverflowError) as early:
        arrivals_counted(gaps, 3, 1, Rate([LinearStretch(math.inf, 1e-7, 1e-7)]), 900)
    monkeypatch.setattr(arrivals, "BLOCK", 64)
    with pytest.raises(OverflowError) as late:
        arrivals_counted(gaps, 3, 1, Rate([LinearStretch(math.inf, 1e-7, 1e-7)]), 900)
    assert str(early.value) == str(late.value)


def test_instants_of_a_clock_that_ticks_are_spread_within_their_ticks():
    ticks = np.repeat(np.arange(4000) * 3.0, 5)
    spread = arrivals.spread_in_ticks(ticks, 7, 0)
    assert np.all(np.diff(spread) >= 0)
    within = spread - ticks
    assert within.min() > 0 and within.max() < 3.0
    assert within.mean() == pytest.approx(1.5, abs=0.03), "4 standard deviations of 20,000 uniforms: .025"
    assert within.std() == pytest.approx(3 / np.sqrt(12), abs=0.03)
    assert not np.array_equal(spread, arrivals.spread_in_ticks(ticks, 7, 1)), "each replication has its own luck"
    lone = arrivals.spread_in_ticks(np.array([0.0, 10.0, 11.0]), 7, 0)
    assert np.floor(lone).tolist() == [0.0, 10.0, 11.0]


def test_what_was_recorded_is_drawn_anew_where_that_is_asked_for(tmp_path):
    """Ticks of a trace and the noise of a calibration: otherwise in each replication, and the same in the same one."""
    (tmp_path / "ticks.csv").write_text("t\n" + "0\n" * 4 + "3\n" * 4 + "9\n" * 2)
    (tmp_path / "calls.csv").write_text("items,ms\n5,8\n5,9\n5,13\n")
    arrivals = {"kind": "trace", "file": str(tmp_path / "ticks.csv")}
    model = {"kind": "measured", "file": str(tmp_path / "calls.csv"), "unit": "ms"}

    def plans(**more):
        made = {
            "name": "t",
            "load": {"arrivals": arrivals | ({"spread": "uniform"} if more else {})},
            "run": {"warmup": 0},
            "stages": [{"name": "a", "candidates": 5, "model": model | more}],
        }
        scenario = scenario_from_dict(made)
        assert about_queries(scenario) == (10, 10)
        later = scenario_from_dict(made | {"load": {"rate": "4/s"}, "run": {"queries": 100, "warmup": "5s"}})
        assert about_queries(later) == (120, 100)
        return [make_plan(scenario, replication) for replication in (0, 1, 1)]

    one, two, again = plans(sample=True)
    for named in ("arrival_ns", "knot_ns"):
        first, second, third = (getattr(plan, named).tolist() for plan in (one, two, again))
        assert first != second and second == third
    assert len(set(one.arrival_ns.tolist())) == 10 and one.arrival_ns[-1] - one.arrival_ns[0] < 12e9
    one, two, _ = plans()
    assert one.knot_ns.tolist() == two.knot_ns.tolist() and len(set(one.arrival_ns.tolist())) == 3


TICKS = [0] * 4 + [3] * 4 + [9] * 4


@pytest.mark.parametrize(
    ("rows", "more", "tick"),
    [
        (TICKS, {}, "3.00 s"),
        (TICKS, {"unit": "ms"}, "3.00 ms"),
        ([1_700_000_000 + row for row in TICKS], {}, "3.00 s"),
        ([0, 0, 0.1, 0.1, 0.1, 0.3, 0.3], {}, "100 ms"),  # as floats no multiple of each other
        ([0, 0, 0, 2, 0, 0, 4, 0], {"values": "gaps"}, "2.00 s"),
        (TICKS, {"spread": "uniform"}, None),  # it is said already
        ([0, 0, 0, 3, 3, 3, 9.5, 9.5, 9.5], {}, None),  # some come together, at any time
        ([0, 1, 1, 2, 3, 4], {}, None),  # few come together
        ([0, 0, 0, 5], {}, None),  # one gap is a multiple of itself
        ([0, 1.5, 1.7, 2.2], {}, None),
    ],
)
def test_a_clock_that_ticks_is_told_with_the_cure(tmp_path, shardsim, rows, more, tick):
    (tmp_path / "t.csv").write_text("\n".join(map(str, rows)))
    values = {
        "name": "s",
        "load": {"arrivals": {"kind": "trace", "file": str(tmp_path / "t.csv"), **more}},
        "run": {"replications": 2, "warmup": 0},
        "stages": [{"name": "a", "model": {"kind": "time", "law": "1us"}}],
    }
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(values))
    said = (
        f"load: most rows of the trace have the instant of the row above, the others are multiples of {tick} after it"
    )
    cure = "if its clock ticks so, spread: uniform spreads them within each tick"
    notes = [] if tick is None else [f"{said}: {cure}"]
    assert scenario_from_dict(values).notes() == notes
    for command in ("run", "validate", "load", "estimate"):
        code, out, _ = shardsim(command, str(tmp_path / "s.yaml"))
        assert code in (0, 98)
        assert [line for line in out.splitlines() if "its clock" in line] == [f"note: {note}" for note in notes], (
            command
        )
