"""What queries of a class are scored on, and what is asked of them alone: by hand, against formulas, neutral."""

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from test_hedging import every_way

from simulator import ScenarioError, scenario_from_dict, simulate
from simulator.core.assemble import StageParts, assemble
from simulator.core.caches import Cache
from simulator.core.classes import QueryClass, classified
from simulator.core.features import Feature, features_of
from simulator.core.laws import Law
from simulator.core.plan import PRIORITY
from simulator.core.sources import SourceParts, score_alike
from simulator.core.trace import same_trace
from simulator.engines import compiled
from simulator.planner.plans import Plans
from simulator.planner.system import make_system
from simulator.planning.knobs import knobs_of
from simulator.running.memory import needed
from simulator.scenario.classes import handed
from simulator.testing import plans as drawn_plans
from simulator.theory import zero_load
from simulator.theory.funnel import stages_of

NOTHING, TWO = Law.none(), [QueryClass(share=1.0), QueryClass(share=3.0)]
LINE = [(0.0, 0.0, 1.0)]


def plan_of(*parts, class_of=(0, 1, 1, 0), classes=TWO, gap=1000):
    return classified(assemble(parts, np.arange(len(class_of)) * gap), classes, class_of)


def test_each_class_is_scored_on_what_it_says_or_on_what_the_stage_says():
    part = StageParts(candidates=Law.constant(40.0), by_class=[NOTHING, Law.constant(7.0)], knots=LINE)
    plan = plan_of(part)
    trace = every_way(plan)
    assert trace.candidates[0].tolist() == [40.0, 7.0, 7.0, 40.0]
    assert (trace.completion_ns - trace.arrival_ns).tolist() == [40, 7, 7, 40]
    assert Feature.CLASS_CANDIDATES in features_of(plan, 0) and not score_alike(plan)


def test_what_a_class_brings_is_kept_and_handed_on():
    first = StageParts(candidates=Law.constant(40.0), by_class=[NOTHING, Law.constant(7.0)], knots=LINE, keep=10.0)
    second = StageParts(knots=LINE)
    assert every_way(plan_of(first, second)).candidates[1].tolist() == [10.0, 7.0, 7.0, 10.0]
    own = StageParts(knots=LINE, by_class=[Law.constant(3.0), NOTHING])
    assert every_way(plan_of(first, own)).candidates[1].tolist() == [3.0, 7.0, 7.0, 3.0]


def test_sources_are_asked_for_what_a_class_says_of_each():
    sources = [
        SourceParts(candidates=Law.constant(5.0), by_class=[NOTHING, Law.constant(0.0)], knots=LINE),
        SourceParts(candidates=Law.constant(9.0), knots=LINE),
    ]
    trace = every_way(plan_of(StageParts(share=[0.5, 0.5], sources=sources)))
    assert trace.candidates[0].tolist() == [14.0, 9.0, 9.0, 14.0]
    assert trace.source_answer_ns[0].tolist() == [5, 1001, 2001, 3005], "a task takes 1 ns at least"


def test_a_cache_is_filled_with_queries_of_any_class():
    part = StageParts(candidates=Law.constant(40.0), by_class=[NOTHING, Law.constant(7.0)], knots=LINE)
    trace = every_way(plan_of(part, StageParts(knots=LINE, cache=Cache(1, 1, 0.0, 0))))
    assert trace.candidates[1].tolist()[0] == 40.0 and (trace.stage_outcome[1, 1:] == trace.stage_outcome[1, 1]).all()


@drawn(60)
@given(drawn_plans(classes=True))
def test_classes_that_say_what_the_stage_says_change_nothing(plan):
    """Every class is given the law of the source, by the same luck: the trace is that of one that says nothing."""
    sources, said = plan.sources.copy(), plan.sources["classes"].any()
    silent = sources.copy()
    silent["classes"] = 0
    laws = plan.laws.copy()
    for row in sources[sources["classes"] > 0]:
        laws[int(row["by_class"]) : int(row["by_class"] + row["classes"])] = laws[int(row["law"])]
    one, two = replaced(plan, sources=silent), replaced(plan, laws=laws)
    assert same_trace(compiled.simulate(one, tasks=True), compiled.simulate(two, tasks=True)) == "", said


def replaced(plan, **columns):
    from dataclasses import replace

    for column in columns.values():
        column.flags.writeable = False
    return replace(plan, **columns)


SEARCH = {"name": "search", "candidates": 1000, "model": {"kind": "tree", "per_item": "10us"}, "shards": 2, "keep": 100}
RANK = {"name": "rank", "model": {"kind": "deep", "per_item": "100us"}}
FREE = {"name": "free", "share": 3, "candidates": 400, "slos": ["p99 < 500ms", "99%  within 1s"]}


def scenario(*classes, **said):
    given = {
        "name": "classes",
        "load": {"rate": "50/s", "classes": [{"name": "paid", "share": 1}, *classes]},
        "run": {"queries": 4000, "replications": 4},
        "stages": [SEARCH, RANK],
    }
    return scenario_from_dict({**given, **said})


