"""The rules of statistics (docs/statistics.md), each by its own definition, slowly; and where they refuse to speak."""

from __future__ import annotations

import dataclasses
import math
from contextlib import AbstractContextManager
from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
import scipy.stats
from conftest import long_run, slow
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.assemble import StageParts, assemble
from simulator.core.laws import Law
from simulator.engines.reference import simulate
from simulator.scenario import parse_objective
from simulator.stats import figures, load, next_step, order, stability, summarise
from simulator.stats.load import dispersion
from simulator.stats.means import Interval, mean_interval, ratio_interval
from simulator.stats.quantiles import Series, Share, fraction
from simulator.stats.replays import are_shared, arrivals_mark
from simulator.stats.share import BLOCKS, Layout, share_ends, t_quantile, tally
from simulator.stats.stability import InFlight, averaged_batches, batch_means, mser5, of_the_start
from simulator.stats.verdicts import judge
from simulator.theory import Clusters


def series_of(groups: list[list[float]]) -> Series:
    return Series(np.array([x for group in groups for x in group], dtype=float), Layout.of([len(g) for g in groups]))


def share_slowly(
    bad: list[list[bool]], clustering: float, worth_one: float = 0.0, most_uneven: float = 0.3
) -> tuple[float, float]:
    """Rule 1 to the letter."""
    total = sum(len(group) for group in bad)
    m = sum(map(sum, bad)) / total
    if m > 0.5:
        low, high = share_slowly([[not x for x in group] for group in bad], clustering, worth_one, most_uneven)
        return 1 - high, 1 - low
    if m == 0:
        return 0.0, min(1.0, 3.7 * clustering / total)

    def relative(counts: list[int], sizes: list[int]) -> float:
        off = sum((count - m * size) ** 2 for count, size in zip(counts, sizes, strict=True))
        return math.sqrt(off / (len(sizes) - 1) * len(sizes)) / total / m

    error = scipy.stats.t.ppf(0.975, len(bad) - 1) * relative([sum(group) for group in bad], [len(g) for g in bad])
    counts, sizes = [], []
    for group in bad:
        blocks = min(BLOCKS, len(group))
        edges = np.arange(blocks + 1) * len(group) // blocks
        counts += [sum(group[a:b]) for a, b in pairwise(edges)]
        sizes += np.diff(edges).tolist()
    b = relative(counts, sizes)
    h = max(error, 1.96 * (1 + 1.21 * b * b) * b, 2.45 * (1 - m) ** 2 * math.sqrt(worth_one / sum(map(sum, bad))))
    # the two roots x of (m - x)^2 = h^2 m x
    half = h * math.sqrt(1 + h * h / 4)
    assert math.isclose((1 + h * h / 2 - half) * (1 + h * h / 2 + half), 1, rel_tol=1e-9)
    g, uneven = math.log(1 + h * h / 2 + half), min(b, most_uneven)
    return m * math.exp(-g * math.exp(-0.5 * uneven)), min(1.0, m * math.exp(g * math.exp(0.4 * uneven)))


equal_groups = st.integers(1, 30).flatmap(
    lambda size: st.lists(st.lists(st.booleans(), min_size=size, max_size=size), min_size=2, max_size=6)
)


@given(equal_groups, st.sampled_from([0.0, 0.3, 9.0]))
def test_the_interval_of_a_share_is_rule_1(groups, worth_one):
    layout = Layout.of([len(group) for group in groups])
    pooled = np.array([x for group in groups for x in group])
    low, high = share_ends(tally(pooled, layout), layout, 2.0, worth_one)
    assert (low[0], high[0]) == pytest.approx(share_slowly(groups, 2.0, worth_one), abs=1e-9)
    low, high = share_ends(tally(pooled, layout), layout, 2.0, worth_one, is_even=True)
    assert (low[0], high[0]) == pytest.approx(share_slowly(groups, 2.0, worth_one, most_uneven=0.0), abs=1e-9)


