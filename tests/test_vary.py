"""A scenario with other values, and the grids that they come from."""

from __future__ import annotations

import itertools
import pickle

import pytest
from conftest import ROOT

from simulator import ScenarioError, load_scenario, scenario_from_dict, scenario_from_text, size, sweep
from simulator.planner.plans import make_plan
from simulator.planning.grid import Utilisation, Variations, grid_of, parse_grid, varied
from simulator.scenario.grid import MOST_POINTS, utilisations
from simulator.theory import busiest

GALLERY = sorted((ROOT / "scenarios").glob("*.yaml"))


def values(text):
    (parameter,) = parse_grid([text]).parameters
    return list(parameter.values)


def mistakes(*assignments):
    with pytest.raises(ScenarioError) as error:
        parse_grid(assignments)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1,2,4", [1, 2, 4]),
        ("a= 1 , 2.5 , 1k ", [1, 2.5, "1k"]),
        ("a=1..9*5", [1, 3, 5, 7, 9]),
        ("a=1..2*3", [1, 1.5, 2]),
        ("a=9..1*3", [9, 5, 1]),
        ("a=0.1..0.3*3", [0.1, 0.2, 0.3]),
        ("a=3..6", [3, 4, 5, 6]),
        (
            "a=0.3/s..0.6/s*8",
            [f"{rate}/s" for rate in (0.3, 0.342857, 0.385714, 0.428571, 0.471429, 0.514286, 0.557143, 0.6)],
        ),
        ("a=1000000..1000001*4", [1000000, 1000000.33, 1000000.67, 1000001]),
        ("a=1.23456789..2*3", [1.23456789, 1.61728, 2]),
        ("a=1,2,8..10", [1, 2, 8, 9, 10]),
        ("a=10/s..50/s*5", ["10/s", "20/s", "30/s", "40/s", "50/s"]),
        ("a=1ms .. 5ms * 3", ["1ms", "3ms", "5ms"]),
        ("a=16 GiB..64 GiB*3", ["16 GiB", "40 GiB", "64 GiB"]),
        ("a=10%..20%*2", ["10%", "20%"]),
        ("a=1e3..2e3*2", [1000, 2000]),
        ("a=nvidia_l4,nvidia_a10", ["nvidia_l4", "nvidia_a10"]),
        ("a=[1, 2],[3, 4]", ["[1, 2]", "[3, 4]"]),
        ("a={kind: gamma, cv: 2},poisson", ["{kind: gamma, cv: 2}", "poisson"]),
        ("a='20/s .. 60/s',30/s", ["'20/s .. 60/s'", "30/s"]),
        ("a=../one.csv,../two.csv", ["../one.csv", "../two.csv"]),
        ("run.warmup=auto", ["auto"]),
    ],
)
def test_values_are_spread_as_written(text, expected):
    found = values(text)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "'a' is not PATH=VALUES, like stages.ranking.shards=1,2,4"),
        ("=1", "'=1' is not PATH=VALUES"),
        ("a=", "a: no values"),
        ("a=1,,2", "a: a value is missing in '1,,2'; write a list like 1,2,4 or a range like 1..9*5"),
        ("a=1,2,1", "a: 1 is there twice"),
        ("a=1/s..2/s", "say how many values, like 1/s..2/s*5"),
        ("a=1..2..3", "'1..2..3' is not a range"),
        ("a=1..x", "'1..x' is not a range"),
        ("a=1ms..2s*4", "write both ends in the same unit"),
        ("a=3..3*2", "both ends are the same"),
        ("a=1..9*1", "the number of values is a whole number of at least 2"),
        ("a=1..9*x", "*x: the number of values"),
        ("a=1..1000001", "1,000,001 values; at most 100,000"),
        ("a=[1,2", "'[1,2' has a bracket or quote without its partner"),
    ],
)
def test_mistakes_in_values_are_told_with_their_cure(text, message):
    found = mistakes(text)
    assert message in found
    assert found.startswith("--param: ")


