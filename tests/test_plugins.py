"""Plug-ins: what may be named, and by whom; what is said of what is wrong; what breaks its promise is refused."""

from __future__ import annotations

import json
import os
import pickle
import re
import sys

import jsonschema
import numpy as np
import pytest
from conftest import ROOT, slow
from plugged import FILE, KINDS, MINE, USED, WRONG, mine

from simulator import ScenarioError, load_scenario, scenario_from_dict, scenario_from_text, simulate
from simulator.base.errors import PluginError
from simulator.engines import compiled
from simulator.models.plugged import PluggedModel
from simulator.models.plugged_law import law_of
from simulator.planner.plans import make_plan
from simulator.planning.grid import varied
from simulator.plugins import find, installed, load_plugin, load_plugins
from simulator.plugins.loading import module_named
from simulator.scenario import json_schema, scenario_with, to_yaml
from simulator.scenario.nodes import compose

# --- files, modules, entry points -------------------------------------------------------------------------------------


def test_a_class_is_of_use_in_plain_python():
    boosted = KINDS["mine:Boosted"].thing
    assert boosted(trees=100, depth=4).service_s(10) == pytest.approx(100 * 2 * 10 * 10e-9)
    with pytest.raises(TypeError):
        boosted(100, 4)
    with pytest.raises(AttributeError):
        boosted(trees=100, depth=4).trees = 3
    assert KINDS["mine:least_of_three"].thing(3, np.array([2, 1, 0]), 0, 0.0, 0.0) == 2


def test_kinds_tell_what_they_are():
    found = {kind.kind: (kind.group, [parameter.name for parameter in kind.parameters]) for kind in KINDS.values()}
    assert found == {
        "mine:Boosted": ("models", ["trees", "depth", "visit", "cache"]),
        "mine:CrossEncoder": ("models", ["parameters", "tokens", "launch"]),
        "mine:Shifted": ("laws", ["least", "mean_beyond"]),
        "mine:Hiccup": ("laws", ["chance", "times"]),
        "mine:Paired": ("arrivals", []),
        "mine:least_of_three": ("rules", []),
    }
    assert [parameter.is_required for parameter in KINDS["mine:Boosted"].parameters] == [True, True, False, False]
    assert KINDS["mine:Paired"].doc.startswith("Queries in pairs")
    assert KINDS["mine:Hiccup"].mark.is_factor and not KINDS["mine:Shifted"].mark.is_factor
    assert KINDS["mine:Boosted"].thing.batch_economy is False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "offers nothing: mark a class with cost_model, law or arrivals"),
        ("x = (", ":1: cannot be loaded: SyntaxError"),
        ("\nraise KeyError('gone')", ":2: cannot be loaded: KeyError: 'gone'"),
        ("import sys\nsys.exit(3)", ":2: cannot be loaded: SystemExit: 3"),
        (
            "from simulator.plugins import *\n@cost_model\nclass A: pass",
            "A needs a method service_s or pieces, and has neither",
        ),
        (
            "from simulator.plugins import *\n@law\nclass A:\n  kind: int\n  def quantile(self, u): ...",
            "has a parameter 'kind'",
        ),
        (
            "from simulator.plugins import *\n@law(name='a b')\nclass A:\n  def quantile(self, u): ...",
            "a name has letters",
        ),
        ("from simulator.plugins import *\n@routing(looks_at='sky')\ndef a(): ...", "looks_at is one of None, 'outst"),
        ("from simulator.plugins import *\n@routing\nclass A: ...", "routing marks a function"),
        (
            "from simulator.plugins import *\n@routing(name='a')\ndef a(): ...\n@routing(name='a')\ndef b(): ...",
            "two routing rules are called 'a': rename one",
        ),
    ],
)
def test_a_file_that_is_no_plug_in_is_refused(text, said, tmp_path, shardsim):
    (tmp_path / "theirs.py").write_text(text)
    with pytest.raises(PluginError, match=re.escape(said)):
        load_plugin(tmp_path / "theirs.py")
    code, _, err = shardsim("show", str(FILE), "--plugin", str(tmp_path / "theirs.py"))
    assert code == 2 and said in err and "theirs.py" in err


