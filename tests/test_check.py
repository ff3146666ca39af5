"""``shardsim check``: what it takes, what it prints, how it ends."""

from __future__ import annotations

import json

import pytest
from conftest import ROOT, slow
from hypothesis import strategies as st

from simulator.testing import BOOK, check_scenario, plans

GALLERY = sorted((ROOT / "scenarios").glob("*.yaml"))
#: Scenarios like another one, that take long.
LONG = ("paper_funnel", "paper_retrieval_heavy", "paper_retrieval_light")

#: A right law, a wrong one, and something that is not marked.
FILE = """
import numpy as np
from simulator.plugins import PositiveDuration, law

@law
class Even:
    middle: PositiveDuration
    def quantile(self, u):
        return 2 * self.middle * u

@law(name="odd")
class Falling:
    middle: PositiveDuration
    def quantile(self, u):
        return 2 * self.middle * (1 - u)

def plain(): ...
"""


@pytest.fixture
def mine(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(FILE)
    return file


def test_every_law_is_listed_with_what_was_tried(shardsim, mine):
    code, out, _ = shardsim("check", f"{mine}::Even", "--profile", "quick")
    assert code == 0
    for number in (number for number in BOOK if number[0] == "L"):
        assert f"\n{number:4} " in out
    assert "20 cases" in out


@pytest.mark.parametrize("name", ["odd", "Falling"])
def test_a_broken_law_ends_with_99(shardsim, mine, name):
    code, out, _ = shardsim("check", f"{mine}::{name}", "--profile", "quick")
    assert code == 99
    assert out.startswith("Falling breaks law L2.")
    assert "Smallest case found:" in out


def test_a_file_is_checked_whole(shardsim, mine):
    code, out, _ = shardsim("check", str(mine), "--profile", "quick", "--format", "json")
    found = json.loads(out)
    assert code == 99
    assert [(one["subject"], one["well"]) for one in found["checks"]] == [("mine:Even", True), ("mine:odd", False)]
    assert found["checks"][1]["broken"]["law"] == "L2"


def test_a_built_in_policy_is_checked_by_its_name(shardsim):
    code, out, _ = shardsim("check", "power_of_two", "--profile", "quick")
    assert code == 0
    assert out.startswith("power_of_two: ")


def test_a_scenario_is_checked_whole(shardsim):
    code, out, _ = shardsim("check", str(ROOT / "scenarios" / "mm1.yaml"), "--profile", "quick")
    assert code == 0
    assert "\nS20  held" in out


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        ("{mine}::Evn", "did you mean 'Even'?"),
        ("{mine}::plain", "it offers Even, odd"),
        ("{folder}/none.py::x", "cannot be read"),
        ("{folder}/none.yaml", "cannot be read"),
        ("{folder}/none.yaml::x", "a scenario is checked whole"),
        ("roundrobin", "one of random, round_robin"),
    ],
)
def test_wrong_usage_ends_with_2(shardsim, mine, tmp_path, thing, said):
    code, _, err = shardsim("check", thing.format(mine=mine, folder=tmp_path))
    assert code == 2
    assert said in err


def test_only_the_file_that_is_named_is_loaded(shardsim, mine, tmp_path):
    (tmp_path / "other.py").write_text("raise SystemExit('loaded')")
    assert shardsim("check", f"{mine}::Even", "--profile", "quick")[0] == 0


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[slow] * (place % 4 > 0 or path.stem in LONG))
        for place, path in enumerate(GALLERY)
    ],
)
def test_the_gallery_obeys_the_laws(path):
    """A few of them each, all of them over the gallery: the others by drawn scenarios."""
    laws = [number for number in BOOK if number[0] == "S" or number in ("E1", "E2", "E3", "E4")]
    some = laws[GALLERY.index(path) % 3 :: 3]
    report = check_scenario(path, profile="quick", only=some)
    assert [row.number for row in report.rows] == some


@slow
@pytest.mark.parametrize(
    "narrowed",
    [{"batches": st.integers(2, 4)}, {"batches": 1, "disciplines": ["lifo", "shortest"], "gathers": False}],
    ids=["batches", "orders"],
)
def test_ways_to_serve_obey_the_laws(narrowed):
    """Rare among drawn plans: a law that does not know them would cry wolf to who uses them."""
    whole = dict.fromkeys(("fan_outs", "limits", "failures", "optional", "caches"), False)  # else S7 and S8 are silent
    report = check_scenario(plans(**{"gathers": False, **whole, **narrowed}), profile="quick")
    assert {row.number for row in report.rows if row.verdict == "held"} >= {"S3", "S5", "S7", "S8", "S18", "E1", "E2"}


@slow
def test_the_plug_ins_of_the_gallery_obey_the_laws(shardsim):
    code, out, _ = shardsim("check", str(ROOT / "scenarios" / "plugins" / "mine.py"))
    assert "breaks" not in out
    assert code == 0


RAISING = """
from simulator.plugins import cost_model, routing

@routing
def raises(replicas, outstanding, turn, u, v):
    return [][turn]

@cost_model
class Owes:
    def service_s(self, items):
        return items

    @property
    def parameter_bytes(self):
        raise RuntimeError("not counted")
"""


def test_what_raises_wherever_it_is_asked_breaks_a_law(tmp_path, shardsim):
    (tmp_path / "r.py").write_text(RAISING)
    code, out, err = shardsim("check", f"{tmp_path}/r.py::raises", "--profile", "quick")
    assert (code, err) == (99, "") and "breaks law R1" in out and "IndexError: list index out of range" in out
    code, out, err = shardsim("check", f"{tmp_path}/r.py::Owes", "--profile", "quick")
    assert (code, err) == (99, "") and "breaks law M13" in out and "not counted" in out
    stage = "{name: s, replicas: 2, model: {kind: time, law: 1ms}, routing: 'r:raises'}"
    (tmp_path / "a.yaml").write_text(f"name: a\nload: {{rate: 9/s}}\nstages: [{stage}]")
    code, out, _ = shardsim("check", f"{tmp_path}/a.yaml", "--plugin", f"{tmp_path}/r.py", "--profile", "quick")
    assert code == 99 and "raised IndexError (list index out of range)" in out
    assert "Plan(" not in out and len(out.splitlines()) < 60
