"""The catalogue against what was measured: skipped where ../shared is not there. The README quotes these figures."""

from __future__ import annotations

import csv
from statistics import median

import numpy as np
import pytest

from simulator import catalogue, compare, scenario_from_dict, simulate
from simulator.base import units
from simulator.models import call_s


def rows(path):
    with path.open(newline="") as source:
        return list(csv.DictReader(source))


def seconds(model, items, hardware=None):
    """Time of a call by a model and hardware of the catalogue, through a scenario."""
    stage = {"name": "one", "candidates": 1, "model": model}
    values = {"name": "c", "load": {"rate": "1/s"}, "stages": [stage]}
    if hardware is not None:
        values["hardware"] = {"it": {"from": hardware}}
        stage["hardware"] = "it"
    scenario = scenario_from_dict(values)
    return call_s(scenario.stages[0].cost_model(scenario.hardware), items)[0]


def error(predicted_s, measured_s):
    return abs(predicted_s / measured_s - 1)


def test_trees_of_the_catalogue_predict_measured_times(shared):
    """LightGBM at 1 to 1000 items of fresh inputs, 120 timings, by the mean depth of leaves."""
    errors, by_leaves = [], []
    for row in rows(shared / "data" / "measured_lightgbm_fresh_inputs.csv"):
        items, measured_s = float(row["batch"]), float(row["p50_us"]) * 1e-6
        trees = {"from": "lightgbm", "trees": row["trees"]}
        errors.append(error(seconds({**trees, "depth": float(row["avg_leaf_depth"])}, items), measured_s))
        by_leaves.append(error(seconds({**trees, "leaves": row["leaves"]}, items), measured_s))
    print(f"LightGBM: median error {median(errors):.1%} of {len(errors)}, worst {max(errors):.0%}; ", end="")
    print(f"by leaves {median(by_leaves):.1%}")
    assert median(errors) < 0.10
    assert median(by_leaves) < 0.15


@pytest.mark.parametrize("least", [1, 100])
def test_networks_of_the_catalogue_predict_measured_times(shared, least):
    """Fully connected networks in onnxruntime, at 1 to 100,000 items."""
    errors = []
    for row in rows(shared / "data" / "measured_linear_mlp.csv"):
        if row["model"] == "mlp_onnxruntime" and int(row["batch"]) >= least:
            model = {"from": "onnx_network", "layers": [int(width) for width in row["desc"].split("-")]}
            predicted_s = seconds(model, float(row["batch"]), "x86_core_cached")
            errors.append(error(predicted_s, float(row["p50_us"]) * 1e-6))
    print(
        f"networks, {least} items or more: median error {median(errors):.1%} of {len(errors)}, worst {max(errors):.0%}"
    )
    assert median(errors) < 0.20


#: Kernels of a layer of Llama-2-7B, widths of input and output.
KERNELS = {
    "attn_pre_proj_ms": (4096, 3 * 4096),
    "attn_post_proj_ms": (4096, 4096),
    "mlp_up_proj_ms": (4096, 2 * 11008),
    "mlp_down_proj_ms": (11008, 4096),
}


@pytest.mark.parametrize(
    ("gpu", "name"), [("a100", "nvidia_a100_80_sxm"), ("h100", "nvidia_h100_sxm"), ("a40", "nvidia_a40")]
)
def test_the_roofline_predicts_measured_kernels(shared, gpu, name):
    """The linear kernels of Llama-2-7B at 1 to 4096 tokens, in float16."""
    errors = []
    for row in rows(shared / "data" / "vidur_llama2_7b_linear_ops.csv"):
        if row["gpu"] == gpu:
            for kernel, layers in KERNELS.items():
                predicted_s = seconds({"from": "gpu_kernel", "layers": list(layers)}, float(row["num_tokens"]), name)
                errors.append(error(predicted_s, float(row[kernel]) * 1e-3))
    print(f"{name}: median error {median(errors):.1%} of {len(errors)} kernels, worst {max(errors):.0%}")
    assert median(errors) < 0.08


#: Of BERT large by tokens and machine: the worst error of the shape against the published curve, its median likewise.
BERT = {
    ("bert_large_128_a100", "nvidia_a100_40_sxm", 128): (0.12, 0.08),
    ("bert_large_128_t4", "nvidia_t4", 128): (0.13, 0.03),
    ("bert_large_384_a100", "nvidia_a100_40_sxm", 384): (0.27, 0.13),
}


@pytest.mark.parametrize(("curve", "machine", "tokens"), BERT)
def test_the_roofline_predicts_published_batch_curves(curve, machine, tokens):
    """One shape at 1 to 128 sequences: fitted to one point on an A100, to the slope on a T4; at 384 to nothing."""
    sizes, times = (catalogue(curve).to_dict()["entries"][0]["figures"][place]["value"] for place in (0, 1))
    flop = 2 * 302e6 * tokens + 24 * 4 * tokens**2 * 1024
    shape = {"from": "bert_large_128", "flops_per_item": f"{flop / 1e9:.1f} GFLOP"}
    errors = [
        error(seconds(shape, float(items), machine), units.parse_duration(time))
        for items, time in zip(sizes, times, strict=True)
    ]
    print(f"{curve}: median error {median(errors):.1%} of {len(errors)}, worst {max(errors):.0%}")
    worst, middle = BERT[curve, machine, tokens]
    assert max(errors) < worst
    assert median(errors) < middle


def test_what_a_calibration_leaves_open_does_not_go_with_replications(tmp_path):
    """Statistics rule 11: the noise of 100 values is in every interval, however many replications draw them anew."""
    held, widths = 0, {8: [], 32: []}
    for seed in range(6):
        values = np.random.default_rng(seed).exponential(2.0, 100)
        (tmp_path / "calls.csv").write_text("items,ms\n" + "".join(f"8,{value:.6f}\n" for value in values))
        model = {"kind": "measured", "file": str(tmp_path / "calls.csv"), "unit": "ms", "sample": True}
        for replications in widths:
            scenario = {
                "name": "s",
                "load": {"rate": "150/s"},
                "run": {"queries": 2000, "replications": replications},
                "stages": [{"name": "a", "candidates": 8, "model": model}],
            }
            said = simulate(scenario_from_dict(scenario)).to_dict()
            mean, used = said["latency_s"]["mean"], said["stages"][0]["utilisation"]["mean"]
            widths[replications].append(mean["high"] - mean["low"])
            held += (mean["low"] <= 0.002 / 0.7 <= mean["high"]) + (used["low"] <= 0.3 <= used["high"])
    assert held >= 21, "of 24"
    assert np.median(widths[32]) > 0.6 * np.median(widths[8]), "half, if it went with the root of their number"


def test_a_comparison_says_what_its_intervals_do_not_hold(tmp_path):
    (tmp_path / "calls.csv").write_text("items,ms\n8,2\n8,2.2\n8,2.1\n")
    notes = []
    for sample in (False, True):
        model = {"kind": "measured", "file": str(tmp_path / "calls.csv"), "unit": "ms", "sample": sample}
        one = {
            "name": "s",
            "load": {"rate": "50/s"},
            "run": {"queries": 200, "replications": 4},
            "stages": [{"name": "a", "candidates": 8, "model": model}],
        }
        found = compare(scenario_from_dict(one), scenario_from_dict({**one, "load": {"rate": "60/s"}}))
        notes.append([note for note in found.notes if "draws of calibrations" in note])
    assert list(map(len, notes)) == [0, 1]