def test_a_law_alone_is_that_of_the_first_stage_and_a_map_goes_by_stage():
    made = make_system(scenario(FREE))
    by_stage = make_system(scenario({**FREE, "candidates": {"search": 400}}))
    assert made.sources["classes"].tolist() == by_stage.sources["classes"].tolist() == [2, 0]
    later = make_system(scenario({**FREE, "candidates": {"rank": {"kind": "uniform", "low": 1, "high": 9}}}))
    assert later.sources["classes"].tolist() == [0, 2]
    assert handed(scenario(FREE).load.of_classes, scenario(FREE).stages) == [0.25 * 1000 + 0.75 * 400, 100.0]


def test_a_scenario_reads_back_as_it_is():
    for said in (400, {"search": 400, "rank": {"kind": "uniform", "low": 1, "high": 9}}):
        one = scenario({**FREE, "candidates": said}, slos=["p95 < 200ms", "class.free.p99 < 500ms"])
        again = scenario_from_dict(one.resolved())
        assert again.resolved() == one.resolved() and again.sha256() == one.sha256()
        assert [slo.text for slo in again.slos] == ["p95 < 200ms", "class.free.p99 < 500ms", "class.free.99% within 1s"]


def test_objectives_in_place_of_a_scenarios_are_in_place_of_its_classes_too():
    other = scenario(FREE, slos=["p95 < 200ms"]).with_slos(["p50 < 1s"])
    assert [slo.text for slo in other.slos] == ["p50 < 1s"]
    assert [slo.text for slo in scenario_from_dict(other.resolved()).slos] == ["p50 < 1s"]
    assert "slos" not in other.tree.value["load"].value["classes"].value[1].value


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"candidates": {"serch": 1}}, r"classes\[1\].candidates: no stage is called 'serch'; did you mean 'search'"),
        ({"candidates": {"search": "many"}}, r"classes\[1\].candidates.*search"),
        ({"candidates": {"kind": "nothing"}}, r"classes\[1\].candidates"),
        ({"slos": ["p99 > 1s"]}, r"classes\[1\].slos\[0\]: 'p99 > 1s': p99 is compared with '<'"),
        ({"slos": ["class.paid.p99 < 1s"]}, r"classes\[1\].slos\[0\]: is of the queries of this class alone"),
        ({"slos": ["stage.rank.p99 < 1s"]}, r"not of a stage; put one of a class or of a phase"),
        ({"slos": ["cost < 3 USD/h"]}, r"slos\[0\]: cost is not known of a class of queries"),
    ],
)
def test_what_a_class_may_not_say(changed, message):
    with pytest.raises(ScenarioError, match=message):
        scenario({**FREE, **changed})


def test_sources_are_named_with_their_stage():
    sources = [{"name": name, **{key: SEARCH[key] for key in ("candidates", "model")}} for name in ("words", "vectors")]
    stages = [{"name": "search", "sources": sources, "keep": 100}, RANK]
    made = make_system(scenario({**FREE, "candidates": {"search.vectors": 5}}, stages=stages))
    assert made.sources["classes"].tolist() == [0, 2, 0]
    with pytest.raises(ScenarioError, match=r"stage 'search' has sources: write candidates: {search.words: 1M}"):
        scenario(FREE, stages=stages)


def test_each_class_has_its_latency_in_an_empty_system():
    """5 ms and 2 ms at each of two shards, and 10 ms of ranking: 100 are kept of either."""
    given = simulate(scenario(FREE, load={"rate": "1/h", "classes": [{"name": "paid", "share": 1}, FREE]})).to_dict()
    means = {one["name"]: one["latency_s"]["mean"]["value"] for one in given["classes"]}
    assert means == pytest.approx({"paid": 0.015, "free": 0.012}, abs=1e-9)


def test_work_and_candidates_of_a_class_go_together_on_paper():
    """Items of a query: 1000 x 2 with chance 1/4, else 400 x 0.5."""
    classes = [{"name": "heavy", "share": 1, "work": 2}, {"name": "light", "share": 3, "work": 0.5, "candidates": 400}]
    plan = Plans.of(scenario(load={"rate": "50/s", "classes": classes})).outline(rate_per_s=50.0)
    first, second = stages_of(plan)
    mean, square = 0.25 * 2000 + 0.75 * 200, 0.25 * 2000**2 + 0.75 * 200**2
    assert first.candidates == pytest.approx(0.25 * 1000 + 0.75 * 400)
    assert [first.items_moment(power) for power in (1, 2)] == pytest.approx([mean, square])
    assert first.moments_s(0) == pytest.approx((mean * 5e-6, square * 25e-12))
    assert second.items_moment(1) == pytest.approx(0.25 * 200 + 0.75 * 50), "100 are handed on of either"


