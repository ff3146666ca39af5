"""Objectives: how they are read, and how the figures of money and of the hottest replica are judged."""

from __future__ import annotations

import itertools
from unittest import mock

import numpy as np
import pytest
from conftest import long_run, slow

from simulator import capacity, scenario_from_text, simulate, size
from simulator.base.nearest import nearest
from simulator.documents.schemas import schema_of
from simulator.planning import unread
from simulator.planning.probe import Prober
from simulator.report.capacity import capacity_table
from simulator.report.most_clients import most_clients_table
from simulator.scenario import parse_objective
from simulator.scenario.not_modelled import NOT_MODELLED
from simulator.scenario.schema import json_schema
from simulator.scenario.slo import MEASURES
from simulator.stats.figures import hottest_of
from simulator.stats.means import NOTHING, Interval, ratio_interval
from simulator.stats.money import Money
from simulator.stats.quantiles import Series, Share
from simulator.stats.readings import is_read
from simulator.stats.share import Layout
from simulator.stats.verdicts import judge

SERIES = Series(np.ones(40), Layout.of([10] * 4))


@pytest.mark.parametrize(
    ("text", "measure", "stage", "bound", "allowed"),
    [
        ("p99 < 1.5s", "quantile", None, 1.5, 0.01),
        ("99.9% within 2s", "share_within", None, 2.0, 0.001),
        ("stage.mean.mean < 5ms", "mean", "mean", 0.005, None),
        ("stage.a.hottest<80%", "hottest", "a", 0.8, None),
        ("stage.a.utilisation < 0.7", "utilisation", "a", 0.7, None),
        ("availability > 99.9%", "availability", None, pytest.approx(0.999), 0.001),
        ("failed_ratio < 0.1%", "failed_ratio", None, 0.001, 0.001),
        ("goodput > 1k/s", "goodput", None, 1000.0, None),
        ("cost < 40 USD/h", "cost", None, 40.0, None),
        ("cost < $40/h", "cost", None, 40.0, None),
        ("usd_per_million_queries < 2.5 USD", "usd_per_million_queries", None, 2.5, None),
        ("usd_per_million_queries < $3", "usd_per_million_queries", None, 3.0, None),
    ],
)
def test_objectives_are_read(text, measure, stage, bound, allowed):
    found = parse_objective(text)
    assert (found.measure, found.stage, found.bound, found.allowed) == (measure, stage, bound, allowed)


def test_what_more_load_does_not_break_is_not_searched_for():
    unread = {"goodput", "cost", "usd_per_million_queries", "hit_ratio"}
    stated = {name: f"{'stage.a.' if one.of == 'a stage' else ''}{name} {one.sign} " for name, one in MEASURES.items()}
    bounds = {"mean": "1s", "max": "1s", "goodput": "1/s", "cost": "1 USD/h", "usd_per_million_queries": "1 USD"}
    for name, text in stated.items():
        assert is_read(parse_objective(text + bounds.get(name, "50%"))) is (name not in unread)


def test_the_hottest_replica_is_that_of_all_replications_together():
    """Not the hottest of each: in the second replication another one is."""
    busy_s = np.array([[1.0, 5.0, 2.0], [1.0, 3.0, 4.0], [1.0, 5.0, 3.0], [1.0, 5.0, 2.0]])
    window_s = np.array([10.0, 9.0, 11.0, 10.0])
    place, used = hottest_of(busy_s, window_s)
    assert place == 1
    assert used == ratio_interval(busy_s[:, 1], window_s)
    assert used.value == 18 / 40
    assert hottest_of(busy_s, np.zeros(4)) == (1, NOTHING)


