"""The catalogue: every figure has a source and a word and is a value that a scenario takes; files of one's own."""

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from simulator import ScenarioError, load_scenario, scenario_from_dict, scenario_from_text
from simulator.scenario.catalogue import CONFIDENCES, built_in, catalogue_of, entries_named, read_catalogue
from simulator.scenario.hardware import HardwareSpec
from simulator.scenario.models import ModelSpec

OWN = ROOT / "tests" / "scenarios" / "valid" / "own" / "catalogue.yaml"
#: What an entry that is only half a model asks for.
COMPLETED = {
    "lightgbm": {"trees": 10, "leaves": 31},
    "onnx_network": {"layers": [10, 1]},
    "gpu_kernel": {"layers": [9, 1]},
}


@pytest.mark.parametrize("entry", built_in().entries(), ids=lambda entry: entry.name)
def test_every_figure_says_how_it_is_known_and_is_one_that_a_scenario_takes(entry):
    assert entry.description
    assert entry.figures
    for figure in entry.figures:
        assert figure.source.strip()
        assert figure.confidence in CONFIDENCES
    keys = {figure.key.split(".")[0] for figure in entry.figures}
    assert keys == entry.node.value.keys() - {"kind"}
    plain = entry.node.plain()
    if entry.section == "hardware":
        assert HardwareSpec.model_validate(plain)
    else:
        assert TypeAdapter(ModelSpec).validate_python({**plain, **COMPLETED.get(entry.name, {})})


def test_names_are_those_of_one_entry():
    names = [entry.name for entry in built_in().entries()]
    assert len(set(names)) == len(names)


def scenario(model, **more):
    stages = [{"name": "one", "candidates": 100, "model": model, "hardware": "gpu"}]
    hardware = {"gpu": {"from": "nvidia_l4", **more}}
    return scenario_from_dict({"name": "s", "load": {"rate": "1/s"}, "hardware": hardware, "stages": stages})


def test_an_entry_stands_for_its_figures_and_keys_beside_it_override_them():
    found = scenario({"from": "gpu_kernel", "layers": [100, 1]}, price="0.5 USD/h", efficiency={"flops": "50%"})
    gpu = found.hardware["gpu"]
    assert (gpu.flops, gpu.memory_bandwidth, gpu.memory, gpu.price) == (121e12, 300e9, 24e9, 0.5)
    assert (gpu.efficiency.flops, gpu.efficiency.bandwidth) == (0.5, 1.0)
    model = found.stages[0].model
    assert (model.kind, model.overhead_s, model.bytes_per_value) == ("deep", 8e-6, 2)
    assert "from" not in str(found.resolved())


def test_a_shape_of_ones_own_takes_the_place_of_a_time_by_item():
    assert scenario({"from": "lightgbm_100x31"}).stages[0].model.per_item_s == 5.57e-6
    kept = scenario({"from": "lightgbm_100x31", "features": 10, "overhead": "1us"}).stages[0].model
    assert (kept.per_item_s, kept.overhead_s) == (5.57e-6, 1e-6)
    for shape in ({"trees": 200}, {"depth": 4}, {"visit": "5ns"}):
        changed = scenario({"from": "lightgbm_100x31", **shape}).stages[0].model
        assert changed.per_item_s is None
    assert scenario({"from": "lightgbm_100x31", "depth": 4}).stages[0].model.leaves is None
    given_again = scenario({"from": "lightgbm_100x31", "trees": 200, "per_item": "9us"}).stages[0].model
    assert given_again.per_item_s == 9e-6


def test_overrides_may_name_another_entry():
    text = "load: {rate: 1/s}\nhardware: {gpu: {from: nvidia_l4}}\nstages:\n"
    text += "  - {name: one, candidates: 9, model: {kind: deep, layers: [9, 1]}, hardware: gpu}\n"
    assert scenario_from_text(text, ["hardware.gpu.from=nvidia_t4"]).hardware["gpu"].power == 70
    assert scenario_from_text(text, ["hardware.gpu.price=$1/h"]).hardware["gpu"].price == 1.0
    own = scenario_from_text(text, [f"catalogue={OWN}", "hardware.cpu.from=ours"])
    assert (own.hardware["gpu"].price, own.hardware["gpu"].power) == (0.5, 72)
    assert (own.hardware["cpu"].price, own.hardware["cpu"].cores) == (0.3, 16)


def test_ones_own_file_lies_over_the_built_in_one():
    both = catalogue_of(str(OWN))
    assert [entry.name for entry in entries_named(both, "nvidia_t4")] == ["nvidia_t4"]
    [ours] = entries_named(both, "nvidia_l4")
    figures = {figure.key: figure for figure in ours.figures}
    assert (figures["price"].value, figures["price"].source) == ("0.5 USD/h", "our contract")
    assert figures["flops"].confidence == "published"
    [mixed] = entries_named(both, "mixed")
    assert [(figure.key, figure.confidence) for figure in mixed.figures] == [
        ("parts[0].per_item", "assumed"),
        ("parts[1].per_item", "measured"),
    ]
    with pytest.raises(ScenarioError, match="did you mean 'nvidia_l4'"):
        entries_named(both, "nvidia_l5")


def test_what_is_resolved_needs_no_catalogue():
    found = load_scenario(OWN.parent.parent / "own_catalogue.yaml")
    assert scenario_from_dict(found.resolved()).resolved() == found.resolved()
    assert found.hardware["cpu"].power == 250


@given(
    st.recursive(
        st.one_of(st.sampled_from(["measured", "1ms", "tree", "nvidia_l4", 3, True]), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(
                    [
                        "hardware",
                        "models",
                        "from",
                        "kind",
                        "value",
                        "source",
                        "confidence",
                        "flops",
                        "parts",
                        "law",
                        "a",
                    ]
                ),
                inner,
                max_size=5,
            ),
        ),
        max_leaves=20,
    )
)
def test_random_files_never_show_a_traceback(tmp_path_factory, tree):
    import yaml

    path = tmp_path_factory.mktemp("own") / "catalogue.yaml"
    path.write_text(yaml.safe_dump(tree))
    try:
        read_catalogue(str(path), built_in())
    except ScenarioError as error:
        assert str(error)