def test_a_file_that_is_not_there_is_refused(shardsim):
    assert shardsim("show", str(FILE), "--plugin", "no/such.py")[::2] == (
        2,
        "no/such.py: cannot be read: No such file or directory\n",
    )
    code, _, err = shardsim("show", str(FILE), "--plugin", "no_such_module")
    assert code == 2 and "a plug-in is FILE.py or an installed module" in err


def test_what_is_no_python_file_is_refused_and_not_waited_for(tmp_path, shardsim):
    """A pipe nobody writes into, a device, a folder, a file of another kind, a name that no file can have."""
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "rules.txt").write_text("")
    (tmp_path / "zero.py").symlink_to("/dev/zero")
    for name in ("pipe.py", "folder.py", "zero.py"):
        said = f"{tmp_path / name}: cannot be read: not a regular file\n"
        assert shardsim("show", str(FILE), "--plugin", str(tmp_path / name))[::2] == (2, said)
    for place in ("/dev/null", str(tmp_path / "rules.txt"), f"{tmp_path}/rules"):
        code, _, err = shardsim("show", str(FILE), "--plugin", place)
        assert (code, err) == (2, f"{place}: is no Python file; a plug-in is FILE.py or an installed module\n")
    for name in ("a" * 5000 + ".py", "a\0b.py"):
        with pytest.raises(PluginError, match="cannot be read: "):
            load_plugin(name)


def test_a_file_takes_nobodys_name_and_is_loaded_anew_once_it_was_edited(tmp_path):
    head = "from simulator.plugins import *\n@law\nclass A:\n  def quantile(self, u): return u * 0 + "
    (tmp_path / "json.py").write_text(head + "1")
    first = load_plugin(tmp_path / "json.py")[0]
    assert first.kind == "json:A" and load_plugin(tmp_path / "json.py")[0].thing is first.thing
    (tmp_path / "json.py").write_text(head + "2")
    second = load_plugin(tmp_path / "json.py")[0]
    assert law_of("a", first.thing()).mean() == 1 and law_of("a", second.thing()).mean() == 2
    assert first.source.sha256 != second.source.sha256
    assert sys.modules["json"] is json


def test_a_file_that_a_plug_in_reads_is_read_anew(tmp_path):
    """And a module that was imported keeps the hash of what was imported."""
    (tmp_path / "reads.py").write_text(
        "import pathlib\nfrom simulator.plugins import *\n@law\nclass A:\n  file: str\n"
        "  def quantile(self, u): return u * 0 + float(pathlib.Path(self.file).read_text())\n"
        "@cost_model\nclass B:\n  file: str\n"
        "  def service_s(self, items): return items * float(pathlib.Path(self.file).read_text())\n"
    )
    plugins = load_plugins([tmp_path / "reads.py"])
    made = {one.kind: one.thing for one in plugins.kinds}
    seen = []
    for value in ("1", "2"):
        (tmp_path / "numbers").write_text(value)
        law, model = (made[f"reads:{name}"](file=str(tmp_path / "numbers")) for name in "AB")
        seen.append((law_of("a", law).mean(), PluggedModel.of("b", model).pieces()[-1].seconds_per_item))
    assert seen == [(1, 1), (2, 2)]


READS = """
import pathlib
import numpy as np
from simulator.plugins import *
from simulator.plugins import Hardware

def of(file):
    return float(pathlib.Path(file).read_text())

@law
class A:
    file: str
    def quantile(self, u): return u * 0 + of(self.file) / 1000

@cost_model
class B:
    file: str
    def service_s(self, items): return items * of(self.file) / 1000

@cost_model
class C:
    file: str
    hardware: Hardware
    def service_s(self, items): return items * of(self.file) * self.hardware.compute_s(1e9)

@arrivals
class D:
    file: str
    def gaps(self, u, v, first): return np.where(u < of(self.file) / 10, 0.0, 1 / (1 - of(self.file) / 10))
"""
#: Where a plug-in reads a file of its own, and whether it reads it again whenever it is used.
READ_IN = {
    "law": ({"model": {"kind": "time", "law": {"kind": "reads:A"}}}, False),
    "cost model": ({"model": {"kind": "reads:B"}}, False),
    "part of a sum": ({"model": {"kind": "sum", "parts": [{"kind": "reads:B"}]}}, False),
    "cost model on hardware": ({"model": {"kind": "reads:C"}, "hardware": "gpu"}, True),
    "arrivals": ({}, True),
}


