"""Sources of a stage: blocks of its shards with candidates and a model of their own, and one gather."""

import dataclasses
import math

import numpy as np
import pytest
from conftest import ROOT, drawn
from hypothesis import given
from hypothesis import strategies as st
from walk import Walk

from simulator import ScenarioError, load_scenario, scenario_from_dict, simulate
from simulator import estimate as estimate_scenario
from simulator.core.assemble import ONE, StageParts, assemble
from simulator.core.features import Feature, features_of
from simulator.core.laws import Law
from simulator.core.plan import CANCEL_QUEUED, CANCEL_RUNNING, Plan
from simulator.core.sources import SourceParts
from simulator.core.stage_view import stage_views
from simulator.core.trace import COLUMNS, same_trace
from simulator.engines import compiled, reference
from simulator.planner.fleet import fleet
from simulator.planner.plans import Plans, make_plan
from simulator.planning.knobs import knobs_of
from simulator.planning.spare import bereft, heaviest
from simulator.scenario import optional
from simulator.scenario.classes import items_by_fleet
from simulator.scenario.machines import heaviest_machine
from simulator.stats.task_parts import CONTENTION, OWN, task_parts
from simulator.testing.checks.derive import parts_of
from simulator.testing.strategies.plans import plans
from simulator.theory import estimate, source_demands, zero_load
from simulator.theory.estimate import own_utilisation_of
from simulator.theory.funnel import stages_of
from simulator.theory.withdrawn import places_of
from simulator.verification.families import EMPTY_UNIT_S, parsed
from simulator.verification.table import systems

NOW = np.zeros(1, dtype=np.int64)


def constant(ns: float, **more) -> SourceParts:
    """A source whose tasks take so long."""
    return SourceParts(**{"candidates": ONE, "knots": [(0.0, float(ns), 0.0)], **more})


def of(*sources: SourceParts, **more) -> StageParts:
    """A stage with these sources, whose shards all cover as much."""
    shards = sum(len(one.share) for one in sources)
    return StageParts(share=[1 / shards] * shards, sources=sources, **more)


def every_way(plan: Plan):
    """Its trace, the same on both engines, looking ahead and event by event, and on the third walk."""
    trace = reference.simulate(plan, tasks=True)
    assert list(trace.verify(plan)) == []
    for way in ((), range(len(plan.stages))):
        assert same_trace(compiled.simulate(plan, tasks=True, event_by_event=way), trace) == ""
    assert same_trace(compiled.simulate(plan), trace, without_tasks=True) == ""
    assert same_trace(Walk(plan).trace(), trace) == ""
    return trace


def test_a_query_goes_on_when_the_last_source_has_answered():
    plan = assemble([of(constant(3), constant(8), response=Law.constant(2.0), merge_ns=1), StageParts()], NOW)
    trace = every_way(plan)
    assert trace.source_answer_ns.tolist() == [[5], [10]]
    assert trace.close_ns[0].tolist() == [10] and trace.critical_shard[0].tolist() == [1]
    assert trace.leave_ns[0].tolist() == [11]


def test_each_source_scores_its_own_documents_by_its_own_shares():
    first = SourceParts([0.25, 0.75], Law.constant(8.0), knots=[(0.0, 0.0, 1.0)])
    second = SourceParts([0.5, 0.5], Law.constant(100.0), knots=[(0.0, 1.0, 0.5)])
    trace = every_way(assemble([of(first, second, keep=7.0), StageParts(knots=[(0.0, 0.0, 1.0)])], NOW))
    tasks = trace.task_table
    assert (tasks.finish_ns - tasks.start_ns).tolist() == [2, 6, 26, 26, 7]
    assert trace.candidates[:, 0].tolist() == [108.0, 7.0], "of all sources, cut at what the stage keeps"


def test_sources_that_say_no_candidates_each_score_all_that_is_handed_on():
    both = [SourceParts(knots=[(0.0, 0.0, 1.0)]), SourceParts([0.5, 0.5], knots=[(0.0, 0.0, 2.0)])]
    trace = every_way(assemble([StageParts(candidates=Law.constant(6.0)), of(*both)], NOW))
    assert (trace.task_table.finish_ns - trace.task_table.start_ns).tolist()[1:] == [6, 6, 6]
    assert trace.candidates[:, 0].tolist() == [6.0, 12.0]


