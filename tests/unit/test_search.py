"""The search for a crossing on curves that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.planning.search import Probes, cross, fails_below, first_look
from simulator.stats.readings import HIGH, LOW, VALUE, Reading


def reading(value, width=0.1):
    """Of a figure over its bound, with an interval of so many logarithms to both sides."""
    low, high = value * math.exp(-width), value * math.exp(width)
    return Reading(value, low, high, 100.0, np.array([value]), np.ones(1))


def probes_of(*curves, lowest=-12.0, highest=math.inf):
    return Probes(lambda load: tuple(reading(curve(load)) for curve in curves), lowest, highest)


def looked(probes, loads=(-2.0, -1.0, 0.0, 1.0)):
    assert first_look(probes, loads)
    return probes


@given(
    slope=st.floats(0.6, 40),
    at=st.floats(-1.9, 0.9),
    bend=st.floats(0, 3),
    resolution=st.sampled_from([0.002, 0.01, 0.05]),
)
def test_value_and_both_ends_of_a_smooth_curve_are_found(slope, at, bend, resolution):
    """log ratio = slope x + bend x^2, and an interval of .1 to both sides."""

    def curve(load):
        away = load - at
        return math.exp(slope * away + bend * max(0.0, away + 3) ** 2 - bend * 9)

    probes = looked(probes_of(curve))
    for line, level in ((VALUE, 0.0), (LOW, 0.1), (HIGH, -0.1)):
        found = cross(probes, line, resolution)
        assert found.within <= found.at <= found.beyond <= found.within + resolution
        assert probes.is_within(found.within, line)
        assert not probes.is_within(found.beyond, line)
        rise = slope + 6 * bend
        assert abs(math.log(curve(found.at)) - level) < 0.02 * rise * resolution + bend * resolution**2
    assert len(probes.seen) < 40


def test_the_first_objective_to_break_counts():
    probes = looked(probes_of(lambda load: math.exp(2 * (load - 0.5)), lambda load: math.exp(30 * (load - 0.3))))
    found = cross(probes, VALUE, 0.01)
    assert found.at == pytest.approx(0.3, abs=1e-4)


def test_two_objectives_that_break_together_are_not_averaged():
    probes = looked(probes_of(lambda load: math.exp(1 * (load - 0.3)), lambda load: math.exp(40 * (load - 0.3003))))
    assert cross(probes, VALUE, 0.01).at == pytest.approx(0.3, abs=1e-3)


def test_a_step_is_closed_in_on():
    probes = looked(probes_of(lambda load: 0.0 if load < 0.123 else 50.0))
    found = cross(probes, VALUE, 0.01)
    assert found.within < 0.123 <= found.beyond


def test_nothing_is_interpolated_into_saturation():
    """The interval's ends are the far ones, the value lies between."""
    probes = looked(probes_of(lambda load: 0.2 if load < 0.123 else math.inf, highest=0.123))
    value, low, high = (cross(probes, line, 0.01) for line in (VALUE, HIGH, LOW))
    assert value.at == (value.within + value.beyond) / 2
    assert low.at == low.within < 0.123
    assert high.at == high.beyond >= 0.123


def test_an_end_that_no_load_reaches_is_not_searched_for_ever():
    """So few queries that even none bad may be too many."""
    probes = Probes(lambda load: (Reading(math.exp(load), 0.0, 2.0, 3.0, np.ones(1), np.ones(1)),), -8.0, 5.0)
    assert first_look(probes, [-1.0, 1.0])
    assert cross(probes, HIGH, 0.05).at == -math.inf
    assert min(probes.seen) >= -8.0


def test_no_load_is_within():
    assert not first_look(probes_of(lambda load: 2.0, lowest=-5.0), [0.0, 1.0])


def test_a_lower_load_than_the_first_is_found():
    probes = probes_of(lambda load: math.exp(load + 4))
    assert first_look(probes, [-1.0, 0.0])
    assert cross(probes, VALUE, 0.01).at == pytest.approx(-4, abs=1e-3)


def test_failing_below_the_crossing_is_seen():
    """Batches that wait: bad at low load, good in the middle, bad again."""

    def bathtub(load):
        return math.exp(abs(load) * 4 - 2)

    probes = looked(probes_of(bathtub), np.linspace(-2, 1, 13))
    found = cross(probes, VALUE, 0.01)
    assert found.at == pytest.approx(0.5, abs=1e-3)
    assert fails_below(probes, found.within) == -math.inf
    smooth = looked(probes_of(lambda load: math.exp(4 * load)))
    assert fails_below(smooth, cross(smooth, VALUE, 0.01).within) is None
    dip = looked(probes_of(lambda load: 3.0 if -1.2 < load < -0.8 else math.exp(4 * load)), [-2, -1.5, -1, -0.5, 1])
    assert fails_below(dip, cross(dip, VALUE, 0.01).within) == -1.5


def test_a_miss_doubles_the_distance():
    """A curve that bends so strongly that every straight line aims short still ends soon."""
    probes = looked(probes_of(lambda load: math.exp(-3 + 1e-3 * load if load < 0.7 else 3)), [-2.0, 1.0])
    cross(probes, VALUE, 0.002)
    assert len(probes.seen) < 40
