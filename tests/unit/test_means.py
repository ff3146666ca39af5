"""Means: their interval by its own definition, slowly; and where few draws carry them, what is said instead."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from conftest import long_run
from hypothesis import given
from hypothesis import strategies as st

from simulator import compare, scenario_from_dict, simulate
from simulator.core.laws import Law
from simulator.planner.plans import make_plan
from simulator.planning.capacity import capacity
from simulator.scenario import parse_objective
from simulator.stats.means import MATTERS_OF_MEAN, Interval, mean_interval, ratio_interval
from simulator.stats.readings import _of_ratio
from simulator.stats.share import Layout
from simulator.stats.verdicts import _by_mean
from simulator.theory import NOTHING_AHEAD, Ahead, MeansAhead, means_ahead
from simulator.theory.tails import tail_share

HEAVY = {"kind": "pareto", "minimum": "100ms", "shape": 2.1}
WITHOUT_VARIANCE = {**HEAVY, "shape": 1.5}
WIDE = {"kind": "lognormal", "mean": "100ms", "cv": 30}


def system(law, slo, rate="0.5/s", work=None, **stage):
    """A few queries at one stage."""
    one = {"name": "server", "model": {"kind": "time", "law": law}, **stage}
    load = {"rate": rate, **({"work": work} if work else {})}
    return scenario_from_dict(
        {"name": "heavy", "load": load, "stages": [one], "slos": [slo], "run": {"queries": 100, "replications": 8}}
    )


#: What the issue of heavy tails said wrongly, and its kind: verdict, and the exact mean in seconds if there is one.
CASES = {
    "Pareto, which Pollaczek and Khinchine decide": (system(HEAVY, "mean < 230ms"), False, 0.24894),
    "Pareto, met by theory": (system(HEAVY, "mean < 10s"), True, 0.24894),
    "lognormal of cv 30": (system(WIDE, "mean < 2s"), False, 0.1 + 0.5 * 901 * 0.01 / 2 / 0.95),
    "no variance: the mean is infinite": (system(WITHOUT_VARIANCE, "mean < 60s"), False, math.inf),
    "of two stages, too": (system(WITHOUT_VARIANCE, "stage.server.mean < 60s"), False, math.inf),
    "fan-out, of which nothing is exact": (system(HEAVY, "mean < 10s", shards=2), None, None),
    "heavy work": (
        system("100ms", "mean < 2s", work={"kind": "lognormal", "cv": 30}),
        False,
        0.1 + 0.5 * 901 * 0.01 / 2 / 0.95,
    ),
    "heavy work at two workers": (
        system("100ms", "mean < 2s", work={"kind": "pareto", "shape": 1.2}, workers=3),
        None,
        None,
    ),
    "utilisation, by arithmetic": (system(WITHOUT_VARIANCE, "stage.server.utilisation < 20%"), True, 0.15),
    "responses": (
        system("1ms", "mean < 2s", network={"response": {"kind": "pareto", "minimum": "100ms", "shape": 1.2}}),
        True,
        0.601,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_where_few_draws_carry_a_mean_theory_speaks_or_nobody(name):
    scenario, met, exact = CASES[name]
    result = simulate(scenario, percentiles=[50])
    [verdict] = result.summary.objectives
    assert verdict.met is met
    assert (verdict.value, verdict.low, verdict.high) == (None, None, None)
    assert "judge a percentile" in verdict.reason
    document = result.to_dict()
    of_stage = document["stages"][0]
    is_utilisation = "utilisation" in verdict.slo
    assert (
        of_stage["utilisation"]["mean"]["value"] if is_utilisation else of_stage["latency_s"]["mean"]["value"]
    ) is None
    assert is_utilisation or any(note.startswith("mean is not printed") for note in document["notes"])
    objective = scenario.slos[0]
    ahead = means_ahead(make_plan(scenario), 800)
    known = ahead.stage(0).utilisation if is_utilisation else ahead.of(None if objective.stage is None else 0)
    assert known.exact == (None if exact is None else pytest.approx(exact, rel=2e-3))


def test_a_light_tail_is_printed_as_ever():
    result = simulate(system({"kind": "exponential", "mean": "100ms"}, "mean < 1s"), percentiles=[50])
    assert result.summary.latency.mean.low is not None
    assert not any("mean" in note for note in result.summary.notes)
    assert result.summary.objectives[0].met


def test_means_that_neither_run_prints_are_not_compared():
    one, two = (system({**HEAVY, "minimum": minimum}, "mean < 10s") for minimum in ("100ms", "105ms"))
    found = compare(one, two, percentiles=[50])
    assert found["mean"].word == "not known"
    assert "few queries carry it" in found["mean"].reason
    assert found["mean"].a.value is None
    assert found["p50"].word == "worse"


@long_run
def test_a_capacity_by_a_mean_that_no_sample_says():
    run = {"run": {"replications": 8}}
    exact = capacity(scenario_from_dict({**system(HEAVY, "mean < 500ms").resolved(), **run}), tolerance=0.05)
    assert (exact.verdict, exact.theory.verdict) == ("found", "decides")
    assert exact.per_s.value == pytest.approx(1.8846, rel=2e-3)
    assert "Pollaczek" in exact.notes[-1]
    unknown = capacity(system(HEAVY, "mean < 600ms", shards=2), tolerance=0.05)
    assert (unknown.verdict, unknown.exit_code) == ("inconclusive", 98)
    assert "judge a percentile" in unknown.reason
    assert (unknown.per_s.low, unknown.per_s.high) == (None, None)
    never = capacity(system(WITHOUT_VARIANCE, "mean < 60s"), tolerance=0.05)
    assert never.verdict == "unreachable"
    assert "infinite at any load" in never.reason


@given(st.integers(0, 10**6), st.sampled_from([(1, 40), (4, 40), (8, 100), (3, 7)]), st.sampled_from([0.3, 1.0, 2.0]))
def test_the_interval_of_a_mean_by_its_definition(seed, shape, sigma):
    """Arms t s e^-g and t s e^g; t by the kurtosis of the blocks, g their skewness."""
    replications, queries = shape
    values = np.random.default_rng(seed).lognormal(0, sigma, (replications, queries))
    layout = Layout.of([queries] * replications)
    sums, sizes = layout.by_block(values.ravel()), layout.block_sizes
    found = mean_interval(sums, sizes, layout)
    mean = values.mean()
    units = sums / sizes if replications == 1 else values.mean(axis=1)
    apart = sums - mean * sizes
    kurtosis = (apart**4).sum() / (apart**2).sum() ** 2
    degrees = 1 / (1 / (len(units) - 1) + max(0.0, kurtosis - 3 / len(apart)) / 2)
    skewness = (apart**3).sum() / (apart**2).sum() ** 1.5
    half = scipy.stats.t.ppf(0.975, degrees) * scipy.stats.sem(units)
    expected = (mean, mean - half * math.exp(-skewness), mean + half * math.exp(skewness))
    assert (found.value, found.low, found.high) == pytest.approx(expected)


def test_a_constant_has_an_interval_of_no_width_and_nothing_has_none():
    layout = Layout.of([40, 40])
    found = mean_interval(3.0 * layout.block_sizes, layout.block_sizes, layout)
    assert (found.value, found.low, found.high) == (3.0, 3.0, 3.0)
    assert mean_interval(np.zeros(40), np.zeros(40), layout).value is None
    assert mean_interval(np.ones(1), np.ones(1), Layout.of([1])).low is None


def test_what_the_largest_draws_carry_is_that_of_the_law():
    for cv in (1, 2, 5, 10):
        sigma = math.sqrt(math.log1p(cv * cv))
        for power, chance in ((1, 1e-5), (2, 1e-5), (2, 1e-3)):
            exact = scipy.stats.norm.cdf(power * sigma + scipy.stats.norm.ppf(chance))
            assert tail_share(Law.lognormal(1.0, cv), power, chance) == pytest.approx(exact, rel=2e-2)
    for shape in (2.1, 2.5, 4.5):
        exact = 1e-5 ** (1 - 2 / shape)
        assert tail_share(Law.pareto(1.0, shape), 2, 1e-5) == pytest.approx(exact, rel=3e-2)
    far = math.log(1000)
    assert tail_share(Law.exponential(3.0), 2, 1e-3) == pytest.approx(((far + 1) ** 2 + 1) / 2e3, rel=1e-3)
    seldom = Law.empirical([1.0] * 99 + [50.0])
    assert tail_share(seldom, 2, 1e-4) == pytest.approx(2500 * 1e-4 / (25.99), rel=1e-2)
    assert tail_share(Law.pareto(1.0, 1.9), 2, 1e-9) == tail_share(seldom, 1, 1.0) == 1.0
    assert tail_share(Law.constant(0.0), 1, 0.1) == 0.0


def test_the_longer_a_run_the_less_one_draw_carries():
    plan = make_plan(system({"kind": "lognormal", "mean": "100ms", "cv": 3}, "mean < 1s", rate="5/s"))
    short = means_ahead(plan, 20_000).latency
    assert short.is_carried_by_few
    assert not means_ahead(plan, short.needed).latency.is_carried_by_few
    assert means_ahead(plan, 10).latency.one == 0, "of ten queries nothing is said"
    assert means_ahead(plan, 20_000, is_stationary=False).latency.exact is None
    assert MeansAhead().of(3) == NOTHING_AHEAD


FEW = Ahead(one=1.0, ten=2.0)


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (FEW, "no run is long enough"),
        (Ahead(1.0, 2.0, needed=4_000_000), "it needs about 4e+06 measured queries"),
        (Ahead(math.inf, math.inf), "a law without a variance"),
        (Ahead(math.inf, math.inf, math.inf, "M/G/1"), "it is infinite, by M/G/1"),
    ],
)
def test_why_nothing_is_said_and_what_would_help(ahead, said):
    values = np.random.default_rng(1).normal(10.0, 1.0, 8)
    assert said in ratio_interval(values, np.ones(8), ahead).reason
    layout = Layout.of([400] * 8)
    assert said in mean_interval(np.full(160, 200.0), layout.block_sizes, layout, ahead).reason
    assert said in mean_interval(np.ones(1), np.ones(1), Layout.of([1]), ahead).reason


def test_what_hardly_matters_is_not_held_against_a_mean():
    spread = np.random.default_rng(2).normal(200.0, 60.0, 160)
    layout = Layout.of([400] * 8)
    assert mean_interval(spread, layout.block_sizes, layout, Ahead(1e-4, 2e-4)).low is not None
    assert ratio_interval(np.ones(8), np.ones(8), Ahead(MATTERS_OF_MEAN / 2, MATTERS_OF_MEAN)).low == 1.0


def test_theory_that_contradicts_an_interval_leaves_the_verdict_open():
    objective = parse_objective("mean < 2s")
    for exact, met in ((None, True), (1.5, True), (3.0, None)):
        figure = Interval(1.0, 0.9, 1.1, Ahead(exact=exact, law="M/M/1"))
        verdict = _by_mean(objective, figure, "s", False, below=True, reason="")
        assert verdict.met is met
        assert ("by M/M/1 it is 3" in verdict.reason) == (met is None)
    assert _by_mean(objective, Interval(None, reason="few"), "s", False, below=True, reason="").reason == "few"
    unfinished = Interval(None, ahead=Ahead(exact=1.0), reason="few")
    assert _by_mean(objective, unfinished, "s", False, below=True, reason="some never finished").met is None
    assert _by_mean(objective, Interval(1.0), "s", False, below=True, reason="").met is None


def test_a_search_reads_the_exact_mean_or_that_there_is_none():
    amounts, weights = np.array([1.0, 2.0]), np.array([1.0, 1.0])
    exact = _of_ratio(Interval(None, ahead=Ahead(exact=3.0), reason="few"), amounts, weights, 2.0)
    assert (exact.value, exact.low, exact.high, exact.needed) == (1.5, 1.5, 1.5, 0.0)
    none = _of_ratio(Interval(None, ahead=FEW, reason="few"), amounts, weights, 2.0)
    assert (none.value, none.low, none.high, none.exceedances, none.needed) == (0.75, 0.0, math.inf, 0.0, math.inf)
    some = _of_ratio(Interval(None, ahead=Ahead(1.0, 2.0, needed=1000), reason="few"), amounts, weights, 2.0)
    assert some.needed == 1000.0
