"""Plug-ins at work: rules in both engines, workers that load them, provenance, tables."""

from __future__ import annotations

import json
import math
import os
import pickle
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT, drawn, slow
from hypothesis import given
from hypothesis import strategies as st
from plugged import FILE, KINDS, MINE, mine

from simulator import load_scenario, simulate
from simulator.base.errors import PluginError
from simulator.core import draws
from simulator.core.hosted import look_together
from simulator.core.plan import (
    LEAST_OUTSTANDING,
    LEAST_WORK,
    PEAK_EWMA,
    PLUGGED,
    PLUGGED_LATENCY,
    PLUGGED_OUTSTANDING,
    PLUGGED_WORK,
    POWER_OF_TWO,
    RANDOM,
    ROUND_ROBIN,
    Rule,
    frozen,
)
from simulator.core.routing import POLICIES
from simulator.core.tabulate import tabulate
from simulator.core.trace import same_trace
from simulator.engines import compiled, reference
from simulator.models import seconds_of
from simulator.models.plugged import PluggedModel
from simulator.models.plugged_law import law_of
from simulator.planner.plans import make_plan
from simulator.plugins import Plugins, law, routing
from simulator.testing import plans
from simulator.workload.arrivals import epochs

# --- engines ----------------------------------------------------------------------------------------------------------


@routing
def by_turn(replicas, outstanding, turn, u, v):
    return (turn * 7 + 3) % replicas


@routing
def by_luck(replicas, outstanding, turn, u, v):
    return int(u * v * replicas)


@routing(looks_at="outstanding")
def fullest(replicas, outstanding, turn, u, v):
    best = 0
    for replica in range(replicas):
        if outstanding[replica] > outstanding[best]:
            best = replica
    return best


@routing(looks_at="work")
def emptiest(replicas, outstanding, turn, u, v):
    return int(np.argmin(outstanding))


@routing(looks_at="outstanding")
def sum_of_all(replicas, outstanding, turn, u, v):
    return sum([int(one) for one in sorted(set(outstanding.tolist()))]) % replicas


@routing(looks_at="latency")
def fastest(replicas, outstanding, turn, u, v):
    return int(np.argmin(outstanding))


RULES = {
    fastest: PLUGGED_LATENCY,
    by_turn: PLUGGED,
    by_luck: PLUGGED,
    fullest: PLUGGED_OUTSTANDING,
    emptiest: PLUGGED_WORK,
    sum_of_all: PLUGGED_OUTSTANDING,
}


def with_rules(plan, chosen):
    """The plan with a rule in place of the policy of each stage where one is given."""
    stages = np.array(plan.stages)
    for row, rule in zip(stages, chosen, strict=True):
        if rule is not None:
            row["policy"] = RULES[rule]
    look_together(stages)  # what is kept of replicas is by the rule, not by the policy that was there
    rules = tuple(None if rule is None else Rule(rule.__name__, rule) for rule in chosen)
    return replace(plan, stages=frozen(stages), rules=rules)


@st.composite
def plugged_plans(draw):
    plan = draw(plans())
    chosen = [draw(st.sampled_from([None, *RULES])) for _ in plan.stages]
    return with_rules(plan, [chosen[owner] for owner in plan.stages["owner"]])  # who shares replicas looks at one thing


@drawn(200)
@given(plugged_plans())
def test_the_engines_agree_on_what_a_rule_says(plan):
    expected = reference.simulate(plan, tasks=True)
    every = range(len(plan.stages))
    assert same_trace(compiled.simulate(plan, tasks=True), expected) == ""
    assert same_trace(compiled.simulate(plan, tasks=True, event_by_event=every), expected) == ""
    assert same_trace(compiled.simulate(plan), expected, without_tasks=True) == ""


def asked_of(plan):
    """What a rule is asked in a run of the reference engine: its arguments, and its answer."""
    seen = []

    def spy(replicas, outstanding, turn, u, v):
        answer = turn % replicas
        seen.append((replicas, outstanding.tolist(), turn, u, v, answer))
        return answer

    looking = replace(plan, rules=tuple(Rule("spy", spy) for _ in plan.rules))
    return reference.simulate(looking, tasks=True), seen


