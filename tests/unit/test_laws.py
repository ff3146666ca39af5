"""Laws against scipy.stats: quantiles, moments and distribution functions; and the binomial parts of a hashed split."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from simulator.core import elementary
from simulator.core.elementary import normal_quantile
from simulator.core.laws import Law, LawTable, gamma, sampling
from simulator.core.laws.family import Statement
from simulator.core.laws.sampling import FAMILIES
from simulator.core.split import part

BY_NAME = {family.name: family for family in FAMILIES}
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


def table_error(cv: float) -> float:
    """The stated relative error of a gamma table's quantiles: of linear steps h in the logit, (h cv^2)^2 / 8."""
    return max(1e-4, (2 * gamma.LOGIT_END / 4096 * cv**2) ** 2 / 8)


@pytest.mark.parametrize("cv", [0.2, 0.5, 1.0, 2.0, 4.0])
def test_a_gamma_table_agrees_with_scipy(cv):
    law, theirs = Law.gamma(3.0, cv), scipy.stats.gamma(1 / cv**2, scale=3.0 * cv**2)
    u = np.concatenate([[1e-6], np.linspace(0.001, 0.999, 500), [1 - 1e-6]])
    exact = theirs.ppf(u)
    matters = exact > 1e-3  # far below the mean of 3 it does not matter how many times nothing it is
    assert np.allclose(law.quantiles(u)[matters], exact[matters], rtol=table_error(cv))
    assert np.allclose(law.cdf(exact), u, rtol=1e-9)
    assert law.mean() == pytest.approx(3.0, rel=1e-12)
    assert law.cv2() == pytest.approx(cv**2, rel=1e-12)
    assert law.percentile(0.3) == law.quantile(0.3)
    mean, second = table_moments(law)
    assert mean == pytest.approx(3.0, rel=1e-8), "what is drawn has the stated mean, up to this integral's own error"
    assert math.sqrt(second / mean**2 - 1) == pytest.approx(cv, rel=1e-4)


def table_moments(law: Law) -> tuple[float, float]:
    """Mean and mean square of what is drawn, by Gauss-Legendre over the logit of the uniform."""
    node, weight = np.polynomial.legendre.leggauss(64)
    edges = np.linspace(-27.7, 27.7, 400)
    logit = (edges[:-1, None] + edges[1:, None]) / 2 + node * np.diff(edges)[:, None] / 2
    density = 1 / (2 + np.exp(logit) + np.exp(-logit))
    u = 1 / (1 + np.exp(-logit))
    value = law.quantiles(np.clip(u.ravel(), 1e-300, 1 - 2**-53)).reshape(u.shape)
    part = density * weight * np.diff(edges)[:, None] / 2
    return float((value * part).sum()), float((value**2 * part).sum())


def test_a_hyperexponential_has_two_parts_of_equal_mean():
    law = Law.hyperexponential(1.0, 2.0)  # of the oracles: p = .887298, rates 1.774597 and .225403
    assert (law.c, 1 / law.a, 1 / law.b) == pytest.approx((0.8872983346, 1.7745966692, 0.2254033308), rel=1e-9)
    assert law.mean() == pytest.approx(1.0)
    assert law.cv2() == pytest.approx(4.0)
    assert Law.hyperexponential(1.0, 1.0).cdf(np.array([1.0]))[0] == pytest.approx(1 - math.exp(-1))


SAMPLED = {
    "hyperexponential": Law.hyperexponential(2.0, 3.0),
    "gamma": Law.gamma(2.0, 0.7),
    "empirical": Law.empirical([3.0, 1.0, 4.0, 1.0, 5.0]),
    "points": Law.empirical_cdf([1.0, 2.0, 2.0, 6.0], [0.1, 0.3, 0.5, 1.0]),
    "percentiles": Law.percentiles({20.0: 0.5, 50.0: 2.0, 90.0: 2.0, 99.0: 4.5}),
    "mixture": Law.mixture([(1, Law.constant(1.0)), (2, Law.exponential(3.0)), (1, Law.gamma(2.0, 0.5))]),
    "mixture of files": Law.mixture([(1, Law.empirical([2.0, 7.0])), (3, Law.empirical_cdf([0.0, 9.0], [0.0, 1.0]))]),
}


@pytest.mark.parametrize("name", SAMPLED)
def test_what_is_drawn_has_the_distribution_moments_and_percentiles_that_are_stated(name):
    law = SAMPLED[name]
    u = (np.arange(200_000) + 0.5) / 200_000
    drawn = np.sort(law.quantiles(u))
    for p in (0.05, 0.3, 0.5, 0.9, 0.99):
        x = law.percentile(p)
        assert np.searchsorted(drawn, x * (1 + 1e-6), side="right") / len(u) >= p - 1e-4
        assert np.searchsorted(drawn, x * (1 - 1e-6), side="left") / len(u) <= p + 1e-4
    seen = np.searchsorted(drawn, [0.5, 1.0, 2.0, 2.5, 4.0], side="right") / len(u)
    assert np.allclose(law.cdf(np.array([0.5, 1.0, 2.0, 2.5, 4.0])), seen, atol=2e-4)
    assert drawn.mean() == pytest.approx(law.mean(), rel=2e-3)
    assert (drawn**2).mean() == pytest.approx(law.second_moment(), rel=2e-2)
    assert law.scaled(5.0).quantile(0.3) == pytest.approx(5 * law.quantile(0.3), rel=1e-12)
    assert law.scaled(5.0).percentile(0.3) == pytest.approx(5 * law.percentile(0.3), rel=1e-9)
    assert not law.is_constant()
    assert law.least() <= drawn[0] + 1e-9