@pytest.mark.parametrize("place", READ_IN)
def test_the_hash_of_a_plug_ins_file_is_of_what_was_read(place, tmp_path):
    """The first scenario keeps its hash and its numbers, or says that it cannot; a process that reads anew says so."""
    (tmp_path / "reads.py").write_text(READS)
    file = tmp_path / "numbers"
    stage, is_read_again = READ_IN[place]

    def with_file(said):
        if isinstance(said, list):
            return [with_file(one) for one in said]
        if not isinstance(said, dict):
            return said
        mine = {"file": str(file)} if str(said.get("kind")).startswith("reads:") else {}
        return {key: with_file(value) for key, value in said.items()} | mine

    def loaded():
        load = {"rate": "5/s", **({"arrivals": {"kind": "reads:D"}} if place == "arrivals" else {})}
        said = {"name": "s", "load": load, "run": {"queries": 50, "replications": 2}}
        said["hardware"] = {"gpu": {"flops": "1 TFLOP/s"}}
        stages = [{"name": "a", "candidates": 1, "model": {"kind": "time", "law": "1ms"}, **stage}]
        return scenario_from_dict(with_file({**said, "stages": stages}), plugins=[tmp_path / "reads.py"])

    def answer(scenario):
        return simulate(scenario).to_dict()["latency_s"]["mean"]

    file.write_text("1")
    first = loaded()
    before, at_first, sent = first.sha256(), answer(first), pickle.dumps(first)
    assert answer(pickle.loads(sent)) == at_first
    file.write_text("2")
    second = loaded()
    assert second.sha256() != before == first.sha256()
    assert answer(second) != at_first
    changed = f"{file} has changed since the scenario was loaded; load that again"
    again = pickle.loads(sent)
    assert again.sha256() == before
    with pytest.raises(PluginError, match=re.escape(changed)):
        answer(again)
    with pytest.raises(ScenarioError, match=re.escape(changed)):
        scenario_with(first, [("load.rate=6/s", "--set")])
    if is_read_again:
        with pytest.raises(PluginError, match=re.escape(changed)):
            answer(first)
    else:
        assert answer(first) == at_first
    file.write_text("1")
    assert (loaded().sha256(), answer(loaded())) == (before, at_first)


def test_what_a_plug_in_calls_file_need_not_be_one(tmp_path):
    (tmp_path / "reads.py").write_text(
        "from simulator.plugins import *\n@law\nclass A:\n  file: str = 'x'\n"
        "  def quantile(self, u): return u * 0 + 1\n"
    )
    (tmp_path / "s.yaml").write_text(
        "name: s\nload: {rate: 0.5/s}\nstages: [{name: a, model: {kind: time, law: {kind: 'reads:A', file: none}}}]\n"
    )
    scenario = load_scenario(tmp_path / "s.yaml", plugins=[tmp_path / "reads.py"])
    assert len(scenario.sha256()) == 64 and simulate(scenario.with_run(queries=10)).to_dict()["latency_s"]["max"] >= 1