@drawn(150)
@given(
    plans(
        most_stages=1,
        fan_outs=False,
        hedges=False,
        neighbours=False,
        slowdowns=False,
        failures=False,
        outages=False,
        limits=False,
        background=False,
        optional=False,
        caches=False,
    ),
    st.sampled_from([PLUGGED, PLUGGED_OUTSTANDING, PLUGGED_WORK, PLUGGED_LATENCY]),
)
def test_a_rule_is_told_what_it_should_be(plan, policy):
    stages = np.array(plan.stages)
    stages["policy"] = stages["counts"] = policy
    plan = replace(plan, stages=frozen(stages))
    trace, seen = asked_of(plan)
    row, asked = stages[0], iter(seen)
    if row["replicas"] == 1:
        assert not seen
        return
    for query in range(plan.queries):
        if trace.candidates[0, query] < 0:
            break
        for shard in range(row["shards"]):
            if row["by_query"] and shard > 0:
                continue
            left = plan.left[row["first_shard"] + shard]
            replicas, outstanding, turn, u, v, answer = next(asked)
            luck = draws.uniforms(plan.seed, plan.replication, draws.ROUTE, query, shard, draws.FIRST_COPY)
            assert (replicas, turn, (u, v)) == (left, query + (0 if row["by_query"] else shard), luck)
            assert len(outstanding) == left and all(one >= 0 for one in outstanding)
            assert trace.task_table.grid(plan).replica[query, shard] == shard * row["replicas"] + answer
            if policy == PLUGGED:
                assert not any(outstanding)
    assert next(asked, None) is None


def least(replicas, outstanding, turn, u, v):
    best = [replica for replica in range(replicas) if outstanding[replica] == min(outstanding)]
    return best[int(u * len(best))]


def of_two(replicas, outstanding, turn, u, v):
    one = int(u * replicas)
    two = one if replicas == 1 else (one + 1 + int(v * (replicas - 1))) % replicas
    return one if outstanding[one] <= outstanding[two] else two


OURS = {
    RANDOM: (PLUGGED, lambda replicas, outstanding, turn, u, v: int(u * replicas)),
    ROUND_ROBIN: (PLUGGED, lambda replicas, outstanding, turn, u, v: turn % replicas),
    LEAST_OUTSTANDING: (PLUGGED_OUTSTANDING, least),
    LEAST_WORK: (PLUGGED_WORK, least),
    POWER_OF_TWO: (PLUGGED_OUTSTANDING, of_two),
    PEAK_EWMA: (PLUGGED_LATENCY, of_two),
}
#: All but ``adaptive``, which sees latency alone.
NAMES = [policy.name for policy in POLICIES if policy.code in OURS]


@slow
@drawn(200)
@given(plans(policies=NAMES))
def test_our_policies_written_as_rules_are_our_policies(plan):
    stages = np.array(plan.stages)
    chosen = [OURS[policy] for policy in stages["policy"].tolist()]
    stages["policy"] = [policy for policy, _ in chosen]
    theirs = replace(plan, stages=frozen(stages), rules=tuple(Rule("theirs", rule) for _, rule in chosen))
    expected = reference.simulate(plan, tasks=True)
    assert same_trace(reference.simulate(theirs, tasks=True), expected) == ""
    assert same_trace(compiled.simulate(theirs), expected, without_tasks=True) == ""


SCRIPT = """
import hashlib, sys
from simulator import load_scenario
from simulator.core.trace import COLUMNS
from simulator.engines import compiled, reference
from simulator.planner.plans import make_plan

plan = make_plan(load_scenario(sys.argv[1], sets=["run.queries=20"], plugins=[sys.argv[2]]), 1)
for simulate in (reference.simulate, compiled.simulate):
    digest = hashlib.sha256()
    for column in COLUMNS:
        value = getattr(simulate(plan), column)
        digest.update(value.tobytes() if hasattr(value, "tobytes") else repr(value).encode())
    print(digest.hexdigest())
"""


@slow
def test_a_rule_gives_the_same_bits_with_the_compiler_on_and_off():
    found = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", SCRIPT, str(FILE), str(MINE)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment},
            check=True,
        ).stdout
        for environment in ({}, {"NUMBA_DISABLE_JIT": "1"})
    ]
    assert len(set("".join(found).split())) == 1


def test_the_answer_depends_neither_on_the_engine_nor_on_how_many_run_at_a_time():
    found = [
        simulate(mine(), engine=engine, jobs=jobs).to_dict() for engine in ("auto", "reference") for jobs in (1, 3)
    ]
    assert [one.pop("engine") for one in found] == ["compiled", "compiled", "reference", "reference"]
    assert all(one == found[0] for one in found)


