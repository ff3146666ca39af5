"""Rates over time: a wave and its inverse, pieces one after another, profiles of counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.elementary import cos_pi, sin_pi
from simulator.workload import wave
from simulator.workload.arrivals import POISSON_GAPS, arrivals_counted, arrivals_until
from simulator.workload.rates import (
    LinearStretch,
    Rate,
    WaveStretch,
    first_stretches,
    linear_stretches,
    step_stretches,
)


def test_sine_and_cosine_are_those_of_the_c_library():
    grid = np.linspace(0, 1, 2001).tolist()
    assert max(abs(sin_pi(x) - math.sin(math.pi * x)) for x in grid) < 5e-16
    assert max(abs(cos_pi(x) - math.cos(math.pi * x)) for x in grid) < 5e-16


DEPTHS = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))


@given(DEPTHS, st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_the_inverse_of_a_wave_is_one_to_full_precision(depth, levels):
    """What it cumulates to is what was asked, within four units in the last place (of 1, if that is larger)."""
    level = np.sort(levels)
    turn = wave.turns(depth, level)
    assert np.all(np.diff(turn) >= -1e-15 * turn[1:])
    assert np.all(np.abs(wave.levels(depth, turn) - level) <= 4 * np.spacing(np.maximum(level, 1.0)))


def test_a_wave_cumulates_to_the_integral_of_its_rate():
    piece = WaveStretch(math.inf, 3.0, 1.8, 50.0)
    time_s = np.linspace(0, 120, 240_001)
    rate = piece.at(time_s)
    integral = np.concatenate([[0], np.cumsum((rate[1:] + rate[:-1]) / 2 * np.diff(time_s))])
    assert np.allclose(piece.cumulated(time_s), integral, atol=1e-6)
    assert piece.peak_per_s == pytest.approx(rate.max())
    assert rate.min() == pytest.approx(3.0 * 0.2)
    assert WaveStretch(5.0, 3.0, 1.8, 50.0).peak_per_s == pytest.approx(rate[time_s <= 5.0].max())


RATES = st.sampled_from([0.0, 2.0, 9.0])
PIECES = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from([0.5, 1.0, 7.0]), st.sampled_from([0.0, 2.0, 9.0]), st.sampled_from([0.0, 2.0, 9.0])
        ).map(lambda given: LinearStretch(*given)),
        st.tuples(st.sampled_from([0.5, 7.0]), st.sampled_from([1.0, 2.0]), st.sampled_from([0.1, 3.0])).map(
            lambda given: WaveStretch(given[0], 4.0, given[1], given[2])
        ),
    ),
    min_size=1,
    max_size=5,
)


@given(PIECES, st.lists(st.floats(0, 1, exclude_min=True), min_size=1, max_size=30))
def test_any_rate_and_its_inverse(pieces, parts):
    rate = Rate(pieces)
    if rate.arrivals == 0:
        return
    level = np.sort(parts) * rate.arrivals
    level = level[level > 0]
    instant_s = rate.instants(level)
    assert np.all(np.diff(instant_s) >= 0)
    assert np.all((instant_s >= 0) & (instant_s <= rate.duration_s))
    assert np.allclose(rate.cumulated(instant_s), level, rtol=1e-12, atol=1e-12)


@given(PIECES, st.floats(0.01, 1))
def test_a_rate_that_is_cut_is_the_same_until_there(pieces, part):
    whole = Rate(pieces)
    cut = Rate(first_stretches(pieces, part * whole.duration_s))
    assert cut.duration_s == pytest.approx(part * whole.duration_s)
    time_s = np.linspace(0, cut.duration_s * (1 - 1e-9), 50)
    assert np.allclose(cut.cumulated(time_s), whole.cumulated(time_s), atol=1e-6)
    assert np.all(whole.at(time_s) <= whole.peak_per_s * (1 + 1e-12))


def test_pieces_behind_a_warm_up_are_the_same_wave_later():
    wave_piece = WaveStretch(30.0, 5.0, 2.0, 10.0)
    alone, behind = Rate([wave_piece]), Rate([LinearStretch(4.0, 5.0, 5.0), wave_piece])
    level = np.linspace(0.5, 149.5, 300)
    assert np.allclose(behind.instants(level + 20), alone.instants(level) + 4, atol=1e-9)


COUNTS = st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any)


@given(COUNTS)
def test_a_stepped_profile_offers_its_count_in_every_interval(counts):
    rate = Rate(step_stretches(np.array(counts, dtype=np.float64) / 60.0, 60.0))
    edges = np.arange(len(counts) + 1) * 60.0
    assert np.allclose(np.diff(rate.cumulated(edges)), counts, atol=1e-9)


@given(COUNTS)
def test_a_linear_profile_passes_through_the_middles_and_offers_as_much_in_all(counts):
    rates = np.array(counts, dtype=np.float64) / 60.0
    rate = Rate(linear_stretches(rates, 60.0))
    assert rate.duration_s == pytest.approx(60.0 * len(counts))
    assert rate.arrivals == pytest.approx(sum(counts))
    middles = (np.arange(len(counts)) + 0.5) * 60.0
    assert np.allclose(rate.at(middles), rates)


def test_the_rate_of_a_wave_arrives_as_asked():
    """Counts of 40 periods in 20 parts of the period, chi-square over them; a false alarm in a million."""
    from scipy.stats import chi2

    rate = Rate([WaveStretch(400.0, 250.0, 1.9, 10.0)])
    instant_s = arrivals_until(POISSON_GAPS, 3, 0, rate) * 1e-9
    seen = np.histogram(instant_s % 10.0, np.linspace(0, 10, 21))[0]
    expected = 40 * np.diff(rate.cumulated(np.linspace(0, 10, 21)))
    assert ((seen - expected) ** 2 / expected).sum() < chi2.isf(1e-6, 20)


def test_a_counted_wave_begins_as_a_timed_one():
    endless, ending = Rate([WaveStretch(math.inf, 20.0, 1.5, 7.0)]), Rate([WaveStretch(60.0, 20.0, 1.5, 7.0)])
    until = arrivals_until(POISSON_GAPS, 3, 0, ending)
    assert np.array_equal(arrivals_counted(POISSON_GAPS, 3, 0, endless, len(until)), until)
    assert len(arrivals_counted(POISSON_GAPS, 3, 0, ending, 10 * len(until))) == len(until)


@given(st.floats(1e-3, 1e6), st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=50), st.booleans())
def test_a_constant_rate_alone_has_the_instants_of_the_formula_to_the_last_bit(per_s, levels, ends):
    level = np.sort(levels)
    rate = Rate([LinearStretch(float(level[-1]) / per_s if ends else math.inf, per_s, per_s)])
    formula = 2.0 * level / (per_s + np.sqrt(per_s * per_s))
    np.testing.assert_array_equal(rate.instants(level), np.minimum(formula, rate.duration_s))


STRETCHES = st.one_of(
    st.builds(LinearStretch, st.floats(0.1, 99), st.floats(0, 9), st.floats(0, 9)),
    st.builds(WaveStretch, st.floats(0.1, 99), st.floats(0.1, 9), st.floats(1, 2), st.floats(1, 50)),
)


@given(STRETCHES, st.floats(0, 12))
def test_the_time_above_a_rate_is_what_a_fine_grid_says(stretch, level):
    """A fine grid misses at most two of them at each crossing, of which there are four a period or less."""
    points = 20_000
    at = (np.arange(points) + 0.5) / points * stretch.duration_s
    above = np.count_nonzero(Rate([stretch]).at(at) > level) / points * stretch.duration_s
    crossings = 1 + 4 * (1 + stretch.duration_s / stretch.period_s if isinstance(stretch, WaveStretch) else 1)
    assert abs(stretch.seconds_above(level) - above) <= 2 * crossings * stretch.duration_s / points