def test_replications_with_measurements_of_their_own_are_one_more_draw_each():
    """Statistics rule 11: s sqrt(1 + 1 / R) in place of s / sqrt(R), of shares and of means."""
    counts = [40, 60, 55, 45, 50, 38]
    bad = np.concatenate([np.arange(1000) < count for count in counts])
    bad = np.concatenate([np.random.default_rng(1).permutation(part) for part in np.split(bad, 6)])
    same, own = (Layout.of([1000] * 6, is_sampled=sampled) for sampled in (False, True))
    t = scipy.stats.t.ppf(0.975, 5)
    m, s = np.mean(counts) / 1000, np.std(counts, ddof=1) / 1000
    low, high = share_ends(tally(bad, own), own, 1.0, is_even=True)
    g = 2 * math.asinh(t * s * math.sqrt(1 + 1 / 6) / m / 2)
    assert (low[0], high[0]) == pytest.approx((m * math.exp(-g), m * math.exp(g)))
    assert high[0] > share_ends(tally(bad, same), same, 1.0, is_even=True)[1][0]
    widths = []
    for layout in (same, own):
        blocks = layout.by_block(bad)
        found = mean_interval(blocks, layout.block_sizes, layout)
        widths.append(found.high - found.low)
    assert widths[1] == pytest.approx(widths[0] * math.sqrt(7))
    one = Layout.of([6000], is_sampled=True)
    assert [end[0] for end in share_ends(tally(bad, one), one, 1.0)] == [0, 1], "its blocks have one calibration"
    alone = mean_interval(one.by_block(bad), one.block_sizes, one)
    assert (alone.value, alone.low, alone.high) == (pytest.approx(m), None, None)


@given(st.lists(st.integers(1, 9_000), min_size=1, max_size=5), st.integers(0, 99))
def test_blocks_are_counted_as_they_lie_whatever_their_size(sizes, seed):
    layout = Layout.of(sizes)
    chosen = np.random.default_rng(seed).random(sum(sizes)) < 0.3
    parts = np.split(chosen, layout.first_of_block[1:])
    assert layout.count_by_block(chosen).tolist() == [int(part.sum()) for part in parts]


values = st.lists(
    st.lists(st.one_of(st.integers(0, 20).map(float), st.just(math.inf)), min_size=1, max_size=40),
    min_size=1,
    max_size=6,
)


@given(values, st.integers(0, 21))
def test_a_share_counts_what_it_says(groups, bound):
    series = series_of(groups)
    pooled = series.values
    later, at_or_later = series.share(bound, inclusive=False), series.share(bound, inclusive=True)
    assert later.value == pytest.approx(np.mean(pooled > bound))
    assert at_or_later.value == pytest.approx(np.mean(pooled >= bound))
    for share in (later, at_or_later):
        assert 0 <= share.low <= share.value + 1e-12
        assert share.value - 1e-12 <= share.high <= 1


@given(values, st.sampled_from([0.1, 0.5, 0.9, 0.95, 0.99]))
def test_a_quantile_is_an_order_statistic_inside_its_interval(groups, p):
    series = series_of(groups)
    found = series.quantile(p)
    ordered = np.sort(series.values)
    assert found.pooled == ordered[math.ceil(round(p * len(ordered), 9)) - 1]
    assert found.low <= found.pooled <= found.high
    body = found.to_dict()
    if math.isinf(found.pooled):
        assert body["value"] is None
        assert body["at_least"] is True
    elif found.exceedances < 10:
        assert body is None
        assert found.needed > series.layout.queries
    else:
        assert body["value"] == found.pooled


