"""Caches ahead of a stage: which keys are asked for, who hits, what becomes of the others, and what is said of both."""

import csv
import itertools
import math
from collections import OrderedDict

import numpy as np
import pytest
from walk import Walk

from simulator import ScenarioError, estimate, scenario_from_dict, simulate, validate
from simulator.core.assemble import StageParts, assemble
from simulator.core.caches import Cache, key_of, keys_of
from simulator.core.clients import sent_by_clients, simulated
from simulator.core.columns import COMPLETE, FAILED, HIT, PARTIAL, SKIPPED, UNFINISHED
from simulator.core.features import Feature, features_of, may_find_ahead, may_lockstep, may_look_ahead
from simulator.core.laws import Law
from simulator.core.stage_view import stage_views
from simulator.core.trace import COLUMNS, same_trace
from simulator.engines import compiled, reference
from simulator.planner.plans import Plans, make_plan
from simulator.planning import sensitivity
from simulator.report.folders import write_table
from simulator.report.run import run_table
from simulator.running import memory
from simulator.theory import certainly_busiest
from simulator.theory import estimate as on_paper
from simulator.theory.caches import che, most, stays
from simulator.theory.visits import asks


def part(ns, **more):
    """A stage that takes so many ns a query."""
    return StageParts(**{"knots": [(0.0, float(ns), 0.0)], **more})


def first(ns=3, **more):
    return part(ns, **{"candidates": Law.constant(10.0), "keep": 6.0, **more})


def plan_of(*parts, queries=60, gap=4, **more):
    return assemble(parts, np.arange(queries) * gap, seed=2, **more)


def walked(plan):
    """The trace, the same on every walk."""
    trace = reference.simulate(plan, tasks=True)
    assert list(trace.verify(simulated(plan, trace))) == []
    for way in ((), (1,), range(len(plan.stages))):
        assert same_trace(compiled.simulate(plan, tasks=True, event_by_event=way), trace) == "", way
    assert same_trace(compiled.simulate(plan), trace, without_tasks=True) == ""
    assert same_trace(Walk(plan).trace(), trace) == ""
    return trace


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "s"), [(1, 1.0), (2, 0.0), (5, 0.0), (5, 1.0), (6, 1 + 1e-9), (9, 0.8), (20, 2.0), (400, 1.2), (7, 10.0)]
)
def test_keys_have_their_law(keys, s):
    """Chi-squared of 20,000 keys, seed fixed: it is exceeded by chance once in a thousand runs."""
    from scipy.stats import chi2

    plan = plan_of(first(cache=Cache(1, keys, s)), queries=1)
    run, count = plan.run_row(), 20_000
    drawn = np.bincount([key_of(plan.stages, run, 0, query) for query in range(count)], minlength=keys)
    chances = np.arange(1.0, keys + 1) ** -s
    chances /= chances.sum()
    often = chances * count >= 5
    seen, expected = np.append(drawn[often], drawn[~often].sum()), np.append(chances[often], chances[~often].sum())
    seen, expected = seen[expected > 0], expected[expected > 0] * count
    assert len(drawn) == keys and ((seen - expected) ** 2 / expected).sum() < chi2.ppf(0.999, max(1, len(seen) - 1))


def test_the_largest_catalogue_has_a_law_too():
    plan = plan_of(first(cache=Cache(1, 10**9, 1.0)), queries=1)
    drawn = [key_of(plan.stages, plan.run_row(), 0, query) for query in range(2000)]
    whole = math.log(1e9) + 0.5772156649
    for bound in (1, 1000, 10**6):
        part_of = (math.log(bound) + 0.5772156649 if bound > 1 else 1.0) / whole
        assert np.mean(np.array(drawn) < bound) == pytest.approx(part_of, abs=4 * math.sqrt(part_of / 2000))


def test_stages_ask_for_keys_of_their_own():
    plan = plan_of(first(cache=Cache(1, 50)), part(2, cache=Cache(1, 50)))
    assert (keys_of(plan, 0) == keys_of(plan, 1)).mean() < 0.2


# --- who hits ---------------------------------------------------------------------------------------------------------


def held(size, keys, cold, asked, put_in):
    """Who hits: queries ask at instants, and are put in when they leave; a list, the least recent first."""
    there = OrderedDict.fromkeys(() if cold else reversed(range(min(size, keys))))
    hits = {}
    for _, is_asking, query, key in sorted([*asked, *put_in]):
        if is_asking:
            hits[query] = key in there
        if key in there or not is_asking:
            there[key] = None
            there.move_to_end(key)
        while len(there) > size:
            there.popitem(last=False)
    return hits


