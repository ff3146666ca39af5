"""Cost models of plug-ins on the hardware of their stage."""

from __future__ import annotations

import json
import pickle
import re

import pytest
from plugged import FOLDER, KINDS, MINE

from simulator import ScenarioError, load_scenario, scenario_from_text
from simulator.models import Hardware
from simulator.planner.plans import make_plan
from simulator.planning.knobs import knobs_of
from simulator.plugins import load_plugin
from simulator.testing import LawBroken, check_model

RERANKED = FOLDER / "reranked.yaml"
OURS = """
from simulator.plugins import Count, Hardware, PositiveDuration, cost_model

@cost_model
class Needs:
    work: Count
    hardware: Hardware
    def service_s(self, items):
        if not self.hardware.memory_bandwidth_bytes_per_s:
            raise ValueError("how fast is the memory?")
        return self.hardware.compute_s(self.work * items)

@cost_model
class May:
    each: PositiveDuration = 1e-3
    hardware: Hardware | None = None
    def service_s(self, items):
        return items * self.each / (1 if self.hardware is None else 4)

@cost_model
class Slower:
    hardware: Hardware
    def service_s(self, items):
        return items * 1e-12 * self.hardware.memory_bandwidth_bytes_per_s

@cost_model
class Bytes:
    hardware: Hardware = Hardware(flops_per_s=1e9)
    @property
    def parameter_bytes(self):
        return 10 / self.hardware.memory_bandwidth_bytes_per_s
    def service_s(self, items):
        return 1e-6 * items

@cost_model
class Default:
    hardware: Hardware = Hardware(flops_per_s=1e9)
    def service_s(self, items):
        return self.hardware.compute_s(1e6 * items)

@cost_model
class Called:
    on: Hardware
    def service_s(self, items):
        return 0.0
"""
TEXT = """
name: a
load: {rate: 1/s}
hardware:
  {fast: {flops: 4 GFLOP/s, memory_bandwidth: 1 GB/s}, half: {flops: 1 GFLOP/s}, slow: {memory_bandwidth: 1 GB/s}}
stages: [{name: s, candidates: 1k, %s model: {%s}}]
"""


@pytest.fixture
def ours(tmp_path):
    (tmp_path / "ours.py").write_text(OURS)

    def read(model, hardware="fast", **more):
        on = f"hardware: {hardware}," if hardware else ""
        return scenario_from_text(TEXT % (on, model), plugins=[tmp_path / "ours.py"], **more)

    read.file = tmp_path / "ours.py"
    return read


def seconds(scenario):
    """Time of a call over the thousand candidates, by the plan."""
    plan = make_plan(scenario.with_run(queries=1))
    [ns], [slope] = plan.knot_ns[:1], plan.knot_slope[:1]
    return (ns + slope * 1000) * 1e-9


def test_a_model_is_given_the_hardware_of_its_stage(ours):
    needs, may = "kind: 'ours:Needs', work: 1M", "kind: 'ours:May'"
    assert seconds(ours(needs)) == pytest.approx(0.25)
    assert seconds(ours(may)) == pytest.approx(0.25)
    assert seconds(ours(may, hardware="")) == pytest.approx(1.0)
    assert seconds(ours("kind: 'ours:Default'", hardware="")) == pytest.approx(1.0)
    assert seconds(ours("kind: 'ours:Default'")) == pytest.approx(0.25)
    both = ours(f"kind: sum, parts: [{{{needs}}}, {{{may}}}]")
    assert seconds(both) == pytest.approx(0.5)
    for again in (pickle.loads(pickle.dumps(both)), both.model_copy(deep=True), both.with_scale(2.0)):
        assert seconds(again) == pytest.approx(0.5)
    assert "hardware" not in both.resolved()["stages"][0]["model"]["parts"][0]
    plain = make_plan(load_scenario(RERANKED, plugins=[MINE]).with_run(queries=1))
    slow = make_plan(load_scenario(RERANKED, sets=["hardware.gpu.efficiency=10%"], plugins=[MINE]).with_run(queries=1))
    assert slow.knot_slope.max() > 2 * plain.knot_slope.max()


@pytest.mark.parametrize(
    ("model", "hardware", "said"),
    [
        ("kind: 'ours:Needs', work: 1M", "", "stages[0]: ours:Needs needs hardware: name the stage's"),
        (
            "kind: sum, parts: [{kind: 'ours:May'}, {kind: 'ours:Needs', work: 1}]",
            "",
            "stages[0]: ours:Needs needs hardware: name the stage's",
        ),
        ("kind: 'ours:Needs', work: 1M", "quick", "stages[0].hardware: no hardware is called 'quick'"),
        (
            "kind: 'ours:Needs', work: 1M",
            "half",
            "stages[0].model: ours:Needs: service_s(1) raised ValueError (how fast is the memory?)",
        ),
        (
            "kind: sum, parts: [{kind: 'ours:Needs', work: 1M}]",
            "half",
            "stages[0].model: ours:Needs: service_s(1) raised ValueError (how fast is the memory?)",
        ),
        (
            "kind: 'ours:Needs', work: 1",
            "slow",
            "stages[0].hardware: 'slow' has no flops, which a ours:Needs model needs",
        ),
        (
            "kind: sum, parts: [{kind: 'ours:Needs', work: 1}]",
            "slow",
            "stages[0].hardware: 'slow' has no flops, which a sum model needs",
        ),
        (
            "kind: 'ours:Bytes'",
            "half",
            "stages[0].model: ours:Bytes: parameter_bytes raised ZeroDivisionError (float division by zero)",
        ),
        (
            "kind: sum, parts: [{kind: time, law: 1ms}, {kind: 'ours:Needs', work: 1}]}, variability: {"
            "task: {kind: exponential}",
            "fast",
            "stages[0].variability.task: a model of kind sum has its spread in its law",
        ),
        ("kind: 'ours:Needs', work: 1, hardware: fast", "fast", "stages[0].model.hardware: unknown key"),
        ("kind: 'ours:Called'", "fast", "parameter on is a Hardware; understood are"),
    ],
)
def test_what_is_wrong_with_it_is_told_at_its_place(model, hardware, said, ours):
    with pytest.raises(ScenarioError, match=re.escape(said)) as caught:
        ours(model, hardware)
    assert len(caught.value.problems) == 1