def test_an_imported_module_keeps_its_hash(tmp_path, monkeypatch):
    """Python goes on with what it imported, so what is simulated does."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "imported_once.py").write_text("value = 1\n")
    module, before = module_named("imported_once")
    (tmp_path / "imported_once.py").write_text("value = 2\n")
    assert (module_named("imported_once"), module.value) == ((module, before), 1)


def test_two_files_that_offer_one_kind_are_refused(tmp_path):
    (tmp_path / "mine.py").write_text(MINE.read_text())
    with pytest.raises(PluginError, match=r"both offer mine:Boosted: rename a file"):
        load_plugins([MINE, tmp_path / "mine.py"])
    assert len(load_plugins([MINE, str(MINE)]).kinds) == len(KINDS)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package that offers what ``mine.py`` does, and something broken."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "__init__.py").write_text(MINE.read_text())
    (tmp_path / "theirs" / "broken.py").write_text("raise RuntimeError('no licence')\n")
    about = tmp_path / "theirs-2.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 2.1\n")
    offers = {
        "models": ["Boosted = theirs:Boosted", "fails = theirs.broken:A", "swapped = theirs:Shifted"],
        "laws": ["Shifted = theirs:Shifted", "Hiccup = theirs:Hiccup"],
        "arrivals": ["pairs = theirs:Paired"],
        "rules": ["least_of_three = theirs:least_of_three"],
    }
    text = "".join(f"[simulator.{group}]\n" + "\n".join(lines) + "\n" for group, lines in offers.items())
    (about / "entry_points.txt").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "theirs"]:
        del sys.modules[name]


def theirs() -> str:
    return FILE.read_text().replace("mine:Paired", "theirs:pairs").replace("mine:", "theirs:")


def test_an_installed_package_is_imported_once_a_scenario_names_it(package):
    assert [offer.kind for offer in installed() if offer.group == "arrivals"] == ["theirs:pairs"]
    load_scenario(ROOT / "scenarios" / "mm1.yaml")
    with pytest.raises(ScenarioError, match="no plug-in offers a cost model 'theirs:Bosted'; did you mean 'theirs:Boo"):
        scenario_from_text(re.sub("theirs:(?!Boo)[a-zA-Z_]+", "theirs:none", theirs()).replace("Boosted", "Bosted"))
    assert "theirs" not in sys.modules
    scenario = scenario_from_text(theirs(), sets=["run.queries=40", "run.replications=2"])
    assert "theirs" in sys.modules and "theirs.broken" not in sys.modules
    found, ours = simulate(scenario).to_dict(), simulate(mine("run.queries=40", "run.replications=2")).to_dict()
    assert found["latency_s"] == ours["latency_s"]
    assert set(found["provenance"]["plugins"]) == {
        kind.replace("mine:Paired", "mine:pairs").replace("mine", "theirs") for kind in USED
    }
    again = pickle.loads(pickle.dumps(scenario))
    assert again.sha256() == scenario.sha256()


def test_an_installed_package_that_does_not_work_is_named(package, shardsim):
    for kind, said in (
        (
            "theirs.broken:fails",
            "theirs.broken:fails of the installed package theirs 2.1 cannot be loaded: RuntimeError: no licence",
        ),
        ("theirs:swapped", "theirs:swapped of the installed package theirs 2.1 is not a cost model: its author should"),
    ):
        with pytest.raises(PluginError, match=re.escape(said)):
            find("models", kind)
        with pytest.raises(ScenarioError, match=re.escape(f"stages[0].model.kind: {said}")):
            mine(f"stages.ranking.model={{kind: '{kind}'}}")
    code, out, _ = shardsim("catalogue", "theirs:pairs")
    assert code == 0 and "theirs:pairs (kind of arrivals of theirs): Queries in pairs" in out
    assert "theirs 2.1" in shardsim("catalogue")[1]


# --- scenarios --------------------------------------------------------------------------------------------------------


def test_the_example_means_what_it_says():
    scenario = mine()
    assert to_yaml(scenario.resolved()) == to_yaml(
        scenario_from_text(to_yaml(scenario.resolved()), plugins=[MINE]).resolved()
    )
    assert scenario.stages[0].model.as_stated() == {
        "kind": "mine:Boosted",
        "trees": 300,
        "depth": 6,
        "visit": "2ns",
        "cache": 4096,
    }
    plan = make_plan(scenario)
    boosted = KINDS["mine:Boosted"].thing(trees=300, depth=6, visit=2e-9)
    for items in (0.0, 1.0, 2000.0, 4096.0, 10_000.0):
        knots = list(zip(plan.knot_items, plan.knot_ns, plan.knot_slope, strict=True))
        at = [knot for knot in knots if knot[0] <= items][-1]
        assert at[1] + (items - at[0]) * at[2] == pytest.approx(1e9 * boosted.service_s(items), rel=1e-4)
    assert scenario.notes() == []


def test_a_stranger_s_scenario_imports_nothing(tmp_path, shardsim, monkeypatch):
    (tmp_path / "evil.py").write_text("raise SystemError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    text = FILE.read_text().replace("mine:Boosted", "evil:Thing")
    (tmp_path / "a.yaml").write_text(text)
    code, _, err = shardsim("run", "a.yaml")
    assert code == 2 and "SystemError" not in err and "evil" not in sys.modules
    line = 1 + text[: text.index("evil:Thing")].count("\n")
    assert f"a.yaml:{line}:13: stages[0].model.kind: no plug-in offers a cost model 'evil:Thing'" in err
    assert "name its file with --plugin FILE.py (plugins=[...] in Python), or install the package that offers it" in err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("trees: 300", "tres: 300", "a.yaml:12:33: stages[0].model.tres: unknown key; did you mean 'trees'?"),
        ("trees: 300, ", "", "a.yaml:12:5: stages[0].model.trees: is missing"),
        ("trees: 300", "trees: many", "a.yaml:12:33: stages[0].model.trees: 'many' is not a count"),
        ("visit: 2ns", "visit: 2", "a.yaml:12:55: stages[0].model.visit: a duration needs a unit, got 2; write '2ms'"),
        (
            "mine:Boosted",
            "mine:Bosted",
            "12:13: stages[0].model.kind: no plug-in offers a cost model 'mine:Bosted'; did you mean 'mine:Boosted'?",
        ),
        (
            "mine:Boosted",
            "mine:Paired",
            "stages[0].model.kind: 'mine:Paired' is a kind of arrivals, and a cost model is wanted here",
        ),
        (
            "mine:least_of_three",
            "mine:least",
            "stages[0].routing: no plug-in offers a routing rule 'mine:least'; did you mean 'mine:least_of_three'?",
        ),
        (
            "routing: mine:least_of_three",
            "routing: {policy: mine:Boosted}",
            "a.yaml:19:15: stages[0].routing.policy: 'mine:Boosted' is a cost model",
        ),
        (
            "arrivals: mine:Paired",
            "arrivals: {kind: mine:Paired, cv: 2}",
            "a.yaml:6:33: load.arrivals.cv: unknown key; known: kind",
        ),
        (
            "mine:Shifted, least: 200us, mean_beyond: 100us",
            "mine:Hiccup, chance: 1%, times: 2",
            "stages[0].network.response: mine:Hiccup is a law of factors, of mean 1",
        ),
        (
            "mine:Hiccup, chance: 1%, times: 10",
            "mine:Shifted, least: 1s, mean_beyond: 1s",
            "a factor is wanted here: mark the class with @law(factor=True)",
        ),
    ],
)
def test_a_mistake_in_a_map_of_a_plug_in_is_told_as_in_any_other(old, new, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = FILE.read_text()
    assert old in text
    (tmp_path / "a.yaml").write_text(text.replace(old, new))
    with pytest.raises(ScenarioError, match=re.escape(said)) as caught:
        load_scenario("a.yaml", plugins=[MINE])
    assert len(caught.value.problems) == (2 if "tres" in new else 1)  # what was meant is missing


def test_every_annotation_is_checked_as_it_says(tmp_path):
    (tmp_path / "a.py").write_text(
        "from typing import Literal\n"
        "from simulator.plugins import *\n"
        "@cost_model\nclass A:\n"
        "  copy: int\n  json: float = -1.5\n  flag: bool = False\n  word: Literal['x', 'y'] = 'x'\n  text: str = ''\n"
        "  widths: tuple[PositiveCount, ...] = ()\n  maybe: Duration | None = None\n"
        "  share: Ratio = 0.5\n  rate: Rate = 1.0\n"
        "  def service_s(self, items): return abs(self.json) * self.copy + sum(self.widths)\n"
        "@cost_model\nclass B:\n  what: dict\n  def service_s(self, items): return 0\n"
    )
    text = "name: a\nload: {rate: 1/s}\nstages: [{name: s, candidates: 1, model: {kind: 'a:A', %s}}]"
    good = scenario_from_text(
        text % "copy: 2, widths: [1, 1k], maybe: 1h, share: 5%, rate: 3/min", plugins=[tmp_path / "a.py"]
    )
    assert good.stages[0].model.as_stated() == {
        "kind": "a:A",
        "copy": 2,
        "json": -1.5,
        "flag": False,
        "word": "x",
        "text": "",
        "widths": [1, 1000],
        "maybe": "3600s",
        "share": 0.05,
        "rate": "3/min",
    }
    for said, message in {
        "copy: 1.5": "copy: must be a whole number, got 1.5",
        "copy: 1, json: x": "json: expected a number, got 'x'",
        "copy: 1, flag: 1": "flag: expected true or false, got 1",
        "copy: 1, word: z": "word: must be one of x, y, got 'z'",
        "copy: 1, widths: [0]": "widths[0]: a number here must be above 0, got 0",
        "copy: 1, share: 2": "share: ",
    }.items():
        with pytest.raises(ScenarioError, match=re.escape(f"stages[0].model.{message}")):
            scenario_from_text(text % said, plugins=[tmp_path / "a.py"])
    with pytest.raises(ScenarioError, match="a:B: parameter what is a dict; understood are Duration, Count"):
        scenario_from_text((text % "what: 1").replace("a:A", "a:B"), plugins=[tmp_path / "a.py"])


def test_plug_ins_stay_with_a_scenario_that_is_changed_or_sent():
    scenario = mine()
    for other in (
        scenario.with_run(queries=10),
        scenario.with_scale(2.0),
        scenario.with_slos(()),
        scenario_with(scenario, [("stages.ranking.model.trees=20", "--set")]),
        varied(scenario, {"stages.ranking.shards": 2}),
        pickle.loads(pickle.dumps(scenario)),
        scenario.model_copy(deep=True),
    ):
        again = scenario_with(other, [("stages.ranking.model={kind: mine:Boosted, trees: 7, depth: 1}", "--set")])
        assert again.stages[0].model.given["trees"] == 7
        assert make_plan(other.with_run(queries=5)).queries > 0


def test_a_plug_in_may_stand_wherever_a_built_in_may(tmp_path):
    shifted, hiccup = "{kind: mine:Shifted, least: 1us, mean_beyond: 1us}", "{kind: mine:Hiccup, chance: 1%, times: 3}"
    count = "{kind: mine:Shifted, least: 5s, mean_beyond: 5s}"  # 5 and 5, as numbers
    scenario = mine(
        "stages.ranking.model="
        "{kind: sum, parts: [{kind: mine:Boosted, trees: 9, depth: 4}, {kind: tree, per_item: 1us}]}",
        f"stages.ranking.candidates={{kind: mixture, parts: [{{weight: 1, law: {count}}}, {{weight: 1, law: 10}}]}}",
        f"stages.ranking.variability.machine={hiccup}",
        f"load.work={hiccup}",
        "stages.ranking.network.response="
        f"{{kind: mixture, parts: [{{weight: 1, law: {shifted}}}, {{weight: 1, law: 0s}}]}}",
    )
    assert sorted(scenario.used_plugins()) == sorted(USED)
    assert simulate(scenario).to_dict() == simulate(pickle.loads(pickle.dumps(scenario)), jobs=2).to_dict()
    time = mine(
        f"stages.ranking.model={{kind: time, law: {shifted}}}", "stages.ranking.variability.task={kind: constant}"
    )
    assert simulate(time).summary.to_dict()["latency_s"]["mean"]["value"] > 2e-6


@slow
def test_the_schema_accepts_the_example_and_no_more():
    plain = compose(FILE.read_text(), "a").plain()
    schema = json_schema(load_plugins([MINE]))
    jsonschema.validate(plain, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain, json_schema())
    for place, key in ((plain["stages"][0]["model"], "tres"), (plain["stages"][0]["variability"]["task"], "chances")):
        place[key] = 1
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(plain, schema)
        del place[key]
    plain["stages"][0]["network"]["response"] = plain["stages"][0]["variability"]["task"]  # a factor is no duration
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain, schema)


def test_commands_take_plug_ins(shardsim):
    given = ("--plugin", str(MINE))
    assert json.loads(shardsim("schema", *given)[1]) == json_schema(load_plugins([MINE]))
    code, out, _ = shardsim("catalogue", "mine:Boosted", *given)
    assert code == 0 and "mine:Boosted (cost model of mine.py): Boosted trees" in out and "10ns" in out
    listed = json.loads(shardsim("catalogue", "--format", "json", *given)[1])["plugins"]
    assert [one["kind"] for one in listed] == list(KINDS)
    assert listed[0]["parameters"][0] == {
        "key": "trees",
        "what": "a count: 1000, 1k, 100M, 1_000",
        "required": True,
        "default": "",
    }
    for command in ("validate", "estimate", "load", "show"):
        assert shardsim(command, str(FILE), *given)[0] == 0
    assert shardsim(
        "compare", str(FILE), str(FILE), "--set-b", "stages.ranking.routing=random", "--queries", "200", *given
    )[0] in (0, 98)


# --- what breaks its promise ------------------------------------------------------------------------------------------

FAULTS = [
    (
        "model={kind: wrong:Cost, how: negative}",
        "wrong:Cost: service_s(1.18921) gives -0.189207; a time in seconds is a finite number of at least 0",
    ),
    ("model={kind: wrong:Cost, how: nan}", "wrong:Cost: service_s(1) gives nan; a time in seconds is a finite number"),
    (
        "model={kind: wrong:Cost, how: endless}",
        "wrong:Cost: service_s(1) gives inf; a time in seconds is a finite number",
    ),
    (
        "model={kind: wrong:Cost, how: falls}",
        "wrong:Cost: service_s(0) gives 1, service_s(1) only 0.5; it must not decrease",
    ),
    ("model={kind: wrong:Cost, how: text}", "wrong:Cost: service_s(1) gives str; it must give a number"),
    (
        "model={kind: wrong:Cost, how: raises}",
        "wrong:Cost: service_s(1) raised ZeroDivisionError (division by zero) in line ",
    ),
    ("model={kind: wrong:Pieces, how: none}", "wrong:Pieces: pieces() gives no Pieces"),
    ("model={kind: wrong:Pieces, how: late}", "wrong:Pieces: pieces() begin at 1 items; they begin at 0"),
    ("model={kind: wrong:Pieces, how: falls}", "wrong:Pieces: pieces(): at 10 items the time falls from 2 to 1.5 s"),
    ("model={kind: wrong:Pieces, how: negative}", "its numbers are finite and at least 0"),
    (
        "model={kind: wrong:Refuses, trees: 11}",
        "wrong:Refuses: Refuses(trees=11.0) raised ValueError (at most 10 trees, got 11)",
    ),
    *[
        (f"network.response={{kind: wrong:Time, how: {how}}}", said)
        for how, said in {
            "negative": "wrong:Time: quantile(1.11022e-16) gives -0.5; a duration, count or factor is a finite number",
            "nan": "wrong:Time: quantile(1.11022e-16) gives nan",
            "falls": "only 0.999999999996362; it must not decrease",
            "short": "gives an array of shape",
            "raises": "raised IndexError (list index out of range) in line ",
        }.items()
    ],
    (
        "variability.task={kind: wrong:Factor, how: twice}",
        "wrong:Factor: a factor has mean 1, and the quantiles have mean 2;",
    ),
]


@pytest.mark.parametrize(("change", "said"), FAULTS, ids=[change for change, _ in FAULTS])
def test_a_model_or_law_that_is_none_is_refused_where_it_is_named(change, said, shardsim):
    code, _, err = shardsim(
        "run", str(FILE), "--plugin", str(MINE), "--plugin", str(WRONG), "--set", f"stages.ranking.{change}"
    )
    assert code == 2 and said in err, err
    where = change.partition("=")[0]
    assert err.startswith(f"--set: stages[0].{where}: ") and err.endswith("1 error\n")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("negative", "a gap is a finite number of at least 0"),
        ("nan", "gives nan before arrival"),
        ("twice", "65536 gaps have mean 1.99945, and must have mean 1"),
        ("short", "gives an array of shape (65535,); it must give an array of 65536 numbers"),
        ("chunks", "the gaps before arrivals 101 .. 107 depend on those asked for before"),
        ("raises", "gaps(u, v, first=0) of 65536 arrivals raised IndexError"),
    ],
)
def test_arrivals_that_are_none_are_refused_where_they_are_named(how, said, shardsim):
    setting = ("--set", f"load.arrivals={{kind: wrong:Gaps, how: {how}}}")
    code, _, err = shardsim("run", str(FILE), "--plugin", str(MINE), "--plugin", str(WRONG), *setting)
    assert code == 2 and said in err and err.startswith("--set: load.arrivals: wrong:Gaps"), err


def test_arrivals_that_go_wrong_in_a_run_end_it(shardsim):
    setting = ("--set", "load.arrivals={kind: wrong:Gaps, how: later}", "--queries", "80k", "--replications", "1")
    code, _, err = shardsim("run", str(FILE), "--plugin", str(MINE), "--plugin", str(WRONG), *setting)
    assert code == 2 and "gives -1 before arrival 70000; a gap is a finite number of at least 0" in err


RULE_FAULTS = [
    (
        "beyond",
        "wrong:beyond: gives 3 for query 0 at shard 0 of stages[0]; asked with (3, [0, 0, 0], 0, 0.911587, 0.0917609), "
        "it must give an index from 0 to 2: correct it",
    ),
    ("negative", "wrong:negative: gives -1 for query 0"),
    (
        "reads_beyond",
        "wrong:reads_beyond: raised IndexError (index 1003 is out of bounds for axis 0 with size 3) in line ",
    ),
    ("divides", "wrong:divides: raised ZeroDivisionError (integer division or modulo by zero) in line 122 for query 0"),
    ("real", "wrong:real: gives 2.73476"),
    ("forgets", "wrong:forgets: gives None, not an integer, for query 0 at shard 3"),
    ("writes", "wrong:writes: raised ValueError (assignment destination is read-only) in line "),
]


@pytest.mark.parametrize(("rule", "said"), RULE_FAULTS, ids=[rule for rule, _ in RULE_FAULTS])
@pytest.mark.parametrize("by", ["task", "query"])
@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_a_rule_that_answers_what_is_not_there_is_refused(rule, said, by, engine, shardsim):
    settings = [f"stages.ranking.routing={{policy: wrong:{rule}, by: {by}}}", "run.queries=20"]
    options = [option for setting in settings for option in ("--set", setting)]
    jobs = ("--jobs", "2", "--engine", engine)
    code, _, err = shardsim("run", str(FILE), "--plugin", str(MINE), "--plugin", str(WRONG), *options, *jobs)
    said = said if by == "task" or rule != "forgets" else "wrong:forgets: gives None, not an integer, for query 3"
    said = said if by == "task" or rule != "real" else "wrong:real: gives "
    assert code == 2 and said in err, err
    assert len(err.splitlines()) == 1


def test_a_fault_is_found_event_by_event_too():
    scenario = load_scenario(FILE, sets=["stages.ranking.routing=wrong:beyond"], plugins=[MINE, WRONG])
    with pytest.raises(PluginError, match="gives 3"):
        compiled.simulate(make_plan(scenario), event_by_event=[0])


def test_a_rule_that_numba_does_not_know_runs_in_the_reference_engine_and_that_is_said(shardsim):
    options = ("--plugin", str(MINE), "--plugin", str(WRONG), "--set", "stages.ranking.routing=wrong:in_python")
    few = ("--queries", "30", "--replications", "2")
    code, out, _ = shardsim("run", str(FILE), *options, *few)
    assert code in (0, 98) and "reference engine" in out.splitlines()[1]
    assert "the compiled engine does not know the rule wrong:in_python, which numba does not compile (" in " ".join(
        out.split()
    )
    code, _, err = shardsim("run", str(FILE), *options, *few, "--engine", "compiled")
    assert code == 2 and "the compiled engine does not know the rule wrong:in_python" in err
    assert "ask for auto or reference" in err
    code, out, _ = shardsim("run", str(FILE), *options, *few, "--check-engines", "--format", "json")
    assert code in (0, 98) and json.loads(out)["engine_check"]["equal"] is True
    code, again, _ = shardsim("run", str(FILE), *options, *few, "--check-engines", "--format", "json", "--jobs", "2")
    assert again == out


def test_the_plug_in_of_the_reference_is_whole(tmp_path, monkeypatch, shardsim):
    page = (ROOT / "docs" / "reference" / "plug-ins.md").read_text()
    for mark, language, name in (("plug-in", "python", "ours.py"), ("its scenario", "yaml", "ranking.yaml")):
        found = re.search(rf"<!-- {mark} -->\n```{language}\n(.*?)```", page, re.DOTALL)
        (tmp_path / name).write_text(found[1])
    monkeypatch.chdir(tmp_path)
    code, out, _ = shardsim("run", "ranking.yaml", "--plugin", "ours.py", "--queries", "200", "--check-engines")
    assert code == 0 and "compiled engine" in out
    assert "ours:Boosted" in shardsim("catalogue", "--plugin", "ours.py")[1]
