"""Compiled or not, the rules give the same bits."""

from __future__ import annotations

import os
import subprocess
import sys

from conftest import ROOT

SCRIPT = """
import hashlib, sys
from simulator import load_scenario
from simulator.core.trace import COLUMNS
from simulator.engines.reference import simulate
from simulator.planner.plans import make_plan

sets = ["run.queries=8", "stages.retrieval.shards=12", "stages.light_ranking.shards=5"]
plan = make_plan(load_scenario("scenarios/web_search.yaml", sets=sets), 1)
trace = simulate(plan)
digest = hashlib.sha256()
for column in COLUMNS:
    value = getattr(trace, column)
    digest.update(value.tobytes() if hasattr(value, "tobytes") else repr(value).encode())
print(digest.hexdigest())
"""


def digest(**environment: str) -> str:
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_the_trace_does_not_depend_on_the_compiler():
    assert digest() == digest(NUMBA_DISABLE_JIT="1")