@pytest.mark.parametrize("cold", [False, True])
@pytest.mark.parametrize(("size", "keys"), [(1, 3), (2, 4), (3, 3), (9, 4)])
def test_who_hits_is_who_asks_for_one_of_the_latest(size, keys, cold):
    plan = plan_of(first(7, cache=Cache(size, keys, 0.5, 2, is_cold=cold)), part(5))
    trace = walked(plan)
    key, hit = keys_of(plan, 0).tolist(), trace.stage_outcome[0] == HIT
    asked = [(int(at), 1, query, key[query]) for query, at in enumerate(plan.arrival_ns)]
    put_in = [(int(trace.leave_ns[0, query]), 0, query, key[query]) for query in np.flatnonzero(~hit).tolist()]
    assert [*held(size, keys, cold, asked, put_in).values()] == hit.tolist()
    assert size < keys or cold or hit.all(), "all keys are held"
    if not hit.all():
        assert 0 < hit.sum() < 60
    assert (trace.leave_ns[0][hit] - plan.arrival_ns[hit] == 2).all()
    assert (trace.candidates[0] == 10).all() and (trace.candidates[1] == 6).all(), "hits hand on as much"
    assert (trace.coverage[0] == 1).all() and (trace.answers[0][hit] == 0).all()
    assert not np.isin(np.flatnonzero(hit), trace.task_table.query[trace.task_table.stage == 0]).any()


def test_two_that_miss_one_key_at_a_time_both_work():
    """The second comes before the first is done; the third hits at the instant at which the first is."""
    plan = plan_of(first(8, cache=Cache(1, 1, is_cold=True)), queries=4, gap=4)
    trace = walked(plan)
    assert trace.stage_outcome[0].tolist() == [COMPLETE, COMPLETE, HIT, HIT]
    assert trace.leave_ns[0].tolist() == [8, 16, 8, 12]


def test_with_a_hit_a_query_may_be_over():
    plan = plan_of(first(5), part(4, cache=Cache(2, 4, 1.0, 3, True)), part(6), part(1, taken=0.5))
    trace = walked(plan)
    hit = trace.stage_outcome[1] == HIT
    assert 5 < hit.sum() < 55
    for later in (2, 3):
        assert (trace.stage_outcome[later][hit] == SKIPPED).all() and (trace.candidates[later][hit] < 0).all()
        assert (trace.leave_ns[later] - trace.leave_ns[0])[hit].tolist() == [3] * hit.sum()
    assert (trace.outcome == COMPLETE).all() and (trace.candidates[2][~hit] >= 0).all()


def test_what_is_not_whole_is_not_put_in():
    """One of two answers is there in time, or none: the key is asked for again and again."""
    more = {"share": [0.5, 0.5], "wait_for": 2, "timeout_ns": 6, "send_ns": 4}
    for timeout, outcome in ((6, PARTIAL), (2, FAILED)):
        cache = Cache(1, 1, is_cold=True)
        trace = walked(plan_of(first(3, cache=cache, **{**more, "timeout_ns": timeout}), queries=9, gap=20))
        assert (trace.stage_outcome[0] == outcome).all()
    trace = walked(plan_of(first(3, cache=Cache(1, 1, is_cold=True), **{**more, "timeout_ns": 9}), queries=9, gap=20))
    assert trace.stage_outcome[0].tolist() == [COMPLETE] + [HIT] * 8
    earlier = first(3, share=[0.5, 0.5], wait_for=2, timeout_ns=6, send_ns=4)
    trace = walked(plan_of(earlier, part(2, cache=Cache(1, 1, 0.0, 1, True)), part(1), queries=9, gap=20))
    assert (trace.outcome == PARTIAL).all(), "what was missing before the hit is missing"


def test_a_hit_that_is_not_over_at_the_end_is_unfinished():
    plan = plan_of(first(3, cache=Cache(1, 1, 0.0, 9)), part(2), queries=5, gap=4, drain_ns=2)
    trace = walked(plan)
    assert trace.stage_outcome[0].tolist() == [HIT, HIT, HIT, UNFINISHED, UNFINISHED]
    assert (trace.candidates[0] >= 0).all() and not len(trace.task_table.query[trace.task_table.stage == 0])


