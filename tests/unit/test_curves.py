"""Batch curves: models whose times are a table, and what the catalogue says of batches."""

from __future__ import annotations

import numpy as np
import pytest

from simulator import ScenarioError, catalogue, estimate, scenario_from_dict, simulate
from simulator.base.errors import ArgumentError
from simulator.engines import reference
from simulator.models import call_s
from simulator.planner.plans import make_plan

CURVE = {"kind": "curve", "items": [1, 8, 64], "times": ["1ms", "8ms", "22ms"], "overhead": "100us"}


def scenario(model, **stage):
    stage = {"name": "one", "candidates": 4, "model": model, **stage}
    run = {"queries": 64, "warmup": 0, "replications": 1}
    return scenario_from_dict({"name": "c", "load": {"rate": "1000/s"}, "run": run, "stages": [stage]})


@pytest.mark.parametrize(
    ("items", "ms"), [(0, 1), (0.5, 1), (1, 1), (4, 4), (8, 8), (36, 15), (64, 22), (68, 23)], ids=str
)
def test_a_curve_is_linear_between_its_sizes(items, ms):
    """Constant below the first, the last slope beyond."""
    assert call_s(scenario(CURVE).stages[0].cost_model({}), items)[0] == pytest.approx(ms * 1e-3 + 1e-4, rel=1e-12)


def test_one_size_is_taken_for_all():
    model = {"kind": "curve", "items": [5], "times": ["1ms"]}
    one = scenario(model)
    assert [call_s(one.stages[0].cost_model({}), items)[0] for items in (0, 1, 5, 100)] == [1e-3] * 4
    assert any("a time is given for 5 items only; it is taken for any number" in note for note in one.notes())


def test_a_batch_costs_what_the_curve_says_of_all_its_items():
    """8 tasks of 4 items: halfway between 8 and 64 items is 36, so 32 take 14 ms."""
    plan = make_plan(scenario(CURVE, batching={"max_size": 8}))
    tasks = reference.simulate(plan, tasks=True).task_table
    took_ns = {int(size): set() for size in np.unique(tasks.batch)}
    for size, took in zip(tasks.batch.tolist(), (tasks.finish_ns - tasks.start_ns).tolist(), strict=True):
        took_ns[size].add(took)
    assert took_ns[8] == {14_100_000}
    assert took_ns[1] == {4_100_000}


def test_a_curve_has_no_spread_and_lets_one_be_stated():
    cv = simulate(scenario(CURVE, variability={"task": {"kind": "lognormal", "cv": 0.5}}), causes=True).to_dict()
    assert cv["causes"][0]["service_cv"]["value"] == pytest.approx(0.5, abs=0.25)


def test_the_catalogue_says_what_batches_take():
    entry = catalogue("bert_large_128_t4").to_dict()["entries"][0]
    assert [one["items"] for one in entry["batches"]] == [1, 2, 4, 8, 12, 16, 24, 32, 64, 128]
    assert entry["batches"][0] == {"items": 1, "seconds": 5.53e-3, "items_per_s": pytest.approx(1 / 5.53e-3)}
    assert "on" not in entry
    on = catalogue("bert_large_128", on="nvidia_t4").to_dict()["entries"][0]
    assert on["on"] == "nvidia_t4"
    flop_s, read_s, overhead_s = 78.9e9 / (65.13e12 * 0.33), 604e6 / 320e9, 1.19e-3
    for one in on["batches"]:
        assert one["seconds"] == pytest.approx(overhead_s + max(read_s, one["items"] * flop_s), rel=1e-9)
    for name in ("nvidia_t4", "gpu_kernel", "lightgbm", "bert_large_128"):
        assert "batches" not in catalogue(name).to_dict()["entries"][0]
    assert not any("batches" in one for one in catalogue().to_dict()["entries"])


@pytest.mark.parametrize(
    ("name", "on", "said"),
    [
        ("gpu_kernel", "nvidia_t4", "its shape is to be given"),
        ("nvidia_l4", "nvidia_t4", "it is hardware"),
        ("bert_large_l4", "nvidia_l4", "its time is that of what it was measured on"),
        ("bert_large_128", "lightgbm", "lightgbm is a model, not hardware"),
        ("bert_large_128", "aws_c6i_4xlarge", "a figure of the hardware is missing"),
    ],
)
def test_no_time_on_that_hardware(name, on, said):
    with pytest.raises(ArgumentError, match=said):
        catalogue(name, on=on)


def test_hardware_that_there_is_not():
    with pytest.raises(ScenarioError, match="no entry is called 'nvidia_t5'"):
        catalogue("bert_large_128", on="nvidia_t5")


def test_the_command_shows_the_curve(shardsim):
    code, out, _ = shardsim("catalogue", "bert_large_128", "--on", "nvidia_a100_80_sxm")
    assert code == 0
    assert "items of a call on nvidia_a100_80_sxm" in out
    assert "shardsim catalogue bert_large_128 --on nvidia_l4" in shardsim("catalogue", "bert_large_128")[1]
    code, _, err = shardsim("catalogue", "--on", "nvidia_t4")
    assert code == 2
    assert "give its NAME" in err


def test_an_estimate_says_what_batches_of_a_stage_take():
    """Twice as many tasks each, and the largest; as many as max_items lets in; padded to sizes."""
    batching = {"max_size": 6}
    for more, items in (({}, [4, 8, 16, 24]), ({"max_items": 9}, [4, 8]), ({"sizes": [8, 64]}, [8, 8, 64, 64])):
        stage = estimate(scenario(CURVE, batching={**batching, **more})).to_dict()["stages"][0]
        batches = stage["model"]["batches"]
        assert [one["tasks"] for one in batches] == [1, 2, 4, 6][: len(items)]
        assert [one["items"] for one in batches] == items
        took = {4: 4.1e-3, 8: 8.1e-3, 16: 10.1e-3, 24: 12.1e-3, 64: 22.1e-3}
        assert [one["seconds"] for one in batches] == pytest.approx([took[one] for one in items], rel=1e-12)
    assert "batches" not in estimate(scenario(CURVE)).to_dict()["stages"][0]["model"]
