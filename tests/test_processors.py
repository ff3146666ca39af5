"""The same bytes on every processor: with and without the instructions that numpy chooses where they are there."""

import os
import subprocess
import sys

import numpy as np
import pytest

SCENARIO = """
name: s
load: {rate: 60/s}
run: {queries: 400, replications: 4}
stages:
  - {name: a, shards: 3, model: {kind: time, law: {kind: lognormal, mean: 10ms, cv: 1}}}
slos: [p99 < 90ms, 99% within 80ms]
"""


def choices():
    """What numpy has besides its least, and this processor, too: the wide instructions, and all of it."""
    module = np._core._multiarray_umath
    here = [name for name in module.__cpu_dispatch__ if module.__cpu_features__.get(name)]
    return sorted({" ".join(name for name in here if "512" in name or name == "X86_V4"), " ".join(here)} - {""})


@pytest.mark.parametrize("without", choices())
def test_a_run_says_the_same_without_the_wider_instructions(tmp_path, without):
    file = tmp_path / "s.yaml"
    file.write_text(SCENARIO)
    said = [
        subprocess.run(
            [sys.executable, "-m", "simulator", "run", file, "--format", "json"],
            capture_output=True,
            check=False,
            env={**os.environ, "NPY_DISABLE_CPU_FEATURES": features},
        )
        for features in ("", without)
    ]
    assert said[0].returncode in (0, 98, 99), said[0].stderr
    assert said[0].stdout == said[1].stdout