@pytest.mark.parametrize(
    ("text", "money", "failed", "met", "value"),
    [
        ("cost < 40 USD/h", Money(39.0, NOTHING), 0.0, True, 39.0),
        ("cost < 40 USD/h", Money(40.0, NOTHING), 0.0, False, 40.0),
        ("cost < 40 USD/h", Money(None, NOTHING), 0.0, None, None),
        ("usd_per_million_queries < 3 USD", Money(36.0, Interval(5000.0, 4900.0, 5100.0)), 0.0, True, 2.0),
        ("usd_per_million_queries < 2 USD", Money(36.0, Interval(5000.0, 4900.0, 5100.0)), 0.0, None, 2.0),
        ("usd_per_million_queries < 1 USD", Money(36.0, Interval(5000.0, 4900.0, 5100.0)), 0.0, False, 2.0),
        ("usd_per_million_queries < 1 USD", Money(36.0, Interval(0.0, 0.0, 0.0)), 0.0, None, None),
        ("usd_per_million_queries < 1 USD", Money(None, Interval(1.0, 1.0, 1.0)), 0.0, None, None),
        ("availability > 99%", Money(None, NOTHING), 0.002, True, 0.998),
        ("availability > 99.8%", Money(None, NOTHING), 0.002, None, 0.998),
        ("availability > 99.9%", Money(None, NOTHING), 0.002, False, 0.998),
        ("failed_ratio < 0.1%", Money(None, NOTHING), 0.002, False, 0.002),
    ],
)
def test_money_and_availability_are_judged(text, money, failed, met, value):
    ratio = Share(failed, failed * 0.9, failed * 1.1)
    verdict = judge(parse_objective(text), SERIES, None, NOTHING, ratio, NOTHING, False, money)
    assert (verdict.met, verdict.value) == (met, value)
    assert (verdict.reason == "") == (met is not None)
    if value is not None:
        assert verdict.low <= verdict.value <= verdict.high
    lasting = judge(parse_objective(text), SERIES, None, NOTHING, ratio, NOTHING, True, money)
    assert lasting.met is (None if met and not text.startswith("cost") else met), "of a load that is not carried"


SCENARIO = """\
name: two
load: {rate: 6/s}
run: {queries: 2000, replications: 8}
hardware: {box: {price: 1 USD/h}}
stages: [{name: a, candidates: 100, model: {kind: linear, per_item: 5ms}, shares: [3, 1, 1], shards: 3, hardware: box}]
slos: ["stage.a.hottest < 95%", "stage.a.utilisation < 70%", cost < 7 USD/h, usd_per_million_queries < 320 USD]
"""


@slow
@long_run
def test_a_run_a_sizing_and_a_capacity_judge_them_alike():
    """Of six machines the mean is busy half of the time and the hottest nine tenths: 1.8 times as much work."""
    two = scenario_from_text(SCENARIO, sets=["stages.a.replicas=2"])
    document = simulate(two).to_dict()
    hottest, mean, cost, each = document["slos"]
    used = document["stages"][0]["utilisation"]
    assert (hottest["value"], mean["value"]) == (used["max"], used["mean"]["value"])
    assert hottest["value"] / mean["value"] == pytest.approx(1.8, rel=0.03)
    assert (cost["met"], cost["value"], cost["unit"]) == (True, 6.0, "usd_per_h")
    assert each["value"] == pytest.approx(document["fleet"]["usd_per_million_queries"], rel=1e-12)
    found = size(scenario_from_text(SCENARIO), search={"stages.a.replicas": "1..9"}).to_dict()
    assert [answer["cost"] for answer in found["answers"]] == [6.0]
    assert [one["slo"] for one in found["answers"][0]["conditions"][0]["slos"]] == [str(slo.text) for slo in two.slos]
    dear = {one["what"]: one for one in found["cheaper"]}
    assert len(found["seen"]) == 1, f"too dear is not simulated: {dear}"
    at = capacity(two, tolerance=0.2)
    assert at.binding == "stage.a.hottest < 95%"
    assert at.per_s.value == pytest.approx(6 * 0.95 / 0.9, rel=0.1)


def test_a_fleet_that_is_too_dear_is_too_dear_before_anybody_comes():
    two = scenario_from_text(SCENARIO, sets=["stages.a.replicas=2"])
    with mock.patch.object(Prober, "look", side_effect=AssertionError("something was simulated")):
        poor = capacity(two, slos=["stage.a.hottest < 50%", "cost < 5 USD/h"], tolerance=0.5)
    assert (poor.verdict, poor.reason) == ("unreachable", "cost < 5 USD/h is missed whoever comes")
    assert (poor.binding, poor.exit_code, poor.queries) == ("cost < 5 USD/h", 99, 0)
    assert "capacity within cost < 5 USD/h: none" in capacity_table(poor.to_dict())


