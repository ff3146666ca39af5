"""Checks of statistics and theory: laws of group T."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction
from unittest import mock

import numpy as np
from held import law

from simulator import scenario_from_dict
from simulator.core.assemble import StageParts, assemble
from simulator.core.laws import Law
from simulator.core.plan import ARRIVE_POISSON, NEVER_NS, RANDOM
from simulator.core.slowdowns import Slowdown
from simulator.core.stage_view import stage_views
from simulator.engines import reference
from simulator.scenario import parse_objective
from simulator.stats import summarise
from simulator.stats.figures import Pool
from simulator.stats.means import Interval
from simulator.stats.quantiles import Series, Share
from simulator.stats.share import Layout
from simulator.stats.verdicts import judge
from simulator.stats.window import Mergers, merging_ns
from simulator.theory import Clusters, queues


def _traces(rate: float = 1.6, drain_ns: int = 0):
    """Four short runs of an overloaded server that are cut: many queries never finish, a quarter warms up."""
    traces = []
    for replication in range(4):
        rng = np.random.default_rng(replication)
        arrival_ns = np.cumsum(rng.exponential(1e9 / rate, 125)).astype(np.int64)
        part = StageParts(candidates=Law.constant(1.0), time=Law.exponential(1e9))
        plan = assemble([part], arrival_ns, first_measured=25, replication=replication, drain_ns=drain_ns)
        traces.append(reference.simulate(plan))
    return traces, plan


def _latencies_ns(traces) -> list[float]:
    """Of the measured queries, in plain numbers: infinite where a query never finished."""
    return [
        float(done - came) if done >= 0 else math.inf
        for trace in traces
        for came, done in list(zip(trace.arrival_ns.tolist(), trace.completion_ns.tolist(), strict=True))[25:]
    ]


def percentiles_are_of_all_queries() -> None:
    """unit/test_stats.py: the ceil(pN)-th smallest of all measured queries, unfinished ones the latest."""
    traces, plan = _traces()
    expected = sorted(_latencies_ns(traces))
    series = Pool(traces).latency(None)
    finished = _traces(0.5, NEVER_NS)[0]
    with law("T8"):
        assert Pool(finished).latency(None).values.tolist() == _latencies_ns(finished), "others than those measured"
    for percent in ("0.5", "10", "25", "50", "90", "99"):
        p = Fraction(percent) / 100
        with law("T1"):
            found = series.quantile(float(p)).pooled
            assert found == expected[math.ceil(p * len(expected)) - 1], f"p{percent} is {found:.6g}"
    found = summarise(traces, plan, [], [50, 99], ["one"], utilisations=[1.6])
    with law("T1"):
        late = expected.count(math.inf) / len(expected)
        assert abs(found.failed_ratio.value - late) < 1e-12, f"{found.failed_ratio.value:.3g} failed of {late:.3g}"


def percentiles_are_of_many_queries() -> None:
    """unit/test_stats.py: so, too, where there are too many queries to be sorted as one window."""
    rng = np.random.default_rng(6)
    values = np.floor(rng.exponential(30, 100_000))  # with ties
    series, ascending = Series(values, Layout.of([25_000] * 4)), np.sort(values)
    for percent in (1, 20, 50, 75, 95, 99):
        with law("T1"):
            seen = series.quantile(percent / 100).pooled
            assert seen == ascending[percent * 1000 - 1], f"p{percent} is {seen:.6g}"
    with law("T1"):
        later = series.share(float(np.median(values)), inclusive=False).value
        assert later == np.mean(values > np.median(values)), "the share of later queries"


def rates_are_of_the_window() -> None:
    """unit/test_window.py: what is served and completed inside the window, of a busy and of an overloaded server."""
    for rate in (0.9, 1.6):
        traces, plan = _traces(rate, NEVER_NS)
        served_ns = completed = length_ns = 0
        for trace in traces:
            first_ns, last_ns = int(trace.arrival_ns[25]), int(trace.arrival_ns[-1])
            end_ns = first_ns + (last_ns - first_ns) * 100 // 99
            length_ns += end_ns - first_ns
            for done_ns, time_ns in zip(trace.close_ns[0].tolist(), trace.critical_service_ns[0].tolist(), strict=True):
                served_ns += max(0, min(end_ns, done_ns) - max(first_ns, done_ns - time_ns))
                completed += first_ns <= done_ns < end_ns
        found = summarise(traces, plan, [], [50], ["one"], utilisations=[rate])
        per_s, used = found.completed_per_s.value, found.stages[0].utilisation.value
        with law("T9"):
            assert per_s is not None and math.isclose(per_s, completed / length_ns * 1e9), f"{per_s:.4g}/s completed"
            assert used is not None and math.isclose(used, served_ns / length_ns), f"{used:.3g} utilised"
            assert found.stages[0].hottest == used, f"the one replica is {found.stages[0].hottest:.3g} utilised"


def mergers_are_busy_in_the_window() -> None:
    """unit/test_mergers.py: first closed, first merged; one merger that is asked for nine tenths of its time."""
    arrival_ns = np.cumsum(np.random.default_rng(1).exponential(1e9 / 0.9, 125)).astype(np.int64)
    part = StageParts(candidates=Law.constant(1.0), time=Law.exponential(1e8), merge_ns=10**9, mergers=1)
    plan = assemble([part], arrival_ns, first_measured=25, replication=0)
    trace = reference.simulate(plan)
    free_ns = busy_ns = 0
    for close_ns in sorted(trace.close_ns[0].tolist()):
        starts_ns = max(free_ns, close_ns)
        free_ns = starts_ns + 10**9
        busy_ns += max(0, min(free_ns, plan.window_end_ns) - max(starts_ns, plan.window_begin_ns))
    found_ns = merging_ns(trace, Mergers.of(next(iter(stage_views(plan)))))
    with law("T9"):
        assert found_ns == busy_ns, f"{found_ns} of {busy_ns} ns merging"


def verdicts_are_the_intervals() -> None:
    """unit/test_stats.py: a bound beyond the interval is decided, one within it is not."""
    rng = np.random.default_rng(4)
    series = Series(np.floor(rng.exponential(1e9, 4000)), Layout.of([500] * 8))
    for text in ("p50", "p90", "p95"):
        found = series.quantile(float(Fraction(text[1:]) / 100)).scaled(1e-9)
        for bound_s, met in (
            (found.low * 0.95, False),
            ((found.low + found.pooled) / 2, None),
            ((found.high + found.pooled) / 2, None),
            (found.high * 1.05, True),
        ):
            asked = parse_objective(f"{text} < {bound_s:.9f}s")
            verdict = judge(asked, series, None, Interval(None), Share(0.0, 0.0, 0.0), Interval(None), False)
            with law("T3"):
                assert verdict.met is met, f"{asked.text}: {verdict.met} by {found.low:.3g} .. {found.high:.3g}"


def intervals_are_in_order() -> None:
    """unit/test_stats.py: an estimate lies in its interval, percentiles grow, units and order do not matter."""
    rng = np.random.default_rng(6)
    parts = [rng.lognormal(18, 1.5, size) for size in (300, 500, 400, 350)]
    series, doubled = (Series(np.concatenate(parts) * k, Layout.of([len(part) for part in parts])) for k in (1.0, 2.0))
    moved = [*parts[1:], parts[0]]
    turned = Series(np.concatenate(moved), Layout.of([len(part) for part in moved]))
    before = 0.0
    for p in (0.05, 0.25, 0.5, 0.75, 0.9, 0.95):
        found = series.quantile(p)
        with law("T2"):
            assert found.low <= found.pooled <= found.high, f"p{100 * p:g}: {found.pooled:.4g} outside its interval"
            assert found.pooled >= before, f"p{100 * p:g} is below a lower percentile"
        before = found.pooled
        for other, factor in ((doubled, 2.0), (turned, 1.0)):
            same = other.quantile(p)
            with law("T5"):
                assert same.low == found.low * factor and same.high == found.high * factor, f"p{100 * p:g}"


def intervals_cover() -> None:
    """unit/test_stats.py: of clustered samples, the interval of a percentile covers it as often as it says."""
    truth, inside = -math.log(0.05), 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        values = np.repeat(rng.exponential(size=(8, 100)), 10, axis=1).ravel()  # ten queries share their luck
        found = Series(values, Layout.of([1000] * 8)).quantile(0.95)
        inside += found.low <= truth <= found.high
    with law("T4"):
        assert inside >= 85, f"{inside} of 100, nominal 95"  # less by chance once in ten thousand


def what_is_not_supported_is_not_printed() -> None:
    """unit/test_stats.py: a percentile whose later queries all lie in one busy period is not printed."""
    values = np.ones(8000)
    values[2100:2200] = 2.0
    found = Series(values, Layout.of([1000] * 8)).quantile(0.99)
    with law("T7"):
        assert found.to_dict() is None, f"{found.exceedances:.1f} effective exceedances are printed"


def quiet_runs_are_not_believed() -> None:
    """unit/test_stats.py: rule 1 and 3, of late queries spread as evenly as they can be."""
    even = np.tile(np.where(np.arange(100) < 2, 50.0, 1.0), 160)
    layout = Layout.of([2000] * 8)
    share = Series(even, layout, Clusters(4.0)).share(9.0, inclusive=False)
    with law("T4"):
        assert share.high / share.value > 1.2, "a run without spread is taken for certain"
        assert Series(even, layout).share(9.0, inclusive=False).high == share.value, (
            "which it is, if nobody knows better"
        )
    wide = Series(np.where(np.arange(16_000) % 100 < 50, 9.0, 1.0), layout, Clusters(4.0)).quantile(0.5)
    with law("T7"):
        assert wide.to_dict() is None, f"{wide.low:g} .. {wide.high:g} is printed"


def replays_that_are_all_the_same_are_one() -> None:
    """unit/test_stats.py: eight times the same sample says what one says."""
    rng = np.random.default_rng(11)
    values = np.convolve(rng.exponential(1.0, 2060), np.ones(61), "valid")
    eight = Series(np.tile(values, 8), Layout.of([2000] * 8, is_shared=True, is_repeated=True))
    seen, alone = (series.quantile(0.9) for series in (eight, Series(values, Layout.of([2000]))))
    mean, mean_alone = eight.mean(), Series(values, Layout.of([2000])).mean()
    with law("T4"):
        assert np.allclose((seen.low, seen.high), (alone.low, alone.high), rtol=1e-9), "a narrower interval"
        assert np.allclose((mean.low, mean.high), (mean_alone.low, mean_alone.high), rtol=1e-9), "likewise of the mean"
        assert math.isclose(seen.exceedances, alone.exceedances, rel_tol=1e-9), "more of them bear witness"


def paper_holds() -> None:
    """test_theory.py: a run that contradicts an exact law fails loudly."""
    from simulator.running.run import simulate

    model = {"kind": "time", "law": {"kind": "exponential", "mean": "1s"}}
    stages = [{"name": "one", "model": model}]
    run = {"queries": 600, "replications": 6}
    values = {"name": "mm1", "load": {"rate": "0.5/s"}, "run": run, "stages": stages}
    from simulator import ContradictionError

    with law("T6"):
        try:
            simulate(scenario_from_dict(values))
        except ContradictionError as error:
            raise AssertionError(str(error)) from None


def closed_forms_are_those_of_books() -> None:
    """test_theory.py: waiting in M/M/c by Erlang's sum, in M/G/1 and M/D/1 by their means, a percentile by its cdf."""
    for workers, offered in ((1, 0.5), (2, 1.5), (8, 6.0)):
        terms = [offered**k / math.factorial(k) for k in range(workers)]
        last = offered**workers / math.factorial(workers) / (1 - offered / workers)
        with law("T6"):
            assert math.isclose(queues.erlang_c(workers, offered), last / (sum(terms) + last)), f"M/M/{workers}"
    with law("T6"):
        assert math.isclose(queues.mg1_mean_wait(0.8, 1.0, 1.5), 0.8 * 1.5 / 2 / 0.2), "Pollaczek and Khinchine"
        assert math.isclose(queues.mm1_quantile(0.5, 1.0, 0.9), -math.log(0.1) / 0.5), "M/M/1"
        queue = queues.MD1(0.7)
        grid = np.linspace(0, 30, 3001)
        mean = float(np.sum([1 - queue.wait_cdf(float(x)) for x in grid[::10]]) * 0.1)
        assert abs(mean - 0.7 / 2 / 0.3 - 0.5 * 0.1 * 0.7) < 0.01, f"M/D/1: mean wait {mean:.4g}"