def test_all_mistakes_come_at_once():
    found = mistakes("a", "b=1,,2", "c=1,2", "c=3", "load.rate=auto", "load.scale=1,2")
    assert found.splitlines()[-1] == "4 errors"
    assert "c: given twice" in found
    assert "load.scale: auto rates are reached by load.scale; give one of the two" in found


def test_a_grid_is_the_product_with_the_last_parameter_fastest():
    grid = parse_grid(["a=1,2", "b=x,y,z"])
    assert grid.count == 6
    points = list(grid.points())
    assert points[:4] == [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 1, "b": "z"}, {"a": 2, "b": "x"}]
    assert grid_of({"a": [1, 2], "b": "x,y,z"}) == grid
    assert list(grid_of({}).points()) == [{}]


def test_a_grid_over_another_takes_its_places():
    below = grid_of({"a": [1, 2], "b": [3]}, "file")
    found = parse_grid(["c=5", "a=7"]).over(below)
    assert [(p.path, p.values, p.option) for p in found.parameters] == [
        ("a", (7,), "--param"),
        ("b", (3,), "file"),
        ("c", (5,), "--param"),
    ]


def test_a_grid_is_not_too_large():
    assert f"= 1,000,000 points; at most {MOST_POINTS:,}" in mistakes("a=1..1000", "b=1..1000")


def test_values_in_python_are_as_they_are():
    assert grid_of({"a": [[1, 2], {"k": "v"}, "1..3"]}).parameters[0].values == ("[1, 2]", '{"k": "v"}', "1..3")
    with pytest.raises(ScenarioError, match="expected values, got a map"):
        grid_of({"a": {"k": 1}})


def test_maps_have_names_by_which_they_are_shown():
    """Rows, tables and figures say the name; what was asked for says what it stands for."""
    base = scenario_from_dict(
        {
            "name": "s",
            "load": {"rate": "5/s"},
            "run": {"queries": 40, "replications": 4},
            "stages": [{"name": "one", "model": {"kind": "time", "law": "10ms"}, "replicas": 2}],
            "sweep": {"stages.one": {"all": {}, "asked, again": {"hedge": "1ms"}}, "load.rate": ["5/s", "6/s"]},
        }
    )
    grid = grid_of(base.sweep)
    shown, applied = zip(*map(Variations(base).settled, grid.points()), strict=True)
    assert [one["stages.one"] for one in shown] == ["all", "all", "asked, again", "asked, again"]
    assert applied[2] == {"stages.one": '{"hedge": "1ms"}', "load.rate": "5/s"}
    _, again = Variations(base).at(list(grid.points())[2])
    assert again.stages[0].hedge is not None
    assert again.stages[0].replicas == 2
    found = sweep(base)
    assert [row["stages.one"] for row in found.to_dict()["points"]] == [one["stages.one"] for one in shown]
    asked = found.to_dict()["provenance"]["parameters"]["stages.one"]
    assert asked == ["all: {}", 'asked, again: {"hedge": "1ms"}']
    auto = grid_of({"load.rate": "auto*2", "stages.one": {"all": {}}})
    shown, applied = Variations(base).settled(next(iter(auto.points())))
    assert list(shown) == ["load.rate", "stages.one"]
    assert shown == {"load.rate": "20/s", "stages.one": "all"}
    assert applied == {"stages.one": "{}", "load.scale": 4.0}
    with pytest.raises(ScenarioError, match="values with names are for sweeps"):
        size(base, search={"stages.one": {"all": {}, "again": {"hedge": "1ms"}}}, slos=["p50 < 1s"])


def test_auto_loads_are_denser_towards_saturation():
    loads = [load.value for load in utilisations()]
    gaps = [after - before for before, after in itertools.pairwise(loads)]
    assert (len(loads), loads[0], loads[-1]) == (12, 0.1, 0.97)
    assert gaps == sorted(gaps, reverse=True)
    assert len(values("load.rate=auto*20")) == 20
    assert values("load.rate = auto") == list(utilisations())


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_nothing_varied_is_the_same_scenario(path):
    scenario = load_scenario(path)
    assert varied(scenario, {}).resolved() == scenario.resolved()
    seeded = varied(scenario, {"run.seed": 9})
    assert seeded.sha256() == load_scenario(path, sets=["run.seed=9"]).sha256() != scenario.sha256()
    assert seeded.source == scenario.source == str(path)


