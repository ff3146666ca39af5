"""What a user waits for: the start of a command, and searches of the gallery's capacities, as whole processes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measure import Goal

SCENARIOS = Path(__file__).parent.parent / "scenarios"
#: Packages without which no run starts.
IMPORTS = "import numba, scipy.special, simpy, pydantic"
#: A run so short that nearly all of it is the start.
SHORT = ("run", str(SCENARIOS / "mm1.yaml"), "--queries", "100")
#: To what the gallery's capacities are asked for, and the longest that one is waited for, in seconds.
TOLERANCE, PATIENCE_S = "5%", 600
#: Exit codes of a search that has its answer: up to some load, not known to the tolerance, at none.
ANSWERED = (0, 98, 99)


def took_s(*args: str) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Seconds on the clock that a Python command took, and how it ended."""
    began = time.perf_counter()
    plain = {**os.environ, "COLUMNS": "120"}
    plain.pop("PYTHONDONTWRITEBYTECODE", None)  # as users have it: compiled once, as what it imports is
    ended = subprocess.run([sys.executable, *args], capture_output=True, text=True, check=False, env=plain)
    return time.perf_counter() - began, ended


def searches(rounds: int, scale: float) -> tuple[list[Goal], bool]:
    """Print what the start of a run takes, and how long each scenario's capacity is searched for.

    A search is made once, whatever ``rounds`` and ``scale``: its effort follows from the tolerance alone.
    """
    print("\nCOMMANDS: whole processes, on the clock, one after another, on all cores")
    plain = [(took_s("-c", IMPORTS)[0], took_s("-m", "simulator", *SHORT)[0]) for _ in range(rounds + 1)][1:]
    start_s, imports_s = statistics.median(run for _, run in plain), statistics.median(of for of, _ in plain)
    print(f"a run of 100 queries {start_s:.2f} s, importing {IMPORTS.removeprefix('import ')} {imports_s:.2f} s")
    goals = [
        Goal("start of a run / the imports, warm", statistics.median(run / of for of, run in plain), most=2.0),
    ]
    print(goals[-1])
    print(f"\n{'capacity to ' + TOLERANCE:26} {'seconds':>8} {'found to':>9} {'queries':>10}  verdict")
    seconds = []
    for file in sorted(SCENARIOS.glob("*.yaml")):
        asked = ("-m", "simulator", "capacity", str(file), "--tolerance", TOLERANCE, "--format", "json")
        spent_s, ended = took_s(*asked, "--time", f"{PATIENCE_S}s")
        if ended.returncode not in ANSWERED:
            print(f"{file.stem:26} {'-':>8} {'-':>9} {'-':>10}  {' '.join(ended.stderr.split())[:60]}")
            continue
        found = json.loads(ended.stdout)
        to = "-" if found["half_width"] is None else f"{100 * found['half_width']:.2g} %"
        print(f"{file.stem:26} {spent_s:>8.1f} {to:>9} {found['queries']:>10,}  {found['verdict']}")
        seconds.append(spent_s)
    middle = statistics.median(seconds)
    goals.append(Goal("seconds of a capacity at 5 %, median of the gallery", middle, most=10.0))
    print(goals[-1])
    return goals, True
