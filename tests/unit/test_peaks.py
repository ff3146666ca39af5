"""Loads that change over time: how large they are and how high they go, told by arithmetic."""

from unittest import mock

import numpy as np
import pytest
from conftest import long_run

from simulator import estimate, scenario_from_dict, simulate, validate
from simulator.base.errors import ScenarioError
from simulator.planner import extents, load
from simulator.planner.extents import extent_of
from simulator.report.estimate import estimate_table
from simulator.report.validation import validation_table
from simulator.scenario.slo import parse_objective
from simulator.stats.means import NOTHING, Interval
from simulator.stats.quantiles import Series, Share
from simulator.stats.share import Layout
from simulator.stats.stability import AT_PEAK, SATURATED, STABLE, Asked, stability
from simulator.stats.verdicts import judge
from simulator.theory import Peak

STAGE = {"name": "a", "model": {"kind": "time", "law": "1ms"}}
WAVE = {"kind": "diurnal", "mean": "900/s", "peak_to_mean": 1.5, "period": "24h"}
BURSTS = {"kind": "mmpp", "rates": [1, 4], "dwell": ["1s", "1s"]}


def scenario(rate, run=None, arrivals="poisson"):
    return scenario_from_dict(
        {"name": "s", "load": {"rate": rate, "arrivals": arrivals}, "run": run or {}, "stages": [STAGE]}
    )


@pytest.fixture
def profile(tmp_path):
    """Counts an hour, of which 30 are three times what is carried and the others a tenth."""

    def made(hours=200, **more):
        counts = np.full(hours, 360_000)
        counts[:30] = 10_800_000
        (tmp_path / "p.csv").write_text("\n".join(map(str, counts)))
        return {"kind": "profile", "file": str(tmp_path / "p.csv"), "interval": "1h", **more}

    return made


def test_a_peak_beyond_saturation_is_said_and_not_called_stable(profile):
    """385 million queries are not drawn to say so."""
    busy = scenario(profile())
    with mock.patch.object(load, "make_load", side_effect=AssertionError):
        for said, table in ((validate(busy).to_dict(), validation_table), (estimate(busy).to_dict(), estimate_table)):
            assert said["peak"] == {"rate_per_s": 3000, "demand": pytest.approx(3), "above_saturation_s": 108_000}
            assert "at its peak, 3,000/s, demand 300.0 %: beyond saturation for 30 h" in table(said)
    assert validate(busy).to_dict()["queries"] == 30 * 10_800_000 + 170 * 360_000
    assert validate(busy).to_dict()["enough_queries"] is None
    assert "peak" not in validate(scenario("9/s")).to_dict()


def test_a_run_beyond_saturation_at_its_peak_is_not_called_stable():
    """60 % busy on average, 120 % at the top of each wave of four seconds: of eight, 2.14 s are above 1,000/s."""
    wave = {"kind": "diurnal", "mean": "600/s", "peak_to_mean": 2, "period": "4s"}
    found = simulate(scenario(wave, {"duration": "8s", "replications": 4})).to_dict()
    assert found["verdict"] == AT_PEAK
    peak = "at the peak of 1,200/s the bottleneck is asked for 120% of its time"
    assert f"beyond saturation for 2.14 s by arithmetic: {peak}" in found["notes"]
    assert found["stability"]["demand"] == pytest.approx(0.6, abs=0.02)


@long_run
@pytest.mark.parametrize(
    ("load_of", "run"),
    [
        (lambda profile: (profile(40, shape="linear"), "poisson"), {}),
        (lambda profile: (profile(40), BURSTS), {"warmup": "1h"}),
        (lambda profile: (WAVE, "poisson"), {}),
        (lambda profile: (WAVE, "constant"), {"warmup": "10m", "queries": 10_000}),
        (lambda profile: ("900/s", BURSTS), {"queries": 10_000}),
        (lambda profile: ("900/s", {"kind": "gamma", "cv": 2}), {"duration": "1m", "warmup": 0}),
    ],
)
def test_arithmetic_says_how_many_queries_are_drawn(profile, load_of, run):
    """To within 5 %: states of mmpp scatter by a tenth of that at 50,000 dwells, Poisson counts far less."""
    rate, arrivals = load_of(profile)
    one = scenario_from_dict(
        {
            "name": "s",
            "load": {"rate": rate, "scale": 0.002 if isinstance(rate, dict) else 1, "arrivals": arrivals},
            "run": run,
            "stages": [STAGE],
        }
    )
    drawn = extent_of(one)
    with mock.patch.object(extents, "MOST_DRAWN", 0):
        told = extent_of(one)
    assert told.queries == pytest.approx(drawn.queries, rel=0.05)
    assert told.measured == pytest.approx(drawn.measured, rel=0.05)


@pytest.mark.parametrize(
    ("rate", "run", "arrivals", "said"),
    [
        ("profile", {"queries": 400_000_000}, "poisson", "more than the 385,200,000 that the profile offers"),
        ("0.1/h", {"queries": 2_000_000}, "poisson", "a replication would last"),
        ("100k/s", {"duration": "20h"}, {**BURSTS, "dwell": ["1ms"] * 2}, "changes of state in a replication"),
    ],
)
def test_what_could_not_be_drawn_is_refused_by_arithmetic_too(profile, rate, run, arrivals, said):
    one = scenario(profile() if rate == "profile" else rate, run, arrivals)
    with mock.patch.object(load, "make_load", side_effect=AssertionError), pytest.raises(ScenarioError, match=said):
        validate(one)


@pytest.mark.parametrize(
    ("above_s", "utilisation", "high", "verdict"),
    [
        (0.0, 0.4, 0.001, STABLE),
        (60.0, 0.4, 0.001, AT_PEAK),
        (60.0, 1.2, 0.001, SATURATED),
        (60.0, 0.4, None, AT_PEAK),
    ],
)
def test_the_verdict_knows_the_peak(above_s, utilisation, high, verdict):
    growth = Interval(high, high, high)
    said = stability(growth, 10.0, None, 10_000, Asked([utilisation], peak=Peak(3000.0, 3.0, above_s)))
    assert said.verdict == verdict
    assert any("beyond saturation for 60.0 s" in note for note in said.notes) == (verdict == AT_PEAK)


@pytest.mark.parametrize(
    ("objective", "late", "met"),
    [
        ("p99 < 1s", [0.493, 0.5], False),  # 49.3 % late against 1 %
        ("p99 < 1s", [0.493], False),
        ("p99 < 1s", [0.05, 0.05], None),  # 25 times over, once in 25 runs
        ("p99 < 1s", [0.493, 0.005], None),
        ("p50 < 1s", [0.9, 0.9], None),
        ("99% within 1s", [0.1, 0.2, 0.1], False),
    ],
)
def test_few_replications_can_say_that_an_objective_is_missed(objective, late, met):
    """By how much more is late than may be, whatever its law: e-values."""
    values = np.concatenate([np.where(np.arange(1000) < 1000 * share, 2e9, 1e8) for share in late])
    series = Series(values, Layout.of([1000] * len(late)))
    share = Share(0.0, 0.0, 0.0)
    with mock.patch("simulator.stats.verdicts.FEWEST_UNITS", 99):  # blocks of a single one are few, too
        said = judge(parse_objective(objective), series, None, NOTHING, share, NOTHING, False)
    assert said.met is met