def _cleaned_up(rate: float = 50.0):
    """M/G/1: exponential services of 8 ms, then 2 ms that nobody waits for, exponential, too."""
    time, after = Law.exponential(8e6), Law.exponential(2e6)
    part = StageParts(candidates=Law.constant(1.0), time=time, after=after)
    return assemble([part], np.arange(100), arrival_kind=ARRIVE_POISSON, rate_per_s=rate)


def waits_behind_what_follows() -> None:
    """test_theory.py: the mean wait of M/G/1 is that of services together with what follows them."""
    from simulator.theory import estimate

    [wait_s] = [one.value_s for one in estimate(_cleaned_up()).predictions if one.statistic == "wait"]
    square = 2 * 8e-3**2 + 2 * 8e-3 * 2e-3 + 2 * 2e-3**2
    with law("T6"):
        assert math.isclose(wait_s, 50 * square / 2 / (1 - 50 * 10e-3)), f"mean wait {wait_s:.6g} s"


def what_follows_is_asked_for() -> None:
    """test_theory.py: demand is of services and of what follows them."""
    from simulator.theory import busiest

    with law("T9"):
        assert math.isclose(busiest(_cleaned_up()), 50 * 10e-3), f"demand {busiest(_cleaned_up()):.6g}"


def _with_stops(every_s: float, length: Law, rate_per_s: float, mean_s: float):
    """M/M/1 that stops after exponential times."""
    stops = Slowdown(Law.exponential(every_s * 1e9), length)
    one = StageParts(candidates=Law.constant(1.0), time=Law.exponential(mean_s * 1e9), slowdowns=[stops])
    return assemble([one], np.arange(100), arrival_kind=ARRIVE_POISSON, rate_per_s=rate_per_s)