@pytest.mark.parametrize("hit_ns", [0, 2])
@pytest.mark.parametrize(
    "more",
    [
        {"mergers": 1, "merge_ns": 5},
        {"replicas": 2, "policy": 2},
        {"max_size": 2, "max_wait_ns": 9},
        {"share": [0.3, 0.3, 0.4], "visits": Law.constant(2.0)},
        {"share": [0.25] * 4},
        {"replicas": 2, "by_query": False, "hedges": 1, "hedge_ns": 2},
        {"taken": 0.5},
    ],
)
def test_every_stage_may_have_one(more, hit_ns):
    cache = Cache(2, 4, 0.8, hit_ns)
    own = {"candidates": Law.uniform(2.0, 9.0)}
    last = part(3, **(own if "taken" in more else {}))
    trace = walked(plan_of(first(4, cache=cache, **own, **more), last, queries=40))
    assert 5 < (trace.stage_outcome[0] == HIT).sum() < 35
    before = first(2, **own)
    trace = walked(plan_of(before, part(4, cache=cache, **more), last, queries=40))
    assert 3 < (trace.stage_outcome[1] == HIT).sum() < 37


def test_clients_wait_for_hits_too():
    closed = {"clients": 3, "think": Law.exponential(5.0)}
    parts = [first(4, cache=Cache(2, 4, 0.8, 2)), part(3, cache=Cache(1, 2, 0.0, 1, True)), part(2)]
    plan = sent_by_clients(assemble(parts, np.zeros(40, dtype=np.int64), seed=3), **closed)
    trace = walked(plan)
    assert (trace.stage_outcome == HIT).any(axis=1).tolist() == [True, True, False]
    assert not may_find_ahead(features_of(plan, 0)) and may_look_ahead(features_of(plan, 0))


def test_a_cache_of_nothing_changes_nothing():
    """Nor does one whose keys nobody asks for twice, but what is kept of answers."""
    parts = first(4, mergers=1, merge_ns=3), part(3)
    plain = walked(plan_of(*parts))
    said = funnel()
    without, nothing = (make_plan(scenario_from_dict(funnel(cache))) for cache in (None, {**CACHE, "size": 0}))
    assert same_trace(reference.simulate(nothing), reference.simulate(without)) == ""
    assert all(Feature.CACHE not in features_of(nothing, stage) for stage in range(2))
    assert said["stages"][0]["cache"]["size"] > 0
    never = plan_of(first(4, mergers=1, merge_ns=3, cache=Cache(1, 10**6, 0.0, is_cold=True)), part(3))
    seen = walked(never)
    assert len(set(keys_of(never, 0).tolist())) == 60
    for name in COLUMNS:
        if name not in ("stage_outcome", "answers", "coverage"):
            assert np.array_equal(getattr(plain, name), getattr(seen, name)), name


def test_it_looks_ahead_and_goes_in_lockstep():
    plan = plan_of(first(4, share=[0.25] * 4, cache=Cache(2, 4, 0.8)), part(3))
    for stage in (0, 1):
        features = features_of(plan, stage)
        assert Feature.CACHE in features and may_look_ahead(features) and may_lockstep(features)
    assert stage_views(plan)[0].is_spared and not stage_views(plan)[1].is_spared


# --- on paper ---------------------------------------------------------------------------------------------------------


def king(size, keys, s):
    """The hit ratio of LRU by the chances of all orders of the latest keys (King, 1971)."""
    chances = np.arange(1.0, keys + 1) ** -s
    chances /= chances.sum()
    total = 0.0
    for order in itertools.permutations(range(keys), size):
        chance, left = 1.0, 1.0
        for key in order:
            chance *= chances[key] / left
            left -= chances[key]
        total += chance * chances[list(order)].sum()
    return total


def test_hit_ratios_are_those_of_the_literature():
    """The exact one is in the table of verify; Che's is close to it, the closer the more keys there are."""
    from simulator.verification.table import rows

    exact = {row["parameters"]: float(row["value"]) for row in rows() if row["family"] == "lru"}
    for (size, keys, s), che_said in {
        (3, 6, 0.8): 0.5891021100202136,
        (2, 10, 1.0): 0.32857737602748566,
        (10, 100, 0.8): 0.2632608253834417,
        (20, 100, 0.8): 0.43111315524247684,
        (10, 100, 1.2): 0.5473903086936934,
        (10_000, 100_000, 0.8): 0.4686852353841546,
        (1000, 100_000, 1.0): 0.5061701484813222,
    }.items():
        assert che(size, keys, s) == pytest.approx(che_said, rel=1e-9)
        known = exact.get(f"N={keys};zipf={s};C={size}", che_said)
        assert che(size, keys, s) == pytest.approx(known, rel=0.03 if keys < 100 else 0.005)
        assert known < most(size, keys, s)
        if keys <= 10:
            assert king(size, keys, s) == pytest.approx(known, rel=1e-12)
    assert most(10_000, 100_000, 0.8) == pytest.approx(0.5950208480622439, rel=1e-9)
    assert che(7, 7, 1.0) == che(9, 7, 1.0) == most(9, 7, 1.0) == 1.0