def lines_slowly(series: Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rule 2 to the letter: the distinct values; the ends of "later than nothing", "than the first" and so on."""
    found = np.unique(series.values)
    ends = [
        share_ends(tally(bad, series.layout), series.layout, series.clustering)
        for bad in [np.ones(len(series.values), dtype=bool), *(series.values > value for value in found)]
    ]
    low, high = (np.concatenate(line) for line in zip(*ends, strict=True))
    return found, np.maximum.accumulate(low[::-1])[::-1], np.minimum.accumulate(high)


def quantile_slowly(series: Series, p: float) -> tuple[float, float, float]:
    found, lows, highs = lines_slowly(series)
    bound = float(1 - fraction(p))
    first_low, below = int(np.argmax(lows <= bound)), highs < bound
    low = 0.0 if first_low == 0 else found[first_low - 1]
    high = found[int(np.argmax(below)) - 1] if below.any() else math.inf
    return low, np.sort(series.values)[math.ceil(fraction(p) * series.layout.queries) - 1], high


def support_slowly(series: Series, p: float, pooled: float, low: float, high: float) -> float:
    tied = pooled == series.values.min() or np.count_nonzero(series.values == pooled) > 1
    later = series.values >= pooled if tied else series.values > pooled
    rare = series.values <= pooled if p < 0.5 else later
    counts = series.layout.by_block(rare)
    spread = counts.sum() ** 2 / max(1, (counts**2).sum())
    widest = math.inf  # that the width of the interval allows: as one over its square, 10 of a factor of 4
    if low < high < math.inf:
        widest = 10 / (math.log(high / low) / math.log(4)) ** 2 if low > 0 else 0
    return min(counts.sum() / series.worth_one(p), 4 * spread, widest)


@st.composite
def searched(draw: st.DrawFn) -> Series:
    """Ties or none, replications alike or not, in clusters or not, some without end."""
    sizes = draw(st.one_of(st.lists(st.integers(1, 60), min_size=1, max_size=5), st.just([40] * 6), st.just([150])))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scales = np.repeat(np.exp(rng.normal(0, draw(st.sampled_from([0.0, 0.2, 2.0])), len(sizes))), sizes)
    values = rng.exponential(scales)
    if draw(st.booleans()):
        values = np.sort(values)  # as clustered as can be
    step = draw(st.sampled_from([0.0, 0.1, 1.0, 1e9]))
    values = values if step == 0 else np.floor(values / step)
    values[rng.random(len(values)) < draw(st.sampled_from([0.0, 0.02, 0.7, 1.0]))] = math.inf
    return Series(values, Layout.of(sizes))


parts = st.one_of(st.sampled_from([0.1, 0.5, 0.9, 0.99]), st.floats(0.01, 0.99))


def windows_of(queries: int, sparse: int = 1) -> AbstractContextManager[None]:
    """Windows of so many queries, cut where a sample of one in ``sparse`` says."""
    return mock.patch.multiple(order, WHOLE=queries, LEAST=queries, MOST=queries, SPARSE=sparse)


@given(searched(), parts, st.sampled_from([1, 2, 5, 16, 2**18]), st.sampled_from([1, 3, 50]))
def test_the_search_finds_what_all_order_statistics_would(series, p, queries, sparse):
    """To the bit: windows of a few queries, well and badly cut, and all in one."""
    found, lows, highs = lines_slowly(series)
    with windows_of(queries, sparse):
        quantile = series.quantile(p)
        assert (quantile.low, quantile.pooled, quantile.high) == quantile_slowly(series, p)
        assert quantile.exceedances == pytest.approx(
            support_slowly(series, p, quantile.pooled, quantile.low, quantile.high)
        )
        for bound in (found[0], found[len(found) // 2], found[-1], found.mean(), 0.5, math.inf):
            for inclusive, side in ((True, "left"), (False, "right")):
                share = series.share(bound, inclusive=inclusive)
                before = np.searchsorted(found, bound, side=side)
                later = series.values >= bound if inclusive else series.values > bound
                assert share.value == np.count_nonzero(later) / len(later)
                assert (share.low, share.high) == (lows[before], highs[before])


@pytest.mark.parametrize(("size", "k"), [(3, 1), (19, 9), (23, 10)])
def test_the_search_minds_rounding_at_the_quantile_itself(size, k):
    """Replications alike: both ends are the share, and 1 - k / N comes out above 1 - p = (N - k) / N."""
    assert 1 - k / size > (size - k) / size
    series, p = series_of([[float(value) for value in range(size)]] * 5), k / size
    found = series.quantile(p)
    assert (found.low, found.pooled, found.high) == quantile_slowly(series, p)


@slow
def test_the_search_goes_on_past_the_first_window():
    """Replications that differ widely: the interval of the median spans most of the queries, and several windows."""
    rng = np.random.default_rng(8)
    sizes = [140_000, 100_000, 120_000]
    scales = np.repeat([1.0, 2.0, 5.0], sizes)
    series = Series(np.floor(100 * rng.exponential(scales)), Layout.of(sizes))
    for p in (0.5, 0.95):
        found = series.quantile(p)
        assert (found.low, found.pooled, found.high) == quantile_slowly(series, p)


@given(values, st.sampled_from([0.5, 0.9, 0.95]), st.floats(0.5, 21))
def test_verdict_and_interval_cannot_disagree(groups, p, bound_s):
    series = Series(series_of(groups).values * 1e9, Layout.of([len(group) for group in groups]))
    found = series.quantile(p).scaled(1e-9)
    asked = parse_objective(f"p{100 * p:g} < {bound_s:.9f}s")
    verdict = judge(asked, series, None, Interval(None), Share(0.0, 0.0, 0.0), Interval(None), False)
    bound = round(asked.bound * 1e9) / 1e9
    if series.layout.units < 4:  # these may miss beyond doubt whatever the interval (test_peaks.py)
        assert verdict.met is not True
        return
    if verdict.met is True:
        assert found.high < bound * (1 + 1e-12) + 1e-12
    if verdict.met is False:
        assert found.low >= bound * (1 - 1e-12) - 1e-12
    if verdict.met is None:
        assert found.low <= bound * (1 + 1e-12)
        assert found.high >= bound * (1 - 1e-12)


@given(st.lists(st.floats(0, 100), min_size=2, max_size=20))
def test_a_mean_has_the_t_interval(samples):
    found = ratio_interval(samples, [1] * len(samples))
    if np.std(samples) > 1e-6:
        low, high = scipy.stats.t.interval(0.95, len(samples) - 1, loc=np.mean(samples), scale=scipy.stats.sem(samples))
        assert (found.low, found.high) == pytest.approx((low, high))
    assert found.value == pytest.approx(np.mean(samples))


def test_no_value_and_no_ends_where_nothing_is_known():
    assert ratio_interval([], []).value is None
    assert ratio_interval([3.0], [1.0]) == Interval(3.0)
    assert t_quantile(7) == pytest.approx(scipy.stats.t.ppf(0.975, 7))
    lonely = series_of([[1.0]])
    assert lonely.share(0.5, inclusive=False).low == 0.0
    assert lonely.clustering == 1.0


def test_a_percentile_is_refused_below_ten_effective_exceedances():
    rng = np.random.default_rng(3)
    independent = series_of([rng.exponential(size=1000).tolist() for _ in range(8)])
    assert independent.quantile(0.99).supported
    assert not independent.quantile(0.9995).supported
    clustered = [[0.0] * 1000 for _ in range(8)]
    clustered[2][100:200] = [9.0] * 100  # all exceedances in one busy period
    assert series_of(clustered).quantile(0.99).exceedances < 10


@long_run
def test_the_interval_of_a_percentile_covers_it_for_independent_queries():
    """Of 300 samples the nominal 95 % covers between 90 and 99 %: a false alarm in a thousand."""
    rng = np.random.default_rng(5)
    truth = -math.log(0.05)
    inside = 0
    for _ in range(300):
        found = series_of(rng.exponential(size=(8, 500)).tolist()).quantile(0.95)
        inside += found.low <= truth <= found.high
    assert 270 <= inside <= 297


def test_a_constant_knows_its_percentiles():
    found = series_of([[2.0] * 100] * 4).quantile(0.99)
    assert (found.low, found.pooled, found.high) == (2.0, 2.0, 2.0)
    assert found.supported


def test_mser5_cuts_a_start_that_differs_and_nothing_else():
    rng = np.random.default_rng(1)
    steady = rng.normal(10, 1, 2000)
    assert mser5(np.concatenate([np.full(300, 50.0), steady])) == pytest.approx(300, abs=10)
    assert mser5(steady) < 400
    assert mser5(np.arange(8.0)) == 0


def test_dispersion_of_known_processes():
    regular = np.arange(0, 100, 0.01) * 1e9
    assert dispersion([regular.astype(np.int64)], 1) == pytest.approx(0.0, abs=1e-3)
    rng = np.random.default_rng(2)
    poisson = np.cumsum(rng.exponential(0.1, 20_000)) * 1e9
    assert dispersion([poisson.astype(np.int64)], 1) == pytest.approx(1.0, abs=5 * math.sqrt(2 / 2000))
    assert dispersion([poisson.astype(np.int64)[:10]], 60) is None


@given(st.lists(st.integers(0, 3_000_000_000), min_size=2, max_size=60), st.sampled_from([1, 3, 7, 2**16]))
def test_dispersion_is_of_the_counts_in_whole_windows(gaps, at_a_time):
    arrival = np.cumsum(gaps)
    later = arrival[arrival > arrival[0]] - arrival[0]
    whole = int((arrival[-1] - arrival[0]) // 10**9)
    counts = np.histogram(later, np.arange(whole + 1) * 10**9 + 0.5)[0] if whole else np.zeros(0)
    with mock.patch.object(load, "AT_A_TIME", at_a_time):
        found = dispersion([arrival], 1)
    if whole < load.FEWEST_WINDOWS or counts.sum() == 0:
        assert found is None
    else:
        assert found == pytest.approx(counts.var(ddof=1) / counts.mean())


@pytest.mark.parametrize("windows", [1.7, 2.5, 4.2])
def test_short_replications_of_a_poisson_process_have_dispersion_1(windows):
    """Each ends with its last arrival: what it has in all says nothing. 2,000 of them; .26 to .37 once."""
    rng = np.random.default_rng(4)
    short = [np.cumsum(rng.exponential(1e8, int(windows * 10))).astype(np.int64) for _ in range(2000)]
    degrees = sum(max(0, int((one[-1] - one[0]) // 10**9) - 1) for one in short)
    found = dispersion(short, 1)
    assert found == pytest.approx(1.0, abs=5 * math.sqrt(2 / degrees))
    assert dispersion(short[:3], 1) is None


@pytest.mark.parametrize(("late", "is_supported"), [(np.arange(700, 715), False), (np.arange(50, 1500, 97), True)])
def test_late_queries_of_a_trace_count_once(late, is_supported):
    """15 of 1,500 in eight replays alike: in one burst they say as little as in one replay; all over they are 15."""
    values = np.linspace(1.0, 1.5, 1500)
    values[late] += 2.0
    eight = Series(np.tile(values, 8), Layout.of([1500] * 8, is_shared=True))
    found = eight.quantile(0.99)
    assert found.exceedances <= 16  # the first of them ties with itself
    assert found.supported == is_supported
    assert found.low < found.pooled < found.high


def test_an_interval_that_is_too_wide_is_said_to_be_in_any_unit():
    """Half of the queries take nine times as long as the others: the median is one or the other, and is not printed."""
    values = np.where(np.arange(16_000) % 100 < 50, 9.0, 1.0)
    for factor in (1.0, 1e-9, 3.3e-9, 7.0, 1e9 / 3):
        found = Series(values, Layout.of([2000] * 8), Clusters(4.0)).quantile(0.5).scaled(factor)
        assert found.is_wide and not found.supported and found.to_dict() is None
        assert not Series(values, Layout.of([2000] * 8), Clusters(4.0)).quantile(0.9).scaled(factor).is_wide
    part = Series(values, Layout.of([2000] * 8), Clusters(4.0), is_part=True).quantile(0.5)
    assert part.supported and not part.is_wide, "of a wait, which may be next to nothing"
    few = Series(np.geomspace(1.0, 1e3, 100), Layout.of([25] * 4), Clusters(4.0)).quantile(0.99)
    assert not few.supported and not few.is_wide, "too few are late: that is said, whatever the width"


def test_replications_that_are_all_the_same_are_one():
    """Eight times the same sample says what one says: of percentiles, shares, means, and of which are printed."""
    rng = np.random.default_rng(11)
    values = np.convolve(rng.exponential(1.0, 2060), np.ones(61), "valid")  # late ones come together
    values[values > 85] = math.inf
    one = Series(values, Layout.of([2000]), Clusters(25.0))
    layout = Layout.of([2000] * 8, is_shared=True, is_repeated=True)
    eight = Series(np.tile(values, 8), layout, Clusters(25.0))
    assert eight.clustering == pytest.approx(one.clustering) and eight.clustering > 20
    for p in (0.02, 0.5, 0.9, 0.99, 0.999):
        seen, alone = eight.quantile(p), one.quantile(p)
        assert seen.to_dict() == pytest.approx(alone.to_dict()) if alone.to_dict() else seen.to_dict() is None
        assert (seen.exceedances, seen.needed) == pytest.approx((alone.exceedances, alone.needed))
    for bound in (0.0, 61.0, 80.0, 1e3, math.inf):
        seen, alone = eight.share(bound, inclusive=False), one.share(bound, inclusive=False)
        assert (seen.value, seen.low, seen.high) == pytest.approx((alone.value, alone.low, alone.high))
    mean, mean_alone = eight.mean(), one.mean()
    assert (mean.value, mean.low, mean.high) == pytest.approx((mean_alone.value, mean_alone.low, mean_alone.high))
    apart = Series(np.tile(values, 8), Layout.of([2000] * 8, is_shared=True), Clusters(25.0)).quantile(0.9)
    assert apart.high - apart.low < 0.6 * (eight.quantile(0.9).high - eight.quantile(0.9).low)


def test_arrivals_are_the_same_only_where_there_is_luck_in_them():
    rng = np.random.default_rng(7)
    one, other = (np.cumsum(rng.exponential(1e9, 50)).astype(np.int64) for _ in range(2))
    assert are_shared([arrivals_mark(one), arrivals_mark(one.copy())])
    assert not are_shared([arrivals_mark(one), arrivals_mark(other)])
    assert arrivals_mark(np.arange(50) * 1_000_003) is None
    assert not are_shared([None, None])


@pytest.mark.parametrize("replications", [1, 2, 8])
def test_a_rare_late_query_is_no_start(replications):
    """MSER-5 cuts after it, wherever it is; a ramp that goes on into the measured queries is one."""
    rng = np.random.default_rng(9)
    quiet = [np.where(rng.random(2000) < 0.002, 50.0, 1.0) for _ in range(replications)]
    ramp = [np.minimum(np.arange(2000.0), 800) + rng.exponential(9.0, 2000) for _ in range(replications)]
    ramp[0][1999] = -1.0  # never finished
    warmups = [400] * replications
    assert [of_the_start(quiet, warmups, cut) for cut in (None, 300, 900)] == [None, 300, 400]
    assert of_the_start(ramp, warmups, 800) == 800
    assert of_the_start(ramp, warmups, 410) == (410 if replications == 8 else 400)


def test_blocks_alike_differ_or_not_by_their_means():
    steps = [np.repeat([1.0, 2.0], [1000, 1000])]
    assert of_the_start(steps, [400], 1000) == 1000
    assert of_the_start([np.ones(2000)], [400], 1000) == 400
    one_is_warm_later = steps * 2, [400, 1200]
    assert of_the_start(*one_is_warm_later, 1000) == 1000, "that one has nothing before the cut"


@given(st.lists(st.integers(0, 2**53), max_size=30), st.sampled_from(load.WINDOWS_S), st.integers(0, 10**7))
def test_the_window_of_an_instant_is_the_floor_of_the_quotient(instants, window_s, windows):
    """Edges, and an ns before and after them, besides: there a quotient may be rounded to a whole number."""
    edges = [windows * window_s * 10**9 + off for off in (-2, -1, 0, 1, 2)]
    since_ns = np.array([max(0, instant) for instant in (*edges, *instants)], dtype=np.int64)
    assert load._window(since_ns, window_s).tolist() == (since_ns * 1e-9 // window_s).astype(np.int64).tolist()


def traces_of(rate: float, replications: int, queries: int, drain_ns: int | None = None):
    """Traces of an M/M/1 queue with a mean service of 1 s, and the last one's plan."""
    traces = []
    for replication in range(replications):
        rng = np.random.default_rng(replication)
        arrival = np.cumsum(rng.exponential(1e9 / rate, queries * 5 // 4)).astype(np.int64)
        part = StageParts(candidates=Law.constant(1.0), time=Law.exponential(1e9))
        extra = {} if drain_ns is None else {"drain_ns": drain_ns}
        plan = assemble([part], arrival, first_measured=queries // 4, replication=replication, rate_per_s=rate, **extra)
        traces.append(simulate(plan))
    return traces, plan


def summary_of(rate: float, replications: int = 4, queries: int = 400, drain_ns: int | None = None, **more: object):
    traces, plan = traces_of(rate, replications, queries, drain_ns)
    slos = [parse_objective(text) for text in more.pop("slos", [])]
    return summarise(traces, plan, slos, [50, 99], ["one"], **{"utilisations": [rate], **more})


def test_the_series_that_mser5_sees_is_the_mean_over_replications():
    (one, two), _ = traces_of(2.0, 2, 40, drain_ns=0)
    both = []
    for trace in (one, two):
        latency = [
            done - came if done >= 0 else math.inf
            for came, done in zip(trace.arrival_ns.tolist(), trace.completion_ns.tolist(), strict=True)
        ]
        both.append(latency)
    largest = max(x for latency in both for x in latency if x < math.inf)
    expected = [(min(a, largest) + min(b, largest)) / 2 for a, b in zip(*both, strict=True)]
    assert math.inf in both[0]
    for at_a_time in (7, 2**16):
        with mock.patch.object(stability, "AT_A_TIME", at_a_time):
            assert averaged_batches([one, two]).tolist() == batch_means(np.array(expected)).tolist()
            for trace, latency in zip((one, two), both, strict=True):
                ends = [came + wait for came, wait in zip(trace.arrival_ns.tolist(), latency, strict=True)]
                for query, instant in enumerate(trace.arrival_ns.tolist()):
                    here = np.count_nonzero(trace.arrival_ns <= instant)
                    assert InFlight(trace).at(query) == sum(end > instant for end in ends[:here])


@pytest.mark.parametrize("replications", [1, 3])
def test_a_summary_does_not_depend_on_how_many_queries_are_looked_at_at_a_time(replications):
    more = {"replications": replications, "drain_ns": 0, "slos": ["p90 < 5s", "stage.one.p50 < 1s"]}
    at_once = summary_of(0.9, **more).to_dict()
    with (
        mock.patch.object(figures, "AT_A_TIME", 7),
        mock.patch.object(load, "AT_A_TIME", 7),
        mock.patch.object(stability, "AT_A_TIME", 7),
        windows_of(7),
    ):
        assert summary_of(0.9, **more).to_dict() == at_once


def test_overload_is_saturated_and_no_latency_objective_is_met():
    summary = summary_of(2.0, slos=["p50 < 1h", "p50 < 1ms", "stage.one.utilisation < 90%"])
    assert summary.verdict == "saturated"
    assert [objective.met for objective in summary.objectives] == [None, False, False]
    assert "the longer the run, the later the queries" in summary.objectives[0].reason
    assert any(note.startswith("saturated by arithmetic") for note in summary.notes)
    for utilisation, said in ((1.17, "117% of its time"), (2.88e6, "2.88M times all its time")):
        told = stability.stability(Interval(0.0, 0.0, 0.0), 0.0, None, 1000, stability.Asked([utilisation]))
        assert f"the bottleneck is asked for {said};" in told.notes[0]
    assert not any("needs about" in note or "longer" in note for note in summary.notes), "no run is long enough"


def test_overload_is_seen_in_flight_without_arithmetic():
    summary = dataclasses.replace(summary_of(2.0))
    assert summary.stability.growth.value == pytest.approx(0.5, abs=0.1)


def test_a_light_load_is_stable():
    assert summary_of(0.2, queries=2000).verdict == "stable"


def test_a_run_whose_machines_are_saturated_now_and_then_is_neither():
    summary = summary_of(0.2, queries=2000, utilisations=[0.2, 0.2, 1.1, 0.2])
    assert summary.verdict == "inconclusive"
    assert "with the machines of 1 of 4 replications some replica is saturated" in summary.notes


def test_a_start_that_goes_on_into_the_measured_queries_is_told():
    steady = dataclasses.replace(summary_of(0.2).stability.growth, value=0.0, low=0.0, high=0.001)
    for suggested, verdict in ((None, "stable"), (100, "stable"), (101, "inconclusive")):
        found = stability.stability(steady, 100.0, suggested, 10_000, stability.Asked([0.2]))
        assert found.verdict == verdict
        assert any("MSER-5 would cut 101" in note for note in found.notes) == (verdict == "inconclusive")


def test_unfinished_queries_stay_in_every_denominator():
    cut = summary_of(2.0, drain_ns=0, slos=["failed_ratio < 1%", "max < 1h", "mean < 1h"])
    assert 0.3 < cut.failed_ratio.value < 0.7
    assert cut.latency.percentiles["p99"].to_dict()["at_least"] is True
    assert [objective.met for objective in cut.objectives] == [False, False, None]
    assert any("never finished; mean and max leave them out" in note for note in cut.notes)
    assert cut.completed_per_s.value < 0.8 * cut.offered_per_s.value


def test_one_replication_is_judged_by_its_blocks():
    summary = summary_of(0.3, replications=1, queries=4000, slos=["p50 < 2s", "mean < 3s"])
    assert summary.latency.mean.low is not None
    assert [objective.met for objective in summary.objectives] == [True, True]
    assert summary.stages[0].utilisation.low is None


def test_goodput_is_what_came_in_time():
    summary = summary_of(0.5, queries=2000, slos=["p50 < 1s", "goodput > 0.1/s", "goodput > 1k/s"])
    within = summary.goodput_per_s.value / summary.offered_per_s.value
    assert summary.goodput_within_s == 1.0
    assert within == pytest.approx(1 - math.exp(-0.5), abs=0.05)
    assert [objective.met for objective in summary.objectives][1:] == [True, False]


def test_next_step_towards_a_precision():
    summary = summary_of(0.3, queries=2000, slos=["p50 < 2s"])
    there = summary.targets[0]
    half = (there.high - there.low) / 2 / there.pooled
    assert next_step(summary, 2 * half) == (4, 1)
    assert next_step(summary, half / 1.2) == (math.ceil(1.1 * 4 * 1.44), 1)
    assert next_step(summary, half / 100) == (16, 1)
    few = dataclasses.replace(summary, targets=(dataclasses.replace(there, exceedances=2.0),))
    assert next_step(few, 0.01) == (4, 4)
    some = dataclasses.replace(summary, targets=(dataclasses.replace(there, exceedances=6.0),))
    assert next_step(some, 0.5) == (10, 1)


def test_duration_runs_of_unequal_length_use_the_ratio_estimator():
    layout = Layout.of([10, 30, 20])
    bad = np.zeros(60, dtype=bool)
    bad[[0, 12, 13, 14, 45]] = True
    low, high = share_ends(tally(bad, layout), layout, 1.0)
    groups = [part.tolist() for part in np.split(bad, [10, 40])]
    assert (low[0], high[0]) == pytest.approx(share_slowly(groups, 1.0))
    assert low[0] < 5 / 60 < high[0]