def stops_are_in_theory() -> None:
    """unit/test_slowdowns.py: stops of 2 s after 10 s, at half load: White and Christie, and what is asked for."""
    from simulator.theory import busiest, estimate

    plan = _with_stops(10.0, Law.exponential(2e9), 0.5, 1.0)
    [mean_s] = {one.value_s for one in estimate(plan).predictions if one.statistic == "mean"}
    with law("T6"):
        assert math.isclose(mean_s, 23 / 6), f"mean latency {mean_s:.6g} s"
    with law("T9"):
        assert math.isclose(busiest(plan), 0.6), f"demand {busiest(plan):.6g}"


def few_stops_say_no_mean() -> None:
    """unit/test_slowdowns.py: five stops of a run, more or less, are no mean; and late queries of one are a cluster."""
    from simulator.theory import clusters_ahead, clusters_of, means_ahead

    with law("T4"):
        seldom = _with_stops(8_000.0, Law.constant(120e9), 1.0, 0.1)
        assert means_ahead(seldom, 40_000).latency.is_carried_by_few, "five stops, more or less"
        often = _with_stops(60.0, Law.constant(2e9), 5.0, 0.1)
        assert not means_ahead(often, 320_000).latency.is_carried_by_few, "a thousand stops"
    with law("T7"):
        late = max(jumps.late for jumps in clusters_of(often)[None].jumps)
        expected = 5 * 2 / (1 - 0.5 * 62 / 60)  # who comes in a stop, and until what piled up is done
        assert math.isclose(late, expected), f"{late:.3g} queries are late by a stop"
        five = clusters_ahead(_with_stops(1_000.0, Law.constant(20e9), 5.0, 0.05)).ahead(0.99, 5_000)
        assert five is not None and five > 40, f"a stop in 5,100 queries is one of 50 beyond p99, not {five:.3g}"
        many = clusters_ahead(_with_stops(60.0, Law.constant(2e9), 5.0, 0.05)).ahead(0.99, 5_000)
        assert many is not None and many < 5, f"a stop in 310 queries is three of them beyond p99, not {many:.3g}"


