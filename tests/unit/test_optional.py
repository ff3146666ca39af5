"""Stages that not every query takes: who does, when the others go on and with what, and what is said of whom."""

import math
from dataclasses import replace

import numpy as np
import pytest
from walk import Walk

from simulator import ScenarioError, compare, estimate, scenario_from_dict, simulate, validate
from simulator.core.assemble import StageParts, assemble
from simulator.core.columns import COMPLETE, SKIPPED
from simulator.core.features import Feature, features_of, may_lockstep, may_look_ahead
from simulator.core.laws import Law
from simulator.core.optional import takes_of_stage
from simulator.core.stage_view import stage_views
from simulator.core.trace import COLUMNS, same_trace
from simulator.engines import compiled, reference
from simulator.planner.plans import Plans, make_plan
from simulator.planning import sensitivity
from simulator.planning.probe import Effort, Prober
from simulator.report.folders import write_run
from simulator.report.queries import _rows
from simulator.running.execution import Execution
from simulator.stats.share import Layout
from simulator.stats.takers import of_takers, series_of_stage, takers
from simulator.theory import certainly_busiest
from simulator.theory import estimate as on_paper
from simulator.theory.funnel import stages_of
from simulator.theory.visits import chances


def part(ns, **more):
    """A stage that takes so many ns a query."""
    return StageParts(**{"knots": [(0.0, float(ns), 0.0)], **more})


FIRST = part(3, candidates=Law.constant(10.0), keep=6.0)


def plan_of(*parts, queries=40, gap=9, **more):
    return assemble(parts, np.arange(queries) * gap, seed=2, **more)


def walked(plan):
    """The trace, the same on every walk."""
    trace = reference.simulate(plan, tasks=True)
    assert list(trace.verify(plan)) == []
    for way in ((), (1,), range(len(plan.stages))):
        assert same_trace(compiled.simulate(plan, tasks=True, event_by_event=way), trace) == "", way
    assert same_trace(compiled.simulate(plan), trace, without_tasks=True) == ""
    assert same_trace(Walk(plan).trace(), trace) == ""
    return trace


def test_who_does_not_take_a_stage_leaves_it_when_it_would_enter():
    plan = plan_of(FIRST, part(4, taken=0.4, keep=2.0), part(5), part(2, taken=0.7))
    trace = walked(plan)
    taken = [takes_of_stage(plan, stage) for stage in range(4)]
    assert taken[0].all() and taken[2].all() and 0 < taken[1].sum() < 40 and 0 < taken[3].sum() < 40
    came = plan.arrival_ns + 3
    assert trace.leave_ns[1].tolist() == np.where(taken[1], came + 4, came).tolist()
    second = np.where(taken[1], came + 4, came) + 5
    assert trace.leave_ns[3].tolist() == np.where(taken[3], second + 2, second).tolist()
    for column, otherwise in (("close_ns", -1), ("candidates", -1), ("critical_shard", -1), ("answer_sum_ns", 0)):
        assert (getattr(trace, column)[1][~taken[1]] == otherwise).all(), column
    assert (trace.enter_ns[1] >= 0).tolist() == taken[1].tolist()
    assert trace.stage_outcome[1].tolist() == np.where(taken[1], COMPLETE, SKIPPED).tolist()
    assert (trace.outcome == COMPLETE).all()


def test_its_candidates_are_those_that_it_had():
    plan = plan_of(
        FIRST, part(4, taken=0.4, keep=2.0), part(5), part(1, taken=0.5, candidates=Law.constant(9.0)), part(1)
    )
    trace = walked(plan)
    took, last = takes_of_stage(plan, 1), takes_of_stage(plan, 3)
    assert trace.candidates[2].tolist() == np.where(took, 2.0, 6.0).tolist(), "what the last stage that it took keeps"
    assert trace.candidates[4].tolist() == np.where(last, 9.0, np.where(took, 2.0, 6.0)).tolist()
    assert trace.handed_to(plan, 4, np.arange(40)).tolist() == trace.candidates[4].tolist()
    assert not trace.handed_to(plan, 0, np.arange(40)).any(), "nobody hands any on to the first"


def test_a_query_may_take_no_stage_of_a_plan_and_then_takes_no_time():
    plan = plan_of(replace(FIRST, taken=0.5), part(2, taken=0.5, candidates=Law.constant(1.0)))
    trace = walked(plan)
    neither = ~takes_of_stage(plan, 0) & ~takes_of_stage(plan, 1)
    assert neither.any() and (trace.completion_ns[neither] == plan.arrival_ns[neither]).all()
    nobody = plan_of(replace(FIRST, taken=1e-9), part(1, taken=1e-9, candidates=Law.constant(1.0)))
    assert len(walked(nobody).task_table.query) == 0