def test_documents_fall_by_hash_within_a_source_and_none_leaves_it():
    hashed = [SourceParts([0.5, 0.5], Law.constant(9.0), True, [(0.0, 0.0, 1.0)]) for _ in range(2)]
    plan = assemble([of(*hashed)], np.arange(0, 2000, 100))
    tasks = every_way(plan).task_table
    took_ns = (tasks.finish_ns - tasks.start_ns).reshape(-1, 2, 2)
    assert (np.maximum(took_ns.sum(axis=2), 9) <= 10).all(), "9 fall on both shards; of none it takes 1 ns"
    assert len(np.unique(took_ns[:, 0, 0])) > 2 and (took_ns[:, 0, 0] != took_ns[:, 1, 0]).any()


def test_what_does_not_count_is_not_waited_for():
    part = of(constant(3), constant(5), constant(50), wait_for=2, cancels=2, cancel_ns=1)
    trace = every_way(assemble([part], np.array([0, 100])))
    assert trace.source_answer_ns.tolist() == [[3, 103], [5, 105], [-1, -1]]
    assert trace.coverage[0].tolist() == [2 / 3, 2 / 3]


def test_batches_are_of_one_shard_and_take_what_its_source_says():
    part = of(constant(4), constant(9), max_size=2, max_wait_ns=0)
    trace = every_way(assemble([part], np.zeros(4, dtype=np.int64)))
    assert sorted(set(trace.task_table.finish_ns.tolist())) == [4, 8, 9, 18]


def test_copies_draw_the_times_of_their_source():
    slow = SourceParts(candidates=ONE, time=Law.exponential(30.0))
    part = of(constant(2), slow, replicas=2, hedges=1, hedge_ns=5, cancels=1)
    trace = every_way(assemble([part], np.arange(0, 600, 60), seed=5))
    assert trace.hedged[:2].sum() == 0 and trace.hedged[2:].sum() > 3


@given(plans(sources=False, guests=False, most_stages=2))
@drawn(60)
def test_a_stage_with_one_source_is_the_plain_stage(plan):
    def with_one(part: StageParts) -> StageParts:
        own = {name: getattr(part, name) for name in SourceParts.__dataclass_fields__}
        return dataclasses.replace(part, sources=[SourceParts(**own)])

    parts = parts_of(plan)
    plain, made = (assemble(some, plan.arrival_ns) for some in (parts, [with_one(part) for part in parts]))
    for field in dataclasses.fields(Plan):
        assert np.array_equal(getattr(made, field.name), getattr(plain, field.name)), field.name


@given(st.integers(1, 3), st.sampled_from([1, 2, 4]), st.booleans(), st.booleans())
@drawn(24)
def test_equal_sources_are_as_good_as_more_shards(seed, shards, is_drawn, waits_for_some):
    more = {"wait_for": 1 + shards, "timeout_ns": 40} if waits_for_some else {}
    cost = {"time": Law.exponential(9.0)} if is_drawn else {"knots": [(0.0, 2.0, 0.5)], "task": Law.exponential(1.0)}
    each = SourceParts([1 / shards] * shards, Law.constant(12.0), **cost)
    whole = StageParts([1 / (2 * shards)] * (2 * shards), candidates=Law.constant(24.0), **cost, **more)
    arrival_ns = np.cumsum(np.full(40, 7))
    two, one = (assemble([part], arrival_ns, seed=seed) for part in (of(each, each, **more), whole))
    assert Feature.SOURCES in features_of(two, 0) and Feature.SOURCES not in features_of(one, 0)
    for engine in (reference, compiled):
        seen, expected = engine.simulate(two, tasks=True), engine.simulate(one, tasks=True)
        same = dataclasses.replace(seen, source_answer_ns=expected.source_answer_ns)
        assert same_trace(same, expected) == ""