def a_calibration_is_one_more_draw() -> None:
    """unit/test_stats.py: where each replication draws its calibration anew, s sqrt(1 + 1/R); of one alone, nothing."""
    from simulator.stats.means import mean_interval
    from simulator.stats.share import share_ends, tally

    counts = [40, 60, 55, 45, 50, 38]
    bad = np.concatenate([np.random.default_rng(count).permutation(np.arange(1000) < count) for count in counts])
    same, own = (Layout.of([1000] * 6, is_sampled=sampled) for sampled in (False, True))
    with law("T4"):
        low, high = share_ends(tally(bad, own), own, 1.0, is_even=True)
        mean, deviation = np.mean(counts) / 1000, np.std(counts, ddof=1) / 1000
        arm = 2 * math.asinh(2.5706 * deviation * math.sqrt(1 + 1 / 6) / mean / 2)
        seen = math.log(high[0] / mean)
        assert math.isclose(seen, arm, rel_tol=1e-3), f"the upper arm of a share is {seen:.4g}, not {arm:.4g}"
        assert math.isclose(low[0] * high[0], mean**2), "the arms of a search are alike"
        plain, sampled = (mean_interval(layout.by_block(bad), layout.block_sizes, layout) for layout in (same, own))
        assert plain.low is not None and plain.high is not None and sampled.low is not None
        assert sampled.high is not None
        wider = (sampled.high - sampled.low) / (plain.high - plain.low)
        assert math.isclose(wider, math.sqrt(7)), f"of a mean it is {wider:.3g} times as wide, not sqrt 7"
    with law("T7"):
        one = Layout.of([6000], is_sampled=True)
        assert mean_interval(one.by_block(bad), one.block_sizes, one).low is None, "its blocks have one calibration"


