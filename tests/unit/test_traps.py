"""Traps that are told: an order of no parameter, a machine of one core, a sweep that cannot run, what is unheeded."""

from __future__ import annotations

import pytest
from conftest import slow

from simulator import ScenarioError, capacities, estimate, scenario_from_dict, size, sweep
from simulator.base.errors import PluginError
from simulator.models.plugged import PluggedModel
from simulator.planning.grid import grid_of, unheeded
from simulator.planning.questions import refuse_block
from simulator.plugins import Demand, Hardware, cost_model


def model(**declared):
    body = {"__annotations__": {"trees": int, "depth": int}, "service_s": lambda self, items: 1e-6 * items}
    return cost_model(type("Boosted", (), {**body, **declared}))(trees=3, depth=2)


@pytest.mark.parametrize(
    "order", ["", "O(trees)", "O(trees x depth)", "O(trees x log(depth))", "O(items x sqrt(trees))"]
)
def test_an_order_names_parameters(order):
    assert PluggedModel.of("mine:Boosted", model(order=order)).operations(1, 1, 1).order == (order or "-")


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("O(tree x depth)", "names 'tree', which is no parameter; did you mean 'trees'?"),
        ("O(features)", "names 'features', which is no parameter; it names parameters of the model, log"),
        ("trees x depth", "order is written like 'O"),
        ("O()", "order is written like 'O"),
        (3, "order is text like 'O"),
    ],
)
def test_a_mistyped_order_is_an_error(order, said):
    with pytest.raises(PluginError) as caught:
        PluggedModel.of("mine:Boosted", model(order=order))
    assert said in str(caught.value)


def test_a_plug_in_states_its_demand():
    """Then paper says which side of the roofline binds it."""
    asks = Demand(flop_per_item=1e6, bytes_per_call=1e4)
    body = {"__annotations__": {"hardware": Hardware}, "demand": lambda self: asks}
    body["service_s"] = lambda self, items: self.hardware.compute_s(asks.flop(items))
    thing = cost_model(type("Scorer", (), body))(hardware=Hardware(1e9, 1e9))
    worked = PluggedModel.of("mine:Scorer", thing)
    assert worked.demand() == asks
    assert (worked.bound_by(0.001), worked.bound_by(100)) == ("memory", "computing")
    assert PluggedModel.of("mine:Boosted", model()).demand() is None
    with pytest.raises(PluginError, match=r"demand\(\) gives dict; it must give a Demand"):
        PluggedModel.of("mine:Boosted", model(demand=lambda self: {})).demand()
    with pytest.raises(PluginError, match="is a finite number of at least 0"):
        PluggedModel.of("mine:Boosted", model(demand=lambda self: Demand(flop_per_item=-1.0))).demand()


STAGE = {"name": "a", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}}}


def scenario(stage=None, **more):
    values = {"name": "s", "load": {"rate": "10/s"}, "stages": [{**STAGE, **(stage or {})}], "slos": ["p50 < 1s"]}
    return scenario_from_dict({**values, "run": {"queries": 200, "replications": 4}, **more})


UNHEEDED = "a: its model is a time, which a task takes whatever shards is: give it a cost by item, unless that is meant"
BY_ITEM = scenario({"candidates": 100, "model": {"kind": "linear", "per_item": "1us"}})


def test_a_time_does_not_depend_on_what_is_searched_for():
    grid = grid_of({"stages.a.shards": [1, 2], "stages.a.replicas": [1, 2], "load.scale": [1, 2]})
    assert unheeded(scenario(), grid) == [UNHEEDED]
    assert unheeded(BY_ITEM, grid) == []
    assert UNHEEDED in size(scenario(), search={"stages.a.shards": [1, 2]}).to_dict()["notes"]


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ({"stages.a.shards": [1, 2]}, ["shards"]),
        ({"stages.a.shards": [2]}, []),  # nothing is varied
        ({"stages.a.skew": [0, 1], "stages.a.shards": [4, 8]}, ["skew", "shards"]),
        ({"stages.a.candidates": [1, 2], "stages.a.replicas": [1, 2]}, ["candidates"]),
        ({"stages.a": {"few": {"shards": 1}, "many": {"shards": 9, "replicas": 2}}}, ["shards"]),
        ({"stages.a": {"few": {"shards": 9}, "many": {"shards": 9, "replicas": 2}}}, []),
        ({"stages.a.model.law": ["1ms", "2ms"], "stages.a.shards": [1, 2]}, ["shards"]),
        ({"stages.a.model.kind": ["time", "linear"], "stages.a.shards": [1, 2]}, []),  # one of them heeds it
        ({"stages.other.shards": [1, 2], "load.scale": [1, 2]}, []),
    ],
)
def test_what_is_varied_in_vain_is_told_whatever_the_spelling(values, keys):
    told = [UNHEEDED.replace("shards", key) for key in keys]
    assert unheeded(scenario(), grid_of(values)) == told