def test_only_a_stage_with_several_keeps_when_they_have_answered():
    plan = assemble([StageParts(candidates=ONE), of(constant(3), constant(4)), StageParts()], NOW)
    assert every_way(plan).source_answer_ns.shape == (2, 1)
    assert "source_answer_ns" in COLUMNS


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"share": [1.0]}, "a source is a block of its shards"),
        ({"sources": [constant(1), constant(1, share=[0.5])]}, "and shares of each sum to 1"),
        ({"threads": 2, "sources": [constant(1), constant(1, time=ONE)]}, "what several do follows from their items"),
        ({"sources": [constant(1), SourceParts()]}, "the first stage states its candidates"),
    ],
)
def test_sources_that_cannot_be(change, why):
    with pytest.raises(AssertionError, match=why):
        assemble([dataclasses.replace(of(constant(1), constant(1)), **change)], NOW)


def test_causes_of_tasks_are_told_apart_source_by_source():
    """What a task draws is by the law of its source, so nothing is left for others to have done."""
    cost = {"candidates": Law.constant(1000.0), "knots": [(0.0, 0.0, 1e3)]}
    sources = [
        SourceParts([0.5, 0.5], **cost, task=Law.exponential(1.0)),
        SourceParts(**cost),
        SourceParts(candidates=ONE, time=Law.exponential(1e6)),
    ]
    plan = assemble([of(*sources)], np.arange(200) * 10**7, seed=2)
    parts = task_parts(plan, reference.simulate(plan, tasks=True), stage_views(plan)[0])
    assert (np.abs(parts.of[CONTENTION]) <= 1).all()
    drawn_alone = np.ptp(parts.of[OWN].reshape(-1, 4), axis=0)
    assert (drawn_alone[[0, 1, 3]] > 1e5).all() and drawn_alone[2] == 0
    assert parts.of.sum(axis=0) == pytest.approx(parts.response_ns, abs=1)


# --- theory -----------------------------------------------------------------------------------------------------------


def test_an_empty_system_answers_with_the_slower_of_two_exponential_sources():
    """P(max of two exponentials <= t) = (1 - exp(-t / a)) (1 - exp(-t / b)); its mean is a + b - ab / (a + b)."""
    a, b = 1e6, 3e6
    both = [SourceParts(candidates=ONE, time=Law.exponential(mean)) for mean in (a, b)]
    known = zero_load(assemble([of(*both)], NOW))
    assert known is not None
    assert known.mean_s == pytest.approx((a + b - a * b / (a + b)) * 1e-9, rel=1e-3)
    for name, p in (("p50", 0.5), ("p99", 0.99)):
        t = known.percentiles_s[name] * 1e9
        assert -math.expm1(-t / a) * -math.expm1(-t / b) == pytest.approx(p, abs=2e-3)


@pytest.mark.parametrize("case", [one for one in systems() if one.family == "sources0"], ids=lambda one: one.parameters)
def test_the_table_has_the_greatest_of_independent_exponential_times(case):
    """The mean of a maximum is an alternating sum over all subsets (inclusion and exclusion)."""
    given = parsed(case.parameters)
    a, b, n, m = float(given["a"]), float(given["b"]), int(given["N"]), int(given["M"])
    pairs = [(i, j) for i in range(n + 1) for j in range(m + 1) if i + j]
    mean = math.fsum((-1) ** (i + j + 1) * math.comb(n, i) * math.comb(m, j) / (i / a + j / b) for i, j in pairs)
    assert case.exact["mean"] == pytest.approx(mean * EMPTY_UNIT_S)
    for name, p in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)):
        t = case.exact[name] / EMPTY_UNIT_S
        assert (-math.expm1(-t / a)) ** n * (-math.expm1(-t / b)) ** m == pytest.approx(p)


def test_a_wait_is_that_of_mg1_at_each_shard_of_its_source():
    part = of(SourceParts(candidates=ONE, time=Law.exponential(2e6)), constant(5e6))
    found = estimate(assemble([part], NOW, rate_per_s=100.0))
    exact = {one.statistic: one.value_s for one in found.predictions if one.kind == "exact"}
    waits = [100.0 * 2 * 2e-3**2 / (2 * (1 - 0.2)), 100.0 * 5e-3**2 / (2 * (1 - 0.5))]
    assert exact["wait"] == pytest.approx(sum(waits) / 2)
    assert found.utilisation == pytest.approx(0.5)
    demands = source_demands(assemble([part], NOW, rate_per_s=100.0), 0)
    assert demands == [pytest.approx((0.2, 0.2)), pytest.approx((0.5, 0.5))]