def few_replicas_are_busier() -> None:
    """unit/test_replicas.py: a shard with one replica is three times as busy as one like it that has three."""
    from simulator.theory import estimate

    part = StageParts(share=[0.5, 0.5], replicas=3, left=[3, 1], candidates=Law.constant(2.0), knots=[(0.0, 0.0, 1e8)])
    plan = assemble([part], np.arange(9) * 10**9, rate_per_s=3.0)
    with law("T6"):
        demand = estimate(plan).stages[0].utilisation
        assert np.allclose(demand, [[0.1, 0.1, 0.1], [0.3, 0, 0]]), f"demand by shard and replica is {demand.tolist()}"


def threads_divide() -> None:
    """unit/test_threads.py: nine workers, four a task: two tasks at once, of a quarter of the time, one idle worker."""
    from simulator.planner.plans import make_plan
    from simulator.theory import estimate

    model = {"kind": "tree", "per_item": "4us", "overhead": "1ms"}
    stage = {"name": "s", "candidates": 1000, "workers": 9, "threads": 4, "model": model}
    given = {"name": "s", "load": {"rate": "500/s"}, "stages": [stage], "run": {"queries": 10}}
    plan = make_plan(scenario_from_dict(given))
    with law("S22"):
        row = plan.stages[0]
        assert (row["workers"], row["threads"], row["idle"]) == (2, 4, 1), "sets of workers, and who is left over"
        paper = estimate(plan)
        assert abs(paper.zero_load.mean_s - 0.002) < 1e-9, f"1 ms and 4 ms / 4 are {paper.zero_load.mean_s} s"
        assert abs(paper.utilisation - 0.5) < 1e-9, f"500 x 2 ms / 2 is {paper.utilisation}"


def a_search_ends_where_more_does_not_help() -> None:
    """test_capacity.py: replays of one trace, and draws of one calibration, that did not make a level better."""
    from types import SimpleNamespace

    from simulator.planning.refinement import Refinement

    def level(measured: int, half: float, exceedances: float = 50.0) -> SimpleNamespace:
        prober = SimpleNamespace(measured=measured)
        return SimpleNamespace(prober=prober, half=half, exceedances=exceedances, is_supported=exceedances >= 10)

    def is_stuck(
        before: SimpleNamespace, after: SimpleNamespace, lengthens: bool, samples: bool, retries: int | None = None
    ) -> bool:
        search = object.__new__(Refinement)
        search.levels, search.tolerance = [before, after], 0.05
        client = None if retries is None else SimpleNamespace(retries=retries)
        said = {"can_lengthen": lengthens, "samples": samples, "client": client}
        search.scenario = SimpleNamespace(**said)  # type: ignore[assignment]
        return search._is_stuck(after)  # type: ignore[arg-type]

    with law("T7"):
        for lengthens, samples, expected in ((False, False, True), (True, True, True), (True, False, False)):
            seen = is_stuck(level(1000, 0.2), level(2000, 0.19), lengthens, samples)
            assert seen == expected, f"twice as many, a twentieth better: {seen}"
        for retries in (0, 2):
            seen = is_stuck(level(1000, 0.2), level(2000, 0.19), True, False, retries)
            assert seen == (retries > 0), f"{retries} retries, twice as many, a twentieth better: {seen}"
        assert not is_stuck(level(1000, 0.2), level(2000, 0.14), False, False), "it became better by a third"
        assert not is_stuck(level(1000, 0.2), level(1500, 0.19), False, False), "half as many more tell nothing"
        assert not is_stuck(level(1000, 0.05), level(2000, 0.049), False, False), "it is as sure as was asked for"
        assert is_stuck(level(1000, 0.2, 5.0), level(2000, 0.1, 5.1), False, False), "no more is beyond than before"