def test_an_empirical_law_is_the_step_function_of_its_order_statistics():
    law = Law.empirical([5.0, 1.0, 3.0, 1.0])
    assert law.quantiles(np.array([0.1, 0.3, 0.49, 0.51, 0.74, 0.76, 0.999])).tolist() == [1, 1, 1, 3, 3, 5, 5]
    assert law.cdf(np.array([0.0, 1.0, 2.9, 3.0, 5.0])).tolist() == [0.0, 0.5, 0.5, 0.75, 1.0]
    assert Law.empirical([2.0, 2.0]).is_constant()


def test_a_law_between_points_is_linear_between_them_with_atoms_where_the_share_jumps():
    law = Law.empirical_cdf([1.0, 3.0, 3.0, 5.0], [0.2, 0.4, 0.6, 1.0])
    found = law.quantiles(np.array([0.1, 0.2, 0.3, 0.5, 0.8]))
    assert found == pytest.approx([1.0, 1.0, 2.0, 3.0, 4.0])
    assert law.cdf(np.array([0.9, 1.0, 2.0, 3.0, 4.0, 5.0, 9.0])) == pytest.approx([0, 0.2, 0.3, 0.6, 0.8, 1, 1])
    assert law.mean() == pytest.approx(0.2 * 1 + 0.2 * 2 + 0.2 * 3 + 0.4 * 4)


def test_mixtures_of_equal_constants_are_constant():
    assert Law.mixture([(1, Law.constant(2.0)), (1, Law.constant(2.0))]).is_constant()
    assert not Law.mixture([(1, Law.constant(2.0)), (1, Law.constant(3.0))]).is_constant()


@given(st.lists(st.sampled_from([*SAMPLED.values(), *(law for law, _ in LAWS.values())]), min_size=1, max_size=6))
def test_laws_are_laid_out_and_read_back(laws):
    table = LawTable.of(laws)
    for index, law in enumerate(laws):
        again = table.law(index)
        assert (again.kind, again.a, again.b, again.c, again.points) == (law.kind, law.a, law.b, law.c, law.points)
        assert [part.kind for _, part in again.parts] == [part.kind for _, part in law.parts]
        for u in (0.01, 0.4, 0.93):
            assert sampling.quantile(table.laws, table.parts, table.points, index, u) == law.quantile(u)


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


@given(st.floats(1e-300, 1e300))
def test_the_logarithm_is_within_a_unit_in_the_last_place(x):
    exact = math.log(x)
    assert abs(elementary.log(x) - exact) <= math.ulp(exact)


@given(st.floats(-707.0, 708.0))
def test_the_exponential_is_within_a_unit_in_the_last_place(x):
    exact = math.exp(x)
    assert abs(elementary.exp(x) - exact) <= math.ulp(exact)


def test_the_exponential_ends_in_nothing_and_in_infinity():
    assert (elementary.exp(-709.0), elementary.exp(-800.0)) == (0.0, 0.0)
    assert (elementary.exp(710.0), elementary.exp(1e300)) == (math.inf, math.inf)
    assert (elementary.exp(0.0), elementary.log(1.0), elementary.power(2.0, 3.0)) == (1.0, 0.0, pytest.approx(8.0))