def test_what_a_cache_began_with_is_gone_when_as_many_keys_were_asked_for():
    """And a run says whether it is: the hit ratio of the most popular keys is not that of LRU."""
    plan, asked = plan_of(first(cache=Cache(200, 5000, 0.9)), queries=4000), set()
    needed = next(number for number, key in enumerate(keys_of(plan, 0).tolist()) if len(asked) == 200 or asked.add(key))
    assert stays(200, 5000, 0.9) == pytest.approx(needed, rel=0.15) and stays(5, 5, 1.0) == math.inf
    cache = {**CACHE, "size": 200, "popularity": {"kind": "zipf", "s": 0.9, "catalogue": 5000}}
    run = {"queries": 4000, "replications": 4}
    for warmup, is_told in ((0, True), (1000, False)):
        document = simulate(scenario_from_dict(funnel(cache, run={**run, "warmup": warmup}))).to_dict()
        assert any(note.startswith("the cache of one shows how it began") for note in document["notes"]) == is_told
        found = document["stages"][0]["hit_ratio"]
        assert is_told or found["low"] < che(200, 5000, 0.9) < found["high"]


def test_a_large_catalogue_is_looked_at_in_blocks():
    for keys, s in ((3_000_000, 0.9), (3_000_000, 0.0), (2_000_000, 1.3)):
        chances = np.arange(1.0, keys + 1) ** -s
        chances /= chances.sum()
        assert most(500_000, keys, s) == pytest.approx(chances[:500_000].sum(), rel=1e-4)
        low, high = 0.0, 1e9
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if -np.expm1(-chances * middle).sum() < 500_000 else (low, middle)
        assert che(500_000, keys, s) == pytest.approx(-(chances * np.expm1(-chances * high)).sum(), rel=1e-4)


CACHE = {"size": 20, "popularity": {"kind": "zipf", "s": 1, "catalogue": 200}, "hit_time": "100us"}


def funnel(cache=CACHE, rate="100/s", **more):
    """Two servers, the first with a cache."""
    one = {"name": "one", "candidates": 10, "model": {"kind": "time", "law": {"kind": "exponential", "mean": "8ms"}}}
    two = {"name": "two", "model": {"kind": "time", "law": "3ms"}}
    stages = [one if cache is None else {**one, "cache": cache}, two]
    return {
        "name": "funnel",
        "load": {"rate": rate},
        "stages": stages,
        "run": {"queries": 400, "replications": 4},
        **more,
    }


def test_demand_is_of_those_who_miss():
    plan = make_plan(scenario_from_dict(funnel()))
    one, two = stage_views(plan)
    missed = 1 - che(20, 200, 1.0)
    assert asks(one) == pytest.approx(missed) and asks(two) == 1.0
    assert asks(one, at_least=True) == pytest.approx(1 - most(20, 200, 1.0))
    assert on_paper(plan).stages[0].mean_utilisation == pytest.approx(0.8 * missed)
    assert on_paper(plan).predictions == ()
    ending = make_plan(scenario_from_dict(funnel({**CACHE, "on_hit": "query"})))
    assert on_paper(ending).stages[1].mean_utilisation == pytest.approx(0.3 * missed)
    assert stage_views(ending)[1].may_be_passed and stage_views(ending)[1].is_spared


def test_only_the_most_popular_keys_prove_that_a_load_is_not_carried():
    busy = make_plan(scenario_from_dict(funnel(rate="180/s")))
    least = 1 - most(20, 200, 1.0)
    assert certainly_busiest(busy) == pytest.approx(max(1.44 * least, 0.54))
    document = estimate(scenario_from_dict(funnel())).to_dict()
    assert document["stages"][0]["cache"] == {
        "size": 20,
        "catalogue": 200,
        "hit_ratio": che(20, 200, 1.0),
        "most": most(20, 200, 1.0),
    }


# --- figures ----------------------------------------------------------------------------------------------------------