def test_luck_is_by_share_and_more_of_it_takes_none_away():
    plans = [plan_of(FIRST, part(1, taken=share), queries=4000) for share in (0.3, 0.6)]
    few, many = (takes_of_stage(plan, 1) for plan in plans)
    assert not (few & ~many).any()
    for plan, taken, share in zip(plans, (few, many), (0.3, 0.6), strict=True):
        assert abs(taken.mean() - share) < 4 * math.sqrt(share * (1 - share) / 4000)
        assert compiled.simulate(plan).tasks[1] == taken.sum()
    both = plan_of(FIRST, part(1, taken=0.5), part(1, taken=0.5), queries=4000)
    together = (takes_of_stage(both, 1) & takes_of_stage(both, 2)).mean()
    assert abs(together - 0.25) < 4 * math.sqrt(0.25 * 0.75 / 4000), "stages have luck of their own"


@pytest.mark.parametrize(
    "more", [{}, {"mergers": 1, "merge_ns": 4}, {"replicas": 2, "policy": 2}, {"max_size": 2, "max_wait_ns": 9}]
)
def test_all_of_them_is_nobody_left_out(more):
    """Share 100 % changes nothing; nor does a share that leaves nobody out but what is kept of answers."""
    all_of_them = plan_of(FIRST, part(4, **more), part(5))
    assert Feature.OPTIONAL not in features_of(all_of_them, 1)
    trace = walked(all_of_them)
    nearly = walked(plan_of(FIRST, part(4, taken=1 - 2.0**-52, **more), part(5)))
    kept = ("stage_outcome", "answers", "coverage")
    for name in COLUMNS:
        if name not in kept:
            assert np.array_equal(getattr(trace, name), getattr(nearly, name)), name


def test_it_looks_ahead_and_goes_in_lockstep():
    plan = plan_of(FIRST, part(4, taken=0.4, share=[0.25] * 4))
    features = features_of(plan, 1)
    assert Feature.OPTIONAL in features and may_look_ahead(features) and may_lockstep(features)
    assert Feature.DRAWN_CANDIDATES in features_of(plan_of(FIRST, part(4, taken=0.4), part(1)), 2)
    walked(plan)


def funnel(**second):
    return {
        "name": "funnel",
        "load": {"rate": "100/s"},
        "run": {"queries": 2000, "replications": 4, "seed": 5},
        "stages": [
            {
                "name": "one",
                "candidates": 10,
                "keep": 4,
                "model": {"kind": "time", "law": {"kind": "exponential", "mean": "4ms"}},
            },
            {
                "name": "two",
                "share": "40%",
                "keep": 2,
                "model": {"kind": "time", "law": {"kind": "exponential", "mean": "15ms"}},
                **second,
            },
            {"name": "three", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "5ms"}}},
        ],
    }


def test_figures_are_of_the_queries_that_take_it():
    scenario = scenario_from_dict({**funnel(), "slos": ["stage.two.p90 < 2s", "p99 < 3s"]})
    document = simulate(scenario).to_dict()
    one, two, three = document["stages"]
    assert "taken_ratio" not in one and "taken_ratio" not in three
    seen = two["taken_ratio"]
    assert seen["low"] < 0.4 < seen["high"] and seen["high"] - seen["low"] < 0.05
    assert two["latency_s"]["mean"]["value"] > 0.015, "those who pass by take no time, and are not counted"
    assert two["candidates"]["in"]["value"] == 4 and two["candidates"]["out"]["value"] == 2
    assert three["candidates"]["in"]["value"] == pytest.approx(4 - 2 * seen["value"])
    assert two["utilisation"]["mean"]["value"] == pytest.approx(0.6, abs=0.06)
    assert two["demand"]["mean"] == pytest.approx(0.6)
    checks = {(check["stage"], check["statistic"]): check["verdict"] for check in document["theory"]["checks"]}
    assert {("two", "wait"), ("two", "p99"), ("three", "mean"), (None, "mean"), ("two", "area")} <= set(checks)
    assert "contradicted" not in checks.values()


def test_on_paper_its_stream_is_a_part_of_the_queries():
    plan = make_plan(scenario_from_dict(funnel()))
    two, three = stages_of(plan)[1:]
    assert chances(two).tolist() == [0.4] and chances(three).tolist() == [1.0]
    assert three.candidates == pytest.approx(0.4 * 2 + 0.6 * 4) and three.is_given_less
    paper = on_paper(plan)
    assert paper.utilisation == pytest.approx(0.6) == certainly_busiest(plan)
    assert paper.saturation_per_s == pytest.approx(100 / 0.6)
    assert paper.zero_load is None, "two in five are slower than the others"
    expected = {(one.stage, one.statistic): one.value_s for one in paper.predictions}
    assert expected[1, "mean"] == pytest.approx(0.015 / (1 - 0.6)), "M/M/1 of 40 queries a second"
    assert expected[2, "wait"] == pytest.approx(0.005 / (1 - 0.5) - 0.005)
    assert expected[None, "mean"] == pytest.approx(0.004 / 0.6 + 0.4 * 0.0375 + 0.01)
    all_of_them = on_paper(make_plan(scenario_from_dict({**funnel(share="100%"), "load": {"rate": "50/s"}})))
    assert [one.stage for one in all_of_them.predictions if one.statistic == "wait"] == [0]


