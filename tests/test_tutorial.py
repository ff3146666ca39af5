"""docs/tutorial/own-model.md from top to bottom: its files are written, its commands run and print what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, slow

PAGE = ROOT / "docs" / "tutorial" / "own-model.md"
BLOCK = re.compile(r"```(python|console)\n(.*?)```\n", re.DOTALL)

#: Lines of an output that may be left out, where there is one such line.
LEFT_OUT = "..."


def run(line: str, folder: Path) -> str:
    """What a command prints, on both streams."""
    program, *args = line.split()
    module = {"shardsim": ["-m", "simulator"], "pytest": ["-m", "pytest", "-p", "no:cacheprovider"]}[program]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"COLUMNS": "100"} if program == "pytest" else {}
    found = subprocess.run(
        [sys.executable, *module, *args], capture_output=True, text=True, cwd=folder, env=environment, check=False
    )
    return re.sub(r" in [0-9.]+s\b.*", "", found.stdout + found.stderr)


def same(shown: str, printed: str) -> bool:
    """Whether an output is as shown; ``...`` stands for any lines."""
    pattern = "".join(r"(?:.*\n)*?" if line == LEFT_OUT else re.escape(line) + r"\n" for line in shown.splitlines())
    return re.fullmatch(pattern, printed) is not None


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text()


@slow
def test_the_tutorial_prints_what_it_shows(page, tmp_path, request):
    written = page
    outputs = []
    for kind, block in BLOCK.findall(page):
        if kind == "python":
            name = re.match(r"# (\w+\.py)\n", block)
            assert name, "a file begins with its name"
            (tmp_path / name[1]).write_text(block)
            continue
        command, _, shown = block.partition("\n")
        printed = run(command.removeprefix("$ "), tmp_path)
        outputs.append(printed)
        if request.config.getoption("--regenerate") and not same(shown, printed):
            lines = printed.splitlines()
            kept = [*lines[:12], LEFT_OUT] if " laws hold" in lines[0] and len(lines) > 14 else lines
            new = "```console\n" + "\n".join([command, *kept]) + "\n```\n"
            written = written.replace(f"```console\n{block}```\n", new, 1)
            continue
        assert same(shown, printed), printed
    PAGE.write_text(written) if written != page else None
    assert [re.search(r"breaks law (\w+)", one) is not None for one in outputs] == [
        True,
        False,
        True,
        True,
        False,
        False,
    ]


def test_each_explanation_fits_a_screen(page):
    for kind, block in BLOCK.findall(page):
        if kind == "console" and "breaks law" in block:
            lines = block.splitlines()
            assert len(lines) <= 31
            assert max(map(len, lines)) <= 100