def raced(wait_for: int, **more) -> Plan:
    """Two shards of 2 ms and four of 1 ms, of which some answers are waited for and the rest are withdrawn."""
    two = constant(2e6, share=[0.5] * 2), constant(1e6, share=[0.25] * 4)
    part = of(*two, wait_for=wait_for, cancels=CANCEL_QUEUED, **more)
    return assemble([part], NOW, rate_per_s=100.0)


def test_a_source_has_at_least_the_answers_that_no_other_can_give():
    """Of six answers five are waited for: one of the two slow ones at least, and three of the four fast ones."""
    assert source_demands(raced(5), 0) == [pytest.approx((0.1, 0.1)), pytest.approx((0.075, 0.075))]
    assert source_demands(raced(4), 0) == [(0.0, 0.0), pytest.approx((0.05, 0.05))]
    said = estimate(raced(5))
    assert [one.demand for one in said.stages[0].sources] == source_demands(raced(5), 0)
    assert said.bottleneck.shard in (0, 1) and said.utilisation == pytest.approx(0.1)
    assert said.saturation_per_s == pytest.approx(1000.0)


def test_what_may_be_at_any_source_is_where_it_hurts_least():
    """Of the four shortest answers, 4 ms in all, two are fast in any case; the others fill up all six alike."""
    used = own_utilisation_of(stages_of(raced(4))[0], 100.0)
    assert used.sum() == pytest.approx(0.4) and used.ravel().tolist() == pytest.approx([0.4 / 6] * 6)
    used = own_utilisation_of(stages_of(raced(5))[0], 100.0)
    assert used.ravel().tolist() == pytest.approx([0.1] * 2 + [0.1] * 4), "6 ms, of which 2 ms are a slow one's"


@pytest.mark.parametrize("wait_for", [2, 4, 5])
def test_no_run_has_less_work_than_a_source_needs_at_least(wait_for):
    """Random times, queues, and tasks that are stopped while they run: at 60 % of what the slow ones can do alone."""
    slow, fast = Law.exponential(2e6), Law.exponential(1e6)
    two = (
        SourceParts(candidates=ONE, time=slow, share=[0.5] * 2),
        SourceParts(candidates=ONE, time=fast, share=[0.25] * 4),
    )
    arrivals_ns = np.cumsum(np.random.default_rng(7).exponential(1e9 / 300.0, 4000)).astype(np.int64)
    part = of(*two, wait_for=wait_for, cancels=CANCEL_RUNNING)
    plan = assemble([part], arrivals_ns, rate_per_s=300.0)
    trace = compiled.simulate(plan)
    used = trace.window_busy_ns / (trace.window_end_ns - trace.window_begin_ns)
    for (mean, most), here in zip(source_demands(plan, 0), places_of(stages_of(plan)[0]), strict=True):
        assert used[here].mean() >= 0.95 * mean and used[here].max() >= 0.95 * most


def test_constant_sources_in_a_row_are_one_queue_of_the_slowest():
    found = estimate(assemble([of(constant(2e6), constant(5e6))], NOW, rate_per_s=100.0))
    exact = {one.statistic: one.value_s for one in found.predictions if one.kind == "exact"}
    assert exact["mean"] == pytest.approx(5e-3 + 100.0 * 5e-3**2 / (2 * (1 - 0.5)))
    assert found.zero_load.mean_s == pytest.approx(5e-3)


# --- scenarios and planners -------------------------------------------------------------------------------------------