def test_no_key_of_a_scenario_is_said_to_be_missing():
    """When one of these comes, its row goes."""
    schema = json_schema()
    parts = [schema, *schema["$defs"].values()]
    keys = set(itertools.chain.from_iterable(part.get("properties", ()) for part in parts))
    assert keys & set(NOT_MODELLED) == set()


def test_who_writes_a_beginning_means_what_begins_so():
    machines = ["nvidia_h100_pcie", "nvidia_h100_sxm", "nvidia_l4"]
    assert nearest("nvidia_h100", machines) == machines[:2]
    assert nearest("NVIDIA_L4", machines) == ["nvidia_l4"]
    assert nearest("nvidia", machines * 2) == machines
    assert nearest("nvidia_l4_24gb", machines) == ["nvidia_l4"]
    assert nearest("xyz", machines) == nearest("", machines) == []


def test_units_of_verdicts_are_those_of_the_document():
    from simulator.documents import parts

    units = schema_of(parts.Verdict)["properties"]["unit"]
    assert "usd_per_h" in str(units) and "usd" in str(units)


WAITING = """\
name: waiting
load: {arrivals: {kind: closed, clients: 4, think: {kind: exponential, mean: 50ms}}}
run: {queries: 500, replications: 4}
hardware: {box: {price: 1 USD/h}}
stages: [{name: a, model: {kind: time, law: {kind: exponential, mean: 10ms}}, hardware: box}]
slos: [p90 < 100ms]
"""


def test_a_fleet_that_is_too_dear_allows_no_clients():
    """What is missed whoever comes is no number of clients, and a gate does not pass."""
    dear = scenario_from_text(WAITING).with_slos(["p90 < 100ms", "cost < 1 USD/h"])
    with mock.patch.object(Prober, "look", side_effect=AssertionError("something was simulated")):
        poor = capacity(dear, tolerance=0.5)
    assert (poor.verdict, poor.reason) == ("unreachable", "cost < 1 USD/h is missed whoever comes")
    assert (poor.binding, poor.exit_code, poor.queries, poor.clients.value) == ("cost < 1 USD/h", 99, 0, None)
    assert "clients within cost < 1 USD/h: none" in most_clients_table(poor.to_dict())


@pytest.mark.parametrize("text", [WAITING, SCENARIO.replace("rate: 6/s", "rate: 2/s")], ids=["clients", "a load"])
def test_what_bounds_from_below_is_missed_at_the_most(text):
    """So much is not served even by the most that the others allow."""
    at = capacity(scenario_from_text(text), slos=["p90 < 1s", "goodput > 1M/s"], tolerance=0.5)
    assert (at.verdict, at.exit_code, at.binding) == ("unreachable", 99, "goodput > 1M/s")
    assert at.reason.startswith("goodput > 1M/s is missed even at the ")


def test_the_cost_of_who_comes_and_goes_is_not_known_elsewhere():
    cost, p99 = parse_objective("cost < 40 USD/h"), parse_objective("p99 < 1s")
    money, none = Money(41.0, NOTHING), Share(0.0, 0.0, 0.0)
    verdicts = [judge(slo, SERIES, None, NOTHING, none, NOTHING, False, money) for slo in (p99, cost)]
    scaled = unread.missed([p99, cost], verdicts, {0: 0.5}, "the most", "load.arrivals.clients")
    assert scaled.verdict == "inconclusive" and "sweep --param load.arrivals.clients=.." in scaled.reason
    fixed = unread.missed([p99, cost], verdicts, {}, "the most", "load.rate")
    assert (fixed.verdict, fixed.objective) == ("unreachable", cost)
    assert unread.missed([p99], verdicts[:1], {}, "the most", "load.rate") is None
