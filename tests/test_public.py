"""What commands do, from Python: the public functions without a command in between."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

import simulator

FUNNEL = simulator.load_scenario("scenarios/paper_funnel.yaml")
MM1 = simulator.load_scenario("scenarios/mm1.yaml", sets=["run.queries=200", "run.replications=4"])


def test_every_public_name_is_where_it_is_said_to_be():
    for name in simulator.__all__:
        assert getattr(simulator, name).__name__ == name
    assert sorted(simulator._HOME_OF) == simulator.__all__ == sorted(simulator.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'simulated'"):
        getattr(simulator, "simulated")  # noqa: B009 - not there


@pytest.mark.parametrize(
    ("answer", "command"),
    [
        (lambda: simulator.estimate(FUNNEL, rows=2e6, epochs=3).to_dict(), ["estimate", "--rows=2M", "--epochs=3"]),
        (lambda: simulator.portrait(FUNNEL).to_dict(), ["load"]),
    ],
)
def test_a_command_prints_the_document_of_its_function(answer, command, shardsim):
    shown = json.loads(shardsim(*command, "scenarios/paper_funnel.yaml", "--format=json")[1])
    assert json.loads(json.dumps(answer())) == shown


def test_the_catalogue_and_the_schema_are_those_of_the_commands(shardsim):
    assert json.loads(shardsim("catalogue", "--format=json")[1]) == simulator.catalogue().to_dict()
    assert (
        json.loads(shardsim("catalogue", "nvidia_l4", "--format=json")[1]) == simulator.catalogue("nvidia_l4").to_dict()
    )
    assert json.loads(shardsim("schema")[1]) == simulator.schema()


def test_a_validation_says_what_the_command_says(shardsim):
    valid = simulator.validate(FUNNEL)
    said = shardsim("validate", "scenarios/paper_funnel.yaml")[1]
    fleet = f"{len(FUNNEL.stages)} stages, {valid.shards:,} shards, {valid.replicas:,} replicas"
    assert f"{fleet}; {FUNNEL.run.replications} x {valid.extent.measured:,} queries" in said
    assert f"p{valid.percentile:g}" in said and valid.enough_queries is not None
    assert valid.tasks == valid.extent.queries * valid.shards * FUNNEL.run.replications
    assert valid.exit_code == simulator.estimate(FUNNEL).exit_code == 0


def test_a_template_stands_where_it_is_wanted(tmp_path):
    by_name = {template.name: template for template in simulator.templates()}
    files = by_name["paper_funnel"].files(tmp_path / "mine.yaml")
    assert list(files) == [tmp_path / "mine.yaml"] and by_name["paper_funnel"].question.endswith("?")
    with_data = next(template for template in by_name.values() if "data/" in template.text)
    *data, scenario = with_data.files(tmp_path / "other.yaml").items()
    assert data and scenario[0] == tmp_path / "other.yaml"
    for path, text in (*data, scenario):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert simulator.load_scenario(str(scenario[0])).name == with_data.name


def test_the_gallery_is_part_of_the_package():
    from simulator.scenario import gallery

    assert gallery.GALLERY.resolve() == Path("scenarios").resolve()


@pytest.mark.parametrize(
    "name",
    [
        "simulate",
        "capacity",
        "capacities",
        "sensitivity",
        "explain",
        "size",
        "stress",
        "sweep",
        "estimate",
        "validate",
        "portrait",
    ],
)
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("mm1.yaml", "got 'mm1.yaml'; load it first: load_scenario(...)"),
        (Path("mm1.yaml"), "; load it first: load_scenario(...)"),
        ({"name": "mm1"}, "got a map; load it first: scenario_from_dict(...)"),
        (None, "expected a Scenario, got None"),
    ],
)
def test_what_is_no_scenario_is_told(name, given, said):
    with pytest.raises(simulator.ScenarioError) as caught:
        getattr(simulator, name)(
            given, **{"capacities": {"over": {}}, "stress": {"trigger": "stall for 1s"}}.get(name, {})
        )
    assert str(caught.value).endswith(said)


#: Arguments that cannot be, of a function of the package on the gallery's first scenario.
MISTAKES = [
    ("capacity", {"queries": 0}, "a search takes at least one query, got 0"),
    ("size", {"time_s": 0, "search": {"stages.server.workers": [1]}}, "a search takes more than no time, got 0"),
    ("sensitivity", {"time_s": -1.0, "tail_only": True}, "a search takes more than no time, got -1.0"),
    ("capacity", {"tolerance": 0}, "a tolerance is above 0 and below 1, got 0"),
    ("capacity", {"tolerance": 2}, "a tolerance is above 0 and below 1, got 2"),
    ("sensitivity", {"tolerance": -1, "tail_only": True}, "a tolerance is above 0 and below 1, got -1"),
    ("capacities", {"tolerance": math.nan, "over": {"run.seed": [1]}}, "a tolerance is above 0 and below 1, got nan"),
    ("simulate", {"percentiles": [0.99]}, "percentiles are in percent, from 1 to 99.9999: 99 is the 99th; got 0.99"),
    ("explain", {"percentiles": [0.99]}, "percentiles are in percent, from 1 to 99.9999: 99 is the 99th; got 0.99"),
    ("compare", {"percentiles": [0.99]}, "percentiles are in percent, from 1 to 99.9999: 99 is the 99th; got 0.99"),
    ("compare", {"percentiles": [1e-9]}, "got 1e-09"),
    ("sweep", {"percentiles": [150], "parameters": {"run.seed": [1]}}, "got 150"),
    ("stress", {"trigger": "fire"}, "'fire' is not a trigger; write it like load x3 for 2s"),
    ("stress", {"trigger": "stall for 1s", "window_s": 0.0}, "windows of time are wider than 0, got 0"),
    ("stress", {"trigger": "stall for 1s", "horizon_s": math.nan}, "what follows a trigger takes time, got nan"),
    ("check", {"profile": "fast"}, "no profile is called 'fast'; there are quick, default, deep"),
]


@pytest.mark.parametrize(("name", "given", "said"), MISTAKES)
def test_an_argument_that_cannot_be_is_told(name, given, said):
    rest = {"check": (["random"],), "compare": (MM1, MM1)}.get(name, (MM1,))
    with pytest.raises(simulator.ScenarioError) as caught:
        getattr(simulator, name)(*rest, **given)
    assert said in str(caught.value)


def test_what_cannot_be_compared_is_told():
    for a, b in ((None, FUNNEL), (FUNNEL, 3)):
        with pytest.raises(simulator.ScenarioError, match="expected a Scenario, got"):
            simulator.compare(a, b)