#: A family, the form, arguments, and what is wrong with each of those named (empty: with the law as a whole).
REFUSED = [
    ("uniform", "quantity", {"low": 1.0, "high": 3.0}, {}),
    ("uniform", "quantity", {"low": 2.0, "high": 1.0}, {"high": "must not be below low"}),
    ("uniform", "factor", {"low": 0.5}, {}),
    ("uniform", "factor", {"low": 1.5}, {"low": "a factor has mean 1"}),
    ("lognormal", "quantity", {"cv": 0.5, "mean": 1.0}, {}),
    ("lognormal", "quantity", {"cv": 2000.0, "mean": 1.0}, {"cv": "at most 1000"}),
    ("lognormal", "quantity", {"cv": 0.5, "mean": 1.0, "p50": 1.0}, {"": "either mean and cv, or p50 and p99"}),
    ("lognormal", "quantity", {"mean": 1.0}, {"": "needs mean and cv"}),
    ("lognormal", "quantity", {"p50": 2.0, "p99": 1.0}, {"p99": "must not be below p50"}),
    ("lognormal", "quantity", {"p50": 1.0, "p99": 1e7}, {"p99": "at most 1e+06 times p50"}),
    ("lognormal", "quantity", {"p50": 1.0, "p99": 9.0}, {}),
    ("lognormal", "factor", {"cv": 0.5}, {}),
    ("weibull", "quantity", {"mean": 1.0, "shape": 0.5}, {}),
    ("weibull", "factor", {"shape": 0.01}, {"shape": "at least 0.1"}),
    ("pareto", "quantity", {"shape": 2.0, "minimum": 1.0}, {}),
    ("pareto", "quantity", {"shape": 2.0, "minimum": 1.0, "maximum": 1.0}, {"maximum": "above minimum"}),
    ("pareto", "quantity", {"shape": 2.0, "minimum": 1.0, "maximum": 1e9}, {"maximum": "never reached"}),
    ("pareto", "quantity", {"shape": 1.0, "minimum": 1.0}, {"shape": "infinite mean"}),
    ("pareto", "factor", {"shape": 0.9, "spread": 100.0}, {}),
    ("pareto", "factor", {"shape": 0.9, "spread": 1.0}, {"spread": "must be above 1"}),
    ("pareto", "factor", {"shape": 2.0, "spread": 1e9}, {"spread": "never reached"}),
    ("pareto", "factor", {"shape": 0.9}, {"shape": "give a spread (maximum / minimum)"}),
    ("gamma", "quantity", {"cv": 5.0, "mean": 1.0}, {"cv": "at most 4"}),
    ("gamma", "factor", {"cv": 1.0}, {}),
    ("hyperexponential", "quantity", {"cv": 0.5, "mean": 1.0}, {"cv": "from 1 to 1000"}),
    ("hyperexponential", "factor", {"cv": 2.0}, {}),
    ("constant", "quantity", {"value": 1.0}, {}),
    ("exponential", "factor", {}, {}),
]


@pytest.mark.parametrize(("name", "form", "arguments", "wrong"), REFUSED)
def test_what_arguments_say_against_each_other(name, form, arguments, wrong):
    statement = getattr(BY_NAME[name], form)
    said = {"".join(path): message for path, message in statement.refusals(**arguments)}
    assert said.keys() == wrong.keys()
    assert all(message in said[path] for path, message in wrong.items())
    if not wrong:
        law = Law.of(statement.terms(**arguments))
        assert law.mean() == pytest.approx(1.0) or form == "quantity"


def test_a_statement_has_an_example_of_every_way_and_none_is_refused():
    for family in FAMILIES:
        for statement in (family.quantity, family.factor):
            if isinstance(statement, Statement):
                examples = statement.examples()
                assert len(examples) == len(statement.ways)
                assert not any(list(statement.refusals(**example)) for example in examples)
                assert all(Law.of(statement.terms(**example)).family.name == family.name for example in examples)


def test_laws_without_spread_are_constant():
    constant = Law.constant(2.0)
    alike = [Law.uniform(2.0, 2.0), Law.lognormal(2.0, 0.0), Law.gamma(2.0, 0.0), Law.empirical([2.0, 2.0])]
    alike += [Law.empirical_cdf([2.0, 2.0], [0.5, 1.0]), Law.mixture([(1, constant), (2, constant)])]
    x = np.array([1.9, 2.0, 2.1])
    for law in (constant, *alike):
        assert law.is_constant()
        assert law.mean() == pytest.approx(2.0)
        assert np.allclose(law.cdf(x + 1e-12), [0.0, 1.0, 1.0])
        assert law.scaled(3.0).quantile(0.3) == pytest.approx(6.0)
    assert Law.none().is_constant() and Law.none().mean() == 0.0
    assert not Law.mixture([(1, constant), (2, Law.constant(3.0))]).is_constant()
    assert not Law.exponential(1.0).is_constant()


def test_a_law_by_percentiles_is_a_line_of_log_value_over_log_share_above():
    law = Law.percentiles({50.0: 4.0, 90.0: 12.0, 99.0: 36.0})
    assert [law.percentile(p) for p in (0.1, 0.5, 0.9, 0.99)] == pytest.approx([4.0, 4.0, 12.0, 36.0])
    assert law.percentile(1 - math.sqrt(0.1 * 0.01)) == pytest.approx(math.sqrt(12 * 36)), "half way, in logs"
    assert law.percentile(0.999) == pytest.approx(36 * 3), "the last slope: three times a decade"
    assert law.percentile(1 - 1e-7) == law.percentile(1 - 1e-9) == pytest.approx(36 * 3**4)
    u = (np.arange(1_000_000) + 0.5) / 1_000_000
    for power in (1, 2):
        assert law.moment(power) == pytest.approx(float(np.mean(law.quantiles(u) ** power)), rel=2e-3)
    assert np.all(np.diff(law.quantiles(u)) >= 0)
    assert Law.percentiles({50.0: 3.0, 99.0: 3.0}).is_constant()
    infinite_by_logs = Law.percentiles({50.0: 1.0, 75.0: 2.0})  # doubles as the share above halves: exponent -1
    assert infinite_by_logs.mean() == pytest.approx(0.5 + 0.5 * math.log(0.5 / 1e-6) + 0.5, rel=1e-9)


def test_weights_that_overflow_in_sum_are_shares_like_others():
    parts = [(1e308, Law.constant(1.0)), (1e308, Law.constant(3.0))]
    assert Law.mixture(parts).mean() == pytest.approx(2.0)
