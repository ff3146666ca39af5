"""Every key of a scenario is explained, by words that are true: its example loads, what is called wrong is refused."""

import json
import re
from collections import Counter

import pytest
from click.testing import CliRunner

from simulator import ScenarioError, scenario_from_dict
from simulator.cli import group
from simulator.report import keys as report
from simulator.scenario import json_schema
from simulator.scenario.keys.explained import OTHERS_SAY, all_parts, find_keys
from simulator.scenario.not_modelled import NOT_MODELLED
from simulator.scenario.slo import MEASURES

PARTS = all_parts()
KEYS = [key for part in PARTS for key in part.keys]

#: Keys of the file itself that name other files: what they do is held in test_scenarios.py.
OF_FILES = {"extends", "catalogue"}


def test_every_key_of_the_schema_is_explained_and_no_other():
    schema = json_schema(words=False)
    of_schema = {
        (name, key)
        for name, part in {"Scenario": schema, **schema["$defs"]}.items()
        for key in part.get("properties", {})
        if key != "kind"
    }
    families = {name: part for part in PARTS for name in (part.name, *part.also)}
    described = {(name, key.name) for name, part in families.items() for key in part.keys}
    assert set(families) == {"Scenario", *schema["$defs"]}, "parts"
    assert of_schema <= described, "not explained"
    assert {(part.name, key.name) for part in PARTS for key in part.keys} <= of_schema, "not there"


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.asked)
def test_the_example_of_a_key_loads_and_its_wrong_value_is_refused(key):
    key.check_example()
    assert (key.place in OF_FILES) == (not key.errors()) == (key.example is None)
    assert key.says.endswith("."), "a sentence"


def test_a_key_is_found_as_it_is_asked_for():
    for key in KEYS:
        assert key in find_keys(key.asked)
        assert key in find_keys(key.place)
    asked = Counter(key.asked for key in KEYS)
    assert {name for name, times in asked.items() if times > 1} == {
        "gamma.cv",
        "constant.value",
        "pareto.shape",
        "zipf.s",
    }, "of two sorts"
    assert find_keys("stages[2].routing.policy") == find_keys("stages.routing.policy")
    assert find_keys("BALANCERS") == find_keys("stages.routing.balancers")
    assert {key.asked for key in find_keys("POLICY")} == {"stages.routing.policy", "stages.cache.policy"}
    assert find_keys("nothing") == []
    assert find_keys("stages.ranking.routing.policy") == find_keys("stages.routing.policy")
    assert [key.asked for key in find_keys("hardware.gpu.flops")] == ["hardware.name.flops"]
    assert [key.asked for key in find_keys("lognormal.mean")] == ["lognormal.mean"]
    for word in (*MEASURES, "p99", "p99.9", "stage.ranking.hottest", "SLO"):
        assert find_keys(word)[-1].asked == "slos", word


@pytest.mark.parametrize(("kind", "name"), [("tree", "visit"), ("lognormal", "cv"), ("mmpp", "dwell")])
def test_a_kind_has_its_keys(kind, name):
    found = [key.asked for key in find_keys(kind)]
    assert f"{kind}.{name}" in found
    assert all(asked.startswith(f"{kind}.") for asked in found)


@pytest.mark.parametrize("word", OTHERS_SAY)
def test_a_word_that_others_have_finds_the_key(word, shardsim):
    assert find_keys(word)
    assert shardsim("help", word)[0] == 0
    assert word not in NOT_MODELLED


def test_help_says_what_is_not_modelled(shardsim):
    code, _, err = shardsim("help", "preemption")
    assert (
        code,
        "interrupting what is served is not modelled in this version" in err,
    ) == (2, True)


def test_editors_read_what_a_key_means():
    shards = json_schema()["$defs"]["Stage"]["properties"]["shards"]
    assert shards["description"].startswith("Parts that the candidates are divided over.")
    assert "from 1 to 16,777,216" in json.dumps(shards)


@pytest.mark.parametrize("key", ["arrivals", "rate", "work"])
def test_where_a_kind_is_missing_the_cure_lists_those_of_that_key(shardsim, key):
    with pytest.raises(ScenarioError, match=f"load.{key}: needs a kind, as .*; 'shardsim help load.{key}' lists them"):
        scenario_from_dict({"name": "a", "load": {"rate": "1/s", key: {"cv": 1}}, "stages": []})
    assert re.search("a map with kind: (closed, )?constant", shardsim("help", f"load.{key}")[1])


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width):
    lines = [
        line
        for text in (report.listed(PARTS, width), *(report.explained([key], width) for key in KEYS))
        for line in text.splitlines()
        if not line.startswith("    ") or line.startswith(" " * report.MARGIN)  # an example is to be copied
    ]
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize(
    ("asked", "code", "parts"),
    [
        ([], 0, ["stages[].routing", "policy, balancers, by"]),
        (
            ["stages.routing"],
            0,
            ["which replica", "takes", "{policy: power_of_two, balancers: 20}", "refused"],
        ),
        (["mean"], 0, ["7 keys are called 'mean'", "lognormal.mean"]),
        (["run"], 0, ["run: {queries: 20k", "shardsim run --help"]),
        (["capacity"], 0, ["Usage: shardsim capacity"]),
        (["stages.rooting"], 2, ["no key is called 'stages.rooting'", "stages.routing"]),
        (["xyzzy"], 2, ["'shardsim help' lists all keys"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_help_explains_a_key(asked, code, parts):
    found = CliRunner().invoke(group, ["help", *asked], prog_name="shardsim")
    assert found.exit_code == code
    for part in parts:
        assert part.casefold() in found.output.casefold()
