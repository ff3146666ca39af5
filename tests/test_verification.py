"""Verification as a program: its verdicts and their arithmetic, its table, bugs that it must find."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import re
import runpy
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest
from conftest import slow

from simulator import scenario_from_dict
from simulator.engines import compiled
from simulator.planner.plans import make_plan
from simulator.report.verify_figures import verify_figures
from simulator.stats.means import ratio_interval
from simulator.stats.quantiles import Series
from simulator.stats.share import Layout
from simulator.theory import exact_capacity, stretched, times_wider
from simulator.verification import (
    book,
    capacity_coverage,
    coverage,
    families_of,
    lines,
    mean_coverage,
    percentile_coverage,
    planners,
    program,
    trial_queues,
    verify,
)
from simulator.verification.depth import Depth, luck, quantile_of
from simulator.verification.ends import Ends, mean_ends, quantile_ends, share_ends
from simulator.verification.engines import agreement
from simulator.verification.exact_laws import exact_law
from simulator.verification.lines import (
    AGREES,
    AT_SECOND,
    BROKEN,
    CONTRADICTED,
    DIFFERS,
    MEASURED,
    MISSED,
    UNSUPPORTED,
    UNTESTED,
)
from simulator.verification.oracle import Examined, examine
from simulator.verification.sources import NOT_YET, VERIFIED
from simulator.verification.table import by_name, rows, systems, typical, utilisation

#: Two families that take little: lockstep shards under load, and an empty fan-out.
QUICK = ["fj_det", "funnel0"]
HEAVY = {"kind": "pareto", "minimum": "100ms", "shape": 2.1}
SHALLOW = Depth(width=0.1, width_far=0.3, pilot_tasks=200_000, most_tasks=20_000_000, most_queries=200_000)


#: Families that the collection does not have: its exact values are those of the page, and of the formula.
OURS = {
    "paper",
    "mg1_after",
    "admitted",
    "bucket",
    "giveup",
    "bulkhead",
    "late",
    "closed_beside",
    "autoscaled",
    "sources0",
}


def test_every_family_of_the_collection_is_verified_or_said_to_be_missing(shared):
    text = (shared / "oracles" / "README.md").read_text()
    theirs = set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE))
    assert len(theirs) > 70
    assert theirs == (set(VERIFIED) | set(NOT_YET)) - OURS


def test_what_is_verified_is_what_the_table_has():
    assert not set(VERIFIED) & set(NOT_YET)
    assert {row["family"] for row in rows()} == set(VERIFIED) - {"paper", "laws"}
    assert set(families_of()) == set(VERIFIED) | {"engines"}
    for deep in (False, True):
        assert {one.family for one in program.examinations_of(deep, 0, families_of(deep))} == set(families_of(deep))
    assert set(families_of(deep=True)) == set(families_of()) | {"intervals", "sizing"}


def test_one_configuration_of_each_family_is_not_too_busy():
    busy = {family: utilisation(typical(family)) for family in {system.family for system in systems()}}
    too_busy = {
        "seed_contrast",
        "closed",
        "closed_tandem",
        "closed_beside",
        "feedback",
    }  # all is; of clients it is the most
    assert {family for family, one in busy.items() if one > 0.8 + 1e-9} == too_busy
    assert sum(one >= 0.7 for one in busy.values()) > 20


def test_exact_laws_have_the_percentiles_of_the_table():
    compared = 0
    for system in systems():
        law = exact_law(system)
        for name, value in system.exact.items() if law is not None else ():
            if name.startswith("p") and not name.endswith("wait"):
                assert law(quantile_of(name)) == pytest.approx(value, rel=2e-5), (system.name, name)
                compared += 1
    assert compared > 250


def series_of(seed, replications=16, queries=500):
    values = np.random.default_rng(seed).exponential(1e6, replications * queries).round()
    return Series(values, Layout.of([queries] * replications))


def test_at_95_percent_the_ends_are_those_that_a_run_prints():
    for seed in range(5):
        series = series_of(seed)
        for p in (0.05, 0.5, 0.95, 0.99):
            printed, found = series.quantile(p), quantile_ends(series, p, 0.05)
            assert (found.value, found.low) == (printed.pooled, printed.low)
            assert abs(found.high - printed.high) <= 1
            share = series.share(printed.pooled, inclusive=False)
            own = share_ends(series, printed.pooled, 0.05)
            assert dataclasses.astuple(own) == pytest.approx(dataclasses.astuple(share))


def test_ends_are_the_values_that_the_share_does_not_leave_out():
    """By the slow definition: from the percentile outwards, until a value is left out.

    Not all that are kept: where one or two queries are later, a stretched share may reach up again.
    """
    series = series_of(11, queries=100)
    for p, alarm in ((0.5, 1e-3), (0.95, 1e-3), (0.9, 1e-6)):
        wider = times_wider(16, alarm)

        def is_kept(value, p=p, wider=wider, alarm=alarm):
            later = dataclasses.astuple(series.share(value, inclusive=False))
            not_before = dataclasses.astuple(series.share(value, inclusive=True))
            return stretched(later, wider, alarm)[0] <= 1 - p <= stretched(not_before, wider, alarm)[1]

        values = np.unique(series.values)
        middle = int(np.searchsorted(values, series.order_statistic(p)))
        low = values[middle - len(list(takewhile(is_kept, values[:middle][::-1])))]
        high = values[middle + len(list(takewhile(is_kept, values[middle:]))) - 1]
        found = quantile_ends(series, p, alarm)
        assert (found.low, found.high - 1) == (low, high)


def test_ends_grow_with_the_level_and_deviation_says_who_is_outside():
    series = series_of(7)
    found = [quantile_ends(series, 0.95, alarm) for alarm in (0.05, 1e-3, 1e-6)]
    assert found[0].low > found[1].low > found[2].low
    assert found[0].high < found[1].high < found[2].high
    for exact in np.linspace(found[2].low, found[2].high, 50):
        assert found[1].holds(exact) == (abs(found[1].deviation(exact)) <= 1)
    assert Ends(0.1, 0.1, 0.1).deviation(0.1) == 0.0
    assert Ends(0.1, 0.1, 0.1).deviation(0.2) == -math.inf
    assert quantile_ends(series, 0.9999, 1e-3) is None


def ends(miss, widest):
    """Intervals of which 0 lies, or not, within."""
    inside, outside = Ends(0.5, -1.0, 1.0), Ends(2.0, 1.0, 3.0)
    return lambda alarm: (outside if miss else inside) if alarm == lines.MISS else (outside if widest else inside)


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (ends(False, False), None, (AGREES, 1)),
        (ends(True, True), None, (CONTRADICTED, 1)),
        (ends(True, False), ends(False, False), (AT_SECOND, 2)),
        (ends(True, False), ends(True, False), (MISSED, 2)),
        (ends(True, False), lambda alarm: None, (UNTESTED, 2)),
        (lambda alarm: None, None, (UNSUPPORTED, 1)),
    ],
)
def test_a_miss_is_tried_again_and_a_contradiction_is_not(first, second, verdict):
    assert lines.final_verdict(0.0, first, lambda: second) == verdict


def test_false_alarms_are_as_many_as_the_budget_says(monkeypatch):
    """At 10 % and 1 % instead of 1e-3 and 1e-6: t-intervals of nothing but luck, 20,000 lines; five standard errors."""
    miss, alarm, count = 0.1, 0.01, 20_000
    monkeypatch.setattr(lines, "MISS", miss)
    monkeypatch.setattr(lines, "ALARM", alarm)
    draw = np.random.default_rng(3)

    def luckily():
        found = ratio_interval(draw.normal(size=16), np.ones(16))
        return lambda level: mean_ends(found, 16, level)

    verdicts = [lines.final_verdict(0.0, luckily(), luckily)[0] for _ in range(count)]
    failed = sum(verdict in lines.FAILURES for verdict in verdicts) / count
    expected = alarm + (miss - alarm) * miss  # the budget's miss^2 + alarm counts a few of them twice
    assert abs(failed - expected) < 5 * math.sqrt(expected / count)
    assert expected <= miss * miss + alarm


@slow
def test_the_budget_counts_the_lines_that_were_held():
    found = verify(["funnel0"])
    told = lines.budget(found.lines)
    assert told["lines"] == len(found.lines) == 5
    assert told["in_all"] == pytest.approx(5 * (1e-3 * 1e-3 + 1e-6))


def faulty(monkeypatch, factor):
    """A seeded bug: services are so many times too long, in the compiled engine alone."""
    honest = compiled.simulate

    def slower(plan, *args, **more):
        changed = plan.machine_factor * factor
        changed.flags.writeable = False
        return honest(dataclasses.replace(plan, machine_factor=changed), *args, **more)

    monkeypatch.setattr(compiled, "simulate", slower)


def test_a_machine_that_is_five_percent_slow_fails_a_verification(monkeypatch, shardsim):
    faulty(monkeypatch, 1.05)
    code, out, _ = shardsim("verify", "--families", "funnel0", "--jobs", "1")
    assert code == 99
    assert "CONTRADICTED: funnel0" in out
    assert "do not trust this version" in out


def test_what_is_a_little_wrong_misses_twice(monkeypatch):
    """Half an interval beyond the end of the usual one, which the widest still holds: only the second run tells."""
    system = by_name("funnel0 N1=10;mu1=1.0;N2=5;mu2=1.0")
    honest = examine(system, 0, SHALLOW, draws=False).lines[0]
    assert honest.verdict == AGREES
    wrong = dataclasses.replace(system, exact={"mean": honest.exact + 1.3 * (honest.high - honest.exact)})
    [line] = examine(wrong, 0, SHALLOW, draws=False).lines
    assert (line.verdict, line.runs) in ((MISSED, 2), (AT_SECOND, 2))
    faulty(monkeypatch, 1 + 0.8 * (honest.high - honest.low) / honest.exact)
    verdicts = {(line.statistic, line.verdict) for line in examine(system, 0, SHALLOW, draws=False).lines}
    assert ("mean", MISSED) in verdicts or ("mean", CONTRADICTED) in verdicts


def test_engines_that_differ_fail_a_verification(monkeypatch):
    assert [line.verdict for line in agreement(0, 30, 0).lines] == [AGREES, AGREES]
    faulty(monkeypatch, 2.0)
    found = agreement(0, 30, 0)
    assert [line.verdict for line in found.lines] == [DIFFERS, AGREES]
    assert "differs" in found.lines[0].note
    assert agreement(0, 30, 0) == found, "the luck is that of the seed"


@slow
def test_what_was_found_depends_on_the_seed_alone():
    one, two = verify(QUICK, jobs=1), verify(QUICK, jobs=2)
    assert one.lines == two.lines
    assert one.quantiles == two.quantiles
    assert one.to_frame()["deviation"].abs().max() < 1
    assert "<caption>10 lines, 0 failed</caption>" in one._repr_html_()
    assert [line.simulated for line in verify(["fj_det"], seed=1).lines] != [
        line.simulated for line in one.lines if line.family == "fj_det"
    ]
    assert luck(0, "mm1") != luck(0, "mm1", again=True) != luck(1, "mm1")


def test_the_command_reports(shardsim, tmp_path):
    code, out, err = shardsim("verify", "--families", ",".join(QUICK), "--jobs", "1", "-o", str(tmp_path / "report"))
    assert code == 0, out
    assert out.splitlines()[0].split() == [
        "family",
        "configuration",
        "statistic",
        "exact",
        "simulated",
        "99.9",
        "%",
        "interval",
        "verdict",
    ]
    assert "10 lines of 2 families: 10 agrees" in out
    assert "10 lines x (0.001 x 0.001, two misses, + 1e-06, a contradiction) = 2.0e-05" in out
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert names == {"report.md", "results.csv", "results.json", "quantiles.png", "differences.png"}
    document = json.loads((tmp_path / "report" / "results.json").read_text())
    with (tmp_path / "report" / "results.csv").open(newline="") as source:
        assert [float(row["simulated"]) for row in csv.DictReader(source)] == [
            line["simulated"] for line in document["lines"]
        ]
    text = (tmp_path / "report" / "report.md").read_text()
    for part in ("## fj_det", "Renyi (1953)", "clients that leave the queue", "erlanga, mmc_d", "![", "verified in"):
        assert part in text
    code, _, err = shardsim("verify", "--families", "seed", "-o", str(tmp_path / "report"))
    assert code == 2
    assert "not an empty directory" in err


def test_the_command_refuses_what_it_does_not_know(shardsim):
    for families, said in (
        ("mm1,mm2", "no family is called 'mm2'; there are mm1, "),
        (",", "names none"),
        ("sizing", "no family is called 'sizing'"),
    ):
        code, _, err = shardsim("verify", "--families", families)
        assert code == 2
        assert said in err


@slow
def test_an_interruption_keeps_what_it_had(monkeypatch, shardsim):
    honest = program._look

    def interrupted(piece):
        if piece.family == "seed":
            raise KeyboardInterrupt
        return honest(piece)

    monkeypatch.setattr(program, "_look", interrupted)
    code, out, _ = shardsim("verify", "--families", "funnel0,seed", "--jobs", "1", "--format", "json")
    assert code == 130
    document = json.loads(out)
    assert (document["interrupted"], document["done"], document["total"]) == (True, 1, 2)
    assert {line["family"] for line in document["lines"]} == {"funnel0"}
    code, out, _ = shardsim("verify", "--families", "funnel0,seed", "--jobs", "1")
    assert "1 of 2 pieces were done" in out
    assert "verified" not in out


def test_figures_say_what_failed():
    line = {"family": "mm1", "statistic": "p99", "deviation": -1e300, "configuration": "lam=0.5"}
    drawn = verify_figures({"quantiles": [], "lines": [line, {**line, "deviation": None}]})
    assert set(drawn) == {"differences.png"}
    assert verify_figures({"quantiles": [], "lines": []}) == {}


def test_the_recursion_is_the_engine():
    values = {"name": "mm1", "load": {"rate": "0.8/s"}, "run": {"queries": 1000, "seed": 5}}
    model = {"kind": "time", "law": {"kind": "exponential", "mean": "1s"}}
    plan = make_plan(scenario_from_dict({**values, "stages": [{"name": "one", "model": model}]}), 3)
    trace = compiled.simulate(plan)
    arrival, latency = np.zeros(1250, dtype=np.int64), np.zeros(1250, dtype=np.int64)
    coverage.lindley(5, 3, 0.8, arrival, latency)
    assert np.abs(arrival - trace.arrival_ns).max() <= 1
    assert np.abs(latency - (trace.completion_ns - trace.arrival_ns)).max() <= 1000


def test_intervals_on_trial_in_short():
    """Their lines are there, and a first look that misses is followed by a second one; coverage is for --deep."""
    p99 = coverage.of_p99(0.5, 0, seeds=20, queries=2000).lines
    assert [line.statistic for line in p99] == ["share of 20 seeds", "mean half-width", "refused by the rule"]
    assert p99[2].verdict == AGREES
    gaps = coverage.of_a_difference(0.5, 0, seeds=10, queries=2000).lines
    assert len(gaps) == 4
    assert all(0 <= line.simulated <= 1 for line in gaps[:3])
    assert gaps[3].simulated > 3
    asked = []

    def look(first):
        asked.append(first)
        return (lines.within("coverage", "one", "share", 0.95, 0.5 if first == 0 else 0.95, 0.89, 0.98),)

    assert coverage.twice(look).lines[0].verdict == AT_SECOND
    assert asked == [0, coverage.FURTHER]
    assert coverage.beyond(300, 0.89, 0.98) < 1e-4


@slow
def test_the_interval_of_a_capacity_on_trial_in_short():
    """What it says of searches that were made; its coverage is for --deep."""
    trial = capacity_coverage.TRIALS[1]
    found = capacity_coverage.found(trial, 0.1, 7, seeds=2)
    assert (found.seeds, found.wide, len(found.values)) == (2, 0, 2)
    assert 0 < found.half <= 0.1 and abs(found.bias) < 0.1
    exact = exact_capacity(make_plan(trial.scenario(1)), "p99", None, trial.bound_s)
    assert exact is not None and exact.per_s == pytest.approx(trial.queue.rate_per_s, rel=1e-6)
    table = capacity_coverage.table([found, capacity_coverage.together([found, found])])
    assert "| p99 of M/D/1 at .8 | 10% | 2 |" in table and "| all of them | 10% | 4 |" in table


@pytest.mark.parametrize(
    ("changes", "short"),
    [
        ({}, []),
        ({"below": 25, "above": 15}, ["coverage"]),
        ({"below": 0, "above": 18}, ["misses"]),
        ({"values": (1.011,) * 199 + (1.012,)}, ["bias"]),
        ({"wide": 1}, ["tolerance"]),
    ],
)
def test_a_capacity_falls_short_of_an_aim(changes, short):
    given = {"values": (0.99, 1.01) * 100, "below": 6, "above": 6, "half": 0.03, "wide": 0, **changes}
    found = capacity_coverage.Found("one", 0.05, **given)
    assert found.shortfalls == short
    assert found.line().verdict == (MISSED if short else AGREES)
    assert all(aim in found.line().note for aim in short)


def test_the_interval_of_a_mean_on_trial_in_short():
    """Long enough for the light tails, and never for the heavy ones; its coverage is for --deep."""
    for queue in mean_coverage.QUEUES[4], mean_coverage.QUEUES[-1]:
        first = mean_coverage.of_a_mean(queue, 0, seeds=8, queries=1000).lines
        assert [line.verdict for line in first] == (
            [AGREES, AGREES, MEASURED, MEASURED] if queue.is_printed else [AGREES]
        )
        assert first[0].simulated == queue.is_printed
    assert mean_coverage.of_a_mean(trial_queues.Queue("one", HEAVY, 0.5), 0, 2, 200).lines[0].verdict == DIFFERS
    assert mean_coverage._coverage("one", 400, 4, 16).verdict == AGREES
    assert mean_coverage._coverage("one", 400, 0, 20).verdict == MISSED, "all on one side"
    assert mean_coverage._coverage("one", 400, 30, 30).verdict == MISSED
    least, most = trial_queues.accepted(400)
    assert 0.88 < least < 0.91
    assert 0.98 < most <= 1.0


@slow
def test_the_percentiles_on_trial_are_exact():
    """By inversion of a transform, against what the table of known answers says, and against closed forms."""
    h2 = trial_queues.Queue("h2", trial_queues.hyperexponential(2), 0.8)
    assert h2.percentiles_s([0.5, 0.99, 0.999]) == pytest.approx([6.00212247, 61.2103211, 93.7098782], rel=2e-5)
    exponential, constant = percentile_coverage.QUEUES[1], percentile_coverage.QUEUES[3]
    closed = exponential.percentiles_s([0.5, 0.99])
    assert closed == pytest.approx([-math.log(0.5) / 0.2, -math.log(0.01) / 0.2])
    assert trial_queues.mg1_percentiles_s(exponential.services, 0.8, [0.5, 0.99]) == pytest.approx(closed, rel=1e-5)
    assert constant.percentiles_s([0.5, 0.999]) == pytest.approx([2.27593987, 16.7002682])


def test_several_workers_on_trial_are_the_engine():
    """The median of M/M/4 and of ten shards, over 160,000 queries."""
    for queue in percentile_coverage.QUEUES[4:6]:
        found = np.median(queue.latencies_s(1, 8, 20_000))
        assert found == pytest.approx(queue.percentiles_s([0.5])[0], rel=0.03)


def test_the_interval_of_a_percentile_on_trial_in_short():
    """Printed at every seed or at none; its coverage is for --deep."""
    found = percentile_coverage.cells(percentile_coverage.QUEUES[0], 2000, 0, seeds=6)
    assert [cell.printed for cell in found] == [6, 6, 6, 0]
    assert all(0 < cell.lower_arm < cell.upper_arm < 5 for cell in found[1:3])
    said = [cell.line() for cell in found]
    assert all("printed at 100% of 6 seeds" in line.note and line.exact == 0.95 for line in said[:3])
    assert said[3].verdict == MEASURED
    good = percentile_coverage.Cell("one", 20_000, 0.99, 400, 0.1, 400, 12, 8, 0.01, 0.8, 1.5)
    assert good.shortfalls == []
    worse = {"misses": {"below": 40, "above": 0}, "coverage": {"below": 30, "above": 30}}
    for aim, changed in {**worse, "bias": {"bias": -0.05}, "arm": {"upper_arm": 2.6}}.items():
        bad = replace(good, **changed)
        assert aim in bad.shortfalls
        assert bad.line().verdict == MISSED
    few = replace(good, printed=39)
    assert few.line().verdict == MEASURED
    assert percentile_coverage.table([good, few]).count("\n") == 2


@slow
def test_the_table_of_intervals_is_what_is_measured():
    """Two systems of it, anew; the others are held to their aims by ``verify --deep``."""
    intervals = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "intervals.py"))
    page = intervals["PAGE"].read_text()
    for place in (0, 3):
        for row in percentile_coverage.table(intervals["measured"](place, 5_000)).splitlines()[2:]:
            assert row in page


@slow
@pytest.mark.parametrize(("parameters", "exact"), planners.capacities()[:1])
def test_a_known_capacity_is_found_and_a_wrong_one_is_not(parameters, exact):
    assert planners.known_capacity(parameters, exact, 0, tolerance=0.02).lines[0].verdict == AGREES
    assert planners.known_capacity(parameters, 1.2 * exact, 0, tolerance=0.02).lines[0].verdict == CONTRADICTED


def test_a_run_that_contradicts_a_law_by_itself_is_a_failure():
    from simulator.base.errors import ContradictionError

    def contradicts():
        raise ContradictionError("do not trust it\nmore")

    [line] = program._look(program.Examination("capacity", "one", contradicts)).lines
    assert (line.verdict, line.note, line.failed) == (CONTRADICTED, "do not trust it", True)
    assert program._look(program.Examination("capacity", "one", lambda: Examined(()))).lines == ()


@slow
def test_laws_of_the_book_are_lines(monkeypatch):
    found = book.drawn_scenarios("quick").lines
    assert {line.verdict for line in found} == {AGREES}
    assert {"S1", "S7", "E1"} <= {line.statistic for line in found}
    faulty(monkeypatch, 2.0)
    [line] = book.drawn_scenarios("quick").lines
    assert (line.verdict, line.failed) == (BROKEN, True)