# --- workers, provenance ----------------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path):
    """A scenario and a plug-in that may be edited."""
    (tmp_path / "mine.py").write_text(MINE.read_text())
    (tmp_path / "boosted.yaml").write_text(FILE.read_text())
    return tmp_path


ELSEWHERE = """
import pickle, sys
from simulator.base.errors import PluginError
from simulator.planner.plans import make_plan
scenario = pickle.load(open(sys.argv[1], "rb"))
try:
    print(make_plan(scenario.with_run(queries=5)).queries)
except PluginError as error:
    print(error)
"""


def elsewhere(folder):
    found = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(folder / "sent")], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return found.stdout.strip()


@slow
def test_a_worker_without_the_file_says_so(own):
    scenario = load_scenario(own / "boosted.yaml", plugins=[own / "mine.py"])
    (own / "sent").write_bytes(pickle.dumps(scenario))
    assert elsewhere(own) == "6"
    (own / "mine.py").write_text(MINE.read_text() + "\n# edited\n")
    assert elsewhere(own).startswith("a worker process has another mine.py than this one, where the plug-in mine:")
    (own / "mine.py").unlink()
    said = elsewhere(own)
    assert said.startswith(f"a worker process does not have {own / 'mine.py'}, where the plug-in mine:")
    assert said.endswith("put the file at the same place on every machine, or install it as a package")
    again = pickle.loads(pickle.dumps(scenario))  # here it was loaded before
    assert again.sha256() == scenario.sha256() and make_plan(again).queries == make_plan(scenario).queries


def test_a_changed_plug_in_is_another_scenario_and_another_sweep(own, shardsim, monkeypatch):
    monkeypatch.chdir(own)
    before = load_scenario("boosted.yaml", plugins=["mine.py"])
    sweep = ("sweep", "boosted.yaml", "--plugin", "mine.py", "--param", "load.rate=100/s,200/s", "--queries", "100")
    assert shardsim(*sweep, "--jobs", "2", "-o", "out")[0] == 0
    assert shardsim(*sweep, "--resume", "out")[0] == 0
    (own / "mine.py").write_text((own / "mine.py").read_text().replace("10e-9", "11e-9"))
    after = load_scenario("boosted.yaml", plugins=["mine.py"])
    assert before.resolved() == after.resolved() and before.sha256() != after.sha256()
    code, _, err = shardsim(*sweep, "--resume", "out")
    assert code == 2 and "is another sweep, and is not resumed" in err and "plugins.mine:Boosted.sha256: " in err
    found = simulate(after.with_run(queries=20)).to_dict()
    assert found["provenance"]["plugins"] == after.used_plugins()
    assert str(own) not in json.dumps(found)


def test_a_scenario_without_plug_ins_does_not_mention_them():
    plain = ROOT / "scenarios" / "mm1.yaml"
    bare, given = load_scenario(plain), load_scenario(plain, plugins=[MINE])
    assert bare.sha256() == given.sha256() and bare.used_plugins() == given.used_plugins() == {}
    assert given.plugins.known("models") == ["mine:Boosted", "mine:CrossEncoder"] and bare.plugins == Plugins()


# --- tables -----------------------------------------------------------------------------------------------------------

COSTS = {
    "square": lambda items: 1e-3 + 1e-9 * items**2,
    "root": lambda items: 1e-6 * math.sqrt(items),
    "logarithm": lambda items: 1e-3 * math.log1p(items),
    "batches of 64": lambda items: 1e-3 * math.ceil(items / 64),
    "from 100 on": lambda items: 1e-3 if items < 100 else 2e-3 + 1e-6 * items,
    "waves": lambda items: 1e-3 * (items + 0.9 * math.sin(items)),
    "nothing": lambda items: 0.0,
}


@pytest.mark.parametrize("name", COSTS)
def test_a_cost_is_tabulated_within_the_error_that_is_stated(name):
    class Thing:
        service_s = staticmethod(COSTS[name])

    model = PluggedModel.of(name, Thing())
    sizes = np.exp(np.random.default_rng(1).uniform(0, math.log(2**30), 3000)).tolist()
    for items in [*sizes, *range(300)]:
        exact = COSTS[name](items)
        assert seconds_of(model.pieces(), float(items))[0] == pytest.approx(
            exact, rel=max(2 * model.error, 1e-9), abs=1e-4 * COSTS[name](1)
        )
    assert model.error <= 1e-2 and (model.error <= 2e-4 or name in ("batches of 64", "waves"))
    jump = seconds_of(model.pieces(), 100.0)[0], seconds_of(model.pieces(), float(np.nextafter(100.0, 0)))[0]
    assert name != "from 100 on" or jump == pytest.approx((2e-3 + 1e-4, 1e-3), rel=1e-4)