def laws_are_silent_where_they_do_not_hold() -> None:
    """test_theory.py: with features that a law does not allow, one nobody has heard of among them, it says nothing."""
    from simulator.core import features
    from simulator.theory import estimate, little, stages

    constant = StageParts(candidates=Law.constant(1.0), knots=[(0.0, 1e7, 0.0)])
    for changes in ({"workers": 2}, {"mergers": 1, "merge_ns": 10**6}, {"replicas": 2}):
        plan = _plan([dataclasses.replace(constant, **changes)])
        with law("T6"):
            laws = {prediction.law for prediction in estimate(plan).predictions}
            assert not any(name.startswith("M/D/1") for name in laws), f"a tandem of single servers, with {changes}"
    exponential = StageParts(candidates=Law.constant(1.0), time=Law.exponential(1e7))
    plan = _plan([exponential])
    trace = reference.simulate(plan)
    with law("T6"):
        assert estimate(plan).predictions, "M/M/1 is known"
        with mock.patch.object(stages, "features_of", lambda plan, stage: features.features_of(plan, stage) | {"new"}):
            paper = estimate(plan)
            assert paper.predictions == () and paper.zero_load is None, "claims about a feature that nobody allowed"
        assert little([trace], plan), "flows are held"


def stages_are_read_by_name() -> None:
    """unit/test_stage_view.py: shards and replicas of a stage are its own, and all of them."""
    parts = [
        StageParts(candidates=Law.constant(1.0), share=[0.5, 0.5], replicas=2),
        StageParts(candidates=Law.constant(1.0), share=[0.2, 0.3, 0.5], replicas=3),
    ]
    views = stage_views(_plan(parts))
    with law("S22"):
        shards = [place for view in views for place in range(100)[view.shard_slice]]
        replicas = [place for view in views for place in range(100)[view.replica_slice]]
        assert shards == list(range(5)) and replicas == list(range(4 + 9)), f"shards {shards}, replicas {replicas}"
        assert views[1].share.tolist() == [0.2, 0.3, 0.5], "shares"


def _plan(parts):
    arrival_ns = np.arange(1, 41, dtype=np.int64) * 2 * 10**7
    return assemble(parts, arrival_ns, rate_per_s=50.0, arrival_kind=ARRIVE_POISSON)


def empty_systems_are_as_paper_says() -> None:
    """test_theory.py: latency without waiting is what a run with long gaps shows."""
    from simulator.planner.plans import make_plan
    from simulator.theory.zero_load import zero_load

    stage = {"name": "a", "candidates": 10, "model": {"kind": "tree", "per_item": "1ms"}, "shards": 3, "skew": 1}
    later = {"name": "b", "candidates": 2, "model": {"kind": "tree", "per_item": "3ms"}, "network": {"request": "1ms"}}
    values = {
        "name": "s",
        "load": {"rate": "1/h", "arrivals": "constant"},
        "run": {"queries": 3, "warmup": 0},
        "stages": [stage, later],
    }
    plan = make_plan(scenario_from_dict(values))
    trace = reference.simulate(plan)
    seen = float(trace.completion_ns[0] - trace.arrival_ns[0]) * 1e-9
    with law("T6"):
        assert abs(zero_load(plan).mean_s - seen) < 1e-8, f"{zero_load(plan).mean_s:.6g} s on paper, {seen:.6g} s seen"


def unlike_sources_are_as_paper_says() -> None:
    """test_sources.py: an empty system answers with the greatest of a constant and an exponential time."""
    from simulator.core.sources import SourceParts
    from simulator.theory.zero_load import zero_load

    a, b = 1e-3, 3e-3
    times = Law.constant(a * 1e9), Law.exponential(b * 1e9)
    both = [SourceParts(candidates=Law.constant(1.0), time=time) for time in times]
    found = zero_load(_plan([StageParts(share=[0.5, 0.5], sources=both)]))
    exact = a + b * math.exp(-a / b)
    with law("T6"):
        assert found is not None and abs(found.mean_s / exact - 1) < 1e-3, f"{found} in place of {exact:.6g} s"


