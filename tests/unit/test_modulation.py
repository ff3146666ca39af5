"""Modulated arrivals: states, their rates and shares of time, and the index of dispersion of what arrives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conftest import drawn, long_run, slow
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.laws import Law
from simulator.workload.arrivals import POISSON_GAPS, arrivals_counted, arrivals_until, epochs, epochs_until
from simulator.workload.modulation import Modulation, TooManyDwells, modulated
from simulator.workload.rates import LinearStretch, Rate, WaveStretch

BURSTS = Modulation.of([1, 5], [2.0, 0.5])
THREE = Modulation.of([0, 1, 3], [1.0, 0.5, 2.0])


def constant(rate_per_s: float, duration_s: float = math.inf) -> Rate:
    return Rate([LinearStretch(duration_s, rate_per_s, rate_per_s)])


@pytest.mark.parametrize("states", [BURSTS, THREE, Modulation.of([2, 7, 1], [3.0])])
def test_rates_are_rescaled_so_that_their_mean_over_time_is_one(states):
    assert np.dot(states.factors, states.dwells_s) / sum(states.dwells_s) == pytest.approx(1.0, rel=1e-14)
    assert len(states.factors) == len(states.dwells_s)


def test_a_longer_path_begins_with_a_shorter_one():
    edge_s, factor = THREE.path(5, 2, 500)
    for count in (1, 7, 499):
        fewer_s, fewer = THREE.path(5, 2, count)
        assert np.array_equal(fewer_s, edge_s[: count + 1])
        assert np.array_equal(fewer, factor[:count])


def test_states_come_in_order_and_stay_as_long_as_they_should():
    """Five standard errors: a false alarm in a million, for each of the three means."""
    edge_s, factor = THREE.path(1, 0, 30_000)
    state = np.searchsorted(THREE.factors, factor)
    assert np.all(np.diff(state) % 3 == 1)
    for which, mean_s in enumerate(THREE.dwells_s):
        dwell_s = np.diff(edge_s)[state == which]
        assert abs(dwell_s.mean() / mean_s - 1) < 5 / math.sqrt(len(dwell_s))


def test_the_first_state_is_drawn_in_proportion_to_dwell():
    """Of 4,000 replications; five standard errors."""
    first = np.array([THREE.path(9, replication, 1)[1][0] for replication in range(4000)])
    for factor, dwell_s in zip(THREE.factors, THREE.dwells_s, strict=True):
        share = dwell_s / sum(THREE.dwells_s)
        assert abs((first == factor).mean() - share) < 5 * math.sqrt(share * (1 - share) / 4000)


def test_the_product_cumulates_to_the_integral_of_rate_and_factor():
    base = Rate([WaveStretch(20.0, 30.0, 1.7, 8.0)])
    rate = modulated(THREE, 3, 1, base, 20.0)
    time_s = np.linspace(0, 20.0, 400_001)
    level = rate.at(time_s)
    integral = np.concatenate([[0], np.cumsum((level[1:] + level[:-1]) / 2 * np.diff(time_s))])
    assert np.allclose(rate.cumulated(time_s), integral, atol=0.02)
    assert rate.arrivals == pytest.approx(integral[-1], abs=0.02)


BASES = st.sampled_from(
    [
        [LinearStretch(5.0, 40.0, 40.0)],
        [LinearStretch(1.0, 0.0, 0.0), LinearStretch(3.0, 0.0, 90.0), LinearStretch(2.0, 50.0, 0.0)],
        [WaveStretch(6.0, 50.0, 2.0, 1.5)],
        [LinearStretch(1.0, 9.0, 9.0), WaveStretch(6.0, 50.0, 1.2, 40.0)],
    ]
)


@drawn(60)
@given(BASES, st.sampled_from([BURSTS, THREE, Modulation.of([1, 9], [0.01, 0.02])]), st.integers(0, 2**40))
def test_arrivals_are_in_order_and_the_inverse_undoes_the_product(pieces, states, seed):
    base = Rate(pieces)
    rate = modulated(states, seed, 0, base, base.duration_s)
    epoch = epochs_until(POISSON_GAPS, seed, 0, rate.arrivals)
    instant_s = rate.instants(epoch)
    assert np.all(np.diff(instant_s) >= 0)
    assert np.allclose(rate.cumulated(instant_s), epoch, rtol=1e-9, atol=1e-9)
    arrival_ns = arrivals_until(POISSON_GAPS, seed, 0, rate)
    assert np.all(np.diff(arrival_ns) >= 0)
    assert len(arrival_ns) == len(epoch)


def test_counted_arrivals_do_not_depend_on_how_many_there_are():
    def counted(count: int) -> np.ndarray:
        last = float(epochs(POISSON_GAPS, 4, 0, count)[-1])
        return arrivals_counted(POISSON_GAPS, 4, 0, modulated(BURSTS, 4, 0, constant(20.0), 0.0, last), count)

    many = counted(5000)
    for count in (1, 100, 4999):
        assert np.array_equal(counted(count), many[:count])
    ending = modulated(BURSTS, 4, 0, constant(20.0, 30.0), 30.0)
    until = arrivals_until(POISSON_GAPS, 4, 0, ending)
    assert np.array_equal(until, many[: len(until)])


def test_nothing_arrives_in_a_state_without_rate():
    rate = modulated(THREE, 8, 0, constant(100.0, 50.0), 50.0)
    instant_s = arrivals_until(POISSON_GAPS, 8, 0, rate) * 1e-9
    assert len(instant_s) > 1000
    inside = np.clip(np.searchsorted(rate.edge_s, instant_s, side="right") - 1, 0, len(rate.factor) - 1)
    edges = np.minimum(np.abs(instant_s - rate.edge_s[inside]), np.abs(instant_s - rate.edge_s[inside + 1]))
    assert np.all((rate.factor[inside] > 0) | (edges < 1e-8))


def test_states_that_change_too_often_are_refused():
    with pytest.raises(TooManyDwells):
        modulated(Modulation.of([1, 5], [1e-9]), 1, 0, constant(1.0, 1000.0), 1000.0)


@pytest.mark.parametrize("window_s", [0.1, 1.0, 10.0, math.inf])
def test_dispersion_of_two_states_has_its_closed_form(window_s):
    """Fischer and Meier-Hellstern (1993), equation for I(t) of the MMPP of two states."""
    rate_per_s, (low, high), (one, two) = 3.0, BURSTS.factors, BURSTS.dwells_s
    leave = 1 / one, 1 / two
    l1, l2, r = 3.0 * low, 3.0 * high, sum(leave)
    limit = 2 * leave[0] * leave[1] * (l1 - l2) ** 2 / (r**2 * (l1 * leave[1] + l2 * leave[0]))
    at = limit * (1 - (1 - math.exp(-r * window_s)) / (r * window_s)) if math.isfinite(window_s) else limit
    assert BURSTS.dispersion(rate_per_s, window_s) == pytest.approx(1 + at, rel=1e-9)


def dispersion_of(counts: np.ndarray) -> tuple[float, float]:
    """Variance over mean of independent counts, and its standard error, from their own moments (delta method)."""
    mean, variance = counts.mean(), counts.var(ddof=1)
    influence = (counts - mean) ** 2 / mean - variance / mean - variance * (counts - mean) / mean**2
    return variance / mean, influence.std() / math.sqrt(len(counts))


@pytest.mark.parametrize("states", [BURSTS, THREE])
@pytest.mark.parametrize("window_s", [0.5, 4.0])
def test_counts_have_the_dispersion_that_is_stated(states, window_s):
    """Windows of 4,000 replications, each stationary from 0 on; five standard errors: a false alarm in a million."""
    base = constant(6.0, window_s)
    counts = np.array(
        [
            len(arrivals_until(POISSON_GAPS, 17, replication, modulated(states, 17, replication, base, window_s)))
            for replication in range(4000)
        ]
    )
    seen, error = dispersion_of(counts)
    assert error < 0.1 * seen
    assert abs(seen - states.dispersion(6.0, window_s)) < 5 * error
    assert abs(counts.mean() - 6.0 * window_s) < 5 * counts.std() / math.sqrt(len(counts))


@long_run
@slow
@pytest.mark.parametrize("cv", [0.25, 0.5**0.5, 2.0])
def test_counts_of_gamma_gaps_have_the_dispersion_of_the_renewal_process(cv):
    """P(n or more until t) = P(gamma of shape n / cv^2 <= t / cv^2); 20,000 windows of 8 mean gaps, five errors."""
    from scipy.special import gammainc

    window, shape = 8.0, 1 / cv**2
    many = np.arange(1, 2000)
    at_least = gammainc(many * shape, window * shape)
    mean = at_least.sum()
    variance = ((2 * many - 1) * at_least).sum() - mean**2
    gaps = Law.gamma(1.0, cv)
    counts = np.array([len(epochs_until(gaps, 23, replication, window)) for replication in range(20_000)])
    seen, error = dispersion_of(counts)
    assert abs(seen - variance / mean) < 5 * error
    assert abs(counts.mean() - mean) < 5 * counts.std() / math.sqrt(len(counts))


@pytest.mark.parametrize("cv", [0.25, 1.0, 4.0])
def test_gamma_gaps_have_the_mean_and_cv_asked_for(cv):
    gaps = np.diff(epochs(Law.gamma(1.0, cv), 5, 0, 200_000))
    error = cv / math.sqrt(len(gaps))
    assert abs(gaps.mean() - 1) < 5 * error
    spread = ((gaps - 1) ** 2).std() / math.sqrt(len(gaps))  # of the variance
    assert abs(gaps.var() - cv**2) < 5 * spread + 2e-4 * cv**2


def test_epochs_of_gamma_gaps_do_not_depend_on_how_they_are_cut():
    gaps = Law.gamma(1.0, 1.7)
    whole = epochs(gaps, 3, 1, 1000)
    head = epochs(gaps, 3, 1, 400)
    tail = epochs(gaps, 3, 1, 600, 400, float(head[-1]))
    assert np.array_equal(whole, np.concatenate([head, tail]))
    assert np.array_equal(epochs_until(gaps, 3, 1, float(whole[500])), whole[:500])