FLEETS = {
    "name": "fleets",
    "load": {"rate": "40/s"},
    "run": {"queries": 300, "replications": 4},
    "hardware": {"small": {"price": "1 USD/h", "memory": "1 GiB"}, "large": {"price": "3 USD/h", "memory": "8 GiB"}},
    "stages": [
        {
            "name": "retrieval",
            "sources": [
                {
                    "name": "keyword",
                    "candidates": 3000,
                    "model": {"kind": "tree", "per_item": "1us"},
                    "shards": 3,
                    "replicas": 2,
                    "hardware": "small",
                    "bytes_per_candidate": "100 kB",
                },
                {
                    "name": "vector",
                    "candidates": 1000,
                    "model": {"kind": "linear", "per_item": "10us"},
                    "shards": 2,
                    "replicas": 2,
                    "hardware": "large",
                    "variability": {"machine": {"kind": "lognormal", "cv": 0.5}},
                },
            ],
            "keep": 100,
        },
        {"name": "ranking", "model": {"kind": "tree", "per_item": "10us"}, "hardware": "small"},
    ],
}


def fleets(**stage):
    """The scenario, with other keys of its first stage."""
    first, second = FLEETS["stages"]
    return scenario_from_dict({**FLEETS, "stages": [{**first, **stage}, second]})


def test_shares_of_a_stage_are_those_of_all_candidates():
    plan = make_plan(fleets())
    assert plan.share[:5].tolist() == [0.25, 0.25, 0.25, 0.125, 0.125]
    assert plan.source_share[:5].tolist() == [1 / 3, 1 / 3, 1 / 3, 0.5, 0.5]
    assert optional.handed(fleets().stages) == [4000.0, 100.0]


def test_machines_are_drawn_by_the_law_of_their_source():
    plan = make_plan(fleets())
    factors = plan.machine_factor[:10].reshape(5, 2)
    assert (factors[:3] == 1).all() and len(np.unique(factors[3:])) == 4


def test_each_source_is_priced_and_held_by_machines_of_its_own():
    said = fleet(fleets()).to_dict(40.0)
    assert said["machines"] == 3 * 2 + 2 * 2 + 1 and said["usd_per_h"] == 6 * 1 + 4 * 3 + 1
    assert [one["machines"] for one in said["stages"][0]["sources"]] == [6, 4]
    with pytest.raises(ScenarioError, match=r"sources\[0\].hardware: a machine must hold 2 GB of candidates"):
        sources = [{**one, "candidates": 60_000} for one in FLEETS["stages"][0]["sources"]]
        fleets(sources=sources)


def test_a_scenario_with_sources_reads_back_as_it_is():
    scenario = fleets()
    again = scenario_from_dict(scenario.resolved())
    assert again.resolved() == scenario.resolved() and again.sha256() == scenario.sha256()
    assert "replicas" not in scenario.resolved()["stages"][0]
    for field in dataclasses.fields(Plan):
        assert np.array_equal(getattr(make_plan(again), field.name), getattr(make_plan(scenario), field.name))


def test_sources_are_named_in_a_path():
    changed = load_scenario(
        str(ROOT / "scenarios" / "keyword_and_vector.yaml"),
        sets=["stages.retrieval.sources.vector.replicas=3", "stages.retrieval.sources[0].shards=2"],
    )
    assert changed.stages[0].replica_counts == [1, 1, 3, 3]
    with pytest.raises(ScenarioError, match="no 'vektor' here; did you mean 'vector'"):
        load_scenario(
            str(ROOT / "scenarios" / "keyword_and_vector.yaml"), sets=["stages.retrieval.sources.vektor.shards=3"]
        )


def test_every_knob_of_a_source_is_one_of_its_own():
    names = {knob.name for knob in knobs_of(fleets())}
    own = {"shards", "replicas", "candidates", "cost of an item"}
    assert {f"retrieval: {source}: {what}" for source in ("keyword", "vector") for what in own} <= names
    assert "retrieval: vector: spread of machines" in names and "retrieval: workers" in names
    assert not {"retrieval: replicas", "retrieval: shards"} & names


def test_a_fleet_that_loses_a_machine_loses_the_busiest_of_all_sources():
    stage = fleets().stages[0]
    assert divmod(heaviest_machine(stage), 5) == (1, 2), "by shares: one of keyword"
    assert divmod(heaviest(fleets(), 0), 5) == (1, 4), "by time: the last of vector"
    lost = Plans.of(fleets().with_lost({0: 9})).outline(rate_per_s=1.0)
    assert lost.left[:5].tolist() == [2, 2, 2, 2, 1]


