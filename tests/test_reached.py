"""What drawn plans and scenarios reach besides: instants beyond all, sums that overflow, all that is said of a sample.

``make coverage`` measures that drawn input reaches every branch of core, engines, stats and planner; what is here is
there for that, and holds what it reaches.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
from conftest import drawn
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st

from simulator import ScenarioError, engines, scenario_from_dict
from simulator.base.errors import PluginError
from simulator.core import jit
from simulator.core.assemble import ONE, PlanTooLarge, StageParts, assemble, check_sizes, lay_out, smallest_plan
from simulator.core.laws import Law, LawTable, sampling
from simulator.core.plan import (
    BACKGROUND_GAP,
    CANCEL_RUNNING,
    CONSTANT,
    DOWN,
    NEVER_NS,
    NONE,
    PLUGGED,
    ROLES,
    UP,
    Rule,
    System,
    frozen,
)
from simulator.core.tabulate import NotTabulated, tabulate
from simulator.core.trace import same_trace
from simulator.engines import compile_ahead, compile_events, compiled, reference, why_reference
from simulator.planner.load import known_extent
from simulator.planner.plans import Plans, make_plan
from simulator.scenario import parse_objective
from simulator.stats import summarise
from simulator.stats.extract import Extracts, extract
from simulator.stats.load import most_within
from simulator.stats.means import NOTHING, Interval
from simulator.stats.money import Price
from simulator.stats.paired import LeftOut, exactly
from simulator.stats.precision import next_step
from simulator.stats.quantiles import Series
from simulator.stats.readings import is_read, read
from simulator.stats.share import Layout
from simulator.stats.stability import Asked, stability
from simulator.testing import plans, scenarios
from simulator.theory.capacity import busiest

RARELY_NS = st.sampled_from([2**56, 2**58, 2**60])
LATE_NS = st.sampled_from([0, 0, 1, 2**57, 2**59, 2**60, 2**61])


@st.composite
def far_plans(draw):
    """Plans with durations of years: instants beyond all that a run can tell apart, sums beyond int64."""
    plan = draw(plans(most_queries=5))
    stages, laws = np.array(plan.stages), np.array(plan.laws)
    for row in stages:
        row["request_ns"], row["merge_ns"] = draw(LATE_NS), draw(LATE_NS)
    for row in laws:
        if row["kind"] == CONSTANT and row["a"] > 1:
            row["a"] = float(draw(LATE_NS))
    for role in (UP, DOWN, BACKGROUND_GAP):  # what comes again and again comes a few times in years
        for row in laws[role::ROLES]:
            if row["kind"] != NONE:
                row["kind"], row["a"] = CONSTANT, float(draw(RARELY_NS))
    stretches = np.array(plan.slowdown_laws)
    for row in stretches:
        row["kind"], row["a"] = CONSTANT, float(draw(RARELY_NS))
    longer = draw(st.sampled_from([1.0, 2.0**50, 2.0**58]))
    changes = {
        "slowdown_laws": stretches,
        "knot_ns": plan.knot_ns * longer,
        "knot_slope": plan.knot_slope * longer,
        "stages": stages,
        "laws": laws,
    }
    drain_ns = draw(st.sampled_from([NEVER_NS, NEVER_NS, 2**60, 2**61]))
    return dataclasses.replace(plan, drain_ns=drain_ns, **{name: frozen(array) for name, array in changes.items()})


def outcome(simulate, plan, **more):
    """The trace, or None where the run goes beyond all instants."""
    try:
        with np.errstate(over="ignore"):  # sums of instants wrap around and back, as they do when compiled
            return simulate(plan, **more)
    except OverflowError:
        return None


@given(far_plans())
def test_the_engines_agree_beyond_all_instants(plan):
    expected = outcome(reference.simulate, plan, tasks=True)
    for way in ((), range(len(plan.stages)), [0]):
        for tasks in (False, True):
            found = outcome(compiled.simulate, plan, tasks=tasks, event_by_event=way)
            assert (found is None) == (expected is None), f"event by event: {list(way)}"
            if found is not None:
                assert same_trace(found, expected, without_tasks=not tasks) == ""


HALF_NS = NEVER_NS // 2


@pytest.mark.parametrize("late", ["the request of the second stage", "the merge of the first"])
def test_an_instant_less_is_told_apart_and_one_more_is_not(late):
    """The first stage ends a ns after half of all instants; what is next takes almost the other half, and a ns."""
    for short_ns in (3, 2, 1):  # fits; the last service ends beyond; what is late does
        left_ns = NEVER_NS - HALF_NS - short_ns
        merge_ns, request_ns = (left_ns, 0) if late.startswith("the merge") else (0, left_ns)
        first = StageParts(candidates=ONE, time=Law.none(), request_ns=HALF_NS, merge_ns=merge_ns)
        plan = assemble([first, StageParts(time=Law.none(), request_ns=request_ns)], np.zeros(1, dtype=np.int64))
        expected = outcome(reference.simulate, plan)
        assert (expected is None) == (short_ns < 3)
        for way in ((), [0], [1], [0, 1]):
            found = outcome(compiled.simulate, plan, event_by_event=way)
            assert (found is None) == (expected is None), f"event by event: {list(way)}"
            assert found is None or same_trace(found, expected) == ""


#: What comes last in the second stage, and takes so long: an answer, the wait for a batch, a time-out, a withdrawal.
SHORT_NS, LONG_NS = 2**54, 2**60
LAST = {
    "an answer": (LONG_NS, {"response": Law.constant(float(LONG_NS))}),
    "the wait for a batch": (SHORT_NS, {"max_size": 2, "max_wait_ns": SHORT_NS, "knots": [(0.0, 1.0, 0.0)]}),
    "a time-out": (SHORT_NS, {"timeout_ns": SHORT_NS}),
    "waiting on": (SHORT_NS, {"wait_for": 1, "share": [0.5, 0.5], "timeout_ns": SHORT_NS, "then": 1.0, "send_ns": 9}),
    "a withdrawal": (
        *(
            SHORT_NS,
            {"wait_for": 1, "share": [0.5, 0.5], "send_ns": 9, "cancels": CANCEL_RUNNING, "cancel_ns": SHORT_NS},
        ),
    ),
}


@pytest.mark.parametrize("last", LAST)
def test_whatever_comes_last_is_told_apart_or_refused(last):
    """Where it comes at the last instants that there are, a nanosecond earlier or later: in both engines alike."""
    took_ns, parts = LAST[last]
    refused = []
    for spare_ns in range(-3, 16):
        first = StageParts(candidates=ONE, time=Law.none(), request_ns=NEVER_NS - took_ns - spare_ns)
        second = StageParts(**{"time": Law.none(), **parts})
        plan = assemble([first, second], np.zeros(1, dtype=np.int64))
        expected = outcome(reference.simulate, plan, tasks=True)
        found = outcome(compiled.simulate, plan, tasks=True, event_by_event=[0, 1])
        assert (found is None) == (expected is None), spare_ns
        assert found is None or same_trace(found, expected) == "", spare_ns
        refused.append(found is None)
    assert any(refused)
    assert not all(refused)


@drawn(50, suppress_health_check=list(HealthCheck))
@given(scenarios(most_queries=40, most_stages=2), st.booleans(), st.sampled_from([None, 2.0, 4.0]))
def test_what_is_said_of_a_sample_hangs_together(values, is_cut, usd_per_h):
    """Figures are finite or absent, percentiles grow, and extracts say what traces say."""
    if is_cut:
        values["run"]["drain"] = "0s"
    values["slos"] += ["mean < 1s", "max < 1s", "failed_ratio < 1%", "99% within 1s", "goodput > 1/s"]
    values["slos"] += ["availability > 99.9%"]
    values["slos"] += [f"stage.{values['stages'][0]['name']}.{what} < 50%" for what in ("utilisation", "hottest")]
    scenario = scenario_from_dict(values)
    slos = [*scenario.slos, *map(parse_objective, ("cost < 3 USD/h", "usd_per_million_queries < 1 USD"))]
    planned = [make_plan(scenario, replication) for replication in range(scenario.run.replications)]
    assume(sum(plan.queries for plan in planned) <= 2000)
    traces = [reference.simulate(plan) for plan in planned]
    names = [stage.name for stage in scenario.stages]
    utilisations = [busiest(plan) for plan in planned]
    is_stationary = scenario.is_stationary
    more = {"utilisations": utilisations, "is_stationary": is_stationary, "price": Price(usd_per_h)}
    summary = summarise(traces, planned[0], slos, [50, 90, 99.9], names, **more)
    document = summary.to_dict()
    json.dumps(document, allow_nan=False)
    for figure in (summary.latency, *(stage.latency for stage in summary.stages)):
        values_ = [quantile.pooled for quantile in figure.percentiles.values()]
        assert values_ == sorted(values_)
        assert all(quantile.low <= quantile.pooled <= quantile.high for quantile in figure.percentiles.values())
    longer, times = next_step(summary, 0.05)
    assert longer >= summary.replications
    assert 1 <= times <= 4
    later, at_or_later = summary.tail_shares(None, 1e-3)
    assert later[0] <= at_or_later[0]
    if len(traces) < 2:
        return
    asked_of = sorted({names.index(asked.stage) for asked in scenario.slos if asked.stage is not None})
    kept = [extract(plan, trace, asked_of) for plan, trace in zip(planned, traces, strict=True)]
    workers = [stage.workers for stage in scenario.stages]
    extracts = Extracts(kept, names, workers, utilisations, is_stationary, Price(usd_per_h))
    assert extracts.stability().verdict == summary.verdict
    found = extracts.verdicts(slos, summary.verdict == "saturated")
    assert [(one.slo, one.met) for one in found] == [(slo["slo"], slo["met"]) for slo in document["slos"]]
    for one, slo in zip(found, document["slos"], strict=True):
        for name in ("value", "low", "high"):
            mine, other = getattr(one, name), slo[name]
            assert mine == other or mine == pytest.approx(other, rel=1e-9), f"{one.slo}: {name}"
    for asked in slos:
        if is_read(asked):
            reading = read(asked, extracts)
            assert reading.line("low") <= reading.line("value") <= reading.line("high")


def test_a_utilisation_over_no_time_meets_no_bound():
    """Of one query the first measured arrival is the last: there is no window, and nothing says how busy it was."""
    stage = {"name": "a", "model": {"kind": "time", "law": "1ms"}}
    values = {"name": "s", "load": {"rate": "1/s"}, "stages": [stage], "slos": ["stage.a.utilisation < 99%"]}
    scenario = scenario_from_dict({**values, "run": {"queries": 1, "replications": 4}})
    planned = [make_plan(scenario, replication) for replication in range(4)]
    kept = [extract(plan, reference.simulate(plan), [0]) for plan in planned]
    extracts = Extracts(kept, ["a"], [1], [busiest(plan) for plan in planned], True)
    [verdict] = extracts.verdicts(scenario.slos, False)
    assert (verdict.value, verdict.met) == (None, None)
    assert read(scenario.slos[0], extracts).value == math.inf


@drawn(100)
@given(scenarios(most_queries=3, autoscale=False), st.integers(0, 3))
def test_an_outline_is_the_plan_without_its_load(values, replication):
    made = Plans.of(scenario_from_dict(values))
    outline, plan = made.outline(replication), made.make(replication)
    assert (outline.queries, outline.measured, outline.rate_per_s) == (1, 1, plan.rate_per_s)
    assert made.outline(replication, 2.0).rate_per_s == 2.0
    for field in dataclasses.fields(System):
        mine, whole, system = (getattr(one, field.name) for one in (outline, plan, made.system))
        if field.name == "outages" and len(system):  # they count from the window of a plan
            for edge in ("from_ns", "until_ns"):
                assert np.array_equal(mine[edge], system[edge] + outline.window_begin_ns)
                assert np.array_equal(whole[edge], system[edge] + plan.window_begin_ns)
        else:
            assert mine is whole is system, field.name
    for name in ("machine_factor", "replication", "seed", "drain_ns", "arrival_kind", "arrival_dispersion"):
        assert np.array_equal(getattr(outline, name), getattr(plan, name)), name
    extent, first = made.extent(), made.make()
    assert (extent.first_measured, extent.queries) == (first.first_measured, first.queries)
    assert extent.measured == first.measured


@drawn(100)
@given(scenarios(most_queries=3, outages=False), st.integers(0, 3))
def test_a_plan_is_the_same_from_a_load_that_was_drawn_before(values, replication):
    """Without outages, which count from the window: the first queries of a load have one of their own."""
    made = Plans.of(scenario_from_dict(values))
    load, plan = made.load(replication), made.make(replication)
    assert same_plan(made.make(replication, load), plan) == ""
    assert same_plan(pickle.loads(pickle.dumps(made)).make(replication), plan) == ""
    head, whole = made.make(replication, load.head(2)), plan.first_queries(2)
    bits = {name: getattr(whole, name) for name in ("query_bits", "send_bits")}
    assert same_plan(dataclasses.replace(head, **bits), whole) == ""
    assert same_plan(made.scaled(made.scenario.load.scale).make(replication), plan) == ""


def same_plan(one, other) -> str:
    """The first field in which two plans differ."""
    for field in dataclasses.fields(one):
        if not np.array_equal(getattr(one, field.name), getattr(other, field.name)):
            return field.name
    return ""


def test_what_luck_can_change_of_a_load_is_drawn(tmp_path):
    """A plain number of queries is known; what ends, is timed, recorded, modulated or too long has to be drawn."""
    one = {"name": "s", "stages": [{"name": "a", "model": {"kind": "time", "law": "1ms"}}]}

    def is_known(load, **run):
        return known_extent(scenario_from_dict({**one, "load": load, "run": run})) is not None

    wave = {"kind": "diurnal", "mean": "9/s", "peak_to_mean": 1.5, "period": "1h"}
    bursts = {"kind": "mmpp", "rates": [1, 4], "dwell": ["1s", "1s"]}
    assert is_known({"rate": "9/s"}, queries=9) and is_known({"rate": wave}, queries=9)
    assert is_known({"rate": "9/s", "arrivals": {"kind": "gamma", "cv": 2}}, queries=9, warmup=3)
    assert not is_known({"rate": "9/s"}, queries=9, warmup="1s")
    assert not is_known({"rate": "9/s"}, duration="9s")
    assert not is_known({"rate": "9/s", "arrivals": bursts}, queries=9)
    assert not is_known({"rate": "0.001/h"}, queries=10**6)
    (tmp_path / "counts.csv").write_text("9\n9\n9\n")
    profile = {"kind": "profile", "file": str(tmp_path / "counts.csv"), "interval": "1s"}
    assert not is_known({"rate": profile}, queries=9)


def test_what_no_plan_can_hold_is_refused():
    stage = {"name": "a", "model": {"kind": "time", "law": "1ms"}}
    long = {"name": "s", "load": {"rate": "0.0001/h"}, "stages": [stage]}
    with pytest.raises(ScenarioError, match="a replication would last"):
        make_plan(scenario_from_dict(long))
    many = {"name": "s", "load": {"rate": "1/s"}, "run": {"queries": 3}}
    many["stages"] = [{**stage, "name": f"stage_{index}"} for index in range(256)]
    with pytest.raises(ScenarioError, match="make the scenario smaller"):
        make_plan(scenario_from_dict(many))


def test_sizes_that_keys_and_counters_cannot_hold_are_refused():
    part = StageParts(candidates=ONE)
    system = lay_out([part])
    check_sizes(system, 1)
    with pytest.raises(PlanTooLarge, match="queries x shards of all stages needs 60 bits"):
        check_sizes(dataclasses.replace(system, shard_bits=10), 2**50)
    with pytest.raises(PlanTooLarge, match="queries a replication"):
        check_sizes(system, 2**32 + 1)
    with pytest.raises(PlanTooLarge, match="at most 255"):
        check_sizes(lay_out([part] * 256), 1)
    with pytest.raises(PlanTooLarge, match=r"stages\[0\] has 33554432 replicas"):
        check_sizes(lay_out([dataclasses.replace(part, replicas=2**25)]), 1)


def test_laws_have_ends():
    short = Law.empirical_cdf([1.0, 2.0], [0.0, 0.9])  # a table that ends before 1 stays at its last value
    assert short.quantile(0.95) == 2.0
    table = LawTable.of([Law.none()])
    assert sampling.quantile(table.laws, table.parts, table.points, 0, 0.5) == 0.0


@given(plans(most_queries=3, optional=False, caches=False))
def test_traces_are_compared_by_their_tables_too(plan):
    with_tasks, without = reference.simulate(plan, tasks=True), reference.simulate(plan)
    assert list(without.verify(plan)) == []
    assert same_trace(with_tasks, without) == "task_table"
    other = dataclasses.replace(with_tasks.task_table, worker=with_tasks.task_table.worker + 1)
    assert same_trace(with_tasks, dataclasses.replace(with_tasks, task_table=other)) == "task_table.worker"


def test_what_is_said_where_nothing_is_known():
    lost = Series(np.full(40, math.inf), Layout.of([10] * 4))
    assert lost.mean() == NOTHING
    assert math.isnan(lost.largest_finite)
    sure = exactly(3.0, 5.0)
    assert (sure.absolute.value, sure.sign) == (2.0, 1)
    twice = LeftOut(2.0, np.array([1.0, 3.0])).scaled(2.0)
    assert (twice.value, twice.without.tolist()) == (4.0, [2.0, 6.0])
    growth = Interval(0.0, 0.0, 0.0)
    some = stability(growth, 10.0, None, 10_000, Asked([0.5, 1.5]))
    assert some.verdict == "inconclusive"
    assert "of 2 replications" in some.notes[0]


def test_kernels_are_kept_where_they_can_be(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("SHARDSIM_CACHE", str(blocked))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert jit.cache_directory().parent == tmp_path / "shardsim"
    monkeypatch.setattr(jit.os, "access", lambda *_: False)
    assert jit.cache_directory() is None
    calls = []
    monkeypatch.setattr(jit, "_CACHE", None)
    jit.compiled_once(lambda: calls.append("never"))
    assert calls == []
    monkeypatch.setattr(jit, "_CACHE", tmp_path)
    for _ in range(2):
        jit.compiled_once(lambda: calls.append("compiled"), calls.append)
    what, cold_s = jit.PARTS[jit.AHEAD]
    assert calls == [f"compiling {what}, once for this version and machine: about {cold_s} s", "compiled"]
    assert jit.is_compiled(tmp_path)


@pytest.fixture
def compiling(tmp_path, monkeypatch):
    """Nothing is compiled yet, and what would be is named in the list that is given."""
    monkeypatch.setattr(jit, "_CACHE", tmp_path)
    done = []
    monkeypatch.setattr(engines, "compile_ahead", lambda say: done.append("ahead"))
    monkeypatch.setattr(engines, "compile_events", lambda say: done.append("events"))
    return done


def test_a_plan_that_cannot_look_ahead_needs_the_other_loop_too(compiling, monkeypatch):
    engines.compile_for(smallest_plan())
    assert compiling == ["ahead"]
    monkeypatch.setattr("simulator.core.features.may_look_ahead", lambda features: False)
    engines.compile_for(smallest_plan())
    assert compiling == ["ahead", "ahead", "events"]


class Other:
    """Another process that compiles."""

    def __init__(self, done, fails):
        self.done, self.fails = done, fails

    def __call__(self, command, **_):
        if self.fails == "is not started":
            raise OSError
        self.done.append(command[-1].split(";")[-1].strip())
        return self

    def wait(self, seconds=None):
        if seconds is not None and self.fails == "has no end":
            raise subprocess.TimeoutExpired("", seconds)

    def kill(self):
        self.done.append("ended")


@pytest.mark.parametrize("fails", ["", "is not started", "has no end"])
def test_both_parts_are_compiled_at_once_where_there_are_two_processors(compiling, monkeypatch, fails):
    monkeypatch.setattr(engines.subprocess, "Popen", Other(compiling, fails))
    monkeypatch.setattr(engines.os, "cpu_count", lambda: 2)
    engines.compile_all()
    other = [] if fails == "is not started" else ["compile_events()", "ended"]
    assert compiling == [*other[:1], "ahead", *other[1:], "events"]


@pytest.mark.parametrize("why", ["one processor", "no cache", "both are there"])
def test_parts_are_compiled_one_after_the_other_otherwise(compiling, monkeypatch, tmp_path, why):
    monkeypatch.setattr(engines.subprocess, "Popen", Other(compiling, ""))
    monkeypatch.setattr(engines.os, "cpu_count", lambda: 1 if why == "one processor" else 2)
    if why == "no cache":
        monkeypatch.setattr(jit, "_CACHE", None)
    if why == "both are there":
        for part in jit.PARTS:
            (tmp_path / f"{jit.COMPLETE}-{part}").touch()
    engines.compile_all()
    assert compiling == ["ahead", "events"]


def test_a_second_process_finds_kernels_compiled(tmp_path, monkeypatch):
    """Two find the cache cold; the one that waits for the lock has nothing left to do."""
    monkeypatch.setattr(jit, "_CACHE", tmp_path)
    asked = iter([False, True])
    monkeypatch.setattr(jit, "is_compiled", lambda *_: next(asked))
    jit.compiled_once(lambda: pytest.fail("compiled twice"))


def test_where_there_are_no_locks_nobody_waits(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with jit._alone(tmp_path / "lock"):
        assert not (tmp_path / "lock").exists()


def third(replicas, outstanding, turn, u, v):
    return 2


def text(replicas, outstanding, turn, u, v):
    return "first"


def division(replicas, outstanding, turn, u, v):
    return 1 // 0 if turn else 0


def interrupt(replicas, outstanding, turn, u, v):
    raise KeyboardInterrupt


@drawn(60)
@given(plans(most_queries=4), st.sampled_from([third, text, division, interrupt]), st.integers(0, 2))
def test_a_rule_that_goes_wrong_ends_both_engines_alike(plan, rule, place):
    """Out of range, not an integer, an exception: with the query and the shard at which it was asked."""
    stages = np.array(plan.stages)
    stages["policy"][place % len(stages)] = PLUGGED
    rules = [None] * len(stages)
    rules[place % len(stages)] = Rule(rule.__name__, rule)
    faulty, said = dataclasses.replace(plan, stages=frozen(stages), rules=tuple(rules)), []
    for simulate in (reference.simulate, compiled.simulate, event_by_event):
        try:
            simulate(faulty)
            said.append("")
        except (PluginError, KeyboardInterrupt) as error:
            said.append(str(error) if isinstance(error, PluginError) else "interrupted")
    assert said[0] == said[1] == said[2]


def late(replicas, outstanding, turn, u, v):
    return 2 if turn >= 50 else 0


@pytest.mark.parametrize("way", [(), (1,), (0, 1)], ids=["looking ahead", "mixed", "event by event"])
def test_of_two_rules_the_one_that_goes_wrong_first_is_told(way):
    """Looking ahead, the first stage is through with query 50 before the second begins with query 0."""
    rules = (Rule("late", late), Rule("third", third))
    parts = [
        StageParts(candidates=Law.constant(1.0), time=Law.constant(5.0), replicas=2, policy=PLUGGED, rule=rule)
        for rule in rules
    ]
    plan = assemble(parts, np.arange(60) * 100)
    for simulate in (reference.simulate, lambda plan: compiled.simulate(plan, event_by_event=way)):
        with pytest.raises(PluginError, match="third: gives 2 for query 0"):
            simulate(plan)


def event_by_event(plan):
    return compiled.simulate(plan, event_by_event=range(len(plan.stages)))


@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=8), min_size=1, max_size=3), st.integers(1, 12))
def test_the_most_arrivals_in_any_window_begin_with_an_arrival(groups, window_ns):
    arrivals = [np.array(sorted(group)) for group in groups]
    slowly = max(((one >= begin) & (one < begin + window_ns)).sum() for one in arrivals for begin in one)
    assert most_within(arrivals, window_ns) == slowly


def test_a_later_stage_waits_for_room_in_the_event_list():
    burst = assemble([StageParts(candidates=ONE), StageParts(time=Law.constant(1000.0))], np.zeros(300, dtype=int))
    expected = reference.simulate(burst)
    for way in ([1], [0, 1]):
        assert same_trace(compiled.simulate(burst, event_by_event=way), expected) == ""


def test_a_table_is_refused_or_needs_no_inner_points():
    points = np.array([0.0, 1.0])
    with pytest.raises(NotTabulated, match="a table of 2 points"):
        tabulate(np.square, points, 1e-3, 0.0, 2)
    jump = tabulate(lambda x: np.where(x > 0, 1.0, 0.0), points, 1e-3, 2.0, 100)
    assert (jump.error, jump.tried) == (0.0, 0)
    with pytest.raises(NotTabulated):
        tabulate(lambda x: 1.013 ** np.floor(50_000 * x), np.linspace(0, 1, 100), 1e-9, 0.0, 1000)


def test_kernels_are_compiled_ahead_once(tmp_path, monkeypatch):
    monkeypatch.setattr(jit, "_CACHE", tmp_path)
    compile_ahead()
    assert jit.is_compiled(tmp_path) and not jit.is_compiled(tmp_path, jit.EVENTS)
    compile_events()
    assert jit.is_compiled(tmp_path, jit.EVENTS)


def test_what_only_the_reference_engine_knows_is_said(monkeypatch):
    plan = smallest_plan()
    assert why_reference("auto", plan) == ""
    monkeypatch.setattr(compiled, "uncovered", lambda plan: "time travel")
    assert why_reference("auto", plan).endswith("does not know time travel")
