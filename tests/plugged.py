"""The example plug-ins and wrong ones, for the tests of both halves."""

from __future__ import annotations

from pathlib import Path

from conftest import ROOT

from simulator import load_scenario
from simulator.plugins import load_plugin

FOLDER = ROOT / "scenarios" / "plugins"
FILE, MINE = FOLDER / "boosted.yaml", FOLDER / "mine.py"
WRONG = Path(__file__).parent / "plugins" / "wrong.py"
KINDS = {kind.kind: kind for kind in load_plugin(MINE)}
USED = [kind for kind in KINDS if kind != "mine:CrossEncoder"]  # by the example


def mine(*sets):
    """The example, short, with overrides."""
    return load_scenario(FILE, sets=["run.queries=60", "run.replications=4", *sets], plugins=[MINE])