def test_hardware_is_a_knob_of_sizing_as_for_built_in_models(ours, tmp_path, shardsim, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = TEXT.replace("1 GFLOP/s}", "1 GFLOP/s, memory_bandwidth: 1 GB/s, price: 1 USD/h}").replace(
        "memory_bandwidth: 1 GB/s},", "memory_bandwidth: 1 GB/s, price: 2 USD/h},", 1
    )
    (tmp_path / "a.yaml").write_text(text % ("hardware: fast,", "kind: 'ours:Needs', work: 1k"))
    command = ["size", "a.yaml", "--plugin", "ours.py", "--load", "1/s", "--search", "stages.s.hardware=fast,half"]
    code, out, err = shardsim(*command, "--slo", "p99 < 1s", "--queries", "2000", "--format", "json")
    assert code == 0, err
    assert [one["values"]["stages.s.hardware"] for one in json.loads(out)["answers"]] == ["half", "fast"]


def test_hardware_that_gives_no_figure_is_not_endlessly_fast(shardsim, tmp_path):
    """A price alone must not be the cheapest fleet; and the speed of the machine is a knob."""
    file = tmp_path / "reranked.yaml"
    for machine, lacks in (("{price: 1 USD/h}", "flops"), ("{flops: 1 TFLOP/s, price: 1 USD/h}", "memory_bandwidth")):
        file.write_text(RERANKED.read_text().replace("{from: nvidia_l4}", machine))
        code, _, err = shardsim("run", str(file), "--plugin", str(MINE))
        assert code == 2 and f"has no {lacks}, which a mine:CrossEncoder model needs" in err, err
    scenario = load_scenario(RERANKED, plugins=[MINE])
    assert "gpu: speed" in [knob.name for knob in knobs_of(scenario)]


def test_parameters_that_no_scenario_could_give_are_refused_by_every_command(ours, shardsim):
    told = "ours:Called: parameter on is a Hardware; understood are"
    for command in (
        ("catalogue", "--plugin", str(ours.file)),
        ("catalogue", "ours:Called", "--plugin", str(ours.file)),
        ("schema", "--plugin", str(ours.file)),
        ("check", f"{ours.file}::Called"),
    ):
        code, _, err = shardsim(*command)
        assert code == 2 and told in err and "Traceback" not in err, command


def test_the_catalogue_says_so(shardsim, ours):
    ours.file.write_text(OURS.split("@cost_model\nclass Called")[0])
    given = ["--plugin", str(ours.file)]
    for kind, said in {
        "Needs": ", on the stage's hardware)",
        "May": ", on the stage's hardware if it names one)",
    }.items():
        assert said in shardsim("catalogue", f"ours:{kind}", *given)[1]
    assert "hardware" not in shardsim("catalogue", "mine:Boosted", "--plugin", str(MINE))[1]


def test_better_hardware_is_never_slower(tmp_path):
    report = check_model(KINDS["mine:CrossEncoder"].thing, profile="quick")
    held = {row.number for row in report.rows if row.verdict == "held"}
    assert held == {"M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8", "M9", "M10", "M13"}
    (tmp_path / "ours.py").write_text(OURS)
    kinds = {kind.kind: kind.thing for kind in load_plugin(tmp_path / "ours.py")}
    with pytest.raises(LawBroken, match="M10"):
        check_model(kinds["ours:Slower"], profile="quick", only=["M10"])
    model = kinds["ours:May"](hardware=Hardware(flops_per_s=1e9))
    assert check_model(model, profile="quick", only=["M10"])


CATALOGUE = """
models:
  small:
    {kind: "mine:CrossEncoder", parameters: 22M, tokens: 128,
     description: our reranker, source: ours, confidence: measured}
  large: {from: small, source: ours, confidence: measured, parameters: 110M}
"""


def test_a_catalogue_of_ones_own_may_have_it(tmp_path, shardsim):
    (tmp_path / "ours.yaml").write_text(CATALOGUE)
    text = TEXT.replace("name: a", f"name: a\ncatalogue: {tmp_path / 'ours.yaml'}") % ("hardware: fast,", "from: large")
    model = scenario_from_text(text, plugins=[MINE]).stages[0].model
    assert model.as_stated() == {"kind": "mine:CrossEncoder", "parameters": 110e6, "tokens": 128, "launch": "0.05ms"}
    code, out, _ = shardsim("catalogue", "large", "-c", str(tmp_path / "ours.yaml"))
    assert code == 0 and "large (mine:CrossEncoder): our reranker" in out
    with pytest.raises(ScenarioError, match=r"ours.yaml:4:\d+: .*no plug-in offers a cost model 'mine:CrossEncoder'"):
        scenario_from_text(text)
    (tmp_path / "ours.yaml").write_text(CATALOGUE.replace("tokens", "tokns"))
    with pytest.raises(ScenarioError, match=r"ours.yaml:4:\d+: stages\[0\].model.tokns: unknown key; did you mean"):
        scenario_from_text(text, plugins=[MINE])