def test_the_whole_law_of_two_stages_in_a_row_is_a_mixture():
    """M/M/1 and, of 40 % of the queries, M/M/1 behind it (Burke, 1956; Reich, 1957); seed fixed, intervals at 95 %."""
    said = funnel()
    said["stages"] = said["stages"][:2]
    result = simulate(scenario_from_dict({**said, "run": {"queries": "40k", "replications": 8, "seed": 1}})).to_dict()
    one, two = 250 - 100.0, 1 / 0.015 - 40  # what is spare of each server

    def later(t):
        both = (one * math.exp(-two * t) - two * math.exp(-one * t)) / (one - two)
        return 0.6 * math.exp(-one * t) + 0.4 * both

    for name, share in (("p50", 0.5), ("p90", 0.1), ("p99", 0.01)):
        found = result["latency_s"][name]
        assert later(found["high"]) < share < later(found["low"]), name
    mean = result["latency_s"]["mean"]
    assert mean["low"] < 1 / one + 0.4 / two < mean["high"]


def test_the_first_stage_may_be_for_some():
    said = funnel()
    said["stages"][0] |= {"share": "50%"}
    said["stages"][1] |= {"candidates": 3}
    said["stages"][2] |= {"candidates": 7}
    plan = make_plan(scenario_from_dict(said))
    assert [view.taken for view in stage_views(plan)] == [0.5, 0.4, 1.0]
    expected = {(one.stage, one.statistic): one.value_s for one in on_paper(plan).predictions}
    assert expected[0, "mean"] == pytest.approx(0.004 / (1 - 0.2)), "half of a Poisson stream is one"
    document = simulate(scenario_from_dict(said)).to_dict()
    assert "contradicted" not in {check["verdict"] for check in document["theory"]["checks"]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"share": 0}, "stages[1].share: a share of the queries above 0"),
        ({"share": "0%"}, "what no query takes is left out as a stage"),
        ({"share": [1, 2]}, "the shares of shards are another key, 'shares'"),
        ({"share": 40}, "from 0 to 1 (or 0% to 100%)"),
    ],
)
def test_a_share_that_is_none_is_refused_with_a_cure(change, said):
    with pytest.raises(ScenarioError) as error:
        scenario_from_dict(funnel(**change))
    assert said in str(error.value)


def test_some_stage_is_for_all_queries():
    stages = [{**stage, "share": "40%", "candidates": 3} for stage in funnel()["stages"]]
    with pytest.raises(
        ScenarioError, match="every stage has a share, so a query may take none at all: let one stage be for all"
    ):
        scenario_from_dict({**funnel(), "stages": stages})


def test_who_passes_all_before_by_is_not_given_candidates():
    said = funnel()
    said["stages"][0]["share"] = "40%"
    scenario_from_dict(said)  # nobody looks at them
    said["stages"][2]["model"] = {"kind": "tree", "per_item": "1us"}
    with pytest.raises(
        ScenarioError, match="queries that pass 'one' and 'two' by hand none on to it: give it candidates"
    ):
        scenario_from_dict(said)
    said["stages"][2]["candidates"] = 7
    scenario_from_dict(said)


def test_nobody_follows_who_was_nowhere():
    said = funnel()
    said["stages"][2] |= {"runs_on": "two"}
    with pytest.raises(
        ScenarioError, match="queries that pass 'two' by have been at none of its replicas: give routing"
    ):
        scenario_from_dict(said)
    said["stages"][2]["routing"] = "random"
    assert simulate(scenario_from_dict(said)).to_dict()["stages"][2]["runs_on"] == "two"


def test_passes_through_shared_replicas_are_counted_by_share():
    said = funnel(runs_on="one", share="25%")
    said["stages"][1]["model"] = said["stages"][2]["model"] = said["stages"][0]["model"]
    said["stages"][2] |= {"runs_on": "one"}
    paper = on_paper(make_plan(scenario_from_dict(said)))
    waits = {one.stage: one.value_s for one in paper.predictions if one.statistic == "wait" and "Kelly" in one.law}
    assert paper.utilisation == pytest.approx(0.1 * 4 * 2.25)
    assert waits == pytest.approx(dict.fromkeys(range(3), 0.004 * 0.9 / 0.1))