VARIATIONS = {
    "web_search": {"stages.retrieval.shards": 50, "stages[1].replicas": 3, "load.scale": 1.5, "run.queries": "1k"},
    "ramp": {"load.rate": "30/s"},
    "worldcup_day": {"load.scale": 0.01, "run.replications": 2},
    "trace_replay": {"load.arrivals.speed": 2, "stages.ranking.variability": "{task: {kind: exponential}}"},
    "recommendation": {"stages.light_ranking.model.trees": 400, "hardware.gpu.from": "nvidia_t4"},
    "two_clouds": {"hardware.gpu.from": "gpu_24", "stages.deep_ranking.replicas": 2},
    "a_day": {"load.rate.interval": "5m", "load.rate.shape": "step"},
}


@pytest.mark.parametrize("name", VARIATIONS)
def test_varying_means_what_set_means(name):
    path = ROOT / "scenarios" / f"{name}.yaml"
    given = VARIATIONS[name]
    found = varied(load_scenario(path), given)
    assert found.resolved() == load_scenario(path, sets=[f"{key}={value}" for key, value in given.items()]).resolved()
    make_plan(varied(found, {"run.seed": 3}))  # files are still found, from anywhere


def test_files_are_found_from_where_they_were_named(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    scenarios = [load_scenario(f"scenarios/{name}.yaml") for name in ("trace_replay", "worldcup_day", "two_clouds")]
    before = [varied(scenario, {"run.seed": 2}).resolved() for scenario in scenarios]
    monkeypatch.chdir(tmp_path)
    assert [varied(scenario, {"run.seed": 2}).resolved() for scenario in scenarios] == before


def test_shards_take_the_place_of_shares():
    stage = {"name": "a", "candidates": 100, "model": {"kind": "linear", "per_item": "1us"}, "shares": [3, 1, 1]}
    scenario = scenario_from_dict({"name": "s", "load": {"rate": "1/s"}, "stages": [stage]})
    with pytest.raises(ScenarioError, match="3 shares for 5 shards"):
        varied(scenario, {"stages.a.shards": 5})
    assert varied(scenario, {"stages.a.skew": 0.5, "stages.a.shards": 5}).stages[0].shards == 5


def test_a_changed_run_stays_changed():
    scenario = load_scenario(ROOT / "scenarios/recommendation.yaml").with_run(queries=77)
    assert varied(scenario, {"hardware.gpu.from": "nvidia_a10"}).run.queries == 77
    copied = scenario.model_copy(update={"name": "other"})
    assert varied(copied, {"run.seed": 3}).name == "other"
    again = pickle.loads(pickle.dumps(scenario))
    assert varied(again, {"run.seed": 3}).resolved() == varied(scenario, {"run.seed": 3}).resolved()


def test_a_stage_runs_on_a_machine_of_the_catalogue():
    scenario = load_scenario(ROOT / "scenarios/recommendation.yaml")
    found = varied(scenario, {"stages.deep_ranking.hardware": "nvidia_a10"})
    assert found.stages[1].hardware == "nvidia_a10"
    assert found.hardware["nvidia_a10"].price == 1.006
    assert varied(scenario, {"stages.deep_ranking.hardware": "gpu"}).resolved() == scenario.resolved()
    own = load_scenario(ROOT / "scenarios/two_clouds.yaml")
    assert varied(own, {"stages.light_ranking.hardware": "cpu_16"}).stages[0].hardware == "cpu_16"
    new = {"stages.deep_ranking.hardware": "fast", "hardware.fast": "{from: nvidia_a10, efficiency: 40%}"}
    assert varied(scenario, new).hardware["fast"].efficiency.flops == 0.4


def test_mistakes_of_a_point_come_at_once_and_name_the_parameter():
    scenario = load_scenario(ROOT / "scenarios/recommendation.yaml")
    wrong = {"stages.deep_ranking.hardware": "nvidia_l5", "load.rate": "5", "stages.light_ranking.shard": 2, "x": 1}
    with pytest.raises(ScenarioError) as error:
        varied(scenario, wrong, "--search")
    lines = str(error.value).splitlines()
    assert lines == [
        "--search: load.rate: a rate needs a unit, got 5; write '5/s' (1200/s, 1.2k/s, 50k/min)",
        "--search: stages.deep_ranking.hardware: no hardware is called 'nvidia_l5', in the scenario or in the "
        "catalogue; did you mean 'nvidia_l4'?",
        "--search: stages[0].shard: unknown key; did you mean 'shards'?",
        "--search: x: unknown key; known: admission, client, description, hardware, load, name, run, slos, stages, "
        "sweep",
        "4 errors",
    ]


@pytest.mark.parametrize("name", ["mm1", "ramp", "worldcup_day", "trace_replay", "ads_ranker"])
def test_auto_gives_the_same_utilisations_whatever_the_load_is_and_whatever_else_varies(name):
    scenario = load_scenario(ROOT / "scenarios" / f"{name}.yaml")
    stage = scenario.stages[0].name
    points = Variations(scenario)
    for workers in (1, 3):
        for wanted in (0.25, 0.9):
            point = {"load.rate": Utilisation(wanted), f"stages.{stage}.workers": workers}
            written, at = points.at(point)
            plan = make_plan(at)
            assert busiest(plan) == pytest.approx(wanted, rel=2e-3)
            assert written == {
                "load.rate": f"{float(f'{plan.rate_per_s:.4g}'):.15g}/s",
                f"stages.{stage}.workers": workers,
            }
            assert len(at.load.phases) == len(scenario.load.phases)


def test_auto_needs_something_that_takes_time():
    stages = [{"name": "a", "model": {"kind": "time", "law": "0s"}}]
    scenario = scenario_from_dict({"name": "s", "load": {"rate": "1/s"}, "stages": stages})
    with pytest.raises(ScenarioError, match="nothing takes time here; give rates"):
        Variations(scenario).at({"load.rate": Utilisation(0.5)})


BLOCK = """
name: s
load: {rate: 5/s}
stages:
  - {name: a, candidates: 10, model: {kind: linear, per_item: 1ms}}
"""


def test_a_sweep_block_is_kept_and_is_no_part_of_what_a_run_means():
    plain = scenario_from_text(BLOCK)
    swept = scenario_from_text(BLOCK + "sweep: {stages.a.shards: '1..4', load.rate: auto}\n")
    assert "sweep" not in plain.resolved()
    assert swept.resolved()["sweep"] == {"stages.a.shards": "1..4", "load.rate": "auto"}
    assert swept.sha256() == plain.sha256()
    assert scenario_from_dict(swept.resolved()).resolved() == swept.resolved()


@pytest.mark.parametrize("command", [["sweep", "--param"], ["size", "--search"], ["capacity", "--over"]])
def test_a_point_that_cannot_be_says_which_it_is(shardsim, tmp_path, command):
    """Its position is that of what does not go with it."""
    name, option = command
    file = tmp_path / "s.yaml"
    file.write_text(
        "name: s\nload: {rate: 20/s}\nrun: {queries: 100, replications: 4}\nslos: [p99 < 1s]\n"
        "stages: [{name: a, candidates: 10, shards: 8, fan_out: 6, model: {kind: linear, per_item: 10us}}]\n"
    )
    code, _, err = shardsim(name, str(file), option, "stages.a.shards=4,8")
    assert code == 2
    assert "s.yaml:5:47: stages[0].fan_out: there are 4 shards, got 6 (at stages.a.shards=4)" in err
