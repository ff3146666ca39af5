"""How long until objectives hold again: windows, what is bad in them, and intervals over replications."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from simulator.core.columns import COMPLETE, FAILED, SHED
from simulator.scenario.slo import parse_objective
from simulator.stats import recovery
from simulator.stats.recovery import Counted, Windows

P90 = parse_objective("p90 < 100ms")
WITHIN = parse_objective("90% within 100ms")
UNANSWERED = parse_objective("failed_ratio < 5%")


def counts(queries, bad, last_s):
    return Counted(np.array(queries), np.array([bad]), np.array([last_s], dtype=float))


def test_windows_have_edges_where_the_trigger_begins_and_ends():
    """None is narrower than the others: so few queries say nothing."""
    windows = Windows.around(2, 2.5, 3, 1.0)
    assert windows.edges_s.tolist() == pytest.approx([0, 1, 2, 3.25, 4.5, 5.5, 6.5, 7.5])
    assert (windows.begin_s, windows.end_s, windows.before, windows.first_after) == (2.0, 4.5, 2, 4)
    assert windows.quiet == 3  # at least


def test_a_trigger_that_is_shorter_than_a_window_is_in_one():
    windows = Windows.around(2, 0.25, 3, 1.0)
    assert windows.edges_s.tolist() == [0, 1, 2, 3, 4, 5]
    assert (windows.begin_s, windows.end_s, windows.before, windows.first_after) == (2.0, 2.25, 2, 3)


def test_a_twentieth_of_the_windows_in_a_row_end_it():
    assert Windows.around(5, 1.0, 100, 1.0).quiet == 5


@pytest.mark.parametrize(
    ("objective", "missed"),
    [(P90, [False, True, True, True]), (WITHIN, [False, False, True, True]), (UNANSWERED, [False, False, False, True])],
)
def test_a_query_misses_as_its_objective_is_judged(objective, missed):
    """At the bound, ``p90 < 100ms`` is missed, ``within 100ms`` is not; without an answer all are."""
    latency_ns = np.array([99_999_999, 100_000_000, 100_000_001, math.inf])
    outcome = np.array([COMPLETE, COMPLETE, COMPLETE, FAILED], dtype=np.int8)
    assert recovery.misses(objective, latency_ns, outcome).tolist() == missed


def test_who_is_shed_is_no_other_who_has_no_answer():
    latency_ns, outcome = np.array([1.0, math.inf, math.inf]), np.array([COMPLETE, FAILED, SHED], dtype=np.int8)
    assert recovery.misses(parse_objective("shed_ratio < 5%"), latency_ns, outcome).tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("text", "is_looked_at"),
    [
        ("p99 < 1s", True),
        ("99% within 1s", True),
        ("availability > 99%", True),
        ("mean < 1s", False),
        ("max < 1s", False),
        ("partial_ratio < 1%", False),
        ("stage.a.p99 < 1s", False),
        ("class.a.p99 < 1s", False),
        ("goodput > 1/s", False),
    ],
)
def test_objectives_that_single_queries_miss(text, is_looked_at):
    assert recovery.is_looked_at(parse_objective(text)) == is_looked_at


def test_a_window_is_bad_beyond_what_is_allowed_and_what_is_usual():
    usual = [counts([10, 20], [0, 1], [0, 1]), counts([10, 10], [2, 0], [1, 0])]
    assert recovery.limits([P90], usual).tolist() == [0.2]  # the largest of any window of any replication
    assert recovery.limits([P90], usual[:1]).tolist() == pytest.approx([0.1])  # it allows more than is seen
    assert recovery.is_held([P90], usual).tolist() == [True]  # 3 of 50
    assert recovery.is_held([UNANSWERED], usual).tolist() == [False]


WINDOWS = Windows.around(1, 1.0, 6, 1.0)  # before, trigger, and six after it; three in a row are an end
TEN = [10] * 8


@pytest.mark.parametrize(
    ("bad", "last_s", "expected_s"),
    [
        ([0] * 8, [0] * 8, None),
        ([9, 0, 0, 0, 0, 0, 0, 0], [0.5, *[0] * 7], None),  # before the trigger
        ([0, 9, 0, 0, 0, 0, 0, 0], [0, 1.9, *[0] * 6], 0.0),  # it is over with the trigger
        ([0, 9, 0, 0, 9, 0, 0, 0], [0, 1.9, 0, 0, 4.25, 0, 0, 0], 2.25),  # the last bad window, and in it the last one
        ([0, 9, 9, 1, 0, 1, 1, 1], [0, 1.9, 2.7, 3.5, 0, 5.5, 6.5, 7.5], pytest.approx(0.7)),  # one of ten is usual
        ([0, 9, 9, 9, 9, 0, 0, 0], [0, 1.9, 2.9, 3.9, 4.9, 0, 0, 0], pytest.approx(2.9)),
        ([0, 9, 9, 9, 9, 9, 0, 0], [0, 1.9, 2.9, 3.9, 4.9, 5.9, 0, 0], math.inf),  # not enough behind it
        ([0, 9, 0, 0, 0, 9, 0, 0], [0, 1.9, 0, 0, 0, 5.9, 0, 0], 0.0),  # bad by luck, when all was over
        ([0, 0, 0, 0, 0, 9, 0, 0], [0, 0, 0, 0, 0, 5.9, 0, 0], None),
        ([0, 9, 0, 0, 0, 0, 9, 9], [0, 1.9, 0, 0, 0, 0, 6.9, 7.9], math.inf),  # it is down again
        ([0, 0, 0, 0, 0, 0, 9, 9], [0, 0, 0, 0, 0, 0, 6.9, 7.9], math.inf),
    ],
)
def test_recovery_of_a_replication(bad, last_s, expected_s):
    assert recovery.recovery_s(counts(TEN, bad, last_s), np.array([0.1]), WINDOWS) == expected_s


def test_nobody_who_arrives_misses_nothing():
    assert recovery.recovery_s(counts([0] * 8, [0] * 8, [0] * 8), np.array([0.1]), WINDOWS) is None


@pytest.mark.parametrize("n", [6, 9, 20, 21, 100])
def test_the_median_has_the_interval_of_the_binomial_law(n):
    """It is the narrowest symmetric one of order statistics that holds the median with 95 %."""
    interval = recovery.median_interval([float(number) for number in range(1, n + 1)])
    assert interval.value == (n + 1) / 2
    below = int(interval.low) - 1
    assert interval.high == n - below
    law = stats.binom(n, 0.5)
    assert law.cdf(n - below - 1) - law.cdf(below) >= 0.95
    assert law.cdf(n - below - 2) - law.cdf(below + 1) < 0.95


def test_a_median_of_few_has_no_interval_and_one_of_many_that_never_end_is_infinite():
    assert recovery.median_interval([1.0, 2.0, 3.0]).low is None
    seen = recovery.median_interval([1.0] * 8 + [math.inf] * 12)
    assert (seen.value, seen.high) == (math.inf, math.inf) and seen.low == 1.0


def test_the_interval_of_the_median_holds_it_as_often_as_it_says():
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(400):
        interval = recovery.median_interval(rng.exponential(1.0, 20).tolist())
        hits += interval.low <= math.log(2) <= interval.high
    assert hits >= 370  # 95.9 % are expected: 384, a standard deviation is 4


@pytest.mark.parametrize(("count", "of"), [(0, 20), (1, 20), (19, 20), (20, 20), (3, 8)])
def test_a_share_has_the_interval_of_clopper_and_pearson(count, of):
    interval, exact = recovery.share_interval(count, of), stats.binomtest(count, of).proportion_ci(method="exact")
    assert (interval.low, interval.high) == pytest.approx((exact.low, exact.high))
    assert interval.value == count / of