def classes_are_mixed_on_paper() -> None:
    """unit/test_class_candidates.py: what is scored for a class goes with how heavy it is; a constant need not be 1."""
    from simulator.core.assemble import complete, lay_out
    from simulator.core.classes import QueryClass, with_classes
    from simulator.theory.funnel import stages_of

    works = [Law.constant(2.0), Law.constant(0.5)]
    part = StageParts(candidates=Law.constant(1e3), by_class=[Law.none(), Law.constant(400.0)], knots=[(0.0, 0.0, 1e4)])
    known = [QueryClass(share=share, work=work) for share, work in zip((1.0, 3.0), works, strict=True)]
    system = with_classes(lay_out([part, StageParts(knots=[(0.0, 0.0, 1e4)])], class_works=works), known)
    first, second = stages_of(complete(system, np.zeros(1, dtype=np.int64)))
    with law("T1"):
        exact = 0.25 * 0.02 + 0.75 * 0.002, 0.25 * 0.02**2 + 0.75 * 0.002**2
        for stage in (first, second):
            found = stage.moments_s(0)
            assert found is not None and np.allclose(found, exact), f"{found} in place of {exact}"


def who_comes_is_mixed_in_an_empty_system() -> None:
    """unit/test_class_candidates.py: an empty system is met by each class with what it brings, by its own luck."""
    from simulator.core.classes import QueryClass, with_classes
    from simulator.theory.zero_load import zero_load

    brings = [Law.none(), Law.constant(100.0)]
    part = StageParts(candidates=Law.constant(1e3), by_class=brings, knots=[(0.0, 0.0, 1e4)])
    known = [QueryClass(share=1.0), QueryClass(share=3.0)]
    found = zero_load(with_classes(_plan([part]), known))
    with law("T6"):
        assert found is not None and abs(found.mean_s - (0.25 * 0.01 + 0.75 * 0.001)) < 1e-9, f"{found} of constants"
        assert (found.percentiles_s["p50"], found.percentiles_s["p90"]) == (0.001, 0.01), f"{found} of constants"
    random = dataclasses.replace(part, task=Law.exponential(1.0))
    found = zero_load(with_classes(_plan([random]), known))
    p90_s = next(t for t in np.linspace(0.0, 0.05, 500_001) if _beyond(t) <= 0.1)
    with law("T6"):
        assert found is not None and abs(found.percentiles_s["p90"] / p90_s - 1) < 2e-3, f"{found}, p90 {p90_s:.6g} s"
        assert abs(found.mean_s / (0.25 * 0.01 + 0.75 * 0.001) - 1) < 1e-4, f"{found} of exponentials"


def _beyond(t: float) -> float:
    """Chance that one of both is later than t s."""
    return 0.25 * math.exp(-t / 0.01) + 0.75 * math.exp(-t / 0.001)


def sources_have_what_no_other_can_give() -> None:
    """test_sources.py: of six answers five are waited for, and so one of two slow ones, and three of four fast ones."""
    from simulator.core.plan import CANCEL_QUEUED
    from simulator.core.sources import SourceParts
    from simulator.theory import estimate, source_demands

    slow = SourceParts(candidates=Law.constant(1.0), time=Law.constant(4e6), share=[0.5] * 2)
    fast = SourceParts(candidates=Law.constant(1.0), time=Law.constant(1e6), share=[0.25] * 4)
    plan = _plan([StageParts(share=[1 / 6] * 6, sources=[slow, fast], wait_for=5, cancels=CANCEL_QUEUED)])
    with law("T6"):
        demands = source_demands(plan, 0)
        assert np.allclose(demands, [(0.1, 0.1), (0.0375, 0.0375)]), f"{demands} of sources"
        seen = estimate(plan).utilisation
        assert abs(seen - 0.1) < 1e-12, f"{seen} of the busiest"


def ties_are_divided() -> None:
    """test_sources.py: where the last answers of two sources come at one instant, each closed half of the stage."""
    from simulator.core.sources import SourceParts
    from simulator.stats.fleets import figures_of_sources

    same = SourceParts(candidates=Law.constant(1.0), time=Law.constant(2e6))
    plan = _plan([StageParts(share=[0.5, 0.5], sources=[same, same])])
    pool = Pool([reference.simulate(plan)] * 2)
    said = figures_of_sources(pool, stage_views(plan)[0], lambda series, percentiles: Interval(None), [])
    with law("T11"):
        ratios = [one["critical_ratio"]["value"] for one in said or ()]
        assert ratios == [0.5, 0.5], f"last answers {ratios}"