def test_a_replication_in_which_nobody_takes_it_has_no_values():
    """The others say what they have seen; of an objective nothing is known, whatever its measure."""
    trace = reference.simulate(plan_of(FIRST, part(1, taken=1e-9)))
    taken = takers(trace, 1)
    assert taken is not None and not taken.any() and takers(trace, 0) is None and takers(trace, None) is None
    assert len(of_takers(np.arange(40.0), taken)) == 0
    series = series_of_stage([np.zeros(0), np.array([1.0, 2.0])], Layout.of([40, 40]))
    assert series.values.tolist() == [1.0, 2.0] and series.layout.replications == 1
    assert series_of_stage([np.zeros(0), np.zeros(0)], Layout.of([40, 40])).values.tolist() == [math.inf]
    shared = series_of_stage([np.array([3.0]), np.array([1.0, 2.0])], Layout.of([40, 40], is_shared=True))
    assert shared.values.tolist() == [3.0, 1.0] and shared.layout.is_shared
    rare = {**funnel(share="0.001%"), "run": {"queries": 50, "replications": 4}}
    document = simulate(scenario_from_dict(rare)).to_dict()
    assert document["stages"][1]["latency_s"]["max"] is None
    seldom = {**funnel(share="2%"), "run": {"queries": 50, "replications": 8}}
    seldom["slos"] = [f"stage.two.{what} < 1h" for what in ("p50", "mean", "max")] + ["stage.two.utilisation < 90%"]
    seen = simulate(scenario_from_dict(seldom))
    assert any(not takers(one, 1).any() for one in seen.summary.pool.traces if takers(one, 1) is not None)
    document = seen.to_dict()
    why = "some replication has no query that takes stage 'two': run more queries"
    assert [(one["met"], one.get("reason")) for one in document["slos"][:3]] == [(None, why)] * 3
    assert document["slos"][3]["met"] is True
    assert document["stages"][1]["latency_s"]["max"] > 0 and seen.summary.pool.latency(1).values.max() != np.inf
    found = compare(seen, seen, percentiles=(50,))["stage.two.p50"]
    assert (found.word, found.reason) == ("not known", "in a replication nobody takes the stage")
    seldom["slos"] = seldom["slos"][:1]
    assert Prober(Plans.of(scenario_from_dict(seldom)), Effort(8, 50), Execution(engine="compiled"))(0.0)[0].low == 0.0


def test_a_table_of_queries_leaves_empty_what_was_passed_by():
    plan = plan_of(FIRST, part(4, taken=0.4))
    trace, taken = reference.simulate(plan), takes_of_stage(plan, 1)
    for row, mine in zip(_rows(0, trace, 0, 40, []), taken.tolist(), strict=True):
        assert [cell == "" for cell in row[-6:]] == [not mine] * 6


def test_it_is_a_knob_and_is_announced():
    knobs = [one.name for one in sensitivity.knobs_of(scenario_from_dict(funnel()))]
    assert "two: share of the queries" in knobs
    assert validate(scenario_from_dict(funnel())) is not None
    assert estimate(scenario_from_dict(funnel())) is not None


def test_a_run_that_was_kept_is_compared(tmp_path):
    some, more = (simulate(scenario_from_dict(funnel(share=share))) for share in ("30%", "40%"))
    write_run(some, tmp_path / "some", 1)
    write_run(more, tmp_path / "more", 1)
    figures = {one["figure"]: one for one in compare(tmp_path / "some", tmp_path / "more").to_dict()["figures"]}
    assert figures["stage.two.p50"]["difference"]["value"] > 0


def test_candidates_are_counted_way_by_way():
    """Half of the queries hand on 10, the others 1000, of which 400 are kept: 205, not the least of a mean and 400."""
    tree = {"kind": "tree", "per_item": "1us"}
    stages = [
        {"name": "a", "candidates": 1000, "model": tree, "keep": 1000},
        {"name": "b", "share": "50%", "model": tree, "keep": 10},
        {"name": "c", "model": tree, "keep": 400},
        {"name": "d", "model": {"kind": "tree", "per_item": "10us"}},
    ]
    run = {"queries": 2000, "replications": 4}
    scenario = scenario_from_dict({"name": "ways", "load": {"rate": "300/s"}, "run": run, "stages": stages})
    assert on_paper(make_plan(scenario)).saturation_per_s == pytest.approx(1 / (205 * 10e-6))
    given = simulate(scenario).to_dict()["stages"][3]
    assert given["candidates"]["in"]["value"] == pytest.approx(205, rel=0.05)
    assert given["demand"]["max"] == pytest.approx(300 * 205 * 10e-6)
