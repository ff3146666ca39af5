"""Pieces of scenarios in the tutorial are valid, and the Python example of the reference runs."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT

from simulator import load_scenario, scenario_from_text

STEPS = (ROOT / "docs" / "tutorial" / "seven-steps.md").read_text()
IN_DETAIL = (ROOT / "docs" / "reference" / "commands-in-detail.md").read_text()


def yaml_blocks() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", STEPS, re.DOTALL)


def test_the_smallest_scenario_is_one():
    assert scenario_from_text(yaml_blocks()[0]).name == "mm1"


def completed(block: str) -> str:
    """A piece of a scenario with what it leaves out."""
    lines = [line for line in block.splitlines() if "# ..." not in line]
    text = "\n".join(lines) + "\n"
    if "- name: light" in text and "candidates" not in text:
        cost = "    candidates: 1M\n    model: {kind: tree, per_item: 1us}\n"
        text = text.replace("- name: light\n", "- name: light\n" + cost)
    if not re.search(r"^stages:", text, re.MULTILINE):
        text += "stages:\n" + "".join(
            f"  - {{name: {n}, model: {{kind: time, law: 1ms}}}}\n" for n in ("light", "heavy")
        )
    if not re.search(r"^load:", text, re.MULTILINE):
        text += "load: {rate: 8/s}\n"
    return text


@pytest.mark.parametrize("block", [b for b in yaml_blocks()[1:] if "kind: trace" not in b])
def test_pieces_of_scenarios_are_valid(block):
    assert scenario_from_text(completed(block)).stages


def test_alternatives_of_a_load_are_valid(tmp_path):
    [block] = [b for b in yaml_blocks() if "kind: trace" in b]
    (tmp_path / "arrivals.csv").write_text("t\n0\n10\n20\n")
    (tmp_path / "day.csv").write_text("time,queries\n0:00,500\n0:10,900\n")
    for line in block.splitlines():
        (tmp_path / "one.yaml").write_text(completed(line + "\n"))
        assert load_scenario(tmp_path / "one.yaml").stages


def test_the_python_example_runs(monkeypatch):
    [code] = [code for code in re.findall(r"```python\n(.*?)```", IN_DETAIL, re.DOTALL) if "load_scenario" in code]
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    exec(code.replace("jobs=2", "jobs=1"), names)
    assert 10 < names["p95"]["value"] < 22