@pytest.mark.parametrize("queue", ["fifo", "priority"])
def test_mean_waits_are_those_of_the_formulas(queue):
    """Pollaczek and Cobham know both moments of each class: the run agrees, as 'theory' in its document says."""
    classes = [{"name": "paid", "share": 1, "priority": 1}, {**FREE, "candidates": 200, "slos": []}]
    stage = {**SEARCH, "shards": 1, "queue": queue, "variability": {"task": {"kind": "exponential"}}}
    said = scenario(load={"rate": "130/s", "classes": classes}, stages=[stage], run={"queries": 40_000})
    given = simulate(said).to_dict()
    predicted = [one["value_s"] for one in given["theory"]["predictions"] if one["statistic"] == "wait"]
    mean, square = 0.25 * 0.01 + 0.75 * 0.002, 2 * (0.25 * 0.01**2 + 0.75 * 0.002**2)
    busy = 130 * mean
    residual = 130 * square / 2
    waits = {"fifo": residual / (1 - busy)}
    paid = 130 * 0.25 * 0.01
    waits["priority"] = 0.25 * residual / (1 - paid) + 0.75 * residual / (1 - paid) / (1 - busy)
    assert predicted == pytest.approx([waits[queue]])
    seen = given["stages"][0]["wait_s"]
    assert seen["low"] <= waits[queue] <= seen["high"]


def test_all_classes_may_be_twice_the_work():
    """Equal works are a constant, which need not be 1: demand, an empty system and what is simulated say so."""
    classes = [{"name": name, "share": 1, "work": 2} for name in ("one", "other")]
    for model, service_s in (({"kind": "tree", "per_item": "10us"}, 0.02), ({"kind": "time", "law": "10ms"}, 0.02)):
        stages = [{"name": "search", "candidates": 1000, "model": model}]
        said = simulate(scenario(load={"rate": "5/s", "classes": classes}, stages=stages)).to_dict()
        assert said["stages"][0]["demand"]["mean"] == pytest.approx(5 * service_s)
        assert said["theory"]["zero_load_s"]["mean"] == pytest.approx(service_s)
        assert said["stages"][0]["utilisation"]["mean"]["value"] == pytest.approx(5 * service_s, rel=0.1)


def test_a_priority_is_known_of_classes_whose_items_differ():
    part = StageParts(
        candidates=Law.constant(40.0),
        by_class=[NOTHING, Law.constant(7.0)],
        knots=LINE,
        discipline=PRIORITY,
    )
    plan = plan_of(part, classes=[QueryClass(priority=0.0), QueryClass(priority=1.0)], class_of=[0, 0, 1, 1], gap=1)
    assert every_way(plan).task_table.start_ns.tolist() == [0, 54, 40, 47]


def test_an_empty_system_is_met_by_each_class_with_what_it_brings():
    part = StageParts(candidates=Law.constant(40.0), by_class=[NOTHING, Law.constant(7.0)], knots=LINE)
    found = zero_load(plan_of(part))
    assert found.kind == "exact" and found.mean_s == pytest.approx((40 + 3 * 7) / 4 * 1e-9)
    assert found.percentiles_s == pytest.approx({"p50": 7e-9, "p90": 4e-8, "p95": 4e-8, "p99": 4e-8, "p99.9": 4e-8})


@pytest.mark.parametrize("has_work", [False, True], ids=["alike", "by class"])
def test_an_empty_system_with_luck_is_that_of_the_run_of_a_class_mixed(has_work):
    """A seldom load: nobody waits. The law is a mixture of those of both classes."""
    work = {"work": {"kind": "uniform", "low": 0.5, "high": 1.5}} if has_work else {}
    stage = {**SEARCH, "variability": {"task": {"kind": "lognormal", "cv": 1}}}
    load = {"rate": "0.001/s", "classes": [{"name": "paid", "share": 1}, {**FREE, "candidates": 100, **work}]}
    found = scenario(FREE, load=load, stages=[stage, RANK], run={"queries": 40_000, "replications": 4, "seed": 3})
    empty = zero_load(Plans.of(found).outline(rate_per_s=1.0))
    said = simulate(found).to_dict()["latency_s"]
    assert empty.kind == "numeric"
    for name in ("p50", "p90", "p99"):
        seen = said[name]
        assert seen["low"] <= empty.percentiles_s[name] <= seen["high"]
    assert said["mean"]["low"] <= empty.mean_s <= said["mean"]["high"]


def test_fewer_candidates_of_a_class_are_a_knob_and_cost_memory():
    knobs = {knob.name: knob for knob in knobs_of(scenario(FREE))}
    assert knobs["load: free: candidates"].sets == (("load.classes.free.candidates", "360"),)
    assert "load: paid: share" in knobs, "its queries are heavier"
    silent = {key: said for key, said in FREE.items() if key != "candidates"}
    plain, own = (needed(Plans.of(one), "compiled", 1, 1).bytes for one in (scenario(silent), scenario(FREE)))
    assert plain < own, "candidates are kept of every query"
    late, served = {**silent, "deadline": "1s"}, {**silent, "deadline": "1s", "late": "served"}
    dropped, all_of = (needed(Plans.of(scenario(one)), "compiled", 1, 1).bytes for one in (late, served))
    assert all_of == plain < dropped, "and who is dropped, where some are"
