"""Differences of two runs: each formula by its own definition, slowly."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st

from simulator.stats.paired import Difference, LeftOut, independent, paired, quantile_left_out, ratio_left_out
from simulator.stats.quantiles import Series, fraction
from simulator.stats.share import Layout

values = st.one_of(st.sampled_from([0.0, 1.0, 2.0, 2.0, 5.0, math.inf]), st.floats(0, 1e12))
groups = st.lists(st.lists(values, min_size=1, max_size=12), min_size=1, max_size=6)
parts = st.sampled_from([0.001, 0.05, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999])


def quantile_slowly(some: list[list[float]], p: float) -> float:
    pooled = sorted(x for group in some for x in group)
    return pooled[math.ceil(fraction(p) * len(pooled)) - 1] if pooled else math.nan


@given(groups, parts)
def test_a_quantile_without_each_replication_is_that_of_the_others(some, p):
    found = quantile_left_out([np.sort(np.array(group)) for group in some], p)
    assert found.value == quantile_slowly(some, p)
    others = [quantile_slowly(some[:r] + some[r + 1 :], p) for r in range(len(some))]
    np.testing.assert_array_equal(found.without, others)
    series = Series(np.array([x for group in some for x in group]), Layout.of([len(group) for group in some]))
    assert found.value == series.order_statistic(p)


amounts = st.integers(1, 8).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(0, 100).map(float), min_size=n, max_size=n) for _ in range(2)))
)


@given(amounts)
def test_a_ratio_without_each_replication_is_that_of_the_others(both):
    amount, weight = map(np.array, both)
    found = ratio_left_out(amount, weight)
    for r, without in enumerate(found.without):
        rest = np.delete(weight, r).sum()
        if rest > 0:
            assert without == np.delete(amount, r).sum() / rest
        else:
            assert not math.isfinite(without)
    if weight.sum() > 0:
        assert found.value == amount.sum() / weight.sum()


def test_nothing_is_known_of_nothing():
    found = ratio_left_out([1.0, 2.0], [0.0, 0.0])
    assert not math.isfinite(found.value)
    assert not found.is_finite


def of(some: list[float]) -> LeftOut:
    """The mean of equal weights."""
    return ratio_left_out(some, np.ones(len(some)))


samples = st.lists(st.floats(0.1, 100), min_size=4, max_size=12)
pairs = st.integers(4, 12).flatmap(
    lambda n: st.tuples(*(st.lists(st.floats(0.1, 100), min_size=n, max_size=n) for _ in range(2)))
)


@given(pairs)
def test_of_means_it_is_the_paired_t_interval(both):
    a, b = map(np.array, both)
    assume((b - a).std() > 1e-3)
    found = paired(of(a), of(b)).absolute
    expected = scipy.stats.ttest_rel(b, a).confidence_interval(0.95)
    assert found.value == pytest.approx((b - a).mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-6)


@given(samples, samples)
def test_of_independent_means_it_is_welchs(a, b):
    assume(np.std(a) > 1e-3 and np.std(b) > 1e-3)
    found = independent(of(a), of(b))
    squares = [np.var(some, ddof=1) / len(some) for some in (a, b)]
    expected = scipy.stats.ttest_ind(b, a, equal_var=False)
    assert found.degrees == pytest.approx(math.floor(expected.df), abs=1)
    assert found.degrees <= expected.df + 1e-6
    half = scipy.stats.t.ppf(0.975, found.degrees) * math.sqrt(sum(squares))
    difference = np.mean(b) - np.mean(a)
    ends = found.absolute.low, found.absolute.high
    assert ends == pytest.approx((difference - half, difference + half), rel=1e-6, abs=1e-6)


@given(groups.filter(lambda some: len(some) >= 4), st.randoms(use_true_random=False), parts)
def test_a_minus_b_is_b_minus_a_turned_over(some, random, p):
    finite = [[min(x, 1e6) for x in group] for group in some]
    others = [[x * random.choice([1, 1, 1.5, 2]) for x in group] for group in finite]
    a, b = (quantile_left_out([np.sort(np.array(group)) for group in these], p) for these in (finite, others))
    for gap in (paired, independent):
        forth, back = gap(a, b).absolute, gap(b, a).absolute
        turned = (-back.value, -back.high, -back.low)
        assert (forth.value, forth.low, forth.high) == (turned if gap is paired else pytest.approx(turned, rel=1e-12))
        assert gap(a, b).sign == -gap(b, a).sign


@given(groups.filter(lambda some: len(some) >= 4), parts)
def test_between_equals_there_is_exactly_nothing(some, p):
    one = quantile_left_out([np.sort(np.array(group)) for group in some], p)
    assume(one.is_finite)
    found = paired(one, one)
    assert (found.absolute.value, found.absolute.low, found.absolute.high) == (0.0, 0.0, 0.0)
    assert math.copysign(1, found.absolute.low) == 1, "not -0.0, which prints"
    assert found.relative.value == 0
    assert found.sign == 0
    assert found.exceeds(0.0) is False
    assert found.exceeds(0.0, falls=True) is False


@given(pairs, st.floats(0, 1), st.booleans())
def test_the_relative_interval_holds_what_a_limit_cannot_decide(both, limit, falls):
    """Fieller: rho lies in it if and only if the interval of B - A - rho A holds 0."""
    gap = paired(of(both[0]), of(both[1]))
    found, said = gap.relative, gap.exceeds(limit, falls=falls)
    if found.low is None:
        assert paired(of([0.0] * len(both[0])), of(both[0])).sign == 0, "A cannot be told from 0"
        return
    assert found.low <= found.value <= found.high
    assert found.value == pytest.approx(np.mean(both[1]) / np.mean(both[0]) - 1, abs=1e-9)
    rho = -limit if falls else limit
    assume(min(abs(found.low - rho), abs(found.high - rho)) > 1e-6)
    inside = found.low < rho < found.high
    assert (said is None) == inside
    if not inside:
        assert said == ((rho > found.high) if falls else (rho < found.low))
    assume(min(abs(found.low), abs(found.high)) > 1e-9)
    assert gap.sign == (1 if found.low > 0 else -1 if found.high < 0 else 0)


@given(samples, samples)
def test_relative_ends_of_independent_runs_are_where_b_less_a_multiple_of_a_may_be_0(a, b):
    gap = independent(of(a), of(b))
    t = scipy.stats.t.ppf(0.975, gap.degrees)
    for rho in (gap.relative.low, gap.relative.high):
        assume(rho is not None and abs(rho) < 1e3)
        variance = np.var(b, ddof=1) / len(b) + (1 + rho) ** 2 * np.var(a, ddof=1) / len(a)
        assert abs(np.mean(b) - (1 + rho) * np.mean(a)) == pytest.approx(t * math.sqrt(variance), rel=1e-5, abs=1e-6)


def test_a_constant_change_is_known_exactly():
    gap = paired(of([100.0] * 4), of([105.0] * 4))
    assert (gap.absolute.low, gap.absolute.high) == (5, 5)
    assert (gap.relative.low, gap.relative.high) == (0.05, 0.05)
    scaled = paired(of([1.0, 2.0, 3.0, 5.0]), of([1.25, 2.5, 3.75, 6.25])).relative
    assert (scaled.low, scaled.high) == pytest.approx((0.25, 0.25), rel=1e-14)
    assert gap.sign == 1
    assert gap.exceeds(0.05) is False, "5 % is not more than 5 %"
    assert gap.exceeds(0.0499) is True
    gap = paired(of([71.4] * 4), of([71.4 * 1.05] * 4))
    assert gap.exceeds(0.05) is False, "nor is it for rounding"
    assert paired(of([0.1 + 0.2] * 4), of([0.3] * 4)).sign == 0


def test_a_limit_needs_no_ratio():
    """None failed in A: no relative change can be given, yet no rise is within its limit."""
    gap = paired(of([0.0] * 8), of([0.1, 0.2, 0.1, 0.2, 0.1, 0.2, 0.1, 0.2]))
    assert gap.relative.value is None
    assert gap.exceeds(0.5) is True
    assert paired(of([0.0] * 8), of([0.0] * 8)).exceeds(0.0) is False
    assert paired(of([0.0] * 8), of([0.0] * 7 + [0.1])).exceeds(0.5) is None


@pytest.mark.parametrize("gap", [paired, independent])
def test_fewer_than_4_replications_and_infinite_percentiles_say_nothing(gap):
    few = gap(of([1.0, 2.0, 3.0]), of([2.0, 3.0, 4.0]))
    assert few.absolute.value == 1
    assert (few.absolute.low, few.absolute.high, few.relative.low) == (None, None, None)
    assert few.relative.value == 0.5
    assert (few.sign, few.exceeds(0.1)) == (None, None)
    known = of([1.0] * 4)
    for other in (LeftOut(math.inf, np.ones(4)), LeftOut(1.0, np.array([1, 1, math.inf, 1.0]))):
        for found in (gap(known, other), gap(other, known)):
            assert isinstance(found, Difference)
            assert (found.sign, found.exceeds(0.1)) == (None, None)


def test_common_luck_cancels():
    luck = np.random.default_rng(1).exponential(size=16) + 1
    together = paired(of(luck), of(1.05 * luck))
    apart = independent(of(luck), of(1.05 * luck[::-1]))
    assert together.relative.low == pytest.approx(0.05)
    assert together.sign == 1
    assert apart.sign == 0
