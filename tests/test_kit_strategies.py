"""Strategies of the kit: narrowed by keyword, shrunk to what is small, refusing what is not known; pytest plugin."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from conftest import ROOT, slow
from hypothesis import HealthCheck, Phase, find, given, settings

from simulator.core.laws import mixture, weibull
from simulator.core.plan import CONSTANT, LEAST_WORK, NEVER_NS, NONE
from simulator.engines import compiled
from simulator.planner.plans import make_plan
from simulator.scenario import scenario_from_dict
from simulator.testing import (
    arrivals,
    factor_laws,
    laws,
    models,
    plans,
    scenarios,
    slos,
    stages,
    traces,
)
from simulator.testing.law_check import ACTIVE, PROFILES, Check

FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def smallest(strategy, condition=lambda _: True):
    return find(strategy, condition, settings=settings(max_examples=50, derandomize=True, database=None))


def first(strategy):
    """The first that is drawn; an error is not made smaller."""
    return find(strategy, lambda _: True, settings=settings(max_examples=1, database=None, phases=[Phase.generate]))


@slow
def test_plans_shrink_to_one_query_at_one_server():
    plan = smallest(plans())
    assert (plan.queries, len(plan.stages), plan.shards, plan.replicas) == (1, 1, 1, 1)
    assert plan.arrival_ns.tolist() == [0]


@slow
def test_what_a_plan_needs_is_all_that_is_left_of_it():
    plan = smallest(plans(), lambda plan: plan.stages[0]["workers"] == 2 and plan.queries >= 3)
    assert (plan.queries, len(plan.stages), plan.shards, plan.replicas) == (3, 1, 1, 1)
    assert plan.arrival_ns.tolist() == [0, 0, 0]
    assert set(plan.laws["kind"].tolist()) <= {NONE, CONSTANT}


@slow
def test_scenarios_shrink_to_one_plain_stage():
    values = smallest(scenarios())
    assert len(values["stages"]) == 1
    assert values["slos"] == []
    assert make_plan(scenario_from_dict(values)).shards == 1


@pytest.mark.parametrize(
    ("strategy", "size"),
    [
        (laws(), 120),
        (factor_laws(), 120),
        (models(), 150),
        (arrivals(), 120),
        (slos(), 20),
        pytest.param(stages(kinds=["tree"]), 400, marks=slow),
    ],
    ids=["laws", "factor_laws", "models", "arrivals", "slos", "stages"],
)
def test_parts_shrink_to_what_fits_a_line(strategy, size):
    assert len(repr(smallest(strategy))) <= size


@FEW
@given(plans(queries=4, stages=2, shards=3, replicas=2, workers=1, policies=["least_work"], is_cut=False))
def test_plans_can_be_narrowed(plan):
    assert plan.queries == 4
    assert plan.stages["shards"].tolist() == [3, 3]
    assert plan.stages["replicas"].tolist() == [2, 2]
    assert plan.stages["workers"].tolist() == [1, 1]
    assert set(plan.stages["policy"].tolist()) == {LEAST_WORK}
    assert plan.drain_ns == NEVER_NS


@FEW
@given(plans(is_cut=True))
def test_plans_can_be_cut(plan):
    assert plan.drain_ns < NEVER_NS


@FEW
@given(scenarios(stages=2, kinds=["tree"], policies=["round_robin"], shards=2, replicas=1, workers=1))
def test_scenarios_can_be_narrowed(values):
    assert [stage["model"]["kind"] for stage in values["stages"]] == ["tree", "tree"]
    plan = make_plan(scenario_from_dict(values))
    assert (plan.shards, plan.replicas) == (4, 4)


@slow
def test_scenarios_may_have_an_autoscaler_and_need_not():
    """Some of them change how many serve."""

    def changes(values):
        if not any("autoscale" in stage for stage in values["stages"]):
            return False
        plan = make_plan(scenario_from_dict(values))
        return len(plan.scaling) > 0 and compiled.simulate(plan).provided.shape[1] > len(plan.scaling)

    every = settings(max_examples=3000, derandomize=True, database=None, phases=[Phase.generate])
    found = find(scenarios(stages=1, most_queries=30), changes, settings=every)
    assert "autoscale" in found["stages"][0]

    @FEW
    @given(scenarios(autoscale=False))
    def none_is(values):
        assert not any("autoscale" in stage for stage in values["stages"])

    none_is()


@FEW
@given(laws(kinds=["weibull", "mixture"]))
def test_laws_can_be_narrowed(law):
    assert law.kind in (weibull.CODE, mixture.CODE)
    assert all(part.kind == weibull.CODE for _, part in law.parts)


@FEW
@given(models(("tree",), by_shape=True))
def test_models_can_be_narrowed(model):
    assert model.per_item_s is None
    assert model.trees > 0


@FEW
@given(traces(tasks=False, stages=1))
def test_traces_come_with_their_plans(drawn):
    plan, trace = drawn
    assert list(trace.verify(plan)) == []
    assert trace.task_table is None


@pytest.mark.parametrize(
    "narrowed",
    [
        lambda: laws(kinds=["gauss"]),
        lambda: laws(kinds=[]),
        lambda: factor_laws(kinds=["gauss"]),
        lambda: models(("cnn",)),
        lambda: arrivals(("weekly",)),
        lambda: first(plans(policies=["best"])),
        lambda: first(scenarios(kinds=["cnn"])),
    ],
)
def test_what_is_not_known_is_refused_with_what_is(narrowed):
    with pytest.raises(ValueError, match="there are"):
        narrowed()


def test_a_check_refuses_a_profile_and_a_law_that_it_does_not_know():
    with pytest.raises(ValueError, match="quick, default, deep"):
        Check("x", "slow")
    with pytest.raises(ValueError, match="docs/laws"):
        Check("x", only=["M99"])


# --- the pytest plugin ------------------------------------------------------------------------------------------------

SUITE = """
from simulator.testing.law_check import ACTIVE