@slow
def test_every_command_that_varies_says_what_is_unheeded(shardsim, tmp_path):
    from simulator.scenario import to_yaml

    for name, one in (("time", scenario()), ("item", BY_ITEM)):
        (tmp_path / f"{name}.yaml").write_text(to_yaml(one.resolved()))
    for command in ("sweep {} --param", "capacity {} --tolerance 30% --over", "size {} --search"):
        for name, is_said in (("time", True), ("item", False)):
            line = f"{command.format(tmp_path / f'{name}.yaml')} stages.a.shards=1,2"
            _, out, _ = shardsim(*line.split())
            assert (f"note: {UNHEEDED}" in out) == is_said, line
    values = {"stages.a.shards": [1, 2]}
    for said in (sweep(scenario(), values), capacities(scenario(), values, tolerance=0.3)):
        assert (list(said.notes), said.to_dict()["notes"]) == ([UNHEEDED], [UNHEEDED])
    assert "notes" not in sweep(BY_ITEM, values).to_dict()


def test_a_machine_of_one_core_says_why_it_takes_one_worker():
    with pytest.raises(ScenarioError, match="its figures are those of one worker that has all of it; have fewer"):
        scenario({"hardware": "gpu", "workers": 4}, hardware={"gpu": {"from": "nvidia_l4"}})
    with pytest.raises(ScenarioError, match="take 4 cores; 'gpu' has 2: have fewer workers"):
        scenario({"hardware": "gpu", "workers": 4}, hardware={"gpu": {"cores": 2}})


@pytest.mark.parametrize(
    ("sweep", "said"),
    [
        ({"stages.a.shrads": [1, 2]}, "unknown key; did you mean 'shards'?"),
        ({"stages.b.shards": [1, 2]}, "no 'b' here"),
        ({"stages.a.shards": [1, 0]}, "must be at least 1, got 0"),
        ({"stages.a.replicas": [1, 2], "load.rate": ["1/s", "fast"]}, "'fast'"),
    ],
)
def test_a_sweep_block_that_could_not_run_is_refused_by_every_command(shardsim, tmp_path, sweep, said):
    wrong = scenario(sweep=sweep)
    with pytest.raises(ScenarioError) as caught:
        refuse_block(wrong)
    assert said in str(caught.value) and "s: sweep" in str(caught.value).replace("<dict>", "s")
    from simulator.scenario import to_yaml

    file = tmp_path / "s.yaml"
    file.write_text(to_yaml(wrong.resolved()))
    for command in ("validate", "run", "estimate", "show"):
        code, out, err = shardsim(command, str(file))
        assert (code, out) == (2, "") and said in err, command


def test_a_sweep_block_of_points_that_go_together_is_none_of_a_mistake():
    """One value at a time beside the first of the others: never a combination that a sweep would not try."""
    refuse_block(scenario())
    refuse_block(scenario(sweep={"load.rate": "auto*3", "stages.a.replicas": "1..3"}))
    refuse_block(scenario({"per_machine": 1}, sweep={"stages.a.shards": "2,4", "stages.a.per_machine": "2,1"}))
    assert estimate(scenario()).to_dict()["stages"]


@slow
def test_run_draws_itself(shardsim, tmp_path):
    from simulator.scenario import to_yaml

    file = tmp_path / "s.yaml"
    file.write_text(to_yaml(scenario().resolved()))
    code, _, err = shardsim("run", str(file), "-o", str(tmp_path / "s.png"))
    assert code == 0 and f"figure in {tmp_path / 's.png'}" in err
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    code, _, _ = shardsim("run", str(file), "-q", "-o", str(tmp_path / "folder"), "--figure", str(tmp_path / "s.svg"))
    assert code == 0 and (tmp_path / "folder" / "summary.json").exists() and "<svg" in (tmp_path / "s.svg").read_text()
    code, _, err = shardsim("run", str(file), "-o", str(tmp_path / "a.png"), "--figure", str(tmp_path / "b.png"))
    assert code == 2 and "leave one of them out" in err and not (tmp_path / "a.png").exists()
    code, _, err = shardsim("run", str(file), "--figure", str(tmp_path / "s.txt"))
    assert code == 2 and "a figure is a .png, .svg or .pdf file" in err


@pytest.mark.parametrize(
    ("stage", "is_said"),
    [
        ({"candidates": 100, "shards": 200}, True),
        ({"candidates": 200, "shards": 200}, False),
        ({"candidates": 100, "shards": 200, "split": "hashed"}, False),
        ({"candidates": 100, "shards": 200, "model": {"kind": "time", "law": "1ms"}}, False),
        ({"candidates": 1000, "shards": 200, "keep": 3}, False),
    ],
)
def test_a_shard_with_a_part_of_an_item_is_told(stage, is_said):
    deep = {"kind": "deep", "per_item": "1ms"}
    told = "a: 200 shards have 0.5 of an item each, and take that part of its time"
    assert any(note.startswith(told) for note in scenario({"model": deep, **stage}).notes()) == is_said
    handed = {"name": "b", "model": deep, "shards": 4}
    two = scenario_from_dict(
        {"name": "s", "load": {"rate": "1/s"}, "stages": [{**STAGE, "model": deep, **stage}, handed]}
    )
    assert any(note.startswith("b: 4 shards have 0.75 of an item") for note in two.notes()) == ("keep" in stage)
