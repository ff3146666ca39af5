"""The README shows what the program prints, and its examples run."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from conftest import ROOT, obeys_schemas

from simulator import load_scenario, scenario_from_text

README = (ROOT / "README.md").read_text()


DEMO = "<!-- demo -->\n```\n"


def demo_block() -> str:
    found = re.search(r"<!-- demo -->\n```\n(.*?)```\n<!-- end of demo -->", README, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_demo_prints_what_the_readme_shows(request):
    command = [sys.executable, "-m", "simulator", "run", "scenarios/paper_funnel.yaml", "--check-engines"]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert found.returncode == 0, found.stderr
    if request.config.getoption("--regenerate"):
        (ROOT / "README.md").write_text(README.replace(DEMO + demo_block(), DEMO + found.stdout))
        return
    assert found.stdout == demo_block()


PLAN = re.findall(
    r"`shardsim ((?:capacity|sensitivity|size) scenarios/recommendation[^`]*)`[^`\n]*\n```\n(.*?)```", README, re.DOTALL
)


@pytest.mark.parametrize(("command", "shown"), PLAN, ids=[command.split()[0] for command, _ in PLAN])
def test_the_capacity_plan_prints_what_the_readme_shows(command, shown, tmp_path):
    """Every line that is shown, in order; the README leaves some out."""
    args = command.replace("-o order", f"-o {tmp_path / 'order'}").split()
    run = [sys.executable, "-m", "simulator", *args]
    found = subprocess.run(run, capture_output=True, text=True, cwd=ROOT, check=False)
    assert found.returncode == 0, found.stderr
    printed = iter(found.stdout.splitlines())
    obeys_schemas(args, found.returncode, found.stdout)
    missing = [line for line in shown.splitlines() if line not in printed]
    assert not missing


def test_the_capacity_plan_is_all_there():
    assert [command.split()[0] for command, _ in PLAN] == ["capacity", "sensitivity", "size"]


def test_a_verification_prints_what_the_readme_shows():
    [(command, shown)] = re.findall(r"`shardsim (verify --families [\w,]+)`[^`\n]*\n```\n(.*?)```", README, re.DOTALL)
    run = [sys.executable, "-m", "simulator", *command.split()]
    found = subprocess.run(run, capture_output=True, text=True, cwd=ROOT, check=False)
    assert found.returncode == 0, found.stderr
    printed, kept = found.stdout.splitlines(), shown.splitlines()
    assert printed[:-1] == kept[:-1]
    assert printed[-1].startswith("verified in ") and kept[-1].startswith("verified in ")  # how long it took


def yaml_blocks() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)


def test_the_demo_is_the_scenario_that_is_shown():
    shown = scenario_from_text(yaml_blocks()[0])
    shipped = load_scenario(ROOT / "scenarios" / "paper_funnel.yaml")
    assert {**shown.resolved(), "description": ""} == {**shipped.resolved(), "description": ""}


def test_the_smallest_scenario_is_one():
    assert scenario_from_text(yaml_blocks()[1]).name == "mm1"


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


@pytest.mark.parametrize("block", [b for b in yaml_blocks()[2:] if "kind: trace" not in b and "ours:" not in b])
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
    [code] = [code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "load_scenario" in code]
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    exec(code.replace("jobs=2", "jobs=1"), names)
    assert 10 < names["p95"]["value"] < 22


def test_commands_and_keys_of_the_readme_are_all_there_are():
    from simulator.cli import COMMANDS
    from simulator.scenario import Stage

    for command in COMMANDS:
        assert f"`shardsim {command}" in README, command
    for name, field in Stage.model_fields.items():
        key = field.alias or name
        assert f"`{key}`" in README or f"`stages[].{key}`" in README or key == "hardware" or key == "name", key