def test_profile():
    assert ACTIVE.get() == "deep"

def test_case(shardsim_case):
    assert shardsim_case.plan().queries == 220
"""


def pytest_here(folder, *args):
    (folder / "test_it.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_option_sets_the_profile(tmp_path):
    found = pytest_here(tmp_path, "--shardsim-profile", "deep")
    assert found.returncode == 0, found.stdout


def test_without_the_option_nothing_is_touched(tmp_path):
    found = pytest_here(tmp_path, "-k", "profile")
    assert "assert 'default' == 'deep'" in found.stdout


def test_an_unknown_profile_is_refused(tmp_path):
    found = pytest_here(tmp_path, "--shardsim-profile", "slow")
    assert found.returncode == 4
    assert "choose from" in found.stderr


def test_the_plugin_loads_nothing_slow():
    slow = "{'numpy', 'numba', 'pydantic', 'hypothesis'}"
    code = f"import sys, simulator.testing.pytest_plugin; print(sorted({slow} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_assertions_in_kernels_are_not_rewritten():
    """Pytest rewrites the assertions of packages that bring plugins; numba does not compile what comes out."""
    for path in (ROOT / "simulator").rglob("*.py"):
        tree = ast.parse(path.read_text())
        kernels = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)
            and {ast.unparse(one).split(".")[-1] for one in node.decorator_list} & {"kernel", "formula"}
        ]
        if any(isinstance(node, ast.Assert) for kernel in kernels for node in ast.walk(kernel)):
            assert "PYTEST_DONT_REWRITE" in (ast.get_docstring(tree) or ""), path


def test_the_default_profile_is_known():
    assert ACTIVE.get() in PROFILES


def test_a_case_takes_kinds_of_ones_own(shardsim_case, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from simulator.plugins import Duration, cost_model\n"
        "@cost_model\nclass Flat:\n    of: Duration = 1e-3\n    def service_s(self, items):\n        return self.of\n"
    )
    case = shardsim_case.with_plugins(tmp_path / "mine.py").with_stage("heavy", model={"kind": "mine:Flat"})
    assert case.scenario().stages[1].model.kind == "mine:Flat"
    assert shardsim_case.with_load(rate="1/s").scenario().load.rate.value == 1
    with pytest.raises(KeyError, match="light, heavy"):
        shardsim_case.with_stage("middle", replicas=2)
