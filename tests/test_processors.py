"""The same bytes on every processor: whatever numpy, BLAS and the C library choose for it."""

import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import slow

SCENARIO = """
name: s
load: {rate: 60/s}
run: {queries: 400, replications: 4}
stages:
  - {name: a, shards: 3, model: {kind: time, law: {kind: lognormal, mean: 10ms, cv: 1}}}
slos: [p99 < 90ms, 99% within 80ms]
"""
#: Laws whose quantiles are scipy's, and a rate of states.
TABLED = """
name: t
load: {rate: 40/s, arrivals: {kind: gamma, cv: 2.7}, work: {kind: gamma, cv: 0.6}}
run: {queries: 1500, replications: 4}
stages:
  - name: a
    shards: 3
    model: {kind: time, law: {kind: gamma, mean: 8ms, cv: 1.4}}
    variability: {machine: {kind: gamma, cv: 0.2}}
"""


def choices():
    """What numpy has besides its least, and this processor, too: the wide instructions, and all of it."""
    module = np._core._multiarray_umath
    here = [name for name in module.__cpu_dispatch__ if module.__cpu_features__.get(name)]
    return sorted({" ".join(name for name in here if "512" in name or name == "X86_V4"), " ".join(here)} - {""})


#: What else chooses by the processor: BLAS its kernels, the C library its logarithms (with fused multiply-add or not).
OTHERS = {
    "another BLAS": {"OPENBLAS_CORETYPE": "Nehalem"},
    "another C library": {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2_Usable,-AVX2,-FMA,-FMA_Usable,-FMA4"},
    **{f"without {names}": {"NPY_DISABLE_CPU_FEATURES": names} for names in choices()},
}


#: What commands print, of one scenario a line: a run of each, and of the first all else that is computed.
ALL = """
import json, sys
import simulator
first, second = (simulator.load_scenario(file) for file in sys.argv[1:])
quick = first.with_run(queries=100)
for answer in (
    simulator.simulate(first),
    simulator.simulate(second),
    simulator.estimate(first),
    simulator.portrait(second),
    simulator.capacity(first, tolerance=0.3),
    simulator.sensitivity(first, tail_only=True),
    simulator.size(first, search={"stages.a.replicas": [1, 2]}),
    simulator.sweep(quick, {"load.rate": ["40/s", "60/s"]}),
    simulator.compare(simulator.simulate(quick), simulator.simulate(quick.with_scale(1.1))),
):
    print(type(answer).__name__, json.dumps(answer.to_dict()))
"""


def said(files, surroundings):
    """What is answered in other surroundings, a line an answer."""
    plain = {key: value for key, value in os.environ.items() if key != "NPY_DISABLE_CPU_FEATURES"}
    command = [sys.executable, "-c", ALL, *files]
    done = subprocess.run(command, capture_output=True, check=False, env={**plain, **surroundings})
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A scenario of each kind in a file, and what is answered here."""
    files = [tmp_path_factory.mktemp("scenarios") / f"{number}.yaml" for number in range(2)]
    for file, text in zip(files, (SCENARIO, TABLED), strict=True):
        file.write_text(text)
    return files, said(files, {})


@pytest.mark.parametrize("other", [pytest.param(other, marks=slow) for other in OTHERS])
def test_all_answers_are_the_same_on_another_processor(here, other):
    files, before = here
    assert len(before) == 9
    differing = [one[:20] for one, then in zip(said(files, OTHERS[other]), before, strict=True) if one != then]
    assert differing == []