def test_what_is_too_rough_for_a_table_says_what_to_do():
    class Thing:
        def service_s(self, items):
            return 10.0 ** (0.3 * round(items**0.7)) if items < 1e3 else 1e300

    with pytest.raises(PluginError, match=r"too rough: .* give pieces\(\) instead"):
        PluggedModel.of("a", Thing())


@given(st.lists(st.tuples(st.floats(0.01, 10), st.floats(0, 10)), min_size=1, max_size=6))
def test_a_table_passes_through_a_piecewise_linear_function(steps):
    x = np.concatenate([[0.0], np.cumsum([width for width, _ in steps])])
    y = np.concatenate([[0.0], np.cumsum([rise for _, rise in steps])])
    table = tabulate(lambda at: np.interp(at, x, y), x, 1.0, 1e-12, 2000)
    at = np.linspace(0, x[-1], 500)
    assert np.abs(np.interp(at, table.x, table.y) - np.interp(at, x, y)).max() <= 1.5e-4 * max(1.0, y[-1])
    assert len(table.x) <= len(x)


def test_a_law_is_tabulated_within_a_ten_thousandth():
    u = (np.arange(100_000) + 0.5) / 100_000
    for thing, mean in (
        (KINDS["mine:Shifted"].thing(least=1e-3, mean_beyond=2e-3), 3e-3),
        (KINDS["mine:Hiccup"].thing(chance=0.01, times=20), 1.0),
    ):
        found = law_of("a", thing, is_factor=mean == 1.0)
        assert found.mean() == pytest.approx(mean, rel=1e-4)
        assert found.quantiles(u) == pytest.approx(thing.quantile(u), rel=1e-4)

    @law
    class Exponential:
        def quantile(self, u):
            return -np.log1p(-u)

    assert law_of("a", Exponential(), is_factor=True).mean() == pytest.approx(1, rel=1e-14)
    assert law_of("a", Exponential()).mean() != pytest.approx(1, rel=1e-9)

    @law
    class Same:
        def quantile(self, u):
            return 0 * u + 3

    assert law_of("a", Same()).is_constant() and law_of("a", Same()).mean() == 3


def test_gaps_do_not_depend_on_how_they_are_cut():
    gaps = mine().load.arrivals.gaps
    whole = epochs(gaps, 5, 2, 1000)
    first = epochs(gaps, 5, 2, 300)
    rest = epochs(gaps, 5, 2, 700, 300, float(first[-1]))
    assert np.concatenate([first, rest]).tolist() == whole.tolist()
    assert np.diff(whole)[::2] == pytest.approx(0.01)
    u, v = np.empty(4), np.empty(4)
    draws.uniform_pairs(5, 2, draws.GAP, 7, u, v)
    assert list(zip(u, v, strict=True)) == [draws.uniforms(5, 2, draws.GAP, 7 + i, 0, 0) for i in range(4)]
    assert mine("run.duration=1s", "load.rate=500/s").load.arrivals.kind == "mine:Paired"
    timed = load_scenario(FILE, sets=["run={duration: 1s, replications: 2}"], plugins=[MINE])
    assert 200 < make_plan(timed).measured < 700


@slow
def test_a_worker_of_a_cluster_loads_the_plug_in_or_says_that_it_lacks_it(own):
    pytest.importorskip("distributed")
    from test_sweep import cluster

    from simulator import sweep

    grid = {"load.rate": ["100/s", "200/s"]}
    scenario = load_scenario(
        own / "boosted.yaml", sets=["run.queries=50", "run.replications=4"], plugins=[own / "mine.py"]
    )
    with cluster(1, own / "one.json") as (address, _):
        assert sweep(scenario, grid, cluster=address).to_dict() == sweep(scenario, grid).to_dict()
    (own / "mine.py").unlink()
    lacks = f"a worker process does not have {own / 'mine.py'}, where the plug-in mine:Boosted is: put the file"
    with cluster(1, own / "two.json") as (address, _), pytest.raises(PluginError, match=re.escape(lacks)):
        sweep(scenario, grid, cluster=address)