def causes_are_told_apart() -> None:
    """unit/test_causes.py: each task's parts by hand; their shares; and what laws say of them before it."""
    from simulator.core import draws
    from simulator.stats.causes import stage_causes, sums_of
    from simulator.stats.task_parts import task_parts

    share, factors, task = [0.5, 0.3, 0.2], [[1.0, 3.0], [1.0, 3.0], [3.0, 1.0]], Law.lognormal(1.0, 0.6)
    part = StageParts(
        candidates=Law.constant(1e3), share=share, replicas=2, policy=RANDOM, knots=[(0.0, 5e5, 1e4)], task=task
    )
    rng = np.random.default_rng(1)
    arrival_ns, work = np.cumsum(rng.exponential(6e7, 60)).astype(np.int64), rng.exponential(1.0, 60)
    plan = assemble([part], arrival_ns, work, first_measured=10, machine_factor=np.ravel(factors))
    trace = reference.simulate(plan, tasks=True)
    table, view = trace.task_table, stage_views(plan)[0]
    rows = [row for row in range(len(table.query)) if table.query[row] >= 10]
    tasks = [(query, shard) for query in range(10, 60) for shard in range(3)]
    alone = {(query, shard): 5e5 + 1e4 * 1e3 * share[shard] * work[query] for query, shard in tasks}
    usual = sum(float(plan.machine_factor[table.replica[row]]) for row in rows) / len(rows)
    expected = []
    for row in rows:
        query, shard, factor = int(table.query[row]), int(table.shard[row]), plan.machine_factor[table.replica[row]]
        base, own = sum(alone[query, other] for other in range(3)) / 3, alone[query, shard]
        luck = task.quantile(draws.uniforms(plan.seed, plan.replication, draws.TASK, query, shard, 0)[0])
        waits = int(table.start_ns[row] - table.enqueue_ns[row])
        expected.append(
            [base * usual, (own - base) * usual, own * (factor - usual), own * factor * (luck - 1.0), 0.0, waits]
        )
    parts = task_parts(plan, trace, view)
    with law("T10"):
        assert parts.query.tolist() == table.query[rows].tolist(), "tasks of measured queries"
        assert np.allclose(parts.of.T, np.array(expected), rtol=1e-9, atol=1.0), "parts of tasks"
    sums = sums_of(trace, 0, parts)
    variances = np.array(expected).var(axis=0)
    services = np.array([float(table.finish_ns[row] - table.start_ns[row]) for row in rows])
    told = stage_causes("a", [sums], None)
    shares = [one.of_service.value for one in told.causes]
    by_hand = [*(variances[:5] / services.var()), None, 1 - variances[:5].sum() / services.var()]
    latency_ns = (trace.completion_ns - trace.arrival_ns)[10:]
    with law("T10"):
        for seen, wanted in zip(shares, by_hand, strict=True):
            assert (seen is None) == (wanted is None) and abs((seen or 0) - (wanted or 0)) < 1e-5, f"{seen}, {wanted}"
        assert told.slowest == 1 and abs(told.latency.value - latency_ns.max() * 1e-9) < 1e-12, "the slowest queries"
    _causes_by_laws(part, np.array(factors))


def _causes_by_laws(part, factors) -> None:
    """Shares in closed form beside means over all that can happen, by hand: work of two values, equally likely."""
    from simulator.theory import service_variances, stages_of

    two, share = Law.empirical([0.5, 1.5]), part.share
    plan = assemble([part], np.array([0]), np.ones(1), work_law=two, machine_factor=factors.ravel())
    happens = [(w, s, r) for w in (0.5, 1.5) for s in range(3) for r in range(2)]
    alone = np.array([5e-4 + 1e-2 * share[s] * w for w, s, _ in happens])
    factor = np.array([factors[s, r] for _, s, r in happens])
    base = np.array([5e-4 + 1e-2 * w / 3 for w, _, _ in happens])
    usual, spread = factor.mean(), 0.36
    wanted = [
        (base * usual).var(),
        ((alone - base) * usual).var(),
        (alone * (factor - usual)).var(),
        spread * (alone**2 * factor**2).mean(),
        (alone * factor).var() + spread * (alone**2 * factor**2).mean(),
    ]
    with law("T10"):
        assert np.allclose(service_variances(stages_of(plan)[0]), wanted, rtol=1e-9), "shares by laws"
