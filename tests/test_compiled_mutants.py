"""Bugs put into the compiled engine on purpose: edits of its source, each caught by the agreement of the engines."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

EXAMPLES = "400"

#: The bug: module, what stands there, what stands there instead.
EDITS = {
    "the free worker of highest index": (
        "engines/lookahead.py",
        "            chosen = 0\n"
        "            while free_ns[first + chosen] > start:  # the free worker of lowest index takes it\n"
        "                chosen += 1\n",
        "            chosen = workers - 1\n"
        "            while free_ns[first + chosen] > start:\n"
        "                chosen -= 1\n",
    ),
    "the first of simultaneous answers closes": (
        "engines/lookahead.py",
        "    shard = shards - 1\n    while answered[shard] != last:\n        shard -= 1\n",
        "    shard = 0\n    while answered[shard] != last:\n        shard += 1\n",
    ),
    "the sum of answers starts at one query's arrival": (
        "engines/lookahead.py",
        "total = -shards * enter_ns",
        "total = -enter_ns",
    ),
    "tasks are counted beyond the cut": (
        "engines/lookahead.py",
        "if passed[FINISHED, shard] <= end_ns:",
        "if True:",
    ),
    "an answer of this instant is still outstanding": (
        "engines/loop.py",
        "answers[0, INSTANT] <= now",
        "answers[0, INSTANT] < now",
    ),
    "warm-up counted": (
        "engines/loop.py",
        "if query >= first_measured:\n                    count(",
        "if query >= 0:\n                    count(",
    ),
    "mergers without a queue": (
        "engines/loop.py",
        "max(close_ns, merger_free_ns[chosen])",
        "close_ns",
    ),
    "last come, first served": (
        "engines/loop.py",
        "            if head[at] < 0:\n"
        "                head[at] = what\n"
        "            else:\n"
        "                task[tail[at], T_NEXT] = what\n"
        "            tail[at] = what\n",
        "            task[what, T_NEXT] = head[at]\n            head[at] = what\n",
    ),
    "a free worker stays idle after a finish": (
        "engines/loop.py",
        "                state[EVENTS_SIZE] = push(events, state[EVENTS_SIZE], answer_ns, order, what)\n"
        "            start_soon(events, state, free_workers, head, is_starting, at, now)\n",
        "                state[EVENTS_SIZE] = push(events, state[EVENTS_SIZE], answer_ns, order, what)\n",
    ),
    "outstanding is never taken back": (
        "engines/loop.py",
        "outstanding[task[what, T_COUNTER]] -= task[what, T_LOAD]",
        "pass",
    ),
    "simultaneous events in the order of insertion": (
        "engines/eventlist.py",
        "(heap[above, 0] == instant and heap[above, 1] <= order)",
        "heap[above, 0] == instant",
    ),
    "machines forgotten in lockstep": (
        "engines/lockstep.py",
        "np.column_stack([shares, machines])",
        "np.column_stack([shares])",
    ),
    "the first shard of a class closes its stage": (
        "engines/lockstep.py",
        "np.maximum.at(last, class_of, np.arange(shards))",
        "last[:] = representative",
    ),
    "random shards taken for lockstep": (
        "engines/lockstep.py",
        'not row["hashed"] and not is_random',
        'not row["hashed"]',
    ),
}


def checked(package: Path) -> subprocess.CompletedProcess[str]:
    """Hold the engines of a copy of the package against each other, with the compiler off."""
    path = f"{package.parent}{os.pathsep}{ROOT / 'tests'}"
    return subprocess.run(
        [sys.executable, str(ROOT / "tests" / "agreement.py"), EXAMPLES],
        capture_output=True,
        text=True,
        cwd=package.parent,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": path, "SHARDSIM_CACHE": str(package.parent)},
        check=False,
    )


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "simulator", tmp_path / "simulator"))


@pytest.mark.parametrize("name", EDITS)
def test_a_seeded_bug_is_caught(name, package):
    where, old, new = EDITS[name]
    source = (package / where).read_text()
    assert source.count(old) == 1, "the bug fits in one place"
    (package / where).write_text(source.replace(old, new))
    found = checked(package)
    assert found.returncode == 1, found.stdout + found.stderr
    assert "caught" in found.stdout or "only later events" in found.stderr, found.stdout + found.stderr


def test_the_engines_agree_with_the_compiler_off(package):
    found = checked(package)
    assert found.returncode == 0, found.stdout + found.stderr