def test_a_zone_takes_replicas_of_every_source():
    without = bereft(fleets(zones=2), "zone")
    assert [one.replica_counts for one in without.stages[0].fleets] == [[1, 1, 1], [1, 1]]


def test_a_run_says_of_each_source_what_its_trace_shows():
    result = simulate(fleets())
    said = result.to_dict()["stages"][0]["sources"]
    assert [one["name"] for one in said] == ["keyword", "vector"]
    assert sum(one["critical_ratio"]["value"] for one in said) == pytest.approx(1.0)
    keyword_ns, vector_ns = np.concatenate(
        [
            trace.source_answer_ns[:, trace.first_measured :] - trace.arrival_ns[trace.first_measured :]
            for trace in result.traces.values()
        ],
        axis=1,
    )
    assert said[0]["latency_s"]["mean"]["value"] == pytest.approx(keyword_ns.mean() * 1e-9)
    assert said[1]["latency_s"]["max"] == pytest.approx(vector_ns.max() * 1e-9)
    is_last = np.concatenate([trace.critical_shard[0, trace.first_measured :] >= 3 for trace in result.traces.values()])
    assert said[1]["critical_ratio"]["value"] == pytest.approx(is_last.mean())
    assert [one["demand"]["mean"] for one in said] == pytest.approx([40 * 1e-3 / 2, 40 * 5e-3 / 2], rel=0.5)


def test_sources_whose_last_answers_come_at_one_instant_have_a_part_each():
    same = {"candidates": 100, "model": {"kind": "tree", "per_item": "1us"}, "shards": 2}
    sources = [{"name": "a", **same}, {"name": "b", **same}, {"name": "c", **same, "candidates": 10}]
    said = simulate(fleets(sources=sources)).to_dict()["stages"][0]["sources"]
    assert [one["critical_ratio"]["value"] for one in said] == [0.5, 0.5, 0.0]


def test_items_of_a_source_are_those_of_the_classes_that_ask_it():
    classes = [
        {"name": "long", "share": 1, "candidates": {"retrieval.keyword": 9000}},
        {"name": "short", "share": 3},
    ]
    scenario = scenario_from_dict({**FLEETS, "load": {"rate": "40/s", "classes": classes}})
    items = items_by_fleet(scenario.load.of_classes, scenario.stages)
    assert items[0] == [pytest.approx(0.25 * 3000 + 0.75 * 1000), 500.0] and len(items[1]) == 1
    said = estimate_scenario(scenario).to_dict()["stages"][0]["sources"]
    assert [one["items_per_shard"] for one in said] == pytest.approx(items[0])


def test_what_is_not_priced_is_named():
    sources = [{key: said for key, said in one.items() if key != "hardware"} for one in FLEETS["stages"][0]["sources"]]
    with pytest.raises(ScenarioError, match=r"cost is not known: source 'keyword' of stage 'retrieval' is not priced"):
        fleets_with(sources, slos=["cost < 9 USD/h"])


def fleets_with(sources, **said):
    """The scenario with other sources, and keys of its own."""
    first, second = FLEETS["stages"]
    return scenario_from_dict({**FLEETS, "stages": [{**first, "sources": sources}, second], **said})


def test_a_stage_with_one_source_says_what_the_plain_stage_does():
    own = FLEETS["stages"][0]["sources"][1]
    plain = scenario_from_dict({**FLEETS, "stages": [{**own, "name": "retrieval", "keep": 100}, FLEETS["stages"][1]]})
    one, two = (simulate(scenario).to_dict() for scenario in (fleets(sources=[own]), plain))
    for key in ("provenance", "fleet"):
        del one[key], two[key]
    assert one == two


def test_a_stage_with_one_source_is_worked_out_on_paper():
    [keyword, _] = FLEETS["stages"][0]["sources"]
    said = estimate_scenario(fleets(sources=[keyword])).to_dict()["stages"][0]
    assert said["sources"][0]["candidates"] == 3000 and said["sources"][0]["demand"]["mean"] > 0
