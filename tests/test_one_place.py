"""One place for a thing: what stands in a table of the package stands wherever it should, without being listed there.

A row of ``core.laws.sampling.FAMILIES`` is a family of laws. Its models, strategies, check and reference follow.
A row of ``core.routing.POLICIES`` is a routing policy. Its schema, plan, strategies, check and reference follow.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from simulator.core import routing
from simulator.core.laws import Law, LawTable
from simulator.core.laws.family import NOT_STATED, Statement
from simulator.core.laws.sampling import FAMILIES
from simulator.planner.plans import make_plan
from simulator.running.doctor import all_that_differs
from simulator.scenario import json_schema, scenario_from_dict
from simulator.scenario.keys.explained import find_keys
from simulator.scenario.laws import BY_HAND, FORMS, MODELS
from simulator.testing.strategies.laws import factor_laws, laws, stated
from simulator.testing.strategies.plans import plans
from simulator.testing.strategies.scenarios import duration_laws, factor_law_maps, stages

BY_NAME = {family.name: family for family in FAMILIES if family.name != "none"}
STATED = [name for name, family in BY_NAME.items() if family.quantity != NOT_STATED]
BY_NUMBERS = [name for name, family in BY_NAME.items() if isinstance(family.quantity, Statement)]
FACTORS_BY_NUMBERS = [name for name, family in BY_NAME.items() if isinstance(family.factor, Statement)]

SMALLEST = settings(max_examples=3000, derandomize=True, database=None, deadline=None)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_family_is_drawn_by_the_strategies(name):
    law = find(laws(kinds=[name]), lambda law: law.kind == BY_NAME[name].code, settings=SMALLEST)
    assert law.family is BY_NAME[name]


@pytest.mark.parametrize("name", [name for name in STATED if BY_NAME[name].factor != NOT_STATED])
def test_a_family_is_drawn_as_a_factor(name):
    assert find(factor_laws(kinds=[name]), lambda law: True, settings=SMALLEST).mean() == pytest.approx(1.0)


#: Draws, and nothing made smaller.
SEEN = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


class Enough(Exception):
    """All has been seen."""


def seen_in(strategy, values, most, needed):
    """Values that ``values`` gives for what is drawn, until all that are needed are among them."""
    seen = set()

    @settings(SEEN, max_examples=most)
    @given(strategy)
    def draw(one):
        seen.update(values(one))
        if seen >= needed:
            raise Enough

    with suppress(Enough):
        draw()
    return seen


def kinds_in(strategy, needed):
    return seen_in(strategy, lambda law: [law["kind"] if isinstance(law, dict) else "constant"], 1500, needed)


def test_families_stated_by_numbers_are_drawn_as_a_scenario_states_them():
    for strategy, needed in ((duration_laws(), BY_NUMBERS), (factor_law_maps(), FACTORS_BY_NUMBERS)):
        assert kinds_in(strategy, set(needed)) >= set(needed)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_family_has_a_model_for_each_form_or_says_that_no_scenario_states_it(name):
    family = BY_NAME[name]
    ways = (family.quantity, family.quantity, family.factor)
    expected = {form for form, way in zip(FORMS, ways, strict=True) if way != NOT_STATED}
    assert set(MODELS[name]) == expected
    assert all(isinstance(way, Statement) or way in BY_HAND or way == NOT_STATED for way in ways)
    kinds = json_schema()["$defs"]
    for form in expected:
        assert kinds[MODELS[name][form].__name__]["properties"]["kind"]["const"] == name


def test_a_stage_takes_every_family_wherever_it_takes_a_law():
    schema = json_schema()
    for path in (("Stage", "candidates"), ("Network", "response"), ("Variability", "task"), ("Load", "work")):
        at = json.dumps(schema["$defs"][path[0]]["properties"][path[1]])
        assert set(STATED) <= set(re.findall(r'"(\w+)": "#/\$defs/', at)), path


@pytest.mark.parametrize("name", BY_NUMBERS)
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_a_scenario_says_of_a_family_what_its_constructor_says(name, data):
    """In all three forms; and what is said is said again the same."""
    family = BY_NAME[name]
    for form, statement in zip(FORMS, (family.quantity, family.quantity, family.factor), strict=True):
        arguments = data.draw(stated(statement))
        model = MODELS[name][form]
        units = {argument.name for argument in statement.arguments if argument.has_unit}
        as_text = {key: f"{x!r}s" if form.name == "Duration" and key in units else x for key, x in arguments.items()}
        part = model(kind=name, **as_text)
        assert part.law == Law.of(statement.terms(**arguments))
        assert part.law.family.name in (name, "constant"), "a law without spread may be constant"
        assert not list(statement.refusals(**arguments)), "what is drawn is not refused"


@pytest.mark.parametrize("name", BY_NAME)
def test_the_two_chains_of_kernels_know_every_family(name):
    """One by one and many at once, and in a mixture: the same bits; and not those of another branch."""
    law = find(laws(kinds=[name]), lambda law: not law.is_constant() or name == "constant", settings=SMALLEST)
    law = Law.constant(3.0) if name == "constant" else law
    u = np.linspace(0.001, 0.999, 200)
    together = law.quantiles(u)
    assert together.tolist() == [law.quantile(float(each)) for each in u]
    assert together.max() > 0, "a branch that is missing gives 0"
    assert np.array_equal(LawTable.of([Law.none(), law]).law(1).quantiles(u), together)
    if name != "mixture":
        of_part = Law.mixture([(1, Law.constant(1.0)), (1, law)]).quantiles(0.5 + u / 2)
        assert np.allclose(of_part, together, rtol=1e-9)


def test_the_reference_states_every_family():
    text = (ROOT / "docs" / "reference" / "values.md").read_text()
    of_laws, of_factors = re.search(r"A \*law\* is (.*?)A \*factor law\* has (.*?)\n\n", text, re.DOTALL).groups()
    for name in STATED:
        family = BY_NAME[name]
        for where, way in ((of_laws, family.quantity), (of_factors, family.factor)):
            stands = re.search(rf"`{name}( \{{.*?\}})?`([^,]*`\{{.*?\}}`)?", where)
            assert stands, f"the page does not say how {name} is stated"
            for argument in way.arguments if isinstance(way, Statement) else ():
                assert re.search(rf"\b{argument.name}\b", stands[0]), f"the page does not say {argument.name} of {name}"


def test_doctor_draws_every_family_that_numbers_state():
    scenario = all_that_differs()
    laws_there = [law for stage in scenario["stages"] for law in stage["variability"].values()]
    assert {law["kind"] for law in laws_there} >= set(FACTORS_BY_NUMBERS)
    assert scenario_from_dict(scenario)


# --- routing policies -------------------------------------------------------------------------------------------------

POLICIES = [policy.name for policy in routing.POLICIES]


def test_every_policy_is_drawn_in_a_plan():
    codes = {policy.code for policy in routing.POLICIES}
    assert seen_in(plans(), lambda plan: plan.stages["policy"].tolist(), 100, codes) >= codes


def test_every_policy_is_drawn_in_a_scenario():
    def names(stage):
        said = stage["routing"]
        return [said if isinstance(said, str) else said["policy"]]

    assert seen_in(stages(), names, 200, set(POLICIES)) >= set(POLICIES)


def test_the_schema_takes_every_policy_and_no_other():
    schema = json.dumps(json_schema())
    assert json.dumps([*POLICIES, "same"]) in schema, "and where the query has been, of a stage that runs on another"


@pytest.mark.parametrize("policy", routing.POLICIES, ids=POLICIES)
def test_a_scenario_that_names_a_policy_has_its_code_in_the_plan(policy):
    stage = {"name": "one", "model": {"kind": "time", "law": "1ms"}, "replicas": 3, "routing": policy.name}
    scenario = scenario_from_dict({"name": "x", "load": {"rate": "1/s"}, "run": {"queries": 2}, "stages": [stage]})
    assert make_plan(scenario).stages[0]["policy"] == policy.code


def test_the_chain_of_kernels_knows_every_policy():
    """Each chooses as its own kernel, not as that of another branch, and looks at what its row says."""
    outstanding = np.array([3, 1, 2, 1, 5])
    for policy in routing.POLICIES:
        for turn, u, v in ((0, 0.1, 0.9), (3, 0.7, 0.2), (8, 0.95, 0.5)):
            chosen = routing.choose(policy.code, 5, outstanding, 0, turn, u, v)
            assert chosen == policy.choose(5, outstanding, 0, turn, u, v), policy.name
        assert bool(routing.is_load_aware(policy.code)) == (policy.looks_at is not None), policy.name


def test_the_reference_names_every_policy():
    text = (ROOT / "docs" / "explanation" / "a-querys-life.md").read_text()
    [meaning] = re.findall(r"## Routing\n\n(.*?)\n\n", text, re.DOTALL)
    [keys] = [key.says for key in find_keys("stages.routing.policy")]
    for name in POLICIES:
        assert f"`{name}`" in keys and f"`{name}`" in meaning, name


def test_doctor_has_a_stage_for_every_policy():
    said = [stage["routing"] for stage in all_that_differs()["stages"]]
    assert {one if isinstance(one, str) else one["policy"] for one in said} >= set(POLICIES)