def test_a_run_says_how_many_hit():
    said = {**funnel(), "slos": ["stage.one.hit_ratio > 20%", "stage.one.hit_ratio > 95%", "stage.one.p50 < 1s"]}
    result = simulate(scenario_from_dict(said))
    document = result.to_dict()
    one, two = document["stages"]
    seen = one["hit_ratio"]
    assert seen["low"] < che(20, 200, 1.0) < seen["high"] and "hit_ratio" not in two and "taken_ratio" not in two
    assert [objective["met"] for objective in document["slos"]] == [True, False, True]
    assert document["slos"][0]["unit"] == "ratio" and document["slos"][0]["value"] == seen["value"]
    assert "the cache of one answers" in run_table(document)
    assert one["critical"]["service_s"]["mean"]["value"] == pytest.approx(one["service_s"]["value"])
    of_tasks = [one["critical"][what]["mean"]["value"] for what in ("wait_s", "service_s")]
    assert one["latency_s"]["mean"]["value"] < 0.9 * sum(of_tasks), "hits are in it"
    assert "contradicted" not in {check["verdict"] for check in document["theory"]["checks"]}
    assert {check["law"] for check in document["theory"]["checks"]} >= {"flow balance"}


def test_a_table_of_queries_says_who_hit(tmp_path):
    result = simulate(scenario_from_dict(funnel({**CACHE, "on_hit": "query"})))
    write_table(result, tmp_path / "queries.csv")
    with (tmp_path / "queries.csv").open() as file:
        table = [*csv.DictReader(file)]
    hits = [row for row in table if row["one.hit"] == "true"]
    assert {row["one.hit"] for row in table} == {"true", "false"} and "two.hit" not in table[0]
    assert all(row["one.wait_s"] == "" and row["two.latency_s"] == "" for row in hits)
    assert all(row["one.latency_s"] == row["latency_s"] == "0.000100000" for row in hits)


def test_where_all_hit_nothing_is_said_of_tasks():
    document = simulate(scenario_from_dict(funnel({**CACHE, "size": "1k"}))).to_dict()
    one = document["stages"][0]
    assert one["hit_ratio"]["value"] == 1.0 and one["service_s"]["value"] is None
    assert one["critical"]["wait_s"]["max"] is None and one["latency_s"]["max"] == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": -1}, "must be at least 0"),
        ({"policy": "lfu"}, "lru"),
        ({"popularity": {"kind": "zipf", "s": 11, "catalogue": 9}}, "a Zipf exponent of at most 10, got 11"),
        ({"popularity": {"kind": "zipf", "s": 1, "catalogue": 0}}, "must be at least 1"),
        ({"hit_time": "100000h"}, "at most"),
        ({"cold": "very"}, "true or false, got 'very'"),
        ({"on_hit": "shard"}, "stage"),
    ],
)
def test_what_is_no_cache_is_refused_with_a_cure(change, said):
    with pytest.raises(ScenarioError) as error:
        scenario_from_dict(funnel({**CACHE, **change}))
    assert said in str(error.value) and "stages[0].cache" in str(error.value)


def test_nobody_follows_whom_a_cache_has_answered():
    said = funnel()
    said["stages"][1] |= {"runs_on": "one"}
    with pytest.raises(
        ScenarioError, match="queries that the cache of 'one' answers have been at none of its replicas"
    ):
        scenario_from_dict(said)
    said["stages"][1]["routing"] = "random"
    assert simulate(scenario_from_dict(said)).to_dict()["stages"][1]["runs_on"] == "one"


def test_an_objective_on_hits_needs_a_cache():
    with pytest.raises(ScenarioError, match=r"slos\[0\].*stage 'two' has no cache"):
        scenario_from_dict({**funnel(), "slos": ["stage.two.hit_ratio > 50%"]})


def test_it_is_a_knob_and_is_announced():
    knobs = {one.name: one.change for one in sensitivity.knobs_of(scenario_from_dict(funnel()))}
    assert knobs["one: cache"] == "20 -> 22" and "one: cache hits" in knobs
    assert validate(scenario_from_dict(funnel())) is not None


def test_memory_of_keys_is_known_before():
    needs = []
    for keys in (1000, 10_001_000):
        said = funnel({**CACHE, "popularity": {**CACHE["popularity"], "catalogue": keys}})
        needs.append(memory.needed(Plans.of(scenario_from_dict(said)), "compiled", 2, 4).fleet_bytes)
    assert needs[1] - needs[0] == pytest.approx(2 * 8 * 10_000_000)
    plans = Plans.of(scenario_from_dict(funnel()))
    told = str(memory.too_much(plans, memory.Need(1.0, 2.0), 4, "8 GB, and there is 1 GB"))
    assert "keys of caches of 4 replications take 8 GB" in told and "fewer of them" in told
