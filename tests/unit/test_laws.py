"""Laws against scipy.stats: quantiles, moments and distribution functions; and the binomial parts of a hashed split."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.laws import Law
from simulator.core.sampling import normal_quantile
from simulator.core.split import part

LAWS = {
    "uniform": (Law.uniform(2.0, 6.0), scipy.stats.uniform(2.0, 4.0)),
    "exponential": (Law.exponential(3.0), scipy.stats.expon(scale=3.0)),
    "lognormal": (
        Law.lognormal(2.0, 0.7),
        scipy.stats.lognorm(math.sqrt(math.log(1.49)), scale=2.0 / math.sqrt(1.49)),
    ),
    "lognormal by percentiles": (
        Law.lognormal_quantiles(1.0, 10.0),
        scipy.stats.lognorm(math.log(10.0) / scipy.stats.norm.ppf(0.99), scale=1.0),
    ),
    "weibull": (Law.weibull(2.0, 1.5), scipy.stats.weibull_min(1.5, scale=2.0 / math.gamma(1 + 1 / 1.5))),
    "pareto": (Law.pareto(0.6, 4.5), scipy.stats.pareto(4.5, scale=0.6)),
    "bounded pareto": (Law.pareto(1.0, 1.2, 50.0), scipy.stats.truncpareto(1.2, 50.0)),
}


@pytest.mark.parametrize("name", LAWS)
def test_a_law_agrees_with_scipy(name):
    law, theirs = LAWS[name]
    u = np.concatenate([[1e-12, 1e-6], np.linspace(0.001, 0.999, 200), [1 - 1e-6, 1 - 1e-12]])
    assert np.allclose(law.quantiles(u), theirs.ppf(u), rtol=1e-9)
    assert np.allclose(law.cdf(theirs.ppf(u)), u, rtol=1e-9, atol=1e-12)
    assert law.mean() == pytest.approx(theirs.mean(), rel=1e-9)
    assert law.second_moment() == pytest.approx(theirs.var() + theirs.mean() ** 2, rel=1e-7)
    assert law.cv2() == pytest.approx(theirs.var() / theirs.mean() ** 2, rel=1e-6)


@pytest.mark.parametrize("name", LAWS)
def test_a_scaled_law_is_the_law_of_the_scaled_value(name):
    law, _ = LAWS[name]
    for u in (0.01, 0.5, 0.99):
        assert law.scaled(1e9).quantile(u) == pytest.approx(1e9 * law.quantile(u), rel=1e-12)


@pytest.mark.parametrize("name", LAWS)
def test_moments_are_integrals_of_the_quantile(name):
    law, _ = LAWS[name]
    node, weight = np.polynomial.legendre.leggauss(400)
    u = (node + 1) / 2
    for power in (1, 2):
        integral = float((law.quantiles(u) ** power * weight / 2).sum())
        assert law.moment(power) == pytest.approx(integral, rel=0.03)


def test_constants_and_absence():
    assert Law.constant(3.0).quantile(0.7) == 3.0
    assert Law.constant(3.0).cv2() == 0.0
    assert Law.none().quantile(0.5) == 0.0
    assert Law.none().mean() == 0.0
    assert Law.constant(3.0).cdf(np.array([2.9, 3.0])).tolist() == [0.0, 1.0]
    assert Law.uniform(2.0, 2.0).is_constant()
    assert Law.uniform(2.0, 2.0).cdf(np.array([1.9, 2.0])).tolist() == [0.0, 1.0]
    assert Law.lognormal(2.0, 0.0).cdf(np.array([1.9, 2.1])).tolist() == [0.0, 1.0]
    assert Law.pareto(1.0, 0.9).mean() == math.inf
    assert Law.pareto(1.0, 1.5).cv2() == math.inf
    assert Law.pareto(1.0, 2.0, 10.0).moment(2) == pytest.approx(2 * math.log(10) / (1 - 0.01))


@given(st.floats(1e-300, 1 - 1e-16))
def test_the_normal_quantile_is_that_of_scipy(u):
    assert normal_quantile(u) == pytest.approx(scipy.stats.norm.ppf(u), rel=1e-12, abs=1e-14)


@given(st.sampled_from(list(LAWS)), st.floats(1e-9, 1 - 1e-9), st.floats(1e-9, 1 - 1e-9))
def test_quantiles_do_not_decrease(name, one, two):
    law, _ = LAWS[name]
    low, high = sorted((one, two))
    assert law.quantile(low) <= law.quantile(high)


@given(st.integers(0, 3000), st.floats(0.0, 1.0), st.floats(1e-9, 1 - 1e-9))
def test_a_part_is_the_binomial_quantile(n, p, u):
    k = part(n, p, u)
    assert 0 <= k <= n
    below, reached = scipy.stats.binom.cdf([k - 1, k], n, p)
    assert below <= u + 1e-9
    assert reached >= u - 1e-9


def test_large_parts_are_normal():
    n, p = 10_000_000, 0.3
    assert part(n, p, 0.5) == 3_000_000
    spread = part(n, p, 0.975) - 3_000_000
    assert spread == pytest.approx(1.96 * math.sqrt(n * p * (1 - p)), rel=1e-3)
    assert part(0, 0.5, 0.5) == 0
    assert part(10, 1.0, 0.5) == 10
    assert part(10, 0.0, 0.5) == 0
    assert part(10, math.nan, 0.5) == 0
